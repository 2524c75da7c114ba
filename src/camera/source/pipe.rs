//! Frames from the standard output of a program that is started, watched, started again, and ended with the camera.

use std::io::{self, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::split::Splitter;
use super::y4m::{self, Y4m};
use super::{CaptureSettings, note, time_of, trouble_of};
use crate::camera::{Camera, CameraError, CameraErrorKind, PixelFormat, PixelLayout};
use crate::image::frame::{Frame, Timestamp};
use crate::util::mutex::lock;

/// How long a program waits to be started again after its first failure; doubled with each that follows.
const FIRST_DELAY: Duration = Duration::from_millis(250);

/// How long at most.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// A program that has given frames for so long works: one that gives a few and ends has failed all the same.
const STEADY: Duration = Duration::from_secs(10);

/// How long a program may take to end when it is asked to, before it is killed. One that holds a camera's service
/// leaves it in disorder when it is killed outright.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes of standard error that are kept.
const LAST_WORDS: usize = 600;

/// What a program writes.
#[derive(Debug, Clone, Copy)]
enum Given {
    Pictures(PixelLayout),
    /// Raw samples.
    #[cfg(feature = "sound")]
    Sound,
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pictures(layout) => layout.fmt(f),
            #[cfg(feature = "sound")]
            Self::Sound => {
                f.write_str("a second of raw samples, 16 bits, 16000 a second, one channel")
            }
        }
    }
}

/// A program as a camera.
#[derive(Debug)]
pub struct Pipe {
    name: String,
    command: String,
    given: Given,
    timeout: Duration,
    /// The same for the first frame after a start.
    start: Duration,
    running: Option<Running>,
    failures: u32,
    /// Not to be started before.
    rest_until: Option<Instant>,
    notes: Vec<String>,
}

impl Pipe {
    /// * `command`: for `sh -c`; it writes pictures without gaps to its standard output.
    ///
    /// # Errors
    /// [`CameraErrorKind::Unsupported`] for sizes that cannot be.
    pub fn new(name: &str, command: &str, wanted: &CaptureSettings) -> Result<Self, CameraError> {
        let (width, height) = wanted.size.unwrap_or(CaptureSettings::SIZE);
        let format = wanted.format.unwrap_or(PixelFormat::Yu12);
        let layout = PixelLayout { format, width, height, stride: 0 };
        layout.check().map_err(|error| {
            CameraError::new(name, CameraErrorKind::Unsupported, error.to_string())
        })?;
        Ok(Self::of(name, command, wanted, Given::Pictures(layout)))
    }

    /// A microphone.
    ///
    /// * `command`: for `sh -c`; it writes samples of 16 bits, little-endian, at 16 kHz, of one channel.
    #[cfg(feature = "sound")]
    pub fn microphone(name: &str, command: &str, wanted: &CaptureSettings) -> Self {
        Self::of(name, command, wanted, Given::Sound)
    }

    fn of(name: &str, command: &str, wanted: &CaptureSettings, given: Given) -> Self {
        Self {
            name: name.to_owned(),
            command: command.to_owned(),
            given,
            timeout: wanted.timeout,
            start: wanted.start.max(wanted.timeout),
            running: None,
            failures: 0,
            rest_until: None,
            notes: Vec::new(),
        }
    }

    /// The camera of a Raspberry Pi, through its own program.
    ///
    /// # Errors
    /// As [`Pipe::new`].
    pub fn rpicam(wanted: &CaptureSettings) -> Result<Self, CameraError> {
        let asked = wanted.size.unwrap_or(CaptureSettings::SIZE);
        let size = rpicam_size(asked);
        let format = Some(PixelFormat::Yu12);
        let given = CaptureSettings { size: Some(size), format, ..wanted.clone() };
        let command = rpicam_command(size, wanted.fps.unwrap_or(CaptureSettings::FPS));
        let mut camera = Self::new("rpicam:", &command, &given)?;
        let ((width, height), (w, h)) = (size, asked);
        if size != asked {
            let text = format!("gives {width}x{height}, wanted {w}x{h}");
            note(&mut camera.notes, text);
        }
        if wanted.format.is_some_and(|wanted| Some(wanted) != format) {
            note(&mut camera.notes, "gives YU12 whatever --format says".to_owned());
        }
        let text = "exposure and white balance stay automatic; to lock them use pipe: and rpicam-vid's --shutter, --gain and --awbgains";
        note(&mut camera.notes, text.to_owned());
        Ok(camera)
    }

    fn start(&mut self) -> Result<Running, CameraError> {
        if let Some(until) = self.rest_until.take() {
            thread::sleep(until.saturating_duration_since(Instant::now()));
            // Reported more and more rarely, as it goes on.
            if self.failures.is_power_of_two() {
                let text = format!("started again, failures in a row: {}", self.failures);
                note(&mut self.notes, text);
            }
        }
        Running::start(&self.command, self.given).map_err(|error| {
            CameraError::new(&self.name, trouble_of(&error), format!("sh: {error}"))
        })
    }

    /// Ends the program, and lets the next one wait longer.
    fn failed(&mut self, mut running: Running, kind: CameraErrorKind, what: String) -> CameraError {
        let delay = delay(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.rest_until = Some(Instant::now() + delay);
        let status = running.end();
        let last_words = running.last_words();
        let ended =
            if kind == CameraErrorKind::Gone { format!(", {status}") } else { String::new() };
        let said =
            if last_words.is_empty() { String::new() } else { format!("; stderr: {last_words}") };
        CameraError::new(&self.name, kind, format!("{what}{ended}{said}"))
    }
}

impl Camera for Pipe {
    fn name(&self) -> &str {
        &self.name
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let asked = Instant::now();
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let patience = if running.has_begun { self.timeout } else { self.start };
        match running.newest.wait(patience) {
            Event::Frame(bytes, given, arrived) => {
                running.has_begun = true;
                self.running = Some(running);
                let captured = time_of(arrived, now, asked);
                let frame = match given {
                    Given::Pictures(layout) => layout.frame(&bytes, captured).map_err(|error| {
                        let what = error.to_string();
                        CameraError::new(&self.name, CameraErrorKind::Malformed, what)
                    })?,
                    #[cfg(feature = "sound")]
                    Given::Sound => super::sound::frame_of(&bytes, captured),
                };
                if self.running.as_ref().is_some_and(|running| running.begun.elapsed() > STEADY) {
                    self.failures = 0;
                }
                Ok(frame)
            }
            Event::End(why) => {
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                Err(self.failed(running, CameraErrorKind::Gone, format!("the program ended{why}")))
            }
            Event::Nothing => {
                let what = format!("no frame within {patience:?}; wanted {}", self.given);
                Err(self.failed(running, CameraErrorKind::Stalled, what))
            }
        }
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

/// How long to wait after so many failures in a row before this one.
fn delay(failures: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1 << failures.min(8)).min(MAX_DELAY)
}

/// The size nearest to the one asked for whose rows come without gaps: the program writes rows as the hardware aligns
/// those of Y, to 64 bytes, and an even number of them.
fn rpicam_size((width, height): (u32, u32)) -> (u32, u32) {
    let nearest = |side: u32, step: u32| (side.saturating_add(step / 2) / step).max(1) * step;
    (nearest(width, 64), nearest(height, 2))
}

fn rpicam_command((width, height): (u32, u32), fps: f32) -> String {
    // Until 2023 the same program had another name.
    format!(
        "program=$(command -v rpicam-vid || command -v libcamera-vid || echo rpicam-vid); exec \"$program\" --nopreview --timeout 0 --flush --codec yuv420 --width {width} --height {height} --framerate {fps} --output -"
    )
}

/// A program that was started. Dropped, it ends.
#[derive(Debug)]
struct Running {
    child: Child,
    begun: Instant,
    /// It has given a frame.
    has_begun: bool,
    newest: Arc<Newest>,
    last_words: Arc<Mutex<Vec<u8>>>,
    /// Set when stderr has ended.
    silent: Receiver<()>,
}

impl Running {
    fn start(command: &str, given: Given) -> std::io::Result<Self> {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that whatever the shell starts can be ended with it.
            .process_group(0)
            .spawn()?;
        let newest = Arc::new(Newest::default());
        let last_words = Arc::new(Mutex::new(Vec::new()));
        let (tell, silent) = channel();
        if let Some(stdout) = child.stdout.take() {
            let newest = Arc::clone(&newest);
            thread::spawn(move || newest.fill(stdout, given));
        }
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
        Ok(Self { child, begun: Instant::now(), has_begun: false, newest, last_words, silent })
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

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The newest picture of a program, taken out of the pipe at once so that the program never waits.
#[derive(Debug, Default)]
struct Newest {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    picture: Option<(Vec<u8>, Given, Instant)>,
    /// The stream is over, for this reason if it was an error.
    end: Option<Option<String>>,
}

#[derive(Debug)]
enum Event {
    Frame(Vec<u8>, Given, Instant),
    End(Option<String>),
    Nothing,
}

impl Newest {
    fn fill(&self, stdout: ChildStdout, given: Given) {
        let mut stdout = BufReader::with_capacity(1 << 16, stdout);
        #[cfg_attr(
            not(feature = "sound"),
            allow(clippy::infallible_destructuring_match, reason = "with sound there are two")
        )]
        let layout = match given {
            Given::Pictures(layout) => layout,
            #[cfg(feature = "sound")]
            Given::Sound => {
                let mut held = Vec::new();
                let next = || super::sound::next_window(&mut stdout, &mut held);
                return self.fill_from(given, next);
            }
        };
        // Y4M says itself how its pictures lie, and raw pixels never begin so by chance.
        let mut start = Vec::new();
        let begun = stdout.by_ref().take(y4m::START.len() as u64).read_to_end(&mut start);
        let is_y4m = start == y4m::START;
        let stream = io::Cursor::new(start).chain(stdout);
        match begun {
            Err(error) => self.end(Some(error.to_string())),
            Ok(_) if is_y4m => match Y4m::open(stream) {
                Ok(mut y4m) => {
                    let layout = y4m.layout();
                    self.fill_from(Given::Pictures(layout), || y4m.next());
                }
                Err(error) => self.end(Some(error.to_string())),
            },
            Ok(_) => {
                let mut splitter = Splitter::new(stream, layout);
                self.fill_from(given, || splitter.next());
            }
        }
    }

    fn fill_from(&self, given: Given, mut next: impl FnMut() -> io::Result<Option<Vec<u8>>>) {
        loop {
            match next() {
                Ok(Some(picture)) => {
                    lock(&self.state).picture = Some((picture, given, Instant::now()));
                    self.changed.notify_one();
                }
                Ok(None) => return self.end(None),
                Err(error) => return self.end(Some(error.to_string())),
            }
        }
    }

    /// The stream is over, for this reason if it was an error.
    fn end(&self, why: Option<String>) {
        lock(&self.state).end = Some(why);
        self.changed.notify_one();
    }

    fn wait(&self, timeout: Duration) -> Event {
        let empty = |state: &mut State| state.picture.is_none() && state.end.is_none();
        let waited = self.changed.wait_timeout_while(lock(&self.state), timeout, empty);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (state.picture.take(), &state.end) {
            (Some((picture, given, arrived)), _) => Event::Frame(picture, given, arrived),
            (None, Some(why)) => Event::End(why.clone()),
            (None, None) => Event::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raspberry_pi_camera_sizes_have_packed_rows() {
        let cases = [
            ((640, 480), (640, 480)),
            ((1280, 720), (1280, 720)),
            ((1920, 1080), (1920, 1080)),
            ((320, 241), (320, 242)),
            ((1, 1), (64, 2)),
            ((u32::MAX, 480), ((u32::MAX / 64) * 64, 480)),
        ];
        for (wanted, given) in cases {
            assert_eq!(rpicam_size(wanted), given, "{wanted:?}");
        }
        let command = rpicam_command((640, 480), 25.0);
        assert!(command.contains("--width 640 --height 480 --framerate 25 "), "{command}");
    }

    #[test]
    fn a_program_that_keeps_ending_restarts_more_slowly() {
        let seconds: Vec<f32> = (0..12).map(|failures| delay(failures).as_secs_f32()).collect();
        let wanted = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0];
        assert_eq!(seconds, wanted);
        let wanted = CaptureSettings {
            size: Some((4, 1)),
            format: Some(PixelFormat::Grey),
            ..CaptureSettings::default()
        };
        let command = "printf abcd; echo no lens >&2; exit 7";
        let mut camera = Pipe::new("pipe", command, &wanted).expect("the size can be");
        let begun = Instant::now();
        for time in 0..3 {
            camera.capture(Timestamp(0)).expect("it gives one frame");
            let error = camera.capture(Timestamp(0)).expect_err("and ends").to_string();
            let says = "the program ended, exit status: 7; stderr: no lens";
            assert!(error.contains(says), "{time}: {error}");
        }
        assert!(begun.elapsed() >= Duration::from_millis(750), "a quarter, then half a second");
    }

    #[test]
    fn what_differs_on_a_raspberry_pi_is_noted() {
        let size = Some((300, 200));
        let wanted =
            CaptureSettings { size, format: Some(PixelFormat::Grey), ..CaptureSettings::default() };
        let notes = Pipe::rpicam(&wanted).expect("nothing is started yet").notes().join("\n");
        for part in ["gives 320x200, wanted 300x200", "YU12", "--awbgains"] {
            assert!(notes.contains(part), "{notes}");
        }
    }
}
