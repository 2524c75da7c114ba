//! The product's learner, taught and asked as a person would. The only file of the benchmark that knows how it is
//! driven.

use std::sync::Arc;

use super::figures::{Classified, SelfEstimate};
use super::{Bench, BenchError, Look, Variant};
use crate::image::frame::Timestamp;
use crate::learn::command::{ChangeHead, Command, ForgetExamples, RelabelExamples};
use crate::learn::decision::Doubt;
use crate::learn::examples::{Example, narrowed};
use crate::learn::head::{ClassId, ExampleId, GroupId, HeadConfig, HeadKind};
use crate::learn::learner::{Change, ClassName, Learner};
use crate::learn::patches::Patches;

/// The frames of one part: one group.
pub(super) struct Burst {
    /// What it is taught as.
    pub(super) class: usize,
    /// At least one.
    pub(super) frames: Vec<Arc<Look>>,
}

/// A learner and what it was taught.
pub(super) struct Pupil<'a> {
    bench: &'a Bench<'a>,
    learner: Learner,
    /// Whether something was changed since the figures were fitted.
    stale: bool,
}

impl<'a> Pupil<'a> {
    /// Teaches these bursts at once.
    pub(super) fn new(
        bench: &'a Bench<'a>,
        head: Option<HeadKind>,
        bursts: &[Burst],
    ) -> Result<Self, BenchError> {
        let learner = Learner::new(bench.looks.dim(), HeadConfig::default(), usize::MAX)?;
        let mut pupil = Self { bench, learner, stale: false };
        pupil.teach(bursts)?;
        // Asked for when something is there, as on a device: some heads take their centre from that.
        if let Some(kind) = head {
            let config = Some(HeadConfig::of(kind));
            pupil.apply(Command::Head(ChangeHead { config }))?;
        }
        // Both fitted it to everything.
        pupil.stale = false;
        Ok(pupil)
    }

    /// One frame a part, of these (class, image).
    pub(super) fn of_images(
        bench: &'a Bench<'a>,
        head: Option<HeadKind>,
        images: &[(usize, usize)],
    ) -> Result<Self, BenchError> {
        Self::new(bench, head, &bursts(bench, images, 1)?)
    }

    pub(super) fn teach(&mut self, bursts: &[Burst]) -> Result<(), BenchError> {
        let mut changes = Vec::new();
        let mut known: Vec<ClassId> = self.learner.classes().keys().copied().collect();
        let (_, ExampleId(next)) = self.learner.next_ids();
        let mut ids = next..;
        for burst in bursts {
            // A group has the id of its first example.
            let group = GroupId(ids.start);
            let class = id_of(burst.class);
            if !known.contains(&class) {
                known.push(class);
                // A folder may be called what no class may; the number stands for it.
                let name = ClassName::new(&format!("class{}", burst.class))?;
                changes.push(Change::AddClass(class, name));
            }
            for (look, id) in burst.frames.iter().zip(&mut ids) {
                changes.push(Change::AddExample(Example {
                    id: ExampleId(id),
                    class,
                    group,
                    taught: Timestamp(id),
                    origin: String::new(),
                    feature: narrowed(&look.feature),
                    views: look.views.iter().map(|view| narrowed(view)).collect(),
                    image: None,
                    patches: look.patches.clone(),
                    described: false,
                }));
            }
        }
        self.learner.change(changes)?;
        self.stale = true;
        Ok(())
    }

    /// Bytes of the examples, and of the patches that stand for all.
    pub(super) fn bytes(&self) -> usize {
        let memory = self.learner.patch_memory().map_or(0, |memory| memory.bytes());
        self.learner.examples().bytes() + memory
    }

    /// What it takes an image for that is of that class.
    pub(super) fn classify(
        &self,
        class: usize,
        image: usize,
        variant: Variant,
    ) -> Result<Classified, BenchError> {
        let seen = self.bench.seen(image, variant)?;
        self.classify_seen(class, &seen.feature, seen.patches.as_deref())
    }

    /// What it takes a feature for that is of that class.
    pub(super) fn classify_feature(
        &self,
        class: usize,
        feature: &[f32],
    ) -> Result<Classified, BenchError> {
        self.classify_seen(class, feature, None)
    }

    /// The learner itself.
    pub(super) fn learner(&self) -> &Learner {
        &self.learner
    }

    fn classify_seen(
        &self,
        class: usize,
        feature: &[f32],
        patches: Option<&Patches>,
    ) -> Result<Classified, BenchError> {
        let verdict = self.learner.classify_with(feature, patches)?;
        Ok(verdict.map_or_else(
            || Classified::nothing(class),
            |verdict| Classified {
                truth: class,
                best: Some(verdict.best.0 as usize),
                confidence: verdict.confidence,
                unknown: verdict.class.is_none(),
                novelty: verdict.novelty,
            },
        ))
    }

    /// What it takes these (class, image) for.
    pub(super) fn classify_all(
        &self,
        images: &[(usize, usize)],
        variant: Variant,
    ) -> Result<Vec<Classified>, BenchError> {
        images.iter().map(|&(class, image)| self.classify(class, image, variant)).collect()
    }

    pub(super) fn told(&mut self) -> SelfEstimate {
        self.refresh();
        let estimate = self.learner.estimate();
        let told = estimate.and_then(|one| Some((f64::from(one.balanced_accuracy?), one.interval)));
        SelfEstimate {
            estimate: told.map(|(accuracy, _)| accuracy),
            interval: told.map(|(_, (low, high))| (f64::from(low), f64::from(high))),
        }
    }

    /// After small changes the learner's figures are refitted when it is asked for its status.
    fn refresh(&mut self) {
        if std::mem::take(&mut self.stale) {
            self.learner.recalibrate();
        }
    }

    /// The examples that it calls probably mislabelled, and the class that it takes each for. Examples have their place
    /// in the order taught.
    pub(super) fn wrong_labels(&mut self) -> Vec<(usize, usize)> {
        self.refresh();
        let suspects = self.learner.estimate().map_or(&[][..], |estimate| &estimate.suspects);
        let suspects = suspects.iter().filter(|suspect| suspect.doubt == Doubt::WrongLabel);
        let place = |example: ExampleId| (example.0 - FIRST.0) as usize;
        suspects.map(|one| (place(one.example), one.taken_for.0 as usize)).collect()
    }

    /// Forgets examples by their place in the order taught.
    pub(super) fn forget(&mut self, places: &[usize]) -> Result<(), BenchError> {
        match places {
            [] => Ok(()),
            places => self.apply(Command::Forget(ForgetExamples::Examples(ids(places)))),
        }
    }

    /// Says that examples, by their place in the order taught, are of another class.
    pub(super) fn relabel(&mut self, places: &[usize], class: usize) -> Result<(), BenchError> {
        let class = format!("class{class}");
        self.apply(Command::Relabel(RelabelExamples { examples: ids(places), class }))
    }

    /// Of which class it wants to see one more; `None` where it does not say.
    pub(super) fn wants(&mut self) -> Option<usize> {
        self.refresh();
        self.learner.next_class().map(|class| class.0 as usize)
    }

    fn apply(&mut self, command: Command) -> Result<(), BenchError> {
        let (_, ExampleId(now)) = self.learner.next_ids();
        command.apply(&mut self.learner, Timestamp(now))?;
        self.stale = true;
        Ok(())
    }
}

/// The id of the first example of a learner.
const FIRST: ExampleId = ExampleId(1);

fn ids(places: &[usize]) -> Vec<ExampleId> {
    places.iter().map(|&place| ExampleId(place as u64 + FIRST.0)).collect()
}

pub(super) fn id_of(class: usize) -> ClassId {
    ClassId(u32::try_from(class).expect("far fewer classes"))
}

/// Of every (class, image) a burst of so many frames.
pub(super) fn bursts(
    bench: &Bench<'_>,
    images: &[(usize, usize)],
    frames: u32,
) -> Result<Vec<Burst>, BenchError> {
    images
        .iter()
        .map(|&(class, image)| {
            let variants = std::iter::once(Variant::AsIs)
                .chain((1..frames).map(|frame| Variant::Burst(frame - 1)));
            let frames = variants
                .map(|variant| bench.looks.look(image, variant).map_err(BenchError::Look))
                .collect::<Result<_, _>>()?;
            Ok(Burst { class, frames })
        })
        .collect()
}
