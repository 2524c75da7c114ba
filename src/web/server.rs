//! Connections: how many, how long, what they may send.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::api::{self, Peer};
use super::events;
use super::state::{AT_A_TIME, App};
use super::stream::Patient;
use super::tls::Certificate;
use super::{assets, metrics, openapi};

/// Connections at a time.
const CONNECTIONS: usize = 160;

/// How long the head of a request may take to come, and a connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Bytes of the head of a request, and of what waits to be read by its sender.
const BUFFER: usize = 16 << 10;

/// Lines of the head of a request.
const HEADERS: usize = 64;

/// How soon it is noticed that the device stops, and how long answers may take then.
const LOOK: Duration = Duration::from_millis(100);
const LINGER: Duration = Duration::from_millis(500);

/// What the page may load: its own files alone, and pictures that its scripts have made.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves until the device stops.
pub(super) fn run(
    listener: TcpListener,
    certificate: Option<Certificate>,
    app: &Arc<App>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        // Requests that wait for the device, and pictures that are encoded.
        .max_blocking_threads(AT_A_TIME + 2)
        .thread_name("web-request")
        .build()?;
    runtime.block_on(serve(listener, certificate, app))?;
    // A request that the device does not answer any more is left behind.
    runtime.shutdown_timeout(LINGER);
    Ok(())
}

async fn serve(
    listener: TcpListener,
    certificate: Option<Certificate>,
    app: &Arc<App>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let routes = routes(Arc::clone(app));
    while !app.host.is_stopping() {
        let (stream, peer) = match timeout(LOOK, listener.accept()).await {
            Err(_) => continue,
            Ok(Ok(accepted)) => accepted,
            Ok(Err(_)) => {
                // No more files, say: others may close theirs.
                sleep(LOOK).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            app.turned_away.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        // A picture is not to wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let service = routes.clone().layer(Extension(Peer(peer.ip().to_canonical())));
        let app = Arc::clone(app);
        let acceptor = certificate.as_ref().map(Certificate::acceptor);
        tokio::spawn(async move {
            let stream = Patient::new(stream);
            let connection = async {
                match acceptor {
                    None => talk(stream, service).await,
                    Some(acceptor) => {
                        if let Ok(Ok(stream)) = timeout(HEAD_WITHIN, acceptor.accept(stream)).await
                        {
                            talk(stream, service).await;
                        }
                    }
                }
            };
            let stopping = async {
                while !app.host.is_stopping() {
                    sleep(LOOK).await;
                }
                sleep(LINGER).await;
            };
            first_of(connection, stopping).await;
            drop(place);
        });
    }
    sleep(LINGER).await;
    Ok(())
}

/// Answers the requests of a connection until it ends; how it ends concerns its other end alone.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, service: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(HEADERS)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let _ = connection.await;
}

/// Waits for one of two.
async fn first_of(one: impl Future, other: impl Future) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    std::future::poll_fn(|context| {
        let is_over =
            one.as_mut().poll(context).is_ready() || other.as_mut().poll(context).is_ready();
        if is_over { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(assets::page))
        .route("/assets/{name}", get(assets::asset))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/events", get(events))
        .route("/api/v1/picture", get(api::newest))
        .route("/api/v1/openapi.json", get(openapi::serve))
        .route("/api/v1/thumbnail", get(api::thumbnail))
        .route("/api/v1/counts", get(api::counts))
        .route("/api/v1/session", get(api::session))
        .route("/api/v1/regions/{region}/{name}", any(api::of_region))
        .route("/api/v1/{name}", any(api::of_device))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guarded))
        .with_state(app)
}

async fn events(State(app): State<Arc<App>>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, events::body(&app)).into_response()
}

/// What holds for every request and every answer.
async fn guarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    app.requests.fetch_add(1, Ordering::Relaxed);
    let checked = app.names.check(request.method(), request.uri().path(), request.headers());
    let is_known = [Method::GET, Method::HEAD, Method::POST].contains(request.method());
    let mut response = match checked {
        Err(why) => api::refusal((StatusCode::FORBIDDEN, why.to_owned())),
        Ok(()) if !is_known => {
            api::refusal((StatusCode::METHOD_NOT_ALLOWED, "use GET or POST".to_owned()))
        }
        Ok(()) => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    let is_kept = headers.contains_key(header::CACHE_CONTROL);
    if !is_kept {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
