//! Features and file names as an `.npz` that `numpy.load` reads without pickle: `features`, `[n, dim]` f32, and
//! `files`, `[n]` strings.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use ndarray::{Array2, ArrayView2};
use ndarray_npy::{ReadNpyExt as _, WriteNpyExt as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::images::Features;
use crate::evaluation::LabelledFeatures;

/// # Errors
/// The file cannot be written.
pub(super) fn write(path: &Path, set: &LabelledFeatures) -> anyhow::Result<()> {
    let place = || path.display().to_string();
    let file = File::create(path).with_context(place)?;
    write_to(BufWriter::new(file), set).with_context(place)
}

fn write_to(file: impl Write + Seek, set: &LabelledFeatures) -> anyhow::Result<()> {
    let mut zip = ZipWriter::new(file);
    // Features hardly compress; stored, they can be mapped. Beyond 4 GiB the format's large form is needed.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(set.features().len() > (1 << 29));
    zip.start_file("features.npy", options)?;
    ArrayView2::from_shape((set.files().len(), set.dim()), set.features())
        .expect("a row of dim values for every file")
        .write_npy(&mut zip)?;
    zip.start_file("files.npy", options)?;
    write_strings(&mut zip, set.files())?;
    zip.finish()?.flush()?;
    Ok(())
}

/// Numpy's format 1.0 (numpy.lib.format): magic, version, the header's length, the header padded so that the data
/// begins at a multiple of 64. An element of type `<U7` is seven little-endian UTF-32 characters, zero at the end.
fn write_strings(mut out: impl Write, strings: &[String]) -> std::io::Result<()> {
    let width = strings.iter().map(|string| string.chars().count()).max().unwrap_or(0).max(1);
    let mut header = format!(
        "{{'descr': '<U{width}', 'fortran_order': False, 'shape': ({},), }}",
        strings.len()
    );
    const BEFORE: usize = MAGIC.len() + 4;
    let padded = (BEFORE + header.len() + 1).next_multiple_of(64) - BEFORE;
    header.push_str(&" ".repeat(padded - header.len() - 1));
    header.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&u16::try_from(padded).expect("two numbers need few digits").to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for string in strings {
        let mut characters = string.chars();
        for _ in 0..width {
            let character = characters.next().map_or(0, u32::from);
            out.write_all(&character.to_le_bytes())?;
        }
    }
    Ok(())
}

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads what [`write`], or numpy's `savez` or `savez_compressed`, wrote.
///
/// * returns the length of a feature, and name and feature of every image.
///
/// # Errors
/// Not such a file; `features` is not f32 `[n, dim]`, `files` not `[n]` strings (`<U`).
pub(super) fn read(path: &Path) -> anyhow::Result<(usize, Features)> {
    let place = || path.display().to_string();
    let file = File::open(path).with_context(place)?;
    read_from(BufReader::new(file)).with_context(place)
}

fn read_from(file: impl Read + Seek) -> anyhow::Result<(usize, Features)> {
    let mut zip = ZipArchive::new(file)?;
    let features = zip.by_name("features.npy").context("array features")?;
    let features = Array2::<f32>::read_npy(features)
        .context("array features: wanted f32 values of shape [n, dim]")?;
    let files = read_strings(zip.by_name("files.npy").context("array files")?)
        .context("array files: wanted strings (<U) of shape [n]")?;
    let (count, dim) = features.dim();
    if files.len() != count {
        bail!("{count} features and {} files, wanted as many of both", files.len());
    }
    let rows = features.outer_iter().map(|row| row.to_vec());
    Ok((dim, files.into_iter().zip(rows).collect()))
}

fn read_strings(mut file: impl Read) -> anyhow::Result<Vec<String>> {
    let mut start = [0; 8];
    file.read_exact(&mut start)?;
    let length = match (&start[..6] == MAGIC, start[6]) {
        (true, 1) => {
            let mut length = [0; 2];
            file.read_exact(&mut length)?;
            u64::from(u16::from_le_bytes(length))
        }
        (true, 2 | 3) => {
            let mut length = [0; 4];
            file.read_exact(&mut length)?;
            u64::from(u32::from_le_bytes(length))
        }
        _ => bail!("not an array of numpy"),
    };
    let mut header = String::new();
    file.by_ref().take(length).read_to_string(&mut header)?;
    let after = |key: &str| {
        let rest = header.split_once(key)?.1.trim_start().strip_prefix(':')?;
        Some(rest.trim_start())
    };
    let described = || format!("its header is {}", header.trim_end().escape_debug());
    let until = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let width: Option<usize> = after("'descr'")
        .and_then(|rest| rest.strip_prefix("'<U"))
        .and_then(|rest| until(rest).parse().ok());
    let count: Option<usize> = after("'shape'")
        .and_then(|rest| rest.strip_prefix('('))
        .filter(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(",)"))
        .and_then(|rest| until(rest).parse().ok());
    let (width, count) = width.zip(count).with_context(described)?;
    let mut strings = Vec::new();
    let mut string = Vec::new();
    for _ in 0..count {
        string.clear();
        for _ in 0..width {
            let mut character = [0; 4];
            file.read_exact(&mut character)?;
            string.push(u32::from_le_bytes(character));
        }
        let used = string.iter().rposition(|&character| character != 0).map_or(0, |last| last + 1);
        let text: Option<String> = string[..used].iter().map(|&c| char::from_u32(c)).collect();
        strings.push(text.context("a character that does not exist")?);
    }
    Ok(strings)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn set() -> LabelledFeatures {
        let images = vec![
            ("gut/äöü.png".to_owned(), vec![1.0, -2.5]),
            ("schlecht/1.png".to_owned(), vec![0.0, f32::MIN_POSITIVE]),
            ("schlecht/a longer name 🔍.png".to_owned(), vec![3.0, 4.0]),
        ];
        LabelledFeatures::new(2, images).expect("valid")
    }

    #[test]
    fn features_and_names_come_back_as_they_were() {
        let mut bytes = Cursor::new(Vec::new());
        write_to(&mut bytes, &set()).expect("memory does not run full");
        let (dim, images) = read_from(bytes).expect("just written");
        assert_eq!(LabelledFeatures::new(dim, images).expect("valid"), set());
    }

    #[test]
    fn strings_begin_at_a_multiple_of_64_bytes_and_have_the_header_s_width() {
        let names: Vec<String> = set().files().to_vec();
        let mut bytes = Vec::new();
        write_strings(&mut bytes, &names).expect("memory does not run full");
        let longest = names.iter().map(|name| name.chars().count()).max().expect("three names");
        assert_eq!((bytes.len() - 3 * longest * 4) % 64, 0);
        assert_eq!(read_strings(&bytes[..]).expect("just written"), names);
        for cut in [0, 5, 9, 40, bytes.len() - 1] {
            assert!(read_strings(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn arrays_of_another_kind_are_refused_with_what_was_wanted() {
        let with = |features: &[u8], files: &[u8]| {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            let options =
                SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            for (name, bytes) in [("features.npy", features), ("files.npy", files)] {
                zip.start_file(name, options).expect("a new entry");
                zip.write_all(bytes).expect("memory does not run full");
            }
            zip.finish().expect("memory does not run full")
        };
        let (mut doubles, mut two, mut names) = (Vec::new(), Vec::new(), Vec::new());
        Array2::<f64>::zeros((1, 2)).write_npy(&mut doubles).expect("in memory");
        Array2::<f32>::zeros((2, 2)).write_npy(&mut two).expect("in memory");
        write_strings(&mut names, &["a/b".to_owned()]).expect("in memory");
        let cases = [
            ("doubles", with(&doubles, &names), "wanted f32"),
            ("more features", with(&two, &names), "2 features and 1 files"),
            ("no strings", with(&two, &two), "wanted strings"),
            ("no arrays", Cursor::new(b"nothing".to_vec()), ""),
        ];
        for (name, file, wanted) in cases {
            let error = format!("{:#}", read_from(file).expect_err(name));
            assert!(error.contains(wanted), "{name}: {error}");
        }
    }
}
