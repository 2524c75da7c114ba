use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use half::f16;

use super::{CommandError, CommandResult, Reply};
use crate::learn::examples::{Example, ImageMark, Images, StoredFeature};
use crate::learn::head::{self, ClassId, ExampleId, GroupId};
use crate::learn::learner::{Change, ClassName, LearnError, Learner};

/// Learns what was learned elsewhere with the same backbone, beside what was learned here.
///
/// Examples with the same feature are one example: of the class whose name comes first in the alphabet, with the earlier
/// time, and with views and an image where one has them. Descriptions are one where class and words are the same. Groups that have such an example in common are one group; all
/// others stay apart. So what several devices learned can be put together in any order, and any number of times, with the
/// same result. The head and the thresholds stay those of this device.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// All classes, those without examples too.
    pub classes: BTreeSet<ClassName>,
    /// The examples with their classes, a list for each place they come from; their ids and class ids mean nothing here,
    /// their groups something among those of the same list.
    pub packs: Vec<Vec<(ClassName, Example)>>,
    /// Images of the examples, as many as came with them.
    pub images: Images,
}

/// What two equal examples have in common: the bits of a feature, and of a description the class and the words.
type Content = (Vec<u16>, Option<(ClassName, String)>);

/// What is known of a content.
struct Known {
    /// Where it stands in [`Groups`].
    place: usize,
    class: ClassName,
    example: Example,
    /// Those of this device that have it, the oldest first.
    here: Vec<ExampleId>,
    /// Not everybody calls it the same.
    disputed: bool,
}

impl Known {
    /// Takes in what else is known of the same content; the order in which that is done makes no difference.
    fn add(&mut self, class: ClassName, example: Example) {
        self.disputed |= class != self.class;
        if class < self.class {
            self.class = class;
        }
        let Example { taught, origin, views, image, patches, .. } = example;
        // The same content has the same, where it has any.
        self.example.patches = self.example.patches.take().or(patches);
        if (taught, &origin) < (self.example.taught, &self.example.origin) {
            (self.example.taught, self.example.origin) = (taught, origin);
        }
        // More are better than few, and one is better than none; between equals either device chooses the same.
        let rank = |views: &[StoredFeature]| {
            let bits = views.iter().map(|view| bits(view)).collect::<Vec<_>>();
            (Reverse(bits.len()), bits)
        };
        if rank(&views) < rank(&self.example.views) {
            self.example.views = views;
        }
        let rank = |mark: Option<ImageMark>| mark.map(|mark| (mark.bytes, Reverse(mark.hash)));
        if rank(image) > rank(self.example.image) {
            self.example.image = image;
        }
    }
}

/// Which contents are of one group: those that are in any place, and those that have one of them in common.
#[derive(Default)]
struct Groups {
    /// For each content another of its group, itself where it stands for all.
    joined: Vec<usize>,
}

impl Groups {
    /// A content that is in no group yet.
    fn add(&mut self) -> usize {
        self.joined.push(self.joined.len());
        self.joined.len() - 1
    }

    /// The content that stands for the group.
    fn of(&mut self, mut place: usize) -> usize {
        while self.joined[place] != place {
            self.joined[place] = self.joined[self.joined[place]];
            place = self.joined[place];
        }
        place
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.joined[a.max(b)] = a.min(b);
    }
}

/// What is known of all contents, wherever it comes from.
#[derive(Default)]
struct Together {
    known: BTreeMap<Content, Known>,
    groups: Groups,
}

impl Together {
    /// Takes in what one place has.
    ///
    /// * `here`: it is this device.
    fn add(&mut self, examples: impl Iterator<Item = (ClassName, Example)>, here: bool) {
        let mut first: BTreeMap<GroupId, usize> = BTreeMap::new();
        for (class, example) in examples {
            let (id, group) = (example.id, example.group);
            let known = match self.known.entry(content(&class, &example)) {
                Entry::Occupied(there) => {
                    let known = there.into_mut();
                    known.add(class, example);
                    known
                }
                Entry::Vacant(free) => {
                    let (place, here) = (self.groups.add(), Vec::new());
                    free.insert(Known { place, class, example, here, disputed: false })
                }
            };
            if here {
                known.here.push(id);
            }
            match first.entry(group) {
                Entry::Occupied(other) => self.groups.join(*other.get(), known.place),
                Entry::Vacant(free) => drop(free.insert(known.place)),
            }
        }
    }
}

impl Merge {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        for (_, example) in self.packs.iter().flatten() {
            head::check_feature(learner.dim(), &example.widened()).map_err(LearnError::from)?;
        }
        let given = self.packs.iter().map(Vec::len).sum::<usize>();
        let mut together = Together::default();
        let of_this_device = learner.examples().iter();
        let named = of_this_device.map(|one| (learner.classes()[&one.class].clone(), one.clone()));
        together.add(named, true);
        for pack in self.packs {
            together.add(pack.into_iter(), false);
        }
        let Together { known, mut groups } = together;
        // A group that is here keeps its number.
        let mut numbers: BTreeMap<usize, GroupId> = BTreeMap::new();
        for known in known.values() {
            let of_here = known.here.iter().filter_map(|&id| learner.examples().get(id));
            if let Some(group) = of_here.map(|example| example.group).min() {
                let number = numbers.entry(groups.of(known.place)).or_insert(group);
                *number = group.min(*number);
            }
        }
        let (ClassId(mut next_class), _) = learner.next_ids();
        let mut classes: BTreeMap<ClassName, ClassId> =
            learner.classes().iter().map(|(&id, name)| (name.clone(), id)).collect();
        let mut new_classes = Vec::new();
        let mut changes = Vec::new();
        for name in self.classes {
            if let Entry::Vacant(place) = classes.entry(name.clone()) {
                place.insert(ClassId(next_class));
                changes.push(Change::AddClass(ClassId(next_class), name.clone()));
                new_classes.push(name.to_string());
                next_class += 1;
            }
        }
        let only = classes.values().next().filter(|_| classes.len() == 1);
        let mut room = only.map_or(0, |&class| learner.patch_room(class));
        let mut added = Vec::new();
        let (mut disputes, mut repeated) = (0, 0);
        for known in known.into_values() {
            let Known { place, class, mut example, here, disputed } = known;
            let group = groups.of(place);
            disputes += usize::from(disputed);
            repeated += here.len().saturating_sub(1);
            let class = *classes.get(&class).ok_or(LearnError::NoClass(ClassId(next_class)))?;
            let kept = here.first().and_then(|&id| learner.examples().get(id));
            let id = example.id;
            example.id = kept.map_or(id, |kept| kept.id);
            example.class = kept.map_or(class, |kept| kept.class);
            example.group = numbers.get(&group).copied().unwrap_or_default();
            if let Some(patches) = kept.and_then(|kept| kept.patches.clone()) {
                example.patches = Some(patches);
            } else {
                example.patches = example.patches.filter(|patches| patches.bytes() <= room);
                room -= example.patches.as_ref().map_or(0, |patches| patches.bytes());
            }
            if kept == Some(&example) {
                if example.class != class {
                    changes.push(Change::Relabel(example.id, class));
                }
                changes.extend(here.iter().skip(1).copied().map(Change::RemoveExample));
            } else {
                // It is another one in part, and an id means one thing for ever.
                changes.extend(here.iter().copied().map(Change::RemoveExample));
                example.class = class;
                added.push((here.is_empty(), group, example));
            }
        }
        self::fits(learner, &changes, &added)?;
        added.sort_by(|(_, _, a), (_, _, b)| {
            (a.taught, &a.origin, bits(&a.feature)).cmp(&(b.taught, &b.origin, bits(&b.feature)))
        });
        let new = added.iter().filter(|(new, ..)| *new).count();
        let (_, ExampleId(first)) = learner.next_ids();
        changes.extend(added.into_iter().zip(first..).map(|((_, group, example), id)| {
            let group = *numbers.entry(group).or_insert(GroupId(id));
            Change::AddExample(Example { id: ExampleId(id), group, ..example })
        }));
        let made = if changes.is_empty() { Vec::new() } else { learner.change(changes)? };
        let reply = Reply::Merged {
            classes: new_classes,
            added: new,
            known: given - new,
            disputed: disputes,
            repeated,
        };
        Ok((reply, made))
    }
}

fn content(class: &ClassName, example: &Example) -> Content {
    let words = example.described.then(|| (class.clone(), example.origin.clone()));
    (bits(&example.feature), words)
}

fn bits(feature: &[f16]) -> Vec<u16> {
    feature.iter().map(|value| value.to_bits()).collect()
}

/// Nothing has to make room: what is put together in another order would lose another example.
fn fits(
    learner: &Learner,
    changes: &[Change],
    added: &[(bool, usize, Example)],
) -> Result<(), CommandError> {
    let gone = changes.iter().filter_map(|change| match change {
        Change::RemoveExample(id) => learner.examples().get(*id).map(Example::bytes),
        _ => None,
    });
    let gone: usize = gone.sum();
    let new: usize = added.iter().map(|(.., example)| example.bytes()).sum();
    let (wanted, budget) = (learner.examples().bytes() - gone + new, learner.examples().budget());
    if wanted > budget { Err(CommandError::TooMuch { wanted, budget }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;
    use crate::learn::examples::{Examples, narrowed};
    use crate::learn::head::{HeadConfig, HeadKind};

    fn learner(budget: usize) -> Learner {
        Learner::new(2, HeadConfig::of(HeadKind::Prototype), budget).expect("valid settings")
    }

    fn example(feature: [f32; 2], taught: u64, image: Option<u8>) -> Example {
        Example {
            id: ExampleId(77),
            class: ClassId(77),
            taught: Timestamp(taught),
            origin: format!("at {taught}"),
            group: GroupId(taught),
            feature: narrowed(&feature),
            views: Vec::new(),
            image: image.map(|byte| ImageMark { bytes: 3, hash: [byte; 16] }),
            patches: None,
            described: false,
        }
    }

    fn merge(learner: &mut Learner, examples: &[(&str, Example)]) -> Result<Reply, CommandError> {
        let name = |name: &str| ClassName::new(name).expect("valid");
        let classes = examples.iter().map(|(class, _)| name(class)).collect();
        let examples =
            examples.iter().map(|(class, example)| (name(class), example.clone())).collect();
        Merge { classes, packs: vec![examples], images: Images::new() }
            .apply(learner)
            .map(|(reply, _)| reply)
    }

    #[test]
    fn duplicates_are_kept_once_from_any_source() {
        let mut device = learner(Examples::DEFAULT_BUDGET);
        let first = [("good", example([1.0, 0.0], 5, None)), ("bad", example([0.0, 1.0], 6, None))];
        let reply = merge(&mut device, &first).expect("there is room");
        let wanted = |classes: &[&str], added, known, disputed| Reply::Merged {
            classes: classes.iter().map(|&class| class.to_owned()).collect(),
            added,
            known,
            disputed,
            repeated: 0,
        };
        assert_eq!(reply, wanted(&["bad", "good"], 2, 0, 0));
        assert_eq!(merge(&mut device, &first), Ok(wanted(&[], 0, 2, 0)));
        assert_eq!(device.undo_steps().len(), 1, "nothing was done the second time");

        // Another class, a thumbnail, an earlier time.
        let second = [("bad", example([1.0, 0.0], 3, Some(9)))];
        assert_eq!(merge(&mut device, &second), Ok(wanted(&[], 0, 1, 1)));
        let all: Vec<_> = device.examples().iter().collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[1].taught, all[1].origin.as_str()), (Timestamp(3), "at 3"));
        assert_eq!(all[1].image.map(|mark| mark.hash[0]), Some(9));
        assert_eq!(device.classes()[&all[1].class].as_str(), "bad");
        device.undo().expect("it can be taken back").expect("there is a step");
        let all: Vec<_> = device.examples().iter().map(|example| example.taught.0).collect();
        assert_eq!(all, [5, 6]);

        // What one device holds twice is told when it becomes one, and so is a dispute between two others.
        let mut twice = learner(Examples::DEFAULT_BUDGET);
        for (class, taught) in [(ClassId(0), 5), (ClassId(1), 7)] {
            let name = ClassName::new(if class.0 == 0 { "good" } else { "bad" }).expect("valid");
            let id = ExampleId(taught);
            let example = Example { id, class, ..example([1.0, 0.0], taught, None) };
            let changes = vec![Change::AddClass(class, name), Change::AddExample(example)];
            twice.change(changes).expect("there is room");
        }
        let reply = merge(&mut twice, &first[1..]).expect("there is room");
        assert!(
            matches!(reply, Reply::Merged { added: 1, disputed: 1, repeated: 1, .. }),
            "{reply:?}"
        );
        let others = [first[0].clone(), second[0].clone()];
        let reply = merge(&mut learner(Examples::DEFAULT_BUDGET), &others).expect("there is room");
        assert!(
            matches!(reply, Reply::Merged { added: 1, known: 1, disputed: 1, .. }),
            "{reply:?}"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_makes_room() {
        let one = example([1.0, 0.0], 5, None).bytes();
        let mut device = learner(one);
        merge(&mut device, &[("good", example([1.0, 0.0], 5, None))]).expect("it fits");
        let refused = merge(&mut device, &[("good", example([0.0, 1.0], 5, None))]);
        assert_eq!(refused, Err(CommandError::TooMuch { wanted: 2 * one, budget: one }));
        assert_eq!(device.examples().len(), 1);
        let mut short = example([1.0, 0.0], 5, None);
        short.feature = short.feature[..1].into();
        assert!(matches!(merge(&mut device, &[("good", short)]), Err(CommandError::Learn(_))));
        let mut nan = example([1.0, 0.0], 5, None);
        nan.feature = [half::f16::NAN, half::f16::ONE].into();
        assert!(matches!(merge(&mut device, &[("good", nan)]), Err(CommandError::Learn(_))));
    }
}
