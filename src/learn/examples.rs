//! What has been taught: every feature with its class and where it came from, within a budget of bytes.
//!
//! When the budget is used up, the class with most examples gives up its most redundant one: of the group with most,
//! the one that lies nearest to another example of its class. So a class that is taught all day cannot push out a rare
//! one, and a burst no look at another part.

mod example;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

pub use super::linalg::{StoredFeature, narrowed};
pub use example::{Example, ImageMark, Images, MAX_VIEWS};

use crate::learn::head::{ClassId, ExampleId, GroupId};
use crate::learn::linalg::{dot, widen_scaled};

/// Examples are compared with those of their class whose ids, divided by this, are the same: taught about the same time,
/// they are the likeliest to be redundant, and a large class does not take time that grows with its square.
const COMPARED: u64 = 1024;

/// Examples that are kept at most, whatever the budget.
pub const MAX_EXAMPLES: usize = 1 << 16;

/// An example as it lies among the others.
#[derive(Debug, Clone)]
struct Kept {
    example: Example,
    /// What its feature is multiplied by to be of length one; 0 for a zero feature.
    scale: f32,
    /// The nearest other example of the same class among those that it was compared with, and the cosine to it; `None`
    /// until something had to go.
    nearest: Option<(ExampleId, f32)>,
}

impl Kept {
    /// `[dim]`, the feature at length one (all zero for a zero feature). It is not kept: it would be twice the feature.
    fn unit(&self) -> Vec<f32> {
        let mut unit = Vec::new();
        self.unit_into(&mut unit);
        unit
    }

    fn unit_into(&self, unit: &mut Vec<f32>) {
        widen_scaled(&self.example.feature, self.scale, unit);
    }
}

/// The examples, by id.
#[derive(Debug, Clone)]
pub struct Examples {
    kept: BTreeMap<ExampleId, Kept>,
    by_class: BTreeMap<ClassId, BTreeSet<ExampleId>>,
    /// Classes whose examples are compared with each other.
    compared: BTreeSet<ClassId>,
    /// How many are descriptions.
    described: usize,
    bytes: usize,
    budget: usize,
    /// Examples at most.
    most: usize,
}

/// How near a feature is to an example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The example.
    pub example: ExampleId,
    /// Its class.
    pub class: ClassId,
    /// Cosine of the angle between the features, -1 to 1.
    pub cosine: f32,
}

impl Examples {
    /// Room for 64 MiB: some 20,000 examples of 1280 values, 5,000 with four views each.
    pub const DEFAULT_BUDGET: usize = 64 << 20;

    /// * `budget`: bytes, see [`Example::bytes`].
    pub fn new(budget: usize) -> Self {
        Self {
            kept: BTreeMap::new(),
            by_class: BTreeMap::new(),
            compared: BTreeSet::new(),
            described: 0,
            bytes: 0,
            budget,
            most: MAX_EXAMPLES,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there are as many as may be, see [`MAX_EXAMPLES`].
    pub fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    /// Whether nothing has been taught.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether any of them is a description in words.
    pub fn are_described(&self) -> bool {
        self.described > 0
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that may be used.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// One example.
    pub fn get(&self, id: ExampleId) -> Option<&Example> {
        self.kept.get(&id).map(|kept| &kept.example)
    }

    /// All of them, by rising id.
    pub fn iter(&self) -> impl Iterator<Item = &Example> {
        self.kept.values().map(|kept| &kept.example)
    }

    /// How many the class has.
    pub fn count(&self, class: ClassId) -> usize {
        self.by_class.get(&class).map_or(0, BTreeSet::len)
    }

    /// Adds an example; one with the same id is replaced.
    pub fn insert(&mut self, example: Example) {
        self.remove(example.id);
        let (id, class) = (example.id, example.class);
        let mut new = Kept { scale: scale(&example.widened()), example, nearest: None };
        let mut nearest = None;
        if self.compared.contains(&class) {
            let (unit, mut others) = (new.unit(), Vec::new());
            for other in self.near_by(class, id) {
                let kept = self.kept.get_mut(&other).expect("an id of the class");
                kept.unit_into(&mut others);
                let cosine = dot(&unit, &others);
                closer(&mut nearest, other, cosine);
                closer(&mut kept.nearest, id, cosine);
            }
        }
        new.nearest = nearest;
        self.bytes += new.example.bytes();
        self.described += usize::from(new.example.described);
        self.by_class.entry(class).or_default().insert(id);
        self.kept.insert(id, new);
    }

    /// Takes an example out.
    pub fn remove(&mut self, id: ExampleId) -> Option<Example> {
        let gone = self.kept.remove(&id)?;
        let class = gone.example.class;
        self.bytes -= gone.example.bytes();
        self.described -= usize::from(gone.example.described);
        if let Some(ids) = self.by_class.get_mut(&class) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_class.remove(&class);
                self.compared.remove(&class);
            }
        }
        let near =
            if self.compared.contains(&class) { self.near_by(class, id) } else { Vec::new() };
        for orphan in &near {
            let kept = &self.kept[orphan];
            if kept.nearest.is_none_or(|(nearest, _)| nearest != id) {
                continue;
            }
            let (mut nearest, unit, mut others) = (None, kept.unit(), Vec::new());
            for other in near.iter().filter(|other| *other != orphan) {
                self.kept[other].unit_into(&mut others);
                closer(&mut nearest, *other, dot(&unit, &others));
            }
            self.kept.get_mut(orphan).expect("found above").nearest = nearest;
        }
        Some(gone.example)
    }

    /// The example whose feature is nearest by angle, a description only where there is nothing else; `None` if there is
    /// none.
    ///
    /// * `feature`: `[dim]`.
    pub fn nearest(&self, feature: &[f32]) -> Option<Neighbour> {
        let (unit, mut other) = (unit(feature), Vec::new());
        let mut best: Option<(bool, Neighbour)> = None;
        for kept in self.kept.values() {
            kept.unit_into(&mut other);
            let (is_seen, cosine) = (!kept.example.described, dot(&unit, &other));
            if best.is_none_or(|(of, best)| (is_seen, cosine) > (of, best.cosine)) {
                let Example { id, class, .. } = kept.example;
                best = Some((is_seen, Neighbour { example: id, class, cosine }));
            }
        }
        best.map(|(_, best)| best)
    }

    /// The examples of a class whose features are nearest by angle, the nearest first.
    ///
    /// * `feature`: `[dim]`; `limit`: how many at most.
    pub fn nearest_of(&self, class: ClassId, feature: &[f32], limit: usize) -> Vec<Neighbour> {
        let unit = unit(feature);
        let ids = self.by_class.get(&class).into_iter().flatten();
        let mut near: Vec<Neighbour> = ids
            .map(|&example| Neighbour {
                example,
                class,
                cosine: dot(&unit, &self.kept[&example].unit()),
            })
            .collect();
        near.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.example.cmp(&b.example)));
        near.truncate(limit);
        near
    }

    /// How many groups each class has; none for one that was described only.
    pub fn looks(&self) -> BTreeMap<ClassId, usize> {
        let mut groups: BTreeMap<ClassId, BTreeSet<GroupId>> = BTreeMap::new();
        for example in self.iter().filter(|example| !example.described) {
            groups.entry(example.class).or_default().insert(example.group);
        }
        groups.into_iter().map(|(class, groups)| (class, groups.len())).collect()
    }

    /// While little was taught, 1 less the cosine from which on something is unlike all of it: four times the largest from
    /// an example to the nearest other of its class, or the largest from an example to the nearest of another class, if
    /// that is more. `None` where there is a single example.
    pub fn far(&self) -> Option<f32> {
        const FEW: usize = 50;
        const WITHIN: f32 = 4.0;
        const LEAST: f32 = 1e-3;
        let seen = self.kept.values().filter(|kept| !kept.example.described);
        let few: Vec<(&Example, Vec<f32>)> =
            seen.take(FEW).map(|kept| (&kept.example, kept.unit())).collect();
        let nearest = |(one, unit): &(&Example, Vec<f32>), same: bool| {
            let others = few
                .iter()
                .filter(|(other, _)| other.id != one.id && (other.class == one.class) == same);
            others.map(|(_, other)| 1.0 - dot(unit, other)).min_by(f32::total_cmp)
        };
        let largest =
            |same: bool| few.iter().filter_map(|one| nearest(one, same)).max_by(f32::total_cmp);
        let within = largest(true).map(|angle| WITHIN * angle);
        within.into_iter().chain(largest(false)).max_by(f32::total_cmp).map(|far| far.max(LEAST))
    }

    /// Of each of these examples 1 less the cosine to the nearest one of another group, 0 to 2; 1 where there is none.
    pub fn angles_to_others(&self, ids: &[ExampleId]) -> Vec<f32> {
        let of: Vec<Option<(GroupId, Vec<f32>)>> = ids
            .iter()
            .map(|id| self.kept.get(id).map(|kept| (kept.example.group, kept.unit())))
            .collect();
        let mut nearest: Vec<Option<f32>> = vec![None; ids.len()];
        let mut other = Vec::new();
        // Each is made wide once.
        for kept in self.kept.values().filter(|kept| !kept.example.described) {
            kept.unit_into(&mut other);
            for (nearest, of) in nearest.iter_mut().zip(&of) {
                if let Some((_, unit)) = of.as_ref().filter(|of| of.0 != kept.example.group) {
                    let cosine = dot(unit, &other);
                    *nearest = Some(nearest.map_or(cosine, |nearest| nearest.max(cosine)));
                }
            }
        }
        let angle = |nearest: Option<f32>| nearest.map_or(1.0, |cosine| (1.0 - cosine).max(0.0));
        nearest.into_iter().map(angle).collect()
    }

    /// Which example has to go so that one more, of `extra` bytes, fits, were `class` one example longer; `None` if it fits.
    ///
    /// It is of the class with most examples, and there of the group with most, so that looks at different parts stay:
    /// the most redundant, which is the one nearest to another of that class, the older where two are equally near.
    /// Where every group has one example left, it is the most redundant of the class. An example that is the last of its
    /// class is never named.
    pub fn to_evict(&mut self, class: ClassId, extra: usize) -> Option<ExampleId> {
        if self.bytes + extra <= self.budget && !self.is_full() {
            return None;
        }
        let longer = |id: ClassId, ids: &BTreeSet<ExampleId>| ids.len() + usize::from(id == class);
        let fullest = self.by_class.iter().filter(|(_, ids)| ids.len() > 1);
        let (&fullest, _) = fullest.max_by_key(|&(&id, ids)| (longer(id, ids), Reverse(id)))?;
        self.compare(fullest);
        let ids = &self.by_class[&fullest];
        let mut groups: BTreeMap<GroupId, usize> = BTreeMap::new();
        for id in ids {
            *groups.entry(self.kept[id].example.group).or_default() += 1;
        }
        let largest = groups.into_iter().max_by_key(|&(group, count)| (count, Reverse(group)));
        let largest = largest.filter(|(_, count)| *count > 1).map(|(group, _)| group);
        let mut redundant = None;
        for id in ids {
            let kept = &self.kept[id];
            if largest.is_none_or(|largest| kept.example.group == largest) {
                // One that was compared with nothing is far from all.
                let cosine = kept.nearest.map_or(-1.0, |(_, cosine)| cosine);
                closer(&mut redundant, *id, cosine);
            }
        }
        redundant.map(|(id, _)| id)
    }

    /// Looks for the nearest of its class for every example of a class, where that was not done yet. It is not done
    /// before something has to go: it takes time that grows with the square of what is compared.
    fn compare(&mut self, class: ClassId) {
        if !self.compared.insert(class) {
            return;
        }
        let ids: Vec<ExampleId> = self.by_class[&class].iter().copied().collect();
        for same in ids.chunk_by(|a, b| a.0 / COMPARED == b.0 / COMPARED) {
            let units: Vec<Vec<f32>> = same.iter().map(|id| self.kept[id].unit()).collect();
            for (place, id) in same.iter().enumerate() {
                for (other, unit) in same.iter().zip(&units).skip(place + 1) {
                    let cosine = dot(&units[place], unit);
                    for (of, with) in [(id, other), (other, id)] {
                        let kept = self.kept.get_mut(of).expect("an id of the class");
                        closer(&mut kept.nearest, *with, cosine);
                    }
                }
            }
        }
    }

    /// Those of a class that an example is compared with, itself among them.
    fn near_by(&self, class: ClassId, id: ExampleId) -> Vec<ExampleId> {
        let first = id.0 / COMPARED * COMPARED;
        let places = ExampleId(first)..ExampleId(first.saturating_add(COMPARED));
        self.by_class.get(&class).map_or_else(Vec::new, |ids| ids.range(places).copied().collect())
    }
}

/// Keeps the nearer; of two equally near the one that came first.
fn closer(best: &mut Option<(ExampleId, f32)>, id: ExampleId, cosine: f32) {
    if best.is_none_or(|(_, found)| cosine > found) {
        *best = Some((id, cosine));
    }
}

fn unit(feature: &[f32]) -> Vec<f32> {
    let scale = scale(feature);
    feature.iter().map(|value| value * scale).collect()
}

fn scale(feature: &[f32]) -> f32 {
    let norm = dot(feature, feature).sqrt();
    if norm > 0.0 { 1.0 / norm } else { 0.0 }
}

#[cfg(test)]
mod tests;
