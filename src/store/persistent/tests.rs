use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::learn::command::{ForgetExamples, NewExample, TeachExamples, UndoLatest};
use crate::learn::learner::UNDO_DEPTH;
use crate::store::{Disk, DiskStore, MemoryDisk};

/// A disk that is full on demand.
#[derive(Debug, Default)]
struct Card {
    memory: MemoryDisk,
    full: AtomicBool,
}

impl Card {
    fn refuse_where_full(&self) -> std::io::Result<()> {
        match self.full.load(Ordering::Relaxed) {
            true => Err(std::io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl Disk for Card {
    fn len(&self) -> std::io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, at: u64, to: &mut [u8]) -> std::io::Result<()> {
        self.memory.read(at, to)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.refuse_where_full()?;
        self.memory.write(at, bytes)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.refuse_where_full()?;
        self.memory.set_len(len)
    }

    fn sync(&self) -> std::io::Result<()> {
        self.memory.sync()
    }
}

fn persistent() -> (PersistentLearner<Learner, DiskStore>, Arc<Card>) {
    let model = ModelId { name: "tiny".to_owned(), fingerprint: [7; 32], dim: 2 };
    let card = Arc::new(Card::default());
    let mut store = DiskStore::new(card.clone(), "card");
    assert_eq!(store.load().expect("it is empty"), None);
    (
        PersistentLearner::new(empty(&model).expect("two values"), store, model)
            .expect("the same backbone"),
        card,
    )
}

/// What is on the card is what is in memory.
fn assert_kept(persistent: &PersistentLearner<Learner, DiskStore>, card: &Arc<Card>) {
    let copy = Arc::new(MemoryDisk::new(card.memory.content()));
    let kept = DiskStore::new(copy, "a copy").load().expect("it is sound").expect("not empty");
    assert_eq!(kept, persistent.learned());
}

fn teach(class: &str, feature: [f32; 2]) -> Command {
    let example = NewExample::new(feature.to_vec(), "");
    Command::Teach(TeachExamples { class: class.to_owned(), examples: vec![example] })
}

#[test]
fn what_could_not_be_stored_was_not_learned() {
    let (mut persistent, card) = persistent();
    let taught =
        |persistent: &PersistentLearner<Learner, DiskStore>| persistent.learner().examples().len();
    let fill = |full| card.full.store(full, Ordering::Relaxed);
    fill(true);
    let error = persistent.apply(teach("good", [1.0, 0.0]), Timestamp(1)).expect_err("it is full");
    assert!(
        error.to_string().contains("change rolled back") && taught(&persistent) == 0,
        "{error}"
    );
    assert!(persistent.learner().classes().is_empty());

    fill(false);
    persistent.apply(teach("good", [1.0, 0.0]), Timestamp(2)).expect("there is room again");
    fill(true);
    persistent.apply(teach("bad", [0.0, 1.0]), Timestamp(3)).expect_err("it is full again");
    assert_eq!(taught(&persistent), 1);

    persistent.apply(Command::Undo(UndoLatest), Timestamp(4)).expect_err("it is full still");
    assert_eq!((taught(&persistent), persistent.learner().undo_steps().len()), (1, 1));
    fill(false);
    persistent.apply(teach("bad", [0.0, 1.0]), Timestamp(6)).expect("there is room again");
    let ids: Vec<u64> = persistent.learner().examples().iter().map(|one| one.id.0).collect();
    assert_eq!(ids, [1, 2], "an id that was never told of is free");
    assert_eq!((taught(&persistent), persistent.learner().classes().len()), (2, 2));

    let learned = persistent.learned();
    persistent
        .apply(Command::Forget(ForgetExamples::Everything), Timestamp(7))
        .expect("there is room");
    fill(true);
    persistent.replace(learned.clone(), "push", None, Timestamp(8)).expect_err("it is full");
    assert_eq!(taught(&persistent), 0);
    fill(false);
    let mut other = learned.clone();
    other.model.fingerprint = [8; 32];
    let refused = persistent.replace(other, "push", None, Timestamp(9));
    assert!(matches!(refused, Err(PersistError::Model { .. })));
    persistent.replace(learned, "push", None, Timestamp(9)).expect("it is of the same backbone");
    assert_eq!(taught(&persistent), 2);
    assert_kept(&persistent, &card);
}

#[test]
fn a_step_that_is_not_stored_keeps_the_undo_history() {
    let (mut persistent, card) = persistent();
    for step in 0..UNDO_DEPTH as u64 + 3 {
        persistent.apply(teach("good", [1.0, step as f32]), Timestamp(step)).expect("room");
    }
    let before = (persistent.learner().undo_steps().to_vec(), persistent.learner().next_ids());
    let fill = |full| card.full.store(full, Ordering::Relaxed);
    fill(true);
    for command in [teach("bad", [0.0, 1.0]), Command::Undo(UndoLatest)] {
        persistent.apply(command, Timestamp(99)).expect_err("it is full");
        let after = (persistent.learner().undo_steps().to_vec(), persistent.learner().next_ids());
        assert_eq!(after, before);
    }
    fill(false);
    persistent.apply(teach("bad", [0.0, 1.0]), Timestamp(99)).expect("there is room again");
    assert_kept(&persistent, &card);
}

/// A backbone of that fingerprint; every frame is alike to it.
struct Sees([u8; 32], usize);

impl FeatureSource for Sees {
    fn dim(&self) -> usize {
        self.1
    }

    fn feature(
        &mut self,
        _: &crate::image::frame::Frame,
    ) -> Result<Vec<f32>, crate::backbone::ExtractError> {
        Ok(vec![1.0; self.1])
    }

    fn views(
        &mut self,
        _: &crate::image::frame::Frame,
        kinds: &ViewKinds,
    ) -> Result<Vec<Vec<f32>>, crate::backbone::ExtractError> {
        Ok(vec![vec![1.0; self.1]; kinds.kinds().len()])
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        Some(Fingerprint(self.0))
    }
}

#[test]
fn a_device_learns_with_the_views_that_its_store_names() {
    use crate::image::frame::Frame;
    use crate::image::views::ViewKind;
    let (mut persistent, card) = persistent();
    let taught = TeachExamples {
        class: "a".to_owned(),
        examples: vec![NewExample::new(vec![1.0, 0.0], "")],
    };
    persistent.apply(Command::Teach(taught), Timestamp(1)).expect("there is room");
    let wanted = ViewKinds::default().and(ViewKind::Flipped);
    set_views(persistent.store_mut(), &wanted).expect("there is room");
    drop(persistent);
    let open = || PersistentLearner::open_any(DiskStore::new(card.clone(), "card"));
    let persistent = open().expect("it is sound").expect("it was taught");
    let mut device = persistent.looking_with(Sees([7; 32], 2)).expect("the same backbone");
    let frame = Frame::new(1, 1, vec![0; 3], Timestamp(0)).expect("it is one pixel");
    let example = device.get_mut().new_example(&frame, "", None).expect("all is alike to it");
    assert_eq!(example.views.len(), 5);
    device.store_mut().set("views", b"usual,mirrored").expect("there is room");
    let (_, store, _) = device.into_parts();
    let persistent =
        PersistentLearner::open_any(store).expect("it is sound").expect("it was taught");
    let error = persistent.looking_with(Sees([7; 32], 2)).map(drop).expect_err("a newer word");
    assert!(error.to_string().contains("\"mirrored\" is no kind of view"), "{error}");
}

#[test]
fn what_another_backbone_taught_is_never_classified_with() {
    let taught = || {
        let (mut persistent, card) = persistent();
        let example = NewExample::new(vec![1.0, 0.0], "");
        let teach = TeachExamples { class: "a".to_owned(), examples: vec![example] };
        persistent.apply(Command::Teach(teach), Timestamp(1)).expect("there is room");
        drop(persistent);
        DiskStore::new(card, "card")
    };
    let model = |fingerprint, dim| ModelId {
        name: "given".to_owned(),
        fingerprint: [fingerprint; 32],
        dim,
    };
    for (given, wanted) in [
        (model(8, 2), "given is another network"),
        (model(8, 3), "given gives 3 values, the store was taught with 2 of tiny"),
    ] {
        let error =
            PersistentLearner::open(taught(), &given).expect_err("another backbone").to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let open = || PersistentLearner::open(taught(), &model(7, 2)).expect("the same backbone");
    assert_eq!(open().learner().examples().len(), 1);
    assert!(open().looking_with(Sees([7; 32], 2)).is_ok());
    let error = open().looking_with(Sees([8; 32], 2)).map(drop).expect_err("another backbone");
    assert!(error.to_string().contains("the backbone in use is another network"), "{error}");
    let error = open().looking_with(Sees([7; 32], 3)).map(drop).expect_err("another length");
    assert!(matches!(error, PersistError::Head(_)), "{error}");
}
