//! A card of Debian packages alone, written by `fieldtune flash`, in an emulated Raspberry Pi 3: from U-Boot on, everything comes from
//! the card.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fatfs::{FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use fscommon::{BufStream, StreamSlice};

use super::images;
use crate::common::{Run, fieldtune};

/// How long a start may take: the host may be busy.
const PATIENCE: Duration = Duration::from_secs(400);

/// Bytes of the card; QEMU wants a power of two.
const SIZE: u64 = 512 << 20;

/// Where `boards/image/build` puts the boot partition.
const BOOT: (u64, u64) = (4 << 20, 100 << 20);

/// Where it puts the slots A and B.
pub(super) const SLOTS: [u64; 2] = [100 << 20, 196 << 20];

/// Where it puts the two notes of which slot starts.
pub(super) const NOTES: [u64; 2] = [1 << 20, 2 << 20];

/// A card in a folder, beside what the board is started with.
pub(super) struct Card {
    folder: tempfile::TempDir,
    images: PathBuf,
    /// Further arguments of its kernel.
    pub(super) arguments: String,
    /// What starts its system again where that hangs: `off`, `softdog`.
    pub(super) watchdog: &'static str,
}

/// A board that runs from a card.
pub(super) struct Board {
    qemu: Child,
    /// What its screen has shown, read at once: QEMU stands still while nobody reads what it writes.
    screen: Arc<Mutex<String>>,
    begun: Instant,
    /// The serial line of the header, at this machine's end.
    console: String,
}

impl Card {
    pub(super) fn written(images: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let card = Self { folder, images, arguments: String::new(), watchdog: "off" };
        let (system, package) = (card.images.join("debian.img"), card.images.join("fieldtune.deb"));
        let board = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/qemu-raspi3b.toml");
        let run = fieldtune(&[
            "flash",
            &text(&card.path("card.img")),
            "--os",
            &text(&system),
            "--package",
            &text(&package),
            "--board",
            &text(&board),
            "--console",
            "uart",
            "--hostname",
            "line-3",
        ]);
        assert_eq!(run.code, 0, "{run:?}");
        let file = File::options().write(true).open(card.path("card.img")).expect("written");
        file.set_len(SIZE).expect("there is room");
        card
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its boot partition, for some work.
    fn boot<T>(&self, work: impl FnOnce(&FileSystem<BufStream<StreamSlice<File>>>) -> T) -> T {
        let file = File::options().read(true).write(true).open(self.path("card.img"));
        let slice = StreamSlice::new(file.expect("written"), BOOT.0, BOOT.1).expect("within");
        let boot = FileSystem::new(BufStream::new(slice), FsOptions::new()).expect("it is FAT");
        let done = work(&boot);
        boot.unmount().expect("it is a file");
        done
    }

    fn file(&self, name: &str) -> Vec<u8> {
        self.boot(|boot| {
            let mut bytes = Vec::new();
            let mut file = boot.root_dir().open_file(name).expect("it is there");
            file.read_to_end(&mut bytes).expect("it is whole");
            bytes
        })
    }

    /// Puts bytes in place of a file.
    fn put(&self, name: &str, bytes: &[u8]) {
        self.boot(|boot| {
            boot.root_dir().remove(name).expect("it is there");
            let mut file = boot.root_dir().create_file(name).expect("there is room");
            file.write_all(bytes).expect("there is room");
        });
    }

    /// The same card again, as it is now, in a folder of its own.
    pub(super) fn copied(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut copy = Command::new("cp");
        copy.arg("--sparse=always").arg(self.path("card.img")).arg(folder.path());
        assert!(copy.status().expect("cp is there").success());
        let (images, arguments) = (self.images.clone(), self.arguments.clone());
        Self { folder, images, arguments, watchdog: self.watchdog }
    }

    /// Changes bytes of it.
    pub(super) fn spoil(&self, from: u64, length: usize) {
        let mut file = File::options().write(true).open(self.path("card.img")).expect("written");
        file.seek(SeekFrom::Start(from)).expect("within");
        file.write_all(&vec![0x5a; length]).expect("there is room");
    }

    /// A USB stick with an update of that name.
    pub(super) fn stick(&self, update: &str) -> PathBuf {
        let bundle = fs::read(self.images.join(format!("{update}.raucb"))).expect("it was made");
        self.stick_with(&format!("fieldtune-{update}.raucb"), &bundle)
    }

    /// A USB stick with a file.
    pub(super) fn stick_with(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path("stick.img");
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let mut file = file.expect("there is room");
        file.set_len(bytes.len() as u64 + (16 << 20)).expect("there is room");
        format_volume(&mut file, FormatVolumeOptions::new()).expect("there is room");
        let stick = FileSystem::new(BufStream::new(file), FsOptions::new()).expect("it is FAT");
        let mut file = stick.root_dir().create_file(name).expect("there is room");
        file.write_all(bytes).expect("there is room");
        drop(file);
        stick.unmount().expect("it is a file");
        path
    }

    /// Starts a board with it. QEMU stands in for the firmware, which would load U-Boot and a device tree with the
    /// arguments of the kernel.
    pub(super) fn start(&self) -> Board {
        self.start_with(None)
    }

    /// As [`Card::start`], with a stick in its socket.
    pub(super) fn start_with(&self, stick: Option<&Path>) -> Board {
        fs::write(self.path("u-boot.bin"), self.file("u-boot.bin")).expect("there is room");
        let line = String::from_utf8(self.file("cmdline.txt")).expect("text");
        // There is no screen: the PL011 shows what it would. QEMU's watchdog does not wait.
        let line = line.trim().replace("console=tty1", "console=ttyAMA0,115200");
        let line = format!("{line} fieldtune.watchdog={} {}", self.watchdog, self.arguments);
        let tree = self.images.join("raspi3b.dtb");
        // Of the start before.
        let _ = fs::remove_file(self.path("screen"));
        let screen = format!("unix:{},server=on,wait=off", self.path("screen").display());
        let mut qemu = Command::new("qemu-system-aarch64");
        qemu.args(["-M", "raspi3b", "-accel", "tcg,thread=single", "-dtb"]).arg(tree);
        qemu.arg("-kernel").arg(self.path("u-boot.bin"));
        qemu.args(["-append", &line, "-drive"]);
        qemu.arg(format!("if=sd,format=raw,file={}", self.path("card.img").display()));
        if let Some(stick) = stick {
            let drive = format!("if=none,id=stick,format=raw,readonly=on,file={}", stick.display());
            qemu.args(["-drive", &drive, "-device", "usb-storage,drive=stick"]);
        }
        qemu.args(["-serial", &screen, "-serial", "pty"]);
        qemu.args(["-display", "none", "-monitor", "none"]);
        let begun = Instant::now();
        let qemu = qemu.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut qemu = qemu.expect("qemu-system-aarch64 is installed");
        // Where the other end of the serial line is: "char device redirected to /dev/pts/3 (label serial1)".
        let mut said = String::new();
        let stdout = qemu.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut said).expect("text");
        let line = said.split_whitespace().find(|word| word.starts_with("/dev/"));
        let console = line.unwrap_or_else(|| panic!("QEMU said {said:?}")).to_owned();
        let log = loop {
            match UnixStream::connect(self.path("screen")) {
                Ok(socket) => break socket,
                Err(error) if begun.elapsed() > PATIENCE => panic!("{error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let screen = Arc::new(Mutex::new(String::new()));
        let to = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut log = log;
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = log.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..length]);
                to.lock().expect("nobody panics with it").push_str(&text);
            }
        });
        Board { qemu, screen, begun, console }
    }
}

impl Board {
    /// Waits until it has said something on its screen; returns the seconds since its start.
    pub(super) fn until(&self, wanted: &str) -> f64 {
        while !self.screen().contains(wanted) {
            assert!(self.begun.elapsed() < PATIENCE, "in vain: {wanted}, in\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.begun.elapsed().as_secs_f64()
    }

    /// As [`Board::until`], of what it says after something else.
    pub(super) fn until_after(&self, first: &str, wanted: &str) -> f64 {
        loop {
            let screen = self.screen();
            if screen.split_once(first).is_some_and(|(_, later)| later.contains(wanted)) {
                return self.begun.elapsed().as_secs_f64();
            }
            assert!(self.begun.elapsed() < PATIENCE, "in vain: {wanted}, in\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until so much time has passed since its start.
    pub(super) fn run_until(&self, time: Duration) {
        std::thread::sleep(time.saturating_sub(self.begun.elapsed()));
    }

    pub(super) fn screen(&self) -> String {
        self.screen.lock().expect("nobody panics with it").clone()
    }

    /// Asks over the serial line, from this machine.
    pub(super) fn ctl(&self, request: &[&str]) -> Run {
        let port = format!("serial:{}", self.console);
        fieldtune(&[&["ctl", "--port", &port, "--timeout", "60"], request].concat())
    }

    /// As when somebody pulls the plug.
    pub(super) fn cut_power(mut self) {
        self.qemu.kill().expect("it runs");
        self.qemu.wait().expect("it is our child");
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn a_card_of_debian_packages_learns_and_survives() {
    let Some(images) = images() else { return };
    let card = Card::written(images);
    // The power is cut while the partition for what is learned is made.
    let board = card.start();
    board.until("grows to 220 MiB");
    board.cut_power();

    let board = card.start();
    board.until("line-3 is set up");
    board.until("found    camera");
    let first = board.until(" ms a frame");
    for (scene, class) in [("good", "good"), ("scratch", "scratch")] {
        let set = board.ctl(&["set", "scene", scene]);
        assert_eq!(set.code, 0, "{set:?}");
        let taught = board.ctl(&["teach", class, "2", "any"]);
        assert!(taught.stdout.contains("count=2"), "{taught:?}");
    }
    board.cut_power();

    // What was acknowledged is there, and the system that wrote it was not unpacked again.
    let board = card.start();
    let later = board.until("2 classes taught");
    assert!(!board.screen().contains("the package is unpacked"), "{}", board.screen());
    let classes = board.ctl(&["classes"]);
    assert!(classes.stdout.contains("name=good examples=2"), "{classes:?}");
    assert!(classes.stdout.contains("name=scratch examples=2"), "{classes:?}");
    board.cut_power();
    println!("the first start took {first:.1} s until frames are judged, a later one {later:.1} s");

    // A package of the boot partition that is torn leaves the program before.
    let whole = card.file("fieldtune-package.deb");
    card.put("fieldtune-package.deb", &whole[..whole.len() / 2]);
    card.put("meta-data", b"{\n  \"instance-id\": \"fieldtune-another\"\n}\n");
    // An update on a stick: the other slot has it, and keeps it once it has shown that it works.
    let board = card.start_with(Some(&card.stick("next")));
    board.until("slot A runs");
    board.until("cannot be unpacked; the one before stays");
    board.until("2 classes taught");
    let installed = board.until("slot B: next is installed and starts next, on trial");
    let again = board.until("slot B runs");
    let good = board.until("slot B is good");
    let classes = board.ctl(&["classes"]);
    assert!(classes.stdout.contains("name=good examples=2"), "{classes:?}");
    board.cut_power();
    println!(
        "an update took {installed:.1} s, its start {again:.1} s, until it was good {good:.1} s"
    );
}
