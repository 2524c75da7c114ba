//! `fieldtune snap`: one picture, to see what the camera sees.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::args::board::BoardArgs;
use super::args::camera::{CameraArgs, captured, failed};
use super::args::model::ModelArgs;
use super::args::store::StoreArgs;
use super::output::{refuse_store, write_whole};
use super::{Context, Exit, Failed, explain};
use crate::backbone::EmbeddingSource;
use crate::board::Board;
use crate::camera::source::CaptureSettings;
use crate::image::frame::{Frame, Region};
use crate::image::picture;
use crate::learn::decision::Verdict;
use crate::learn::learner::Learner;
use crate::protocol::people;
use crate::store::snapshot::ModelId;

/// Save one frame with the regions drawn in
///
/// A device's exposure, gain and white balance settle first, as they do before `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune snap first.png                       the board's camera
  fieldtune snap first.png --camera v4l:/dev/video0 --resolution 1280x720
  fieldtune snap region.png --camera v4l:/dev/video0 --region 0.25,0.25,0.5,0.5
  fieldtune snap first.png --explain where.png   and what its prediction is of
  fieldtune snap pi.png --camera rpicam:
  fieldtune snap jetson.png --format yuv420 --camera 'pipe:gst-launch-1.0 -q
    nvarguscamerasrc ! nvvidconv ! video/x-raw,format=I420 ! fdsink'

--explain takes the prediction of the store, and of the region where one is named.

Exit status 3 if the camera gave no picture.")]
pub struct SnapCommand {
    /// The picture, .png or .jpg
    #[arg(value_name = "OUT.png")]
    out: PathBuf,
    /// Classify the frame, and draw where in it the prediction comes from
    #[arg(long, value_name = "FILE")]
    explain: Option<PathBuf>,
    #[command(flatten)]
    board: BoardArgs,
    #[command(flatten)]
    camera: CameraArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

impl SnapCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        is_png(&self.out)?;
        refuse_store(&self.out)?;
        let (board, _) = self.board.choose()?;
        // Before the camera is opened: what was taught may be of another backbone.
        let explain = match &self.explain {
            Some(out) => Some((out, self.explaining(&board, context)?)),
            None => None,
        };
        // What a board wants of its own camera is not for another one.
        let given = match self.camera.camera {
            Some(_) => CaptureSettings::default(),
            // What is too quiet for predictions is still to be seen.
            None => CaptureSettings { level: None, ..board.camera.wanted() },
        };
        let given = CaptureSettings { window: self.model.sound_window(), ..given };
        let mut camera = self.camera.open(&board.camera.address, given).map_err(failed)?;
        let frame = captured(&mut camera);
        for note in camera.notes() {
            eprintln!("{}: {note}", camera.name());
        }
        let frame = frame.map_err(failed)?;
        if let Some((out, explaining)) = explain {
            let Explaining { mut source, learner, region } = explaining;
            let (explained, drawn, place) =
                explain::explain(&mut source, &learner, &frame, &region)?;
            write_whole(out, &bytes_for(out, &drawn)?).context(Failed(Exit::Device))?;
            let name = |class| learner.classes().get(&class).map_or("?", |name| name.as_str());
            let Verdict { class, best, .. } = explained.verdict;
            let confidence = explained.verdict.shown_confidence();
            let prediction = people::prediction(class.map(name), name(best), confidence);
            println!("{} {prediction}, {}", out.display(), place.in_words(frame.kind()));
        }
        let frame = match &self.camera.region {
            Some(region) => outlined(&frame, region)?,
            None => board.regions.iter().fold(frame, |frame, (name, region)| {
                outlined(&frame, region).unwrap_or_else(|error| {
                    eprintln!("warning: {name} is not drawn in: {error}");
                    frame
                })
            }),
        };
        write_whole(&self.out, &bytes_for(&self.out, &frame)?).context(Failed(Exit::Device))?;
        let level = camera.level().map(|level| format!(", {level:.1} dBFS")).unwrap_or_default();
        println!("{} {}x{}{level}", self.out.display(), frame.width(), frame.height());
        Ok(Exit::Done)
    }

    /// What classifies the frame.
    fn explaining(&self, board: &Board, context: &Context) -> anyhow::Result<Explaining> {
        is_png(self.explain.as_deref().unwrap_or(&self.out))?;
        self.explain.as_deref().map_or(Ok(()), refuse_store)?;
        let region = match (&self.camera.region, board.regions.len()) {
            (Some(region), _) => *region,
            (None, 0) => Region::Whole,
            (None, 1) => board.regions.values().next().copied().unwrap_or_default(),
            (None, _) => bail!(
                "--explain: the board has several regions\n  next: name one with --region, and its store with --store"
            ),
        };
        self.store.refuse_untaught()?;
        self.store.refuse_lines("snap --explain", "fieldtune classify --lines")?;
        let model = self.model.of_store(&self.store)?;
        let source = model.load_with(self.store.tail()?.as_ref(), context)?;
        let learner = self.store.look_for(&ModelId::of_source(&source))?.into_parts().0;
        Ok(Explaining { source, learner, region })
    }
}

/// What classifies a frame.
struct Explaining {
    source: EmbeddingSource,
    learner: Learner,
    region: Region,
}

/// Whether the name is that of a PNG; otherwise it is that of a JPEG.
///
/// # Errors
/// It is of neither.
pub(super) fn is_png(file: &Path) -> anyhow::Result<bool> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "png" => Ok(true),
        "jpg" | "jpeg" => Ok(false),
        _ => bail!("{}: wanted a name that ends with .png or .jpg", file.display()),
    }
}

/// A picture's file, as its name says.
fn bytes_for(file: &Path, frame: &Frame) -> anyhow::Result<Vec<u8>> {
    Ok(if is_png(file)? { picture::png(frame) } else { picture::jpeg(frame) })
}

/// The frame with the region's outermost pixels painted yellow, and those around it black, so that it stands out on
/// light and on dark.
fn outlined(frame: &Frame, region: &Region) -> anyhow::Result<Frame> {
    let (frame_width, frame_height) = (frame.width(), frame.height());
    let (x, y, width, height) = region.resolve(frame_width, frame_height)?;
    let (right, bottom) = (x + width, y + height);
    let mut pixels = frame.pixels().to_vec();
    let inside = |column: u32, row: u32, margin: u32| {
        column + margin >= x
            && column < right + margin
            && row + margin >= y
            && row < bottom + margin
    };
    let within =
        |column: u32, row: u32| column > x && column + 1 < right && row > y && row + 1 < bottom;
    let places =
        (0..frame_height).flat_map(|row| (0..frame_width).map(move |column| (column, row)));
    for ((column, row), pixel) in places.zip(pixels.as_chunks_mut().0) {
        if inside(column, row, 0) && !within(column, row) {
            *pixel = [255, 220, 0];
        } else if inside(column, row, 1) && !inside(column, row, 0) {
            *pixel = [0, 0, 0];
        }
    }
    Ok(Frame::new(frame_width, frame_height, pixels, frame.captured())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;

    fn drawn(region: Region) -> String {
        let grey = Frame::new(7, 6, vec![100; 126], Timestamp(0)).expect("the size fits");
        let frame = outlined(&grey, &region).expect("the region is inside");
        let letters = frame.pixels().as_chunks::<3>().0.iter().map(|pixel| match pixel {
            [255, 220, 0] => 'y',
            [0, 0, 0] => 'b',
            _ => '.',
        });
        letters
            .collect::<Vec<_>>()
            .chunks(7)
            .map(|row| row.iter().collect::<String>() + "\n")
            .collect()
    }

    #[test]
    fn drawing_a_region_leaves_its_inside_unchanged() {
        let inside = drawn(Region::Pixels { x: 2, y: 1, width: 4, height: 3 });
        assert_eq!(inside, ".bbbbbb\n.byyyyb\n.by..yb\n.byyyyb\n.bbbbbb\n.......\n");
        let corner = drawn(Region::Pixels { x: 5, y: 4, width: 2, height: 2 });
        assert_eq!(corner, ".......\n.......\n.......\n....bbb\n....byy\n....byy\n");
        let whole = drawn(Region::Whole);
        assert_eq!(whole, "yyyyyyy\ny.....y\ny.....y\ny.....y\ny.....y\nyyyyyyy\n");
    }
}
