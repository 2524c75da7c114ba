//! What cannot be where lines of text are read.

use std::path::Path;

use super::{BuildError, ChosenCamera, DeviceBuilder};
use crate::backbone::EmbeddingSource;
use crate::board::address::Address;
use crate::camera::source;
use crate::text;

impl DeviceBuilder {
    /// Lines and samples are looked at as wholes.
    pub(super) fn refuse_parts_of_lines(
        &self,
        backbone: &EmbeddingSource,
    ) -> Result<(), BuildError> {
        let regions = self.board.regions.values();
        let (width, height) = (text::LINE_WIDTH, text::LINE_HEIGHT);
        let is_whole = (0, 0, width, height);
        let mut parts = self.region.iter().chain(regions);
        let part = parts.find(|region| region.resolve(width, height).ok() != Some(is_whole));
        match part {
            Some(region) => Ok(region.refuse_part_of(backbone.kind())?),
            None => Ok(()),
        }
    }

    /// Two that read one line take its bytes from each other.
    pub(super) fn refuse_shared_lines(&self) -> Result<(), BuildError> {
        let camera = match &self.camera {
            ChosenCamera::OfTheBoard => Some(&self.board.camera.address),
            ChosenCamera::At(address, _) => Some(address),
            ChosenCamera::Given(_) => None,
        };
        let senses = self.board.senses.values().map(|sense| &sense.camera.address);
        camera.into_iter().chain(senses).try_for_each(|camera| self.refuse_shared_line(camera))
    }

    fn refuse_shared_line(&self, camera: &str) -> Result<(), BuildError> {
        let Some(line) = source::line_of(camera) else { return Ok(()) };
        let of_board = self.board.serial.as_ref().filter(|_| self.ports.is_empty());
        let of_board = of_board
            .map(|serial| Address::Serial { path: serial.device.clone(), baud: serial.baud });
        let is_shared = |port: &&Address| match port {
            Address::Stdio => line == Path::new("-"),
            Address::Serial { path, .. } => *path == line,
            _ => false,
        };
        match self.ports.iter().chain(&of_board).find(is_shared) {
            Some(port) => {
                Err(BuildError::SharedLine { port: port.clone(), camera: camera.to_owned() })
            }
            None => Ok(()),
        }
    }
}
