//! What people do in Salesforce's own pages, and what an auditor reads.

use super::records::Saving;
use super::schema::{Field, Sobject};
use super::{Record, Salesforce, id18};
use crate::books::{Books, CallEnd, Entry, Kind, LoggedCall};
use crate::log::Deed;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl Salesforce {
    /// Makes a record as a person does in the pages; the error is Salesforce's message.
    pub fn seed(&mut self, sobject: Sobject, fields: &Value, now_ms: i64) -> Result<String, String> {
        let saving = Saving { person: true, ..Saving::default() };
        let fields = fields.as_object().cloned().unwrap_or_default();
        self.create(sobject, &fields, saving, now_ms).map_err(|refusal| refusal.message)
    }

    /// A Lead becomes a Contact of a new Account (Help, "Convert Leads"): its activities move, and it can be read only. Gives the Contact.
    pub fn convert(&mut self, lead: &str, deal: Option<&str>, now_ms: i64) -> Option<String> {
        let lead = id18(lead);
        let held = self.records.get(&lead).filter(|r| r.sobject == Sobject::Lead && !r.deleted)?.clone();
        if held.get("IsConverted") == json!(true) {
            return None;
        }
        let account = self.put(Sobject::Account, &json!({ "Name": held.get("Company") }), now_ms, true);
        // Standard fields go over by themselves; custom ones only where somebody mapped them, which a fresh org has not.
        let names = ["FirstName", "LastName", "Phone", "MobilePhone", "Email", "OwnerId", "LeadSource", "DoNotCall"];
        let mut fields: Map<String, Value> =
            names.iter().map(|n| ((*n).to_owned(), held.get(n))).filter(|(_, v)| !v.is_null()).collect();
        fields.insert("AccountId".to_owned(), json!(account));
        let contact = self.put(Sobject::Contact, &Value::Object(fields), now_ms, true);
        let mut after = BTreeMap::from([
            ("IsConverted".to_owned(), json!(true)),
            ("Status".to_owned(), json!("Closed - Converted")),
            ("ConvertedDate".to_owned(), json!(crate::civil::iso_day(now_ms))),
            ("ConvertedAccountId".to_owned(), json!(account)),
            ("ConvertedContactId".to_owned(), json!(contact)),
        ]);
        if let Some(name) = deal {
            let id = self.deal(name, "Qualification", Some(&contact), now_ms);
            after.insert("ConvertedOpportunityId".to_owned(), json!(id));
        }
        self.set(&lead, after, now_ms);
        self.move_tasks(&lead, &contact, now_ms);
        Some(contact)
    }

    /// An opportunity in which a Contact has a role.
    pub fn deal(&mut self, name: &str, stage: &str, contact: Option<&str>, now_ms: i64) -> String {
        let fields =
            json!({ "Name": name, "StageName": stage, "CloseDate": crate::civil::iso_day(now_ms), "Amount": 1200.0 });
        let id = self.put(Sobject::Opportunity, &fields, now_ms, true);
        if let Some(contact) = contact {
            let role = json!({ "OpportunityId": id, "ContactId": id18(contact), "Role": "Decision Maker" });
            self.put(Sobject::OpportunityContactRole, &role, now_ms, true);
        }
        id
    }

    /// Merges `loser` into `master` (Help, "Merge Duplicate Leads/Contacts"): the loser is deleted and points to the master.
    pub fn merge(&mut self, master: &str, loser: &str, now_ms: i64) -> bool {
        let (master, loser) = (id18(master), id18(loser));
        let kinds = [&master, &loser].map(|id| self.records.get(id).filter(|r| !r.deleted).map(|r| r.sobject));
        if master == loser || kinds[0].is_none() || kinds[0] != kinds[1] {
            return false;
        }
        self.set(&loser, BTreeMap::from([("MasterRecordId".to_owned(), json!(master))]), now_ms);
        if let Some(record) = self.records.get_mut(&loser) {
            record.deleted = true;
        }
        self.move_tasks(&loser, &master, now_ms);
        if let Some(kind) = kinds[0] {
            self.note(Deed::Merged, kind, &loser);
        }
        true
    }

    fn move_tasks(&mut self, from: &str, to: &str, now_ms: i64) {
        let tasks: Vec<String> = self
            .records
            .values()
            .filter(|r| r.sobject == Sobject::Task && r.fields.get("WhoId").and_then(Value::as_str) == Some(from))
            .map(|r| r.id.clone())
            .collect();
        for task in tasks {
            self.set(&task, BTreeMap::from([("WhoId".to_owned(), json!(to))]), now_ms);
        }
    }

    fn entry(&self, record: &Record) -> Entry {
        let names = self.fields(record.sobject).iter().map(|f| f.name.clone());
        let fields = names.map(|name| (name.clone(), record.text(&name))).filter(|(_, v)| !v.is_empty()).collect();
        let kind = match record.sobject {
            Sobject::Lead | Sobject::Contact => Kind::Person,
            Sobject::Task if record.text("CallType").is_empty() => Kind::Task,
            Sobject::Task => Kind::Call,
            Sobject::Opportunity => Kind::Deal,
            _ => Kind::Other,
        };
        // A converted Lead is the Contact it became.
        let converted = record.get("IsConverted") == json!(true);
        Entry {
            kind,
            object: record.sobject.name().to_owned(),
            id: record.id.clone(),
            fields,
            people: Some(record.text("WhoId")).filter(|who| !who.is_empty()).into_iter().collect(),
            by_person: record.by_person,
            gone: record.deleted || converted,
            place: String::new(),
        }
    }
}

/// Fields of people that are ticked.
const PEOPLE_BOXES: &[&str] = &["DoNotCall", "HasOptedOutOfEmail"];

impl Books for Salesforce {
    fn vendor(&self) -> &'static str {
        "salesforce"
    }

    fn entries(&self) -> Vec<Entry> {
        self.records.values().filter(|r| r.sobject != Sobject::User).map(|r| self.entry(r)).collect()
    }

    fn seed_person(&mut self, name: &str, e164: &str, email: Option<&str>, customer: bool, now_ms: i64) -> String {
        let (first, last) = name.rsplit_once(' ').unwrap_or(("", name));
        // As a person types it: pages format ten digits of North America.
        let digits: String = e164.chars().filter(char::is_ascii_digit).collect();
        let phone = match (digits.strip_prefix('1'), digits.len()) {
            (Some(n), 11) => format!(
                "({}) {}-{}",
                n.get(..3).unwrap_or_default(),
                n.get(3..6).unwrap_or_default(),
                n.get(6..).unwrap_or_default()
            ),
            _ => e164.to_owned(),
        };
        let mut fields = json!({ "LastName": last, "Phone": phone });
        if !first.is_empty() {
            fields["FirstName"] = json!(first);
        }
        if let Some(email) = email {
            fields["Email"] = json!(email);
        }
        if customer {
            let account = self.put(Sobject::Account, &json!({ "Name": format!("{last} household") }), now_ms, true);
            fields["AccountId"] = json!(account);
            return self.put(Sobject::Contact, &fields, now_ms, true);
        }
        fields["Company"] = json!(format!("{last} household"));
        self.put(Sobject::Lead, &fields, now_ms, true)
    }

    fn type_in(&mut self, id: &str, field: &str, value: &str, now_ms: i64) -> bool {
        let saving = Saving { person: true, ..Saving::default() };
        // A check box is ticked, everything else is typed.
        let ticked = PEOPLE_BOXES.contains(&field).then(|| Value::Bool(value == "true"));
        let fields: Map<String, Value> =
            [(field.to_owned(), ticked.unwrap_or_else(|| json!(value)))].into_iter().collect();
        self.update(&id18(id), &fields, saving, now_ms).is_ok()
    }

    /// As a telephony adapter logs it: a task that is done, with a call type. Salesforce keeps no number with it.
    fn log_call(&mut self, call: &LoggedCall, id: Option<&str>, now_ms: i64) -> Option<String> {
        let disposition = match call.end {
            CallEnd::Missed => "No Answer",
            CallEnd::Busy => "Busy",
            CallEnd::Voicemail => "Left Voicemail",
            CallEnd::Answered => "Connected",
            CallEnd::Ringing | CallEnd::Unsaid => "",
        };
        let mut fields = json!({
            "Subject": "Call", "Status": "Completed", "CallType": if call.inbound { "Inbound" } else { "Outbound" },
            "CallDurationInSeconds": call.seconds, "CallDisposition": disposition, "Description": call.note.as_deref().unwrap_or_default(),
        });
        if let Some(person) = &call.person {
            fields["WhoId"] = json!(person);
        }
        match id {
            None => {
                fields["TaskSubtype"] = json!("Call");
                self.seed(Sobject::Task, &fields, now_ms).ok()
            }
            Some(id) => {
                let saving = Saving { person: true, ..Saving::default() };
                self.update(&id18(id), fields.as_object()?, saving, now_ms).ok()?;
                Some(id18(id))
            }
        }
    }

    fn remove(&mut self, id: &str, now_ms: i64) -> bool {
        self.delete(&id18(id), now_ms).is_ok()
    }

    fn secret(&self) -> String {
        match self.options().tokens.first() {
            Some(token) => token.clone(),
            None => json!({ "client_id": self.options().client_id, "client_secret": self.options().client_secret })
                .to_string(),
        }
    }

    fn prepare_fields(&mut self, names: &[(Kind, &str)]) {
        for (kind, name) in names {
            let Some(api_name) = api_name(name) else { continue };
            // As the program's default contract asks an administrator to make them: all text but these.
            let typed = |field: Field| match *name {
                "rb_budget" => Field { kind: super::Kind::Double, ..field },
                "rb_callback_due" => Field { kind: super::Kind::DateTime, ..field },
                _ => field,
            };
            match kind {
                Kind::Person => {
                    let key = *name == "rb_key";
                    let field = typed(Field::custom(&api_name, if key { 80 } else { 255 }, key));
                    self.add_field(Sobject::Lead, field.clone());
                    self.add_field(Sobject::Contact, field);
                }
                // Whether a field of Activity may be an external id or unique is not documented: here it may not.
                Kind::Call | Kind::Task => self.add_field(Sobject::Task, typed(Field::custom(&api_name, 255, false))),
                Kind::Deal | Kind::Other => {}
            }
        }
    }

    fn drop_field(&mut self, kind: Kind, name: &str) -> bool {
        let sobjects: &[Sobject] = match kind {
            Kind::Person => &[Sobject::Lead, Sobject::Contact],
            Kind::Call | Kind::Task => &[Sobject::Task],
            Kind::Deal | Kind::Other => &[],
        };
        let name = api_name(name).unwrap_or_else(|| name.to_owned());
        let mut dropped = false;
        for sobject in sobjects {
            let fields = self.fields_mut(*sobject);
            let before = fields.len();
            fields.retain(|field| !field.name.eq_ignore_ascii_case(&name));
            dropped |= fields.len() < before;
        }
        dropped
    }

    fn settings(&self) -> Vec<(String, String)> {
        vec![("my_domain".to_owned(), "twin".to_owned())]
    }

    fn unlimited(&mut self) {
        self.options_mut().daily_max = None;
        self.options_mut().delay_ms = 0;
    }
}

/// `rb_caller_name` → `RB_Caller_Name__c`, as the administrator is asked to name them.
fn api_name(name: &str) -> Option<String> {
    let rest = name.strip_prefix("rb_")?;
    let words: Vec<String> = rest
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters).collect()
        })
        .collect();
    Some(format!("RB_{}__c", words.join("_")))
}
