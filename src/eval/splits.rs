//! Which images are taught and which are classified.
//!
//! A seeded split takes, of every class, the first `shots` images of a shuffle to be taught and all others to be
//! classified. Another program makes the same ones like this. Sort the class's image names (`class/file`) by their
//! bytes. Start ChaCha with 8 rounds, nonce 0 and block counter 0, with SHA-256 of the text `SEED/CLASS` (the seed in
//! decimal) as its key, and read its output as little-endian u64. For i from the last place down to 1, swap the
//! images in the places i and (next u64 modulo (i + 1)). So a class's shuffle depends on its own images and the seed
//! alone, and the images taught with fewer shots are among those taught with more.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{LabelledFeatures, class_of};

/// Places in a [`LabelledFeatures`]; no image is on both sides, and every class classified is taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Images a class that are taught.
    pub shots: usize,
    /// What tells the splits of one number of shots apart.
    pub seed: u64,
    /// To be taught, in this order.
    pub train: Vec<usize>,
    /// To be classified.
    pub test: Vec<usize>,
}

/// A split with what it had to leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeded {
    /// The split.
    pub split: Split,
    /// Classes with fewer than `shots + 1` images: they are neither taught nor classified.
    pub left_out: Vec<usize>,
}

/// Splits by a shuffle of each class, see the module's text; `None` if fewer than two classes have `shots + 1` images.
///
/// * `shots`: at least 1; 0 where classes are described.
pub fn seeded(set: &LabelledFeatures, shots: usize, seed: u64) -> Option<Seeded> {
    let (mut train, mut test, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (class, name) in set.classes().iter().enumerate() {
        let mut images = set.of_class(class);
        if images.len() <= shots {
            left_out.push(class);
            continue;
        }
        shuffle(&mut images, &format!("{seed}/{name}"));
        let rest = images.split_off(shots);
        train.extend(images);
        test.extend(rest);
    }
    test.sort_unstable();
    let enough = set.classes().len() - left_out.len() >= 2;
    enough.then_some(Seeded { split: Split { shots, seed, train, test }, left_out })
}

/// The shuffle of the module's text.
///
/// * `key`: the text whose SHA-256 seeds it.
pub(super) fn shuffle<T>(images: &mut [T], key: &str) {
    let mut random = ChaCha8Rng::from_seed(Sha256::digest(key).into());
    for last in (1..images.len()).rev() {
        let other = random.next_u64() % (last as u64 + 1);
        images.swap(last, other as usize);
    }
}

/// A split by names, as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedSplit {
    /// Images a class that are taught.
    pub shots: usize,
    /// What tells the splits of one number of shots apart.
    pub seed: u64,
    /// `class/file`, to be taught, in this order.
    pub train: Vec<String>,
    /// `class/file`, to be classified.
    pub test: Vec<String>,
}

/// Why a list of splits cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// An image that there is not.
    #[error("{shots} shots, seed {seed}: there is no image {file}")]
    NoImage {
        /// Of the split.
        shots: usize,
        /// Of the split.
        seed: u64,
        /// The image.
        file: String,
    },
    /// An image that is named twice, so that it would be taught and classified, or weigh double.
    #[error("{shots} shots, seed {seed}: {file} is named twice")]
    Twice {
        /// Of the split.
        shots: usize,
        /// Of the split.
        seed: u64,
        /// The image.
        file: String,
    },
    /// A classified image whose class is not taught.
    #[error(
        "{shots} shots, seed {seed}: {file} is to be classified, and no image of its class is taught"
    )]
    NotTaught {
        /// Of the split.
        shots: usize,
        /// Of the split.
        seed: u64,
        /// The image.
        file: String,
    },
    /// Fewer than two classes to be taught, or nothing to be classified.
    #[error(
        "{shots} shots, seed {seed}: {classes} classes are taught and {tests} images classified, wanted at least 2 and 1"
    )]
    Empty {
        /// Of the split.
        shots: usize,
        /// Of the split.
        seed: u64,
        /// Classes taught.
        classes: usize,
        /// Images classified.
        tests: usize,
    },
    /// Two splits that cannot be told apart.
    #[error("{shots} shots, seed {seed}: there are two such splits")]
    Same {
        /// Of both.
        shots: usize,
        /// Of both.
        seed: u64,
    },
}

impl NamedSplit {
    /// The same split by names.
    pub fn of(split: &Split, set: &LabelledFeatures) -> Self {
        let names = |images: &[usize]| images.iter().map(|&i| set.files()[i].clone()).collect();
        let Split { shots, seed, ref train, ref test } = *split;
        Self { shots, seed, train: names(train), test: names(test) }
    }

    /// Finds the images of all splits.
    ///
    /// * `left_out`: images that exist and gave no feature; they drop out of the splits.
    /// * returns the splits, and the images that dropped out of them.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn find_all(
        splits: &[NamedSplit],
        set: &LabelledFeatures,
        left_out: &BTreeSet<String>,
    ) -> Result<(Vec<Split>, BTreeSet<String>), SplitError> {
        let places: HashMap<&str, usize> =
            set.files().iter().enumerate().map(|(place, file)| (file.as_str(), place)).collect();
        let mut seen = BTreeMap::new();
        let mut dropped = BTreeSet::new();
        let mut found = Vec::with_capacity(splits.len());
        for split in splits {
            let &NamedSplit { shots, seed, .. } = split;
            if seen.insert((shots, seed), ()).is_some() {
                return Err(SplitError::Same { shots, seed });
            }
            found.push(split.find(&places, left_out, &mut dropped, set)?);
        }
        Ok((found, dropped))
    }

    fn find(
        &self,
        places: &HashMap<&str, usize>,
        left_out: &BTreeSet<String>,
        dropped: &mut BTreeSet<String>,
        set: &LabelledFeatures,
    ) -> Result<Split, SplitError> {
        let &Self { shots, seed, .. } = self;
        let mut named = HashSet::new();
        let mut find = |files: &[String]| -> Result<Vec<usize>, SplitError> {
            let mut images = Vec::with_capacity(files.len());
            for file in files {
                if !named.insert(file.clone()) {
                    return Err(SplitError::Twice { shots, seed, file: file.clone() });
                }
                match places.get(file.as_str()) {
                    Some(&place) => images.push(place),
                    None if left_out.contains(file) => {
                        dropped.insert(file.clone());
                    }
                    None => return Err(SplitError::NoImage { shots, seed, file: file.clone() }),
                }
            }
            Ok(images)
        };
        let (train, test) = (find(&self.train)?, find(&self.test)?);
        let taught: BTreeSet<usize> = train.iter().map(|&image| set.labels()[image]).collect();
        if taught.len() < 2 || test.is_empty() {
            let (classes, tests) = (taught.len(), test.len());
            return Err(SplitError::Empty { shots, seed, classes, tests });
        }
        if let Some(&image) = test.iter().find(|&&image| !taught.contains(&set.labels()[image])) {
            let file = set.files()[image].clone();
            return Err(SplitError::NotTaught { shots, seed, file });
        }
        Ok(Split { shots, seed, train, test })
    }

    /// The images that a list of splits names, and that look like `class/file`.
    pub fn images(splits: &[NamedSplit]) -> BTreeSet<&str> {
        splits
            .iter()
            .flat_map(|split| split.train.iter().chain(&split.test))
            .map(String::as_str)
            .filter(|file| class_of(file).is_some())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes of 6, 4 and 3 images.
    fn set() -> LabelledFeatures {
        let images = [("a", 6), ("b", 4), ("c", 3)]
            .iter()
            .flat_map(|&(class, count)| {
                (0..count).map(move |i| (format!("{class}/{i}.png"), vec![i as f32]))
            })
            .collect();
        LabelledFeatures::new(1, images).expect("valid")
    }

    #[test]
    fn seeded_splits_are_complete_disjoint_and_balanced() {
        let set = set();
        for (shots, seed) in [(1, 0), (1, 1), (2, 0), (2, 77)] {
            let Seeded { split, left_out } = seeded(&set, shots, seed).expect("enough images");
            assert!(left_out.is_empty());
            let mut all: Vec<usize> = split.train.iter().chain(&split.test).copied().collect();
            all.sort_unstable();
            assert_eq!(all, Vec::from_iter(0..13), "{shots} shots, seed {seed}");
            for class in 0..3 {
                let taught = split.train.iter().filter(|&&i| set.labels()[i] == class).count();
                assert_eq!(taught, shots);
            }
            assert_eq!(seeded(&set, shots, seed).expect("the same").split, split);
        }
        let trains: BTreeSet<_> =
            (0..20).map(|seed| seeded(&set, 2, seed).expect("enough").split.train).collect();
        assert!(trains.len() > 10, "seeds differ: {trains:?}");
    }

    #[test]
    fn classes_with_too_few_images_are_left_out() {
        let set = set();
        let three = seeded(&set, 3, 5).expect("a and b have more than 3");
        assert_eq!(three.left_out, [2]);
        assert!(three.split.train.iter().chain(&three.split.test).all(|&i| set.labels()[i] != 2));
        let two = seeded(&set, 2, 5).expect("all have more than 2").split.train;
        // The shuffle does not depend on the shots.
        assert!(two[..2].iter().all(|image| three.split.train.contains(image)));
        assert_eq!(seeded(&set, 4, 5), None);
    }

    #[test]
    fn a_seeded_split_equals_an_independent_implementation() {
        // Made by an independent implementation in Python (hashlib and a hand-written ChaCha8).
        let set = set();
        let named = |seed| {
            let split = seeded(&set, 2, seed).expect("enough images").split;
            NamedSplit::of(&split, &set).train
        };
        assert_eq!(named(0), ["a/0.png", "a/5.png", "b/0.png", "b/1.png", "c/0.png", "c/2.png"]);
        assert_eq!(
            named(12345),
            ["a/2.png", "a/1.png", "b/2.png", "b/1.png", "c/2.png", "c/0.png"]
        );
    }

    #[test]
    fn named_splits_round_trip_and_mistakes_are_named() {
        let set = set();
        let split = seeded(&set, 2, 3).expect("enough images").split;
        let named = NamedSplit::of(&split, &set);
        let find = |split: &NamedSplit| {
            NamedSplit::find_all(std::slice::from_ref(split), &set, &BTreeSet::new())
        };
        assert_eq!(find(&named), Ok((vec![split], BTreeSet::new())));
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let of = |train: &[&str], test: &[&str]| NamedSplit {
            shots: 1,
            seed: 9,
            train: names(train),
            test: names(test),
        };
        let cases = [
            ("no image a/9.png", of(&["a/0.png", "b/0.png"], &["a/9.png"])),
            ("a/0.png is named twice", of(&["a/0.png", "b/0.png"], &["a/0.png"])),
            ("c/0.png is to be classified", of(&["a/0.png", "b/0.png"], &["c/0.png"])),
            ("1 classes are taught", of(&["a/0.png"], &["a/1.png"])),
            ("0 images classified", of(&["a/0.png", "b/0.png"], &[])),
        ];
        for (wanted, split) in cases {
            let error = find(&split).expect_err(wanted).to_string();
            assert!(error.contains(wanted) && error.contains("seed 9"), "{error}");
        }
        let twice = [named.clone(), named];
        let error = NamedSplit::find_all(&twice, &set, &BTreeSet::new()).expect_err("the same");
        assert_eq!(error, SplitError::Same { shots: 2, seed: 3 });
    }

    #[test]
    fn images_that_gave_no_feature_drop_out_of_given_splits() {
        let set = set();
        let split = NamedSplit {
            shots: 2,
            seed: 0,
            train: ["a/0.png", "a/broken.png", "b/0.png"].map(str::to_owned).to_vec(),
            test: ["a/1.png"].map(str::to_owned).to_vec(),
        };
        let broken = BTreeSet::from(["a/broken.png".to_owned(), "b/other.png".to_owned()]);
        let (found, dropped) =
            NamedSplit::find_all(&[split], &set, &broken).expect("a broken image is not fatal");
        assert_eq!((found[0].train.len(), found[0].test.len()), (2, 1));
        assert_eq!(dropped, BTreeSet::from(["a/broken.png".to_owned()]));
    }
}
