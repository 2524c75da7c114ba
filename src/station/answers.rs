//! Requests that are answered at once.

use super::{SNAP_SIDE, Station};
use crate::backbone::FeatureSource;
use crate::command::{Command, Reply, Shot, Teach};
use crate::decision::Verdict;
use crate::frame::{Frame, MAX_SIDE, Timestamp};
use crate::learner::ClassName;
use crate::picture;
use crate::request::{Answer, Refused, Request};
use crate::store::Store;

impl<S: FeatureSource, K: Store> Station<S, K> {
    pub(super) fn answer(&mut self, request: Request, now: Timestamp) -> Result<Answer, Refused> {
        match request {
            Request::Command(Command::Teach(_)) | Request::Teach { .. } | Request::Burst { .. } => {
                Err(Refused("teaching needs frames: ask for teach, burst or an image".to_owned()))
            }
            Request::Command(command) => match self.keeper.apply(command, now).map_err(refused)? {
                Reply::Status(learned) => {
                    let device =
                        self.record.figures(self.panel.look(|panel| panel.actions.missed()).0);
                    Ok(Answer::Status { learned, device })
                }
                reply => Ok(Answer::Reply(reply)),
            },
            Request::TeachImage { class, image } => {
                ClassName::new(&class).map_err(refused)?;
                let (frame, feature) = self.looked_at(&image, now)?;
                let thumbnail = Some(picture::thumbnail(&frame, picture::THUMBNAIL_SIDE));
                let shot = Shot { feature, origin: "an image that was sent".to_owned(), thumbnail };
                let teach = Teach { class, shots: vec![shot] };
                let reply = self.keeper.apply(Command::Teach(teach), now).map_err(refused)?;
                self.record.taught += 1;
                Ok(Answer::Reply(reply))
            }
            Request::Classify { image } => {
                let (_, feature) = self.looked_at(&image, now)?;
                let verdict = self.learner().judge(&feature).map_err(refused)?;
                let judgement = |verdict: Verdict| {
                    let class = verdict.class.map(|class| self.name(class));
                    self.judgement(&verdict, class, now, 0)
                };
                Ok(Answer::Judged(verdict.map(judgement)))
            }
            Request::Snap => {
                let frame = self.latest.as_ref();
                let frame = frame.ok_or_else(|| Refused("no frame has come yet".to_owned()))?;
                let (width, height) = (frame.width(), frame.height());
                Ok(Answer::Picture { width, height, file: picture::thumbnail(frame, SNAP_SIDE) })
            }
            Request::Region(wanted) => {
                if let Some(region) = wanted {
                    // Without a frame it is only seen whether it could be in any.
                    let size = self.latest.as_ref().map(|frame| (frame.width(), frame.height()));
                    let (width, height) = size.unwrap_or((MAX_SIDE, MAX_SIDE));
                    region.resolve(width, height).map_err(refused)?;
                    self.set_region(region);
                }
                Ok(Answer::Region(self.region))
            }
            Request::Outputs => Ok(Answer::Outputs(self.panel.look(|panel| panel.all(now)).0)),
            Request::SetOutput { name, on } => {
                self.panel.change(|panel| panel.set(&name, on)).map_err(refused)?;
                Ok(Answer::Outputs(self.panel.look(|panel| panel.all(now)).0))
            }
            Request::TestOutput { name } => {
                self.panel.change(|panel| panel.test(&name, now)).map_err(refused)?;
                Ok(Answer::Done)
            }
            Request::Save { name } => {
                let saved = self.keeper.save(name.as_deref(), now).map_err(refused)?;
                Ok(Answer::Saved(saved))
            }
            Request::Generations => {
                self.keeper.generations().map(Answer::Generations).map_err(refused)
            }
            Request::RollBack { generation } => {
                self.keeper.roll_back(generation, now).map_err(refused)?;
                Ok(Answer::Done)
            }
            Request::Difference { from, to } => {
                self.keeper.difference(from, to).map(Answer::Difference).map_err(refused)
            }
            Request::DropGeneration { generation } => {
                self.keeper.drop_generation(generation).map_err(refused)?;
                Ok(Answer::Done)
            }
            Request::Settings => Ok(Answer::Settings(self.settings())),
            Request::Set { name, value } => {
                self.set(&name, &value)?;
                Ok(Answer::Settings(self.settings()))
            }
            Request::Version => Ok(Answer::Version {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                model: self.keeper.model().name.clone(),
            }),
            Request::Pull => Ok(Answer::Learned(self.keeper.learned().encode())),
            Request::Push { learned, merge } => self.push(&learned, merge, now),
            Request::Watch(_)
            | Request::Log { .. }
            | Request::Restart
            | Request::Unlock { .. }
            | Request::Lock => {
                Err(Refused("the program that runs the station answers that".to_owned()))
            }
        }
    }

    fn settings(&self) -> Vec<(String, String)> {
        vec![("smoothing".to_owned(), self.smoothing.to_string())]
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Refused> {
        if name != "smoothing" {
            let name = name.escape_debug();
            return Err(Refused(format!("there is no setting {name}; there is smoothing")));
        }
        match value.parse() {
            Ok(frames @ 1..=1000) => self.set_smoothing(frames),
            _ => {
                let value = value.escape_debug();
                return Err(Refused(format!("smoothing: {value} is not a number of 1 to 1000")));
            }
        }
        Ok(())
    }

    /// An image file's frame and feature.
    fn looked_at(&mut self, image: &[u8], now: Timestamp) -> Result<(Frame, Vec<f32>), Refused> {
        let frame = picture::decode(image, "the image", now).map_err(refused)?;
        let feature = self.keeper.get_mut().feature_of_whole(&frame).map_err(refused)?;
        Ok((frame, feature))
    }
}

pub(super) fn refused(error: impl std::fmt::Display) -> Refused {
    Refused(error.to_string())
}
