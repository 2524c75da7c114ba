//! `fieldtune teach --from-text`: a class of images by what is said of it.

use anyhow::{Context as _, bail};

use super::{TeachCommand, tell_estimate};
use crate::cli::args::store::now;
use crate::cli::pool::Pool;
use crate::cli::{Context, Exit, answer};
use crate::learn::command::{Command, NewExample, TeachExamples, check_class};
use crate::learn::learner::ClassName;
use crate::protocol::json;
use crate::protocol::request::Answer;
use crate::text;

impl TeachCommand {
    /// Each argument is a description, all of them are one look's worth; the head learns where images of the class would lie.
    pub(super) fn run_words(self, context: &Context) -> anyhow::Result<Exit> {
        if self.images.is_empty() {
            bail!(
                "which words? wanted a class and what its images show\n  next: fieldtune teach --from-text {} \"a photo of ...\"",
                self.class
            );
        }
        match self.store.look() {
            Ok(there) => check_class(there.learner(), &self.class)?,
            Err(_) => drop(ClassName::new(self.class.trim_start_matches('+'))?),
        }
        let nothing = "nothing was learned";
        self.store.refuse_lines("teach --from-text", "teach lines with --text").context(nothing)?;
        self.store.refuse_sounds("teach --from-text", "teach recordings").context(nothing)?;
        let pool = Pool::load_taught(1, &self.model, &self.store, context)?;
        let encoder = self.model.words_encoder(pool.name(), pool.dim());
        let mut encoder = encoder.context(nothing)?;
        let mut examples = Vec::with_capacity(self.images.len());
        for argument in &self.images {
            let shown = || format!("\"{}\"", text::origin(&argument.to_string_lossy()));
            let words = argument.to_str().context("not UTF-8").with_context(shown);
            let words = words.context(nothing)?;
            let feature = encoder.describe(words).with_context(shown).context(nothing)?;
            examples.push(NewExample::described(feature, &text::origin(words)));
        }
        let mut session = self.store.open_for(pool.model())?;
        let teach = TeachExamples { class: self.class, examples };
        let reply = session.apply(Command::Teach(teach), now())?;
        if self.json {
            println!("{}", json::answer(&Answer::Reply(reply)));
            return Ok(Exit::Done);
        }
        answer(&reply, false);
        let learner = session.learner();
        if learner.examples().looks().is_empty() {
            println!(
                "no images so far: words alone decide, and nothing is unknown by its distance"
            );
        }
        tell_estimate(learner);
        Ok(Exit::Done)
    }
}
