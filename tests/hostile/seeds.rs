//! What the fuzzers begin with: right inputs of every kind, made by this project's own encoders.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fieldtune::backbone::card::ModelCard;
use fieldtune::board::{BOARDS, POLICIES};
use fieldtune::camera::{Camera as _, Synthetic};
use fieldtune::image::frame::{Frame, Region, Timestamp};
use fieldtune::image::picture;
use fieldtune::learn::command::{
    Command, ForgetExamples, NewExample, ReadStatus, RenameClass, TeachExamples,
};
use fieldtune::learn::examples::narrowed;
use fieldtune::learn::head::{HeadConfig, HeadKind};
use fieldtune::learn::learner::Learner;
use fieldtune::protocol::request::{self, Answer, Classification, Refused, Request};
use fieldtune::protocol::wire::{self, Kind, Outgoing, WireFrame};
use fieldtune::sound::Recording;
use fieldtune::store::inbox::{InboxEntry, InboxFile, InboxReason};
use fieldtune::store::snapshot::{ModelId, Snapshot};

type Seed = (String, Vec<u8>);

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Seed> {
    match target {
        "wire" => wire_seeds(),
        "session" => sessions(),
        "console" => consoles(),
        "json" => fields(),
        "pack" | "store" => packs(),
        "settings" => settings(),
        "inbox" => inboxes(),
        "picture" => pictures(),
        "onnx" => networks(),
        "video" => recordings(),
        "sound" => sounds(),
        "tokenizer" => tokenizers(),
        other => panic!("there is no target {other}"),
    }
}

/// The fields of requests as JSON; the first byte says of which.
fn fields() -> Vec<Seed> {
    let seeds = [
        ("Teach", r#"{"class":"good","count":3,"any":false}"#),
        ("TeachFrames", r#"{"class":"good","frames":[1,18446744073709551615]}"#),
        ("Forget", r#"{"Examples":[1,2]}"#),
        ("SetRegion", r#"{"Fractions":{"x":0.1,"y":0.2,"width":0.3,"height":0.4}}"#),
        ("SetThreshold", r#"{"confidence":0.5,"novelty":1e39,"false_reject":null}"#),
        ("Unlock", r#"{"pin":"2580"}"#),
        ("Undo", "{}"),
    ];
    let seed = |(name, text): (&str, &str)| {
        let place = Request::NAMES.iter().position(|known| *known == name).expect("a request");
        (name.to_owned(), [&[place as u8][..], text.as_bytes()].concat())
    };
    seeds.map(seed).into()
}

fn requests() -> Vec<(&'static str, Request)> {
    let name = "scratch".to_owned();
    vec![
        ("undo", request::Undo.into()),
        ("status", request::GetStatus.into()),
        ("forget", request::Forget::Everything.into()),
        ("rename", request::Rename { from: name.clone(), to: "b".to_owned() }.into()),
        ("teach", Request::Teach(request::Teach { class: name.clone(), count: 3, any: false })),
        (
            "image",
            Request::TeachImage(request::TeachImage { class: name.clone(), image: vec![0; 16] }),
        ),
        ("push", Request::Push(request::Push { learned: pack(HeadKind::Lda, 1), merge: false })),
        (
            "region",
            Request::SetRegion(request::SetRegion(Some(Region::Pixels {
                x: 1,
                y: 2,
                width: 3,
                height: 4,
            }))),
        ),
        ("set", Request::Set(request::Set { name: "smoothing".to_owned(), value: "3".to_owned() })),
        ("watch", Request::Watch(request::Watch(true))),
        ("log", Request::Log(request::Log { lines: 9 })),
        ("regions", Request::Regions(request::Regions)),
        (
            "of",
            Request::Of(request::Of {
                region: "left".to_owned(),
                request: Box::new(Request::Pull(request::Pull)),
            }),
        ),
    ]
}

fn answers() -> Vec<(&'static str, Result<Answer, Refused>)> {
    let status = Command::Status(ReadStatus).apply(&mut taught(HeadKind::Lda, 3), Timestamp(1));
    let (status, _) = status.expect("it can always be asked");
    let outputs = vec![("red".to_owned(), true), ("reject".to_owned(), false)];
    vec![
        ("refused", Err(Refused("there is\r\nno such class".to_owned()))),
        ("reply", Ok(Answer::Reply(status))),
        ("outputs", Ok(Answer::Outputs(outputs))),
        ("regions", Ok(Answer::Regions(vec![(Some("left".to_owned()), Region::Whole)]))),
        ("picture", Ok(Answer::Picture { frame: Some(3), width: 4, height: 3, file: vec![1; 40] })),
        ("classified", Ok(Answer::Classified(Some(classification())))),
        ("lines", Ok(Answer::Log(vec!["a line".to_owned(), "\u{1b}[2J \u{202e}x".to_owned()]))),
    ]
}

fn classification() -> Classification {
    Classification {
        captured: Timestamp(1_000_000),
        frame: Some(4),
        age_micros: 1500,
        region: Some("left".to_owned()),
        class: Some("scratch".to_owned()),
        best: "scratch".to_owned(),
        confidence: 0.97,
        runner_up: Some(("good".to_owned(), 0.03)),
        novelty: 0.5,
        line: None,
    }
}

fn message(request: &Request) -> Vec<u8> {
    wire::encode_request(request).expect("it holds no feature")
}

fn wire_seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut stream = b"\x07status\r\n".to_vec();
    for (name, request) in requests() {
        let message = message(&request);
        let outgoing = Outgoing::new(Kind::Request, 7, message.clone()).expect("it is short");
        stream.extend(outgoing.first().concat());
        stream.extend(b"text\r");
        seeds.push((format!("request-{name}"), [b"\x03".as_slice(), &message].concat()));
    }
    seeds.push(("stream".to_owned(), stream));
    for (name, answer) in answers() {
        let message = wire::encode_answer(&answer);
        seeds.push((format!("answer-{name}"), [b"\x03".as_slice(), &message].concat()));
    }
    let verdict = wire::encode_verdict(&classification());
    seeds.push(("verdict".to_owned(), [b"\x03".as_slice(), &verdict].concat()));
    let body = vec![5; wire::CHUNK];
    let long = WireFrame { kind: Kind::Request, id: 1, part: 0, parts: 3, body };
    seeds.push(("long".to_owned(), [b"\x09".as_slice(), &long.encode()].concat()));
    seeds
}

/// A byte that says how many follow, and those.
fn piece(bytes: &[u8]) -> Vec<u8> {
    let count = u8::try_from(bytes.len()).expect("a seed's pieces are short");
    [&[count], bytes].concat()
}

fn sessions() -> Vec<Seed> {
    let script: Vec<u8> =
        answers().iter().flat_map(|(_, answer)| piece(&wire::encode_answer(answer))).collect();
    let begin = [vec![1], piece(&script[..script.len().min(255)])].concat();
    let line = |text: &str| [vec![1], piece(text.as_bytes())].concat();
    let typed = ["status", "teach a", "watch on", "outputs", "forget a", "log", "help", "undo"];
    let mut typed: Vec<u8> = typed.iter().flat_map(|text| line(text)).collect();
    typed.extend([vec![5], piece(&wire::encode_verdict(&classification()))].concat());
    typed.extend([6, 7]);
    let mut asked = Vec::new();
    for (at, (_, request)) in requests().iter().enumerate() {
        let message = message(request);
        if message.len() < 256 {
            asked.extend([vec![2, at as u8], piece(&message)].concat());
        }
    }
    for feature in [[1.0f32, 0.0, 0.0, 0.5], [0.0, 1.0, 0.5, 0.0], [0.5, 0.5, 0.0, 0.0]] {
        let image = feature.iter().flat_map(|value| value.to_le_bytes()).collect();
        let class = if feature[0] > 0.9 { "good" } else { "scratch" }.to_owned();
        let request = message(&Request::TeachImage(request::TeachImage { class, image }));
        asked.extend([vec![2, feature[1].to_bits() as u8 ^ 1], piece(&request)].concat());
    }
    let parts = [&[3u8, 0, 1, 2, 0, 0, 0][..], &piece(b"ab"), &[1, 3, 0, 1, 2, 0, 1, 0, 0, 0]];
    vec![
        ("typed".to_owned(), [&begin[..], &typed].concat()),
        ("asked".to_owned(), [&begin[..], &asked].concat()),
        ("parts".to_owned(), [&begin[..], &parts.concat()].concat()),
    ]
}

fn consoles() -> Vec<Seed> {
    let names = piece("good\nscratch\nscrew\n\u{202e}bad".as_bytes());
    let lines = "help\rstatus\rteach good 3\rburst scratch 1.5\rforget example 1 2\rrelabel a 7\r\
                 threshold confidence=0.5 novelty=inf\rregion 0.1,0.1,0.5,0.5\routputs red test\r\
                 head knn\rwatch on\rlog 5\rset smoothing 3\rset echo off\rversion\rpull\r";
    let keys =
        b"tea\tsc\t\x1b[D\x1b[Dx\x1b[A\x1b[A\x1b[B\x01\x05\x17\x15ab\x7f\x7f\x03\xc3\xa4\xff\r";
    let mut seeds = Vec::new();
    for (name, answer) in answers() {
        let answer = piece(&wire::encode_answer(&answer));
        let typed: &[u8] = if name == "refused" { keys } else { lines.as_bytes() };
        seeds.push((name.to_owned(), [&[1], &answer[..], &names, typed].concat()));
    }
    seeds
}

fn model() -> ModelId {
    ModelId { name: "seed".to_owned(), fingerprint: [7; 32], dim: 4 }
}

/// Two classes, `count` examples of each.
fn taught(kind: HeadKind, count: u16) -> Learner {
    let mut learner = Learner::new(4, HeadConfig::of(kind), 1 << 20).expect("features of 4");
    for at in 0..count * 2 {
        let class = if at % 2 == 0 { "good" } else { "scratch" }.to_owned();
        let value = f32::from(at) / 8.0;
        let feature = if at % 2 == 0 { [1.0, value, 0.0, 0.25] } else { [0.0, value, 1.0, 0.5] };
        let image = (at == 0).then(|| vec![0xFF, 0xD8, 0xFF, 0xD9]);
        let example =
            NewExample { image, ..NewExample::new(feature.to_vec(), &format!("{at}.png")) };
        let teach = Command::Teach(TeachExamples { class, examples: vec![example] });
        teach.apply(&mut learner, Timestamp(u64::from(at))).expect("a finite feature");
    }
    learner
}

fn pack(kind: HeadKind, count: u16) -> Vec<u8> {
    Snapshot::of(&taught(kind, count), model()).encode()
}

fn packs() -> Vec<Seed> {
    let mut seeds: Vec<Seed> =
        HeadKind::ALL.map(|kind| (kind.name().to_owned(), pack(kind, 2))).to_vec();
    let mut renamed = taught(HeadKind::Lda, 3);
    for command in [
        Command::Rename(RenameClass { from: "good".to_owned(), to: "fine".to_owned() }),
        Command::Forget(ForgetExamples::Class("scratch".to_owned())),
    ] {
        command.apply(&mut renamed, Timestamp(99)).expect("both classes are there");
    }
    seeds.push(("changed".to_owned(), Snapshot::of(&renamed, model()).encode()));
    seeds.push(("empty".to_owned(), pack(HeadKind::Lda, 0)));
    seeds
}

/// Files that were written, added to and written anew, and their records.
fn inboxes() -> Vec<Seed> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let entry = |id: u64| {
        Arc::new(InboxEntry {
            id,
            at: Timestamp(id * 1_000_000),
            reason: [
                InboxReason::Unknown,
                InboxReason::Novel,
                InboxReason::Unsure,
                InboxReason::Sample,
            ][id as usize % 4],
            class: (id % 4 > 1).then(|| "good".to_owned()),
            best: "good".to_owned(),
            confidence: 0.5,
            runner_up: Some(("scratch".to_owned(), 0.25)),
            novelty: 1.5,
            feature: narrowed(&[1.0, id as f32, 0.5]),
            image: vec![id as u8; 20],
        })
    };
    let (mut file, _) = InboxFile::open(&store, super::checks::inbox::OURS);
    let mut seeds = Vec::new();
    for (name, ids) in [("first", 1..3), ("more", 1..6), ("fewer", 4..6)] {
        let entries: Vec<Arc<InboxEntry>> = ids.map(entry).collect();
        file.write(&entries, 6).expect("there is room");
        let bytes = fs::read(file.path()).expect("it was written");
        seeds.push((format!("{name}-records"), super::checks::inbox::records(&bytes)));
        seeds.push((name.to_owned(), bytes));
    }
    seeds
}

fn settings() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |kind: u8, name: &str, text: &str| {
        seeds.push((name.to_owned(), [&[kind], text.as_bytes()].concat()));
    };
    BOARDS.iter().for_each(|(name, text)| add(0, &format!("board-{name}"), text));
    POLICIES.iter().for_each(|(name, text)| add(1, &format!("policy-{name}"), text));
    for card in ModelCard::builtin_cards() {
        add(2, &format!("card-{}", card.name), &card.to_toml());
    }
    seeds
}

/// A drawn frame, cut to a few pixels.
fn drawn() -> Frame {
    let frame = Synthetic::new(2).capture(Timestamp(0)).expect("a drawn frame is whole");
    let region = Region::Pixels { x: 8, y: 8, width: 13, height: 9 };
    frame.region(&region).expect("it is larger").into_owned()
}

fn sounds() -> Vec<Seed> {
    let samples: Vec<f32> = (0..400).map(|at| (at as f32 * 0.3).sin()).collect();
    let plain = Recording::encode(&samples);
    let changed = |name: &str, changes: &[(usize, &[u8])]| {
        let mut file = plain.clone();
        changes.iter().for_each(|(at, bytes)| file[*at..at + bytes.len()].copy_from_slice(bytes));
        (name.to_owned(), file)
    };
    let kept = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sounds");
        (name.to_owned(), fs::read(folder.join(name)).expect("it is there"))
    };
    vec![
        kept("mono-8.flac"),
        kept("stereo-24.flac"),
        kept("stereo.ogg"),
        changed("plain.wav", &[]),
        changed("floats.wav", &[(20, &[3]), (34, &[32])]),
        changed("stereo-8-bits.wav", &[(22, &[2]), (34, &[8])]),
        changed("24-bits-at-44100.wav", &[(24, &44_100_u32.to_le_bytes()), (34, &[24])]),
        changed("without-length.wav", &[(40, &[0xff; 4])]),
        changed("extensible.wav", &[(20, &[0xfe, 0xff])]),
    ]
}

/// Those of the tests' networks, each with a line.
fn tokenizers() -> Vec<Seed> {
    let readers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/readers");
    let seed = |name: &str, line: &str| {
        let file = fs::read(readers.join(name).join("tokenizer.json")).expect("it is there");
        (format!("{name}.json"), [&file, &[0][..], line.as_bytes()].concat())
    };
    vec![
        seed("bert", "Grüße, 7 pumps \u{1f600}"),
        seed("gpt2", " läuft\u{202e} 火 a'll"),
        seed("t5", "the\u{3000}pump hums"),
        seed("clip", "pump pump pump pump pump pump pump pump pump pump pump"),
    ]
}

fn pictures() -> Vec<Seed> {
    use image::ImageFormat::{Bmp, Jpeg, Png, Pnm, WebP};
    let frame = drawn();
    let pixels = image::RgbImage::from_raw(13, 9, frame.pixels().to_vec()).expect("13x9");
    let colour = image::DynamicImage::ImageRgb8(pixels);
    let kinds = [
        ("rgb", colour.clone()),
        ("grey", image::DynamicImage::ImageLuma8(colour.to_luma8())),
        ("alpha", image::DynamicImage::ImageRgba8(colour.to_rgba8())),
        ("deep", image::DynamicImage::ImageRgb16(colour.to_rgb16())),
    ];
    let mut seeds = Vec::new();
    for (kind, image) in kinds {
        for (name, format) in
            [("png", Png), ("jpg", Jpeg), ("bmp", Bmp), ("pnm", Pnm), ("webp", WebP)]
        {
            let mut file = std::io::Cursor::new(Vec::new());
            // Not every format has every kind.
            if image.write_to(&mut file, format).is_ok() {
                seeds.push((format!("{kind}.{name}"), file.into_inner()));
            }
        }
    }
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures");
    for name in ["exif-6.jpg", "bomb.png", "bomb.bmp", "bomb.ppm", "bomb.webp", "bits.pbm"] {
        seeds.push((name.to_owned(), fs::read(data.join(name)).expect("a file of the tests")));
    }
    seeds
}

/// Networks that `tests/data/backbones.py` made.
fn networks() -> Vec<Seed> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/backbones");
    let names = [
        "average_pool",
        "bfloat",
        "channels_last",
        "class_token",
        "conv_relu_pool",
        "fault_data_elsewhere",
        "fault_no_graph",
        "half",
        "headless_folded",
        "matmul_add_softmax",
        "quantised",
        "quantised_old",
        "squeeze_excite_sigmoid",
        "two_classifiers",
    ];
    let read = |name: &str| fs::read(data.join(format!("{name}.onnx"))).expect("it is there");
    names.map(|name| (name.to_owned(), read(name))).to_vec()
}

fn recordings() -> Vec<Seed> {
    let jpeg = picture::thumbnail(&drawn(), 16);
    let y4m = |colours: &str, bytes: usize| {
        let header = format!("YUV4MPEG2 W4 H2 F25:1 {colours}\n");
        let picture = [b"FRAME\n".as_slice(), &vec![90; bytes]].concat();
        [header.into_bytes(), picture.clone(), picture].concat()
    };
    let torn = [&jpeg[..jpeg.len() / 2], &jpeg[..]].concat();
    vec![
        ("two.mjpeg".to_owned(), [&jpeg[..], b"noise\xFF\x00", &jpeg].concat()),
        ("torn.mjpeg".to_owned(), torn),
        ("420.y4m".to_owned(), y4m("C420jpeg", 12)),
        ("mono.y4m".to_owned(), y4m("Cmono", 8)),
        ("full.y4m".to_owned(), y4m("C420 XCOLORRANGE=FULL", 12)),
    ]
}
