//! A card in memory that is full, or gone, when told so.

use std::io;
use std::sync::{Arc, Mutex};

use fieldtune::store::{Disk, MemoryDisk};

#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub enum Health {
    #[default]
    Fine,
    Full,
    Gone,
}

#[derive(Debug, Default)]
pub struct Card {
    pub memory: MemoryDisk,
    pub health: Arc<Mutex<Health>>,
}

impl Card {
    fn refuse_unless(&self, fine: impl Fn(Health) -> bool) -> io::Result<()> {
        match fine(*self.health.lock().expect("no test panics with it")) {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

impl Disk for Card {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, at: u64, to: &mut [u8]) -> io::Result<()> {
        self.refuse_unless(|health| health != Health::Gone)?;
        self.memory.read(at, to)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.refuse_unless(|health| health == Health::Fine)?;
        self.memory.write(at, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.refuse_unless(|health| health == Health::Fine)?;
        self.memory.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.refuse_unless(|health| health == Health::Fine)?;
        self.memory.sync()
    }
}
