//! `fieldtune ctl snap`: the latest frame, as it is or with where its prediction comes from.

use std::path::Path;

use anyhow::bail;

use super::CtlCommand;
use crate::cli::output::write_whole;
use crate::cli::snap::is_png;
use crate::cli::{Context, Exit};
use crate::image::frame::Timestamp;
use crate::image::picture;
use crate::protocol::request::{Answer, Explain, Snap};

impl CtlCommand {
    pub(super) fn snap(&self, file: &Path, context: &Context) -> anyhow::Result<Exit> {
        let wants_png = is_png(file)?;
        let request = if self.explain { Explain::default().into() } else { Snap.into() };
        let answer = self.ask(&mut self.link()?, &request, context)?;
        let Answer::Picture { file: bytes, .. } = answer.plain() else {
            bail!("unexpected answer of the device, wanted an image");
        };
        // It comes as a JPEG.
        if wants_png {
            let frame = picture::decode(bytes, "the answer of the device", Timestamp(0))?;
            write_whole(file, &picture::png(&frame))?;
        } else {
            write_whole(file, bytes)?;
        }
        self.tell(&answer);
        Ok(Exit::Done)
    }
}
