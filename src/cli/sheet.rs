//! A contact sheet: the images of examples, each with a few words below it.

use super::eval::plot::{Align, Drawing, INK};
use crate::image::frame::{Frame, Timestamp};
use crate::image::picture;
use crate::learn::decision::Doubt;

/// One image and what is said of it.
pub(super) struct Tile {
    /// A JPEG; `None` where none is kept.
    pub(super) image: Option<Vec<u8>>,
    /// At most two lines.
    pub(super) words: Vec<String>,
    /// It stands out: framed in a colour of its own.
    pub(super) mark: Option<Doubt>,
}

impl Tile {
    fn colour(&self) -> Option<[u8; 3]> {
        self.mark.map(|doubt| match doubt {
            Doubt::WrongLabel => RED,
            Doubt::Hard => BLUE,
        })
    }
}

/// Tiles under a heading.
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) tiles: Vec<Tile>,
}

const SIDE: usize = 128;
const GAP: usize = 8;
const LINE: usize = 16;
const WORDS: usize = 2 * LINE + 4;
const HEADING: usize = 2 * LINE;
const COLUMNS: usize = 8;
const GREY: u8 = 200;
const RED: [u8; 3] = [208, 32, 32];
const BLUE: [u8; 3] = [32, 96, 224];

/// Tiles that are drawn at most, so that a sheet can be opened.
pub(super) const MOST: usize = 2000;

/// * returns a frame of [`COLUMNS`] tiles across.
pub(super) fn draw(sections: &[Section]) -> Frame {
    let width = GAP + COLUMNS * (SIDE + GAP);
    let rows = |section: &Section| section.tiles.len().div_ceil(COLUMNS);
    let height: usize = sections
        .iter()
        .map(|section| HEADING + rows(section) * (SIDE + WORDS + GAP))
        .sum::<usize>()
        .max(1)
        + GAP;
    let mut drawing = Drawing::blank(width as i32, height as i32);
    let mut images = Vec::new();
    let mut top = 0;
    let mut write = |x: usize, y: usize, words: &str| {
        drawing.words(x as i32, y as i32, words.to_owned(), Align::Start, INK);
    };
    for section in sections {
        write(GAP, top + LINE, &section.heading);
        top += HEADING;
        for (place, tile) in section.tiles.iter().enumerate() {
            let x = GAP + place % COLUMNS * (SIDE + GAP);
            let y = top + place / COLUMNS * (SIDE + WORDS + GAP);
            let image = tile.image.as_deref();
            let frame = image.and_then(|image| picture::decode(image, "", Timestamp(0)).ok());
            if frame.is_none() {
                write(x + 8, y + SIDE / 2, "no image");
            }
            for (line, words) in tile.words.iter().take(2).enumerate() {
                // As many characters as stand below an image.
                let cut: String = words.chars().take(SIDE / 8).collect();
                write(x, y + SIDE + LINE / 2 + 4 + line * LINE, &cut);
            }
            images.push((x, y, frame, tile.colour()));
        }
        top += rows(section) * (SIDE + WORDS + GAP);
    }
    let mut pixels = drawing.frame().pixels().to_vec();
    for (left, top, frame, colour) in images {
        let mut set = |x: usize, y: usize, color: [u8; 3]| {
            let at = ((top + y) * width + left + x) * 3;
            pixels[at..at + 3].copy_from_slice(&color);
        };
        match frame {
            Some(frame) => {
                let (wide, high) = (frame.width() as usize, frame.height() as usize);
                let longer = wide.max(high);
                for y in 0..(high * SIDE / longer).max(1) {
                    for x in 0..(wide * SIDE / longer).max(1) {
                        let from =
                            |place: usize, most: usize| (place * longer / SIDE).min(most - 1);
                        let at = (from(y, high) * wide + from(x, wide)) * 3;
                        let pixel = frame.pixels()[at..].first_chunk().copied();
                        set(x, y, pixel.unwrap_or([GREY; 3]));
                    }
                }
            }
            None => {
                for along in 0..SIDE {
                    for (x, y) in [(along, 0), (along, SIDE - 1), (0, along), (SIDE - 1, along)] {
                        set(x, y, [GREY; 3]);
                    }
                }
            }
        }
        if let Some(colour) = colour {
            for along in 0..SIDE {
                for edge in 0..3 {
                    let far = SIDE - 1 - edge;
                    for (x, y) in [(along, edge), (along, far), (edge, along), (far, along)] {
                        set(x, y, colour);
                    }
                }
            }
        }
    }
    Frame::new(width as u32, height as u32, pixels, Timestamp(0)).expect("the drawing's sides")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_shows_images_and_says_where_there_is_none() {
        let dark = Frame::new(64, 32, vec![9; 64 * 32 * 3], Timestamp(0)).expect("the sides fit");
        let tile = |image, mark| Tile { image, words: vec!["7".to_owned()], mark };
        let image = picture::kept(&dark, 256);
        let (wrong, hard) = (Some(Doubt::WrongLabel), Some(Doubt::Hard));
        let damaged = Some(vec![1, 2]);
        let tiles =
            vec![tile(image, None), tile(None, wrong), tile(damaged, None), tile(None, hard)];
        let sheet = draw(&[Section { heading: "good".to_owned(), tiles }]);
        let width = sheet.width() as usize;
        let pixel = |x: usize, y: usize| &sheet.pixels()[(y * width + x) * 3..][..3];
        let second = GAP + SIDE + GAP;
        assert!(pixel(GAP + 60, HEADING + 30).iter().all(|value| value.abs_diff(9) < 4));
        assert_eq!(pixel(GAP + 60, HEADING + 70), [255; 3], "it is half as high as wide");
        assert_eq!(pixel(second, HEADING), RED);
        assert_eq!(pixel(second + SIDE + GAP, HEADING), [GREY; 3], "damaged is as none");
        assert_eq!(pixel(second + 2 * (SIDE + GAP), HEADING), BLUE);
    }
}
