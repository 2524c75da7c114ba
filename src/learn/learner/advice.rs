//! What to show next.

use super::{ClassName, Learner};
use crate::learn::decision::Doubt;
use crate::learn::head::{ClassId, ExampleId};

/// What would help most, in one sentence by [`std::fmt::Display`].
#[derive(Debug, Clone, PartialEq)]
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
    /// An example probably has the wrong label.
    CheckLabel {
        /// It.
        example: ExampleId,
        /// What it was taught as.
        class: ClassName,
        /// What the others say.
        taken_for: ClassName,
    },
    /// A class was looked at too seldom to judge it.
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
    /// Nothing stands out.
    Any {
        /// The class of which a look helps most.
        class: ClassName,
    },
}

/// Looks at which a class can be judged.
const FEW: usize = 3;

/// So many times as many looks are told.
const UNBALANCED: usize = 20;

impl Learner {
    /// What would help most now.
    pub fn advice(&self) -> Advice {
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
        let estimate = self.estimate.as_ref();
        let suspect = estimate.and_then(|estimate| estimate.suspects.first());
        if let Some(suspect) = suspect.filter(|suspect| suspect.doubt == Doubt::WrongLabel) {
            let (class, taken_for) = (name(&suspect.class), name(&suspect.taken_for));
            return Advice::CheckLabel { example: suspect.example, class, taken_for };
        }
        if least.2 < FEW {
            return Advice::MoreLooks { class: least.1.clone(), looks: least.2 };
        }
        if most.2 > UNBALANCED * least.2 {
            let (class, most_class) = (least.1.clone(), most.1.clone());
            let (looks, looks_of_most) = (least.2, most.2);
            return Advice::Unbalanced { class, looks, most: most_class, looks_of_most };
        }
        let next = self.next_class().unwrap_or(least.0);
        let confused = estimate.into_iter().flat_map(|estimate| &estimate.confused);
        match confused.into_iter().find(|(class, ..)| *class == next) {
            Some((class, taken_for, share)) => {
                Advice::Confused { class: name(class), taken_for: name(taken_for), share: *share }
            }
            None => Advice::Any { class: name(&next) },
        }
    }

    /// The class of which one more look is likely to help most: often misjudged, seldom looked at. `None` while nothing
    /// has been taught.
    pub fn next_class(&self) -> Option<ClassId> {
        let looks = self.examples.looks();
        let need = |class: &ClassId| {
            let count = looks.get(class).copied().unwrap_or(0) as f32;
            let recall = self.estimate.as_ref().and_then(|estimate| estimate.recalls.get(class));
            // As if half a look more had been right and half a one wrong.
            let wrong =
                recall.map_or(1.0, |(_, recall)| (1.0 - recall) * count + 0.5) / (count + 1.0);
            wrong / (count + 1.0)
        };
        let classes = self.classes.keys().filter(|class| looks.contains_key(class));
        classes.copied().max_by(|a, b| need(a).total_cmp(&need(b)).then(b.cmp(a)))
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
            Advice::CheckLabel { example, class, taken_for } => write!(
                f,
                "check example {}: it was taught as {class} and looks like {taken_for} \
                 (relabel it if that is right)",
                example.0
            ),
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
            Advice::Any { class } => write!(f, "show more {class}"),
        }
    }
}
