//! Answers for programs, as JSON; `docs/json.md` has the schema. The command line and `fieldtune ctl` write the same
//! bytes for the same answer.

use serde_json::{Map, Number, Value, json};

use crate::image::frame::{Region, Timestamp};
use crate::learn::command::{Accuracy, ClassSummary, ExampleSummary, Reply, Status};
use crate::learn::head::ExampleId;
use crate::protocol::request::{
    Adaptation, Answer, Classification, ConfusionRow, CurvePoint, FineTuning, InboxFrame,
    RecentFrame,
};
use crate::store::Generation;
use crate::store::snapshot::Difference;
use crate::util::calendar::{self, Date};

/// An answer.
pub fn answer(answer: &Answer) -> Value {
    match answer {
        Answer::Done => json!({}),
        Answer::Reply(reply) => self::reply(reply),
        Answer::Status { learned, device } => {
            let learned = learned.as_ref().map(|learned| status(learned));
            with(learned.unwrap_or_else(|| json!({})), "device", pairs(device))
        }
        Answer::Picture { frame, width, height, file } => {
            json!({ "frame": frame, "width": width, "height": height, "bytes": file.len() })
        }
        Answer::Recent(frames) => frames.iter().map(recent).collect(),
        Answer::Classified(None) => json!({ "class": null }),
        Answer::Classified(Some(classification)) => classified(classification),
        Answer::Region(region) => json!({ "region": region.to_string() }),
        Answer::Regions(regions) => {
            let region = |(name, region): &(Option<String>, Region)| json!({ "name": name, "region": region.to_string() });
            regions.iter().map(region).collect()
        }
        Answer::Outputs(outputs) => {
            outputs.iter().map(|(name, on)| json!({ "name": name, "on": on })).collect()
        }
        Answer::Log(lines) => json!(lines),
        Answer::Settings(settings) => pairs(settings),
        Answer::Version { program, model } => json!({ "version": program, "model": model }),
        Answer::Learned(learned) => json!({ "bytes": learned.len() }),
        Answer::Saved(generation) => self::generation(generation),
        Answer::Generations(generations) => generations.iter().map(generation).collect(),
        Answer::Difference(difference) => self::difference(difference),
        Answer::Pushed { signature } => json!({ "signature": signature.name() }),
        Answer::Inbox(frames) => frames.iter().map(inbox).collect(),
        Answer::InboxDropped { frames, left } => json!({ "dropped": frames, "left": left }),
        Answer::Confusion { rows, curve } => json!({
            "classes": rows.iter().map(confusion).collect::<Value>(),
            "curve": curve.iter().map(point).collect::<Value>(),
        }),
        Answer::Policy { policy, read_only, revision, text } => json!({
            "policy": policy, "editable": read_only.is_none(), "why": read_only,
            "revision": revision, "text": text,
        }),
        Answer::Adapted(adapted) => adaptation(adapted),
        Answer::FineTuned(tuning) => fine_tuning(tuning),
        Answer::Noted { answer, note } => match self::answer(answer) {
            object @ Value::Object(_) => with(object, "note", json!(note)),
            list => json!({ "answer": list, "note": note }),
        },
    }
}

fn adaptation(adapted: &Adaptation) -> Value {
    let classes = adapted.classes.iter();
    let short = |value: f64| real(value as f32);
    let classes: Map<_, _> = classes.map(|(name, share)| (name.clone(), short(*share))).collect();
    json!({
        "frames": adapted.frames,
        "gain": adapted.gain.map(real),
        "offset": adapted.offset.map(real),
        "unknown": adapted.unknown.map(short),
        "strangeness": adapted.strangeness.map(short),
        "uncertainty": short(adapted.uncertainty),
        "agreement": short(adapted.agreement),
        "classes": classes,
        "helps": adapted.reason.is_none(),
        "reason": adapted.reason,
        "applied": adapted.applied,
    })
}

fn fine_tuning(tuning: &FineTuning) -> Value {
    let short = |value: f64| real(value as f32);
    json!({
        "examples": tuning.examples,
        "looks": tuning.looks,
        "cut": tuning.cut,
        "weights": tuning.weights,
        "before": short(tuning.before),
        "after": short(tuning.after),
        "uncertainty": short(tuning.uncertainty),
        "helps": tuning.helps,
        "applied": tuning.applied,
    })
}

/// A verdict of a frame of the camera, as `watch` sends it.
pub fn verdict(classification: &Classification) -> Value {
    let Classification { captured, age_micros, frame, .. } = classification;
    let object = with(classified(classification), "age_us", json!(age_micros));
    let object = with(object, "captured", json!(calendar::precise(captured.0)));
    with_line(with(object, "frame", json!(frame)), &classification.line)
}

/// Of a frame of text.
fn with_line(object: Value, line: &Option<String>) -> Value {
    match line {
        Some(line) => with(object, "line", json!(line)),
        None => object,
    }
}

/// With one more field.
///
/// * `object`: anything else stays as it is.
pub fn with(mut object: Value, key: &str, value: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.insert(key.to_owned(), value);
    }
    object
}

/// A number in the fewest digits that give the same f32: 0.8. JSON has no infinity; null is no limit.
pub fn real(real: f32) -> Value {
    match real.to_string().parse() {
        Ok(short) => Number::from_f64(short).map_or(Value::Null, Value::Number),
        Err(_) => Value::Null,
    }
}

/// As [`real`], or null.
pub fn real_if_any(real: Option<f32>) -> Value {
    real.map_or(Value::Null, self::real)
}

/// As RFC 3339 has it.
fn date(at: Timestamp) -> String {
    Date::of(at.0).to_string()
}

fn ids(ids: &[ExampleId]) -> Vec<u64> {
    ids.iter().map(|id| id.0).collect()
}

/// Names with values, which are numbers where they look like it.
fn pairs(pairs: &[(String, String)]) -> Value {
    let value = |text: &String| text.parse().map_or_else(|_| json!(text), Value::Number);
    Value::Object(
        pairs.iter().map(|(name, text)| (name.clone(), value(text))).collect::<Map<_, _>>(),
    )
}

fn reply(reply: &Reply) -> Value {
    match reply {
        Reply::Taught { class, examples, count, new_class, evicted, estimate } => json!({
            "class": class, "examples": ids(examples), "count": count, "new_class": new_class,
            "evicted": ids(evicted), "estimate": estimate.as_ref().map(balanced),
            "estimate_90": estimate.as_ref().map(interval), "few_looks": few_looks(estimate.as_ref()),
        }),
        Reply::Undone { changes, left } => json!({ "changes": changes, "left": left }),
        Reply::Forgotten { classes, examples } => {
            json!({ "classes": classes, "examples": ids(examples) })
        }
        Reply::Relabelled { examples, class, new_class } => {
            json!({ "examples": ids(examples), "class": class, "new_class": new_class })
        }
        Reply::Renamed { from, to } => json!({ "from": from, "to": to }),
        Reply::Classes(classes) => classes.iter().map(class).collect(),
        Reply::Examples(examples) => examples.iter().map(example).collect(),
        Reply::Status(learned) => status(learned),
        Reply::Head { config, estimate } => json!({
            "head": config.kind().name(), "estimate": estimate.as_ref().map(balanced),
            "estimate_90": estimate.as_ref().map(interval), "few_looks": few_looks(estimate.as_ref()),
        }),
        Reply::Threshold(thresholds) => json!({
            "confidence": real(thresholds.confidence), "novelty": real(thresholds.novelty),
            "false_reject": real(thresholds.false_reject),
        }),
        Reply::Effect { thresholds, right, wrong, unknown } => json!({
            "confidence": real(thresholds.confidence), "novelty": real(thresholds.novelty),
            "false_reject": real(thresholds.false_reject), "looked_at": right + wrong + unknown,
            "right": right, "wrong": wrong, "unknown": unknown,
        }),
        Reply::Merged { classes, added, known, disputed, repeated } => json!({
            "new_classes": classes, "added": added, "known": known, "disputed": disputed,
            "repeated": repeated,
        }),
    }
}

fn class(class: &ClassSummary) -> Value {
    let ClassSummary { id, name, count, recall } = class;
    json!({ "id": id.0, "class": name, "examples": count, "recall": real_if_any(*recall) })
}

fn example(example: &ExampleSummary) -> Value {
    let ExampleSummary { id, class, taught, origin, doubt } = example;
    let doubt = doubt
        .as_ref()
        .map(|(class, confidence)| json!({ "class": class, "confidence": real(*confidence) }));
    json!({
        "id": id.0, "class": class, "taught": date(*taught), "origin": origin, "doubt": doubt,
    })
}

/// The estimate itself.
pub fn balanced(estimate: &Accuracy) -> Value {
    real(estimate.balanced)
}

/// Where the true accuracy lies with a probability of 90 %.
pub fn interval(estimate: &Accuracy) -> Value {
    let (low, high) = estimate.interval;
    json!([real(low), real(high)])
}

/// The class that has too few looks for the estimate to mean much.
pub fn few_looks(estimate: Option<&Accuracy>) -> Option<&str> {
    estimate?.few_looks.as_deref()
}

fn status(status: &Status) -> Value {
    let estimate = status.estimate.as_ref();
    let suspects: Vec<u64> = status.suspects.iter().map(|suspect| suspect.example.0).collect();
    let wrong_labels: Vec<u64> = status.wrong_labels().map(|example| example.0).collect();
    json!({
        "dim": status.dim, "head": status.head.kind().name(), "classes": status.classes,
        "examples": status.examples, "bytes": status.bytes.0, "budget_bytes": status.bytes.1,
        "undo_steps": status.undo_steps, "estimate": estimate.map(balanced),
        "estimate_90": estimate.map(interval), "few_looks": few_looks(estimate),
        "looks": status.looks, "next": status.advice, "suspects": suspects,
        "wrong_labels": wrong_labels,
        "confidence": real(status.thresholds.confidence),
        "novelty": real(status.thresholds.novelty),
        "false_reject": real(status.thresholds.false_reject),
    })
}

fn classified(classification: &Classification) -> Value {
    let Classification { region, class, best, runner_up, novelty, .. } = classification;
    let object = json!({
        "class": class, "best": best, "confidence": real_if_any(classification.shown_confidence()),
        "runner_up": runner_up.as_ref().map(|(class, _)| class),
        "runner_up_confidence": real_if_any(runner_up.as_ref().map(|(_, confidence)| *confidence)),
        "novelty": real(*novelty),
    });
    match region {
        Some(region) => with(object, "region", json!(region)),
        None => object,
    }
}

fn recent(frame: &RecentFrame) -> Value {
    let RecentFrame { number, age_micros, classification, line } = frame;
    let verdict = classification.as_ref().map(classified);
    with_line(json!({ "frame": number, "age_us": age_micros, "verdict": verdict }), line)
}

fn inbox(frame: &InboxFrame) -> Value {
    let InboxFrame { id, kept, reason, classification, line } = frame;
    let object = json!({
        "id": id, "kept": date(*kept), "reason": reason, "verdict": classified(classification),
    });
    with_line(object, line)
}

fn confusion(row: &ConfusionRow) -> Value {
    let ConfusionRow { class, examples, looks, predicted } = row;
    let predicted = predicted.as_ref().map(|shares| shares.iter().map(|share| real(*share)));
    json!({
        "class": class, "examples": examples, "looks": looks,
        "predicted": predicted.map(Iterator::collect::<Value>),
    })
}

fn point(point: &CurvePoint) -> Value {
    let CurvePoint { at, examples, estimate, frames, right } = point;
    json!({
        "at": date(*at), "examples": examples, "estimate": real_if_any(*estimate),
        "frames": frames, "right": right,
    })
}

fn generation(generation: &Generation) -> Value {
    let Generation { number, name, automatic, at, classes, examples } = generation;
    json!({
        "number": number, "name": name, "automatic": automatic, "made": date(*at),
        "classes": classes, "examples": examples,
    })
}

fn difference(difference: &Difference) -> Value {
    let Difference { classes_added, classes_gone, renamed, added, gone, relabelled } = difference;
    let examples = |list: &[(u64, String)]| -> Value {
        list.iter().map(|(id, class)| json!({ "example": id, "class": class })).collect()
    };
    let renamed = renamed.iter().map(|(from, to)| json!({ "from": from, "to": to }));
    let moved =
        relabelled.iter().map(|(id, from, to)| json!({ "example": id, "from": from, "to": to }));
    json!({
        "classes_added": classes_added, "classes_gone": classes_gone,
        "renamed": renamed.collect::<Value>(), "added": examples(added), "gone": examples(gone),
        "relabelled": moved.collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::head::HeadConfig;

    #[test]
    fn with_one_class_the_confidence_is_null() {
        let classification = Classification {
            captured: Timestamp(0),
            age_micros: 0,
            frame: None,
            region: None,
            class: Some("good".to_owned()),
            best: "good".to_owned(),
            confidence: 1.0,
            runner_up: None,
            novelty: 0.5,
            line: None,
        };
        assert_eq!(classified(&classification)["confidence"], Value::Null);
        let runner_up = Some(("dent".to_owned(), 0.25));
        let two = Classification { confidence: 0.75, runner_up, ..classification };
        assert_eq!(classified(&two)["confidence"], json!(0.75));
    }

    #[test]
    fn an_estimate_has_its_interval_and_what_it_lacks() {
        let few_looks = Some("crack".to_owned());
        let estimate = Some(Accuracy { balanced: 0.375, interval: (0.125, 0.75), few_looks });
        let head = |estimate| reply(&Reply::Head { config: HeadConfig::default(), estimate });
        let wanted = json!({
            "head": "lda", "estimate": 0.375, "estimate_90": [0.125, 0.75], "few_looks": "crack",
        });
        assert_eq!(head(estimate), wanted);
        let none =
            json!({ "head": "lda", "estimate": null, "estimate_90": null, "few_looks": null });
        assert_eq!(head(None), none);
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (number, wanted) in [
            (0.8, "0.8"),
            (1.0, "1.0"),
            (0.1 + 0.2, "0.3"),
            (1e-9, "1e-9"),
            (f32::INFINITY, "null"),
            (f32::NAN, "null"),
        ] {
            assert_eq!(real(number).to_string(), wanted);
        }
    }
}
