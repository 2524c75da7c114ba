//! `fieldtune key`: keys, and packs signed with them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rand::TryRng as _;

use super::args::store::now;
use super::{Exit, Failed};
use crate::image::frame::Timestamp;
use crate::protocol::people::date;
use crate::store::signed::{self, PrivateKey, PublicKey, Signature, SignedError};
use crate::store::snapshot::Snapshot;
use crate::util::files;

/// 2024-01-01: a clock before it was never set.
const CLOCK_IS_SET: Timestamp = Timestamp(1_704_067_200_000_000);

/// Create keys; sign and verify packs
///
/// A device whose board file names trusted_keys takes a pack (what ctl pull fetches) only if one of them signed it, and
/// signed it after the last pack that the device took: a pack cannot be replayed later.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune key new line.key
      prints the public key, for trusted_keys in the board file
  fieldtune ctl --port /dev/ttyUSB0 pull line.ftune
  fieldtune key sign line.ftune --key line.key  writes line.ftune.signed
  fieldtune ctl --port /dev/ttyUSB1 push line.ftune.signed
  fieldtune key public line.key
  fieldtune key verify line.ftune.signed --key PUBLIC")]
pub struct KeyCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a private key, in a file that only you can read, and print its public key
    New {
        /// The new file; it must not exist
        file: PathBuf,
    },
    /// Print the public key of a private one
    Public {
        /// The file with the private key
        file: PathBuf,
    },
    /// Sign a pack, or replace its signature
    Sign {
        /// The pack
        pack: PathBuf,
        /// The file with the private key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The signed pack [default: PACK.signed]
        #[arg(long, short, value_name = "OUT")]
        out: Option<PathBuf>,
    },
    /// Verify the signature of a pack and print its time; exit status 1 if it does not verify
    Verify {
        /// The signed pack
        pack: PathBuf,
        /// The public key, as key new and key public print it
        #[arg(long, value_name = "PUBLIC")]
        key: PublicKey,
    },
}

impl KeyCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match self.what {
            What::New { file } => new(&file),
            What::Public { file } => {
                println!("{}", read_key(&file)?.public());
                Ok(Exit::Done)
            }
            What::Sign { pack, key, out } => sign(&pack, &key, out),
            What::Verify { pack, key } => verify(&pack, key),
        }
    }
}

fn new(file: &Path) -> anyhow::Result<Exit> {
    let place = || file.display().to_string();
    let mut seed = [0; 32];
    rand::rngs::SysRng
        .try_fill_bytes(&mut seed)
        .context("the system provides no random bytes")
        .context(Failed(Exit::Device))?;
    let key = PrivateKey::new(seed);
    // What is there may be the only copy of a key that devices trust.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut opened = made.with_context(place)?;
    opened
        .write_all(key.to_text().as_bytes())
        .and_then(|()| opened.sync_all())
        .with_context(place)
        .context(Failed(Exit::Device))?;
    println!("{}", key.public());
    Ok(Exit::Done)
}

fn sign(pack: &Path, key: &Path, out: Option<PathBuf>) -> anyhow::Result<Exit> {
    let key = read_key(key)?;
    let bytes = std::fs::read(pack).with_context(|| pack.display().to_string())?;
    let opened = signed::open(&bytes, &[]).with_context(|| pack.display().to_string())?;
    Snapshot::decode(opened.pack).with_context(|| pack.display().to_string())?;
    let now = now();
    if now < CLOCK_IS_SET {
        bail!(
            "this machine's clock says {} UTC; set it, devices go by the time of signing",
            date(now)
        );
    }
    let out = out.unwrap_or_else(|| {
        let mut name = pack.as_os_str().to_owned();
        name.push(".signed");
        name.into()
    });
    let place = || out.display().to_string();
    files::replace(&out, &key.sign(opened.pack, now), None)
        .with_context(place)
        .context(Failed(Exit::Device))?;
    println!("{}: signed by {} at {} UTC", out.display(), key.public(), date(now));
    Ok(Exit::Done)
}

fn verify(pack: &Path, key: PublicKey) -> anyhow::Result<Exit> {
    let bytes = std::fs::read(pack).with_context(|| pack.display().to_string())?;
    let place = pack.display();
    let opened = match signed::open(&bytes, &[key]) {
        Ok(opened) => opened,
        Err(SignedError::Stranger { key: other }) => {
            println!("{place}: signed by another key, {other}");
            return Ok(Exit::Negative);
        }
        Err(error) => {
            println!("{place}: {error}");
            return Ok(Exit::Negative);
        }
    };
    let Some((key, at)) = opened.by.filter(|_| opened.signature == Signature::Trusted) else {
        bail!("{place}: not signed");
    };
    if let Err(error) = Snapshot::decode(opened.pack) {
        println!("{place}: signed by that key, but no device accepts it: {error}");
        return Ok(Exit::Negative);
    }
    println!("{place}: signed by {key} at {} UTC", date(at));
    Ok(Exit::Done)
}

fn read_key(file: &Path) -> anyhow::Result<PrivateKey> {
    let place = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(place)?;
    PrivateKey::from_text(&text).with_context(place)
}
