//! Model cards: which file, how it is fed, where it is tapped, where to get it.
//!
//! A card is a TOML file; see `models/` for those that are built in. It is parsed to a raw form that refuses unknown
//! keys, then checked into [`ModelCard`](crate::backbone::card::ModelCard), which cannot be wrong.

/// The backbone that is part of the program.
pub mod built_in;
mod error;
mod files;
mod kind;
mod sound;
mod text;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout, Norm};
use crate::backbone::{BackboneSpec, Pooling, Tap};
use crate::util::bounded;
use crate::util::text::is_unsafe;
pub use error::ModelError;
use files::RawDataFile;
pub use files::{DataFile, read_network};
pub use kind::{CardKind, kind_of_card};
pub use text::{MAX_TOKENIZER_BYTES, TextInput, read_tokenizer};

/// Bytes that a model's name may have.
pub const MAX_MODEL_NAME: usize = 256;

/// How a network is fed, what is taken of it, and where its files come from.
///
/// `S` is how it is fed: [`BackboneSpec`] of one that sees, [`TextInput`] of one that reads text, [`SoundSpec`](crate::backbone::SoundSpec) of
/// one that hears.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCard<S = BackboneSpec> {
    /// What people call it.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// The file's name.
    pub file: String,
    /// The file's length.
    pub bytes: u64,
    /// The file's SHA-256.
    pub sha256: [u8; 32],
    /// The files of weights that it names; most networks have none.
    pub data: Vec<DataFile>,
    /// Where to get it, and the files of weights beside it; `None` for a file that is not on the network.
    pub url: Option<String>,
    /// Under which licence.
    pub licence: String,
    /// The network that reads words into the same space, where one was trained with it: the name of its card, or of its
    /// ONNX file, beside this card. Of networks that see alone.
    pub words: Option<String>,
    /// How it is fed and what is taken of it.
    pub spec: S,
}

/// A card as it stands in its file; what it is fed with is parsed by its kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCard<I> {
    name: String,
    #[serde(default)]
    about: String,
    file: String,
    bytes: u64,
    sha256: String,
    url: Option<String>,
    licence: String,
    words: Option<String>,
    input: I,
    #[serde(default)]
    data: Vec<RawDataFile>,
    #[serde(default, rename = "tap")]
    taps: Vec<Tap>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInput {
    size: Option<u32>,
    width: Option<u32>,
    height: Option<u32>,
    #[serde(default = "nchw")]
    layout: Layout,
    channels: Option<u32>,
    order: Option<ChannelOrder>,
    norm: Option<Norm>,
    mean: Option<Vec<f32>>,
    scale: Option<Vec<f32>>,
    #[serde(default = "whole")]
    fit: Fit,
    #[serde(default, rename = "any-size")]
    any_size: bool,
}

fn nchw() -> Layout {
    Layout::Nchw
}

fn whole() -> Fit {
    Fit::Whole
}

impl RawInput {
    /// How the network is fed, and where it is tapped.
    ///
    /// # Errors
    /// The key, what stands there and what may.
    fn spec(self, taps: Vec<Tap>) -> Result<BackboneSpec, String> {
        let (width, height) = match (self.size, self.width, self.height) {
            (Some(size), None, None) => (size, size),
            (None, Some(width), Some(height)) => (width, height),
            _ => return Err("input: wanted either size, or width and height".to_owned()),
        };
        let order = channel_order(self.channels, self.order)?;
        let (mean, scale) = match (self.norm, &self.mean, &self.scale) {
            (Some(norm), None, None) if order == ChannelOrder::Grey => {
                order.of_rgb(norm.mean_scale())
            }
            (Some(norm), None, None) => norm.mean_scale(),
            (None, Some(mean), Some(scale)) => {
                let of = |what: &str, values: &[f32]| match (order, values) {
                    (ChannelOrder::Grey, &[value]) => Ok([value; 3]),
                    (ChannelOrder::Rgb | ChannelOrder::Bgr, &[a, b, c]) => Ok([a, b, c]),
                    _ => {
                        let wanted = if order == ChannelOrder::Grey { 1 } else { 3 };
                        let got = values.len();
                        Err(format!("input: {what}: wanted {wanted} values, got {got}"))
                    }
                };
                (of("mean", mean)?, of("scale", scale)?)
            }
            _ => return Err("input: wanted either norm, or mean and scale".to_owned()),
        };
        let Self { layout, fit, any_size, .. } = self;
        let input = InputSpec { width, height, layout, order, mean, scale, fit, any_size };
        input.check().map_err(|error| format!("input: {error}"))?;
        if let Some(tap) = taps.iter().find(|tap| tap.pool.is_empty()) {
            let tensor = tap.tensor.escape_debug();
            return Err(format!("tap {tensor}: pool: wanted avg, max or both"));
        }
        Ok(BackboneSpec { input, taps })
    }
}

/// The channel order of a card.
///
/// # Errors
/// Channels that nothing can be fed with, and an order that does not fit them.
fn channel_order(
    channels: Option<u32>,
    order: Option<ChannelOrder>,
) -> Result<ChannelOrder, String> {
    match (channels, order) {
        (Some(1), None | Some(ChannelOrder::Grey)) => Ok(ChannelOrder::Grey),
        (None, order) => Ok(order.unwrap_or(ChannelOrder::Rgb)),
        (Some(3), None) => Ok(ChannelOrder::Rgb),
        (Some(3), Some(order)) if order != ChannelOrder::Grey => Ok(order),
        (Some(1 | 3), _) => {
            Err("input: order does not fit channels: rgb and bgr have 3, grey has 1".to_owned())
        }
        (Some(got), _) => Err(format!("input: channels: wanted 3 (colour) or 1 (grey), got {got}")),
    }
}

/// Bytes that a file's name may have, as on any file system.
pub const MAX_FILE_NAME: usize = 255;

/// The largest model that is read, all its files together.
pub const MAX_MODEL_BYTES: u64 = 1 << 30;

impl<I: for<'de> Deserialize<'de>> RawCard<I> {
    /// * `spec`: makes of a card's input and taps how it is fed and what is taken of it.
    ///
    /// # Errors
    /// The key, what stands there and what may.
    fn parse<S>(
        text: &str,
        spec: impl FnOnce(I, Vec<Tap>) -> Result<S, String>,
    ) -> Result<ModelCard<S>, String> {
        let card: Self = crate::util::settings::parse(text)?;
        let Self { name, about, file, bytes, sha256, url, licence, words, input, data, taps } =
            card;
        let spec = spec(input, taps)?;
        let sha256 = sum("sha256", &sha256)?;
        plain_file("file", &file)?;
        words.iter().try_for_each(|words| plain_file("words", words))?;
        if !(1..=MAX_MODEL_NAME).contains(&name.len()) {
            let got = name.len();
            return Err(format!("name: got {got} bytes, wanted 1 to {MAX_MODEL_NAME}"));
        }
        if bytes == 0 || bytes > MAX_MODEL_BYTES {
            return Err(format!("bytes: {bytes} is not within 1 and {MAX_MODEL_BYTES}"));
        }
        let data = data.into_iter().map(RawDataFile::check).collect::<Result<_, _>>()?;
        let texts = [("name", &name), ("about", &about), ("licence", &licence)];
        for (key, text) in texts.into_iter().chain(url.iter().map(|url| ("url", url))) {
            if text.contains(is_unsafe) {
                let text = text.escape_debug();
                return Err(format!("{key}: \"{text}\" is not one line that can be read"));
            }
        }
        Ok(ModelCard { name, about, file, bytes, sha256, data, url, licence, words, spec })
    }
}

/// # Errors
/// The key, and what stands there.
fn sum(key: &str, text: &str) -> Result<[u8; 32], String> {
    hash_from_hex(text)
        .ok_or_else(|| format!("{key}: \"{}\" is not 64 hexadecimal digits", text.escape_debug()))
}

/// # Errors
/// The key, and what stands there instead of the name of a file beside the card.
fn plain_file(key: &str, file: &str) -> Result<(), String> {
    let plain = |c: char| !is_unsafe(c) && !['/', '\\'].contains(&c);
    let whole = !file.starts_with('.') && (1..=MAX_FILE_NAME).contains(&file.len());
    if whole && file.chars().all(plain) {
        return Ok(());
    }
    Err(format!(
        "{key}: \"{}\" is not a plain file name of 1 to {MAX_FILE_NAME} bytes",
        file.escape_debug()
    ))
}

/// A card's text.
///
/// # Errors
/// [`ModelError::File`].
fn text_of(path: &Path) -> Result<String, ModelError> {
    crate::util::settings::read(path).map_err(|error| ModelError::File {
        path: path.display().to_string(),
        error,
        advice: String::new(),
    })
}

impl<S> ModelCard<S> {
    /// # Errors
    /// The key: words belong to a network that sees.
    fn without_words(self) -> Result<Self, String> {
        match self.words {
            None => Ok(self),
            Some(_) => Err("words: only a network that looks at images has such".to_owned()),
        }
    }

    /// The card's first lines, which all cards have.
    fn head(&self) -> String {
        let mut text = format!("name = {}\n", quoted(&self.name));
        if !self.about.is_empty() {
            text += &format!("about = {}\n", quoted(&self.about));
        }
        text += &format!(
            "file = {}\nbytes = {}\nsha256 = \"{}\"\n",
            quoted(&self.file),
            self.bytes,
            hex(&self.sha256)
        );
        if let Some(url) = &self.url {
            text += &format!("url = {}\n", quoted(url));
        }
        text += &format!("licence = {}\n", quoted(&self.licence));
        if let Some(words) = &self.words {
            text += &format!("words = {}\n", quoted(words));
        }
        text + "\n[input]\n"
    }

    /// Whether the network is part of the program.
    pub fn is_built_in(&self) -> bool {
        self.sha256 == built_in::card().sha256
    }
}

impl ModelCard {
    /// * `file_name`: what messages call the card.
    ///
    /// # Errors
    /// [`ModelError::Card`] with the key, what stands there and what may.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, ModelError> {
        let wrong = |what: String| ModelError::Card { card: file_name.to_owned(), what };
        if let Some(what) = kind::instead_of_images(text) {
            return Err(wrong(what));
        }
        RawCard::parse(text, RawInput::spec).map_err(wrong)
    }

    /// A card's file.
    ///
    /// # Errors
    /// [`ModelError::File`], [`ModelError::Card`].
    pub fn read_card(path: &Path) -> Result<Self, ModelError> {
        Self::parse(&text_of(path)?, &path.display().to_string())
    }

    /// The card's text; parsing it gives the card again.
    pub fn to_toml(&self) -> String {
        let mut text = self.head();
        let InputSpec { width, height, layout, order, mean, scale, fit, any_size } =
            &self.spec.input;
        text += &if width == height {
            format!("size = {width}\n")
        } else {
            format!("width = {width}\nheight = {height}\n")
        };
        if *layout == Layout::Nhwc {
            text += "layout = \"nhwc\"\n";
        }
        text += match order {
            ChannelOrder::Rgb => "",
            ChannelOrder::Bgr => "order = \"bgr\"\n",
            ChannelOrder::Grey => "channels = 1\n",
        };
        let known = [(Norm::Tf, "tf"), (Norm::Imagenet, "imagenet"), (Norm::Unit, "unit")];
        let says = |norm: Norm| match order {
            ChannelOrder::Grey => order.of_rgb(norm.mean_scale()),
            _ => norm.mean_scale(),
        };
        let channels = self.spec.input.channels();
        text += &match known.iter().find(|(norm, _)| says(*norm) == (*mean, *scale)) {
            Some((_, norm)) => format!("norm = \"{norm}\"\n"),
            None => format!("mean = {:?}\nscale = {:?}\n", &mean[..channels], &scale[..channels]),
        };
        text += &match fit {
            Fit::Whole => String::new(),
            Fit::CenterCrop { fraction } => {
                format!("fit = {{ center-crop = {{ fraction = {fraction:?} }} }}\n")
            }
            Fit::WholeAndCenter { fraction } => {
                format!("fit = {{ whole-and-center = {{ fraction = {fraction:?} }} }}\n")
            }
        };
        if *any_size {
            text += "any-size = true\n";
        }
        self.data.iter().for_each(|data| text += &data.to_toml());
        for Tap { tensor, pool } in &self.spec.taps {
            let pools: Vec<_> = pool
                .iter()
                .map(|pool| match pool {
                    Pooling::Avg => "\"avg\"",
                    Pooling::Max => "\"max\"",
                })
                .collect();
            let (tensor, pools) = (quoted(tensor), pools.join(", "));
            text += &format!("\n[[tap]]\ntensor = {tensor}\npool = [{pools}]\n");
        }
        text
    }

    /// The cards that are part of the program; the first are those of the network that is part of it too.
    pub fn builtin_cards() -> Vec<Self> {
        let cards = CARDS.iter().map(|(file, text)| {
            Self::parse(text, file).expect("a test parses every card that is built in")
        });
        built_in::cards().into_iter().chain(cards).collect()
    }

    /// The card of that name.
    ///
    /// # Errors
    /// [`ModelError::Unknown`].
    pub fn named(name: &str) -> Result<Self, ModelError> {
        let cards = Self::builtin_cards();
        let names: Vec<_> = cards.iter().map(|card| card.name.clone()).collect();
        let wanted =
            |card: &Self| card.name == name || (name == built_in::NAME && card.is_built_in());
        cards.into_iter().find(wanted).ok_or_else(|| ModelError::Unknown {
            name: name.escape_debug().to_string(),
            known: names.join(", "),
        })
    }

    /// Where the file is kept unless a card beside it says otherwise: `$FIELDTUNE_MODELS`, else `fieldtune/models` in
    /// the user's data folder.
    pub fn folder() -> PathBuf {
        if let Some(folder) = std::env::var_os("FIELDTUNE_MODELS") {
            return PathBuf::from(folder);
        }
        let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).unwrap_or_else(|| {
            PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".local/share")
        });
        data.join("fieldtune").join("models")
    }
}

/// Reads a network's ONNX file, of at most [`MAX_MODEL_BYTES`], see [`read_network`].
///
/// # Errors
/// [`ModelError::File`].
pub fn read_limited(path: &Path, advice: &str) -> Result<Vec<u8>, ModelError> {
    let file = |error| ModelError::File {
        path: path.display().to_string(),
        error,
        advice: advice.to_owned(),
    };
    bounded::read(path, MAX_MODEL_BYTES).map_err(file)
}

/// A text as TOML has it, on one line.
pub fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// 64 hexadecimal digits.
pub fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash_from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// File name and text of every card in `models/`.
const CARDS: &[(&str, &str)] = &[
    ("mobilenetv2-12.toml", include_str!("../../models/mobilenetv2-12.toml")),
    ("mobilenetv2-12-qdq.toml", include_str!("../../models/mobilenetv2-12-qdq.toml")),
    ("efficientnet-lite4-11.toml", include_str!("../../models/efficientnet-lite4-11.toml")),
    ("resnet18-v1-7.toml", include_str!("../../models/resnet18-v1-7.toml")),
    ("resnet50-v1-12.toml", include_str!("../../models/resnet50-v1-12.toml")),
    ("squeezenet1.1-7.toml", include_str!("../../models/squeezenet1.1-7.toml")),
];

#[cfg(test)]
mod tests;
