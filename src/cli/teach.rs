//! `fieldtune teach`: learn examples of a class from image files.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::learned::reply_json;
use super::model_args::ModelArgs;
use super::output::counted;
use super::store_args::{StoreArgs, now};
use super::{Context, Exit, answer, pictures};
use crate::backbone::FeatureSource;
use crate::command::{Command, Repeat, Reply, Shot, Teach, check_class};
use crate::learner::ClassName;
use crate::picture;

/// Learn examples of a class from image files
///
/// Either every image is learned or, if one cannot be read, none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune teach scratch scratch-1.jpg scratch-2.jpg
  fieldtune teach good good-parts/
  fieldtune teach dent dents/ --skip-broken")]
pub struct TeachCommand {
    /// The class; a new name makes a new class
    class: String,
    /// Image files, or folders of them
    #[arg(required = true, value_name = "IMAGE|DIR")]
    images: Vec<PathBuf>,
    /// Leave out images that cannot be read instead of learning nothing
    #[arg(long)]
    skip_broken: bool,
    /// Keep no thumbnails beside the features
    #[arg(long)]
    no_thumbnails: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Images taught before that are told one by one.
const REPEATS: usize = 10;

fn repeat_json(repeat: &Repeat) -> serde_json::Value {
    let Repeat { example, known, known_class, .. } = repeat;
    json!({ "example": example.0, "same_as": known.0, "class": known_class })
}

impl TeachCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        // Before the images are looked at; what is taught meanwhile is seen when they are learned.
        match self.store.look() {
            Ok(there) => check_class(there.learner(), &self.class)?,
            Err(_) => drop(ClassName::new(self.class.trim_start_matches('+'))?),
        }
        let files = pictures::expand(&self.images)?;
        let mut source = self.model.load(context)?;
        let mut session = self.store.open_for(&super::model_id(&source))?;
        let bar = context.bar(files.len() as u64, "learning");
        let (mut shots, mut broken) = (Vec::new(), Vec::new());
        for (at, file) in files.iter().enumerate() {
            let shot = picture::load(file, now()).map_err(anyhow::Error::from).and_then(|frame| {
                let feature = source.feature(&frame)?;
                let views = source.views(&frame)?;
                let image = (!self.no_thumbnails)
                    .then(|| picture::thumbnail(&frame, picture::THUMBNAIL_SIDE));
                let burst = u32::try_from(at).context("too many images at once")?;
                Ok(Shot { image, views, burst, ..Shot::new(feature, &file.display().to_string()) })
            });
            match shot {
                Ok(shot) => shots.push(shot),
                Err(error) if self.skip_broken => broken.push(format!("{error:#}")),
                Err(error) => {
                    bar.finish_and_clear();
                    return Err(error).context(format!(
                        "nothing was learned: one of {} images cannot be used (--skip-broken leaves it out)",
                        files.len()
                    ));
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        for error in &broken {
            eprintln!("left out: {error}");
        }
        if shots.is_empty() {
            bail!("nothing was learned: none of {} images could be read", files.len());
        }
        let reply = session.apply(Command::Teach(Teach { class: self.class, shots }), now())?;
        let taught = match &reply {
            Reply::Taught { examples, .. } => &examples[..],
            _ => &[],
        };
        let repeats = Repeat::among(session.learner(), taught);
        if self.json {
            let mut reply = reply_json(&reply);
            reply["repeats"] = repeats.iter().map(repeat_json).collect();
            println!("{reply}");
            return Ok(Exit::Done);
        }
        answer(&reply, false, |reply| {
            let Reply::Taught { class, examples, count, new_class, evicted, estimate } = reply
            else {
                unreachable!("teach answers Taught")
            };
            println!(
                "learned {} of {}{class}; it has {count} now",
                counted(examples.len(), "example", "examples"),
                if *new_class { "the new class " } else { "" },
            );
            if !evicted.is_empty() {
                println!(
                    "the store is full: {} made room",
                    counted(evicted.len(), "redundant example", "redundant examples")
                );
            }
            for repeat in repeats.iter().take(REPEATS) {
                println!("{repeat}");
            }
            if let more @ 1.. = repeats.len().saturating_sub(REPEATS) {
                println!("{} were taught before, too", counted(more, "more image", "more images"));
            }
            if let Some(estimate) = estimate {
                println!("estimated balanced accuracy {:.0} % (leave-one-out)", estimate * 100.0);
            }
        });
        Ok(Exit::Done)
    }
}
