//! What a file is that is no ONNX network, and what to do with it.

use super::outline;

/// Kinds of files by their first bytes: where, which bytes, what it is, what to do.
const MAGIC: &[(usize, &[u8], &str, &str)] = &[
    (0, b"version https://git-lfs", "a Git LFS pointer, a few lines that stand for the file", LFS),
    (4, b"TFL3", "a TensorFlow Lite network", TFLITE),
    (
        4,
        b"ORTM",
        "a network in ONNX Runtime's own format (.ort)",
        "use the .onnx file that it was made from",
    ),
    (0, b"\x89HDF", "an HDF5 file, as Keras saves networks (.h5)", KERAS),
    (0, b"GGUF", "a GGUF file, weights of a language model", OTHER),
    (0, b"\x1f\x8b", "compressed with gzip", "unpack it: gunzip FILE.gz, then name the .onnx file"),
    (0, b"BZh", "compressed with bzip2", "unpack it: bunzip2 FILE.bz2, then name the .onnx file"),
    (0, b"\xfd7zXZ", "compressed with xz", "unpack it: unxz FILE.xz, then name the .onnx file"),
    (
        0,
        b"\x28\xb5\x2f\xfd",
        "compressed with zstd",
        "unpack it: unzstd FILE.zst, then name the .onnx file",
    ),
    (0, b"7z\xbc\xaf", "a 7-Zip archive", "unpack it: 7z x FILE, then name the .onnx file"),
    (0, b"Rar!", "a RAR archive", "unpack it, then name the .onnx file in it"),
    (257, b"ustar", "a tar archive", "unpack it: tar xf FILE, then name the .onnx file"),
    (0, b"ptrt", "a TensorRT engine", "use the .onnx file that it was made from"),
    (0, b"ftrt", "a TensorRT engine", "use the .onnx file that it was made from"),
    (0, b"RKNN", "a network for Rockchip's NPU", "use the .onnx file that it was made from"),
    (0, b"7767517", "a network of ncnn (.param)", "use the .onnx file that it was made from"),
    (0, b"\x93NUMPY", "an array of NumPy (.npy)", OTHER),
    (
        0,
        b"\x89PNG",
        "a PNG image",
        "name a network (.onnx) here; images stand elsewhere on the command line",
    ),
    (
        0,
        b"\xff\xd8\xff",
        "a JPEG image",
        "name a network (.onnx) here; images stand elsewhere on the command line",
    ),
    (0, b"%PDF", "a PDF document", OTHER),
    (0, b"\x7fELF", "a program", OTHER),
];

const LFS: &str = "in the folder that was cloned: git lfs install, then git lfs pull; or download the file itself";
const TFLITE: &str = "convert it: python -m tf2onnx.convert --tflite FILE.tflite --output NET.onnx";
const KERAS: &str = "export it with Keras 3: model.export(\"NET.onnx\", format=\"onnx\")";
pub(super) const TORCH: &str = "export the network with PyTorch: torch.onnx.export(model.eval(), (torch.zeros(1, 3, 224, 224),), \"NET.onnx\")";
const TENSORFLOW: &str = "convert it: python -m tf2onnx.convert --saved-model FOLDER --output NET.onnx (for a frozen graph: --graphdef FILE.pb --inputs NAME:0 --outputs NAME:0)";
const OTHER: &str = "name a network in ONNX form (.onnx)";
const AGAIN: &str = "download or copy it again";

/// What a file is, if it is known not to be ONNX: words for it, and what to do.
pub(super) fn known(bytes: &[u8]) -> Option<(String, &'static str)> {
    for (at, magic, what, next) in MAGIC {
        if bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)) {
            return Some(((*what).to_owned(), next));
        }
    }
    let said = |what: &str, next| Some((what.to_owned(), next));
    if bytes.starts_with(b"PK\x03\x04") {
        return Some(zipped(bytes));
    }
    // A header of so many bytes of JSON.
    if let Some((length, rest)) = bytes.split_first_chunk()
        && u64::from_le_bytes(*length) < 1 << 30
        && rest.starts_with(b"{\"")
    {
        return said("weights without a network (.safetensors)", TORCH);
    }
    if let [0x80, 2..=5, ..] = bytes {
        return said("a pickle, as older PyTorch saves weights (.pt, .pth)", TORCH);
    }
    if !bytes.is_empty() && bytes.iter().all(|&byte| byte == 0) {
        return said("empty: it has only zero bytes, as an interrupted copy leaves them", AGAIN);
    }
    text(bytes)
}

/// A zip archive, by the names in it.
fn zipped(bytes: &[u8]) -> (String, &'static str) {
    let end = bytes.len().saturating_sub(1 << 16);
    let (first, last) = (&bytes[..bytes.len().min(1 << 16)], &bytes[end..]);
    let has = |name: &[u8]| {
        [first, last].iter().any(|part| part.windows(name.len()).any(|window| window == name))
    };
    let (what, next) = if has(b"constants.pkl") {
        ("a TorchScript network (.pt)", TORCH)
    } else if has(b"data.pkl") {
        ("what torch.save wrote (.pt, .pth)", TORCH)
    } else if has(b".weights.h5") {
        ("a Keras network (.keras)", KERAS)
    } else if has(b".mlmodel") {
        ("a Core ML package", OTHER)
    } else if has(b".npy") {
        ("arrays of NumPy (.npz)", OTHER)
    } else {
        ("a zip archive", "unpack it: unzip FILE, then name the .onnx file in it")
    };
    (what.to_owned(), next)
}

/// A text: a web page, an answer of a server, or another.
fn text(bytes: &[u8]) -> Option<(String, &'static str)> {
    let start = &bytes[..bytes.len().min(512)];
    let start = match std::str::from_utf8(start) {
        Ok(start) => start,
        // A letter may be cut in two there.
        Err(error) if error.valid_up_to() + 4 > start.len() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let begins = start.trim_start_matches('\u{feff}').trim_start();
    let control = |c: char| c.is_control() && !c.is_whitespace();
    if begins.is_empty() || start.contains(control) {
        return None;
    }
    let lower = begins.to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.contains("<html") || lower.contains("<head") {
        let next = "download the file itself: the address gave a page (GitHub: the link Raw or Download; Hugging Face: /resolve/ in place of /blob/)";
        return Some(("a web page, not the file that was to be downloaded".to_owned(), next));
    }
    if lower.starts_with('<') && lower.contains("<net ") {
        return Some((
            "a network of OpenVINO (.xml)".to_owned(),
            "use the .onnx file that it was made from",
        ));
    }
    let line: String = begins.lines().next().unwrap_or("").chars().take(60).collect();
    let next = "download it again, and look at what the server says; or name a network in ONNX form (.onnx)";
    Some((format!("a text, it begins with \"{}\"", line.escape_debug()), next))
}

/// What is to be said of a file that cannot be decoded.
///
/// * `error`: the decoder's words.
pub(super) fn undecodable(bytes: &[u8], error: &str) -> String {
    let has = |name: &[u8]| {
        let part = &bytes[..bytes.len().min(1 << 20)];
        part.windows(name.len()).any(|window| window == name)
    };
    if has(b"saved_model") || has(b"serving_default") || has(b"Placeholder") {
        return format!(
            "not ONNX: it looks like a network of TensorFlow (.pb)\n  next: {TENSORFLOW}"
        );
    }
    match outline::missing(bytes) {
        Some((have, wanted)) => format!(
            "not ONNX, or cut off: {have} bytes are there, its first part alone would end at {wanted}\n  next: {AGAIN}"
        ),
        None => format!("not ONNX, or damaged: {error}\n  next: {AGAIN}"),
    }
}

/// What is to be said of a file that was decoded and holds no graph.
pub(super) fn without_graph(bytes: &[u8]) -> String {
    let has = |name: &[u8]| {
        let part = &bytes[..bytes.len().min(1 << 20)];
        part.windows(name.len()).any(|window| window == name)
    };
    if has(b"serving_default") || has(b"Placeholder") || has(b"saved_model") {
        return format!(
            "not ONNX: it looks like a network of TensorFlow (.pb)\n  next: {TENSORFLOW}"
        );
    }
    format!("not ONNX: there is no graph with an output\n  next: {OTHER}, or {AGAIN}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_networks_are_known() {
        let zip = |name: &str| [b"PK\x03\x04", &[0; 26][..], name.as_bytes()].concat();
        let tar = [&[b'a'; 257][..], b"ustar"].concat();
        let cases: Vec<(Vec<u8>, &str, &str)> = vec![
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(),
                "Git LFS pointer",
                "git lfs pull",
            ),
            (b"\n<!DOCTYPE html><html>".to_vec(), "web page", "Raw"),
            ("\u{feff}<HTML lang=de>".into(), "web page", "download"),
            (b"<html".to_vec(), "web page", "download"),
            (
                b"{\"error\": \"not found\"}".to_vec(),
                "a text, it begins with \"{",
                "download it again",
            ),
            (b"Entry not found".to_vec(), "Entry not found", "download it again"),
            (b"\x1c\0\0\0TFL3".to_vec(), "TensorFlow Lite", "--tflite"),
            (b"\x1c\0\0\0ORTM".to_vec(), "ONNX Runtime's own", ".onnx"),
            (b"\x89HDF\r\n\x1a\n".to_vec(), "HDF5", "model.export"),
            (b"\x1f\x8b\x08".to_vec(), "gzip", "gunzip"),
            (zip("net/data.pkl"), "torch.save", "torch.onnx.export"),
            (zip("net/code/x.py net/constants.pkl"), "TorchScript", "torch.onnx.export"),
            (zip("model.weights.h5"), "Keras", "model.export"),
            (zip("net.onnx"), "a zip archive", "unzip"),
            (tar, "tar archive", "tar xf"),
            (b"\x80\x02}q".to_vec(), "pickle", "torch.onnx.export"),
            (b"\x40\0\0\0\0\0\0\0{\"a\":1}".to_vec(), "safetensors", "torch.onnx.export"),
            (vec![0; 99], "only zero bytes", "again"),
            (b"\x89PNG\r\n".to_vec(), "PNG image", ".onnx"),
        ];
        for (bytes, what, next) in cases {
            let (is, then) = known(&bytes).unwrap_or_default();
            assert!(is.contains(what) && then.contains(next), "{what}: {is}; {then}");
        }
        // The beginning of an ONNX file.
        assert_eq!(known(b"\x08\x08\x12\x07pytorch"), None);
    }
}
