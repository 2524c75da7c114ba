//! A camera as it is on a bad day: frames that are lost, late, torn or of another size, chosen by seed.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{Camera, CameraError, CameraErrorKind};
use crate::image::frame::{Frame, Region, Timestamp};

/// Chance of each fault with every frame, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// A frame is lost; the one behind it comes in its place.
    pub dropped: f64,
    /// No frame comes: [`CameraErrorKind::Stalled`].
    pub stalled: f64,
    /// From some row on the frame is the one before.
    pub torn: f64,
    /// The frame is only the upper left quarter.
    pub wrong_size: f64,
}

/// A camera with faults. The same seed brings the same faults at the same calls.
#[derive(Debug)]
pub struct Faulty<C> {
    camera: C,
    faults: Faults,
    random: ChaCha8Rng,
    before: Option<Frame>,
}

impl<C: Camera> Faulty<C> {
    /// * `faults`: chances outside 0..=1 count as the nearer end, and what is no number as 0.
    pub fn new(camera: C, faults: Faults, seed: u64) -> Self {
        Self { camera, faults, random: ChaCha8Rng::seed_from_u64(seed), before: None }
    }
}

impl<C: Camera> Camera for Faulty<C> {
    fn name(&self) -> &str {
        self.camera.name()
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let Faults { dropped, stalled, torn, wrong_size } = self.faults;
        // All are drawn, whatever comes of them, so that one chance does not shift the others' draws.
        let [dropped, stalled, torn, wrong_size] =
            [dropped, stalled, torn, wrong_size].map(|chance| self.random.random::<f64>() < chance);
        let cut = self.random.random::<f64>();
        if stalled {
            let what = "no frame (injected fault)";
            return Err(CameraError::new(self.name(), CameraErrorKind::Stalled, what));
        }
        if dropped {
            self.camera.capture(now)?;
        }
        let whole = self.camera.capture(now)?;
        let before = self.before.replace(whole.clone());
        let frame = match before {
            Some(before) if torn => tear(whole, &before, cut),
            _ => whole,
        };
        if !wrong_size {
            return Ok(frame);
        }
        let (width, height) = (frame.width().div_ceil(2), frame.height().div_ceil(2));
        let quarter = Region::Pixels { x: 0, y: 0, width, height };
        Ok(frame.region(&quarter).expect("the quarter is inside").into_owned())
    }

    fn notes(&mut self) -> Vec<String> {
        self.camera.notes()
    }
}

/// `frame` down to a share of its rows, `before` from there on; the frame itself if their sizes differ.
fn tear(frame: Frame, before: &Frame, share: f64) -> Frame {
    let (width, height) = (frame.width(), frame.height());
    if (width, height) != (before.width(), before.height()) {
        return frame;
    }
    let kept = (f64::from(height) * share) as usize * width as usize * 3;
    let pixels = [&frame.pixels()[..kept], &before.pixels()[kept..]].concat();
    Frame::new(width, height, pixels, frame.captured())
        .expect("the size is the same")
        .of_kind(frame.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of 4x6 pixels whose values are their number.
    struct Counter(u8);

    impl Camera for Counter {
        fn name(&self) -> &str {
            "counter"
        }

        fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
            self.0 += 1;
            Ok(Frame::new(4, 6, vec![self.0; 72], now).expect("the size fits"))
        }
    }

    fn run(faults: Faults, seed: u64) -> Vec<Result<Frame, CameraError>> {
        let mut camera = Faulty::new(Counter(0), faults, seed);
        (0..100).map(|at| camera.capture(Timestamp(at))).collect()
    }

    #[test]
    fn without_faults_every_frame_passes_as_it_is() {
        for (at, frame) in (0..).zip(run(Faults::default(), 1)) {
            let wanted = Frame::new(4, 6, vec![at as u8 + 1; 72], Timestamp(at));
            assert_eq!(frame.ok(), wanted.ok());
        }
    }

    #[test]
    fn the_seed_chooses_the_faults() {
        let faults = Faults { dropped: 0.1, stalled: 0.2, torn: 0.2, wrong_size: 0.1 };
        assert_eq!(run(faults, 5), run(faults, 5));
        assert_ne!(run(faults, 5), run(faults, 6));
    }

    #[test]
    fn each_fault_is_what_it_says_and_about_as_frequent() {
        let none = Faults::default();
        let count = |faults: Faults, what: fn(&Result<Frame, CameraError>) -> bool| {
            let found = run(faults, 3).iter().filter(|result| what(result)).count();
            assert!((15..=45).contains(&found), "{found} of 100 with {faults:?}");
        };
        count(Faults { stalled: 0.3, ..none }, |result| {
            result.as_ref().is_err_and(|error| error.kind == CameraErrorKind::Stalled)
        });
        count(Faults { wrong_size: 0.3, ..none }, |result| {
            result.as_ref().is_ok_and(|frame| (frame.width(), frame.height()) == (2, 3))
        });
        count(Faults { torn: 0.3, ..none }, |result| {
            result.as_ref().is_ok_and(|frame| {
                let (first, last) = (frame.pixels()[0], frame.pixels()[71]);
                assert!(first == last || last + 1 == first, "the lower part is the frame before");
                first != last || frame.pixels()[0] as u64 != frame.captured().0 + 1
            })
        });
        let last = run(Faults { dropped: 0.3, ..none }, 3).pop().and_then(Result::ok);
        let given = last.map(|frame| frame.pixels()[0]).unwrap_or_default();
        assert!((115..=145).contains(&given), "{given} frames were taken to give 100");
    }
}
