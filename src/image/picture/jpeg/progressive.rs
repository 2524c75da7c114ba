//! Blocks that come in several scans, a band of coefficients and a few of their bits at a time.

use super::bits::Bits;
use super::huffman::Huffman;
use super::scan::{Reader, Units};
use super::tables::{Steps, Tables};
use super::{Component, Damage, Refused, Scan, UNSENT, ZIGZAG, idct};

/// Bits of the largest difference between two DC values, and of the largest other coefficient, of 8-bit pixels.
const DC_BITS: u32 = 11;
const AC_BITS: u32 = 10;

struct Part<'a> {
    huffman: Option<&'a Huffman>,
    coefficients: Vec<i16>,
    /// Blocks a row.
    across: usize,
    before: i32,
}

/// A scan's coefficients.
pub(super) struct Progressive<'a> {
    parts: Vec<Part<'a>>,
    /// The first and the last coefficient, in zigzag order.
    band: (usize, usize),
    /// The lowest bit that the scan has.
    low: u32,
    /// An earlier scan had the higher bits.
    refines: bool,
    /// Blocks without anything new that are still to come.
    empty: u32,
}

impl<'a> Progressive<'a> {
    /// Takes the coefficients of the components that the scan refines.
    ///
    /// # Errors
    /// [`Refused`]: a scan that does not go on where those before it ended, a table that is missing.
    pub(super) fn new(
        scan: &Scan,
        units: &Units,
        components: &mut [Component],
        tables: &'a Tables,
    ) -> Result<Self, Refused> {
        let (first, last) = scan.band;
        let (high, low) = scan.bits;
        let wrong =
            |what: &str| Refused::Damaged(format!("the JPEG's scans do not fit together: {what}"));
        if first > last || last > 63 || (first == 0 && last != 0) || low > 13 {
            return Err(wrong("one has impossible coefficients"));
        }
        if first > 0 && units.parts.len() != 1 {
            return Err(wrong("one has fine detail of several components"));
        }
        let mut parts = Vec::new();
        for part in &units.parts {
            let component = &mut components[part.component];
            for sent in &mut component.sent[first..=last] {
                let before = if high == 0 { UNSENT } else { high };
                if *sent != before || (high != 0 && high != low + 1) {
                    return Err(wrong("one is missing, or comes twice"));
                }
                *sent = low;
            }
            let ac = first > 0;
            let huffman = match (ac, high) {
                (false, 0) => Some(tables.huffman(false, part.dc_table)?),
                (false, _) => None,
                (true, _) => Some(tables.huffman(true, part.ac_table)?),
            };
            if component.steps.is_none() {
                component.steps = Some(tables.steps(component.table)?);
            }
            if component.coefficients.is_empty() {
                component.coefficients = vec![0; component.across * component.down * 64];
            }
            let coefficients = std::mem::take(&mut component.coefficients);
            parts.push(Part { huffman, coefficients, across: component.across, before: 0 });
        }
        let refines = high != 0;
        Ok(Self { parts, band: scan.band, low: u32::from(low), refines, empty: 0 })
    }

    /// Gives the coefficients back.
    pub(super) fn put_back(self, units: &Units, components: &mut [Component]) {
        for (part, read) in units.parts.iter().zip(self.parts) {
            components[part.component].coefficients = read.coefficients;
        }
    }
}

impl Reader for Progressive<'_> {
    fn restart(&mut self) {
        self.parts.iter_mut().for_each(|part| part.before = 0);
        self.empty = 0;
    }

    fn pending(&self) -> u32 {
        self.empty
    }

    #[inline(always)]
    fn block(&mut self, bits: &mut Bits, part: usize, x: usize, y: usize) -> Result<(), Damage> {
        let (band, low) = (self.band, self.low);
        let part = &mut self.parts[part];
        let start = (y * part.across + x) * 64;
        let block = part.coefficients[start..].first_chunk_mut().ok_or(Damage::Code)?;
        match (part.huffman, self.refines) {
            (Some(huffman), false) if band.0 == 0 => {
                bits.need_32();
                let size = u32::from(huffman.symbol(bits)?);
                if size > DC_BITS {
                    return Err(Damage::Code);
                }
                part.before += bits.signed(size);
                block[0] = shifted(part.before, low)?;
                Ok(())
            }
            (Some(huffman), false) => first(bits, huffman, band, low, block, &mut self.empty),
            (Some(huffman), true) => refine(bits, huffman, band, low, block, &mut self.empty),
            (None, _) => {
                block[0] |= i16::from(bits.bit()) << low;
                Ok(())
            }
        }
    }
}

fn shifted(value: i32, low: u32) -> Result<i16, Damage> {
    i16::try_from(value << low).map_err(|_| Damage::Range)
}

/// How many blocks have nothing more, this one among them.
fn run(bits: &mut Bits, size: usize) -> u32 {
    bits.need_32();
    (1 << size) + bits.take(size as u32)
}

/// The first bits of a band.
fn first(
    bits: &mut Bits,
    huffman: &Huffman,
    band: (usize, usize),
    low: u32,
    block: &mut [i16; 64],
    empty: &mut u32,
) -> Result<(), Damage> {
    if *empty > 0 {
        *empty -= 1;
        return Ok(());
    }
    let mut k = band.0;
    while k <= band.1 {
        bits.need_32();
        let symbol = huffman.symbol(bits)?;
        let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        match (zeros, size) {
            (15, 0) => {
                k += 16;
                if k > band.1 + 1 {
                    return Err(Damage::Code);
                }
                continue;
            }
            (_, 0) => {
                *empty = run(bits, zeros) - 1;
                return Ok(());
            }
            _ => k += zeros,
        }
        if k > band.1 || size > AC_BITS {
            return Err(Damage::Code);
        }
        block[usize::from(ZIGZAG[k])] = shifted(bits.signed(size), low)?;
        k += 1;
    }
    Ok(())
}

/// One bit more of a band.
fn refine(
    bits: &mut Bits,
    huffman: &Huffman,
    band: (usize, usize),
    low: u32,
    block: &mut [i16; 64],
    empty: &mut u32,
) -> Result<(), Damage> {
    let bit = 1_i16 << low;
    let mut k = band.0;
    if *empty == 0 {
        while k <= band.1 {
            bits.need_32();
            let symbol = huffman.symbol(bits)?;
            let (mut zeros, size) = (usize::from(symbol >> 4), symbol & 15);
            let mut new = 0;
            match (zeros, size) {
                (15, 0) => {}
                (_, 0) => {
                    *empty = run(bits, zeros);
                    break;
                }
                (_, 1) => new = if bits.bit() { bit } else { -bit },
                _ => return Err(Damage::Code),
            }
            // Past so many that were zero; those that were not get their next bit.
            loop {
                if k > band.1 {
                    return Err(Damage::Code);
                }
                let value = &mut block[usize::from(ZIGZAG[k])];
                k += 1;
                if *value != 0 {
                    correct(value, bits, bit);
                } else if zeros == 0 {
                    *value = new;
                    break;
                } else {
                    zeros -= 1;
                }
            }
        }
    }
    if *empty > 0 {
        for &place in &ZIGZAG[k..=band.1] {
            let value = &mut block[usize::from(place)];
            if *value != 0 {
                correct(value, bits, bit);
            }
        }
        *empty -= 1;
    }
    Ok(())
}

fn correct(value: &mut i16, bits: &mut Bits, bit: i16) {
    if bits.bit() && *value & bit == 0 {
        *value = value.saturating_add(if *value > 0 { bit } else { -bit });
    }
}

/// Paints a component from its coefficients, which are given up.
///
/// # Errors
/// [`Damage::Range`].
pub(super) fn paint(component: &mut Component, steps: &Steps) -> Result<(), Damage> {
    let coefficients = std::mem::take(&mut component.coefficients);
    let rows = coefficients.as_chunks::<64>().0.chunks(component.across);
    for (y, row) in rows.enumerate() {
        for (x, read) in row.iter().enumerate() {
            let mut block = [0; 64];
            let mut last = 0;
            for (k, &place) in ZIGZAG.iter().enumerate() {
                let value = read[usize::from(place)];
                if value != 0 {
                    block[usize::from(place)] = steps.apply(k, i32::from(value))?;
                    last = k;
                }
            }
            let start = y * 8 * component.stride + x * 8;
            idct::paint(&block, last, &mut component.plane[start..], component.stride);
        }
    }
    Ok(())
}
