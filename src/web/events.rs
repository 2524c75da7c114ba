//! Predictions and changes as server-sent events. Who reads slowly misses predictions and hears the newest.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::live::News;
use super::pieces::{Pieces, Source};
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

/// Events without end, as the body of a response.
pub(super) fn body(app: &Arc<App>) -> Body {
    let (_, bell) = app.live.news();
    let listener = Listener { app: Arc::clone(app), bell, heard: 0, is_new: true };
    Body::new(Pieces::of(listener))
}

impl Source for Listener {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        if self.is_new {
            self.is_new = false;
            let (news, _) = self.app.live.news();
            let hello = event("hello", &json!({ "run": self.app.run }));
            let text = format!("retry: 1000\n\n{hello}{}", self.told(&news));
            return Some((text.into(), self));
        }
        sleep(PACE).await;
        loop {
            match timeout(SILENCE, self.bell.changed()).await {
                Err(_) => return Some((": nothing happened\n\n".into(), self)),
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {}
            }
            let (news, _) = self.app.live.news();
            let text = self.told(&news);
            if !text.is_empty() {
                return Some((text.into(), self));
            }
        }
    }
}

impl Listener {
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
