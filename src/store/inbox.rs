//! The inbox as a file beside the store: frames that wait for a person, kept over a restart.
//!
//! Frames are added at its end and taken out by a record that names them, so that a card is written no more than it has
//! to be; once half of the file is of frames that are gone, it is written anew. What a power cut leaves is read as far as
//! it is whole, and the file is set aside: it holds nothing that was acknowledged but that frames were taken out.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `FTINBOX\0` |
//! | 2 | version, little-endian |
//! | 32 | fingerprint of the backbone that the features are of |
//! | 4 | CRC-32 (IEEE) of everything before, little-endian |
//!
//! Then records: length (4 bytes, little-endian), CRC-32 of the content (4), the content, postcard of `StoredRecord`.

mod stored;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::paths::is_database;
use crate::image::frame::Timestamp;
use crate::learn::examples::StoredFeature;
use crate::util::bounded;
use crate::util::files::{self, sibling};
use stored::{StoredRecord, header, read, record};

/// Bytes of the longest file that is read: twice the largest inbox, and some.
const MAX_FILE: u64 = 160 << 20;

/// Bytes of frames that are gone before a file is written anew, however few it holds.
const SLACK: u64 = 1 << 20;

/// Ids that a file sets aside ahead of time: what was shown and not yet written has one of them, and after a power cut
/// no other frame gets it.
const RESERVED: u64 = 64;

/// Why a frame is in the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxReason {
    /// No class was predicted with enough confidence.
    Unknown,
    /// It is unlike everything that was taught.
    Novel,
    /// A class was predicted with little confidence.
    Unsure,
    /// It is one of every so many rejects.
    Sample,
}

impl InboxReason {
    /// Its name in answers and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Novel => "novel",
            Self::Unsure => "unsure",
            Self::Sample => "sample",
        }
    }
}

/// A frame that waits for a person, with what was predicted when it was classified.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxEntry {
    /// Rises, never used twice.
    pub id: u64,
    /// When it was classified.
    pub at: Timestamp,
    /// Why it is kept.
    pub reason: InboxReason,
    /// The class, or unknown.
    pub class: Option<String>,
    /// The class with the highest score.
    pub best: String,
    /// Probability of `best`, 0 to 1.
    pub confidence: f32,
    /// The class in second place and its probability.
    pub runner_up: Option<(String, f32)>,
    /// Above 1 it lies farther from every example than examples of one class do.
    pub novelty: f32,
    /// `[dim]`
    pub feature: StoredFeature,
    /// A JPEG of what was looked at.
    pub image: Vec<u8>,
}

/// What an inbox file held.
#[derive(Debug, Default)]
pub struct InboxContent {
    /// By rising id.
    pub entries: Vec<InboxEntry>,
    /// The smallest id that was never used.
    pub next: u64,
    /// Why not all of it could be read, for people; the file was set aside then.
    pub damage: Option<String>,
}

/// The file of an inbox.
#[derive(Debug)]
pub struct InboxFile {
    path: PathBuf,
    fingerprint: [u8; 32],
    /// `None` where the file has to be written anew.
    file: Option<File>,
    /// What stands in it is of another backbone.
    is_stale: bool,
    /// What stands in it.
    ids: BTreeSet<u64>,
    bytes: u64,
    /// Smaller ids are not given again after a start.
    reserved: u64,
}

impl InboxFile {
    /// The inbox beside a store, and what it holds. Whatever the file is like, this gives an inbox: what cannot be read of
    /// it is said, and the file is set aside under another name.
    ///
    /// * `fingerprint`: of the backbone; features of another one mean nothing.
    pub fn open(store: &Path, fingerprint: [u8; 32]) -> (Self, InboxContent) {
        let beside = sibling(store, "inbox");
        // The store of a region may be called so.
        let path = match is_database(&beside) {
            Ok(true) => sibling(store, "inbox.frames"),
            _ => beside,
        };
        let empty = Self {
            path,
            fingerprint,
            file: None,
            is_stale: false,
            ids: BTreeSet::new(),
            bytes: 0,
            reserved: 0,
        };
        let bytes = match bounded::read(&empty.path, MAX_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return (empty, InboxContent { next: 1, ..InboxContent::default() });
            }
            Err(error) => {
                let content = InboxContent { next: 1, ..InboxContent::default() };
                return empty.set_aside(content, &error.to_string());
            }
        };
        let (content, damage) = read(&bytes, &fingerprint);
        if let Some(what) = damage {
            return empty.set_aside(content, &what);
        }
        let file = File::options().append(true).open(&empty.path).ok();
        let ids = content.entries.iter().map(|entry| entry.id).collect();
        let (bytes, reserved) = (bytes.len() as u64, content.next);
        (Self { file, ids, bytes, reserved, ..empty }, content)
    }

    /// What was read of a file is written anew with the next change; the file itself stays for who wants to look at it.
    fn set_aside(self, content: InboxContent, what: &str) -> (Self, InboxContent) {
        let other = sibling(&self.path, "damaged");
        let place = match fs::rename(&self.path, &other) {
            Ok(()) => format!("it was set aside as {}", other.display()),
            Err(error) => format!("it could not be set aside: {error}"),
        };
        let path = self.path.display();
        let count = content.entries.len();
        let damage = format!("{path}: {what}; {count} of its frames were read, {place}");
        (self, InboxContent { damage: Some(damage), ..content })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The features are of that backbone from now on; where that is another one, the next write is of all entries.
    pub fn set_backbone(&mut self, fingerprint: [u8; 32]) {
        if fingerprint != self.fingerprint {
            (self.fingerprint, self.file, self.is_stale) = (fingerprint, None, true);
        }
    }

    /// Makes the file hold these entries, lasting once this returns; where it holds them already, nothing is written.
    ///
    /// * `next`: the smallest id that was never used.
    /// * returns the bytes that were written.
    ///
    /// # Errors
    /// The system's; then the file is written anew the next time.
    pub fn write(&mut self, entries: &[Arc<InboxEntry>], next: u64) -> io::Result<u64> {
        let wanted: BTreeSet<u64> = entries.iter().map(|entry| entry.id).collect();
        if wanted == self.ids && !(self.is_stale && self.path.exists()) {
            return Ok(0);
        }
        let gone: Vec<u64> = self.ids.difference(&wanted).copied().collect();
        let new = entries.iter().filter(|entry| !self.ids.contains(&entry.id));
        let mut records = Vec::new();
        new.for_each(|entry| record(&mut records, &StoredRecord::added(entry)));
        if !gone.is_empty() {
            record(&mut records, &StoredRecord::Gone(gone));
        }
        let reserved = if next > self.reserved { next + RESERVED } else { self.reserved };
        if reserved > self.reserved {
            record(&mut records, &StoredRecord::Next(reserved));
        }
        let live: u64 = entries.iter().map(|entry| stored::bytes_of(entry)).sum();
        let is_due = self.bytes + records.len() as u64 > 2 * live + SLACK;
        let written = match self.file.take().filter(|_| !is_due) {
            Some(file) => self.append(file, &records),
            None => self.write_anew(entries, reserved),
        }?;
        (self.ids, self.reserved, self.is_stale) = (wanted, reserved, false);
        Ok(written)
    }

    fn append(&mut self, mut file: File, records: &[u8]) -> io::Result<u64> {
        // Somebody moved or deleted it: what is added there is not found again.
        if !self.path.exists() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the file is gone"));
        }
        file.write_all(records)?;
        file.sync_data()?;
        self.file = Some(file);
        self.bytes += records.len() as u64;
        Ok(records.len() as u64)
    }

    fn write_anew(&mut self, entries: &[Arc<InboxEntry>], reserved: u64) -> io::Result<u64> {
        let mut bytes = header(&self.fingerprint);
        record(&mut bytes, &StoredRecord::Next(reserved));
        for entry in entries {
            record(&mut bytes, &StoredRecord::added(entry));
        }
        files::replace(&self.path, &bytes, None)?;
        self.file = Some(File::options().append(true).open(&self.path)?);
        self.bytes = bytes.len() as u64;
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests;
