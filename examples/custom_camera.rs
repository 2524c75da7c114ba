//! A camera of your own: three methods at most, here a test card whose colour changes.
//!
//! `cargo run --example custom_camera`

use std::error::Error;

use fieldtune::Fieldtune;
use fieldtune::camera::{Camera, CameraError, CameraErrorKind};
use fieldtune::image::frame::{Frame, Timestamp};

/// Gives a card of one colour with a bar that moves on with every frame.
struct Card {
    colour: [u8; 3],
    number: u32,
}

impl Camera for Card {
    fn name(&self) -> &str {
        "card"
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        const SIDE: u32 = 96;
        let bar = (self.number * 7) % SIDE;
        self.number += 1;
        let pixels = (0..SIDE * SIDE).flat_map(|place| match (place % SIDE).abs_diff(bar) {
            0..4 => [255; 3],
            _ => self.colour,
        });
        // A real camera says here what went wrong, and the caller tries again with the next frame.
        Frame::new(SIDE, SIDE, pixels.collect(), now).map_err(|error| {
            CameraError::new(self.name(), CameraErrorKind::Malformed, error.to_string())
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let store = std::env::temp_dir().join(format!("fieldtune-card-{}.ftune", std::process::id()));
    let mut tuner = Fieldtune::open(&store)?;
    let cards = [("red", [190, 30, 30]), ("green", [30, 150, 40])];
    for (class, colour) in cards {
        let mut camera = Card { colour, number: 0 };
        for number in 0..4 {
            tuner.teach(class, &camera.capture(Timestamp(number))?)?;
        }
    }
    for (class, colour) in cards {
        let frame = Card { colour, number: 9 }.capture(Timestamp(9))?;
        let prediction = tuner.classify(&frame)?;
        println!("{class}: {prediction}");
        if prediction.best != class {
            return Err(format!("{class} was taken for {}", prediction.best).into());
        }
    }
    drop(tuner);
    Ok(std::fs::remove_file(store)?)
}
