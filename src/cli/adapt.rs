//! `fieldtune adapt`: brings frames of another light or camera back to what was taught, where that helps.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::args::board::BoardArgs;
use super::args::camera::{CameraArgs, captured, failed};
use super::args::images;
use super::args::model::ModelArgs;
use super::args::store::{Session, StoreArgs, now};
use super::pool::{Pool, on_threads};
use super::views::{frame_of, images_of_all};
use super::{Context, Exit};
use crate::camera::source::CaptureSettings;
use crate::image::frame::{Frame, Region};
use crate::image::levels::{Levels, Moments};
use crate::learn::adapt::{Proposal, TaughtLight, propose};
use crate::learn::learner::Learner;
use crate::learn::patches::FrameFeatures;
use crate::protocol::json::answer;
use crate::protocol::request::{Adaptation, Answer};
use crate::protocol::{adapted, people};
use crate::sound::{self, SoundWindow};
use crate::store::levels;

/// Bring frames of another light or camera back to what was taught
///
/// Frames of the new light are compared with the taught images: factors and offsets for red, green and blue make their
/// means and spreads alike. They are applied where the frames then look more like what was taught, and what was learned
/// before becomes a checkpoint. Show parts of every class: frames of one class say less.
///
/// Exit status 1 if it does not help; then nothing is changed, but --labelled
/// frames are taught all the same.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune adapt --frames new-light/        image files of the new light
  fieldtune adapt --frames 60                frames of the board's camera
  fieldtune adapt --frames new-light/ --try  compare, change nothing
  fieldtune adapt --off                      look at frames as they are

A frame of each class, taught afterwards with fieldtune teach, helps more. When it helps, what it costs and where it fails: docs/learning.md")]
pub(super) struct AdaptCommand {
    /// Frames of the new light: so many of the camera, two a second; or an image file, or a folder of them
    #[arg(long, value_name = "N|DIR", required_unless_present_any = ["off", "labelled"])]
    frames: Option<Frames>,
    /// Folder of class folders with frames of the new light, which are taught, too
    #[arg(long, value_name = "DIR")]
    labelled: Option<PathBuf>,
    /// Compare, and change nothing
    #[arg(long)]
    r#try: bool,
    /// Look at frames as they are again
    #[arg(long, conflicts_with_all = ["frames", "labelled", "try"])]
    off: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    board: BoardArgs,
    #[command(flatten)]
    camera: CameraArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Where frames come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Frames {
    Camera(u32),
    Files(PathBuf),
}

/// Frames that are taken from a camera at most.
const MOST: u32 = 1000;

/// Time between two of them.
const PACE: Duration = Duration::from_millis(500);

impl FromStr for Frames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(count @ 1..=MOST) => Ok(Self::Camera(count)),
            Ok(_) => Err(format!("wanted 1 to {MOST} frames")),
            Err(_) => Ok(Self::Files(PathBuf::from(text))),
        }
    }
}

impl AdaptCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        self.store.refuse_lines("adapt", "teach lines as they are now")?;
        self.store.refuse_samples("adapt", "teach sounds as they are now")?;
        if self.off {
            return self.take_off();
        }
        self.store.refuse_untaught()?;
        let frames = self.frames(context)?;
        let pool = Pool::load_for_kept(frames.len(), &self.model, &self.store, context)?;
        let mut session = match self.r#try {
            true => self.store.look_for(pool.model())?,
            false => self.store.open_for(pool.model())?,
        };
        let taught = taught_light(&mut session)?;
        let before = levels::levels_of(session.store_mut())?;
        let proposal = proposed(session.learner(), taught, &frames, before, &pool, context)?;
        let helps = proposal.comparison.helps();
        let applied = helps && !self.r#try;
        if applied {
            session.put_levels(Some(&proposal.levels), "adapt", now())?;
        }
        self.tell(session.learner(), &proposal, applied);
        // Its lock goes with it.
        drop(session);
        let taught = match &self.labelled {
            Some(dir) if !self.r#try => self.teach(dir, context)?,
            _ => false,
        };
        Ok(if helps || taught { Exit::Done } else { Exit::Negative })
    }

    fn take_off(&self) -> anyhow::Result<Exit> {
        let mut session = self.store.open_taught()?;
        if levels::levels_of(session.store_mut())?.is_none() {
            println!("nothing is adapted: frames are looked at as they are");
            return Ok(Exit::Negative);
        }
        session.put_levels(None, "adapt --off", now())?;
        println!(
            "frames are looked at as they are\n  next: fieldtune generations shows the checkpoint before"
        );
        Ok(Exit::Done)
    }

    /// As they come, and those that are labelled behind them.
    fn frames(&self, context: &Context) -> anyhow::Result<Vec<Frame>> {
        let mut files = match &self.frames {
            Some(Frames::Camera(count)) => return self.captured(*count, context),
            Some(Frames::Files(path)) => {
                images::expand(std::slice::from_ref(path), &SoundWindow::default())?
            }
            None => Vec::new(),
        };
        if let Some(dir) = &self.labelled {
            files.extend(images::expand(std::slice::from_ref(dir), &SoundWindow::default())?);
        }
        let region = self.camera.region.unwrap_or_default();
        files
            .iter()
            .map(|file| part(&sound::load(file, &SoundWindow::default(), now())?, &region))
            .collect()
    }

    fn captured(&self, count: u32, context: &Context) -> anyhow::Result<Vec<Frame>> {
        let (board, _) = self.board.choose()?;
        if board.regions.len() > 1 && self.camera.region.is_none() {
            bail!(
                "{}: there are several regions, each with its own store\n  next: adapt each on the device (@REGION adapt), or name one with --region and --store",
                board.name
            );
        }
        let given = match self.camera.camera {
            Some(_) => CaptureSettings::default(),
            None => board.camera.wanted(),
        };
        let of_board = board.regions.values().next().copied();
        let region = self.camera.region.or(of_board).unwrap_or_default();
        let address = self.camera.camera.as_deref().unwrap_or(&board.camera.address);
        // What is drawn or recorded need not be waited for.
        let is_live = !address.starts_with("synthetic:") && !address.starts_with("replay:");
        let mut camera = self.camera.open(&board.camera.address, given).map_err(failed)?;
        let bar = context.bar(count.into(), "frames");
        let mut frames = Vec::new();
        for number in 0..count {
            if is_live && number > 0 {
                std::thread::sleep(PACE);
            }
            let frame = captured(&mut camera).map_err(failed)?;
            frames.push(part(&frame, &region)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(frames)
    }

    fn tell(&self, learner: &Learner, proposal: &Proposal, applied: bool) {
        let adapted = Adaptation::of(proposal, applied, |id| learner.classes()[&id].to_string());
        if self.json {
            println!("{}", answer(&Answer::Adapted(Box::new(adapted))));
            return;
        }
        people::aligned(&adapted::rows(&adapted)).iter().for_each(|line| println!("{line}"));
        println!(
            "{}",
            adapted::outcome(&adapted, "fieldtune generations", "fieldtune adapt --off")
        );
    }

    /// Teaches the labelled frames, which go through what is in force now.
    fn teach(&self, dir: &Path, context: &Context) -> anyhow::Result<bool> {
        let teach = super::teach::of_folders(dir, self.json, &self.model, &self.store);
        Ok(teach.run(context)? == Exit::Done)
    }
}

fn part(frame: &Frame, region: &Region) -> anyhow::Result<Frame> {
    Ok(frame.region(region)?.into_owned())
}

/// Of the kept images.
fn taught_light(session: &mut Session) -> anyhow::Result<TaughtLight> {
    let images = images_of_all(session)?;
    let examples = session.learner().examples();
    let known = examples.iter().filter_map(|one| Some((one, images.get(&one.id)?)));
    let known: anyhow::Result<Vec<_>> = known
        .map(|(one, file)| Ok((one.class, one.group, Moments::of(&frame_of(one.id, file)?))))
        .collect();
    Ok(TaughtLight::of(known?))
}

/// * `before`: what frames go through now.
fn proposed(
    learner: &Learner,
    taught: TaughtLight,
    frames: &[Frame],
    before: Option<Levels>,
    pool: &Pool,
    context: &Context,
) -> anyhow::Result<Proposal> {
    let moments: Vec<Moments> = frames.iter().map(Moments::of).collect();
    let places = learner.is_alone();
    let bar = context.bar(3 * frames.len() as u64, "embeddings");
    let mut look = |levels: &Levels| -> Result<Vec<FrameFeatures>, String> {
        let seen = on_threads(frames.len(), pool.size(), |place| {
            bar.inc(1);
            pool.seen(&levels.apply(&frames[place]), places)
        });
        let seen: anyhow::Result<Vec<FrameFeatures>> = seen.into_iter().collect();
        seen.map_err(|error| format!("{error:#}"))
    };
    let proposal = propose(learner, taught, &moments, &before.unwrap_or(Levels::SAME), &mut look);
    bar.finish_and_clear();
    Ok(proposal?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_a_number_or_a_place() {
        assert_eq!("60".parse(), Ok(Frames::Camera(60)));
        assert_eq!("new/60".parse(), Ok(Frames::Files("new/60".into())));
        assert!("0".parse::<Frames>().is_err() && "1001".parse::<Frames>().is_err());
    }
}
