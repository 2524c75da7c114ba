//! The parts of a network that are computed by [`fieldtune_kernels`] instead of by the runtime.
//!
//! The runtime reads the network and finds its shapes. Then its operators that are known here become a list of operators
//! on maps in blocks of channels ([`lift`], [`net`]), what can be done in one go is put together, and each connected part
//! becomes one operator of the runtime ([`regions`], [`operator`]) that runs over buffers planned once ([`program`]).
//! The runtime keeps the rest, and maps change their order only where a part begins or ends.

mod described;
mod engine;
mod layer;
mod lift;
mod lifted;
mod net;
mod operator;
mod plan;
mod program;
mod regions;
mod share;
mod tail;
#[cfg(test)]
mod tests;
mod transformer;
mod view;

pub(super) use engine::{Engine, MapReader};
pub use layer::Layer;
pub(super) use tail::{Ends, Runner, Untrainable, turned};

use std::sync::{Arc, Mutex, OnceLock};

use tract_core::prelude::{TractResult, TypedModel};

use crate::util::mutex::lock;
use fieldtune_kernels::conv::{Conv, Window};
use fieldtune_kernels::point::point;
use fieldtune_kernels::{Act, Level, Part, PartMut};
use net::Net;
use program::Program;

/// The most threads that share the work of a frame.
pub const MAX_THREADS: usize = 16;

/// The vectors that networks are computed with.
#[derive(Debug, Clone, Copy)]
pub struct Vectors {
    level: Option<Level>,
    threads: usize,
}

static CHOSEN: Mutex<Option<Vectors>> = Mutex::new(None);

impl Vectors {
    /// The widest that this machine has.
    pub fn widest() -> Self {
        Self { level: Level::all().first().copied(), threads: 1 }
    }

    /// None: the runtime computes everything.
    pub fn off() -> Self {
        Self { level: None, threads: 1 }
    }

    /// Those of that name, or `off`.
    ///
    /// # Errors
    /// What this machine has, in words.
    pub fn named(name: &str) -> Result<Self, String> {
        if name == "off" {
            return Ok(Self::off());
        }
        let all = Level::all();
        match all.iter().find(|level| level.name() == name) {
            Some(level) => Ok(Self { level: Some(*level), threads: 1 }),
            None => {
                let names: Vec<_> = all.iter().map(|level| level.name()).collect();
                Err(format!(
                    "wanted {} or off, as this machine has them, got \"{name}\"",
                    names.join(", ")
                ))
            }
        }
    }

    /// So many threads share the work of a frame, 1 to [`MAX_THREADS`]; features are the same, to the bit. The layers that the
    /// runtime computes stay on one.
    ///
    /// It is for one camera on a board whose other cores are idle; many images are faster with a thread each.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.clamp(1, MAX_THREADS), ..self }
    }

    /// How many threads share the work of a frame.
    pub fn threads(self) -> usize {
        self.threads
    }

    /// What networks are loaded with where nothing else is said: what was chosen, else the widest, with one thread.
    pub fn chosen() -> Self {
        lock(&CHOSEN).unwrap_or_else(Self::widest)
    }

    /// Makes them the ones that are [`chosen`](Self::chosen), for what the process loads from now on.
    pub fn choose(self) {
        *lock(&CHOSEN) = Some(self);
    }

    /// As people call them.
    pub fn name(self) -> &'static str {
        self.level.map_or("off", Level::name)
    }
}

/// Work of a known size that a machine does as fast as it can: what the time of layers is compared with.
#[derive(Debug)]
pub struct Exercise {
    level: Level,
    conv: Conv,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Exercise {
    /// Pixels, and channels in and out: all of it stays in the nearest cache, in whole tiles of every width.
    const SIZES: [usize; 2] = [24, 64];

    /// `None` where the runtime computes everything.
    pub fn new(vectors: Vectors) -> Option<Self> {
        let level = vectors.level?;
        let [pixels, channels] = Self::SIZES;
        let weight = |out: usize, channel: usize, _: usize| ((out + channel) % 7) as f32 * 0.01;
        let bias = vec![0.0; channels];
        let both = [channels, channels];
        let conv = Conv::new(level, Window::ONE, both, false, pixels, weight, &bias, Act::NONE);
        let (input, output) = (vec![0.5; pixels * channels], vec![0.0; pixels * channels]);
        Some(Self { level, conv, input, output })
    }

    /// Multiply-accumulates of a run.
    pub fn work(&self) -> usize {
        100 * self.conv.work(Self::SIZES[0])
    }

    /// Does it once.
    pub fn run(&mut self) {
        let stride = Self::SIZES[0] * self.level.lanes();
        for _ in 0..100 {
            let input = Part { data: &self.input, at: 0, stride };
            let output = &mut PartMut { data: &mut self.output, at: 0, stride };
            point(self.level, input, Self::SIZES[0], &self.conv, None, output);
        }
    }
}

/// A network with parts that are computed here.
pub(super) struct Prepared {
    pub(super) model: TypedModel,
    /// Which outputs are `[2][channels]`, sums and largest values, instead of maps.
    pub(super) pooled: Vec<bool>,
    pub(super) packing: Packing,
}

/// Takes what can be computed here out of a network that was not optimised yet.
///
/// * `pool`: of each output, whether only the sums and the largest values of its channels are wanted.
/// * returns `None` where there is nothing for us.
pub(super) fn prepare(
    model: &TypedModel,
    pool: &[bool],
    vectors: Vectors,
) -> TractResult<Option<Prepared>> {
    let Some(level) = vectors.level else { return Ok(None) };
    let threads = vectors.threads;
    let rewritten = regions::rewrite(model, pool)?;
    Ok(rewritten.map(|regions::Rewritten { model, pooled, programs }| Prepared {
        model,
        pooled,
        packing: Packing { level, threads, programs },
    }))
}

/// The weights of the parts, still as the file has them.
pub(super) struct Packing {
    level: Level,
    threads: usize,
    programs: Vec<(Arc<OnceLock<Program>>, Net)>,
}

impl Packing {
    /// Packs them, one after the other; what they come from should be gone.
    pub(super) fn pack(self) {
        for (program, net) in self.programs {
            program.get_or_init(|| Program::new(net, self.level, self.threads));
        }
    }
}
