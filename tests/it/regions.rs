//! Several regions of one camera: what policies say of them, and how they are asked for at a console.

use crate::common::device;

use std::collections::BTreeMap;
use std::sync::Arc;

use device::{FakeDevice, Kept};
use fieldtune::backbone::{ExtractError, FeatureSource};
use fieldtune::board::policy::Policy;
use fieldtune::board::{Board, MAX_REGIONS, policy_from_toml};
use fieldtune::device::controller::{Effects, Station, Ticket, View, ViewLearner};
use fieldtune::device::stores;
use fieldtune::image::frame::{Frame, Region, Timestamp};
use fieldtune::learn::engine::Engine;
use fieldtune::protocol::console::{self, Entry};
use fieldtune::protocol::request::{self, Answer, Request};
use fieldtune::protocol::session::Session;
use fieldtune::protocol::wire::{self, WireError};
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::snapshot::ModelId;
use fieldtune::store::{DiskStore, MemoryDisk, Store as _};

const BOARD: &str = r#"
about = "A bench"

[camera]
address = "synthetic:"
width = 32
height = 32
fps = 10

[pins]
by = "none"

[outputs]
gate = { line = "gate" }

[inputs]
button = { line = "button" }

[facts]
assumed = ["nothing"]
"#;

#[test]
fn a_policy_says_which_of_several_regions_it_means() {
    let board = |names: &[&str]| {
        let regions = names.iter().map(|name| ((*name).to_owned(), Region::Whole)).collect();
        Board { regions, ..Board::parse(BOARD, "bench.toml").expect("it is valid") }
    };
    let (none, one, two) = (board(&[]), board(&["left"]), board(&["left", "right"]));
    let hold = "[[action]]\noutput = \"gate\"\nwhen = [\"a\"]\ndo = \"hold\"\n";
    let of = |region: &str| format!("region = \"{region}\"\n");
    let teach = "[buttons.button]\nteach = \"a\"\n";
    let cases = [
        (&none, hold.to_owned(), ""),
        (&none, hold.to_owned() + &of("left"), "which the board bench lacks: it has none"),
        (&one, hold.to_owned() + &of("left") + teach, ""),
        (&two, hold.to_owned() + &of("right"), ""),
        (&two, hold.to_owned(), ""),
        (
            &two,
            hold.to_owned() + &of("middle"),
            "action 1 (gate) is for the region middle, which the board bench lacks: it has left, right",
        ),
        (&two, teach.to_owned() + &of("up"), "button button is for the region up"),
        (&two, teach.to_owned() + &of("left"), ""),
        (&two, teach.to_owned(), "button button does not say which region"),
        (&two, "[buttons.button]\nshort = \"undo\"".to_owned(), "does not say which region"),
        (&two, "trigger = \"button\"".to_owned(), ""),
    ];
    for (board, text, wanted) in cases {
        let policy = policy_from_toml(&text, "line.toml").expect("it is valid");
        match board.check_policy(&policy) {
            Ok(()) => assert_eq!(wanted, "", "{text}"),
            Err(error) => {
                assert!(!wanted.is_empty() && error.to_string().contains(wanted), "{error}");
            }
        }
    }
}

#[test]
fn a_board_has_so_many_regions_and_no_more() {
    let with = |count: usize| {
        let more: String =
            (0..count).map(|at| format!("r{at} = {{ pixels = [0, 0, 8, 8] }}\n")).collect();
        Board::parse(&format!("{BOARD}[regions]\n{more}"), "bench.toml")
    };
    assert_eq!(with(MAX_REGIONS).expect("as many as there may be").regions.len(), MAX_REGIONS);
    let error = with(MAX_REGIONS + 1).expect_err("one too many").to_string();
    assert!(error.contains("regions: got 17, wanted at most 16"), "{error}");
}

#[test]
fn a_question_looks_at_the_part_it_is_about() {
    let with = |more: &str| Board::parse(&format!("{BOARD}{more}"), "bench.toml");
    let part = "[regions]\npart = { pixels = [0, 0, 8, 8] }\n[questions]\n";
    let board = with(&format!("{part}colour = \"part\"\nlight = \"frame\"\n")).expect("valid");
    let region = Region::Pixels { x: 0, y: 0, width: 8, height: 8 };
    let wanted = [("colour", region), ("light", Region::Whole), ("part", region)];
    let wanted = wanted.map(|(name, region)| (name.to_owned(), region));
    assert_eq!(board.regions, wanted.into());
    for (line, wanted) in [
        (
            "colour = \"prat\"",
            "questions.colour: got \"prat\", wanted the region it is about: part, frame",
        ),
        ("a = \"part\"\nb = \"a\"", "questions.b: got \"a\""),
        ("Part = \"part\"", "questions.Part: another one has this name"),
        ("\"a b\" = \"part\"", "questions"),
    ] {
        let error = with(&format!("{part}{line}\n")).expect_err(line).to_string();
        assert!(error.contains(wanted), "{line}: {error}");
    }
}

/// Sees nothing.
struct Blind;

impl FeatureSource for Blind {
    fn dim(&self) -> usize {
        1
    }

    fn feature(&mut self, _: &Frame) -> Result<Vec<f32>, ExtractError> {
        Ok(vec![1.0])
    }
}

#[test]
fn questions_move_with_the_region_they_are_about() {
    let half = |y| Region::Fractions { x: 0.0, y, width: 1.0, height: 0.5 };
    let learner = |name: &str| {
        let mut store = DiskStore::new(Arc::new(MemoryDisk::default()), "memory");
        store.load().expect("an empty disk");
        let model = ModelId { name: "blind".to_owned(), fingerprint: [1; 32], dim: 1 };
        let engine = Engine::new(Blind, persistent::empty(&model).expect("a value"));
        let engine = engine.expect("as long");
        let persistent = PersistentLearner::new(engine, store, model).expect("the same backbone");
        ViewLearner::new(Some(name), persistent)
    };
    let views = [("colour", half(0.0)), ("part", half(0.0)), ("other", half(0.5))];
    let learners = views.iter().map(|(name, _)| learner(name)).collect();
    let views = (0..).zip(views).map(|(at, (name, region))| View::new(Some(name), region, at));
    let views = (learners, views.collect());
    let (policy, timings) = (Policy::default(), BTreeMap::new());
    let mut station = Station::with_views(views, "test", &policy, Vec::new(), None, &timings);
    let mut ask = |request| {
        let mut effects = Effects::default();
        station.request(Ticket(1), request, Timestamp(0), &mut effects);
        effects.answers.pop().expect("an answer").1.expect("it is done")
    };
    let moved = Request::from(request::SetRegion(Some(Region::Whole)));
    ask(request::Of::new("part".to_owned(), moved).into());
    let Answer::Regions(regions) = ask(request::Regions.into()) else { panic!("regions") };
    let regions: Vec<Region> = regions.into_iter().map(|(_, region)| region).collect();
    assert_eq!(regions, [Region::Whole, Region::Whole, half(0.5)]);
}

#[test]
fn a_head_that_regions_share_is_named_once() {
    let with = |more: &str| Board::parse(&format!("{BOARD}{more}"), "bench.toml");
    let nest = |name: &str, head: &str| {
        format!("{name} = {{ pixels = [0, 0, 8, 8], head = \"{head}\" }}\n")
    };
    let lamp = "lamp = { pixels = [8, 8, 8, 8] }\n";
    let nests = format!("[regions]\n{}{}", nest("n2", "nests"), nest("n1", "nests"));
    let stores = |text: &str| {
        let stores = stores::of_board("x/learned.ftune".as_ref(), &with(text).expect("valid"));
        let told =
            |one: &stores::BoardStore| format!("{} {}", one.path.display(), one.regions.join(","));
        stores.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(stores(&nests), ["x/learned.ftune n1,n2"]);
    let both = format!("{nests}{lamp}");
    assert_eq!(stores(&both), ["x/learned.lamp.ftune lamp", "x/learned.nests.ftune n1,n2"]);
    for (line, wanted) in [
        (nest("n3", "n1"), "regions.n3.head: got \"n1\", wanted a name that no region"),
        (nest("n3", "Nests"), "wanted one spelling"),
        (nest("n3", "a b"), "regions.n3.head"),
        ("n3 = { head = \"nests\" }\n".to_owned(), "regions.n3: wanted either pixels or fractions"),
        (
            "n3 = { pixels = [0, 0, 8, 8], fractions = [0.0, 0.0, 1.0, 1.0] }\n".to_owned(),
            "regions.n3: wanted either",
        ),
    ] {
        let error = with(&format!("{nests}{line}")).expect_err(&line).to_string();
        assert!(error.contains(wanted), "{line}: {error}");
    }
}

fn typed(text: &str) -> Vec<String> {
    let (mut session, mut device, mut kept) =
        (Session::new(true), FakeDevice::new(), Kept::default());
    session.opened(&mut kept);
    session.feed(text.as_bytes(), &mut device, &mut kept);
    let shown = String::from_utf8(kept.bytes).expect("text");
    shown.split("\r\n").map(str::to_owned).collect()
}

#[test]
fn a_region_precedes_the_command_and_is_completed() {
    let asked = |line: &str| match console::parse(line) {
        Ok(Entry::Request(Request::Of(request::Of { region, request }))) => {
            format!("{region}: {request:?}")
        }
        Ok(other) => format!("{other:?}"),
        Err(why) => why,
    };
    assert_eq!(asked("@left pull"), "left: Pull");
    assert_eq!(asked("  @left   region whole"), "left: SetRegion(Some(Whole))");
    for (line, wanted) in [
        ("@left", "wanted: @left COMMAND, got no command"),
        ("@left watch on", "this command takes no region: leave out @left"),
        ("@left unlock 1234", "this command takes no region: leave out @left"),
        ("@left help", "this command takes no region: leave out @left"),
        ("@left @left pull", "wanted one region and a command"),
        ("@left teach", "wanted: teach CLASS [COUNT]"),
        ("@ left", "wanted a region's name behind the @"),
        ("@left flash", "there is no command flash"),
    ] {
        let got = asked(line);
        assert!(got.contains(wanted), "{line}: {got}");
    }
    let listed = typed("regions\r");
    assert!(listed.contains(&"region name=lower region=whole".to_owned()), "{listed:?}");
    let completed = typed("@lo\tun\t\r");
    assert!(completed.iter().any(|line| line.contains("@lower un")), "{completed:?}");
    // A PIN that was typed behind a region's name is not shown either.
    let secret = typed("@left unlock 987654\r");
    assert!(!secret.concat().contains("987654"), "{secret:?}");
}

#[test]
fn a_region_inside_a_region_is_refused_however_deep() {
    let of = |request| {
        Request::Of(request::Of { region: "left".to_owned(), request: Box::new(request) })
    };
    let plain = wire::encode_request(&of(Request::Pull(request::Pull))).expect("sendable");
    assert_eq!(wire::decode_request(&plain), Ok(of(Request::Pull(request::Pull))));
    assert_eq!(
        wire::encode_request(&of(of(Request::Pull(request::Pull)))),
        Err(WireError::NotSent)
    );
    // By hand: the number, the name, and what is asked.
    let wrap = |inner: &[u8]| [&plain[..6], inner].concat();
    assert_eq!(
        wrap(&wire::encode_request(&Request::Pull(request::Pull)).expect("sendable")),
        plain
    );
    let mut message = plain.clone();
    for depth in 0..5000 {
        message = wrap(&message);
        if depth < 3 || depth == 4999 {
            let refused = WireError::Content("a region inside a region".to_owned());
            assert_eq!(wire::decode_request(&message), Err(refused), "{depth}");
        }
    }
}
