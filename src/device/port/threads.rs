//! The threads of a port: one reads, one writes.

use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::ends::{self, Ends, Source, is_ready};
use super::{LINGER, PATIENCE, Post, Shared};

/// The reading thread.
///
/// * `first`: what is open already.
pub(super) fn read(
    mut source: Source,
    mut first: Option<Arc<Ends>>,
    shared: &Shared,
    inbox: &SyncSender<Post>,
) {
    let mut buffer = [0; 4096];
    while !shared.closing() {
        let ends = match first.take() {
            Some(ends) => ends,
            None => match source.open(PATIENCE) {
                Ok(Some(ends)) => {
                    let ends = Arc::new(ends);
                    shared.set_ends(Some(ends.clone()));
                    ends
                }
                // No client yet.
                Ok(None) => continue,
                // Away.
                Err(_) => {
                    std::thread::sleep(PATIENCE);
                    continue;
                }
            },
        };
        if inbox.send(Post::Opened).is_err() {
            return;
        }
        while !shared.closing() {
            if !is_ready(&ends.input, false, PATIENCE) {
                continue;
            }
            match (&ends.input).read(&mut buffer) {
                Ok(0) if source.comes_back() => {
                    if inbox.send(Post::Left).is_err() {
                        return;
                    }
                    shared.wait_for_the_last_answer();
                    break;
                }
                Ok(0) => break,
                Ok(length) => {
                    if inbox.send(Post::Bytes(buffer[..length].to_vec())).is_err() {
                        return;
                    }
                }
                Err(error) if ends::is_passing(&error) => {}
                Err(_) => break,
            }
        }
        // What is queued is still written while the port closes.
        if shared.closing() {
            return;
        }
        if !source.comes_back() {
            // What was asked for last is still answered: the session ends, and closes.
            let _ = inbox.send(Post::Closed);
            return;
        }
        shared.set_ends(None);
    }
}

/// The writing thread.
///
/// * `patience`: a socket's client that reads nothing for so long is disconnected.
pub(super) fn write(shared: &Shared, patience: Duration) {
    let mut closed_at = None;
    loop {
        let (message, ends) = {
            let mut queue = shared.lock();
            while queue.waiting.is_empty() && !shared.closing() {
                if queue.left.take().is_some() {
                    // Where they left by a command, their side learns of it by this.
                    let _ = queue.ends.take().is_some_and(|ends| ends.hang_up());
                    shared.changed.notify_all();
                }
                queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            match (queue.waiting.pop_front(), queue.ends.clone()) {
                (Some(message), Some(ends)) => (message, ends),
                _ if shared.closing() => return,
                _ => continue,
            }
        };
        let mut rest = &message[..];
        let mut moved = Instant::now();
        while !rest.is_empty() {
            if shared.closing() {
                let since = *closed_at.get_or_insert_with(Instant::now);
                if since.elapsed() > LINGER {
                    return;
                }
            }
            if !is_ready(&ends.output, true, PATIENCE) {
                if shared.writes_to(&ends) {
                    // The reading thread sees that the client has gone.
                    if moved.elapsed() > patience && ends.hang_up() {
                        shared.stuck.store(true, Ordering::Relaxed);
                        break;
                    }
                    continue;
                }
                break;
            }
            match (&ends.output).write(rest) {
                Ok(length) => {
                    rest = &rest[length..];
                    moved = Instant::now();
                }
                Err(error) if ends::is_passing(&error) => {}
                // The reading thread notices too, and opens it again.
                Err(_) => break,
            }
        }
        let mut queue = shared.lock();
        if queue.ends.as_ref().is_some_and(|now| Arc::ptr_eq(now, &ends)) {
            queue.bytes -= message.len();
        }
    }
}
