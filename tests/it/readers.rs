//! Networks that read text, against what ONNX Runtime and Hugging Face's tokenizers say; see `data/readers.py`.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

use crate::common::{self, desk};

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use fieldtune::backbone::card::{ModelCard, read_network};
use fieldtune::backbone::{
    BackboneError, EncodeError, Graph, TextEncoder, TextNetwork, TextSpec, TokenPooling,
};
use fieldtune::text::{LineError, MAX_LINE, Tokenizer, Tokens};
use serde::Deserialize;

use common::data;
use desk::{Bench, text};

#[derive(Deserialize)]
struct Expected {
    pool: TokenPooling,
    output: String,
    tokens: usize,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    line: String,
    ids: Vec<u32>,
    feature: Vec<f32>,
}

impl Expected {
    fn spec(&self) -> TextSpec {
        TextSpec { tokens: self.tokens, pool: self.pool, output: self.output.clone() }
    }
}

fn expected() -> BTreeMap<String, Expected> {
    serde_json::from_str(&fs::read_to_string(data("readers/expected.json")).unwrap()).unwrap()
}

fn network(name: &str) -> PathBuf {
    data(&format!("readers/{name}/network.onnx"))
}

fn tokenizer(name: &str) -> Vec<u8> {
    fs::read(data(&format!("readers/{name}/tokenizer.json"))).unwrap()
}

#[test]
fn lines_have_the_tokens_of_their_tokenizer() {
    for (name, expected) in expected() {
        let made = Tokenizer::parse(&tokenizer(&name), expected.tokens).unwrap();
        for line in expected.lines {
            let tokens = made.tokens(&line.line).unwrap();
            assert_eq!(tokens.ids, line.ids, "{name}: {}", line.line);
            assert_eq!(tokens.parts, vec![0; line.ids.len()]);
        }
        assert_eq!(made.tokens(" \t"), Err(LineError::Empty));
        let long = "a ".repeat(MAX_LINE / 2 + 1);
        assert_eq!(made.tokens(&long), Err(LineError::TooLong(MAX_LINE + 2)));
    }
}

#[test]
fn embeddings_are_those_of_onnx_runtime() {
    let (mut open, mut filled) = (0, 0);
    for (name, expected) in expected() {
        let onnx = read_network(&network(&name), "").unwrap();
        let mut reader = TextNetwork::load(&onnx, &name, &expected.spec()).unwrap();
        match reader.is_open() {
            true => open += 1,
            false => filled += 1,
        }
        let mut encoder =
            TextEncoder::load(&onnx, &tokenizer(&name), &name, &expected.spec()).unwrap();
        assert_eq!((encoder.dim(), encoder.name()), (reader.dim(), &*format!("{name}, text")));
        for Line { line, ids, feature } in &expected.lines {
            let tokens = Tokens { ids: ids.clone(), parts: vec![0; ids.len()] };
            let got = reader.extract(&tokens).unwrap();
            let largest = feature.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let apart = got.iter().zip(feature).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert_eq!(got.len(), feature.len());
            assert!(apart <= 1e-5 * largest, "{name}, {line}: {apart} of {largest}");
            assert_eq!(encoder.feature(line).unwrap(), got, "{name}, {line}");
        }
    }
    // Both ways to deal with the length of a line are used.
    assert_eq!((open, filled), (2, 2));
}

#[test]
fn what_a_file_shows_makes_its_card() {
    for (name, expected) in expected() {
        let graph = Graph::parse(&read_network(&network(&name), "").unwrap(), &name).unwrap();
        let spec = graph.text_spec().unwrap();
        assert_eq!(spec.output, expected.output);
        let whole = expected.pool == TokenPooling::Whole;
        assert_eq!(spec.pool == TokenPooling::Whole, whole, "{name}");
        assert_eq!(spec.tokens, if name == "clip" { 32 } else { 128 });
        let bench = Bench::new();
        let run = bench.ok(&["inspect", text(&network(&name)), "--card"]);
        let card = ModelCard::parse_text(&run.stdout, "made").unwrap();
        // The positions of two of them end before what is usual.
        let tokens = if ["bert", "gpt2"].contains(&&*name) { 64 } else { spec.tokens };
        let spec = TextSpec { tokens, ..spec };
        assert_eq!((card.text_to_toml(), card.spec.spec), (run.stdout.clone(), spec));
    }
    let sees = Graph::parse(&read_network(&data("tiny.onnx"), "").unwrap(), "tiny").unwrap();
    assert_eq!(sees.text_spec(), None);
}

/// A bench with a card for `bert`, and two classes taught with it.
fn taught() -> (Bench, String) {
    let bench = Bench::new();
    for file in ["network.onnx", "tokenizer.json"] {
        fs::copy(data("readers/bert").join(file), bench.path().join(file)).unwrap();
    }
    let network = bench.path().join("network.onnx");
    let card = bench.path().join("bert.toml");
    fs::write(&card, bench.ok(&["inspect", text(&network), "--card"]).stdout).unwrap();
    let card = text(&card).to_owned();
    let pump = ["the pump hums", "the belt slips", "the bearing sings"];
    let login = ["failed password for root", "failed password for 7", "root from 10 port 22"];
    for (class, lines) in [("pump", pump), ("login", login)] {
        let arguments = [&["teach", class, "--text", "--model", &card][..], &lines].concat();
        let run = bench.ok(&arguments);
        assert!(run.stdout.contains("3 lines of 3 different forms: each form"), "{run:?}");
    }
    (bench, card)
}

#[test]
fn a_network_teaches_and_classifies_lines() {
    let (bench, card) = taught();
    let run = bench.ok(&["classify", "--json", "--text", "the pump hums", "--model", &card]);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["best"], "pump", "{run:?}");
    // Numbers count here, and the same line is known.
    let again = ["teach", "login", "--text", "failed  password for 7 ", "--model", &card];
    assert!(bench.ok(&again).stdout.contains("all known as login"));
    let other = ["teach", "login", "--text", "failed password for 8", "--model", &card];
    assert!(bench.ok(&other).stdout.contains("learned 1 example of login"));
    let status = bench.ok(&["status"]).stdout;
    assert!(status.contains("network, text (24 values), of lines of text"), "{status}");
    // The file instead of the card is the same network.
    let file = bench.path().join("network.onnx");
    bench.ok(&["classify", "--text", "the pump hums", "--model", text(&file)]);
    let lines = bench.path().join("lines");
    fs::create_dir(&lines).unwrap();
    fs::write(lines.join("pump.txt"), "the pump slips\nthe belt sings\n").unwrap();
    fs::write(lines.join("login.txt"), "password for root\nport 22 for root\n").unwrap();
    let run = bench.ok(&["test", text(&lines), "--model", &card]);
    assert!(run.stdout.contains("balanced accuracy 100.0 %"), "{run:?}");
    let run = bench.ok(&["eval", text(&lines), "--text", "--model", &card, "--shots", "1"]);
    assert!(run.stdout.contains("4 lines of 2 classes, features of 24 values"), "{run:?}");
}

#[test]
fn networks_and_stores_that_do_not_fit_are_refused() {
    let (bench, card) = taught();
    let refused = |arguments: &[&str], wanted: &[&str]| {
        let run = bench.run(arguments);
        let fits = run.code != 0 && wanted.iter().all(|part| run.stderr.contains(part));
        assert!(fits, "{arguments:?}: {run:?}");
    };
    let before = bench.classes();
    let line = ["classify", "--text", "the pump hums"];
    refused(&line, &["text-1024 gives 1024 values", "the card (.toml) or file of network"]);
    let teach = ["teach", "pump", "--text", "a line"];
    refused(&teach, &["text-1024", "--model"]);
    let tiny = ["tiny.toml", "tiny.onnx"].map(data);
    // Not the one that the environment names.
    let copy = bench.path().join("sees.toml");
    fs::copy(&tiny[0], &copy).unwrap();
    let image = [&line[..], &["--model", text(&copy)]].concat();
    refused(&image, &["the network looks at images", "kind = \"text\""]);
    let image = [&line[..], &["--model", text(&tiny[1])]].concat();
    refused(&image, &["does not read text"]);
    refused(&[&line[..], &["--model", "nothing.onnx"]].concat(), &["nothing.onnx"]);
    let picture = bench.new_picture("red");
    refused(&["teach", "red", &picture, "--model", &card], &["reads text", "--text or --lines"]);
    refused(&["inspect", &card, "--run", "a.npy", "--out", "b.npy"], &["this one reads text"]);
    // Files that are not the card's.
    let tokens = bench.path().join("tokenizer.json");
    let sound = fs::read(&tokens).unwrap();
    let with_card = [&line[..], &["--model", &card]].concat();
    fs::write(&tokens, b"{}").unwrap();
    refused(&with_card, &["tokenizer.json", "2929 bytes", "got 2"]);
    let file = bench.path().join("network.onnx");
    let with_file = [&line[..], &["--model", text(&file)]].concat();
    refused(&with_file, &["tokenizer.json: this is no tokenizer", "tokenizer.json that belongs"]);
    refused(&["inspect", text(&file), "--card"], &["tokenizer.json: this is no tokenizer"]);
    let none = [&line[..], &["--model", "nowhere.onnx"]].concat();
    refused(&none, &["nowhere.onnx: there is no such file"]);
    fs::remove_file(&tokens).unwrap();
    refused(&with_file, &["tokenizer.json", "put the tokenizer.json of the network beside it"]);
    let long = fs::File::create(&tokens).unwrap();
    long.set_len((64 << 20) + 1).unwrap();
    refused(&with_file, &["tokenizer.json", "67108864"]);
    fs::write(&tokens, sound).unwrap();
    bench.ok(&with_card);
    assert_eq!(bench.classes(), before);
}

#[test]
fn cards_of_readers_name_what_is_wrong() {
    let (_bench, card) = taught();
    let card = fs::read_to_string(card).unwrap();
    for (was, is, wanted) in [
        ("tokens = 64", "tokens = 1", "tokens: 1 is not within 2 and 4096"),
        ("tokens = 64", "tokens = 5000", "tokens: 5000 is not within"),
        ("\"tokenizer.json\"", "\"../t.json\"", "input: tokenizer: \"../t.json\" is not a plain"),
        ("pool = \"mean\"", "pool = \"middle\"", "middle"),
        ("tokenizer-bytes = 2929", "tokenizer-bytes = 0", "tokenizer-bytes: 0 is not within"),
        ("tokens = 64", "tokens = 64\nsize = 3", "size"),
        ("output = ", "[[tap]]\ntensor = \"a\"\npool = [\"avg\"]\n#", "output"),
    ] {
        let text = card.replace(was, is);
        assert_ne!(text, card, "{was}");
        let error = ModelCard::parse_text(&text, "c.toml").unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains("c.toml"), "{error}");
    }
    let tap = format!("{card}[[tap]]\ntensor = \"a\"\npool = [\"avg\"]\n");
    let error = ModelCard::parse_text(&tap, "c.toml").unwrap_err().to_string();
    assert!(error.contains("a network that reads text has none"), "{error}");
    let error = ModelCard::parse(&card, "c.toml").unwrap_err().to_string();
    assert!(error.contains("the network reads text"), "{error}");
}

#[test]
fn hostile_tokenizers_and_tokens_are_errors() {
    let sound = tokenizer("bert");
    for length in (0..sound.len()).step_by(97) {
        assert!(Tokenizer::parse(&sound[..length], 16).is_err(), "{length}");
    }
    for bytes in
        [&b"[]"[..], b"\xff", b"{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[\"a\"]}}"]
    {
        assert!(Tokenizer::parse(bytes, 16).is_err());
    }
    let expected = &expected()["bert"];
    let onnx = read_network(&network("bert"), "").unwrap();
    let mut reader = TextNetwork::load(&onnx, "bert", &expected.spec()).unwrap();
    // More tokens than the tokenizer has are none of the network's.
    let strange = Tokens { ids: vec![2, 4_000_000_000, 3], parts: vec![0; 3] };
    assert!(matches!(reader.extract(&strange), Err(BackboneError::Runtime { .. })));
    let none = Tokens { ids: vec![], parts: vec![] };
    assert!(reader.extract(&none).is_err());
    let long = TextSpec { tokens: 65, ..expected.spec() };
    let error = TextNetwork::load(&onnx, "bert", &long).unwrap_err().to_string();
    assert!(
        error.contains("cannot read 65 tokens") && error.contains("tokens = 512, 128"),
        "{error}"
    );
    let wrong = TextSpec { pool: TokenPooling::Whole, ..expected.spec() };
    let error = TextNetwork::load(&onnx, "bert", &wrong).unwrap_err().to_string();
    assert!(error.contains("wanted [1, values]") && error.contains("pool = "), "{error}");
    let missing = TextSpec { output: "nothing".to_owned(), ..expected.spec() };
    let missing = TextEncoder::load(&onnx, &sound, "bert", &missing);
    let Err(EncodeError::Backbone(BackboneError::Parse { what, .. })) = missing else {
        panic!("{missing:?}")
    };
    assert_eq!(what, "there is no tensor nothing; its outputs are last_hidden_state");
    let sees = read_network(&data("tiny.onnx"), "").unwrap();
    let spec = TextSpec { tokens: 8, pool: TokenPooling::Mean, output: "map".to_owned() };
    assert!(TextNetwork::load(&sees, "tiny", &spec).is_err());
}
