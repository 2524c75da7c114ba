//! Files that are replaced whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// `PATH.SUFFIX`.
pub(crate) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// A rename is durable once the folder is.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Writes a file beside, `FILE.part`, and puts it in place: what was there stays until the new content is complete and
/// lasts.
///
/// * `permissions`: of the new file; `None` for those of any new file.
///
/// # Errors
/// The system's; then nothing is left beside.
pub(crate) fn replace(
    file: &Path,
    bytes: &[u8],
    permissions: Option<Permissions>,
) -> io::Result<()> {
    let part = sibling(file, "part");
    let write = || {
        let mut fresh = File::create(&part)?;
        if let Some(permissions) = permissions {
            fresh.set_permissions(permissions)?;
        }
        fresh.write_all(bytes)?;
        fresh.sync_all()?;
        fs::rename(&part, file)?;
        sync_folder(file)
    };
    let written = write();
    if written.is_err() {
        // Nothing can be done about a leftover; the next one overwrites it.
        let _ = fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        replace(&file, b"first", None).expect("there is room");
        replace(&file, b"second", Some(Permissions::from_mode(0o640))).expect("there is room");
        assert_eq!(fs::read(&file).expect("it is there"), b"second");
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        // A folder lies where the file beside is to be.
        fs::create_dir(sibling(&file, "part")).expect("there is room");
        assert!(replace(&file, b"third", None).is_err());
        assert_eq!(fs::read(&file).expect("it is there"), b"second");
    }
}
