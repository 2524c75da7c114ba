//! Other sources of frames beside the camera, each with what it learns, as text.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::camera::{self, RawCamera, RawControl, RawLost, safe, two_seconds};
use super::checks::word;
use super::{Board, CameraSettings};
use crate::camera::source;
use crate::image::frame::FrameKind;
use crate::util::text::is_unsafe;

/// The name of the camera, where the board has other senses and names no regions.
pub const CAMERA: &str = "camera";

/// A source of frames beside the camera: a microphone, lines of text, another camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Sense {
    /// What it is opened with. `threads` is the camera's.
    pub camera: CameraSettings,
    /// Its backbone, as `--model` takes it; `None`: the built-in one, or counted words for lines.
    pub backbone: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSense {
    address: String,
    backbone: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f32>,
    format: Option<String>,
    #[serde(default)]
    controls: BTreeMap<String, RawControl>,
    level_dbfs: Option<f32>,
    #[serde(default = "two_seconds")]
    settle_ms: u32,
    #[serde(default = "two_seconds")]
    timeout_ms: u32,
    #[serde(default = "safe")]
    lost: RawLost,
}

pub(super) fn check(raw: BTreeMap<String, RawSense>) -> Result<BTreeMap<String, Sense>, String> {
    raw.into_iter().map(|(name, raw)| Ok((name.clone(), sense(&name, raw)?))).collect()
}

fn sense(name: &str, raw: RawSense) -> Result<Sense, String> {
    word("senses", name)?;
    let table = format!("senses.{name}");
    if let Some(backbone) = raw.backbone.as_ref().filter(|name| name.contains(is_unsafe)) {
        let backbone = backbone.escape_debug();
        return Err(format!("{table}.backbone: \"{backbone}\" is not one line that can be read"));
    }
    // A window of sound every quarter of a second; what a webcam can always do.
    let usual = if source::kind_of(&raw.address) == FrameKind::Sound { 4.0 } else { 10.0 };
    let camera = RawCamera {
        address: raw.address,
        width: raw.width.unwrap_or(640),
        height: raw.height.unwrap_or(480),
        fps: raw.fps.unwrap_or(usual),
        threads: None,
        format: raw.format,
        controls: raw.controls,
        level_dbfs: raw.level_dbfs,
        settle_ms: raw.settle_ms,
        timeout_ms: raw.timeout_ms,
        lost: raw.lost,
    };
    Ok(Sense { camera: camera::check(camera, &table)?, backbone: raw.backbone })
}

impl Board {
    /// What has a name of its own at a console and in a policy: the regions of the camera (where it has none, but there are
    /// senses, [`CAMERA`]), then the senses. None where all is one.
    pub fn region_names(&self) -> Vec<&str> {
        let regions = self.regions.keys().map(String::as_str);
        let camera = self.regions.is_empty() && !self.senses.is_empty();
        let senses = self.senses.keys().map(String::as_str);
        regions.chain(camera.then_some(CAMERA)).chain(senses).collect()
    }
}
