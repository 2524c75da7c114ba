//! Planes of different resolutions to RGB, to the bit as libjpeg does by default.

use super::{Colours, Component};

/// How a component comes to the picture's resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enlarge {
    Not,
    /// Twice as wide, weighing the two nearest pixels 3 to 1.
    Wide,
    /// The same in height.
    High,
    /// The same in both.
    Both,
    /// By repeating pixels.
    Repeat(usize, usize),
}

impl Enlarge {
    fn of(component: &Component, most: (usize, usize)) -> Self {
        let (across, down) = (most.0 / component.factors.0, most.1 / component.factors.1);
        // Two pixels or fewer are repeated.
        let wide = component.width > 2;
        match (across, down) {
            (1, 1) => Self::Not,
            (2, 1) if wide => Self::Wide,
            (1, 2) => Self::High,
            (2, 2) if wide => Self::Both,
            _ => Self::Repeat(across, down),
        }
    }

    /// A row of the picture.
    fn row<'a>(
        self,
        component: &'a Component,
        y: usize,
        sums: &mut Vec<u16>,
        out: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        match self {
            Self::Not => return component.row(y),
            Self::Wide => {
                sums.clear();
                sums.extend(component.row(y).iter().map(|&v| u16::from(v)));
                widen(sums, out, [1, 2], 2);
            }
            Self::High => {
                let (near, far) = neighbours(component, y);
                // What is halfway is rounded down in a pair's first row and up in its second.
                let round = 1 + (y % 2) as u16;
                out.clear();
                out.extend(near.iter().zip(far).map(|(&near, &far)| {
                    ((u16::from(near) * 3 + u16::from(far) + round) >> 2) as u8
                }));
            }
            Self::Both => {
                let (near, far) = neighbours(component, y);
                sums.clear();
                sums.extend(
                    near.iter().zip(far).map(|(&near, &far)| u16::from(near) * 3 + u16::from(far)),
                );
                widen(sums, out, [8, 7], 4);
            }
            Self::Repeat(across, down) => {
                out.clear();
                for &value in component.row(y / down) {
                    out.extend(std::iter::repeat_n(value, across));
                }
            }
        }
        out
    }
}

/// The row that covers `y` of a component of half the height, and the other one that is near.
fn neighbours(component: &Component, y: usize) -> (&[u8], &[u8]) {
    let near = y / 2;
    let far = if y.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        (near + 1).min(component.height - 1)
    };
    (component.row(near), component.row(far))
}

/// * `sums`: at least three.
/// * `round`: what is added for a pair's first and second pixel, before bits are dropped.
fn widen(sums: &[u16], out: &mut Vec<u8>, round: [u16; 2], bits: u32) {
    let count = sums.len();
    out.clear();
    out.resize(count * 2, 0);
    let mix = |near: u16, far: u16, round: u16| ((near * 3 + far + round) >> bits) as u8;
    let (first, last) = (sums[0], sums[count - 1]);
    out[0] = mix(first, first, round[0]);
    out[count * 2 - 1] = mix(last, last, round[1]);
    let inner = out[1..count * 2 - 1].as_chunks_mut::<2>().0;
    for (out, (&left, &right)) in inner.iter_mut().zip(sums.iter().zip(&sums[1..])) {
        *out = [mix(left, right, round[1]), mix(right, left, round[0])];
    }
}

/// `[height, width, 3]` of RGB8.
pub(super) fn rgb(
    components: &[Component],
    colours: Colours,
    width: usize,
    height: usize,
) -> Vec<u8> {
    let most = |factor: fn(&Component) -> usize| components.iter().map(factor).max().unwrap_or(1);
    let most = (most(|c| c.factors.0), most(|c| c.factors.1));
    let enlarge: Vec<Enlarge> = components.iter().map(|c| Enlarge::of(c, most)).collect();
    let mut buffers = vec![(Vec::new(), Vec::new()); components.len()];
    let mut rgb = vec![0; width * height * 3];
    for (y, out) in rgb.chunks_exact_mut(width * 3).enumerate() {
        let parts = components.iter().zip(&enlarge).zip(&mut buffers);
        let rows: Vec<&[u8]> = parts
            .map(|((component, enlarge), (sums, row))| enlarge.row(component, y, sums, row))
            .collect();
        let pixels = out.as_chunks_mut().0;
        match (colours, rows.as_slice()) {
            (Colours::Grey, [grey, ..]) => {
                pixels.iter_mut().zip(*grey).for_each(|(out, &level)| *out = [level; 3]);
            }
            (Colours::Ycc, [y, cb, cr, ..]) => convert(pixels, y, cb, cr),
            (Colours::Rgb, [red, green, blue, ..]) => {
                for (out, ((&red, &green), &blue)) in
                    pixels.iter_mut().zip(red.iter().zip(*green).zip(*blue))
                {
                    *out = [red, green, blue];
                }
            }
            (Colours::Ycck, [y, cb, cr, black]) => {
                convert(pixels, y, cb, cr);
                pixels.iter_mut().for_each(|out| *out = out.map(|level| 255 - level));
                darken(pixels, black);
            }
            (Colours::Cmyk, [cyan, magenta, yellow, black]) => {
                for (out, ((&c, &m), &y)) in
                    pixels.iter_mut().zip(cyan.iter().zip(*magenta).zip(*yellow))
                {
                    *out = [c, m, y];
                }
                darken(pixels, black);
            }
            (colours, rows) => unreachable!("{colours:?} of {} components", rows.len()),
        }
    }
    rgb
}

/// Ink is written inverted, 255 for none; black takes away from each colour.
fn darken(pixels: &mut [[u8; 3]], black: &[u8]) {
    for (out, &black) in pixels.iter_mut().zip(black) {
        *out = out.map(|light| {
            let taken = u32::from(255 - light) * u32::from(black) + 128;
            black.saturating_sub(((taken + (taken >> 8)) >> 8) as u8)
        });
    }
}

/// Pixels that are converted together.
const GROUP: usize = 16;

/// JFIF's YCbCr: BT.601 of full range.
fn convert(out: &mut [[u8; 3]], y: &[u8], cb: &[u8], cr: &[u8]) {
    let (groups, rest) = out.as_chunks_mut::<GROUP>();
    // Rows that were made longer by repeating may reach beyond the picture.
    let width = groups.len() * GROUP + rest.len();
    let [[y, y_rest], [cb, cb_rest], [cr, cr_rest]] = [y, cb, cr].map(|row| split(&row[..width]));
    let rows = y.as_chunks().0.iter().zip(cb.as_chunks().0).zip(cr.as_chunks().0);
    for (out, ((y, cb), cr)) in groups.iter_mut().zip(rows) {
        group(out, y, cb, cr);
    }
    let mut last = [[0; 3]; GROUP];
    let filled = |rest: &[u8]| {
        let mut all = [0; GROUP];
        all[..rest.len()].copy_from_slice(rest);
        all
    };
    group(&mut last, &filled(y_rest), &filled(cb_rest), &filled(cr_rest));
    rest.copy_from_slice(&last[..rest.len()]);
}

/// Whole groups, and what is left.
fn split(row: &[u8]) -> [&[u8]; 2] {
    let (groups, rest) = row.split_at(row.len() - row.len() % GROUP);
    [groups, rest]
}

#[inline(always)]
fn group(out: &mut [[u8; 3]; GROUP], y: &[u8; GROUP], cb: &[u8; GROUP], cr: &[u8; GROUP]) {
    // 1.402, 1.772, and for green 0.34414 and 0.71414, times 65536. What does not fit 16 bits is split, so that all
    // products are those of 16-bit numbers.
    const RED: i16 = (91_881 - 65_536) as i16;
    const BLUE: i16 = (116_130 - 131_072) as i16;
    const GREEN: [i16; 2] = [-22_554, (65_536 - 46_802) as i16];
    const HALF: i32 = 1 << 15;
    let product = |a: i16, b: i16| i32::from(a) * i32::from(b);
    let (mut reds, mut greens, mut blues) = ([0; GROUP], [0; GROUP], [0; GROUP]);
    for at in 0..GROUP {
        let (y, cb, cr) = (i16::from(y[at]), i16::from(cb[at]) - 128, i16::from(cr[at]) - 128);
        let red = y + cr + ((product(cr, RED) + HALF) >> 16) as i16;
        let blue = y + 2 * cb + ((product(cb, BLUE) + HALF) >> 16) as i16;
        let green = y - cr + ((product(cb, GREEN[0]) + product(cr, GREEN[1]) + HALF) >> 16) as i16;
        reds[at] = red.clamp(0, 255) as u8;
        greens[at] = green.clamp(0, 255) as u8;
        blues[at] = blue.clamp(0, 255) as u8;
    }
    for (at, out) in out.iter_mut().enumerate() {
        *out = [reds[at], greens[at], blues[at]];
    }
}
