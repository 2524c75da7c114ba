//! Which images `fieldtune eval` teaches, and which it classifies.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::images::LeftOutImage;
use super::{EvalCommand, write_json};
use crate::eval::{self, LabelledFeatures, NamedSplit, Split};

impl EvalCommand {
    /// Splits by the seeds.
    ///
    /// # Errors
    /// Too few images for any; a file that cannot be written.
    pub(super) fn seeded(&self, set: &LabelledFeatures) -> anyhow::Result<Vec<Split>> {
        let shots = self.shots();
        if shots.contains(&0) && set.words().is_empty() {
            bail!(
                "--shots 0: nothing would be taught\n  next: --words \"a photo of a {{}}\", with a backbone that words belong to"
            );
        }
        let mut splits = Vec::new();
        for shots in shots {
            for seed in 0..self.seeds {
                let Some(seeded) = eval::seeded(set, shots as usize, seed) else {
                    eprintln!(
                        "left out: {shots} shots: fewer than two classes have {} {}",
                        shots + 1,
                        self.unit()
                    );
                    break;
                };
                if seed == 0 {
                    for &class in &seeded.left_out {
                        let (name, has) = (&set.classes()[class], set.of_class(class).len());
                        eprintln!(
                            "left out: class {name} with {shots} shots: it has {has} {}, wanted {}",
                            self.unit(),
                            shots + 1
                        );
                    }
                }
                splits.push(seeded.split);
            }
        }
        if splits.is_empty() {
            bail!("{}", too_few(set, self.unit()));
        }
        if let Some(path) = &self.write_splits {
            let named: Vec<_> = splits.iter().map(|split| NamedSplit::of(split, set)).collect();
            write_json(path, &serde_json::to_value(named)?)?;
        }
        Ok(splits)
    }
}

/// Why nothing can be measured: of two classes at least one image more is needed than is taught.
fn too_few(set: &LabelledFeatures, unit: &str) -> String {
    let mut sizes: Vec<usize> =
        (0..set.classes().len()).map(|class| set.of_class(class).len()).collect();
    sizes.sort_unstable_by_key(|&size| std::cmp::Reverse(size));
    let most = sizes.get(1).map_or(0, |second| second.saturating_sub(1));
    let next = match most {
        0 => format!("at least two {unit} of two classes, one to teach and one to classify"),
        1 => format!("--shots 1, or more {unit}"),
        most => format!("--shots of 1 to {most}, or more {unit}"),
    };
    format!("too few {unit} for any number of shots\n  next: {next}")
}

/// # Errors
/// The file cannot be read, or has none.
pub(super) fn read_splits(path: &Path) -> anyhow::Result<Vec<NamedSplit>> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(place)?;
    let splits: Vec<NamedSplit> = serde_json::from_str(&text).with_context(place)?;
    if splits.is_empty() {
        bail!("{}: there is no split in it", path.display());
    }
    Ok(splits)
}

/// Those of a file.
///
/// # Errors
/// An image that is not there.
pub(super) fn found(
    given: &[NamedSplit],
    set: &LabelledFeatures,
    left_out: &[LeftOutImage],
) -> anyhow::Result<Vec<Split>> {
    let left_out = left_out.iter().map(|image| image.file.clone()).collect();
    let (splits, dropped) = NamedSplit::find_all(given, set, &left_out)?;
    for file in dropped {
        eprintln!("left out of the splits: {file}");
    }
    Ok(splits)
}
