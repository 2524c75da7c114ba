//! What fuzzing found, each as small as it gets.

use fieldtune::backbone::Graph;
use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{Command, CommandError, NewExample, TeachExamples, UndoLatest};
use fieldtune::learn::head::{
    FeatureScaling, HeadConfig, HeadKind, MAX_PENALTY, MAX_STEP_SIZE, Method, SldaUpdate,
};
use fieldtune::learn::learner::{LearnError, Learner};
use fieldtune::protocol::console::{Console, Event};
use fieldtune::store::snapshot::{ModelId, Snapshot};

fn bytes(learner: &Learner) -> Vec<u8> {
    let model = ModelId { name: "found".to_owned(), fingerprint: [7; 32], dim: 2 };
    Snapshot::of(learner, model).encode()
}

fn teach(learner: &mut Learner, class: &str, features: &[[f32; 2]]) -> Result<(), CommandError> {
    let example = |feature: &[f32; 2]| NewExample::new(feature.to_vec(), &"x".repeat(100));
    let teach =
        TeachExamples { class: class.to_owned(), examples: features.iter().map(example).collect() };
    Command::Teach(teach).apply(learner, Timestamp(1)).map(drop)
}

/// A head that cannot forget.
fn published() -> HeadConfig {
    let method = Method::Slda { shrinkage: 0.5, update: SldaUpdate::Published };
    HeadConfig { method, scaling: FeatureScaling::default() }
}

#[test]
fn a_tab_behind_a_space_of_several_bytes_completes() {
    let mut console = Console::new(true);
    let mut out = Vec::new();
    let mut typed = "teach\u{3000}g\t".as_bytes();
    let event = console.feed(&mut typed, &mut out);
    assert!(matches!(event, Some(Event::Names(_))), "{event:?}");
    console.complete(&["good".to_owned()], &mut out);
    let shown = String::from_utf8(out).expect("a console speaks UTF-8");
    assert!(shown.ends_with("teach\u{3000}good "), "{shown:?}");
}

#[test]
fn a_refused_change_leaves_every_head_unchanged() {
    // Room for two; the third is refused behind the second, which then has to go again.
    let mut learner = Learner::new(2, published(), 2 * (2 * 2 + 100 + 64)).expect("valid settings");
    teach(&mut learner, "a", &[[1.0, 0.0]]).expect("there is room");
    let before = (bytes(&learner), learner.classify(&[1.0, 0.5]));
    let error = teach(&mut learner, "b", &[[0.0, 1.0], [0.5, 1.0], [0.5, 0.5]]).map(drop);
    assert!(matches!(error, Err(CommandError::Learn(LearnError::Budget { .. }))), "{error:?}");
    assert_eq!((bytes(&learner), learner.classify(&[1.0, 0.5])), before);
}

#[test]
fn teaching_a_head_that_cannot_forget_can_be_undone() {
    let mut learner = Learner::new(2, published(), 1 << 20).expect("valid settings");
    teach(&mut learner, "a", &[[1.0, 0.0], [1.0, 0.1]]).expect("there is room");
    let before = (learner.examples().len(), learner.classify(&[1.0, 0.5]));
    for undo in [true, false] {
        teach(&mut learner, "b", &[[0.0, 1.0]]).expect("there is room");
        if undo {
            Command::Undo(UndoLatest).apply(&mut learner, Timestamp(2)).expect("it was the latest");
        } else {
            // As where the store is full.
            learner.revoke();
        }
        assert_eq!((learner.examples().len(), learner.classify(&[1.0, 0.5])), before);
    }
}

#[test]
fn the_largest_settings_of_a_training_end_with_finite_weights() {
    // With a penalty of 1e38 no step size was small enough: it was tried with ever smaller ones, for ever.
    for kind in [HeadKind::Mlp, HeadKind::Softmax] {
        let mut config = HeadConfig::of(kind);
        config.scaling.unit_length = false;
        match &mut config.method {
            Method::Mlp(settings) => {
                settings.learning_rate = MAX_STEP_SIZE;
                settings.weight_decay = MAX_PENALTY;
            }
            Method::Softmax(settings) => {
                settings.learning_rate = MAX_STEP_SIZE;
                settings.l2 = MAX_PENALTY;
                settings.momentum = 1.0 - f32::EPSILON;
            }
            _ => unreachable!("both are trained"),
        }
        let mut learner = Learner::new(2, config.clone(), 1 << 20).expect("just within the limits");
        teach(&mut learner, "a", &[[6e4, 6e-8], [6e4, 0.0]]).expect("there is room");
        teach(&mut learner, "b", &[[6e4, 0.0]]).expect("there is room");
        let verdict =
            learner.classify(&[1.0, 0.5]).expect("a finite feature").expect("two classes");
        assert!((0.0..=1.0).contains(&verdict.confidence), "{kind}: {verdict:?}");
    }
}

#[test]
fn echoed_and_completed_input_is_not_obeyed() {
    for hostile in ["\u{202e}", "\u{2066}", "\u{200b}", "\u{61c}", "\u{e0041}"] {
        let mut console = Console::new(true);
        let mut out = Vec::new();
        assert!(console.feed(&mut format!("x{hostile}").as_bytes(), &mut out).is_none());
        console.feed(&mut &b"\x15teach \t"[..], &mut out).expect("the classes are asked for");
        console.complete(&[format!("good{hostile}")], &mut out);
        super::checks::assert_for_terminal(&out);
        // It stays in the line, where it is refused by name.
        out.clear();
        let line = format!("\x15x{hostile}\r");
        assert!(console.feed(&mut line.as_bytes(), &mut out).is_none());
        super::checks::assert_for_terminal(&out);
        let escaped = hostile.escape_unicode().to_string();
        assert!(String::from_utf8_lossy(&out).contains(&escaped), "{hostile:?}: {out:?}");
    }
}

/// A field of protobuf with a length, below 128 bytes each.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short");
    assert!(length < 128);
    [&[number << 3 | 2, length], content].concat()
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str], attribute: &[u8]) -> Vec<u8> {
    let names = |number: u8, names: &[&str]| -> Vec<u8> {
        names.iter().flat_map(|name| field(number, name.as_bytes())).collect()
    };
    let operator = field(4, operator.as_bytes());
    field(1, &[names(1, inputs), names(2, outputs), operator, attribute.to_vec()].concat())
}

/// * `data_type`: 1 is f32, 3 is i8.
fn tensor(name: &str, dims: &[u64], data_type: u8, raw: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for &dim in dims {
        content.push(1 << 3);
        let mut left = dim;
        while left >= 0x80 {
            content.push(left as u8 | 0x80);
            left >>= 7;
        }
        content.push(left as u8);
    }
    content.extend([2 << 3, data_type]);
    content.extend(field(8, name.as_bytes()));
    content.extend(field(9, raw));
    field(5, &content)
}

/// A network that gives `y` of its input `x`, and these parts besides.
fn network(parts: &[Vec<u8>]) -> Graph {
    let relu = node("Relu", &["x"], &["y"], &[]);
    let ends = [field(11, &field(1, b"x")), field(12, &field(1, b"y"))].concat();
    let graph = [parts.concat(), relu, ends].concat();
    let length = graph.len();
    let mut file = vec![7 << 3 | 2, length as u8 | 0x80, (length >> 7) as u8];
    file.extend(graph);
    Graph::parse(&file, "network").expect("its own checks have nothing against it")
}

#[test]
fn absurd_roundings_and_weight_shapes_are_left_alone() {
    let scale =
        |count: usize| tensor("scale", &[count as u64], 1, &[0, 0, 0x80, 0x3f].repeat(count));
    let no_result = network(&[
        scale(1),
        node("QuantizeLinear", &["x", "scale"], &["q"], &[]),
        node("DequantizeLinear", &["q", "scale"], &[], &[]),
    ]);
    // No values at all, and more behind them than can be counted.
    let absurd = network(&[
        scale(2),
        tensor("w", &[0, 2, 1 << 40, 1 << 40], 3, &[]),
        node("DequantizeLinear", &["w", "scale"], &["v"], &[]),
    ]);
    for graph in [no_result, absurd] {
        graph.cut(&["y".to_owned()]).expect("what it has nothing to do with is left out");
    }
}
