//! JPEG, decoded to the bit as libjpeg does by default, or refused: every block must be there.
//!
//! A JPEG has no checksum. What can be known of damage is that codes stand for nothing, that coefficients are beyond what
//! pixels can give, and that data is missing, left over, or out of order. Decoders made for browsers paint what there is;
//! this one is for pictures that are learned, and refuses them.
//!
//! Baseline, extended and progressive ones of 8 bits with Huffman codes, in any order of scans, with any factors of
//! sampling that divide the largest one; grey, YCbCr, RGB, CMYK and YCCK. ITU-T T.81 (09/92) is what is meant by T.81.

use std::fmt;

mod bits;
mod huffman;
mod idct;
mod progressive;
mod scan;
mod sequential;
mod show;
mod tables;

use bits::Coded;
use progressive::Progressive;
use scan::{Part, Units};
use sequential::Sequential;
use tables::{Steps, Tables};

/// Where the coefficients of a block lie, in the order in which they come.
#[rustfmt::skip]
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// What a decoded JPEG shows.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) width: u32,
    pub(super) height: u32,
    /// `[height, width, 3]`, RGB8.
    pub(super) rgb: Vec<u8>,
    /// What its EXIF segment holds.
    pub(super) exif: Option<Vec<u8>>,
    /// Where it ends in the file.
    pub(super) end: usize,
    /// It says that other pictures of the same scene follow: a preview, the depth, the light.
    pub(super) album: bool,
}

/// Why there is no picture.
#[derive(Debug)]
pub(super) enum Refused {
    /// Something is missing or wrong.
    Damaged(String),
    /// It may be whole, but is of a rare kind.
    Unknown(String),
    /// More pixels than were wanted.
    TooLarge(u32, u32),
}

/// What a scan's data may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Ends,
    LeftOver,
    Code,
    Range,
    Restart,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Damage::Ends => "data is missing",
            Damage::LeftOver => "data is left over, so some before it was changed or lost",
            Damage::Code => "data was changed or lost",
            Damage::Range => "a block is beyond black or white, so data was changed or lost",
            Damage::Restart => "a restart marker is missing or wrong, so data was changed or lost",
        })
    }
}

/// A coefficient of which nothing was sent.
const UNSENT: u8 = 255;

/// One colour of the picture.
struct Component {
    id: u8,
    /// Blocks of a unit: across, down.
    factors: (usize, usize),
    /// The number of its table of steps.
    table: usize,
    /// Pixels that show something.
    width: usize,
    height: usize,
    /// Blocks, with those that fill the last units.
    across: usize,
    down: usize,
    /// For each coefficient, in zigzag order, the lowest bit that was sent.
    sent: [u8; 64],
    /// `[down * 8, stride]`.
    plane: Vec<u8>,
    stride: usize,
    /// Of a progressive JPEG: `[down, across, 64]`, and the steps that held in its first scan.
    coefficients: Vec<i16>,
    steps: Option<Steps>,
}

impl Component {
    fn row(&self, y: usize) -> &[u8] {
        &self.plane[y * self.stride..][..self.width]
    }
}

/// How the components are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Grey,
    Ycc,
    Rgb,
    Cmyk,
    Ycck,
}

fn missing(what: &str) -> Refused {
    Refused::Damaged(format!("{what} of the JPEG is missing"))
}

/// A scan's header.
struct Scan {
    parts: Vec<Part>,
    /// The first and the last coefficient.
    band: (usize, usize),
    /// The lowest bit that was sent before, 0 if none was; the lowest that is sent now.
    bits: (u8, u8),
}

/// The picture while it is read.
struct Picture {
    width: u32,
    height: u32,
    progressive: bool,
    components: Vec<Component>,
    /// Units: across, down.
    units: (usize, usize),
}

/// What is known before the picture, and the picture.
#[derive(Default)]
struct Decoder {
    tables: Tables,
    picture: Option<Picture>,
    jfif: bool,
    /// Adobe's word for the colours.
    transform: Option<u8>,
    exif: Option<Vec<u8>>,
    album: bool,
}

/// Decodes a file.
///
/// * `bytes`: a file that begins like a JPEG; what follows its end is left alone.
/// * `most`: pixels that it may have.
///
/// # Errors
/// [`Refused`].
pub(super) fn decode(bytes: &[u8], most: u64) -> Result<Decoded, Refused> {
    let mut decoder = Decoder::default();
    let mut at = 2;
    // Some cameras leave bytes between segments, and some no end marker: whether all blocks are there is what counts.
    while let Some((marker, start)) = next_marker(bytes, at) {
        match marker {
            0xD9 => {
                at = start;
                break;
            }
            // Markers that stand alone.
            0x01 | 0xD0..=0xD7 => at = start,
            0xD8 => {
                return Err(Refused::Damaged("a second picture begins within the JPEG".to_owned()));
            }
            0x02..=0xBF => {
                return Err(Refused::Damaged("the JPEG has an unknown marker".to_owned()));
            }
            _ => {
                let length = bytes.get(start..).and_then(|rest| rest.first_chunk());
                let length = length.map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
                let segment = bytes.get(start + 2..start + length.max(2));
                let Some(segment) = segment.filter(|_| length >= 2) else {
                    return Err(match start + length > bytes.len() {
                        true => cut_off(),
                        false => malformed("segment"),
                    });
                };
                at = start + length;
                decoder.segment(marker, segment, most)?;
                if marker == 0xDA {
                    at = decoder.scan(segment, bytes, at)?;
                }
            }
        }
    }
    decoder.finish(at)
}

fn cut_off() -> Refused {
    Refused::Damaged("the JPEG is cut off".to_owned())
}

fn malformed(what: &str) -> Refused {
    Refused::Damaged(format!("the JPEG's {what} is malformed"))
}

/// The next marker and what lies behind it.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        at += bytes[at..].iter().position(|&byte| byte != 0xFF)?;
        match bytes[at] {
            0 => at += 1,
            marker => return Some((marker, at + 1)),
        }
    }
}

impl Decoder {
    fn segment(&mut self, marker: u8, segment: &[u8], most: u64) -> Result<(), Refused> {
        let unknown = |what: &str| Err(Refused::Unknown(what.to_owned()));
        match marker {
            0xC0..=0xC2 => self.frame(marker == 0xC2, segment, most),
            0xC4 => self.tables.read_huffman(segment),
            0xC9..=0xCF => unknown("arithmetic coding"),
            0xC3 => unknown("lossless coding"),
            0xC5..=0xC7 | 0xDE | 0xDF => unknown("hierarchical coding"),
            0xF7 => unknown("the coding of JPEG-LS"),
            0xDB => self.tables.read_steps(segment),
            0xDC => unknown("a height given after the picture"),
            0xDD => {
                let &[high, low] = segment else { return Err(malformed("restart interval")) };
                self.tables.restart_interval = usize::from(u16::from_be_bytes([high, low]));
                Ok(())
            }
            0xE0 => {
                self.jfif |= segment.starts_with(b"JFIF\0");
                Ok(())
            }
            0xE1 => {
                if let Some(exif) = segment.strip_prefix(b"Exif\0\0") {
                    self.exif.get_or_insert_with(|| exif.to_vec());
                }
                // XMP of phones.
                self.album |= segment.windows(9).any(|word| word == b"Container");
                Ok(())
            }
            0xE2 => {
                // CIPA DC-007: multi-picture format.
                self.album |= segment.starts_with(b"MPF\0");
                Ok(())
            }
            0xEE => {
                if segment.starts_with(b"Adobe") && segment.len() >= 12 {
                    self.transform = Some(segment[11]);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn frame(&mut self, progressive: bool, segment: &[u8], most: u64) -> Result<(), Refused> {
        let Some((&[bits, high, low, wide, narrow, count], parts)) = segment.split_first_chunk()
        else {
            return Err(malformed("frame header"));
        };
        let (height, width) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([wide, narrow]));
        let parts = parts.as_chunks::<3>();
        if self.picture.is_some()
            || parts.0.len() != usize::from(count)
            || !parts.1.is_empty()
            || width == 0
        {
            return Err(malformed("frame header"));
        }
        if bits != 8 {
            return Err(Refused::Unknown(format!("{bits} bits a colour")));
        }
        if height == 0 {
            return Err(Refused::Unknown("a height given after the picture".to_owned()));
        }
        if ![1, 3, 4].contains(&count) {
            return Err(Refused::Unknown(format!("{count} colours")));
        }
        let (width, height) = (u32::from(width), u32::from(height));
        if u64::from(width) * u64::from(height) > most {
            return Err(Refused::TooLarge(width, height));
        }
        self.picture = Some(Picture::new(width, height, progressive, parts.0)?);
        Ok(())
    }

    /// * `start`: where the scan's data begins in `bytes`.
    /// * returns where it ends.
    fn scan(&mut self, header: &[u8], bytes: &[u8], start: usize) -> Result<usize, Refused> {
        let picture = self.picture.as_mut().ok_or_else(|| missing("the frame header"))?;
        let scan = picture.scan_of(header)?;
        if !picture.progressive {
            for (ac, tables) in [(false, &mut self.tables.dc), (true, &mut self.tables.ac)] {
                for (number, table) in tables.iter_mut().enumerate().take(2) {
                    if table.is_none() {
                        *table = huffman::usual(ac, number);
                    }
                }
            }
        }
        let coded = Coded::new(bytes, start);
        let (components, interval) = (&mut picture.components, self.tables.restart_interval);
        let units = Units::new(scan.parts.clone(), components, picture.units, interval);
        if picture.progressive {
            let mut reader = Progressive::new(&scan, &units, components, &self.tables)?;
            units.read(&coded, &mut reader)?;
            reader.put_back(&units, components);
        } else {
            let mut reader = Sequential::new(&units, components, &self.tables)?;
            units.read(&coded, &mut reader)?;
            reader.put_back(&units, components);
        }
        Ok(coded.next)
    }

    /// * `end`: where the picture ends in the file.
    fn finish(self, end: usize) -> Result<Decoded, Refused> {
        let mut picture = self.picture.ok_or_else(cut_off)?;
        for component in &mut picture.components {
            if component.sent == [UNSENT; 64] {
                return Err(cut_off());
            }
            if component.sent != [0; 64] {
                let what = "the JPEG is cut off: it is progressive, and its last scans are missing";
                return Err(Refused::Damaged(what.to_owned()));
            }
            if let Some(steps) = component.steps.take() {
                progressive::paint(component, &steps).map_err(|damage| {
                    Refused::Damaged(format!("{damage}, in the JPEG's picture"))
                })?;
            }
        }
        let ids: Vec<u8> = picture.components.iter().map(|component| component.id).collect();
        // As libjpeg guesses.
        let colours = match (ids.as_slice(), self.transform) {
            ([_], _) => Colours::Grey,
            ([_, _, _], _) if self.jfif => Colours::Ycc,
            ([_, _, _], Some(0)) => Colours::Rgb,
            (b"RGB", None) => Colours::Rgb,
            ([_, _, _], _) => Colours::Ycc,
            (_, None | Some(0)) => Colours::Cmyk,
            (_, Some(_)) => Colours::Ycck,
        };
        let Picture { width, height, components, .. } = picture;
        let rgb = show::rgb(&components, colours, width as usize, height as usize);
        Ok(Decoded { width, height, rgb, exif: self.exif, end, album: self.album })
    }
}

impl Picture {
    /// * `parts`: of each component its id, its factors, the number of its table of steps.
    fn new(width: u32, height: u32, progressive: bool, parts: &[[u8; 3]]) -> Result<Self, Refused> {
        let factors = |part: &[u8; 3]| (usize::from(part[1] >> 4), usize::from(part[1] & 15));
        let most = parts.iter().map(factors).fold((1, 1), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let units = ((width as usize).div_ceil(most.0 * 8), (height as usize).div_ceil(most.1 * 8));
        let mut components = Vec::new();
        for part in parts {
            let (h, v) = factors(part);
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) || part[2] > 3 {
                return Err(malformed("frame header"));
            }
            if !most.0.is_multiple_of(h) || !most.1.is_multiple_of(v) {
                return Err(Refused::Unknown(format!(
                    "{h}x{v} samples of a colour beside {}x{}",
                    most.0, most.1
                )));
            }
            let (across, down) = (units.0 * h, units.1 * v);
            components.push(Component {
                id: part[0],
                factors: (h, v),
                table: usize::from(part[2]),
                width: (width as usize * h).div_ceil(most.0),
                height: (height as usize * v).div_ceil(most.1),
                across,
                down,
                sent: [UNSENT; 64],
                plane: vec![0; across * down * 64],
                stride: across * 8,
                coefficients: Vec::new(),
                steps: None,
            });
        }
        Ok(Self { width, height, progressive, components, units })
    }

    fn scan_of(&self, header: &[u8]) -> Result<Scan, Refused> {
        let wrong = || malformed("scan header");
        let (&count, rest) = header.split_first().ok_or_else(wrong)?;
        let (ids, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or_else(wrong)?;
        let &[first, last, bits] = rest else { return Err(wrong()) };
        let mut parts: Vec<Part> = Vec::new();
        for [id, tables] in ids.as_chunks().0 {
            // Where ids are the same, the next one is meant.
            let is = |(number, component): &(usize, &Component)| {
                component.id == *id && parts.iter().all(|part| part.component != *number)
            };
            let (component, found) =
                self.components.iter().enumerate().find(is).ok_or_else(wrong)?;
            let (dc_table, ac_table) = (usize::from(tables >> 4), usize::from(tables & 15));
            parts.push(Part { component, blocks: found.factors, dc_table, ac_table });
        }
        let blocks: usize = parts.iter().map(|part| part.blocks.0 * part.blocks.1).sum();
        if parts.is_empty() || (parts.len() > 1 && blocks > 10) {
            return Err(wrong());
        }
        Ok(Scan {
            parts,
            band: (usize::from(first), usize::from(last)),
            bits: (bits >> 4, bits & 15),
        })
    }
}
