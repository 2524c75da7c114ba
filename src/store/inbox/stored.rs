//! How an inbox is written, apart from the live types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{InboxContent, InboxEntry, InboxReason};
use crate::image::frame::Timestamp;
use crate::store::snapshot::v2::{StoredBytes, StoredFeature};
use crate::util::checksum::crc32;

const MAGIC: &[u8; 8] = b"FTINBOX\0";
const VERSION: u16 = 1;
const HEADER: usize = 46;

/// Bytes before the content of a record.
const BEFORE: usize = 8;

/// A record; variants keep their numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum StoredRecord {
    Added(StoredEntry),
    Gone(Vec<u64>),
    Next(u64),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredEntry {
    id: u64,
    at_micros: u64,
    reason: u8,
    class: Option<String>,
    best: String,
    confidence: f32,
    runner_up: Option<(String, f32)>,
    novelty: f32,
    feature: StoredFeature,
    image: StoredBytes,
}

/// By their numbers in a file.
const REASONS: [InboxReason; 4] =
    [InboxReason::Unknown, InboxReason::Novel, InboxReason::Unsure, InboxReason::Sample];

impl StoredRecord {
    pub(super) fn added(entry: &InboxEntry) -> Self {
        let reason = REASONS.iter().position(|reason| *reason == entry.reason).unwrap_or(0);
        Self::Added(StoredEntry {
            id: entry.id,
            at_micros: entry.at.0,
            reason: reason as u8,
            class: entry.class.clone(),
            best: entry.best.clone(),
            confidence: entry.confidence,
            runner_up: entry.runner_up.clone(),
            novelty: entry.novelty,
            feature: StoredFeature(entry.feature.clone()),
            image: StoredBytes(entry.image.clone()),
        })
    }
}

impl StoredEntry {
    fn live(self) -> Result<InboxEntry, String> {
        let reason = REASONS.get(usize::from(self.reason)).copied();
        let is_finite = [self.confidence, self.novelty].iter().all(|value| !value.is_nan())
            && self.feature.0.iter().all(|value| value.is_finite());
        if !is_finite {
            return Err(format!("frame {} has values that are no numbers", self.id));
        }
        Ok(InboxEntry {
            id: self.id,
            at: Timestamp(self.at_micros),
            reason: reason.ok_or_else(|| format!("an unknown reason, {}", self.reason))?,
            class: self.class,
            best: self.best,
            confidence: self.confidence,
            runner_up: self.runner_up,
            novelty: self.novelty,
            feature: self.feature.0,
            image: self.image.0,
        })
    }
}

/// Bytes that it takes in a file, nearly.
pub(super) fn bytes_of(entry: &InboxEntry) -> u64 {
    const REST: usize = 64;
    (entry.image.len() + 2 * entry.feature.len() + entry.best.len() + REST) as u64
}

/// What a file begins with.
pub(super) fn header(fingerprint: &[u8; 32]) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), fingerprint].concat();
    bytes.extend(crc32(&bytes).to_le_bytes());
    bytes
}

/// Puts a record behind what is there.
pub(super) fn record(bytes: &mut Vec<u8>, record: &StoredRecord) {
    let content = postcard::to_allocvec(record)
        .expect("postcard writes every value of known length to a vector");
    // A record has an image of less than a MiB.
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(crc32(&content).to_le_bytes());
    bytes.extend(content);
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|four| u32::from_le_bytes(*four))
}

/// What a file holds, as far as it is whole, and what is wrong with the rest.
pub(super) fn read(bytes: &[u8], fingerprint: &[u8; 32]) -> (InboxContent, Option<String>) {
    let nothing = || InboxContent { next: 1, ..InboxContent::default() };
    if let Err(what) = check_header(bytes, fingerprint) {
        return (nothing(), Some(what));
    }
    let mut entries = BTreeMap::new();
    let mut next = 1;
    let mut at = HEADER;
    let mut damage = None;
    while at < bytes.len() {
        match one(&bytes[at..]) {
            Ok((StoredRecord::Added(entry), length)) => match entry.live() {
                Ok(entry) => {
                    next = next.max(entry.id.saturating_add(1));
                    entries.insert(entry.id, entry);
                    at += length;
                }
                Err(what) => damage = Some(format!("the inbox is damaged: {what}")),
            },
            Ok((StoredRecord::Gone(ids), length)) => {
                ids.iter().for_each(|id| drop(entries.remove(id)));
                at += length;
            }
            Ok((StoredRecord::Next(number), length)) => {
                next = next.max(number);
                at += length;
            }
            Err(what) => damage = Some(format!("the inbox is damaged at byte {at}: {what}")),
        }
        if damage.is_some() {
            break;
        }
    }
    let entries = entries.into_values().collect();
    (InboxContent { entries, next, damage: None }, damage)
}

fn check_header(bytes: &[u8], fingerprint: &[u8; 32]) -> Result<(), String> {
    let Some(head) = bytes.get(..HEADER).filter(|head| head.starts_with(MAGIC)) else {
        return Err("not an inbox of fieldtune".to_owned());
    };
    let version = u16::from_le_bytes([head[8], head[9]]);
    if version > VERSION {
        return Err(format!("the inbox is of version {version}, wanted up to {VERSION}"));
    }
    if number(&head[HEADER - 4..]) != Some(crc32(&head[..HEADER - 4])) {
        return Err("the inbox is damaged: its head".to_owned());
    }
    match head[10..42] == *fingerprint {
        true => Ok(()),
        false => Err("the inbox is of another backbone".to_owned()),
    }
}

/// The record that the bytes begin with, and its length.
fn one(bytes: &[u8]) -> Result<(StoredRecord, usize), String> {
    let cut = || "it ends within a record".to_owned();
    let length = number(bytes).ok_or_else(cut)? as usize;
    let sum = bytes.get(4..).and_then(number).ok_or_else(cut)?;
    let end = BEFORE.checked_add(length).ok_or_else(cut)?;
    let content = bytes.get(BEFORE..end).ok_or_else(cut)?;
    if crc32(content) != sum {
        return Err("a checksum does not fit".to_owned());
    }
    match postcard::take_from_bytes(content) {
        Ok((record, [])) => Ok((record, end)),
        Ok(_) => Err("a record is too long".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
