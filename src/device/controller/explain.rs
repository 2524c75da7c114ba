//! Pictures with where in them their prediction comes from. It takes a pass of the backbone, when it is asked for.

use super::answers::refused;
use super::{SNAP_SIDE, Station, ViewLearner};
use crate::backbone::FeatureSource;
use crate::image::frame::{Frame, Timestamp};
use crate::image::picture;
use crate::learn::head::ExampleId;
use crate::protocol::request::{Answer, Explain, Refused};
use crate::store::Store;

impl<S: FeatureSource, K: Store> Station<S, K> {
    pub(super) fn explain(
        &mut self,
        place: usize,
        of: &Explain,
        now: Timestamp,
    ) -> Result<Answer, Refused> {
        let view = &mut self.views[place];
        let learned = &mut self.learners[view.learner];
        let (number, whole, region) = match *of {
            Explain { frame: None, example: None, inbox: None } => {
                let latest = self.sources[view.source].latest.as_ref();
                let latest = latest.ok_or_else(|| Refused("no frame captured yet".to_owned()));
                let (number, frame) = latest?;
                view.find(frame);
                match view.template() {
                    // What is looked at may be turned: it is shown alone.
                    Some(_) => {
                        (Some(*number), view.part(frame).map_err(refused)?.into_owned(), None)
                    }
                    None => (Some(*number), frame.clone(), Some(view.region())),
                }
            }
            Explain { frame: Some(number), example: None, inbox: None } => {
                let past = view.history.get(number).map_err(Refused)?;
                (Some(number), past.pixels.clone(), None)
            }
            Explain { frame: None, example: Some(example), inbox: None } => {
                (None, learned.example_image(example, now)?.0, None)
            }
            Explain { frame: None, example: None, inbox: Some(id) } => {
                let image = &learned.inbox.get(id).map_err(Refused)?.image;
                (None, picture::decode(image, "the image", now).map_err(refused)?, None)
            }
            _ => {
                let why =
                    "explain: wanted a frame, an example or a frame of the inbox, got several";
                return Err(Refused(why.to_owned()));
            }
        };
        let (width, height) = (whole.width(), whole.height());
        let region = region.unwrap_or_default();
        let part = whole.region(&region).map_err(refused)?;
        let explained = learned.persistent.get_mut().explain(&part).map_err(refused)?;
        // Drawn as small as it is shown.
        let small = picture::smaller(&whole, SNAP_SIDE);
        let scale = f64::from(small.width()) / f64::from(width.max(1));
        let (x, y, across, down) = region.resolve(width, height).map_err(refused)?;
        let within = [x, y, across, down].map(|side| f64::from(side) * scale);
        let (drawn, at) = explained.overlay.over(&small, within);
        let file = picture::thumbnail(&drawn, SNAP_SIDE);
        let answer = Answer::Picture { frame: number, width, height, file };
        let class = explained.verdict.class.map(|class| self.learned(place).class(class));
        let class = class.as_deref().unwrap_or("unknown");
        Ok(answer.with_notes(vec![format!("{class}, {}", at.in_words(whole.kind()))]))
    }
}

impl<S: FeatureSource, K: Store> ViewLearner<S, K> {
    /// The image that is kept with an example, and its file.
    pub(super) fn example_image(
        &mut self,
        example: u64,
        now: Timestamp,
    ) -> Result<(Frame, Vec<u8>), Refused> {
        let id = ExampleId(example);
        if self.learner().examples().get(id).is_none() {
            return Err(Refused(format!("there is no example {example}")));
        }
        let mut kept = None;
        let mut take = |_, file: &[u8]| kept = Some(file.to_vec());
        self.persistent.store_mut().images(Some(&[id]), &mut take).map_err(refused)?;
        let none = || Refused(format!("no image of example {example} is kept"));
        let file = kept.ok_or_else(none)?;
        Ok((picture::decode(&file, "the image", now).map_err(refused)?, file))
    }
}
