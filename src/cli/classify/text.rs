//! `fieldtune classify --text`, `--lines`: what lines of text are taken for.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use super::{Line, Places};
use crate::cli::args::lines::LineArgs;
use crate::cli::args::model::ModelArgs;
use crate::cli::args::store::StoreArgs;
use crate::cli::{Exit, output};
use crate::protocol::people;
use crate::store::snapshot::ModelId;
use crate::util::text::one_line;

/// Prints a line for every line, as it comes: the prediction, a tab, the line.
///
/// # Errors
/// Nothing was taught; a file cannot be read.
pub(super) fn classify(
    arguments: &[PathBuf],
    lines: &LineArgs,
    as_json: bool,
    model: &ModelArgs,
    store: &StoreArgs,
) -> anyhow::Result<Exit> {
    store.refuse_untaught()?;
    let mut encoder = model.text_encoder()?;
    let learner = store.look_for(&ModelId::of_text(&encoder))?.into_parts().0;
    let mut exit = Exit::Done;
    lines.each(arguments, |line| {
        let begun = Instant::now();
        let feature = match &line.text {
            Ok(text) => encoder.feature(text).map_err(|error| error.to_string()),
            Err(what) => Err(what.clone()),
        };
        let feature = match feature {
            Ok(feature) => feature,
            Err(what) => {
                exit = Exit::Negative;
                let error = line.wrong(what);
                eprintln!("error: {error:#}");
                if as_json {
                    let text = line.text.as_deref().ok();
                    println!("{}", json!({ "line": text, "error": format!("{error:#}") }));
                }
                return Ok(());
            }
        };
        let Some(verdict) = learner.classify(&feature)? else {
            anyhow::bail!("every class is empty: teach an example first");
        };
        let text = line.text.unwrap_or_default();
        let shown = Line {
            learner: &learner,
            verdict: &verdict,
            milliseconds: begun.elapsed().as_secs_f64() * 1e3,
            places: Places::default(),
        };
        if as_json {
            let mut value = shown.json();
            value["line"] = text.into();
            println!("{value}");
        } else {
            let class = verdict.class.map(|class| shown.name(class));
            let said =
                people::prediction(class, shown.name(verdict.best), verdict.shown_confidence());
            // The macro would show the tab as a code.
            output::write(format!("{said}\t{}\n", one_line(&text)).as_bytes());
        }
        Ok(())
    })?;
    Ok(exit)
}
