//! What a store costs as it grows: the file's size, and processor time and memory of the program's commands with 10 to
//! 14,000 examples of five features each, up to the budget; then 2,000 more than the budget holds.
//!
//! ```text
//! cargo bench --bench growth                    all sizes
//! cargo bench --bench growth -- 1000 14000      these
//! ```
//!
//! The examples are random points around the centres of 100 classes: what their backbone would see does not matter to
//! what they cost. Commands run as processes of their own, so the time is that of a user's command, loading the
//! backbone too; memory is the largest resident size.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fieldtune::backbone::Extractor;
use fieldtune::backbone::card::ModelCard;
use fieldtune::camera::{Camera as _, Synthetic};
use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{Command as Request, NewExample, TeachExamples};
use fieldtune::store::FileStore;
use fieldtune::store::persistent::PersistentLearner;
use fieldtune::store::snapshot::ModelId;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const SIZES: [usize; 6] = [10, 100, 1000, 4000, 9000, 14_000];
const CLASSES: usize = 100;
const VIEWS: usize = 4;
/// Taught once the budget is full, in one command.
const MORE: usize = 2000;

/// Ticks a second of the times in `/proc`, the same on every Linux.
const TICKS: f64 = 100.0;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    if let [word, path, before] = arguments.as_slice()
        && word == "more"
    {
        return teach_more(Path::new(path), before.parse()?);
    }
    let sizes: Vec<usize> = match arguments.is_empty() {
        true => SIZES.to_vec(),
        false => arguments.iter().map(|size| size.parse()).collect::<Result<_, _>>()?,
    };
    let folder = tempfile::tempdir()?;
    let image = folder.path().join("one.png");
    fieldtune::image::picture::save_png(&image, &Synthetic::new(1).capture(Timestamp(0))?)?;
    println!("examples   file MiB   command     cpu s  wall s   peak MiB");
    for examples in sizes {
        let path = folder.path().join(format!("{examples}.ftune"));
        fill(&path, examples)?;
        let file = std::fs::metadata(&path)?.len() as f64 / f64::from(1 << 20);
        let store = path.display().to_string();
        let image = image.display().to_string();
        let program = env!("CARGO_BIN_EXE_fieldtune");
        let commands: [(&str, &[&str]); 4] = [
            ("classes", &["classes", "--store", &store]),
            ("status", &["status", "--store", &store]),
            ("classify", &["classify", &image, "--store", &store]),
            ("teach", &["teach", "c0", &image, "--store", &store]),
        ];
        for (name, arguments) in commands {
            let used = Used::by(Command::new(program).args(arguments))?;
            println!("{examples:>8}   {file:>8.1}   {name:<9}{used}");
        }
        if examples == SIZES[SIZES.len() - 1] {
            let own = std::env::current_exe()?;
            let used = Used::by(Command::new(own).args(["more", &store, &examples.to_string()]))?;
            println!("{examples:>8}   {file:>8.1}   {MORE} more{used}");
            let file = std::fs::metadata(&path)?.len() as f64 / f64::from(1 << 20);
            println!("{examples:>8}   {file:>8.1}   afterwards");
        }
        std::fs::remove_file(&path)?;
    }
    Ok(())
}

/// Points around the centres of the classes.
struct Points {
    random: ChaCha8Rng,
    centres: Vec<Vec<f32>>,
}

impl Points {
    fn new(dim: usize, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut centre = |_| (0..dim).map(|_| random.random::<f32>()).collect();
        let centres = (0..CLASSES).map(&mut centre).collect();
        Self { random: ChaCha8Rng::seed_from_u64(seed), centres }
    }

    fn near(&mut self, class: usize) -> Vec<f32> {
        let random = &mut self.random;
        let spread = |&centre: &f32| centre + random.random_range(-0.3..0.3f32);
        self.centres[class].iter().map(spread).collect()
    }

    /// Looks at different parts.
    fn teach(&mut self, class: usize, count: usize, first: usize) -> Request {
        let mut example = |at: usize| NewExample {
            views: (0..VIEWS).map(|_| self.near(class)).collect(),
            burst: u32::try_from(at).unwrap_or(0),
            ..NewExample::new(self.near(class), &format!("part-{:05}.jpg", first + at))
        };
        let examples = (0..count).map(&mut example).collect();
        Request::Teach(TeachExamples { class: format!("c{class}"), examples })
    }
}

fn built_in() -> Outcome<ModelId> {
    let card = ModelCard::named("built-in")?;
    Ok(ModelId::of(&Extractor::load(&card.network(None)?, &card.name, &card.spec)?))
}

fn fill(path: &Path, examples: usize) -> Outcome<()> {
    let model = built_in()?;
    let mut points = Points::new(model.dim as usize, 2);
    let mut kept = PersistentLearner::open(FileStore::open(path)?, &model)?;
    let classes = CLASSES.min(examples);
    for class in 0..classes {
        let count = examples / classes + usize::from(class < examples % classes);
        kept.apply(
            points.teach(class, count, class * count),
            Timestamp(class as u64 * 10_000_000),
        )?;
    }
    Ok(())
}

fn teach_more(path: &Path, before: usize) -> Outcome<()> {
    let model = built_in()?;
    let mut points = Points::new(model.dim as usize, 3);
    let mut kept = PersistentLearner::open(FileStore::open(path)?, &model)?;
    kept.apply(points.teach(0, MORE, before), Timestamp(1_000_000_000_000))?;
    Ok(())
}

/// What a process used.
struct Used {
    processor: f64,
    wall: Duration,
    /// KiB.
    peak: u64,
}

impl Used {
    fn by(command: &mut Command) -> Outcome<Self> {
        let before = children_ticks()?;
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::null()).spawn()?;
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        let ended = loop {
            if let Some(ended) = child.try_wait()? {
                break ended;
            }
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            peak = peak.max(kib.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(1));
        };
        if ended.code().is_none_or(|code| code > 1) {
            return Err(format!("{command:?}: {ended}").into());
        }
        let processor = (children_ticks()? - before) / TICKS;
        Ok(Self { processor, wall: begun.elapsed(), peak })
    }
}

impl std::fmt::Display for Used {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (wall, peak) = (self.wall.as_secs_f64(), self.peak as f64 / 1024.0);
        write!(f, "{:>8.2}{wall:>8.2}{peak:>11.0}", self.processor)
    }
}

/// Processor time of the processes that this one waited for.
fn children_ticks() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    // User and system time of the children are the 16th and 17th; the first two are before the bracket.
    let ticks = fields.split_whitespace().skip(13).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()?)
}
