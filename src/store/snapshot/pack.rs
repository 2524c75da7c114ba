//! What was learned, to be compared, exchanged and put together.

use std::collections::{BTreeMap, BTreeSet};

use super::v2::{StoredBody, StoredChange, StoredExample};
use super::{ModelId, Snapshot, SnapshotError};
use crate::learn::examples::{Example, Images};
use crate::learn::learner::ClassName;

/// What is different in one state from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Classes that are new.
    pub classes_added: Vec<String>,
    /// Classes that are gone.
    pub classes_gone: Vec<String>,
    /// Classes that are called differently: before, now.
    pub renamed: Vec<(String, String)>,
    /// Examples that are new: id, class.
    pub added: Vec<(u64, String)>,
    /// Examples that are gone: id, the class they were of.
    pub gone: Vec<(u64, String)>,
    /// Examples of another class now: id, class before, class now.
    pub relabelled: Vec<(u64, String, String)>,
}

impl Snapshot {
    /// What has to happen to this state to make it the other one.
    pub fn difference(&self, other: &Self) -> Difference {
        let names = |body: &StoredBody| body.classes.iter().cloned().collect::<BTreeMap<_, _>>();
        let (before, now) = (names(&self.body), names(&other.body));
        let mut difference = Difference::default();
        for (id, name) in &before {
            match now.get(id) {
                None => difference.classes_gone.push(name.clone()),
                Some(new) if new != name => difference.renamed.push((name.clone(), new.clone())),
                Some(_) => {}
            }
        }
        let new = now.iter().filter(|(id, _)| !before.contains_key(id));
        difference.classes_added = new.map(|(_, name)| name.clone()).collect();
        let name = |names: &BTreeMap<u32, String>, example: &StoredExample| {
            names.get(&example.class).cloned().unwrap_or_default()
        };
        let examples = |body: &StoredBody| {
            body.examples.iter().map(|example| (example.id, example.clone())).collect()
        };
        let was: BTreeMap<u64, StoredExample> = examples(&self.body);
        let is: BTreeMap<u64, StoredExample> = examples(&other.body);
        for (id, old) in &was {
            match is.get(id).filter(|new| new.feature == old.feature) {
                None => difference.gone.push((*id, name(&before, old))),
                Some(new) if new.class != old.class => {
                    difference.relabelled.push((*id, name(&before, old), name(&now, new)));
                }
                Some(_) => {}
            }
        }
        for (id, new) in &is {
            if was.get(id).is_none_or(|old| old.feature != new.feature) {
                difference.added.push((*id, name(&now, new)));
            }
        }
        difference
    }

    /// The same, in the canonical form, without where or in which order it was learned: classes in the order of
    /// their names, examples in that of their times, renumbered, and nothing that can be undone. What two devices
    /// learned of each other encodes to the same bytes.
    ///
    /// * `images`: keep them.
    #[must_use]
    pub fn canonical(&self, images: bool) -> Self {
        let mut classes = self.body.classes.clone();
        classes.sort_by(|a, b| a.1.cmp(&b.1));
        let places: BTreeMap<u32, u32> =
            classes.iter().zip(0..).map(|((id, _), place)| (*id, place)).collect();
        let mut examples = self.body.examples.clone();
        for example in &mut examples {
            example.class = places.get(&example.class).copied().unwrap_or(u32::MAX);
            example.image = example.image.take().filter(|_| images);
        }
        let key = |example: &StoredExample| {
            let StoredExample {
                class,
                taught_micros,
                origin,
                feature,
                views,
                image,
                described,
                ..
            } = example.clone();
            (taught_micros, origin, feature, class, views, image, described)
        };
        examples.sort_by_cached_key(key);
        // A group has the id of its first example.
        let mut groups = BTreeMap::new();
        for (example, id) in examples.iter_mut().zip(1..) {
            example.id = id;
            example.group = *groups.entry(example.group).or_insert(id);
        }
        let body = StoredBody {
            next_class: classes.len() as u32,
            next_example: examples.len() as u64 + 1,
            classes: classes.into_iter().zip(0..).map(|((_, name), id)| (id, name)).collect(),
            examples,
            head: self.body.head.clone(),
            thresholds: self.body.thresholds,
            undo: Vec::new(),
        };
        let same = Self { model: self.model.clone(), body, images: Images::new() };
        same.with_images(self.images.clone())
    }

    /// The same with the first values of every feature alone.
    ///
    /// * `model`: whose features have so many.
    #[must_use]
    pub(in crate::store) fn shortened(mut self, model: ModelId) -> Self {
        let dim = model.dim as usize;
        self.body.head.shorten(dim);
        let undone = self.body.undo.iter_mut().flat_map(|step| &mut step.0);
        let of_undo = undone.filter_map(|change| match change {
            StoredChange::AddExample(example) => Some(example),
            StoredChange::SetHead(head) => {
                head.shorten(dim);
                None
            }
            _ => None,
        });
        for example in self.body.examples.iter_mut().chain(of_undo) {
            for feature in std::iter::once(&mut example.feature).chain(&mut example.views) {
                feature.0 = feature.0.iter().take(dim).copied().collect();
            }
        }
        self.model = model;
        self
    }

    /// Classes and examples it has.
    pub fn counts(&self) -> (usize, usize) {
        (self.body.classes.len(), self.body.examples.len())
    }

    /// The names of all classes, and the examples with the names of theirs.
    ///
    /// # Errors
    /// [`SnapshotError::Content`] where an example's class is not there, [`SnapshotError::Refused`] for a name.
    #[allow(clippy::type_complexity, reason = "both halves are used at once, by one caller")]
    pub fn by_name(
        &self,
    ) -> Result<(BTreeSet<ClassName>, Vec<(ClassName, Example)>), SnapshotError> {
        let mut names = BTreeMap::new();
        for (id, name) in &self.body.classes {
            names.insert(*id, ClassName::kept(name)?);
        }
        let mut examples = Vec::with_capacity(self.body.examples.len());
        for example in &self.body.examples {
            let class = names.get(&example.class).ok_or_else(|| {
                let (id, class) = (example.id, example.class);
                SnapshotError::Content(format!(
                    "example {id} is of class {class}, which is not in it"
                ))
            })?;
            examples.push((class.clone(), Example::from(example.clone())));
        }
        Ok((names.into_values().collect(), examples))
    }
}
