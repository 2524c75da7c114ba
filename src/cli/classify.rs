//! `fieldtune classify`: what images are taken for.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use super::args::images;
use super::args::model::ModelArgs;
use super::args::store::{StoreArgs, now};
use super::pool::{Pool, on_threads};
use super::{Context, Exit};
use crate::image::picture;
use crate::learn::decision::Verdict;
use crate::learn::learner::Learner;
use crate::protocol::{json, people};

/// Classify images
///
/// Exit status 1 if an image cannot be read; the others are classified.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune classify part.jpg
  fieldtune classify parts/ --json | jq -r 'select(.class == \"scratch\") | .file'

With --json one object a line: file, class (or null for unknown), best, confidence (null with one class), runner_up, \
runner_up_confidence, nearest (example, class, cosine, origin), novelty, milliseconds.")]
pub struct ClassifyCommand {
    /// Image files, or folders of them
    #[arg(required = true, value_name = "IMAGE|DIR")]
    images: Vec<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

impl ClassifyCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let files = images::expand(&self.images)?;
        // Asked first: without anything taught there is no need to wait for the backbone.
        self.store.refuse_untaught()?;
        let pool = Pool::load_taught(files.len(), &self.model, &self.store, context)?;
        let learner = self.store.look_for(pool.model())?.into_parts().0;
        let bar = context.bar(files.len() as u64, "classifying");
        let mut exit = Exit::Done;
        // So many at a time, so that verdicts come while others are still looked at.
        for files in files.chunks(pool.size() * AT_ONCE) {
            let features = on_threads(files.len(), pool.size(), |place| {
                let begun = Instant::now();
                let feature = feature(&pool, &files[place]);
                bar.inc(1);
                (feature, begun.elapsed())
            });
            for (file, (feature, took)) in files.iter().zip(features) {
                let begun = Instant::now();
                let verdict = match feature.and_then(|feature| Ok(learner.classify(&feature)?)) {
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
                bar.suspend(|| self.tell(&learner, file, verdict, milliseconds));
            }
        }
        bar.finish_and_clear();
        Ok(exit)
    }

    fn tell(
        &self,
        learner: &Learner,
        file: &Path,
        verdict: anyhow::Result<Verdict>,
        milliseconds: f64,
    ) {
        let name = file.display().to_string();
        match verdict {
            Ok(verdict) => {
                let line = Line { learner, verdict: &verdict, milliseconds };
                if self.json {
                    println!("{}", line.json(&name));
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

fn feature(pool: &Pool, file: &Path) -> anyhow::Result<Vec<f32>> {
    pool.feature(&picture::load(file, now())?)
}

/// A verdict, to be printed.
struct Line<'a> {
    learner: &'a Learner,
    verdict: &'a Verdict,
    milliseconds: f64,
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
        text
    }

    fn json(&self, file: &str) -> Value {
        let Verdict { class, best, runner_up, nearest, novelty, .. } = self.verdict;
        let origin = self.learner.examples().get(nearest.example).map(|e| e.origin.as_str());
        json!({
            "file": file,
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
        })
    }
}
