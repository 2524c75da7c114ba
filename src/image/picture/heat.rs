//! A map laid over a frame in colour.

use crate::image::frame::Frame;

/// How much of a pixel the colour takes where the map is shown in full.
const MOST: f32 = 0.75;

/// A frame with a map over it: nothing where it is 0, from yellow to red where it is 1.
///
/// * `heat`: `[height][width]` of the frame, 0 to 1.
pub fn laid_over(frame: &Frame, heat: &[f32]) -> Frame {
    let pixels = frame.pixels().chunks_exact(3).zip(heat).flat_map(|(pixel, &heat)| {
        let heat = if heat.is_finite() { heat.clamp(0.0, 1.0) } else { 0.0 };
        let share = MOST * heat.sqrt();
        let colour = [255.0, 220.0 * (1.0 - heat), 0.0];
        let mixed =
            |at: usize| (f32::from(pixel[at]) * (1.0 - share) + colour[at] * share).round() as u8;
        [mixed(0), mixed(1), mixed(2)]
    });
    let pixels: Vec<u8> = pixels.collect();
    Frame::new(frame.width(), frame.height(), pixels, frame.captured())
        .expect("as many pixels as the frame has")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;

    #[test]
    fn what_is_nought_stays_and_what_is_one_is_red() {
        let frame = Frame::new(3, 1, vec![100; 9], Timestamp(7)).expect("three pixels");
        let drawn = laid_over(&frame, &[0.0, 1.0, f32::NAN]);
        assert_eq!(drawn.pixels(), [100, 100, 100, 216, 25, 25, 100, 100, 100]);
        assert_eq!(drawn.captured(), Timestamp(7));
    }
}
