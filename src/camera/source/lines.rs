//! Lines of text, as a camera: of standard input, a file, a program, a serial line. A line is a frame, and none is passed over
//! because another one came: what is not asked for yet waits where it comes from.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use super::program::{Program, Restarts};
use super::{CaptureSettings, note, time_of, trouble_of};
use crate::camera::{Camera, CameraError, CameraErrorKind};
use crate::image::frame::{Frame, Timestamp};
use crate::text::{self, LineSplitter};
use crate::util::mutex::lock;
use crate::util::serial;

/// How long a call waits for a line, so that its caller can look whether it is over.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Bytes that are read at a time.
const CHUNK: usize = 64 << 10;

/// What came of standard input and was not asked for, when a device ended: the next one of this program goes on there.
static STDIN_REST: Mutex<Option<LineSplitter>> = Mutex::new(None);

/// Where lines come from.
#[derive(Debug)]
enum LineSource {
    Stdin,
    File(PathBuf),
    Program(String),
    Serial(PathBuf, u32),
}

/// What is open.
#[derive(Debug)]
struct Open {
    file: File,
    program: Option<Program>,
}

/// Lines as frames.
#[derive(Debug)]
pub struct Lines {
    name: String,
    source: LineSource,
    again: bool,
    open: Option<Open>,
    splitter: LineSplitter,
    /// No more bytes come of what is open.
    at_end: bool,
    /// Lines since it was opened.
    lines: u64,
    restarts: Restarts,
    notes: Vec<String>,
}

impl Lines {
    /// * `rest`: what stands behind `lines:`.
    ///
    /// # Errors
    /// [`CameraErrorKind::Address`] for what is no source of lines; where a file or a serial line cannot be opened. A program
    /// is started by the first capture.
    pub fn open(name: &str, rest: &str, wanted: &CaptureSettings) -> Result<Self, CameraError> {
        let refused = |what: &str| {
            let shown = name.escape_debug().to_string();
            Err(CameraError::new(&shown, CameraErrorKind::Address, what))
        };
        let source = match rest.split_once(':') {
            _ if rest == "-" => LineSource::Stdin,
            Some(("pipe", command)) if command.trim().is_empty() => {
                return refused("which program? wanted lines:pipe:COMMAND");
            }
            Some(("pipe", command)) => LineSource::Program(command.to_owned()),
            Some(("serial", line)) => match serial::parse(line) {
                Some((path, baud)) => LineSource::Serial(path, baud),
                None => return refused("which line? wanted lines:serial:DEVICE[@BAUD]"),
            },
            _ if rest.is_empty() => {
                return refused(
                    "which lines? wanted lines:-, lines:FILE, lines:pipe:COMMAND or lines:serial:DEVICE[@BAUD]",
                );
            }
            _ => LineSource::File(rest.into()),
        };
        let mut lines = Self {
            name: name.to_owned(),
            source,
            again: wanted.again,
            open: None,
            splitter: LineSplitter::default(),
            at_end: false,
            lines: 0,
            restarts: Restarts::default(),
            notes: Vec::new(),
        };
        match lines.source {
            LineSource::Stdin => lines.splitter = lock(&STDIN_REST).take().unwrap_or_default(),
            LineSource::File(_) | LineSource::Serial(..) => lines.begin()?,
            LineSource::Program(_) => {}
        }
        Ok(lines)
    }

    fn error(&self, kind: CameraErrorKind, what: impl Into<String>) -> CameraError {
        CameraError::new(&self.name, kind, what)
    }

    /// Opens it, where it is not.
    fn begin(&mut self) -> Result<(), CameraError> {
        if self.open.is_some() {
            return Ok(());
        }
        let open = match &self.source {
            LineSource::Stdin => stdin(),
            LineSource::File(path) => match what_else(path) {
                Some(what) => return Err(self.error(CameraErrorKind::Address, what)),
                None => file(path),
            },
            LineSource::Serial(path, baud) => serial::open(path, *baud),
            LineSource::Program(command) => {
                if let Some(text) = self.restarts.rest() {
                    note(&mut self.notes, text);
                }
                let started = Program::start(command);
                let (program, stdout) = started
                    .map_err(|error| self.error(trouble_of(&error), format!("sh: {error}")))?;
                let file = OwnedFd::from(stdout).into();
                self.open = Some(Open { file, program: Some(program) });
                return Ok(());
            }
        };
        let file = open.map_err(|error| self.error(trouble_of(&error), error.to_string()))?;
        self.open = Some(Open { file, program: None });
        self.lines = 0;
        Ok(())
    }

    /// Reads what is there, or waits a moment for it.
    ///
    /// # Errors
    /// [`CameraErrorKind::Waiting`] where nothing came; what is wrong with it.
    fn read(&mut self) -> Result<(), CameraError> {
        self.begin()?;
        let waiting = || CameraErrorKind::Waiting;
        let Some(Open { file, .. }) = &mut self.open else {
            return Err(self.error(waiting(), "not open"));
        };
        let got = ready(file).and_then(|is_ready| match is_ready {
            true => {
                let mut chunk = vec![0; CHUNK];
                let count = file.read(&mut chunk)?;
                chunk.truncate(count);
                Ok(Some(chunk))
            }
            false => Ok(None),
        });
        match got {
            Ok(Some(chunk)) if chunk.is_empty() => self.at_end = true,
            Ok(Some(chunk)) => self.splitter.push(&chunk),
            Ok(None) => return Err(self.error(waiting(), "waiting for a line")),
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) =>
            {
                return Err(self.error(waiting(), "waiting for a line"));
            }
            Err(error) => {
                return Err(match &self.source {
                    // Opened again it would begin again.
                    LineSource::Stdin | LineSource::File(_) => {
                        self.error(trouble_of(&error), error.to_string())
                    }
                    LineSource::Program(_) | LineSource::Serial(..) => {
                        self.gone(&error.to_string())
                    }
                });
            }
        }
        Ok(())
    }

    /// No more bytes come, and all lines were given.
    fn over(&mut self) -> CameraError {
        self.at_end = false;
        match &self.source {
            LineSource::Stdin => {
                self.at_end = true;
                self.error(CameraErrorKind::Ended, "standard input is over")
            }
            LineSource::File(_) if self.again && self.lines > 0 => {
                (self.open, self.splitter) = (None, LineSplitter::default());
                self.error(CameraErrorKind::Waiting, "waiting for a line, from the beginning again")
            }
            LineSource::File(_) => {
                self.at_end = true;
                self.error(CameraErrorKind::Ended, "all its lines were read")
            }
            LineSource::Program(_) => self.gone("the program ended"),
            LineSource::Serial(..) => self.gone("the line was closed"),
        }
    }

    /// It went away, and is opened again for the next line.
    fn gone(&mut self, why: &str) -> CameraError {
        self.splitter.forget();
        let mut how = String::new();
        if let Some(Open { program: Some(mut program), .. }) = self.open.take() {
            if program.is_steady() {
                self.restarts.reset();
            }
            self.restarts.failed();
            how = program.how_it_ended(true);
        }
        self.error(CameraErrorKind::Gone, format!("{why}{how}"))
    }
}

impl Camera for Lines {
    fn name(&self) -> &str {
        &self.name
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let asked = Instant::now();
        loop {
            let line = match self.at_end {
                // Half a line of a serial line that was pulled is none.
                true if !matches!(self.source, LineSource::Serial(..)) => self.splitter.finish(),
                _ => self.splitter.next_line(),
            };
            match line {
                Some((_, Ok(line))) => {
                    self.lines += 1;
                    // Rulers and brackets have nothing that counts.
                    if line.contains(char::is_alphanumeric) {
                        return Ok(text::frame(&line, time_of(Instant::now(), now, asked)));
                    }
                }
                Some((number, Err(error))) => {
                    self.lines += 1;
                    let what = format!("line {number} was left out: {error}");
                    return Err(self.error(CameraErrorKind::Malformed, what));
                }
                None if self.at_end => return Err(self.over()),
                None => self.read()?,
            }
        }
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn gives_events(&self) -> bool {
        true
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let LineSource::Stdin = self.source {
            *lock(&STDIN_REST) = Some(std::mem::take(&mut self.splitter));
        }
    }
}

fn stdin() -> io::Result<File> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// A named pipe is held open from both sides: its writers come and go.
fn file(path: &Path) -> io::Result<File> {
    let is_pipe = path.metadata()?.file_type().is_fifo();
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    OpenOptions::new().read(true).write(is_pipe).custom_flags(flags).open(path)
}

/// What a path names instead of a file of lines, where it does.
fn what_else(path: &Path) -> Option<&'static str> {
    let kind = path.metadata().ok()?.file_type();
    if kind.is_dir() {
        return Some("this is a folder, wanted a file of lines");
    }
    let is_terminal = || file(path).is_ok_and(|file| rustix::termios::isatty(&file));
    (kind.is_char_device() && is_terminal())
        .then_some("this is a serial line: wanted lines:serial:DEVICE[@BAUD]")
}

/// Whether there is something to read, or its end; waits [`WAIT`] for that.
fn ready(file: &File) -> io::Result<bool> {
    let mut polled = [PollFd::new(file, PollFlags::IN)];
    match poll(&mut polled, Some(&WAIT)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(camera: &mut Lines) -> Vec<Result<String, CameraErrorKind>> {
        let mut found = Vec::new();
        loop {
            match camera.capture(Timestamp(5)) {
                Ok(frame) => found.push(Ok(frame.line().unwrap_or_default().to_owned())),
                Err(error) if error.kind == CameraErrorKind::Waiting => {}
                Err(error) => {
                    found.push(Err(error.kind));
                    if error.kind != CameraErrorKind::Malformed {
                        return found;
                    }
                }
            }
        }
    }

    fn lines_until(camera: &mut Lines, count: usize) -> Vec<String> {
        let mut found = Vec::new();
        while found.len() < count {
            match camera.capture(Timestamp(5)) {
                Err(error) if error.kind == CameraErrorKind::Waiting => {}
                captured => {
                    found.push(captured.expect("a line").line().unwrap_or_default().to_owned());
                }
            }
        }
        found
    }

    #[test]
    fn a_file_is_read_line_by_line_and_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        std::fs::write(&path, b"one\n\n-----\nbad \xff\nt\0wo\nthree").expect("writable");
        let text = path.to_str().expect("UTF-8");
        let mut camera =
            Lines::open("lines:log", text, &CaptureSettings::default()).expect("there");
        let ok = |text: &str| Ok(text.to_owned());
        let wanted = [
            ok("one"),
            Err(CameraErrorKind::Malformed),
            ok("t\0wo"),
            ok("three"),
            Err(CameraErrorKind::Ended),
        ];
        assert_eq!(lines(&mut camera), wanted);
        assert_eq!(lines(&mut camera), [Err(CameraErrorKind::Ended)], "it stays over");
        let again = CaptureSettings { again: true, ..CaptureSettings::default() };
        let mut camera = Lines::open("lines:log", text, &again).expect("there");
        let read: Vec<_> = (0..12).map(|_| camera.capture(Timestamp(5)).ok()).collect();
        let read: Vec<_> = read.iter().flatten().filter_map(Frame::line).collect();
        assert_eq!(read[..5], ["one", "t\0wo", "three", "one", "t\0wo"]);
        std::fs::write(&path, b"\n \n").expect("writable");
        let mut camera = Lines::open("lines:log", text, &again).expect("there");
        assert_eq!(lines(&mut camera), [Err(CameraErrorKind::Ended)], "nothing is read for ever");
    }

    #[test]
    fn a_program_that_ends_is_started_again() {
        let command = "pipe:echo first; printf second; echo why >&2; exit 4";
        let mut camera = Lines::open("lines:x", command, &CaptureSettings::default()).expect("one");
        for _ in 0..2 {
            for wanted in ["first", "second"] {
                let frame = loop {
                    match camera.capture(Timestamp(5)) {
                        Err(error) if error.kind == CameraErrorKind::Waiting => {}
                        captured => break captured.expect("it writes"),
                    }
                };
                assert_eq!(frame.line(), Some(wanted));
            }
            let error = camera.capture(Timestamp(5)).expect_err("it ended").to_string();
            assert!(error.contains("ended, exit status: 4; stderr: why"), "{error}");
        }
        let mut silent =
            Lines::open("lines:x", "pipe:sleep 60", &CaptureSettings::default()).expect("one");
        let error = silent.capture(Timestamp(5)).expect_err("it says nothing");
        assert_eq!(error.kind, CameraErrorKind::Waiting, "{error}");
    }

    #[test]
    fn a_serial_line_that_is_pulled_is_gone() {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let other = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&other).and_then(|()| unlockpt(&other)).expect("it is the test's");
        let path = ptsname(&other, Vec::new()).expect("it has a name").into_string();
        let path = path.expect("UTF-8");
        let open = |rest: &str| Lines::open("lines:tty", rest, &CaptureSettings::default());
        let error = open(&path).map(drop).expect_err("its speed is not said");
        assert!(error.to_string().contains("lines:serial:DEVICE[@BAUD]"), "{error}");
        let mut camera = open(&format!("serial:{path}@9600")).expect("it is there");
        rustix::io::write(&other, b"one\r\ntw").expect("it is held open");
        assert_eq!(lines_until(&mut camera, 1), ["one"]);
        rustix::io::write(&other, b"o\nthr").expect("it is held open");
        assert_eq!(lines_until(&mut camera, 1), ["two"]);
        drop(other);
        // The beginning of a line is none.
        assert_eq!(lines(&mut camera), [Err(CameraErrorKind::Gone)]);
        let error = camera.capture(Timestamp(5)).expect_err("it is not there any more");
        assert_ne!(error.kind, CameraErrorKind::Waiting, "{error}");
    }

    #[test]
    fn a_named_pipe_outlives_its_writers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fifo");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
            .expect("the folder is the test's");
        let text = path.to_str().expect("UTF-8");
        let mut camera = Lines::open("lines:fifo", text, &CaptureSettings::default()).expect("one");
        let error = camera.capture(Timestamp(5)).expect_err("nothing is written");
        assert_eq!(error.kind, CameraErrorKind::Waiting, "{error}");
        for line in ["one", "two"] {
            std::fs::write(&path, format!("{line}\n")).expect("it is read");
            assert_eq!(camera.capture(Timestamp(5)).expect("a line").line(), Some(line));
        }
    }

    #[test]
    fn what_gives_no_lines_is_refused_with_what_would() {
        let open = |rest: &str| {
            let opened = Lines::open(&format!("lines:{rest}"), rest, &CaptureSettings::default());
            opened.map(drop).expect_err("refused")
        };
        for (rest, wanted) in [
            ("", "lines:-, lines:FILE, lines:pipe:COMMAND"),
            ("pipe: ", "which program"),
            ("serial:", "which line"),
            ("serial:/dev/x@fast", "lines:serial:DEVICE[@BAUD]"),
            ("/", "this is a folder"),
        ] {
            let error = open(rest);
            assert_eq!(error.kind, CameraErrorKind::Address, "{error}");
            assert!(error.to_string().contains(wanted), "{error}");
        }
        assert_eq!(open("/there/is/none").kind, CameraErrorKind::Missing);
        assert_eq!(open("serial:/there/is/none").kind, CameraErrorKind::Missing);
    }
}
