//! Single things, and what may be done to them.

use super::idempotency::once;
use super::things::{call_json, inquiry_json, proof_json};
use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use jiff::Timestamp;
use ringback_core::id::{EffectId, InquiryId, ReviewId, SignalId, StaffId};
use ringback_core::inquiry::{CallbackResult, Choice, Event, Inquiry};
use ringback_core::rights::Act;
use ringback_engine::audit::Sealed;
use serde::Deserialize;
use serde_json::{Map, Value, json};

async fn load(app: &App, bearer: &Bearer, id: &str) -> Result<Inquiry, Problem> {
    let found = app.engine.inquiry(&bearer.account, &InquiryId::from_text(id)).await?;
    found.ok_or_else(|| Problem::missing("inquiry of that name"))
}

/// `GET /api/v1/inquiries/{id}`.
pub(super) async fn inquiry(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(inquiry_json(&load(&app, &bearer, &id).await?, app.engine.now())))
}

/// `GET /api/v1/inquiries/{id}/entries`.
pub(super) async fn entries(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let inquiry = load(&app, &bearer, &id).await?;
    let told = app.engine.entries(&bearer.account, &inquiry.id).await?;
    Ok(Json(entries_json(told)))
}

/// Entries of a chain, with their words as far as they are kept.
pub(super) fn entries_json(told: Vec<ringback_engine::audit::Told>) -> Value {
    let sealed = |s: &Sealed| match s {
        Sealed::Text(text) => json!({ "text": text }),
        Sealed::Expired { why, at } => json!({ "expired": why, "at": at.to_string() }),
    };
    let entry = |e: ringback_engine::audit::Told| {
        let values: Map<String, Value> = e.sealed.iter().map(|(n, s)| (n.clone(), sealed(s))).collect();
        json!({ "seq": e.seq, "at": e.at.to_string(), "kind": e.kind, "body": e.body, "sealed": values })
    };
    json!({ "data": told.into_iter().map(entry).collect::<Vec<_>>() })
}

/// `GET /api/v1/inquiries/{id}/transcripts`.
pub(super) async fn transcripts(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let inquiry = load(&app, &bearer, &id).await?;
    let words = app.engine.transcripts(&bearer.account, &inquiry.id).await?;
    let one = |w: &ringback_engine::trace::Words| json!({ "call": w.call, "document": w.document, "version": w.version, "text": w.text, "expired": w.expired });
    Ok(Json(json!({ "data": words.iter().map(one).collect::<Vec<_>>() })))
}

/// `GET /api/v1/calls/{id}`.
pub(super) async fn call(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let account = bearer.account.as_str().to_owned();
    let row = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::call_get(tx, &account, &id).await }))
        .await?
        .ok_or_else(|| Problem::missing("call of that name"))?;
    Ok(Json(call_json(&row)))
}

/// What a person did.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
enum PersonEvent {
    Taken,
    Assigned { to: String },
    CalledBack { result: CallbackResult, note: Option<String>, booked_for: Option<Timestamp> },
}

pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|e| Problem::not_json(&e.to_string()))
}

/// `POST /api/v1/inquiries/{id}/events`.
pub(super) async fn event(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    bearer.need(Act::WorkQueue)?;
    let work = async |body: axum::body::Bytes| {
        let by = bearer.by.clone();
        let event = match read(&body)? {
            PersonEvent::Taken => Event::Taken { by },
            PersonEvent::CalledBack { result, note, booked_for } => Event::CalledBack { result, note, by, booked_for },
            PersonEvent::Assigned { to } => {
                let to = StaffId::from_text(to);
                if app.engine.roster(&bearer.account).await?.person(&to).is_none() {
                    return Err(Problem::bad_parameter("to", "nobody of that name is in the roster"));
                }
                Event::Assigned { to, by }
            }
        };
        let inquiry = load(&app, &bearer, &id).await?;
        let after = app.engine.act(&bearer.account, &inquiry.id, event).await?;
        Ok(inquiry_json(&after, app.engine.now()))
    };
    once(&app, &bearer, request, work).await
}

/// `POST /api/v1/signals/{id}/accept`.
pub(super) async fn accept(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    bearer.need(Act::Operate)?;
    let work = async |_| {
        app.engine.accept_quarantined(&bearer.account, &SignalId::from_text(id.as_str())).await?;
        Ok(json!({ "done": true }))
    };
    once(&app, &bearer, request, work).await
}

/// An answer to a review.
#[derive(Deserialize)]
struct Decision {
    digest: String,
    #[serde(flatten)]
    choice: Choice,
}

/// `POST /api/v1/reviews/{id}/decide`.
pub(super) async fn decide(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    bearer.need(Act::WorkQueue)?;
    let review = ReviewId::from_text(id.as_str());
    let act = app.engine.act_of_review(&bearer.account, &review).await?;
    bearer.need(act.ok_or_else(|| Problem::missing("review of that name"))?)?;
    let work = async |body: axum::body::Bytes| {
        let Decision { digest, choice } = read(&body)?;
        let after = app.engine.decide_review(&bearer.account, &review, &digest, choice, &bearer.by).await?;
        let mut told = inquiry_json(&after, app.engine.now());
        // A value that was called wrong can be taken back: by this scope.
        if let (Some(told), Some(scope)) =
            (told.as_object_mut(), app.engine.called_wrong(&bearer.account, &review).await?)
        {
            told.insert("take_back".into(), json!(scope));
        }
        Ok(told)
    };
    once(&app, &bearer, request, work).await
}

/// One answer to many questions.
#[derive(Deserialize)]
struct Decisions {
    items: Vec<Item>,
    #[serde(flatten)]
    choice: Choice,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    digest: String,
}

/// `POST /api/v1/reviews/decide`: each item is answered for itself, and each tells what became of it.
pub(super) async fn decide_together(
    State(app): State<App>,
    bearer: Bearer,
    request: Request,
) -> Result<Response, Problem> {
    bearer.need(Act::WorkQueue)?;
    let work = async |body: axum::body::Bytes| {
        let Decisions { items, choice } = read(&body)?;
        let items: Vec<(ReviewId, String)> =
            items.into_iter().map(|item| (ReviewId::from_text(item.id), item.digest)).collect();
        let may = |_: &ringback_core::inquiry::Inquiry, act| bearer.need(act).is_ok();
        let became = app.engine.decide_reviews(&bearer.account, &items, &choice, &bearer.by, &may).await?;
        Ok(json!({ "data": became.iter().map(|(id, became)| became.told(id)).collect::<Vec<_>>() }))
    };
    once(&app, &bearer, request, work).await
}

/// `POST /api/v1/dead-letters/{id}/replay`.
pub(super) async fn replay(
    State(app): State<App>,
    bearer: Bearer,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    bearer.need(Act::Operate)?;
    let work = async |_| {
        app.engine.replay_dead_letter(&bearer.account, &EffectId::from_text(id.as_str()), &bearer.by).await?;
        Ok(json!({ "done": true }))
    };
    once(&app, &bearer, request, work).await
}

/// `GET /api/v1/proofs/{seq}`.
pub(super) async fn proof(
    State(app): State<App>,
    bearer: Bearer,
    Path(seq): Path<String>,
) -> Result<Json<Value>, Problem> {
    // What is no number is the number of no proof.
    let seq = seq.parse::<i64>().unwrap_or(0);
    let account = bearer.account.as_str().to_owned();
    let row = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::proof_get(tx, &account, seq).await }))
        .await?;
    Ok(Json(proof_json(&row.ok_or_else(|| Problem::missing("proof of that number"))?)))
}
