//! `fieldtune teach`: learn examples of a class, or of several, from image files.

mod by;
mod example;
mod feature_classifier;
mod folders;
mod looks;
mod text;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};

use self::looks::{independent, join_known};
use super::args::images;
use super::args::lines::LineArgs;
use super::args::model::ModelArgs;
use super::args::store::{StoreArgs, now};
use super::bursts::{Shown, bursts, of_a_video};
use super::confounds::confounds;
use super::pool::{Pool, on_threads};
use super::{Context, Exit, answer};
use crate::image::frame::FrameKind;
use crate::image::picture::{self, Sketch};
use crate::image::views::ViewKinds;
use crate::learn::command::{
    Accuracy, Command, NewExample, Repeat, Reply, TeachExamples, check_class,
};
use crate::learn::learner::{ClassName, Learner};
use crate::protocol::people::counted;
use crate::protocol::request::Answer;
use crate::protocol::{json, people};
use crate::sound::{self, WindowAddress};
use crate::store::persistent;

/// Learn examples of a class from image files, or of every class from a folder of class folders
///
/// All or nothing: if one image cannot be read, none is learned.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune teach scratch scratch-1.jpg scratch-2.jpg
  fieldtune teach good good-parts/
  fieldtune teach dent dents/ --skip-broken
  fieldtune teach hum pump-1.wav pump-2.wav
      each second of a recording is an example; together they are one look
  fieldtune teach parts/
      parts/good/*.png and parts/dent/*.png make the classes good and dent
  fieldtune teach --by line-2.npz frames/
      what the head of another device, or of your own program, says of frames
  fieldtune teach --from-text scratch \"a metal part with a scratch\"
      a class without an image, where the backbone knows words, too (CLIP)
  fieldtune teach --by head.onnx --classes names.txt frames/
      the same of a classifier that PyTorch or skl2onnx exported
  fieldtune teach --text refused \"Failed password for root\"
  fieldtune teach routine --lines yesterday.log")]
pub struct TeachCommand {
    /// The class, a new name makes a new class; or, alone, a folder of class folders
    #[arg(value_name = "CLASS|DIR")]
    class: String,
    /// Image files, recordings of sound (WAV, FLAC, Ogg), or folders of them
    #[arg(value_name = "IMAGE|DIR|TEXT", value_parser = images::or_text())]
    images: Vec<PathBuf>,
    /// Learn what another classifier of features says of the images: head.npz of `fieldtune export`, an .npz file with
    /// coef_, intercept_ and classes_, as scikit-learn has them, or ONNX from PyTorch or scikit-learn; no class is named then
    #[arg(long, value_name = "FILE")]
    by: Option<PathBuf>,
    /// With --by: names of its classes, a file with one a line in the order of its scores [default: those in it]
    #[arg(long, value_name = "FILE", requires = "by")]
    classes: Option<PathBuf>,
    /// With --by: learn only what it is as sure about, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, requires = "by", value_parser = share)]
    sure: f32,
    /// The arguments describe the class in words, for images: the backbone's card names the network that reads them; several
    /// descriptions are one
    #[arg(long, conflicts_with_all = ["by", "distinct", "lines", "skip_broken", "text"])]
    from_text: bool,
    #[command(flatten)]
    lines: LineArgs,
    /// Skip images that cannot be read instead of failing
    #[arg(long)]
    skip_broken: bool,
    /// Count every image as a look of its own, even if images are nearly the same
    #[arg(long)]
    distinct: bool,
    /// Longer side of the images that are kept with the examples, in pixels; 0 keeps none
    #[arg(long, value_name = "PIXELS", default_value_t = picture::IMAGE_SIDE)]
    image_side: u32,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// What teaches a folder of class folders.
pub(super) fn of_folders(
    dir: &Path,
    json: bool,
    model: &ModelArgs,
    store: &StoreArgs,
) -> TeachCommand {
    TeachCommand {
        class: dir.display().to_string(),
        images: Vec::new(),
        by: None,
        classes: None,
        sure: 1.0,
        from_text: false,
        lines: LineArgs::default(),
        skip_broken: false,
        distinct: false,
        image_side: picture::IMAGE_SIDE,
        json,
        model: model.clone(),
        store: store.clone(),
    }
}

/// How many folders of a folder these files are in, at any depth below.
fn subfolders(dir: &Path, files: &[PathBuf]) -> usize {
    let first = |file: &PathBuf| {
        let mut below = file.strip_prefix(dir).ok()?.components();
        below.next().filter(|_| below.next().is_some()).map(|name| name.as_os_str().to_owned())
    };
    files.iter().filter_map(first).collect::<BTreeSet<_>>().len()
}

/// Images taught before that are listed one by one.
const REPEATS: usize = 10;

fn repeat_json(repeat: &Repeat) -> serde_json::Value {
    let Repeat { example, known, known_class, .. } = repeat;
    serde_json::json!({ "example": example.0, "same_as": known.0, "class": known_class })
}

impl TeachCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        if self.lines.are_given(&self.images)? {
            let lines = text::Lines {
                class: self.class,
                arguments: &self.images,
                lines: &self.lines,
                skip_broken: self.skip_broken,
                json: self.json,
            };
            return lines.teach(&self.model, &self.store, context);
        }
        if self.from_text {
            return self.run_words(context);
        }
        if let Some(by) = &self.by {
            return self.run_by(by, context);
        }
        if self.images.is_empty() {
            let dir = Path::new(&self.class);
            if !dir.is_dir() {
                bail!(
                    "{}: which images? wanted a class and images, or a folder of class folders\n  next: fieldtune teach CLASS IMAGE...",
                    picture::shown(dir)
                );
            }
            return self.run_folders(dir, context);
        }
        // Before the images are looked at; what is taught meanwhile is seen when they are learned.
        match self.store.look() {
            Ok(there) => check_class(there.learner(), &self.class)?,
            Err(_) => drop(ClassName::new(self.class.trim_start_matches('+'))?),
        }
        let files =
            images::expand_to_teach(&self.images, &self.model.sound_window(), self.skip_broken)
                .context("nothing was learned")?;
        if let [dir] = &self.images[..]
            && let folders = subfolders(dir, &files)
            && folders > 1
        {
            eprintln!(
                "note: {} has {folders} folders of images, and all are learned as {}; to learn a class of each: fieldtune \
                 teach {0}",
                picture::shown(dir),
                self.class
            );
        }
        let model = self.model.looking_at_files(&files);
        let pool = Pool::load_taught(files.len(), &model, &self.store, context)?;
        let mut session = self.store.open_for(pool.model())?;
        let views = persistent::views(session.store_mut())?;
        let places = session.learner().is_alone();
        let mut new_examples = self.new_examples(&files, &pool, (&views, places), context)?;
        join_known(&mut session, &|_| &self.class, &mut new_examples)?;
        let new_examples: Vec<NewExample> =
            new_examples.into_iter().map(|(_, new_example, _)| new_example).collect();
        let (looks, before) = independent(&new_examples);
        let teach = TeachExamples { class: self.class, examples: new_examples };
        let taken_for = teach.taken_for(session.learner());
        let reply = session.apply(Command::Teach(teach), now())?;
        let taught = match &reply {
            Reply::Taught { examples, .. } => &examples[..],
            _ => &[],
        };
        let repeats = Repeat::among(session.learner(), taught);
        let confounds = confounds(&mut session);
        if self.json {
            let mut reply = json::answer(&Answer::Reply(reply));
            reply["repeats"] = repeats.iter().map(repeat_json).collect();
            reply["looks"] = looks.into();
            reply["taken_for"] = taken_for.map(|one| one.other).into();
            reply["confounds"] = confounds.iter().map(ToString::to_string).collect();
            println!("{reply}");
            return Ok(Exit::Done);
        }
        answer(&reply, false);
        let Reply::Taught { examples, evicted, .. } = &reply else {
            unreachable!("teach answers Taught")
        };
        if looks < examples.len() || before > 0 {
            println!(
                "{}, {}{}: {}",
                counted(examples.len(), "example", "examples"),
                counted(looks, "independent look", "independent looks"),
                match before {
                    0 => String::new(),
                    before => format!(", {before} of them taught before"),
                },
                match model.kind {
                    Some(FrameKind::Sound) =>
                        "parts of one recording count as one (--distinct if each is another case)",
                    _ =>
                        "images that are nearly the same, or of one burst, count as one (--distinct if each shows another part)",
                }
            );
        }
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
        taken_for.inspect(|one| println!("warning: {one}"));
        confounds.first().inspect(|one| println!("warning: {one}"));
        tell_estimate(session.learner());
        Ok(Exit::Done)
    }

    /// What is to be learned from each image that can be used, with its place in `files`.
    ///
    /// # Errors
    /// The first image that cannot be used, unless those are to be left out; no image that can.
    fn new_examples(
        &self,
        files: &[PathBuf],
        pool: &Pool,
        wanted: (&ViewKinds, bool),
        context: &Context,
    ) -> anyhow::Result<Vec<(usize, NewExample, Option<Sketch>)>> {
        let bar = context.bar(files.len() as u64, "learning");
        // Behind one that cannot be used there is no need to look; before it there is, so that always the first is
        // named.
        let failed = AtomicUsize::new(usize::MAX);
        let results = on_threads(files.len(), pool.size(), |place| {
            if place > failed.load(Ordering::Relaxed) {
                return None;
            }
            let new_example = self.new_example(&files[place], pool, wanted);
            if new_example.is_err() && !self.skip_broken {
                failed.fetch_min(place, Ordering::Relaxed);
            }
            bar.inc(1);
            Some(new_example)
        });
        bar.finish_and_clear();
        let mut new_examples = Vec::with_capacity(files.len());
        let mut shown = Vec::with_capacity(files.len());
        for (place, new_example) in results.into_iter().enumerate() {
            match new_example {
                None => {}
                Some(Ok((new_example, taken, sketch))) => {
                    new_examples.push((place, new_example));
                    let of_sound = sound::kind_of(&files[place]) == FrameKind::Sound;
                    let recording = (of_sound && !self.distinct)
                        .then(|| WindowAddress::parse(&files[place]).file);
                    shown.push(Shown { file: &files[place], taken, sketch, recording });
                }
                Some(Err(error)) if self.skip_broken => eprintln!("left out: {error:#}"),
                Some(Err(error)) if files.len() == 1 => {
                    return Err(error).context("nothing was learned");
                }
                Some(Err(error)) => {
                    return Err(error).context(format!(
                        "nothing was learned: one of {} images cannot be used (--skip-broken leaves it out)",
                        files.len()
                    ));
                }
            }
        }
        if new_examples.is_empty() {
            bail!("nothing was learned: none of {} images could be read", files.len());
        }
        let bursts = bursts(&shown);
        if let Some((first, last, looks)) = of_a_video(&shown, &bursts).filter(|_| !self.distinct) {
            let (first, last) = (picture::shown(first), picture::shown(last));
            eprintln!(
                "note: {first} to {last} look like frames of one video, and count as {looks} independent looks: where several show one part, the estimate is too high\n  next: teach one frame of each part (--distinct if each shows another part)"
            );
        }
        let new_examples = new_examples.into_iter().zip(shown).zip(bursts);
        Ok(new_examples
            .map(|(((place, new_example), shown), burst)| {
                (place, NewExample { burst, ..new_example }, shown.sketch)
            })
            .collect())
    }
}

fn share(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(share @ 0.0..=1.0) => Ok(share),
        _ => Err("wanted a number from 0 to 1".to_owned()),
    }
}

/// Says how well it would do. With many examples that takes a while, and is repeated only after a few have changed.
fn tell_estimate(learner: &Learner) {
    if learner.classes().len() < 2 {
        return;
    }
    match (learner.estimate(), Accuracy::of(learner)) {
        (_, Some(accuracy)) => println!("{}", people::estimated(&accuracy, learner.subject())),
        (Some(_), None) => println!("estimated balanced accuracy {}", people::NOT_YET),
        (None, None) => println!("estimated balanced accuracy: fieldtune status measures it"),
    }
}
