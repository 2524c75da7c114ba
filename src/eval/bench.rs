//! The benchmark: what a person does at a line, played with labelled images, and what comes of it. Bursts of one part,
//! rare classes, wrong labels, things never taught, other light. Every figure comes from the product's own
//! [`Learner`](crate::learn::learner::Learner); nothing is computed here that it would compute.
//!
//! | word | meaning |
//! | --- | --- |
//! | part | one question, a file each: which tasks there are, and what is measured in one |
//! | task | one head taught once or a few times with images drawn by a seed |
//! | sample | what one task found, under the labels of its row |
//! | row | samples with the same labels: means and standard deviations |

/// Taught in one light, adapted to another.
pub mod adaptation;
mod advice;
mod bursts;
mod figures;
mod good;
mod imbalance;
mod labels;
mod pupil;
mod shift;
mod shots;
mod unknown;
mod variant;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Spread;
use super::splits::shuffle;
use crate::image::frame::Frame;
use crate::learn::adapt::AdaptError;
use crate::learn::command::CommandError;
use crate::learn::head::{HeadError, HeadKind};
use crate::learn::learner::LearnError;
use crate::learn::patches::{FrameFeatures, KeptPatches};

pub use good::{Found, GoodParts};
pub use variant::{Shift, Variant};

/// What is taught of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// `[dim]`.
    pub feature: Vec<f32>,
    /// `[views][dim]`, of the views that the product learns with it.
    pub views: Vec<Vec<f32>>,
    /// What an example keeps of its places.
    pub patches: Option<Arc<KeptPatches>>,
}

/// Where features come from: the backbone, and a memory so that none is computed twice.
pub trait Looks: Sync {
    /// Length of a feature.
    fn dim(&self) -> usize;

    /// To be classified.
    ///
    /// # Errors
    /// What kept the image from having a feature, in words.
    fn seen(&self, image: usize, variant: Variant) -> Result<Arc<FrameFeatures>, String>;

    /// To be taught: the feature and whatever the product learns with it.
    ///
    /// # Errors
    /// As [`Looks::seen`].
    fn look(&self, image: usize, variant: Variant) -> Result<Arc<Look>, String>;

    /// The image itself.
    ///
    /// # Errors
    /// As [`Looks::seen`].
    fn frame(&self, image: usize, variant: Variant) -> Result<Frame, String>;

    /// `[dim]`, of any frame; nothing of it is kept.
    ///
    /// # Errors
    /// As [`Looks::seen`].
    fn feature(&self, frame: &Frame) -> Result<Vec<f32>, String>;

    /// Of any frame, as [`Looks::look`]; nothing of it is kept.
    ///
    /// # Errors
    /// As [`Looks::seen`].
    fn taught(&self, frame: &Frame) -> Result<Look, String>;
}

/// Why a benchmark ended.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// No feature of an image.
    #[error("{0}")]
    Look(String),
    /// The learner refused.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The head refused.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A command was refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Nothing could be adapted to.
    #[error(transparent)]
    Adapt(#[from] AdaptError),
}

/// What a benchmark is run with.
pub struct Bench<'a> {
    /// Features of the images.
    pub looks: &'a dyn Looks,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// `[classes]`, the places of each class's images.
    pub images: Vec<Vec<usize>>,
    /// Draws of each setting, at least 1.
    pub seeds: u64,
    /// Images a class for the part `shots`.
    pub shots: Vec<usize>,
    /// Heads: all for the part `shots`, the first for the others; `None` is what a new store has.
    pub heads: Vec<Option<HeadKind>>,
    /// The only class that the part `good` teaches; all in turn where there is none.
    pub good: Option<usize>,
}

/// What one task found: shares from 0 to 1, or `None` where there is no such thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The labels of its row.
    pub of: Vec<(&'static str, String)>,
    /// Named values.
    pub values: Values,
}

/// Named values, in the order in which they are shown.
pub type Values = Vec<(&'static str, Option<f64>)>;

/// One draw.
pub type Task<'a> = Box<dyn Fn() -> Result<Vec<Sample>, BenchError> + Send + Sync + 'a>;

/// Samples with the same labels.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchRow {
    /// The labels.
    pub of: Vec<(&'static str, String)>,
    /// How many samples.
    pub samples: usize,
    /// Over those that have the value.
    pub values: Vec<(&'static str, Option<Spread>)>,
}

impl BenchRow {
    /// Whether it is of one class alone, and there is one over all classes, too.
    pub fn is_detail(&self) -> bool {
        self.of.iter().any(|(label, value)| *label == "class" && value != ALL_CLASSES)
    }

    /// The text under that label.
    pub fn label(&self, wanted: &str) -> Option<&str> {
        self.of.iter().find(|(label, _)| *label == wanted).map(|(_, value)| value.as_str())
    }

    /// The mean of that value.
    pub fn mean(&self, wanted: &str) -> Option<f64> {
        let value = self.values.iter().find(|(name, _)| *name == wanted)?.1?;
        Some(value.mean)
    }
}

/// Under the label `class`: over all classes.
const ALL_CLASSES: &str = "all";

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`Part::about` says what each is")]
#[non_exhaustive]
pub enum Part {
    Shots,
    Bursts,
    Imbalance,
    Labels,
    Advice,
    Unknown,
    Good,
    Shift,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 8] = [
        Part::Shots,
        Part::Bursts,
        Part::Imbalance,
        Part::Labels,
        Part::Advice,
        Part::Unknown,
        Part::Good,
        Part::Shift,
    ];

    /// In small letters.
    pub fn name(self) -> &'static str {
        match self {
            Part::Shots => "shots",
            Part::Bursts => "bursts",
            Part::Imbalance => "imbalance",
            Part::Labels => "labels",
            Part::Advice => "advice",
            Part::Unknown => "unknown",
            Part::Good => "good",
            Part::Shift => "shift",
        }
    }

    /// What is asked, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Part::Shots => shots::ABOUT,
            Part::Bursts => bursts::ABOUT,
            Part::Imbalance => imbalance::ABOUT,
            Part::Labels => labels::ABOUT,
            Part::Advice => advice::ABOUT,
            Part::Unknown => unknown::ABOUT,
            Part::Good => good::ABOUT,
            Part::Shift => shift::ABOUT,
        }
    }

    /// Everything there is to do for it; empty where the classes have too few images.
    pub fn tasks<'a>(self, bench: &'a Bench<'a>) -> Vec<Task<'a>> {
        match self {
            Part::Shots => shots::tasks(bench),
            Part::Bursts => bursts::tasks(bench),
            Part::Imbalance => imbalance::tasks(bench),
            Part::Labels => labels::tasks(bench),
            Part::Advice => advice::tasks(bench),
            Part::Unknown => unknown::tasks(bench),
            Part::Good => good::tasks(bench),
            Part::Shift => shift::tasks(bench),
        }
    }

    /// Samples to rows, in the order in which their labels came first.
    pub fn rows(self, samples: &[Sample]) -> Vec<BenchRow> {
        let mut rows = gathered(samples);
        if self == Part::Imbalance {
            imbalance::add_worst(&mut rows);
        }
        rows
    }
}

fn gathered(samples: &[Sample]) -> Vec<BenchRow> {
    let mut places: BTreeMap<&[(&'static str, String)], usize> = BTreeMap::new();
    let mut groups: Vec<Vec<&Sample>> = Vec::new();
    for sample in samples {
        let place = *places.entry(&sample.of).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(sample);
    }
    let row = |group: Vec<&Sample>| {
        let spread = |place: usize| {
            let values: Vec<f64> = group.iter().filter_map(|one| one.values[place].1).collect();
            Spread::of(&values)
        };
        let values = group[0].values.iter().enumerate();
        BenchRow {
            of: group[0].of.clone(),
            samples: group.len(),
            values: values.map(|(place, (name, _))| (*name, spread(place))).collect(),
        }
    };
    groups.into_iter().map(row).collect()
}

/// Runs tasks on several threads; what comes back is in their order and does not depend on the threads.
///
/// * `threads`: at least 1.
/// * `done`: called after every task.
///
/// # Errors
/// The first task's that failed, by their order; others may not have been run then.
pub fn run(
    tasks: &[Task<'_>],
    threads: usize,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Sample>, BenchError> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, Result<Vec<Sample>, BenchError>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, tasks.len().max(1)) {
            scope.spawn(|| {
                while let Some((place, task)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|at| Some((at, tasks.get(at)?)))
                {
                    let result = task();
                    if result.is_err() {
                        next.store(tasks.len(), Ordering::Relaxed);
                    }
                    crate::util::mutex::lock(&results).insert(place, result);
                    done();
                }
            });
        }
    });
    let mut samples = Vec::new();
    for result in
        results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).into_values()
    {
        samples.extend(result?);
    }
    Ok(samples)
}

/// Images that are classified of a class at most; more would only take longer.
const MAX_CLASSIFIED: usize = 100;

/// Classes that are gone through in turn at most, where that is done.
const MAX_IN_TURN: usize = 12;

/// Classes, and images of each.
type ImagesOfClasses = Vec<(usize, Vec<usize>)>;

/// Images drawn for one task.
#[derive(Debug, Clone, PartialEq)]
struct Deal {
    /// To be taught: (class, image), class by class.
    train: Vec<(usize, usize)>,
    /// To be classified: (class, image), at most [`MAX_CLASSIFIED`] a class.
    test: Vec<(usize, usize)>,
}

impl Deal {
    fn classes(&self) -> usize {
        let mut classes: Vec<usize> = self.train.iter().map(|&(class, _)| class).collect();
        classes.dedup();
        classes.len()
    }
}

impl Bench<'_> {
    /// A class's images, shuffled by the seed as the splits of `eval` are.
    fn shuffled(&self, class: usize, seed: u64) -> Vec<usize> {
        let mut images = self.images[class].clone();
        shuffle(&mut images, &format!("{seed}/{}", self.classes[class]));
        images
    }

    /// So many images of each class to be taught, others to be classified; classes of fewer than `shots + spare` images
    /// take no part. `None` if fewer than two classes do.
    fn deal(&self, shots: usize, spare: usize, seed: u64) -> Option<Deal> {
        let mut deal = Deal { train: Vec::new(), test: Vec::new() };
        for class in 0..self.classes.len() {
            if self.images[class].len() >= shots + spare {
                let images = self.shuffled(class, seed);
                deal.train.extend(images[..shots].iter().map(|&image| (class, image)));
                let rest = images[shots..].iter().take(MAX_CLASSIFIED);
                deal.test.extend(rest.map(|&image| (class, image)));
            }
        }
        (deal.classes() > 1).then_some(deal)
    }

    /// As [`Bench::deal`], with classified images that are the same ones for every seed: the same few, since each is
    /// classified in many variants.
    fn deal_fixed(&self, shots: usize, classified: usize, seed: u64) -> Option<Deal> {
        Some(self.deal_rest(shots, classified, seed)?.0)
    }

    /// As [`Bench::deal_fixed`], with the images of each class that are neither taught nor classified.
    fn deal_rest(
        &self,
        shots: usize,
        classified: usize,
        seed: u64,
    ) -> Option<(Deal, ImagesOfClasses)> {
        let mut deal = Deal { train: Vec::new(), test: Vec::new() };
        let mut others = Vec::new();
        for class in 0..self.classes.len() {
            let mut images = self.images[class].clone();
            // The word is part of the seed: another one would draw other images than those of earlier measurements.
            shuffle(&mut images, &format!("judged/{}", self.classes[class]));
            // Of a small class no more than half.
            let classified = classified.min(images.len() / 2);
            let mut rest = images.split_off(classified);
            if rest.len() < shots || classified < 5 {
                continue;
            }
            shuffle(&mut rest, &format!("{seed}/{}", self.classes[class]));
            deal.train.extend(rest[..shots].iter().map(|&image| (class, image)));
            deal.test.extend(images.iter().map(|&image| (class, image)));
            others.push((class, rest.split_off(shots)));
        }
        (deal.classes() > 1).then_some((deal, others))
    }

    /// Classes with at least so many images, at most [`MAX_IN_TURN`], evenly spread over all.
    fn in_turn(&self, least: usize) -> Vec<usize> {
        let classes: Vec<usize> =
            (0..self.classes.len()).filter(|&class| self.images[class].len() >= least).collect();
        let count = classes.len().min(MAX_IN_TURN);
        (0..count).map(|place| classes[place * classes.len() / count]).collect()
    }

    fn seen(&self, image: usize, variant: Variant) -> Result<Arc<FrameFeatures>, BenchError> {
        self.looks.seen(image, variant).map_err(BenchError::Look)
    }

    fn frame(&self, image: usize, variant: Variant) -> Result<Frame, BenchError> {
        self.looks.frame(image, variant).map_err(BenchError::Look)
    }

    /// The head of every part that does not compare them.
    fn head(&self) -> Option<HeadKind> {
        self.heads.first().copied().flatten()
    }
}
