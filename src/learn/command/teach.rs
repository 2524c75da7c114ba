use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::sync::Arc;

use super::{Accuracy, CommandResult, Reply, class_or_new, name_of, removed};
use crate::image::frame::Timestamp;
use crate::learn::decision::Verdict;
use crate::learn::examples::{Example, ImageMark, Images, MAX_VIEWS, narrowed};
use crate::learn::head::{self, ClassId, ExampleId, GroupId};
use crate::learn::learner::{Change, LearnError, Learner};
use crate::learn::patches::Patches;

/// Learns examples of a class, all or none; a name that was not used makes a new class.
#[derive(Debug, Clone, PartialEq)]
pub struct TeachExamples {
    /// The class's name.
    pub class: String,
    /// At least one.
    pub examples: Vec<NewExample>,
}

/// What is to be learned from one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct NewExample {
    /// `[dim]`, finite.
    pub feature: Vec<f32>,
    /// `[views][dim]`, finite: features of the same image darker, noisy, blurred, turned; at most [`MAX_VIEWS`].
    pub views: Vec<Vec<f32>>,
    /// Where it came from.
    pub origin: String,
    /// A JPEG for people to look at, and to learn from again with another backbone.
    pub image: Option<Vec<u8>>,
    /// Examples of one command with the same number are one group ([`Example::group`]): one look at one part.
    pub burst: u32,
    /// The group of what was taught before, where this is one look with it; then those of its burst are, too.
    pub joins: Option<GroupId>,
    /// What was seen at the places of the frame, see [`Patches::of_maps`]; kept where no other class is taught.
    pub patches: Option<Arc<Patches>>,
    /// Whether it is a description, see [`Example::described`].
    pub described: bool,
}

impl NewExample {
    /// Without views and image; all such of one command are one group.
    ///
    /// * `feature`: `[dim]`, finite.
    pub fn new(feature: Vec<f32>, origin: &str) -> Self {
        Self {
            feature,
            views: Vec::new(),
            origin: origin.to_owned(),
            image: None,
            burst: 0,
            joins: None,
            patches: None,
            described: false,
        }
    }

    /// A description in words, see [`Example::described`].
    ///
    /// * `feature`: `[dim]`, finite: that of the words, of a network that puts words and images into one space.
    pub fn described(feature: Vec<f32>, words: &str) -> Self {
        Self { described: true, ..Self::new(feature, &format!("words: {words}")) }
    }
}

/// Frames that are taught as one class and were all classified as another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenFor {
    /// What they are taught as.
    pub class: String,
    /// What they were classified as.
    pub other: String,
    /// How many.
    pub frames: usize,
}

impl TakenFor {
    /// Whether all frames are classified as one other class before they are taught: who teaches does not mean to, or the
    /// class is hard to tell. `None` also for a frame or two that are not classified with confidence.
    ///
    /// * `class`: what they are to be taught as; `verdicts`: of each.
    pub fn of(class: ClassId, verdicts: &[Verdict], learner: &Learner) -> Option<Self> {
        const MANY: usize = 3;
        const CONFIDENT: f32 = 0.9;
        let frames = verdicts.len();
        let other = verdicts.first()?.class.filter(|&other| other != class)?;
        let confidence: f32 = verdicts.iter().map(|verdict| verdict.confidence).sum();
        let is_sure = frames >= MANY || confidence >= CONFIDENT * frames as f32;
        let is_same = verdicts.iter().all(|verdict| verdict.class == Some(other));
        let (class, other) = (name_of(learner, class), name_of(learner, other));
        (is_sure && is_same).then_some(Self { class, other, frames })
    }
}

impl Display for TakenFor {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { other, frames, .. } = self;
        match frames {
            1 => write!(f, "before this it was classified as {other}; undo if that is right"),
            _ => write!(
                f,
                "before this all {frames} were classified as {other}; undo if that is right"
            ),
        }
    }
}

impl TeachExamples {
    pub(super) fn images(&self) -> Images {
        let images = self.examples.iter().filter_map(|example| example.image.clone());
        images.map(|image| (ImageMark::of(&image), image)).collect()
    }

    /// What its frames are classified as before they are taught. The same again ([`NewExample::joins`]) says nothing about
    /// other frames, and is left out; so is what cannot be classified, which is refused when it is taught.
    pub fn verdicts(&self, learner: &Learner) -> Vec<Verdict> {
        let new = self.examples.iter().filter(|example| example.joins.is_none());
        let verdict = |example: &NewExample| {
            learner.classify_with(&example.feature, example.patches.as_deref()).ok().flatten()
        };
        new.filter_map(verdict).collect()
    }

    /// See [`TakenFor::of`].
    pub fn taken_for(&self, learner: &Learner) -> Option<TakenFor> {
        let class = learner.class_named(self.class.trim_start_matches('+'))?;
        // There has to be another.
        if learner.classes().len() < 2 {
            return None;
        }
        TakenFor::of(class, &self.verdicts(learner), learner)
    }

    pub(super) fn apply(self, learner: &mut Learner, now: Timestamp) -> CommandResult {
        if self.examples.is_empty() {
            return Err(super::CommandError::Nothing { command: "teach" });
        }
        let (class, new) = class_or_new(learner, &self.class)?;
        let new_class = new.is_some();
        let (_, ExampleId(first)) = learner.next_ids();
        let mut changes = Vec::from_iter(new);
        let mut examples = Vec::with_capacity(self.examples.len());
        // A group has the id of its first example.
        let joining =
            self.examples.iter().filter_map(|example| Some((example.burst, example.joins?)));
        let mut groups: BTreeMap<u32, GroupId> = joining.collect();
        let mut room = learner.patch_room(class);
        for (example, id) in self.examples.into_iter().zip(first..) {
            let got = example.views.len();
            if got > MAX_VIEWS {
                return Err(LearnError::TooManyViews { got }.into());
            }
            // Checked here, since narrowing to f16 would hide an infinity.
            for feature in [&example.feature].into_iter().chain(&example.views) {
                head::check_feature(learner.dim(), feature).map_err(LearnError::from)?;
            }
            examples.push(ExampleId(id));
            let patches = example.patches.map(|patches| patches.kept());
            let patches = patches.filter(|patches| patches.bytes() <= room);
            room -= patches.as_ref().map_or(0, |patches| patches.bytes());
            changes.push(Change::AddExample(Example {
                id: ExampleId(id),
                class,
                group: *groups.entry(example.burst).or_insert(GroupId(id)),
                taught: now,
                origin: example.origin,
                feature: narrowed(&example.feature),
                views: example.views.iter().map(|view| narrowed(view)).collect(),
                image: example.image.as_deref().map(ImageMark::of),
                patches,
                described: example.described,
            }));
        }
        let made = learner.change(changes)?;
        let reply = Reply::Taught {
            class: name_of(learner, class),
            examples,
            count: learner.examples().count(class),
            new_class,
            evicted: removed(&made),
            estimate: Accuracy::of(learner),
        };
        Ok((reply, made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::head::HeadConfig;

    fn teach(class: &str, at: [f32; 2], frames: usize) -> TeachExamples {
        let example = |frame| NewExample {
            burst: frame as u32,
            ..NewExample::new(vec![at[0] + 0.01 * frame as f32, at[1], 1.0], "")
        };
        TeachExamples { class: class.to_owned(), examples: (0..frames).map(example).collect() }
    }

    #[test]
    fn frames_that_were_all_classified_as_another_class_are_told() {
        let mut learner = Learner::new(3, HeadConfig::default(), 1 << 20).expect("it is sound");
        let told = |learner: &Learner, teach: TeachExamples| {
            teach.taken_for(learner).map(|one| one.to_string())
        };
        for (class, at) in [("good", [5.0, 0.0]), ("dent", [0.0, 5.0])] {
            assert_eq!(told(&learner, teach(class, at, 5)), None, "a new class");
            teach(class, at, 5).apply(&mut learner, Timestamp(0)).expect("there is room");
        }
        let wanted = "before this all 5 were classified as dent; undo if that is right";
        assert_eq!(told(&learner, teach("good", [0.0, 5.0], 5)).as_deref(), Some(wanted));
        assert_eq!(told(&learner, teach("good", [5.0, 0.0], 5)), None);
        // One among them that was classified right.
        let mut mixed = teach("good", [0.0, 5.0], 5);
        mixed.examples.extend(teach("good", [5.0, 0.0], 1).examples);
        assert_eq!(told(&learner, mixed), None);
        // The same again.
        let mut again = teach("good", [0.0, 5.0], 5);
        again.examples.iter_mut().for_each(|example| example.joins = Some(GroupId(1)));
        assert_eq!(told(&learner, again), None);
    }
}
