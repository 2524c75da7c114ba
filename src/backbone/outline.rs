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
    /// A sparse tensor, made of two others.
    Sparse,
    /// Nodes that the file defines as an operator.
    Function,
    /// Anything else: a string, packed numbers, a message that holds few others.
    Leaf,
}

impl Kind {
    /// What a field of that number is.
    fn child(self, field: u64) -> Kind {
        match (self, field) {
            (Kind::Model, 7) => Kind::Graph,
            (Kind::Model, 25) => Kind::Function,
            (Kind::Graph, 1) | (Kind::Function, 7) => Kind::Node,
            (Kind::Node, 5) => Kind::Attribute,
            (Kind::Graph, 15) | (Kind::Attribute, 22 | 23) => Kind::Sparse,
            (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) | (Kind::Sparse, 1 | 2) => Kind::Tensor,
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

/// One field of a message.
struct Field<'a> {
    number: u64,
    /// Whether it holds text, bytes or a message, and not a number.
    holds: bool,
    content: &'a [u8],
}

/// The field that stands first, and what stands behind it.
fn field(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (key, mut bytes) = varint(bytes)?;
    let length = match key & 7 {
        0 => bytes.len() - varint(bytes)?.1.len(),
        1 => 8,
        2 => {
            let (length, rest) = varint(bytes)?;
            bytes = rest;
            usize::try_from(length).ok()?
        }
        5 => 4,
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((Field { number: key >> 3, holds: key & 7 == 2, content }, rest))
}

/// How many bytes a file has, and at which its outermost part that is not all there would end; `None` if it is not
/// that what is wrong with it.
pub(super) fn missing(onnx: &[u8]) -> Option<(usize, u64)> {
    let mut bytes = onnx;
    while !bytes.is_empty() {
        match field(bytes) {
            Some((_, rest)) => bytes = rest,
            None => {
                let (key, rest) = varint(bytes)?;
                let (length, rest) = varint(rest)?;
                let end = (onnx.len() - rest.len()) as u64;
                // Numbers and lengths that no file has are another fault.
                let cut = key & 7 == 2 && key >> 3 < 32 && length < 1 << 40;
                return cut.then(|| (onnx.len(), end + length));
            }
        }
    }
    None
}

/// Where the tensors of a file say that their values are, if not in the file itself; as often as they say it.
pub(super) fn locations(onnx: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    find(onnx, Kind::Model, MAX_DEPTH, &mut found);
    found
}

fn find<'a>(mut bytes: &'a [u8], kind: Kind, depth: u32, found: &mut Vec<&'a [u8]>) {
    // Whether the tensor's values are elsewhere, and where.
    let (mut elsewhere, mut location) = (false, None);
    while let Some((Field { number, holds, content }, rest)) = field(bytes) {
        bytes = rest;
        match (kind, number, holds) {
            (Kind::Tensor, 14, false) => elsewhere = varint(content).is_some_and(|(v, _)| v == 1),
            (Kind::Tensor, 13, true) => location = location.or(entry(content)),
            _ => {}
        }
        let child = if holds { kind.child(number) } else { Kind::Leaf };
        if child != Kind::Leaf && depth > 0 {
            find(content, child, depth - 1, found);
        }
    }
    found.extend(location.filter(|_| elsewhere));
}

/// The value of an entry with the key `location`.
fn entry(mut bytes: &[u8]) -> Option<&[u8]> {
    let (mut named, mut value) = (false, None);
    while let Some((Field { number, content, .. }, rest)) = field(bytes) {
        bytes = rest;
        match number {
            1 => named = content == b"location",
            2 => value = Some(content),
            _ => {}
        }
    }
    value.filter(|_| named)
}

fn walk(mut bytes: &[u8], kind: Kind, depth: u32, left: &mut u64) -> Walked {
    while !bytes.is_empty() {
        let Some((Field { number, holds, content }, rest)) = field(bytes) else {
            return Walked::Damaged;
        };
        bytes = rest;
        let child = if holds { kind.child(number) } else { Kind::Leaf };
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

    fn made(number: u8, content: &[u8]) -> Vec<u8> {
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
        let node = |content: &[u8]| made(7, &made(1, content));
        let inner = made(5, &made(6, &made(1, &made(4, b"Relu"))));
        let cases: [(&str, Vec<u8>, Option<u64>); 6] = [
            ("nothing", vec![], Some(0)),
            ("a number", vec![8, 0x88, 1], Some(1)),
            ("a node with two names", node(&[made(1, b"x"), made(2, b"y")].concat()), Some(34)),
            ("a node in a graph in an attribute", node(&inner), Some(16 * 5 + 1)),
            ("cut off", node(b"\x0a\x05x"), None),
            ("a group, which the format has not", vec![0x0b], None),
        ];
        for (name, onnx, wanted) in cases {
            assert_eq!(parts(&onnx), wanted, "{name}");
        }
    }

    #[test]
    fn too_many_parts_are_refused_before_decoding() {
        let nodes = |count: usize| made(7, &made(1, b"").repeat(count));
        let most = (MAX_PARTS / 16) as usize - 1;
        assert_eq!(check(&nodes(most), "x"), Ok(()));
        let error = check(&nodes(most + 1), "x").expect_err("one too many").to_string();
        assert!(error.contains(&MAX_PARTS.to_string()), "{error}");
    }
}
