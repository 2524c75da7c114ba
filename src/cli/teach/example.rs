//! What is to be learned of one file.

use std::path::Path;

use super::TeachCommand;
use crate::cli::args::store::now;
use crate::cli::pool::Pool;
use crate::image::frame::FrameKind;
use crate::image::picture::{self, Sketch, exif, exif::CaptureInfo};
use crate::image::views::ViewKinds;
use crate::learn::command::NewExample;
use crate::learn::patches::FrameFeatures;
use crate::sound;

impl TeachCommand {
    /// What is to be learned from a file, when it was taken, and what it looks like.
    pub(super) fn new_example(
        &self,
        file: &Path,
        pool: &Pool,
        (views, places): (&ViewKinds, bool),
    ) -> anyhow::Result<(NewExample, Option<CaptureInfo>, Option<Sketch>)> {
        if sound::kind_of(file) == FrameKind::Sound {
            let frame = pool.load_file(file)?;
            let image = picture::kept(&pool.as_taught(&frame), self.image_side);
            let seen = pool.seen(&frame, places)?;
            return Ok((example(seen, pool.views(&frame, views)?, image, file), None, None));
        }
        let bytes = picture::read(file, picture::MAX_FILE_BYTES)?;
        let frame = picture::decode(&bytes, &picture::shown(file), now())?;
        let frame = pool.of_its_kind(frame, file)?;
        let seen = pool.seen(&frame, places)?;
        let image = match pool.looks_plainly() {
            true => picture::kept_file(&bytes, &frame, self.image_side),
            false => picture::kept(&pool.as_taught(&frame), self.image_side),
        };
        let new_example = example(seen, pool.views(&frame, views)?, image, file);
        Ok((new_example, exif::taken(&bytes), (!self.distinct).then(|| Sketch::of(&frame))))
    }
}

/// What is to be learned of a file, with what is kept of it.
fn example(
    FrameFeatures { feature, patches }: FrameFeatures,
    views: Vec<Vec<f32>>,
    image: Option<Vec<u8>>,
    file: &Path,
) -> NewExample {
    let origin = file.display().to_string();
    NewExample { image, views, patches, ..NewExample::new(feature, &origin) }
}
