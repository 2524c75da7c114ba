//! Writes what the synthetic machine sounds like, a folder of WAV files a condition, to teach and to measure with:
//! `cargo run --example machine_sounds -- DIR SEED SECONDS`

use std::path::PathBuf;

use fieldtune::sound::{Machine, MachineScene, Recording};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, seed, seconds] = &arguments[..] else {
        return Err("wanted DIR SEED SECONDS".into());
    };
    let (seed, seconds): (u64, usize) = (seed.parse()?, seconds.parse()?);
    for (number, scene) in (0..).zip(MachineScene::ALL) {
        let folder = PathBuf::from(dir).join(scene.name());
        std::fs::create_dir_all(&folder)?;
        // A machine of its own for each, so that none is the same second with something added.
        let mut machine = Machine::new(seed * 100 + number);
        machine.show(scene);
        for second in 0..seconds {
            let file = folder.join(format!("{second:04}.wav"));
            std::fs::write(file, Recording::encode(&machine.second()))?;
        }
    }
    Ok(())
}
