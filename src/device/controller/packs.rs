//! Packs that are pushed: taken out of their container, checked, put in place.

use super::Station;
use super::answers::refused;
use crate::backbone::FeatureSource;
use crate::image::frame::Timestamp;
use crate::protocol::request::{Answer, Refused};
use crate::store::Store;
use crate::store::signed::{self, PublicKey, Signature};
use crate::store::snapshot::Snapshot;

/// The setting of the store that holds when the pack that was accepted last was signed: microseconds since 1970,
/// little-endian.
pub const LAST_SIGNED: &str = "last-signed";

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// Takes packs from now on only if one of these keys signed them; from anybody where there are none.
    pub fn set_trusted_keys(&mut self, keys: Vec<PublicKey>) {
        self.trusted = keys;
    }

    /// * `merge`: beside what was learned, instead of in its place.
    /// * `now`: the date.
    pub(super) fn push(
        &mut self,
        place: usize,
        bytes: &[u8],
        merge: bool,
        now: Timestamp,
    ) -> Result<Answer, Refused> {
        let opened = signed::open(bytes, &self.trusted).map_err(refused)?;
        let learned = Snapshot::decode(opened.pack).map_err(refused)?;
        let trusted = opened.by.filter(|_| opened.signature == Signature::Trusted);
        // The device takes a pack once, whichever region it was for.
        let mut last = 0;
        for learned in self.learners.iter_mut().filter(|_| trusted.is_some()) {
            last = last.max(signed_last(learned.persistent.store_mut())?);
        }
        let signed = match trusted {
            Some((_, at)) if at.0 <= last => return Err(replayed(at.0, last)),
            Some((_, at)) => Some(at.0.to_le_bytes()),
            None => None,
        };
        let into = self.learned_mut(place);
        // In one transaction with what was learned: it was accepted, and once, or it was not.
        let setting = signed.as_ref().map(|at| (LAST_SIGNED, &at[..]));
        if merge {
            let merged = into.persistent.merge(&[learned], setting, now).map_err(refused)?;
            into.changed(false);
            return Ok(Answer::Reply(merged));
        }
        into.persistent.replace(learned, "push", setting, now).map_err(refused)?;
        into.changed(true);
        Ok(Answer::Pushed { signature: opened.signature })
    }
}

/// When the pack was signed that was accepted last, in microseconds since 1970; 0 before the first.
fn signed_last(store: &mut impl Store) -> Result<u64, Refused> {
    match store.setting(LAST_SIGNED).map_err(refused)? {
        None => Ok(0),
        Some(bytes) => match bytes.try_into() {
            Ok(bytes) => Ok(u64::from_le_bytes(bytes)),
            // Nothing is taken rather than anything.
            Err(_) => Err(refused("the store's last-signed is damaged: got no 8 bytes")),
        },
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
