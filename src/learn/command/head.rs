use super::{Accuracy, CommandResult, Reply};
use crate::learn::head::HeadConfig;
use crate::learn::learner::{Change, Learner};

/// Uses another head, taught with all that is stored; without one, shows which is in use.
///
/// A head that lives by angles, [`HeadKind::wants_centre`], is given the mean of what is stored as its centre, unless
/// it comes with one; asking for the same head again recomputes the mean.
///
/// [`HeadKind::wants_centre`]: crate::learn::head::HeadKind::wants_centre
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeHead {
    /// The head to use.
    pub config: Option<HeadConfig>,
}

impl ChangeHead {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        let config = self.config.map(|config| match config.scaling.centre {
            None if config.kind().wants_centre() => config.with_centre(mean(learner)),
            _ => config,
        });
        let made = match config {
            Some(config) if config != *learner.head_config() => {
                learner.change(vec![Change::SetHead(config)])?
            }
            _ => Vec::new(),
        };
        learner.recalibrate();
        let config = learner.head_config().clone();
        Ok((Reply::Head { config, estimate: Accuracy::of(learner) }, made))
    }
}

/// `[dim]`, the mean over the stored examples; `None` where there is none.
fn mean(learner: &Learner) -> Option<Vec<f32>> {
    let count = learner.examples().len();
    let mut sum = vec![0.0f64; learner.dim()];
    for example in learner.examples().iter() {
        sum.iter_mut().zip(example.widened()).for_each(|(sum, value)| *sum += f64::from(value));
    }
    (count > 0).then(|| sum.into_iter().map(|sum| (sum / count as f64) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;
    use crate::learn::command::{Command, NewExample, TeachExamples};
    use crate::learn::head::HeadKind;

    #[test]
    fn heads_by_angle_are_centred_on_the_stored_examples() {
        let mut learner = Learner::new(2, HeadConfig::default(), usize::MAX).expect("valid");
        let example = |feature: [f32; 2]| NewExample::new(feature.to_vec(), "");
        for (class, feature) in [("a", [3.0, 1.0]), ("b", [1.0, 3.0]), ("b", [2.0, 5.0])] {
            let teach = TeachExamples { class: class.to_owned(), examples: vec![example(feature)] };
            Command::Teach(teach).apply(&mut learner, Timestamp(1)).expect("a new example");
        }
        let mut centre = |kind, centre| {
            let config = Some(HeadConfig::of(kind).with_centre(centre));
            ChangeHead { config }.apply(&mut learner).expect("valid settings");
            learner.head_config().scaling.centre.clone()
        };
        assert_eq!(centre(HeadKind::Knn, None), Some(vec![2.0, 3.0]));
        assert_eq!(centre(HeadKind::Prototype, Some(vec![0.5; 2])), Some(vec![0.5; 2]));
        assert_eq!(centre(HeadKind::Ridge, None), None);
    }
}
