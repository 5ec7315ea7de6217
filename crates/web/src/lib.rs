//! The doors of Ringback over HTTP: `/hooks` for providers, `/api/v1` for programs, the console for people.
//!
//! Start at [`router`]. Nothing is decided here: hooks hand bytes to the engine, pages and API show what the store holds and turn a click or a
//! request into an event of the inquiry. Every handler takes its account from the session or the token, never from the request.
//!
//! What is absent on purpose: inline script and style (the content security policy forbids both), a build step for the console, and any page that
//! needs JavaScript to be read.

mod api;
mod assets;
mod console;
mod health;
mod hooks;
pub mod password;
mod problem;
mod proof_document;
mod session;
mod texts;
mod when;

pub use console::Refusal;
pub use proof_document::proof_document;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{any, get};
use ringback_engine::Engine;
use session::Tries;
use std::collections::HashSet;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// Bounds of this door.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// A hook's body beyond this is not read on. The engine's own, smaller bound refuses more politely.
    pub hook_body_max_bytes: usize,
    /// Bodies of the API.
    pub api_body_max_bytes: usize,
    /// Bodies of the console's forms.
    pub form_body_max_bytes: usize,
    /// How long a sign-in lasts.
    pub session_seconds: i64,
    /// Failed sign-ins per address before a pause.
    pub sign_in_tries_max: u32,
    /// The window in which they count, and the length of the pause.
    pub sign_in_window_seconds: i64,
    /// Rows on one page of the queue.
    pub queue_rows_max: u32,
    /// How long open requests may take after the order to stop.
    pub drain_seconds: u64,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            hook_body_max_bytes: 16 * 1024 * 1024,
            api_body_max_bytes: 1024 * 1024,
            form_body_max_bytes: 64 * 1024,
            session_seconds: 12 * 60 * 60,
            sign_in_tries_max: 8,
            sign_in_window_seconds: 15 * 60,
            queue_rows_max: 500,
            drain_seconds: 10,
        }
    }
}

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) options: Arc<WebOptions>,
    pub(crate) tries: Arc<Mutex<Tries>>,
    /// Idempotent requests being worked on by this node.
    pub(crate) under_way: Arc<Mutex<HashSet<String>>>,
}

/// Hooks, API, console, health and assets of that engine.
pub fn router(engine: Engine, options: WebOptions) -> Router {
    let app = App {
        engine,
        options: Arc::new(options),
        tries: Arc::new(Mutex::new(Tries::default())),
        under_way: Arc::new(Mutex::new(HashSet::new())),
    };
    Router::new()
        .route("/hooks/{connection}/{event}", any(hooks::receive))
        .route("/acks/{connection}/{event}/{token}", axum::routing::post(hooks::acknowledge))
        .merge(api::router())
        .merge(console::router().layer(from_fn(session::same_origin)))
        .route("/assets/{name}", get(assets::get))
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .layer(from_fn(guard_headers))
        .with_state(app)
}

/// Serves until `shutdown`, then lets open requests end for a bounded time.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    drain_seconds: u64,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let graceful = async move {
        let _ = stopped.await;
    };
    let mut server = Box::pin(axum::serve(listener, router).with_graceful_shutdown(graceful).into_future());
    tokio::select! {
        ended = &mut server => return ended,
        () = shutdown => {}
    }
    let _ = stop.send(());
    // Live-update streams never end by themselves, so the wait needs an end.
    tokio::time::timeout(Duration::from_secs(drain_seconds), server).await.unwrap_or(Ok(()))
}

/// Only our own script and style, no framing, no sniffing, no addresses of callers in `Referer`, nothing kept by caches that does not say so.
async fn guard_headers(request: Request, next: Next) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // A document that stands alone says its own, narrower one.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
