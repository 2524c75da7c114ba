//! The patches of good parts, and how far those of another part lie from them.

use std::collections::BTreeMap;

use fieldtune_math::patches::{Nearest, Whitening, far_apart};

use crate::learn::examples::{Example, Examples};
use crate::learn::head::{ExampleId, GroupId};
use crate::learn::patches::{PatchLevel, PatchScores, Patches, spread};

/// The share of the covariance that is the same in every direction.
const SHRINKAGE: f64 = 0.03;

/// Patches that stand for all of a level: with more it is no better, see docs/learning.md.
const CHOSEN: usize = 128;

/// Patches that they are chosen from, of the finest level and of the others; where there are more, as many of each example.
const CANDIDATES: [usize; 2] = [8192, 4096];

/// A frame is as far from the good parts as this share of its patches is in the mean, the farthest.
const FARTHEST: f64 = 0.02;

/// Left-out examples that are compared at most.
const MAX_LEFT_OUT: usize = 100;

/// Where fewer examples have patches, as many of them as not: others were stored by an older version, or came in a pack.
const ENOUGH: usize = 200;

/// The quantile of left-out patches at which a place begins to be shown as unlike.
const USUAL: f64 = 0.999;

/// Patches of good parts. It follows from the examples alone, whatever was taught and forgotten before.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchMemory {
    /// Of what is compared, see [`Patches::compared`].
    levels: Vec<LevelMemory>,
    /// What its patches have to be like.
    like: Patches,
    /// How far examples lie from those of other groups.
    left_out: BTreeMap<ExampleId, PatchScores>,
}

#[derive(Debug, Clone, PartialEq)]
struct LevelMemory {
    whitening: Whitening,
    /// Patches that it was fitted to.
    fitted: usize,
    nearest: Nearest,
    /// The distance that all but one in a thousand patches of left-out good parts keep.
    usual: f32,
}

impl PatchMemory {
    /// `None` where too few of the examples have patches.
    pub fn of(examples: &Examples) -> Option<Self> {
        let with: Vec<(&Example, &Patches)> =
            examples.iter().filter_map(|one| Some((one, one.patches.as_deref()?))).collect();
        let &(_, first) = with.first()?;
        let with: Vec<_> = with.into_iter().filter(|(_, patches)| patches.is_like(first)).collect();
        let lacking = examples.len() - with.len();
        if lacking > with.len() && with.len() < ENOUGH {
            return None;
        }
        let like = Patches { levels: first.levels.iter().map(like).collect() };
        let with: Vec<Compared> =
            with.into_iter().map(|(example, patches)| (example, patches.compared())).collect();
        let levels = with.iter().map(|(_, levels)| levels.len()).min().unwrap_or(0);
        let levels = (0..levels).map(|level| LevelMemory::of(level, &with)).collect();
        let mut memory = Self { levels, like, left_out: BTreeMap::new() };
        memory.leave_out(&with);
        Some(memory)
    }

    /// Bytes in memory, the examples' own patches aside.
    pub fn bytes(&self) -> usize {
        self.levels.iter().map(|one| one.whitening.bytes() + one.nearest.bytes()).sum()
    }

    /// How far a frame is from the good parts.
    pub fn scores(&self, patches: &Patches) -> PatchScores {
        let mut scores = PatchScores::default();
        if patches.is_like(&self.like) {
            let compared = patches.compared();
            for (to, (memory, level)) in scores.iter_mut().zip(self.levels.iter().zip(&compared)) {
                *to = score(memory.distances(level, None));
            }
        }
        scores
    }

    /// Of each level, place by place, how far a frame is from the good parts: 1 is what one in a thousand places of a good
    /// part reaches. Empty where the patches are of another kind.
    pub fn distances(&self, patches: &Patches) -> Vec<(PatchLevel, Vec<f32>)> {
        if !patches.is_like(&self.like) {
            return Vec::new();
        }
        let levels = self.levels.iter().zip(&patches.levels);
        let relative = |(memory, level): (&LevelMemory, &PatchLevel)| {
            let distances = memory.distances(level, None);
            (level.clone(), distances.into_iter().map(|far| far / memory.usual).collect())
        };
        levels.map(relative).collect()
    }

    /// Of these examples, each left out with its group.
    pub fn left_out(&self, ids: &[ExampleId]) -> Vec<PatchScores> {
        ids.iter().map(|id| self.left_out.get(id).copied().unwrap_or_default()).collect()
    }

    /// Compares examples with those of other groups, evenly spread over all where there are many.
    fn leave_out(&mut self, with: &[Compared]) {
        let step = with.len().div_ceil(MAX_LEFT_OUT).max(1);
        for (at, memory) in self.levels.iter_mut().enumerate() {
            let mut all: Vec<f32> = Vec::new();
            for (example, levels) in with.iter().step_by(step) {
                let distances = memory.distances(&levels[at], Some(example.group));
                all.extend(distances.iter().filter(|far| far.is_finite()));
                self.left_out.entry(example.id).or_default()[at] = score(distances);
            }
            all.sort_by(f32::total_cmp);
            let place = (all.len() as f64 * USUAL) as usize;
            let usual = all.get(place.min(all.len().saturating_sub(1))).copied();
            // Of a single look nothing is known; the length of a whitened patch is about that of its dimension's root.
            let unknown = (patches_len(with, at) as f32).sqrt();
            memory.usual = usual.unwrap_or(unknown).max(1e-6);
        }
    }
}

/// An example and what is compared of it.
type Compared<'a> = (&'a Example, Vec<PatchLevel>);

fn patches_len(with: &[Compared], level: usize) -> usize {
    with.first().map_or(1, |(_, levels)| levels[level].channels)
}

/// The kind of a level, without its values.
fn like(level: &PatchLevel) -> PatchLevel {
    PatchLevel { size: [0, 0], channels: level.channels, values: Vec::new().into() }
}

impl LevelMemory {
    fn of(level: usize, with: &[Compared]) -> Self {
        let channels = patches_len(with, level);
        let each = (CANDIDATES[level.min(1)] / with.len()).max(1);
        let (mut rows, mut owners) = (Vec::new(), Vec::new());
        for (example, levels) in with {
            let level = &levels[level];
            let values = level.widened();
            for place in spread(level.places(), each) {
                rows.extend_from_slice(&values[place * channels..(place + 1) * channels]);
                owners.push(example.group.0);
            }
        }
        let whitening = Whitening::fit(&rows, channels, SHRINKAGE);
        let rows = whitening.apply(&rows);
        let chosen = far_apart(&rows, channels, CHOSEN);
        let vectors = chosen
            .iter()
            .flat_map(|at| &rows[at * channels..(at + 1) * channels])
            .copied()
            .collect();
        let owners = chosen.iter().map(|&at| owners[at]).collect();
        let fitted = rows.len() / channels;
        Self { whitening, fitted, nearest: Nearest::new(vectors, channels, owners), usual: 1.0 }
    }

    fn distances(&self, level: &PatchLevel, without: Option<GroupId>) -> Vec<f32> {
        let rows = self.whitening.apply(&level.widened());
        let mut distances = self.nearest.distances(&rows, without.map(|group| group.0));
        if without.is_some() {
            for (far, row) in distances.iter_mut().zip(rows.chunks_exact(level.channels)) {
                *far = self.unfitted(*far, row);
            }
        }
        distances
    }

    /// A distance as it would be had the whitening not been fitted to that patch, which widens the spread in its own
    /// direction: by the formula of Sherman and Morrison (1950), with the patch it is compared with near the mean.
    fn unfitted(&self, far: f32, row: &[f32]) -> f32 {
        let share = (1.0 - SHRINKAGE as f32) / self.fitted as f32;
        let length: f32 = row.iter().map(|value| value * value).sum();
        let squared = far * far;
        (squared * (1.0 + share * squared / (1.0 - share * length).max(0.1))).sqrt()
    }
}

/// The mean of the farthest; `None` where there is nothing to compare with.
fn score(mut distances: Vec<f32>) -> Option<f32> {
    let count = ((distances.len() as f64 * FARTHEST).round() as usize).max(1);
    distances.sort_by(|a, b| b.total_cmp(a));
    distances.truncate(count);
    let mean = distances.iter().sum::<f32>() / distances.len().max(1) as f32;
    mean.is_finite().then_some(mean)
}
