//! Views of a sound: as it would be heard a little earlier, later, or from farther off.

use crate::image::frame::Frame;

/// Columns that a view is shifted by: 80 ms.
const SHIFT: usize = 8;
/// Grey levels that a view is quieter by: 5 dB of a range of 80.
const QUIETER: u8 = 16;

/// The names of [`views`], in their order.
pub const VIEWS: [&str; 3] = ["earlier", "later", "quieter"];

/// What a sound is learned with beside itself, as [`crate::image::views`] are of an image: 80 ms earlier, 80 ms later, and
/// 5 dB quieter. A mirror image or a turned one is no sound; one of another pitch often is of another class.
///
/// * returns frames of the same size and kind.
pub fn views(frame: &Frame) -> Vec<Frame> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let drawn = |level: &dyn Fn(usize, usize) -> u8| {
        let places = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let pixels = places.flat_map(|(row, column)| [level(row * width, column); 3]).collect();
        Frame::new(frame.width(), frame.height(), pixels, frame.captured())
            .expect("as many pixels as the frame has")
            .of_kind(frame.kind())
    };
    let at = |row: usize, column: usize| frame.pixels()[(row + column) * 3];
    let earlier = drawn(&|row, column| at(row, (column + SHIFT).min(width - 1)));
    let later = drawn(&|row, column| at(row, column.saturating_sub(SHIFT)));
    let quieter = drawn(&|row, column| at(row, column).saturating_sub(QUIETER));
    vec![earlier, later, quieter]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::{FrameKind, Timestamp};

    #[test]
    fn views_are_earlier_later_and_quieter() {
        let mut pixels = vec![100; 40 * 20 * 3];
        (0..3).for_each(|channel| pixels[(10 * 40 + 20) * 3 + channel] = 250);
        let frame = Frame::new(40, 20, pixels, Timestamp(4)).expect("the sides fit");
        let frame = frame.of_kind(FrameKind::Sound);
        let [earlier, later, quieter] = &views(&frame)[..] else { panic!("three") };
        let at = |frame: &Frame, row: usize, column: usize| frame.pixels()[(row * 40 + column) * 3];
        assert_eq!((at(earlier, 10, 12), at(earlier, 10, 20)), (250, 100));
        assert_eq!((at(later, 10, 28), at(later, 10, 20)), (250, 100));
        assert_eq!((at(quieter, 10, 20), at(quieter, 0, 0)), (234, 84));
        for view in [earlier, later, quieter] {
            assert_eq!((view.kind(), view.captured()), (FrameKind::Sound, Timestamp(4)));
        }
    }
}
