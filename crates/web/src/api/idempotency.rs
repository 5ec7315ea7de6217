//! A repeated request gets the answer of the first.
//!
//! The answer is remembered after the work was done, because the work is the engine's own unit. Should the process die in between, the
//! repeated request meets an event that has happened already and is told so (409), which is safe: nothing is done twice.

use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ringback_core::effect::hex;
use ringback_store::{IdempotencyRow, Site};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

/// The longest key.
const KEY_CHARS_MAX: usize = 255;
/// How long answers are remembered.
const REMEMBERED_SECONDS: i64 = 24 * 60 * 60;

/// Does the work of a POST once per key.
pub(super) async fn once<W, F>(app: &App, bearer: &Bearer, request: Request, work: W) -> Result<Response, Problem>
where
    W: FnOnce(Bytes) -> F,
    F: Future<Output = Result<Value, Problem>>,
{
    let (parts, body) = request.into_parts();
    let key = parts.headers.get("idempotency-key").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    if key.is_empty() || key.len() > KEY_CHARS_MAX {
        return Err(Problem::no_key());
    }
    let max_bytes = app.options.api_body_max_bytes;
    let body = to_bytes(body, max_bytes).await.map_err(|_| Problem::too_large(max_bytes))?;
    let route = format!("{} {}", parts.method, parts.uri.path());
    let request_hash = hex(&Sha256::digest(&body));
    let mine = UnderWay::begin(app, format!("{}\n{key}\n{route}", bearer.account)).ok_or_else(Problem::under_way)?;
    if let Some(row) = remembered(app, bearer, &key, &route).await? {
        return if row.request_hash == request_hash { Ok(again(&row)) } else { Err(Problem::other_request()) };
    }
    let (status, answer) = match work(body).await {
        Ok(value) => (StatusCode::OK, value),
        // A refusal is an answer too; what failed here is tried again.
        Err(problem) if !problem.status.is_server_error() => (problem.status, problem.json()),
        Err(problem) => return Err(problem),
    };
    let row = IdempotencyRow {
        account: bearer.account.as_str().to_owned(),
        key,
        route,
        request_hash,
        status: i64::from(status.as_u16()),
        body: answer.to_string(),
        created_at: app.engine.now().as_microsecond(),
    };
    let reply = said(status, row.body.clone());
    remember(app, row).await?;
    drop(mine);
    Ok(reply)
}

async fn remembered(app: &App, bearer: &Bearer, key: &str, route: &str) -> Result<Option<IdempotencyRow>, Problem> {
    let (account, key, route) = (bearer.account.as_str().to_owned(), key.to_owned(), route.to_owned());
    let read = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::idempotency_get(tx, &account, &key, &route).await }));
    Ok(read.await?)
}

async fn remember(app: &App, row: IdempotencyRow) -> Result<(), Problem> {
    let oldest = row.created_at - REMEMBERED_SECONDS * 1_000_000;
    app.engine
        .store()
        .write(Site::Other, move |tx| {
            Box::pin(async move {
                ringback_store::idempotency_expire(tx, &row.account, oldest).await?;
                ringback_store::idempotency_put_once(tx, &row).await
            })
        })
        .await?;
    Ok(())
}

fn again(row: &IdempotencyRow) -> Response {
    let status = u16::try_from(row.status).ok().and_then(|s| StatusCode::from_u16(s).ok());
    let mut reply = said(status.unwrap_or(StatusCode::OK), row.body.clone());
    reply.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    reply
}

fn said(status: StatusCode, body: String) -> Response {
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

/// Marks a key as being worked on until dropped.
struct UnderWay {
    all: Arc<Mutex<HashSet<String>>>,
    mine: String,
}

impl UnderWay {
    fn begin(app: &App, mine: String) -> Option<Self> {
        let all = app.under_way.clone();
        let first = all.lock().unwrap_or_else(PoisonError::into_inner).insert(mine.clone());
        first.then_some(Self { all, mine })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.mine);
    }
}
