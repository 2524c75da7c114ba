//! Who may do what: anyone who reaches a port can type there, and may do what the port's access allows.
//!
//! | access | look | teach | change |
//! | --- | --- | --- | --- |
//! | full | yes | yes | yes |
//! | locked | yes | yes | after `unlock PIN` |
//! | read-only | yes | no | no |
//!
//! What a request needs, it says [itself](crate::protocol::request::Request::need). A
//! [`Gate`](crate::protocol::access::Gate) stands between a port's session and the device, lets requests through or refuses them,
//! and writes down who changed what.

mod gate;
mod lock;

pub use gate::{Gate, Guard, MAX_PICTURE_BYTES};
pub use lock::{PinLockout, PortLock, Wait};

pub use crate::protocol::request::Need;

use crate::protocol::request::Refused;

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Every client may do everything.
    #[default]
    Full,
    /// Every client may look and teach; a PIN unlocks the rest.
    Locked,
    /// Every client may look.
    ReadOnly,
}

impl Access {
    /// As it stands in a board file.
    pub fn name(self) -> &'static str {
        match self {
            Access::Full => "full",
            Access::Locked => "locked",
            Access::ReadOnly => "read-only",
        }
    }

    /// Whether a request that needs this may pass.
    ///
    /// * `unlocked`: whether the PIN was given at this port.
    ///
    /// # Errors
    /// [`Refused`], with what to do.
    pub fn allows(self, unlocked: bool, need: Need) -> Result<(), Refused> {
        let refuse = |why: &str| Err(Refused(why.to_owned()));
        match (self, need) {
            (Access::Full, _) | (_, Need::Look) | (Access::Locked, Need::Teach) => Ok(()),
            (Access::Locked, Need::Change) if unlocked => Ok(()),
            (Access::Locked, Need::Change) => {
                refuse("this port is locked: unlock PIN first (fieldtune ctl: --pin-file FILE)")
            }
            (Access::ReadOnly, Need::Teach | Need::Change) => {
                refuse("this port is read-only: use another port of the device")
            }
        }
    }
}
