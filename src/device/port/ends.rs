//! The files behind a port, and how each is opened.

use std::fs::File;
use std::io::{Error, ErrorKind, IsTerminal, Result};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};

use crate::board::address::Address;
use crate::util;

/// Where bytes come from and go to.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) input: File,
    pub(super) output: File,
    /// How the terminal was before.
    restore: Option<Termios>,
}

impl Ends {
    pub(super) fn of(input: File) -> Result<Self> {
        Ok(Self { output: input.try_clone()?, input, restore: None })
    }

    /// Ends the connection for both sides; `false` where it is none, but a line.
    pub(super) fn hang_up(&self) -> bool {
        let file = self.output.try_clone();
        file.map(OwnedFd::from)
            .is_ok_and(|file| UnixStream::from(file).shutdown(Shutdown::Both).is_ok())
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some(before) = &self.restore {
            // The terminal may be gone.
            let _ = tcsetattr(&self.input, OptionalActions::Now, before);
        }
    }
}

/// What gives ends, once or again and again.
#[derive(Debug)]
pub(super) enum Source {
    /// Open already; not again.
    Once(Option<Ends>),
    /// Open already the first time.
    Serial { path: PathBuf, baud: u32, first: Option<Ends> },
    /// The device's side; the file stays open while the other side is closed.
    Pty { device: File, other: PathBuf },
    /// Clients that connect, unless another listener takes them first.
    Unix(Arc<Socket>),
}

/// A socket that is listened at; it goes with this value.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Source {
    /// The ends, or `None` if no client comes within that time.
    pub(super) fn open(&mut self, wait: Duration) -> Result<Option<Ends>> {
        match self {
            Source::Once(ends) => Ok(ends.take()),
            Source::Serial { path, baud, first } => match first.take() {
                Some(ends) => Ok(Some(ends)),
                None => serial(path, *baud).map(Some),
            },
            Source::Pty { device, .. } => {
                // Hung up, that is: the other side is not open.
                if hung_up(device) {
                    std::thread::sleep(wait);
                    return Ok(None);
                }
                Ends::of(device.try_clone()?).map(Some)
            }
            Source::Unix(socket) => {
                if !is_ready(&socket.listener, false, wait) {
                    return Ok(None);
                }
                let stream = match socket.listener.accept() {
                    Ok((stream, _)) => stream,
                    // Another took who came.
                    Err(error) if is_passing(&error) => return Ok(None),
                    Err(error) => return Err(error),
                };
                stream.set_nonblocking(true)?;
                let stream = File::from(OwnedFd::from(stream));
                // A client that gave up waiting for others to leave wants nothing done any more.
                if hung_up(&stream) {
                    return Ok(None);
                }
                Ends::of(stream).map(Some)
            }
        }
    }

    /// The same for another client at the same time.
    pub(super) fn another(&self) -> Option<Self> {
        match self {
            Source::Unix(socket) => Some(Source::Unix(Arc::clone(socket))),
            _ => None,
        }
    }

    pub(super) fn comes_back(&self) -> bool {
        !matches!(self, Source::Once(_))
    }

    pub(super) fn other_side(&self) -> Option<&Path> {
        match self {
            Source::Pty { other, .. } => Some(other),
            _ => None,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It may have been removed already.
        let _ = std::fs::remove_file(&self.path);
    }
}

pub(super) fn listen(address: &Address) -> Result<Source> {
    match address {
        Address::Serial { path, baud } => {
            let first = Some(serial(path, *baud)?);
            Ok(Source::Serial { path: path.clone(), baud: *baud, first })
        }
        Address::Stdio => stdio().map(|ends| Source::Once(Some(ends))),
        Address::Pty => pty(),
        Address::Unix(path) => {
            // Left behind by a program that was killed; nothing but a socket is ever removed.
            let is_socket =
                std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
            if is_socket && UnixStream::connect(path).is_err() {
                std::fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            listener.set_nonblocking(true)?;
            Ok(Source::Unix(Arc::new(Socket { listener, path: path.clone() })))
        }
    }
}

pub(super) fn connect(address: &Address) -> Result<Source> {
    let ends = match address {
        Address::Serial { path, baud } => serial(path, *baud)?,
        Address::Stdio => stdio()?,
        Address::Pty => {
            return Err(Error::new(ErrorKind::Unsupported, "only a device makes one"));
        }
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            Ends::of(OwnedFd::from(stream).into())?
        }
    };
    Ok(Source::Once(Some(ends)))
}

fn serial(path: &Path, baud: u32) -> Result<Ends> {
    Ends::of(util::serial::open(path, baud)?)
}

/// A terminal hands every key on at once; its keys for signals and its line ends stay.
fn stdio() -> Result<Ends> {
    let input: File = std::io::stdin().as_fd().try_clone_to_owned()?.into();
    let output: File = std::io::stdout().as_fd().try_clone_to_owned()?.into();
    let mut restore = None;
    if stdin_is_a_terminal() {
        let before = tcgetattr(&input)?;
        let mut raw = before.clone();
        raw.make_raw();
        raw.local_modes |= LocalModes::ISIG;
        raw.output_modes |= OutputModes::OPOST;
        tcsetattr(&input, OptionalActions::Now, &raw)?;
        restore = Some(before);
    }
    Ok(Ends { input, output, restore })
}

pub(super) fn stdin_is_a_terminal() -> bool {
    std::io::stdin().is_terminal()
}

fn pty() -> Result<Source> {
    // Not for the programs that are started meanwhile: who holds it keeps the line from hanging up.
    let device = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&device)?;
    unlockpt(&device)?;
    let name = ptsname(&device, Vec::new())?;
    let other = PathBuf::from(name.to_string_lossy().into_owned());
    // Raw before anybody opens it, or what we say first would come back as if it had been typed; to be closed again is
    // what makes it hung up until a client does.
    drop(serial(&other, Address::BAUD)?);
    rustix::fs::fcntl_setfl(&device, OFlags::NONBLOCK)?;
    Ok(Source::Pty { device: device.into(), other })
}

fn events(file: &impl AsFd, flags: PollFlags, wait: Duration) -> PollFlags {
    let mut polled = [PollFd::new(file, flags)];
    let wait = Timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos() as _ };
    match poll(&mut polled, Some(&wait)) {
        Ok(1) => polled[0].revents(),
        // A signal, or the time is over: the caller asks again.
        _ => PollFlags::empty(),
    }
}

pub(super) fn hung_up(file: &File) -> bool {
    events(file, PollFlags::IN, Duration::ZERO).contains(PollFlags::HUP)
}

/// Whether a read or a write will say something, within that time; also that the line is gone.
pub(super) fn is_ready(file: &impl AsFd, to_write: bool, wait: Duration) -> bool {
    !events(file, if to_write { PollFlags::OUT } else { PollFlags::IN }, wait).is_empty()
}

/// Not an end of the line.
pub(super) fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// What to do about a port that cannot be opened.
///
/// * `is_device`: it was to be made, not to be found.
pub(super) fn next_step(address: &Address, error: &Error, is_device: bool) -> &'static str {
    match (address, error.kind()) {
        (Address::Unix(_), ErrorKind::NotFound) if is_device => {
            "\n  next: make the folder that it is to lie in"
        }
        (Address::Serial { .. }, ErrorKind::PermissionDenied) => {
            "\n  next: join the group that may use it (sudo usermod -aG dialout $USER), and log in again"
        }
        (Address::Serial { .. }, ErrorKind::NotFound) => {
            "\n  next: plug the adapter in and look for it with ls /dev/ttyUSB* /dev/ttyACM* /dev/serial*"
        }
        (Address::Serial { .. }, ErrorKind::ResourceBusy) => {
            "\n  next: end the other program that has it open (fuser -v DEVICE names it)"
        }
        (Address::Serial { .. }, _) => {
            "\n  next: is it a serial line, and does it know this baud rate?"
        }
        (Address::Unix(_), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            "\n  next: start the device's program with this port first"
        }
        (Address::Unix(_), ErrorKind::AddrInUse) => {
            "\n  next: another program listens there, or it is no socket: choose another path"
        }
        _ => "",
    }
}
