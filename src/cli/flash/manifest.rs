//! An image file as Raspberry Pi Imager lists it (its repository format, version 4).
//!
//! It says nothing of how the system is customised (`init_format`): Imager then asks for nothing, and leaves what is set up on
//! the image as it is.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::system::{STEP, fill};
use crate::backbone::card::hex;
use crate::cli::Context;
use crate::cli::args::store::now;
use crate::util::calendar;
use crate::util::files::sibling;

/// The boards that Raspberry Pi OS of 64 bits runs on.
const DEVICES: [&str; 3] = ["pi3-64bit", "pi4-64bit", "pi5-64bit"];

/// Writes it beside the image: `NAME.img.rpi-imager-manifest`.
///
/// * `hostname`: what the device is called.
///
/// # Errors
/// The system's.
pub(super) fn write(image: &Path, hostname: &str, context: &Context) -> anyhow::Result<PathBuf> {
    let image = image.canonicalize().with_context(|| image.display().to_string())?;
    let (mut file, bytes) = (File::open(&image)?, fs::metadata(&image)?.len());
    let bar = context.bytes_bar(bytes, "taking the checksum");
    let (mut hash, mut piece) = (Sha256::new(), vec![0; STEP]);
    loop {
        let count = fill(&mut file.by_ref(), &mut piece)?;
        if count == 0 {
            break;
        }
        hash.update(&piece[..count]);
        bar.inc(count as u64);
    }
    bar.finish_and_clear();
    let today = calendar::precise(now().0);
    let manifest = json!({ "os_list": [{
        "name": format!("fieldtune ({hostname})"),
        "description": "fieldtune and its system, set up by fieldtune flash",
        "icon": "icons/cat_misc_utility_images.png",
        "url": address(&image),
        "extract_size": bytes,
        "extract_sha256": hex(&hash.finalize().into()),
        "image_download_size": bytes,
        "release_date": today.get(..10).unwrap_or_default(),
        "devices": DEVICES,
    }] });
    let path = sibling(&image, "rpi-imager-manifest");
    fs::write(&path, format!("{manifest:#}\n")).with_context(|| path.display().to_string())?;
    Ok(path)
}

/// A file as an address.
fn address(path: &Path) -> String {
    let mut address = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                address.push(char::from(*byte));
            }
            other => write!(address, "%{other:02X}").expect("a text takes all"),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_nothing_that_ends_it() {
        let path = Path::new("/home/me/line 3/ä#1?.img");
        assert_eq!(address(path), "file:///home/me/line%203/%C3%A4%231%3F.img");
    }
}
