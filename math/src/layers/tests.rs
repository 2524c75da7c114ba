use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;

fn size(channels: usize, height: usize, width: usize) -> Size {
    Size { channels, height, width }
}

fn window(side: usize, stride: usize) -> Window {
    Window { size: [side; 2], stride: [stride; 2], dilation: [1; 2], pad: [side / 2; 2] }
}

fn node(op: Op, act: Act, inputs: &[usize], size: Size) -> Node {
    Node { op, act, inputs: inputs.to_vec(), size }
}

fn curve(curve: Curve) -> Act {
    Act { curve, ..Act::NONE }
}

fn drawn(random: &mut ChaCha8Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// A network of these nodes behind a map of 3 channels, with drawn weights.
fn network(input: Size, nodes: Vec<Node>, blocks: Vec<Block>, random: &mut ChaCha8Rng) -> Network {
    let wanted = Network::new(input, nodes.clone(), blocks.clone(), Vec::new());
    let len = match wanted {
        Ok(_) => 0,
        Err(error) => error.split(' ').nth(1).and_then(|len| len.parse().ok()).expect(&error),
    };
    Network::new(input, nodes, blocks, drawn(random, len)).expect("it fits together")
}

/// The sum of the feature's values times fixed numbers.
fn value(network: &Network, maps: &[f32], factors: &[f32]) -> f64 {
    let mut pass = Pass::default();
    network.forward(maps, &mut pass);
    pass.feature().iter().zip(factors).map(|(a, b)| f64::from(a * b)).sum()
}

/// That backward gives the slopes that small steps of each weight find.
fn check(name: &str, network: &Network, random: &mut ChaCha8Rng) {
    let maps = drawn(random, 2 * network.input().values());
    let factors = drawn(random, 2 * network.dim());
    let mut pass = Pass::default();
    network.forward(&maps, &mut pass);
    let mut slopes = vec![0.0; network.weights().len()];
    network.backward(&mut pass, &factors, &mut slopes);
    assert!(slopes.iter().any(|slope| slope.abs() > 1e-3), "{name}: all slopes are zero");
    let step = 2e-3;
    let mut wrong = Vec::new();
    for (at, slope) in slopes.iter().enumerate() {
        let moved = |by: f32| {
            let mut moved = network.clone();
            moved.weights_mut()[at] += by;
            value(&moved, &maps, &factors)
        };
        let found = (moved(step) - moved(-step)) / f64::from(2.0 * step);
        if (found - f64::from(*slope)).abs() > 4e-3 + 2e-2 * found.abs() {
            wrong.push((at, found, *slope));
        }
    }
    // A step over a corner of a ReLU or to another largest pixel finds a slope between two.
    let most = slopes.len() / 20;
    assert!(wrong.len() <= most, "{name}: {} of {}: {wrong:?}", wrong.len(), slopes.len());
}

#[test]
fn slopes_are_those_that_small_steps_find() {
    let (input, full) = (size(3, 5, 4), size(6, 5, 4));
    let mean = |value| Block { value, largest: false };
    let dense = |side, stride| Op::Dense(window(side, stride));
    let first = || node(dense(1, 1), Act::NONE, &[0], full);
    let relu6 = Act { hi: 0.8, ..Act::RELU };
    let cases: Vec<(&str, Vec<Node>, Vec<Block>)> = vec![
        ("1x1", vec![first(), node(dense(1, 1), Act::NONE, &[1], size(4, 5, 4))], vec![mean(2)]),
        (
            "relu",
            vec![node(dense(1, 1), Act::RELU, &[0], full), node(dense(1, 1), relu6, &[1], full)],
            vec![mean(2)],
        ),
        (
            "3x3",
            vec![first(), node(dense(3, 1), curve(Curve::Silu), &[1], size(4, 5, 4))],
            vec![mean(2)],
        ),
        (
            "3x3 in steps of 2",
            vec![first(), node(dense(3, 2), Act::NONE, &[1], size(4, 3, 2))],
            vec![mean(2)],
        ),
        (
            "depthwise",
            vec![first(), node(Op::Depthwise(window(3, 1)), Act::NONE, &[1], full)],
            vec![mean(2)],
        ),
        (
            "depthwise, 5x5 in steps of 2",
            vec![
                first(),
                node(Op::Depthwise(window(5, 2)), curve(Curve::HardSwish), &[1], size(6, 3, 2)),
            ],
            vec![mean(2)],
        ),
        (
            "residual",
            vec![
                first(),
                node(dense(1, 1), curve(Curve::HardSwish), &[1], full),
                node(Op::Plus, Act::NONE, &[1, 2], full),
            ],
            vec![mean(3)],
        ),
        (
            "residual in one go",
            vec![first(), node(dense(1, 1), Act::RELU, &[1, 1], full)],
            vec![mean(2)],
        ),
        (
            "squeeze and excite",
            vec![
                first(),
                node(Op::Sum(0.05), Act::NONE, &[1], size(6, 1, 1)),
                node(dense(1, 1), Act::RELU, &[2], size(2, 1, 1)),
                node(dense(1, 1), curve(Curve::Sigmoid), &[3], size(6, 1, 1)),
                node(Op::Scaled, Act::NONE, &[1, 4], full),
            ],
            vec![mean(5)],
        ),
        (
            "gate",
            vec![
                first(),
                node(Op::Alone, curve(Curve::Sigmoid), &[1], full),
                node(Op::Times, Act::NONE, &[1, 2], full),
            ],
            vec![mean(3)],
        ),
        (
            "affine",
            vec![
                first(),
                node(Op::Affine(vec![1.5; 6], vec![-0.5; 6]), curve(Curve::Silu), &[1], full),
            ],
            vec![mean(2)],
        ),
        (
            "gelu",
            vec![first(), node(dense(3, 1), curve(Curve::Gelu), &[1], size(4, 5, 4))],
            vec![mean(2)],
        ),
        (
            "largest and several blocks",
            vec![first(), node(dense(1, 1), curve(Curve::Silu), &[1], full)],
            vec![Block { value: 1, largest: true }, mean(2), Block { value: 0, largest: false }],
        ),
    ];
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for (name, nodes, blocks) in cases {
        let network = network(input, nodes, blocks, &mut random);
        check(name, &network, &mut random);
    }
}

/// The line of that name of what PyTorch found, see tests/reference/layers.py.
fn torch(name: &str) -> Vec<f32> {
    let mut lines = include_str!("torch.txt").lines();
    let values = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect(name);
    values.split(' ').map(|value| value.parse().expect(value)).collect()
}

fn alike(name: &str, ours: &[f32]) {
    let theirs = torch(name);
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (at, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        assert!((a - b).abs() <= 2e-5 * b.abs().max(1.0), "{name} {at}: {a}, PyTorch {b}");
    }
}

#[test]
fn slopes_and_steps_are_those_of_pytorch() {
    let (input, full, vector) = (size(3, 6, 5), size(6, 6, 5), |channels| size(channels, 1, 1));
    let dense = Op::Dense(Window::ONE);
    let nodes = vec![
        node(dense.clone(), Act { hi: 6.0, ..Act::RELU }, &[0], full),
        node(Op::Depthwise(window(3, 1)), curve(Curve::HardSwish), &[1], full),
        node(Op::Sum(1.0 / 30.0), Act::NONE, &[2], vector(6)),
        node(dense.clone(), Act::RELU, &[3], vector(2)),
        node(dense.clone(), curve(Curve::Sigmoid), &[4], vector(6)),
        node(Op::Scaled, Act::NONE, &[2, 5], full),
        node(dense, Act::NONE, &[6, 1], full),
        node(Op::Dense(window(3, 2)), curve(Curve::Silu), &[7], size(4, 3, 3)),
    ];
    let blocks = vec![Block { value: 7, largest: true }, Block { value: 8, largest: false }];
    let mut network = Network::new(input, nodes, blocks, torch("weights")).expect("it fits");
    let mut softmax = Softmax::new(3, torch("head"));
    let mut steps = [Adam::new(network.weights().len()), Adam::new(softmax.weights().len())];
    let rates = |len| [Rate { range: 0..len, rate: 3e-3 }];
    let maps = torch("maps");
    let mut pass = Pass::default();
    for step in 0..4 {
        network.forward(&maps, &mut pass);
        let mut of_head = vec![0.0; softmax.weights().len()];
        let truths = [(2, 1.0), (0, 0.5)];
        let (loss, of_feature) = softmax.loss(pass.feature(), &truths, &mut of_head);
        let feature = pass.feature().to_vec();
        let mut slopes = vec![0.0; network.weights().len()];
        network.backward(&mut pass, &of_feature, &mut slopes);
        if step == 0 {
            alike("feature", &feature);
            alike("loss", &[loss]);
            alike("slopes", &slopes);
            alike("head_slopes", &of_head);
        }
        let len = slopes.len();
        steps[0].step(network.weights_mut(), &slopes, &rates(len), 1.0);
        let len = of_head.len();
        steps[1].step(softmax.weights_mut(), &of_head, &rates(len), 1.0);
    }
    alike("after", network.weights());
    alike("head_after", softmax.weights());
}

#[test]
fn the_loss_falls_by_its_slopes() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let softmax = Softmax::new(3, drawn(&mut random, 3 * 4 + 3));
    let features = drawn(&mut random, 5 * 4);
    let truths = [(0, 1.0), (2, 0.5), (1, 2.0), (1, 1.0), (0, 1.0)];
    let loss = |softmax: &Softmax, features: &[f32]| {
        softmax.loss(features, &truths, &mut vec![0.0; softmax.weights().len()])
    };
    let mut slopes = vec![0.0; softmax.weights().len()];
    let (_, of_features) = softmax.loss(&features, &truths, &mut slopes);
    for (at, slope) in slopes.iter().enumerate() {
        let moved = |by: f32| {
            let mut moved = softmax.clone();
            moved.weights_mut()[at] += by;
            loss(&moved, &features).0
        };
        let found = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        assert!((found - slope).abs() < 2e-3, "weight {at}: {found}, {slope}");
    }
    for (at, slope) in of_features.iter().enumerate() {
        let moved = |by: f32| {
            let mut moved = features.clone();
            moved[at] += by;
            loss(&softmax, &moved).0
        };
        let found = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        assert!((found - slope).abs() < 2e-3, "feature {at}: {found}, {slope}");
    }
}

#[test]
fn adam_finds_the_bottom_and_leaves_other_weights() {
    let mut weights = vec![3.0, -2.0, 1.0];
    let mut adam = Adam::new(3);
    let rates = [Rate { range: 0..2, rate: 0.05 }];
    for _ in 0..500 {
        let slopes: Vec<f32> = weights.iter().map(|weight| 2.0 * (weight - 0.5)).collect();
        adam.step(&mut weights, &slopes, &rates, 1.0);
    }
    assert!(
        (weights[0] - 0.5f32).abs() < 0.01 && (weights[1] - 0.5f32).abs() < 0.01,
        "{weights:?}"
    );
    assert_eq!(weights[2], 1.0);
    let mut slopes = [0.0; 3];
    pull(&weights, &[0.0, 0.0, 0.0], 2.0, &mut slopes);
    assert_eq!(slopes[2], 2.0);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let (input, full) = (size(3, 4, 4), size(6, 4, 4));
    let mean = Block { value: 1, largest: false };
    let dense = node(Op::Dense(Window::ONE), Act::NONE, &[0], full);
    let good = |weights| Network::new(input, vec![dense.clone()], vec![mean], weights);
    assert!(good(vec![0.5; 24]).is_ok());
    let far = Window { size: [0, 1], ..Window::ONE };
    let cases = [
        ("too few weights", good(vec![0.5; 23])),
        ("not finite", good(vec![f32::NAN; 24])),
        ("no block", Network::new(input, vec![dense.clone()], vec![], vec![0.5; 24])),
        (
            "a block of nothing",
            Network::new(
                input,
                vec![dense.clone()],
                vec![Block { value: 2, largest: false }],
                vec![0.5; 24],
            ),
        ),
        (
            "reads what comes later",
            Network::new(
                input,
                vec![Node { inputs: vec![1], ..dense.clone() }],
                vec![mean],
                vec![0.5; 24],
            ),
        ),
        (
            "other sizes",
            Network::new(
                input,
                vec![Node { op: Op::Plus, inputs: vec![0, 0], ..dense.clone() }],
                vec![mean],
                vec![],
            ),
        ),
        (
            "no window",
            Network::new(
                input,
                vec![Node { op: Op::Dense(far), ..dense.clone() }],
                vec![mean],
                vec![0.5; 6],
            ),
        ),
    ];
    for (name, made) in cases {
        assert!(made.is_err(), "{name}");
    }
}
