//! The files of the inboxes, written in a thread of its own: nothing waits for a card but who asked for a change.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Shared;
use crate::device::controller::{InboxChange, SharedInbox};
use crate::protocol::log::Level;
use crate::store::inbox::InboxFile;

/// The shortest time between two writes that no answer waits for.
const PAUSE: Duration = Duration::from_secs(5);

/// Bytes a second that are written on average where the inbox changes all the time: a card is to last.
const BYTES_A_SECOND: f64 = 8192.0;

/// After a write that failed.
const RETRY: Duration = Duration::from_secs(60);

/// How often it looks whether something changed.
const LOOK: Duration = Duration::from_millis(50);

/// How long an answer waits for it.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long it waits at the end for changes that are under way.
const LAST: Duration = Duration::from_millis(300);

/// A file, and when it may be written next.
struct Writer {
    file: InboxFile,
    shared: Arc<SharedInbox>,
    /// On the device's clock.
    next: Duration,
    /// What the log was told.
    failure: Option<String>,
}

pub(super) fn write(shared: &Arc<Shared>, files: Vec<(InboxFile, Arc<SharedInbox>)>) {
    let writer = |(file, shared)| Writer { file, shared, next: Duration::ZERO, failure: None };
    let mut writers: Vec<Writer> = files.into_iter().map(writer).collect();
    while !shared.is_stopping() {
        writers.iter_mut().for_each(|writer| writer.look(shared, false));
        thread::sleep(LOOK);
    }
    thread::sleep(LAST);
    writers.iter_mut().for_each(|writer| writer.look(shared, true));
}

impl Writer {
    fn look(&mut self, shared: &Shared, is_last: bool) {
        let Some(change) = self.shared.change() else { return };
        let now = shared.clock.uptime();
        if !(is_last || change.is_urgent || now >= self.next) {
            return;
        }
        let InboxChange { entries, next, backbone, number, .. } = change;
        backbone.into_iter().for_each(|backbone| self.file.set_backbone(backbone.0));
        let written = self.file.write(&entries, next);
        let pause = match &written {
            Ok(bytes) => PAUSE + Duration::from_secs_f64(*bytes as f64 / BYTES_A_SECOND),
            Err(_) => RETRY,
        };
        self.next = shared.clock.uptime() + pause;
        let path = self.file.path().display().to_string();
        let failure = written.err().map(|error| format!("{path}: cannot write the inbox: {error}"));
        if failure != self.failure {
            match &failure {
                Some(why) => shared.log.write(Level::Warning, why),
                None => shared.info(&format!("{path}: the inbox is written again")),
            }
            self.failure.clone_from(&failure);
        }
        self.shared.tried(number, failure);
    }
}

/// What there is to know where what left an inbox would be back after a start.
pub(super) fn unwritten(shared: &Shared) -> Vec<String> {
    let failures = shared.inboxes.iter().filter_map(|inbox| inbox.settle(PATIENCE).err());
    failures.map(|why| format!("{why}; until then a restart brings the frames back")).collect()
}
