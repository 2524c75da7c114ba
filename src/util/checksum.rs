//! CRC-32 (IEEE 802.3, as in zip and Ethernet): finds what a file or a line damaged, not what was changed on
//! purpose. The only file that names crc32fast.

/// Of these bytes.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}
