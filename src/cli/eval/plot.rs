//! A confusion matrix as a picture: drawn once as rectangles and words, then written as SVG or as PNG.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::bail;

use super::report::cut;
use crate::eval::ConfusionMatrix;
use crate::image::frame::{Frame, Timestamp};
use crate::image::picture;
use crate::util::glyphs::{GLYPH_HEIGHT, GLYPH_WIDTH, glyph};

/// The formats, by the file's ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Format {
    Png,
    Svg,
}

impl Format {
    /// # Errors
    /// The name ends otherwise.
    pub(in crate::cli) fn of(path: &Path) -> anyhow::Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "png" => Ok(Format::Png),
            "svg" => Ok(Format::Svg),
            _ => bail!("{}: wanted a name that ends in .png or .svg", path.display()),
        }
    }
}

pub(in crate::cli) type Color = [u8; 3];

const WHITE: Color = [255; 3];
pub(in crate::cli) const INK: Color = [34, 34, 34];
const FAINT: Color = [120, 120, 120];
const GRID: Color = [205, 205, 205];

/// Height of a line of text, and width of its characters, in pixels.
const LINE: i32 = GLYPH_HEIGHT as i32;
const CHARACTER: i32 = GLYPH_WIDTH as i32;

/// Classes that are all named: with more the picture would be larger than programs show.
const ALL_NAMED: i32 = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Align {
    Start,
    Middle,
    End,
}

#[derive(Debug)]
enum Item {
    Rectangle {
        x: i32,
        y: i32,
        width: i32,
        height: i32,
        fill: Color,
    },
    /// `(x, y)` is the start, middle or end of the line's axis; upright text runs to the right, other text upwards.
    Words {
        x: i32,
        y: i32,
        text: String,
        align: Align,
        upwards: bool,
        fill: Color,
    },
}

/// What is to be drawn, back to front, in pixels from the top left corner.
#[derive(Debug)]
pub(in crate::cli) struct Drawing {
    width: i32,
    height: i32,
    items: Vec<Item>,
}

impl Drawing {
    /// Nothing yet, on white.
    pub(in crate::cli) fn blank(width: i32, height: i32) -> Self {
        let mut drawing = Self { width, height, items: Vec::new() };
        drawing.rectangle(0, 0, width, height, WHITE);
        drawing
    }

    fn rectangle(&mut self, x: i32, y: i32, width: i32, height: i32, fill: Color) {
        self.items.push(Item::Rectangle { x, y, width, height, fill });
    }

    pub(in crate::cli) fn words(
        &mut self,
        x: i32,
        y: i32,
        text: String,
        align: Align,
        fill: Color,
    ) {
        self.items.push(Item::Words { x, y, text, align, upwards: false, fill });
    }

    /// A confusion matrix: rows are what an image is, columns what it was taken for, colours and numbers in % of the
    /// row's images.
    ///
    /// * `names`: `[classes]`; classes without classified images are not drawn.
    pub(in crate::cli) fn of(title: &str, names: &[String], confusion: &ConfusionMatrix) -> Self {
        const MARGIN: i32 = 20;
        const LONGEST: usize = 24;
        let shown: Vec<usize> =
            (0..names.len()).filter(|&class| confusion.recall(class).is_some()).collect();
        let count = i32::try_from(shown.len()).expect("far fewer classes").max(1);
        // Cells hold a number while the matrix stays on a screen, then shrink as far as every class can be named.
        let cell = match count {
            ..=ALL_NAMED => (900 / count).clamp(LINE, 48),
            _ => 4,
        };
        let numbers = cell >= 4 * CHARACTER;
        // Where cells are lower than a line, every so many is named, and the picture says so.
        let every = (LINE + cell - 1) / cell;
        let note =
            if every > 1 { format!(", one of {every} classes named") } else { String::new() };
        let title = format!("{title}{note}");
        let labels: Vec<String> = shown.iter().map(|&class| cut(&names[class], LONGEST)).collect();
        let length = |text: &str| text.chars().count() as i32 * CHARACTER;
        let widest = labels.iter().map(|label| length(label)).max().unwrap_or(0);
        let upwards = widest > cell - CHARACTER;
        let header = if upwards { widest } else { LINE };
        let left = MARGIN + LINE + 8 + widest + 8;
        let top = MARGIN + LINE + 12 + LINE + 8 + header + 8;
        let side = count * cell;
        let scale = left + side + 24;
        let width = (scale + 16 + 6 + 6 * CHARACTER).max(MARGIN + length(&title)) + MARGIN;
        let mut drawing = Self::blank(width, top + side + MARGIN);
        drawing.words(MARGIN, MARGIN + LINE / 2, title, Align::Start, INK);
        let middle = left + side / 2;
        let axis = MARGIN + LINE + 12 + LINE / 2;
        drawing.words(middle, axis, "taken for".to_owned(), Align::Middle, FAINT);
        drawing.items.push(Item::Words {
            x: MARGIN + LINE / 2,
            y: top + side / 2,
            text: "truth".to_owned(),
            align: Align::Middle,
            upwards: true,
            fill: FAINT,
        });
        drawing.rectangle(left - 1, top - 1, side + 2, side + 2, GRID);
        for (place, label) in (0..).zip(&labels).filter(|(place, _)| place % every == 0) {
            let centre = place * cell + cell / 2;
            drawing.words(left - 8, top + centre, label.clone(), Align::End, INK);
            let (x, text) = (left + centre, label.clone());
            drawing.items.push(if upwards {
                Item::Words { x, y: top - 8, text, align: Align::Start, upwards, fill: INK }
            } else {
                let (y, align) = (top - 8 - LINE / 2, Align::Middle);
                Item::Words { x, y, text, align, upwards, fill: INK }
            });
        }
        let gap = i32::from(cell >= 12);
        for (row, &truth) in (0..).zip(&shown) {
            let counts = confusion.row(truth);
            let classified: u64 = counts.iter().sum();
            for (column, &predicted) in (0..).zip(&shown) {
                let share = counts[predicted] as f64 / classified as f64;
                let (x, y) = (left + column * cell, top + row * cell);
                drawing.rectangle(x, y, cell - gap, cell - gap, shade(share));
                if numbers && counts[predicted] > 0 {
                    let percent = share * 100.0;
                    let text = match percent {
                        _ if counts[predicted] == classified => "100".to_owned(),
                        // Rounded, a mistake in a thousand would read like none, and 99.96 like all.
                        percent if percent < 0.1 => "<.1".to_owned(),
                        percent => format!("{:.1}", percent.min(99.9)),
                    };
                    let fill = if share > DARK { WHITE } else { INK };
                    let (x, y) = (x + cell / 2, y + cell / 2);
                    drawing.words(x, y, text, Align::Middle, fill);
                }
            }
        }
        drawing.colour_scale(scale, top, side.max(100).min(drawing.height - top - MARGIN));
        drawing
    }

    fn colour_scale(&mut self, x: i32, y: i32, height: i32) {
        const STEPS: i32 = 50;
        for step in 0..STEPS {
            let (from, to) = (height * step / STEPS, height * (step + 1) / STEPS);
            let share = 1.0 - (f64::from(step) + 0.5) / f64::from(STEPS);
            self.rectangle(x, y + from, 16, to - from, shade(share));
        }
        for (share, at) in [("100 %", 0), ("50 %", height / 2), ("0 %", height)] {
            self.words(x + 22, y + at, share.to_owned(), Align::Start, FAINT);
        }
    }

    /// # Errors
    /// The file cannot be written.
    pub(in crate::cli) fn save(&self, path: &Path, format: Format) -> anyhow::Result<()> {
        match format {
            Format::Svg => crate::cli::output::write_whole(path, self.svg().as_bytes()),
            Format::Png => crate::cli::output::write_whole(path, &picture::png(&self.frame())),
        }
    }

    fn svg(&self) -> String {
        let (width, height) = (self.width, self.height);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"'DejaVu Sans Mono', 'Noto Sans Mono', monospace\" font-size=\"12\">\n"
        );
        let hex = |[r, g, b]: Color| format!("#{r:02x}{g:02x}{b:02x}");
        for item in &self.items {
            let _ = match item {
                Item::Rectangle { x, y, width, height, fill } => writeln!(
                    out,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>",
                    hex(*fill)
                ),
                Item::Words { x, y, text, align, upwards, fill } => {
                    let anchor = match align {
                        Align::Start => "start",
                        Align::Middle => "middle",
                        Align::End => "end",
                    };
                    let turn = if *upwards {
                        format!(" transform=\"rotate(-90 {x} {y})\"")
                    } else {
                        String::new()
                    };
                    writeln!(
                        out,
                        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" dy=\"0.35em\" fill=\"{}\"{turn}>{}</text>",
                        hex(*fill),
                        escaped(text)
                    )
                }
            };
        }
        out.push_str("</svg>\n");
        out
    }

    pub(in crate::cli) fn frame(&self) -> Frame {
        let (width, height) = (self.width as u32, self.height as u32);
        let mut pixels = vec![255; width as usize * height as usize * 3];
        let mut mix = |x: i32, y: i32, color: Color, cover: u8| {
            if (0..self.width).contains(&x) && (0..self.height).contains(&y) {
                let at = (y as usize * width as usize + x as usize) * 3;
                for (pixel, ink) in pixels[at..at + 3].iter_mut().zip(color) {
                    let (over, under) = (u16::from(cover), 255 - u16::from(cover));
                    *pixel = ((u16::from(ink) * over + u16::from(*pixel) * under) / 255) as u8;
                }
            }
        };
        for item in &self.items {
            match item {
                Item::Rectangle { x, y, width, height, fill } => {
                    for row in *y..y + height {
                        (*x..x + width).for_each(|column| mix(column, row, *fill, 255));
                    }
                }
                Item::Words { x, y, text, align, upwards, fill } => {
                    let length = text.chars().count() as i32 * CHARACTER;
                    let mut along = match align {
                        Align::Start => 0,
                        Align::Middle => -length / 2,
                        Align::End => -length,
                    };
                    for character in text.chars() {
                        // The font has no ellipsis.
                        let character = if character == '…' { '~' } else { character };
                        let rows = glyph(character).or_else(|| glyph('?')).into_iter().flatten();
                        for (down, row) in (0..).zip(rows) {
                            for (right, &cover) in (along..).zip(row) {
                                let across = down - LINE / 2;
                                if *upwards {
                                    mix(x + across, y - right, *fill, cover);
                                } else {
                                    mix(x + right, y + across, *fill, cover);
                                }
                            }
                        }
                        along += CHARACTER;
                    }
                }
            }
        }
        Frame::new(width, height, pixels, Timestamp::default())
            .expect("the buffer was made for these sides")
    }
}

/// From white over blue to dark blue; text in [`INK`] reads on it up to [`DARK`], in white above.
fn shade(share: f64) -> Color {
    const STOPS: [(f64, [f64; 3]); 3] =
        [(0.0, [247.0, 250.0, 253.0]), (0.5, [90.0, 150.0, 200.0]), (1.0, [8.0, 48.0, 107.0])];
    let share = share.clamp(0.0, 1.0);
    let ((low, from), (high, to)) =
        if share < 0.5 { (STOPS[0], STOPS[1]) } else { (STOPS[1], STOPS[2]) };
    let part = (share - low) / (high - low);
    std::array::from_fn(|channel| (from[channel] + part * (to[channel] - from[channel])) as u8)
}

const DARK: f64 = 0.6;

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(classes: usize) -> ConfusionMatrix {
        let mut confusion = ConfusionMatrix::new(classes);
        for class in 0..classes {
            (0..9).for_each(|_| confusion.add(class, class));
            confusion.add(class, (class + 1) % classes);
        }
        confusion
    }

    #[test]
    fn the_picture_s_format_is_its_ending() {
        assert_eq!(Format::of(Path::new("a/b.PNG")).expect("png"), Format::Png);
        assert_eq!(Format::of(Path::new("b.svg")).expect("svg"), Format::Svg);
        assert!(Format::of(Path::new("b.jpg")).is_err() && Format::of(Path::new("png")).is_err());
    }

    #[test]
    fn every_class_is_written_and_no_name_breaks_the_svg() {
        let names = ["good", "<b>&", "scratch"].map(str::to_owned);
        let svg = Drawing::of("title", &names, &confusion(3)).svg();
        for (text, times) in [(">good<", 2), (">&lt;b&gt;&amp;<", 2), (">90.0<", 3), (">10.0<", 3)]
        {
            assert_eq!(svg.matches(text).count(), times, "{text} in {svg}");
        }
        assert_eq!(svg.matches("<b>").count(), 0);
    }

    #[test]
    fn every_class_is_named_or_the_picture_says_which() {
        for (classes, named) in [(20, 20), (81, 81), (400, 400), (500, 125)] {
            let names: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
            let svg = Drawing::of("a title", &names, &confusion(classes)).svg();
            assert_eq!(svg.matches(">class ").count(), 2 * named, "{classes} classes");
            let said = svg.contains("one of 4 classes named");
            assert_eq!(said, named < classes, "{classes} classes");
        }
    }

    #[test]
    fn everything_drawn_lies_inside_the_picture_however_many_classes() {
        for classes in [2, 7, 40, 90] {
            let names: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
            let drawing = Drawing::of("a title", &names, &confusion(classes));
            for item in &drawing.items {
                let (x, y, right, bottom) = match item {
                    Item::Rectangle { x, y, width, height, .. } => (*x, *y, x + width, y + height),
                    Item::Words { x, y, .. } => (*x, *y, *x, *y),
                };
                let inside = x >= 0 && y >= 0 && right <= drawing.width && bottom <= drawing.height;
                assert!(
                    inside,
                    "{classes} classes: {item:?} of {}x{}",
                    drawing.width, drawing.height
                );
            }
            let frame = drawing.frame();
            assert_eq!(
                (frame.width(), frame.height()),
                (drawing.width as u32, drawing.height as u32)
            );
            let dark = frame.pixels().chunks(3).filter(|pixel| pixel[0] < 80).count();
            assert!(dark > 100, "{classes} classes: {dark} dark pixels");
        }
    }
}
