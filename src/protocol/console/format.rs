//! Answers in words: rows of keys and values, as lines for people and programs.

mod estimate;
mod rows;

use std::fmt::{Display, Formatter, Result as Written, Write as _};

use crate::image::frame::{Region, Timestamp};
use crate::learn::command::{ClassSummary, ExampleSummary, Reply, Status};
use crate::learn::decision::Thresholds;
use crate::learn::head::ExampleId;
use crate::learn::learner::UNKNOWN;
use crate::protocol::request::{Answer, Classification, Progress, Refused};
use crate::store::Generation;
use crate::store::snapshot::Difference;
use crate::util::calendar::{self, Date};
use crate::util::text::{harmless, obeyed};

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A name or a text, from whomever.
    Text(String),
    /// A number with or without a fraction, or a text, as it was written.
    Figure(String),
    /// A count or an id.
    Number(u64),
    /// A share, a threshold; infinity is no limit.
    Real(f32),
    /// Yes or no.
    Flag(bool),
    /// Ids.
    Numbers(Vec<u64>),
    /// Names or texts.
    Texts(Vec<String>),
    /// Not known.
    None,
}

/// A line: a word, then keys with values.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// `ok`, `error`, or what the line is about.
    pub word: &'static str,
    /// Keys and values.
    pub fields: Vec<(String, Value)>,
}

/// The words that rows begin with: a console knows by them what a console sent.
pub(super) const ROW_WORDS: [&str; 19] = [
    "ok",
    "error",
    "frame",
    "verdict",
    "progress",
    "class",
    "example",
    "output",
    "log",
    "region",
    "generation",
    "added",
    "gone",
    "renamed",
    "relabelled",
    "inbox",
    "confusion",
    "curve",
    "text",
];

impl Row {
    /// Without fields yet.
    ///
    /// * `word`: one of those that a console knows for its own.
    pub fn new(word: &'static str) -> Self {
        debug_assert!(ROW_WORDS.contains(&word), "{word}: name it in ROW_WORDS");
        Self { word, fields: Vec::new() }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.push((key.to_owned(), value.into()));
        self
    }

    fn with_pairs(self, pairs: &[(String, String)]) -> Self {
        pairs.iter().fold(self, |row, (key, value)| row.with(key, Value::Figure(value.clone())))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Value::Number(number as u64)
    }
}

impl From<f32> for Value {
    fn from(real: f32) -> Self {
        Value::Real(real)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Flag(flag)
    }
}

impl From<&[ExampleId]> for Value {
    fn from(ids: &[ExampleId]) -> Self {
        Value::Numbers(ids.iter().map(|id| id.0).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::None, T::into)
    }
}

/// One word, or in quotation marks what would not be one.
fn write_text(f: &mut Formatter<'_>, text: &str) -> Written {
    let chars = obeyed(text);
    let plain =
        |&(c, obeyed): &(char, bool)| !c.is_whitespace() && !obeyed && !"\"\\=,".contains(c);
    if !text.is_empty() && chars.iter().all(plain) {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for (c, obeyed) in chars {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if obeyed => write!(f, "{}", c.escape_unicode())?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        let comma =
            |f: &mut Formatter<'_>, place| if place > 0 { f.write_char(',') } else { Ok(()) };
        match self {
            Value::Numbers(numbers) if numbers.is_empty() => f.write_char('-'),
            Value::Texts(texts) if texts.is_empty() => f.write_char('-'),
            Value::Text(text) | Value::Figure(text) => write_text(f, text),
            Value::Number(number) => write!(f, "{number}"),
            Value::Real(real) => write!(f, "{real:.3}"),
            Value::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
            Value::Numbers(numbers) => {
                numbers.iter().enumerate().try_for_each(|(place, number)| {
                    comma(f, place)?;
                    write!(f, "{number}")
                })
            }
            Value::Texts(texts) => texts.iter().enumerate().try_for_each(|(place, text)| {
                comma(f, place)?;
                write_text(f, text)
            }),
            Value::None => f.write_char('-'),
        }
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        f.write_str(self.word)?;
        self.fields.iter().try_for_each(|(key, value)| {
            f.write_char(' ')?;
            f.write_str(&harmless(key))?;
            f.write_char('=')?;
            value.fmt(f)
        })
    }
}

/// The lines of an answer; the last one begins with `ok`, and of most answers it is the only one.
pub fn answer(answer: &Answer) -> Vec<Row> {
    let ok = || Row::new("ok");
    let list = |rows: Vec<Row>, of: &str| {
        let last = ok().with(of, rows.len());
        rows.into_iter().chain([last]).collect()
    };
    vec![match answer {
        Answer::Done => ok(),
        Answer::Reply(reply) => return self::reply(reply),
        Answer::Noted { answer, note } => {
            let mut rows = self::answer(answer);
            let last = rows.pop().unwrap_or_else(ok);
            return rows.into_iter().chain([last.with("note", note.as_str())]).collect();
        }
        Answer::Status { learned: Some(learned), device } => status(learned).with_pairs(device),
        Answer::Status { learned: None, device } => ok().with_pairs(device),
        Answer::Picture { frame, width, height, file } => frame
            .map_or_else(ok, |frame| ok().with("frame", Value::Number(frame)))
            .with("width", *width as usize)
            .with("height", *height as usize)
            .with("bytes", file.len()),
        Answer::Recent(frames) => {
            return list(frames.iter().map(rows::recent).collect(), "frames");
        }
        Answer::Classified(None) => ok().with("class", Value::None),
        Answer::Classified(Some(classification)) => classified(ok(), classification),
        Answer::Region(region) => ok().with("region", region.to_string().as_str()),
        Answer::Regions(regions) => {
            let row = |(name, region): &(Option<String>, Region)| {
                let row = Row::new("region").with("name", name.as_deref());
                row.with("region", region.to_string().as_str())
            };
            return list(regions.iter().map(row).collect(), "regions");
        }
        Answer::Outputs(outputs) => {
            let row = |(name, on): &(String, bool)| {
                Row::new("output").with("name", name.as_str()).with("on", *on)
            };
            return list(outputs.iter().map(row).collect(), "outputs");
        }
        Answer::Log(lines) => {
            let row = |line: &String| Row::new("log").with("text", line.as_str());
            return list(lines.iter().map(row).collect(), "lines");
        }
        Answer::Settings(settings) => ok().with_pairs(settings),
        Answer::Version { program, model } => {
            ok().with("version", program.as_str()).with("model", model.as_str())
        }
        Answer::Learned(learned) => ok().with("bytes", learned.len()),
        Answer::Saved(saved) => generation("ok", saved),
        Answer::Generations(generations) => {
            let row = |one| generation("generation", one);
            return list(generations.iter().map(row).collect(), "generations");
        }
        Answer::Difference(difference) => return self::difference(difference),
        Answer::Inbox(frames) => {
            return list(frames.iter().map(rows::frame).collect(), "frames");
        }
        Answer::InboxDropped { frames, left } => ok().with("dropped", *frames).with("left", *left),
        Answer::Confusion { rows, curve } => return rows::confusion(rows, curve),
        Answer::Policy { policy, read_only, revision, text } => {
            let row = |line: &str| Row::new("text").with("line", line);
            let last = ok()
                .with("policy", policy.as_deref())
                .with("editable", read_only.is_none())
                .with("why", read_only.as_deref())
                .with("revision", revision.as_str());
            return text.lines().map(row).chain([last]).collect();
        }
        Answer::Adapted(adapted) => return rows::adapted(adapted),
        Answer::FineTuned(tuning) => rows::fine_tuned(tuning),
        Answer::Pushed { signature } => ok().with("signature", signature.name()),
    }]
}

/// As RFC 3339 has it, to the second.
fn date(at: Timestamp) -> String {
    Date::of(at.0).to_string()
}

fn generation(word: &'static str, generation: &Generation) -> Row {
    let Generation { number, name, automatic, at, classes, examples } = generation;
    Row::new(word)
        .with("number", Value::Number(*number))
        .with("name", name.as_str())
        .with("automatic", *automatic)
        .with("made", date(*at).as_str())
        .with("classes", *classes)
        .with("examples", *examples)
}

fn difference(difference: &Difference) -> Vec<Row> {
    let Difference { classes_added, classes_gone, renamed, added, gone, relabelled } = difference;
    let class = |word, name: &String| Row::new(word).with("class", name.as_str());
    let example = |word, (id, name): &(u64, String)| {
        Row::new(word).with("example", Value::Number(*id)).with("class", name.as_str())
    };
    let mut rows = Vec::new();
    rows.extend(classes_added.iter().map(|name| class("added", name)));
    rows.extend(classes_gone.iter().map(|name| class("gone", name)));
    rows.extend(
        renamed.iter().map(|(from, to)| {
            Row::new("renamed").with("from", from.as_str()).with("to", to.as_str())
        }),
    );
    rows.extend(added.iter().map(|one| example("added", one)));
    rows.extend(gone.iter().map(|one| example("gone", one)));
    rows.extend(relabelled.iter().map(|(id, from, to)| {
        example("relabelled", &(*id, to.clone())).with("from", from.as_str())
    }));
    let last = Row::new("ok")
        .with("added", added.len())
        .with("gone", gone.len())
        .with("relabelled", relabelled.len());
    rows.into_iter().chain([last]).collect()
}

fn reply(reply: &Reply) -> Vec<Row> {
    let ok = || Row::new("ok");
    vec![match reply {
        Reply::Taught { class, examples, count, new_class, evicted, estimate } => {
            let row = ok()
                .with("class", class.as_str())
                .with("examples", examples.as_slice())
                .with("count", *count)
                .with("new", *new_class)
                .with("evicted", evicted.len());
            estimate::in_row(row, estimate.as_ref())
        }
        Reply::Undone { changes, left } => {
            ok().with("changes", Value::Texts(changes.clone())).with("left", *left)
        }
        Reply::Forgotten { classes, examples } => ok()
            .with("classes", Value::Texts(classes.clone()))
            .with("examples", examples.as_slice()),
        Reply::Relabelled { examples, class, new_class } => ok()
            .with("class", class.as_str())
            .with("examples", examples.as_slice())
            .with("new", *new_class),
        Reply::Renamed { from, to } => ok().with("from", from.as_str()).with("to", to.as_str()),
        Reply::Classes(classes) => {
            let row = |class: &ClassSummary| {
                Row::new("class")
                    .with("name", class.name.as_str())
                    .with("examples", class.count)
                    .with("recall", class.recall)
            };
            let last = ok().with("classes", classes.len());
            return classes.iter().map(row).chain([last]).collect();
        }
        Reply::Examples(examples) => {
            let row = |example: &ExampleSummary| {
                let doubt = example.doubt.as_ref();
                Row::new("example")
                    .with("id", Value::Number(example.id.0))
                    .with("class", example.class.as_str())
                    .with("taught", date(example.taught).as_str())
                    .with("origin", example.origin.as_str())
                    .with("doubt", doubt.map(|(class, _)| class.as_str()))
                    .with("doubt_confidence", doubt.map(|(_, confidence)| *confidence))
            };
            let last = ok().with("examples", examples.len());
            return examples.iter().map(row).chain([last]).collect();
        }
        Reply::Status(learned) => status(learned),
        Reply::Head { config, estimate } => {
            estimate::in_row(ok().with("head", config.kind().name()), estimate.as_ref())
        }
        Reply::Threshold(thresholds) => with_thresholds(ok(), thresholds),
        Reply::Effect { thresholds, right, wrong, unknown } => with_thresholds(ok(), thresholds)
            .with("right", *right)
            .with("wrong", *wrong)
            .with("unknown", *unknown),
        Reply::Merged { classes, added, known, disputed, repeated } => ok()
            .with("new_classes", Value::Texts(classes.clone()))
            .with("added", *added)
            .with("known", *known)
            .with("disputed", *disputed)
            .with("repeated", *repeated),
    }]
}

fn with_thresholds(row: Row, thresholds: &Thresholds) -> Row {
    row.with("confidence", thresholds.confidence)
        .with("novelty", thresholds.novelty)
        .with("false_reject", thresholds.false_reject)
}

fn status(status: &Status) -> Row {
    let suspects: Vec<ExampleId> = status.suspects.iter().map(|s| s.example).collect();
    let wrong_labels: Vec<ExampleId> = status.wrong_labels().collect();
    let row = Row::new("ok").with("classes", status.classes).with("examples", status.examples);
    let row = estimate::in_status(row, status.estimate.as_ref())
        .with("looks", status.looks)
        .with("suspects", suspects.as_slice())
        .with("wrong_labels", wrong_labels.as_slice())
        .with("head", status.head.kind().name())
        .with("dim", status.dim)
        .with("bytes", status.bytes.0)
        .with("budget_bytes", status.bytes.1)
        .with("undo_steps", status.undo_steps)
        .with("next", status.advice.as_str());
    with_thresholds(row, &status.thresholds)
}

fn classified(row: Row, classification: &Classification) -> Row {
    let second = classification.runner_up.as_ref();
    let row = match &classification.region {
        Some(region) => row.with("region", region.as_str()),
        None => row,
    };
    row.with("class", classification.class.as_deref().unwrap_or(UNKNOWN))
        .with("best", classification.best.as_str())
        .with("confidence", classification.shown_confidence())
        .with("second", second.map(|(class, _)| class.as_str()))
        .with("second_confidence", second.map(|(_, confidence)| *confidence))
        .with("novelty", classification.novelty)
        .with("age_us", Value::Number(classification.age_micros))
}

/// The line of a verdict that `watch` prints.
pub fn verdict(classification: &Classification) -> Row {
    let row = classified(Row::new("verdict"), classification);
    let row = row.with("captured", calendar::precise(classification.captured.0).as_str());
    let frame = classification.frame.into_iter();
    let row = frame.fold(row, |row, frame| row.with("frame", Value::Number(frame)));
    with_line(row, &classification.line)
}

fn with_line(row: Row, line: &Option<String>) -> Row {
    line.iter().fold(row, |row, line| row.with("line", line.as_str()))
}

/// How far it is.
pub fn progress(progress: Progress) -> String {
    let Progress { done, total, waiting } = progress;
    let row = Row::new("progress").with("done", done as usize).with("total", total as usize);
    match (waiting, total) {
        (true, 0) => format!("{WAITING} ({done} so far)"),
        (true, _) => format!("{WAITING} ({done} of {total})"),
        (false, _) => row.to_string(),
    }
}

/// The message while every frame is like those that were taken already.
pub const WAITING: &str = "waiting: move the part";

/// One line, whatever stands in the refusal.
pub fn refused(refused: &Refused) -> String {
    let lines: Vec<&str> = refused.0.lines().map(str::trim).collect();
    format!("error: {}", harmless(&lines.join("; ")))
}
