//! Where a value came from, what other rules would have done, and everything about a record as one file.

use super::one::read;
use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Query, State};
use ringback_core::rights::Act;
use ringback_engine::contracts::check;
use ringback_engine::trace::{Answer, Asked, Other};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

fn need<'q>(query: &'q HashMap<String, String>, name: &'static str) -> Result<&'q str, Problem> {
    let given = query.get(name).map(String::as_str).filter(|v| !v.is_empty());
    given.ok_or_else(|| Problem::bad_parameter(name, "it is missing"))
}

/// `GET /api/v1/trace`.
pub(super) async fn trace(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    let (object, record, property) = (need(&query, "object")?, need(&query, "record")?, need(&query, "property")?);
    let answers = app.engine.trace(&bearer.account, object, record, property).await?;
    Ok(Json(json!({ "data": answers })))
}

/// A written value, and the rules that are asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnderAsked {
    object: String,
    record: String,
    property: String,
    /// One of its writes; the newest if absent.
    #[serde(default)]
    inquiry: Option<String>,
    #[serde(default)]
    seq: Option<i64>,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    text: Option<String>,
}

impl UnderAsked {
    fn is(&self, answer: &Answer) -> bool {
        let inquiry = self.inquiry.as_ref().is_none_or(|inquiry| inquiry == answer.inquiry.as_str());
        inquiry && self.seq.is_none_or(|seq| seq == answer.seq)
    }
}

/// `POST /api/v1/trace/under`: reads only, so it needs no key against doing it twice.
pub(super) async fn under(
    State(app): State<App>,
    bearer: Bearer,
    body: axum::body::Bytes,
) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    let asked: UnderAsked = read(&body)?;
    let other = match (asked.version, &asked.text) {
        (Some(version), None) => Other::Version(version),
        (None, Some(text)) => {
            let roster = app.engine.roster(&bearer.account).await?;
            let draft = check(text, &roster).map_err(|problems| Problem::contract(text, &problems))?;
            Other::Draft(Box::new(draft))
        }
        _ => return Err(Problem::bad_parameter("version", "say either a version or the text of a contract")),
    };
    let answers = app.engine.trace(&bearer.account, &asked.object, &asked.record, &asked.property).await?;
    let answer = answers.iter().find(|answer| asked.is(answer));
    let answer = answer.ok_or_else(|| Problem::missing("write of that field to that record"))?;
    let under = app.engine.under(&bearer.account, &Asked::of(answer), &other).await;
    Ok(Json(json!(under.map_err(Problem::of_trial)?)))
}

/// `GET /api/v1/audit/record`.
pub(super) async fn record(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    bearer.need(Act::Export)?;
    let (object, record) = (need(&query, "object")?, need(&query, "record")?);
    let written = app.engine.export_record(&bearer.account, object, record).await?;
    let written = written.ok_or_else(|| Problem::missing("record that Ringback wrote to"))?;
    Ok(Json(json!({ "file": written.text, "lines": written.lines, "hash": written.hash, "key": written.key })))
}
