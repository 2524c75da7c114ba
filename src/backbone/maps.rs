//! The maps that a feature is pooled from, for who asks where in a frame something is.

/// The map at a tap.
#[derive(Debug, Clone, PartialEq)]
pub struct TapMap {
    /// Which tap, counted as in the specification.
    pub tap: usize,
    /// Height and width in places.
    pub size: [usize; 2],
    /// `[channels][height][width]`.
    pub values: Vec<f32>,
}

impl TapMap {
    /// How many places a channel has, at least 1.
    pub fn places(&self) -> usize {
        (self.size[0] * self.size[1]).max(1)
    }

    /// How many values a place has.
    pub fn channels(&self) -> usize {
        self.values.len() / self.places()
    }

    /// Of an output in whatever order of axes.
    ///
    /// * `axis`: of the channels. Axes of length one say nothing; what is left of the others is height and width, where
    ///   these are two, and a row of places otherwise.
    pub(super) fn of_output(tap: usize, shape: &[usize], axis: usize, values: &[f32]) -> Self {
        let (channels, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        let places = values.len() / channels.max(1);
        let others = shape.iter().enumerate().filter(|(at, len)| *at != axis && **len > 1);
        let size = match others.map(|(_, len)| *len).collect::<Vec<_>>()[..] {
            [height, width] => [height, width],
            _ => [1, places],
        };
        let mut planar = Vec::with_capacity(values.len());
        for channel in 0..channels {
            let of_channel = values.chunks_exact(channels * inner);
            let of_channel = of_channel.map(|one| &one[channel * inner..(channel + 1) * inner]);
            of_channel.for_each(|run| planar.extend_from_slice(run));
        }
        Self { tap, size, values: planar }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_first_whatever_the_order_of_axes() {
        let wanted = TapMap { tap: 3, size: [1, 2], values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        let first = TapMap::of_output(3, &[1, 3, 1, 2], 1, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let last = TapMap::of_output(3, &[1, 1, 2, 3], 3, &[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        assert_eq!((&first, &last), (&wanted, &wanted));
        assert_eq!((wanted.places(), wanted.channels()), (2, 3));
        let square = TapMap::of_output(0, &[1, 2, 2, 1], 3, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((square.size, square.values), ([2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(TapMap::of_output(0, &[1, 4], 1, &[0.0; 4]).size, [1, 1]);
    }
}
