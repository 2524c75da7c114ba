//! The newest frame as JPEG, encoded once however many look; and the pictures of frames that were classified.

use std::collections::BTreeMap;
use std::sync::Mutex as StdMutex;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Mutex;

use super::live::Live;
use crate::image::picture;
use crate::util::mutex::lock;

/// The longer side of the newest frame's picture, in pixels.
const SIDE: u32 = 640;

/// How long a browser waits for a new frame before it is told that there is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of pictures that are kept.
const KEPT: usize = 8 << 20;

/// A frame as JPEG.
#[derive(Debug, Clone)]
pub(super) struct Jpeg {
    pub(super) number: u64,
    /// Whether it is of something beside the camera.
    pub(super) is_of_sense: bool,
    /// Pixels of the frame itself.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) file: Bytes,
}

/// The pictures that were encoded last.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    newest: Mutex<Option<Jpeg>>,
    kept: StdMutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By the query that asked for it, with the turn in which it was last used.
    files: BTreeMap<String, (u64, Bytes)>,
    bytes: usize,
    turn: u64,
}

impl Pictures {
    /// A frame other than that; `None` where none came in time.
    ///
    /// * `region`, `seen`: as with [`Live::frame_after`].
    pub(super) async fn after(&self, live: &Live, region: Option<&str>, seen: u64) -> Option<Jpeg> {
        let shown = live.frame_after(region, seen, PATIENCE).await?;
        // Who comes while it is encoded waits, and takes what was encoded.
        let mut newest = self.newest.lock().await;
        if let Some(jpeg) = newest.as_ref().filter(|jpeg| jpeg.number == shown.number) {
            return Some(jpeg.clone());
        }
        let encoded = tokio::task::spawn_blocking(move || Jpeg {
            number: shown.number,
            is_of_sense: shown.is_of_sense,
            width: shown.frame.width(),
            height: shown.frame.height(),
            file: picture::thumbnail(&shown.frame, SIDE).into(),
        });
        let jpeg = encoded.await.ok()?;
        *newest = Some(jpeg.clone());
        Some(jpeg)
    }

    /// A picture that never changes, if it is kept.
    pub(super) fn kept(&self, key: &str) -> Option<Bytes> {
        let mut kept = lock(&self.kept);
        kept.turn += 1;
        let turn = kept.turn;
        let (used, file) = kept.files.get_mut(key)?;
        *used = turn;
        Some(file.clone())
    }

    pub(super) fn keep(&self, key: String, file: &Bytes) {
        let mut kept = lock(&self.kept);
        kept.turn += 1;
        let turn = kept.turn;
        kept.bytes += file.len();
        if let Some((_, before)) = kept.files.insert(key, (turn, file.clone())) {
            kept.bytes -= before.len();
        }
        while kept.bytes > KEPT {
            let oldest = kept.files.iter().min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            if let Some((_, file)) = kept.files.remove(&oldest) {
                kept.bytes -= file.len();
            }
        }
    }
}

/// What the picture of a frame or of an example is asked for by.
pub(super) fn key(region: Option<&str>, query: &str) -> String {
    format!("{}?{query}", region.unwrap_or_default())
}

/// The kind of a picture's file, as HTTP calls it.
pub(super) fn media_type(file: &[u8]) -> &'static str {
    match file {
        [0xff, 0xd8, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'R', b'I', b'F', b'F', ..] => "image/webp",
        [b'B', b'M', ..] => "image/bmp",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_pictures_have_an_end_and_the_latest_stay() {
        let pictures = Pictures::default();
        let file = Bytes::from(vec![7; KEPT / 4]);
        for number in 0..20 {
            pictures.keep(key(None, &format!("frame={number}")), &file);
            assert!(pictures.kept("?frame=0").is_some(), "it is used all the time");
        }
        assert!(pictures.kept("?frame=19").is_some() && pictures.kept("?frame=10").is_none());
        assert_eq!(lock(&pictures.kept).files.len(), 4);
    }
}
