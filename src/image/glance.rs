//! How a frame looks at a glance: how light, how contrasty, how warm, how sharp; to be compared with others.

use super::frame::Frame;

/// Cells of a side.
const CELLS: usize = 64;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Sign {
    /// The mean of grey.
    Light,
    /// The standard deviation of grey over cells.
    Contrast,
    /// Red over blue.
    Warmth,
    /// What neighbouring cells differ by, over what all do.
    Sharpness,
}

impl Sign {
    /// All of them.
    pub const ALL: [Sign; 4] = [Sign::Light, Sign::Contrast, Sign::Warmth, Sign::Sharpness];

    /// What differs by less, as a natural logarithm, is the same to anyone.
    pub fn least(self) -> f64 {
        match self {
            Sign::Light | Sign::Warmth => 0.01,
            Sign::Contrast => 0.02,
            Sign::Sharpness => 0.05,
        }
    }
}

/// Natural logarithms of what [`Sign::ALL`] names, in that order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glance(pub [f64; Sign::ALL.len()]);

impl Glance {
    /// Of a frame of any size; the same for one and for a smaller copy of it, but for what a few pixels cannot show.
    pub fn of(frame: &Frame) -> Self {
        let (wide, high, cells) = cells(frame);
        let grey: Vec<f64> =
            cells.iter().map(|[r, g, b]| 0.299 * r + 0.587 * g + 0.114 * b).collect();
        let mean =
            |of: &dyn Fn(&[f64; 3]) -> f64| cells.iter().map(of).sum::<f64>() / cells.len() as f64;
        let light = grey.iter().sum::<f64>() / grey.len() as f64;
        let square = |values: &mut dyn Iterator<Item = f64>| {
            let (mut sum, mut count) = (0.0, 0.0);
            for value in values {
                sum += value * value;
                count += 1.0;
            }
            (sum / f64::max(count, 1.0)).sqrt()
        };
        let contrast = square(&mut grey.iter().map(|value| value - light));
        let at = |x: usize, y: usize| grey[y * wide + x];
        let across = (0..high).flat_map(|y| (1..wide).map(move |x| (x, y)));
        let down = (1..high).flat_map(|y| (0..wide).map(move |x| (x, y)));
        let across = across.map(|(x, y)| at(x, y) - at(x - 1, y));
        let steps = square(&mut across.chain(down.map(|(x, y)| at(x, y) - at(x, y - 1))));
        // A tenth of a grey level keeps what is black or plain from meaning much.
        const LEAST: f64 = 0.1;
        Self([
            (light + LEAST).ln(),
            (contrast + LEAST).ln(),
            ((mean(&|cell| cell[0]) + LEAST) / (mean(&|cell| cell[2]) + LEAST)).ln(),
            ((steps + LEAST) / (contrast + LEAST)).ln(),
        ])
    }
}

/// Columns, rows and mean colours of the cells.
fn cells(frame: &Frame) -> (usize, usize, Vec<[f64; 3]>) {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let (wide, high) = (CELLS.min(width), CELLS.min(height));
    let mut cells = Vec::with_capacity(wide * high);
    for row in 0..high {
        let rows = row * height / high..(row + 1) * height / high;
        let lines = &frame.pixels()[rows.start * width * 3..rows.end * width * 3];
        for column in 0..wide {
            let columns = column * width / wide..(column + 1) * width / wide;
            let mut sums = [0_u32; 3];
            for line in lines.chunks_exact(width * 3) {
                for pixel in line[columns.start * 3..columns.end * 3].as_chunks::<3>().0 {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(*value);
                    }
                }
            }
            let pixels = (rows.len() * columns.len()) as f64;
            cells.push(sums.map(|sum| f64::from(sum) / pixels));
        }
    }
    (wide, high, cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;
    use crate::image::levels::Levels;

    fn frame(side: u32, value: impl Fn(f64, f64) -> f64) -> Frame {
        let place = |at: u32| f64::from(at) / f64::from(side);
        let pixels = (0..side * side).flat_map(|at| {
            let value = value(place(at % side), place(at / side));
            [value + 10.0, value, value - 10.0].map(|value| value.round() as u8)
        });
        Frame::new(side, side, pixels.collect(), Timestamp(0)).expect("the sides fit")
    }

    fn waves(x: f64, y: f64) -> f64 {
        100.0 + 30.0 * (9.0 * x).sin() * (7.0 * y).cos()
    }

    fn change(sign: Sign, before: &Frame, after: &Frame) -> f64 {
        let place = Sign::ALL.iter().position(|one| *one == sign).expect("one of all");
        Glance::of(after).0[place] - Glance::of(before).0[place]
    }

    #[test]
    fn every_sign_says_what_changed_and_by_how_much() {
        let before = frame(128, waves);
        let dark = Levels { gain: [0.8; 3], offset: [0.0; 3] }.apply(&before);
        assert!((change(Sign::Light, &before, &dark) - 0.8_f64.ln()).abs() < 0.01);
        assert!((change(Sign::Contrast, &before, &dark) - 0.8_f64.ln()).abs() < 0.02);
        assert!(change(Sign::Warmth, &before, &dark).abs() < 0.01);
        assert!(change(Sign::Sharpness, &before, &dark).abs() < 0.05);
        let warm = Levels { gain: [1.1, 1.0, 0.9], offset: [0.0; 3] }.apply(&before);
        assert!((change(Sign::Warmth, &before, &warm) - (1.1_f64 / 0.9).ln()).abs() < 0.01);
        let fine = frame(128, |x, y| waves(x, y) + 10.0 * (200.0 * x).sin());
        assert!(change(Sign::Sharpness, &before, &fine) > 0.3);
        // A smaller copy is the same.
        let small = frame(64, waves);
        for sign in Sign::ALL {
            assert!(change(sign, &before, &small).abs() < 0.06, "{sign:?}");
        }
        assert!(Glance::of(&frame(1, |_, _| 0.0)).0.iter().all(|value| value.is_finite()));
    }
}
