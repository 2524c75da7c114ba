//! `fieldtune test`: how well what was taught does on labelled images that it has not seen.

mod lines;
pub(super) mod sheet;
mod unit;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use half::f16;
use serde_json::{Value, json};

use self::unit::{IMAGES, Unit};
use super::args::model::ModelArgs;
use super::args::store::{StoreArgs, now};
use super::eval::images::find_at_least;
use super::eval::plot::Format;
use super::eval::report::{cut, shown_name};
use super::eval::write_json;
use super::pool::{Pool, on_threads};
use super::{Context, Exit};
use crate::eval::{Folder, Holdout};
use crate::image::picture;
use crate::learn::decision::Verdict;
use crate::learn::examples::narrowed;
use crate::learn::learner::{Learner, UNKNOWN};
use crate::learn::patches::FrameFeatures;
use crate::protocol::json::{real, real_if_any};
use crate::protocol::people;
use crate::sound::{self, SoundWindow};
use crate::store::snapshot::ModelId;
use crate::util::letters;

/// Measure accuracy on a folder of class folders, or of files of lines
///
/// Nothing is learned. Exit status 1 if the balanced accuracy is below --at-least.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune test parts/
  fieldtune test parts/ --at-least 0.95 --sheet wrong.png --json result.json

Folder: every folder in DIR is a class, every image in it or below is one of its images. A folder whose name \
was never taught is of things that should be unknown. Images that were taught are left out; use images of \
other parts, since another image of a taught part comes out too well.

Recordings of sound (WAV, FLAC, Ogg) are measured as images are, each by its loudest second.

Lines of text: every file in DIR is a class, DIR/login.log of login, and every line in it one of its lines, once for each \
form; DIR may be one such file.

Balanced accuracy: the mean of the taught classes' recalls; a known part that is called unknown counts as a \
mistake. The 90 % interval is Jeffreys'.

--json: model, balanced_accuracy, interval, false_rejections, caught, folders (name, taught, classified, right, \
recall, interval, taken_for), known (images that were taught, not classified), images (file, truth, class or null \
for unknown, best, confidence, novelty, right), left_out.")]
pub struct TestCommand {
    /// Folder with a folder of images a class; of a store of lines, with a file a class
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Exit with status 1 if the balanced accuracy is lower, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    at_least: Option<f64>,
    /// Draw the wrong predictions
    #[arg(long, value_name = "FILE.png")]
    sheet: Option<PathBuf>,
    /// Write all results as JSON; - for stdout, without the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("wanted a number from 0 to 1".to_owned()),
    }
}

/// A classified image.
struct Classified {
    /// `folder/file`.
    name: String,
    path: PathBuf,
    folder: usize,
    verdict: Verdict,
    right: bool,
}

/// Everything that was found.
struct Report<'a> {
    learner: &'a Learner,
    model: &'a str,
    unit: Unit,
    holdout: Holdout,
    images: Vec<Classified>,
    /// Images that were taught: they say nothing about new parts.
    known: usize,
    /// Name and reason.
    left_out: Vec<(String, String)>,
}

impl TestCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        if let Some(sheet) = &self.sheet
            && Format::of(sheet)? != Format::Png
        {
            bail!("{}: wanted a name that ends in .png", sheet.display());
        }
        if self.store.holds_lines()? {
            if self.sheet.is_some() {
                self.store.refuse_lines("test --sheet", "fieldtune test --json FILE")?;
            }
            let mut encoder = self.model.text_encoder()?;
            let learner = self.store.look_for(&ModelId::of_text(&encoder))?.into_parts().0;
            return self.tell(&lines::report(&self.dir, &mut encoder, context, &learner)?);
        }
        let files = find_at_least(1, &self.dir)?;
        // Asked first: without anything taught there is no need to wait for the backbone.
        drop(self.store.look()?);
        let pool = Pool::load_taught(usize::MAX, &self.model, &self.store, context)?;
        let learner = self.store.look_for(pool.model())?.into_parts().0;
        let seen = seen(&files, &learner, &pool, context);
        self.tell(&classified(files, seen, &learner, (pool.name(), IMAGES), Vec::new())?)
    }

    fn tell(&self, report: &Report<'_>) -> anyhow::Result<Exit> {
        if let Some(sheet) = &self.sheet {
            report.draw(sheet)?;
        }
        if let Some(path) = &self.json {
            write_json(path, &report.json())?;
        }
        if self.json.as_deref() != Some(Path::new("-")) {
            print!("{}", report.text());
        }
        let Some(least) = self.at_least else { return Ok(Exit::Done) };
        match report.holdout.balanced_accuracy() {
            Some(accuracy) if accuracy >= least => Ok(Exit::Done),
            Some(accuracy) => {
                eprintln!(
                    "balanced accuracy {:.1} %, wanted at least {:.1} %",
                    100.0 * accuracy,
                    100.0 * least
                );
                Ok(Exit::Negative)
            }
            None => bail!(
                "{}: no folder has the name of a taught class, so there is no balanced accuracy\n  next: name the folders {}",
                self.dir.display(),
                report.holdout.taught().join(", ")
            ),
        }
    }
}

/// What the backbone says of each file.
fn seen(
    files: &[(String, PathBuf)],
    learner: &Learner,
    pool: &Pool,
    context: &Context,
) -> Vec<anyhow::Result<FrameFeatures>> {
    let bar = context.bar(files.len() as u64, "classifying");
    let places = learner.is_alone();
    let all = on_threads(files.len(), pool.size(), |place| {
        let file = &files[place].1;
        let seen = pool.load_file(file).and_then(|frame| pool.seen(&frame, places));
        bar.inc(1);
        seen
    });
    bar.finish_and_clear();
    all
}

/// * `seen`: of each file.
/// * `left_out`: what could not be used, by name and reason; it is joined by what cannot be classified.
fn classified<'a>(
    files: Vec<(String, PathBuf)>,
    seen: Vec<anyhow::Result<FrameFeatures>>,
    learner: &'a Learner,
    (model, unit): (&'a str, Unit),
    mut left_out: Vec<(String, String)>,
) -> anyhow::Result<Report<'a>> {
    let taught: Vec<String> =
        learner.classes().values().map(|name| name.as_str().to_owned()).collect();
    let places: BTreeMap<_, usize> = learner.classes().keys().copied().zip(0..).collect();
    let folder_of = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let mut folders: Vec<String> = files.iter().map(|(name, _)| folder_of(name)).collect();
    folders.sort();
    folders.dedup();
    let mut holdout = Holdout::new(&taught, &folders);
    let (mut images, mut known) = (Vec::new(), 0);
    let bits = |feature: &[f16]| feature.iter().map(|value| value.to_bits()).collect::<Vec<u16>>();
    let of_taught: HashSet<Vec<u16>> =
        learner.examples().iter().map(|example| bits(&example.feature)).collect();
    for ((name, path), seen) in files.into_iter().zip(seen) {
        let is_taught = |seen: &FrameFeatures| of_taught.contains(&bits(&narrowed(&seen.feature)));
        if seen.as_ref().is_ok_and(is_taught) {
            known += 1;
            continue;
        }
        match seen
            .and_then(|seen| Ok(learner.classify_with(&seen.feature, seen.patches.as_deref())?))
        {
            Ok(Some(verdict)) => {
                let folder = folders.iter().position(|folder| *folder == folder_of(&name));
                let folder = folder.expect("made from these very names");
                let right = holdout.add(folder, verdict.class.map(|class| places[&class]));
                images.push(Classified { name, path, folder, verdict, right });
            }
            Ok(None) => bail!("every class is empty: teach an example first"),
            Err(error) => {
                let error = format!("{error:#}");
                let start = format!("{}: ", picture::shown(&path));
                let error = error.strip_prefix(&start).unwrap_or(&error).to_owned();
                eprintln!("left out: {name}: {error}");
                left_out.push((name, error));
            }
        }
    }
    if images.is_empty() && known > 0 {
        bail!(
            "{} taught, so there is nothing to measure: it would come out right\n  next: use {}",
            unit.counted_were(known),
            unit.others
        );
    }
    if images.is_empty() {
        bail!("none of {} could be used", unit.counted(left_out.len()));
    }
    Ok(Report { learner, model, unit, holdout, images, known, left_out })
}

/// What it probably means that most of what was taught is called unknown: the accuracy alone would look like that of a
/// bad head.
fn other_scene(holdout: &Holdout, unit: Unit) -> Option<String> {
    let folders = holdout.folders().iter().filter(|folder| folder.class.is_some());
    let sum = |of: fn(&Folder) -> u64| folders.clone().map(of).sum::<u64>();
    let (classified, right, unknown) =
        (sum(Folder::classified), sum(Folder::right), sum(Folder::unknown));
    if 2 * unknown <= classified {
        return None;
    }
    let share = |of: u64, all: u64| 100.0 * of as f64 / all as f64;
    let others = match classified - unknown {
        0 => String::new(),
        known => format!("; of the others {:.0} % right", share(right, known)),
    };
    Some(format!("{:.0} % unknown{others}: {}", share(unknown, classified), unit.unknown))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

fn range(interval: Option<(f64, f64)>) -> String {
    interval.map_or_else(String::new, |(low, high)| {
        format!("{:.0} to {:.0} %", 100.0 * low, 100.0 * high)
    })
}

impl Report<'_> {
    /// The class of a verdict by its name, `None` for unknown.
    fn said(&self, verdict: &Verdict) -> Option<&str> {
        verdict.class.map(|class| self.learner.classes()[&class].as_str())
    }

    fn wrong(&self) -> Vec<&Classified> {
        self.images.iter().filter(|image| !image.right).collect()
    }

    fn json(&self) -> Value {
        let holdout = &self.holdout;
        let taken_for = |folder: &Folder| {
            let names = holdout.taught().iter().map(String::as_str).chain([UNKNOWN]);
            let counts = names.zip(&folder.counts).filter(|(_, count)| **count > 0);
            counts
                .map(|(name, count)| (name.to_owned(), json!(count)))
                .collect::<serde_json::Map<_, _>>()
        };
        let folders: Vec<Value> = holdout
            .folders()
            .iter()
            .map(|folder| {
                json!({
                    "name": folder.name, "taught": folder.class.is_some(), "classified": folder.classified(),
                    "right": folder.right(), "recall": folder.recall(),
                    "interval": folder.interval(), "taken_for": taken_for(folder),
                })
            })
            .collect();
        let images: Vec<Value> = self
            .images
            .iter()
            .map(|image| {
                json!({
                    "file": image.name, "truth": holdout.folders()[image.folder].name,
                    "class": self.said(&image.verdict),
                    "best": self.learner.classes()[&image.verdict.best].as_str(),
                    "confidence": real_if_any(image.verdict.shown_confidence()),
                    "novelty": real(image.verdict.novelty),
                    "right": image.right,
                })
            })
            .collect();
        let left_out: Vec<Value> = self
            .left_out
            .iter()
            .map(|(file, error)| json!({ "file": file, "error": error }))
            .collect();
        json!({
            "model": self.model, "taught": holdout.taught(),
            "balanced_accuracy": holdout.balanced_accuracy(), "interval": holdout.interval(),
            "false_rejections": holdout.false_rejections(), "caught": holdout.caught(),
            "folders": folders, "images": images, "known": self.known, "left_out": left_out,
        })
    }

    fn text(&self) -> String {
        /// What was wrong, a line each, at most.
        const MAX_WRONG: usize = 20;
        /// Classes side by side at most.
        const WIDEST: usize = 12;
        let holdout = &self.holdout;
        let mut columns: Vec<&str> = holdout.taught().iter().map(String::as_str).collect();
        columns.push(UNKNOWN);
        let shown = if columns.len() > WIDEST { 0..0 } else { 0..columns.len() };
        let width = holdout.folders().iter().map(|one| cut(&one.name, 20).chars().count()).max();
        let width = width.unwrap_or(0).max(5);
        let mut out = format!("{:<width$}  {:>6}", "truth", self.unit.many);
        for place in shown.clone() {
            let _ = write!(out, " {:>8}", cut(columns[place], 8));
        }
        out.push_str("   recall  90 % interval\n");
        for folder in holdout.folders() {
            let _ = write!(out, "{:<width$}  {:>6}", cut(&folder.name, 20), folder.classified());
            for place in shown.clone() {
                let count = folder.counts[place];
                // A dot for never: the eye finds the mistakes.
                let text = if count == 0 { ".".to_owned() } else { count.to_string() };
                let _ = write!(out, " {text:>8}");
            }
            let _ = write!(out, "  {:>7}  {}", percent(folder.recall()), range(folder.interval()));
            let taught = holdout.taught().iter().map(String::as_str);
            out.push_str(&match (folder.class, letters::nearest(&folder.name, taught)) {
                (Some(_), _) => "\n".to_owned(),
                (None, None) => "  (never taught)\n".to_owned(),
                (None, Some(meant)) => format!("  (never taught; did you mean {meant}?)\n"),
            });
        }
        let _ = writeln!(
            out,
            "\nbalanced accuracy {} (90 % interval: {})\ncalled unknown: {} of what was taught, {} of what was not",
            percent(holdout.balanced_accuracy()),
            range(holdout.interval()),
            percent(holdout.false_rejections()),
            percent(holdout.caught())
        );
        if let Some(scene) = other_scene(holdout, self.unit) {
            let _ = writeln!(out, "{scene}");
        }
        if self.known > 0 {
            let were = self.unit.counted_were(self.known);
            let _ = writeln!(out, "{were} taught and not classified: they would come out right");
        }
        let wrong = self.wrong();
        if !wrong.is_empty() {
            let _ = writeln!(out, "\nwrong:");
        }
        for image in wrong.iter().take(MAX_WRONG) {
            let Verdict { best, novelty, .. } = &image.verdict;
            let best = self.learner.classes()[best].as_str();
            let confidence = image.verdict.shown_confidence();
            let said = people::prediction(self.said(&image.verdict), best, confidence);
            let _ = writeln!(out, "  {}: {said}, novelty {novelty:.2}", shown_name(&image.name));
        }
        if wrong.len() > MAX_WRONG {
            let _ = writeln!(out, "  and {} more: --json FILE lists all", wrong.len() - MAX_WRONG);
        }
        out
    }

    fn draw(&self, path: &Path) -> anyhow::Result<()> {
        let wrong = self.wrong();
        let tiles = wrong.iter().take(sheet::MOST).map(|image| {
            let truth = &self.holdout.folders()[image.folder].name;
            let said = self.said(&image.verdict).unwrap_or(UNKNOWN);
            let file = image.name.split_once('/').map_or(image.name.as_str(), |(_, file)| file);
            let lines = [format!("{truth} > {said}"), file.to_owned()];
            Ok((lines, sound::load(&image.path, &SoundWindow::default(), now())?))
        });
        let tiles = tiles.collect::<anyhow::Result<Vec<_>>>()?;
        let title = format!(
            "{} of {} wrong: truth > verdict",
            wrong.len(),
            self.unit.counted(self.images.len())
        );
        super::output::write_whole(path, &picture::png(&sheet::draw(&title, &tiles)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mostly_unknown_is_told_as_another_scene() {
        let names = ["dent", "good", "other"].map(str::to_owned);
        let mut holdout = Holdout::new(&names[..2], &names);
        let mut add = |folder, verdict, times| {
            for _ in 0..times {
                holdout.add(folder, verdict);
            }
        };
        add(0, None, 46);
        add(1, None, 48);
        add(0, Some(0), 2);
        add(1, Some(0), 4);
        // What was never taught says nothing of the scene.
        add(2, Some(0), 500);
        let told = other_scene(&holdout, IMAGES).expect("94 of 100 are unknown");
        assert!(
            told.starts_with("94 % unknown; of the others 33 % right: another scene"),
            "{told}"
        );
        let mut known = Holdout::new(&names[..2], &names);
        for verdict in [Some(0), None] {
            known.add(0, verdict);
        }
        assert_eq!(other_scene(&known, IMAGES), None);
    }
}
