//! `fieldtune cameras`: what gives frames here.

use serde_json::json;

use super::Exit;
use crate::camera::PixelFormat;
use crate::camera::source::{self, FoundCamera, Mode, Size};

/// List cameras with formats, sizes and frame rates
///
/// Exit status 1 if there is none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune cameras
  fieldtune cameras --json | jq -r .address
  fieldtune snap first.png --camera v4l:/dev/video0

Recordings (replay:DIR|FILE), programs (pipe:COMMAND) and drawn frames (synthetic:) need no camera.")]
pub struct CamerasCommand {
    /// One JSON object a line: address, name, also, modes (format, readable, size or min, max and step, fps), error
    #[arg(long)]
    json: bool,
}

impl CamerasCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let found = source::list();
        for camera in &found {
            if self.json {
                println!("{}", in_json(camera));
            } else {
                println!("{}", in_words(camera));
            }
        }
        if found.is_empty() {
            eprintln!(
                "no camera found: no /dev/video* gives frames, and rpicam-vid is not installed\n  next: plug one in, or try --camera synthetic: or replay:DIR"
            );
            return Ok(Exit::Negative);
        }
        Ok(Exit::Done)
    }
}

fn is_readable(mode: &Mode) -> bool {
    mode.format.parse::<PixelFormat>().is_ok()
}

fn in_words(camera: &FoundCamera) -> String {
    let mut lines = vec![format!("{}  {}", camera.address, camera.name).trim_end().to_owned()];
    lines.extend(camera.also.iter().map(|address| format!("  also {address}")));
    lines.extend(camera.error.iter().map(|error| format!("  error: {error}")));
    for mode in camera.modes.iter().filter(|mode| is_readable(mode)) {
        let fps: Vec<String> = mode.fps.iter().map(|fps| format!("{fps:.4}")).collect();
        let fps: Vec<&str> =
            fps.iter().map(|fps| fps.trim_end_matches('0').trim_end_matches('.')).collect();
        let rates = if fps.is_empty() { String::new() } else { format!("  {} fps", fps.join(" ")) };
        lines.push(format!("  {} {}{rates}", mode.format, mode.size));
    }
    let mut others: Vec<&str> = camera
        .modes
        .iter()
        .filter(|mode| !is_readable(mode))
        .map(|mode| mode.format.as_str())
        .collect();
    others.dedup();
    if !others.is_empty() {
        lines.push(format!("  not readable: {}", others.join(" ")));
    }
    lines.join("\n")
}

fn in_json(camera: &FoundCamera) -> serde_json::Value {
    let mode = |mode: &Mode| {
        let mut line =
            json!({ "format": mode.format, "readable": is_readable(mode), "fps": mode.fps });
        match mode.size {
            Size::Fixed(size) => line["size"] = json!(size),
            Size::Range { min, max, step } => {
                (line["min"], line["max"], line["step"]) = (json!(min), json!(max), json!(step));
            }
        }
        line
    };
    json!({
        "address": camera.address,
        "name": camera.name,
        "also": camera.also,
        "modes": camera.modes.iter().map(mode).collect::<Vec<_>>(),
        "error": camera.error.as_ref().map(ToString::to_string),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{CameraError, CameraErrorKind};

    fn camera() -> FoundCamera {
        let range = Size::Range { min: (2, 2), max: (64, 48), step: (2, 1) };
        let mode = |format: &str, size, fps: &[f32]| Mode {
            format: format.to_owned(),
            size,
            fps: fps.to_vec(),
        };
        FoundCamera {
            address: "v4l:/dev/video0".to_owned(),
            name: "Eye (uvcvideo, usb-1)".to_owned(),
            also: vec!["v4l:/dev/v4l/by-id/eye".to_owned()],
            modes: vec![
                mode("YUYV", Size::Fixed((640, 480)), &[30.0, 29.97, 7.5]),
                mode("GREY", range, &[]),
                mode("H264", Size::Fixed((640, 480)), &[30.0]),
                mode("H264", Size::Fixed((320, 240)), &[30.0]),
            ],
            error: None,
        }
    }

    #[test]
    fn a_camera_is_listed_for_people() {
        let wanted = "v4l:/dev/video0  Eye (uvcvideo, usb-1)
  also v4l:/dev/v4l/by-id/eye
  YUYV 640x480  30 29.97 7.5 fps
  GREY 2x2 to 64x48 in steps of 2x1
  not readable: H264";
        assert_eq!(in_words(&camera()), wanted);
        let error = Some(CameraError::new("v4l:/dev/video0", CameraErrorKind::Busy, "in use"));
        let text = in_words(&FoundCamera { error, modes: Vec::new(), ..camera() });
        assert!(text.contains("error: v4l:/dev/video0: in use\n  next: end the program"), "{text}");
    }

    #[test]
    fn a_camera_is_listed_for_programs() {
        let line = in_json(&camera());
        assert_eq!(line["modes"][0]["size"], json!([640, 480]));
        assert_eq!(
            (&line["modes"][1]["max"], &line["modes"][1]["size"]),
            (&json!([64, 48]), &json!(null))
        );
        assert_eq!((&line["modes"][2]["readable"], &line["error"]), (&json!(false), &json!(null)));
    }
}
