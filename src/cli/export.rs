//! `fieldtune export`: what was learned, for other programs.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use ndarray::{ArrayView1, ArrayView2, arr0};

use super::args::model::{Chosen, ModelArgs};
use super::args::store::StoreArgs;
use super::{Context, Exit, npz, output};
use crate::backbone::preprocess::InputSpec;
use crate::backbone::{
    BackboneSpec, Exported, Extractor, FeatureSource as _, Graph, OnnxFiles, PartsModel, Rounding,
    Tail,
};
use crate::image::frame::{Frame, Timestamp};
use crate::protocol::people::counted;
use crate::store::export::{Finished, Network};
use crate::store::snapshot::ModelId;

/// Export the classifier to ONNX, NumPy or JSON
///
/// classifier.onnx is the whole of it, from the image to the probabilities, for any ONNX runtime. Its input is the
/// network's, an image already resized and normalised; its outputs are probabilities [1, classes], scores [1, classes]
/// (before the temperature, less their mean) and feature [1, dim]. The file's metadata has the rest, keys fieldtune.*: classes in the
/// order of the scores, input (size, layout, channel order, mean, scale, resize), thresholds, temperature, head,
/// backbone, version.
///
/// What has to be done with an image before it is in the file's description (doc_string, and the key
/// fieldtune.preprocessing): decode to 8-bit RGB, crop if the model does, resize bilinear with antialiasing to 8 bits
/// (Pillow: resize((width, height), Image.BILINEAR)), order the channels, (pixel - mean) * scale. Pillow's resize differs
/// from fieldtune's by at most one grey level a pixel: probabilities differed by up to 0.034; images that have the
/// network's size already give the same within 1e-3, most of them within 1e-4.
///
/// head.npz and head.json are the head alone, which takes the network's feature.
///
/// Of a store of lines of text there is the head alone; docs/senses.md says how a line becomes the feature.
///
/// Of good parts alone, a store with one class, classifier.onnx has more outputs: unlike [1, 1], above 1 where the places
/// of an image are unlike those of good parts, and where0, where1 [1, 1, height, width], how far each place is, 1 where
/// one place in a thousand of a good part comes. The program itself adds how far the image as a whole is.
///
/// A class without examples is left out. Not in the file: unknown for lying far from every example, which takes the
/// examples.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune export classifier.onnx
  fieldtune export head.npz
  fieldtune export head.json --force
  fieldtune export - --format json | jq .classes

The probabilities of a feature x from head.npz (head.json has the same names; its layers are a list):
  import numpy as np
  h = np.load(\"head.npz\")
  z = x - h[\"centre\"]
  if h[\"unit_length\"]:
      z = z / max(np.linalg.norm(z), 1e-30)
  for i in range(h[\"layers\"]):
      z = h[f\"weights{i}\"] @ (np.maximum(z, 0) if i else z) + h[f\"bias{i}\"]
  p = np.exp((z - z.max()) / h[\"temperature\"])
  p /= p.sum()
  print(dict(zip(h[\"classes\"], p)))

A network quantised in QDQ form is computed by fieldtune without the rounding between its layers, and was \
taught so. So it is written, in f32, and other programs give fieldtune's answers. --rounding keeps the \
rounding of the network's file, for the sake of int8 runtimes: a quarter of the size, and answers that \
differ.")]
pub struct ExportCommand {
    /// The file; its ending says what it is: .onnx, .npz or .json. With - and --format, stdout
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// What it is, whatever its ending
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    /// Keep the rounding of a network quantised in QDQ form
    #[arg(long)]
    rounding: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The classifier, from the image to the probabilities
    Onnx,
    /// The head alone, for numpy
    Npz,
    /// The head alone
    Json,
}

impl Format {
    fn of(out: &Path) -> anyhow::Result<Self> {
        let ending = out.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        Ok(match ending.as_deref() {
            Some("onnx") => Self::Onnx,
            Some("npz") => Self::Npz,
            Some("json") => Self::Json,
            _ => bail!(
                "{}: wanted a file that ends in .onnx, .npz or .json\n  next: another name, or --format onnx",
                out.display()
            ),
        })
    }
}

impl ExportCommand {
    pub(super) fn run(self, _context: &Context) -> anyhow::Result<Exit> {
        let format = self.format.map_or_else(|| Format::of(&self.out), Ok)?;
        if self.rounding && format != Format::Onnx {
            bail!("--rounding is about the network, which is only in .onnx");
        }
        // Asked first: there is no need to wait for the backbone to be refused.
        if self.out != Path::new("-") {
            self.check_place()?;
        }
        let session = self.store.look()?;
        if self.store.holds_lines()? {
            let finished = Finished::of_lines(session.learner(), session.model())?;
            let bytes = match format {
                Format::Onnx => {
                    self.store.refuse_lines("export to ONNX", "fieldtune export head.npz")?;
                    Vec::new()
                }
                Format::Npz => arrays(&finished)?,
                Format::Json => finished.head_json().into_bytes(),
            };
            return self.put(&finished, &bytes);
        }
        drop(session);
        self.store
            .refuse_sounds("export", "fieldtune store export FILE puts all of it into a pack")?;
        let tail = self.store.tail()?;
        if tail.is_some() && format != Format::Onnx {
            bail!(
                "the store has fine-tuned blocks of the backbone, so no other network gives the feature that this head takes\n  next: fieldtune export classifier.onnx, whose output feature does"
            );
        }
        let Chosen { onnx, name, spec, .. } = self.model.of_store(&self.store)?.choose()?;
        if spec.input.second_look().is_some() {
            bail!(
                "{name} looks at a frame twice, which no file for other programs says\n  next: teach a store with a model that looks once, such as fieldtune-224"
            );
        }
        let input = Graph::parse(&onnx, &name)?.input()?;
        let mut source = match &tail {
            Some(tail) if Extractor::fingerprint_of(&onnx, &spec) == tail.base() => {
                Extractor::load_with_tail(&onnx, &name, &spec, tail)?
            }
            _ => Extractor::load(&onnx, &name, &spec)?,
        };
        let session = self.store.look_for(&ModelId::of(&source))?;
        let levels = self.store.levels()?;
        let input_behind = match &levels {
            Some(levels) => spec.input.behind(levels),
            None => Some(spec.input.clone()),
        };
        let Some(fed) = input_behind else {
            bail!(
                "the network takes grey, and frames are adapted colour by colour, which is not exported\n  next: fieldtune adapt --off, then export again"
            );
        };
        if levels.is_some() {
            eprintln!(
                "note: mean and scale of the input bring frames to the light that was taught (fieldtune adapt)"
            );
        }
        let network = Network {
            model: session.model(),
            input: &fed,
            input_name: &input.name,
            blocks: source.parts().1.blocks(),
        };
        let finished = Finished::of(session.learner(), network)?;
        let mut parts = None;
        if format == Format::Onnx && session.learner().patch_memory().is_some() {
            let InputSpec { width, height, .. } = spec.input;
            let grey = vec![128; width as usize * height as usize * 3];
            let grey = Frame::new(width, height, grey, Timestamp(0))?;
            parts = session.learner().good_parts(&source.feature_and_maps(&grey)?.1);
        }
        match (&parts, session.learner().patch_memory().is_some()) {
            (Some(_), _) => eprintln!(
                "note: its output unlike is above 1 where a part is unlike the good ones by its places alone; where0 and where1 say where"
            ),
            (None, true) => eprintln!(
                "left out: what finds parts unlike the good ones (the patches of one class): the file only has the scores"
            ),
            _ => {}
        }
        let bytes = match format {
            Format::Onnx => self.onnx(&finished, &onnx, (&spec, tail.as_ref()), parts.as_ref())?,
            Format::Npz => arrays(&finished)?,
            Format::Json => finished.head_json().into_bytes(),
        };
        self.put(&finished, &bytes)
    }

    /// Writes the file, or standard output.
    fn put(&self, finished: &Finished, bytes: &[u8]) -> anyhow::Result<Exit> {
        for class in finished.left_out() {
            eprintln!("left out: {class} has no examples");
        }
        if self.out == Path::new("-") {
            output::write(bytes);
            return Ok(Exit::Done);
        }
        output::write_whole(&self.out, bytes)?;
        println!(
            "wrote {}: {} of {}, {} bytes",
            self.out.display(),
            finished.kind(),
            counted(finished.classes().len(), "class", "classes"),
            bytes.len()
        );
        Ok(Exit::Done)
    }

    /// Whether a file can be put there.
    fn check_place(&self) -> anyhow::Result<()> {
        let out = self.out.display();
        if self.out.is_dir() {
            bail!("{out} is a folder, wanted a file");
        }
        if !self.force && self.out.symlink_metadata().is_ok() {
            bail!("{out} exists already\n  next: another name, or --force to replace it");
        }
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            bail!("{out}: there is no folder {}\n  next: make it", folder.display());
        }
        Ok(())
    }

    fn onnx(
        &self,
        finished: &Finished,
        onnx: &OnnxFiles,
        (spec, tail): (&BackboneSpec, Option<&Tail>),
        parts: Option<&PartsModel>,
    ) -> anyhow::Result<Vec<u8>> {
        let rounding = if self.rounding { Rounding::AsInTheFile } else { Rounding::Limits };
        let Exported { onnx, rounds } = finished.onnx(onnx, spec, tail, rounding, parts)?;
        if rounds {
            eprintln!(
                "note: the network rounds between its layers, and fieldtune does not: the answers will differ (they are the same without --rounding)"
            );
        }
        Ok(onnx)
    }
}

/// The head for numpy: see [`crate::store::export`]; and all that is not a number as JSON in `about`.
fn arrays(finished: &Finished) -> anyhow::Result<Vec<u8>> {
    let layers = finished.layers();
    let mut file = npz::Writer::new(Cursor::new(Vec::new()), 0);
    file.strings("classes", finished.classes())?;
    file.array("centre", ArrayView1::from(&finished.centre()))?;
    file.array("unit_length", arr0(layers.scaling.unit_length).view())?;
    file.array("layers", arr0(layers.affine.len() as i64).view())?;
    for (at, layer) in layers.affine.iter().enumerate() {
        let weights = ArrayView2::from_shape((layer.bias.len(), layer.inputs()), &layer.weights)
            .context("a layer's rows")?;
        file.array(&format!("weights{at}"), weights)?;
        file.array(&format!("bias{at}"), ArrayView1::from(&layer.bias))?;
    }
    file.array("temperature", arr0(finished.temperature()).view())?;
    file.text("about", &finished.about())?;
    Ok(file.finish()?.into_inner())
}
