//! A folder of files of lines, a class each, to features.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;

use super::images::{Features, LeftOutImage};
use crate::backbone::TextEncoder;
use crate::cli::Context;
use crate::cli::args::lines;
use crate::image::picture;

/// Every different form of a line of each file, as `class/number`; a file's name without its ending is the class.
///
/// * `dir`: a folder of files, or one file; `least`: files that are wanted; `encoder`: what reads the lines.
///
/// # Errors
/// The folder or a file cannot be read; fewer files than `least`.
pub(in crate::cli) fn features(
    dir: &Path,
    least: usize,
    encoder: &mut TextEncoder,
    context: &Context,
) -> anyhow::Result<(Features, Vec<LeftOutImage>)> {
    let place = || picture::shown(dir);
    let class = |path: &Path| {
        let class = path.file_stem().and_then(|name| name.to_str()).map(str::to_owned);
        class.filter(|class| path.is_file() && !class.starts_with('.'))
    };
    let mut files: Vec<(String, PathBuf)> =
        class(dir).map(|class| (class, dir.to_owned())).into_iter().collect();
    if files.is_empty() {
        for entry in dir.read_dir().with_context(place)? {
            let path = entry.with_context(place)?.path();
            files.extend(class(&path).map(|class| (class, path)));
        }
    }
    if files.len() < least {
        let wanted = if least == 1 { "a file" } else { "at least two files" };
        bail!(
            "{}: wanted {wanted} of lines, one a class; found {}\n  next: DIR/disk.log and DIR/login.log make the classes disk and login",
            place(),
            files.len()
        );
    }
    files.sort();
    let (mut features, mut left_out) = (Vec::new(), Vec::new());
    let bar = context.counter("lines");
    for (class, path) in &files {
        of_file(class, path, encoder, (&mut features, &mut left_out, &bar))?;
    }
    bar.finish_and_clear();
    Ok((features, left_out))
}

fn of_file(
    class: &str,
    path: &PathBuf,
    encoder: &mut TextEncoder,
    (features, left_out, bar): (&mut Features, &mut Vec<LeftOutImage>, &ProgressBar),
) -> anyhow::Result<()> {
    let name = picture::shown(path);
    let file = File::open(path).with_context(|| name.clone())?;
    let mut forms = BTreeSet::new();
    lines::read(BufReader::new(file), &name, &mut |line| {
        let number = line.place.as_deref().and_then(|place| place.rsplit(':').next());
        let file = format!("{class}/{}", number.unwrap_or_default());
        bar.inc(1);
        let form = line.text.as_deref().ok().map(|text| encoder.form(text));
        if form.as_ref().is_some_and(|form| forms.contains(form)) {
            return Ok(());
        }
        let feature = line.text.and_then(|text| encoder.feature(&text).map_err(|e| e.to_string()));
        match feature {
            Ok(feature) => {
                forms.extend(form);
                features.push((file, feature));
            }
            Err(error) => {
                bar.suspend(|| eprintln!("left out: {file}: {error}"));
                left_out.push(LeftOutImage { file, error });
            }
        }
        Ok(())
    })
}
