//! Whether what comes in still looks like what was taught.
//!
//! Light, contrast, warmth and sharpness of a frame ([`Glance`](crate::image::glance::Glance)) and its distance to the nearest class are compared with those
//! of taught looks of the class that it is taken for, in windows of [`DRIFT_WINDOW`](crate::learn::drift::DRIFT_WINDOW) frames. The mean of a window may differ by what
//! the taught looks vary by, and by what their own mean strays: Student's t. Frames of one part that does not move count as
//! one look, since they vary less among themselves than the taught looks do, and those of a few parts as few, since frames
//! that follow each other are alike.
//!
//! False alarms are a rate: a window that took a thousandth of the time between two of them may raise one with a probability
//! of a thousandth, over all that is compared.

use std::collections::BTreeMap;

use super::decision::student;
use super::head::{ClassId, ExampleId, GroupId};
use super::learner::Learner;
use crate::image::frame::Timestamp;
use crate::image::glance::{Glance, Sign};

/// Frames that are compared together.
pub const DRIFT_WINDOW: usize = 32;

/// Microseconds between two frames that are compared.
pub const PACE_MICROS: u64 = 1_000_000;

/// Microseconds of a month of 30 days: between two false alarms.
pub const MONTH_MICROS: f64 = 30.0 * 86_400.0 * 1e6;

/// All signs and, behind them, the logarithm of the distance.
const KINDS: usize = Sign::ALL.len() + 1;

/// The least difference of a distance that counts, as a natural logarithm.
const LEAST_DISTANCE: f64 = 0.1;

/// Degrees of freedom below which nothing is said.
const LEAST_FREEDOM: f64 = 4.0;

/// A frame, or a taught look, as it is compared.
type Values = [f64; KINDS];

/// The same where some of it is not known.
type Partial = [Option<f64>; KINDS];

/// What taught looks vary by.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    /// Means over the looks of a class, and their number.
    classes: BTreeMap<ClassId, (Values, f64)>,
    /// Variances within a class; `None` where that is not known.
    variances: Partial,
    /// Degrees of freedom of these.
    freedom: f64,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// `None`: it lies farther from every class, and nothing else says why.
    pub sign: Option<Sign>,
    /// Natural logarithm of the factor.
    pub by: f64,
}

/// Squared distance of a feature to the nearest class, as a logarithm; `None` from a head that knows none.
pub fn distance(spread: Option<f32>, scores: &[f32]) -> Option<f64> {
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let squared = f64::from(spread? - 2.0 * best);
    squared.is_finite().then(|| squared.max(1e-9).ln())
}

impl Usual {
    /// * `glances`: of examples; those that have none say nothing.
    /// * returns `None` where there are too few looks.
    pub fn of(learner: &Learner, glances: &BTreeMap<ExampleId, Glance>) -> Option<Self> {
        let left_out = learner.head().leave_out(MOST_LEFT_OUT).unwrap_or_default();
        let distances: BTreeMap<ExampleId, f64> = left_out
            .iter()
            .filter_map(|one| Some((one.example, distance(one.spread, &one.scores)?)))
            .collect();
        let mut looks: BTreeMap<(ClassId, GroupId), Vec<Partial>> = BTreeMap::new();
        for example in learner.examples().iter() {
            let Some(Glance(signs)) = glances.get(&example.id) else { continue };
            let mut values = [None; KINDS];
            for (value, sign) in values.iter_mut().zip(signs) {
                *value = Some(*sign);
            }
            values[KINDS - 1] = distances.get(&example.id).copied();
            looks.entry((example.class, example.group)).or_default().push(values);
        }
        Self::of_looks(&looks)
    }

    fn of_looks(looks: &BTreeMap<(ClassId, GroupId), Vec<Partial>>) -> Option<Self> {
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let (mut sum, mut count) = (0.0, 0.0);
            values.for_each(|value| (sum, count) = (sum + value, count + 1.0));
            (count > 0.0).then_some(sum / count)
        };
        let mut classes: BTreeMap<ClassId, Vec<Partial>> = BTreeMap::new();
        for ((class, _), frames) in looks {
            let look = std::array::from_fn(|kind| {
                mean(&mut frames.iter().filter_map(|frame| frame[kind]))
            });
            classes.entry(*class).or_default().push(look);
        }
        let count: usize = classes.values().map(Vec::len).sum();
        let freedom = (count - classes.len().min(count)) as f64;
        if freedom < LEAST_FREEDOM {
            return None;
        }
        let mut usual = Self { classes: BTreeMap::new(), variances: [Some(0.0); KINDS], freedom };
        for (class, looks) in &classes {
            let means =
                std::array::from_fn(|kind| mean(&mut looks.iter().filter_map(|look| look[kind])));
            for kind in 0..KINDS {
                let squares = looks.iter().map(|look| Some((look[kind]? - means[kind]?).powi(2)));
                let sum: Option<f64> = squares.sum();
                usual.variances[kind] =
                    usual.variances[kind].zip(sum).map(|(all, sum)| all + sum / freedom);
            }
            let means = means.map(|mean| mean.unwrap_or(0.0));
            usual.classes.insert(*class, (means, looks.len() as f64));
        }
        for (kind, variance) in usual.variances.iter_mut().enumerate() {
            let least = Sign::ALL.get(kind).map_or(LEAST_DISTANCE, |sign| sign.least());
            *variance = variance.map(|variance| variance.max(least * least));
        }
        Some(usual)
    }

    /// What a window of frames differs in by more than chance.
    ///
    /// * `alarm`: the probability with which it may, where nothing changed.
    fn drifts(&self, window: &[(ClassId, Partial)], alarm: f64) -> Vec<Drift> {
        let known: Vec<_> = window
            .iter()
            .filter_map(|(class, values)| Some((self.classes.get(class)?, class, values)))
            .collect();
        let count = known.len() as f64;
        if known.len() < DRIFT_WINDOW / 2 {
            return Vec::new();
        }
        let mut shares: BTreeMap<ClassId, (f64, f64)> = BTreeMap::new();
        for ((_, looks), class, _) in &known {
            shares.entry(**class).or_insert((0.0, *looks)).0 += 1.0 / count;
        }
        // How far the taught means stray.
        let strays: f64 = shares.values().map(|(share, looks)| share * share / looks).sum();
        let mut drifts = Vec::new();
        for kind in 0..KINDS {
            let Some(usual) = self.variances[kind] else { continue };
            let residuals: Option<Vec<f64>> = known
                .iter()
                .map(|((means, _), _, values)| values[kind].map(|value| value - means[kind]))
                .collect();
            let Some(residuals) = residuals else { continue };
            let by = residuals.iter().sum::<f64>() / count;
            let own = residuals.iter().map(|one| (one - by).powi(2)).sum::<f64>() / (count - 1.0);
            // Of frames that follow each other alike (a process of first order) and of those that vary less than looks.
            let pairs = residuals.iter().zip(&residuals[1..]);
            let alike = pairs.map(|(one, next)| (one - by) * (next - by)).sum::<f64>();
            let alike = (alike / (own * (count - 1.0)).max(f64::MIN_POSITIVE)).clamp(0.0, 0.99);
            let independent = count * (own / usual).min(1.0) * (1.0 - alike) / (1.0 + alike);
            let independent = independent.max(1.0);
            let error = (usual * strays + usual.max(own) / independent).sqrt();
            let sign = Sign::ALL.get(kind).copied();
            // Nearer than usual is no change; a sign may change both ways.
            let (ways, by) = if sign.is_some() { (2.0, by) } else { (1.0, by.max(0.0)) };
            let limit = student(alarm / KINDS as f64 / ways, self.freedom);
            if by.abs() > limit * error {
                drifts.push((by.abs() / error / limit, Drift { sign, by }));
            }
        }
        drifts.sort_by(|a, b| b.0.total_cmp(&a.0));
        drifts.into_iter().map(|(_, drift)| drift).collect()
    }
}

/// Groups that are left out to know how far looks lie from their class.
const MOST_LEFT_OUT: usize = 96;

/// Watches what comes in.
#[derive(Debug, Clone)]
pub struct DriftWatch {
    /// Microseconds between two false alarms, on average.
    every_micros: f64,
    window: Vec<(ClassId, Partial)>,
    begun: Timestamp,
    /// When the latest frame came that was compared.
    latest: Option<Timestamp>,
    found: Vec<Drift>,
    since: Timestamp,
}

impl Default for DriftWatch {
    fn default() -> Self {
        Self::new(MONTH_MICROS)
    }
}

impl DriftWatch {
    /// * `every_micros`: microseconds between two false alarms, on average.
    pub fn new(every_micros: f64) -> Self {
        Self {
            every_micros,
            window: Vec::with_capacity(DRIFT_WINDOW),
            begun: Timestamp(0),
            latest: None,
            found: Vec::new(),
            since: Timestamp(0),
        }
    }

    /// Whether a frame that comes now may be compared.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.latest.is_none_or(|latest| now.micros_since(latest) >= PACE_MICROS)
    }

    /// A frame came.
    ///
    /// * `class`: what it is taken for; `distance`: see [`distance`].
    /// * returns whether what was found is other than before.
    pub fn see(
        &mut self,
        usual: &Usual,
        class: ClassId,
        Glance(signs): &Glance,
        distance: Option<f64>,
        now: Timestamp,
    ) -> bool {
        if self.window.is_empty() {
            self.begun = self.latest.unwrap_or(now);
        }
        self.latest = Some(now);
        let mut values = [None; KINDS];
        for (value, sign) in values.iter_mut().zip(signs) {
            *value = Some(*sign);
        }
        values[KINDS - 1] = distance;
        self.window.push((class, values));
        if self.window.len() < DRIFT_WINDOW {
            return false;
        }
        let took = now.micros_since(self.begun).max(DRIFT_WINDOW as u64 * PACE_MICROS) as f64;
        let alarm = (took / self.every_micros).clamp(1e-12, 0.05);
        let found = usual.drifts(&self.window, alarm);
        self.window.clear();
        let news = found.is_empty() != self.found.is_empty();
        if news {
            self.since = now;
        }
        self.found = found;
        news
    }

    /// What changed, the clearest first; nothing where nothing did.
    pub fn found(&self) -> &[Drift] {
        &self.found
    }

    /// Since when that is so.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Frames before are of another light, or are compared with what is no longer taught.
    pub fn reset(&mut self) {
        self.window.clear();
        self.found.clear();
    }
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = (self.by.exp() - 1.0).abs() * 100.0;
        let more = self.by > 0.0;
        match (self.sign, more) {
            (Some(Sign::Light), true) => write!(f, "brighter by {percent:.0} %"),
            (Some(Sign::Light), false) => write!(f, "darker by {percent:.0} %"),
            (Some(Sign::Contrast), true) => write!(f, "{percent:.0} % more contrast"),
            (Some(Sign::Contrast), false) => write!(f, "{percent:.0} % less contrast"),
            (Some(Sign::Warmth), true) => write!(f, "warmer by {percent:.0} %"),
            (Some(Sign::Warmth), false) => write!(f, "colder by {percent:.0} %"),
            (Some(Sign::Sharpness), true) => write!(f, "noisier or sharper by {percent:.0} %"),
            (Some(Sign::Sharpness), false) => write!(f, "blurred by {percent:.0} %"),
            (None, _) => write!(f, "farther from every class: moved, turned or of another kind"),
        }
    }
}

/// All of them, in words.
pub fn in_words(drifts: &[Drift]) -> String {
    let known = drifts.iter().filter(|one| one.sign.is_some()).count();
    let told = drifts.iter().filter(|one| known == 0 || one.sign.is_some());
    told.map(Drift::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// About a normal one of standard deviation 1.
    fn normal(random: &mut ChaCha8Rng) -> f64 {
        let uniform = |random: &mut ChaCha8Rng| f64::from(random.next_u32()) / f64::from(u32::MAX);
        (0..12).map(|_| uniform(random)).sum::<f64>() - 6.0
    }

    /// A look of a class: the classes differ in every sign, looks of one vary by a tenth.
    fn look(class: u32, random: &mut ChaCha8Rng) -> Values {
        std::array::from_fn(|kind| f64::from(class) * (kind + 1) as f64 + 0.2 * normal(random))
    }

    fn usual(looks: u64, random: &mut ChaCha8Rng) -> Usual {
        let one = |class, random: &mut ChaCha8Rng| vec![look(class, random).map(Some)];
        let mut all = BTreeMap::new();
        for class in 0..3 {
            for group in 0..looks {
                all.insert((ClassId(class), GroupId(group)), one(class, random));
            }
        }
        Usual::of_looks(&all).expect("enough looks")
    }

    fn glance(values: &Values) -> (Glance, Option<f64>) {
        (Glance(std::array::from_fn(|kind| values[kind])), Some(values[KINDS - 1]))
    }

    /// Shows so many windows of frames, and counts those after which something is found.
    fn alarms(
        watch: &mut DriftWatch,
        usual: &Usual,
        windows: usize,
        mut frame: impl FnMut(usize) -> (u32, Values),
    ) -> usize {
        let mut now = 0;
        let one = |at: usize| {
            now += PACE_MICROS;
            let (class, values) = frame(at);
            let (glance, far) = glance(&values);
            watch.see(usual, ClassId(class), &glance, far, Timestamp(now));
            at % DRIFT_WINDOW == DRIFT_WINDOW - 1 && !watch.found().is_empty()
        };
        (0..windows * DRIFT_WINDOW).map(one).filter(|found| *found).count()
    }

    #[test]
    fn false_alarms_are_as_rare_as_named() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut found, windows) = (0, 40);
        // A window takes a hundredth of the time between two false alarms.
        let every = 100.0 * DRIFT_WINDOW as f64 * PACE_MICROS as f64;
        for _ in 0..50 {
            let usual = usual(4, &mut random);
            let mut watch = DriftWatch::new(every);
            found += alarms(&mut watch, &usual, windows, |at| {
                // Mostly of one class.
                let class = u32::from(at % 10 == 0);
                (class, look(class, &mut random))
            });
        }
        assert!((1..=40).contains(&found), "{found} of 2000 windows, wanted about 20");
    }

    #[test]
    fn a_part_that_lies_still_is_one_look() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let usual = usual(10, &mut random);
        let found: usize = (0..20)
            .map(|_| {
                let part = look(1, &mut random);
                let mut watch = DriftWatch::default();
                alarms(&mut watch, &usual, 2, |_| {
                    (1, part.map(|value| value + 1e-3 * normal(&mut random)))
                })
            })
            .sum();
        assert_eq!(found, 0);
    }

    #[test]
    fn a_few_parts_that_lie_still_are_few_looks() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let usual = usual(10, &mut random);
        let mut part = look(1, &mut random);
        let mut watch = DriftWatch::default();
        let found = alarms(&mut watch, &usual, 200, |at| {
            if at % 11 == 0 {
                part = look(1, &mut random);
            }
            (1, part)
        });
        assert_eq!(found, 0);
    }

    #[test]
    fn what_changed_is_told_in_words() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let usual = usual(10, &mut random);
        let mut words = |by: Values| {
            let mut watch = DriftWatch::default();
            alarms(&mut watch, &usual, 1, |at| {
                let class = at as u32 % 3;
                let seen = look(class, &mut random);
                (class, std::array::from_fn(|kind| seen[kind] + by[kind]))
            });
            in_words(watch.found())
        };
        assert_eq!(words([0.0; KINDS]), "");
        let dark = words([0.6_f64.ln(), 0.0, 0.0, 0.0, 0.5]);
        assert!(dark.starts_with("darker by ") && !dark.contains("class"), "{dark}");
        let warm = words([0.0, 0.0, 0.4, -0.8, 0.0]);
        assert!(warm.contains("blurred by") && warm.contains("warmer by"), "{warm}");
        assert!(words([0.0, 0.0, 0.0, 0.0, 1.0]).contains("moved, turned"));
        // Nearer to a class than usual is no change.
        assert_eq!(words([0.0, 0.0, 0.0, 0.0, -1.0]), "");
    }

    #[test]
    fn of_few_looks_nothing_is_said() {
        let one = |value: f64| vec![[Some(value); KINDS]];
        let looks = |count: u64| {
            let looks = (0..count).map(|at| ((ClassId(0), GroupId(at)), one(at as f64)));
            Usual::of_looks(&looks.collect())
        };
        assert_eq!(looks(0), None);
        assert_eq!(looks(4), None);
        assert!(looks(5).is_some());
    }
}
