//! What a recording may have, whatever its format.

/// Seconds that a recording may have.
const MAX_SECONDS: u32 = 600;
/// Samples of one channel that a recording may have: as many seconds at 48 kHz.
const MAX_SAMPLES: u64 = 600 * 48_000;
/// Channels that a recording may have.
pub(super) const MAX_CHANNELS: u16 = 32;
/// Samples a second that a recording may have.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// What makes a file that can be read of another one.
pub(super) const CONVERT: &str = "; next: ffmpeg -i FILE -ac 1 -ar 16000 -c:a pcm_s16le NEW.wav";

/// Why bytes are no recording; in words, without the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RecordingError(String);

pub(super) fn refused(what: String) -> RecordingError {
    RecordingError(what)
}

/// Refuses a recording that is too long.
///
/// * `count`: samples of one channel.
pub(super) fn check_length(count: u64, rate: u32) -> Result<(), RecordingError> {
    let rate = u64::from(rate);
    let wanted = match () {
        () if count > u64::from(MAX_SECONDS) * rate => MAX_SECONDS.to_string(),
        () if count > MAX_SAMPLES => {
            format!("{} at {rate} samples a second", MAX_SAMPLES / rate)
        }
        () => return Ok(()),
    };
    Err(refused(format!(
        "{} seconds, wanted at most {wanted}; next: ffmpeg -i FILE -f segment -segment_time 60 PART-%03d.wav",
        count / rate
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_of_high_rates_are_shorter() {
        let error = check_length(MAX_SAMPLES + 1, 384_000).expect_err("too many").to_string();
        let says = "75 seconds, wanted at most 75 at 384000 samples a second";
        assert!(error.starts_with(says), "{error}");
        assert_eq!(check_length(MAX_SAMPLES, 48_000), Ok(()));
    }
}
