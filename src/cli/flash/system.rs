//! The image of an operating system: read once to see that it is whole, then again to be written.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest as _, Sha256};

use crate::backbone::card::hex;

/// Bytes that are read and written at a time.
pub(super) const STEP: usize = 1 << 20;

/// An image's file, as it was downloaded.
#[derive(Debug)]
pub(super) struct SystemImage {
    path: PathBuf,
    packed: Packed,
    /// Of the file.
    length: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packed {
    Not,
    Xz,
    Gzip,
    Zstd,
}

/// What an image that is whole holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
    /// Its first sector.
    pub(super) first: Vec<u8>,
}

impl SystemImage {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut file = File::open(path).with_context(|| shown.to_string())?;
        let length = file.metadata().with_context(|| shown.to_string())?.len();
        let mut magic = Vec::new();
        file.by_ref().take(6).read_to_end(&mut magic).with_context(|| shown.to_string())?;
        let packed = match magic[..] {
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Packed::Xz,
            [0x1f, 0x8b, ..] => Packed::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packed::Zstd,
            [b'P', b'K', 3, 4, ..] => {
                bail!("{shown}: this is a ZIP file\n  next: unpack it, and name the .img in it")
            }
            _ => Packed::Not,
        };
        Ok(Self { path: path.to_owned(), packed, length })
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The file's SHA-256 is this.
    pub(super) fn check(&self, wanted: &str, bar: &ProgressBar) -> anyhow::Result<()> {
        let mut file = Counted { file: File::open(&self.path)?, bar: bar.clone() };
        let (mut hash, mut piece) = (Sha256::new(), vec![0; STEP]);
        loop {
            match fill(&mut file, &mut piece).with_context(|| self.path.display().to_string())? {
                0 => break,
                count => hash.update(&piece[..count]),
            }
        }
        let got = hex(&hash.finalize().into());
        if got != wanted.to_ascii_lowercase() {
            bail!(
                "{}: its SHA-256 is {got}, wanted {wanted}\n  next: download it again",
                self.path.display()
            );
        }
        Ok(())
    }

    /// Reads it whole.
    ///
    /// * `bar`: moved by the bytes of the file; `take`: gets what it holds, in order.
    ///
    /// # Errors
    /// It is torn or damaged, or `take`'s.
    pub(super) fn read(
        &self,
        bar: &ProgressBar,
        mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Content> {
        let mut content = self.unpacked(bar)?;
        let mut hash = Sha256::new();
        let (mut bytes, mut first, mut piece) = (0, Vec::new(), vec![0; STEP]);
        loop {
            let count =
                fill(&mut *content, &mut piece).map_err(|error| self.damaged(&error, bytes))?;
            if count == 0 {
                break;
            }
            if first.is_empty() {
                first = piece[..count.min(512)].to_vec();
            }
            hash.update(&piece[..count]);
            take(&piece[..count])?;
            bytes += count as u64;
        }
        if bytes == 0 {
            bail!("{}: it is empty", self.path.display());
        }
        Ok(Content { bytes, sha256: hash.finalize().into(), first })
    }

    fn unpacked(&self, bar: &ProgressBar) -> anyhow::Result<Box<dyn Read>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(0))?;
        let file = BufReader::with_capacity(STEP, Counted { file, bar: bar.clone() });
        Ok(match self.packed {
            Packed::Not => Box::new(file),
            Packed::Xz => Box::new(XzReader::new(file, true)),
            Packed::Gzip => Box::new(MultiGzDecoder::new(file)),
            Packed::Zstd => {
                Box::new(StreamingDecoder::new(file).map_err(|error| self.damaged(&error, 0))?)
            }
        })
    }

    fn damaged(&self, error: &dyn std::fmt::Display, at: u64) -> anyhow::Error {
        anyhow::anyhow!(
            "{}: it is cut off or damaged after {at} bytes of its content ({error})\n  next: download it again",
            self.path.display()
        )
    }
}

/// A file that moves a bar as it is read.
struct Counted {
    file: File,
    bar: ProgressBar,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bar.inc(count as u64);
        Ok(count)
    }
}

/// Reads until the buffer is full or nothing is left.
pub(super) fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
