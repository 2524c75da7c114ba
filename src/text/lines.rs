//! Bytes, as they come, cut into lines. Bytes that end within a line are no error: the rest of it follows.

use super::MAX_LINE;

/// A line that was cut out, and its number, counted from 1; blank ones count and are left out.
pub type NumberedLine = (u64, Result<String, BrokenLine>);

/// Why bytes are not a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenLine {
    /// It is longer than [`MAX_LINE`].
    #[error("a line of more than {MAX_LINE} bytes")]
    TooLong,
    /// It is not UTF-8.
    #[error("not UTF-8 from byte {0} of the line")]
    NotUtf8(usize),
}

/// Cuts bytes into lines: at `\n`, `\r\n` too; of a line that is too long no more than its beginning is held.
#[derive(Debug, Default)]
pub struct LineSplitter {
    /// What came of lines that were not given yet.
    bytes: Vec<u8>,
    /// How much of it was searched for an end, and holds none.
    searched: usize,
    /// How much of it was given.
    given: usize,
    number: u64,
    /// The line that began is too long, and its end did not come yet.
    skips: bool,
}

/// A byte order mark.
const MARK: char = '\u{feff}';

impl LineSplitter {
    /// Bytes came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.given);
        self.searched -= self.given;
        self.given = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next line that is whole; `None` until more bytes come.
    pub fn next_line(&mut self) -> Option<NumberedLine> {
        loop {
            let rest = &self.bytes[self.searched..];
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
                self.searched = self.bytes.len();
                // With its end, `\r\n`.
                if self.searched - self.given > MAX_LINE + 1 {
                    self.skips = true;
                    self.given = self.searched;
                }
                return None;
            };
            let (from, end) = (self.given, self.searched + end);
            (self.given, self.searched) = (end + 1, end + 1);
            if let Some(line) = self.line(from, end) {
                return Some(line);
            }
        }
    }

    /// No more bytes come: what is left is the last line. What comes afterwards begins a new one.
    pub fn finish(&mut self) -> Option<NumberedLine> {
        if let Some(line) = self.next_line() {
            return Some(line);
        }
        let (from, end) = (self.given, self.bytes.len());
        (self.given, self.searched) = (end, end);
        if from == end && !self.skips {
            return None;
        }
        self.line(from, end)
    }

    /// What is left of a line whose end will not come is left out.
    pub fn forget(&mut self) {
        (self.given, self.searched, self.skips) = (self.bytes.len(), self.bytes.len(), false);
    }

    /// A line without its end; `None` of a blank one.
    fn line(&mut self, from: usize, end: usize) -> Option<NumberedLine> {
        self.number += 1;
        let bytes = &self.bytes[from..end];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let line = if std::mem::take(&mut self.skips) || bytes.len() > MAX_LINE {
            Err(BrokenLine::TooLong)
        } else {
            match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.trim_start_matches(MARK).trim().to_owned()),
                Err(error) => Err(BrokenLine::NotUtf8(error.valid_up_to() + 1)),
            }
        };
        let is_blank = line.as_deref().is_ok_and(str::is_empty);
        (!is_blank).then_some((self.number, line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of the bytes, which come in these pieces.
    fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<NumberedLine> {
        let (mut splitter, mut lines) = (LineSplitter::default(), Vec::new());
        for piece in pieces {
            splitter.push(piece);
            lines.extend(std::iter::from_fn(|| splitter.next_line()));
            assert!(splitter.bytes.len() - splitter.given <= MAX_LINE + 1, "it holds no more");
        }
        lines.extend(std::iter::from_fn(|| splitter.finish()));
        lines
    }

    #[test]
    fn lines_are_the_same_however_their_bytes_come() {
        let bytes = "\u{feff}one\r\n\n  \nt\u{fc}wo\0\nthree\n\u{1b}[0m".as_bytes();
        let bytes = [bytes, b"\nbad \xff\n\xc3\nlast\r"].concat();
        let wanted = [
            (1, Ok("one")),
            (4, Ok("t\u{fc}wo\0")),
            (5, Ok("three")),
            (6, Ok("\u{1b}[0m")),
            (7, Err(BrokenLine::NotUtf8(5))),
            (8, Err(BrokenLine::NotUtf8(1))),
            (9, Ok("last")),
        ];
        let wanted = wanted.map(|(number, line)| (number, line.map(str::to_owned)));
        assert_eq!(cut([&bytes[..]]), wanted);
        assert_eq!(cut(bytes.chunks(1)), wanted);
        for at in 0..bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(cut([a, b]), wanted, "cut at {at}");
        }
        assert!(cut([&b""[..]]).is_empty());
    }

    #[test]
    fn endless_lines_are_named_and_take_no_room() {
        let longest = "y".repeat(MAX_LINE);
        let long = [&b"x".repeat(3 * MAX_LINE)[..], b"\n", longest.as_bytes(), b"\r\nz\n"].concat();
        let long = [&long[..], longest.as_bytes(), b"y\nlast"].concat();
        let wanted = [
            (1, Err(BrokenLine::TooLong)),
            (2, Ok(longest.clone())),
            (3, Ok("z".to_owned())),
            (4, Err(BrokenLine::TooLong)),
            (5, Ok("last".to_owned())),
        ];
        for length in [4096, 65_536, 7, 65_537] {
            assert_eq!(cut(long.chunks(length)), wanted, "in pieces of {length}");
        }
        // One that never ends is one line.
        let endless = std::iter::repeat_n(longest.as_bytes(), 5);
        assert_eq!(cut(endless), [(1, Err(BrokenLine::TooLong))]);
    }

    #[test]
    fn what_is_forgotten_is_no_line() {
        let mut splitter = LineSplitter::default();
        splitter.push(b"one\nhal");
        assert_eq!(splitter.next_line(), Some((1, Ok("one".to_owned()))));
        splitter.forget();
        splitter.push(b"two\n");
        assert_eq!(splitter.next_line(), Some((2, Ok("two".to_owned()))));
        assert_eq!(splitter.finish(), None);
    }
}
