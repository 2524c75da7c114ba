//! `fieldtune inspect`: what a network is, where its feature is, what it costs.

mod sound;
mod text;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use ndarray::{Array1, Array4, ArrayView4};
use serde_json::{Value, json};

use super::Exit;
use super::args::model::{Chosen, ModelArgs, Taps, parse_taps};
use crate::backbone::card::{DataFile, ModelCard, hex, quoted};
use crate::backbone::preprocess::{ChannelOrder, Layout, Norm};
use crate::backbone::{Backbone, Candidate, Graph, Onnx, Place, Survey};

/// Describe a network: input, embedding, taps, cost
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune inspect network.onnx
  fieldtune inspect network.onnx --card --norm tf > network.toml
  fieldtune inspect network.onnx --json --frames 100 | jq .frame_ms
  fieldtune inspect network.onnx --run input.npy --out feature.npy")]
pub struct InspectCommand {
    /// A network (.onnx), a card (.toml) or a model's name
    #[arg(value_name = "MODEL")]
    model: String,
    /// Side of the input in pixels, for a network without a card [default: as the file says, else 224]
    #[arg(long, value_name = "PIXELS")]
    size: Option<u32>,
    /// Axis order, for a network without a card [default: as the file says]
    #[arg(long, value_enum)]
    layout: Option<Layout>,
    /// Normalisation to put into the card; the file does not say
    #[arg(long, value_enum)]
    norm: Option<Norm>,
    /// Tap tensors and pooling: TENSOR:avg+max,TENSOR:avg [default: the card's, else the classifier's input]
    #[arg(long, value_name = "TAPS", value_parser = parse_taps)]
    taps: Option<Taps>,
    /// Frames to time, after two to warm up
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    frames: u32,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Print only the model card
    #[arg(long, conflicts_with = "json")]
    card: bool,
    /// Feed it this tensor, f32, already normalised, of the input's shape, and write the feature
    #[arg(long, value_name = "FILE.npy", requires = "out")]
    run: Option<PathBuf>,
    /// Where the feature of --run goes, f32 `[dim]`
    #[arg(long, value_name = "FILE.npy", requires = "run")]
    out: Option<PathBuf>,
}

/// What was found and measured.
struct Report {
    card: ModelCard,
    /// Bytes of all files, and the SHA-256 of the network.
    bytes: u64,
    sha256: [u8; 32],
    survey: Survey,
    backbone: Backbone,
    load_ms: f64,
    times: Times,
}

impl InspectCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        if let Some(model) = text::model(&self.model)? {
            if self.run.is_some() {
                bail!("--run feeds a network that sees; this one reads text");
            }
            match self.card {
                true => print!("{}", model.card.text_to_toml()),
                false => print!("{}", text::report(&model, self.frames, self.json)?),
            }
            return Ok(Exit::Done);
        }
        let path = Path::new(&self.model);
        if let Some((card, is_guessed)) = sound::card(path)? {
            if self.run.is_some() {
                bail!("--run feeds a network that sees; this one hears");
            }
            match self.card {
                true => print!("{}", sound::card_text(&card, is_guessed)),
                false => {
                    let wanted = (self.frames, self.json);
                    print!("{}", sound::report(&card, path.parent(), is_guessed, wanted)?);
                }
            }
            return Ok(Exit::Done);
        }
        let Chosen { onnx, name, spec, card } = self.model_args().choose()?;
        let graph = Graph::parse(&onnx, &name)?;
        let survey = graph.survey(&spec.input)?;
        drop(graph);
        let card = match card {
            Some(card) => ModelCard { spec, ..card },
            None => ModelCard::of_files(&onnx, Path::new(&name), spec),
        };
        if self.card {
            print!("{}", self.card_text(&card, &survey));
            return Ok(Exit::Done);
        }
        let begun = Instant::now();
        let mut backbone = Backbone::load(&onnx, &name, &card.spec)?;
        let load_ms = milliseconds(begun);
        if let (Some(input), Some(out)) = (&self.run, &self.out) {
            let input: Array4<f32> = ndarray_npy::read_npy(input)
                .with_context(|| format!("{}: wanted a tensor of f32", input.display()))?;
            let wanted = card.spec.input.shape();
            if input.shape() != wanted {
                bail!("the tensor's shape is {:?}, the network wants {wanted:?}", input.shape());
            }
            let feature = backbone.extract(input.view())?;
            ndarray_npy::write_npy(out, &Array1::from(feature))
                .with_context(|| out.display().to_string())?;
        }
        let times = time(&mut backbone, self.frames)?;
        let (bytes, sha256) = (Onnx::from(&onnx).bytes(), Onnx::from(&onnx).sha256());
        let report = Report { card, bytes, sha256, survey, backbone, load_ms, times };
        if self.json {
            println!("{}", report.json());
        } else {
            print!("{}", report.text());
            println!("\nModel card:\n\n{}", self.card_text(&report.card, &report.survey));
        }
        Ok(Exit::Done)
    }

    /// The normalisation does not matter for what is found and measured; one that is missing is filled in.
    fn model_args(&self) -> ModelArgs {
        let bare = self.is_bare();
        ModelArgs {
            model: self.model.clone(),
            size: self.size,
            norm: self.norm.or(bare.then_some(Norm::Imagenet)),
            layout: self.layout,
            bgr: false,
            center_crop: false,
            taps: self.taps.clone(),
            kind: None,
        }
    }

    /// Whether it is a network without a card.
    fn is_bare(&self) -> bool {
        let path = std::path::Path::new(&self.model);
        let other = || path.exists() && ModelCard::named(&self.model).is_err();
        self.model.ends_with(".onnx") || !self.model.ends_with(".toml") && other()
    }

    fn card_text(&self, card: &ModelCard, survey: &Survey) -> String {
        let mut text = card.to_toml();
        if self.norm.is_none() && self.is_bare() {
            text = text.replace(
                "norm = \"imagenet\"",
                "norm = \"imagenet\"  # a guess: tf is x/127.5-1, unit is x/255",
            );
        }
        if card.spec.taps.is_empty() {
            text += "\n# The feature is the input of the classifier. More taps:\n";
            for Candidate { tensor, place, .. } in &survey.candidates {
                let pool =
                    if *place == Place::Penultimate { "[\"avg\"]" } else { "[\"avg\", \"max\"]" };
                text += &format!("# [[tap]]\n# tensor = {}\n# pool = {pool}\n", quoted(tensor));
            }
        }
        text
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// What `frames` runs took.
struct Times {
    /// By the clock, in milliseconds, sorted.
    sorted_ms: Vec<f64>,
    /// Processor time of a frame, on average; not on every system.
    processor_ms: Option<f64>,
}

/// Fed with values spread evenly over -1 to 1, in no order that a network would know.
fn time(backbone: &mut Backbone, frames: u32) -> anyhow::Result<Times> {
    let shape = backbone.spec().input.shape();
    let values: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|index| (index * 7919 % 256) as f32 / 127.5 - 1.0)
        .collect();
    let input = ArrayView4::from_shape(shape, &values)?;
    for _ in 0..2 {
        backbone.extract(input)?;
    }
    let mut sorted_ms = Vec::new();
    let before = processor_ms();
    for _ in 0..frames {
        let begun = Instant::now();
        backbone.extract(input)?;
        sorted_ms.push(milliseconds(begun));
    }
    let processor_ms = before.zip(processor_ms()).map(|(a, b)| (b - a) / f64::from(frames));
    sorted_ms.sort_by(f64::total_cmp);
    Ok(Times { sorted_ms, processor_ms })
}

/// Processor time of this thread so far, which other work on the machine disturbs less than the clock; Linux has it.
fn processor_ms() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e6)
}

impl Report {
    fn p50(&self) -> f64 {
        self.times.sorted_ms[self.times.sorted_ms.len() / 2]
    }

    fn json(&self) -> Value {
        let Self { card, survey, backbone, .. } = self;
        let input = &card.spec.input;
        let taps: Vec<_> = survey
            .candidates
            .iter()
            .map(|candidate| {
                json!({
                    "tensor": candidate.tensor,
                    "shape": candidate.shape,
                    "channels": candidate.channels,
                    "place": place(candidate.place),
                })
            })
            .collect();
        let blocks: Vec<_> = backbone
            .blocks()
            .iter()
            .map(|block| json!({ "tensor": block.tensor, "pool": block.pool, "values": block.len }))
            .collect();
        let files: Vec<_> = card
            .files()
            .iter()
            .map(|DataFile { file, bytes, sha256 }| {
                json!({ "file": file, "bytes": bytes, "sha256": hex(sha256) })
            })
            .collect();
        json!({
            "model": card.name,
            "file": card.file,
            "bytes": self.bytes,
            "sha256": hex(&self.sha256),
            "files": files,
            "input": {
                "name": survey.input.name,
                "declared": survey.input.shape,
                "shape": input.shape(),
                "layout": input.layout,
                "half": survey.input.half,
            },
            "feature": {
                "tensor": survey.detected.tensor,
                "how": survey.detected.how,
                "shape": survey.candidates.last().map(|feature| &feature.shape),
            },
            "taps": taps,
            "blocks": blocks,
            "looks": self.looks(),
            "dim": self.looks() * backbone.dim(),
            "parameters": survey.parameters,
            "parameters_to_feature": survey.parameters_to_feature,
            "multiply_accumulates": survey.multiply_accumulates,
            "load_ms": self.load_ms,
            "frame_ms": self.p50(),
            "frame_ms_min": self.times.sorted_ms[0],
            "frame_processor_ms": self.times.processor_ms,
            "frames": self.times.sorted_ms.len(),
            "simd": backbone.vectors().name(),
        })
    }

    /// Passes of a frame.
    fn looks(&self) -> usize {
        1 + usize::from(self.card.spec.input.second_look().is_some())
    }

    fn text(&self) -> String {
        let Self { card, survey, backbone, load_ms, times, .. } = self;
        let input = &survey.input;
        let layout = match card.spec.input.layout {
            Layout::Nchw => "channels first",
            Layout::Nhwc => "channels last",
        };
        let grey = card.spec.input.order == ChannelOrder::Grey;
        let grey = if grey { ", grey: the frame is made grey (BT.601)" } else { "" };
        let half = if input.half { ", half precision in the file, widened" } else { "" };
        let shape = card.spec.input.shape();
        let described = |DataFile { file, bytes, sha256 }: &DataFile| {
            format!("{file} ({bytes} bytes, sha256 {})\n", hex(sha256))
        };
        let mut text: String = card.files().iter().map(described).collect();
        if !card.data.is_empty() {
            text += &format!("together    {} bytes, sha256 {}\n", self.bytes, hex(&self.sha256));
        }
        text += &format!("input       {} {shape:?}, {layout}{grey}{half}\n", input.name);
        text += &format!("feature     {}: {}\n", survey.detected.tensor, survey.detected.how);
        text += &format!(
            "parameters  {}, of which {} before the feature\nwork        {} multiply-accumulates a frame\n",
            survey.parameters, survey.parameters_to_feature, survey.multiply_accumulates
        );
        text += &format!(
            "time        {load_ms:.0} ms to load, {:.1} ms a frame (p50 of {} frames)\n",
            self.p50(),
            times.sorted_ms.len()
        );
        if self.looks() > 1 {
            let dim = self.looks() * backbone.dim();
            text += &format!(
                "looks       2 a frame, at the whole and at its centre: twice that work and time, {dim} values\n"
            );
        }
        text += &format!("vectors     {}\n", backbone.vectors().name());
        text += "\nPlaces to tap:\n";
        for candidate in &survey.candidates {
            let Candidate { tensor, shape, channels, place: at } = candidate;
            text += &format!("  {:<14} {channels:>5} channels  {tensor} {shape:?}\n", place(*at));
        }
        let blocks: Vec<_> = backbone
            .blocks()
            .iter()
            .map(|block| format!("{} {:?} {}", block.tensor, block.pool, block.len))
            .collect();
        text += &format!("\nAs it is set up: {} values ({})\n", backbone.dim(), blocks.join(", "));
        text
    }
}

fn place(place: Place) -> String {
    match place {
        Place::Map { height, width } => format!("{height}x{width} map"),
        Place::Tokens { tokens } => format!("{tokens} tokens"),
        Place::Penultimate => "penultimate".to_owned(),
    }
}
