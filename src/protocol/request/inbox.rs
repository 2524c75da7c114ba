//! The inbox: frames that wait for a person. Which there are, their pictures, teaching from them, dropping them.

use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, number, refuse_count};
use super::{Ask, Audit, Need, Operation};
use crate::protocol::people::counted;

/// List the frames that wait for a person, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inbox;

/// Give one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InboxPicture {
    /// Its id in the inbox.
    pub id: u64,
}

/// Learn some of them; they leave the inbox, and come back where that is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InboxAssign {
    /// The class; a new name makes a new class.
    pub class: String,
    /// Their ids, at least one, none twice.
    pub frames: Vec<u64>,
}

/// Take frames out of the inbox.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum InboxDrop {
    /// Those of these ids, at least one.
    Frames(Vec<u64>),
    /// All.
    All,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "inbox",
    "[frame ID | assign ID... CLASS | drop ID...|all]",
    "list doubtful frames, teach from them, drop them",
    parse,
)
.places(&[Place::Words(&["assign", "drop", "frame"])])
.more(
    "Kept are frames that were unknown, unlike everything taught, or predicted with little confidence; also over a \
     restart. `undo` brings assigned ones back. `fieldtune ctl inbox export DIR` fetches their images and predictions.",
)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [] => Ok(Inbox.into()),
        ["frame", text] => Ok(InboxPicture { id: id(text)? }.into()),
        ["assign", list @ .., class] if !list.is_empty() => {
            let command = format!("inbox assign {}", list.join(" "));
            plain_class(class, &command)?;
            Ok(InboxAssign { class: (*class).to_owned(), frames: ids(list)? }.into())
        }
        ["drop", "all"] => Ok(InboxDrop::All.into()),
        ["drop", list @ ..] if !list.is_empty() => Ok(InboxDrop::Frames(ids(list)?).into()),
        _ => Err(Wrong::Usage),
    }
}

/// With its name, as other requests have it.
impl std::fmt::Debug for InboxDrop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_tuple("InboxDrop");
        match self {
            Self::Frames(ids) => shown.field(ids),
            Self::All => shown.field(&"all"),
        };
        shown.finish()
    }
}

/// A number in the place of the class is more likely one more id.
fn plain_class(class: &str, command: &str) -> Result<(), String> {
    match refuse_count(class, command, "") {
        Ok(()) => Ok(()),
        Err(_) => Err(format!(
            "which class? wanted: {command} {class} CLASS; for a class named {class}: {command} +{class}"
        )),
    }
}

fn ids(words: &[&str]) -> Result<Vec<u64>, String> {
    words.iter().map(|text| id(text)).collect()
}

fn id(text: &str) -> Result<u64, String> {
    let number = number(text, "ID", 1..=u64::MAX);
    number.map_err(|why| format!("{why}; `inbox` lists them"))
}

impl Ask for Inbox {
    const OPERATION: Option<Operation> =
        Some(Operation::get("List the frames that wait for a person"));

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}

impl Ask for InboxPicture {
    const OPERATION: Option<Operation> = Some(
        Operation::get("The image of one of them")
            .with(&[("id", "integer", true)])
            .answered_with("image/*"),
    );

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}

impl Ask for InboxAssign {
    const OPERATION: Option<Operation> = Some(
        Operation::post("Learn some of them; they leave the inbox")
            .with(&[("class", "string", true), ("frames", "[integer]", true)]),
    );

    fn need(&self) -> Need {
        Need::Teach
    }

    fn audit(&self) -> Audit {
        Audit::Reply
    }
}

/// A client that may teach from it may say that there is nothing to teach.
impl Ask for InboxDrop {
    const OPERATION: Option<Operation> = Some(Operation::value(
        "Take {\"Frames\": [id]} or \"All\" out of the inbox",
        r#"{"Frames":[1]}"#,
    ));

    fn need(&self) -> Need {
        Need::Teach
    }

    fn audit(&self) -> Audit {
        Audit::Text(match self {
            Self::Frames(ids) => {
                format!("dropped {} of the inbox", counted(ids.len(), "frame", "frames"))
            }
            Self::All => "dropped all frames of the inbox".to_owned(),
        })
    }
}
