//! Which images are of one burst: one look at one part, however many files it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::image::picture::{Sketch, exif::CaptureInfo};

/// Pictures of one camera are one burst where each was taken within so long of the one before.
const BURST_MICROS: i64 = 2_000_000;

/// Whether image files are of one burst.
pub(super) struct Shown<'a> {
    pub(super) file: &'a Path,
    /// When it was taken, where it says so.
    pub(super) taken: Option<CaptureInfo>,
    /// Its look; `None` where every image is to be a look of its own.
    pub(super) sketch: Option<Sketch>,
    /// The recording of sound that it is a window of; `None` where every window is to be a look of its own.
    pub(super) recording: Option<PathBuf>,
}

/// The number of each file's burst; those with the same number are of one.
pub(super) fn bursts(files: &[Shown<'_>]) -> Vec<u32> {
    // For each file an earlier one of its burst, itself where it is the first.
    let mut joined: Vec<usize> = (0..files.len()).collect();
    let join = |joined: &mut Vec<usize>, a: usize, b: usize| {
        let first = |mut at: usize| {
            while joined[at] != at {
                at = joined[at];
            }
            at
        };
        let (a, b) = (first(a), first(b));
        joined[a.max(b)] = a.min(b);
    };
    let mut order: Vec<usize> = (0..files.len()).filter(|&at| files[at].taken.is_some()).collect();
    order.sort_by(|&a, &b| files[a].taken.cmp(&files[b].taken));
    for pair in order.windows(2) {
        let (Some(before), Some(after)) = (&files[pair[0]].taken, &files[pair[1]].taken) else {
            continue;
        };
        let same = before.camera == after.camera;
        if same && after.micros - before.micros <= BURST_MICROS {
            join(&mut joined, pair[0], pair[1]);
        }
    }
    let mut named: BTreeMap<(PathBuf, String), usize> = BTreeMap::new();
    for (at, shown) in files.iter().enumerate() {
        let Some(name) = burst_in_name(shown.file) else { continue };
        let folder = shown.file.parent().unwrap_or(Path::new("")).to_owned();
        let first = *named.entry((folder, name)).or_insert(at);
        join(&mut joined, first, at);
    }
    let mut recordings: BTreeMap<&Path, usize> = BTreeMap::new();
    for (at, shown) in files.iter().enumerate() {
        let Some(recording) = &shown.recording else { continue };
        let first = *recordings.entry(recording).or_insert(at);
        join(&mut joined, first, at);
    }
    for (place, one) in files.iter().enumerate() {
        let Some(sketch) = &one.sketch else { continue };
        for (earlier, other) in files[..place].iter().enumerate() {
            // What lies in another folder is there because it is another thing.
            let same = one.file.parent() == other.file.parent();
            if same && other.sketch.as_ref().is_some_and(|other| sketch.is_of_same_look(other)) {
                join(&mut joined, earlier, place);
            }
        }
    }
    for at in 0..joined.len() {
        joined[at] = joined[joined[at]];
    }
    joined.into_iter().map(|first| u32::try_from(first).unwrap_or(u32::MAX)).collect()
}

/// Files that are named as frames of one video and yet count as looks of their own, where three or more do: the first,
/// the last, and how many.
///
/// * `bursts`: as [`bursts`] gives them. A file that says when it was taken is no frame of a video.
pub(super) fn of_a_video<'a>(
    files: &[Shown<'a>],
    bursts: &[u32],
) -> Option<(&'a Path, &'a Path, usize)> {
    const LEAST: usize = 3;
    const WORDS: [&str; 3] = ["frame", "video", "clip"];
    // Its number, it, and its look.
    type Numbered<'a> = (u64, &'a Path, u32);
    let mut videos: BTreeMap<(Option<&Path>, &str), Vec<Numbered>> = BTreeMap::new();
    let unnamed = |shown: &Shown| shown.taken.is_none() && shown.recording.is_none();
    for (shown, &burst) in files.iter().zip(bursts).filter(|(shown, _)| unnamed(shown)) {
        let Some(stem) = shown.file.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let before = stem.trim_end_matches(|c: char| c.is_ascii_digit());
        let Ok(number) = stem[before.len()..].parse() else { continue };
        if WORDS.iter().any(|word| before.to_ascii_lowercase().contains(word)) {
            let video = videos.entry((shown.file.parent(), before)).or_default();
            video.push((number, shown.file, burst));
        }
    }
    let found = videos.into_values().map(|mut frames| {
        frames.sort();
        let looks: BTreeSet<u32> = frames.iter().map(|(.., burst)| *burst).collect();
        (frames, looks.len())
    });
    let (frames, looks) = found.max_by_key(|(_, looks)| *looks)?;
    let ((_, first, _), (_, last, _)) = (frames.first()?, frames.last()?);
    (looks >= LEAST).then_some((*first, *last, looks))
}

/// What phones call the pictures of a burst has in common: `IMG_20240229_120000_BURST003.jpg` what stands before the
/// word, `00003IMG_00003_BURST20240229120000123.jpg` the time behind it. Numbers that follow each other are no burst.
fn burst_in_name(file: &Path) -> Option<String> {
    const WORD: &str = "_BURST";
    let stem = file.file_stem()?.to_str()?;
    let (before, after) = stem.split_once(WORD)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    Some(if digits.len() >= 8 { digits } else { before.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_video_are_found_by_their_names() {
        let taken = CaptureInfo { camera: "one".to_owned(), micros: 1 };
        let shown = |file: &'static str| Shown {
            file: Path::new(file),
            taken: None,
            sketch: None,
            recording: None,
        };
        let files = ["a/frame_0009.png", "a/frame_0010.png", "a/frame_0030.png", "a/part-1.png"];
        let files = files.map(shown);
        let found = of_a_video(&files, &[0, 1, 2, 3]);
        assert_eq!(found, Some((files[0].file, files[2].file, 3)));
        // Of one look, or fewer than three.
        assert_eq!(of_a_video(&files, &[0, 0, 2, 3]), None);
        let parts = ["a/part-1.png", "a/part-2.png", "a/part-3.png", "b/frame.png"].map(shown);
        assert_eq!(of_a_video(&parts, &[0, 1, 2, 3]), None);
        let photos = files.map(|one| Shown { taken: Some(taken.clone()), ..one });
        assert_eq!(of_a_video(&photos, &[0, 1, 2, 3]), None);
    }

    #[test]
    fn files_are_of_one_burst_by_time_or_by_name() {
        let taken = |camera: &str, seconds: f64| {
            Some(CaptureInfo { camera: camera.to_owned(), micros: (seconds * 1e6) as i64 })
        };
        let cases = [
            ("a/1.jpg", taken("one", 10.0), 0),
            ("a/2.jpg", taken("one", 14.5), 1),
            // Within two seconds of the first by way of the next.
            ("a/3.jpg", taken("one", 13.0), 0),
            ("a/4.jpg", taken("one", 11.5), 0),
            ("a/5.jpg", taken("two", 10.5), 4),
            ("a/IMG_1_BURST001.jpg", None, 5),
            ("a/IMG_1_BURST002_COVER.jpg", None, 5),
            ("b/IMG_1_BURST003.jpg", None, 7),
            ("a/00000IMG_00000_BURST20240229120000123.jpg", None, 8),
            ("a/00001IMG_00001_BURST20240229120000123_COVER.jpg", None, 8),
            ("a/part-1.jpg", None, 10),
            ("a/part-2.jpg", None, 11),
        ];
        let files: Vec<Shown> = cases
            .iter()
            .map(|(file, taken, _)| Shown {
                file: Path::new(file),
                taken: taken.clone(),
                sketch: None,
                recording: None,
            })
            .collect();
        let wanted: Vec<u32> = cases.iter().map(|case| case.2).collect();
        // 13.0 and 14.5 are within two seconds, too.
        let wanted: Vec<u32> =
            wanted.into_iter().map(|one| if one == 1 { 0 } else { one }).collect();
        assert_eq!(bursts(&files), wanted);
        let window = |file: &'static str, recording: &str| Shown {
            file: Path::new(file),
            taken: None,
            sketch: None,
            recording: Some(recording.into()),
        };
        let windows = [("a.wav#t=0", "a.wav"), ("b.wav", "b.wav"), ("a.wav#t=1", "a.wav")];
        assert_eq!(bursts(&windows.map(|(file, of)| window(file, of))), [0, 1, 0]);
    }
}
