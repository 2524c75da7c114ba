//! Images as the program is given them: folders in folders, a Mac's notes, files that are none, a folder of class folders.

mod common;
#[path = "common/desk.rs"]
mod desk;

use std::path::Path;

use common::{KINDS, data, folder_of};
use desk::{Bench, text};

fn copy(case: &str, to: &Path) {
    let folder = to.parent().expect("it lies in a folder");
    std::fs::create_dir_all(folder).expect("the folder is the test's");
    std::fs::copy(data("cases").join(case), to).expect("it is in the repository");
}

#[test]
fn a_folder_from_a_mac_is_taught_without_its_notes() {
    let bench = Bench::new();
    let folder = bench.path().join("f");
    copy("usual.jpg", &folder.join("IMG_1.JPG"));
    copy("apple-double.jpg", &folder.join("._IMG_1.JPG"));
    copy("whole.jpg", &folder.join("more/IMG_2.JPG"));
    copy("heic.jpg", &folder.join("IMG_3.HEIC"));
    let run = bench.ok(&["teach", "good", text(&folder)]);
    assert!(run.stdout.starts_with("learned 2 examples of the new class good"), "{run:?}");
    assert!(run.stderr.contains("left out:") && run.stderr.contains("this is a HEIC"), "{run:?}");
    let run = bench.ok(&["classify", text(&folder), "--json"]);
    assert_eq!(run.stdout.lines().count(), 2, "{run:?}");
}

#[test]
fn files_that_are_no_images_are_named_with_what_converts_them() {
    let bench = Bench::new();
    for (case, what, next) in [
        ("heic.jpg", "this is a HEIC", "heif-convert"),
        ("apple-double.jpg", "AppleDouble", "names begin with ._"),
        ("half.jpg", "the image is damaged: data is missing", "--skip-broken"),
    ] {
        let file = bench.path().join(case);
        copy(case, &file);
        let run = bench.run(&["teach", "x", text(&file)]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(what) && run.stderr.contains(next), "{run:?}");
    }
    assert!(!bench.store().exists() || bench.classes().is_empty());
}

#[test]
fn a_folder_of_class_folders_is_taught_in_one_step() {
    let bench = Bench::new();
    let parts = bench.path().join("parts");
    for (kind, count) in KINDS.iter().zip(2..) {
        folder_of(&parts, kind, 0, count);
    }
    let run = bench.ok(&["teach", text(&parts)]);
    for (kind, count) in KINDS.iter().zip(2..) {
        assert!(
            run.stdout.contains(&format!("{kind}: {count} images; it has {count} now")),
            "{run:?}"
        );
    }
    let wanted: Vec<(String, u64)> =
        KINDS.iter().zip(2..).map(|(kind, count)| ((*kind).to_owned(), count)).collect();
    let sorted = |mut list: Vec<(String, u64)>| {
        list.sort();
        list
    };
    assert_eq!(sorted(bench.classes()), sorted(wanted));
    // Twice is once.
    let run = bench.ok(&["teach", text(&parts)]);
    assert!(run.stdout.contains("learned 0 examples"), "{run:?}");
    assert!(run.stdout.contains("known already"), "{run:?}");
    bench.ok(&["undo"]);

    std::fs::write(parts.join(KINDS[0]).join("zz.png"), b"no picture").expect("it is the test's");
    folder_of(&parts, "late", 0, 1);
    let run = bench.run(&["teach", text(&parts)]);
    assert!(run.code == 2 && run.stderr.contains("nothing was learned"), "{run:?}");
    assert!(!bench.classes().iter().any(|(name, _)| name == "late"));
}

#[test]
fn verdicts_come_in_the_order_of_the_files() {
    let bench = Bench::taught();
    let new = bench.path().join("new");
    for kind in KINDS {
        folder_of(&new, kind, 100, 5);
    }
    let files = |run: common::Run| -> Vec<String> {
        run.stdout
            .lines()
            .map(|line| line.split(": ").next().unwrap_or_default().to_owned())
            .collect()
    };
    let found = files(bench.ok(&["classify", text(&new)]));
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!((found.len(), &found), (5 * KINDS.len(), &sorted));
    let one_by_one: Vec<String> =
        found.iter().take(3).flat_map(|file| files(bench.ok(&["classify", file]))).collect();
    assert_eq!(one_by_one, found[..3]);
}
