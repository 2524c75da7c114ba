//! The images of examples: never held in memory with what was learned, shared by states that can
//! be rolled back to, and kept within a budget of their own.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use super::StoreFault;
use super::rows::{Blob, Counters, ExampleRow, ImageCounters};
use super::tables::{NewImages, Of, Rows, Tables};
use crate::learn::examples::{ImageMark, Images};
use crate::learn::head::ExampleId;
use crate::store::snapshot::v2::{StoredBody, StoredChange, StoredMark};

/// A full table is brought this part of its budget below it, so that not every teach has to look for what can go.
const SPARE: u64 = 16;

/// The key of what is kept of the images.
const COUNTERS: &str = "images";

impl Tables<'_> {
    /// * returns its number.
    pub(super) fn put_image(
        &mut self,
        file: &[u8],
        counters: &mut Counters,
    ) -> Result<u64, StoreFault> {
        let number = counters.next_blob;
        counters.next_blob += 1;
        self.contents.put(Of::Image, number, file)?;
        let mut images = self.image_counters()?;
        images.bytes += file.len() as u64;
        self.put(COUNTERS, &images)?;
        Ok(number)
    }

    pub(super) fn image_counters(&self) -> Result<ImageCounters, StoreFault> {
        Ok(self.optional(COUNTERS)?.unwrap_or_default())
    }

    pub(super) fn remove_images(
        &mut self,
        numbers: impl IntoIterator<Item = u64>,
    ) -> Result<(), StoreFault> {
        let mut counters = self.image_counters()?;
        for number in numbers {
            let bytes = self.contents.remove(Of::Image, number)?;
            counters.bytes = counters.bytes.saturating_sub(bytes);
        }
        self.put(COUNTERS, &counters)
    }

    /// The number of an image of a new example: it comes with it, or is that of an example that goes.
    pub(super) fn image_for(
        &mut self,
        mark: StoredMark,
        given: &Images,
        moved: &BTreeMap<StoredMark, u64>,
        counters: &mut Counters,
    ) -> Result<Option<u64>, StoreFault> {
        match given.get(&ImageMark::from(mark)) {
            Some(file) => self.put_image(file, counters).map(Some),
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

    /// Bytes of each image, by its number.
    fn image_lengths(&self) -> Result<BTreeMap<u64, u64>, StoreFault> {
        let mut lengths = BTreeMap::new();
        for number in self.rows_with_image()?.into_keys() {
            let length = self.contents.length(Of::Image, number)?;
            lengths.extend(length.map(|length| (number, length)));
        }
        Ok(lengths)
    }

    /// Rows of examples by the number of their image, also of those that generations and undo steps refer to.
    fn rows_with_image(&self) -> Result<BTreeMap<u64, ExampleRow>, StoreFault> {
        let mut rows: Vec<ExampleRow> = self.held()?;
        rows.extend(self.state()?.examples.into_iter().map(|(_, row)| row));
        Ok(rows.into_iter().filter_map(|row| Some((row.image?, row))).collect())
    }

    /// Where there are more bytes of images than may be, those go first that only a generation or an undo could bring
    /// back, then the oldest of the class that has most.
    pub(super) fn trim_images(&mut self, budget: u64) -> Result<(), StoreFault> {
        let counters = self.image_counters()?;
        if counters.bytes <= budget {
            return Ok(());
        }
        let mut over = counters.bytes.saturating_sub(budget - budget / SPARE);
        let lengths = self.image_lengths()?;
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
            if let Some(file) = self.contents.get(Of::Image, number)? {
                each(ExampleId(id), &file);
            }
        }
        Ok(())
    }

    /// Every image is the one of its example.
    pub(super) fn check_images(&self) -> Result<(), StoreFault> {
        let mut bytes = 0;
        for (number, row) in self.rows_with_image()? {
            // Some may have made room.
            let Some(file) = self.contents.get(Of::Image, number)? else { continue };
            bytes += file.len() as u64;
            if self.mark(&row)? != Some(ImageMark::of(&file).into()) {
                let what = format!("image {number} is not the one of its example");
                return Err(StoreFault::Damaged(what));
            }
        }
        let counted = self.image_counters()?.bytes;
        match counted == bytes {
            true => Ok(()),
            false => Err(StoreFault::Damaged(format!(
                "{bytes} bytes of images are counted as {counted}"
            ))),
        }
    }
}
