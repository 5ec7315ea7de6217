//! Rollbacks over the API: what would go back, beginning it about exactly that, how far it has come, and letting it happen by itself again.

use super::idempotency::once;
use super::one::read;
use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use ringback_core::id::RollbackId;
use ringback_core::rights::Act;
use ringback_core::rollback::Scope;
use serde::Deserialize;
use serde_json::{Value, json};

/// The most characters of a reason.
pub(crate) const REASON_CHARS_MAX: usize = 2_000;

/// `POST /api/v1/rollbacks/preview`: reads only, so it needs no key against doing it twice.
pub(super) async fn preview(
    State(app): State<App>,
    bearer: Bearer,
    body: axum::body::Bytes,
) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    let scope: Scope = read(&body)?;
    Ok(Json(json!(app.engine.preview_rollback(&bearer.account, &scope).await?)))
}

/// Which writes, which preview, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    scope: Scope,
    digest: String,
    reason: String,
}

/// `POST /api/v1/rollbacks`.
pub(super) async fn begin(State(app): State<App>, bearer: Bearer, request: Request) -> Result<Response, Problem> {
    bearer.need(Act::Rollback)?;
    let work = async |body: axum::body::Bytes| {
        let Begin { scope, digest, reason } = read(&body)?;
        let reason = reason_of(&reason)?;
        let id = app.engine.start_rollback(&bearer.account, &scope, &digest, &reason, &bearer.by).await?;
        Ok(json!({ "id": id, "started": true }))
    };
    once(&app, &bearer, request, work).await
}

/// A reason, which is never missing.
pub(crate) fn reason_of(text: &str) -> Result<String, Problem> {
    let reason: String = text.trim().chars().take(REASON_CHARS_MAX).collect();
    if reason.is_empty() {
        Err(Problem::bad_parameter("reason", "say why: it stays in the ledger"))
    } else {
        Ok(reason)
    }
}

/// `GET /api/v1/rollbacks/{id}`.
pub(super) async fn rollback(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!(app.engine.rollback(&bearer.account, &RollbackId::from_text(id)).await?)))
}

/// `GET /api/v1/holds`.
pub(super) async fn holds(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "data": app.engine.holds(&bearer.account).await? })))
}

/// What may happen by itself again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lift {
    #[serde(default)]
    field: Option<String>,
    reason: String,
}

/// `POST /api/v1/rollbacks/{id}/lift`.
pub(super) async fn lift(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    bearer.need(Act::LiftHold)?;
    let rollback = RollbackId::from_text(id.as_str());
    app.engine.rollback(&bearer.account, &rollback).await?;
    let work = async |body: axum::body::Bytes| {
        let Lift { field, reason } = read(&body)?;
        let reason = reason_of(&reason)?;
        let field = field.as_deref().filter(|field| !field.trim().is_empty());
        let lifted = app.engine.lift_holds(&bearer.account, &rollback, field, &reason, &bearer.by).await?;
        Ok(json!({ "rollback": rollback, "lifted": lifted }))
    };
    once(&app, &bearer, request, work).await
}
