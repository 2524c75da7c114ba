//! What stands between a port's session and the device.

use std::sync::{Arc, Mutex};

use super::{Access, Need, PinLockout, PortLock};
use crate::image::frame::Timestamp;
use crate::protocol::log::Level;
use crate::protocol::people;
use crate::protocol::pin::{Pin, PinHash};
use crate::protocol::request::{
    Answer, Audit, Of, Progress, Refused, Request, RequestHandler, Unlock,
};
use crate::util::mutex::lock;

/// Bytes of a request where nothing may be changed: a picture to be classified or taught.
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
    pub lockout: Arc<Mutex<PinLockout>>,
}

/// Takes a line for the log.
type Log<'a> = dyn FnMut(Level, &str) + 'a;

/// A device behind a guarded port. A PIN is checked on the thread that calls: it takes about half a second on a small
/// board, in which only this port waits.
pub struct Gate<'a, D> {
    device: D,
    guard: Guard,
    lock: Arc<Mutex<PortLock>>,
    now: Box<dyn FnMut() -> Timestamp + 'a>,
    log: Box<Log<'a>>,
}

impl<'a, D: RequestHandler> Gate<'a, D> {
    /// * `now`: gives the time; the same clock for every port that shares the guard's tries.
    /// * `log`: takes what is to be written down. No PIN stands in it.
    pub fn new(
        device: D,
        guard: Guard,
        now: impl FnMut() -> Timestamp + 'a,
        log: impl FnMut(Level, &str) + 'a,
    ) -> Self {
        let lock = Arc::new(Mutex::new(PortLock::new(guard.relock_micros)));
        Self::sharing(device, guard, lock, now, log)
    }

    /// As [`Gate::new`], with a lock that other gates have too: several connections of one person.
    pub fn sharing(
        device: D,
        guard: Guard,
        lock: Arc<Mutex<PortLock>>,
        now: impl FnMut() -> Timestamp + 'a,
        log: impl FnMut(Level, &str) + 'a,
    ) -> Self {
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
            // Nothing is locked, and the answer does not reveal whether a PIN is right.
            Access::Full => return Ok(Answer::Done),
            Access::ReadOnly => {
                return Err(Refused("this port is read-only: no PIN unlocks it".to_owned()));
            }
            Access::Locked => {}
        }
        let began = (self.now)();
        let begun = lock(&self.guard.lockout).begin(began);
        if let Err(wait) = begun {
            let left = seconds(wait.micros);
            if wait.is_first {
                self.note(Level::Warning, &format!("locked out: no PIN is accepted for {left}"));
            }
            let why = format!("no PIN is accepted for another {left}, the last was wrong");
            return Err(Refused(why));
        }
        let is_right = self.guard.pin.as_ref().is_some_and(|hash| hash.fits(pin));
        let ended = (self.now)();
        if is_right {
            lock(&self.guard.lockout).right();
            lock(&self.lock).unlock(ended);
            self.note(Level::Info, "unlocked");
            return Ok(Answer::Done);
        }
        let (count, micros) = lock(&self.guard.lockout).wrong(ended);
        let left = seconds(micros);
        self.note(Level::Warning, &format!("wrong PIN, number {count}; next attempt in {left}"));
        Err(Refused(format!("wrong PIN; next attempt in {left}")))
    }

    /// Writes down who changed what, and what was refused where that matters.
    fn write_down(
        &mut self,
        audit: Audit,
        region: Option<&str>,
        result: Result<&Answer, &Refused>,
    ) {
        let told = match (audit, result) {
            (Audit::Nothing, _) | (Audit::Reply | Audit::Text(_), Err(_)) => None,
            (Audit::Entry(entry), result) => Some(entry(result)),
            (Audit::Reply, Ok(Answer::Reply(reply))) => {
                Some((Level::Info, people::sentence(reply)))
            }
            (Audit::Reply, Ok(_)) => None,
            (Audit::Text(text), Ok(_)) => Some((Level::Info, text)),
        };
        let of = region.map(|name| format!("{}: ", name.escape_debug())).unwrap_or_default();
        if let Some((level, what)) = told {
            self.note(level, &format!("{of}{what}"));
        }
    }
}

impl<D: RequestHandler> RequestHandler for Gate<'_, D> {
    fn handle(
        &mut self,
        request: Request,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused> {
        let now = (self.now)();
        if lock(&self.lock).expire(now) {
            let idle = seconds(self.guard.relock_micros);
            self.note(Level::Info, &format!("locked again, after {idle} without a request"));
        }
        match request {
            Request::Unlock(Unlock { pin }) => return self.unlock(&pin),
            Request::Lock(_) => {
                if lock(&self.lock).lock() {
                    self.note(Level::Info, "locked");
                }
                return Ok(Answer::Done);
            }
            _ => {}
        }
        let request = match self.guard.access {
            Access::Locked if !lock(&self.lock).is_unlocked() => request.without_pin(),
            _ => request,
        };
        let (audit, need) = (request.audit(), request.need());
        let region = match &request {
            Request::Of(Of { region, .. }) => Some(region.clone()),
            _ => None,
        };
        let is_unlocked = lock(&self.lock).is_unlocked();
        let result = match self.guard.access.allows(is_unlocked, need) {
            Ok(()) => self.device.handle(request, progress),
            Err(refused) => Err(refused),
        };
        let ended = (self.now)();
        lock(&self.lock).used(ended);
        self.write_down(audit, region.as_deref(), result.as_ref().map(Answer::plain));
        let unlocked = lock(&self.lock).is_unlocked();
        result.map(|answer| with_access(answer, self.guard.access, unlocked))
    }

    fn opened(&mut self) {
        if lock(&self.lock).lock() {
            self.note(Level::Info, "locked again: the port was reopened");
        }
        self.device.opened();
    }

    /// Who may change nothing needs no more than a picture takes.
    fn admits(&mut self, bytes: usize) -> Result<(), Refused> {
        let is_unlocked = lock(&self.lock).is_unlocked();
        if bytes > MAX_PICTURE_BYTES
            && let Err(refused) = self.guard.access.allows(is_unlocked, Need::Change)
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

/// A status shows the port's access, unless everything is allowed.
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
