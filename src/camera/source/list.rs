//! The cameras that this machine has.

use std::fs;
use std::path::{Path, PathBuf};

use crate::camera::CameraError;
#[cfg(not(feature = "v4l"))]
use crate::camera::CameraErrorKind;

/// A camera that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundCamera {
    /// What [`crate::camera::source::open`] takes.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Other addresses of the same camera, that stay when others are plugged in.
    pub also: Vec<String>,
    /// What it gives, as it lists it.
    pub modes: Vec<Mode>,
    /// Why it cannot be used, or be asked what it gives.
    pub error: Option<CameraError>,
}

/// A format and a size that a camera gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// Four-character code; [`crate::camera::PixelFormat`] knows those that can be read.
    pub format: String,
    /// Its size or sizes.
    pub size: Size,
    /// Frames a second; empty where the camera does not say.
    pub fps: Vec<f32>,
}

/// Pixels a row, rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// This one.
    Fixed((u32, u32)),
    /// All of them from `min` to `max`, in steps.
    Range {
        /// The smallest.
        min: (u32, u32),
        /// The largest.
        max: (u32, u32),
        /// From one to the next, at least 1.
        step: (u32, u32),
    },
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Size::Fixed((width, height)) => write!(f, "{width}x{height}"),
            Size::Range { min, max, step } => write!(
                f,
                "{}x{} to {}x{} in steps of {}x{}",
                min.0, min.1, max.0, max.1, step.0, step.1
            ),
        }
    }
}

/// All Video4Linux devices that give frames or could not be asked, then the Raspberry Pi's camera program.
pub fn list() -> Vec<FoundCamera> {
    let mut found: Vec<FoundCamera> = devices(Path::new("/dev")).iter().filter_map(ask).collect();
    let in_path = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
    };
    if let Some(program) = ["rpicam-vid", "libcamera-vid"].into_iter().find(|name| in_path(name)) {
        found.push(FoundCamera {
            address: "rpicam:".to_owned(),
            name: format!("{program} is installed; rpicam-hello --list-cameras lists cameras"),
            also: Vec::new(),
            modes: Vec::new(),
            error: None,
        });
    }
    found
}

/// A device's node and the links to it.
#[derive(Debug, PartialEq, Eq)]
struct Node {
    path: PathBuf,
    links: Vec<PathBuf>,
}

/// `video0`, `video1`, ... in the order of their numbers.
fn devices(dev: &Path) -> Vec<Node> {
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let number = |path: &Path| -> Option<u32> {
        path.file_name()?.to_str()?.strip_prefix("video")?.parse().ok()
    };
    let mut nodes: Vec<_> =
        entries(dev).into_iter().filter_map(|path| Some((number(&path)?, path))).collect();
    nodes.sort();
    let links: Vec<PathBuf> =
        ["v4l/by-id", "v4l/by-path"].iter().flat_map(|folder| entries(&dev.join(folder))).collect();
    let links_to = |path: &Path| {
        let same = |link: &&PathBuf| fs::canonicalize(link).ok() == fs::canonicalize(path).ok();
        links.iter().filter(same).cloned().collect()
    };
    nodes.into_iter().map(|(_, path)| Node { links: links_to(&path), path }).collect()
}

fn ask(node: &Node) -> Option<FoundCamera> {
    let address = |path: &Path| format!("v4l:{}", path.display());
    let found = FoundCamera {
        address: address(&node.path),
        name: String::new(),
        also: node.links.iter().map(|link| address(link)).collect(),
        modes: Vec::new(),
        error: None,
    };
    #[cfg(feature = "v4l")]
    return super::v4l::describe(&node.path, found);
    #[cfg(not(feature = "v4l"))]
    {
        let what = super::without_v4l(&node.path.display().to_string());
        let error = Some(CameraError::new(&found.address, CameraErrorKind::Unsupported, what));
        Some(FoundCamera { error, ..found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_listed_by_number_with_their_links() {
        let dev = tempfile::tempdir().expect("a folder");
        for name in ["video10", "video2", "video", "videox", "vbi0"] {
            fs::write(dev.path().join(name), "").expect("the folder is the test's");
        }
        let by_id = dev.path().join("v4l/by-id");
        fs::create_dir_all(&by_id).expect("the folder is the test's");
        let link = by_id.join("usb-Camera-index0");
        std::os::unix::fs::symlink("../../video10", &link).expect("the folder is the test's");
        let node = |name: &str, links| Node { path: dev.path().join(name), links };
        assert_eq!(devices(dev.path()), [node("video2", vec![]), node("video10", vec![link])]);
        assert_eq!(devices(&dev.path().join("gone")), []);
    }
}
