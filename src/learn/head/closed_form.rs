//! Heads whose answer is a formula over all examples: what `lda` and `ridge` share as heads.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use half::f16;
use ndarray::Array2;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::linear::Linear;
use super::stored::in_order;
use super::system::{Row, StoredSystem, System, Taught};
use super::units::Unit;
use super::{
    ClassId, ExampleId, FeatureScaling, GroupId, Head, HeadError, HeadKind, Layers, LeftOut,
    Lesson, StoredLesson, from_bytes, to_bytes,
};
use crate::learn::linalg::widened_halves;

/// What sets one such head apart from another.
pub(super) trait Formula: std::fmt::Debug + Send + Serialize + DeserializeOwned {
    const KIND: HeadKind;

    /// The ridge that the system is kept at; a function of what is taught, not of the order it came in, and of what
    /// [`Formula::tune`] chose last.
    fn lambda(&self, system: &System) -> f64;

    /// As [`Head::tune`].
    ///
    /// * returns whether anything changed.
    fn tune(&mut self, _system: &System) -> bool {
        false
    }

    /// The scores of every class.
    fn linear(&self, system: &System) -> Linear;

    /// For every unit what all the others say of its rows that are images themselves, not views.
    fn left_out(&self, system: &System, units: &[Unit]) -> Vec<Vec<Answer>>;

    /// What [`Formula::spread`] needs of the system as it is; `None` where there is no spread.
    fn metric(&self, _system: &System) -> Option<Metric> {
        None
    }

    /// As [`Head::spread`], of a scaled feature.
    fn spread(&self, _system: &System, _metric: &Metric, _linear: &Linear, _z: &[f32]) -> f32 {
        0.0
    }
}

/// The metric of a head's scores, as far as the system does not have it.
#[derive(Debug)]
pub(super) struct Metric {
    /// Of the scores.
    pub(super) factor: f64,
    /// Of the classes with rows.
    pub(super) places: Vec<usize>,
    /// `[C, C]`; `None` where the metric is the identity.
    pub(super) r: Option<Array2<f64>>,
}

/// What a head says of a row that it has not seen.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) row: usize,
    /// `[classes]`
    pub(super) scores: Vec<f32>,
    /// As [`Head::spread`].
    pub(super) spread: Option<f32>,
}

/// The rows of a unit that are images themselves: where they stand in the unit, and in the system.
pub(super) fn images<'a>(
    system: &'a System,
    unit: &'a Unit,
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let own = |&(_, &row): &(usize, &usize)| system.examples()[row].id.1 == 0;
    unit.rows.iter().enumerate().filter(own).map(|(at, &row)| (at, row))
}

/// A head by a formula.
#[derive(Debug)]
pub(super) struct ClosedForm<F> {
    formula: F,
    scaling: FeatureScaling,
    system: System,
    /// Made at the first score after a change, so that teaching many costs once.
    linear: OnceCell<Linear>,
    metric: OnceCell<Option<Metric>>,
    /// Whether it was tuned since the latest change.
    tuned: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct Stored<F: Formula> {
    formula: F,
    scaling: FeatureScaling,
    system: StoredSystem,
    linear: Linear,
}

impl<F: Formula> ClosedForm<F> {
    pub(super) fn new(dim: usize, scaling: FeatureScaling, formula: F) -> Self {
        let (linear, metric) = (OnceCell::new(), OnceCell::new());
        let system = System::new(dim, &scaling, 1.0);
        Self { formula, scaling, system, linear, metric, tuned: false }
    }

    pub(super) fn load(bytes: &[u8]) -> Result<Self, HeadError> {
        let Stored { formula, scaling, system, linear }: Stored<F> = from_bytes(bytes)?;
        let system = system.into_system(&scaling, |system| formula.lambda(system))?;
        let fits = |centre: &Vec<f32>| {
            centre.len() == system.dim() && centre.iter().all(|value| value.is_finite())
        };
        if !scaling.centre.as_ref().is_none_or(fits) {
            return Err(HeadError::Damaged("the centre is not one of a feature".to_owned()));
        }
        if !linear.is_valid(system.classes().len(), system.dim()) {
            return Err(HeadError::Damaged("the weights do not fit the classes".to_owned()));
        }
        let (linear, metric) = (OnceCell::from(linear), OnceCell::new());
        Ok(Self { formula, scaling, system, linear, metric, tuned: true })
    }

    fn changed(&mut self) {
        (self.linear, self.metric, self.tuned) = (OnceCell::new(), OnceCell::new(), false);
        self.system.set_lambda(self.formula.lambda(&self.system));
    }

    fn linear(&self) -> &Linear {
        self.linear.get_or_init(|| self.formula.linear(&self.system))
    }

    /// All or none.
    fn take_in(&mut self, mut new: Vec<New>) -> Result<(), HeadError> {
        if let [one] = new.as_mut_slice() {
            let class = self.system.check_new(one.example, one.class)?;
            self.system.push(one.example, one.group, class, std::mem::take(&mut one.rows));
            self.changed();
            return Ok(());
        }
        let mut seen: HashSet<ExampleId> =
            self.system.examples().iter().map(|taught| taught.id.0).collect();
        let mut taught = Vec::with_capacity(new.iter().map(|one| one.rows.len()).sum());
        for New { example, group, class, rows } in &new {
            let class = self.system.place(*class)?;
            if !seen.insert(*example) {
                return Err(HeadError::ExampleExists(*example));
            }
            let row = |view| Taught { id: (*example, view), group: *group, class, weight: 1.0 };
            taught.extend((0..rows.len() as u8).map(row));
        }
        if !taught.is_empty() {
            let rows = new.into_iter().flat_map(|one| one.rows).collect();
            self.system.extend(taught, rows, |system| self.formula.lambda(system));
            (self.linear, self.metric, self.tuned) = (OnceCell::new(), OnceCell::new(), false);
        }
        Ok(())
    }
}

/// An example that is to be learned.
struct New {
    example: ExampleId,
    group: GroupId,
    class: ClassId,
    /// At least one.
    rows: Vec<Row>,
}

impl<F: Formula> Head for ClosedForm<F> {
    fn kind(&self) -> HeadKind {
        F::KIND
    }

    fn dim(&self) -> usize {
        self.system.dim()
    }

    fn classes(&self) -> &[ClassId] {
        self.system.classes()
    }

    fn add_class(&mut self, class: ClassId) -> Result<(), HeadError> {
        self.system.add_class(class)?;
        self.changed();
        Ok(())
    }

    fn remove_class(&mut self, class: ClassId) -> Result<(), HeadError> {
        self.system.remove_class(class)?;
        self.changed();
        Ok(())
    }

    fn teach(&mut self, lessons: &[Lesson<'_>]) -> Result<(), HeadError> {
        let dim = self.dim();
        let mut new = Vec::with_capacity(lessons.len());
        for &Lesson { example, group, class, features } in lessons {
            super::check_count(features)?;
            let scaled =
                |feature: &&[f32]| Ok(Row::Scaled(self.scaling.apply(dim, feature)?.into()));
            let rows = features.iter().map(scaled).collect::<Result<_, HeadError>>()?;
            new.push(New { example, group, class, rows });
        }
        self.take_in(new)
    }

    fn teach_stored(&mut self, lessons: &[StoredLesson<'_>]) -> Result<(), HeadError> {
        let dim = self.dim();
        let mut new = Vec::with_capacity(lessons.len());
        for lesson in lessons {
            super::check_number(1 + lesson.views.len())?;
            let stored = |feature: &Arc<[f16]>| {
                super::check_feature(dim, &widened_halves(feature))?;
                Ok(Row::Stored(Arc::clone(feature)))
            };
            let rows = lesson.features().map(stored).collect::<Result<_, HeadError>>()?;
            let StoredLesson { example, group, class, .. } = *lesson;
            new.push(New { example, group, class, rows });
        }
        self.take_in(new)
    }

    fn unlearn(&mut self, lesson: &Lesson<'_>) -> Result<(), HeadError> {
        for feature in lesson.features {
            super::check_feature(self.dim(), feature)?;
        }
        self.system.remove(lesson.example, lesson.class)?;
        self.changed();
        Ok(())
    }

    fn tune(&mut self) {
        if !self.tuned && self.formula.tune(&self.system) {
            self.changed();
        }
        self.tuned = true;
    }

    fn score(&self, feature: &[f32]) -> Result<Vec<f32>, HeadError> {
        let z = self.scaling.apply(self.dim(), feature)?;
        Ok(self.linear().score(&z))
    }

    fn spread(&self, feature: &[f32]) -> Result<Option<f32>, HeadError> {
        let z = self.scaling.apply(self.dim(), feature)?;
        let metric = self.metric.get_or_init(|| self.formula.metric(&self.system)).as_ref();
        Ok(metric.map(|metric| self.formula.spread(&self.system, metric, self.linear(), &z)))
    }

    fn leave_out(&self, most: usize) -> Option<Vec<LeftOut>> {
        let answers = self.formula.left_out(&self.system, &self.system.units(most));
        let left_out = |Answer { row, scores, spread }| {
            let taught = self.system.examples()[row];
            let class = self.system.classes()[taught.class];
            LeftOut { example: taught.id.0, group: taught.group, class, scores, spread }
        };
        Some(in_order(answers.into_iter().flatten().map(left_out)))
    }

    fn layers(&self) -> Option<Layers> {
        Some(self.linear().layers(self.classes(), &self.scaling))
    }

    fn save(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Borrowed<'a, F> {
            formula: &'a F,
            scaling: &'a FeatureScaling,
            system: StoredSystem,
            linear: &'a Linear,
        }
        let system = StoredSystem::of(&self.system);
        let (formula, scaling, linear) = (&self.formula, &self.scaling, self.linear());
        to_bytes(F::KIND, &Borrowed { formula, scaling, system, linear })
    }
}
