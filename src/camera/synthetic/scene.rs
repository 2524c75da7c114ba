//! What a camera that draws, or a machine that is computed, shows: seen and chosen from elsewhere while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is shown, by its name; copies are of the same camera.
#[derive(Debug, Clone)]
pub struct Scene(Arc<Chosen>);

#[derive(Debug)]
struct Chosen {
    /// The first is what is shown at the start.
    names: Vec<&'static str>,
    /// Places in `names`; `AUTO` for every kind by turns.
    wanted: AtomicUsize,
    shown: AtomicUsize,
}

const AUTO: usize = usize::MAX;

impl Scene {
    /// Of a camera that shows these by turns.
    pub(in crate::camera) fn of(names: impl IntoIterator<Item = &'static str>) -> Self {
        let names = names.into_iter().collect();
        Self(Arc::new(Chosen { names, wanted: AtomicUsize::new(AUTO), shown: AtomicUsize::new(0) }))
    }

    /// The names of all that can be shown.
    pub fn names(&self) -> &[&'static str] {
        &self.0.names
    }

    /// Lets that be shown from the next frame on; every kind by turns if `None`. `false` where there is no such one, and
    /// nothing changed.
    pub fn choose(&self, name: Option<&str>) -> bool {
        let place = match name {
            None => Some(AUTO),
            Some(name) => self.0.names.iter().position(|one| *one == name),
        };
        if let Some(place) = place {
            self.0.wanted.store(place, Ordering::SeqCst);
        }
        place.is_some()
    }

    /// What was chosen; `None` for every kind by turns.
    pub fn chosen(&self) -> Option<&'static str> {
        self.0.names.get(self.wanted()?).copied()
    }

    /// What the latest frame shows.
    pub fn shown(&self) -> &'static str {
        self.0.names.get(self.0.shown.load(Ordering::SeqCst)).copied().unwrap_or_default()
    }

    /// The place of what was chosen.
    pub(in crate::camera) fn wanted(&self) -> Option<usize> {
        let wanted = self.0.wanted.load(Ordering::SeqCst);
        (wanted != AUTO).then_some(wanted)
    }

    /// The latest frame shows what has that place.
    pub(in crate::camera) fn show(&self, place: usize) {
        self.0.shown.store(place, Ordering::SeqCst);
    }
}
