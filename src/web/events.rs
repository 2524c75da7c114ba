//! Predictions and changes as server-sent events. Who reads slowly misses predictions and hears the newest.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::live::News;
use super::state::App;
use crate::protocol::json;

/// The shortest time between two messages: no eye follows more.
const PACE: Duration = Duration::from_millis(60);

/// After so long without an event a comment is sent, so that both sides know that the other is there.
const SILENCE: Duration = Duration::from_secs(10);

/// What one browser has heard.
struct Listener {
    app: Arc<App>,
    bell: watch::Receiver<u64>,
    /// The number of the latest event that was told.
    heard: u64,
    is_new: bool,
}

type Next = Pin<Box<dyn Future<Output = Option<(String, Listener)>> + Send>>;

/// Events without end, as the body of a response.
pub(super) struct Events(Next);

impl Events {
    pub(super) fn new(app: &Arc<App>) -> Self {
        let (_, bell) = app.live.news();
        let listener = Listener { app: Arc::clone(app), bell, heard: 0, is_new: true };
        Self(Box::pin(listener.next()))
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.as_mut().poll(context) {
            Poll::Ready(Some((text, listener))) => {
                self.0 = Box::pin(listener.next());
                Poll::Ready(Some(Ok(Frame::data(text.into()))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Listener {
    /// What there is to tell next; `None` at the end.
    async fn next(mut self) -> Option<(String, Self)> {
        if self.is_new {
            self.is_new = false;
            let (news, _) = self.app.live.news();
            let hello = event("hello", &json!({ "run": self.app.run }));
            let text = format!("retry: 1000\n\n{hello}{}", self.told(&news));
            return Some((text, self));
        }
        sleep(PACE).await;
        loop {
            match timeout(SILENCE, self.bell.changed()).await {
                Err(_) => return Some((": nothing happened\n\n".to_owned(), self)),
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {}
            }
            let (news, _) = self.app.live.news();
            let text = self.told(&news);
            if !text.is_empty() {
                return Some((text, self));
            }
        }
    }

    /// What has happened since.
    fn told(&mut self, news: &News) -> String {
        let mut text = String::new();
        for (number, classification) in news.predictions.values() {
            if *number > self.heard {
                text.push_str(&event("prediction", &json::verdict(classification)));
            }
        }
        if news.changed > self.heard {
            text.push_str(&event("changed", &json!({})));
        }
        if let Some((number, class, progress)) = &news.progress
            && *number > self.heard
        {
            let value = json!({
                "class": class, "done": progress.done, "total": progress.total,
                "waiting": progress.waiting,
            });
            text.push_str(&event("progress", &value));
        }
        self.heard = news.event;
        text
    }
}

fn event(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}
