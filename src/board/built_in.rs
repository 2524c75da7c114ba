//! The files of `boards/`, as parts of the program.

/// A table of `(name, text)`.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../boards/", $name, ".toml")))),*]
    };
}

/// Boards, `(name, text)`.
pub const BOARDS: [(&str, &str); 11] = files![
    "pc",
    "sim",
    "raspberry-pi-zero-2w",
    "raspberry-pi-3",
    "raspberry-pi-4",
    "raspberry-pi-4-teachable",
    "raspberry-pi-5",
    "jetson-nano",
    "jetson-orin-nano",
    "qemu-virt",
    "qemu-raspi3b",
];

/// Policies, `(name, text)`.
pub const POLICIES: [(&str, &str); 2] = files!["policy-reject", "policy-teachable"];
