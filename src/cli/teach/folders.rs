//! `fieldtune teach DIR`: several classes at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::by::Others;
use super::looks::join_known;
use super::{TeachCommand, tell_estimate};
use crate::cli::args::images;
use crate::cli::args::store::now;
use crate::cli::confounds::confounds;
use crate::cli::eval::images::find_at_least;
use crate::cli::pool::Pool;
use crate::cli::{Context, Exit};
use crate::image::picture;
use crate::image::views::ViewKinds;
use crate::learn::command::{Accuracy, Command, Merge, NewExample, Reply, check_class};
use crate::learn::examples::{Example, ImageMark, Images, narrowed};
use crate::learn::head::{ClassId, ExampleId, GroupId};
use crate::learn::learner::{ClassName, Learner};
use crate::protocol::json;
use crate::protocol::people::counted;
use crate::store::persistent;

impl TeachCommand {
    /// All classes in one step, which can be undone in one.
    pub(super) fn run_folders(&self, dir: &Path, context: &Context) -> anyhow::Result<Exit> {
        let (mut names, mut files) = (Vec::new(), Vec::new());
        let window = self.model.sound_window();
        for (name, file) in find_at_least(1, dir)? {
            let windows = images::expand_to_teach(&[file], &window, self.skip_broken)
                .context("nothing was learned")?;
            names.extend(windows.iter().map(|_| name.clone()));
            files.extend(windows);
        }
        let class = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
        let mut classes = Vec::with_capacity(names.len());
        for name in &names {
            let name = class(name);
            let place = || format!("{}: a class folder", picture::shown(&dir.join(&name)));
            classes.push(ClassName::new(&name).with_context(place)?);
        }
        self.learn_named(&classes, &files, None, context)
    }

    /// Each file as an example of its class, all in one step.
    ///
    /// * `others`: what is to be classified after it, to compare.
    pub(super) fn learn_named(
        &self,
        classes: &[ClassName],
        files: &[PathBuf],
        others: Option<&Others>,
        context: &Context,
    ) -> anyhow::Result<Exit> {
        if let Ok(there) = self.store.look() {
            for class in classes {
                check_class(there.learner(), class.as_str())?;
            }
        }
        let model = self.model.looking_at_files(files);
        let pool = Pool::load_taught(files.len(), &model, &self.store, context)?;
        let mut session = self.store.open_for(pool.model())?;
        let views = persistent::views(session.store_mut())?;
        refuse_too_many(session.learner(), files.len(), &views)?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut examples = Vec::with_capacity(files.len());
        let mut brought = 0;
        let mut images = Images::new();
        let places = session.learner().is_alone() && classes.iter().all(|one| *one == classes[0]);
        let mut new_examples = self.new_examples(files, &pool, (&views, places), context)?;
        join_known(&mut session, &|place| classes[place].as_str(), &mut new_examples)?;
        // An example that was taught before, in the group of the images that show the same, makes them one look with
        // it.
        let mut joined: BTreeMap<u32, Example> = BTreeMap::new();
        for (_, new_example, _) in &new_examples {
            let of = |group| session.learner().examples().iter().find(|one| one.group == group);
            if let Some(known) = new_example.joins.and_then(of) {
                joined.entry(new_example.burst).or_insert_with(|| known.clone());
            }
        }
        for (place, new_example, _) in new_examples {
            *counts.entry(classes[place].as_str()).or_default() += 1;
            // Ids mean nothing here, groups something among these.
            let number = place as u64;
            let NewExample { feature, views, origin, image, burst, patches, .. } = new_example;
            if let Some(known) = joined.remove(&burst) {
                let known = Example { group: GroupId(burst.into()), image: None, ..known };
                brought += 1;
                examples.push((classes[place].clone(), known));
            }
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
                patches: patches.map(|patches| patches.kept()),
                described: false,
            };
            examples.push((classes[place].clone(), example));
        }
        let named: BTreeSet<ClassName> = examples.iter().map(|(class, _)| class.clone()).collect();
        let merge = Merge { classes: named, packs: vec![examples], images };
        let reply = session.apply(Command::Merge(merge), now())?;
        let Reply::Merged { added, known, disputed, .. } = reply else {
            unreachable!("merge answers Merged")
        };
        let known = known - brought;
        let confounds = confounds(&mut session);
        let learner = session.learner();
        let estimate = Accuracy::of(learner);
        let agreement = others.map(|others| others.agreement(learner)).transpose()?;
        let now_has = |name: &str| {
            learner.class_named(name).map_or(0, |class| learner.examples().count(class))
        };
        if self.json {
            let classes: BTreeMap<&str, _> = counts
                .iter()
                .map(|(name, images)| {
                    (*name, serde_json::json!({ "images": images, "count": now_has(name) }))
                })
                .collect();
            let mut answer = serde_json::json!({
                "classes": classes,
                "added": added,
                "known": known,
                "disputed": disputed,
                "confounds": confounds.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "estimate": estimate.as_ref().map(json::balanced),
                "estimate_90": estimate.as_ref().map(json::interval),
                "few_looks": json::few_looks(estimate.as_ref()),
            });
            if let Some((count, same)) = agreement {
                answer["others"] = count.into();
                answer["agree"] = same.into();
            }
            println!("{answer}");
            return Ok(Exit::Done);
        }
        for (name, images) in &counts {
            let images = counted(*images, "image", "images");
            println!("{name}: {images} ({} in total)", now_has(name));
        }
        let new = counted(added, "example", "examples");
        println!("learned {new} of {}", counted(counts.len(), "class", "classes"));
        if known > 0 {
            println!("{} known already", counted(known, "image was", "images were"));
        }
        if disputed > 0 {
            let images = counted(disputed, "image is", "images are");
            println!(
                "{images} of another class, too, in another folder or as taught before: of the two names the first in \
                 the alphabet was kept (undo takes it back)"
            );
        }
        confounds.first().inspect(|one| println!("warning: {one}"));
        if let Some((count @ 1.., same)) = agreement {
            println!(
                "of {} that were not learned it says the same in {:.1} %",
                counted(count, "image", "images"),
                100.0 * same as f32 / count as f32
            );
        }
        tell_estimate(session.learner());
        Ok(Exit::Done)
    }
}

/// An error where so many images will not fit, before they are looked at, which takes long.
fn refuse_too_many(learner: &Learner, images: usize, views: &ViewKinds) -> anyhow::Result<()> {
    let examples = learner.examples();
    let each = (1 + views.count()) * learner.dim() * 2;
    let most = examples.budget().saturating_sub(examples.bytes()) / each;
    if images > most {
        bail!(
            "{images} images do not fit: there is room for {most} more examples (of {} MiB in all)\n  next: teach fewer, or one class after another: then the most redundant examples make room",
            examples.budget() >> 20
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::head::HeadConfig;

    #[test]
    fn too_many_images_are_refused_before_decoding() {
        let learner = Learner::new(100, HeadConfig::default(), 1 << 20).expect("it is sound");
        let views = ViewKinds::default();
        // 1 MiB of examples of five features of 200 bytes.
        assert!(refuse_too_many(&learner, 1048, &views).is_ok());
        let error = refuse_too_many(&learner, 1049, &views).expect_err("too many").to_string();
        assert!(error.contains("room for 1048 more examples (of 1 MiB"), "{error}");
    }
}
