//! `--model` and how it is fed: a name, a card or a network, to an extractor.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::store::StoreArgs;
use crate::backbone::card::{ModelCard, built_in, read_network};
use crate::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout, Norm};
use crate::backbone::{
    BackboneFiles, BackboneSpec, EmbeddingSource, Extractor, Graph, OnnxFiles, Pooling,
    SoundNetwork, Tail, Tap,
};
use crate::cli::Context;
use crate::image::frame::FrameKind;
use crate::image::picture;
use crate::learn::learner::Subject;
use crate::sound::{self, SoundWindow};
use crate::store::FileStore;

/// Which backbone gives the features, and how it is fed.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Backbone")]
pub struct ModelArgs {
    /// A model's name (`fieldtune models list`), a card (.toml) or a network (.onnx), with lines of text one that reads, with
    /// sounds also one that hears; built-in is the network of this program, as the store was taught with it
    #[arg(long, value_name = "NAME|CARD|ONNX", env = "FIELDTUNE_MODEL", default_value = built_in::NAME)]
    pub(in crate::cli) model: String,
    /// Side of the input in pixels, for a network without a card [default: as the file says, else 224]
    #[arg(long, value_name = "PIXELS")]
    pub(in crate::cli) size: Option<u32>,
    /// Normalisation, for a network without a card: tf is x/127.5-1, unit is x/255
    #[arg(long, value_enum)]
    pub(in crate::cli) norm: Option<Norm>,
    /// Axis order, for a network without a card [default: as the file says]
    #[arg(long, value_enum)]
    pub(in crate::cli) layout: Option<Layout>,
    /// Use BGR channel order, for a network without a card
    #[arg(long)]
    pub(in crate::cli) bgr: bool,
    /// Crop the largest centred rectangle of the input's shape
    #[arg(long)]
    pub(in crate::cli) center_crop: bool,
    /// Tap tensors and pooling: TENSOR:avg+max,TENSOR:avg [default: the card's, else the classifier's input]
    #[arg(long, value_name = "TAPS", value_parser = parse_taps)]
    pub(in crate::cli) taps: Option<Taps>,
    /// What it looks at; `None` is what the store was taught with, images where there is none.
    #[arg(skip)]
    pub(in crate::cli) kind: Option<FrameKind>,
}

/// A list of taps from the command line.
#[derive(Debug, Clone)]
pub struct Taps(pub(in crate::cli) Vec<Tap>);

/// A network's files, its name and how it is fed.
pub(in crate::cli) struct Chosen {
    pub(in crate::cli) onnx: OnnxFiles,
    pub(in crate::cli) name: String,
    pub(in crate::cli) spec: BackboneSpec,
    /// Where it came from, if not from the command line alone.
    pub(in crate::cli) card: Option<ModelCard>,
}

impl ModelArgs {
    /// The built-in network as the first of these stores that is there was taught with it; else as it was asked for.
    pub(in crate::cli) fn of_stores(&self, stores: &[PathBuf]) -> Self {
        let mut given = self.clone();
        // What is wrong with a store is said when it is opened.
        let mut taught = stores.iter().filter_map(|path| FileStore::taught_with(path).ok()?);
        let Some(taught) = taught.next() else { return given };
        if let Some(card) = taught.built_in().filter(|_| self.is_default()) {
            given.model = card.name;
        }
        let of_sounds = taught.subject() == Subject::Sounds;
        given.kind = self.kind.or(of_sounds.then_some(FrameKind::Sound));
        given
    }

    /// What a board file names; the built-in network where it names none.
    pub(in crate::cli) fn named(model: Option<&str>) -> Self {
        let model = model.unwrap_or(built_in::NAME).to_owned();
        let (size, norm, layout, taps, kind) = Default::default();
        Self { model, size, norm, layout, taps, kind, bgr: false, center_crop: false }
    }

    /// The same, to look at frames of that kind.
    pub(in crate::cli) fn looking_at(&self, kind: FrameKind) -> Self {
        Self { kind: Some(kind), ..self.clone() }
    }

    /// The same, to look at what the first of these files is.
    pub(in crate::cli) fn looking_at_files<P: AsRef<Path>>(&self, files: &[P]) -> Self {
        self.looking_at(
            files.first().map_or(FrameKind::Image, |file| sound::kind_of(file.as_ref())),
        )
    }

    /// Whether nothing names another one than a new store gets.
    pub(in crate::cli) fn is_default(&self) -> bool {
        self.model == built_in::NAME
    }

    /// As [`ModelArgs::of_stores`], of one.
    pub(in crate::cli) fn of_store(&self, store: &StoreArgs) -> anyhow::Result<Self> {
        Ok(self.of_stores(&[store.path()?]))
    }

    /// Reads and prepares the backbone.
    ///
    /// # Errors
    /// An unknown name, a file that is missing or not the card's, a network that cannot be used.
    pub fn load(&self, _context: &Context) -> anyhow::Result<EmbeddingSource> {
        match self.sound_network()? {
            Some(network) => Ok(network.into()),
            None => Ok(self.of_its_kind(self.files()?.load(None)?)),
        }
    }

    /// The network, where it is the card of one that hears.
    ///
    /// # Errors
    /// As [`ModelArgs::load`].
    fn sound_network(&self) -> anyhow::Result<Option<SoundNetwork>> {
        let path = Path::new(&self.model);
        let Some(card) = ModelCard::sound_card(path)? else { return Ok(None) };
        self.refuse_with_card()?;
        if self.taps.is_some() || self.center_crop {
            bail!("--taps and --center-crop are for networks that see; {} hears", card.name);
        }
        Ok(Some(card.sound_network(path.parent())?))
    }

    /// What a window of sound is to it; what is wrong with its card is said where it is loaded.
    pub fn sound_window(&self) -> SoundWindow {
        let card = ModelCard::sound_card(Path::new(&self.model)).ok().flatten();
        card.map_or_else(SoundWindow::default, |card| card.spec.window)
    }

    /// The backbone's last blocks as they are, see [`Tail::of`].
    ///
    /// # Errors
    /// As [`ModelArgs::load`]; and why they cannot be trained.
    pub fn tail(&self, depth: Option<usize>) -> anyhow::Result<Tail> {
        Ok(self.files()?.tail(depth)?)
    }

    /// As [`ModelArgs::load`], with fine-tuned last blocks where they are of that backbone.
    ///
    /// # Errors
    /// As [`ModelArgs::load`].
    pub fn load_with(
        &self,
        tail: Option<&Tail>,
        context: &Context,
    ) -> anyhow::Result<EmbeddingSource> {
        let Some(tail) = tail.filter(|_| !self.sound_window().is_kept) else {
            return self.load(context);
        };
        let files = self.files()?;
        // The store that they come from refuses another backbone, and says which it wants.
        Ok(self.of_its_kind(files.load((files.fingerprint() == tail.base()).then_some(tail))?))
    }

    fn of_its_kind(&self, extractor: Extractor) -> EmbeddingSource {
        match self.kind {
            Some(FrameKind::Sound) => extractor.for_sounds().into(),
            _ => extractor.into(),
        }
    }

    /// The network's files, to load it with other last blocks.
    ///
    /// # Errors
    /// As [`ModelArgs::load`].
    pub(in crate::cli) fn files(&self) -> anyhow::Result<BackboneFiles> {
        let Chosen { onnx, name, spec, .. } = self.choose()?;
        Ok(BackboneFiles { onnx, name, spec })
    }

    pub(in crate::cli) fn choose(&self) -> anyhow::Result<Chosen> {
        let model = &self.model;
        let path = Path::new(model);
        let mut chosen = match path.extension().and_then(|extension| extension.to_str()) {
            Some("onnx") => self.without_card(path)?,
            Some("toml") => {
                self.refuse_with_card()?;
                from_card(ModelCard::read_card(path)?, path.parent())?
            }
            _ => match ModelCard::named(model) {
                Ok(card) => {
                    self.refuse_with_card()?;
                    from_card(card, None)?
                }
                // A network by another name, or something else that is recognised by its content.
                Err(_) if path.exists() => self.without_card(path)?,
                Err(error) => return Err(error.into()),
            },
        };
        if let Some(Taps(taps)) = &self.taps {
            chosen.spec.taps.clone_from(taps);
        }
        if self.center_crop {
            chosen.spec.input.fit = Fit::CenterCrop { fraction: 1.0 };
        }
        Ok(chosen)
    }

    fn without_card(&self, path: &Path) -> anyhow::Result<Chosen> {
        if path.is_dir() {
            bail!("{}", folder(path));
        }
        let onnx = read_network(path, "")?;
        let name = picture::shown(path);
        let declared = Graph::parse(&onnx, &name)?.input()?;
        let Some(norm) = self.norm else {
            bail!(
                "{name}: unknown input normalisation\n  next: add --norm tf (x/127.5-1), --norm imagenet or --norm unit (x/255), and --size PIXELS"
            );
        };
        let (width, height) = match self.size {
            Some(size) => (size, size),
            None => declared.size().unwrap_or((224, 224)),
        };
        let order = match (declared.order(), self.bgr) {
            (ChannelOrder::Grey, true) => {
                bail!("{name}: --bgr, but the network takes one channel, grey")
            }
            (_, true) => ChannelOrder::Bgr,
            (order, false) => order,
        };
        // Mean and scale are in the network's order.
        let (mean, scale) = order.of_rgb(norm.mean_scale());
        let input = InputSpec {
            width,
            height,
            layout: self.layout.unwrap_or(declared.layout),
            order,
            mean,
            scale,
            fit: Fit::Whole,
            any_size: false,
        };
        Ok(Chosen { onnx, name, spec: BackboneSpec { input, taps: Vec::new() }, card: None })
    }

    fn refuse_with_card(&self) -> anyhow::Result<()> {
        let given = [
            ("--size", self.size.is_some()),
            ("--norm", self.norm.is_some()),
            ("--layout", self.layout.is_some()),
            ("--bgr", self.bgr),
        ];
        if let Some((flag, _)) = given.iter().find(|(_, given)| *given) {
            bail!("{flag} applies only to a network without a card (.onnx); this model has a card");
        }
        Ok(())
    }
}

/// What is to be said of a folder.
fn folder(path: &Path) -> String {
    let shown = picture::shown(path);
    let holds = |name: &str| path.join(name).exists();
    if holds("saved_model.pb") {
        return format!(
            "{shown}: this is a network of TensorFlow (SavedModel)\n  next: python -m tf2onnx.convert --saved-model {shown} --output NET.onnx"
        );
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let network = entries
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "onnx"));
    let next = match network {
        Some(network) => format!("\n  next: name the file: {}", picture::shown(&network)),
        None => String::new(),
    };
    format!("{shown}: this is a folder, wanted a network (.onnx) or a card (.toml){next}")
}

fn from_card(card: ModelCard, beside: Option<&Path>) -> anyhow::Result<Chosen> {
    let onnx = card.network(beside)?;
    let (name, spec) = (card.name.clone(), card.spec.clone());
    Ok(Chosen { onnx, name, spec, card: Some(card) })
}

pub(in crate::cli) fn parse_taps(text: &str) -> Result<Taps, String> {
    let tap = |part: &str| {
        // Tensor names may hold colons; the pooling stands behind the last.
        let (tensor, pools) = part.rsplit_once(':').ok_or_else(|| {
            format!("\"{part}\": wanted TENSOR:avg, TENSOR:max or TENSOR:avg+max")
        })?;
        let pool = pools
            .split('+')
            .map(|pool| match pool {
                "avg" => Ok(Pooling::Avg),
                "max" => Ok(Pooling::Max),
                other => Err(format!("\"{other}\": wanted avg or max")),
            })
            .collect::<Result<_, _>>()?;
        Ok(Tap { tensor: tensor.to_owned(), pool })
    };
    text.split(',').map(tap).collect::<Result<_, String>>().map(Taps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_are_read_with_colons_in_their_names() {
        let Taps(taps) = parse_taps("Relu_7:0:avg+max,pool:avg").expect("valid taps");
        assert_eq!((taps[0].tensor.as_str(), taps[0].pool.len()), ("Relu_7:0", 2));
        assert_eq!((taps[1].tensor.as_str(), &taps[1].pool[..]), ("pool", &[Pooling::Avg][..]));
        for wrong in ["", "pool", "pool:median", "pool:avg,,"] {
            assert!(parse_taps(wrong).is_err(), "{wrong}");
        }
    }
}
