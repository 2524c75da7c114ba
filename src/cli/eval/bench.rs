//! `fieldtune eval --protocol bench`: the parts, run over a folder of class folders and printed.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use super::bank::Bank;
use super::images::LeftOutImage;
use super::{EvalCommand, write_json};
use crate::cli::args::head::kinds;
use crate::cli::pool::on_threads;
use crate::cli::{Context, Exit};
use crate::eval::bench::{self, Bench, BenchRow, Looks as _, Part, Variant};
use crate::protocol::people::counted;

/// Format of the JSON; a reader refuses what it does not know.
const FORMAT: u32 = 1;

impl EvalCommand {
    pub(super) fn bench(&self, context: &Context) -> anyhow::Result<Exit> {
        let dir = self.dir.as_deref().context("no folder was named")?;
        let bank = Bank::of(dir, &self.model, context)?;
        let threads = bank.pool().size();
        let left_out = readable(&bank, context);
        let bench = self.benchmark(&bank, &left_out)?;
        let mut parts = Vec::new();
        for part in self.chosen_parts() {
            let tasks = part.tasks(&bench);
            let bar = context.bar(tasks.len() as u64, part.name());
            let samples = bench::run(&tasks, threads, &|| bar.inc(1))?;
            bar.finish_and_clear();
            if samples.is_empty() {
                eprintln!("left out: {}: the classes have too few images", part.name());
            }
            let rows = part.rows(&samples);
            let rows_shown: Vec<BenchRow> =
                rows.iter().filter(|row| !row.is_detail()).cloned().collect();
            let table = table(&format!("{}: {}", part.name(), part.about()), &rows_shown);
            if self.json.as_deref() != Some(Path::new("-")) {
                print!("{table}");
            }
            parts.push((part, rows));
        }
        if let Some(path) = &self.json {
            let mut report = json!({
                "format": FORMAT, "protocol": "bench", "model": bank.pool().name(),
                "dim": bank.dim(), "seeds": self.seeds, "features": bank.computed(),
                "classes": bench.classes.iter().zip(&bench.images).map(|(class, images)| {
                    json!({ "class": class, "images": images.len() })
                }).collect::<Vec<_>>(),
                "left_out": left_out.iter().map(|image| {
                    json!({ "file": image.file, "error": image.error })
                }).collect::<Vec<_>>(),
            });
            let parts = parts.iter().map(|(part, rows)| {
                let rows: Vec<Value> = rows.iter().map(row_json).collect();
                (part.name().to_owned(), json!({ "about": part.about(), "rows": rows }))
            });
            report["parts"] = Value::Object(parts.collect());
            write_json(path, &report)?;
        }
        Ok(Exit::Done)
    }

    fn chosen_parts(&self) -> Vec<Part> {
        let chosen = |part: &Part| {
            self.parts.is_empty() || self.parts.iter().any(|choice| choice.0 == *part)
        };
        Part::ALL.into_iter().filter(chosen).collect()
    }

    pub(super) fn benchmark<'a>(
        &self,
        bank: &'a Bank,
        left_out: &[LeftOutImage],
    ) -> anyhow::Result<Bench<'a>> {
        let mut classes: Vec<String> = Vec::new();
        let mut images: Vec<Vec<usize>> = Vec::new();
        for (image, (name, _)) in bank.files().iter().enumerate() {
            if left_out.iter().any(|out| out.file == *name) {
                continue;
            }
            let class = name.split('/').next().unwrap_or_default();
            // The files are sorted by their names; "a-b/x" stands between "a/x" and nothing of "a".
            let place = match classes.iter().position(|known| known == class) {
                Some(place) => place,
                None => {
                    classes.push(class.to_owned());
                    images.push(Vec::new());
                    classes.len() - 1
                }
            };
            images[place].push(image);
        }
        if classes.len() < 2 {
            bail!(
                "there are images of {}, wanted at least two classes",
                counted(classes.len(), "class", "classes")
            );
        }
        let good = self.good.as_ref().map(|good| {
            let names = || classes.join(", ");
            let place = classes.iter().position(|class| class == good);
            place.with_context(|| {
                format!("--good {good}: there is no such class; there are {}", names())
            })
        });
        let heads = match self.head.as_slice() {
            [] => vec![None],
            chosen => kinds(chosen).into_iter().map(Some).collect(),
        };
        Ok(Bench {
            good: good.transpose()?,
            looks: bank,
            classes,
            images,
            seeds: self.seeds,
            shots: self.shots().into_iter().map(|shots| shots as usize).collect(),
            heads,
        })
    }
}

/// Looks at every image once; names those that cannot be used.
pub(super) fn readable(bank: &Bank, context: &Context) -> Vec<LeftOutImage> {
    let bar = context.bar(bank.files().len() as u64, "features");
    // Errors are kept with the image and reported below, in their order.
    on_threads(bank.files().len(), bank.pool().size(), |image| {
        let _ = bank.seen(image, Variant::AsIs);
        bar.inc(1);
    });
    bar.finish_and_clear();
    let mut left_out = Vec::new();
    for (image, (file, _)) in bank.files().iter().enumerate() {
        if let Err(error) = bank.seen(image, Variant::AsIs) {
            eprintln!("left out: {error}");
            let error = error.strip_prefix(&format!("{file}: ")).unwrap_or(&error).to_owned();
            left_out.push(LeftOutImage { file: file.clone(), error });
        }
    }
    left_out
}

pub(super) fn row_json(row: &BenchRow) -> Value {
    let mut value: Map<String, Value> =
        row.of.iter().map(|(name, label)| ((*name).to_owned(), json!(label))).collect();
    value.insert("samples".to_owned(), json!(row.samples));
    for (name, spread) in &row.values {
        let spread = spread.map(|spread| json!({ "mean": spread.mean, "std": spread.std }));
        value.insert((*name).to_owned(), json!(spread));
    }
    Value::Object(value)
}

/// Means in %, one line a row; values that no row has take no column.
pub(super) fn table(title: &str, rows: &[BenchRow]) -> String {
    let mut out = format!("{title}\n");
    let Some(first) = rows.first() else { return out + "  -\n\n" };
    let labels: Vec<&str> =
        first.of.iter().map(|(label, _)| *label).filter(|label| *label != "class").collect();
    let mut columns: Vec<&str> = Vec::new();
    for (name, value) in rows.iter().flat_map(|row| &row.values) {
        if value.is_some() && !columns.contains(name) {
            columns.push(name);
        }
    }
    let width = |label: &str| {
        let texts = rows.iter().filter_map(|row| row.label(label));
        texts.map(|text| text.chars().count()).max().unwrap_or(0).max(label.len())
    };
    let mut line = String::new();
    for label in &labels {
        let _ = write!(line, "  {label:<width$}", width = width(label));
    }
    for column in &columns {
        let _ = write!(line, "  {column:>width$}", width = column.len().max(5));
    }
    let _ = writeln!(out, "{}", line.trim_end());
    for row in rows {
        let mut line = String::new();
        for label in &labels {
            let text = row.label(label).unwrap_or_default();
            let _ = write!(line, "  {text:<width$}", width = width(label));
        }
        for column in &columns {
            let text =
                row.mean(column).map_or("-".to_owned(), |mean| format!("{:.1}", 100.0 * mean));
            let _ = write!(line, "  {text:>width$}", width = column.len().max(5));
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push('\n');
    out
}
