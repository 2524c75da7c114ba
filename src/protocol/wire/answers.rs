//! Answers as they are sent. The numbers of variants and the order of fields are the format.

use serde::{Deserialize, Serialize};

use super::messages::{WireRegion, WireVerdict, head_named, ids, numbers};
use super::states::{WireDifference, WireGeneration, WireSignature};
use super::{WireError, from_bytes, to_bytes};
use crate::image::frame::{Region, Timestamp};
use crate::learn::command::{ClassSummary, ExampleSummary, Reply, Status};
use crate::learn::decision::{Doubt, Suspect, Thresholds};
use crate::learn::head::{ClassId, ExampleId};
use crate::protocol::request::{Answer, Judgement, RecentFrame, Refused};
use crate::store::Generation;

#[derive(Debug, Serialize, Deserialize)]
enum WireAnswer {
    /// Why, in a line for people.
    Refused(String),
    Done,
    Taught {
        class: String,
        examples: Vec<u64>,
        count: u64,
        new_class: bool,
        evicted: Vec<u64>,
        estimate: Option<f32>,
    },
    Undone {
        changes: Vec<String>,
        left: u64,
    },
    Forgotten {
        classes: Vec<String>,
        examples: Vec<u64>,
    },
    Relabelled {
        examples: Vec<u64>,
        class: String,
        new_class: bool,
    },
    Renamed {
        from: String,
        to: String,
    },
    Classes(Vec<WireClass>),
    Examples(Vec<WireExample>),
    Status {
        learned: Option<WireStatus>,
        device: Option<Vec<(String, String)>>,
    },
    /// The head by name.
    Head {
        name: String,
        estimate: Option<f32>,
    },
    Threshold {
        confidence: f32,
        novelty: f32,
    },
    Picture {
        width: u32,
        height: u32,
        file: Vec<u8>,
    },
    Judged(Option<WireVerdict>),
    Region(WireRegion),
    Regions(Vec<(Option<String>, WireRegion)>),
    Outputs(Vec<(String, bool)>),
    Log(Vec<String>),
    Settings(Vec<(String, String)>),
    Version {
        program: String,
        model: String,
    },
    Learned(Vec<u8>),
    Merged {
        classes: Vec<String>,
        added: u64,
        known: u64,
        disputed: u64,
        repeated: u64,
    },
    Saved(WireGeneration),
    Generations(Vec<WireGeneration>),
    Difference(WireDifference),
    Pushed {
        signature: WireSignature,
    },
    /// As `Picture`, of a frame with a number.
    NumberedPicture {
        frame: u64,
        width: u32,
        height: u32,
        file: Vec<u8>,
    },
    /// Numbers, microseconds since they were judged, verdicts.
    Recent(Vec<(u64, u64, Option<WireVerdict>)>),
    /// Another answer, as its message, and what there is to know about it; not another one of these.
    Noted {
        answer: Vec<u8>,
        note: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct WireClass {
    id: u32,
    name: String,
    count: u64,
    recall: Option<f32>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireExample {
    id: u64,
    class: String,
    taught_micros: u64,
    origin: String,
    doubt: Option<(String, f32)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireStatus {
    dim: u64,
    head: String,
    classes: u64,
    examples: u64,
    bytes: u64,
    budget_bytes: u64,
    undo_steps: u64,
    estimate: Option<f32>,
    interval: Option<(f32, f32)>,
    looks: u64,
    advice: String,
    /// Example, its class, the class it is taken for, how surely, whether its label is probably wrong.
    suspects: Vec<(u64, u32, u32, f32, bool)>,
    confidence: f32,
    novelty: f32,
}

impl From<Status> for WireStatus {
    fn from(status: Status) -> Self {
        let suspect = |s: &Suspect| {
            let wrong = s.doubt == Doubt::WrongLabel;
            (s.example.0, s.class.0, s.taken_for.0, s.confidence, wrong)
        };
        Self {
            dim: status.dim as u64,
            head: status.head.kind().name().to_owned(),
            classes: status.classes as u64,
            examples: status.examples as u64,
            bytes: status.bytes.0 as u64,
            budget_bytes: status.bytes.1 as u64,
            undo_steps: status.undo_steps as u64,
            estimate: status.estimate,
            interval: status.interval,
            looks: status.looks as u64,
            advice: status.advice,
            suspects: status.suspects.iter().map(suspect).collect(),
            confidence: status.thresholds.confidence,
            novelty: status.thresholds.limit(),
        }
    }
}

impl TryFrom<WireStatus> for Status {
    type Error = WireError;

    fn try_from(status: WireStatus) -> Result<Self, WireError> {
        let suspect = |(example, class, taken_for, confidence, wrong)| Suspect {
            example: ExampleId(example),
            class: ClassId(class),
            taken_for: ClassId(taken_for),
            confidence,
            doubt: if wrong { Doubt::WrongLabel } else { Doubt::Hard },
        };
        Ok(Self {
            dim: status.dim as usize,
            head: head_named(&status.head)?,
            classes: status.classes as usize,
            examples: status.examples as usize,
            bytes: (status.bytes as usize, status.budget_bytes as usize),
            undo_steps: status.undo_steps as usize,
            estimate: status.estimate,
            interval: status.interval,
            looks: status.looks as usize,
            advice: status.advice,
            suspects: status.suspects.into_iter().map(suspect).collect(),
            thresholds: Thresholds::of_limit(status.confidence, status.novelty),
        })
    }
}

impl From<ClassSummary> for WireClass {
    fn from(class: ClassSummary) -> Self {
        let ClassSummary { id: ClassId(id), name, count, recall } = class;
        Self { id, name, count: count as u64, recall }
    }
}

impl From<WireClass> for ClassSummary {
    fn from(class: WireClass) -> Self {
        let WireClass { id, name, count, recall } = class;
        Self { id: ClassId(id), name, count: count as usize, recall }
    }
}

impl From<ExampleSummary> for WireExample {
    fn from(example: ExampleSummary) -> Self {
        let ExampleSummary { id: ExampleId(id), class, taught, origin, doubt } = example;
        Self { id, class, taught_micros: taught.0, origin, doubt }
    }
}

impl From<WireExample> for ExampleSummary {
    fn from(example: WireExample) -> Self {
        let WireExample { id, class, taught_micros, origin, doubt } = example;
        Self { id: ExampleId(id), class, taught: Timestamp(taught_micros), origin, doubt }
    }
}

impl From<Reply> for WireAnswer {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Taught { class, examples, count, new_class, evicted, estimate } => {
                WireAnswer::Taught {
                    class,
                    examples: numbers(&examples),
                    count: count as u64,
                    new_class,
                    evicted: numbers(&evicted),
                    estimate,
                }
            }
            Reply::Undone { changes, left } => WireAnswer::Undone { changes, left: left as u64 },
            Reply::Forgotten { classes, examples } => {
                WireAnswer::Forgotten { classes, examples: numbers(&examples) }
            }
            Reply::Relabelled { examples, class, new_class } => {
                WireAnswer::Relabelled { examples: numbers(&examples), class, new_class }
            }
            Reply::Renamed { from, to } => WireAnswer::Renamed { from, to },
            Reply::Classes(classes) => {
                WireAnswer::Classes(classes.into_iter().map(WireClass::from).collect())
            }
            Reply::Examples(examples) => {
                WireAnswer::Examples(examples.into_iter().map(WireExample::from).collect())
            }
            Reply::Status(learned) => {
                WireAnswer::Status { learned: Some((*learned).into()), device: None }
            }
            Reply::Head { config, estimate } => {
                WireAnswer::Head { name: config.kind().name().to_owned(), estimate }
            }
            Reply::Threshold(thresholds) => {
                let (confidence, novelty) = (thresholds.confidence, thresholds.limit());
                WireAnswer::Threshold { confidence, novelty }
            }
            Reply::Merged { classes, added, known, disputed, repeated } => {
                let (added, known) = (added as u64, known as u64);
                let (disputed, repeated) = (disputed as u64, repeated as u64);
                WireAnswer::Merged { classes, added, known, disputed, repeated }
            }
        }
    }
}

impl From<Answer> for WireAnswer {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Done => WireAnswer::Done,
            Answer::Reply(reply) => reply.into(),
            Answer::Noted { answer, note } => {
                WireAnswer::Noted { answer: to_bytes(&WireAnswer::from(*answer)), note }
            }
            Answer::Status { learned, device } => {
                let learned = learned.map(|learned| (*learned).into());
                WireAnswer::Status { learned, device: Some(device) }
            }
            Answer::Picture { frame: None, width, height, file } => {
                WireAnswer::Picture { width, height, file }
            }
            Answer::Picture { frame: Some(frame), width, height, file } => {
                WireAnswer::NumberedPicture { frame, width, height, file }
            }
            Answer::Recent(frames) => {
                let wire = |RecentFrame { number, age_micros, judgement }: RecentFrame| {
                    (number, age_micros, judgement.as_ref().map(WireVerdict::from))
                };
                WireAnswer::Recent(frames.into_iter().map(wire).collect())
            }
            Answer::Judged(judgement) => {
                WireAnswer::Judged(judgement.as_ref().map(WireVerdict::from))
            }
            Answer::Region(region) => WireAnswer::Region(region.into()),
            Answer::Regions(regions) => {
                let wire = |(name, region): (Option<String>, Region)| (name, region.into());
                WireAnswer::Regions(regions.into_iter().map(wire).collect())
            }
            Answer::Outputs(outputs) => WireAnswer::Outputs(outputs),
            Answer::Log(lines) => WireAnswer::Log(lines),
            Answer::Settings(settings) => WireAnswer::Settings(settings),
            Answer::Version { program, model } => WireAnswer::Version { program, model },
            Answer::Learned(learned) => WireAnswer::Learned(learned),
            Answer::Saved(generation) => WireAnswer::Saved(generation.into()),
            Answer::Generations(generations) => {
                WireAnswer::Generations(generations.into_iter().map(WireGeneration::from).collect())
            }
            Answer::Difference(difference) => WireAnswer::Difference(difference.into()),
            Answer::Pushed { signature } => WireAnswer::Pushed { signature: signature.into() },
        }
    }
}

/// As a message.
pub fn encode_answer(answer: &Result<Answer, Refused>) -> Vec<u8> {
    to_bytes(&match answer.clone() {
        Ok(answer) => WireAnswer::from(answer),
        Err(Refused(why)) => WireAnswer::Refused(why),
    })
}

/// # Errors
/// [`WireError::Content`].
pub fn decode_answer(bytes: &[u8]) -> Result<Result<Answer, Refused>, WireError> {
    match from_bytes::<WireAnswer>(bytes)? {
        WireAnswer::Noted { answer, note } => {
            Ok(plain_answer(from_bytes(&answer)?)?.map(|answer| answer.with_notes(vec![note])))
        }
        plain => plain_answer(plain),
    }
}

fn plain_answer(wire: WireAnswer) -> Result<Result<Answer, Refused>, WireError> {
    let reply = |reply| Ok(Ok(Answer::Reply(reply)));
    Ok(Ok(match wire {
        WireAnswer::Noted { .. } => {
            return Err(WireError::Content("a note on a note".to_owned()));
        }
        WireAnswer::Refused(why) => return Ok(Err(Refused(why))),
        WireAnswer::Done => Answer::Done,
        WireAnswer::Taught { class, examples, count, new_class, evicted, estimate } => {
            let (examples, count, evicted) = (ids(examples), count as usize, ids(evicted));
            let taught = Reply::Taught { class, examples, count, new_class, evicted, estimate };
            return reply(taught);
        }
        WireAnswer::Undone { changes, left } => {
            return reply(Reply::Undone { changes, left: left as usize });
        }
        WireAnswer::Forgotten { classes, examples } => {
            return reply(Reply::Forgotten { classes, examples: ids(examples) });
        }
        WireAnswer::Relabelled { examples, class, new_class } => {
            return reply(Reply::Relabelled { examples: ids(examples), class, new_class });
        }
        WireAnswer::Renamed { from, to } => return reply(Reply::Renamed { from, to }),
        WireAnswer::Classes(classes) => {
            return reply(Reply::Classes(classes.into_iter().map(ClassSummary::from).collect()));
        }
        WireAnswer::Examples(examples) => {
            let examples = examples.into_iter().map(ExampleSummary::from).collect();
            return reply(Reply::Examples(examples));
        }
        WireAnswer::Status { learned: Some(learned), device: None } => {
            return reply(Reply::Status(Box::new(learned.try_into()?)));
        }
        WireAnswer::Status { learned: None, device: None } => {
            return Err(WireError::Content("a status of nothing".to_owned()));
        }
        WireAnswer::Status { learned, device: Some(device) } => {
            let learned = learned.map(Status::try_from).transpose()?.map(Box::new);
            Answer::Status { learned, device }
        }
        WireAnswer::Head { name, estimate } => {
            return reply(Reply::Head { config: head_named(&name)?, estimate });
        }
        WireAnswer::Threshold { confidence, novelty } => {
            return reply(Reply::Threshold(Thresholds::of_limit(confidence, novelty)));
        }
        WireAnswer::Picture { width, height, file } => {
            Answer::Picture { frame: None, width, height, file }
        }
        WireAnswer::NumberedPicture { frame, width, height, file } => {
            Answer::Picture { frame: Some(frame), width, height, file }
        }
        WireAnswer::Recent(frames) => {
            let frame = |(number, age_micros, verdict): (u64, u64, Option<WireVerdict>)| {
                let of_frame =
                    |verdict| Judgement { frame: Some(number), ..Judgement::from(verdict) };
                RecentFrame { number, age_micros, judgement: verdict.map(of_frame) }
            };
            Answer::Recent(frames.into_iter().map(frame).collect())
        }
        WireAnswer::Judged(verdict) => Answer::Judged(verdict.map(Judgement::from)),
        WireAnswer::Region(region) => Answer::Region(Region::from(region)),
        WireAnswer::Regions(regions) => {
            let region = |(name, region)| (name, Region::from(region));
            Answer::Regions(regions.into_iter().map(region).collect())
        }
        WireAnswer::Outputs(outputs) => Answer::Outputs(outputs),
        WireAnswer::Log(lines) => Answer::Log(lines),
        WireAnswer::Settings(settings) => Answer::Settings(settings),
        WireAnswer::Version { program, model } => Answer::Version { program, model },
        WireAnswer::Learned(learned) => Answer::Learned(learned),
        WireAnswer::Merged { classes, added, known, disputed, repeated } => {
            let (added, known) = (added as usize, known as usize);
            let (disputed, repeated) = (disputed as usize, repeated as usize);
            return reply(Reply::Merged { classes, added, known, disputed, repeated });
        }
        WireAnswer::Saved(generation) => Answer::Saved(generation.into()),
        WireAnswer::Generations(generations) => {
            Answer::Generations(generations.into_iter().map(Generation::from).collect())
        }
        WireAnswer::Difference(difference) => Answer::Difference(difference.into()),
        WireAnswer::Pushed { signature } => Answer::Pushed { signature: signature.into() },
    }))
}
