//! Blocks that come whole: baseline and extended JPEGs. They are painted at once.

use super::bits::Bits;
use super::huffman::Huffman;
use super::scan::{Reader, Units};
use super::tables::{Steps, Tables};
use super::{Component, Damage, Refused, ZIGZAG, idct};

/// Bits of the largest difference between two DC values, and of the largest other coefficient, of 8-bit pixels.
const DC_BITS: u8 = 11;
const AC_BITS: u32 = 10;

struct Part<'a> {
    dc: &'a Huffman,
    ac: &'a Huffman,
    steps: Steps,
    plane: Vec<u8>,
    stride: usize,
    before: i32,
}

/// A scan's blocks.
pub(super) struct Sequential<'a> {
    parts: Vec<Part<'a>>,
}

impl<'a> Sequential<'a> {
    /// Takes the planes of the components that the scan paints.
    ///
    /// # Errors
    /// [`Refused`]: a component that was painted before, a table that is missing.
    pub(super) fn new(
        units: &Units,
        components: &mut [Component],
        tables: &'a Tables,
    ) -> Result<Self, Refused> {
        let mut parts = Vec::new();
        for part in &units.parts {
            let component = &mut components[part.component];
            if component.sent != [super::UNSENT; 64] {
                let twice = "two scans of the JPEG have the same part of the picture";
                return Err(Refused::Damaged(twice.to_owned()));
            }
            component.sent = [0; 64];
            parts.push(Part {
                dc: tables.huffman(false, part.dc_table)?,
                ac: tables.huffman(true, part.ac_table)?,
                steps: tables.steps(component.table)?,
                plane: std::mem::take(&mut component.plane),
                stride: component.stride,
                before: 0,
            });
        }
        Ok(Self { parts })
    }

    /// Gives the planes back.
    pub(super) fn put_back(self, units: &Units, components: &mut [Component]) {
        for (part, painted) in units.parts.iter().zip(self.parts) {
            components[part.component].plane = painted.plane;
        }
    }
}

impl Reader for Sequential<'_> {
    fn restart(&mut self) {
        self.parts.iter_mut().for_each(|part| part.before = 0);
    }

    #[inline(always)]
    fn block(&mut self, bits: &mut Bits, part: usize, x: usize, y: usize) -> Result<(), Damage> {
        let part = &mut self.parts[part];
        let mut block = [0; 64];
        bits.need_32();
        let size = part.dc.symbol(bits)?;
        if size > DC_BITS {
            return Err(Damage::Code);
        }
        part.before += bits.signed(u32::from(size));
        block[0] = part.steps.apply(0, part.before)?;
        let (mut k, mut last) = (1, 0);
        while k < 64 {
            bits.need_32();
            let number = part.ac.number(bits);
            let value = if number.bits != 0 {
                bits.skip(u32::from(number.bits));
                k += usize::from(number.zeros);
                i32::from(number.value)
            } else {
                let symbol = part.ac.symbol(bits)?;
                let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
                if size == 0 {
                    // 16 zeros, or the end of the block.
                    if zeros != 15 {
                        if zeros != 0 {
                            return Err(Damage::Code);
                        }
                        break;
                    }
                    k += 16;
                    if k > 63 {
                        return Err(Damage::Code);
                    }
                    continue;
                }
                if size > AC_BITS {
                    return Err(Damage::Code);
                }
                k += zeros;
                bits.signed(size)
            };
            let &place = ZIGZAG.get(k).ok_or(Damage::Code)?;
            block[usize::from(place & 63)] = part.steps.apply(k, value)?;
            last = k;
            k += 1;
        }
        let start = y * 8 * part.stride + x * 8;
        idct::paint(&block, last, &mut part.plane[start..], part.stride);
        Ok(())
    }
}
