//! What keeping what was learned costs: the time until a teach is acknowledged, what is written for it, how long a
//! large store takes to open, in good order and after a cut.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::synthetic::{self, Features};
use super::{Quantiles, milliseconds};
use crate::cli::Context;
use crate::image::frame::Timestamp;
use crate::image::picture;
use crate::learn::command::{ChangeHead, Command, NewExample, TeachExamples};
use crate::learn::head::{HeadConfig, HeadKind};
use crate::learn::learner::Learner;
use crate::store::persistent::PersistentLearner;
use crate::store::snapshot::ModelId;
use crate::store::{FileStore, Store as _};

/// Teaches that are timed.
const TEACHES: usize = 200;
/// Classes they belong to.
const CLASSES: usize = 10;
/// Examples of one command while the large store is filled.
const BATCH: usize = 500;

type Session = PersistentLearner<Learner, FileStore>;

/// What was measured.
pub(super) struct Storing {
    folder: PathBuf,
    dim: usize,
    /// Milliseconds from the command to its acknowledgement.
    teach: Quantiles,
    bytes_a_teach: f64,
    syncs_a_teach: f64,
    examples: usize,
    file_bytes: u64,
    /// Milliseconds until what was learned is in memory, without the head.
    open: f64,
    open_after_cut: f64,
}

/// * `folder`: on the disk that is to be measured.
/// * `examples`: of the large store.
pub(super) fn measure(
    dim: usize,
    folder: &Path,
    examples: usize,
    context: &Context,
) -> anyhow::Result<Storing> {
    let place = Scratch::new(folder)?;
    let picture = picture::kept(&synthetic::frame(1), picture::IMAGE_SIDE);
    let mut features = Features::new(dim, CLASSES, 1);
    let mut new_example = |number: usize| NewExample {
        image: picture.clone(),
        ..NewExample::new(features.next(number % CLASSES), "v4l:/dev/video0")
    };
    let bar = context.bar((TEACHES + examples) as u64, "storing");
    let (mut session, path) = session(&place.0, "teaching", dim, HeadKind::Lda)?;
    teach(&mut session, 0, vec![new_example(0)])?;
    let before = session.store().written().so_far();
    let mut times = Vec::with_capacity(TEACHES);
    for number in 1..=TEACHES {
        let new_examples = vec![new_example(number)];
        let begun = Instant::now();
        teach(&mut session, number, new_examples)?;
        times.push(milliseconds(begun));
        bar.inc(1);
    }
    let after = session.store().written().so_far();
    let each = |before: u64, after: u64| (after - before) as f64 / TEACHES as f64;
    drop((session, path));

    let (mut session, path) = self::session(&place.0, "large", dim, HeadKind::Prototype)?;
    let mut number = 0;
    while number < examples {
        let count = BATCH.min(examples - number);
        // One class a command.
        let class = number / BATCH;
        let new_examples = (0..count).map(|_| new_example(class)).collect();
        teach(&mut session, class, new_examples)?;
        number += count;
        bar.inc(count as u64);
    }
    // As a cut leaves it: open, and not put in order.
    let cut = place.0.join("cut.ftune");
    std::fs::copy(&path, &cut).with_context(|| cut.display().to_string())?;
    drop(session);
    let file_bytes = std::fs::metadata(&path).with_context(|| path.display().to_string())?.len();
    let storing = Storing {
        folder: folder.to_owned(),
        dim,
        teach: Quantiles::of(&times),
        bytes_a_teach: each(before.0, after.0),
        syncs_a_teach: each(before.1, after.1),
        examples,
        file_bytes,
        open: opening(&path)?,
        open_after_cut: opening(&cut)?,
    };
    bar.finish_and_clear();
    Ok(storing)
}

fn session(
    folder: &Path,
    name: &str,
    dim: usize,
    head: HeadKind,
) -> anyhow::Result<(Session, PathBuf)> {
    let path = folder.join(name).with_extension("ftune");
    let model = ModelId { name: "bench".to_owned(), fingerprint: [0; 32], dim: dim as u32 };
    let mut session = PersistentLearner::open(FileStore::open(&path)?, &model)?;
    let config = Some(HeadConfig::of(head));
    session.apply(Command::Head(ChangeHead { config }), Timestamp(1))?;
    Ok((session, path))
}

fn teach(
    session: &mut Session,
    number: usize,
    new_examples: Vec<NewExample>,
) -> anyhow::Result<()> {
    let class = format!("class{}", number % CLASSES);
    session.apply(Command::Teach(TeachExamples { class, examples: new_examples }), Timestamp(1))?;
    Ok(())
}

/// Milliseconds until what was learned is in memory.
fn opening(path: &Path) -> anyhow::Result<f64> {
    let begun = Instant::now();
    FileStore::open(path)?.load()?;
    Ok(milliseconds(begun))
}

/// A folder that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(format!("fieldtune-bench-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Storing {
    fn bytes_a_thousand(&self) -> f64 {
        self.file_bytes as f64 * 1000.0 / self.examples as f64
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "folder": self.folder.display().to_string(), "dim": self.dim,
            "teach_ms": self.teach.json(),
            "bytes_a_teach": self.bytes_a_teach, "syncs_a_teach": self.syncs_a_teach,
            "examples": self.examples, "file_bytes": self.file_bytes,
            "bytes_a_thousand_examples": self.bytes_a_thousand(),
            "open_ms": self.open, "open_after_cut_ms": self.open_after_cut,
        })
    }

    pub(super) fn text(&self) -> String {
        let mib = f64::from(1 << 20);
        format!(
            "store in {}, {} values and an image an example\n\n\
             {:<28} {:>9} {:>9} {:>9}\n{:<28} {}\n\
             written for each             {:>9.1} KiB, {:.1} syncs\n\
             a thousand examples          {:>9.1} MiB\n\
             open with {:>6} examples    {:>9.0} ms, after a cut {:.0} ms\n",
            self.folder.display(),
            self.dim,
            "ms",
            "p50",
            "p95",
            "max",
            "teach until acknowledged",
            self.teach,
            self.bytes_a_teach / 1024.0,
            self.syncs_a_teach,
            self.bytes_a_thousand() / mib,
            self.examples,
            self.open,
            self.open_after_cut,
        )
    }
}
