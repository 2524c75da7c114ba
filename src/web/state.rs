//! What all connections share.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use super::live::Live;
use super::origin::HostNames;
use super::pictures::Pictures;
use super::session::{Sessions, random_id};
use crate::device::service::Host;
use crate::protocol::access::{Gate, Guard, PortLock};
use crate::protocol::request::{Answer, Progress, Refused, Request, RequestHandler as _};

/// Requests that may be with the device at a time.
pub(super) const AT_A_TIME: usize = 6;

/// ZIP files that are made at a time.
const DOWNLOADS: usize = 2;

/// Requests that may wait for their turn.
const WAITING: usize = 128;

/// What all connections share.
pub(super) struct App {
    pub(super) guard: Guard,
    pub(super) host: Arc<dyn Host>,
    pub(super) names: HostNames,
    pub(super) live: Arc<Live>,
    pub(super) sessions: Mutex<Sessions>,
    pub(super) pictures: Pictures,
    /// Tells one run of the program from the next, in which frames have other numbers.
    pub(super) run: String,
    /// Room for downloads.
    pub(super) downloads: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    waiting: AtomicU64,
    /// Requests over HTTP so far, and connections that found no room.
    pub(super) requests: AtomicU64,
    pub(super) turned_away: AtomicU64,
    /// Whether what is sent is encrypted.
    pub(super) is_secure: bool,
}

/// Why a request got no answer from the device.
pub(super) enum NoAnswer {
    /// Too many others wait.
    Busy,
    /// The device refused it.
    Refused(Refused),
}

/// Who asks.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// Where the PIN was given, if it was.
    pub(super) lock: Arc<Mutex<PortLock>>,
}

/// Says that a client has gone.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl App {
    pub(super) fn new(
        guard: Guard,
        host: Arc<dyn Host>,
        names: HostNames,
        live: Arc<Live>,
        is_secure: bool,
    ) -> Self {
        Self {
            guard,
            host,
            names,
            live,
            sessions: Mutex::default(),
            pictures: Pictures::default(),
            // Without randomness it is told from the next by nothing, which costs a browser a reload.
            run: random_id().unwrap_or_default(),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            waiting: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            is_secure,
        }
    }

    /// A lock that was not opened.
    pub(super) fn closed_lock(&self) -> Arc<Mutex<PortLock>> {
        Arc::new(Mutex::new(PortLock::new(self.guard.relock_micros)))
    }

    /// Asks the device, through a gate; ends early where the client goes.
    pub(super) async fn ask(
        self: &Arc<Self>,
        client: Client,
        request: Request,
    ) -> Result<Answer, NoAnswer> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING as u64 {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(NoAnswer::Busy);
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let turn = turn.map_err(|_| NoAnswer::Busy)?;
        let is_gone = Arc::new(AtomicBool::new(false));
        let gone = Gone(Arc::clone(&is_gone));
        let app = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let answer = app.ask_now(client, request, &is_gone);
            drop(turn);
            answer
        });
        let answer = asked.await;
        drop(gone);
        match answer {
            Ok(answer) => answer.map_err(NoAnswer::Refused),
            Err(_) => Err(NoAnswer::Refused(Refused("the request failed".to_owned()))),
        }
    }

    fn ask_now(
        &self,
        client: Client,
        request: Request,
        is_gone: &AtomicBool,
    ) -> Result<Answer, Refused> {
        let guard = Guard { port: format!("web {}", client.address), ..self.guard.clone() };
        let now = || self.host.now();
        let log = |level, text: &str| self.host.log(level, text);
        let mut gate = Gate::sharing(self.host.connect(), guard, client.lock, now, log);
        let class = match request.plain() {
            Request::Teach(teach) => teach.class.clone(),
            Request::Burst(burst) => burst.class.clone(),
            _ => String::new(),
        };
        let mut progress = |progress: Progress| {
            if !class.is_empty() {
                self.live.progress(&class, progress);
            }
            !is_gone.load(Ordering::Relaxed)
        };
        gate.handle(request, &mut progress)
    }
}
