//! Dates of the calendar, in UTC.

use std::fmt::{Display, Formatter, Result};

/// A date and a time of day, in UTC. It is shown as RFC 3339 has it, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
}

impl Date {
    /// * `micros`: microseconds since 1970 (days to civil date after Howard Hinnant's `civil_from_days`).
    pub(crate) fn of(micros: u64) -> Self {
        let seconds = micros / 1_000_000;
        let (days, in_day) = ((seconds / 86_400) as i64, seconds % 86_400);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as u64,
            day: (day_of_year - (153 * from_march + 2) / 5 + 1) as u64,
            hour: in_day / 3600,
            minute: in_day / 60 % 60,
            second: in_day % 60,
        }
    }
}

/// A time as RFC 3339 has it, in UTC, to the microsecond.
///
/// * `micros`: since 1970.
pub(crate) fn precise(micros: u64) -> String {
    let whole = Date::of(micros).to_string();
    format!("{}.{:06}Z", whole.trim_end_matches('Z'), micros % 1_000_000)
}

impl Display for Date {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precise_times_have_six_digits_behind_the_seconds() {
        assert_eq!(precise(951_782_400_000_007), "2000-02-29T00:00:00.000007Z");
    }

    #[test]
    fn dates_are_the_calendar_s() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_799, "2024-02-28T23:59:59Z"),
            (4_102_444_800, "2100-01-01T00:00:00Z"),
        ] {
            assert_eq!(Date::of(seconds * 1_000_000 + 999_999).to_string(), expected);
        }
    }
}
