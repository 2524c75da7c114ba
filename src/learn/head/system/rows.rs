//! The features of a system: shared with the stored examples where they came from there, so that they are in memory once
//! and as half precision, and scaled again when they are used.

use std::borrow::Cow;
use std::sync::Arc;

use half::f16;

use crate::learn::head::FeatureScaling;
use crate::learn::linalg::widened_halves;

/// One feature.
#[derive(Debug, Clone)]
pub(crate) enum Row {
    /// `[dim]`, as the system uses it.
    Scaled(Arc<[f32]>),
    /// `[dim]`, finite, as it is stored.
    Stored(Arc<[f16]>),
}

/// Features by their place.
#[derive(Debug)]
pub(super) struct Rows {
    dim: usize,
    scaling: FeatureScaling,
    rows: Vec<Row>,
    /// `[n, dim]`, scaled, while there are so few that each is used often; else nothing.
    scaled: Option<Vec<f32>>,
}

impl Rows {
    pub(super) fn new(dim: usize, scaling: FeatureScaling) -> Self {
        Self { dim, scaling, rows: Vec::new(), scaled: Some(Vec::new()) }
    }

    pub(super) fn get(&self, index: usize) -> &Row {
        &self.rows[index]
    }

    /// `[dim]`, as the system uses it.
    pub(super) fn z(&self, index: usize) -> Cow<'_, [f32]> {
        match &self.scaled {
            Some(all) => Cow::Borrowed(&all[index * self.dim..(index + 1) * self.dim]),
            None => self.scaled(&self.rows[index]),
        }
    }

    /// `[dim]`, of a row that need not be one of these.
    pub(super) fn scaled<'r>(&self, row: &'r Row) -> Cow<'r, [f32]> {
        match row {
            Row::Scaled(z) => Cow::Borrowed(z),
            Row::Stored(feature) => {
                let scaled = self.scaling.apply(self.dim, &widened_halves(feature));
                Cow::Owned(scaled.expect("it was checked when it was taught"))
            }
        }
    }

    /// * `z`: `[dim]`, the same scaled.
    pub(super) fn push(&mut self, row: Row, z: &[f32]) {
        self.rows.push(row);
        if let Some(all) = &mut self.scaled {
            all.extend_from_slice(z);
        }
    }

    /// Takes many in; [`Rows::keep_scaled`] has to follow.
    pub(super) fn extend(&mut self, rows: Vec<Row>) {
        self.scaled = None;
        join(&mut self.rows, rows);
    }

    pub(super) fn remove(&mut self, index: usize) {
        self.rows.remove(index);
        if let Some(all) = &mut self.scaled {
            all.drain(index * self.dim..(index + 1) * self.dim);
        }
    }

    /// Keeps them scaled as well, or no longer.
    pub(super) fn keep_scaled(&mut self, keep: bool) {
        if keep == self.scaled.is_some() {
            return;
        }
        self.scaled = keep.then(|| {
            let all = self.rows.iter().map(|row| self.scaled(row));
            all.fold(Vec::with_capacity(self.rows.len() * self.dim), |mut all, z| {
                all.extend_from_slice(&z);
                all
            })
        });
    }
}

/// Appends all of a list; to an empty one without a copy.
pub(super) fn join<T>(to: &mut Vec<T>, more: Vec<T>) {
    if to.is_empty() {
        *to = more;
    } else {
        to.extend(more);
    }
}
