//! What serves people and programs beside the ports, in a thread of its own: it asks the device as a port does, and hears
//! of frames and predictions without holding them up.

use std::sync::Arc;

use crate::image::frame::{Frame, Timestamp};
use crate::protocol::access::Guard;
use crate::protocol::log::Level;
use crate::protocol::request::{Classification, RequestHandler};

/// Serves people and programs until the device stops.
pub trait Service: Send {
    /// What it is, for the log and for messages: `web:127.0.0.1:8080`.
    fn name(&self) -> String;

    /// What hears of frames and predictions.
    fn observer(&self) -> Arc<dyn Observer>;

    /// Serves until [`Host::is_stopping`]; looks at least every 200 milliseconds.
    ///
    /// * `guard`: what its clients may do; each request passes a gate with it.
    fn serve(self: Box<Self>, guard: Guard, host: Arc<dyn Host>);
}

/// Hears of frames and predictions on the inference thread: none of its methods may wait.
pub trait Observer: Send + Sync {
    /// A frame was classified.
    fn classified(&self, classification: &Classification);

    /// Whether the frame that was just classified is wanted: [`Observer::frame`] is called only then.
    ///
    /// * `sense`: the name of what it is of beside the camera; `None`: the camera.
    fn wants_frame(&self, sense: Option<&str>) -> bool;

    /// Gives a frame that was wanted.
    ///
    /// * `sense`: as with [`Observer::wants_frame`].
    /// * `number`: counts frames since the program began, as [`Classification::frame`].
    fn frame(&self, sense: Option<&str>, number: u64, frame: Frame);

    /// What frames show no longer looks as it was taught, or does again.
    ///
    /// * `region`: `None` where there is one alone.
    /// * `drift`: what changed, in words; `None`: nothing.
    fn drift(&self, _region: Option<&str>, _drift: Option<&str>) {}

    /// What it adds to the figures of the device: names and values.
    fn figures(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// The running device, as a service sees it.
pub trait Host: Send + Sync {
    /// A connection to the device; it is not guarded.
    fn connect(&self) -> Box<dyn RequestHandler + Send>;

    /// The time on the clock of the device.
    fn now(&self) -> Timestamp;

    /// Whether the device stops.
    fn is_stopping(&self) -> bool;

    /// Writes a line of the log.
    fn log(&self, level: Level, text: &str);
}
