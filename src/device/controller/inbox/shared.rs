//! What the file of an inbox is to hold, between the thread that classifies and the one that writes.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::backbone::Fingerprint;
use crate::store::inbox::InboxEntry;
use crate::util::mutex::lock;

/// What the file of an inbox is to hold.
#[derive(Debug, Default)]
pub struct SharedInbox {
    state: Mutex<State>,
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Arc<InboxEntry>>,
    next: u64,
    backbone: Option<Fingerprint>,
    /// Rises with every change.
    changes: u64,
    /// Changes that it was tried to write, and why the latest try failed.
    tried: u64,
    failure: Option<String>,
    /// The change that an answer waits for.
    awaited: Option<u64>,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub struct InboxChange {
    /// All frames.
    pub entries: Vec<Arc<InboxEntry>>,
    /// The smallest id that was never used.
    pub next: u64,
    /// The backbone that the features are of, where it is another one than at the start.
    pub backbone: Option<Fingerprint>,
    /// Which change it is.
    pub number: u64,
    /// An answer waits for it.
    pub is_urgent: bool,
}

impl SharedInbox {
    pub(super) fn publish(
        &self,
        entries: Vec<Arc<InboxEntry>>,
        next: u64,
        backbone: Option<Fingerprint>,
    ) {
        let mut state = lock(&self.state);
        state.changes += 1;
        (state.entries, state.next, state.backbone) = (entries, next, backbone);
    }

    /// What is to be written; `None` where nothing changed since the latest try, or it failed and nothing is urgent.
    pub fn change(&self) -> Option<InboxChange> {
        let state = lock(&self.state);
        let is_new =
            state.changes > state.tried || state.failure.is_some() || state.awaited.is_some();
        is_new.then(|| InboxChange {
            entries: state.entries.clone(),
            next: state.next,
            backbone: state.backbone,
            number: state.changes,
            is_urgent: state.awaited.is_some(),
        })
    }

    /// It was tried to write a change.
    ///
    /// * `failure`: why it could not be.
    pub fn tried(&self, number: u64, failure: Option<String>) {
        let mut state = lock(&self.state);
        state.tried = number;
        state.failure = failure;
        // One that came while an earlier change was written still waits.
        state.awaited.take_if(|awaited| *awaited <= number);
        self.written.notify_all();
    }

    /// Waits until all that was changed so far is written.
    ///
    /// # Errors
    /// Why it is not, in words.
    pub fn settle(&self, patience: Duration) -> Result<(), String> {
        let mut state = lock(&self.state);
        let number = state.changes;
        if state.tried >= number && state.failure.is_none() {
            return Ok(());
        }
        state.awaited = Some(number);
        let waits = |state: &mut State| state.awaited.is_some();
        let (state, waited) = match self.written.wait_timeout_while(state, patience, waits) {
            Ok(done) => done,
            // A poisoned lock is as good as another: see `lock`.
            Err(poisoned) => poisoned.into_inner(),
        };
        match (&state.failure, waited.timed_out()) {
            (_, true) => Err("it was not written in time".to_owned()),
            (Some(why), false) => Err(why.clone()),
            (None, false) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_request_is_answered_by_its_own_write() {
        let shared = Arc::new(SharedInbox::default());
        assert_eq!(shared.settle(Duration::ZERO), Ok(()), "nothing was changed");
        shared.publish(Vec::new(), 1, None);
        let before = shared.change().expect("it was changed");
        shared.publish(Vec::new(), 2, None);
        let waiting = Arc::clone(&shared);
        let waiting = std::thread::spawn(move || waiting.settle(Duration::from_secs(60)));
        while !shared.change().is_some_and(|change| change.is_urgent) {
            std::thread::yield_now();
        }
        // A write that began earlier is not the one.
        shared.tried(before.number, None);
        let change = shared.change().expect("it still waits");
        assert!(change.is_urgent && change.next == 2);
        shared.tried(change.number, Some("no room".to_owned()));
        assert_eq!(waiting.join().expect("it ends"), Err("no room".to_owned()));
        assert!(shared.change().is_some_and(|change| !change.is_urgent), "it is tried again later");
        let late = shared.settle(Duration::ZERO);
        assert_eq!(late, Err("it was not written in time".to_owned()));
    }
}
