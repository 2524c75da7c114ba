//! Where the store of each region lies: beside the device's own; and its inbox, beside that.

use std::path::{Path, PathBuf};

use crate::board::{Board, CAMERA};
use crate::device::controller::{InboxLimits, RegionInbox};
use crate::device::runtime::DeviceLog;
use crate::learn::learner::Learner;
use crate::protocol::log::Level;
use crate::store;
use crate::store::inbox::InboxFile;
use crate::store::snapshot::ModelId;

/// The store of one of several regions, or of a head that regions share: `learned.ftune` becomes `learned.NAME.ftune`.
///
/// * `path`: the store of the device.
/// * `region`: letters, digits, `-` and `_`, as a board's regions are named.
pub fn of_region(path: &Path, region: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{region}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// A store of a device: what is learned together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardStore {
    /// The region's name, or the one under which several share it; `None`: of all of a frame.
    pub name: Option<String>,
    /// The file.
    pub path: PathBuf,
    /// The names of the regions, in their order.
    pub regions: Vec<String>,
    /// Whether it is of a sense beside the camera.
    pub is_sense: bool,
}

/// The stores of a board: one for each of its regions, one for those that share a head, by the order of their first regions;
/// then one for each of its senses.
///
/// * `path`: the store of the device; it is that of the only region.
pub fn of_board(path: &Path, board: &Board) -> Vec<BoardStore> {
    let mut stores: Vec<BoardStore> = Vec::new();
    for region in board.regions.keys() {
        let name = board.heads.get(region).unwrap_or(region);
        match stores.iter_mut().find(|store| store.name.as_ref() == Some(name)) {
            Some(store) => store.regions.push(region.clone()),
            None => stores.push(BoardStore {
                name: Some(name.clone()),
                path: of_region(path, name),
                regions: vec![region.clone()],
                is_sense: false,
            }),
        }
    }
    match &mut stores[..] {
        [] => {
            // Its name is for the senses' sake: what was taught before them goes on.
            let name = (!board.senses.is_empty()).then(|| CAMERA.to_owned());
            let regions = name.iter().cloned().collect();
            stores.push(BoardStore { name, path: path.to_owned(), regions, is_sense: false });
        }
        [only] => only.path = path.to_owned(),
        _ => {}
    }
    stores.extend(board.senses.keys().map(|sense| BoardStore {
        name: Some(sense.clone()),
        path: of_region(path, sense),
        regions: vec![sense.clone()],
        is_sense: true,
    }));
    stores
}

/// The inbox of a store, and its file, where one is wanted. One that cannot be read is no reason not to start.
///
/// * `path`: the store.
/// * `model`, `learner`: what the store was taught with, and what it holds.
pub fn inbox(
    path: &Path,
    model: &ModelId,
    limits: InboxLimits,
    learner: &Learner,
    log: &DeviceLog,
) -> (RegionInbox, Option<InboxFile>) {
    if limits.frames == 0 {
        return (RegionInbox::new(limits, Default::default(), learner), None);
    }
    let (file, mut content) = InboxFile::open(path, model.fingerprint);
    content.damage.take().into_iter().for_each(|damage| log.write(Level::Warning, &damage));
    (RegionInbox::new(limits, content, learner), Some(file))
}

/// The stores beside those in use that [`of_region`] would name, or that a device without regions would use: what was
/// taught there is not read.
///
/// * `path`: the store of the device.
/// * `used`: as they were opened.
pub fn unused(path: &Path, used: &[PathBuf]) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Written by `of_region` only: no dot stands in a region's name.
    let region_of = |file: &Path| {
        let name = file.file_name()?.to_str()?;
        let stem = path.file_stem()?.to_str()?;
        let ending = path.extension().map_or(String::new(), |e| format!(".{}", e.display()));
        let region = name.strip_prefix(stem)?.strip_suffix(&ending)?.strip_prefix('.')?;
        (!region.contains('.')).then(|| region.to_owned())
    };
    let mut others = Vec::new();
    // Where the folder cannot be listed there is no warning; what is needed of it was opened.
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let file = path.with_file_name(entry.file_name());
        let is_other = !used.contains(&file) && (file == path || region_of(&file).is_some());
        if is_other && store::is_store(&file).unwrap_or(false) {
            others.push(file);
        }
    }
    others.sort();
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_of_a_region_lies_beside_the_device_s() {
        for (path, wanted) in [
            ("/var/lib/x.y/learned.ftune", "/var/lib/x.y/learned.left-2.ftune"),
            ("store", "store.left-2"),
        ] {
            assert_eq!(of_region(Path::new(path), "left-2"), Path::new(wanted));
        }
    }
}
