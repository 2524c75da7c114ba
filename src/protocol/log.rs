//! What the log is told: levels, and replies in words.

use crate::learn::command::Reply;
use crate::learn::decision::Thresholds;

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something is not as it should be.
    Warning,
    /// Something happened.
    Info,
}

/// A reply for the log.
pub(crate) fn in_words(reply: &Reply) -> String {
    match reply {
        Reply::Taught { class, examples, count, .. } => {
            format!("learned {} of {class} ({count} in total)", examples.len())
        }
        Reply::Undone { changes, .. } if changes.is_empty() => "nothing to undo".to_owned(),
        Reply::Undone { changes, .. } => format!("undone: {}", changes.join(", ")),
        Reply::Forgotten { classes, examples } => {
            let (examples, classes) = (examples.len(), classes.len());
            let (e, c) =
                (if examples == 1 { "" } else { "s" }, if classes == 1 { "" } else { "es" });
            format!("forgot {examples} example{e} and {classes} class{c}")
        }
        Reply::Relabelled { examples, class, .. } => {
            let s = if examples.len() == 1 { "" } else { "s" };
            format!("moved {} example{s} to {class}", examples.len())
        }
        Reply::Renamed { from, to } => format!("renamed {from} to {to}"),
        Reply::Head { config, .. } => format!("head changed to {}", config.kind().name()),
        Reply::Threshold(Thresholds { confidence, novelty, false_reject }) => {
            format!(
                "thresholds changed: confidence {confidence}, novelty {novelty} (false-reject {:.1} %)",
                false_reject * 100.0
            )
        }
        Reply::Merged { added, known, .. } => {
            format!("merged {added} examples of another device, {known} already known")
        }
        Reply::Classes(_) | Reply::Examples(_) | Reply::Status(_) => "done".to_owned(),
    }
}
