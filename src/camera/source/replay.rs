//! Recordings: image files in the order of their names, MJPEG, Y4M.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::split::Splitter;
use super::y4m::{self, Y4m};
use super::{CaptureSettings, note, trouble_of};
use crate::camera::{Camera, CameraError, CameraErrorKind, PixelFormat, PixelLayout};
use crate::image::frame::{Frame, Timestamp};
use crate::image::picture;

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
    Y4m(Y4m<BufReader<File>>),
}

impl Replay {
    /// # Errors
    /// [`CameraError`] if there is no such recording, or none that can be read.
    pub fn open(name: &str, path: &str, wanted: &CaptureSettings) -> Result<Self, CameraError> {
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
                return Err(Refusal(CameraErrorKind::Ended, what.to_owned()));
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
struct Refusal(CameraErrorKind, String);

impl Refusal {
    /// An address that is the file's own says which it is.
    fn of(self, camera: &str) -> CameraError {
        let file = camera.strip_prefix("replay:").unwrap_or(camera);
        let what = self.1.strip_prefix(&format!("{file}: ")).unwrap_or(&self.1);
        CameraError::new(camera, self.0, what)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => CameraErrorKind::Damaged,
            io::ErrorKind::Unsupported => CameraErrorKind::Unsupported,
            _ => trouble_of(&error),
        };
        Refusal(kind, error.to_string())
    }
}

fn damaged(error: impl std::fmt::Display) -> Refusal {
    Refusal(CameraErrorKind::Damaged, error.to_string())
}

impl Source {
    fn open(path: &Path) -> Result<Self, Refusal> {
        if path.is_dir() {
            let found = picture::in_folder(path)
                .map_err(|error| Refusal(CameraErrorKind::Missing, error.to_string()))?;
            if found.images.is_empty() {
                return Err(Refusal(CameraErrorKind::Missing, found.nothing()));
            }
            return Ok(Source::Pictures(found.images.into_iter()));
        }
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        // By its name first: a photograph may have smaller ones behind it in the same file.
        if picture::is_picture(path) {
            return Ok(Source::Pictures(vec![path.to_owned()].into_iter()));
        }
        let start = reader.fill_buf()?;
        if start.starts_with(&[0xFF, 0xD8]) {
            let layout = PixelLayout { format: PixelFormat::Mjpg, width: 0, height: 0, stride: 0 };
            return Ok(Source::Mjpeg(Splitter::new(reader, layout)));
        }
        if start.starts_with(y4m::START) {
            return Ok(Source::Y4m(Y4m::open(reader)?));
        }
        let is = picture::describe(start, &picture::shown(path)).unwrap_or_else(|| {
            format!("the file begins with \"{}\"", start[..start.len().min(8)].escape_ascii())
        });
        let what = format!(
            "no recording that can be read: wanted a folder of images, an image, MJPEG or Y4M; {is}"
        );
        Err(Refusal(CameraErrorKind::NotACamera, what))
    }

    fn next(&mut self, now: Timestamp) -> Option<Result<Frame, Refusal>> {
        let (bytes, layout) = match self {
            Source::Pictures(files) => {
                return files.next().map(|file| picture::load(&file, now).map_err(damaged));
            }
            Source::Mjpeg(splitter) => (splitter.next(), splitter.layout()),
            Source::Y4m(y4m) => (y4m.next(), y4m.layout()),
        };
        match bytes {
            Ok(bytes) => bytes.map(|bytes| layout.frame(&bytes, now).map_err(damaged)),
            Err(error) => Some(Err(error.into())),
        }
    }
}
