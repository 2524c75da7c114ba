//! `fieldtune teach --by`: what another classifier says of images becomes examples.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use half::f16;

use super::TeachCommand;
use super::feature_classifier::FeatureClassifier;
use crate::cli::args::images;
use crate::cli::args::store::StoreArgs;
use crate::cli::pool::{Pool, on_threads};
use crate::cli::{Context, Exit};
use crate::image::picture;
use crate::learn::examples::narrowed;
use crate::learn::learner::{ClassName, Learner};
use crate::protocol::people::counted;

/// Images that are taught of a class at most: more of what is alike teach little.
const MOST: usize = 50;

/// What it says of each image, and how sure it is, 0 to 1.
struct Said {
    files: Vec<PathBuf>,
    /// By file.
    of: Vec<(usize, f32, Vec<f32>)>,
}

impl TeachCommand {
    /// Every image that the classifier is sure about is an example of the class that it says; the others show whether what
    /// was learned says the same.
    pub(super) fn run_by(&self, by: &Path, context: &Context) -> anyhow::Result<Exit> {
        let place = || format!("nothing was learned: {}", picture::shown(by));
        let classifier =
            FeatureClassifier::read(by, self.classes.as_deref()).context("nothing was learned")?;
        let arguments = [&[PathBuf::from(&self.class)], &self.images[..]].concat();
        let files =
            images::expand_to_teach(&arguments, &self.model.sound_window(), self.skip_broken)
                .context("nothing was learned")?;
        let said = self.ask(&classifier, files, &self.store, context).with_context(place)?;
        let said = self.not_taught(said)?;
        let mut counts = vec![0; classifier.classes.len()];
        let mut sure = vec![0; classifier.classes.len()];
        said.of.iter().filter(|one| one.1 >= self.sure).for_each(|one| sure[one.0] += 1);
        let (mut taken, mut others) = (Vec::new(), Vec::new());
        let mut seen = vec![0; classifier.classes.len()];
        for (file, (class, confidence, feature)) in said.files.into_iter().zip(said.of) {
            // Spread evenly over those that it is sure about.
            let (at, all) = (seen[class], sure[class]);
            let is_next = all <= MOST || at * MOST / all != (at + 1) * MOST / all;
            if confidence >= self.sure {
                seen[class] += 1;
            }
            if confidence >= self.sure && is_next {
                counts[class] += 1;
                taken.push((classifier.classes[class].clone(), file));
            } else {
                others.push((classifier.classes[class].clone(), feature));
            }
        }
        if taken.is_empty() {
            bail!(
                "nothing was learned: {} is sure about none of {}\n  next: images of the place where it was trained, or a lower --sure",
                picture::shown(by),
                counted(others.len(), "image", "images")
            );
        }
        for (class, _) in classifier.classes.iter().zip(&counts).filter(|(_, count)| **count == 0) {
            eprintln!(
                "note: {} is sure about no image of {class}: teach it by hand",
                picture::shown(by)
            );
        }
        let (classes, files): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
        self.learn_named(&classes, &files, Some(&Others(others)), context)
    }

    /// Those that have no label yet: one that was given stays.
    ///
    /// # Errors
    /// Every image was taught before.
    fn not_taught(&self, said: Said) -> anyhow::Result<Said> {
        let Ok(there) = self.store.look() else { return Ok(said) };
        let bits = |feature: &[f16]| feature.iter().map(|value| value.to_bits()).collect();
        let taught: HashSet<Vec<u16>> =
            there.learner().examples().iter().map(|example| bits(&example.feature)).collect();
        let all = said.files.len();
        let all_said = said.files.into_iter().zip(said.of);
        let new =
            all_said.filter(|(_, (_, _, feature))| !taught.contains(&bits(&narrowed(feature))));
        let (files, of): (Vec<_>, Vec<_>) = new.unzip();
        let known = all - files.len();
        if known > 0 {
            let known = counted(known, "image was", "images were");
            eprintln!("note: {known} taught before, with a label that stays");
        }
        if files.is_empty() {
            bail!("nothing was learned: every image was taught before\n  next: other images");
        }
        Ok(Said { files, of })
    }

    /// Asks about every image.
    ///
    /// # Errors
    /// One that cannot be read, unless those are to be left out; features of another backbone.
    fn ask(
        &self,
        classifier: &FeatureClassifier,
        files: Vec<PathBuf>,
        store: &StoreArgs,
        context: &Context,
    ) -> anyhow::Result<Said> {
        let model = self.model.looking_at_files(&files);
        let pool = Pool::load_taught(files.len(), &model, store, context)?;
        if pool.dim() != classifier.dim() {
            bail!(
                "it takes features of {} values, those of {} have {}\n  next: --model with the backbone whose features it was trained on (fieldtune eval DIR --features FILE.npz writes them)",
                classifier.dim(),
                pool.name(),
                pool.dim()
            );
        }
        let bar = context.bar(files.len() as u64, "asking");
        let results = on_threads(files.len(), pool.size(), |place| {
            let said = pool.load_file(&files[place]).and_then(|frame| pool.feature(&frame));
            bar.inc(1);
            said.map(|feature| {
                let (class, confidence) = classifier.classify(&feature);
                (class, confidence, feature)
            })
        });
        bar.finish_and_clear();
        let mut said = Said { files: Vec::new(), of: Vec::new() };
        for (file, result) in files.into_iter().zip(results) {
            match result {
                Ok(of) => {
                    said.files.push(file);
                    said.of.push(of);
                }
                Err(error) if self.skip_broken => eprintln!("left out: {error:#}"),
                Err(error) => return Err(error),
            }
        }
        Ok(said)
    }
}

/// What the other classifier said of images that are not taught.
pub(super) struct Others(Vec<(ClassName, Vec<f32>)>);

impl Others {
    /// How many there are, and in how many of them what was learned says the same.
    pub(super) fn agreement(&self, learner: &Learner) -> anyhow::Result<(usize, usize)> {
        let mut same = 0;
        for (class, feature) in &self.0 {
            let best = learner.classify_with(feature, None)?.map(|verdict| verdict.best);
            same += usize::from(best == learner.class_named(class.as_str()));
        }
        Ok((self.0.len(), same))
    }
}
