//! Views of an image as other light, another camera or a part that lies a little turned would show it. An example is
//! learned with them, so that what was taught once is known in conditions that were not.
//!
//! | kind | views |
//! | --- | --- |
//! | `darker` | every value times 0.65 |
//! | `noise` | Gaussian, a standard deviation of 10 of 255 |
//! | `blur` | Gaussian, a standard deviation of 0.8 pixels |
//! | `turned` | by 6 degrees about the middle, one way or the other |
//! | `flipped` | left and right exchanged |
//! | `quarter-turns` | by 90, 180 and 270 degrees |
//! | `scaled` | 1.15 times as large, and as small |
//!
//! The first four are what an example is learned with by default ([`ViewKinds::USUAL`]). The others help where the part may
//! lie so, and harm where that makes it another part: a 6 is no 9.
//!
//! A sound has views of its own, see [`crate::sound::views`].
//!
//! They are made at the size of the network's input, and depend on nothing but the pixels.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A way of seeing an image; see the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ViewKind {
    /// In less light.
    Darker,
    /// By a noisier camera.
    Noise,
    /// Out of focus.
    Blur,
    /// Turned a little.
    Turned,
    /// In a mirror.
    Flipped,
    /// Turned by a quarter, a half and three quarters.
    QuarterTurns,
    /// Nearer and farther off.
    Scaled,
}

impl ViewKind {
    /// All of them.
    pub const ALL: [ViewKind; 7] = [
        ViewKind::Darker,
        ViewKind::Noise,
        ViewKind::Blur,
        ViewKind::Turned,
        ViewKind::Flipped,
        ViewKind::QuarterTurns,
        ViewKind::Scaled,
    ];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            ViewKind::Darker => "darker",
            ViewKind::Noise => "noise",
            ViewKind::Blur => "blur",
            ViewKind::Turned => "turned",
            ViewKind::Flipped => "flipped",
            ViewKind::QuarterTurns => "quarter-turns",
            ViewKind::Scaled => "scaled",
        }
    }

    /// What an image looks like so, one to three times.
    ///
    /// * `pixels`: `[height, width, 3]`, 0 to 255.
    /// * returns the same shape each.
    pub fn views(self, pixels: &[u8], width: usize, height: usize) -> Vec<Vec<u8>> {
        debug_assert_eq!(pixels.len(), width * height * 3);
        let mapped = |from: &dyn Fn(f32, f32) -> (f32, f32)| mapped(pixels, width, height, from);
        match self {
            ViewKind::Darker => {
                vec![pixels.iter().map(|&value| rounded(f32::from(value) * 0.65)).collect()]
            }
            ViewKind::Noise => vec![noisy(pixels)],
            ViewKind::Blur => vec![blurred(pixels, width, height)],
            ViewKind::Turned => {
                let angle: f32 = if seed(pixels).is_multiple_of(2) { 6.0 } else { -6.0 };
                let (sin, cos) = angle.to_radians().sin_cos();
                vec![mapped(&|x, y| (cos * x - sin * y, sin * x + cos * y))]
            }
            ViewKind::Flipped => vec![mapped(&|x, y| (-x, y))],
            ViewKind::QuarterTurns => {
                // Of a map that is not square the sides change places, stretched to those of the other.
                let (wide, high) = ((width - 1).max(1) as f32, (height - 1).max(1) as f32);
                let ratio = wide / high;
                vec![
                    mapped(&|x, y| (y * ratio, -x / ratio)),
                    mapped(&|x, y| (-x, -y)),
                    mapped(&|x, y| (-y * ratio, x / ratio)),
                ]
            }
            ViewKind::Scaled => {
                let scaled = |by: f32| mapped(&move |x, y| (x / by, y / by));
                vec![scaled(1.15), scaled(1.0 / 1.15)]
            }
        }
    }
}

/// The kinds of views that examples are learned with, each once, in the order of [`ViewKind::ALL`].
///
/// As text: names with commas or spaces between them; `usual` stands for [`ViewKinds::USUAL`], `none` for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewKinds(Vec<ViewKind>);

impl ViewKinds {
    /// What nothing else being said examples are learned with: it helps whatever the part is.
    pub const USUAL: [ViewKind; 4] =
        [ViewKind::Darker, ViewKind::Noise, ViewKind::Blur, ViewKind::Turned];

    /// These.
    pub fn of(kinds: &[ViewKind]) -> Self {
        let mut kinds = kinds.to_vec();
        kinds.sort();
        kinds.dedup();
        Self(kinds)
    }

    /// These and one more.
    #[must_use]
    pub fn and(&self, kind: ViewKind) -> Self {
        Self::of(&[&self.0[..], &[kind]].concat())
    }

    /// How many views that is of an image.
    pub fn count(&self) -> usize {
        let of = |kind: &ViewKind| match kind {
            ViewKind::QuarterTurns => 3,
            ViewKind::Scaled => 2,
            _ => 1,
        };
        self.0.iter().map(of).sum()
    }

    /// Which.
    pub fn kinds(&self) -> &[ViewKind] {
        &self.0
    }
}

impl Default for ViewKinds {
    fn default() -> Self {
        Self::of(&Self::USUAL)
    }
}

impl Display for ViewKinds {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let rest = match self.0.strip_prefix(&Self::USUAL[..]) {
            Some([]) => return f.write_str("usual"),
            Some(rest) => {
                f.write_str("usual,")?;
                rest
            }
            None if self.0.is_empty() => return f.write_str("none"),
            None => &self.0[..],
        };
        let names: Vec<&str> = rest.iter().map(|kind| kind.name()).collect();
        f.write_str(&names.join(","))
    }
}

/// A word that is no kind of view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{got}\" is no kind of view; wanted usual, none, or of {}", all())]
pub struct NoSuchView {
    /// It, escaped.
    pub got: String,
}

fn all() -> String {
    ViewKind::ALL.map(ViewKind::name).join(", ")
}

impl FromStr for ViewKinds {
    type Err = NoSuchView;

    fn from_str(text: &str) -> Result<Self, NoSuchView> {
        let mut kinds = Vec::new();
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        for word in words {
            match word {
                "usual" => kinds.extend(Self::USUAL),
                "none" => {}
                word => {
                    let found = ViewKind::ALL.into_iter().find(|kind| kind.name() == word);
                    let got = || NoSuchView { got: word.escape_debug().to_string() };
                    kinds.push(found.ok_or_else(got)?);
                }
            }
        }
        if kinds.is_empty() && text.trim() != "none" {
            return Err(NoSuchView { got: text.escape_debug().to_string() });
        }
        Ok(Self::of(&kinds))
    }
}

fn rounded(value: f32) -> u8 {
    // Not `round`, which is a call where the processor has no instruction for it.
    (value.clamp(0.0, 255.0) + 0.5) as u8
}

/// FNV-1a of the pixels: the same image has the same views.
fn seed(pixels: &[u8]) -> u64 {
    pixels.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &value| {
        (hash ^ u64::from(value)).wrapping_mul(0x100_0000_01b3)
    })
}

fn noisy(pixels: &[u8]) -> Vec<u8> {
    const DEVIATION: f32 = 10.0;
    let mut random = ChaCha8Rng::seed_from_u64(seed(pixels));
    // The sum of four uniform values is close to a normal one; its variance is a third.
    let mut normal = || {
        let bytes: [u8; 4] = random.random::<u32>().to_le_bytes();
        let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
        (sum - 510) as f32 / 127.5 * 0.75f32.sqrt()
    };
    pixels.iter().map(|&value| rounded(f32::from(value) + DEVIATION * normal())).collect()
}

/// Rows, then columns; beyond the border stands what stands at it.
fn blurred(pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
    const DEVIATION: f32 = 0.8;
    const REACH: usize = 2;
    let weight = |off: usize| (-((off * off) as f32) / (2.0 * DEVIATION * DEVIATION)).exp();
    let sum = weight(0) + 2.0 * (1..=REACH).map(weight).sum::<f32>();
    let weights: Vec<f32> = (0..=REACH).map(|off| weight(off) / sum).collect();
    let at = |row: usize, column: usize, channel: usize| (row * width + column) * 3 + channel;
    let mut across = vec![0.0; pixels.len()];
    for row in 0..height {
        for column in 0..width {
            for channel in 0..3 {
                let value = |column: usize| f32::from(pixels[at(row, column, channel)]);
                let mut sum = weights[0] * value(column);
                for (off, weight) in weights.iter().enumerate().skip(1) {
                    let (left, right) = (column.saturating_sub(off), (column + off).min(width - 1));
                    sum += weight * (value(left) + value(right));
                }
                across[at(row, column, channel)] = sum;
            }
        }
    }
    let mut out = vec![0; pixels.len()];
    for row in 0..height {
        for column in 0..width {
            for channel in 0..3 {
                let value = |row: usize| across[at(row, column, channel)];
                let mut sum = weights[0] * value(row);
                for (off, weight) in weights.iter().enumerate().skip(1) {
                    sum += weight
                        * (value(row.saturating_sub(off)) + value((row + off).min(height - 1)));
                }
                out[at(row, column, channel)] = rounded(sum);
            }
        }
    }
    out
}

/// Every pixel from where `from` says it stood, both measured from the middle; bilinear, and beyond the border stands what
/// stands at it.
///
/// * `pixels`: `[height, width, 3]`.
pub(crate) fn mapped(
    pixels: &[u8],
    width: usize,
    height: usize,
    from: &dyn Fn(f32, f32) -> (f32, f32),
) -> Vec<u8> {
    let (middle_x, middle_y) = ((width - 1) as f32 / 2.0, (height - 1) as f32 / 2.0);
    let mut out = Vec::with_capacity(pixels.len());
    for row in 0..height {
        for column in 0..width {
            let (x, y) = from(column as f32 - middle_x, row as f32 - middle_y);
            let x = (x + middle_x).clamp(0.0, (width - 1) as f32);
            let y = (y + middle_y).clamp(0.0, (height - 1) as f32);
            let (left, top) = (x as usize, y as usize);
            let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
            let (fx, fy) = (x - left as f32, y - top as f32);
            for channel in 0..3 {
                let value = |row: usize, column: usize| {
                    f32::from(pixels[(row * width + column) * 3 + channel])
                };
                let above = value(top, left) * (1.0 - fx) + value(top, right) * fx;
                let below = value(bottom, left) * (1.0 - fx) + value(bottom, right) * fx;
                out.push(rounded(above * (1.0 - fy) + below * fy));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grey but for a bright dot.
    fn image() -> Vec<u8> {
        let mut pixels = vec![100; 21 * 15 * 3];
        (0..3).for_each(|channel| pixels[(7 * 21 + 18) * 3 + channel] = 250);
        pixels
    }

    fn mean(pixels: &[u8]) -> f64 {
        pixels.iter().map(|&value| f64::from(value)).sum::<f64>() / pixels.len() as f64
    }

    fn one(kind: ViewKind) -> Vec<u8> {
        kind.views(&image(), 21, 15).swap_remove(0)
    }

    /// Where the brightest pixel is, (column, row).
    fn dot(pixels: &[u8]) -> (usize, usize) {
        let brightest = |at: &usize| (pixels[at * 3], std::cmp::Reverse(*at));
        let at = (0..21 * 15).max_by_key(brightest).expect("there are pixels");
        (at % 21, at / 21)
    }

    #[test]
    fn every_view_is_what_it_says() {
        let image = image();
        assert!(one(ViewKind::Darker)[..3] == [65; 3]);
        let noise = ViewKind::Noise.views(&[100; 64 * 64 * 3], 64, 64).swap_remove(0);
        let deviation = noise.iter().map(|&v| (f64::from(v) - 100.0).powi(2)).sum::<f64>();
        let deviation = (deviation / noise.len() as f64).sqrt();
        assert!(
            (deviation - 10.0).abs() < 0.3 && (mean(&noise) - 100.0).abs() < 0.3,
            "{deviation}"
        );
        // The kernel's middle is 0.499 of a row, so 0.249 of the dot stays.
        let blur = one(ViewKind::Blur);
        assert_eq!(blur[(7 * 21 + 18) * 3], 137);
        assert!((mean(&blur) - mean(&image)).abs() < 0.2);
        // 8 pixels from the middle 6 degrees are 0.84 pixels up or down.
        let turned = one(ViewKind::Turned);
        let row = |row: usize| turned[(row * 21 + 18) * 3];
        assert!(row(7) < 140 && (row(6) > 180 || row(8) > 180), "{} {} {}", row(6), row(7), row(8));
        assert_eq!(dot(&one(ViewKind::Flipped)), (2, 7));
        // 8 of 10 columns are 5.6 of 7 rows.
        let quarters = ViewKind::QuarterTurns.views(&image, 21, 15);
        let dots: Vec<_> = quarters.iter().map(|pixels| dot(pixels)).collect();
        assert_eq!(dots, [(10, 13), (2, 7), (10, 1)]);
        // 8 columns from the middle are 9.2 and 7 columns.
        let scaled = ViewKind::Scaled.views(&image, 21, 15);
        let dots: Vec<_> = scaled.iter().map(|pixels| dot(pixels)).collect();
        assert_eq!(dots, [(19, 7), (17, 7)]);
    }

    #[test]
    fn the_same_image_has_the_same_views() {
        for kind in ViewKind::ALL {
            assert_eq!(kind.views(&image(), 21, 15), kind.views(&image(), 21, 15));
            // One pixel has neighbours in no direction.
            assert!(kind.views(&[7; 3], 1, 1).iter().all(|view| view.len() == 3));
            assert_eq!(kind.views(&image(), 21, 15).len(), ViewKinds::of(&[kind]).count());
        }
    }

    #[test]
    fn kinds_are_read_as_they_are_written() {
        let usual = ViewKinds::default();
        for (text, kinds, written) in [
            ("usual", usual.clone(), "usual"),
            ("flipped usual", usual.and(ViewKind::Flipped), "usual,flipped"),
            ("none", ViewKinds::of(&[]), "none"),
            (
                "blur,darker,,blur",
                ViewKinds::of(&[ViewKind::Darker, ViewKind::Blur]),
                "darker,blur",
            ),
        ] {
            let read: ViewKinds = text.parse().expect("known names");
            assert_eq!((&read, read.to_string().as_str()), (&kinds, written));
        }
        let error = "usual,mirrored".parse::<ViewKinds>().expect_err("no such kind").to_string();
        assert!(
            error.starts_with("\"mirrored\" is no kind of view; wanted usual, none, or of darker,")
        );
        assert!("".parse::<ViewKinds>().is_err());
    }
}
