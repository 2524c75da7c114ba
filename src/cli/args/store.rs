//! `--store`, and a session with it: load, change, commit, then answer.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::backbone::Tail;
use crate::backbone::card::ModelCard;
use crate::board::Board;
use crate::board::policy::Taught;
use crate::device::clock::Clock;
use crate::device::stores;
use crate::image::frame::Timestamp;
use crate::image::levels::Levels;
use crate::learn::learner::{Learner, Subject};
use crate::sound::OF_SAMPLES;
use crate::store::persistent::{PersistError, PersistentLearner};
use crate::store::snapshot::ModelId;
use crate::store::{FileStore, StoreError, levels, tail};
use crate::text::TEXT_MODEL;

/// Where what was learned is kept.
#[derive(Debug, Clone, clap::Args)]
pub struct StoreArgs {
    /// File that keeps what was learned [default: learned.ftune in the user's data folder]
    #[arg(long, value_name = "FILE", env = "FIELDTUNE_STORE", global = true)]
    store: Option<PathBuf>,
}

impl StoreArgs {
    /// That file.
    pub fn at(path: &Path) -> Self {
        Self { store: Some(path.to_owned()) }
    }

    /// The file.
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.store {
            return Ok(path.clone());
        }
        let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
        // An empty or a relative one counts as none, as its specification says.
        let data = data.filter(|path| path.is_absolute()).or_else(|| {
            std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"))
        });
        let data =
            data.context("neither HOME nor XDG_DATA_HOME is set: name a file with --store")?;
        Ok(data.join("fieldtune").join("learned.ftune"))
    }

    /// Opens what is there; an error if nothing was ever taught.
    pub fn open_taught(&self) -> anyhow::Result<Session> {
        self.taught(FileStore::open)
    }

    /// Opens what is there to look at it, also while another process uses it; an error if nothing was ever taught.
    pub fn look(&self) -> anyhow::Result<Session> {
        self.taught(FileStore::look)
    }

    /// As [`StoreArgs::look`], to classify with that backbone; refuses what was taught with another one.
    pub fn look_for(&self, model: &ModelId) -> anyhow::Result<Session> {
        self.with_model(FileStore::look, model)
    }

    /// The fine-tuned last blocks that were stored with what was learned; `None` where there are none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn tail(&self) -> anyhow::Result<Option<Tail>> {
        let path = self.path()?;
        if !path.exists() {
            return Ok(None);
        }
        Ok(tail::tail_of(&mut FileStore::look(&path)?)?.map(|kept| kept.tail))
    }

    /// What brings frames to the light that was taught; `None` where they are looked at as they are.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn levels(&self) -> anyhow::Result<Option<Levels>> {
        let path = self.path()?;
        if !path.exists() {
            return Ok(None);
        }
        Ok(levels::levels_of(&mut FileStore::look(&path)?)?)
    }

    /// Whether lines of text were taught; not where there is no store, or one that cannot be read.
    pub fn holds_lines(&self) -> anyhow::Result<bool> {
        self.holds(Subject::Lines)
    }

    /// Whether that was taught.
    pub fn holds(&self, subject: Subject) -> anyhow::Result<bool> {
        let path = self.path()?;
        // What is wrong with it is said when it is opened.
        let taught = path.exists().then(|| FileStore::taught_with(&path).ok().flatten());
        Ok(taught.flatten().is_some_and(|model| model.subject() == subject))
    }

    /// An error where lines of text were taught, of which there are no images.
    ///
    /// * `command`: what needs images; `instead`: what to do with lines.
    pub fn refuse_lines(&self, command: &str, instead: &str) -> anyhow::Result<()> {
        if self.holds_lines()? {
            bail!(
                "{}: {command} wants a store of images, this one holds lines of text\n  next: {instead}, or name a store of images with --store",
                self.path()?.display()
            );
        }
        Ok(())
    }

    /// An error where sounds were taught, of which that cannot be done.
    ///
    /// * `command`: what wants images; `instead`: what to do with sounds.
    pub fn refuse_sounds(&self, command: &str, instead: &str) -> anyhow::Result<()> {
        if self.holds(Subject::Sounds)? {
            bail!(
                "{}: {command} wants a store of images, this one holds sounds\n  next: {instead}, or name a store of images with --store",
                self.path()?.display()
            );
        }
        Ok(())
    }

    /// An error where sounds were taught to a network that hears: it learns from their samples, not from a picture.
    ///
    /// * `command`: what needs pixels; `instead`: what to do with sounds.
    pub fn refuse_samples(&self, command: &str, instead: &str) -> anyhow::Result<()> {
        let path = self.path()?;
        let taught = path.exists().then(|| FileStore::taught_with(&path).ok().flatten()).flatten();
        if let Some(model) = taught.filter(|model| model.name.ends_with(OF_SAMPLES)) {
            bail!(
                "{}: {command} changes pixels, this store was taught by {}, which hears samples\n  next: {instead}, or name another store with --store",
                path.display(),
                model.backbone()
            );
        }
        Ok(())
    }

    /// Opens what is there.
    pub fn open(&self) -> anyhow::Result<Option<Session>> {
        self.opened(FileStore::open)
    }

    /// Opens what is there, or starts afresh for that backbone, and says so; refuses what was taught with another one.
    pub fn open_for(&self, model: &ModelId) -> anyhow::Result<Session> {
        let path = self.path()?;
        if !path.exists() {
            // A slip of the pen would teach a second store unseen.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let with = match folder.is_none_or(Path::exists) {
                true => "",
                false => " in a new folder",
            };
            eprintln!("note: no store {} so far: this starts one{with}", path.display());
        }
        self.begin_for(model)
    }

    /// As [`StoreArgs::open_for`], and says nothing.
    pub fn begin_for(&self, model: &ModelId) -> anyhow::Result<Session> {
        self.with_model(FileStore::open, model)
    }

    /// What was taught of each region of a board; nothing where there is no store yet.
    ///
    /// # Errors
    /// A store cannot be read.
    pub fn taught_of(&self, board: &Board) -> anyhow::Result<Vec<Taught>> {
        let mut all = Vec::new();
        for of in stores::of_board(&self.path()?, board) {
            let session = match of.path.exists() {
                true => Self::at(&of.path).opened(FileStore::look)?,
                false => None,
            };
            let names = of.regions.into_iter().map(Some);
            for region in if of.name.is_some() { names.collect() } else { vec![None] } {
                all.push(match &session {
                    Some(session) => Taught::of(region.as_deref(), session.learner()),
                    None => Taught { region, classes: Vec::new() },
                });
            }
        }
        Ok(all)
    }

    /// An error if nothing was ever taught; what is there is not read.
    pub fn refuse_untaught(&self) -> anyhow::Result<()> {
        let path = self.path()?;
        if !path.exists() {
            bail!(
                "nothing has been taught yet: there is no {}\n  next: fieldtune teach CLASS IMAGE...",
                path.display()
            );
        }
        Ok(())
    }

    fn taught(&self, open: Opening) -> anyhow::Result<Session> {
        self.refuse_untaught()?;
        let path = self.path()?;
        let session = self.opened(open)?;
        session.with_context(|| format!("{}: nothing has been taught yet", path.display()))
    }

    fn opened(&self, open: Opening) -> anyhow::Result<Option<Session>> {
        let store = open(&self.path()?)?;
        let path = store.path().to_owned();
        PersistentLearner::open_any(store).map_err(|error| of_store(error, &path))
    }

    fn with_model(&self, open: Opening, model: &ModelId) -> anyhow::Result<Session> {
        let store = open(&self.path()?)?;
        let path = store.path().to_owned();
        PersistentLearner::open(store, model).map_err(|error| of_store(error, &path))
    }
}

/// Names the store where the error does not, and what to do next.
pub(in crate::cli) fn of_store(error: PersistError, path: &Path) -> anyhow::Error {
    match error {
        PersistError::Backbone(other) => {
            let taught = &other.learned;
            let holds = |subject: Subject| match subject {
                Subject::Lines => "lines of text",
                Subject::Sounds => "sounds",
                _ => "images",
            };
            let (learned, given) = (other.learned.subject(), other.given.subject());
            let (what, next) = match (learned, given) {
                (Subject::Lines, Subject::Lines) => {
                    let next = match taught.name.as_str() {
                        TEXT_MODEL => "leave --model out".to_owned(),
                        _ => format!(
                            "run with --model and the card (.toml) or file of {}",
                            taught.backbone()
                        ),
                    };
                    (other.about(path.display()), next)
                }
                _ if learned == given => {
                    let next = match taught.backbone() {
                        "" => "run with --model NAME".to_owned(),
                        name if ModelCard::named(name).is_ok() => {
                            format!("run with --model {name}")
                        }
                        // Where its card is, is not known.
                        name => format!("run with --model and the card (.toml) of {name}"),
                    };
                    (other.about(path.display()), next)
                }
                _ => {
                    let next = match (learned, given) {
                        (Subject::Lines, _) => {
                            "teach and classify take lines with --text or --lines, run with --camera lines:SOURCE"
                        }
                        (_, Subject::Lines) => {
                            "images without --text and --lines, or another --camera"
                        }
                        (Subject::Sounds, _) => {
                            "give recordings (WAV, FLAC, Ogg), or --camera sound:SOURCE"
                        }
                        _ => "give images, or a camera that sees",
                    };
                    let (wanted, got) = (holds(given), holds(learned));
                    let path = path.display();
                    let what = format!("{path}: wanted a store of {wanted}, this one holds {got}");
                    (what, next.to_owned())
                }
            };
            anyhow::anyhow!("{what}\n  next: {next}, or start afresh with --store NEW.ftune")
        }
        PersistError::Load(error) => error.into(),
        PersistError::Snapshot(error) => {
            anyhow::Error::from(error).context(path.display().to_string())
        }
        error => error.into(),
    }
}

/// How a store is opened.
type Opening = fn(&Path) -> Result<FileStore, StoreError>;

/// An open store and what it holds.
pub type Session = PersistentLearner<Learner, FileStore>;

/// The time.
pub fn now() -> Timestamp {
    Clock::new().now()
}
