//! Frames at a steady rate from a camera that gives them as fast as they are asked for.

use std::thread;
use std::time::{Duration, Instant};

use super::{AnyCamera, time_of};
use crate::camera::{Camera, CameraError};
use crate::frame::{Frame, Timestamp};

/// The camera itself, or held back to that many frames a second.
pub fn at_rate(camera: impl Camera + Send + 'static, fps: Option<f32>) -> AnyCamera {
    match fps {
        None => Box::new(camera),
        Some(fps) => {
            let interval = Duration::try_from_secs_f32(1.0 / fps).unwrap_or(Duration::MAX);
            Box::new(Paced { camera, interval, due: None })
        }
    }
}

struct Paced<C> {
    camera: C,
    interval: Duration,
    due: Option<Instant>,
}

impl<C: Camera> Camera for Paced<C> {
    fn name(&self) -> &str {
        self.camera.name()
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let asked = Instant::now();
        let wait = self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(asked));
        thread::sleep(wait);
        // Whoever asks late gets the next frame a whole interval later: missed ones are not made up for.
        self.due = (asked + wait).checked_add(self.interval);
        self.camera.capture(time_of(asked + wait, now, asked))
    }

    fn notes(&mut self) -> Vec<String> {
        self.camera.notes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Synthetic;

    #[test]
    fn frames_are_an_interval_apart_for_whoever_asks_at_once() {
        let mut camera = at_rate(Synthetic::new(1), Some(200.0));
        let begun = Instant::now();
        for number in 0..4 {
            let frame = camera.capture(Timestamp(1_000_000)).expect("drawn frames are whole");
            let waited = frame.captured().micros_since(Timestamp(1_000_000));
            assert!(waited <= 5_000, "never longer than the interval: {waited} us");
            assert!(number > 0 || waited == 0, "the first frame comes at once");
        }
        assert!(begun.elapsed() >= Duration::from_millis(15), "three intervals");
    }
}
