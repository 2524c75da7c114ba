//! What documents show as typed: commands run or, where they cannot run here, are at least valid; console lines are
//! read as the console reads them.
//!
//! A small part of a shell runs them: `export NAME=VALUE`, `> FILE`, a final `&`, comments. Each block has a folder and a
//! store of its own. A block that talks to a device has one with a camera that draws, at the place of its address.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use fieldtune::cli;
use fieldtune::protocol::console::{self, Entry};

use super::{documents, root, text_of};
use crate::common::process::{DRAWN, Device};
use crate::common::{command, data, finish};

/// What is not run: how a line begins, and why.
const NOT_RUN: [(&str, &str); 8] = [
    ("fieldtune models fetch", "needs the network; it is parsed"),
    ("cargo run --release -- ", "compiles; what follows -- is parsed"),
    ("cargo install --path .", "compiles and installs"),
    ("cargo build --release", "compiles; .ci/run does"),
    ("rustup target add ", "needs the network"),
    ("sudo apt-get install ", "needs root and the network"),
    ("export C", "for the cross compiler, as in .ci/run"),
    ("scp ", "needs another machine"),
];

/// Where a document says that a device is.
const ELSEWHERE: &str = "/dev/ttyUSB0";

/// Placeholders of values that are chosen from a list, and one of the list.
const PLACEHOLDERS: [(&str, &str); 3] =
    [("KIND", "ridge"), ("COMMAND", "status"), ("ADDRESS", "stdio:")];

/// A word, or a value where it is a placeholder for one.
fn value_of(word: &str) -> &str {
    PLACEHOLDERS.iter().find(|(name, _)| *name == word).map_or(word, |(_, value)| value)
}

/// The lines of a document's blocks that begin with a prompt, a list a block.
fn typed<'a>(text: &'a str, prompt: &str) -> Vec<Vec<&'a str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
            found.push(Vec::new());
        } else if inside && let Some(line) = line.strip_prefix(prompt) {
            found.last_mut().expect("a block began").push(line);
        }
    }
    found.retain(|block| !block.is_empty());
    found
}

/// Code within a document's sentences and tables.
fn spans(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        inside ^= line.starts_with("```");
        if !inside && !line.starts_with("```") {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// A block's shell.
struct Shell {
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
    background: Vec<Child>,
    device: Option<Device>,
}

impl Drop for Shell {
    fn drop(&mut self) {
        for child in &mut self.background {
            // Ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Shell {
    /// * `block`: with a device among its lines, everything is small and drawn.
    fn new(block: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let mut settings = vec![("FIELDTUNE_STORE".to_owned(), "learned.ftune".to_owned())];
        let mut device = None;
        if block.iter().any(|line| line.contains("fieldtune ctl")) {
            let model = data("tiny.toml").display().to_string();
            settings.push(("FIELDTUNE_MODEL".to_owned(), model));
            settings.push(("FIELDTUNE_BOARD".to_owned(), "sim".to_owned()));
            let image = root().join("tests/data/pictures/exif-1.jpg");
            fs::copy(image, folder.path().join("photo.jpg")).expect("there is room");
            if block.iter().any(|line| line.contains(ELSEWHERE)) {
                device = Some(Device::start(folder.path(), &DRAWN));
            }
        }
        Self { folder, settings, background: Vec::new(), device }
    }

    /// A word as it has to be here.
    fn word(&self, word: &str) -> String {
        let device = self.device.as_ref().map_or(ELSEWHERE, |device| &device.port);
        let folder = format!("{}/", self.folder.path().display());
        let word = word.replace("/tmp/", &folder).replace(ELSEWHERE, device);
        // Also behind what says what it is: lines:tests/data/...
        match word.split_once("tests/data/") {
            Some((before, file)) if before.is_empty() || before.ends_with(':') => {
                format!("{before}{}", root().join("tests/data").join(file).display())
            }
            _ => word,
        }
    }

    /// Carries out a line.
    fn line(&mut self, line: &str) -> Result<(), String> {
        let line = line.split(" # ").next().unwrap_or_default().trim();
        let line: Vec<String> = line.split_whitespace().map(|word| self.word(word)).collect();
        let mut words: Vec<&str> = line.iter().map(String::as_str).collect();
        if let ["export", setting] = words[..] {
            let (name, value) = setting.split_once('=').ok_or("wanted NAME=VALUE")?;
            self.settings.push((name.to_owned(), value.to_owned()));
            return Ok(());
        }
        let in_background = words.pop_if(|word| *word == "&").is_some();
        let mut into = None;
        if let [.., ">", file] = words[..] {
            into = Some(file.to_owned());
            words.truncate(words.len() - 2);
        }
        if words.first() != Some(&"fieldtune") {
            return Err("neither run nor in the list of what cannot be run".to_owned());
        }
        if words.get(1) == Some(&"ctl") {
            // A machine that does much else answers late.
            words.splice(2..2, ["--timeout", "100"]);
        }
        let mut command = command(&words[1..]);
        command.current_dir(&self.folder).envs(self.settings.iter().cloned());
        if in_background {
            return self.start(command, &words);
        }
        if words.contains(&"watch") {
            return first_line(command);
        }
        let run = finish(command);
        if let Some(file) = into {
            fs::write(self.folder.path().join(file), &run.stdout).map_err(|why| why.to_string())?;
        }
        if run.code == 0 { Ok(()) } else { Err(format!("{run:?}")) }
    }

    /// Starts a device and waits for its socket.
    fn start(&mut self, mut command: Command, words: &[&str]) -> Result<(), String> {
        let log = self.folder.path().join("log");
        let file = File::create(&log).map_err(|why| why.to_string())?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        self.background.push(command.spawn().map_err(|why| why.to_string())?);
        let socket = words.iter().find_map(|word| word.strip_prefix("unix:")).map(PathBuf::from);
        let (socket, begun) = (socket.ok_or("wanted a socket")?, Instant::now());
        while !socket.exists() {
            if begun.elapsed() > Duration::from_secs(100) {
                return Err(fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Runs what goes on for ever up to its first line, which has to come.
fn first_line(mut command: Command) -> Result<(), String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|why| why.to_string())?;
    let (heard, hears) = std::sync::mpsc::channel();
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    std::thread::spawn(move || {
        let mut line = String::new();
        heard.send(output.read_line(&mut line).map_err(|why| why.to_string()))
    });
    let read = hears.recv_timeout(Duration::from_secs(200));
    let _ = child.kill();
    let _ = child.wait();
    match read {
        Ok(Ok(1..)) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// Whether the command line takes the words, as far as they are given where `whole` is not set.
fn parse(words: &[&str], whole: bool) -> Result<(), String> {
    match cli::parse(words) {
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(()),
        Err(error)
            if !whole
                && [
                    ErrorKind::MissingRequiredArgument,
                    ErrorKind::MissingSubcommand,
                    ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
                ]
                .contains(&error.kind()) =>
        {
            Ok(())
        }
        other => other.map_err(|error| error.to_string()),
    }
}

/// What is wrong with the lines of a document's blocks; counts those that ran.
fn run_blocks(document: &Path, ran: &mut usize, unused: &mut Vec<&str>) -> Vec<String> {
    let text = text_of(document);
    let mut broken = Vec::new();
    for block in typed(&text, "$ ") {
        let mut shell = Shell::new(&block);
        for line in block {
            let result = match NOT_RUN.iter().find(|(start, _)| line.starts_with(start)) {
                Some((start, _)) => {
                    unused.retain(|other| other != start);
                    let program = line.strip_prefix("cargo run --release -- ");
                    let program = program.or_else(|| line.strip_prefix("fieldtune "));
                    program.map_or(Ok(()), |line| {
                        let words = ["fieldtune"].into_iter().chain(line.split_whitespace());
                        parse(&words.collect::<Vec<_>>(), true)
                    })
                }
                None => {
                    *ran += 1;
                    shell.line(line)
                }
            };
            broken.extend(result.err().map(|why| format!("{}: {line}: {why}", document.display())));
        }
    }
    broken
}

#[test]
fn commands_in_the_documents_run() {
    let (mut ran, mut broken) = (0, Vec::new());
    let mut unused: Vec<&str> = NOT_RUN.iter().map(|(start, _)| *start).collect();
    for document in documents() {
        broken.extend(run_blocks(&document, &mut ran, &mut unused));
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(ran > 35, "{ran} commands were found");
    assert!(unused.is_empty(), "no document has these any more: {unused:?}");
}

#[test]
fn commands_in_sentences_are_valid() {
    let (mut checked, mut broken) = (0, Vec::new());
    for document in documents() {
        let text = text_of(&document);
        for span in spans(&text) {
            let words = span.split(" > ").next().unwrap_or_default().split_whitespace();
            let words: Vec<&str> = words.map(value_of).collect();
            let of_cargo = words.first() == Some(&"cargo");
            let result = match &words[..] {
                ["fieldtune", _, ..] => parse(&words, false),
                _ if of_cargo => test_exists(&words),
                _ => continue,
            };
            checked += 1;
            broken.extend(result.err().map(|why| format!("{}: {span}: {why}", document.display())));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(checked > 60, "{checked} commands were found");
    for wrong in ["fieldtune teech good", "fieldtune head cat", "fieldtune run --cammera x"] {
        assert!(parse(&wrong.split(' ').collect::<Vec<_>>(), false).is_err(), "{wrong}");
    }
}

/// Whether the test that `cargo test --test NAME FILTER` names is there.
fn test_exists(words: &[&str]) -> Result<(), String> {
    let Some(at) = words.iter().position(|word| *word == "--test") else { return Ok(()) };
    let name = words.get(at + 1).ok_or("wanted a test")?;
    let folder = root().join("tests");
    let (file, modules) = (folder.join(format!("{name}.rs")), folder.join(name));
    if !file.exists() && !modules.join("main.rs").exists() {
        return Err("there is no such test".to_owned());
    }
    match words.get(at + 2).and_then(|filter| filter.strip_suffix("::")) {
        Some(module) if !modules.join(module.replace("::", "/") + ".rs").exists() => {
            Err("there is no such module".to_owned())
        }
        _ => Ok(()),
    }
}

#[test]
fn console_lines_in_the_documents_are_valid() {
    let mut checked = 0;
    for document in documents() {
        for line in typed(&text_of(&document), "> ").concat() {
            let entry = console::parse(line);
            assert!(
                matches!(entry, Ok(Entry::Request(_))),
                "{}: {line}: {entry:?}",
                document.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 3, "{checked} lines were found");
}

#[test]
fn every_option_in_the_documents_exists() {
    let reference = text_of(Path::new("docs/cli.md"));
    let exists = |option: &str| reference.split([' ', ',', '\n', '[']).any(|word| word == option);
    let (mut checked, mut broken) = (0, Vec::new());
    for document in documents() {
        for span in spans(&text_of(&document)) {
            let option = span.split([' ', '=']).next().unwrap_or_default();
            if option.starts_with("--") && option.len() > 2 {
                checked += 1;
                if !exists(option) {
                    broken.push(format!("{}: {span}", document.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(checked > 20 && !exists("--cammera"), "{checked} options were found");
}

#[test]
fn documents_with_code_are_compiled() {
    let map = text_of(Path::new("src/lib.rs"));
    for document in documents() {
        if text_of(&document).contains("```rust") {
            let included = format!("include_str!(\"../{}\")", document.display());
            assert!(map.contains(&included), "{} is not in src/lib.rs", document.display());
        }
    }
}
