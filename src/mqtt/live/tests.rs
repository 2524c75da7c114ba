use serde_json::Value;

use super::*;
use crate::image::frame::Timestamp;

fn classification(region: Option<&str>, class: Option<&str>, frame: u64) -> Classification {
    Classification {
        captured: Timestamp(1_000_000),
        age_micros: 1500,
        frame: Some(frame),
        region: region.map(str::to_owned),
        class: class.map(str::to_owned),
        best: class.unwrap_or("good").to_owned(),
        confidence: 0.75,
        runner_up: None,
        novelty: 0.5,
        line: None,
    }
}

fn live() -> Live {
    Live::new(Topics::new("a"))
}

/// All that is published at that time: topics, and the frame of predictions.
fn published(live: &Live, now: Instant) -> Vec<(String, Option<u64>)> {
    let mut all = Vec::new();
    while let Next::Publish(message) = live.next(now) {
        let value: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
        all.push((message.topic, value["frame"].as_u64()));
    }
    all
}

#[test]
fn only_another_class_is_published_and_the_newest_wins() {
    let (live, begun) = (live(), Instant::now());
    live.connected();
    for (frame, class) in [(1, Some("good")), (2, Some("good")), (3, None), (4, None)] {
        live.classified(&classification(None, class, frame));
    }
    // The first was not published yet when another one came.
    assert_eq!(published(&live, begun), [("a/prediction".to_owned(), Some(3))]);
    assert!(live.figures().contains(&("mqtt_dropped".to_owned(), "1".to_owned())));
    live.classified(&classification(None, None, 5));
    assert_eq!(published(&live, begun + PACE), []);
    live.classified(&classification(None, Some("good"), 6));
    let soon = begun + PACE / 4;
    assert_eq!(live.next(soon), Next::Wait(PACE - PACE / 4), "at most ten a second");
    live.classified(&classification(None, Some("dent"), 7));
    assert_eq!(published(&live, begun + PACE), [("a/prediction".to_owned(), Some(7))]);
}

#[test]
fn a_new_connection_publishes_what_is_so_now() {
    let (live, begun) = (live(), Instant::now());
    for (region, frame) in [("left", 1), ("right", 2)] {
        live.classified(&classification(Some(region), Some("good"), frame));
    }
    live.keep("a/status".to_owned(), "{}");
    live.drift(Some("left"), Some("darker"));
    live.keep_first("a/drift/left".to_owned(), drift_payload(None));
    live.keep_first("a/drift/right".to_owned(), drift_payload(None));
    live.connected();
    let all = published(&live, begun);
    let topics: Vec<&str> = all.iter().map(|(topic, _)| topic.as_str()).collect();
    let wanted =
        ["a/drift/left", "a/drift/right", "a/status", "a/prediction/left", "a/prediction/right"];
    assert_eq!(topics, wanted);
    assert_eq!(live.next(begun), Next::Wait(IDLE));
    live.disconnected("it is away");
    let away = ("mqtt".to_owned(), "not connected: it is away".to_owned());
    assert!(live.figures().contains(&away) && live.connection().is_none());
    live.connected();
    assert_eq!((published(&live, begun), live.connection()), (all, Some(2)));
    assert!(live.take_drifted() && !live.take_drifted());
}

#[test]
fn what_waits_for_a_broker_has_an_end() {
    let (live, begun) = (live(), Instant::now());
    for number in 0..1000_u64 {
        live.answer(Message::once("a/answer".to_owned(), number.to_string()));
        live.show("a/image".to_owned(), vec![0; 1000]);
        live.classified(&classification(None, Some(&number.to_string()), number));
    }
    let mut answers = Vec::new();
    let mut others = Vec::new();
    while let Next::Publish(message) = live.next(begun) {
        let of = if message.topic == "a/answer" { &mut answers } else { &mut others };
        of.push(message);
    }
    assert_eq!((answers.len(), others.len()), (ANSWERS, 2));
    assert_eq!(answers[ANSWERS - 1].payload, b"999");
    assert!(!answers[0].retain && answers[0].acknowledged, "an answer is for the one who asked");
    assert!(others.iter().all(|message| message.retain));
    let dropped = (1000 - ANSWERS + 999).to_string();
    assert!(live.figures().contains(&("mqtt_dropped".to_owned(), dropped)));
}

#[test]
fn a_picture_is_wanted_once_of_every_change() {
    let live = live();
    assert_eq!(live.take_picture_wanted(), None);
    live.classified(&classification(None, Some("good"), 7));
    live.classified(&classification(None, Some("good"), 8));
    assert_eq!(live.take_picture_wanted(), Some((None, Some(7))));
    assert_eq!(live.take_picture_wanted(), None);
    assert!(!live.wants_frame(None));
}
