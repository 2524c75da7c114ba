//! What the device sees, published at an MQTT broker (3.1.1), and requests from there: one more port of the device, with the
//! same requests, the same access, the same log. `docs/mqtt.md` has the topics.
//!
//! | thread | does | waits for |
//! | --- | --- | --- |
//! | service | connects, publishes the newest there is, reads requests | the broker |
//! | feed | asks the device for its status and for pictures of predictions | the device |
//! | requests | carries out what was asked | requests, the device |
//!
//! The inference thread leaves a prediction where the first of them finds it when the class changes, and waits for none.

mod client;
mod discovery;
mod feed;
mod file_error;
mod link;
mod live;
mod requests;
mod tls;
mod topics;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

pub use file_error::MqttFileError;
pub use link::MqttLink;

use crate::device::service::{Host, Observer, Service};
use crate::protocol::access::{Access, Guard};
use crate::protocol::log::Level;
use client::{Ended, Peer};
use feed::Published;
use live::Live;
use topics::Topics;

/// The wait after the first connection that was lost; each further one takes twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A connection that lasted so long was a good one: the next wait is the first again.
const GOOD: Duration = Duration::from_secs(20);

/// How often it is looked whether the device stops.
const LOOK: Duration = Duration::from_millis(100);

/// How much its threads leave to others where the processor is short.
const NICENESS: i32 = 5;

/// Publishes at a broker.
pub struct Mqtt {
    link: MqttLink,
    topics: Topics,
    live: Arc<Live>,
}

impl Mqtt {
    /// Connects once the device runs, and again whenever the connection is lost.
    pub fn new(link: MqttLink) -> Self {
        let topics = Topics::new(link.topic());
        let live = Arc::new(Live::new(topics.clone()));
        Self { link, topics, live }
    }

    /// What its clients may do; what they may ask is nothing where no requests are taken.
    pub fn access(&self) -> Access {
        self.link.settings.requests.unwrap_or(Access::ReadOnly)
    }
}

impl Service for Mqtt {
    fn name(&self) -> String {
        "mqtt".to_owned()
    }

    fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.live) as Arc<dyn Observer>
    }

    fn serve(self: Box<Self>, guard: Guard, host: Arc<dyn Host>) {
        // Of this thread and those that it starts, on Linux: frames come first. Where it cannot be set, all is as before.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        let Self { link, topics, live } = *self;
        let what = Published { images: link.settings.images, discovery: link.settings.discovery };
        let (sender, asked) = sync_channel(requests::WAITING);
        let (live, topics, host) = (&*live, &topics, &host);
        thread::scope(|scope| {
            let threads = [
                thread::Builder::new()
                    .name("mqtt feed".to_owned())
                    .spawn_scoped(scope, move || feed::feed(what, live, topics, host)),
                thread::Builder::new()
                    .name("mqtt requests".to_owned())
                    .spawn_scoped(scope, move || {
                        requests::carry_out(&asked, live, topics, guard, host)
                    }),
            ];
            for error in threads.into_iter().filter_map(Result::err) {
                host.log(Level::Error, &format!("mqtt: no thread: {error}"));
            }
            Connections { link: &link, topics, live, host, asked: sender }.run();
        });
    }
}

/// One connection after another.
struct Connections<'a> {
    link: &'a MqttLink,
    topics: &'a Topics,
    live: &'a Live,
    host: &'a Arc<dyn Host>,
    asked: SyncSender<Vec<u8>>,
}

impl Connections<'_> {
    fn run(&self) {
        let mut wait = FIRST_WAIT;
        let mut known: Option<String> = None;
        while !self.host.is_stopping() {
            let begun = Instant::now();
            let takes_requests = self.link.settings.requests.is_some();
            let connect =
                || client::connect(self.link, self.topics, self.live, takes_requests, self);
            // Whatever a broker sends must not end the device.
            let ended = catch_unwind(AssertUnwindSafe(connect));
            let (why, next) = match ended {
                Ok(Ended::Stopped) => return,
                Ok(Ended::Lost { why, next }) => (why, next),
                Err(_) => ("bytes that cannot be read".to_owned(), None),
            };
            let was_connected = self.live.connection().is_some();
            self.live.disconnected(&why);
            if was_connected || known.as_ref() != Some(&why) {
                self.lost(&why, next);
            }
            known = Some(why);
            if was_connected && begun.elapsed() >= GOOD {
                wait = FIRST_WAIT;
            }
            self.pause(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn lost(&self, why: &str, next: Option<&str>) {
        let address = &self.link.settings.address;
        let next = next.map(|next| format!("; next: {next}")).unwrap_or_default();
        let what =
            format!("mqtt: wanted a connection to {address}, got: {why}; it is tried again{next}");
        self.host.log(Level::Warning, &what);
    }

    fn pause(&self, time: Duration) {
        let begun = Instant::now();
        while !self.host.is_stopping() && begun.elapsed() < time {
            thread::sleep(LOOK);
        }
    }
}

impl Peer for Connections<'_> {
    fn is_stopping(&self) -> bool {
        self.host.is_stopping()
    }

    fn connected(&self) {
        let (address, topic) = (&self.link.settings.address, self.topics.prefix());
        let requests = self.link.settings.requests.map_or("off", Access::name);
        let what = format!("mqtt: connected to {address}, topic {topic} (requests {requests})");
        self.host.log(Level::Info, &what);
    }

    fn not_subscribed(&self) {
        let what = format!(
            "mqtt: wanted requests from {}, got: the broker does not let this user read that topic",
            self.topics.request()
        );
        self.host.log(Level::Warning, &what);
    }

    fn asked(&self, payload: &[u8], is_kept: bool) {
        // A broker may send what nobody subscribed to.
        if self.link.settings.requests.is_none() {
            return;
        }
        let refused = if is_kept {
            "a request that the broker keeps (retained) is not carried out".to_owned()
        } else if payload.len() > requests::MAX_BYTES {
            let most = requests::MAX_BYTES;
            format!("wanted a request of at most {most} bytes, got {}", payload.len())
        } else if self.asked.try_send(payload.to_vec()).is_ok() {
            return;
        } else {
            format!("{} requests wait already", requests::WAITING)
        };
        let id = requests::id_of(payload);
        self.live.answer(requests::message(self.topics, id, Err(refused)));
    }
}
