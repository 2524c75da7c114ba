//! Nearest class mean.
//!
//! With `z` the scaled feature and `m` a class's mean:
//! * Euclidean: `z.m - |m|^2 / 2`, which orders the classes as `-|z - m|^2 / 2` does.
//! * Cosine: `z.m / (|z| |m|)`, 0 where either is zero.
//!
//! The examples are kept, so that forgetting and leaving out are exact: a class's sum is the sum of its examples by
//! rising id, whatever was learned and forgotten in between.

use std::collections::{BTreeMap, BTreeSet};

use super::keeping::Rule;
use super::stored::{Kept, Stored, in_order};
use super::{
    Affine, ClassId, ExampleId, FeatureScaling, HeadError, Layers, LeftOut, Method, Metric, RowId,
    finite,
};
use crate::learn::linalg::{add_scaled, dot, widened};

#[derive(Debug)]
pub(super) struct Prototype {
    metric: Metric,
    /// Only of classes with examples.
    sums: BTreeMap<ClassId, Sum>,
}

/// The sum of a class's examples.
#[derive(Debug, Clone)]
struct Sum {
    /// `[dim]`
    values: Vec<f64>,
    count: usize,
    /// The sum's product with itself.
    squared: f64,
}

impl Sum {
    fn zero(dim: usize) -> Self {
        Self { values: vec![0.0; dim], count: 0, squared: 0.0 }
    }

    fn add(&mut self, z: &[f32]) {
        add_scaled(&mut self.values, 1.0, &widened(z));
        self.count += 1;
    }

    fn square(&mut self) {
        self.squared = dot(&self.values, &self.values);
    }

    /// The sum with some of its features left out; `None` if those were all.
    fn without<'a>(&self, left_out: impl Iterator<Item = &'a [f32]>) -> Option<Self> {
        let mut rest = self.clone();
        for z in left_out {
            rest.count -= 1;
            add_scaled(&mut rest.values, -1.0, &widened(z));
        }
        rest.square();
        (rest.count > 0).then_some(rest)
    }
}

impl Prototype {
    fn score_of(&self, z: &[f64], sum: &Sum) -> f32 {
        let (product, count) = (dot(z, &sum.values), sum.count as f64);
        finite(match self.metric {
            Metric::Euclidean => product / count - sum.squared / (2.0 * count * count),
            Metric::Cosine => {
                let lengths = (dot(z, z) * sum.squared).sqrt();
                if lengths > 0.0 { product / lengths } else { 0.0 }
            }
        })
    }

    /// * `instead`: a class, and what its sum is to be.
    fn scores(
        &self,
        stored: &Stored,
        z: &[f64],
        instead: Option<(ClassId, Option<&Sum>)>,
    ) -> Vec<f32> {
        let score = |class: &ClassId| {
            let sum = match instead {
                Some((of, sum)) if of == *class => sum,
                _ => self.sums.get(class),
            };
            sum.map(|sum| self.score_of(z, sum))
        };
        stored
            .classes()
            .ids()
            .iter()
            .map(|class| score(class).unwrap_or(f32::NEG_INFINITY))
            .collect()
    }

    /// What the sum's values are multiplied with to be weights, and the bias.
    fn weighed(&self, sum: &Sum) -> (f64, f64) {
        let count = sum.count as f64;
        match self.metric {
            Metric::Euclidean => (1.0 / count, -sum.squared / (2.0 * count * count)),
            Metric::Cosine if sum.squared > 0.0 => (1.0 / sum.squared.sqrt(), 0.0),
            Metric::Cosine => (0.0, 0.0),
        }
    }

    fn recompute(&mut self, stored: &Stored, classes: &BTreeSet<ClassId>) {
        self.sums.retain(|class, _| !classes.contains(class));
        for (_, kept) in stored.iter().filter(|(_, kept)| classes.contains(&kept.class)) {
            self.sums.entry(kept.class).or_insert_with(|| Sum::zero(kept.z.len())).add(&kept.z);
        }
        for (_, sum) in self.sums.iter_mut().filter(|(class, _)| classes.contains(class)) {
            sum.square();
        }
    }
}

impl Rule for Prototype {
    type Saved = ();

    fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::Prototype { metric } => Some(Self { metric, sums: BTreeMap::new() }),
            _ => None,
        }
    }

    fn learned(&mut self, stored: &Stored, new: &[ExampleId]) {
        if let &[example] = new
            && stored.is_last_of_its_class(example)
            && let Some(kept) = stored.of(example).next()
            && let Some(sum) = self.sums.get_mut(&kept.class)
        {
            // By rising id it is the last to be added; so this is what recomputing the sum would give.
            stored.of(example).for_each(|kept| sum.add(&kept.z));
            sum.square();
            return;
        }
        let classes = new.iter().flat_map(|&example| stored.of(example)).map(|kept| kept.class);
        self.recompute(stored, &classes.collect());
    }

    fn forgot(&mut self, stored: &Stored, class: ClassId) {
        self.recompute(stored, &BTreeSet::from([class]));
    }

    fn score(&self, stored: &Stored, z: &[f32]) -> Vec<f32> {
        self.scores(stored, &widened(z), None)
    }

    fn leave_out(&self, stored: &Stored, most: usize) -> Option<Vec<LeftOut>> {
        let left_out = |unit: Vec<(RowId, &Kept)>| {
            let class = unit[0].1.class;
            let rest = self.sums[&class].without(unit.iter().map(|(_, kept)| kept.z.as_slice()));
            let images = unit.into_iter().filter(|((_, view), _)| *view == 0);
            let scores = |z: &[f32]| self.scores(stored, &widened(z), Some((class, rest.as_ref())));
            let all: Vec<LeftOut> = images
                .map(|((example, _), kept)| LeftOut {
                    example,
                    group: kept.group,
                    class,
                    scores: scores(&kept.z),
                    spread: None,
                })
                .collect();
            all
        };
        Some(in_order(stored.units(most).into_iter().flat_map(left_out)))
    }

    fn layers(&self, stored: &Stored) -> Option<Layers> {
        let classes = stored.classes_with_examples();
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for sum in classes.iter().filter_map(|class| self.sums.get(class)) {
            let (factor, bias) = self.weighed(sum);
            weights.extend(sum.values.iter().map(|value| value * factor));
            biases.push(bias);
        }
        let affine = Affine::of_scores(weights, biases);
        // A cosine is the product of vectors of length one.
        let unit_length = stored.scaling().unit_length || self.metric == Metric::Cosine;
        let scaling = FeatureScaling { unit_length, ..stored.scaling().clone() };
        Some(Layers { classes, scaling, affine: vec![affine] })
    }

    fn save(&self) -> Self::Saved {}

    fn restore(&mut self, stored: &Stored, (): Self::Saved) -> Result<(), HeadError> {
        self.recompute(stored, &stored.classes().ids().iter().copied().collect());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::FeatureScaling;
    use super::*;

    #[test]
    fn scores_are_those_of_the_means() {
        let mut stored = Stored::new(2, FeatureScaling { centre: None, unit_length: false });
        (0..3).for_each(|class| stored.add_class(ClassId(class)).expect("new"));
        let mut heads = [Metric::Euclidean, Metric::Cosine]
            .map(|metric| Prototype { metric, sums: BTreeMap::new() });
        for (id, class, z) in [(2, 0, [2.0, 0.0]), (1, 0, [4.0, 0.0]), (3, 1, [0.0, 0.0])] {
            stored.learn_one(ExampleId(id), ClassId(class), &z);
            heads.iter_mut().for_each(|head| head.learned(&stored, &[ExampleId(id)]));
        }
        let scores = heads.each_ref().map(|head| head.score(&stored, &[3.0, 4.0]));
        // The mean of class 0 is (3, 0): 9 - 9 / 2, and the cosine of an angle with sides 3, 4 and 5.
        assert_eq!(scores[0], [4.5, 0.0, f32::NEG_INFINITY]);
        assert!((scores[1][0] - 0.6).abs() < 1e-6 && scores[1][1] == 0.0, "{scores:?}");
    }
}
