//! The boot partition of a Raspberry Pi: the first one, FAT, which any machine reads.

use std::fs::{self, File};
use std::io::{Read as _, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use fatfs::{Date, DateTime, FileSystem, FsOptions, Time, TimeProvider};
use fscommon::{BufStream, StreamSlice};

/// Where the boot partition is in an image, in bytes: from, to.
///
/// * `first`: the first sector.
///
/// # Errors
/// There is no table of partitions, or its first is not FAT.
pub(super) fn place(first: &[u8], bytes: u64) -> anyhow::Result<(u64, u64)> {
    const WANTED: &str = "wanted an image of Raspberry Pi OS, whose first partition is FAT";
    if first.len() < 512 || first[510..512] != [0x55, 0xaa] {
        bail!("it has no table of partitions; {WANTED}");
    }
    let entry = &first[446..462];
    let number = |at: usize| u64::from(u32::from_le_bytes([0, 1, 2, 3].map(|i| entry[at + i])));
    let (kind, from, length) = (entry[4], number(8) * 512, number(12) * 512);
    if ![0x06, 0x0b, 0x0c, 0x0e].contains(&kind) {
        bail!("its first partition is of type 0x{kind:02x}; {WANTED}");
    }
    if length == 0 || from + length > bytes {
        bail!("its first partition ends behind its end, at {}; {WANTED}", from + length);
    }
    Ok((from, from + length))
}

/// A boot partition that files are put on.
pub(super) trait Boot {
    /// The content of a file in the root folder; `None` where there is none.
    fn read(&mut self, name: &str) -> anyhow::Result<Option<Vec<u8>>>;

    /// Puts a file there, in place of what it was.
    fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()>;

    /// Takes the files away whose names begin so.
    fn clear(&mut self, prefix: &str) -> anyhow::Result<()>;

    /// Nothing is left to be written.
    fn finish(self) -> anyhow::Result<()>;
}

/// The same inputs give the same bytes; a FAT file system has to have some date, and this is its first.
#[derive(Debug)]
struct NoClock;

impl TimeProvider for NoClock {
    fn get_current_date(&self) -> Date {
        Date { year: 1980, month: 1, day: 1 }
    }

    fn get_current_date_time(&self) -> DateTime {
        let time = Time { hour: 0, min: 0, sec: 0, millis: 0 };
        DateTime { date: self.get_current_date(), time }
    }
}

/// That of a disk or of an image.
pub(super) struct Partition(FileSystem<BufStream<StreamSlice<File>>>);

impl Partition {
    pub(super) fn open(file: File, (from, to): (u64, u64)) -> anyhow::Result<Self> {
        let slice = StreamSlice::new(file, from, to).context("its boot partition")?;
        let options = FsOptions::new().time_provider(&NoClock);
        let system = FileSystem::new(BufStream::new(slice), options);
        Ok(Self(system.context("its boot partition is no FAT file system")?))
    }
}

impl Boot for Partition {
    fn read(&mut self, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self.0.root_dir().open_file(name) {
            Ok(mut file) => {
                file.read_to_end(&mut bytes).map(|_| Some(bytes)).context(name.to_owned())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(name.to_owned()),
        }
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let root = self.0.root_dir();
        let free = self
            .0
            .stats()
            .map(|stats| u64::from(stats.free_clusters()) * u64::from(stats.cluster_size()));
        let free = free.context("its boot partition")?;
        let mut file = root.create_file(name).with_context(|| name.to_owned())?;
        let old = file.seek(SeekFrom::End(0)).with_context(|| name.to_owned())?;
        if free + old < bytes.len() as u64 {
            bail!("{name} has {} bytes, the boot partition has {free} left", bytes.len());
        }
        file.seek(SeekFrom::Start(0))?;
        file.truncate()?;
        file.write_all(bytes).with_context(|| name.to_owned())?;
        file.flush().with_context(|| name.to_owned())
    }

    fn clear(&mut self, prefix: &str) -> anyhow::Result<()> {
        let root = self.0.root_dir();
        let names = root.iter().map(|entry| entry.map(|entry| entry.file_name()));
        let names: Vec<_> = names.collect::<Result<_, _>>().context("its boot partition")?;
        for name in names.iter().filter(|name| name.starts_with(prefix)) {
            root.remove(name).with_context(|| name.clone())?;
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        self.0.unmount().context("its boot partition")
    }
}

/// That of a card which is mounted here.
pub(super) struct Mounted(pub(super) PathBuf);

impl Boot for Mounted {
    fn read(&mut self, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let path = self.0.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.0.join(name);
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().with_context(|| path.display().to_string())
    }

    fn clear(&mut self, prefix: &str) -> anyhow::Result<()> {
        let shown = || self.0.display().to_string();
        for entry in fs::read_dir(&self.0).with_context(shown)? {
            let entry = entry.with_context(shown)?;
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                fs::remove_file(entry.path())
                    .with_context(|| entry.path().display().to_string())?;
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        let folder: &Path = &self.0;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .with_context(|| folder.display().to_string())
    }
}
