//! What buttons ask for.

use super::answers::refused;
use super::{Effects, Station};
use crate::backbone::FeatureSource;
use crate::board::policy::{ButtonAction, ButtonEvent};
use crate::image::frame::Timestamp;
use crate::learn::command::{Command, ForgetExamples, UndoLatest};
use crate::protocol::log::Level;
use crate::protocol::people;
use crate::store::Store;

impl<S: FeatureSource, K: Store> Station<S, K> {
    pub(super) fn grant(
        &mut self,
        events: Vec<ButtonEvent>,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        for event in events {
            let up = matches!(event, ButtonEvent::TeachEnd { .. });
            match event {
                ButtonEvent::Trigger { at } => self.panel.change(|panel| panel.actions.trigger(at)),
                ButtonEvent::Teach { class, region } => {
                    let place = self.place(region.as_deref());
                    if let (Ok(place), None) = (place, &self.job) {
                        self.pressed(place, class.as_str(), now, effects);
                    }
                }
                ButtonEvent::TeachMore { class, region }
                | ButtonEvent::TeachEnd { class, region } => {
                    if let Ok(place) = self.place(region.as_deref()) {
                        self.held(place, class.as_str(), up, now, effects);
                    }
                }
                ButtonEvent::Do { action, region } => {
                    let command = match action {
                        ButtonAction::Undo => Command::Undo(UndoLatest),
                        ButtonAction::Reset => Command::Forget(ForgetExamples::Everything),
                    };
                    self.press(command, region.as_deref(), now, effects);
                }
            }
        }
    }

    fn press(
        &mut self,
        command: Command,
        region: Option<&str>,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let date = self.dated(now);
        let done = self.place(region).and_then(|place| {
            let reply = self.learned_mut(place).apply(command, date).map_err(refused)?;
            Ok(self.of_region(place, people::sentence(&reply)))
        });
        for lost in self.newly_untaught() {
            effects.note(Level::Warning, lost);
        }
        match done {
            Ok(done) => effects.note(Level::Info, format!("button: {done}")),
            Err(error) => {
                self.record.failed("button");
                effects.note(Level::Warning, format!("button: {error}"));
            }
        }
    }
}
