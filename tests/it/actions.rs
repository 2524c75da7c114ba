//! Verdicts and presses over time, and the levels of outputs and the button events that come of them.

use std::collections::BTreeMap;

use fieldtune::board::policy::{Actions, ButtonAction, ButtonEvent, Buttons, Timing};
use fieldtune::board::policy_from_toml;
use fieldtune::image::frame::Timestamp;

/// A policy, what happens, and what is to come of it; times are in milliseconds.
struct Case {
    name: &'static str,
    policy: &'static str,
    /// `TIME WHAT`, by semicolons. WHAT: `see CLASS [TAKEN]` (`?` is unknown), `drift yes|no`, `lapse`, `beat`, `part`, `+BUTTON`,
    /// `-BUTTON`, `ask TAKEN` (is this frame to be classified), `end`.
    script: &'static str,
    /// `TIME OUTPUT on|off` and `TIME WISH`, by semicolons.
    wanted: &'static str,
}

const LAMP: &str = r#"
[[action]]
output = "lamp"
when = ["good"]
do = "hold"
[[action]]
output = "gate"
when = ["any other", "unknown"]
do = "hold"
"#;

const GATE: &str = r#"
[[action]]
output = "gate"
when = ["bad"]
do = { pulse = { ms = 100, delay_ms = 400, gap_ms = 300 } }
"#;

const AT_ONCE: &str = r#"
[[action]]
output = "gate"
when = ["bad"]
do = { pulse = { ms = 100 } }
"#;

const BLINK: &str = r#"
[[action]]
output = "lamp"
when = ["unknown"]
do = { blink = { on_ms = 100, off_ms = 50 } }
"#;

const DRIFT: &str = r#"
[[action]]
output = "lamp"
when = ["any drift"]
do = "hold"
[[action]]
output = "horn"
when = ["any drift"]
do = { pulse = { ms = 100 } }
[[action]]
output = "gate"
when = ["any other"]
do = "hold"
"#;

const SHARED: &str = r#"
[[action]]
output = "lamp"
when = ["good"]
do = { pulse = { ms = 100 } }
[[action]]
output = "lamp"
when = ["bad"]
do = { pulse = { ms = 100 } }
"#;

const BUTTONS: &str = r#"
trigger = "part"
[buttons.left]
teach = "good"
burst_ms = 200
[buttons.right]
short = "undo"
long = "reset"
[buttons.simple]
short = "undo"
[buttons.slow]
long = "reset"
"#;

const CASES: [Case; 28] = [
    Case {
        name: "a hold lasts as long as its class, and any other is what no action names",
        policy: LAMP,
        script: "0 see good; 100 see good; 200 see dent; 300 see ?; 400 see good; 500 lapse",
        wanted: "0 lamp on; 200 gate on; 200 lamp off; 400 gate off; 400 lamp on; 500 lamp off",
    },
    Case {
        name: "unknown is not any other",
        policy: "[[action]]\noutput = \"gate\"\nwhen = [\"any other\"]\ndo = \"hold\"",
        script: "0 see ?; 100 see dent; 200 see ?",
        wanted: "100 gate on; 200 gate off",
    },
    Case {
        name: "a delay counts from the frame, not from its verdict",
        policy: GATE,
        script: "150 see bad 100; 2000 end",
        wanted: "500 gate on; 600 gate off",
    },
    Case {
        name: "a class of no action does nothing",
        policy: GATE,
        script: "0 see good; 100 see ?; 2000 end",
        wanted: "",
    },
    Case {
        name: "verdicts within the gap are of the same part",
        policy: GATE,
        script: "0 see bad; 100 see bad; 299 see bad; 300 see bad; 2000 end",
        wanted: "400 gate on; 500 gate off; 700 gate on; 800 gate off",
    },
    Case {
        name: "parts that are on their way each get their pulse, whatever is seen meanwhile",
        policy: GATE,
        script: "0 see bad; 100 see good; 300 see bad; 350 lapse; 2000 end",
        wanted: "400 gate on; 500 gate off; 700 gate on; 800 gate off",
    },
    Case {
        name: "a late verdict shortens its pulse and never moves its end",
        policy: GATE,
        script: "450 see bad 0; 2000 end",
        wanted: "450 gate on; 500 gate off",
    },
    Case {
        name: "a verdict after the end of its pulse is missed, once for each part",
        policy: GATE,
        script: "500 see bad 0; 550 see bad 100; 900 see bad 390; 2000 end",
        wanted: "500 missed 1; 900 missed 2",
    },
    Case {
        name: "a frame from the future counts as taken now",
        policy: GATE,
        script: "100 see bad 9000; 2000 end",
        wanted: "500 gate on; 600 gate off",
    },
    Case {
        name: "a verdict of a frame that was overtaken starts no second pulse",
        policy: GATE,
        script: "100 see bad 90; 110 see bad 20; 2000 end",
        wanted: "490 gate on; 590 gate off",
    },
    Case {
        name: "without a delay a pulse begins with its verdict",
        policy: AT_ONCE,
        script: "900 see bad 0; 950 see bad; 999 see bad; 1040 see bad; 1050 see good; 3000 end",
        wanted: "900 gate on; 1000 gate off; 1040 gate on; 1140 gate off",
    },
    Case {
        name: "blinking begins with on, keeps its beat over verdicts, ends with the class",
        policy: BLINK,
        script: "10 see ?; 50 see ?; 120 see ?; 280 see good; 1000 end",
        wanted: "10 lamp on; 110 lamp off; 160 lamp on; 260 lamp off",
    },
    Case {
        name: "blinking begins anew after a pause",
        policy: BLINK,
        script: "0 see ?; 30 see good; 70 see ?; 175 end",
        wanted: "0 lamp on; 30 lamp off; 70 lamp on; 170 lamp off",
    },
    Case {
        name: "an output of two actions is on if either says so",
        policy: SHARED,
        script: "0 see good; 60 see bad; 1000 end",
        wanted: "0 lamp on; 160 lamp off",
    },
    Case {
        name: "drift holds and pulses once, whatever is seen meanwhile",
        policy: DRIFT,
        script: "0 drift no; 10 drift yes; 20 see good; 30 see ?; 500 drift yes; 900 drift no; 1000 drift yes; 1050 lapse; 1060 end",
        wanted: "10 horn on; 10 lamp on; 20 gate on; 30 gate off; 110 horn off; 900 lamp off; 1000 horn on; 1000 lamp on; 1050 lamp off",
    },
    Case {
        name: "the heartbeat changes with frames, at most twice a second, and stands still without",
        policy: "",
        script: "0 beat; 100 beat; 499 beat; 500 beat; 1100 beat; 9000 end",
        wanted: "0 alive on; 500 alive off; 1100 alive on",
    },
    Case {
        name: "without a trigger every frame is classified",
        policy: GATE,
        script: "0 ask 0; 10 ask 5; 20 part; 30 ask 1",
        wanted: "0 classified; 10 classified; 30 classified",
    },
    Case {
        name: "with a trigger one frame is classified for each part, taken after it came",
        policy: "trigger = \"part\"",
        script: "0 ask 0; 100 part; 110 ask 99; 120 ask 100; 130 ask 130; 200 part; 210 part; 220 ask 220",
        wanted: "120 classified; 220 classified",
    },
    Case {
        name: "a short press teaches one example, when it has lasted",
        policy: BUTTONS,
        script: "0 +left; 100 -left; 5000 end",
        wanted: "20 teach good; 120 teach end",
    },
    Case {
        name: "a bounce is no press",
        policy: BUTTONS,
        script: "0 +left; 5 -left; 8 +left; 12 -left; 5000 end",
        wanted: "",
    },
    Case {
        name: "a press that bounces at both ends is one press",
        policy: BUTTONS,
        script: "0 +left; 4 -left; 8 +left; 300 -left; 303 +left; 306 -left; 5000 end",
        wanted: "28 teach good; 326 teach end",
    },
    Case {
        name: "held, it teaches on and on until it is let go",
        policy: BUTTONS,
        script: "0 +left; 1290 -left; 5000 end",
        wanted: "20 teach good; 800 more good; 1000 more good; 1200 more good; 1310 teach end",
    },
    Case {
        name: "a button with two meanings waits to know which",
        policy: BUTTONS,
        script: "0 +right; 700 -right; 2000 +right; 3000 -right; 9000 end",
        wanted: "720 undo; 2800 reset",
    },
    Case {
        name: "let go just before it would be long, it was short",
        policy: BUTTONS,
        script: "0 +right; 799 -right; 9000 end",
        wanted: "819 undo",
    },
    Case {
        name: "a button with one meaning does not wait",
        policy: BUTTONS,
        script: "0 +simple; 3000 -simple; 9000 end",
        wanted: "20 undo",
    },
    Case {
        name: "a button for long presses does nothing when pressed shortly",
        policy: BUTTONS,
        script: "0 +slow; 100 -slow; 1000 +slow; 5000 -slow; 9000 end",
        wanted: "1800 reset",
    },
    Case {
        name: "a part is where its edge was, not where it was sure",
        policy: BUTTONS,
        script: "100 +part; 900 -part; 2000 +part; 9000 end",
        wanted: "120 trigger at 100; 2020 trigger at 2000",
    },
    Case {
        name: "two buttons at once do not disturb each other, and strange ones mean nothing",
        policy: BUTTONS,
        script: "0 +left; 1 +right; 2 +strange; 100 -left; 101 -right; 102 -strange; 9000 end",
        wanted: "20 teach good; 120 teach end; 121 undo",
    },
];

/// Milliseconds.
fn at(ms: u64) -> Timestamp {
    Timestamp(ms * 1000)
}

struct Play {
    actions: Actions,
    buttons: Buttons,
    levels: BTreeMap<String, bool>,
    told: Vec<String>,
}

impl Play {
    fn new(policy: &str) -> Self {
        let policy = policy_from_toml(policy, "policy.toml").expect("the case's policy is valid");
        let buttons = Buttons::new(&policy, &BTreeMap::from([("left".into(), Timing::default())]));
        let actions = Actions::new(policy, Some("alive"));
        Self { actions, buttons, levels: BTreeMap::new(), told: Vec::new() }
    }

    /// Everything that happens by itself until then, at its time.
    fn until(&mut self, end: Timestamp, mut now: Timestamp) {
        let start = now;
        for step in 0.. {
            assert!(step < 1000, "the time stands still at {now:?}, after {start:?}");
            let times = [self.actions.next_change(now), self.buttons.next_tick()];
            match times.into_iter().flatten().min() {
                Some(next) if next <= end => now = next,
                _ => return,
            }
            let events = self.buttons.tick(now);
            self.heard(events, now);
            self.changed(now);
        }
    }

    fn changed(&mut self, now: Timestamp) {
        for (output, on) in self.actions.levels(now) {
            let level = self.levels.entry(output.to_owned()).or_insert(false);
            if *level != on {
                *level = on;
                let word = if on { "on" } else { "off" };
                self.told.push(format!("{} {output} {word}", now.0 / 1000));
            }
        }
    }

    fn heard(&mut self, events: Vec<ButtonEvent>, now: Timestamp) {
        for event in events {
            let event = match event {
                ButtonEvent::Teach { class, .. } => format!("teach {class}"),
                ButtonEvent::TeachMore { class, .. } => format!("more {class}"),
                ButtonEvent::TeachEnd { .. } => "teach end".to_owned(),
                ButtonEvent::Do { action: ButtonAction::Undo, .. } => "undo".to_owned(),
                ButtonEvent::Do { action: ButtonAction::Reset, .. } => "reset".to_owned(),
                ButtonEvent::Trigger { at } => format!("trigger at {}", at.0 / 1000),
                other => format!("{other:?}"),
            };
            self.told.push(format!("{} {event}", now.0 / 1000));
        }
    }

    fn event(&mut self, ms: u64, event: &[&str]) {
        let (now, missed) = (at(ms), self.actions.missed());
        let time = |text: &str| at(text.parse().expect("a time"));
        match event {
            ["see", class, taken @ ..] => {
                let taken = taken.first().map_or(now, |taken| time(taken));
                self.actions.verdict(None, (*class != "?").then_some(*class), taken, now);
            }
            ["drift", found] => self.actions.drift(None, *found == "yes", now),
            ["lapse"] => self.actions.lapse(None),
            ["beat"] => self.actions.heartbeat(now),
            ["part"] => self.actions.trigger(now),
            ["ask", taken] => {
                if self.actions.admits(time(taken)) {
                    self.told.push(format!("{ms} classified"));
                }
            }
            ["end"] => {}
            [press] => {
                let events = self.buttons.edge(&press[1..], press.starts_with('+'), now);
                self.heard(events, now);
            }
            _ => panic!("{event:?} is no event"),
        }
        if self.actions.missed() > missed {
            self.told.push(format!("{ms} missed {}", self.actions.missed()));
        }
        self.changed(now);
    }
}

/// * `timers`: whether the clock is looked at between events, or only at them.
fn play(case: &Case, timers: bool) -> String {
    let mut play = Play::new(case.policy);
    let mut now = Timestamp(0);
    for line in case.script.split(';') {
        let words: Vec<_> = line.split_whitespace().collect();
        let ms = words[0].parse().expect("a time");
        if timers {
            play.until(at(ms), now);
        }
        play.event(ms, &words[1..]);
        now = at(ms);
    }
    play.told.join("; ")
}

#[test]
fn a_policy_maps_verdicts_and_presses_to_levels_and_actions() {
    let mut failures = Vec::new();
    for case in &CASES {
        let got = play(case, true);
        if got != case.wanted {
            failures.push(format!("{}\n  wanted {}\n  got    {got}", case.name, case.wanted));
        }
        assert_eq!(got, play(case, true), "{}: not the same twice", case.name);
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn a_late_tick_loses_no_press_and_floods_nothing() {
    let case = |name, script| Case { name, policy: BUTTONS, script, wanted: "" };
    let cases = [
        (
            case("short", "0 +left; 500 -left; 9000 end; 9001 +none"),
            "500 teach good; 9001 teach end",
        ),
        (case("long", "0 +right; 900 -right; 9000 +none"), "900 reset"),
        (case("short of two", "0 +right; 700 -right; 9000 +none"), "9000 undo"),
        (
            case("a burst", "0 +left; 5000 +none; 5100 +none; 5200 +none; 5201 -left"),
            "5000 teach good; 5000 more good; 5200 more good",
        ),
    ];
    for (case, wanted) in &cases {
        assert_eq!(play(case, false), *wanted, "{}", case.name);
    }
}

#[test]
fn the_next_change_is_never_in_the_past() {
    let policy = policy_from_toml(&[GATE, BLINK].concat(), "policy.toml").expect("it is valid");
    let mut actions = Actions::new(policy, None);
    assert_eq!(actions.next_change(at(0)), None);
    actions.verdict(None, Some("bad"), at(0), at(0));
    actions.verdict(None, None, at(10), at(10));
    let mut now = at(10);
    let mut before = actions.levels(now);
    for _ in 0..20 {
        let next = actions.next_change(now).expect("it blinks for ever");
        assert!(next > now);
        let just_before = Timestamp(next.0 - 1);
        assert_eq!(actions.levels(just_before), before, "changed before {next:?}");
        before = actions.levels(next);
        now = next;
    }
}

#[test]
fn pulses_that_wait_are_bounded() {
    let policy = "[[action]]\noutput = \"gate\"\nwhen = [\"bad\"]\ndo = { pulse = { ms = 10, delay_ms = 60000, gap_ms = 1000 } }";
    let policy = policy_from_toml(policy, "policy.toml").expect("it is valid");
    let mut actions = Actions::new(policy, None);
    for ms in (0..600_000).step_by(7) {
        actions.verdict(None, Some("bad"), at(ms), at(ms));
    }
    let text = format!("{actions:?}");
    let waiting = text.matches("Timestamp(").count();
    assert!((50..70).contains(&waiting), "{waiting}");
}
