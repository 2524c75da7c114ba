//! A line as a frame: the line, and a picture of its beginning for people. Nothing is learned from the pixels.

use crate::image::frame::{Frame, Timestamp};
use crate::util::glyphs::{GLYPH_HEIGHT, GLYPH_WIDTH, glyph};
use crate::util::text::is_unsafe;

/// Pixels a row of a line's picture.
pub const LINE_WIDTH: u32 = 256;

/// Rows of a line's picture, twelve of characters: of the shape of most cameras' pictures, for which the page has room.
pub const LINE_HEIGHT: u32 = 192;

/// Characters a row, and rows of them.
const COLUMNS: usize = LINE_WIDTH as usize / GLYPH_WIDTH;
const ROWS: usize = LINE_HEIGHT as usize / GLYPH_HEIGHT;

/// Pixels before the first character of a row.
const MARGIN: usize = (LINE_WIDTH as usize - COLUMNS * GLYPH_WIDTH) / 2;

/// Grey levels of what is written, and of what it is written on.
const INK: u16 = 235;
const GROUND: u16 = 24;

/// What a tab, and what the terminal obeys, is drawn as.
const SPACE: char = ' ';

/// The line with its picture, [`LINE_WIDTH`] x [`LINE_HEIGHT`]: as much of it as there is room for, then two dots. A character that the
/// font has not is a box; builds without the features `cli` and `text` have no font.
///
/// * `line`: of at most [`Frame::MAX_LINE`] bytes; what is longer loses its end.
pub fn frame(line: &str, captured: Timestamp) -> Frame {
    let width = LINE_WIDTH as usize;
    let mut greys = vec![GROUND as u8; width * LINE_HEIGHT as usize];
    let mut shown: Vec<char> = line.chars().take(COLUMNS * ROWS + 1).collect();
    if shown.len() > COLUMNS * ROWS {
        shown.truncate(COLUMNS * ROWS - 2);
        shown.extend(['.', '.']);
    }
    for (place, &character) in shown.iter().enumerate() {
        let (left, top) = (place % COLUMNS * GLYPH_WIDTH, place / COLUMNS * GLYPH_HEIGHT);
        let character = if is_unsafe(character) { SPACE } else { character };
        let mut draw = |row: usize, cover: &[u8]| {
            let from = (top + row) * width + MARGIN + left;
            for (grey, &cover) in greys[from..from + GLYPH_WIDTH].iter_mut().zip(cover) {
                *grey = (GROUND + (INK - GROUND) * u16::from(cover) / 255) as u8;
            }
        };
        match glyph(character) {
            _ if character == SPACE => {}
            Some(rows) => rows.enumerate().for_each(|(row, cover)| draw(row, cover)),
            None => (0..GLYPH_HEIGHT).for_each(|row| draw(row, &boxed(row))),
        }
    }
    let pixels = greys.into_iter().flat_map(|grey| [grey; 3]).collect();
    let frame = Frame::new(LINE_WIDTH, LINE_HEIGHT, pixels, captured);
    frame.expect("the buffer was made for these sides").of_line(line)
}

/// A row of the box.
fn boxed(row: usize) -> [u8; GLYPH_WIDTH] {
    let (top, bottom) = (3, GLYPH_HEIGHT - 4);
    let mut cover = [0; GLYPH_WIDTH];
    if (top..=bottom).contains(&row) {
        let is_edge = row == top || row == bottom;
        let inside = 1..GLYPH_WIDTH - 1;
        cover[inside.clone()].fill(if is_edge { 255 } else { 0 });
        (cover[inside.start], cover[inside.end - 1]) = (255, 255);
    }
    cover
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cell of a character.
    fn cell(frame: &Frame, place: usize) -> Vec<u8> {
        let (left, top) = (place % COLUMNS * GLYPH_WIDTH, place / COLUMNS * GLYPH_HEIGHT);
        let row = |row: usize| {
            let from = ((top + row) * LINE_WIDTH as usize + MARGIN + left) * 3;
            frame.pixels()[from..from + 3 * GLYPH_WIDTH].iter().step_by(3).copied()
        };
        (0..GLYPH_HEIGHT).flat_map(row).collect()
    }

    #[test]
    fn a_line_is_drawn_and_wrapped() {
        let text = "kernel: out of memory: ".repeat(20);
        let drawn = frame(&text, Timestamp(4));
        assert_eq!((drawn.width(), drawn.height(), drawn.captured()), (256, 192, Timestamp(4)));
        assert_eq!(drawn.line(), Some(text.as_str()));
        let letter = |c: &str| cell(&frame(c, Timestamp(0)), 0);
        for place in [0, 1, COLUMNS, 2 * COLUMNS + 3] {
            assert_eq!(cell(&drawn, place), letter(&text[place..place + 1]), "{place}");
        }
        assert_eq!(cell(&drawn, COLUMNS * ROWS - 1), letter("."));
        if cfg!(any(feature = "cli", feature = "text")) {
            assert_ne!(letter("o"), letter("0"));
        }
    }

    #[test]
    fn missing_letters_are_boxes_and_controls_are_blank() {
        let of = |text: &str| cell(&frame(text, Timestamp(0)), 0);
        assert_eq!(of("漢"), of("字"));
        assert_ne!(of("漢"), of(" "));
        assert_eq!(of("\u{1b}"), of(" "));
        if cfg!(any(feature = "cli", feature = "text")) {
            assert_ne!(of("ü"), of("u"));
        }
        assert!(frame("", Timestamp(0)).pixels().iter().all(|&grey| u16::from(grey) == GROUND));
    }
}
