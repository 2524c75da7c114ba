//! Heads whose answer is a formula over all examples: what `lda` and `ridge` share as heads.

use std::cell::OnceCell;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::linear::Linear;
use super::system::{StoredSystem, System, Taught};
use super::{
    ClassId, ExampleId, FeatureScaling, Head, HeadError, HeadKind, Layers, LeftOut, from_bytes,
    to_bytes,
};

/// What sets one such head apart from another.
pub(super) trait Formula: std::fmt::Debug + Send + Serialize + DeserializeOwned {
    const KIND: HeadKind;

    /// The ridge that the system is kept at; a function of what is taught, not of the order it came in.
    fn lambda(&self, system: &System) -> f64;

    /// The scores of every class.
    fn linear(&self, system: &System) -> Linear;

    /// For every example the scores `[classes]` by all the others.
    fn left_out(&self, system: &System) -> Vec<Vec<f32>>;
}

/// A head by a formula.
#[derive(Debug)]
pub(super) struct ClosedForm<F> {
    formula: F,
    scaling: FeatureScaling,
    system: System,
    /// Made at the first score after a change, so that teaching many costs once.
    linear: OnceCell<Linear>,
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
        Self { formula, scaling, system: System::new(dim, 1.0), linear: OnceCell::new() }
    }

    pub(super) fn load(bytes: &[u8]) -> Result<Self, HeadError> {
        let Stored { formula, scaling, system, linear }: Stored<F> = from_bytes(bytes)?;
        let system = system.into_system(|system| formula.lambda(system))?;
        let fits = |centre: &Vec<f32>| {
            centre.len() == system.dim() && centre.iter().all(|value| value.is_finite())
        };
        if !scaling.centre.as_ref().is_none_or(fits) {
            return Err(HeadError::Damaged("the centre is not one of a feature".to_owned()));
        }
        if !linear.is_valid(system.classes().len(), system.dim()) {
            return Err(HeadError::Damaged("the weights do not fit the classes".to_owned()));
        }
        Ok(Self { formula, scaling, system, linear: OnceCell::from(linear) })
    }

    fn changed(&mut self) {
        self.linear = OnceCell::new();
        self.system.set_lambda(self.formula.lambda(&self.system));
    }

    fn linear(&self) -> &Linear {
        self.linear.get_or_init(|| self.formula.linear(&self.system))
    }
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

    fn learn(
        &mut self,
        example: ExampleId,
        class: ClassId,
        feature: &[f32],
    ) -> Result<(), HeadError> {
        let z = self.scaling.apply(self.dim(), feature)?;
        let class = self.system.check_new(example, class)?;
        self.system.push(Taught { id: example, class }, &z);
        self.changed();
        Ok(())
    }

    fn learn_many(&mut self, examples: &[(ExampleId, ClassId, &[f32])]) -> Result<(), HeadError> {
        let mut taught = Vec::with_capacity(examples.len());
        let mut features = Vec::with_capacity(examples.len() * self.dim());
        let mut seen = std::collections::HashSet::new();
        for &(id, class, feature) in examples {
            features.extend(self.scaling.apply(self.dim(), feature)?);
            let class = self.system.check_new(id, class)?;
            if !seen.insert(id) {
                return Err(HeadError::ExampleExists(id));
            }
            taught.push(Taught { id, class });
        }
        self.system.extend(&taught, &features, |system| self.formula.lambda(system));
        self.linear = OnceCell::new();
        Ok(())
    }

    fn forget(
        &mut self,
        example: ExampleId,
        class: ClassId,
        feature: &[f32],
    ) -> Result<(), HeadError> {
        super::check_feature(self.dim(), feature)?;
        self.system.remove(example, class)?;
        self.changed();
        Ok(())
    }

    fn score(&self, feature: &[f32]) -> Result<Vec<f32>, HeadError> {
        let z = self.scaling.apply(self.dim(), feature)?;
        Ok(self.linear().score(&z))
    }

    fn leave_one_out(&self) -> Option<Vec<LeftOut>> {
        let scores = self.formula.left_out(&self.system);
        let examples = self.system.examples().iter();
        Some(
            examples
                .zip(scores)
                .map(|(taught, scores)| LeftOut {
                    example: taught.id,
                    class: self.system.classes()[taught.class],
                    scores,
                })
                .collect(),
        )
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
