//! `fieldtune classify --explain`: where in an image lies what its verdict comes from.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::backbone::{Extractor, FeatureSource as _};
use crate::cli::args::store::now;
use crate::image::frame::Frame;
use crate::image::picture::{self, heat::laid_over};
use crate::learn::decision::Verdict;
use crate::learn::explain::HeatMap;
use crate::learn::learner::Learner;
use crate::learn::patches::Patches;

/// The place that says most, in pixels of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: usize,
    pub(super) y: usize,
    /// Whether it is more than good parts have at any place but one in a thousand; `None` with more than one class.
    pub(super) stands_out: Option<bool>,
}

/// Draws it.
///
/// # Errors
/// What is wrong with the image, or why nothing of this head can be shown.
pub(super) fn explain(
    source: &mut Extractor,
    learner: &Learner,
    verdict: &Verdict,
    file: &Path,
    out: &Path,
) -> anyhow::Result<Place> {
    let frame = picture::load(file, now())?;
    let heat = heat(source, learner, verdict, &frame)?;
    // What the network does not see of the frame has no heat.
    let (x, y, width, height) = source.parts().0.part(&frame);
    let [left, top, width, height] = [x, y, width, height].map(|side| side.round() as usize);
    let (width, height) = (width.max(1), height.max(1));
    let part = heat.at_size(width, height);
    let most = (0..part.len()).max_by(|a, b| part[*a].total_cmp(&part[*b])).unwrap_or(0);
    let (from, to) = heat.scale;
    let mut all = vec![0.0; (frame.width() * frame.height()) as usize];
    let rows = all.chunks_exact_mut(frame.width() as usize).skip(top);
    for (row, heat) in rows.zip(part.chunks_exact(width)) {
        row[left..].iter_mut().zip(heat).for_each(|(to_, heat)| *to_ = (heat - from) / (to - from));
    }
    crate::cli::output::write_whole(out, &picture::png(&laid_over(&frame, &all)))?;
    let alone = learner.patch_memory().is_some();
    let stands_out = alone.then(|| part.get(most).is_some_and(|most| *most > from));
    Ok(Place { x: left + most % width, y: top + most / width, stands_out })
}

fn heat(
    source: &mut Extractor,
    learner: &Learner,
    verdict: &Verdict,
    frame: &Frame,
) -> anyhow::Result<HeatMap> {
    let (feature, maps) = source.feature_and_maps(frame)?;
    if learner.is_alone() {
        let memory = learner.patch_memory().context(
            "--explain: the examples were stored without patches\n  next: fieldtune store reteach",
        )?;
        let patches = Patches::of_maps(&maps);
        let heat = patches.and_then(|patches| HeatMap::of_patches(memory, &patches));
        return heat.context("--explain: the network has no map of at least 16 places");
    }
    let Some((second, _)) = verdict.runner_up else {
        bail!("--explain: one class alone has examples, and there is no other to compare it with");
    };
    let classes = (verdict.best, second);
    let blocks = source.parts().1.blocks();
    let layers = learner.head().layers();
    let heat =
        layers.and_then(|layers| HeatMap::of_classes(&layers, classes, blocks, &maps, &feature));
    let kind = learner.head().kind();
    heat.with_context(|| {
        format!("--explain: the scores of a {kind} head are no sum over places\n  next: fieldtune head lda (fieldtune undo brings {kind} back)")
    })
}
