//! What transformers have besides: rows of channels, layer normalisation, attention.

use fieldtune_kernels::attention::{Attention, attend};
use fieldtune_kernels::norm::{Norm, normalise};
use fieldtune_kernels::{Level, layout};

use super::{Choices, blocks, compare, each, planar};

/// Rows of channels are the same map as planes of pixels.
pub fn rows_of_channels(level: Level, random: &mut Choices) {
    let (lanes, channels, pixels) = (level.lanes(), random.up_to(40), random.up_to(30));
    let map = random.values(channels * pixels);
    let rows: Vec<f32> =
        (0..map.len()).map(|at| map[at % channels * pixels + at / channels]).collect();
    let mut input = vec![f32::NAN; channels.div_ceil(lanes) * lanes * pixels];
    layout::from_rows(lanes, &rows, channels, pixels, &mut input);
    compare(&planar(lanes, &input, channels, pixels), &map, 0.0, "from rows");
    let mut back = vec![f32::NAN; rows.len()];
    layout::to_rows(lanes, &blocks(lanes, &map, channels, pixels), channels, pixels, &mut back);
    compare(&back, &rows, 0.0, "to rows");
}

/// Layer normalisation.
pub fn norms(level: Level, random: &mut Choices) {
    let (lanes, channels, pixels) = (level.lanes(), random.up_to(70), random.up_to(20));
    let map = random.values(channels * pixels);
    let (scale, shift) = (random.values(channels), random.values(channels));
    let wanted = each(channels, [1, pixels], |channel, [_, pixel]| {
        let of_pixel: Vec<f32> = (0..channels).map(|at| map[at * pixels + pixel]).collect();
        let mean = of_pixel.iter().sum::<f32>() / channels as f32;
        let variance = of_pixel.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / channels as f32;
        let normal = (of_pixel[channel] - mean) / (variance + 1e-3).sqrt();
        normal * scale[channel] + shift[channel]
    });
    // Lanes beyond the last channel are finite and mean nothing.
    let mut input = blocks(lanes, &map, channels, pixels);
    let last = (channels - 1) / lanes;
    for pixel in input[last * lanes * pixels..].chunks_exact_mut(lanes) {
        pixel[channels - last * lanes..].fill(7.0);
    }
    let mut out = vec![f32::NAN; input.len()];
    normalise(level, &input, pixels, &Norm::new(level, 1e-3, &scale, &shift), &mut out);
    let what = format!("{}: {channels} of {pixels}", level.name());
    compare(&planar(lanes, &out, channels, pixels), &wanted, 1e-4, &what);
}

/// One head of attention.
pub fn attention(level: Level, random: &mut Choices) {
    let (lanes, size) = (level.lanes(), 16 * random.up_to(3));
    let [asked, pixels] = [random.up_to(40), random.up_to(70)];
    let mut finite = |len: usize| {
        let values = random.values(len);
        values.into_iter().map(|x| if x.is_finite() { x * 4.0 } else { 0.0 }).collect::<Vec<f32>>()
    };
    let (queries, keys) = (finite(size * asked), finite(size * pixels));
    let (values, scale) = (random.values(size * pixels), 0.2);
    let products: Vec<Vec<f32>> = (0..asked)
        .map(|query| {
            let product = |key: usize| {
                let both = |at: usize| queries[at * asked + query] * keys[at * pixels + key];
                (0..size).map(both).sum::<f32>() * scale
            };
            (0..pixels).map(product).collect()
        })
        .collect();
    let wanted = each(size, [1, asked], |channel, [_, query]| {
        let products = &products[query];
        let largest = products.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = products.iter().map(|x| (x - largest).exp()).collect();
        let all: f32 = weights.iter().sum();
        let value = |key: usize| weights[key] / all * values[channel * pixels + key];
        (0..pixels).map(value).sum()
    });
    let heads = Attention::new(level, size, [asked, pixels], scale);
    let inputs = [(&queries, asked), (&keys, pixels), (&values, pixels)];
    let inputs = inputs.map(|(map, pixels)| blocks(lanes, map, size, pixels));
    let mut out = vec![f32::NAN; size * asked];
    let mut scratch = vec![f32::NAN; heads.scratch()];
    let [queries, keys, values] = &inputs;
    attend(level, [queries, keys, values], &heads, &mut scratch, &mut out);
    let what = format!("{}: {size} channels, {asked} of {pixels}", level.name());
    compare(&planar(lanes, &out, size, asked), &wanted, 1e-5, &what);
}
