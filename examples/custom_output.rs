//! An output of your own, switched by a policy: here lines on standard output instead of pins.
//!
//! `cargo run --example custom_output`

use std::error::Error;

use fieldtune::board::outputs::{GpioError, Output, OutputDriver};
use fieldtune::board::policy::Actions;
use fieldtune::board::policy_from_toml;
use fieldtune::image::frame::Timestamp;

/// Says what it would switch.
struct Printed {
    outputs: Vec<Output>,
    switched: u32,
}

impl OutputDriver for Printed {
    fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    fn set(&mut self, name: &str, on: bool) -> Result<(), GpioError> {
        if !self.outputs.iter().any(|output| output.name == name) {
            return Err(GpioError::NoOutput { name: name.to_owned(), known: "reject".to_owned() });
        }
        self.switched += 1;
        println!("  {name} {}", if on { "on" } else { "off" });
        Ok(())
    }
}

const POLICY: &str = r#"
[[action]]
output = "reject"
when = ["scratch", "unknown"]
do = { pulse = { ms = 100, delay_ms = 200 } }
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut outputs =
        Printed { outputs: vec![Output { name: "reject".to_owned(), safe: false }], switched: 0 };
    outputs.make_safe()?;
    let mut actions = Actions::new(policy_from_toml(POLICY, "policy.toml")?, None);
    let mut level = false;
    // What a camera and a `Fieldtune` would say, at these milliseconds.
    let verdicts = [(0, Some("good")), (1000, Some("scratch")), (2000, None), (3000, Some("good"))];
    for millis in (0..4000).step_by(50) {
        let now = Timestamp(millis * 1000);
        if let Some((_, class)) = verdicts.iter().find(|(at, _)| *at == millis) {
            println!("{millis} ms: {}", class.unwrap_or("unknown"));
            actions.verdict(None, *class, now, now);
        }
        let wanted = actions.levels(now).get("reject").copied().unwrap_or(false);
        if wanted != level {
            outputs.set("reject", wanted)?;
            level = wanted;
        }
    }
    outputs.make_safe()?;
    match outputs.switched {
        // Safe, two pulses, safe.
        6 => Ok(()),
        other => Err(format!("switched {other} times, wanted 6").into()),
    }
}
