//! Where a station's frames come from: the camera, and what there is beside it.

use super::{Station, View};
use crate::backbone::FeatureSource;
use crate::camera::{Camera, CameraLocks, Scene};
use crate::image::frame::Frame;
use crate::store::Store;

/// Where frames come from.
#[derive(Debug)]
pub(super) struct Source {
    /// Its camera's name, the origin of examples.
    pub(super) camera: String,
    /// The latest frame and its number.
    pub(super) latest: Option<(u64, Frame)>,
    /// Where it can be chosen what it shows.
    pub(super) scene: Option<Scene>,
    /// Where its exposure or white balance can be locked.
    pub(super) locks: Option<CameraLocks>,
}

impl Source {
    pub(super) fn named(camera: &str) -> Self {
        Self { camera: camera.to_owned(), latest: None, scene: None, locks: None }
    }
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// What gives the frames of a source: its name, and where it can be chosen what it shows.
    ///
    /// # Panics
    /// Of a source that no view looks at.
    pub fn set_camera(&mut self, source: usize, camera: &dyn Camera) {
        let latest = self.sources[source].latest.take();
        let (scene, locks) = (camera.scene(), camera.locks());
        self.sources[source] = Source { camera: camera.name().to_owned(), latest, scene, locks };
    }

    /// A source gives no frames: what lasts with its verdicts ends.
    ///
    /// * `source`: as [`View::of_source`] counts them.
    /// * `safe`: every output goes to its safe level until a frame of it is classified again.
    pub fn lost(&mut self, source: usize, safe: bool) {
        let of_it = self.views.iter().filter(|view| view.source == source);
        let regions: Vec<Option<&str>> = match self.sources.len() {
            1 => vec![None],
            _ => of_it.map(View::name).collect(),
        };
        self.panel.change(|panel| panel.lost(source, &regions, safe));
    }

    /// Where the frames of a view come from.
    pub(super) fn source(&self, place: usize) -> &Source {
        &self.sources[self.views[place].source]
    }

    /// The latest frame of a source and its number; none before the first.
    ///
    /// # Panics
    /// Of a source that no view looks at.
    pub fn latest(&self, source: usize) -> Option<(u64, &Frame)> {
        self.sources[source].latest.as_ref().map(|(number, frame)| (*number, frame))
    }
}
