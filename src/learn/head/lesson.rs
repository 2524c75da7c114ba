//! What a head is taught: an example with its features.

use std::sync::Arc;

use half::f16;

use super::{ClassId, ExampleId, GroupId};
use crate::learn::linalg::widened_halves;

/// What a head learns of one example: the feature of its image, and those of views of the image (darker, turned, ...).
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    /// Which example.
    pub example: ExampleId,
    /// What it is left out with.
    pub group: GroupId,
    /// Its class.
    pub class: ClassId,
    /// `[1 + views][dim]`, finite, the image's own first; at most [`super::MAX_FEATURES`].
    pub features: &'a [&'a [f32]],
}

/// As [`Lesson`], the features as they are stored, which a head may share instead of copying them.
#[derive(Debug, Clone, Copy)]
pub struct StoredLesson<'a> {
    /// Which example.
    pub example: ExampleId,
    /// What it is left out with.
    pub group: GroupId,
    /// Its class.
    pub class: ClassId,
    /// `[dim]`, of the image itself.
    pub feature: &'a Arc<[f16]>,
    /// `[views][dim]`, fewer than [`super::MAX_FEATURES`].
    pub views: &'a [Arc<[f16]>],
}

impl<'a> StoredLesson<'a> {
    /// The image's own, then those of its views.
    pub(super) fn features(&self) -> impl Iterator<Item = &'a Arc<[f16]>> {
        std::iter::once(self.feature).chain(self.views)
    }
}

/// Does something with stored lessons made wide.
pub(super) fn made_wide<T>(
    lessons: &[StoredLesson<'_>],
    work: impl FnOnce(&[Lesson<'_>]) -> T,
) -> T {
    let wide = |lesson: &StoredLesson<'_>| -> Vec<Vec<f32>> {
        lesson.features().map(|feature| widened_halves(feature)).collect()
    };
    let features: Vec<Vec<Vec<f32>>> = lessons.iter().map(wide).collect();
    let features: Vec<Vec<&[f32]>> =
        features.iter().map(|rows| rows.iter().map(Vec::as_slice).collect()).collect();
    let lessons: Vec<Lesson<'_>> = lessons
        .iter()
        .zip(&features)
        .map(|(&StoredLesson { example, group, class, .. }, features)| Lesson {
            example,
            group,
            class,
            features,
        })
        .collect();
    work(&lessons)
}
