//! What an auditor asks of this portal, in the words common to all CRMs.

use super::{HubSpot, ObjectType};
use crate::books::{Books, CallEnd, Entry, Kind, LoggedCall};
use serde_json::json;
use std::collections::BTreeMap;

fn kind(object: ObjectType) -> Kind {
    match object {
        ObjectType::Contacts => Kind::Person,
        ObjectType::Calls => Kind::Call,
        ObjectType::Tasks => Kind::Task,
        ObjectType::Deals => Kind::Deal,
        ObjectType::Companies | ObjectType::Tickets | ObjectType::Notes => Kind::Other,
    }
}

impl Books for HubSpot {
    fn vendor(&self) -> &'static str {
        "hubspot"
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for object in ObjectType::ALL {
            let table = self.table(object);
            let place = self.options.portal_id.to_string();
            for record in table.records.values() {
                let first = record.history.values().flatten().min_by_key(|version| version.at_ms);
                entries.push(Entry {
                    kind: kind(object),
                    object: object.plural().to_owned(),
                    id: record.id.clone(),
                    fields: record.properties().into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                    people: record.linked(ObjectType::Contacts),
                    by_person: first.is_some_and(|version| version.source == "CRM_UI"),
                    gone: record.archived_at_ms.is_some(),
                    place: place.clone(),
                });
            }
            // What was merged away has no record of its own any more.
            entries.extend(table.merged.keys().map(|id| Entry {
                kind: kind(object),
                object: object.plural().to_owned(),
                id: id.to_string(),
                fields: BTreeMap::new(),
                people: Vec::new(),
                by_person: false,
                gone: true,
                place: place.clone(),
            }));
        }
        entries
    }

    fn seed_person(&mut self, name: &str, e164: &str, email: Option<&str>, customer: bool, now_ms: i64) -> String {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        let stage = if customer { "customer" } else { "lead" };
        let mut properties = vec![("firstname", first), ("phone", e164), ("lifecyclestage", stage)];
        properties.extend((!last.is_empty()).then_some(("lastname", last)));
        properties.extend(email.map(|email| ("email", email)));
        self.seed(ObjectType::Contacts, &properties, now_ms).unwrap_or_default()
    }

    fn type_in(&mut self, id: &str, field: &str, value: &str, now_ms: i64) -> bool {
        let user = self.owners.first().map_or(0, |owner| owner.user_id);
        self.human_set(ObjectType::Contacts, id, field, value, user, now_ms).is_ok()
    }

    /// As a phone system's app logs it: a status, and an outcome where it is not the status that says it.
    fn log_call(&mut self, call: &LoggedCall, id: Option<&str>, now_ms: i64) -> Option<String> {
        let began = crate::civil::iso_ms(call.began_ms);
        let lasted = (u64::from(call.seconds) * 1_000).to_string();
        let (status, voicemail) = match call.end {
            CallEnd::Ringing => ("RINGING", ""),
            CallEnd::Missed => ("MISSED", "false"),
            CallEnd::Busy => ("BUSY", ""),
            CallEnd::Voicemail => ("MISSED", "true"),
            CallEnd::Answered => ("COMPLETED", ""),
            CallEnd::Unsaid => ("FAILED", ""),
        };
        let properties = [
            ("hs_timestamp", began.as_str()),
            ("hs_call_title", if call.inbound { "Inbound call" } else { "Outbound call" }),
            ("hs_call_direction", if call.inbound { "INBOUND" } else { "OUTBOUND" }),
            ("hs_call_status", status),
            ("hs_call_has_voicemail", voicemail),
            ("hs_call_duration", lasted.as_str()),
            ("hs_call_from_number", call.from.as_str()),
            ("hs_call_to_number", call.to.as_str()),
            ("hs_call_recording_url", call.recording.as_deref().unwrap_or_default()),
            ("hs_call_body", call.note.as_deref().unwrap_or_default()),
        ];
        let user = self.owners.first().map_or(0, |owner| owner.user_id);
        let id = match id {
            None => self
                .seed(
                    ObjectType::Calls,
                    &properties.into_iter().filter(|(_, v)| !v.is_empty()).collect::<Vec<_>>(),
                    now_ms,
                )
                .ok()?,
            Some(id) => {
                for (name, value) in properties {
                    self.human_set(ObjectType::Calls, id, name, value, user, now_ms).ok()?;
                }
                id.to_owned()
            }
        };
        if let Some(person) = &call.person {
            self.human_link((ObjectType::Calls, &id), (ObjectType::Contacts, person), now_ms).ok()?;
        }
        Some(id)
    }

    fn remove(&mut self, id: &str, now_ms: i64) -> bool {
        for object in ObjectType::ALL {
            if let Ok(found) = self.resolve(object, id, None, false) {
                self.archive(object, found, now_ms);
                return true;
            }
        }
        false
    }

    fn secret(&self) -> String {
        self.options.tokens.first().map_or_else(String::new, |token| token.secret.clone())
    }

    /// Nothing: an app makes its own properties here (`POST /crm/properties/…`).
    fn prepare_fields(&mut self, _names: &[(Kind, &str)]) {}

    fn add_field(&mut self, wanted: Kind, name: &str, of: &str, now_ms: i64) -> Result<(), String> {
        let object = ObjectType::ALL.into_iter().find(|object| kind(*object) == wanted);
        let object = object.ok_or("it has no such object")?;
        let (kind, field) = match of {
            "text" => ("string", "text"),
            "number" => ("number", "number"),
            "date" => ("date", "date"),
            "datetime" => ("datetime", "date"),
            "bool" => ("bool", "booleancheckbox"),
            other => return Err(format!("{other} is no type of a property")),
        };
        let group = self.table(object).groups.keys().next().cloned().ok_or("it has no group of properties")?;
        let body = json!({ "name": name, "label": name, "groupName": group, "type": kind, "fieldType": field });
        self.define(object, &body, now_ms).map(|_| ()).map_err(|refusal| refusal.message)
    }

    fn drop_field(&mut self, wanted: Kind, name: &str) -> bool {
        let mut dropped = false;
        for object in ObjectType::ALL.into_iter().filter(|object| kind(*object) == wanted) {
            dropped |= self.table_mut(object).properties.remove(name).is_some();
        }
        dropped
    }

    fn unlimited(&mut self) {
        let limits = &mut self.options.limits;
        (limits.burst_max, limits.search_per_second_max, limits.daily_max) = (None, None, None);
        (self.options.search_lag_create_ms, self.options.search_lag_update_ms) = (0, 0);
        self.options.delay_ms = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hubspot::{Actor, Options};
    use serde_json::json;

    #[test]
    fn the_books_tell_who_made_what_and_what_is_gone() {
        let mut hub = HubSpot::new(Options::default());
        let key = json!({ "name": "rb_key", "label": "Key", "type": "string", "fieldType": "text",
            "groupName": "call_engagement", "hasUniqueValue": true });
        assert!(hub.define(ObjectType::Calls, &key, 0).is_ok());
        let ana = hub.seed_person("Ana Ruiz", "+13125550142", Some("ana@example.com"), true, 1_000);
        let bo = hub.seed_person("Bo", "+13125550143", None, false, 1_000);
        let app = Actor { source: "INTEGRATION".to_owned(), source_id: "7001".to_owned(), user_id: None };
        let call = json!({ "properties": { "hs_timestamp": "2026-03-05T14:03:11Z", "rb_key": "rb-call-01jexample" } });
        let Ok(draft) = hub.prepare_create(ObjectType::Calls, &call, &mut crate::hubspot::objects::Claims::default())
        else {
            panic!("a call with our key")
        };
        let call = hub.commit_create(ObjectType::Calls, draft, 2_000, &app).to_string();
        assert!(hub.human_link((ObjectType::Calls, &call), (ObjectType::Contacts, &ana), 2_000).is_ok());
        assert!(hub.type_in(&ana, "city", "Evanston", 3_000) && !hub.type_in(&ana, "no_such", "x", 3_000));
        let merged = hub.merge(ObjectType::Contacts, &ana, &bo, 4_000);
        assert_eq!(merged.as_deref(), Ok(ana.as_str()));
        let books = hub.entries();
        let entry = |id: &str| books.iter().find(|e| e.id == id).unwrap_or_else(|| panic!("{id}"));
        let person = entry(&ana);
        assert!(person.by_person && !person.gone && person.has_number("+1 312 555 0142"));
        assert_eq!((person.kind, person.fields["city"].as_str()), (Kind::Person, "Evanston"));
        assert_eq!(person.fields["lifecyclestage"], "customer");
        let made = entry(&call);
        assert!(!made.by_person && made.kind == Kind::Call);
        assert_eq!(
            (made.people.as_slice(), made.marks()),
            ([ana.clone()].as_slice(), vec!["rb-call-01jexample".into()])
        );
        assert!(entry(&bo).gone);
        assert!(hub.remove(&call, 5_000) && !hub.remove(&call, 6_000));
        assert!(hub.entries().iter().any(|e| e.id == call && e.gone));
    }
}
