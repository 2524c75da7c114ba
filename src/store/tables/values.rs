//! Values that may be longer than a page, the ends of those that were cut behind their pieces.

use std::collections::BTreeSet;

use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};

use super::fault;
use crate::store::StoreFault;

/// Two tables, within a transaction.
pub(super) struct Values<'t> {
    pub(super) rests: Table<'t, u64, &'static [u8]>,
    /// By the number of their value and the place in it.
    pub(super) pieces: Table<'t, (u64, u16), &'static [u8]>,
}

impl<'t> Values<'t> {
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        rests: TableDefinition<'static, u64, &'static [u8]>,
        pieces: TableDefinition<'static, (u64, u16), &'static [u8]>,
    ) -> Result<Self, StoreFault> {
        Ok(Self {
            rests: transaction.open_table(rests).map_err(fault)?,
            pieces: transaction.open_table(pieces).map_err(fault)?,
        })
    }
}

impl Values<'_> {
    pub(super) fn get(&self, number: u64) -> Result<Option<Vec<u8>>, StoreFault> {
        let Some(rest) = self.rests.get(number).map_err(fault)? else { return Ok(None) };
        let mut bytes = Vec::new();
        for piece in self.pieces.range((number, 0)..=(number, u16::MAX)).map_err(fault)? {
            let (_, piece) = piece.map_err(fault)?;
            bytes.extend_from_slice(piece.value());
        }
        bytes.extend_from_slice(rest.value());
        Ok(Some(bytes))
    }

    /// * returns its bytes; `None` where it was not there.
    pub(super) fn remove(&mut self, number: u64) -> Result<Option<u64>, StoreFault> {
        let Some(rest) = self.rests.remove(number).map_err(fault)? else { return Ok(None) };
        let mut bytes = rest.value().len() as u64;
        drop(rest);
        let mut go = |_, piece: &[u8]| {
            bytes += piece.len() as u64;
            false
        };
        let all = (number, 0)..=(number, u16::MAX);
        self.pieces.retain_in(all, &mut go).map_err(fault)?;
        Ok(Some(bytes))
    }

    /// Bytes of a value; `None` where it is not there.
    pub(super) fn length(&self, number: u64) -> Result<Option<u64>, StoreFault> {
        let Some(rest) = self.rests.get(number).map_err(fault)? else { return Ok(None) };
        let mut bytes = rest.value().len() as u64;
        for piece in self.pieces.range((number, 0)..=(number, u16::MAX)).map_err(fault)? {
            bytes += piece.map_err(fault)?.1.value().len() as u64;
        }
        Ok(Some(bytes))
    }

    pub(super) fn numbers(&self) -> Result<BTreeSet<u64>, StoreFault> {
        let rows = self.rests.iter().map_err(fault)?;
        rows.map(|row| row.map(|(number, _)| number.value()).map_err(fault)).collect()
    }

    /// Every piece is one of a value that is there.
    pub(super) fn check(&self) -> Result<(), StoreFault> {
        let mut last = None;
        for row in self.pieces.iter().map_err(fault)? {
            let (number, _) = row.map_err(fault)?.0.value();
            if last != Some(number) && self.rests.get(number).map_err(fault)?.is_none() {
                return Err(StoreFault::Damaged(format!("a piece of {number} belongs to nothing")));
            }
            last = Some(number);
        }
        Ok(())
    }
}
