//! What stands between a port's session and the device.

use std::sync::{Arc, Mutex};

use super::{Access, Need, PortLock, Tries, need};
use crate::image::frame::Timestamp;
use crate::learn::command::Command;
use crate::protocol::log::{Level, in_words};
use crate::protocol::pin::{Pin, PinHash};
use crate::protocol::request::{Answer, Device, Progress, Refused, Request};
use crate::store::signed::Signature;
use crate::util::mutex::lock;

/// Bytes of a request where nothing may be changed: a picture to be judged or taught.
pub const MAX_PICTURE_BYTES: usize = 16 << 20;

/// How a port is guarded.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The port, as the log calls it.
    pub port: String,
    /// What it is for.
    pub access: Access,
    /// What unlocks it; without one a locked port stays locked.
    pub pin: Option<Arc<PinHash>>,
    /// Microseconds without a request after which it locks by itself.
    pub relock_micros: u64,
    /// Wrong PINs, at this port and all others of the device.
    pub tries: Arc<Mutex<Tries>>,
}

/// Takes a line for the log.
type Log<'a> = dyn FnMut(Level, &str) + 'a;

/// A device behind a guarded port. A PIN is checked on the thread that calls: it takes about half a second on a small
/// board, in which only this port waits.
pub struct Gate<'a, D> {
    device: D,
    guard: Guard,
    lock: PortLock,
    now: Box<dyn FnMut() -> Timestamp + 'a>,
    log: Box<Log<'a>>,
}

impl<'a, D: Device> Gate<'a, D> {
    /// * `now`: gives the time; the same clock for every port that shares the guard's tries.
    /// * `log`: takes what is to be written down. No PIN stands in it.
    pub fn new(
        device: D,
        guard: Guard,
        now: impl FnMut() -> Timestamp + 'a,
        log: impl FnMut(Level, &str) + 'a,
    ) -> Self {
        let lock = PortLock::new(guard.relock_micros);
        Self { device, guard, lock, now: Box::new(now), log: Box::new(log) }
    }

    /// The device behind it.
    pub fn device(&self) -> &D {
        &self.device
    }

    fn note(&mut self, level: Level, what: &str) {
        (self.log)(level, &format!("{}: {what}", self.guard.port));
    }

    fn unlock(&mut self, pin: &Pin) -> Result<Answer, Refused> {
        match self.guard.access {
            // Nothing is locked, and nobody learns here whether a PIN is right.
            Access::Full => return Ok(Answer::Done),
            Access::ReadOnly => {
                return Err(Refused("this port is read-only: no PIN unlocks it".to_owned()));
            }
            Access::Locked => {}
        }
        let began = (self.now)();
        let begun = lock(&self.guard.tries).begin(began);
        if let Err(wait) = begun {
            let left = seconds(wait.micros);
            if wait.is_first {
                self.note(Level::Warning, &format!("locked out: no PIN is looked at for {left}"));
            }
            let why = format!("no PIN is looked at for another {left}, since the last was wrong");
            return Err(Refused(why));
        }
        let is_right = self.guard.pin.as_ref().is_some_and(|hash| hash.fits(pin));
        let ended = (self.now)();
        if is_right {
            lock(&self.guard.tries).right();
            self.lock.unlock(ended);
            self.note(Level::Info, "unlocked");
            return Ok(Answer::Done);
        }
        let (count, micros) = lock(&self.guard.tries).wrong(ended);
        let left = seconds(micros);
        self.note(Level::Warning, &format!("wrong PIN, number {count}; the next waits {left}"));
        Err(Refused(format!("wrong PIN; the next one is looked at in {left}")))
    }

    /// Writes down who changed what, and which push was refused.
    fn write_down(&mut self, told: Told, region: Option<&str>, result: Result<&Answer, &Refused>) {
        let of = region.map(|name| format!("{}: ", name.escape_debug())).unwrap_or_default();
        match (told, result) {
            (Told::Nothing, _) => {}
            (Told::Push, Err(refused)) => {
                self.note(Level::Warning, &format!("{of}push refused: {refused}"));
            }
            (_, Err(_)) => {}
            (Told::Push, Ok(Answer::Reply(reply))) => {
                self.note(Level::Info, &format!("{of}push: {}", in_words(reply)));
            }
            (Told::Push, Ok(answer)) => {
                let what = match answer {
                    Answer::Pushed { signature: Signature::Trusted } => ", signed by a trusted key",
                    Answer::Pushed { signature: Signature::Unchecked } => {
                        "; who signed it was not asked, since the board trusts no keys"
                    }
                    _ => ", not signed",
                };
                self.note(
                    Level::Info,
                    &format!("{of}push: all that was learned is replaced{what}"),
                );
            }
            (Told::Reply, Ok(Answer::Reply(reply))) => {
                self.note(Level::Info, &format!("{of}{}", in_words(reply)));
            }
            (Told::Reply, Ok(_)) => {}
            (Told::Text(text), Ok(_)) => self.note(Level::Info, &format!("{of}{text}")),
        }
    }
}

impl<D: Device> Device for Gate<'_, D> {
    fn handle(
        &mut self,
        request: Request,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused> {
        let now = (self.now)();
        if self.lock.expire(now) {
            let idle = seconds(self.guard.relock_micros);
            self.note(Level::Info, &format!("locked again, after {idle} without a request"));
        }
        match request {
            Request::Unlock { pin } => return self.unlock(&pin),
            Request::Lock => {
                if self.lock.lock() {
                    self.note(Level::Info, "locked");
                }
                return Ok(Answer::Done);
            }
            _ => {}
        }
        let request = match self.guard.access {
            Access::Locked if !self.lock.is_unlocked() => request.without_pin(),
            _ => request,
        };
        let (told, need) = (Told::of(request.plain()), need(&request));
        let region = match &request {
            Request::Of { region, .. } => Some(region.clone()),
            _ => None,
        };
        let result = match self.guard.access.allows(self.lock.is_unlocked(), need) {
            Ok(()) => self.device.handle(request, progress),
            Err(refused) => Err(refused),
        };
        self.lock.used((self.now)());
        self.write_down(told, region.as_deref(), result.as_ref().map(Answer::plain));
        let unlocked = self.lock.is_unlocked();
        result.map(|answer| with_access(answer, self.guard.access, unlocked))
    }

    fn opened(&mut self) {
        if self.lock.lock() {
            self.note(Level::Info, "locked again, as the port was opened anew");
        }
        self.device.opened();
    }

    /// Who may change nothing needs no more than a picture takes.
    fn admits(&mut self, bytes: usize) -> Result<(), Refused> {
        if bytes > MAX_PICTURE_BYTES
            && let Err(refused) = self.guard.access.allows(self.lock.is_unlocked(), Need::Change)
        {
            self.note(Level::Warning, &format!("a request of {bytes} bytes refused: {refused}"));
            return Err(refused);
        }
        self.device.admits(bytes)
    }

    fn note(&mut self, what: &str) {
        self.note(Level::Warning, what);
    }
}

/// What a request leaves in the log once it is done.
enum Told {
    Nothing,
    /// Its reply in words.
    Reply,
    Text(String),
    Push,
}

impl Told {
    fn of(request: &Request) -> Self {
        match request {
            Request::Push { .. } => Told::Push,
            Request::TeachImage { .. } | Request::TeachFrames { .. } => Told::Reply,
            Request::Command(Command::Undo(_)) | Request::UndoTaught => Told::Reply,
            Request::Command(_) if need(request) == Need::Change => Told::Reply,
            Request::Restart => Told::Text("restart".to_owned()),
            Request::RollBack { generation } => {
                Told::Text(format!("rolled back to generation {generation}"))
            }
            Request::DropGeneration { generation } => {
                Told::Text(format!("generation {generation} is let go of"))
            }
            Request::Set { name, value } => Told::Text(format!("{name} is {value} now")),
            Request::Region(Some(region)) => Told::Text(format!("looks at {region} now")),
            // Frames that are taught leave a line of their own; outputs may be switched by the second.
            _ => Told::Nothing,
        }
    }
}

/// A status tells how the port is, unless everything is allowed.
fn with_access(mut answer: Answer, access: Access, unlocked: bool) -> Answer {
    if let (Answer::Status { device, .. }, true) = (&mut answer, access != Access::Full) {
        let how = if unlocked { "unlocked" } else { access.name() };
        device.push(("access".to_owned(), how.to_owned()));
    }
    answer
}

/// Whole seconds, at least 1, or minutes where they are whole.
fn seconds(micros: u64) -> String {
    let seconds = micros.div_ceil(1_000_000);
    match (seconds / 60, seconds % 60) {
        (minutes @ 1.., 0) => format!("{minutes} min"),
        _ => format!("{seconds} s"),
    }
}
