//! Replies for people: one text for the log, the command line and `fieldtune ctl`. Programs read the rows that the
//! console answers with, or JSON.

use crate::image::frame::Timestamp;
use crate::image::levels::Levels;
use crate::learn::command::{Accuracy, ClassSummary, ExampleSummary, Reply, Status};
use crate::learn::decision::{Doubt, Suspect, Thresholds};
use crate::learn::learner::{Subject, UNKNOWN};
use crate::store::Generation;
use crate::store::snapshot::Difference;
use crate::util::calendar::Date;
use crate::util::text::harmless;

/// A count in words: 1 class, 2 classes.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `YYYY-MM-DD hh:mm` in UTC of microseconds since 1970.
pub fn date(at: Timestamp) -> String {
    let Date { year, month, day, hour, minute, .. } = Date::of(at.0);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// Classes and examples, counted.
pub fn held(classes: usize, examples: usize) -> String {
    let examples = counted(examples, "example", "examples");
    format!("{}, {examples}", counted(classes, "class", "classes"))
}

/// What is said of a figure that nothing is known of so far.
pub const NOT_YET: &str = "not available yet";

/// A share of 0 to 1 in whole percent, or [`NOT_YET`].
pub fn percent(share: Option<f32>) -> String {
    share.map_or_else(|| NOT_YET.to_owned(), |share| format!("{:.0} %", share * 100.0))
}

/// What a frame or an image is taken for: `good 97 %`. With a single class there is nothing to be less sure against: it
/// is like its examples, or unknown.
///
/// * `confidence`: 0 to 1; `None` with a single class.
pub fn prediction(class: Option<&str>, best: &str, confidence: Option<f32>) -> String {
    match (class, confidence) {
        (Some(class), Some(confidence)) => format!("{class} {:.0} %", confidence * 100.0),
        (Some(class), None) => format!("like {class} (the only class)"),
        (None, Some(_)) => format!("{UNKNOWN} (most like {best})"),
        (None, None) => format!("{UNKNOWN} (unlike {best}, the only class)"),
    }
}

/// The estimate after something was learned.
pub fn estimated(accuracy: &Accuracy, subject: Subject) -> String {
    let few = too_few(accuracy).map(|few| format!(": {few}")).unwrap_or_default();
    let (measured, holds_for) = (measured(accuracy), subject.holds_for());
    format!("estimated balanced accuracy {measured} on {holds_for}{few}")
}

fn measured(accuracy: &Accuracy) -> String {
    let (low, high) = (accuracy.interval.0 * 100.0, accuracy.interval.1 * 100.0);
    let balanced = accuracy.balanced * 100.0;
    format!("{balanced:.0} % ({low:.0} to {high:.0} % with 90 % probability)")
}

fn too_few(accuracy: &Accuracy) -> Option<String> {
    accuracy.few_looks.as_ref().map(|class| format!("too few looks of {class} to be surer"))
}

/// How an example that the others contradict is called.
pub fn doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::WrongLabel => "label?",
        Doubt::Hard => "hard",
    }
}

/// What that means, and what to do.
pub fn doubt_meaning(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::WrongLabel => "probably a wrong label: look at it, and relabel it if so",
        Doubt::Hard => "if its label is right, keep it and teach more like it",
    }
}

/// Hard examples that are listed one by one.
const HARD: usize = 3;

/// Examples that the others contradict, as names and values: all that probably have a wrong label, and a few hard ones.
///
/// * `subject`: what examples are of.
/// * `words`: what there is to say of one.
pub fn doubted(
    suspects: &[Suspect],
    subject: Subject,
    words: impl Fn(&Suspect) -> String,
) -> Vec<(&'static str, String)> {
    let mut hard = 0;
    let mut rows = Vec::new();
    for suspect in suspects {
        hard += usize::from(suspect.doubt == Doubt::Hard);
        if suspect.doubt != Doubt::Hard || hard <= HARD {
            let what = format!("{}; {}", words(suspect), doubt_meaning(suspect.doubt));
            rows.push((doubt(suspect.doubt), what));
        }
    }
    if let more @ 1.. = hard.saturating_sub(HARD) {
        let all = match subject {
            Subject::Lines => "examples lists all",
            _ => "status --sheet FILE.png draws all",
        };
        rows.push(("", format!("{more} more are hard: {all}")));
    }
    rows
}

/// How it stands, as names and values; without the suspects, whose classes need names.
pub fn status(status: &Status) -> Vec<(&'static str, String)> {
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let mut rows = vec![
        ("head", status.head.kind().to_string()),
        ("learned", held(status.classes, status.examples)),
        ("examples", format!("{:.2} of {:.0} MiB", mib(status.bytes.0), mib(status.bytes.1))),
        ("undo", counted(status.undo_steps, "step", "steps")),
        match status.subject {
            Subject::Lines => ("lines", counted(status.looks, "different line", "different lines")),
            _ => ("looks", counted(status.looks, "independent look", "independent looks")),
        },
    ];
    match &status.estimate {
        Some(accuracy) => {
            let (low, high) = accuracy.interval;
            let (low, high) = (low * 100.0, high * 100.0);
            let estimate = percent(Some(accuracy.balanced));
            rows.push((
                "estimate",
                format!(
                    "{estimate} balanced accuracy, {low:.0} to {high:.0} % with 90 % probability"
                ),
            ));
            rows.push(("", format!("on {}", status.subject.holds_for())));
            rows.extend(too_few(accuracy).map(|few| ("", few)));
        }
        None => rows.push(("estimate", NOT_YET.to_owned())),
    }
    rows.push(("next", status.advice.clone()));
    rows
}

/// Names and values in lines, the values below each other.
pub fn aligned<N: AsRef<str>>(rows: &[(N, String)]) -> Vec<String> {
    let width = rows.iter().map(|(name, _)| name.as_ref().chars().count()).max();
    let width = width.unwrap_or(0).max(9);
    rows.iter().map(|(name, value)| format!("{:<width$}  {value}", name.as_ref())).collect()
}

/// What frames go through: a factor and an offset of each colour.
pub fn levels(levels: &Levels) -> String {
    let channel = |(name, at): (&str, usize)| {
        format!("{name} x{:.2} {:+.0}", levels.gain[at], levels.offset[at])
    };
    [("red", 0), ("green", 1), ("blue", 2)].map(channel).join(", ")
}

/// Changes of an undo that are listed one by one.
const CHANGES: usize = 5;

/// What a reply says, in one line; of a list, how long it is.
pub fn sentence(reply: &Reply) -> String {
    let examples = |count| counted(count, "example", "examples");
    let new = |new: &bool| if *new { "the new class " } else { "" };
    match reply {
        Reply::Taught { class, examples: taught, count, new_class, .. } => {
            format!(
                "learned {} of {}{class} ({count} in total)",
                examples(taught.len()),
                new(new_class)
            )
        }
        Reply::Undone { changes, .. } if changes.is_empty() => "nothing to undo".to_owned(),
        Reply::Undone { changes, left } => {
            let more = changes.len().saturating_sub(CHANGES);
            let told = changes[..changes.len() - more].join(", ");
            let more = match more {
                0 => String::new(),
                more => format!(" and {}", counted(more, "more change", "more changes")),
            };
            let left = counted(*left, "more step", "more steps");
            format!("undone: {told}{more}; {left} can be undone")
        }
        Reply::Forgotten { classes, examples: forgotten } => {
            let of = match &classes[..] {
                [] => String::new(),
                [class] => format!("{class} and its "),
                several => format!("{} and their ", several.join(", ")),
            };
            format!("forgot {of}{}", examples(forgotten.len()))
        }
        Reply::Relabelled { examples: moved, class, .. } if moved.is_empty() => {
            format!("nothing moved: all are of {class} already")
        }
        Reply::Relabelled { examples: moved, class, new_class } => {
            format!("moved {} to {}{class}", examples(moved.len()), new(new_class))
        }
        Reply::Renamed { from, to } if from == to => format!("{from} has that name already"),
        Reply::Renamed { from, to } => format!("renamed {from} to {to}"),
        Reply::Head { config, estimate } => {
            let estimate = estimate.as_ref().map_or_else(|| NOT_YET.to_owned(), measured);
            format!("the head is {}; estimated balanced accuracy {estimate}", config.kind())
        }
        Reply::Threshold(Thresholds { confidence, novelty, false_reject }) => format!(
            "unknown below confidence {confidence} or above novelty {novelty}; {:.1} % of what is like that taught exceeds novelty 1",
            false_reject * 100.0
        ),
        Reply::Effect { right, wrong, unknown, .. } => format!(
            "of {} left out: {right} right, {wrong} wrong, {unknown} unknown",
            examples(right + wrong + unknown)
        ),
        Reply::Merged { classes, added, known, .. } => {
            let classes = counted(classes.len(), "new class", "new classes");
            format!("learned {}, {known} known before, {classes}", examples(*added))
        }
        Reply::Classes(classes) => counted(classes.len(), "class", "classes"),
        Reply::Examples(listed) => examples(listed.len()),
        Reply::Status(status) => held(status.classes, status.examples),
    }
}

/// What a reply says: a table of what is listed, otherwise its [`sentence`].
pub fn lines(reply: &Reply) -> Vec<String> {
    match reply {
        Reply::Classes(classes) => {
            let row = |ClassSummary { name, count, recall, .. }: &ClassSummary| {
                format!("{name:<24} {count:>8}  {}", percent(*recall))
            };
            let heading = format!("{:<24} {:>8}  recall (leave-one-out)", "class", "examples");
            [heading].into_iter().chain(classes.iter().map(row)).collect()
        }
        Reply::Examples(examples) => {
            let heading = format!("{:>6}  {:<24} {:<16}  origin", "id", "class", "taught (UTC)");
            [heading].into_iter().chain(examples.iter().map(example)).collect()
        }
        other => vec![sentence(other)],
    }
}

fn example(example: &ExampleSummary) -> String {
    let (id, taught) = (example.id.0, date(example.taught));
    let doubt = example.doubt.as_ref().map_or_else(String::new, |(class, p)| {
        format!("  <- the others say {class} ({:.0} %)", p * 100.0)
    });
    let origin = harmless(&example.origin);
    format!("{id:>6}  {:<24} {taught:<16}  {origin}{doubt}", example.class)
}

/// Generations as a table.
pub fn generations(generations: &[Generation]) -> Vec<String> {
    let row = |generation: &Generation| {
        let Generation { number, name, at, classes, examples, .. } = generation;
        format!("{number:>6}  {:<16}  {name:<32} {}", date(*at), held(*classes, *examples))
    };
    let heading = format!("{:>6}  {:<16}  {:<32} holds", "number", "made (UTC)", "name");
    [heading].into_iter().chain(generations.iter().map(row)).collect()
}

/// What changed between two generations, a line each.
pub fn difference(difference: &Difference) -> Vec<String> {
    let Difference { classes_added, classes_gone, renamed, added, gone, relabelled } = difference;
    let mut lines = Vec::new();
    lines.extend(classes_added.iter().map(|name| format!("+ class {name}")));
    lines.extend(classes_gone.iter().map(|name| format!("- class {name}")));
    lines.extend(renamed.iter().map(|(from, to)| format!("  class {from} renamed to {to}")));
    lines.extend(added.iter().map(|(id, class)| format!("+ example {id} of {class}")));
    lines.extend(gone.iter().map(|(id, class)| format!("- example {id} of {class}")));
    let moved = |(id, from, to): &(u64, String, String)| {
        format!("  example {id} moved from {from} to {to}")
    };
    lines.extend(relabelled.iter().map(moved));
    if lines.is_empty() {
        lines.push("nothing changed".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::head::ExampleId;

    #[test]
    fn replies_read_the_same_in_log_and_command_line() {
        let ids = |count: u64| (1..=count).map(ExampleId).collect::<Vec<_>>();
        let taught = Reply::Taught {
            class: "good".to_owned(),
            examples: ids(2),
            count: 5,
            new_class: false,
            evicted: Vec::new(),
            estimate: None,
        };
        let cases = [
            (taught, "learned 2 examples of good (5 in total)"),
            (Reply::Undone { changes: Vec::new(), left: 0 }, "nothing to undo"),
            (
                Reply::Undone { changes: vec!["class a is gone".to_owned()], left: 1 },
                "undone: class a is gone; 1 more step can be undone",
            ),
            (
                Reply::Forgotten { classes: vec!["a".to_owned()], examples: ids(1) },
                "forgot a and its 1 example",
            ),
            (
                Reply::Forgotten {
                    classes: vec!["a".to_owned(), "b".to_owned()],
                    examples: ids(2),
                },
                "forgot a, b and their 2 examples",
            ),
            (
                Reply::Relabelled { examples: ids(1), class: "b".to_owned(), new_class: true },
                "moved 1 example to the new class b",
            ),
        ];
        for (reply, wanted) in cases {
            assert_eq!(lines(&reply), [wanted]);
        }
        assert_eq!(difference(&Difference::default()), ["nothing changed"]);
    }

    #[test]
    fn an_estimate_of_few_looks_names_their_class() {
        let mut accuracy = Accuracy { balanced: 0.375, interval: (0.1, 0.75), few_looks: None };
        let wanted = "estimated balanced accuracy 38 % (10 to 75 % with 90 % probability) on parts and scenes like \
                      those taught";
        assert_eq!(estimated(&accuracy, Subject::Frames), wanted);
        accuracy.few_looks = Some("crack".to_owned());
        assert_eq!(
            estimated(&accuracy, Subject::Frames),
            format!("{wanted}: too few looks of crack to be surer")
        );
    }

    #[test]
    fn with_one_class_no_percentage_is_told() {
        let told = |class, confidence| prediction(class, "good", confidence);
        assert_eq!(told(Some("good"), Some(0.97)), "good 97 %");
        assert_eq!(told(None, Some(0.97)), "unknown (most like good)");
        assert_eq!(told(Some("good"), None), "like good (the only class)");
        assert_eq!(told(None, None), "unknown (unlike good, the only class)");
    }

    #[test]
    fn an_undo_of_many_changes_names_the_first() {
        let changes: Vec<String> = (1..=30).map(|id| format!("example {id} is gone")).collect();
        let line = sentence(&Reply::Undone { changes, left: 0 });
        assert!(line.starts_with("undone: example 1 is gone, "), "{line}");
        assert!(
            line.ends_with(" 5 is gone and 25 more changes; 0 more steps can be undone"),
            "{line}"
        );
    }

    #[test]
    fn dates_are_written_to_the_minute() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00"),
            (951_782_400, "2000-02-29 00:00"),
            (1_709_164_799, "2024-02-28 23:59"),
            (4_102_444_800, "2100-01-01 00:00"),
        ] {
            assert_eq!(date(Timestamp(seconds * 1_000_000)), expected);
        }
    }
}
