//! Frames at a steady rate from a camera that gives them as fast as they are asked for. Where there is a rate, drawing or
//! decoding a picture takes the place of exposing it: a frame counts from when it is there.

use std::thread;
use std::time::{Duration, Instant};

use super::{AnyCamera, time_of};
use crate::camera::{Camera, CameraError, CameraLocks, Scene};
use crate::image::frame::{Frame, Timestamp};

/// The camera, held back to that many frames a second if there is a rate.
///
/// * `note`: what is to be said of it once.
pub fn at_rate(
    camera: impl Camera + Send + 'static,
    fps: Option<f32>,
    note: Option<String>,
) -> AnyCamera {
    let interval = fps.map(|fps| Duration::try_from_secs_f32(1.0 / fps).unwrap_or(Duration::MAX));
    Box::new(Paced { camera, interval, due: None, note })
}

struct Paced<C> {
    camera: C,
    interval: Option<Duration>,
    due: Option<Instant>,
    note: Option<String>,
}

impl<C: Camera> Camera for Paced<C> {
    fn name(&self) -> &str {
        self.camera.name()
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let Some(interval) = self.interval else { return self.camera.capture(now) };
        let asked = Instant::now();
        let wait = self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(asked));
        thread::sleep(wait);
        // A late call gets the next frame a whole interval later: missed ones are not made up for.
        self.due = (asked + wait).checked_add(interval);
        let frame = self.camera.capture(time_of(asked + wait, now, asked))?;
        Ok(frame.taken_at(time_of(Instant::now(), now, asked)))
    }

    fn notes(&mut self) -> Vec<String> {
        let note = self.note.take();
        note.into_iter().chain(self.camera.notes()).collect()
    }

    fn scene(&self) -> Option<Scene> {
        self.camera.scene()
    }

    fn locks(&self) -> Option<CameraLocks> {
        self.camera.locks()
    }

    fn gives_events(&self) -> bool {
        self.camera.gives_events()
    }

    fn level(&self) -> Option<f32> {
        self.camera.level()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Synthetic;

    #[test]
    fn frames_are_an_interval_apart_for_whoever_asks_at_once() {
        let mut camera = at_rate(Synthetic::new(1), Some(200.0), None);
        let begun = Instant::now();
        for number in 0..4 {
            let frame = camera.capture(Timestamp(1_000_000)).expect("drawn frames are whole");
            let waited = frame.captured().micros_since(Timestamp(1_000_000));
            assert!(waited > 0, "number {number} was not drawn in no time");
        }
        assert!(begun.elapsed() >= Duration::from_millis(15), "three intervals");
    }
}
