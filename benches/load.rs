//! What watching costs: how long a frame takes to the pins with nobody at the page, and with 50 browsers and 200 requests a
//! second.
//!
//! ```text
//! cargo bench --bench load                     three rounds of 25 seconds each way
//! cargo bench --bench load -- 5 25 PROGRAM     so many rounds, so many seconds, of another program
//! ```
//!
//! A device on the synthetic camera at 20 frames a second, with outputs that go nowhere, is started for each run; runs with
//! and without load take turns. A browser fetches five pictures a second and listens to events. Everything runs on this
//! machine, so that what the browsers take is taken from the device, too.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const BROWSERS: usize = 50;
const PICTURES_A_SECOND: u64 = 5;
const CALLERS: usize = 16;
const CALLS_A_SECOND: u64 = 200;

/// What is asked for by turns.
const CALLS: [&str; 4] = ["status", "classes", "counts", "outputs"];

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What all clients counted.
#[derive(Default)]
struct Counts {
    stop: AtomicBool,
    pictures: AtomicU64,
    events: AtomicU64,
    calls: Mutex<Vec<u64>>,
    failures: AtomicU64,
    /// What failed, by its words.
    reasons: Mutex<BTreeMap<String, u64>>,
}

impl Counts {
    fn failed(&self, why: String) {
        self.failures.fetch_add(1, Ordering::SeqCst);
        if let Ok(mut reasons) = self.reasons.lock() {
            *reasons.entry(why).or_default() += 1;
        }
    }
}

/// A device, and what it writes.
struct Device {
    process: Child,
    address: String,
}

/// Milliseconds from capture to output, MiB, seconds of processor time.
struct Run {
    p50: f64,
    p95: f64,
    peak: f64,
    cpu: f64,
}

fn main() -> Outcome<()> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let number = |at: usize, usual: u64| arguments.get(at).map_or(Ok(usual), |text| text.parse());
    let (rounds, seconds) = (number(0, 3)?, number(1, 25)?);
    let program = arguments.get(2).map_or(env!("CARGO_BIN_EXE_fieldtune"), String::as_str);
    let folder = tempfile::tempdir()?;
    prepare(program, folder.path())?;
    println!(
        "round  load   output p50 ms  p95 ms  peak MiB  cpu s  pictures/s  calls/s  call p95 ms  failures"
    );
    let mut p95 = [Vec::new(), Vec::new()];
    let mut failures = 0;
    for round in 1..=rounds {
        for is_loaded in [false, true] {
            let counts = Arc::new(Counts::default());
            let run = measure(program, folder.path(), seconds, is_loaded.then_some(&counts))?;
            p95[usize::from(is_loaded)].push(run.p95);
            failures += counts.failures.load(Ordering::SeqCst);
            println!("{}", row(round, is_loaded, &run, &counts, seconds));
            if let Ok(reasons) = counts.reasons.lock() {
                reasons.iter().for_each(|(why, count)| println!("       {count} failed: {why}"));
            }
        }
    }
    let [alone, loaded] = p95.map(median);
    println!(
        "median of p95: {alone:.1} ms alone, {loaded:.1} ms with load: {:+.1} %",
        (loaded / alone - 1.0) * 100.0
    );
    println!("failures: {failures}");
    if failures > 0 {
        return Err(format!("{failures} requests failed").into());
    }
    Ok(())
}

fn row(round: u64, is_loaded: bool, run: &Run, counts: &Counts, seconds: u64) -> String {
    let Run { p50, p95, peak, cpu } = run;
    let mut calls = counts.calls.lock().map(|calls| calls.clone()).unwrap_or_default();
    calls.sort_unstable();
    let call = calls.get(calls.len() * 95 / 100).copied().unwrap_or_default() as f64 / 1000.0;
    let rate = |count: u64| count as f64 / seconds as f64;
    let (pictures, calls) =
        (rate(counts.pictures.load(Ordering::SeqCst)), rate(calls.len() as u64));
    let failures = counts.failures.load(Ordering::SeqCst);
    let load = if is_loaded { "yes" } else { "no" };
    format!(
        "{round:>5}  {load:<4}  {p50:>14.1}  {p95:>6.1}  {peak:>8.1}  {cpu:>5.1}  {pictures:>10.0}  {calls:>7.0}  {call:>11.1}  {failures:>8}"
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Device {
    fn start(program: &str, folder: &Path, seconds: u64) -> Outcome<Self> {
        let file = |name: &str| folder.join(name).display().to_string();
        let (board, policy) = (file("bench.toml"), file("policy.toml"));
        let (store, port) = (file("store"), format!("unix:{}", file("port")));
        let log = std::fs::File::create(folder.join("log"))?;
        let process = Command::new(program)
            .args(["run", "--board", &board, "--policy", &policy, "--store", &store])
            .args([
                "--port",
                &port,
                "--web",
                "127.0.0.1:0",
                "--bench-seconds",
                &seconds.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let mut device = Self { process, address: String::new() };
        while device.address.is_empty() {
            if let Some(status) = device.process.try_wait()? {
                return Err(format!("it ended: {status}").into());
            }
            let log = std::fs::read_to_string(folder.join("log"))?;
            let address = log.split("page: http://").nth(1).and_then(|rest| rest.split_once('/'));
            device.address = address.map(|(address, _)| address.to_owned()).unwrap_or_default();
            thread::sleep(Duration::from_millis(5));
        }
        Ok(device)
    }

    /// The largest resident size, in MiB, and the processor time, in seconds.
    fn used(&self) -> Outcome<(f64, f64)> {
        let of =
            |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", self.process.id()));
        let status = of("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
        let peak: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        let stat = of("stat")?;
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok((peak / 1024.0, ticks / 100.0))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes a board and a policy, and teaches two classes.
fn prepare(program: &str, folder: &Path) -> Outcome<()> {
    let board = "watchdog_ms = 60000\n[camera]\naddress = \"synthetic:\"\nwidth = 320\nheight = 240\nfps = 20\n[pins]\nby = \"none\"\n[outputs]\nreject = { line = \"a\" }\n";
    std::fs::write(folder.join("bench.toml"), board)?;
    let policy = "[[action]]\noutput = \"reject\"\nwhen = [\"scratch\"]\ndo = \"hold\"\n";
    std::fs::write(folder.join("policy.toml"), policy)?;
    let device = Device::start(program, folder, 120)?;
    let mut connection = Connection::open(&device.address)?;
    for class in ["good", "scratch"] {
        let scene = format!("{{\"name\":\"scene\",\"value\":\"{class}\"}}");
        connection.ask("POST", "/api/v1/set", &scene)?;
        thread::sleep(Duration::from_millis(500));
        let teach = format!("{{\"class\":\"{class}\",\"count\":5,\"any\":false}}");
        let (status, answer) = connection.ask("POST", "/api/v1/teach", &teach)?;
        if status != 200 {
            return Err(String::from_utf8_lossy(&answer).into_owned().into());
        }
    }
    Ok(())
}

fn measure(program: &str, folder: &Path, seconds: u64, load: Option<&Arc<Counts>>) -> Outcome<Run> {
    let mut device = Device::start(program, folder, seconds)?;
    let begun = Instant::now();
    let clients = load.map(|counts| clients(&device.address, counts)).unwrap_or_default();
    // What it used is read shortly before it ends.
    let end = Duration::from_secs(seconds).saturating_sub(Duration::from_millis(1500));
    thread::sleep(end.saturating_sub(begun.elapsed()));
    let (peak, cpu) = device.used()?;
    if let Some(counts) = load {
        counts.stop.store(true, Ordering::SeqCst);
    }
    for client in clients {
        client.join().map_err(|_| "a client panicked")?;
    }
    let mut report = String::new();
    let mut stdout = device.process.stdout.take().ok_or("it has an output")?;
    stdout.read_to_string(&mut report)?;
    if !device.process.wait()?.success() {
        let log = std::fs::read_to_string(folder.join("log"))?;
        return Err(format!("the device failed: {log}").into());
    }
    let figure = |name: &str| {
        let line = report.lines().find_map(|line| line.strip_prefix(&format!("output {name}")));
        let figure = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        figure.ok_or_else(|| format!("no output {name} in: {report}"))
    };
    Ok(Run { p50: figure("p50")?, p95: figure("p95")?, peak, cpu })
}

fn clients(address: &str, counts: &Arc<Counts>) -> Vec<thread::JoinHandle<()>> {
    let start = |work: fn(&str, usize, &Counts) -> Outcome<()>, number: usize| {
        let (address, counts) = (address.to_owned(), Arc::clone(counts));
        thread::spawn(move || {
            if let Err(error) = work(&address, number, &counts)
                && !counts.stop.load(Ordering::SeqCst)
            {
                counts.failed(error.to_string());
            }
        })
    };
    let browsers = (0..BROWSERS).flat_map(|number| [start(watch, number), start(listen, number)]);
    browsers.chain((0..CALLERS).map(|number| start(call, number))).collect()
}

/// Keeps a pace: waits until the next is due, without making up for missed ones.
fn pace(due: &mut Instant, interval: Duration) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
    *due = (*due + interval).max(Instant::now());
}

fn watch(address: &str, number: usize, counts: &Counts) -> Outcome<()> {
    let mut connection = Connection::open(address)?;
    let interval = Duration::from_millis(1000 / PICTURES_A_SECOND);
    let mut due = Instant::now() + interval * number as u32 / BROWSERS as u32;
    while !counts.stop.load(Ordering::SeqCst) {
        pace(&mut due, interval);
        let (status, picture) = connection.ask("GET", "/api/v1/picture?after=0", "")?;
        if counts.stop.load(Ordering::SeqCst) {
            break;
        }
        if status == 200 && picture.starts_with(&[0xff, 0xd8]) {
            counts.pictures.fetch_add(1, Ordering::SeqCst);
        } else {
            counts.failed(format!("a picture: {status}"));
        }
    }
    Ok(())
}

fn listen(address: &str, _: usize, counts: &Counts) -> Outcome<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    write!(stream, "GET /api/v1/events HTTP/1.1\r\nhost: {address}\r\n\r\n")?;
    let mut bytes = [0; 16 << 10];
    while !counts.stop.load(Ordering::SeqCst) {
        match stream.read(&mut bytes) {
            Ok(0) => return Err("the events ended".into()),
            Ok(_) => counts.events.fetch_add(1, Ordering::SeqCst),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(())
}

fn call(address: &str, number: usize, counts: &Counts) -> Outcome<()> {
    let mut connection = Connection::open(address)?;
    let interval = Duration::from_millis(1000 * CALLERS as u64 / CALLS_A_SECOND);
    let mut due = Instant::now() + interval * number as u32 / CALLERS as u32;
    for name in CALLS.iter().cycle() {
        if counts.stop.load(Ordering::SeqCst) {
            break;
        }
        pace(&mut due, interval);
        let asked = Instant::now();
        let (status, _) = connection.ask("GET", &format!("/api/v1/{name}"), "")?;
        // The device ends a moment after the clients.
        if counts.stop.load(Ordering::SeqCst) {
            break;
        }
        if status != 200 {
            counts.failed(format!("{name}: {status}"));
        }
        if let Ok(mut calls) = counts.calls.lock() {
            calls.push(asked.elapsed().as_micros() as u64);
        }
    }
    Ok(())
}

/// A connection that is kept.
struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    fn open(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream: BufReader::new(stream), host: address.to_owned() })
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Outcome<(u16, Vec<u8>)> {
        let Self { stream, host } = self;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut length = 0;
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok((status, body))
    }
}
