//! Classes of images that are described in words, with two small networks of one space; see `data/words.py`.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

use std::fs;
use std::path::Path;

use fieldtune::backbone::TextEncoder;
use fieldtune::backbone::card::ModelCard;
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture::save_png;
use fieldtune::{Error, Fieldtune};

use crate::common::{data, desk};
use desk::{Bench, text};

/// A part of one colour, a little uneven.
fn part(rgb: [u8; 3], stray: u8) -> Frame {
    let pixel = |at: u32| rgb.map(|value| value.saturating_add((at % 7) as u8 + stray));
    Frame::new(24, 24, (0..24 * 24).flat_map(pixel).collect(), Timestamp(0)).unwrap()
}

fn file(folder: &Path, name: &str, rgb: [u8; 3], stray: u8) -> String {
    let path = folder.join(name);
    save_png(&path, &part(rgb, stray)).unwrap();
    text(&path).to_owned()
}

const RED: [u8; 3] = [200, 20, 20];
const GREEN: [u8; 3] = [20, 200, 20];
const BLUE: [u8; 3] = [20, 20, 200];

/// The program with the network that sees, and the one that reads beside it.
struct Words(Bench);

impl Words {
    fn new() -> Self {
        Self(Bench::new())
    }

    fn with<'a>(arguments: &[&'a str], model: &'a str) -> Vec<&'a str> {
        [arguments, &["--model", model]].concat()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let model = data("words/see.toml");
        self.0.ok(&Self::with(arguments, text(&model))).stdout
    }

    fn refused(&self, arguments: &[&str], model: &str) -> String {
        let run = self.0.run(&Self::with(arguments, model));
        assert_ne!(run.code, 0, "{arguments:?}: {run:?}");
        run.stderr
    }

    /// Class and confidence.
    fn classified(&self, file: &str) -> (Option<String>, f64) {
        let model = data("words/see.toml");
        let verdict = self.0.json(&Self::with(&["classify", file], text(&model)));
        let class = verdict["class"].as_str().map(str::to_owned);
        (class, verdict["confidence"].as_f64().unwrap())
    }
}

#[test]
fn classes_are_told_apart_by_words_alone() {
    let words = Words::new();
    words.ok(&["teach", "--from-text", "alarm", "a red part"]);
    words.ok(&["teach", "--from-text", "ready", "a green part", "green"]);
    let told = words.ok(&["teach", "--from-text", "cold", "blue"]);
    assert!(told.contains("words alone decide"), "{told}");
    for (name, rgb, class) in
        [("r.png", RED, "alarm"), ("g.png", GREEN, "ready"), ("b.png", BLUE, "cold")]
    {
        let (got, confidence) = words.classified(&file(words.0.path(), name, rgb, 0));
        assert_eq!(got.as_deref(), Some(class));
        assert!(confidence > 0.95, "{name}: {confidence}");
    }
    // Half of each: neither is certain.
    let (_, confidence) = words.classified(&file(words.0.path(), "y.png", [120, 119, 20], 0));
    assert!(confidence < 0.7, "{confidence}");
    let status = words.0.ok(&["status"]).stdout;
    assert!(status.contains("show alarm, it is known by words alone"), "{status}");
    let examples = words.0.ok(&["examples"]).stdout;
    assert!(examples.contains("words: a red part"), "{examples}");
}

/// To the network every image lies nearer to any other image than to any word.
#[test]
fn images_of_one_class_do_not_swallow_described_ones() {
    let words = Words::new();
    let folder = words.0.path().join("red");
    fs::create_dir_all(&folder).unwrap();
    for stray in 0..4 {
        file(&folder, &format!("{stray}.png"), RED, 8 * stray);
    }
    words.ok(&["teach", "alarm", text(&folder), "--distinct"]);
    words.ok(&["teach", "--from-text", "alarm", "red"]);
    words.ok(&["teach", "--from-text", "cold", "blue"]);
    words.ok(&["teach", "--from-text", "ready", "green"]);
    for (rgb, class) in [(RED, "alarm"), (BLUE, "cold"), (GREEN, "ready")] {
        let (got, confidence) = words.classified(&file(words.0.path(), "new.png", rgb, 3));
        assert_eq!(got.as_deref(), Some(class), "{confidence}");
    }
    // What is taught takes nothing from what is known, in whatever order.
    let other = Words::new();
    for (class, said) in [("cold", "blue"), ("ready", "green"), ("alarm", "red")] {
        other.ok(&["teach", "--from-text", class, said]);
    }
    other.ok(&["teach", "alarm", text(&folder), "--distinct"]);
    for rgb in [RED, BLUE, [90, 90, 20]] {
        let new = file(words.0.path(), "new.png", rgb, 5);
        let ((a, one), (b, another)) = (words.classified(&new), other.classified(&new));
        assert_eq!(a, b);
        assert!((one - another).abs() < 1e-5, "{one} and {another}");
    }
}

#[test]
fn descriptions_are_forgotten_undone_and_handed_on() {
    let words = Words::new();
    for (name, rgb) in [("alarm", RED), ("cold", BLUE)] {
        for stray in 0..3 {
            let image = file(words.0.path(), &format!("{stray}.png"), rgb, 8 * stray);
            words.ok(&["teach", name, &image, "--distinct"]);
        }
    }
    let head = |name: &str| {
        let path = words.0.path().join(format!("{name}.npz"));
        words.ok(&["export", text(&path)]);
        fs::read(path).unwrap()
    };
    let before = head("before");
    words.ok(&["teach", "--from-text", "alarm", "dark red"]);
    let described = head("described");
    assert_ne!(before, described);
    words.0.ok(&["forget", "--example", "7"]);
    assert_eq!(head("forgotten"), before, "nothing of it is left");
    words.0.ok(&["undo"]);
    assert_eq!(head("undone"), described);
    // A pack tells another device what the words are.
    let pack = words.0.path().join("of-words.ftune");
    words.0.ok(&["store", "export", text(&pack)]);
    let other = Words::new();
    other.0.ok(&["store", "import", text(&pack)]);
    let path = other.0.path().join("head.npz");
    other.ok(&["export", text(&path)]);
    assert_eq!(fs::read(path).unwrap(), described);
    // Classes keep their words, also where they are the same, and what was said twice is said once.
    words.ok(&["teach", "--from-text", "stop", "red red"]);
    words.ok(&["teach", "--from-text", "alarm", "dark red"]);
    let again = head("again");
    words.0.ok(&["store", "export", text(&pack)]);
    let third = Words::new();
    third.ok(&["teach", "--from-text", "halt", "red red"]);
    third.0.ok(&["store", "import", text(&pack)]);
    let mut counts = third.0.classes();
    counts.sort_unstable();
    let wanted = [("alarm", 4), ("cold", 3), ("halt", 1), ("stop", 1)];
    assert_eq!(counts, wanted.map(|(name, count)| (name.to_owned(), count)));
    words.0.ok(&["undo"]);
    assert_eq!(head("said-once"), again, "the same words again change nothing");
    words.0.ok(&["undo"]);
    // So does the checkpoint that was made before it was forgotten.
    words.0.ok(&["forget", "--example", "7"]);
    words.0.ok(&["rollback", "1"]);
    assert_eq!(head("rolled-back"), described);
}

#[test]
fn words_that_do_not_fit_are_refused() {
    let words = Words::new();
    let see = data("words/see.toml");
    let see = text(&see);
    let from = ["teach", "--from-text", "alarm", "red"];
    let beside = words.0.path().join("beside");
    fs::create_dir_all(&beside).unwrap();
    for name in ["see.onnx", "read.onnx", "tokenizer.json"] {
        fs::copy(data(&format!("words/{name}")), beside.join(name)).unwrap();
    }
    let card = |name: &str, change: (&str, &str)| {
        let card = fs::read_to_string(see).unwrap();
        assert!(card.contains(change.0));
        let path = beside.join(name);
        fs::write(&path, card.replace(change.0, change.1)).unwrap();
        text(&path).to_owned()
    };
    let gone = card("gone.toml", ("read.toml", "other.toml"));
    let out = card("out.toml", ("read.toml", "../read.toml"));
    let image = card("image.toml", ("read.toml", "see.onnx"));
    let clip = data("readers/clip/network.onnx");
    fs::copy(&clip, beside.join("clip.onnx")).unwrap();
    fs::copy(data("readers/clip/tokenizer.json"), beside.join("tokenizer.json")).unwrap();
    let other = card("other.toml", ("read.toml", "clip.onnx"));
    let built_in = "built-in";
    for (arguments, model, wanted) in [
        (&from[..], built_in, "no network of words was trained with it"),
        (&from[..3], see, "which words?"),
        (&["teach", "--from-text", "alarm", " "], see, "\"\": the line is empty"),
        (&["teach", "--from-text", "alarm", "red", "zebra"], see, "gives nothing for \"zebra\""),
        (&["teach", "--from-text", "", "red"], see, "name"),
        (&["teach", "--from-text", "alarm", "red", "--text"], see, "cannot be used with"),
        (&from, &gone, "gone.toml: words: "),
        (&from, &out, "plain file name"),
        (&from, &image, "does not read text"),
        (&from, &other, "wanted two networks of one space"),
    ] {
        let refused = words.refused(arguments, model);
        assert!(refused.contains(wanted), "{arguments:?} {model}: {refused}");
        assert!(!words.0.store().exists(), "{arguments:?}");
    }
    words.0.ok(&["teach", "--text", "login", "Failed password for root", "--model", built_in]);
    let refused = words.refused(&from, see);
    assert!(refused.contains("lines of text"), "{refused}");
    // Words belong to networks that see.
    let read = fs::read_to_string(data("words/read.toml")).unwrap();
    let wrong = read.replace("\n[input]", "words = \"more.toml\"\n\n[input]");
    let error = ModelCard::parse_text(&wrong, "read.toml").unwrap_err().to_string();
    assert!(error.contains("only a network that looks at images"), "{error}");
    let card = ModelCard::read_card(Path::new(see)).unwrap();
    assert_eq!(ModelCard::parse(&card.to_toml(), "again").unwrap(), card);
}

#[test]
fn the_library_learns_from_descriptions() -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let card = ModelCard::read_text_card(&data("words/read.toml")).unwrap();
    let onnx = card.network(Some(&data("words"))).unwrap();
    let tokenizer = card.tokenizer(Some(&data("words"))).unwrap();
    let mut encoder = TextEncoder::load(&onnx, &tokenizer, "read", &card.spec.spec)?;
    let open = || {
        let see = data("words/see.toml");
        Fieldtune::builder().model(text(&see)).open(folder.path().join("learned.ftune"))
    };
    let mut tuner = open()?;
    assert_eq!(tuner.describe("alarm", &["red", "a dark red"], &mut encoder)?, 2);
    tuner.describe("cold", &["blue"], &mut encoder)?;
    assert!(tuner.describe("none", &[], &mut encoder).is_err());
    tuner.teach("alarm", &part(RED, 0))?;
    drop(tuner);
    let mut again = open()?;
    assert_eq!(again.classify(&part(RED, 5))?.best, "alarm");
    let blue = again.classify(&part(BLUE, 5))?;
    assert_eq!(blue.class.as_deref(), Some("cold"), "{blue:?}");
    let mut of_words = TextEncoder::of_words();
    let wrong = again.describe("none", &["red"], &mut of_words).unwrap_err().to_string();
    assert!(wrong.contains("1024"), "{wrong}");
    Ok(())
}
