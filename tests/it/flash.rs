//! `fieldtune flash`, on a small stand-in for Raspberry Pi OS: a FAT partition with what cloud-init reads, and another one.

mod alone;

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use fatfs::{FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use fieldtune::backbone::card::hex;
use fscommon::StreamSlice;
use lzma_rust2::{XzOptions, XzWriter};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::desk::{Bench, text};
use crate::common::{Run, command, fieldtune, finish};

const SECTOR: usize = 512;
const BOOT: (usize, usize) = (8 << 20, 32 << 20);
const ROOT: usize = 2 << 20;
const LINE: &str = "console=serial0,115200 console=tty1 root=PARTUUID=4c4e106f-02 rootwait\n";

fn partition(image: &mut Vec<u8>) -> StreamSlice<Cursor<&mut Vec<u8>>> {
    let (from, to) = BOOT;
    StreamSlice::new(Cursor::new(image), from as u64, to as u64).expect("it is within")
}

/// * `files`: of the boot partition.
fn system(files: &[(&str, &str)]) -> Vec<u8> {
    let (from, to) = BOOT;
    let mut image = vec![0; to];
    image.extend((0..ROOT).map(|at| (at * 31 % 251) as u8));
    for (entry, (kind, from, to)) in
        [(0x0c, from, to), (0x83, to, to + ROOT)].into_iter().enumerate()
    {
        let entry = &mut image[446 + entry * 16..][..16];
        entry[4] = kind;
        entry[8..12].copy_from_slice(&((from / SECTOR) as u32).to_le_bytes());
        entry[12..16].copy_from_slice(&(((to - from) / SECTOR) as u32).to_le_bytes());
    }
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    let made = format_volume(partition(&mut image), FormatVolumeOptions::new());
    made.expect("there is room");
    let slice = partition(&mut image);
    let boot = FileSystem::new(slice, FsOptions::new()).expect("it was just made");
    for (name, text) in files {
        let mut file = boot.root_dir().create_file(name).expect("there is room");
        file.write_all(text.as_bytes()).expect("there is room");
    }
    boot.unmount().expect("it is in memory");
    image
}

fn raspios() -> Vec<u8> {
    system(&[
        ("config.txt", "dtparam=audio=on\n"),
        ("cmdline.txt", LINE),
        ("user-data", "# by hand\n"),
    ])
}

/// A file on the boot partition of an image.
fn on_boot(image: &[u8], name: &str) -> Option<Vec<u8>> {
    let slice = StreamSlice::new(Cursor::new(image.to_vec()), BOOT.0 as u64, BOOT.1 as u64);
    let boot = FileSystem::new(slice.expect("it is within"), FsOptions::new()).expect("it is FAT");
    let mut bytes = Vec::new();
    boot.root_dir().open_file(name).ok()?.read_to_end(&mut bytes).expect("it is whole");
    Some(bytes)
}

fn value(image: &[u8], name: &str) -> Value {
    let bytes = on_boot(image, name).unwrap_or_else(|| panic!("{name} is missing"));
    let text = String::from_utf8(bytes).expect("it is text");
    serde_json::from_str(text.trim_start_matches("#cloud-config\n")).expect("it is JSON, so YAML")
}

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().expect("a folder"));
        desk.put("fieldtune.deb", b"!<arch>\ndebian-binary   and more");
        desk
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.0.path().join(name), bytes).expect("there is room");
        self.path(name)
    }

    fn flash(&self, words: &[&str]) -> Run {
        fieldtune(&[&["flash", "--package", &self.path("fieldtune.deb")], words].concat())
    }
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).expect("usual options");
    writer.write_all(bytes).expect("memory");
    writer.finish().expect("memory")
}

#[test]
fn a_card_holds_the_system_and_the_set_up() {
    let (desk, bench) = (Desk::new(), Bench::taught());
    let whole = raspios();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&whole).expect("memory");
    let zstd =
        ruzstd::encoding::compress_to_vec(&whole[..], ruzstd::encoding::CompressionLevel::Fastest);
    for (name, bytes) in [
        ("os.img", whole.clone()),
        ("os.img.gz", gzip.finish().expect("memory")),
        ("os.img.zst", zstd),
    ] {
        let (os, card) = (desk.put(name, &bytes), desk.path("card.img"));
        let run = desk.flash(&[&card, "--os", &os]);
        assert_eq!(run.code, 0, "{name}: {run:?}");
        let written = fs::read(&card).expect("it was written");
        assert!(
            written[..BOOT.0] == whole[..BOOT.0] && written[BOOT.1..] == whole[BOOT.1..],
            "{name}"
        );
        assert_eq!(value(&written, "user-data")["hostname"], "fieldtune", "{name}");
        assert_eq!(on_boot(&written, "cmdline.txt").as_deref(), Some(LINE.as_bytes()), "{name}");
    }

    let os = desk.put("os.img.xz", &xz(&whole));
    let sum = hex(&Sha256::digest(fs::read(&os).expect("it is there")).into());
    let key = desk.put("id.pub", b"ssh-ed25519 AAAAC3Nza me@desk\n");
    let password = desk.put("wifi", b"a \"quoted\" secret: yes\n");
    let (card, store) = (desk.path("card.img"), bench.store());
    let run = desk.flash(&[
        &card,
        "--os",
        &os,
        "--sha256",
        &sum,
        "--hostname",
        "line-3",
        "--user",
        "anna",
        "--ssh-key",
        &key,
        "--wifi",
        "Halle 7",
        "--wifi-password-file",
        &password,
        "--country",
        "de",
        "--console",
        "uart",
        "--board",
        "raspberry-pi-4",
        "--policy",
        "policy-reject",
        "--store",
        text(&store),
        "--model",
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.toml"),
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("written, read back and set up"), "{run:?}");
    let written = fs::read(&card).expect("it was written");
    // Raspberry Pi Imager is told of the image as it is now, and offers no customisation, which would undo ours.
    let manifest = fs::read(desk.path("card.img.rpi-imager-manifest")).expect("it lies beside");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let listed = &manifest["os_list"][0];
    assert_eq!(listed["extract_sha256"], hex(&Sha256::digest(&written).into()));
    assert_eq!(listed["extract_size"], written.len());
    assert!(listed["url"].as_str().is_some_and(|url| url.ends_with("/card.img")), "{listed}");
    assert!(listed.get("init_format").is_none() && listed["name"] == "fieldtune (line-3)");
    let user_data = on_boot(&written, "user-data").expect("it is there");
    assert!(user_data.starts_with(b"#cloud-config\n"));
    let user_data = value(&written, "user-data");
    assert_eq!(user_data["hostname"], "line-3");
    assert_eq!(user_data["users"][0]["name"], "anna");
    assert_eq!(
        user_data["users"][0]["ssh_authorized_keys"],
        json!(["ssh-ed25519 AAAAC3Nza me@desk"])
    );
    assert_eq!(
        user_data["runcmd"][0],
        json!(["sh", "/boot/firmware/fieldtune-first-boot", "anna"])
    );
    let wifi = &value(&written, "network-config")["network"]["wifis"]["wlan0"];
    assert_eq!(wifi["access-points"]["Halle 7"]["password"], "a \"quoted\" secret: yes");
    assert_eq!(wifi["regulatory-domain"], "DE");
    let conf = on_boot(&written, "fieldtune-fieldtune.conf").expect("it is there");
    let conf = String::from_utf8(conf).expect("it is text");
    for wanted in [
        "--port serial:/dev/serial0@115200\"",
        "FIELDTUNE_BOARD=raspberry-pi-4\n",
        "FIELDTUNE_POLICY=policy-reject\n",
        "FIELDTUNE_MODEL=/etc/fieldtune/model.toml\n",
    ] {
        assert!(conf.contains(wanted), "{wanted}: {conf}");
    }
    let line = on_boot(&written, "cmdline.txt").expect("it is there");
    assert_eq!(String::from_utf8_lossy(&line), LINE.replace("console=serial0,115200 ", ""));
    let config = String::from_utf8(on_boot(&written, "config.txt").expect("there")).expect("text");
    assert!(
        config.starts_with("dtparam=audio=on\n") && config.ends_with("enable_uart=1\n"),
        "{config}"
    );
    for (name, file) in [
        ("package.deb", desk.path("fieldtune.deb")),
        ("learned.ftune", store.display().to_string()),
    ] {
        let there = on_boot(&written, &format!("fieldtune-{name}")).expect(name);
        assert!(
            there.len() == fs::read(file).expect(name).len() || name == "learned.ftune",
            "{name}"
        );
        // The copy of a store is a store.
        if name == "learned.ftune" {
            let copy = desk.put(name, &there);
            let classes = fieldtune(&["classes", "--store", &copy]);
            assert!(classes.stdout.contains("stripes"), "{classes:?}");
        }
    }
    assert!(on_boot(&written, "fieldtune-tiny.onnx").is_some());

    // What any machine that mounts the card finds right.
    let boot = desk.put("boot.img", &written[BOOT.0..BOOT.1]);
    match Command::new("fsck.vfat")
        .args(["-n", &boot])
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .output()
    {
        Ok(found) => assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout)),
        Err(error) => println!("not checked by fsck.vfat: {error}"),
    }

    // Another device gets the first boot's work done, too.
    let instance = value(&written, "meta-data")["instance-id"].clone();
    assert_eq!(desk.flash(&[&card, "--os", &os]).code, 0);
    assert_ne!(value(&fs::read(&card).expect("there"), "meta-data")["instance-id"], instance);
}

#[test]
fn nothing_is_written_where_something_is_wrong() {
    let desk = Desk::new();
    let whole = raspios();
    let packed = xz(&whole);
    let os = desk.put("os.img.xz", &packed);
    let torn = desk.put("torn.img.xz", &packed[..packed.len() / 2]);
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 4;
    let flipped = desk.put("flipped.img.xz", &flipped);
    let empty = desk.put("empty.img", b"");
    let zip = desk.put("os.zip", b"PK\x03\x04 and more");
    let plain = desk.put("plain.img", &vec![7; 4096]);
    let other = desk.put("other.img", &system(&[("config.txt", ""), ("cmdline.txt", LINE)]));
    let short = desk.put("short.img", &whole[..BOOT.0 + 4096]);
    let secret = desk.put("id", b"-----BEGIN OPENSSH PRIVATE KEY-----\n");
    let wifi = desk.put("wifi", b"short\n");
    let summed = desk.put("summed.img.xz", &packed);
    desk.put("summed.img.xz.sha256", format!("{}  summed.img.xz\n", "ab".repeat(32)).as_bytes());
    let amd64 = desk.put("fieldtune_0.1.0_amd64.deb", b"!<arch>\ndebian-binary   and more");
    let card = desk.put("card.img", b"what was there");
    let long = "a".repeat(64);
    let cases: &[(&[&str], &str)] = &[
        (&["--os", &torn], "torn.img.xz: it is cut off or damaged"),
        (&["--os", &flipped], "flipped.img.xz: it is cut off or damaged"),
        (&["--os", &empty], "empty.img: it is empty"),
        (&["--os", &zip], "this is a ZIP file\n  next: unpack it"),
        (&["--os", &plain], "plain.img: it has no table of partitions"),
        (&["--os", &short], "its first partition ends behind its end"),
        (&["--os", &other], "has no user-data: wanted Raspberry Pi OS of Debian 13"),
        (&["--os", &summed], "its SHA-256 is"),
        (&["--os", &os, "--sha256", "00"], "wanted 00\n  next: download it again"),
        (&["--os", "gone.img"], "gone.img"),
        (&["--os", &os, "--board", "toaster"], "no board called toaster"),
        (&["--os", &os, "--policy", "gone.toml"], "gone.toml"),
        (&["--os", &os, "--store", &os], "os.img.xz"),
        (&["--os", &os, "--ssh-key", &secret], "this is a private key"),
        (&["--os", &os, "--ssh-key", &wifi], "wanted public keys"),
        (
            &["--os", &os, "--wifi", "a", "--wifi-password-file", &wifi, "--country", "DE"],
            "8 to 64 characters",
        ),
        (&["--os", &os, "--wifi", "a"], "--country"),
        (&["--os", &os, "--hostname", &long], "1 to 63 letters"),
        (&["--os", &os, "--user", "root"], "not root"),
        (&["--os", &os, "--package", &amd64], "cannot be used multiple times"),
        (&[], "--os"),
    ];
    for (words, wanted) in cases {
        let run = desk.flash(&[&[card.as_str()], *words].concat());
        let talk = &run.stderr;
        assert!(run.code == 2 && talk.contains(wanted), "{words:?}: wanted {wanted}: {run:?}");
        assert_eq!(fs::read(&card).expect("it is there"), b"what was there", "{words:?}");
        assert!(!Path::new(&desk.path("card.img.part")).exists(), "{words:?}");
    }
    for package in [&amd64, &os] {
        let run = fieldtune(&["flash", &card, "--os", &os, "--package", package]);
        assert!(run.code == 2 && run.stderr.contains(package.as_str()), "{run:?}");
    }
    let run = desk.flash(&["/dev/null", "--os", &os]);
    assert!(run.code == 2 && run.stderr.contains("/dev/null: this is no disk"), "{run:?}");
}

#[test]
fn a_card_that_is_mounted_is_only_set_up() {
    let desk = Desk::new();
    let boot = desk.path("bootfs");
    fs::create_dir(&boot).expect("there is room");
    let run = desk.flash(&["--seed-only", &boot]);
    assert!(run.code == 2 && run.stderr.contains("has no config.txt"), "{run:?}");
    assert_eq!(fs::read_dir(&boot).expect("it is there").count(), 0);
    for (name, content) in [("config.txt", ""), ("cmdline.txt", LINE), ("user-data", "")] {
        desk.put(&format!("bootfs/{name}"), content.as_bytes());
    }
    let run = desk.flash(&["--seed-only", &boot, "--console", "usb"]);
    assert!(run.code == 0 && run.stdout.contains("next: unmount it"), "{run:?}");
    let read = |name: &str| fs::read_to_string(format!("{boot}/{name}")).expect(name);
    assert!(read("user-data").starts_with("#cloud-config\n{"));
    assert!(read("cmdline.txt").ends_with(" modules-load=dwc2,g_serial\n"));
    assert!(read("config.txt").contains("dtoverlay=dwc2"));
    assert!(read("fieldtune-first-boot").contains("dpkg -i"));
    assert!(read("fieldtune-fieldtune.conf").contains("serial:/dev/ttyGS0@115200"));
    // A second time nothing of the first is left.
    assert!(!Path::new(&format!("{boot}/fieldtune-policy.toml")).exists());
    let policy = desk.put("p.toml", b"");
    assert_eq!(desk.flash(&["--seed-only", &boot, "--policy", &policy]).code, 0);
    assert!(Path::new(&format!("{boot}/fieldtune-policy.toml")).exists());
    assert_eq!(desk.flash(&["--seed-only", &boot]).code, 0);
    assert!(!Path::new(&format!("{boot}/fieldtune-policy.toml")).exists());
    assert_eq!(read("fieldtune-package.deb"), "!<arch>\ndebian-binary   and more");
}

#[test]
fn a_device_that_runs_is_set_up_over_ssh() {
    let desk = Desk::new();
    // Stand-ins that keep what they were called with, and the folder.
    let bin = desk.path("bin");
    fs::create_dir(&bin).expect("there is room");
    for (name, body) in
        [("scp", "cp -r \"$4\" \"$HERE/copied\""), ("ssh", "exit \"${SSH_ENDS:-0}\"")]
    {
        let script = format!("#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >>\"$HERE/calls\"\n{body}\n");
        let path = desk.put(&format!("bin/{name}"), script.as_bytes());
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    let flash = |ends: &str| {
        let package = desk.path("fieldtune.deb");
        let words =
            ["flash", "--host", "me@jetson", "--package", &package, "--board", "jetson-nano"];
        let mut command = command(&words);
        let path = format!("{bin}:/usr/bin:/bin");
        command.env("PATH", path).env("HERE", desk.0.path()).env("SSH_ENDS", ends);
        command.env("TMPDIR", desk.0.path());
        finish(command)
    };
    let run = flash("0");
    assert!(run.code == 0 && run.stdout.contains("me@jetson is set up"), "{run:?}");
    let calls = fs::read_to_string(desk.path("calls")).expect("they were called");
    let lines: Vec<_> = calls.lines().collect();
    assert!(
        lines[0].starts_with("scp -q -r -- ")
            && lines[0].contains(" me@jetson:/tmp/fieldtune-setup."),
        "{calls}"
    );
    assert!(lines[1].starts_with("ssh -t -- me@jetson sudo sh /tmp/fieldtune-setup."), "{calls}");
    assert!(lines[1].contains("/fieldtune-first-boot me;"), "{calls}");
    let copied = |name: &str| fs::read(desk.path(&format!("copied/fieldtune-{name}"))).expect(name);
    assert!(copied("package.deb").starts_with(b"!<arch>"));
    assert!(
        String::from_utf8_lossy(&copied("fieldtune.conf")).contains("FIELDTUNE_BOARD=jetson-nano")
    );
    assert!(!Path::new(&desk.path("copied/user-data")).exists());
    let left = fs::read_dir(desk.0.path()).expect("it is there").flatten();
    assert!(
        left.into_iter()
            .all(|entry| !entry.file_name().to_string_lossy().starts_with("fieldtune-setup"))
    );
    let run = flash("7");
    assert!(run.code == 3 && run.stderr.contains("me@jetson: ssh ended with"), "{run:?}");
}

#[test]
fn a_root_folder_is_set_up_by_its_first_start() {
    let desk = Desk::new();
    let package = desk.path("fieldtune.deb");
    let root = desk.path("rootfs");
    let flash = |more: &[&str]| {
        let words = ["flash", "--rootfs", &root, "--package", &package, "--user", "me"];
        finish(command(&[&words[..], more].concat()))
    };
    let run = flash(&[]);
    assert!(run.code == 2 && run.stderr.contains("there is no such folder"), "{run:?}");
    fs::create_dir(&root).expect("there is room");
    let run = flash(&[]);
    assert!(run.code == 2 && run.stderr.contains("there is no usr/bin/dpkg"), "{run:?}");
    for folder in ["usr/bin", "lib", "etc/systemd/system"] {
        fs::create_dir_all(format!("{root}/{folder}")).expect("there is room");
    }
    desk.put("rootfs/usr/bin/dpkg", b"");
    let run = flash(&[]);
    assert!(run.code == 2 && run.stderr.contains("a system for arm64"), "{run:?}");
    assert!(!Path::new(&format!("{root}/opt")).exists());
    // In such a folder links lead to places of its own.
    symlink("/nowhere/ld.so", format!("{root}/lib/ld-linux-aarch64.so.1")).expect("room");
    let run = flash(&[]);
    assert!(run.code == 2 && run.stderr.contains("--user me: the system in"), "{run:?}");
    desk.put(
        "rootfs/etc/passwd",
        b"root:x:0:0:root:/root:/bin/bash\nme:x:1000:1000::/home/me:/bin/sh\n",
    );
    let key = desk.put("id.pub", b"ssh-ed25519 AAAAC3Nza me@desk\n");
    for (more, wanted) in [
        (["--ssh-key", key.as_str()], "--ssh-key is for the card of a Rasp"),
        (["--hostname", "line-3"], "--hostname is for the card of a Rasp"),
        (["--console", "usb"], "--console usb is for the card of a Rasp"),
        (["--erase", "/dev/null"], "--sha256 and --erase are for a card"),
    ] {
        let run = flash(&more);
        assert!(run.code == 2 && run.stderr.contains(wanted), "{run:?}");
    }
    // Twice is as good as once.
    for board in ["jetson-nano", "jetson-orin-nano"] {
        let run = flash(&["--board", board]);
        assert!(run.code == 0 && run.stdout.contains("is set up"), "{run:?}");
        let setup = format!("{root}/opt/fieldtune-setup");
        let conf = fs::read_to_string(format!("{setup}/fieldtune-fieldtune.conf"));
        assert!(conf.expect("it was put there").contains(&format!("FIELDTUNE_BOARD={board}")));
        assert!(Path::new(&format!("{setup}/fieldtune-package.deb")).exists());
        assert!(!Path::new(&format!("{setup}/user-data")).exists());
        let unit = format!("{root}/etc/systemd/system/fieldtune-setup.service");
        let unit = fs::read_to_string(unit).expect("it was put there");
        let starts = "ExecStart=/bin/sh /opt/fieldtune-setup/fieldtune-first-boot me\n";
        assert!(unit.contains(starts), "{unit}");
        let wanted =
            format!("{root}/etc/systemd/system/multi-user.target.wants/fieldtune-setup.service");
        let leads = fs::read_link(wanted).expect("it is enabled");
        assert_eq!(leads, Path::new("/etc/systemd/system/fieldtune-setup.service"));
    }
}
