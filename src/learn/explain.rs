//! Where in a frame lies what a verdict comes from.
//!
//! Two kinds of map: of a class that was taught alone, how far each place lies from good parts; of several classes, what
//! each place adds to the score of the best class over that of the second. The latter is exact where the scores are a
//! linear function of the feature: the feature is pooled from the maps, so a score is a sum over their places (class
//! activation: Zhou et al. 2016, "Learning Deep Features for Discriminative Localization").

use crate::backbone::{Block, Pooling, TapMap};
use crate::learn::head::{ClassId, Layers};
use crate::learn::patch_memory::PatchMemory;
use crate::learn::patches::{PatchLevel, Patches};

/// Something of each place of a frame, of one or more maps laid over each other.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    layers: Vec<Layer>,
    /// The value that is not shown yet, and the one that is shown in full.
    pub scale: (f32, f32),
}

#[derive(Debug, Clone, PartialEq)]
struct Layer {
    /// Height and width.
    size: [usize; 2],
    values: Vec<f32>,
}

/// A distance so many times the usual largest is shown in full.
const IN_FULL: f32 = 2.0;

impl HeatMap {
    /// How far the places of a frame lie from good parts: the mean of the levels, 1 being what one in a thousand places of
    /// left-out good parts reaches. `None` where the patches are of another kind.
    pub fn of_patches(memory: &PatchMemory, patches: &Patches) -> Option<Self> {
        let levels = memory.distances(patches);
        let share = 1.0 / levels.len() as f32;
        let layers: Vec<Layer> = levels
            .into_iter()
            .map(|(level, far)| Layer {
                size: level.size,
                values: far.into_iter().map(|far| share * far).collect(),
            })
            .collect();
        (!layers.is_empty()).then_some(Self { layers, scale: (1.0, IN_FULL) })
    }

    /// How far each place lies from the nearest of those there and beside it in another frame: the mean of the levels, each in
    /// units of how far the other frame's places lie from their mean. `None` where the patches are of another kind.
    pub fn of_difference(patches: &Patches, other: &Patches) -> Option<Self> {
        if !patches.is_like(other) {
            return None;
        }
        let levels = || patches.levels().iter().zip(other.levels());
        if levels().any(|(level, other)| level.size != other.size) {
            return None;
        }
        let share = 1.0 / patches.levels().len() as f32;
        let layers = levels().map(|(level, other)| {
            let values = beside(level, other).into_iter().map(|far| share * far).collect();
            Layer { size: level.size, values }
        });
        let mut heat = Self { layers: layers.collect(), scale: (0.0, 0.0) };
        let (size, _) = heat.finest()?;
        let all = heat.at_size(size[1], size[0]);
        let mean = all.iter().sum::<f32>() / all.len().max(1) as f32;
        let largest = all.into_iter().fold(0.0, f32::max);
        // Half of the way from the usual difference to the largest is not shown.
        let from = (mean + largest) / 2.0;
        heat.scale = (from, largest.max(from + f32::MIN_POSITIVE));
        Some(heat)
    }

    /// What each place adds to the score of a class over that of another; all places add up to the difference of the scores
    /// but for a number that is the same for every frame of the same length. `None` where the scores are no linear function of
    /// the feature, or a class has none.
    ///
    /// * `blocks`, `maps`: of the backbone and the pass; `feature`: what they were pooled to.
    pub fn of_classes(
        layers: &Layers,
        (best, second): (ClassId, ClassId),
        blocks: &[Block],
        maps: &[TapMap],
        feature: &[f32],
    ) -> Option<Self> {
        let [affine] = layers.affine.as_slice() else { return None };
        let dim = affine.inputs();
        let row = |class: ClassId| {
            let at = layers.classes.iter().position(|known| *known == class)?;
            affine.weights.get(at * dim..(at + 1) * dim)
        };
        let (best, second) = (row(best)?, row(second)?);
        let length = scaled_by(layers, feature);
        let weights: Vec<f32> =
            best.iter().zip(second).map(|(best, second)| (best - second) * length).collect();
        let mut found: Vec<Layer> = Vec::new();
        let mut tensors: Vec<&str> = Vec::new();
        for block in blocks {
            if tensors.last() != Some(&block.tensor.as_str()) {
                tensors.push(&block.tensor);
            }
            let map = maps.iter().find(|map| map.tap == tensors.len() - 1)?;
            if map.channels() != block.len {
                return None;
            }
            let weights = weights.get(block.offset..block.offset + block.len)?;
            let unit = if blocks.len() > 1 { unit_of(map, block.pool) } else { 1.0 };
            let mut values = vec![0.0; map.places()];
            for (plane, weight) in map.values.chunks_exact(map.places()).zip(weights) {
                add(&mut values, plane, block.pool, weight * unit);
            }
            found.push(Layer { size: map.size, values });
        }
        let mut heat = Self { layers: found, scale: (0.0, 0.0) };
        let (size, _) = heat.finest()?;
        let largest = heat.at_size(size[1], size[0]).into_iter().fold(0.0, f32::max);
        heat.scale = (0.0, largest.max(f32::MIN_POSITIVE));
        Some(heat)
    }

    /// Height and width of the finest map, and how many places that is.
    fn finest(&self) -> Option<([usize; 2], usize)> {
        let sizes = self.layers.iter().map(|layer| (layer.size, layer.values.len()));
        sizes.max_by_key(|(_, places)| *places)
    }

    /// The sum of all places of all maps.
    pub fn sum(&self) -> f32 {
        self.layers.iter().flat_map(|layer| &layer.values).sum()
    }

    /// `[height][width]`: the maps, each drawn so large, added up.
    pub fn at_size(&self, width: usize, height: usize) -> Vec<f32> {
        let mut sum = vec![0.0; width * height];
        for layer in &self.layers {
            let [rows, columns] = layer.size;
            let down: Vec<_> = (0..height).map(|at| between(at, height, rows)).collect();
            let across: Vec<_> = (0..width).map(|at| between(at, width, columns)).collect();
            for (line, (top, bottom, low)) in sum.chunks_exact_mut(width.max(1)).zip(&down) {
                let row = |row: usize| &layer.values[row * columns..(row + 1) * columns];
                let (top, bottom) = (row(*top), row(*bottom));
                for (value, (left, right, far)) in line.iter_mut().zip(&across) {
                    let mix = |row: &[f32]| row[*left] * (1.0 - far) + row[*right] * far;
                    *value += mix(top) * (1.0 - low) + mix(bottom) * low;
                }
            }
        }
        sum
    }
}

/// Of each place of a level the distance to the nearest of the nine there and around it in another.
fn beside(level: &PatchLevel, other: &PatchLevel) -> Vec<f32> {
    let ([rows, columns], channels) = (level.size, level.channels);
    let (own, others) = (level.widened(), other.widened());
    let squared = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let mut mean = vec![0.0; channels];
    let share = channels as f32 / others.len().max(1) as f32;
    for patch in others.chunks_exact(channels) {
        mean.iter_mut().zip(patch).for_each(|(mean, value)| *mean += share * value);
    }
    let spread = others.chunks_exact(channels).map(|patch| squared(patch, &mean)).sum::<f32>();
    let spread = (share * spread).sqrt().max(1e-6);
    let mut far = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for column in 0..columns {
            let here = &own[(row * columns + column) * channels..][..channels];
            let around = (row.saturating_sub(1)..(row + 2).min(rows)).flat_map(|row| {
                (column.saturating_sub(1)..(column + 2).min(columns))
                    .map(move |column| row * columns + column)
            });
            let nearest = around
                .map(|at| squared(here, &others[at * channels..][..channels]))
                .fold(f32::INFINITY, f32::min);
            far.push(nearest.sqrt() / spread);
        }
    }
    far
}

/// The two places that a pixel lies between, and how far it is from the first, 0 to 1.
fn between(at: usize, pixels: usize, places: usize) -> (usize, usize, f32) {
    let place = (at as f32 + 0.5) * places as f32 / pixels as f32 - 0.5;
    let place = place.clamp(0.0, places.saturating_sub(1) as f32);
    let first = place as usize;
    (first, (first + 1).min(places.saturating_sub(1)), place - first as f32)
}

/// What the head multiplies a feature by.
fn scaled_by(layers: &Layers, feature: &[f32]) -> f32 {
    if !layers.scaling.unit_length {
        return 1.0;
    }
    let centre = layers.scaling.centre.as_deref().unwrap_or_default();
    let off = feature.iter().enumerate().map(|(at, x)| x - centre.get(at).copied().unwrap_or(0.0));
    let length = off.map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 { 1.0 / length } else { 0.0 }
}

/// What a map's pooled values are multiplied by to be of length one.
fn unit_of(map: &TapMap, pool: Pooling) -> f32 {
    let planes = map.values.chunks_exact(map.places());
    let squares = planes.map(|plane| match pool {
        Pooling::Avg => (plane.iter().sum::<f32>() / plane.len() as f32).powi(2),
        Pooling::Max => plane.iter().copied().fold(f32::NEG_INFINITY, f32::max).powi(2),
    });
    let length = squares.sum::<f32>().sqrt();
    if length > 0.0 { 1.0 / length } else { 0.0 }
}

/// Adds what each place gives of a channel's pooled value, times the weight.
fn add(values: &mut [f32], plane: &[f32], pool: Pooling, weight: f32) {
    match pool {
        Pooling::Avg => {
            let share = weight / plane.len() as f32;
            values.iter_mut().zip(plane).for_each(|(value, x)| *value += share * x);
        }
        Pooling::Max => {
            let largest = (0..plane.len()).max_by(|a, b| plane[*a].total_cmp(&plane[*b]));
            if let Some(at) = largest {
                values[at] += weight * plane[at];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_frame_has_beside_it_is_no_difference() {
        let level = |values: Vec<f32>| PatchLevel {
            size: [4, 4],
            channels: 2,
            values: crate::learn::linalg::narrowed(&values),
        };
        let patches = |level: PatchLevel| Patches::of_levels(vec![level]).expect("sound");
        let values: Vec<f32> = (0..32).map(|at| (at * 7 % 11) as f32).collect();
        let other = patches(level(values.clone()));
        // One place further, as a part that has moved.
        let moved = [&values[2..], &values[..2]].concat();
        let mut changed = moved.clone();
        changed[10..12].iter_mut().for_each(|value| *value += 50.0);
        let heat = HeatMap::of_difference(&patches(level(changed)), &other).expect("alike");
        let all = heat.at_size(4, 4);
        let most = (0..16).max_by(|a, b| all[*a].total_cmp(&all[*b]));
        assert_eq!(most, Some(5));
        let shown = all.iter().filter(|value| **value > heat.scale.0).count();
        assert_eq!(shown, 1, "{all:?}");
        let same = HeatMap::of_difference(&other, &other).expect("alike");
        assert_eq!(same.sum(), 0.0);
        let three =
            PatchLevel { size: [4, 4], channels: 3, values: vec![half::f16::ONE; 48].into() };
        assert_eq!(HeatMap::of_difference(&patches(three), &other), None);
    }

    #[test]
    fn a_map_is_drawn_between_its_places() {
        let layer = |size, values: &[f32]| Layer { size, values: values.to_vec() };
        let heat = HeatMap { layers: vec![layer([1, 2], &[0.0, 4.0])], scale: (0.0, 1.0) };
        assert_eq!(heat.at_size(4, 1), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(heat.at_size(2, 2), [0.0, 4.0, 0.0, 4.0]);
        let two = layer([2, 2], &[1.0, 0.0, 0.0, 0.0]);
        let heat = HeatMap { layers: vec![layer([1, 1], &[2.0]), two], scale: (0.0, 1.0) };
        assert_eq!(heat.at_size(2, 2), [3.0, 2.0, 2.0, 2.0]);
        assert_eq!((heat.sum(), heat.finest()), (3.0, Some(([2, 2], 4))));
    }
}
