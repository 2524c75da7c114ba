//! What waits for the inference thread: of each source one frame, the newest, or the event that is next; one request from each port, since a port waits for its
//! answer; the edges of buttons, of which some more than anybody can press are kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::board::outputs::Edge;
use crate::image::frame::{Frame, Timestamp};
use crate::protocol::request::{Answer, Progress, Refused, Request};
use crate::util::mutex::lock;

/// Edges that are kept.
const EDGES: usize = 64;

/// Requests that are kept: more than there are ports.
const REQUESTS: usize = 32;

/// How long requests go before a frame.
const REQUESTS_FIRST: Duration = Duration::from_millis(4);

/// To whom a request's answer goes.
pub(super) type Sender = SyncSender<Message>;

/// What comes back for a request.
#[derive(Debug)]
pub(super) enum Message {
    Progress(Progress),
    Answer(Result<Answer, Refused>),
}

/// The next thing to do.
#[derive(Debug)]
pub(super) enum Item {
    /// An input that changed, and when.
    Edge(Edge, Timestamp),
    Request(Request, Sender),
    /// Of the source of that number.
    Frame(usize, Frame),
    /// Nothing came in time.
    Nothing,
    /// It is over.
    Closed,
}

#[derive(Debug, Default)]
struct Mail {
    /// By source.
    frames: BTreeMap<usize, Frame>,
    /// The source of the frame that was handed out last: the others' go first.
    latest: usize,
    requests: VecDeque<(Request, Sender)>,
    /// When the first request since the latest frame was handed out.
    requests_since: Option<Instant>,
    edges: VecDeque<(Edge, Timestamp)>,
    closed: bool,
    came: u64,
    dropped: u64,
}

impl Mail {
    /// Sources take turns.
    fn next_frame(&mut self) -> Option<(usize, Frame)> {
        let after = self.frames.range(self.latest + 1..).next();
        let source = *after.or_else(|| self.frames.iter().next())?.0;
        self.latest = source;
        Some((source, self.frames.remove(&source)?))
    }
}

/// What waits for the inference thread.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    mail: Mutex<Mail>,
    arrived: Condvar,
    /// A frame was taken, or all is over.
    taken: Condvar,
}

impl Mailbox {
    /// A frame replaces one of its source that was not taken yet.
    pub(super) fn frame(&self, source: usize, frame: Frame) {
        let mut mail = lock(&self.mail);
        mail.came += 1;
        mail.dropped += u64::from(mail.frames.insert(source, frame).is_some());
        self.arrived.notify_one();
    }

    /// A frame that no other replaces: it waits until the one before it was taken.
    pub(super) fn event(&self, source: usize, frame: Frame) {
        let has_to_wait = |mail: &mut Mail| mail.frames.contains_key(&source) && !mail.closed;
        let waited = self.taken.wait_while(lock(&self.mail), has_to_wait);
        let mut mail = waited.unwrap_or_else(PoisonError::into_inner);
        mail.came += 1;
        mail.frames.insert(source, frame);
        self.arrived.notify_one();
    }

    /// Whether there was room; not once it is over.
    pub(super) fn request(&self, request: Request, sender: Sender) -> bool {
        let mut mail = lock(&self.mail);
        let room = !mail.closed && mail.requests.len() < REQUESTS;
        if room {
            mail.requests.push_back((request, sender));
            self.arrived.notify_one();
        }
        room
    }

    /// The oldest edge makes room: the latest one is the input's level.
    pub(super) fn edge(&self, edge: Edge, at: Timestamp) {
        let mut mail = lock(&self.mail);
        if mail.edges.len() == EDGES {
            mail.edges.pop_front();
        }
        mail.edges.push_back((edge, at));
        self.arrived.notify_one();
    }

    /// Whether the newest frame of a source was taken to be looked at.
    pub(super) fn is_looked_at(&self, source: usize) -> bool {
        !lock(&self.mail).frames.contains_key(&source)
    }

    /// Nothing more is handed out; a client that waits for an answer sees its sender's end.
    pub(super) fn close(&self) {
        let mut mail = lock(&self.mail);
        mail.closed = true;
        mail.requests.clear();
        self.arrived.notify_all();
        self.taken.notify_all();
    }

    /// Waits for the next thing to do: edges first, then requests, but however many ask, a frame waits [`REQUESTS_FIRST`] and
    /// for the request that is carried out then.
    pub(super) fn next(&self, patience: Duration) -> Item {
        let end = Instant::now() + patience;
        let mut mail = lock(&self.mail);
        loop {
            if mail.closed {
                return Item::Closed;
            }
            if let Some((edge, at)) = mail.edges.pop_front() {
                return Item::Edge(edge, at);
            }
            let is_over =
                mail.requests_since.is_some_and(|since| since.elapsed() >= REQUESTS_FIRST);
            let frame_is_next = is_over && !mail.frames.is_empty();
            let request = if frame_is_next { None } else { mail.requests.pop_front() };
            if let Some((request, sender)) = request {
                mail.requests_since.get_or_insert_with(Instant::now);
                return Item::Request(request, sender);
            }
            if let Some((source, frame)) = mail.next_frame() {
                mail.requests_since = None;
                self.taken.notify_all();
                return Item::Frame(source, frame);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Item::Nothing;
            }
            let waited = self.arrived.wait_timeout(mail, left);
            mail = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Frames that came, and those of them that a newer one replaced.
    pub(super) fn counts(&self) -> (u64, u64) {
        let mail = lock(&self.mail);
        (mail.came, mail.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request::Version;

    fn frame(at: u64) -> Frame {
        Frame::new(1, 1, vec![0; 3], Timestamp(at)).expect("one pixel")
    }

    #[test]
    fn the_newest_frame_wins_and_people_come_first() {
        let inbox = Mailbox::default();
        (1..=3).for_each(|at| inbox.frame(0, frame(at)));
        let (sender, _receiver) = std::sync::mpsc::sync_channel(1);
        assert!(inbox.request(Version.into(), sender));
        inbox.edge(Edge { name: "b".to_owned(), pressed: true }, Timestamp(9));
        assert!(matches!(inbox.next(Duration::ZERO), Item::Edge(_, at) if at == Timestamp(9)));
        assert!(matches!(inbox.next(Duration::ZERO), Item::Request(Request::Version(_), _)));
        assert!(
            matches!(inbox.next(Duration::ZERO), Item::Frame(0, got) if got.captured() == Timestamp(3))
        );
        assert!(matches!(inbox.next(Duration::ZERO), Item::Nothing));
        assert_eq!(inbox.counts(), (3, 2));
    }

    #[test]
    fn an_event_waits_for_the_one_before_it() {
        let inbox = std::sync::Arc::new(Mailbox::default());
        let giver = std::sync::Arc::clone(&inbox);
        let giver = std::thread::spawn(move || (1..=50).for_each(|at| giver.event(0, frame(at))));
        for at in 1..=49 {
            let item = inbox.next(Duration::from_secs(60));
            assert!(matches!(item, Item::Frame(0, got) if got.captured() == Timestamp(at)), "{at}");
        }
        giver.join().expect("the last one lies there");
        assert_eq!(inbox.counts(), (50, 0));
        // What waits when all is over does not wait for ever.
        inbox.close();
        inbox.event(0, frame(51));
    }

    #[test]
    fn sources_take_turns_and_replace_their_own_alone() {
        let inbox = Mailbox::default();
        for (source, at) in [(0, 1), (2, 2), (0, 3), (1, 4)] {
            inbox.frame(source, frame(at));
        }
        let next = || match inbox.next(Duration::ZERO) {
            Item::Frame(source, frame) => (source, frame.captured().0),
            other => panic!("{other:?}"),
        };
        assert_eq!(next(), (1, 4), "the camera's were the last");
        inbox.frame(1, frame(5));
        assert_eq!([next(), next(), next()], [(2, 2), (0, 3), (1, 5)]);
        assert_eq!(inbox.counts(), (5, 1));
        inbox.event(0, frame(6));
        // Another source's event does not wait for it.
        inbox.event(1, frame(7));
        assert!(!inbox.is_looked_at(0) && inbox.is_looked_at(2));
    }

    #[test]
    fn however_many_ask_a_frame_waits_for_a_moment() {
        let inbox = Mailbox::default();
        let (sender, _receiver) = std::sync::mpsc::sync_channel(1);
        (0..3).for_each(|_| assert!(inbox.request(Version.into(), sender.clone())));
        inbox.frame(0, frame(1));
        let mut order = String::new();
        for _ in 0..5 {
            match inbox.next(Duration::ZERO) {
                Item::Request(..) => order.push('r'),
                Item::Frame(..) => order.push('f'),
                _ => order.push('-'),
            }
            // As long as a request of those takes.
            std::thread::sleep(REQUESTS_FIRST);
        }
        assert_eq!(order, "rfrr-");
    }

    #[test]
    fn queues_are_bounded_and_no_finished_work_is_awaited() {
        let inbox = Mailbox::default();
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let taken = (0..100).filter(|_| inbox.request(Version.into(), sender.clone())).count();
        assert_eq!(taken, REQUESTS);
        (0..100).for_each(|at| {
            inbox.edge(Edge { name: String::new(), pressed: true }, Timestamp(at));
        });
        assert!(matches!(inbox.next(Duration::ZERO), Item::Edge(_, at) if at == Timestamp(36)));
        inbox.close();
        drop(sender);
        assert!(matches!(inbox.next(Duration::from_secs(9)), Item::Closed));
        assert!(receiver.recv().is_err(), "whoever waits for an answer learns that none will come");
    }
}
