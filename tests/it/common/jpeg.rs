//! JPEGs as webcams send them.

/// The same without its Huffman tables, as many webcams leave them out.
pub fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    let mut left = jpeg[..2].to_vec();
    let mut at = 2;
    loop {
        let marker = jpeg[at + 1];
        let length = 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        match marker {
            // The pixels' data: no segments follow.
            0xDA => return [&left[..], &jpeg[at..]].concat(),
            0xC4 => {}
            _ => left.extend_from_slice(&jpeg[at..at + length]),
        }
        at += length;
    }
}
