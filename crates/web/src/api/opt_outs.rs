//! Opt-outs over the API: whatever channel somebody said it on, it is kept with the person; taking one back needs the right and a reason.

use super::idempotency::once;
use super::one::read;
use super::token::Bearer;
use crate::App;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use ringback_core::consent::Consent;
use ringback_core::id::InquiryId;
use ringback_core::rights::Act;
use ringback_engine::consent::Whose;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Whom it is about, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    inquiry: Option<String>,
    #[serde(default)]
    number: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

/// An inquiry of this account, or a number.
enum Who {
    Inquiry(InquiryId),
    Number(String),
}

impl Who {
    fn whose(&self) -> Whose<'_> {
        match self {
            Self::Inquiry(id) => Whose::Inquiry(id),
            Self::Number(number) => Whose::Number(number),
        }
    }
}

/// That the inquiry exists is seen by whatever moves it.
fn who(asked: &Asked) -> Result<Who, Problem> {
    match (&asked.inquiry, &asked.number) {
        (Some(id), None) => Ok(Who::Inquiry(InquiryId::from_text(id.as_str()))),
        (None, Some(number)) => Ok(Who::Number(number.clone())),
        _ => Err(Problem::bad_parameter("inquiry", "name an inquiry or a number, one of them")),
    }
}

fn shown(consent: &Consent) -> Value {
    json!({ "opted_out": consent.opted_out, "cleared": consent.cleared })
}

async fn now(app: &App, bearer: &Bearer, who: &Who) -> Result<Value, Problem> {
    Ok(match who {
        Who::Number(number) => shown(&app.engine.consent_of(&bearer.account, number).await?),
        Who::Inquiry(id) => {
            let inquiry = app.engine.inquiry(&bearer.account, id).await?;
            shown(&inquiry.map(|i| i.consent).unwrap_or_default())
        }
    })
}

/// `GET /api/v1/opt-outs?number=…`.
pub(super) async fn of(
    State(app): State<App>,
    bearer: Bearer,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    bearer.need(Act::ReadAll)?;
    let number = query.get("number").ok_or_else(|| Problem::bad_parameter("number", "whose opt-out?"))?;
    Ok(Json(shown(&app.engine.consent_of(&bearer.account, number).await?)))
}

/// `POST /api/v1/opt-outs`.
pub(super) async fn set(State(app): State<App>, bearer: Bearer, request: Request) -> Result<Response, Problem> {
    bearer.need(Act::WorkQueue)?;
    let work = async |body: axum::body::Bytes| {
        let asked: Asked = read(&body)?;
        if asked.reason.is_some() {
            return Err(Problem::bad_parameter("reason", "an opt-out needs none; taking one back does"));
        }
        let who = who(&asked)?;
        app.engine.opt_out(&bearer.account, who.whose(), &bearer.by).await?;
        now(&app, &bearer, &who).await
    };
    once(&app, &bearer, request, work).await
}

/// `POST /api/v1/opt-outs/clear`.
pub(super) async fn clear(State(app): State<App>, bearer: Bearer, request: Request) -> Result<Response, Problem> {
    bearer.need(Act::ClearOptOut)?;
    let work = async |body: axum::body::Bytes| {
        let asked: Asked = read(&body)?;
        let who = who(&asked)?;
        let reason = asked.reason.as_deref().unwrap_or_default();
        app.engine.clear_opt_out(&bearer.account, who.whose(), reason, &bearer.by).await?;
        now(&app, &bearer, &who).await
    };
    once(&app, &bearer, request, work).await
}
