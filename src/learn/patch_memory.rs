//! The patches of good parts, and how far those of another part lie from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldtune_math::patches::{Nearest, Whitening, far_apart};

use crate::learn::examples::{Example, Examples};
use crate::learn::head::{ExampleId, GroupId};
use crate::learn::patches::{KeptPatches, PatchLevel, PatchScores, Patches, spread};

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
    /// What its patches have to have, by level.
    channels: Vec<usize>,
    /// How far examples lie from those of other groups.
    left_out: BTreeMap<ExampleId, PatchScores>,
}

#[derive(Debug, Clone, PartialEq)]
struct LevelMemory {
    channels: usize,
    whitening: Whitening,
    /// Patches that it was fitted to.
    fitted: usize,
    nearest: Nearest,
    /// The distance that all but one in a thousand patches of left-out good parts keep.
    usual: f32,
}

/// What examples keep of their patches; copies of it are cheap.
#[derive(Debug)]
pub(super) struct PatchSources {
    with: Vec<WithPatches>,
    /// Examples, with patches or without.
    examples: usize,
}

/// An example, its group, and what it keeps.
type WithPatches = (ExampleId, GroupId, Arc<KeptPatches>);

impl PatchSources {
    pub(super) fn of(examples: &Examples) -> Self {
        let with = |one: &Example| Some((one.id, one.group, Arc::clone(one.patches.as_ref()?)));
        Self { with: examples.iter().filter_map(with).collect(), examples: examples.len() }
    }

    /// What is remembered of them; `None` where too few of the examples have patches.
    pub(super) fn memory(&self) -> Option<PatchMemory> {
        let channels = self.with.first()?.2.channels();
        let is_like = |with: &&WithPatches| with.2.channels() == channels;
        let with: Vec<&WithPatches> = self.with.iter().filter(is_like).collect();
        let lacking = self.examples - with.len();
        if lacking > with.len() && with.len() < ENOUGH {
            return None;
        }
        let levels = Candidates::of(&with).into_iter().map(Candidates::memory).collect();
        let mut memory = PatchMemory { levels, channels, left_out: BTreeMap::new() };
        memory.leave_out(&with);
        Some(memory)
    }
}

impl PatchMemory {
    /// Bytes in memory, the examples' own patches aside.
    pub fn bytes(&self) -> usize {
        self.levels.iter().map(|one| one.whitening.bytes() + one.nearest.bytes()).sum()
    }

    /// How far a frame is from the good parts.
    pub fn scores(&self, patches: &Patches) -> PatchScores {
        let mut scores = PatchScores::default();
        if patches.has_channels(&self.channels) {
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
        if !patches.has_channels(&self.channels) {
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
    fn leave_out(&mut self, with: &[&WithPatches]) {
        let step = with.len().div_ceil(MAX_LEFT_OUT).max(1);
        let mut all: Vec<Vec<f32>> = vec![Vec::new(); self.levels.len()];
        for (id, group, kept) in with.iter().step_by(step) {
            let compared = kept.patches().compared();
            let scores = self.left_out.entry(*id).or_default();
            for (at, (memory, level)) in self.levels.iter().zip(&compared).enumerate() {
                let distances = memory.distances(level, Some(*group));
                all[at].extend(distances.iter().filter(|far| far.is_finite()));
                scores[at] = score(distances);
            }
        }
        for (memory, mut all) in self.levels.iter_mut().zip(all) {
            all.sort_by(f32::total_cmp);
            let place = (all.len() as f64 * USUAL) as usize;
            let usual = all.get(place.min(all.len().saturating_sub(1))).copied();
            // Of a single look nothing is known; the length of a whitened patch is about that of its dimension's root.
            memory.usual = usual.unwrap_or((memory.channels as f32).sqrt()).max(1e-6);
        }
    }
}

/// Patches of a level that those are chosen from which stand for all.
struct Candidates {
    channels: usize,
    /// `[owners][channels]`
    rows: Vec<f32>,
    owners: Vec<u64>,
}

impl Candidates {
    /// By level, as many as all examples have.
    fn of(with: &[&WithPatches]) -> Vec<Self> {
        let mut of_levels: Vec<Self> = Vec::new();
        for (turn, (_, group, kept)) in with.iter().enumerate() {
            let levels = kept.patches().compared();
            if turn == 0 {
                let none = |level: &PatchLevel| Self::none(level.channels);
                of_levels = levels.iter().map(none).collect();
            }
            of_levels.truncate(levels.len());
            for (at, (to, level)) in of_levels.iter_mut().zip(&levels).enumerate() {
                let each = (CANDIDATES[at.min(1)] / with.len()).max(1);
                let values = level.widened();
                for place in spread(level.places(), each) {
                    to.rows
                        .extend_from_slice(&values[place * to.channels..(place + 1) * to.channels]);
                    to.owners.push(group.0);
                }
            }
        }
        of_levels
    }

    fn none(channels: usize) -> Self {
        Self { channels, rows: Vec::new(), owners: Vec::new() }
    }

    fn memory(self) -> LevelMemory {
        let Self { channels, rows, owners } = self;
        let whitening = Whitening::fit(&rows, channels, SHRINKAGE);
        let rows = whitening.apply(&rows);
        let chosen = far_apart(&rows, channels, CHOSEN);
        let vectors = chosen
            .iter()
            .flat_map(|at| &rows[at * channels..(at + 1) * channels])
            .copied()
            .collect();
        let fitted = owners.len();
        let owners = chosen.iter().map(|&at| owners[at]).collect();
        let nearest = Nearest::new(vectors, channels, owners);
        LevelMemory { channels, whitening, fitted, nearest, usual: 1.0 }
    }
}

impl LevelMemory {
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
