//! The images that a step brings.

use std::collections::{BTreeMap, BTreeSet};

use crate::learn::examples::Images;
use crate::learn::learner::Change;
use crate::store::Step;
use crate::store::snapshot::v2::StoredMark;

/// Where the images of a step's new examples come from.
pub(in crate::store) struct NewImages<'a> {
    pub(in crate::store) given: &'a Images,
    /// Those that do not come with it.
    pub(in crate::store) wanted: BTreeSet<StoredMark>,
    /// Numbers of those among them that were of an example which the step takes away.
    pub(in crate::store) moved: BTreeMap<StoredMark, u64>,
}

impl<'a> NewImages<'a> {
    pub(in crate::store) fn of(step: &Step<'a>) -> Self {
        let marks = step.changes.iter().filter_map(|change| match change {
            Change::AddExample(example) => example.image,
            _ => None,
        });
        let wanted = marks.filter(|mark| !step.images.contains_key(mark)).map(StoredMark::from);
        Self { given: step.images, wanted: wanted.collect(), moved: BTreeMap::new() }
    }
}
