//! `fieldtune ctl recent`: the pictures of the frames that were classified last.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::CtlCommand;
use crate::cli::output::write_whole;
use crate::cli::test::sheet;
use crate::cli::{Context, Exit, Failed};
use crate::image::frame::Timestamp;
use crate::image::picture;
use crate::learn::learner::UNKNOWN;
use crate::protocol::request::{Answer, Classification, Recent, RecentPicture};
use crate::protocol::{console, json};

impl CtlCommand {
    /// Fetches the pictures of the frames that were classified last, into a folder, onto a sheet, or both.
    pub(super) fn recent(
        &self,
        folder: Option<&Path>,
        unsure_first: bool,
        context: &Context,
    ) -> anyhow::Result<Exit> {
        let mut link = self.link()?;
        let quiet = Context { progress: false };
        let answer = self.ask(&mut link, &Recent { unsure_first }.into(), &quiet)?;
        let Answer::Recent(frames) = &answer else {
            bail!("unexpected answer of the device, wanted a list of frames");
        };
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let mut rows = console::answer(&answer);
        rows.pop();
        let (mut tiles, mut told, mut gone) = (Vec::new(), Vec::new(), 0);
        let bar = context.bar(frames.len() as u64, "fetching");
        for (frame, row) in frames.iter().zip(rows) {
            bar.inc(1);
            let request = RecentPicture { frame: frame.number }.into();
            let bytes = match self.ask(&mut link, &request, &quiet) {
                Ok(Answer::Picture { file, .. }) => file,
                Ok(_) => bail!("unexpected answer of the device, wanted an image"),
                Err(error) if error.downcast_ref::<Failed>().is_some() => return Err(error),
                // It has made room for a newer one meanwhile.
                Err(error) => {
                    gone += 1;
                    let number = frame.number;
                    let why = format!("frame {number} is gone, left out: {error:#}");
                    bar.suspend(|| eprintln!("warning: {why}"));
                    continue;
                }
            };
            let class = match &frame.classification {
                Some(classification) => classification.class.as_deref().unwrap_or(UNKNOWN),
                None => "untaught",
            };
            let mut row = row;
            let one = Answer::Recent(vec![frame.clone()]);
            let mut object = json::answer(&one)[0].take();
            if let Some(folder) = folder {
                // A device may call a class anything.
                let plain = |c: char| c.is_alphanumeric() || "-_+".contains(c);
                let class: String = class.chars().map(|c| if plain(c) { c } else { '_' }).collect();
                let file = folder.join(format!("frame-{:06}-{class}.jpg", frame.number));
                write_whole(&file, &bytes)?;
                let place = file.display().to_string();
                object = json::with(object, "picture", place.as_str().into());
                row = row.with("picture", place.as_str());
            }
            if self.sheet.is_some() && tiles.len() < sheet::MOST {
                let small = picture::decode(&bytes, "the answer of the device", Timestamp(0))?;
                let sure = frame.classification.as_ref().and_then(Classification::shown_confidence);
                let sure = sure.map(|confidence| confidence * 100.0);
                let sure = sure.map_or_else(String::new, |percent| format!("{percent:.0} %"));
                tiles.push(([format!("{} {class}", frame.number), sure], small));
            }
            match self.json {
                true => told.push(object),
                false => bar.suspend(|| println!("{row}")),
            }
        }
        bar.finish_and_clear();
        if let Some(file) = &self.sheet {
            let order = if unsure_first { "the least sure first" } else { "the newest first" };
            let title = format!("{} frames that were classified, {order}", tiles.len());
            write_whole(file, &picture::png(&sheet::draw(&title, &tiles)))?;
        }
        if self.json {
            println!("{}", serde_json::Value::Array(told));
            return Ok(Exit::Done);
        }
        let last = console::Row::new("ok").with("frames", frames.len() - gone);
        println!("{}", if gone > 0 { last.with("gone", gone) } else { last });
        Ok(Exit::Done)
    }
}
