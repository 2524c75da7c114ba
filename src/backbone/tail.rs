//! The last blocks of a network with weights of their own, fine-tuned on the device.
//!
//! A tail begins at a cut: a tensor through which everything goes that the late taps see. The network runs as it always
//! does and gives its feature; then the tail runs once more from the cut on, with its own weights, and what it gives at
//! the late taps is put behind that feature. So a feature is the frozen one, unchanged, and the adapted one.

mod bytes;
#[cfg(test)]
mod tests;

use fieldtune_math::layers::Network;
use half::f16;
use sha2::{Digest as _, Sha256};

use super::fast::{Ends, Untrainable};
use super::graph::{Graph, label};
use super::read::{Read, read};
use super::{BackboneError, BackboneSpec, Fingerprint, Onnx, Pooling, guarded, taps};

/// The layers behind a cut, and what they belong to.
#[derive(Debug, Clone, PartialEq)]
pub struct Tail {
    base: Fingerprint,
    cut: String,
    late: Vec<usize>,
    network: Network,
}

/// Why a network has no tail that could be trained, or bytes are none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TailError {
    /// The network cannot be read.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// An operator behind the cut cannot be trained.
    #[error(
        "{name}: operator {operator} (node {node}) cannot be trained: wanted convolutions, ReLU, ReLU6, hard-swish, SiLU, squeeze-and-excite, sums and pooling over the whole map\n  next: a smaller --depth, or another network"
    )]
    Untrainable {
        /// The file.
        name: String,
        /// The operator.
        operator: String,
        /// Its node.
        node: String,
    },
    /// There is no such cut.
    #[error("{name}: depth {got}, wanted 1 to {most}")]
    Depth {
        /// The file.
        name: String,
        /// Blocks that can be trained.
        most: usize,
        /// What was asked for.
        got: usize,
    },
    /// It looks twice.
    #[error(
        "{name}: its last blocks cannot be trained, since it looks at a frame twice\n  next: a model that looks once"
    )]
    TwoLooks {
        /// The file.
        name: String,
    },
    /// No place at which it could be cut.
    #[error(
        "{name}: there is no place in the network through which everything goes, so its last blocks cannot be trained alone"
    )]
    NoCut {
        /// The file.
        name: String,
    },
    /// Bytes that are no tail.
    #[error("the fine-tuned blocks are damaged: {0}")]
    Damaged(String),
}

impl Tail {
    /// The last blocks of a network as they are.
    ///
    /// * `base`: of the network, how it is fed and where it is tapped.
    /// * `depth`: blocks from the end, at least 1; by default those of the last stage, whose maps are of one size.
    ///
    /// # Errors
    /// [`TailError`].
    pub fn of<'a>(
        onnx: impl Into<Onnx<'a>>,
        name: &str,
        spec: &BackboneSpec,
        base: Fingerprint,
        depth: Option<usize>,
    ) -> Result<Self, TailError> {
        if spec.input.second_look().is_some() {
            return Err(TailError::TwoLooks { name: name.to_owned() });
        }
        let graph = Graph::parse(onnx, name)?;
        let taps = taps(&graph, spec);
        let tensors: Vec<String> = taps.iter().map(|tap| tap.tensor.clone()).collect();
        let ends = |tensors: &[String]| -> Result<(Graph, Ends), TailError> {
            let graph = graph.clone().cut(tensors)?;
            let Read { typed, .. } = read(&graph, &spec.input, tensors)?;
            let ends = guarded(name, "looking for its last blocks", || Ends::of(typed))?;
            Ok((graph, ends))
        };
        let (cut_graph, network) = ends(&tensors)?;
        let tensor_of = |node: &str| {
            let found = cut_graph.nodes().iter().find(|found| label(found) == node)?;
            (found.output.len() == 1).then(|| found.output[0].clone())
        };
        let cuts = network.cuts(|node| tensor_of(node).is_some());
        let last = cuts.first().ok_or_else(|| TailError::NoCut { name: name.to_owned() })?;
        let of_stage = cuts.iter().position(|cut| cut.pixels > last.pixels).map_or(1, |at| at + 1);
        let depth = depth.unwrap_or(of_stage);
        let Some(cut) = depth.checked_sub(1).and_then(|at| cuts.get(at)) else {
            let (name, most) = (name.to_owned(), cuts.len());
            return Err(TailError::Depth { name, most, got: depth });
        };
        let cut = tensor_of(&cut.node).ok_or_else(|| TailError::NoCut { name: name.to_owned() })?;
        let with_cut: Vec<String> = tensors.iter().cloned().chain([cut.clone()]).collect();
        let (_, network) = ends(&with_cut)?;
        let pools: Vec<Vec<bool>> = taps
            .iter()
            .map(|tap| tap.pool.iter().map(|pool| *pool == Pooling::Max).collect())
            .collect();
        let (network, late_taps) =
            network.layers(&pools).map_err(|Untrainable { operator, node }| {
                TailError::Untrainable { name: name.to_owned(), operator, node }
            })?;
        let blocks = pools.iter().zip(late_taps).flat_map(|(pools, late)| vec![late; pools.len()]);
        let late = blocks.enumerate().filter_map(|(block, late)| late.then_some(block)).collect();
        Ok(Self { base, cut, late, network })
    }

    /// Of these layers, whatever network they come from.
    #[cfg(test)]
    pub(crate) fn of_parts(
        base: Fingerprint,
        cut: &str,
        late: Vec<usize>,
        network: Network,
    ) -> Self {
        Self { base, cut: cut.to_owned(), late, network }
    }

    /// Of the network, its preprocessing and its taps, without the tail.
    pub fn base(&self) -> Fingerprint {
        self.base
    }

    /// The tensor at which it begins.
    pub fn cut(&self) -> &str {
        &self.cut
    }

    /// The blocks of the frozen feature that come from behind the cut, rising; those of the adapted feature are theirs, in
    /// the same order.
    pub fn late(&self) -> &[usize] {
        &self.late
    }

    /// Its layers.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// With other weights, rounded to half precision, as they are stored.
    ///
    /// # Errors
    /// [`TailError::Damaged`] where there are more or fewer, or one is too large.
    pub fn with_weights(&self, weights: &[f32]) -> Result<Self, TailError> {
        let rounded = weights.iter().map(|weight| f16::from_f32(*weight).to_f32()).collect();
        let old = &self.network;
        let (nodes, blocks) = (old.nodes().to_vec(), old.blocks().to_vec());
        let network =
            Network::new(old.input(), nodes, blocks, rounded).map_err(TailError::Damaged)?;
        Ok(Self { network, ..self.clone() })
    }

    /// Of the backbone with this tail: SHA-256 over the base's fingerprint and the tail.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update(b"fine-tuned");
        hash.update(self.base.0);
        hash.update(self.to_bytes());
        Fingerprint(hash.finalize().into())
    }
}
