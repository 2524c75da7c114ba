//! Every head that keeps its examples: what they have in common, over the rule that distinguishes them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::stored::{SavedStored, Stored};
use super::{
    ClassId, ExampleId, FeatureScaling, Head, HeadConfig, HeadError, HeadKind, Layers, LeftOut,
    Lesson, Method,
};

/// What a head makes of the examples it keeps.
pub(super) trait Rule: Send + std::fmt::Debug + Sized {
    /// What cannot be computed again from the examples, as bytes.
    type Saved: Serialize + DeserializeOwned;

    /// The rule for that method, `None` if it is another one's.
    fn of(method: &Method) -> Option<Self>;

    /// How features are scaled before they are kept.
    fn scaling(config: &HeadConfig) -> FeatureScaling {
        config.scaling.clone()
    }

    /// Takes in what was just put into `stored`.
    fn learned(&mut self, stored: &Stored, new: &[ExampleId]);

    /// Examples of that class, or all of it, were just taken out of `stored`.
    fn forgot(&mut self, stored: &Stored, class: ClassId);

    /// * `z`: `[dim]`, scaled.
    /// * returns as [`Head::score`].
    fn score(&self, stored: &Stored, z: &[f32]) -> Vec<f32>;

    /// As [`Head::leave_out`].
    fn leave_out(&self, stored: &Stored, most: usize) -> Option<Vec<LeftOut>>;

    /// As [`Head::layers`].
    fn layers(&self, stored: &Stored) -> Option<Layers>;

    fn save(&self) -> Self::Saved;

    /// Puts back what was saved, or computes it from the examples.
    ///
    /// # Errors
    /// [`HeadError::Damaged`].
    fn restore(&mut self, stored: &Stored, saved: Self::Saved) -> Result<(), HeadError>;
}

/// A head that keeps its examples.
#[derive(Debug)]
pub(super) struct Keeping<R> {
    config: HeadConfig,
    stored: Stored,
    rule: R,
}

#[derive(Serialize, Deserialize)]
struct Saved<S> {
    config: HeadConfig,
    dim: usize,
    stored: SavedStored,
    rule: S,
}

impl<R: Rule> Keeping<R> {
    /// * `config`: checked.
    pub(super) fn new(config: &HeadConfig, dim: usize) -> Result<Self, HeadError> {
        let stored = Stored::new(dim, R::scaling(config));
        Ok(Self { config: config.clone(), stored, rule: rule(config)? })
    }

    /// # Errors
    /// [`HeadError::Damaged`].
    pub(super) fn load(body: &[u8]) -> Result<Self, HeadError> {
        let saved: Saved<R::Saved> = super::from_bytes(body)?;
        let damaged = |error: HeadError| HeadError::Damaged(error.to_string());
        saved.config.check(saved.dim).map_err(damaged)?;
        let mut rule: R = rule(&saved.config).map_err(damaged)?;
        let stored = Stored::from_saved(saved.dim, R::scaling(&saved.config), saved.stored)?;
        rule.restore(&stored, saved.rule)?;
        Ok(Self { config: saved.config, stored, rule })
    }
}

fn rule<R: Rule>(config: &HeadConfig) -> Result<R, HeadError> {
    R::of(&config.method).ok_or_else(|| {
        HeadError::Config(format!("they are those of another head, {}", config.kind()))
    })
}

impl<R: Rule> Head for Keeping<R> {
    fn kind(&self) -> HeadKind {
        self.config.kind()
    }

    fn dim(&self) -> usize {
        self.stored.dim()
    }

    fn classes(&self) -> &[ClassId] {
        self.stored.classes().ids()
    }

    fn add_class(&mut self, class: ClassId) -> Result<(), HeadError> {
        self.stored.add_class(class)
    }

    fn remove_class(&mut self, class: ClassId) -> Result<(), HeadError> {
        if self.stored.remove_class(class)? > 0 {
            self.rule.forgot(&self.stored, class);
        }
        Ok(())
    }

    fn teach(&mut self, lessons: &[Lesson<'_>]) -> Result<(), HeadError> {
        if lessons.is_empty() {
            return Ok(());
        }
        self.stored.teach(lessons)?;
        let new: Vec<ExampleId> = lessons.iter().map(|lesson| lesson.example).collect();
        self.rule.learned(&self.stored, &new);
        Ok(())
    }

    fn unlearn(&mut self, lesson: &Lesson<'_>) -> Result<(), HeadError> {
        self.stored.unlearn(lesson)?;
        self.rule.forgot(&self.stored, lesson.class);
        Ok(())
    }

    fn score(&self, feature: &[f32]) -> Result<Vec<f32>, HeadError> {
        let z = self.stored.scaled(feature)?;
        Ok(self.rule.score(&self.stored, &z))
    }

    fn leave_out(&self, most: usize) -> Option<Vec<LeftOut>> {
        self.rule.leave_out(&self.stored, most)
    }

    fn layers(&self) -> Option<Layers> {
        self.rule.layers(&self.stored)
    }

    fn save(&self) -> Vec<u8> {
        let saved = Saved {
            config: self.config.clone(),
            dim: self.stored.dim(),
            stored: self.stored.to_saved(),
            rule: self.rule.save(),
        };
        super::to_bytes(self.kind(), &saved)
    }
}
