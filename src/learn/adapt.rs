//! Adaptation to another light or camera: factors and offsets of red, green and blue, found from unlabelled
//! frames, and taken only where the frames look more like what was taught with them.
//!
//! The mean and the spread of each channel over the frames become those over the taught looks ([`Levels`](crate::image::levels::Levels)). What is in the
//! frames weighs as much in the taught looks: first every class alike, then by what the frames are taken for. Both are tried,
//! and what makes the frames less strange is proposed.
//!
//! | word | meaning |
//! | --- | --- |
//! | taught light | mean and spread of each channel over the taught looks of each class |
//! | strangeness | the novelty of a frame, less 1 above the limit and as a logarithm below it: it grows evenly |

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::decision::Verdict;
use super::head::{ClassId, GroupId, HeadError};
use super::learner::Learner;
use super::patches::FrameFeatures;
use crate::image::levels::{Levels, Moments};

/// Frames that it takes at least.
pub const LEAST_FRAMES: usize = 20;

/// Mean strangeness of looks that were left out: novelty is measured from there to the limit.
const USUAL: f64 = -1.0;

/// Less than this share of the way from there to the limit is not worth a change, however sure it is.
const LEAST_GAIN: f64 = 0.1;

/// Light and colour of what was taught.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaughtLight {
    classes: BTreeMap<ClassId, Moments>,
    /// Standard deviation of the looks' lightness, in grey levels.
    apart: f64,
}

impl TaughtLight {
    /// * `images`: of each the class, what it is left out with, and its moments.
    pub fn of(images: impl IntoIterator<Item = (ClassId, GroupId, Moments)>) -> Self {
        let mut looks: BTreeMap<ClassId, BTreeMap<GroupId, Vec<Moments>>> = BTreeMap::new();
        for (class, group, moments) in images {
            looks.entry(class).or_default().entry(group).or_default().push(moments);
        }
        let lightness = |look: &Vec<Moments>| {
            look.iter().map(|one| lightness(one, &Levels::SAME)).sum::<f64>() / look.len() as f64
        };
        let apart = deviation(looks.values().flat_map(BTreeMap::values).map(lightness));
        let of_class = |looks: BTreeMap<GroupId, Vec<Moments>>| {
            // A look counts once however many frames it has.
            let frames = looks.values().flat_map(|look| {
                let weight = 1.0 / look.len() as f64;
                look.iter().map(move |one| (one, weight))
            });
            Moments::mixed(frames)
        };
        let classes = looks.into_iter();
        let classes = classes.filter_map(|(class, looks)| Some((class, of_class(looks)?)));
        Self { classes: classes.collect(), apart }
    }

    /// Of frames of which such shares are of each class.
    fn mixed(&self, shares: &BTreeMap<ClassId, f64>) -> Option<Moments> {
        let frames = self.classes.iter().filter_map(|(class, moments)| {
            shares.get(class).filter(|share| **share > 0.0).map(|share| (moments, *share))
        });
        Moments::mixed(frames)
    }

    /// Of frames of which as many are of each class.
    fn even(&self) -> Option<Moments> {
        Moments::mixed(self.classes.values().map(|moments| (moments, 1.0)))
    }
}

/// The mean of a frame's channels through some levels, in grey levels.
fn lightness(moments: &Moments, through: &Levels) -> f64 {
    let channel =
        |at: usize| f64::from(through.gain[at]) * moments.mean[at] + f64::from(through.offset[at]);
    (0..3).map(channel).sum::<f64>() / 3.0
}

/// The standard deviation of values.
fn deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    (values.map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)).sqrt()
}

/// What a learner says of frames.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    /// Of each frame.
    strange: Vec<f64>,
    /// Of each frame the nearest class.
    best: Vec<ClassId>,
    /// Frames that are called unknown.
    unknown: usize,
}

impl Seen {
    fn by(learner: &Learner, frames: &[FrameFeatures]) -> Result<Self, HeadError> {
        let mut seen = Self { strange: Vec::new(), best: Vec::new(), unknown: 0 };
        for FrameFeatures { feature, patches } in frames {
            let verdict = learner.classify_with(feature, patches.as_deref())?;
            let Some(verdict) = verdict else { continue };
            seen.strange.push(strangeness(&verdict));
            seen.best.push(verdict.best);
            seen.unknown += usize::from(verdict.class.is_none());
        }
        Ok(seen)
    }

    fn mean(&self) -> f64 {
        self.strange.iter().sum::<f64>() / self.strange.len() as f64
    }

    /// Share of the frames by class.
    fn shares(&self) -> BTreeMap<ClassId, f64> {
        let mut shares = BTreeMap::new();
        for class in &self.best {
            *shares.entry(*class).or_default() += 1.0 / self.best.len() as f64;
        }
        shares
    }
}

fn strangeness(verdict: &Verdict) -> f64 {
    let novelty = f64::from(verdict.novelty);
    if novelty > 1.0 { novelty - 1.0 } else { novelty.max(1e-9).ln() }
}

/// Frames before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// How many.
    pub frames: usize,
    /// Shares that are called unknown, before and after.
    pub unknown: [f64; 2],
    /// Mean strangeness, before and after.
    pub strange: [f64; 2],
    /// Standard error of the mean before.
    pub error: f64,
    /// Standard error of their difference, frame by frame.
    pub uncertainty: f64,
    /// Standard deviation of the frames' lightness that would be too much, and what it would be, in grey levels: too much
    /// is that of taught looks and their spread within a frame together, as a factor gives it to frames that have little
    /// contrast each around its own lightness.
    pub apart: [f64; 2],
    /// Share of the frames that are taken for the same class before and after.
    pub agreement: f64,
    /// Shares of the frames by what they are taken for afterwards.
    pub classes: BTreeMap<ClassId, f64>,
}

/// Why levels are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The frames are no more strange than left-out looks are.
    NotStrange,
    /// The frames are no less strange with them.
    NotNearer,
    /// More of them are unknown.
    MoreUnknown,
    /// They would differ in lightness from each other far more than taught looks do.
    Uneven,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotStrange => "the frames look like what was taught as they are",
            Self::NotNearer => "the frames look hardly more like what was taught with it",
            Self::MoreUnknown => "more of the frames are unknown with it",
            Self::Uneven => {
                "their light differs from frame to frame, so no one change brings all of them back"
            }
        })
    }
}

impl Comparison {
    fn of(before: &Seen, after: &Seen, apart: [f64; 2]) -> Self {
        let count = before.strange.len() as f64;
        let share = |number: usize| number as f64 / count;
        let gains: Vec<f64> = before
            .strange
            .iter()
            .zip(&after.strange)
            .map(|(before, after)| before - after)
            .collect();
        let error = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / count;
            let squares = values.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
            (squares / (count - 1.0).max(1.0) / count).sqrt()
        };
        let same = before.best.iter().zip(&after.best).filter(|(before, after)| before == after);
        Self {
            frames: before.strange.len(),
            unknown: [share(before.unknown), share(after.unknown)],
            strange: [before.mean(), after.mean()],
            error: error(&before.strange),
            uncertainty: error(&gains),
            apart,
            agreement: share(same.count()),
            classes: after.shares(),
        }
    }

    /// How much less strange the frames are.
    pub fn gain(&self) -> f64 {
        self.strange[0] - self.strange[1]
    }

    /// Why not to take it; `None`: it helps.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.strange[0] <= USUAL + 2.0 * self.error {
            return Some(Refusal::NotStrange);
        }
        if self.gain() <= (2.0 * self.uncertainty).max(LEAST_GAIN) {
            return Some(Refusal::NotNearer);
        }
        if self.unknown[1] > self.unknown[0] {
            return Some(Refusal::MoreUnknown);
        }
        let [most, frames] = self.apart;
        (frames > most).then_some(Refusal::Uneven)
    }

    /// Whether the frames look more like what was taught, by more than chance alone might give.
    pub fn helps(&self) -> bool {
        self.refusal().is_none()
    }
}

/// What could be done, and what it would bring.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// What frames would go through.
    pub levels: Levels,
    /// With that, and as they are now.
    pub comparison: Comparison,
}

/// Why nothing is proposed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AdaptError {
    /// Nothing to compare with.
    #[error(
        "no taught image is kept, so there is nothing to adapt to\n  next: teach images without --image-side 0"
    )]
    NothingTaught,
    /// They say too little.
    #[error("too few frames to adapt: wanted at least {LEAST_FRAMES}, got {0}")]
    TooFew(usize),
    /// The head refused a feature.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A frame gave no feature.
    #[error("{0}")]
    Look(String),
}

/// A search for what brings frames to the taught light, in passes: the frames are seen through some levels, and what is
/// said of them decides on the next.
#[derive(Debug)]
pub struct Search {
    taught: TaughtLight,
    frames: Vec<Moments>,
    from: Moments,
    next: Option<Levels>,
    before: Option<Seen>,
    after: Option<(Levels, Seen)>,
}

impl Search {
    /// Passes of all frames that it takes at most.
    pub const PASSES: usize = 3;

    /// * `frames`: moments of the frames as they come.
    /// * `now`: what they go through already.
    ///
    /// # Errors
    /// [`AdaptError::TooFew`], [`AdaptError::NothingTaught`].
    pub fn new(taught: TaughtLight, frames: &[Moments], now: &Levels) -> Result<Self, AdaptError> {
        if frames.len() < LEAST_FRAMES {
            return Err(AdaptError::TooFew(frames.len()));
        }
        let from = Moments::mixed(frames.iter().map(|one| (one, 1.0)));
        let from = from.filter(|_| taught.even().is_some()).ok_or(AdaptError::NothingTaught)?;
        let frames = frames.to_vec();
        Ok(Self { taught, frames, from, next: Some(*now), before: None, after: None })
    }

    /// What all the frames are to be seen through next; `None`: it is done.
    pub fn wanted(&self) -> Option<Levels> {
        self.next
    }

    /// They were seen through that.
    ///
    /// # Errors
    /// [`AdaptError::Head`]; [`AdaptError::NothingTaught`] where the learner predicts nothing.
    pub fn seen(&mut self, learner: &Learner, frames: &[FrameFeatures]) -> Result<(), AdaptError> {
        let Some(through) = self.next.take() else { return Ok(()) };
        let seen = Seen::by(learner, frames)?;
        if seen.strange.is_empty() {
            return Err(AdaptError::NothingTaught);
        }
        match &self.after {
            _ if self.before.is_none() => {
                self.before = Some(seen);
                self.next = self.taught.even().map(|to| Levels::between(&self.from, &to));
            }
            None => {
                let by_class = self.taught.mixed(&seen.shares());
                self.next = by_class.map(|to| Levels::between(&self.from, &to));
                self.after = Some((through, seen));
            }
            Some((_, even)) => {
                if seen.mean() < even.mean() {
                    self.after = Some((through, seen));
                }
            }
        }
        Ok(())
    }

    /// What it has found; `None` before it is done.
    pub fn found(self) -> Option<Proposal> {
        let (before, (levels, after)) = self.before.zip(self.after)?;
        let frames = self.frames.iter().map(|one| lightness(one, &levels));
        let spread = self.taught.even()?.spread().iter().sum::<f64>() / 3.0;
        let apart = [self.taught.apart.hypot(spread), deviation(frames)];
        let comparison = Comparison::of(&before, &after, apart);
        self.next.is_none().then_some(Proposal { levels, comparison })
    }
}

/// What brings frames to the taught light: a [`Search`] in one go.
///
/// * `look`: what is seen of all the frames through some levels.
///
/// # Errors
/// [`AdaptError`].
pub fn propose(
    learner: &Learner,
    taught: TaughtLight,
    frames: &[Moments],
    now: &Levels,
    look: &mut dyn FnMut(&Levels) -> Result<Vec<FrameFeatures>, String>,
) -> Result<Proposal, AdaptError> {
    let mut search = Search::new(taught, frames, now)?;
    while let Some(levels) = search.wanted() {
        search.seen(learner, &look(&levels).map_err(AdaptError::Look)?)?;
    }
    search.found().ok_or(AdaptError::NothingTaught)
}
