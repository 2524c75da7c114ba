//! Taught in one light, used in another: what adaptation brings back, and what it costs.
//!
//! | value | meaning |
//! | --- | --- |
//! | as_is | classified as it was taught |
//! | without | classified in the other conditions |
//! | adapted, skewed | after an adaptation with 60 frames of them: of all classes alike, and 90 % of one class |
//! | always, always_skewed | the same without asking whether it helps |
//! | labelled, labelled3 | adapted, and one frame of each class taught: as one look, as three |
//! | upper | taught in the other conditions |
//! | taken, taken_skewed | whether it was applied |
//! | noticed, noticed_skewed | whether the drift watch reports something after a window of the frames |
//! | back | what `adapted` brings back of what is lost without |
//! | bare, bare_as_is | taught without views: in the other conditions, and as it was taught |
//! | kept | what views at teaching and `adapted` together bring back of what is lost without either |

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pupil::{Burst, Pupil, id_of};
use super::{Bench, BenchError, BenchRow, Deal, Sample, Shift, Task, Values, Variant};
use super::{figures, gathered};
use crate::eval::Spread;
use crate::image::frame::{Frame, Timestamp};
use crate::image::glance::Glance;
use crate::image::levels::{Levels, Moments};
use crate::learn::adapt::{AdaptError, Proposal, TaughtLight, propose};
use crate::learn::drift::{DRIFT_WINDOW, DriftWatch, PACE_MICROS, Usual, distance};
use crate::learn::head::{ExampleId, GroupId};
use crate::learn::patches::FrameFeatures;

/// What is asked, in a line.
pub const ABOUT: &str = "taught as it is, adapted to other conditions with unlabelled frames";

/// Classified of a class at most, in every condition.
const CLASSIFIED: usize = 20;

/// Unlabelled frames.
const FRAMES: usize = 60;

/// Where most are of one class, one in so many is of another.
const ONE_IN: usize = 10;

/// Under the label `severity`: all of them.
pub const ALL_SEVERITIES: &str = "all";

/// Everything there is to do: without a shift, and for each of these.
pub fn tasks<'a>(bench: &'a Bench<'a>, shifts: &[Shift], severities: &'a [u8]) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for &shots in &bench.shots {
        for seed in 0..bench.seeds {
            if bench.deal_rest(shots, CLASSIFIED, seed).is_some() {
                let shifts = std::iter::once(None).chain(shifts.iter().copied().map(Some));
                for shift in shifts {
                    tasks.push(Box::new(move || task(bench, shots, seed, shift, severities)));
                }
            }
        }
    }
    tasks
}

fn task(
    bench: &Bench<'_>,
    shots: usize,
    seed: u64,
    shift: Option<Shift>,
    severities: &[u8],
) -> Result<Vec<Sample>, BenchError> {
    let Some(draw) = Draw::new(bench, shots, seed)? else { return Ok(Vec::new()) };
    let sample = |name: &str, severity: &str, values: &Values| {
        let of = [("shots", shots.to_string()), ("shift", name.to_owned())];
        let of = of.into_iter().chain([("severity", severity.to_owned())]);
        Sample { of: of.collect(), values: values.clone() }
    };
    let Some(shift) = shift else {
        let values = draw.measured(Variant::AsIs)?;
        return Ok(vec![sample("as it is", ALL_SEVERITIES, &values)]);
    };
    let mut samples = Vec::new();
    for &severity in severities {
        let values = draw.measured(Variant::Severe(shift, severity))?;
        samples.push(sample(shift.name(), &severity.to_string(), &values));
        for name in [shift.name(), shift.kind(), "all shifts"] {
            samples.push(sample(name, ALL_SEVERITIES, &values));
        }
    }
    Ok(samples)
}

/// What is taught, and what the other images are for.
struct Draw<'a> {
    bench: &'a Bench<'a>,
    deal: Deal,
    pupil: Pupil<'a>,
    light: TaughtLight,
    usual: Option<Usual>,
    /// Unlabelled frames, of all classes alike.
    mixed: Vec<(usize, usize)>,
    /// The same, most of them of one class.
    skewed: Vec<(usize, usize)>,
    /// One of each class.
    labelled: Vec<(usize, usize)>,
}

impl<'a> Draw<'a> {
    fn new(bench: &'a Bench<'a>, shots: usize, seed: u64) -> Result<Option<Self>, BenchError> {
        let Some((deal, others)) = bench.deal_rest(shots, CLASSIFIED, seed) else {
            return Ok(None);
        };
        let pupil = Pupil::of_images(bench, bench.head(), &deal.train)?;
        let (mut light, mut glances) = (Vec::new(), BTreeMap::new());
        for (&(class, image), id) in deal.train.iter().zip(1..) {
            let frame = bench.frame(image, Variant::AsIs)?;
            light.push((id_of(class), GroupId(id), Moments::of(&frame)));
            glances.insert(ExampleId(id), Glance::of(&frame));
        }
        let usual = Usual::of(pupil.learner(), &glances);
        let labelled = others.iter().filter_map(|(class, images)| Some((*class, *images.last()?)));
        let labelled = labelled.collect();
        let turns = |others: &[(usize, Vec<usize>)]| -> Vec<(usize, usize)> {
            let most = others.iter().map(|(_, images)| images.len()).max().unwrap_or(0);
            let one = |at: usize| {
                let of =
                    move |(class, images): &(usize, Vec<usize>)| Some((*class, *images.get(at)?));
                others.iter().filter_map(of).collect::<Vec<_>>()
            };
            (0..most).flat_map(one).collect()
        };
        let mut mixed = turns(&others);
        mixed.truncate(FRAMES);
        // By turns another class, of those that there are enough of.
        let enough: Vec<usize> = (0..others.len())
            .filter(|&place| others[place].1.len() >= FRAMES - FRAMES / ONE_IN)
            .collect();
        let common = match enough.as_slice() {
            [] => (0..others.len()).max_by_key(|&place| others[place].1.len()).unwrap_or(0),
            enough => enough[seed as usize % enough.len()],
        };
        let (class, images) = &others[common];
        let of_common = images.iter().take(FRAMES - FRAMES / ONE_IN);
        let mut skewed: Vec<(usize, usize)> = of_common.map(|&image| (*class, image)).collect();
        let rare: Vec<_> = others.iter().filter(|(other, _)| other != class).cloned().collect();
        let few = (skewed.len() / (ONE_IN - 1)).max(1);
        skewed.extend(turns(&rare).into_iter().take(few));
        let light = TaughtLight::of(light);
        Ok(Some(Self { bench, deal, pupil, light, usual, mixed, skewed, labelled }))
    }

    fn measured(&self, variant: Variant) -> Result<Values, BenchError> {
        let test = self.frames(&self.deal.test, variant)?;
        let plain = self.features(&test, &Levels::SAME)?;
        let as_is = match variant {
            Variant::AsIs => self.accuracy(&self.pupil, &plain)?,
            _ => {
                let seen = self.pupil.classify_all(&self.deal.test, Variant::AsIs)?;
                figures::balanced_accuracy(&seen)
            }
        };
        let without = self.accuracy(&self.pupil, &plain)?;
        let mut values = vec![("as_is", as_is), ("without", without)];
        let mut after = plain.clone();
        let mut through = Levels::SAME;
        for (names, images) in [
            (["adapted", "always", "taken", "noticed"], &self.mixed),
            (["skewed", "always_skewed", "taken_skewed", "noticed_skewed"], &self.skewed),
        ] {
            let frames = self.frames(images, variant)?;
            let seen = self.features(&frames, &Levels::SAME)?;
            let noticed = self.noticed(&frames, &seen)?;
            let proposal = self.proposal(&frames, &seen)?;
            let (levels, taken) = match proposal {
                Some(Proposal { levels, comparison }) => (levels, comparison.helps()),
                None => (Levels::SAME, false),
            };
            let changed = self.features(&test, &levels)?;
            let always = self.accuracy(&self.pupil, &changed)?;
            let flag = |is: bool| Some(f64::from(u8::from(is)));
            let found = [if taken { always } else { without }, always, flag(taken), flag(noticed)];
            values.extend(names.into_iter().zip(found));
            if taken && names[0] == "adapted" {
                (after, through) = (changed, levels);
            }
        }
        for (name, looks) in [("labelled", 1), ("labelled3", 3)] {
            let mut pupil = Pupil::of_images(self.bench, self.bench.head(), &self.deal.train)?;
            pupil.teach(&self.bursts(&self.labelled, variant, &through, looks)?)?;
            values.push((name, self.accuracy(&pupil, &after)?));
        }
        let bursts = self.bursts(&self.deal.train, variant, &Levels::SAME, 1)?;
        let there = Pupil::new(self.bench, self.bench.head(), &bursts)?;
        values.push(("upper", self.accuracy(&there, &plain)?));
        let mut bursts = self.bursts(&self.deal.train, Variant::AsIs, &Levels::SAME, 1)?;
        for frame in bursts.iter_mut().flat_map(|burst| &mut burst.frames) {
            Arc::make_mut(frame).views.clear();
        }
        let bare = Pupil::new(self.bench, self.bench.head(), &bursts)?;
        values.push(("bare", self.accuracy(&bare, &plain)?));
        let seen = bare.classify_all(&self.deal.test, Variant::AsIs)?;
        values.push(("bare_as_is", figures::balanced_accuracy(&seen)));
        Ok(values)
    }

    fn frames(
        &self,
        images: &[(usize, usize)],
        variant: Variant,
    ) -> Result<Vec<Frame>, BenchError> {
        images.iter().map(|&(_, image)| self.bench.frame(image, variant)).collect()
    }

    fn features(
        &self,
        frames: &[Frame],
        levels: &Levels,
    ) -> Result<Vec<FrameFeatures>, BenchError> {
        let seen = |frame: &Frame| self.bench.looks.feature(frame).map_err(BenchError::Look);
        let feature = |frame: &Frame| match *levels == Levels::SAME {
            true => seen(frame),
            false => seen(&levels.apply(frame)),
        };
        let features = frames.iter().map(feature);
        features.map(|one| Ok(FrameFeatures { feature: one?, patches: None })).collect()
    }

    /// Of the images to be classified, by their features.
    fn accuracy(
        &self,
        pupil: &Pupil<'_>,
        features: &[FrameFeatures],
    ) -> Result<Option<f64>, BenchError> {
        let of = self.deal.test.iter().zip(features);
        let classified: Result<Vec<_>, BenchError> =
            of.map(|(&(class, _), seen)| pupil.classify_feature(class, &seen.feature)).collect();
        Ok(figures::balanced_accuracy(&classified?))
    }

    /// Of each image so many looks, one frame each, all the same.
    fn bursts(
        &self,
        images: &[(usize, usize)],
        variant: Variant,
        through: &Levels,
        looks: usize,
    ) -> Result<Vec<Burst>, BenchError> {
        let mut bursts = Vec::new();
        for &(class, image) in images {
            let frame = through.apply(&self.bench.frame(image, variant)?);
            let look = Arc::new(self.bench.looks.taught(&frame).map_err(BenchError::Look)?);
            let burst = || Burst { class, frames: vec![Arc::clone(&look)] };
            bursts.extend(std::iter::repeat_with(burst).take(looks));
        }
        Ok(bursts)
    }

    /// * `seen`: of the frames as they come.
    /// * returns `None` where there are too few.
    fn proposal(
        &self,
        frames: &[Frame],
        seen: &[FrameFeatures],
    ) -> Result<Option<Proposal>, BenchError> {
        let moments: Vec<Moments> = frames.iter().map(Moments::of).collect();
        let mut look = |levels: &Levels| match *levels == Levels::SAME {
            true => Ok(seen.to_vec()),
            false => self.features(frames, levels).map_err(|error| error.to_string()),
        };
        let learner = self.pupil.learner();
        match propose(learner, self.light.clone(), &moments, &Levels::SAME, &mut look) {
            Err(AdaptError::TooFew(_)) => Ok(None),
            proposal => Ok(Some(proposal?)),
        }
    }

    /// Whether the drift watch reports something after one window of these frames, one a second.
    fn noticed(&self, frames: &[Frame], seen: &[FrameFeatures]) -> Result<bool, BenchError> {
        let (learner, mut watch) = (self.pupil.learner(), DriftWatch::default());
        let Some(usual) = &self.usual else { return Ok(false) };
        // Spread over all of them, which stand class by class or in turns.
        for (at, now) in (0..DRIFT_WINDOW).zip(1..) {
            let place = at * frames.len() / DRIFT_WINDOW;
            let feature = &seen[place].feature;
            let Some(verdict) = learner.classify(feature)? else { continue };
            let (spread, scores) =
                (learner.head().spread(feature)?, learner.head().score(feature)?);
            let far = distance(spread, &scores);
            let at = Timestamp(now * PACE_MICROS);
            watch.see(usual, verdict.best, &Glance::of(&frames[place]), far, at);
        }
        Ok(!watch.found().is_empty())
    }
}

/// Samples to rows, with what came back and what was lost at worst behind them.
pub fn rows(samples: &[Sample]) -> Vec<BenchRow> {
    let mut rows = gathered(samples);
    let one = |mean: f64| Some(Spread { mean, std: 0.0 });
    for row in &mut rows {
        let share = |before: &str, lost: &str| {
            let (adapted, before, lost) =
                (row.mean("adapted")?, row.mean(before)?, row.mean(lost)?);
            // Of hardly anything lost there is no share.
            (before - lost > 0.01).then(|| (adapted - lost) / (before - lost)).and_then(one)
        };
        let shares = [("back", share("as_is", "without")), ("kept", share("bare_as_is", "bare"))];
        row.values.extend(shares);
    }
    let mut shots: Vec<String> = Vec::new();
    for row in &rows {
        let of = row.label("shots").unwrap_or_default().to_owned();
        if !shots.contains(&of) {
            shots.push(of);
        }
    }
    for shots in shots {
        let of: Vec<&BenchRow> =
            rows.iter().filter(|row| row.label("shots") == Some(&shots)).collect();
        let changed = ["adapted", "skewed", "always", "always_skewed", "labelled", "labelled3"];
        let values = changed.map(|name| {
            let changes = of.iter().filter_map(|row| Some(row.mean(name)? - row.mean("without")?));
            (name, changes.min_by(f64::total_cmp).and_then(one))
        });
        let labels = [("shots", shots), ("shift", "worst change".to_owned())];
        let labels = labels.into_iter().chain([("severity", "each".to_owned())]);
        let (of, samples) = (labels.collect(), of.len());
        rows.push(BenchRow { of, samples, values: values.to_vec() });
    }
    rows
}
