//! The file of an inbox: read as far as it is whole, and set aside where it is not; what was read is written and read again.

use std::fs;
use std::sync::Arc;

use fieldtune::protocol::console::harmless;
use fieldtune::store::inbox::{InboxEntry, InboxFile};

use super::{Input, assert_harmless};

/// The backbone of the file.
pub const OURS: [u8; 32] = [7; 32];

/// Bytes of a record before its content, and of the head.
const BEFORE: usize = 8;
const HEAD: usize = 46;

/// A file that is right but for the content of its records: each is two bytes of length, little-endian, and as many bytes.
fn mended(data: &[u8]) -> Vec<u8> {
    let mut file = [&b"FTINBOX\0\x01\0"[..], &OURS].concat();
    file.extend(crc32fast::hash(&file).to_le_bytes());
    let mut input = Input::new(data);
    while !input.is_empty() {
        let length = u16::from_le_bytes([input.byte(), input.byte()]);
        let content = input.bytes(length.into());
        file.extend((content.len() as u32).to_le_bytes());
        file.extend(crc32fast::hash(content).to_le_bytes());
        file.extend(content);
    }
    file
}

/// The content of the records of a file, as [`check`] takes it.
pub fn records(file: &[u8]) -> Vec<u8> {
    let (mut data, mut rest) = (Vec::new(), file.get(HEAD..).unwrap_or_default());
    while let Some(four) = rest.first_chunk::<4>() {
        let end = BEFORE + u32::from_le_bytes(*four) as usize;
        data.extend(((end - BEFORE) as u16).to_le_bytes());
        data.extend(&rest[BEFORE..end]);
        rest = &rest[end..];
    }
    data
}

/// * `data`: a file that begins as one does, or the records of one.
pub fn check(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let store = folder.path().join("store");
    let path = folder.path().join("store.inbox");
    let file = if data.starts_with(b"FTINBOX") { data.to_vec() } else { mended(data) };
    fs::write(&path, &file).expect("room for a file");
    let (mut inbox, content) = InboxFile::open(&store, OURS);
    assert!(content.entries.is_sorted_by(|a, b| a.id < b.id), "ids are used once");
    assert!(content.entries.iter().all(|entry| entry.id < content.next || entry.id == u64::MAX));
    match &content.damage {
        Some(what) => {
            assert_harmless(&harmless(what));
            let aside = fs::read(folder.path().join("store.inbox.damaged"));
            assert!(aside.expect("it was set aside") == file, "what was set aside was changed");
        }
        None => assert!(fs::read(&path).expect("it stays") == file, "it was changed by reading"),
    }
    let entries: Vec<Arc<InboxEntry>> = content.entries.into_iter().map(Arc::new).collect();
    let fewer: Vec<Arc<InboxEntry>> = entries.iter().skip(1).cloned().collect();
    for wanted in [entries, fewer] {
        inbox.write(&wanted, content.next).expect("room for a file");
        let (_, again) = InboxFile::open(&store, OURS);
        assert!(again.damage.is_none() || wanted.is_empty(), "{:?}", again.damage);
        assert!(again.entries.iter().eq(wanted.iter().map(|entry| &**entry)), "other frames");
    }
}
