//! What was learned over the API: the counters, the weekly review, what fields have earned, and a person's word that makes a version of it.

use super::contracts::became;
use super::idempotency::once;
use super::one::read;
use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use jiff::Timestamp;
use ringback_core::rights::Act;
use ringback_engine::counters::{DAYS, DAYS_MAX, window};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Days of a weekly review.
pub(crate) const WEEK: u32 = 7;

/// The time that is asked for: so many days before an instant, now if none is said.
pub(crate) fn span(
    query: &HashMap<String, String>,
    days: u32,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Problem> {
    let some = |name: &str| query.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let days = match some("days") {
        None => days,
        Some(text) => text
            .parse()
            .ok()
            .filter(|days| (1..=DAYS_MAX).contains(days))
            .ok_or_else(|| Problem::bad_parameter("days", &format!("a whole number from 1 to {DAYS_MAX}")))?,
    };
    let until = match some("until") {
        None => now,
        Some(text) => text
            .parse::<Timestamp>()
            .map_err(|_| Problem::bad_parameter("until", "an instant: 2026-03-02T08:00:00Z"))?,
    };
    Ok((window(days, until), until))
}

/// `GET /api/v1/contract/learned`.
pub(super) async fn learned(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    let (since, until) = span(&query, DAYS, app.engine.now())?;
    Ok(Json(json!(app.engine.learned(&bearer.account, since, until).await?)))
}

/// `GET /api/v1/reviews/weekly`.
pub(super) async fn weekly(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    let (since, until) = span(&query, WEEK, app.engine.now())?;
    Ok(Json(json!(app.engine.weekly(&bearer.account, since, until).await?)))
}

/// `GET /api/v1/contract/promotions`.
pub(super) async fn promotions(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    Ok(Json(json!(app.engine.promotions(&bearer.account).await?)))
}

/// The fields that are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    fields: Vec<String>,
}

/// `POST /api/v1/contract/promotions/draft`: reads only, so it needs no key against doing it twice.
pub(super) async fn draft(
    State(app): State<App>,
    bearer: Bearer,
    body: axum::body::Bytes,
) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    let Named { fields } = read(&body)?;
    Ok(Json(json!(app.engine.draft_promotion(&bearer.account, &fields).await?)))
}

/// The fields, and exactly the version that was shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmed {
    fields: Vec<String>,
    base: i64,
    digest: String,
}

/// `POST /api/v1/contract/promotions`.
pub(super) async fn promote(State(app): State<App>, bearer: Bearer, request: Request) -> Result<Response, Problem> {
    bearer.need(Act::EditContract)?;
    bearer.need(Act::GoLive)?;
    let work = async |body: axum::body::Bytes| {
        let Confirmed { fields, base, digest } = read(&body)?;
        let by = bearer.by.as_str();
        let (answer, text) = app.engine.promote(&bearer.account, &fields, (base, &digest), by).await?;
        became(answer, &text)
    };
    once(&app, &bearer, request, work).await
}
