//! HubSpot's error bodies. Shape: developers.hubspot.com/docs/api-reference/latest/error-handling; the wordings of single
//! errors are as recorded from the live service in public repositories.

use super::record::ObjectType;
use crate::Reply;
use serde_json::{Map, Value, json};

/// A refusal on its way to becoming a reply.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) category: &'static str,
    pub(crate) context: Map<String, Value>,
    /// `errors`, `policyName`, `errorType`, `links`.
    pub(crate) extra: Map<String, Value>,
    pub(crate) retry_after_s: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), category, context: Map::new(), extra: Map::new(), retry_after_s: None }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    pub(crate) fn context(mut self, key: &str, values: &[&str]) -> Self {
        self.context.insert(key.to_owned(), json!(values));
        self
    }

    fn body(&self, correlation: &str) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("status".into(), "error".into());
        body.insert("message".into(), self.message.as_str().into());
        body.insert("correlationId".into(), correlation.into());
        body.insert("category".into(), self.category.into());
        if !self.context.is_empty() {
            body.insert("context".into(), Value::Object(self.context.clone()));
        }
        body.extend(self.extra.clone());
        body
    }

    pub(crate) fn into_reply(self, correlation: &str) -> Reply {
        let reply = Reply::json(self.status, &Value::Object(self.body(correlation)));
        match self.retry_after_s {
            Some(seconds) => reply.with_header("Retry-After", seconds),
            None => reply,
        }
    }

    /// The same as one entry of a multi-status reply. Guide "Error handling", multi-status errors: the
    /// `objectWriteTraceId` in the context says which input it belongs to.
    pub(crate) fn into_entry(mut self, trace: Option<&str>) -> Value {
        if let Some(trace) = trace {
            self.context.insert("objectWriteTraceId".into(), json!([trace]));
        }
        json!({
            "status": "error", "category": self.category, "message": self.message,
            "context": self.context, "links": {}, "errors": self.extra.remove("errors").unwrap_or_else(|| json!([])),
        })
    }
}

/// One property that was not accepted.
pub(crate) struct Invalid {
    pub(crate) name: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// `Property values were not valid: [{…}]`, all of them at once, as the objects API words it.
pub(crate) fn invalid_properties(invalid: &[Invalid]) -> Refusal {
    let list: Vec<Value> = invalid
        .iter()
        .map(|i| json!({ "isValid": false, "message": i.message, "error": i.code, "name": i.name }))
        .collect();
    let mut refusal = Refusal::validation(format!("Property values were not valid: {}", Value::Array(list)));
    let errors = invalid
        .iter()
        .map(|i| json!({ "message": i.message, "code": i.code, "context": { "propertyName": [i.name] } }));
    refusal.extra.insert("errors".into(), errors.collect());
    refusal
}

/// Error handling page: a wrong or missing token is 401.
pub(crate) fn no_credentials() -> Refusal {
    Refusal::new(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at \
         https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    )
}

/// Error handling page, `EXPIRED_AUTHENTICATION`.
pub(crate) fn expired(seconds: i64) -> Refusal {
    let message = format!("The OAuth token used to make this call expired {seconds} second(s) ago.");
    Refusal::new(401, "EXPIRED_AUTHENTICATION", message)
}

/// Error handling page: a token without the scope is 403.
pub(crate) fn missing_scopes(scope: &str) -> Refusal {
    let mut refusal = Refusal::new(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: \
         https://developers.hubspot.com/scopes.",
    );
    refusal.extra.insert(
        "errors".into(),
        json!([{
            "message": "One or more of the following scopes are required.",
            "context": { "requiredGranularScopes": [scope] },
        }]),
    );
    refusal.extra.insert("links".into(), json!({ "scopes": "https://developers.hubspot.com/scopes" }));
    refusal
}

/// The three limits of the usage guidelines page, by HubSpot's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    TenSecondlyRolling,
    Secondly,
    Daily,
}

/// Usage guidelines: a call over a limit is 429 with `policyName`.
pub(crate) fn throttled(policy: Policy, retry_after_s: Option<u32>) -> Refusal {
    let (name, word) = match policy {
        Policy::TenSecondlyRolling => ("TEN_SECONDLY_ROLLING", "ten_secondly_rolling"),
        Policy::Secondly => ("SECONDLY", "secondly"),
        Policy::Daily => ("DAILY", "daily"),
    };
    let mut refusal = Refusal::new(429, "RATE_LIMITS", format!("You have reached your {word} limit."));
    refusal.extra.insert("errorType".into(), "RATE_LIMIT".into());
    refusal.extra.insert("policyName".into(), name.into());
    refusal.retry_after_s = retry_after_s;
    refusal
}

pub(crate) fn not_found(id: &str) -> Refusal {
    Refusal::new(404, "OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric.").context("id", &[id])
}

pub(crate) fn unknown_path() -> Refusal {
    Refusal::new(404, "NOT_FOUND", "The requested resource could not be found.")
}

pub(crate) fn unknown_type(name: &str) -> Refusal {
    Refusal::validation(format!("Unable to infer object type from: {name}")).context("type", &[name])
}

pub(crate) fn bad_json(why: &str) -> Refusal {
    Refusal::validation(format!("Invalid input JSON on line 1, column 1: {why}"))
}

/// Objects guide: required properties at creation.
pub(crate) fn missing_required(kind: ObjectType, names: &[&str]) -> Refusal {
    let message = format!("Error creating {}. Some required properties were not set.", kind.singular().to_uppercase());
    let mut refusal = Refusal::validation(message.clone()).context("properties", names);
    refusal.extra.insert(
        "errors".into(),
        json!([{ "message": message, "code": "REQUIRED_PROPERTIES_MISSING", "context": { "properties": names } }]),
    );
    refusal
}

/// Contacts guide: a second contact with the same e-mail is 409, and names the first.
pub(crate) fn contact_exists(existing: u64) -> Refusal {
    Refusal::new(409, "CONFLICT", format!("Contact already exists. Existing ID: {existing}"))
}

/// The newer wording, and the only one for other unique properties. `half` was allocated and does not exist.
pub(crate) fn value_taken(
    portal: u64,
    kind: ObjectType,
    property: &str,
    value: &str,
    half: u64,
    holder: u64,
) -> Refusal {
    Refusal::validation(format!(
        "Cannot set PropertyValueCoordinates{{portalId={portal}, objectTypeId=ObjectTypeId{{legacyObjectType={}}}, \
         propertyName={property}, value={value}}} on {half}. {holder} already has that value.",
        kind.singular().to_uppercase()
    ))
}

/// Recorded wording of a batch that names one record twice; the whole batch is refused, with trace ids or without.
pub(crate) fn duplicate_ids(ids: &[&str]) -> Refusal {
    Refusal::validation(format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", ids.join(", ")))
        .context("ids", ids)
}

/// Seen wording, <https://github.com/PipedreamHQ/pipedream/pull/8462>.
pub(crate) fn too_many_histories(max: usize) -> Refusal {
    Refusal::validation(format!(
        "The maximum number of inputs supported in a batch request for property histories is {max}. Please reduce the number of items \
         and try again"
    ))
}

/// Recorded form of one entry of a batch read of associations: that there are none is an error of its own.
pub(crate) fn no_associations(from: ObjectType, id: &str, to: ObjectType) -> Value {
    let (from, to) = (from.singular(), to.singular());
    let message = format!("No {to} is associated with {from} {id}.");
    let refusal = Refusal::new(404, "OBJECT_NOT_FOUND", message)
        .context("fromObjectId", &[id])
        .context("fromObjectType", &[from])
        .context("toObjectType", &[to]);
    let mut entry = refusal.into_entry(None);
    entry["subCategory"] = "crm.associations.NO_ASSOCIATIONS_FOUND".into();
    entry
}

/// Objects guide, batch endpoints: at most 100 inputs.
pub(crate) fn batch_too_large(len: usize, max: usize) -> Refusal {
    Refusal::validation(format!("The maximum number of inputs for this batch request is {max}, but {len} were given."))
}
