//! The two halves of `ingest`'s limit: a server that verifies and stores nothing, and a loop that stores and serves nobody.

use crate::figures::Watch;
use crate::house::{CALLRAIL_ACCOUNT, CALLRAIL_CONNECTION, HOOK_PATH, SIGNING_KEY};
use crate::loader;
use crate::part::{Desk, Order, answer};
use anyhow::{Context, Result, anyhow};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path as UrlPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::any;
use futures_util::future::try_join_all;
use ringback_connect::{Connection, Intake, Secret, Source};
use ringback_core::http::RawRequest;
use ringback_core::id::{AccountId, ConnectionId, base32};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_store::{CHECKPOINT_PAGES, Options, STATEMENTS_MAX, Store, WRITER_CACHE_KIB};
use rusqlite::{Connection as Database, ToSql, params};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// The largest hook body, as the real door has it.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Rows that share a commit at most, as in the real store.
const BATCH_ROWS_MAX: usize = 256;

struct Verifier {
    source: &'static dyn Source,
    connection: Connection,
    secrets: Vec<Secret>,
}

/// The process: the same path, the same reading of the request, the same check, the same answer. Nothing is stored.
pub(crate) async fn verifier() -> Result<()> {
    let state = Arc::new(Verifier {
        source: ringback_connect::source("callrail").context("no such source")?,
        connection: Connection {
            id: ConnectionId::from_text(CALLRAIL_CONNECTION),
            account: AccountId::from_text(CALLRAIL_ACCOUNT),
            name: "callrail-main".into(),
            vendor: "callrail".into(),
            base_url: None,
            zone: "America/Chicago".into(),
            region: "US".into(),
            settings: BTreeMap::new(),
        },
        secrets: vec![Secret::new(SIGNING_KEY)],
    });
    let router = Router::new()
        .route("/hooks/{connection}/{event}", any(receive))
        .layer(from_fn(guard_headers))
        .with_state(state);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(ringback_web::serve(listener, router, 1, std::future::pending()));
    let mut desk = Desk::open(&json!({ "address": address }));
    while let Some(order) = desk.order().await? {
        answer(Err(anyhow!("no such order: {}", order.word())));
    }
    server.abort();
    Ok(())
}

async fn receive(
    State(verifier): State<Arc<Verifier>>,
    UrlPath((connection, event)): UrlPath<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let headers = headers.collect();
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let url = format!("http://127.0.0.1:8787{path}");
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else { return plain(StatusCode::PAYLOAD_TOO_LARGE) };
    let raw = RawRequest { method: parts.method.as_str().to_owned(), url, event, headers, body: body.to_vec() };
    if connection != verifier.connection.id.as_str() {
        return plain(StatusCode::NOT_FOUND);
    }
    let verified = verifier.source.verify(&raw, &verifier.connection, &verifier.secrets, SystemClock.now());
    if verified.is_err() {
        return plain(StatusCode::FORBIDDEN);
    }
    let reply = verifier.source.answer(&raw, &verifier.connection, &Intake::Stored);
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
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

/// The headers that every answer of the real door carries.
async fn guard_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// One webhook as its two rows.
struct Rows {
    id: String,
    document: String,
    delivery_key: String,
    body: String,
    at: i64,
}

/// The process: as many callers as the server has connections each hand in a row and wait for its commit; one loop takes what waits, writes
/// it in one transaction and answers. The same schema and indexes, the same pragmas, nothing else.
pub(crate) async fn storer(directory: &Path) -> Result<()> {
    let path = directory.join("ringback.db");
    // The real store makes the schema, so that tables and indexes are the real ones.
    Store::open(Options::new(format!("sqlite://{}", path.display()))).await?.close().await;
    let connection = Database::open(&path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // As the real writer: its pages at hand, and how much the log may hold before it is moved into the file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let (sender, receiver) = mpsc::channel(BATCH_ROWS_MAX * 4);
    // As the real store has it: a thread to itself.
    let writer = std::thread::spawn(move || write_all(&connection, receiver));
    let mut rows: Arc<[Rows]> = Arc::new([]);
    let mut desk = Desk::open(&json!({ "ready": true }));
    while let Some(order) = desk.order().await? {
        answer(match order.word() {
            "prepare" => prepare(&order).map(|made| {
                rows = made.into();
                json!({ "prepared": rows.len() })
            }),
            "run" => hand_in(&order, &rows, &sender).await,
            other => Err(anyhow!("no such order: {other}")),
        });
    }
    drop(sender);
    writer.join().map_err(|_| anyhow!("the writer panicked"))?
}

fn prepare(order: &Order) -> Result<Vec<Rows>> {
    let (run, count, started_at) = (order.count("run")?, order.count("requests")?, order.text("started_at")?);
    let at = SystemClock.now().as_microsecond();
    let row = |n: usize| {
        let body = loader::body(run, n, started_at);
        let headers = loader::headers(&body);
        let url = format!("http://127.0.0.1:8787{HOOK_PATH}");
        let raw = RawRequest { method: "POST".into(), url, event: "post-call".into(), headers, body };
        let stem = base32((((run as u128) << 64) | n as u128).to_be_bytes());
        Ok(Rows {
            id: format!("sig_{stem}"),
            document: format!("doc_{stem}"),
            // As long as the real one, a SHA-256, and as unordered.
            delivery_key: format!("{:064x}", (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
            body: serde_json::to_string(&raw)?,
            at,
        })
    };
    (0..count).map(row).collect()
}

type Waiting = (usize, Arc<[Rows]>, oneshot::Sender<()>);

async fn hand_in(order: &Order, rows: &Arc<[Rows]>, writer: &mpsc::Sender<Waiting>) -> Result<Value> {
    let next = Arc::new(AtomicUsize::new(0));
    let watch = Watch::start();
    let callers = (0..order.count("connections")?).map(|_| {
        let (rows, next, writer) = (rows.clone(), next.clone(), writer.clone());
        async move {
            let caller = tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= rows.len() {
                        return Ok::<(), anyhow::Error>(());
                    }
                    let (done, committed) = oneshot::channel();
                    writer.send((n, rows.clone(), done)).await.context("the writer ended")?;
                    committed.await.context("the writer failed")?;
                }
            });
            caller.await?
        }
    });
    try_join_all(callers).await?;
    Ok(json!({ "accepted": rows.len(), "seconds": watch.seconds() }))
}

fn write_all(connection: &Database, mut queue: mpsc::Receiver<Waiting>) -> Result<()> {
    let mut batch: Vec<Waiting> = Vec::with_capacity(BATCH_ROWS_MAX);
    while queue.blocking_recv_many(&mut batch, BATCH_ROWS_MAX) > 0 {
        let rows: Vec<&Rows> = batch.iter().filter_map(|(n, rows, _)| rows.get(*n)).collect();
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut left = rows.as_slice();
        // Powers of two, so that few texts exist and each stays prepared.
        while !left.is_empty() {
            let (now, later) = left.split_at(1 << left.len().ilog2());
            insert(connection, now)?;
            left = later;
        }
        connection.execute_batch("COMMIT")?;
        for (_, _, done) in batch.drain(..) {
            let _caller_waits = done.send(());
        }
    }
    Ok(())
}

fn insert(connection: &Database, rows: &[&Rows]) -> Result<()> {
    let documents = format!(
        "INSERT INTO documents (account, id, class, kind, body, created_at, expires_at) VALUES {}",
        places(rows.len(), 7)
    );
    let mut binds: Vec<&dyn ToSql> = Vec::with_capacity(rows.len() * 13);
    for row in rows {
        binds.extend_from_slice(params![CALLRAIL_ACCOUNT, row.document, "raw", "request", row.body, row.at, row.at]);
    }
    connection.prepare_cached(&documents)?.execute(binds.as_slice())?;
    let signals = format!(
        "INSERT INTO signals (account, id, connection, event, received_at, state, delivery_key, duplicate_of, document, \
         call_id, why, tries, due_at) VALUES {}",
        places(rows.len(), 13)
    );
    binds.clear();
    for row in rows {
        binds.extend_from_slice(params![CALLRAIL_ACCOUNT, row.id, CALLRAIL_CONNECTION, "post-call"]);
        binds.extend_from_slice(params![row.at, "stored", row.delivery_key, None::<&str>]);
        binds.extend_from_slice(params![row.document, None::<&str>, None::<&str>, 0_i64, row.at]);
    }
    connection.prepare_cached(&signals)?.execute(binds.as_slice())?;
    Ok(())
}

/// `(?, ?), (?, ?)`: one list per row.
fn places(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn placeholders_stand_in_one_list_per_row() {
        assert_eq!(super::places(2, 3), "(?, ?, ?), (?, ?, ?)");
    }
}
