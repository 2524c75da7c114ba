//! Streams of bytes, split into pictures.

use std::io::{self, BufRead, Read as _};

use crate::camera::{PixelFormat, PixelLayout};

/// Bytes a JPEG may have.
const MAX_JPEG_BYTES: u64 = 32 << 20;

/// Takes pictures of one layout out of a stream.
#[derive(Debug)]
pub struct Splitter<R> {
    reader: R,
    layout: PixelLayout,
    /// A JPEG's first marker was read when the one before ended without its last.
    begun: bool,
}

impl<R: BufRead> Splitter<R> {
    /// Pictures of that layout, without gaps between rows.
    pub fn new(reader: R, layout: PixelLayout) -> Self {
        Self { reader, layout, begun: false }
    }

    /// How its pictures lie.
    pub fn layout(&self) -> PixelLayout {
        self.layout
    }

    /// What it reads from.
    pub fn reader(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The next picture's bytes, `None` at the end. A JPEG that was torn is given as far as it came; its decoder
    /// refuses it.
    ///
    /// # Errors
    /// The reader's, `UnexpectedEof` for raw pixels that end within a picture, `InvalidData` for a JPEG without end.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.layout.format {
            PixelFormat::Mjpg => self.jpeg(),
            _ => self.raw(),
        }
    }

    fn raw(&mut self) -> io::Result<Option<Vec<u8>>> {
        let wanted = self.layout.bytes();
        let mut picture = Vec::with_capacity(wanted as usize);
        let got = self.reader.by_ref().take(wanted).read_to_end(&mut picture)? as u64;
        if got == 0 {
            return Ok(None);
        }
        if got < wanted {
            let what = format!("it ended {got} bytes into {}, which has {wanted}", self.layout);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        Ok(Some(picture))
    }

    /// Segments have lengths and may hold anything, a thumbnail with markers of its own, too; in what lies between them
    /// 0xFF is followed by 0, a restart marker or the next segment's.
    fn jpeg(&mut self) -> io::Result<Option<Vec<u8>>> {
        const START: u8 = 0xD8;
        const END: u8 = 0xD9;
        let mut picture = Vec::new();
        while !self.begun {
            picture.clear();
            match self.marker(&mut picture)? {
                None => return Ok(None),
                Some(marker) => self.begun = marker == START,
            }
        }
        self.begun = false;
        picture = vec![0xFF, START];
        while let Some(marker) = self.marker(&mut picture)? {
            match marker {
                END => break,
                START => {
                    picture.truncate(picture.len() - 2);
                    self.begun = true;
                    break;
                }
                0 | 1 | 0xD0..=0xD7 => {}
                _ => {
                    let mut length = Vec::new();
                    self.take(2, &mut length)?;
                    if length == [0xFF, START] {
                        // No segment is as long; the picture was torn right here.
                        self.begun = true;
                        break;
                    }
                    picture.extend_from_slice(&length);
                    if let [high, low] = length[..] {
                        let rest = u16::from_be_bytes([high, low]).saturating_sub(2);
                        self.take(u64::from(rest), &mut picture)?;
                    }
                }
            }
        }
        Ok(Some(picture))
    }

    /// Copies up to and with the next 0xFF and the byte behind it, which is returned; `None` at the end.
    fn marker(&mut self, out: &mut Vec<u8>) -> io::Result<Option<u8>> {
        let room = MAX_JPEG_BYTES.saturating_sub(out.len() as u64);
        let got = self.reader.by_ref().take(room).read_until(0xFF, out)?;
        if got as u64 == room {
            let what = format!("no JPEG ended within {MAX_JPEG_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        if got == 0 || out.last() != Some(&0xFF) {
            return Ok(None);
        }
        // More 0xFF may stand before a marker.
        loop {
            if self.take(1, out)? == 0 {
                return Ok(None);
            }
            match out.last() {
                Some(0xFF) => drop(out.pop()),
                marker => return Ok(marker.copied()),
            }
        }
    }

    fn take(&mut self, count: u64, out: &mut Vec<u8>) -> io::Result<u64> {
        Ok(self.reader.by_ref().take(count).read_to_end(out)? as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Camera as _;
    use crate::camera::Synthetic;
    use crate::image::frame::Timestamp;
    use crate::image::picture::thumbnail;

    const MJPG: PixelLayout =
        PixelLayout { format: PixelFormat::Mjpg, width: 0, height: 0, stride: 0 };

    fn split(bytes: &[u8], layout: PixelLayout) -> Vec<Vec<u8>> {
        // A buffer of three bytes puts every marker across a border once.
        let reader = io::BufReader::with_capacity(3, bytes);
        let mut splitter = Splitter::new(reader, layout);
        std::iter::from_fn(|| splitter.next().expect("memory can be read")).collect()
    }

    #[test]
    fn jpegs_are_found_whole_among_anything_else() {
        let mut camera = Synthetic::new(2);
        let [a, b] = [(); 2].map(|()| {
            thumbnail(&camera.capture(Timestamp(0)).expect("drawn frames are whole"), 64)
        });
        // A comment that holds a whole picture, a fill byte before a marker.
        let comment =
            [&[0xFF, 0xD8, 0xFF, 0xFE], &(a.len() as u16 + 2).to_be_bytes()[..], &a].concat();
        let nested = [&comment, &b[2..]].concat();
        let (end, body) = (&b[b.len() - 2..], &b[..b.len() - 2]);
        let filled = [body, &[0xFF], end].concat();
        let torn = &a[..a.len() - 20];
        type Case<'a> = (&'a str, Vec<&'a [u8]>, Vec<&'a [u8]>);
        let cases: [Case; 7] = [
            ("nothing", vec![], vec![]),
            ("two", vec![&a, &b], vec![&a, &b]),
            (
                "noise around",
                vec![b"\xFF\x00noise\xFF", &a, b"\0\0\xFF", &b, b"\xFF"],
                vec![&a, &b],
            ),
            ("a picture in a comment", vec![&nested, &a], vec![&nested, &a]),
            ("fill bytes", vec![&filled, &a], vec![&b, &a]),
            ("torn, then whole", vec![torn, &b], vec![torn, &b]),
            ("cut off at the end", vec![&a, torn], vec![&a, torn]),
        ];
        for (name, stream, wanted) in cases {
            assert!(split(&stream.concat(), MJPG) == wanted, "{name}");
        }
    }

    #[test]
    fn a_truncated_jpeg_leaves_the_next_one_whole() {
        let frame = Synthetic::new(2).capture(Timestamp(0)).expect("drawn frames are whole");
        let jpeg = thumbnail(&frame, 32);
        for cut in 0..jpeg.len() {
            let alone = split(&jpeg[..cut], MJPG);
            assert!(alone.len() <= 1 && alone.iter().all(|part| part.len() <= cut), "cut at {cut}");
            // Behind a cut within a segment its length may swallow what follows, so two follow.
            let found = split(&[&jpeg[..cut], &jpeg, &jpeg].concat(), MJPG);
            assert!(found.last() == Some(&jpeg), "cut at {cut}");
        }
    }

    #[test]
    fn a_jpeg_without_end_is_refused() {
        let endless = io::BufReader::new(io::repeat(7));
        let error = Splitter::new(endless, MJPG).next().expect_err("nothing ends");
        assert!(error.to_string().contains("no JPEG ended"), "{error}");
    }

    #[test]
    fn raw_pixels_are_counted_and_partial_pictures_dropped() {
        let layout = PixelLayout { format: PixelFormat::Rgb3, width: 2, height: 1, stride: 0 };
        assert_eq!(split(b"abcdefghijkl", layout), [b"abcdef", b"ghijkl"]);
        let mut splitter = Splitter::new(&b"abcdefgh"[..], layout);
        assert!(splitter.next().is_ok_and(|picture| picture.is_some()));
        let text = splitter.next().expect_err("two bytes are left").to_string();
        assert!(text.contains("2 bytes into RGB3 of 2x1, which has 6"), "{text}");
    }
}
