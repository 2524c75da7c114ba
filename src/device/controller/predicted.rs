//! How often the head was right about what it was then taught: every frame that a person gives a name to was classified
//! first, with what was known before. The leave-one-out estimate is about examples like those that were taught; this is
//! about what really came, though of frames that a person chose. Both stand in `status`.
//!
//! Counted is a frame whose class was known before it was taught; unknown is a wrong answer. What teaching is taken
//! back was never counted.

use std::collections::BTreeMap;

use crate::image::frame::Timestamp;
use crate::learn::head::ClassId;

/// The setting of the store that holds it.
pub(super) const SETTING: &str = "predicted";

/// The layout of its bytes, see [`Predicted::encode`].
const VERSION: u64 = 1;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Predicted {
    /// When the first was counted.
    since: Timestamp,
    /// By [`Picked`].
    picked: [u64; 3],
    /// By class: frames, and those of them that were classified right.
    classes: BTreeMap<ClassId, (u64, u64)>,
}

impl Predicted {
    /// A frame of that class was classified, and is then taught.
    pub(super) fn count(&mut self, class: ClassId, right: bool, picked: Picked, now: Timestamp) {
        if self.classes.is_empty() {
            self.since = now;
        }
        let (frames, rights) = self.classes.entry(class).or_default();
        *frames += 1;
        *rights += u64::from(right);
        self.picked[picked as usize] += 1;
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
    /// picked (3), and for each class its id, its frames, those classified right.
    pub(super) fn encode(&self) -> Vec<u8> {
        let classes = self.classes.iter();
        let classes =
            classes.flat_map(|(class, &(frames, rights))| [class.0.into(), frames, rights]);
        let head = [VERSION, self.since.0].into_iter().chain(self.picked);
        head.chain(classes).flat_map(u64::to_le_bytes).collect()
    }

    /// * returns `None` for what [`Predicted::encode`] never gave.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let [VERSION, since, live, recent, images, classes @ ..] = &numbers[..] else {
            return None;
        };
        let (classes, left) = classes.as_chunks::<3>();
        if !rest.is_empty() || !left.is_empty() {
            return None;
        }
        let class = |&[id, frames, rights]: &[u64; 3]| {
            let is_right = frames > 0 && rights <= frames;
            is_right.then_some((ClassId(u32::try_from(id).ok()?), (frames, rights)))
        };
        let classes = classes.iter().map(class).collect::<Option<_>>()?;
        Some(Self { since: Timestamp(*since), picked: [*live, *recent, *images], classes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Predicted {
        let mut predicted = Predicted::default();
        for (class, right, picked) in [
            (0, true, Picked::Live),
            (0, true, Picked::Live),
            (0, false, Picked::Recent),
            (0, true, Picked::Live),
            (1, false, Picked::Images),
            (2, true, Picked::Recent),
        ] {
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
        for cut in 0..bytes.len() {
            let whole = cut >= 40 && (cut - 40) % 24 == 0;
            assert_eq!(Predicted::decode(&bytes[..cut]).is_some(), whole, "cut at {cut}");
        }
        let mut other = bytes.clone();
        other[0] = 2;
        assert_eq!(Predicted::decode(&other), None);
    }
}
