//! Regions of interest, and the questions that are asked about each, as text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::MAX_REGIONS;
use super::checks::word;
use super::senses::{CAMERA, Sense};
use crate::image::frame::{MAX_SIDE, Region};

/// What a question is about that is about no region, but about all of a frame.
const FRAME: &str = "frame";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegion {
    pixels: Option<[u32; 4]>,
    fractions: Option<[f32; 4]>,
    /// Regions that name the same head share it.
    head: Option<String>,
}

/// What a board looks at.
pub(super) struct Looks {
    pub(super) regions: BTreeMap<String, Region>,
    /// By region, the head that it shares.
    pub(super) heads: BTreeMap<String, String>,
    pub(super) senses: BTreeMap<String, Sense>,
}

/// The regions, and each question as a region of its own that looks at the same part.
///
/// * `questions`: by name, the region that each is about, or `frame`.
pub(super) fn check(
    regions: BTreeMap<String, RawRegion>,
    questions: BTreeMap<String, String>,
    senses: BTreeMap<String, Sense>,
) -> Result<Looks, String> {
    let count = regions.len() + questions.len() + senses.len();
    if count > MAX_REGIONS {
        return Err(format!("regions: got {count}, wanted at most {MAX_REGIONS}"));
    }
    let named = regions.keys().map(|name| ("regions", name));
    let named = named.chain(questions.keys().map(|name| ("questions", name)));
    let named = named.chain(senses.keys().map(|name| ("senses", name)));
    let mut names = BTreeSet::new();
    if !senses.is_empty() {
        names.insert(CAMERA.to_owned());
    }
    for (key, name) in named {
        // Their stores would be one file where a file system ignores the size of letters.
        if !names.insert(name.to_lowercase()) {
            let what = match name.to_lowercase() == CAMERA {
                true => "beside senses this is the name of the camera",
                false => "another one has this name, or differs by the size of its letters only",
            };
            return Err(format!("{key}.{name}: {what}"));
        }
    }
    let mut heads = BTreeMap::new();
    for (region, head) in regions.iter().filter_map(|(name, raw)| Some((name, raw.head.as_ref()?)))
    {
        word(&format!("regions.{region}.head"), head)?;
        if names.contains(&head.to_lowercase()) {
            let what = "wanted a name that no region and no question has";
            return Err(format!("regions.{region}.head: got \"{head}\", {what}"));
        }
        // As above.
        let alike = |other: &&String| other.to_lowercase() == head.to_lowercase() && *other != head;
        if let Some(other) = heads.values().find(alike) {
            let what = format!("got \"{head}\" beside \"{other}\", wanted one spelling");
            return Err(format!("regions.{region}.head: {what}"));
        }
        heads.insert(region.clone(), head.clone());
    }
    let regions = regions.into_iter().map(|(name, raw)| region(name, &raw));
    let regions = regions.collect::<Result<BTreeMap<String, Region>, String>>()?;
    let mut all = regions.clone();
    for (name, about) in questions {
        word("questions", &name)?;
        let region = match regions.get(&about) {
            Some(region) => *region,
            None if about == FRAME => Region::Whole,
            None => {
                let known = regions.keys().map(String::as_str).chain([FRAME]);
                let known: Vec<&str> = known.collect();
                return Err(format!(
                    "questions.{name}: got \"{}\", wanted the region it is about: {}",
                    about.escape_debug(),
                    known.join(", ")
                ));
            }
        };
        all.insert(name, region);
    }
    Ok(Looks { regions: all, heads, senses })
}

fn region(name: String, raw: &RawRegion) -> Result<(String, Region), String> {
    word("regions", &name)?;
    let region = match (raw.pixels, raw.fractions) {
        (Some([x, y, width, height]), None) => Region::Pixels { x, y, width, height },
        (None, Some([x, y, width, height])) => Region::Fractions { x, y, width, height },
        _ => return Err(format!("regions.{name}: wanted either pixels or fractions")),
    };
    // Pixels may reach as far as the largest frame; whether they fit the camera's is seen when there is one.
    let largest = match region {
        Region::Pixels { .. } => (MAX_SIDE, MAX_SIDE),
        _ => (1000, 1000),
    };
    let resolved = region.resolve(largest.0, largest.1);
    resolved.map_err(|_| {
        format!(
            "regions.{name}: got {region}, wanted x, y, width, height: not empty, inside the frame"
        )
    })?;
    Ok((name, region))
}
