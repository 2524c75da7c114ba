//! Which features can be compared with each other.

use super::{BackboneSpec, Pooling, Tap};
use crate::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout};

/// SHA-256 over the model's hash ([`Onnx::sha256`](super::Onnx::sha256)), how it is fed and where it is tapped: features with equal fingerprints can be
/// compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// What a fingerprint covers besides the file. Stores hold the hash of these words, so they stay as they are, whatever
/// becomes of the types that they are made from.
pub(super) fn in_words(spec: &BackboneSpec) -> String {
    let InputSpec { width, height, layout, order, mean, scale, fit, any_size: _ } = &spec.input;
    let layout = match layout {
        Layout::Nchw => "nchw",
        Layout::Nhwc => "nhwc",
    };
    let order = match order {
        ChannelOrder::Rgb => "rgb",
        ChannelOrder::Bgr => "bgr",
        ChannelOrder::Grey => "grey",
    };
    let fit = match fit {
        Fit::Whole => "whole".to_owned(),
        Fit::CenterCrop { fraction } => format!("centre {fraction:?}"),
        Fit::WholeAndCenter { fraction } => format!("whole, centre {fraction:?}"),
    };
    let mut words = format!("{width}x{height} {layout} {order} {mean:?} {scale:?} {fit}");
    for Tap { tensor, pool } in &spec.taps {
        words += &format!("\n{tensor:?}");
        for pool in pool {
            words += match pool {
                Pooling::Avg => " avg",
                Pooling::Max => " max",
            };
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::preprocess::Norm;

    #[test]
    fn the_words_of_a_fingerprint_stay_as_they_are() {
        let (mean, scale) = Norm::Tf.mean_scale();
        let (layout, order) = (Layout::Nchw, ChannelOrder::Rgb);
        let fit = Fit::CenterCrop { fraction: 0.875 };
        let (width, height, any_size) = (224, 192, true);
        let input = InputSpec { width, height, layout, order, mean, scale, fit, any_size };
        let tap = Tap { tensor: "a b".to_owned(), pool: vec![Pooling::Avg, Pooling::Max] };
        let wanted = "224x192 nchw rgb [127.5, 127.5, 127.5] [0.007843138, 0.007843138, 0.007843138] centre 0.875\n\
                      \"a b\" avg max";
        let taps = vec![tap];
        assert_eq!(in_words(&BackboneSpec { input: input.clone(), taps: taps.clone() }), wanted);
        let fit = Fit::WholeAndCenter { fraction: 0.875 };
        let words = in_words(&BackboneSpec { input: InputSpec { fit, ..input }, taps });
        assert_eq!(words, wanted.replace("centre", "whole, centre"));
    }
}
