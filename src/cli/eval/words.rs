//! Classes that are described in words beside their images.

use anyhow::Context as _;

use crate::cli::args::model::ModelArgs;
use crate::eval::LabelledFeatures;

/// What stands for the name of a class.
const NAME: &str = "{}";

pub(super) fn template(text: &str) -> Result<String, String> {
    match text.contains(NAME) {
        true => Ok(text.to_owned()),
        false => Err("wanted {} where the class is named, as in \"a photo of a {}\"".to_owned()),
    }
}

/// The set with a description of each class: the template with the folder's name, `-` and `_` being blanks.
///
/// * `sees`: name of the network that sees.
///
/// # Errors
/// No network of words belongs to the backbone, or one of another space; a line that cannot be read.
pub(super) fn described(
    set: LabelledFeatures,
    template: &str,
    (model, sees): (&ModelArgs, &str),
) -> anyhow::Result<LabelledFeatures> {
    let mut encoder = model.words_encoder(sees, set.dim())?;
    let line = |class: &String| template.replace(NAME, &class.replace(['-', '_'], " "));
    let words = set.classes().iter().map(|class| {
        let line = line(class);
        encoder.describe(&line).with_context(|| format!("\"{line}\""))
    });
    let words = words.collect::<anyhow::Result<_>>()?;
    Ok(set.described(words)?)
}
