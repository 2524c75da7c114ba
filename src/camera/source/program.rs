//! A program whose standard output is read: started, watched, ended with everything that it started, and how long it rests
//! before it is started again.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::util::mutex::lock;

/// How long a program waits to be started again after its first failure; doubled with each that follows.
const FIRST_DELAY: Duration = Duration::from_millis(250);

/// How long at most.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// A program that has run for so long works: one that gives a little and ends has failed all the same.
const STEADY: Duration = Duration::from_secs(10);

/// How long a program may take to end when it is asked to, before it is killed. One that holds a camera's service
/// leaves it in disorder when it is killed outright.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes of standard error that are kept.
const LAST_WORDS: usize = 600;

/// A program that was started. Dropped, it ends.
#[derive(Debug)]
pub struct Program {
    child: Child,
    begun: Instant,
    last_words: Arc<Mutex<Vec<u8>>>,
    /// Set when stderr has ended.
    silent: Receiver<()>,
}

impl Program {
    /// * `command`: for `sh -c`.
    /// * returns its standard output, too.
    pub fn start(command: &str) -> std::io::Result<(Self, ChildStdout)> {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that whatever the shell starts can be ended with it.
            .process_group(0)
            .spawn()?;
        let last_words = Arc::new(Mutex::new(Vec::new()));
        let (tell, silent) = channel();
        let stdout = child.stdout.take();
        if let Some(mut stderr) = child.stderr.take() {
            let last_words = Arc::clone(&last_words);
            thread::spawn(move || {
                let mut part = [0; 256];
                while let Some(count) = stderr.read(&mut part).ok().filter(|&count| count > 0) {
                    let mut words = lock(&last_words);
                    words.extend_from_slice(&part[..count]);
                    let old = words.len().saturating_sub(LAST_WORDS);
                    words.drain(..old);
                }
                // The receiver may be gone.
                let _ = tell.send(());
            });
        }
        let program = Self { child, begun: Instant::now(), last_words, silent };
        Ok((program, stdout.expect("it was asked for")))
    }

    /// Whether it has run for so long that it counts as working.
    pub fn is_steady(&self) -> bool {
        self.begun.elapsed() > STEADY
    }

    /// Ends it and everything it started; what there is to say of that, with a separator before it.
    ///
    /// * `of_itself`: whether its exit status says something.
    pub fn how_it_ended(&mut self, of_itself: bool) -> String {
        let status = self.end();
        let ended = if of_itself { format!(", {status}") } else { String::new() };
        let last_words = self.last_words();
        let said =
            if last_words.is_empty() { String::new() } else { format!("; stderr: {last_words}") };
        ended + &said
    }

    /// Ends it and everything it started, says how it ended.
    fn end(&mut self) -> String {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let signal = |signal| {
            if let Some(group) = group {
                // It may have ended by itself.
                let _ = kill_process_group(group, signal);
            }
        };
        let mut ended = self.child.try_wait();
        if matches!(ended, Ok(None)) {
            signal(Signal::TERM);
            let begun = Instant::now();
            while matches!(ended, Ok(None)) && begun.elapsed() < FAREWELL {
                thread::sleep(Duration::from_millis(5));
                ended = self.child.try_wait();
            }
        }
        signal(Signal::KILL);
        match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// The end of what it said on standard error, once it has ended.
    fn last_words(&self) -> String {
        // A process that left the group may keep it open.
        let _ = self.silent.recv_timeout(FAREWELL);
        let words = lock(&self.last_words);
        let text = String::from_utf8_lossy(&words);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(3)..];
        last.join(" | ").chars().filter(|c| !c.is_control()).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

/// When a program that keeps ending is started again: later and later.
#[derive(Debug, Default)]
pub struct Restarts {
    failures: u32,
    /// Not to be started before.
    rest_until: Option<Instant>,
}

impl Restarts {
    /// It failed.
    pub fn failed(&mut self) {
        self.rest_until = Some(Instant::now() + delay(self.failures));
        self.failures = self.failures.saturating_add(1);
    }

    /// It works.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Waits until it may be started again.
    ///
    /// * returns what there is to report of that.
    pub fn rest(&mut self) -> Option<String> {
        let until = self.rest_until.take()?;
        thread::sleep(until.saturating_duration_since(Instant::now()));
        // Reported more and more rarely, as it goes on.
        let is_due = self.failures.is_power_of_two();
        is_due.then(|| format!("started again, failures in a row: {}", self.failures))
    }
}

/// How long to wait after so many failures in a row before this one.
fn delay(failures: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1 << failures.min(8)).min(MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_keeps_ending_rests_longer() {
        let seconds: Vec<f32> = (0..12).map(|failures| delay(failures).as_secs_f32()).collect();
        let wanted = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0];
        assert_eq!(seconds, wanted);
    }
}
