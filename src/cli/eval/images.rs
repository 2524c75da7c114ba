//! A folder of class folders, to features, in one pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use crate::cli::Context;
use crate::cli::pool::{Pool, on_threads};
use crate::image::frame::Frame;
use crate::image::picture;
use crate::image::views::ViewKinds;
use crate::learn::tune::CutView;

/// An image that cannot be used, and why.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct LeftOutImage {
    /// `class/file`.
    pub(in crate::cli) file: String,
    /// What is wrong with it, without its name.
    pub(in crate::cli) error: String,
}

/// Name (`class/file`) and what was found of every image, and those that cannot be used.
type OfImages<T> = (Vec<(String, T)>, Vec<LeftOutImage>);

/// Name (`class/file`) and feature of every image that has one.
pub(in crate::cli) type Features = Vec<(String, Vec<f32>)>;

/// The image files in the class folders of `dir`, at any depth, as (`class/file` with `/` between folders, path),
/// sorted by the bytes of the names. Hidden files and folders, and files that are no images, do not count.
///
/// # Errors
/// A folder that cannot be read, fewer than two class folders with images, names that are not UTF-8.
pub(super) fn find(dir: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    find_at_least(2, dir)
}

/// As [`find`], for any number of class folders.
pub(in crate::cli) fn find_at_least(
    least: usize,
    dir: &Path,
) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let mut empty = Vec::new();
    for (name, folder) in class_folders(dir)? {
        let images = picture::in_folder(&folder)?;
        if let Some(others) = images.left_out() {
            eprintln!("left out: {others}");
        }
        if images.images.is_empty() {
            empty.push(name.clone());
        }
        for path in images.images {
            let below = path.strip_prefix(&folder).ok().and_then(|below| below.to_str());
            let Some(below) = below else { bail!("{}: {NOT_UTF_8}", path.display()) };
            found.push((format!("{name}/{below}"), path));
        }
    }
    found.sort();
    let classes: BTreeSet<&str> =
        found.iter().filter_map(|(name, _)| name.split('/').next()).collect();
    if classes.len() < least {
        let wanted = if least == 1 { "a folder" } else { "at least two folders" };
        bail!(
            "{}: wanted {wanted}, one a class, with image files in them; found {}\n  next: DIR/good/*.png and DIR/scratch/*.png make the classes good and scratch",
            dir.display(),
            classes.len()
        );
    }
    for name in empty {
        eprintln!("left out: {name}: no image in this folder");
    }
    warn_of_doubles(&found);
    Ok(found)
}

/// Says which files lie under several classes: no head can be right about both.
fn warn_of_doubles(found: &[(String, PathBuf)]) {
    let class = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let mut sizes: BTreeMap<u64, Vec<&(String, PathBuf)>> = BTreeMap::new();
    for entry in found {
        if let Ok(metadata) = entry.1.metadata() {
            sizes.entry(metadata.len()).or_default().push(entry);
        }
    }
    // Only files of one length are read.
    for same in sizes.into_values().filter(|same| same.len() > 1) {
        let mut seen: BTreeMap<Vec<u8>, &str> = BTreeMap::new();
        for (name, path) in same {
            let Ok(bytes) = picture::read(path, picture::MAX_FILE_BYTES) else { continue };
            let first = *seen.entry(Sha256::digest(&bytes).to_vec()).or_insert(name);
            if class(first) != class(name) {
                eprintln!("the same picture lies under two classes: {first} and {name}");
            }
        }
    }
}

const NOT_UTF_8: &str = "the name is not UTF-8, so no split could name it";

/// The folders in `dir` that are not hidden, in any order.
fn class_folders(dir: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let place = || dir.display().to_string();
    let mut folders = Vec::new();
    for entry in dir.read_dir().with_context(place)? {
        let path = entry.with_context(place)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        match name.map(str::to_owned) {
            None => bail!("{}: {NOT_UTF_8}", path.display()),
            Some(name) if path.is_dir() && !name.starts_with('.') => folders.push((name, path)),
            Some(_) => {}
        }
    }
    Ok(folders)
}

/// One pass of the backbone over the images. One that cannot be used is named on standard error and left out.
///
/// # Errors
/// None of the images could be used.
pub(super) fn features(
    images: &[(String, PathBuf)],
    pool: &Pool,
    context: &Context,
) -> anyhow::Result<(Features, Vec<LeftOutImage>)> {
    each(images, pool, context, |frame| pool.feature(frame))
}

/// As [`features`], with what fine-tuning learns from.
///
/// # Errors
/// As [`features`].
pub(super) fn cuts(
    images: &[(String, PathBuf)],
    pool: &Pool,
    context: &Context,
) -> anyhow::Result<OfImages<CutView>> {
    each(images, pool, context, |frame| Ok(pool.cuts(frame, &ViewKinds::of(&[]))?.remove(0)))
}

fn each<T: Send>(
    images: &[(String, PathBuf)],
    pool: &Pool,
    context: &Context,
    work: impl Fn(&Frame) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<OfImages<T>> {
    let bar = context.bar(images.len() as u64, "features");
    let results = on_threads(images.len(), pool.size(), |place| {
        let feature = pool.load_file(&images[place].1).and_then(|frame| work(&frame));
        bar.inc(1);
        feature
    });
    bar.finish_and_clear();
    let (mut features, mut left_out) = (Vec::with_capacity(images.len()), Vec::new());
    for ((name, path), feature) in images.iter().zip(results) {
        match feature {
            Ok(feature) => features.push((name.clone(), feature)),
            Err(error) => {
                // The message begins with the path; the name beside it says enough.
                let error = format!("{error:#}");
                let path = format!("{}: ", picture::shown(path));
                let error = error.strip_prefix(&path).unwrap_or(&error).to_owned();
                eprintln!("left out: {name}: {error}");
                left_out.push(LeftOutImage { file: name.clone(), error });
            }
        }
    }
    if features.is_empty() {
        bail!("none of {} images could be used", images.len());
    }
    Ok((features, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(root: &Path, name: &str) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("a writable folder");
        std::fs::write(path, b"").expect("a writable folder");
    }

    #[test]
    fn class_folders_are_walked_in_order_for_images() {
        let root = tempfile::tempdir().expect("a writable temporary folder");
        for name in [
            "b/2.png",
            "b/1.JPG",
            "b/sub/3.webp",
            "a/x.bmp",
            "a/.hidden.png",
            "a/notes.txt",
            ".git/y.png",
            "top.png",
            "empty/readme.md",
        ] {
            touch(root.path(), name);
        }
        let names: Vec<String> =
            find(root.path()).expect("two classes").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a/x.bmp", "b/1.JPG", "b/2.png", "b/sub/3.webp"]);
    }

    #[test]
    fn a_folder_without_class_folders_says_what_is_wanted() {
        let root = tempfile::tempdir().expect("a writable temporary folder");
        touch(root.path(), "a/1.png");
        touch(root.path(), "2.png");
        let error = find(root.path()).expect_err("one class").to_string();
        assert!(error.contains("found 1") && error.contains("next: "), "{error}");
        assert!(find(&root.path().join("none")).is_err());
    }
}
