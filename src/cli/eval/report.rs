//! What an evaluation found: for programs (JSON, CSV) and for people (a table, a confusion matrix).

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::images::LeftOutImage;
use crate::eval::{Cell, CellSummary, ConfusionMatrix, Finetuned, LabelledFeatures, Spread};

/// Everything that was found.
pub(super) struct Report<'a> {
    /// The backbone's name, or the file that the features came from.
    pub(super) model: &'a str,
    pub(super) set: &'a LabelledFeatures,
    /// What is taught and classified, in words.
    pub(super) unit: &'static str,
    pub(super) left_out: &'a [LeftOutImage],
    /// How the heads were set, as the command line says it.
    pub(super) centre: &'a str,
    pub(super) shrinkage: String,
    /// The file of splits; `None` if they were made from seeds.
    pub(super) splits: Option<String>,
    /// By shots, then in the order of the heads.
    pub(super) cells: Vec<(Cell, CellSummary)>,
}

impl Report<'_> {
    /// Names of the classes that a cell taught, and of those it did not.
    fn classes(&self, cell: &Cell) -> (Vec<&str>, Vec<&str>) {
        let taught = |class: &usize| cell.runs.iter().any(|run| run.classes.contains(class));
        let names = self.set.classes();
        let (taught, not): (Vec<_>, Vec<_>) = (0..names.len()).partition(taught);
        let name = |class: usize| names[class].as_str();
        (taught.into_iter().map(name).collect(), not.into_iter().map(name).collect())
    }

    pub(super) fn json(&self) -> Value {
        let set = self.set;
        let classes: Vec<Value> = (0..set.classes().len())
            .map(|class| {
                json!({ "class": set.classes()[class], "images": set.of_class(class).len() })
            })
            .collect();
        let left_out: Vec<Value> = self
            .left_out
            .iter()
            .map(|image| json!({ "file": image.file, "error": image.error }))
            .collect();
        json!({
            "model": self.model, "dim": set.dim(), "images": set.files().len(), "classes": classes,
            "left_out": left_out, "centre": self.centre, "shrinkage": self.shrinkage,
            "splits": self.splits,
            "cells": self.cells.iter().map(|(cell, summary)| self.cell(cell, summary)).collect::<Vec<_>>(),
        })
    }

    fn cell(&self, cell: &Cell, summary: &CellSummary) -> Value {
        let names = self.set.classes();
        let recalls: Map<String, Value> = names
            .iter()
            .zip(&summary.recalls)
            .filter_map(|(name, recall)| Some((name.clone(), spread((*recall)?))))
            .collect();
        let confusion: Vec<&[u64]> =
            (0..names.len()).map(|class| summary.confusion.row(class)).collect();
        let (taught, left_out) = self.classes(cell);
        let runs: Vec<Value> = cell
            .runs
            .iter()
            .map(|run| {
                let confusion = run.confusion(names.len());
                let mut row = json!({
                    "seed": run.seed, "taught": run.taught, "classified": run.predictions.len(),
                    "balanced_accuracy": confusion.balanced_accuracy(),
                    "accuracy": confusion.accuracy(), "estimate": run.estimate,
                });
                if let Some(Finetuned { validation, kept }) = run.finetuned {
                    row["finetune"] = json!({
                        "kept": kept, "before": validation.frozen, "after": validation.adapted,
                        "uncertainty": validation.uncertainty, "looks": validation.looks,
                    });
                }
                row
            })
            .collect();
        json!({
            "head": cell.name(), "shots": cell.shots, "seeds": cell.runs.len(),
            "balanced_accuracy": spread(summary.balanced_accuracy),
            "accuracy": spread(summary.accuracy),
            "estimate": summary.estimate.map(spread),
            "confidence": spread(summary.confidence),
            "calibration_error": spread(summary.calibration_error),
            "balanced_calibration_error": spread(summary.balanced_calibration_error),
            "unknown": spread(summary.unknown),
            "recall": recalls, "confusion": confusion,
            "classes": taught, "left_out_classes": left_out, "runs": runs,
        })
    }

    /// One line a cell.
    pub(super) fn table(&self) -> String {
        let set = self.set;
        let mut out = format!(
            "{} {} of {} classes, features of {} values by {}\n\n",
            set.files().len(),
            self.unit,
            set.classes().len(),
            set.dim(),
            self.model
        );
        let width = self.cells.iter().map(|(cell, _)| cell.name().len()).max().unwrap_or(0).max(10);
        let _ = writeln!(
            out,
            "{:<width$} {:>5} {:>5}  {:>17}  {:>13}  {:>13}  {:>11}  {:>7}",
            "head",
            "shots",
            "seeds",
            "balanced accuracy",
            "accuracy",
            "own estimate",
            "calibration",
            "unknown"
        );
        for (cell, summary) in &self.cells {
            let _ = write!(
                out,
                "{:<width$} {:>5} {:>5}  {:>17}  {:>13}  {:>13}  {:>11}  {:>7}",
                cell.name(),
                cell.shots,
                cell.runs.len(),
                plus_minus(summary.balanced_accuracy),
                plus_minus(summary.accuracy),
                summary.estimate.map_or_else(|| "-".to_owned(), plus_minus),
                percent(summary.calibration_error.mean),
                percent(summary.unknown.mean),
            );
            if cell.finetune {
                let _ = write!(out, "  kept in {} of {}", cell.kept(), cell.runs.len());
            }
            let (taught, not) = self.classes(cell);
            if !not.is_empty() {
                let _ = write!(out, "  {} classes, without {}", taught.len(), not.join(", "));
            }
            out.push('\n');
        }
        let _ = write!(
            out,
            "\nMeans over the seeds in %, ± their standard deviation. Own estimate: the head's balanced accuracy by\n\
             leave-one-out. Calibration: expected error of the confidence, 0 is honest. Unknown: {}\n\
             of taught classes that a device would call unknown; the other columns count their nearest class.\n",
            self.unit
        );
        out
    }

    /// The matrix of a cell, in % of each class's images; where it would be too wide, the commonest mistakes.
    pub(super) fn matrix(&self, cell: &Cell, summary: &CellSummary) -> String {
        const WIDEST: usize = 12;
        let mut out = format!("{}\n", self.title(cell, summary));
        let names = self.set.classes();
        let shown: Vec<usize> =
            (0..names.len()).filter(|&class| summary.confusion.recall(class).is_some()).collect();
        if shown.len() > WIDEST {
            out.push_str("Commonest mistakes, in % of the class's images:\n");
            for (truth, predicted, share) in mistakes(&summary.confusion).into_iter().take(12) {
                let (truth, predicted) = (shown_name(&names[truth]), shown_name(&names[predicted]));
                let _ = writeln!(out, "{:>5.1}  {truth} taken for {predicted}", share * 100.0);
            }
            return out;
        }
        let width = shown.iter().map(|&class| cut(&names[class], 20).chars().count()).max();
        let width = width.unwrap_or(0).max(5);
        let _ = write!(out, "{:<width$}", "truth");
        for &class in &shown {
            let _ = write!(out, " {:>7}", cut(&names[class], 7));
        }
        out.push_str("  <- taken for\n");
        for &truth in &shown {
            let _ = write!(out, "{:<width$}", cut(&names[truth], 20));
            let row = summary.confusion.row(truth);
            let classified: u64 = row.iter().sum();
            for &predicted in &shown {
                // A dot for never: the eye finds the mistakes.
                let share = row[predicted] as f64 / classified as f64 * 100.0;
                let text = if row[predicted] == 0 { ".".to_owned() } else { format!("{share:.1}") };
                let _ = write!(out, " {text:>7}");
            }
            out.push('\n');
        }
        out
    }

    /// What a matrix is of.
    pub(super) fn title(&self, cell: &Cell, summary: &CellSummary) -> String {
        format!(
            "{}, {} shots, {} seeds: balanced accuracy {} %",
            cell.name(),
            cell.shots,
            cell.runs.len(),
            plus_minus(summary.balanced_accuracy)
        )
    }

    /// Every prediction as CSV.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write_predictions(&self, path: &Path) -> anyhow::Result<()> {
        let place = || path.display().to_string();
        let several = self.cells.iter().any(|(cell, _)| cell.name() != self.cells[0].0.name());
        let mut csv = csv::Writer::from_path(path).with_context(place)?;
        let mut header = vec!["shots", "seed", "file", "truth", "predicted", "confidence"];
        header.extend(["novelty", "unknown"]);
        if several {
            header.push("head");
        }
        csv.write_record(&header).with_context(place)?;
        for (cell, _) in &self.cells {
            for run in &cell.runs {
                for one in &run.predictions {
                    let (shots, seed) = (cell.shots.to_string(), run.seed.to_string());
                    let confidence = format!("{:.6}", one.confidence);
                    let (files, names) = (self.set.files(), self.set.classes());
                    let (truth, predicted) = (&names[one.truth], &names[one.predicted]);
                    let mut record =
                        vec![&shots, &seed, &files[one.image], truth, predicted, &confidence];
                    let novelty = format!("{:.6}", one.novelty);
                    let unknown = if one.unknown { "yes" } else { "no" }.to_owned();
                    record.extend([&novelty, &unknown]);
                    let head = cell.name();
                    if several {
                        record.push(&head);
                    }
                    csv.write_record(record).with_context(place)?;
                }
            }
        }
        csv.flush().with_context(place)
    }
}

fn spread(spread: Spread) -> Value {
    json!({ "mean": spread.mean, "std": spread.std })
}

fn plus_minus(spread: Spread) -> String {
    format!("{:.1} ± {:.1}", spread.mean * 100.0, spread.std * 100.0)
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// (truth, predicted, share of the truth's images), the largest share first.
fn mistakes(confusion: &ConfusionMatrix) -> Vec<(usize, usize, f64)> {
    let mut all = Vec::new();
    for truth in 0..confusion.classes() {
        let row = confusion.row(truth);
        let classified: u64 = row.iter().sum();
        for (predicted, &count) in row.iter().enumerate() {
            if predicted != truth && count > 0 {
                all.push((truth, predicted, count as f64 / classified as f64));
            }
        }
    }
    all.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    all
}

/// A folder's name without what could steer a terminal.
pub(in crate::cli) fn shown_name(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// At most so many characters.
pub(in crate::cli) fn cut(name: &str, longest: usize) -> String {
    let name = shown_name(name);
    if name.chars().count() <= longest {
        return name;
    }
    name.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_listed_by_their_share_of_the_class() {
        let mut confusion = ConfusionMatrix::new(3);
        for (truth, predicted) in [(0, 0), (0, 1), (1, 2), (1, 2), (1, 1), (2, 2), (0, 2), (0, 0)] {
            confusion.add(truth, predicted);
        }
        let found: Vec<_> = mistakes(&confusion).iter().map(|&(t, p, _)| (t, p)).collect();
        assert_eq!(found, [(1, 2), (0, 1), (0, 2)]);
    }

    #[test]
    fn long_and_steering_names_are_shown_safely() {
        assert_eq!(cut("scratch", 7), "scratch");
        assert_eq!(cut("scratches", 7), "scratc…");
        assert_eq!(cut("a\u{1b}[31m", 9), "a?[31m");
    }
}
