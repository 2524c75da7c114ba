//! Requests that are answered at once.

use super::lines::origin_of;
use super::predicted::Picked;
use super::stillness::Stillness;
use super::{SNAP_SIDE, Station, View};
use crate::backbone::FeatureSource;
use crate::camera::{Adaptive, Scene};
use crate::image::frame::{Frame, MAX_SIDE, Timestamp};
use crate::image::picture;
use crate::image::views::ViewKinds;
use crate::learn::command::{self, NewExample, Reply, TeachExamples};
use crate::learn::decision::Verdict;
use crate::learn::engine::Engine;
use crate::learn::patches::FrameFeatures;
use crate::protocol::people;
use crate::protocol::request::{self, Answer, Refused, Request};
use crate::sound;
use crate::store::Store;
use crate::store::persistent::PersistentLearner;

/// Parts of every kind by turns.
const AUTO: &str = "auto";

/// How exposure and white balance may be.
const LOCKED: &str = "locked";
const AUTOMATIC: &str = "automatic";

impl<S: FeatureSource, K: Store> Station<S, K> {
    pub(super) fn answer(
        &mut self,
        place: usize,
        request: Request,
        now: Timestamp,
    ) -> Result<Answer, Refused> {
        let date = self.dated(now);
        let view = &self.views[place];
        let learned = &mut self.learners[view.learner];
        let request = match request.into_command() {
            Ok(command) => {
                return match learned.apply(command, date).map_err(refused)? {
                    Reply::Status(mut status) => {
                        let name =
                            |class| Some(learned.class(class)).filter(|name| !name.is_empty());
                        let mut device = learned.predicted.figures(name);
                        let levels = learned.persistent.get().levels().map(people::levels);
                        device.extend(levels.map(|levels| ("adapted".to_owned(), levels)));
                        device.extend(view.following_figure());
                        device.extend(view.drift.figures(now));
                        device.extend(self.tuning_figure(place));
                        device.extend(self.figures());
                        if let Some(advice) = self.advice_on_inbox(place) {
                            status.advice = advice.to_string();
                        }
                        let waiting = Some(self.learned(place).inbox.entries().len());
                        let waiting = waiting.filter(|frames| *frames > 0);
                        device
                            .extend(waiting.map(|frames| ("inbox".to_owned(), frames.to_string())));
                        Ok(Answer::Status { learned: Some(status), device })
                    }
                    reply => Ok(Answer::Reply(reply)),
                };
            }
            Err(request) => request,
        };
        let persistent = &mut learned.persistent;
        match request {
            Request::Teach(_) | Request::Burst(_) => {
                Err(Refused("teaching needs frames: ask for teach, burst or an image".to_owned()))
            }
            Request::UndoTeach(request::UndoTeach { examples }) => {
                learned.undo_teach(&examples, date).map(Answer::Reply)
            }
            Request::UndoTaught(_) => learned.undo_taught(date).map(Answer::Reply),
            Request::TeachImage(request::TeachImage { class, image }) => {
                command::check_class(persistent.learner(), &class).map_err(refused)?;
                let (frame, FrameFeatures { feature, patches }) = looked_at(persistent, &image, now)?;
                let views = persistent.get_mut().views_of_whole(&frame).map_err(refused)?;
                let seen = persistent.get().as_taught(&frame);
                let image = picture::kept(&seen, self.image_side);
                let known =
                    learned.seen_before(&class, &feature, &frame, &Stillness::default());
                let example = NewExample {
                    image,
                    views,
                    patches,
                    joins: known.map(|(_, look)| look),
                    ..NewExample::new(feature, &origin_of(&frame, "an image that was sent"))
                };
                let teach = TeachExamples { class, examples: vec![example] };
                let (reply, taken_for) =
                    learned.teach(teach, Picked::Images, date).map_err(refused)?;
                self.record.taught += 1;
                let known = known.map(|(known, _)| known);
                let notes = self.notes_of(place, &reply, known, taken_for);
                Ok(Answer::Reply(reply).with_notes(notes))
            }
            Request::Classify(request::Classify { image }) => {
                let (_, FrameFeatures { feature, patches }) = looked_at(persistent, &image, now)?;
                let learner = persistent.learner();
                let verdict = learner.classify_with(&feature, patches.as_deref());
                let verdict = verdict.map_err(refused)?;
                let (learned, region) = (self.learned(place), self.told_name(place));
                let classification = |verdict: Verdict| {
                    let class = verdict.class.map(|class| learned.class(class));
                    learned.classification(None, region, &verdict, class, now, 0)
                };
                Ok(Answer::Classified(verdict.map(classification)))
            }
            Request::Snap(_) => {
                let latest = self.source(place).latest.as_ref();
                let latest = latest.ok_or_else(|| Refused("no frame captured yet".to_owned()));
                latest.map(|(number, frame)| picture_of(frame, *number))
            }
            Request::Explain(of) => self.explain(place, &of, now),
            Request::Recent(request::Recent { unsure_first }) => {
                Ok(Answer::Recent(view.history.list(unsure_first, now)))
            }
            Request::RecentFew(request::RecentFew { unsure_first, most }) => {
                let mut frames = view.history.list(unsure_first, now);
                frames.truncate(most as usize);
                Ok(Answer::Recent(frames))
            }
            Request::RecentPicture(request::RecentPicture { frame }) => {
                let past = view.history.get(frame).map_err(Refused)?;
                Ok(picture_of(&past.pixels, past.number))
            }
            Request::ExamplePicture(request::ExamplePicture { example }) => {
                let (frame, file) = learned.example_image(example, now)?;
                let (width, height) = (frame.width(), frame.height());
                Ok(Answer::Picture { frame: None, width, height, file })
            }
            Request::TeachFrames(request::TeachFrames { class, frames }) => {
                self.teach_frames(place, class, &frames, now)
            }
            Request::Confusion(_) => self.confusion(place, date),
            Request::Inbox(_) => Ok(self.list_inbox(place)),
            Request::InboxPicture(request::InboxPicture { id }) => self.inbox_picture(place, id),
            Request::InboxAssign(assign) => self.assign(place, assign, now),
            Request::InboxDrop(drop) => self.drop_from_inbox(place, drop),
            Request::SetRegion(request::SetRegion(wanted)) => {
                if let Some(region) = wanted {
                    // Without a frame it is only seen whether it could be in any.
                    let latest = self.source(place).latest.as_ref();
                    let size = latest.map(|(_, frame)| (frame.width(), frame.height()));
                    let (width, height) = size.unwrap_or((MAX_SIDE, MAX_SIDE));
                    region.resolve(width, height).map_err(refused)?;
                    // The part was shown in the region before.
                    self.set_templates(place, None)?;
                    // Questions about one part go on being about one.
                    let before = self.views[place].looks_at();
                    let same = |view: &&mut View| view.looks_at() == before;
                    self.views.iter_mut().filter(same).for_each(|view| view.set_region(region));
                }
                Ok(Answer::Region(self.views[place].region()))
            }
            Request::Follow(request::Follow { on }) => self.follow_part(place, on),
            Request::Regions(_) => {
                let region = |view: &View| (view.name().map(str::to_owned), view.region());
                Ok(Answer::Regions(self.views.iter().map(region).collect()))
            }
            Request::Outputs(_) => Ok(Answer::Outputs(self.panel.look(|panel| panel.all(now)).0)),
            Request::SetOutput(request::SetOutput { name, on }) => {
                self.panel.change(|panel| panel.set(&name, on)).map_err(refused)?;
                Ok(Answer::Outputs(self.panel.look(|panel| panel.all(now)).0))
            }
            Request::TestOutput(request::TestOutput { name }) => {
                self.panel.change(|panel| panel.test(&name, now)).map_err(refused)?;
                Ok(Answer::Done)
            }
            Request::Save(request::Save { name }) => {
                let saved = persistent.save(name.as_deref(), date).map_err(refused)?;
                Ok(Answer::Saved(saved))
            }
            Request::Generations(_) => {
                persistent.generations().map(Answer::Generations).map_err(refused)
            }
            Request::RollBack(request::RollBack { generation }) => {
                self.roll_back(place, generation, date)
            }
            Request::Diff(request::Diff { from, to }) => {
                persistent.difference(from, to).map(Answer::Difference).map_err(refused)
            }
            Request::DropGeneration(request::DropGeneration { generation }) => {
                persistent.drop_generation(generation).map_err(refused)?;
                Ok(Answer::Done)
            }
            Request::Settings(_) => Ok(Answer::Settings(self.settings(place))),
            Request::Set(request::Set { name, value }) => {
                self.set(place, &name, &value)?;
                Ok(Answer::Settings(self.settings(place)))
            }
            Request::Version(_) => Ok(Answer::Version {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                model: persistent.model().name.clone(),
            }),
            Request::Pull(_) => Ok(Answer::Learned(persistent.portable().map_err(refused)?.encode())),
            Request::Push(request::Push { learned, merge }) => {
                self.push(place, &learned, merge, date)
            }
            Request::Of(_)
            | Request::EndBurst(_)
            | Request::Watch(_)
            | Request::Log(_)
            | Request::Restart(_)
            | Request::Unlock(_)
            | Request::Lock(_)
            // Commands were carried out above.
            | Request::Undo(_)
            | Request::Forget(_)
            | Request::Relabel(_)
            | Request::Rename(_)
            | Request::Classes(_)
            | Request::ListExamples(_)
            | Request::GetStatus(_)
            | Request::SetHead(_)
            | Request::SetThreshold(_)
            | Request::TryThreshold(_)
            | Request::GetPolicy(_)
            | Request::Adapt(_)
            | Request::EndAdapt(_)
            | Request::Finetune(_)
            | Request::EndFinetune(_)
            | Request::SavePolicy(_) => {
                Err(Refused("not answered by the station itself".to_owned()))
            }
        }
    }

    /// How the device is, and how much each region has learned.
    pub(super) fn status_of_all(&self, now: Timestamp) -> Answer {
        let mut figures = Vec::new();
        let mut told = |name: &str, of: &str, value: String| {
            figures.push((format!("{name}_{of}"), value));
        };
        // Of what several views share, the first of them tells, under the name that they share it under.
        let first_of = |learner| self.views.iter().position(|view| view.learner == learner);
        for (place, view) in self.views.iter().enumerate() {
            let learned = self.learned(place);
            if let Some(name) = learned.name().filter(|_| first_of(view.learner) == Some(place)) {
                let (learner, waiting) = (learned.learner(), learned.inbox.entries().len());
                told(name, "classes", learner.classes().len().to_string());
                told(name, "examples", learner.examples().len().to_string());
                if waiting > 0 {
                    told(name, "inbox", waiting.to_string());
                }
                self.tuning_figure(place)
                    .into_iter()
                    .for_each(|(of, value)| told(name, &of, value));
            }
            for (of, value) in view.following_figure().into_iter().chain(view.drift.figures(now)) {
                told(view.name().unwrap_or_default(), &of, value);
            }
        }
        figures.extend(self.figures());
        Answer::Status { learned: None, device: figures }
    }

    fn figures(&self) -> Vec<(String, String)> {
        let mut figures = self.record.figures(self.panel.look(|panel| panel.actions.missed()).0);
        let scene = self.scene(0).map(|scene| scene.shown().to_owned());
        figures.extend(scene.map(|shown| ("scene".to_owned(), shown)));
        let untaught = self.untaught();
        if !untaught.is_empty() {
            figures.push(("policy".to_owned(), untaught.join("; ")));
        }
        figures
    }

    fn settings(&self, place: usize) -> Vec<(String, String)> {
        let mut settings = vec![("smoothing".to_owned(), self.smoothing.to_string())];
        let scene = self.scene(place).map(|scene| scene.chosen().unwrap_or(AUTO));
        settings.extend(scene.map(|chosen| ("scene".to_owned(), chosen.to_owned())));
        for (which, is_locked) in self.locked(place) {
            let state = if is_locked { LOCKED } else { AUTOMATIC };
            settings.push((which.name().to_owned(), state.to_owned()));
        }
        let views = self.learners.first().map(|of| of.persistent.get().view_kinds().to_string());
        settings.extend(views.map(|kinds| ("views".to_owned(), kinds)));
        settings
    }

    fn set(&mut self, place: usize, name: &str, value: &str) -> Result<(), Refused> {
        match name {
            "smoothing" => self.set_smoothing_to(value),
            "scene" => self.choose_scene(place, value),
            "views" => self.set_views(&value.parse().map_err(refused)?),
            other => match Adaptive::ALL.into_iter().find(|which| which.name() == other) {
                Some(which) => self.lock_camera(place, which, value),
                None => {
                    let name = other.escape_debug();
                    Err(Refused(format!(
                        "there is no setting {name}; there are smoothing, scene, views, exposure and white-balance"
                    )))
                }
            },
        }
    }

    /// In every region, or in none.
    fn set_views(&mut self, kinds: &ViewKinds) -> Result<(), Refused> {
        let before: Vec<ViewKinds> =
            self.learners.iter().map(|of| of.persistent.get().view_kinds().clone()).collect();
        for place in 0..self.learners.len() {
            let Err(error) = self.learners[place].persistent.set_views(kinds) else { continue };
            for (learned, kinds) in self.learners.iter_mut().zip(&before).take(place) {
                // That the store cannot be written any more is reported with the first error.
                let _ = learned.persistent.set_views(kinds);
            }
            return Err(refused(error));
        }
        Ok(())
    }

    /// Of the source that the view is of.
    fn scene(&self, place: usize) -> Option<&Scene> {
        self.source(place).scene.as_ref()
    }

    /// What of the camera can be locked, and whether it is.
    fn locked(&self, place: usize) -> Vec<(Adaptive, bool)> {
        let locked = |which| Some((which, self.source(place).locks.as_ref()?.is_locked(which)?));
        Adaptive::ALL.into_iter().filter_map(locked).collect()
    }

    fn lock_camera(&self, place: usize, which: Adaptive, value: &str) -> Result<(), Refused> {
        let locked = match value {
            LOCKED => true,
            AUTOMATIC => false,
            other => {
                let (name, other) = (which.name(), other.escape_debug());
                let what = format!("{name}: wanted {LOCKED} or {AUTOMATIC}, got {other}");
                return Err(Refused(what));
            }
        };
        let source = self.source(place);
        if source.locks.as_ref().is_some_and(|locks| locks.ask(which, locked)) {
            return Ok(());
        }
        let (camera, name) = (&source.camera, which.name());
        let what = format!(
            "the {name} of {camera} cannot be locked from here: v4l: cameras with such a control can, and synthetic:"
        );
        Err(Refused(what))
    }

    /// Asks a camera that draws for parts of one kind.
    fn choose_scene(&mut self, place: usize, value: &str) -> Result<(), Refused> {
        let Some(scene) = self.scene(place) else {
            let camera = &self.source(place).camera;
            let what = format!("{camera} is a real camera: scenes need run --camera synthetic:");
            return Err(Refused(what));
        };
        if scene.choose((value != AUTO).then_some(value)) {
            return Ok(());
        }
        let (names, value) = (scene.names().join(", "), value.escape_debug());
        Err(Refused(format!("there is no scene {value}; there are {names} and {AUTO}")))
    }

    fn set_smoothing_to(&mut self, value: &str) -> Result<(), Refused> {
        match value.parse() {
            Ok(frames @ 1..=1000) => self.set_smoothing(frames),
            _ => {
                let value = value.escape_debug();
                return Err(Refused(format!("smoothing: {value} is not a number of 1 to 1000")));
            }
        }
        Ok(())
    }
}

/// A frame to look at.
fn picture_of(frame: &Frame, number: u64) -> Answer {
    let (width, height) = (frame.width(), frame.height());
    let file = picture::thumbnail(frame, SNAP_SIDE);
    Answer::Picture { frame: Some(number), width, height, file }
}

/// An image file's frame, and what is seen in it.
fn looked_at<S: FeatureSource, K: Store>(
    persistent: &mut PersistentLearner<Engine<S>, K>,
    image: &[u8],
    now: Timestamp,
) -> Result<(Frame, FrameFeatures), Refused> {
    let window = persistent.get().source().sound_window();
    let frame = sound::decode(image, "the image", &window, now).map_err(refused)?;
    let seen = persistent.get_mut().seen_whole(&frame).map_err(refused)?;
    Ok((frame, seen))
}

pub(super) fn refused(error: impl std::fmt::Display) -> Refused {
    Refused(error.to_string())
}
