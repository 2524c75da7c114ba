//! `fieldtune teach --text`, `--lines`: learn lines of text.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::tell_estimate;
use crate::backbone::TextEncoder;
use crate::cli::args::lines::LineArgs;
use crate::cli::args::model::ModelArgs;
use crate::cli::args::store::{StoreArgs, now};
use crate::cli::{Context, Exit, answer};
use crate::learn::command::{Command, NewExample, Reply, TeachExamples, check_class};
use crate::learn::examples::Examples;
use crate::learn::learner::ClassName;
use crate::protocol::json;
use crate::protocol::people::counted;
use crate::protocol::request::Answer;
use crate::store::snapshot::ModelId;
use crate::text;

/// What is to be taught.
pub(super) struct Lines<'a> {
    pub(super) class: String,
    pub(super) arguments: &'a [PathBuf],
    pub(super) lines: &'a LineArgs,
    pub(super) skip_broken: bool,
    pub(super) json: bool,
}

/// Lines that the budget of a store has room for, a quarter of it for what else is kept of each.
///
/// * `dim`: values of an embedding.
fn most(dim: usize) -> usize {
    Examples::DEFAULT_BUDGET / (2 * dim) * 3 / 4
}

/// From this cosine on two lines have the same form.
const SAME: f32 = 0.9999;

impl Lines<'_> {
    /// Each form of a line is an example and a look of its own.
    pub(super) fn teach(
        self,
        model: &ModelArgs,
        store: &StoreArgs,
        context: &Context,
    ) -> anyhow::Result<Exit> {
        match store.look() {
            Ok(there) => check_class(there.learner(), &self.class)?,
            Err(_) => drop(ClassName::new(self.class.trim_start_matches('+'))?),
        }
        let mut encoder = model.text_encoder().context("nothing was learned")?;
        let (examples, lines) =
            self.examples(&mut encoder, context).context("nothing was learned")?;
        let mut session = store.open_for(&ModelId::of_text(&encoder))?;
        let learner = session.learner();
        let class = learner.class_named(self.class.trim_start_matches('+'));
        let is_new = |one: &NewExample| {
            let near = class.map(|class| learner.examples().nearest_of(class, &one.feature, 1));
            near.is_none_or(|near| near.iter().all(|near| near.cosine < SAME))
        };
        let forms = examples.len();
        let new: Vec<NewExample> = examples.into_iter().filter(is_new).collect();
        let known = forms - new.len();
        let count = lines;
        let (lines, was) =
            (counted(lines, "line", "lines"), counted(forms, "form", "different forms"));
        if new.is_empty() {
            match self.json {
                true => println!(
                    "{}",
                    serde_json::json!({ "taught": 0, "lines": count, "known": known })
                ),
                false => {
                    println!("{lines} of {was}, all known as {}: nothing new to learn", self.class)
                }
            }
            return Ok(Exit::Done);
        }
        let teach = TeachExamples { class: self.class, examples: new };
        let taken_for = teach.taken_for(learner);
        let reply = session.apply(Command::Teach(teach), now())?;
        if self.json {
            let mut reply = json::answer(&Answer::Reply(reply));
            reply["known"] = known.into();
            reply["taken_for"] = taken_for.map(|one| one.other).into();
            println!("{reply}");
            return Ok(Exit::Done);
        }
        answer(&reply, false);
        let known = match known {
            0 => String::new(),
            known => format!(", {known} known already"),
        };
        match encoder.reads_numbers() {
            false => println!(
                "{lines} of {was}{known}: numbers do not count, and each form is one example"
            ),
            true => println!("{lines} of {was}{known}: each form is one example"),
        }
        if let Reply::Taught { evicted, .. } = &reply
            && !evicted.is_empty()
        {
            let gone = counted(evicted.len(), "redundant example", "redundant examples");
            println!("the store is full: {gone} made room");
        }
        taken_for.inspect(|one| println!("warning: {one}"));
        tell_estimate(session.learner());
        Ok(Exit::Done)
    }

    /// An example of each form, and the number of lines.
    fn examples(
        &self,
        encoder: &mut TextEncoder,
        context: &Context,
    ) -> anyhow::Result<(Vec<NewExample>, usize)> {
        let most = most(encoder.dim());
        let (mut forms, mut examples, mut lines) = (BTreeSet::new(), Vec::new(), 0);
        let bar = context.counter("lines");
        self.lines.each(self.arguments, |line| {
            bar.inc(1);
            let form = line.text.as_deref().ok().map(|text| encoder.form(text));
            if form.as_ref().is_some_and(|form| forms.contains(form)) {
                lines += 1;
                return Ok(());
            }
            let learned = line.text.as_ref().map_err(String::clone);
            let learned = learned.and_then(|text| {
                Ok((text, encoder.feature(text).map_err(|error| error.to_string())?))
            });
            match learned {
                Ok((text, feature)) => {
                    lines += 1;
                    if examples.len() == most {
                        let what = format!(
                            "more than {most} different lines, which is what a store holds"
                        );
                        return Err(line.wrong(format!("{what}\n  next: teach fewer lines")));
                    }
                    forms.extend(form);
                    let origin = text::origin(text);
                    let burst = u32::try_from(examples.len())?;
                    examples.push(NewExample { burst, ..NewExample::new(feature, &origin) });
                }
                Err(what) if self.skip_broken => {
                    bar.suspend(|| eprintln!("left out: {:#}", line.wrong(what)));
                }
                Err(what) => {
                    return Err(line.wrong(format!("{what} (--skip-broken leaves it out)")));
                }
            }
            Ok(())
        })?;
        bar.finish_and_clear();
        let lines_given = !self.arguments.is_empty() || self.lines.are_of_files();
        if examples.is_empty() {
            bail!(match lines_given {
                true => "no line has letters or digits",
                false => "which lines? wanted a class and lines, or a class and --lines FILE",
            });
        }
        Ok((examples, lines))
    }
}
