//! Replies for people: one text for the log, the command line and `fieldtune ctl`. Programs read the rows that the console
//! answers with, or JSON.

use crate::image::frame::Timestamp;
use crate::learn::command::{ClassSummary, ExampleSummary, Reply};
use crate::learn::decision::Thresholds;
use crate::store::Generation;
use crate::store::snapshot::Difference;
use crate::util::calendar::Date;

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

/// A share of 0 to 1 in whole percent.
pub fn percent(share: Option<f32>) -> String {
    share.map_or_else(|| "not known yet".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

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
            let left = counted(*left, "step", "steps");
            format!("undone: {}; {left} can be undone", changes.join(", "))
        }
        Reply::Forgotten { classes, examples: forgotten } => {
            let of = match &classes[..] {
                [] => String::new(),
                [class] => format!("{class} and its "),
                several => format!("{} and their ", several.join(", ")),
            };
            format!("forgot {of}{}", examples(forgotten.len()))
        }
        Reply::Relabelled { examples: moved, class, new_class } => {
            format!("moved {} to {}{class}", examples(moved.len()), new(new_class))
        }
        Reply::Renamed { from, to } => format!("renamed {from} to {to}"),
        Reply::Head { config, estimate } => {
            let estimate = match estimate {
                Some(_) => format!("{} balanced accuracy (leave-one-out)", percent(*estimate)),
                None => "not available yet".to_owned(),
            };
            format!("the head is {}; estimate {estimate}", config.kind())
        }
        Reply::Threshold(Thresholds { confidence, novelty, false_reject }) => format!(
            "unknown below confidence {confidence} or above novelty {novelty}; {:.1} % of known frames exceed novelty 1",
            false_reject * 100.0
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
    let origin = example.origin.escape_debug();
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
                "undone: class a is gone; 1 step can be undone",
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
