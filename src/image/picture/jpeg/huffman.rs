//! Huffman tables: made from a file's lists of lengths, and the ones that files may leave out.

use super::Damage;
use super::bits::{Bits, extended};

/// Bits that are looked up at once.
const LOOK: u32 = 10;
const LOOKS: usize = 1 << LOOK;

/// A table from codes to symbols.
#[derive(Clone)]
pub(super) struct Huffman {
    /// For the next bits: the code's length and, above it, its symbol; 0 for a longer code.
    symbol_of: Box<[u16; LOOKS]>,
    /// For the next bits: the code's length with that of the number behind it, the zeros before that, the number; 0 for
    /// more bits, and for symbols without a number.
    number_of: Box<[Number; LOOKS]>,
    /// For each length, the first 16 bits that are no such code or shorter.
    beyond: [u32; 17],
    /// For each length, what leads from a code to its symbol's place.
    place: [i32; 17],
    symbols: [u8; 256],
}

/// What an AC code and the bits behind it stand for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Number {
    pub(super) value: i16,
    pub(super) zeros: u8,
    /// 0 where it has to be read step by step.
    pub(super) bits: u8,
}

impl Huffman {
    /// * `counts`: how many codes there are of each length, 1 to 16.
    /// * `symbols`: as many, the shortest codes' first.
    /// * returns `None` if the lengths cannot be.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            symbol_of: Box::new([0; LOOKS]),
            number_of: Box::new([Number::default(); LOOKS]),
            beyond: [0; 17],
            place: [0; 17],
            symbols: [0; 256],
        };
        table.symbols.get_mut(..symbols.len())?.copy_from_slice(symbols);
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            table.place[length as usize] = place as i32 - code as i32;
            for _ in 0..count {
                if let Some(free) = LOOK.checked_sub(length) {
                    let entry = u16::from(*symbols.get(place)?) << 8 | length as u16;
                    let start = (code << free) as usize;
                    table.symbol_of.get_mut(start..start + (1 << free))?.fill(entry);
                }
                code += 1;
                place += 1;
            }
            // No code is all ones.
            if count > 0 && code >= 1 << length {
                return None;
            }
            table.beyond[length as usize] = code << (16 - length);
            code <<= 1;
        }
        if place != symbols.len() {
            return None;
        }
        table.find_numbers();
        Some(table)
    }

    fn find_numbers(&mut self) {
        for (ahead, number) in self.number_of.iter_mut().enumerate() {
            let [symbol, length] = self.symbol_of[ahead].to_be_bytes();
            let (length, size) = (u32::from(length), u32::from(symbol & 15));
            if length == 0 || size == 0 || length + size > LOOK {
                continue;
            }
            let bits = (ahead as u32 >> (LOOK - length - size)) & ((1 << size) - 1);
            *number = Number {
                value: extended(bits, size) as i16,
                zeros: symbol >> 4,
                bits: (length + size) as u8,
            };
        }
    }

    /// The next symbol. At least 16 bits must be held.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &mut Bits) -> Result<u8, Damage> {
        let [symbol, length] = self.symbol_of[(bits.ahead() >> (64 - LOOK)) as usize].to_be_bytes();
        if length != 0 {
            bits.skip(u32::from(length));
            return Ok(symbol);
        }
        self.long(bits)
    }

    #[cold]
    fn long(&self, bits: &mut Bits) -> Result<u8, Damage> {
        let ahead = (bits.ahead() >> 48) as u32;
        let length = (LOOK + 1..=16).find(|&length| ahead < self.beyond[length as usize]);
        let length = length.ok_or(Damage::Code)?;
        let place = (ahead >> (16 - length)) as i32 + self.place[length as usize];
        bits.skip(length);
        self.symbols.get(place as usize).copied().ok_or(Damage::Code)
    }

    /// What the next bits stand for, where they are few; nothing is taken.
    #[inline(always)]
    pub(super) fn number(&self, bits: &Bits) -> Number {
        self.number_of[(bits.ahead() >> (64 - LOOK)) as usize]
    }
}

/// Lengths and symbols of a table.
type Lists = ([u8; 16], &'static [u8]);

// ITU-T T.81, K.3.3: the tables that motion JPEG means where it leaves them out.

const DC_LUMA: Lists =
    ([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
const DC_CHROMA: Lists =
    ([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
const AC_LUMA: Lists = (
    [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
    b"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\
      \x23\x42\xb1\xc1\x15\x52\xd1\xf0\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\
      \x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\
      \x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89\
      \x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\
      \xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\
      \xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
);
const AC_CHROMA: Lists = (
    [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
    b"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\
      \xa1\xb1\xc1\x09\x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\
      \x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\
      \x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87\
      \x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\
      \xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\
      \xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
);

/// The table that is meant where there is none: of DC or AC numbers, 0 for luma, 1 for chroma.
pub(super) fn usual(ac: bool, number: usize) -> Option<Huffman> {
    let (counts, symbols) = match (ac, number) {
        (false, 0) => DC_LUMA,
        (false, 1) => DC_CHROMA,
        (true, 0) => AC_LUMA,
        (true, 1) => AC_CHROMA,
        _ => return None,
    };
    Huffman::new(&counts, symbols)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_tables_can_be_made_and_read() {
        for (ac, number) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
            assert!(usual(ac, number).is_some(), "{ac} {number}");
        }
        assert!(usual(true, 2).is_none());
        // T.81, table K.5: run 0, size 1 is 00; end of block 1010; run 15, size 10 is 1111111111111110.
        let table = usual(true, 0).expect("made above");
        let bytes = [0b0010_1011, 0b1111_1111, 0b1111_1010, 0, 0, 0, 0, 0];
        let mut bits = Bits::new(&bytes);
        bits.fill();
        let symbols = [(); 3].map(|()| table.symbol(&mut bits).expect("three codes"));
        assert_eq!(symbols, [0x01, 0x00, 0xfa]);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 2;
        assert!(Huffman::new(&counts, &[1, 2]).is_none(), "0 and 1: all ones");
        counts[0] = 3;
        assert!(Huffman::new(&counts, &[1, 2, 3]).is_none(), "three codes of one bit");
        counts[0] = 1;
        assert!(Huffman::new(&counts, &[1, 2]).is_none(), "a symbol too many");
        assert!(Huffman::new(&counts, &[7]).is_some());
        assert!(Huffman::new(&[255; 16], &[0; 16 * 255]).is_none(), "too many symbols");
    }
}
