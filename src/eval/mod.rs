//! Few-shot evaluation: teach a few images of each class, classify all the others, see how often that is right.
//!
//! Everything here is a function of labelled features: no files, no clock. A run goes the way of a device, through
//! [`crate::learn::learner::Learner`]: features are rounded to what is stored, the calibration and the leave-one-out
//! estimate are fitted to the taught examples, and the confidence is the one a device would report.
//!
//! | word | meaning |
//! | --- | --- |
//! | split | which images are taught and which are classified; made from a number of shots and a seed, or given |
//! | run | one head taught with one split, and what it took each classified image for |
//! | cell | the runs of one head at one number of shots, one a seed |

pub mod bench;
pub mod disturb;
mod finetune;
mod holdout;
mod interval;
mod measures;
mod run;
mod splits;

pub use finetune::{Cuts, FinetuneError, Keep, finetuned};
pub use holdout::{Folder, Holdout};
pub use interval::{mean_interval, share_interval};
pub use measures::{
    ConfusionMatrix, Outcome, Spread, auroc, calibration_error, calibration_error_in,
};
pub use run::{Cell, CellSummary, Centre, ClassifiedImage, Finetuned, Run, run};
pub use splits::{NamedSplit, Seeded, Split, SplitError, seeded};

use std::collections::BTreeMap;

use crate::learn::head::{HeadError, check_feature};

/// Features of images whose classes are known, sorted by name.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledFeatures {
    dim: usize,
    classes: Vec<String>,
    files: Vec<String>,
    labels: Vec<usize>,
    features: Vec<f32>,
    /// Of each class the embedding of its description, where they are described.
    words: Vec<Vec<f32>>,
}

/// Why features cannot be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// A name without a class.
    #[error("{0}: wanted class/file")]
    NoClass(String),
    /// Two images of one name.
    #[error("{0} is there twice")]
    Twice(String),
    /// A feature that no head can learn from.
    #[error("{file}: {error}")]
    Feature {
        /// The image.
        file: String,
        /// What is wrong.
        error: HeadError,
    },
    /// Not as many descriptions as classes.
    #[error("{got} descriptions, wanted one for each of {wanted} classes")]
    Descriptions {
        /// How many there are.
        got: usize,
        /// How many classes there are.
        wanted: usize,
    },
    /// Nothing to tell apart.
    #[error("there are images of {0} class, wanted at least two classes")]
    OneClass(usize),
}

impl LabelledFeatures {
    /// * `dim`: length of a feature.
    /// * `images`: name (`class/file`, the class being what stands before the first `/`) and feature (`[dim]`,
    ///   finite); in any order, they are sorted by the bytes of their names.
    ///
    /// # Errors
    /// [`SetError`].
    pub fn new(dim: usize, mut images: Vec<(String, Vec<f32>)>) -> Result<Self, SetError> {
        images.sort_by(|a, b| a.0.cmp(&b.0));
        let mut set = Self {
            dim,
            classes: Vec::new(),
            files: Vec::with_capacity(images.len()),
            labels: Vec::with_capacity(images.len()),
            features: Vec::with_capacity(images.len() * dim),
            words: Vec::new(),
        };
        // Sorted by the class itself: "a-b/x" stands before "a/x" although "a" stands before "a-b".
        let mut numbers = BTreeMap::new();
        for (file, feature) in &images {
            let class = class_of(file).ok_or_else(|| SetError::NoClass(file.clone()))?;
            numbers.insert(class, 0);
            check_feature(dim, feature)
                .map_err(|error| SetError::Feature { file: file.clone(), error })?;
        }
        if numbers.len() < 2 {
            return Err(SetError::OneClass(numbers.len()));
        }
        for (place, (class, number)) in numbers.iter_mut().enumerate() {
            *number = place;
            set.classes.push((*class).to_owned());
        }
        let labels = images.iter().map(|(file, _)| numbers[class_of(file).expect("checked above")]);
        set.labels.extend(labels);
        for (file, feature) in images {
            if set.files.last() == Some(&file) {
                return Err(SetError::Twice(file));
            }
            set.files.push(file);
            set.features.extend(feature);
        }
        Ok(set)
    }

    /// The same images with other features.
    ///
    /// * `features`: `[images][dim]`, finite.
    fn with_features(&self, dim: usize, features: Vec<f32>) -> Self {
        let (classes, files) = (self.classes.clone(), self.files.clone());
        let (labels, words) = (self.labels.clone(), Vec::new());
        Self { dim, classes, files, labels, features, words }
    }

    /// The same with a description for each class, which is taught beside its images.
    ///
    /// * `words`: `[classes][dim]`, finite: embeddings of words in the space of the images, in the order of
    ///   [`LabelledFeatures::classes`].
    ///
    /// # Errors
    /// [`SetError::Descriptions`], [`SetError::Feature`].
    pub fn described(mut self, words: Vec<Vec<f32>>) -> Result<Self, SetError> {
        if words.len() != self.classes.len() {
            return Err(SetError::Descriptions { got: words.len(), wanted: self.classes.len() });
        }
        for (class, feature) in self.classes.iter().zip(&words) {
            check_feature(self.dim, feature).map_err(|error| SetError::Feature {
                file: format!("the description of {class}"),
                error,
            })?;
        }
        self.words = words;
        Ok(self)
    }

    /// `[classes][dim]`, see [`LabelledFeatures::described`]; empty where they are not described.
    pub fn words(&self) -> &[Vec<f32>] {
        &self.words
    }

    /// Length of a feature.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Names of the classes, sorted by their bytes; a label is a place in here.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Names of the images, sorted by their bytes.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// `[images]`, the class of each.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// `[dim]`, of the image in that place.
    pub fn feature(&self, image: usize) -> &[f32] {
        &self.features[image * self.dim..(image + 1) * self.dim]
    }

    /// `[images, dim]`, row by row.
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// Places of a class's images, rising.
    pub fn of_class(&self, class: usize) -> Vec<usize> {
        (0..self.labels.len()).filter(|&image| self.labels[image] == class).collect()
    }
}

/// What stands before the first `/`, if something stands on both its sides.
fn class_of(file: &str) -> Option<&str> {
    file.split_once('/').filter(|(class, rest)| !class.is_empty() && !rest.is_empty()).map(|c| c.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_sorted_by_name_and_labelled_by_folder() {
        let image = |name: &str, value: f32| (name.to_owned(), vec![value]);
        let images =
            vec![image("b/x.png", 1.0), image("a/deep/y.png", 2.0), image("a-c/z.png", 3.0)];
        let mut turned = images.clone();
        turned.reverse();
        let set = LabelledFeatures::new(1, images).expect("valid");
        assert_eq!(set, LabelledFeatures::new(1, turned).expect("valid"));
        assert_eq!(set.classes(), ["a", "a-c", "b"]);
        assert_eq!(set.files(), ["a-c/z.png", "a/deep/y.png", "b/x.png"]);
        assert_eq!((set.labels(), set.features()), (&[1, 0, 2][..], &[3.0, 2.0, 1.0][..]));
    }

    #[test]
    fn sets_that_cannot_be_evaluated_are_refused_by_name() {
        let images = |list: &[(&str, f32)]| -> Vec<_> {
            list.iter().map(|&(name, value)| (name.to_owned(), vec![value])).collect()
        };
        let cases = [
            ("no class", images(&[("a/x", 1.0), ("y", 1.0)]), "y: wanted class/file"),
            ("no file", images(&[("a/x", 1.0), ("b/", 1.0)]), "b/: wanted class/file"),
            ("twice", images(&[("a/x", 1.0), ("b/x", 1.0), ("a/x", 2.0)]), "a/x is there twice"),
            ("infinite", images(&[("a/x", f32::INFINITY), ("b/x", 1.0)]), "a/x: "),
            ("one class", images(&[("a/x", 1.0), ("a/y", 1.0)]), "1 class"),
            ("nothing", vec![], "0 class"),
        ];
        for (name, images, wanted) in cases {
            let error = LabelledFeatures::new(1, images).expect_err(name).to_string();
            assert!(error.contains(wanted), "{name}: {error}");
        }
        let long = vec![("a/x".to_owned(), vec![1.0; 2]), ("b/x".to_owned(), vec![1.0])];
        assert!(LabelledFeatures::new(1, long).is_err());
    }
}
