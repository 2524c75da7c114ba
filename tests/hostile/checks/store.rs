//! A store's file: opened and read, or refused and left as it was.

use std::fs;
use std::path::Path;

use fieldtune::protocol::console::harmless;
use fieldtune::store::snapshot::Snapshot;
use fieldtune::store::{FileStore, Store as _, StoreError};

use super::{assert_harmless, pack};

/// What a store's file holds: the one place that knows which store there is.
///
/// # Errors
/// [`StoreError`]; then the file is as it was.
fn load(path: &Path) -> Result<Option<Snapshot>, StoreError> {
    FileStore::open(path)?.load()
}

/// * `data`: the file; where it is a pack, its checksum is mended.
pub fn check(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = folder.path().join("store");
    let bytes = if data.starts_with(b"FTLEARN") { pack::mended(data) } else { data.to_vec() };
    fs::write(&path, &bytes).expect("room for a file");
    match load(&path) {
        Ok(Some(snapshot)) => pack::accepted(snapshot),
        Ok(None) => {}
        Err(error) => {
            assert_harmless(&harmless(&error.to_string()));
            let after = fs::read(&path).expect("the file is still there");
            assert!(after == bytes, "a store that was refused was changed");
        }
    }
}
