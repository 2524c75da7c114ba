//! When two frames are two looks at a part, and when they are one and the noise.
//!
//! Frames are compared by what the backbone says of them: the distance of two features is 1 - cosine. What noise does to
//! it depends on the backbone, the camera, the light and the part, so it is measured, in two ways:
//!
//! * [`Stillness`] keeps how far every frame lay from the 1st, 2nd, 4th and 8th before it. The quarter of these distances
//!   that is smallest is taken to be of a scene in which nothing moved; the largest of the four quartiles counts, so that
//!   flicker is seen, too, unless it is so much larger than that of neighbours that it must be motion.
//! * [`Senses`] asks the backbone itself, once a request: what does a little noise do to this very part, which is the
//!   least that counts; and what does turning it a little, which always counts, also on a line that never rests.
//!
//! Two frames are two looks if they differ by more than twice the former, kept between the latter two. All of it is a
//! function of the frames. With the built-in backbone and frames of 320x240, in 1/10000: noise of one grey level makes 2
//! to 4, noise of 3.6 levels 20 to 50, a shift by 3 % 15 to 130, turning by 5 degrees 90 to 390, another part of the same
//! kind 90 to 900.

use std::collections::VecDeque;

use crate::image::frame::{Frame, FrameKind, Waveform};

/// How far back frames are compared.
const LAGS: [usize; 4] = [1, 2, 4, 8];

/// Distances that are kept, for each of them.
const KEPT: usize = 256;

/// The share of them that is taken for still.
const STILL_SHARE: f32 = 0.25;

/// What differs so many times more than neighbours do has moved.
const MOTION: f32 = 4.0;

/// What differs by more than so many times what still frames do is another look.
const JITTERS: f32 = 2.0;

/// Standard deviation of the noise that is the least that counts, in grey levels.
const NOISE_LEVELS: f32 = 1.0;

/// The same in samples of a sound, as a share of their root mean square: 40 dB below them.
const NOISE_SHARE: f32 = 0.01;

/// How far a part is turned, in degrees.
const TURN_DEGREES: f32 = 5.0;

/// Beyond it no two frames are one look, whatever the camera does: the backbone need not be asked.
pub(super) const NEAR: f32 = 0.1;

/// No two features that are equal but for rounding differ by more.
const ROUNDING: f32 = 1e-6;

/// 1 - cosine of two features, 0 to 2; 0 where one of them is all zeros.
pub(super) fn distance(a: &[f32], b: &[f32]) -> f32 {
    let (mut ab, mut aa, mut bb) = (0.0f64, 0.0f64, 0.0f64);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a), f64::from(b));
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let lengths = (aa * bb).sqrt();
    if lengths > 0.0 { (1.0 - ab / lengths).max(0.0) as f32 } else { 0.0 }
}

/// How far apart the latest frames lay.
#[derive(Debug, Clone, Default)]
pub(super) struct Stillness {
    /// The newest first.
    latest: VecDeque<Vec<f32>>,
    /// For each of the lags, the newest first.
    distances: [VecDeque<f32>; LAGS.len()],
}

impl Stillness {
    /// A frame came.
    pub(super) fn see(&mut self, feature: &[f32]) {
        for (lag, kept) in LAGS.into_iter().zip(&mut self.distances) {
            if let Some(before) = self.latest.get(lag - 1) {
                kept.truncate(KEPT - 1);
                kept.push_front(distance(before, feature));
            }
        }
        self.latest.truncate(LAGS[LAGS.len() - 1] - 1);
        self.latest.push_front(feature.to_vec());
    }

    /// How far apart frames lie in which nothing moves; `None` until some have come.
    fn jitter(&self) -> Option<f32> {
        let quartile = |kept: &VecDeque<f32>| {
            let mut sorted: Vec<f32> = kept.iter().copied().collect();
            sorted.sort_unstable_by(f32::total_cmp);
            sorted.get((sorted.len() as f32 * STILL_SHARE) as usize).copied()
        };
        let neighbours = quartile(&self.distances[0])?;
        let quartiles = self.distances.iter().filter_map(quartile);
        quartiles.filter(|&one| one <= MOTION * neighbours).max_by(f32::total_cmp)
    }

    /// Frames that lie farther apart than that are two looks.
    ///
    /// * `senses`: where the backbone could not be asked, a line that never rests makes this its motion.
    pub(super) fn enough(&self, senses: Option<Senses>) -> f32 {
        let jitter = JITTERS * self.jitter().unwrap_or(0.0);
        let Some(Senses { noise, turn }) = senses else { return jitter.max(ROUNDING) };
        let least = noise.max(ROUNDING);
        jitter.clamp(least, turn.max(least))
    }
}

/// What the backbone makes of small changes of a frame, as distances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Senses {
    /// A little noise.
    noise: f32,
    /// A small turn.
    turn: f32,
}

impl Senses {
    /// Asks it, with three passes.
    ///
    /// * `part`: what of the frame is looked at.
    /// * returns `None` where the backbone gives no feature.
    pub(super) fn of<E>(
        part: &Frame,
        mut feature: impl FnMut(&Frame) -> Result<Vec<f32>, E>,
    ) -> Option<Self> {
        // Lines have no noise: those of another form differ.
        if part.kind() == FrameKind::Text {
            return Some(Self { noise: 0.0, turn: 0.0 });
        }
        let as_it_is = feature(part).ok()?;
        let mut of = |frame: Option<Frame>| Some(distance(&as_it_is, &feature(&frame?).ok()?));
        let noise = of(noisy(part))?;
        // Turned, a sound would be another one, and a machine sounds nearly the same all the time.
        let turn = match part.kind() {
            FrameKind::Sound | FrameKind::Samples => noise,
            _ => of(turned(part))?,
        };
        Some(Self { noise, turn })
    }
}

/// The frame with noise that is the same for every frame of its size.
fn noisy(frame: &Frame) -> Option<Frame> {
    // Four bytes of a hash, summed: nearly normal, with this standard deviation.
    let deviation = (4.0f32 * (256.0 * 256.0 - 1.0) / 12.0).sqrt();
    let noise = |place: usize| {
        let hash = (place as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let sum: u32 = (hash >> 32).to_le_bytes()[..4].iter().map(|&byte| u32::from(byte)).sum();
        (sum as f32 - 510.0) / deviation
    };
    if let Some(waveform) = frame.waveform() {
        let samples = waveform.samples();
        let squares: f32 = samples.iter().map(|&sample| f32::from(sample).powi(2)).sum();
        let level = NOISE_SHARE * (squares / samples.len() as f32).sqrt();
        let samples = samples.iter().enumerate();
        let samples = samples
            .map(|(place, &sample)| (f32::from(sample) + level * noise(place)).round() as i16);
        let noisy = Waveform::new(waveform.rate(), samples.collect())?;
        return Some(frame.clone().of_waveform(noisy));
    }
    let pixels = frame.pixels().iter().enumerate();
    let pixels = pixels
        .map(|(place, &level)| (f32::from(level) + NOISE_LEVELS * noise(place)).round() as u8);
    of_its_kind(frame, pixels.collect())
}

/// The frame turned about its centre; what comes in from outside is drawn out from the edge.
fn turned(frame: &Frame) -> Option<Frame> {
    let (sine, cosine) = TURN_DEGREES.to_radians().sin_cos();
    let (width, height) = (frame.width() as f32, frame.height() as f32);
    let (middle_x, middle_y) = ((width - 1.0) / 2.0, (height - 1.0) / 2.0);
    let mut pixels = Vec::with_capacity(frame.pixels().len());
    for y in 0..frame.height() {
        for x in 0..frame.width() {
            let (right, down) = (x as f32 - middle_x, y as f32 - middle_y);
            let from_x = (cosine * right - sine * down + middle_x).round().clamp(0.0, width - 1.0);
            let from_y = (sine * right + cosine * down + middle_y).round().clamp(0.0, height - 1.0);
            let from = (from_y as usize * frame.width() as usize + from_x as usize) * 3;
            pixels.extend_from_slice(&frame.pixels()[from..from + 3]);
        }
    }
    of_its_kind(frame, pixels)
}

fn of_its_kind(frame: &Frame, pixels: Vec<u8>) -> Option<Frame> {
    let other = Frame::new(frame.width(), frame.height(), pixels, frame.captured()).ok()?;
    Some(other.of_kind(frame.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A direction in the plane.
    fn at(angle: f32) -> Vec<f32> {
        vec![angle.cos(), angle.sin()]
    }

    #[test]
    fn distance_is_that_of_directions() {
        assert_eq!(distance(&[1.0, 0.0], &[0.0, 2.0]), 1.0);
        assert_eq!(distance(&[1.0, 0.0], &[-3.0, 0.0]), 2.0);
        assert_eq!(distance(&[1.0, 2.0], &[2.0, 4.0]), 0.0);
        assert_eq!(distance(&[0.0, 0.0], &[2.0, 4.0]), 0.0);
    }

    #[test]
    fn jitter_is_what_frames_of_a_still_scene_do() {
        let mut stillness = Stillness::default();
        assert_eq!(stillness.jitter(), None);
        // Half of the time the scene turns on; else it flickers by a hundredth, over four frames.
        for frame in 0..600u32 {
            let flicker = 0.005 * [0.0, 1.0, 0.0, -1.0][frame as usize % 4];
            stillness.see(&at(if frame % 150 < 75 { frame as f32 * 0.3 } else { flicker }));
        }
        let jitter = stillness.jitter().expect("frames came");
        let step = distance(&at(0.005), &at(0.0));
        assert!((0.9 * step..=4.1 * step).contains(&jitter), "{jitter}, of {step}");
    }

    #[test]
    fn a_scene_that_never_rests_does_not_make_everything_alike() {
        let mut stillness = Stillness::default();
        (0..300).for_each(|frame| stillness.see(&at(frame as f32)));
        let senses = Senses { noise: 1e-5, turn: 1e-3 };
        assert_eq!(stillness.enough(Some(senses)), 1e-3);
        assert_eq!(Stillness::default().enough(Some(senses)), 1e-5);
        // Where turning shows less than noise, noise still does not count.
        let flat = Senses { noise: 1e-2, turn: 0.0 };
        assert_eq!(stillness.enough(Some(flat)), 1e-2);
    }

    #[test]
    fn changed_frames_are_changed_by_as_much_as_they_say() {
        let pixels: Vec<u8> = (0..64 * 48 * 3).map(|place| 60 + (place / 3 % 64) as u8).collect();
        let frame = Frame::new(64, 48, pixels, crate::image::frame::Timestamp(0)).expect("whole");
        let noisy = noisy(&frame).expect("whole");
        let off = frame.pixels().iter().zip(noisy.pixels());
        let squares = off.map(|(&a, &b)| (f32::from(b) - f32::from(a)).powi(2)).sum::<f32>();
        let deviation = (squares / frame.pixels().len() as f32).sqrt();
        // Rounding adds a twelfth.
        assert!((deviation - 1.04).abs() < 0.05, "{deviation}");
        let turned = turned(&frame).expect("whole");
        let level = |frame: &Frame, x: usize, y: usize| i32::from(frame.pixels()[(y * 64 + x) * 3]);
        assert_eq!(level(&turned, 32, 24), level(&frame, 32, 24));
        // 20 rows above the middle what was 20 sin 5 degrees to the right is seen.
        assert_eq!(level(&turned, 32, 4) - level(&frame, 32, 4), 2);
    }
}
