//! `fieldtune run` as a process.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Run, command, data, fieldtune};

/// A camera that draws.
pub const DRAWN: [&str; 4] = ["--camera", "synthetic:", "--fps", "10"];

/// A running device; it is ended with this value.
pub struct Device {
    pub process: Child,
    pub port: String,
}

impl Device {
    /// Starts one on a folder; `more` are further arguments.
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        let model = data("tiny.toml");
        let model = model.to_str().expect("UTF-8");
        Self::reading(folder, &[&["--model", model], more].concat(), Stdio::null())
    }

    /// As [`Device::start`], with no network that looks at images; its standard input is `stdin`.
    pub fn reading(folder: &Path, more: &[&str], stdin: Stdio) -> Self {
        let port = format!("unix:{}", folder.join("port").display());
        let store = folder.join("store");
        let log = std::fs::File::create(folder.join("log")).expect("there is room");
        let process = command(&["run", "--port", &port, "--store"])
            .arg(store)
            .args(more)
            // With one heap instead of some a thread, the memory that it takes is what it holds.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(stdin)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut device = Self { process, port };
        device.until(folder, "it stands", |_, log| log.contains(" ms a frame"));
        device
    }

    pub fn until(&mut self, folder: &Path, what: &str, holds: impl Fn(&Self, &str) -> bool) {
        let begun = Instant::now();
        loop {
            let log = std::fs::read_to_string(folder.join("log")).expect("it was made");
            if holds(self, &log) {
                return;
            }
            let ended = self.process.try_wait().expect("it is our child");
            assert!(ended.is_none(), "{what}: it ended: {ended:?}\n{log}");
            assert!(begun.elapsed() < Duration::from_secs(300), "in vain: {what}\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn ctl(&self, words: &[&str]) -> Run {
        fieldtune(&[&["ctl", "--port", &self.port, "--timeout", "100"], words].concat())
    }

    pub fn ok(&self, words: &[&str]) -> String {
        let run = self.ctl(words);
        assert_eq!(run.code, 0, "{words:?}: {}{}{}", run.stdout, run.stderr, self.log());
        run.stdout
    }

    fn log(&self) -> String {
        let port = Path::new(self.port.trim_start_matches("unix:"));
        std::fs::read_to_string(port.with_file_name("log")).unwrap_or_default()
    }

    /// Sends a signal by name; returns the exit status, `None` for a death by it.
    pub fn signal(&mut self, name: &str) -> Option<i32> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill is there").success());
        self.process.wait().expect("it is our child").code()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
