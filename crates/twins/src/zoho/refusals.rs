//! Zoho's error bodies. Shape and codes: the vendor's OpenAPI documents and the error lists of each page of
//! <https://www.zoho.com/crm/developer/docs/api/v8/>.

use crate::Reply;
use serde_json::{Map, Value, json};

/// One refusal: of a record (an entry of `data`) or of a whole request.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    message: String,
    details: Map<String, Value>,
    /// Whether the whole answer is one entry of `data` (what the newer description shows) or the error itself.
    in_data: bool,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: &str) -> Self {
        Self { status, code, message: message.to_owned(), details: Map::new(), in_data: false }
    }

    pub(crate) fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn in_data(mut self) -> Self {
        self.in_data = true;
        self
    }

    /// The refusal as one entry of `data`.
    pub(crate) fn entry(&self) -> Value {
        json!({ "code": self.code, "details": self.details, "message": self.message, "status": "error" })
    }

    pub(crate) fn into_reply(self) -> Reply {
        let body = if self.in_data { json!({ "data": [self.entry()] }) } else { self.entry() };
        Reply::json(self.status, &body)
    }
}

/// A value that is not accepted, with where it stands.
pub(crate) fn invalid(n: usize, field: &str) -> Refusal {
    at(Refusal::new(400, "INVALID_DATA", "invalid data"), n, field)
}

pub(crate) fn at(refusal: Refusal, n: usize, field: &str) -> Refusal {
    refusal.detail("api_name", field).detail("json_path", format!("$.data[{n}].{field}"))
}

pub(crate) fn mandatory(n: usize, field: &str) -> Refusal {
    at(Refusal::new(400, "MANDATORY_NOT_FOUND", "required field not found"), n, field)
}

/// "insert-records.html": a value of a unique field that another record holds.
pub(crate) fn duplicate(n: usize, field: &str, id: u64, module: &str, owner: Value) -> Refusal {
    let record =
        json!({ "id": id.to_string(), "module": { "api_name": module, "id": "5725767000000002175" }, "Owner": owner });
    at(Refusal::new(400, "DUPLICATE_DATA", "duplicate data"), n, field).detail("duplicate_record", record)
}

/// An id in the path that is no record's.
pub(crate) fn no_such_record() -> Refusal {
    Refusal::new(400, "INVALID_DATA", "the id given seems to be invalid").detail("resource_path_index", 1)
}

pub(crate) fn unknown_path() -> Refusal {
    Refusal::new(404, "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one")
}

pub(crate) fn unknown_module(name: &str) -> Refusal {
    Refusal::new(400, "INVALID_MODULE", "The module name given seems to be invalid").detail("api_name", name)
}

pub(crate) fn method() -> Refusal {
    Refusal::new(405, "INVALID_REQUEST_METHOD", "The http request method type is not a valid one")
}

pub(crate) fn bad_json() -> Refusal {
    Refusal::new(400, "INVALID_DATA", "body").detail("expected_data_type", "jsonobject")
}

pub(crate) fn missing_param(name: &str) -> Refusal {
    Refusal::new(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing").detail("param_name", name)
}

pub(crate) fn invalid_token() -> Refusal {
    Refusal::new(401, "INVALID_TOKEN", "invalid oauth token")
}

/// "api-limits.html" names the status; the words are undocumented.
pub(crate) fn too_many(words: &str) -> Refusal {
    Refusal::new(429, "TOO_MANY_REQUESTS", words)
}

/// "COQL": a query that cannot be read.
pub(crate) fn syntax(near: &str) -> Refusal {
    Refusal::new(400, "SYNTAX_ERROR", "error occurred while parsing the query").detail("near", near)
}

pub(crate) fn invalid_column(column: &str, clause: &str) -> Refusal {
    Refusal::new(400, "INVALID_QUERY", "column given seems to be invalid")
        .detail("column_name", column)
        .detail("clause", clause)
}
