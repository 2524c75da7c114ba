//! Names of classes.

use super::LearnError;
use crate::util::letters;

/// A class's name: 1 to 64 bytes of letters and digits of any script with their marks, and `-_.+`, beginning with a letter
/// or digit; so it is one word on a console, a safe file name, and cannot carry terminal escapes. It is kept in NFC:
/// letters and accents apart, or together, are the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassName(String);

const MAX_BYTES: usize = 64;
const BETWEEN: &str = "-_.+";

impl ClassName {
    /// # Errors
    /// [`LearnError::Name`].
    pub fn new(name: &str) -> Result<Self, LearnError> {
        let refuse = |why| Err(LearnError::Name { name: name.escape_debug().to_string(), why });
        // Far too much is not looked at, and what is too long apart may fit together.
        if name.is_empty() || name.len() > 4 * MAX_BYTES {
            return refuse("it has to be 1 to 64 bytes long");
        }
        let normal = letters::normal(name);
        if normal.len() > MAX_BYTES {
            return refuse("it has to be 1 to 64 bytes long");
        }
        if let Err(why) = letters::check_word(&normal, BETWEEN) {
            return refuse(why);
        }
        if letters::looks(&normal) == UNKNOWN {
            return refuse("that word is reserved for what was not taught");
        }
        Ok(Self(normal))
    }

    /// A name from where it was kept, as it was: what an earlier version allowed is a name for ever.
    ///
    /// # Errors
    /// [`LearnError::Name`].
    pub fn kept(name: &str) -> Result<Self, LearnError> {
        let as_before = !name.is_empty()
            && name.len() <= MAX_BYTES
            && name.starts_with(char::is_alphanumeric)
            && name.chars().all(|c| c.is_alphanumeric() || BETWEEN.contains(c))
            && name != UNKNOWN;
        if as_before { Ok(Self(name.to_owned())) } else { Self::new(name) }
    }

    /// Whether that is this name, letters and accents apart or together.
    pub fn is(&self, name: &str) -> bool {
        self.0 == name
            || !(self.0.is_ascii() && name.is_ascii())
                && letters::normal(&self.0) == letters::normal(name)
    }

    /// Whether people would take one name for the other: they differ by case, width, accents or letters drawn alike.
    pub fn looks_like(&self, other: &ClassName) -> bool {
        letters::looks(&self.0) == letters::looks(&other.0)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ClassName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a verdict without a class is called.
pub const UNKNOWN: &str = "unknown";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_single_harmless_words_in_any_script() {
        let plain = ["a", "scratch-2", "Kratzer_ü", "傷", "1.5+", &"x".repeat(64)];
        let marked =
            ["अच्छा", "நல்ல", "ไม้", "می\u{200c}خواهم", "défaut", "ශ්\u{200d}රී", "ᠰᠠᠢᠨ", "טוֹב"];
        let more = ["ကောင်း", "ល្អ", "བཟང་པོ", "l·l", "ガス", "각", "ඇ", "మంచి", "ভালো", "ਚੰਗਾ"];
        for name in plain.into_iter().chain(marked).chain(more) {
            let normal = letters::normal(name);
            assert_eq!(ClassName::new(name).map(|name| name.to_string()), Ok(normal));
        }
        let (apart, together) = (ClassName::new("de\u{301}faut"), ClassName::new("d\u{e9}faut"));
        assert_eq!(apart, together, "one name, however it was typed");
        let cases = [
            ("", "1 to 64 bytes"),
            (&"x".repeat(65), "1 to 64 bytes"),
            ("two words", "letters, digits"),
            ("../up", "letters, digits"),
            ("a\u{1b}[2J", "letters, digits"),
            ("-x", "begin"),
            (".hidden", "begin"),
            ("\u{301}a", "mark"),
            ("a-\u{301}", "mark"),
            (&format!("a{}", "\u{316}".repeat(9)), "8 marks"),
            ("a\u{20dd}", "letters, digits"),
            ("go\u{200d}od", "joiner"),
            ("go\u{200c}od", "joiner"),
            ("a\u{200b}b", "letters, digits"),
            ("a\u{202e}b", "letters, digits"),
            ("a\u{2066}b", "letters, digits"),
            ("a\u{3164}b", "letters, digits"),
            ("\u{115f}\u{1160}", "letters, digits"),
            ("a\u{fe0f}", "letters, digits"),
            ("a\u{34f}b", "letters, digits"),
            ("a\u{ad}b", "letters, digits"),
            ("a\u{378}", "letters, digits"),
            ("a\u{e000}", "letters, digits"),
            ("·a", "between"),
            ("😀", "letters, digits"),
            (UNKNOWN, "reserved"),
            ("Unknown", "reserved"),
            ("ｕｎｋｎｏｗｎ", "reserved"),
        ];
        for (name, wanted) in cases {
            let error = ClassName::new(name).expect_err(name).to_string();
            assert!(error.contains(wanted) && !error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn what_was_a_name_before_is_one_for_ever() {
        // A letter that NFC takes apart, one that it exchanges, a filler.
        for name in ["\u{958}लम", "\u{212b}", "a\u{3164}", "good"] {
            assert_eq!(ClassName::kept(name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
        let kept = ClassName::kept("\u{212b}").expect("it was a name");
        assert!(kept.is("\u{c5}") && kept.is("\u{212b}") && !kept.is("A"));
        for name in ["", "two words", "a\u{1b}", UNKNOWN] {
            assert!(ClassName::kept(name).is_err(), "{name:?}");
        }
        assert_eq!(ClassName::kept("अच्छा"), ClassName::new("अच्छा"));
    }
}
