//! Video4Linux devices: mapped buffers, the newest frame, what drifts locked, reopened after every failure. What can
//! be decided without a device stands in `choice`.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use v4l::buffer::{Flags as BufferFlags, Type};
use v4l::capability::Flags as Capability;
use v4l::control::{Control as Setting, Value};
use v4l::device::Handle;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::CaptureStream as _;
use v4l::video::Capture as _;
use v4l::video::capture::Parameters;
use v4l::{Format, FourCC, Fraction};

use super::choice::{self, Automatic, Choice};
use super::{CaptureSettings, FoundCamera, Mode, Size, note, time_of, trouble_of};
use crate::camera::{
    Adaptive, Camera, CameraError, CameraErrorKind, CameraLocks, PixelFormat, PixelLayout,
};
use crate::image::frame::{Frame, Timestamp};

/// Buffers that the driver fills in turn.
const BUFFERS: u32 = 4;

/// How long a device that failed is left alone.
const REST: Duration = Duration::from_millis(500);

/// `POLLIN`: a frame is there, or the device failed.
const READABLE: i16 = 1;

/// A device as a camera.
pub struct V4lCamera {
    name: String,
    path: PathBuf,
    wanted: CaptureSettings,
    open: Option<Open>,
    /// Control, value: in the order in which they are set when the device is back, so that it sees as it did before.
    locked: Option<Vec<(u32, i64)>>,
    /// What is to be locked, and what was locked last.
    locks: CameraLocks,
    applied: [Option<bool>; 2],
    failed: Option<Instant>,
    notes: Vec<String>,
}

/// A device that streams. Fields are dropped in their order, the buffers before the device.
struct Open {
    stream: Stream<'static>,
    device: v4l::Device,
    layout: PixelLayout,
}

impl V4lCamera {
    /// # Errors
    /// [`CameraError`]: the device is missing, busy, not permitted, no camera, or cannot give what is wanted.
    pub fn open(name: &str, path: &str, wanted: &CaptureSettings) -> Result<Self, CameraError> {
        let mut camera = Self {
            name: name.to_owned(),
            path: path.into(),
            wanted: wanted.clone(),
            open: None,
            locked: None,
            locks: CameraLocks::default(),
            applied: [None; 2],
            failed: None,
            notes: Vec::new(),
        };
        camera.open = Some(camera.connect()?);
        Ok(camera)
    }

    fn error(&self, kind: CameraErrorKind, what: impl Into<String>) -> CameraError {
        CameraError::new(&self.name, kind, what)
    }

    fn refused(&self, doing: &str, error: &io::Error) -> CameraError {
        self.error(trouble_of(error), format!("{doing}: {error}"))
    }

    fn connect(&mut self) -> Result<Open, CameraError> {
        let set = choice::controls(&self.wanted)
            .map_err(|what| self.error(CameraErrorKind::Unsupported, what))?;
        let device = device(&self.path).map_err(|(kind, what)| self.error(kind, what))?;
        let modes = modes(&device, &|format| format.parse::<PixelFormat>().is_ok())
            .map_err(|error| self.refused("formats", &error))?;
        let choice = choice::choose(&modes, &self.wanted)
            .map_err(|what| self.error(CameraErrorKind::Unsupported, what))?;
        let layout = set_format(&device, choice).map_err(|error| self.refused("format", &error))?;
        if layout.format != choice.format {
            let what = format!("wanted {}, it gives {}", choice.format, layout.format);
            return Err(self.error(CameraErrorKind::Unsupported, what));
        }
        // Some drivers have no rate to set, and give frames all the same.
        let fps = set_rate(&device, choice.fps).ok().flatten();
        for text in choice::differences(&self.wanted, (layout.width, layout.height), fps) {
            note(&mut self.notes, text);
        }
        for (control, value) in set {
            device
                .set_control(setting(control.id, value))
                .map_err(|error| self.refused(&format!("{} = {value}", control.name), &error))?;
        }
        let mut stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS)
            .map_err(|error| self.refused("buffers", &error))?;
        stream.set_timeout(self.wanted.timeout.min(Duration::from_secs(3600)));
        let mut open = Open { stream, device, layout };
        self.lock(&mut open).map_err(|error| self.refused("settling", &error))?;
        self.note_locks(&open.device);
        Ok(open)
    }

    /// Lets exposure, gain and white balance settle and locks them, or brings back what they were locked at.
    fn lock(&mut self, open: &mut Open) -> io::Result<()> {
        if let Some(locked) = &self.locked {
            for &(id, value) in locked {
                // What could be set before is worth a try; a device without it still gives frames.
                let _ = open.device.set_control(setting(id, value));
            }
            return Ok(());
        }
        let Some(settle) = self.wanted.settle else { return Ok(()) };
        let drifting: Vec<Automatic> = choice::to_lock(&self.wanted)
            .into_iter()
            .filter(|it| value(&open.device, it.switch.id).is_some_and(|value| value != it.off))
            .collect();
        if !drifting.is_empty() {
            let begun = Instant::now();
            while begun.elapsed() < settle {
                open.stream.next()?;
            }
        }
        let (mut locked, mut said) = (Vec::new(), Vec::new());
        for it in drifting {
            let values: Vec<_> = it
                .values
                .iter()
                .filter_map(|control| Some((control.id, value(&open.device, control.id)?)))
                .collect();
            if let Err(error) = open.device.set_control(setting(it.switch.id, it.off)) {
                note(&mut self.notes, format!("{} cannot be locked: {error}", it.name));
                continue;
            }
            locked.push((it.switch.id, it.off));
            for (id, value) in values {
                // What the switch froze cannot always be set as well.
                if open.device.set_control(setting(id, value)).is_ok() {
                    locked.push((id, value));
                    said.push(format!("{} {value}", it.name));
                }
            }
            if !said.iter().any(|said| said.starts_with(it.name)) {
                said.push(it.name.to_owned());
            }
        }
        if !said.is_empty() {
            let settled = settle.as_secs_f32();
            note(&mut self.notes, format!("locked after {settled} s: {}", said.join(", ")));
        }
        self.locked = Some(locked);
        Ok(())
    }

    /// Which of its controls people can lock, and how they are.
    fn note_locks(&mut self, device: &v4l::Device) {
        for which in Adaptive::ALL {
            let states = choice::to_lock(&self.wanted).into_iter().filter(|it| it.of == which);
            let states: Vec<bool> = states
                .filter_map(|it| value(device, it.switch.id).map(|value| value == it.off))
                .collect();
            let state = (!states.is_empty()).then(|| states.iter().all(|&locked| locked));
            self.locks.put(which, state);
            self.applied[which as usize] = state;
        }
    }

    /// Locks or lets go what was asked for since the last frame; locked, a value stays as it is now.
    fn apply_locks(&mut self, device: &v4l::Device) {
        if Adaptive::ALL.map(|which| self.locks.is_locked(which)) == self.applied {
            return;
        }
        for which in Adaptive::ALL {
            let wanted = self.locks.is_locked(which);
            let Some(locked) = wanted.filter(|_| wanted != self.applied[which as usize]) else {
                continue;
            };
            for it in choice::to_lock(&self.wanted).into_iter().filter(|it| it.of == which) {
                if value(device, it.switch.id).is_none() {
                    continue;
                }
                let kept: Vec<_> = it
                    .values
                    .iter()
                    .filter_map(|control| Some((control.id, value(device, control.id)?)))
                    .collect();
                let states = if locked { std::slice::from_ref(&it.off) } else { it.on };
                let mut set = states
                    .iter()
                    .filter(|&&state| device.set_control(setting(it.switch.id, state)).is_ok());
                let Some(&state) = set.next() else {
                    note(&mut self.notes, format!("{} cannot be changed", it.name));
                    continue;
                };
                let list = self.locked.get_or_insert_default();
                list.retain(|(id, _)| {
                    *id != it.switch.id && !kept.iter().any(|(kept, _)| kept == id)
                });
                list.push((it.switch.id, state));
                for (id, value) in kept.into_iter().filter(|_| locked) {
                    // What the switch froze cannot always be set as well.
                    if device.set_control(setting(id, value)).is_ok() {
                        list.push((id, value));
                    }
                }
            }
        }
        // What the device refused is shown as it is.
        self.note_locks(device);
    }

    fn grab(&mut self, now: Timestamp, asked: Instant) -> Result<Frame, CameraError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                let rest = self.failed.map_or(Duration::ZERO, |failed| {
                    (failed + REST).saturating_duration_since(Instant::now())
                });
                thread::sleep(rest);
                self.connect()?
            }
        };
        self.apply_locks(&open.device);
        // An open device is kept only behind a frame, be it a damaged one; after any other error its buffers are lost.
        let layout = open.layout;
        let timeout = self.wanted.timeout;
        let frame = newest(&mut open.stream, |bytes, damaged| {
            if damaged {
                return Err("the driver says that the frame is damaged".to_owned());
            }
            let captured = time_of(Instant::now(), now, asked);
            layout.frame(bytes, captured).map_err(|error| error.to_string())
        });
        match frame {
            Ok(frame) => {
                self.open = Some(open);
                frame.map_err(|what| self.error(CameraErrorKind::Malformed, what))
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(self.error(CameraErrorKind::Stalled, format!("no frame within {timeout:?}")))
            }
            Err(error) => Err(self.refused("frame", &error)),
        }
    }
}

impl Camera for V4lCamera {
    fn name(&self) -> &str {
        &self.name
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let frame = self.grab(now, Instant::now());
        if self.open.is_none() {
            self.failed = Some(Instant::now());
        }
        frame
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn locks(&self) -> Option<CameraLocks> {
        Some(self.locks.clone())
    }
}

/// The newest of the frames that wait. If all buffers were full, the driver had no room for later frames and even the
/// newest may be old; so one more is waited for.
///
/// * `take`: is given the frame's bytes and whether the driver calls it damaged.
fn newest<T>(stream: &mut Stream<'static>, take: impl Fn(&[u8], bool) -> T) -> io::Result<T> {
    let handle: Arc<Handle> = stream.handle();
    let ready = || handle.poll(READABLE, 0).is_ok_and(|ready| ready > 0);
    let mut waiting = 0;
    loop {
        let waited = ready() && waiting < BUFFERS;
        let (bytes, meta) = stream.next()?;
        waiting += u32::from(waited);
        // One buffer was in our hands, so at most the others can have been full.
        if waited && (ready() || waiting + 1 == BUFFERS) {
            continue;
        }
        let used = &bytes[..bytes.len().min(meta.bytesused as usize)];
        return Ok(take(used, meta.flags.contains(BufferFlags::ERROR)));
    }
}

/// Opens what is a camera.
fn device(path: &Path) -> Result<v4l::Device, (CameraErrorKind, String)> {
    let system = |error: io::Error| (trouble_of(&error), error.to_string());
    if !fs::metadata(path).map_err(system)?.file_type().is_char_device() {
        return Err((
            CameraErrorKind::NotACamera,
            "this is no device, wanted one like /dev/video0".into(),
        ));
    }
    let device = v4l::Device::with_path(path).map_err(system)?;
    let has = device.query_caps().map_err(|error| match trouble_of(&error) {
        CameraErrorKind::Unsupported | CameraErrorKind::NotACamera => {
            (CameraErrorKind::NotACamera, "this device does not speak Video4Linux".to_owned())
        }
        kind => (kind, error.to_string()),
    })?;
    let flags = has.capabilities;
    if flags.contains(Capability::VIDEO_CAPTURE | Capability::STREAMING) {
        return Ok(device);
    }
    let card = has.card;
    if flags.contains(Capability::VIDEO_CAPTURE_MPLANE) {
        let what =
            format!("{card} gives its planes in separate buffers, which only pipe: can take");
        return Err((CameraErrorKind::Unsupported, what));
    }
    Err((CameraErrorKind::NotACamera, format!("{card} gives no frames through this device")))
}

/// What a device gives, for `source::list`; `None` if that is no frames.
///
/// * `found`: its addresses.
pub fn describe(path: &Path, mut found: FoundCamera) -> Option<FoundCamera> {
    let refused = |(kind, what)| CameraError::new(&found.address, kind, what);
    let described = device(path).map_err(refused).and_then(|device| {
        let system = |error: io::Error| refused((trouble_of(&error), error.to_string()));
        let has = device.query_caps().map_err(system)?;
        let modes = modes(&device, &|_| true).map_err(system)?;
        Ok((format!("{} ({}, {})", has.card, has.driver, has.bus), modes))
    });
    match described {
        Err(error) if error.kind == CameraErrorKind::NotACamera => return None,
        Err(error) => found.error = Some(error),
        Ok((name, modes)) => (found.name, found.modes) = (name, modes),
    }
    Some(found)
}

/// * `counts`: whether a format, by its four characters, is to be listed.
fn modes(device: &v4l::Device, counts: &dyn Fn(&str) -> bool) -> io::Result<Vec<Mode>> {
    let mut modes = Vec::new();
    for format in device.enum_formats()? {
        let code = format.fourcc;
        // A bit of the last byte says that it is big-endian.
        let mut bytes = code.repr;
        let big_endian = bytes[3] & 0x80 != 0;
        bytes[3] &= 0x7f;
        let mut name = String::from_utf8_lossy(&bytes).trim_end().escape_debug().to_string();
        if big_endian {
            name += "-BE";
        }
        if !counts(&name) {
            continue;
        }
        // A driver that lists no sizes has the one that is set.
        let sizes: Vec<Size> = match device.enum_framesizes(code) {
            Ok(sizes) => sizes.into_iter().map(|size| size_of(size.size)).collect(),
            Err(_) => {
                let now = device.format()?;
                vec![Size::Fixed((now.width, now.height))]
            }
        };
        for size in sizes {
            let (Size::Fixed((width, height)) | Size::Range { max: (width, height), .. }) = size;
            let intervals = device.enum_frameintervals(code, width, height).unwrap_or_default();
            let mut fps: Vec<f32> = intervals
                .into_iter()
                .flat_map(|interval| match interval.interval {
                    FrameIntervalEnum::Discrete(one) => vec![one],
                    FrameIntervalEnum::Stepwise(range) => vec![range.min, range.max],
                })
                .filter_map(rate)
                .collect();
            fps.sort_by(|a, b| b.total_cmp(a));
            fps.dedup();
            modes.push(Mode { format: name.clone(), size, fps });
        }
    }
    Ok(modes)
}

fn size_of(size: FrameSizeEnum) -> Size {
    match size {
        FrameSizeEnum::Discrete(one) => Size::Fixed((one.width, one.height)),
        FrameSizeEnum::Stepwise(range) => Size::Range {
            min: (range.min_width, range.min_height),
            max: (range.max_width, range.max_height),
            step: (range.step_width, range.step_height),
        },
    }
}

/// Seconds a frame to frames a second.
fn rate(interval: Fraction) -> Option<f32> {
    let Fraction { numerator, denominator } = interval;
    (numerator > 0 && denominator > 0).then(|| denominator as f32 / numerator as f32)
}

fn set_format(device: &v4l::Device, choice: Choice) -> io::Result<PixelLayout> {
    let mut code = [0; 4];
    code.copy_from_slice(choice.format.fourcc().as_bytes());
    // A new one has a stride of 0, which lets the driver choose: that of another format would be kept, however long.
    let wanted = Format::new(choice.size.0, choice.size.1, FourCC::new(&code));
    let given = device.set_format(&wanted)?;
    let name = String::from_utf8_lossy(&given.fourcc.repr).trim_end().to_owned();
    let format = name.parse().map_err(|_| {
        let what = format!("wanted {}, it gives {}", choice.format, name.escape_debug());
        io::Error::new(io::ErrorKind::InvalidInput, what)
    })?;
    Ok(PixelLayout { format, width: given.width, height: given.height, stride: given.stride })
}

/// Frames a second that the device says it gives.
fn set_rate(device: &v4l::Device, fps: f32) -> io::Result<Option<f32>> {
    const SCALE: u32 = 1000;
    let wanted = Fraction::new(SCALE, (fps * SCALE as f32).round().max(1.0) as u32);
    device.set_params(&Parameters::new(wanted))?;
    Ok(rate(device.params()?.interval))
}

fn setting(id: u32, value: i64) -> Setting {
    Setting { id, value: Value::Integer(value) }
}

/// A control's value; `None` where the device has no such control.
fn value(device: &v4l::Device, id: u32) -> Option<i64> {
    match device.control(id).ok()?.value {
        Value::Integer(value) => Some(value),
        Value::Boolean(value) => Some(i64::from(value)),
        _ => None,
    }
}
