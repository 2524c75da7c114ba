//! `fieldtune bench`: where the time and the memory go on this machine.

mod follow;
mod layers;
mod memory;
mod stages;
mod store;
mod synthetic;
mod teaching;

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};

use self::memory::Memory;
use self::stages::Stages;
use self::teaching::Teaching;
use super::args::head::{HeadChoice, kinds};
use super::args::model::{Chosen, ModelArgs};
use super::{Context, Exit};
use crate::backbone::{Extractor, FeatureSource as _, MAX_THREADS, Vectors};

/// Measure time and memory of inference, teaching and loading
///
/// Frames are 640x480 JPEGs of patterns made from a seed, so two machines do the same work.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune bench --model mobilenetv2-12
  fieldtune bench --model mobilenetv2-12 --head all --json > this-board.json
  fieldtune bench --model mobilenetv2-12 --growth 10000    does memory grow?
  fieldtune bench --layers  where the backbone's time goes
  fieldtune bench --compare tract  what the kernels gain over the runtime alone
  fieldtune bench --follow  how well a region follows its part
  fieldtune bench --store /data
      the disk under /data instead: flash wear, time to teach

Times are milliseconds. \"else\" is what a frame needs besides decoding, embedding and scores: nearest example, \
calibration, smoothing. \"teach\" and \"forget\" are whole commands without the backbone: f16 storage, neighbours, \
undo and, after every 4 % of changes, calibration by leave-one-out, which max shows. \"classify then\" is the first \
prediction afterwards: softmax and mlp train when they are asked. \"learn\" and \"unlearn\" are the head alone.")]
pub struct BenchCommand {
    /// Frames to be timed
    #[arg(long, default_value_t = 100, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    frames: u32,
    /// Threads that share the work of a frame
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_THREADS as i64))]
    threads: u32,
    /// Heads to time; the first also classifies the frames
    #[arg(long, value_enum, value_delimiter = ',', default_value = "lda")]
    head: Vec<HeadChoice>,
    /// Number of examples in the store when one more is taught
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    examples: Vec<u32>,
    /// Number of classes; sizes with fewer examples than classes are left out
    #[arg(long, value_delimiter = ',', default_value = "2,10,50", value_name = "C")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=4096))]
    classes: Vec<u32>,
    /// Report resident memory before and after this many more frames
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    growth: Option<u32>,
    /// Time every layer of the backbone instead
    #[arg(long, conflicts_with_all = ["growth", "store"])]
    layers: bool,
    /// Compare the backbone with the runtime alone instead
    #[arg(long, value_enum, value_name = "PEER", conflicts_with_all = ["growth", "store", "layers"])]
    compare: Option<Peer>,
    /// Measure how well and fast a moved part is found instead
    #[arg(long, conflicts_with_all = ["growth", "store", "layers", "compare"])]
    follow: bool,
    /// Measure the store on the disk of this folder instead
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    store: Option<PathBuf>,
    /// Number of examples of the large store
    #[arg(long, default_value_t = 10_000, value_name = "N", requires = "store")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=20_000))]
    stored: u32,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// What the backbone is compared with.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Peer {
    /// The same runtime without our kernels
    Tract,
}

impl BenchCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let begun = Instant::now();
        if self.follow {
            let following = follow::measure(self.frames, context)?;
            self.tell(&following.json(), &following.text())?;
            return Ok(Exit::Done);
        }
        Vectors::chosen().with_threads(self.threads as usize).choose();
        let Chosen { onnx, name, spec, .. } = self.model.choose()?;
        if self.layers || self.compare.is_some() {
            if spec.input.second_look().is_some() {
                anyhow::bail!(
                    "{name} looks at a frame twice with the same layers\n  next: time them in a model that looks once, such as fieldtune-224"
                );
            }
            let (json, text) = if self.layers {
                let layers = layers::measure(&onnx, &name, &spec, self.frames)?;
                (layers.json(), layers.text())
            } else {
                let comparison = layers::compare(&onnx, &name, &spec, self.frames)?;
                (comparison.json(), comparison.text())
            };
            self.tell(&json, &text)?;
            return Ok(Exit::Done);
        }
        let mut source = Extractor::load(&onnx, &name, &spec)?;
        drop(onnx);
        let load_ms = milliseconds(begun);
        if let Some(folder) = &self.store {
            let storing = store::measure(source.dim(), folder, self.stored as usize, context)?;
            self.tell(&storing.json(), &storing.text())?;
            return Ok(Exit::Done);
        }
        let heads = kinds(&self.head);
        let dim = source.dim();
        let loaded = Memory::now();
        let stages = stages::measure(&mut source, heads[0], self.frames, context)?;
        let running = Memory::now();
        let growth = match self.growth {
            Some(frames) => Some(stages::grow(source, heads[0], frames, context)?),
            None => {
                drop(source);
                None
            }
        };
        let teaching = teaching::measure(dim, &heads, &self.examples, &self.classes, context)?;
        let report = Report {
            model: name,
            dim,
            load_ms,
            stages,
            teaching,
            loaded,
            running,
            growth: growth.map(|(before, after)| (self.growth.unwrap_or(0), before, after)),
        };
        self.tell(&report.json(), &report.text())?;
        Ok(Exit::Done)
    }

    fn tell(&self, json: &Value, text: &str) -> anyhow::Result<()> {
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(json)?),
            false => print!("{text}"),
        }
        Ok(())
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Milliseconds that half of the samples, 95 % and all of them keep to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Quantiles {
    p50: f64,
    p95: f64,
    max: f64,
}

impl Quantiles {
    /// * `samples`: at least one.
    fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        // The nearest rank: a value that was measured, never one in between.
        let at = |share: f64| sorted[(sorted.len() as f64 * share).ceil() as usize - 1];
        Self { p50: at(0.5), p95: at(0.95), max: at(1.0) }
    }

    fn json(self) -> Value {
        json!({ "p50": self.p50, "p95": self.p95, "max": self.max })
    }
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>9.3} {:>9.3} {:>9.3}", self.p50, self.p95, self.max)
    }
}

struct Report {
    model: String,
    dim: usize,
    load_ms: f64,
    stages: Stages,
    teaching: Vec<Teaching>,
    loaded: Option<Memory>,
    running: Option<Memory>,
    growth: Option<(u32, Option<Memory>, Option<Memory>)>,
}

impl Report {
    fn json(&self) -> Value {
        let mib = |memory: Option<Memory>| memory.map(Memory::json);
        json!({
            "model": self.model, "dim": self.dim, "load_ms": self.load_ms,
            "simd": Vectors::chosen().name(), "threads": Vectors::chosen().threads(),
            "frame": self.stages.frame_json(),
            "stages_ms": self.stages.json(),
            "share_of_backbone": self.stages.shares_json(),
            "teaching_ms": self.teaching.iter().map(Teaching::json).collect::<Vec<_>>(),
            "memory_mib": { "loaded": mib(self.loaded), "running": mib(self.running) },
            "growth": self.growth.as_ref().map(|&(frames, before, after)| {
                json!({ "frames": frames, "before_mib": mib(before), "after_mib": mib(after) })
            }),
        })
    }

    fn text(&self) -> String {
        let mut out = format!(
            "{}: {} values, loaded in {:.0} ms, vectors {}\n\n{}\n{}\n",
            self.model,
            self.dim,
            self.load_ms,
            Vectors::chosen().name(),
            self.stages.text(),
            teaching::table(&self.teaching)
        );
        let memory = |memory: Option<Memory>| {
            memory.map_or_else(|| "not known here".to_owned(), |memory| memory.to_string())
        };
        out.push_str(&format!("memory, loaded          {}\n", memory(self.loaded)));
        out.push_str(&format!("memory, classifying     {}\n", memory(self.running)));
        if let Some((frames, before, after)) = self.growth {
            out.push_str(&format!("before {frames} more frames  {}\n", memory(before)));
            out.push_str(&format!("after                   {}\n", memory(after)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(Quantiles::of(&hundred), Quantiles { p50: 50.0, p95: 95.0, max: 100.0 });
        assert_eq!(Quantiles::of(&[7.0]), Quantiles { p50: 7.0, p95: 7.0, max: 7.0 });
        assert_eq!(Quantiles::of(&[2.0, 1.0]), Quantiles { p50: 1.0, p95: 2.0, max: 2.0 });
    }
}
