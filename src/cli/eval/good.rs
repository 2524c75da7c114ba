//! `fieldtune eval --protocol good-parts`: one class is taught alone, all other images are what it should find.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::bank::Bank;
use super::bench::readable;
use super::images::LeftOutImage;
use super::{EvalCommand, write_json};
use crate::cli::pool::on_threads;
use crate::cli::{Context, Exit};
use crate::eval::Spread;
use crate::eval::bench::{Bench, GoodParts, Looks as _, Variant};

/// Format of the JSON; a reader refuses what it does not know.
const FORMAT: u32 = 1;

/// Passes of the backbone that are timed.
const TIMED: usize = 20;

/// A number of good images, over all seeds.
struct Cell {
    shots: usize,
    values: Vec<(&'static str, Spread)>,
}

impl EvalCommand {
    pub(super) fn good_parts(&self, context: &Context) -> anyhow::Result<Exit> {
        let dir = self.dir.as_deref().context("no folder was named")?;
        if self.good.is_none() {
            bail!("--protocol good-parts needs --good CLASS, the folder of the good parts");
        }
        let bank = Bank::of(dir, &self.model, context)?;
        let left_out = readable(&bank, context);
        let bench = self.benchmark(&bank, &left_out)?;
        let good = bench.good.context("it was named")?;
        let backbone_ms = backbone_ms(&bank, bench.images[good].first().copied())?;
        let mut cells = Vec::new();
        for &shots in &bench.shots {
            cells.extend(self.good_cell(&bank, &bench, (good, shots), context)?);
        }
        if cells.is_empty() {
            bail!(
                "too few images of {}\n  next: fewer --shots, or more images",
                bench.classes[good]
            );
        }
        if self.json.as_deref() != Some(Path::new("-")) {
            print!("{}", table(&bench, good, &cells, backbone_ms));
        }
        if let Some(path) = &self.json {
            write_json(path, &self.good_json(&bank, &bench, (&cells, backbone_ms), &left_out))?;
        }
        Ok(Exit::Done)
    }

    fn good_cell(
        &self,
        bank: &Bank,
        bench: &Bench<'_>,
        (good, shots): (usize, usize),
        context: &Context,
    ) -> anyhow::Result<Option<Cell>> {
        if bench.images[good].len() <= shots {
            let (class, has) = (&bench.classes[good], bench.images[good].len());
            eprintln!("left out: {shots} good images: {class} has {has}, wanted more than that");
            return Ok(None);
        }
        let bar = context.bar(self.seeds, "teaching and classifying");
        let mut samples: Vec<[f64; 6]> = Vec::new();
        for seed in 0..self.seeds {
            // What is timed should not wait for the backbone.
            let taught = GoodParts::to_teach(bench, good, shots, seed);
            on_threads(taught.len(), bank.pool().size(), |at| {
                bank.look(taught[at], Variant::AsIs).map(drop)
            });
            let begun = Instant::now();
            let parts = GoodParts::teach(bench, good, shots, seed)?;
            let learn_ms = begun.elapsed().as_secs_f64() * 1e3;
            let begun = Instant::now();
            let found = parts.classify()?;
            let classify_ms = begun.elapsed().as_secs_f64() * 1e3 / found.images.max(1) as f64;
            samples.push([
                found.auroc,
                found.false_alarms,
                found.caught,
                learn_ms,
                classify_ms,
                parts.bytes() as f64,
            ]);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let names = ["auroc", "false_alarms", "caught", "learn_ms", "classify_ms", "bytes"];
        let spread = |(at, name)| {
            let values: Vec<f64> = samples.iter().map(|sample| sample[at]).collect();
            Spread::of(&values).map(|spread| (name, spread))
        };
        let values = names.into_iter().enumerate().filter_map(spread).collect();
        Ok(Some(Cell { shots, values }))
    }

    fn good_json(
        &self,
        bank: &Bank,
        bench: &Bench<'_>,
        (cells, backbone_ms): (&[Cell], f64),
        left_out: &[LeftOutImage],
    ) -> Value {
        let cell = |cell: &Cell| {
            let mut value = json!({ "shots": cell.shots, "samples": self.seeds });
            for (name, spread) in &cell.values {
                value[*name] = json!({ "mean": spread.mean, "std": spread.std });
            }
            value
        };
        json!({
            "format": FORMAT, "protocol": "good-parts", "model": bank.pool().name(),
            "dim": bank.dim(), "seeds": self.seeds, "backbone_ms": backbone_ms,
            "good": bench.good.map(|good| &bench.classes[good]),
            "classes": bench.classes.iter().zip(&bench.images).map(|(class, images)| {
                json!({ "class": class, "images": images.len() })
            }).collect::<Vec<_>>(),
            "left_out": left_out.iter().map(|image| {
                json!({ "file": image.file, "error": image.error })
            }).collect::<Vec<_>>(),
            "cells": cells.iter().map(cell).collect::<Vec<_>>(),
        })
    }
}

/// Milliseconds of a pass without patches, the median.
fn backbone_ms(bank: &Bank, image: Option<usize>) -> anyhow::Result<f64> {
    let Some(image) = image else { return Ok(0.0) };
    let frame = bank.pool().load_file(&bank.files()[image].1)?;
    let mut all = Vec::with_capacity(TIMED);
    for _ in 0..TIMED {
        let begun = Instant::now();
        bank.pool().feature(&frame)?;
        all.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    all.sort_by(f64::total_cmp);
    Ok(all[TIMED / 2])
}

fn table(bench: &Bench<'_>, good: usize, cells: &[Cell], backbone_ms: f64) -> String {
    let mut out = format!(
        "good parts: {}; the backbone takes {backbone_ms:.2} ms an image\n{:>6} {:>14} {:>13} {:>13} {:>10} {:>12} {:>9}\n",
        bench.classes[good],
        "images",
        "AUROC",
        "false alarms",
        "caught",
        "learned in",
        "per image",
        "memory"
    );
    for cell in cells {
        let of =
            |wanted: &str| cell.values.iter().find(|(name, _)| *name == wanted).map(|one| one.1);
        let mean = |wanted: &str| of(wanted).map_or(f64::NAN, |spread| spread.mean);
        let percent = |wanted: &str| {
            let std = of(wanted).map_or(0.0, |spread| spread.std);
            format!("{:.1} ± {:.1} %", 100.0 * mean(wanted), 100.0 * std)
        };
        out += &format!(
            "{:>6} {:>14} {:>13} {:>13} {:>7.0} ms {:>9.2} ms {:>6.0} kB\n",
            cell.shots,
            percent("auroc"),
            percent("false_alarms"),
            percent("caught"),
            mean("learn_ms"),
            mean("classify_ms"),
            mean("bytes") / 1e3,
        );
    }
    out
}
