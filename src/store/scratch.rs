//! Maps that memory has no room for while blocks are trained: what is beyond a limit goes to a file. It has no name any more
//! as soon as it is open, so whatever ends the program ends it too.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::f16;

use crate::learn::tune::{CutMap, CutView, KeptMaps};

/// Bytes of a value.
const BYTES: u64 = 2;

/// Where views are kept: in memory as long as there is room, then their maps in a file.
#[derive(Debug)]
pub struct ViewStorage {
    room: u64,
    folder: PathBuf,
    file: Option<Arc<ScratchFile>>,
    /// Values in the file.
    values: u64,
}

impl ViewStorage {
    /// * `room`: bytes of memory that views may take; `folder`: where the file is made when it is needed.
    pub fn new(room: u64, folder: &Path) -> Self {
        Self { room, folder: folder.to_owned(), file: None, values: 0 }
    }

    /// Takes room for these, or puts their maps aside.
    ///
    /// # Errors
    /// There is room neither in memory nor in the folder, in words.
    pub fn keep(&mut self, views: &mut [CutView]) -> Result<(), String> {
        let bytes = |view: &CutView| {
            let map = if matches!(view.map, CutMap::Here(_)) { view.map.len() } else { 0 };
            size_of_val(&view.frozen[..]) as u64 + map as u64 * BYTES
        };
        let wanted: u64 = views.iter().map(bytes).sum();
        if let Some(left) = self.room.checked_sub(wanted) {
            self.room = left;
            return Ok(());
        }
        for view in views {
            let CutMap::Here(map) = &view.map else { continue };
            let file = match &self.file {
                Some(file) => Arc::clone(file),
                None => Arc::new(ScratchFile::new(&self.folder).map_err(|e| self.full(&e))?),
            };
            file.write(self.values, map).map_err(|error| self.full(&error))?;
            let (place, len) = (self.values, map.len());
            self.values += len as u64;
            view.map = CutMap::Kept { maps: file.clone(), place, len };
            self.file = Some(file);
        }
        Ok(())
    }

    fn full(&self, error: &io::Error) -> String {
        format!(
            "not enough memory, and what has no room there cannot be put into {}: {error}",
            self.folder.display()
        )
    }
}

/// Maps that were put aside.
#[derive(Debug)]
struct ScratchFile {
    file: File,
}

impl ScratchFile {
    fn new(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!(".fieldtune-{}.scratch", std::process::id()));
        // One that a process of the same number left behind between the two steps is in nobody's use.
        let _ = std::fs::remove_file(&path);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Self { file })
    }

    /// * `place`: of the first value, in values.
    fn write(&self, place: u64, values: &[f16]) -> io::Result<()> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.file.write_all_at(&bytes, place * BYTES)
    }
}

impl KeptMaps for ScratchFile {
    fn read(&self, place: u64, values: &mut [f16]) -> Result<(), String> {
        let mut bytes = vec![0; values.len() * BYTES as usize];
        self.file.read_exact_at(&mut bytes, place * BYTES).map_err(|error| error.to_string())?;
        for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(BYTES as usize)) {
            *value = f16::from_le_bytes([bytes[0], bytes[1]]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(seed: u16) -> CutView {
        let map = (0..100).map(|at| f16::from_bits(at * 7 + seed)).collect();
        CutView { frozen: vec![f32::from(seed); 3], map: CutMap::Here(map) }
    }

    #[test]
    fn what_has_no_room_is_read_from_the_file() {
        let folder = tempfile::tempdir().expect("there is room");
        // Each is 212 bytes.
        let mut storage = ViewStorage::new(500, folder.path());
        let mut kept: Vec<CutView> = (0..5).map(view).collect();
        for (at, view) in kept.iter_mut().enumerate() {
            storage.keep(std::slice::from_mut(view)).expect("there is room");
            assert_eq!(matches!(view.map, CutMap::Kept { .. }), at >= 2, "{at}");
        }
        assert_eq!(storage.values, 300);
        for (seed, kept) in (0..).zip(&kept) {
            let CutMap::Here(wanted) = view(seed).map else { unreachable!("it was just made") };
            let mut got = vec![f16::ONE];
            kept.map.append_to(&mut got).expect("it can be read");
            assert_eq!((got[0], &got[1..]), (f16::ONE, &wanted[..]));
        }
        // Nothing of it has a name.
        assert_eq!(folder.path().read_dir().expect("it is there").count(), 0);
    }

    #[test]
    fn a_folder_that_takes_nothing_is_named() {
        let mut storage = ViewStorage::new(0, Path::new("/proc/none"));
        let error = storage.keep(&mut [view(1)]).expect_err("there is no room");
        assert!(error.contains("not enough memory") && error.contains("/proc/none"), "{error}");
    }
}
