//! `fieldtune ctl inbox export`: the frames that wait for a person, as files.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::CtlCommand;
use crate::cli::output::write_whole;
use crate::cli::{Context, Exit, Failed};
use crate::protocol::inbox_table::{image_name, inbox_table};
use crate::protocol::request::{Answer, Inbox, InboxPicture};
use crate::protocol::{console, json};

impl CtlCommand {
    /// Fetches the images of the inbox into a folder, with a table of what was predicted.
    pub(super) fn export_inbox(&self, folder: &Path, context: &Context) -> anyhow::Result<Exit> {
        let mut link = self.link()?;
        let quiet = Context { progress: false };
        let Answer::Inbox(frames) = self.ask(&mut link, &Inbox.into(), &quiet)? else {
            bail!("unexpected answer of the device, wanted a list of frames");
        };
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let mut kept = Vec::with_capacity(frames.len());
        let bar = context.bar(frames.len() as u64, "fetching");
        for frame in &frames {
            bar.inc(1);
            match self.ask(&mut link, &InboxPicture { id: frame.id }.into(), &quiet) {
                Ok(Answer::Picture { file, .. }) => {
                    write_whole(&folder.join(image_name(frame.id)), &file)?;
                    kept.push(frame);
                }
                Ok(_) => bail!("unexpected answer of the device, wanted an image"),
                Err(error) if error.downcast_ref::<Failed>().is_some() => return Err(error),
                // It was taught, dropped or made room meanwhile.
                Err(error) => bar.suspend(|| eprintln!("warning: left out: {error:#}")),
            }
        }
        bar.finish_and_clear();
        let table = folder.join("predictions.csv");
        write_whole(&table, inbox_table(kept.iter().copied()).as_bytes())?;
        if self.json {
            let frames = Answer::Inbox(kept.into_iter().cloned().collect());
            println!("{}", json::answer(&frames));
        } else {
            let row = console::Row::new("ok").with("frames", kept.len());
            println!("{}", row.with("table", table.display().to_string().as_str()));
        }
        Ok(Exit::Done)
    }
}
