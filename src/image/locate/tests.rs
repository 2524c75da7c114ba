use super::*;
use crate::image::frame::Timestamp;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

/// Of what is shown: 120 pixels wide and 90 high, in the middle.
const REGION: Region = Region::Pixels { x: 100, y: 75, width: 120, height: 90 };

/// From -1 to 1, the same for the same numbers.
fn noise(at: u64, seed: u64) -> f32 {
    let mut hash =
        at.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed.wrapping_mul(0xd1b5_4a32_d192_ed03);
    hash ^= hash >> 31;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    (hash >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// A plate with a notch and a hole on a bench, moved and turned clockwise around the middle of the frame.
fn plate(x: f32, y: f32, degrees: f32, light: (f32, f32), seed: u64) -> Frame {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let mut pixels = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    for row in 0..HEIGHT {
        for column in 0..WIDTH {
            // Four samples a pixel, so that edges are where they are.
            let mut level = 0.0;
            for (right, down) in [(-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)] {
                let across = column as f32 + right - (WIDTH as f32 - 1.0) / 2.0 - x;
                let down = row as f32 + down - (HEIGHT as f32 - 1.0) / 2.0 - y;
                let (u, v) = (across * cos + down * sin, -across * sin + down * cos);
                let is_plate = u.abs() < 50.0 && v.abs() < 35.0 && !(u > 25.0 && v < -15.0);
                let is_hole = (u + 20.0).powi(2) + (v - 8.0).powi(2) < 80.0;
                level += if is_plate && !is_hole { 40.0 } else { 22.0 };
            }
            let at = u64::from(row * WIDTH + column);
            let level = light.0 + light.1 * level + 4.0 * noise(at, seed);
            pixels.extend([level.clamp(0.0, 255.0) as u8; 3]);
        }
    }
    Frame::new(WIDTH, HEIGHT, pixels, Timestamp(seed)).expect("the sides fit")
}

#[test]
fn a_moved_and_turned_part_is_found_in_any_light() {
    let shown =
        PartTemplate::of(&plate(0.0, 0.0, 0.0, (0.0, 1.0), 0), &REGION).expect("it has edges");
    let mut worst = [0.0f32; 3];
    for seed in 1..=40 {
        let [x, y] = [1, 2].map(|of| 55.0 * noise(of, seed));
        let degrees = 28.0 * noise(3, seed);
        let light = (20.0 + 20.0 * noise(4, seed), 0.75 + 0.35 * noise(5, seed));
        let found = shown.find(&plate(x, y, degrees, light, seed)).expect("a place");
        assert!(found.is_found(), "{seed}: {found:?}");
        let errors = [found.x - x, found.y - y, found.degrees - degrees].map(f32::abs);
        for (worst, error) in worst.iter_mut().zip(errors) {
            *worst = worst.max(error);
        }
    }
    assert!(worst.iter().all(|error| *error < 0.5), "pixels, pixels, degrees: {worst:?}");
}

#[test]
fn the_cut_shows_a_moved_part_as_it_was() {
    let first = plate(0.0, 0.0, 0.0, (0.0, 1.0), 0);
    let shown = PartTemplate::of(&first, &REGION).expect("it has edges");
    let was = first.region(&REGION).expect("inside");
    let difference = |frame: &Frame| {
        let pairs = was.pixels().iter().zip(frame.pixels());
        pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / was.pixels().len() as f64
    };
    let moved = plate(30.0, -20.0, 17.0, (0.0, 1.0), 9);
    let unmoved = moved.region(&REGION).expect("inside");
    let found = shown.find(&moved).expect("a place");
    let cut = shown.cut(&moved, &found).expect("it fits");
    assert_eq!((cut.width(), cut.height(), cut.captured()), (120, 90, Timestamp(9)));
    let (followed, fixed) = (difference(&cut), difference(&unmoved));
    assert!(followed < 5.0 && fixed > 15.0, "grey levels: {followed}, {fixed}");
    // Beyond the frame's edge, the edge goes on.
    let corner = PartPlace { x: 120.0, y: 100.0, degrees: 45.0, matched: 1.0 };
    assert!(shown.cut(&moved, &corner).is_ok());
    let still = PartPlace { x: 0.0, y: 0.0, degrees: 0.0, matched: 1.0 };
    assert_eq!(shown.cut(&first, &still).expect("it fits").pixels(), was.pixels());
}

#[test]
fn what_is_not_there_is_not_found() {
    let shown =
        PartTemplate::of(&plate(0.0, 0.0, 0.0, (0.0, 1.0), 0), &REGION).expect("it has edges");
    // Out of reach: an empty bench, and noise.
    let empty = shown.find(&plate(1000.0, 0.0, 0.0, (0.0, 1.0), 3));
    assert!(empty.is_none_or(|place| !place.is_found()), "{empty:?}");
    let black = Frame::new(WIDTH, HEIGHT, vec![0; (WIDTH * HEIGHT * 3) as usize], Timestamp(0));
    let found = shown.find(&black.expect("the sides fit"));
    assert!(found.is_none_or(|place| !place.is_found()), "{found:?}");
    let other = Frame::new(8, 8, vec![0; 192], Timestamp(0)).expect("the sides fit");
    assert_eq!(shown.find(&other), None, "another camera");
}

#[test]
fn what_has_no_place_of_its_own_is_refused() {
    let frame = |level: fn(u32, u32) -> u8| {
        let levels = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| level(x, y)));
        let pixels = levels.flat_map(|level| [level; 3]).collect();
        Frame::new(WIDTH, HEIGHT, pixels, Timestamp(0)).expect("the sides fit")
    };
    let flat = PartTemplate::of(&frame(|_, _| 90), &REGION);
    assert_eq!(flat, Err(LocateError::Flat { got: 0.0 }));
    let edge = PartTemplate::of(&frame(|x, _| if x < 160 { 40 } else { 160 }), &REGION);
    assert!(matches!(edge, Err(LocateError::Ambiguous { what: "up or down", .. })), "{edge:?}");
    let outside = Region::Pixels { x: 300, y: 0, width: 60, height: 60 };
    assert!(matches!(PartTemplate::of(&frame(|_, _| 90), &outside), Err(LocateError::Frame(_))));
    // A region of a pixel or of a line is refused, not a fault.
    for (width, height) in [(1, 1), (1, 90), (120, 1)] {
        let region = Region::Pixels { x: 100, y: 75, width, height };
        let small = PartTemplate::of(&plate(0.0, 0.0, 0.0, (0.0, 1.0), 0), &region);
        let found = small.ok().and_then(|small| small.find(&plate(5.0, 0.0, 0.0, (0.0, 1.0), 1)));
        assert!(found.is_none_or(|place| place.matched.is_finite()), "{width} {height}: {found:?}");
    }
}
