//! How well and how fast a part is found that was moved and turned.

use std::time::Instant;

use fieldtune_math::grey::turned_part;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::synthetic::{self, HEIGHT, WIDTH};
use super::{Quantiles, milliseconds};
use crate::cli::Context;
use crate::image::frame::{Frame, Region, Timestamp};
use crate::image::locate::{MAX_SHIFT, MAX_TURN_DEGREES, PartTemplate};

/// The part: a quarter of the frame, in its middle.
const REGION: Region = Region::Pixels { x: 160, y: 120, width: 320, height: 240 };

/// Of how far a part may have moved and turned.
const SHARE: f32 = 0.9;

/// Uniform noise of a camera, in grey levels either way.
const NOISE: f32 = 6.0;

pub(super) struct Following {
    frames: u32,
    found: u32,
    /// Patterns that look the same when they are moved.
    refused: u32,
    pixels: Quantiles,
    degrees: Quantiles,
    find_ms: Quantiles,
    cut_ms: Quantiles,
}

pub(super) fn measure(frames: u32, context: &Context) -> anyhow::Result<Following> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let (mut found, mut refused) = (0, 0);
    let [mut pixels, mut degrees, mut find_ms, mut cut_ms] = [const { Vec::new() }; 4];
    let bar = context.bar(u64::from(frames), "frames");
    let mut seed = 0;
    while find_ms.len() < frames as usize {
        let shown = synthetic::frame(seed);
        seed += 1;
        let Ok(template) = PartTemplate::of(&shown, &REGION) else {
            refused += 1;
            continue;
        };
        let reach = SHARE * MAX_SHIFT * 320.0;
        let (x, y) = (random.random_range(-reach..reach), random.random_range(-reach..reach));
        let turn = SHARE * MAX_TURN_DEGREES * random.random_range(-1.0..1.0f32);
        let frame = moved(&shown, (x, y), turn, &mut random)?;
        let begun = Instant::now();
        let place = template.find(&frame);
        find_ms.push(milliseconds(begun));
        if let Some(place) = place.filter(|place| place.is_found()) {
            found += 1;
            let begun = Instant::now();
            std::hint::black_box(template.cut(&frame, &place)?);
            cut_ms.push(milliseconds(begun));
            pixels.push(f64::from((place.x - x).hypot(place.y - y)));
            degrees.push(f64::from((place.degrees - turn).abs()));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    anyhow::ensure!(found > 0, "none of {frames} parts was found");
    let [pixels, degrees, find_ms, cut_ms] =
        [pixels, degrees, find_ms, cut_ms].map(|samples| Quantiles::of(&samples));
    Ok(Following { frames, found, refused, pixels, degrees, find_ms, cut_ms })
}

/// The frame as it is where the part was moved and turned clockwise, in other light and with noise.
fn moved(
    frame: &Frame,
    (x, y): (f32, f32),
    degrees: f32,
    random: &mut ChaCha8Rng,
) -> anyhow::Result<Frame> {
    // What is seen at a place was, before, at the place turned back around the middle.
    let (sin, cos) = degrees.to_radians().sin_cos();
    let middle = ((WIDTH as f32 - 1.0) / 2.0, (HEIGHT as f32 - 1.0) / 2.0);
    let centre = (middle.0 - x * cos - y * sin, middle.1 + x * sin - y * cos);
    let size = (WIDTH, HEIGHT);
    let mut pixels = turned_part(frame.pixels(), size, centre, -degrees, size);
    let light = random.random_range(0.7..1.2f32);
    for level in &mut pixels {
        let noise = random.random_range(-NOISE..NOISE);
        *level = (light * f32::from(*level) + noise).clamp(0.0, 255.0) as u8;
    }
    Ok(Frame::new(WIDTH, HEIGHT, pixels, Timestamp::default())?)
}

impl Following {
    pub(super) fn json(&self) -> Value {
        json!({
            "frames": self.frames, "found": self.found, "refused": self.refused,
            "error_px": self.pixels.json(), "error_degrees": self.degrees.json(),
            "find_ms": self.find_ms.json(), "cut_ms": self.cut_ms.json(),
        })
    }

    pub(super) fn text(&self) -> String {
        format!(
            "a part of 320x240 in frames of {WIDTH}x{HEIGHT}, moved by up to {:.0} px and turned by up to {:.0} degrees\n\
             found {} of {}; {} patterns look the same when they are moved, and were refused\n\n\
             {:<20} {:>9} {:>9} {:>9}\n\
             {:<20} {}\n{:<20} {}\n{:<20} {}\n{:<20} {}\n",
            SHARE * MAX_SHIFT * 320.0,
            SHARE * MAX_TURN_DEGREES,
            self.found,
            self.frames,
            self.refused,
            "",
            "p50",
            "p95",
            "max",
            "error, pixels",
            self.pixels,
            "error, degrees",
            self.degrees,
            "find, ms",
            self.find_ms,
            "cut out, ms",
            self.cut_ms,
        )
    }
}
