//! The vendor's error bodies: `{"error":{"code":"0x…","message":"…"}}` (page "Compose HTTP requests and handle errors"; codes of the
//! page "Web service error codes"). Wordings are as recorded from the live service in public repositories, or as the pages show them.

use crate::Reply;
use serde_json::json;

/// A refusal on its way to becoming a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) retry_after_s: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_s: None }
    }

    pub(crate) fn into_reply(self) -> Reply {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let reply = Reply::json(self.status, &body).with_header("OData-Version", "4.0");
        match self.retry_after_s {
            Some(seconds) => reply.with_header("Retry-After", seconds),
            None => reply,
        }
    }
}

pub(crate) fn no_segment(name: &str) -> Refusal {
    Refusal::new(404, "0x80060888", format!("Resource not found for the segment '{name}'."))
}

pub(crate) fn no_record(logical: &str, id: &str) -> Refusal {
    Refusal::new(404, "0x80040217", format!("{logical} With Id = {id} Does Not Exist"))
}

/// Page "Perform conditional operations": the message and 412.
pub(crate) fn changed() -> Refusal {
    Refusal::new(
        412,
        "0x80060882",
        "The version of the existing record doesn't match the RowVersion property provided.",
    )
}

/// Page "Perform conditional operations", prevent update in upsert.
pub(crate) fn exists() -> Refusal {
    Refusal::new(412, "0x80040237", "A record with matching key values already exists.")
}

pub(crate) fn no_property(name: &str, logical: &str) -> Refusal {
    Refusal::new(
        400,
        "0x80048d19",
        format!(
            "Error identified in Payload provided by the user for Entity :'', For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : Microsoft.Crm.CrmException: Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.{logical}'."
        ),
    )
}

pub(crate) fn no_navigation(name: &str) -> Refusal {
    Refusal::new(
        400,
        "0x80048d19",
        format!(
            "Error identified in Payload provided by the user for Entity :''  ---->  InnerException : Microsoft.OData.ODataException: An undeclared property '{name}' which only has property annotations in the payload but no property value was found in the payload. In OData, only declared navigation properties and declared named streams can be represented as properties without values."
        ),
    )
}

pub(crate) fn no_column(name: &str, logical: &str) -> Refusal {
    Refusal::new(
        400,
        "0x80060888",
        format!("Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{logical}'."),
    )
}

pub(crate) fn wrong_type(literal: &str, kind: &str) -> Refusal {
    Refusal::new(
        400,
        "0x80048d19",
        format!(
            "Error identified in Payload provided by the user for Entity :''  ---->  InnerException : Microsoft.OData.ODataException: Cannot convert the literal '{literal}' to the expected type '{kind}'."
        ),
    )
}

pub(crate) fn too_long(name: &str, logical: &str, max: usize) -> Refusal {
    Refusal::new(
        400,
        "0x80044331",
        format!(
            "A validation error occurred.  The length of the '{name}' attribute of the '{logical}' entity exceeded the maximum allowed length of '{max}'."
        ),
    )
}

pub(crate) fn outside(value: i64, name: &str, logical: &str) -> Refusal {
    Refusal::new(
        400,
        "0x80044330",
        format!(
            "A validation error occurred.  The value {value} of '{name}' on record of type '{logical}' is outside the valid range."
        ),
    )
}

/// A statuscode that does not belong to the state ("state and status must be a valid pair").
pub(crate) fn wrong_pair(status: i64, state: i64, logical: &str) -> Refusal {
    Refusal::new(400, "0x80048408", format!("{status} is not a valid status code for state code {state} on {logical}."))
}

/// Reference of phonecall and task: "Completed and canceled … are read-only and can't be edited". The code is a guess.
pub(crate) fn closed(logical: &str, id: &str) -> Refusal {
    Refusal::new(400, "0x80040203", format!("The {logical} with Id = {id} is closed and cannot be edited."))
}

/// Page "Detect duplicate data using the Web API".
pub(crate) fn duplicate(status: u16) -> Refusal {
    Refusal::new(
        status,
        "0x80040333",
        "A record was not created or updated because a duplicate of the current record already exists.",
    )
}

pub(crate) fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "0x80060888", message)
}

pub(crate) fn method(name: &str) -> Refusal {
    Refusal::new(405, "0x80060888", format!("The requested resource does not support http method '{name}'."))
}
