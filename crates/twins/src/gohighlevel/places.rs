//! Custom fields, users and opportunities of a sub-account. Sources: `apps/locations.json`, `apps/users.json`, `apps/opportunities.json`.

use super::refusals::Refusal;
use super::store::{CustomField, Opportunity, User};
use super::{GoHighLevel, Route};
use crate::Reply;
use crate::log::Deed;
use serde_json::{Value, json};

const DATA_TYPES: &[&str] = &[
    "TEXT",
    "LARGE_TEXT",
    "NUMERICAL",
    "PHONE",
    "MONETORY",
    "CHECKBOX",
    "SINGLE_OPTIONS",
    "MULTIPLE_OPTIONS",
    "DATE",
    "TEXTBOX_LIST",
    "FILE_UPLOAD",
    "RADIO",
    "EMAIL",
];

/// `contact.ringback_key` of `Ringback key`.
fn key_of(model: &str, name: &str) -> String {
    let plain: String = name
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '_' })
        .collect();
    format!("{model}.{plain}")
}

impl GoHighLevel {
    /// `/locations/{locationId}/customFields`
    pub(super) fn fields_endpoint(&mut self, route: &Route<'_>, location: &str) -> Result<Reply, Refusal> {
        route.reaches(location)?;
        match route.method {
            "GET" => {
                let model = route.param("model").unwrap_or("all");
                let shown = |f: &&CustomField| f.location == location && (model == "all" || f.model == model);
                let fields: Vec<Value> = self.store.fields.iter().filter(shown).map(CustomField::view).collect();
                Ok(Reply::json(200, &json!({ "customFields": fields, "traceId": self.trace_id() })))
            }
            "POST" => {
                let body = route.body()?;
                let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
                let mut said = Vec::new();
                for name in ["name", "dataType"].iter().filter(|n| text(n).is_empty()) {
                    said.push(format!("{name} should not be empty"));
                }
                let (data_type, model) = (text("dataType"), text("model"));
                if !data_type.is_empty() && !DATA_TYPES.contains(&data_type) {
                    said.push("dataType must be a valid enum value".to_owned());
                }
                if !matches!(model, "" | "contact" | "opportunity") {
                    said.push("model must be one of the following values: contact, opportunity".to_owned());
                }
                if !said.is_empty() {
                    return Err(Refusal::invalid(&said));
                }
                let model = if model.is_empty() { "contact" } else { model };
                let key = key_of(model, text("name"));
                if self.store.fields.iter().any(|f| f.location == location && f.key == key) {
                    return Err(Refusal::bad(format!("{key} is already taken. The field key must be unique"))); // undocumented
                }
                let (name, data_type, placeholder) =
                    (text("name").to_owned(), data_type.to_owned(), text("placeholder").to_owned());
                let model = model.to_owned();
                let id = self.take_id('F');
                let field = CustomField { id, location: location.to_owned(), name, key, data_type, model, placeholder };
                let answer = json!({ "customField": field.view(), "traceId": self.trace_id() });
                self.note_effect(Deed::Defined, "customFields", &field.key);
                self.store.fields.push(field);
                Ok(Reply::json(201, &answer))
            }
            _ => Err(Refusal::no_such_path(route.method, "/locations/customFields")),
        }
    }

    /// Makes custom fields of contacts as set-up or a person would; those that are there stay.
    pub fn add_fields(&mut self, location: &str, names: &[&str]) {
        for name in names {
            let key = key_of("contact", name);
            if self.store.fields.iter().any(|f| f.location == location && f.key == key) {
                continue;
            }
            let id = self.take_id('F');
            self.store.fields.push(CustomField {
                id,
                location: location.to_owned(),
                name: (*name).to_owned(),
                key,
                data_type: "TEXT".to_owned(),
                model: "contact".to_owned(),
                placeholder: String::new(),
            });
        }
    }

    /// The id of a custom field of contacts by its name (`rb_key`).
    pub fn field_id(&self, location: &str, name: &str) -> Option<&str> {
        self.store.field(location, name).map(|f| f.id.as_str())
    }

    /// `/users/search` and the deprecated `/users/`
    pub(super) fn users_endpoint(&mut self, route: &Route<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
        let required =
            |name: &str| route.param(name).ok_or_else(|| Refusal::invalid(&[format!("{name} must be a string")]));
        match (route.method, rest) {
            ("GET", []) => {
                let location = required("locationId")?;
                route.reaches(location)?;
                let here = |u: &&User| u.locations.iter().any(|l| l == location);
                let users: Vec<Value> = self.store.users.iter().filter(here).map(User::view).collect();
                Ok(Reply::json(200, &json!({ "users": users, "traceId": self.trace_id() })))
            }
            ("GET", ["search"]) => {
                if required("companyId")? != self.options.company {
                    return Err(Refusal::new(403, "You do not have permission to access this resource"));
                }
                let location = route.param("locationId");
                if let Some(location) = location {
                    route.reaches(location)?;
                }
                let number = |name: &str, usual: usize| route.param(name).and_then(|v| v.parse().ok()).unwrap_or(usual);
                let here = |u: &&User| location.is_none_or(|location| u.locations.iter().any(|l| l == location));
                let all: Vec<&User> = self.store.users.iter().filter(here).collect();
                let page = all.iter().skip(number("skip", 0)).take(number("limit", 25).min(100));
                let users: Vec<Value> = page.map(|u| u.view()).collect();
                Ok(Reply::json(200, &json!({ "users": users, "count": all.len(), "traceId": self.trace_id() })))
            }
            ("GET", [id]) => match self.store.users.iter().find(|u| u.id == *id) {
                Some(user) => Ok(Reply::json(200, &user.view())),
                // <https://github.com/GoHighLevel/highlevel-api-docs/issues/205>
                None => Err(Refusal::new(401, "The user does not exist.")),
            },
            _ => Err(Refusal::no_such_path(route.method, "/users/")),
        }
    }

    /// `/opportunities/search`, `/opportunities/{id}`
    pub(super) fn opportunities_endpoint(&mut self, route: &Route<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
        match (route.method, rest) {
            ("GET", ["search"]) => {
                let location = route
                    .param("location_id")
                    .ok_or_else(|| Refusal::invalid(&["location_id must be a string".to_owned()]))?;
                route.reaches(location)?;
                let contact = route.param("contact_id");
                let limit = route.param("limit").and_then(|l| l.parse().ok()).unwrap_or(20).min(100);
                let fits = |o: &&Opportunity| o.location == location && contact.is_none_or(|c| o.contact == c);
                let all: Vec<Value> = self.store.opportunities.values().filter(fits).map(Opportunity::view).collect();
                let page: Vec<&Value> = all.iter().take(limit).collect();
                let mut meta = json!({ "total": all.len(), "currentPage": 1 });
                if all.len() > limit {
                    meta["nextPage"] = json!(2);
                }
                Ok(Reply::json(200, &json!({ "opportunities": page, "meta": meta, "aggregations": {} })))
            }
            ("GET", [id]) => {
                let found = self.store.opportunities.get(*id).ok_or_else(|| Refusal::no_record("Opportunity", id))?;
                route.reaches(&found.location)?;
                Ok(Reply::json(200, &json!({ "opportunity": found.view() })))
            }
            _ => Err(Refusal::no_such_path(route.method, "/opportunities/")),
        }
    }

    /// A person makes an opportunity.
    pub fn add_opportunity(&mut self, contact: &str, name: &str, status: &str) -> Option<String> {
        let location = self.store.contacts.get(contact)?.location.clone();
        let id = self.take_id('O');
        let opportunity = Opportunity {
            id: id.clone(),
            location,
            contact: contact.to_owned(),
            name: name.to_owned(),
            status: status.to_owned(),
            stage: "Squoted0000000000001".to_owned(),
            value: 1_200.0,
        };
        self.store.opportunities.insert(id.clone(), opportunity);
        Some(id)
    }
}
