//! `fieldtune ctl`: the other end of a device's port.

mod images;
mod inbox;
mod link;
mod policy;
mod recent;
mod snap;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::ProgressBar;

use super::contact_sheet;
use super::output::write_whole;
use super::{Context, Exit};
use crate::board::address::Address;
use crate::image::frame::Timestamp;
use crate::learn::command::{Command, ReadExamples, Reply};
use crate::learn::head::ExampleId;
use crate::protocol::console::{self, Entry};
use crate::protocol::json;
use crate::protocol::pin::{LONGEST, Pin};
use crate::protocol::request::{
    Answer, Classify, ExamplePicture, Lock, Of, Pull, Push, Request, TeachImage, Unlock,
};
use crate::protocol::wire::MAX_MESSAGE;
use crate::store::signed;
use crate::store::snapshot::{Difference, Snapshot};
use crate::util::bounded;
use link::{Link, Stage};

/// Send a console command or images to a running device
///
/// `fieldtune ctl help` lists the console's commands. Besides them:
///   teach CLASS IMAGE...   learn image files, one after another; those that
///                          were answered with ok stay if a later one fails
///   classify IMAGE...      classify image files; exit status 1 if one fails
///   snap FILE              fetch the latest frame; with --explain, with where
///                          in it its prediction comes from
///   recent DIR             fetch the latest classified frames
///   recent unsure DIR      the same, the least confident first
///   inbox export DIR       fetch the frames of the inbox and predictions.csv
///   watch                  print every prediction until interrupted
///   pull FILE, push FILE   fetch or replace everything learned; signed or not
///   push merge FILE        add what another device learned
///   policy FILE            fetch the policy
///   policy save FILE       check, store and follow another policy
/// With several regions, the region comes first: @left teach good 5
///
/// At a terminal answers are for people; elsewhere they are lines of key=value,
/// or JSON (--json).
///
/// A locked port needs the PIN, from a file (--pin-file) or from the variable
/// FIELDTUNE_PIN: ctl unlocks the port, sends the request, and locks it again.
/// There is no `ctl unlock`, since every program on this machine can read a
/// command line.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "Examples:
  fieldtune ctl --port /dev/ttyUSB0 status
  fieldtune ctl --port /dev/ttyUSB0@115200 teach scratch 5
  fieldtune ctl --port unix:/run/fieldtune.sock watch --json
  fieldtune ctl --port unix:/run/fieldtune.sock recent unsure look
  fieldtune ctl teach scratch --frame 123
  fieldtune ctl teach trouble --text 'kernel: I/O error, dev sda'
  export FIELDTUNE_PORT=/dev/ttyUSB0; fieldtune ctl pull backup.ftune
  fieldtune ctl --pin-file ~/line.pin forget scratch")]
pub struct CtlCommand {
    /// Where the device is: /dev/ttyUSB0, /dev/ttyUSB0@BAUD, unix:PATH
    #[arg(long, short, env = "FIELDTUNE_PORT")]
    port: Option<Address>,
    /// Time to wait for the device's answer
    #[arg(long, value_name = "SECONDS", default_value_t = 6.0, value_parser = seconds)]
    timeout: f32,
    /// A file whose first line is the PIN of the device [default: the variable FIELDTUNE_PIN]
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// Answer in JSON: a line an answer, an image or a verdict
    #[arg(long)]
    json: bool,
    /// teach and burst: learn every frame, also one that differs from the last by no more than noise
    #[arg(long)]
    any: bool,
    /// teach: learn this frame of those that recent lists (repeatable)
    #[arg(long, value_name = "NUMBER")]
    frame: Vec<u64>,
    /// teach and classify: the arguments are lines of text, not image files
    #[arg(long)]
    text: bool,
    /// snap: draw where in the frame its prediction comes from
    #[arg(long)]
    explain: bool,
    /// recent, examples, status: draw the frames, the examples or the suspects as a contact sheet, a PNG file
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// The command and its arguments
    #[arg(required = true, value_name = "COMMAND")]
    words: Vec<String>,
    /// The region that is asked.
    #[arg(skip)]
    region: Option<String>,
}

fn seconds(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.1..=3600.0).contains(number));
    number.ok_or_else(|| format!("wanted a number from 0.1 to 3600, got {}", text.escape_debug()))
}

impl CtlCommand {
    pub(super) fn run(mut self, context: &Context) -> anyhow::Result<Exit> {
        let mut all = std::mem::take(&mut self.words);
        // As at the console, a command may have capitals; what stands behind it is as it was typed.
        let command = usize::from(all.len() > 1 && all[0].starts_with('@'));
        all[command].make_ascii_lowercase();
        let mut words: Vec<&str> = all.iter().map(String::as_str).collect();
        let region = words[0].strip_prefix('@').map(str::to_owned);
        if let (Some(name), 2..) = (region, words.len()) {
            self.region = Some(name);
            words.remove(0);
        }
        if self.sheet.is_some() && !["recent", "examples", "status"].contains(&words[0]) {
            bail!("--sheet goes with recent, examples and status, not with {}", words[0]);
        }
        if self.explain && !matches!(words[..], ["snap", _]) {
            bail!("--explain goes with snap FILE, not with {}", words.join(" "));
        }
        if self.text && !matches!(words[..], ["teach", _, _, ..] | ["classify", _, ..]) {
            bail!(
                "--text goes with teach CLASS LINE... and classify LINE..., not with {}",
                words.join(" ")
            );
        }
        if self.any {
            match words[0] {
                "teach" | "burst" => words.push("any"),
                other => bail!("--any goes with teach and burst, not with {other}"),
            }
        }
        let frames: Vec<String> = self.frame.iter().map(u64::to_string).collect();
        if !frames.is_empty() {
            match words[..] {
                ["teach", _] => words.push("frame"),
                _ => bail!("wanted: teach CLASS --frame NUMBER..., got: {}", words.join(" ")),
            }
            words.extend(frames.iter().map(String::as_str));
        }
        self.carry_out(&words, context)
    }

    fn carry_out(&self, words: &[&str], context: &Context) -> anyhow::Result<Exit> {
        let of_all = |word: &str| word == "watch";
        if let Some(region) = self.region.as_ref().filter(|_| of_all(words[0])) {
            bail!("{} takes no region: leave out @{region}", words[0]);
        }
        match *words {
            ["teach", class, first, ..]
                if self.text
                    || first.parse::<u32>().is_err() && !["any", "frame"].contains(&first) =>
            {
                let class = class.to_owned();
                self.images(&words[2..], ("learning", true), context, |image| {
                    TeachImage { class: class.clone(), image }.into()
                })
            }
            ["classify", _, ..] => {
                self.images(&words[1..], ("classifying", false), context, |image| {
                    Classify { image }.into()
                })
            }
            ["watch"] | ["watch", "on"] => self.watch(),
            ["recent", folder] if folder != "unsure" && folder.parse::<u64>().is_err() => {
                self.recent(Some(Path::new(folder)), false, context)
            }
            ["recent", "unsure", folder] if folder.parse::<u64>().is_err() => {
                self.recent(Some(Path::new(folder)), true, context)
            }
            ["recent"] if self.sheet.is_some() => self.recent(None, false, context),
            ["recent", "unsure"] if self.sheet.is_some() => self.recent(None, true, context),
            ["examples" | "status", ..] if let Some(file) = &self.sheet => {
                self.sheet_of_learned(file, words, context)
            }
            ["inbox", "export", folder] => self.export_inbox(Path::new(folder), context),
            ["snap", file] => self.snap(Path::new(file), context),
            ["pull", file] => self.pull(Path::new(file), context),
            ["push", file] => self.push(Path::new(file), false, context),
            ["push", "merge", file] => self.push(Path::new(file), true, context),
            ["policy", "save", file] => self.save_policy(Path::new(file), context),
            ["policy", file] => self.fetch_policy(Path::new(file), context),
            ["unlock", ..] => bail!(
                "every program here can read a PIN on a command line; give it with --pin-file FILE or FIELDTUNE_PIN, and the command to do"
            ),
            ["classify"] => bail!("wanted: classify IMAGE..., got no image"),
            ["pull" | "push"] => bail!("wanted: {} FILE, got no file", words[0]),
            _ => self.console_command(&words.join(" "), context),
        }
    }

    fn console_command(&self, line: &str, context: &Context) -> anyhow::Result<Exit> {
        let line = match &self.region {
            Some(region) => &format!("@{region} {line}"),
            None => line,
        };
        match console::parse(line).map_err(|why| anyhow::anyhow!(console::harmless(&why)))? {
            Entry::Nothing => bail!("wanted a command; fieldtune ctl help lists them"),
            Entry::Help(spec) => {
                let text = console::help(spec);
                println!("{}", text.strip_suffix("\nok").unwrap_or(&text));
            }
            Entry::Leave => bail!("quit is a command of the console; ctl ends by itself"),
            Entry::Echo(_) => bail!("echo is a setting of the console"),
            Entry::Request(request) => {
                let answer = self.ask(&mut self.link()?, &request, context)?;
                self.tell(&answer);
                return Ok(exit_of(&answer));
            }
        }
        Ok(Exit::Done)
    }

    fn watch(&self) -> anyhow::Result<Exit> {
        let is_terminal = std::io::stdout().is_terminal();
        self.link()?.watch(&mut |classification| {
            if self.json {
                println!("{}", json::verdict(classification));
            } else if is_terminal {
                println!("{}", console::harmless(&told::classified(classification)));
            } else {
                println!("{}", console::verdict(classification));
            }
        })?;
        Ok(Exit::Done)
    }

    fn pull(&self, file: &Path, context: &Context) -> anyhow::Result<Exit> {
        let answer = self.ask(&mut self.link()?, &Pull.into(), context)?;
        let Answer::Learned(bytes) = &answer else {
            bail!("unexpected answer of the device, wanted a pack");
        };
        Snapshot::decode(bytes).context("the answer of the device")?;
        write_whole(file, bytes)?;
        self.tell(&answer);
        Ok(Exit::Done)
    }

    /// Answers as without `--sheet`, and draws the images that come with what was learned.
    fn sheet_of_learned(
        &self,
        file: &Path,
        words: &[&str],
        context: &Context,
    ) -> anyhow::Result<Exit> {
        let answer = self.ask(&mut self.link()?, &Pull.into(), context)?;
        let Answer::Learned(bytes) = &answer else {
            bail!("unexpected answer of the device, wanted a pack");
        };
        let snapshot = Snapshot::decode(bytes).context("the answer of the device")?;
        let mut learner = snapshot.into_learner(0)?;
        let with_image: BTreeSet<ExampleId> =
            learner.examples().iter().filter(|one| one.image.is_some()).map(|one| one.id).collect();
        let mut images = |ids: &[ExampleId]| {
            let mut link = self.link()?;
            let mut files = BTreeMap::new();
            for &id in ids.iter().filter(|id| with_image.contains(id)) {
                let ask = ExamplePicture { example: id.0 };
                // One that had to make room for others is drawn without.
                if let Ok(Answer::Picture { file, .. }) = self.ask(&mut link, &ask.into(), context)
                {
                    files.insert(id, file);
                }
            }
            Ok(files)
        };
        match *words {
            ["examples", ref class @ ..] => {
                let class = class.first().map(|&class| class.to_owned());
                let list = Command::Examples(ReadExamples { class });
                let (Reply::Examples(examples), _) = list.apply(&mut learner, Timestamp(0))? else {
                    bail!("unexpected answer to examples");
                };
                contact_sheet::of_examples(file, &learner, &mut images, &examples)?;
            }
            _ => {
                learner.bring_up_to_date();
                let suspects = learner.estimate().map(|one| one.suspects.clone());
                let suspects = suspects.unwrap_or_default();
                contact_sheet::of_suspects(file, &learner, &mut images, &suspects)?;
            }
        }
        self.console_command(&words.join(" "), context)
    }

    fn push(&self, file: &Path, merge: bool, context: &Context) -> anyhow::Result<Exit> {
        let place = || file.display().to_string();
        let learned = bounded::read(file, MAX_MESSAGE as u64).with_context(place)?;
        let opened = signed::open(&learned, &[]).with_context(place)?;
        Snapshot::decode(opened.pack).with_context(place)?;
        let answer = self.ask(&mut self.link()?, &Push { learned, merge }.into(), context)?;
        self.tell(&answer);
        Ok(Exit::Done)
    }

    fn link(&self) -> anyhow::Result<Link> {
        let Some(port) = self.port.clone() else {
            bail!(
                "which device? wanted its address with --port or in the variable FIELDTUNE_PORT\n  next: fieldtune ctl --port /dev/ttyUSB0 status"
            );
        };
        Link::open(port, Duration::from_secs_f32(self.timeout))
    }

    /// The PIN of the device, if one was given.
    fn pin(&self) -> anyhow::Result<Option<Pin>> {
        let Some(file) = &self.pin_file else {
            let pin = std::env::var("FIELDTUNE_PIN").ok().filter(|pin| !pin.is_empty());
            return pin.map(|pin| Pin::new(&pin)).transpose().context("FIELDTUNE_PIN");
        };
        let place = || file.display().to_string();
        let mut line = String::new();
        let opened = std::fs::File::open(file).with_context(place)?;
        // No longer than any PIN with its line end.
        BufReader::new(opened.take(LONGEST as u64 + 3)).read_line(&mut line).with_context(place)?;
        Pin::new(line.trim_end_matches(['\r', '\n'])).map(Some).with_context(place)
    }

    /// Asks, and unlocks the port for it where that is needed and a PIN was given.
    fn ask(&self, link: &mut Link, request: &Request, context: &Context) -> anyhow::Result<Answer> {
        let of_region;
        let request = match (&self.region, request) {
            (Some(region), plain) if plain.may_name_a_region() => {
                of_region = Of::new(region.as_str(), plain.clone()).into();
                &of_region
            }
            _ => request,
        };
        let pin = if request.wants_pin() { self.pin()? } else { None };
        let Some(pin) = pin else { return self.ask_as_it_is(link, request, context) };
        self.ask_as_it_is(link, &Unlock { pin }.into(), context)?;
        let answer = self.ask_as_it_is(link, request, context);
        // A device that starts again locks its ports by that.
        if !matches!(request, Request::Restart(_))
            && let Err(error) = self.ask_as_it_is(link, &Lock.into(), context)
        {
            let why = console::harmless(&format!("{error:#}"));
            eprintln!("warning: the port was not locked again: {why}");
        }
        answer
    }

    /// Asks, with a bar where it takes long.
    fn ask_as_it_is(
        &self,
        link: &mut Link,
        request: &Request,
        context: &Context,
    ) -> anyhow::Result<Answer> {
        let mut bar = ProgressBar::hidden();
        let mut doing = "";
        let mut waiting = None;
        let result = link.request(request, &mut |stage| {
            if let Stage::Working(progress) = stage {
                let hint = progress.waiting.then_some(progress);
                if let Some(hint) = hint.filter(|_| waiting != hint) {
                    bar.suspend(|| eprintln!("{}", console::progress(hint)));
                }
                waiting = hint;
            }
            let (now, done, total) = match stage {
                Stage::Sent(done, total) => ("sending", u64::from(done), u64::from(total)),
                Stage::Working(progress) => {
                    ("working", u64::from(progress.done), u64::from(progress.total))
                }
                Stage::Received(done, total) => ("receiving", u64::from(done), u64::from(total)),
            };
            if total > 1 {
                if doing != now {
                    bar.finish_and_clear();
                    bar = context.bar(total, now);
                    doing = now;
                }
                bar.set_position(done);
            }
        });
        bar.finish_and_clear();
        result
    }
}

/// As the subcommand of that name ends.
fn exit_of(answer: &Answer) -> Exit {
    match answer.plain() {
        Answer::Reply(Reply::Undone { changes, .. }) if changes.is_empty() => Exit::Negative,
        Answer::Difference(difference) if *difference == Difference::default() => Exit::Negative,
        Answer::Adapted(adapted) if adapted.reason.is_some() => Exit::Negative,
        Answer::FineTuned(tuning) if !tuning.helps => Exit::Negative,
        _ => Exit::Done,
    }
}
