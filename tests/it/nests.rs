//! Nests that share a head, and a region that follows its part.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldtune::backbone::{ExtractError, FeatureSource};
use fieldtune::board::policy::Policy;
use fieldtune::device::controller::{Effects, Station, Ticket, View, ViewLearner};
use fieldtune::image::frame::{Frame, Region, Timestamp};
use fieldtune::image::picture;
use fieldtune::learn::engine::Engine;
use fieldtune::protocol::request::{self, Answer, Request};
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::snapshot::ModelId;
use fieldtune::store::{DiskStore, MemoryDisk, Store as _};

/// Sees the mean of red, green and blue.
struct Colour;

impl FeatureSource for Colour {
    fn dim(&self) -> usize {
        3
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        let mut sums = [0.0f32; 3];
        for pixel in frame.pixels().chunks_exact(3) {
            sums.iter_mut().zip(pixel).for_each(|(sum, level)| *sum += f32::from(*level));
        }
        let length = sums.iter().map(|sum| sum * sum).sum::<f32>().sqrt().max(1e-6);
        Ok(sums.iter().map(|sum| sum / length).collect())
    }
}

/// Three nests that share a head, and a lamp with its own.
struct Tray {
    station: Station<Colour, DiskStore>,
    now: u64,
}

/// A frame whose quarters have these colours, from left to right.
fn quarters(colours: [[u8; 3]; 4], now: u64) -> Frame {
    let row: Vec<u8> = colours.iter().flat_map(|colour| colour.repeat(8)).collect();
    Frame::new(32, 8, row.repeat(8), Timestamp(now)).expect("the sides fit")
}

const RED: [u8; 3] = [200, 20, 20];
const GREEN: [u8; 3] = [20, 200, 20];
const BLUE: [u8; 3] = [20, 20, 200];

impl Tray {
    fn new() -> Self {
        let learner = |name: &str| {
            let mut store = DiskStore::new(Arc::new(MemoryDisk::default()), "memory");
            store.load().expect("an empty disk");
            let model = ModelId { name: "colour".to_owned(), fingerprint: [1; 32], dim: 3 };
            let engine = Engine::new(Colour, persistent::empty(&model).expect("three values"));
            let persistent = PersistentLearner::new(engine.expect("as long"), store, model);
            ViewLearner::new(Some(name), persistent.expect("the same backbone"))
        };
        let quarter = |x| Region::Fractions { x, y: 0.0, width: 0.25, height: 1.0 };
        let views = vec![
            View::new(Some("lamp"), quarter(0.75), 0),
            View::new(Some("nest-1"), quarter(0.0), 1),
            View::new(Some("nest-2"), quarter(0.25), 1),
            View::new(Some("nest-3"), quarter(0.5), 1),
        ];
        let views = (vec![learner("lamp"), learner("nests")], views);
        let (policy, timings) = (Policy::default(), BTreeMap::new());
        let station = Station::with_views(views, "test", &policy, Vec::new(), None, &timings);
        Self { station, now: 0 }
    }

    /// What each region is taken for.
    fn sees(&mut self, colours: [[u8; 3]; 4]) -> Vec<String> {
        self.now += 1_000_000;
        let (mut effects, now) = (Effects::default(), Timestamp(self.now));
        self.station.frame(quarters(colours, self.now), now, || now, &mut effects);
        let told = effects.classifications.into_iter();
        let told = told.map(|one| {
            format!("{}={}", one.region.unwrap_or_default(), one.class.unwrap_or_default())
        });
        told.collect()
    }

    fn ask(&mut self, region: &str, request: impl Into<Request>) -> Answer {
        let request = match region {
            "" => request.into(),
            region => request::Of::new(region.to_owned(), request.into()).into(),
        };
        let mut effects = Effects::default();
        self.station.request(Ticket(1), request, Timestamp(self.now), &mut effects);
        effects.answers.pop().expect("an answer").1.expect("it is done").plain().clone()
    }

    /// The number of the newest frame.
    fn latest(&mut self, region: &str) -> u64 {
        let few = request::RecentFew { unsure_first: false, most: 1 };
        let Answer::Recent(frames) = self.ask(region, few) else { panic!("no frames") };
        frames[0].number
    }

    /// What was looked at in it.
    fn latest_part(&mut self, region: &str) -> Frame {
        let frame = self.latest(region);
        let Answer::Picture { file, .. } = self.ask(region, request::RecentPicture { frame })
        else {
            panic!("no picture")
        };
        picture::decode(&file, "the part", Timestamp(0)).expect("a picture")
    }

    /// As the newest frame shows it.
    fn teach_latest(&mut self, region: &str, class: &str) {
        let frames = vec![self.latest(region)];
        self.ask(region, request::TeachFrames { class: class.to_owned(), frames });
    }

    fn teach(&mut self, region: &str, class: &str, colours: [[u8; 3]; 4]) {
        self.sees(colours);
        self.teach_latest(region, class);
    }
}

#[test]
fn nests_that_share_a_head_learn_from_each_other() {
    let mut tray = Tray::new();
    tray.teach("nest-1", "ok", [RED, GREEN, BLUE, BLUE]);
    tray.teach("nest-3", "bad", [RED, RED, GREEN, BLUE]);
    tray.teach("lamp", "on", [RED, RED, RED, GREEN]);
    let seen = tray.sees([GREEN, RED, GREEN, GREEN]);
    assert_eq!(seen, ["lamp=on", "nest-1=bad", "nest-2=ok", "nest-3=bad"]);
    let Answer::Status { device, .. } = tray.ask("", request::GetStatus) else { panic!("status") };
    let figure =
        |name: &str| device.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str());
    assert_eq!(figure("nests_classes"), Some("2"), "{device:?}");
    assert_eq!((figure("lamp_examples"), figure("nest-1_classes")), (Some("1"), None));
    // What one taught, any of them takes back.
    tray.ask("nest-2", request::Forget::Class("bad".to_owned()));
    let seen = tray.sees([RED, RED, RED, GREEN]);
    assert_eq!(seen[1..], ["nest-1=ok", "nest-2=ok", "nest-3=ok"]);
}

#[test]
fn doubtful_nests_wait_in_one_inbox() {
    let mut tray = Tray::new();
    for class in [("ok", RED), ("bad", GREEN)] {
        tray.teach("nest-1", class.0, [class.1, RED, RED, BLUE]);
    }
    // Two of them, in one frame, each a look of its own.
    let doubtful = [[200, 190, 20], RED, [20, 20, 210], BLUE];
    for _ in 0..2 {
        tray.sees(doubtful);
    }
    tray.sees([RED, RED, RED, BLUE]);
    tray.now += 5_000_000;
    tray.sees([RED, RED, RED, BLUE]);
    let Answer::Inbox(frames) = tray.ask("nest-2", request::Inbox) else { panic!("inbox") };
    assert_eq!(frames.len(), 2, "{frames:?}");
}

/// A plate with a notch, moved and turned, whose upper half has a colour: no other pixel does.
fn plate(x: f32, y: f32, degrees: f32, colour: [u8; 3], now: u64) -> Frame {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let mut pixels = Vec::new();
    for row in 0..120 {
        for column in 0..160 {
            let (across, down) = (column as f32 - 79.5 - x, row as f32 - 59.5 - y);
            let (u, v) = (across * cos + down * sin, -across * sin + down * cos);
            let is_plate = u.abs() < 30.0 && v.abs() < 20.0 && !(u > 15.0 && v > 5.0);
            pixels.extend(match (is_plate, v < 0.0) {
                (true, true) => colour,
                (true, false) => [160; 3],
                (false, _) => [60; 3],
            });
        }
    }
    Frame::new(160, 120, pixels, Timestamp(now)).expect("the sides fit")
}

/// Mean of all pixels, in grey levels.
fn difference(a: &Frame, b: &Frame) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let pairs = a.pixels().iter().zip(b.pixels());
    pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.pixels().len() as f64
}

#[test]
fn a_region_follows_its_part() {
    let mut tray = Tray::new();
    let show = |tray: &mut Tray, frame: Frame| {
        tray.now += 1_000_000;
        let (mut effects, now) = (Effects::default(), Timestamp(tray.now));
        tray.station.frame(frame, now, || now, &mut effects);
        effects.classifications.into_iter().find(|one| one.region.as_deref() == Some("lamp"))
    };
    let region = Region::Pixels { x: 40, y: 30, width: 80, height: 60 };
    let follow = |tray: &mut Tray, on| match tray.ask("lamp", request::Follow { on }) {
        Answer::Settings(pairs) => BTreeMap::from_iter(pairs),
        other => panic!("follow answers settings, not {other:?}"),
    };
    show(&mut tray, plate(0.0, 0.0, 0.0, RED, 0));
    tray.ask("lamp", request::SetRegion(Some(region)));
    assert_eq!(follow(&mut tray, None)["follow"], "off");
    assert_eq!(follow(&mut tray, Some(true))["follow"], "on");
    for (class, colour) in [("red", RED), ("green", GREEN)] {
        show(&mut tray, plate(0.0, 0.0, 0.0, colour, 0));
        tray.teach_latest("lamp", class);
    }
    let taught = tray.latest_part("lamp");
    // As far away as that, half of it is outside the region: seen as if it lay there, it is what it was.
    for (x, y, degrees) in [(30.0, 12.0, 0.0), (-25.0, -14.0, 20.0), (8.0, 3.0, -25.0)] {
        let seen = show(&mut tray, plate(x, y, degrees, GREEN, 0)).expect("a verdict");
        assert_eq!(seen.class.as_deref(), Some("green"), "{x} {y} {degrees}: {seen:?}");
        let difference = difference(&taught, &tray.latest_part("lamp"));
        assert!(difference < 6.0, "{x} {y} {degrees}: {difference} grey levels");
        let told = follow(&mut tray, None);
        assert_eq!(told["found"], "true", "{told:?}");
        for (name, wanted) in [("right", x), ("down", y), ("turned", degrees)] {
            let got: f32 = told[name].parse().expect("a number");
            assert!((got - wanted).abs() < 1.0, "{name}: {got}, wanted {wanted}");
        }
    }
    let Answer::Status { device, .. } = tray.ask("", request::GetStatus) else { panic!("status") };
    assert!(
        device.iter().any(|(name, value)| name == "lamp_follow" && value.contains("px")),
        "{device:?}"
    );
    // An empty bench: the region stays where it was.
    show(&mut tray, plate(500.0, 0.0, 0.0, RED, 0));
    let told = follow(&mut tray, None);
    assert!(told.get("found").is_none_or(|found| found == "false"), "{told:?}");
    // Another region shows another part.
    tray.ask("lamp", request::SetRegion(Some(Region::Whole)));
    assert_eq!(follow(&mut tray, None)["follow"], "off");
}
