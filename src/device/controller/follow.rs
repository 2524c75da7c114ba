//! A region that follows the part, see [`crate::image::locate`].

use super::answers::refused;
use super::{Station, View};
use crate::backbone::FeatureSource;
use crate::image::frame::FrameKind;
use crate::image::locate::{PartPlace, PartTemplate};
use crate::protocol::request::{Answer, Refused};
use crate::store::{Store, StoreError, followed};

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// The region of a view, and of the questions about it, follows the part from now on as the latest frame shows it; or no
    /// longer.
    ///
    /// * `on`: `None` changes nothing, and says how it is.
    pub(super) fn follow_part(
        &mut self,
        place: usize,
        on: Option<bool>,
    ) -> Result<Answer, Refused> {
        let Some(on) = on else { return Ok(Answer::Settings(self.views[place].following())) };
        let region = self.views[place].region();
        let template = match on {
            true => {
                let latest = self.source(place).latest.as_ref();
                let latest = latest.ok_or_else(|| Refused("no frame captured yet".to_owned()));
                let (_, frame) = latest?;
                if frame.kind() != FrameKind::Image {
                    return Err(Refused("follow: wanted images, got sound".to_owned()));
                }
                Some(PartTemplate::of(frame, &region).map_err(refused)?)
            }
            false => None,
        };
        self.set_templates(place, template.as_ref())?;
        Ok(Answer::Settings(self.views[place].following()))
    }

    /// In every view of that region, or where a store cannot be written, in none that come behind.
    pub(super) fn set_templates(
        &mut self,
        place: usize,
        template: Option<&PartTemplate>,
    ) -> Result<(), Refused> {
        let looks_at = self.views[place].looks_at();
        let kept = followed::to_bytes(template);
        for view in self.views.iter_mut().filter(|view| view.looks_at() == looks_at) {
            if view.template() == template {
                continue;
            }
            let store = self.learners[view.learner].persistent.store_mut();
            let is_kept = match store.set(&followed::setting(view.name()), &kept) {
                Ok(()) => true,
                // There is no store before something was taught.
                Err(StoreError::NothingKept) => template.is_none(),
                Err(error) => return Err(refused(error)),
            };
            view.follow(template.cloned(), is_kept);
        }
        Ok(())
    }

    /// Something was taught: what views follow since before can be kept now.
    pub(super) fn keep_templates(&mut self) {
        for view in self.views.iter_mut().filter(|view| !view.is_kept()) {
            let store = self.learners[view.learner].persistent.store_mut();
            let kept = followed::to_bytes(view.template());
            // A store that cannot be written is reported with what was to be taught.
            if store.set(&followed::setting(view.name()), &kept).is_ok() {
                view.kept();
            }
        }
    }
}

impl View {
    /// Names and values, for people and programs.
    fn following(&self) -> Vec<(String, String)> {
        let state = if self.template().is_some() { "on" } else { "off" };
        let mut pairs = vec![("follow".to_owned(), state.to_owned())];
        if let Some(PartPlace { x, y, degrees, matched }) = self.placed() {
            let found = self.placed().is_some_and(PartPlace::is_found);
            pairs.push(("found".to_owned(), found.to_string()));
            for (name, value) in [("right", x), ("down", y), ("turned", degrees)] {
                pairs.push((name.to_owned(), format!("{value:.1}")));
            }
            pairs.push(("match".to_owned(), format!("{matched:.2}")));
        }
        pairs
    }

    /// For a status.
    pub(super) fn following_figure(&self) -> Option<(String, String)> {
        self.template()?;
        let words = match self.placed().filter(|place| place.is_found()) {
            Some(place) => place.to_string(),
            None => "the part is not found: the region is where it was".to_owned(),
        };
        Some(("follow".to_owned(), words))
    }
}
