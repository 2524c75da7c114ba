//! A kernel against the plainest loops, over sizes and values that some bytes choose, at every width of vectors that this
//! machine has. The tests take random bytes, the fuzz target those of the fuzzer.

pub mod tokens;

use fieldtune_kernels::conv::{Conv, Window, convolve};
use fieldtune_kernels::depthwise::{Depthwise, Rows, depthwise};
use fieldtune_kernels::elementwise::{With, elementwise};
use fieldtune_kernels::point::{point, scaled_point};
use fieldtune_kernels::pool::{Pool, global, pool};
use fieldtune_kernels::winograd::{Winograd, convolve_winograd};
use fieldtune_kernels::{Act, Curve, Level, Part, PartMut, layout};

/// Bytes as choices, two each; the first of all where none are left.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    fn up_to(&mut self, most: usize) -> usize {
        let Some((two, rest)) = self.0.split_first_chunk() else { return 1 };
        self.0 = rest;
        1 + usize::from(u16::from_le_bytes(*two)) % most
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.up_to(of.len()) - 1]
    }

    /// From -1 to 1 by the steps of SplitMix64; now and then with values that are none.
    fn values(&mut self, len: usize) -> Vec<f32> {
        let mut state = self.up_to(1 << 16) as u64;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        let mut values: Vec<f32> =
            (0..len).map(|_| (next() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect();
        if self.up_to(8) == 8 {
            for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                values[next() as usize % len] = special;
            }
        }
        values
    }

    fn act(&mut self) -> Act {
        let curves = [Curve::None, Curve::HardSwish, Curve::Sigmoid, Curve::Silu, Curve::Gelu];
        let curve = self.one_of(&curves);
        self.one_of(&[Act::NONE, Act::RELU, Act::RELU6, Act { curve, ..Act::NONE }])
    }

    /// A window, and a map that it fits into with the size of its output.
    fn window(&mut self, most: usize, strides: &[usize]) -> (Window, [usize; 2], [usize; 2]) {
        let size = [self.up_to(most), self.up_to(most)];
        let dilation = [self.one_of(&[1, 1, 2]), self.one_of(&[1, 1, 2])];
        let stride = [self.one_of(strides), self.one_of(strides)];
        let pad = size.map(|side| self.up_to(side) - 1);
        let window = Window { size, stride, dilation, pad };
        let behind = size.map(|side| self.up_to(side) - 1);
        let map = [0, 1].map(|axis| {
            let least = window.reach(axis).saturating_sub(pad[axis] + behind[axis]).max(1);
            least + self.up_to(30) - 1
        });
        let to = [0, 1].map(|axis| {
            (map[axis] + pad[axis] + behind[axis] - window.reach(axis)) / stride[axis] + 1
        });
        (window, map, to)
    }
}

/// What happens to one value, without vectors.
fn activated(act: Act, x: f32) -> f32 {
    let x = if x < act.lo { act.lo } else { x };
    let x = if x > act.hi { act.hi } else { x };
    let unit = |x: f32| if x.is_nan() { x } else { x.clamp(0.0, 1.0) };
    match act.curve {
        Curve::None => x,
        Curve::HardSwish => x * unit(x / 6.0 + 0.5),
        // Far out it is nearly 0, not 0, so that infinity times it is infinite.
        Curve::Sigmoid => 1.0 / (1.0 + (-x).clamp(-87.0, 88.0).exp()),
        Curve::Silu => x * (1.0 / (1.0 + (-x).clamp(-87.0, 88.0).exp())),
        // Nothing of it is left far out, where infinity times nothing would be none.
        Curve::Gelu if x.abs() > 30.0 => x.max(0.0),
        Curve::Gelu => (f64::from(x) * normal_cdf(f64::from(x))) as f32,
    }
}

/// The cumulative distribution of the standard normal: the sum of its series.
fn normal_cdf(x: f64) -> f64 {
    if x.abs() > 8.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum, mut at) = (x, x, 1.0);
    while term.abs() > 1e-18 {
        at += 2.0;
        term *= x * x / at;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

fn blocks(lanes: usize, planar: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; channels.div_ceil(lanes) * lanes * pixels];
    layout::to_blocks(lanes, planar, channels, pixels, &mut out);
    out
}

fn planar(lanes: usize, blocks: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    let mut out = vec![0.0; channels * pixels];
    layout::from_blocks(lanes, blocks, pixels, &mut out);
    out
}

/// The same within `tolerance`, NaN where NaN is wanted.
fn compare(got: &[f32], wanted: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        let same = got == wanted
            || got.is_nan() && wanted.is_nan()
            || (got - wanted).abs() <= tolerance * wanted.abs().max(1.0);
        assert!(same, "{what}: value {at} is {got}, wanted {wanted}");
    }
}

/// Where in a map a place of a window is.
fn place(window: &Window, at: [usize; 2], tap: [usize; 2], size: [usize; 2]) -> Option<usize> {
    let [y, x] = [0, 1].map(|axis| {
        let place = at[axis] * window.stride[axis] + tap[axis] * window.dilation[axis];
        place.checked_sub(window.pad[axis]).filter(|place| *place < size[axis])
    });
    Some(y? * size[1] + x?)
}

/// `sum(out, y, x)` of every output, `[channels][height][width]`.
fn each(
    channels: usize,
    to: [usize; 2],
    mut sum: impl FnMut(usize, [usize; 2]) -> f32,
) -> Vec<f32> {
    let mut out = Vec::new();
    for channel in 0..channels {
        for y in 0..to[0] {
            out.extend((0..to[1]).map(|x| sum(channel, [y, x])));
        }
    }
    out
}

/// A dense convolution.
pub fn dense(level: Level, random: &mut Choices) {
    let (mut window, from, to) = random.window(4, &[1, 2]);
    let is_planar = random.up_to(3) == 1;
    let [cin, cout] = [random.up_to(if is_planar { 4 } else { 40 }), random.up_to(70)];
    let (act, residual) = (random.act(), random.up_to(2) == 1);
    let (from, to) = if random.up_to(3) == 1 {
        window = Window::ONE;
        let from = if random.up_to(2) == 1 { [4, 4] } else { from };
        (from, from)
    } else {
        (from, to)
    };
    let taps = window.size[0] * window.size[1];
    let [pixels, out_pixels] = [from[0] * from[1], to[0] * to[1]];
    let (map, bias) = (random.values(cin * pixels), random.values(cout));
    let weights: Vec<f32> = random.values(cin * cout * taps);
    let added = random.values(cout * out_pixels);
    let is_point = window.is_point() && !is_planar;
    let factors = (is_point && random.up_to(2) == 1).then(|| random.values(cin));
    let wanted = each(cout, to, |out, [y, x]| {
        let mut sum = bias[out];
        for channel in 0..cin {
            for tap in 0..taps {
                let at = [tap / window.size[1], tap % window.size[1]];
                // Outside it is 0, which times infinity is NaN.
                let value =
                    place(&window, [y, x], at, from).map_or(0.0, |at| map[channel * pixels + at]);
                let value = factors.as_ref().map_or(value, |factors| value * factors[channel]);
                sum += value * weights[(out * cin + channel) * taps + tap];
            }
        }
        sum += if residual { added[out * out_pixels + y * to[1] + x] } else { 0.0 };
        activated(act, sum)
    });
    let lanes = level.lanes();
    let weight =
        |out: usize, channel: usize, tap: usize| weights[(out * cin + channel) * taps + tap];
    let conv = Conv::new(level, window, [cin, cout], is_planar, out_pixels, weight, &bias, act);
    let input = if is_planar { map.clone() } else { blocks(lanes, &map, cin, pixels) };
    let added = blocks(lanes, &added, cout, out_pixels);
    let stride = out_pixels * lanes;
    let residual = residual.then_some(Part { data: &added, at: 0, stride });
    let mut out = vec![f32::NAN; conv.blocks() * stride];
    let mut part = PartMut { data: &mut out, at: 0, stride };
    let a = Part { data: &input, at: 0, stride };
    if let Some(factors) = &factors {
        let (factors, mut scratch) = (blocks(lanes, factors, cin, 1), vec![0.0; conv.weights()]);
        scaled_point(level, a, &factors, pixels, &conv, residual, &mut scratch, &mut part);
    } else if is_point {
        point(level, a, pixels, &conv, residual, &mut part);
    } else {
        let padded = window.padded(from, to);
        let inner = if is_planar { 1 } else { lanes };
        let planes = input.len() / (pixels * inner);
        let mut map = vec![f32::NAN; planes * padded[0] * padded[1] * inner];
        layout::pad(inner, &input, from, window.pad, padded, &mut map);
        let taps = conv.taps(padded);
        convolve(level, &map, padded, &taps, &conv, [0, to[0]], to[1], residual, &mut part);
    }
    let what = format!("{}: {window:?} {cin} to {cout}, {from:?} {act:?}", level.name());
    compare(&planar(lanes, &out, cout, out_pixels), &wanted, 1e-5, &what);
}

/// A dense convolution of 3 x 3 by Winograd's way.
pub fn winograd(level: Level, random: &mut Choices) {
    let lanes = level.lanes();
    let [cin, cout] = [random.up_to(40), random.up_to(70)];
    let (act, residual) = (random.act(), random.up_to(2) == 1);
    let pad = [0, 1].map(|_| random.up_to(3) - 1);
    let to = [0, 1].map(|_| random.up_to(24));
    let from =
        [0, 1].map(|axis| (to[axis] + 2).saturating_sub(pad[axis] + random.up_to(3) - 1).max(1));
    let window = Window { size: [3; 2], pad, ..Window::ONE };
    let [pixels, out_pixels] = [from[0] * from[1], to[0] * to[1]];
    // What is not finite spreads over its tile.
    let mut finite = |len: usize| {
        let values = random.values(len);
        values.into_iter().map(|x| if x.is_finite() { x } else { 0.5 }).collect::<Vec<f32>>()
    };
    let (map, bias, weights) = (finite(cin * pixels), finite(cout), finite(cin * cout * 9));
    let added = finite(cout * out_pixels);
    let wanted = each(cout, to, |out, at| {
        let mut sum = bias[out];
        for channel in 0..cin {
            for tap in 0..9 {
                let value = place(&window, at, [tap / 3, tap % 3], from);
                let value = value.map_or(0.0, |at| map[channel * pixels + at]);
                sum += value * weights[(out * cin + channel) * 9 + tap];
            }
        }
        sum += if residual { added[out * out_pixels + at[0] * to[1] + at[1]] } else { 0.0 };
        activated(act, sum)
    });
    let weight = |out: usize, channel: usize, tap: usize| weights[(out * cin + channel) * 9 + tap];
    let conv = Winograd::new(level, [cin, cout], pad, to, weight, &bias, act);
    let (padded, planes) = (conv.padded(), cin.div_ceil(lanes));
    let mut input = vec![f32::NAN; planes * padded[0] * padded[1] * lanes];
    layout::pad(lanes, &blocks(lanes, &map, cin, pixels), from, pad, padded, &mut input);
    let added = blocks(lanes, &added, cout, out_pixels);
    let stride = out_pixels * lanes;
    let residual = residual.then_some(Part { data: &added, at: 0, stride });
    let (mut scratch, mut out) =
        (vec![f32::NAN; conv.scratch()], vec![f32::NAN; conv.blocks() * stride]);
    let mut part = PartMut { data: &mut out, at: 0, stride };
    convolve_winograd(level, &input, &conv, residual, &mut scratch, &mut part);
    let what = format!("{}: {cin} to {cout}, {from:?} to {to:?} {act:?}", level.name());
    compare(&planar(lanes, &out, cout, out_pixels), &wanted, 3e-5, &what);
}

/// A depthwise convolution.
pub fn depthwise_convolution(level: Level, random: &mut Choices) {
    let (mut window, mut from, mut to) = random.window(7, &[1, 2, 3]);
    if random.up_to(2) == 1 {
        // The usual ones have code of their own for the borders.
        let side = random.one_of(&[3, 5]);
        let stride = random.one_of(&[1, 2]);
        let pad = [0, 1].map(|_| random.one_of(&[0, side / 2, 1]));
        window = Window { size: [side; 2], stride: [stride; 2], dilation: [1, 1], pad };
        let behind = [0, 1].map(|_| random.one_of(&[0, side / 2, 1]));
        from = [0, 1].map(|axis| {
            side.saturating_sub(pad[axis] + behind[axis]).max(1) + random.up_to(12) - 1
        });
        to = [0, 1].map(|axis| (from[axis] + pad[axis] + behind[axis] - side) / stride + 1);
    }
    let (channels, act) = (random.up_to(40), random.act());
    let taps = window.size[0] * window.size[1];
    let [pixels, out_pixels] = [from[0] * from[1], to[0] * to[1]];
    let (map, bias) = (random.values(channels * pixels), random.values(channels));
    // Outside of a map nothing is added, so that an infinite weight there would be felt only by the plain loops.
    let weights: Vec<f32> = (0..channels * taps).map(|at| (at % 13) as f32 * 0.1 - 0.6).collect();
    let wanted = each(channels, to, |channel, at| {
        let mut sum = bias[channel];
        for tap in 0..taps {
            let tap_at = [tap / window.size[1], tap % window.size[1]];
            let value = place(&window, at, tap_at, from);
            let value = value.map_or(0.0, |at| map[channel * pixels + at]);
            sum += value * weights[channel * taps + tap];
        }
        activated(act, sum)
    });
    let lanes = level.lanes();
    let weight = |channel: usize, tap: usize| weights[channel * taps + tap];
    let packed = Depthwise::new(level, window, channels, weight, &bias, act);
    let (input, zeros) = (blocks(lanes, &map, channels, pixels), vec![0.0; from[1] * lanes]);
    let mut out = vec![f32::NAN; packed.blocks() * out_pixels * lanes];
    let rows = Rows { data: &input, kept: from[0], size: from, zeros: &zeros };
    depthwise(level, rows, &packed, 0, to[0], to[1], &mut out, out_pixels * lanes);
    let what = format!("{}: {window:?} of {channels}, {from:?} {act:?}", level.name());
    compare(&planar(lanes, &out, channels, out_pixels), &wanted, 1e-5, &what);
}

/// Pooling by a window and over all of a map.
pub fn pools(level: Level, random: &mut Choices) {
    let lanes = level.lanes();
    let (mut window, mut from, mut to) = random.window(4, &[1, 2, 3]);
    let is_usual = random.up_to(2) == 1;
    if is_usual {
        // The usual one has code of its own for the largest value.
        let pad = [0, 1].map(|_| random.up_to(3) - 1);
        window = Window { size: [3; 2], stride: [2; 2], dilation: [1, 1], pad };
        let behind = [0, 1].map(|_| random.up_to(3) - 1);
        from = [0, 1].map(|axis| 3_usize.saturating_sub(pad[axis] + behind[axis]).max(1));
        from = from.map(|least| least + random.up_to(12) - 1);
        to = [0, 1].map(|axis| (from[axis] + pad[axis] + behind[axis] - 3) / 2 + 1);
    }
    let (channels, how) =
        (random.up_to(40), random.one_of(&[Pool::Max, Pool::Mean, Pool::MeanOfAll]));
    let how = if is_usual { Pool::Max } else { how };
    let taps = window.size[0] * window.size[1];
    let [pixels, out_pixels] = [from[0] * from[1], to[0] * to[1]];
    let map = random.values(channels * pixels);
    let larger = |a: f32, b: f32| if b > a || b.is_nan() { b } else { a };
    let wanted = each(channels, to, |channel, at| {
        let seen = (0..taps).filter_map(|tap| {
            place(&window, at, [tap / window.size[1], tap % window.size[1]], from)
        });
        let seen: Vec<f32> = seen.map(|at| map[channel * pixels + at]).collect();
        match how {
            Pool::Max => seen.iter().copied().fold(f32::NEG_INFINITY, larger),
            Pool::Mean => seen.iter().sum::<f32>() / seen.len() as f32,
            Pool::MeanOfAll => seen.iter().sum::<f32>() / taps as f32,
        }
    });
    let input = blocks(lanes, &map, channels, pixels);
    let mut out = vec![f32::NAN; channels.div_ceil(lanes) * lanes * out_pixels];
    pool(level, how, window, &input, from, &mut out, to);
    let what = format!("{}: {how:?} {window:?} {from:?}", level.name());
    compare(&planar(lanes, &out, channels, out_pixels), &wanted, 1e-5, &what);

    let mut sums = vec![0.0; channels.div_ceil(lanes) * lanes];
    let mut largest = sums.clone();
    global(level, &input, pixels, 0.5, &mut sums, &mut largest);
    let channel = |channel: usize| &map[channel * pixels..][..pixels];
    let sum = each(channels, [1, 1], |at, _| channel(at).iter().sum::<f32>() * 0.5);
    compare(&sums[..channels], &sum, 1e-4, &what);
    let most =
        each(channels, [1, 1], |at, _| channel(at).iter().copied().fold(f32::NEG_INFINITY, larger));
    compare(&largest[..channels], &most, 0.0, &what);
}

/// What is done to each value.
pub fn elementwise_kernels(level: Level, random: &mut Choices) {
    let lanes = level.lanes();
    let (channels, pixels, act) = (random.up_to(40), random.up_to(50), random.act());
    let mut map = |len: usize| {
        let values = random.values(len);
        values.into_iter().map(|value| value * 20.0).collect::<Vec<f32>>()
    };
    let (a, b) = (map(channels * pixels), map(channels * pixels));
    let (scale, shift) = (map(channels), map(channels));
    let [blocked, other] = [&a, &b].map(|map| blocks(lanes, map, channels, pixels));
    let [factor, summand] = [&scale, &shift].map(|map| blocks(lanes, map, channels, 1));
    let cases: [(With, &dyn Fn(usize) -> f32); 5] = [
        (With::Nothing, &|at| a[at]),
        (With::Plus(&other), &|at| a[at] + b[at]),
        (With::Times(&other), &|at| a[at] * b[at]),
        (With::Scaled(&factor), &|at| a[at] * scale[at / pixels]),
        (With::Affine(&factor, &summand), &|at| a[at] * scale[at / pixels] + shift[at / pixels]),
    ];
    for (with, plain) in cases {
        let mut out = vec![f32::NAN; blocked.len()];
        elementwise(level, &blocked, pixels, with, act, &mut out);
        let wanted: Vec<f32> = (0..a.len()).map(|at| activated(act, plain(at))).collect();
        let what = format!("{}: {act:?}", level.name());
        compare(&planar(lanes, &out, channels, pixels), &wanted, 1e-5, &what);
    }
}

/// Maps put one behind the other keep their channels.
pub fn maps_one_behind_the_other(level: Level, random: &mut Choices) {
    let (lanes, pixels) = (level.lanes(), random.up_to(20));
    let maps: Vec<Vec<f32>> = (0..3)
        .map(|_| {
            let channels = random.up_to(40);
            random.values(channels * pixels)
        })
        .collect();
    let all: Vec<f32> = maps.concat();
    let channels = all.len() / pixels;
    let mut out = vec![0.0; channels.div_ceil(lanes) * lanes * pixels];
    let mut at = 0;
    for map in &maps {
        let count = map.len() / pixels;
        layout::append(lanes, &blocks(lanes, map, count, pixels), count, pixels, at, &mut out);
        at += count;
    }
    compare(&planar(lanes, &out, channels, pixels), &all, 0.0, "appended");
}

/// Every so many pixels of a map.
pub fn steps_over_pixels(level: Level, random: &mut Choices) {
    let (lanes, channels) = (level.lanes(), random.up_to(40));
    let (size, step) = ([0; 2].map(|_| random.up_to(12)), [0; 2].map(|_| random.up_to(3)));
    let to = [0, 1].map(|axis| size[axis].div_ceil(step[axis]));
    let map = random.values(channels * size[0] * size[1]);
    let wanted = each(channels, to, |channel, [y, x]| {
        map[(channel * size[0] + y * step[0]) * size[1] + x * step[1]]
    });
    let input = blocks(lanes, &map, channels, size[0] * size[1]);
    let mut out = vec![f32::NAN; channels.div_ceil(lanes) * lanes * to[0] * to[1]];
    layout::subsample(lanes, &input, size, step, to, &mut out);
    compare(&planar(lanes, &out, channels, to[0] * to[1]), &wanted, 0.0, "every");
}

/// Every kernel.
pub const ALL: [fn(Level, &mut Choices); 10] = [
    dense,
    winograd,
    depthwise_convolution,
    pools,
    elementwise_kernels,
    maps_one_behind_the_other,
    steps_over_pixels,
    tokens::rows_of_channels,
    tokens::norms,
    tokens::attention,
];

/// * `data`: which kernel, and its choices.
#[allow(dead_code, reason = "the fuzz target's")]
pub fn check(data: &[u8]) {
    let mut choices = Choices(data);
    let kernel = choices.one_of(&ALL);
    for level in Level::all() {
        kernel(level, &mut Choices(choices.0));
    }
}
