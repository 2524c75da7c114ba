//! The chapter of good parts alone: what is unlike them is found, marked, named and taught.

use anyhow::Context as _;

use super::device::Device;
use super::report::{GoodAlone, share};
use super::story::Story;
use crate::camera::{Camera as _, Synthetic, SyntheticScene};
use crate::cli::args::store::now;
use crate::image::frame::Frame;
use crate::image::picture;
use crate::learn::command::{Command, TeachExamples};

/// Good frames that are taught.
const TAUGHT: usize = 20;
/// Frames of good steel, and of defects, that are classified.
const CLASSIFIED: usize = 40;
/// More frames of the defect that was taught.
const MORE: usize = 10;
/// Pixels that a place may lie beside a defect: half the distance of two places of the network's finer map.
const BESIDE: usize = 8;

const DEFECTS: [SyntheticScene; 5] = [
    SyntheticScene::Scratch,
    SyntheticScene::Dent,
    SyntheticScene::Crack,
    SyntheticScene::Rust,
    SyntheticScene::Pits,
];

impl Story<'_> {
    /// * `device`: with nothing learned, and a store of its own.
    /// * returns the first frame that was found, with its defect marked.
    pub(super) fn good_parts(&mut self, mut device: Device) -> anyhow::Result<Option<Frame>> {
        self.chapter(&format!("Good parts alone, {TAUGHT} of them: no defect has been shown."));
        // A strip of its own, so that what comes later is the same with and without this chapter.
        let mut camera = Synthetic::new(self.seed().wrapping_add(1000));
        let good = SyntheticScene::Good;
        for _ in 0..TAUGHT {
            teach(&mut device, good.name(), &camera.capture(now())?)?;
        }
        let mut report = GoodAlone { taught: TAUGHT, frames: CLASSIFIED, ..GoodAlone::default() };
        for _ in 0..CLASSIFIED {
            let (verdict, _) = device.look(&camera.capture(now())?)?;
            report.false_alarms += usize::from(verdict.class.is_none());
        }
        let mut first = None;
        for &scene in DEFECTS.iter().cycle().take(CLASSIFIED) {
            camera.show(scene);
            let defect = camera.next_defect();
            let frame = camera.capture(now())?;
            let (verdict, _) = device.look(&frame)?;
            // A network without maps has nothing to show.
            let overlay = device.engine().explain(&frame).ok().map(|explained| explained.overlay);
            let drawn = overlay.map(|overlay| overlay.over_all(&frame));
            let is_marked = drawn.as_ref().is_some_and(|(_, at)| is_near(&defect, (at.x, at.y)));
            report.marked += usize::from(is_marked);
            if verdict.class.is_none() {
                report.found += 1;
                first = first.or(drawn.map(|(drawn, _)| (scene, frame, drawn)));
            }
        }
        let found = share(report.found, CLASSIFIED) * 100.0;
        let of = |count: usize| format!("{count} of {CLASSIFIED}");
        let (alarms, marked) = (of(report.false_alarms), of(report.marked));
        self.tell().line(format_args!(
            "  {found:.0} % of defects found, {alarms} good frames called unknown;\n  the place most unlike good \
             steel lies in the defect in {marked}."
        ));
        let Some((scene, frame, drawn)) = first else {
            self.report().good_alone = report;
            return Ok(None);
        };
        // What was found is the first example of a class.
        teach(&mut device, scene.name(), &frame)?;
        camera.show(scene);
        let mut named = 0;
        for _ in 0..MORE {
            let (verdict, _) = device.look(&camera.capture(now())?)?;
            named += usize::from(device.name(Some(verdict.best)) == scene.name());
        }
        let name = scene.name();
        self.tell().line(format_args!(
            "  The first is named {name} and taught: {named} of {MORE} more are nearest to {name}."
        ));
        report.named = Some(name);
        self.report().good_alone = report;
        Ok(Some(drawn))
    }
}

fn teach(device: &mut Device, class: &str, frame: &Frame) -> anyhow::Result<()> {
    let image = picture::kept(frame, picture::IMAGE_SIDE);
    let example = device.engine().new_example(frame, "synthetic", image)?;
    let teach = TeachExamples { class: class.to_owned(), examples: vec![example] };
    device.send(Command::Teach(teach)).map(drop).context("teaching good parts alone")
}

/// Whether the defect lies there or a little beside it.
fn is_near(defect: &[bool], (x, y): (usize, usize)) -> bool {
    let width = Synthetic::WIDTH as usize;
    let mut rows = defect.chunks_exact(width).skip(y.saturating_sub(BESIDE));
    let columns = x.saturating_sub(BESIDE)..(x + BESIDE + 1).min(width);
    let reach = y.min(BESIDE) + BESIDE + 1;
    rows.by_ref().take(reach).any(|row| row[columns.clone()].contains(&true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_near_within_eight_pixels() {
        let mut defect = vec![false; (Synthetic::WIDTH * Synthetic::HEIGHT) as usize];
        defect[100 * Synthetic::WIDTH as usize + 50] = true;
        for (place, wanted) in [
            ((50, 100), true),
            ((58, 108), true),
            ((42, 92), true),
            ((59, 100), false),
            ((50, 91), false),
            ((0, 0), false),
            ((319, 239), false),
        ] {
            assert_eq!(is_near(&defect, place), wanted, "{place:?}");
        }
    }
}
