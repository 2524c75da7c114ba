use super::*;
use crate::image::frame::Frame;
use crate::learn::command::{Command, NewExample, TeachExamples};
use crate::learn::head::HeadConfig;
use crate::learn::linalg::widened_halves;
use crate::protocol::request::Classification;

/// A frame at that millisecond; its feature is a direction, in degrees.
fn past(class: Option<&str>, confidence: f32, novelty: f32, degrees: f32, millis: u64) -> Past {
    let frame = Frame::new(8, 8, vec![millis as u8; 192], Timestamp(0)).expect("64 pixels");
    let classification = Classification {
        captured: Timestamp(0),
        age_micros: 0,
        frame: None,
        region: None,
        class: class.map(str::to_owned),
        best: "good".to_owned(),
        confidence,
        runner_up: Some(("dent".to_owned(), 0.1)),
        novelty,
        line: None,
    };
    let angle = degrees.to_radians();
    let feature = [angle.cos(), angle.sin()];
    Past::new(millis, Some(classification), &feature, &frame, Timestamp(millis * 1000))
        .expect("whole")
}

fn inbox(frames: usize, every: u32) -> RegionInbox {
    RegionInbox {
        limits: InboxLimits { frames, every, ..InboxLimits::default() },
        ..RegionInbox::default()
    }
}

impl RegionInbox {
    fn at(&mut self, past: &Past, millis: u64, is_reject: bool) {
        let now = Timestamp(millis * 1000);
        self.see(0, past, Moment { now, date: now, is_reject }, (1.0, 1e-4, 1.0));
    }

    /// A frame that nothing else is seen with for a second.
    fn alone(&mut self, past: Past) {
        let millis = past.number;
        self.at(&past, millis, false);
        self.at(&sure(millis + 999), millis + 999, false);
    }

    fn ids(&self) -> Vec<u64> {
        self.entries().map(|entry| entry.id).collect()
    }

    fn reasons(&self) -> Vec<&'static str> {
        self.entries().map(|entry| entry.reason.name()).collect()
    }
}

fn unknown(degrees: f32, millis: u64) -> Past {
    past(None, 0.4, 0.5, degrees, millis)
}

fn sure(millis: u64) -> Past {
    past(Some("good"), 0.99, 0.5, 0.0, millis)
}

#[test]
fn doubtful_frames_are_kept_with_their_reason() {
    let mut inbox = inbox(10, 0);
    inbox.alone(past(None, 0.4, 0.5, 10.0, 0));
    inbox.alone(past(None, 0.9, 1.5, 30.0, 2000));
    inbox.alone(past(Some("good"), 0.6, 0.5, 50.0, 4000));
    inbox.alone(past(Some("good"), 0.95, 0.5, 70.0, 6000));
    assert_eq!(inbox.reasons(), ["unknown", "novel", "unsure"]);
    let first = inbox.get(1).expect("it is there");
    assert_eq!((first.class.as_deref(), first.best.as_str()), (None, "good"));
    assert!(first.image.starts_with(&[0xff, 0xd8]), "a JPEG");
    let error = inbox.get(9).expect_err("it is not there");
    assert_eq!(error, "the inbox has no frame 9; there are 3 of 1 to 3; see inbox");
    // With one class no confidence is known.
    let mut one = past(Some("good"), 0.1, 0.5, 90.0, 9000);
    one.classification.as_mut().expect("one").runner_up = None;
    inbox.alone(one);
    assert_eq!(inbox.ids(), [1, 2, 3]);
    // Nothing was taught yet.
    let mut before = unknown(120.0, 12_000);
    before.classification = None;
    inbox.alone(before);
    assert_eq!(inbox.ids(), [1, 2, 3]);
}

#[test]
fn of_a_burst_the_frame_with_most_doubt_is_kept() {
    let mut inbox = inbox(10, 0);
    for (at, novelty) in [(0, 0.2), (100, 0.4), (200, 3.0), (300, 0.5)] {
        inbox.at(&past(None, 0.4, novelty, at as f32, at), at, false);
        assert!(inbox.ids().is_empty(), "it goes on");
    }
    inbox.at(&sure(1000), 1000, false);
    let kept: Vec<f32> = inbox.entries().map(|entry| entry.novelty).collect();
    assert_eq!(kept, [3.0]);
    // One that never ends is cut.
    for at in 20..62 {
        inbox.at(&unknown(7.0 + at as f32 * 5.0, at * 100), at * 100, false);
    }
    assert_eq!(inbox.ids().len(), 3);
}

#[test]
fn frames_like_one_already_kept_are_not_added() {
    let mut inbox = inbox(10, 0);
    inbox.alone(unknown(10.0, 0));
    inbox.alone(unknown(10.0, 2000));
    inbox.alone(unknown(10.5, 4000));
    assert_eq!(inbox.ids(), [1], "they are one look");
    inbox.alone(unknown(30.0, 6000));
    assert_eq!(inbox.ids(), [1, 2]);
    let now = Timestamp(9_000_000);
    let moment = Moment { now, date: now, is_reject: false };
    inbox.see(0, &unknown(60.0, 9000), moment, (1e-5, 1e-4, 1.0));
    inbox.at(&sure(9999), 9999, false);
    assert_eq!(inbox.ids(), [1, 2], "it joins a look that was taught");
    // With good parts alone, what is unlike them at one place may be as like one as a whole.
    let mut unlike = past(None, 1.0, 1.5, 80.0, 12_000);
    unlike.classification.as_mut().expect("one").runner_up = None;
    let now = Timestamp(12_000_000);
    inbox.see(0, &unlike, Moment { now, date: now, is_reject: false }, (1e-5, 1e-4, 1.0));
    inbox.at(&sure(12_999), 12_999, false);
    assert_eq!(inbox.ids(), [1, 2, 3]);
}

#[test]
fn a_full_inbox_drops_redundant_then_certain_frames() {
    let mut inbox = inbox(3, 0);
    // 15 degrees are 0.034 apart.
    for (degrees, novelty, millis) in [(0.0, 0.5, 0), (90.0, 0.1, 2000), (105.0, 0.9, 4000)] {
        inbox.alone(past(None, 0.4, novelty, degrees, millis));
    }
    inbox.alone(past(None, 0.4, 0.3, 180.0, 6000));
    assert_eq!(inbox.ids(), [1, 3, 4], "2 was the more certain of two alike");
    inbox.alone(past(Some("good"), 0.7, 0.5, 270.0, 8000));
    assert_eq!(inbox.ids(), [1, 3, 4], "the newest was the most certain");
    inbox.alone(past(None, 0.4, 2.0, 300.0, 10_000));
    assert_eq!(inbox.ids(), [1, 3, 6]);
    let bytes: usize = inbox.kept.iter().map(Kept::bytes).sum();
    inbox.limits.bytes = bytes - 1;
    inbox.make_room();
    assert_eq!(inbox.kept.len(), 2);
}

#[test]
fn nearest_ones_are_right_after_any_change() {
    let mut inbox = inbox(12, 0);
    for number in 0..60u64 {
        let degrees = (number * 137 % 360) as f32;
        inbox.alone(past(None, 0.4, (number % 7) as f32 / 7.0, degrees, number * 2000));
        for kept in &inbox.kept {
            let others = inbox.kept.iter().filter(|other| other.entry.id != kept.entry.id);
            let least = others.map(|other| kept.distance(other)).min_by(f32::total_cmp);
            assert_eq!(kept.nearest.map(|(_, distance)| distance), least);
        }
    }
    assert_eq!(inbox.kept.len(), 12);
}

#[test]
fn every_third_reject_is_kept_once_a_part() {
    let mut inbox = inbox(8, 3);
    for part in 0..15u64 {
        for frame in 0..3 {
            let millis = part * 2000 + frame * 100;
            inbox.at(&past(Some("dent"), 0.99, 0.5, 0.0, millis), millis, true);
        }
        inbox.at(&sure(part * 2000 + 900), part * 2000 + 900, false);
    }
    // The latest quarter of the room, though they are all alike.
    assert_eq!((inbox.ids(), inbox.reasons()), (vec![4, 5], vec!["sample"; 2]));
}

#[test]
fn taught_frames_leave_and_return_after_an_undo() {
    let mut inbox = inbox(10, 0);
    (0..4).for_each(|at| inbox.alone(unknown(at as f32 * 40.0, at * 2000)));
    let feature = |id| inbox.get(id).map(|entry| entry.feature.clone()).expect("it is there");
    let [two, four] = [feature(2), feature(4)];
    inbox.taught(&[ExampleId(7)], &[two]);
    inbox.taught(&[ExampleId(8)], &[four]);
    assert_eq!(inbox.ids(), [1, 3]);
    inbox.give_back(|id| id == ExampleId(8));
    assert_eq!(inbox.ids(), [1, 2, 3]);
    inbox.give_back(|_| false);
    assert_eq!(inbox.ids(), [1, 2, 3, 4]);
    assert_eq!(
        inbox.drop_frames(&[1, 9]),
        Err("the inbox has no frame 9; there are 4 of 1 to 4; see inbox".to_owned())
    );
    assert_eq!((inbox.drop_frames(&[1, 3]), inbox.ids()), (Ok(2), vec![2, 4]));
    assert_eq!((inbox.drop_all(), inbox.ids()), (2, vec![]));
    inbox.alone(unknown(0.0, 20_000));
    assert_eq!(inbox.ids(), [5], "no id comes again");
}

#[test]
fn a_file_is_taken_without_what_was_taught_meanwhile() {
    let mut before = inbox(10, 0);
    (0..3).for_each(|at| before.alone(unknown(at as f32 * 40.0, at * 2000)));
    let content = || InboxContent {
        entries: before.entries().map(|entry| (**entry).clone()).collect(),
        next: 9,
        damage: None,
    };
    let mut learner = Learner::new(2, HeadConfig::default(), 1 << 20).expect("two values");
    let empty = RegionInbox::new(InboxLimits::default(), content(), &learner);
    assert_eq!((empty.ids(), empty.next), (vec![], 9), "nothing is taught");
    let feature = widened_halves(&before.get(2).expect("it is there").feature);
    let examples = vec![NewExample::new(feature, "")];
    let teach = Command::Teach(TeachExamples { class: "rust".to_owned(), examples });
    teach.apply(&mut learner, Timestamp(0)).expect("there is room");
    let inbox = RegionInbox::new(InboxLimits::default(), content(), &learner);
    assert_eq!(inbox.ids(), [1, 3]);
    let change = inbox.shared().change().expect("the file still has it");
    assert_eq!((change.entries.len(), change.next), (2, 9));
}
