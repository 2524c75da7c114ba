//! Depthwise convolutions: every channel by itself.

use fearless_simd::{Simd, SimdBase as _, SimdFloat as _};

use super::activation::{follow, limit};
use super::conv::Window;
use super::{Act, Level};

/// Weights of a depthwise convolution, `[blocks][tap][LANES]`.
#[derive(Debug, Clone)]
pub struct Depthwise {
    /// How the window moves.
    pub window: Window,
    /// Channels.
    pub channels: usize,
    /// What follows.
    pub act: Act,
    lanes: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Depthwise {
    /// * `weight`: of a channel and a place in the window; `bias`: `[channels]`.
    pub fn new(
        level: Level,
        window: Window,
        channels: usize,
        weight: impl Fn(usize, usize) -> f32,
        bias: &[f32],
        act: Act,
    ) -> Self {
        let lanes = level.lanes();
        let taps = window.size[0] * window.size[1];
        let blocks = channels.div_ceil(lanes);
        let mut weights = vec![0.0; blocks * taps * lanes];
        for channel in 0..channels {
            for tap in 0..taps {
                weights[(channel / lanes * taps + tap) * lanes + channel % lanes] =
                    weight(channel, tap);
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(blocks * lanes, 0.0);
        Self { window, channels, act, lanes, weights, bias }
    }

    /// Blocks of channels.
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(self.lanes)
    }

    /// Multiply-accumulates of an output of so many pixels.
    pub fn work(&self, pixels: usize) -> usize {
        self.channels * self.window.size[0] * self.window.size[1] * pixels
    }
}

/// Where the rows of a map are: all of them, or the last in a ring.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// `[blocks][kept][width][LANES]`.
    pub data: &'a [f32],
    /// Rows that are kept; row `y` is at `y % kept`.
    pub kept: usize,
    /// Height and width of the map.
    pub size: [usize; 2],
    /// At least a row of zeros.
    pub zeros: &'a [f32],
}

/// Outputs that are computed together.
const XT: usize = 4;

/// [`XT`] neighbouring outputs. Of the columns that they read, `L` at the left and `R` at the right lie outside of the map.
#[inline(always)]
fn tile<
    S: Simd,
    const K: usize,
    const ST: usize,
    const L: usize,
    const R: usize,
    const CB: usize,
>(
    simd: S,
    rows: &[&[[f32; CB]]; K],
    at: usize,
    w: &[[S::f32s; K]; K],
    bias: S::f32s,
    act: Act,
    out: &mut [[f32; CB]],
) {
    let span = (XT - 1) * ST + K;
    let mut acc = [bias; XT];
    for dy in 0..K {
        let win = &rows[dy][at..][..span - L - R];
        for s in L..span - R {
            let v = S::f32s::from_slice(simd, &win[s - L]);
            each!(x <4 XT => if s >= x * ST && s < x * ST + K { acc[x] = v.mul_add(w[dy][s - x * ST], acc[x]); });
        }
    }
    let out = &mut out[..XT];
    each!(x <4 XT => limit(simd, acc[x], act).store_slice(&mut out[x]));
}

/// One output, wherever its window lies.
#[inline(always)]
fn single<S: Simd, const K: usize, const CB: usize>(
    simd: S,
    rows: &[&[[f32; CB]]; K],
    from: isize,
    w: &[[S::f32s; K]; K],
    bias: S::f32s,
    act: Act,
    out: &mut [f32; CB],
) {
    let mut acc = bias;
    for dy in 0..K {
        for dx in 0..K {
            let at = from + dx as isize;
            if at >= 0 && (at as usize) < rows[dy].len() {
                acc = S::f32s::from_slice(simd, &rows[dy][at as usize]).mul_add(w[dy][dx], acc);
            }
        }
    }
    limit(simd, acc, act).store_slice(out);
}

/// One row of one block.
#[inline(always)]
fn row<S: Simd, const K: usize, const ST: usize, const CB: usize>(
    simd: S,
    rows: &[&[[f32; CB]]; K],
    pad: usize,
    w: &[[S::f32s; K]; K],
    bias: S::f32s,
    act: Act,
    out: &mut [[f32; CB]],
) {
    let (width, n) = (rows[0].len(), out.len());
    // Columns that the last outputs lack.
    let right = ((n - 1) * ST + K).saturating_sub(width + pad);
    let clear = (n > XT || pad == 0 || right == 0)
        && n >= XT
        && (n - XT) * ST >= pad.min((n - XT) * ST + usize::from(n > XT) * pad);
    let known = pad <= K / 2 && right <= K / 2 && pad <= 2 && right <= 2;
    if n == XT && known && pad > 0 && right > 0 {
        match (pad, right) {
            (1, 1) => return tile::<S, K, ST, 1, 1, CB>(simd, rows, 0, w, bias, act, out),
            (2, 2) if K > 3 => return tile::<S, K, ST, 2, 2, CB>(simd, rows, 0, w, bias, act, out),
            (1, 2) if K > 3 => return tile::<S, K, ST, 1, 2, CB>(simd, rows, 0, w, bias, act, out),
            _ => {}
        }
    }
    // The first tile must not reach over the right edge, nor the last one over the left.
    let first_fits = (XT - 1) * ST + K <= width + pad;
    if !known || !clear || n < XT || (pad > 0 && !first_fits) || (n - XT) * ST < pad && right > 0 {
        for (x, o) in out.iter_mut().enumerate() {
            single::<S, K, CB>(simd, rows, (x * ST) as isize - pad as isize, w, bias, act, o);
        }
        return;
    }
    let mut x = 0;
    match pad {
        1 => {
            tile::<S, K, ST, 1, 0, CB>(simd, rows, 0, w, bias, act, out);
            x = XT;
        }
        2 if K > 3 => {
            tile::<S, K, ST, 2, 0, CB>(simd, rows, 0, w, bias, act, out);
            x = XT;
        }
        _ => {}
    }
    let last = if right > 0 { n - XT } else { n };
    while x + XT <= last {
        tile::<S, K, ST, 0, 0, CB>(simd, rows, x * ST - pad, w, bias, act, &mut out[x..]);
        x += XT;
    }
    if x < last {
        let from = last.saturating_sub(XT);
        if from * ST >= pad && last >= XT {
            tile::<S, K, ST, 0, 0, CB>(simd, rows, from * ST - pad, w, bias, act, &mut out[from..]);
        } else {
            for x in x..last {
                single::<S, K, CB>(
                    simd,
                    rows,
                    (x * ST) as isize - pad as isize,
                    w,
                    bias,
                    act,
                    &mut out[x],
                );
            }
        }
    }
    let x = n - XT;
    match right {
        0 => {}
        1 => tile::<S, K, ST, 0, 1, CB>(simd, rows, x * ST - pad, w, bias, act, &mut out[x..]),
        _ => {
            if K > 3 {
                tile::<S, K, ST, 0, 2, CB>(simd, rows, x * ST - pad, w, bias, act, &mut out[x..])
            }
        }
    }
}

#[inline(always)]
fn square<S: Simd, const K: usize, const ST: usize, const CB: usize>(
    simd: S,
    map: Rows,
    d: &Depthwise,
    from: usize,
    to: usize,
    width: usize,
    out: &mut [f32],
    plane: usize,
) {
    let ([h, w], pad) = (map.size, d.window.pad);
    let (zeros, _) = map.zeros[..w * CB].as_chunks::<CB>();
    for b in 0..d.blocks() {
        let (wb, _) = d.weights[b * K * K * CB..][..K * K * CB].as_chunks::<CB>();
        let bias = S::f32s::from_slice(simd, &d.bias[b * CB..][..CB]);
        let mut wv = [[bias; K]; K];
        for dy in 0..K {
            for dx in 0..K {
                wv[dy][dx] = S::f32s::from_slice(simd, &wb[dy * K + dx]);
            }
        }
        let (data, _) = map.data[b * map.kept * w * CB..][..map.kept * w * CB].as_chunks::<CB>();
        let (o, _) = out[b * plane..][..(to - from) * width * CB].as_chunks_mut::<CB>();
        for (y, o) in (from..to).zip(o.chunks_exact_mut(width)) {
            let mut rs: [&[[f32; CB]]; K] = [zeros; K];
            for dy in 0..K {
                let at = y * ST + dy;
                if at >= pad[0] && at - pad[0] < h {
                    rs[dy] = &data[((at - pad[0]) % map.kept) * w..][..w];
                }
            }
            row::<S, K, ST, CB>(simd, &rs, pad[1], &wv, bias, d.act, o);
            follow::<S, CB>(simd, o, d.act.curve);
        }
    }
}

/// Windows of any kind.
#[inline(always)]
fn any<S: Simd, const CB: usize>(
    simd: S,
    map: Rows,
    d: &Depthwise,
    from: usize,
    to: usize,
    width: usize,
    out: &mut [f32],
    plane: usize,
) {
    let Window { size, stride, dilation, pad } = d.window;
    let ([h, w], taps) = (map.size, size[0] * size[1]);
    for b in 0..d.blocks() {
        let (weights, _) = d.weights[b * taps * CB..][..taps * CB].as_chunks::<CB>();
        let (data, _) = map.data[b * map.kept * w * CB..][..map.kept * w * CB].as_chunks::<CB>();
        let (o, _) = out[b * plane..][..(to - from) * width * CB].as_chunks_mut::<CB>();
        for (y, o) in (from..to).zip(o.chunks_exact_mut(width)) {
            for (x, o) in o.iter_mut().enumerate() {
                let mut acc = S::f32s::from_slice(simd, &d.bias[b * CB..][..CB]);
                for dy in 0..size[0] {
                    let Some(row) = (y * stride[0] + dy * dilation[0])
                        .checked_sub(pad[0])
                        .filter(|row| *row < h)
                    else {
                        continue;
                    };
                    let row = &data[row % map.kept * w..][..w];
                    for dx in 0..size[1] {
                        let Some(column) = (x * stride[1] + dx * dilation[1])
                            .checked_sub(pad[1])
                            .filter(|column| *column < w)
                        else {
                            continue;
                        };
                        acc = S::f32s::from_slice(simd, &row[column])
                            .mul_add(S::f32s::from_slice(simd, &weights[dy * size[1] + dx]), acc);
                    }
                }
                limit(simd, acc, d.act).store_slice(o);
            }
            follow::<S, CB>(simd, o, d.act.curve);
        }
    }
}

#[inline(always)]
pub(super) fn run<S: Simd>(
    simd: S,
    map: Rows,
    d: &Depthwise,
    from: usize,
    to: usize,
    width: usize,
    out: &mut [f32],
    plane: usize,
) {
    macro_rules! go { ($f:ident $(, $n:literal)*) => { simd.vectorize(#[inline(always)] || $f::<S $(, $n)*>(simd, map, d, from, to, width, out, plane)) } }
    macro_rules! all {
        ($cb:literal) => {
            match d.window {
                Window { size: [3, 3], stride: [1, 1], dilation: [1, 1], .. } => {
                    go!(square, 3, 1, $cb)
                }
                Window { size: [3, 3], stride: [2, 2], dilation: [1, 1], .. } => {
                    go!(square, 3, 2, $cb)
                }
                Window { size: [5, 5], stride: [1, 1], dilation: [1, 1], .. } => {
                    go!(square, 5, 1, $cb)
                }
                Window { size: [5, 5], stride: [2, 2], dilation: [1, 1], .. } => {
                    go!(square, 5, 2, $cb)
                }
                _ => go!(any, $cb),
            }
        };
    }
    match S::f32s::LEN {
        16 => all!(16),
        8 => all!(8),
        _ => all!(4),
    }
}

/// Rows `from` to `to` of the output.
///
/// * `width`: of the output; `out`: `[blocks][plane]`, of which each plane begins with row `from`.
pub fn depthwise(
    level: Level,
    map: Rows,
    d: &Depthwise,
    from: usize,
    to: usize,
    width: usize,
    out: &mut [f32],
    plane: usize,
) {
    with_level!(level, simd => run(simd, map, d, from, to, width, out, plane));
}
