//! Recordings: image files in the order of their names, MJPEG, Y4M.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::split::Splitter;
use super::{Wanted, note, trouble_of};
use crate::camera::{Camera, CameraError, Layout, PixelFormat, Trouble};
use crate::frame::{Frame, Timestamp};
use crate::picture;

/// What a Y4M file begins with.
const Y4M: &[u8] = b"YUV4MPEG2";

/// Bytes that a Y4M header may have.
const MAX_HEADER: u64 = 1024;

/// A recording as a camera.
#[derive(Debug)]
pub struct Replay {
    name: String,
    path: PathBuf,
    source: Source,
    again: bool,
    /// Whether this pass brought anything, be it damaged.
    brought: bool,
    wanted_size: Option<(u32, u32)>,
    notes: Vec<String>,
}

#[derive(Debug)]
enum Source {
    Pictures(std::vec::IntoIter<PathBuf>),
    Mjpeg(Splitter<BufReader<File>>),
    Y4m(Splitter<BufReader<File>>),
}

impl Replay {
    /// # Errors
    /// [`CameraError`] if there is no such recording, or none that can be read.
    pub fn open(name: &str, path: &str, wanted: &Wanted) -> Result<Self, CameraError> {
        Ok(Self {
            name: name.to_owned(),
            path: path.into(),
            source: Source::open(Path::new(path)).map_err(|error| error.of(name))?,
            again: wanted.again,
            brought: false,
            wanted_size: wanted.size,
            notes: Vec::new(),
        })
    }

    fn next(&mut self, now: Timestamp) -> Result<Frame, Refusal> {
        loop {
            if let Some(result) = self.source.next(now) {
                self.brought = true;
                return result;
            }
            if !(self.again && self.brought) {
                let what =
                    if self.brought { "the recording is over" } else { "there is no more in it" };
                return Err(Refusal(Trouble::Ended, what.to_owned()));
            }
            self.brought = false;
            self.source = Source::open(&self.path)?;
        }
    }
}

impl Camera for Replay {
    fn name(&self) -> &str {
        &self.name
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let frame = self.next(now).map_err(|error| error.of(&self.name))?;
        let got = (frame.width(), frame.height());
        if let Some(wanted) = self.wanted_size.take_if(|wanted| *wanted != got) {
            let ((w, h), (width, height)) = (got, wanted);
            note(&mut self.notes, format!("the recording has {w}x{h}, wanted {width}x{height}"));
        }
        Ok(frame)
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

/// An error that does not know yet whose it is.
#[derive(Debug)]
struct Refusal(Trouble, String);

impl Refusal {
    fn of(self, camera: &str) -> CameraError {
        CameraError::new(camera, self.0, self.1)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let trouble = match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Trouble::Malformed,
            _ => trouble_of(&error),
        };
        Refusal(trouble, error.to_string())
    }
}

fn malformed(error: impl std::fmt::Display) -> Refusal {
    Refusal(Trouble::Malformed, error.to_string())
}

impl Source {
    fn open(path: &Path) -> Result<Self, Refusal> {
        if path.is_dir() {
            let mut files = Vec::new();
            for entry in path.read_dir()? {
                let path = entry?.path();
                if picture::is_picture(&path) && path.is_file() {
                    files.push(path);
                }
            }
            files.sort();
            if files.is_empty() {
                let what = "no PNG, JPEG, BMP, PPM or WebP file in this folder".to_owned();
                return Err(Refusal(Trouble::Missing, what));
            }
            return Ok(Source::Pictures(files.into_iter()));
        }
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        // By its name first: a photograph may have smaller ones behind it in the same file.
        if picture::is_picture(path) {
            return Ok(Source::Pictures(vec![path.to_owned()].into_iter()));
        }
        let start = reader.fill_buf()?;
        if start.starts_with(&[0xFF, 0xD8]) {
            let layout = Layout { format: PixelFormat::Mjpg, width: 0, height: 0, stride: 0 };
            return Ok(Source::Mjpeg(Splitter::new(reader, layout)));
        }
        if start.starts_with(Y4M) {
            let layout = y4m_layout(&line(&mut reader)?)?;
            return Ok(Source::Y4m(Splitter::new(reader, layout)));
        }
        let start = start[..start.len().min(8)].escape_ascii();
        let what = format!(
            "no recording that can be read: wanted a folder of images, an image, MJPEG or Y4M, the file begins with \"{start}\""
        );
        Err(Refusal(Trouble::NotACamera, what))
    }

    fn next(&mut self, now: Timestamp) -> Option<Result<Frame, Refusal>> {
        let (splitter, is_y4m) = match self {
            Source::Pictures(files) => {
                return files.next().map(|file| picture::load(&file, now).map_err(malformed));
            }
            Source::Mjpeg(splitter) => (splitter, false),
            Source::Y4m(splitter) => (splitter, true),
        };
        let bytes = match is_y4m.then(|| line(splitter.reader())) {
            Some(Ok(header)) if header.is_empty() => return None,
            Some(Ok(header)) if !header.starts_with(b"FRAME") => {
                let start = header[..header.len().min(8)].escape_ascii();
                Err(malformed(format!("wanted a FRAME of Y4M, got \"{start}\"")))
            }
            Some(Err(error)) => Err(error.into()),
            _ => splitter.next().map_err(Refusal::from),
        };
        let frame = |bytes: Vec<u8>| splitter.layout().frame(&bytes, now).map_err(malformed);
        match bytes {
            Ok(None) if is_y4m => Some(Err(malformed("it ended behind the FRAME of a picture"))),
            Ok(bytes) => bytes.map(frame),
            Err(error) => Some(Err(error)),
        }
    }
}

/// A line without its end; empty at the end of the file.
///
/// # Errors
/// The reader's, and `InvalidData` for a line that is longer than a header may be.
fn line(reader: &mut BufReader<File>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let length = reader.take(MAX_HEADER).read_until(b'\n', &mut line)? as u64;
    if line.pop_if(|last| *last == b'\n').is_none() && length == MAX_HEADER {
        let what = format!("a line of Y4M has no end, wanted at most {MAX_HEADER} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(line)
}

/// Width, height and colours of a Y4M file's first line: words that begin with W, H and C.
fn y4m_layout(header: &[u8]) -> Result<Layout, Refusal> {
    let text = String::from_utf8_lossy(header);
    let word = |key: char| text.split(' ').skip(1).find_map(|word| word.strip_prefix(key));
    let side = |key| word(key).and_then(|text| text.parse().ok()).unwrap_or(0);
    let format = match word('C').unwrap_or("420") {
        "mono" => Some(PixelFormat::Grey),
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Some(PixelFormat::Yu12),
        _ => None,
    };
    let format = format.filter(|_| !text.contains("COLORRANGE=FULL"));
    let layout =
        format.map(|format| Layout { format, width: side('W'), height: side('H'), stride: 0 });
    let layout = layout.ok_or_else(|| {
        let what = "wanted Y4M with colours C420 or Cmono of limited range";
        Refusal(Trouble::Unsupported, format!("{what}, got \"{}\"", text.escape_debug()))
    })?;
    layout.check().map_err(malformed)?;
    Ok(layout)
}
