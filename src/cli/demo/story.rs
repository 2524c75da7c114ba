//! The demo, chapter by chapter.

use std::sync::mpsc::sync_channel;
use std::time::Instant;

use anyhow::{Context as _, bail};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::Tell;
use super::device::Device;
use super::report::{Added, Compared, Fresh, Report, Seen, Strangers, percent, share};
use super::sheet::Row;
use crate::camera::{Camera as _, Synthetic, SyntheticScene};
use crate::cli::Context;
use crate::cli::args::store::now;
use crate::eval::ConfusionMatrix;
use crate::image::frame::Frame;
use crate::image::picture;
use crate::learn::command::{Command, ForgetExamples, Reply, TeachExamples, UndoLatest};
use crate::learn::decision::Verdict;

/// What is taught at first.
const TAUGHT: [SyntheticScene; 6] = [
    SyntheticScene::Good,
    SyntheticScene::Scratch,
    SyntheticScene::Dent,
    SyntheticScene::Crack,
    SyntheticScene::Rust,
    SyntheticScene::Pits,
];
/// What comes later.
const ADDED: SyntheticScene = SyntheticScene::Weld;
/// What never is.
const STRANGE: SyntheticScene = SyntheticScene::Bench;

/// Examples of each class.
const PER_CLASS: usize = 5;
/// Live verdicts that are shown.
const LIVE: usize = 12;
/// Frames of each thing that was not taught.
const STRANGERS: usize = 20;
/// Frames of each class whose verdicts are compared before and after something.
const PROBES: usize = 6;
/// Frames of the added class that are classified.
const ADDED_FRAMES: usize = 60;
/// Fresh frames whose features are kept, to be classified again with one class more.
const KEPT: usize = 1000;

/// The device, its camera, and what has been found so far.
pub(super) struct Story<'a> {
    context: &'a Context,
    tell: Tell,
    device: Option<Device>,
    camera: Synthetic,
    random: ChaCha8Rng,
    frames: usize,
    pictures: Vec<Row>,
    confusion: ConfusionMatrix,
    /// Fresh frames: what they show, their features.
    kept: Vec<(SyntheticScene, Vec<f32>)>,
    probes: Vec<Frame>,
    /// On the probes: before the class was added, with it, and after it was forgotten.
    without_added: Vec<Verdict>,
    with_added: Vec<Verdict>,
    forgotten: Vec<Verdict>,
    report: Report,
}

impl<'a> Story<'a> {
    pub(super) fn begin(
        seed: u64,
        frames: usize,
        context: &'a Context,
        tell: Tell,
        device: Device,
    ) -> Self {
        let model = device.model();
        tell.line(format_args!(
            "A camera looks at a strip of brushed steel (drawn, seed {seed}); {} turns every frame into {} numbers.",
            model.name, model.dim
        ));
        let report = Report {
            seed,
            model: model.name.clone(),
            dim: model.dim,
            per_class: PER_CLASS,
            classes: TAUGHT.map(SyntheticScene::name).to_vec(),
            ..Report::default()
        };
        Self {
            context,
            tell,
            device: Some(device),
            camera: Synthetic::new(seed),
            random: ChaCha8Rng::seed_from_u64(seed),
            frames,
            pictures: TAUGHT.map(|scene| (scene.name(), Vec::new())).to_vec(),
            confusion: ConfusionMatrix::new(TAUGHT.len()),
            kept: Vec::new(),
            probes: Vec::new(),
            without_added: Vec::new(),
            with_added: Vec::new(),
            forgotten: Vec::new(),
            report,
        }
    }

    pub(super) fn tell(&self) -> Tell {
        self.tell
    }

    pub(super) fn seed(&self) -> u64 {
        self.report.seed
    }

    pub(super) fn report(&mut self) -> &mut Report {
        &mut self.report
    }

    fn device(&mut self) -> &mut Device {
        self.device.as_mut().expect("it is only away while it restarts")
    }

    /// A heading.
    pub(super) fn chapter(&self, text: &str) {
        self.tell.line(format_args!("\n{text}"));
    }

    /// So many of these, each as often as the others, shuffled by the seed.
    fn mixed(&mut self, scenes: &[SyntheticScene], count: usize) -> Vec<SyntheticScene> {
        let mut mixed: Vec<SyntheticScene> = scenes.iter().copied().cycle().take(count).collect();
        mixed.shuffle(&mut self.random);
        mixed
    }

    /// Lets the scenes come past and classifies each. The camera draws one frame while the device looks at another, as
    /// cameras do.
    fn watch_each(
        &mut self,
        scenes: &[SyntheticScene],
        doing: &'static str,
        mut seen: impl FnMut(&Device, SyntheticScene, &Verdict, Vec<f32>),
    ) -> anyhow::Result<()> {
        let bar = self.context.bar(scenes.len() as u64, doing);
        let camera = &mut self.camera;
        let device = self.device.as_mut().expect("it is only away while it restarts");
        std::thread::scope(|scope| {
            let (give, frames) = sync_channel(2);
            scope.spawn(move || {
                for &scene in scenes {
                    camera.show(scene);
                    // The receiver is gone where classifying failed.
                    if give.send((scene, camera.capture(now()))).is_err() {
                        return;
                    }
                }
            });
            for (scene, frame) in frames {
                let (verdict, feature) = device.look(&frame?)?;
                seen(device, scene, &verdict, feature);
                bar.inc(1);
            }
            bar.finish_and_clear();
            Ok(())
        })
    }

    fn capture(&mut self, scene: SyntheticScene) -> anyhow::Result<Frame> {
        self.camera.show(scene);
        Ok(self.camera.capture(now())?)
    }

    /// Teaches one frame and keeps its picture; the estimate and how many examples the class has.
    fn teach_one(&mut self, scene: SyntheticScene) -> anyhow::Result<(Option<f32>, usize)> {
        let frame = self.capture(scene)?;
        let origin = format!("{} camera, frame {}", self.camera.name(), self.camera.number());
        let image = picture::kept(&frame, picture::IMAGE_SIDE);
        let example = self.device().engine().new_example(&frame, &origin, image)?;
        let class = scene.name();
        let command =
            Command::Teach(TeachExamples { class: class.to_owned(), examples: vec![example] });
        let Reply::Taught { estimate, count, .. } = self.device().send(command)? else {
            unreachable!("teach answers Taught")
        };
        match self.pictures.iter_mut().find(|(name, _)| *name == class) {
            Some((_, frames)) => frames.push(frame),
            None => self.pictures.push((class, vec![frame])),
        }
        Ok((estimate.map(|one| one.balanced), count))
    }

    /// Five examples of each class, as they come past.
    pub(super) fn teach(&mut self) -> anyhow::Result<()> {
        let names = TAUGHT.map(SyntheticScene::name).join(", ");
        self.chapter(&format!(
            "Teaching {names}: one frame, one command, stored before it is answered."
        ));
        for round in 1..=PER_CLASS {
            let mut estimate = None;
            for scene in TAUGHT {
                (estimate, _) = self.teach_one(scene)?;
            }
            self.report.estimates.push(estimate);
            self.tell.line(format_args!(
                "  {round} of each   estimate: {}",
                estimate.map_or("not available yet".to_owned(), |share| percent(share.into()))
            ));
        }
        Ok(())
    }

    /// Verdicts as they come.
    pub(super) fn watch(&mut self) -> anyhow::Result<()> {
        self.chapter("Classifying the stream.");
        let scenes = self.mixed(&TAUGHT, LIVE);
        self.show_live(&scenes)
    }

    fn show_live(&mut self, scenes: &[SyntheticScene]) -> anyhow::Result<()> {
        let mut live = Vec::new();
        let tell = self.tell;
        self.watch_each(scenes, "watching", |device, scene, verdict, _| {
            let seen = Seen {
                truth: scene.name(),
                verdict: device.name(verdict.class).to_owned(),
                best: device.name(Some(verdict.best)).to_owned(),
                confidence: verdict.confidence,
            };
            tell.line(seen.told());
            live.push(seen);
        })?;
        self.report.live.extend(live);
        Ok(())
    }

    /// How good it is, beside how good it thought it would be.
    pub(super) fn classify(&mut self) -> anyhow::Result<()> {
        self.chapter(&format!("Classifying {} fresh frames.", self.frames));
        let scenes = self.mixed(&TAUGHT, self.frames);
        let mut confusion = ConfusionMatrix::new(TAUGHT.len());
        let (mut unknown, mut sure) = (0, 0.0);
        let mut kept = Vec::new();
        let begun = Instant::now();
        self.watch_each(&scenes, "classifying", |device, scene, verdict, feature| {
            unknown += usize::from(verdict.class.is_none());
            sure += f64::from(verdict.confidence);
            confusion.add(place(scene.name()), place(device.name(Some(verdict.best))));
            if kept.len() < KEPT {
                kept.push((scene, feature));
            }
        })?;
        self.report.milliseconds_a_frame = begun.elapsed().as_secs_f64() * 1e3 / self.frames as f64;
        self.kept = kept;
        let rates = confusion.accuracy().zip(confusion.balanced_accuracy());
        let (accuracy, balanced_accuracy) = rates.context("no frame was classified")?;
        let recall = |at| confusion.recall(at).unwrap_or_default();
        let recalls = TAUGHT.iter().enumerate().map(|(at, scene)| (scene.name(), recall(at)));
        self.report.fresh = Fresh {
            frames: self.frames,
            accuracy,
            balanced_accuracy,
            confidence: sure / self.frames as f64,
            recall: recalls.collect(),
            confusion: (0..TAUGHT.len()).map(|truth| confusion.row(truth).to_vec()).collect(),
            unknown,
        };
        for line in self.report.recalls() {
            self.tell.line(line);
        }
        self.tell.line(format_args!(
            "  Accuracy {}. The estimate from the {} examples was {}.",
            percent(accuracy),
            PER_CLASS * TAUGHT.len(),
            self.report.estimate().map_or("nothing".to_owned(), |share| percent(share.into()))
        ));
        self.confusion = confusion;
        Ok(())
    }

    /// What was never taught.
    pub(super) fn meet_strangers(&mut self) -> anyhow::Result<()> {
        self.chapter("Classes that were not taught.");
        for (scene, what) in [(STRANGE, "no strip, only the wooden bench"), (ADDED, "a weld")] {
            let mut unknown = 0;
            self.watch_each(&[scene; STRANGERS], "classifying", |_, _, verdict, _| {
                unknown += usize::from(verdict.class.is_none());
            })?;
            self.tell
                .line(format_args!("  {what}: {unknown} of {STRANGERS} frames called unknown"));
            let (scene, frames) = (scene.name(), STRANGERS);
            self.report.never_taught.push(Strangers { scene, frames, unknown });
        }
        Ok(())
    }

    /// One more kind of defect.
    pub(super) fn add(&mut self) -> anyhow::Result<()> {
        let everything = [&TAUGHT[..], &[ADDED]].concat();
        for &scene in everything.iter().cycle().take(PROBES * everything.len()) {
            let frame = self.capture(scene)?;
            self.probes.push(frame);
        }
        self.without_added = self.probed()?;
        let before = self.recognised()?;
        let mut estimate = None;
        for _ in 0..PER_CLASS {
            (estimate, _) = self.teach_one(ADDED)?;
        }
        self.with_added = self.probed()?;
        let mut right = 0;
        self.watch_each(&[ADDED; ADDED_FRAMES], "classifying", |device, scene, verdict, _| {
            right += usize::from(device.name(Some(verdict.best)) == scene.name());
        })?;
        let others = self.recognised()?;
        self.report.added = Added {
            class: ADDED.name(),
            estimate,
            frames: ADDED_FRAMES,
            recall: share(right, ADDED_FRAMES),
            others_before: before,
            others,
        };
        self.chapter(&format!(
            "Adding {}, {PER_CLASS} frames: {} right from now on, the others {} after {}.",
            ADDED.name(),
            percent(self.report.added.recall),
            percent(others),
            percent(before)
        ));
        Ok(())
    }

    /// The added class goes again.
    pub(super) fn forget(&mut self) -> anyhow::Result<()> {
        let class = ADDED.name();
        let command = Command::Forget(ForgetExamples::Class(class.to_owned()));
        let Reply::Forgotten { examples, .. } = self.device().send(command)? else {
            unreachable!("forget answers Forgotten")
        };
        self.forgotten = self.probed()?;
        self.report.forgotten = Compared::of(&self.without_added, &self.forgotten);
        self.chapter(&format!(
            "Forgetting {class} with its {} examples, as if it had never been taught:\n  {}.",
            examples.len(),
            self.report.forgotten.told()
        ));
        Ok(())
    }

    /// Power off and on.
    pub(super) fn restart(
        &mut self,
        start: &dyn Fn() -> anyhow::Result<Device>,
    ) -> anyhow::Result<()> {
        self.report.stored_bytes = self.device().stored_bytes()?;
        // The store is closed before it is opened again.
        drop(self.device.take());
        self.device = Some(start()?);
        let after = self.probed()?;
        self.report.restarted = Compared::of(&self.forgotten, &after);
        self.chapter(&format!(
            "Power off, power on: everything is gone but a file of {:.1} KiB.\n  {}.",
            self.report.stored_bytes as f64 / 1024.0,
            self.report.restarted.told()
        ));
        Ok(())
    }

    /// Work goes on after it.
    pub(super) fn go_on(&mut self) -> anyhow::Result<()> {
        let Reply::Undone { changes, .. } = self.device().send(Command::Undo(UndoLatest))? else {
            unreachable!("undo answers Undone")
        };
        if changes.is_empty() {
            bail!("the store kept no step to undo, though a class was forgotten");
        }
        let after = self.probed()?;
        self.report.undone = Compared::of(&self.with_added, &after);
        let (_, count) = self.teach_one(ADDED)?;
        self.report.examples_afterwards = count;
        self.chapter(&format!(
            "Going on: undo brings {} back ({}), and a sixth frame of it is taught.",
            ADDED.name(),
            self.report.undone.told()
        ));
        let scenes = self.mixed(&[ADDED, SyntheticScene::Good, SyntheticScene::Crack], 3);
        self.show_live(&scenes)
    }

    /// Share of the kept frames that are right now. The very same frames at two times, so that no chance comes between.
    fn recognised(&mut self) -> anyhow::Result<f64> {
        let device = self.device.as_ref().expect("it is only away while it restarts");
        let mut right = 0;
        for (scene, feature) in &self.kept {
            let verdict = device.look_again(feature)?;
            right += usize::from(device.name(Some(verdict.best)) == scene.name());
        }
        Ok(share(right, self.kept.len()))
    }

    /// Verdicts on the probes.
    fn probed(&mut self) -> anyhow::Result<Vec<Verdict>> {
        let device = self.device.as_mut().expect("it is only away while it restarts");
        self.probes.iter().map(|frame| Ok(device.look(frame)?.0)).collect()
    }

    /// What was found, the taught frames, and what fresh frames were taken for.
    pub(super) fn end(self) -> (Report, Vec<Row>, ConfusionMatrix) {
        let mut report = self.report;
        report.classify();
        (report, self.pictures, self.confusion)
    }
}

/// Where a class stands among those that are taught, the added one last.
fn place(name: &str) -> usize {
    TAUGHT.iter().position(|scene| scene.name() == name).unwrap_or(TAUGHT.len())
}
