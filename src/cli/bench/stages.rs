//! What a frame costs, stage by stage.

use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::memory::Memory;
use super::synthetic::{self, HEIGHT, WIDTH};
use super::teaching::{Ready, taught};
use super::{Quantiles, milliseconds};
use crate::backbone::preprocess::Preprocessor;
use crate::backbone::{Extractor, FeatureSource as _};
use crate::cli::Context;
use crate::image::frame::Timestamp;
use crate::image::picture;
use crate::learn::engine::Engine;
use crate::learn::head::HeadKind;

/// How much has been taught when frames are classified.
const EXAMPLES: usize = 100;
const CLASSES: usize = 10;

/// Different frames, classified in turns.
const PATTERNS: u64 = 8;

/// Frames before the first that is timed: caches, buffers and clocks settle.
const WARM_UP: u32 = 5;

/// The stages, in the order of a frame.
const NAMES: [&str; 6] = ["decode", "resize", "normalise", "backbone", "head", "else"];
const BACKBONE: usize = 3;

pub(super) struct Stages {
    head: HeadKind,
    frames: u32,
    jpeg_bytes: usize,
    stages: [Quantiles; 6],
    total: Quantiles,
}

fn jpegs() -> Vec<Vec<u8>> {
    (0..PATTERNS).map(|seed| picture::thumbnail(&synthetic::frame(seed), WIDTH)).collect()
}

pub(super) fn measure(
    source: &mut Extractor,
    kind: HeadKind,
    frames: u32,
    context: &Context,
) -> anyhow::Result<Stages> {
    let jpegs = jpegs();
    let learner = taught(source.dim(), kind, EXAMPLES, CLASSES)?.0;
    let second = source.parts().0.spec().second_look();
    let mut second = second.map(Preprocessor::new).transpose()?;
    let ready = Ready::of(source.dim());
    let at_hand = ready.at_hand();
    let mut engine = Engine::new(ready, learner)?;
    let mut samples: [Vec<f64>; 6] = Default::default();
    let mut totals = Vec::new();
    let bar = context.bar(u64::from(frames), "frames");
    for (count, jpeg) in (0..WARM_UP + frames).zip(jpegs.iter().cycle()) {
        let (preprocessor, backbone) = source.parts();
        let mut times = [0.0; 6];
        let mut stage = Instant::now();
        let mut lap = |place: usize| {
            times[place] += milliseconds(stage);
            stage = Instant::now();
        };
        let frame = picture::decode(jpeg, "a pattern", Timestamp::default())?;
        lap(0);
        let mut feature = Vec::new();
        for preprocessor in std::iter::once(preprocessor).chain(&mut second) {
            preprocessor.resize(&frame)?;
            lap(1);
            let input = preprocessor.normalise();
            lap(2);
            feature.extend(backbone.extract(input.view())?);
            lap(3);
        }
        let scores = engine.learner().head().score(&feature)?;
        lap(4);
        std::hint::black_box(&scores);
        *at_hand.borrow_mut() = feature;
        // The engine's own step with the feature at hand is the head once more and all the rest.
        let begun = Instant::now();
        engine.step(&frame, Timestamp::default())?;
        times[5] = (milliseconds(begun) - times[4]).max(0.0);
        if count >= WARM_UP {
            samples.iter_mut().zip(times).for_each(|(samples, time)| samples.push(time));
            totals.push(times.iter().sum());
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(Stages {
        head: kind,
        frames,
        jpeg_bytes: jpegs.iter().map(Vec::len).sum::<usize>() / jpegs.len(),
        stages: samples.map(|samples| Quantiles::of(&samples)),
        total: Quantiles::of(&totals),
    })
}

/// Classifies frames as a device does, and measures memory after a warm-up and at the end.
pub(super) fn grow(
    source: Extractor,
    kind: HeadKind,
    frames: u32,
    context: &Context,
) -> anyhow::Result<(Option<Memory>, Option<Memory>)> {
    let jpegs = jpegs();
    let learner = taught(source.dim(), kind, EXAMPLES, CLASSES)?.0;
    let mut engine = Engine::new(source, learner)?;
    let mut step = |jpeg: &[u8]| -> anyhow::Result<()> {
        let frame = picture::decode(jpeg, "a pattern", Timestamp::default())?;
        engine.step(&frame, Timestamp::default())?;
        Ok(())
    };
    jpegs.iter().cycle().take(50).try_for_each(|jpeg| step(jpeg))?;
    let before = Memory::now();
    let bar = context.bar(u64::from(frames), "frames for growth");
    for (_, jpeg) in (0..frames).zip(jpegs.iter().cycle()) {
        step(jpeg)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((before, Memory::now()))
}

impl Stages {
    /// Medians of all stages but the backbone, with and without decoding, over the backbone's.
    fn shares(&self) -> (f64, f64) {
        let all: f64 = self.stages.iter().map(|stage| stage.p50).sum();
        let (backbone, decode) = (self.stages[BACKBONE].p50, self.stages[0].p50);
        ((all - backbone) / backbone, (all - backbone - decode) / backbone)
    }

    pub(super) fn frame_json(&self) -> Value {
        json!({
            "width": WIDTH, "height": HEIGHT, "jpeg_bytes": self.jpeg_bytes,
            "frames": self.frames, "head": self.head.name(), "examples": EXAMPLES, "classes": CLASSES,
        })
    }

    pub(super) fn json(&self) -> Value {
        let stages = NAMES.iter().zip(self.stages).chain([(&"total", self.total)]);
        Value::Object(Map::from_iter(stages.map(|(name, q)| ((*name).to_owned(), q.json()))))
    }

    pub(super) fn shares_json(&self) -> Value {
        let (all, without_decode) = self.shares();
        json!({ "everything_else": all, "everything_else_without_decode": without_decode })
    }

    pub(super) fn text(&self) -> String {
        let mut out = format!(
            "{} frames of {WIDTH}x{HEIGHT} (JPEG of {} KiB), {EXAMPLES} examples of {CLASSES} classes, head {}, ms\n",
            self.frames,
            self.jpeg_bytes / 1024,
            self.head
        );
        let _ = writeln!(out, "{:<10} {:>9} {:>9} {:>9}", "stage", "p50", "p95", "max");
        for (name, stage) in NAMES.iter().zip(self.stages).chain([(&"total", self.total)]) {
            let _ = writeln!(out, "{name:<10} {stage}");
        }
        let (all, without_decode) = self.shares();
        let _ = writeln!(
            out,
            "everything but the backbone takes {:.1} % of its time ({:.1} % without decoding)",
            all * 100.0,
            without_decode * 100.0
        );
        out
    }
}
