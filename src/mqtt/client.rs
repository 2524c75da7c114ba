//! One connection to the broker after another. The only file that names the crate for MQTT.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use rumqttc::{
    AsyncClient, Broker, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill,
    MqttOptions, NetworkOptions, Packet, PublishOptions, QoS, StateError, SubscribeReasonCode,
    default_socket_connect,
};
use tokio::time::{sleep, timeout};

use super::link::MqttLink;
use super::live::{Live, Message, Next};
use super::topics::Topics;
use crate::util::text::one_line;

/// Seconds after which a silent connection is asked whether it is still there; the broker waits one and a half times that.
const KEEP_ALIVE_S: u16 = 20;

/// Seconds that connecting, and writing what was taken, may take.
const PATIENCE_S: u64 = 10;

/// Messages that the connection has taken and not written yet.
const TAKEN: usize = 2;

/// Messages that the broker has not acknowledged yet.
const UNACKNOWLEDGED: u16 = 16;

/// Bytes of a packet that is taken; a longer one ends the connection.
pub(super) const MAX_INCOMING: usize = 4 << 20;

/// Bytes of a packet that is sent: a picture of a camera.
const MAX_OUTGOING: usize = 16 << 20;

/// How often it is looked whether the device stops.
const LOOK: Duration = Duration::from_millis(100);

/// How long the broker is given to hear that the device stops.
const FAREWELL: Duration = Duration::from_millis(1000);

/// What the connection needs of others.
pub(super) trait Peer {
    /// Whether the device stops.
    fn is_stopping(&self) -> bool;

    /// The broker is there.
    fn connected(&self);

    /// The broker does not pass on requests.
    fn not_subscribed(&self);

    /// A request came.
    ///
    /// * `is_kept`: it is one that the broker keeps, and was not sent now.
    fn asked(&self, payload: &[u8], is_kept: bool);
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The device stops.
    Stopped,
    /// It was lost, or never came about.
    Lost {
        /// What came instead, in words.
        why: String,
        /// What to do about it, where that is known.
        next: Option<&'static str>,
    },
}

/// A connection from its beginning to its end.
///
/// * `takes_requests`: whether requests are wanted.
pub(super) fn connect(
    link: &MqttLink,
    topics: &Topics,
    live: &Live,
    takes_requests: bool,
    peer: &dyn Peer,
) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(link, topics, live, takes_requests, peer)),
        Err(error) => Ended::Lost { why: error.to_string(), next: None },
    }
}

async fn run(
    link: &MqttLink,
    topics: &Topics,
    live: &Live,
    takes_requests: bool,
    peer: &dyn Peer,
) -> Ended {
    let (client, mut events) = AsyncClient::builder(options(link, topics)).capacity(TAKEN).build();
    events.network_options.set_connection_timeout(PATIENCE_S);
    events.network_options.set_tcp_nodelay(true);
    let lost = {
        let mut stop = pin!(stopping(peer));
        let first = tokio::select! {
            first = events.poll() => first,
            () = &mut stop => return Ended::Stopped,
        };
        if let Err(error) = first {
            return lost(&error, link);
        }
        peer.connected();
        live.connected();
        let begun = greet(&client, topics, takes_requests).await;
        let request = topics.request();
        tokio::select! {
            error = drive(&mut events, &request, peer) => Some(lost(&error, link)),
            () = pump(&client, live), if begun => None,
            () = &mut stop => None,
        }
    };
    if let Some(lost) = lost {
        return lost;
    }
    farewell(&client, &mut events, topics).await;
    match peer.is_stopping() {
        true => Ended::Stopped,
        false => Ended::Lost { why: "it takes no more messages".to_owned(), next: None },
    }
}

async fn stopping(peer: &dyn Peer) {
    while !peer.is_stopping() {
        sleep(LOOK).await;
    }
}

/// The first messages of a connection; all of them find room.
async fn greet(client: &AsyncClient, topics: &Topics, takes_requests: bool) -> bool {
    let online = client.publish(topics.online(), "true", how(true, true)).await;
    let asks = async {
        match takes_requests {
            true => client.subscribe(topics.request(), QoS::AtLeastOnce).await,
            false => Ok(()),
        }
    };
    online.is_ok() && asks.await.is_ok()
}

/// Publishes what there is, one message after another.
async fn pump(client: &AsyncClient, live: &Live) {
    loop {
        match live.next(Instant::now()) {
            Next::Publish(Message { topic, payload, retain, acknowledged }) => {
                let publish = client.publish(topic, payload, how(retain, acknowledged));
                if publish.await.is_err() {
                    return;
                }
            }
            Next::Wait(time) => {
                // Whether it rang or not, it is looked again.
                let _ = timeout(time, live.bell().notified()).await;
            }
        }
    }
}

/// Reads and writes until the connection is lost.
async fn drive(events: &mut EventLoop, request: &str, peer: &dyn Peer) -> ConnectionError {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                if publish.topic == request.as_bytes() {
                    peer.asked(&publish.payload, publish.retain);
                }
            }
            Ok(Event::Incoming(Packet::SubAck(answer))) => {
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) {
                    peer.not_subscribed();
                }
            }
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

/// Says that the device stops, as far as that is heard.
async fn farewell(client: &AsyncClient, events: &mut EventLoop, topics: &Topics) {
    let end = async {
        let said = async {
            let off = client.publish_tracked(topics.online(), "false", how(true, true)).await;
            if let Ok(notice) = off {
                let _ = notice.wait_completion_async().await;
            }
            let _ = client.disconnect_now().await;
        };
        let heard = async { while events.poll().await.is_ok() {} };
        tokio::join!(said, heard)
    };
    let _ = timeout(FAREWELL, end).await;
}

fn how(retain: bool, acknowledged: bool) -> PublishOptions {
    let options =
        if acknowledged { PublishOptions::at_least_once() } else { PublishOptions::at_most_once() };
    options.retain(retain)
}

fn options(link: &MqttLink, topics: &Topics) -> MqttOptions {
    let address = &link.settings.address;
    let mut options =
        MqttOptions::new(topics.id(), Broker::tcp(address.host.clone(), address.port));
    options.set_keep_alive(KEEP_ALIVE_S);
    options.set_max_packet_size(MAX_INCOMING, MAX_OUTGOING);
    options.set_inflight(UNACKNOWLEDGED);
    options.set_last_will(LastWill::new(topics.online(), "false", QoS::AtLeastOnce, true));
    match (&link.settings.user, &link.password) {
        (Some(user), Some(password)) => {
            options.set_credentials(user, password.clone());
        }
        (Some(user), None) => {
            options.set_username(user);
        }
        (None, _) => {}
    }
    let (socket, tls) = (address.socket(), link.tls.clone());
    match tls {
        None => options.set_socket_connector(move |_, network| tcp(socket.clone(), network)),
        Some(tls) => options.set_socket_connector(move |_, network| {
            let (socket, tls) = (socket.clone(), tls.clone());
            async move { tls.over(tcp(socket, network).await?).await }
        }),
    };
    options
}

async fn tcp(socket: String, network: NetworkOptions) -> io::Result<tokio::net::TcpStream> {
    default_socket_connect(socket, network).await
}

/// Why there is no connection, in words.
fn lost(error: &ConnectionError, link: &MqttLink) -> Ended {
    let state = |error: &StateError| match error {
        StateError::Io(error) => error.to_string(),
        StateError::AwaitPingResp => "no answer to a ping".to_owned(),
        StateError::ConnectionAborted => "the broker closed the connection".to_owned(),
        StateError::Deserialization(error) if error.to_string().contains("size limit") => {
            format!("a message that is too long ({error})")
        }
        StateError::Deserialization(error) if error.to_string().contains("os error") => {
            format!("the connection broke ({error})")
        }
        StateError::Deserialization(error) => format!("bytes that are no MQTT 3.1.1 ({error})"),
        other => other.to_string(),
    };
    let mut next = None;
    let why = match error {
        ConnectionError::Io(error) => {
            if error.to_string().contains("certificate") {
                next = Some("name the authority that signed the broker's certificate as ca_file");
            }
            error.to_string()
        }
        ConnectionError::MqttState(error) => state(error),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            format!("nothing within {PATIENCE_S} s")
        }
        ConnectionError::NotConnAck(_) => "another packet than CONNACK".to_owned(),
        ConnectionError::ConnectionRefused(code) => refused(*code, link, &mut next),
        other => other.to_string(),
    };
    Ended::Lost { why: one_line(&why), next }
}

fn refused(code: ConnectReturnCode, link: &MqttLink, next: &mut Option<&'static str>) -> String {
    let who = match &link.settings.user {
        Some(user) => format!("the user {user}"),
        None => "a client without a user".to_owned(),
    };
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
            *next = Some("check user and password_file in [mqtt] of the board's file");
            format!("a refusal of {who}")
        }
        ConnectReturnCode::RefusedProtocolVersion => "a refusal of MQTT 3.1.1".to_owned(),
        ConnectReturnCode::BadClientId => "a refusal of the client's name".to_owned(),
        ConnectReturnCode::ServiceUnavailable => "a refusal: not available now".to_owned(),
        other => format!("a refusal: {other:?}"),
    }
}

#[cfg(test)]
mod tests;
