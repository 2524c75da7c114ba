//! `fieldtune eval --shift`: taught in one light, adapted to others.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::bank::Bank;
use super::bench::{readable, row_json, table};
use super::choices::Protocol;
use super::{EvalCommand, write_json};
use crate::cli::{Context, Exit};
use crate::eval::bench::{self, BenchRow, Looks as _, Shift, adaptation};

/// Format of the JSON; a reader refuses what it does not know.
const FORMAT: u32 = 1;

/// A shift on the command line, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShiftChoice {
    All,
    One(Shift),
}

impl FromStr for ShiftChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let found = Shift::ALL.into_iter().find(|shift| shift.name() == text);
        let names = || Shift::ALL.map(Shift::name).join(", ");
        found.map(Self::One).ok_or_else(|| format!("wanted all, or some of {}", names()))
    }
}

impl EvalCommand {
    /// What disturbs pictures says nothing of a network that hears samples.
    pub(super) fn refuse_for_samples(&self) -> anyhow::Result<()> {
        let option = match self.protocol {
            _ if !self.model.sound_window().is_kept => return Ok(()),
            _ if !self.shift.is_empty() => "--shift",
            Protocol::Bench => "--protocol bench",
            _ if self.finetune.is_some() => "--finetune",
            _ => return Ok(()),
        };
        bail!(
            "{option} wants a network that sees, {} hears samples\n  next: --protocol shots, or leave --model out",
            self.model.model
        )
    }

    pub(super) fn shifted(&self, context: &Context) -> anyhow::Result<Exit> {
        let dir = self.dir.as_deref().context("no folder was named")?;
        let shifts: Vec<Shift> = match self.shift.contains(&ShiftChoice::All) {
            true => Shift::ALL.to_vec(),
            false => {
                let of = |choice: &ShiftChoice| match choice {
                    ShiftChoice::One(shift) => Some(*shift),
                    ShiftChoice::All => None,
                };
                self.shift.iter().filter_map(of).collect()
            }
        };
        let bank = Bank::of(dir, &self.model, context)?;
        let left_out = readable(&bank, context);
        let bench = self.benchmark(&bank, &left_out)?;
        let tasks = adaptation::tasks(&bench, &shifts, &self.severities);
        let bar = context.bar(tasks.len() as u64, "adapting");
        let samples = bench::run(&tasks, bank.pool().size(), &|| bar.inc(1))?;
        bar.finish_and_clear();
        if samples.is_empty() {
            eprintln!("left out: the classes have too few images");
        }
        let rows = adaptation::rows(&samples);
        if self.json.as_deref() != Some(Path::new("-")) {
            // Single severities are in the JSON alone.
            let is_shown = |row: &BenchRow| {
                row.label("severity").is_none_or(|severity| severity.parse::<u8>().is_err())
            };
            let shown: Vec<BenchRow> = rows.iter().filter(|row| is_shown(row)).cloned().collect();
            print!("{}", table(&format!("shift: {}", adaptation::ABOUT), &shown));
        }
        if let Some(path) = &self.json {
            let rows: Vec<Value> = rows.iter().map(row_json).collect();
            let report = json!({
                "format": FORMAT, "protocol": "shift", "about": adaptation::ABOUT,
                "model": bank.pool().name(), "dim": bank.dim(), "seeds": self.seeds,
                "severities": self.severities, "rows": rows,
            });
            write_json(path, &report)?;
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_are_named_or_all() {
        assert_eq!("all".parse(), Ok(ShiftChoice::All));
        for shift in Shift::ALL {
            assert_eq!(shift.name().parse(), Ok(ShiftChoice::One(shift)));
        }
        let error = ShiftChoice::from_str("dim").expect_err("no such shift");
        assert!(error.contains("darker, brighter"), "{error}");
    }
}
