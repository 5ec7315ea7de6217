//! Contracts over the API: apply by the one door, list versions, and the account's own chain.

use super::idempotency::once;
use super::one::{entries_json, read};
use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use ringback_core::contract::Autonomy;
use ringback_core::rights::Act;
use ringback_engine::backtest::Window;
use ringback_engine::contracts::{Answer, Base, By, Fit, Wish, check};
use ringback_engine::instant;
use ringback_engine::level::LevelWish;
use ringback_store::ContractRow;
use serde::Deserialize;
use serde_json::{Value, json};

/// Days whose calls a draft is tried on when nothing is asked, and at most.
pub(crate) const BACKTEST_DAYS: u32 = 30;
pub(crate) const BACKTEST_DAYS_MAX: u32 = 3660;
/// Inquiries that a draft is tried on when nothing is asked: a few seconds' work.
pub(crate) const BACKTEST_INQUIRIES: u64 = 20_000;

/// A contract and what it was made from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractText {
    text: String,
    base: i64,
}

/// `POST /api/v1/contract`.
pub(super) async fn apply(State(app): State<App>, bearer: Bearer, request: Request) -> Result<Response, Problem> {
    bearer.need(Act::EditContract)?;
    let work = async |body: axum::body::Bytes| {
        let ContractText { text, base } = read(&body)?;
        let roster = app.engine.roster(&bearer.account).await?;
        let contract = check(&text, &roster).map_err(|problems| Problem::contract(&text, &problems))?;
        let crm = match app.engine.fit_contract(&bearer.account, &contract, &text).await? {
            Fit::Fits => None,
            Fit::NotAsked { why, .. } => Some(why),
            Fit::Problems(problems) => return Err(Problem::contract(&text, &problems)),
        };
        let by = By { who: bearer.by.as_str().to_owned(), file: None };
        let wish = Wish { text, contract, base: Base::Version(base), by };
        if !app.engine.raises(&bearer.account, &wish.contract).await?.is_empty() {
            bearer.need(Act::GoLive)?;
        }
        let mut told = became(app.engine.apply_contract(&bearer.account, &wish).await?, &wish.text)?;
        told["crm"] = json!(crm);
        Ok(told)
    };
    once(&app, &bearer, request, work).await
}

/// What became of a version that was to come into force.
pub(super) fn became(answer: Answer, text: &str) -> Result<Value, Problem> {
    let named = |row: &ContractRow| json!({ "id": row.id, "name": row.name, "version": row.version });
    match answer {
        Answer::Applied { row, changes, decides_calls } => {
            Ok(json!({ "contract": named(&row), "changes": changes, "decides_calls": decides_calls }))
        }
        Answer::Same(row) => Ok(json!({ "contract": named(&row), "changes": [] })),
        Answer::Refused(refused) => Err(Problem::contract_moved_on(&refused)),
        Answer::Clashes(problems) => Err(Problem::contract(text, &problems)),
        Answer::NotReady(problems) => Err(Problem::not_ready(&problems)),
    }
}

/// How much may happen by itself at most.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelAsked {
    level: Autonomy,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    contract: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    answer_for: Vec<u8>,
}

/// `GET /api/v1/contract/readiness`: nothing outside is asked.
pub(super) async fn readiness(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    let ready = app.engine.readiness(&bearer.account).await?;
    let levels = app.engine.levels(&bearer.account).await?;
    Ok(Json(json!({
        "guarantees": ready.guarantees, "minimum": ready.minimum, "not_ready": ready.not_ready, "decided": ready.decided, "levels": levels,
    })))
}

/// `POST /api/v1/contract/level`.
pub(super) async fn level(State(app): State<App>, bearer: Bearer, request: Request) -> Result<Response, Problem> {
    bearer.need(Act::GoLive)?;
    let work = async |body: axum::body::Bytes| {
        let LevelAsked { level, location, contract, reason, answer_for } = read(&body)?;
        let by = bearer.by.as_str().to_owned();
        let wish = LevelWish { workflow: contract, place: location, level, by, reason, answered: answer_for };
        Ok(json!({ "levels": app.engine.set_level(&bearer.account, &wish).await? }))
    };
    once(&app, &bearer, request, work).await
}

/// A draft, and the calls it is tried on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BacktestAsked {
    text: String,
    #[serde(default)]
    days: Option<u32>,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    limit: Option<u64>,
}

/// `POST /api/v1/contract/backtest`: reads only, so it needs no key against doing it twice.
pub(super) async fn backtest(
    State(app): State<App>,
    bearer: Bearer,
    body: axum::body::Bytes,
) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    let asked: BacktestAsked = read(&body)?;
    let roster = app.engine.roster(&bearer.account).await?;
    let draft = check(&asked.text, &roster).map_err(|problems| Problem::contract(&asked.text, &problems))?;
    let days = i64::from(asked.days.unwrap_or(BACKTEST_DAYS).clamp(1, BACKTEST_DAYS_MAX));
    let known = |slug: &String| {
        let found = roster.locations.iter().find(|l| l.slug == *slug).map(|l| l.id.clone());
        found.ok_or_else(|| Problem::bad_parameter("location", "it is no location's slug"))
    };
    let window = Window {
        since: app.engine.now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::UNIX_EPOCH),
        location: asked.location.as_ref().map(known).transpose()?,
        inquiries_max: Some(asked.limit.unwrap_or(BACKTEST_INQUIRIES)),
    };
    let found = app.engine.backtest(&bearer.account, &draft, &window, &|_| {}).await;
    Ok(Json(json!(found.map_err(Problem::of_trial)?)))
}

/// `GET /api/v1/contract/versions`.
pub(super) async fn versions(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    let rows = app.engine.contract_versions(&bearer.account).await?;
    let one = |r: &ContractRow| {
        json!({ "id": r.id, "name": r.name, "version": r.version, "digest": r.digest,
                "applied_at": instant(r.applied_at).to_string(), "applied_by": r.applied_by, "text": r.source })
    };
    Ok(Json(json!({ "data": rows.iter().map(one).collect::<Vec<_>>() })))
}

/// `GET /api/v1/audit`.
pub(super) async fn audit(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    Ok(Json(entries_json(app.engine.account_entries(&bearer.account).await?)))
}
