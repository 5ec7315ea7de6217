//! Salesforce's errors: `[{"errorCode", "message", "fields"}]` with a status (REST API Developer Guide, "Status Codes and Error
//! Responses"), `{"statusCode", "message", "fields"}` inside results of records. Wordings are those recorded from live orgs.

use crate::Reply;
use serde_json::{Value, json};

/// A refusal on its way to becoming a reply or an entry.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
    /// A duplicate rule's findings, with the name under which they are given.
    pub(crate) duplicates: Option<(&'static str, Value)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new(), duplicates: None }
    }

    pub(crate) fn fields(mut self, fields: &[&str]) -> Self {
        self.fields = fields.iter().map(|f| (*f).to_owned()).collect();
        self
    }

    /// The body of a reply of its own.
    pub(crate) fn body(&self) -> Value {
        let mut entry = json!({ "message": self.message, "errorCode": self.code });
        if !self.fields.is_empty() {
            entry["fields"] = json!(self.fields);
        }
        if let Some((name, found)) = &self.duplicates {
            entry[*name] = found.clone();
        }
        json!([entry])
    }

    pub(crate) fn into_reply(self) -> Reply {
        Reply::json(self.status, &self.body())
    }

    /// One record's result in a collection. It does not say who the duplicates are.
    pub(crate) fn into_result(self, upsert: bool) -> Value {
        let error = json!({ "statusCode": self.code, "message": self.message, "fields": self.fields });
        let mut result = json!({ "success": false, "errors": [error] });
        if upsert {
            result["created"] = json!(false);
        }
        result
    }
}

pub(crate) fn session() -> Refusal {
    Refusal::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
}

/// Limits page: the daily budget is used up.
pub(crate) fn exhausted() -> Refusal {
    Refusal::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
}

/// Knowledge article 000389067: too many requests that run longer than 20 s.
pub(crate) fn concurrent() -> Refusal {
    Refusal::new(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
}

pub(crate) fn not_found() -> Refusal {
    Refusal::new(404, "NOT_FOUND", "The requested resource does not exist")
}

pub(crate) fn no_external(name: &str) -> Refusal {
    Refusal::new(404, "NOT_FOUND", format!("Provided external ID field does not exist or is not accessible: {name}"))
}

pub(crate) fn deleted() -> Refusal {
    Refusal::new(404, "ENTITY_IS_DELETED", "entity is deleted")
}

pub(crate) fn method() -> Refusal {
    Refusal::new(405, "METHOD_NOT_ALLOWED", "HTTP Method not allowed for this resource")
}

pub(crate) fn bad_json(why: &str) -> Refusal {
    Refusal::new(400, "JSON_PARSER_ERROR", format!("{why} at [line:1, column:1]"))
}

pub(crate) fn no_column(name: &str, sobject: &str) -> Refusal {
    Refusal::new(400, "INVALID_FIELD", format!("No such column '{name}' on sobject of type {sobject}"))
}

pub(crate) fn malformed_id(id: &str) -> Refusal {
    Refusal::new(400, "MALFORMED_ID", format!("Id value of incorrect type or malformed: {id}"))
}

pub(crate) fn malformed_query(why: &str) -> Refusal {
    Refusal::new(400, "MALFORMED_QUERY", why.to_owned())
}

pub(crate) fn malformed_search(why: &str) -> Refusal {
    Refusal::new(400, "MALFORMED_SEARCH", why.to_owned())
}

pub(crate) fn no_type(name: &str) -> Refusal {
    Refusal::new(
        400,
        "INVALID_TYPE",
        format!(
            "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name."
        ),
    )
}

/// Conditional requests page: 412, and nothing is processed.
pub(crate) fn changed() -> Refusal {
    Refusal::new(412, "PRECONDITION_FAILED", "The record was modified after the given date")
}

pub(crate) fn locked() -> Refusal {
    Refusal::new(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records")
}

pub(crate) fn taken(field: &str, holder: &str) -> Refusal {
    let short: String = holder.chars().take(15).collect();
    let message = format!("duplicate value found: {field} duplicates value on record with id: {short}");
    Refusal::new(400, "DUPLICATE_VALUE", message).fields(&[field])
}
