//! Figures for Prometheus, in its text format.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::api::{Peer, status};
use super::live::{BOUNDS, Counts};
use super::state::App;
use crate::learn::command::Accuracy;
use crate::protocol::request::Answer;

/// How the device is, what it predicted, and how long that took.
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    Extension(Peer(address)): Extension<Peer>,
) -> Response {
    let mut text = String::new();
    figures(&app, address, &mut text).await;
    counted(&app.live.counts(), &mut text);
    let requests = app.requests.load(Ordering::Relaxed) as f64;
    put(&mut text, "web_requests_total", "counter", "Requests over HTTP", requests);
    let away = app.turned_away.load(Ordering::Relaxed) as f64;
    put(&mut text, "web_connections_refused_total", "counter", "Connections without room", away);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn figures(app: &Arc<App>, address: IpAddr, text: &mut String) {
    let Some(answer) = status(app, address).await else {
        return put(text, "up", "gauge", "Whether the device answers", 0.0);
    };
    put(text, "up", "gauge", "Whether the device answers", 1.0);
    let Answer::Status { learned, device } = answer.plain() else { return };
    for (name, value) in device {
        // What is not a number is for people.
        let Ok(value) = value.parse() else { continue };
        let name: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        put(text, &name, "gauge", help(&name), value);
    }
    if let Some(learned) = learned {
        put(text, "classes", "gauge", "Classes taught", learned.classes as f64);
        put(text, "examples", "gauge", "Examples taught", learned.examples as f64);
        if let Some(Accuracy { balanced, interval: (low, high), .. }) = learned.estimate {
            let what = "Balanced accuracy by leave-one-out, 0 to 1";
            put(text, "estimate", "gauge", what, balanced.into());
            let what = "Where the true accuracy lies with 90 % probability";
            put(text, "estimate_low", "gauge", what, low.into());
            put(text, "estimate_high", "gauge", what, high.into());
        }
    }
}

fn counted(counts: &Counts, text: &mut String) {
    let name = "fieldtune_predictions_total";
    let _ = writeln!(text, "# HELP {name} Predictions by class\n# TYPE {name} counter");
    for ((region, class), count) in &counts.predictions {
        let region = region.as_deref().map(|name| format!("region=\"{}\",", escaped(name)));
        let class = class.as_deref().map_or_else(|| "(unknown)".to_owned(), escaped);
        let _ = writeln!(text, "{name}{{{}class=\"{class}\"}} {count}", region.unwrap_or_default());
    }
    let name = "fieldtune_latency_seconds";
    let _ = writeln!(text, "# HELP {name} Capture to prediction\n# TYPE {name} histogram");
    let mut sum = 0;
    for (bound, count) in BOUNDS.iter().zip(&counts.latencies) {
        sum += count;
        let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {sum}", *bound as f64 / 1e6);
    }
    sum += counts.latencies.last().copied().unwrap_or_default();
    let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {sum}");
    let seconds = counts.latency_micros as f64 / 1e6;
    let _ = writeln!(text, "{name}_sum {seconds}\n{name}_count {sum}");
}

/// What a figure of status is. Those of several regions have the region's name in front.
fn help(name: &str) -> &'static str {
    const HELP: [(&str, &str); 19] = [
        ("errors_", "Errors of this kind since the start"),
        ("predicted_before_teaching", "Taught frames that were predicted before"),
        ("predicted_right", "Of these those that were predicted right"),
        ("predicted_balanced", "Balanced accuracy of these predictions, 0 to 1"),
        ("predicted_since_s", "Seconds over which these were counted"),
        ("classified", "Frames classified since the start"),
        ("taught", "Frames taught since the start"),
        ("passed", "Frames passed over as the same as the one before"),
        ("missed_pulses", "Output pulses that were missed"),
        ("age_p50_ms", "Median milliseconds from capture to prediction, latest frames"),
        ("age_p95_ms", "95th percentile of milliseconds from capture to prediction, latest frames"),
        ("inbox", "Frames that wait in the inbox"),
        ("memory_mib", "Resident memory of the program in MiB"),
        ("temperature_c", "Temperature of the board in degrees Celsius"),
        ("throttled", "What the board reports of its processor being slowed down; 0 is not"),
        ("classes", "Classes taught"),
        ("examples", "Examples taught"),
        ("mqtt_dropped", "Predictions and answers that were not published"),
        ("drift_alarms", "Alarms of the drift watch since the start"),
    ];
    let begins = |known: &str| known.ends_with('_') && name.starts_with(known);
    let found = HELP.iter().find(|(known, _)| name == *known || begins(known));
    let of_region = || HELP.iter().find(|(known, _)| name.ends_with(&format!("_{known}")));
    found.or_else(of_region).map_or("A figure of the command status", |(_, help)| help)
}

fn put(text: &mut String, name: &str, kind: &str, help: &str, value: f64) {
    // Writing to a text cannot fail.
    let _ = writeln!(
        text,
        "# HELP fieldtune_{name} {help}\n# TYPE fieldtune_{name} {kind}\nfieldtune_{name} {value}"
    );
}

/// A label's value.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
