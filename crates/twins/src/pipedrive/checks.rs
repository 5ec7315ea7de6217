//! What Pipedrive refuses of a write, all in the words of v2.
//!
//! Sources: the request bodies of `openapi-v2.yaml`; "Validation failed: x: Parameter 'x' is not allowed for this request" and the sentence
//! about `person_id` are recorded answers of the service.

use super::{ACTIVITY_TYPES, Pipedrive, Shelf};
use crate::Reply;
use serde_json::{Map, Value, json};

/// A refusal on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) error: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, error: impl Into<String>) -> Self {
        Self { status, code, error: error.into() }
    }

    pub(crate) fn invalid(path: &str, why: &str) -> Self {
        Self::new(400, "ERR_SCHEMA_VALIDATION_FAILED", format!("Validation failed: {path}: {why}"))
    }

    fn not_allowed(name: &str) -> Self {
        Self::invalid(name, &format!("Parameter '{name}' is not allowed for this request"))
    }

    pub(crate) fn not_found(shelf: Shelf) -> Self {
        Self::new(404, "ERR_NOT_FOUND", format!("{} not found", shelf.singular()))
    }

    pub(crate) fn reply(&self) -> Reply {
        Reply::json(self.status, &json!({ "success": false, "error": self.error, "code": self.code }))
    }
}

type Checked = Result<Map<String, Value>, Refusal>;

impl Pipedrive {
    /// Checks the body of a POST (`new`) or PATCH and gives what is to be stored.
    pub(super) fn check(&self, shelf: Shelf, body: &Value, new: bool) -> Checked {
        let Some(given) = body.as_object() else {
            return Err(Refusal::new(400, "ERR_BAD_REQUEST", "Request body must be a JSON object"));
        };
        let mut out = match shelf {
            Shelf::Persons => self.check_person(given)?,
            Shelf::Deals => self.check_deal(given)?,
            Shelf::Activities => self.check_activity(given)?,
        };
        let required: &[&str] = match shelf {
            Shelf::Persons => &["name"],
            Shelf::Deals => &["title"],
            Shelf::Activities => &[],
        };
        for name in required
            .iter()
            .filter(|n| new && given.get(**n).and_then(Value::as_str).is_none_or(|v| v.trim().is_empty()))
        {
            return Err(Refusal::invalid(name, &format!("'{name}' is required")));
        }
        if new {
            self.defaults(shelf, &mut out);
        }
        if let Some(name) = out.get("name").and_then(Value::as_str).map(str::to_owned) {
            let (first, last) = name.split_once(' ').unwrap_or((name.as_str(), ""));
            out.insert("first_name".into(), first.into());
            out.insert("last_name".into(), if last.is_empty() { Value::Null } else { last.into() });
        }
        Ok(out)
    }

    fn defaults(&self, shelf: Shelf, out: &mut Map<String, Value>) {
        let owner = self.users.first().map_or(0, |u| u.id);
        let mut default = |name: &str, value: Value| {
            out.entry(name.to_owned()).or_insert(value);
        };
        default("owner_id", owner.into());
        match shelf {
            Shelf::Persons => {
                for name in ["phones", "emails", "label_ids"] {
                    default(name, json!([]));
                }
                default("visible_to", 3.into());
            }
            Shelf::Deals => {
                for (name, value) in [
                    ("status", json!("open")),
                    ("pipeline_id", json!(1)),
                    ("stage_id", json!(1)),
                    ("value", json!(0)),
                    ("currency", json!("USD")),
                    ("label_ids", json!([])),
                ] {
                    default(name, value);
                }
            }
            Shelf::Activities => {
                default("type", "call".into());
                let kind = out.get("type").and_then(Value::as_str).unwrap_or("call");
                let subject = kind.get(..1).unwrap_or_default().to_uppercase() + kind.get(1..).unwrap_or_default();
                out.entry("subject").or_insert_with(|| subject.into());
                out.entry("creator_user_id").or_insert_with(|| owner.into());
                for (name, value) in [("done", json!(false)), ("busy", json!(false)), ("participants", json!([]))] {
                    out.entry(name).or_insert(value);
                }
            }
        }
    }

    fn check_person(&self, given: &Map<String, Value>) -> Checked {
        let mut out = Map::new();
        for (name, value) in given {
            let kept = match name.as_str() {
                "name" => string(name, value)?,
                "owner_id" => self.owner(value)?,
                "org_id" | "visible_to" => whole(name, value)?,
                "add_time" | "update_time" => string(name, value)?,
                "emails" | "phones" => entries(name, value)?,
                "label_ids" => numbers(name, value)?,
                "custom_fields" => self.custom(Shelf::Persons, value)?,
                other => return Err(Refusal::not_allowed(other)),
            };
            out.insert(name.clone(), kept);
        }
        Ok(out)
    }

    fn check_deal(&self, given: &Map<String, Value>) -> Checked {
        let mut out = Map::new();
        for (name, value) in given {
            let kept = match name.as_str() {
                "title" | "currency" | "expected_close_date" => string(name, value)?,
                "status" => one_of(name, value, &["open", "won", "lost"])?,
                "owner_id" => self.owner(value)?,
                "person_id" => self.person(name, value)?,
                "org_id" | "pipeline_id" | "stage_id" | "visible_to" => whole(name, value)?,
                "value" if value.is_number() => value.clone(),
                "label_ids" => numbers(name, value)?,
                "custom_fields" => self.custom(Shelf::Deals, value)?,
                "value" => return Err(Refusal::invalid(name, "Expected number")),
                other => return Err(Refusal::not_allowed(other)),
            };
            out.insert(name.clone(), kept);
        }
        Ok(out)
    }

    fn check_activity(&self, given: &Map<String, Value>) -> Checked {
        let mut out = Map::new();
        for (name, value) in given {
            let kept = match name.as_str() {
                "subject" | "public_description" | "duration" | "lead_id" => string(name, value)?,
                "type" => one_of(name, value, &ACTIVITY_TYPES)?,
                "owner_id" => self.owner(value)?,
                "person_id" => {
                    let words =
                        "'person_id' is a read-only field. Add a primary participant to set 'person_id' instead.";
                    return Err(Refusal::new(400, "ERR_BAD_REQUEST", words));
                }
                "deal_id" | "org_id" | "priority" | "project_id" => whole(name, value)?,
                "due_date" => shaped(name, value, "dddd-dd-dd")?,
                "due_time" => time(name, value)?,
                "busy" | "done" if value.is_boolean() => value.clone(),
                "note" => Value::from(clean(string(name, value)?.as_str().unwrap_or_default())),
                "participants" => self.participants(value, &mut out)?,
                "attendees" if value.is_array() => value.clone(),
                "location" if value.is_object() => value.clone(),
                "busy" | "done" => return Err(Refusal::invalid(name, "Expected boolean")),
                other => return Err(Refusal::not_allowed(other)),
            };
            out.insert(name.clone(), kept);
        }
        let linked = |name: &str| out.get(name).is_some_and(|v| !v.is_null());
        if linked("deal_id") && linked("lead_id") {
            return Err(Refusal::new(
                400,
                "ERR_BAD_REQUEST",
                "An activity belongs to a deal or to a lead, not to both",
            ));
        }
        Ok(out)
    }

    /// The primary participant becomes the activity's person.
    fn participants(&self, value: &Value, out: &mut Map<String, Value>) -> Result<Value, Refusal> {
        let list = value.as_array().ok_or_else(|| Refusal::invalid("participants", "Expected array"))?;
        let mut kept = Vec::new();
        let mut primary = None;
        for (n, entry) in list.iter().enumerate() {
            let path = format!("participants.{n}.person_id");
            let id = self.person(&path, &entry["person_id"])?;
            let first = entry["primary"].as_bool().unwrap_or(false) || (n == 0 && list.len() == 1);
            if first && primary.is_none() {
                primary = Some(id.clone());
            }
            kept.push(json!({ "person_id": id, "primary": first }));
        }
        out.insert("person_id".into(), primary.unwrap_or_default());
        Ok(Value::Array(kept))
    }

    fn person(&self, path: &str, value: &Value) -> Result<Value, Refusal> {
        match value.as_u64() {
            _ if value.is_null() && path == "person_id" => Ok(Value::Null),
            Some(id) if self.live(Shelf::Persons, id).is_some() => Ok(id.into()),
            Some(_) => Err(Refusal::new(400, "ERR_BAD_REQUEST", format!("{path}: Person not found"))),
            None => Err(Refusal::invalid(path, "Expected integer")),
        }
    }

    fn owner(&self, value: &Value) -> Result<Value, Refusal> {
        let id = whole("owner_id", value)?;
        match self.users.iter().find(|u| id == u.id) {
            Some(user) if user.active => Ok(id),
            _ => Err(Refusal::new(400, "ERR_BAD_REQUEST", "owner_id: User is not active or does not exist")),
        }
    }

    fn custom(&self, shelf: Shelf, value: &Value) -> Result<Value, Refusal> {
        let given = value.as_object().ok_or_else(|| Refusal::invalid("custom_fields", "Expected object"))?;
        for (code, value) in given {
            let path = format!("custom_fields.{code}");
            let Some(field) = self.fields(shelf).iter().find(|f| f.custom && f.code == *code) else {
                return Err(Refusal::invalid(&path, &format!("Parameter '{path}' is not allowed for this request")));
            };
            let known = |v: &Value| v.as_u64().is_some_and(|id| field.options.iter().any(|(o, _)| *o == id));
            let fits = match field.kind.as_str() {
                _ if value.is_null() => true,
                "varchar" | "varchar_auto" | "phone" => value.as_str().is_some_and(|v| v.chars().count() <= 255),
                "text" => value.is_string(),
                "double" => value.is_number(),
                "date" => shaped(&path, value, "dddd-dd-dd").is_ok(),
                "enum" => known(value),
                // "Clear with null; [] is rejected."
                "set" => value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(known)),
                "user" | "org" | "people" => value.is_u64(),
                _ => value.is_object() || value.is_string(),
            };
            if !fits {
                return Err(Refusal::invalid(&path, &format!("Invalid value for field of type {}", field.kind)));
            }
        }
        Ok(value.clone())
    }

    /// A new custom field: `field_name` and `field_type` are required, options for `enum` and `set`.
    pub(super) fn check_field(&self, body: &Value) -> Result<(String, String, Vec<String>), Refusal> {
        const KINDS: [&str; 16] = [
            "varchar",
            "text",
            "double",
            "phone",
            "date",
            "daterange",
            "time",
            "timerange",
            "set",
            "enum",
            "varchar_auto",
            "address",
            "monetary",
            "org",
            "people",
            "user",
        ];
        let given = body
            .as_object()
            .ok_or_else(|| Refusal::new(400, "ERR_BAD_REQUEST", "Request body must be a JSON object"))?;
        let allowed = [
            "field_name",
            "field_type",
            "options",
            "ui_visibility",
            "important_fields",
            "required_fields",
            "description",
        ];
        if let Some(name) = given.keys().find(|n| !allowed.contains(&n.as_str())) {
            return Err(Refusal::not_allowed(name));
        }
        let name = given.get("field_name").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || name.chars().count() > 255 {
            return Err(Refusal::invalid("field_name", "'field_name' is required, 1 to 255 characters"));
        }
        let kind = one_of("field_type", given.get("field_type").unwrap_or(&Value::Null), &KINDS)?;
        let kind = kind.as_str().unwrap_or_default().to_owned();
        let list = given.get("options").and_then(Value::as_array);
        let options: Vec<String> =
            list.into_iter().flatten().filter_map(|o| o["label"].as_str()).map(str::to_owned).collect();
        if matches!(kind.as_str(), "enum" | "set") && options.is_empty() {
            return Err(Refusal::invalid("options", "'options' is required"));
        }
        Ok((name.to_owned(), kind, options))
    }
}

fn string(name: &str, value: &Value) -> Result<Value, Refusal> {
    if value.is_string() || (value.is_null() && name != "name") {
        Ok(value.clone())
    } else {
        Err(Refusal::invalid(name, "Expected string"))
    }
}

fn whole(name: &str, value: &Value) -> Result<Value, Refusal> {
    if value.is_u64() || (value.is_null() && name != "owner_id") {
        Ok(value.clone())
    } else {
        Err(Refusal::invalid(name, "Expected integer"))
    }
}

fn numbers(name: &str, value: &Value) -> Result<Value, Refusal> {
    let all = value.as_array().is_some_and(|list| list.iter().all(Value::is_u64));
    if all { Ok(value.clone()) } else { Err(Refusal::invalid(name, "Expected array of integers")) }
}

fn one_of(name: &str, value: &Value, words: &[&str]) -> Result<Value, Refusal> {
    match value.as_str() {
        Some(word) if words.contains(&word) => Ok(value.clone()),
        _ => Err(Refusal::invalid(name, &format!("Must be one of: {}", words.join(", ")))),
    }
}

/// `d` stands for a digit.
fn shaped(name: &str, value: &Value, shape: &str) -> Result<Value, Refusal> {
    let fits = value.as_str().is_some_and(|text| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(c, s)| if s == b'd' { c.is_ascii_digit() } else { c == s })
    });
    if fits || value.is_null() { Ok(value.clone()) } else { Err(Refusal::invalid(name, "is in a wrong format")) }
}

/// `HH:MM` or `HH:MM:SS`; kept to the minute and shown with seconds, as the document's example does.
fn time(name: &str, value: &Value) -> Result<Value, Refusal> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let text = shaped(name, value, "dd:dd").or_else(|_| shaped(name, value, "dd:dd:dd"))?;
    let minute = text.as_str().and_then(|t| t.get(..5)).unwrap_or_default();
    Ok(Value::from(format!("{minute}:00")))
}

/// Numbers or addresses: the list replaces what was there; one is primary.
fn entries(name: &str, value: &Value) -> Result<Value, Refusal> {
    let list = value.as_array().ok_or_else(|| Refusal::invalid(name, "Expected array"))?;
    let mut kept = Vec::new();
    for (n, entry) in list.iter().enumerate() {
        let Some(map) = entry.as_object() else {
            return Err(Refusal::invalid(&format!("{name}.{n}"), "Expected object"));
        };
        if let Some(other) = map.keys().find(|k| !["value", "primary", "label"].contains(&k.as_str())) {
            return Err(Refusal::not_allowed(&format!("{name}.{n}.{other}")));
        }
        let Some(value) = map.get("value").and_then(Value::as_str) else {
            return Err(Refusal::invalid(&format!("{name}.{n}.value"), "Expected string"));
        };
        let label = map.get("label").and_then(Value::as_str).unwrap_or("work");
        let primary = map.get("primary").and_then(Value::as_bool).unwrap_or(false);
        kept.push(json!({ "value": value, "primary": primary, "label": label }));
    }
    let first = kept.iter().position(|e| e["primary"] == true).unwrap_or(0);
    for (n, entry) in kept.iter_mut().enumerate() {
        entry["primary"] = Value::Bool(n == first);
    }
    Ok(Value::Array(kept))
}

/// The note of an activity is HTML "and will be sanitized on the back-end": scripts go, and what is left is spelled anew.
fn clean(html: &str) -> String {
    let mut out = html.to_owned();
    for tag in ["script", "style", "iframe"] {
        while let Some(from) = out.find(&format!("<{tag}")) {
            let close = format!("</{tag}>");
            let to = out.get(from..).and_then(|rest| rest.find(&close)).map_or(out.len(), |n| from + n + close.len());
            out.replace_range(from..to, "");
        }
    }
    out.replace("<br>", "<br />").replace("&quot;", "\"").replace("&#39;", "'")
}
