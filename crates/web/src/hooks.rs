//! The door for providers: bytes in, the engine's answer out. Nothing is read or judged here.

use crate::App;
use crate::problem::Problem;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ringback_core::http::{HttpReply, RawRequest};

/// More headers than any provider sends.
pub(crate) const HEADERS_MAX: usize = 100;
/// All names and values together.
pub(crate) const HEADER_BYTES_MAX: usize = 64 * 1024;

/// `GET|POST /hooks/{connection}/{event}`.
pub(crate) async fn receive(
    State(app): State<App>,
    Path((connection, event)): Path<(String, String)>,
    request: Request,
) -> Response {
    match raw(&app, event, request).await {
        Ok(raw) => answer(app.engine.receive(&connection, raw).await),
        Err(problem) => problem.into_response(),
    }
}

async fn raw(app: &App, event: String, request: Request) -> Result<RawRequest, Problem> {
    let (parts, body) = request.into_parts();
    let headers = headers(&parts.headers)?;
    // The provider signed the address it was given, which is the configured one; `Host` is the sender's to choose.
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let url = format!("{}{path}", app.engine.settings().public_url);
    let max_bytes = app.options.hook_body_max_bytes;
    let body = to_bytes(body, max_bytes).await.map_err(|_| Problem::too_large(max_bytes))?;
    Ok(RawRequest { method: parts.method.as_str().to_owned(), url, event, headers, body: body.to_vec() })
}

fn headers(map: &HeaderMap) -> Result<Vec<(String, String)>, Problem> {
    let bytes: usize = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if map.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(Problem::many_headers());
    }
    let pair = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(map.iter().map(pair).collect())
}

fn answer(reply: HttpReply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
