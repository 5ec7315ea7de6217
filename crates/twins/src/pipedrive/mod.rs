//! Pipedrive, in memory: persons, deals, activities, custom fields, users; what it refuses, how late its search is.
//!
//! Rules are those of the published documents <https://developers.pipedrive.com/docs/api/v1/openapi-v2.yaml> and `…/openapi.yaml`; prose
//! pages are named where a rule comes from one. Paths are taken as `/api/v2/…`, `/api/v1/…` and `/v1/…`. What no public page settles is
//! marked "undocumented".
//!
//! Nothing is unique here and nothing is upserted: the same request twice makes two records, as at the vendor.

mod books;
mod checks;
mod limits;
mod misbehave;
mod oauth;
mod search;
mod serve;
#[cfg(test)]
mod tests;

pub use limits::Limits;

use crate::civil;
use crate::log::{Deed, Effect, Log};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The kinds of record this twin keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// People.
    Persons,
    /// Deals.
    Deals,
    /// Calls, tasks, meetings: all are activities.
    Activities,
}

impl Shelf {
    /// The word in paths.
    pub fn path(self) -> &'static str {
        match self {
            Self::Persons => "persons",
            Self::Deals => "deals",
            Self::Activities => "activities",
        }
    }

    fn from_path(word: &str) -> Option<Self> {
        [Self::Persons, Self::Deals, Self::Activities].into_iter().find(|s| s.path() == word)
    }

    /// The word in messages.
    fn singular(self) -> &'static str {
        match self {
            Self::Persons => "Person",
            Self::Deals => "Deal",
            Self::Activities => "Activity",
        }
    }
}

/// One record.
#[derive(Debug, Clone)]
pub struct Row {
    /// The vendor's id; ids are unique over all shelves here, which the vendor does not promise.
    pub id: u64,
    /// Fields as v2 shows them; custom fields under `custom_fields`.
    pub data: Map<String, Value>,
    /// What it held and from when on, oldest first: the index lags behind these.
    pub(crate) versions: Vec<(i64, Map<String, Value>)>,
    /// When it was made, ms since the epoch.
    pub added_ms: i64,
    /// When it last changed, ms since the epoch.
    pub updated_ms: i64,
    /// When it was deleted, if it is.
    pub deleted_ms: Option<i64>,
    /// A person made it in the vendor's own pages.
    pub by_person: bool,
}

impl Row {
    fn text(&self, name: &str) -> &str {
        self.data.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.data.get(name).and_then(Value::as_u64)
    }

    /// Ids of the people an activity is about, or of a deal's person.
    pub fn people(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.number("person_id").into_iter().collect();
        let list = self.data.get("participants").and_then(Value::as_array);
        for id in list.into_iter().flatten().filter_map(|p| p.get("person_id")?.as_u64()) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}

/// A custom or built-in field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What people see.
    pub name: String,
    /// Forty hex digits for a custom field.
    pub code: String,
    /// `varchar`, `text`, `double`, `date`, `enum`, …
    pub kind: String,
    /// Options by id.
    pub options: Vec<(u64, String)>,
    /// Made by the account, not by the vendor.
    pub custom: bool,
}

/// Somebody of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id that `owner_id` takes.
    pub id: u64,
    /// Full name.
    pub name: String,
    /// Sign-in address.
    pub email: String,
    /// May own records.
    pub active: bool,
}

/// How the account is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Accepted in `x-api-token`.
    pub api_tokens: Vec<String>,
    /// The OAuth app: client id, client secret, refresh token.
    pub oauth: (String, String, String),
    /// Where an OAuth client is sent (`api_domain`); empty: where it asked.
    pub api_domain: String,
    /// Limits of the plan.
    pub limits: Limits,
    /// How late search is after a change, ms. Undocumented.
    pub search_lag_ms: i64,
    /// A search for digits finds a number however it is punctuated. Undocumented.
    pub search_ignores_punctuation: bool,
    /// Waited by the server before every answer, ms.
    pub delay_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api_tokens: vec!["pd-twin-token".to_owned()],
            oauth: ("pd-client".to_owned(), "pd-client-secret".to_owned(), "pd-refresh".to_owned()),
            api_domain: String::new(),
            limits: Limits::default(),
            search_lag_ms: 10_000,
            search_ignores_punctuation: true,
            delay_ms: 0,
        }
    }
}

/// The account.
#[derive(Debug, Clone)]
pub struct Pipedrive {
    options: Options,
    shelves: BTreeMap<Shelf, BTreeMap<u64, Row>>,
    fields: BTreeMap<Shelf, Vec<Field>>,
    users: Vec<User>,
    next_id: u64,
    used: limits::Used,
    access: BTreeMap<String, i64>,
    issued: u64,
    stale: Option<(i64, i64)>,
    log: Log,
    effects: Vec<Effect>,
}

/// Types of activity of a fresh account (v1 `activityTypes`).
const ACTIVITY_TYPES: [&str; 6] = ["call", "meeting", "task", "deadline", "email", "lunch"];

impl Default for Pipedrive {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Pipedrive {
    /// A fresh account.
    pub fn new(options: Options) -> Self {
        let user =
            |id: u64, name: &str, email: &str, active| User { id, name: name.into(), email: email.into(), active };
        let built_in = |rows: &[(&str, &str, &str)]| {
            let field = |(name, code, kind): &(&str, &str, &str)| Field {
                name: (*name).to_owned(),
                code: (*code).to_owned(),
                kind: (*kind).to_owned(),
                options: Vec::new(),
                custom: false,
            };
            rows.iter().map(field).collect::<Vec<_>>()
        };
        let persons = built_in(&[
            ("Name", "name", "varchar"),
            ("Phone", "phone", "phone"),
            ("Email", "email", "varchar"),
            ("Owner", "owner_id", "user"),
            ("Organization", "org_id", "org"),
            ("Label", "label_ids", "set"),
            ("Update time", "update_time", "date"),
        ]);
        let deals =
            built_in(&[("Title", "title", "varchar"), ("Value", "value", "monetary"), ("Stage", "stage_id", "stage")]);
        let activities =
            built_in(&[("Subject", "subject", "varchar"), ("Due date", "due_date", "date"), ("Note", "note", "text")]);
        Self {
            options,
            shelves: [Shelf::Persons, Shelf::Deals, Shelf::Activities].map(|s| (s, BTreeMap::new())).into(),
            fields: [(Shelf::Persons, persons), (Shelf::Deals, deals), (Shelf::Activities, activities)].into(),
            users: vec![
                user(11, "Ada North", "ada.north@example.com", true),
                user(12, "Ben South", "ben.south@example.com", true),
                user(13, "Sam Gone", "sam.gone@example.com", false),
            ],
            next_id: 1_001,
            used: limits::Used::default(),
            access: BTreeMap::new(),
            issued: 0,
            stale: None,
            log: Log::default(),
            effects: Vec::new(),
        }
    }

    /// How the account is set up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// To change it.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// The users.
    pub fn users_mut(&mut self) -> &mut Vec<User> {
        &mut self.users
    }

    /// The records of a shelf that are not deleted, by id.
    pub fn rows(&self, shelf: Shelf) -> Vec<&Row> {
        self.shelf(shelf).values().filter(|row| row.deleted_ms.is_none()).collect()
    }

    /// The fields of a shelf.
    pub fn fields(&self, shelf: Shelf) -> &[Field] {
        self.fields.get(&shelf).map(Vec::as_slice).unwrap_or_default()
    }

    /// The company has Campaigns: persons have a marketing status, which may be asked for.
    pub fn campaigns(&mut self) {
        if !self.has_campaigns() {
            let options = ["no_consent", "unsubscribed", "subscribed", "archived"];
            let options = options.iter().zip(1_u64..).map(|(label, n)| (n, (*label).to_owned())).collect();
            let (name, code, kind) = ("Marketing status".to_owned(), "marketing_status".to_owned(), "enum".to_owned());
            self.fields.entry(Shelf::Persons).or_default().push(Field { name, code, kind, options, custom: false });
        }
    }

    fn has_campaigns(&self) -> bool {
        self.fields(Shelf::Persons).iter().any(|f| f.code == "marketing_status")
    }

    /// Makes a custom field and gives its code.
    pub fn define(&mut self, shelf: Shelf, name: &str, kind: &str, options: &[&str]) -> String {
        use sha1::{Digest, Sha1};
        let count = self.fields(shelf).len();
        let digest = Sha1::digest(format!("{}/{name}/{count}", shelf.path()));
        let code = digest.iter().fold(String::new(), |out, b| format!("{out}{b:02x}"));
        let options =
            options.iter().zip(1_u64..).map(|(label, n)| (count as u64 * 100 + n, (*label).to_owned())).collect();
        let field = Field { name: name.to_owned(), code: code.clone(), kind: kind.to_owned(), options, custom: true };
        self.fields.entry(shelf).or_default().push(field);
        code
    }

    fn shelf(&self, shelf: Shelf) -> &BTreeMap<u64, Row> {
        &self.shelves[&shelf] // every shelf is made with the account
    }

    fn live(&self, shelf: Shelf, id: u64) -> Option<&Row> {
        self.shelf(shelf).get(&id).filter(|row| row.deleted_ms.is_none())
    }

    fn insert(&mut self, shelf: Shelf, data: Map<String, Value>, by_person: bool, now_ms: i64) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let versions = vec![(now_ms, data.clone())];
        let row = Row { id, data, versions, added_ms: now_ms, updated_ms: now_ms, deleted_ms: None, by_person };
        self.shelves.entry(shelf).or_default().insert(id, row);
        self.note(Deed::Created, shelf, id);
        id
    }

    fn change(&mut self, shelf: Shelf, id: u64, changes: Map<String, Value>, now_ms: i64) {
        let Some(row) = self.shelves.entry(shelf).or_default().get_mut(&id) else { return };
        for (name, value) in changes {
            match (name.as_str(), value) {
                // A patch of custom fields touches only those it names.
                ("custom_fields", Value::Object(given)) => {
                    let held = row.data.entry("custom_fields").or_insert_with(|| json!({}));
                    if let Value::Object(held) = held {
                        held.extend(given);
                    }
                }
                (_, value) => {
                    row.data.insert(name, value);
                }
            }
        }
        row.updated_ms = now_ms;
        row.versions.push((now_ms, row.data.clone()));
        self.note(Deed::Updated, shelf, id);
    }

    fn delete(&mut self, shelf: Shelf, id: u64, now_ms: i64) {
        if let Some(row) = self.shelves.entry(shelf).or_default().get_mut(&id) {
            row.deleted_ms = Some(now_ms);
            row.updated_ms = now_ms;
            self.note(Deed::Archived, shelf, id);
        }
    }

    fn note(&mut self, deed: Deed, shelf: Shelf, id: u64) {
        self.effects.push(Effect { deed, object: shelf.path().to_owned(), id: id.to_string() });
    }

    /// A record as v2 shows it. Fields that hold nothing are `null`.
    fn shown(&self, shelf: Shelf, row: &Row, include: &[String]) -> Value {
        let mut out = Map::new();
        out.insert("id".into(), row.id.into());
        let names: &[&str] = match shelf {
            Shelf::Persons => &[
                "name",
                "first_name",
                "last_name",
                "owner_id",
                "org_id",
                "phones",
                "emails",
                "visible_to",
                "label_ids",
                "picture_id",
            ],
            Shelf::Deals => &[
                "title",
                "owner_id",
                "person_id",
                "org_id",
                "pipeline_id",
                "stage_id",
                "value",
                "currency",
                "status",
                "expected_close_date",
                "label_ids",
                "visible_to",
            ],
            Shelf::Activities => &[
                "subject",
                "type",
                "owner_id",
                "creator_user_id",
                "deal_id",
                "lead_id",
                "person_id",
                "org_id",
                "project_id",
                "due_date",
                "due_time",
                "duration",
                "busy",
                "done",
                "participants",
                "priority",
                "note",
                "public_description",
            ],
        };
        for name in names {
            out.insert((*name).to_owned(), row.data.get(*name).cloned().unwrap_or_default());
        }
        out.insert("add_time".into(), civil::iso(row.added_ms / 1_000 * 1_000).into());
        out.insert("update_time".into(), civil::iso(row.updated_ms / 1_000 * 1_000).into());
        out.insert("is_deleted".into(), row.deleted_ms.is_some().into());
        if shelf != Shelf::Activities {
            let held = row.data.get("custom_fields").and_then(Value::as_object);
            let all = self.fields(shelf).iter().filter(|f| f.custom);
            let custom = all.map(|f| (f.code.clone(), held.and_then(|h| h.get(&f.code)).cloned().unwrap_or_default()));
            out.insert("custom_fields".into(), Value::Object(custom.collect()));
        }
        for name in include {
            if name == "marketing_status" {
                let said = row.data.get(name).cloned().unwrap_or_else(|| json!("no_consent"));
                out.insert(name.clone(), said);
                continue;
            }
            let status = name.strip_suffix("_deals_count").unwrap_or_default();
            let deals = self.rows(Shelf::Deals);
            let count =
                deals.iter().filter(|d| d.number("person_id") == Some(row.id) && d.text("status") == status).count();
            out.insert(name.clone(), count.into());
        }
        Value::Object(out)
    }
}
