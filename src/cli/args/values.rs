//! Names of the library's choices as values of arguments.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::backbone::preprocess::{Layout, Norm};
use crate::device::runtime::LogFormat;
use crate::learn::head::HeadKind;

impl ValueEnum for Layout {
    fn value_variants<'a>() -> &'a [Self] {
        &[Layout::Nchw, Layout::Nhwc]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Layout::Nchw => PossibleValue::new("nchw").help("`[1, channels, height, width]`"),
            Layout::Nhwc => PossibleValue::new("nhwc").help("`[1, height, width, channels]`"),
        })
    }
}

impl ValueEnum for Norm {
    fn value_variants<'a>() -> &'a [Self] {
        &[Norm::Tf, Norm::Imagenet, Norm::Unit]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Norm::Tf => PossibleValue::new("tf").help("`x / 127.5 - 1`"),
            Norm::Imagenet => PossibleValue::new("imagenet")
                .help("`(x / 255 - mean) / std` with ImageNet's mean and standard deviation"),
            Norm::Unit => PossibleValue::new("unit").help("`x / 255`"),
        })
    }
}

impl ValueEnum for HeadKind {
    fn value_variants<'a>() -> &'a [Self] {
        &HeadKind::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(match self {
            HeadKind::Lda => "Shrinkage linear discriminant analysis, the default",
            HeadKind::Ridge => "Regularised least squares onto targets of +1 and -1",
            HeadKind::Slda => {
                "Streaming linear discriminant analysis: constant memory however many examples"
            }
            HeadKind::Prototype => "Nearest class mean of L2-normalised embeddings",
            HeadKind::Knn => "Nearest examples by cosine",
            HeadKind::Softmax => "Multinomial logistic regression by mini-batch SGD",
            HeadKind::Mlp => "One hidden layer, trained with replay of the stored examples",
        }))
    }
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[LogFormat::Text, LogFormat::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            LogFormat::Text => PossibleValue::new("text").help(
                "For people; under systemd each line begins with its level, which journald understands",
            ),
            LogFormat::Json => PossibleValue::new("json").help("An object a line"),
        })
    }
}
