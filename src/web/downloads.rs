//! Images as ZIP files: made while they are read, an image at a time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use super::body::Refusal;
use super::pieces::{Pieces, Source};
use super::state::{App, Client, NoAnswer};
use crate::learn::command::Reply;
use crate::protocol::inbox_table::{image_name, inbox_table};
use crate::protocol::request::{
    Answer, ExamplePicture, Inbox, InboxPicture, ListExamples, Of, Refused, Request,
};
use crate::util::archive::Archive;

/// How long a download waits where others have the device.
const BUSY: Duration = Duration::from_millis(500);

/// What can be downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Download {
    /// The images of the examples, a folder a class.
    Images,
    /// The inbox, with a table of what was predicted.
    Inbox,
}

impl Download {
    /// By the last part of its path.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "images.zip" => Some(Self::Images),
            "inbox.zip" => Some(Self::Inbox),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Images => "images.zip",
            Self::Inbox => "inbox.zip",
        }
    }

    fn list(self) -> Request {
        match self {
            Self::Images => ListExamples { class: None }.into(),
            Self::Inbox => Inbox.into(),
        }
    }

    fn picture(self, id: u64) -> Request {
        match self {
            Self::Images => ExamplePicture { example: id }.into(),
            Self::Inbox => InboxPicture { id }.into(),
        }
    }
}

/// One ZIP file on its way.
struct Zip {
    app: Arc<App>,
    client: Client,
    region: Option<String>,
    download: Download,
    /// Ids and names of what is still to come, the next one last.
    left: Vec<(u64, String)>,
    /// What stands behind the images.
    table: Option<String>,
    archive: Option<Archive>,
    _place: OwnedSemaphorePermit,
}

impl Zip {
    async fn ask(&self, request: Request) -> Result<Answer, NoAnswer> {
        let request = match &self.region {
            Some(region) => Of::new(region.clone(), request).into(),
            None => request,
        };
        self.app.ask(self.client.clone(), request).await
    }
}

impl Source for Zip {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let mut archive = self.archive.take()?;
        while let Some((id, name)) = self.left.pop() {
            match self.ask(self.download.picture(id)).await {
                Ok(Answer::Picture { file, .. }) => {
                    let bytes = archive.file(&name, &file);
                    return Some((bytes.into(), Self { archive: Some(archive), ..self }));
                }
                Err(NoAnswer::Busy) => {
                    self.left.push((id, name));
                    sleep(BUSY).await;
                }
                // It has none, or made room meanwhile.
                Ok(_) | Err(NoAnswer::Refused(_)) => {}
            }
        }
        let table =
            self.table.take().map(|table| archive.file("predictions.csv", table.as_bytes()));
        let bytes = [table.unwrap_or_default(), archive.end()].concat();
        Some((bytes.into(), self))
    }
}

/// A class's name is a single word; one that a file of before brought is made one.
fn folder(class: &str) -> String {
    let is_plain = |c: &char| !c.is_control() && !"/\\:".contains(*c);
    let plain: String = class.chars().map(|c| if is_plain(&c) { c } else { '_' }).collect();
    if plain.starts_with('.') { format!("class-{plain}") } else { plain }
}

pub(super) async fn serve(
    app: &Arc<App>,
    client: Client,
    region: Option<String>,
    download: Download,
) -> Result<Response, Refusal> {
    let busy = |what: &str| (StatusCode::SERVICE_UNAVAILABLE, what.to_owned());
    let place = Arc::clone(&app.downloads).try_acquire_owned();
    let place = place.map_err(|_| busy("other downloads go on; ask again"))?;
    let zip = Zip {
        app: Arc::clone(app),
        client,
        region,
        download,
        left: Vec::new(),
        table: None,
        archive: Some(Archive::default()),
        _place: place,
    };
    let (mut left, table): (Vec<(u64, String)>, _) = match zip.ask(download.list()).await {
        Ok(Answer::Reply(Reply::Examples(examples))) => {
            let one = |example: &crate::learn::command::ExampleSummary| {
                let id = example.id.0;
                (id, format!("{}/{id}.jpg", folder(&example.class)))
            };
            (examples.iter().map(one).collect(), None)
        }
        Ok(Answer::Inbox(frames)) => {
            let left = frames.iter().map(|frame| (frame.id, image_name(frame.id)));
            (left.collect(), Some(inbox_table(&frames)))
        }
        Ok(_) => (Vec::new(), None),
        Err(NoAnswer::Busy) => return Err(busy("too many requests wait; ask again")),
        Err(NoAnswer::Refused(Refused(why))) => return Err((StatusCode::CONFLICT, why)),
    };
    left.reverse();
    let body = Pieces::of(Zip { left, table, ..zip });
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", download.name())),
    ];
    Ok((headers, Body::new(body)).into_response())
}
