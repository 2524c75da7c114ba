//! Letters as pixels. The only file that names the font, which is in builds with the feature `cli` or `text`.

#[cfg(any(feature = "cli", feature = "text"))]
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Height of a character in pixels.
pub(crate) const GLYPH_HEIGHT: usize = 16;

/// Width of every character in pixels.
pub(crate) const GLYPH_WIDTH: usize = 7;

/// How much of each pixel a character covers, 0 to 255: rows of [`GLYPH_WIDTH`]; `None` where the font, of Latin letters, has
/// no such character, or there is none.
#[cfg(any(feature = "cli", feature = "text"))]
pub(crate) fn glyph(character: char) -> Option<impl Iterator<Item = &'static [u8]>> {
    const HEIGHT: RasterHeight = RasterHeight::Size16;
    const {
        assert!(HEIGHT.val() == GLYPH_HEIGHT);
        assert!(get_raster_width(FontWeight::Regular, HEIGHT) == GLYPH_WIDTH);
    }
    get_raster(character, FontWeight::Regular, HEIGHT).map(|raster| raster.rows())
}

#[cfg(not(any(feature = "cli", feature = "text")))]
pub(crate) fn glyph(_character: char) -> Option<std::iter::Empty<&'static [u8]>> {
    None
}
