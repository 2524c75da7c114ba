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

/// Light and colour of what was taught.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaughtLight {
    classes: BTreeMap<ClassId, Moments>,
}

impl TaughtLight {
    /// * `images`: of each the class, what it is left out with, and its moments.
    pub fn of(images: impl IntoIterator<Item = (ClassId, GroupId, Moments)>) -> Self {
        let mut looks: BTreeMap<ClassId, BTreeMap<GroupId, Vec<Moments>>> = BTreeMap::new();
        for (class, group, moments) in images {
            looks.entry(class).or_default().entry(group).or_default().push(moments);
        }
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
        Self { classes: classes.collect() }
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
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotStrange => "the frames look like what was taught as they are",
            Self::NotNearer => "the frames look no more like what was taught with it",
            Self::MoreUnknown => "more of the frames are unknown with it",
        })
    }
}

impl Comparison {
    fn of(before: &Seen, after: &Seen) -> Self {
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
        if self.gain() <= 2.0 * self.uncertainty {
            return Some(Refusal::NotNearer);
        }
        (self.unknown[1] > self.unknown[0]).then_some(Refusal::MoreUnknown)
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
        Ok(Self { taught, from, next: Some(*now), before: None, after: None })
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
        let comparison = Comparison::of(&before, &after);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::{Frame, Timestamp};
    use crate::learn::examples::{Example, narrowed};
    use crate::learn::head::ExampleId;
    use crate::learn::learner::{Change, ClassName};

    /// A part of one of two classes: bright on one side, each a little different.
    fn part(class: u32, number: u32) -> Frame {
        let bright = |at: u32| (at % 16 < 8) == (class == 0);
        let value = |at: u32| {
            let own = number * 7 % 11 + at * (number + 3) % 5;
            [90, 80, 70].map(|base| (base + own + if bright(at) { 60 } else { 0 }) as u8)
        };
        Frame::new(16, 16, (0..256).flat_map(value).collect(), Timestamp(0)).expect("the sides fit")
    }

    /// What a backbone would say: how light each side is, and how colourful.
    fn feature(frame: &Frame) -> Vec<f32> {
        let pixels = frame.pixels().as_chunks::<3>().0;
        let mut sums = [1.0_f32, 0.0, 0.0, 0.0];
        for (at, [r, g, b]) in pixels.iter().enumerate() {
            let grey = f32::from(*g) / 256.0 / 64.0;
            sums[if at % 16 < 8 { 1 } else { 2 }] += grey;
            sums[3] += (f32::from(*r) - f32::from(*b)) / 256.0 / 64.0;
        }
        sums.to_vec()
    }

    fn taught() -> (Learner, TaughtLight) {
        let mut learner = Learner::new(4, Default::default(), usize::MAX).expect("valid");
        let mut changes = Vec::new();
        let mut light = Vec::new();
        for class in 0..2 {
            let name = ClassName::new(&format!("class{class}")).expect("a name");
            changes.push(Change::AddClass(ClassId(class), name));
            for number in 0..8 {
                let (id, frame) = (u64::from(class * 8 + number + 1), part(class, number));
                light.push((ClassId(class), GroupId(id), Moments::of(&frame)));
                changes.push(Change::AddExample(Example {
                    id: ExampleId(id),
                    class: ClassId(class),
                    group: GroupId(id),
                    taught: Timestamp(id),
                    origin: String::new(),
                    feature: narrowed(&feature(&frame)),
                    views: Vec::new(),
                    image: None,
                    patches: None,
                }));
            }
        }
        learner.change(changes).expect("they fit");
        (learner, TaughtLight::of(light))
    }

    /// What is proposed for so many frames of each class in that light.
    fn proposal(counts: [u32; 2], light: &Levels) -> Proposal {
        let (learner, taught) = taught();
        let frames = counts.iter().zip(0..).flat_map(|(count, class)| {
            (0..*count).map(move |number| light.apply(&part(class, 100 + number)))
        });
        let frames: Vec<Frame> = frames.collect();
        let moments: Vec<Moments> = frames.iter().map(Moments::of).collect();
        let mut look = |levels: &Levels| {
            let seen = frames.iter().map(|frame| feature(&levels.apply(frame)));
            Ok(seen.map(|feature| FrameFeatures { feature, patches: None }).collect())
        };
        propose(&learner, taught, &moments, &Levels::SAME, &mut look).expect("enough frames")
    }

    const DARK: Levels = Levels { gain: [0.6, 0.6, 0.5], offset: [4.0; 3] };

    #[test]
    fn frames_of_another_light_are_brought_back() {
        let Proposal { levels, comparison } = proposal([15, 15], &DARK);
        assert!(comparison.helps(), "{comparison:?}");
        for (gain, dark) in levels.gain.iter().zip(DARK.gain) {
            assert!((gain * dark - 1.0).abs() < 0.1, "{levels:?}");
        }
        assert_eq!(comparison.classes.len(), 2);
        assert!(comparison.unknown[0] > 0.5 && comparison.unknown[1] < 0.3, "{comparison:?}");
    }

    #[test]
    fn frames_of_mostly_one_class_are_brought_back_too() {
        let Proposal { levels, comparison } = proposal([27, 3], &DARK);
        assert!(comparison.helps(), "{comparison:?}");
        for (gain, dark) in levels.gain.iter().zip(DARK.gain) {
            assert!((gain * dark - 1.0).abs() < 0.2, "{levels:?}");
        }
    }

    #[test]
    fn in_the_same_light_nothing_is_taken() {
        for counts in [[15, 15], [30, 0], [2, 28]] {
            let Proposal { comparison, .. } = proposal(counts, &Levels::SAME);
            assert!(!comparison.helps(), "{counts:?}: {comparison:?}");
        }
    }

    #[test]
    fn too_few_frames_are_refused() {
        let (learner, taught) = taught();
        let mut look = |_: &Levels| Ok(Vec::new());
        let moments = [Moments::of(&part(0, 1)); LEAST_FRAMES];
        let mut of = |taught: TaughtLight, frames: &[Moments]| {
            propose(&learner, taught, frames, &Levels::SAME, &mut look)
        };
        assert_eq!(of(taught, &moments[1..]), Err(AdaptError::TooFew(LEAST_FRAMES - 1)));
        assert_eq!(of(TaughtLight::default(), &moments), Err(AdaptError::NothingTaught));
    }
}
