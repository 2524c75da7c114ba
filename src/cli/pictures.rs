//! Image arguments: files and folders, in an order that does not depend on the file system.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::picture;

/// The image files that were named, be they there or not, and those directly in the folders that were named, sorted
/// within each folder.
///
/// # Errors
/// A folder without an image.
pub fn expand(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = in_folder(path)?;
            if found.is_empty() {
                bail!(
                    "{}: no PNG, JPEG, BMP, PPM or WebP file in this folder",
                    picture::shown(path)
                );
            }
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn in_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in folder.read_dir().with_context(|| picture::shown(folder))? {
        let path = entry.with_context(|| picture::shown(folder))?.path();
        if picture::is_picture(&path) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
