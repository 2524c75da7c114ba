//! Packs of what was learned: what is accepted can be stored, read again and taken back step by step; what is not is
//! refused in words.

use fieldtune::learn::learner::Learner;
use fieldtune::store::snapshot::{ModelId, Snapshot};

use super::assert_harmless;

const MAGIC: &[u8] = b"FTLEARN\0";
/// Bytes of examples that a learner keeps in these checks.
const BUDGET: usize = 1 << 20;

/// * `data`: a file; or the body of one, where it does not begin like a file. Its checksum is mended.
pub fn check(data: &[u8]) {
    if let Err(error) = Snapshot::decode(data) {
        assert_harmless(&error.to_string());
    }
    match Snapshot::decode(&mended(data)) {
        Ok(snapshot) => accepted(snapshot),
        Err(error) => assert_harmless(&error.to_string()),
    }
}

/// The file with the checksum that its bytes make.
pub fn mended(data: &[u8]) -> Vec<u8> {
    let mut file = match data.strip_prefix(MAGIC) {
        Some(_) => data[..data.len().saturating_sub(4).max(MAGIC.len())].to_vec(),
        None => [MAGIC, &1u16.to_le_bytes(), data].concat(),
    };
    file.extend(crc32fast::hash(&file).to_le_bytes());
    file
}

/// What was decoded: encoded and decoded it is the same; what it makes is checked on.
pub fn accepted(snapshot: Snapshot) {
    let bytes = snapshot.encode();
    let again = Snapshot::decode(&bytes).expect("what was just encoded");
    assert_eq!(again.encode(), bytes);
    let model = snapshot.model.clone();
    match snapshot.into_learner(BUDGET) {
        Ok(learner) => learned(learner, &model),
        Err(error) => assert_harmless(&error.to_string()),
    }
}

/// It can be classified with and stored, and so can what every undo leaves.
fn learned(mut learner: Learner, model: &ModelId) {
    storable(&learner, model);
    for sign in [-1.0, 0.0, 1.0] {
        let verdict = learner.classify(&vec![sign; learner.dim()]).expect("a finite feature");
        if let Some(verdict) = verdict {
            assert!((0.0..=1.0).contains(&verdict.confidence), "{verdict:?}");
        }
    }
    for _ in 0..=learner.undo_steps().len().min(4) {
        let before = Snapshot::of(&learner, model.clone()).encode();
        match learner.undo() {
            Ok(_) => storable(&learner, model),
            Err(error) => {
                assert_harmless(&error.to_string());
                let after = Snapshot::of(&learner, model.clone()).encode();
                assert_eq!(after, before, "an undo that was refused changed something");
                return;
            }
        }
    }
}

/// What a device would write, it can read again, to the same.
fn storable(learner: &Learner, model: &ModelId) {
    let bytes = Snapshot::of(learner, model.clone()).encode();
    let again = Snapshot::decode(&bytes).expect("what was just encoded");
    let again = again.into_learner(BUDGET).expect("what a learner holds can be stored");
    assert_eq!(Snapshot::of(&again, model.clone()).encode(), bytes);
}
