//! A network that reads text: tokens to an embedding.
//!
//! It takes the numbers of a line's tokens, and as far as it wants them which of them are real, of which part they are and where
//! they stand. How many there are is left open where the runtime can do that; else the network is prepared for some
//! lengths, and a line is filled up to the next of them.

mod declared;

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_core::prelude::{
    IntoRunnable as _, TDim, TValue, TVec, Tensor, ToDim as _, TypedModel, TypedRunnableModel, tvec,
};
use tract_onnx::prelude::{Framework as _, InferenceModelExt as _};
use tract_onnx::tract_hir::infer::InferenceFact;

use super::graph::Graph;
use super::rows::{Rows, cut_to};
use super::{BackboneError, Onnx, TokenPooling, guarded, ops};
use crate::text::Tokens;
use declared::{Input, Role, declared_tokens, roles};

/// Tokens of a line at most, whatever a card says.
pub const MAX_TOKENS: usize = 4096;

/// How a network that reads text is fed, and what is taken of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSpec {
    /// Tokens of a line at most; what is longer loses its end.
    pub tokens: usize,
    /// How they become one vector.
    pub pool: TokenPooling,
    /// The tensor with their values, `[1, tokens, values]`, or `[1, values]` where the network has pooled them.
    pub output: String,
}

/// A length that a network is prepared for besides the longest, where it cannot be left open: each has weights of its own.
const SHORT: usize = 32;

/// Tokens that are tried where a network cannot read as many as it should.
const FEWER: [usize; 4] = [77, 64, 32, 16];

/// A loaded network that reads text.
pub struct TextNetwork {
    name: String,
    inputs: Vec<Input>,
    spec: TextSpec,
    dim: usize,
    prepared: Prepared,
}

enum Prepared {
    /// For any number of tokens.
    Open(Arc<TypedRunnableModel>),
    /// For these numbers, each made when it is first wanted.
    Fixed {
        graph: Box<Graph>,
        lengths: Vec<usize>,
        plans: BTreeMap<usize, Arc<TypedRunnableModel>>,
    },
}

impl std::fmt::Debug for TextNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextNetwork").field("name", &self.name).field("dim", &self.dim).finish()
    }
}

impl TextNetwork {
    /// * `onnx`: the file's bytes, or [`OnnxFiles`](super::OnnxFiles); `name`: what messages call it.
    ///
    /// # Errors
    /// [`BackboneError`]; a panic inside the runtime is caught and becomes [`BackboneError::Runtime`].
    pub fn load<'a>(
        onnx: impl Into<Onnx<'a>>,
        name: &str,
        spec: &TextSpec,
    ) -> Result<Self, BackboneError> {
        let graph = Graph::parse(onnx, name)?;
        let graph = cut_to(graph, &spec.output)?;
        let inputs = roles(&graph)?;
        let declared = declared_tokens(&graph);
        let spec = TextSpec {
            tokens: spec.tokens.min(declared.unwrap_or(MAX_TOKENS)).min(MAX_TOKENS),
            ..spec.clone()
        };
        let network = Self {
            name: name.to_owned(),
            inputs,
            spec,
            dim: 0,
            prepared: Prepared::Fixed {
                graph: Box::new(graph),
                lengths: Vec::new(),
                plans: BTreeMap::new(),
            },
        };
        // What cannot run is found here, and not with the first line.
        match declared {
            None => network.left_open().or_else(|network| network.of_lengths(None)),
            declared => network.of_lengths(declared),
        }
    }

    /// As [`TextNetwork::load`], with fewer tokens where it cannot read so many: of some networks the file does not show how
    /// far their positions reach.
    ///
    /// # Errors
    /// As of [`TextNetwork::load`] with the most.
    pub fn load_fitting<'a>(
        onnx: impl Into<Onnx<'a>>,
        name: &str,
        spec: &TextSpec,
    ) -> Result<Self, BackboneError> {
        let onnx = onnx.into();
        let with = |tokens| Self::load(onnx, name, &TextSpec { tokens, ..spec.clone() });
        with(spec.tokens).or_else(|error| {
            let fewer = FEWER.into_iter().filter(|&tokens| tokens < spec.tokens);
            fewer.map(with).find_map(Result::ok).ok_or(error)
        })
    }

    /// With the number of tokens left open.
    ///
    /// # Errors
    /// Itself, where the runtime cannot do that.
    fn left_open(mut self) -> Result<Self, Box<Self>> {
        let Prepared::Fixed { graph, .. } = &self.prepared else { return Ok(self) };
        let Ok(plan) = plan(graph, &self.inputs, None) else { return Err(Box::new(self)) };
        let fixed = std::mem::replace(&mut self.prepared, Prepared::Open(plan));
        // Some networks are prepared and run at none or one length.
        let tried = [2, 3, 7, self.spec.tokens];
        let dims = tried.map(|tokens| Some(self.extract(&Tokens::probe(tokens)).ok()?.len()));
        match dims {
            [Some(dim), ..] if dims == [Some(dim); 4] => Ok(Self { dim, ..self }),
            _ => Err(Box::new(Self { prepared: fixed, ..self })),
        }
    }

    /// Prepared for some numbers of tokens.
    ///
    /// * `declared`: the one that the file has set.
    fn of_lengths(mut self, declared: Option<usize>) -> Result<Self, BackboneError> {
        let has_mask = self.inputs.iter().any(|(role, _)| *role == Role::Mask);
        let most = self.spec.tokens;
        if let Prepared::Fixed { lengths, .. } = &mut self.prepared {
            *lengths = match declared {
                Some(declared) => vec![declared],
                // Without a mask a line that is filled up would be another line.
                None if !has_mask => Vec::new(),
                None if most <= SHORT => vec![most],
                None => vec![SHORT, most],
            };
        }
        self.dim = self.extract(&Tokens::probe(3))?.len();
        self.extract(&Tokens::probe(most)).map_err(|error| self.too_long(error))?;
        Ok(self)
    }

    /// What is to be said of a network that runs, but not with as many tokens as its card says.
    fn too_long(&self, error: BackboneError) -> BackboneError {
        let BackboneError::Runtime { error, .. } = error else { return error };
        let tokens = self.spec.tokens;
        // The runtime's words may be many.
        let error: String = error.chars().take(120).collect();
        let what = format!(
            "the network cannot read {tokens} tokens, only fewer ({error} ...)\n  next: write fewer into its card: tokens = 512, 128, 77 or 64"
        );
        BackboneError::parse(&self.name, &what)
    }

    /// Length of the embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How it is fed, and what is taken of it.
    pub fn spec(&self) -> &TextSpec {
        &self.spec
    }

    /// Whether the number of tokens is left open; else a line is filled up.
    pub fn is_open(&self) -> bool {
        matches!(self.prepared, Prepared::Open(_))
    }

    /// * returns `[dim]`, finite, of length 1 (all zero where the network gives zeros).
    ///
    /// # Errors
    /// [`BackboneError::Runtime`], [`BackboneError::NotFinite`].
    pub fn extract(&mut self, tokens: &Tokens) -> Result<Vec<f32>, BackboneError> {
        let real = tokens.ids.len().min(self.spec.tokens);
        let (name, inputs) = (&self.name, &self.inputs);
        let (plan, length) = match &mut self.prepared {
            Prepared::Open(plan) => (plan.clone(), real),
            Prepared::Fixed { graph, lengths, plans } => {
                let length = lengths.iter().copied().find(|&one| one >= real).unwrap_or(real);
                let made = match plans.get(&length) {
                    Some(plan) => plan.clone(),
                    None => {
                        // No more than one for lines that are each of another length.
                        if lengths.is_empty() {
                            plans.clear();
                        }
                        let made = plan(graph, inputs, Some(length))?;
                        plans.insert(length, made.clone());
                        made
                    }
                };
                (made, length)
            }
        };
        let values = guarded(name, "running the network", || {
            let fed: TVec<TValue> = inputs
                .iter()
                .map(|&input| Ok(fed(input, tokens, real, length)?.into()))
                .collect::<tract_core::prelude::TractResult<_>>()?;
            let output = plan.run(fed)?.remove(0);
            let output = output.cast_to::<f32>()?;
            let view = output.to_plain_array_view::<f32>()?;
            Ok((view.shape().to_vec(), view.iter().copied().collect::<Vec<f32>>()))
        })?;
        let (shape, values) = values;
        let rows = Rows { name, tensor: &self.spec.output, of: "tokens", shape: &shape };
        rows.embedding(&values, self.spec.pool, |rows| rows.min(real))
    }
}

/// The network, ready to run.
///
/// * `length`: tokens that it is prepared for; `None` for any number.
fn plan(
    graph: &Graph,
    inputs: &[Input],
    length: Option<usize>,
) -> Result<Arc<TypedRunnableModel>, BackboneError> {
    graph.refuse_unknown()?;
    let name = &graph.name;
    guarded(name, "reading the network", || {
        let mut model = ops::reader()
            .with_ignore_value_info(true)
            .with_ignore_output_shapes(true)
            .model_for_proto_model(graph.proto())?;
        let tokens: TDim = match length {
            Some(length) => length.to_dim(),
            None => model.symbols.sym("tokens").to_dim(),
        };
        for (number, (_, kind)) in inputs.iter().enumerate() {
            let shape = tvec!(1.to_dim(), tokens.clone());
            model = model.with_input_fact(number, InferenceFact::dt_shape(*kind, shape))?;
        }
        let typed: TypedModel = model.into_typed()?;
        typed.into_optimized()?.into_runnable()
    })
}

/// The values of an input, `[1, length]`.
fn fed(
    (role, kind): Input,
    tokens: &Tokens,
    real: usize,
    length: usize,
) -> tract_core::prelude::TractResult<Tensor> {
    let value = |at: usize| -> i64 {
        let within = at < real;
        match role {
            Role::Ids => tokens.ids.get(at).filter(|_| within).map_or(0, |&id| i64::from(id)),
            Role::Parts => tokens.parts.get(at).filter(|_| within).map_or(0, |&id| i64::from(id)),
            Role::Mask => i64::from(within),
            Role::Positions => at as i64,
        }
    };
    let values: Vec<i64> = (0..length).map(value).collect();
    Tensor::from_shape(&[1, length], &values)?.cast_to_dt(kind).map(std::borrow::Cow::into_owned)
}
