//! FLAC files (RFC 9639), of the rates and channels of a WAV file, mixed to one channel.
//!
//! The blocks of metadata are passed over here, so that only frames reach the decoder. What comes of them is counted and
//! compared with the checksum of the samples, where the file has one: the decoder itself leaves out what is damaged.

use symphonia::core::codecs::audio::{AudioDecoder as _, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader as _};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource};
use symphonia::default::codecs::FlacDecoder;
use symphonia::default::formats::FlacReader;

use super::limits::{RATES, RecordingError, check_length, refused};

/// What a file begins with.
pub(super) const START: &[u8] = b"fLaC";

/// Bytes of the block that says what the samples are.
const INFO: usize = 34;

/// Whole numbers of 32 bits from -1 to 1.
const FULL_SCALE: f32 = 2_147_483_648.0;

/// One channel of a file and its samples a second.
///
/// # Errors
/// [`RecordingError`].
pub(super) fn decode(bytes: &[u8]) -> Result<(Vec<f32>, u32), RecordingError> {
    let (info, frames) = split(bytes)?;
    let packed = u32::from_be_bytes([info[10], info[11], info[12], info[13]]);
    let (rate, channels) = (packed >> 12, (packed >> 9 & 7) + 1);
    let bits = (packed >> 4 & 31) + 1;
    let low = u32::from_be_bytes([info[14], info[15], info[16], info[17]]);
    // 0 where it was not known.
    let total = u64::from(packed & 15) << 32 | u64::from(low);
    if !RATES.contains(&rate) {
        let (least, most) = (RATES.start(), RATES.end());
        return Err(refused(format!("{rate} samples a second, wanted {least} to {most}")));
    }
    check_length(total, rate)?;

    let bare = [START, &[0x80, 0, 0, INFO as u8], info, frames].concat();
    let source = ReadOnlySource::new(&bare[..]);
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let broken = |error: Error| refused(format!("its frames cannot be decoded: {error}"));
    let none = || refused("there is no sound in it: 0 samples".to_owned());
    let mut reader = match FlacReader::try_new(stream, FormatOptions::default()) {
        Ok(reader) => reader,
        Err(Error::IoError(_)) if total > 0 => return Err(cut_off(total, 0)),
        Err(Error::IoError(_)) => return Err(none()),
        Err(error) => return Err(broken(error)),
    };
    let parameters = reader.tracks().first().and_then(|track| track.codec_params.as_ref()?.audio());
    let parameters = parameters.ok_or_else(none)?;
    let options = AudioDecoderOptions::default().verify(true);
    let mut decoder = FlacDecoder::try_new(parameters, &options).map_err(broken)?;
    let share = 1.0 / channels as f32;
    let (mut samples, mut values): (Vec<f32>, Vec<i32>) = (Vec::new(), Vec::new());
    loop {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) | Err(Error::IoError(_)) => break,
            Err(error) => return Err(broken(error)),
        };
        let count = samples.len() as u64;
        if u64::try_from(packet.pts.get()) != Ok(count) {
            return Err(refused(format!("it is damaged: the sample {count} is missing")));
        }
        decoder.decode(&packet).map_err(broken)?.copy_to_vec_interleaved(&mut values);
        // Each sample has the bits of the file at its top.
        let mixed = values.chunks_exact(channels as usize).map(|frame| {
            let sum: f32 = frame.iter().map(|&value| value as f32 / FULL_SCALE).sum();
            sum * share
        });
        samples.extend(mixed);
        check_length(samples.len() as u64, rate)?;
    }
    let count = samples.len() as u64;
    match count {
        0 if total == 0 => Err(none()),
        _ if count < total => Err(cut_off(total, count)),
        _ if decoder.finalize().verify_ok == Some(false) => Err(refused(format!(
            "it is damaged: its {count} samples of {bits} bits have another checksum than its header says"
        ))),
        _ => Ok((samples, rate)),
    }
}

fn cut_off(total: u64, count: u64) -> RecordingError {
    refused(format!("it is cut off: its header says {total} samples, there are {count}"))
}

/// What the first block says of the samples, and what comes behind the last block.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), RecordingError> {
    let (mut info, mut rest) = (None, bytes.get(START.len()..).unwrap_or_default());
    loop {
        let cut_off = || refused("it is cut off: its header does not end".to_owned());
        let (head, behind) = rest.split_at_checked(4).ok_or_else(cut_off)?;
        let length = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
        let (block, behind) = behind.split_at_checked(length).ok_or_else(cut_off)?;
        rest = behind;
        match (info, head[0] & 0x7F) {
            (None, 0) if length == INFO => info = Some(block),
            (None, kind) => {
                return Err(refused(format!(
                    "its first block is of kind {kind} with {length} bytes, wanted kind 0 with {INFO}"
                )));
            }
            (Some(_), _) => {}
        }
        if let (Some(info), 0x80..) = (info, head[0]) {
            return Ok((info, rest));
        }
    }
}
