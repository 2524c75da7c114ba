//! What is done to a feature before a head sees it.

use super::{FeatureScaling, HeadError, check_feature};

impl FeatureScaling {
    /// `z = (x - centre) / |x - centre|`, as far as the settings say.
    ///
    /// * `feature`: `[dim]`, finite; `dim`: what the head was made for.
    /// * returns `[dim]`, finite.
    ///
    /// # Errors
    /// [`HeadError::Dim`], [`HeadError::NotFinite`].
    pub(super) fn apply(&self, dim: usize, feature: &[f32]) -> Result<Vec<f32>, HeadError> {
        check_feature(dim, feature)?;
        // In f64, so that neither differences nor squares of large values overflow.
        let mut z: Vec<f64> = feature.iter().map(|&value| f64::from(value)).collect();
        if let Some(centre) = &self.centre {
            z.iter_mut().zip(centre).for_each(|(value, &mean)| *value -= f64::from(mean));
        }
        if self.unit_length {
            let norm = z.iter().map(|value| value * value).sum::<f64>().sqrt();
            if norm > 0.0 {
                z.iter_mut().for_each(|value| *value /= norm);
            }
        }
        let limit = f64::from(f32::MAX);
        Ok(z.into_iter().map(|value| value.clamp(-limit, limit) as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_centred_then_scaled_and_zero_stays_zero() {
        let scaling = FeatureScaling { centre: Some(vec![1.0, 1.0]), unit_length: true };
        assert_eq!(scaling.apply(2, &[4.0, 5.0]), Ok(vec![0.6, 0.8]));
        assert_eq!(scaling.apply(2, &[1.0, 1.0]), Ok(vec![0.0, 0.0]));
        let large = scaling.apply(2, &[f32::MAX, 1.0]).expect("finite");
        assert_eq!(large, [1.0, 0.0]);
        assert!(scaling.apply(2, &[1.0]).is_err() && scaling.apply(2, &[f32::NAN, 0.0]).is_err());
    }
}
