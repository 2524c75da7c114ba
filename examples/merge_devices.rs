//! Two devices learn different classes; a third is given both.
//!
//! `cargo run --example merge_devices`

use std::error::Error;
use std::path::Path;

use fieldtune::Fieldtune;
use fieldtune::camera::{Camera, Synthetic, SyntheticScene};
use fieldtune::image::frame::{Frame, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("fieldtune-merge-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let merged = merge(&folder);
    std::fs::remove_dir_all(&folder)?;
    merged
}

fn merge(folder: &Path) -> Result<(), Box<dyn Error>> {
    let rusty = taught(&folder.join("a.ftune"), 1, "rust", SyntheticScene::Rust)?;
    let dented = taught(&folder.join("b.ftune"), 2, "dent", SyntheticScene::Dent)?;
    let mut third = Fieldtune::open(folder.join("c.ftune"))?;
    for pack in [&rusty, &dented] {
        let merged = third.merge(pack)?;
        println!("{} new examples, new classes: {}", merged.added, merged.classes.join(", "));
    }
    for (scene, wanted) in [
        (SyntheticScene::Good, "good"),
        (SyntheticScene::Rust, "rust"),
        (SyntheticScene::Dent, "dent"),
    ] {
        let prediction = third.classify(&frame(&mut Synthetic::new(3), scene)?)?;
        println!("{wanted}: {prediction}");
    }
    match third.classes().len() {
        3 => Ok(()),
        other => Err(format!("{other} classes, wanted 3").into()),
    }
}

/// What a device learned, as a pack.
fn taught(
    store: &Path,
    seed: u64,
    class: &str,
    scene: SyntheticScene,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut tuner = Fieldtune::open(store)?;
    let mut camera = Synthetic::new(seed);
    for (class, scene) in [("good", SyntheticScene::Good), (class, scene)] {
        for _ in 0..3 {
            tuner.teach(class, &frame(&mut camera, scene)?)?;
        }
    }
    Ok(tuner.export()?)
}

fn frame(camera: &mut Synthetic, scene: SyntheticScene) -> Result<Frame, Box<dyn Error>> {
    camera.show(scene);
    Ok(camera.capture(Timestamp(0))?)
}
