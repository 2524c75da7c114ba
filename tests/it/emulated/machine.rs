//! A machine in QEMU: its shell for the test, its serial console for what is tested, its pins.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take: an emulated core is a hundred times slower, and the host may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// A name of a camera that stays when its number changes.
pub const USB_CAMERA: &str = "/dev/v4l/by-id/usb-camera-video-index0";

/// The kernel's hub for USB/IP.
const HUB: &str = "/sys/devices/platform/vhci_hcd.0";

/// What `tests/emulated/prepare` made, or nothing, and that is said.
pub fn images() -> Option<PathBuf> {
    let folder = std::env::var_os("FIELDTUNE_EMULATION").map(PathBuf::from);
    let ready = folder.filter(|folder| folder.join("initrd.gz").exists());
    if ready.is_none() {
        println!("skipped: FIELDTUNE_EMULATION names no folder made by tests/emulated/prepare");
    }
    ready
}

/// A running machine; it ends with this value.
pub struct Machine {
    qemu: Child,
    control: Line,
    main: Line,
    qtest: Line,
    _folder: tempfile::TempDir,
}

/// A socket of QEMU's, read by lines.
struct Line {
    name: &'static str,
    socket: UnixStream,
    pending: Vec<u8>,
    heard: String,
}

impl Line {
    fn connect(name: &'static str, path: &Path) -> Self {
        let begun = Instant::now();
        let socket = loop {
            match UnixStream::connect(path) {
                Ok(socket) => break socket,
                Err(error) if begun.elapsed() > PATIENCE => panic!("{}: {error}", path.display()),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        Self { name, socket, pending: Vec::new(), heard: String::new() }
    }

    fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).expect("QEMU listens");
    }

    /// The next line, without its end.
    fn line(&mut self) -> String {
        let begun = Instant::now();
        loop {
            if let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                self.heard.push_str(&line);
                self.heard.push('\n');
                return line;
            }
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer) {
                Ok(0) => panic!("{}: QEMU has ended; it said\n{}", self.name, self.heard),
                Ok(length) => self.pending.extend(&buffer[..length]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    assert!(
                        begun.elapsed() < PATIENCE,
                        "{}: nothing came; before\n{}",
                        self.name,
                        self.heard
                    );
                }
                Err(error) => panic!("{}: {error}", self.name),
            }
        }
    }
}

impl Machine {
    fn start(images: &Path, board: &[&str], kernel: &str, serials: [&str; 2]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = |name: &str| folder.path().join(name);
        let listening = |name: &str| format!("unix:{},server=on,wait=off", socket(name).display());
        let mut qemu = Command::new("qemu-system-aarch64");
        qemu.args(board).args(["-display", "none", "-monitor", "none", "-no-reboot"]);
        qemu.arg("-kernel").arg(images.join("vmlinuz"));
        qemu.arg("-initrd").arg(images.join("initrd.gz"));
        qemu.args(["-append", &format!("quiet loglevel=1 panic=-1 {kernel}")]);
        qemu.args(["-qtest", &listening("qtest"), "-qtest-log", "none"]);
        for name in serials {
            match name {
                "pci" => {
                    let path = socket("control");
                    let backend = format!("socket,id=c,path={},server=on,wait=off", path.display());
                    qemu.args(["-chardev", &backend, "-device", "pci-serial,chardev=c"]);
                }
                name => {
                    qemu.args(["-serial", &listening(name)]);
                }
            }
        }
        let qemu = qemu.stdin(Stdio::null()).spawn().expect("qemu-system-aarch64 is installed");
        let mut machine = Self {
            qemu,
            control: Line::connect("control", &socket("control")),
            main: Line::connect("console", &socket("main")),
            qtest: Line::connect("qtest", &socket("qtest")),
            _folder: folder,
        };
        while machine.control.line() != "READY" {}
        machine
    }

    /// The board `virt`: shell on a PCI serial port, console on the PL011.
    fn board(images: &Path, more: &[&str], modules: &str) -> Self {
        let board = ["-M", "virt", "-cpu", "cortex-a53", "-smp", "1", "-m", "512"];
        let kernel = format!("console=ttyAMA0 control=ttyS0 modules={modules}");
        Self::start(images, &[&board, more].concat(), &kernel, ["main", "pci"])
    }

    /// The board `virt` with these modules of the kernel.
    pub fn virt(images: &Path, modules: &str) -> Self {
        Self::board(images, &["-nic", "none"], modules)
    }

    /// The board `virt` with a disk on /data.
    pub fn with_disk(images: &Path, disk: &Path) -> Self {
        let drive = format!("file={},if=none,id=d,format=raw,cache=writeback", disk.display());
        let device = "virtio-blk-device,drive=d";
        let more = ["-nic", "none", "-drive", &drive, "-device", device];
        Self::board(images, &more, "virtio_mmio,virtio_blk,crc32c_generic,ext4 data=vda")
    }

    /// The board `virt` with USB, where a camera is plugged in with [`Machine::plug_in`].
    pub fn with_usb(images: &Path) -> Self {
        let more = ["-netdev", "user,id=n", "-device", "virtio-net-device,netdev=n"];
        let mut board = Self::board(images, &more, "virtio_mmio,virtio_net,vhci-hcd,uvcvideo");
        board.sh("ifconfig eth0 10.0.2.15 up");
        board
    }

    /// Connects the USB device that listens on this port of the host, waits until there is a camera, and names it
    /// [`USB_CAMERA`].
    pub fn plug_in(&mut self, port: u16) {
        // A device that has gone leaves its port somewhat later; one that is attached before is refused.
        self.until("the hub's first port is free", |board| {
            board.sh(&format!("cat {HUB}/status")).contains("hs  0000 004")
        });
        // Takes the connection over from the program that made it: first port of the first hub, device 1-2, high speed.
        let attach = format!("echo '0 0 65538 3' >{HUB}/attach");
        let said = self.sh(&format!("nc 10.0.2.2 {port} -e /bin/sh -c \"{attach}\" 2>&1"));
        assert!(said.is_empty(), "{said}");
        // As udev does: the first of its devices is the camera, the second carries what is known of each frame.
        let link = format!(
            "mkdir -p /dev/v4l/by-id; for d in /sys/class/video4linux/*; do \
             [ \"$(cat $d/index)\" = 0 ] && ln -sf ../../${{d##*/}} {USB_CAMERA} && echo done; done"
        );
        // Linked again where the devices were not all there yet.
        self.until("the camera is there", |board| {
            board.sh(&link).contains("done") && board.sh("fieldtune cameras").contains(USB_CAMERA)
        });
    }

    /// As when somebody pulls the plug.
    pub fn cut_power(mut self) {
        self.qemu.kill().expect("it runs");
        self.qemu.wait().expect("it is our child");
    }

    /// Types a line, and does not wait for what comes of it.
    pub fn begin(&mut self, request: &str) {
        self.main.send(&format!("{request}\n"));
    }

    /// A Raspberry Pi 3 Model B: console on the mini UART, shell on the PL011.
    pub fn raspi3b(images: &Path) -> Self {
        let tree = images.join("raspi3b.dtb");
        let tree = tree.to_str().expect("a path in UTF-8");
        // One thread for all four cores, which else spin against each other.
        let board = ["-M", "raspi3b", "-accel", "tcg,thread=single", "-dtb", tree];
        let kernel = "console=ttyS1,115200 iomem=relaxed control=ttyAMA0";
        Self::start(images, &board, kernel, ["control", "main"])
    }

    /// What a command prints on the machine.
    pub fn sh(&mut self, command: &str) -> String {
        self.control.send(&format!("{command}\necho END-OF-OUTPUT\n"));
        let mut output = String::new();
        loop {
            let line = self.control.line();
            match line.strip_suffix("END-OF-OUTPUT") {
                Some(rest) => return output + rest,
                None => output = output + &line + "\n",
            }
        }
    }

    /// What the console answers: every line up to `ok` or `error`.
    pub fn ask(&mut self, request: &str) -> String {
        self.main.send(&format!("{request}\n"));
        let mut answer = String::new();
        loop {
            // What is echoed of the request stands before its answer.
            let line = self.main.line();
            let line = line.rsplit('\r').next().unwrap_or_default().trim_start_matches("\u{1b}[K");
            answer = answer + line + "\n";
            if line == "ok" || line.starts_with("ok ") || line.starts_with("error: ") {
                return answer;
            }
        }
    }

    /// The next verdict.
    pub fn verdict(&mut self) -> String {
        self.ask("watch on");
        let verdict = loop {
            let line = self.main.line();
            if line.contains("verdict ") {
                break line;
            }
        };
        self.ask("watch off");
        verdict
    }

    /// Waits for something.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            if begun.elapsed() > PATIENCE {
                let log = self.sh("cat /tmp/log");
                let kernel = self.sh("dmesg | tail -n 20");
                panic!(
                    "the console said\n{}the log\n{log}the kernel\n{kernel}in vain: {what}",
                    self.main.heard
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn qtest(&mut self, command: &str) -> String {
        self.qtest.send(&format!("{command}\n"));
        loop {
            let line = self.qtest.line();
            if !line.starts_with("IRQ") {
                let answer = line.strip_prefix("OK");
                return answer.unwrap_or_else(|| panic!("{command}: {line}")).trim().to_owned();
            }
        }
    }

    fn read(&mut self, command: &str) -> u64 {
        let answer = self.qtest(command);
        let digits = answer.trim_start_matches("0x");
        u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{command}: {answer}"))
    }

    /// The eight lines of the PL061 of `virt`.
    pub fn pl061(&mut self) -> u8 {
        self.read("readb 0x90303fc") as u8
    }

    /// Drives an input of the PL061.
    pub fn press_pl061(&mut self, line: u8, pressed: bool) {
        let level = u8::from(pressed);
        self.qtest(&format!(
            "set_irq_in /machine/unattached/device[6] unnamed-gpio-in {line} {level}"
        ));
        // Longer than it is debounced.
        std::thread::sleep(Duration::from_millis(300));
    }

    /// The level of a pin of the Raspberry Pi.
    pub fn bcm_level(&mut self, pin: u32) -> bool {
        self.read("readl 0x3f200034") >> pin & 1 == 1
    }

    /// Drives an input of the Raspberry Pi.
    pub fn bcm_set(&mut self, pin: u32, high: bool) {
        let register = if high { "0x3f20001c" } else { "0x3f200028" };
        self.qtest(&format!("writel {register} {:#x}", 1u32 << pin));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
