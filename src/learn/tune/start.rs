//! What a training starts from: linear discriminant analysis of the frozen features as a softmax layer.

use fieldtune_math::layers::Softmax;

use super::{TuneError, Tuner, TuningSample};
use crate::learn::head::{self, ClassId, ExampleId, Head, HeadConfig, HeadError, LeftOut, Lesson};

/// A head of that configuration, taught with these features of samples.
///
/// * `features`: `[samples][views][dim]`.
pub(super) fn taught(
    config: &HeadConfig,
    samples: &[&TuningSample],
    features: &[Vec<Vec<f32>>],
) -> Result<Box<dyn Head>, HeadError> {
    let dim = features.first().and_then(|views| views.first()).map_or(1, Vec::len);
    let mut head = head::new(config, dim)?;
    let mut classes: Vec<ClassId> = samples.iter().map(|sample| sample.class).collect();
    classes.sort_unstable();
    classes.dedup();
    classes.into_iter().try_for_each(|class| head.add_class(class))?;
    let rows: Vec<Vec<&[f32]>> =
        features.iter().map(|views| views.iter().map(Vec::as_slice).collect()).collect();
    let lesson = |((sample, features), example): ((&&TuningSample, _), u64)| Lesson {
        example: ExampleId(example),
        group: sample.group,
        class: sample.class,
        features,
    };
    let lessons: Vec<Lesson<'_>> =
        samples.iter().zip(rows.iter().map(Vec::as_slice)).zip(1..).map(lesson).collect();
    head.teach(&lessons)?;
    head.tune();
    Ok(head)
}

/// The softmax layer, and its classes in the order of its scores.
pub(super) struct Start {
    pub(super) softmax: Softmax,
    pub(super) classes: Vec<ClassId>,
}

impl Tuner<'_> {
    /// * `samples`: what is trained with.
    pub(super) fn start(&self, samples: &[&TuningSample]) -> Result<Start, TuneError> {
        let features: Vec<Vec<Vec<f32>>> = samples
            .iter()
            .map(|sample| sample.views.iter().map(|view| self.of_unit(&view.frozen)).collect())
            .collect();
        let head = taught(&self.first_head(), samples, &features)?;
        let layers = head.layers().expect("a head of LDA has weights");
        let affine = &layers.affine[0];
        let temperature = temperature(head.classes(), &head.leave_one_out().unwrap_or_default());
        // The layer's features are blocks of length one, which the head makes one of length one.
        let length = (self.blocks.len() as f32).sqrt();
        let mut weights: Vec<f32> =
            affine.weights.iter().map(|weight| weight / length / temperature).collect();
        weights.extend(affine.bias.iter().map(|bias| bias / temperature));
        let softmax = Softmax::new(layers.classes.len(), weights);
        Ok(Start { softmax, classes: layers.classes })
    }

    /// With every block of length one: a single block comes from the network as it is.
    pub(super) fn of_unit(&self, frozen: &[f32]) -> Vec<f32> {
        let mut feature = frozen.to_vec();
        let mut rest = feature.as_mut_slice();
        for len in &self.blocks {
            let (block, behind) = rest.split_at_mut(*len);
            let length = block.iter().map(|value| value * value).sum::<f32>().sqrt();
            if length > 0.0 {
                block.iter_mut().for_each(|value| *value /= length);
            }
            rest = behind;
        }
        feature
    }
}

/// What scores are divided by, so that the softmax of left-out samples has the least cross-entropy.
fn temperature(classes: &[ClassId], left_out: &[LeftOut]) -> f32 {
    let loss = |temperature: f32| {
        let of = |one: &LeftOut| {
            let own = classes.iter().position(|class| *class == one.class)?;
            let most = one.scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 =
                one.scores.iter().map(|score| ((score - most) / temperature).exp()).sum();
            let own = one.scores[own];
            own.is_finite().then(|| f64::from(sum.ln() - (own - most) / temperature))
        };
        left_out.iter().filter_map(of).sum::<f64>()
    };
    let steps = (-16..=48).map(|step| (step as f32 / 4.0).exp2());
    let losses = steps.map(|temperature| (temperature, loss(temperature)));
    losses.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(1.0, |(temperature, _)| temperature)
}
