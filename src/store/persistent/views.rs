//! Which views examples are learned with: a setting of the store.

use super::PersistError;
use crate::image::views::ViewKinds;
use crate::store::Store;

/// The setting of a store that says which views examples are learned with, as [`ViewKinds`] are written.
const VIEWS: &str = "views";

/// Which views examples are learned with.
///
/// # Errors
/// [`PersistError::Load`], [`PersistError::Views`].
pub fn views(store: &mut impl Store) -> Result<ViewKinds, PersistError> {
    match store.setting(VIEWS).map_err(PersistError::Load)? {
        None => Ok(ViewKinds::default()),
        Some(text) => Ok(String::from_utf8_lossy(&text).parse()?),
    }
}

/// Makes examples be learned with these views from now on; those that are there keep theirs.
///
/// # Errors
/// [`PersistError::Store`].
pub fn set_views(store: &mut impl Store, kinds: &ViewKinds) -> Result<(), PersistError> {
    Ok(store.set(VIEWS, kinds.to_string().as_bytes())?)
}
