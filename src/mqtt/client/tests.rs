use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::board::MqttSettings;

#[derive(Default)]
struct Heard {
    is_stopping: AtomicBool,
    connected: AtomicUsize,
    asked: AtomicUsize,
}

impl Peer for Heard {
    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    fn connected(&self) {
        self.connected.fetch_add(1, Ordering::SeqCst);
    }

    fn not_subscribed(&self) {}

    fn asked(&self, _payload: &[u8], _is_kept: bool) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.is_stopping.store(true, Ordering::SeqCst);
    }
}

/// How a connection ends to a broker that sends these bytes and closes it.
fn ended(bytes: &[u8], heard: &Heard) -> Ended {
    ended_after(bytes, heard, true)
}

/// * `closes`: whether the broker closes the connection, or waits for the device to do so.
fn ended_after(bytes: &[u8], heard: &Heard, closes: bool) -> Ended {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it listens").port();
    let address = format!("mqtt://127.0.0.1:{port}").parse().expect("an address");
    let link = MqttLink::read(&MqttSettings::at(address)).expect("it names no file");
    let topics = Topics::new("a");
    let live = Live::new(topics.clone());
    let bytes = bytes.to_vec();
    let broker = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it comes");
        // It may have gone already.
        let _ = stream.write_all(&bytes);
        if closes {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    let ended = connect(&link, &topics, &live, true, heard);
    broker.join().expect("it does not panic");
    ended
}

const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

#[test]
fn whatever_a_broker_sends_ends_with_a_reason() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let heard = Heard::default();
    for number in 0..300 {
        let mut bytes = if number % 10 == 0 { Vec::new() } else { CONNACK.to_vec() };
        for _ in 0..random.random_range(1..4) {
            // The beginning of a packet of any kind, with a length that may be wrong.
            let length: u8 = random.random_range(0..40);
            let told = if random.random_range(0..4) == 0 { random.random() } else { length };
            bytes.extend([random.random(), told]);
            bytes.extend((0..length).map(|_| random.random::<u8>()));
        }
        match ended(&bytes, &heard) {
            Ended::Lost { why, .. } => assert!(!why.is_empty() && !why.contains('\n'), "{why}"),
            Ended::Stopped => panic!("nothing stops here: {}", bytes.escape_ascii()),
        }
    }
    assert!(heard.connected.load(Ordering::SeqCst) >= 200);
    assert_eq!(heard.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn refusals_say_of_whom_and_what_to_do() {
    let heard = Heard::default();
    for (code, wanted) in [
        (1, "MQTT 3.1.1"),
        (2, "client's name"),
        (3, "not available"),
        (4, "without a user"),
        (5, "without a user"),
    ] {
        let Ended::Lost { why, next } = ended(&[0x20, 2, 0, code], &heard) else {
            panic!("{code}")
        };
        assert!(why.starts_with("a refusal") && why.contains(wanted), "{why}");
        assert_eq!(next.is_some(), code >= 4);
    }
    let Ended::Lost { why, .. } = ended(b"HTTP/1.1 400 Bad Request\r\n\r\n", &heard) else {
        panic!()
    };
    assert!(!why.is_empty(), "{why}");
    assert_eq!(heard.connected.load(Ordering::SeqCst), 0);
}

#[test]
fn only_messages_at_the_topic_of_requests_are_requests() {
    let heard = Heard::default();
    let publish = |topic: &str| {
        let mut packet = vec![0x30, (2 + topic.len() + 6) as u8, 0, topic.len() as u8];
        packet.extend(topic.as_bytes());
        packet.extend(b"status");
        packet
    };
    let bytes = [&CONNACK[..], &publish("a/other"), &publish("b/request"), &publish("a/request")];
    assert_eq!(ended_after(&bytes.concat(), &heard, false), Ended::Stopped);
    assert_eq!(heard.asked.load(Ordering::SeqCst), 1);
}
