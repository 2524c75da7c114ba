//! `fieldtune classify`: what images are taken for.

mod text;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::args::images;
use super::args::lines::LineArgs;
use super::args::model::ModelArgs;
use super::args::store::{StoreArgs, now};
use super::contact_sheet::images_in;
use super::explain::{beside, explain};
use super::output::write_whole;
use super::pool::{Pool, on_threads};
use super::{Context, Exit};
use crate::image::frame::{FrameKind, Region};
use crate::image::picture;
use crate::learn::decision::Verdict;
use crate::learn::examples::Neighbour;
use crate::learn::explained::HeatPeak;
use crate::learn::learner::Learner;
use crate::learn::patches::FrameFeatures;
use crate::protocol::{json, people};
use crate::sound;

/// Classify images
///
/// Exit status 1 if an image cannot be read; the others are classified.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune classify part.jpg
  fieldtune classify part.jpg --explain where.png
  fieldtune classify part.jpg --like beside.png  beside its nearest example
  fieldtune classify pump.wav                    every second of a recording
  journalctl -f | fieldtune classify --lines -   every line as it comes
  fieldtune classify parts/ --json | jq -r 'select(.class == \"scratch\") | .file'

With --json one object a line: file, class (or null for unknown), best, confidence (null with one class), runner_up, \
runner_up_confidence, nearest (example, class, cosine, origin), novelty, milliseconds; with --explain also place (x, y, stands_out: null \
with more than one class; of a sound also second, hertz), with --like also differs (x, y).

--explain: with one class, how far each place is from good parts, from the limit on that one place in a thousand of \
good parts reaches; with more, what each place adds to the score of the best class over that of the second.")]
pub struct ClassifyCommand {
    /// Image files, recordings of sound (WAV, FLAC, Ogg), or folders of them
    #[arg(required_unless_present = "lines", value_name = "IMAGE|DIR|TEXT", value_parser = images::or_text())]
    images: Vec<PathBuf>,
    #[command(flatten)]
    lines: LineArgs,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Draw where in the image the verdict comes from (one image)
    #[arg(long, value_name = "OUT.png")]
    explain: Option<PathBuf>,
    /// Draw the image beside its nearest example, with where they differ (one image)
    #[arg(long, value_name = "OUT.png")]
    like: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

impl ClassifyCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let drawn = [("--explain", &self.explain), ("--like", &self.like)];
        if self.lines.are_given(&self.images)? {
            if let Some((option, _)) = drawn.iter().find(|(_, out)| out.is_some()) {
                bail!("{option} draws on an image, not on text");
            }
            return text::classify(&self.images, &self.lines, self.json, &self.model, &self.store);
        }
        // Of a recording that is drawn its loudest second.
        let is_drawn = drawn.iter().any(|(_, out)| out.is_some());
        let files = match is_drawn {
            true => images::named(&self.images)?,
            false => images::expand(&self.images, &self.model.sound_window())?,
        };
        for (option, out) in drawn.iter().filter_map(|(option, out)| Some((option, out.as_ref()?)))
        {
            if files.len() != 1 {
                bail!("{option} draws one image, got {}", files.len());
            }
            if !out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png")) {
                bail!("{}: wanted a name that ends in .png", out.display());
            }
            if out
                .canonicalize()
                .is_ok_and(|out| files[0].canonicalize().is_ok_and(|file| file == out))
            {
                bail!(
                    "{}: that is the image itself, which {option} would replace\n  next: another name",
                    out.display()
                );
            }
        }
        // Asked first: without anything taught there is no need to wait for the backbone.
        self.store.refuse_untaught()?;
        let model = self.model.looking_at_files(&files);
        let pool = Pool::load_taught(files.len(), &model, &self.store, context)?;
        let learner = self.store.look_for(pool.model())?.into_parts().0;
        let bar = context.bar(files.len() as u64, "classifying");
        let (mut exit, places) = (Exit::Done, learner.is_alone());
        // So many at a time, so that verdicts come while others are still looked at.
        for files in files.chunks(pool.size() * AT_ONCE) {
            let all = on_threads(files.len(), pool.size(), |place| {
                let begun = Instant::now();
                let seen = seen(&pool, &files[place], places);
                bar.inc(1);
                (seen, begun.elapsed())
            });
            for (file, (seen, took)) in files.iter().zip(all) {
                let begun = Instant::now();
                let verdict = match seen.and_then(|seen| {
                    Ok(learner.classify_with(&seen.feature, seen.patches.as_deref())?)
                }) {
                    Ok(None) => {
                        anyhow::bail!("every class is empty: teach an example first");
                    }
                    Ok(Some(verdict)) => Ok(verdict),
                    Err(error) => Err(error),
                };
                let milliseconds = (took + begun.elapsed()).as_secs_f64() * 1e3;
                if verdict.is_err() {
                    exit = Exit::Negative;
                }
                let places = Places {
                    // A PNG is opened for it.
                    kind: match is_drawn {
                        true => sound::kind_of(file),
                        false => FrameKind::Image,
                    },
                    explained: self.explained(&pool, &learner, file, &verdict)?,
                    differs: self.beside(&pool, &learner, file, &verdict)?,
                };
                bar.suspend(|| self.tell(&learner, file, verdict, (milliseconds, places)));
            }
        }
        bar.finish_and_clear();
        Ok(exit)
    }

    fn explained(
        &self,
        pool: &Pool,
        learner: &Learner,
        file: &Path,
        verdict: &anyhow::Result<Verdict>,
    ) -> anyhow::Result<Option<HeatPeak>> {
        let (Some(out), Ok(_)) = (&self.explain, verdict) else { return Ok(None) };
        let frame = pool.load_file(file)?;
        let region = Region::Whole;
        let (_, drawn, place) =
            pool.with_free(|source| explain(source, learner, &frame, &region))?;
        write_whole(out, &picture::png(&drawn))?;
        Ok(Some(place))
    }

    fn beside(
        &self,
        pool: &Pool,
        learner: &Learner,
        file: &Path,
        verdict: &anyhow::Result<Verdict>,
    ) -> anyhow::Result<Option<HeatPeak>> {
        let (Some(out), Ok(verdict)) = (&self.like, verdict) else { return Ok(None) };
        let Neighbour { example, class, .. } = verdict.nearest;
        let image = images_in(self.store.look()?)(&[example])?.remove(&example);
        let id = example.0;
        let image = image.with_context(|| format!("--like: no image of example {id} is kept"))?;
        let image = picture::decode(&image, "the example's image", now())?;
        let frame = pool.load_file(file)?;
        let class = learner.classes().get(&class).map_or("?", |name| name.as_str());
        let words = ["differs where marked".to_owned(), format!("example {id}, {class}")];
        let (drawn, place) = pool.with_free(|source| beside(source, &frame, &image, words))?;
        write_whole(out, &picture::png(&drawn))?;
        Ok(Some(place))
    }

    fn tell(
        &self,
        learner: &Learner,
        file: &Path,
        verdict: anyhow::Result<Verdict>,
        (milliseconds, places): (f64, Places),
    ) {
        let name = file.display().to_string();
        match verdict {
            Ok(verdict) => {
                let line = Line { learner, verdict: &verdict, milliseconds, places };
                if self.json {
                    let mut value = line.json();
                    value["file"] = name.into();
                    println!("{value}");
                } else {
                    println!("{}: {}", picture::shown(file), line.text());
                }
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                if self.json {
                    println!("{}", json!({ "file": name, "error": format!("{error:#}") }));
                }
            }
        }
    }
}

/// Images of each thread before verdicts are printed.
const AT_ONCE: usize = 8;

fn seen(pool: &Pool, file: &Path, places: bool) -> anyhow::Result<FrameFeatures> {
    pool.seen(&pool.load_file(file)?, places)
}

/// A verdict, to be printed.
struct Line<'a> {
    learner: &'a Learner,
    verdict: &'a Verdict,
    milliseconds: f64,
    places: Places,
}

/// What was asked for beside a verdict.
#[derive(Default)]
struct Places {
    /// What the file is.
    kind: FrameKind,
    /// Where it comes from most.
    explained: Option<HeatPeak>,
    /// Where the image differs most from the nearest example's.
    differs: Option<HeatPeak>,
}

impl Line<'_> {
    fn name(&self, class: crate::learn::head::ClassId) -> &str {
        self.learner.classes().get(&class).map_or("?", |name| name.as_str())
    }

    fn text(&self) -> String {
        let Verdict { class, best, runner_up, nearest, .. } = self.verdict;
        let (class, confidence) =
            (class.map(|class| self.name(class)), self.verdict.shown_confidence());
        let mut text = people::prediction(class, self.name(*best), confidence);
        if let Some((class, confidence)) = runner_up {
            text += &format!(", then {} {:.0} %", self.name(*class), confidence * 100.0);
        }
        text += &format!(
            ", nearest example {} ({}), {:.1} ms",
            nearest.example.0,
            self.name(nearest.class),
            self.milliseconds
        );
        if let Some(place) = self.places.explained {
            text += &format!(", {}", place.in_words(self.places.kind));
        }
        if let Some(HeatPeak { x, y, .. }) = self.places.differs {
            text += &format!(", differs most from that example at {x},{y}");
        }
        text
    }

    fn json(&self) -> Value {
        let Verdict { class, best, runner_up, nearest, novelty, .. } = self.verdict;
        let origin = self.learner.examples().get(nearest.example).map(|e| e.origin.as_str());
        let mut value = json!({
            "class": class.map(|class| self.name(class)),
            "best": self.name(*best),
            "confidence": json::real_if_any(self.verdict.shown_confidence()),
            "runner_up": runner_up.map(|(class, _)| self.name(class)),
            "runner_up_confidence": runner_up.map(|(_, confidence)| json::real(confidence)),
            "nearest": {
                "example": nearest.example.0,
                "class": self.name(nearest.class),
                "cosine": json::real(nearest.cosine),
                "origin": origin,
            },
            "novelty": json::real(*novelty),
            "milliseconds": self.milliseconds,
        });
        if let Some(HeatPeak { x, y, stands_out }) = self.places.explained {
            value["place"] = json!({ "x": x, "y": y, "stands_out": stands_out });
            if self.places.kind == FrameKind::Sound {
                value["place"]["second"] = sound::second(x).into();
                value["place"]["hertz"] = sound::frequency(y).round().into();
            }
        }
        if let Some(HeatPeak { x, y, .. }) = self.places.differs {
            value["differs"] = json!({ "x": x, "y": y });
        }
        value
    }
}
