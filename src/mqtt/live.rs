//! What is to be published, as new as there is: the inference thread leaves predictions here, the connection takes them when
//! it has room. Nothing here waits for a broker, and all of it has an end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Notify;

use super::topics::Topics;
use crate::device::service::Observer;
use crate::image::frame::Frame;
use crate::protocol::json;
use crate::protocol::request::Classification;
use crate::util::mutex::lock;

/// The shortest time between two predictions of a region: at most ten a second.
const PACE: Duration = Duration::from_millis(100);

/// Answers that wait for the connection; the oldest makes room.
const ANSWERS: usize = 16;

/// The longest wait without anything to publish.
const IDLE: Duration = Duration::from_secs(1);

/// A message for the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    /// Whether the broker keeps it for those who come later.
    pub(super) retain: bool,
    /// Whether the broker has to acknowledge it.
    pub(super) acknowledged: bool,
}

impl Message {
    /// One that says how something is, until it is otherwise.
    pub(super) fn state(topic: String, payload: impl Into<Vec<u8>>) -> Self {
        Self { topic, payload: payload.into(), retain: true, acknowledged: true }
    }

    /// One that is of use once.
    pub(super) fn once(topic: String, payload: impl Into<Vec<u8>>) -> Self {
        Self { retain: false, ..Self::state(topic, payload) }
    }

    /// A picture, which the next one replaces.
    pub(super) fn picture(topic: String, payload: impl Into<Vec<u8>>) -> Self {
        Self { acknowledged: false, ..Self::state(topic, payload) }
    }
}

/// What the connection does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Publish(Message),
    /// There is nothing for so long, unless the bell rings.
    Wait(Duration),
}

/// The predictions of a region.
#[derive(Debug, Default)]
struct Verdicts {
    /// The one that changed the class last.
    newest: Option<Classification>,
    /// Whether it is still to be published.
    is_new: bool,
    /// When one was published last.
    published: Option<Instant>,
    /// Whether a picture of it is still to be published.
    wants_picture: bool,
}

/// Something that is published whenever it changes and when the broker is back.
#[derive(Debug, Default)]
struct Kept {
    payload: Vec<u8>,
    is_new: bool,
}

#[derive(Debug, Default)]
struct State {
    verdicts: BTreeMap<Option<String>, Verdicts>,
    /// States by topic, the latest of each.
    states: BTreeMap<String, Kept>,
    /// Pictures by topic, the latest of each.
    pictures: BTreeMap<String, Vec<u8>>,
    answers: VecDeque<Message>,
    /// Drift changed since status was published.
    drifted: bool,
    /// How often there has been a connection; it is there now where the reason is `None`.
    connections: u64,
    why_not: Option<String>,
    /// Predictions and answers that were never published.
    dropped: u64,
}

/// What is to be published.
#[derive(Debug)]
pub(super) struct Live {
    topics: Topics,
    state: Mutex<State>,
    bell: Notify,
}

impl Live {
    pub(super) fn new(topics: Topics) -> Self {
        let why_not = Some("connecting".to_owned());
        let state = Mutex::new(State { why_not, ..State::default() });
        Self { topics, state, bell: Notify::new() }
    }

    /// Rings when there is something to publish.
    pub(super) fn bell(&self) -> &Notify {
        &self.bell
    }

    /// There is a connection: all that is so now is published again.
    pub(super) fn connected(&self) {
        {
            let mut state = lock(&self.state);
            state.connections += 1;
            state.why_not = None;
            state.verdicts.values_mut().for_each(|of| {
                of.is_new = of.newest.is_some();
                of.published = None;
            });
            state.states.values_mut().for_each(|kept| kept.is_new = true);
        }
        self.bell.notify_one();
    }

    /// There is none.
    pub(super) fn disconnected(&self, why: &str) {
        let mut state = lock(&self.state);
        state.why_not = Some(why.to_owned());
        // They would show what was long ago.
        state.pictures.clear();
    }

    /// The number of the connection, while there is one.
    pub(super) fn connection(&self) -> Option<u64> {
        let state = lock(&self.state);
        state.why_not.is_none().then_some(state.connections)
    }

    /// Whether drift changed since this was asked last.
    pub(super) fn take_drifted(&self) -> bool {
        std::mem::take(&mut lock(&self.state).drifted)
    }

    /// How something is; published at once and whenever the broker is back.
    pub(super) fn keep(&self, topic: String, payload: impl Into<Vec<u8>>) {
        lock(&self.state).keep(topic, payload.into());
        self.bell.notify_one();
    }

    /// How something is as long as nothing else was said.
    pub(super) fn keep_first(&self, topic: String, payload: impl Into<Vec<u8>>) {
        let mut state = lock(&self.state);
        if !state.states.contains_key(&topic) {
            state.keep(topic, payload.into());
            self.bell.notify_one();
        }
    }

    /// A picture; one of the same topic that was not published yet is dropped.
    pub(super) fn show(&self, topic: String, file: Vec<u8>) {
        lock(&self.state).pictures.insert(topic, file);
        self.bell.notify_one();
    }

    /// An answer.
    pub(super) fn answer(&self, message: Message) {
        {
            let mut state = lock(&self.state);
            if state.answers.len() == ANSWERS {
                state.answers.pop_front();
                state.dropped += 1;
            }
            state.answers.push_back(message);
        }
        self.bell.notify_one();
    }

    /// A region whose prediction has changed since its picture was taken, with the number of the frame.
    pub(super) fn take_picture_wanted(&self) -> Option<(Option<String>, Option<u64>)> {
        let mut state = lock(&self.state);
        let (region, of) = state.verdicts.iter_mut().find(|(_, of)| of.wants_picture)?;
        of.wants_picture = false;
        Some((region.clone(), of.newest.as_ref().and_then(|newest| newest.frame)))
    }

    /// What is to be published now.
    pub(super) fn next(&self, now: Instant) -> Next {
        let mut state = lock(&self.state);
        if let Some(answer) = state.answers.pop_front() {
            return Next::Publish(answer);
        }
        if let Some((topic, kept)) = state.states.iter_mut().find(|(_, kept)| kept.is_new) {
            kept.is_new = false;
            return Next::Publish(Message::state(topic.clone(), kept.payload.clone()));
        }
        let mut wait = IDLE;
        for (region, of) in state.verdicts.iter_mut().filter(|(_, of)| of.is_new) {
            let Some(newest) = &of.newest else { continue };
            let since = of.published.map_or(PACE, |at| now.saturating_duration_since(at));
            if since < PACE {
                wait = wait.min(PACE - since);
                continue;
            }
            (of.is_new, of.published) = (false, Some(now));
            let topic = self.topics.prediction(region.as_deref());
            return Next::Publish(Message::state(topic, json::verdict(newest).to_string()));
        }
        match state.pictures.pop_first() {
            Some((topic, file)) => Next::Publish(Message::picture(topic, file)),
            None => Next::Wait(wait),
        }
    }
}

impl State {
    fn keep(&mut self, topic: String, payload: Vec<u8>) {
        self.states.insert(topic, Kept { payload, is_new: true });
    }
}

impl Observer for Live {
    fn classified(&self, classification: &Classification) {
        {
            let mut state = lock(&self.state);
            let state = &mut *state;
            let of = match state.verdicts.get_mut(&classification.region) {
                Some(of) => of,
                None => state.verdicts.entry(classification.region.clone()).or_default(),
            };
            if of.newest.as_ref().is_some_and(|newest| newest.class == classification.class) {
                return;
            }
            state.dropped += u64::from(of.is_new);
            of.newest = Some(classification.clone());
            (of.is_new, of.wants_picture) = (true, true);
        }
        self.bell.notify_one();
    }

    fn wants_frame(&self, _sense: Option<&str>) -> bool {
        false
    }

    fn frame(&self, _sense: Option<&str>, _number: u64, _frame: Frame) {}

    fn drift(&self, region: Option<&str>, drift: Option<&str>) {
        {
            let mut state = lock(&self.state);
            state.drifted = true;
            state.keep(self.topics.drift(region), drift_payload(drift));
        }
        self.bell.notify_one();
    }

    fn figures(&self) -> Vec<(String, String)> {
        let state = lock(&self.state);
        let how = match &state.why_not {
            None => "connected".to_owned(),
            Some(why) => format!("not connected: {why}"),
        };
        let mut figures = vec![("mqtt".to_owned(), how)];
        if state.dropped > 0 {
            figures.push(("mqtt_dropped".to_owned(), state.dropped.to_string()));
        }
        figures
    }
}

/// Whether frames look as they were taught.
pub(super) fn drift_payload(drift: Option<&str>) -> Vec<u8> {
    json!({ "drift": drift }).to_string().into_bytes()
}

#[cfg(test)]
mod tests;
