//! The program is killed at random moments of a session over its port: what it acknowledged is there afterwards, or that
//! and the one command that was under way. And the check can fail.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use fieldtune::image::frame::Timestamp;
use fieldtune::store::tail::tail_of;
use fieldtune::store::{FileStore, Store as _};

use crate::common;
use crate::common::data;
use crate::common::desk::text;
use crate::common::process;

use crate::finetune::drawn;
use process::Device;

/// As fast as it can.
const CAMERA: [&str; 4] = ["--camera", "synthetic:", "--fps", "200"];

/// Every example's class, by id.
type Learned = BTreeMap<u64, String>;

/// One end of the port, as a person would type.
struct Console {
    to: UnixStream,
    from: BufReader<UnixStream>,
}

impl Console {
    fn open(device: &Device) -> Self {
        let path = device.port.strip_prefix("unix:").expect("a socket");
        let to = UnixStream::connect(path).expect("it listens");
        to.set_read_timeout(Some(Duration::from_secs(100))).expect("a time-out");
        let from = BufReader::new(to.try_clone().expect("the same socket"));
        let mut console = Self { to, from };
        console.send("set echo off");
        while console.line() != "ok" {}
        console
    }

    fn send(&mut self, command: &str) {
        // Where it was killed, nobody listens.
        let _ = self.to.write_all(format!("{command}\n").as_bytes());
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("it answers");
        line.trim_end().to_owned()
    }

    /// The last line of an answer.
    fn ask(&mut self, command: &str) -> String {
        self.send(command);
        loop {
            let line = self.line();
            if line.starts_with("ok") || line.starts_with("error") {
                return line;
            }
        }
    }
}

/// What is in the file, as the next start would find it.
fn stored(path: &Path) -> Learned {
    let mut store = FileStore::open(path).expect("nobody has it");
    store.check().expect("it is sound");
    let snapshot = store.load().expect("it is sound").expect("something was learned");
    let (_, examples) = snapshot.by_name().expect("it is consistent");
    examples.into_iter().map(|(class, one)| (one.id.0, class.to_string())).collect()
}

/// Something to ask for, and what it makes of what is learned; `None` where a new example comes.
fn command(learned: &Learned, random: &mut ChaCha8Rng) -> (String, Option<Learned>) {
    let class = format!("class-{}", random.random_range(0..3));
    let ids: Vec<u64> = learned.keys().copied().collect();
    let mut after = learned.clone();
    match random.random_range(0..6) {
        0 if ids.len() > 3 => {
            let id = ids[random.random_range(0..ids.len())];
            after.remove(&id);
            (format!("forget example {id}"), Some(after))
        }
        1 if !ids.is_empty() => {
            let id = ids[random.random_range(0..ids.len())];
            after.insert(id, class.clone());
            (format!("relabel {class} {id}"), Some(after))
        }
        2 if learned.len() > 12 && learned.values().any(|known| *known == class) => {
            after.retain(|_, known| *known != class);
            (format!("forget {class}"), Some(after))
        }
        _ => (format!("teach {class}"), None),
    }
}

/// Whether that is what was learned, and one example of that class more.
fn is_one_more(found: &Learned, learned: &Learned, class: &str) -> bool {
    let new: Vec<_> = found.iter().filter(|(id, _)| !learned.contains_key(id)).collect();
    matches!(&new[..], [(_, known)] if *known == class)
        && learned.iter().all(|(id, class)| found.get(id) == Some(class))
}

/// Kills the program so many times; returns what was lost, or came from nowhere.
fn killed(times: usize, seed: u64, more: &[&str]) -> Vec<String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    let mut learned = Learned::new();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for kill in 0..times {
        let mut device = Device::start(folder.path(), &[&CAMERA[..], more].concat());
        let mut console = Console::open(&device);
        for _ in 0..random.random_range(usize::from(kill == 0)..6) {
            let (line, after) = command(&learned, &mut random);
            let answer = console.ask(&line);
            assert!(answer.starts_with("ok"), "{line}: {answer}");
            asked += 1;
            learned = after.unwrap_or_else(|| {
                let id = answer.split("examples=").nth(1).and_then(|rest| rest.split(' ').next());
                let id = id.and_then(|id| id.parse().ok()).expect("its id");
                let class = line.strip_prefix("teach ").expect("it taught").to_owned();
                learned.clone().into_iter().chain([(id, class)]).collect()
            });
        }
        let (line, after) = command(&learned, &mut random);
        console.send(&line);
        std::thread::sleep(Duration::from_micros(random.random_range(0..15_000)));
        assert_eq!(device.signal("KILL"), None);
        let found = stored(&store);
        let under_way = match &after {
            Some(after) => found == *after,
            None => is_one_more(&found, &learned, &line["teach ".len()..]),
        };
        if found != learned && !under_way {
            wrong.push(format!("kill {kill}, during {line}: {learned:?}, found {found:?}"));
        }
        learned = found;
    }
    println!("killed {times} times, after {asked} commands that were acknowledged");
    wrong
}

#[test]
fn what_was_acknowledged_is_there_whenever_it_was_killed() {
    let wrong = killed(common::slow_cases(500, 7), 1, &[]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What was learned: with fine-tuned blocks, and the checkpoint before them, or as it was.
#[test]
fn a_kill_during_finetune_leaves_old_or_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = drawn(&folder.path().join("taught"), 0, 16);
    let (store, model) = (folder.path().join("store"), data("tiny.toml"));
    for class in ["standing", "lying"] {
        let images = pictures.join(class);
        let teach = ["teach", class, text(&images), "--distinct", "--store", text(&store)];
        let taught = common::fieldtune(&[&teach[..], &["--model", text(&model)]].concat());
        assert_eq!(taught.code, 0, "{taught:?}");
    }
    let before = stored(&store);
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let (mut old, mut new, mut longest) = (0, 0, None);
    for kill in 0..common::slow_cases(12, 4) {
        let mut device = Device::start(folder.path(), &CAMERA);
        let mut console = Console::open(&device);
        let begun = std::time::Instant::now();
        match longest {
            // How long it takes shows once.
            None => {
                let answer = console.ask("finetune");
                assert!(answer.contains("applied=yes"), "{answer}");
                longest = Some(begun.elapsed());
            }
            Some(longest) => {
                console.send("finetune");
                std::thread::sleep(longest.mul_f64(random.random_range(0.0..1.1)));
            }
        }
        assert_eq!(device.signal("KILL"), None);
        assert_eq!(stored(&store), before, "kill {kill}");
        let mut kept = FileStore::open(&store).expect("nobody has it");
        let dim = kept.load().expect("it is sound").expect("it was taught").model.dim;
        let tail = tail_of(&mut kept).expect("it is sound");
        let names: Vec<_> = kept.generations().expect("it is sound");
        let names: Vec<&str> = names.iter().map(|one| one.name.as_str()).collect();
        match dim {
            48 => {
                old += 1;
                assert!(tail.is_none() && names.is_empty(), "kill {kill}: {names:?}");
            }
            96 => {
                new += 1;
                assert!(tail.is_some() && names == ["before finetune"], "kill {kill}: {names:?}");
                // As it was before.
                let number = kept.generations().expect("it is sound")[0].number;
                kept.roll_back(number, Timestamp(1)).expect("it is there");
                for generation in kept.generations().expect("it is sound") {
                    kept.drop_generation(generation.number).expect("it is there");
                }
            }
            dim => panic!("kill {kill}: {dim} values"),
        }
    }
    println!("killed while fine-tuning: {old} times it was as before, {new} times it was done");
    assert!(old > 0 && new > 0, "{old} and {new}");
}

#[test]
fn a_program_that_acknowledges_too_early_is_found_out() {
    // It is seen where the command that was under way had not come yet.
    let found_out = (2..30).any(|seed| !killed(4, seed, &["--acknowledge-early"]).is_empty());
    assert!(found_out);
}
