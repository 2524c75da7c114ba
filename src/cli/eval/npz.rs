//! Features and file names as an `.npz`: `features`, `[n, dim]` f32, `files`, `[n]` strings, and `words`, `[classes, dim]` f32,
//! where classes are described.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use ndarray::{Array2, ArrayView2};

use super::images::Features;
use crate::cli::npz::{Reader, Writer};
use crate::eval::{LabelledFeatures, SetError};

/// What such a file holds.
#[derive(Debug)]
pub(super) struct KeptFeatures {
    dim: usize,
    images: Features,
    /// Of each class, where they are described.
    words: Option<Vec<Vec<f32>>>,
}

impl KeptFeatures {
    /// # Errors
    /// As [`LabelledFeatures::new`] and [`LabelledFeatures::described`].
    pub(super) fn set(self) -> Result<LabelledFeatures, SetError> {
        let set = LabelledFeatures::new(self.dim, self.images)?;
        match self.words {
            Some(words) => set.described(words),
            None => Ok(set),
        }
    }
}

/// # Errors
/// The file cannot be written.
pub(super) fn write(path: &Path, set: &LabelledFeatures) -> anyhow::Result<()> {
    let place = || path.display().to_string();
    let file = File::create(path).with_context(place)?;
    write_to(BufWriter::new(file), set).map(drop).with_context(place)
}

fn write_to<W: Write + Seek>(file: W, set: &LabelledFeatures) -> anyhow::Result<W> {
    let mut writer = Writer::new(file, set.features().len());
    let features = ArrayView2::from_shape((set.files().len(), set.dim()), set.features())
        .expect("a row of dim values for every file");
    let words = set.words().concat();
    writer.array("features", features)?;
    writer.strings("files", set.files())?;
    if !set.words().is_empty() {
        let words = ArrayView2::from_shape((set.words().len(), set.dim()), &words)
            .expect("a row of dim values for every class");
        writer.array("words", words)?;
    }
    writer.finish()
}

/// Reads what [`write`], or numpy's `savez` or `savez_compressed`, wrote.
///
/// # Errors
/// Not such a file; `features` is not f32 `[n, dim]`, `files` not `[n]` strings (`<U`), `words` not f32 `[classes, dim]`.
pub(super) fn read(path: &Path) -> anyhow::Result<KeptFeatures> {
    let place = || path.display().to_string();
    let file = File::open(path).with_context(place)?;
    read_from(BufReader::new(file)).with_context(place)
}

fn read_from(file: impl Read + Seek) -> anyhow::Result<KeptFeatures> {
    let mut reader = Reader::new(file)?;
    let features = reader.floats("features", "[n, dim]")?;
    let files = reader.strings("files")?;
    let (count, dim) = features.dim();
    if files.len() != count {
        bail!("{count} features and {} files, wanted as many of both", files.len());
    }
    let words = match reader.has("words") {
        true => Some(rows(&reader.floats("words", "[classes, dim]")?)),
        false => None,
    };
    Ok(KeptFeatures { dim, images: files.into_iter().zip(rows(&features)).collect(), words })
}

fn rows(values: &Array2<f32>) -> Vec<Vec<f32>> {
    values.outer_iter().map(|row| row.to_vec()).collect()
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
        let bytes = write_to(Cursor::new(Vec::new()), &set()).expect("memory does not run full");
        assert_eq!(read_from(bytes).expect("just written").set().expect("valid"), set());
        let words = vec![vec![0.5, 1.0], vec![-1.0, 0.0]];
        let described = set().described(words).expect("two classes");
        let bytes =
            write_to(Cursor::new(Vec::new()), &described).expect("memory does not run full");
        assert_eq!(read_from(bytes).expect("just written").set().expect("valid"), described);
    }

    #[test]
    fn arrays_of_another_kind_are_refused_with_what_was_wanted() {
        type Memory = Cursor<Vec<u8>>;
        let with = |write: &dyn Fn(&mut Writer<Memory>) -> anyhow::Result<()>| {
            let mut writer = Writer::new(Memory::default(), 4);
            write(&mut writer).and_then(|()| writer.finish()).expect("memory does not run full")
        };
        let names = ["a/b".to_owned()];
        let two = Array2::<f32>::zeros((2, 2));
        let cases = [
            (
                "doubles",
                with(&|file| {
                    file.array("features", Array2::<f64>::zeros((1, 2)).view())?;
                    file.strings("files", &names)
                }),
                "wanted f32",
            ),
            (
                "more features",
                with(&|file| {
                    file.array("features", two.view())?;
                    file.strings("files", &names)
                }),
                "2 features and 1 files",
            ),
            (
                "no strings",
                with(&|file| {
                    file.array("features", two.view())?;
                    file.array("files", two.view())
                }),
                "wanted strings",
            ),
            ("no arrays", Cursor::new(b"nothing".to_vec()), ""),
        ];
        for (name, file, wanted) in cases {
            let error = format!("{:#}", read_from(file).expect_err(name));
            assert!(error.contains(wanted), "{name}: {error}");
        }
    }
}
