//! `fieldtune run`: the program that stands on the line.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::args::board::BoardArgs;
use super::args::camera::{CameraArgs, failed};
use super::args::model::ModelArgs;
use super::args::store::StoreArgs;
use super::{Context, Exit, Failed};
use crate::backbone::{Extractor, FeatureSource as _};
use crate::board::address::Address;
use crate::board::outputs::{self, Outputs as _};
use crate::board::policy::Policy;
use crate::board::{self, Board, Lost};
use crate::device::clock::Clock;
use crate::device::controller::{Station, View};
use crate::device::port::Port;
use crate::device::runtime::{self, Ended, HostPaths, Log, LogFormat, Parts, Settings, Stop};
use crate::image::frame::{Frame, Region, Timestamp};
use crate::protocol::access::{Guard, PinLockout};
use crate::protocol::log::Level;
use crate::protocol::people::counted;
use crate::store::FileStore;
use crate::store::persistent::PersistentLearner;
use crate::store::snapshot::ModelId;

/// Run the device: classify frames, drive outputs, learn from buttons and ports
///
/// Frames come from the board's camera; predictions drive its outputs as the policy says; its buttons and every port
/// teach. What was acknowledged, on a port or by the output called "learned", is stored. Every output goes to its safe
/// level when the program ends, however it ends. SIGHUP and the command restart read board and policy
/// again; an invalid file is reported and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune run  this machine's board, console on its serial port
  fieldtune run --camera synthetic: --port stdio:
      without hardware, console on this terminal
  fieldtune run --board my-line.toml --policy my-policy.toml
  fieldtune run --port serial:/dev/ttyAMA0@115200 --port unix:/run/ft.sock
  fieldtune run --camera synthetic: --bench-seconds 20
      print rates and latencies, then stop

Exit status: 0 stopped by request, 2 wrong configuration, 3 a device or a part of the program failed: let \
the supervisor start it again.")]
pub struct RunCommand {
    #[command(flatten)]
    board: BoardArgs,
    /// Policy for outputs and buttons: a name or a file [default: nothing]
    #[arg(long, value_name = "NAME|FILE", env = "FIELDTUNE_POLICY")]
    policy: Option<String>,
    /// Port for people and programs: serial:DEVICE[@BAUD], stdio:, pty: or unix:PATH (4 clients at a
    /// time) (repeatable) [default: the board's serial port]
    #[arg(long, value_name = "ADDRESS")]
    port: Vec<Address>,
    /// Number of frames that predictions are smoothed over
    #[arg(long, default_value_t = 1, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=1000))]
    smoothing: u32,
    /// Format of diagnostics on stderr
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Stop after this time and print rates and latencies
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    bench_seconds: Option<u32>,
    /// Break the promise of the store, so that its tests can be seen to fail
    #[cfg(debug_assertions)]
    #[arg(long, hide = true)]
    acknowledge_early: bool,
    #[command(flatten)]
    camera: CameraArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// A view of what the camera sees; they all look through one backbone.
type Eye = View<Arc<Mutex<Extractor>>, FileStore>;

/// How the device is wired, and what for.
struct Wiring {
    board: Board,
    /// How it was chosen.
    how: String,
    policy: Policy,
}

impl RunCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let mut wiring = self.wiring()?;
        // A new start is no way to try more PINs.
        let tries = Arc::new(Mutex::new(PinLockout::default()));
        loop {
            let clock = Clock::new();
            let log = Arc::new(Log::new(self.log_format, clock));
            let ended = self.once(context, clock, &log, &wiring, &tries)?;
            if self.bench_seconds.is_some() {
                report(&ended);
            }
            match ended.stop {
                Stop::Restart => match self.wiring() {
                    Ok(new) => {
                        wiring = new;
                        log.write(Level::Info, "restarting");
                    }
                    // A slip of the pen must not end what works.
                    Err(error) => {
                        let what = format!("restarting with the previous configuration: {error:#}");
                        log.write(Level::Error, &what);
                    }
                },
                Stop::Asked(why) => {
                    log.write(Level::Info, &why);
                    return Ok(Exit::Done);
                }
                Stop::Failed(why) => {
                    log.write(Level::Error, &why);
                    return Ok(Exit::Device);
                }
            }
        }
    }

    /// Board and policy as they are now.
    fn wiring(&self) -> anyhow::Result<Wiring> {
        let (mut board, how) = self.board.choose()?;
        let policy = match &self.policy {
            Some(asked) => board::read_policy(asked)?,
            None => Default::default(),
        };
        if self.camera.region.is_some() {
            board.regions.clear();
        }
        let place = || format!("policy {}", self.policy.as_deref().unwrap_or("none"));
        board.check_policy(&policy).with_context(place)?;
        Ok(Wiring { board, how, policy })
    }

    fn once(
        &self,
        context: &Context,
        clock: Clock,
        log: &Arc<Log>,
        wiring: &Wiring,
        tries: &Arc<Mutex<PinLockout>>,
    ) -> anyhow::Result<Ended> {
        let Wiring { board, how, policy } = wiring;
        // First of all: from here on every way out leaves them safe.
        let (pins, inputs) = outputs::open(board).context(Failed(Exit::Device))?;
        let mut source = self.model.load(context)?;
        // Also what the first frame would otherwise wait for.
        let judging = time_of_a_frame(&mut source, board)?;
        let views = self.views(source, board, log)?;
        let judging = judging * views.len() as u32;
        let learned = learned(&views);
        let camera = self.camera.open(&board.camera.address, CameraArgs::given(&board.camera));
        let camera = camera.map_err(failed)?;
        let mut station = Station::with_views(
            views,
            camera.name(),
            policy,
            pins.outputs().to_vec(),
            board.heartbeat.as_deref(),
            &board.timings(),
        );
        station.set_smoothing(self.smoothing);
        station.set_image_side(board.images.side);
        station.set_scene(camera.scene());
        station.set_trusted_keys(board.access.trusted_keys.clone());
        let ports = self.ports(board, log, tries)?;
        let watchdog = Duration::from_millis(board.watchdog_ms.into());
        let settings = Settings {
            host: HostPaths {
                temperature: board.temperature.clone(),
                throttled: board.throttled.clone(),
            },
            camera_patience: Duration::from_millis(board.camera.timeout_ms.into()),
            safe_when_lost: board.camera.lost == Lost::Safe,
            frame_patience: watchdog.max(3 * judging),
            end_after: self.bench_seconds.map(|seconds| Duration::from_secs(seconds.into())),
        };
        let told = format!(
            "board {} ({how}): {} with {}, {learned}, {:.1} ms a frame",
            board.name,
            camera.name(),
            station.model_name(),
            judging.as_secs_f64() * 1000.0
        );
        log.write(Level::Info, &told);
        for untaught in station.untaught() {
            log.write(Level::Warning, &untaught);
        }
        let parts = Parts { camera, station, outputs: pins, inputs, ports };
        Ok(runtime::run(parts, &settings, clock, Arc::clone(log), &told))
    }

    /// A view a region, each with what it learned; one view where the board names none, or one was asked for.
    fn views(&self, source: Extractor, board: &Board, log: &Log) -> anyhow::Result<Vec<Eye>> {
        let model = ModelId::of(&source);
        let source = Arc::new(Mutex::new(source));
        let mut used = Vec::new();
        let mut view = |name: Option<&str>, region: Region, store: &StoreArgs| {
            let (learner, mut store, id) = store.open_for(&model)?.into_parts();
            #[cfg(debug_assertions)]
            if self.acknowledge_early {
                store.acknowledge_early();
            }
            if let Some(why) = store.read_only() {
                let what =
                    format!("learning is off: cannot write {}: {why}", store.path().display());
                log.write(Level::Warning, &what);
            }
            store.set_image_budget(u64::from(board.images.budget_mib) << 20);
            used.push(store.path().to_owned());
            let session = PersistentLearner::new(learner, store, id)?;
            Ok(View::new(name, region, session.looking_with(Arc::clone(&source))?))
        };
        let regions: Vec<(&String, &Region)> = board.regions.iter().collect();
        let views = match &regions[..] {
            [] => vec![view(None, self.camera.region.unwrap_or_default(), &self.store)?],
            [(name, region)] => vec![view(Some(name), **region, &self.store)?],
            several => {
                let views = several
                    .iter()
                    .map(|(name, region)| view(Some(name), **region, &self.store.of_region(name)?));
                views.collect::<anyhow::Result<_>>()?
            }
        };
        for other in self.store.unused(&used)? {
            let other = other.display();
            let what = format!("{other} is not used: no region of the board has its name");
            log.write(Level::Warning, &what);
        }
        Ok(views)
    }

    fn ports(
        &self,
        board: &Board,
        log: &Log,
        tries: &Arc<Mutex<PinLockout>>,
    ) -> anyhow::Result<Vec<(Port, Guard)>> {
        let pin = board.access.pin.clone().map(Arc::new);
        let guard = |address: &Address| Guard {
            port: address.to_string(),
            access: board.access.at(address),
            pin: pin.clone(),
            relock_micros: u64::from(board.access.relock_s) * 1_000_000,
            tries: Arc::clone(tries),
        };
        let mut ports = Vec::new();
        for address in &self.port {
            for port in Port::listen(address).context(Failed(Exit::Device))? {
                if let Some(other) = port.other_side() {
                    log.write(Level::Info, &format!("console: {}", other.display()));
                }
                ports.push((port, guard(address)));
            }
        }
        if let (true, Some(serial)) = (self.port.is_empty(), &board.serial) {
            let address = Address::Serial { path: serial.device.clone(), baud: serial.baud };
            match Port::listen(&address) {
                Ok(open) => ports.extend(open.into_iter().map(|port| (port, guard(&address)))),
                // It looks and judges all the same.
                Err(error) => log.write(Level::Warning, &format!("no console: {error}")),
            }
        }
        Ok(ports)
    }
}

/// How much each view knows, in words.
fn learned(views: &[Eye]) -> String {
    let classes = |view: &Eye| {
        let known = counted(view.learner().classes().len(), "class", "classes");
        match view.name() {
            Some(name) if views.len() > 1 => format!("{name}: {known} taught"),
            _ => format!("{known} taught"),
        }
    };
    views.iter().map(classes).collect::<Vec<_>>().join(", ")
}

/// How long the backbone takes for one frame of the camera's size, once it is warm.
fn time_of_a_frame(source: &mut Extractor, board: &Board) -> anyhow::Result<Duration> {
    let (width, height) = (board.camera.width, board.camera.height);
    let pixels = vec![128; width as usize * height as usize * 3];
    let frame = Frame::new(width, height, pixels, Timestamp(0))?;
    source.feature(&frame)?;
    let begun = Instant::now();
    source.feature(&frame)?;
    Ok(begun.elapsed())
}

/// What a measured run reports of its latencies.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("max", 1.0)];

fn report(ended: &Ended) {
    let Ended { frames: (came, dropped), seconds, record, to_pin, .. } = ended;
    let ms = |micros: u64| micros as f64 / 1000.0;
    let rate = |count: u64| count as f64 / seconds;
    println!("seconds            {seconds:.1}");
    println!("frames captured    {came} ({:.1}/s)", rate(*came));
    println!("frames classified  {} ({:.1}/s)", record.judged, rate(record.judged));
    println!("frames dropped     {dropped} (replaced by newer ones)");
    for (name, quantile) in QUANTILES {
        if let Some(age) = record.age_micros(quantile) {
            println!("latency {name}        {:.1} ms (capture to prediction)", ms(age));
        }
    }
    for (name, quantile) in QUANTILES {
        let (whole, rest) = (to_pin.whole.quantile(quantile), to_pin.rest.quantile(quantile));
        if let (Some(whole), Some(rest)) = (whole, rest) {
            let (whole, rest) = (ms(whole), ms(rest));
            println!(
                "output {name}         {whole:.1} ms (capture to output), {rest:.1} ms without the backbone"
            );
        }
    }
}
