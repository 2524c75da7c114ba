use super::*;
use crate::image::frame::Timestamp;
use crate::image::levels::Levels;

fn spec(width: u32, height: u32) -> InputSpec {
    let (mean, scale) = Norm::Unit.mean_scale();
    let (layout, order, fit) = (Layout::Nchw, ChannelOrder::Rgb, Fit::Whole);
    InputSpec { width, height, layout, order, mean, scale, fit, any_size: false }
}

fn frame(width: u32, height: u32, pixels: Vec<u8>) -> Frame {
    Frame::new(width, height, pixels, Timestamp(0)).expect("the sides fit")
}

#[test]
fn layouts_and_channel_orders_put_every_value_in_its_place() {
    let one = frame(2, 1, vec![255, 51, 0, 0, 102, 204]);
    let rgb = [1.0, 0.2, 0.0, 0.0, 0.4, 0.8];
    let cases = [
        ("nchw rgb", Layout::Nchw, ChannelOrder::Rgb, [0, 3, 1, 4, 2, 5]),
        ("nchw bgr", Layout::Nchw, ChannelOrder::Bgr, [2, 5, 1, 4, 0, 3]),
        ("nhwc rgb", Layout::Nhwc, ChannelOrder::Rgb, [0, 1, 2, 3, 4, 5]),
        ("nhwc bgr", Layout::Nhwc, ChannelOrder::Bgr, [2, 1, 0, 5, 4, 3]),
    ];
    for (name, layout, order, expected) in cases {
        let spec = InputSpec { layout, order, ..spec(2, 1) };
        let mut preprocessor = Preprocessor::new(spec).expect("a valid specification");
        let tensor = preprocessor.apply(&one).expect("a valid frame");
        for (got, from) in tensor.iter().zip(expected) {
            assert!((got - rgb[from]).abs() < 1e-6, "{name}: {tensor:?}");
        }
    }
}

#[test]
fn a_network_of_one_channel_is_fed_the_luma() {
    // Pillow: Image.new("RGB", (1, 1), colour).convert("L").
    let pixels = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 200, 77], [255; 3], [1, 2, 3]];
    let luma = [76.0, 150.0, 29.0, 129.0, 255.0, 2.0];
    for layout in [Layout::Nchw, Layout::Nhwc] {
        let spec = InputSpec { layout, order: ChannelOrder::Grey, ..spec(6, 1) };
        let mut preprocessor = Preprocessor::new(spec.clone()).expect("a valid specification");
        let tensor = preprocessor.apply(&frame(6, 1, pixels.concat())).expect("a valid frame");
        assert_eq!(tensor.shape(), spec.shape());
        for (got, luma) in tensor.iter().zip(luma) {
            assert!((got * 255.0 - luma).abs() < 1e-3, "{layout:?}: {tensor:?}");
        }
    }
    let (mean, scale) = ChannelOrder::Grey.of_rgb(Norm::Imagenet.mean_scale());
    assert!(
        (mean[0] / 255.0 - 0.449).abs() < 1e-4 && (scale[0] * 255.0 * 0.226 - 1.0).abs() < 1e-4
    );
}

#[test]
fn a_centre_crop_keeps_the_aspect_ratio() {
    let pixels = (0..6).flat_map(|x| [if (2..4).contains(&x) { 200 } else { 0 }; 3]).collect();
    let wide = frame(6, 1, pixels);
    let spec = InputSpec { fit: Fit::CenterCrop { fraction: 1.0 }, ..spec(2, 1) };
    let mut preprocessor = Preprocessor::new(spec).expect("a valid specification");
    assert!(preprocessor.resize(&wide).expect("a valid frame").iter().all(|&v| v == 200));
}

#[test]
fn specifications_that_cannot_work_are_refused() {
    let base = || spec(8, 8);
    let cases = [
        ("no width", InputSpec { width: 0, ..base() }),
        ("too high", InputSpec { height: MAX_INPUT_SIDE + 1, ..base() }),
        ("NaN mean", InputSpec { mean: [0.0, f32::NAN, 0.0], ..base() }),
        ("no scale", InputSpec { scale: [1.0, 1.0, 0.0], ..base() }),
        ("no crop", InputSpec { fit: Fit::CenterCrop { fraction: 0.0 }, ..base() }),
        ("NaN crop", InputSpec { fit: Fit::CenterCrop { fraction: f32::NAN }, ..base() }),
    ];
    for (name, spec) in cases {
        assert!(Preprocessor::new(spec).is_err(), "{name}");
    }
}

#[test]
fn fed_behind_levels_frames_look_as_through_them() {
    let levels = Levels { gain: [1.25, 0.75, 1.5], offset: [3.0, -7.0, 0.0] };
    let pixels = (0..6 * 4 * 3).map(|at| (at * 37 % 120 + 30) as u8).collect();
    let frame = Frame::new(6, 4, pixels, Timestamp(0)).expect("the sides fit");
    for order in [ChannelOrder::Rgb, ChannelOrder::Bgr] {
        let (mean, scale) = order.of_rgb(Norm::Imagenet.mean_scale());
        let spec = InputSpec {
            width: 6,
            height: 4,
            layout: Layout::Nchw,
            order,
            mean,
            scale,
            fit: Fit::Whole,
            any_size: false,
        };
        let fed = |spec: InputSpec, frame: &Frame| {
            Preprocessor::new(spec).expect("valid").apply(frame).expect("it fits").clone()
        };
        let behind = fed(spec.behind(&levels).expect("three colours"), &frame);
        let through = fed(spec.clone(), &levels.apply(&frame));
        // Half a grey level.
        let far = behind.iter().zip(&through).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far <= 0.51 * scale.iter().copied().fold(0.0, f32::max), "{order:?}: {far}");
        assert!(behind.iter().zip(&fed(spec, &frame)).any(|(a, b)| (a - b).abs() > 0.5));
    }
    let grey = |levels: Levels| {
        let (mean, scale) = Norm::Unit.mean_scale();
        let (layout, order, fit) = (Layout::Nchw, ChannelOrder::Grey, Fit::Whole);
        InputSpec { width: 1, height: 1, layout, order, mean, scale, fit, any_size: false }
            .behind(&levels)
    };
    assert!(grey(levels).is_none() && grey(Levels { gain: [2.0; 3], offset: [1.0; 3] }).is_some());
}
