//! One picture from end to end, and what cameras there are.

use super::*;

#[test]
fn snap_takes_one_picture_and_draws_the_region() {
    let folder = tempfile::tempdir().expect("a folder");
    let (input, out) = (folder.path().join("in.png"), folder.path().join("out.png"));
    save_png(&input, &picture("green", 3)).expect("the folder is ours");
    let address = format!("replay:{}", input.display());
    let out_name = out.to_str().expect("ASCII");
    let run = fieldtune(&["snap", out_name, "--camera", &address, "--resolution", "64x64"]);
    assert_eq!((run.code, run.stdout), (0, format!("{out_name} 48x40\n")), "{}", run.stderr);
    assert!(run.stderr.contains("the recording has 48x40, wanted 64x64"), "{}", run.stderr);
    let saved = load(&out, Timestamp(0)).expect("it was written");
    assert!(saved.pixels() == picture("green", 3).pixels(), "without a region it is the frame");

    // Without a camera it is the board's.
    let run = fieldtune(&["snap", out_name, "--board", "sim"]);
    assert_eq!((run.code, run.stdout), (0, format!("{out_name} 320x240\n")), "{}", run.stderr);

    let region = ["snap", out_name, "--camera", &address, "--region", "0.25,0.25,0.5,0.5"];
    assert_eq!(fieldtune(&region).code, 0);
    let saved = load(&out, Timestamp(0)).expect("it was written");
    let at = |x: usize, y: usize| saved.pixels()[(y * 48 + x) * 3..][..3].to_vec();
    assert_eq!((at(12, 10), at(35, 29)), (vec![255, 220, 0], vec![255, 220, 0]), "its corners");
    assert_eq!((at(11, 10), at(36, 29)), (vec![0; 3], vec![0; 3]), "and around them");
    let frame = picture("green", 3);
    assert_eq!(at(24, 20), frame.pixels()[(20 * 48 + 24) * 3..][..3], "the inside is as it was");

    let mut from_environment = command(&["snap", out_name]);
    from_environment.env("FIELDTUNE_CAMERA", "synthetic:7");
    assert_eq!(finish(from_environment).stdout, format!("{out_name} 320x240\n"));
}

#[test]
fn snap_without_a_picture_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.png");
    let out_name = out.to_str().expect("ASCII");
    let cases: [(&[&str], i32, &str); 8] = [
        (&["--camera", "webcam:0"], 2, "there is no such kind of camera\n  next: v4l:/dev/video0"),
        (&["--board", "toaster"], 2, "toaster"),
        (&["--camera", "replay:/nowhere"], 3, "replay:/nowhere: No such file"),
        (&["--camera", "v4l:/dev/no-such-camera"], 3, "v4l:/dev/no-such-camera: "),
        (&["--camera", "pipe:exit 3"], 3, "exit status: 3"),
        (
            &["--camera", "synthetic:", "--region", "0,0,400,10"],
            2,
            "0,0,400,10 is empty or not inside",
        ),
        (&["--camera", "synthetic:", "--resolution", "640"], 2, "wanted WIDTHxHEIGHT"),
        (&["--camera", "synthetic:", "--format", "h264"], 2, "there is no pixel format"),
    ];
    for (arguments, code, wanted) in cases {
        let run = fieldtune(&[&["snap", out_name], arguments].concat());
        assert_eq!(run.code, code, "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(wanted), "{arguments:?}: {run:?}");
        assert!(!out.exists(), "{arguments:?}: no picture is left behind");
    }
}

#[test]
fn cameras_are_listed_or_reported_as_missing() {
    let mut none = command(&["cameras"]);
    none.env("PATH", "");
    let none = finish(none);
    let devices = std::fs::read_dir("/dev").expect("there is /dev").flatten();
    if !devices.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("video")) {
        assert_eq!((none.code, none.stdout.as_str()), (1, ""), "{none:?}");
        assert!(none.stderr.contains("no camera found"), "{none:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("rpicam-vid"), "").expect("the folder is ours");
    let mut one = command(&["cameras", "--json"]);
    one.env("PATH", folder.path());
    let one = finish(one);
    assert_eq!(one.code, 0, "{one:?}");
    assert!(one.stdout.contains(r#""address":"rpicam:""#), "{one:?}");
}

#[cfg(not(feature = "v4l"))]
#[test]
fn a_build_without_cameras_names_the_feature() {
    for address in ["/dev/video0", "v4l:/dev/video0"] {
        let error = source::open(address, &CaptureSettings::default())
            .map(drop)
            .expect_err("not in this build");
        let line = "sudo apt install libclang-dev && cargo build --release --features v4l";
        assert!(error.what.contains(line), "{error}");
        assert!(error.what.contains("-i /dev/video0 "), "ffmpeg does it without: {error}");
    }
}
