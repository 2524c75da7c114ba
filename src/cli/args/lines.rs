//! `--text` and `--lines`: lines of text instead of images.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::image::picture;
use crate::text::LineSplitter;

/// Lines of text instead of images.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Text")]
pub struct LineArgs {
    /// The arguments are lines of text, not image files
    #[arg(long)]
    text: bool,
    /// Every line of this file; - is standard input (repeatable)
    #[arg(long, value_name = "FILE")]
    lines: Vec<PathBuf>,
}

/// A line, and where it stands.
#[derive(Debug)]
pub struct Line {
    /// `FILE:NUMBER`; of an argument nothing.
    pub place: Option<String>,
    /// The text; or why it is none, in words.
    pub text: Result<String, String>,
}

impl Line {
    /// With its place before what is wrong with it.
    pub fn wrong(&self, what: impl std::fmt::Display) -> anyhow::Error {
        match &self.place {
            Some(place) => anyhow::anyhow!("{place}: {what}"),
            None => anyhow::anyhow!("{what}"),
        }
    }
}

impl LineArgs {
    /// Whether it is about text.
    ///
    /// * `arguments`: the other arguments.
    ///
    /// # Errors
    /// An image beside lines.
    pub fn are_given(&self, arguments: &[PathBuf]) -> anyhow::Result<bool> {
        match arguments.first() {
            Some(argument) if !self.text && !self.lines.is_empty() => bail!(
                "{}: an image beside --lines\n  next: add --text if it is a line of text; images have a store of their own",
                picture::shown(argument)
            ),
            _ => Ok(self.text || !self.lines.is_empty()),
        }
    }

    /// Whether there are files of lines.
    pub fn are_of_files(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Gives every line that is not blank to `take`, those of a pipe as they come.
    ///
    /// * `arguments`: as of [`LineArgs::are_given`].
    ///
    /// # Errors
    /// A file that cannot be read; what `take` fails with.
    pub fn each(
        &self,
        arguments: &[PathBuf],
        mut take: impl FnMut(Line) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for argument in arguments {
            let text = argument.to_str().map(str::to_owned).ok_or_else(|| NOT_UTF_8.to_owned());
            take(Line { place: None, text })?;
        }
        for path in &self.lines {
            let name = picture::shown(path);
            if path == Path::new("-") {
                read(std::io::stdin().lock(), "standard input", &mut take)?;
            } else {
                let file = File::open(path).with_context(|| name.clone())?;
                if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
                    bail!("{name}: this is a folder, wanted a file of lines");
                }
                read(BufReader::new(file), &name, &mut take)?;
            }
        }
        Ok(())
    }
}

const NOT_UTF_8: &str = "not UTF-8";

/// Every line that is not blank, however long it is: of one that is too long no more than the beginning is kept.
///
/// # Errors
/// It cannot be read; what `take` fails with.
pub(in crate::cli) fn read(
    mut from: impl BufRead,
    name: &str,
    take: &mut dyn FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut splitter = LineSplitter::default();
    loop {
        let got = match from.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            got => got.with_context(|| name.to_owned())?,
        };
        let (count, is_over) = (got.len(), got.is_empty());
        splitter.push(got);
        from.consume(count);
        let next = |splitter: &mut LineSplitter| match is_over {
            true => splitter.finish(),
            false => splitter.next_line(),
        };
        while let Some((number, text)) = next(&mut splitter) {
            let text = text.map_err(|error| error.to_string());
            take(Line { place: Some(format!("{name}:{number}")), text })?;
        }
        if is_over {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MAX_LINE;

    fn lines(bytes: &[u8]) -> Vec<(String, Result<String, String>)> {
        let mut found = Vec::new();
        let mut take = |line: Line| {
            found.push((line.place.unwrap_or_default(), line.text));
            Ok(())
        };
        read(bytes, "log", &mut take).expect("memory can be read");
        found
    }

    #[test]
    fn lines_have_their_numbers_and_blank_ones_are_skipped() {
        let found = lines("\u{feff}one\r\n\n  \ntwo".as_bytes());
        let wanted = [("log:1", "one"), ("log:4", "two")];
        assert_eq!(found, wanted.map(|(place, text)| (place.to_owned(), Ok(text.to_owned()))));
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn broken_and_endless_lines_are_named_and_skipped() {
        let long = [&b"x".repeat(3 * MAX_LINE)[..], b"\nbad \xff\nlast"].concat();
        let found = lines(&long);
        assert_eq!(found.len(), 3);
        assert!(found[0].1.as_ref().is_err_and(|what| what.contains("more than 65536")));
        assert_eq!(
            found[1],
            ("log:2".to_owned(), Err("not UTF-8 from byte 5 of the line".to_owned()))
        );
        assert_eq!(found[2], ("log:3".to_owned(), Ok("last".to_owned())));
        // As long as may be, with its end, is whole.
        let most = [&b"y".repeat(MAX_LINE)[..], b"\r\nz"].concat();
        assert_eq!(lines(&most)[0].1.as_ref().map(String::len), Ok(MAX_LINE));
    }
}
