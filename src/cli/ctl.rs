//! `fieldtune ctl`: the other end of a device's port.

mod link;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Map, Value as Json, json};

use super::{Context, Exit, output};
use crate::console::{self, Entry, Row, Value};
use crate::port::Address;
use crate::request::{Answer, Request};
use crate::snapshot::Snapshot;
use link::{Link, Stage};

/// Ask a running device for whatever its console does, and send it images
///
/// `fieldtune ctl help` lists the console's commands; they are the same here. Beside them:
///   teach CLASS IMAGE...   learn image files instead of what the camera sees, one after another: what was answered
///                          with ok stays, also where a later one cannot be learned
///   classify IMAGE...      judge image files
///   snap FILE              fetch the latest frame
///   watch                  print every verdict, until interrupted
///   pull FILE, push FILE   fetch, or replace, everything that was learned
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "Examples:
  fieldtune ctl --port /dev/ttyUSB0 status
  fieldtune ctl --port /dev/ttyUSB0@115200 teach scratch 5
  fieldtune ctl --port unix:/run/fieldtune.sock watch --json
  export FIELDTUNE_PORT=/dev/ttyUSB0; fieldtune ctl pull backup.ftune")]
pub struct CtlCommand {
    /// Where the device is: /dev/ttyUSB0, /dev/ttyUSB0@BAUD, unix:PATH
    #[arg(long, short, env = "FIELDTUNE_PORT")]
    port: Address,
    /// How long the device may say nothing
    #[arg(long, value_name = "SECONDS", default_value_t = 6.0, value_parser = seconds)]
    timeout: f32,
    /// Answer in JSON, an object a line
    #[arg(long)]
    json: bool,
    /// What to ask for
    #[arg(required = true, value_name = "COMMAND")]
    words: Vec<String>,
}

fn seconds(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.1..=3600.0).contains(number));
    number.ok_or_else(|| format!("wanted a number from 0.1 to 3600, got {}", text.escape_debug()))
}

impl CtlCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        match words[..] {
            ["teach", class, first, ..] if first.parse::<u32>().is_err() => {
                let class = class.to_owned();
                self.images(&words[2..], "learning", context, |image| Request::TeachImage {
                    class: class.clone(),
                    image,
                })
            }
            ["classify", _, ..] => {
                self.images(&words[1..], "judging", context, |image| Request::Classify { image })
            }
            ["watch"] | ["watch", "on"] => self.watch(),
            ["snap", file] => self.snap(Path::new(file), context),
            ["pull", file] => self.pull(Path::new(file), context),
            ["push", file] => self.push(Path::new(file), context),
            ["classify"] => bail!("wanted: classify IMAGE..., got no image"),
            ["pull" | "push"] => bail!("wanted: {} FILE, got no file", words[0]),
            _ => self.console_command(&words.join(" "), context),
        }
    }

    fn console_command(&self, line: &str, context: &Context) -> anyhow::Result<Exit> {
        match console::parse(line).map_err(|why| anyhow::anyhow!(console::harmless(&why)))? {
            Entry::Nothing => bail!("wanted a command; fieldtune ctl help lists them"),
            Entry::Help(spec) => {
                let text = console::help(spec);
                println!("{}", text.strip_suffix("\nok").unwrap_or(&text));
            }
            Entry::Echo(_) => bail!("echo is a setting of a console, for whoever types there"),
            Entry::Request(request) => {
                let answer = self.ask(&mut self.link()?, &request, context)?;
                console::answer(&answer).iter().for_each(|row| self.print(row));
            }
        }
        Ok(Exit::Done)
    }

    /// Sends every image, and prints what came of it.
    fn images(
        &self,
        files: &[&str],
        doing: &'static str,
        context: &Context,
        request: impl Fn(Vec<u8>) -> Request,
    ) -> anyhow::Result<Exit> {
        let mut images = Vec::with_capacity(files.len());
        for file in files {
            images.push((file, std::fs::read(file).with_context(|| console::harmless(file))?));
        }
        let mut link = self.link()?;
        let one = Context { progress: context.progress && files.len() == 1 };
        let bar = Context { progress: context.progress && files.len() > 1 }
            .bar(files.len() as u64, doing);
        for (file, image) in images {
            let answer = self
                .ask(&mut link, &request(image), &one)
                .with_context(|| console::harmless(file))?;
            for row in console::answer(&answer) {
                bar.suspend(|| self.print(&row.with("image", *file)));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Exit::Done)
    }

    fn watch(&self) -> anyhow::Result<Exit> {
        self.link()?.watch(&mut |judgement| self.print(&console::verdict(judgement)))?;
        Ok(Exit::Done)
    }

    fn snap(&self, file: &Path, context: &Context) -> anyhow::Result<Exit> {
        let answer = self.ask(&mut self.link()?, &Request::Snap, context)?;
        let Answer::Picture { file: bytes, .. } = &answer else {
            bail!("the device answered something else than a picture");
        };
        output::replace(file, bytes)?;
        console::answer(&answer).iter().for_each(|row| self.print(row));
        Ok(Exit::Done)
    }

    fn pull(&self, file: &Path, context: &Context) -> anyhow::Result<Exit> {
        let answer = self.ask(&mut self.link()?, &Request::Pull, context)?;
        let Answer::Learned(bytes) = &answer else {
            bail!("the device answered something else than what it learned");
        };
        Snapshot::decode(bytes).context("what came from the device")?;
        output::replace(file, bytes)?;
        console::answer(&answer).iter().for_each(|row| self.print(row));
        Ok(Exit::Done)
    }

    fn push(&self, file: &Path, context: &Context) -> anyhow::Result<Exit> {
        let place = || file.display().to_string();
        let learned = std::fs::read(file).with_context(place)?;
        Snapshot::decode(&learned).with_context(place)?;
        let answer = self.ask(&mut self.link()?, &Request::Push { learned }, context)?;
        console::answer(&answer).iter().for_each(|row| self.print(row));
        Ok(Exit::Done)
    }

    fn link(&self) -> anyhow::Result<Link> {
        Link::open(self.port.clone(), Duration::from_secs_f32(self.timeout))
    }

    /// Asks, with a bar where it takes long.
    fn ask(&self, link: &mut Link, request: &Request, context: &Context) -> anyhow::Result<Answer> {
        let mut bar = ProgressBar::hidden();
        let mut doing = "";
        let result = link.request(request, &mut |stage| {
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

    fn print(&self, row: &Row) {
        if self.json {
            println!("{}", row_json(row));
        } else {
            println!("{row}");
        }
    }
}

fn row_json(row: &Row) -> Json {
    let value = |value: &Value| match value {
        Value::Text(text) => json!(text),
        Value::Number(number) => json!(number),
        // JSON has no infinity; null is no limit.
        Value::Real(real) => json!(real),
        Value::Flag(flag) => json!(flag),
        Value::Numbers(numbers) => json!(numbers),
        Value::Texts(texts) => json!(texts),
        Value::None => Json::Null,
    };
    let word = ("row".to_owned(), json!(row.word));
    let fields = row.fields.iter().map(|(key, field)| (key.clone(), value(field)));
    Json::Object(std::iter::once(word).chain(fields).collect::<Map<_, _>>())
}
