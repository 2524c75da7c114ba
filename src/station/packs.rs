//! Packs that are pushed: taken out of their container, checked, put in place.

use super::Station;
use super::answers::refused;
use crate::backbone::FeatureSource;
use crate::frame::Timestamp;
use crate::request::{Answer, Refused};
use crate::signed::{self, PublicKey, Signature};
use crate::snapshot::Snapshot;
use crate::store::Store;

/// The setting of the store that holds when the pack that was accepted last was signed: microseconds since 1970,
/// little-endian.
pub const LAST_SIGNED: &str = "last-signed";

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// Takes packs from now on only if one of these keys signed them; from anybody where there are none.
    pub fn set_trusted_keys(&mut self, keys: Vec<PublicKey>) {
        self.trusted = keys;
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Answer, Refused> {
        let opened = signed::open(bytes, &self.trusted).map_err(refused)?;
        let learned = Snapshot::decode(opened.pack).map_err(refused)?;
        match opened.by {
            Some((_, at)) if opened.signature == Signature::Trusted => {
                self.replace_once(learned, at)?
            }
            _ => self.keeper.replace(learned).map_err(refused)?,
        }
        Ok(Answer::Pushed { signature: opened.signature })
    }

    /// Puts a pack in place if it was signed after every other that was.
    fn replace_once(&mut self, learned: Snapshot, at: Timestamp) -> Result<(), Refused> {
        let store = self.keeper.store_mut();
        let last = match store.setting(LAST_SIGNED).map_err(refused)? {
            None => 0,
            Some(bytes) => match bytes.try_into() {
                Ok(bytes) => u64::from_le_bytes(bytes),
                // Nothing is taken rather than anything.
                Err(_) => {
                    return Err(refused("the store's last-signed is damaged: got no 8 bytes"));
                }
            },
        };
        if at.0 <= last {
            return Err(replayed(at.0, last));
        }
        // First, so that after a power cut in between the pack has to be signed again, not that it may come again.
        store.set(LAST_SIGNED, &at.0.to_le_bytes()).map_err(refused)?;
        self.keeper.replace(learned).map_err(|error| {
            // It was not put in place, so it may come again. If this fails, too, it has to be signed again.
            let _ = self.keeper.store_mut().set(LAST_SIGNED, &last.to_le_bytes());
            refused(error)
        })
    }
}

fn replayed(at: u64, last: u64) -> Refused {
    let again = "sign it again: fieldtune key sign PACK --key FILE";
    match last - at {
        0 => refused(format!("that signed pack was accepted before; {again}")),
        micros => {
            let seconds = micros.div_ceil(1_000_000);
            refused(format!(
                "the pack was signed {seconds} s before the last one that was accepted; {again}"
            ))
        }
    }
}
