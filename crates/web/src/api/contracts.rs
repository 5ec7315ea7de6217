//! Contracts over the API: apply by the one door, list versions, and the account's own chain.

use super::idempotency::once;
use super::one::{entries_json, read};
use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use ringback_core::rights::Act;
use ringback_engine::contracts::{Answer, Base, By, Fit, Wish, check};
use ringback_engine::instant;
use serde::Deserialize;
use serde_json::{Value, json};

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
            Fit::NotAsked(why) => Some(why),
            Fit::Problems(problems) => return Err(Problem::contract(&text, &problems)),
        };
        let by = By { who: bearer.by.as_str().to_owned(), file: None };
        let wish = Wish { text, contract, base: Base::Version(base), by };
        match app.engine.apply_contract(&bearer.account, &wish).await? {
            Answer::Applied { row, changes, decides_calls } => Ok(json!({
                "contract": { "id": row.id, "name": row.name, "version": row.version }, "changes": changes,
                "decides_calls": decides_calls, "crm": crm,
            })),
            Answer::Same(row) => Ok(json!({
                "contract": { "id": row.id, "name": row.name, "version": row.version }, "changes": [], "crm": crm,
            })),
            Answer::Refused(refused) => Err(Problem::contract_moved_on(&refused)),
        }
    };
    once(&app, &bearer, request, work).await
}

/// `GET /api/v1/contract/versions`.
pub(super) async fn versions(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    let rows = app.engine.contract_versions(&bearer.account).await?;
    let one = |r: &ringback_store::ContractRow| {
        json!({ "id": r.id, "name": r.name, "version": r.version, "digest": r.digest,
                "applied_at": instant(r.applied_at).to_string(), "applied_by": r.applied_by, "text": r.source })
    };
    Ok(Json(json!({ "data": rows.iter().map(one).collect::<Vec<_>>() })))
}

/// `GET /api/v1/audit`.
pub(super) async fn audit(State(app): State<App>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    Ok(Json(entries_json(app.engine.account_entries(&bearer.account).await?)))
}
