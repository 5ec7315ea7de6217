//! Two records become one. Source: objects guide, merge; knowledge base, "Merge records".

use super::record::{Link, ObjectType};
use super::refusals::{Refusal, bad_json};
use super::{Actor, HubSpot, Route};
use crate::Reply;
use crate::log::Deed;
use std::collections::{BTreeMap, BTreeSet};

impl HubSpot {
    pub(super) fn merge_endpoint(&mut self, route: &Route<'_>, kind: ObjectType) -> Result<Reply, Refusal> {
        let body = route.body()?;
        let id = |field: &str| body[field].as_str().map(str::to_owned);
        let (Some(primary), Some(other)) = (id("primaryObjectId"), id("objectIdToMerge")) else {
            return Err(bad_json("Some required fields were not set: [primaryObjectId, objectIdToMerge]"));
        };
        let (a, b) = (self.resolve(kind, &primary, None, false)?, self.resolve(kind, &other, None, false)?);
        if a == b {
            return Err(Refusal::validation("Cannot merge an object with itself"));
        }
        let survivor = self.merge_records(kind, a, b, route.now_ms);
        Ok(Reply::json(200, &self.written(kind, survivor, &[])))
    }

    /// Merge guide: the primary's values win where both have one, associations are combined, the other contact's e-mail
    /// becomes an additional one, and the old ids lead to the survivor.
    pub(super) fn merge_records(&mut self, kind: ObjectType, primary: u64, other: u64, now_ms: i64) -> u64 {
        let survivor = if self.options().merge_makes_new_id { self.take_id() } else { primary };
        let merging =
            Actor { source: "MERGE_OBJECTS".to_owned(), source_id: format!("{primary}:{other}"), user_id: None };
        let table = self.table_mut(kind);
        let (Some(mut kept), Some(lost)) = (table.records.remove(&primary), table.records.remove(&other)) else {
            return survivor;
        };
        table.release(other);
        table.release(primary);
        kept.id = survivor.to_string();
        let links: BTreeMap<(ObjectType, u64), Link> =
            lost.associations.iter().chain(&kept.associations).map(|(to, link)| (*to, link.clone())).collect();
        let names: BTreeSet<String> = kept.history.keys().chain(lost.history.keys()).cloned().collect();
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        for name in names {
            let value = kept.get(&name).filter(|v| !v.is_empty()).or_else(|| lost.get(&name)).unwrap_or_default();
            values.insert(name, value.to_owned());
        }
        kept.associations = BTreeMap::new();
        let (own, taken) =
            (kept.get("email").unwrap_or_default().to_owned(), lost.get("email").unwrap_or_default().to_owned());
        if kind == ObjectType::Contacts && !own.is_empty() && !taken.is_empty() {
            values.insert("hs_additional_emails".to_owned(), taken.clone());
        }
        // Every id that leads here, separated by semicolons like the values of any checkbox.
        let mut ids: BTreeSet<String> =
            values.get("hs_merged_object_ids").map(|t| t.split(';').map(str::to_owned).collect()).unwrap_or_default();
        ids.extend([primary, other].into_iter().filter(|id| *id != survivor).map(|id| id.to_string()));
        ids.extend(lost.get("hs_merged_object_ids").unwrap_or_default().split(';').map(str::to_owned));
        ids.retain(|id| !id.is_empty());
        if table.properties.contains_key("hs_merged_object_ids") {
            values.insert("hs_merged_object_ids".to_owned(), ids.into_iter().collect::<Vec<_>>().join(";"));
        }
        let history = std::mem::take(&mut kept.history);
        table.records.insert(survivor, kept);
        for (name, versions) in history {
            if let Some(last) = versions.last() {
                table.claim_if_unique(kind, &name, survivor, &last.value);
                table.remember(&name, survivor, &last.value);
            }
            if let Some(record) = table.records.get_mut(&survivor) {
                record.history.insert(name, versions);
            }
        }
        for (name, value) in &values {
            table.put(kind, survivor, name, value, now_ms, &merging);
        }
        if kind == ObjectType::Contacts && !taken.is_empty() {
            table.claim("email", survivor, None, &taken);
        }
        for old in [primary, other].into_iter().filter(|old| *old != survivor) {
            table.merged.insert(old, survivor);
        }
        for ((to, id), link) in links {
            self.relink((kind, survivor), &[primary, other], (to, id), &link);
        }
        self.did(Deed::Merged, kind, survivor.to_string());
        survivor
    }
}
