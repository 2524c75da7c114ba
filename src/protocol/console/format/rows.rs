//! Rows of what a request finds: frames of the inbox, confused classes, an adaptation, a fine-tuning.

use super::{Row, Value, date, with_line};
use crate::learn::learner::UNKNOWN;
use crate::protocol::request::{
    Adaptation, ConfusionRow, CurvePoint, FineTuning, InboxFrame, RecentFrame,
};

/// One that waits for a person.
pub(super) fn frame(frame: &InboxFrame) -> Row {
    let InboxFrame { id, kept, reason, classification, line } = frame;
    let second = classification.runner_up.as_ref();
    let row = Row::new("inbox")
        .with("id", Value::Number(*id))
        .with("kept", date(*kept).as_str())
        .with("reason", reason.as_str())
        .with("class", classification.class.as_deref().unwrap_or(UNKNOWN))
        .with("best", classification.best.as_str())
        .with("confidence", classification.shown_confidence())
        .with("second", second.map(|(class, _)| class.as_str()))
        .with("second_confidence", second.map(|(_, confidence)| *confidence))
        .with("novelty", classification.novelty);
    with_line(row, line)
}

/// One that was classified.
pub(super) fn recent(frame: &RecentFrame) -> Row {
    let RecentFrame { number, age_micros, classification, line } = frame;
    let row = Row::new("frame")
        .with("number", Value::Number(*number))
        .with("age_s", *age_micros as f32 / 1e6);
    let row = match classification {
        Some(classification) => row
            .with("class", classification.class.as_deref().unwrap_or(UNKNOWN))
            .with("best", classification.best.as_str())
            .with("confidence", classification.shown_confidence())
            .with("novelty", classification.novelty),
        None => row.with("class", Value::None),
    };
    with_line(row, line)
}

/// A row for each class that frames are predicted as, and what an adaptation brings.
pub(super) fn adapted(adapted: &Adaptation) -> Vec<Row> {
    let class = |(name, share): &(String, f64)| {
        Row::new("class").with("name", name.as_str()).with("share", *share as f32)
    };
    let [red, green, blue] = adapted.gain;
    let last = Row::new("ok")
        .with("frames", adapted.frames)
        .with("red", red)
        .with("green", green)
        .with("blue", blue)
        .with("unknown_before", adapted.unknown[0] as f32)
        .with("unknown", adapted.unknown[1] as f32)
        .with("agreement", adapted.agreement as f32)
        .with("helps", adapted.reason.is_none())
        .with("reason", adapted.reason.as_deref())
        .with("applied", adapted.applied);
    adapted.classes.iter().map(class).chain([last]).collect()
}

/// What fine-tuning brings.
pub(super) fn fine_tuned(tuning: &FineTuning) -> Row {
    Row::new("ok")
        .with("examples", tuning.examples)
        .with("looks", tuning.looks)
        .with("cut", tuning.cut.as_str())
        .with("weights", tuning.weights)
        .with("before", tuning.before as f32)
        .with("after", tuning.after as f32)
        .with("uncertainty", tuning.uncertainty as f32)
        .with("helps", tuning.helps)
        .with("applied", tuning.applied)
}

/// A row for each class that another one, or itself, is predicted as.
pub(super) fn confusion(rows: &[ConfusionRow], curve: &[CurvePoint]) -> Vec<Row> {
    let of_class = |row: &ConfusionRow| -> Vec<Row> {
        let begin = || {
            let begun = Row::new("confusion").with("class", row.class.as_str());
            begun.with("examples", row.examples).with("looks", row.looks)
        };
        let Some(shares) = &row.predicted else {
            return vec![begin().with("predicted", Value::None).with("share", Value::None)];
        };
        let some = rows.iter().zip(shares).filter(|(_, share)| **share > 0.0);
        let one = |(other, share): (&ConfusionRow, &f32)| {
            begin().with("predicted", other.class.as_str()).with("share", *share)
        };
        some.map(one).collect()
    };
    let point = |point: &CurvePoint| {
        Row::new("curve")
            .with("at", date(point.at).as_str())
            .with("examples", point.examples as usize)
            .with("estimate", point.estimate)
            .with("frames", point.frames as usize)
            .with("right", point.right as usize)
    };
    let last = Row::new("ok").with("classes", rows.len()).with("points", curve.len());
    rows.iter().flat_map(of_class).chain(curve.iter().map(point)).chain([last]).collect()
}
