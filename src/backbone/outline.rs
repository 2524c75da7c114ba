//! How many parts a file's protobuf has, counted before it is decoded: an empty node takes two bytes in the file and
//! hundreds in memory, so that a file within the limit of bytes could still take all memory there is.

use super::BackboneError;

/// Parts that a network may have, each node, attribute and tensor counted as sixteen and each name as one: some ten
/// times those of the largest transformer for images, and some 300 MiB.
pub const MAX_PARTS: u64 = 1 << 22;

/// Graphs within graphs, as deep as the decoder goes.
const MAX_DEPTH: u32 = 100;

/// What a message of the format is, as far as it matters how many parts it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    /// Anything else: a string, packed numbers, a message that holds few others.
    Leaf,
}

impl Kind {
    /// What a field of that number is.
    fn child(self, field: u64) -> Kind {
        match (self, field) {
            (Kind::Model, 7) => Kind::Graph,
            (Kind::Graph, 1) => Kind::Node,
            (Kind::Node, 5) => Kind::Attribute,
            (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) => Kind::Tensor,
            (Kind::Attribute, 6 | 11) => Kind::Graph,
            _ => Kind::Leaf,
        }
    }

    fn cost(self) -> u64 {
        if self == Kind::Leaf { 1 } else { 16 }
    }
}

/// Whether a file has at most [`MAX_PARTS`]. One that is damaged is left to the decoder, which stops where this stops.
///
/// # Errors
/// [`BackboneError::Parse`].
pub(super) fn check(onnx: &[u8], name: &str) -> Result<(), BackboneError> {
    let mut left = MAX_PARTS;
    match walk(onnx, Kind::Model, MAX_DEPTH, &mut left) {
        Walked::TooMany => {
            let what = format!("it has more nodes, tensors and names than {MAX_PARTS} in all");
            Err(BackboneError::parse(name, &what))
        }
        Walked::Whole | Walked::Damaged => Ok(()),
    }
}

enum Walked {
    Whole,
    Damaged,
    TooMany,
}

fn walk(mut bytes: &[u8], kind: Kind, depth: u32, left: &mut u64) -> Walked {
    while !bytes.is_empty() {
        let Some((key, rest)) = varint(bytes) else { return Walked::Damaged };
        bytes = rest;
        let length = match key & 7 {
            0 => match varint(bytes) {
                Some((_, rest)) => bytes.len() - rest.len(),
                None => return Walked::Damaged,
            },
            1 => 8,
            2 => match varint(bytes) {
                Some((length, rest)) => {
                    bytes = rest;
                    usize::try_from(length).unwrap_or(usize::MAX)
                }
                None => return Walked::Damaged,
            },
            5 => 4,
            _ => return Walked::Damaged,
        };
        let Some((content, rest)) = bytes.split_at_checked(length) else { return Walked::Damaged };
        bytes = rest;
        let child = if key & 7 == 2 { kind.child(key >> 3) } else { Kind::Leaf };
        match left.checked_sub(child.cost()) {
            Some(fewer) => *left = fewer,
            None => return Walked::TooMany,
        }
        if child != Kind::Leaf && depth > 0 {
            match walk(content, child, depth - 1, left) {
                Walked::Whole => {}
                other => return other,
            }
        }
    }
    Walked::Whole
}

/// A number of seven bits a byte, the lowest first, and what stands behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place).min(63);
        if byte < 0x80 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        [&bytes, content].concat()
    }

    fn parts(onnx: &[u8]) -> Option<u64> {
        let mut left = MAX_PARTS;
        match walk(onnx, Kind::Model, MAX_DEPTH, &mut left) {
            Walked::Whole => Some(MAX_PARTS - left),
            Walked::Damaged | Walked::TooMany => None,
        }
    }

    #[test]
    fn nodes_attributes_and_names_are_counted_wherever_they_are() {
        let node = |content: &[u8]| field(7, &field(1, content));
        let inner = field(5, &field(6, &field(1, &field(4, b"Relu"))));
        let cases: [(&str, Vec<u8>, Option<u64>); 6] = [
            ("nothing", vec![], Some(0)),
            ("a number", vec![8, 0x88, 1], Some(1)),
            ("a node with two names", node(&[field(1, b"x"), field(2, b"y")].concat()), Some(34)),
            ("a node in a graph in an attribute", node(&inner), Some(16 * 5 + 1)),
            ("cut off", node(b"\x0a\x05x"), None),
            ("a group, which the format has not", vec![0x0b], None),
        ];
        for (name, onnx, wanted) in cases {
            assert_eq!(parts(&onnx), wanted, "{name}");
        }
    }

    #[test]
    fn a_file_with_too_many_parts_is_refused_before_it_is_decoded() {
        let nodes = |count: usize| field(7, &field(1, b"").repeat(count));
        let most = (MAX_PARTS / 16) as usize - 1;
        assert_eq!(check(&nodes(most), "x"), Ok(()));
        let error = check(&nodes(most + 1), "x").expect_err("one too many").to_string();
        assert!(error.contains(&MAX_PARTS.to_string()), "{error}");
    }
}
