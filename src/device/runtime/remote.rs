//! The station as a port's thread sees it: a request goes into the inbox, its answer comes back over a channel.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::mailbox::Message;
use super::{Shared, inboxes};
use crate::board::{BoardError, PolicyText};
use crate::device::service::Host;
use crate::image::frame::Timestamp;
use crate::protocol::log::Level;
use crate::protocol::request::{
    Answer, Log, Progress, Refused, Request, RequestHandler, SavePolicy,
};
use crate::util::mutex::lock;

/// How long a request may take without getting on: longer than the longest burst and the slowest head.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often the other side is told that work goes on.
const WORD: Duration = Duration::from_secs(3);

/// Messages that may wait for a port.
const MESSAGES: usize = 16;

/// The station, from a port's thread.
#[derive(Clone)]
pub(super) struct Remote(pub(super) Arc<Shared>);

impl RequestHandler for Remote {
    fn handle(
        &mut self,
        request: Request,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused> {
        let request = match request {
            Request::GetPolicy(_) => return self.policy().map_err(refused),
            Request::SavePolicy(save) => return self.save_policy(save, progress),
            other => other,
        };
        self.ask(request, progress)
    }
}

fn refused(error: impl std::fmt::Display) -> Refused {
    Refused(error.to_string())
}

impl Remote {
    fn policy(&self) -> Result<Answer, BoardError> {
        let PolicyText { policy, read_only, revision, text } = lock(&self.0.policy).text()?;
        Ok(Answer::Policy { policy, read_only, revision, text })
    }

    /// Stores it, then follows it.
    fn save_policy(
        &self,
        save: SavePolicy,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused> {
        let stored = lock(&self.0.policy);
        stored.save(&save.text, save.revision.as_deref()).map_err(refused)?;
        // The next one waits until this one is followed.
        let answer = self.ask(save.into(), progress);
        drop(stored);
        let answer = answer.map_err(|Refused(why)| {
            Refused(format!("the policy is stored, and followed from the next start on: {why}"))
        })?;
        let notes = match answer {
            Answer::Noted { note, .. } => vec![note],
            _ => Vec::new(),
        };
        Ok(self.policy().map_err(refused)?.with_notes(notes))
    }

    fn ask(
        &self,
        request: Request,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused> {
        match request {
            Request::Log(Log { lines }) => return Ok(Answer::Log(self.0.log.latest(lines))),
            Request::Restart(_) => {
                self.0.stop(super::Stop::Restart);
                return Ok(Answer::Done);
            }
            _ => {}
        }
        let left = || Refused("the client disconnected".to_owned());
        let over = || Refused("the device is shutting down".to_owned());
        // What it takes out or brings back is to be so after a power cut, too.
        let changes_inbox = matches!(
            request.plain(),
            Request::InboxAssign(_)
                | Request::InboxDrop(_)
                | Request::Undo(_)
                | Request::UndoTaught(_)
                | Request::UndoTeach(_)
        );
        let (sender, receiver) = sync_channel(MESSAGES);
        if !self.0.mailbox.request(request, sender) {
            return Err(over());
        }
        let mut got_on = self.0.clock.uptime();
        let mut latest = Progress { done: 0, total: 0, waiting: false };
        loop {
            match receiver.recv_timeout(WORD) {
                Ok(Message::Progress(step)) => {
                    (latest, got_on) = (step, self.0.clock.uptime());
                    // The station hears of it by the closed channel.
                    if !progress(step) {
                        return Err(left());
                    }
                }
                Ok(Message::Answer(Ok(Answer::Status { learned, mut device }))) => {
                    device.extend(self.0.figures());
                    return Ok(Answer::Status { learned, device });
                }
                Ok(Message::Answer(Ok(answer))) if changes_inbox => {
                    let notes = inboxes::unwritten(&self.0);
                    return Ok(answer.with_notes(notes));
                }
                Ok(Message::Answer(answer)) => return answer,
                Err(RecvTimeoutError::Timeout) if self.0.clock.uptime() - got_on < PATIENCE => {
                    if !progress(latest) {
                        return Err(left());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Refused("no answer within the time limit".to_owned()));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(over()),
            }
        }
    }
}

impl Host for Remote {
    fn connect(&self) -> Box<dyn RequestHandler + Send> {
        Box::new(self.clone())
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    fn log(&self, level: Level, text: &str) {
        self.0.log.write(level, text);
    }
}
