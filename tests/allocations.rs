//! A frame of the backbone takes no memory but that of its feature.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

use std::alloc::System;

use cap::Cap;
use fieldtune::backbone::card::ModelCard;
use fieldtune::backbone::{Backbone, Vectors};
use ndarray::Array4;

/// Counts all that is allocated in this process, which is why there is one test in this file.
#[global_allocator]
static ALLOCATED: Cap<System> = Cap::new(System, usize::MAX);

const FRAMES: usize = 5;

#[test]
fn a_frame_allocates_nothing_but_its_feature() {
    let spec = ModelCard::named("fieldtune-128").unwrap().spec;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let onnx = std::fs::read(root.join("models/fieldtune-128.onnx")).unwrap();
    // The threads of a pool have queues that may grow: a few hundred bytes, whatever the frame.
    for (threads, of_pool) in [(1, 0), (2, 16 << 10)] {
        let vectors = Vectors::widest().with_threads(threads);
        let mut backbone = Backbone::load_with(&onnx, "built-in", &spec, vectors).unwrap();
        let input = Array4::from_elem(spec.input.shape(), 0.5);
        backbone.extract(input.view()).unwrap();
        let before = ALLOCATED.total_allocated();
        for _ in 0..FRAMES {
            let feature = backbone.extract(input.view()).unwrap();
            assert_eq!(feature.len(), backbone.dim());
        }
        let wanted = FRAMES * backbone.dim() * size_of::<f32>();
        let more = ALLOCATED.total_allocated() - before - wanted;
        assert!(more <= of_pool, "{threads} threads: {more} bytes");
    }
}
