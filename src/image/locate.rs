//! Where a part lies in a frame: found by what it looked like where it was shown first, however it was moved or turned.
//!
//! The shown rectangle is kept as grey levels, at 64, 32 and 16 pixels of its longer side. In a frame, it is slid over the
//! surroundings of where it was, at turns six degrees apart, and compared by the normalised cross-correlation (J. P. Lewis,
//! *Fast normalized cross-correlation*, 1995), which lighter, darker and duller frames do not change. The best few places of
//! the coarsest size are looked at again at the finer ones, in steps half as large each; a parabola through the best and its
//! neighbours gives what is between the steps.

use fieldtune_math::grey::{Grey, correlation, correlation_at, normalised, turned_part};

use super::frame::{Frame, FrameError, MAX_SIDE, Region};

/// How far a part may be turned either way, in degrees.
pub const MAX_TURN_DEGREES: f32 = 30.0;

/// How far it may have moved, as a part of the longer side of its rectangle.
pub const MAX_SHIFT: f32 = 0.5;

/// Turns that are tried at the coarsest size.
const STEP_DEGREES: f32 = 6.0;

/// The longer side of what is compared, at its finest; each coarser size is half as large.
const FINEST: u32 = 64;

/// From coarse to fine.
const SIZES: usize = 3;

/// The smallest step at every size, in its pixels.
const STEP: f32 = 0.5;

/// The best places of the coarsest size that are looked at again at the next, half of them at the one after.
const KEPT: usize = 6;

/// What matches so much less than the best of its size is not looked at again.
const BEHIND: f32 = 0.1;

/// Least correlation at which a part counts as found.
const LEAST_MATCH: f32 = 0.7;

/// Least standard deviation of what is shown, in grey levels: less has no place.
const LEAST_CONTRAST: f32 = 4.0;

/// Why a rectangle cannot be found again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// It does not fit the frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Nothing is to be seen in it.
    #[error(
        "the part has too little contrast to be found again: {got:.2} grey levels, wanted at least {LEAST_CONTRAST}; show \
         the part with its outline inside the region"
    )]
    Flat {
        /// Standard deviation of its grey levels.
        got: f32,
    },
    /// It looks much the same where it is moved: along an edge, say, or on a pattern.
    #[error(
        "the part looks the same when it is moved {what} (match {got:.2} of 1), so its place is not known; choose a region \
         with something that is there once"
    )]
    Ambiguous {
        /// How it was moved.
        what: &'static str,
        /// The correlation there.
        got: f32,
    },
}

/// What a part looked like where it was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct PartTemplate {
    rectangle: [u32; 4],
    frame: (u32, u32),
    sizes: Vec<(u32, u32, Vec<u8>)>,
}

/// What a [`PartTemplate`] is made of, to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateParts {
    /// Left and top edge, width and height, in pixels of the frame.
    pub rectangle: [u32; 4],
    /// Width and height of the frame, in pixels.
    pub frame: (u32, u32),
    /// From coarse to fine: width, height and `[height][width]` grey levels.
    pub sizes: Vec<(u32, u32, Vec<u8>)>,
}

/// Where a part lies, beside where it was shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartPlace {
    /// Pixels of the frame that its centre moved to the right.
    pub x: f32,
    /// Pixels that it moved down.
    pub y: f32,
    /// Degrees that it was turned clockwise.
    pub degrees: f32,
    /// Correlation with what was shown, -1 to 1.
    pub matched: f32,
}

impl PartPlace {
    /// Whether it lies where it was shown, within half a pixel and half a degree.
    pub fn is_still(&self) -> bool {
        [self.x, self.y, self.degrees].iter().all(|change| change.abs() < 0.5)
    }

    /// Whether it is like enough to be the part.
    pub fn is_found(&self) -> bool {
        self.matched >= LEAST_MATCH
    }
}

impl std::fmt::Display for PartPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let across = if self.x < 0.0 { "left" } else { "right" };
        let down = if self.y < 0.0 { "up" } else { "down" };
        write!(
            f,
            "{:.1} px {across}, {:.1} px {down}, turned {:.1} degrees, match {:.2}",
            self.x.abs(),
            self.y.abs(),
            self.degrees,
            self.matched
        )
    }
}

/// A turn, and a shift in pixels of a size.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    degrees: f32,
    x: f32,
    y: f32,
    matched: f32,
}

impl PartTemplate {
    /// What is shown in a region of a frame.
    ///
    /// # Errors
    /// [`LocateError`]: the region does not fit, or what it shows has no place of its own.
    pub fn of(frame: &Frame, region: &Region) -> Result<Self, LocateError> {
        let (width, height) = (frame.width(), frame.height());
        let (left, top, across, down) = region.resolve(width, height)?;
        let rectangle = [left, top, across, down];
        let mut template = Self { rectangle, frame: (width, height), sizes: Vec::new() };
        let greys = template.surroundings(frame)?;
        for grey in &greys {
            let size = template.size(grey.scale);
            let levels = grey.turned(template.centre(grey), 0.0, size);
            let levels = levels.into_iter().map(|level| level.round() as u8).collect();
            template.sizes.push((size.0 as u32, size.1 as u32, levels));
        }
        let (.., finest) = &template.sizes[SIZES - 1];
        let count = finest.len() as f32;
        let mean = finest.iter().map(|level| f32::from(*level)).sum::<f32>() / count;
        let squares = finest.iter().map(|level| (f32::from(*level) - mean).powi(2)).sum::<f32>();
        let got = (squares / count).sqrt();
        if got < LEAST_CONTRAST {
            return Err(LocateError::Flat { got });
        }
        template.refuse_ambiguous(&greys[0])?;
        Ok(template)
    }

    /// To be stored.
    pub fn parts(&self) -> TemplateParts {
        let Self { rectangle, frame, sizes } = self.clone();
        TemplateParts { rectangle, frame, sizes }
    }

    /// From what [`PartTemplate::parts`] gave; `None` for what it would not give.
    pub fn of_parts(TemplateParts { rectangle, frame, sizes }: TemplateParts) -> Option<Self> {
        let [x, y, width, height] = rectangle;
        if frame.0.max(frame.1) > MAX_SIDE {
            return None;
        }
        Region::Pixels { x, y, width, height }.resolve(frame.0, frame.1).ok()?;
        let template = Self { rectangle, frame, sizes };
        let scale = template.finest_scale();
        // The coarsest first.
        let scales = [4.0 * scale, 2.0 * scale, scale];
        let is_whole = |((across, down, levels), scale): (&(u32, u32, Vec<u8>), f32)| {
            let (width, height) = template.size(scale);
            (*across as usize, *down as usize) == (width, height) && levels.len() == width * height
        };
        let sizes = template.sizes.iter().zip(scales);
        (template.sizes.len() == SIZES && sizes.into_iter().all(is_whole)).then_some(template)
    }

    /// Whether it was shown in that region.
    pub fn is_of(&self, region: &Region) -> bool {
        let shown = region.resolve(self.frame.0, self.frame.1);
        shown.is_ok_and(|(x, y, width, height)| self.rectangle == [x, y, width, height])
    }

    /// Pixels of the frame a pixel of the finest size.
    fn finest_scale(&self) -> f32 {
        let [.., width, height] = self.rectangle;
        (width.max(height) as f32 / FINEST as f32).max(1.0)
    }

    /// A quarter of its side away it must look like something else.
    fn refuse_ambiguous(&self, grey: &Grey) -> Result<(), LocateError> {
        const ALIKE: f32 = 0.9;
        let Some(wanted) = self.wanted(0) else { return Ok(()) };
        let (centre, size) = (self.centre(grey), self.size(grey.scale));
        let (across, down) = (size.0 as f32 / 4.0, size.1 as f32 / 4.0);
        let shifts = [
            (across, 0.0, "sideways"),
            (-across, 0.0, "sideways"),
            (0.0, down, "up or down"),
            (0.0, -down, "up or down"),
        ];
        for (x, y, what) in shifts {
            let got = correlation(&grey.turned((centre.0 + x, centre.1 + y), 0.0, size), &wanted);
            if got > ALIKE {
                return Err(LocateError::Ambiguous { what, got });
            }
        }
        Ok(())
    }

    /// The part of a frame in which it is searched for, from coarse to fine.
    fn surroundings(&self, frame: &Frame) -> Result<[Grey; SIZES], FrameError> {
        let (x, y, width, height) = self.window();
        let part = frame.region(&Region::Pixels { x, y, width, height })?;
        let fine = Grey::of(part.pixels(), (width, height), self.finest_scale());
        let middle = fine.halved();
        Ok([middle.halved(), middle, fine])
    }

    /// Left and top edge, width and height of that, in pixels of the frame: as far as the corners of a turned rectangle reach.
    fn window(&self) -> (u32, u32, u32, u32) {
        let [left, top, width, height] = self.rectangle;
        let margin = (width.max(height) as f32 * (MAX_SHIFT + 0.25)).ceil() as u32;
        let (x, y) = (left.saturating_sub(margin), top.saturating_sub(margin));
        let right = (left + width + margin).min(self.frame.0);
        let bottom = (top + height + margin).min(self.frame.1);
        (x, y, right - x, bottom - y)
    }

    /// Of the rectangle, in pixels made smaller.
    fn size(&self, scale: f32) -> (usize, usize) {
        let [.., width, height] = self.rectangle;
        let side = |pixels: u32| ((pixels as f32 / scale).round() as usize).max(2);
        (side(width), side(height))
    }

    /// The middle of the rectangle in the window, in pixels made smaller.
    fn centre(&self, grey: &Grey) -> (f32, f32) {
        let ((x, y, ..), [left, top, width, height]) = (self.window(), self.rectangle);
        let middle =
            |from: u32, length: u32| (from as f32 + length as f32 / 2.0) / grey.scale - 0.5;
        (middle(left - x, width), middle(top - y, height))
    }

    /// What is to be found, at one of the sizes, the coarsest first.
    fn wanted(&self, size: usize) -> Option<Vec<f32>> {
        let (.., levels) = self.sizes.get(size)?;
        normalised(&levels.iter().map(|level| f32::from(*level)).collect::<Vec<_>>())
    }

    /// Finds the part in a frame.
    ///
    /// * returns the likeliest place, see [`PartPlace::is_found`]; `None` for a frame of another size than the one that
    ///   the part was shown in, or one without any contrast.
    pub fn find(&self, frame: &Frame) -> Option<PartPlace> {
        if (frame.width(), frame.height()) != self.frame {
            return None;
        }
        let greys = self.surroundings(frame).ok()?;
        let wanted = (0..SIZES).map(|size| self.wanted(size)).collect::<Option<Vec<_>>>()?;
        let mut best = the_best(self.everywhere(&greys[0], &wanted[0]), KEPT);
        let (mut turn, mut kept) = (STEP_DEGREES, KEPT);
        for (grey, wanted) in greys.iter().zip(&wanted).skip(1) {
            (turn, kept) = (turn / 2.0, kept / 2);
            let finer = |one: Candidate| Candidate { x: one.x * 2.0, y: one.y * 2.0, ..one };
            // What is far behind does not catch up.
            let least = best.first().map_or(0.0, |best| best.matched - BEHIND);
            let near = best.into_iter().filter(|one| one.matched >= least).map(finer);
            best = the_best(near.map(|one| self.climb(grey, wanted, one, turn)).collect(), kept);
        }
        let finest = &greys[SIZES - 1];
        let best = self.between(finest, &wanted[SIZES - 1], *best.first()?, turn / 2.0);
        let Candidate { degrees, x, y, matched } = best;
        Some(PartPlace { x: x * finest.scale, y: y * finest.scale, degrees, matched })
    }

    /// Every shift at every turn.
    fn everywhere(&self, grey: &Grey, wanted: &[f32]) -> Vec<Candidate> {
        let ((width, height), centre) = (self.size(grey.scale), self.centre(grey));
        let reach = (MAX_SHIFT * width.max(height) as f32).ceil() as usize;
        let (across, down) = (width + 2 * reach, height + 2 * reach);
        let turns = (MAX_TURN_DEGREES / STEP_DEGREES).round() as i32;
        let mut found = Vec::new();
        for turn in -turns..=turns {
            let degrees = turn as f32 * STEP_DEGREES;
            let (sin, cos) = degrees.to_radians().sin_cos();
            let window = grey.turned(centre, degrees, (across, down));
            for top in 0..=2 * reach {
                for left in 0..=2 * reach {
                    let matched = correlation_at(&window, across, [left, top], wanted, width);
                    // The window is turned, so is its grid.
                    let (x, y) = (left as f32 - reach as f32, top as f32 - reach as f32);
                    found.push(Candidate {
                        degrees,
                        x: x * cos - y * sin,
                        y: x * sin + y * cos,
                        matched,
                    });
                }
            }
        }
        found
    }

    fn seen(&self, grey: &Grey, wanted: &[f32], degrees: f32, x: f32, y: f32) -> Candidate {
        let centre = self.centre(grey);
        let levels = grey.turned((centre.0 + x, centre.1 + y), degrees, self.size(grey.scale));
        Candidate { degrees, x, y, matched: correlation(&levels, wanted) }
    }

    /// From a place to better ones beside it, until there is none.
    fn climb(&self, grey: &Grey, wanted: &[f32], from: Candidate, turn: f32) -> Candidate {
        const MOST: usize = 12;
        let mut best = self.seen(grey, wanted, from.degrees, from.x, from.y);
        for (turn, step) in [(turn, 1.0), (turn / 2.0, STEP)] {
            for _ in 0..MOST {
                let at = best;
                for (degrees, x, y) in [
                    (turn, 0.0, 0.0),
                    (-turn, 0.0, 0.0),
                    (0.0, step, 0.0),
                    (0.0, -step, 0.0),
                    (0.0, 0.0, step),
                    (0.0, 0.0, -step),
                ] {
                    let other = self.seen(grey, wanted, at.degrees + degrees, at.x + x, at.y + y);
                    if other.matched > best.matched {
                        best = other;
                    }
                }
                if best.matched <= at.matched {
                    break;
                }
            }
        }
        best
    }

    /// Between the steps.
    fn between(&self, grey: &Grey, wanted: &[f32], best: Candidate, turn: f32) -> Candidate {
        let step = STEP;
        let along = |degrees: f32, x: f32, y: f32| {
            let [before, after] = [-1.0, 1.0].map(|way: f32| {
                self.seen(
                    grey,
                    wanted,
                    best.degrees + way * degrees,
                    best.x + way * x,
                    best.y + way * y,
                )
                .matched
            });
            let bend = before - 2.0 * best.matched + after;
            if bend < -1e-9 { ((before - after) / (2.0 * bend)).clamp(-0.5, 0.5) } else { 0.0 }
        };
        let (degrees, x, y) = (along(turn, 0.0, 0.0), along(0.0, step, 0.0), along(0.0, 0.0, step));
        let finer = self.seen(
            grey,
            wanted,
            best.degrees + degrees * turn,
            best.x + x * step,
            best.y + y * step,
        );
        if finer.matched > best.matched { finer } else { best }
    }

    /// The rectangle of a frame where the part lies now, turned as it is: as large as it was shown. Beyond the frame's edges,
    /// the edge goes on.
    ///
    /// * `frame`: of the size of the one that it was shown in.
    ///
    /// # Errors
    /// [`FrameError`] where no frame can be made of it.
    pub fn cut(&self, frame: &Frame, place: &PartPlace) -> Result<Frame, FrameError> {
        let [left, top, width, height] = self.rectangle;
        let middle = |from: u32, length: u32| from as f32 + length as f32 / 2.0 - 0.5;
        let (x, y) = (middle(left, width) + place.x, middle(top, height) + place.y);
        let size = (frame.width(), frame.height());
        let cut = turned_part(frame.pixels(), size, (x, y), place.degrees, (width, height));
        Frame::new(width, height, cut, frame.captured())
    }
}

/// Those that match best, none of them beside a better one.
fn the_best(mut found: Vec<Candidate>, count: usize) -> Vec<Candidate> {
    found.sort_by(|a, b| b.matched.total_cmp(&a.matched));
    let mut best: Vec<Candidate> = Vec::new();
    for one in found {
        let is_near = |other: &Candidate| {
            (one.x - other.x).abs() < 1.5
                && (one.y - other.y).abs() < 1.5
                && (one.degrees - other.degrees).abs() < 1.5 * STEP_DEGREES
        };
        if best.len() == count {
            break;
        }
        if !best.iter().any(is_near) {
            best.push(one);
        }
    }
    best
}

#[cfg(test)]
mod tests;
