//! Which of the images that are taught show one part in one position, with each other or with what was taught before.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::args::store::{Session, now};
use crate::image::picture::{self, Sketch};
use crate::learn::command::NewExample;
use crate::learn::head::{ExampleId, GroupId};
use crate::store::Store as _;

/// Examples that a new image is compared with: the nearest by feature.
const COMPARED: usize = 3;

/// Cosine to an example from which on it is compared with.
const ALIKE: f32 = 0.85;

/// Finds the images that are one look with an example of their class that was taught before.
///
/// * `class`: the name of the class of the image in that place.
pub(super) fn join_known<'a>(
    session: &mut Session,
    class: &dyn Fn(usize) -> &'a str,
    new_examples: &mut [(usize, NewExample, Option<Sketch>)],
) -> anyhow::Result<()> {
    let learner = session.learner();
    let near: Vec<Vec<ExampleId>> = new_examples
        .iter()
        .map(|(place, new_example, sketch)| {
            let class = learner.class_named(class(*place).trim_start_matches('+'));
            let Some((class, _)) = class.zip(sketch.as_ref()) else { return Vec::new() };
            let found = learner.examples().nearest_of(class, &new_example.feature, COMPARED);
            found.into_iter().filter(|near| near.cosine >= ALIKE).map(|near| near.example).collect()
        })
        .collect();
    let wanted: BTreeSet<ExampleId> = near.iter().flatten().copied().collect();
    let wanted: Vec<ExampleId> = wanted.into_iter().collect();
    let mut known: BTreeMap<ExampleId, Sketch> = BTreeMap::new();
    if !wanted.is_empty() {
        session.store_mut().images(Some(&wanted), &mut |id, file| {
            // One that cannot be read is like nothing.
            if let Ok(frame) = picture::decode(file, "", now()) {
                known.insert(id, Sketch::of(&frame));
            }
        })?;
    }
    let examples = session.learner().examples();
    for ((_, new_example, sketch), near) in new_examples.iter_mut().zip(near) {
        let Some(sketch) = sketch else { continue };
        let same =
            near.iter().find(|id| known.get(id).is_some_and(|one| sketch.is_of_same_look(one)));
        new_example.joins = same.and_then(|id| examples.get(*id)).map(|example| example.group);
    }
    Ok(())
}

/// How many looks there are among the new examples, and how many of them were taught before.
pub(super) fn independent(new_examples: &[NewExample]) -> (usize, usize) {
    let bursts: BTreeSet<u32> = new_examples.iter().map(|new_example| new_example.burst).collect();
    let joining: BTreeMap<u32, GroupId> = new_examples
        .iter()
        .filter_map(|new_example| Some((new_example.burst, new_example.joins?)))
        .collect();
    let before: BTreeSet<GroupId> = joining.values().copied().collect();
    (bursts.len() - joining.len() + before.len(), before.len())
}
