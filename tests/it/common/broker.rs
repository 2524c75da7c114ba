//! A small MQTT 3.1.1 broker: what a device sends and hears, kept for the test. A thread a connection.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::data;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub topic: String,
    pub payload: Vec<u8>,
    pub retain: bool,
    pub qos: u8,
    /// Whether the broker published it for a client that was lost.
    pub is_will: bool,
}

impl Published {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("UTF-8")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).expect("JSON")
    }
}

/// With what a client came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    pub id: String,
    pub user: Option<String>,
    pub password: Option<Vec<u8>>,
}

#[derive(Default)]
struct State {
    published: Vec<Published>,
    clients: Vec<Client>,
    subscribed: Vec<String>,
    /// Of the connections that are open: what is written there.
    open: BTreeMap<u64, Sender<Vec<u8>>>,
    next: u64,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// All connections end, and none is taken.
    is_away: AtomicBool,
    /// Users and passwords that are let in; none: everyone.
    user: Option<(String, Vec<u8>)>,
    tls: Option<Arc<ServerConfig>>,
}

/// The broker; it ends with this value.
pub struct TestBroker {
    address: SocketAddr,
    shared: Arc<Shared>,
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

impl TestBroker {
    pub fn start() -> Self {
        Self::at("127.0.0.1:0", Shared::default())
    }

    /// One that knows a single user.
    pub fn of_user(user: &str, password: &str) -> Self {
        let user = Some((user.to_owned(), password.as_bytes().to_vec()));
        Self::at("127.0.0.1:0", Shared { user, ..Shared::default() })
    }

    /// One with the certificate that the tests' authority has signed.
    pub fn over_tls() -> Self {
        let read = |name: &str| std::fs::read(data(&format!("certificates/{name}"))).expect(name);
        let certificates = read("good.pem");
        let chain = CertificateDer::pem_slice_iter(&certificates).map(|one| one.expect("PEM"));
        let key = PrivateKeyDer::from_pem_slice(&read("good.key")).expect("PEM");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain.collect(), key)
            .expect("its own key");
        Self::at("127.0.0.1:0", Shared { tls: Some(Arc::new(config)), ..Shared::default() })
    }

    fn at(address: &str, shared: Shared) -> Self {
        let listener = TcpListener::bind(address).expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new(shared);
        serve(listener, &shared);
        Self { address, shared }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends all connections and takes none.
    pub fn leave(&self) {
        self.shared.is_away.store(true, Ordering::SeqCst);
        lock(&self.shared).open.clear();
        // The one that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }

    /// Is there again, at the same port, and remembers nothing.
    pub fn come_back(&self) {
        *lock(&self.shared) = State::default();
        let begun = Instant::now();
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
            thread::sleep(Duration::from_millis(20));
        };
        self.shared.is_away.store(false, Ordering::SeqCst);
        serve(listener, &self.shared);
    }

    /// Everything that was published at that topic.
    pub fn published(&self, topic: &str) -> Vec<Published> {
        let state = lock(&self.shared);
        state.published.iter().filter(|one| one.topic == topic).cloned().collect()
    }

    pub fn topics(&self) -> Vec<String> {
        lock(&self.shared).published.iter().map(|one| one.topic.clone()).collect()
    }

    pub fn clients(&self) -> Vec<Client> {
        lock(&self.shared).clients.clone()
    }

    /// Forgets what was published.
    pub fn forget(&self) {
        lock(&self.shared).published.clear();
    }

    /// Waits for a message for which that holds.
    pub fn until(&self, topic: &str, holds: impl Fn(&Published) -> bool) -> Published {
        let mut found = None;
        self.wait(&format!("{topic} is published"), || {
            found = self.published(topic).into_iter().find(|one| holds(one));
            found.is_some()
        });
        found.expect("it was found")
    }

    pub fn wait(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            let state = lock(&self.shared);
            let came: Vec<_> =
                state.published.iter().rev().take(20).map(|one| &one.topic).collect();
            assert!(begun.elapsed() < PATIENCE, "in vain: {what}; came: {came:?}");
            drop(state);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until requests are listened for.
    pub fn until_subscribed(&self, topic: &str) {
        let is_it = || lock(&self.shared).subscribed.iter().any(|filter| filter == topic);
        self.wait("it subscribes", is_it);
    }

    /// Whether anything was subscribed.
    pub fn subscribed(&self) -> Vec<String> {
        lock(&self.shared).subscribed.clone()
    }

    /// Sends a message to every client.
    pub fn publish(&self, topic: &str, payload: &[u8], retain: bool) {
        let mut body = text(topic.as_bytes());
        body.extend(payload);
        self.send(&packet(0x30 | u8::from(retain), &body));
    }

    /// Sends bytes to every client, whatever they are.
    pub fn send(&self, bytes: &[u8]) {
        for out in lock(&self.shared).open.values() {
            // One that has gone gets nothing.
            let _ = out.send(bytes.to_vec());
        }
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        self.leave();
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    // A test that fails holds nothing that is half done.
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(listener: TcpListener, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.is_away.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let shared = Arc::clone(&shared);
            thread::spawn(move || connection(stream, &shared));
        }
    });
}

fn connection(stream: TcpStream, shared: &Shared) {
    stream.set_read_timeout(Some(Duration::from_millis(10))).expect("a time-out");
    stream.set_nodelay(true).expect("at once");
    let mut stream: Box<dyn Stream> = match &shared.tls {
        None => Box::new(stream),
        Some(config) => {
            let server = ServerConnection::new(Arc::clone(config)).expect("it is complete");
            Box::new(StreamOwned::new(server, stream))
        }
    };
    let (sender, receiver) = channel();
    let number = {
        let mut state = lock(shared);
        state.next += 1;
        let number = state.next;
        state.open.insert(number, sender);
        number
    };
    let will = talk(&mut *stream, &receiver, shared);
    let mut state = lock(shared);
    state.open.remove(&number);
    state.published.extend(will);
}

/// * returns the will of a client that was lost.
fn talk(stream: &mut dyn Stream, out: &Receiver<Vec<u8>>, shared: &Shared) -> Option<Published> {
    let (mut bytes, mut will) = (Vec::new(), None);
    loop {
        loop {
            match out.try_recv() {
                Ok(bytes) => {
                    if stream.write_all(&bytes).and_then(|()| stream.flush()).is_err() {
                        return will;
                    }
                }
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                // The broker leaves.
                Err(_) => return None,
            }
        }
        let mut some = [0; 65_536];
        match stream.read(&mut some) {
            Ok(0) => return will,
            Ok(count) => bytes.extend(&some[..count]),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => return will,
        }
        while let Some((first, body)) = taken(&mut bytes) {
            let answer = match first >> 4 {
                1 => {
                    let (client, last) = connect(&body);
                    let known = (client.user.clone(), client.password.clone());
                    let wanted = shared.user.clone().map(|(user, pass)| (Some(user), Some(pass)));
                    lock(shared).clients.push(client);
                    if wanted.is_some_and(|wanted| wanted != known) {
                        let _ = stream.write_all(&[0x20, 2, 0, 4]).and_then(|()| stream.flush());
                        return None;
                    }
                    will = last;
                    vec![0x20, 2, 0, 0]
                }
                3 => {
                    let (message, id) = published(first, &body);
                    lock(shared).published.push(message);
                    id.map(|id| vec![0x40, 2, id[0], id[1]]).unwrap_or_default()
                }
                8 => {
                    let (filter, _) = split_text(&body[2..]);
                    let filter = String::from_utf8(filter.to_vec()).expect("UTF-8");
                    lock(shared).subscribed.push(filter);
                    vec![0x90, 3, body[0], body[1], 1]
                }
                12 => vec![0xd0, 0],
                14 => return None,
                _ => Vec::new(),
            };
            if stream.write_all(&answer).and_then(|()| stream.flush()).is_err() {
                return will;
            }
        }
    }
}

/// The next packet, once it is whole: its first byte and its body.
fn taken(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (mut length, mut head) = (0, 1);
    loop {
        let byte = *bytes.get(head)?;
        length |= usize::from(byte & 0x7f) << (7 * (head - 1));
        head += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let whole = bytes.get(head..head + length)?.to_vec();
    let first = bytes[0];
    bytes.drain(..head + length);
    Some((first, whole))
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let (mut packet, mut left) = (vec![first], body.len());
    loop {
        let more = if left > 0x7f { 0x80 } else { 0 };
        packet.push((left & 0x7f) as u8 | more);
        left >>= 7;
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let mut text = (bytes.len() as u16).to_be_bytes().to_vec();
    text.extend(bytes);
    text
}

fn split_text(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    bytes[2..].split_at(length)
}

/// CONNECT: who comes, and what is published should the client be lost.
fn connect(body: &[u8]) -> (Client, Option<Published>) {
    let (name, rest) = split_text(body);
    assert_eq!((name, rest[0]), (&b"MQTT"[..], 4), "MQTT 3.1.1");
    let flags = rest[1];
    let owned = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let (id, mut rest) = split_text(&rest[4..]);
    let mut next = |is_there: bool| {
        is_there.then(|| {
            let (text, behind) = split_text(rest);
            rest = behind;
            text.to_vec()
        })
    };
    let (topic, payload) = (next(flags & 4 != 0), next(flags & 4 != 0));
    let (user, password) = (next(flags & 0x80 != 0), next(flags & 0x40 != 0));
    let will = topic.zip(payload).map(|(topic, payload)| Published {
        topic: owned(&topic),
        payload,
        retain: flags & 0x20 != 0,
        qos: flags >> 3 & 3,
        is_will: true,
    });
    (Client { id: owned(id), user: user.map(|user| owned(&user)), password }, will)
}

/// PUBLISH: the message, and the number under which it is acknowledged.
fn published(first: u8, body: &[u8]) -> (Published, Option<[u8; 2]>) {
    let (topic, rest) = split_text(body);
    let qos = first >> 1 & 3;
    let (id, payload) = match qos {
        0 => (None, rest),
        _ => (Some([rest[0], rest[1]]), &rest[2..]),
    };
    let topic = String::from_utf8(topic.to_vec()).expect("UTF-8");
    let (payload, retain) = (payload.to_vec(), first & 1 == 1);
    (Published { topic, payload, retain, qos, is_will: false }, id)
}
