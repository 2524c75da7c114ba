//! `fieldtune teach`: learn examples of a class, or of several, from image files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::args::images;
use super::args::model::ModelArgs;
use super::args::store::{StoreArgs, now};
use super::bursts::{Shown, bursts};
use super::eval::images::find_at_least;
use super::learned::reply_json;
use super::output::counted;
use super::pool::{Pool, on_threads};
use super::{Context, Exit, answer};
use crate::image::picture::{self, exif, exif::Taken};
use crate::learn::command::{Command, Merge, Repeat, Reply, Shot, Teach, check_class};
use crate::learn::examples::{Example, ImageMark, Images, narrowed};
use crate::learn::head::{ClassId, ExampleId, GroupId};
use crate::learn::learner::ClassName;

/// Learn examples of a class from image files, or of every class from a folder of class folders
///
/// Either every image is learned or, if one cannot be read, none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune teach scratch scratch-1.jpg scratch-2.jpg
  fieldtune teach good good-parts/
  fieldtune teach dent dents/ --skip-broken
  fieldtune teach parts/                    parts/good/*.png and parts/dent/*.png make the classes good and dent")]
pub struct TeachCommand {
    /// The class, a new name makes a new class; or, alone, a folder of class folders
    #[arg(value_name = "CLASS|DIR")]
    class: String,
    /// Image files, or folders of them
    #[arg(value_name = "IMAGE|DIR")]
    images: Vec<PathBuf>,
    /// Leave out images that cannot be read instead of learning nothing
    #[arg(long)]
    skip_broken: bool,
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

/// Images taught before that are told one by one.
const REPEATS: usize = 10;

fn repeat_json(repeat: &Repeat) -> serde_json::Value {
    let Repeat { example, known, known_class, .. } = repeat;
    json!({ "example": example.0, "same_as": known.0, "class": known_class })
}

impl TeachCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
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
        let files = images::expand(&self.images)?;
        let pool = Pool::load_for(files.len(), &self.model, context)?;
        let mut session = self.store.open_for(pool.model())?;
        let shots = self.shots(&files, &pool, context)?;
        let shots: Vec<Shot> = shots.into_iter().map(|(_, shot)| shot).collect();
        let looks = independent(&shots);
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
            if looks < examples.len() {
                println!(
                    "{}, {}: move the part between images",
                    counted(examples.len(), "example", "examples"),
                    counted(looks, "independent look", "independent looks")
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
            if let Some(estimate) = estimate {
                println!("estimated balanced accuracy {:.0} % (leave-one-out)", estimate * 100.0);
            }
        });
        Ok(Exit::Done)
    }

    /// What is to be learned from each image that can be used, with its place in `files`.
    ///
    /// # Errors
    /// The first image that cannot be used, unless those are to be left out; no image that can.
    fn shots(
        &self,
        files: &[PathBuf],
        pool: &Pool,
        context: &Context,
    ) -> anyhow::Result<Vec<(usize, Shot)>> {
        let bar = context.bar(files.len() as u64, "learning");
        // Behind one that cannot be used there is no need to look; before it there is, so that always the first is named.
        let failed = AtomicUsize::new(usize::MAX);
        let results = on_threads(files.len(), pool.size(), |place| {
            if place > failed.load(Ordering::Relaxed) {
                return None;
            }
            let shot = self.shot(&files[place], pool);
            if shot.is_err() && !self.skip_broken {
                failed.fetch_min(place, Ordering::Relaxed);
            }
            bar.inc(1);
            Some(shot)
        });
        bar.finish_and_clear();
        let mut shots = Vec::with_capacity(files.len());
        let mut shown = Vec::with_capacity(files.len());
        for (place, shot) in results.into_iter().enumerate() {
            match shot {
                None => {}
                Some(Ok((shot, taken))) => {
                    shots.push((place, shot));
                    shown.push(Shown { file: &files[place], taken });
                }
                Some(Err(error)) if self.skip_broken => eprintln!("left out: {error:#}"),
                Some(Err(error)) => {
                    return Err(error).context(format!(
                        "nothing was learned: one of {} images cannot be used (--skip-broken leaves it out)",
                        files.len()
                    ));
                }
            }
        }
        if shots.is_empty() {
            bail!("nothing was learned: none of {} images could be read", files.len());
        }
        for ((_, shot), burst) in shots.iter_mut().zip(bursts(&shown)) {
            shot.burst = burst;
        }
        Ok(shots)
    }

    /// What is to be learned from a file, and when it was taken.
    fn shot(&self, file: &Path, pool: &Pool) -> anyhow::Result<(Shot, Option<Taken>)> {
        let bytes = picture::read(file, picture::MAX_FILE_BYTES)?;
        let frame = picture::decode(&bytes, &picture::shown(file), now())?;
        let (feature, views) = (pool.feature(&frame)?, pool.views(&frame)?);
        let image = picture::kept_file(&bytes, &frame, self.image_side);
        let shot = Shot { image, views, ..Shot::new(feature, &file.display().to_string()) };
        Ok((shot, exif::taken(&bytes)))
    }

    /// All classes in one step, which can be undone in one.
    fn run_folders(&self, dir: &Path, context: &Context) -> anyhow::Result<Exit> {
        let (names, files): (Vec<String>, Vec<PathBuf>) =
            find_at_least(1, dir)?.into_iter().unzip();
        let class = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
        let mut classes = Vec::with_capacity(names.len());
        for name in &names {
            let name = class(name);
            let place = || format!("{}: a class folder", picture::shown(&dir.join(&name)));
            classes.push(ClassName::new(&name).with_context(place)?);
        }
        if let Ok(there) = self.store.look() {
            for class in &classes {
                check_class(there.learner(), class.as_str())?;
            }
        }
        let pool = Pool::load_for(files.len(), &self.model, context)?;
        let mut session = self.store.open_for(pool.model())?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut examples = Vec::with_capacity(files.len());
        let mut images = Images::new();
        for (place, shot) in self.shots(&files, &pool, context)? {
            *counts.entry(classes[place].as_str()).or_default() += 1;
            // Ids mean nothing here, groups something among these.
            let number = place as u64;
            let Shot { feature, views, origin, image, burst } = shot;
            let mark = image.as_deref().map(ImageMark::of);
            images.extend(mark.zip(image));
            let example = Example {
                id: ExampleId(number),
                class: ClassId(0),
                group: GroupId(burst.into()),
                taught: now(),
                origin,
                feature: narrowed(&feature),
                views: views.iter().map(|view| narrowed(view)).collect(),
                image: mark,
            };
            examples.push((classes[place].clone(), example));
        }
        let named: BTreeSet<ClassName> = examples.iter().map(|(class, _)| class.clone()).collect();
        let merge = Merge { classes: named, packs: vec![examples], images };
        let reply = session.apply(Command::Merge(merge), now())?;
        let Reply::Merged { added, known, disputed, .. } = reply else {
            unreachable!("merge answers Merged")
        };
        let learner = session.learner();
        let estimate = learner.estimate().and_then(|estimate| estimate.balanced_accuracy);
        let now_has = |name: &str| {
            learner.class_named(name).map_or(0, |class| learner.examples().count(class))
        };
        if self.json {
            let classes: BTreeMap<&str, _> = counts
                .iter()
                .map(|(name, images)| (*name, json!({ "images": images, "count": now_has(name) })))
                .collect();
            let answer = json!({
                "classes": classes,
                "added": added,
                "known": known,
                "disputed": disputed,
                "estimate": estimate,
            });
            println!("{answer}");
            return Ok(Exit::Done);
        }
        for (name, images) in &counts {
            let images = counted(*images, "image", "images");
            println!("{name}: {images}; it has {} now", now_has(name));
        }
        let new = counted(added, "example", "examples");
        println!("learned {new} of {}", counted(counts.len(), "class", "classes"));
        if known > 0 {
            println!("{} known already", counted(known, "image was", "images were"));
        }
        if disputed > 0 {
            let images = counted(disputed, "image lies", "images lie");
            println!(
                "{images} in folders of different classes: the name that comes first was kept"
            );
        }
        if let Some(estimate) = estimate {
            println!("estimated balanced accuracy {:.0} % (leave-one-out)", estimate * 100.0);
        }
        Ok(Exit::Done)
    }
}

/// Images whose features are no farther apart are copies of each other: the same, brighter, larger, saved anew. What a
/// camera that looks at another part gives is farther.
const COPY: f32 = 1e-3;

/// How many looks at different parts there are among the shots: those of one burst, and copies, are one.
fn independent(shots: &[Shot]) -> usize {
    let length = |feature: &[f32]| feature.iter().map(|value| value * value).sum::<f32>().sqrt();
    let is_copy = |a: &Shot, b: &Shot| {
        let dot: f32 = a.feature.iter().zip(&b.feature).map(|(a, b)| a * b).sum();
        1.0 - dot / (length(&a.feature) * length(&b.feature)).max(f32::MIN_POSITIVE) < COPY
    };
    let mut looks: Vec<&Shot> = Vec::new();
    for shot in shots {
        if !looks.iter().any(|look| look.burst == shot.burst || is_copy(look, shot)) {
            looks.push(shot);
        }
    }
    looks.len()
}
