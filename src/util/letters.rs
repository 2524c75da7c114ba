//! Letters of every script: what a name may hold, and when two names look alike.
//!
//! Marks stand on the letter before them. The zero-width joiners are part of some words and invisible in others; they
//! may stand where they show, by the rules of [UAX #31](https://www.unicode.org/reports/tr31/) (A1, A2 and B of its
//! section on layout and format characters).

use unicode_joining_type::{JoiningType, get_joining_type};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

/// Marks that may stand on one letter; no script needs more.
const MARKS: usize = 8;

/// The combining class of what takes a consonant's vowel away.
const VIRAMA: u8 = 9;

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';

/// The text in NFC: letters and accents apart, or together, are the same.
pub(crate) fn normal(text: &str) -> String {
    text.nfc().collect()
}

/// Letters, digits, their marks, and joiners where they show; `extra` may stand between them. The first is a letter or a
/// digit.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn check_word(text: &str, extra: &str) -> Result<(), &'static str> {
    let chars: Vec<char> = text.chars().collect();
    let mut marks = 0;
    for (at, &c) in chars.iter().enumerate() {
        let (before, behind) = (&chars[..at], &chars[at + 1..]);
        if is_mark(c) {
            marks += 1;
            let carries = |c: char| is_letter(c) || is_mark(c) || is_joiner(c);
            if !before.last().is_some_and(|&c| carries(c)) {
                return Err("a mark has to stand on a letter");
            }
            if marks > MARKS {
                return Err("more than 8 marks stand on one letter");
            }
            continue;
        }
        marks = 0;
        if is_joiner(c) {
            if !shows(before, c, behind) {
                return Err("a zero-width joiner may only stand where it shows in the writing");
            }
        } else if is_between(c) {
            let letter = |c: Option<&char>| c.is_some_and(|&c| is_letter(c) || is_mark(c));
            if !letter(before.last()) || !letter(behind.first()) && c != '\u{f0b}' {
                return Err("a dot or sign of the writing has to stand between letters");
            }
        } else if !is_letter(c) && !extra.contains(c) {
            return Err("only letters, digits and - _ . + may stand in it");
        }
    }
    match chars.first() {
        Some(&c) if !is_letter(c) => Err("it has to begin with a letter or a digit"),
        _ => Ok(()),
    }
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !is_combining_mark(c) && !is_unseen(c)
}

/// A mark that stands on a letter; those that go around it, and those that do not show, do not count.
fn is_mark(c: char) -> bool {
    let around = ['\u{488}'..='\u{489}', '\u{1abe}'..='\u{1abe}', '\u{20dd}'..='\u{20e0}']
        .into_iter()
        .chain(['\u{20e2}'..='\u{20e4}', '\u{a670}'..='\u{a672}'])
        .any(|range| range.contains(&c));
    is_combining_mark(c) && !around && !is_unseen(c)
}

/// Fillers, variation selectors and the like: letters or marks by their category, and nothing on the screen.
fn is_unseen(c: char) -> bool {
    let ranges = [
        '\u{34f}'..='\u{34f}',
        '\u{115f}'..='\u{1160}',
        '\u{17b4}'..='\u{17b5}',
        '\u{180b}'..='\u{180f}',
        '\u{3164}'..='\u{3164}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{e0100}'..='\u{e01ef}',
    ];
    ranges.iter().any(|range| range.contains(&c))
}

/// Catalan's and Katakana's dots, Armenian's and Hebrew's hyphens and signs, Tibetan's sign between syllables.
fn is_between(c: char) -> bool {
    matches!(c, '\u{b7}' | '\u{58a}' | '\u{5f3}' | '\u{5f4}' | '\u{f0b}' | '\u{30fb}')
}

/// One of the two zero-width joiners.
pub(crate) fn is_joiner(c: char) -> bool {
    matches!(c, NON_JOINER | JOINER)
}

/// Whether a joiner between these is part of the writing.
pub(crate) fn shows(before: &[char], joiner: char, behind: &[char]) -> bool {
    let class = |c: char| canonical_combining_class(c);
    let reorders = |c: char| is_mark(c) && class(c) != 0;
    let next = behind.iter().copied().find(|&c| !reorders(c));
    let on_virama = {
        let marks = before.iter().rposition(|&c| !reorders(c)).map_or(0, |at| at + 1);
        let letter = before.iter().rev().copied().find(|&c| !is_mark(c));
        before[marks..].iter().any(|&c| class(c) == VIRAMA) && letter.is_some_and(is_letter)
    };
    match joiner {
        NON_JOINER => {
            let joining = |chars: &mut dyn Iterator<Item = &char>| {
                let types = chars.map(|&c| get_joining_type(c));
                types.into_iter().find(|one| *one != JoiningType::Transparent)
            };
            let joins_on = matches!(
                joining(&mut before.iter().rev()),
                Some(JoiningType::DualJoining | JoiningType::LeftJoining)
            );
            let joins_back = matches!(
                joining(&mut behind.iter()),
                Some(JoiningType::DualJoining | JoiningType::RightJoining)
            );
            joins_on && joins_back || on_virama && next.is_some_and(is_letter)
        }
        // A vowel's sign behind it would stand on nothing.
        _ => on_virama && next.is_none_or(|c| !is_combining_mark(c)),
    }
}

/// What a name looks like: without case, width and joiners, without the accents of European letters and the points of
/// Hebrew and Arabic ones, and with one letter for those that are drawn alike.
pub(crate) fn looks(name: &str) -> String {
    let mut european = false;
    let mut out = String::new();
    for c in name.nfkd().flat_map(char::to_lowercase).nfkd() {
        if is_combining_mark(c) {
            if !european && !(10..=35).contains(&canonical_combining_class(c)) {
                out.push(c);
            }
            continue;
        }
        european = is_european(c);
        match c {
            // Its second half stretches a word and means nothing.
            NON_JOINER | JOINER | '\u{640}' => {}
            'ß' => out.push_str("ss"),
            _ => out.push(alike(c)),
        }
    }
    out
}

/// Latin, Greek, Cyrillic.
fn is_european(c: char) -> bool {
    let ranges = [
        'A'..='\u{2af}',
        '\u{370}'..='\u{52f}',
        '\u{1c80}'..='\u{1c8f}',
        '\u{1e00}'..='\u{1fff}',
        '\u{2c60}'..='\u{2c7f}',
        '\u{a640}'..='\u{a69f}',
        '\u{a720}'..='\u{a7ff}',
    ];
    ranges.iter().any(|range| range.contains(&c))
}

/// One letter for all that are drawn like it.
fn alike(c: char) -> char {
    const PAIRS: [(&str, char); 22] = [
        ("аα", 'a'),
        ("вβ", 'b'),
        ("сϲ", 'c'),
        ("đð", 'd'),
        ("еε", 'e'),
        ("һħ", 'h'),
        ("іıι", 'i'),
        ("јȷ", 'j'),
        ("кκ", 'k'),
        ("łӏ", 'l'),
        ("мμ", 'm'),
        ("нη", 'n'),
        ("оοøσς", 'o'),
        ("рρ", 'p'),
        ("ѕſ", 's'),
        ("тτŧ", 't'),
        ("υ", 'u'),
        ("ν", 'v'),
        ("хχ", 'x'),
        ("уγ", 'y'),
        ("يى", 'ی'),
        ("ك", 'ک'),
    ];
    PAIRS.iter().find(|(letters, _)| letters.contains(c)).map_or(c, |(_, one)| *one)
}

/// Which of the names was probably meant.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = looks(name).chars().collect();
    let near =
        names.map(|there| (distance(&wanted, &looks(there).chars().collect::<Vec<_>>()), there));
    let (distance, nearest) = near.min_by_key(|(distance, _)| *distance)?;
    let most = match wanted.len() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    (distance <= most).then_some(nearest)
}

/// Letters to put in, leave out, change, or exchange with their neighbour (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least =
                (rows[i][j] + usize::from(x != y)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joiners_may_stand_where_they_show() {
        for (word, fits) in [
            ("می\u{200c}خواهم", true),
            ("نامه\u{200c}ای", true),
            ("می\u{200c}", false),
            ("\u{200c}می", false),
            // Behind a letter that joins to nothing it would not show.
            ("در\u{200c}ما", false),
            ("go\u{200c}od", false),
            ("go\u{200d}od", false),
            ("क्\u{200d}ष", true),
            ("क्\u{200c}ष", true),
            ("क\u{200d}ष", false),
            ("क्\u{200c}", false),
            ("ന്\u{200d}", true),
            ("ശ്\u{200d}\u{d3e}", false),
            ("ශ්\u{200d}රී", true),
            ("می\u{200d}خواهم", false),
            ("می\u{200c}\u{200c}خواهم", false),
        ] {
            assert_eq!(check_word(word, "").is_ok(), fits, "{word:?}");
        }
    }

    #[test]
    fn names_that_differ_invisibly_look_alike() {
        let pairs = [
            ("Good", "good"),
            ("ＧＯＯＤ", "good"),
            ("défaut", "defaut"),
            ("defa\u{301}ut", "DÉFAUT"),
            ("gооd", "good"),
            ("şă", "șä"),
            ("straße", "STRASSE"),
            ("łódź", "Lodz"),
            ("می\u{200c}خواهم", "ميخواهم"),
            ("كِتاب", "کتاب"),
            ("ﬁn", "fin"),
            ("ΟΔΟΣ", "οδος"),
            ("ｶﾞｽ", "ガス"),
            ("İ", "i"),
        ];
        for (a, b) in pairs {
            assert_eq!(looks(a), looks(b), "{a} {b}");
        }
        for (a, b) in [("ไม้", "ไม่"), ("か", "が"), ("कि", "की"), ("good", "goods"), ("a1", "a2")]
        {
            assert_ne!(looks(a), looks(b), "{a} {b}");
        }
    }

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        let there = ["Scratch", "good", "ok", "傷"];
        for (name, wanted) in [
            ("scratch", Some("Scratch")),
            ("scracth", Some("Scratch")),
            ("scratches", Some("Scratch")),
            ("god", Some("good")),
            ("GOOD", Some("good")),
            ("dent", None),
            ("no", None),
            ("OK", Some("ok")),
            ("傷", Some("傷")),
            ("", None),
        ] {
            assert_eq!(nearest(name, there.into_iter()), wanted, "{name}");
        }
        assert_eq!(nearest("x", std::iter::empty()), None);
    }
}
