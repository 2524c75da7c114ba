//! Letters as pixels. The only file that names the font.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

const HEIGHT: RasterHeight = RasterHeight::Size16;

/// Height of a character in pixels.
pub(crate) const GLYPH_HEIGHT: usize = HEIGHT.val();

/// Width of every character in pixels.
pub(crate) const GLYPH_WIDTH: usize = get_raster_width(FontWeight::Regular, HEIGHT);

/// How much of each pixel a character covers, 0 to 255: rows of [`GLYPH_WIDTH`]; `None` where the font, of Latin letters, has
/// no such character.
pub(crate) fn glyph(character: char) -> Option<impl Iterator<Item = &'static [u8]>> {
    get_raster(character, FontWeight::Regular, HEIGHT).map(|raster| raster.rows())
}
