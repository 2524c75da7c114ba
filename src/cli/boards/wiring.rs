//! How a board's header is wired, as a picture (SVG).

use std::path::Path;

use crate::board::{Board, Line};

/// Lines of a chip and the pins of the 40-pin header that they are at.
type Header = [(u32, usize)];

/// Raspberry Pi: lines are BCM numbers, on every model with 40 pins.
const RASPBERRY: &Header = &[
    (2, 3),
    (3, 5),
    (4, 7),
    (14, 8),
    (15, 10),
    (17, 11),
    (18, 12),
    (27, 13),
    (22, 15),
    (23, 16),
    (24, 18),
    (10, 19),
    (9, 21),
    (25, 22),
    (11, 23),
    (8, 24),
    (7, 26),
    (0, 27),
    (1, 28),
    (5, 29),
    (6, 31),
    (12, 32),
    (13, 33),
    (19, 35),
    (16, 36),
    (26, 37),
    (20, 38),
    (21, 40),
];
/// Jetson Nano and Orin Nano, as far as their board files document them (NVIDIA/jetson-gpio).
const TEGRA: &Header = &[(50, 11), (14, 13), (194, 15), (149, 29), (200, 31), (38, 33), (12, 37)];
const TEGRA234: &Header =
    &[(112, 11), (122, 13), (85, 15), (105, 29), (106, 31), (43, 33), (124, 37)];

/// Pins of every such header that are power or ground.
const SUPPLY: [(&str, &[usize]); 3] =
    [("3.3 V", &[1, 17]), ("5 V", &[2, 4]), ("ground", &[6, 9, 14, 20, 25, 30, 34, 39])];

/// What a pin is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Output,
    Input,
    Serial,
    Supply,
    Ground,
    Free,
}

impl Kind {
    /// Colours that colour-blind people can tell apart (Okabe and Ito, 2008); the shape says the same.
    fn colour(self) -> &'static str {
        match self {
            Self::Output => "#0072b2",
            Self::Input => "#009e73",
            Self::Serial => "#cc79a7",
            Self::Supply => "#d55e00",
            Self::Ground => "#000000",
            Self::Free => "#d0d0d0",
        }
    }

    fn shape(self, x: usize, y: usize) -> String {
        let colour = self.colour();
        let (left, top) = (x - 9, y - 9);
        match self {
            Self::Output => {
                format!("<rect x='{left}' y='{top}' width='18' height='18' fill='{colour}'/>")
            }
            Self::Serial => {
                let (right, bottom) = (x + 11, y + 11);
                let points = format!("{},{y} {x},{} {right},{y} {x},{bottom}", x - 11, y - 11);
                format!("<polygon points='{points}' fill='{colour}'/>")
            }
            _ => format!("<circle cx='{x}' cy='{y}' r='9' fill='{colour}'/>"),
        }
    }

    fn text_on_it(self) -> &'static str {
        if self == Self::Free { "#606060" } else { "#ffffff" }
    }
}

/// A pin that is used.
struct Pin {
    number: usize,
    kind: Kind,
    label: String,
}

/// Where a line is on the header, and what it is called there; `None` where that is not known.
fn header_pin(line: &Line) -> Option<(usize, String)> {
    let at = |header: &Header, wanted: u32| {
        header.iter().find(|(line, _)| *line == wanted).map(|(_, pin)| *pin)
    };
    let (chip, offset) = match line {
        Line::Name(name) => {
            let number = name.strip_prefix("GPIO")?.parse().ok()?;
            return Some((at(RASPBERRY, number)?, name.clone()));
        }
        Line::Offset { chip, offset } => (chip.as_str(), *offset),
    };
    match chip {
        "pinctrl-bcm2835" | "pinctrl-bcm2711" | "pinctrl-rp1" => {
            Some((at(RASPBERRY, offset)?, format!("GPIO{offset}")))
        }
        "tegra-gpio" => Some((at(TEGRA, offset)?, line.to_string())),
        "tegra234-gpio" => Some((at(TEGRA234, offset)?, line.to_string())),
        _ => None,
    }
}

/// The pins of a board, and what is said of lines that are not at a known pin.
fn pins(board: &Board) -> (Vec<Pin>, Vec<String>) {
    let (mut pins, mut elsewhere) = (Vec::new(), Vec::new());
    let mut put = |line: &Line, kind, label: String| match header_pin(line) {
        Some((number, name)) => pins.push(Pin { number, kind, label: format!("{label}, {name}") }),
        None => elsewhere.push(format!("{label}: {line}")),
    };
    for output in &board.outputs {
        let low = if output.active_low { ", on is low" } else { "" };
        put(&output.line, Kind::Output, format!("output {}{low}", output.name));
    }
    for input in &board.inputs {
        let to = if input.active_low { "to ground" } else { "to 3.3 V" };
        put(&input.line, Kind::Input, format!("input {}, {to}", input.name));
    }
    let at_header =
        |device: &Path| ["/dev/serial0", "/dev/ttyTHS1"].iter().any(|at| device == Path::new(at));
    if let Some(serial) = board.serial.as_ref().filter(|serial| at_header(&serial.device)) {
        for (number, what) in [(8, "sends"), (10, "receives")] {
            let label = format!("serial port {what}, {}", serial.device.display());
            pins.push(Pin { number, kind: Kind::Serial, label });
        }
    }
    (pins, elsewhere)
}

/// The header with what is connected to it.
///
/// # Errors
/// Nothing of the board is at a known pin.
pub(super) fn svg(board: &Board) -> Result<String, String> {
    const ROW: usize = 26;
    const TOP: usize = 84;
    const WIDTH: usize = 960;
    let (mut pins, elsewhere) = pins(board);
    if pins.iter().all(|pin| pin.kind == Kind::Serial) {
        return Err(format!("{}: where its lines are on a header is not known", board.name));
    }
    for (label, numbers) in SUPPLY {
        let kind = if label == "ground" { Kind::Ground } else { Kind::Supply };
        pins.extend(numbers.iter().map(|&number| Pin { number, kind, label: label.to_owned() }));
    }
    let height = TOP + 20 * ROW + 60 + elsewhere.len() * 20;
    let mut out = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' \
         font-family='sans-serif' font-size='14' role='img'>\n<title>{0}: what is connected to its header</title>\n\
         <rect width='{WIDTH}' height='{height}' fill='#ffffff'/>\n\
         <text x='{1}' y='30' text-anchor='middle' font-size='18'>{0}</text>\n\
         <text x='{1}' y='52' text-anchor='middle' fill='#404040'>{2}</text>\n\
         <rect x='{3}' y='{4}' width='84' height='{5}' rx='6' fill='#f0f0f0' stroke='#808080'/>\n",
        escaped(&board.name),
        WIDTH / 2,
        escaped(&board.about),
        WIDTH / 2 - 42,
        TOP - 18,
        20 * ROW + 10,
    );
    for number in 1..=40 {
        let left = number % 2 == 1;
        let x = if left { WIDTH / 2 - 20 } else { WIDTH / 2 + 20 };
        let y = TOP + (number - 1) / 2 * ROW;
        let used = pins.iter().find(|pin| pin.number == number);
        let kind = used.map_or(Kind::Free, |pin| pin.kind);
        out += &format!(
            "{}<text x='{x}' y='{}' text-anchor='middle' font-size='10' fill='{}'>{number}</text>\n",
            kind.shape(x, y),
            y + 4,
            kind.text_on_it()
        );
        if let Some(pin) = used {
            let (from, to, at, anchor) = match left {
                true => (x - 26, x - 60, x - 66, "end"),
                false => (x + 26, x + 60, x + 66, "start"),
            };
            out += &format!(
                "<path d='M{from} {y}H{to}' stroke='{}' stroke-width='2'/>\
                 <text x='{at}' y='{}' text-anchor='{anchor}'>{}</text>\n",
                kind.colour(),
                y + 5,
                escaped(&pin.label)
            );
        }
    }
    let mut y = TOP + 20 * ROW + 22;
    out += &format!(
        "<text x='{}' y='{y}' text-anchor='middle' fill='#404040'>Pin 1 is at the end of the header with the \
         square pad. Squares are outputs, circles inputs, diamonds the serial port. 3.3 V only.</text>\n",
        WIDTH / 2
    );
    for line in elsewhere {
        y += 20;
        let (x, line) = (WIDTH / 2, escaped(&line));
        out += &format!("<text x='{x}' y='{y}' text-anchor='middle'>{line}</text>\n");
    }
    Ok(out + "</svg>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_of_a_board_is_drawn() {
        for board in Board::built_in() {
            let known = ["raspberry", "jetson"].iter().any(|kind| board.name.starts_with(kind));
            let Ok(drawn) = svg(&board) else {
                assert!(!known, "{}", board.name);
                continue;
            };
            // The same places on all, which the board files document.
            let (pins, elsewhere) = pins(&board);
            let at =
                |name: &str| pins.iter().find(|pin| pin.label.contains(name)).map(|pin| pin.number);
            assert!(elsewhere.is_empty(), "{}: {elsewhere:?}", board.name);
            if known && at("output reject").is_some() {
                let wanted = [
                    ("output reject", 11),
                    ("output lamp", 13),
                    ("output heartbeat", 15),
                    ("input button-1", 29),
                ];
                for (name, pin) in wanted.into_iter().chain([
                    ("input button-2", 31),
                    ("input undo", 33),
                    ("input part", 37),
                ]) {
                    assert_eq!(at(name), Some(pin), "{}: {name}", board.name);
                }
            }
            for pin in &pins {
                assert!(drawn.contains(&escaped(&pin.label)), "{}: {}", board.name, pin.label);
                assert!(
                    SUPPLY.iter().all(|(_, supply)| !supply.contains(&pin.number)),
                    "{}",
                    pin.label
                );
            }
            assert_eq!(
                drawn.matches("<text").count(),
                2 + 40 + pins.len() + 12 + 1,
                "{}",
                board.name
            );
        }
        let by_name = Board::named("raspberry-pi-4-teachable").expect("it is built in");
        let (pins, _) = pins(&by_name);
        let light = pins.iter().find(|pin| pin.label == "output light-0, on is low, GPIO20");
        assert_eq!(light.map(|pin| pin.number), Some(38));
        let mut numbers: Vec<_> = RASPBERRY.iter().map(|(_, pin)| *pin).collect();
        numbers.extend(SUPPLY.iter().flat_map(|(_, pins)| pins.iter().copied()));
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=40).collect::<Vec<_>>(), "every pin of the header once");
    }

    #[test]
    fn words_of_a_board_file_cannot_leave_the_picture() {
        let mut board = Board::named("raspberry-pi-4").expect("it is built in");
        board.about = "a <script>'&\"".to_owned();
        let drawn = svg(&board).expect("its pins are known");
        assert!(
            drawn.contains("a &lt;script&gt;&#39;&amp;\"") && !drawn.contains("<script"),
            "{drawn}"
        );
    }
}
