//! A classifier of features from a file: of `fieldtune export`, of scikit-learn, or in ONNX.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use ndarray::{Array1, Array2};

use crate::backbone::card::read_network;
use crate::backbone::{ClassifierLayers, ScoreCurve};
use crate::cli::npz::Reader;
use crate::image::picture;
use crate::learn::learner::ClassName;
use crate::util::bounded;

/// Bytes that a list of names may have.
const MAX_NAMES: u64 = 1 << 20;

/// A classifier of features: layers of weights and biases, zeros for what is negative between them, softmax or sigmoid behind.
#[derive(Debug)]
pub(super) struct FeatureClassifier {
    pub(super) classes: Vec<ClassName>,
    centre: Option<Array1<f32>>,
    unit_length: bool,
    layers: Vec<(Array2<f32>, Array1<f32>)>,
    temperature: f32,
    curve: ScoreCurve,
}

impl FeatureClassifier {
    /// What `fieldtune export head.npz` wrote; arrays as scikit-learn names them: `coef_`, `intercept_`, `classes_`; or ONNX.
    ///
    /// * `names`: a file with the names of the classes, in place of those of the classifier.
    ///
    /// # Errors
    /// Not such a file; arrays or operators that do not belong together.
    pub(super) fn read(path: &Path, names: Option<&Path>) -> anyhow::Result<Self> {
        let place = || picture::shown(path);
        let names = names.map(|names| listed(names).with_context(|| picture::shown(names)));
        let names = names.transpose()?;
        let file = File::open(path).with_context(place)?;
        let reader = Reader::new(BufReader::new(file));
        let is_npz = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
        let has_arrays = |reader: &Reader<_>| reader.has("weights0") || reader.has("coef_");
        if is_npz || reader.as_ref().is_ok_and(has_arrays) {
            return Self::of_arrays(reader, names).with_context(place);
        }
        // What is wrong with it names the file.
        let layers = ClassifierLayers::parse(&read_network(path, "")?, &place())?;
        Self::of_layers(layers, names).with_context(place)
    }

    fn of_arrays(
        reader: anyhow::Result<Reader<BufReader<File>>>,
        names: Option<Vec<String>>,
    ) -> anyhow::Result<Self> {
        let mut reader = reader.context(
            "wanted an .npz file: of export head.npz, or with coef_, intercept_ and classes_",
        )?;
        let ours = reader.has("weights0");
        let classes = match names {
            Some(names) => names,
            None => reader.strings(if ours { "classes" } else { "classes_" })?,
        };
        let mut layers = Vec::new();
        if ours {
            while reader.has(&format!("weights{}", layers.len())) {
                let at = layers.len();
                let weights = reader.numbers(&format!("weights{at}"), "[outputs, inputs]")?;
                layers.push((weights, reader.row(&format!("bias{at}"))?));
            }
        } else {
            layers.push((reader.numbers("coef_", "[classes, values]")?, reader.row("intercept_")?));
        }
        let centre = if reader.has("centre") { Some(reader.row("centre")?) } else { None };
        let unit_length = reader.has("unit_length") && reader.is_true("unit_length")?;
        let temperature =
            if reader.has("temperature") { reader.row("temperature")?[0] } else { 1.0 };
        if let ([(weights, bias)], 2) = (&mut layers[..], classes.len())
            && bias.len() == 1
        {
            // scikit-learn gives two classes one score, that of the second.
            *weights = ndarray::concatenate![ndarray::Axis(0), -&*weights, weights.view()];
            *bias = ndarray::concatenate![ndarray::Axis(0), -&*bias, bias.view()];
            weights.mapv_inplace(|value| value / 2.0);
            bias.mapv_inplace(|value| value / 2.0);
        }
        let curve = ScoreCurve::Softmax;
        let classes = class_names(&classes)?;
        let read = Self { classes, centre, unit_length, layers, temperature, curve };
        read.check()?;
        Ok(read)
    }

    fn of_layers(layers: ClassifierLayers, names: Option<Vec<String>>) -> anyhow::Result<Self> {
        let ClassifierLayers { centre, unit_length, layers, curve, classes, numbers } = layers;
        let is_given = names.is_some();
        let classes = names.unwrap_or(classes);
        if classes.is_empty() {
            let scores = layers.last().map_or(0, |(_, bias)| bias.len());
            let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
            let what = match &numbers[..] {
                [] => format!("it has {scores} scores and no names of classes"),
                numbers => {
                    format!("its classes are numbers ({}), wanted names", numbers.join(", "))
                }
            };
            bail!("{what}\n  next: --classes FILE with a name a line, in the order of the scores");
        }
        let classes = class_names(&classes).map_err(|error| match is_given {
            true => error,
            false => anyhow!("{error:#}\n  next: --classes FILE with other names, one a line"),
        })?;
        let read = Self { classes, centre, unit_length, layers, temperature: 1.0, curve };
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> anyhow::Result<()> {
        let mut inputs = self.dim();
        for (at, (weights, bias)) in self.layers.iter().enumerate() {
            let (rows, columns) = weights.dim();
            if columns != inputs || rows != bias.len() {
                let bias = bias.len();
                bail!(
                    "layer {at}: weights [{rows}, {columns}] and bias [{bias}] for {inputs} inputs"
                );
            }
            inputs = rows;
        }
        if inputs != self.classes.len() || inputs < 2 {
            let classes = self.classes.len();
            bail!("{inputs} scores and {classes} classes, wanted as many of both, at least 2");
        }
        for (at, class) in self.classes.iter().enumerate() {
            if self.classes[..at].contains(class) {
                bail!("classes: {class} is there twice, wanted a name for each score");
            }
        }
        if self.centre.as_ref().is_some_and(|centre| centre.len() != self.dim()) {
            bail!("centre: wanted {} values", self.dim());
        }
        let mut values = self.layers.iter().flat_map(|(weights, bias)| weights.iter().chain(bias));
        let is_finite = values.all(|value| value.is_finite()) && self.temperature.is_finite();
        if !is_finite || self.temperature <= 0.0 {
            bail!("wanted finite weights, and a temperature above 0");
        }
        Ok(())
    }

    /// Values of a feature.
    pub(super) fn dim(&self) -> usize {
        self.layers[0].0.ncols()
    }

    /// The likeliest class and its probability.
    ///
    /// * `feature`: `[dim]`.
    pub(super) fn classify(&self, feature: &[f32]) -> (usize, f32) {
        let mut values = Array1::from_vec(feature.to_vec());
        if let Some(centre) = &self.centre {
            values -= centre;
        }
        if self.unit_length {
            let norm = values.dot(&values).sqrt().max(1e-30);
            values /= norm;
        }
        for (at, (weights, bias)) in self.layers.iter().enumerate() {
            if at > 0 {
                values.mapv_inplace(|value| value.max(0.0));
            }
            values = weights.dot(&values) + bias;
        }
        let scores = values.iter().enumerate();
        let (best, &highest) = scores.max_by(|a, b| a.1.total_cmp(b.1)).expect("there are classes");
        let sigmoid = |score: f32| 1.0 / (1.0 + (-score).exp());
        let confidence = match self.curve {
            ScoreCurve::Softmax => {
                let exp = |&score: &f32| ((score - highest) / self.temperature).exp();
                1.0 / values.iter().map(exp).sum::<f32>()
            }
            ScoreCurve::Sigmoid => sigmoid(highest),
            ScoreCurve::SigmoidShares => {
                let sum: f32 = values.iter().map(|&score| sigmoid(score)).sum();
                if sum > 0.0 { sigmoid(highest) / sum } else { 0.0 }
            }
        };
        (best, confidence)
    }
}

fn class_names(classes: &[String]) -> anyhow::Result<Vec<ClassName>> {
    classes.iter().map(|name| ClassName::new(name).context("classes")).collect()
}

/// The lines of a file, without those that are empty.
fn listed(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = bounded::read_text(path, MAX_NAMES)?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let names: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if names.is_empty() {
        bail!("wanted the names of the classes, one a line; the file has none");
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ndarray::array;

    use super::*;
    use crate::cli::npz::Writer;

    fn named(names: &[&str]) -> Vec<ClassName> {
        names.iter().map(|name| ClassName::new(name).expect("a name")).collect()
    }

    /// By hand: (1, 2) - (0, 1) = (1, 1), of length 1 (0.7071, 0.7071); the scores 1.4142 and -0.7071, the second layer's
    /// (2.8284, 1); of half the temperature 1 / (1 + exp(-1.8284 / 0.5)) = 0.97482.
    #[test]
    fn layers_are_computed_as_the_exported_head_s() {
        let classifier = FeatureClassifier {
            classes: named(&["good", "bad"]),
            centre: Some(array![0.0, 1.0]),
            unit_length: true,
            layers: vec![
                (array![[1.0, 1.0], [-1.0, 0.0]], array![0.0, 0.0]),
                (array![[2.0, 0.0], [0.0, 5.0]], array![0.0, 1.0]),
            ],
            temperature: 0.5,
            curve: ScoreCurve::Softmax,
        };
        classifier.check().expect("they belong together");
        let (class, confidence) = classifier.classify(&[1.0, 2.0]);
        assert_eq!(class, 0);
        assert!((confidence - 0.97482).abs() < 1e-4, "{confidence}");
    }

    /// Of the scores (1, -1): 1 / (1 + exp(-1)) = 0.73106, its share 0.73106 / (0.73106 + 0.26894); by a softmax 0.88080.
    #[test]
    fn confidence_follows_the_curve_of_the_scores() {
        for (curve, wanted) in [
            (ScoreCurve::Softmax, 0.880_80),
            (ScoreCurve::Sigmoid, 0.731_06),
            (ScoreCurve::SigmoidShares, 0.731_06),
        ] {
            let layers = vec![(array![[1.0], [-1.0], [-2.0]], array![0.0, 0.0, 1.0])];
            let two = vec![(array![[1.0], [-1.0]], array![0.0, 0.0])];
            let of = |layers, names: &[&str]| FeatureClassifier {
                classes: named(names),
                centre: None,
                unit_length: false,
                layers,
                temperature: 1.0,
                curve,
            };
            let (class, confidence) = of(two, &["a", "b"]).classify(&[1.0]);
            assert!(class == 0 && (confidence - wanted).abs() < 1e-4, "{curve:?}: {confidence}");
            // A third of score -1 takes its share, and changes nothing of what each class has for itself: 0.78699, 0.57612.
            let wanted = match curve {
                ScoreCurve::Softmax => 0.786_99,
                ScoreCurve::Sigmoid => 0.731_06,
                ScoreCurve::SigmoidShares => 0.576_12,
            };
            let confidence = of(layers, &["a", "b", "c"]).classify(&[1.0]).1;
            assert!((confidence - wanted).abs() < 1e-4, "{curve:?}: {confidence}");
        }
        // Far from all classes there is no share.
        let layers = vec![(array![[1.0], [1.0]], array![0.0, 0.0])];
        let lost = FeatureClassifier {
            classes: named(&["a", "b"]),
            centre: None,
            unit_length: false,
            layers,
            temperature: 1.0,
            curve: ScoreCurve::SigmoidShares,
        };
        assert_eq!(lost.classify(&[-1e4]).1, 0.0);
    }

    /// Two classes have one score in scikit-learn: at z = 2 the second has the probability 1 / (1 + exp(-2)) = 0.88080.
    #[test]
    fn arrays_of_scikit_learn_are_read() {
        let write = |weights: Array2<f64>, bias: Array1<f64>, names: &[&str]| {
            let mut writer = Writer::new(Cursor::new(Vec::new()), 1);
            writer.array("coef_", weights.view()).expect("in memory");
            writer.array("intercept_", bias.view()).expect("in memory");
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            writer.strings("classes_", &names).expect("in memory");
            let file = tempfile::NamedTempFile::new().expect("there is room");
            std::fs::write(file.path(), writer.finish().expect("in memory").into_inner())
                .expect("there is room");
            FeatureClassifier::read(file.path(), None)
        };
        let two = write(array![[1.0, 0.5]], array![-0.5], &["bad", "good"]).expect("it is right");
        let (class, confidence) = two.classify(&[2.0, 1.0]);
        assert_eq!(two.classes[class].as_str(), "good");
        assert!((confidence - 0.880_80).abs() < 1e-4, "{confidence}");
        assert_eq!(two.classify(&[-2.0, -1.0]).0, 0);
        let three = array![[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]];
        let three = write(three, array![0.0, 0.0, 0.0], &["a", "b", "c"]).expect("it is right");
        assert_eq!(three.classify(&[-1.0, -2.0]).0, 2);
        let wrong = write(array![[1.0, 0.5]], array![-0.5], &["bad", "good", "no such"]);
        assert!(wrong.is_err());
    }

    #[test]
    fn layers_that_do_not_belong_together_are_refused() {
        let of = |weights: Array2<f32>, bias: Array1<f32>, names: &[&str]| {
            let layers = vec![(weights, bias)];
            let classes = named(names);
            FeatureClassifier {
                classes,
                centre: None,
                unit_length: false,
                layers,
                temperature: 1.0,
                curve: ScoreCurve::Softmax,
            }
        };
        let two = array![[1.0, 0.0], [0.0, 1.0]];
        of(two.clone(), array![0.0, 0.0], &["a", "b"]).check().expect("they do");
        for (wrong, wanted) in [
            (of(two.clone(), array![0.0], &["a", "b"]), "bias [1]"),
            (of(two.clone(), array![0.0, 0.0], &["a", "b", "c"]), "2 scores and 3 classes"),
            (of(array![[1.0, 0.0]], array![0.0], &["a"]), "1 scores and 1 classes"),
            (of(two.clone(), array![0.0, 0.0], &["a", "a"]), "classes: a is there twice"),
            (of(array![[f32::NAN, 0.0], [0.0, 1.0]], array![0.0, 0.0], &["a", "b"]), "finite"),
        ] {
            let error = wrong.check().expect_err(wanted).to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
