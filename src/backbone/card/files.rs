//! Reading the files of a network: the ONNX file, and the files of weights that it names.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    MAX_MODEL_BYTES, ModelCard, ModelError, built_in, hash_from_hex, hex, quoted, read_limited,
};
use crate::backbone::{OnnxFiles, WeightsFile, plain_path, weights_files};
use crate::util::bounded;

/// A file of weights beside a card's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// As the network names it, relative to the network's folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

impl DataFile {
    /// What is to be said of a file that is there.
    pub fn of(file: &str, bytes: &[u8]) -> Self {
        let sha256 = Sha256::digest(bytes).into();
        Self { file: file.to_owned(), bytes: bytes.len() as u64, sha256 }
    }

    pub(super) fn to_toml(&self) -> String {
        let Self { file, bytes, sha256 } = self;
        format!(
            "\n[[data]]\nfile = {}\nbytes = {bytes}\nsha256 = \"{}\"\n",
            quoted(file),
            hex(sha256)
        )
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDataFile {
    file: String,
    bytes: u64,
    sha256: String,
}

impl RawDataFile {
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn check(self) -> Result<DataFile, String> {
        let Self { file, bytes, sha256 } = self;
        let shown = file.escape_debug();
        let same = plain_path(file.as_bytes()).is_ok_and(|path| path == file);
        if !same || file.contains(crate::util::text::is_unsafe) {
            return Err(format!("data: file: \"{shown}\" is not a path within the model's folder"));
        }
        if bytes > MAX_MODEL_BYTES {
            return Err(format!("data: {shown}: bytes: {bytes} is above {MAX_MODEL_BYTES}"));
        }
        let sum = hash_from_hex(&sha256);
        let sha256 =
            sum.ok_or_else(|| format!("data: {shown}: sha256: it is not 64 hexadecimal digits"))?;
        Ok(DataFile { file, bytes, sha256 })
    }
}

/// Reads a network's file and the files of weights that it names, of at most [`MAX_MODEL_BYTES`] in all. They have to
/// be in its folder, or, where its path is a link, in the folder of what the link leads to.
///
/// # Errors
/// [`ModelError::File`], [`ModelError::Weights`], [`ModelError::Backbone`].
pub fn read_network(path: &Path, advice: &str) -> Result<OnnxFiles, ModelError> {
    let onnx = read_limited(path, advice)?;
    let names = weights_files(&onnx, &crate::image::picture::shown(path))?;
    read_weights(path, onnx, names)
}

fn read_weights(path: &Path, onnx: Vec<u8>, names: Vec<String>) -> Result<OnnxFiles, ModelError> {
    let mut left = MAX_MODEL_BYTES.saturating_sub(onnx.len() as u64);
    let mut weights = Vec::with_capacity(names.len());
    for name in names {
        let bytes = read_data(path, &name, left)?;
        left -= bytes.len() as u64;
        weights.push(WeightsFile { name, bytes });
    }
    Ok(OnnxFiles { onnx, weights })
}

/// One file of weights.
///
/// * `network`: the ONNX file's path; `most`: bytes that it may have.
fn read_data(network: &Path, name: &str, most: u64) -> Result<Vec<u8>, ModelError> {
    let wrong = |what: &str| ModelError::Weights {
        path: network.display().to_string(),
        file: name.to_owned(),
        what: what.to_owned(),
    };
    let folder = folder(network);
    let path = folder.join(name);
    let real = fs::canonicalize(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => wrong(
            "which is not there\n  next: put that file into the same folder, or export the network as one file: torch.onnx.export(..., external_data=False)",
        ),
        _ => wrong(&format!("which cannot be read: {error}")),
    })?;
    // Also where the network itself really is: caches of models link to a store of files.
    let homes =
        [fs::canonicalize(&folder), fs::canonicalize(network).map(|real| self::folder(&real))];
    if !homes.iter().flatten().any(|home| real.starts_with(home)) {
        return Err(wrong(
            "which is a link that leads out of the network's folder\n  next: put the file itself there",
        ));
    }
    if !real.is_file() {
        return Err(wrong("which is no file"));
    }
    bounded::read(&real, most).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => wrong(&format!(
            "which is too long: a network may have {MAX_MODEL_BYTES} bytes in all its files"
        )),
        _ => wrong(&format!("which cannot be read: {error}")),
    })
}

/// Where a file of a card is: beside it, or where models are kept; where it is in neither, beside the card.
///
/// * `beside`: the card's folder.
pub(super) fn place(file: &str, beside: Option<&Path>) -> PathBuf {
    let kept = ModelCard::folder().join(file);
    match beside.map(|folder| folder.join(file)) {
        Some(beside) if beside.exists() || !kept.exists() => beside,
        _ => kept,
    }
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

impl<S> ModelCard<S> {
    /// A card for a network that has none.
    ///
    /// * `path`: where the network lies.
    pub fn of_files(files: &OnnxFiles, path: &Path, spec: S) -> Self {
        let part = |part: Option<&std::ffi::OsStr>| {
            part.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
        };
        let DataFile { file, bytes, sha256 } = DataFile::of(&part(path.file_name()), &files.onnx);
        Self {
            name: part(path.file_stem()),
            about: String::new(),
            file,
            bytes,
            sha256,
            data: files.weights.iter().map(|file| DataFile::of(&file.name, &file.bytes)).collect(),
            url: None,
            licence: "unknown".to_owned(),
            words: None,
            spec,
        }
    }

    /// The network's files: part of the program, beside the card, or in [`ModelCard::folder`].
    ///
    /// * `beside`: the card's folder.
    ///
    /// # Errors
    /// [`ModelError`]: it is not there, or not the card's.
    pub fn network(&self, beside: Option<&Path>) -> Result<OnnxFiles, ModelError> {
        if self.is_built_in() {
            return Ok(built_in::onnx()?.to_vec().into());
        }
        self.read(&place(&self.file, beside))
    }

    /// Reads the card's files and checks that they are the ones the card describes.
    ///
    /// # Errors
    /// [`ModelError::File`], [`ModelError::Weights`], [`ModelError::Mismatch`].
    pub fn read(&self, path: &Path) -> Result<OnnxFiles, ModelError> {
        let advice = match &self.url {
            Some(_) => format!("\n  next: fieldtune models fetch {}", self.name),
            None => String::new(),
        };
        let onnx = read_limited(path, &advice)?;
        self.check(path, &onnx, self.bytes, &self.sha256)?;
        let names = weights_files(&onnx, &self.name)?;
        let mut known: Vec<&str> = self.data.iter().map(|data| data.file.as_str()).collect();
        known.sort_unstable();
        if known != names {
            let list = |names: &[&str]| match names {
                [] => "no weights in other files".to_owned(),
                names => format!("weights in {}", names.join(", ")),
            };
            let got: Vec<&str> = names.iter().map(String::as_str).collect();
            let advice =
                format!("\n  next: write a new card: fieldtune inspect {} --card", path.display());
            return Err(self.mismatch(path, list(&known), list(&got) + &advice));
        }
        let files = read_weights(path, onnx, names)?;
        for WeightsFile { name, bytes } in &files.weights {
            let Some(data) = self.data.iter().find(|data| data.file == *name) else { continue };
            self.check(&folder(path).join(name), bytes, data.bytes, &data.sha256)?;
        }
        Ok(files)
    }

    pub(super) fn check(
        &self,
        path: &Path,
        got: &[u8],
        bytes: u64,
        sha256: &[u8; 32],
    ) -> Result<(), ModelError> {
        if got.len() as u64 != bytes {
            return Err(self.mismatch(path, format!("{bytes} bytes"), got.len().to_string()));
        }
        let sum: [u8; 32] = Sha256::digest(got).into();
        if sum != *sha256 {
            return Err(self.mismatch(path, format!("sha256 {}", hex(sha256)), hex(&sum)));
        }
        Ok(())
    }

    fn mismatch(&self, path: &Path, wanted: String, got: String) -> ModelError {
        let (path, card) = (path.display().to_string(), self.name.clone());
        ModelError::Mismatch { path, card, wanted, got }
    }

    /// The files that make up the model, the ONNX file first: name, length, SHA-256.
    pub fn files(&self) -> Vec<DataFile> {
        let first = DataFile { file: self.file.clone(), bytes: self.bytes, sha256: self.sha256 };
        std::iter::once(first).chain(self.data.iter().cloned()).collect()
    }
}
