//! Generations, differences and signatures as they are sent. The numbers of variants and the order of fields are the
//! format.

use serde::{Deserialize, Serialize};

use crate::image::frame::Timestamp;
use crate::store::Generation;
use crate::store::signed::Signature;
use crate::store::snapshot::Difference;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireSignature {
    None,
    Unchecked,
    Trusted,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireGeneration {
    number: u64,
    name: String,
    automatic: bool,
    at_micros: u64,
    classes: u64,
    examples: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireDifference {
    classes_added: Vec<String>,
    classes_gone: Vec<String>,
    renamed: Vec<(String, String)>,
    added: Vec<(u64, String)>,
    gone: Vec<(u64, String)>,
    relabelled: Vec<(u64, String, String)>,
}

impl From<Generation> for WireGeneration {
    fn from(generation: Generation) -> Self {
        let Generation { number, name, automatic, at, classes, examples } = generation;
        let (classes, examples) = (classes as u64, examples as u64);
        Self { number, name, automatic, at_micros: at.0, classes, examples }
    }
}

impl From<WireGeneration> for Generation {
    fn from(generation: WireGeneration) -> Self {
        let WireGeneration { number, name, automatic, at_micros, classes, examples } = generation;
        let (classes, examples) = (classes as usize, examples as usize);
        Self { number, name, automatic, at: Timestamp(at_micros), classes, examples }
    }
}

impl From<Difference> for WireDifference {
    fn from(difference: Difference) -> Self {
        let Difference { classes_added, classes_gone, renamed, added, gone, relabelled } =
            difference;
        Self { classes_added, classes_gone, renamed, added, gone, relabelled }
    }
}

impl From<WireDifference> for Difference {
    fn from(difference: WireDifference) -> Self {
        let WireDifference { classes_added, classes_gone, renamed, added, gone, relabelled } =
            difference;
        Self { classes_added, classes_gone, renamed, added, gone, relabelled }
    }
}

impl From<Signature> for WireSignature {
    fn from(signature: Signature) -> Self {
        match signature {
            Signature::None => WireSignature::None,
            Signature::Unchecked => WireSignature::Unchecked,
            Signature::Trusted => WireSignature::Trusted,
        }
    }
}

impl From<WireSignature> for Signature {
    fn from(signature: WireSignature) -> Self {
        match signature {
            WireSignature::None => Signature::None,
            WireSignature::Unchecked => Signature::Unchecked,
            WireSignature::Trusted => Signature::Trusted,
        }
    }
}
