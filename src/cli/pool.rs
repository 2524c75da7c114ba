//! Many images on all cores: a backbone for each.

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use anyhow::bail;

use super::Context;
use super::args::model::ModelArgs;
use super::args::store::{StoreArgs, now};
use crate::backbone::{EmbeddingSource, FeatureSource as _, Tail};
use crate::image::frame::{Frame, FrameKind};
use crate::image::levels::Levels;
use crate::image::picture;
use crate::image::views::ViewKinds;
use crate::learn::patches::FrameFeatures;
use crate::learn::tune::CutView;
use crate::sound::{self, SoundWindow};
use crate::store::snapshot::ModelId;
use crate::util::mutex::lock;

/// Several backbones, each used by one thread at a time.
pub(in crate::cli) struct Pool {
    free: Mutex<Vec<EmbeddingSource>>,
    freed: Condvar,
    model: ModelId,
    kind: FrameKind,
    window: SoundWindow,
    blocks: Vec<usize>,
    size: usize,
    /// What frames go through before they are looked at.
    levels: Option<Levels>,
}

impl Pool {
    /// One for every core.
    ///
    /// # Errors
    /// As [`ModelArgs::load`].
    pub(in crate::cli) fn load(model: &ModelArgs, context: &Context) -> anyhow::Result<Self> {
        Self::load_for(usize::MAX, model, context)
    }

    /// One for every core, but no more than there are images.
    ///
    /// # Errors
    /// As [`ModelArgs::load`].
    pub(in crate::cli) fn load_for(
        images: usize,
        model: &ModelArgs,
        context: &Context,
    ) -> anyhow::Result<Self> {
        Self::load_with(images, model, None, context)
    }

    /// As [`Pool::load_for`], with the fine-tuned last blocks of a store; frames go through what brings them to the light
    /// that was taught.
    ///
    /// # Errors
    /// As [`ModelArgs::load`]; the store cannot be read.
    pub(in crate::cli) fn load_taught(
        images: usize,
        model: &ModelArgs,
        store: &StoreArgs,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let pool = Self::load_for_kept(images, model, store, context)?;
        Ok(Self { levels: store.levels()?, ..pool })
    }

    /// As [`Pool::load_taught`], for kept images, which are in that light.
    ///
    /// # Errors
    /// As [`Pool::load_taught`].
    pub(in crate::cli) fn load_for_kept(
        images: usize,
        model: &ModelArgs,
        store: &StoreArgs,
        context: &Context,
    ) -> anyhow::Result<Self> {
        Self::load_with(images, &model.of_store(store)?, store.tail()?.as_ref(), context)
    }

    /// As [`Pool::load_for`], with fine-tuned last blocks.
    ///
    /// # Errors
    /// As [`ModelArgs::load_with`].
    pub(in crate::cli) fn load_with(
        images: usize,
        model: &ModelArgs,
        tail: Option<&Tail>,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let size = cores().min(images.max(1));
        let mut first = model.load_with(tail, context)?;
        let (model_id, kind, window) =
            (ModelId::of_source(&first), first.kind(), first.sound_window());
        let blocks = first.extractor().map(|one| one.parts().1.blocks());
        let blocks = blocks.unwrap_or_default().iter().map(|block| block.len).collect();
        let mut free = vec![first];
        while free.len() < size {
            free.push(model.load_with(tail, context)?);
        }
        let free = Mutex::new(free);
        let (freed, levels) = (Condvar::new(), None);
        Ok(Self { free, freed, model: model_id, kind, window, blocks, size, levels })
    }

    /// Reads a file that is of the kind that it looks at.
    ///
    /// # Errors
    /// It cannot be read, or is of another kind.
    pub(in crate::cli) fn load_file(&self, file: &Path) -> anyhow::Result<Frame> {
        self.of_its_kind(sound::load(file, &self.window, now())?, file)
    }

    /// # Errors
    /// The frame is of another kind than it looks at.
    pub(in crate::cli) fn of_its_kind(&self, frame: Frame, file: &Path) -> anyhow::Result<Frame> {
        if frame.kind() != self.kind {
            let file = picture::shown(file);
            bail!("{file}: this is {}, wanted {}, as the others are", frame.kind(), self.kind);
        }
        Ok(frame)
    }

    /// What a window of sound is to it.
    pub(in crate::cli) fn sound_window(&self) -> &SoundWindow {
        &self.window
    }

    /// Length of each block of the frozen feature.
    pub(in crate::cli) fn blocks(&self) -> &[usize] {
        &self.blocks
    }

    /// A frame as it would look in the light that was taught: what is looked at, and kept with an example.
    pub(in crate::cli) fn as_taught<'a>(&self, frame: &'a Frame) -> Cow<'a, Frame> {
        match &self.levels {
            Some(levels) => Cow::Owned(levels.apply(frame)),
            None => Cow::Borrowed(frame),
        }
    }

    /// Whether frames are looked at as they are.
    pub(in crate::cli) fn looks_plainly(&self) -> bool {
        self.levels.is_none()
    }

    /// What fine-tuning learns from, see [`crate::backbone::Extractor::cuts`].
    pub(in crate::cli) fn cuts(
        &self,
        frame: &Frame,
        kinds: &ViewKinds,
    ) -> anyhow::Result<Vec<CutView>> {
        let frame = self.as_taught(frame);
        let cuts = self.with_free(|source| match source.extractor() {
            Some(extractor) => Ok(extractor.cuts(&frame, kinds)?),
            None => bail!("{}: its last blocks are not trained", source.name()),
        })?;
        let frozen = self.blocks.iter().sum();
        Ok(cuts.iter().map(|cut| CutView::of(cut, frozen)).collect())
    }

    /// The backbone's name.
    pub(in crate::cli) fn name(&self) -> &str {
        &self.model.name
    }

    /// What stands in a store for it.
    pub(in crate::cli) fn model(&self) -> &ModelId {
        &self.model
    }

    /// Length of a feature.
    pub(in crate::cli) fn dim(&self) -> usize {
        self.model.dim as usize
    }

    /// How many threads can be served at once.
    pub(in crate::cli) fn size(&self) -> usize {
        self.size
    }

    /// What the next free backbone says of a frame.
    pub(in crate::cli) fn feature(&self, frame: &Frame) -> anyhow::Result<Vec<f32>> {
        let frame = self.as_taught(frame);
        Ok(self.with_free(|source| source.feature(&frame))?)
    }

    /// What the next free backbone says of a frame and, where that is asked for, of its places.
    pub(in crate::cli) fn seen(
        &self,
        frame: &Frame,
        places: bool,
    ) -> anyhow::Result<FrameFeatures> {
        let frame = self.as_taught(frame);
        Ok(self.with_free(|source| FrameFeatures::by(source, &frame, places))?)
    }

    /// What a frame is learned with beside its own feature, see [`crate::backbone::FeatureSource::views`].
    pub(in crate::cli) fn views(
        &self,
        frame: &Frame,
        kinds: &ViewKinds,
    ) -> anyhow::Result<Vec<Vec<f32>>> {
        let frame = self.as_taught(frame);
        Ok(self.with_free(|source| source.views(&frame, kinds))?)
    }

    /// Does something with the next free backbone.
    pub(in crate::cli) fn with_free<T>(&self, work: impl FnOnce(&mut EmbeddingSource) -> T) -> T {
        let mut free = lock(&self.free);
        let mut extractor = loop {
            match free.pop() {
                Some(extractor) => break extractor,
                None => free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(free);
        let result = work(&mut extractor);
        lock(&self.free).push(extractor);
        self.freed.notify_one();
        result
    }
}

/// How many threads can work at a time; 1 where that is not known.
pub(in crate::cli) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Does something with every place from 0 on, on several threads; what comes back is in their order.
///
/// * `threads`: at least 1.
pub(in crate::cli) fn on_threads<T: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= count {
                        break;
                    }
                    let result = work(place);
                    lock(&results).push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        for threads in [1, 3, 100] {
            assert_eq!(
                on_threads(10, threads, |place| place * 2),
                [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
            );
            assert!(on_threads(0, threads, |place| place).is_empty());
        }
    }
}
