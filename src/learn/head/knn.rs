//! Nearest examples by cosine.
//!
//! Of the `k` examples nearest to a feature each gives its class a vote of `d / (1 - cosine)`, where `d` is the
//! nearest's own `1 - cosine`: weights by inverse distance (Shepard 1968, "A two-dimensional interpolation function
//! for irregularly-spaced data"; scikit-learn's `weights="distance"`) scaled so that the nearest counts 1. An example
//! at no distance outweighs all that have one. A class that has examples, but none among the `k`, scores its best
//! cosine less 1: at most 0, and so not above any class that has one among them. Of equally near examples the one
//! with the lowest id counts first.

use super::keeping::Rule;
use super::stored::{Kept, Stored, in_order};
use super::{
    ClassId, ExampleId, FeatureScaling, HeadConfig, HeadError, Layers, LeftOut, Method, RowId,
};
use crate::learn::linalg::dot;

/// Pairs of features that are compared at most to leave groups out.
const MAX_COMPARED: usize = 4_000_000;

#[derive(Debug)]
pub(super) struct Knn {
    k: usize,
}

/// An example seen from a feature.
#[derive(Clone, Copy)]
struct Seen {
    cosine: f32,
    example: RowId,
    /// Of its class.
    place: usize,
}

impl Knn {
    /// * `seen`: every example that counts, in any order; left in another.
    /// * returns `[classes]`.
    fn vote(&self, classes: usize, seen: &mut [Seen]) -> Vec<f32> {
        let mut scores = vec![f32::NEG_INFINITY; classes];
        let nearer = |a: &Seen, b: &Seen| {
            b.cosine.total_cmp(&a.cosine).then_with(|| a.example.cmp(&b.example))
        };
        let k = self.k.min(seen.len());
        if k < seen.len() {
            seen.select_nth_unstable_by(k, nearer);
        }
        let (near, far) = seen.split_at_mut(k);
        for one in far {
            scores[one.place] = scores[one.place].max(one.cosine - 1.0);
        }
        // The sum's last bits are not to depend on what lies beyond the nearest.
        near.sort_unstable_by(nearer);
        let mut votes = vec![0.0f32; classes];
        let least = near.first().map_or(0.0, |nearest| 1.0 - nearest.cosine);
        for one in near.iter() {
            let distance = 1.0 - one.cosine;
            votes[one.place] += if distance > least { least / distance } else { 1.0 };
        }
        for one in near {
            scores[one.place] = votes[one.place];
        }
        scores
    }
}

/// The kept vectors have length one, so their product is the cosine but for rounding.
fn bounded(product: f32) -> f32 {
    product.clamp(-1.0, 1.0)
}

fn place(stored: &Stored, class: ClassId) -> usize {
    stored.classes().place(class).expect("an example is kept with a class of the head")
}

impl Rule for Knn {
    type Saved = ();

    fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::Knn { k } => Some(Self { k: usize::try_from(k).unwrap_or(usize::MAX) }),
            _ => None,
        }
    }

    /// A cosine does not change with lengths, so they may be taken off before.
    fn scaling(config: &HeadConfig) -> FeatureScaling {
        FeatureScaling { unit_length: true, ..config.scaling.clone() }
    }

    fn learned(&mut self, _: &Stored, _: &[ExampleId]) {}

    fn forgot(&mut self, _: &Stored, _: ClassId) {}

    fn score(&self, stored: &Stored, z: &[f32]) -> Vec<f32> {
        let mut seen: Vec<Seen> = stored
            .iter()
            .map(|(example, kept)| Seen {
                cosine: bounded(dot(z, &kept.z)),
                example,
                place: place(stored, kept.class),
            })
            .collect();
        self.vote(stored.classes().ids().len(), &mut seen)
    }

    fn leave_out(&self, stored: &Stored, most: usize) -> Option<Vec<LeftOut>> {
        let kept: Vec<_> =
            stored.iter().map(|(id, kept)| (id, kept, place(stored, kept.class))).collect();
        let units = stored.units(most.min(MAX_COMPARED / kept.len().max(1)));
        let images = units.into_iter().flatten().filter(|((_, view), _)| *view == 0);
        let left_out = |((example, _), one): (RowId, &Kept)| {
            let others = kept.iter().filter(|(_, other, _)| other.group != one.group);
            let mut seen: Vec<Seen> = others
                .map(|&(example, other, place)| Seen {
                    cosine: bounded(dot(&one.z, &other.z)),
                    example,
                    place,
                })
                .collect();
            let scores = self.vote(stored.classes().ids().len(), &mut seen);
            LeftOut { example, group: one.group, class: one.class, scores, spread: None }
        };
        Some(in_order(images.map(left_out)))
    }

    /// Votes of examples are no sums of weights.
    fn layers(&self, _: &Stored) -> Option<Layers> {
        None
    }

    fn save(&self) -> Self::Saved {}

    fn restore(&mut self, _: &Stored, (): Self::Saved) -> Result<(), HeadError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_add_up_and_the_rest_stay_below() {
        let seen = |cosine, id, place| Seen { cosine, example: (ExampleId(id), 0), place };
        let mut all = [
            seen(0.75, 1, 0),
            seen(0.875, 2, 1),
            seen(0.5, 4, 2),
            seen(0.5, 3, 0),
            seen(-0.5, 5, 2),
            seen(0.1, 6, 1),
        ];
        // 3 and 4 are equally near: the lower id counts, so class 2 is not among the nearest.
        let scores = Knn { k: 3 }.vote(4, &mut all);
        assert_eq!(scores, [0.5 + 0.25, 1.0, -0.5, f32::NEG_INFINITY]);
        // What is the same image outweighs two that are near.
        let mut same = [seen(1.0, 1, 0), seen(0.99, 2, 1), seen(0.99, 3, 1)];
        assert_eq!(Knn { k: 3 }.vote(2, &mut same), [1.0, 0.0]);
        assert_eq!(Knn { k: 1 }.vote(2, &mut []), [f32::NEG_INFINITY; 2]);
    }
}
