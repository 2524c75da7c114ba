//! Image arguments: files and folders, in an order that does not depend on the file system.

use std::path::PathBuf;

use anyhow::bail;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::image::picture;
use crate::sound::{self, SoundWindow};

/// A path as it was typed, or a line of text: also an empty one, which is refused in the words of what it should be.
pub fn or_text() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// The image files that were named, be they there or not, and those in the folders that were named, at any depth, sorted
/// within each folder. Images in them that cannot be read are reported on stderr. Of a recording of sound its windows; one that
/// cannot be read stays as it is, to be reported with what cannot be used.
///
/// # Errors
/// A folder without an image; an empty name.
pub fn expand(paths: &[PathBuf], window: &SoundWindow) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named(paths)? {
        files.extend(sound::windows(&path, window).unwrap_or_else(|_| vec![path]));
    }
    Ok(files)
}

/// As [`expand`], of recordings the windows that are to be learned from.
///
/// * `skip_broken`: a recording that cannot be read stays as it is, to be reported with what cannot be used.
///
/// # Errors
/// As [`expand`]; a recording that cannot be read.
pub fn expand_to_teach(
    paths: &[PathBuf],
    window: &SoundWindow,
    skip_broken: bool,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named(paths)? {
        match sound::loud_windows(&path, window) {
            Ok(windows) => files.extend(windows),
            Err(_) if skip_broken => files.push(path),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(files)
}

/// The files that were named, and those in the folders that were; recordings whole.
///
/// # Errors
/// As [`expand`].
pub fn named(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str().is_empty() {
            bail!("\"\": an empty name, wanted an image file or a folder of them");
        }
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
