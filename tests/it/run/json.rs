//! A device and the command line answer the same question with the same bytes.

use super::*;

/// What a device knows and a store does not, and the time at which somebody asked.
fn without(json: &str, keys: &[&str]) -> String {
    let mut value: serde_json::Value =
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let lists = value.as_array_mut().map(|list| list.iter_mut().collect::<Vec<_>>());
    let objects = match lists {
        Some(list) => list,
        None => vec![&mut value],
    };
    for object in objects.into_iter().filter_map(|object| object.as_object_mut()) {
        keys.iter().for_each(|key| drop(object.remove(*key)));
    }
    value.to_string()
}

#[test]
fn device_and_command_line_answer_with_the_same_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let device = Device::start(folder.path(), &DRAWN);
    let images = folder_of(folder.path(), "red", 0, 4);
    let image = |seed: u32| images.join(format!("red-{seed}.png")).display().to_string();
    for (class, seed) in [("red", 0), ("red", 1), ("blue", 2), ("blue", 3)] {
        device.ok(&["teach", class, &image(seed)]);
    }
    let copy = place("copy.ftune");
    let backup = fieldtune(&["store", "backup", &copy, "--store", &place("store")]);
    assert_eq!(backup.code, 0, "{backup:?}");
    let model = data("tiny.toml").display().to_string();
    let here = |words: &[&str]| {
        let mut all = [words, &["--json", "--store", &copy]].concat();
        if ["teach", "classify"].contains(&words[0]) {
            all.extend(["--model", model.as_str()]);
        }
        fieldtune(&all)
    };
    // What is typed there, what is typed here, what only one of them knows.
    let (first, second) = (image(0), image(1));
    // One that both take for a new look.
    let checks = folder_of(folder.path(), "checks", 0, 1);
    let other = checks.join("checks-0.png").display().to_string();
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (&["classes"], &["classes"], &[]),
        (&["examples"], &["examples"], &[]),
        (&["examples", "red"], &["examples", "red"], &[]),
        (&["status"], &["status"], &["device", "confounds"]),
        (&["head"], &["head"], &[]),
        (&["threshold"], &["threshold"], &[]),
        (
            &["classify", &first, &second],
            &["classify", &first, &second],
            &["nearest", "milliseconds"],
        ),
        (
            &["teach", "red", &other],
            &["teach", "red", &other],
            &["repeats", "looks", "confounds", "taken_for", "note", "file"],
        ),
        (&["threshold", "confidence=0.8"], &["threshold", "--confidence", "0.8"], &[]),
        (&["threshold", "false-reject=3%"], &["threshold", "--false-reject", "3%"], &[]),
        (&["save", "a"], &["save", "a"], &["made"]),
        (&["rename", "red", "rot"], &["rename", "red", "rot"], &[]),
        (&["relabel", "green", "1"], &["relabel", "green", "1"], &[]),
        (&["head", "ridge"], &["head", "ridge"], &[]),
        (&["forget", "example", "2"], &["forget", "--example", "2"], &[]),
        (&["forget", "blue"], &["forget", "blue"], &[]),
        (&["undo"], &["undo"], &[]),
        (&["generations"], &["generations"], &["made"]),
        (&["diff", "1"], &["diff", "1"], &[]),
        (&["rollback", "1"], &["rollback", "1"], &[]),
        (&["generations", "drop", "1"], &["generations", "--drop", "1"], &[]),
        (&["classes"], &["classes"], &[]),
    ];
    // On a slow machine those up to the first checkpoint: each starts the program twice.
    let some = cases.len() / common::every(2);
    for (there, own, only) in &cases[..some] {
        let there = [&["--json"], *there].concat();
        let (answered, told) = (device.ctl(&there), here(own));
        assert_eq!((answered.code, told.code), (0, 0), "{own:?}: {answered:?} {told:?}");
        let (answered, told) = (answered.stdout, told.stdout);
        if only.is_empty() {
            assert_eq!(answered, told, "{own:?}");
        }
        assert_eq!(answered.lines().count(), told.lines().count(), "{own:?}");
        for (answered, told) in answered.lines().zip(told.lines()) {
            assert_eq!(without(answered, only), without(told, only), "{own:?}");
        }
        // Times as RFC 3339 has them, and no more digits than there are.
        for name in ["taught", "made"] {
            for (at, _) in answered.match_indices(&format!("\"{name}\":\"")) {
                let time = &answered[at + name.len() + 4..][..20];
                assert!(time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{time}");
            }
        }
        let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).count();
        assert!(answered.split('.').skip(1).all(|part| digits(part) < 10), "{answered}");
    }
    let threshold = here(&["threshold", "--confidence", "0.8"]).stdout;
    assert!(threshold.contains("\"confidence\":0.8,"), "{threshold}");
}
