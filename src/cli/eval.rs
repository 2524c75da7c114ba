//! `fieldtune eval`: how well the heads would do on a folder of labelled images.

mod bank;
mod bench;
mod choices;
mod finetune;
mod good;
pub(super) mod images;
pub(super) mod lines;
mod npz;
pub(super) mod plot;
pub(super) mod report;
mod shift;
mod splits;
mod words;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use self::choices::{CentreChoice, FinetuneChoice, PartChoice, Protocol, ShrinkageChoice};
use self::images::LeftOutImage;
use self::report::Report;
use self::shift::ShiftChoice;
use self::splits::{found, read_splits};
use super::args::head::{HeadChoice, kinds};
use super::args::model::ModelArgs;
use super::pool::Pool;
use super::{Context, Exit};
use crate::eval::{self, Cell, Cuts, LabelledFeatures, NamedSplit, Split};
use crate::image::frame::FrameKind;
use crate::learn::head::{HeadConfig, HeadKind, Method, Shrinkage};
use crate::sound;

/// Compare heads on a data set, a folder of class folders
///
/// A few images of each class are taught, all others are classified, over several random splits; the result is
/// the balanced accuracy (the mean of the classes' recalls) with its standard deviation.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune eval parts/ --model mobilenetv2-12
  fieldtune eval parts/ --head all --shots 1,5 --plot confusion.png
  fieldtune eval parts/ --features parts.npz  one pass of the backbone, kept ...
  fieldtune eval --from-features parts.npz --head knn  ... for the next question
  fieldtune eval logs/ --text                a file of lines a class
  fieldtune eval parts/ --model clip.toml --words \"a photo of a {}\" --shots 0,5
  fieldtune eval parts/ --protocol bench --json bench.json
  fieldtune eval parts/ --protocol good-parts --good Free --shots 20,100
  fieldtune eval parts/ --shift all          what adaptation brings back

Splits, centring, files and the bench protocol: docs/evaluation.md")]
pub struct EvalCommand {
    /// Folder with a folder of images a class
    #[arg(value_name = "DIR", required_unless_present = "from_features")]
    dir: Option<PathBuf>,
    /// What to measure
    #[arg(long, value_enum, default_value = "shots")]
    protocol: Protocol,
    /// Parts of the bench protocol [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    parts: Vec<PartChoice>,
    /// The only class that good-parts and the part good of bench teach [bench: each in turn]
    #[arg(long, value_name = "CLASS")]
    good: Option<String>,
    /// Heads to try, comma-separated, repeatable [default: lda; bench: what a new store has]
    #[arg(long, value_enum, value_delimiter = ',')]
    head: Vec<HeadChoice>,
    /// Images a class to be taught, one row of the table each, 0 with --words [default: 1,5,10,20; bench: 1,2,5,10,20,50;
    /// good-parts: 20,100; --shift: 5,10]
    #[arg(long, value_delimiter = ',', value_name = "K")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    shots: Vec<u32>,
    /// Number of random splits
    #[arg(long, default_value_t = 5, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,
    /// Use the splits of this JSON file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["shots", "seeds", "write_splits"])]
    splits: Option<PathBuf>,
    /// Write the splits that were made as JSON
    #[arg(long, value_name = "FILE")]
    write_splits: Option<PathBuf>,
    /// Mean to subtract from every embedding before learning
    #[arg(long = "center", alias = "centre", value_enum, default_value = "auto")]
    centre: CentreChoice,
    /// Shrinkage of the lda head: above 0 to 1, looks (by the number of looks), or auto (measured by leaving looks out,
    /// from eight looks a class on)
    /// [default: auto]
    #[arg(long, value_name = "S|looks|auto")]
    shrinkage: Option<ShrinkageChoice>,
    /// Measure adaptation to other conditions instead: all, darker, brighter, gamma, contrast, warm, blur, noise,
    /// jpeg, turn, zoom, move
    #[arg(long, value_name = "SHIFT", value_delimiter = ',', conflicts_with_all = ["protocol", "from_features", "text"])]
    shift: Vec<ShiftChoice>,
    /// Severities of the shifts, 1 to 5
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 2, 3, 4, 5], requires = "shift")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=5))]
    severities: Vec<u8>,
    /// Measure each head with fine-tuned last blocks of the backbone, too
    #[arg(long, value_enum, value_name = "WHEN", conflicts_with = "from_features")]
    finetune: Option<FinetuneChoice>,
    /// Passes over the images of --finetune [default: as finetune does]
    #[arg(long, value_name = "N", requires = "finetune")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    epochs: Option<u32>,
    /// Write all results as JSON; - for stdout, without the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the prediction of each test image as CSV
    #[arg(long, value_name = "FILE.csv")]
    predictions: Option<PathBuf>,
    /// Write the features as .npz: features [n, dim] f32 and files [n]
    #[arg(long, value_name = "FILE.npz")]
    features: Option<PathBuf>,
    /// Take the features from such a file instead of images and a backbone
    #[arg(long, value_name = "FILE.npz", conflicts_with = "dir")]
    from_features: Option<PathBuf>,
    /// Describe each class in these words as well, {} being its folder's name, for a backbone that words belong to (CLIP,
    /// SigLIP)
    #[arg(long, value_name = "TEXT", value_parser = words::template)]
    #[arg(conflicts_with_all = ["from_features", "finetune", "text"])]
    words: Option<String>,
    /// DIR has a file of lines a class instead: each different line is an example of text
    #[arg(long, conflicts_with_all = ["from_features", "finetune"])]
    text: bool,
    /// Draw the confusion matrix
    #[arg(long, value_name = "FILE.png|.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Where labelled features came from.
struct Source {
    model: String,
    set: LabelledFeatures,
    left_out: Vec<LeftOutImage>,
    cuts: Option<Cuts>,
}

impl EvalCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let format = self.plot.as_deref().map(plot::Format::of).transpose()?;
        self.check_outputs()?;
        self.refuse_for_samples()?;
        if self.shots.contains(&0) && (self.protocol != Protocol::Shots || !self.shift.is_empty()) {
            bail!("--shots 0 belongs to --protocol shots with --words");
        }
        if self.protocol != Protocol::Shots {
            self.refuse_with_bench()?;
        }
        if !self.shift.is_empty() {
            self.refuse_with_bench()?;
            return self.shifted(context);
        }
        match self.protocol {
            Protocol::Bench => return self.bench(context),
            _ if !self.parts.is_empty() => bail!("--parts belongs to --protocol bench"),
            Protocol::GoodParts => return self.good_parts(context),
            Protocol::Shots if self.good.is_some() => {
                bail!("--good belongs to --protocol bench and good-parts")
            }
            Protocol::Shots => {}
        }
        let given = self.splits.as_deref().map(read_splits).transpose()?;
        let Source { model, set, left_out, cuts } = self.labelled(given.as_deref(), context)?;
        if let Some(path) = &self.features {
            npz::write(path, &set)?;
        }
        let splits = match &given {
            Some(given) => found(given, &set, &left_out)?,
            None => self.seeded(&set)?,
        };
        let cells = self.cells(&set, cuts.as_ref(), &splits, context)?;
        let report = Report {
            model: &model,
            set: &set,
            unit: self.unit(),
            left_out: &left_out,
            centre: self.centre.name(),
            shrinkage: self.shrinkage().to_string(),
            splits: self.splits.as_ref().map(|path| path.display().to_string()),
            cells,
        };
        self.tell(&report, format)?;
        Ok(Exit::Done)
    }

    /// An output that cannot be written is better known before an hour's work than after it.
    fn check_outputs(&self) -> anyhow::Result<()> {
        let outputs =
            [&self.write_splits, &self.json, &self.predictions, &self.features, &self.plot];
        for path in outputs.into_iter().flatten() {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.is_dir()) {
                bail!("{}: there is no such folder to write to", path.display());
            }
        }
        Ok(())
    }

    fn refuse_with_bench(&self) -> anyhow::Result<()> {
        let given = [
            ("--splits", self.splits.is_some()),
            ("--write-splits", self.write_splits.is_some()),
            ("--center", self.centre != CentreChoice::Auto),
            ("--shrinkage", self.shrinkage.is_some()),
            ("--predictions", self.predictions.is_some()),
            ("--features", self.features.is_some()),
            ("--from-features", self.from_features.is_some()),
            ("--plot", self.plot.is_some()),
            ("--finetune", self.finetune.is_some()),
            ("--text", self.text),
            ("--words", self.words.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((option, _)) => bail!("{option} belongs to --protocol shots"),
            None => Ok(()),
        }
    }

    fn shrinkage(&self) -> ShrinkageChoice {
        // What a store of these would begin with.
        let head = match self.text && !self.model.is_default() {
            true => HeadConfig::of_read_lines(),
            false => HeadConfig::default(),
        };
        let usual = match head.method {
            Method::Lda { shrinkage } => shrinkage,
            _ => Shrinkage::LeaveOneOut,
        };
        self.shrinkage.unwrap_or(ShrinkageChoice(usual))
    }

    /// Images a class, rising.
    fn shots(&self) -> BTreeSet<u32> {
        let chosen: &[u32] = match (self.shots.as_slice(), self.protocol) {
            ([], _) if !self.shift.is_empty() => &[5, 10],
            ([], Protocol::Shots) => &[1, 5, 10, 20],
            ([], Protocol::Bench) => &[1, 2, 5, 10, 20, 50],
            ([], Protocol::GoodParts) => &[20, 100],
            (chosen, _) => chosen,
        };
        chosen.iter().copied().collect()
    }

    /// Features from images or from a file of them; with given splits only of the images that they name.
    fn labelled(&self, given: Option<&[NamedSplit]>, context: &Context) -> anyhow::Result<Source> {
        if let Some(path) = &self.from_features {
            let place = path.display().to_string();
            let set = npz::read(path)?.set().context(place.clone())?;
            return Ok(Source { model: place, set, left_out: Vec::new(), cuts: None });
        }
        let dir = self.dir.as_deref().context("no folder was named")?;
        if self.text {
            let mut encoder = self.model.text_encoder()?;
            let (features, left_out) = lines::features(dir, 2, &mut encoder, context)?;
            let set = LabelledFeatures::new(encoder.dim(), features)
                .with_context(|| dir.display().to_string())?;
            return Ok(Source { model: encoder.name().to_owned(), set, left_out, cuts: None });
        }
        let mut images = images::find(dir)?;
        // Kept features are kept for other questions too, so then all are computed.
        if let Some(given) = given {
            let named = NamedSplit::images(given);
            let there: HashSet<&str> = images.iter().map(|(name, _)| name.as_str()).collect();
            if let Some(missing) = named.iter().find(|name| !there.contains(**name)) {
                bail!("{}: the splits name {missing}, which is not there", dir.display());
            }
            if self.features.is_none() {
                images.retain(|(name, _)| named.contains(name.as_str()));
            }
        }
        if self.finetune.is_some() {
            if sound::kind_of(&images[0].1) == FrameKind::Sound {
                bail!("--finetune wants images; of sounds the last blocks are not trained");
            }
            return self.with_cuts(dir, &images, context);
        }
        let model = self.model.looking_at_files(&files_of(&images));
        let pool = Pool::load_for(images.len(), &model, context)?;
        let (features, left_out) = images::features(&images, &pool, context)?;
        let set = LabelledFeatures::new(pool.dim(), features)
            .with_context(|| dir.display().to_string())?;
        let (set, model) = match &self.words {
            Some(template) => (
                words::described(set, template, (&self.model, pool.name()))?,
                format!("{}, and the words \"{template}\"", pool.name()),
            ),
            None => (set, pool.name().to_owned()),
        };
        Ok(Source { model, set, left_out, cuts: None })
    }

    /// What is taught and classified, in words.
    fn unit(&self) -> &'static str {
        if self.text { "lines" } else { "images" }
    }

    /// By shots, then by head.
    fn cells(
        &self,
        set: &LabelledFeatures,
        cuts: Option<&Cuts>,
        splits: &[Split],
        context: &Context,
    ) -> anyhow::Result<Vec<(Cell, eval::CellSummary)>> {
        let heads = match self.head.as_slice() {
            [] => vec![HeadKind::Lda],
            chosen => kinds(chosen),
        };
        let shots: BTreeSet<usize> = splits.iter().map(|split| split.shots).collect();
        let ways = 1 + usize::from(cuts.is_some());
        let bar =
            context.bar((ways * heads.len() * splits.len()) as u64, "teaching and classifying");
        let mut cells = Vec::with_capacity(heads.len() * shots.len());
        for shots in shots {
            for &head in &heads {
                let (config, centre) = (self.config(head), self.centre.of(head));
                let splits: Vec<&Split> =
                    splits.iter().filter(|split| split.shots == shots).collect();
                let mut runs = Vec::new();
                for split in &splits {
                    let run = eval::run(set, split, &config, centre)
                        .with_context(|| format!("{head}, {shots} shots, seed {}", split.seed))?;
                    runs.push(run);
                    bar.inc(1);
                }
                let mut both = vec![Cell { head, finetune: false, shots, runs }];
                if let Some(cuts) = cuts {
                    let runs = self.finetuned(set, cuts, &splits, (&config, centre), &bar)?;
                    both.push(Cell { head, finetune: true, shots, runs });
                }
                for cell in both {
                    let summary = cell.summary(set.classes().len()).with_context(|| {
                        format!("{}, {shots} shots: nothing was classified", cell.name())
                    })?;
                    cells.push((cell, summary));
                }
            }
        }
        bar.finish_and_clear();
        Ok(cells)
    }

    fn config(&self, head: HeadKind) -> HeadConfig {
        let mut config = HeadConfig::of(head);
        if let Method::Lda { shrinkage } = &mut config.method {
            *shrinkage = self.shrinkage().0;
        }
        config
    }

    fn tell(&self, report: &Report, format: Option<plot::Format>) -> anyhow::Result<()> {
        let head = report.cells[0].0.head;
        let (cell, summary) = report
            .cells
            .iter()
            .rfind(|(cell, _)| cell.head == head && !cell.finetune)
            .expect("the first head has a cell");
        if let Some(path) = &self.predictions {
            report.write_predictions(path)?;
        }
        if let (Some(path), Some(format)) = (&self.plot, format) {
            let title = report.title(cell, summary);
            plot::Drawing::of(&title, report.set.classes(), &summary.confusion)
                .save(path, format)?;
        }
        if let Some(path) = &self.json {
            write_json(path, &report.json())?;
        }
        if self.json.as_deref() != Some(Path::new("-")) {
            print!("{}\n{}", report.table(), report.matrix(cell, summary));
        }
        Ok(())
    }
}

fn files_of(images: &[(String, PathBuf)]) -> Vec<&Path> {
    images.iter().map(|(_, path)| path.as_path()).collect()
}

/// `-` is standard output.
pub(super) fn write_json(path: &Path, value: &serde_json::Value) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    if path == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    super::output::write_whole(path, text.as_bytes())
}
