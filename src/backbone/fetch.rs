//! A model's file over HTTP: continued where it was cut off, checked, and only then put in its place.
//!
//! What has arrived lies beside the target as `NAME.part`, and `NAME.part.from` says from where, with the server's
//! validator, so that a later run continues only the same thing. The target is never half there: the part becomes the
//! target by a rename, after its length and its SHA-256 were found right and it was flushed to the disk.
//!
//! This is the only file that names ureq.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::{HeaderMap, Response, StatusCode};

use crate::util::files::sibling;

/// What is to be fetched.
#[derive(Debug, Clone, Copy)]
pub struct Download<'a> {
    /// Where it is, `http://` or `https://`.
    pub url: &'a str,
    /// Its length; not a byte more is taken.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Where it goes; its folder exists.
    pub target: &'a Path,
}

/// How hard it is tried.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often in a row a transfer that failed, and brought less than [`WORTHWHILE`], is tried again.
    pub retries: u32,
    /// How long is waited before it.
    pub pause: Duration,
    /// How long the server may be silent.
    pub silence: Duration,
}

/// A transfer that brought so many bytes before it was cut off does not count as a failure.
pub const WORTHWHILE: u64 = 1 << 20;

impl Default for Patience {
    fn default() -> Self {
        Self { retries: 3, pause: Duration::from_secs(2), silence: Duration::from_secs(30) }
    }
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The server could not be reached, or did not answer.
    #[error("{url}: {error}")]
    Network {
        /// Where.
        url: String,
        /// The system's words.
        error: String,
    },
    /// It ended before the end; what has arrived is kept.
    #[error("{url}: cut off after {have} of {wanted} bytes ({error}); what has arrived is kept")]
    Cut {
        /// Where.
        url: String,
        /// Bytes that are on the disk.
        have: u64,
        /// Bytes in all.
        wanted: u64,
        /// The system's words.
        error: String,
    },
    /// The server does not have it, or does not give it.
    #[error("{url}: the server answers {status}")]
    Status {
        /// Where.
        url: String,
        /// The answer.
        status: StatusCode,
    },
    /// The server's file has another length than the card says.
    #[error("{url}: wanted {wanted} bytes, the server has {got}")]
    Length {
        /// Where.
        url: String,
        /// The card's length.
        wanted: u64,
        /// The server's, or words for one that it did not give.
        got: String,
    },
    /// All of it arrived, and it is another file.
    #[error("{url}: wanted sha256 {wanted}, got {got}; what arrived was thrown away")]
    Hash {
        /// Where.
        url: String,
        /// The card's hash.
        wanted: String,
        /// The hash of what arrived.
        got: String,
    },
    /// The disk is full, or the file cannot be written.
    #[error("{path}: {error} (after {have} of {wanted} bytes)")]
    Disk {
        /// The file.
        path: String,
        /// The system's answer.
        error: io::Error,
        /// Bytes that are on the disk.
        have: u64,
        /// Bytes in all.
        wanted: u64,
    },
    /// Another process is fetching it.
    #[error("{path} is in use: it is being fetched already")]
    Busy {
        /// The part.
        path: String,
    },
}

impl FetchError {
    /// Whether trying again could help without anything else being changed.
    fn passing(&self) -> bool {
        match self {
            Self::Network { .. } | Self::Cut { .. } => true,
            Self::Status { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }
}

/// Fetches a file, continuing an earlier attempt if there was one.
///
/// * `progress`: is called with the bytes that are there, from time to time; fewer than before when it restarted.
///
/// # Errors
/// [`FetchError`]; the target is as it was.
pub fn fetch(
    wanted: &Download,
    patience: &Patience,
    progress: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    let mut part = Part::open(wanted)?;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("fieldtune/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(patience.silence))
        .timeout_recv_response(Some(patience.silence))
        .timeout_per_read(Some(patience.silence))
        .build()
        .into();
    let mut failures = 0;
    while part.have < wanted.bytes || !part.is_right(wanted) {
        if part.have >= wanted.bytes {
            let got = part.hash();
            let continued = part.continued;
            part.restart()?;
            // A part from an earlier run may have been another file's beginning: once more from the start.
            if continued {
                continue;
            }
            let (url, sha256) = (wanted.url.to_owned(), crate::backbone::card::hex(&wanted.sha256));
            part.remove();
            return Err(FetchError::Hash { url, wanted: sha256, got });
        }
        let had = part.have;
        progress(had);
        match transfer(&agent, wanted, &mut part, progress) {
            Ok(()) => {}
            Err(error) if error.passing() => {
                let brought = part.have.saturating_sub(had);
                failures = if brought >= WORTHWHILE { 0 } else { failures + 1 };
                if failures > patience.retries {
                    return Err(error);
                }
                std::thread::sleep(patience.pause);
            }
            Err(error) => return Err(error),
        }
    }
    part.finish()
}

/// One request, from where the part ends.
fn transfer(
    agent: &ureq::Agent,
    wanted: &Download,
    part: &mut Part,
    progress: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    let url = || wanted.url.to_owned();
    let mut request = agent.get(wanted.url);
    if part.have > 0 {
        request = request.header("Range", format!("bytes={}-", part.have));
        if let Some(validator) = part.validator(wanted.url) {
            request = request.header("If-Range", validator);
        }
    }
    let response = request
        .call()
        .map_err(|error| FetchError::Network { url: url(), error: error.to_string() })?;
    let status = response.status();
    match status {
        StatusCode::PARTIAL_CONTENT if part.have > 0 => {
            // A server that gives another range than was asked for is not asked for ranges again.
            let range = range(response.headers());
            if range.is_none_or(|(start, _)| start != part.have) {
                return part.restart();
            }
            if let Some(got) = range.and_then(|(_, total)| total).filter(|&n| n != wanted.bytes) {
                let wanted = wanted.bytes;
                return Err(FetchError::Length { url: url(), wanted, got: got.to_string() });
            }
        }
        StatusCode::OK => {
            let got = length(&response);
            if let Some(got) = got.filter(|&got| got != wanted.bytes) {
                let wanted = wanted.bytes;
                return Err(FetchError::Length { url: url(), wanted, got: got.to_string() });
            }
            part.restart()?;
        }
        StatusCode::RANGE_NOT_SATISFIABLE if part.have > 0 => return part.restart(),
        status => return Err(FetchError::Status { url: url(), status }),
    }
    part.came_from(wanted.url, response.headers())?;
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let cut = |part: &Part, error: String| FetchError::Cut {
            url: url(),
            have: part.have,
            wanted: wanted.bytes,
            error,
        };
        match body.read(&mut buffer) {
            Ok(0) if part.have < wanted.bytes => {
                return Err(cut(part, "the server closed the connection".to_owned()));
            }
            Ok(0) => return Ok(()),
            Ok(read) if part.have + read as u64 > wanted.bytes => {
                part.restart()?;
                part.remove();
                let (wanted, got) = (wanted.bytes, "more".to_owned());
                return Err(FetchError::Length { url: url(), wanted, got });
            }
            Ok(read) => part.append(&buffer[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cut(part, error.to_string())),
        }
        progress(part.have);
    }
}

fn length(response: &Response<ureq::Body>) -> Option<u64> {
    response.headers().get("content-length")?.to_str().ok()?.parse().ok()
}

/// Where the range of an answer begins, and how long the whole is: `bytes 100-199/200`, or `*` for a length unknown.
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = headers.get("content-range")?.to_str().ok()?;
    let (start, rest) = range.strip_prefix("bytes ")?.split_once('-')?;
    let total = rest.split_once('/').and_then(|(_, total)| total.trim().parse().ok());
    Some((start.trim().parse().ok()?, total))
}

/// What has arrived, on the disk.
struct Part {
    path: PathBuf,
    target: PathBuf,
    file: File,
    hash: Sha256,
    have: u64,
    /// Bytes in all.
    wanted: u64,
    /// Whether its beginning is from an earlier run, or from an earlier answer.
    continued: bool,
}

impl Part {
    /// Opens what an earlier run has left, or a new one.
    fn open(wanted: &Download) -> Result<Self, FetchError> {
        let path = sibling(wanted.target, "part");
        let disk = |error| FetchError::Disk {
            path: path.display().to_string(),
            error,
            have: 0,
            wanted: wanted.bytes,
        };
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(disk)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FetchError::Busy { path: path.display().to_string() });
            }
            // A file system without locks: two fetches at a time are found by the hash.
            Err(TryLockError::Error(_)) => {}
        }
        let mut hash = Sha256::new();
        let mut have = io::copy(&mut file, &mut HashWriter(&mut hash)).map_err(disk)?;
        if have > wanted.bytes {
            file.set_len(0).and_then(|()| file.rewind()).map_err(disk)?;
            (hash, have) = (Sha256::new(), 0);
        }
        let (target, wanted) = (wanted.target.to_owned(), wanted.bytes);
        Ok(Self { path, target, file, hash, have, wanted, continued: have > 0 })
    }

    fn disk(&self, error: io::Error) -> FetchError {
        let (have, wanted) = (self.have, self.wanted);
        FetchError::Disk { path: self.path.display().to_string(), error, have, wanted }
    }

    /// Throws away what has arrived.
    fn restart(&mut self) -> Result<(), FetchError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| self.disk(error))?;
        (self.hash, self.have, self.continued) = (Sha256::new(), 0, false);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        if let Err(error) = self.file.write_all(bytes) {
            // Some of it may have been written; what is kept must be what was hashed.
            let kept = self.file.set_len(self.have);
            let back = self.file.seek(SeekFrom::Start(self.have));
            return Err(self.disk(kept.and(back.map(|_| ())).err().unwrap_or(error)));
        }
        self.hash.update(bytes);
        self.have += bytes.len() as u64;
        Ok(())
    }

    fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    fn hash(&self) -> String {
        crate::backbone::card::hex(&self.digest())
    }

    fn is_right(&self, wanted: &Download) -> bool {
        self.have == wanted.bytes && self.digest() == wanted.sha256
    }

    /// Notes where what arrives is from.
    fn came_from(&self, url: &str, headers: &HeaderMap) -> Result<(), FetchError> {
        // A weak validator does not promise equal bytes and may not be sent with a range.
        let tag = headers.get("etag").filter(|tag| !tag.as_bytes().starts_with(b"W/"));
        let validator = tag.or_else(|| headers.get("last-modified"));
        let validator = validator.and_then(|value| value.to_str().ok()).unwrap_or("");
        std::fs::write(sibling(&self.target, "part.from"), format!("{url}\n{validator}\n"))
            .map_err(|error| self.disk(error))
    }

    /// What the server said of the file when the part was begun, if it was the same address.
    fn validator(&self, url: &str) -> Option<String> {
        let noted = std::fs::read_to_string(sibling(&self.target, "part.from")).ok()?;
        let (from, validator) = noted.split_once('\n')?;
        let validator = validator.trim();
        (from == url && !validator.is_empty()).then(|| validator.to_owned())
    }

    fn remove(&self) {
        // Nothing depends on whether these go: a part that stays is found wrong by the next run.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(sibling(&self.target, "part.from"));
    }

    /// Makes the part the target.
    fn finish(self) -> Result<(), FetchError> {
        self.file.sync_all().map_err(|error| self.disk(error))?;
        std::fs::rename(&self.path, &self.target).map_err(|error| self.disk(error))?;
        let _ = std::fs::remove_file(sibling(&self.target, "part.from"));
        // The rename itself must survive a power cut too; some file systems cannot flush a folder.
        if let Some(folder) = self.target.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
