//! From one order of values to another. Copies only, without vectors.

/// `[channels][pixels]` to blocks; lanes beyond the last channel become 0.
pub fn to_blocks(lanes: usize, planar: &[f32], channels: usize, pixels: usize, out: &mut [f32]) {
    for (block, out) in out.chunks_exact_mut(pixels * lanes).enumerate() {
        for lane in 0..lanes {
            let channel = block * lanes + lane;
            if channel < channels {
                let from = &planar[channel * pixels..][..pixels];
                out[lane..].iter_mut().step_by(lanes).zip(from).for_each(|(o, v)| *o = *v);
            } else {
                out[lane..].iter_mut().step_by(lanes).for_each(|o| *o = 0.0);
            }
        }
    }
}

/// Blocks to `[channels][pixels]`.
pub fn from_blocks(lanes: usize, blocks: &[f32], pixels: usize, planar: &mut [f32]) {
    for (channel, out) in planar.chunks_exact_mut(pixels).enumerate() {
        let from = &blocks[channel / lanes * pixels * lanes + channel % lanes..];
        from.iter().step_by(lanes).zip(out).for_each(|(v, o)| *o = *v);
    }
}

/// `[pixels][channels]` to blocks; lanes beyond the last channel become 0.
pub fn from_rows(lanes: usize, rows: &[f32], channels: usize, pixels: usize, out: &mut [f32]) {
    match lanes {
        16 => rows_to_blocks::<16>(rows, channels, pixels, out),
        8 => rows_to_blocks::<8>(rows, channels, pixels, out),
        _ => rows_to_blocks::<4>(rows, channels, pixels, out),
    }
}

fn rows_to_blocks<const LANES: usize>(
    rows: &[f32],
    channels: usize,
    pixels: usize,
    out: &mut [f32],
) {
    let (out, _) = out.as_chunks_mut::<LANES>();
    for (pixel, row) in rows.chunks_exact(channels).take(pixels).enumerate() {
        let (whole, rest) = row.as_chunks::<LANES>();
        let mut to = out[pixel..].iter_mut().step_by(pixels);
        whole.iter().zip(&mut to).for_each(|(from, to)| *to = *from);
        if let (Some(to), false) = (to.next(), rest.is_empty()) {
            *to = [0.0; LANES];
            to[..rest.len()].copy_from_slice(rest);
        }
    }
}

/// Blocks to `[pixels][channels]`.
pub fn to_rows(lanes: usize, blocks: &[f32], channels: usize, pixels: usize, rows: &mut [f32]) {
    match lanes {
        16 => blocks_to_rows::<16>(blocks, channels, pixels, rows),
        8 => blocks_to_rows::<8>(blocks, channels, pixels, rows),
        _ => blocks_to_rows::<4>(blocks, channels, pixels, rows),
    }
}

fn blocks_to_rows<const LANES: usize>(
    blocks: &[f32],
    channels: usize,
    pixels: usize,
    rows: &mut [f32],
) {
    let (blocks, _) = blocks.as_chunks::<LANES>();
    for (pixel, row) in rows.chunks_exact_mut(channels).take(pixels).enumerate() {
        let (whole, rest) = row.as_chunks_mut::<LANES>();
        let mut from = blocks[pixel..].iter().step_by(pixels);
        whole.iter_mut().zip(&mut from).for_each(|(to, from)| *to = *from);
        if let (Some(from), false) = (from.next(), rest.is_empty()) {
            rest.copy_from_slice(&from[..rest.len()]);
        }
    }
}

/// A map, or an image where `lanes` is 1, within a border of zeros.
///
/// * `out`: `[planes][padded[0]][padded[1]][lanes]`; `pad`: rows above and columns to the left.
pub fn pad(
    lanes: usize,
    map: &[f32],
    size: [usize; 2],
    pad: [usize; 2],
    padded: [usize; 2],
    out: &mut [f32],
) {
    let width = size[1] * lanes;
    let (line, left) = (padded[1] * lanes, pad[1] * lanes);
    for (plane, out) in
        map.chunks_exact(size[0] * width).zip(out.chunks_exact_mut(padded[0] * line))
    {
        out[..pad[0] * line].fill(0.0);
        let (rows, below) = out[pad[0] * line..].split_at_mut(size[0] * line);
        below.fill(0.0);
        for (row, out) in plane.chunks_exact(width).zip(rows.chunks_exact_mut(line)) {
            out[..left].fill(0.0);
            out[left..left + width].copy_from_slice(row);
            out[left + width..].fill(0.0);
        }
    }
}

/// The pixels of a map at every `step`, down and to the right, beginning with the first.
///
/// * `out`: `[blocks][to[0]][to[1]][lanes]`.
pub fn subsample(
    lanes: usize,
    map: &[f32],
    size: [usize; 2],
    step: [usize; 2],
    to: [usize; 2],
    out: &mut [f32],
) {
    match lanes {
        16 => subsample_block::<16>(map, size, step, to, out),
        8 => subsample_block::<8>(map, size, step, to, out),
        _ => subsample_block::<4>(map, size, step, to, out),
    }
}

fn subsample_block<const LANES: usize>(
    map: &[f32],
    size: [usize; 2],
    step: [usize; 2],
    to: [usize; 2],
    out: &mut [f32],
) {
    let (map, out) = (map.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
    let planes = map.chunks_exact(size[0] * size[1]).zip(out.chunks_exact_mut(to[0] * to[1]));
    for (plane, out) in planes {
        let rows = plane.chunks_exact(size[1]).step_by(step[0]);
        for (row, out) in rows.zip(out.chunks_exact_mut(to[1])) {
            out.iter_mut().zip(row.iter().step_by(step[1])).for_each(|(o, v)| *o = *v);
        }
    }
}

/// The channels of a map put behind the first `at` channels of another.
pub fn append(
    lanes: usize,
    map: &[f32],
    channels: usize,
    pixels: usize,
    at: usize,
    out: &mut [f32],
) {
    if at.is_multiple_of(lanes) {
        let blocks = channels.div_ceil(lanes) * pixels * lanes;
        out[at * pixels..][..blocks].copy_from_slice(&map[..blocks]);
        return;
    }
    for channel in 0..channels {
        let from = &map[channel / lanes * pixels * lanes + channel % lanes..];
        let to = &mut out[(at + channel) / lanes * pixels * lanes + (at + channel) % lanes..];
        to.iter_mut()
            .step_by(lanes)
            .zip(from.iter().step_by(lanes))
            .take(pixels)
            .for_each(|(o, v)| *o = *v);
    }
}
