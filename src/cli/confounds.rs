//! What classes differ in that may have nothing to do with them: grey or coloured images, brightness, shape, size.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};

use super::args::store::{Session, now};
use super::pool::{cores, on_threads};
use crate::image::frame::Frame;
use crate::image::picture;
use crate::learn::examples::Example;
use crate::learn::head::{ClassId, ExampleId};
use crate::store::Store as _;

/// Images of a class that are looked at, and as many as there have to be.
const MOST: usize = 8;
const LEAST: usize = 4;

/// Classes whose pairs are compared: those that were taught last.
const CLASSES: usize = 12;

/// In what two classes differ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Confound {
    classes: [String; 2],
    property: Property,
    /// Of each class the least and the largest value.
    ranges: [(f32, f32); 2],
}

/// What an image is, whatever it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    Colour,
    Brightness,
    Shape,
    Size,
}

impl Property {
    const ALL: [Property; 4] =
        [Property::Colour, Property::Shape, Property::Size, Property::Brightness];

    /// Mean difference of the colour channels, mean grey, logarithm of width over height, and of the longer side.
    fn of(self, frame: &Frame) -> f32 {
        let pixels = frame.pixels().chunks_exact(3);
        let count = pixels.len() as f32;
        match self {
            Property::Colour => {
                let spread = |pixel: &[u8]| {
                    let (least, most) = (pixel.iter().min(), pixel.iter().max());
                    f32::from(most.copied().unwrap_or(0)) - f32::from(least.copied().unwrap_or(0))
                };
                pixels.map(spread).sum::<f32>() / count
            }
            Property::Brightness => {
                pixels
                    .map(|pixel| pixel.iter().map(|&value| f32::from(value)).sum::<f32>())
                    .sum::<f32>()
                    / (3.0 * count)
            }
            Property::Shape => (frame.width() as f32 / frame.height() as f32).ln(),
            Property::Size => (frame.width().max(frame.height()) as f32).ln(),
        }
    }

    /// By how much classes have to differ, in its unit.
    fn least(self) -> f32 {
        match self {
            Property::Colour => 8.0,
            Property::Brightness => 20.0,
            Property::Shape => 0.15,
            Property::Size => 0.3,
        }
    }

    fn shown(self, value: f32) -> String {
        match self {
            Property::Colour if value < 2.0 => "grey".to_owned(),
            Property::Colour => format!("colour {value:.0}"),
            Property::Brightness => format!("{value:.0}"),
            Property::Shape => format!("{:.2}", value.exp()),
            Property::Size => format!("{:.0} pixels", value.exp()),
        }
    }
}

impl Display for Confound {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { classes: [a, b], property, ranges } = self;
        let (what, mend) = match property {
            Property::Colour => ("colour", "grey and coloured images of both"),
            Property::Brightness => ("brightness", "both in the same light"),
            Property::Shape => ("shape (width over height)", "both in images of one shape"),
            Property::Size => ("size", "both in images of one size"),
        };
        let [of_a, of_b] = ranges.map(|(least, most)| {
            let (least, most) = (property.shown(least), property.shown(most));
            if least == most { least } else { format!("{least} to {most}") }
        });
        write!(
            f,
            "the images of {a} and {b} differ in {what}, {of_a} and {of_b}: if that is by chance, show {mend}"
        )
    }
}

/// What the classes differ in by the images that are kept of them: every image of the one on one side of every image of the
/// other, and farther from it than images of one class are from each other.
///
/// Nothing where the images cannot be read: what was learned is in the store all the same.
pub(super) fn confounds(session: &mut Session) -> Vec<Confound> {
    let learner = session.learner();
    let mut wanted: BTreeMap<ExampleId, String> = BTreeMap::new();
    let mut latest: BTreeMap<ClassId, ExampleId> = BTreeMap::new();
    for example in learner.examples().iter() {
        let id = latest.entry(example.class).or_insert(example.id);
        *id = example.id.max(*id);
    }
    let mut classes: Vec<_> = learner.classes().iter().collect();
    classes.sort_by_key(|(class, _)| Reverse(latest.get(class)));
    for (class, name) in classes.into_iter().take(CLASSES) {
        let of = |example: &&Example| example.class == *class && example.image.is_some();
        let all: Vec<ExampleId> = learner.examples().iter().filter(of).map(|one| one.id).collect();
        // From the whole time of teaching.
        let step = all.len().div_ceil(MOST).max(1);
        wanted.extend(all.into_iter().step_by(step).map(|id| (id, name.to_string())));
    }
    let ids: Vec<ExampleId> = wanted.keys().copied().collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let mut files: Vec<(ExampleId, Vec<u8>)> = Vec::with_capacity(ids.len());
    let read =
        session.store_mut().images(Some(&ids), &mut |id, file| files.push((id, file.to_vec())));
    if read.is_err() {
        return Vec::new();
    }
    let decoded = on_threads(files.len(), cores(), |place| {
        let (id, file) = &files[place];
        Some((wanted.get(id)?.clone(), picture::decode(file, "", now()).ok()?))
    });
    let mut frames: BTreeMap<String, Vec<Frame>> = BTreeMap::new();
    for (name, frame) in decoded.into_iter().flatten() {
        frames.entry(name).or_default().push(frame);
    }
    frames.retain(|_, frames| frames.len() >= LEAST);
    among(&frames)
}

fn among(frames: &BTreeMap<String, Vec<Frame>>) -> Vec<Confound> {
    let mut found = Vec::new();
    for property in Property::ALL {
        let ranges: Vec<(&String, (f32, f32))> = frames
            .iter()
            .map(|(name, frames)| {
                let values = frames.iter().map(|frame| property.of(frame));
                let none = (f32::INFINITY, f32::NEG_INFINITY);
                (name, values.fold(none, |(least, most), one| (least.min(one), most.max(one))))
            })
            .collect();
        for (place, (a, of_a)) in ranges.iter().enumerate() {
            for (b, of_b) in &ranges[place + 1..] {
                let gap = (of_b.0 - of_a.1).max(of_a.0 - of_b.1);
                let (within_a, within_b) = (of_a.1 - of_a.0, of_b.1 - of_b.0);
                let within = match property {
                    // However unlike coloured images are, none is grey.
                    Property::Colour => {
                        if of_a.1 < of_b.0 {
                            within_a
                        } else {
                            within_b
                        }
                    }
                    _ => within_a.max(within_b),
                };
                if gap > property.least().max(within) {
                    let classes = [(*a).clone(), (*b).clone()];
                    found.push(Confound { classes, property, ranges: [*of_a, *of_b] });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;

    fn frames(all: &[(u32, u32, [u8; 3])]) -> Vec<Frame> {
        all.iter()
            .map(|&(width, height, colour)| {
                let pixels = colour.repeat((width * height) as usize);
                Frame::new(width, height, pixels, Timestamp::default()).expect("it fits")
            })
            .collect()
    }

    fn told(good: &[(u32, u32, [u8; 3])], bad: &[(u32, u32, [u8; 3])]) -> Vec<Property> {
        let classes = [("bad".to_owned(), frames(bad)), ("good".to_owned(), frames(good))];
        among(&BTreeMap::from(classes)).into_iter().map(|one| one.property).collect()
    }

    #[test]
    fn what_classes_differ_in_beside_what_they_are_is_told() {
        let usual = [(40, 30, [90, 90, 90]), (40, 30, [120, 121, 120]), (44, 30, [100, 99, 100])];
        let coloured =
            [(40, 30, [90, 120, 90]), (40, 30, [150, 101, 110]), (42, 30, [80, 99, 100])];
        let dark = [(40, 30, [20, 20, 20]), (40, 30, [31, 30, 30]), (40, 30, [40, 40, 40])];
        let portrait =
            [(30, 40, [90, 90, 90]), (30, 40, [121, 121, 120]), (30, 44, [100, 100, 100])];
        let large = usual.map(|(width, height, colour)| (2 * width, 2 * height, colour));
        assert_eq!(told(&usual, &usual), []);
        assert_eq!(told(&usual, &coloured), [Property::Colour]);
        assert_eq!(told(&usual, &dark), [Property::Brightness]);
        assert_eq!(told(&usual, &portrait), [Property::Shape]);
        assert_eq!(told(&usual, &large), [Property::Size]);
        // One grey image among the coloured ones, and the head cannot go by colour.
        let mixed = [coloured[0], coloured[1], usual[0]];
        assert_eq!(told(&usual, &mixed), []);
    }

    #[test]
    fn a_confound_is_reported_with_what_to_do() {
        let confound = Confound {
            classes: ["three".to_owned(), "seven".to_owned()],
            property: Property::Colour,
            ranges: [(0.0, 0.4), (30.0, 52.0)],
        };
        assert_eq!(
            confound.to_string(),
            "the images of three and seven differ in colour, grey and colour 30 to colour 52: if that is by chance, \
             show grey and coloured images of both"
        );
    }
}
