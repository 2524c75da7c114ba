//! The program that stands on the line for months.
//!
//! | thread | does | waits for |
//! | --- | --- | --- |
//! | capture | takes frames; the newest takes the place of one not yet looked at, of events the next waits | the camera |
//! | inference | classifies frames, carries out requests, grants what buttons ask for | the mailbox |
//! | outputs | sets the pins when their time comes; watches the inference thread | the next change of a level |
//! | inputs | reads the buttons | edges |
//! | a thread a service | serves pages; see [`crate::device::service`] | its clients |
//! | a thread a port | talks over a serial line, standard input, a socket; checks PINs | bytes, answers |
//! | finetune | trains, while that was asked for, where no other thread wants the processor | nothing |
//! | inboxes | writes the files of frames that wait for a person, every few seconds at most | a change |
//! | signals | ends or restarts in good order | signals |
//!
//! The inference thread says beforehand until when it will be heard of again. When that time has passed the outputs
//! thread drives every output to its safe level and ends the process, so that its supervisor starts it again, unless
//! the whole process was held up: then the inference thread is first given half a second to be heard of. A thread that
//! panics ends the others. The outputs are also driven safe when the set of outputs is dropped: at the end, and when a
//! panic unwinds.

mod background;
mod feed;
mod host;
mod inboxes;
mod log;
mod loops;
mod mailbox;
mod remote;
mod watchdog;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub use background::{at_leisure, room};
pub use host::HostPaths;
pub use log::{DeviceLog, LogFormat};
pub use loops::survive_file_limit;

use crate::backbone::FeatureSource;
use crate::board::PolicySource;
use crate::board::outputs::{InputDriver, SafeOutputs};
use crate::camera::Camera;
use crate::device::clock::Clock;
use crate::device::controller::{LatestTimes, SharedInbox, Station, Stats};
use crate::device::port::{Port, PortHandle};
use crate::device::service::{Observer, Service};
use crate::protocol::access::{Gate, Guard};
use crate::protocol::log::Level;
use crate::protocol::request::Classification;
use crate::store::Store;
use crate::store::inbox::InboxFile;
use crate::util::mutex::lock;
use feed::Feed;
pub use feed::Watched;
use loops::CameraWatch;
use mailbox::Mailbox;
use remote::Remote;
use watchdog::Heartbeat;

/// What the runtime brings together.
pub struct Parts<S, K> {
    /// Give frames: the station's sources, the camera first.
    pub sources: Vec<(Box<dyn Camera + Send>, Watched)>,
    /// Classifies them.
    pub station: Station<S, K>,
    /// Where its policy is kept.
    pub policy: PolicySource,
    /// The pins.
    pub outputs: SafeOutputs,
    /// The buttons.
    pub inputs: Box<dyn InputDriver>,
    /// Where people and programs talk to it, and what they may do there.
    pub ports: Vec<(Port, Guard)>,
    /// What serves people and programs beside them.
    pub services: Vec<(Box<dyn Service>, Guard)>,
    /// Where the inboxes of the station's views are kept; each shared one is of a view, see
    /// [`RegionInbox::shared`](crate::device::controller::RegionInbox::shared).
    pub inboxes: Vec<(InboxFile, Arc<SharedInbox>)>,
}

/// How it runs.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// Where the board reports its temperature and load.
    pub host: HostPaths,
    /// The longest that classifying a frame may take, beyond which inference counts as hung.
    pub frame_patience: Duration,
    /// Ends by itself after so long.
    pub end_after: Option<Duration>,
}

/// Why it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// A signal, the end of a recording, or of the time it was given.
    Asked(String),
    /// A restart was requested.
    Restart,
    /// Something broke.
    Failed(String),
}

/// What a thread does.
type Work = Box<dyn FnOnce(&Arc<Shared>) + Send>;

/// What it did until it ended.
#[derive(Debug)]
pub struct Ended {
    /// Why.
    pub stop: Stop,
    /// Frames that came, and those of them that a newer one replaced.
    pub frames: (u64, u64),
    /// Seconds it ran.
    pub seconds: f64,
    /// What the station has seen and done.
    pub record: Stats,
    /// How long its verdicts took to the pins.
    pub to_pin: ToPin,
}

/// From the capture of a frame to its verdict's levels at the pins, of the latest verdicts.
#[derive(Debug, Clone, Default)]
pub struct ToPin {
    /// All of it.
    pub whole: LatestTimes,
    /// Without what its feature took.
    pub rest: LatestTimes,
}

/// What all threads know.
struct Shared {
    clock: Clock,
    log: Arc<DeviceLog>,
    mailbox: Mailbox,
    inboxes: Vec<Arc<SharedInbox>>,
    stop: Mutex<Option<Stop>>,
    stopping: AtomicBool,
    /// Of the inference thread.
    heartbeat: Heartbeat,
    host: HostPaths,
    ports: Mutex<Vec<PortHandle>>,
    /// By source.
    feeds: Vec<Feed>,
    output_errors: AtomicU64,
    to_pin: Mutex<ToPin>,
    observers: Vec<Arc<dyn Observer>>,
    /// Held while it is changed.
    policy: Mutex<PolicySource>,
}

impl Shared {
    /// Asks everything to end; the first reason counts.
    fn stop(&self, why: Stop) {
        lock(&self.stop).get_or_insert(why);
        self.stopping.store(true, Ordering::SeqCst);
        self.mailbox.close();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn info(&self, text: &str) {
        self.log.write(Level::Info, text);
    }

    /// Waits, but not beyond the end.
    fn pause(&self, time: Duration) {
        let end = self.clock.uptime() + time;
        while !self.is_stopping() && self.clock.uptime() < end {
            thread::sleep((end - self.clock.uptime().min(end)).min(Duration::from_millis(50)));
        }
    }

    /// How the device is, for people.
    fn figures(&self) -> Vec<(String, String)> {
        let (frames, dropped) = self.mailbox.counts();
        let uptime = self.clock.uptime().as_secs_f64();
        let mut figures = vec![
            ("uptime_s".to_owned(), format!("{uptime:.0}")),
            ("frames".to_owned(), frames.to_string()),
            ("frames_a_second".to_owned(), format!("{:.1}", frames as f64 / uptime.max(1e-3))),
            ("dropped".to_owned(), dropped.to_string()),
        ];
        figures.extend(self.feeds.iter().flat_map(Feed::figures));
        let to_pin = lock(&self.to_pin).whole.quantile(0.95);
        figures.extend(
            to_pin
                .map(|micros| ("pin_p95_ms".to_owned(), format!("{:.1}", micros as f64 / 1000.0))),
        );
        let outputs = self.output_errors.load(Ordering::Relaxed);
        figures.extend((outputs > 0).then(|| ("errors_outputs".to_owned(), outputs.to_string())));
        for (name, count) in [
            ("dropped_messages", PortHandle::dropped as fn(&PortHandle) -> u64),
            ("broken_messages", PortHandle::broken_frames),
        ] {
            let sum: u64 = lock(&self.ports).iter().map(count).sum();
            figures.extend((sum > 0).then(|| (name.to_owned(), sum.to_string())));
        }
        figures.extend(self.observers.iter().flat_map(|observer| observer.figures()));
        figures.extend(host::figures(&self.host));
        figures
    }

    fn tell(&self, classification: &Classification) {
        lock(&self.ports).iter().for_each(|port| port.offer(classification));
        self.observers.iter().for_each(|observer| observer.classified(classification));
    }

    fn tell_drift(&self, region: Option<&str>, drift: Option<&str>) {
        self.observers.iter().for_each(|observer| observer.drift(region, drift));
    }
}

/// Runs until something asks it to end; every output is at its safe level afterwards.
///
/// * `summary`: how it stands, in a line, for the supervisor.
pub fn run<S, K>(
    parts: Parts<S, K>,
    settings: &RuntimeSettings,
    clock: Clock,
    log: Arc<DeviceLog>,
    summary: &str,
) -> Ended
where
    S: FeatureSource + Send + 'static,
    K: Store + Send + 'static,
{
    let Parts { sources, station, policy, outputs, inputs, ports, services, inboxes } = parts;
    let shared = Arc::new(Shared {
        clock,
        log,
        mailbox: Mailbox::default(),
        inboxes: inboxes.iter().map(|(_, shared)| Arc::clone(shared)).collect(),
        stop: Mutex::default(),
        stopping: AtomicBool::new(false),
        heartbeat: Heartbeat::default(),
        host: settings.host.clone(),
        ports: Mutex::default(),
        feeds: sources.iter().map(|(_, watched)| Feed::of(watched)).collect(),
        output_errors: AtomicU64::new(0),
        to_pin: Mutex::default(),
        policy: Mutex::new(policy),
        observers: services.iter().map(|(service, _)| service.observer()).collect(),
    });
    let panel = station.panel();
    let (finished, threads) = channel();
    let start = |name: &'static str, work: Work| {
        spawn(name, Arc::clone(&shared), finished.clone(), work);
    };
    let (returned, record) = channel();
    let frame_patience = settings.frame_patience;
    let watches = sources.iter().map(|(camera, watched)| CameraWatch::new(&**camera, watched));
    let watches = watches.collect();
    start(OUTPUTS, Box::new(move |shared| loops::outputs(shared, outputs, &panel)));
    start(
        "inference",
        Box::new(move |shared| {
            let record = loops::inference(shared, station, frame_patience, watches);
            // It is not awaited after a hang.
            let _ = returned.send(record);
        }),
    );
    start("inputs", Box::new(move |shared| loops::inputs(shared, inputs)));
    for (port, guard) in ports {
        lock(&shared.ports).push(port.handle());
        let work = move |shared: &Arc<Shared>| {
            let (now, log) =
                (|| shared.clock.now(), |level, text: &str| shared.log.write(level, text));
            let mut gate = Gate::new(Remote(Arc::clone(shared)), guard, now, log);
            if port.serve(&mut gate, &shared.stopping) {
                shared.stop(Stop::Asked("stopped at its terminal".to_owned()));
            }
        };
        start("port", Box::new(work));
    }
    for (service, guard) in services {
        let work = move |shared: &Arc<Shared>| {
            service.serve(guard, Arc::new(Remote(Arc::clone(shared))));
        };
        start("service", Box::new(work));
    }
    if !inboxes.is_empty() {
        start("inboxes", Box::new(move |shared| inboxes::write(shared, inboxes)));
    }
    for (source, (camera, _)) in sources.into_iter().enumerate() {
        start("capture", Box::new(move |shared| loops::capture(shared, source, camera)));
    }
    let signals = loops::signals(&shared);
    loops::notify(&[sd_notify::NotifyState::Ready, sd_notify::NotifyState::Status(summary)]);
    if let Some(time) = settings.end_after {
        shared.pause(time);
        shared.stop(Stop::Asked("time limit reached".to_owned()));
    }
    drop(finished);
    wait(&shared.clock, &threads);
    if let Some(signals) = signals {
        signals.close();
    }
    let stop = lock(&shared.stop).clone().unwrap_or(Stop::Failed("a thread stopped".to_owned()));
    let record = record.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    let seconds = shared.clock.uptime().as_secs_f64();
    let to_pin = lock(&shared.to_pin).clone();
    Ended { stop, frames: shared.mailbox.counts(), seconds, record, to_pin }
}

/// Waits for the outputs to be safe, and a moment longer for the others, so that a new start finds ports, pins, store
/// and camera free. A thread that blocks is left behind.
///
/// * `ended`: gives the name of each thread that ends; its senders are the threads'.
fn wait(clock: &Clock, ended: &Receiver<&'static str>) {
    const LAST_WORD: Duration = Duration::from_secs(2);
    while ended.recv().is_ok_and(|name| name != OUTPUTS) {}
    let end = clock.uptime() + LAST_WORD;
    while ended.recv_timeout(end.saturating_sub(clock.uptime())).is_ok() {}
}

/// The thread that has the outputs.
const OUTPUTS: &str = "outputs";

/// Starts a thread whose end, by a panic too, is reported.
fn spawn(name: &'static str, shared: Arc<Shared>, finished: Sender<&'static str>, work: Work) {
    let guarded = move || {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&shared)));
        if caught.is_err() {
            shared.stop(Stop::Failed(format!("the thread of {name} panicked")));
        }
        let _ = finished.send(name);
    };
    thread::Builder::new().name(name.to_owned()).spawn(guarded).expect("the system gives a thread");
}
