//! `fieldtune views`: which views examples are learned with, and what the left-out looks say of more of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::args::model::ModelArgs;
use super::args::store::{Session, StoreArgs, now};
use super::pool::{Pool, on_threads};
use super::{Context, Exit};
use crate::image::picture;
use crate::image::views::{ViewKind, ViewKinds};
use crate::learn::decision::Estimate;
use crate::learn::examples::{Example, narrowed};
use crate::learn::head::{ExampleId, GroupId};
use crate::learn::learner::Learner;
use crate::learn::learner::Subject;
use crate::protocol::json::real;
use crate::protocol::people::counted;
use crate::sound;
use crate::store::{Store as _, persistent};

/// Show, try or set the views that examples are learned with
///
/// An image is learned together with views of it: darker, noisy, blurred, turned a little. More of them help where the
/// part may lie so, and harm where that makes it another part. What is there keeps its views until it is relearned
/// with store reteach.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune views                     show the views in use
  fieldtune views --try               estimate whether more views help
  fieldtune views usual,flipped       the usual four and a mirrored one
  fieldtune store reteach             relearn the stored examples with these

Views: darker, noise, blur, turned (these four are \"usual\"), flipped, quarter-turns, scaled; none.")]
pub(super) struct ViewsCommand {
    /// Views of each example from now on
    #[arg(value_name = "VIEWS", conflicts_with = "try")]
    kinds: Vec<String>,
    /// Estimate with the kept images what more views would change
    #[arg(long)]
    r#try: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

impl ViewsCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        self.store.refuse_lines("views", "teach more lines instead")?;
        self.store.refuse_samples("views", "teach more sounds instead")?;
        if self.r#try {
            return self.compare(context);
        }
        if self.kinds.is_empty() {
            let kinds = persistent::views(self.store.look()?.store_mut())?;
            self.tell(&kinds, "learned with")?;
            return Ok(Exit::Done);
        }
        let kinds: ViewKinds = self.kinds.join(",").parse()?;
        if !kinds.kinds().is_empty() && kinds != ViewKinds::default() {
            self.store.refuse_sounds("another kind of view", "fieldtune views usual, or none")?;
        }
        let mut session = self.store.open_taught()?;
        persistent::set_views(session.store_mut(), &kinds)?;
        self.tell(&kinds, "learned from now on with")?;
        let count = session.learner().examples().len();
        if count > 0 && !self.json {
            let keep = counted(
                count,
                "example that is there keeps its",
                "examples that are there keep their",
            );
            println!("{keep} views\n  next: fieldtune store reteach relearns them with these");
        }
        Ok(Exit::Done)
    }

    fn tell(&self, kinds: &ViewKinds, how: &str) -> anyhow::Result<()> {
        let mut names: Vec<&str> = kinds.kinds().iter().map(|kind| kind.name()).collect();
        if !names.is_empty() && self.store.holds(Subject::Sounds)? {
            names = sound::VIEWS.to_vec();
        }
        if self.json {
            println!("{}", json!({ "views": names }));
        } else {
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            println!("views      {how} {names}");
        }
        Ok(())
    }

    fn compare(self, context: &Context) -> anyhow::Result<Exit> {
        let mut session = self.store.look()?;
        let kinds = persistent::views(session.store_mut())?;
        let images = images_of_all(&mut session)?;
        let pool = Pool::load_for_kept(images.len(), &self.model, &self.store, context)?;
        if pool.model().fingerprint != session.model().fingerprint {
            bail!(
                "{} was taught, and this is {}\n  next: name its backbone with --model",
                session.model().name,
                pool.name()
            );
        }
        let learner = session.learner();
        let seen = seen(learner, &images, &pool, context)?;
        let estimate_with = |kinds: &ViewKinds| -> anyhow::Result<Option<Estimate>> {
            let examples = seen.iter().map(|(example, views)| {
                let views = kinds.kinds().iter().flat_map(|kind| views[kind].iter());
                let views = views.map(|view| narrowed(view)).collect();
                Example { views, ..example.clone() }
            });
            let config = learner.head_config().clone();
            Ok(learner.relearned(examples, pool.dim(), config)?.estimate().cloned())
        };
        let Some(before) = estimate_with(&kinds)?.filter(|one| one.balanced_accuracy.is_some())
        else {
            bail!("not available yet: teach at least two looks of every class, and two classes");
        };
        let mut sizes: BTreeMap<GroupId, f64> = BTreeMap::new();
        for (example, _) in &seen {
            *sizes.entry(example.group).or_default() += 1.0;
        }
        let weights: BTreeMap<ExampleId, f64> =
            seen.iter().map(|(one, _)| (one.id, 1.0 / sizes[&one.group])).collect();
        let mut rows = vec![Row { kinds: kinds.clone(), change: (0.0, 0.0), estimate: before }];
        let more = ViewKind::ALL.into_iter().filter(|kind| !kinds.kinds().contains(kind));
        for kind in more {
            rows.extend(row(&kinds.and(kind), &rows[0].estimate, &weights, &estimate_with)?);
        }
        let helping: Vec<&Row> = rows.iter().filter(|row| row.helps()).collect();
        if helping.len() > 1 {
            let all = helping.iter().fold(kinds.clone(), |all, row| {
                row.kinds.kinds().iter().fold(all, |all, &kind| all.and(kind))
            });
            rows.extend(row(&all, &rows[0].estimate, &weights, &estimate_with)?);
        }
        let net = |row: &&Row| row.change.0 - row.change.1;
        let proposed = rows.iter().filter(|row| row.helps());
        let proposed = proposed.max_by(|a, b| net(a).total_cmp(&net(b)));
        if self.json {
            let table: Vec<_> = rows.iter().map(Row::json).collect();
            let proposed = proposed.map(|row| row.kinds.to_string());
            println!("{}", json!({ "tried": table, "proposed": proposed }));
            return Ok(Exit::Done);
        }
        let width = rows.iter().map(|row| row.kinds.to_string().len()).max().unwrap_or(0).max(5);
        println!("{:width$}  estimate  90 % interval  looks it changes", "views");
        for row in &rows {
            println!("{:width$}  {}", row.kinds.to_string(), row.words());
        }
        match proposed {
            Some(row) => println!(
                "proposed: {}\n  next: fieldtune views {0}, then fieldtune store reteach",
                row.kinds
            ),
            None => println!("no other view helps by more than chance: keep {kinds}"),
        }
        Ok(Exit::Done)
    }
}

/// What was estimated with some views.
struct Row {
    kinds: ViewKinds,
    /// Looks that are right now and were wrong, and the other way round; a frame of a look of *m* counts 1/*m*.
    change: (f64, f64),
    estimate: Estimate,
}

impl Row {
    /// By more than chance: McNemar's test of the looks that changed, at about 10 %.
    fn helps(&self) -> bool {
        const LEVEL: f64 = 1.28;
        let (better, worse) = self.change;
        better - worse >= 1.0 && better - worse > LEVEL * (better + worse).sqrt()
    }

    fn words(&self) -> String {
        let percent = |share: f32| format!("{:.0}", share * 100.0);
        let (low, high) = self.estimate.interval;
        let (better, worse) = self.change;
        let told = self.estimate.balanced_accuracy.map_or("-".to_owned(), percent);
        let interval = format!("{} to {} %", percent(low), percent(high));
        format!("{:>6} %  {interval:13}  {better:.0} better, {worse:.0} worse", told)
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "views": self.kinds.to_string(),
            "estimate": self.estimate.balanced_accuracy.map(real),
            "interval": [real(self.estimate.interval.0), real(self.estimate.interval.1)],
            "better": self.change.0,
            "worse": self.change.1,
        })
    }
}

/// What these views would change; `None` where it cannot be estimated.
///
/// * `weights`: of every example 1 over the examples of its look.
fn row(
    kinds: &ViewKinds,
    before: &Estimate,
    weights: &BTreeMap<ExampleId, f64>,
    estimate_with: &dyn Fn(&ViewKinds) -> anyhow::Result<Option<Estimate>>,
) -> anyhow::Result<Option<Row>> {
    let Some(estimate) = estimate_with(kinds)? else { return Ok(None) };
    let wrong = |estimate: &Estimate| -> BTreeSet<ExampleId> {
        estimate.suspects.iter().map(|suspect| suspect.example).collect()
    };
    let (before, after) = (wrong(before), wrong(&estimate));
    // The sum of nothing is -0 otherwise.
    let weight =
        |ids: &mut dyn Iterator<Item = &ExampleId>| ids.fold(0.0, |sum, id| sum + weights[id]);
    let better = weight(&mut before.difference(&after));
    let worse = weight(&mut after.difference(&before));
    Ok(Some(Row { kinds: kinds.clone(), change: (better, worse), estimate }))
}

/// The kept images, JPEG files.
pub(super) type KeptImages = BTreeMap<ExampleId, Vec<u8>>;

/// Of all examples that have one.
pub(super) fn images_of_all(session: &mut Session) -> anyhow::Result<KeptImages> {
    let mut images = BTreeMap::new();
    session.store_mut().images(None, &mut |id, file| drop(images.insert(id, file.to_vec())))?;
    if images.is_empty() {
        bail!(
            "no example has an image, so nothing can be relearned\n  next: teach images without --image-side 0"
        );
    }
    Ok(images)
}

/// An example, and the features of all views of its image.
type Seen = (Example, BTreeMap<ViewKind, Vec<Vec<f32>>>);

/// The examples that have an image, with the features of all views of it.
fn seen(
    learner: &Learner,
    images: &KeptImages,
    pool: &Pool,
    context: &Context,
) -> anyhow::Result<Vec<Seen>> {
    let examples: Vec<&Example> =
        learner.examples().iter().filter(|example| images.contains_key(&example.id)).collect();
    let bar = context.bar(examples.len() as u64, "computing embeddings");
    let results = on_threads(examples.len(), pool.size(), |place| -> anyhow::Result<_> {
        let example = examples[place];
        let frame = frame_of(example.id, &images[&example.id])?;
        let of = |kind: ViewKind| Ok((kind, pool.views(&frame, &ViewKinds::of(&[kind]))?));
        let views = ViewKind::ALL.into_iter().map(of).collect::<anyhow::Result<_>>()?;
        bar.inc(1);
        Ok((example.clone(), views))
    });
    bar.finish_and_clear();
    results.into_iter().collect()
}

/// The kept image of an example as a frame.
pub(super) fn frame_of(
    example: ExampleId,
    file: &[u8],
) -> anyhow::Result<crate::image::frame::Frame> {
    let name = format!("the image of example {}", example.0);
    picture::decode(file, &name, now()).context("nothing was changed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_proposed_where_they_gain_more_than_chance() {
        let row = |better, worse| {
            let kinds = ViewKinds::default();
            let estimate = Estimate {
                balanced_accuracy: Some(0.5),
                interval: (0.0, 1.0),
                looks: 20,
                unestimated: Vec::new(),
                recalls: BTreeMap::new(),
                confused: Vec::new(),
                suspects: Vec::new(),
            };
            Row { kinds, change: (better, worse), estimate }
        };
        // 1.28 standard deviations of as many coins as there are looks that changed.
        for (better, worse, helps) in [
            (0.0, 0.0, false),
            (1.0, 0.0, false),
            (2.0, 0.0, true),
            (6.0, 1.0, true),
            (5.0, 2.0, false),
        ] {
            assert_eq!(row(better, worse).helps(), helps, "{better} {worse}");
        }
        assert!(!row(1.0, 6.0).helps());
    }
}
