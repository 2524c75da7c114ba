use half::f16;

use super::*;

fn entry(id: u64) -> InboxEntry {
    InboxEntry {
        id,
        at: Timestamp(id * 1_000_000),
        reason: [InboxReason::Unknown, InboxReason::Sample][id as usize % 2],
        class: id.is_multiple_of(2).then(|| "good".to_owned()),
        best: "good".to_owned(),
        confidence: 0.5,
        runner_up: Some(("dent".to_owned(), 0.25)),
        novelty: 1.5,
        feature: [f16::from_f32(id as f32), f16::ONE].into(),
        image: vec![id as u8; 40],
    }
}

fn entries(ids: impl IntoIterator<Item = u64>) -> Vec<Arc<InboxEntry>> {
    ids.into_iter().map(|id| Arc::new(entry(id))).collect()
}

const OURS: [u8; 32] = [7; 32];

fn opened(store: &Path) -> (InboxFile, Vec<u64>, u64, Option<String>) {
    let (file, InboxContent { entries, next, damage }) = InboxFile::open(store, OURS);
    for found in &entries {
        assert_eq!(*found, entry(found.id));
    }
    (file, entries.iter().map(|entry| entry.id).collect(), next, damage)
}

#[test]
fn written_frames_are_read_and_ids_never_reused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let (mut file, ids, next, damage) = opened(&store);
    assert_eq!((ids, next, damage), (Vec::new(), 1, None));
    assert_eq!(file.write(&[], 1).expect("there is room"), 0);
    assert!(!file.path().exists(), "an empty inbox needs no file");
    file.write(&entries(1..=5), 6).expect("there is room");
    let more = file.write(&entries([1, 3, 5, 6]), 7).expect("there is room");
    assert!(more < 200, "{more}: only what changed");
    assert_eq!(file.write(&entries([1, 3, 5, 6]), 7).expect("there is room"), 0);
    let (mut file, ids, next, damage) = opened(&store);
    assert_eq!((ids, next, damage), (vec![1, 3, 5, 6], 6 + RESERVED, None));
    // The last one goes, and its number stays used.
    file.write(&entries([1]), next).expect("there is room");
    let (mut file, ids, next, _) = opened(&store);
    assert_eq!((ids, next), (vec![1], 6 + RESERVED));
    file.write(&entries([1, next]), next + 1).expect("there is room");
    assert_eq!(opened(&store).2, next + 1 + RESERVED);
}

#[test]
fn a_file_of_another_backbone_is_written_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let (mut file, ..) = opened(&store);
    file.set_backbone([8; 32]);
    assert_eq!(file.write(&[], 1).expect("there is room"), 0);
    file.write(&entries(1..=5), 6).expect("there is room");
    file.set_backbone(OURS);
    assert!(file.write(&entries(1..=5), 6).expect("there is room") > 200, "all of it");
    file.set_backbone(OURS);
    assert_eq!(file.write(&entries(1..=5), 6).expect("there is room"), 0);
    let (_, ids, _, damage) = opened(&store);
    assert_eq!((ids, damage), (vec![1, 2, 3, 4, 5], None));
}

#[test]
fn a_file_of_frames_that_are_gone_is_written_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let (mut file, ..) = opened(&store);
    let large = |id: u64| Arc::new(InboxEntry { image: vec![1; 300 << 10], ..entry(id) });
    for id in 1..40u64 {
        file.write(&[large(id)], id + 1).expect("there is room");
        let bytes = fs::metadata(file.path()).expect("it is there").len();
        assert!(bytes <= 2 * (300 << 10) + SLACK + 1000, "{bytes}");
    }
    let (_, content) = InboxFile::open(&store, OURS);
    assert_eq!((content.entries.len(), content.next >= 40, content.damage), (1, true, None));
}

#[test]
fn a_damaged_file_gives_what_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let path = sibling(&store, "inbox");
    let aside = sibling(&path, "damaged");
    let (mut file, ..) = opened(&store);
    file.write(&entries(1..=2), 3).expect("there is room");
    file.write(&entries(1..=3), 4).expect("there is room");
    let whole = fs::read(&path).expect("it was written");
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).expect("there is room");
        let (mut file, ids, next, damage) = opened(&store);
        let is_whole = damage.is_none();
        assert_eq!(!is_whole, aside.exists(), "cut at {cut}");
        assert_eq!(ids, (1..).take(ids.len()).collect::<Vec<_>>(), "cut at {cut}");
        if cut == whole.len() {
            assert_eq!((ids.len(), is_whole), (3, true));
            continue;
        }
        if !is_whole {
            assert_eq!(fs::read(&aside).expect("it is kept"), &whole[..cut]);
            fs::remove_file(&aside).expect("it was there");
        }
        // It goes on with what was read.
        let more = ids.iter().copied().chain([next]);
        file.write(&entries(more.clone()), next + 1).expect("there is room");
        assert_eq!(opened(&store).1, more.collect::<Vec<_>>(), "cut at {cut}");
    }
    for place in 0..whole.len() {
        let mut other = whole.clone();
        other[place] ^= 0x10;
        fs::write(&path, &other).expect("there is room");
        let (_, _, _, damage) = opened(&store);
        assert!(damage.is_some_and(|what| what.contains("set aside")), "changed at {place}");
    }
}

#[test]
fn the_inbox_of_another_backbone_is_set_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    opened(&store).0.write(&entries(1..=2), 3).expect("there is room");
    let (_, content) = InboxFile::open(&store, [8; 32]);
    let damage = content.damage.expect("it says why");
    assert!(damage.contains("another backbone") && content.entries.is_empty(), "{damage}");
    assert!(folder.path().join("store.inbox.damaged").exists());
}

#[test]
fn a_store_named_like_an_inbox_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let other = folder.path().join("store.inbox");
    fs::write(&other, crate::store::paths::MAGIC).expect("there is room");
    let (mut file, ids, ..) = opened(&store);
    assert!(ids.is_empty());
    file.write(&entries(1..=2), 3).expect("there is room");
    assert_eq!(fs::read(&other).expect("it is there"), crate::store::paths::MAGIC);
    assert_eq!(opened(&store).1, [1, 2]);
}
