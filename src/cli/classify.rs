//! `fieldtune classify`: what images are taken for.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};

use super::model_args::ModelArgs;
use super::store_args::{StoreArgs, now};
use super::{Context, Exit, pictures};
use crate::backbone::FeatureSource;
use crate::decision::Verdict;
use crate::engine::Engine;
use crate::learner::{Learner, UNKNOWN};
use crate::picture;

/// Tell what images are taken for
///
/// Exit status 1 if an image could not be judged; the others are judged all the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune classify part.jpg
  fieldtune classify parts/ --json | jq -r 'select(.class == \"scratch\") | .file'

With --json one object a line: file, class (or null for unknown), best, confidence, runner_up, runner_up_confidence,
nearest (example, class, cosine, origin), novelty, milliseconds.")]
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
        let files = pictures::expand(&self.images)?;
        // Asked first: without anything taught there is no need to wait for the backbone.
        drop(self.store.look()?);
        let source = self.model.load(context)?;
        let learner = self.store.look_for(&super::model_id(&source))?.into_parts().0;
        let mut engine = Engine::new(source, learner)?;
        let mut exit = Exit::Done;
        for file in &files {
            let begun = Instant::now();
            let name = file.display().to_string();
            match judge(&mut engine, file) {
                Ok(Some(verdict)) => {
                    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
                    let line = Line { learner: engine.learner(), verdict: &verdict, milliseconds };
                    if self.json {
                        println!("{}", line.json(&name));
                    } else {
                        println!("{}: {}", picture::shown(file), line.text());
                    }
                }
                Ok(None) => {
                    anyhow::bail!("every class is empty: teach an example first");
                }
                Err(error) => {
                    exit = Exit::Negative;
                    eprintln!("error: {error:#}");
                    if self.json {
                        println!("{}", json!({ "file": name, "error": format!("{error:#}") }));
                    }
                }
            }
        }
        Ok(exit)
    }
}

fn judge<S: FeatureSource>(
    engine: &mut Engine<S>,
    file: &std::path::Path,
) -> anyhow::Result<Option<Verdict>> {
    let at = now();
    let frame = picture::load(file, at)?;
    Ok(engine.step(&frame, at)?.verdict)
}

/// A verdict, to be printed.
struct Line<'a> {
    learner: &'a Learner,
    verdict: &'a Verdict,
    milliseconds: f64,
}

impl Line<'_> {
    fn name(&self, class: crate::head::ClassId) -> &str {
        self.learner.classes().get(&class).map_or("?", |name| name.as_str())
    }

    fn text(&self) -> String {
        let Verdict { class, best, confidence, runner_up, nearest, .. } = self.verdict;
        let mut text = match class {
            Some(class) => format!("{} {:.0} %", self.name(*class), confidence * 100.0),
            None => format!("{UNKNOWN} (most like {})", self.name(*best)),
        };
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
        let Verdict { class, best, confidence, runner_up, nearest, novelty } = self.verdict;
        let origin = self.learner.examples().get(nearest.example).map(|e| e.origin.as_str());
        json!({
            "file": file,
            "class": class.map(|class| self.name(class)),
            "best": self.name(*best),
            "confidence": confidence,
            "runner_up": runner_up.map(|(class, _)| self.name(class)),
            "runner_up_confidence": runner_up.map(|(_, confidence)| confidence),
            "nearest": {
                "example": nearest.example.0,
                "class": self.name(nearest.class),
                "cosine": nearest.cosine,
                "origin": origin,
            },
            "novelty": novelty,
            "milliseconds": self.milliseconds,
        })
    }
}
