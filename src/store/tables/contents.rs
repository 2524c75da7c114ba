//! What belongs to single examples, and their images, in the same two tables: each table that a transaction writes to costs
//! it a page or two more.
//!
//! A value that does not fit a page of the database gets as many pages as a power of two makes enough: one of 4,600 bytes
//! takes 8 KiB. So what would leave more than a fifth of its pages empty is cut into pieces that fill theirs, the longest
//! first, and the rest lies among other rests.

use std::collections::BTreeSet;

use redb::{TableDefinition, TableHandle as _, WriteTransaction};

use super::earlier::{self, Earlier, Of};
use super::fault;
use super::values::Values;
use crate::store::StoreFault;

const RESTS: TableDefinition<u64, &[u8]> = TableDefinition::new("contents");
const PIECES: TableDefinition<(u64, u16), &[u8]> = TableDefinition::new("content pieces");

const PAGE: usize = 4096;

/// Bytes of a page that a value alone in it does not have: the page's head, the key and the place where the value ends.
const HEAD: usize = 24;

/// The tables, within a transaction.
pub(in crate::store) struct Contents<'t> {
    values: Values<'t>,
    /// The tables of earlier formats, where the file has them.
    earlier: Option<Earlier<'t>>,
}

/// The lengths of the pieces that a value of so many bytes is cut into; what is left is its rest.
fn pieces(mut bytes: usize) -> Vec<usize> {
    let mut pieces = Vec::new();
    while bytes + HEAD > PAGE {
        let pages = (bytes + HEAD).div_ceil(PAGE).next_power_of_two();
        let piece = if bytes < pages * PAGE / 5 * 4 { pages / 2 * PAGE - HEAD } else { bytes };
        pieces.push(piece);
        bytes -= piece;
    }
    pieces
}

impl<'t> Contents<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreFault> {
        let is_earlier = transaction
            .list_tables()
            .map_err(fault)?
            .any(|table| table.name() == earlier::EXAMPLES.name());
        Ok(Self {
            values: Values::open(transaction, RESTS, PIECES)?,
            earlier: is_earlier.then(|| Earlier::open(transaction)).transpose()?,
        })
    }

    pub(in crate::store) fn get(&self, of: Of, number: u64) -> Result<Option<Vec<u8>>, StoreFault> {
        match (self.values.get(number)?, &self.earlier) {
            (None, Some(earlier)) => earlier.get(of, number),
            (found, _) => Ok(found),
        }
    }

    /// Bytes of a value; `None` where it is not there.
    pub(in crate::store) fn length(&self, of: Of, number: u64) -> Result<Option<u64>, StoreFault> {
        match (self.values.length(number)?, &self.earlier) {
            (None, Some(earlier)) => earlier.length(of, number),
            (found, _) => Ok(found),
        }
    }

    /// Puts a value in place of what has its number.
    pub(in crate::store) fn put(
        &mut self,
        of: Of,
        number: u64,
        mut bytes: &[u8],
    ) -> Result<(), StoreFault> {
        self.remove(of, number)?;
        for (at, length) in (0..).zip(pieces(bytes.len())) {
            let (piece, rest) = bytes.split_at(length);
            self.values.pieces.insert((number, at), piece).map_err(fault)?;
            bytes = rest;
        }
        self.values.rests.insert(number, bytes).map_err(fault).map(drop)
    }

    /// * returns its bytes; none where it was not there.
    pub(in crate::store) fn remove(&mut self, of: Of, number: u64) -> Result<u64, StoreFault> {
        match (self.values.remove(number)?, &mut self.earlier) {
            (None, Some(earlier)) => earlier.remove(of, number),
            (bytes, _) => Ok(bytes.unwrap_or(0)),
        }
    }

    /// Every value is one of these, and every one of the examples' is there.
    ///
    /// * returns how many examples lack theirs, and how many values belong to nothing.
    pub(in crate::store) fn compare(
        &self,
        examples: &BTreeSet<u64>,
        images: &BTreeSet<u64>,
    ) -> Result<(usize, usize), StoreFault> {
        self.values.check()?;
        let mut there = self.values.numbers()?;
        let idle =
            there.iter().filter(|number| !examples.contains(number) && !images.contains(number));
        let mut idle = idle.count();
        if let Some(earlier) = &self.earlier {
            earlier.check()?;
            let of_examples = earlier.numbers(Of::Example)?;
            idle += of_examples.difference(examples).count();
            idle += earlier.numbers(Of::Image)?.difference(images).count();
            there.extend(of_examples);
        }
        Ok((examples.difference(&there).count(), idle))
    }

    /// The numbers of what is of examples, in a file of an earlier format.
    pub(in crate::store) fn earlier_examples(&self) -> Result<BTreeSet<u64>, StoreFault> {
        self.earlier.as_ref().map_or_else(|| Ok(BTreeSet::new()), |one| one.numbers(Of::Example))
    }
}

#[cfg(test)]
mod tests {
    use redb::{Database, ReadableTableMetadata as _};

    use super::*;

    #[test]
    fn pieces_fill_their_pages() {
        let one = PAGE - HEAD;
        for (bytes, wanted) in [
            (0, vec![]),
            (one, vec![]),
            (one + 1, vec![one]),
            (6000, vec![one]),
            (2 * PAGE - HEAD, vec![2 * PAGE - HEAD]),
            (7000, vec![7000]),
            (16_039, vec![16_039]),
            (17_479, vec![4 * PAGE - HEAD]),
            (28_600, vec![28_600]),
            (40_000, vec![8 * PAGE - HEAD, 40_000 - 8 * PAGE + HEAD]),
            (100_000_000, vec![(64 << 20) - HEAD, 100_000_000 + HEAD - (64 << 20)]),
        ] {
            assert_eq!(pieces(bytes), wanted, "{bytes}");
        }
    }

    #[test]
    fn values_of_every_length_come_back_and_go_whole() {
        let backend = redb::backends::InMemoryBackend::new();
        let database = Database::builder().create_with_backend(backend).expect("there is memory");
        let transaction = database.begin_write().expect("nobody else writes");
        let mut contents = Contents::open(&transaction).expect("it is new");
        let value = |len: usize| (0..len).map(|at| (at % 251) as u8).collect::<Vec<u8>>();
        let lengths = [0, 1, 4072, 4073, 8144, 12_221, 17_479];
        let kind = |number: u64| if number.is_multiple_of(2) { Of::Example } else { Of::Image };
        for (number, len) in (0..).zip(lengths) {
            contents.put(kind(number), number, &value(len)).expect("new");
        }
        for (number, len) in (0..).zip(lengths) {
            let got = contents.get(kind(number), number).expect("sound");
            assert_eq!(got, Some(value(len)), "{len}");
            assert_eq!(contents.length(kind(number), number).expect("sound"), Some(len as u64));
        }
        // In place of one with pieces.
        contents.put(Of::Example, 6, &value(7)).expect("there is room");
        assert_eq!(contents.get(Of::Example, 6).expect("sound"), Some(value(7)));
        let (examples, images) = (BTreeSet::from([0, 2, 4, 6]), BTreeSet::from([1, 3, 5]));
        assert_eq!(contents.compare(&examples, &images).expect("sound"), (0, 0));
        let more = BTreeSet::from([0, 2, 4, 6, 8, 10]);
        assert_eq!(contents.compare(&more, &BTreeSet::from([1])).expect("sound"), (2, 2));
        let bytes: u64 =
            (0..7).map(|number| contents.remove(kind(number), number).expect("sound")).sum();
        assert_eq!(bytes as usize, lengths[..6].iter().sum::<usize>() + 7);
        assert_eq!(contents.get(Of::Image, 3).expect("sound"), None);
        assert_eq!(
            contents.values.rests.len().expect("sound")
                + contents.values.pieces.len().expect("sound"),
            0
        );
    }
}
