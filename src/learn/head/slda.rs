//! Streaming linear discriminant analysis: a class's sum of features, and one scatter matrix for all classes. No
//! feature is kept, only the id of each, so that none is learned or forgotten twice. Every feature weighs the same,
//! whichever group it is of.
//!
//! With `A` the sum of weighted squares of `x - m`, the feature less its class's mean before it was learned:
//!
//! | update | weight of an example | covariance `S` |
//! | --- | --- | --- |
//! | exact (Welford) | `n_c / (n_c + 1)`, `n_c` examples of its class before it | `A / (n - 1)` |
//! | published | `n / (n + 1)`, `n` examples before it; the mean of a class without one is zero | `A / n` |
//!
//! Then `G = (1 - s) S + s (tr S / d) I`, the identity while `tr S` is zero, and a class with mean `m` scores
//! `x.G^-1 m - m.G^-1 m / 2`, less the mean of these over the classes: they may be thousands that differ by one, and f32
//! would lose the last digits of that. The published update is that of Hayes and Kanan 2020, "Lifelong Machine Learning with
//! Deep Streaming Linear Discriminant Analysis", with this project's shrinkage.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::scatter::{MAX_DIM, Scatter, Square};
use super::stored::{Classes, check_finite, check_len};
use super::{
    Affine, ClassId, ExampleId, Head, HeadConfig, HeadError, HeadKind, Layers, LeftOut, Lesson,
    Method, RowId, Shrinkage, SldaUpdate, finite,
};
use crate::learn::linalg::{add_scaled, dot, widened};

/// A trace below this part of the features' own squares is what rounding left.
const ROUNDING: f64 = 1e-12;

/// Examples whose squares are added in one pass over the scatter.
const TOGETHER: usize = 16;

#[derive(Debug)]
pub(super) struct Slda {
    config: HeadConfig,
    shrinkage: f64,
    update: SldaUpdate,
    dim: usize,
    classes: Classes,
    /// `[classes]`
    learned: Vec<Learned>,
    /// `A`
    scatter: Scatter,
    /// Computed when first asked for after a change.
    weights: OnceCell<Weights>,
}

/// What is known of a class.
#[derive(Debug, Clone, Default)]
struct Learned {
    /// `[dim]`, or empty for a class that never had an example.
    sum: Vec<f64>,
    /// Rising.
    ids: Vec<RowId>,
}

/// `G^-1 m` and `m.G^-1 m / 2` of every class with examples.
#[derive(Debug)]
struct Weights {
    /// `[classes]` indices into the rest.
    places: Vec<Option<usize>>,
    /// `[with examples][dim]`
    rows: Vec<f64>,
    /// `[with examples]`
    halves: Vec<f64>,
}

impl Learned {
    fn count(&self) -> usize {
        self.ids.len()
    }

    /// `[dim]`, zero for a class without examples.
    fn mean(&self, dim: usize) -> Vec<f64> {
        if self.ids.is_empty() {
            return vec![0.0; dim];
        }
        self.sum.iter().map(|sum| sum / self.count() as f64).collect()
    }
}

impl Slda {
    /// * `config`: checked.
    ///
    /// # Errors
    /// [`HeadError::Config`].
    pub(super) fn new(config: &HeadConfig, dim: usize) -> Result<Self, HeadError> {
        let Method::Slda { shrinkage, update } = config.method else {
            let kind = config.kind();
            return Err(HeadError::Config(format!("they are those of another head, {kind}")));
        };
        if dim > MAX_DIM {
            return Err(HeadError::Config(format!(
                "slda keeps a matrix of the feature's length squared; it is {dim}, wanted at most {MAX_DIM}"
            )));
        }
        Ok(Self {
            config: config.clone(),
            shrinkage: f64::from(shrinkage),
            update,
            dim,
            classes: Classes::default(),
            learned: Vec::new(),
            scatter: Scatter::zero(dim),
            weights: OnceCell::new(),
        })
    }

    fn count(&self) -> usize {
        self.learned.iter().map(Learned::count).sum()
    }

    fn knows(&self, example: ExampleId) -> bool {
        self.learned.iter().any(|learned| learned.ids.binary_search(&(example, 0)).is_ok())
    }

    /// Puts the example into its class; returns what it adds to the scatter.
    fn take_in(&mut self, example: RowId, place: usize, z: Vec<f64>, before: usize) -> Square {
        let (dim, update) = (self.dim, self.update);
        let learned = &mut self.learned[place];
        let seen = match update {
            SldaUpdate::Exact => learned.count(),
            SldaUpdate::Published => before,
        };
        let mut deviation = z.clone();
        add_scaled(&mut deviation, -1.0, &learned.mean(dim));
        learned.sum.resize(dim, 0.0);
        add_scaled(&mut learned.sum, 1.0, &z);
        let at = learned.ids.binary_search(&example).unwrap_or_else(|at| at);
        learned.ids.insert(at, example);
        Square { weight: seen as f64 / (seen as f64 + 1.0), vector: deviation }
    }

    /// Takes a row out of its class and the scatter.
    fn take_off(&mut self, row: RowId, place: usize, z: Vec<f64>) {
        let learned = &mut self.learned[place];
        learned.ids.retain(|id| *id != row);
        let left = learned.count() as f64;
        add_scaled(&mut learned.sum, -1.0, &z);
        if learned.ids.is_empty() {
            learned.sum.fill(0.0);
        } else {
            let mut deviation = z;
            add_scaled(&mut deviation, -1.0 / left, &learned.sum);
            self.scatter.add(&[Square { weight: -left / (left + 1.0), vector: deviation }]);
        }
    }

    fn weights(&self) -> Weights {
        let mut rows = Vec::new();
        let mut places = Vec::with_capacity(self.learned.len());
        let (mut count, mut magnitude) = (0usize, 0.0);
        for learned in &self.learned {
            if learned.ids.is_empty() {
                places.push(None);
                continue;
            }
            places.push(Some(rows.len() / self.dim));
            let mean = learned.mean(self.dim);
            magnitude += dot(&mean, &mean) * learned.count() as f64;
            count += learned.count();
            rows.extend(mean);
        }
        let means = rows.clone();
        let freedom = match self.update {
            SldaUpdate::Exact => count.saturating_sub(1),
            SldaUpdate::Published => count,
        } as f64;
        let sum = self.scatter.trace();
        if sum > ROUNDING * magnitude {
            let spread = sum / freedom / self.dim as f64;
            let share = (1.0 - self.shrinkage) / freedom;
            match self.scatter.factor(share, self.shrinkage * spread) {
                Some(factor) => factor.solve(&mut rows),
                // Only where rounding outweighs the shrinkage: then the trace is all that is known.
                None => rows.iter_mut().for_each(|value| *value /= spread),
            }
        }
        let halves = means
            .chunks_exact(self.dim)
            .zip(rows.chunks_exact(self.dim))
            .map(|(mean, row)| dot(mean, row) / 2.0)
            .collect();
        Weights { places, rows, halves }
    }

    /// # Errors
    /// [`HeadError::Damaged`].
    pub(super) fn load(body: &[u8]) -> Result<Self, HeadError> {
        let saved: Saved = super::from_bytes(body)?;
        let damaged = |error: HeadError| HeadError::Damaged(error.to_string());
        saved.config.check(saved.dim).map_err(damaged)?;
        let mut head = Self::new(&saved.config, saved.dim).map_err(damaged)?;
        head.classes = Classes::from_saved(saved.classes.iter().map(|class| class.id))?;
        let mut all = BTreeSet::new();
        for SavedClass { id, sum, ids } in saved.classes {
            if !(sum.is_empty() && ids.is_empty()) {
                check_len("a class's sum", sum.len(), saved.dim)?;
            }
            check_finite("a class's sum", &sum)?;
            let ids: Vec<RowId> = ids.into_iter().map(|(id, view)| (ExampleId(id), view)).collect();
            if !ids.is_sorted_by(|a, b| a < b) || !ids.iter().all(|&id| all.insert(id)) {
                let what = format!(
                    "the examples of the class with id {id} do not rise or are not its own"
                );
                return Err(HeadError::Damaged(what));
            }
            head.learned.push(Learned { sum, ids });
        }
        head.scatter = Scatter::from_saved(saved.dim, saved.scatter)?;
        Ok(head)
    }
}

impl Head for Slda {
    fn kind(&self) -> HeadKind {
        HeadKind::Slda
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn classes(&self) -> &[ClassId] {
        self.classes.ids()
    }

    fn add_class(&mut self, class: ClassId) -> Result<(), HeadError> {
        self.classes.add(class)?;
        self.learned.push(Learned::default());
        self.weights.take();
        Ok(())
    }

    fn remove_class(&mut self, class: ClassId) -> Result<(), HeadError> {
        let place = self.classes.place(class)?;
        if self.learned[place].count() > 0 {
            return Err(HeadError::NotForgettable(HeadKind::Slda));
        }
        self.classes.remove(class)?;
        self.learned.remove(place);
        self.weights.take();
        Ok(())
    }

    fn teach(&mut self, lessons: &[Lesson<'_>]) -> Result<(), HeadError> {
        let mut new = BTreeSet::new();
        let mut checked = Vec::with_capacity(lessons.len());
        for &Lesson { example, class, features, .. } in lessons {
            super::check_count(features)?;
            let place = self.classes.place(class)?;
            if self.knows(example) || !new.insert(example) {
                return Err(HeadError::ExampleExists(example));
            }
            for (view, feature) in (0..).zip(features) {
                let z = self.config.scaling.apply(self.dim, feature)?;
                checked.push(((example, view), place, z));
            }
        }
        let mut count = self.count();
        for group in checked.chunks(TOGETHER) {
            let mut squares = Vec::with_capacity(group.len());
            for (row, place, z) in group {
                squares.push(self.take_in(*row, *place, widened(z), count));
                count += 1;
            }
            squares.retain(|square| square.weight > 0.0);
            self.scatter.add(&squares);
            self.weights.take();
        }
        Ok(())
    }

    fn unlearn(&mut self, lesson: &Lesson<'_>) -> Result<(), HeadError> {
        let Lesson { example, class, features, .. } = *lesson;
        let scaled = |feature: &&[f32]| self.config.scaling.apply(self.dim, feature);
        let rows = features.iter().map(scaled).collect::<Result<Vec<_>, _>>()?;
        let place = self.classes.place(class)?;
        let known = (0..rows.len() as u8)
            .all(|view| self.learned[place].ids.binary_search(&(example, view)).is_ok());
        if !known {
            return Err(HeadError::NoExample(example));
        }
        if self.update == SldaUpdate::Published {
            return Err(HeadError::NotForgettable(HeadKind::Slda));
        }
        self.weights.take();
        for (view, z) in (0..).zip(rows) {
            self.take_off((example, view), place, widened(&z));
        }
        // Nothing deviates from the mean of one; rounding is not to be taken for a covariance.
        if self.learned.iter().all(|learned| learned.count() <= 1) {
            self.scatter.clear();
        }
        Ok(())
    }

    fn score(&self, feature: &[f32]) -> Result<Vec<f32>, HeadError> {
        let z = widened(&self.config.scaling.apply(self.dim, feature)?);
        let Weights { places, rows, halves } = self.weights.get_or_init(|| self.weights());
        let score = |at: usize| dot(&z, &rows[at * self.dim..][..self.dim]) - halves[at];
        let scores: Vec<Option<f64>> = places.iter().map(|place| place.map(score)).collect();
        let mean = scores.iter().flatten().sum::<f64>() / halves.len().max(1) as f64;
        let relative = |score: f64| finite(score - mean);
        Ok(scores.into_iter().map(|score| score.map_or(f32::NEG_INFINITY, relative)).collect())
    }

    /// The examples are gone.
    fn leave_out(&self, _: usize) -> Option<Vec<LeftOut>> {
        None
    }

    /// Lda with the same shrinkage: with the exact update both are the same function of the examples.
    fn twin(&self) -> Option<HeadConfig> {
        let Method::Slda { shrinkage, update: SldaUpdate::Exact } = self.config.method else {
            return None;
        };
        let method = Method::Lda { shrinkage: Shrinkage::Fixed(shrinkage) };
        Some(HeadConfig { method, scaling: self.config.scaling.clone() })
    }

    fn layers(&self) -> Option<Layers> {
        let Weights { places, rows, halves } = self.weights.get_or_init(|| self.weights());
        let taught = self.classes.ids().iter().zip(places).filter(|(_, place)| place.is_some());
        Some(Layers {
            classes: taught.map(|(&class, _)| class).collect(),
            scaling: self.config.scaling.clone(),
            // Both stand in the order of the classes.
            affine: vec![Affine::of_scores(
                rows.clone(),
                halves.iter().map(|half| -half).collect(),
            )],
        })
    }

    fn save(&self) -> Vec<u8> {
        let classes = self.classes.ids().iter().zip(&self.learned).map(|(class, learned)| {
            let ids = learned.ids.iter().map(|(id, view)| (id.0, *view)).collect();
            SavedClass { id: class.0, sum: learned.sum.clone(), ids }
        });
        let saved = Saved {
            config: self.config.clone(),
            dim: self.dim,
            classes: classes.collect(),
            scatter: self.scatter.values().to_vec(),
        };
        super::to_bytes(HeadKind::Slda, &saved)
    }
}

/// The head as bytes.
#[derive(Serialize, Deserialize)]
struct Saved {
    config: HeadConfig,
    dim: usize,
    classes: Vec<SavedClass>,
    scatter: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct SavedClass {
    id: u32,
    sum: Vec<f64>,
    ids: Vec<(u64, u8)>,
}

#[cfg(test)]
mod tests;
