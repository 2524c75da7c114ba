//! The PIN that unlocks a port, and its hash, the only form in which it is kept.
//!
//! The hash is Argon2id, version 0x13, with m = 19456 KiB, t = 2, p = 1 (19 MiB of memory, twice over it, one thread) and
//! a salt of 16 random bytes, as a [PHC string](https://github.com/P-H-C/phc-string-format). The parameters are meant for
//! about half a second of a Raspberry Pi Zero 2 W, which is an estimate; a PC takes some 30 milliseconds. A board file may
//! hold a hash with others, up to 64 MiB and 4 passes, so that no file holds up a port for long.

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, PasswordHasher as _, Version};

/// Characters of a PIN, at least.
pub const SHORTEST: usize = 4;

/// Characters of a PIN, at most.
pub const LONGEST: usize = 64;

/// Memory of a hash, at most.
const MAX_KIB: u32 = 64 * 1024;

/// Bytes of an allocation that is always the system's: glibc's largest threshold of `mmap` is 32 MiB.
const NEVER_KEPT: usize = 33 << 20;

/// Passes over it, at most.
const MAX_PASSES: u32 = 4;

/// Lanes, at most; they are worked through one after another.
const MAX_LANES: u32 = 4;

/// A PIN as it was given. It is not shown by `{:?}`, and has no other way into a text by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

/// The hash of a PIN, as it stands in a board file.
#[derive(Clone, PartialEq, Eq)]
pub struct PinHash {
    text: String,
}

/// Why there is no PIN or no hash. What was typed does not stand in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Too short or too long.
    #[error("a PIN has {SHORTEST} to {LONGEST} characters, got {got}")]
    Length {
        /// Its characters.
        got: usize,
    },
    /// Not something that every keyboard and every line has.
    #[error("a PIN is of letters without accents, digits and punctuation, without spaces")]
    Character,
    /// Not the hash of a PIN.
    #[error("got no hash of a PIN that can be used ({why}); fieldtune pin makes one")]
    Hash {
        /// What is wrong with it.
        why: String,
    },
    /// The system gave no random salt.
    #[error("no hash could be made: {why}")]
    Salt {
        /// What it said.
        why: String,
    },
}

impl Pin {
    /// * `text`: 4 to 64 printable characters of ASCII, no space.
    ///
    /// # Errors
    /// [`PinError::Character`], [`PinError::Length`].
    pub fn new(text: &str) -> Result<Self, PinError> {
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(PinError::Character);
        }
        if !(SHORTEST..=LONGEST).contains(&text.len()) {
            return Err(PinError::Length { got: text.len() });
        }
        Ok(Self(text.to_owned()))
    }

    /// What was typed, to be sent to a device.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(hidden)")
    }
}

impl PinHash {
    /// The hash of a PIN with a new salt; takes its time.
    ///
    /// # Errors
    /// [`PinError::Salt`].
    pub fn of(pin: &Pin) -> Result<Self, PinError> {
        let hash = Argon2::default().hash_password(pin.0.as_bytes());
        let hash = hash.map_err(|error| PinError::Salt { why: error.to_string() })?;
        Ok(Self { text: hash.to_string() })
    }

    /// * `text`: a PHC string, `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
    ///
    /// # Errors
    /// [`PinError::Hash`] if it is none, of another kind, or asks for too much memory or time.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        let refuse = |why: &str| PinError::Hash { why: why.to_owned() };
        let hash = PasswordHash::new(text).map_err(|error| refuse(&error.to_string()))?;
        if hash.algorithm != ARGON2ID_IDENT {
            return Err(refuse("wanted $argon2id$..."));
        }
        if hash.version != Some(Version::V0x13.into()) {
            return Err(refuse("wanted v=19"));
        }
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(refuse("salt or hash is missing"));
        }
        let params = Params::try_from(&hash).map_err(|error| refuse(&error.to_string()))?;
        let (kib, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        if kib > MAX_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
            let most = format!("wanted m, t, p up to {MAX_KIB}, {MAX_PASSES}, {MAX_LANES}");
            return Err(refuse(&format!("m={kib},t={passes},p={lanes}; {most}")));
        }
        Ok(Self { text: text.to_owned() })
    }

    /// Whether it is the hash of that PIN; takes its time, as much for a wrong one, and the hash's memory meanwhile.
    pub fn fits(&self, pin: &Pin) -> bool {
        self.compare(pin).unwrap_or(false)
    }

    /// As [`PinHash::fits`]; `None` where no hash can be made with the same salt and parameters.
    fn compare(&self, pin: &Pin) -> Option<bool> {
        let hash = PasswordHash::new(&self.text).ok()?;
        let (salt, wanted) = (hash.salt?, hash.hash?);
        let params = Params::try_from(&hash).ok()?;
        // Where every thread has a heap of its own, each would keep what it used once; what is larger than an allocator
        // keeps goes back to the system at once. Only what is used counts.
        let mut memory = Vec::with_capacity(params.block_count().max(NEVER_KEPT / Block::SIZE));
        memory.resize(params.block_count(), Block::default());
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut bytes = [0; Output::MAX_LENGTH];
        let bytes = bytes.get_mut(..wanted.len())?;
        let (pin, salt) = (pin.0.as_bytes(), salt.as_ref());
        argon.hash_password_into_with_memory(pin, salt, bytes, &mut memory).ok()?;
        Some(Output::new(bytes).ok()? == wanted)
    }

    /// As it stands in a board file.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Debug for PinHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PinHash(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(text: &str) -> Pin {
        Pin::new(text).expect(text)
    }

    #[test]
    fn pins_have_4_to_64_characters_and_are_never_shown() {
        for text in ["1234", "a-B9!", &"x".repeat(64)] {
            assert_eq!(pin(text).reveal(), text);
        }
        for text in ["", "123", &"x".repeat(65)] {
            assert_eq!(Pin::new(text), Err(PinError::Length { got: text.len() }));
        }
        for text in ["12 34", " 1234", "1234\n", "gr\u{fc}n", "12\u{1b}[A34", "1234\u{7f}"] {
            let error = Pin::new(text).expect_err(text);
            assert!(error == PinError::Character && !error.to_string().contains("1234"));
        }
        assert!(!format!("{:?}", pin("1234")).contains("1234"));
    }

    #[test]
    fn a_hash_fits_its_pin_only_and_is_salted() {
        let [one, other] = [(); 2].map(|()| PinHash::of(&pin("1234")).expect("random bytes"));
        assert_ne!(one.as_str(), other.as_str());
        assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_str());
        for hash in [one, other] {
            let read = PinHash::parse(hash.as_str()).expect("it was just made");
            assert!(read.fits(&pin("1234")) && !read.fits(&pin("1235")));
            assert!(!read.fits(&pin("12345")) && !format!("{read:?}").contains("argon2"));
        }
    }

    #[test]
    fn hashes_of_another_kind_or_without_bound_are_refused() {
        let salt = "$c29tZXNhbHRzb21lc2FsdA";
        let hash = "$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let text = |start: &str| format!("{start}{salt}{hash}");
        PinHash::parse(&text("$argon2id$v=19$m=64,t=1,p=1")).expect("weak, and somebody's own");
        for (text, wanted) in [
            (String::new(), "fieldtune pin"),
            ("1234".to_owned(), "fieldtune pin"),
            (text("$argon2i$v=19$m=64,t=1,p=1"), "wanted $argon2id$"),
            (text("$argon2id$v=16$m=64,t=1,p=1"), "wanted v=19"),
            (text("$argon2id$m=64,t=1,p=1"), "wanted v=19"),
            (text("$argon2id$v=19$m=65537,t=1,p=1"), "m=65537,t=1,p=1; wanted m, t, p up to 65536"),
            (text("$argon2id$v=19$m=64,t=5,p=1"), "t=5"),
            (text("$argon2id$v=19$m=64,t=1,p=5"), "p=5"),
            (format!("$argon2id$v=19$m=64,t=1,p=1{salt}"), "hash is missing"),
        ] {
            let error = PinHash::parse(&text).expect_err(&text).to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
