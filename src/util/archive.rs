//! ZIP archives, made piece by piece as they are sent: files as they are, without compression, which JPEGs would not gain by.
//!
//! After APPNOTE.TXT 6.3.10 of PKWARE: a local header before every file (4.3.7), the central directory behind all (4.3.12),
//! its end (4.3.16), in the form for many files where 16 bits do not count them (4.3.14, 4.3.15).

use super::checksum::crc32;

/// Names are UTF-8.
const UTF8: u16 = 1 << 11;

/// The first of January 1980, which the format counts from: when a file was made is said elsewhere.
const NO_DATE: u32 = 0x0021 << 16;

/// Versions of the format that it takes to read one.
const PLAIN: u16 = 20;
const LARGE: u16 = 45;

/// Writes one archive.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    directory: Vec<u8>,
    files: u64,
    /// Bytes that were given out.
    bytes: u64,
}

impl Archive {
    /// The bytes of the next file.
    ///
    /// * `name`: with `/` between folders, less than 64 KiB; `content`: less than 4 GiB. Together the files have less
    ///   than 4 GiB.
    pub(crate) fn file(&mut self, name: &str, content: &[u8]) -> Vec<u8> {
        let mut entry = Vec::with_capacity(26);
        for short in [PLAIN, UTF8, 0] {
            entry.extend(short.to_le_bytes());
        }
        for long in [NO_DATE, crc32(content), content.len() as u32, content.len() as u32] {
            entry.extend(long.to_le_bytes());
        }
        entry.extend((name.len() as u16).to_le_bytes());
        entry.extend(0u16.to_le_bytes());
        let begin = &mut self.directory;
        begin.extend(b"PK\x01\x02");
        begin.extend(PLAIN.to_le_bytes());
        begin.extend(&entry);
        // No comment, the first disk, no attributes.
        begin.extend([0; 10]);
        begin.extend((self.bytes as u32).to_le_bytes());
        begin.extend(name.as_bytes());
        let file = [b"PK\x03\x04", &entry[..], name.as_bytes(), content].concat();
        self.files += 1;
        self.bytes += file.len() as u64;
        file
    }

    /// The bytes behind the last file.
    pub(crate) fn end(self) -> Vec<u8> {
        let Self { mut directory, files, bytes } = self;
        let length = directory.len() as u64;
        if files >= u64::from(u16::MAX) {
            directory.extend(b"PK\x06\x06");
            directory.extend(44u64.to_le_bytes());
            directory.extend([LARGE, LARGE].map(u16::to_le_bytes).concat());
            directory.extend([0; 8]);
            directory.extend([files, files, length, bytes].map(u64::to_le_bytes).concat());
            directory.extend(b"PK\x06\x07\0\0\0\0");
            directory.extend((bytes + length).to_le_bytes());
            directory.extend(1u32.to_le_bytes());
        }
        let count = u16::try_from(files).unwrap_or(u16::MAX).to_le_bytes();
        directory.extend(b"PK\x05\x06\0\0\0\0");
        directory.extend([count, count].concat());
        directory.extend([length as u32, bytes as u32].map(u32::to_le_bytes).concat());
        directory.extend([0; 2]);
        directory
    }
}
