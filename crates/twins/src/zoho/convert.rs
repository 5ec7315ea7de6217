//! A lead becomes a contact, an account and perhaps a deal ("convert-lead.html"), and is frozen; its activities move to the contact.

use super::record::Converted;
use super::refusals::{Refusal, no_such_record};
use super::{Actor, Call, Zoho};
use crate::Reply;
use crate::log::Deed;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Zoho {
    pub(crate) fn convert_endpoint(&mut self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let wish = call.body.get("data").and_then(|d| d.get(0)).cloned().unwrap_or_default();
        let deal = wish.get("Deals").and_then(|d| d.get("Deal_Name")).and_then(Value::as_str);
        let actor = self.program();
        let contact = self.converted_by(id, deal, &actor, call.now_ms)?;
        let converted =
            self.records.values().find_map(|r| r.converted.as_ref().filter(|c| c.contact == contact)).cloned();
        let named = |id: u64| json!({ "id": id.to_string(), "name": self.name_of(id) });
        let details = converted.map_or(
            Value::Null,
            |c| json!({ "Contacts": named(c.contact), "Accounts": named(c.account), "Deals": c.deal.map(named) }),
        );
        let done = json!({ "code": "SUCCESS", "details": details, "message": "The record has been converted successfully", "status": "success" });
        Ok(Reply::json(200, &json!({ "data": [done] })))
    }

    /// Somebody converts a lead in Zoho's own pages; gives the contact's id.
    pub fn convert(&mut self, id: &str, deal: Option<&str>, now_ms: i64) -> Option<String> {
        let actor = self.somebody();
        self.converted_by(id, deal, &actor, now_ms).ok().map(|id| id.to_string())
    }

    fn converted_by(&mut self, id: &str, deal: Option<&str>, actor: &Actor, now_ms: i64) -> Result<u64, Refusal> {
        let held = id.parse::<u64>().ok().and_then(|id| self.records.get(&id));
        let lead = held.filter(|r| r.module == "Leads" && !r.deleted).ok_or_else(no_such_record)?;
        if lead.converted.is_some() {
            return Err(Refusal::new(400, "ID_ALREADY_CONVERTED", "id already converted").detail("id", id));
        }
        let (lead_id, fields) = (lead.id, lead.fields.clone());
        let company = lead.text("Company").unwrap_or_default();
        let account = BTreeMap::from([("Account_Name".to_owned(), Value::from(company))]);
        let account = self.store_new("Accounts", account, actor, now_ms);
        let maps = self.options.conversion_maps_custom_fields;
        let mut carried: BTreeMap<String, Value> = fields
            .into_iter()
            .filter(|(name, _)| self.field("Contacts", name).is_some_and(|f| !f.system && (maps || !f.custom)))
            .collect();
        carried.insert("Account_Name".into(), json!({ "id": account.to_string(), "name": self.name_of(account) }));
        let contact = self.store_new("Contacts", carried, actor, now_ms);
        let deal = deal.map(|name| {
            let lookup = |id: u64, name: String| json!({ "id": id.to_string(), "name": name });
            let values = BTreeMap::from([
                ("Deal_Name".to_owned(), Value::from(name)),
                ("Stage".to_owned(), Value::from("Qualification")),
                ("Contact_Name".to_owned(), lookup(contact, self.name_of(contact))),
                ("Account_Name".to_owned(), lookup(account, self.name_of(account))),
            ]);
            self.store_new("Deals", values, actor, now_ms)
        });
        self.move_activities(lead_id, contact, actor, now_ms);
        if let Some(lead) = self.records.get_mut(&lead_id) {
            lead.converted = Some(Converted { contact, account, deal });
            lead.modified_ms = now_ms;
        }
        self.did(Deed::Merged, "Leads", lead_id);
        Ok(contact)
    }

    fn move_activities(&mut self, lead: u64, contact: u64, actor: &Actor, now_ms: i64) {
        let lead_id = lead.to_string();
        let of: Vec<u64> =
            self.records.values().filter(|r| r.text("What_Id").as_deref() == Some(&lead_id)).map(|r| r.id).collect();
        let name = self.name_of(contact);
        for id in of {
            let moved = BTreeMap::from([
                ("What_Id".to_owned(), Value::Null),
                ("$se_module".to_owned(), Value::Null),
                ("Who_Id".to_owned(), json!({ "id": contact.to_string(), "name": name })),
            ]);
            self.store_change(id, moved, actor, now_ms);
        }
    }
}
