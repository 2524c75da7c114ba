//! What belongs to single examples, and their images, as formats 2 to 6 had them: four tables, which are read for ever.
//! Nothing is added to them; what is there stays until it goes.

use std::collections::BTreeSet;

use redb::{TableDefinition, WriteTransaction};

use super::values::Values;
use crate::store::StoreFault;

pub(super) const EXAMPLES: TableDefinition<u64, &[u8]> = TableDefinition::new("blobs");
const EXAMPLE_PIECES: TableDefinition<(u64, u16), &[u8]> = TableDefinition::new("pieces");
const IMAGES: TableDefinition<u64, &[u8]> = TableDefinition::new("images");
const IMAGE_PIECES: TableDefinition<(u64, u16), &[u8]> = TableDefinition::new("image pieces");

/// What a value is of. No two values have one number, but in a file of an earlier format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Of {
    Example,
    Image,
}

/// All four, within a transaction.
pub(super) struct Earlier<'t> {
    examples: Values<'t>,
    images: Values<'t>,
}

impl<'t> Earlier<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreFault> {
        Ok(Self {
            examples: Values::open(transaction, EXAMPLES, EXAMPLE_PIECES)?,
            images: Values::open(transaction, IMAGES, IMAGE_PIECES)?,
        })
    }

    fn values(&self, of: Of) -> &Values<'t> {
        match of {
            Of::Example => &self.examples,
            Of::Image => &self.images,
        }
    }

    pub(super) fn get(&self, of: Of, number: u64) -> Result<Option<Vec<u8>>, StoreFault> {
        self.values(of).get(number)
    }

    /// Bytes of a value; `None` where it is not there.
    pub(super) fn length(&self, of: Of, number: u64) -> Result<Option<u64>, StoreFault> {
        self.values(of).length(number)
    }

    /// * returns its bytes; none where it was not there.
    pub(super) fn remove(&mut self, of: Of, number: u64) -> Result<u64, StoreFault> {
        let values = match of {
            Of::Example => &mut self.examples,
            Of::Image => &mut self.images,
        };
        Ok(values.remove(number)?.unwrap_or(0))
    }

    pub(super) fn numbers(&self, of: Of) -> Result<BTreeSet<u64>, StoreFault> {
        self.values(of).numbers()
    }

    /// Every piece is one of a value that is there.
    pub(super) fn check(&self) -> Result<(), StoreFault> {
        self.examples.check()?;
        self.images.check()
    }
}

#[cfg(test)]
mod tests {
    use redb::Database;

    use super::*;

    #[test]
    fn values_whole_and_cut_are_read_and_go() {
        let backend = redb::backends::InMemoryBackend::new();
        let database = Database::builder().create_with_backend(backend).expect("there is memory");
        let transaction = database.begin_write().expect("nobody else writes");
        let mut earlier = Earlier::open(&transaction).expect("they are new");
        let whole = vec![3; 12_000];
        earlier.examples.rests.insert(1, whole.as_slice()).expect("new");
        earlier.examples.rests.insert(2, [2].as_slice()).expect("new");
        for (at, piece) in [[0; 4072], [1; 4072]].iter().enumerate() {
            earlier.examples.pieces.insert((2, at as u16), piece.as_slice()).expect("new");
        }
        earlier.images.rests.insert(1, [9].as_slice()).expect("new");
        let cut = [vec![0; 4072], vec![1; 4072], vec![2]].concat();
        assert_eq!(earlier.get(Of::Example, 1).expect("sound"), Some(whole));
        assert_eq!(earlier.get(Of::Example, 2).expect("sound"), Some(cut));
        assert_eq!(earlier.get(Of::Image, 1).expect("sound"), Some(vec![9]));
        assert_eq!(earlier.numbers(Of::Example).expect("sound"), BTreeSet::from([1, 2]));
        earlier.check().expect("sound");
        assert_eq!(earlier.remove(Of::Example, 2).expect("sound"), 8145);
        assert_eq!(earlier.remove(Of::Example, 2).expect("sound"), 0);
        assert_eq!(earlier.get(Of::Example, 2).expect("sound"), None);
        earlier.check().expect("its pieces went with it");
        earlier.images.pieces.insert((5, 0), [0].as_slice()).expect("new");
        assert!(matches!(earlier.check(), Err(StoreFault::Damaged(_))));
    }
}
