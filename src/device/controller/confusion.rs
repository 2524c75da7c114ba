//! How well the classes of a region are told apart, and how that came about.

use super::Station;
use super::answers::refused;
use crate::backbone::FeatureSource;
use crate::image::frame::Timestamp;
use crate::learn::command::{Command, ReadStatus};
use crate::learn::head::ClassId;
use crate::protocol::request::{Answer, ConfusionRow, Refused};
use crate::store::Store;

impl<S: FeatureSource, K: Store> Station<S, K> {
    pub(super) fn confusion(&mut self, place: usize, date: Timestamp) -> Result<Answer, Refused> {
        let learned = self.learned_mut(place);
        // It brings the estimate up to date.
        learned.apply(Command::Status(ReadStatus), date).map_err(refused)?;
        let learner = learned.learner();
        let (looks, estimate) = (learner.examples().looks(), learner.estimate());
        let classes: Vec<ClassId> = learner.classes().keys().copied().collect();
        let shares = |class: ClassId| {
            let (estimate, place) = (estimate?, |class| classes.binary_search(&class).ok());
            let (_, recall) = estimate.recalls.get(&class)?;
            let mut shares = vec![0.0; classes.len()];
            shares[place(class)?] = *recall;
            for (_, other, share) in estimate.confused.iter().filter(|(of, ..)| *of == class) {
                shares[place(*other)?] = *share;
            }
            Some(shares)
        };
        let row = |class: &ClassId| ConfusionRow {
            class: learned.class(*class),
            examples: learner.examples().count(*class),
            looks: looks.get(class).copied().unwrap_or(0),
            predicted: shares(*class),
        };
        let rows = classes.iter().map(row).collect();
        Ok(Answer::Confusion { rows, curve: learned.predicted.curve().to_vec() })
    }
}
