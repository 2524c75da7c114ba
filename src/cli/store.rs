//! `fieldtune store`: what was learned, as files to check, carry elsewhere and put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::args::store::{StoreArgs, now};
use super::output::{refuse_store, refuse_store_in_use, write_store, write_whole};
use super::reteach::ReteachCommand;
use super::{Context, Exit, Failed, answer};
use crate::learn::command::Reply;
use crate::learn::head::ExampleId;
use crate::protocol::people::counted;
use crate::store::signed;
use crate::store::snapshot::Snapshot;
use crate::store::{self, FileStore, Store as _, tail};
use crate::util::bounded;

/// Check, compact, back up, export or import what was learned
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune store check
  fieldtune store backup monday.ftune  also while fieldtune run uses the store
  fieldtune store export line-3.pack --no-images
  fieldtune store images pictures/
      a folder a class, to look at or to train with
  fieldtune store reteach --model mobilenetv2-12   after a change of backbone
  fieldtune store import line-1.pack line-2.pack
      learn what other devices learned, in any order
  fieldtune store import --replace line-3.pack     copy another device")]
pub struct StoreCommand {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check every page and every reference
    Check {
        /// The file to check [default: the store]
        file: Option<PathBuf>,
    },
    /// Compact the store: free unused pages
    Compact,
    /// Write everything learned, for another device with the same backbone
    Export {
        /// The file to write
        file: PathBuf,
        /// Leave out the images: a smaller file without pictures
        #[arg(long, alias = "no-thumbnails")]
        no_images: bool,
    },
    /// Write the kept images, each into the folder of its class: DIR/CLASS/ID.jpg,
    /// of sounds .png
    Images {
        /// The folder to write to; created if missing
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    Reteach(ReteachCommand),
    /// Merge exported packs into the store, all or nothing
    Import {
        /// Exported or pulled files, signed or not
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Replace what was learned, including head and thresholds
        #[arg(long)]
        replace: bool,
    },
    /// Copy the store as last committed, with its generations; also while it is in use. To go back to it, put it in
    /// the store's place while no device uses that, or name it with --store
    Backup {
        /// The file to write
        file: PathBuf,
    },
}

impl StoreCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.what {
            What::Check { file } => check(&file.map_or_else(|| self.store.path(), Ok)?),
            What::Compact => compact(&self.store),
            What::Export { file, no_images } => export(&self.store, &file, !no_images),
            What::Images { folder } => images(&self.store, &folder),
            What::Reteach(command) => command.run(&self.store, context),
            What::Import { files, replace } => import(&self.store, &files, replace),
            What::Backup { file } => backup(&self.store, &file),
        }
    }
}

fn check(path: &Path) -> anyhow::Result<Exit> {
    let mut store = FileStore::look(path)?;
    store.check()?;
    let Some(snapshot) = store.load()? else {
        bail!("nothing has been taught yet: there is no {}", path.display());
    };
    let generations = store.generations()?;
    for generation in &generations {
        // Read whole, so that each could be come back to.
        store.generation(generation.number)?;
    }
    let (classes, examples) = snapshot.counts();
    let model = snapshot.model.clone();
    snapshot.into_learner(0).with_context(|| path.display().to_string())?;
    println!("{}: no errors found", path.display());
    let classes = counted(classes, "class", "classes");
    let examples = counted(examples, "example", "examples");
    println!("learned      {classes}, {examples}, with {}", model.name);
    println!("generations  {}", generations.len());
    Ok(Exit::Done)
}

fn compact(store: &StoreArgs) -> anyhow::Result<Exit> {
    let path = store.path()?;
    let length = || std::fs::metadata(&path).map(|file| file.len()).unwrap_or_default();
    if !path.exists() {
        bail!("nothing has been taught yet: there is no {}", path.display());
    }
    let before = length();
    FileStore::open(&path)?.compact()?;
    println!("{}: {} bytes, before {before}", path.display(), length());
    Ok(Exit::Done)
}

fn export(store: &StoreArgs, file: &Path, images: bool) -> anyhow::Result<Exit> {
    let mut session = store.look()?;
    if tail::tail_of(session.store_mut())?.is_some() {
        eprintln!(
            "note: the pack has the frozen features alone; the fine-tuned blocks of the backbone stay in the store"
        );
    }
    let learned = session.portable_with_images()?.canonical(images);
    let bytes = learned.encode();
    refuse_store(file)?;
    write_whole(file, &bytes).context(Failed(Exit::Device))?;
    let (classes, examples) = learned.counts();
    let classes = counted(classes, "class", "classes");
    let examples = counted(examples, "example", "examples");
    println!("{}: {classes}, {examples}, {} bytes", file.display(), bytes.len());
    Ok(Exit::Done)
}

/// A class's name has no separators, see [`crate::learn::learner::ClassName`]; one of dots alone would be another folder.
fn images(store: &StoreArgs, folder: &Path) -> anyhow::Result<Exit> {
    store.refuse_lines("store images", "fieldtune examples --json lists the lines")?;
    let mut session = store.look()?;
    let learner = session.learner();
    let mut names: BTreeMap<ExampleId, String> = BTreeMap::new();
    for example in learner.examples().iter() {
        let name = learner.classes()[&example.class].as_str();
        let dots = name.chars().all(|c| c == '.');
        names.insert(example.id, if dots { format!("class-{name}") } else { name.to_owned() });
    }
    let mut written = Ok(());
    let mut count = 0;
    session.store_mut().images(None, &mut |id, file| {
        let Some(name) = names.get(&id).filter(|_| written.is_ok()) else { return };
        let place = folder.join(name);
        // Those of sounds are PNGs.
        let ending = if file.starts_with(b"\x89PNG") { "png" } else { "jpg" };
        let path = place.join(format!("{}.{ending}", id.0));
        let io = || std::fs::create_dir_all(&place).and_then(|()| std::fs::write(&path, file));
        written = io().with_context(|| path.display().to_string());
        count += 1;
    })?;
    written.context(Failed(Exit::Device))?;
    println!("{}: {}", folder.display(), counted(count, "image", "images"));
    if count < names.len() {
        let without = counted(names.len() - count, "example has", "examples have");
        println!("{without} none: taught without, or gone to make room");
    }
    Ok(Exit::Done)
}

fn import(store: &StoreArgs, files: &[PathBuf], replace: bool) -> anyhow::Result<Exit> {
    let mut packs = Vec::with_capacity(files.len());
    for file in files {
        let place = || file.display().to_string();
        if store::is_store(file)? {
            bail!(
                "{} is a store, wanted a pack\n  next: fieldtune store export line.pack --store {0}; or use it as it is, with --store",
                file.display()
            );
        }
        let bytes = bounded::read(file, store::MAX_BYTES).with_context(place)?;
        // A user who can write to the store needs no signature.
        let opened = signed::open(&bytes, &[]).with_context(place)?;
        packs.push((file, Snapshot::decode(opened.pack).with_context(place)?));
    }
    if let (true, [_, _, ..]) = (replace, &packs[..]) {
        bail!("--replace takes one file, got {}: without it they are put together", packs.len());
    }
    let mut session = match store.open()? {
        Some(session) => session,
        None => store.open_for(&packs[0].1.model)?,
    };
    if replace {
        let (file, pack) = packs.remove(0);
        session.replace(pack, "import", None, now()).with_context(|| file.display().to_string())?;
        println!("{}: replaces what was learned", file.display());
        return Ok(Exit::Done);
    }
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let packs: Vec<Snapshot> = packs.into_iter().map(|(_, pack)| pack).collect();
    let reply = session.merge(&packs, None, now()).with_context(|| names.join(", "))?;
    answer(&reply, false);
    let Reply::Merged { disputed, repeated, .. } = reply else {
        unreachable!("merge answers Merged")
    };
    if disputed > 0 {
        println!(
            "{disputed} are of different classes in different places; the name that comes first was kept"
        );
    }
    if repeated > 0 {
        println!("{repeated} of this store were repeats of others of it, and are kept once");
    }
    Ok(Exit::Done)
}

fn backup(store: &StoreArgs, file: &Path) -> anyhow::Result<Exit> {
    let path = store.path()?;
    if !path.exists() {
        bail!("nothing has been taught yet: there is no {}", path.display());
    }
    let same = std::fs::canonicalize(&path).ok() == std::fs::canonicalize(file).ok();
    if same && file.exists() {
        bail!("{} is the store itself\n  next: give another name", file.display());
    }
    let bytes = store::backup_of(&path)?;
    refuse_store_in_use(file)?;
    write_store(file, &bytes).context(Failed(Exit::Device))?;
    println!("{}: {} bytes, checked", file.display(), bytes.len());
    Ok(Exit::Done)
}
