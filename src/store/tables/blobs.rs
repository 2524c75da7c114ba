//! Values that are longer than a page or about as long, cut so that they fill pages: what belongs to single examples, and
//! their images.
//!
//! A value that does not fit a page of the database gets as many pages as a power of two makes enough: one of 4,600 bytes
//! takes 8 KiB. So one that would leave more than a fifth of its pages empty is cut into pieces that fill a page each, in a
//! table of their own, and the rest lies among the other rests. One that fills its pages stays whole: a second table costs
//! a page or two with every write.

use std::collections::BTreeMap;

use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};

use super::fault;
use crate::store::StoreFault;

/// The two tables of one kind of values.
pub(super) struct Kind {
    rests: TableDefinition<'static, u64, &'static [u8]>,
    pieces: TableDefinition<'static, (u64, u16), &'static [u8]>,
}

/// What belongs to single examples.
pub(super) const CONTENTS: Kind =
    Kind { rests: TableDefinition::new("blobs"), pieces: TableDefinition::new("pieces") };

/// Their images.
pub(super) const IMAGES: Kind =
    Kind { rests: TableDefinition::new("images"), pieces: TableDefinition::new("image pieces") };

const PAGE: usize = 4096;

/// Bytes of a piece: a page less its head, a key and the place where the value ends.
const PIECE: usize = 4072;

/// Whether a value of that length leaves more than a fifth of its pages empty.
fn is_to_be_cut(bytes: usize) -> bool {
    let pages = (bytes + PAGE - PIECE).div_ceil(PAGE).next_power_of_two();
    bytes > PIECE && bytes < pages * PAGE / 5 * 4
}

/// Both tables, within a transaction.
pub(in crate::store) struct Blobs<'t> {
    rests: Table<'t, u64, &'static [u8]>,
    pieces: Table<'t, (u64, u16), &'static [u8]>,
}

impl<'t> Blobs<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction, kind: &Kind) -> Result<Self, StoreFault> {
        Ok(Self {
            rests: transaction.open_table(kind.rests).map_err(fault)?,
            pieces: transaction.open_table(kind.pieces).map_err(fault)?,
        })
    }

    pub(in crate::store) fn get(&self, number: u64) -> Result<Option<Vec<u8>>, StoreFault> {
        let Some(rest) = self.rests.get(number).map_err(fault)? else { return Ok(None) };
        let mut bytes = Vec::new();
        for piece in self.pieces.range((number, 0)..=(number, u16::MAX)).map_err(fault)? {
            let (_, piece) = piece.map_err(fault)?;
            bytes.extend_from_slice(piece.value());
        }
        bytes.extend_from_slice(rest.value());
        Ok(Some(bytes))
    }

    pub(in crate::store) fn put(&mut self, number: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        self.remove(number)?;
        let (pieces, rest) = match is_to_be_cut(bytes.len()) {
            true => bytes.as_chunks::<PIECE>(),
            false => ([].as_slice(), bytes),
        };
        for (at, piece) in (0..).zip(pieces) {
            self.pieces.insert((number, at), piece.as_slice()).map_err(fault)?;
        }
        self.rests.insert(number, rest).map_err(fault).map(drop)
    }

    /// * returns its bytes; none where it was not there.
    pub(in crate::store) fn remove(&mut self, number: u64) -> Result<u64, StoreFault> {
        let mut bytes = match self.rests.remove(number).map_err(fault)? {
            Some(rest) => rest.value().len() as u64,
            None => return Ok(0),
        };
        let mut go = |_, piece: &[u8]| {
            bytes += piece.len() as u64;
            false
        };
        let all = (number, 0)..=(number, u16::MAX);
        self.pieces.retain_in(all, &mut go).map_err(fault)?;
        Ok(bytes)
    }

    /// The bytes of each, by its number.
    pub(in crate::store) fn lengths(&self) -> Result<BTreeMap<u64, u64>, StoreFault> {
        let mut lengths = BTreeMap::new();
        for row in self.rests.iter().map_err(fault)? {
            let (number, rest) = row.map_err(fault)?;
            lengths.insert(number.value(), rest.value().len() as u64);
        }
        for row in self.pieces.iter().map_err(fault)? {
            let (key, piece) = row.map_err(fault)?;
            *lengths.entry(key.value().0).or_default() += piece.value().len() as u64;
        }
        Ok(lengths)
    }

    /// All that there are, by rising number.
    pub(in crate::store) fn numbers(&self) -> Result<Vec<u64>, StoreFault> {
        let rows = self.rests.iter().map_err(fault)?;
        rows.map(|row| row.map(|(number, _)| number.value()).map_err(fault)).collect()
    }

    /// Every piece is one of a value that is there.
    pub(in crate::store) fn check(&self) -> Result<(), StoreFault> {
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
        work(&mut Blobs::open(&transaction, &CONTENTS).expect("they are new"));
    }

    #[test]
    fn values_of_every_length_come_back_and_go_whole() {
        let lengths = [0, 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 5];
        let cut: Vec<bool> = lengths.into_iter().map(is_to_be_cut).collect();
        assert_eq!(cut, [false, false, false, true, false, true], "where pages would be empty");
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
            assert_eq!(blobs.lengths().expect("sound")[&5], 7);
            let bytes: u64 = (0..6).map(|number| blobs.remove(number).expect("sound")).sum();
            assert_eq!(bytes as usize, lengths[..5].iter().sum::<usize>() + 7);
            assert_eq!(blobs.get(3).expect("sound"), None);
            assert_eq!(blobs.pieces.len().expect("sound"), 0);
        });
    }

    #[test]
    fn long_values_of_format_3_are_read_and_replaced() {
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
            blobs.put(1, &[7; PIECE + 1]).expect("new");
            blobs.rests.remove(1).expect("it is there");
            assert!(matches!(blobs.check(), Err(StoreFault::Damaged(_))));
        });
    }
}
