use super::*;
use crate::learn::decision::Thresholds;
use crate::learn::head::{HeadConfig, HeadKind};
use crate::store::snapshot::{ModelId, Snapshot};

#[test]
fn what_was_taught_together_is_one_group() {
    let taught = |id, class, micros| Taught { class, micros, id };
    let second = 1_000_000;
    let groups = groups_by_time(
        [
            taught(1, 0, 10 * second),
            taught(2, 0, 11 * second),
            taught(3, 1, 12 * second),
            // Within two seconds of the second, not of the first.
            taught(4, 0, 13 * second),
            taught(5, 0, 15 * second + 1),
            taught(6, 0, 15 * second + 1),
        ]
        .into_iter(),
    );
    assert_eq!(
        groups.into_iter().collect::<Vec<_>>(),
        [(1, 1), (2, 1), (3, 3), (4, 1), (5, 5), (6, 5)]
    );
}

#[test]
fn half_a_value_is_refused() {
    let bytes = postcard::to_allocvec(&StoredBytes(vec![1, 2, 3])).expect("known length");
    assert!(postcard::from_bytes::<StoredFeature>(&bytes).is_err());
    let bytes = postcard::to_allocvec(&StoredBytes(vec![1, 2, 3, 4])).expect("known length");
    assert_eq!(postcard::from_bytes(&bytes), Ok(StoredFeature::of_bits(&[0x0201, 0x0403])));
}

#[test]
fn every_change_comes_back_as_it_was() {
    let name = || ClassName::new("scratch").expect("a valid name");
    let example = Example {
        id: ExampleId(9),
        class: ClassId(2),
        group: GroupId(8),
        taught: Timestamp(77),
        origin: "a.png".to_owned(),
        feature: [0.5, -3.0].map(f16::from_f32).into(),
        views: vec![[1.0, -0.25].map(f16::from_f32).into()],
        image: Some(ImageMark { bytes: 3, hash: [4; 16] }),
        patches: None,
        described: false,
    };
    for change in [
        Change::AddClass(ClassId(1), name()),
        Change::RemoveClass(ClassId(1)),
        Change::RenameClass(ClassId(1), name()),
        Change::AddExample(example),
        Change::RemoveExample(ExampleId(9)),
        Change::Relabel(ExampleId(9), ClassId(3)),
        Change::SetHead(HeadConfig::of(HeadKind::Mlp)),
        Change::SetThresholds(Thresholds::of_limit(0.25, f32::INFINITY)),
        Change::SetThresholds(Thresholds::of_limit(0.25, -0.05)),
    ] {
        assert_eq!(Change::try_from(StoredChange::from(&change)), Ok(change));
    }
    let stored = StoredChange::AddClass(1, "no spaces, please".to_owned());
    assert!(Change::try_from(stored).is_err());
}

/// Two classes, two examples with a view and an image each, a step that can be undone.
fn sound() -> Snapshot {
    let feature = |values: [f32; 2]| StoredFeature(values.map(f16::from_f32).into());
    let file = b"\xff\xd8\xff\xd9".to_vec();
    let example = |id: u64, values| StoredExample {
        id,
        class: id as u32 - 1,
        group: id,
        taught_micros: id,
        origin: "a.png".to_owned(),
        feature: feature(values),
        views: vec![feature(values)],
        image: Some(ImageMark::of(&file).into()),
        patches: None,
        described: false,
    };
    let body = StoredBody {
        classes: vec![(0, "good".to_owned()), (1, "bad".to_owned())],
        examples: vec![example(1, [1.0, 0.0]), example(2, [0.0, 1.0])],
        head: (&HeadConfig::default()).into(),
        thresholds: (&Thresholds::default()).into(),
        next_class: 2,
        next_example: 4,
        undo: vec![StoredStep(vec![StoredChange::AddExample(example(3, [1.0, 1.0]))])],
    };
    let model = ModelId { name: "tiny".to_owned(), fingerprint: [7; 32], dim: 2 };
    Snapshot { model, body, images: Images::from([(ImageMark::of(&file), file)]) }
}

#[test]
fn hostile_values_are_refused_and_named() {
    let of = StoredFeature::of_bits;
    let (nan, infinite) = (of(&[0, 0x7e00]), of(&[0x7c00, 0]));
    let read = |hostile: &Snapshot| -> Result<usize, String> {
        let snapshot = Snapshot::decode(&hostile.encode()).map_err(|error| error.to_string())?;
        // As a pack that is learned beside what is there, and as a store.
        snapshot.by_name().map_err(|error| error.to_string())?;
        let learner = snapshot.into_learner(1 << 20).map_err(|error| error.to_string())?;
        Ok(learner.examples().len())
    };
    assert_eq!(read(&sound()), Ok(2));
    type Hostile<'a> = (&'a str, &'a dyn Fn(&mut StoredBody));
    let cases: [Hostile; 16] = [
        ("value 1 is NaN", &|body| body.examples[1].feature = nan.clone()),
        ("value 0 is inf", &|body| body.examples[1].feature = infinite.clone()),
        ("value 1 is NaN", &|body| body.examples[1].views[0] = nan.clone()),
        ("of 2 values, got 3", &|body| body.examples[1].views[0] = of(&[0; 3])),
        ("of 2 values, got 0", &|body| body.examples[1].feature = of(&[])),
        ("an example 1 already", &|body| body.examples[1].id = 1),
        ("got 18446744073709551615", &|body| body.examples[1].id = u64::MAX),
        ("example 2 is of class 7", &|body| body.examples[1].class = 7),
        ("next ids of 4294967295", &|body| body.next_class = u32::MAX),
        ("example 2 is of class 1", &|body| body.classes[1].0 = 0),
        ("a class called good already", &|body| body.classes[1].1 = "good".to_owned()),
        ("\\u{1b}[2J", &|body| body.classes[1].1 = "\u{1b}[2J".to_owned()),
        ("confidence NaN", &|body| body.thresholds = (&Thresholds::of_limit(f32::NAN, 1.0)).into()),
        ("novelty 0", &|body| body.thresholds = (&Thresholds::of_limit(0.5, 0.0)).into()),
        ("more than 16 views", &|body| body.examples[1].views = vec![nan.clone(); MAX_VIEWS + 1]),
        ("more than 32 steps", &|body| body.undo = vec![body.undo[0].clone(); UNDO_DEPTH + 1]),
    ];
    for (number, (wanted, spoil)) in cases.into_iter().enumerate() {
        let mut hostile = sound();
        spoil(&mut hostile.body);
        let got = read(&hostile);
        assert!(got.as_ref().is_err_and(|words| words.contains(wanted)), "{number}: {got:?}");
    }
}
