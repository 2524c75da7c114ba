//! A device from its parts: board, policy, camera, backbone, store, ports.

mod lines;
mod senses;
mod timing;
mod views;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::backbone::{BackboneFiles, EmbeddingSource, ExtractError, FeatureSource as _};
use crate::board::address::Address;
use crate::board::outputs::{self, GpioError, InputDriver, OutputDriver as _, SafeOutputs};
use crate::board::policy::Policy;
use crate::board::{Board, BoardError, PolicySource};
use crate::camera::source::{AnyCamera, CaptureSettings};
use crate::camera::{Camera, CameraError};
use crate::device::clock::Clock;
use crate::device::controller::{Background, Latest, SharedInbox, Station, View, ViewLearner};
use crate::device::port::{Port, PortError};
use crate::device::runtime::{
    self, DeviceLog, Ended, HostPaths, LogFormat, Parts, RuntimeSettings,
};
use crate::device::service::Service;
use crate::device::tuning::BackboneReader;
use crate::image::frame::{FrameError, Region};
use crate::protocol::access::{Access, Guard, PinLockout};
use crate::protocol::log::Level;
use crate::store::inbox::InboxFile;
use crate::store::persistent::PersistError;
use crate::store::{FileStore, StoreError};
use timing::time_of_a_frame;

/// Regions take turns with one backbone.
type SharedSource = Arc<Mutex<Latest<EmbeddingSource>>>;

/// What was learned of a region, or of several.
type LearnerOfViews = ViewLearner<SharedSource, FileStore>;

/// What is looked at, and what was learned of it.
type Observed = (Vec<LearnerOfViews>, Vec<View>);

/// The files of the regions' inboxes.
type RegionInboxes = Vec<(InboxFile, Arc<SharedInbox>)>;

/// Builds a [`Device`]. It has the board's pins from the start, and every way out leaves the outputs at their safe level.
///
/// ```
/// use std::time::Duration;
///
/// use fieldtune::backbone::Extractor;
/// use fieldtune::backbone::card::{ModelCard, built_in};
/// use fieldtune::board::{self, Board};
/// use fieldtune::camera::Synthetic;
/// use fieldtune::device::builder::DeviceBuilder;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("learned.ftune");
/// let board = Board::choose(Some("sim"), None)?; // or a file of yours
/// let policy = board::read_policy("policy-reject")?;
/// let builder = DeviceBuilder::open(board, policy)?
///     .camera(Synthetic::new(1)) // any `Camera`; without one, the board's
///     .port("pty:".parse()?) // without one, the board's serial port
///     .end_after(Duration::from_secs(1));
///
/// let card = ModelCard::named(built_in::NAME)?;
/// let backbone = Extractor::load(&card.network(None)?, &card.name, &card.spec)?;
/// let device = builder.build(backbone, path)?;
/// assert!(device.summary().contains("0 classes taught"));
///
/// let ended = device.run();
/// assert!(ended.frames.0 > 0, "{ended:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "call `build`"]
pub struct DeviceBuilder {
    board: Board,
    policy: Policy,
    policy_source: Option<String>,
    pins: (SafeOutputs, Box<dyn InputDriver>),
    chosen: Option<String>,
    backbone_files: Option<BackboneReader>,
    camera: ChosenCamera,
    senses: BTreeMap<String, EmbeddingSource>,
    region: Option<Region>,
    ports: Vec<Address>,
    services: Vec<(Box<dyn Service>, Access)>,
    smoothing: u32,
    end_after: Option<Duration>,
    lockout: Arc<Mutex<PinLockout>>,
    clock: Clock,
    log: Option<Arc<DeviceLog>>,
    #[cfg(debug_assertions)]
    acknowledge_early: bool,
}

/// Where frames come from.
enum ChosenCamera {
    OfTheBoard,
    At(String, CaptureSettings),
    Given(AnyCamera),
}

/// Why a device cannot be built; its outputs are at their safe level.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The board does not have what the policy names.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A pin cannot be had.
    #[error(transparent)]
    Pin(#[from] GpioError),
    /// The backbone gives no embedding.
    #[error(transparent)]
    Backbone(#[from] ExtractError),
    /// A sense of the board has none.
    #[error(
        "sense {sense} of the board has no backbone\n  next: DeviceBuilder::sense(\"{sense}\", ...)"
    )]
    NoBackbone {
        /// Its name.
        sense: String,
    },
    /// The files of the backbone cannot be read.
    #[error("{0}")]
    BackboneFiles(String),
    /// The board's camera is to give frames of a size that cannot be.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What a store holds cannot be used, for instance since it was taught with another backbone.
    #[error("{}: {error}", .path.display())]
    Learned {
        /// The store.
        path: PathBuf,
        /// What is wrong with it.
        error: PersistError,
    },
    /// The camera cannot be opened.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// A port cannot be opened.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A port is where lines of text come from.
    #[error(
        "{port}: lines are read there (--camera {camera})\n  next: another port, such as --port unix:PATH"
    )]
    SharedLine {
        /// The port.
        port: Address,
        /// The camera's address.
        camera: String,
    },
}

impl DeviceBuilder {
    /// Takes the board's pins; the outputs are at their safe level then.
    ///
    /// # Errors
    /// [`BuildError::Board`] if the policy names what the board does not have; [`BuildError::Pin`].
    pub fn open(board: Board, policy: Policy) -> Result<Self, BuildError> {
        board.check_policy(&policy)?;
        let pins = outputs::open(&board)?;
        Ok(Self {
            board,
            policy,
            policy_source: None,
            pins,
            chosen: None,
            backbone_files: None,
            camera: ChosenCamera::OfTheBoard,
            senses: BTreeMap::new(),
            region: None,
            ports: Vec::new(),
            services: Vec::new(),
            smoothing: 1,
            end_after: None,
            lockout: Arc::default(),
            clock: Clock::new(),
            log: None,
            #[cfg(debug_assertions)]
            acknowledge_early: false,
        })
    }

    /// How the board was chosen, for the log.
    pub fn chosen(mut self, how: impl Into<String>) -> Self {
        self.chosen = Some(how.into());
        self
    }

    /// What [`crate::board::read_policy`] was asked for: where it is a file, it can be changed through ports.
    pub fn policy_source(mut self, asked: Option<&str>) -> Self {
        self.policy_source = asked.map(str::to_owned);
        self
    }

    /// An open camera instead of the board's.
    pub fn camera(mut self, camera: impl Camera + Send + 'static) -> Self {
        self.camera = ChosenCamera::Given(Box::new(camera));
        self
    }

    /// The camera at an address, as for [`open`](crate::camera::source::open), instead of the board's; [`CameraSettings::wanted`] is what the
    /// board wants of its own.
    ///
    /// [`CameraSettings::wanted`]: crate::board::CameraSettings::wanted
    pub fn camera_at(mut self, address: impl Into<String>, wanted: CaptureSettings) -> Self {
        self.camera = ChosenCamera::At(address.into(), wanted);
        self
    }

    /// The part of a frame that is classified, instead of the board's regions or, where it names none, of whole frames.
    pub fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self.board.regions.clear();
        self.board.heads.clear();
        self
    }

    /// A port for people and programs (repeatable); without any, the board's serial port.
    pub fn port(mut self, address: Address) -> Self {
        self.ports.push(address);
        self
    }

    /// What serves people and programs beside the ports (repeatable).
    ///
    /// * `access`: what its clients may do; where it is [`Access::Locked`], the board's PIN unlocks the rest.
    pub fn service(mut self, service: impl Service + 'static, access: Access) -> Self {
        self.services.push((Box::new(service), access));
        self
    }

    /// The number of frames that predictions are smoothed over, at least 1 (the default).
    pub fn smoothing(mut self, frames: u32) -> Self {
        self.smoothing = frames;
        self
    }

    /// Where the files of the backbone are, which is read again where other last blocks are wanted: to fine-tune, to go back
    /// over that, and for regions whose stores have blocks of their own. Without it, that is refused.
    ///
    /// * `read`: an error is in words.
    pub fn backbone_files(
        mut self,
        read: impl Fn() -> Result<BackboneFiles, String> + Send + Sync + 'static,
    ) -> Self {
        self.backbone_files = Some(Arc::new(read));
        self
    }

    /// Stops by itself after that time.
    pub fn end_after(mut self, time: Duration) -> Self {
        self.end_after = Some(time);
        self
    }

    /// The wrong PINs so far. A program that builds one device after another keeps it: a restart is no way to try more.
    pub fn lockout(mut self, lockout: Arc<Mutex<PinLockout>>) -> Self {
        self.lockout = lockout;
        self
    }

    /// The device's clock and its log; without them, a new clock and text on stderr.
    pub fn log(mut self, clock: Clock, log: Arc<DeviceLog>) -> Self {
        self.clock = clock;
        self.log = Some(log);
        self
    }

    /// Breaks the promise of the store, so that its tests can be seen to fail.
    #[cfg(debug_assertions)]
    #[doc(hidden)]
    pub fn acknowledge_early(mut self) -> Self {
        self.acknowledge_early = true;
        self
    }

    /// Measures the backbone, opens stores, camera and ports.
    ///
    /// * `backbone`: an [`Extractor`](crate::backbone::Extractor); with a camera that gives lines of text a
    ///   [`TextEncoder`](crate::backbone::TextEncoder).
    /// * `store`: the file that keeps what is learned, made if it is not there; of several regions each has one beside it,
    ///   see [`of_region`](crate::device::stores::of_region).
    ///
    /// # Errors
    /// All of [`BuildError`]. The outputs stay at their safe level, and nothing that was learned changes.
    pub fn build(
        mut self,
        backbone: impl Into<EmbeddingSource>,
        store: impl AsRef<Path>,
    ) -> Result<Device, BuildError> {
        let mut backbone = backbone.into();
        self.refuse_parts_of_lines(&backbone)?;
        let (clock, log) = (self.clock, self.log.take());
        let services = std::mem::take(&mut self.services);
        let background = self.backbone_files.clone();
        let log = log.unwrap_or_else(|| Arc::new(DeviceLog::new(LogFormat::Text, clock)));
        // Also what the first frame would otherwise wait for.
        let threads = backbone.threads();
        let window = backbone.sound_window();
        let inference = time_of_a_frame(&mut backbone, &self.board.camera)?;
        let mut senses = self.take_senses()?;
        let of_senses = self.time_of_senses(&mut senses)?;
        let windows = std::iter::once(window).chain(senses.iter().map(|one| one.sound_window()));
        let windows: Vec<_> = windows.collect();
        let (views, inboxes) = self.views(backbone, senses, store.as_ref(), &log)?;
        let inference = inference * self.parts() as u32;
        let learned = views::learned(&views.0);
        self.refuse_shared_lines()?;
        let sources = self.open_sources(windows)?;
        let board = &self.board;
        let mut station = Station::with_views(
            views,
            sources[0].0.name(),
            &self.policy,
            self.pins.0.outputs().to_vec(),
            board.heartbeat.as_deref(),
            &board.timings(),
        );
        station.set_workers(runtime::at_leisure);
        if let Some(read) = background {
            let folder = store.as_ref().parent().filter(|folder| !folder.as_os_str().is_empty());
            let scratch = folder.unwrap_or(Path::new("."));
            let (start, room) = (runtime::at_leisure, runtime::room);
            station.set_background(Background::new(read, start, room, scratch));
        }
        station.set_smoothing(self.smoothing);
        station.set_image_side(board.images.side);
        for (place, (source, _)) in sources.iter().enumerate() {
            station.set_camera(place, &**source);
        }
        station.set_trusted_keys(board.access.trusted_keys.clone());
        let ports = self.open_ports(&log)?;
        let services = services.into_iter().map(|(service, access)| {
            let guard = self.guard(service.name(), access);
            (service, guard)
        });
        let services = services.collect();
        let watchdog = Duration::from_millis(board.watchdog_ms.into());
        let settings = RuntimeSettings {
            host: HostPaths {
                temperature: board.temperature.clone(),
                throttled: board.throttled.clone(),
            },
            frame_patience: watchdog.max(3 * inference.max(of_senses)),
            end_after: self.end_after,
        };
        let chosen = self.chosen.as_ref().map(|how| format!(" ({how})")).unwrap_or_default();
        let shared = match threads {
            1 => String::new(),
            several => format!(" on {several} threads"),
        };
        let summary = format!(
            "board {}{chosen}: {} with {}, {learned}, {:.1} ms a frame{shared}",
            board.name,
            senses::names(&sources),
            station.model_name(),
            inference.as_secs_f64() * 1000.0
        );
        log.write(Level::Info, &summary);
        for untaught in station.untaught() {
            log.write(Level::Warning, &untaught);
        }
        let policy = PolicySource::new(self.policy_source.as_deref(), self.board);
        let (outputs, inputs) = self.pins;
        let parts = Parts { sources, station, policy, outputs, inputs, ports, services, inboxes };
        Ok(Device { parts, settings, clock, log, summary })
    }

    fn guard(&self, port: String, access: Access) -> Guard {
        let settings = &self.board.access;
        Guard {
            port,
            access,
            pin: settings.pin.clone().map(Arc::new),
            relock_micros: u64::from(settings.relock_s) * 1_000_000,
            lockout: Arc::clone(&self.lockout),
        }
    }

    fn open_ports(&self, log: &DeviceLog) -> Result<Vec<(Port, Guard)>, PortError> {
        let guard =
            |address: &Address| self.guard(address.to_string(), self.board.access.at(address));
        let mut ports = Vec::new();
        for address in &self.ports {
            for port in Port::listen(address)? {
                if let Some(other) = port.other_side() {
                    log.write(Level::Info, &format!("console: {}", other.display()));
                }
                ports.push((port, guard(address)));
            }
        }
        if let (true, Some(serial)) = (self.ports.is_empty(), &self.board.serial) {
            let address = Address::Serial { path: serial.device.clone(), baud: serial.baud };
            match Port::listen(&address) {
                Ok(open) => ports.extend(open.into_iter().map(|port| (port, guard(&address)))),
                // It classifies all the same.
                Err(error) => log.write(Level::Warning, &format!("no console: {error}")),
            }
        }
        Ok(ports)
    }
}

/// A device that is ready to run.
#[must_use = "call `run`"]
pub struct Device {
    parts: Parts<SharedSource, FileStore>,
    settings: RuntimeSettings,
    clock: Clock,
    log: Arc<DeviceLog>,
    summary: String,
}

impl Device {
    /// Board, camera, backbone and what was taught, in a line.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Runs until a signal, a request, the end of a recording or a fault stops it, see [`runtime::run`]; every output is at
    /// its safe level afterwards.
    pub fn run(self) -> Ended {
        let Self { parts, settings, clock, log, summary } = self;
        runtime::run(parts, &settings, clock, log, &summary)
    }
}
