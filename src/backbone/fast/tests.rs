use std::sync::Arc;

use tract_core::internal::*;
use tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec, PoolSpec};
use tract_core::ops::nn::DataFormat;

use super::net::{Heads, Leaves, Map, Net, Node, Op, Weights};
use super::program::Program;
use super::regions::rewrite;
use super::share::{Share, Team};
use fieldtune_kernels::conv::Window;
use fieldtune_kernels::pool::Pool;
use fieldtune_kernels::{Act, Curve, Level};

/// A 1x1 convolution of a map of 4 x 4 pixels, behind it `x * sigmoid(x)`, a sum over all pixels that the map is
/// multiplied with, and another convolution.
fn gated_net() -> Net {
    let map = |channels, side| Map { channels, size: [side; 2] };
    let dense = |channels: usize| {
        let tensor = Arc::new(Tensor::zero::<f32>(&[channels, 3]).expect("a small tensor"));
        let (scale, bias) = (vec![1.0; channels], vec![0.0; channels]);
        Op::Dense(Window::ONE, Weights { tensor, steps: [3, 1, 1], scale, bias })
    };
    let sigmoid = Act { curve: Curve::Sigmoid, ..Act::NONE };
    let nodes = [
        (Op::Input, Act::NONE, vec![], map(3, 4)),
        (dense(3), Act::NONE, vec![0], map(3, 4)),
        (Op::Alone, sigmoid, vec![1], map(3, 4)),
        (Op::Times, Act::NONE, vec![1, 2], map(3, 4)),
        (Op::Sum(1.0), Act::NONE, vec![3], map(3, 1)),
        (Op::Scaled, Act::NONE, vec![3, 4], map(3, 4)),
        (dense(16), Act::NONE, vec![5], map(16, 4)),
    ];
    let node = |(op, act, inputs, map)| Node { name: String::new(), op, act, inputs, map };
    Net { nodes: nodes.map(node).into(), outputs: vec![(6, Leaves::Planar)] }
}

#[test]
fn a_gated_activation_becomes_part_of_its_convolution() {
    let net = gated_net().fuse();
    let silu = Act { curve: Curve::Silu, ..Act::NONE };
    assert!(matches!(net.nodes[1], Node { op: Op::Dense(..), act, .. } if act == silu));
    assert_eq!(net.nodes.len(), 5, "{:?}", net.nodes);
}

#[test]
fn factors_of_channels_go_into_fewer_weights() {
    let net = gated_net().fuse().gate();
    let [.., last] = net.nodes.as_slice() else { panic!("no nodes") };
    assert!(matches!(last.op, Op::Gated(_)) && last.inputs == [1, 2], "{last:?}");
    let mut wide = gated_net();
    wide.nodes[6].map.channels = 17;
    let net = wide.fuse().gate();
    assert_eq!(net.nodes.len(), 5, "17 channels of 16 pixels are more weights than values");
}

/// Weights that all differ: of an output, an input and a place of the window.
fn uneven(channels: usize, inputs: usize, places: usize) -> Weights {
    let values = (0..channels * inputs * places).map(|at| (at * 7919 % 256) as f32 / 128.0 - 1.0);
    let tensor = Tensor::from_shape(&[channels, inputs, places], &values.collect::<Vec<_>>());
    let tensor = Arc::new(tensor.expect("as many values as the shape says"));
    let (scale, bias) = (vec![1.0; channels], vec![0.1; channels]);
    Weights { tensor, steps: [inputs * places, places, 1], scale, bias }
}

/// What a net makes of an uneven map.
fn run(net: Net, level: Level) -> Vec<f32> {
    run_by(net, level, &Team::ALONE, 1)
}

/// The same by several threads, as if all work were worth it.
fn run_by(net: Net, level: Level, team: &Team, threads: usize) -> Vec<f32> {
    let [input, result] = [net.nodes[0].map, net.nodes[net.outputs[0].0].map];
    let program = Program::planned(net, level, Share { threads, least: 1 });
    let values = (0..input.channels * input.pixels()).map(|at| (at * 31 % 97) as f32 / 48.0 - 1.0);
    let (values, mut buffers): (Vec<f32>, _) = (values.collect(), program.buffers());
    program.run(&[&values], &mut buffers, team, &mut |_| ());
    let mut out = vec![f32::NAN; result.channels * result.pixels()];
    program.result(0, &[&values], &mut buffers, &mut out);
    out
}

#[test]
fn convolutions_in_strips_give_the_same_bits() {
    for (side, stride, [height, width]) in
        [(3, 1, [9, 14]), (3, 2, [40, 33]), (5, 1, [64, 60]), (5, 2, [61, 64]), (1, 3, [50, 50])]
    {
        let pad = side / 2;
        let window =
            Window { size: [side; 2], stride: [stride; 2], dilation: [1, 1], pad: [pad; 2] };
        let size = [height, width];
        let to = size.map(|axis| (axis + 2 * pad - side) / stride + 1);
        let map = |channels, size| Map { channels, size };
        let nodes = [
            (Op::Input, Act::NONE, vec![], map(5, size)),
            (Op::Dense(Window::ONE, uneven(70, 5, 1)), Act::RELU6, vec![0], map(70, size)),
            (Op::Depthwise(window, uneven(70, 1, side * side)), Act::RELU, vec![1], map(70, to)),
        ];
        let node = |(op, act, inputs, map)| Node { name: String::new(), op, act, inputs, map };
        let net = Net { nodes: nodes.map(node).into(), outputs: vec![(2, Leaves::Planar)] };
        let together = net.clone().expand(|_, _| true);
        assert!(matches!(together.nodes[1].op, Op::Expanded(..)), "{:?}", together.nodes);
        for level in Level::all() {
            let what = format!("{}, {window:?} over {size:?}", level.name());
            assert_eq!(run(together.clone(), level), run(net.clone(), level), "{what}");
        }
    }
}

#[test]
fn shared_steps_give_the_same_bits() {
    let three = |pad| Window { size: [3, 3], stride: [1, 1], dilation: [1, 1], pad: [pad; 2] };
    let (map, size) = (|channels, side| Map { channels, size: [side; 2] }, [3, 3]);
    let step = Window { size: [1, 1], stride: [2, 2], ..Window::ONE };
    let halved = Window { size, stride: [2, 2], dilation: [1, 1], pad: [1, 1] };
    let silu = Act { curve: Curve::Silu, ..Act::NONE };
    let affine = |scale: f32| (0..70).map(|at| scale * (at % 5) as f32).collect::<Vec<f32>>();
    let nodes = [
        (Op::Input, Act::NONE, vec![], map(3, 12)),
        (Op::Dense(three(1), uneven(70, 3, 9)), Act::RELU6, vec![0], map(70, 12)),
        (Op::Dense(Window::ONE, uneven(70, 70, 1)), silu, vec![1], map(70, 12)),
        (Op::Depthwise(three(1), uneven(70, 1, 9)), Act::RELU, vec![2], map(70, 12)),
        (Op::Dense(three(1), uneven(70, 70, 9)), Act::RELU, vec![3, 2], map(70, 12)),
        (Op::Plus, Act::NONE, vec![1, 4], map(70, 12)),
        (Op::Affine(affine(0.25), affine(-0.5)), Act::RELU, vec![5], map(70, 12)),
        (Op::Pool(Pool::Max, halved), Act::NONE, vec![6], map(70, 6)),
        (Op::Dense(step, uneven(70, 70, 1)), Act::NONE, vec![6], map(70, 6)),
        (Op::Times, silu, vec![7, 8], map(70, 6)),
        (Op::Sum(1.0 / 36.0), Act::NONE, vec![9], map(70, 1)),
        (Op::Dense(Window::ONE, uneven(70, 70, 1)), Act::RELU, vec![10], map(70, 1)),
        (Op::Scaled, Act::NONE, vec![9, 11], map(70, 6)),
        (Op::Dense(Window::ONE, uneven(33, 70, 1)), Act::NONE, vec![12], map(33, 6)),
        (Op::Alone, silu, vec![13], map(33, 6)),
        (Op::Dense(three(1), uneven(41, 33, 9)), Act::NONE, vec![14], map(41, 6)),
    ];
    let node = |(op, act, inputs, map)| Node { name: String::new(), op, act, inputs, map };
    let net = Net { nodes: nodes.map(node).into(), outputs: vec![(15, Leaves::Planar)] };
    for net in [net.clone(), net.clone().gate(), net.expand(|_, _| true)] {
        for level in Level::all() {
            let alone = run(net.clone(), level);
            assert!(alone.iter().all(|value| value.is_finite()) && alone[0] != alone[1]);
            for threads in [2, 3, 4, 16] {
                let team = Team::of(threads);
                let shared = run_by(net.clone(), level, &team, threads);
                assert_eq!(shared, alone, "{} by {threads}", level.name());
            }
        }
    }
}

#[test]
fn shared_heads_give_the_same_bits() {
    let map = |channels| Map { channels, size: [21, 1] };
    let heads = Heads { count: 5, size: 16, scale: 0.25, places: [[0, 16], [80, 16], [160, 16]] };
    let gelu = Act { curve: Curve::Gelu, ..Act::NONE };
    let dense = |to, from| Op::Dense(Window::ONE, uneven(to, from, 1));
    let nodes = [
        (Op::Rows, Act::NONE, vec![], map(70)),
        (Op::Norm(1e-6, vec![0.2; 70], vec![0.1; 70]), Act::NONE, vec![0], map(70)),
        (dense(240, 70), Act::NONE, vec![1], map(240)),
        (Op::Attention(heads), Act::NONE, vec![2, 2, 2], map(80)),
        (dense(70, 80), gelu, vec![3, 0], map(70)),
    ];
    let node = |(op, act, inputs, map)| Node { name: String::new(), op, act, inputs, map };
    let net = Net { nodes: nodes.map(node).into(), outputs: vec![(4, Leaves::Rows)] };
    for level in Level::all() {
        let alone = run(net.clone(), level);
        assert!(alone.iter().all(|value| value.is_finite()) && alone[0] != alone[1]);
        for threads in [2, 3, 16] {
            let shared = run_by(net.clone(), level, &Team::of(threads), threads);
            assert_eq!(shared, alone, "{} by {threads}", level.name());
        }
    }
}

/// A convolution of a map of 32 x 32 from outside.
fn convolution(channels: usize, side: usize) -> TractResult<TypedModel> {
    let mut model = TypedModel::default();
    let map = model.add_source("map", f32::fact([1, channels, 32, 32]))?;
    let weights = Tensor::zero::<f32>(&[channels, channels, side, side])?;
    let weights = model.add_const("weights", weights)?;
    let bias = model.add_const("bias", Tensor::zero::<f32>(&[channels])?)?;
    let pool_spec = PoolSpec {
        data_format: DataFormat::NCHW,
        kernel_shape: tvec!(side; 2),
        padding: PaddingSpec::SameUpper,
        dilations: None,
        strides: None,
        input_channels: channels,
        output_channels: channels,
    };
    let conv = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: 1, q_params: None };
    let out = model.wire_node("conv", conv, &[map, weights, bias])?;
    model.select_output_outlets(&out)?;
    Ok(model)
}

#[test]
fn little_work_on_many_values_is_left_to_the_runtime() {
    let is_ours = |channels, side, pooled| {
        let model = convolution(channels, side).expect("it is a network");
        rewrite(&model, &[pooled]).expect("it is read").is_some()
    };
    assert!(!is_ours(16, 1, false), "8 multiply-accumulates for each value that comes or goes");
    assert!(is_ours(64, 3, false));
    assert!(!is_ours(128, 1, false) && is_ours(128, 1, true), "of a pooled map only sums leave");
}
