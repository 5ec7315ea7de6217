//! What an auditor reads, and what people do in HighLevel's own pages.

use super::store::{Contact, State};
use super::{GoHighLevel, Limits};
use crate::books::{Books, Entry, Kind};
use crate::civil;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl GoHighLevel {
    /// What a connection to the first sub-account must be told: its id, the agency's, and the ids of its custom fields.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::from([("company_id".to_owned(), self.options.company.clone())]);
        let Some(place) = self.options.locations.first() else { return settings };
        settings.insert("location_id".to_owned(), place.id.clone());
        let fields = self.store.fields.iter().filter(|f| f.location == place.id && f.model == "contact");
        settings.extend(fields.map(|f| (format!("field.{}", f.key), f.id.clone())));
        settings
    }

    fn fields_of(&self, contact: &Contact) -> BTreeMap<String, String> {
        let mut fields: BTreeMap<String, String> =
            contact.state.fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
        fields.insert("type".to_owned(), contact.kind.clone());
        for (id, value) in &contact.state.custom {
            let known = self.store.field(&contact.location, id);
            let name = known.map_or(id.as_str(), |f| f.key.strip_prefix("contact.").unwrap_or(&f.key));
            fields.insert(name.to_owned(), plain(value));
        }
        fields
    }

    fn place_of(&self, contact: &str) -> (String, bool) {
        self.store.contacts.get(contact).map_or((String::new(), true), |c| (c.location.clone(), c.state.deleted))
    }

    /// Somebody writes a note in HighLevel's own pages.
    pub fn person_notes(&mut self, contact: &str, words: &str, now_ms: i64) -> Option<String> {
        self.store.contacts.get(contact)?;
        let id = self.take_id('N');
        let note = super::Note {
            id: id.clone(),
            contact: contact.to_owned(),
            title: None,
            body: words.to_owned(),
            user: None,
            by_person: true,
            deleted: false,
            added_at_ms: now_ms,
        };
        self.store.notes.insert(id.clone(), note);
        Some(id)
    }

    /// A contact by its id, deleted or not.
    pub fn contact(&self, id: &str) -> Option<&Contact> {
        self.store.contacts.get(id)
    }

    /// A task by its id, deleted or not.
    pub fn task(&self, id: &str) -> Option<&super::Task> {
        self.store.tasks.get(id)
    }
}

impl Books for GoHighLevel {
    fn vendor(&self) -> &'static str {
        "gohighlevel"
    }

    fn entries(&self) -> Vec<Entry> {
        let people = self.store.contacts.values().map(|contact| Entry {
            kind: Kind::Person,
            object: "contacts".to_owned(),
            id: contact.id.clone(),
            fields: self.fields_of(contact),
            people: Vec::new(),
            by_person: contact.by_person,
            gone: contact.state.deleted,
            place: contact.location.clone(),
        });
        let tasks = self.store.tasks.values().map(|task| {
            let (place, gone) = self.place_of(&task.contact);
            let mut fields = BTreeMap::from([
                ("title".to_owned(), task.title.clone()),
                ("body".to_owned(), task.body.clone()),
                ("dueDate".to_owned(), civil::iso_ms(task.due_at_ms)),
                ("completed".to_owned(), task.completed.to_string()),
            ]);
            fields.extend(task.assigned_to.clone().map(|user| ("assignedTo".to_owned(), user)));
            Entry {
                kind: Kind::Task,
                object: "tasks".to_owned(),
                id: task.id.clone(),
                fields,
                people: vec![task.contact.clone()],
                by_person: task.by_person,
                gone: task.deleted || gone,
                place,
            }
        });
        let notes = self.store.notes.values().map(|note| {
            let (place, gone) = self.place_of(&note.contact);
            let mut fields = BTreeMap::from([("body".to_owned(), note.body.clone())]);
            fields.extend(note.title.clone().map(|title| ("title".to_owned(), title)));
            fields.extend(note.user.clone().map(|user| ("userId".to_owned(), user)));
            Entry {
                // A program without a telephone provider of its own cannot log a call here: its notes are its call logs.
                kind: if note.by_person { Kind::Other } else { Kind::Call },
                object: "notes".to_owned(),
                id: note.id.clone(),
                fields,
                people: vec![note.contact.clone()],
                by_person: note.by_person,
                gone: note.deleted || gone,
                place,
            }
        });
        let deals = self.store.opportunities.values().map(|deal| Entry {
            kind: Kind::Deal,
            object: "opportunities".to_owned(),
            id: deal.id.clone(),
            fields: BTreeMap::from([
                ("name".to_owned(), deal.name.clone()),
                ("status".to_owned(), deal.status.clone()),
            ]),
            people: vec![deal.contact.clone()],
            by_person: true,
            gone: false,
            place: deal.location.clone(),
        });
        people.chain(tasks).chain(notes).chain(deals).collect()
    }

    fn seed_person(&mut self, name: &str, e164: &str, email: Option<&str>, customer: bool, now_ms: i64) -> String {
        let place = self.options.locations.first().map(|l| l.id.clone()).unwrap_or_default();
        let mut body = json!({ "name": name, "phone": e164 });
        if let Some(email) = email {
            body["email"] = json!(email);
        }
        self.effects.clear();
        self.person_makes(&body, &place, customer, now_ms)
    }

    fn type_in(&mut self, id: &str, field: &str, value: &str, now_ms: i64) -> bool {
        if let Some(task) = self.store.tasks.get_mut(id) {
            match field {
                "title" => value.clone_into(&mut task.title),
                "body" => value.clone_into(&mut task.body),
                "completed" => task.completed = value == "true",
                _ => return false,
            }
            return true;
        }
        let Some(contact) = self.store.contacts.get_mut(id) else { return false };
        if field == "type" {
            value.clone_into(&mut contact.kind);
            return true;
        }
        let contact = contact.clone();
        let Some(place) = self.location(&contact.location).cloned() else { return false };
        let body = match (field, self.store.field(&place.id, field)) {
            ("dnd", _) => {
                // The switch for everything sets every channel ("active" means that nobody may be bothered).
                let status = if value == "true" { "active" } else { "inactive" };
                let channels: serde_json::Map<String, Value> =
                    ["Call", "Email", "SMS"].iter().map(|c| ((*c).to_owned(), json!({ "status": status }))).collect();
                json!({ "dnd": value == "true", "dndSettings": channels })
            }
            (channel, None) if channel.starts_with("dnd.") => {
                json!({ "dndSettings": { channel.trim_start_matches("dnd."): { "status": value } } })
            }
            (_, Some(custom)) => json!({ "customFields": [{ "id": custom.id, "field_value": value }] }),
            (_, None) => json!({ field: value }),
        };
        let state: State = self.merged(contact.state, body.as_object().unwrap_or(&serde_json::Map::new()), &place);
        self.change(id, state, now_ms);
        true
    }

    fn remove(&mut self, id: &str, now_ms: i64) -> bool {
        if let Some(task) = self.store.tasks.get_mut(id) {
            task.deleted = true;
        } else if let Some(note) = self.store.notes.get_mut(id) {
            note.deleted = true;
        } else if self.store.contacts.contains_key(id) {
            self.erase(id, now_ms);
        } else {
            return false;
        }
        true
    }

    fn secret(&self) -> String {
        self.options.tokens.first().map(|t| t.secret.clone()).unwrap_or_default()
    }

    fn settings(&self) -> Vec<(String, String)> {
        self.options.locations.first().map(|place| ("location_id".to_owned(), place.id.clone())).into_iter().collect()
    }

    fn prepare_fields(&mut self, names: &[(Kind, &str)]) {
        let names: Vec<&str> = names.iter().filter(|(kind, _)| *kind == Kind::Person).map(|(_, name)| *name).collect();
        let places: Vec<String> = self.options.locations.iter().map(|l| l.id.clone()).collect();
        for place in places {
            self.add_fields(&place, &names);
        }
    }

    fn drop_field(&mut self, kind: Kind, name: &str) -> bool {
        let before = self.store.fields.len();
        if kind == Kind::Person {
            self.store.fields.retain(|f| f.model != "contact" || f.key.strip_prefix("contact.") != Some(name));
        }
        self.store.fields.len() < before
    }

    fn unlimited(&mut self) {
        self.options.limits = Limits { burst_max: None, daily_max: None, ..Limits::default() };
    }
}
