//! Shrinkage linear discriminant analysis with equal priors, the default head.
//!
//! With class means `m_c`, within-class scatter `S = sum (z - m_y)(z - m_y)^T / (n - 1)` and a shrinkage `s`,
//! ```text
//! G = (1 - s) S + s t I,    t = tr S / d,    score_c = z^T G^-1 m_c - m_c^T G^-1 m_c / 2
//! ```
//! `G` is, up to a factor, the examples' system of [`super::system`] at the ridge `l = s / (1 - s) tr((n - 1) S) / d`
//! less what the class means account for; with `V` and `R` from there the scores are
//! ```text
//! score_c = f [R^-1 V z]_c - f ([R^-1]_cc - l / n_c) / 2,    f = (n - 1) / ((1 - s) l)
//! ```
//! The ridge moves a little with every example, and each move would cost a factorisation; so it is rounded to the
//! nearest of sixteen steps an octave, by at most 2.2 % (`s` = 0.5 lies between 0.495 and 0.505). Everything else is
//! exact: learning, forgetting, and leaving a group out, each at the ridge that the remaining examples make. `n` is the
//! sum of the rows' weights, the number of looks.
//!
//! Where no class has two examples that differ, there is no `S`: `G` is the identity, and the nearest mean wins.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::closed_form::{Answer, Formula, Metric, images};
use super::linear::Linear;
use super::system::{LeftOutTerms, Rest, Solution, System};
use super::units::Unit;
use super::{HeadKind, Shrinkage, finite};
use crate::learn::linalg::{Factor, dot, widened};

/// The settings.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lda {
    pub(super) shrinkage: Shrinkage,
}

/// What [`Shrinkage::LeaveOneOut`] chooses from.
const GRID: [f64; 7] = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8];

/// The shrinkage that the system is kept at while another is chosen by leave-one-out.
const KEPT: f64 = 0.5;

/// Shrinkage 1 is the limit of an infinite ridge; this comes as near as is of use.
const MOST: f64 = 1.0 - 1e-6;

/// Scatter below this share of the features' squared lengths is rounding, or repeats of one picture.
const NOTHING: f64 = 1e-7;

const STEPS_AN_OCTAVE: f64 = 16.0;

/// The ridge for a scatter; `None` where there is none to speak of.
fn ridge(scatter: f64, square: f64, dim: usize, shrinkage: f64) -> Option<f64> {
    if scatter <= NOTHING * square {
        return None;
    }
    let exact = shrinkage / (1.0 - shrinkage) * scatter / dim as f64;
    Some(((exact.log2() * STEPS_AN_OCTAVE).round() / STEPS_AN_OCTAVE).exp2())
}

fn ridge_of(system: &System, shrinkage: f64) -> Option<f64> {
    ridge(system.scatter(), system.square(), system.dim(), shrinkage)
}

/// `f = (n - 1) / ((1 - s) l)`, `n` the sum of the weights.
fn factor(weight: f64, shrinkage: f64, lambda: f64) -> f64 {
    (weight - 1.0).max(LEAST_FREEDOM) / ((1.0 - shrinkage) * lambda)
}

/// Of a single look, whose views differ.
const LEAST_FREEDOM: f64 = 0.5;

/// Weights at and below it are rounding.
const LEAST_WEIGHT: f64 = 1e-9;

/// [`Shrinkage::ByLooks`] of classes with these weights.
fn by_looks(weights: impl Iterator<Item = f64>) -> f64 {
    const HALF: f64 = 5.0;
    let (mut classes, mut inverse) = (0.0, 0.0);
    for weight in weights.filter(|&weight| weight > LEAST_WEIGHT) {
        classes += 1.0;
        inverse += 1.0 / weight;
    }
    if classes > 0.0 { HALF / (HALF + classes / inverse) } else { 0.5 }
}

impl Lda {
    /// The shrinkage in use.
    fn chosen(&self, system: &System) -> f64 {
        match self.shrinkage {
            Shrinkage::LeaveOneOut => {
                let units = system.units(usize::MAX);
                let rate = |&shrinkage: &f64| {
                    balanced_accuracy(system, &left_out(system, &|_| shrinkage, &units))
                };
                // The last of equals is the strongest.
                let best = GRID.iter().max_by(|a, b| rate(a).total_cmp(&rate(b)));
                *best.expect("the grid has values")
            }
            _ => self.kept(system),
        }
    }

    /// The shrinkage that the system is kept at.
    fn kept(&self, system: &System) -> f64 {
        match self.shrinkage {
            Shrinkage::Fixed(shrinkage) => f64::from(shrinkage).min(MOST),
            Shrinkage::ByLooks => by_looks(system.tallies().iter().map(|tally| tally.weight)),
            Shrinkage::LeaveOneOut => KEPT,
        }
    }
}

impl Formula for Lda {
    const KIND: HeadKind = HeadKind::Lda;

    fn lambda(&self, system: &System) -> f64 {
        ridge_of(system, self.kept(system)).unwrap_or(1.0)
    }

    fn linear(&self, system: &System) -> Linear {
        let classes = system.classes().len();
        let shrinkage = self.chosen(system);
        let Some(lambda) = ridge_of(system, shrinkage) else {
            let (places, means) = means(system);
            let bias: Vec<f64> = means.outer_iter().map(|mean| -0.5 * mean.dot(&mean)).collect();
            return Linear::new(classes, &places, &means, &bias);
        };
        let Solution { places, v, r } = system.solve(lambda);
        let inverse = Factor::of(&r, 0.0).inverse();
        let f = factor(system.weight(), shrinkage, lambda);
        let weights = inverse.dot(&v) * f;
        let bias: Vec<f64> = places
            .iter()
            .enumerate()
            .map(|(at, &place)| {
                -0.5 * f * (inverse[[at, at]] - lambda / system.tallies()[place].weight)
            })
            .collect();
        Linear::new(classes, &places, &weights, &bias)
    }

    fn left_out(&self, system: &System, units: &[Unit]) -> Vec<Vec<Answer>> {
        match self.shrinkage {
            Shrinkage::ByLooks => {
                let without = |unit: &Unit| {
                    let rest = system.rest(unit).weight;
                    let weights = system.tallies().iter().enumerate();
                    by_looks(weights.map(|(at, tally)| match at == unit.class {
                        true => rest,
                        false => tally.weight,
                    }))
                };
                left_out(system, &without, units)
            }
            _ => {
                let shrinkage = self.chosen(system);
                left_out(system, &|_| shrinkage, units)
            }
        }
    }

    fn metric(&self, system: &System) -> Option<Metric> {
        if self.shrinkage == Shrinkage::LeaveOneOut {
            return None;
        }
        let shrinkage = self.kept(system);
        let Some(lambda) = ridge_of(system, shrinkage) else {
            return Some(Metric { factor: 1.0, places: Vec::new(), r: None });
        };
        let Solution { places, r, .. } = system.solve(lambda);
        let factor = factor(system.weight(), shrinkage, lambda);
        Some(Metric { factor, places, r: Some(r) })
    }

    /// `P = f l (S_w + l I)^-1`, and by Woodbury's identity
    /// `l z^T (S_w + l I)^-1 z = l z^T (Z^T Z + l I)^-1 z + u^T R u` with `u = R^-1 V z`.
    fn spread(&self, system: &System, metric: &Metric, linear: &Linear, z: &[f32]) -> f32 {
        let Some(r) = &metric.r else {
            return dot(z, z);
        };
        let products = linear.products(z);
        let u = Array1::from_iter(metric.places.iter().map(|&at| products[at] / metric.factor));
        let lambda = system.lambda();
        finite(metric.factor * (lambda * system.quadratic(z) + u.dot(&r.dot(&u))))
    }
}

/// Places and means `[C, dim]` of the classes that have examples.
fn means(system: &System) -> (Vec<usize>, Array2<f64>) {
    let tallies = system.tallies();
    let places: Vec<usize> = (0..tallies.len()).filter(|&at| tallies[at].rows > 0).collect();
    let means = Array2::from_shape_fn((places.len(), system.dim()), |(at, value)| {
        let tally = &tallies[places[at]];
        tally.sum[value] / tally.weight
    });
    (places, means)
}

/// Mean of the classes' shares of images that the others get right.
fn balanced_accuracy(system: &System, left_out: &[Vec<Answer>]) -> f64 {
    let mut tally = vec![(0.0, 0.0); system.classes().len()];
    for Answer { row, scores, .. } in left_out.iter().flatten() {
        let class = system.examples()[*row].class;
        let own = scores[class];
        if own.is_finite() {
            let right = scores.iter().enumerate().all(|(at, &s)| at == class || s < own);
            tally[class].0 += 1.0;
            tally[class].1 += f64::from(u8::from(right));
        }
    }
    let recalls: Vec<f64> =
        tally.iter().filter(|(all, _)| *all > 0.0).map(|(all, right)| right / all).collect();
    recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
}

/// Of every unit what a head taught with all others says.
///
/// * `shrinkage`: of the head without that unit.
fn left_out(system: &System, shrinkage: &dyn Fn(&Unit) -> f64, units: &[Unit]) -> Vec<Vec<Answer>> {
    // Units whose others make the same ridge are left out together.
    let mut by_ridge: BTreeMap<Option<u64>, Vec<(usize, f64, Rest)>> = BTreeMap::new();
    for (at, unit) in units.iter().enumerate() {
        let (rest, shrinkage) = (system.rest(unit), shrinkage(unit));
        let lambda = ridge(rest.scatter, rest.square, system.dim(), shrinkage);
        by_ridge.entry(lambda.map(f64::to_bits)).or_default().push((at, shrinkage, rest));
    }
    let mut all = vec![Vec::new(); units.len()];
    for (lambda, members) in by_ridge {
        let Some(lambda) = lambda.map(f64::from_bits) else {
            for (at, _, rest) in members {
                all[at] = by_means(system, &units[at], &rest);
            }
            continue;
        };
        let chosen: Vec<&Unit> = members.iter().map(|(at, ..)| &units[*at]).collect();
        let (solution, terms) = system.left_out(lambda, &chosen);
        let inverse = Factor::of(&solution.r, 0.0).inverse();
        for ((at, shrinkage, rest), terms) in members.into_iter().zip(terms) {
            let f = factor(rest.total, shrinkage, lambda);
            let without = Without { system, places: &solution.places, inverse: &inverse, lambda };
            all[at] = without.answers(&units[at], &rest, f, &terms);
        }
    }
    all
}

/// A system, and what leaving a unit out of it needs.
struct Without<'a> {
    system: &'a System,
    /// Of the classes with rows.
    places: &'a [usize],
    /// `[C, C]`, `S = R^-1`.
    inverse: &'a Array2<f64>,
    lambda: f64,
}

impl Without<'_> {
    /// With `P = Q_g S` the inverse without the unit is `S + P^T K P`, where `K = (B - P Q_g^T)^-1`; for the only unit of
    /// its class, row and column of the class are taken out of `S` first.
    fn answers(&self, unit: &Unit, rest: &Rest, f: f64, terms: &LeftOutTerms) -> Vec<Answer> {
        let Without { system, places, lambda, .. } = *self;
        let own = places.binary_search(&unit.class).expect("its class has a row");
        let alone = rest.rows == 0;
        let (b, q) = (&terms.b, &terms.q);
        let mut p = q.dot(self.inverse);
        let column = self.inverse.column(own);
        if alone {
            for mut row in p.outer_iter_mut() {
                let share = row[own] / column[own];
                row.scaled_add(-share, &column);
            }
        }
        let k = Factor::of(&(b - &p.dot(&q.t())), 0.0).inverse();
        let block = Factor::of(b, 0.0);
        let (fitted, inverse_block) = (block.solved(q.clone()), block.inverse());
        let kp = k.dot(&p);
        let diagonal: Vec<f64> = (0..places.len())
            .map(|at| {
                let taken = if alone { column[at] * column[at] / column[own] } else { 0.0 };
                self.inverse[[at, at]] - taken + p.column(at).dot(&kp.column(at))
            })
            .collect();
        let answer = |(at, row): (usize, usize)| {
            let weight = system.examples()[row].weight;
            // `V z` of the others.
            let mut vz = fitted.row(at).mapv(|value| -value / weight.sqrt());
            vz[own] += 1.0;
            if alone {
                vz[own] = 0.0;
            }
            let mut linear = self.inverse.dot(&vz);
            if alone {
                let share = linear[own] / column[own];
                linear.scaled_add(-share, &column);
            }
            linear += &kp.t().dot(&p.dot(&vz));
            let mut scores = vec![f32::NEG_INFINITY; system.classes().len()];
            for (at, &place) in places.iter().enumerate() {
                let count = if at == own { rest.weight } else { system.tallies()[place].weight };
                if at != own || !alone {
                    scores[place] =
                        finite(f * (linear[at] - 0.5 * (diagonal[at] - lambda / count)));
                }
            }
            let quadratic = (inverse_block[[at, at]] - lambda) / weight + vz.dot(&linear);
            Answer { row, scores, spread: Some(finite(f * quadratic)) }
        };
        images(system, unit).map(answer).collect()
    }
}

/// A unit without which no class has two rows that differ: the nearest mean.
fn by_means(system: &System, unit: &Unit, rest: &Rest) -> Vec<Answer> {
    let (places, mut means) = means(system);
    let own = places.binary_search(&unit.class).expect("its class has a row");
    if rest.rows > 0 {
        let before = system.tallies()[unit.class].weight;
        let mut mean = means.row_mut(own);
        mean *= before / rest.weight;
        for &row in &unit.rows {
            let share = system.examples()[row].weight / rest.weight;
            mean.iter_mut().zip(system.z(row)).for_each(|(m, &z)| *m -= share * f64::from(z));
        }
    }
    let answer = |(_, row): (usize, usize)| {
        let z = Array1::from_vec(widened(system.z(row)));
        let mut scores = vec![f32::NEG_INFINITY; system.classes().len()];
        for (at, &place) in places.iter().enumerate() {
            if at != own || rest.rows > 0 {
                let mean = means.row(at);
                scores[place] = finite(z.dot(&mean) - 0.5 * mean.dot(&mean));
            }
        }
        Answer { row, scores, spread: Some(finite(z.dot(&z))) }
    };
    images(system, unit).map(answer).collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use crate::learn::head::{
        ClassId, ExampleId, FeatureScaling, GroupId, Head, HeadConfig, Lesson, Method, Shrinkage,
        new,
    };

    type Sample = Vec<(ExampleId, ClassId, Vec<f32>)>;

    /// Examples of classes whose sizes differ, class 0 with a single one.
    fn samples(count: u64, classes: u32, dim: usize, seed: u64) -> Sample {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut sample = Vec::new();
        for id in 0..count {
            let class = if id == 0 { 0 } else { 1 + (id as u32 % (classes - 1)) };
            let feature = (0..dim)
                .map(|at| {
                    let own = if at as u32 % classes == class { 1.0 } else { 0.0 };
                    0.3 + own + random.random_range(-1.0..1.0)
                })
                .collect();
            sample.push((ExampleId(id), ClassId(class), feature));
        }
        sample
    }

    fn head(shrinkage: Shrinkage, dim: usize, classes: u32) -> Box<dyn Head> {
        let method = Method::Lda { shrinkage };
        let config = HeadConfig { method, scaling: FeatureScaling::default() };
        let mut head = new(&config, dim).expect("valid settings");
        (0..classes).for_each(|class| head.add_class(ClassId(class)).expect("a new class"));
        head
    }

    fn learn(head: &mut dyn Head, sample: &Sample) {
        for (id, class, feature) in sample {
            head.learn(*id, *class, feature).expect("a valid example");
        }
    }

    /// Scores by the definition, with `G` written out and the ridge rounded as documented.
    fn by_definition(sample: &Sample, classes: u32, shrinkage: f64, query: &[f32]) -> Vec<f64> {
        let unit = |x: &[f32]| {
            let norm = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
            x.iter().map(|&v| f64::from(v) / norm).collect::<Vec<f64>>()
        };
        let dim = query.len();
        let z: Vec<(usize, Vec<f64>)> =
            sample.iter().map(|(_, class, x)| (class.0 as usize, unit(x))).collect();
        let mut means = vec![vec![0.0; dim]; classes as usize];
        let mut counts = vec![0.0; classes as usize];
        for (class, z) in &z {
            counts[*class] += 1.0;
            means[*class].iter_mut().zip(z).for_each(|(m, v)| *m += v);
        }
        for (mean, count) in means.iter_mut().zip(&counts) {
            mean.iter_mut().for_each(|m| *m /= count);
        }
        let freedom = z.len() as f64 - 1.0;
        let mut g = vec![vec![0.0; dim]; dim];
        for (class, z) in &z {
            let off: Vec<f64> = z.iter().zip(&means[*class]).map(|(a, b)| a - b).collect();
            for i in 0..dim {
                for j in 0..dim {
                    g[i][j] += off[i] * off[j] / freedom;
                }
            }
        }
        let trace: f64 = (0..dim).map(|i| g[i][i]).sum();
        let ridge = shrinkage / (1.0 - shrinkage) * trace * freedom / dim as f64;
        let rounded = 2f64.powf((ridge.log2() * 16.0).round() / 16.0);
        for (i, row) in g.iter_mut().enumerate() {
            row.iter_mut().for_each(|v| *v *= 1.0 - shrinkage);
            row[i] += (1.0 - shrinkage) * rounded / freedom;
        }
        let q = unit(query);
        means
            .iter()
            .map(|mean| {
                let w = gauss(g.clone(), mean.clone());
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
                dot(&q, &w) - 0.5 * dot(mean, &w)
            })
            .collect()
    }

    fn gauss(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
        let n = b.len();
        for k in 0..n {
            for i in k + 1..n {
                let by = a[i][k] / a[k][k];
                let pivot = a[k].clone();
                a[i][k..].iter_mut().zip(&pivot[k..]).for_each(|(a, p)| *a -= by * p);
                b[i] -= by * b[k];
            }
        }
        for k in (0..n).rev() {
            b[k] = (b[k] - (k + 1..n).map(|j| a[k][j] * b[j]).sum::<f64>()) / a[k][k];
        }
        b
    }

    fn assert_close(got: &[f32], wanted: &[f64], what: &str) {
        let scale = wanted.iter().filter(|v| v.is_finite()).fold(1e-9f64, |a, v| a.max(v.abs()));
        for (got, wanted) in got.iter().zip(wanted) {
            let same = *wanted == f64::from(*got);
            let off = (f64::from(*got) - wanted).abs() / scale;
            assert!(same || off < 2e-5, "{what}: {got} is not {wanted}");
        }
    }

    #[test]
    fn both_forms_give_what_the_definition_says() {
        // 12 examples of 20 values are dual, 60 primal; 21 has just crossed over, one by one.
        for (count, dim) in [(12, 20), (21, 20), (60, 20), (40, 41)] {
            for shrinkage in [0.1f32, 0.5, 0.9] {
                let sample = samples(count, 4, dim, count);
                let mut head = head(Shrinkage::Fixed(shrinkage), dim, 4);
                learn(head.as_mut(), &sample);
                let query = &samples(3, 4, dim, 99)[2].2;
                let wanted = by_definition(&sample, 4, f64::from(shrinkage), query);
                let got = head.score(query).expect("a valid feature");
                assert_close(&got, &wanted, &format!("{count} x {dim}, shrinkage {shrinkage}"));
            }
        }
    }

    #[test]
    fn leaving_one_out_is_the_same_as_teaching_all_others() {
        for (count, dim, classes) in [(2, 8, 2), (3, 8, 2), (4, 8, 3), (14, 20, 4), (50, 20, 4)] {
            for shrinkage in [Shrinkage::Fixed(0.5), Shrinkage::Fixed(0.05)] {
                let sample = samples(count, classes, dim, 5 + count);
                let mut whole = head(shrinkage, dim, classes);
                learn(whole.as_mut(), &sample);
                let left_out = whole.leave_one_out().expect("lda can");
                assert_eq!(left_out.len(), sample.len());
                for (at, one) in left_out.iter().enumerate() {
                    let mut others = sample.clone();
                    let (id, class, feature) = others.remove(at);
                    assert_eq!((one.example, one.class), (id, class));
                    let mut head = head(shrinkage, dim, classes);
                    learn(head.as_mut(), &others);
                    let wanted: Vec<f64> = head
                        .score(&feature)
                        .expect("a valid feature")
                        .into_iter()
                        .map(f64::from)
                        .collect();
                    assert_close(&one.scores, &wanted, &format!("{count} examples less {at}"));
                }
            }
        }
    }

    #[test]
    fn leaving_a_group_out_is_the_same_as_teaching_all_others() {
        for (count, dim, classes) in [(10, 60, 3), (40, 30, 4), (12, 90, 2)] {
            for shrinkage in [Shrinkage::ByLooks, Shrinkage::Fixed(0.3)] {
                // Groups of one to three examples, with none to two views each.
                let rows = samples(count * 3, classes, dim, 7 + count);
                let rows: Vec<Vec<f32>> = rows.into_iter().map(|(.., row)| row).collect();
                let lessons: Vec<(u64, u64, u32, Vec<&[f32]>)> = (0..count)
                    .map(|id| {
                        let (group, own) = (id / (1 + id % 3), &rows[id as usize * 3..]);
                        let views = 1 + (id % 3) as usize;
                        let features = own[..views].iter().map(Vec::as_slice).collect();
                        (id, group + 100 * (group % u64::from(classes)), 0, features)
                    })
                    .map(|(id, group, _, features)| {
                        (id, group, (group / 100) as u32 % classes, features)
                    })
                    .collect();
                let teach = |left_out: Option<u64>| {
                    let mut head = head(shrinkage, dim, classes);
                    for (id, group, class, features) in &lessons {
                        if Some(*group) != left_out {
                            let (example, group) = (ExampleId(*id), GroupId(*group));
                            let class = ClassId(*class);
                            head.teach(&[Lesson { example, group, class, features }])
                                .expect("a valid example");
                        }
                    }
                    head
                };
                let whole = teach(None).leave_one_out().expect("lda can");
                assert_eq!(whole.len(), lessons.len());
                for one in whole {
                    let lesson = &lessons[one.example.0 as usize];
                    assert_eq!((one.group.0, one.class.0), (lesson.1, lesson.2));
                    let others = teach(Some(one.group.0));
                    let wide = |score: f32| f64::from(score);
                    let wanted: Vec<f64> =
                        others.score(lesson.3[0]).expect("valid").into_iter().map(wide).collect();
                    assert_close(&one.scores, &wanted, &format!("{count} without {}", one.group.0));
                    let spread = others.spread(lesson.3[0]).expect("valid").map(wide);
                    assert_close(&[one.spread.expect("lda has one")], &[spread.expect("so")], "it");
                }
            }
        }
    }

    #[test]
    fn a_look_weighs_the_same_however_many_frames_it_has() {
        let rows = samples(12, 3, 8, 4);
        fn lesson<'a>(id: u64, features: &'a [&'a [f32]]) -> Lesson<'a> {
            let (group, class) = (GroupId(id % 6), ClassId((id % 3) as u32));
            Lesson { example: ExampleId(id), group, class, features }
        }
        let (mut once, mut twice) =
            (head(Shrinkage::ByLooks, 8, 3), head(Shrinkage::ByLooks, 8, 3));
        for id in 0..6u64 {
            let own: &[f32] = &rows[id as usize].2;
            once.teach(&[lesson(id, &[own])]).expect("valid");
            twice.teach(&[lesson(id, &[own, own])]).expect("valid");
            if id < 3 {
                // The same frame again, as another example of its group.
                twice.teach(&[lesson(id + 6, &[own])]).expect("valid");
            }
        }
        let query = &rows[11].2;
        let (a, b) = (once.score(query).expect("valid"), twice.score(query).expect("valid"));
        let wide: Vec<f64> = a.into_iter().map(f64::from).collect();
        assert_close(&b, &wide, "twins count once");
        (6..9).for_each(|id| {
            let own: &[f32] = &rows[id as usize - 6].2;
            twice.unlearn(&lesson(id, &[own])).expect("it was learned");
        });
        assert_close(&twice.score(query).expect("valid"), &wide, "after forgetting them");
    }

    /// By the definition: the squared distance to a mean in the metric that the scores have.
    #[test]
    fn spread_less_twice_a_score_is_the_squared_distance() {
        for count in [9, 60] {
            let sample = samples(count, 3, 20, count);
            let mut head = head(Shrinkage::Fixed(0.5), 20, 3);
            learn(head.as_mut(), &sample);
            let distance = |feature: &[f32]| {
                let (scores, spread) = (head.score(feature), head.spread(feature));
                let spread = spread.expect("valid").expect("lda has one");
                scores.expect("valid").into_iter().map(move |score| spread - 2.0 * score)
            };
            // An only example is its class's mean; class 0 has one.
            let own = distance(&sample[0].2).next().expect("three classes");
            let other = distance(&sample[1].2).next().expect("three classes");
            assert!(own.abs() < 1e-3 * other && other > 1.0, "{own} {other}");
        }
    }

    #[test]
    fn one_example_a_class_is_the_nearest_mean() {
        let mut head = head(Shrinkage::Fixed(0.5), 2, 2);
        head.learn(ExampleId(0), ClassId(0), &[1.0, 0.0]).expect("valid");
        head.learn(ExampleId(1), ClassId(1), &[0.0, 2.0]).expect("valid");
        let scores = head.score(&[3.0, 4.0]).expect("valid");
        assert!((scores[0] - 0.1).abs() < 1e-6 && (scores[1] - 0.3).abs() < 1e-6, "{scores:?}");
    }

    #[test]
    fn a_chosen_shrinkage_is_at_least_as_good_by_leave_one_out() {
        let sample = samples(40, 4, 30, 3);
        let rate = |shrinkage| {
            let mut head = head(shrinkage, 30, 4);
            learn(head.as_mut(), &sample);
            let all = head.leave_one_out().expect("lda can");
            let mut recalls = [(0.0f32, 0.0f32); 4];
            for one in all.iter().filter(|one| one.class != ClassId(0)) {
                let best = (0..4).max_by(|&a, &b| one.scores[a].total_cmp(&one.scores[b]));
                recalls[one.class.0 as usize].0 += 1.0;
                if best == Some(one.class.0 as usize) {
                    recalls[one.class.0 as usize].1 += 1.0;
                }
            }
            recalls[1..].iter().map(|(all, right)| right / all).sum::<f32>() / 3.0
        };
        let chosen = rate(Shrinkage::LeaveOneOut);
        for fixed in super::GRID {
            assert!(chosen >= rate(Shrinkage::Fixed(fixed as f32)) - 1e-6, "{fixed}");
        }
    }
}
