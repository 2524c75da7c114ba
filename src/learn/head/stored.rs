//! The classes of a head, and the examples of a head that keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::units::units;
use super::{ClassId, ExampleId, FeatureScaling, GroupId, HeadError, LeftOut, Lesson, RowId};

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

/// A feature as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) class: ClassId,
    pub(super) group: GroupId,
    /// `[dim]`, scaled.
    pub(super) z: Vec<f32>,
}

/// Classes and the features of examples, by rising id: what is made of them does not depend on the order of learning.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    dim: usize,
    scaling: FeatureScaling,
    classes: Classes,
    rows: BTreeMap<RowId, Kept>,
}

impl Stored {
    pub(super) fn new(dim: usize, scaling: FeatureScaling) -> Self {
        Self { dim, scaling, classes: Classes::default(), rows: BTreeMap::new() }
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
        let with: BTreeSet<ClassId> = self.rows.values().map(|kept| kept.class).collect();
        self.classes.ids.iter().copied().filter(|class| with.contains(class)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (RowId, &Kept)> {
        self.rows.iter().map(|(&id, kept)| (id, kept))
    }

    /// The features of an example.
    pub(super) fn of(&self, example: ExampleId) -> impl Iterator<Item = &Kept> {
        self.rows.range((example, 0)..=(example, u8::MAX)).map(|(_, kept)| kept)
    }

    /// Whether no example of its class has a higher id.
    pub(super) fn is_last_of_its_class(&self, example: ExampleId) -> bool {
        let Some(class) = self.of(example).next().map(|kept| kept.class) else { return false };
        let last = Bound::Excluded((example, u8::MAX));
        self.rows.range((last, Bound::Unbounded)).all(|(_, kept)| kept.class != class)
    }

    /// Features that are left out together, see [`units`].
    pub(super) fn units(&self, most: usize) -> Vec<Vec<(RowId, &Kept)>> {
        let rows: Vec<(RowId, &Kept)> = self.iter().collect();
        let place = |class| self.classes.place(class).expect("a row has a class of the head");
        let units = units(rows.iter().map(|(_, kept)| (kept.group, place(kept.class))), most);
        units.into_iter().map(|unit| unit.rows.iter().map(|&row| rows[row]).collect()).collect()
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
        let before = self.rows.len();
        self.rows.retain(|_, kept| kept.class != class);
        Ok(before - self.rows.len())
    }

    /// Keeps all of them, or none where one is refused.
    ///
    /// # Errors
    /// As [`super::Head::teach`].
    pub(super) fn teach(&mut self, lessons: &[Lesson<'_>]) -> Result<(), HeadError> {
        let mut new = BTreeSet::new();
        let mut kept = Vec::with_capacity(lessons.len());
        for &Lesson { example, group, class, features } in lessons {
            super::check_count(features)?;
            self.classes.place(class)?;
            if self.of(example).next().is_some() || !new.insert(example) {
                return Err(HeadError::ExampleExists(example));
            }
            for (view, feature) in (0..).zip(features) {
                let z = self.scaled(feature)?;
                kept.push(((example, view), Kept { class, group, z }));
            }
        }
        self.rows.extend(kept);
        Ok(())
    }

    /// # Errors
    /// As [`super::Head::unlearn`]; an example of another class counts as none.
    pub(super) fn unlearn(&mut self, lesson: &Lesson<'_>) -> Result<(), HeadError> {
        let Lesson { example, class, .. } = *lesson;
        for feature in lesson.features {
            super::check_feature(self.dim, feature)?;
        }
        self.classes.place(class)?;
        if self.of(example).next().is_none_or(|kept| kept.class != class) {
            return Err(HeadError::NoExample(example));
        }
        self.rows.retain(|(id, _), _| *id != example);
        Ok(())
    }

    /// Keeps one feature of an example.
    #[cfg(test)]
    pub(super) fn learn_one(&mut self, example: ExampleId, class: ClassId, feature: &[f32]) {
        let group = GroupId(example.0);
        let lesson = Lesson { example, group, class, features: &[feature] };
        self.teach(&[lesson]).expect("a valid example");
    }

    pub(super) fn to_saved(&self) -> SavedStored {
        SavedStored {
            classes: self.classes.ids.iter().map(|class| class.0).collect(),
            rows: self
                .iter()
                .map(|((id, view), kept)| SavedRow {
                    id: id.0,
                    view,
                    group: kept.group.0,
                    class: kept.class.0,
                    z: kept.z.clone(),
                })
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
        for SavedRow { id, view, group, class, z } in saved.rows {
            let damaged = |error: HeadError| HeadError::Damaged(error.to_string());
            super::check_feature(dim, &z).map_err(damaged)?;
            stored.classes.place(ClassId(class)).map_err(damaged)?;
            let kept = Kept { class: ClassId(class), group: GroupId(group), z };
            if stored.rows.insert((ExampleId(id), view), kept).is_some() {
                return Err(damaged(HeadError::ExampleExists(ExampleId(id))));
            }
        }
        Ok(stored)
    }
}

/// By rising id.
pub(super) fn in_order(left_out: impl Iterator<Item = LeftOut>) -> Vec<LeftOut> {
    let mut all: Vec<LeftOut> = left_out.collect();
    all.sort_by_key(|one| one.example);
    all
}

/// Classes and examples as bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedStored {
    classes: Vec<u32>,
    rows: Vec<SavedRow>,
}

#[derive(Serialize, Deserialize)]
struct SavedRow {
    id: u64,
    view: u8,
    group: u64,
    class: u32,
    z: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson<'a>(id: u64, class: u32, features: &'a [&'a [f32]]) -> Lesson<'a> {
        Lesson { example: ExampleId(id), group: GroupId(id), class: ClassId(class), features }
    }

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
        let cases: [(u64, u32, &[&[f32]], HeadError); 4] = [
            (1, 0, &[&[2.0]], HeadError::ExampleExists(ExampleId(1))),
            (2, 1, &[&[2.0]], HeadError::NoClass(ClassId(1))),
            (2, 0, &[&[2.0], &[]], HeadError::Dim { wanted: 1, got: 0 }),
            (2, 0, &[], HeadError::Features { got: 0 }),
        ];
        for (example, class, features, error) in cases {
            let lessons = [lesson(1, 0, &[&[1.0]]), lesson(example, class, features)];
            assert_eq!(stored.teach(&lessons), Err(error));
            assert_eq!(stored.len(), 0);
        }
    }

    #[test]
    fn the_last_example_has_the_highest_id() {
        let mut stored = Stored::new(1, FeatureScaling::default());
        stored.add_class(ClassId(0)).expect("new");
        stored.add_class(ClassId(1)).expect("new");
        for (id, class) in [(4, 0), (2, 0), (3, 1)] {
            stored.teach(&[lesson(id, class, &[&[1.0], &[2.0]])]).expect("new");
        }
        let last = [2, 3, 4, 9].map(|id| stored.is_last_of_its_class(ExampleId(id)));
        assert_eq!(last, [false, true, true, false]);
    }
}
