//! Every kernel against the plainest loops, over random sizes, at every width of vectors that this machine has.

mod checks;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use checks::Choices;
use fieldtune_kernels::Level;

/// Random cases of each kernel and level; an emulated core is some hundred times slower.
const CASES: usize = if cfg!(target_arch = "x86_64") { 200 } else { 25 };

/// More than any kernel's choices.
const BYTES: usize = 100;

fn equals_plain_loops(seed: u64, kernel: fn(Level, &mut Choices)) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for case in 0..CASES {
        let bytes: [u8; BYTES] = random.random();
        for level in Level::all() {
            let mut choices = Choices(&bytes);
            kernel(level, &mut choices);
            assert!(!choices.0.is_empty(), "case {case} had too few bytes");
        }
    }
}

#[test]
fn dense_convolutions_are_those_of_plain_loops() {
    equals_plain_loops(1, checks::dense);
}

#[test]
fn depthwise_convolutions_are_those_of_plain_loops() {
    equals_plain_loops(2, checks::depthwise_convolution);
}

#[test]
fn pools_are_those_of_plain_loops() {
    equals_plain_loops(3, checks::pools);
}

#[test]
fn elementwise_kernels_equal_plain_loops() {
    equals_plain_loops(4, checks::elementwise_kernels);
}

#[test]
fn maps_put_one_behind_the_other_keep_their_channels() {
    equals_plain_loops(5, checks::maps_one_behind_the_other);
}

#[test]
fn steps_over_pixels_are_those_of_plain_loops() {
    equals_plain_loops(6, checks::steps_over_pixels);
}

#[test]
fn rows_of_channels_are_maps_of_pixels() {
    equals_plain_loops(7, checks::tokens::rows_of_channels);
}

#[test]
fn norms_are_those_of_plain_loops() {
    equals_plain_loops(8, checks::tokens::norms);
}

#[test]
fn attention_is_that_of_plain_loops() {
    equals_plain_loops(9, checks::tokens::attention);
}

#[test]
fn winograd_convolutions_are_those_of_plain_loops() {
    equals_plain_loops(10, checks::winograd);
}

#[test]
fn whatever_bytes_say_is_a_case_that_holds() {
    for data in [&[][..], &[255; 7], &[255; 200]] {
        checks::check(data);
    }
}
