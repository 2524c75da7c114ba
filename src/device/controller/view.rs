//! A part of every frame; which of several a request means.

use std::borrow::Cow;

use super::drift::RegionDrift;
use super::history::{History, Past};
use super::stillness::Stillness;
use super::{Effects, Seen, Station, ViewLearner};
use crate::backbone::FeatureSource;
use crate::board::policy::RegionPrediction;
use crate::image::frame::{Frame, FrameError, Region, Timestamp};
use crate::image::locate::{PartPlace, PartTemplate};
use crate::learn::decision::Smoother;
use crate::learn::engine::{Engine, EngineError, FrameResult};
use crate::learn::patches::FrameFeatures;
use crate::protocol::log::Level;
use crate::protocol::request::{Classification, Of, Refused, Request};
use crate::store::{Store, followed};

/// A part of every frame.
#[derive(Debug)]
pub struct View {
    name: Option<String>,
    region: Region,
    /// What the region follows, and where that was last.
    template: Option<PartTemplate>,
    placed: Option<PartPlace>,
    /// Whether its store holds that.
    is_kept: bool,
    /// Which of the station's learners it is classified by.
    pub(super) learner: usize,
    /// Where its frames come from: 0 is the camera.
    pub(super) source: usize,
    smoother: Smoother,
    /// Of what was learned, when the smoother began.
    revision: u64,
    /// How much frames differ where nothing moves.
    pub(super) stillness: Stillness,
    /// The frames that were classified last.
    pub(super) history: History,
    /// Whether what comes in still looks like what was taught.
    pub(super) drift: RegionDrift,
    /// Why the latest frame could not be classified: reported once.
    pub(super) trouble: Option<String>,
}

impl View {
    /// * `name`: the region's in the board file, where it has one.
    /// * `learner`: by which of the station's learners it is classified, counted from 0.
    pub fn new(name: Option<&str>, region: Region, learner: usize) -> Self {
        Self {
            name: name.map(str::to_owned),
            region,
            template: None,
            placed: None,
            is_kept: true,
            learner,
            source: 0,
            smoother: Smoother::new(1),
            revision: 0,
            stillness: Stillness::default(),
            history: History::new(1),
            drift: RegionDrift::default(),
            trouble: None,
        }
    }

    /// A part of the frames of another source than the camera.
    ///
    /// * `source`: counted from 1; 0 is the camera.
    #[must_use]
    pub fn of_source(mut self, source: usize) -> Self {
        self.source = source;
        self
    }

    /// Follows what it followed before the device was started.
    ///
    /// * `kept`: what the [setting](followed::setting) of its store holds.
    ///
    /// # Errors
    /// Why that is not followed, in words.
    pub fn follow_kept(&mut self, kept: &[u8]) -> Result<(), &'static str> {
        self.template = followed::from_bytes(kept, &self.region)?;
        Ok(())
    }

    /// The region's name, where it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Which of the station's learners it is classified by, counted from 0.
    pub fn learner(&self) -> usize {
        self.learner
    }

    /// Finds the part in a frame, if it follows one.
    pub(super) fn find(&mut self, frame: &Frame) {
        self.placed = self.template.as_ref().and_then(|template| template.find(frame));
    }

    /// The part lies where another view found it, which follows the same one.
    pub(super) fn find_with(&mut self, other: &View) {
        self.placed = other.placed;
    }

    /// Whether both follow the same part.
    pub(super) fn follows_as(&self, other: &View) -> bool {
        self.template.is_some() && self.template == other.template
    }

    /// What of a frame is looked at: the region, where the part was [found](View::find) in it if it follows one.
    ///
    /// # Errors
    /// [`FrameError::Region`].
    pub(super) fn part<'a>(&self, frame: &'a Frame) -> Result<Cow<'a, Frame>, FrameError> {
        match (&self.template, &self.placed) {
            (Some(template), Some(place)) if place.is_found() && !place.is_still() => {
                Ok(Cow::Owned(template.cut(frame, place)?))
            }
            _ => frame.region(&self.region),
        }
    }

    pub(super) fn template(&self) -> Option<&PartTemplate> {
        self.template.as_ref()
    }

    pub(super) fn placed(&self) -> Option<&PartPlace> {
        self.placed.as_ref()
    }

    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    pub(super) fn kept(&mut self) {
        self.is_kept = true;
    }

    /// The region follows that from now on.
    ///
    /// * `is_kept`: whether the store holds it.
    pub(super) fn follow(&mut self, template: Option<PartTemplate>, is_kept: bool) {
        (self.template, self.placed, self.is_kept) = (template, None, is_kept);
        self.smoother.reset();
        self.light_changed();
    }

    /// Classifies a part that was looked at.
    ///
    /// # Errors
    /// [`EngineError::Head`].
    pub(super) fn classify<S: FeatureSource>(
        &mut self,
        engine: &Engine<S>,
        FrameFeatures { feature, patches }: FrameFeatures,
        age_micros: u64,
    ) -> Result<FrameResult, EngineError> {
        if self.revision != engine.revision() {
            self.smoother.reset();
            self.revision = engine.revision();
        }
        let verdict = engine.learner().classify_with(&feature, patches.as_deref())?;
        let steady = verdict.as_ref().map(|verdict| self.smoother.step(verdict));
        Ok(FrameResult { verdict, steady, feature, patches, age_micros })
    }

    pub(super) fn region(&self) -> Region {
        self.region
    }

    /// Its region, and of which source.
    pub(super) fn looks_at(&self) -> (usize, Region) {
        (self.source, self.region)
    }

    /// Frames are looked at in another way: what was seen of earlier ones is not to be learned or compared.
    pub(super) fn light_changed(&mut self) {
        self.stillness = Stillness::default();
        self.history.clear();
        self.drift.reset();
    }

    pub(super) fn set_region(&mut self, region: Region) {
        self.region = region;
        self.smoother.reset();
        self.light_changed();
    }

    pub(super) fn set_smoothing(&mut self, frames: u32) {
        self.smoother = Smoother::new(frames);
    }

    pub(super) fn cannot_classify(&mut self, error: &EngineError, effects: &mut Effects) {
        let of = self.name().map(|name| format!("{name}: ")).unwrap_or_default();
        let trouble = format!("{of}frames cannot be classified: {error}");
        if self.trouble.as_ref() != Some(&trouble) {
            effects.note(Level::Error, trouble.clone());
            self.trouble = Some(trouble);
        }
    }
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// What was learned of a view.
    pub(super) fn learned(&self, place: usize) -> &ViewLearner<S, K> {
        &self.learners[self.views[place].learner]
    }

    /// As [`Station::learned`].
    pub(super) fn learned_mut(&mut self, place: usize) -> &mut ViewLearner<S, K> {
        &mut self.learners[self.views[place].learner]
    }

    /// The views of a learner see frames in another way, see [`View::light_changed`].
    pub(super) fn light_changed(&mut self, place: usize) {
        let learner = self.views[place].learner;
        let of_it = self.views.iter_mut().filter(|view| view.learner == learner);
        of_it.for_each(View::light_changed);
    }

    /// A region's verdict counts from now on, where there is one.
    pub(super) fn classified(
        &self,
        place: usize,
        step: &FrameResult,
        seen: Seen,
        now: Timestamp,
    ) -> Option<Classification> {
        let (view, verdict) = (&self.views[place], step.verdict.as_ref()?);
        let learned = self.learned(place);
        let steady = step.steady.map_or(verdict.class, |(class, _)| class);
        let class = steady.map(|class| learned.class(class));
        let likely = [Some((verdict.best, verdict.confidence)), verdict.runner_up];
        let likely: Vec<_> =
            likely.into_iter().flatten().map(|(class, p)| (learned.class(class), p)).collect();
        let likely: Vec<_> = likely.iter().map(|(class, p)| (&**class, *p)).collect();
        let (region, source) = (view.name(), view.source);
        let told = RegionPrediction { region, class: class.as_deref(), likely: &likely };
        self.panel.change(|panel| panel.verdict(source, &told, seen, now));
        let region = self.told_name(place);
        let age = now.micros_since(seen.captured);
        let number = Some(self.number);
        Some(learned.classification(number, region, verdict, class, seen.captured, age))
    }

    /// Keeps a frame that was classified, to be looked at and learned.
    pub(super) fn remember(
        &mut self,
        place: usize,
        classification: &Option<Classification>,
        step: &FrameResult,
        part: &Frame,
        now: Timestamp,
    ) {
        let moment = self.moment(place, classification.as_ref(), now);
        let past = Past::new(self.number, classification.clone(), &step.feature, part, now);
        let Some(past) = past else { return };
        let view = &mut self.views[place];
        let learned = &mut self.learners[view.learner];
        let jitter = view.stillness.enough(None);
        if let Some(verdict) = &step.verdict {
            let from_example = (1.0 - verdict.nearest.cosine).max(0.0);
            let novelty = learned.learner().thresholds().novelty;
            learned.inbox.see(place, &past, moment, (from_example, jitter, novelty));
        }
        view.history.push(past, jitter, now);
    }

    /// The name of a region where there are several.
    pub(super) fn told_name(&self, place: usize) -> Option<String> {
        let name = self.views[place].name().filter(|_| self.views.len() > 1);
        name.map(str::to_owned)
    }

    /// Which view a button or a request is about.
    ///
    /// * `region`: `None` where it does not say.
    pub(super) fn place(&self, region: Option<&str>) -> Result<usize, Refused> {
        let names: Vec<&str> = self.views.iter().filter_map(View::name).collect();
        let Some(region) = region else {
            return match (&self.views[..], &names[..]) {
                ([_], _) | (_, []) => Ok(0),
                (_, [first, ..]) => Err(Refused(format!(
                    "the device has the regions {}: name one, as in `@{first} teach good`",
                    names.join(", ")
                ))),
            };
        };
        names.iter().position(|name| *name == region).ok_or_else(|| {
            let there = match names.is_empty() {
                true => "the device has one region, without a name".to_owned(),
                false => format!("there is {}", names.join(", ")),
            };
            Refused(format!("there is no region {}; {there}", region.escape_debug()))
        })
    }

    /// A message of a region, with its name where there are several.
    pub(super) fn of_region(&self, place: usize, what: String) -> String {
        match self.told_name(place) {
            Some(name) => format!("{name}: {what}"),
            None => what,
        }
    }

    /// The view that a request is about, and the request without that.
    pub(super) fn addressed(&self, request: Request) -> Result<(usize, Request), Refused> {
        match request {
            Request::Of(Of { region, request }) => match request.may_name_a_region() {
                true => Ok((self.place(Some(&region))?, *request)),
                false => Err(Refused("this command takes no region".to_owned())),
            },
            // What was learned is the same whichever of them is asked.
            request if self.learners.len() == 1 && !request.sees_a_region() => Ok((0, request)),
            request if request.is_of_a_region() => Ok((self.place(None)?, request)),
            request => Ok((0, request)),
        }
    }
}
