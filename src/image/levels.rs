//! How light and colour of frames differ, and what makes them alike again.
//!
//! A frame is made a few cells small before its values are counted: their spread over cells hardly changes by noise, blur
//! and compression, which a change of light is not.

use super::frame::Frame;

/// Cells of a side.
const CELLS: usize = 16;

/// The least and the largest factor that brings a channel back: beyond, what is left of it are a few grey levels.
const GAINS: std::ops::RangeInclusive<f64> = 0.25..=4.0;

/// A spread of cells, in grey levels, below which there is none to compare.
const FLAT: f64 = 1.0;

/// Mean and spread of the values of a frame, or of many: the spread is that within frames, since what frames differ in from
/// each other depends on what they show.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// Of red, green and blue, 0 to 255.
    pub mean: [f64; 3],
    /// Of each, over the cells of a frame.
    variance: [f64; 3],
}

impl Moments {
    /// Of a frame of any size.
    pub fn of(frame: &Frame) -> Self {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let (wide, high) = (CELLS.min(width), CELLS.min(height));
        let mut moments = Self::default();
        let count = (wide * high) as f64;
        for row in 0..high {
            let rows = row * height / high..(row + 1) * height / high;
            let lines = &frame.pixels()[rows.start * width * 3..rows.end * width * 3];
            for column in 0..wide {
                let columns = column * width / wide..(column + 1) * width / wide;
                let mut sums = [0_u64; 3];
                for line in lines.chunks_exact(width * 3) {
                    for pixel in line[columns.start * 3..columns.end * 3].as_chunks::<3>().0 {
                        for (sum, value) in sums.iter_mut().zip(pixel) {
                            *sum += u64::from(*value);
                        }
                    }
                }
                let pixels = (rows.len() * columns.len()) as f64;
                for (channel, sum) in sums.into_iter().enumerate() {
                    let value = sum as f64 / pixels;
                    moments.mean[channel] += value / count;
                    moments.variance[channel] += value * value / count;
                }
            }
        }
        for (variance, mean) in moments.variance.iter_mut().zip(moments.mean) {
            *variance = (*variance - mean * mean).max(0.0);
        }
        moments
    }

    /// Of many frames together.
    ///
    /// * `frames`: with their weights, above 0; `None` of none.
    pub fn mixed<'a>(frames: impl IntoIterator<Item = (&'a Self, f64)>) -> Option<Self> {
        let (mut all, mut weights) = (Self::default(), 0.0);
        for (one, weight) in frames {
            weights += weight;
            for channel in 0..3 {
                all.mean[channel] += weight * one.mean[channel];
                all.variance[channel] += weight * one.variance[channel];
            }
        }
        let share = |sum: f64| sum / weights;
        (weights > 0.0)
            .then(|| Self { mean: all.mean.map(share), variance: all.variance.map(share) })
    }

    /// Standard deviation of each channel, in grey levels.
    pub fn spread(&self) -> [f64; 3] {
        self.variance.map(f64::sqrt)
    }
}

/// A factor and an offset a channel: `value * gain + offset`, rounded, 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Of red, green and blue, above 0.
    pub gain: [f32; 3],
    /// Of each, in grey levels.
    pub offset: [f32; 3],
}

impl Levels {
    /// What changes nothing.
    pub const SAME: Levels = Levels { gain: [1.0; 3], offset: [0.0; 3] };

    /// What gives frames of these moments those.
    pub fn between(from: &Moments, to: &Moments) -> Self {
        let (old, new) = (from.spread(), to.spread());
        let mut levels = Self::SAME;
        for channel in 0..3 {
            let gain = match old[channel] > FLAT && new[channel] > FLAT {
                true => (new[channel] / old[channel]).clamp(*GAINS.start(), *GAINS.end()),
                false => 1.0,
            };
            levels.gain[channel] = gain as f32;
            levels.offset[channel] = (to.mean[channel] - gain * from.mean[channel]) as f32;
        }
        levels
    }

    /// Whether they can be used: finite, the factors above 0.
    pub fn are_sound(&self) -> bool {
        self.gain.iter().all(|gain| gain.is_finite() && *gain > 0.0)
            && self.offset.iter().all(|offset| offset.is_finite())
    }

    /// The frame with other values; whole, at its own size.
    #[must_use]
    pub fn apply(&self, frame: &Frame) -> Frame {
        let tables: [[u8; 256]; 3] = std::array::from_fn(|channel| {
            let (gain, offset) = (self.gain[channel], self.offset[channel]);
            std::array::from_fn(|value| {
                (value as f32 * gain + offset).round().clamp(0.0, 255.0) as u8
            })
        });
        let mut pixels = frame.pixels().to_vec();
        for pixel in pixels.as_chunks_mut::<3>().0 {
            for (value, table) in pixel.iter_mut().zip(&tables) {
                *value = table[usize::from(*value)];
            }
        }
        Frame::new(frame.width(), frame.height(), pixels, frame.captured())
            .expect("as many pixels as before")
            .of_kind(frame.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;

    fn frame(width: u32, height: u32, value: impl Fn(u32) -> [u8; 3]) -> Frame {
        let pixels = (0..width * height).flat_map(value).collect();
        Frame::new(width, height, pixels, Timestamp(3)).expect("the sides fit")
    }

    /// A ramp of 64 columns, another one in blue.
    fn ramp() -> Frame {
        frame(64, 32, |at| [(at % 64 + 60) as u8, (at % 64 + 80) as u8, (at % 64 * 2 + 20) as u8])
    }

    #[test]
    fn moments_are_of_cells_whatever_the_size() {
        let moments = Moments::of(&ramp());
        // Cells of four columns: 1.5 + 4 i, whose deviation is 4 sqrt((256 - 1) / 12).
        let wanted = 4.0 * (255.0_f64 / 12.0).sqrt();
        assert!((moments.mean[0] - 91.5).abs() < 1e-9, "{moments:?}");
        assert!((moments.spread()[0] - wanted).abs() < 1e-9);
        assert!((moments.spread()[2] - 2.0 * wanted).abs() < 1e-9);
        let one = Moments::of(&frame(1, 1, |_| [9, 8, 7]));
        assert_eq!((one.mean, one.spread()), ([9.0, 8.0, 7.0], [0.0; 3]));
        assert_eq!(Moments::mixed([]), None);
        let mixed = Moments::mixed([(&one, 1.0), (&one, 2.0)]).expect("two");
        assert!((mixed.mean[0] - 9.0).abs() < 1e-9);
    }

    #[test]
    fn what_was_dark_and_warm_is_as_before() {
        let before = ramp();
        let light = Levels { gain: [0.7, 0.6, 0.5], offset: [4.0, 0.0, -3.0] };
        let after = light.apply(&before);
        let levels = Levels::between(&Moments::of(&after), &Moments::of(&before));
        let back = levels.apply(&after);
        let far = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far(after.pixels(), before.pixels()) > Some(20));
        assert!(far(back.pixels(), before.pixels()) <= Some(2));
        assert_eq!(back.captured(), before.captured());
        assert_eq!(Levels::SAME.apply(&before), before);
    }

    #[test]
    fn a_plain_surface_is_moved_and_not_stretched() {
        let plain = |value| Moments::of(&frame(4, 4, |_| [value; 3]));
        let levels = Levels::between(&plain(100), &plain(140));
        assert_eq!(levels, Levels { gain: [1.0; 3], offset: [40.0; 3] });
        let steep = Levels::between(&Moments::of(&frame(16, 1, |at| [at as u8; 3])), &plain(9));
        assert!(steep.are_sound());
        assert!(!Levels { gain: [0.0; 3], ..Levels::SAME }.are_sound());
        assert!(!Levels { offset: [f32::NAN; 3], ..Levels::SAME }.are_sound());
    }
}
