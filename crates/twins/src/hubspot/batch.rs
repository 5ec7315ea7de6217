//! Batches: up to 100 records at once. Source: objects guide, batch endpoints; error handling page, multi-status errors: a
//! unique `objectWriteTraceId` on every input switches 207 on, otherwise one bad input refuses the whole batch. Results come
//! in no promised order; this twin answers in reverse, so that nobody relies on it.

use super::objects::{Claims, Draft, Wanted};
use super::record::ObjectType;
use super::refusals::{Refusal, bad_json, batch_too_large, duplicate_ids, not_found, too_many_histories, unknown_path};
use super::{HubSpot, Route};
use crate::log::Deed;
use crate::{Reply, civil};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Inputs of one batch of associations (associations guide: 2,000 to create).
pub(super) const ASSOCIATIONS_MAX: usize = 2_000;
/// Inputs of one batch read of associations (changelog "Batch Read Limit for HubSpot Associations API").
pub(super) const ASSOCIATIONS_READ_MAX: usize = 1_000;
/// Inputs of one batch read with histories.
const HISTORIES_MAX: usize = 50;

/// One checked input.
enum Ready {
    Create(Draft),
    Update(u64, BTreeMap<String, String>),
}

impl HubSpot {
    /// `POST …/{objectType}/batch/{operation}`
    pub(super) fn batch(&mut self, route: &Route<'_>, kind: ObjectType, operation: &str) -> Result<Reply, Refusal> {
        let body = route.body()?;
        let inputs = inputs(&body, self.options().batch_max)?;
        match operation {
            "read" => self.batch_read(route, kind, &body, inputs),
            "create" | "update" | "upsert" => self.batch_write(route, kind, operation, inputs),
            "archive" => {
                for input in inputs {
                    // Unknown and already archived ids are passed over (objects guide: 204 in any case).
                    if let Ok(id) = self.resolve(kind, input["id"].as_str().unwrap_or_default(), None, false) {
                        self.archive(kind, id, route.now_ms);
                    }
                }
                Ok(Reply::empty(204))
            }
            _ => Err(unknown_path()),
        }
    }

    fn batch_read(
        &mut self,
        route: &Route<'_>,
        kind: ObjectType,
        body: &Value,
        inputs: &[Value],
    ) -> Result<Reply, Refusal> {
        let id_property = body["idProperty"].as_str().filter(|p| !p.is_empty());
        if let Some(property) = id_property.filter(|p| *p != "hs_object_id") {
            self.check_id_property(kind, property)?;
        }
        if !strings(&body["propertiesWithHistory"]).is_empty() && inputs.len() > HISTORIES_MAX {
            return Err(too_many_histories(HISTORIES_MAX));
        }
        let wanted = Wanted {
            properties: Some(strings(&body["properties"])),
            history: strings(&body["propertiesWithHistory"]),
            associations: Vec::new(),
        };
        let (mut results, mut missing) = (Vec::new(), Vec::new());
        for input in inputs {
            let id = input["id"].as_str().unwrap_or_default();
            let found = self.resolve(kind, id, id_property, false).ok();
            match found.and_then(|id| self.table(kind).records.get(&id)) {
                Some(record) => results.push(self.render(record.view(None), &wanted)),
                None => missing.push(id),
            }
        }
        results.reverse();
        if missing.is_empty() {
            return Ok(Reply::json(200, &complete(route.now_ms, &results)));
        }
        let message = format!(
            "Could not get some {} objects, they may be deleted or not exist. Check that ids are valid.",
            kind.singular().to_uppercase()
        );
        let error = Refusal::new(404, "OBJECT_NOT_FOUND", message).context("ids", &missing).into_entry(None);
        Ok(multi_status(route.now_ms, &results, &[error]))
    }

    fn batch_write(
        &mut self,
        route: &Route<'_>,
        kind: ObjectType,
        operation: &str,
        inputs: &[Value],
    ) -> Result<Reply, Refusal> {
        if operation != "create" {
            let mut seen = BTreeSet::new();
            let ids: Vec<&str> = inputs.iter().filter_map(|input| input["id"].as_str()).collect();
            let twice: Vec<&str> = ids.iter().copied().filter(|id| !seen.insert(*id)).collect();
            if !twice.is_empty() {
                return Err(duplicate_ids(&twice));
            }
        }
        let traces: BTreeSet<&str> = inputs.iter().filter_map(|input| input["objectWriteTraceId"].as_str()).collect();
        let traced = !inputs.is_empty() && traces.len() == inputs.len();
        let mut claims = Claims::default();
        let mut ready = Vec::new();
        for input in inputs {
            let checked = match operation {
                "create" => self.prepare_create(kind, input, &mut claims).map(Ready::Create),
                "update" => self.prepare_update(kind, input, &mut claims),
                _ => self.prepare_upsert(kind, input, &mut claims),
            };
            match checked {
                Err(refusal) if !traced => {
                    self.take_id();
                    return Err(refusal);
                }
                checked => ready.push((input, checked)),
            }
        }
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for (input, checked) in ready {
            let trace = input["objectWriteTraceId"].as_str();
            let (id, new, names) = match checked {
                Err(refusal) => {
                    errors.push(refusal.into_entry(trace));
                    continue;
                }
                Ok(Ready::Create(draft)) => {
                    let names: Vec<String> = draft.values.keys().cloned().collect();
                    (self.commit_create(kind, draft, route.now_ms, &route.actor), true, names)
                }
                Ok(Ready::Update(id, values)) => {
                    self.write(kind, id, &values, route.now_ms, &route.actor);
                    self.did(Deed::Updated, kind, id.to_string());
                    (id, false, values.into_keys().chain(input["idProperty"].as_str().map(str::to_owned)).collect())
                }
            };
            let mut result = self.written(kind, id, &names);
            if operation == "upsert" {
                result["new"] = new.into();
            }
            if let Some(trace) = trace {
                result["objectWriteTraceId"] = trace.into();
            }
            results.push(result);
        }
        results.reverse();
        if !errors.is_empty() {
            return Ok(multi_status(route.now_ms, &results, &errors));
        }
        Ok(Reply::json(if operation == "create" { 201 } else { 200 }, &complete(route.now_ms, &results)))
    }

    fn prepare_update(&self, kind: ObjectType, input: &Value, claims: &mut Claims) -> Result<Ready, Refusal> {
        let id = input["id"].as_str().ok_or_else(|| bad_json("Some required fields were not set: [id]"))?;
        let id = self.resolve(kind, id, input["idProperty"].as_str(), false)?;
        Ok(Ready::Update(id, self.check_properties(kind, &input["properties"], Some(id), claims, false)?))
    }

    fn prepare_upsert(&self, kind: ObjectType, input: &Value, claims: &mut Claims) -> Result<Ready, Refusal> {
        let id = input["id"].as_str().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| bad_json("Some required fields were not set: [id]"))?;
        let property = input["idProperty"].as_str().unwrap_or_default();
        if property.is_empty() || property == "hs_object_id" {
            return Err(Refusal::validation("Upsert needs an idProperty with unique values for each input."));
        }
        self.check_id_property(kind, property)?;
        match self.resolve(kind, id, Some(property), false) {
            Ok(found) => {
                let values = self.check_properties(kind, &input["properties"], Some(found), claims, false)?;
                // "Partial upserts are not supported when using email as the idProperty" (contacts guide, upsert).
                if property == "email" && self.options().validate {
                    self.check_whole(kind, found, &values)?;
                }
                Ok(Ready::Update(found, values))
            }
            Err(missing) if missing.category == not_found(id).category => {
                let mut given = input["properties"].as_object().cloned().unwrap_or_default();
                given.insert(property.to_owned(), id.into());
                let whole = json!({ "properties": given });
                Ok(Ready::Create(self.prepare_create(kind, &whole, claims)?))
            }
            Err(other) => Err(other),
        }
    }

    /// Refuses where the record holds writable values that the input does not carry.
    fn check_whole(&self, kind: ObjectType, id: u64, values: &BTreeMap<String, String>) -> Result<(), Refusal> {
        let table = self.table(kind);
        let Some(record) = table.records.get(&id) else { return Ok(()) };
        let held = record.properties();
        let left_out: Vec<&str> = held
            .into_keys()
            .filter(|name| *name != "email" && !values.contains_key(*name))
            .filter(|name| table.properties.get(*name).is_some_and(|p| !p.read_only && !p.unique))
            .collect();
        if left_out.is_empty() {
            return Ok(());
        }
        Err(Refusal::validation("Partial upserts are not supported when using email as the idProperty.")
            .context("properties", &left_out))
    }
}

/// The inputs of a batch, within bounds.
pub(super) fn inputs(body: &Value, max: usize) -> Result<&[Value], Refusal> {
    let Some(inputs) = body["inputs"].as_array() else {
        return Err(bad_json("Some required fields were not set: [inputs]"));
    };
    if inputs.len() > max {
        return Err(batch_too_large(inputs.len(), max));
    }
    Ok(inputs)
}

/// A batch that went through.
pub(super) fn complete(now_ms: i64, results: &[Value]) -> Value {
    let at = civil::iso_ms(now_ms);
    json!({ "status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at })
}

/// A batch of which some went through.
pub(super) fn multi_status(now_ms: i64, results: &[Value], errors: &[Value]) -> Reply {
    let mut body = complete(now_ms, results);
    body["numErrors"] = errors.len().into();
    body["errors"] = errors.into();
    Reply::json(207, &body)
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}
