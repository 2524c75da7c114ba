//! A frame with its prediction, and where in it that comes from: what is drawn for people.

use crate::backbone::{ExtractError, FeatureSource};
use crate::image::frame::{Frame, FrameKind};
use crate::image::picture::heat::laid_over;
use crate::learn::decision::Verdict;
use crate::learn::explain::HeatMap;
use crate::learn::head::{HeadError, HeadKind};
use crate::learn::learner::Learner;
use crate::learn::patches::Patches;
use crate::sound;

/// A frame's prediction, and where in it that comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// What the frame was taken for.
    pub verdict: Verdict,
    /// Where that comes from.
    pub overlay: HeatOverlay,
}

/// A map of a frame, to be laid over it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatOverlay {
    heat: HeatMap,
    /// What the network sees of the frame, see [`crate::backbone::MapLayout::part`].
    part: [f64; 4],
    /// Whether the map is of how unlike good parts each place is.
    of_good: bool,
}

/// The place that says most, in pixels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeatPeak {
    /// From the left.
    pub x: usize,
    /// From the top.
    pub y: usize,
    /// Whether it is more than good parts have at any place but one in a thousand; `None` where classes are compared.
    pub stands_out: Option<bool>,
}

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The backbone gave no feature.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The head refused the feature.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// Nothing has been taught.
    #[error("nothing has been taught yet")]
    Untaught,
    /// The examples of the only class have no patches.
    #[error("the examples were stored without patches")]
    NoPatches,
    /// The network has no map of enough places.
    #[error("the network has no map of at least 16 places")]
    NoMap,
    /// There is no second class to compare with.
    #[error("one class alone has examples, and there is no other to compare it with")]
    NoSecond,
    /// What the head says is no sum over places.
    #[error("the scores of a {0} head are no sum over places")]
    NotLinear(HeadKind),
}

impl Explained {
    /// One pass of the backbone over the frame.
    ///
    /// # Errors
    /// [`ExplainError`].
    pub fn of(
        source: &mut impl FeatureSource,
        learner: &Learner,
        frame: &Frame,
    ) -> Result<Self, ExplainError> {
        let (feature, maps) = source.feature_and_maps(frame)?;
        let of_good = learner.is_alone();
        let patches = if of_good { Patches::of_maps(&maps) } else { None };
        let verdict = learner.classify_with(&feature, patches.as_ref())?;
        let verdict = verdict.ok_or(ExplainError::Untaught)?;
        let layout = source.layout(frame).ok_or(ExplainError::NoMap)?;
        let heat = if of_good {
            let memory = learner.patch_memory().ok_or(ExplainError::NoPatches)?;
            let patches = patches.ok_or(ExplainError::NoMap)?;
            HeatMap::of_patches(memory, &patches).ok_or(ExplainError::NoMap)?
        } else {
            let (second, _) = verdict.runner_up.ok_or(ExplainError::NoSecond)?;
            let (classes, layers) = ((verdict.best, second), learner.head().layers());
            layers
                .and_then(|layers| {
                    HeatMap::of_classes(&layers, classes, &layout.blocks, &maps, &feature)
                })
                .ok_or_else(|| ExplainError::NotLinear(learner.head().kind()))?
        };
        Ok(Self { verdict, overlay: HeatOverlay { heat, part: layout.part, of_good } })
    }
}

impl HeatOverlay {
    /// Where a frame differs most from what another shows there or beside it; two passes of the backbone.
    ///
    /// # Errors
    /// [`ExplainError::Extract`]; [`ExplainError::NoMap`].
    pub fn of_difference(
        source: &mut impl FeatureSource,
        frame: &Frame,
        other: &Frame,
    ) -> Result<Self, ExplainError> {
        let mut patches = |frame: &Frame| {
            let (_, maps) = source.feature_and_maps(frame)?;
            Patches::of_maps(&maps).ok_or(ExplainError::NoMap)
        };
        let (patches, others) = (patches(frame)?, patches(other)?);
        let heat = HeatMap::of_difference(&patches, &others).ok_or(ExplainError::NoMap)?;
        let layout = source.layout(frame).ok_or(ExplainError::NoMap)?;
        Ok(Self { heat, part: layout.part, of_good: false })
    }

    /// A picture with the map laid over it, and the place that says most.
    ///
    /// * `within`: `[left, top, width, height]`, where in the picture the frame lies that was explained, in pixels.
    pub fn over(&self, picture: &Frame, within: [f64; 4]) -> (Frame, HeatPeak) {
        let (all_width, all_height) = (picture.width() as usize, picture.height() as usize);
        let [x, y, width, height] = self.part;
        let side = |length: f64| (length.round() as usize).max(1);
        let corner = |at: f64, all: usize| (at.round().max(0.0) as usize).min(all - 1);
        let left = corner(within[0] + x * within[2], all_width);
        let top = corner(within[1] + y * within[3], all_height);
        let width = side(width * within[2]).min(all_width - left);
        let height = side(height * within[3]).min(all_height - top);
        let part = self.heat.at_size(width, height);
        let most = (0..part.len()).max_by(|a, b| part[*a].total_cmp(&part[*b])).unwrap_or(0);
        let (from, to) = self.heat.scale;
        // What the network does not see has no heat.
        let mut all = vec![0.0; all_width * all_height];
        let rows = all.chunks_exact_mut(all_width).skip(top);
        for (row, heat) in rows.zip(part.chunks_exact(width)) {
            let cells = row[left..].iter_mut().zip(heat);
            cells.for_each(|(cell, heat)| *cell = (heat - from) / (to - from));
        }
        let stands_out = self.of_good.then(|| part.get(most).is_some_and(|most| *most > from));
        let place = HeatPeak { x: left + most % width, y: top + most / width, stands_out };
        (laid_over(picture, &all), place)
    }

    /// As [`HeatOverlay::over`], of the frame itself.
    pub fn over_all(&self, frame: &Frame) -> (Frame, HeatPeak) {
        self.over(frame, [0.0, 0.0, f64::from(frame.width()), f64::from(frame.height())])
    }
}

impl HeatPeak {
    /// Where it is: in pixels of an image, in time and pitch of a sound.
    ///
    /// * `kind`: of the frame; one of a sound in its own pixels.
    pub fn in_words(&self, kind: FrameKind) -> String {
        let what = match self.stands_out {
            None => "most of it",
            Some(true) => "unlike good parts",
            Some(false) => "nothing stands out, most unlike good parts",
        };
        match kind {
            FrameKind::Sound => {
                let (second, hertz) = (sound::second(self.x), sound::frequency(self.y));
                format!("{what} at {second:.2} s, {hertz:.0} Hz")
            }
            _ => format!("{what} at {},{}", self.x, self.y),
        }
    }
}
