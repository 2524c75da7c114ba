//! One backbone for several regions.

use std::sync::{Arc, Mutex};

use crate::backbone::{ExtractError, Extractor, FeatureSource, Fingerprint, MapLayout, TapMap};
use crate::image::frame::Frame;
use crate::image::views::ViewKinds;
use crate::util::mutex::lock;

/// Several views take turns with one backbone.
impl<S: FeatureSource> FeatureSource for Arc<Mutex<S>> {
    fn dim(&self) -> usize {
        lock(self).dim()
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        lock(self).feature(frame)
    }

    fn feature_and_maps(&mut self, frame: &Frame) -> Result<(Vec<f32>, Vec<TapMap>), ExtractError> {
        lock(self).feature_and_maps(frame)
    }

    fn layout(&self, frame: &Frame) -> Option<MapLayout> {
        lock(self).layout(frame)
    }

    fn views(&mut self, frame: &Frame, kinds: &ViewKinds) -> Result<Vec<Vec<f32>>, ExtractError> {
        lock(self).views(frame, kinds)
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        lock(self).fingerprint()
    }

    fn of_extractor(extractor: Extractor) -> Option<Self> {
        S::of_extractor(extractor).map(|source| Arc::new(Mutex::new(source)))
    }
}
