//! A step of a program, shared by threads: each computes some blocks of channels of the result, so that it writes a slice of
//! its own and every value is computed as by one thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon_core::{ThreadPool, ThreadPoolBuilder, Yield};

use crate::util::mutex::lock;

/// How work is shared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) threads: usize,
    /// Multiply-accumulates of a part at least.
    pub(super) least: usize,
}

impl Share {
    /// Less takes no longer than to wake a thread: a tenth of a millisecond on a Cortex-A53, microseconds on a fast core.
    const LEAST: usize = 1 << 17;

    pub(super) fn among(threads: usize) -> Self {
        Self { threads, least: Self::LEAST }
    }

    /// How many of the blocks make up each part.
    ///
    /// * `together`: blocks that are not parted; `work`: multiply-accumulates of all.
    pub(super) fn parts(&self, blocks: usize, together: usize, work: usize) -> Vec<usize> {
        let units = blocks.div_ceil(together);
        let count = self.threads.min(units).min(work / self.least.max(1)).max(1);
        let mut left = blocks;
        let part = |at: usize| {
            let of_part = (at + 1) * units / count - at * units / count;
            let part = (of_part * together).min(left);
            left -= part;
            part
        };
        (0..count).map(part).collect()
    }
}

/// The threads of a network.
pub(in crate::backbone) struct Team(Option<ThreadPool>);

impl Team {
    /// The thread that asks.
    pub(super) const ALONE: Self = Self(None);

    /// Where threads cannot be had, the one that asks does it all.
    pub(super) fn of(threads: usize) -> Self {
        let named = |at| format!("backbone-{at}");
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(named);
        Self((threads > 1).then(|| pool.build().ok()).flatten())
    }

    /// Does the work of a frame on its threads: the one that asks waits. The first of them does it; the others look for parts of it
    /// all the while, since many a step takes no longer than to wake a thread.
    pub(super) fn within(&self, work: impl FnOnce() + Send) {
        let Some(pool) = &self.0 else { return work() };
        let (work, done) = (Mutex::new(Some(work)), AtomicBool::new(false));
        pool.broadcast(|thread| {
            if thread.index() == 0 {
                let _ends = SetAtEnd(&done);
                let work = lock(&work).take();
                work.into_iter().for_each(|work| work());
                return;
            }
            while !done.load(Ordering::Acquire) {
                if rayon_core::yield_now() != Some(Yield::Executed) {
                    std::thread::yield_now();
                }
            }
        });
    }

    /// Computes all parts, [within](Team::within) its threads.
    ///
    /// * `parts`: blocks of each; `stride`: values of a block of `out`.
    /// * `scratch`: of which each part needs the values that `needs` says.
    pub(super) fn each(
        &self,
        parts: &[usize],
        stride: usize,
        out: &mut [f32],
        scratch: &mut [f32],
        needs: &(impl Fn(usize) -> usize + Sync),
        compute: &(impl Fn(Piece) + Sync),
    ) {
        let all = Parts { parts, first: 0, block: 0, stride, out, scratch };
        match (&self.0, parts) {
            (Some(_), [_, _, ..]) => all.by_several(needs, compute),
            _ => all.by_one(needs, compute),
        }
    }
}

/// Set when it goes, also where the work panics: no thread waits for ever.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What one thread computes at a time.
pub(super) struct Piece<'a> {
    /// Which of the parts.
    pub(super) part: usize,
    /// Its first block, and how many it has.
    pub(super) block: usize,
    pub(super) blocks: usize,
    pub(super) out: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
}

/// Neighbouring parts.
struct Parts<'a> {
    parts: &'a [usize],
    /// The number of the first, and its first block.
    first: usize,
    block: usize,
    stride: usize,
    out: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl<'a> Parts<'a> {
    /// The first `count`, and the rest.
    fn split(self, count: usize, needs: &impl Fn(usize) -> usize) -> (Self, Self) {
        let Self { parts, first, block, stride, out, scratch } = self;
        let (before, behind) = parts.split_at(count);
        let blocks: usize = before.iter().sum();
        let (out, out_behind) = out.split_at_mut(blocks * stride);
        let (scratch, scratch_behind) =
            scratch.split_at_mut((first..first + count).map(needs).sum());
        let behind = Self {
            parts: behind,
            first: first + count,
            block: block + blocks,
            stride,
            out: out_behind,
            scratch: scratch_behind,
        };
        (Self { parts: before, first, block, stride, out, scratch }, behind)
    }

    fn by_one(self, needs: &impl Fn(usize) -> usize, compute: &impl Fn(Piece)) {
        let mut rest = self;
        while let [blocks, ..] = *rest.parts {
            let (one, behind) = rest.split(1, needs);
            let Self { first: part, block, out, scratch, .. } = one;
            compute(Piece { part, block, blocks, out, scratch });
            rest = behind;
        }
    }

    fn by_several(
        self,
        needs: &(impl Fn(usize) -> usize + Sync),
        compute: &(impl Fn(Piece) + Sync),
    ) {
        if self.parts.len() < 2 {
            return self.by_one(needs, compute);
        }
        let count = self.parts.len() / 2;
        let (one, other) = self.split(count, needs);
        rayon_core::join(|| one.by_several(needs, compute), || other.by_several(needs, compute));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_and_leave_nothing_out() {
        let share = |threads, least| Share { threads, least };
        assert_eq!(share(4, 1).parts(9, 2, 100), [2, 2, 2, 3]);
        assert_eq!(share(4, 1).parts(1, 2, 100), [1]);
        assert_eq!(share(4, 50).parts(8, 1, 100), [4, 4], "less work than threads");
        assert_eq!(share(4, 50).parts(8, 1, 0), [8]);
        for blocks in 1..40 {
            for threads in 1..8 {
                let parts = share(threads, 1).parts(blocks, 2, 1000);
                assert_eq!(parts.iter().sum::<usize>(), blocks);
                assert!(parts.iter().all(|part| *part > 0), "{blocks} by {threads}: {parts:?}");
                assert!(parts[..parts.len() - 1].iter().all(|part| part % 2 == 0));
            }
        }
    }
}
