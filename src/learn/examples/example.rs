//! One taught feature with its views, and what its image is known by.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::image::frame::Timestamp;
use crate::learn::head::{ClassId, ExampleId, GroupId, Lesson, MAX_FEATURES, StoredLesson};
use crate::learn::linalg::{StoredFeature, widened_halves};
use crate::learn::patches::KeptPatches;

/// Views that an example may have.
pub const MAX_VIEWS: usize = MAX_FEATURES - 1;

/// One taught feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Never used twice.
    pub id: ExampleId,
    /// What it is an example of.
    pub class: ClassId,
    /// Which others show the same look at the same part.
    pub group: GroupId,
    /// When it was taught.
    pub taught: Timestamp,
    /// Where it came from: a file's name, a camera's.
    pub origin: String,
    /// `[dim]`, finite.
    pub feature: StoredFeature,
    /// `[views][dim]`, finite: features of the same image darker, noisy, blurred, turned; at most [`MAX_VIEWS`]. They are
    /// learned and forgotten with the example, and counted as one with it.
    pub views: Vec<StoredFeature>,
    /// Which image it was learned from, where one was kept; the store has it, see [`crate::store::Store::images`].
    pub image: Option<ImageMark>,
    /// What was seen at the places of its image, where it was taught as the only class; see [`crate::learn::patches::Patches::kept`].
    pub patches: Option<Arc<KeptPatches>>,
    /// Whether it is a description in words, and its feature that of the words. The head learns a stand-in for it: where
    /// pictures of its class would lie, from where those of other classes lie beside their words.
    pub described: bool,
}

/// What an image is known by where it is not at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageMark {
    /// Length of its file.
    pub bytes: u32,
    /// The first half of the file's SHA-256.
    pub hash: [u8; 16],
}

/// Images by what they are known by: JPEG files.
pub type Images = BTreeMap<ImageMark, Vec<u8>>;

impl ImageMark {
    /// * `file`: a JPEG.
    pub fn of(file: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(file).into();
        let hash = std::array::from_fn(|place| digest[place]);
        Self { bytes: u32::try_from(file.len()).unwrap_or(u32::MAX), hash }
    }
}

impl Example {
    /// `[dim]`, what the head learns from: the stored values, so that a head built from the store is the same head.
    pub fn widened(&self) -> Vec<f32> {
        widened_halves(&self.feature)
    }

    /// `[views][dim]`, as [`Example::widened`].
    pub fn widened_views(&self) -> Vec<Vec<f32>> {
        self.views.iter().map(|view| widened_halves(view)).collect()
    }

    /// Does something with the features as a head learns them, its own and those of its views.
    pub fn lesson<T>(&self, work: impl FnOnce(&Lesson<'_>) -> T) -> T {
        let features: Vec<Vec<f32>> =
            std::iter::once(self.widened()).chain(self.widened_views()).collect();
        let features: Vec<&[f32]> = features.iter().map(Vec::as_slice).collect();
        let Self { id: example, group, class, .. } = *self;
        work(&Lesson { example, group, class, features: &features })
    }

    /// As [`Example::lesson`], the features as they are kept.
    pub fn stored_lesson(&self) -> StoredLesson<'_> {
        let Self { id: example, group, class, ref feature, ref views, .. } = *self;
        StoredLesson { example, group, class, feature, views }
    }

    /// Bytes it counts for against the budget.
    pub fn bytes(&self) -> usize {
        const BOOKKEEPING: usize = 64;
        (self.feature.len() + self.views.iter().map(|view| view.len()).sum::<usize>()) * 2
            + self.origin.len()
            + self.patches.as_ref().map_or(0, |patches| patches.bytes())
            + BOOKKEEPING
    }
}
