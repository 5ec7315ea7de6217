//! Links between records. Source: associations v4 guide; type ids from the enumeration in the vendor's own Node client.

use super::batch::{ASSOCIATIONS_MAX, ASSOCIATIONS_READ_MAX, complete, multi_status};
use super::record::{Link, ObjectType};
use super::refusals::{Refusal, bad_json, no_associations, unknown_path};
use super::{ApiVersion, HubSpot, Route};
use crate::Reply;
use crate::log::Deed;
use serde_json::{Value, json};
use std::collections::BTreeSet;

use ObjectType::{Calls, Companies, Contacts, Deals, Notes, Tasks, Tickets};

/// (from, to, type id there, type id back, is the default).
const TYPES: &[(ObjectType, ObjectType, u32, u32, bool)] = &[
    (Calls, Contacts, 194, 193, true),
    (Calls, Companies, 182, 181, true),
    (Calls, Deals, 206, 205, true),
    (Calls, Tickets, 220, 219, true),
    (Tasks, Contacts, 204, 203, true),
    (Tasks, Companies, 192, 191, true),
    (Tasks, Deals, 216, 215, true),
    (Tasks, Tickets, 230, 229, true),
    (Notes, Contacts, 202, 201, true),
    (Notes, Companies, 190, 189, true),
    (Notes, Deals, 214, 213, true),
    (Notes, Tickets, 228, 227, true),
    (Deals, Contacts, 3, 4, true),
    (Deals, Companies, 341, 342, true),
    (Deals, Companies, 5, 6, false),
    (Contacts, Companies, 279, 280, true),
    (Contacts, Companies, 1, 2, false),
    (Tickets, Contacts, 16, 15, true),
    (Tickets, Companies, 339, 340, true),
    (Tickets, Deals, 28, 27, true),
];

/// Both directions of every row: (from, to, there, back, default).
fn both_ways() -> impl Iterator<Item = (ObjectType, ObjectType, u32, u32, bool)> {
    TYPES
        .iter()
        .flat_map(|(a, b, there, back, default)| [(*a, *b, *there, *back, *default), (*b, *a, *back, *there, *default)])
}

/// The default (unlabelled) type ids there and back.
pub(super) fn default_types(from: ObjectType, to: ObjectType) -> Option<(u32, u32)> {
    both_ways()
        .find(|(a, b, _, _, default)| *a == from && *b == to && *default)
        .map(|(_, _, there, back, _)| (there, back))
}

/// Where a type id leads from an object type, and the id back.
pub(super) fn target_of(from: ObjectType, type_id: u32) -> Option<(ObjectType, u32)> {
    both_ways().find(|(a, _, there, _, _)| *a == from && *there == type_id).map(|(_, to, _, back, _)| (to, back))
}

fn label(from: ObjectType, type_id: u32) -> Option<&'static str> {
    (matches!((from, type_id), (Deals, 5) | (Contacts, 1))).then_some("Primary")
}

impl HubSpot {
    /// `/crm/objects/{version}/{objectType}/{id}/associations/…`
    pub(super) fn record_associations(
        &mut self,
        route: &Route<'_>,
        kind: ObjectType,
        id: &str,
        rest: &[&str],
    ) -> Result<Reply, Refusal> {
        match (route.method, rest) {
            ("PUT", ["default", to, to_id]) => {
                let to = super::kind_of(to)?;
                let pair = self.pair((kind, id), (to, to_id))?;
                let results = self.link_default((kind, pair.0), (to, pair.1), route.now_ms)?;
                Ok(Reply::json(200, &complete(route.now_ms, &results)))
            }
            ("PUT", [to, to_id]) => {
                let to = super::kind_of(to)?;
                let specs: Value = serde_json::from_slice(route.raw).map_err(|e| bad_json(&e.to_string()))?;
                let pair = self.pair((kind, id), (to, to_id))?;
                Ok(Reply::json(201, &self.link_labelled((kind, pair.0), (to, pair.1), &specs, route.now_ms)?))
            }
            ("DELETE", [to, to_id]) => {
                let to = super::kind_of(to)?;
                let (a, b) = self.pair((kind, id), (to, to_id))?;
                self.unlink((kind, a), (to, b), route.now_ms);
                self.did(Deed::Dissociated, kind, format!("{a}->{}/{b}", to.plural()));
                Ok(Reply::empty(204))
            }
            ("GET", [to]) => {
                let to = super::kind_of(to)?;
                let id = self.resolve(kind, id, None, false)?;
                self.list_associations(route, kind, id, to)
            }
            _ => Err(unknown_path()),
        }
    }

    fn list_associations(
        &self,
        route: &Route<'_>,
        kind: ObjectType,
        id: u64,
        to: ObjectType,
    ) -> Result<Reply, Refusal> {
        const PAGE_MAX: usize = 500;
        let limit = route.param("limit").and_then(|l| l.parse().ok()).unwrap_or(PAGE_MAX);
        if limit == 0 || limit > PAGE_MAX {
            return Err(Refusal::validation(format!("limit must be between 1 and {PAGE_MAX}")));
        }
        let after: u64 = route.param("after").and_then(|after| after.parse().ok()).unwrap_or(0);
        let all = self.links_of(kind, id, to, route.version == ApiVersion::V3);
        let mut rest = all.into_iter().filter(|(to_id, _)| *to_id > after).peekable();
        let mut results = Vec::new();
        let mut last = 0;
        while results.len() < limit
            && let Some((to_id, value)) = rest.next()
        {
            last = to_id;
            results.push(value);
        }
        let mut body = json!({ "results": results });
        if rest.peek().is_some() {
            body["paging"] = json!({ "next": { "after": last.to_string() } });
        }
        Ok(Reply::json(200, &body))
    }

    /// The live links of a record to one type, by id; in the old `{id, type}` form or the new one with type ids.
    fn links_of(&self, kind: ObjectType, id: u64, to: ObjectType, old_form: bool) -> Vec<(u64, Value)> {
        let Some(record) = self.table(kind).records.get(&id) else { return Vec::new() };
        let links = record.associations.iter().filter(|((of, to_id), _)| *of == to && self.table(to).is_live(*to_id));
        links
            .map(|((_, to_id), link)| {
                let value = if old_form {
                    json!({ "id": to_id.to_string(), "type": format!("{}_to_{}", kind.singular(), to.singular()) })
                } else {
                    let types: Vec<Value> = link
                        .types
                        .iter()
                        .map(|type_id| {
                            let mut spec = json!({ "category": "HUBSPOT_DEFINED", "typeId": type_id });
                            if let Some(label) = label(kind, *type_id) {
                                spec["label"] = label.into();
                            }
                            spec
                        })
                        .collect();
                    json!({ "toObjectId": to_id.to_string(), "associationTypes": types })
                };
                (*to_id, value)
            })
            .collect()
    }

    fn pair(&self, from: (ObjectType, &str), to: (ObjectType, &str)) -> Result<(u64, u64), Refusal> {
        Ok((self.resolve(from.0, from.1, None, false)?, self.resolve(to.0, to.1, None, false)?))
    }

    /// Idempotent by nature: the same link again changes nothing (associations guide, default associations).
    fn link_default(
        &mut self,
        from: (ObjectType, u64),
        to: (ObjectType, u64),
        now_ms: i64,
    ) -> Result<Vec<Value>, Refusal> {
        let Some((there, back)) = default_types(from.0, to.0) else {
            return Err(Refusal::validation(format!(
                "No default association exists from {} to {}",
                from.0.singular(),
                to.0.singular()
            )));
        };
        self.link(from, to, (there, back), now_ms);
        let half = |a: u64, b: u64, type_id: u32| {
            json!({
                "from": { "id": a.to_string() }, "to": { "id": b.to_string() },
                "associationSpec": { "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id },
            })
        };
        Ok(vec![half(from.1, to.1, there), half(to.1, from.1, back)])
    }

    fn link_labelled(
        &mut self,
        from: (ObjectType, u64),
        to: (ObjectType, u64),
        specs: &Value,
        now_ms: i64,
    ) -> Result<Value, Refusal> {
        let Some(specs) = specs.as_array().filter(|specs| !specs.is_empty()) else {
            return Err(bad_json("a list of association types was expected"));
        };
        let mut pairs = Vec::new();
        for spec in specs {
            let type_id = spec["associationTypeId"].as_u64().unwrap_or_default() as u32;
            match target_of(from.0, type_id) {
                Some((target, back)) if target == to.0 && spec["associationCategory"] == "HUBSPOT_DEFINED" => {
                    pairs.push((type_id, back));
                }
                _ => {
                    return Err(Refusal::validation(format!(
                        "No association type with id {type_id} exists from {} to {}",
                        from.0.singular(),
                        to.0.singular()
                    )));
                }
            }
        }
        let labels: Vec<&str> = pairs.iter().filter_map(|(there, _)| label(from.0, *there)).collect();
        for pair in pairs {
            self.link(from, to, pair, now_ms);
        }
        Ok(json!({
            "fromObjectTypeId": from.0.type_id(), "fromObjectId": from.1.to_string(), "toObjectTypeId": to.0.type_id(),
            "toObjectId": to.1.to_string(), "labels": labels,
        }))
    }

    /// Links two live records both ways.
    pub(super) fn link(&mut self, from: (ObjectType, u64), to: (ObjectType, u64), types: (u32, u32), now_ms: i64) {
        for (a, b, type_id) in [(from, to, types.0), (to, from, types.1)] {
            if let Some(record) = self.table_mut(a.0).records.get_mut(&a.1) {
                let link =
                    record.associations.entry(b).or_insert_with(|| Link { types: BTreeSet::new(), at_ms: now_ms });
                if link.types.insert(type_id) {
                    record.updated_at_ms = now_ms.max(record.updated_at_ms);
                }
            }
        }
        self.did(Deed::Associated, from.0, format!("{}->{}/{}", from.1, to.0.plural(), to.1));
    }

    fn unlink(&mut self, a: (ObjectType, u64), b: (ObjectType, u64), now_ms: i64) {
        for (a, b) in [(a, b), (b, a)] {
            if let Some(record) = self.table_mut(a.0).records.get_mut(&a.1)
                && record.associations.remove(&b).is_some()
            {
                record.updated_at_ms = now_ms.max(record.updated_at_ms);
            }
        }
    }

    /// After a merge: the far side forgets the old ids and both sides hold the link.
    pub(super) fn relink(&mut self, survivor: (ObjectType, u64), old: &[u64], far: (ObjectType, u64), link: &Link) {
        let back = self.table_mut(far.0).records.get_mut(&far.1).map(|record| {
            let mut types = BTreeSet::new();
            for id in old {
                types.extend(record.associations.remove(&(survivor.0, *id)).map(|l| l.types).unwrap_or_default());
            }
            let back = Link { types, at_ms: link.at_ms };
            record.associations.insert(survivor, back);
        });
        if back.is_some()
            && let Some(record) = self.table_mut(survivor.0).records.get_mut(&survivor.1)
        {
            record.associations.insert(far, link.clone());
        }
    }

    /// `/crm/associations/{version}/{from}/{to}/…`
    pub(super) fn associations_endpoint(
        &mut self,
        route: &Route<'_>,
        from: ObjectType,
        to: ObjectType,
        rest: &[&str],
    ) -> Result<Reply, Refusal> {
        if (route.method, rest) == ("GET", &["labels"]) {
            let types = both_ways().filter(|(a, b, ..)| *a == from && *b == to);
            let results: Vec<Value> = types
                .map(|(_, _, there, ..)| match label(from, there) {
                    Some(label) => json!({ "category": "HUBSPOT_DEFINED", "typeId": there, "label": label }),
                    None => json!({ "category": "HUBSPOT_DEFINED", "typeId": there }),
                })
                .collect();
            return Ok(Reply::json(200, &json!({ "results": results })));
        }
        let ("POST", ["batch", operation @ ..]) = (route.method, rest) else { return Err(unknown_path()) };
        let body = route.body()?;
        let most = if operation == ["read"] { ASSOCIATIONS_READ_MAX } else { ASSOCIATIONS_MAX };
        let inputs = super::batch::inputs(&body, most)?;
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        match operation {
            ["associate", "default"] => {
                for input in inputs {
                    let id = |side: &str| input[side]["id"].as_str().unwrap_or_default();
                    let linked = self
                        .pair((from, id("from")), (to, id("to")))
                        .and_then(|(a, b)| self.link_default((from, a), (to, b), route.now_ms));
                    match linked {
                        Ok(pair) => results.extend(pair),
                        // That the others are linked all the same is undocumented, and how the entry names its pair too.
                        Err(refusal) => errors.push(
                            refusal
                                .context("fromObjectId", &[id("from")])
                                .context("toObjectId", &[id("to")])
                                .into_entry(None),
                        ),
                    }
                }
                results.reverse();
                Ok(if errors.is_empty() {
                    Reply::json(200, &complete(route.now_ms, &results))
                } else {
                    multi_status(route.now_ms, &results, &errors)
                })
            }
            ["create"] => {
                for ((a, b), input) in self.pairs(inputs, from, to)?.into_iter().zip(inputs) {
                    results.push(self.link_labelled((from, a), (to, b), &input["types"], route.now_ms)?);
                }
                Ok(Reply::json(201, &complete(route.now_ms, &results)))
            }
            ["read"] => {
                for input in inputs {
                    let id = input["id"].as_str().unwrap_or_default();
                    if let Ok(id) = self.resolve(from, id, None, false) {
                        let links: Vec<Value> =
                            self.links_of(from, id, to, false).into_iter().map(|(_, value)| value).collect();
                        if links.is_empty() {
                            errors.push(no_associations(from, &id.to_string(), to));
                        } else {
                            results.push(json!({ "from": { "id": id.to_string() }, "to": links }));
                        }
                    } else {
                        // The endpoint does not tell a record without links from one that does not exist.
                        errors.push(no_associations(from, id, to));
                    }
                }
                results.reverse();
                Ok(if errors.is_empty() {
                    Reply::json(200, &complete(route.now_ms, &results))
                } else {
                    multi_status(route.now_ms, &results, &errors)
                })
            }
            _ => Err(unknown_path()),
        }
    }

    /// All pairs of a batch, checked before any is linked.
    fn pairs(&self, inputs: &[Value], from: ObjectType, to: ObjectType) -> Result<Vec<(u64, u64)>, Refusal> {
        inputs
            .iter()
            .map(|input| {
                let id = |side: &str| input[side]["id"].as_str().unwrap_or_default().to_owned();
                self.pair((from, &id("from")), (to, &id("to")))
            })
            .collect()
    }
}
