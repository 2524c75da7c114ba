//! What a device answers. The numbers of variants and the order of fields are the form on the wire: new ones stand
//! behind the others.

use serde::{Deserialize, Serialize};

use super::forms::RegionForm;
use super::written;
use crate::backbone::Tail;
use crate::image::frame::{Region, Timestamp};
use crate::learn::adapt::Proposal;
use crate::learn::command::{Accuracy, Reply, Status};
use crate::learn::head::ClassId;
use crate::learn::tune::Validation;
use crate::store::Generation;
use crate::store::signed::Signature;
use crate::store::snapshot::Difference;

/// What a device answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Answer {
    /// It is done, and there is nothing to report.
    Done,
    /// To a command, and to everything that teaches.
    Reply(#[serde(with = "written::ReplyForm")] Reply),
    /// To [`GetStatus`](super::GetStatus).
    Status {
        /// What was learned; `None` where several regions are looked at and none of them was asked.
        #[serde(with = "written::status_if_any")]
        learned: Option<Box<Status>>,
        /// How the device is: names and values in the order to show.
        device: Vec<(String, String)>,
    },
    /// The latest frame, or one that was asked for.
    Picture {
        /// Its number, where it is known.
        frame: Option<u64>,
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// A PNG or JPEG file.
        file: Vec<u8>,
    },
    /// Frames that were classified.
    Recent(Vec<RecentFrame>),
    /// What a picture was taken for; `None` while nothing has been taught.
    Classified(Option<Classification>),
    /// The part of a frame that is looked at.
    Region(#[serde(with = "RegionForm")] Region),
    /// The parts that are looked at, and their names where they have any.
    Regions(#[serde(with = "written::regions")] Vec<(Option<String>, Region)>),
    /// The outputs and whether each is active.
    Outputs(Vec<(String, bool)>),
    /// Lines of the log, the latest last.
    Log(Vec<String>),
    /// Names and values.
    Settings(Vec<(String, String)>),
    /// Which program and which backbone.
    Version {
        /// The program's version.
        program: String,
        /// The backbone's name.
        model: String,
    },
    /// A [`crate::store::snapshot::Snapshot`], encoded.
    Learned(Vec<u8>),
    /// The generation that was made.
    Saved(#[serde(with = "written::GenerationForm")] Generation),
    /// Generations, the oldest first.
    Generations(#[serde(with = "written::generations")] Vec<Generation>),
    /// What changed.
    Difference(#[serde(with = "written::DifferenceForm")] Difference),
    /// To [`Push`](super::Push): it is in place.
    Pushed {
        /// What is known of who made it.
        #[serde(with = "written::SignatureForm")]
        signature: Signature,
    },
    /// Frames that wait for a person, the newest first.
    Inbox(Vec<InboxFrame>),
    /// Frames left the inbox.
    InboxDropped {
        /// How many.
        frames: usize,
        /// How many are left.
        left: usize,
    },
    /// How well the classes are told apart, and how that came about.
    Confusion {
        /// A row a class, in the order of their ids.
        rows: Vec<ConfusionRow>,
        /// Requests that taught, the oldest first.
        curve: Vec<CurvePoint>,
    },
    /// The policy's text.
    Policy {
        /// The file or the name; `None` where the device has no policy.
        policy: Option<String>,
        /// Why it cannot be changed; `None` where it can.
        read_only: Option<String>,
        /// Changes with the text.
        revision: String,
        /// As it is written.
        text: String,
    },
    /// To [`Adapt`](super::Adapt).
    Adapted(Box<Adaptation>),
    /// To [`Finetune`](super::Finetune).
    FineTuned(Box<FineTuning>),
    /// Another answer, with a note. On the wire the note stands beside the answer.
    #[serde(skip)]
    Noted {
        /// It; never another of these.
        answer: Box<Answer>,
        /// It, in a line for people.
        note: String,
    },
}

impl Answer {
    /// With a note.
    #[must_use]
    pub fn with_notes(self, notes: Vec<String>) -> Self {
        let note = notes.join("; ");
        match (notes.is_empty(), self) {
            (true, answer) => answer,
            (false, Answer::Noted { answer, note: before }) => {
                Answer::Noted { answer, note: format!("{before}; {note}") }
            }
            (false, answer) => Answer::Noted { answer: Box::new(answer), note },
        }
    }

    /// The estimate that it has.
    fn estimate_mut(&mut self) -> Option<&mut Accuracy> {
        match self {
            Answer::Reply(Reply::Taught { estimate, .. } | Reply::Head { estimate, .. }) => {
                estimate.as_mut()
            }
            Answer::Reply(Reply::Status(status)) => status.estimate.as_mut(),
            Answer::Status { learned, .. } => learned.as_mut()?.estimate.as_mut(),
            Answer::Noted { answer, .. } => answer.estimate_mut(),
            _ => None,
        }
    }

    /// What of its estimate stands behind the answer and its note on the wire, in a message of the first version not at
    /// all: the interval, and the class of too few looks.
    pub(in crate::protocol) fn estimate_detail(&self) -> Option<EstimateDetail> {
        let (estimate, is_status) = match self.plain() {
            Answer::Reply(Reply::Taught { estimate, .. } | Reply::Head { estimate, .. }) => {
                (estimate.as_ref()?, false)
            }
            Answer::Reply(Reply::Status(status)) => (status.estimate.as_ref()?, true),
            Answer::Status { learned, .. } => (learned.as_ref()?.estimate.as_ref()?, true),
            _ => return None,
        };
        // A status has its interval itself.
        let is_known = is_status || *estimate == Accuracy::without_interval(estimate.balanced);
        let is_more = estimate.few_looks.is_some() || !is_known;
        is_more.then(|| (estimate.interval, estimate.few_looks.clone()))
    }

    /// With that.
    pub(in crate::protocol) fn with_estimate_detail(
        mut self,
        (interval, few_looks): EstimateDetail,
    ) -> Self {
        if let Some(estimate) = self.estimate_mut() {
            (estimate.interval, estimate.few_looks) = (interval, few_looks);
        }
        self
    }

    /// The lines of its frames, in their order, where one of them has one.
    pub(in crate::protocol) fn lines(&self) -> Option<Vec<Option<String>>> {
        let lines: Vec<Option<String>> = match self.plain() {
            Answer::Recent(frames) => frames.iter().map(|frame| frame.line.clone()).collect(),
            Answer::Inbox(frames) => frames.iter().map(|frame| frame.line.clone()).collect(),
            _ => return None,
        };
        lines.iter().any(Option::is_some).then_some(lines)
    }

    /// Whether the frames that it lists may have lines.
    pub(in crate::protocol) fn may_have_lines(&self) -> bool {
        matches!(self.plain(), Answer::Recent(_) | Answer::Inbox(_))
    }

    /// With those; `None` where they are not as [`Answer::lines`] gives them.
    pub(in crate::protocol) fn with_lines(mut self, lines: Vec<Option<String>>) -> Option<Self> {
        let plain = match &mut self {
            Answer::Noted { answer, .. } => &mut **answer,
            answer => answer,
        };
        let places: Vec<&mut Option<String>> = match plain {
            Answer::Recent(frames) => frames.iter_mut().map(|frame| &mut frame.line).collect(),
            Answer::Inbox(frames) => frames.iter_mut().map(|frame| &mut frame.line).collect(),
            _ => return None,
        };
        if places.len() != lines.len() || lines.iter().all(Option::is_none) {
            return None;
        }
        places.into_iter().zip(lines).for_each(|(place, line)| *place = line);
        Some(self)
    }

    /// The answer itself, without notes.
    pub fn plain(&self) -> &Answer {
        match self {
            Answer::Noted { answer, .. } => answer,
            answer => answer,
        }
    }
}

/// Interval and class of [`Accuracy`].
pub(in crate::protocol) type EstimateDetail = ((f32, f32), Option<String>);

/// A verdict in words, for people and programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// When the frame was taken.
    #[serde(with = "written::TimestampForm")]
    pub captured: Timestamp,
    /// Microseconds between capture and verdict.
    pub age_micros: u64,
    /// The frame's number, where it is one of the camera.
    pub frame: Option<u64>,
    /// The region it is of, where there are several.
    pub region: Option<String>,
    /// The class, or unknown.
    pub class: Option<String>,
    /// The class with the highest score, also where the verdict is unknown.
    pub best: String,
    /// Probability of `best`, 0 to 1.
    pub confidence: f32,
    /// The class in second place and its probability.
    pub runner_up: Option<(String, f32)>,
    /// Above 1 the frame lies farther from every example than examples of one class do.
    pub novelty: f32,
    /// The beginning of the line, where it is of text. On the wire it stands behind the message.
    #[serde(skip)]
    pub line: Option<String>,
}

impl Classification {
    /// [`Classification::confidence`] where there is a second class; without one it is 1 whatever the frame shows, and
    /// says nothing.
    pub fn shown_confidence(&self) -> Option<f32> {
        self.runner_up.as_ref().map(|_| self.confidence)
    }
}

/// A frame that was classified and can be learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecentFrame {
    /// Counts the frames since the program began; [`Classification::frame`].
    pub number: u64,
    /// Microseconds since it was classified.
    pub age_micros: u64,
    /// What it was taken for; `None` where nothing had been taught.
    pub classification: Option<Classification>,
    /// The beginning of the line, where it is of text. On the wire it stands behind the message.
    #[serde(skip)]
    pub line: Option<String>,
}

/// A frame that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InboxFrame {
    /// Its id in the inbox, never used twice.
    pub id: u64,
    /// When it was classified.
    #[serde(with = "written::TimestampForm")]
    pub kept: Timestamp,
    /// Why it is kept: `unknown`, `novel`, `unsure` or `sample`.
    pub reason: String,
    /// What was predicted then.
    pub classification: Classification,
    /// The beginning of the line, where it is of text. On the wire it stands behind the message.
    #[serde(skip)]
    pub line: Option<String>,
}

/// What the examples of a class are predicted as when their look is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfusionRow {
    /// The class's name.
    pub class: String,
    /// Its examples.
    pub examples: usize,
    /// Its independent looks.
    pub looks: usize,
    /// `[classes]`, the share predicted as each class, 0 to 1, in the order of the rows; `None` where it cannot be
    /// measured: the class has a single look.
    pub predicted: Option<Vec<f32>>,
}

/// A request that taught, or several that followed each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// When, of several the last.
    #[serde(with = "written::TimestampForm")]
    pub at: Timestamp,
    /// Examples before it.
    pub examples: u32,
    /// Balanced accuracy by leave-one-out before it, 0 to 1, where it was known.
    pub estimate: Option<f32>,
    /// Frames of classes that were known, classified before they were taught.
    pub frames: u32,
    /// Those of them that were predicted right.
    pub right: u32,
}

/// What factors and offsets of red, green and blue would bring to frames, or bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adaptation {
    /// How many frames were compared.
    pub frames: usize,
    /// Factors of red, green and blue.
    pub gain: [f32; 3],
    /// What is added to each afterwards, in grey levels.
    pub offset: [f32; 3],
    /// Shares of the frames that are unknown, before and with it, 0 to 1.
    pub unknown: [f64; 2],
    /// How unlike what was taught they are on average, before and with it; see
    /// [`Comparison::strange`](crate::learn::adapt::Comparison::strange).
    pub strangeness: [f64; 2],
    /// Standard error of the difference.
    pub uncertainty: f64,
    /// Share of the frames that are predicted as before, 0 to 1.
    pub agreement: f64,
    /// Shares of the frames by the class predicted with it.
    pub classes: Vec<(String, f64)>,
    /// Why it is not taken; `None`: it helps.
    pub reason: Option<String>,
    /// Whether frames go through it from now on.
    pub applied: bool,
}

impl Adaptation {
    /// * `name`: of a class.
    pub fn of(proposal: &Proposal, applied: bool, name: impl Fn(ClassId) -> String) -> Self {
        let Proposal { levels, comparison } = proposal;
        let classes = comparison.classes.iter();
        Self {
            frames: comparison.frames,
            gain: levels.gain,
            offset: levels.offset,
            unknown: comparison.unknown,
            strangeness: comparison.strange,
            uncertainty: comparison.uncertainty,
            agreement: comparison.agreement,
            classes: classes.map(|(class, share)| (name(*class), *share)).collect(),
            reason: comparison.refusal().map(|refusal| refusal.to_string()),
            applied,
        }
    }
}

/// What fine-tuning the last blocks of the backbone would bring, or brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FineTuning {
    /// Examples that were trained with.
    pub examples: usize,
    /// Looks that were left out in turns.
    pub looks: usize,
    /// The tensor behind which the blocks begin.
    pub cut: String,
    /// Weights of the blocks.
    pub weights: usize,
    /// Balanced accuracy of left-out looks without the blocks, 0 to 1.
    pub before: f64,
    /// The same with them.
    pub after: f64,
    /// Standard error of the difference.
    pub uncertainty: f64,
    /// Whether it gains more than chance alone might give.
    pub helps: bool,
    /// Whether the blocks are used from now on.
    pub applied: bool,
}

impl FineTuning {
    /// * `as_it_is`: the blocks before.
    pub fn of(validation: &Validation, examples: usize, as_it_is: &Tail, applied: bool) -> Self {
        Self {
            examples,
            looks: validation.looks,
            cut: as_it_is.cut().to_owned(),
            weights: as_it_is.network().weights().len(),
            before: validation.frozen,
            after: validation.adapted,
            uncertainty: validation.uncertainty,
            helps: validation.helps(),
            applied,
        }
    }
}

/// How far a long request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub done: u32,
    /// Steps in all; 0 where it is not known.
    pub total: u32,
    /// It goes on once the part has moved: every frame is like those that were taken already.
    pub waiting: bool,
}

/// Why a request was refused, in one line for people; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);
