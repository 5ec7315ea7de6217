//! THE STRAW MAN, NEVER USE: what an afternoon's webhook-to-CRM script looks like, kept so that the drill has somebody to fail.
//!
//! It answers before anything is stored, takes no notice of a webhook that it has seen before, tries again after a time-out without
//! looking, lets the call overwrite whatever is there, and gives up without a word. In fair weather it works, and the drill says so.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use ringback_connect::Secret;
use ringback_core::http::{HttpRequest, Method};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_engine::http::{Authorization, Outgoing, Policy, ReqwestTransport, Transport as _};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const TRIES_MAX: usize = 3;
const TIMEOUT: Duration = Duration::from_millis(800);
const PAUSE: Duration = Duration::from_millis(150);
const REPLY_BYTES_MAX: usize = 1024 * 1024;

struct Script {
    http: ReqwestTransport,
    base_url: String,
    token: String,
}

/// Takes calls until the task is dropped, and writes to the HubSpot at that address.
pub(super) async fn serve(listener: TcpListener, base_url: String, token: String) -> io::Result<()> {
    let http = ReqwestTransport::new(Policy { allow_private: true, body_max_bytes: REPLY_BYTES_MAX })
        .map_err(|fault| io::Error::other(fault.to_string()))?;
    let script = Arc::new(Script { http, base_url, token });
    let app = Router::new().route("/missed-call", post(hear)).with_state(script);
    axum::serve(listener, app).await
}

/// 200 first; whatever comes of it comes of it.
async fn hear(State(script): State<Arc<Script>>, body: Bytes) -> StatusCode {
    if let Ok(call) = serde_json::from_slice::<Value>(&body) {
        tokio::spawn(async move { script.write(&call).await });
    }
    StatusCode::OK
}

impl Script {
    /// A contact, a call, a task.
    async fn write(&self, call: &Value) -> Option<()> {
        let text = |field: &str| call[field].as_str().unwrap_or_default();
        let (first, last) = text("caller_name").split_once(' ').unwrap_or(("Missed", "Call"));
        let mut properties = json!({ "phone": text("caller"), "firstname": first, "lastname": last });
        if !text("email").is_empty() {
            properties["email"] = text("email").into();
        }
        let contact = self.contact(&properties).await?;
        let on = |kind: u32| {
            json!([{ "to": { "id": contact },
                "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind }] }])
        };
        let logged = json!({
            "properties": { "hs_timestamp": text("started_at"), "hs_call_title": "Missed call", "hs_call_direction": "INBOUND",
                "hs_call_body": text("transcript") },
            "associations": on(194),
        });
        self.send(Method::Post, "/crm/v3/objects/calls", &logged).await?;
        let task = json!({
            "properties": { "hs_timestamp": text("started_at"), "hs_task_subject": "Call back", "hs_task_body": text("transcript") },
            "associations": on(204),
        });
        self.send(Method::Post, "/crm/v3/objects/tasks", &task).await.map(|_| ())
    }

    /// Creates; where HubSpot says that the address is there already, overwrites whatever that record says.
    async fn contact(&self, properties: &Value) -> Option<String> {
        let (status, reply) =
            self.send(Method::Post, "/crm/v3/objects/contacts", &json!({ "properties": properties })).await?;
        if status != 409 {
            return reply["id"].as_str().map(str::to_owned);
        }
        let id: String =
            reply["message"].as_str()?.rsplit("ID: ").next()?.chars().filter(char::is_ascii_digit).collect();
        let path = format!("/crm/v3/objects/contacts/{id}");
        self.send(Method::Patch, &path, &json!({ "properties": properties })).await?;
        Some(id)
    }

    /// Sends, and sends again when there is no good answer in time.
    async fn send(&self, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        let request = HttpRequest {
            method,
            path: path.to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        };
        for _ in 0..TRIES_MAX {
            let call = Outgoing {
                base_url: &self.base_url,
                request: &request,
                auth: Some(Authorization::Bearer(Secret::new(&self.token))),
                timeout: TIMEOUT,
                connection: "straw-man",
            };
            if let Ok(reply) = self.http.send(call).await
                && reply.status < 500
                && reply.status != 429
            {
                return Some((reply.status, serde_json::from_slice(&reply.body).unwrap_or_default()));
            }
            SystemClock.sleep(PAUSE).await;
        }
        None
    }
}
