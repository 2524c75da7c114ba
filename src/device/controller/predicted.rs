//! How often the head was right about what it was then taught: every frame that a person gives a name to was classified
//! first, with what was known before. The leave-one-out estimate is about examples like those that were taught; this is
//! about what really came, though of frames that a person chose. Both stand in `status`.
//!
//! Counted is a frame whose class was known before it was taught; unknown is a wrong answer. What teaching is taken
//! back was never counted. Each request that teaches is a point of the learning curve, with the estimate before it; where
//! there are many, two that follow each other become one.

use std::collections::BTreeMap;

use crate::image::frame::Timestamp;
use crate::learn::head::ClassId;
use crate::protocol::request::CurvePoint;

/// The setting of the store that holds it.
pub(super) const SETTING: &str = "predicted";

/// The layout of its bytes, see [`Predicted::encode`].
const VERSION: u64 = 2;

/// The one before, without a curve.
const WITHOUT_CURVE: u64 = 1;

/// Points of the curve at most.
const POINTS: usize = 48;

/// How the frames that were taught were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picked {
    /// They came from the camera while a request waited for them.
    Live,
    /// They were chosen among those that had been classified.
    Recent,
    /// They are image files.
    Images,
}

/// How often the head was right about what it was then taught.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Predicted {
    /// When the first was counted.
    since: Timestamp,
    /// By [`Picked`].
    picked: [u64; 3],
    /// By class: frames, and those of them that were classified right.
    classes: BTreeMap<ClassId, (u64, u64)>,
    /// The oldest first.
    curve: Vec<CurvePoint>,
}

impl Predicted {
    /// A request is about to teach.
    ///
    /// * `examples`, `estimate`: before it.
    pub(super) fn begin(&mut self, examples: usize, estimate: Option<f32>, now: Timestamp) {
        if self.curve.len() == POINTS {
            self.curve = self.curve.chunks(2).map(together).collect();
        }
        let examples = u32::try_from(examples).unwrap_or(u32::MAX);
        self.curve.push(CurvePoint { at: now, examples, estimate, frames: 0, right: 0 });
    }

    /// Requests that taught, the oldest first.
    pub(super) fn curve(&self) -> &[CurvePoint] {
        &self.curve
    }

    /// A frame of that class was classified, and is then taught.
    pub(super) fn count(&mut self, class: ClassId, right: bool, picked: Picked, now: Timestamp) {
        if self.classes.is_empty() {
            self.since = now;
        }
        let (frames, rights) = self.classes.entry(class).or_default();
        *frames += 1;
        *rights += u64::from(right);
        self.picked[picked as usize] += 1;
        if let Some(point) = self.curve.last_mut() {
            point.frames = point.frames.saturating_add(1);
            point.right = point.right.saturating_add(u32::from(right));
        }
    }

    /// For people: names and values; nothing before the first.
    ///
    /// * `name`: of a class that is still there.
    pub(super) fn figures(
        &self,
        name: impl Fn(ClassId) -> Option<String>,
    ) -> Vec<(String, String)> {
        let classes = self.classes.iter();
        let named: Vec<(String, u64, u64)> = classes
            .filter_map(|(&class, &(frames, rights))| Some((name(class)?, frames, rights)))
            .collect();
        if named.is_empty() {
            return Vec::new();
        }
        let sum = |of: fn(&(String, u64, u64)) -> u64| named.iter().map(of).sum::<u64>();
        let recalls = named.iter().map(|(_, frames, rights)| *rights as f64 / *frames as f64);
        let balanced = recalls.sum::<f64>() / named.len() as f64;
        let by_class =
            named.iter().map(|(name, frames, rights)| format!("{name} {rights}/{frames}"));
        let [live, recent, images] = self.picked;
        let figures = [
            ("before_teaching", sum(|one| one.1).to_string()),
            ("right", sum(|one| one.2).to_string()),
            ("balanced", format!("{balanced:.3}")),
            ("by_class", by_class.collect::<Vec<_>>().join(", ")),
            ("since_s", (self.since.0 / 1_000_000).to_string()),
            ("picked", format!("{live} live, {recent} recent, {images} images")),
        ];
        figures.map(|(key, value)| (format!("predicted_{key}"), value)).to_vec()
    }

    /// As it is kept: little-endian numbers of 8 bytes: the version, since when (microseconds), frames by how they were
    /// picked (3); how many points the curve has, and of each when it was (microseconds), its examples and, 32 bits
    /// higher, its estimate (the bits of an f32, of one that is no number for none), its frames and, 32 bits higher, those
    /// predicted right; and for each class its id, its frames, those classified right.
    pub(super) fn encode(&self) -> Vec<u8> {
        let classes = self.classes.iter();
        let classes =
            classes.flat_map(|(class, &(frames, rights))| [class.0.into(), frames, rights]);
        let both = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let points = self.curve.iter().flat_map(|point| {
            let estimate = point.estimate.unwrap_or(f32::NAN).to_bits();
            [point.at.0, both(point.examples, estimate), both(point.frames, point.right)]
        });
        let head = [VERSION, self.since.0].into_iter().chain(self.picked);
        let curve = [self.curve.len() as u64].into_iter().chain(points);
        head.chain(curve).chain(classes).flat_map(u64::to_le_bytes).collect()
    }

    /// * returns `None` for what [`Predicted::encode`] never gave.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let [version, since, live, recent, images, behind @ ..] = &numbers[..] else {
            return None;
        };
        let (points, classes) = match (*version, behind) {
            (WITHOUT_CURVE, classes) => (&[][..], classes),
            (VERSION, [count, rest @ ..]) => {
                let count = usize::try_from(*count).ok().filter(|count| *count <= POINTS)?;
                rest.split_at_checked(3 * count)?
            }
            _ => return None,
        };
        let curve = points.as_chunks::<3>().0.iter().map(point).collect();
        let (classes, left) = classes.as_chunks::<3>();
        if !rest.is_empty() || !left.is_empty() {
            return None;
        }
        let class = |&[id, frames, rights]: &[u64; 3]| {
            let is_right = frames > 0 && rights <= frames;
            is_right.then_some((ClassId(u32::try_from(id).ok()?), (frames, rights)))
        };
        let classes = classes.iter().map(class).collect::<Option<_>>()?;
        Some(Self { since: Timestamp(*since), picked: [*live, *recent, *images], classes, curve })
    }
}

/// A point of the curve from its numbers.
fn point(&[at, examples, frames]: &[u64; 3]) -> CurvePoint {
    let [low, high] = [|both: u64| both as u32, |both: u64| (both >> 32) as u32];
    let estimate = f32::from_bits(high(examples));
    CurvePoint {
        at: Timestamp(at),
        examples: low(examples),
        estimate: Some(estimate).filter(|estimate| (0.0..=1.0).contains(estimate)),
        frames: low(frames),
        right: high(frames).min(low(frames)),
    }
}

/// One or two points as one.
fn together(points: &[CurvePoint]) -> CurvePoint {
    let sum = |of: fn(&CurvePoint) -> u32| points.iter().map(of).fold(0, u32::saturating_add);
    let (frames, right) = (sum(|point| point.frames), sum(|point| point.right));
    CurvePoint { frames, right, ..points[points.len() - 1] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Predicted {
        let mut predicted = Predicted::default();
        predicted.begin(4, None, Timestamp(6_000_000));
        for (class, right, picked) in [
            (0, true, Picked::Live),
            (0, true, Picked::Live),
            (0, false, Picked::Recent),
            (0, true, Picked::Live),
            (1, false, Picked::Images),
            (2, true, Picked::Recent),
        ] {
            if class == 1 {
                predicted.begin(8, Some(0.75), Timestamp(7_000_000));
            }
            predicted.count(ClassId(class), right, picked, Timestamp(7_000_000 + u64::from(class)));
        }
        predicted
    }

    #[test]
    fn predictions_are_counted_by_class_and_selection() {
        let name = |class: ClassId| {
            (class.0 < 2).then(|| ["good", "scratch"][class.0 as usize].to_owned())
        };
        let figures = counted().figures(name);
        let wanted = [
            ("predicted_before_teaching", "5"),
            ("predicted_right", "3"),
            ("predicted_balanced", "0.375"),
            ("predicted_by_class", "good 3/4, scratch 0/1"),
            ("predicted_since_s", "7"),
            ("predicted_picked", "3 live, 2 recent, 1 images"),
        ];
        let wanted = wanted.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(figures, wanted);
        assert_eq!(Predicted::default().figures(name), []);
    }

    #[test]
    fn it_comes_back_from_its_bytes_and_nothing_else_does() {
        let bytes = counted().encode();
        assert_eq!(Predicted::decode(&bytes), Some(counted()));
        assert_eq!(Predicted::decode(&Predicted::default().encode()), Some(Predicted::default()));
        // The version and 4 more, how many points, 2 points; then the classes.
        for cut in 0..bytes.len() {
            let whole = cut >= 96 && (cut - 96) % 24 == 0;
            assert_eq!(Predicted::decode(&bytes[..cut]).is_some(), whole, "cut at {cut}");
        }
        let mut other = bytes.clone();
        other[0] = 3;
        assert_eq!(Predicted::decode(&other), None);
        other = bytes.clone();
        other[40] = 1 + POINTS as u8;
        assert_eq!(Predicted::decode(&other), None);
    }

    #[test]
    fn what_was_kept_without_a_curve_is_read() {
        let numbers = [1u64, 7_000_000, 3, 2, 1, 0, 4, 3, 1, 1, 0, 2, 1, 1];
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        let wanted = Predicted { curve: Vec::new(), ..counted() };
        assert_eq!(Predicted::decode(&bytes), Some(wanted));
    }

    #[test]
    fn the_curve_counts_every_frame_however_many_requests_taught() {
        let point = |examples, estimate, frames, right| CurvePoint {
            at: Timestamp(6_000_000 + u64::from(examples / 8) * 1_000_000),
            examples,
            estimate,
            frames,
            right,
        };
        assert_eq!(counted().curve(), [point(4, None, 4, 3), point(8, Some(0.75), 2, 1)]);
        let mut predicted = Predicted::default();
        for request in 0..1000 {
            let at = Timestamp(request as u64);
            predicted.begin(request, Some(0.5), at);
            (0..3).for_each(|frame| predicted.count(ClassId(0), frame > 0, Picked::Live, at));
        }
        let curve = predicted.curve();
        assert!(curve.len() <= POINTS && curve.is_sorted_by_key(|point| point.examples));
        let sums = curve.iter().fold((0, 0), |(a, b), one| (a + one.frames, b + one.right));
        assert_eq!((sums, curve[curve.len() - 1].examples), ((3000, 2000), 999));
    }
}
