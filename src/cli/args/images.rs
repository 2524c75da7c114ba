//! Image arguments: files and folders, in an order that does not depend on the file system.

use std::path::PathBuf;

use anyhow::bail;

use crate::image::picture;

/// The image files that were named, be they there or not, and those in the folders that were named, at any depth, sorted
/// within each folder. Images in them that cannot be read are reported on stderr.
///
/// # Errors
/// A folder without an image.
pub fn expand(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = picture::in_folder(path)?;
            if found.images.is_empty() {
                bail!("{}", found.nothing());
            }
            if let Some(others) = found.left_out() {
                eprintln!("left out: {others}");
            }
            files.extend(found.images);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}
