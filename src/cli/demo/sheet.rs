//! The taught frames on one sheet, a row for each class.

use crate::cli::eval::plot::{Align, Drawing, INK};
use crate::image::frame::{Frame, Timestamp};

/// Frames of one class, with its name.
pub(super) type Row = (&'static str, Vec<Frame>);

const GAP: usize = 6;
const MARGIN: usize = 20;
const TITLE: usize = 34;
const NAMES: usize = 84;

/// Every frame at half its size; all are of one size.
pub(super) fn draw(title: &str, rows: &[Row]) -> Frame {
    let first = rows.iter().find_map(|(_, frames)| frames.first());
    let (wide, high) =
        first.map_or((1, 1), |frame| (frame.width() as usize / 2, frame.height() as usize / 2));
    let columns = rows.iter().map(|(_, frames)| frames.len()).max().unwrap_or(0);
    let place = |row: usize, column: usize| {
        (MARGIN + NAMES + column * (wide + GAP), MARGIN + TITLE + row * (high + GAP))
    };
    let (right, bottom) = place(rows.len(), columns);
    let (width, height) = (right - GAP + MARGIN, bottom - GAP + MARGIN);
    let mut drawing = Drawing::blank(width as i32, height as i32);
    let words = |x: usize, y: usize| (x as i32, y as i32);
    let (x, y) = words(MARGIN, MARGIN + 8);
    drawing.words(x, y, title.to_owned(), Align::Start, INK);
    for (row, (name, _)) in rows.iter().enumerate() {
        let (x, y) = words(MARGIN, place(row, 0).1 + high / 2);
        drawing.words(x, y, (*name).to_owned(), Align::Start, INK);
    }
    let mut pixels = drawing.frame().pixels().to_vec();
    for (row, (_, frames)) in rows.iter().enumerate() {
        for (column, frame) in frames.iter().enumerate() {
            let (left, top) = place(row, column);
            for (line, half) in halved(frame).chunks_exact(wide * 3).enumerate() {
                let at = ((top + line) * width + left) * 3;
                pixels[at..at + half.len()].copy_from_slice(half);
            }
        }
    }
    Frame::new(width as u32, height as u32, pixels, Timestamp::default())
        .expect("the drawing has these sides")
}

/// `[height / 2, width / 2, 3]`, each the mean of four pixels.
fn halved(frame: &Frame) -> Vec<u8> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let mut out = Vec::with_capacity(width * height / 4 * 3);
    for y in (0..height - 1).step_by(2) {
        for x in (0..width - 1).step_by(2) {
            for channel in 0..3 {
                let at =
                    |x: usize, y: usize| u16::from(frame.pixels()[(y * width + x) * 3 + channel]);
                let sum = at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1);
                out.push(((sum + 2) / 4) as u8);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(level: u8) -> Frame {
        Frame::new(8, 6, vec![level; 8 * 6 * 3], Timestamp::default()).expect("the sides fit")
    }

    #[test]
    fn every_frame_stands_in_its_cell_at_half_size() {
        let rows = [("dark", vec![grey(10), grey(20)]), ("light", vec![grey(200)])];
        let sheet = draw("a title", &rows);
        let pixel = |x: usize, y: usize| sheet.pixels()[(y * sheet.width() as usize + x) * 3];
        let (left, top) = (MARGIN + NAMES, MARGIN + TITLE);
        let (second, below) = (left + 4 + GAP, top + 3 + GAP);
        assert_eq!(
            (pixel(left, top), pixel(second, top), pixel(left + 3, below + 2)),
            (10, 20, 200)
        );
        assert_eq!((pixel(second, below), pixel(left + 4, top)), (255, 255));
        let inked = sheet.pixels().chunks(3).filter(|pixel| pixel[0] < 100).count();
        assert!(inked > 100, "the title and the names are there: {inked}");
    }

    #[test]
    fn a_half_is_the_mean_of_four_pixels() {
        let pixels = [0, 100, 50, 51].iter().flat_map(|&v| [v, v / 2, 255]).collect();
        let frame = Frame::new(2, 2, pixels, Timestamp::default()).expect("the sides fit");
        assert_eq!(halved(&frame), [50, 25, 255]);
    }
}
