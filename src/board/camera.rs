//! The camera of a board: where it is, and what it is opened with.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::checks::within;
use crate::backbone::MAX_THREADS;
use crate::camera::PixelFormat;
use crate::camera::source::{self, CaptureSettings};
use crate::image::frame::{FrameKind, MAX_SIDE};
use crate::sound::SOUND_LEVELS;

/// The camera of a board.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSettings {
    /// Such as `v4l:/dev/video0` or `synthetic:`.
    pub address: String,
    /// Pixels a row, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
    /// Frames a second, above 0.
    pub fps: f32,
    /// Threads that share the work of a frame, 1 to [`MAX_THREADS`](crate::backbone::MAX_THREADS); `None`: one, or on ARM two where
    /// there are four cores and more.
    pub threads: Option<usize>,
    /// How the pixels come; `None`: the best there is.
    pub format: Option<PixelFormat>,
    /// Controls of the driver by name; switches are 0 and 1.
    pub controls: BTreeMap<String, i64>,
    /// Of a microphone the lowest level that is looked at, in dBFS, one of [`SOUND_LEVELS`](crate::sound::SOUND_LEVELS).
    pub level_dbfs: Option<f32>,
    /// Milliseconds until exposure, gain and white balance are locked.
    pub settle_ms: u32,
    /// Milliseconds without a frame after which it is lost.
    pub timeout_ms: u32,
    /// What the outputs do while it is lost.
    pub lost: Lost,
}

impl CameraSettings {
    /// What the camera is opened with.
    pub fn wanted(&self) -> CaptureSettings {
        CaptureSettings {
            size: Some((self.width, self.height)),
            // Lines come when they come.
            fps: (source::kind_of(&self.address) != FrameKind::Text).then_some(self.fps),
            format: self.format,
            timeout: Duration::from_millis(self.timeout_ms.into()),
            settle: (self.settle_ms > 0).then(|| Duration::from_millis(self.settle_ms.into())),
            controls: self.controls.clone(),
            again: false,
            level: self.level_dbfs,
            ..CaptureSettings::default()
        }
    }
}

/// What the outputs do while the camera is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// They go to their safe levels.
    Safe,
    /// They stay as they are.
    Keep,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCamera {
    pub(super) address: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) fps: f32,
    pub(super) threads: Option<u32>,
    pub(super) format: Option<String>,
    #[serde(default)]
    pub(super) controls: BTreeMap<String, RawControl>,
    pub(super) level_dbfs: Option<f32>,
    #[serde(default = "two_seconds")]
    pub(super) settle_ms: u32,
    #[serde(default = "two_seconds")]
    pub(super) timeout_ms: u32,
    #[serde(default = "safe")]
    pub(super) lost: RawLost,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
pub(super) enum RawControl {
    Switch(bool),
    Number(i64),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawLost {
    Safe,
    Keep,
}

pub(super) fn two_seconds() -> u32 {
    2000
}

pub(super) fn safe() -> RawLost {
    RawLost::Safe
}

/// The settings of that table.
pub(super) fn check(raw: RawCamera, table: &str) -> Result<CameraSettings, String> {
    if raw.address.is_empty() {
        let wanted = "wanted one such as v4l:/dev/video0";
        return Err(format!("{table}.address: got \"\", {wanted}"));
    }
    within(&format!("{table}.width"), raw.width, 1..=MAX_SIDE)?;
    within(&format!("{table}.height"), raw.height, 1..=MAX_SIDE)?;
    within(&format!("{table}.settle_ms"), raw.settle_ms, 0..=60_000)?;
    within(&format!("{table}.timeout_ms"), raw.timeout_ms, 100..=60_000)?;
    let threads = raw.threads.unwrap_or(1);
    within(&format!("{table}.threads"), threads, 1..=MAX_THREADS as u32)?;
    if !(raw.fps > 0.0 && raw.fps <= 1000.0) {
        return Err(format!("{table}.fps: got {}, wanted above 0, at most 1000", raw.fps));
    }
    if let Some(level) = raw.level_dbfs {
        if !SOUND_LEVELS.contains(&level) {
            let (least, most) = (SOUND_LEVELS.start(), SOUND_LEVELS.end());
            return Err(format!("{table}.level_dbfs: got {level}, wanted {least} to {most}"));
        }
        if source::kind_of(&raw.address) != FrameKind::Sound {
            let address = &raw.address;
            return Err(format!(
                "{table}.level_dbfs: got \"{address}\", wanted a microphone: sound:SOURCE"
            ));
        }
    }
    let number = |control| match control {
        RawControl::Switch(on) => i64::from(on),
        RawControl::Number(number) => number,
    };
    let format = raw.format.as_deref().map(|text| {
        text.parse::<PixelFormat>().map_err(|error| format!("{table}.format: {error}"))
    });
    Ok(CameraSettings {
        address: raw.address,
        width: raw.width,
        height: raw.height,
        fps: raw.fps,
        threads: raw.threads.map(|threads| threads as usize),
        format: format.transpose()?,
        controls: raw.controls.into_iter().map(|(name, raw)| (name, number(raw))).collect(),
        level_dbfs: raw.level_dbfs,
        settle_ms: raw.settle_ms,
        timeout_ms: raw.timeout_ms,
        lost: match raw.lost {
            RawLost::Safe => Lost::Safe,
            RawLost::Keep => Lost::Keep,
        },
    })
}
