//! WAV files: PCM of 8 to 32 bits and floats of 32 and 64, of any rate, mixed to one channel.
//!
//! A file of which anything is missing is refused, but for one whose header says no length, as programs write it that
//! record into a pipe.

use super::limits::{CONVERT, MAX_CHANNELS, RATES, RecordingError, check_length, refused};
use super::{SAMPLE_RATE, flac, ogg, resampled};

/// From here on a length says that it was not known when the header was written.
const ENDLESS: u32 = 0x7FFF_0000;

/// One channel of sound, at [`SAMPLE_RATE`] where nothing else was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// -1 to 1 in a file of whole numbers; finite.
    pub samples: Vec<f32>,
}

/// How the samples lie.
#[derive(Debug, Clone, Copy)]
struct Format {
    /// Floats, not whole numbers.
    float: bool,
    channels: u16,
    rate: u32,
    bits: u16,
}

impl Format {
    /// * `chunk`: what `fmt ` holds.
    fn parse(chunk: &[u8]) -> Result<Self, RecordingError> {
        let short = || refused(format!("its format has {} bytes, wanted 16", chunk.len()));
        let number = |at: usize| -> Result<u16, RecordingError> {
            let bytes = chunk.get(at..at + 2).ok_or_else(short)?;
            Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
        };
        let rate = u32::from(number(4)?) | u32::from(number(6)?) << 16;
        // The extensible form has the code in the first bytes of an identifier.
        let code = match number(0)? {
            0xFFFE => number(24)?,
            code => code,
        };
        let (channels, bits) = (number(2)?, number(14)?);
        let float = match (code, bits) {
            (1, 8 | 16 | 24 | 32) => false,
            (3, 32 | 64) => true,
            (1 | 3, _) => {
                return Err(refused(format!(
                    "samples of {bits} bits, wanted PCM of 8, 16, 24 or 32, or floats of 32 or 64"
                )));
            }
            (other, _) => {
                return Err(refused(format!(
                    "its samples are in code {other}, wanted PCM (1) or floats (3){CONVERT}"
                )));
            }
        };
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(refused(format!("{channels} channels, wanted 1 to {MAX_CHANNELS}")));
        }
        if !RATES.contains(&rate) {
            let (least, most) = (RATES.start(), RATES.end());
            return Err(refused(format!("{rate} samples a second, wanted {least} to {most}")));
        }
        Ok(Self { float, channels, rate, bits })
    }

    /// A sample's value.
    ///
    /// * `bytes`: as many as a sample has.
    fn value(self, bytes: &[u8]) -> f32 {
        match (self.float, bytes) {
            (false, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (false, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (false, &[a, b, c]) => i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0,
            (false, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (true, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (true, bytes) => {
                let mut eight = [0; 8];
                eight.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                f64::from_le_bytes(eight) as f32
            }
            (false, _) => 0.0,
        }
    }
}

impl Recording {
    /// Whether bytes begin as a WAV, a FLAC or an Ogg file does.
    pub fn is_recording(bytes: &[u8]) -> bool {
        Self::is_wav(bytes)
            || [flac::START, ogg::START].iter().any(|start| bytes.starts_with(start))
    }

    fn is_wav(bytes: &[u8]) -> bool {
        bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE")
    }

    /// Decodes a WAV, a FLAC or an Ogg file, whatever its name.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordingError> {
        Self::decode_at(bytes, SAMPLE_RATE)
    }

    /// As [`Recording::decode`], at another rate.
    ///
    /// * `rate`: samples a second, above 0.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn decode_at(bytes: &[u8], rate: u32) -> Result<Self, RecordingError> {
        if bytes.is_empty() {
            return Err(refused("no WAV, FLAC or Ogg file: it is empty".to_owned()));
        }
        let decode = match () {
            () if bytes.starts_with(flac::START) => Some(flac::decode as fn(&[u8]) -> _),
            () if bytes.starts_with(ogg::START) => Some(ogg::decode as fn(&[u8]) -> _),
            () => None,
        };
        if let Some(decode) = decode {
            let (samples, its_rate): (Vec<f32>, u32) = decode(bytes)?;
            return Ok(Self { samples: resampled(&samples, its_rate, rate) });
        }
        if !Self::is_wav(bytes) {
            let start = bytes[..bytes.len().min(12)].escape_ascii();
            return Err(refused(format!(
                "no WAV, FLAC or Ogg file: it begins with \"{start}\"{CONVERT}"
            )));
        }
        let (format, data) = chunks(bytes)?;
        let size = usize::from(format.bits / 8);
        let frame = size * usize::from(format.channels);
        let count = data.len() / frame;
        if count == 0 {
            return Err(refused("there is no sound in it: 0 samples".to_owned()));
        }
        check_length(count as u64, format.rate)?;
        let share = 1.0 / f32::from(format.channels);
        let mut samples = Vec::with_capacity(count);
        for (at, frame) in data.chunks_exact(frame).enumerate() {
            let sum: f32 = frame.chunks_exact(size).map(|bytes| format.value(bytes)).sum();
            // Floats may be anything; the square of a large one would be no number.
            if sum.is_nan() || sum.abs() >= 1e6 {
                let at = at as f64 / f64::from(format.rate);
                return Err(refused(format!("the sample at {at:.3} s is {sum}, wanted -1 to 1")));
            }
            samples.push(sum * share);
        }
        Ok(Self { samples: resampled(&samples, format.rate, rate) })
    }

    /// A WAV file of 16 bits.
    pub fn encode(samples: &[f32]) -> Vec<u8> {
        let data = samples.len() as u32 * 2;
        let mut file = Vec::with_capacity(44 + data as usize);
        file.extend(b"RIFF");
        file.extend((36 + data).to_le_bytes());
        file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        file.extend(SAMPLE_RATE.to_le_bytes());
        file.extend((2 * SAMPLE_RATE).to_le_bytes());
        file.extend(b"\x02\0\x10\0data");
        file.extend(data.to_le_bytes());
        for sample in samples {
            let level = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0);
            file.extend((level as i16).to_le_bytes());
        }
        file
    }
}

/// The format and the bytes of the samples.
fn chunks(bytes: &[u8]) -> Result<(Format, &[u8]), RecordingError> {
    let (mut format, mut rest) = (None, &bytes[12..]);
    while let Some((head, behind)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let wanted = length as usize;
        match &head[..4] {
            b"data" => {
                let format = format
                    .ok_or_else(|| refused("its samples come before their format".to_owned()))?;
                let endless = length >= ENDLESS || (length == 0 && !behind.is_empty());
                if wanted > behind.len() && !endless {
                    return Err(refused(format!(
                        "it is cut off: its header says {wanted} bytes of sound, there are {}",
                        behind.len()
                    )));
                }
                return Ok((format, if endless { behind } else { &behind[..wanted] }));
            }
            b"fmt " => {
                let chunk = behind.get(..wanted).unwrap_or(behind);
                format = Some(Format::parse(chunk)?);
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = behind.get(wanted + wanted % 2..).unwrap_or_default();
    }
    Err(refused("it is cut off: there are no samples in it".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A WAV file of that format with these bytes of samples.
    fn file(code: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        file.extend(code.to_le_bytes());
        file.extend(channels.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend([0; 6]);
        file.extend(bits.to_le_bytes());
        file.extend(b"data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn samples_of_every_width_are_read() {
        let half_and_minus_one: [(u16, u16, Vec<u8>); 6] = [
            (1, 8, vec![192, 0]),
            (1, 16, [16_384_i16, -32_768].iter().flat_map(|value| value.to_le_bytes()).collect()),
            (1, 24, vec![0, 0, 0x40, 0, 0, 0x80]),
            (1, 32, [1 << 30, i32::MIN].iter().flat_map(|value| value.to_le_bytes()).collect()),
            (3, 32, [0.5f32, -1.0].iter().flat_map(|value| value.to_le_bytes()).collect()),
            (3, 64, [0.5f64, -1.0].iter().flat_map(|value| value.to_le_bytes()).collect()),
        ];
        for (code, bits, data) in half_and_minus_one {
            let mono = Recording::decode(&file(code, 1, 16_000, bits, &data));
            assert_eq!(mono.map(|one| one.samples), Ok(vec![0.5, -1.0]), "{code} {bits}");
            let stereo = Recording::decode(&file(code, 2, 16_000, bits, &data));
            assert_eq!(stereo.map(|one| one.samples), Ok(vec![-0.25]), "{code} {bits}");
        }
        let written = Recording::encode(&[0.5, -1.0, 2.0]);
        let read = Recording::decode(&written).expect("it was just written");
        assert_eq!(read.samples, [0.5, -1.0, 32_767.0 / 32_768.0]);
    }

    #[test]
    fn what_is_no_recording_says_why() {
        let nan = f32::NAN.to_le_bytes();
        let whole = file(1, 1, 16_000, 16, &[0; 200]);
        let cases: [(Vec<u8>, &str); 13] = [
            (Vec::new(), "no WAV, FLAC or Ogg file: it is empty"),
            (b"ID3\x04\0\0".to_vec(), "ffmpeg -i FILE"),
            (
                whole[..whole.len() - 1].to_vec(),
                "its header says 200 bytes of sound, there are 199",
            ),
            (whole[..40].to_vec(), "its format has 8 bytes, wanted 16"),
            (whole[..50].to_vec(), "it is cut off"),
            (whole[..12].to_vec(), "there are no samples in it"),
            (file(1, 1, 0, 16, &[0; 4]), "0 samples a second, wanted 4000 to 384000"),
            (file(1, 1000, 16_000, 16, &[0; 4]), "1000 channels, wanted 1 to 32"),
            (file(1, 0, 16_000, 16, &[0; 4]), "0 channels"),
            (file(1, 1, 16_000, 12, &[0; 4]), "samples of 12 bits"),
            (file(17, 1, 16_000, 4, &[0; 4]), "code 17, wanted PCM"),
            (file(3, 1, 16_000, 32, &nan), "the sample at 0.000 s is NaN"),
            (file(1, 1, 16_000, 16, &[]), "0 samples"),
        ];
        for (bytes, wanted) in cases {
            let error = Recording::decode(&bytes).expect_err(wanted).to_string();
            assert!(error.contains(wanted), "{error}: wanted {wanted}");
        }
        let long = file(1, 1, 4000, 8, &vec![128; 4000 * 601]);
        let error = Recording::decode(&long).expect_err("too long").to_string();
        assert!(error.starts_with("601 seconds, wanted at most 600;"), "{error}");
    }

    #[test]
    fn a_header_without_a_length_is_read_to_its_end() {
        for length in [0u32, u32::MAX, 0x7FFF_FFF0] {
            let mut bytes = file(1, 1, 16_000, 16, &[0; 200]);
            let at = bytes.len() - 204;
            bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
            let read = Recording::decode(&bytes).expect("it has a hundred samples");
            assert_eq!(read.samples.len(), 100, "{length:x}");
        }
    }
}
