//! `fieldtune key` and `fieldtune pin` as processes.

use crate::common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Run, command, data, fieldtune};
use fieldtune::protocol::pin::{Pin, PinHash};
use fieldtune::store::signed::{PublicKey, Signature, open};

fn wanted(run: &Run, code: i32, words: &str) {
    let all = format!("{}{}", run.stdout, run.stderr);
    assert!(run.code == code && all.contains(words), "{words}: {run:?}");
}

/// A file of the tests, in a folder of its own.
fn copy(folder: &Path, name: &str) -> String {
    let to = folder.join(name);
    fs::copy(data(name), &to).expect("there is room");
    to.display().to_string()
}

#[test]
fn a_key_is_private_and_overwrites_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("line.key").display().to_string();
    let made = fieldtune(&["key", "new", &file]);
    wanted(&made, 0, "=");
    let key: PublicKey = made.stdout.trim().parse().expect("a public key");
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&file).expect("it is there");
    wanted(&fieldtune(&["key", "new", &file]), 2, "line.key: File exists");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), text);
    let shown = fieldtune(&["key", "public", &file]);
    assert_eq!(shown.stdout.trim(), key.to_string());
    let other = folder.path().join("other.key").display().to_string();
    assert_ne!(fieldtune(&["key", "new", &other]).stdout, made.stdout);
    wanted(&fieldtune(&["key", "public", "/dev/null"]), 2, "no private key");
    wanted(&fieldtune(&["key", "public", "/none"]), 2, "/none: No such file");
}

#[test]
fn what_is_signed_is_verified_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, other) = (path("line.key"), path("other.key"));
    let key = fieldtune(&["key", "new", &file]).stdout.trim().to_owned();
    let stranger = fieldtune(&["key", "new", &other]).stdout.trim().to_owned();
    let pack = copy(folder.path(), "store-v1.ftune");
    wanted(
        &fieldtune(&["key", "sign", &pack, "--key", &file]),
        0,
        &format!("signed by {key} at 20"),
    );
    let signed = format!("{pack}.signed");
    let verify = |file: &str, key: &str| fieldtune(&["key", "verify", file, "--key", key]);
    wanted(&verify(&signed, &key), 0, &format!("signed by {key} at 20"));
    wanted(&verify(&signed, &stranger), 1, &format!("signed by another key, {key}"));
    wanted(&verify(&pack, &key), 1, "not signed");
    wanted(&verify(&signed, "1234"), 2, "no public key");
    wanted(&verify(&path("none"), &key), 2, "No such file");

    let bytes = fs::read(&signed).expect("it is there");
    let opened = open(&bytes, &[key.parse().expect("a key")]).expect("it was just signed");
    assert_eq!(opened.signature, Signature::Trusted);
    assert_eq!(opened.pack, fs::read(&pack).expect("it is there"));
    let mut changed = bytes.clone();
    changed[200] ^= 1;
    fs::write(path("changed"), &changed).expect("there is room");
    wanted(&verify(&path("changed"), &key), 1, "changed after it was signed");
    wanted(&fieldtune(&["key", "sign", &path("changed"), "--key", &file]), 2, "changed after");

    // Signed anew: one container, a later time.
    let again = path("again");
    wanted(&fieldtune(&["key", "sign", &signed, "--key", &file, "-o", &again]), 0, "signed by");
    let anew = fs::read(&again).expect("it is there");
    let reopened = open(&anew, &[]).expect("it was just signed");
    assert_eq!(reopened.pack, opened.pack);
    assert!(reopened.by.expect("signed").1 > opened.by.expect("signed").1);
    wanted(&fieldtune(&["key", "sign", "/dev/null", "--key", &file]), 2, "not a file of fieldtune");
    wanted(&fieldtune(&["key", "sign", &pack, "--key", &pack]), 2, "store-v1.ftune: ");
}

/// The hash in what `fieldtune pin` printed.
fn hash(printed: &str) -> PinHash {
    let text = printed.strip_prefix("pin_hash = \"").and_then(|rest| rest.strip_suffix("\"\n"));
    PinHash::parse(text.expect("a line of a board file")).expect("a hash")
}

fn pin_of(input: &str) -> Run {
    let mut process = command(&["pin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = process.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = process.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[test]
fn a_pin_on_stdin_becomes_a_board_line() {
    for input in ["8246-x", "8246-x\n", "8246-x\r\nmore\n"] {
        let run = pin_of(input);
        wanted(&run, 0, "$argon2id$v=19$m=19456,t=2,p=1$");
        assert!(hash(&run.stdout).fits(&Pin::new("8246-x").expect("a PIN")), "{input:?}");
    }
    for (input, why) in [
        ("", "a PIN has 4 to 64 characters, got 0"),
        ("123\n", "got 3"),
        (&"9".repeat(100), "got 67"),
        ("12 34\n", "without spaces"),
        ("12\u{1b}34\n", "without spaces"),
    ] {
        let run = pin_of(input);
        wanted(&run, 2, why);
        assert!(run.stdout.is_empty() && !run.stderr.contains("12"), "{run:?}");
    }
}

/// Types at `fieldtune pin` on a terminal; returns its exit status, what it printed, and what the terminal showed.
fn typed(keys: &[&str]) -> (i32, String, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let open = || {
        let path = name.to_str().expect("ASCII");
        fs::OpenOptions::new().read(true).write(true).open(path).expect("the other side")
    };
    let keep = open();
    let mut program: Command = command(&["pin"]);
    let mut process =
        program.stdin(open()).stderr(open()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut ours = fs::File::from(ours);
    let mut shown = Vec::new();
    // Each line is typed when it was asked for, since what comes before is thrown away.
    for line in keys {
        let asked = shown.len();
        while !shown[asked..].ends_with(b": ") {
            let mut buffer = [0; 256];
            let length = ours.read(&mut buffer).expect("it asks");
            shown.extend(&buffer[..length]);
        }
        ours.write_all(line.as_bytes()).expect("it reads");
    }
    let code = process.wait().expect("it ends").code().unwrap_or(-1);
    let mut printed = String::new();
    process.stdout.take().expect("piped").read_to_string(&mut printed).expect("UTF-8");
    let local = rustix::termios::tcgetattr(&keep).expect("a terminal").local_modes;
    use rustix::termios::LocalModes;
    assert!(local.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "{local:?}");
    // What is left; with a mark behind it, so that nothing is waited for in vain.
    (&keep).write_all(b"\x01").expect("it is open");
    while shown.last() != Some(&1) {
        let mut buffer = [0; 256];
        let length = ours.read(&mut buffer).expect("the mark comes");
        shown.extend(&buffer[..length]);
    }
    (code, printed, String::from_utf8(shown).expect("UTF-8"))
}

#[test]
fn a_pin_on_a_terminal_is_typed_twice_unseen() {
    let (code, printed, shown) = typed(&["82x\x7f46-x\r", "junk\x158246-x\r"]);
    assert_eq!(code, 0, "{shown}");
    assert!(hash(&printed).fits(&Pin::new("8246-x").expect("a PIN")));
    assert!(!shown.contains("46") && !shown.contains("junk"), "{shown:?}");
    for (keys, why) in [
        (&["8246-x\r", "8246-y\r"][..], "the two PINs differ"),
        (&["82\x03"], "cancelled"),
        (&["8246-x\r", "\x04"], "cancelled"),
        (&["824\r"], "got 3"),
    ] {
        let (code, printed, shown) = typed(keys);
        assert!(code == 2 && printed.is_empty() && shown.contains(why), "{keys:?}: {shown:?}");
        assert!(!shown.contains("82"), "{shown:?}");
    }
}
