//! What is asked of the device by itself: its status, and the picture of a prediction that changed. Only while there is a
//! connection: nothing is computed for a broker that is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::discovery;
use super::live::{Live, drift_payload};
use super::topics::Topics;
use crate::device::service::Host;
use crate::protocol::json;
use crate::protocol::request::{
    Answer, Explain, GetStatus, Of, RecentPicture, Regions, Request, RequestHandler,
};

/// How often status is published.
const STATUS: Duration = Duration::from_secs(30);

/// The shortest time between two pictures: each takes a pass of the backbone.
const PICTURES: Duration = Duration::from_secs(2);

/// So many times as long as a picture took no other one is asked for: they have two hundredths of the time at most.
const SHARE: u32 = 50;

/// The longest time between two pictures, however long they take.
const SELDOM: Duration = Duration::from_secs(60);

/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_millis(100);

/// What is published by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Published {
    pub(super) images: bool,
    pub(super) discovery: bool,
}

/// Asks until the device stops.
pub(super) fn feed(what: Published, live: &Live, topics: &Topics, host: &Arc<dyn Host>) {
    let mut feed = Feed { what, live, topics, device: host.connect() };
    let (mut connection, mut status, mut picture) = (0, None::<Instant>, None::<Instant>);
    let mut pace = PICTURES;
    let due = |last: Option<Instant>, pace| last.is_none_or(|at| at.elapsed() >= pace);
    while !host.is_stopping() {
        std::thread::sleep(LOOK);
        let Some(number) = live.connection() else { continue };
        if number != connection {
            // What a device has may be another one after it was taught over another port.
            connection = number;
            status = None;
            feed.describe();
        }
        if live.take_drifted() || due(status, STATUS) {
            status = Some(Instant::now());
            feed.status();
        }
        if what.images
            && due(picture, pace)
            && let Some((region, frame)) = live.take_picture_wanted()
        {
            let begun = Instant::now();
            feed.picture(region, frame);
            pace = (begun.elapsed() * SHARE).clamp(PICTURES, SELDOM);
            picture = Some(Instant::now());
        }
    }
}

struct Feed<'a> {
    what: Published,
    live: &'a Live,
    topics: &'a Topics,
    device: Box<dyn RequestHandler + Send>,
}

impl Feed<'_> {
    fn ask(&mut self, request: impl Into<Request>) -> Option<Answer> {
        // Where it is refused, there is nothing to publish.
        self.device.handle(request.into(), &mut |_| true).ok()
    }

    /// What stays so while the device runs.
    fn describe(&mut self) {
        let Some(Answer::Regions(regions)) = self.ask(Regions) else { return };
        let regions = match regions.len() {
            0 | 1 => vec![None],
            _ => regions.into_iter().map(|(name, _)| name).collect(),
        };
        for region in &regions {
            // What was published by an earlier run has ended with it.
            self.live.keep_first(self.topics.drift(region.as_deref()), drift_payload(None));
        }
        if self.what.discovery {
            for (topic, entity) in discovery::entities(self.topics, &regions, self.what.images) {
                self.live.keep(topic, entity.to_string());
            }
        }
    }

    fn status(&mut self) {
        if let Some(answer) = self.ask(GetStatus) {
            self.live.keep(self.topics.status(), json::answer(&answer).to_string());
        }
    }

    /// The frame that changed a prediction, with where that comes from; where it is no longer kept, the newest one; where
    /// the backbone cannot explain, the frame alone.
    fn picture(&mut self, region: Option<String>, frame: Option<u64>) {
        let of = |request: Request| match &region {
            Some(region) => Of::new(region.clone(), request).into(),
            None => request,
        };
        let that = of(Explain { frame, ..Explain::default() }.into());
        let newest = of(Explain::default().into());
        let alone = frame.map(|frame| of(RecentPicture { frame }.into()));
        let answer = self.ask(that).or_else(|| self.ask(newest)).or_else(|| self.ask(alone?));
        if let Some(Answer::Picture { file, .. }) = answer.as_ref().map(Answer::plain) {
            self.live.show(self.topics.image(region.as_deref()), file.clone());
        }
    }
}
