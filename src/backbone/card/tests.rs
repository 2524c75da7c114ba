use super::*;

const CARD: &str = r#"
name = "test"
file = "test.onnx"
bytes = 12
sha256 = "c0c3f76d93fa3fd6580652a45618618a220fced18babf65774ed169de0432ad5"
licence = "MIT"
[input]
size = 32
norm = "unit"
[[tap]]
tensor = "map"
pool = ["avg", "max"]
"#;

#[test]
fn every_built_in_card_is_valid_and_unique() {
    let cards = ModelCard::builtin_cards();
    let names: std::collections::BTreeSet<_> = cards.iter().map(|card| &card.name).collect();
    assert_eq!((names.len(), cards.len()), (CARDS.len() + 3, CARDS.len() + 3));
}

#[test]
fn a_card_is_written_and_read_again_unchanged() {
    let mut cards = ModelCard::builtin_cards();
    let mut odd = ModelCard::parse(CARD, "test.toml").expect("valid");
    let input = &mut odd.spec.input;
    (input.width, input.order, input.any_size) = (48, ChannelOrder::Bgr, true);
    (input.mean, input.fit) = ([0.1, 104.0, 1e-7], Fit::CenterCrop { fraction: 0.875 });
    odd.spec.taps[0].tensor = "a \"quoted\\\n\" name".to_owned();
    let (file, sha256) = ("a \"b\".data".to_owned(), [7; 32]);
    odd.data = vec![DataFile { file, bytes: 3, sha256 }];
    let mut grey = odd.clone();
    let input = &mut grey.spec.input;
    (input.order, input.mean, input.scale) = (ChannelOrder::Grey, [104.0; 3], [0.5; 3]);
    cards.push(grey.clone());
    let input = &mut grey.spec.input;
    (input.mean, input.scale) = ChannelOrder::Grey.of_rgb(Norm::Imagenet.mean_scale());
    let mut twice = grey.clone();
    twice.spec.input.fit = Fit::WholeAndCenter { fraction: 0.7 };
    cards.extend([odd, grey, twice]);
    for card in cards {
        let text = card.to_toml();
        let again = ModelCard::parse(&text, "again.toml").map_err(|error| error.to_string());
        assert_eq!(again, Ok(card), "{text}");
    }
}

#[test]
fn mistakes_in_a_card_name_key_and_wanted() {
    let cases = [
        ("unknown key", CARD.replace("licence", "license"), "license"),
        ("short hash", CARD.replace("c0c3", "c0"), "sha256"),
        ("path as file", CARD.replace("test.onnx", "../test.onnx"), "file"),
        ("no size", CARD.replace("size = 32", ""), "size"),
        ("size twice", CARD.replace("size = 32", "size = 32\nwidth = 3"), "size"),
        ("zero size", CARD.replace("size = 32", "size = 0"), "1 to 4096"),
        ("no norm", CARD.replace("norm = \"unit\"", ""), "norm"),
        ("unknown pooling", CARD.replace("\"max\"", "\"median\""), "median"),
        ("no pooling", CARD.replace("\"avg\", \"max\"", ""), "pool"),
        ("no bytes", CARD.replace("bytes = 12", "bytes = 0"), "bytes"),
    ];
    ModelCard::parse(CARD, "test.toml").expect("the card itself is valid");
    for (name, text, wanted) in cases {
        let error = ModelCard::parse(&text, "test.toml").expect_err(name).to_string();
        assert!(error.starts_with("test.toml: ") && error.contains(wanted), "{name}: {error}");
    }
}
