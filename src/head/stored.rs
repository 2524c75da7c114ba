//! The classes of a head, and the examples of a head that keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::{ClassId, ExampleId, FeatureScaling, HeadError};

/// The classes in the order they were added, found by id without searching.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    ids: Vec<ClassId>,
    places: BTreeMap<ClassId, usize>,
}

impl Classes {
    pub(super) fn ids(&self) -> &[ClassId] {
        &self.ids
    }

    /// # Errors
    /// [`HeadError::ClassExists`].
    pub(super) fn add(&mut self, class: ClassId) -> Result<(), HeadError> {
        if self.places.contains_key(&class) {
            return Err(HeadError::ClassExists(class));
        }
        self.places.insert(class, self.ids.len());
        self.ids.push(class);
        Ok(())
    }

    /// * returns the place it had; those behind it move up by one.
    ///
    /// # Errors
    /// [`HeadError::NoClass`].
    pub(super) fn remove(&mut self, class: ClassId) -> Result<usize, HeadError> {
        let place = self.place(class)?;
        self.ids.remove(place);
        self.places.remove(&class);
        self.places.values_mut().filter(|other| **other > place).for_each(|other| *other -= 1);
        Ok(place)
    }

    /// Where its score stands.
    ///
    /// # Errors
    /// [`HeadError::NoClass`].
    pub(super) fn place(&self, class: ClassId) -> Result<usize, HeadError> {
        self.places.get(&class).copied().ok_or(HeadError::NoClass(class))
    }

    /// # Errors
    /// [`HeadError::Damaged`] if one is there twice.
    pub(super) fn from_saved(ids: impl IntoIterator<Item = u32>) -> Result<Self, HeadError> {
        let mut classes = Self::default();
        for id in ids {
            classes.add(ClassId(id)).map_err(|error| HeadError::Damaged(error.to_string()))?;
        }
        Ok(classes)
    }
}

/// That every value read back is finite.
///
/// # Errors
/// [`HeadError::Damaged`].
pub(super) fn check_finite<T: Copy + Into<f64>>(what: &str, values: &[T]) -> Result<(), HeadError> {
    match values.iter().position(|&value| !value.into().is_finite()) {
        Some(at) => {
            let got = values[at].into();
            Err(HeadError::Damaged(format!("value {at} of {what} is {got}, wanted finite values")))
        }
        None => Ok(()),
    }
}

/// That something read back is as long as it has to be.
///
/// # Errors
/// [`HeadError::Damaged`].
pub(super) fn check_len(what: &str, got: usize, wanted: usize) -> Result<(), HeadError> {
    if got == wanted {
        return Ok(());
    }
    Err(HeadError::Damaged(format!("{what} has {got} values, wanted {wanted}")))
}

/// An example as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) class: ClassId,
    /// `[dim]`, scaled.
    pub(super) z: Vec<f32>,
}

/// Classes and examples, by rising id: what is made of them does not depend on the order of learning.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    dim: usize,
    scaling: FeatureScaling,
    classes: Classes,
    examples: BTreeMap<ExampleId, Kept>,
}

impl Stored {
    pub(super) fn new(dim: usize, scaling: FeatureScaling) -> Self {
        Self { dim, scaling, classes: Classes::default(), examples: BTreeMap::new() }
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn scaling(&self) -> &FeatureScaling {
        &self.scaling
    }

    pub(super) fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Those with examples, in the order of all.
    pub(super) fn classes_with_examples(&self) -> Vec<ClassId> {
        let with: BTreeSet<ClassId> = self.examples.values().map(|kept| kept.class).collect();
        self.classes.ids.iter().copied().filter(|class| with.contains(class)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.examples.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ExampleId, &Kept)> {
        self.examples.iter().map(|(&id, kept)| (id, kept))
    }

    pub(super) fn get(&self, example: ExampleId) -> Option<&Kept> {
        self.examples.get(&example)
    }

    /// Whether no example of its class has a higher id.
    pub(super) fn is_last_of_its_class(&self, example: ExampleId) -> bool {
        let Some(class) = self.get(example).map(|kept| kept.class) else { return false };
        let later = self.examples.range((Bound::Excluded(example), Bound::Unbounded));
        later.into_iter().all(|(_, kept)| kept.class != class)
    }

    /// `[dim]`, what the head makes of a raw feature.
    ///
    /// # Errors
    /// [`HeadError::Dim`], [`HeadError::NotFinite`].
    pub(super) fn scaled(&self, feature: &[f32]) -> Result<Vec<f32>, HeadError> {
        self.scaling.apply(self.dim, feature)
    }

    pub(super) fn add_class(&mut self, class: ClassId) -> Result<(), HeadError> {
        self.classes.add(class)
    }

    /// Removes a class with its examples; returns how many those were.
    pub(super) fn remove_class(&mut self, class: ClassId) -> Result<usize, HeadError> {
        self.classes.remove(class)?;
        let before = self.examples.len();
        self.examples.retain(|_, kept| kept.class != class);
        Ok(before - self.examples.len())
    }

    /// Keeps all of them, or none where one is refused.
    ///
    /// # Errors
    /// As [`super::Head::learn`].
    pub(super) fn learn(
        &mut self,
        examples: &[(ExampleId, ClassId, &[f32])],
    ) -> Result<(), HeadError> {
        let mut new = BTreeSet::new();
        let mut kept = Vec::with_capacity(examples.len());
        for &(example, class, feature) in examples {
            let z = self.scaled(feature)?;
            self.classes.place(class)?;
            if self.examples.contains_key(&example) || !new.insert(example) {
                return Err(HeadError::ExampleExists(example));
            }
            kept.push((example, Kept { class, z }));
        }
        self.examples.extend(kept);
        Ok(())
    }

    /// # Errors
    /// As [`super::Head::forget`]; an example of another class counts as none.
    pub(super) fn forget(
        &mut self,
        example: ExampleId,
        class: ClassId,
        feature: &[f32],
    ) -> Result<(), HeadError> {
        super::check_feature(self.dim, feature)?;
        self.classes.place(class)?;
        if self.get(example).is_none_or(|kept| kept.class != class) {
            return Err(HeadError::NoExample(example));
        }
        self.examples.remove(&example);
        Ok(())
    }

    pub(super) fn to_saved(&self) -> SavedStored {
        SavedStored {
            classes: self.classes.ids.iter().map(|class| class.0).collect(),
            examples: self
                .iter()
                .map(|(id, kept)| SavedExample { id: id.0, class: kept.class.0, z: kept.z.clone() })
                .collect(),
        }
    }

    /// # Errors
    /// [`HeadError::Damaged`].
    pub(super) fn from_saved(
        dim: usize,
        scaling: FeatureScaling,
        saved: SavedStored,
    ) -> Result<Self, HeadError> {
        let mut stored = Self::new(dim, scaling);
        stored.classes = Classes::from_saved(saved.classes)?;
        for SavedExample { id, class, z } in saved.examples {
            let damaged = |error: HeadError| HeadError::Damaged(error.to_string());
            super::check_feature(dim, &z).map_err(damaged)?;
            stored.classes.place(ClassId(class)).map_err(damaged)?;
            let kept = Kept { class: ClassId(class), z };
            if stored.examples.insert(ExampleId(id), kept).is_some() {
                return Err(damaged(HeadError::ExampleExists(ExampleId(id))));
            }
        }
        Ok(stored)
    }
}

/// Classes and examples as bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedStored {
    classes: Vec<u32>,
    examples: Vec<SavedExample>,
}

#[derive(Serialize, Deserialize)]
struct SavedExample {
    id: u64,
    class: u32,
    z: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_move_up_when_a_class_goes() {
        let mut classes = Classes::from_saved([7, 3, 5]).expect("all different");
        assert_eq!(classes.remove(ClassId(3)), Ok(1));
        assert_eq!(classes.place(ClassId(5)), Ok(1));
        assert_eq!(classes.place(ClassId(3)), Err(HeadError::NoClass(ClassId(3))));
        assert_eq!(classes.add(ClassId(7)), Err(HeadError::ClassExists(ClassId(7))));
        assert_eq!(classes.ids(), [ClassId(7), ClassId(5)]);
    }

    #[test]
    fn a_list_with_one_bad_example_keeps_none() {
        let mut stored = Stored::new(1, FeatureScaling::default());
        stored.add_class(ClassId(0)).expect("new");
        let good = (ExampleId(1), ClassId(0), &[1.0f32][..]);
        let cases = [
            (ExampleId(1), ClassId(0), &[2.0f32][..], HeadError::ExampleExists(ExampleId(1))),
            (ExampleId(2), ClassId(1), &[2.0][..], HeadError::NoClass(ClassId(1))),
            (ExampleId(2), ClassId(0), &[][..], HeadError::Dim { wanted: 1, got: 0 }),
        ];
        for (example, class, feature, error) in cases {
            assert_eq!(stored.learn(&[good, (example, class, feature)]), Err(error));
            assert_eq!(stored.len(), 0);
        }
    }

    #[test]
    fn the_last_of_a_class_is_the_one_with_the_highest_id() {
        let mut stored = Stored::new(1, FeatureScaling::default());
        stored.add_class(ClassId(0)).expect("new");
        stored.add_class(ClassId(1)).expect("new");
        for (id, class) in [(4, 0), (2, 0), (3, 1)] {
            stored.learn(&[(ExampleId(id), ClassId(class), &[1.0])]).expect("new");
        }
        let last = [2, 3, 4, 9].map(|id| stored.is_last_of_its_class(ExampleId(id)));
        assert_eq!(last, [false, true, true, false]);
    }
}
