//! `fieldtune run`: the program that stands on the line.

use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;

use super::args::board::BoardArgs;
use super::args::camera::{CameraArgs, failed};
use super::args::model::ModelArgs;
use super::args::store::{StoreArgs, of_store};
use super::args::text_model::card_kind;
use super::{Context, Exit, Failed};
use crate::backbone::card::CardKind;
use crate::backbone::{EmbeddingSource, MAX_THREADS, Vectors};
#[cfg(feature = "web")]
use crate::board::WebAddress;
use crate::board::address::Address;
use crate::board::policy::Policy;
use crate::board::{self, Board};
#[cfg(feature = "mqtt")]
use crate::board::{MqttAddress, MqttSettings};
use crate::camera::source;
use crate::device::builder::{BuildError, DeviceBuilder};
use crate::device::clock::Clock;
use crate::device::runtime::{DeviceLog, Ended, LogFormat, Stop};
use crate::device::stores::{self, BoardStore};
use crate::image::frame::FrameKind;
#[cfg(feature = "mqtt")]
use crate::mqtt::{Mqtt, MqttLink};
#[cfg(any(feature = "web", feature = "mqtt"))]
use crate::protocol::access::Access;
use crate::protocol::access::PinLockout;
use crate::protocol::log::Level;
#[cfg(feature = "web")]
use crate::web::{Certificate, Web};

/// Run the device: classify frames, drive outputs, learn from buttons and ports
///
/// Frames come from the board's camera, or are lines of text (--camera lines:); predictions drive its outputs as the policy says; its buttons and every port
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
  fieldtune run --camera sound:synthetic:machine --port stdio:
  journalctl -f -n 0 | fieldtune run --camera lines:- --policy lamp.toml
      a line is a frame; console on the board's serial port
  fieldtune run --camera synthetic: --web 8080
      page at http://127.0.0.1:8080/
  fieldtune run --camera synthetic: --mqtt mqtt://127.0.0.1
      predictions under fieldtune/HOST at a broker
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
    /// Serve the page and the API at this address: IP:PORT, or a port of this machine only [default: web.listen
    /// in the board file]
    #[cfg(feature = "web")]
    #[arg(long, value_name = "ADDRESS")]
    web: Option<WebAddress>,
    /// Publish predictions at this MQTT broker and take requests that only read from there:
    /// mqtt://HOST[:PORT], or mqtts://HOST[:PORT] with TLS [default: mqtt.address in the board file]
    #[cfg(feature = "mqtt")]
    #[arg(long, value_name = "URL")]
    mqtt: Option<String>,
    /// Number of frames that predictions are smoothed over
    #[arg(long, default_value_t = 1, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=1000))]
    smoothing: u32,
    /// Number of threads that share the work of a frame [default: threads of [camera] in the board file, else 2 on ARM
    /// with four cores and more, 1 elsewhere]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_THREADS as i64))]
    threads: Option<u32>,
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

/// How the device is wired, and what for.
struct Wiring {
    board: Board,
    /// How it was chosen.
    how: String,
    policy: Policy,
    #[cfg(feature = "web")]
    certificate: Option<Certificate>,
    #[cfg(feature = "mqtt")]
    mqtt: Option<MqttLink>,
}

impl RunCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let mut wiring = self.wiring()?;
        // A new start is no way to try more PINs.
        let lockout = Arc::new(Mutex::new(PinLockout::default()));
        loop {
            let clock = Clock::new();
            let log = Arc::new(DeviceLog::new(self.log_format, clock));
            let ended = self.once(context, clock, &log, &wiring, &lockout)?;
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
        #[cfg(feature = "web")]
        let certificate = {
            let files = board.web.as_ref().and_then(|web| web.certificate.as_ref());
            files.map(Certificate::read).transpose().context("web.certificate")?
        };
        #[cfg(feature = "mqtt")]
        let mqtt = self.broker(&board)?;
        Ok(Wiring {
            board,
            how,
            policy,
            #[cfg(feature = "web")]
            certificate,
            #[cfg(feature = "mqtt")]
            mqtt,
        })
    }

    fn once(
        &self,
        context: &Context,
        clock: Clock,
        log: &Arc<DeviceLog>,
        wiring: &Wiring,
        lockout: &Arc<Mutex<PinLockout>>,
    ) -> anyhow::Result<Ended> {
        let Wiring { board, how, policy, .. } = wiring;
        let camera = self.camera.camera.as_deref().unwrap_or(&board.camera.address);
        // First of all: from here on every way out leaves the outputs safe.
        let mut builder = DeviceBuilder::open(board.clone(), policy.clone())
            .map_err(not_built)?
            .chosen(how)
            .policy_source(self.policy.as_deref())
            .camera_at(camera, self.camera.wanted(board.camera.wanted()))
            .smoothing(self.smoothing)
            .lockout(Arc::clone(lockout))
            .log(clock, Arc::clone(log));
        if let Some(region) = self.camera.region {
            builder = builder.region(region);
        }
        if let Some(seconds) = self.bench_seconds {
            builder = builder.end_after(Duration::from_secs(seconds.into()));
        }
        for address in &self.port {
            builder = builder.port(address.clone());
        }
        #[cfg(feature = "web")]
        {
            builder = self.with_page(wiring, builder, log)?;
        }
        #[cfg(feature = "mqtt")]
        if let Some(link) = &wiring.mqtt {
            warn_of_requests(link, log);
            let mqtt = Mqtt::new(link.clone());
            let access = mqtt.access();
            builder = builder.service(mqtt, access);
        }
        #[cfg(debug_assertions)]
        if self.acknowledge_early {
            builder = builder.acknowledge_early();
        }
        // Several stores share a backbone without blocks. What is wrong with the store is said when it is opened.
        let stores = stores::of_board(&self.store.path()?, board);
        let tail = match stores.iter().filter(|one| !one.is_sense).count() {
            1 => self.store.tail().ok().flatten(),
            _ => None,
        };
        for of in stores.iter().filter(|one| one.is_sense) {
            builder = self.with_sense(board, of, builder, context)?;
        }
        Vectors::chosen().with_threads(self.threads(board)).choose();
        let model = self.backbone(board)?;
        if source::kind_of(camera) == FrameKind::Text {
            let device = builder.build(model.text_encoder()?, self.store.path()?);
            return Ok(device.map_err(not_built)?.run());
        }
        let kind = source::kind_of(camera);
        refuse_eyes(&model, kind, camera)?;
        let model = model.looking_at(kind);
        let backbone = model.load_with(tail.as_ref(), context)?;
        let builder = match backbone {
            EmbeddingSource::Samples(_) => builder,
            _ => {
                builder.backbone_files(move || model.files().map_err(|error| format!("{error:#}")))
            }
        };
        let device = builder.build(backbone, self.store.path()?).map_err(not_built)?;
        Ok(device.run())
    }

    /// With the backbone of a sense beside the camera.
    fn with_sense(
        &self,
        board: &Board,
        of: &BoardStore,
        builder: DeviceBuilder,
        context: &Context,
    ) -> anyhow::Result<DeviceBuilder> {
        let named = of.name.as_deref().and_then(|name| Some((name, board.senses.get(name)?)));
        let Some((name, sense)) = named else { return Ok(builder) };
        let mut model = ModelArgs::named(sense.backbone.as_deref());
        let kind = source::kind_of(&sense.camera.address);
        let place = || format!("sense {name}");
        if kind == FrameKind::Text {
            return Ok(builder.sense(name, model.text_encoder().with_context(place)?));
        }
        model = model.of_stores(std::slice::from_ref(&of.path)).looking_at(kind);
        refuse_eyes(&model, kind, &sense.camera.address).with_context(place)?;
        Ok(builder.sense(name, model.load(context).with_context(place)?))
    }

    /// Threads that share the work of a frame.
    fn threads(&self, board: &Board) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        // A frame of a fast core is done before another thread is awake.
        let usual = if cfg!(target_arch = "aarch64") && cores >= 4 { 2 } else { 1 };
        self.threads.map(|threads| threads as usize).or(board.camera.threads).unwrap_or(usual)
    }

    /// The built-in network as a region's store was taught with it; else what the board names, if none is named here.
    fn backbone(&self, board: &Board) -> anyhow::Result<ModelArgs> {
        let store = self.store.path()?;
        let of_board = stores::of_board(&store, board).into_iter();
        let of_board = of_board.filter(|one| !one.is_sense).map(|one| one.path);
        let paths: Vec<_> = std::iter::once(store.clone()).chain(of_board).collect();
        let mut model = self.model.of_stores(&paths);
        // One that looks at images is not meant for lines, and the other way round; of sounds one may see their pictures.
        let camera = self.camera.camera.as_deref().unwrap_or(&board.camera.address);
        let kind = source::kind_of(camera);
        let is_meant = |named: &&String| match card_kind(Path::new(named)) {
            Some(CardKind::Text) => kind == FrameKind::Text,
            Some(CardKind::Sound) => kind == FrameKind::Sound,
            _ => kind != FrameKind::Text,
        };
        if let Some(named) = board.backbone.as_ref().filter(|_| model.is_default()).filter(is_meant)
        {
            model.model.clone_from(named);
        }
        Ok(model)
    }
}

#[cfg(feature = "web")]
impl RunCommand {
    /// With the page, where it is asked for here or in the board's file.
    fn with_page(
        &self,
        wiring: &Wiring,
        builder: DeviceBuilder,
        log: &DeviceLog,
    ) -> anyhow::Result<DeviceBuilder> {
        let board = &wiring.board;
        let of_board = board.web.as_ref();
        let Some(address) = self.web.or(of_board.map(|web| web.listen)) else {
            return Ok(builder);
        };
        let names = of_board.map(|web| web.names.clone()).unwrap_or_default();
        let access = of_board.map_or(board.access.ports, |web| web.access);
        if access == Access::Full && !address.is_local() {
            let what = format!(
                "page {address}: anyone on the network may teach, forget and switch outputs without a PIN; next: access = \"locked\" in [web] of the board's file, with what fieldtune pin prints, or --web {} for this machine only",
                address.0.port()
            );
            log.write(Level::Warning, &what);
        }
        let page = Web::listen(address, &names).context(Failed(Exit::Device))?;
        let page = page
            .certificate(wiring.certificate.clone())
            .announce(of_board.is_none_or(|web| web.announce));
        Ok(builder.service(page, access))
    }
}

#[cfg(feature = "mqtt")]
impl RunCommand {
    /// The broker that is named here or in the board's file.
    fn broker(&self, board: &Board) -> anyhow::Result<Option<MqttLink>> {
        let of_board = board.mqtt.clone();
        let settings = match &self.mqtt {
            // It is read here: a message about a wrong value would repeat a password in it.
            Some(url) => {
                let address: MqttAddress = url.parse().context("--mqtt")?;
                let usual = of_board.unwrap_or_else(|| MqttSettings::at(address.clone()));
                Some(MqttSettings { address, ..usual })
            }
            None => of_board,
        };
        Ok(settings.as_ref().map(MqttLink::read).transpose()?)
    }
}

/// A network that hears goes with what is heard.
fn refuse_eyes(model: &ModelArgs, kind: FrameKind, camera: &str) -> anyhow::Result<()> {
    if model.sound_window().is_kept && kind != FrameKind::Sound {
        anyhow::bail!(
            "{}: the network hears, wanted a camera that hears, got {camera}\n  next: --camera sound:SOURCE",
            model.model
        );
    }
    Ok(())
}

#[cfg(feature = "mqtt")]
fn warn_of_requests(link: &MqttLink, log: &DeviceLog) {
    if link.settings().requests == Some(Access::Full) {
        let what = format!(
            "mqtt: whatever may publish at {}/request may teach, forget and switch outputs without a PIN; next: let the broker allow that to few, or requests = \"locked\" in [mqtt] of the board's file",
            link.topic()
        );
        log.write(Level::Warning, &what);
    }
}

/// The error with its exit status and the next step.
fn not_built(error: BuildError) -> anyhow::Error {
    match error {
        BuildError::Pin(error) => anyhow::Error::new(error).context(Failed(Exit::Device)),
        BuildError::Port(error) => anyhow::Error::new(error).context(Failed(Exit::Device)),
        BuildError::Camera(error) => failed(error),
        BuildError::Learned { path, error } => of_store(error, &path),
        error => error.into(),
    }
}

/// What a measured run reports of its latencies.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("max", 1.0)];

fn report(ended: &Ended) {
    let Ended { frames: (came, dropped), seconds, record, to_pin, .. } = ended;
    let ms = |micros: u64| micros as f64 / 1000.0;
    let rate = |count: u64| count as f64 / seconds;
    println!("seconds            {seconds:.1}");
    println!("frames captured    {came} ({:.1}/s)", rate(*came));
    println!("frames classified  {} ({:.1}/s)", record.classified, rate(record.classified));
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
