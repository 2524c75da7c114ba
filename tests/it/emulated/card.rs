//! A card of Debian packages alone, written by `fieldtune flash`, in an emulated Raspberry Pi 3.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Cursor, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fatfs::{FileSystem, FsOptions};
use flate2::read::GzDecoder;
use fscommon::{BufStream, StreamSlice};

use super::images;
use crate::common::{Run, fieldtune};

/// How long a start may take: the host may be busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// Bytes of the card; QEMU wants a power of two.
const SIZE: u64 = 512 << 20;

/// Where `boards/image/build` puts the boot partition.
const BOOT: (u64, u64) = (4 << 20, 132 << 20);

/// A card in a folder, beside what the board is started with.
struct Card {
    folder: tempfile::TempDir,
    images: PathBuf,
}

/// A board that runs from a card.
struct Board {
    qemu: Child,
    /// What its screen has shown, read at once: QEMU stands still while nobody reads what it writes.
    screen: Arc<Mutex<String>>,
    begun: Instant,
    /// The serial line of the header, at this machine's end.
    console: String,
}

impl Card {
    fn written(images: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let card = Self { folder, images };
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

    fn path(&self, name: &str) -> PathBuf {
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

    /// Starts a board with it: what its firmware would do is done here.
    fn start(&self) -> Board {
        let mut kernel = Vec::new();
        let packed = Cursor::new(self.file("kernel8.img"));
        GzDecoder::new(packed).read_to_end(&mut kernel).expect("the firmware could unpack it");
        fs::write(self.path("kernel"), kernel).expect("there is room");
        fs::write(self.path("initrd"), self.file("initrd.gz")).expect("there is room");
        let line = String::from_utf8(self.file("cmdline.txt")).expect("text");
        // There is no screen; without its Bluetooth, which takes it, the PL011 shows what a screen would.
        let line = line.trim().replace("console=tty1", "console=ttyAMA0,115200");
        let tree = self.images.join("raspi3b.dtb");
        // Of the start before.
        let _ = fs::remove_file(self.path("screen"));
        let screen = format!("unix:{},server=on,wait=off", self.path("screen").display());
        let mut qemu = Command::new("qemu-system-aarch64");
        qemu.args(["-M", "raspi3b", "-accel", "tcg,thread=single", "-dtb"]).arg(tree);
        qemu.arg("-kernel").arg(self.path("kernel")).arg("-initrd").arg(self.path("initrd"));
        qemu.args(["-append", &line, "-drive"]);
        qemu.arg(format!("if=sd,format=raw,file={}", self.path("card.img").display()));
        qemu.args(["-serial", &screen, "-serial", "pty"]);
        qemu.args(["-display", "none", "-monitor", "none", "-no-reboot"]);
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
    fn until(&self, wanted: &str) -> f64 {
        while !self.screen().contains(wanted) {
            assert!(self.begun.elapsed() < PATIENCE, "in vain: {wanted}, in\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.begun.elapsed().as_secs_f64()
    }

    fn screen(&self) -> String {
        self.screen.lock().expect("nobody panics with it").clone()
    }

    /// Asks over the serial line, from this machine.
    fn ctl(&self, request: &[&str]) -> Run {
        let port = format!("serial:{}", self.console);
        fieldtune(&[&["ctl", "--port", &port, "--timeout", "60"], request].concat())
    }

    /// As when somebody pulls the plug.
    fn cut_power(mut self) {
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
    board.until("grows to 380 MiB");
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

    // An update that is torn leaves the program before.
    let whole = card.file("fieldtune-package.deb");
    card.put("fieldtune-package.deb", &whole[..whole.len() / 2]);
    card.put("meta-data", b"{\n  \"instance-id\": \"fieldtune-another\"\n}\n");
    let board = card.start();
    board.until("cannot be unpacked; the one before stays");
    board.until("2 classes taught");
    board.cut_power();
}
