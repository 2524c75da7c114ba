//! Training the last blocks of the backbone with what was taught.

use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, number};
use super::{Answer, Ask, Audit, FineTuning, Need, Operation, Refused};
use crate::protocol::log::Level;
use crate::protocol::people::counted;

/// Blocks that may be asked for, counted from the end.
pub const MAX_DEPTH: u32 = 99;

/// Train the last blocks of the backbone with the kept images, in the background, and use them where left-out looks say that
/// they help; predictions go on meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finetune {
    /// How many blocks, counted from the end, 1 to [`MAX_DEPTH`]; those of the last stage where it is not said.
    pub depth: Option<u32>,
    /// Find out whether it helps, and change nothing.
    pub r#try: bool,
}

/// Stop the training under way; nothing is changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndFinetune;

pub(super) const WORDS: &[Word] = &[Word::new(
    "finetune",
    "[N] [try] | stop",
    "train the backbone's last blocks with the taught images, where that helps",
    parse,
)
.places(&[Place::Words(&["try", "stop"]), Place::Words(&["try"])])
.more(
    "Trains the blocks of the last stage, or the last N, in the background; predictions go on. Takes minutes: `status` \
     shows how far it is, also where the client that asked has gone. The blocks are used only where left-out looks say \
     that they help by more than chance; the state before becomes a generation. `try` changes nothing, `stop` ends it.",
)];

fn parse(words: &[&str]) -> Parsed {
    let depth = |text: &str| number(text, "N", 1..=MAX_DEPTH).map(Some);
    match words {
        ["stop"] => Ok(EndFinetune.into()),
        [] => Ok(Finetune { depth: None, r#try: false }.into()),
        ["try"] => Ok(Finetune { depth: None, r#try: true }.into()),
        [text] => Ok(Finetune { depth: depth(text)?, r#try: false }.into()),
        [text, "try"] => Ok(Finetune { depth: depth(text)?, r#try: true }.into()),
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Finetune {
    const OPERATION: Option<Operation> = Some(
        Operation::post("Train the last blocks of the backbone with the taught images, and use them where that helps; takes minutes, goes on without the client")
            .with(&[("depth", "integer", false), ("try", "boolean", true)]),
    );

    // A trial takes the board's time for minutes, too.
    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Entry(entry)
    }
}

impl Ask for EndFinetune {
    const OPERATION: Option<Operation> = Some(Operation::post("Stop the fine-tuning under way"));

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Text("fine-tuning was stopped".to_owned())
    }
}

fn entry(result: Result<&Answer, &Refused>) -> (Level, String) {
    match result.map(Answer::plain) {
        Ok(Answer::FineTuned(tuning)) => (Level::Info, tuning.sentence()),
        Ok(_) => (Level::Info, "finetune".to_owned()),
        Err(refused) => (Level::Warning, format!("finetune: {refused}")),
    }
}

impl FineTuning {
    /// What left-out looks say, in a line.
    pub fn figures(&self) -> String {
        let Self { looks, before, after, uncertainty, .. } = self;
        format!(
            "balanced accuracy of {}, left out in turns: {:.1} % before, {:.1} % with fine-tuned blocks ({:+.1} ± {:.1} points)",
            counted(*looks, "look", "looks"),
            before * 100.0,
            after * 100.0,
            (after - before) * 100.0,
            uncertainty * 100.0
        )
    }

    /// What came of it, in a line.
    pub fn sentence(&self) -> String {
        let outcome = match (self.helps, self.applied) {
            (_, true) => "fine-tuned",
            (true, false) => "fine-tuning would help, nothing was changed",
            (false, false) => "fine-tuning does not help, nothing was changed",
        };
        format!("{outcome}: {}", self.figures())
    }

    /// Whether the blocks are used, and what to do next.
    ///
    /// * `generations`, `rollback`: how the commands that list checkpoints and go back to one are typed.
    pub fn outcome(&self, generations: &str, rollback: &str) -> String {
        let Self { cut, weights, examples, .. } = self;
        match (self.helps, self.applied) {
            (false, _) => "not kept: it does not help by more than chance; nothing was changed\n  next: teach more images of every class, then try again".to_owned(),
            (true, false) => "it would help: nothing was changed".to_owned(),
            (true, true) => format!(
                "fine-tuned the blocks behind {cut} with {}: {weights} weights\n  next: {generations} shows the checkpoint before; {rollback} NUMBER goes back to it",
                counted(*examples, "example", "examples")
            ),
        }
    }
}
