//! Streaming linear discriminant analysis: a class's sum of features, and one scatter matrix for all classes. No
//! feature is kept, only the 8 bytes of each example's id, so that none is learned or forgotten twice.
//!
//! With `A` the sum of weighted squares of `x - m`, the feature less its class's mean before it was learned:
//!
//! | update | weight of an example | covariance `S` |
//! | --- | --- | --- |
//! | exact (Welford) | `n_c / (n_c + 1)`, `n_c` examples of its class before it | `A / (n - 1)` |
//! | published | `n / (n + 1)`, `n` examples before it; the mean of a class without one is zero | `A / n` |
//!
//! Then `G = (1 - s) S + s (tr S / d) I`, the identity while `tr S` is zero, and a class with mean `m` scores
//! `x.G^-1 m - m.G^-1 m / 2`. The published update is that of Hayes and Kanan 2020, "Lifelong Machine Learning with
//! Deep Streaming Linear Discriminant Analysis", with this project's shrinkage.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::dense::{
    PackedCholesky, add_scaled_wide, dot_wide, finite, packed_len, packed_row, widened,
};
use super::stored::{Classes, check_finite, check_len};
use super::{
    ClassId, ExampleId, Head, HeadConfig, HeadError, HeadKind, LeftOut, Method, SldaUpdate,
};

/// The scatter of features of that length takes 256 MiB.
const MOST_DIM: usize = 8191;

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
    /// `A`, packed; empty while it is zero from the beginning.
    scatter: Vec<f64>,
    /// Computed when first asked for after a change.
    weights: OnceCell<Weights>,
}

/// What is known of a class.
#[derive(Debug, Clone, Default)]
struct Learned {
    /// `[dim]`, or empty for a class that never had an example.
    sum: Vec<f64>,
    /// Rising.
    ids: Vec<ExampleId>,
}

/// A square to be added to the scatter.
struct Square {
    weight: f64,
    /// `[dim]`
    deviation: Vec<f64>,
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
        if dim > MOST_DIM {
            return Err(HeadError::Config(format!(
                "slda keeps a matrix of the feature's length squared; it is {dim}, wanted at most {MOST_DIM}"
            )));
        }
        Ok(Self {
            config: config.clone(),
            shrinkage: f64::from(shrinkage),
            update,
            dim,
            classes: Classes::default(),
            learned: Vec::new(),
            scatter: Vec::new(),
            weights: OnceCell::new(),
        })
    }

    fn count(&self) -> usize {
        self.learned.iter().map(Learned::count).sum()
    }

    fn knows(&self, example: ExampleId) -> bool {
        self.learned.iter().any(|learned| learned.ids.binary_search(&example).is_ok())
    }

    /// Puts the example into its class; returns what it adds to the scatter.
    fn take_in(&mut self, example: ExampleId, place: usize, z: Vec<f64>, before: usize) -> Square {
        let (dim, update) = (self.dim, self.update);
        let learned = &mut self.learned[place];
        let seen = match update {
            SldaUpdate::Exact => learned.count(),
            SldaUpdate::Published => before,
        };
        let mut deviation = z.clone();
        add_scaled_wide(&mut deviation, -1.0, &learned.mean(dim));
        learned.sum.resize(dim, 0.0);
        add_scaled_wide(&mut learned.sum, 1.0, &z);
        let at = learned.ids.binary_search(&example).unwrap_or_else(|at| at);
        learned.ids.insert(at, example);
        Square { weight: seen as f64 / (seen as f64 + 1.0), deviation }
    }

    /// `A += weight * deviation deviation^T` for each, row by row: as one after another, in one pass over memory.
    fn add(&mut self, squares: &[Square]) {
        let len = packed_len(self.dim).expect("the constructor bounds the dimension");
        self.scatter.resize(len, 0.0);
        let mut rest = self.scatter.as_mut_slice();
        for row in 0..self.dim {
            let (this, below) = rest.split_at_mut(row + 1);
            for Square { weight, deviation } in squares {
                add_scaled_wide(this, weight * deviation[row], &deviation[..=row]);
            }
            rest = below;
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
            magnitude += dot_wide(&mean, &mean) * learned.count() as f64;
            count += learned.count();
            rows.extend(mean);
        }
        let means = rows.clone();
        let freedom = match self.update {
            SldaUpdate::Exact => count.saturating_sub(1),
            SldaUpdate::Published => count,
        } as f64;
        let diagonal = |row: usize| self.scatter[packed_row(row) + row];
        let sum: f64 =
            if self.scatter.is_empty() { 0.0 } else { (0..self.dim).map(diagonal).sum() };
        if sum > ROUNDING * magnitude {
            let spread = sum / freedom / self.dim as f64;
            let keep = (1.0 - self.shrinkage) / freedom;
            let mut shrunk: Vec<f64> = self.scatter.iter().map(|value| keep * value).collect();
            for row in 0..self.dim {
                shrunk[packed_row(row) + row] += self.shrinkage * spread;
            }
            match PackedCholesky::of(shrunk, self.dim) {
                Some(factor) => factor.solve(&mut rows),
                // Only where rounding outweighs the shrinkage: then the trace is all that is known.
                None => rows.iter_mut().for_each(|value| *value /= spread),
            }
        }
        let halves = means
            .chunks_exact(self.dim)
            .zip(rows.chunks_exact(self.dim))
            .map(|(mean, row)| dot_wide(mean, row) / 2.0)
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
            let ids: Vec<ExampleId> = ids.into_iter().map(ExampleId).collect();
            if !ids.is_sorted_by(|a, b| a < b) || !ids.iter().all(|&id| all.insert(id)) {
                let what = format!(
                    "the examples of the class with id {id} do not rise or are not its own"
                );
                return Err(HeadError::Damaged(what));
            }
            head.learned.push(Learned { sum, ids });
        }
        if !saved.scatter.is_empty() {
            check_len("the scatter", saved.scatter.len(), packed_len(saved.dim).unwrap_or(0))?;
        }
        check_finite("the scatter", &saved.scatter)?;
        head.scatter = saved.scatter;
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

    fn learn(
        &mut self,
        example: ExampleId,
        class: ClassId,
        feature: &[f32],
    ) -> Result<(), HeadError> {
        self.learn_many(&[(example, class, feature)])
    }

    fn learn_many(&mut self, examples: &[(ExampleId, ClassId, &[f32])]) -> Result<(), HeadError> {
        let mut new = BTreeSet::new();
        let mut checked = Vec::with_capacity(examples.len());
        for &(example, class, feature) in examples {
            let z = self.config.scaling.apply(self.dim, feature)?;
            let place = self.classes.place(class)?;
            if self.knows(example) || !new.insert(example) {
                return Err(HeadError::ExampleExists(example));
            }
            checked.push((example, place, z));
        }
        let mut count = self.count();
        for group in checked.chunks(TOGETHER) {
            let mut squares = Vec::with_capacity(group.len());
            for (example, place, z) in group {
                squares.push(self.take_in(*example, *place, widened(z), count));
                count += 1;
            }
            squares.retain(|square| square.weight > 0.0);
            if !squares.is_empty() {
                self.add(&squares);
            }
            self.weights.take();
        }
        Ok(())
    }

    fn forget(
        &mut self,
        example: ExampleId,
        class: ClassId,
        feature: &[f32],
    ) -> Result<(), HeadError> {
        let z = widened(&self.config.scaling.apply(self.dim, feature)?);
        let place = self.classes.place(class)?;
        let learned = &mut self.learned[place];
        let at = learned.ids.binary_search(&example).map_err(|_| HeadError::NoExample(example))?;
        if self.update == SldaUpdate::Published {
            return Err(HeadError::NotForgettable(HeadKind::Slda));
        }
        self.weights.take();
        learned.ids.remove(at);
        let left = learned.count() as f64;
        add_scaled_wide(&mut learned.sum, -1.0, &z);
        if learned.ids.is_empty() {
            learned.sum.fill(0.0);
        } else {
            let mut deviation = z;
            add_scaled_wide(&mut deviation, -1.0 / left, &learned.sum);
            self.add(&[Square { weight: -left / (left + 1.0), deviation }]);
        }
        // Nothing deviates from the mean of one; rounding is not to be taken for a covariance.
        if self.learned.iter().all(|learned| learned.count() <= 1) {
            self.scatter.fill(0.0);
        }
        Ok(())
    }

    fn score(&self, feature: &[f32]) -> Result<Vec<f32>, HeadError> {
        let z = widened(&self.config.scaling.apply(self.dim, feature)?);
        let Weights { places, rows, halves } = self.weights.get_or_init(|| self.weights());
        let score = |place: &Option<usize>| match *place {
            Some(at) => finite(dot_wide(&z, &rows[at * self.dim..][..self.dim]) - halves[at]),
            None => f32::NEG_INFINITY,
        };
        Ok(places.iter().map(score).collect())
    }

    /// The examples are gone.
    fn leave_one_out(&self) -> Option<Vec<LeftOut>> {
        None
    }

    fn save(&self) -> Vec<u8> {
        let classes = self.classes.ids().iter().zip(&self.learned).map(|(class, learned)| {
            let ids = learned.ids.iter().map(|id| id.0).collect();
            SavedClass { id: class.0, sum: learned.sum.clone(), ids }
        });
        let saved = Saved {
            config: self.config.clone(),
            dim: self.dim,
            classes: classes.collect(),
            scatter: self.scatter.clone(),
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
    ids: Vec<u64>,
}
