//! A system of Debian packages alone, which `boards/image/build` makes, in place of Raspberry Pi OS.

use std::fs;
use std::path::Path;

use super::{Desk, on_boot, system, value};

#[test]
fn a_system_of_debian_packages_alone_refuses_what_it_lacks() {
    let desk = Desk::new();
    let alone = system(&[
        ("config.txt", "enable_uart=1\n"),
        ("cmdline.txt", "console=tty1 quiet\n"),
        ("user-data", "{}\n"),
        ("system.txt", "a system of Debian packages alone\n"),
    ]);
    let (os, card) = (desk.put("debian.img", &alone), desk.path("card.img"));
    let key = desk.put("id.pub", b"ssh-ed25519 AAAAC3Nza me@desk\n");
    let password = desk.put("wifi", b"a long secret\n");
    let wifi = ["--wifi", "hall", "--wifi-password-file", &password, "--country", "DE"];
    for (option, more) in [
        ("--ssh-key", &["--ssh-key", key.as_str()][..]),
        ("--wifi", &wifi[..]),
        ("--console usb", &["--console", "usb"][..]),
    ] {
        let run = desk.flash(&[&[card.as_str(), "--os", &os], more].concat());
        let wanted = format!("{option}: a system of Debian packages alone has no logins");
        assert!(run.code != 0 && run.stderr.contains(&wanted), "{run:?}");
        assert!(!Path::new(&card).exists(), "nothing is left of {option}");
    }
    let run = desk.flash(&[&card, "--os", &os, "--console", "uart", "--hostname", "line-3"]);
    assert_eq!(run.code, 0, "{run:?}");
    let written = fs::read(&card).expect("it was written");
    let line = on_boot(&written, "cmdline.txt").expect("it is there");
    assert_eq!(line, b"console=tty1 quiet\n");
    assert_eq!(value(&written, "user-data")["hostname"], "line-3");
}
