//! Frames from the standard output of a program that is started, watched, started again, and ended with the camera.

use std::io::{self, BufReader, Read as _};
use std::process::ChildStdout;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::program::{Program, Restarts};
use super::split::Splitter;
use super::y4m::{self, Y4m};
use super::{CaptureSettings, note, time_of, trouble_of};
use crate::camera::{Camera, CameraError, CameraErrorKind, PixelFormat, PixelLayout};
use crate::image::frame::{Frame, Timestamp};
use crate::sound::LevelTrigger;
#[cfg(feature = "sound")]
use crate::sound::SoundWindow;
use crate::util::mutex::lock;

/// What a program writes.
#[derive(Debug, Clone, Copy)]
enum Given {
    Pictures(PixelLayout),
    /// Raw samples in such windows; those below that level are left out.
    #[cfg(feature = "sound")]
    Sound(SoundWindow, Option<f32>),
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pictures(layout) => layout.fmt(f),
            #[cfg(feature = "sound")]
            Self::Sound(window, _) => {
                match window.seconds() {
                    1.0 => f.write_str("a second")?,
                    seconds => write!(f, "{seconds} s")?,
                }
                write!(f, " of raw samples, 16 bits, {} a second, one channel", window.rate)
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
    trigger: LevelTrigger,
    restarts: Restarts,
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
    /// * `command`: for `sh -c`; it writes samples of 16 bits, little-endian, at the window's rate, of one channel.
    #[cfg(feature = "sound")]
    pub fn microphone(name: &str, command: &str, wanted: &CaptureSettings) -> Self {
        let window = wanted.window;
        let given = Given::Sound(window, wanted.level);
        let mut camera = Self::of(name, command, wanted, given);
        if window.is_kept {
            // The first window takes as long as it is, which may be half a minute.
            camera.start += Duration::from_secs_f64(window.seconds());
            note(&mut camera.notes, format!("wanted for the network: {given}"));
        }
        camera
    }

    fn of(name: &str, command: &str, wanted: &CaptureSettings, given: Given) -> Self {
        Self {
            name: name.to_owned(),
            command: command.to_owned(),
            given,
            timeout: wanted.timeout,
            start: wanted.start.max(wanted.timeout),
            running: None,
            trigger: LevelTrigger::new(wanted.level),
            restarts: Restarts::default(),
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
        if let Some(text) = self.restarts.rest() {
            note(&mut self.notes, text);
        }
        Running::start(&self.command, self.given).map_err(|error| {
            CameraError::new(&self.name, trouble_of(&error), format!("sh: {error}"))
        })
    }

    /// Something came of it.
    fn works(&mut self) {
        let Some(running) = &self.running else { return };
        if running.program.is_steady() {
            self.restarts.reset();
        }
        if let Some(level) = running.newest.level() {
            self.trigger.passes(level);
        }
    }

    /// Ends the program, and lets the next one wait longer.
    fn failed(&mut self, mut running: Running, kind: CameraErrorKind, what: String) -> CameraError {
        self.restarts.failed();
        let how = running.program.how_it_ended(kind == CameraErrorKind::Gone);
        CameraError::new(&self.name, kind, format!("{what}{how}"))
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
                    Given::Sound(window, _) => super::sound::frame_of(&bytes, &window, captured),
                };
                self.works();
                Ok(frame)
            }
            Event::Quiet => {
                running.has_begun = true;
                self.running = Some(running);
                self.works();
                let what = self.trigger.awaited();
                Err(CameraError::new(&self.name, CameraErrorKind::Waiting, what))
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

    fn gives_events(&self) -> bool {
        self.trigger.is_set()
    }

    fn level(&self) -> Option<f32> {
        self.trigger.heard()
    }
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

/// A program that was started, and the newest of what it gives.
#[derive(Debug)]
struct Running {
    program: Program,
    /// It has given a frame.
    has_begun: bool,
    newest: Arc<Newest>,
}

impl Running {
    fn start(command: &str, given: Given) -> io::Result<Self> {
        let (program, stdout) = Program::start(command)?;
        let newest = Arc::new(Newest::default());
        let filled = Arc::clone(&newest);
        thread::spawn(move || filled.fill(stdout, given));
        Ok(Self { program, has_begun: false, newest })
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
    /// Of the newest window, also of one that was left out.
    level: Option<f32>,
    /// A window was left out since the last look.
    is_quiet: bool,
    /// The stream is over, for this reason if it was an error.
    end: Option<Option<String>>,
}

#[derive(Debug)]
enum Event {
    Frame(Vec<u8>, Given, Instant),
    /// What came was not loud enough.
    Quiet,
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
            Given::Sound(window, _) => {
                let mut held = Vec::new();
                let next = || super::sound::next_window(&mut stdout, &window, &mut held);
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
                Ok(Some(picture)) => self.came(picture, given),
                Ok(None) => return self.end(None),
                Err(error) => return self.end(Some(error.to_string())),
            }
        }
    }

    /// What is not loud enough replaces nothing: a knock waits until it is taken.
    fn came(&self, picture: Vec<u8>, given: Given) {
        let (level, threshold): (Option<f32>, Option<f32>) = match given {
            Given::Pictures(_) => (None, None),
            #[cfg(feature = "sound")]
            Given::Sound(_, threshold) => (Some(super::sound::level_of(&picture)), threshold),
        };
        let mut state = lock(&self.state);
        state.level = level;
        match level.is_some_and(|level| threshold.is_some_and(|threshold| level < threshold)) {
            true => state.is_quiet = true,
            false => state.picture = Some((picture, given, Instant::now())),
        }
        self.changed.notify_one();
    }

    /// The level of the newest window, in dBFS.
    fn level(&self) -> Option<f32> {
        lock(&self.state).level
    }

    /// The stream is over, for this reason if it was an error.
    fn end(&self, why: Option<String>) {
        lock(&self.state).end = Some(why);
        self.changed.notify_one();
    }

    fn wait(&self, timeout: Duration) -> Event {
        let empty =
            |state: &mut State| state.picture.is_none() && state.end.is_none() && !state.is_quiet;
        let waited = self.changed.wait_timeout_while(lock(&self.state), timeout, empty);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let was_quiet = std::mem::take(&mut state.is_quiet);
        match (state.picture.take(), &state.end) {
            (Some((picture, given, arrived)), _) => Event::Frame(picture, given, arrived),
            (None, Some(why)) => Event::End(why.clone()),
            (None, None) if was_quiet => Event::Quiet,
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
