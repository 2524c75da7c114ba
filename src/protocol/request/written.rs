//! How answers are written: the types of the learner and of the store that stand in them have no form of their own.

use serde::{Deserialize, Serialize};

use super::forms::RegionForm;
use crate::image::frame::{Region, Timestamp};
use crate::learn::command::{Accuracy, ClassSummary, ExampleSummary, Reply, Status};
use crate::learn::decision::{Doubt, Suspect, Thresholds};
use crate::learn::head::{ClassId, ExampleId, HeadConfig};
use crate::learn::learner::Subject;
use crate::store::Generation;
use crate::store::signed::Signature;
use crate::store::snapshot::Difference;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Timestamp")]
pub(super) struct TimestampForm(u64);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Reply")]
pub(super) enum ReplyForm {
    Taught {
        class: String,
        examples: Vec<ExampleId>,
        count: usize,
        new_class: bool,
        evicted: Vec<ExampleId>,
        #[serde(with = "balanced")]
        estimate: Option<Accuracy>,
    },
    Undone {
        changes: Vec<String>,
        left: usize,
    },
    Forgotten {
        classes: Vec<String>,
        examples: Vec<ExampleId>,
    },
    Relabelled {
        examples: Vec<ExampleId>,
        class: String,
        new_class: bool,
    },
    Renamed {
        from: String,
        to: String,
    },
    Classes(#[serde(with = "classes")] Vec<ClassSummary>),
    Examples(#[serde(with = "examples")] Vec<ExampleSummary>),
    Status(#[serde(with = "status")] Box<Status>),
    Head {
        #[serde(with = "head")]
        config: HeadConfig,
        #[serde(with = "balanced")]
        estimate: Option<Accuracy>,
    },
    Threshold(#[serde(with = "ThresholdsForm")] Thresholds),
    Merged {
        classes: Vec<String>,
        added: usize,
        known: usize,
        disputed: usize,
        repeated: usize,
    },
    Effect {
        #[serde(with = "ThresholdsForm")]
        thresholds: Thresholds,
        right: usize,
        wrong: usize,
        unknown: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ClassSummary")]
struct ClassForm {
    id: ClassId,
    name: String,
    count: usize,
    recall: Option<f32>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ExampleSummary")]
struct ExampleForm {
    id: ExampleId,
    class: String,
    #[serde(with = "TimestampForm")]
    taught: Timestamp,
    origin: String,
    doubt: Option<(String, f32)>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Status")]
struct StatusForm {
    dim: usize,
    #[serde(with = "head")]
    head: HeadConfig,
    classes: usize,
    examples: usize,
    bytes: (usize, usize),
    undo_steps: usize,
    #[serde(with = "within")]
    estimate: Option<Accuracy>,
    looks: usize,
    advice: String,
    /// A device looks at frames.
    #[serde(skip)]
    subject: Subject,
    #[serde(with = "suspects")]
    suspects: Vec<Suspect>,
    #[serde(with = "ThresholdsForm")]
    thresholds: Thresholds,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Suspect")]
struct SuspectForm {
    example: ExampleId,
    class: ClassId,
    taken_for: ClassId,
    confidence: f32,
    #[serde(with = "DoubtForm")]
    doubt: Doubt,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Doubt")]
enum DoubtForm {
    WrongLabel,
    Hard,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Thresholds")]
struct ThresholdsForm {
    confidence: f32,
    novelty: f32,
    false_reject: f32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Signature")]
pub(super) enum SignatureForm {
    None,
    Unchecked,
    Trusted,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Generation")]
pub(super) struct GenerationForm {
    number: u64,
    name: String,
    automatic: bool,
    #[serde(with = "TimestampForm")]
    at: Timestamp,
    classes: usize,
    examples: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Difference")]
pub(super) struct DifferenceForm {
    classes_added: Vec<String>,
    classes_gone: Vec<String>,
    renamed: Vec<(String, String)>,
    added: Vec<(u64, String)>,
    gone: Vec<(u64, String)>,
    relabelled: Vec<(u64, String, String)>,
}

/// Lists, boxes and the like of one of these: each as its form has it.
macro_rules! written {
    ($module:ident, $of:ty, $form:literal, $shown:ty, $all:ty, $each:expr, $together:expr) => {
        pub(super) mod $module {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            use super::*;

            #[derive(Serialize)]
            pub(super) struct One<'a>(#[serde(with = $form)] pub(super) &'a $of);

            #[derive(Deserialize)]
            pub(super) struct Own(#[serde(with = $form)] pub(super) $of);

            pub(in super::super) fn serialize<S: Serializer>(
                all: &$shown,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                $each(all).serialize(to)
            }

            pub(in super::super) fn deserialize<'a, D: Deserializer<'a>>(
                from: D,
            ) -> Result<$all, D::Error> {
                Deserialize::deserialize(from).map($together)
            }
        }
    };
}

macro_rules! list {
    ($module:ident, $of:ty, $form:literal) => {
        written!($module, $of, $form, [$of], Vec<$of>, |all| list(all, One), |all: Vec<Own>| all
            .into_iter()
            .map(|Own(one)| one)
            .collect());
    };
}

fn list<'a, T, W>(all: &'a [T], one: impl Fn(&'a T) -> W) -> Vec<W> {
    all.iter().map(one).collect()
}

list!(classes, ClassSummary, "ClassForm");
list!(examples, ExampleSummary, "ExampleForm");
list!(suspects, Suspect, "SuspectForm");
list!(generations, Generation, "GenerationForm");
written!(status, Status, "StatusForm", Status, Box<Status>, One, |Own(one)| Box::new(one));

/// A [`Status`], or none.
pub(super) mod status_if_any {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Status;
    use super::status::{One, Own};

    pub(in super::super) fn serialize<S: Serializer>(
        status: &Option<Box<Status>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        status.as_deref().map(One).serialize(to)
    }

    pub(in super::super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Box<Status>>, D::Error> {
        Ok(Option::<Own>::deserialize(from)?.map(|Own(status)| Box::new(status)))
    }
}

/// An estimate without its interval.
mod balanced {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::learn::command::Accuracy;

    pub(super) fn serialize<S: Serializer>(
        accuracy: &Option<Accuracy>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        accuracy.as_ref().map(|accuracy| accuracy.balanced).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Accuracy>, D::Error> {
        Ok(Option::deserialize(from)?.map(Accuracy::without_interval))
    }
}

/// An estimate and, beside it, its interval.
mod within {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::learn::command::Accuracy;

    type Written = (Option<f32>, Option<(f32, f32)>);

    pub(super) fn serialize<S: Serializer>(
        accuracy: &Option<Accuracy>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let of = |one: &Accuracy| (one.balanced, one.interval);
        let written: Written = accuracy.as_ref().map(of).unzip();
        written.serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Accuracy>, D::Error> {
        let (balanced, interval): Written = Deserialize::deserialize(from)?;
        let accuracy = balanced.map(Accuracy::without_interval);
        Ok(accuracy.map(|one| Accuracy { interval: interval.unwrap_or(one.interval), ..one }))
    }
}

/// A head with its usual settings: others are not sent.
mod head {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::learn::head::{HeadConfig, HeadKind};

    pub(super) fn serialize<S: Serializer>(head: &HeadConfig, to: S) -> Result<S::Ok, S::Error> {
        head.kind().serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<HeadConfig, D::Error> {
        HeadKind::deserialize(from).map(HeadConfig::of)
    }
}

/// Regions and their names, where they have any.
pub(super) mod regions {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Region, RegionForm};

    #[derive(Serialize, Deserialize)]
    struct Named(Option<String>, #[serde(with = "RegionForm")] Region);

    pub(in super::super) fn serialize<S: Serializer>(
        regions: &[(Option<String>, Region)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(regions.iter().map(|(name, region)| Named(name.clone(), *region)))
    }

    pub(in super::super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Vec<(Option<String>, Region)>, D::Error> {
        let all = Vec::<Named>::deserialize(from)?;
        Ok(all.into_iter().map(|Named(name, region)| (name, region)).collect())
    }
}
