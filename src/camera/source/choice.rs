//! What a device is asked for: the best of its modes, its controls by name, and which of them are locked. Nothing here
//! touches a device.

use super::{CaptureSettings, Mode, Size};
use crate::camera::{Adaptive, PixelFormat};

/// What a device is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// How the pixels come.
    pub format: PixelFormat,
    /// Pixels a row, rows.
    pub size: (u32, u32),
    /// Frames a second.
    pub fps: f32,
}

/// The mode whose size is nearest to the one wanted, then the one that is fast enough, then the one whose format is the
/// best.
///
/// # Errors
/// What was wanted and what there is, if none can be read.
pub fn choose(modes: &[Mode], wanted: &CaptureSettings) -> Result<Choice, String> {
    let size = wanted.size.unwrap_or(CaptureSettings::SIZE);
    let fps = wanted.fps.unwrap_or(CaptureSettings::FPS);
    let rank = |mode: &Mode| {
        let format: PixelFormat = mode.format.parse().ok()?;
        if wanted.format.is_some_and(|wanted| wanted != format) {
            return None;
        }
        let given = nearest(mode.size, size);
        let away = u64::from(given.0.abs_diff(size.0)) + u64::from(given.1.abs_diff(size.1));
        let fastest = mode.fps.iter().copied().reduce(f32::max).unwrap_or(fps);
        // In thousandths of a frame a second; 29.97 is as good as 30.
        let missing = ((fps * 0.99 - fastest).max(0.0) * 1e3) as u64;
        let place = PixelFormat::ALL.iter().position(|other| *other == format);
        Some(((away, missing, place), Choice { format, size: given, fps }))
    };
    let best = modes.iter().filter_map(rank).min_by_key(|(rank, _)| *rank);
    best.map(|(_, choice)| choice).ok_or_else(|| {
        let mut formats: Vec<&str> = modes.iter().map(|mode| mode.format.as_str()).collect();
        formats.dedup();
        let wanted = wanted.format.map_or("a format that can be read", PixelFormat::fourcc);
        format!("wanted {wanted}, it gives {}", or_none(&formats.join(" ")))
    })
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn nearest(size: Size, wanted: (u32, u32)) -> (u32, u32) {
    let side = |wanted: u32, min: u32, max: u32, step: u32| {
        let (step, inside) = (step.max(1), wanted.clamp(min, max.max(min)));
        let steps = (inside - min + step / 2) / step;
        // Half a step up may lie beyond the end.
        if min + steps * step > max {
            min + (max.max(min) - min) / step * step
        } else {
            min + steps * step
        }
    };
    match size {
        Size::Fixed(size) => size,
        Size::Range { min, max, step } => {
            (side(wanted.0, min.0, max.0, step.0), side(wanted.1, min.1, max.1, step.1))
        }
    }
}

/// In words, where what is given is not what was wanted.
///
/// * `fps`: what the device says; `None` if it does not say.
pub fn differences(wanted: &CaptureSettings, size: (u32, u32), fps: Option<f32>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some((width, height)) = wanted.size.filter(|wanted| *wanted != size) {
        found.push(format!("gives {}x{}, wanted {width}x{height}", size.0, size.1));
    }
    let asked = wanted.fps.unwrap_or(CaptureSettings::FPS);
    match fps {
        Some(fps) if (fps - asked).abs() > asked * 0.01 => {
            found.push(format!("gives {fps:.1} frames a second, wanted {asked}"));
        }
        None if wanted.fps.is_some() => {
            found.push(format!("does not say how many frames a second it gives, wanted {asked}"));
        }
        _ => {}
    }
    found
}

/// A device's control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// As `v4l2-ctl` shows it.
    pub name: &'static str,
    /// Its number in Video4Linux.
    pub id: u32,
}

/// User controls, camera controls, image source controls (linux/v4l2-controls.h).
const USER: u32 = 0x0098_0900;
const CAMERA: u32 = 0x009A_0900;
const SOURCE: u32 = 0x009E_0900;

/// The controls that can be named, in the order in which they are set: what is automatic stands before the value that
/// can be set only when it is not.
const CONTROLS: [Control; 28] = [
    control("auto_exposure", CAMERA + 1),
    control("exposure_dynamic_framerate", CAMERA + 3),
    control("exposure_time_absolute", CAMERA + 2),
    control("gain_automatic", USER + 18),
    control("gain", USER + 19),
    control("exposure", USER + 17),
    control("vertical_blanking", SOURCE + 1),
    control("analogue_gain", SOURCE + 3),
    control("digital_gain", 0x009F_0905),
    control("white_balance_automatic", USER + 12),
    control("white_balance_temperature", USER + 26),
    control("red_balance", USER + 14),
    control("blue_balance", USER + 15),
    control("focus_automatic_continuous", CAMERA + 12),
    control("focus_absolute", CAMERA + 10),
    control("brightness", USER),
    control("contrast", USER + 1),
    control("saturation", USER + 2),
    control("hue_automatic", USER + 25),
    control("hue", USER + 3),
    control("gamma", USER + 16),
    control("sharpness", USER + 27),
    control("backlight_compensation", USER + 28),
    control("power_line_frequency", USER + 24),
    control("horizontal_flip", USER + 20),
    control("vertical_flip", USER + 21),
    control("zoom_absolute", CAMERA + 13),
    control("rotate", USER + 34),
];

const fn control(name: &'static str, id: u32) -> Control {
    Control { name, id }
}

/// The number of a control that is named by it, as drivers have them of their own: `0x00f0f000`.
fn number(name: &str) -> Option<u32> {
    u32::from_str_radix(name.strip_prefix("0x")?, 16).ok()
}

/// The controls that are wanted, with their values, in the order in which they have to be set: those by number last.
///
/// # Errors
/// The name that is not known, and those that are.
pub fn controls(wanted: &CaptureSettings) -> Result<Vec<(Control, i64)>, String> {
    let known = |name: &String| CONTROLS.iter().any(|control| control.name == name);
    let unknown = |name: &&String| !known(name) && number(name).is_none();
    if let Some(name) = wanted.controls.keys().find(unknown) {
        let names: Vec<&str> = CONTROLS.iter().map(|control| control.name).collect();
        let name = name.escape_debug();
        let names = names.join(", ");
        return Err(format!("there is no control \"{name}\"; wanted 0xNUMBER or one of {names}"));
    }
    let value = |control: &Control| Some((*control, *wanted.controls.get(control.name)?));
    let numbered = wanted
        .controls
        .iter()
        .filter_map(|(name, &value)| Some((control("a control by number", number(name)?), value)));
    Ok(CONTROLS.iter().filter_map(value).chain(numbered).collect())
}

/// A control that lets others follow the light, and those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Automatic {
    /// What people call it.
    pub name: &'static str,
    /// The switch.
    pub switch: Control,
    /// What it belongs to.
    pub of: Adaptive,
    /// Its value that leaves the others alone.
    pub off: i64,
    /// Values that move them, of which a device has one; the usual first.
    pub on: &'static [i64],
    /// What it moves.
    pub values: &'static [Control],
}

/// What drifts with the light.
const AUTOMATIC: [Automatic; 3] = [
    // 1 is manual; 0, 2 and 3 are automatic to different degrees.
    Automatic {
        name: "exposure",
        switch: control("auto_exposure", CAMERA + 1),
        of: Adaptive::Exposure,
        off: 1,
        // Aperture priority is what webcams have.
        on: &[3, 0, 2],
        values: &[control("exposure_time_absolute", CAMERA + 2)],
    },
    Automatic {
        name: "gain",
        switch: control("gain_automatic", USER + 18),
        of: Adaptive::Exposure,
        off: 0,
        on: &[1],
        values: &[control("gain", USER + 19)],
    },
    Automatic {
        name: "white balance",
        switch: control("white_balance_automatic", USER + 12),
        of: Adaptive::WhiteBalance,
        off: 0,
        on: &[1],
        values: &[
            control("white_balance_temperature", USER + 26),
            control("red_balance", USER + 14),
            control("blue_balance", USER + 15),
        ],
    },
];

/// What is to be locked: all that drifts, but not what is set by hand.
pub fn to_lock(wanted: &CaptureSettings) -> Vec<Automatic> {
    let by_hand = |control: &Control| wanted.controls.contains_key(control.name);
    let drifts = |it: &&Automatic| !by_hand(&it.switch) && !it.values.iter().any(by_hand);
    AUTOMATIC.iter().filter(drifts).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(format: &str, size: (u32, u32), fps: &[f32]) -> Mode {
        Mode { format: format.to_owned(), size: Size::Fixed(size), fps: fps.to_vec() }
    }

    fn wanted(size: (u32, u32), fps: f32, format: Option<PixelFormat>) -> CaptureSettings {
        CaptureSettings { size: Some(size), fps: Some(fps), format, ..CaptureSettings::default() }
    }

    #[test]
    fn size_is_chosen_before_rate_and_rate_before_format() {
        let modes = [
            mode("H264", (1280, 720), &[60.0]),
            mode("GREY", (1280, 720), &[60.0]),
            mode("MJPG", (1280, 720), &[30.0, 60.0]),
            mode("MJPG", (640, 480), &[30.0]),
            mode("YUYV", (1280, 720), &[9.0]),
            mode("YUYV", (640, 480), &[29.97, 15.0]),
            mode("RGGB", (640, 480), &[30.0]),
        ];
        use PixelFormat::{Grey, Mjpg, Yuyv};
        let cases = [
            ("both are fast enough", wanted((640, 480), 30.0, None), Yuyv, (640, 480)),
            ("only MJPG is fast enough", wanted((1280, 720), 30.0, None), Mjpg, (1280, 720)),
            ("slow is enough", wanted((1280, 720), 5.0, None), Yuyv, (1280, 720)),
            ("the format is wanted", wanted((640, 480), 30.0, Some(Mjpg)), Mjpg, (640, 480)),
            ("grey where it is wanted", wanted((640, 480), 1.0, Some(Grey)), Grey, (1280, 720)),
            ("larger than any", wanted((4000, 3000), 30.0, None), Mjpg, (1280, 720)),
            ("smaller than any", wanted((32, 32), 30.0, None), Yuyv, (640, 480)),
        ];
        for (name, wanted, format, size) in cases {
            let choice = choose(&modes, &wanted).expect("there is one");
            assert_eq!((choice.format, choice.size), (format, size), "{name}");
        }
        let nothing =
            choose(&modes[..1], &CaptureSettings::default()).expect_err("H264 cannot be read");
        assert!(nothing.contains("it gives H264"), "{nothing}");
        let nothing = choose(&modes, &wanted((1, 1), 1.0, Some(PixelFormat::Nv12)));
        assert!(nothing.is_err_and(|text| text.contains("wanted NV12, it gives H264 GREY MJPG")));
        assert!(
            choose(&[], &CaptureSettings::default()).is_err_and(|text| text.contains("gives none"))
        );
    }

    #[test]
    fn a_range_of_sizes_gives_the_nearest_step_inside_it() {
        let range = |min, max, step| Size::Range { min, max, step };
        let cases = [
            (range((16, 16), (1920, 1080), (8, 2)), (640, 481), (640, 482)),
            (range((16, 16), (1920, 1080), (8, 2)), (643, 5), (640, 16)),
            (range((2, 2), (9, 9), (4, 4)), (9, 9), (6, 6)),
            (range((2, 2), (9, 9), (0, 0)), (5, 99), (5, 9)),
            (range((64, 64), (32, 32), (1, 1)), (50, 50), (64, 64)),
        ];
        for (size, wanted, given) in cases {
            assert_eq!(nearest(size, wanted), given, "{size} for {wanted:?}");
        }
    }

    #[test]
    fn what_differs_is_said_and_nothing_else() {
        let asked = wanted((640, 480), 30.0, None);
        assert!(differences(&asked, (640, 480), Some(29.97)).is_empty());
        assert!(
            differences(&CaptureSettings::default(), (640, 360), None).is_empty(),
            "nothing was asked"
        );
        let found = differences(&asked, (640, 360), Some(5.0)).join("; ");
        assert_eq!(found, "gives 640x360, wanted 640x480; gives 5.0 frames a second, wanted 30");
        assert_eq!(differences(&asked, (640, 480), None).len(), 1);
    }

    #[test]
    fn switches_are_set_before_the_values_that_they_free() {
        let pairs = [
            ("gain", 7),
            ("gain_automatic", 0),
            ("exposure_time_absolute", 100),
            ("auto_exposure", 1),
        ];
        let controls_of = |pairs: &[(&str, i64)]| CaptureSettings {
            controls: pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            ..CaptureSettings::default()
        };
        let set = controls(&controls_of(&pairs)).expect("all are known");
        let names: Vec<_> = set.iter().map(|(control, value)| (control.name, *value)).collect();
        let order = [
            ("auto_exposure", 1),
            ("exposure_time_absolute", 100),
            ("gain_automatic", 0),
            ("gain", 7),
        ];
        assert_eq!(names, order);
        let numbered = controls(&controls_of(&[("0x00f0f000", 3), ("gain", 7)])).expect("known");
        let ids: Vec<_> = numbered.iter().map(|(control, _)| control.id).collect();
        assert_eq!(ids, [set[3].0.id, 0x00f0_f000]);
        let unknown = controls(&controls_of(&[("gian", 1)])).expect_err("misspelt");
        assert!(unknown.contains("\"gian\"") && unknown.contains("gain,"), "{unknown}");
    }

    #[test]
    fn what_is_set_by_hand_is_not_locked() {
        let names = |controls: &[&str]| {
            let controls = controls.iter().map(|name| ((*name).to_owned(), 1)).collect();
            let locked = to_lock(&CaptureSettings { controls, ..CaptureSettings::default() });
            locked.iter().map(|it| it.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["brightness"]), ["exposure", "gain", "white balance"]);
        assert_eq!(names(&["exposure_time_absolute", "gain_automatic"]), ["white balance"]);
    }

    #[test]
    fn controls_are_listed_once_with_the_locked_ones() {
        for (at, one) in CONTROLS.iter().enumerate() {
            let same = |other: &Control| other.name == one.name || other.id == one.id;
            assert!(!CONTROLS[at + 1..].iter().any(same), "{one:?}");
        }
        for it in AUTOMATIC {
            assert!(
                CONTROLS.contains(&it.switch) && it.values.iter().all(|v| CONTROLS.contains(v))
            );
        }
    }
}
