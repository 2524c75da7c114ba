//! Version 1 of the file, as it was written: postcard of these structs, field by field, variant by variant. What later
//! versions have in the same form is shared with them (`snapshot/v2.rs`).
//!
//! Nothing here may change its shape or order, since files of this version are read for ever; a new shape is a new
//! version beside this one. So every live type that is stored has its own form here.

use std::fmt::Formatter;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::ModelId;
use crate::learn::decision::Thresholds;
use crate::learn::examples::MAX_EXAMPLES;
use crate::learn::head::{
    FeatureScaling, HeadConfig, Method, Metric, MlpConfig, Shrinkage, SldaUpdate, SoftmaxConfig,
};
use crate::learn::learner::{MAX_CLASSES, UNDO_DEPTH};

/// Changes of a step at most: every example goes and comes, and so does every class, and the head and the thresholds.
pub(super) const MAX_CHANGES: usize = 2 * (MAX_EXAMPLES + MAX_CLASSES + 1);

/// All that stands between the version and the checksum.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) model: StoredModel,
    pub(crate) body: StoredBody,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredModel {
    name: String,
    fingerprint: [u8; 32],
    dim: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StoredBody {
    /// Id and name.
    #[serde(deserialize_with = "at_most::<_, _, MAX_CLASSES>")]
    pub(crate) classes: Vec<(u32, String)>,
    #[serde(deserialize_with = "at_most::<_, _, MAX_EXAMPLES>")]
    pub(crate) examples: Vec<StoredExample>,
    pub(crate) head: StoredHead,
    pub(crate) thresholds: StoredThresholds,
    pub(crate) next_class: u32,
    pub(crate) next_example: u64,
    /// Steps that can be undone, the latest last.
    #[serde(deserialize_with = "at_most::<_, _, UNDO_DEPTH>")]
    pub(crate) undo: Vec<StoredStep>,
}

/// The changes of a step.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct StoredStep(
    #[serde(deserialize_with = "at_most::<_, _, MAX_CHANGES>")] pub(crate) Vec<StoredChange>,
);

/// A list of which only one item more than `MOST` is kept: a file of a few megabytes must not take gigabytes when it is
/// read, and the caller can see that there were too many.
pub(super) fn at_most<'de, D, T, const MOST: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct AtMost<T, const MOST: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for AtMost<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
            write!(f, "at most {MOST} items")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut kept = Vec::new();
            while let Some(item) = items.next_element()? {
                if kept.len() <= MOST {
                    kept.push(item);
                }
            }
            Ok(kept)
        }
    }

    deserializer.deserialize_seq(AtMost::<T, MOST>(PhantomData))
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StoredExample {
    pub(crate) id: u64,
    pub(crate) class: u32,
    pub(crate) taught_micros: u64,
    pub(crate) origin: String,
    /// Bits of f16.
    pub(crate) feature: Vec<u16>,
    pub(crate) thumbnail: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredHead {
    method: StoredMethod,
    centre: Option<Vec<f32>>,
    unit_length: bool,
}

impl StoredHead {
    /// For features of which only the first values are left.
    pub(crate) fn shorten(&mut self, dim: usize) {
        if let Some(centre) = &mut self.centre {
            centre.truncate(dim);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum StoredMethod {
    /// `None` is chosen by leave-one-out.
    Lda {
        shrinkage: Option<f32>,
    },
    Ridge {
        lambda: f32,
        balanced: bool,
    },
    Slda {
        shrinkage: f32,
        published_update: bool,
    },
    Prototype {
        cosine: bool,
    },
    Knn {
        k: u32,
    },
    Softmax {
        learning_rate: f32,
        momentum: f32,
        l2: f32,
        epochs: u32,
        batch: u32,
        seed: u64,
    },
    Mlp {
        hidden: u32,
        dropout: f32,
        learning_rate: f32,
        weight_decay: f32,
        epochs: u32,
        batch: u32,
        seed: u64,
    },
    LdaByLooks,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredThresholds {
    confidence: f32,
    novelty: f32,
}

#[derive(Debug, Deserialize)]
pub(crate) enum StoredChange {
    AddClass(u32, String),
    RemoveClass(u32),
    RenameClass(u32, String),
    AddExample(StoredExample),
    RemoveExample(u64),
    Relabel(u64, u32),
    SetHead(StoredHead),
    SetThresholds(StoredThresholds),
}

impl From<&ModelId> for StoredModel {
    fn from(model: &ModelId) -> Self {
        let ModelId { name, fingerprint, dim } = model.clone();
        Self { name, fingerprint, dim }
    }
}

impl From<StoredModel> for ModelId {
    fn from(stored: StoredModel) -> Self {
        let StoredModel { name, fingerprint, dim } = stored;
        Self { name, fingerprint, dim }
    }
}

impl From<&HeadConfig> for StoredHead {
    fn from(config: &HeadConfig) -> Self {
        let method = match config.method {
            Method::Lda { shrinkage } => match shrinkage {
                Shrinkage::Fixed(shrinkage) => StoredMethod::Lda { shrinkage: Some(shrinkage) },
                Shrinkage::LeaveOneOut => StoredMethod::Lda { shrinkage: None },
                Shrinkage::ByLooks => StoredMethod::LdaByLooks,
            },
            Method::Ridge { lambda, balanced } => StoredMethod::Ridge { lambda, balanced },
            Method::Slda { shrinkage, update } => StoredMethod::Slda {
                shrinkage,
                published_update: match update {
                    SldaUpdate::Exact => false,
                    SldaUpdate::Published => true,
                },
            },
            Method::Prototype { metric } => StoredMethod::Prototype {
                cosine: match metric {
                    Metric::Euclidean => false,
                    Metric::Cosine => true,
                },
            },
            Method::Knn { k } => StoredMethod::Knn { k },
            Method::Softmax(SoftmaxConfig { learning_rate, momentum, l2, epochs, batch, seed }) => {
                StoredMethod::Softmax { learning_rate, momentum, l2, epochs, batch, seed }
            }
            Method::Mlp(MlpConfig {
                hidden,
                dropout,
                learning_rate,
                weight_decay,
                epochs,
                batch,
                seed,
            }) => StoredMethod::Mlp {
                hidden,
                dropout,
                learning_rate,
                weight_decay,
                epochs,
                batch,
                seed,
            },
        };
        let FeatureScaling { centre, unit_length } = config.scaling.clone();
        Self { method, centre, unit_length }
    }
}

impl From<StoredHead> for HeadConfig {
    fn from(stored: StoredHead) -> Self {
        let method = match stored.method {
            StoredMethod::Lda { shrinkage } => Method::Lda {
                shrinkage: shrinkage.map_or(Shrinkage::LeaveOneOut, Shrinkage::Fixed),
            },
            StoredMethod::LdaByLooks => Method::Lda { shrinkage: Shrinkage::ByLooks },
            StoredMethod::Ridge { lambda, balanced } => Method::Ridge { lambda, balanced },
            StoredMethod::Slda { shrinkage, published_update } => {
                let update =
                    if published_update { SldaUpdate::Published } else { SldaUpdate::Exact };
                Method::Slda { shrinkage, update }
            }
            StoredMethod::Prototype { cosine } => Method::Prototype {
                metric: if cosine { Metric::Cosine } else { Metric::Euclidean },
            },
            StoredMethod::Knn { k } => Method::Knn { k },
            StoredMethod::Softmax { learning_rate, momentum, l2, epochs, batch, seed } => {
                Method::Softmax(SoftmaxConfig { learning_rate, momentum, l2, epochs, batch, seed })
            }
            StoredMethod::Mlp {
                hidden,
                dropout,
                learning_rate,
                weight_decay,
                epochs,
                batch,
                seed,
            } => Method::Mlp(MlpConfig {
                hidden,
                dropout,
                learning_rate,
                weight_decay,
                epochs,
                batch,
                seed,
            }),
        };
        let scaling = FeatureScaling { centre: stored.centre, unit_length: stored.unit_length };
        Self { method, scaling }
    }
}

impl From<&Thresholds> for StoredThresholds {
    fn from(thresholds: &Thresholds) -> Self {
        Self { confidence: thresholds.confidence, novelty: thresholds.limit() }
    }
}

impl From<StoredThresholds> for Thresholds {
    fn from(stored: StoredThresholds) -> Self {
        Self::of_limit(stored.confidence, stored.novelty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::head::HeadKind;

    fn there_and_back(config: &HeadConfig) -> HeadConfig {
        let bytes = postcard::to_allocvec(&StoredHead::from(config)).expect("known length");
        postcard::from_bytes::<StoredHead>(&bytes).expect("just written").into()
    }

    #[test]
    fn every_head_s_settings_come_back_as_they_were() {
        let centred = HeadConfig::default().with_centre(Some(vec![1.5, -2.0]));
        let of = |method| HeadConfig { method, scaling: FeatureScaling::default() };
        let mut configs: Vec<HeadConfig> = HeadKind::ALL.map(HeadConfig::of).to_vec();
        configs.push(centred);
        configs.push(of(Method::Lda { shrinkage: Shrinkage::ByLooks }));
        configs.push(of(Method::Slda { shrinkage: 0.25, update: SldaUpdate::Published }));
        configs.push(of(Method::Prototype { metric: Metric::Cosine }));
        let mut raw = HeadConfig::of(HeadKind::Ridge);
        raw.scaling.unit_length = false;
        configs.push(raw);
        for config in configs {
            assert_eq!(there_and_back(&config), config);
        }
    }

    #[test]
    fn stored_head_settings_keep_their_bytes() {
        let of = |config: &HeadConfig| {
            postcard::to_allocvec(&StoredHead::from(config)).expect("known length")
        };
        let bytes = |kind| of(&HeadConfig::of(kind));
        let lda = |shrinkage| {
            let method = Method::Lda { shrinkage };
            of(&HeadConfig { method, scaling: FeatureScaling::default() })
        };
        assert_eq!(lda(Shrinkage::Fixed(0.5)), [0, 1, 0, 0, 0, 0x3f, 0, 1]);
        assert_eq!(lda(Shrinkage::ByLooks), [7, 0, 1]);
        // Variant, then the fields: f32 little-endian, bool a byte, integers varint; then no centre, unit length.
        let cases: [(HeadKind, &[u8]); 5] = [
            (HeadKind::Lda, &[0, 0, 0, 1]),
            (HeadKind::Ridge, &[1, 0xcd, 0xcc, 0xcc, 0x3d, 1, 0, 1]),
            (HeadKind::Slda, &[2, 0, 0, 0, 0x3f, 0, 0, 1]),
            (HeadKind::Prototype, &[3, 0, 0, 1]),
            (HeadKind::Knn, &[4, 3, 0, 1]),
        ];
        for (kind, wanted) in cases {
            assert_eq!(bytes(kind), wanted, "{kind}");
        }
    }
}
