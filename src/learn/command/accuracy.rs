use crate::learn::learner::Learner;

/// How well what was taught would do on parts and scenes like those taught, by leaving each look out.
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracy {
    /// Mean of the classes' recalls, 0 to 1.
    pub balanced: f32,
    /// Where the true one lies with a probability of 90 %.
    pub interval: (f32, f32),
    /// The class of fewest looks, where they are too few for [`Accuracy::balanced`] to mean much: the interval is wider
    /// than half of all there is.
    pub few_looks: Option<String>,
}

impl Accuracy {
    /// An interval that is wider leaves open what the estimate is.
    const WIDE: f32 = 0.5;

    /// One of which the interval is not known.
    pub fn without_interval(balanced: f32) -> Self {
        Self { balanced, interval: (0.0, 1.0), few_looks: None }
    }

    /// `None` where it cannot be estimated: there is one class, or one that has a single look.
    pub fn of(learner: &Learner) -> Option<Self> {
        // Of one class there is nothing to ask for, and of good parts it takes long.
        let estimate = (learner.classes().len() > 1).then(|| learner.estimate())??;
        let (balanced, interval) = (estimate.balanced_accuracy?, estimate.interval);
        let looks = learner.examples().looks().into_iter();
        let fewest = looks.min_by_key(|&(class, looks)| (looks, class));
        let fewest = fewest.filter(|_| interval.1 - interval.0 > Self::WIDE);
        let name = |(class, _)| Some(learner.classes().get(&class)?.to_string());
        Some(Self { balanced, interval, few_looks: fewest.and_then(name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;
    use crate::learn::command::{Command, NewExample, TeachExamples};
    use crate::learn::head::HeadConfig;

    /// Looks about their class's place.
    fn learner(many: u32, few: u32) -> Learner {
        let mut learner = Learner::new(4, HeadConfig::default(), usize::MAX).expect("valid");
        let example = |class: f32, look: u32| {
            let turn = |at: u32| if (look >> at) & 1 == 0 { 1.0 } else { -1.0 };
            let feature = vec![class, turn(0), turn(1), 0.1 * turn(2)];
            NewExample { burst: look, ..NewExample::new(feature, "") }
        };
        for (name, class, looks) in [("good", 0.5, many), ("crack", -0.5, few)] {
            let examples = (0..looks).map(|look| example(class, look)).collect();
            let teach = TeachExamples { class: name.to_owned(), examples };
            Command::Teach(teach).apply(&mut learner, Timestamp(1)).expect("new examples");
        }
        learner.bring_up_to_date();
        learner
    }

    #[test]
    fn a_wide_interval_names_the_class_of_few_looks() {
        // Jeffreys' interval of 2.4 looks is wider than half whatever was right.
        let rare = Accuracy::of(&learner(3, 2)).expect("two looks each");
        assert!(rare.interval.1 - rare.interval.0 > 0.5, "{rare:?}");
        assert_eq!(rare.few_looks.as_deref(), Some("crack"));
        let enough = Accuracy::of(&learner(60, 40)).expect("two looks each");
        assert!(enough.interval.1 - enough.interval.0 < 0.5, "{enough:?}");
        assert_eq!(enough.few_looks, None);
        assert_eq!(Accuracy::of(&learner(60, 1)), None);
    }
}
