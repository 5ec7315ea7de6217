//! HighLevel's error bodies: `{"statusCode","message","error"}`, the message a sentence or a list of them (`BadRequestDTO`,
//! `UnauthorizedDTO`, `UnprocessableDTO` of the vendor's common schemas). Single wordings are those of public reports.

use crate::Reply;
use serde_json::{Value, json};

/// A refusal on its way to becoming a reply.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    message: Value,
    meta: Option<Value>,
    retry_after_s: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: Value::String(message.into()), meta: None, retry_after_s: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 422, all complaints at once.
    pub(crate) fn invalid(messages: &[String]) -> Self {
        Self { status: 422, message: json!(messages), meta: None, retry_after_s: None }
    }

    /// The example of `UnauthorizedDTO`.
    pub(crate) fn no_token() -> Self {
        Self::new(401, "Invalid token: access token is invalid")
    }

    pub(crate) fn no_scope() -> Self {
        Self::new(401, "The token is not authorized for this scope.")
    }

    /// `InvalidLocationDTO` of other interfaces of the vendor; the sentence as public reports have it.
    pub(crate) fn other_location() -> Self {
        Self::new(403, "The token does not have access to this location.")
    }

    /// A record that is not there is no 404 (public reports: "Contact with id lookup not found" for a mistaken path).
    pub(crate) fn no_contact(id: &str) -> Self {
        Self::bad(format!("Contact with id {id} not found"))
    }

    /// The same for tasks and notes; undocumented.
    pub(crate) fn no_record(kind: &str, id: &str) -> Self {
        Self::bad(format!("{kind} with id {id} not found"))
    }

    pub(crate) fn no_such_path(method: &str, path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        Self::new(404, format!("Cannot {method} {path}"))
    }

    /// Public reports: 400, with the holder and the field in `meta`.
    pub(crate) fn duplicate(id: &str, name: &str, field: &str) -> Self {
        Self {
            meta: Some(json!({ "contactId": id, "contactName": name, "matchingField": field })),
            ..Self::bad("This location does not allow duplicated contacts.")
        }
    }

    /// "429 on excess"; body and `Retry-After` are undocumented.
    pub(crate) fn too_many(retry_after_s: Option<u32>) -> Self {
        Self { retry_after_s, ..Self::new(429, "Too Many Requests") }
    }

    pub(crate) fn into_reply(self) -> Reply {
        let mut body = json!({ "statusCode": self.status, "message": self.message });
        let error = match self.status {
            400 => Some("Bad Request"),
            401 => Some("Unauthorized"),
            403 => Some("Forbidden"),
            404 => Some("Not Found"),
            422 => Some("Unprocessable Entity"),
            _ => None,
        };
        if let Some(error) = error {
            body["error"] = json!(error);
        }
        if let Some(meta) = self.meta {
            body["meta"] = meta;
        }
        let reply = Reply::json(self.status, &body);
        match self.retry_after_s {
            Some(seconds) => reply.with_header("Retry-After", seconds),
            None => reply,
        }
    }
}
