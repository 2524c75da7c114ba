//! The order in which a scan's blocks come, and its restarts.

use super::bits::{Bits, Coded};
use super::{Component, Damage, Refused};

/// A component as a scan visits it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Which of the picture's components.
    pub(super) component: usize,
    /// Blocks of a unit: across, down.
    pub(super) blocks: (usize, usize),
    /// Numbers of its Huffman tables.
    pub(super) dc_table: usize,
    pub(super) ac_table: usize,
}

/// What reads blocks.
pub(super) trait Reader {
    /// Forgets what the blocks before it said.
    fn restart(&mut self);

    /// * `part`: which of the scan's components.
    /// * `x`, `y`: the block's place, in blocks.
    fn block(&mut self, bits: &mut Bits, part: usize, x: usize, y: usize) -> Result<(), Damage>;

    /// Blocks that are known to be empty and have yet to come.
    fn pending(&self) -> u32 {
        0
    }
}

/// A scan's units, row by row.
pub(super) struct Units {
    pub(super) parts: Vec<Part>,
    across: usize,
    down: usize,
    /// Units between two restart markers, 0 if there are none.
    interval: usize,
}

impl Units {
    /// * `parts`: with blocks of a unit as the frame has them.
    /// * `units`: of the whole picture with all its components: across, down.
    pub(super) fn new(
        mut parts: Vec<Part>,
        components: &[Component],
        units: (usize, usize),
        interval: usize,
    ) -> Self {
        let (mut across, mut down) = units;
        if let [part] = parts.as_mut_slice() {
            // A component of its own: no blocks but those that show something.
            let component = &components[part.component];
            (across, down) = (component.width.div_ceil(8), component.height.div_ceil(8));
            part.blocks = (1, 1);
        }
        Self { parts, across, down, interval }
    }

    /// Has every block read.
    ///
    /// # Errors
    /// What is missing or wrong, with its place.
    pub(super) fn read(&self, coded: &Coded, reader: &mut impl Reader) -> Result<(), Refused> {
        let total = self.across * self.down;
        let each = if self.interval == 0 { total } else { self.interval };
        let wanted = total.div_ceil(each);
        for number in 0..wanted {
            let units = number * each..((number + 1) * each).min(total);
            let damaged = |damage: Damage, unit: usize| {
                Refused::Damaged(match damage {
                    Damage::Ends if coded.at_end_of_file && number + 1 >= coded.intervals() => {
                        format!("the JPEG is cut off after {} % of its picture", unit * 100 / total)
                    }
                    _ => format!("{damage}, at {} % of the JPEG's picture", unit * 100 / total),
                })
            };
            if number >= coded.intervals() {
                return Err(damaged(Damage::Ends, units.start));
            }
            if number > 0 && usize::from(coded.restarts[number - 1]) != (number - 1) % 8 {
                return Err(damaged(Damage::Restart, units.start));
            }
            let mut bits = Bits::new(coded.interval(number));
            reader.restart();
            let end = units.end;
            for unit in units {
                self.unit(unit, &mut bits, reader).map_err(|damage| damaged(damage, unit))?;
                if bits.overrun() {
                    return Err(damaged(Damage::Ends, unit));
                }
            }
            bits.finish().map_err(|damage| damaged(damage, end))?;
            if coded.at_end_of_file && number + 1 == coded.intervals() && bits.in_filling() {
                return Err(Refused::Damaged(
                    "the JPEG is cut off: zeros take its end's place".to_owned(),
                ));
            }
            if reader.pending() > 0 {
                return Err(damaged(Damage::LeftOver, end));
            }
        }
        self.nothing_behind(coded, wanted)
    }

    #[inline(always)]
    fn unit(&self, unit: usize, bits: &mut Bits, reader: &mut impl Reader) -> Result<(), Damage> {
        let (row, column) = (unit / self.across, unit % self.across);
        for (number, part) in self.parts.iter().enumerate() {
            let (across, down) = part.blocks;
            for y in 0..down {
                for x in 0..across {
                    reader.block(bits, number, column * across + x, row * down + y)?;
                }
            }
        }
        Ok(())
    }

    /// Some write a restart marker behind the last unit, too.
    fn nothing_behind(&self, coded: &Coded, wanted: usize) -> Result<(), Refused> {
        let empty = |number| super::bits::is_padding(coded.interval(number));
        let rest = coded.intervals() - wanted;
        if rest == 0 || (rest == 1 && self.interval > 0 && empty(wanted)) {
            return Ok(());
        }
        Err(Refused::Damaged(format!("{}, behind the JPEG's last block", Damage::Restart)))
    }
}
