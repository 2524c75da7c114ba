//! Packs that no program of ours would write: the body of version 1, field by field, with anything in it.

use fieldtune::store::snapshot::{Snapshot, SnapshotError};
use serde::Serialize;

/// The body; the enums' variants stand in the order of the file's.
#[derive(Debug, Clone, Serialize)]
pub struct Forged {
    pub name: String,
    pub fingerprint: [u8; 32],
    pub dim: u32,
    pub classes: Vec<(u32, String)>,
    pub examples: Vec<Example>,
    pub head: Head,
    /// Confidence and novelty.
    pub thresholds: (f32, f32),
    pub next_class: u32,
    pub next_example: u64,
    pub undo: Vec<Vec<Change>>,
}

/// Id, class, microseconds, origin, feature, thumbnail.
pub type Example = (u64, u32, u64, String, Vec<u16>, Option<Vec<u8>>);

/// Method, centre, whether features are scaled to length one.
pub type Head = (Method, Option<Vec<f32>>, bool);

#[derive(Debug, Clone, Serialize)]
#[allow(dead_code, reason = "their places are the format")]
pub enum Method {
    Lda(Option<f32>),
    Ridge(f32, bool),
    Slda(f32, bool),
    Prototype(bool),
    Knn(u32),
    Softmax(f32, f32, f32, u32, u32, u64),
    Mlp(u32, f32, f32, f32, u32, u32, u64),
}

#[derive(Debug, Clone, Serialize)]
#[allow(dead_code, reason = "their places are the format")]
pub enum Change {
    AddClass(u32, String),
    RemoveClass(u32),
    RenameClass(u32, String),
    AddExample(Example),
    RemoveExample(u64),
    Relabel(u64, u32),
    SetHead(Head),
    SetThresholds((f32, f32)),
}

/// An example of that id and class whose feature is one zero.
pub fn example(id: u64, class: u32) -> Example {
    (id, class, 0, String::new(), vec![0], None)
}

impl Forged {
    /// Features of one value, nothing learned, nearest class means.
    pub fn new() -> Self {
        Self {
            name: "forged".to_owned(),
            fingerprint: [7; 32],
            dim: 1,
            classes: Vec::new(),
            examples: Vec::new(),
            head: (Method::Prototype(false), None, true),
            thresholds: (0.0, 1.0),
            next_class: 0,
            next_example: 1,
            undo: Vec::new(),
        }
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let start = [b"FTLEARN\0".as_slice(), &1u16.to_le_bytes()].concat();
        let mut file = postcard::to_extend(self, start).expect("lengths are known");
        file.extend(crc32fast::hash(&file).to_le_bytes());
        file
    }

    pub fn decoded(&self) -> Result<Snapshot, SnapshotError> {
        Snapshot::decode(&self.bytes())
    }

    /// Why it is not taken; panics where it is.
    pub fn refusal(&self) -> String {
        match self.decoded().and_then(|snapshot| snapshot.into_learner(1 << 20)) {
            Ok(_) => panic!("this pack is taken"),
            Err(error) => error.to_string(),
        }
    }

    pub fn is_taken(&self) -> bool {
        self.decoded().and_then(|snapshot| snapshot.into_learner(1 << 20)).is_ok()
    }
}
