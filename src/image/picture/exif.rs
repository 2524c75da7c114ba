//! When a picture was taken, and with what, as its EXIF data say: <https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf>.

/// What distinguishes pictures of one burst from others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaptureInfo {
    /// Maker and model of the camera, empty where they are not said.
    pub camera: String,
    /// Microseconds since 1970 by the camera's clock, whatever its time zone.
    pub micros: i64,
}

const MAKER: u16 = 0x010F;
const MODEL: u16 = 0x0110;
const EXIF_DIRECTORY: u16 = 0x8769;
const TAKEN: u16 = 0x9003;
const TAKEN_SUBSECONDS: u16 = 0x9291;

/// When a JPEG was taken; `None` where it does not say, or is none.
pub fn taken(file: &[u8]) -> Option<CaptureInfo> {
    let tiff = exif_segment(file)?;
    let tiff = Tiff { big_endian: tiff.starts_with(b"MM\0*"), bytes: tiff };
    let first = tiff.u32(4)?;
    let text = |directory, tag| tiff.text(directory, tag).unwrap_or_default();
    let camera = format!("{} {}", text(first, MAKER), text(first, MODEL)).trim().to_owned();
    let exif = tiff.u32(tiff.entry(first, EXIF_DIRECTORY)? + 8)?;
    let seconds = seconds(&tiff.text(exif, TAKEN)?)?;
    let digits = text(exif, TAKEN_SUBSECONDS);
    let digits: String = digits.chars().take_while(char::is_ascii_digit).take(6).collect();
    let micros: i64 = format!("{digits:0<6}").parse().ok()?;
    Some(CaptureInfo { camera, micros: seconds * 1_000_000 + micros })
}

/// The TIFF structure within the segment of a JPEG that holds EXIF data.
fn exif_segment(file: &[u8]) -> Option<&[u8]> {
    let mut rest = file.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        let (&[0xFF, marker, high, low], _) = rest.split_first_chunk()? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let segment = rest.get(4..2 + length)?;
        if marker == 0xE1
            && let Some(tiff) = segment.strip_prefix(b"Exif\0\0")
        {
            return Some(tiff);
        }
        // The pixels begin.
        if marker == 0xDA {
            return None;
        }
        rest = rest.get(2 + length..)?;
    }
}

struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Tiff<'_> {
    fn u16(&self, at: u32) -> Option<u16> {
        let bytes = *self.bytes.get(at as usize..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, at: u32) -> Option<u32> {
        let bytes = *self.bytes.get(at as usize..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// The place of a directory's entry of 12 bytes: tag, type, count, value or its place.
    fn entry(&self, directory: u32, tag: u16) -> Option<u32> {
        let count = u32::from(self.u16(directory)?);
        let mut places = (0..count).map(|entry| directory.saturating_add(2 + 12 * entry));
        places.find(|&at| self.u16(at) == Some(tag))
    }

    fn text(&self, directory: u32, tag: u16) -> Option<String> {
        const MAX_LENGTH: u32 = 64;
        let entry = self.entry(directory, tag)?;
        let length = self.u32(entry + 4)?;
        // Up to four bytes stand in the entry itself.
        let place = if length <= 4 { entry + 8 } else { self.u32(entry + 8)? } as usize;
        let bytes = self.bytes.get(place..place.checked_add(length.min(MAX_LENGTH) as usize)?)?;
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        Some(String::from_utf8_lossy(&bytes[..end]).trim().to_owned())
    }
}

/// Seconds since 1970 of `YYYY:MM:DD hh:mm:ss` (days after Howard Hinnant's `days_from_civil`).
fn seconds(text: &str) -> Option<i64> {
    let numbers: Vec<i64> =
        text.split([':', ' ']).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let &[year, month, day, hour, minute, second] = &numbers[..] else { return None };
    let fits = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !fits {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let year_of_era = shifted - era * 400;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG's first segments with these entries of text.
    fn file(camera: &str, date: &str, subseconds: &str) -> Vec<u8> {
        let mut tiff = b"II*\0\x08\0\0\0".to_vec();
        // Two entries in the first directory, two in the second, then what does not fit into them.
        let (second, texts) = (8 + 2 + 24 + 4, 8 + 2 + 24 + 4 + 2 + 24 + 4);
        let mut values = Vec::new();
        let mut text = |tag: u16, value: &str| {
            let bytes = [value.as_bytes(), &[0]].concat();
            let mut entry = [&tag.to_le_bytes()[..], &[2, 0]].concat();
            entry.extend((bytes.len() as u32).to_le_bytes());
            if bytes.len() <= 4 {
                entry.extend(bytes.iter().chain(&[0; 4]).take(4));
            } else {
                entry.extend((texts + values.len() as u32).to_le_bytes());
                values.extend(bytes);
            }
            entry
        };
        let (model, date, sub) =
            (text(MODEL, camera), text(TAKEN, date), text(TAKEN_SUBSECONDS, subseconds));
        tiff.extend([2, 0]);
        tiff.extend(model);
        tiff.extend(EXIF_DIRECTORY.to_le_bytes());
        tiff.extend([4, 0, 1, 0, 0, 0]);
        tiff.extend(u32::to_le_bytes(second));
        tiff.extend([0; 4]);
        tiff.extend([2, 0]);
        tiff.extend(date.into_iter().chain(sub));
        tiff.extend([0; 4]);
        tiff.extend(values);
        let length = (2 + 6 + tiff.len()) as u16;
        [&[0xFF, 0xD8, 0xFF, 0xE1][..], &length.to_be_bytes(), b"Exif\0\0", &tiff].concat()
    }

    #[test]
    fn the_time_of_capture_is_read_to_the_microsecond() {
        let taken = taken(&file("Phone 7", "2024:02:29 23:59:58", "25")).expect("it says so");
        assert_eq!(taken.camera, "Phone 7");
        assert_eq!(taken.micros, 1_709_251_198_250_000);
    }

    #[test]
    fn what_is_cut_off_or_no_date_says_nothing() {
        let whole = file("Phone 7", "2024:02:29 23:59:58", "25");
        for end in 0..whole.len() {
            // Whatever it says, it reads no byte that is not there.
            let _ = taken(&whole[..end]);
        }
        for date in ["0000:00:00 00:00:00", "    :  :     :  :  ", "2024:13:01 00:00:00"] {
            assert_eq!(taken(&file("Phone 7", date, "25")), None, "{date}");
        }
        assert_eq!(taken(b"\x89PNG"), None);
    }
}
