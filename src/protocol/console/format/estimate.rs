//! How well it would do, in a row.

use super::Row;
use crate::learn::command::Accuracy;

/// The interval stands beside an estimate, where there is one.
pub(super) fn in_row(row: Row, estimate: Option<&Accuracy>) -> Row {
    match estimate {
        Some(_) => in_status(row, estimate),
        None => row.with("estimate", None::<f32>),
    }
}

/// With an interval also where there is none.
pub(super) fn in_status(row: Row, estimate: Option<&Accuracy>) -> Row {
    let row = row
        .with("estimate", estimate.map(|one| one.balanced))
        .with("estimate_low", estimate.map(|one| one.interval.0))
        .with("estimate_high", estimate.map(|one| one.interval.1));
    match estimate.and_then(|one| one.few_looks.as_deref()) {
        Some(class) => row.with("few_looks", class),
        None => row,
    }
}
