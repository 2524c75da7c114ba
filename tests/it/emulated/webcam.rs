//! A USB camera that the machine's own drivers take for one: a socket that speaks USB/IP, as a device of the USB Video
//! Class 1.0 with a bulk endpoint, MJPG and YUYV, and exposure and white balance that follow the light until told not to.
//!
//! USB/IP: Documentation/usb/usbip_protocol.rst of the kernel. Descriptors and requests: USB Device Class Definition for
//! Video Devices, revision 1.0, with the payload formats "MJPEG" and "uncompressed".

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Frames a second.
const FPS: u32 = 10;
const SIZE: (u16, u16) = (160, 120);
/// The most that comes in one transfer, its header included.
const PAYLOAD: usize = 2048;
/// The length of PROBE and COMMIT.
const PROBE: usize = 26;
/// Commands of USB/IP, and their answers.
const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u8 = 3;
const RET_UNLINK: u8 = 4;
/// What a device answers to what it does not know (EPIPE), and of a transfer that was given up (ECONNRESET).
const STALL: i32 = -32;
const GIVEN_UP: i32 = -104;

/// What the camera is asked about, by unit and selector.
pub const EXPOSURE_MODE: (u8, u8) = (1, 2);
pub const EXPOSURE: (u8, u8) = (1, 4);
pub const WHITE_BALANCE: (u8, u8) = (2, 0x0A);
pub const WHITE_BALANCE_AUTO: (u8, u8) = (2, 0x0B);
/// [`EXPOSURE_MODE`]: by hand, or wholly by itself in the way that webcams call "aperture priority".
pub const MANUAL: u32 = 1;
const APERTURE_PRIORITY: u32 = 8;

/// How frames go out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Whole,
    /// Half of each frame is missing.
    Torn,
    /// The camera itself says that they are damaged.
    Marked,
    /// None.
    Stalled,
}

/// The camera; it goes with this value.
pub struct Webcam {
    pub port: u16,
    state: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    plug: Option<TcpStream>,
    /// How often it was plugged in: what serves an earlier time ends.
    time: u32,
    /// A frame as MJPG, and as YUYV.
    pictures: [Vec<u8>; 2],
    way: Way,
    /// What COMMIT said last.
    agreed: Vec<u8>,
    controls: BTreeMap<(u8, u8), u32>,
    /// Number and room of every transfer that waits for a part of a frame.
    waiting: VecDeque<(u32, usize)>,
}

impl Default for State {
    fn default() -> Self {
        let pictures = [Vec::new(), Vec::new()];
        let (waiting, controls) = (VecDeque::new(), BTreeMap::new());
        let (plug, time, way, agreed) = (None, 0, Way::Whole, probe(&[]));
        Self { plug, time, pictures, way, agreed, controls, waiting }
    }
}

impl Webcam {
    /// A camera that is not plugged in yet: whoever connects to the port plugs it in.
    ///
    /// * `jpeg`, `yuyv`: what it sees, 160x120 pixels.
    pub fn new(jpeg: Vec<u8>, yuyv: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(Shared::default());
        let camera = Self { port, state: Arc::clone(&state) };
        camera.show(jpeg, yuyv);
        std::thread::spawn(move || {
            for plug in listener.incoming() {
                let plug = plug.expect("the machine connects");
                let sender = plug.try_clone().expect("a second end");
                let mut state_now = lock(&state);
                state_now.plug = Some(plug.try_clone().expect("a third end"));
                state_now.time += 1;
                let time = state_now.time;
                state_now.waiting.clear();
                // What a camera was told is forgotten without power.
                state_now.controls = BTreeMap::from([
                    (EXPOSURE_MODE, APERTURE_PRIORITY),
                    (EXPOSURE, 100),
                    (WHITE_BALANCE_AUTO, 1),
                    (WHITE_BALANCE, 4000),
                ]);
                drop(state_now);
                // Those of the time before end.
                state.changed.notify_all();
                let (reader, writer) = (Arc::clone(&state), Arc::clone(&state));
                std::thread::spawn(move || stream(sender, time, &writer));
                std::thread::spawn(move || answer(plug, time, &reader));
            }
        });
        camera
    }

    pub fn show(&self, jpeg: Vec<u8>, yuyv: Vec<u8>) {
        lock(&self.state).pictures = [jpeg, yuyv];
    }

    pub fn send_frames(&self, way: Way) {
        lock(&self.state).way = way;
        self.state.changed.notify_all();
    }

    pub fn unplug(&self) {
        if let Some(plug) = lock(&self.state).plug.take() {
            // The other side may have gone first.
            let _ = plug.shutdown(Shutdown::Both);
        }
        self.state.changed.notify_all();
    }

    /// A setting, as the camera has it now.
    pub fn control(&self, control: (u8, u8)) -> u32 {
        lock(&self.state).controls[&control]
    }
}

impl Drop for Webcam {
    fn drop(&mut self) {
        self.unplug();
    }
}

impl State {
    /// Whether it is plugged in as it was this time.
    fn lasts(&self, time: u32) -> bool {
        self.plug.is_some() && self.time == time
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().expect("no thread of the camera panics with it")
}

/// Sends frames in parts, a part a transfer, until it is unplugged.
fn stream(mut plug: TcpStream, time: u32, shared: &Shared) {
    let mut odd = false;
    loop {
        std::thread::sleep(Duration::from_millis(u64::from(1000 / FPS)));
        let mut state = lock(shared);
        // Nobody watches, or nothing is to be seen.
        while state.lasts(time) && (state.waiting.is_empty() || state.way == Way::Stalled) {
            state = shared.changed.wait(state).expect("no thread of the camera panics with it");
        }
        if !state.lasts(time) {
            return;
        }
        // Who looks by itself sees the light change.
        if state.controls[&EXPOSURE_MODE] != MANUAL {
            *state.controls.get_mut(&EXPOSURE).expect("it has one") += 1;
        }
        let way = state.way;
        let format = usize::from(state.agreed[2].clamp(1, 2)) - 1;
        let mut frame = state.pictures[format].clone();
        if way == Way::Torn {
            frame.truncate(frame.len() / 2);
        }
        odd = !odd;
        let parts: Vec<&[u8]> = frame.chunks(PAYLOAD - 2).collect();
        for (index, part) in parts.iter().enumerate() {
            while state.waiting.is_empty() && state.lasts(time) {
                state = shared.changed.wait(state).expect("no thread of the camera panics with it");
            }
            if !state.lasts(time) {
                return;
            }
            let (number, room) = state.waiting.pop_front().expect("one waits");
            assert!(2 + part.len() <= room, "a payload of {} in {room} bytes", part.len());
            // Which of two frames in turn, whether it is its last part, whether it is damaged, and that the header ends.
            let last = u8::from(index + 1 == parts.len()) << 1;
            let damaged = u8::from(way == Way::Marked) << 6;
            let header = [2, u8::from(odd) | last | damaged | 0x80];
            if plug.write_all(&reply(number, 0, &[&header, *part].concat())).is_err() {
                return;
            }
        }
    }
}

/// Takes requests until it is unplugged.
fn answer(mut plug: TcpStream, time: u32, shared: &Shared) {
    let mut header = [0; 48];
    while plug.read_exact(&mut header).is_ok() {
        let word = |at: usize| u32::from_be_bytes(header[4 * at..][..4].try_into().expect("four"));
        let (command, number, is_in, endpoint) = (word(0), word(1), word(3) == 1, word(4));
        let answer = match command {
            CMD_SUBMIT => {
                let room = word(6) as usize;
                let setup: [u8; 8] = header[40..].try_into().expect("eight");
                let mut data = vec![0; if is_in { 0 } else { room }];
                if plug.read_exact(&mut data).is_err() {
                    break;
                }
                let mut state = lock(shared);
                if !state.lasts(time) {
                    break;
                }
                if endpoint == 1 {
                    state.waiting.push_back((number, room));
                    shared.changed.notify_all();
                    continue;
                }
                match control(setup, &data, &mut state) {
                    Some(mut answer) => {
                        answer.truncate(room);
                        let sent = if is_in { answer.len() } else { room };
                        message(RET_SUBMIT, number, 0, sent, &answer)
                    }
                    None => reply(number, STALL, &[]),
                }
            }
            // A transfer is given up.
            CMD_UNLINK => {
                let given_up = word(5);
                let mut state = lock(shared);
                let before = state.waiting.len();
                state.waiting.retain(|&(number, _)| number != given_up);
                let status = if state.waiting.len() < before { GIVEN_UP } else { 0 };
                message(RET_UNLINK, number, status, 0, &[])
            }
            other => panic!("{other} is no command of USB/IP"),
        };
        // In the reader's lock, so that no part of a frame comes between.
        let _order = lock(shared);
        if plug.write_all(&answer).is_err() {
            break;
        }
    }
}

/// What became of a transfer.
fn reply(number: u32, status: i32, data: &[u8]) -> Vec<u8> {
    message(RET_SUBMIT, number, status, data.len(), data)
}

/// * `moved`: bytes that went either way.
fn message(kind: u8, number: u32, status: i32, moved: usize, data: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 48];
    message[3] = kind;
    message[4..8].copy_from_slice(&number.to_be_bytes());
    message[20..24].copy_from_slice(&status.to_be_bytes());
    message[24..28].copy_from_slice(&(moved as u32).to_be_bytes());
    message.extend_from_slice(data);
    message
}

/// Answers a control request; `None` for one that it does not know.
fn control(setup: [u8; 8], data: &[u8], state: &mut State) -> Option<Vec<u8>> {
    let [kind, request, low, high, interface, unit, ..] = setup;
    match (kind, request) {
        (0x80, 6) => match high {
            1 => Some(device()),
            2 => Some(configuration()),
            3 if low == 0 => Some(vec![4, 3, 9, 4]),
            3 => {
                let name: Vec<u8> = "Bench".encode_utf16().flat_map(u16::to_le_bytes).collect();
                Some([&[2 + name.len() as u8, 3], &name[..]].concat())
            }
            _ => None,
        },
        (0x80..=0x82, 0) => Some(vec![0, 0]),
        // Configuration, interface, the halt of an endpoint.
        (0..=2, _) => Some(Vec::new()),
        // The stream: PROBE and COMMIT.
        (0x21, 1) if interface == 1 => {
            let agreed = probe(data);
            state.agreed = agreed;
            Some(Vec::new())
        }
        (0xA1, 0x85) if interface == 1 => Some(vec![PROBE as u8, 0]),
        (0xA1, 0x86) if interface == 1 => Some(vec![3]),
        (0xA1, 0x81..=0x87) if interface == 1 => Some(state.agreed.clone()),
        (0x21, 1) => {
            let mut value = [0; 4];
            value[..data.len()].copy_from_slice(data);
            let automatic = state.controls[&EXPOSURE_MODE] != MANUAL;
            if (unit, high) == EXPOSURE && automatic {
                return None;
            }
            *state.controls.get_mut(&(unit, high))? = u32::from_le_bytes(value);
            Some(Vec::new())
        }
        (0xA1, _) => {
            let now = *state.controls.get(&(unit, high))?;
            let (bytes, [min, max, step, usual]) = match (unit, high) {
                // The steps of a bit mask are its bits.
                EXPOSURE_MODE => (1, [1, 9, MANUAL | APERTURE_PRIORITY, APERTURE_PRIORITY]),
                EXPOSURE => (4, [1, 10_000, 1, 100]),
                WHITE_BALANCE => (2, [2000, 8000, 1, 4000]),
                _ => (1, [0, 1, 1, 1]),
            };
            let value: u32 = match request {
                0x81 => now,
                0x82 => min,
                0x83 => max,
                0x84 => step,
                0x87 => usual,
                0x85 => return Some(vec![bytes as u8, 0]),
                // It can be read and set.
                0x86 => return Some(vec![3]),
                _ => return None,
            };
            Some(value.to_le_bytes()[..bytes].to_vec())
        }
        _ => None,
    }
}

/// PROBE's answer: format and frame as asked, the rest as it is.
fn probe(asked: &[u8]) -> Vec<u8> {
    let mut agreed = vec![0; PROBE];
    agreed[2] = asked.get(2).copied().unwrap_or(1).clamp(1, 2);
    agreed[3] = 1;
    agreed[4..8].copy_from_slice(&INTERVAL.to_le_bytes());
    agreed[18..22].copy_from_slice(&FRAME.to_le_bytes());
    agreed[22..26].copy_from_slice(&(PAYLOAD as u32).to_le_bytes());
    agreed
}

/// Units of 100 ns from frame to frame.
const INTERVAL: u32 = 10_000_000 / FPS;
/// Bytes of the largest frame.
const FRAME: u32 = SIZE.0 as u32 * SIZE.1 as u32 * 2;

fn device() -> Vec<u8> {
    // USB 2.0, a class for each interface, 64 bytes at endpoint 0, two names, one configuration.
    vec![18, 1, 0, 2, 0xEF, 2, 1, 64, 0x09, 0x12, 0x01, 0x00, 0, 1, 0, 1, 0, 1]
}

fn configuration() -> Vec<u8> {
    // Camera terminal 1 with exposure mode and exposure, processing unit 2 with white balance, terminal 3 to the host.
    let terminal = [&[18, 0x24, 2, 1, 1, 2][..], &[0; 8], &[3, 0b1010, 0, 0]].concat();
    let processing = [11, 0x24, 5, 2, 1, 0, 0, 2, 0b0100_0000, 0b1_0000, 0];
    let output = [9, 0x24, 3, 3, 1, 1, 0, 2, 0];
    let units = [&terminal[..], &processing, &output].concat();
    let head = |length: usize| [&[13, 0x24, 1, 0, 1][..], &le(length), &[0; 4], &[1, 1]].concat();
    let control = [&head(13 + units.len())[..], &units].concat();

    let frame = |kind| {
        let sides = [SIZE.0.to_le_bytes(), SIZE.1.to_le_bytes()].concat();
        let bits = (FRAME * 8 * FPS).to_le_bytes();
        let (bytes, interval) = (FRAME.to_le_bytes(), INTERVAL.to_le_bytes());
        [&[30, 0x24, kind, 1, 0][..], &sides, &bits, &bits, &bytes, &interval, &[1], &interval]
            .concat()
    };
    let mjpeg = [&[11, 0x24, 6, 1, 1, 1, 1, 0, 0, 0, 0][..], &frame(7)].concat();
    // YUY2 by its GUID, 16 bits a pixel.
    let guid = *b"YUY2\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71";
    let plain = [&[27, 0x24, 4, 2, 1][..], &guid, &[16, 1, 0, 0, 0, 0], &frame(5)].concat();
    let formats = [mjpeg, plain].concat();
    let head = |length: usize| {
        [&[15, 0x24, 1, 2][..], &le(length), &[0x81, 0, 3, 0, 0, 0, 1, 0, 0]].concat()
    };
    let streaming = [&head(15 + formats.len())[..], &formats].concat();

    let together = [8, 11, 0, 2, 0x0E, 3, 0, 0];
    let control_interface = [9, 4, 0, 0, 0, 0x0E, 1, 0, 0];
    let streaming_interface = [9, 4, 1, 0, 1, 0x0E, 2, 0, 0];
    let bulk = [7, 5, 0x81, 2, 0, 2, 0];
    let all =
        [&together[..], &control_interface, &control, &streaming_interface, &streaming, &bulk]
            .concat();
    let total = le(9 + all.len());
    [&[9, 2, total[0], total[1], 2, 1, 0, 0x80, 50], &all[..]].concat()
}

fn le(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("a short descriptor").to_le_bytes()
}
