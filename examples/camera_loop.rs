//! Teaches from a camera, then classifies what it shows.
//!
//! `cargo run --example camera_loop [ADDRESS] [FRAMES]`: `v4l:/dev/video0` (with `--features v4l`), `rpicam:`, `replay:DIR`,
//! ...; by default a drawn one.

use std::error::Error;
use std::io::Write as _;

use fieldtune::Fieldtune;
use fieldtune::camera::source::{self, CaptureSettings};
use fieldtune::camera::{Camera, SyntheticScene};
use fieldtune::device::clock::Clock;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "synthetic:".to_owned());
    let frames: u32 = arguments.next().map_or(Ok(10), |frames| frames.parse())?;
    let mut camera = source::open(&address, &CaptureSettings::default())?;
    let clock = Clock::new();

    let store = std::env::temp_dir().join(format!("fieldtune-loop-{}.ftune", std::process::id()));
    let mut tuner = Fieldtune::open(&store)?;
    for (class, shown) in [("good", SyntheticScene::Good), ("crack", SyntheticScene::Crack)] {
        match camera.scene() {
            Some(scene) => {
                scene.choose(Some(shown.name()));
            }
            None => {
                print!("put {class} before the camera, then press Enter ");
                std::io::stdout().flush()?;
                std::io::stdin().read_line(&mut String::new())?;
            }
        }
        for _ in 0..3 {
            tuner.teach(class, &camera.capture(clock.now())?)?;
        }
    }
    for number in 1..=frames {
        let frame = camera.capture(clock.now())?;
        println!("frame {number}: {}", tuner.classify(&frame)?);
        camera.notes().iter().for_each(|note| eprintln!("{note}"));
    }
    drop(tuner);
    Ok(std::fs::remove_file(store)?)
}
