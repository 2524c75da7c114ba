//! What a taught learner makes of labelled images that it has never seen.

use super::{Spread, mean_interval, share_interval};

/// Counts of what images were taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdout {
    taught: Vec<String>,
    folders: Vec<Folder>,
}

/// Images of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    /// What they are.
    pub name: String,
    /// Place among the taught classes; `None` for what was never taught, which should be unknown.
    pub class: Option<usize>,
    /// `[taught + 1]`: how often they were taken for each class, and last for unknown.
    pub counts: Vec<u64>,
}

impl Folder {
    /// How many were classified.
    pub fn classified(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many were right: their class, or unknown where it was never taught.
    pub fn right(&self) -> u64 {
        self.class.map_or_else(|| self.unknown(), |class| self.counts[class])
    }

    /// How many were called unknown.
    pub fn unknown(&self) -> u64 {
        self.counts.last().copied().unwrap_or(0)
    }

    /// Share that was right, 0 to 1; `None` of nothing.
    pub fn recall(&self) -> Option<f64> {
        share(self.right(), self.classified())
    }

    /// In which the true share lies with 90 % probability.
    pub fn interval(&self) -> Option<(f64, f64)> {
        share_interval(self.right(), self.classified())
    }
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

impl Holdout {
    /// Nothing classified yet.
    ///
    /// * `taught`: names of the taught classes; `folders`: of what will be classified.
    pub fn new(taught: &[String], folders: &[String]) -> Self {
        let folder = |name: &String| Folder {
            name: name.clone(),
            class: taught.iter().position(|class| class == name),
            counts: vec![0; taught.len() + 1],
        };
        Self { taught: taught.to_vec(), folders: folders.iter().map(folder).collect() }
    }

    /// Counts an image.
    ///
    /// * `folder`: its place among the folders.
    /// * `verdict`: place of the class among the taught ones, `None` for unknown.
    /// * returns whether that is right.
    pub fn add(&mut self, folder: usize, verdict: Option<usize>) -> bool {
        let unknown = self.taught.len();
        let folder = &mut self.folders[folder];
        folder.counts[verdict.unwrap_or(unknown)] += 1;
        verdict == folder.class
    }

    /// Names of the taught classes.
    pub fn taught(&self) -> &[String] {
        &self.taught
    }

    /// What was classified.
    pub fn folders(&self) -> &[Folder] {
        &self.folders
    }

    /// Mean recall of the taught classes, an unknown counting as a mistake, 0 to 1; `None` if none of their images was
    /// classified.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        mean(self.folders.iter().filter(|one| one.class.is_some()).map(Folder::recall))
    }

    /// In which the true one lies with 90 % probability, see [`mean_interval`].
    pub fn interval(&self) -> Option<(f64, f64)> {
        let taught = self.folders.iter().filter(|one| one.class.is_some());
        let shares: Vec<(u64, u64)> = taught.map(|one| (one.right(), one.classified())).collect();
        mean_interval(&shares)
    }

    /// Mean share of the taught classes' images that were called unknown, 0 to 1.
    pub fn false_rejections(&self) -> Option<f64> {
        let taught = self.folders.iter().filter(|one| one.class.is_some());
        mean(taught.map(|one| share(one.unknown(), one.classified())))
    }

    /// Mean share of the images of what was never taught that were called unknown, 0 to 1.
    pub fn caught(&self) -> Option<f64> {
        mean(self.folders.iter().filter(|one| one.class.is_none()).map(Folder::recall))
    }
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    Spread::of(&values.flatten().collect::<Vec<_>>()).map(|spread| spread.mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_counted_by_hand() {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let (taught, folders) = (names(&["bad", "good", "rare"]), names(&["dent", "good", "bad"]));
        let mut holdout = Holdout::new(&taught, &folders);
        // A dent, never taught: unknown is right.
        let verdicts = [(0, None), (0, None), (0, None), (0, Some(0))];
        assert_eq!(verdicts.map(|(f, v)| holdout.add(f, v)), [true, true, true, false]);
        for (folder, verdict) in [(1, Some(1)), (1, Some(1)), (1, None), (1, Some(0)), (2, Some(0))]
        {
            holdout.add(folder, verdict);
        }
        assert_eq!(holdout.folders()[1].counts, [1, 2, 0, 1]);
        assert_eq!(holdout.folders()[1].recall(), Some(0.5));
        assert_eq!(holdout.balanced_accuracy(), Some(0.75));
        assert_eq!(holdout.false_rejections(), Some(0.125));
        assert_eq!(holdout.caught(), Some(0.75));
        let (low, high) = holdout.interval().expect("two classes were classified");
        assert!(low < 0.75 && 0.75 < high, "{low} {high}");
        assert_eq!(Holdout::new(&taught, &folders).balanced_accuracy(), None);
    }
}
