//! Contacts: create, read, change, delete, upsert, tags, the look for a duplicate. Source: `apps/contacts.json`.

use super::refusals::Refusal;
use super::store::{Contact, State};
use super::{GoHighLevel, Location, Route, Unique};
use crate::Reply;
use crate::log::Deed;
use serde_json::{Map, Value, json};

const TEXTS: &[&str] = &[
    "firstName",
    "lastName",
    "name",
    "email",
    "phone",
    "address1",
    "city",
    "state",
    "postalCode",
    "website",
    "timezone",
    "source",
    "country",
    "assignedTo",
];
/// In `CreateContactDto` and `UpsertContactDto`, not in `UpdateContactDto`.
const TEXTS_AT_CREATE: &[&str] = &["gender", "companyName", "locationId"];
const OTHERS: &[&str] = &["dnd", "dndSettings", "inboundDndSettings", "tags", "customFields", "dateOfBirth"];
const CHANNELS: &[&str] = &["Call", "Email", "SMS", "WhatsApp", "GMB", "FB"];

/// What the vendor's validation says of a body, all at once; it refuses before anything is carried out.
pub(super) fn complaints(body: &Map<String, Value>, creating: bool, upsert: bool) -> Vec<String> {
    let mut said = Vec::new();
    for (name, value) in body {
        let name = name.as_str();
        let text = TEXTS.contains(&name) || (creating && TEXTS_AT_CREATE.contains(&name));
        let known = text || OTHERS.contains(&name) || (upsert && name == "createNewIfDuplicateAllowed");
        if !known {
            // <https://github.com/GoHighLevel/highlevel-api-docs/issues/262>: "property additionalEmails should not exist".
            said.push(format!("property {name} should not exist"));
        } else if text && !value.is_string() && !value.is_null() {
            said.push(format!("{name} must be a string"));
        } else if matches!(name, "dnd" | "createNewIfDuplicateAllowed") && !value.is_boolean() {
            said.push(format!("{name} must be a boolean value"));
        } else if matches!(name, "tags" | "customFields") && !value.is_array() {
            said.push(format!("{name} must be an array"));
        }
    }
    if creating && body.get("locationId").and_then(Value::as_str).is_none_or(str::is_empty) {
        said.push("locationId must be a string".to_owned());
    }
    let email = body.get("email").and_then(Value::as_str).unwrap_or_default();
    let address = email.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
    if !email.is_empty() && !address {
        said.push("email must be an email".to_owned());
    }
    for field in body.get("customFields").and_then(Value::as_array).into_iter().flatten() {
        if field.get("id").or_else(|| field.get("key")).and_then(Value::as_str).is_none() {
            said.push("customFields must be an array of fields with an id".to_owned());
        }
    }
    let settings = body.get("dndSettings").and_then(Value::as_object);
    for (channel, setting) in settings.into_iter().flatten() {
        let status = setting.get("status").and_then(Value::as_str).unwrap_or_default();
        if !CHANNELS.contains(&channel.as_str()) || !["active", "inactive", "permanent"].contains(&status) {
            said.push(format!(
                "dndSettings.{channel} must be one of the following values: active, inactive, permanent"
            ));
        }
    }
    said
}

/// A number as the vendor stores it: E.164 where a country can be told.
pub(super) fn e164(number: &str, location: &Location) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    match (number.trim().starts_with('+'), digits.len()) {
        (_, 0) => number.trim().to_owned(),
        (true, _) => format!("+{digits}"),
        (false, 10) => format!("{}{digits}", location.country_code),
        (false, _) => format!("+{digits}"),
    }
}

fn name_of(contact: &Contact) -> String {
    format!("{} {}", contact.text("firstName"), contact.text("lastName")).trim().to_owned()
}

impl GoHighLevel {
    fn place(&self, id: &str) -> Result<Location, Refusal> {
        self.location(id).cloned().ok_or_else(Refusal::other_location)
    }

    /// The state that a body makes of a state.
    pub(super) fn merged(&self, mut state: State, body: &Map<String, Value>, location: &Location) -> State {
        for (name, value) in body {
            match (name.as_str(), value) {
                ("locationId" | "createNewIfDuplicateAllowed" | "inboundDndSettings", _) => {}
                ("customFields", _) => {
                    for field in value.as_array().into_iter().flatten() {
                        let named =
                            field.get("id").or_else(|| field.get("key")).and_then(Value::as_str).unwrap_or_default();
                        // A field that the location does not have is passed over in silence; undocumented.
                        let Some(known) = self.store.field(&location.id, named) else { continue };
                        let value = field.get("field_value").or_else(|| field.get("fieldValue")).cloned();
                        match value {
                            None | Some(Value::Null) => state.custom.remove(&known.id),
                            Some(Value::String(text)) if text.is_empty() => state.custom.remove(&known.id),
                            Some(value) => state.custom.insert(known.id.clone(), value),
                        };
                    }
                }
                ("name", Value::String(full)) => {
                    let (first, last) = full.split_once(' ').unwrap_or((full, ""));
                    state.fields.insert("firstName".into(), json!(first));
                    state.fields.insert("lastName".into(), json!(last));
                }
                (_, Value::Null) => {
                    state.fields.remove(name);
                }
                ("phone", Value::String(number)) => {
                    state.fields.insert("phone".into(), json!(e164(number, location)));
                }
                ("email", Value::String(address)) => {
                    state.fields.insert("email".into(), json!(address.trim().to_lowercase()));
                }
                _ => {
                    state.fields.insert(name.clone(), value.clone());
                }
            }
        }
        state.fields.retain(|_, value| value.as_str() != Some(""));
        state
    }

    /// Who holds the address (primary or additional) or the number, besides that contact; the oldest, and the field that fits.
    fn holder(
        &self,
        unique: Unique,
        value: &str,
        location: &Location,
        but: Option<&str>,
    ) -> Option<(&Contact, &'static str)> {
        let live = |c: &&Contact| c.location == location.id && !c.state.deleted && but != Some(c.id.as_str());
        let wanted = match unique {
            Unique::Email => value.trim().to_lowercase(),
            Unique::Phone => e164(value, location),
        };
        let mut found: Vec<_> = self
            .store
            .contacts
            .values()
            .filter(live)
            .filter_map(|contact| match unique {
                Unique::Phone => (contact.text("phone") == wanted).then_some((contact, "phone")),
                Unique::Email if contact.text("email") == wanted => Some((contact, "email")),
                Unique::Email => {
                    let more = contact.state.fields.get("additionalEmails").and_then(Value::as_array);
                    let held = more.into_iter().flatten().any(|m| m.as_str() == Some(wanted.as_str()));
                    held.then_some((contact, "additionalEmail"))
                }
            })
            .collect();
        found.sort_by_key(|(c, _)| (c.created_at_ms, c.id.clone()));
        found.into_iter().next()
    }

    fn clash(&self, state: &Map<String, Value>, location: &Location, but: Option<&str>) -> Option<Refusal> {
        if location.allow_duplicates {
            return None;
        }
        location.unique.iter().find_map(|unique| {
            let field = if *unique == Unique::Email { "email" } else { "phone" };
            let value = state.get(field).and_then(Value::as_str).filter(|v| !v.is_empty())?;
            let (holder, field) = self.holder(*unique, value, location, but)?;
            Some(Refusal::duplicate(&holder.id, &name_of(holder), field))
        })
    }

    /// A live contact that the token may see. One of another sub-account is refused as the sub-account would be.
    pub(super) fn live(&self, route: &Route<'_>, id: &str) -> Result<&Contact, Refusal> {
        let contact =
            self.store.contacts.get(id).filter(|c| !c.state.deleted).ok_or_else(|| Refusal::no_contact(id))?;
        route.reaches(&contact.location)?;
        Ok(contact)
    }

    fn insert(&mut self, state: State, location: &str, by_person: bool, now_ms: i64) -> String {
        let id = self.take_id('C');
        let contact = Contact::new(id.clone(), location, state, by_person, now_ms);
        self.store.contacts.insert(id.clone(), contact);
        self.note_effect(Deed::Created, "contacts", &id);
        id
    }

    fn answer(&self, id: &str) -> Value {
        self.store.contacts.get(id).map_or(Value::Null, |c| c.view(&c.state, c.updated_at_ms))
    }

    /// `POST /contacts/`
    pub(super) fn contacts_endpoint(&mut self, route: &Route<'_>) -> Result<Reply, Refusal> {
        if route.method != "POST" {
            return Err(Refusal::no_such_path(route.method, "/contacts/"));
        }
        let body = route.body()?;
        let said = complaints(&body, true, false);
        if !said.is_empty() {
            return Err(Refusal::invalid(&said));
        }
        let place = body.get("locationId").and_then(Value::as_str).unwrap_or_default();
        route.reaches(place)?;
        let location = self.place(place)?;
        if let Some(refusal) = self.clash(&body, &location, None) {
            return Err(refusal);
        }
        let state = self.merged(State::default(), &body, &location);
        let id = self.insert(state, &location.id, false, route.now_ms);
        if self.options.error_but_created {
            return Err(Refusal::invalid(&["The contact could not be processed".to_owned()]));
        }
        Ok(Reply::json(201, &json!({ "contact": self.answer(&id), "traceId": self.trace_id() })))
    }

    /// `/contacts/{contactId}`
    pub(super) fn contact_endpoint(&mut self, route: &Route<'_>, id: &str) -> Result<Reply, Refusal> {
        let contact = self.live(route, id)?.clone();
        match route.method {
            "GET" => Ok(Reply::json(200, &json!({ "contact": self.answer(id), "traceId": self.trace_id() }))),
            "PUT" => {
                let body = route.body()?;
                let said = complaints(&body, false, false);
                if !said.is_empty() {
                    return Err(Refusal::invalid(&said));
                }
                let location = self.place(&contact.location)?;
                if let Some(refusal) = self.clash(&body, &location, Some(id)) {
                    return Err(refusal);
                }
                let state = self.merged(contact.state, &body, &location);
                self.change(id, state, route.now_ms);
                Ok(Reply::json(
                    200,
                    &json!({ "succeded": true, "contact": self.answer(id), "traceId": self.trace_id() }),
                ))
            }
            "DELETE" => {
                self.erase(id, route.now_ms);
                Ok(Reply::json(200, &json!({ "succeded": true })))
            }
            _ => Err(Refusal::no_such_path(route.method, &format!("/contacts/{id}"))),
        }
    }

    pub(super) fn change(&mut self, id: &str, state: State, now_ms: i64) {
        if let Some(contact) = self.store.contacts.get_mut(id) {
            contact.change(state, now_ms);
            self.note_effect(Deed::Updated, "contacts", id);
        }
    }

    /// Takes a contact away, and with it what stands under it.
    pub(super) fn erase(&mut self, id: &str, now_ms: i64) {
        if let Some(contact) = self.store.contacts.get_mut(id) {
            let state = State { deleted: true, ..contact.state.clone() };
            contact.change(state, now_ms);
            self.note_effect(Deed::Archived, "contacts", id);
        }
    }

    /// `POST /contacts/upsert`: the settings decide who it is; where e-mail and phone are two people's, the first field's contact is
    /// changed and the other field left out, in silence (the description, and
    /// <https://github.com/GoHighLevel/highlevel-api-docs/issues/37>).
    pub(super) fn upsert_endpoint(&mut self, route: &Route<'_>) -> Result<Reply, Refusal> {
        let mut body = route.body()?;
        let said = complaints(&body, true, true);
        if !said.is_empty() {
            return Err(Refusal::invalid(&said));
        }
        let place = body.get("locationId").and_then(Value::as_str).unwrap_or_default().to_owned();
        route.reaches(&place)?;
        let location = self.place(&place)?;
        let fresh = body.get("createNewIfDuplicateAllowed") == Some(&json!(true)) && location.allow_duplicates;
        let order =
            if location.allow_duplicates { vec![Unique::Email, Unique::Phone] } else { location.unique.clone() };
        let field = |unique: Unique| if unique == Unique::Email { "email" } else { "phone" };
        let found = order.iter().filter(|_| !fresh).find_map(|unique| {
            let value = body.get(field(*unique)).and_then(Value::as_str).filter(|v| !v.is_empty())?;
            self.holder(*unique, value, &location, None).map(|(c, _)| c.id.clone())
        });
        let (id, new) = match found {
            Some(id) => {
                for unique in order {
                    let value = body.get(field(unique)).and_then(Value::as_str).unwrap_or_default().to_owned();
                    if !value.is_empty() && self.holder(unique, &value, &location, Some(&id)).is_some() {
                        body.remove(field(unique));
                    }
                }
                let held = self.store.contacts.get(&id).map(|c| c.state.clone()).unwrap_or_default();
                let state = self.merged(held, &body, &location);
                self.change(&id, state, route.now_ms);
                (id, false)
            }
            None => {
                let state = self.merged(State::default(), &body, &location);
                (self.insert(state, &location.id, false, route.now_ms), true)
            }
        };
        Ok(Reply::json(200, &json!({ "new": new, "contact": self.answer(&id), "traceId": self.trace_id() })))
    }

    /// `/contacts/{contactId}/tags`: adds and removes, where a change of the contact would replace them all.
    pub(super) fn tags_endpoint(&mut self, route: &Route<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut state = self.live(route, id)?.state.clone();
        let body = route.body()?;
        let Some(given) = body.get("tags").and_then(Value::as_array) else {
            return Err(Refusal::invalid(&["tags must be an array".to_owned()]));
        };
        let given: Vec<String> = given.iter().filter_map(Value::as_str).map(str::to_lowercase).collect();
        let held = state.fields.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut tags: Vec<String> = held.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        tags.retain(|t| !given.contains(t));
        let status = match route.method {
            "POST" => {
                tags.extend(given);
                201
            }
            "DELETE" => 200,
            _ => return Err(Refusal::no_such_path(route.method, &format!("/contacts/{id}/tags"))),
        };
        state.fields.insert("tags".into(), json!(tags));
        self.change(id, state, route.now_ms);
        Ok(Reply::json(status, &json!({ "tags": tags })))
    }

    /// `GET /contacts/search/duplicate`: "If Allow Duplicate Contact is disabled under Settings, the global unique identifier will be used
    /// for searching the contact. If the setting is enabled, first priority for search is email and the second priority will be phone."
    /// The store itself, no index. That nobody is `null` is undocumented.
    pub(super) fn duplicate_endpoint(&mut self, route: &Route<'_>) -> Result<Reply, Refusal> {
        let place =
            route.param("locationId").ok_or_else(|| Refusal::invalid(&["locationId must be a string".to_owned()]))?;
        route.reaches(place)?;
        let location = self.place(place)?;
        let order =
            if location.allow_duplicates { vec![Unique::Email, Unique::Phone] } else { location.unique.clone() };
        let found = order.into_iter().find_map(|unique| {
            let value = route.param(if unique == Unique::Email { "email" } else { "number" })?;
            self.holder(unique, value, &location, None).map(|(c, _)| c.id.clone())
        });
        let contact = found.map_or(Value::Null, |id| self.answer(&id));
        Ok(Reply::json(200, &json!({ "contact": contact, "traceId": self.trace_id() })))
    }

    /// A contact that a person makes in the vendor's pages, where an import may double somebody.
    pub(super) fn person_makes(&mut self, body: &Value, location: &str, customer: bool, now_ms: i64) -> String {
        let Some(place) = self.location(location).cloned() else { return String::new() };
        let state = self.merged(State::default(), body.as_object().unwrap_or(&Map::new()), &place);
        let id = self.insert(state, location, true, now_ms);
        if let Some(contact) = self.store.contacts.get_mut(&id).filter(|_| customer) {
            "customer".clone_into(&mut contact.kind);
        }
        id
    }
}
