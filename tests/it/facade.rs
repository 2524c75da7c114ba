//! The library in one type: opened, taught, asked, merged; what it refuses.

use std::path::Path;

use fieldtune::camera::{Camera, Synthetic, SyntheticScene};
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::learn::head::{HeadConfig, HeadKind};
use fieldtune::{Builder, Error, Fieldtune};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.toml");
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pictures");

fn tiny() -> Builder {
    Fieldtune::builder().model(TINY)
}

fn open(path: &Path) -> Fieldtune {
    tiny().open(path).expect("the store can be made")
}

/// A frame of one colour.
fn plain(colour: [u8; 3]) -> Frame {
    let pixels = colour.iter().copied().cycle().take(16 * 16 * 3).collect();
    Frame::new(16, 16, pixels, Timestamp(1)).expect("it is whole")
}

const RED: [u8; 3] = [220, 20, 20];
const BLUE: [u8; 3] = [20, 20, 220];

fn taught(path: &Path) -> Fieldtune {
    let mut tuner = tiny().max_novelty(f32::INFINITY).open(path).expect("the store can be made");
    for (class, colour) in [("red", RED), ("blue", BLUE)] {
        for darker in 0..3 {
            let frame = plain(colour.map(|value| value.saturating_sub(darker * 8)));
            assert_eq!(tuner.teach(class, &frame).expect(class), usize::from(darker) + 1);
        }
    }
    tuner
}

#[test]
fn what_is_taught_is_classified_by_name_and_kept() {
    let folder = tempfile::tempdir().expect("there is a folder");
    let path = folder.path().join("learned.ftune");
    let mut tuner = open(&path);
    assert!(matches!(tuner.classify(&plain(RED)), Err(Error::NothingTaught)));
    drop(tuner);
    drop(taught(&path));
    let mut tuner = open(&path);
    let classes: Vec<(String, usize)> =
        tuner.classes().into_iter().map(|class| (class.name, class.examples)).collect();
    assert_eq!(classes, [("red".to_owned(), 3), ("blue".to_owned(), 3)]);
    for (name, colour) in [("red", RED), ("blue", BLUE)] {
        let prediction = tuner.classify(&plain(colour)).expect(name);
        assert_eq!(prediction.class.as_deref(), Some(name), "{prediction:?}");
        assert_eq!(prediction.best, name);
        assert!(prediction.confidence > 0.5 && prediction.runner_up.is_some(), "{prediction:?}");
        assert!(prediction.to_string().starts_with(name), "{prediction}");
    }
    assert!(tuner.estimated_accuracy().is_some_and(|share| share > 0.9));
    tuner.forget("blue").expect("it is there");
    assert_eq!(tuner.classify(&plain(BLUE)).expect("red is left").best, "red");
    assert!(tuner.undo().expect("there is room"));
    assert_eq!(tuner.classify(&plain(BLUE)).expect("blue is back").best, "blue");
}

#[test]
fn a_store_of_another_backbone_is_refused() {
    let folder = tempfile::tempdir().expect("there is a folder");
    let path = folder.path().join("learned.ftune");
    drop(taught(&path));
    let error = Fieldtune::open(&path).expect_err("the built-in one is another");
    assert!(matches!(error, Error::OtherBackbone(..)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("learned.ftune was taught with") && text.contains("tiny"), "{text}");
    assert_eq!(open(&path).learner().examples().len(), 6, "what was taught is still there");
}

#[test]
fn head_and_thresholds_are_set_where_they_are_named() {
    let folder = tempfile::tempdir().expect("there is a folder");
    let path = folder.path().join("learned.ftune");
    drop(taught(&path));
    let ridge = HeadConfig::of(HeadKind::Ridge);
    let tuner = tiny().head(ridge.clone()).min_confidence(0.9).open(&path).expect("both hold");
    assert_eq!(tuner.learner().head_config(), &ridge);
    drop(tuner);
    let tuner = open(&path);
    assert_eq!(tuner.learner().head_config(), &ridge);
    assert_eq!(tuner.learner().thresholds().confidence, 0.9);
    drop(tuner);
    let error = tiny().min_confidence(2.0).open(&path).expect_err("above 1");
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    assert_eq!(open(&path).learner().thresholds().confidence, 0.9);
}

#[test]
fn packs_are_merged_and_other_bytes_are_refused() {
    let folder = tempfile::tempdir().expect("there is a folder");
    let mut one = taught(&folder.path().join("one.ftune"));
    let mut two = open(&folder.path().join("two.ftune"));
    let pack = one.export().expect("the images can be read");
    let merged = two.merge(&pack).expect("the same backbone");
    assert_eq!((merged.classes.len(), merged.added, merged.known), (2, 6, 0));
    assert_eq!(two.merge(&pack).expect("known").added, 0);
    assert_eq!(two.classify(&plain(BLUE)).expect("taught").best, "blue");
    assert!(matches!(two.merge(b"something else"), Err(Error::Pack(_))));
    assert_eq!(two.classes().len(), 2);
}

#[test]
fn files_are_taught_and_mistakes_are_errors() {
    let folder = tempfile::tempdir().expect("there is a folder");
    let mut tuner = open(&folder.path().join("learned.ftune"));
    let picture = |name: &str| format!("{PICTURES}/{name}");
    tuner.teach_file("photo", picture("resize-same.png")).expect("an image");
    assert_eq!(tuner.classify_file(picture("resize-same.png")).expect("an image").best, "photo");
    let example = tuner.learner().examples().iter().next().expect("one was taught");
    assert!(example.origin.ends_with("resize-same.png"), "{}", example.origin);
    assert!(matches!(tuner.teach_file("a", picture("bomb.png")), Err(Error::Image(_))));
    assert!(matches!(tuner.teach_file("a", "nowhere.png"), Err(Error::Image(_))));
    assert!(matches!(tuner.forget("nobody"), Err(Error::Refused(_))));
    let mut camera = Synthetic::new(1);
    camera.show(SyntheticScene::Rust);
    let frame = camera.capture(Timestamp(1)).expect("it is drawn");
    assert!(matches!(tuner.teach("two words", &frame), Err(Error::Refused(_))));
    assert_eq!(tuner.classes().len(), 1);
    let error = Fieldtune::builder().model("nobody").open(folder.path().join("b.ftune"));
    assert!(matches!(error, Err(Error::Model(_))));
}
