//! What there is beside the camera: other sources of frames, each with its backbone.

use std::time::Duration;

use super::timing::time_of_a_frame;
use super::{BuildError, ChosenCamera, DeviceBuilder};
use crate::backbone::EmbeddingSource;
use crate::board::{CameraSettings, Lost};
use crate::camera::Camera;
use crate::camera::source::{self, AnyCamera, CaptureSettings};
use crate::device::runtime::Watched;
use crate::sound::SoundWindow;

impl DeviceBuilder {
    /// The backbone of one of the board's [senses](crate::board::Board::senses) (repeatable); each needs one.
    ///
    /// * `backbone`: as that of [`DeviceBuilder::build`]; for sounds one [for sounds](crate::backbone::Extractor::for_sounds).
    pub fn sense(mut self, name: &str, backbone: impl Into<EmbeddingSource>) -> Self {
        self.senses.insert(name.to_owned(), backbone.into());
        self
    }

    /// The backbones of the board's senses, in the order of their names.
    pub(super) fn take_senses(&mut self) -> Result<Vec<EmbeddingSource>, BuildError> {
        let mut given = std::mem::take(&mut self.senses);
        let names = self.board.senses.keys();
        let backbones = names.map(|name| {
            let missing = || BuildError::NoBackbone { sense: name.clone() };
            given.remove(name).ok_or_else(missing)
        });
        backbones.collect()
    }

    /// Opens the camera and what there is beside it.
    ///
    /// * `windows`: of what is heard, of the camera and of each sense in its order.
    pub(super) fn open_sources(
        &mut self,
        windows: Vec<SoundWindow>,
    ) -> Result<Vec<(AnyCamera, Watched)>, BuildError> {
        let board = &self.board;
        let mut windows = windows.into_iter();
        let mut open = |address: &str, wanted: CaptureSettings| {
            let window = windows.next().unwrap_or(wanted.window);
            source::open(address, &CaptureSettings { window, ..wanted })
        };
        let camera = match std::mem::replace(&mut self.camera, ChosenCamera::OfTheBoard) {
            ChosenCamera::OfTheBoard => open(&board.camera.address, board.camera.wanted()),
            ChosenCamera::At(address, wanted) => open(&address, wanted),
            ChosenCamera::Given(camera) => Ok(camera),
        }?;
        let mut sources = vec![(camera, watched(None, &board.camera))];
        for (name, sense) in &board.senses {
            let source = open(&sense.camera.address, sense.camera.wanted())?;
            sources.push((source, watched(Some(name), &sense.camera)));
        }
        Ok(sources)
    }

    /// The longest that a frame of a sense takes. Also what the first one would otherwise wait for.
    pub(super) fn time_of_senses(
        &self,
        backbones: &mut [EmbeddingSource],
    ) -> Result<Duration, BuildError> {
        let mut longest = Duration::ZERO;
        for (backbone, sense) in backbones.iter_mut().zip(self.board.senses.values()) {
            longest = longest.max(time_of_a_frame(backbone, &sense.camera)?);
        }
        Ok(longest)
    }
}

fn watched(name: Option<&String>, camera: &CameraSettings) -> Watched {
    Watched {
        name: name.cloned(),
        patience: Duration::from_millis(camera.timeout_ms.into()),
        safe_when_lost: camera.lost == Lost::Safe,
    }
}

/// The name of what gives frames, and of what gives others beside it.
pub(super) fn names(sources: &[(AnyCamera, Watched)]) -> String {
    let names: Vec<&str> = sources.iter().map(|(camera, _)| camera.name()).collect();
    names.join(" and ")
}
