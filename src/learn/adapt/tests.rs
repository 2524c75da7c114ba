use super::*;
use crate::image::frame::{Frame, Timestamp};
use crate::learn::examples::{Example, narrowed};
use crate::learn::head::ExampleId;
use crate::learn::learner::{Change, ClassName};

/// A part of one of two classes: bright on one side, each a little different.
fn part(class: u32, number: u32) -> Frame {
    let bright = |at: u32| (at % 16 < 8) == (class == 0);
    let value = |at: u32| {
        let own = number * 7 % 11 + at * (number + 3) % 5;
        [90, 80, 70].map(|base| (base + own + if bright(at) { 60 } else { 0 }) as u8)
    };
    Frame::new(16, 16, (0..256).flat_map(value).collect(), Timestamp(0)).expect("the sides fit")
}

/// What a backbone would say: how light each side is, and how colourful.
fn feature(frame: &Frame) -> Vec<f32> {
    let pixels = frame.pixels().as_chunks::<3>().0;
    let mut sums = [1.0_f32, 0.0, 0.0, 0.0];
    for (at, [r, g, b]) in pixels.iter().enumerate() {
        let grey = f32::from(*g) / 256.0 / 64.0;
        sums[if at % 16 < 8 { 1 } else { 2 }] += grey;
        sums[3] += (f32::from(*r) - f32::from(*b)) / 256.0 / 64.0;
    }
    sums.to_vec()
}

fn taught() -> (Learner, TaughtLight) {
    let mut learner = Learner::new(4, Default::default(), usize::MAX).expect("valid");
    let mut changes = Vec::new();
    let mut light = Vec::new();
    for class in 0..2 {
        let name = ClassName::new(&format!("class{class}")).expect("a name");
        changes.push(Change::AddClass(ClassId(class), name));
        for number in 0..8 {
            let (id, frame) = (u64::from(class * 8 + number + 1), part(class, number));
            light.push((ClassId(class), GroupId(id), Moments::of(&frame)));
            changes.push(Change::AddExample(Example {
                id: ExampleId(id),
                class: ClassId(class),
                group: GroupId(id),
                taught: Timestamp(id),
                origin: String::new(),
                feature: narrowed(&feature(&frame)),
                views: Vec::new(),
                image: None,
                patches: None,
                described: false,
            }));
        }
    }
    learner.change(changes).expect("they fit");
    (learner, TaughtLight::of(light))
}

/// What is proposed for so many frames of each class in that light.
fn proposal(counts: [u32; 2], light: &Levels) -> Proposal {
    let (learner, taught) = taught();
    let frames = counts.iter().zip(0..).flat_map(|(count, class)| {
        (0..*count).map(move |number| light.apply(&part(class, 100 + number)))
    });
    let frames: Vec<Frame> = frames.collect();
    let moments: Vec<Moments> = frames.iter().map(Moments::of).collect();
    let mut look = |levels: &Levels| {
        let seen = frames.iter().map(|frame| feature(&levels.apply(frame)));
        Ok(seen.map(|feature| FrameFeatures { feature, patches: None }).collect())
    };
    propose(&learner, taught, &moments, &Levels::SAME, &mut look).expect("enough frames")
}

const DARK: Levels = Levels { gain: [0.6, 0.6, 0.5], offset: [4.0; 3] };

#[test]
fn frames_of_another_light_are_brought_back() {
    let Proposal { levels, comparison } = proposal([15, 15], &DARK);
    assert!(comparison.helps(), "{comparison:?}");
    for (gain, dark) in levels.gain.iter().zip(DARK.gain) {
        assert!((gain * dark - 1.0).abs() < 0.1, "{levels:?}");
    }
    assert_eq!(comparison.classes.len(), 2);
    assert!(comparison.unknown[0] > 0.5 && comparison.unknown[1] < 0.3, "{comparison:?}");
}

#[test]
fn frames_of_mostly_one_class_are_brought_back_too() {
    let Proposal { levels, comparison } = proposal([27, 3], &DARK);
    assert!(comparison.helps(), "{comparison:?}");
    for (gain, dark) in levels.gain.iter().zip(DARK.gain) {
        assert!((gain * dark - 1.0).abs() < 0.2, "{levels:?}");
    }
}

#[test]
fn contrast_around_each_frame_s_own_mean_is_not_stretched() {
    // As by a camera that sets its exposure anew for every frame: one factor would drive their means apart.
    let (learner, taught) = taught();
    let flat = |frame: Frame, by: f32| {
        let mean = lightness(&Moments::of(&frame), &Levels::SAME) as f32 + by;
        Levels { gain: [0.3; 3], offset: [mean * 0.7; 3] }.apply(&frame)
    };
    let frames = (0..30)
        .map(|number| flat(part(number % 2, 100 + number), (number % 5) as f32 * 20.0 - 40.0));
    let frames: Vec<Frame> = frames.collect();
    let moments: Vec<Moments> = frames.iter().map(Moments::of).collect();
    let mut look = |levels: &Levels| {
        let seen = frames.iter().map(|frame| feature(&levels.apply(frame)));
        Ok(seen.map(|feature| FrameFeatures { feature, patches: None }).collect())
    };
    let found = propose(&learner, taught, &moments, &Levels::SAME, &mut look);
    let comparison = found.expect("enough frames").comparison;
    let [most, apart] = comparison.apart;
    assert!(apart > most, "{comparison:?}");
    assert!(!comparison.helps());
}

#[test]
fn in_the_same_light_nothing_is_taken() {
    for counts in [[15, 15], [30, 0], [2, 28]] {
        let Proposal { comparison, .. } = proposal(counts, &Levels::SAME);
        assert!(!comparison.helps(), "{counts:?}: {comparison:?}");
    }
}

#[test]
fn too_few_frames_are_refused() {
    let (learner, taught) = taught();
    let mut look = |_: &Levels| Ok(Vec::new());
    let moments = [Moments::of(&part(0, 1)); LEAST_FRAMES];
    let mut of = |taught: TaughtLight, frames: &[Moments]| {
        propose(&learner, taught, frames, &Levels::SAME, &mut look)
    };
    assert_eq!(of(taught, &moments[1..]), Err(AdaptError::TooFew(LEAST_FRAMES - 1)));
    assert_eq!(of(TaughtLight::default(), &moments), Err(AdaptError::NothingTaught));
}

#[test]
fn a_sure_gain_that_is_small_is_not_taken() {
    let gaining = |gain: f64| Comparison {
        frames: 60,
        unknown: [0.5, 0.5],
        strange: [0.5, 0.5 - gain],
        error: 0.1,
        uncertainty: 0.001,
        apart: [9.0, 5.0],
        agreement: 1.0,
        classes: BTreeMap::new(),
    };
    assert_eq!(gaining(0.03).refusal(), Some(Refusal::NotNearer));
    assert!(gaining(0.2).helps());
    let uneven = Comparison { apart: [9.0, 12.0], ..gaining(0.2) };
    assert_eq!(uneven.refusal(), Some(Refusal::Uneven));
}
