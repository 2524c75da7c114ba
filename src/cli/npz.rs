//! Arrays in a file that `numpy.load` reads without pickle. The only file that names zip.

use std::io::{Read, Seek, Write};

use anyhow::{Context as _, bail};
use ndarray::{Array1, Array2, ArrayD, ArrayView, Dimension};
use ndarray_npy::{ReadNpyExt as _, WritableElement, WriteNpyExt as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// A file being written.
pub(super) struct Writer<W: Write + Seek> {
    zip: ZipWriter<W>,
    options: SimpleFileOptions,
}

impl<W: Write + Seek> Writer<W> {
    /// * `values`: that the largest array has: beyond 4 GiB the format's large form is needed.
    pub(super) fn new(file: W, values: usize) -> Self {
        // Features and weights hardly compress; stored, they can be mapped.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(values > (1 << 29));
        Self { zip: ZipWriter::new(file), options }
    }

    /// Numbers of any shape.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn array<A: WritableElement, D: Dimension>(
        &mut self,
        name: &str,
        values: ArrayView<A, D>,
    ) -> anyhow::Result<()> {
        self.zip.start_file(format!("{name}.npy"), self.options)?;
        Ok(values.write_npy(&mut self.zip)?)
    }

    /// `[n]` strings.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn strings(&mut self, name: &str, strings: &[String]) -> anyhow::Result<()> {
        self.zip.start_file(format!("{name}.npy"), self.options)?;
        Ok(write_strings(&mut self.zip, strings, &format!("({},)", strings.len()))?)
    }

    /// One string, an array without axes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn text(&mut self, name: &str, text: &str) -> anyhow::Result<()> {
        self.zip.start_file(format!("{name}.npy"), self.options)?;
        Ok(write_strings(&mut self.zip, &[text.to_owned()], "()")?)
    }

    /// # Errors
    /// The file cannot be written.
    pub(super) fn finish(self) -> anyhow::Result<W> {
        let mut file = self.zip.finish()?;
        file.flush()?;
        Ok(file)
    }
}

/// Numpy's format 1.0 (numpy.lib.format): magic, version, the header's length, the header padded so that the data
/// begins at a multiple of 64. An element of type `<U7` is seven little-endian UTF-32 characters, zero at the end.
fn write_strings(mut out: impl Write, strings: &[String], shape: &str) -> std::io::Result<()> {
    let width = strings.iter().map(|string| string.chars().count()).max().unwrap_or(0).max(1);
    let mut header =
        format!("{{'descr': '<U{width}', 'fortran_order': False, 'shape': {shape}, }}");
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

/// A file being read: what [`Writer`], or numpy's `savez` or `savez_compressed`, wrote.
pub(super) struct Reader<R: Read + Seek>(ZipArchive<R>);

impl<R: Read + Seek> Reader<R> {
    /// # Errors
    /// Not such a file.
    pub(super) fn new(file: R) -> anyhow::Result<Self> {
        Ok(Self(ZipArchive::new(file)?))
    }

    /// * `shape`: its two axes in words, for messages.
    ///
    /// # Errors
    /// There is no such array, or it is not f32 of two axes.
    pub(super) fn floats(&mut self, name: &str, shape: &str) -> anyhow::Result<Array2<f32>> {
        let place = || format!("array {name}");
        let array = self.0.by_name(&format!("{name}.npy")).with_context(place)?;
        Array2::<f32>::read_npy(array)
            .with_context(|| format!("array {name}: wanted f32 values of shape {shape}"))
    }

    /// Whether there is such an array.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.index_for_name(&format!("{name}.npy")).is_some()
    }

    /// As [`Reader::floats`], also of f64.
    ///
    /// # Errors
    /// As [`Reader::floats`].
    pub(super) fn numbers(&mut self, name: &str, shape: &str) -> anyhow::Result<Array2<f32>> {
        let place = || format!("array {name}: wanted numbers of shape {shape}");
        self.any(name)?.into_dimensionality().with_context(place)
    }

    /// Numbers along one axis, or one number, of f32 or f64.
    ///
    /// # Errors
    /// There is no such array, or it is of another kind.
    pub(super) fn row(&mut self, name: &str) -> anyhow::Result<Array1<f32>> {
        let array = self.any(name)?;
        if array.ndim() > 1 || array.is_empty() {
            bail!("array {name}: wanted numbers of shape [n], got {:?}", array.shape());
        }
        Ok(array.into_iter().collect())
    }

    /// One of two values.
    ///
    /// # Errors
    /// There is no such array, or it is another one.
    pub(super) fn is_true(&mut self, name: &str) -> anyhow::Result<bool> {
        let place = || format!("array {name}: wanted true or false");
        let array = self.0.by_name(&format!("{name}.npy")).with_context(place)?;
        Ok(ndarray::Array0::<bool>::read_npy(array).with_context(place)?.into_scalar())
    }

    fn any(&mut self, name: &str) -> anyhow::Result<ArrayD<f32>> {
        let file = format!("{name}.npy");
        let place = || format!("array {name}");
        let array = self.0.by_name(&file).with_context(place)?;
        if let Ok(single) = ArrayD::<f32>::read_npy(array) {
            return Ok(single);
        }
        let array = self.0.by_name(&file).with_context(place)?;
        let double = ArrayD::<f64>::read_npy(array);
        let double = double.with_context(|| format!("array {name}: wanted f32 or f64 values"))?;
        Ok(double.mapv(|value| value as f32))
    }

    /// # Errors
    /// There is no such array, or it is not `[n]` strings (`<U`).
    pub(super) fn strings(&mut self, name: &str) -> anyhow::Result<Vec<String>> {
        let place = || format!("array {name}");
        let array = self.0.by_name(&format!("{name}.npy")).with_context(place)?;
        read_strings(array)
            .with_context(|| format!("array {name}: wanted strings (<U) of shape [n]"))
    }
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

    use ndarray::{ArrayView1, arr0};

    use super::*;

    #[test]
    fn strings_are_aligned_to_64_bytes_with_the_declared_width() {
        let names = ["gut/äöü.png", "1.png", "a longer name 🔍.png"].map(str::to_owned);
        let mut bytes = Vec::new();
        write_strings(&mut bytes, &names, "(3,)").expect("memory does not run full");
        let longest = names.iter().map(|name| name.chars().count()).max().expect("three names");
        assert_eq!((bytes.len() - 3 * longest * 4) % 64, 0);
        assert_eq!(read_strings(&bytes[..]).expect("just written"), names);
        for cut in [0, 5, 9, 40, bytes.len() - 1] {
            assert!(read_strings(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn arrays_missing_or_of_another_shape_are_refused_by_name() {
        let mut writer = Writer::new(Cursor::new(Vec::new()), 1);
        writer.array("row", ArrayView1::from(&[1.0f32])).expect("in memory");
        writer.array("one", arr0(true).view()).expect("in memory");
        writer.text("text", "words").expect("in memory");
        let mut reader = Reader::new(writer.finish().expect("in memory")).expect("just written");
        for name in ["row", "one", "text", "gone"] {
            let error = format!("{:#}", reader.floats(name, "[n, dim]").expect_err(name));
            assert!(error.starts_with(&format!("array {name}")), "{error}");
            let error = format!("{:#}", reader.strings(name).expect_err(name));
            assert!(error.starts_with(&format!("array {name}")), "{error}");
        }
    }
}
