//! `fieldtune models`: the cards that are built in, and the files that they describe.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Context, Exit, Failed};
use crate::backbone::card::{DataFile, ModelCard, built_in, hex};
use crate::backbone::fetch::{Download, FetchError, Patience, fetch};

/// List, download and verify backbones
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune models list
  fieldtune models fetch mobilenetv2-12
  fieldtune models fetch mobilenetv2-12 --from http://nas/mobilenetv2-12.onnx
  fieldtune models verify

Files are kept in $FIELDTUNE_MODELS, else in fieldtune/models in the user's data folder.")]
pub struct ModelsCommand {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    List(ListCommand),
    Fetch(FetchCommand),
    Verify(VerifyCommand),
}

/// List the models
#[derive(Debug, clap::Args)]
struct ListCommand {
    /// Where the files are [default: the models' folder]
    #[arg(long = "in", value_name = "DIR")]
    folder: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Download and verify a model; resumes an interrupted download
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status 3 if the network or the disk failed; run the same command again to resume."
)]
struct FetchCommand {
    /// A model's name, or a card (.toml)
    name: String,
    /// Another place to get it from; it must be the same file
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// Where it goes [default: the models' folder]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Retries in a row of a transfer without progress
    #[arg(long, value_name = "N", default_value_t = Patience::default().retries)]
    retries: u32,
}

/// Verify downloaded files against their cards
///
/// Exit status 1 if a file does not match its card or the named one is missing.
#[derive(Debug, clap::Args)]
struct VerifyCommand {
    /// A model's name, or a card (.toml) [default: every file that is there]
    name: Option<String>,
    /// Where the files are [default: the models' folder]
    #[arg(long = "in", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl ModelsCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.command {
            Subcommand::List(command) => command.run(),
            Subcommand::Fetch(command) => command.run(context),
            Subcommand::Verify(command) => command.run(),
        }
    }
}

impl ListCommand {
    fn run(self) -> anyhow::Result<Exit> {
        let folder = self.folder.unwrap_or_else(ModelCard::folder);
        for card in ModelCard::builtin_cards() {
            let path = folder.join(&card.file);
            let present = card.is_built_in() || path.exists();
            let ModelCard { name, file, licence, about, url, .. } = &card;
            let bytes = card.files().iter().map(|file| file.bytes).sum::<u64>();
            if self.json {
                let line = json!({
                    "name": name, "file": file, "bytes": bytes, "sha256": hex(&card.sha256),
                    "url": url, "licence": licence, "about": about, "present": present,
                    "path": path.display().to_string(),
                });
                println!("{line}");
            } else {
                let state = match (card.is_built_in(), present) {
                    (true, _) => "built in",
                    (false, true) => "here",
                    (false, false) => "-",
                };
                let megabytes = bytes as f64 / 1e6;
                println!("{name:<24} {megabytes:>6.1} MB  {state:<8} {licence:<12} {about}");
            }
        }
        Ok(Exit::Done)
    }
}

/// The card of a name, or the card in a file.
fn card(name: &str) -> anyhow::Result<ModelCard> {
    if !name.ends_with(".toml") {
        return Ok(ModelCard::named(name)?);
    }
    Ok(ModelCard::read_card(Path::new(name))?)
}

impl FetchCommand {
    fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let card = card(&self.name)?;
        if card.is_built_in() && self.from.is_none() {
            eprintln!("{} is part of this program: there is nothing to fetch", card.name);
            return Ok(Exit::Done);
        }
        let folder = self.to.clone().unwrap_or_else(ModelCard::folder);
        let url = self.from.as_ref().or(card.url.as_ref()).ok_or_else(|| {
            anyhow!("the card {} does not say where its file is\n  next: --from URL", card.name)
        })?;
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let target = folder.join(&card.file);
        if target.exists() {
            match card.read(&target) {
                Ok(_) => {
                    eprintln!("{} exists already", target.display());
                    return Ok(Exit::Done);
                }
                Err(error) => eprintln!("{error}; downloading it again"),
            }
        }
        let patience = Patience { retries: self.retries, ..Patience::default() };
        for (at, file) in card.files().iter().enumerate() {
            // The files of weights are beside the network there, as here.
            let url = if at == 0 { url.clone() } else { beside(url, &file.file) };
            let target = folder.join(&file.file);
            if let Some(folder) = target.parent() {
                std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            }
            let (bytes, sha256) = (file.bytes, file.sha256);
            let wanted = Download { url: &url, bytes, sha256, target: &target };
            let bar = bar(context, file);
            let fetched = fetch(&wanted, &patience, &mut |have| bar.set_position(have));
            bar.finish_and_clear();
            fetched.map_err(|error| {
                let next = next(&error, &folder);
                anyhow!("{error}\n  next: {next}").context(Failed(Exit::Device))
            })?;
        }
        println!("{}", target.display());
        Ok(Exit::Done)
    }
}

/// The address of a file in the folder of another.
fn beside(url: &str, file: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
    format!(
        "{folder}/{}",
        file.replace('%', "%25").replace(' ', "%20").replace('?', "%3F").replace('#', "%23")
    )
}

fn bar(context: &Context, file: &DataFile) -> ProgressBar {
    if !context.progress {
        return ProgressBar::hidden();
    }
    let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(template).expect("the template is a constant");
    ProgressBar::new(file.bytes).with_style(style).with_message(file.file.clone())
}

/// What the user can do about it.
fn next(error: &FetchError, folder: &Path) -> String {
    let folder = folder.display();
    match error {
        FetchError::Network { .. } => {
            "check the address and the connection, then run the same command again; another place: --from URL".to_owned()
        }
        FetchError::Cut { .. } => {
            "run the same command again: it resumes where it stopped".to_owned()
        }
        FetchError::Status { status, .. } if status.is_server_error() => {
            "try again later, or from another place: --from URL".to_owned()
        }
        FetchError::Status { .. } => format!(
            "get it from another place with --from URL, or put it into {folder} yourself and run fieldtune models verify"
        ),
        FetchError::Length { .. } | FetchError::Hash { .. } => {
            "this address has another file than the card describes; try another with --from URL".to_owned()
        }
        FetchError::Disk { have, wanted, .. } => format!(
            "free {} bytes in {folder}, or choose another folder with --to DIR; run the same command again to resume",
            wanted.saturating_sub(*have)
        ),
        FetchError::Busy { .. } => "wait until the other download is done".to_owned(),
    }
}

impl VerifyCommand {
    fn run(self) -> anyhow::Result<Exit> {
        let folder = self.folder.unwrap_or_else(ModelCard::folder);
        let named = self.name.is_some();
        let cards = match &self.name {
            Some(name) => vec![card(name)?],
            None => ModelCard::builtin_cards(),
        };
        let mut exit = Exit::Done;
        let mut checked = 0;
        for card in cards {
            let path = folder.join(&card.file);
            let (place, read) = if card.is_built_in() {
                ("the network in this program".to_owned(), built_in::onnx().map(drop))
            } else if named || path.exists() {
                (path.display().to_string(), card.read(&path).map(drop))
            } else {
                continue;
            };
            checked += 1;
            match read {
                Ok(()) => println!("{place}: as its card says"),
                Err(error) => {
                    exit = Exit::Negative;
                    println!("{error}");
                }
            }
        }
        if checked == 1 && !named {
            println!("no other model is in {}", folder.display());
        }
        Ok(exit)
    }
}
