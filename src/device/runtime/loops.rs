//! What each thread does.

use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::TrySendError;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};

use super::mailbox::{Item, Message, Sender};
use super::watchdog::Watchdog;
use super::{Shared, Stop, Watched};
use crate::backbone::FeatureSource;
use crate::board::outputs::{Edge, InputDriver, OutputDriver as _, SafeOutputs};
use crate::camera::{Camera, CameraErrorKind};
use crate::device::controller::{Effects, SharedPanel, Station, Stats, Ticket};
use crate::device::service::Observer;
use crate::image::frame::Timestamp;
use crate::protocol::log::Level;
use crate::store::Store;
use crate::util::mutex::lock;

/// The longest wait of a loop, after which it looks whether it is over.
const LOOK: Duration = Duration::from_millis(100);

/// How long the inference thread waits without work before it is heard of.
const IDLE: Duration = Duration::from_millis(500);

/// How long a command may take: a head may have to be retrained.
const COMMAND_PATIENCE: Duration = Duration::from_secs(120);

/// Exit status after a hang, when no thread can be waited for.
const HUNG: i32 = 3;

/// Hands the frames of a source to the inference thread. The end of the camera's ends the device, that of another does not.
pub(super) fn capture(shared: &Arc<Shared>, source: usize, mut camera: Box<dyn Camera + Send>) {
    let feed = &shared.feeds[source];
    const FIRST_WAIT: Duration = Duration::from_millis(200);
    const LONGEST_WAIT: Duration = Duration::from_secs(5);
    let mut wait = FIRST_WAIT;
    let mut trouble: Option<String> = None;
    let gives_events = camera.gives_events();
    let mut left_out = 0u64;
    while !shared.is_stopping() {
        let captured = camera.capture(shared.clock.now());
        for note in camera.notes() {
            shared.info(&format!("{}: {note}", camera.name()));
        }
        let is_waiting =
            captured.as_ref().is_err_and(|error| error.kind == CameraErrorKind::Waiting);
        let awaited = captured.as_ref().err().filter(|_| is_waiting);
        *lock(&feed.awaited) = awaited.map(|error| error.what.clone());
        *lock(&feed.level) = camera.level();
        match captured {
            Ok(frame) => {
                *lock(&feed.trouble) = None;
                if trouble.take().is_some() {
                    shared.info(&format!("{} delivers frames again", camera.name()));
                }
                wait = FIRST_WAIT;
                match gives_events {
                    true => shared.mailbox.event(source, frame),
                    false => shared.mailbox.frame(source, frame),
                }
            }
            // It is there, and has nothing to give.
            Err(_) if is_waiting => {
                *lock(&feed.trouble) = None;
                if trouble.take().is_some() {
                    shared.info(&format!("{} is there again", camera.name()));
                }
                wait = FIRST_WAIT;
            }
            // The next event is another one, and may lie there already.
            Err(error) if gives_events && error.kind == CameraErrorKind::Malformed => {
                feed.count(error.kind.name());
                left_out += 1;
                // Reported more and more rarely, as it goes on.
                if left_out.is_power_of_two() {
                    let what = format!("{}: {}, {left_out} so far", error.camera, error.what);
                    shared.log.write(Level::Warning, &what);
                }
            }
            Err(error) if error.kind == CameraErrorKind::Ended => {
                // The last frame is still to be classified.
                while !shared.is_stopping() && !shared.mailbox.is_looked_at(source) {
                    shared.pause(Duration::from_millis(5));
                }
                let end = format!("{} reached its end", camera.name());
                if source > 0 {
                    *lock(&feed.trouble) = Some(end.clone());
                    return shared.info(&end);
                }
                return shared.stop(Stop::Asked(end));
            }
            Err(error) => {
                feed.count(error.kind.name());
                let text = error.to_string();
                *lock(&feed.trouble) = text.lines().next().map(str::to_owned);
                if trouble.as_ref() != Some(&text) {
                    shared.log.write(Level::Error, &text);
                    trouble = Some(text);
                }
                shared.pause(wait);
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// When a source counts as lost, and what follows.
pub(super) struct CameraWatch {
    watched: Watched,
    /// As [`Camera::gives_events`].
    gives_events: bool,
    last_frame: Timestamp,
    is_lost: bool,
}

impl CameraWatch {
    pub(super) fn new(camera: &dyn Camera, watched: &Watched) -> Self {
        let (watched, gives_events) = (watched.clone(), camera.gives_events());
        Self { watched, gives_events, last_frame: Timestamp(0), is_lost: false }
    }

    /// Whether it counts as lost from now on.
    fn is_newly_lost(&mut self, now: Timestamp) -> bool {
        let patience = self.watched.patience.as_micros() as u64;
        let newly = !self.is_lost && now.micros_since(self.last_frame) > patience;
        self.is_lost |= newly;
        newly
    }
}

pub(super) fn inference<S: FeatureSource, K: Store>(
    shared: &Arc<Shared>,
    mut station: Station<S, K>,
    frame_patience: Duration,
    mut watches: Vec<CameraWatch>,
) -> Stats {
    let clock = shared.clock;
    let heard_within = |time| shared.heartbeat.within(time);
    let mut waiting: Vec<(Ticket, Sender)> = Vec::new();
    let mut tickets = 0;
    let begun = clock.now();
    watches.iter_mut().for_each(|watch| watch.last_frame = begun);
    loop {
        let patience = station.next_tick().map_or(IDLE, |time| clock.until(time).min(IDLE));
        heard_within(IDLE + frame_patience);
        let item = shared.mailbox.next(patience);
        let mut effects = Effects::default();
        // The system may have learned the date since.
        station.set_date(clock.now(), clock.date());
        match item {
            Item::Closed => return station.record().clone(),
            Item::Nothing => {}
            Item::Edge(Edge { name, pressed }, at) => {
                heard_within(COMMAND_PATIENCE);
                station.edge(&name, pressed, at, &mut effects);
            }
            Item::Request(request, sender) => {
                heard_within(if request.takes_long() { COMMAND_PATIENCE } else { frame_patience });
                tickets += 1;
                waiting.push((Ticket(tickets), sender));
                station.request(Ticket(tickets), request, clock.now(), &mut effects);
            }
            Item::Frame(source, frame) => {
                let patience =
                    if station.is_teaching() { COMMAND_PATIENCE } else { frame_patience };
                heard_within(patience);
                let now = clock.now();
                (watches[source].last_frame, watches[source].is_lost) = (now, false);
                station.frame_of(source, frame, now, || clock.now(), &mut effects);
                if let Some((number, frame)) = station.latest(source) {
                    let sense = shared.feeds[source].name.as_deref();
                    let wants = |observer: &&Arc<dyn Observer>| observer.wants_frame(sense);
                    for observer in shared.observers.iter().filter(wants) {
                        observer.frame(sense, number, frame.clone());
                    }
                }
            }
        }
        if station.is_due(clock.now()) {
            heard_within(COMMAND_PATIENCE);
        }
        station.tick(clock.now(), &mut effects);
        for (source, watch) in watches.iter_mut().enumerate() {
            // Without an event a camera of events is in order.
            if watch.gives_events && lock(&shared.feeds[source].trouble).is_none() {
                watch.last_frame = clock.now();
                station.idle(source, watch.last_frame);
            }
            if watch.is_newly_lost(clock.now()) {
                station.lost(source, watch.watched.safe_when_lost);
                let of = watch.watched.name.iter().map(|name| format!("{name}: "));
                let what = "no prediction in time: outputs that follow predictions are off";
                shared.log.write(Level::Warning, &format!("{}{what}", of.collect::<String>()));
            }
        }
        notify(&[sd_notify::NotifyState::Watchdog]);
        for ticket in deliver(shared, effects, &mut waiting) {
            station.cancel(ticket);
        }
    }
}

/// Hands out what an event brought about.
///
/// * returns those who have gone meanwhile.
fn deliver(shared: &Shared, effects: Effects, waiting: &mut Vec<(Ticket, Sender)>) -> Vec<Ticket> {
    let mut gone = Vec::new();
    for (level, text) in effects.notes {
        shared.log.write(level, &text);
    }
    for (ticket, progress) in effects.progress {
        if let Some((_, sender)) = waiting.iter().find(|(known, _)| *known == ticket) {
            // A port that is slow to listen misses a step, not the answer.
            if let Err(TrySendError::Disconnected(_)) = sender.try_send(Message::Progress(progress))
            {
                gone.push(ticket);
            }
        }
    }
    for (ticket, answer) in effects.answers {
        if let Some(place) = waiting.iter().position(|(known, _)| *known == ticket) {
            let (_, sender) = waiting.swap_remove(place);
            // The channel has room for more than one request's progress, and its reader does nothing but read.
            let _ = sender.send(Message::Answer(answer));
        }
    }
    effects.classifications.iter().for_each(|classification| shared.tell(classification));
    for (region, drift) in &effects.drifts {
        shared.tell_drift(region.as_deref(), drift.as_deref());
    }
    waiting.retain(|(ticket, _)| !gone.contains(ticket));
    gone
}

pub(super) fn outputs(shared: &Arc<Shared>, mut outputs: SafeOutputs, panel: &SharedPanel) {
    let (mut failing, mut shown) = (false, 0);
    let mut watchdog = Watchdog::default();
    while !shared.is_stopping() {
        let now = shared.clock.now();
        if watchdog.is_late(&shared.heartbeat, now, LOOK) {
            let safe = outputs.make_safe();
            let what = "inference timed out: outputs set to safe levels, process exits";
            shared.log.write(Level::Error, what);
            if let Err(error) = safe {
                shared.log.write(Level::Error, &error.to_string());
            }
            // Nothing is unwound: the thread that hangs could not be waited for.
            process::exit(HUNG);
        }
        let ((levels, next, (verdicts, seen)), changes) =
            panel.look(|panel| (panel.all(now), panel.next_change(now), panel.verdicts()));
        let set = outputs.apply(levels.iter().map(|(name, on)| (name.as_str(), *on)));
        if let Err(error) = &set {
            shared.output_errors.fetch_add(1, Ordering::Relaxed);
            if !failing {
                shared.log.write(Level::Error, &error.to_string());
            }
        }
        failing = set.is_err();
        if let (Some(seen), true) = (seen, verdicts != shown) {
            let micros = shared.clock.now().micros_since(seen.captured);
            let mut to_pin = lock(&shared.to_pin);
            to_pin.whole.push(micros);
            to_pin.rest.push(micros.saturating_sub(seen.looked_micros));
        }
        shown = verdicts;
        let wait = next.map_or(LOOK, |next| shared.clock.until(next).min(LOOK));
        panel.wait(changes, wait);
    }
    if let Err(error) = outputs.make_safe() {
        shared.log.write(Level::Error, &error.to_string());
    }
}

pub(super) fn inputs(shared: &Arc<Shared>, mut inputs: Box<dyn InputDriver>) {
    let mut failing = false;
    while !shared.is_stopping() {
        match inputs.poll(LOOK) {
            Ok(edges) => {
                failing = false;
                let at = shared.clock.now();
                edges.into_iter().for_each(|edge| shared.mailbox.edge(edge, at));
            }
            Err(error) => {
                if !failing {
                    shared.log.write(Level::Error, &error.to_string());
                }
                failing = true;
                shared.pause(Duration::from_secs(1));
            }
        }
    }
}

/// A file that may grow no further, at a limit of this process, is an error of the write that needed it: by default the
/// signal ends the program without a word.
pub fn survive_file_limit() {
    // It sets nothing that is read; where it cannot be set, all is as before.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

/// Ends in good order when the system asks for it.
///
/// * returns what ends this, `None` if it could not begin.
pub(super) fn signals(shared: &Arc<Shared>) -> Option<Handle> {
    let watched = Signals::new([SIGINT, SIGTERM, SIGHUP]);
    let mut signals = match watched {
        Ok(signals) => signals,
        Err(error) => {
            let what = format!("cannot handle signals, they end this program at once: {error}");
            shared.log.write(Level::Warning, &what);
            return None;
        }
    };
    let handle = signals.handle();
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGHUP => shared.stop(Stop::Restart),
                SIGINT => shared.stop(Stop::Asked("stopped by SIGINT".to_owned())),
                _ => shared.stop(Stop::Asked("stopped by SIGTERM".to_owned())),
            }
        }
    });
    Some(handle)
}

/// Notifies the supervisor. Without one nothing happens.
pub(super) fn notify(state: &[sd_notify::NotifyState<'_>]) {
    // A supervisor that cannot be notified acts by itself.
    let _ = sd_notify::notify(state);
}
