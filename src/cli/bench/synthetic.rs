//! Frames and features made from a seed.

use std::f32::consts::TAU;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::image::frame::{Frame, Timestamp};
use crate::learn::examples::{Example, narrowed};
use crate::learn::head::{ClassId, ExampleId, GroupId};

/// Sides of a frame, in pixels.
pub(super) const WIDTH: u32 = 640;
pub(super) const HEIGHT: u32 = 480;

/// Waves of three colours with a few rectangles on them: as smooth and as sharp as a camera's picture of parts, and
/// without noise, which would be most of a JPEG's work.
pub(super) fn frame(seed: u64) -> Frame {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut wave = || {
        let (across, down) = (random.random_range(0.5..6.0f32), random.random_range(0.5..6.0f32));
        (across * TAU / WIDTH as f32, down * TAU / HEIGHT as f32, random.random_range(0.0..TAU))
    };
    let waves: [_; 3] = std::array::from_fn(|_| wave());
    let mut rectangle = || {
        let (x, y) = (random.random_range(0..WIDTH), random.random_range(0..HEIGHT));
        let (width, height) = (random.random_range(20..200), random.random_range(20..200));
        (x..x + width, y..y + height, random.random::<[u8; 3]>())
    };
    let rectangles: [_; 12] = std::array::from_fn(|_| rectangle());
    let mut pixels = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let on = rectangles.iter().rfind(|(xs, ys, _)| xs.contains(&x) && ys.contains(&y));
            pixels.extend(match on {
                Some((_, _, color)) => *color,
                None => waves.map(|(across, down, phase)| {
                    let angle = across * x as f32 + down * y as f32 + phase;
                    (127.5 + 90.0 * angle.sin()) as u8
                }),
            });
        }
    }
    Frame::new(WIDTH, HEIGHT, pixels, Timestamp::default()).expect("as many pixels as it has")
}

/// Features like a backbone's after ReLU: not below zero, a class's own part and another of each example.
#[derive(Debug)]
pub(super) struct Features {
    random: ChaCha8Rng,
    centres: Vec<Vec<f32>>,
}

impl Features {
    pub(super) fn new(dim: usize, classes: usize, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let centre = |_| (0..dim).map(|_| random.random::<f32>()).collect();
        let centres = (0..classes).map(centre).collect();
        Self { random, centres }
    }

    /// `[dim]`.
    pub(super) fn next(&mut self, class: usize) -> Vec<f32> {
        let random = &mut self.random;
        let noisy = |value: &f32| (value + random.random_range(-0.8..0.8f32)).max(0.0);
        self.centres[class].iter().map(noisy).collect()
    }

    /// An example with that id of the class `id` modulo the classes, so that all have as many.
    pub(super) fn example(&mut self, id: u64) -> Example {
        let class = (id % self.centres.len() as u64) as usize;
        Example {
            id: ExampleId(id),
            class: ClassId(class as u32),
            taught: Timestamp::default(),
            origin: "bench".to_owned(),
            feature: narrowed(&self.next(class)),
            group: GroupId(id),
            views: Vec::new(),
            image: None,
            patches: None,
            described: false,
        }
    }

    /// A place below `count`.
    pub(super) fn pick(&mut self, count: usize) -> usize {
        self.random.random_range(0..count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_frame_and_one_list_of_features() {
        assert_eq!(frame(3), frame(3));
        assert_ne!(frame(3).pixels(), frame(4).pixels());
        let list = |seed| {
            let mut features = Features::new(8, 3, seed);
            (0..6).map(|id| features.example(id)).collect::<Vec<_>>()
        };
        assert_eq!(list(1), list(1));
        assert_ne!(list(1), list(2));
        assert!(list(1).iter().all(|one| one.widened().iter().all(|&value| value >= 0.0)));
    }
}
