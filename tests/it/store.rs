//! What was learned is kept: old files are read, damage is noticed, a commit is whole or nothing, one process at a
//! time, and a full store gives room without losing a class.

use crate::common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{
    ChangeHead, Command, CommandError, ForgetExamples, NewExample, Reply, TeachExamples, UndoLatest,
};
use fieldtune::learn::examples::Examples;
use fieldtune::learn::head::{ClassId, ExampleId, HeadConfig, HeadKind, Method, Shrinkage};
use fieldtune::learn::learner::{Change, LearnError, Learner};
use fieldtune::store::snapshot::{ModelId, Snapshot, SnapshotError};
use fieldtune::store::{FileStore, MAX_BYTES, Step, Store, StoreError};

/// Made by `tests/data/store_v1.py`.
const VERSION_1: &[u8] = include_bytes!("../data/store-v1.ftune");

const DIM: usize = 4;

fn model() -> ModelId {
    ModelId { name: "tiny".to_owned(), fingerprint: [7; 32], dim: DIM as u32 }
}

/// With nearest class means, which are quick and exact.
fn learner(budget: usize) -> Learner {
    let config = HeadConfig::of(HeadKind::Prototype);
    Learner::new(DIM, config, budget).expect("the usual settings are valid")
}

fn example(feature: [f32; DIM]) -> NewExample {
    NewExample::new(feature.to_vec(), "test")
}

fn teach(
    learner: &mut Learner,
    class: &str,
    examples: &[[f32; DIM]],
) -> Result<(Reply, Vec<Change>), CommandError> {
    let examples = examples.iter().copied().map(example).collect();
    Command::Teach(TeachExamples { class: class.to_owned(), examples }).apply(learner, Timestamp(1))
}

fn commit(store: &mut FileStore, learner: &Learner, changes: &[Change]) -> Result<(), StoreError> {
    store.commit(&Step {
        changes,
        latest: learner.latest_step().expect("something was changed"),
        at: Timestamp(1),
        savepoint: None,
        setting: None,
        images: &Default::default(),
        whole: &|| Snapshot::of(learner, model()),
    })
}

fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    let body = &bytes[..bytes.len() - 4];
    [body, &crc32fast::hash(body).to_le_bytes()].concat()
}

#[test]
fn a_file_of_version_1_is_read_with_groups() {
    let snapshot = Snapshot::decode(VERSION_1).expect("files of version 1 are read for ever");
    let model = snapshot.model.clone();
    assert_eq!((model.name.as_str(), model.dim), ("tiny", 4));
    assert!(model.fingerprint.iter().copied().eq(0..32));
    let images = snapshot.images().clone();
    let mut learner = snapshot.into_learner(Examples::DEFAULT_BUDGET).expect("it is consistent");

    let classes: Vec<_> =
        learner.classes().iter().map(|(id, name)| (id.0, name.as_str())).collect();
    assert_eq!(classes, [(0, "good"), (1, "scratch")]);
    let examples: Vec<_> =
        learner.examples().iter().map(|e| (e.id.0, e.class.0, e.origin.as_str())).collect();
    assert_eq!(
        examples,
        [(1, 0, "good/1.png"), (2, 0, "good/2.png"), (4, 1, "Kratzer-ü.png"), (5, 1, "")]
    );
    let fourth = learner.examples().get(ExampleId(4)).expect("listed above");
    assert_eq!(fourth.widened(), [-1.0, 0.0, 2.0, 65504.0]);
    assert_eq!(fourth.taught, Timestamp(1_700_000_060_000_000));
    let mark = fourth.image.expect("it had a thumbnail");
    assert_eq!(images.get(&mark).map(Vec::as_slice), Some(&[0xff, 0xd8, 0xff, 0xd9][..]));
    let head = learner.head_config();
    assert_eq!(head.method, Method::Lda { shrinkage: Shrinkage::Fixed(0.5) });
    assert_eq!(head.scaling.centre.as_deref(), Some(&[0.25; 4][..]));
    assert_eq!(
        (learner.thresholds().confidence, learner.thresholds().novelty),
        (0.625, f32::INFINITY)
    );
    assert_eq!(learner.next_ids(), (ClassId(4), ExampleId(8)));
    let groups: Vec<u64> = learner.examples().iter().map(|example| example.group.0).collect();
    assert_eq!(groups, [1, 1, 4, 4], "two seconds and one class make a group");
    let again = Snapshot::of(&learner, model);
    assert_eq!(Snapshot::decode(&again.encode()), Ok(again));

    let mut undone = Vec::new();
    while let Ok((Reply::Undone { changes, .. }, _)) =
        Command::Undo(UndoLatest).apply(&mut learner, Timestamp(2))
    {
        if changes.is_empty() {
            break;
        }
        undone.push(changes.join(", "));
    }
    let wanted = [
        "the thresholds are as before",
        "the head is ridge again",
        "a class is called fine again",
        "example 2 is of scratch again",
        "class old is back, example 7 of old is back",
    ];
    // The first step cannot be taken back any more: example 2 was relabelled into a class that stays.
    assert_eq!(undone[..5], wanted);
}

#[test]
fn any_changed_byte_and_any_cut_are_noticed() {
    for at in 0..VERSION_1.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = VERSION_1.to_vec();
            damaged[at] ^= flip;
            assert!(Snapshot::decode(&damaged).is_err(), "byte {at} changed by {flip:#x}");
        }
        assert!(Snapshot::decode(&VERSION_1[..at]).is_err(), "cut to {at} bytes");
    }
    assert!(Snapshot::decode(&[VERSION_1, &[0]].concat()).is_err(), "a byte too many");
}

#[test]
fn errors_of_a_file_say_what_is_wrong() {
    let mut newer = VERSION_1.to_vec();
    newer[8] = 5;
    let mut longer = VERSION_1[..VERSION_1.len() - 4].to_vec();
    longer.extend([0; 5]);
    let mut flipped = VERSION_1.to_vec();
    flipped[20] ^= 1;
    let mut shapeless = VERSION_1.to_vec();
    shapeless[8 + 2 + 5 + 32] = 0;
    let cases = [
        ("empty", Vec::new(), "an empty file"),
        ("another kind", b"PK\x03\x04 and so on".to_vec(), "PK\\x03\\x04"),
        ("newer", newer, "version 5, this program reads up to 4"),
        ("damaged", flipped, "checksum"),
        ("longer", with_checksum(&longer), "1 bytes stand behind its end"),
        ("no values", with_checksum(&shapeless), "features of 0 values, wanted 1 to 65536"),
    ];
    for (name, bytes, wanted) in cases {
        let error = Snapshot::decode(&bytes).expect_err(name).to_string();
        assert!(error.contains(wanted), "{name}: {error}");
    }
}

#[test]
fn content_that_contradicts_itself_is_refused_and_never_a_panic() {
    let find = |what: &[u8]| {
        VERSION_1
            .windows(what.len())
            .position(|window| window == what)
            .expect("it stands in the file")
    };
    let patched = |what: &[u8], with: &[u8]| {
        let mut bytes = VERSION_1.to_vec();
        bytes[find(what)..][..with.len()].copy_from_slice(with);
        with_checksum(&bytes)
    };
    let cases = [
        ("a name that is none", patched(b"\x04good", b"\x04go/d"), "go/d"),
        ("confidence 2", patched(&0.625f32.to_le_bytes(), &2f32.to_le_bytes()), "confidence 2"),
        ("no shrinkage", patched(&[0, 1, 0, 0, 0, 0x3f, 1, 4], &[0, 1, 0, 0, 0, 0]), "shrinkage"),
    ];
    for (name, bytes, wanted) in cases {
        let snapshot = Snapshot::decode(&bytes).expect("the checksum is right");
        let error = snapshot.into_learner(0).expect_err(name).to_string();
        assert!(error.contains(wanted), "{name}: {error}");
    }
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut read = 0;
    for _ in 0..common::cases(3000) {
        let mut bytes = VERSION_1.to_vec();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(10..bytes.len());
            bytes[at] = random.random();
        }
        if let Ok(snapshot) = Snapshot::decode(&with_checksum(&bytes)) {
            read += usize::from(snapshot.into_learner(Examples::DEFAULT_BUDGET).is_ok());
        }
    }
    println!("{read} of the damaged files with a right checksum could still be read");
}

#[test]
fn what_was_committed_is_loaded_again_whatever_lies_beside_it() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("deep/er/learned.ftune");
    let mut learner = learner(Examples::DEFAULT_BUDGET);
    let mut store = FileStore::open(&path).expect("folders are made");
    assert_eq!(store.load().expect("nothing is no error"), None);
    let (_, changes) = teach(&mut learner, "good", &[[1.0, 0.0, 0.0, 0.0]]).expect("valid");
    // What a power cut in the middle of a commit leaves behind.
    let leftover = path.with_extension("ftune.new");
    fs::write(&leftover, &VERSION_1[..50]).expect("the folder is ours");
    assert_eq!(store.load().expect("a leftover is no store"), None);
    commit(&mut store, &learner, &changes).expect("the folder is ours");
    assert!(!leftover.exists());
    drop(store);
    let mut store = FileStore::open(&path).expect("it was let go");
    let loaded = store.load().expect("just committed").expect("there is one");
    assert_eq!(loaded, Snapshot::of(&learner, model()));
}

#[test]
fn a_first_commit_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("learned.ftune");
    fs::write(&path, VERSION_1).expect("the folder is ours");
    let mut store = FileStore::open(&path).expect("the folder is ours");
    let old = store.load().expect("it is sound").expect("something was learned");
    let mut learner = old.into_learner(Examples::DEFAULT_BUDGET).expect("it is consistent");
    // A folder stands where the new file would be written; that stops root, too.
    let obstacle = folder.path().join("learned.ftune.new");
    fs::create_dir(&obstacle).expect("the folder is ours");
    let (_, changes) = teach(&mut learner, "good", &[[0.0, 1.0, 0.0, 0.0]]).expect("valid");
    let error =
        commit(&mut store, &learner, &changes).expect_err("it cannot be written").to_string();
    assert!(error.contains("learned.ftune: cannot write"), "{error}");
    assert_eq!(fs::read(&path).expect("it is there"), VERSION_1);
    fs::remove_dir(&obstacle).expect("the folder is ours");
    commit(&mut store, &learner, &changes).expect("it can be written now");
    drop(store);
    let mut store = FileStore::open(&path).expect("the folder is ours");
    let model =
        ModelId { name: "tiny".to_owned(), ..store.load().expect("sound").expect("there").model };
    assert_eq!(store.load().expect("it is sound"), Some(Snapshot::of(&learner, model)));
}

#[test]
fn a_damaged_store_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("learned.ftune");
    for (name, content) in
        [("cut", &VERSION_1[..100]), ("empty", b""), ("words", b"something else entirely")]
    {
        fs::write(&path, content).expect("the folder is ours");
        let error = FileStore::open(&path).expect("it can be locked").load().expect_err(name);
        assert!(matches!(error, StoreError::Snapshot { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains("learned.ftune") && error.contains("left as it is"), "{error}");
        assert_eq!(fs::read(&path).expect("it is there"), content);
    }
    let file = fs::File::create(&path).expect("the folder is ours");
    file.set_len(MAX_BYTES + 1).expect("it takes no room");
    let error = FileStore::open(&path).expect("it can be locked").load().expect_err("too large");
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("the folder is ours");
    let mut places =
        vec![file.join("learned.ftune"), Path::new("/proc/fieldtune/learned.ftune").to_owned()];
    let read_only = folder.path().join("read-only");
    fs::create_dir(&read_only).expect("the folder is ours");
    let mut permissions = fs::metadata(&read_only).expect("just made").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&read_only, permissions).expect("the folder is ours");
    if fs::write(read_only.join("probe"), "").is_err() {
        places.push(read_only.join("learned.ftune"));
    } else {
        println!("left out: this user may write into read-only folders");
    }
    for place in places {
        let error = FileStore::open(&place).expect_err("it cannot be written");
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        let parent = place.parent().expect("it has one").display().to_string();
        assert!(error.to_string().contains(&parent), "{error}");
    }
}

#[test]
fn a_store_that_is_let_go_soon_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("learned.ftune");
    let held = FileStore::open(&path).expect("the folder is ours");
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            drop(held);
        });
        FileStore::open(&path).expect("it is let go soon");
    });
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_store_in_use_is_refused_with_its_process_id() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("learned.ftune");
    fs::write(&path, VERSION_1).expect("the folder is ours");
    let held = FileStore::open(&path).expect("the folder is ours");
    let run = common::fieldtune(&["status", "--store", path.to_str().expect("ASCII")]);
    assert_eq!(run.code, 0, "looking needs no lock: {run:?}");
    let run = common::fieldtune(&["undo", "--store", path.to_str().expect("ASCII")]);
    assert_eq!(run.code, 2, "{run:?}");
    let wanted = format!("in use by another fieldtune (process {})", std::process::id());
    assert!(run.stderr.contains(&wanted) && run.stderr.contains("learned.ftune"), "{run:?}");
    drop(held);
    let run = common::fieldtune(&["undo", "--store", path.to_str().expect("ASCII")]);
    assert_eq!(run.code, 0, "{run:?}");
}

/// An example more with every commit; some are written while somebody looks.
#[test]
fn a_look_sees_one_commit_whole_while_others_are_written() {
    const COMMITS: usize = 120;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("learned.ftune");
    let mut kept = learner(Examples::DEFAULT_BUDGET);
    let mut store = FileStore::open(&path).expect("it is free");
    let mut write = move |at: usize| {
        let (_, changes) =
            teach(&mut kept, "good", &[[1.0, at as f32, 0.0, 1.0]]).expect("there is room");
        commit(&mut store, &kept, &changes).expect("there is room");
    };
    let seen = |store: &mut FileStore| {
        let snapshot = store.load().expect("a commit is whole or nothing").expect("it was taught");
        snapshot.counts().1
    };
    write(0);
    let mut early = FileStore::look(&path).expect("anybody may look");
    assert_eq!(seen(&mut early), 1);
    write(1);
    // Looked at again after it was written to.
    assert_eq!(seen(&mut early), 2);
    let mut looks = Vec::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (2..COMMITS).for_each(write));
        while !writer.is_finished() {
            looks.push(seen(&mut FileStore::look(&path).expect("anybody may look")));
        }
    });
    looks.push(seen(&mut FileStore::look(&path).expect("anybody may look")));
    assert!(looks.is_sorted() && looks.last() == Some(&COMMITS), "{looks:?}");
}

#[test]
fn a_full_store_evicts_the_redundant_and_undo_restores_it() {
    let one = {
        let mut learner = learner(Examples::DEFAULT_BUDGET);
        teach(&mut learner, "a", &[[1.0, 0.0, 0.0, 0.0]]).expect("valid");
        learner.examples().bytes()
    };
    let mut learner = learner(4 * one);
    // 2 and 3 of class a are nearly the same; b is rare.
    let a = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.01, 0.0]];
    teach(&mut learner, "a", &a).expect("valid");
    teach(&mut learner, "b", &[[0.0, 0.0, 1.0, 0.0]]).expect("valid");
    let before = Snapshot::of(&learner, model());
    let (reply, changes) = teach(&mut learner, "b", &[[0.0, 0.0, 0.0, 1.0]]).expect("valid");
    let Reply::Taught { evicted, count, .. } = reply else { panic!("{reply:?}") };
    assert_eq!((evicted, count), (vec![ExampleId(2)], 2));
    assert!(changes.contains(&Change::RemoveExample(ExampleId(2))), "the store has to be told");
    assert_eq!(learner.examples().bytes(), 4 * one);

    // It survives the store, which keeps what it has even with a smaller budget, and the undo as well.
    let bytes = Snapshot::of(&learner, model()).encode();
    let mut learner =
        Snapshot::decode(&bytes).expect("just written").into_learner(one).expect("consistent");
    assert_eq!((learner.examples().len(), learner.examples().budget()), (4, 4 * one));
    Command::Undo(UndoLatest).apply(&mut learner, Timestamp(2)).expect("there is a step");
    let ids = |learner: &Learner| learner.examples().iter().map(|e| e.id.0).collect::<Vec<_>>();
    assert_eq!(ids(&learner), [1, 2, 3, 4]);
    let mut restored = Snapshot::decode(&before.encode())
        .expect("just written")
        .into_learner(one)
        .expect("consistent");
    let score =
        |learner: &Learner| learner.head().score(&[0.3, 0.2, 0.1, 0.4]).expect("a valid feature");
    assert_eq!(score(&learner).len(), score(&restored).len());
    for (got, wanted) in score(&learner).iter().zip(score(&restored)) {
        assert!((got - wanted).abs() < 1e-4, "{got} {wanted}");
    }

    // Nothing of a class but its last example has to go for another.
    for class in ["c", "d", "e"] {
        let taught = teach(&mut restored, class, &[[0.5, 0.5, 0.0, 0.0]]);
        let left: Vec<usize> =
            restored.classes().keys().map(|&id| restored.examples().count(id)).collect();
        assert!(left.iter().all(|&count| count > 0), "{left:?}");
        match taught {
            Ok(_) => assert!(restored.examples().bytes() <= restored.examples().budget()),
            Err(error) => assert_eq!(left.len(), restored.examples().len(), "{error}"),
        }
    }
}

#[test]
fn an_example_beyond_the_budget_is_refused_without_change() {
    let mut learner = learner(200);
    teach(&mut learner, "a", &[[1.0, 0.0, 0.0, 0.0]]).expect("valid");
    let before = Snapshot::of(&learner, model());
    let large = NewExample { origin: "x".repeat(500), ..example([0.0, 1.0, 0.0, 0.0]) };
    let command = Command::Teach(TeachExamples { class: "b".to_owned(), examples: vec![large] });
    let error = command.apply(&mut learner, Timestamp(1)).expect_err("it cannot fit");
    assert!(matches!(error, CommandError::Learn(LearnError::Budget { .. })), "{error}");
    assert_eq!(Snapshot::of(&learner, model()), before);
}

#[test]
fn a_command_that_fails_in_the_middle_changes_nothing() {
    let mut learner = learner(Examples::DEFAULT_BUDGET);
    teach(&mut learner, "a", &[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]).expect("valid");
    let before = Snapshot::of(&learner, model());
    let wrong = [
        Command::Forget(ForgetExamples::Examples(vec![ExampleId(1), ExampleId(99)])),
        Command::Forget(ForgetExamples::Class("b".to_owned())),
        Command::Teach(TeachExamples {
            class: "no name".to_owned(),
            examples: vec![example([0.0; 4])],
        }),
        Command::Teach(TeachExamples {
            class: "b".to_owned(),
            examples: vec![example([0.0; 4]), example([f32::NAN, 0.0, 0.0, 0.0])],
        }),
        Command::Head(ChangeHead {
            config: Some(HeadConfig::default().with_centre(Some(vec![0.0; 3]))),
        }),
    ];
    for command in wrong {
        let name = format!("{command:?}");
        command.apply(&mut learner, Timestamp(3)).expect_err(&name);
        assert_eq!(Snapshot::of(&learner, model()), before, "{name}");
    }
}

#[test]
fn a_snapshot_error_names_what_was_refused() {
    let error = SnapshotError::from(LearnError::NoClass(ClassId(3))).to_string();
    assert!(error.contains("refused") && error.contains("class with id 3"), "{error}");
}
