//! `fieldtune ctl teach CLASS IMAGE...`, `classify IMAGE...`: image files, or with `--text` lines, to a device.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::CtlCommand;
use crate::cli::{Context, Exit, Failed};
use crate::image::frame::Timestamp;
use crate::image::picture;
use crate::protocol::console;
use crate::protocol::request::{Answer, Request};
use crate::protocol::wire::MAX_MESSAGE;
use crate::text::{self, LineError, MAX_LINE};

impl CtlCommand {
    /// The file; of a line its picture, which holds it.
    fn image(&self, given: &str) -> anyhow::Result<Vec<u8>> {
        match self.text {
            false => Ok(picture::read(Path::new(given), MAX_MESSAGE as u64)?),
            true if given.len() > MAX_LINE => Err(LineError::TooLong(given.len()).into()),
            true => Ok(picture::png(&text::frame(given, Timestamp(0)))),
        }
    }

    /// What the arguments are called in answers.
    pub(super) fn given(&self) -> &'static str {
        if self.text { "line" } else { "file" }
    }

    /// Sends every image, and prints what came of it; one that cannot be read or classified keeps no other from it.
    ///
    /// * `all_or_none`: nothing is sent unless all can be read, and the first that is refused is the last.
    pub(super) fn images(
        &self,
        files: &[&str],
        (doing, all_or_none): (&'static str, bool),
        context: &Context,
        request: impl Fn(Vec<u8>) -> Request,
    ) -> anyhow::Result<Exit> {
        let images = files.iter().map(|&file| (file, self.image(file)));
        let images: Vec<_> = if all_or_none {
            images.map(|(file, image)| Ok((file, Ok(image?)))).collect::<anyhow::Result<_>>()?
        } else {
            images.collect()
        };
        let mut exit = Exit::Done;
        let mut link = self.link()?;
        let one = Context { progress: context.progress && files.len() == 1 };
        let bar = Context { progress: context.progress && files.len() > 1 }
            .bar(files.len() as u64, doing);
        for (file, image) in images {
            let answer = image.and_then(|image| {
                let answer = self.ask(&mut link, &request(image), &one);
                answer.with_context(|| console::harmless(file))
            });
            match answer {
                Ok(Answer::Classified(None)) => {
                    bail!("every class is empty: teach an example first")
                }
                Ok(answer) => bar.suspend(|| self.tell_of_file(&answer, file)),
                // A device that does not answer one will not answer the others either.
                Err(error) if all_or_none || error.downcast_ref::<Failed>().is_some() => {
                    return Err(error);
                }
                Err(error) => {
                    exit = Exit::Negative;
                    let why = format!("{error:#}");
                    bar.suspend(|| eprintln!("error: {why}"));
                    if self.json {
                        bar.suspend(|| println!("{}", json!({ self.given(): file, "error": why })));
                    }
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(exit)
    }
}
