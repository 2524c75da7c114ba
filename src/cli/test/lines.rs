//! `fieldtune test` of lines of text: files of lines, one a class, as `eval --text` reads them.

use std::path::Path;

use super::unit::LINES;
use super::{Report, classified};
use crate::backbone::TextEncoder;
use crate::cli::Context;
use crate::cli::eval::lines;
use crate::learn::learner::Learner;
use crate::learn::patches::FrameFeatures;

/// * `dir`: a folder of files, or one file; every different form of a line counts once in its file.
///
/// # Errors
/// A file cannot be read; no line can be used, or all were taught.
pub(super) fn report<'a>(
    dir: &Path,
    encoder: &'a mut TextEncoder,
    context: &Context,
    learner: &'a Learner,
) -> anyhow::Result<Report<'a>> {
    let (features, left_out) = lines::features(dir, 1, encoder, context)?;
    let left_out = left_out.into_iter().map(|one| (one.file, one.error)).collect();
    let (files, seen) = features
        .into_iter()
        .map(|(name, feature)| {
            let seen = Ok(FrameFeatures { feature, patches: None });
            ((name, dir.to_owned()), seen)
        })
        .unzip();
    classified(files, seen, learner, (encoder.name(), LINES), left_out)
}
