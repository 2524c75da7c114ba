//! Where the store of each region lies: beside the device's own.

use std::path::{Path, PathBuf};

use crate::store;

/// The store of one of several regions: `learned.ftune` becomes `learned.REGION.ftune`.
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
