//! The frames that were classified last, kept so that they can be looked at and learned after the part has gone; those
//! that the head was unsure of are kept longest.
//!
//! Half of the room is the latest frames'. A frame that leaves it is kept on in the other half while it is among the
//! unsurest there: what it counts is halved every ten minutes, so that yesterday's make room. Of frames that look alike
//! one after another, the unsurest of five seconds alone is kept on.

use std::collections::VecDeque;

use super::stillness::distance;
use crate::image::frame::{Frame, Timestamp};
use crate::learn::examples::{StoredFeature, narrowed};
use crate::protocol::request::{Classification, RecentFrame};
use crate::text;

/// Frames of each half.
const FRAMES: usize = 100;

/// Bytes of each half, of all regions together.
const BYTES: usize = 16 << 20;

/// The longer side of the pixels that are kept, as long as that of an example's image.
const SIDE: u32 = 256;

/// Frames that look alike within that time are one.
const LOOK_MICROS: u64 = 5_000_000;

/// After so long an unsure frame counts half as much.
const HALF_LIFE_MICROS: f64 = 600e6;

/// A frame that was classified.
#[derive(Debug, Clone)]
pub(super) struct Past {
    /// Counts every frame that came since the program began.
    pub(super) number: u64,
    at: Timestamp,
    /// `None` where nothing had been taught.
    pub(super) classification: Option<Classification>,
    /// `[dim]`
    pub(super) feature: StoredFeature,
    /// What was looked at, made smaller.
    pub(super) pixels: Frame,
}

impl Past {
    pub(super) fn new(
        number: u64,
        classification: Option<Classification>,
        feature: &[f32],
        part: &Frame,
        at: Timestamp,
    ) -> Option<Self> {
        let pixels = reduced(part)?;
        Some(Self { number, at, classification, feature: narrowed(feature), pixels })
    }

    /// `[dim]`
    pub(super) fn feature(&self) -> Vec<f32> {
        self.feature.iter().map(|value| value.to_f32()).collect()
    }

    fn bytes(&self) -> usize {
        let line = self.pixels.line().map_or(0, str::len);
        let samples = self.pixels.waveform().map_or(0, |waveform| 2 * waveform.samples().len());
        let pixels = self.pixels.pixels().len();
        self.feature.len() * 2 + pixels + line + samples + size_of::<Self>()
    }

    /// 0 for a sure verdict, 1 for unknown.
    fn unsureness(&self) -> f64 {
        match &self.classification {
            Some(Classification { class: None, .. }) => 1.0,
            Some(Classification { confidence, .. }) => f64::from(1.0 - confidence).clamp(0.0, 1.0),
            None => 0.0,
        }
    }

    fn counts(&self, now: Timestamp) -> f64 {
        let age = now.micros_since(self.at) as f64;
        self.unsureness() * (-age / HALF_LIFE_MICROS).exp2()
    }

    fn told(&self, now: Timestamp) -> RecentFrame {
        let (number, age_micros) = (self.number, now.micros_since(self.at));
        let line = self.pixels.line().map(text::origin);
        RecentFrame { number, age_micros, classification: self.classification.clone(), line }
    }
}

/// The frames that were classified last.
#[derive(Debug)]
pub(super) struct History {
    /// The oldest first, both.
    latest: VecDeque<Past>,
    unsure: VecDeque<Past>,
    /// Of each half.
    budget: usize,
}

impl History {
    /// * `views`: how many regions share the room.
    pub(super) fn new(views: usize) -> Self {
        Self { latest: VecDeque::new(), unsure: VecDeque::new(), budget: BYTES / views.max(1) }
    }

    /// Nothing is comparable with what comes now.
    pub(super) fn clear(&mut self) {
        self.latest.clear();
        self.unsure.clear();
    }

    /// A frame was classified.
    ///
    /// * `alike`: frames that lie no farther apart are one look.
    pub(super) fn push(&mut self, past: Past, alike: f32, now: Timestamp) {
        self.latest.push_back(past);
        while is_full(&self.latest, self.budget) {
            let Some(leaving) = self.latest.pop_front() else { return };
            self.keep_on(leaving, alike, now);
        }
    }

    fn keep_on(&mut self, leaving: Past, alike: f32, now: Timestamp) {
        if leaving.unsureness() <= 0.0 {
            return;
        }
        let like_the_last = self.unsure.back().is_some_and(|last| {
            leaving.at.micros_since(last.at) < LOOK_MICROS
                && distance(&last.feature(), &leaving.feature()) <= alike
        });
        if like_the_last && let Some(last) = self.unsure.back_mut() {
            if leaving.unsureness() > last.unsureness() {
                *last = Past { at: last.at, ..leaving };
            }
            return;
        }
        self.unsure.push_back(leaving);
        while is_full(&self.unsure, self.budget) {
            let counts = self.unsure.iter().map(|past| past.counts(now)).enumerate();
            let least = counts.min_by(|(_, a), (_, b)| a.total_cmp(b));
            let Some((place, _)) = least else { return };
            self.unsure.remove(place);
        }
    }

    /// Numbers of the latest frames, the oldest first.
    ///
    /// * `most`: so many at most.
    /// * `any`: also those of which a later one has the same feature.
    pub(super) fn newest(&self, most: usize, any: bool) -> Vec<u64> {
        let mut taken: Vec<&Past> = Vec::new();
        for past in self.latest.iter().rev() {
            if taken.len() == most {
                break;
            }
            if any || taken.iter().all(|other| other.feature != past.feature) {
                taken.push(past);
            }
        }
        taken.iter().rev().map(|past| past.number).collect()
    }

    /// Whether no frame was classified, or none since they are looked at in this way.
    pub(super) fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }

    /// All, the newest first.
    fn all(&self) -> impl Iterator<Item = &Past> {
        self.latest.iter().rev().chain(self.unsure.iter().rev())
    }

    /// What is there, the newest first; or what was classified, the unsurest first.
    pub(super) fn list(&self, unsure_first: bool, now: Timestamp) -> Vec<RecentFrame> {
        let mut all: Vec<&Past> = self.all().collect();
        if unsure_first {
            all.retain(|past| past.classification.is_some());
            all.sort_by(|a, b| b.unsureness().total_cmp(&a.unsureness()));
        }
        all.into_iter().map(|past| past.told(now)).collect()
    }

    /// The frame of that number.
    ///
    /// # Errors
    /// Which there are, in words.
    pub(super) fn get(&self, number: u64) -> Result<&Past, String> {
        self.all().find(|past| past.number == number).ok_or_else(|| {
            let span = |kept: &VecDeque<Past>| match (kept.front(), kept.back()) {
                (Some(first), Some(last)) => Some(format!("{} to {}", first.number, last.number)),
                _ => None,
            };
            match (span(&self.latest), span(&self.unsure)) {
                (None, _) => format!("frame {number} does not exist: no frame has been classified yet"),
                (Some(latest), None) => {
                    format!("frame {number} does not exist; there are {latest}; see recent")
                }
                (Some(latest), Some(unsure)) => format!(
                    "frame {number} does not exist; there are {latest}, and of {unsure} the unsure ones; see recent"
                ),
            }
        })
    }
}

fn is_full(kept: &VecDeque<Past>, budget: usize) -> bool {
    kept.len() > FRAMES || (kept.len() > 1 && kept.iter().map(Past::bytes).sum::<usize>() > budget)
}

/// The frame with a longer side of [`SIDE`] at most; every pixel is the mean of up to nine, whatever the frame's size,
/// so that this takes no longer for a large one.
fn reduced(part: &Frame) -> Option<Frame> {
    let (width, height) = (part.width(), part.height());
    let longer = width.max(height);
    if longer <= SIDE {
        return Some(part.clone());
    }
    let scaled = |side: u32| ((u64::from(side) * u64::from(SIDE)) / u64::from(longer)).max(1);
    let (small_width, small_height) = (scaled(width) as usize, scaled(height) as usize);
    let (width, height) = (width as usize, height as usize);
    // Where the samples of a row or column of pixels are taken.
    let places = |small: usize, large: usize| -> Vec<[usize; 3]> {
        let place = |at: usize, third: usize| (6 * at + 2 * third + 1) * large / (6 * small);
        (0..small).map(|at| [0, 1, 2].map(|third| place(at, third).min(large - 1))).collect()
    };
    let (columns, rows) = (places(small_width, width), places(small_height, height));
    let mut pixels = Vec::with_capacity(small_width * small_height * 3);
    for row in &rows {
        let lines = row.map(|y| &part.pixels()[y * width * 3..(y + 1) * width * 3]);
        for column in &columns {
            for channel in 0..3 {
                let line = |line: &[u8]| {
                    column.iter().map(|x| u32::from(line[x * 3 + channel])).sum::<u32>()
                };
                let sum: u32 = lines.iter().map(|pixels| line(pixels)).sum();
                pixels.push(((sum + 4) / 9) as u8);
            }
        }
    }
    let small =
        Frame::new(small_width as u32, small_height as u32, pixels, part.captured()).ok()?;
    Some(small.of_kind(part.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classification(class: Option<&str>, confidence: f32) -> Classification {
        Classification {
            captured: Timestamp(0),
            age_micros: 0,
            frame: None,
            region: None,
            class: class.map(str::to_owned),
            best: "good".to_owned(),
            confidence,
            runner_up: None,
            novelty: 0.1,
            line: None,
        }
    }

    /// A frame at that second; its direction is its number in degrees.
    fn past(number: u64, class: Option<&str>, confidence: f32) -> Past {
        let angle = (number as f32).to_radians();
        let frame = Frame::new(2, 2, vec![number as u8; 12], Timestamp(0)).expect("four pixels");
        let classification = Some(classification(class, confidence));
        let at = Timestamp(number * 1_000_000);
        Past::new(number, classification, &[angle.cos(), angle.sin()], &frame, at).expect("whole")
    }

    fn numbers(history: &History, unsure_first: bool) -> Vec<u64> {
        let frames = history.list(unsure_first, Timestamp(0));
        frames.into_iter().map(|frame| frame.number).collect()
    }

    #[test]
    fn what_came_before_anything_was_taught_is_not_unsure() {
        let mut history = History::new(1);
        let untaught = Past { classification: None, ..past(1, None, 0.0) };
        history.push(untaught, 1e-6, Timestamp(0));
        history.push(past(2, Some("good"), 0.9), 1e-6, Timestamp(0));
        assert_eq!((numbers(&history, false), numbers(&history, true)), (vec![2, 1], vec![2]));
    }

    #[test]
    fn the_latest_are_there_and_the_unsure_longest() {
        let mut history = History::new(1);
        for number in 0..1000 {
            let now = Timestamp(number * 1_000_000);
            let one = match number % 50 {
                7 => past(number, None, 0.3),
                8 => past(number, Some("good"), 0.6),
                _ => past(number, Some("good"), 1.0),
            };
            history.push(one, 1e-6, now);
        }
        let all = numbers(&history, false);
        assert_eq!(all[..100], (900..1000).rev().collect::<Vec<_>>());
        let unsure = (0..900).rev().filter(|number| matches!(number % 50, 7 | 8));
        assert_eq!(all[100..], unsure.collect::<Vec<_>>());
        let unsurest = numbers(&history, true);
        assert!(unsurest[..20].iter().all(|number| number % 50 == 7), "{unsurest:?}");
        assert_eq!(history.get(957).expect("it is there").feature().len(), 2);
        let error = history.get(500).expect_err("it was sure");
        let wanted = "frame 500 does not exist; there are 900 to 999, and of 7 to 858 the unsure ones; see recent";
        assert_eq!(error, wanted);
        let error = History::new(1).get(1).expect_err("nothing is there");
        assert!(error.contains("no frame has been classified yet"), "{error}");
    }

    #[test]
    fn the_newest_that_differ_are_found() {
        let mut history = History::new(1);
        for (number, angle) in [(1, 5), (2, 6), (3, 5), (4, 7), (5, 7)] {
            let mut one = past(number, None, 0.2);
            one.feature = past(angle, None, 0.2).feature;
            history.push(one, 1e-6, Timestamp(number));
        }
        assert_eq!(history.newest(1, false), [5]);
        assert_eq!(history.newest(2, false), [3, 5]);
        assert_eq!(history.newest(9, false), [2, 3, 5]);
        assert_eq!(history.newest(3, true), [3, 4, 5]);
        assert!(History::new(1).newest(1, true).is_empty());
    }

    #[test]
    fn a_still_part_is_kept_once_in_five_seconds() {
        let mut history = History::new(1);
        for number in 0..400 {
            let class = (number % 5 != 3).then_some("good");
            let mut one = past(number, class, 0.2);
            one.feature = narrowed(&[1.0, 0.0]);
            history.push(one, 1e-6, Timestamp(number * 1_000_000));
        }
        // Of each five the one that was unknown.
        assert!(numbers(&history, false)[100..].iter().all(|number| number % 5 == 3));
        assert_eq!(numbers(&history, false).len(), 160);
    }

    #[test]
    fn old_ones_make_room_and_memory_is_bounded() {
        let mut history = History::new(4);
        let frame = |width: u32, height: u32| {
            let pixels = vec![9; (width * height * 3) as usize];
            Frame::new(width, height, pixels, Timestamp(0)).expect("whole")
        };
        // Making one smaller takes an emulated core long.
        let (large, small) = (frame(640, 480), frame(256, 192));
        for number in 0..3000u64 {
            let angle = number as f32;
            let now = Timestamp(number * 10_000_000);
            let unknown = Some(classification(None, if number < 200 { 0.1 } else { 0.2 }));
            let feature = [angle.cos(), angle.sin()];
            let frame = if number == 2999 { &large } else { &small };
            let one = Past::new(number, unknown, &feature, frame, now).expect("whole");
            assert_eq!((one.pixels.width(), one.pixels.height()), (256, 192));
            history.push(one, 1e-6, now);
        }
        let bytes: usize = history.all().map(Past::bytes).sum();
        assert!((2 * (BYTES / 4) * 9 / 10..=2 * (BYTES / 4)).contains(&bytes), "{bytes}");
        assert!(numbers(&history, false).iter().all(|&number| number > 2000));
    }

    #[test]
    fn pixels_are_means_of_those_they_stand_for() {
        let pixels: Vec<u8> =
            (0..768 * 384).flat_map(|at| [(at % 768 / 3) as u8, 7, 200]).collect();
        let frame = Frame::new(768, 384, pixels, Timestamp(5)).expect("whole");
        let small = reduced(&frame).expect("whole");
        assert_eq!((small.width(), small.height(), small.captured()), (256, 128, Timestamp(5)));
        let row: Vec<u8> = (0..256).flat_map(|x| [x as u8, 7, 200]).collect();
        assert_eq!(small.pixels(), row.repeat(128));
        let tiny = Frame::new(2, 1, vec![1; 6], Timestamp(0)).expect("whole");
        assert_eq!(reduced(&tiny), Some(tiny));
    }
}
