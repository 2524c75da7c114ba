//! The images of examples, in a table of their own: never held in memory with what was learned, shared by states that can
//! be rolled back to, and kept within a budget of their own.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use super::StoreFault;
use super::rows::{Blob, ExampleRow, ImageCounters};
use super::tables::{NewImages, Rows, Tables};
use crate::learn::examples::{ImageMark, Images};
use crate::learn::head::ExampleId;
use crate::store::snapshot::v2::{StoredBody, StoredChange, StoredMark};

/// A full table is brought this part of its budget below it, so that not every teach has to look for what can go.
const SPARE: u64 = 16;

/// The key of what is kept of the images.
const COUNTERS: &str = "images";

impl Tables<'_> {
    /// * returns its number.
    pub(super) fn put_image(&mut self, file: &[u8]) -> Result<u64, StoreFault> {
        let mut counters: ImageCounters = self.optional(COUNTERS)?.unwrap_or_default();
        let number = counters.next;
        self.images.put(number, file)?;
        counters.next += 1;
        counters.bytes += file.len() as u64;
        self.put(COUNTERS, &counters)?;
        Ok(number)
    }

    pub(super) fn remove_images(
        &mut self,
        numbers: impl IntoIterator<Item = u64>,
    ) -> Result<(), StoreFault> {
        let mut counters: ImageCounters = self.optional(COUNTERS)?.unwrap_or_default();
        for number in numbers {
            counters.bytes = counters.bytes.saturating_sub(self.images.remove(number)?);
        }
        self.put(COUNTERS, &counters)
    }

    /// The number of an image of a new example: it comes with it, or is that of an example that goes.
    pub(super) fn image_for(
        &mut self,
        mark: StoredMark,
        given: &Images,
        moved: &BTreeMap<StoredMark, u64>,
    ) -> Result<Option<u64>, StoreFault> {
        match given.get(&ImageMark::from(mark)) {
            Some(file) => self.put_image(file).map(Some),
            None => Ok(moved.get(&mark).copied()),
        }
    }

    /// Notes the image of an example that goes, where one that comes may have the same.
    pub(super) fn note_image(
        &self,
        row: &ExampleRow,
        images: &mut NewImages<'_>,
    ) -> Result<(), StoreFault> {
        if let Some(number) = row.image.filter(|_| !images.wanted.is_empty())
            && let Some(mark) = self.mark(row)?.filter(|mark| images.wanted.contains(mark))
        {
            images.moved.insert(mark, number);
        }
        Ok(())
    }

    fn mark(&self, row: &ExampleRow) -> Result<Option<StoredMark>, StoreFault> {
        let what = || format!("blob {}", row.blob);
        let Some(bytes) = self.blob_bytes(row.blob)? else { return Ok(None) };
        Ok(Blob::decode(&bytes, what)?.image)
    }

    /// Numbers of the images that a state to be written has and that do not come with it.
    pub(super) fn images_there(
        &self,
        body: &StoredBody,
        images: &Images,
    ) -> Result<BTreeMap<StoredMark, u64>, StoreFault> {
        let brought_back = body.undo.iter().flat_map(|step| &step.0);
        let brought_back = brought_back.filter_map(StoredChange::example);
        let marks = body.examples.iter().chain(brought_back).filter_map(|example| example.image);
        let wanted: BTreeSet<StoredMark> =
            marks.filter(|mark| !images.contains_key(&ImageMark::from(*mark))).collect();
        let mut there = BTreeMap::new();
        if wanted.is_empty() {
            return Ok(there);
        }
        // Not its whole state: a store that is being made has no head yet.
        let learned: Vec<(u64, ExampleRow)> = self.rows_of(Rows::Examples)?;
        let learned = learned.into_iter().map(|(_, row)| row);
        for row in learned.chain(self.held()?) {
            if let Some(number) = row.image
                && let Some(mark) = self.mark(&row)?.filter(|mark| wanted.contains(mark))
            {
                there.insert(mark, number);
            }
        }
        Ok(there)
    }

    /// Where there are more bytes of images than may be, those go first that only a generation or an undo could bring
    /// back, then the oldest of the class that has most.
    pub(super) fn trim_images(&mut self, budget: u64) -> Result<(), StoreFault> {
        let counters: ImageCounters = self.optional(COUNTERS)?.unwrap_or_default();
        if counters.bytes <= budget {
            return Ok(());
        }
        let mut over = counters.bytes.saturating_sub(budget - budget / SPARE);
        let lengths = self.images.lengths()?;
        let mut classes: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        let mut learned = BTreeSet::new();
        for (_, row) in self.state()?.examples {
            if let Some(number) = row.image.filter(|number| lengths.contains_key(number)) {
                learned.insert(number);
                classes.entry(row.class).or_default().insert(number);
            }
        }
        // The fullest class on top; numbers rise with time.
        let mut fullest: BinaryHeap<(usize, VecDeque<u64>)> = classes
            .into_values()
            .map(|numbers| (numbers.len(), numbers.into_iter().collect()))
            .collect();
        let mut others = lengths.keys().copied().filter(|number| !learned.contains(number));
        let mut gone = Vec::new();
        while over > 0 {
            let next = others.next().or_else(|| {
                let (count, mut numbers) = fullest.pop()?;
                let oldest = numbers.pop_front()?;
                fullest.push((count - 1, numbers));
                Some(oldest)
            });
            let Some(number) = next else { break };
            over = over.saturating_sub(lengths.get(&number).copied().unwrap_or(0));
            gone.push(number);
        }
        self.remove_images(gone)
    }

    /// See [`super::Store::images`].
    pub(super) fn each_image(
        &self,
        of: Option<&[ExampleId]>,
        each: &mut dyn FnMut(ExampleId, &[u8]),
    ) -> Result<(), StoreFault> {
        if self.is_new()? {
            return Ok(());
        }
        let rows: Vec<(u64, ExampleRow)> = match of {
            None => self.rows_of(Rows::Examples)?,
            Some(of) => {
                // In the order of their ids, none twice; what a reader asks for one by one takes no look at all others.
                let wanted: BTreeSet<u64> = of.iter().map(|id| id.0).collect();
                let rows = wanted.into_iter().map(|id| Ok(Some(id).zip(self.example(id)?)));
                rows.filter_map(Result::transpose).collect::<Result<_, StoreFault>>()?
            }
        };
        for (id, row) in rows {
            let Some(number) = row.image else { continue };
            if let Some(file) = self.images.get(number)? {
                each(ExampleId(id), &file);
            }
        }
        Ok(())
    }

    /// Every image is the one of its example, and every one is of some example.
    ///
    /// * `used`: numbers of those that examples, generations and undo steps refer to; some may have made room.
    pub(super) fn check_images(&self, used: &BTreeSet<u64>) -> Result<(), StoreFault> {
        let mut rows: Vec<ExampleRow> = self.held()?;
        rows.extend(self.state()?.examples.into_iter().map(|(_, row)| row));
        let by_number: BTreeMap<u64, ExampleRow> =
            rows.into_iter().filter_map(|row| Some((row.image?, row))).collect();
        let (mut bytes, mut idle) = (0, 0);
        self.images.check()?;
        for number in self.images.numbers()? {
            let file = self.images.get(number)?.unwrap_or_default();
            bytes += file.len() as u64;
            let Some(row) = by_number.get(&number).filter(|_| used.contains(&number)) else {
                idle += 1;
                continue;
            };
            if self.mark(row)? != Some(ImageMark::of(&file).into()) {
                let what = format!("image {number} is not the one of its example");
                return Err(StoreFault::Damaged(what));
            }
        }
        let counted = self.optional::<ImageCounters>(COUNTERS)?.unwrap_or_default().bytes;
        match idle == 0 && counted == bytes {
            true => Ok(()),
            false => Err(StoreFault::Damaged(format!(
                "{idle} images belong to nothing, and {bytes} bytes of images are counted as {counted}"
            ))),
        }
    }
}
