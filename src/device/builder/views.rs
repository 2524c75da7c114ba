//! What is looked at: a view a region, and what is learned of it: a store, an inbox, a backbone; shared where the board says so.

use std::path::Path;
use std::sync::Arc;

use super::{BuildError, DeviceBuilder, LearnerOfViews, Observed, RegionInboxes, SharedSource};
use crate::backbone::EmbeddingSource;
use crate::board::CAMERA;
use crate::device::controller::{InboxLimits, Latest, View, ViewLearner};
use crate::device::runtime::DeviceLog;
use crate::device::stores::{self, BoardStore};
use crate::image::frame::Region;
use crate::protocol::log::Level;
use crate::protocol::people::counted;
use crate::store::persistent::PersistentLearner;
use crate::store::snapshot::ModelId;
use crate::store::tail;
use crate::store::{FileStore, followed};

impl DeviceBuilder {
    /// A view a region, each with what was learned of it; one where the board names none, or one was asked for. Then one of
    /// each sense.
    ///
    /// * `senses`: their backbones, in their order.
    pub(super) fn views(
        &self,
        backbone: EmbeddingSource,
        senses: Vec<EmbeddingSource>,
        path: &Path,
        log: &DeviceLog,
    ) -> Result<(Observed, RegionInboxes), BuildError> {
        let (mut used, mut inboxes) = (Vec::new(), Vec::new());
        let regions = self.board.regions.len();
        let stores = stores::of_board(path, &self.board);
        let to_share = |source: EmbeddingSource, keeps| {
            (ModelId::of_source(&source), Latest::shared(source, keeps))
        };
        let of_camera = to_share(backbone, self.parts() < regions);
        let mut senses = senses.into_iter().map(|source| to_share(source, false));
        let limits = InboxLimits::of_board(&self.board.inbox, stores.len());
        let mut open = |of: &BoardStore| {
            let of_sense = if of.is_sense { senses.next() } else { None };
            let shared = of_sense.as_ref().unwrap_or(&of_camera);
            let mut store = FileStore::open(&of.path)?;
            let path = store.path().to_owned();
            let of_store = |error| BuildError::Learned { path: path.clone(), error };
            let own = match of.is_sense {
                true => None,
                false => self.with_blocks_of(&mut store, &shared.0)?,
            };
            let (model, backbone) = own.as_ref().unwrap_or(shared);
            let mut learned = PersistentLearner::open(store, model).map_err(of_store)?;
            let store = learned.store_mut();
            #[cfg(debug_assertions)]
            if self.acknowledge_early {
                store.acknowledge_early();
            }
            if let Some(why) = store.read_only() {
                let what = format!("learning is off: cannot write {}: {why}", path.display());
                log.write(Level::Warning, &what);
            }
            store.set_image_budget(u64::from(self.board.images.budget_mib) << 20);
            let learned = learned.looking_with(Arc::clone(backbone)).map_err(of_store)?;
            let (inbox, file) = stores::inbox(&path, model, limits, learned.learner(), log);
            inboxes.extend(file.map(|file| (file, inbox.shared())));
            used.push(path);
            Ok(ViewLearner::new(of.name.as_deref(), learned).with_inbox(inbox))
        };
        let mut learners = stores.iter().map(&mut open).collect::<Result<Vec<_>, BuildError>>()?;
        let mut views: Vec<View> = Vec::new();
        let learner_of = |name: &String| {
            let is_of = |store: &BoardStore| store.regions.contains(name);
            stores.iter().position(is_of).unwrap_or(0)
        };
        for (name, region) in &self.board.regions {
            views.push(View::new(Some(name), *region, learner_of(name)));
        }
        if views.is_empty() {
            let name = (!self.board.senses.is_empty()).then_some(CAMERA);
            views.push(View::new(name, self.region.unwrap_or_default(), 0));
        }
        for (name, source) in self.board.senses.keys().zip(1..) {
            let view = View::new(Some(name), Region::Whole, learner_of(name));
            views.push(view.of_source(source));
        }
        for view in &mut views {
            let kept = learners[view.learner()].setting(&followed::setting(view.name()));
            if let Err(why) = view.follow_kept(&kept.unwrap_or_default()) {
                let of = view.name().map(|name| format!("{name}: ")).unwrap_or_default();
                log.write(Level::Warning, &format!("{of}{why}: say follow on again"));
            }
        }
        let names: Vec<String> = used.iter().map(|path| path.display().to_string()).collect();
        for other in stores::unused(path, &used) {
            let other = other.display();
            let what = format!(
                "{other} is not used: no region of the board, and no head, has its name; stop the device and rename it to go on with it ({})",
                names.join(", ")
            );
            log.write(Level::Warning, &what);
        }
        Ok(((learners, views), inboxes))
    }

    /// The different parts of a frame that are looked at; questions about one are several views of it.
    pub(super) fn parts(&self) -> usize {
        let regions: Vec<&Region> = self.board.regions.values().collect();
        let is_first = |at: &usize| !regions[..*at].contains(&regions[*at]);
        (0..regions.len()).filter(is_first).count().max(1)
    }

    /// The backbone with the fine-tuned blocks of a store, where it has some that the shared one has not.
    fn with_blocks_of(
        &self,
        store: &mut FileStore,
        shared: &ModelId,
    ) -> Result<Option<(ModelId, SharedSource)>, BuildError> {
        let Some(read) = &self.backbone_files else { return Ok(None) };
        // What is wrong with the store is reported when it is opened.
        let kept = tail::tail_of(store).ok().flatten().map(|kept| kept.tail);
        let Some(tail) = kept.filter(|tail| tail.fingerprint().0 != shared.fingerprint) else {
            return Ok(None);
        };
        let network = read().map_err(BuildError::BackboneFiles)?;
        let own = (network.fingerprint() == tail.base()).then(|| network.load(Some(&tail)));
        let own = own.transpose()?;
        Ok(own.map(|own| (ModelId::of(&own), Latest::shared(own.into(), false))))
    }
}

/// How much was taught, in words.
pub(super) fn learned(learners: &[LearnerOfViews]) -> String {
    let classes = |one: &LearnerOfViews| {
        let known = counted(one.learner().classes().len(), "class", "classes");
        match one.name() {
            Some(name) if learners.len() > 1 => format!("{name}: {known} taught"),
            _ => format!("{known} taught"),
        }
    };
    learners.iter().map(classes).collect::<Vec<_>>().join(", ")
}
