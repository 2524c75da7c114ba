//! Where a device's policy comes from, and its file changed: whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Board, BoardError, POLICIES, is_file, policy_from_toml, read};
use crate::board::policy::Policy;
use crate::util::checksum::crc32;
use crate::util::files;
use crate::util::settings::MAX_BYTES;

/// The policy that a device was started with: a file, one that is part of the program, or none.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicySource {
    asked: Option<String>,
    board: Board,
}

/// A policy's text, and whether it can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// The file or the name; `None` where the device has no policy.
    pub policy: Option<String>,
    /// Why it cannot be changed; `None` where it can.
    pub read_only: Option<String>,
    /// Changes with the text.
    pub revision: String,
    /// As it is written.
    pub text: String,
}

/// Why a policy was not stored; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PolicySaveError {
    /// The device has no policy file that can be written.
    #[error("the policy cannot be changed: {0}")]
    ReadOnly(String),
    /// The text is wrong, or the board lacks what it names.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// It was changed in the meantime.
    #[error("{file}: it was changed meanwhile; nothing was stored\n  next: load it again")]
    Changed {
        /// The file.
        file: String,
    },
    /// The system refused.
    #[error("{file}: {error}")]
    File {
        /// The file.
        file: String,
        /// The system's answer.
        error: io::Error,
    },
}

impl PolicySource {
    /// * `asked`: as for [`super::read_policy`].
    /// * `board`: has to have what the policy names.
    pub fn new(asked: Option<&str>, board: Board) -> Self {
        Self { asked: asked.map(str::to_owned), board }
    }

    /// The policy's text as it is now.
    ///
    /// # Errors
    /// [`BoardError::File`] if there is a file and it cannot be read.
    pub fn text(&self) -> Result<PolicyText, BoardError> {
        let text = match &self.asked {
            None => String::new(),
            Some(asked) if is_file(asked) => read(Path::new(asked))?,
            Some(asked) => {
                let known = POLICIES.iter().find(|(name, _)| name == asked);
                known.map_or_else(String::new, |(_, text)| (*text).to_owned())
            }
        };
        let read_only = self.file().err();
        Ok(PolicyText { policy: self.asked.clone(), read_only, revision: revision(&text), text })
    }

    /// The file that keeps it.
    ///
    /// # Errors
    /// Why there is none that can be written.
    fn file(&self) -> Result<PathBuf, String> {
        let next = "start with --policy FILE";
        let asked = match &self.asked {
            None => return Err(format!("the device has no policy file; {next}")),
            Some(name) if !is_file(name) => {
                return Err(format!("{name} is part of the program; {next}, a copy of it"));
            }
            Some(file) => file,
        };
        let refuse = |error: io::Error| format!("{asked}: {error}");
        // What a link leads to is replaced, not the link.
        let file = fs::canonicalize(asked).map_err(refuse)?;
        let folder = file.parent().unwrap_or(Path::new("/"));
        let is_writable = |path: &Path| {
            rustix::fs::access(path, rustix::fs::Access::WRITE_OK).map_err(|e| refuse(e.into()))
        };
        if fs::metadata(&file).map_err(refuse)?.permissions().readonly() {
            return Err(format!("{asked}: the file is read-only"));
        }
        is_writable(&file)?;
        is_writable(folder)?;
        Ok(file)
    }

    /// Checks a text as the file is checked, and stores it: what was there stays until the new text is complete and
    /// lasts.
    ///
    /// * `before`: the revision of the text that was changed; `None` replaces any.
    ///
    /// # Errors
    /// All of [`PolicySaveError`].
    pub fn save(&self, text: &str, before: Option<&str>) -> Result<Policy, PolicySaveError> {
        let file = self.file().map_err(PolicySaveError::ReadOnly)?;
        let name = self.asked.clone().unwrap_or_default();
        let refuse = |error| PolicySaveError::File { file: name.clone(), error };
        if text.len() as u64 > MAX_BYTES {
            let what = format!("{} bytes: a policy has at most {MAX_BYTES}", text.len());
            return Err(refuse(io::Error::new(io::ErrorKind::FileTooLarge, what)));
        }
        let policy = policy_from_toml(text, &name)?;
        self.board.check_policy(&policy)?;
        if before.is_some_and(|before| read(&file).is_ok_and(|now| revision(&now) != before)) {
            return Err(PolicySaveError::Changed { file: name });
        }
        let permissions = fs::metadata(&file).map_err(refuse)?.permissions();
        files::replace(&file, text.as_bytes(), Some(permissions)).map_err(refuse)?;
        Ok(policy)
    }
}

/// Changes with the text.
fn revision(text: &str) -> String {
    format!("{:08x}-{}", crc32(text.as_bytes()), text.len())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const HOLD: &str = "[[action]]\noutput = \"reject\"\nwhen = [\"dent\"]\ndo = \"hold\"\n";

    fn board() -> Board {
        let text = "[camera]\naddress = \"synthetic:\"\nwidth = 320\nheight = 240\nfps = 10\n[pins]\nby = \"none\"\n[outputs]\nreject = { line = \"a\" }\n";
        Board::parse(text, "bench.toml").expect("a board")
    }

    #[test]
    fn a_sound_policy_is_stored_another_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("line.toml");
        fs::write(&file, "# none yet\n").expect("there is room");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is ours");
        let link = folder.path().join("link.toml");
        symlink(&file, &link).expect("there is room");
        let source = PolicySource::new(link.to_str(), board());
        let before = source.text().expect("it is there");
        assert_eq!((before.text.as_str(), before.read_only), ("# none yet\n", None));
        for (text, wanted) in [
            ("[[action]]\noutput = 3", "line 2"),
            (&HOLD.replace("reject", "gate"), "lacks: it has reject"),
            (&HOLD.replace("dent", "a\\u0007"), "action 1 (reject): when:"),
        ] {
            let error = source.save(text, None).expect_err(text).to_string();
            assert!(error.contains(wanted), "{wanted}: {error}");
            assert_eq!(source.text().expect("it is there").text, "# none yet\n");
        }
        let policy = source.save(HOLD, Some(&before.revision)).expect("it is sound");
        assert_eq!(policy.actions().len(), 1);
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), Some(HOLD));
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 2, "no leftover");
        let late = source.save("", Some(&before.revision)).expect_err("it was changed");
        assert!(matches!(late, PolicySaveError::Changed { .. }), "{late}");
        source.save("", None).expect("whatever it holds");
    }

    #[test]
    fn without_a_file_that_can_be_written_nothing_is_stored() {
        let folder = tempfile::tempdir().expect("a folder");
        let fixed = folder.path().join("fixed.toml");
        fs::write(&fixed, "").expect("there is room");
        fs::set_permissions(&fixed, fs::Permissions::from_mode(0o444)).expect("it is ours");
        for (asked, wanted) in [
            (None, "has no policy file"),
            (Some("policy-reject"), "part of the program"),
            (fixed.to_str(), "read-only"),
        ] {
            let source = PolicySource::new(asked, board());
            let text = source.text().expect("it is there");
            assert!(text.read_only.is_some_and(|why| why.contains(wanted)), "{wanted}");
            let error = source.save(HOLD, None).expect_err(wanted).to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let gone = PolicySource::new(folder.path().join("gone.toml").to_str(), board());
        assert!(gone.text().is_err() && gone.save(HOLD, None).is_err());
    }
}
