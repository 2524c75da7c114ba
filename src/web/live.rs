//! What the inference thread tells: the newest frame where it is wanted, the newest predictions, counts. Nothing here waits
//! for a browser.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::device::service::Observer;
use crate::image::frame::Frame;
use crate::protocol::request::{Classification, Progress};
use crate::util::mutex::lock;

/// Classes that are counted each by itself.
const CLASSES: usize = 256;

/// Upper bounds of the latencies that are counted, in microseconds.
pub(super) const BOUNDS: [u64; 12] = [
    2_000, 5_000, 10_000, 20_000, 35_000, 50_000, 75_000, 100_000, 200_000, 500_000, 1_000_000,
    5_000_000,
];

/// A frame that a client wanted to see.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) number: u64,
    /// Whether it is of something beside the camera.
    pub(super) is_of_sense: bool,
    pub(super) frame: Frame,
    pub(super) at: Instant,
}

/// What has happened, each with the number of the event.
#[derive(Debug, Default, Clone)]
pub(super) struct News {
    /// Counts events.
    pub(super) event: u64,
    /// The newest prediction of each region.
    pub(super) predictions: BTreeMap<Option<String>, (u64, Arc<Classification>)>,
    /// A client changed something.
    pub(super) changed: u64,
    /// Teaching goes on: of which class, how far.
    pub(super) progress: Option<(u64, String, Progress)>,
}

/// What is counted for `/metrics`.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    /// Predictions by region and class; `None` is unknown.
    pub(super) predictions: BTreeMap<(Option<String>, Option<String>), u64>,
    /// Predictions from capture to verdict within each of [`BOUNDS`], not cumulated; the last are beyond all.
    pub(super) latencies: [u64; BOUNDS.len() + 1],
    /// The sum of all.
    pub(super) latency_micros: u64,
}

/// The newest frame of a source.
#[derive(Debug)]
struct Newest {
    wanted: AtomicBool,
    frame: watch::Sender<Option<Arc<Shown>>>,
}

impl Default for Newest {
    fn default() -> Self {
        Self { wanted: AtomicBool::new(false), frame: watch::Sender::new(None) }
    }
}

/// What the inference thread tells.
#[derive(Debug)]
pub(super) struct Live {
    camera: Arc<Newest>,
    /// Of what there is beside the camera, by name.
    senses: Mutex<BTreeMap<String, Arc<Newest>>>,
    news: Mutex<News>,
    /// The number of the latest event.
    bell: watch::Sender<u64>,
    counts: Mutex<Counts>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            camera: Arc::default(),
            senses: Mutex::default(),
            news: Mutex::default(),
            bell: watch::Sender::new(0),
            counts: Mutex::default(),
        }
    }
}

impl Live {
    /// A frame other than that, as new as there is; `None` where none came in time.
    ///
    /// * `region`: of the source that it is of; the camera if `None`.
    /// * `seen`: the number of the frame that is known already.
    pub(super) async fn frame_after(
        &self,
        region: Option<&str>,
        seen: u64,
        patience: Duration,
    ) -> Option<Arc<Shown>> {
        // A frame that was wanted longer ago shows what has gone.
        const FRESH: Duration = Duration::from_millis(150);
        let of_sense = region.and_then(|region| lock(&self.senses).get(region).cloned());
        let newest = of_sense.unwrap_or_else(|| Arc::clone(&self.camera));
        let mut frames = newest.frame.subscribe();
        let is_new = |shown: &Arc<Shown>| shown.number != seen && shown.at.elapsed() < FRESH;
        let held = frames.borrow_and_update().clone();
        if let Some(shown) = held.filter(is_new) {
            return Some(shown);
        }
        newest.wanted.store(true, Ordering::Relaxed);
        let next = tokio::time::timeout(patience, frames.changed()).await;
        next.ok()?.ok()?;
        frames.borrow().clone()
    }

    /// The newest frame of the camera, or of a sense, which is known from then on.
    fn of(&self, sense: Option<&str>) -> Arc<Newest> {
        let Some(sense) = sense else { return Arc::clone(&self.camera) };
        let mut senses = lock(&self.senses);
        if let Some(newest) = senses.get(sense) {
            return Arc::clone(newest);
        }
        Arc::clone(senses.entry(sense.to_owned()).or_default())
    }

    /// What has happened, and what rings when more has.
    pub(super) fn news(&self) -> (News, watch::Receiver<u64>) {
        let bell = self.bell.subscribe();
        (lock(&self.news).clone(), bell)
    }

    pub(super) fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// A client changed something: others look again.
    pub(super) fn changed(&self) {
        self.happened(|news, event| {
            news.changed = event;
            news.progress = None;
        });
    }

    /// Teaching goes on.
    pub(super) fn progress(&self, class: &str, progress: Progress) {
        self.happened(|news, event| news.progress = Some((event, class.to_owned(), progress)));
    }

    fn happened(&self, what: impl FnOnce(&mut News, u64)) {
        let event = {
            let mut news = lock(&self.news);
            news.event += 1;
            let event = news.event;
            what(&mut news, event);
            event
        };
        self.bell.send_replace(event);
    }
}

impl Observer for Live {
    fn classified(&self, classification: &Classification) {
        {
            let mut counts = lock(&self.counts);
            let micros = classification.age_micros;
            counts.latencies[BOUNDS.partition_point(|&bound| bound < micros)] += 1;
            counts.latency_micros = counts.latency_micros.saturating_add(micros);
            let key = (classification.region.clone(), classification.class.clone());
            if counts.predictions.len() < CLASSES || counts.predictions.contains_key(&key) {
                *counts.predictions.entry(key).or_default() += 1;
            }
        }
        let classification = Arc::new(classification.clone());
        self.happened(|news, event| {
            news.predictions.insert(classification.region.clone(), (event, classification));
        });
    }

    fn wants_frame(&self, sense: Option<&str>) -> bool {
        self.of(sense).wanted.swap(false, Ordering::Relaxed)
    }

    fn frame(&self, sense: Option<&str>, number: u64, frame: Frame) {
        let is_of_sense = sense.is_some();
        let shown = Shown { number, is_of_sense, frame, at: Instant::now() };
        self.of(sense).frame.send_replace(Some(Arc::new(shown)));
    }
}
