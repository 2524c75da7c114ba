//! Messages on standard error, for people, for journald or for programs; the latest are kept for who asks.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Mutex;

use crate::device::clock::Clock;
use crate::protocol::log::Level;
use crate::util::calendar;
use crate::util::mutex::lock;
use crate::util::text::one_line;

/// Lines that are kept.
const KEPT: usize = 200;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people; under systemd each line begins with its level, which journald understands
    Text,
    /// An object a line
    Json,
}

/// The log.
#[derive(Debug)]
pub struct DeviceLog {
    format: LogFormat,
    journald: bool,
    clock: Clock,
    kept: Mutex<VecDeque<String>>,
}

impl DeviceLog {
    /// * `clock`: gives the times in the lines.
    pub fn new(format: LogFormat, clock: Clock) -> Self {
        let journald = std::env::var_os("JOURNAL_STREAM").is_some();
        Self { format, journald, clock, kept: Mutex::default() }
    }

    /// Writes a line. That standard error is gone stops nothing.
    pub fn write(&self, level: Level, text: &str) {
        let text = one_line(text);
        let line = self.line(level, &text);
        let _ = writeln!(std::io::stderr().lock(), "{line}");
        let mut kept = lock(&self.kept);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        let seconds = self.clock.uptime().as_secs_f64();
        kept.push_back(format!("{seconds:.3} {}: {text}", name(level)));
    }

    fn line(&self, level: Level, text: &str) -> String {
        match self.format {
            LogFormat::Json => {
                let time = calendar::precise(self.clock.date().0);
                serde_json::json!({ "time": time, "level": name(level), "message": text })
                    .to_string()
            }
            LogFormat::Text if self.journald => {
                // The numbers of syslog.
                let number = match level {
                    Level::Error => 3,
                    Level::Warning => 4,
                    Level::Info => 6,
                };
                format!("<{number}>{text}")
            }
            LogFormat::Text => match level {
                Level::Info => text.to_owned(),
                _ => format!("{}: {text}", name(level)),
            },
        }
    }

    /// The latest lines, the latest last: seconds since the start, level, message.
    pub fn latest(&self, lines: u32) -> Vec<String> {
        let kept = lock(&self.kept);
        let skipped = kept.len().saturating_sub(lines as usize);
        kept.iter().skip(skipped).cloned().collect()
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_and_no_control_character_gets_out() {
        let clock = Clock::new();
        let log =
            DeviceLog { format: LogFormat::Json, journald: false, clock, kept: Mutex::default() };
        let line = log.line(Level::Warning, "a \"b\"");
        let object: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
        let time = object["time"].as_str().expect("a text");
        assert!(time.len() == "2026-11-28T16:40:04.123456Z".len() && time.ends_with('Z'), "{time}");
        assert!(line.contains(r#""level":"warning""#) && line.contains(r#""a \"b\"""#), "{line}");
        let log =
            DeviceLog { format: LogFormat::Text, journald: true, clock, kept: Mutex::default() };
        assert_eq!(log.line(Level::Error, "it broke"), "<3>it broke");
        for number in 0..KEPT + 5 {
            log.write(Level::Info, &format!("\x1b[2J{number}"));
        }
        let latest = log.latest(2);
        assert!(latest[1].ends_with(" info: \\u{1b}[2J204") && latest.len() == 2, "{latest:?}");
        assert_eq!(log.latest(9999).len(), KEPT);
    }
}
