//! Requests over HTTP: read, asked, answered.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::body::{self, FIELDS, Refusal};
use super::downloads::{self, Download};
use super::pictures::{self, media_type};
use super::routes::ROUTES;
use super::session::{COOKIE, id_of, random_id};
use super::state::{App, Client, NoAnswer};
use crate::protocol::access::{Access, MAX_PICTURE_BYTES};
use crate::protocol::json;
use crate::protocol::request::{
    self, Answer, Classify, Need, Of, Push, Refused, Request, TeachImage,
};
use crate::util::mutex::lock;

/// Bytes of a pack that is pushed.
const PACK: usize = 128 << 20;

/// The fields of a query.
type Fields = Vec<(String, String)>;

/// The address at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// A request about the device, or about its only region.
pub(super) async fn of_device(
    State(app): State<Arc<App>>,
    Extension(Peer(address)): Extension<Peer>,
    Path(name): Path<String>,
    request: HttpRequest,
) -> Response {
    answer(&app, address, None, &name, request).await.unwrap_or_else(refusal)
}

/// A request about one of several regions.
pub(super) async fn of_region(
    State(app): State<Arc<App>>,
    Extension(Peer(address)): Extension<Peer>,
    Path((region, name)): Path<(String, String)>,
    request: HttpRequest,
) -> Response {
    answer(&app, address, Some(region), &name, request).await.unwrap_or_else(refusal)
}

/// What the caller may do.
pub(super) async fn session(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    let (parts, _) = request.into_parts();
    let client = client(&app, IpAddr::from([0, 0, 0, 0]), &parts);
    let is_unlocked = lock(&client.lock).is_unlocked();
    let access = app.guard.access;
    let may = |need| access.allows(is_unlocked, need).is_ok();
    let value = json!({
        "access": access.name(), "unlocked": is_unlocked, "may_teach": may(Need::Teach),
        "may_change": may(Need::Change), "run": app.run, "version": env!("CARGO_PKG_VERSION"),
    });
    told(StatusCode::OK, &value)
}

async fn answer(
    app: &Arc<App>,
    address: IpAddr,
    region: Option<String>,
    name: &str,
    http: HttpRequest,
) -> Result<Response, Refusal> {
    if let Some(download) = Download::named(name) {
        if http.method() != Method::GET {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "use GET for this".to_owned()));
        }
        let client = Client { address, lock: app.closed_lock() };
        return downloads::serve(app, client, region, download).await;
    }
    let unknown = || (StatusCode::NOT_FOUND, "there is no such request".to_owned());
    let (name, operation) = *ROUTES.get(name).ok_or_else(unknown)?;
    let carries_file = operation.method == request::Method::File;
    let (parts, body) = http.into_parts();
    let client = client(app, address, &parts);
    let request = read(app, &client, (name, carries_file), &parts, body).await?;
    let key = match (&request, parts.uri.query()) {
        (Request::RecentPicture(_), Some(query)) => Some(pictures::key(region.as_deref(), query)),
        _ => None,
    };
    if let Some(file) = key.as_ref().and_then(|key| app.pictures.kept(key)) {
        return Ok(picture(file, "no-store"));
    }
    let (need, is_unlock) = (request.need(), matches!(request, Request::Unlock(_)));
    let is_lock = matches!(request, Request::Lock(_));
    let request = match region {
        Some(region) => Of::new(region, request).into(),
        None => request,
    };
    // The PIN is tried at a lock of its own, which becomes a session if it was right. Who only looks keeps no lock open.
    let lock_of = |need| {
        if need == Need::Look && !is_lock { app.closed_lock() } else { Arc::clone(&client.lock) }
    };
    let asks = Client { lock: lock_of(need), ..client.clone() };
    let result = app.ask(asks.clone(), request).await;
    let answer = match result {
        Ok(answer) => answer,
        Err(NoAnswer::Busy) => return Ok(busy()),
        Err(NoAnswer::Refused(Refused(why))) => {
            let is_unlocked = lock(&client.lock).is_unlocked();
            let is_allowed = app.guard.access.allows(is_unlocked, need).is_ok();
            let status =
                if is_allowed && !is_unlock { StatusCode::CONFLICT } else { StatusCode::FORBIDDEN };
            return Err((status, why));
        }
    };
    if need != Need::Look {
        app.live.changed();
    }
    let mut response = match answer.plain() {
        Answer::Picture { frame, width, height, file } => {
            let file = Bytes::from(file.clone());
            if let Some(key) = key {
                app.pictures.keep(key, &file);
            }
            let is_example = matches!(name, "ExamplePicture");
            let keep = if is_example { "private, max-age=60" } else { "no-store" };
            with_numbers(picture(file, keep), *frame, (*width, *height))
        }
        Answer::Learned(pack) => {
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"learned.ftpack\""),
            ];
            (headers, pack.clone()).into_response()
        }
        _ => told(StatusCode::OK, &json::answer(&answer)),
    };
    if is_unlock && app.guard.access == Access::Locked {
        remember(app, asks, &mut response)?;
    }
    if is_lock {
        if let Some(id) = cookie(&parts) {
            lock(&app.sessions).remove(id);
        }
        set_cookie(app, &mut response, "", "; Max-Age=0");
    }
    Ok(response)
}

/// Begins a session.
fn remember(app: &App, asks: Client, response: &mut Response) -> Result<(), Refusal> {
    let none = || {
        let what = "the system provides no random bytes".to_owned();
        (StatusCode::INTERNAL_SERVER_ERROR, what)
    };
    let id = random_id().ok_or_else(none)?;
    set_cookie(app, response, &id, "");
    lock(&app.sessions).add(id, asks.lock);
    Ok(())
}

fn set_cookie(app: &App, response: &mut Response, id: &str, more: &str) {
    let secure = if app.is_secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict{secure}{more}");
    let cookie = HeaderValue::from_str(&cookie).expect("it is made of letters and digits");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
}

fn cookie(parts: &Parts) -> Option<&str> {
    parts.headers.get(header::COOKIE).and_then(|cookies| id_of(cookies.to_str().ok()?))
}

/// Who asks, with the session that the cookie names.
fn client(app: &App, address: IpAddr, parts: &Parts) -> Client {
    let known = cookie(parts).and_then(|id| lock(&app.sessions).get(id, app.host.now()));
    Client { address, lock: known.unwrap_or_else(|| app.closed_lock()) }
}

/// The request that was sent.
///
/// * `carries_file`: its body is a file; its other fields are in the query.
async fn read(
    app: &App,
    client: &Client,
    (name, carries_file): (&str, bool),
    parts: &Parts,
    body: Body,
) -> Result<Request, Refusal> {
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    let query: Fields = match Query::try_from_uri(&parts.uri) {
        Ok(Query(fields)) => fields,
        Err(error) => return Err(bad(error.to_string())),
    };
    let of_name =
        |value: Value| Request::from_json(name, value).ok_or_else(|| bad(format!("no {name}")));
    if parts.method == Method::GET || parts.method == Method::HEAD {
        let [likely, as_text] = body::readings(&query);
        let request = match of_name(likely)? {
            Ok(request) => request,
            Err(why) => of_name(as_text)?.map_err(|_| bad(why))?,
        };
        if request.need() != Need::Look || carries_file || is_secret(name) {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "use POST for this".to_owned()));
        }
        return Ok(request);
    }
    if parts.method != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "use GET or POST".to_owned()));
    }
    if !carries_file {
        let bytes = body::all(body, &parts.headers, FIELDS).await?;
        return of_name(body::json(&bytes, &parts.headers)?)?.map_err(bad);
    }
    // A page of another site cannot send this kind without being asked.
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("image/") || kind == "application/octet-stream") {
        let what = "send the file itself, as image/* or application/octet-stream".to_owned();
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    let need = if name == "Classify" {
        Need::Look
    } else if name == "Push" {
        Need::Change
    } else {
        Need::Teach
    };
    // Who may not do it sends nothing first.
    let allowed = app.guard.access.allows(lock(&client.lock).is_unlocked(), need);
    allowed.map_err(|Refused(why)| (StatusCode::FORBIDDEN, why))?;
    let most = if name == "Push" { PACK } else { MAX_PICTURE_BYTES };
    let bytes = body::all(body, &parts.headers, most).await?.to_vec();
    let field = |wanted: &str| {
        query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    };
    let class = || field("class").ok_or_else(|| bad("which class? wanted: ?class=NAME".to_owned()));
    Ok(match name {
        "TeachImage" => TeachImage { class: class()?, image: bytes }.into(),
        "Push" => Push { learned: bytes, merge: field("merge").as_deref() == Some("true") }.into(),
        _ => Classify { image: bytes }.into(),
    })
}

/// Requests that do not belong into an address, or change the session.
fn is_secret(name: &str) -> bool {
    ["Unlock", "Lock"].contains(&name)
}

/// A value as JSON.
pub(super) fn told(status: StatusCode, value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, format!("{value}\n")).into_response()
}

/// Why there is no answer.
pub(super) fn refusal((status, why): Refusal) -> Response {
    told(status, &json!({ "error": why }))
}

fn picture(file: Bytes, keep: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, media_type(&file)), (header::CACHE_CONTROL, keep)];
    (headers, file).into_response()
}

/// The newest frame of the camera, or of the sense of that name, other than the one that is known already; nothing where none
/// comes.
pub(super) async fn newest(State(app): State<Arc<App>>, Query(fields): Query<Fields>) -> Response {
    let seen = fields.iter().find(|(name, _)| name == "after");
    let seen = seen.and_then(|(_, text)| text.parse().ok()).unwrap_or(0);
    let region = fields.iter().find(|(name, _)| name == "region").map(|(_, text)| &text[..]);
    let Some(jpeg) = app.pictures.after(&app.live, region, seen).await else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let shown = picture(jpeg.file, "no-store");
    let mut response = with_numbers(shown, Some(jpeg.number), (jpeg.width, jpeg.height));
    if jpeg.is_of_sense {
        response.headers_mut().insert("x-sense", HeaderValue::from(1));
    }
    response
}

/// With a frame's number, where it is one of the camera, and its sides in pixels.
fn with_numbers(mut response: Response, number: Option<u64>, sides: (u32, u32)) -> Response {
    let sides = [("x-width", sides.0.into()), ("x-height", sides.1.into())];
    for (name, value) in number.map(|number| ("x-frame", number)).into_iter().chain(sides) {
        response.headers_mut().insert(name, HeaderValue::from(value));
    }
    response
}

/// Everything that a status shows, for other modules.
pub(super) async fn status(app: &Arc<App>, address: IpAddr) -> Option<Answer> {
    let client = Client { address, lock: app.closed_lock() };
    app.ask(client, request::GetStatus.into()).await.ok()
}

/// A picture where there is none.
const NO_PICTURE: &str = concat!(
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 4 3\"><rect width=\"4\" height=\"3\" fill=\"#8a96a3\"/>",
    "<path d=\"M1.400 1.500h1.200\" stroke=\"#fff\" stroke-width=\".15\"/></svg>",
);

/// The picture of an example, of a frame that was classified or of one in the inbox, to look at: where none is kept, one
/// that says so.
pub(super) async fn thumbnail(
    State(app): State<Arc<App>>,
    Extension(Peer(address)): Extension<Peer>,
    Query(fields): Query<Fields>,
) -> Response {
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, text)| text);
    let number = |wanted: &str| field(wanted).and_then(|text| text.parse().ok());
    let numbers = (number("example"), number("inbox"), number("frame"));
    let (request, key): (Request, _) = match numbers {
        (Some(example), ..) => (request::ExamplePicture { example }.into(), None),
        (_, Some(id), _) => (request::InboxPicture { id }.into(), None),
        (_, _, Some(frame)) => {
            let key = pictures::key(field("region").map(String::as_str), &format!("frame={frame}"));
            (request::RecentPicture { frame }.into(), Some(key))
        }
        _ => {
            let what = "which one? wanted: ?example=ID, ?inbox=ID or ?frame=NUMBER".to_owned();
            return refusal((StatusCode::BAD_REQUEST, what));
        }
    };
    if let Some(file) = key.as_ref().and_then(|key| app.pictures.kept(key)) {
        return picture(file, "no-store");
    }
    let keep = if key.is_some() { "no-store" } else { "private, max-age=60" };
    let request = match field("region") {
        Some(region) => Of::new(region.clone(), request).into(),
        None => request,
    };
    let client = Client { address, lock: app.closed_lock() };
    match app.ask(client, request).await {
        Ok(Answer::Picture { file, .. }) => {
            let file = Bytes::from(file);
            key.into_iter().for_each(|key| app.pictures.keep(key, &file));
            picture(file, keep)
        }
        Err(NoAnswer::Busy) => busy(),
        _ => {
            let headers =
                [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "no-store")];
            (headers, NO_PICTURE).into_response()
        }
    }
}

/// How often each class was predicted since the program began.
pub(super) async fn counts(State(app): State<Arc<App>>) -> Response {
    let counts = app.live.counts();
    let count = |((region, class), count): (&(Option<String>, Option<String>), &u64)| json!({ "region": region, "class": class, "count": count });
    let predictions: Value = counts.predictions.iter().map(count).collect();
    told(StatusCode::OK, &json!({ "run": app.run, "predictions": predictions }))
}

fn busy() -> Response {
    refusal((StatusCode::SERVICE_UNAVAILABLE, "too many requests wait; ask again".to_owned()))
}
