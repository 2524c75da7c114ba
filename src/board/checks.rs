//! Checks of single values of a board file, with messages that name key, got and wanted.

use std::ops::RangeInclusive;

/// A name that can be typed on a console: 1 to 32 letters, digits, `-` and `_`.
pub(super) fn word(table: &str, name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if (1..=32).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    let name = name.escape_debug();
    Err(format!("{table}: \"{name}\" is not 1 to 32 letters, digits, - and _"))
}

/// A number inside its limits.
pub(super) fn within(key: &str, got: u32, range: RangeInclusive<u32>) -> Result<(), String> {
    if range.contains(&got) {
        return Ok(());
    }
    Err(format!("{key}: got {got}, wanted {} to {}", range.start(), range.end()))
}
