//! `fieldtune demo --text`: the same story of what is read, the log of a plant that is made up.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::Tell;
use super::device::{Device, erase};
use super::report::share;
use crate::backbone::TextEncoder;
use crate::cli::Context;
use crate::cli::args::store::now;
use crate::learn::command::{Command, Reply, TeachExamples};
use crate::learn::decision::Verdict;
use crate::learn::learner::UNKNOWN;
use crate::text;

/// What is taught and how its lines look: `#` is a number, `{a/b}` one of several words.
const TAUGHT: [(&str, &[&str]); 5] = [
    (
        "routine",
        &[
            "feeder-#: lot # weighed, # g, # of # parts in order",
            "feeder-#: hopper is {half full/full/nearly empty}, # parts left",
            "shift change: # parts in # minutes, line #",
        ],
    ),
    (
        "login",
        &[
            "sshd[#]: Failed password for {root/admin/pi/operator} from 10.0.#.# port # ssh2",
            "sshd[#]: Invalid user {test/oracle/guest} from 10.0.#.# port #",
        ],
    ),
    (
        "disk",
        &[
            "kernel: blk_update_request: I/O error, dev {sda/sdb/mmcblk0}, sector #",
            "kernel: EXT4-fs error (device {sda1/mmcblk0p2}): ext4_find_entry:#: inode #: reading directory lblock #",
        ],
    ),
    (
        "network",
        &[
            "kernel: eth#: link is {down/up at 100 Mbps/up at 1000 Mbps}",
            "NetworkManager[#]: device (eth#): carrier: link {lost/connected}",
        ],
    ),
    (
        "heat",
        &[
            "controller-#: spindle temperature # C exceeds limit of # C",
            "controller-#: cooling {pump/fan} {slow/blocked}, spindle at # C",
        ],
    ),
];

/// What never is taught.
const STRANGE: (&str, &[&str]) = (
    "memory",
    &[
        "kernel: Out of memory: Killed process # ({python3/node/postgres}) total-vm:#kB",
        "systemd[1]: {camera/broker/history}.service: Main process exited, code=killed, status=9/KILL",
    ],
);

/// Lines of each kind that are taught, and lines that were never taught that are read.
const PER_CLASS: usize = 10;
const STRANGERS: usize = 40;

/// Shares that have to be right and called unknown, at least.
const ACCURACY: f64 = 0.95;
const UNLIKE: f64 = 0.9;

/// A log that is made up.
struct Log(u64);

impl Log {
    /// xorshift64*, of Vigna, An experimental exploration of Marsaglia's xorshift generators, 2016.
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize) % count.max(1)
    }

    fn line(&mut self, looks: &[&str]) -> String {
        let mut left = looks[self.below(looks.len())];
        let mut line = String::new();
        while let Some((before, rest)) = left.split_once('{') {
            let (words, behind) = rest.split_once('}').unwrap_or((rest, ""));
            let words: Vec<&str> = words.split('/').collect();
            line.extend([before, words[self.below(words.len())]]);
            left = behind;
        }
        line.push_str(left);
        let written = line.chars().map(|c| match c {
            '#' => self.below(9000).to_string(),
            c => c.to_string(),
        });
        written.collect()
    }
}

/// A log and the device that reads it.
struct Reading<'a> {
    tell: Tell,
    context: &'a Context,
    log: Log,
    device: Device,
}

/// What the demo is run with.
pub(super) struct TextDemo<'a> {
    pub(super) seed: u64,
    pub(super) lines: usize,
    pub(super) out: &'a Path,
    pub(super) json: bool,
}

impl TextDemo<'_> {
    /// Whether every check held.
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let store = self.out.join("text.ftune");
        erase(&store)?;
        let tell = Tell { json: self.json };
        // Of 0 it gives nothing but 0.
        let log = Log(self.seed.wrapping_mul(2).wrapping_add(1));
        let device = Device::begin(TextEncoder::of_words().into(), &store)?;
        let (name, dim) = (device.model().name.clone(), device.model().dim);
        tell.line(format_args!(
            "A plant writes a log (made up, seed {}); {name} turn every line into {dim} numbers.",
            self.seed
        ));
        let mut reading = Reading { tell, context, log, device };
        reading.learn()?;
        let fresh = reading.classify(self.lines)?;
        let strangers = reading.meet_strangers()?;
        let added = reading.add()?;
        let same = reading.restart(&store)?;
        let holds = [
            ("fresh lines are classified right", fresh >= ACCURACY),
            ("what was never taught is unknown", strangers >= UNLIKE),
            ("once it is taught it is known", added >= ACCURACY),
            ("after a restart all verdicts are the same", same),
        ];
        let held = holds.iter().all(|(_, holds)| *holds);
        tell.line("\nChecks");
        for (what, holds) in holds {
            tell.line(format_args!("  {} {what}", if holds { "pass" } else { "FAIL" }));
        }
        let seconds = begun.elapsed().as_secs_f64();
        tell.line(format_args!(
            "\nIn {}: text.ftune (what it learned).\n{seconds:.1} seconds in all.",
            self.out.display()
        ));
        if self.json {
            let checks = holds.map(|(what, holds)| json!({ "check": what, "held": holds }));
            let report = json!({
                "seed": self.seed,
                "model": name,
                "taught": TAUGHT.map(|(name, _)| name),
                "balanced_accuracy": fresh,
                "unknown": strangers,
                "known_once_taught": added,
                "checks": checks,
                "held": held,
                "seconds": seconds,
            });
            println!("{report}");
        }
        Ok(held)
    }
}

impl Reading<'_> {
    fn teach(&mut self, (class, looks): (&str, &[&str])) -> anyhow::Result<Option<f64>> {
        let line = self.log.line(looks);
        let frame = text::frame(&line, now());
        let example = self.device.engine().new_example(&frame, &text::origin(&line), None)?;
        let teach = TeachExamples { class: class.to_owned(), examples: vec![example] };
        let Reply::Taught { estimate, .. } = self.device.send(Command::Teach(teach))? else {
            unreachable!("teach answers Taught")
        };
        Ok(estimate.map(|estimate| f64::from(estimate.balanced) * 100.0))
    }

    /// The class of a new line and, whatever the limits say, the nearest.
    fn look(&mut self, looks: &[&str]) -> anyhow::Result<(String, String)> {
        let frame = text::frame(&self.log.line(looks), now());
        let (verdict, _) = self.device.look(&frame)?;
        let names = [verdict.class, Some(verdict.best)].map(|class| self.device.name(class));
        Ok((names[0].to_owned(), names[1].to_owned()))
    }

    fn learn(&mut self) -> anyhow::Result<()> {
        let names = TAUGHT.map(|(name, _)| name).join(", ");
        self.tell.line(format_args!(
            "\nTeaching {names}: one line, one command, stored before it is answered."
        ));
        for round in 1..=PER_CLASS {
            let mut estimate = None;
            for class in TAUGHT {
                estimate = self.teach(class)?;
            }
            if round % 5 > 0 {
                continue;
            }
            let estimate =
                estimate.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.0} %"));
            self.tell
                .line(format_args!("  {round} of each: estimated balanced accuracy {estimate}"));
        }
        Ok(())
    }

    /// The balanced accuracy on fresh lines: what is nearest, as the demo of frames counts it.
    fn classify(&mut self, lines: usize) -> anyhow::Result<f64> {
        self.tell.line(format_args!("\n{lines} fresh lines:"));
        let bar = self.context.bar(lines as u64, "classifying");
        let each = lines.div_ceil(TAUGHT.len());
        let (mut recalls, mut rows) = (0.0, Vec::new());
        for (name, looks) in TAUGHT {
            let (mut right, mut unknown) = (0, 0);
            for _ in 0..each {
                let (class, best) = self.look(looks)?;
                right += usize::from(best == name);
                unknown += usize::from(class == UNKNOWN);
                bar.inc(1);
            }
            recalls += share(right, each) / TAUGHT.len() as f64;
            rows.push(format!(
                "  {name:8} {right} of {each} nearest to their class, {unknown} called unknown"
            ));
        }
        bar.finish_and_clear();
        rows.iter().for_each(|row| self.tell.line(row));
        self.tell.line(format_args!("  balanced accuracy {:.1} %", recalls * 100.0));
        Ok(recalls)
    }

    fn meet_strangers(&mut self) -> anyhow::Result<f64> {
        let (name, looks) = STRANGE;
        let (mut unknown, mut first) = (0, None);
        for _ in 0..STRANGERS {
            let line = self.log.line(looks);
            let (verdict, _) = self.device.look(&text::frame(&line, now()))?;
            unknown += usize::from(verdict.class.is_none());
            first.get_or_insert(line);
        }
        self.tell.line(format_args!(
            "\nTrouble with {name}, which was never taught: {unknown} of {STRANGERS} lines are unknown, such as\n  {}",
            first.unwrap_or_default()
        ));
        Ok(share(unknown, STRANGERS))
    }

    /// Teaches what was unknown; the share of it that is right then.
    fn add(&mut self) -> anyhow::Result<f64> {
        for _ in 0..PER_CLASS {
            self.teach(STRANGE)?;
        }
        let (name, looks) = STRANGE;
        let mut right = 0;
        for _ in 0..STRANGERS {
            right += usize::from(self.look(looks)?.1 == name);
        }
        self.tell.line(format_args!(
            "{PER_CLASS} of them are taught as {name}: {right} of {STRANGERS} new ones are nearest to it."
        ));
        Ok(share(right, STRANGERS))
    }

    /// Whether the device says the same of the same lines once it was off.
    fn restart(mut self, store: &Path) -> anyhow::Result<bool> {
        let lines = TAUGHT.map(|(_, looks)| self.log.line(looks));
        let seen = |device: &mut Device| -> anyhow::Result<Vec<Verdict>> {
            let mut verdict = |line| Ok(device.look(&text::frame(line, now()))?.0);
            lines.iter().map(|line| verdict(line.as_str())).collect()
        };
        let before = seen(&mut self.device)?;
        // The store is closed before it is opened again.
        drop(self.device);
        let same = seen(&mut Device::begin(TextEncoder::of_words().into(), store)?)? == before;
        let found = if same { "are the same" } else { "differ" };
        self.tell.line(format_args!("\nPower off, power on: the verdicts {found}."));
        Ok(same)
    }
}
