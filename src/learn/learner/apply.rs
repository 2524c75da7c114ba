//! What each change does, and its inverse.

use super::{Change, LAST_CLASS, LAST_EXAMPLE, LearnError, Learner, MAX_CLASSES};
use crate::learn::examples::MAX_VIEWS;
use crate::learn::head;

impl Learner {
    /// Makes one change and returns its inverse. With `rebuild` the head is left alone: it is rebuilt afterwards.
    pub(super) fn apply(&mut self, change: Change, rebuild: bool) -> Result<Change, LearnError> {
        match change {
            Change::AddClass(class, name) => {
                if self.classes.values().any(|known| *known == name) {
                    return Err(LearnError::NameTaken(name));
                }
                if self.classes.len() >= MAX_CLASSES {
                    return Err(LearnError::TooManyClasses);
                }
                if self.classes.contains_key(&class) {
                    return Err(LearnError::ClassExists(class));
                }
                if class > LAST_CLASS {
                    let (got, last) = (class.0.into(), LAST_CLASS.0.into());
                    return Err(LearnError::NoIdLeft { what: "class", got, last });
                }
                if !rebuild {
                    self.head.add_class(class)?;
                }
                self.classes.insert(class, name);
                self.next_class = self.next_class.max(class.0 + 1);
                Ok(Change::RemoveClass(class))
            }
            Change::RemoveClass(class) => {
                let name = self.name_of(class)?.clone();
                let count = self.examples.count(class);
                if count > 0 {
                    return Err(LearnError::ClassInUse { class, count });
                }
                if !rebuild {
                    self.head.remove_class(class)?;
                }
                self.classes.remove(&class);
                Ok(Change::AddClass(class, name))
            }
            Change::RenameClass(class, name) => {
                let old = self.name_of(class)?.clone();
                if old != name && self.classes.values().any(|known| *known == name) {
                    return Err(LearnError::NameTaken(name));
                }
                self.classes.insert(class, name);
                Ok(Change::RenameClass(class, old))
            }
            Change::AddExample(example) => {
                self.name_of(example.class)?;
                let id = example.id;
                if self.examples.get(id).is_some() {
                    return Err(LearnError::ExampleExists(id));
                }
                if let Some(got) =
                    [id.0, example.group.0].into_iter().find(|id| *id > LAST_EXAMPLE.0)
                {
                    let last = LAST_EXAMPLE.0;
                    return Err(LearnError::NoIdLeft { what: "example", got, last });
                }
                let got = example.views.len();
                if got > MAX_VIEWS {
                    return Err(LearnError::TooManyViews { got });
                }
                let feature = example.widened();
                head::check_feature(self.dim, &feature)?;
                for view in example.widened_views() {
                    head::check_feature(self.dim, &view)?;
                }
                if !rebuild {
                    self.head.teach_stored(&[example.stored_lesson()])?;
                }
                self.next_example = self.next_example.max(id.0.max(example.group.0) + 1);
                self.examples.insert(example);
                Ok(Change::RemoveExample(id))
            }
            Change::RemoveExample(id) => {
                let example = self.examples.get(id).ok_or(LearnError::NoExample(id))?;
                if !rebuild {
                    example.lesson(|lesson| self.head.unlearn(lesson))?;
                }
                let example = self.examples.remove(id).expect("found above");
                Ok(Change::AddExample(example))
            }
            Change::Relabel(id, class) => {
                self.name_of(class)?;
                let mut example = self.examples.get(id).ok_or(LearnError::NoExample(id))?.clone();
                let old = example.clone();
                example.class = class;
                if !rebuild {
                    old.lesson(|lesson| self.head.unlearn(lesson))?;
                    if let Err(error) = self.head.teach_stored(&[example.stored_lesson()]) {
                        let back = self.head.teach_stored(&[old.stored_lesson()]);
                        back.expect("it was learned before");
                        return Err(error.into());
                    }
                }
                self.examples.insert(example);
                Ok(Change::Relabel(id, old.class))
            }
            Change::SetHead(config) => {
                if !rebuild {
                    self.head = self.built(&config)?;
                }
                Ok(Change::SetHead(std::mem::replace(&mut self.config, config)))
            }
            Change::SetThresholds(thresholds) => {
                if !thresholds.are_valid() {
                    return Err(LearnError::Thresholds(thresholds));
                }
                Ok(Change::SetThresholds(std::mem::replace(&mut self.thresholds, thresholds)))
            }
        }
    }
}
