//! What belongs to single examples, cut so that it fills pages.
//!
//! A value that does not fit a page of the database gets as many pages as a power of two makes enough: one of 4,600 bytes
//! takes 8 KiB. So a longer one is cut into pieces that fill a page each, in a table of their own, and the rest lies
//! among the other rests.

use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};

use super::fault;
use crate::store::StoreFault;

const RESTS: TableDefinition<u64, &[u8]> = TableDefinition::new("blobs");
const PIECES: TableDefinition<(u64, u16), &[u8]> = TableDefinition::new("pieces");

/// Bytes of a piece: a page of 4 KiB less its head, a key and the place where the value ends.
const PIECE: usize = 4072;

/// Both tables, within a transaction.
pub(super) struct Blobs<'t> {
    rests: Table<'t, u64, &'static [u8]>,
    pieces: Table<'t, (u64, u16), &'static [u8]>,
}

impl<'t> Blobs<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreFault> {
        Ok(Self {
            rests: transaction.open_table(RESTS).map_err(fault)?,
            pieces: transaction.open_table(PIECES).map_err(fault)?,
        })
    }

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

    pub(super) fn put(&mut self, number: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        self.remove(number)?;
        let (pieces, rest) = match bytes.len() > PIECE {
            true => bytes.as_chunks::<PIECE>(),
            false => ([].as_slice(), bytes),
        };
        for (at, piece) in (0..).zip(pieces) {
            self.pieces.insert((number, at), piece.as_slice()).map_err(fault)?;
        }
        self.rests.insert(number, rest).map_err(fault).map(drop)
    }

    pub(super) fn remove(&mut self, number: u64) -> Result<(), StoreFault> {
        if self.rests.remove(number).map_err(fault)?.is_none() {
            return Ok(());
        }
        let all = (number, 0)..=(number, u16::MAX);
        self.pieces.retain_in(all, |_, _| false).map_err(fault)
    }

    /// All that there are, by rising number.
    pub(super) fn numbers(&self) -> Result<Vec<u64>, StoreFault> {
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

#[cfg(test)]
mod tests {
    use redb::{Database, ReadableTableMetadata as _};

    use super::*;

    fn with_tables(work: impl FnOnce(&mut Blobs<'_>)) {
        let backend = redb::backends::InMemoryBackend::new();
        let database = Database::builder().create_with_backend(backend).expect("there is memory");
        let transaction = database.begin_write().expect("nobody else writes");
        work(&mut Blobs::open(&transaction).expect("they are new"));
    }

    #[test]
    fn values_of_every_length_come_back_and_go_whole() {
        let lengths = [0, 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 5];
        let value = |len: usize| (0..len).map(|at| (at % 251) as u8).collect::<Vec<u8>>();
        with_tables(|blobs| {
            for (number, len) in (0..).zip(lengths) {
                blobs.put(number, &value(len)).expect("new");
            }
            for (number, len) in (0..).zip(lengths) {
                assert_eq!(blobs.get(number).expect("sound"), Some(value(len)), "{len}");
            }
            assert_eq!(blobs.numbers().expect("sound"), [0, 1, 2, 3, 4, 5]);
            // In place of one with pieces.
            blobs.put(5, &value(7)).expect("there is room");
            assert_eq!(blobs.get(5).expect("sound"), Some(value(7)));
            blobs.check().expect("sound");
            (0..6).for_each(|number| blobs.remove(number).expect("sound"));
            assert_eq!(blobs.get(3).expect("sound"), None);
            assert_eq!(blobs.pieces.len().expect("sound"), 0);
        });
    }

    #[test]
    fn a_long_value_of_format_3_is_read_replaced_and_removed() {
        with_tables(|blobs| {
            let uncut = vec![3; 3 * PIECE];
            blobs.rests.insert(1, uncut.as_slice()).expect("new");
            assert_eq!(blobs.get(1).expect("sound"), Some(uncut));
            blobs.put(1, &[4; PIECE + 1]).expect("there is room");
            assert_eq!(blobs.get(1).expect("sound"), Some(vec![4; PIECE + 1]));
            blobs.remove(1).expect("sound");
            assert_eq!(blobs.get(1).expect("sound"), None);
        });
    }

    #[test]
    fn a_piece_of_nothing_is_damage() {
        with_tables(|blobs| {
            blobs.put(1, &[7; 2 * PIECE]).expect("new");
            blobs.rests.remove(1).expect("it is there");
            assert!(matches!(blobs.check(), Err(StoreFault::Damaged(_))));
        });
    }
}
