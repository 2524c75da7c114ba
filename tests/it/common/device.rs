//! A device without a camera: a real learner behind [`RequestHandler`], fed with made-up features.

use std::sync::Arc;

use fieldtune::image::frame::{Region, Timestamp};
use fieldtune::learn::command::{Command, NewExample, Reply, TeachExamples};
use fieldtune::learn::learner::Learner;
use fieldtune::protocol::request::{
    self, Answer, Classification, InboxFrame, Progress, RecentFrame, Refused, Request,
    RequestHandler,
};
use fieldtune::protocol::session::Sink;
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::snapshot::{ModelId, Snapshot};
use fieldtune::store::{DiskStore, MemoryDisk};

pub struct FakeDevice {
    persistent: PersistentLearner<Learner, DiskStore>,
    pub region: Region,
    pub outputs: Vec<(String, bool)>,
    pub smoothing: String,
    /// Every request that came, in short.
    pub asked: Vec<String>,
    time: u64,
}

impl FakeDevice {
    pub fn new() -> Self {
        Self {
            persistent: PersistentLearner::new(
                persistent::empty(&model()).expect("four values"),
                DiskStore::new(Arc::new(MemoryDisk::default()), "card"),
                model(),
            )
            .expect("the same backbone"),
            region: Region::Whole,
            outputs: vec![("reject".to_owned(), false), ("red".to_owned(), true)],
            smoothing: "1".to_owned(),
            asked: Vec::new(),
            time: 0,
        }
    }

    pub fn learner(&self) -> &Learner {
        self.persistent.learner()
    }

    fn now(&mut self) -> Timestamp {
        self.time += 1_000_000;
        Timestamp(self.time)
    }

    fn teach(&mut self, class: String, seeds: &[u8]) -> Result<Answer, Refused> {
        let examples = seeds.iter().map(|&seed| {
            NewExample::new(feature(&class, seed), &format!("camera\u{1b}[2J {seed}"))
        });
        let examples = examples.collect();
        self.command(Command::Teach(TeachExamples { class, examples }))
    }

    fn command(&mut self, command: Command) -> Result<Answer, Refused> {
        let now = self.now();
        match self.persistent.apply(command, now).map_err(refused)? {
            Reply::Status(learned) => {
                Ok(Answer::Status { learned: Some(learned), device: Vec::new() })
            }
            reply => Ok(Answer::Reply(reply)),
        }
    }

    fn output(&mut self, name: &str) -> Result<&mut bool, Refused> {
        let found = self.outputs.iter_mut().find(|(known, _)| known == name);
        found.map(|(_, on)| on).ok_or_else(|| Refused(format!("there is no output {name}")))
    }
}

fn refused(error: impl std::fmt::Display) -> Refused {
    Refused(error.to_string())
}

fn feature(class: &str, seed: u8) -> Vec<f32> {
    let kind = class.bytes().map(u32::from).sum::<u32>() % 3;
    (0..4).map(|i| if i == kind { 1.0 } else { f32::from(seed % 7 + i as u8) / 100.0 }).collect()
}

pub fn classification(class: &str) -> Classification {
    Classification {
        captured: Timestamp(1_000_000),
        frame: None,
        age_micros: 1500,
        region: None,
        class: Some(class.to_owned()),
        best: class.to_owned(),
        confidence: 0.97,
        runner_up: Some(("good".to_owned(), 0.03)),
        novelty: 0.5,
        line: None,
    }
}

pub fn model() -> ModelId {
    ModelId { name: "fake".to_owned(), fingerprint: [7; 32], dim: 4 }
}

/// Nothing had been taught when the first came.
fn recent(unsure_first: bool, most: usize) -> Answer {
    let verdict = |number| Classification { frame: Some(number), ..classification("scratch") };
    let frame = |number| RecentFrame {
        number,
        age_micros: 1_500_000,
        classification: (number > 7).then(|| verdict(number)),
        line: None,
    };
    let numbers = if unsure_first { [7, 9, 8] } else { [9, 8, 7] };
    Answer::Recent(numbers.map(frame).into_iter().take(most).collect())
}

fn inbox() -> Answer {
    let frame = |id| InboxFrame {
        id,
        kept: Timestamp(1_000_000),
        reason: "unknown".to_owned(),
        classification: Classification { class: None, ..classification("scratch") },
        line: None,
    };
    Answer::Inbox([9, 8, 7].map(frame).to_vec())
}

impl RequestHandler for FakeDevice {
    fn handle(
        &mut self,
        request: Request,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused> {
        // Its regions all know the same.
        if let Request::Of(request::Of { request, .. }) = request {
            return self.handle(*request, progress);
        }
        let short = format!("{request:?}");
        self.asked.push(short.chars().take(200).collect());
        let request = match request.into_command() {
            Ok(command) => return self.command(command),
            Err(request) => request,
        };
        match request {
            Request::Teach(request::Teach { class, count, .. }) => {
                for done in 1..=count {
                    progress(Progress { done, total: count, waiting: false });
                }
                // A part that nobody moves.
                if class == "still" {
                    progress(Progress { done: 1, total: count, waiting: true });
                    let note = format!("1 of {count}: the part did not move");
                    return self.teach(class, &[1]).map(|answer| answer.with_notes(vec![note]));
                }
                let seeds: Vec<u8> = (0..count as u8).collect();
                self.teach(class, &seeds)
            }
            Request::Burst(request::Burst { class, .. }) => self.teach(class, &[1, 2, 3]),
            Request::TeachFrames(request::TeachFrames { class, frames }) => {
                let seeds: Vec<u8> = frames.iter().map(|&frame| frame as u8).collect();
                self.teach(class, &seeds)
            }
            Request::Recent(request::Recent { unsure_first }) => Ok(recent(unsure_first, 3)),
            Request::RecentFew(request::RecentFew { unsure_first, most }) => {
                Ok(recent(unsure_first, most as usize))
            }
            // One has made room meanwhile.
            Request::RecentPicture(request::RecentPicture { frame: frame @ 8..=9 }) => {
                Ok(Answer::Picture {
                    frame: Some(frame),
                    width: 4,
                    height: 3,
                    file: vec![frame as u8; 40],
                })
            }
            Request::RecentPicture(request::RecentPicture { frame }) => {
                Err(Refused(format!("frame {frame} is not there")))
            }
            Request::Inbox(request::Inbox) => Ok(inbox()),
            // One was taught meanwhile.
            Request::InboxPicture(request::InboxPicture { id: 7 }) => {
                Err(Refused("the inbox has no frame 7; see inbox".to_owned()))
            }
            Request::InboxPicture(request::InboxPicture { id }) => {
                let file = vec![id as u8; 40];
                Ok(Answer::Picture { frame: None, width: 4, height: 3, file })
            }
            Request::InboxAssign(request::InboxAssign { class, frames }) => {
                let seeds: Vec<u8> = frames.iter().map(|&frame| frame as u8).collect();
                self.teach(class, &seeds)
            }
            Request::InboxDrop(request::InboxDrop::Frames(frames)) => {
                Ok(Answer::InboxDropped { frames: frames.len(), left: 1 })
            }
            Request::InboxDrop(request::InboxDrop::All) => {
                Ok(Answer::InboxDropped { frames: 3, left: 0 })
            }
            Request::Adapt(_) => Ok(super::messages::adapted()),
            Request::EndAdapt(_) => Ok(Answer::Done),
            Request::Finetune(_) => Ok(super::messages::fine_tuned()),
            Request::EndFinetune(_) => Ok(Answer::Done),
            Request::Follow(request::Follow { on }) => {
                let state = if on == Some(true) { "on" } else { "off" };
                Ok(Answer::Settings(vec![("follow".to_owned(), state.to_owned())]))
            }
            Request::Confusion(request::Confusion) => Ok(super::messages::confusion()),
            Request::ExamplePicture(request::ExamplePicture { example }) => {
                Err(Refused(format!("no image of example {example} is kept")))
            }
            Request::TeachImage(request::TeachImage { class, image }) => {
                self.teach(class, &image[..1])
            }
            Request::Classify(request::Classify { image }) => match image.first() {
                Some(b'n') => Ok(Answer::Classified(None)),
                _ => Ok(Answer::Classified(Some(classification("scratch")))),
            },
            Request::Explain(request::Explain { example: None, .. }) => {
                let (width, height, file) = (4, 3, vec![7; 40]);
                let answer = Answer::Picture { frame: Some(9), width, height, file };
                Ok(answer.with_notes(vec!["scratch, most of it at 1,2".to_owned()]))
            }
            Request::Explain(_) => Err(Refused("no image of that example is kept".to_owned())),
            Request::Snap(request::Snap) => Ok(Answer::Picture {
                frame: None,
                width: 640,
                height: 480,
                file: (0..100_000u32).map(|i| (i.wrapping_mul(i) / 7) as u8).collect(),
            }),
            Request::Watch(_) => Err(Refused("the session does this".to_owned())),
            Request::SetRegion(request::SetRegion(region)) => {
                self.region = region.unwrap_or(self.region);
                Ok(Answer::Region(self.region))
            }
            Request::Regions(request::Regions) => {
                let named = |name: &str| (Some(name.to_owned()), self.region);
                Ok(Answer::Regions(vec![named("left"), named("lower"), named("right")]))
            }
            Request::UndoTaught(request::UndoTaught) => {
                self.command(Command::Undo(fieldtune::learn::command::UndoLatest))
            }
            Request::UndoTeach(_) | Request::EndBurst(_) => Ok(Answer::Done),
            Request::Outputs(request::Outputs) => Ok(Answer::Outputs(self.outputs.clone())),
            Request::SetOutput(request::SetOutput { name, on }) => {
                self.output(&name).map(|output| {
                    *output = on;
                    Answer::Done
                })
            }
            Request::TestOutput(request::TestOutput { name }) => {
                self.output(&name).map(|_| Answer::Done)
            }
            Request::Restart(_) | Request::Unlock(_) | Request::Lock(request::Lock) => {
                Ok(Answer::Done)
            }
            Request::Save(request::Save { name }) => {
                let now = self.now();
                let saved = self.persistent.save(name.as_deref(), now).map_err(refused)?;
                Ok(Answer::Saved(saved))
            }
            Request::Generations(request::Generations) => {
                self.persistent.generations().map(Answer::Generations).map_err(refused)
            }
            Request::RollBack(request::RollBack { generation }) => {
                let now = self.now();
                self.persistent.roll_back(generation, now).map(|()| Answer::Done).map_err(refused)
            }
            Request::Diff(request::Diff { from, to }) => {
                self.persistent.difference(from, to).map(Answer::Difference).map_err(refused)
            }
            Request::DropGeneration(request::DropGeneration { generation }) => {
                self.persistent.drop_generation(generation).map(|()| Answer::Done).map_err(refused)
            }
            Request::Log(request::Log { lines }) => {
                Ok(Answer::Log((0..lines).map(|line| format!("line {line}\u{7}")).collect()))
            }
            Request::Settings(request::Settings) => {
                Ok(Answer::Settings(vec![("smoothing".to_owned(), self.smoothing.clone())]))
            }
            Request::Set(request::Set { name, value }) if name == "smoothing" => {
                self.smoothing = value;
                Ok(Answer::Done)
            }
            Request::Set(request::Set { name, .. }) => {
                Err(Refused(format!("there is no setting {name}")))
            }
            Request::GetPolicy(_) | Request::SavePolicy(_) => Ok(Answer::Policy {
                policy: Some("line.toml".to_owned()),
                read_only: None,
                revision: "1".to_owned(),
                text: "# a\u{7}\n".to_owned(),
            }),
            Request::Version(request::Version) => {
                Ok(Answer::Version { program: "0.1.0".to_owned(), model: model().name })
            }
            Request::Pull(request::Pull) => Ok(Answer::Learned(self.persistent.learned().encode())),
            Request::Push(request::Push { learned, merge }) => {
                let (learned, now) = (Snapshot::decode(&learned).map_err(refused)?, self.now());
                if merge {
                    return self
                        .persistent
                        .merge(&[learned], None, now)
                        .map(Answer::Reply)
                        .map_err(refused);
                }
                self.persistent
                    .replace(learned, "push", None, now)
                    .map(|()| Answer::Done)
                    .map_err(refused)
            }
            _ => unreachable!("see above"),
        }
    }
}

/// Keeps what was sent; offers are taken or not.
#[derive(Default)]
pub struct Kept {
    pub bytes: Vec<u8>,
    pub busy: bool,
    pub can_be_left: bool,
    pub left: bool,
}

impl Sink for Kept {
    fn send(&mut self, bytes: Vec<u8>) {
        self.bytes.extend(bytes);
    }

    fn offer(&mut self, bytes: Vec<u8>) {
        if !self.busy {
            self.bytes.extend(bytes);
        }
    }

    fn leave(&mut self) -> bool {
        self.left = self.can_be_left;
        self.left
    }
}
