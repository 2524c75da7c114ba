//! The files that a network is kept in: the ONNX file, and the files of weights that it names.
//!
//! PyTorch writes `net.onnx` and, with the weights, `net.onnx.data`. A tensor of the first then says in which file its
//! values are, from which byte on and how many. Only files in the network's folder, or in a folder within it, may be
//! named.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, SparseTensorProto, TensorProto};

use super::{BackboneError, MAX_VALUES, outline, weights};

/// A file of weights beside the ONNX file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightsFile {
    /// As the network names it: relative to the network's folder.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The files of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxFiles {
    /// The ONNX file's bytes.
    pub onnx: Vec<u8>,
    /// The files of weights that it names, sorted by name; most networks have none.
    pub weights: Vec<WeightsFile>,
}

impl From<Vec<u8>> for OnnxFiles {
    fn from(onnx: Vec<u8>) -> Self {
        Self { onnx, weights: Vec::new() }
    }
}

/// The files of a network, borrowed; a slice of bytes is a network in one file.
#[derive(Debug, Clone, Copy)]
pub struct Onnx<'a> {
    pub(super) file: &'a [u8],
    pub(super) weights: &'a [WeightsFile],
}

impl<'a> From<&'a [u8]> for Onnx<'a> {
    fn from(file: &'a [u8]) -> Self {
        Self { file, weights: &[] }
    }
}

impl<'a> From<&'a Vec<u8>> for Onnx<'a> {
    fn from(file: &'a Vec<u8>) -> Self {
        Self { file, weights: &[] }
    }
}

impl<'a> From<&'a OnnxFiles> for Onnx<'a> {
    fn from(files: &'a OnnxFiles) -> Self {
        Self { file: &files.onnx, weights: &files.weights }
    }
}

impl Onnx<'_> {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let weights = self.weights.iter().map(|file| file.bytes.len() as u64);
        self.file.len() as u64 + weights.sum::<u64>()
    }

    /// SHA-256 of a network in one file: that of the file. Of one in several: that of the lines `sha256sum` prints for
    /// them, the ONNX file first and without its name, the others sorted by name:
    /// `(sha256sum < net.onnx; sha256sum net.onnx.data) | sha256sum`.
    pub fn sha256(&self) -> [u8; 32] {
        let file = Sha256::digest(self.file);
        if self.weights.is_empty() {
            return file.into();
        }
        let hex = |hash: &[u8]| -> String { hash.iter().map(|b| format!("{b:02x}")).collect() };
        let mut lines = format!("{}  -\n", hex(&file));
        let mut weights: Vec<&WeightsFile> = self.weights.iter().collect();
        weights.sort_by(|a, b| a.name.cmp(&b.name));
        for WeightsFile { name, bytes } in weights {
            lines += &format!("{}  {name}\n", hex(&Sha256::digest(bytes)));
        }
        Sha256::digest(lines).into()
    }
}

/// Files of weights that a network may have: some tools write one a tensor.
pub const MAX_WEIGHTS_FILES: usize = 4096;

/// Bytes that the name of a file of weights may have.
pub const MAX_WEIGHTS_NAME: usize = 255;

/// The files of weights that a network names, sorted; nothing is decoded, and a damaged file names those that stand
/// before the damage.
///
/// * `onnx`: the ONNX file's bytes; `name`: what messages call it.
///
/// # Errors
/// [`BackboneError::Parse`] for a name that is no plain path within the network's folder, and for too many.
pub fn weights_files(onnx: &[u8], name: &str) -> Result<Vec<String>, BackboneError> {
    let mut found = BTreeSet::new();
    for location in outline::locations(onnx) {
        let checked = plain_path(location).map_err(|what| BackboneError::parse(name, &what))?;
        found.insert(checked);
        if found.len() > MAX_WEIGHTS_FILES {
            let what = format!("its weights are in more than {MAX_WEIGHTS_FILES} files");
            return Err(BackboneError::parse(name, &what));
        }
    }
    Ok(found.into_iter().collect())
}

/// A path within the network's folder, without `.` in it.
///
/// # Errors
/// What is wrong with it, in words.
pub fn plain_path(location: &[u8]) -> Result<String, String> {
    let shown = || String::from_utf8_lossy(location).escape_debug().to_string();
    let advice = "put that file beside the network and export it again, or export it as one file (torch.onnx.export(..., external_data=False))";
    let refused =
        |why: &str| format!("its weights are said to be in \"{}\", {why}: {advice}", shown());
    let Ok(text) = std::str::from_utf8(location) else {
        return Err(refused("which is no name"));
    };
    let drive = text.as_bytes().get(1) == Some(&b':') && text.contains('\\');
    if text.starts_with(['/', '\\']) || drive {
        return Err(refused("which is an absolute path; wanted a file in the network's folder"));
    }
    if text.split(['/', '\\']).any(|part| part == "..") {
        return Err(refused("which leads out of the network's folder"));
    }
    if text.contains(|c: char| c.is_control() || c == '\u{7f}') || text.len() > MAX_WEIGHTS_NAME {
        return Err(refused("which is no plain file name"));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !["", "."].contains(part)).collect();
    if parts.is_empty() || text.ends_with('/') {
        return Err(refused("which is no file"));
    }
    Ok(parts.join("/"))
}

/// Puts the values that are in other files into their tensors.
///
/// # Errors
/// [`BackboneError::Weights`] for values that are not there; [`BackboneError::Parse`] if they are too many.
pub(super) fn put_in(
    model: &mut ModelProto,
    weights: &[WeightsFile],
    name: &str,
) -> Result<(), BackboneError> {
    let files: HashMap<&str, &[u8]> =
        weights.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())).collect();
    // Many tensors may name the same bytes.
    let mut room = MAX_VALUES * size_of::<f32>();
    let mut failed = None;
    for_tensors(model, &mut |tensor| {
        if failed.is_some() || tensor.data_location != Some(DataLocation::External as i32) {
            return;
        }
        match values(tensor, &files) {
            Ok(bytes) if bytes.len() > room => {
                let what = format!(
                    "its weights take more than {} bytes in all",
                    MAX_VALUES * size_of::<f32>()
                );
                failed = Some(BackboneError::parse(name, &what));
            }
            Ok(bytes) => {
                room -= bytes.len();
                tensor.raw_data = bytes.to_vec();
                tensor.data_location = None;
                tensor.external_data.clear();
            }
            Err(what) => {
                let tensor = tensor.name.escape_debug().to_string();
                failed = Some(BackboneError::Weights { name: name.to_owned(), tensor, what });
            }
        }
    });
    failed.map_or(Ok(()), Err)
}

/// The bytes that a tensor names in another file.
fn values<'a>(tensor: &TensorProto, files: &HashMap<&str, &'a [u8]>) -> Result<&'a [u8], String> {
    let entry = |key: &str| {
        let mut entries = tensor.external_data.iter().filter(|entry| entry.key == key);
        entries.next().map(|entry| entry.value.as_str())
    };
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => text.trim().parse::<usize>().map(Some).map_err(|_| {
            format!("its {key} in another file is \"{}\", wanted a number", text.escape_debug())
        }),
    };
    let location =
        entry("location").ok_or("its values are in another file, which it does not name")?;
    let file = plain_path(location.as_bytes())?;
    let Some(bytes) = files.get(file.as_str()) else {
        return Err(format!("its values are in the file {file}, which is not there"));
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    let wanted = weights::bytes_of(tensor)?;
    if let Some(length) = length.filter(|&length| length != 0 && length != wanted) {
        return Err(format!(
            "its shape {:?} wants {wanted} bytes, the file {file} is said to hold {length} for it",
            tensor.dims
        ));
    }
    bytes.get(offset..).and_then(|rest| rest.get(..wanted)).ok_or_else(|| {
        format!(
            "its values are the {wanted} bytes from {offset} on of {file}, which has {}: that file is cut off, or belongs to another network; copy or export both files again",
            bytes.len()
        )
    })
}

/// Every tensor of a file, wherever it stands.
fn for_tensors(model: &mut ModelProto, visit: &mut impl FnMut(&mut TensorProto)) {
    fn sparse(tensor: &mut SparseTensorProto, visit: &mut impl FnMut(&mut TensorProto)) {
        tensor.values.iter_mut().chain(&mut tensor.indices).for_each(visit);
    }
    fn attribute(attribute: &mut AttributeProto, visit: &mut impl FnMut(&mut TensorProto)) {
        attribute.t.iter_mut().chain(&mut attribute.tensors).for_each(&mut *visit);
        let sparses = attribute.sparse_tensor.iter_mut().chain(&mut attribute.sparse_tensors);
        sparses.for_each(|tensor| sparse(tensor, visit));
        attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(|body| graph(body, visit));
    }
    fn graph(body: &mut GraphProto, visit: &mut impl FnMut(&mut TensorProto)) {
        body.initializer.iter_mut().for_each(&mut *visit);
        body.sparse_initializer.iter_mut().for_each(|tensor| sparse(tensor, visit));
        body.node.iter_mut().flat_map(|node| &mut node.attribute).for_each(|a| attribute(a, visit));
    }
    if let Some(body) = &mut model.graph {
        graph(body, visit);
    }
    for function in &mut model.functions {
        let nodes = function.node.iter_mut().flat_map(|node| &mut node.attribute);
        nodes.for_each(|a| attribute(a, visit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_within_the_folder_are_taken() {
        for (path, wanted) in [
            ("net.onnx.data", "net.onnx.data"),
            ("./net.data", "net.data"),
            ("weights//a.bin", "weights/a.bin"),
            ("..data", "..data"),
            ("Gewichte für alles.bin", "Gewichte für alles.bin"),
        ] {
            assert_eq!(plain_path(path.as_bytes()).as_deref(), Ok(wanted), "{path}");
        }
        for path in [
            "",
            ".",
            "/",
            "/etc/passwd",
            "../a",
            "a/../../b",
            "a/..",
            "..\\a",
            "C:\\a",
            "\\\\host\\a",
            "a\nb",
            "a/",
        ] {
            assert!(plain_path(path.as_bytes()).is_err(), "{path}");
        }
        assert!(plain_path(&[0xff]).is_err() && plain_path(&[b'a'; 256]).is_err());
    }

    #[test]
    fn a_hash_of_several_files_is_that_of_their_sums() {
        let one = OnnxFiles::from(b"abc".to_vec());
        let sum: [u8; 32] = Sha256::digest(b"abc").into();
        assert_eq!(Onnx::from(&one).sha256(), sum);
        let file =
            |name: &str, bytes: &[u8]| WeightsFile { name: name.to_owned(), bytes: bytes.to_vec() };
        let mut several = OnnxFiles { weights: vec![file("b", b"2"), file("a", b"1")], ..one };
        // printf abc > net; printf 1 > a; printf 2 > b; (sha256sum < net; sha256sum a b) | sha256sum
        let wanted = "6affedebba4e33752f75898a6df5cea3bbf1031642e495f4c708d2de312a8bbf";
        let hex = |onnx: &OnnxFiles| -> String {
            Onnx::from(onnx).sha256().iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(hex(&several), wanted);
        several.weights.reverse();
        assert_eq!(hex(&several), wanted);
        assert_eq!(Onnx::from(&several).bytes(), 5);
    }
}
