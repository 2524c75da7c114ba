//! `fieldtune demo --sound`: the same story of what is heard, a machine that is computed.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::Tell;
use super::device::{Device, erase};
use super::report::share;
use crate::cli::Context;
use crate::cli::args::model::ModelArgs;
use crate::cli::args::store::now;
use crate::cli::explain::explain;
use crate::cli::output::write_whole;
use crate::image::frame::{Frame, FrameKind, Region};
use crate::image::picture;
use crate::learn::command::{Command, Reply, TeachExamples};
use crate::learn::decision::Verdict;
use crate::learn::learner::UNKNOWN;
use crate::sound::{Machine, MachineScene, spectrogram};

/// What is taught, and what never is.
const TAUGHT: [MachineScene; 4] =
    [MachineScene::Good, MachineScene::Bearing, MachineScene::Belt, MachineScene::Knock];
const STRANGE: MachineScene = MachineScene::Leak;

/// Seconds of each condition that are taught, and of the machine in order where that alone is.
const PER_CLASS: usize = 5;
const GOOD_ALONE: usize = 20;
/// Seconds that good ones alone classify, of each kind; and those of what was never taught.
const ALONE: usize = 40;
const STRANGERS: usize = 40;

/// Shares that have to be right, found, and called unknown, at least; good seconds called unknown, at most.
const ACCURACY: f64 = 0.95;
const FOUND: f64 = 0.9;
const UNLIKE: f64 = 0.9;
const ALARMS: f64 = 0.2;

/// A machine and the device that listens to it.
struct Listening<'a> {
    tell: Tell,
    context: &'a Context,
    machine: Machine,
    device: Device,
}

impl Listening<'_> {
    fn next(&mut self, scene: MachineScene) -> Frame {
        self.machine.show(scene);
        spectrogram::frame(&self.machine.second(), now())
    }

    /// Teaches the next second; the estimate in per cent, where there is one.
    fn teach(&mut self, scene: MachineScene) -> anyhow::Result<Option<f64>> {
        let frame = self.next(scene);
        let origin = format!("synthetic machine, second {}", self.machine.number());
        let image = picture::kept(&frame, picture::IMAGE_SIDE);
        let example = self.device.engine().new_example(&frame, &origin, image)?;
        let teach = TeachExamples { class: scene.name().to_owned(), examples: vec![example] };
        let Reply::Taught { estimate, .. } = self.device.send(Command::Teach(teach))? else {
            unreachable!("teach answers Taught")
        };
        Ok(estimate.map(|estimate| f64::from(estimate.balanced) * 100.0))
    }

    /// The class of the next second and, whatever the limits say, the nearest.
    fn look(&mut self, scene: MachineScene) -> anyhow::Result<(String, String)> {
        let frame = self.next(scene);
        let (verdict, _) = self.device.look(&frame)?;
        let names = [verdict.class, Some(verdict.best)].map(|class| self.device.name(class));
        Ok((names[0].to_owned(), names[1].to_owned()))
    }
}

/// How many of some seconds.
fn of(count: usize, all: usize) -> Value {
    json!({ "count": count, "of": all })
}

/// What the demo is run with.
pub(super) struct SoundDemo<'a> {
    pub(super) seed: u64,
    pub(super) seconds: usize,
    pub(super) out: &'a Path,
    pub(super) json: bool,
    pub(super) model: &'a ModelArgs,
}

impl SoundDemo<'_> {
    /// Whether every check held.
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let (store, alone) = (self.out.join("sound.ftune"), self.out.join("sound-good.ftune"));
        let model = self.model.looking_at(FrameKind::Sound);
        let listen = |path: &Path, seed: u64| -> anyhow::Result<Listening<'_>> {
            let device = Device::start(&model, context, path)?;
            let tell = Tell { json: self.json };
            Ok(Listening { tell, context, machine: Machine::new(seed), device })
        };
        erase(&store)?;
        erase(&alone)?;
        let mut report = json!({ "seed": self.seed, "taught": TAUGHT.map(MachineScene::name) });
        let mut device = listen(&alone, self.seed.wrapping_add(1000))?;
        let (name, dim) = (device.device.model().name.clone(), device.device.model().dim);
        device.tell.line(format_args!(
            "A microphone listens to a machine (computed, seed {}); {name} turns every second into {dim} numbers.",
            self.seed
        ));
        let marked = self.out.join("sound-found.png");
        let good_alone = device.good_alone(&marked)?;
        drop(device);
        erase(&alone)?;
        let mut device = listen(&store, self.seed)?;
        device.learn()?;
        let fresh = device.classify(self.seconds)?;
        let strangers = device.meet_strangers()?;
        let tell = device.tell;
        let restarted = device.restart(|| Device::start(&model, context, &store))?;
        let holds = [
            ("good seconds alone find what is wrong", good_alone.found >= FOUND),
            ("they call few good seconds unknown", good_alone.alarms <= ALARMS),
            ("fresh seconds are classified right", fresh >= ACCURACY),
            ("what was never taught is unknown", strangers >= UNLIKE),
            ("after a restart all verdicts are the same", restarted),
        ];
        let held = holds.iter().all(|(_, holds)| *holds);
        tell.line("\nChecks");
        for (what, holds) in holds {
            tell.line(format_args!("  {} {what}", if holds { "pass" } else { "FAIL" }));
        }
        tell.line(format_args!(
            "\nIn {}: sound.ftune (what it learned), sound-found.png (what good seconds alone found).\n{:.1} seconds in all.",
            self.out.display(),
            begun.elapsed().as_secs_f64()
        ));
        report["model"] = name.into();
        report["good_alone"] =
            json!({ "found": good_alone.found, "false_alarms": good_alone.alarms });
        report["balanced_accuracy"] = fresh.into();
        report["unknown"] = of((strangers * STRANGERS as f64).round() as usize, STRANGERS);
        let checks = holds.map(|(what, holds)| json!({ "check": what, "held": holds }));
        report["checks"] = checks.to_vec().into();
        report["held"] = held.into();
        report["seconds"] = begun.elapsed().as_secs_f64().into();
        if self.json {
            println!("{report}");
        }
        Ok(held)
    }
}

/// What good seconds alone found, as shares.
struct GoodSeconds {
    found: f64,
    alarms: f64,
}

impl Listening<'_> {
    fn good_alone(&mut self, marked: &Path) -> anyhow::Result<GoodSeconds> {
        self.tell.line(format_args!(
            "\nGood seconds alone, {GOOD_ALONE} of them: nothing wrong has been heard."
        ));
        for _ in 0..GOOD_ALONE {
            self.teach(MachineScene::Good)?;
        }
        let (mut alarms, mut found, mut first) = (0, 0, None);
        for _ in 0..ALONE {
            alarms += usize::from(self.look(MachineScene::Good)?.0 == UNKNOWN);
        }
        for &scene in TAUGHT[1..].iter().cycle().take(ALONE) {
            let frame = self.next(scene);
            let (verdict, _) = self.device.look(&frame)?;
            if verdict.class.is_none() {
                found += 1;
                first.get_or_insert((scene, frame));
            }
        }
        self.tell.line(format_args!(
            "  {found} of {ALONE} seconds with something wrong are unlike them, and so are {alarms} of {ALONE} good ones."
        ));
        if let Some((scene, frame)) = first {
            let (source, learner) = self.device.engine().parts();
            // A network without maps has nothing to show.
            if let Ok((_, drawn, place)) = explain(source, learner, &frame, &Region::Whole) {
                let place = place.in_words(FrameKind::Sound);
                self.tell.line(format_args!("  The first of them ({}): {place}.", scene.name()));
                write_whole(marked, &picture::png(&drawn))?;
            }
        }
        Ok(GoodSeconds { found: share(found, ALONE), alarms: share(alarms, ALONE) })
    }

    fn learn(&mut self) -> anyhow::Result<()> {
        let names = TAUGHT.map(MachineScene::name).join(", ");
        self.tell.line(format_args!(
            "\nTeaching {names}: one second, one command, stored before it is answered."
        ));
        for round in 1..=PER_CLASS {
            let mut estimate = None;
            for scene in TAUGHT {
                estimate = self.teach(scene)?;
            }
            let estimate =
                estimate.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.0} %"));
            self.tell
                .line(format_args!("  {round} of each: estimated balanced accuracy {estimate}"));
        }
        Ok(())
    }

    /// The balanced accuracy on fresh seconds: what is nearest, as the demo of frames counts it.
    fn classify(&mut self, seconds: usize) -> anyhow::Result<f64> {
        self.tell.line(format_args!(
            "\n{seconds} fresh seconds, at other loads, speeds and with other noise:"
        ));
        let bar = self.context.bar(seconds as u64, "classifying");
        let each = seconds.div_ceil(TAUGHT.len());
        let (mut recalls, mut lines) = (0.0, Vec::new());
        for scene in TAUGHT {
            let (mut right, mut unknown) = (0, 0);
            for _ in 0..each {
                let (class, best) = self.look(scene)?;
                right += usize::from(best == scene.name());
                unknown += usize::from(class == UNKNOWN);
                bar.inc(1);
            }
            recalls += share(right, each) / TAUGHT.len() as f64;
            let name = scene.name();
            lines.push(format!(
                "  {name:8} {right} of {each} nearest to their class, {unknown} called unknown"
            ));
        }
        bar.finish_and_clear();
        lines.iter().for_each(|line| self.tell.line(line));
        self.tell.line(format_args!("  balanced accuracy {:.1} %", recalls * 100.0));
        Ok(recalls)
    }

    fn meet_strangers(&mut self) -> anyhow::Result<f64> {
        let mut unknown = 0;
        for _ in 0..STRANGERS {
            unknown += usize::from(self.look(STRANGE)?.0 == UNKNOWN);
        }
        self.tell.line(format_args!(
            "\nA {}, which was never taught: {unknown} of {STRANGERS} seconds are unknown.",
            STRANGE.name()
        ));
        Ok(share(unknown, STRANGERS))
    }

    /// Whether the device says the same of the same seconds once it was off.
    fn restart(mut self, start: impl FnOnce() -> anyhow::Result<Device>) -> anyhow::Result<bool> {
        let frames: Vec<Frame> = TAUGHT.into_iter().map(|scene| self.next(scene)).collect();
        let seen = |device: &mut Device| -> anyhow::Result<Vec<Verdict>> {
            frames.iter().map(|frame| Ok(device.look(frame)?.0)).collect()
        };
        let before = seen(&mut self.device)?;
        // The store is closed before it is opened again.
        drop(self.device);
        let same = seen(&mut start()?)? == before;
        let found = if same { "are the same" } else { "differ" };
        self.tell.line(format_args!("\nPower off, power on: the verdicts {found}."));
        Ok(same)
    }
}
