//! Convolutions of maps whose channels lie side by side: matrix products, and sums along the channels.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder as _};

use super::{Size, Window};

/// A matrix in a slice: rows, columns, and whether it lies there by columns.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    data: &'a [f32],
    sides: [usize; 2],
    turned: bool,
}

impl<'a> Matrix<'a> {
    /// * `data`: `[rows][columns]`.
    pub(super) fn of(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { data, sides: [rows, columns], turned: false }
    }

    /// With rows and columns exchanged.
    pub(super) fn turned(self) -> Self {
        Self { turned: !self.turned, ..self }
    }

    fn view(&self) -> ArrayView2<'a, f32> {
        let [rows, columns] = self.sides;
        let view = ArrayView2::from_shape((rows, columns).strides((columns, 1)), self.data)
            .expect("a matrix is as long as its sides say");
        if self.turned { view.reversed_axes() } else { view }
    }
}

/// `out = a b + keep out`, `[rows of a][columns of b]`.
pub(super) fn multiply(a: Matrix, b: Matrix, keep: f32, out: &mut [f32]) {
    let (a, b) = (a.view(), b.view());
    let sides = (a.nrows(), b.ncols());
    let mut out = ArrayViewMut2::from_shape(sides, out).expect("as long as its sides say");
    general_mat_mul(1.0, &a, &b, keep, &mut out);
}

/// Whether every output reads the one pixel at its own place.
pub(super) fn is_point(window: Window, from: Size, to: Size) -> bool {
    window == Window::ONE && [from.height, from.width] == [to.height, to.width]
}

/// Each place of a window that lies in the map: the output's pixel, the place, the input's pixel.
fn each_place(window: Window, from: Size, to: Size, mut visit: impl FnMut(usize, usize, usize)) {
    let at = |axis: usize, out: usize, place: usize| {
        (out * window.stride[axis] + place * window.dilation[axis]).checked_sub(window.pad[axis])
    };
    for y in 0..to.height {
        for x in 0..to.width {
            for dy in 0..window.size[0] {
                let Some(row) = at(0, y, dy).filter(|row| *row < from.height) else { continue };
                for dx in 0..window.size[1] {
                    let Some(column) = at(1, x, dx).filter(|column| *column < from.width) else {
                        continue;
                    };
                    visit(y * to.width + x, dy * window.size[1] + dx, row * from.width + column);
                }
            }
        }
    }
}

/// What each output of a dense convolution reads, side by side: `[batch][pixels][place][channels]`.
pub(super) fn gather(window: Window, from: Size, to: Size, map: &[f32], out: &mut Vec<f32>) {
    let (channels, places) = (from.channels, window.places());
    out.clear();
    out.resize(map.len() / from.values() * to.pixels() * places * channels, 0.0);
    let out = out.chunks_exact_mut(to.pixels() * places * channels);
    for (map, out) in map.chunks_exact(from.values()).zip(out) {
        each_place(window, from, to, |pixel, place, source| {
            out[(pixel * places + place) * channels..][..channels]
                .copy_from_slice(&map[source * channels..][..channels]);
        });
    }
}

/// The reverse of [`gather`]: adds every copy to where it came from.
pub(super) fn scatter(window: Window, from: Size, to: Size, columns: &[f32], map: &mut [f32]) {
    let (channels, places) = (from.channels, window.places());
    let columns = columns.chunks_exact(to.pixels() * places * channels);
    for (map, columns) in map.chunks_exact_mut(from.values()).zip(columns) {
        each_place(window, from, to, |pixel, place, source| {
            let column = &columns[(pixel * places + place) * channels..][..channels];
            let map = &mut map[source * channels..][..channels];
            map.iter_mut().zip(column).for_each(|(map, column)| *map += column);
        });
    }
}

/// Adds a depthwise convolution to `out`.
///
/// * `weights`: `[place][channels]`.
pub(super) fn depthwise(
    window: Window,
    [from, to]: [Size; 2],
    map: &[f32],
    weights: &[f32],
    out: &mut [f32],
) {
    let channels = from.channels;
    for (map, out) in map.chunks_exact(from.values()).zip(out.chunks_exact_mut(to.values())) {
        each_place(window, from, to, |pixel, place, source| {
            let (map, weights) =
                (&map[source * channels..][..channels], &weights[place * channels..][..channels]);
            let out = &mut out[pixel * channels..][..channels];
            for ((out, value), weight) in out.iter_mut().zip(map).zip(weights) {
                *out += value * weight;
            }
        });
    }
}

/// Adds to the slopes of the weights, and of the map where they are wanted.
pub(super) fn depthwise_back(
    window: Window,
    [from, to]: [Size; 2],
    map: &[f32],
    weights: &[f32],
    slopes: &[f32],
    of_weights: &mut [f32],
    mut of_map: Option<&mut [f32]>,
) {
    let channels = from.channels;
    let maps = map.chunks_exact(from.values()).zip(slopes.chunks_exact(to.values()));
    for (number, (map, slopes)) in maps.enumerate() {
        let mut of_map =
            of_map.as_deref_mut().map(|all| &mut all[number * from.values()..][..from.values()]);
        each_place(window, from, to, |pixel, place, source| {
            let slopes = &slopes[pixel * channels..][..channels];
            let of_weights = &mut of_weights[place * channels..][..channels];
            let values = &map[source * channels..][..channels];
            for ((of_weight, value), slope) in of_weights.iter_mut().zip(values).zip(slopes) {
                *of_weight += value * slope;
            }
            if let Some(of_map) = &mut of_map {
                let of_map = &mut of_map[source * channels..][..channels];
                let weights = &weights[place * channels..][..channels];
                for ((of_value, weight), slope) in of_map.iter_mut().zip(weights).zip(slopes) {
                    *of_value += weight * slope;
                }
            }
        });
    }
}
