//! Lines of text: an embedding without a network, for lines that programs write, and tokens for networks that read; a line
//! as a frame ([`frame`](crate::text::frame)), and bytes cut into lines ([`LineSplitter`](crate::text::LineSplitter)).
//!
//! A line is brought into one form ([`masked`](crate::text::masked)): compatible characters are one (Unicode's NFKC),
//! capitals small, numbers left out. Its words, pairs of words, and runs of three and four characters are counted in 1024
//! places that a hash chooses; a count's square root is a value, and the whole has length one. So it knows no language, and needs no weights.
//!
//! What a head makes of it is what it makes of an image's embedding. Counts in hashed places: Weinberger et al., *Feature
//! hashing for large scale multitask learning*, 2009 (there with signs); their square roots: the Hellinger kernel.

mod drawn;
mod lines;
mod tokenizer;

use crate::image::frame::Frame;
use crate::util::text::one_line;
pub use drawn::{LINE_HEIGHT, LINE_WIDTH, frame};
pub use lines::{BrokenLine, LineSplitter, NumberedLine};
pub use tokenizer::{Tokenizer, TokenizerError, Tokens};
use unicode_normalization::UnicodeNormalization as _;

/// Length of a feature.
pub const DIM: usize = 1024;

/// What a store remembers of this form of text; another form gets another name.
pub const TEXT_MODEL: &str = "text-1024";

/// Bytes of a line at most.
pub const MAX_LINE: usize = Frame::MAX_LINE;

/// Characters of a line that its example keeps.
const KEPT: usize = 200;

/// Runs of so many characters of a word are counted, its first and last marked.
const RUNS: [usize; 2] = [3, 4];

/// Why a line has no embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Nothing of it counts.
    #[error("the line is empty, wanted letters or digits")]
    Empty,
    /// It is longer than [`MAX_LINE`].
    #[error("the line has {0} bytes, wanted at most {MAX_LINE}")]
    TooLong(usize),
    /// The tokenizer makes nothing of it.
    #[error("the tokenizer makes no tokens of the line")]
    Tokens,
}

/// The line in the form in which it is compared: small letters, one space between words, `#` for every number, also a
/// hexadecimal one, and for digits inside a word. Lines of the same form have the same embedding.
pub fn masked(line: &str) -> String {
    let line: String = line.nfkc().flat_map(char::to_lowercase).collect();
    let mut form = String::with_capacity(line.len());
    for part in words(&line) {
        let is_word = part.starts_with(char::is_alphanumeric);
        if is_word && is_number(part) {
            form.push('#');
        } else if is_word {
            let mut before = ' ';
            for c in part.chars().map(|c| if c.is_numeric() { '#' } else { c }) {
                if c != '#' || before != '#' {
                    form.push(c);
                }
                before = c;
            }
        } else {
            for c in part.chars() {
                match c.is_whitespace() || c.is_control() {
                    false => form.push(c),
                    true if form.ends_with(' ') => {}
                    true => form.push(' '),
                }
            }
        }
    }
    form.trim().to_owned()
}

/// Runs of letters and digits, and what is between them.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let is_word = rest.chars().next()?.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != is_word).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        rest = behind;
        Some(part)
    })
}

/// Digits alone, or a hexadecimal number of at least four places that has a digit.
fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let is_hex = digits.chars().all(|c| c.is_ascii_hexdigit());
    let has_digit = digits.chars().any(char::is_numeric);
    word.chars().all(char::is_numeric)
        || is_hex && has_digit && (digits.len() >= 4 || digits != word)
}

/// The embedding of a line: `[DIM]`, not negative, of length 1.
///
/// # Errors
/// [`LineError`].
pub fn feature(line: &str) -> Result<Vec<f32>, LineError> {
    if line.len() > MAX_LINE {
        return Err(LineError::TooLong(line.len()));
    }
    let form = masked(line);
    let words: Vec<&str> = form
        .split(|c: char| !(c.is_alphanumeric() || c == '#'))
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        return Err(LineError::Empty);
    }
    let mut feature = vec![0.0f32; DIM];
    let mut count = |kind: u8, text: &[char]| feature[place(kind, text)] += 1.0;
    let mut before: Vec<char> = Vec::new();
    for word in words {
        let letters: Vec<char> = word.chars().collect();
        count(0, &letters);
        let pair = [&before[..], &[' '], &letters].concat();
        if !before.is_empty() {
            count(1, &pair);
        }
        let marked = [&[' '], &letters[..], &[' ']].concat();
        for length in RUNS {
            marked.windows(length).for_each(|run| count(2, run));
        }
        before = letters;
    }
    for value in &mut feature {
        *value = value.sqrt();
    }
    let length = feature.iter().map(|value| value * value).sum::<f32>().sqrt();
    feature.iter_mut().for_each(|value| *value /= length);
    Ok(feature)
}

/// What an example of the line keeps of it, for people: its beginning, harmless on a terminal.
pub fn origin(line: &str) -> String {
    one_line(line).chars().take(KEPT).collect()
}

/// FNV-1a, and the steps of MurmurHash3 behind it, which spread what differs in the last characters.
fn place(kind: u8, text: &[char]) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    take(kind);
    for &c in text {
        u32::from(c).to_le_bytes().into_iter().for_each(&mut take);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ (hash >> 33)) as usize % DIM
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        let [a, b] = [a, b].map(|line| feature(line).expect("it has words"));
        a.iter().zip(&b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn numbers_addresses_and_capitals_do_not_count() {
        let cases = [
            ("Nov 29 16:01:02 host sshd[812]: Failed", "nov # #:#:# host sshd[#]: failed"),
            ("read 0x7F3a of deadbeef01 on eth0", "read # of # on eth#"),
            ("blk_38865049064139660  10.250.19.102:54106", "blk_# #.#.#.#:#"),
            ("a decade, ade, 3ab and added", "a decade, ade, #ab and added"),
            ("\tＦｕｌｌ\u{7}width ２５ ", "full width #"),
        ];
        for (line, form) in cases {
            assert_eq!(masked(line), form);
        }
        assert_eq!(feature("job 17 done"), feature("JOB 4711  done"));
    }

    #[test]
    fn lines_that_share_words_are_nearer() {
        let failed = "sshd[812]: Failed password for root from 10.0.0.7 port 22";
        let other = "sshd[19]: Failed password for admin from 10.0.3.1 port 5122";
        let disk = "kernel: ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0";
        assert!(cosine(failed, other) > 0.8, "{}", cosine(failed, other));
        assert!(cosine(failed, disk) < 0.25, "{}", cosine(failed, disk));
        // An ending more is no other word altogether.
        assert!(cosine("connection closed", "connections closing") > 0.4);
        assert!((cosine(failed, failed) - 1.0).abs() < 1e-6);
    }

    /// What a store holds is compared with what a later version computes.
    #[test]
    fn the_places_of_words_stay_for_ever() {
        let feature = feature("Grüße 7").expect("it has words");
        let filled: Vec<usize> = (0..DIM).filter(|&at| feature[at] > 0.0).collect();
        assert_eq!(filled, PLACES);
    }

    const PLACES: [usize; 13] = [109, 201, 218, 224, 291, 312, 451, 581, 608, 657, 659, 827, 933];

    #[test]
    fn nothing_and_too_much_are_refused() {
        for line in ["", "  \t", "--- ... !!!", "\u{0}\u{1b}"] {
            assert_eq!(feature(line), Err(LineError::Empty), "{line:?}");
        }
        assert!(feature(&"a".repeat(MAX_LINE)).is_ok());
        assert_eq!(feature(&"a".repeat(MAX_LINE + 1)), Err(LineError::TooLong(MAX_LINE + 1)));
    }
}
