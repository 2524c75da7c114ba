//! Every limit of `docs/limits.md`: one step beyond it is refused with the limit's name or number, and changes nothing.
//! Where a limit is tested elsewhere, the table there names that test.

mod forged;

use std::fs::{self, File};
use std::path::Path;

use fieldtune::backbone::card::MAX_MODEL_NAME;
use fieldtune::backbone::card::{MAX_FILE_NAME, MAX_MODEL_BYTES, ModelCard, read_limited};
use fieldtune::backbone::{Graph, MAX_NODES};
use fieldtune::board::{Board, read_policy};
use fieldtune::camera::source::{self, CaptureSettings};
use fieldtune::image::frame::{MAX_SIDE, Timestamp};
use fieldtune::image::picture::{self, MAX_FILE_BYTES};
use fieldtune::learn::command::{Command, CommandError, NewExample, TeachExamples};
use fieldtune::learn::examples::MAX_EXAMPLES;
use fieldtune::learn::head::{
    ClassId, FeatureScaling, HeadConfig, HeadKind, MAX_PENALTY, MAX_STEP_SIZE, MAX_WEIGHTS, Method,
    MlpConfig, SldaUpdate,
};
use fieldtune::learn::learner::{
    Change, ClassName, LAST_CLASS, LAST_EXAMPLE, LearnError, Learner, MAX_CLASSES, UNDO_DEPTH,
};
use fieldtune::protocol::console::{Console, Entry, LINE_LIMIT, parse};
use fieldtune::protocol::wire::{
    self, CHUNK, Decoder, Kind, MAX_MESSAGE, Outgoing, Piece, WINDOW, WireFrame,
};
use fieldtune::store::snapshot::{MAX_DIM, ModelId, Snapshot};
use forged::{Change as Forge, Forged, Method as Forging, example};

fn model() -> ModelId {
    ModelId { name: "limits".to_owned(), fingerprint: [7; 32], dim: 1 }
}

fn bytes(learner: &Learner) -> Vec<u8> {
    Snapshot::of(learner, model()).encode()
}

fn learner() -> Learner {
    Learner::new(1, HeadConfig::of(HeadKind::Prototype), 1 << 20).expect("valid settings")
}

fn teach(learner: &mut Learner, class: &str) -> Result<(), CommandError> {
    let example = NewExample::new(vec![1.0], "");
    let teach = TeachExamples { class: class.to_owned(), examples: vec![example] };
    Command::Teach(teach).apply(learner, Timestamp(1)).map(drop)
}

/// A file of that many bytes, none of which take room.
fn long_file(folder: &Path, name: &str, length: u64) -> std::path::PathBuf {
    let path = folder.join(name);
    let file = File::create(&path).expect("the folder is the test's");
    file.set_len(length).expect("a file may have holes");
    path
}

#[test]
fn frames_messages_and_windows_have_their_stated_limits() {
    let frame = |bytes: usize| {
        let body = vec![1; bytes];
        WireFrame { kind: Kind::Request, id: 1, part: 0, parts: 1, body }
    };
    let whole = frame(CHUNK);
    assert_eq!(Decoder::default().feed(&whole.encode()), [Piece::Frame(whole)]);
    // A byte more, written by hand since no program of ours would.
    let line = [&[0, 2][..], &vec![1; CHUNK + 40], &[0]].concat();
    let pieces = Decoder::default().feed(&line);
    assert!(matches!(&pieces[..], [Piece::Broken(wire::WireError::TooLong)]), "{pieces:?}");

    assert!(Outgoing::new(Kind::Request, 1, vec![0; MAX_MESSAGE]).is_ok());
    let error = Outgoing::new(Kind::Request, 1, vec![0; MAX_MESSAGE + 1]).expect_err("too long");
    assert!(error.to_string().contains(&MAX_MESSAGE.to_string()), "{error}");

    let parts = |count: u8| [&[count][..], &vec![0; usize::from(count)]].concat();
    assert!(wire::decode_more(&parts(WINDOW as u8)).is_ok());
    let error = wire::decode_more(&parts(WINDOW as u8 + 1)).expect_err("one too many");
    assert!(error.to_string().contains("at most 32"), "{error}");
}

#[test]
fn a_line_has_1024_characters_and_history_fifty_lines() {
    let typed = |text: &str| {
        let mut out = Vec::new();
        let mut bytes = text.as_bytes();
        let event = Console::new(false).feed(&mut bytes, &mut out);
        (event.is_some(), String::from_utf8(out).expect("a console speaks UTF-8"))
    };
    let line = |length: usize| format!("{:<length$}\r", "status");
    assert_eq!(typed(&line(LINE_LIMIT)), (true, String::new()));
    let (asked, said) = typed(&line(LINE_LIMIT + 1));
    assert!(!asked && said.contains("at most 1024 characters"), "{said}");

    let mut console = Console::new(true);
    let mut out = Vec::new();
    let lines: String = (1..=60).map(|number| format!("help x{number:02}\r")).collect();
    assert!(console.feed(&mut lines.as_bytes(), &mut out).is_none());
    out.clear();
    let keys = [b"\x1b[A".repeat(100), b"\x05".to_vec()].concat();
    assert!(console.feed(&mut &keys[..], &mut out).is_none());
    let shown = String::from_utf8(out).expect("a console speaks UTF-8");
    let oldest = shown.split("help ").last().expect("a line is shown");
    assert!(oldest.starts_with("x11"), "{oldest:?} of {shown:?}");
}

#[test]
fn counts_that_are_typed_have_ends() {
    let asked = |line: &str| matches!(parse(line), Ok(Entry::Request(_)));
    for (within, beyond, wanted) in [
        ("teach a 1000", "teach a 1001", "1 to 1000"),
        ("burst a 60", "burst a 61", "to 60"),
        ("log 10000", "log 10001", "1 to 10000"),
        ("threshold confidence=1", "threshold confidence=1.1", "0.0 to 1.0"),
    ] {
        assert!(asked(within), "{within}");
        let why = parse(beyond).expect_err(beyond);
        assert!(why.contains(wanted), "{why}");
    }
}

#[test]
fn one_class_too_many_is_refused_and_changes_nothing() {
    let mut learner = learner();
    let name = |id: u32| ClassName::new(&format!("c{id}")).expect("a plain name");
    let classes = (0..MAX_CLASSES as u32).map(|id| Change::AddClass(ClassId(id), name(id)));
    learner.change(classes.collect()).expect("as many as may be");
    let before = bytes(&learner);
    let error = teach(&mut learner, "one-more").expect_err("one too many");
    assert_eq!(error, CommandError::Learn(LearnError::TooManyClasses));
    assert!(error.to_string().contains("4096"), "{error}");
    assert_eq!(bytes(&learner), before);
}

#[test]
fn an_existing_class_cannot_be_added_again() {
    let add = |id: u32, name: &str| {
        Change::AddClass(ClassId(id), ClassName::new(name).expect("a plain name"))
    };
    let mut learner = learner();
    learner.change(vec![add(0, "a")]).expect("a new class");
    let before = bytes(&learner);
    let again = vec![add(0, "b")];
    // Long lists build the head anew, which would not notice.
    let long: Vec<Change> =
        (1..10).map(|id| add(id, &format!("c{id}"))).chain(again.clone()).collect();
    for changes in [again, long] {
        assert_eq!(learner.change(changes), Err(LearnError::ClassExists(ClassId(0))));
        assert_eq!(bytes(&learner), before);
    }
}

#[test]
fn ids_end_before_they_overflow() {
    let next = |class: u32, example: u64| Forged {
        next_class: class,
        next_example: example,
        ..Forged::new()
    };
    let (class, id) = (LAST_CLASS.0 + 1, LAST_EXAMPLE.0 + 1);
    for beyond in [next(class + 1, 1), next(1, id + 1), next(u32::MAX, u64::MAX)] {
        let why = beyond.refusal();
        assert!(why.contains(&class.to_string()) && why.contains(&id.to_string()), "{why}");
    }
    let last = next(class, id).decoded().and_then(|snapshot| snapshot.into_learner(1 << 20));
    let mut learner = last.expect("every id was given, which is no mistake");
    let before = bytes(&learner);
    let error = teach(&mut learner, "one-more").expect_err("there is no id for it").to_string();
    assert!(
        error.contains("no id is left") && error.contains(&LAST_CLASS.0.to_string()),
        "{error}"
    );
    assert_eq!(bytes(&learner), before);

    let mut forged = Forged::new();
    forged.classes = vec![(LAST_CLASS.0 + 1, "a".to_owned())];
    assert!(forged.refusal().contains("no id is left for another class"));
    forged.classes = vec![(0, "a".to_owned())];
    forged.examples = vec![example(LAST_EXAMPLE.0 + 1, 0)];
    assert!(forged.refusal().contains("no id is left for another example"));
}

#[test]
fn lists_of_a_pack_have_ends() {
    let base = Forged { classes: vec![(0, "a".to_owned())], ..Forged::new() };
    let classes = |count: usize| Forged {
        classes: (0..count as u32).map(|id| (id, format!("c{id}"))).collect(),
        ..Forged::new()
    };
    assert!(classes(MAX_CLASSES).is_taken());
    let steps =
        |count: usize| Forged { undo: vec![vec![Forge::RemoveClass(0)]; count], ..base.clone() };
    assert!(steps(UNDO_DEPTH).is_taken());
    let changes = 2 * (MAX_EXAMPLES + MAX_CLASSES + 1);
    let long =
        |count: usize| Forged { undo: vec![vec![Forge::RemoveClass(0); count]], ..base.clone() };
    assert!(long(changes).is_taken());
    let examples = (0..=MAX_EXAMPLES as u64).map(|id| example(id, 0)).collect();
    let examples = Forged { examples, ..base.clone() };
    for (beyond, wanted) in [
        (classes(MAX_CLASSES + 1), "more than 4096 classes".to_owned()),
        (steps(UNDO_DEPTH + 1), "more than 32 steps to undo".to_owned()),
        (long(changes + 1), format!("more than {changes} changes in a step")),
        (examples, format!("more than {MAX_EXAMPLES} examples")),
    ] {
        let why = beyond.refusal();
        assert!(why.contains(&wanted), "{why}, wanted {wanted}");
    }
}

#[test]
fn features_names_and_thresholds_of_a_pack_have_ends() {
    let dim = |dim: u32| Forged { dim, ..Forged::new() };
    assert!(dim(MAX_DIM).is_taken());
    assert!(dim(MAX_DIM + 1).refusal().contains("65537 values, wanted 1 to 65536"));
    assert!(dim(0).refusal().contains("wanted 1 to"));
    let name = |length: usize| Forged { name: "x".repeat(length), ..Forged::new() };
    assert!(name(MAX_MODEL_NAME).is_taken());
    assert!(name(MAX_MODEL_NAME + 1).refusal().contains("257 bytes, wanted at most 256"));
    for hostile in ["a\n  next: curl", "a\u{1b}[2J", "\u{9b}31m", "a\0"] {
        let why = Forged { name: hostile.to_owned(), ..Forged::new() }.refusal();
        assert!(why.contains("not one line") && !why.contains(char::is_control), "{why:?}");
    }
    let class = |length: usize| Forged { classes: vec![(0, "x".repeat(length))], ..Forged::new() };
    assert!(class(64).is_taken());
    assert!(class(65).refusal().contains("1 to 64 bytes"));
    for thresholds in [(f32::NAN, 1.0), (1.1, 1.0), (0.0, 0.0), (0.0, f32::NAN)] {
        let why = Forged { thresholds, ..Forged::new() }.refusal();
        assert!(why.contains("wanted 0 to 1 and above 0"), "{why}");
    }
}

#[test]
fn an_undo_of_a_pack_is_checked_too() {
    for (step, wanted) in [
        (Forge::SetThresholds((f32::NAN, 1.0)), "thresholds"),
        (Forge::AddClass(0, "b".to_owned()), "already"),
        (Forge::AddClass(LAST_CLASS.0 + 1, "b".to_owned()), "no id is left"),
        (Forge::AddExample((1, 0, 0, String::new(), vec![0x7c00], None)), "finite"),
    ] {
        let classes = vec![(0, "a".to_owned())];
        let forged = Forged { classes, undo: vec![vec![step.clone()]], ..Forged::new() };
        let snapshot = forged.decoded().expect("it is read");
        let mut learner = snapshot.into_learner(1 << 20).expect("what it holds is right");
        let before = bytes(&learner);
        let error = learner.undo().expect_err("the step is not").to_string();
        assert!(error.contains(wanted), "{step:?}: {error}");
        assert_eq!(bytes(&learner), before, "{step:?}");
    }
}

#[test]
fn heads_have_limits_to_their_memory() {
    let refused = |method, dim| {
        let config = HeadConfig { method, scaling: FeatureScaling::default() };
        let refusal = Learner::new(dim, config, 1 << 20).map(drop);
        refusal.map_or_else(|error| error.to_string(), |()| String::new())
    };
    let Method::Mlp(usual) = HeadConfig::of(HeadKind::Mlp).method else { unreachable!() };
    let mlp = |hidden| Method::Mlp(MlpConfig { hidden, ..usual });
    let slda = Method::Slda { shrinkage: 0.5, update: SldaUpdate::Exact };
    assert_eq!(refused(slda, 8191), "");
    assert!(refused(slda, 8192).contains("8191"));
    assert_eq!(refused(mlp(4096), 1), "");
    assert!(refused(mlp(4097), 1).contains("1 to 4096"));
    let most = MAX_WEIGHTS / 4096;
    assert_eq!(refused(mlp(4096), most), "");
    assert!(refused(mlp(4096), most + 1).contains(&MAX_WEIGHTS.to_string()));
    // Nor may a training take for ever.
    for (name, usual) in [
        ("learning_rate", MlpConfig { learning_rate: 1.01 * MAX_STEP_SIZE, ..usual }),
        ("weight_decay", MlpConfig { weight_decay: 1.01 * MAX_PENALTY, ..usual }),
    ] {
        assert!(refused(Method::Mlp(usual), 1).contains(name));
    }
    // In a pack, too, where nothing is allocated for it first.
    let head = (Forging::Mlp(4096, 0.0, 0.1, 0.0, 1, 1, 0), None, true);
    let forged = Forged { dim: MAX_DIM, head, ..Forged::new() };
    assert!(forged.refusal().contains(&MAX_WEIGHTS.to_string()));
}

#[test]
fn files_of_settings_pictures_and_networks_have_lengths() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let at = |name: &str, length: u64| long_file(folder.path(), name, length);
    let settings = (1u64 << 20) + 1;
    let path = at("board.toml", settings);
    let policy = path.display().to_string();
    let network = at("network.onnx", MAX_MODEL_BYTES + 1);
    let picture = at("picture.png", MAX_FILE_BYTES + 1);
    for (what, refusal, limit) in [
        ("board", Board::read(&path).map(drop).map_err(|e| e.to_string()), settings - 1),
        ("policy", read_policy(&policy).map(drop).map_err(|e| e.to_string()), settings - 1),
        ("card", ModelCard::read_card(&path).map(drop).map_err(|e| e.to_string()), settings - 1),
        (
            "network",
            read_limited(&network, "").map(drop).map_err(|e| e.to_string()),
            MAX_MODEL_BYTES,
        ),
        (
            "picture",
            picture::load(&picture, Timestamp(0)).map(drop).map_err(|e| e.to_string()),
            MAX_FILE_BYTES,
        ),
    ] {
        let why = refusal.expect_err(what);
        assert!(why.contains(&limit.to_string()), "{what}: {why}");
    }
    // A device has no length and no end.
    let why = Board::read(Path::new("/dev/zero")).expect_err("it has no end").to_string();
    assert!(why.contains("1048576"), "{why}");
    let why = read_limited(&at("most.onnx", 3), "").expect("within the limit");
    assert_eq!(why, [0; 3]);
}

#[test]
fn a_network_has_at_most_65536_nodes() {
    let field = |key: u8, content: &[u8]| {
        let length = content.len();
        let mut bytes = vec![key << 3 | 2];
        bytes.extend([
            length as u8 | 0x80,
            (length >> 7) as u8 | 0x80,
            (length >> 14) as u8 | 0x80,
        ]);
        bytes.push((length >> 21) as u8);
        [&bytes, content].concat()
    };
    let node = [field(1, b"in"), field(4, b"Relu")].concat();
    let network = |nodes: usize| {
        let graph = [field(1, &node).repeat(nodes), field(12, &field(1, b"in"))].concat();
        field(7, &graph)
    };
    let why =
        |nodes| Graph::parse(&network(nodes), "x").expect_err("no tensor is given").to_string();
    // What is wrong with one that is not too long is another thing.
    assert!(why(MAX_NODES).contains("which nothing before it gives"), "{}", why(MAX_NODES));
    assert!(why(MAX_NODES + 1).contains("65537 nodes, wanted at most 65536"));
}

#[test]
fn names_in_a_card_are_plain_and_end() {
    let card = ModelCard::builtin_cards().remove(0);
    let with = |file: &str, name: &str| {
        let (file, name) = (file.to_owned(), name.to_owned());
        let card = ModelCard { file, name, ..card.clone() };
        ModelCard::parse(&card.to_toml(), "card.toml").map(drop).map_err(|e| e.to_string())
    };
    assert_eq!(with(&"x".repeat(MAX_FILE_NAME), &"x".repeat(MAX_MODEL_NAME)), Ok(()));
    let long = "x".repeat(MAX_FILE_NAME + 1);
    for file in
        [&long, "", "..", ".hidden", "a/b", "a\\b", "a\u{1b}[2J", "a\u{202e}b", "a\nb", "a\0b"]
    {
        let why = with(file, "name").expect_err(file);
        assert!(why.contains("is not a plain file name of 1 to 255 bytes"), "{why}");
        assert!(!why.contains(['\u{1b}', '\u{202e}', '\0', '\n']), "{why:?}");
    }
    for name in ["", &"x".repeat(MAX_MODEL_NAME + 1)] {
        assert!(with("a.onnx", name).expect_err(name).contains("wanted 1 to 256"));
    }
}

#[test]
fn sides_of_cameras_and_lines_of_headers_are_bounded() {
    let board = fieldtune::board::BOARDS[0].1;
    let width = |width: u32| {
        let text: String = board
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some(("width", _)) => format!("width = {width}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        Board::parse(&text, "board.toml").map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(width(MAX_SIDE), Ok(()));
    assert!(width(MAX_SIDE + 1).expect_err("too wide").contains("1 to 16384"));

    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = folder.path().join("long.y4m");
    let header = |length: usize| {
        let words = "YUV4MPEG2 W2 H2 Cmono ";
        let rest = format!("{:<length$}\nFRAME\nabcd", words);
        fs::write(&path, rest).expect("the folder is the test's");
        let address = format!("replay:{}", path.display());
        source::open(&address, &CaptureSettings::default())
            .and_then(|mut camera| camera.capture(Timestamp(0)).map(drop))
            .map_err(|error| error.to_string())
    };
    assert_eq!(header(1023), Ok(()));
    assert!(header(1024).expect_err("too long").contains("1024 bytes"));
}
