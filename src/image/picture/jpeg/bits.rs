//! A scan's data: cut at its restart markers, freed of the zeros behind 0xFF, read bit by bit.

use super::Damage;

/// A scan's coded data without its markers.
pub(super) struct Coded {
    /// The bytes of all intervals, one after the other.
    clean: Vec<u8>,
    /// Where each interval ends in `clean`.
    ends: Vec<usize>,
    /// The numbers of the restart markers between them, 0 to 7.
    pub(super) restarts: Vec<u8>,
    /// Where the next marker begins in the file, or the file's end.
    pub(super) next: usize,
    /// The file ends with it.
    pub(super) at_end_of_file: bool,
}

impl Coded {
    /// * `start`: where in `file` the data begins.
    pub(super) fn new(file: &[u8], start: usize) -> Self {
        let (mut clean, mut ends, mut restarts) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = start;
        loop {
            let rest = &file[at..];
            let plain = rest.iter().position(|&byte| byte == 0xFF).unwrap_or(rest.len());
            clean.extend_from_slice(&rest[..plain]);
            at += plain;
            match file.get(at + 1) {
                Some(0) => {
                    clean.push(0xFF);
                    at += 2;
                }
                // A marker may be preceded by any number of 0xFF.
                Some(0xFF) => at += 1,
                Some(marker @ 0xD0..=0xD7) => {
                    restarts.push(marker - 0xD0);
                    ends.push(clean.len());
                    at += 2;
                }
                next => {
                    ends.push(clean.len());
                    let at_end_of_file = next.is_none();
                    let next = if at_end_of_file { file.len() } else { at };
                    return Self { clean, ends, restarts, next, at_end_of_file };
                }
            }
        }
    }

    pub(super) fn intervals(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn interval(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.clean[start..self.ends[number]]
    }
}

/// What may follow the last code: nothing but what fills a byte, or whole bytes that say nothing.
pub(super) fn is_padding(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0 || byte == 0xFF)
}

/// Reads an interval, the highest bit of a byte first. Behind its end there are zeros; see [`Bits::overrun`].
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte to take in; may lie behind the end.
    at: usize,
    /// The next bits, the first one highest. Below those held lie bits of the bytes that follow, or zeros.
    hold: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, hold: 0, held: 0 }
    }

    /// Afterwards at least 56 bits are held, more than the longest code and the bits behind it twice.
    #[inline(always)]
    pub(super) fn fill(&mut self) {
        let word = match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) {
            Some(chunk) => u64::from_be_bytes(*chunk),
            None => self.last(),
        };
        self.hold |= word >> self.held;
        let bytes = (63 - self.held) / 8;
        self.at += bytes as usize;
        self.held += bytes * 8;
    }

    /// The same where fewer than 32 bits are held.
    #[inline(always)]
    pub(super) fn need_32(&mut self) {
        if self.held < 32 {
            self.fill();
        }
    }

    #[cold]
    fn last(&self) -> u64 {
        let mut chunk = [0; 8];
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        chunk[..rest.len()].copy_from_slice(rest);
        u64::from_be_bytes(chunk)
    }

    /// The next bits, in the highest places.
    #[inline(always)]
    pub(super) fn ahead(&self) -> u64 {
        self.hold
    }

    /// * `count`: at most as many as are held.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.hold <<= count;
        self.held -= count;
    }

    /// * `count`: 0 to 16, at most as many as are held.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        // In two steps, since a shift by 64 is none.
        let value = ((self.hold >> 1) >> (63 - count)) as u32;
        self.skip(count);
        value
    }

    /// A bit more, whatever is held.
    #[inline(always)]
    pub(super) fn bit(&mut self) -> bool {
        if self.held == 0 {
            self.fill();
        }
        self.take(1) == 1
    }

    /// A number of `size` bits as JPEG has it: those that begin with 0 are negative.
    #[inline(always)]
    pub(super) fn signed(&mut self, size: u32) -> i32 {
        extended(self.take(size), size)
    }

    fn used(&self) -> usize {
        self.at * 8 - self.held as usize
    }

    /// Whether more was read than there is.
    #[inline(always)]
    pub(super) fn overrun(&self) -> bool {
        self.at > self.bytes.len() && self.used() > self.bytes.len() * 8
    }

    /// Whether zeros that end the data were read: some cameras fill a file with them, and they are codes as well.
    pub(super) fn in_filling(&self) -> bool {
        let data = self.bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        self.bytes.len() - data > 1 && self.used() > data * 8
    }

    /// Nothing is left but what fills a byte.
    pub(super) fn finish(&self) -> Result<(), Damage> {
        if self.overrun() {
            return Err(Damage::Ends);
        }
        let used = self.used();
        match self.bytes.get(used.div_ceil(8)..) {
            Some(rest) if !is_padding(rest) => Err(Damage::LeftOver),
            _ => Ok(()),
        }
    }
}

/// The number that `size` bits stand for.
#[inline(always)]
pub(super) fn extended(bits: u32, size: u32) -> i32 {
    let value = bits as i32;
    // Those that begin with 0 stand for -(2^size - 1) to -2^(size - 1).
    let negative = size != 0 && bits >> (size - 1) == 0;
    if negative { value - (1 << size) + 1 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_highest_first_and_zeros_follow_the_end() {
        let bytes: Vec<u8> = (0..20_u8).map(|n| n.wrapping_mul(37) + 1).collect();
        let mut bits = Bits::new(&bytes);
        for (at, byte) in bytes.iter().enumerate() {
            bits.need_32();
            assert_eq!((bits.take(3), bits.take(5)), (u32::from(byte >> 5), u32::from(byte & 31)));
            assert!(!bits.overrun(), "{at}");
        }
        assert!(bits.finish().is_ok() && !bits.bit() && bits.overrun());
    }

    #[test]
    fn numbers_that_begin_with_zero_are_negative() {
        let cases =
            [(0, 0, 0), (0, 1, -1), (1, 1, 1), (0, 2, -3), (1, 2, -2), (2, 2, 2), (0, 11, -2047)];
        for (bits, size, wanted) in cases {
            assert_eq!(extended(bits, size), wanted, "{bits} of {size} bits");
        }
    }

    #[test]
    fn restart_markers_and_stuffed_zeros_are_taken_out() {
        let file = b"..ab\xFF\x00c\xFF\xFF\xD0de\xFF\xD1\xFF\x00\xFF\xD9rest";
        let coded = Coded::new(file, 2);
        let intervals: Vec<&[u8]> = (0..coded.intervals()).map(|n| coded.interval(n)).collect();
        assert_eq!(intervals, [&b"ab\xFFc"[..], b"de", b"\xFF"]);
        assert_eq!((coded.restarts, &file[coded.next..]), (vec![0, 1], &b"\xFF\xD9rest"[..]));
        let cut = Coded::new(b"ab\xFF", 0);
        assert!(cut.at_end_of_file && cut.next == 3);
    }
}
