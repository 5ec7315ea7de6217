//! What went wrong over HTTP, as RFC 9457 problems: a code, a cause and a way out.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ringback_engine::Error;
use serde_json::json;
use std::borrow::Cow;

/// One refusal. Every code has a page that `ringback error` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    pub(crate) cause: String,
    pub(crate) cure: Cow<'static, str>,
    /// What belongs to it besides, for programs.
    pub(crate) more: Option<serde_json::Value>,
}

impl Problem {
    fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        cause: impl Into<String>,
        cure: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, title, cause: cause.into(), cure: cure.into(), more: None }
    }

    pub(crate) fn too_large(max_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RB-0102",
            "Body too large",
            format!("the body is larger than {max_bytes} bytes"),
            "send it in smaller parts, or raise body_max_bytes",
        )
    }

    pub(crate) fn not_json(why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "RB-0103",
            "Body is not JSON",
            format!("the body could not be read: {why}"),
            "send the JSON that the API's document describes",
        )
    }

    pub(crate) fn not_stored(why: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "RB-0108",
            "Could not be stored",
            why,
            "try again in a moment; nothing was changed",
        )
    }

    fn trouble(code: &'static str, cause: String) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            code,
            "The database is in trouble",
            cause,
            "nothing was changed; try again once the database has room, may be written and answers: no restart is needed",
        )
    }

    pub(crate) fn missing(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "RB-0130",
            "Not found",
            format!("there is no {what}"),
            "look at the list it came from; what another account holds is never shown",
        )
    }

    pub(crate) fn bad_parameter(name: &str, why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "RB-0131",
            "A parameter that cannot be read",
            format!("{name}: {why}"),
            "use the values that the API's document lists; cursors come from the answer before",
        )
    }

    pub(crate) fn no_key() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "RB-0132",
            "Idempotency-Key is missing",
            "a request that changes something needs the header Idempotency-Key with 1 to 255 characters",
            "choose a new key per change, and send the same key again when you repeat it",
        )
    }

    pub(crate) fn other_request() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "RB-0133",
            "The key belongs to another request",
            "this Idempotency-Key was used on this route with another body",
            "use a new key for a new change",
        )
    }

    pub(crate) fn moved_on(why: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "RB-0134",
            "It has moved on",
            why,
            "read it again and decide about what stands there now",
        )
    }

    pub(crate) fn refused(why: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "RB-0135", "Refused", why, "change what the cause names")
    }

    /// The engine says what stands in the way, and what helps; of a rollback the page says it in its own words.
    fn told(problem: ringback_core::problem::Problem) -> Self {
        let back = "That cannot be rolled back so";
        let (status, title, cure): (_, _, Cow<'static, str>) = match problem.code {
            "RB-0230" => {
                let cure = "say which writes: at least one part of the scope";
                (StatusCode::UNPROCESSABLE_ENTITY, back, cure.into())
            }
            "RB-0231" => (StatusCode::CONFLICT, back, "look at the preview again and start with its digest".into()),
            "RB-0232" => (StatusCode::UNPROCESSABLE_ENTITY, back, "the preview says of each value why it stays".into()),
            "RB-0233" => {
                let cure = "take it back in parts: by version and field, or by shorter windows";
                (StatusCode::UNPROCESSABLE_ENTITY, back, cure.into())
            }
            "RB-0246" | "RB-0247" => (StatusCode::CONFLICT, "That is not offered", problem.cure.into()),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "That cannot be done so", problem.cure.into()),
        };
        Self::new(status, problem.code, title, problem.cause, cure)
    }

    /// A contract that cannot be used: everything that is wrong with it, each with its line.
    pub(crate) fn contract(text: &str, problems: &[ringback_core::problem::Problem]) -> Self {
        let line = |at: usize| text.get(..at.min(text.len())).unwrap_or_default().matches('\n').count() + 1;
        let one = |p: &ringback_core::problem::Problem| {
            json!({ "code": p.code, "cause": p.cause, "cure": p.cure, "line": p.at.as_ref().map(|at| line(at.start)),
                    "other_line": p.also_at.as_ref().map(|at| line(at.start)) })
        };
        let first = problems.first().map_or("it says nothing", |p| p.cause.as_str());
        let cause = match problems.len() {
            0 | 1 => first.to_owned(),
            n => format!("{n} problems, the first: {first}"),
        };
        let more = json!({ "problems": problems.iter().map(one).collect::<Vec<_>>() });
        let cure = "mend what `problems` names; `ringback contract check` shows each in its line";
        let code = problems.first().map_or("RB-0203", |p| p.code);
        let refused = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, "A contract that cannot be used", cause, cure);
        Self { more: Some(more), ..refused }
    }

    /// A draft that cannot be tried on recorded calls.
    fn no_backtest(why: &str) -> Self {
        let cure = "name in the draft's `crm` a connection that the settings have";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "RB-0250", "A draft that cannot be tried", why, cure)
    }

    /// What keeps a draft, or another version, from being tried on what was recorded.
    pub(crate) fn of_trial(error: Error) -> Self {
        match error {
            Error::Refused(why) => Self::no_backtest(&why),
            other => other.into(),
        }
    }

    /// More was to happen by itself than the account is ready for.
    pub(crate) fn not_ready(problems: &[ringback_core::problem::Problem]) -> Self {
        let one = |p: &ringback_core::problem::Problem| json!({ "code": p.code, "cause": p.cause, "cure": p.cure });
        let first = problems.first();
        let refused = Self::new(
            StatusCode::CONFLICT,
            first.map_or("RB-0240", |p| p.code),
            "The account is not ready for that",
            first.map_or("a guarantee is not green", |p| p.cause.as_str()),
            "each of `problems` names the command that mends it; the page Contract shows the same",
        );
        Self { more: Some(json!({ "problems": problems.iter().map(one).collect::<Vec<_>>() })), ..refused }
    }

    /// A contract that was made from another version than the one in force.
    pub(crate) fn contract_moved_on(refused: &ringback_engine::contracts::Refused) -> Self {
        let problem = refused.problem("");
        let cure = "`refused` shows who changed what meanwhile: take it into your text and send that with the version in force as its base";
        let moved = Self::new(StatusCode::CONFLICT, "RB-0223", "The contract has moved on", problem.cause, cure);
        Self { more: Some(json!({ "refused": refused })), ..moved }
    }

    pub(crate) fn many_headers() -> Self {
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "RB-0136",
            "Too many headers",
            "the request has more headers, or longer ones, than any provider sends",
            "look at the proxies between the provider and here",
        )
    }

    pub(crate) fn under_way() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "RB-0137",
            "The same request is under way",
            "a request with this Idempotency-Key is being worked on right now",
            "repeat it in a moment; you will get its answer",
        )
    }

    pub(crate) fn no_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "RB-0601",
            "No token that counts",
            "the request carries no token, or one that is unknown or revoked",
            "send Authorization: Bearer rbt_… with a token made by `ringback token add`",
        )
    }

    pub(crate) fn scope(needed: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "RB-0602",
            "The token may not do that",
            format!("this needs a token with the scope {needed}"),
            "make a token with that scope",
        )
    }

    pub(crate) fn sign_in_failed() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "RB-0603",
            "Sign-in failed",
            "e-mail and password do not belong together",
            "try again, or ask an admin for a new password",
        )
    }

    pub(crate) fn sign_in_pause() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "RB-0604",
            "Too many tries",
            "too many sign-ins failed in a short time",
            "wait fifteen minutes, or ask an admin for a new password",
        )
    }

    pub(crate) fn sign_in_there() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "RB-0607",
            "That account has a sign-in of its own",
            "being signed in here does not count in that account",
            "sign in with the password that you have there",
        )
    }

    pub(crate) fn stale_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "RB-0605",
            "This page is out of date",
            "the form was not made for this session",
            "load the page again and repeat the click; nothing was changed",
        )
    }

    pub(crate) fn role(role: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "RB-0606",
            "Your role may not do that",
            format!("you are signed in as {role}"),
            "ask an admin of the account; nothing was changed",
        )
    }

    fn defect(why: &str) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "RB-0801",
            "This could not be shown",
            why,
            "report it with the code; calls keep coming in and being worked on",
        )
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(store) => store.into(),
            Error::Missing(what) => Self::missing(&what),
            Error::MovedOn(why) => Self::moved_on(&why),
            Error::Late(late) => Self { more: Some(json!({ "now": late })), ..Self::moved_on(&late.to_string()) },
            Error::Refused(why) => Self::refused(&why),
            Error::NotReady(problems) => Self::not_ready(&problems),
            Error::Told(problem) => Self::told(*problem),
            Error::Corrupt { .. } => Self::defect(&error.to_string()),
        }
    }
}

impl From<ringback_store::Error> for Problem {
    fn from(error: ringback_store::Error) -> Self {
        let cause = error.to_string();
        match error {
            _ if error.is_trouble() => Self::trouble(error.code(), cause),
            ringback_store::Error::Conflict => Self::not_stored(&cause),
            _ => Self::defect(&cause),
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::defect(&error.to_string())
    }
}

impl Problem {
    /// The problem as a JSON value.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut value = json!({
            "type": format!("urn:ringback:error:{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.cause,
            "code": self.code,
            "cause": self.cause,
            "cure": self.cure,
        });
        if let (Some(map), Some(serde_json::Value::Object(more))) = (value.as_object_mut(), &self.more) {
            map.extend(more.clone());
        }
        value
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Of a database in trouble the store tells, once.
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::warn!(code = self.code, cause = %self.cause, "a request failed");
        }
        let mut response = (self.status, Json(self.json())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
