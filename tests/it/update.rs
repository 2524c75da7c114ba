//! `fieldtune update`, with stand-ins for RAUC and for what the boot loader has; whole updates are in `emulated/`. And what a card of
//! Debian packages alone does around an update: which slot starts, and what is kept of a store.

mod kept;
mod slots;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::common::{Run, command, finish};

/// What RAUC 1.8 printed on an emulated Raspberry Pi 3; PRIMARY, BOOTED_A and the rest are put in by the stand-in.
const STATUS: &str = r#"{"compatible":"fieldtune-debian-arm64","booted":"A","boot_primary":"$(cat primary)","slots":[
{"system.1":{"bootname":"B","state":"inactive","boot_status":"$(cat b)","slot_status":{"bundle":{"version":"0.2.0"},
"installed":{"timestamp":"2026-12-01T06:14:42Z","count":1}}}},
{"system.0":{"bootname":"A","state":"booted","boot_status":"good","slot_status":{"bundle":{"compatible":null}}}}]}"#;

/// Installs a file that begins with "good", and says of others what RAUC said.
const RAUC: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >>asked
case $* in
status\ mark-active\ other) echo system.1 >primary ;;
status\ mark-active\ booted) echo system.0 >primary ;;
status*) cat <<END
STATUS
END
;;
install*)
    printf 'installing\n  0%% Installing\n 20%% Determining slot states done.\n'
    case $(cat "$2") in
    good*) echo system.1 >primary; echo good >b; echo '100% Installing done.' ;;
    other*)
        echo "LastError: Installation error: Compatible mismatch: Expected 'fieldtune-debian-arm64' but bundle manifest has 'x'" >&2
        exit 1
        ;;
    full*) echo "LastError: Installation error: Failed updating slot system.1: No space left on device" >&2; exit 1 ;;
    *) echo "LastError: signature verification failed: Verify error: self-signed certificate" >&2; exit 1 ;;
    esac
    ;;
esac
"#;

/// A system with slots, of stand-ins.
struct System {
    folder: TempDir,
}

impl System {
    fn new() -> Self {
        let system = Self { folder: tempfile::tempdir().expect("a folder") };
        system.program("rauc", &RAUC.replace("STATUS", STATUS));
        system.program(
            "slots",
            "#!/bin/sh\ncase $2 in A) cat \"$(dirname \"$0\")/a\" ;; *) cat \"$(dirname \"$0\")/tries\" ;; esac\n",
        );
        system.program("reboot", "#!/bin/sh\necho \"reboot $*\" >>\"$(dirname \"$0\")/asked\"\n");
        for (name, text) in [
            ("primary", "system.0"),
            ("b", "bad"),
            ("tries", "3"),
            ("a", "good"),
            ("asked", ""),
            ("bundle", "good"),
        ] {
            system.put(name, text);
        }
        system
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("there is room");
    }

    fn program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.put(name, text);
        let path = self.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    fn asked(&self) -> String {
        fs::read_to_string(self.path().join("asked")).expect("it was made")
    }

    fn update(&self, arguments: &[&str]) -> Run {
        let mut command = command(&[&["update"], arguments].concat());
        command.current_dir(self.path());
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path().display()));
        finish(command)
    }
}

#[test]
fn an_update_goes_to_the_other_slot_which_starts_next() {
    let system = System::new();
    let run = system.update(&["bundle"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.starts_with("slot B: 0.2.0 is installed and starts next"), "{run:?}");
    assert!(run.stdout.contains("  next: restart the device"), "{run:?}");
    assert!(!system.asked().contains("reboot"), "{}", system.asked());
    // RAUC gets a whole path: its service has another folder.
    let path = system.path().join("bundle").canonicalize().expect("it is there");
    assert!(
        system.asked().contains(&format!("install {}\n", path.display())),
        "{}",
        system.asked()
    );
    let status = system.update(&["--status"]);
    assert_eq!(
        status.stdout,
        "slot A  runs; good; as the card was written\n\
         slot B  starts next; on trial, 3 starts left; 0.2.0, installed 2026-12-01T06:14:42Z\n"
    );
    let json = system.update(&["--status", "--json"]);
    assert!(json.stdout.starts_with(r#"{"running":"A","slots":[{"installed":null,"#), "{json:?}");
    let run = system.update(&["bundle", "--restart"]);
    assert!(run.stdout.contains("restarts with slot B"), "{run:?}");
    assert!(system.asked().contains("reboot"), "{}", system.asked());
}

#[test]
fn a_rollback_starts_the_slot_that_would_not_start() {
    let system = System::new();
    // Nothing is in the other one.
    let run = system.update(&["--rollback"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("slot B has no system that is known to work\n  next: "), "{run:?}");
    system.put("b", "good");
    assert_eq!(system.update(&["--rollback"]).stdout.lines().next(), Some("slot B starts next"));
    // Before the restart it is taken back.
    assert_eq!(system.update(&["--rollback"]).stdout.lines().next(), Some("slot A starts next"));
    assert_eq!(fs::read_to_string(system.path().join("primary")).expect("text"), "system.0\n");
}

#[test]
fn updates_that_do_not_fit_are_refused_with_a_reason() {
    let system = System::new();
    let cases = [
        (
            "other",
            2,
            "it is for another system: wanted fieldtune-debian-arm64, it is for x\n  next: ",
        ),
        ("evil", 2, "its signature does not hold"),
        (
            "full",
            3,
            "it was not installed: Installation error: Failed updating slot system.1: No space",
        ),
    ];
    for (content, code, wanted) in cases {
        system.put("bundle", content);
        let run = system.update(&["bundle", "--restart"]);
        assert_eq!((run.code, run.stderr.contains(wanted)), (code, true), "{content}: {run:?}");
        assert!(run.stderr.starts_with("error: bundle: "), "{run:?}");
        assert!(!system.asked().contains("reboot"), "{}", system.asked());
    }
    let run = system.update(&["nothing.raucb"]);
    assert!(run.code == 2 && run.stderr.contains("error: nothing.raucb: "), "{run:?}");
    assert!(system.update(&[".", "--restart"]).stderr.contains("wanted a bundle"));
    assert_eq!(system.update(&[]).code, 2);
}

#[test]
fn a_slot_on_trial_does_not_overwrite_the_other() {
    let system = System::new();
    system.put("a", "2");
    let run = system.update(&["bundle"]);
    assert_eq!((run.code, system.asked().contains("install")), (2, false), "{run:?}");
    assert!(run.stderr.contains("slot A is on trial"), "{run:?}");
}

#[test]
fn a_system_without_slots_names_the_package_as_update() {
    let system = System::new();
    fs::remove_file(system.path().join("rauc")).expect("it is ours");
    for arguments in [&["bundle"][..], &["--status"], &["--rollback"]] {
        let mut command = command(&[&["update"], arguments].concat());
        command.current_dir(system.path()).env("PATH", system.path());
        let run = finish(command);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("(no RAUC)\n  next: dpkg -i fieldtune_"), "{run:?}");
    }
}
