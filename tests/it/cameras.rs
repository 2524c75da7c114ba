//! Cameras as the program opens them: recordings of every kind, programs that work, die and stall, and one picture taken
//! from end to end.

use crate::common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{command, fieldtune, finish, folder_of, picture};
use fieldtune::camera::source::{self, AnyCamera, CaptureSettings};
use fieldtune::camera::{Camera, CameraError, CameraErrorKind, Faults, Faulty, PixelFormat};
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture::{load, save_png, thumbnail};

mod listed;

/// Sides of the pictures of [`picture`].
const SIZE: (u32, u32) = (48, 40);

fn open(address: &str, wanted: &CaptureSettings) -> AnyCamera {
    source::open(address, wanted).unwrap_or_else(|error| panic!("{error}"))
}

fn replay(path: &Path, wanted: &CaptureSettings) -> AnyCamera {
    open(&format!("replay:{}", path.display()), wanted)
}

fn pipe(command: &str, format: PixelFormat) -> AnyCamera {
    let wanted =
        CaptureSettings { size: Some(SIZE), format: Some(format), ..CaptureSettings::default() };
    open(&format!("pipe:{command}"), &wanted)
}

/// Frames up to the first error.
fn until_error(camera: &mut AnyCamera) -> (Vec<Frame>, CameraError) {
    let mut frames = Vec::new();
    for at in 0..1000 {
        match camera.capture(Timestamp(at)) {
            Ok(frame) => frames.push(frame),
            Err(error) => return (frames, error),
        }
    }
    panic!("no end after {} frames", frames.len());
}

fn jpegs(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|seed| thumbnail(&picture("checks", seed), 64)).collect()
}

/// Mean of the absolute differences of all values.
fn apart(a: &Frame, b: &Frame) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let all = a.pixels().iter().zip(b.pixels());
    all.map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.pixels().len() as f64
}

/// A Y4M file of one grey level a frame.
fn y4m(header: &str, levels: &[u8], bytes: usize) -> Vec<u8> {
    let mut file = format!("YUV4MPEG2 {header}\n").into_bytes();
    for &level in levels {
        file.extend_from_slice(b"FRAME\n");
        file.extend_from_slice(&[level; 6]);
        file.extend_from_slice(&vec![128; bytes - 6]);
    }
    file
}

#[test]
fn pictures_of_a_folder_come_by_name_once_or_repeated() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = folder_of(folder.path(), "red", 0, 3);
    std::fs::write(pictures.join("notes.txt"), "no picture").expect("the folder is ours");
    let wanted: Vec<Frame> = (0..3).map(|seed| picture("red", seed)).collect();
    let (frames, end) = until_error(&mut replay(&pictures, &CaptureSettings::default()));
    let pixels = |frames: &[Frame]| frames.iter().map(|f| f.pixels().to_vec()).collect::<Vec<_>>();
    assert!(pixels(&frames) == pixels(&wanted));
    let times: Vec<u64> = frames.iter().map(|frame| frame.captured().0).collect();
    assert_eq!(times, [0, 1, 2], "without a rate the caller's time is the frame's");
    assert_eq!(end.kind, CameraErrorKind::Ended, "{end}");
    assert!(end.to_string().contains("next: --loop"), "{end}");

    let mut camera =
        replay(&pictures, &CaptureSettings { again: true, ..CaptureSettings::default() });
    let frames: Vec<Frame> =
        (0..7).map(|_| camera.capture(Timestamp(0)).expect("it goes on")).collect();
    let wanted: Vec<Frame> = [0, 1, 2, 0, 1, 2, 0].map(|seed| picture("red", seed)).into();
    assert!(pixels(&frames) == pixels(&wanted));
}

#[test]
fn a_damaged_picture_is_told_and_the_next_one_follows() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = folder_of(folder.path(), "red", 0, 2);
    std::fs::write(pictures.join("red-0.png"), "no picture").expect("the folder is ours");
    let mut camera = replay(&pictures, &CaptureSettings::default());
    let error = camera.capture(Timestamp(0)).expect_err("it is damaged");
    assert_eq!(error.kind, CameraErrorKind::Damaged);
    assert!(error.what.contains("red-0.png"), "{error}");
    let alone = pictures.join("red-0.png");
    let error =
        replay(&alone, &CaptureSettings::default()).capture(Timestamp(0)).expect_err("damaged");
    assert_eq!(error.to_string().matches("red-0.png").count(), 1, "{error}");
    assert!(camera.capture(Timestamp(0)).is_ok_and(|f| f.pixels() == picture("red", 1).pixels()));
    assert_eq!(camera.capture(Timestamp(0)).expect_err("over").kind, CameraErrorKind::Ended);
}

#[test]
fn mjpeg_is_replayed_and_a_torn_frame_costs_only_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("video.mjpeg");
    let [a, b, c] = jpegs(3).try_into().expect("three");
    std::fs::write(&file, [&a[..], &b[..b.len() - 100], &c].concat()).expect("the folder is ours");
    let mut camera = replay(&file, &CaptureSettings::default());
    let near = |frame: Frame, seed| {
        let apart = apart(&frame, &picture("checks", seed));
        assert!(apart < 15.0, "{apart} from picture {seed}");
    };
    near(camera.capture(Timestamp(0)).expect("whole"), 0);
    let torn = camera.capture(Timestamp(0)).expect_err("torn");
    assert!(torn.kind == CameraErrorKind::Damaged && torn.what.contains("cut off"), "{torn}");
    near(camera.capture(Timestamp(0)).expect("whole"), 2);
    assert_eq!(camera.capture(Timestamp(0)).expect_err("over").kind, CameraErrorKind::Ended);
}

#[test]
fn y4m_is_replayed_in_its_colours_and_begins_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("video.y4m");
    // 3x2 pixels: 6 bytes of luma, 2 each of U and V where there is colour.
    for (colours, bytes) in [("C420jpeg", 10), ("C420mpeg2", 10), ("", 10), ("Cmono", 6)] {
        let header = format!("W3 H2 F25:1 Ip A1:1 {colours}");
        std::fs::write(&file, y4m(&header, &[16, 235], bytes)).expect("the folder is ours");
        let mut camera =
            replay(&file, &CaptureSettings { again: true, ..CaptureSettings::default() });
        for (at, luma) in [16, 235, 16].into_iter().enumerate() {
            let frame = camera.capture(Timestamp(0)).expect("whole");
            let level = if colours == "Cmono" { luma } else { [0, 255][usize::from(luma > 16)] };
            assert_eq!(frame.pixels(), [level; 18], "{colours} frame {at}");
        }
    }
}

#[test]
fn y4m_of_every_sampling_is_read_from_files_and_programs() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    // Two pixels by two of full red; grey has only its luma.
    let cases: [(&str, Vec<u8>, [u8; 3]); 4] = [
        ("C420jpeg", [[81; 4].as_slice(), &[90, 240]].concat(), [255, 0, 0]),
        ("C422", [[81; 4], [90, 90, 240, 240]].concat(), [255, 0, 0]),
        ("C444", [[81; 4], [90; 4], [240; 4]].concat(), [255, 0, 0]),
        ("Cmono", vec![81; 4], [81; 3]),
    ];
    for (colours, picture, wanted) in cases {
        let file = folder.path().join(format!("{colours}.y4m"));
        let start = format!("YUV4MPEG2 W2 H2 F30:1 {colours}\nFRAME\n");
        std::fs::write(&file, [start.as_bytes(), &picture].concat()).expect("the folder is ours");
        for address in
            [format!("replay:{}", file.display()), format!("pipe:cat '{}'", file.display())]
        {
            let mut camera =
                source::open(&address, &CaptureSettings::default()).expect("it is there");
            let frame = camera.capture(Timestamp(0)).expect("a whole picture");
            assert_eq!((frame.width(), frame.height()), (2, 2), "{address}");
            let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 1;
            let all = frame.pixels().chunks(3).all(|pixel| pixel.iter().zip(&wanted).all(near));
            assert!(all, "{address}: {:?}", frame.pixels());
        }
    }
}

#[test]
fn recordings_that_cannot_be_read_say_why() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("empty")).expect("the folder is ours");
    let header = "W3 H2 C420jpeg";
    let short = y4m(header, &[16], 10);
    let files: [(&str, Vec<u8>); 8] = [
        ("text.avi", b"RIFF and more".to_vec()),
        ("nothing.y4m", Vec::new()),
        ("deep.y4m", y4m("W3 H2 C444p10", &[], 10)),
        ("full.y4m", y4m("W3 H2 C420jpeg XCOLORRANGE=FULL", &[], 10)),
        ("sides.y4m", y4m("W0 H2 C420jpeg", &[], 10)),
        ("cut.y4m", short[..short.len() - 1].to_vec()),
        ("bare.y4m", short[..short.len() - 10].to_vec()),
        ("frame.y4m", [&short[..], b"FRAM\n0123456789"].concat()),
    ];
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("the folder is ours");
    }
    let cases = [
        ("gone", CameraErrorKind::Missing, "No such file"),
        ("empty", CameraErrorKind::Missing, "in this folder"),
        ("text.avi", CameraErrorKind::NotACamera, "begins with \"RIFF and\""),
        ("nothing.y4m", CameraErrorKind::NotACamera, "begins with \"\""),
        ("deep.y4m", CameraErrorKind::Unsupported, "C444p10\"; next: ffmpeg"),
        ("full.y4m", CameraErrorKind::Unsupported, "limited range"),
        ("sides.y4m", CameraErrorKind::Damaged, "0x2"),
        ("cut.y4m", CameraErrorKind::Damaged, "9 bytes into YU12 of 3x2, which has 10"),
        ("bare.y4m", CameraErrorKind::Damaged, "ended behind the FRAME"),
        ("frame.y4m", CameraErrorKind::Damaged, "wanted a FRAME of Y4M, got \"FRAM\""),
    ];
    for (name, trouble, what) in cases {
        let address = format!("replay:{}", folder.path().join(name).display());
        let error = match source::open(&address, &CaptureSettings::default()) {
            Ok(mut camera) => until_error(&mut camera).1,
            Err(error) => error,
        };
        assert_eq!(error.kind, trouble, "{name}: {error}");
        assert!(error.what.contains(what) && error.camera == address, "{name}: {error}");
    }
}

#[test]
fn what_a_recording_lacks_is_noted_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = folder_of(folder.path(), "red", 0, 3);
    let mut camera =
        replay(&pictures, &CaptureSettings { size: Some((64, 64)), ..CaptureSettings::default() });
    camera.capture(Timestamp(0)).expect("whole");
    assert_eq!(camera.notes(), ["the recording has 48x40, wanted 64x64"]);
    camera.capture(Timestamp(0)).expect("whole");
    assert!(camera.notes().is_empty());
}

#[test]
fn programs_give_frames_in_every_raw_format_and_as_mjpeg() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("frames");
    let frame = picture("green", 1);
    let grey: Vec<u8> = frame.pixels().iter().skip(1).step_by(3).copied().collect();
    let jpeg = thumbnail(&frame, 64);
    // Luma 145, U 54, V 34 are green.
    let yuv = [vec![145; 48 * 40], vec![54; 24 * 20], vec![34; 24 * 20]].concat();
    let cases = [
        (PixelFormat::Rgb3, frame.pixels().to_vec(), frame.clone(), 0.0),
        (PixelFormat::Grey, grey, frame.clone(), 100.0),
        (PixelFormat::Mjpg, [b"noise", &jpeg[..]].concat(), frame.clone(), 15.0),
        (PixelFormat::Yu12, yuv, solid([0, 255, 0]), 1.0),
    ];
    for (format, bytes, wanted, tolerance) in cases {
        std::fs::write(&file, bytes).expect("the folder is ours");
        // It stays, as a camera does.
        let mut camera = pipe(&format!("cat '{}'; exec sleep 1000", file.display()), format);
        let frame = camera.capture(Timestamp(0)).unwrap_or_else(|error| panic!("{error}"));
        let apart = apart(&frame, &wanted);
        assert!(apart <= tolerance, "{format}: {apart}");
    }
}

fn solid(colour: [u8; 3]) -> Frame {
    let pixels = colour.repeat((SIZE.0 * SIZE.1) as usize);
    Frame::new(SIZE.0, SIZE.1, pixels, Timestamp(0)).expect("the size fits")
}

#[test]
fn a_program_that_dies_says_why_and_is_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    // The first time it fails, the second it works.
    let mark = folder.path().join("mark");
    let command = format!(
        "if mkdir '{0}' 2>/dev/null; then echo first >&2; echo 'no sensor' >&2; exit 7; fi; head -c 5760 /dev/zero; exec sleep 1000",
        mark.display()
    );
    let mut camera = pipe(&command, PixelFormat::Rgb3);
    let error = camera.capture(Timestamp(0)).expect_err("it dies");
    assert_eq!(error.kind, CameraErrorKind::Gone, "{error}");
    for part in ["the program ended", "exit status: 7", "stderr: first | no sensor"] {
        assert!(error.what.contains(part), "{error}");
    }
    let frame = camera.capture(Timestamp(0)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(frame.pixels(), solid([0; 3]).pixels());
    assert_eq!(camera.notes(), ["started again, failures in a row: 1"]);
}

#[test]
fn a_program_that_keeps_dying_is_started_ever_more_seldom() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut camera = pipe(&format!("echo started >>'{}'", log.display()), PixelFormat::Rgb3);
    let begun = Instant::now();
    for _ in 0..4 {
        let error = camera.capture(Timestamp(0)).expect_err("it gives nothing");
        assert!(error.what.contains("the program ended, exit status: 0"), "{error}");
    }
    // 250, 500 and 1000 ms lie between four starts.
    assert!(begun.elapsed() >= Duration::from_millis(1750), "{:?}", begun.elapsed());
    assert_eq!(std::fs::read_to_string(log).expect("it was started").lines().count(), 4);
}

#[test]
fn a_missing_or_dying_camera_program_is_reported() {
    let cases = [
        ("exec no-such-program-anywhere", "no-such-program-anywhere", "exit status: 127"),
        ("head -c 5000 /dev/zero", "it ended 5000 bytes into RGB3 of 48x40, which has 5760", ""),
    ];
    for (command, what, status) in cases {
        let error = pipe(command, PixelFormat::Rgb3).capture(Timestamp(0)).expect_err("no frame");
        assert_eq!(error.kind, CameraErrorKind::Gone, "{error}");
        assert!(error.what.contains(what) && error.what.contains(status), "{error}");
    }
}

#[test]
fn a_program_that_stalls_is_ended_with_all_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let short = Duration::from_millis(300);
    let wanted = CaptureSettings { timeout: short, start: short, ..CaptureSettings::default() };
    // A grandchild that does not listen to a polite request.
    let command = format!(
        "sh -c 'trap \"\" TERM; echo $$ >\"{0}.new\"; mv \"{0}.new\" \"{0}\"; while :; do sleep 1; done' & wait",
        pid.display()
    );
    let mut camera = open(&format!("pipe:{command}"), &wanted);
    let error = camera.capture(Timestamp(0)).expect_err("it stalls");
    assert_eq!(error.kind, CameraErrorKind::Stalled, "{error}");
    assert!(error.what.contains("no frame within 300ms"), "{error}");
    if let Ok(pid) = std::fs::read_to_string(pid) {
        assert_gone(pid.trim());
    }
}

#[test]
fn a_program_may_take_longer_to_its_first_frame() {
    let bytes = SIZE.0 * SIZE.1;
    let command = format!("pipe:sleep 0.5; head -c {bytes} /dev/zero; sleep 60");
    let (size, format) = (Some(SIZE), Some(PixelFormat::Grey));
    let timeout = Duration::from_millis(200);
    let mut camera =
        open(&command, &CaptureSettings { size, format, timeout, ..CaptureSettings::default() });
    camera.capture(Timestamp(0)).expect("it has until its first frame");
    let error = camera.capture(Timestamp(0)).expect_err("it gives one");
    assert!(error.what.contains("no frame within 200ms"), "{error}");
}

/// Killed processes leave `/proc` when their new parent has seen to them, or stay as zombies where it does not.
fn assert_gone(pid: &str) {
    let begun = Instant::now();
    let alive = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    };
    while alive() {
        assert!(begun.elapsed() < Duration::from_secs(20), "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_program_ends_with_its_camera() {
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let command = format!("echo $$ >'{}'; head -c 5760 /dev/zero; exec sleep 1000", pid.display());
    let mut camera = pipe(&command, PixelFormat::Rgb3);
    camera.capture(Timestamp(0)).unwrap_or_else(|error| panic!("{error}"));
    drop(camera);
    assert_gone(std::fs::read_to_string(pid).expect("it was started").trim());
}

#[test]
fn the_newest_frame_wins_with_its_arrival_time() {
    let folder = tempfile::tempdir().expect("a folder");
    // A black frame; when told to, another, a white one, and half a frame, which is more than the pipe and our buffer
    // hold: when that is written, the white one has been taken out.
    let command = format!(
        "cd '{}'; head -c 360000 /dev/zero; until [ -e go ]; do sleep 0.01; done; head -c 360000 /dev/zero; head -c 540000 /dev/zero | tr '\\000' '\\377'; touch done; exec sleep 1000",
        folder.path().display()
    );
    let (size, format) = (Some((400, 300)), Some(PixelFormat::Rgb3));
    let mut camera = open(
        &format!("pipe:{command}"),
        &CaptureSettings { size, format, ..CaptureSettings::default() },
    );
    let first = camera.capture(Timestamp(10_000_000)).unwrap_or_else(|error| panic!("{error}"));
    assert!(first.pixels().iter().all(|&value| value == 0));
    assert!(first.captured() >= Timestamp(10_000_000), "it was waited for");
    std::fs::write(folder.path().join("go"), "").expect("the folder is ours");
    let begun = Instant::now();
    while !folder.path().join("done").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the program does not go on");
        std::thread::sleep(Duration::from_millis(5));
    }
    let newest = camera.capture(Timestamp(20_000_000)).unwrap_or_else(|error| panic!("{error}"));
    assert!(newest.pixels().iter().all(|&value| value == 255), "the black one was passed over");
    assert!(newest.captured() <= Timestamp(20_000_000), "it was there before it was asked for");
}

#[test]
fn any_camera_can_be_made_faulty_and_the_seed_decides() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = folder_of(folder.path(), "stripes", 0, 4);
    let faults = Faults { dropped: 0.2, stalled: 0.2, torn: 0.2, wrong_size: 0.2 };
    let run = |seed| {
        let camera =
            replay(&pictures, &CaptureSettings { again: true, ..CaptureSettings::default() });
        let mut camera = Faulty::new(camera, faults, seed);
        (0..50).map(|at| camera.capture(Timestamp(at))).collect::<Vec<_>>()
    };
    assert!(run(1) == run(1));
    assert!(run(1) != run(2));
    let stalls = run(1).iter().filter(|result| result.is_err()).count();
    assert!((1..30).contains(&stalls), "{stalls}");
}
