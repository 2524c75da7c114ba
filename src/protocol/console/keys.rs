//! Bytes to keys, whatever terminal sends them. A sequence that means nothing here is swallowed whole.

/// What a byte completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// Bytes that are no character.
    Damage,
    /// A control character that no key of the editor is.
    Control(u8),
    Enter,
    Tab,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    /// Ctrl-U.
    EraseBefore,
    /// Ctrl-K.
    EraseBehind,
    /// Ctrl-W, Alt-Backspace.
    EraseWord,
    /// Alt-D, Ctrl-Delete.
    DeleteWord,
    /// Ctrl-C.
    Cancel,
    /// Ctrl-D.
    Leave,
    /// Ctrl-L.
    Redraw,
    /// ESC [ K, which no key sends and every line of a console holds.
    Erased,
}

/// Bytes of a sequence's parameters that are kept; no key has more.
const PARAMETERS: usize = 16;

/// Bytes of a string (ESC ], ESC P and so on) after which it is no string, but ESC typed by hand.
const STRING: u16 = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Text,
    /// Behind ESC.
    Escape,
    /// Behind ESC and characters that announce another, as ESC ( B.
    Announced,
    /// Behind ESC [ or ESC O.
    Sequence {
        is_csi: bool,
        parameters: Vec<u8>,
        announced: bool,
    },
    /// Behind ESC [ [, which the Linux console's function keys begin with.
    Function,
    /// In a string, which ends with BEL or ESC \.
    String {
        left: u16,
        escape: bool,
    },
}

/// Takes bytes one by one.
#[derive(Debug)]
pub(super) struct Keys {
    state: State,
    /// The bytes of a character that is not whole yet.
    partial: Vec<u8>,
    after_return: bool,
    pasting: bool,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { state: State::Text, partial: Vec::new(), after_return: false, pasting: false }
    }

    /// Whether what comes now was pasted, where the terminal says so.
    pub(super) fn is_pasting(&self) -> bool {
        self.pasting
    }

    /// Forgets what was begun.
    ///
    /// * returns whether it was a character.
    pub(super) fn reset(&mut self) -> bool {
        self.state = State::Text;
        !std::mem::take(&mut self.partial).is_empty()
    }

    /// Nothing came for a while: an ESC that was typed begins no sequence.
    pub(super) fn idle(&mut self) {
        self.state = State::Text;
    }

    /// Takes one byte.
    pub(super) fn key(&mut self, byte: u8) -> Option<Key> {
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        // Flow control of the terminal itself, which may come anywhere; a break; a bell.
        if matches!(byte, 0 | 0x07 | 0x11 | 0x13) && !matches!(self.state, State::String { .. }) {
            return None;
        }
        match (byte, std::mem::replace(&mut self.state, State::Text)) {
            (b'\n', _) if after_return => None,
            // A key that was torn; by itself it would be a character that is none.
            (b'\r' | b'\n', State::Sequence { .. } | State::Function) => {
                self.partial.push(0x1b);
                Some(Key::Enter)
            }
            // These end whatever was begun.
            (b'\r' | b'\n', _) => Some(Key::Enter),
            (0x03, _) => Some(Key::Cancel),
            (_, State::String { left, escape }) => self.in_string(byte, left, escape),
            // Alt and another key: some terminals send ESC twice.
            (0x1b, _) => self.go_on(State::Escape),
            (_, State::Escape) => self.behind_escape(byte),
            (0x20..=0x2f, State::Announced) => self.go_on(State::Announced),
            (0x20..=0x7e, State::Announced | State::Function) => None,
            (0x20..=0x7e, State::Sequence { is_csi, parameters, announced }) => {
                self.in_sequence(byte, is_csi, parameters, announced)
            }
            _ => self.plain(byte),
        }
    }

    fn go_on(&mut self, state: State) -> Option<Key> {
        self.state = state;
        None
    }

    fn in_string(&mut self, byte: u8, left: u16, escape: bool) -> Option<Key> {
        let ended = byte == 0x07 || escape && byte == b'\\' || left == 0;
        if !ended {
            self.state = State::String { left: left - 1, escape: byte == 0x1b };
        }
        None
    }

    fn behind_escape(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' | b'O' => {
                let is_csi = byte == b'[';
                self.go_on(State::Sequence { is_csi, parameters: Vec::new(), announced: false })
            }
            b']' | b'P' | b'X' | b'^' | b'_' => {
                self.go_on(State::String { left: STRING, escape: false })
            }
            b' '..=b'/' => self.go_on(State::Announced),
            b'b' => Some(Key::WordLeft),
            b'f' => Some(Key::WordRight),
            b'd' => Some(Key::DeleteWord),
            0x08 | 0x7f => Some(Key::EraseWord),
            b'0'..=0x7e => None,
            _ => self.plain(byte),
        }
    }

    fn in_sequence(
        &mut self,
        byte: u8,
        is_csi: bool,
        mut parameters: Vec<u8>,
        announced: bool,
    ) -> Option<Key> {
        // rxvt's Shift and a key ends with what announces more elsewhere.
        let is_private = parameters.first().is_some_and(|first| b"<=>?".contains(first));
        let ends = byte == b'$' && !parameters.is_empty() && !is_private;
        match byte {
            b'[' if is_csi && parameters.is_empty() && !announced => self.go_on(State::Function),
            b'0'..=b'?' | b' '..=b'/' if !ends => {
                let announced = announced || byte < b'0';
                if parameters.len() < PARAMETERS {
                    parameters.push(byte);
                }
                self.go_on(State::Sequence { is_csi, parameters, announced })
            }
            _ if is_private || announced => None,
            _ if is_csi => self.csi(byte, &parameters),
            _ => keypad(byte, &parameters),
        }
    }

    /// ESC [ parameters last.
    fn csi(&mut self, last: u8, parameters: &[u8]) -> Option<Key> {
        let numbers = numbers(parameters);
        let first = numbers.first().copied().flatten();
        let by_word = by_word(numbers.get(1).copied().flatten());
        match (last, first) {
            (b'K', _) => Some(Key::Erased),
            (b'~' | b'$' | b'@', Some(1 | 7)) => Some(Key::Home),
            (b'~' | b'$' | b'@', Some(4 | 8)) => Some(Key::End),
            (b'~', Some(3)) => Some(if by_word { Key::DeleteWord } else { Key::Delete }),
            (b'$', Some(3)) => Some(Key::Delete),
            (b'^', Some(1 | 7)) => Some(Key::Home),
            (b'^', Some(4 | 8)) => Some(Key::End),
            (b'^', Some(3)) => Some(Key::DeleteWord),
            (b'~', Some(200 | 201)) => {
                self.pasting = first == Some(200);
                None
            }
            (b'A'..=b'D' | b'F' | b'H', None | Some(0 | 1)) => moved(last, by_word),
            _ => None,
        }
    }

    fn plain(&mut self, byte: u8) -> Option<Key> {
        match byte {
            0x20..=0x7e if self.partial.is_empty() => Some(Key::Char(char::from(byte))),
            0x20..=0x7e | 0x80.. => self.part_of_character(byte),
            0x01 => Some(Key::Home),
            0x04 => Some(Key::Leave),
            0x05 => Some(Key::End),
            0x08 | 0x7f => Some(Key::Backspace),
            b'\t' => Some(Key::Tab),
            0x0b => Some(Key::EraseBehind),
            0x0c => Some(Key::Redraw),
            0x15 => Some(Key::EraseBefore),
            0x17 => Some(Key::EraseWord),
            _ => Some(Key::Control(byte)),
        }
    }

    fn part_of_character(&mut self, byte: u8) -> Option<Key> {
        self.partial.push(byte);
        let text = std::str::from_utf8(&self.partial).map(|text| text.chars().next());
        let key = match text {
            Ok(Some(c)) if !c.is_control() => Key::Char(c),
            Err(error) if error.error_len().is_none() => return None,
            _ => Key::Damage,
        };
        self.partial.clear();
        Some(key)
    }
}

/// ESC O parameters last: arrows too, and the keys of the number block.
fn keypad(last: u8, parameters: &[u8]) -> Option<Key> {
    let numbers = numbers(parameters);
    let by_word = by_word(numbers.last().copied().flatten());
    match last {
        b'A'..=b'D' | b'F' | b'H' => moved(last, by_word),
        // rxvt's Ctrl and an arrow.
        b'c' => Some(Key::WordRight),
        b'd' => Some(Key::WordLeft),
        b'M' => Some(Key::Enter),
        b'k' => Some(Key::Char('+')),
        b'm' => Some(Key::Char('-')),
        b'n' => Some(Key::Char('.')),
        b'p'..=b'y' => Some(Key::Char(char::from(b'0' + (last - b'p')))),
        _ => None,
    }
}

fn moved(last: u8, by_word: bool) -> Option<Key> {
    Some(match (last, by_word) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', false) => Key::Right,
        (b'C', true) => Key::WordRight,
        (b'D', false) => Key::Left,
        (b'D', true) => Key::WordLeft,
        (b'F', _) => Key::End,
        (b'H', _) => Key::Home,
        _ => return None,
    })
}

/// The numbers of a sequence's parameters; `None` where one is left out.
fn numbers(parameters: &[u8]) -> Vec<Option<u16>> {
    let text = String::from_utf8_lossy(parameters);
    text.split([';', ':']).map(|number| number.parse().ok()).collect()
}

/// Whether Ctrl or Alt was held: the parameter is 1 and a bit each for Shift, Alt, Ctrl.
fn by_word(modifiers: Option<u16>) -> bool {
    modifiers.is_some_and(|modifiers| modifiers.saturating_sub(1) & 0b110 != 0)
}
