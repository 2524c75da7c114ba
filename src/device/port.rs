//! Where a console's bytes come from: a serial line, the program's own terminal, a pseudo-terminal, a socket.
//!
//! | address | what |
//! | --- | --- |
//! | `serial:/dev/ttyUSB0@115200` | a serial line, 8 bits, no parity; 115200 baud if left out |
//! | `stdio:` | standard input and output |
//! | `pty:` | a new pseudo-terminal; the path of its other side is logged |
//! | `unix:PATH` | a socket, for up to [`CLIENTS`](crate::device::port::CLIENTS) at a time |
//!
//! Nothing waits for a line: a thread reads, a thread writes from a queue, and what finds no room in it is dropped and
//! counted, verdicts first. A serial line that was pulled out is opened again when it is back.

mod ends;
mod threads;

use std::collections::VecDeque;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::board::address::Address;
use crate::image::frame::Timestamp;
use crate::protocol::request::{Classification, RequestHandler};
use crate::protocol::session::{Session, Sink};
use crate::util::mutex::lock;
use ends::{Ends, Source};
use threads::{read, write};

/// Clients at a socket at the same time; the next one waits until one leaves.
pub const CLIENTS: usize = 4;
/// Bytes of answers that may wait for the line.
const QUEUE_BYTES: usize = 1 << 20;
/// Bytes that may wait where a verdict still joins them: a third of a second at 115200 baud.
const BUSY_BYTES: usize = 4096;
/// Reads and verdicts that may wait for the session.
const INBOX: usize = 64;
/// How soon a thread notices that the port was closed, and how often a lost line is tried again.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long what is queued may take when the port is closed.
const LINGER: Duration = Duration::from_secs(1);
const CLOSING_POLL: Duration = Duration::from_millis(5);
/// Who reads nothing at a socket for so long, though something waits, makes room for others.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// A frame in which nothing comes for so long will not be ended.
const SILENCE: Duration = Duration::from_secs(1);

/// Why there is no port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// It cannot be opened.
    #[error("{address}: {error}{next}")]
    Open {
        /// The port.
        address: Address,
        /// What is wrong.
        error: std::io::Error,
        /// What to do about it.
        next: &'static str,
    },
}

impl PortError {
    /// * `is_device`: the port was to be made, not to be found.
    fn of(address: &Address, error: std::io::Error, is_device: bool) -> Self {
        let next = ends::next_step(address, &error, is_device);
        Self::Open { address: address.clone(), error, next }
    }
}

/// Whether a session there begins with prompt and echo.
fn is_for_a_person(address: &Address) -> bool {
    match address {
        Address::Serial { .. } | Address::Pty => true,
        Address::Stdio => ends::stdin_is_a_terminal(),
        Address::Unix(_) => false,
    }
}

/// What comes to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Post {
    /// A client has come, perhaps another one.
    Opened,
    /// Bytes from there.
    Bytes(Vec<u8>),
    /// From the device, for clients that watch.
    Verdict(Classification),
    /// Who was there asks no more; answers are still read, perhaps.
    Left,
    /// Nothing within the time.
    Nothing,
    /// It will not come back.
    Closed,
}

/// An open port.
#[derive(Debug)]
pub struct Port {
    shared: Arc<Shared>,
    inbox: Receiver<Post>,
    handle: PortHandle,
    other_side: Option<PathBuf>,
    is_for_a_person: bool,
    /// Whether it shows when the other side has gone.
    hangs_up: bool,
    /// Whether it is the program's own terminal.
    is_own_terminal: bool,
    /// The user at that terminal ends the program.
    is_left: AtomicBool,
    /// Which of those who came is being served.
    served: AtomicU64,
    threads: Vec<JoinHandle<()>>,
}

/// A port as other threads see it: none of its methods waits for the line.
#[derive(Debug, Clone)]
pub struct PortHandle {
    inbox: SyncSender<Post>,
    shared: Arc<Shared>,
}

impl PortHandle {
    /// Hands a verdict to the port's session, or leaves it out where the session has not taken the ones before.
    pub fn offer(&self, classification: &Classification) {
        if let Err(TrySendError::Full(_)) =
            self.inbox.try_send(Post::Verdict(classification.clone()))
        {
            self.shared.drop_messages(1);
        }
    }

    /// Answers and verdicts that found no room so far.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Frames that came damaged so far.
    pub fn broken_frames(&self) -> u64 {
        self.shared.broken.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    closing: AtomicBool,
    dropped: AtomicU64,
    broken: AtomicU64,
    /// How often a client came.
    came: AtomicU64,
    /// The client was disconnected for reading nothing.
    stuck: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Where to write; `None` while the line is away.
    ends: Option<Arc<Ends>>,
    /// Since when no requests come any more; the line is closed once all is written.
    left: Option<Instant>,
}

impl Port {
    /// Opens a port for a device: a socket is made, a pseudo-terminal too.
    ///
    /// * returns one port, or as many as may be at a socket at the same time, [`CLIENTS`]; each has a session of its
    ///   own.
    ///
    /// # Errors
    /// [`PortError::Open`].
    pub fn listen(address: &Address) -> Result<Vec<Self>, PortError> {
        let listening = ends::listen(address).and_then(|first| {
            let others: Vec<Source> = (1..CLIENTS).map_while(|_| first.another()).collect();
            iter::once(first).chain(others).map(|source| Self::open(address, source)).collect()
        });
        listening.map_err(|error| PortError::of(address, error, true))
    }

    /// Opens a port to a device: a socket has to be there.
    ///
    /// # Errors
    /// [`PortError::Open`].
    pub fn connect(address: &Address) -> Result<Self, PortError> {
        let connected = ends::connect(address).and_then(|source| Self::open(address, source));
        connected.map_err(|error| PortError::of(address, error, false))
    }

    fn open(address: &Address, mut source: Source) -> std::io::Result<Self> {
        let ends = source.open(Duration::ZERO)?;
        let shared = Arc::new(Shared::default());
        // Before the threads: what is sent from now on has a receiver.
        let ends = ends.map(Arc::new);
        shared.set_ends(ends.clone());
        let (sender, inbox) = sync_channel(INBOX);
        let handle = PortHandle { inbox: sender.clone(), shared: shared.clone() };
        let other_side = source.other_side().map(Path::to_owned);
        let (reading, writing) = (shared.clone(), shared.clone());
        let threads = vec![
            std::thread::spawn(move || write(&writing, READ_WITHIN)),
            std::thread::spawn(move || read(source, ends, &reading, &sender)),
        ];
        let is_for_a_person = is_for_a_person(address);
        let hangs_up = matches!(address, Address::Unix(_));
        let is_own_terminal = *address == Address::Stdio;
        Ok(Self {
            shared,
            inbox,
            handle,
            other_side,
            is_for_a_person,
            hangs_up,
            is_own_terminal,
            is_left: AtomicBool::new(false),
            served: AtomicU64::new(0),
            threads,
        })
    }

    /// What came, within that time.
    pub fn receive(&self, wait: Duration) -> Post {
        match self.inbox.recv_timeout(wait) {
            Ok(post) => post,
            Err(RecvTimeoutError::Timeout) => Post::Nothing,
            Err(RecvTimeoutError::Disconnected) => Post::Closed,
        }
    }

    /// Serves the client at the other end, until the port closes or `stop` is set.
    ///
    /// * returns whether who was there, at the program's own terminal, wants it to end.
    pub fn serve(&self, device: &mut dyn RequestHandler, stop: &AtomicBool) -> bool {
        let mut session = Session::new(self.is_for_a_person);
        let begun = Instant::now();
        let mut heard = begun;
        let mut sink = self;
        while !stop.load(Ordering::Relaxed) && !self.is_left.load(Ordering::Relaxed) {
            let post = self.receive(PATIENCE);
            session.tick(Timestamp(begun.elapsed().as_micros() as u64));
            match post {
                Post::Opened => {
                    self.served.fetch_add(1, Ordering::Relaxed);
                    device.opened();
                    session.opened(&mut sink);
                }
                Post::Bytes(bytes) => {
                    heard = Instant::now();
                    session.feed(&bytes, device, &mut sink);
                    self.shared.broken.store(session.broken_frames(), Ordering::Relaxed);
                }
                Post::Verdict(classification) => session.verdict(&classification, &mut sink),
                Post::Left => {
                    if self.shared.stuck.swap(false, Ordering::Relaxed) {
                        let seconds = READ_WITHIN.as_secs();
                        device
                            .note(&format!("client disconnected: it read nothing for {seconds} s"));
                    }
                    self.shared.lock().left = Some(Instant::now());
                    self.shared.changed.notify_all();
                }
                Post::Nothing => {}
                Post::Closed => return false,
            }
            if heard.elapsed() > SILENCE {
                session.idle();
            }
        }
        self.is_left.load(Ordering::Relaxed)
    }

    /// For other threads.
    pub fn handle(&self) -> PortHandle {
        self.handle.clone()
    }

    /// Bytes that have not gone out yet.
    pub fn waiting(&self) -> usize {
        self.shared.lock().bytes
    }

    /// The other side of a pseudo-terminal.
    pub fn other_side(&self) -> Option<&Path> {
        self.other_side.as_deref()
    }
}

impl Sink for &Port {
    fn send(&mut self, bytes: Vec<u8>) {
        self.shared.push(bytes, QUEUE_BYTES);
    }

    fn offer(&mut self, bytes: Vec<u8>) {
        self.shared.push(bytes, BUSY_BYTES);
    }

    /// Known of a socket; a serial line may have a client all the same.
    fn is_gone(&self) -> bool {
        let ends = self.shared.lock().ends.clone();
        // Another client may be there already.
        let is_served =
            self.served.load(Ordering::Relaxed) == self.shared.came.load(Ordering::Relaxed);
        self.hangs_up && !(is_served && ends.is_some_and(|ends| !ends::hung_up(&ends.input)))
    }

    fn leave(&mut self) -> bool {
        if self.is_own_terminal {
            self.is_left.store(true, Ordering::Relaxed);
        }
        if self.hangs_up {
            self.shared.lock().left = Some(Instant::now());
            self.shared.changed.notify_all();
        }
        self.is_own_terminal || self.hangs_up
    }
}

impl Drop for Port {
    /// Gives what is queued a second, and leaves a terminal as it was.
    fn drop(&mut self) {
        {
            // With the lock: between a look at the flag and the wait for a change, a thread would miss both.
            let _queue = self.shared.lock();
            self.shared.closing.store(true, Ordering::Relaxed);
        }
        self.shared.changed.notify_all();
        while self.threads.iter().any(|thread| !thread.is_finished()) {
            // Taken out, or the reading thread would wait for room for ever.
            self.receive(CLOSING_POLL);
        }
        self.shared.lock().ends = None;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    fn closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    fn drop_messages(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn push(&self, bytes: Vec<u8>, room: usize) {
        let mut queue = self.lock();
        // An empty queue takes any message, or a long one would never be sent.
        if queue.ends.is_none() {
            return;
        }
        if queue.bytes > 0 && queue.bytes + bytes.len() > room {
            self.drop_messages(1);
            return;
        }
        queue.bytes += bytes.len();
        queue.waiting.push_back(bytes);
        self.changed.notify_all();
    }

    /// Whether they are still where to write.
    fn writes_to(&self, ends: &Arc<Ends>) -> bool {
        self.lock().ends.as_ref().is_some_and(|now| Arc::ptr_eq(now, ends))
    }

    /// Where to write from now on; what waited was for a client that has gone.
    fn set_ends(&self, ends: Option<Arc<Ends>>) {
        let mut queue = self.lock();
        self.came.fetch_add(u64::from(ends.is_some()), Ordering::Relaxed);
        self.drop_messages(queue.waiting.len());
        *queue = Queue { ends, ..Queue::default() };
    }

    /// Waits until the answers to a client that left are written, for a while.
    fn wait_for_the_last_answer(&self) {
        let mut queue = self.lock();
        while queue.ends.is_some()
            && !self.closing()
            && queue.left.is_none_or(|since| since.elapsed() < LINGER)
        {
            let waited = self.changed.wait_timeout(queue, PATIENCE);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests;
