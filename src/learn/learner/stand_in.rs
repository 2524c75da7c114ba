//! What pictures of a class would look like that is described in words: stand-ins that a head learns beside pictures.
//!
//! Networks of pictures and of words that were trained together (CLIP, SigLIP) put both into one space, but not into one
//! place of it: whatever they show, pictures lie near pictures and words near words (Liang et al. 2022, "Mind the gap").
//! A head that was taught words as they are would find every picture nearer to any class of pictures. So what is learned
//! of a description is moved to where pictures lie: with `t` the direction of the words and `m` the mean of the pictures
//! of a class, over the classes that have both, the least squares of `m = g + b t`.
//!
//! Where classes have both, it shows how far such a stand-in is from the pictures' own mean. That says how many looks it is
//! worth: the variance of looks within their class, divided by its own (Efron and Morris 1973, "Stein's estimation rule and
//! its competitors"). Pictures outweigh it as they come.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::LAST_EXAMPLE;
use crate::learn::examples::{Example, Examples};
use crate::learn::head::{ClassId, ExampleId, GroupId, Head, HeadError, Lesson};

/// Looks that a description is worth while too few classes have both words and pictures to tell.
const LOOKS: f64 = 2.0;

/// The most looks that it is worth.
const MAX_LOOKS: u64 = 8;

/// Classes with both from which on the factor `b` and the looks are measured.
const LEAST_MEASURED: usize = 3;

/// The range of `b`.
const FACTORS: (f64, f64) = (0.25, 4.0);

/// What a head learns of a description: as many examples alike as it is worth looks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StandIn {
    pub(super) class: ClassId,
    /// `[dim]`.
    pub(super) feature: Vec<f32>,
    /// At least 1.
    pub(super) looks: u64,
}

impl StandIn {
    /// As one group. Their ids are those that no example has, all above [`LAST_EXAMPLE`].
    pub(super) fn teach(&self, head: &mut dyn Head) -> Result<(), HeadError> {
        let &Self { class, ref feature, looks } = self;
        let first = LAST_EXAMPLE.0 + 1 + u64::from(class.0) * MAX_LOOKS;
        let (group, features) = (GroupId(first), [feature.as_slice()]);
        let lesson = |id| Lesson { example: ExampleId(id), group, class, features: &features };
        let lessons: Vec<Lesson<'_>> = (first..first + looks).map(lesson).collect();
        head.teach(&lessons)
    }
}

/// The pictures of a class.
#[derive(Debug)]
struct Seen {
    /// `[dim]`, the mean of the looks.
    mean: Vec<f64>,
    looks: f64,
    /// Squared distances of the looks from it, their sum.
    scatter: f64,
}

/// Stand-ins for the descriptions, a class each, by rising class.
///
/// * `examples`: pictures and descriptions.
pub(super) fn stand_ins<'a>(
    examples: impl Iterator<Item = &'a Example>,
    dim: usize,
) -> Vec<StandIn> {
    let (mut words, mut said) = (BTreeMap::<ClassId, Vec<f64>>::new(), HashSet::new());
    let mut looks: BTreeMap<(ClassId, GroupId), (Vec<f64>, f64)> = BTreeMap::new();
    for example in examples {
        let unit = unit(&example.widened());
        if example.described {
            // The same words again say nothing more.
            let bits: Vec<u16> = example.feature.iter().map(|value| value.to_bits()).collect();
            if !said.insert((example.class, bits)) {
                continue;
            }
            add(words.entry(example.class).or_insert_with(|| vec![0.0; dim]), &unit, 1.0);
        } else {
            let look = looks.entry((example.class, example.group));
            let (sum, count) = look.or_insert_with(|| (vec![0.0; dim], 0.0));
            add(sum, &unit, 1.0);
            *count += 1.0;
        }
    }
    if words.is_empty() {
        return Vec::new();
    }
    // Several sentences about one class make one direction.
    for direction in words.values_mut() {
        scale_to_one(direction);
    }
    let seen = seen(looks);
    let moved = Moved::of(&words, &seen, dim);
    let stand_in = |(&class, direction): (&ClassId, &Vec<f64>)| {
        let looks = (moved.looks.round() as u64).min(MAX_LOOKS);
        // A class is not without what is all that is known of it.
        let looks = if seen.contains_key(&class) { looks } else { looks.max(1) };
        let feature = moved.apply(direction).into_iter().map(|value| value as f32).collect();
        (looks > 0).then_some(StandIn { class, feature, looks })
    };
    words.iter().filter_map(stand_in).collect()
}

/// How many looks each class has, its description being as many as it is worth, and the classes that have but that.
pub(super) fn looks(
    examples: &Examples,
    dim: usize,
) -> (BTreeMap<ClassId, usize>, BTreeSet<ClassId>) {
    let (mut looks, mut unseen) = (examples.looks(), BTreeSet::new());
    if examples.are_described() {
        for StandIn { class, looks: worth, .. } in stand_ins(examples.iter(), dim) {
            if !looks.contains_key(&class) {
                unseen.insert(class);
            }
            *looks.entry(class).or_default() += worth as usize;
        }
    }
    (looks, unseen)
}

fn seen(looks: BTreeMap<(ClassId, GroupId), (Vec<f64>, f64)>) -> BTreeMap<ClassId, Seen> {
    let mut classes: BTreeMap<ClassId, Vec<Vec<f64>>> = BTreeMap::new();
    for ((class, _), (mut look, count)) in looks {
        look.iter_mut().for_each(|value| *value /= count);
        classes.entry(class).or_default().push(look);
    }
    let seen = |looks: Vec<Vec<f64>>| {
        let mean = mean(looks.iter());
        let scatter = looks.iter().map(|look| squared_distance(look, &mean)).sum();
        Seen { mean, looks: looks.len() as f64, scatter }
    };
    classes.into_iter().map(|(class, looks)| (class, seen(looks))).collect()
}

/// Where the words of a class are moved to, and what that is worth.
#[derive(Debug)]
struct Moved {
    /// `[dim]`, `g`.
    by: Vec<f64>,
    /// `b`.
    factor: f64,
    /// What it is worth beside pictures of the class.
    looks: f64,
}

impl Moved {
    fn of(words: &BTreeMap<ClassId, Vec<f64>>, seen: &BTreeMap<ClassId, Seen>, dim: usize) -> Self {
        let both: Vec<(&Vec<f64>, &Seen)> =
            words.iter().filter_map(|(class, words)| Some((words, seen.get(class)?))).collect();
        let mut moved = Self { by: vec![0.0; dim], factor: 1.0, looks: LOOKS };
        if seen.is_empty() {
            return moved;
        }
        let (word_mean, seen_mean) = match both.is_empty() {
            // No class has both: what all are about is taken to be the same.
            true => (mean(words.values()), mean(seen.values().map(|seen| &seen.mean))),
            false => {
                (mean(both.iter().map(|both| both.0)), mean(both.iter().map(|both| &both.1.mean)))
            }
        };
        let is_measured = both.len() >= LEAST_MEASURED;
        if is_measured {
            let (mut product, mut square) = (0.0, 0.0);
            for (words, seen) in &both {
                for at in 0..dim {
                    let along = words[at] - word_mean[at];
                    product += along * (seen.mean[at] - seen_mean[at]);
                    square += along * along;
                }
            }
            if square > 0.0 {
                moved.factor = (product / square).clamp(FACTORS.0, FACTORS.1);
            }
        }
        moved.by = (0..dim).map(|at| seen_mean[at] - moved.factor * word_mean[at]).collect();
        if is_measured {
            moved.looks = moved.measured(&both).unwrap_or(LOOKS);
        }
        moved
    }

    /// `[dim]`.
    fn apply(&self, words: &[f64]) -> Vec<f64> {
        words.iter().zip(&self.by).map(|(words, by)| by + self.factor * words).collect()
    }

    /// The looks that a stand-in is worth: what a look strays from its class's mean by, squared, in units of what a
    /// stand-in strays by. `None` where no class has two looks.
    fn measured(&self, both: &[(&Vec<f64>, &Seen)]) -> Option<f64> {
        let freedom: f64 = both.iter().map(|(_, seen)| seen.looks - 1.0).sum();
        if freedom < 1.0 {
            return None;
        }
        let of_look = both.iter().map(|(_, seen)| seen.scatter).sum::<f64>() / freedom;
        let apart = both.iter().map(|(words, seen)| {
            // The mean of few looks strays, too.
            squared_distance(&self.apply(words), &seen.mean) - of_look / seen.looks
        });
        // One class's worth of it went into where they are moved to.
        let of_stand_in = apart.sum::<f64>() / (both.len() - 1) as f64;
        Some(if of_stand_in > 0.0 { of_look / of_stand_in } else { MAX_LOOKS as f64 })
    }
}

fn unit(feature: &[f32]) -> Vec<f64> {
    let mut unit: Vec<f64> = feature.iter().map(|&value| f64::from(value)).collect();
    scale_to_one(&mut unit);
    unit
}

fn scale_to_one(values: &mut [f64]) {
    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    if norm > 0.0 {
        values.iter_mut().for_each(|value| *value /= norm);
    }
}

fn add(sum: &mut [f64], values: &[f64], weight: f64) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
}

/// * `all`: at least one.
fn mean<'a>(all: impl ExactSizeIterator<Item = &'a Vec<f64>>) -> Vec<f64> {
    let share = 1.0 / all.len() as f64;
    let mut sum = Vec::new();
    for values in all {
        sum.resize(values.len(), 0.0);
        add(&mut sum, values, share);
    }
    sum
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;
    use crate::learn::examples::narrowed;

    fn example(id: u64, class: u32, described: bool, feature: &[f32]) -> Example {
        Example {
            id: ExampleId(id),
            class: ClassId(class),
            group: GroupId(id),
            taught: Timestamp(id),
            origin: String::new(),
            feature: narrowed(feature),
            views: Vec::new(),
            image: None,
            patches: None,
            described,
        }
    }

    /// At length 1: what is not given lies along the last axis.
    fn at(values: [f32; 3]) -> [f32; 4] {
        let [a, b, c] = values;
        [a, b, c, (1.0 - a * a - b * b - c * c).sqrt()]
    }

    fn words(class: u32, values: [f32; 4]) -> Example {
        example(100 + u64::from(class), class, true, &values)
    }

    fn near(got: &[f32], wanted: &[f32]) {
        let off = got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 2e-3, "{got:?}, wanted {wanted:?}");
    }

    #[test]
    fn words_alone_stay_where_they_are() {
        let both = [words(4, [1.0, 0.0, 0.0, 0.0]), words(7, [0.0, 0.0, 2.0, 0.0])];
        let made = stand_ins(both.iter(), 4);
        let looks: Vec<_> = made.iter().map(|one| (one.class.0, one.looks)).collect();
        assert_eq!(looks, [(4, 2), (7, 2)]);
        near(&made[0].feature, &[1.0, 0.0, 0.0, 0.0]);
        near(&made[1].feature, &[0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn several_descriptions_of_a_class_are_one_direction() {
        let mut second = words(4, [0.0, 1.0, 0.0, 0.0]);
        second.id = ExampleId(200);
        let made = stand_ins([words(4, [1.0, 0.0, 0.0, 0.0]), second].iter(), 4);
        let half = 0.5f32.sqrt();
        near(&made[0].feature, &[half, half, 0.0, 0.0]);
    }

    /// One class has both: what its pictures lie from its words is what all words are moved by.
    #[test]
    fn words_move_by_what_one_class_shows() {
        let all = [
            words(0, [1.0, 0.0, 0.0, 0.0]),
            words(1, [0.0, 1.0, 0.0, 0.0]),
            example(1, 0, false, &[0.6, 0.0, 0.0, 0.8]),
        ];
        let made = stand_ins(all.iter(), 4);
        near(&made[0].feature, &[0.6, 0.0, 0.0, 0.8]);
        near(&made[1].feature, &[-0.4, 1.0, 0.0, 0.8]);
        assert_eq!(made[0].looks, 2, "as long as it cannot be measured");
    }

    /// No class has both: the mean of the words comes to lie at the mean of the pictures.
    #[test]
    fn words_of_other_classes_lie_about_the_pictures() {
        let all = [
            words(0, [1.0, 0.0, 0.0, 0.0]),
            words(1, [0.0, 1.0, 0.0, 0.0]),
            example(1, 2, false, &[0.0, 0.6, 0.0, 0.8]),
        ];
        let made = stand_ins(all.iter(), 4);
        near(&made[0].feature, &[0.5, 0.1, 0.0, 0.8]);
        near(&made[1].feature, &[-0.5, 1.1, 0.0, 0.8]);
    }

    /// `m = g + t / 2` for three classes: the fourth is found by it.
    #[test]
    fn the_factor_is_the_least_squares_of_the_classes() {
        let pictures = [[0.4, 0.0, 0.0], [0.0, 0.4, 0.0], [0.0, 0.0, 0.4]];
        let far = (1.0f32 - 0.16).sqrt();
        let mut all: Vec<Example> = Vec::new();
        for (class, picture) in pictures.into_iter().enumerate() {
            let mut axis = [0.0; 4];
            axis[class] = 1.0;
            all.push(words(class as u32, axis));
            all.push(example(class as u64 + 1, class as u32, false, &at(picture)));
        }
        all.push(words(9, [0.6, 0.8, 0.0, 0.0]));
        let made = stand_ins(all.iter(), 4);
        near(&made[3].feature, &[0.24, 0.32, 0.0, far]);
        assert!(made.iter().all(|one| one.looks == 2), "no class has two looks to measure by");
    }

    /// Four classes whose words say exactly where their pictures lie, and whose looks stray; then words that are wrong.
    #[test]
    fn words_count_for_what_they_have_shown() {
        let axis = |class: usize, length: f32| {
            let mut axis = [0.0; 6];
            axis[class] = length;
            axis
        };
        let looks_of = |named: [usize; 4]| {
            let mut all = Vec::new();
            for (class, named) in named.into_iter().enumerate() {
                all.push(example(100 + class as u64, class as u32, true, &axis(named, 1.0)));
                for (look, stray) in [0.3, -0.3, 0.1, -0.1].into_iter().enumerate() {
                    let mut feature = axis(class, 0.5);
                    (feature[4], feature[5]) = (stray, 0.7);
                    let id = 1 + (class * 4 + look) as u64;
                    all.push(example(id, class as u32, false, &feature));
                }
            }
            let made = stand_ins(all.iter(), 6);
            made.first().map_or(0, |one| one.looks)
        };
        assert_eq!(looks_of([0, 1, 2, 3]), MAX_LOOKS);
        assert_eq!(looks_of([1, 2, 3, 0]), 0, "pictures say more than such words");
    }
}
