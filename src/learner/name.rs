//! Names of classes.

use super::LearnError;

/// A class's name: 1 to 64 bytes of letters, digits and `-_.+`, beginning with a letter or digit; so it is one word
/// on a console, a safe file name, and cannot carry terminal escapes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassName(String);

impl ClassName {
    /// # Errors
    /// [`LearnError::Name`].
    pub fn new(name: &str) -> Result<Self, LearnError> {
        let refuse = |why| Err(LearnError::Name { name: name.escape_debug().to_string(), why });
        if name.is_empty() || name.len() > 64 {
            return refuse("it has to be 1 to 64 bytes long");
        }
        if !name.chars().all(|c| c.is_alphanumeric() || "-_.+".contains(c)) {
            return refuse("only letters, digits and - _ . + may stand in it");
        }
        if !name.starts_with(char::is_alphanumeric) {
            return refuse("it has to begin with a letter or a digit");
        }
        if name == UNKNOWN {
            return refuse("that word is kept for what was not taught");
        }
        Ok(Self(name.to_owned()))
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
        for name in ["a", "scratch-2", "Kratzer_ü", "傷", "1.5+", &"x".repeat(64)] {
            assert_eq!(ClassName::new(name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
        let cases = [
            ("", "1 to 64 bytes"),
            (&"x".repeat(65), "1 to 64 bytes"),
            ("two words", "letters, digits"),
            ("../up", "letters, digits"),
            ("a\u{1b}[2J", "letters, digits"),
            ("-x", "begin"),
            (".hidden", "begin"),
            (UNKNOWN, "kept"),
        ];
        for (name, wanted) in cases {
            let error = ClassName::new(name).expect_err(name).to_string();
            assert!(error.contains(wanted) && !error.contains('\u{1b}'), "{error}");
        }
    }
}
