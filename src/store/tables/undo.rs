//! The steps that can be undone. They are in the table of the state, which every change writes to: one of their own costs it a
//! page more.

use redb::ReadableTable as _;

use super::super::StoreFault;
use super::super::rows::{Counters, UndoRow, decode};
use super::{Tables, fault};

/// Keys of the steps begin with it, and end before the same with the next character.
const STEP: &str = "undo/";
const END: &str = "undo0";

impl Tables<'_> {
    /// By rising number.
    pub(in crate::store) fn undo_steps(&self) -> Result<Vec<(u64, Vec<UndoRow>)>, StoreFault> {
        let mut steps = Vec::new();
        for row in self.state.range(STEP..END).map_err(fault)? {
            let (key, bytes) = row.map_err(fault)?;
            let what = || format!("its {}", key.value());
            let number = u64::from_str_radix(&key.value()[STEP.len()..], 16);
            let number = number.map_err(|_| StoreFault::Damaged(format!("{} is none", what())))?;
            steps.push((number, decode(bytes.value(), what)?));
        }
        Ok(steps)
    }

    pub(super) fn pop_undo(&mut self) -> Result<(), StoreFault> {
        let last = self.undo_steps()?.pop();
        last.map_or(Ok(()), |(number, _)| self.remove_undo(number))
    }

    pub(super) fn push_undo(
        &mut self,
        rows: &[UndoRow],
        counters: &mut Counters,
    ) -> Result<(), StoreFault> {
        self.put_undo(counters.next_undo, rows)?;
        counters.next_undo += 1;
        Ok(())
    }

    pub(in crate::store) fn put_undo(
        &mut self,
        number: u64,
        rows: &[UndoRow],
    ) -> Result<(), StoreFault> {
        self.put(&undo_key(number), &rows)
    }

    pub(super) fn remove_undo(&mut self, number: u64) -> Result<(), StoreFault> {
        self.state.remove(undo_key(number).as_str()).map_err(fault).map(drop)
    }
}

fn undo_key(number: u64) -> String {
    format!("{STEP}{number:016x}")
}
