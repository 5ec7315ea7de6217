//! Lists with cursor pages.

use super::things::{call_json, inquiry_json, proof_json, review_json, signal_json};
use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Query, State};
use ringback_core::inquiry::{Inquiry, ReviewKind};
use ringback_store::{After, Before};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Rows on a page at most, and when nothing is asked.
const PAGE_MAX: u32 = 200;
const PAGE: u32 = 50;

type Asked = Query<HashMap<String, String>>;

struct Page {
    limit: u32,
    before: Before,
}

impl Page {
    fn of(query: &HashMap<String, String>) -> Result<Self, Problem> {
        let limit = match query.get("limit") {
            None => PAGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|n| (1..=PAGE_MAX).contains(n))
                .ok_or_else(|| Problem::bad_parameter("limit", "a whole number from 1 to 200"))?,
        };
        let before = match query.get("cursor") {
            None => Before::end(),
            Some(text) => {
                let (at, id) = text
                    .split_once('.')
                    .ok_or_else(|| Problem::bad_parameter("cursor", "it did not come from here"))?;
                let at = at.parse().map_err(|_| Problem::bad_parameter("cursor", "it did not come from here"))?;
                Before { at, id: id.to_owned() }
            }
        };
        Ok(Self { limit, before })
    }

    /// Where a page of an oldest-first list begins.
    fn after(&self, query: &HashMap<String, String>) -> After {
        let Before { at, id } = self.before.clone();
        if query.contains_key("cursor") { After { at, id } } else { After::start() }
    }

    /// `data`, and `next` when the page is full.
    fn answer<T>(&self, rows: Vec<T>, place: impl Fn(&T) -> (i64, String), show: impl Fn(T) -> Option<Value>) -> Value {
        let full = rows.len() >= self.limit as usize;
        let next = rows.last().filter(|_| full).map(place).map(|(at, id)| format!("{at}.{id}"));
        json!({ "data": rows.into_iter().filter_map(show).collect::<Vec<_>>(), "next": next })
    }
}

fn word<'a>(query: &'a HashMap<String, String>, name: &str, known: &[&str]) -> Result<Option<&'a str>, Problem> {
    match query.get(name).map(String::as_str) {
        None | Some("") => Ok(None),
        Some(text) if known.contains(&text) => Ok(Some(text)),
        Some(_) => Err(Problem::bad_parameter(name, &format!("one of {}", known.join(", ")))),
    }
}

/// `GET /api/v1/inquiries`. Filters of location and owner narrow each page; a page may be short, and `next` goes on.
pub(super) async fn inquiries(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Asked,
) -> Result<Json<Value>, Problem> {
    let page = Page::of(&query)?;
    let state = word(&query, "state", &["open", "closed"])?.map(str::to_owned);
    let (account, limit, before) = (bearer.account.as_str().to_owned(), page.limit, page.before.clone());
    let rows = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(
                async move { ringback_store::inquiries_list(tx, &account, state.as_deref(), limit, &before).await },
            )
        })
        .await?;
    let wants = |name: &str, value: Option<&String>| query.get(name).is_none_or(|w| w.is_empty() || Some(w) == value);
    let now = app.engine.now();
    Ok(Json(page.answer(
        rows,
        |r| (r.opened_at, r.id.clone()),
        |r| {
            let fits = wants("location", r.location.as_ref()) && wants("owner", r.owner.as_ref());
            let inquiry: Inquiry = serde_json::from_str(&r.snapshot).ok().filter(|_| fits)?;
            Some(inquiry_json(&inquiry, now))
        },
    )))
}

/// `GET /api/v1/calls`.
pub(super) async fn calls(State(app): State<App>, bearer: Bearer, Query(query): Asked) -> Result<Json<Value>, Problem> {
    let page = Page::of(&query)?;
    let (account, limit, before) = (bearer.account.as_str().to_owned(), page.limit, page.before.clone());
    let rows = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::calls_list(tx, &account, limit, &before).await }))
        .await?;
    Ok(Json(page.answer(rows, |r| (r.started_at, r.id.clone()), |r| Some(call_json(&r)))))
}

/// `GET /api/v1/signals`.
pub(super) async fn signals(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Asked,
) -> Result<Json<Value>, Problem> {
    let states = ["stored", "folded", "unreadable", "quarantined", "parked"];
    let state = word(&query, "state", &states)?.map(str::to_owned);
    signals_of(&app, &bearer, &query, state).await
}

/// `GET /api/v1/signals/quarantined`.
pub(super) async fn quarantined(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Asked,
) -> Result<Json<Value>, Problem> {
    signals_of(&app, &bearer, &query, Some("quarantined".to_owned())).await
}

async fn signals_of(
    app: &App,
    bearer: &Bearer,
    query: &HashMap<String, String>,
    state: Option<String>,
) -> Result<Json<Value>, Problem> {
    let page = Page::of(query)?;
    let (account, limit, before) = (bearer.account.as_str().to_owned(), page.limit, page.before.clone());
    let rows = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move { ringback_store::signals_list(tx, &account, state.as_deref(), limit, &before).await })
        })
        .await?;
    Ok(Json(page.answer(rows, |r| (r.received_at, r.id.clone()), |r| Some(signal_json(&r)))))
}

/// `GET /api/v1/reviews`.
pub(super) async fn reviews(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Asked,
) -> Result<Json<Value>, Problem> {
    let page = Page::of(&query)?;
    let kind = word(&query, "kind", &ReviewKind::ALL.map(ReviewKind::word))?.map(str::to_owned);
    let found =
        app.engine.open_reviews(&bearer.account, kind.as_deref(), None, page.limit, &page.after(&query)).await?;
    let one = |r: &ringback_engine::reviews::Asked| review_json(&r.review, r.inquiry.id.as_str(), &r.review.digest);
    let next = found.next.map(|After { at, id }| format!("{at}.{id}"));
    Ok(Json(json!({ "data": found.asked.iter().map(one).collect::<Vec<_>>(), "next": next })))
}

/// `GET /api/v1/rollbacks`.
pub(super) async fn rollbacks(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Asked,
) -> Result<Json<Value>, Problem> {
    let page = Page::of(&query)?;
    let found = app.engine.rollbacks(&bearer.account, page.limit, &page.before).await?;
    let place = |r: &ringback_engine::rollback::Rollback| (r.started_at.as_microsecond(), r.id.as_str().to_owned());
    Ok(Json(page.answer(found, place, |r| Some(json!(r)))))
}

/// `GET /api/v1/proofs`. The cursor is the place in the chain.
pub(super) async fn proofs(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Asked,
) -> Result<Json<Value>, Problem> {
    let page = Page::of(&query)?;
    let (account, limit, before) = (bearer.account.as_str().to_owned(), page.limit, page.before.at);
    let rows = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::proofs_list(tx, &account, limit, before).await }))
        .await?;
    Ok(Json(page.answer(rows, |r| (r.seq, r.day.clone()), |r| Some(proof_json(&r)))))
}
