//! A twin behind real HTTP on a real socket.
//!
//! Every request goes through [`Faulty::exchange`]; here a time-out becomes a connection that is held and never answered, a
//! reset and a refusal a connection that is dropped without a reply, slowness a delay. Paths under `/_twin/` are for
//! auditors, demonstrations and drills, take no token and belong on loopback only:
//!
//! | request | does |
//! |---|---|
//! | `GET /_twin/log` | every logged request: effects and what the client saw |
//! | `GET /_twin/hits` | how often each fault was applied, and writes still to land |
//! | `POST /_twin/script` | replaces the fault script ([`Script`] as JSON) |
//! | `POST /_twin/settle` | lands what is due |
//! | `GET /_twin/books` | CRMs: every record in the words common to all ([`crate::books`]) |
//! | `POST /_twin/person` | CRMs: somebody who is in the CRM already: `{"name","phone","email","customer":true}` → `{"id"}` |
//! | `POST /_twin/type` | CRMs: somebody types a value in the vendor's pages: `{"id","field","value"}` |
//! | `POST /_twin/call` | CRMs: somebody else logs a call, or changes one: [`crate::books::LoggedCall`], with `id` to change → `{"id"}` |
//! | `POST /_twin/remove` | CRMs: somebody deletes a record there: `{"id"}` |
//! | `GET /_twin/records?type=contacts` | HubSpot: live records with history and links |
//! | `POST /_twin/seed` | HubSpot: `{"type","properties":{…}}` → `{"id"}` |
//! | `POST /_twin/human_set` | HubSpot: `{"type","id","property","value","user_id"}` |
//! | `GET /_twin/pages` | webhook sink: what came |
//! | `GET`, `POST /_twin/acks` | receiver: acknowledgements it wants to post; `POST` takes those that are due |
//! | `GET /_twin/runs`, `/_twin/books` | receiver: what its runs did; every record |
//! | `POST /_twin/options` | receiver: `{"on":false}`, `{"filter":false}`, … |

use crate::fault::{Faulty, Script, Vendor, What};
use crate::hubspot::HubSpot;
use crate::{Reply, Request};
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// How long an unanswered connection is held, seconds.
const HOLD_MAX_SECONDS: u64 = 120;
/// Longest request body, bytes.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Serves the HubSpot twin until the task is dropped. `clock` gives the time in ms since the epoch.
pub async fn serve_hubspot(
    shared: Arc<Mutex<Faulty<HubSpot>>>,
    listener: TcpListener,
    clock: impl Fn() -> i64 + Send + Sync + 'static,
) -> io::Result<()> {
    serve(shared, listener, clock).await
}

/// Serves any twin until the task is dropped.
pub async fn serve<V: Vendor + Send + 'static>(
    shared: Arc<Mutex<Faulty<V>>>,
    listener: TcpListener,
    clock: impl Fn() -> i64 + Send + Sync + 'static,
) -> io::Result<()> {
    let desk = Desk { shared, clock: Arc::new(clock) };
    let app = axum::Router::new().fallback(answer::<V>).with_state(desk);
    axum::serve(Cuttable(listener), app.into_make_service_with_connect_info::<Cut>()).await
}

struct Desk<V> {
    shared: Arc<Mutex<Faulty<V>>>,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl<V> Clone for Desk<V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), clock: Arc::clone(&self.clock) }
    }
}

async fn answer<V: Vendor + Send + 'static>(
    State(desk): State<Desk<V>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: axum::extract::Request,
) -> Response {
    let Some(request) = taken_over(request).await else { return plain(StatusCode::PAYLOAD_TOO_LARGE) };
    let now_ms = (desk.clock)();
    if request.path.starts_with("/_twin/") {
        let mut faulty = desk.shared.lock().unwrap_or_else(PoisonError::into_inner);
        return into_response(control(&mut faulty, &request, now_ms));
    }
    let (delivery, extra_ms) = {
        let mut faulty = desk.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let delivery = faulty.exchange(&request, now_ms);
        // The script's ordinary latency is for virtual time; here the wire has its own.
        let slow_ms = delivery.took_ms.saturating_sub(faulty.script().latency_ms).max(0) as u64;
        (delivery, slow_ms.saturating_add(faulty.vendor().delay_ms()))
    };
    match delivery.what {
        What::Answer(reply) => {
            wait(Duration::from_millis(extra_ms)).await;
            into_response(reply)
        }
        What::TimedOut => {
            wait(Duration::from_secs(HOLD_MAX_SECONDS)).await;
            cut.cut()
        }
        What::Refused | What::Reset => cut.cut(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a served twin is slow in real time; no decision of the product waits here"
)]
async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

async fn taken_over(request: axum::extract::Request) -> Option<Request> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX_BYTES).await.ok()?.to_vec();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Some(Request { method: parts.method.as_str().to_owned(), path, headers, body })
}

fn into_response(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn control<V: Vendor>(faulty: &mut Faulty<V>, request: &Request, now_ms: i64) -> Reply {
    let segments = request.segments();
    match (request.method.as_str(), segments.get(1).map(String::as_str)) {
        ("GET", Some("log")) => Reply::json(200, &json!({ "log": faulty.log_mut().entries() })),
        ("GET", Some("hits")) => Reply::json(200, &json!({ "hits": faulty.hits(), "unsettled": faulty.unsettled() })),
        ("POST", Some("settle")) => {
            faulty.settle(now_ms);
            Reply::json(200, &json!({ "unsettled": faulty.unsettled() }))
        }
        ("POST", Some("script")) => match serde_json::from_slice::<Script>(&request.body) {
            Ok(script) => {
                faulty.set_script(script);
                Reply::empty(204)
            }
            Err(error) => Reply::json(400, &json!({ "error": error.to_string() })),
        },
        _ => faulty
            .control(request, now_ms)
            .unwrap_or_else(|| Reply::json(404, &json!({ "error": "no such control; see the serve module" }))),
    }
}

/// A switch that makes the next write to one connection fail, which ends it without a reply.
#[derive(Debug, Clone, Default)]
struct Cut(Arc<AtomicBool>);

impl Cut {
    fn cut(&self) -> Response {
        self.0.store(true, Ordering::Relaxed);
        plain(StatusCode::NO_CONTENT) // never reaches the wire
    }
}

impl Connected<IncomingStream<'_, Cuttable>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().cut.clone()
    }
}

/// Accepts connections that can be cut.
struct Cuttable(TcpListener);

struct CuttableStream {
    stream: TcpStream,
    cut: Cut,
}

impl Listener for Cuttable {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Small replies must not wait for the client's acknowledgement.
        let _best_effort = stream.set_nodelay(true);
        (CuttableStream { stream, cut: Cut::default() }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl CuttableStream {
    fn check(&self) -> io::Result<()> {
        if self.cut.0.load(Ordering::Relaxed) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
