//! `--sheet`: what was taught, to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;

use super::args::store::Session;
use super::output::{refuse_store, write_whole};
use super::sheet::{self, MOST, Section, Tile};
use super::{Exit, Failed};
use crate::image::picture;
use crate::learn::command::ExampleSummary;
use crate::learn::decision::{Doubt, Suspect};
use crate::learn::examples::Neighbour;
use crate::learn::head::{ClassId, ExampleId};
use crate::learn::learner::Learner;
use crate::protocol::people;
use crate::store::Store as _;

/// Gives the kept images, JPEG files, of these examples, as many as have one.
pub(super) type ImagesOf<'a> =
    dyn FnMut(&[ExampleId]) -> anyhow::Result<BTreeMap<ExampleId, Vec<u8>>> + 'a;

/// Neighbours of a suspect that stand beside it.
const NEIGHBOURS: usize = 3;

/// All of them by class, those that are doubted marked.
pub(super) fn of_examples(
    file: &Path,
    learner: &Learner,
    images: &mut ImagesOf<'_>,
    examples: &[ExampleSummary],
) -> anyhow::Result<()> {
    let shown = &examples[..examples.len().min(MOST)];
    if shown.len() < examples.len() {
        eprintln!("the sheet shows the first {MOST} of {} examples", examples.len());
    }
    let ids: Vec<ExampleId> = shown.iter().map(|example| example.id).collect();
    let mut images = images(&ids)?;
    let suspects = learner.estimate().map_or(&[][..], |estimate| &estimate.suspects);
    let mut marks = BTreeSet::new();
    let mut classes: BTreeMap<&str, Vec<Tile>> = BTreeMap::new();
    for example in shown {
        let look = learner.examples().get(example.id).map_or(0, |one| one.group.0);
        let suspect = suspects.iter().find(|suspect| suspect.example == example.id);
        let mark = suspect.map(|suspect| suspect.doubt);
        marks.extend(mark.map(people::doubt));
        let doubt = example.doubt.as_ref().zip(mark);
        let doubt = doubt.map(|((class, _), doubt)| format!("{} {class}", people::doubt(doubt)));
        let words = [Some(format!("{} look {look}", example.id.0)), doubt];
        classes.entry(&example.class).or_default().push(Tile {
            image: images.remove(&example.id),
            words: words.into_iter().flatten().collect(),
            mark,
        });
    }
    let section = |(class, tiles): (&str, Vec<Tile>)| {
        let heading = format!("{class}: {}", tiles.len());
        Section { heading, tiles }
    };
    let sections = legend(&marks).into_iter().chain(classes.into_iter().map(section));
    save(file, &sections.collect::<Vec<_>>())
}

/// What the frames of these marks mean, above everything.
fn legend(marks: &BTreeSet<&str>) -> Vec<Section> {
    [(Doubt::WrongLabel, "red"), (Doubt::Hard, "blue")]
        .into_iter()
        .filter(|(doubt, _)| marks.contains(people::doubt(*doubt)))
        .map(|(doubt, colour)| {
            let (word, meaning) = (people::doubt(doubt), people::doubt_meaning(doubt));
            Section { heading: format!("{colour}, {word}: {meaning}"), tiles: Vec::new() }
        })
        .collect()
}

/// Each with those that are nearest to it.
pub(super) fn of_suspects(
    file: &Path,
    learner: &Learner,
    images: &mut ImagesOf<'_>,
    suspects: &[Suspect],
) -> anyhow::Result<()> {
    if suspects.is_empty() {
        eprintln!("note: no example is contradicted by the others: no sheet was written");
        return Ok(());
    }
    let near = |id: ExampleId| -> Vec<ExampleId> {
        let examples = learner.examples();
        let Some(own) = examples.get(id) else { return Vec::new() };
        let feature = own.widened();
        let of = |class: &ClassId| examples.nearest_of(*class, &feature, NEIGHBOURS + 1);
        let mut others: Vec<Neighbour> = learner.classes().keys().flat_map(of).collect();
        others.retain(|other| other.example != id);
        others.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
        others.into_iter().take(NEIGHBOURS).map(|other| other.example).collect()
    };
    let rows: Vec<(&Suspect, Vec<ExampleId>)> =
        suspects.iter().take(50).map(|one| (one, near(one.example))).collect();
    let ids: Vec<ExampleId> =
        rows.iter().flat_map(|(one, near)| [one.example].into_iter().chain(near.clone())).collect();
    let class = |id: ExampleId| {
        let example = learner.examples().get(id);
        example.map_or_else(String::new, |one| learner.classes()[&one.class].to_string())
    };
    let named: Vec<_> = rows
        .iter()
        .map(|(one, near)| {
            let says = learner.classes().get(&one.taken_for).map(ToString::to_string);
            let heading = format!(
                "{}: example {} is {}, the others say {}; its nearest neighbours beside it",
                people::doubt(one.doubt),
                one.example.0,
                class(one.example),
                says.unwrap_or_default()
            );
            let ids = [one.example].into_iter().chain(near.iter().copied());
            (heading, one.doubt, ids.map(|id| (id, class(id))).collect::<Vec<_>>())
        })
        .collect();
    let images = images(&ids)?;
    let marks = rows.iter().map(|(one, _)| people::doubt(one.doubt)).collect();
    let rows = named.into_iter().map(|(heading, doubt, ids)| {
        let tile = |(place, (id, class)): (usize, (ExampleId, String))| Tile {
            image: images.get(&id).cloned(),
            words: vec![id.0.to_string(), class],
            mark: (place == 0).then_some(doubt),
        };
        Section { heading, tiles: ids.into_iter().enumerate().map(tile).collect() }
    });
    save(file, &legend(&marks).into_iter().chain(rows).collect::<Vec<_>>())
}

/// Those of a store.
pub(super) fn images_in(
    mut session: Session,
) -> impl FnMut(&[ExampleId]) -> anyhow::Result<BTreeMap<ExampleId, Vec<u8>>> {
    move |ids| {
        let mut images = BTreeMap::new();
        let mut add = |id, file: &[u8]| drop(images.insert(id, file.to_vec()));
        session.store_mut().images(Some(ids), &mut add)?;
        Ok(images)
    }
}

fn save(file: &Path, sections: &[Section]) -> anyhow::Result<()> {
    refuse_store(file)?;
    write_whole(file, &picture::png(&sheet::draw(sections))).context(Failed(Exit::Device))
}
