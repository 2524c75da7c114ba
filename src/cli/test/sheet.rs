//! A contact sheet: images in rows, two lines of text under each.

use crate::cli::eval::plot::{Align, Drawing, INK};
use crate::cli::eval::report::cut;
use crate::image::frame::{Frame, Timestamp};
use crate::image::picture;

/// Images on a sheet at most.
pub(in crate::cli) const MOST: usize = 200;

/// The longer side of an image on the sheet, in pixels.
const SIDE: u32 = 128;
const COLUMNS: usize = 8;
const LINE: i32 = 18;
const GAP: i32 = 10;
const MARGIN: i32 = 20;

/// Characters that fit under an image.
const LONGEST: usize = 16;

/// * `tiles`: two lines and the image of each.
pub(in crate::cli) fn draw(title: &str, tiles: &[([String; 2], Frame)]) -> Frame {
    let (side, step_y) = (SIDE as i32, SIDE as i32 + 2 * LINE + GAP);
    // The title needs four columns.
    let columns = tiles.len().clamp(4, COLUMNS);
    let rows = tiles.len().div_ceil(columns) as i32;
    let width = 2 * MARGIN + columns as i32 * (side + GAP) - GAP;
    let top = MARGIN + LINE + GAP;
    let mut drawing = Drawing::blank(width, top + rows * step_y + MARGIN);
    drawing.words(MARGIN, MARGIN + LINE / 2, title.to_owned(), Align::Start, INK);
    let corner = |place: usize| {
        let (column, row) = ((place % columns) as i32, (place / columns) as i32);
        (MARGIN + column * (side + GAP), top + row * step_y)
    };
    for (place, (lines, _)) in tiles.iter().enumerate() {
        let (x, y) = corner(place);
        for (line, text) in (0..).zip(lines) {
            let y = y + side + LINE * line + LINE / 2;
            drawing.words(x, y, cut(text, LONGEST), Align::Start, INK);
        }
    }
    let sheet = drawing.frame();
    let row = sheet.width() as usize * 3;
    let mut pixels = sheet.pixels().to_vec();
    for (place, (_, frame)) in tiles.iter().enumerate() {
        let small = picture::thumbnail(frame, SIDE);
        // It was encoded this moment, so it can be decoded.
        let Ok(small) = picture::decode(&small, "thumbnail", Timestamp::default()) else {
            continue;
        };
        let (x, y) = corner(place);
        let bytes = small.width() as usize * 3;
        for (down, line) in small.pixels().chunks_exact(bytes).enumerate() {
            let at = (y as usize + down) * row + x as usize * 3;
            pixels[at..at + bytes].copy_from_slice(line);
        }
    }
    Frame::new(sheet.width(), sheet.height(), pixels, Timestamp::default())
        .expect("the drawing has these sides")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_stands_in_its_place_however_many() {
        for count in [0, 1, 9, 30] {
            let tiles: Vec<([String; 2], Frame)> = (0..count)
                .map(|place| {
                    let pixels = vec![place as u8 * 8; 300 * 100 * 3];
                    let frame = Frame::new(300, 100, pixels, Timestamp::default());
                    (["a > b".to_owned(), place.to_string()], frame.expect("the sides fit"))
                })
                .collect();
            let sheet = draw("a title", &tiles);
            if count > 8 {
                // The ninth is the first of the second row.
                let (x, y) = (20 + 64, 20 + 18 + 10 + 128 + 46 + 20);
                let value = sheet.pixels()[(y * sheet.width() as usize + x) * 3];
                assert!(value.abs_diff(64) < 4, "{value}");
            }
        }
    }
}
