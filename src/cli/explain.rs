//! `classify --explain` and `snap --explain`: where in a picture lies what its prediction comes from.

use super::eval::plot::{Align, Drawing, INK};
use crate::backbone::FeatureSource;
use crate::image::frame::{Frame, FrameKind, Region};
use crate::image::picture;
use crate::learn::explained::{ExplainError, Explained, HeatOverlay, HeatPeak};
use crate::learn::learner::Learner;

/// The frame with that drawn over its region, and the place that says most.
///
/// # Errors
/// The region does not fit, or why nothing of this head can be shown.
pub(in crate::cli) fn explain(
    source: &mut impl FeatureSource,
    learner: &Learner,
    frame: &Frame,
    region: &Region,
) -> anyhow::Result<(Explained, Frame, HeatPeak)> {
    let (x, y, width, height) = region.resolve(frame.width(), frame.height())?;
    let part = frame.region(region)?;
    let explained = Explained::of(source, learner, &part).map_err(with_next)?;
    let scale = if frame.kind() == FrameKind::Sound { ENLARGED } else { 1 };
    let within = [x, y, width, height].map(|side| f64::from(scale * side));
    let (drawn, place) = explained.overlay.over(&enlarged(frame, scale)?, within);
    let (x, y) = (place.x / scale as usize, place.y / scale as usize);
    Ok((explained, drawn, HeatPeak { x, y, ..place }))
}

/// The pixels of a sound's picture are drawn so many times as wide and as high: it has 101x128.
const ENLARGED: u32 = 4;

fn enlarged(frame: &Frame, scale: u32) -> anyhow::Result<Frame> {
    if scale == 1 {
        return Ok(frame.clone());
    }
    let row = frame.width() as usize * 3;
    let mut pixels = Vec::with_capacity(frame.pixels().len() * (scale * scale) as usize);
    for line in frame.pixels().chunks_exact(row) {
        let pixel = |pixel: &[u8; 3]| [*pixel; ENLARGED as usize];
        let wide: Vec<u8> = line.as_chunks().0.iter().flat_map(pixel).flatten().collect();
        (0..scale).for_each(|_| pixels.extend_from_slice(&wide));
    }
    Ok(Frame::new(frame.width() * scale, frame.height() * scale, pixels, frame.captured())?)
}

fn with_next(error: ExplainError) -> anyhow::Error {
    let next = match error {
        ExplainError::NoPatches => "\n  next: fieldtune store reteach".to_owned(),
        ExplainError::NotLinear(kind) => {
            format!("\n  next: fieldtune head lda (fieldtune undo brings {kind} back)")
        }
        _ => String::new(),
    };
    anyhow::anyhow!("--explain: {error}{next}")
}

/// The frame with where it differs from an example's image, and that image beside it; and the place where it differs most.
///
/// * `words`: what stands below each.
///
/// # Errors
/// The network has no maps.
pub(in crate::cli) fn beside(
    source: &mut impl FeatureSource,
    frame: &Frame,
    example: &Frame,
    words: [String; 2],
) -> anyhow::Result<(Frame, HeatPeak)> {
    let overlay = HeatOverlay::of_difference(source, frame, example)
        .map_err(|error| anyhow::anyhow!("--like: {error}"))?;
    let (marked, place) = overlay.over_all(frame);
    let side = example.width().max(example.height()).max(LEAST_SIDE);
    let pictures = [picture::smaller(&marked, side), picture::smaller(example, side)];
    let high = pictures.iter().map(|one| one.height() as usize).max().unwrap_or(0);
    let lefts = [GAP, 2 * GAP + (pictures[0].width() as usize).max(LEAST_SIDE as usize)];
    let width = lefts[1] + (pictures[1].width() as usize).max(LEAST_SIDE as usize) + GAP;
    let mut drawing = Drawing::blank(width as i32, (high + 2 * GAP + LINE) as i32);
    for (left, words) in lefts.iter().zip(words) {
        let y = GAP + high + LINE / 2 + GAP / 2;
        drawing.words(*left as i32, y as i32, words, Align::Start, INK);
    }
    let sheet = drawing.frame();
    let mut pixels = sheet.pixels().to_vec();
    for (left, picture) in lefts.iter().zip(&pictures) {
        let row = picture.width() as usize * 3;
        for (line, from) in picture.pixels().chunks_exact(row).enumerate() {
            let at = ((GAP + line) * width + left) * 3;
            pixels[at..at + row].copy_from_slice(from);
        }
    }
    Ok((Frame::new(sheet.width(), sheet.height(), pixels, frame.captured())?, place))
}

/// Pixels around the pictures, of a line of words, and of the least longer side, so that the words have room.
const GAP: usize = 8;
const LINE: usize = 16;
const LEAST_SIDE: u32 = 256;
