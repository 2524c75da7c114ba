//! States that can be rolled back to: made by hand, before something is taken away, and once a day of changes; bounded in
//! number and in what they keep alive.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::GenerationRow;
use super::tables::Tables;
use super::{Generation, StoreFault};
use crate::image::frame::Timestamp;
use crate::store::snapshot::Snapshot;

/// Generations that are kept; the oldest that was made by itself goes first.
pub const MAX_GENERATIONS: usize = 32;

/// Generations that may be made by hand.
pub const MAX_NAMED: usize = 16;

/// Bytes of examples that nothing but generations may keep before the oldest made by itself goes.
pub const MAX_KEPT_BYTES: u64 = 64 << 20;

/// A change after so long makes a generation of the state before it.
const DAY_MICROS: u64 = 86_400_000_000;

/// What a daily one is called.
const DAILY: &str = "daily";

impl Tables<'_> {
    /// Makes the state a generation, where it is not one already.
    ///
    /// * `name`: what it is made before; `None` makes one only where the newest is more than a day old.
    pub(super) fn savepoint(
        &mut self,
        name: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreFault> {
        let counters = self.counters()?;
        let unsaved = counters.changes > counters.generation_changes;
        let due = at.0.saturating_sub(counters.generation_micros) >= DAY_MICROS;
        // The first day begins with the first change.
        let begun = counters.generation_micros > 0;
        match name {
            Some(name) if unsaved => self.make_generation(name, true, at)?,
            None if unsaved && begun && due => self.make_generation(DAILY, true, at)?,
            None if !begun => {
                let counters = super::rows::Counters { generation_micros: at.0, ..counters };
                return self.put_counters(&counters);
            }
            _ => return Ok(()),
        };
        self.prune()
    }

    /// Makes the state a generation that stays.
    pub(super) fn save(&mut self, name: &str, at: Timestamp) -> Result<Generation, StoreFault> {
        let named = self.generation_rows()?.iter().filter(|(_, row)| !row.automatic).count();
        if named >= MAX_NAMED {
            return Err(StoreFault::TooManyNamed);
        }
        let number = self.make_generation(name, false, at)?;
        self.prune()?;
        let rows = self.generation_rows()?;
        let row = rows.iter().find(|(known, _)| *known == number);
        row.map(|(number, row)| summary(*number, row))
            .ok_or(StoreFault::Damaged(format!("generation {number} is not in it")))
    }

    fn make_generation(
        &mut self,
        name: &str,
        automatic: bool,
        at: Timestamp,
    ) -> Result<u64, StoreFault> {
        let mut counters = self.counters()?;
        counters.next_generation += 1;
        counters.generation_changes = counters.changes;
        counters.generation_micros = at.0;
        let number = counters.next_generation;
        let (name, model, state) = (name.to_owned(), (&self.model()?).into(), self.state()?);
        self.put_generation(
            number,
            &GenerationRow { name, automatic, micros: at.0, model, state },
        )?;
        self.keep_levels(number)?;
        self.put_counters(&counters)?;
        Ok(number)
    }

    /// Drops the oldest that were made by themselves until number and bytes are within bounds.
    fn prune(&mut self) -> Result<(), StoreFault> {
        loop {
            let rows = self.generation_rows()?;
            let fits = rows.len() <= MAX_GENERATIONS && self.kept_bytes()? <= MAX_KEPT_BYTES;
            // The newest is what is being done now: without it, nothing could be rolled back to.
            let newest = rows.last().map(|(number, _)| *number);
            let oldest = rows.iter().find(|(number, row)| row.automatic && Some(*number) != newest);
            match oldest {
                Some((number, _)) if !fits => self.let_go(*number)?,
                _ => return Ok(()),
            }
        }
    }

    /// Bytes of examples that are no longer learned and still kept.
    fn kept_bytes(&self) -> Result<u64, StoreFault> {
        let current: BTreeSet<u64> =
            self.state()?.examples.iter().map(|(_, row)| row.blob).collect();
        let held = self.held()?;
        let gone = held.iter().filter(|row| !current.contains(&row.blob));
        let gone: BTreeMap<u64, u32> = gone.map(|row| (row.blob, row.bytes)).collect();
        Ok(gone.into_values().map(u64::from).sum())
    }

    fn let_go(&mut self, number: u64) -> Result<(), StoreFault> {
        let row = self.generation_row(number)?;
        self.remove_generation(number)?;
        self.drop_levels(number)?;
        self.sweep(row.state.examples.iter().map(|(_, row)| row.content()).collect())?;
        self.sweep_tails()
    }

    fn generation_row(&self, number: u64) -> Result<GenerationRow, StoreFault> {
        let mut rows = self.generation_rows()?;
        let there = rows.iter().map(|(number, _)| *number).collect();
        let found = rows.iter().position(|(known, _)| *known == number);
        found
            .map(|place| rows.swap_remove(place).1)
            .ok_or(StoreFault::NoGeneration { number, there })
    }

    pub(super) fn generations(&self) -> Result<Vec<Generation>, StoreFault> {
        Ok(self.generation_rows()?.iter().map(|(number, row)| summary(*number, row)).collect())
    }

    pub(super) fn drop_generation(&mut self, number: u64) -> Result<(), StoreFault> {
        self.let_go(number)
    }

    pub(super) fn generation(&self, number: u64) -> Result<Snapshot, StoreFault> {
        let row = self.generation_row(number)?;
        self.snapshot(row.model.into(), row.state, Vec::new())
    }

    /// Makes a generation's state the one that is learned, and the one before a generation.
    pub(super) fn roll_back(&mut self, number: u64, at: Timestamp) -> Result<Snapshot, StoreFault> {
        // Read first: a savepoint may drop it.
        let GenerationRow { model, state: row, .. } = self.generation_row(number)?;
        let levels = self.kept_levels(number)?;
        let name = format!("before rollback to {number}");
        if self.counters()?.changes > self.counters()?.generation_changes {
            self.make_generation(&name, true, at)?;
        }
        let mut counters = self.counters()?;
        self.put("model", &model)?;
        self.put_levels(levels.as_deref())?;
        let loose = self.set_state(&row, &mut counters)?;
        // It is a generation already.
        self.put_counters(&counters)?;
        self.sweep(loose)?;
        self.prune()?;
        self.snapshot(model.into(), row, Vec::new())
    }
}

fn summary(number: u64, row: &GenerationRow) -> Generation {
    Generation {
        number,
        name: row.name.clone(),
        automatic: row.automatic,
        at: Timestamp(row.micros),
        classes: row.state.classes.len(),
        examples: row.state.examples.len(),
    }
}
