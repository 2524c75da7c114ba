//! One backbone for several regions and questions.

use std::sync::{Arc, Mutex};

use crate::backbone::{ExtractError, Extractor, FeatureSource, Fingerprint, MapLayout, TapMap};
use crate::image::frame::Frame;
use crate::image::views::ViewKinds;
use crate::sound::SoundWindow;
use crate::util::mutex::lock;

/// A backbone, and what it said of the part that it saw last: questions about one part of a frame share a pass.
#[derive(Debug)]
pub struct Latest<S> {
    source: S,
    /// Whether anything is kept.
    keeps: bool,
    latest: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    part: Frame,
    feature: Vec<f32>,
    /// Where they were asked for.
    maps: Option<Vec<TapMap>>,
}

impl<S: FeatureSource> Latest<S> {
    /// To be shared by views.
    ///
    /// * `keeps`: whether several of them look at the same part; nothing is kept otherwise.
    pub fn shared(source: S, keeps: bool) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { source, keeps, latest: None }))
    }

    /// What was said of that part, if it is the one that was seen last.
    fn of(&self, part: &Frame) -> Option<&Seen> {
        let size = |frame: &Frame| (frame.width(), frame.height());
        // Lines that begin alike have the same picture, and so may sounds.
        let same = |seen: &&Seen| {
            size(&seen.part) == size(part)
                && seen.part.line() == part.line()
                && seen.part.waveform() == part.waveform()
                && seen.part.pixels() == part.pixels()
        };
        self.latest.as_ref().filter(same)
    }

    fn keep(&mut self, part: &Frame, feature: &[f32], maps: Option<&[TapMap]>) {
        if !self.keeps {
            return;
        }
        let (part, maps) = (part.clone(), maps.map(<[TapMap]>::to_vec));
        self.latest = Some(Seen { part, feature: feature.to_vec(), maps });
    }
}

/// Several views take turns with one backbone.
impl<S: FeatureSource> FeatureSource for Arc<Mutex<Latest<S>>> {
    fn dim(&self) -> usize {
        lock(self).source.dim()
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        let mut one = lock(self);
        if let Some(seen) = one.of(frame) {
            return Ok(seen.feature.clone());
        }
        let feature = one.source.feature(frame)?;
        one.keep(frame, &feature, None);
        Ok(feature)
    }

    fn feature_and_maps(&mut self, frame: &Frame) -> Result<(Vec<f32>, Vec<TapMap>), ExtractError> {
        let mut one = lock(self);
        if let Some(Seen { feature, maps: Some(maps), .. }) = one.of(frame) {
            return Ok((feature.clone(), maps.clone()));
        }
        let (feature, maps) = one.source.feature_and_maps(frame)?;
        one.keep(frame, &feature, Some(&maps));
        Ok((feature, maps))
    }

    fn layout(&self, frame: &Frame) -> Option<MapLayout> {
        lock(self).source.layout(frame)
    }

    fn views(&mut self, frame: &Frame, kinds: &ViewKinds) -> Result<Vec<Vec<f32>>, ExtractError> {
        lock(self).source.views(frame, kinds)
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        lock(self).source.fingerprint()
    }

    fn sound_window(&self) -> SoundWindow {
        lock(self).source.sound_window()
    }

    fn of_extractor(extractor: Extractor) -> Option<Self> {
        // A backbone of one view alone.
        S::of_extractor(extractor).map(|source| Latest::shared(source, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;

    /// Counts its passes.
    #[derive(Debug, Default)]
    struct Counting(u32);

    impl FeatureSource for Counting {
        fn dim(&self) -> usize {
            1
        }

        fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
            self.0 += 1;
            Ok(vec![f32::from(frame.pixels()[0])])
        }
    }

    #[test]
    fn questions_about_one_part_share_a_pass() {
        let frame = |value: u8, at: u64| {
            Frame::new(2, 1, vec![value; 6], Timestamp(at)).expect("the sides fit")
        };
        let mut alone = Latest::shared(Counting::default(), false);
        let mut first = Latest::shared(Counting::default(), true);
        let passes = |source: &Arc<Mutex<Latest<Counting>>>| lock(source).source.0;
        alone.feature(&frame(1, 0)).expect("a feature");
        alone.feature(&frame(1, 0)).expect("a feature");
        assert_eq!(passes(&alone), 2, "nothing is kept");
        let mut second = Arc::clone(&first);
        for (value, at, wanted) in [(5, 0, 1), (5, 1, 1), (6, 2, 2), (5, 3, 3)] {
            for source in [&mut first, &mut second] {
                assert_eq!(
                    source.feature(&frame(value, at)).expect("a feature"),
                    [f32::from(value)]
                );
            }
            assert_eq!(passes(&first), wanted, "{value} at {at}");
        }
        // Maps that were not asked for are not there.
        let maps = |source: &mut Arc<Mutex<Latest<Counting>>>| {
            source.feature_and_maps(&frame(5, 4)).expect("a feature");
            passes(source)
        };
        assert_eq!([maps(&mut first), maps(&mut second), maps(&mut first)], [4, 4, 4]);
    }
}
