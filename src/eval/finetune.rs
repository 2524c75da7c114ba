//! A head over frozen and fine-tuned features, taught with one split.

use super::run::{Finetuned, run_corrected};
use super::{Centre, LabelledFeatures, Run, Split, run};
use crate::backbone::Tail;
use crate::learn::head::{ClassId, GroupId, HeadConfig};
use crate::learn::learner::LearnError;
use crate::learn::tune::{CutView, Recipe, TuneError, Tuner, TuningSample, features};

/// When fine-tuned blocks are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Where left-out looks say that they help.
    Helpful,
    /// Always, to see what that would do.
    Always,
}

/// The backbone's last blocks, and what every image gives before them.
#[derive(Debug, Clone, PartialEq)]
pub struct Cuts {
    /// The blocks as they are.
    pub tail: Tail,
    /// Length of each block of the frozen feature.
    pub blocks: Vec<usize>,
    /// `[images]`, in the order of the set.
    pub views: Vec<CutView>,
}

/// Why a run with fine-tuning ended.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FinetuneError {
    /// The learner refused.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// Nothing was trained.
    #[error(transparent)]
    Tune(#[from] TuneError),
}

/// As [`run`], with fine-tuned blocks where they are kept. With too few images to leave something out it is that run.
///
/// # Errors
/// [`FinetuneError`].
pub fn finetuned(
    set: &LabelledFeatures,
    cuts: &Cuts,
    split: &Split,
    (config, centre): (&HeadConfig, Centre),
    (recipe, keep): (&Recipe, Keep),
) -> Result<Run, FinetuneError> {
    let frozen = || run(set, split, config, centre);
    let samples: Vec<TuningSample> = split
        .train
        .iter()
        .zip(1..)
        .map(|(&image, group)| TuningSample {
            class: ClassId(u32::try_from(set.labels()[image]).expect("far fewer classes")),
            group: GroupId(group),
            views: vec![cuts.views[image].clone()],
        })
        .collect();
    let tuner = match Tuner::new(&cuts.tail, cuts.blocks.clone(), &samples, config, recipe.clone())
    {
        Err(TuneError::TooFew { .. }) => return Ok(frozen()?),
        tuner => tuner?,
    };
    let validation = tuner.validate(&mut |_, _| true)?;
    let kept = keep == Keep::Always || validation.helps();
    let mut run = match kept {
        false => frozen()?,
        true => {
            let tail = tuner.train(&mut |_, _| true)?;
            let adapted = adapted(set, cuts, split, &tail)?;
            run_corrected(&adapted, split, (config, centre), Some(&validation))?
        }
    };
    run.finetuned = Some(Finetuned { validation, kept });
    Ok(run)
}

/// The set with longer features; those of images in neither part of the split are zeros.
fn adapted(
    set: &LabelledFeatures,
    cuts: &Cuts,
    split: &Split,
    tail: &Tail,
) -> Result<LabelledFeatures, TuneError> {
    let dim = set.dim() + tail.network().dim();
    let mut all = vec![0.0; dim * set.files().len()];
    for &image in split.train.iter().chain(&split.test) {
        let views = std::slice::from_ref(&cuts.views[image]);
        let feature = features(tail, cuts.blocks.len(), views)?.remove(0);
        all[image * dim..][..dim].copy_from_slice(&feature);
    }
    Ok(set.with_features(dim, all))
}
