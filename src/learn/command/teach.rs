use std::collections::BTreeMap;

use super::{Outcome, Reply, accuracy, class_or_new, name_of, removed};
use crate::image::frame::Timestamp;
use crate::learn::examples::{Example, ImageMark, Images, MAX_VIEWS, narrowed};
use crate::learn::head::{self, ExampleId, GroupId};
use crate::learn::learner::{Change, LearnError, Learner};

/// Learns examples of a class, all or none; a name that was not used makes a new class.
#[derive(Debug, Clone, PartialEq)]
pub struct Teach {
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
        }
    }
}

impl Teach {
    pub(super) fn images(&self) -> Images {
        let images = self.examples.iter().filter_map(|example| example.image.clone());
        images.map(|image| (ImageMark::of(&image), image)).collect()
    }

    pub(super) fn apply(self, learner: &mut Learner, now: Timestamp) -> Outcome {
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
            changes.push(Change::AddExample(Example {
                id: ExampleId(id),
                class,
                group: *groups.entry(example.burst).or_insert(GroupId(id)),
                taught: now,
                origin: example.origin,
                feature: narrowed(&example.feature),
                views: example.views.iter().map(|view| narrowed(view)).collect(),
                image: example.image.as_deref().map(ImageMark::of),
            }));
        }
        let made = learner.change(changes)?;
        let reply = Reply::Taught {
            class: name_of(learner, class),
            examples,
            count: learner.examples().count(class),
            new_class,
            evicted: removed(&made),
            estimate: accuracy(learner),
        };
        Ok((reply, made))
    }
}
