//! What things look like in the API, and the routes that are neither list nor single thing.

use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use ringback_core::contract::Contract;
use ringback_core::id::ConnectionId;
use ringback_core::inquiry::{Inquiry, Review, State as InquiryState};
use ringback_engine::instant;
use ringback_store::{CallRow, SignalRow};
use serde_json::{Value, json};

/// An inquiry. Internal counters stay inside.
pub(super) fn inquiry_json(i: &Inquiry, now: Timestamp) -> Value {
    let (state, outcome, closed_at) = match &i.state {
        InquiryState::Open => ("open", None, None),
        InquiryState::Closed { outcome, at, .. } => ("closed", Some(*outcome), Some(at.to_string())),
    };
    let claims: Vec<Value> = i
        .claims
        .iter()
        .map(|(field, h)| {
            json!({
                "field": field, "value": h.claim.value.text(), "confidence": h.claim.confidence.0, "quote": h.quote,
                "call": h.evidence.call, "document": h.evidence.document, "start": h.evidence.start, "end": h.evidence.end,
                "extractor": h.evidence.extractor, "extractor_version": h.evidence.extractor_version,
            })
        })
        .collect();
    let effects: Vec<Value> = i
        .effects
        .iter()
        .map(|(target, e)| {
            json!({ "id": e.id, "target": target, "kind": e.word, "progress": e.progress, "record": e.record,
                    "settled_at": e.settled_at.map(|at| at.to_string()), "why": e.why })
        })
        .collect();
    json!({
        "id": i.id, "state": state, "outcome": outcome, "opened_at": i.opened_at.to_string(), "closed_at": closed_at,
        "location": i.location, "caller": { "e164": i.e164, "national": i.national, "callback": i.callback_number() },
        "calls": i.calls, "claims": claims, "rejected": i.rejected, "match": i.matched, "urgency": i.urgency(), "flags": i.flags(),
        "owner": i.owner, "unowned_because": i.unowned_because, "tier": i.tier, "escalations": i.escalations, "clock": i.clock,
        "past_due": i.open() && i.clock.as_ref().is_some_and(|c| c.is_breached(now)),
        "breached_at": i.breached_at.map(|at| at.to_string()), "taken_by": i.taken_by, "callbacks": i.callbacks,
        "next_callback_at": i.next_callback_at.map(|at| at.to_string()), "verdicts": i.verdicts, "unmapped": i.unmapped,
        "effects": effects, "reviews": i.reviews, "contract": i.contract, "opted_out": i.consent.opted_out,
        "stages": i.stages().iter().map(|(stage, state)| json!({ "stage": stage, "state": state })).collect::<Vec<_>>(),
    })
}

/// A call.
pub(super) fn call_json(row: &CallRow) -> Value {
    let snapshot: Value = serde_json::from_str(&row.snapshot).unwrap_or_default();
    json!({
        "id": row.id, "location": row.location, "category": row.category, "after_hours": row.after_hours,
        "started_at": instant(row.started_at).to_string(), "inquiry": row.inquiry, "call": snapshot,
    })
}

/// A signal, without its body.
pub(super) fn signal_json(row: &SignalRow) -> Value {
    json!({
        "id": row.id, "connection": row.connection, "event": row.event, "received_at": instant(row.received_at).to_string(),
        "state": row.state, "duplicate_of": row.duplicate_of, "document": row.document, "call": row.call_id, "why": row.why,
    })
}

/// A review with the digest that a decision has to name.
pub(super) fn review_json(review: &Review, inquiry: &str, digest: &str) -> Value {
    let mut value = serde_json::to_value(review).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.insert("inquiry".into(), json!(inquiry));
        map.insert("digest".into(), json!(digest));
    }
    value
}

/// Dead letters in one answer: there are few, or something is very wrong.
const DEAD_MAX: u32 = 1_000;

/// `GET /api/v1/dead-letters`.
pub(super) async fn dead_letters(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    let account = bearer.account.as_str().to_owned();
    let rows = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::effects_dead(tx, &account, DEAD_MAX).await }))
        .await?;
    let one = |r: &ringback_store::EffectRow| {
        json!({
            "id": r.id, "inquiry": r.inquiry, "lane": r.lane, "kind": r.kind, "target": r.target, "attempts": r.attempts,
            "since": r.settled_at.map(|at| instant(at).to_string()), "why": r.why,
        })
    };
    Ok(Json(json!({ "data": rows.iter().map(one).collect::<Vec<_>>() })))
}

/// A proof; its file only where one is asked for.
pub(super) fn proof_json(row: &ringback_store::ProofRow) -> Value {
    let summary: Value = serde_json::from_str(&row.summary).unwrap_or_default();
    let mut value = json!({
        "seq": row.seq, "day": row.day, "revision": row.revision, "made_at": instant(row.made_at).to_string(), "key_id": row.key_id,
        "hash": row.hash, "previous": row.prev_hash, "summary": summary,
    });
    if let Some(map) = value.as_object_mut().filter(|_| !row.body.is_empty()) {
        map.insert("file".into(), json!(row.body));
    }
    value
}

/// `GET /api/v1/runbook`.
pub(super) async fn runbook(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "data": app.engine.runbook(&bearer.account).await? })))
}

/// `GET /api/v1/connections`: never a secret.
pub(super) async fn connections(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    let account = bearer.account.as_str().to_owned();
    let data = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move {
                let mut out = Vec::new();
                let last = ringback_store::connections_last_signal(tx, &account).await?;
                for c in ringback_store::connections_all(tx, &account).await? {
                    let lane = ringback_store::lane_get(tx, &account, &c.id).await?;
                    let waiting = ringback_store::effects_unsettled_count(tx, &account, &c.id).await?;
                    let oldest = ringback_store::effects_oldest_unsettled(tx, &account, &c.id).await?;
                    let signal = last.iter().find(|(id, _)| *id == c.id).and_then(|(_, at)| *at);
                    let text = |at: i64| instant(at).to_string();
                    out.push(json!({
                        "id": c.id, "name": c.name, "vendor": c.vendor, "kind": c.kind, "state": c.state,
                        "waiting": waiting, "oldest_waiting_at": oldest.map(text), "last_signal_at": signal.map(text),
                        "breaker": lane.as_ref().and_then(|l| l.breaker.clone()),
                        "last_ok_at": lane.as_ref().and_then(|l| l.last_ok_at).map(text),
                        "last_error": lane.as_ref().and_then(|l| l.last_error.clone()),
                        "last_error_at": lane.as_ref().and_then(|l| l.last_error_at).map(text),
                    }));
                }
                Ok(out)
            })
        })
        .await?;
    let mut data: Vec<Value> = data;
    for one in &mut data {
        let id = ConnectionId::from_text(one["id"].as_str().unwrap_or_default());
        if one["kind"] == "crm"
            && let Some(drain) = app.engine.drain_plan(&bearer.account, &id).await?
        {
            one["drain"] = json!(drain);
        }
    }
    Ok(Json(json!({ "data": data })))
}

/// `GET /api/v1/ledger/verify`.
pub(super) async fn verify(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    let report = app.engine.verify(&bearer.account).await?;
    Ok(Json(serde_json::to_value(report).unwrap_or_default()))
}

async fn standing(
    app: &App,
    bearer: &Bearer,
) -> Result<(ringback_core::plan::ContractRef, std::sync::Arc<Contract>), Problem> {
    let found = app.engine.contract(&bearer.account).await?;
    found.ok_or_else(|| Problem::missing("contract; apply one first"))
}

/// `GET /api/v1/contract`.
pub(super) async fn contract(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    let (named, contract) = standing(&app, &bearer).await?;
    Ok(Json(json!({ "contract": named, "digest": contract.digest(), "sentences": contract.sentences() })))
}

/// `GET /api/v1/contract/fields/{field}`.
pub(super) async fn clause(
    State(app): State<App>,
    bearer: Bearer,
    Path(field): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (named, contract) = standing(&app, &bearer).await?;
    let rule = contract.fields.get(&field).ok_or_else(|| Problem::missing("clause for that field"))?;
    Ok(Json(json!({ "contract": named, "field": field, "winner": rule.winner, "clause": rule })))
}
