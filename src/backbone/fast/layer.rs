//! A layer as people see it.

/// A step as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Of the network's node.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// Of its result.
    pub shape: Vec<usize>,
    /// Multiply-accumulates.
    pub work: usize,
}
