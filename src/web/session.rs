//! Who gave the PIN: a cookie names a lock that is open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rand::TryRng as _;

use crate::image::frame::Timestamp;
use crate::protocol::access::PortLock;
use crate::util::mutex::lock;

/// The cookie's name.
pub(super) const COOKIE: &str = "fieldtune";

/// Sessions that are kept; the one that was used longest ago makes room.
const SESSIONS: usize = 32;

/// Letters of a cookie: 128 bits.
const ID: usize = 32;

#[derive(Debug)]
struct Session {
    lock: Arc<Mutex<PortLock>>,
    used: Instant,
}

/// Who gave the PIN.
#[derive(Debug, Default)]
pub(super) struct Sessions(BTreeMap<String, Session>);

impl Sessions {
    /// The lock that a cookie names, if it is still open.
    pub(super) fn get(&mut self, id: &str, now: Timestamp) -> Option<Arc<Mutex<PortLock>>> {
        let session = self.0.get_mut(id)?;
        let is_open = {
            let mut lock = lock(&session.lock);
            lock.expire(now);
            lock.is_unlocked()
        };
        if !is_open {
            self.0.remove(id);
            return None;
        }
        session.used = Instant::now();
        Some(Arc::clone(&session.lock))
    }

    /// Keeps an open lock under a new name.
    pub(super) fn add(&mut self, id: String, lock: Arc<Mutex<PortLock>>) {
        if self.0.len() >= SESSIONS {
            let oldest = self.0.iter().min_by_key(|(_, session)| session.used);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(id, Session { lock, used: Instant::now() });
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }
}

/// A name that cannot be guessed; `None` where the system gives no randomness.
pub(super) fn random_id() -> Option<String> {
    let mut bytes = [0; ID / 2];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The session's name among a request's cookies.
pub(super) fn id_of(cookies: &str) -> Option<&str> {
    let value = |cookie: &'_ str| -> Option<(usize, usize)> {
        let (name, value) = cookie.trim().split_once('=')?;
        let fits =
            name == COOKIE && value.len() == ID && value.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then_some((0, 0))
    };
    let cookie = cookies.split(';').find(|cookie| value(cookie).is_some())?;
    cookie.trim().split_once('=').map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_with_its_lock_and_sessions_are_bounded() {
        let mut sessions = Sessions::default();
        let open = || {
            let mut lock = PortLock::new(10);
            lock.unlock(Timestamp(0));
            Arc::new(Mutex::new(lock))
        };
        for number in 0..2 * SESSIONS {
            sessions.add(format!("{number:032}"), open());
        }
        assert_eq!(sessions.0.len(), SESSIONS);
        let last = format!("{:032}", 2 * SESSIONS - 1);
        assert!(sessions.get(&last, Timestamp(9)).is_some());
        assert!(sessions.get(&last, Timestamp(10)).is_none());
        assert_eq!(sessions.0.len(), SESSIONS - 1);
    }

    #[test]
    fn cookies_are_found_among_others() {
        let id = "0123456789abcdef0123456789ABCDEF";
        for (cookies, wanted) in [
            (format!("fieldtune={id}"), Some(id)),
            (format!("a=b; fieldtune={id}; c"), Some(id)),
            (format!("xfieldtune={id}"), None),
            ("fieldtune=12".to_owned(), None),
            (format!("fieldtune={id}0"), None),
            (String::new(), None),
        ] {
            assert_eq!(id_of(&cookies), wanted, "{cookies}");
        }
        let (one, other) = (random_id().expect("randomness"), random_id().expect("randomness"));
        assert!(one.len() == ID && one != other);
    }
}
