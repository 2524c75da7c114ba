//! Tables of quantisation and of codes, as segments set them.

use super::huffman::Huffman;
use super::{Damage, Refused, malformed, missing};

/// Steps of quantisation in zigzag order, and how far a coefficient may go.
#[derive(Clone)]
pub(super) struct Steps {
    steps: [u16; 64],
    most: [i32; 64],
}

impl Steps {
    fn new(steps: [u16; 64]) -> Self {
        // 64 pixels of 128 levels give at most 1024; an encoder rounds, some choose a step more or less.
        let most = steps.map(|step| (1024 + 2 * i32::from(step) + 32).min(i32::from(i16::MAX)));
        Self { steps, most }
    }

    /// The coefficient `k` itself.
    #[inline(always)]
    pub(super) fn apply(&self, k: usize, value: i32) -> Result<i16, Damage> {
        let value = value * i32::from(self.steps[k & 63]);
        if value.abs() > self.most[k & 63] {
            return Err(Damage::Range);
        }
        Ok(value as i16)
    }
}

/// What the segments before a scan set.
#[derive(Default)]
pub(super) struct Tables {
    steps: [Option<Steps>; 4],
    pub(super) dc: [Option<Huffman>; 4],
    pub(super) ac: [Option<Huffman>; 4],
    pub(super) restart_interval: usize,
}

impl Tables {
    pub(super) fn huffman(&self, ac: bool, number: usize) -> Result<&Huffman, Refused> {
        let tables = if ac { &self.ac } else { &self.dc };
        tables.get(number).and_then(Option::as_ref).ok_or_else(|| missing("a Huffman table"))
    }

    pub(super) fn steps(&self, number: usize) -> Result<Steps, Refused> {
        let steps = self.steps.get(number).and_then(Option::clone);
        steps.ok_or_else(|| missing("a quantisation table"))
    }

    pub(super) fn read_steps(&mut self, mut segment: &[u8]) -> Result<(), Refused> {
        let wrong = || malformed("quantisation table");
        while let Some((&kind, rest)) = segment.split_first() {
            let (wide, number) = (kind >> 4, usize::from(kind & 15));
            let size = if wide == 0 { 64 } else { 128 };
            let (table, rest) = rest.split_at_checked(size).ok_or_else(wrong)?;
            let steps = std::array::from_fn(|k| match wide {
                0 => u16::from(table[k]),
                _ => u16::from_be_bytes([table[2 * k], table[2 * k + 1]]),
            });
            if wide > 1 || steps.contains(&0) {
                return Err(wrong());
            }
            *self.steps.get_mut(number).ok_or_else(wrong)? = Some(Steps::new(steps));
            segment = rest;
        }
        Ok(())
    }

    pub(super) fn read_huffman(&mut self, mut segment: &[u8]) -> Result<(), Refused> {
        let wrong = || malformed("Huffman table");
        while let Some((&kind, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(wrong)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or_else(wrong)?;
            let tables = match kind >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(wrong()),
            };
            let table = Huffman::new(counts, symbols).ok_or_else(wrong)?;
            *tables.get_mut(usize::from(kind & 15)).ok_or_else(wrong)? = Some(table);
            segment = rest;
        }
        Ok(())
    }
}
