//! Vorbis in Ogg files (RFC 3533, RFC 5215), of the rates and channels of a WAV file, mixed to one channel.
//!
//! Every page is looked at before anything is decoded: that its checksum is right and that none is missing. The decoder
//! itself passes over what is damaged. Some programs do not mark the last page, so a file may end behind any.

use symphonia::core::codecs::audio::well_known::CODEC_ID_VORBIS;
use symphonia::core::codecs::audio::{AudioDecoder as _, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader as _};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource};
use symphonia::default::codecs::VorbisDecoder;
use symphonia::default::formats::OggReader;

use super::limits::{CONVERT, MAX_CHANNELS, RATES, RecordingError, check_length, refused};

/// What a page begins with.
pub(super) const START: &[u8] = b"OggS";

/// What the first page holds: the kind of the packet, and the name of the format.
const VORBIS: &[u8] = b"\x01vorbis";

/// Bytes of a page's head before the lengths of its segments.
const HEAD: usize = 27;

/// That a page is the first, or the last, of its stream.
const FIRST: u8 = 2;
const LAST: u8 = 4;

/// One channel of a file and its samples a second. Streams that follow each other are one recording.
///
/// # Errors
/// [`RecordingError`].
pub(super) fn decode(bytes: &[u8]) -> Result<(Vec<f32>, u32), RecordingError> {
    let (mut samples, mut rate, mut rest) = (Vec::new(), None, bytes);
    while rate.is_none() || rest.starts_with(START) {
        let stream = walk(rest)?;
        let (of_stream, its_rate) = decode_stream(&rest[..stream.length], &stream)?;
        if let Some(before) = rate.filter(|&before| before != its_rate) {
            return Err(refused(format!(
                "a part of it has {its_rate} samples a second, wanted {before} as before"
            )));
        }
        rate = Some(its_rate);
        samples.extend(of_stream);
        check_length(samples.len() as u64, its_rate)?;
        rest = &rest[stream.length..];
    }
    match rate {
        Some(rate) if !samples.is_empty() => Ok((samples, rate)),
        _ => Err(refused("there is no sound in it: 0 samples".to_owned())),
    }
}

/// * `bytes`: its pages.
fn decode_stream(
    bytes: &[u8],
    &Stream { first, total, .. }: &Stream<'_>,
) -> Result<(Vec<f32>, u32), RecordingError> {
    let Some(header) = first.strip_prefix(VORBIS) else {
        let name = first[..first.len().min(8)].escape_ascii();
        return Err(refused(format!("an Ogg file of \"{name}\", wanted Vorbis{}", CONVERT)));
    };
    // Version, channels, rate.
    let (channels, rate) = match header {
        [0, 0, 0, 0, channels, a, b, c, d, ..] => {
            (u16::from(*channels), u32::from_le_bytes([*a, *b, *c, *d]))
        }
        _ => return Err(refused("its Vorbis header is of no version that is known".to_owned())),
    };
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(refused(format!("{channels} channels, wanted 1 to {MAX_CHANNELS}")));
    }
    if !RATES.contains(&rate) {
        let (least, most) = (RATES.start(), RATES.end());
        return Err(refused(format!("{rate} samples a second, wanted {least} to {most}")));
    }
    check_length(total, rate)?;

    let source = ReadOnlySource::new(bytes);
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let broken = |error: Error| refused(format!("it cannot be decoded: {error}"));
    let mut reader = OggReader::try_new(stream, FormatOptions::default()).map_err(broken)?;
    let parameters = reader.tracks().first().and_then(|track| track.codec_params.as_ref()?.audio());
    let parameters = parameters
        .filter(|parameters| parameters.codec == CODEC_ID_VORBIS)
        .ok_or_else(|| refused("there is no Vorbis in it".to_owned()))?;
    let options = AudioDecoderOptions::default();
    let mut decoder = VorbisDecoder::try_new(parameters, &options).map_err(broken)?;
    let share = 1.0 / f32::from(channels);
    let (mut samples, mut values): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
    loop {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) | Err(Error::IoError(_)) => break,
            Err(error) => return Err(broken(error)),
        };
        decoder.decode(&packet).map_err(broken)?.copy_to_vec_interleaved(&mut values);
        let frames = values.chunks_exact(usize::from(channels));
        samples.extend(frames.map(|frame| frame.iter().sum::<f32>() * share));
        check_length(samples.len() as u64, rate)?;
    }
    let count = samples.len() as u64;
    if count < total {
        return Err(refused(format!("its pages say {total} samples, there are {count}")));
    }
    // The last block is longer than what is left for it.
    samples.truncate(usize::try_from(total).unwrap_or(usize::MAX));
    match samples.iter().all(|sample| sample.is_finite()) {
        true => Ok((samples, rate)),
        false => Err(refused("it is damaged: a sample is not finite".to_owned())),
    }
}

/// What the pages of a stream say.
#[derive(Debug)]
struct Stream<'a> {
    /// What the first page holds.
    first: &'a [u8],
    /// Samples of one channel.
    total: u64,
    /// Bytes of the pages.
    length: usize,
}

/// Looks at every page of the first stream.
///
/// # Errors
/// A page that is damaged, missing or of another stream.
fn walk(bytes: &[u8]) -> Result<Stream<'_>, RecordingError> {
    let (mut rest, mut number, mut first, mut stream, mut total) = (bytes, 0u32, None, 0, 0);
    loop {
        let at = bytes.len() - rest.len();
        let cut_off =
            || refused(format!("it is cut off: its page {number} at byte {at} does not end"));
        let damaged =
            |what: &str| refused(format!("it is damaged: page {number} at byte {at} {what}"));
        let head = rest.first_chunk::<HEAD>().ok_or_else(cut_off)?;
        if !head.starts_with(START) || head[4] != 0 {
            return Err(damaged("begins as no page does"));
        }
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let segments = rest.get(HEAD..HEAD + usize::from(head[26])).ok_or_else(cut_off)?;
        let length = segments.iter().map(|&length| usize::from(length)).sum::<usize>();
        let begin = HEAD + segments.len();
        let (page, behind) = rest.split_at_checked(begin + length).ok_or_else(cut_off)?;
        let (wanted, got) = (word(22), checksum(page));
        if wanted != got {
            return Err(damaged(&format!("has the checksum {got:08x}, it says {wanted:08x}")));
        }
        let is_first = head[5] & FIRST != 0;
        if number > 0 && (is_first || word(14) != stream) {
            return Err(refused(
                "there are several streams beside each other in it, wanted one".to_owned(),
            ));
        }
        if word(18) != number || is_first != (number == 0) {
            return Err(damaged(&format!("has the number {}", word(18))));
        }
        stream = word(14);
        let first = *first.get_or_insert(&page[begin..]);
        let place = u64::from(word(6)) | u64::from(word(10)) << 32;
        // Where no packet ends on a page it says nothing.
        total = if place == u64::MAX { total } else { place };
        if head[5] & LAST != 0 || behind.is_empty() {
            return Ok(Stream { first, total, length: bytes.len() - behind.len() });
        }
        (rest, number) = (behind, number + 1);
    }
}

/// CRC-32 of a page, its own four bytes being 0: the polynomial 04c11db7, the highest bit first, beginning with 0.
fn checksum(page: &[u8]) -> u32 {
    const PLACE: std::ops::Range<usize> = 22..26;
    let mut sum = 0u32;
    for (at, &byte) in page.iter().enumerate() {
        let byte = if PLACE.contains(&at) { 0 } else { byte };
        sum = sum << 8 ^ TABLE[((sum >> 24) as u8 ^ byte) as usize];
    }
    sum
}

static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}
