//! What the sub-accounts hold.

use crate::civil;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Versions of a contact that a lagging search may still show.
const VERSIONS_MAX: usize = 16;

/// What of a contact may change.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct State {
    /// Standard fields by the vendor's name, `dnd`, `dndSettings` and `tags` among them.
    pub fields: Map<String, Value>,
    /// Values of custom fields by the field's id.
    pub custom: BTreeMap<String, Value>,
    /// Deleted in the vendor's pages or by a request.
    pub deleted: bool,
}

/// One contact.
#[derive(Debug, Clone, Serialize)]
pub struct Contact {
    /// The vendor's id.
    pub id: String,
    /// Its sub-account.
    pub location: String,
    /// `lead` or `customer`.
    pub kind: String,
    /// Now.
    pub state: State,
    /// Made in the vendor's pages.
    pub by_person: bool,
    /// ms since the epoch.
    pub created_at_ms: i64,
    /// ms since the epoch.
    pub updated_at_ms: i64,
    #[serde(skip)]
    versions: Vec<(i64, State)>,
}

impl Contact {
    pub(crate) fn new(id: String, location: &str, state: State, by_person: bool, now_ms: i64) -> Self {
        Self {
            id,
            location: location.to_owned(),
            kind: "lead".to_owned(),
            versions: vec![(now_ms, state.clone())],
            state,
            by_person,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        }
    }

    /// Takes a new state.
    pub(crate) fn change(&mut self, state: State, now_ms: i64) {
        self.state = state;
        self.updated_at_ms = now_ms;
        self.versions.push((now_ms, self.state.clone()));
        if self.versions.len() > VERSIONS_MAX {
            self.versions.remove(0);
        }
    }

    /// The state that an index has which saw nothing after that moment, and when it came to be; `None` where it does not know the contact.
    pub(crate) fn as_of(&self, limit_ms: i64) -> Option<(&State, i64)> {
        let seen = self.versions.iter().rev().find(|(at, _)| *at <= limit_ms);
        // Whoever changed more often than versions are kept is known in the oldest.
        let seen = seen.or_else(|| self.versions.first().filter(|_| self.created_at_ms <= limit_ms));
        seen.map(|(at, state)| (state, *at))
    }

    /// A standard field as text.
    pub fn text(&self, field: &str) -> &str {
        self.state.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// `GetContectByIdSchema`: the contact in every answer.
    pub(crate) fn view(&self, state: &State, updated_at_ms: i64) -> Value {
        let mut out = state.fields.clone();
        out.insert("id".into(), json!(self.id));
        out.insert("locationId".into(), json!(self.location));
        out.insert("type".into(), json!(self.kind));
        out.insert("dateAdded".into(), json!(civil::iso_ms(self.created_at_ms)));
        out.insert("dateUpdated".into(), json!(civil::iso_ms(updated_at_ms)));
        for (name, lower) in
            [("firstName", "firstNameLowerCase"), ("lastName", "lastNameLowerCase"), ("email", "emailLowerCase")]
        {
            if let Some(text) = state.fields.get(name).and_then(Value::as_str) {
                out.insert(lower.into(), json!(text.to_lowercase()));
            }
        }
        out.entry("dnd").or_insert(json!(false));
        out.entry("tags").or_insert(json!([]));
        // Without the field's key: <https://github.com/GoHighLevel/highlevel-api-docs/issues/177>.
        let custom: Vec<Value> = state.custom.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
        out.insert("customFields".into(), Value::Array(custom));
        Value::Object(out)
    }
}

/// One task.
#[derive(Debug, Clone, Serialize)]
pub struct Task {
    /// The vendor's id.
    pub id: String,
    /// Whose it is.
    pub contact: String,
    /// Short text.
    pub title: String,
    /// Long text.
    pub body: String,
    /// ms since the epoch.
    pub due_at_ms: i64,
    /// Closed.
    pub completed: bool,
    /// A user's id.
    pub assigned_to: Option<String>,
    /// Made in the vendor's pages.
    pub by_person: bool,
    /// Deleted.
    pub deleted: bool,
}

impl Task {
    /// `TaskSchema`.
    pub(crate) fn view(&self) -> Value {
        let mut out = json!({
            "id": self.id, "title": self.title, "body": self.body, "dueDate": civil::iso_ms(self.due_at_ms),
            "completed": self.completed, "contactId": self.contact,
        });
        if let Some(user) = &self.assigned_to {
            out["assignedTo"] = json!(user);
        }
        out
    }
}

/// One note.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    /// The vendor's id.
    pub id: String,
    /// Whose it is.
    pub contact: String,
    /// Short text.
    pub title: Option<String>,
    /// Long text.
    pub body: String,
    /// A user's id.
    pub user: Option<String>,
    /// Made in the vendor's pages.
    pub by_person: bool,
    /// Deleted.
    pub deleted: bool,
    /// ms since the epoch.
    pub added_at_ms: i64,
}

impl Note {
    /// `GetNoteSchema`.
    pub(crate) fn view(&self) -> Value {
        let mut out = json!({
            "id": self.id, "body": self.body, "dateAdded": civil::iso_ms(self.added_at_ms), "contactId": self.contact, "pinned": false,
        });
        if let Some(user) = &self.user {
            out["userId"] = json!(user);
        }
        if let Some(title) = &self.title {
            out["title"] = json!(title);
        }
        out
    }
}

/// A custom field of a sub-account.
#[derive(Debug, Clone, Serialize)]
pub struct CustomField {
    /// The vendor's id.
    pub id: String,
    /// Its sub-account.
    pub location: String,
    /// What people see.
    pub name: String,
    /// `contact.rb_key`.
    pub key: String,
    /// `TEXT`, `NUMERICAL`, …
    pub data_type: String,
    /// `contact` or `opportunity`.
    pub model: String,
    /// What stands in the empty field.
    pub placeholder: String,
}

impl CustomField {
    /// `CustomFieldSchema` of locations.
    pub(crate) fn view(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "fieldKey": self.key, "placeholder": self.placeholder, "dataType": self.data_type,
            "position": 0, "picklistOptions": [], "locationId": self.location, "model": self.model,
        })
    }
}

/// An opportunity. Nobody but people makes them here.
#[derive(Debug, Clone, Serialize)]
pub struct Opportunity {
    /// The vendor's id.
    pub id: String,
    /// Its sub-account.
    pub location: String,
    /// Whose it is.
    pub contact: String,
    /// What people see.
    pub name: String,
    /// `open`, `won`, `lost`, `abandoned`.
    pub status: String,
    /// Where it stands.
    pub stage: String,
    /// In the sub-account's currency.
    pub value: f64,
}

impl Opportunity {
    /// `SearchOpportunitiesResponseSchema`.
    pub(crate) fn view(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "monetaryValue": self.value, "pipelineId": "Psales00000000000001",
            "pipelineStageId": self.stage, "status": self.status, "contactId": self.contact, "locationId": self.location,
            "createdAt": civil::iso_ms(0), "updatedAt": civil::iso_ms(0), "contact": { "id": self.contact },
        })
    }
}

/// Somebody who can own contacts and tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// What `assignedTo` takes.
    pub id: String,
    /// The sub-accounts this person works in.
    pub locations: Vec<String>,
    /// Sign-in address.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
}

impl User {
    /// `UserSchema`.
    pub(crate) fn view(&self) -> Value {
        json!({
            "id": self.id, "name": format!("{} {}", self.first_name, self.last_name), "firstName": self.first_name,
            "lastName": self.last_name, "email": self.email, "deleted": false,
            "roles": { "type": "account", "role": "user", "locationIds": self.locations },
        })
    }
}

/// Everything, so that it can be put back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub(crate) contacts: BTreeMap<String, Contact>,
    pub(crate) tasks: BTreeMap<String, Task>,
    pub(crate) notes: BTreeMap<String, Note>,
    pub(crate) fields: Vec<CustomField>,
    pub(crate) opportunities: BTreeMap<String, Opportunity>,
    pub(crate) users: Vec<User>,
}

impl Store {
    pub(crate) fn new(locations: &[&str]) -> Self {
        let user = |n: usize, first: &str, last: &str, location: &str| User {
            id: format!("Uuser{n:015}"),
            locations: vec![location.to_owned()],
            email: format!("{}.{}@example.com", first.to_lowercase(), last.to_lowercase()),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
        };
        let users = locations.iter().enumerate().flat_map(|(at, location)| {
            let names = if at == 0 { [("Ada", "North"), ("Ben", "North")] } else { [("Cy", "South"), ("Di", "South")] };
            names.into_iter().enumerate().map(move |(n, (first, last))| user(at * 2 + n + 1, first, last, location))
        });
        Self { users: users.collect(), ..Self::default() }
    }

    /// Custom fields of contacts in that sub-account.
    pub(crate) fn field(&self, location: &str, id_or_key: &str) -> Option<&CustomField> {
        let named = |f: &&CustomField| {
            f.id == id_or_key || f.key == id_or_key || f.key.strip_prefix("contact.") == Some(id_or_key)
        };
        self.fields.iter().filter(|f| f.location == location && f.model == "contact").find(named)
    }
}
