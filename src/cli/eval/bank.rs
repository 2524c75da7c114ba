//! Features of images in all their variants: computed when they are first asked for, on as many cores as ask, and kept.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use super::images;
use crate::cli::Context;
use crate::cli::args::model::ModelArgs;
use crate::cli::pool::Pool;
use crate::eval::bench::{Look, Looks, Variant};
use crate::image::frame::{Frame, Timestamp};
use crate::image::picture;
use crate::image::views::ViewKinds;
use crate::learn::patches::FrameFeatures;
use crate::sound;
use crate::util::mutex::lock;

type Kept<T> = Mutex<HashMap<(usize, Variant), Arc<OnceLock<Result<Arc<T>, String>>>>>;

/// The images and what is known of them.
pub(super) struct Bank {
    pool: Pool,
    /// Name and place of each image.
    files: Vec<(String, PathBuf)>,
    seen: Kept<FrameFeatures>,
    looks: Kept<Look>,
}

impl Bank {
    pub(super) fn new(pool: Pool, files: Vec<(String, PathBuf)>) -> Self {
        Self { pool, files, seen: Kept::default(), looks: Kept::default() }
    }

    /// The images in the class folders of a folder, or the sounds, with backbones for them.
    ///
    /// # Errors
    /// As [`images::find`] and [`ModelArgs::load`].
    pub(super) fn of(dir: &Path, model: &ModelArgs, context: &Context) -> anyhow::Result<Self> {
        let files = images::find(dir)?;
        let paths: Vec<&Path> = files.iter().map(|(_, path)| path.as_path()).collect();
        Ok(Self::new(Pool::load(&model.looking_at_files(&paths), context)?, files))
    }

    /// The backbones.
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Name (`class/file`) and place of each image.
    pub(super) fn files(&self) -> &[(String, PathBuf)] {
        &self.files
    }

    /// How many features were computed.
    pub(super) fn computed(&self) -> usize {
        lock(&self.seen).len()
    }

    fn frame(&self, image: usize, variant: Variant) -> Result<Frame, String> {
        let (name, path) = &self.files[image];
        let frame =
            sound::load(path, self.pool.sound_window(), Timestamp::default()).map_err(|error| {
                // The message begins with the path; the name says enough.
                let error = error.to_string();
                let error =
                    error.strip_prefix(&format!("{}: ", picture::shown(path))).unwrap_or(&error);
                format!("{name}: {error}")
            })?;
        let disturbances = variant.disturbances(image);
        Ok(disturbances.into_iter().fold(frame, |frame, one| one.apply(&frame)))
    }

    fn look_at(&self, image: usize, variant: Variant) -> Result<FrameFeatures, String> {
        let frame = self.frame(image, variant)?;
        // Nothing disturbed is asked of good parts alone, and patches take much memory.
        let seen = self.pool.seen(&frame, variant == Variant::AsIs);
        seen.map_err(|error| format!("{}: {error:#}", self.files[image].0))
    }
}

fn kept<T>(
    kept: &Kept<T>,
    key: (usize, Variant),
    compute: impl FnOnce() -> Result<T, String>,
) -> Result<Arc<T>, String> {
    let cell = Arc::clone(lock(kept).entry(key).or_default());
    // A thread that asks for the same in the meantime waits here, and no other does.
    cell.get_or_init(|| compute().map(Arc::new)).clone()
}

impl Looks for Bank {
    fn dim(&self) -> usize {
        self.pool.dim()
    }

    fn seen(&self, image: usize, variant: Variant) -> Result<Arc<FrameFeatures>, String> {
        kept(&self.seen, (image, variant), || self.look_at(image, variant))
    }

    fn frame(&self, image: usize, variant: Variant) -> Result<Frame, String> {
        Bank::frame(self, image, variant)
    }

    fn feature(&self, frame: &Frame) -> Result<Vec<f32>, String> {
        self.pool.feature(frame).map_err(|error| format!("{error:#}"))
    }

    fn taught(&self, frame: &Frame) -> Result<Look, String> {
        let feature = self.feature(frame)?;
        let views = self.pool.views(frame, &ViewKinds::default());
        let views = views.map_err(|error| format!("{error:#}"))?;
        Ok(Look { feature, views, patches: None })
    }

    fn look(&self, image: usize, variant: Variant) -> Result<Arc<Look>, String> {
        kept(&self.looks, (image, variant), || {
            let seen = self.seen(image, variant)?;
            let frame = self.frame(image, variant)?;
            let views = self.pool.views(&frame, &ViewKinds::default());
            let views = views.map_err(|error| format!("{}: {error:#}", self.files[image].0))?;
            let patches = seen.patches.as_ref().map(|patches| patches.kept());
            Ok(Look { feature: seen.feature.clone(), views, patches })
        })
    }
}
