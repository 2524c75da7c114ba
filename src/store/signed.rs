//! Packs with a signature: who made what a device is to learn, and when.
//!
//! A pack is a [`Snapshot`](crate::store::snapshot::Snapshot), encoded. Signed, it stands in a container:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `FTSIGNED` |
//! | 2 | version, 1, little-endian |
//! | 8 | time of signing, microseconds since 1970, little-endian |
//! | 32 | the signer's public key, Ed25519 |
//! | 64 | the signature, Ed25519, of the 50 bytes before and the SHA-256 of the pack: 82 bytes |
//! | n | the pack |
//!
//! The key in it distinguishes a pack that was changed on the way from one of an unknown signer; it is trusted
//! only where a board trusts it. Keys are written as base64 of their 32 bytes.

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::image::frame::Timestamp;

const MAGIC: &[u8; 8] = b"FTSIGNED";
const VERSION: u16 = 1;
/// Bytes before the signature, which it covers.
const HEAD_BYTES: usize = 50;
/// Bytes before the pack.
const START_BYTES: usize = HEAD_BYTES + 64;
/// Bytes of a key as base64.
const KEY_CHARS: usize = 44;

/// First line of a file with a private key.
const PRIVATE_FILE: &str =
    "# a private key of fieldtune (ed25519): keep it secret, it signs in your name";

/// The holder of the private key that belongs to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// What signs. It is not shown by `{:?}`.
#[derive(Clone)]
pub struct PrivateKey {
    seed: [u8; 32],
}

/// What is known of who made a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// It is not signed.
    None,
    /// It is signed and whole; the signer was not checked.
    Unchecked,
    /// It is signed by a key that is trusted.
    Trusted,
}

impl Signature {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Signature::None => "none",
            Signature::Unchecked => "unchecked",
            Signature::Trusted => "trusted",
        }
    }
}

/// A pack without its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The pack.
    pub pack: &'a [u8],
    /// What is known of who made it.
    pub signature: Signature,
    /// Who signed it, and when.
    pub by: Option<(PublicKey, Timestamp)>,
}

/// Why a pack is not taken, or a key is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedError {
    /// No container around it, where one has to be.
    #[error("the pack is not signed; sign it: fieldtune key sign PACK --key FILE")]
    Unsigned,
    /// Too short.
    #[error("the signed pack is cut off: got {bytes} bytes, less than {START_BYTES} and a pack")]
    Short {
        /// Its bytes.
        bytes: usize,
    },
    /// Signed by another program.
    #[error(
        "the signed pack is of version {got}, this program reads {VERSION}: use a newer fieldtune"
    )]
    Version {
        /// Its version.
        got: u16,
    },
    /// The signature does not fit.
    #[error("the signed pack was changed after it was signed: its signature does not fit")]
    Altered,
    /// Signed with another key.
    #[error("the pack is signed by {key}, which is not in the board's trusted_keys")]
    Stranger {
        /// Whose key stands in it.
        key: PublicKey,
    },
    /// Not a key.
    #[error(
        "got no {kind} key ({why}); fieldtune key new makes a private one, key public shows its public one"
    )]
    Key {
        /// "public" or "private".
        kind: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl PublicKey {
    fn verifying(&self) -> Option<VerifyingKey> {
        // A weak key is one that signs more than one message with one signature.
        VerifyingKey::from_bytes(&self.0).ok().filter(|key| !key.is_weak())
    }
}

impl std::str::FromStr for PublicKey {
    type Err = SignedError;

    /// # Errors
    /// [`SignedError::Key`].
    fn from_str(text: &str) -> Result<Self, SignedError> {
        let refuse = |why| SignedError::Key { kind: "public", why };
        let key = Self(key_bytes(text).ok_or(refuse("wanted base64 of 32 bytes"))?);
        key.verifying().map(|_| key).ok_or(refuse("these 32 bytes are no key of Ed25519"))
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&base64(&self.0))
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl PrivateKey {
    /// * `seed`: 32 bytes of chance.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed }
    }

    /// From the text of its file.
    ///
    /// # Errors
    /// [`SignedError::Key`].
    pub fn from_text(text: &str) -> Result<Self, SignedError> {
        let mut lines = text.lines().map(str::trim);
        let mut lines = lines.by_ref().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let refuse =
            || SignedError::Key { kind: "private", why: "wanted a line with base64 of 32 bytes" };
        let seed = lines.next().and_then(key_bytes).ok_or_else(refuse)?;
        if lines.next().is_some() {
            return Err(refuse());
        }
        Ok(Self::new(seed))
    }

    /// The text of its file.
    pub fn to_text(&self) -> String {
        format!("{PRIVATE_FILE}\n{}\n", base64(&self.seed))
    }

    fn signing(&self) -> SigningKey {
        SigningKey::from_bytes(&self.seed)
    }

    /// What others know it by.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.signing().verifying_key().to_bytes())
    }

    /// The pack in its container.
    ///
    /// * `now`: since 1970. A device takes a pack only if it was signed after the last one that it took.
    pub fn sign(&self, pack: &[u8], now: Timestamp) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(START_BYTES + pack.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(now.0.to_le_bytes());
        bytes.extend(self.public().0);
        let signature = self.signing().sign(&signed_bytes(&bytes, pack));
        bytes.extend(signature.to_bytes());
        bytes.extend(pack);
        bytes
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}

/// What a signature is of.
fn signed_bytes(head: &[u8], pack: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    bytes.extend(Sha256::digest(pack));
    bytes
}

/// Takes a pack out of its container, if it has one.
///
/// * `trusted`: where there are any, only what one of them signed is taken.
///
/// # Errors
/// [`SignedError`], also for every change of a byte of a container that still begins like one.
pub fn open<'a>(bytes: &'a [u8], trusted: &[PublicKey]) -> Result<Opened<'a>, SignedError> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return if trusted.is_empty() {
            Ok(Opened { pack: bytes, signature: Signature::None, by: None })
        } else {
            Err(SignedError::Unsigned)
        };
    };
    let short = SignedError::Short { bytes: bytes.len() };
    let (version, rest) = rest.split_first_chunk().ok_or(short.clone())?;
    let got = u16::from_le_bytes(*version);
    if got != VERSION {
        return Err(SignedError::Version { got });
    }
    let (time, rest) = rest.split_first_chunk().ok_or(short.clone())?;
    let (key, rest) = rest.split_first_chunk().ok_or(short.clone())?;
    let (signature, pack) = rest.split_first_chunk().ok_or(short.clone())?;
    if pack.is_empty() {
        return Err(short);
    }
    let key = PublicKey(*key);
    let message = signed_bytes(&bytes[..HEAD_BYTES], pack);
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    let fits = |key: VerifyingKey| key.verify_strict(&message, &signature).is_ok();
    if !key.verifying().is_some_and(fits) {
        return Err(SignedError::Altered);
    }
    let signature = match trusted {
        [] => Signature::Unchecked,
        keys if keys.contains(&key) => Signature::Trusted,
        _ => return Err(SignedError::Stranger { key }),
    };
    Ok(Opened { pack, signature, by: Some((key, Timestamp(u64::from_le_bytes(*time)))) })
}

fn key_bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let decoded = Base64::decode(text, &mut bytes).ok()?;
    (decoded.len() == 32).then_some(bytes)
}

fn base64(key: &[u8; 32]) -> String {
    let mut text = [0; KEY_CHARS];
    Base64::encode(key, &mut text).expect("32 bytes make 44 characters").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::new([seed; 32])
    }

    #[test]
    fn the_container_is_what_the_module_says_byte_by_byte() {
        let signed = key(1).sign(b"the pack", Timestamp(0x0102_0304_0506_0708));
        assert_eq!(signed.len(), 8 + 2 + 8 + 32 + 64 + 8);
        assert_eq!(&signed[..18], b"FTSIGNED\x01\0\x08\x07\x06\x05\x04\x03\x02\x01");
        assert_eq!(signed[18..50], key(1).public().0);
        assert_eq!(&signed[114..], b"the pack");
        let message = [&signed[..50], &Sha256::digest(b"the pack")].concat();
        assert_eq!(message.len(), 82);
        let signature = ed25519_dalek::Signature::from_slice(&signed[50..114]).expect("64 bytes");
        let verifying = key(1).public().verifying().expect("a key");
        verifying.verify_strict(&message, &signature).expect("it fits");
    }

    /// RFC 8032, section 7.1, test 1: the key in this module's forms.
    #[test]
    fn keys_are_those_of_the_standard() {
        let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
        let public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let key = PrivateKey::from_text(seed).expect("the standard's");
        assert_eq!(key.public().to_string(), public);
    }

    #[test]
    fn a_signed_pack_round_trips_with_its_signer() {
        let (mine, other) = (key(1), key(2));
        let signed = mine.sign(b"the pack", Timestamp(7));
        let by = Some((mine.public(), Timestamp(7)));
        let pack = &b"the pack"[..];
        let unchecked = Opened { pack, signature: Signature::Unchecked, by };
        assert_eq!(open(&signed, &[]), Ok(unchecked));
        let trusted = Opened { pack, signature: Signature::Trusted, by };
        assert_eq!(open(&signed, &[other.public(), mine.public()]), Ok(trusted));
        let stranger = SignedError::Stranger { key: mine.public() };
        assert_eq!(open(&signed, &[other.public()]), Err(stranger));
        assert_eq!(open(pack, &[mine.public()]), Err(SignedError::Unsigned));
        assert_eq!(open(pack, &[]), Ok(Opened { pack, signature: Signature::None, by: None }));
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_refused() {
        let mine = key(1);
        let signed = mine.sign(b"the pack that is signed", Timestamp(7));
        for at in 0..signed.len() {
            for bit in 0..8 {
                let mut changed = signed.clone();
                changed[at] ^= 1 << bit;
                let error = open(&changed, &[mine.public()]).expect_err("it was changed");
                let wanted = match at {
                    0..8 => SignedError::Unsigned,
                    8..10 => {
                        SignedError::Version { got: u16::from_le_bytes([changed[8], changed[9]]) }
                    }
                    _ => SignedError::Altered,
                };
                assert_eq!(error, wanted, "bit {bit} of byte {at}");
                if at >= 8 {
                    assert_eq!(open(&changed, &[]), Err(wanted), "where no key is trusted, too");
                }
            }
        }
        for end in 0..signed.len() {
            let error = open(&signed[..end], &[mine.public()]).expect_err("it was cut");
            let wanted = match end {
                0..8 => SignedError::Unsigned,
                8..=114 => SignedError::Short { bytes: end },
                _ => SignedError::Altered,
            };
            assert_eq!(error, wanted, "{end} bytes");
        }
        let longer = [&signed[..], b"x"].concat();
        assert_eq!(open(&longer, &[mine.public()]), Err(SignedError::Altered));
    }

    #[test]
    fn keys_round_trip_and_nothing_else_is_a_key() {
        let mine = key(9);
        let read = PrivateKey::from_text(&mine.to_text()).expect("it was just written");
        assert_eq!(read.public(), mine.public());
        assert!(!format!("{mine:?}").contains(&base64(&mine.seed)));
        let public = mine.public().to_string();
        assert_eq!(public.parse(), Ok(mine.public()));
        // The neutral element: any message's signature by it can be made up.
        let weak = base64(&std::array::from_fn(|at| u8::from(at == 0)));
        for text in ["", "x", &public[1..], &format!("{public}="), &weak, &public.replace('=', "")]
        {
            let error = text.parse::<PublicKey>().expect_err(text).to_string();
            assert!(error.contains("no public key") && error.contains("key new"), "{error}");
        }
        let seed = base64(&[9; 32]);
        for text in ["", "# only a comment\n", "x\n", &format!("{seed}\n{seed}\n"), &seed[1..]] {
            let error = PrivateKey::from_text(text).expect_err("no key").to_string();
            assert!(error.contains("no private key") && !error.contains(&seed), "{error}");
        }
    }
}
