//! What to show next.

use super::{ClassName, Correction, Learner, Subject};
use crate::learn::decision::Doubt;
use crate::learn::head::{ClassId, ExampleId};

/// What would help most, in one sentence by [`Advice::about`], of frames by [`std::fmt::Display`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Advice {
    /// Nothing has been taught.
    Begin,
    /// There is one class.
    SecondClass {
        /// It.
        class: ClassName,
        /// Independent looks at it.
        looks: usize,
    },
    /// There is one class, and frames unlike it were kept: a second class begins with them.
    Unlike {
        /// The class.
        class: ClassName,
        /// Their ids where they are kept, at least one.
        frames: Vec<u64>,
    },
    /// An example probably has the wrong label.
    CheckLabel {
        /// It.
        example: ExampleId,
        /// What it was taught as.
        class: ClassName,
        /// What the others say.
        taken_for: ClassName,
    },
    /// A class was looked at too seldom to classify it.
    MoreLooks {
        /// The class.
        class: ClassName,
        /// Independent looks at it.
        looks: usize,
    },
    /// A class is taken for another.
    Confused {
        /// The class of which more is wanted.
        class: ClassName,
        /// What it is taken for.
        taken_for: ClassName,
        /// How often, 0 to 1.
        share: f32,
    },
    /// One class has many times as many looks as another.
    Unbalanced {
        /// The class with few.
        class: ClassName,
        /// Looks at it.
        looks: usize,
        /// The class with many.
        most: ClassName,
        /// Looks at that.
        looks_of_most: usize,
    },
    /// There is enough to train the last blocks of the backbone with.
    FineTune {
        /// Looks of the class with fewest.
        looks: usize,
    },
    /// Nothing stands out.
    Any {
        /// The class of which a look helps most.
        class: ClassName,
    },
}

/// Looks of every class from which on fine-tuning gained in measurements, see docs/learning.md.
const MANY: usize = 20;

/// Where so much is right already, fine-tuning gains next to nothing.
const NEARLY_ALL: f32 = 0.98;

/// Looks at which a class can be classified.
const FEW: usize = 3;

/// Looks up to which a class has as many as the one with fewest: a quarter more.
fn enough(least: usize) -> usize {
    least + least / 4
}

impl Learner {
    /// What would help most now.
    pub fn advice(&self) -> Advice {
        if self.examples.are_described()
            && let Some(class) = self.only_described().next()
        {
            return Advice::MoreLooks { class: self.classes[&class].clone(), looks: 0 };
        }
        let looks = self.examples.looks();
        let of = |class: &ClassId| looks.get(class).copied().unwrap_or(0);
        let taught = self.classes.iter().filter(|(class, _)| of(class) > 0);
        let mut taught: Vec<(ClassId, &ClassName, usize)> =
            taught.map(|(class, name)| (*class, name, of(class))).collect();
        taught.sort_by_key(|(class, _, looks)| (*looks, *class));
        let (least, most) = match taught[..] {
            [] => return Advice::Begin,
            [(_, class, looks)] => return Advice::SecondClass { class: class.clone(), looks },
            [least, .., most] => (least, most),
        };
        let name = |class: &ClassId| self.classes[class].clone();
        let estimate = self.estimate();
        let suspect = estimate.and_then(|estimate| estimate.suspects.first());
        if let Some(suspect) = suspect.filter(|suspect| suspect.doubt == Doubt::WrongLabel) {
            let (class, taken_for) = (name(&suspect.class), name(&suspect.taken_for));
            return Advice::CheckLabel { example: suspect.example, class, taken_for };
        }
        if least.2 < FEW {
            return Advice::MoreLooks { class: least.1.clone(), looks: least.2 };
        }
        let next = self.next_class().unwrap_or(least.0);
        if most.2 > enough(least.2) {
            let (class, most_class) = (name(&next), most.1.clone());
            let (looks, looks_of_most) = (of(&next), most.2);
            return Advice::Unbalanced { class, looks, most: most_class, looks_of_most };
        }
        if least.2 >= MANY && self.may_gain_by_tuning() {
            return Advice::FineTune { looks: least.2 };
        }
        let confused = estimate.into_iter().flat_map(|estimate| &estimate.confused);
        match confused.into_iter().find(|(class, ..)| *class == next) {
            Some((class, taken_for, share)) => {
                Advice::Confused { class: name(class), taken_for: name(taken_for), share: *share }
            }
            None => Advice::Any { class: name(&next) },
        }
    }

    /// Whether every example has its image, some are taken for another class, and the backbone has no blocks of its own.
    fn may_gain_by_tuning(&self) -> bool {
        let right = self.estimate().and_then(|estimate| estimate.balanced_accuracy);
        self.correction == Correction::NONE
            && self.subject == Subject::Frames
            && right.is_some_and(|right| right < NEARLY_ALL)
            && self.examples.iter().all(|example| example.image.is_some())
    }

    /// The class of which one more look is likely to help most: of those with fewest looks, or a quarter more, the one
    /// that is misclassified most often. `None` while nothing has been taught.
    ///
    /// Equal looks beat any other order that was tried, see docs/learning.md: what is misclassified often because it is
    /// hard stays hard, and takes the looks that others lack.
    pub fn next_class(&self) -> Option<ClassId> {
        let looks = self.examples.looks();
        let known = |class: &&ClassId| looks.contains_key(class);
        let least = self.classes.keys().filter(known).map(|class| looks[class]).min()?;
        let few = |class: &&ClassId| looks[class] <= enough(least);
        let wrong = |class: &ClassId| {
            let recall = self.estimate().and_then(|estimate| estimate.recalls.get(class));
            recall.map_or(1.0, |(_, recall)| 1.0 - recall)
        };
        let classes = self.classes.keys().filter(known).filter(few).copied();
        classes.max_by(|a, b| {
            wrong(a).total_cmp(&wrong(b)).then(looks[b].cmp(&looks[a])).then(b.cmp(a))
        })
    }
}

impl Advice {
    /// The sentence in the words of what is learned from.
    pub fn about(&self, subject: Subject) -> String {
        match subject {
            Subject::Frames => self.to_string(),
            Subject::Lines => self.of_lines(),
            Subject::Sounds => self.of_sounds(),
        }
    }

    fn of_sounds(&self) -> String {
        match self {
            Advice::Begin => "teach a first class, five different recordings of it".to_owned(),
            Advice::MoreLooks { class, looks } => {
                let wanted = "other loads, other days";
                match looks {
                    1 => format!("teach {class} again, it has 1 look: {wanted}"),
                    looks => format!("teach {class} again, it has {looks} looks: {wanted}"),
                }
            }
            _ => self.to_string(),
        }
    }

    fn of_lines(&self) -> String {
        match self {
            Advice::Begin => "teach a first class, five different lines of it".to_owned(),
            Advice::SecondClass { class, looks } if *looks < 10 => {
                format!("teach a second class, or ten lines of {class} to find what is unlike them")
            }
            Advice::MoreLooks { class, looks } => {
                let lines = if *looks == 1 { "line" } else { "lines" };
                format!("teach more lines of {class}, it has {looks} {lines}: other wordings")
            }
            Advice::Confused { class, taken_for, share } => format!(
                "teach more lines of {class}: {:.0} % of them are taken for {taken_for}",
                share * 100.0
            ),
            Advice::Unbalanced { class, looks, most, looks_of_most } => format!(
                "teach more lines of {class}: it has {looks} lines, {most} has {looks_of_most}"
            ),
            Advice::Any { class } => format!("teach more lines of {class}"),
            // Nothing in them is of frames; lines have no inbox and no images.
            Advice::SecondClass { .. }
            | Advice::Unlike { .. }
            | Advice::CheckLabel { .. }
            | Advice::FineTune { .. } => self.to_string(),
        }
    }
}

impl std::fmt::Display for Advice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Advice::Begin => f.write_str("teach a first class, five different looks at it"),
            Advice::SecondClass { class, looks } if *looks < 10 => {
                write!(f, "teach a second class, or ten looks at {class} to find what is unlike it")
            }
            Advice::SecondClass { class, .. } => {
                write!(f, "teach a second class; until then all is {class} or unknown")
            }
            Advice::Unlike { class, frames } => {
                const LISTED: usize = 5;
                let wait = if frames.len() == 1 { "frame waits" } else { "frames wait" };
                let count = frames.len();
                let mut ids: Vec<String> = frames.iter().take(LISTED).map(u64::to_string).collect();
                ids.extend((count > LISTED).then(|| "...".to_owned()));
                let ids = ids.join(" ");
                write!(
                    f,
                    "{count} {wait} in the inbox, unlike {class}: `inbox assign {ids} CLASS` makes them the first \
                     examples of a class"
                )
            }
            Advice::CheckLabel { example, class, taken_for } => write!(
                f,
                "check example {}: it was taught as {class} and looks like {taken_for} \
                 (relabel it if that is right)",
                example.0
            ),
            Advice::MoreLooks { class, looks: 0 } => {
                write!(f, "show {class}, it is known by words alone")
            }
            Advice::MoreLooks { class, looks } => write!(
                f,
                "show {class} again, {}: other parts, other positions",
                match looks {
                    1 => "it has 1 look".to_owned(),
                    looks => format!("it has {looks} looks"),
                }
            ),
            Advice::Confused { class, taken_for, share } => {
                write!(
                    f,
                    "show more {class}: {:.0} % of it is taken for {taken_for}",
                    share * 100.0
                )
            }
            Advice::Unbalanced { class, looks, most, looks_of_most } => {
                write!(f, "show more {class}: it has {looks} looks, {most} has {looks_of_most}")
            }
            Advice::FineTune { looks } => write!(
                f,
                "try `finetune`: every class has {looks} looks or more, so training the backbone's last blocks may help"
            ),
            Advice::Any { class } => write!(f, "show more {class}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::image::frame::Timestamp;
    use crate::learn::command::{Command, NewExample, TeachExamples};
    use crate::learn::examples::{Example, ImageMark};
    use crate::learn::head::HeadConfig;

    /// Classes of that many looks; those of `c` lie among those of `b`.
    fn taught(looks: [usize; 3]) -> Learner {
        let mut learner = Learner::new(3, HeadConfig::default(), 1 << 20).expect("it is sound");
        for (class, (middle, looks)) in
            [[9.0, 0.0], [0.0, 9.0], [0.0, 9.1]].iter().zip(looks).enumerate()
        {
            for look in 0..looks {
                let stray = [0.3, -0.7, 0.9, -0.2][look % 4] + look as f32 * 0.01;
                let feature = vec![middle[0] + stray, middle[1] - stray, stray * 2.0];
                let examples = vec![NewExample::new(feature, "")];
                let class = ["a", "b", "c"][class].to_owned();
                let teach = Command::Teach(TeachExamples { class, examples });
                teach.apply(&mut learner, Timestamp(0)).expect("there is room");
            }
        }
        learner.recalibrate();
        learner
    }

    #[test]
    fn the_class_with_fewest_looks_is_asked_for_first() {
        let told = |looks| taught(looks).advice().to_string();
        assert_eq!(told([6, 12, 12]), "show more a: it has 6 looks, c has 12");
        assert_eq!(told([9, 9, 3]), "show more c: it has 3 looks, b has 9");
        assert_eq!(told([2, 9, 9]), "show a again, it has 2 looks: other parts, other positions");
        let of_lines = |looks| taught(looks).advice().about(Subject::Lines);
        assert_eq!(of_lines([6, 12, 12]), "teach more lines of a: it has 6 lines, c has 12");
        assert_eq!(of_lines([2, 9, 9]), "teach more lines of a, it has 2 lines: other wordings");
    }

    #[test]
    fn fine_tuning_is_proposed_where_it_may_gain() {
        let image = ImageMark::of(b"a JPEG file");
        let told = |looks: usize, with_image: bool, correction| {
            let mut learner = taught([looks; 3]);
            let examples: Vec<_> = learner.examples.iter().cloned().collect();
            let image = with_image.then_some(image);
            let examples = examples.into_iter().map(|one| Example { image, ..one });
            learner = learner.relearned(examples, 3, HeadConfig::default()).expect("it is sound");
            learner.set_correction(correction);
            learner.advice().to_string()
        };
        let wanted = "try `finetune`: every class has 20 looks or more, so training the backbone's last blocks may help";
        assert_eq!(told(20, true, Correction::NONE), wanted);
        let tuned = Correction { temperature: 1.5, ..Correction::NONE };
        for (looks, with_image, correction) in
            [(19, true, Correction::NONE), (20, false, Correction::NONE), (20, true, tuned)]
        {
            let told = told(looks, with_image, correction);
            assert!(told.starts_with("show more "), "{looks}: {told}");
        }
    }

    #[test]
    fn among_equal_classes_the_confused_one_is_proposed() {
        for looks in [[8, 8, 8], [8, 10, 9]] {
            let advice = taught(looks).advice();
            let Advice::Confused { class, .. } = &advice else { panic!("{advice:?}") };
            assert_ne!(class.as_str(), "a", "{advice}");
        }
    }

    /// Two classes of 20 looks whose values stray alone, and among those of `a` one of `b`; hard ones lie between.
    fn with_a_wrong_label(between: f32, wrong: f32) -> Learner {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut learner = Learner::new(24, HeadConfig::default(), 1 << 20).expect("it is sound");
        for look in 0..41 {
            let class = if look % 2 == 0 { "a" } else { "b" };
            let own = if look % 2 == 0 { between } else { -between };
            let own = if look == 40 { own * wrong } else { own };
            let value = |at: usize| {
                let sign = if at.is_multiple_of(3) { 1.0 } else { -1.0 };
                1.0 + own * sign + random.random_range(-0.3..0.3)
            };
            let examples = vec![NewExample::new((0..24).map(value).collect(), "")];
            let teach = Command::Teach(TeachExamples { class: class.to_owned(), examples });
            teach.apply(&mut learner, Timestamp(look)).expect("there is room");
        }
        learner.recalibrate();
        learner
    }

    #[test]
    fn one_wrong_label_among_looks_that_agree_is_found() {
        let told = with_a_wrong_label(0.3, -1.0).advice().to_string();
        let wanted =
            "check example 41: it was taught as a and looks like b (relabel it if that is right)";
        assert_eq!(told, wanted);
        // The same with the right label, and with a look that is only a little nearer to the other class.
        for right in [1.0, -0.1] {
            let learner = with_a_wrong_label(0.3, right);
            let suspects = &learner.estimate().expect("two classes").suspects;
            assert!(suspects.iter().all(|one| one.doubt == Doubt::Hard), "{right}: {suspects:?}");
        }
    }
}
