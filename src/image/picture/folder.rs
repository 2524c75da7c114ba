//! The images in a folder: the one way in which they are collected.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{PictureError, describe, is_picture, is_recording, shown};

/// Endings of files that show something, but cannot be read.
const OTHERS: [&str; 32] = [
    "heic", "heif", "avif", "gif", "tif", "tiff", "jxl", "jp2", "j2k", "psd", "svg", "pdf", "mp4",
    "mov", "m4v", "webm", "avi", "mkv", "y4m", "mjpeg", "mjpg", "nef", "dng", "arw", "cr2", "cr3",
    "orf", "rw2", "raf", "pef", "exr", "ico",
];

/// Endings of recordings of sound that cannot be read.
pub(super) const OTHER_RECORDINGS: [&str; 5] = ["opus", "mp3", "m4a", "aif", "aiff"];

/// What a folder has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageFiles {
    /// Files named like images that can be read, sorted by the bytes of their paths; where there is none, those named
    /// like recordings of sound.
    pub images: Vec<PathBuf>,
    /// Files named like other images, and like videos; sorted likewise.
    pub others: Vec<PathBuf>,
    folder: PathBuf,
}

/// The images in a folder and the folders in it, at any depth. What is hidden is left out, and a folder that links lead
/// to again is looked at once.
///
/// # Errors
/// [`PictureError::Io`]; [`PictureError::Content`] where there are images and recordings.
pub fn in_folder(folder: &Path) -> Result<ImageFiles, PictureError> {
    let mut found = ImageFiles { folder: folder.to_owned(), ..ImageFiles::default() };
    let (mut seen, mut recordings) = (HashSet::new(), Vec::new());
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let io = |error| PictureError::Io { name: shown(&folder), error };
        let metadata = std::fs::metadata(&folder).map_err(io)?;
        if !seen.insert((metadata.dev(), metadata.ino())) {
            continue;
        }
        let mut folders = Vec::new();
        for entry in folder.read_dir().map_err(io)? {
            let entry = entry.map_err(io)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_picture(&path) {
                // One that leads nowhere is named when it is read.
                found.images.push(path);
            } else if is_recording(&path) {
                recordings.push(path);
            } else if has_ending(&path, &OTHERS) || has_ending(&path, &OTHER_RECORDINGS) {
                found.others.push(path);
            }
        }
        // The first by name is looked at first, so that of two ways to a folder always the same one counts.
        by_bytes(&mut folders);
        waiting.extend(folders.into_iter().rev());
    }
    match (found.images.len(), recordings.len()) {
        (0, _) => found.images = recordings,
        (_, 0) => {}
        (images, recordings) => {
            let name = shown(folder);
            let what = format!(
                "this folder has image files ({images}) and recordings of sound ({recordings}), wanted one kind"
            );
            return Err(PictureError::Content { name, what });
        }
    }
    by_bytes(&mut found.images);
    by_bytes(&mut found.others);
    Ok(found)
}

fn by_bytes(paths: &mut [PathBuf]) {
    paths.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
}

pub(super) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| endings.contains(&extension.to_ascii_lowercase().as_str()))
}

impl ImageFiles {
    /// What to say where it has no image.
    pub fn nothing(&self) -> String {
        let none = "no PNG, JPEG, BMP, PPM, WebP, WAV, FLAC or Ogg file in this folder";
        match self.left_out() {
            Some(others) => format!("{}: {none}; {others}", shown(&self.folder)),
            None => format!("{}: {none}", shown(&self.folder)),
        }
    }

    /// What to say of files that show something but cannot be read, if there are any.
    pub fn left_out(&self) -> Option<String> {
        let first = self.others.first()?;
        let read = super::read_start(first).ok();
        let name = shown(first);
        let what = read.and_then(|start| describe(&start, &name));
        let what = what.unwrap_or_else(|| "this is no image that can be read".to_owned());
        Some(match self.others.len() {
            1 => format!("{name}: {what}"),
            count => format!("{count} files that cannot be read, the first: {name}: {what}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_in_one_order_without_what_is_hidden() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        for name in [
            "b/2.png",
            "b/1.JPG",
            "b/sub/3.webp",
            "b-b/4.png",
            "a.png",
            "._a.png",
            ".git/y.png",
            "x.txt",
        ] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
            std::fs::write(path, b"").expect("writable");
        }
        // A loop, a second way to the same, a way to nowhere.
        std::os::unix::fs::symlink(root, root.join("b/sub/up")).expect("writable");
        std::os::unix::fs::symlink(root.join("b"), root.join("c")).expect("writable");
        std::os::unix::fs::symlink("nowhere", root.join("gone.png")).expect("writable");
        std::fs::write(root.join("c.heic"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
            .expect("writable");
        let found = in_folder(root).expect("readable");
        let names: Vec<_> =
            found.images.iter().map(|path| path.strip_prefix(root).expect("in it")).collect();
        let wanted = ["a.png", "b-b/4.png", "b/1.JPG", "b/2.png", "b/sub/3.webp", "gone.png"];
        assert_eq!(names, wanted.map(Path::new));
        assert!(
            found.nothing().contains("this is a HEIC") && found.nothing().contains("heif-convert")
        );
        assert!(in_folder(&root.join("none")).is_err());
        assert_eq!(found.others, [root.join("c.heic")]);
        std::fs::create_dir(root.join("d")).expect("writable");
        std::fs::write(root.join("d/2.WAV"), b"").expect("writable");
        assert_eq!(in_folder(&root.join("d")).expect("readable").images, [root.join("d/2.WAV")]);
        std::fs::write(root.join("x.wav"), b"").expect("writable");
        let both = in_folder(root).expect_err("of two kinds").to_string();
        assert!(both.contains("image files (6) and recordings of sound (2), wanted one"), "{both}");
    }
}
