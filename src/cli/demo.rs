//! `fieldtune demo`: the main job from the first frame to the restart, over a drawn strip of steel; or over what is heard or
//! read.

mod device;
mod good;
mod report;
mod sheet;
#[cfg(feature = "sound")]
mod sound;
mod story;
mod text;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;

use self::device::{Device, erase};
use self::story::Story;
use super::args::model::ModelArgs;
use super::eval::plot;
use super::output::write_whole;
use super::{Context, Exit};
use crate::image::picture;

/// Run the demo without hardware: teach, classify, add, forget, restart
///
/// A synthetic camera draws a strip of brushed steel with five kinds of defect. Everything else is real: the
/// backbone, the head, the commands, the store. It begins with good parts alone, which find and mark what is unlike
/// them.
///
/// Exit status 0 if every check held, 1 if not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune demo
  fieldtune demo --seed 7 --frames 200
  fieldtune demo --sound
  fieldtune demo --text
  fieldtune demo --json | jq .checks
  fieldtune status --store fieldtune-demo/demo.ftune    afterwards

In DIR it leaves taught.png (the frames it was taught), confusion.png (what fresh frames were taken for), found.png \
(a defect, marked by what knows good parts alone) and demo.ftune (what it learned); with --sound sound-found.png and \
sound.ftune, with --text text.ftune alone. Files of an earlier demo are replaced.")]
pub struct DemoCommand {
    /// Seed of the drawn strip; the same seed draws the same frames
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Listen to a synthetic machine instead: teach sounds, find what is wrong
    #[cfg(feature = "sound")]
    #[arg(long, conflicts_with = "text")]
    sound: bool,
    /// Read the log of a plant that is made up instead: teach lines, find what is new
    #[arg(long)]
    text: bool,
    /// New frames, seconds or lines to classify [default: 1000, of sound 200]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(6..=100_000))]
    frames: Option<u32>,
    /// Folder for the pictures and the store; created if missing
    #[arg(long, value_name = "DIR", default_value = "fieldtune-demo")]
    out: PathBuf,
    /// Answer in JSON: one object, at the end
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl DemoCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let begun = Instant::now();
        let in_out = |name: &str| self.out.join(name);
        let store = in_out("demo.ftune");
        std::fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        erase(&store)?;
        #[cfg(feature = "sound")]
        if self.sound {
            let (seconds, model) = (self.frames.unwrap_or(200) as usize, &self.model);
            let (seed, out, json) = (self.seed, self.out.as_path(), self.json);
            let held = sound::SoundDemo { seed, seconds, out, json, model }.run(context)?;
            return Ok(if held { Exit::Done } else { Exit::Negative });
        }
        let frames = self.frames.unwrap_or(1000) as usize;
        if self.text {
            let (seed, out, json) = (self.seed, self.out.as_path(), self.json);
            let held = text::TextDemo { seed, lines: frames, out, json }.run(context)?;
            return Ok(if held { Exit::Done } else { Exit::Negative });
        }
        let start = || Device::start(&self.model, context, &store);
        let tell = Tell { json: self.json };
        let mut story = Story::begin(self.seed, frames, context, tell, start()?);
        let good = in_out("good.ftune");
        erase(&good)?;
        let found = story.good_parts(Device::start(&self.model, context, &good)?)?;
        erase(&good)?;
        story.teach()?;
        story.watch()?;
        story.classify()?;
        story.meet_strangers()?;
        story.add()?;
        story.forget()?;
        story.restart(&start)?;
        story.go_on()?;
        let (mut report, pictures, confusion) = story.end();
        let (taught, confused) = (in_out("taught.png"), in_out("confusion.png"));
        write_whole(&taught, &picture::png(&sheet::draw(&report.title(), &pictures)))?;
        plot::Drawing::of(&report.title(), &report.names(), &confusion)
            .save(&confused, plot::Format::Png)?;
        let marked = in_out("found.png");
        if let Some(found) = &found {
            write_whole(&marked, &picture::png(found))?;
        }
        let marked = found.is_some().then_some(&marked);
        for file in [&taught, &confused].into_iter().chain(marked).chain([&store]) {
            report.files.push(file.display().to_string());
        }
        report.seconds = begun.elapsed().as_secs_f64();
        if self.json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            println!("{}", report.closing());
        }
        Ok(if report.held { Exit::Done } else { Exit::Negative })
    }
}

/// Talks to people, and is silent where a program listens.
#[derive(Debug, Clone, Copy)]
struct Tell {
    json: bool,
}

impl Tell {
    fn line(self, text: impl std::fmt::Display) {
        if !self.json {
            println!("{text}");
        }
    }
}
