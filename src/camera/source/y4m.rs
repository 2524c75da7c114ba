//! Y4M: a line that says how pictures lie, then for each a line and its planes.

use std::io::{self, BufRead, Read as _};

use super::split::Splitter;
use crate::camera::{PixelFormat, PixelLayout};

/// What a stream begins with.
pub(super) const START: &[u8] = b"YUV4MPEG2";

/// Bytes that a line may have.
const MAX_LINE: u64 = 1024;

/// Takes pictures out of a stream.
#[derive(Debug)]
pub(super) struct Y4m<R>(Splitter<R>);

impl<R: BufRead> Y4m<R> {
    /// * `reader`: at the stream's beginning.
    ///
    /// # Errors
    /// The reader's, `InvalidData` for a first line that is none, `Unsupported` for colours that cannot be read.
    pub(super) fn open(mut reader: R) -> io::Result<Self> {
        let layout = layout(&line(&mut reader)?)?;
        Ok(Self(Splitter::new(reader, layout)))
    }

    pub(super) fn layout(&self) -> PixelLayout {
        self.0.layout()
    }

    /// The next picture's bytes, `None` at the end.
    ///
    /// # Errors
    /// The reader's, `InvalidData` and `UnexpectedEof` for a stream that is damaged.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let header = line(self.0.reader())?;
        if header.is_empty() {
            return Ok(None);
        }
        if !header.starts_with(b"FRAME") {
            let start = header[..header.len().min(8)].escape_ascii();
            return Err(invalid(format!("wanted a FRAME of Y4M, got \"{start}\"")));
        }
        match self.0.next()? {
            None => Err(invalid("it ended behind the FRAME of a picture".to_owned())),
            picture => Ok(picture),
        }
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A line without its end; empty at the end of the stream.
fn line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let length = reader.take(MAX_LINE).read_until(b'\n', &mut line)? as u64;
    if line.pop_if(|last| *last == b'\n').is_none() && length == MAX_LINE {
        return Err(invalid(format!("a line of Y4M has no end, wanted at most {MAX_LINE} bytes")));
    }
    Ok(line)
}

/// Width, height and colours of the first line: words that begin with W, H and C.
fn layout(header: &[u8]) -> io::Result<PixelLayout> {
    let text = String::from_utf8_lossy(header);
    let word = |key: char| text.split(' ').skip(1).find_map(|word| word.strip_prefix(key));
    let side = |key| word(key).and_then(|text| text.parse().ok()).unwrap_or(0);
    let format = match word('C').unwrap_or("420") {
        "mono" => Some(PixelFormat::Grey),
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Some(PixelFormat::Yu12),
        "422" => Some(PixelFormat::Yuv422p),
        "444" => Some(PixelFormat::Yuv444p),
        _ => None,
    };
    let format = format.filter(|_| !text.contains("COLORRANGE=FULL"));
    let Some(format) = format else {
        let what = format!(
            "wanted Y4M with colours C420, C422, C444 or Cmono, of 8 bits and limited range, got \"{}\"; next: ffmpeg -i FILE.y4m -color_range tv -pix_fmt yuv420p -strict -1 NEW.y4m",
            text.escape_debug()
        );
        return Err(io::Error::new(io::ErrorKind::Unsupported, what));
    };
    let layout = PixelLayout { format, width: side('W'), height: side('H'), stride: 0 };
    layout.check().map_err(|error| invalid(error.to_string()))?;
    Ok(layout)
}
