//! Teaches two classes from image files and classifies another file.
//!
//! `cargo run --example teach_and_classify`, or with files of your own:
//! `cargo run --example teach_and_classify -- learned.ftune part.jpg good:a.jpg good:b.jpg scratch:c.jpg`

use std::error::Error;
use std::path::Path;

use fieldtune::Fieldtune;
use fieldtune::camera::{Camera, Synthetic, SyntheticScene};
use fieldtune::image::frame::Timestamp;
use fieldtune::image::picture;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [store, image, examples @ ..] = &arguments[..] {
        let mut tuner = Fieldtune::open(store)?;
        for example in examples {
            let (class, file) = example.split_once(':').ok_or("wanted CLASS:FILE")?;
            tuner.teach_file(class, file)?;
        }
        println!("{image}: {}", tuner.classify_file(image)?);
        return Ok(());
    }
    // Without files of your own they are drawn.
    let folder = std::env::temp_dir().join(format!("fieldtune-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let shown = drawn(&folder);
    std::fs::remove_dir_all(&folder)?;
    shown
}

fn drawn(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut camera = Synthetic::new(7);
    let mut draw = |name: &str, scene| -> Result<_, Box<dyn Error>> {
        camera.show(scene);
        let file = folder.join(format!("{name}.png"));
        picture::save_png(&file, &camera.capture(Timestamp(0))?)?;
        Ok(file)
    };
    let mut tuner = Fieldtune::open(folder.join("learned.ftune"))?;
    for (class, scene) in [("good", SyntheticScene::Good), ("rust", SyntheticScene::Rust)] {
        for number in 1..=4 {
            tuner.teach_file(class, draw(&format!("{class}-{number}"), scene)?)?;
        }
    }
    for class in tuner.classes() {
        println!("{}: {} examples", class.name, class.examples);
    }
    let prediction = tuner.classify_file(draw("part", SyntheticScene::Rust)?)?;
    println!("part.png: {prediction}");
    match prediction.best.as_str() {
        "rust" => Ok(()),
        other => Err(format!("a rusty part was taken for {other}").into()),
    }
}
