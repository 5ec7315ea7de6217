//! Several things in one request: "Composite" and "sObject Collections".

use super::refusals::{self, Refusal};
use super::rest::{body, saving};
use super::{Salesforce, Sobject};
use crate::{Reply, Request};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const SUBREQUESTS_MAX: usize = 25;
/// Of which queries and collections.
const QUERIES_MAX: usize = 5;
const RECORDS_MAX: usize = 200;

impl Salesforce {
    /// "Composite": subrequests in order; with `allOrNone` one failure takes all back.
    pub(crate) fn composite(&mut self, request: &Request, version: &str, now_ms: i64) -> Result<Reply, Refusal> {
        let body = body(request)?;
        let list = body.get("compositeRequest").and_then(Value::as_array).cloned();
        let list = list.ok_or_else(|| refusals::bad_json("compositeRequest is missing"))?;
        let limit = |what: &str| Refusal::new(400, "LIMIT_EXCEEDED", what.to_owned());
        if list.is_empty() || list.len() > SUBREQUESTS_MAX {
            return Err(limit("The limit is 25 subrequests in one composite request"));
        }
        let text = |sub: &Value, name: &str| sub[name].as_str().unwrap_or_default().to_owned();
        let heavy = |sub: &&Value| {
            let url = text(sub, "url");
            ["/query", "/composite/sobjects"].iter().any(|part| url.contains(part))
        };
        if list.iter().filter(heavy).count() > QUERIES_MAX {
            return Err(limit("The limit is 5 queries and collections in one composite request"));
        }
        let mut names = BTreeSet::new();
        for sub in &list {
            let name = text(sub, "referenceId");
            let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !plain || !names.insert(name) {
                return Err(refusals::bad_json("referenceId must be unique, of letters, digits and underscores"));
            }
        }
        let before = body.get("allOrNone") == Some(&json!(true));
        let kept = before.then(|| self.records.clone());
        let mut answers: Vec<(String, Reply)> = Vec::new();
        for sub in &list {
            let reply = self.subrequest(sub, version, &answers, now_ms).unwrap_or_else(Refusal::into_reply);
            answers.push((text(sub, "referenceId"), reply));
        }
        if let Some(kept) = kept
            && answers.iter().any(|(_, reply)| reply.status >= 400)
        {
            self.records = kept;
            self.effects.clear();
            let message = "The transaction was rolled back since another operation in the same transaction failed.";
            for (_, reply) in answers.iter_mut().filter(|(_, reply)| reply.status < 400) {
                *reply = Refusal::new(400, "PROCESSING_HALTED", message).into_reply();
            }
        }
        let responses: Vec<Value> = answers
            .into_iter()
            .map(|(name, reply)| {
                json!({ "body": reply.value(), "httpHeaders": {}, "httpStatusCode": reply.status, "referenceId": name })
            })
            .collect();
        Ok(Reply::json(200, &json!({ "compositeResponse": responses })))
    }

    fn subrequest(
        &mut self,
        sub: &Value,
        version: &str,
        before: &[(String, Reply)],
        now_ms: i64,
    ) -> Result<Reply, Refusal> {
        let method = sub["method"].as_str().unwrap_or_default();
        let url = resolved(sub["url"].as_str().unwrap_or_default(), before)?;
        let own = format!("/services/data/{version}/");
        // Only sObject resources, queries and collections; no search, and nothing of another version.
        let allowed = ["sobjects/", "query", "queryAll", "composite/sobjects"];
        let rest = url.strip_prefix(&own).unwrap_or_default();
        if !allowed.iter().any(|start| rest.starts_with(start)) {
            return Err(Refusal::new(400, "INVALID_REQUEST", "this resource is not supported in a composite request"));
        }
        let mut request = Request::new(method, &url);
        for (name, value) in sub["httpHeaders"].as_object().into_iter().flatten() {
            if ["accept", "authorization", "content-type"].contains(&name.to_ascii_lowercase().as_str()) {
                return Err(Refusal::new(400, "INVALID_HEADER", format!("{name} stands in the whole request only")));
            }
            request = request.header(name, value.as_str().unwrap_or_default());
        }
        if !sub["body"].is_null() {
            let text = resolved(&sub["body"].to_string(), before)?;
            request.body = text.into_bytes();
        }
        self.route(&request, now_ms)
    }

    /// "sObject Collections": up to 200 records, each with a result of its own, in order; the reply is 200 whatever they say.
    pub(crate) fn collection(
        &mut self,
        request: &Request,
        by: Option<(&str, &str)>,
        now_ms: i64,
    ) -> Result<Reply, Refusal> {
        let given = body(request)?;
        let list = given.get("records").and_then(Value::as_array).cloned();
        let list = list.ok_or_else(|| refusals::bad_json("records is missing"))?;
        if list.is_empty() || list.len() > RECORDS_MAX {
            return Err(Refusal::new(400, "LIMIT_EXCEEDED", "The limit is 200 records in one request"));
        }
        let upsert = match by {
            Some((sobject, field)) => {
                let sobject = Sobject::from_name(sobject).ok_or_else(refusals::not_found)?;
                let known = self.field(sobject, field).filter(|f| f.external_id).map(|f| f.name.clone());
                Some((sobject, known.ok_or_else(|| refusals::no_external(field))?))
            }
            None => None,
        };
        let kept = (given.get("allOrNone") == Some(&json!(true))).then(|| self.records.clone());
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        if let Some((_, field)) = &upsert {
            for value in list.iter().filter_map(|r| r[field.as_str()].as_str()) {
                *seen.entry(value.to_owned()).or_default() += 1;
            }
        }
        let mut results = Vec::new();
        for record in &list {
            let outcome = self.item(request, record, upsert.as_ref(), &seen, now_ms);
            results.push(match outcome {
                Ok((id, Some(created))) => json!({ "id": id, "success": true, "created": created, "errors": [] }),
                Ok((id, None)) => json!({ "id": id, "success": true, "errors": [] }),
                Err(refusal) => refusal.into_result(upsert.is_some()),
            });
        }
        if let Some(kept) = kept
            && results.iter().any(|r| r["success"] == json!(false))
        {
            self.records = kept;
            self.effects.clear();
            let message =
                "Record rolled back because not all records were valid and the request was using AllOrNone header";
            for result in results.iter_mut().filter(|r| r["success"] == json!(true)) {
                *result = Refusal::new(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", message).into_result(upsert.is_some());
            }
        }
        Ok(Reply::json(200, &Value::Array(results)))
    }

    fn item(
        &mut self,
        request: &Request,
        record: &Value,
        upsert: Option<&(Sobject, String)>,
        seen: &BTreeMap<String, usize>,
        now_ms: i64,
    ) -> Result<(String, Option<bool>), Refusal> {
        let mut fields: Map<String, Value> =
            record.as_object().cloned().ok_or_else(|| refusals::bad_json("a record must be an object"))?;
        let kind = fields.remove("attributes").and_then(|a| Some(a.get("type")?.as_str()?.to_owned()));
        let kind = kind.ok_or_else(|| Refusal::new(400, "INVALID_TYPE", "attributes.type is missing"))?;
        let sobject = Self::sobject(&kind)?;
        let saving = saving(request);
        match (upsert, request.method.as_str()) {
            (Some((wanted, field)), _) => {
                if *wanted != sobject {
                    return Err(refusals::no_type(&kind));
                }
                let value = fields.remove(field).and_then(|v| v.as_str().map(str::to_owned));
                let value = value.ok_or_else(|| {
                    Refusal::new(400, "MISSING_ARGUMENT", format!("{field} not specified")).fields(&[field])
                })?;
                if seen.get(&value).is_some_and(|n| *n > 1) {
                    let message = format!("Duplicate external id specified: {value}");
                    return Err(Refusal::new(400, "DUPLICATE_VALUE", message).fields(&[field]));
                }
                let (id, created) = self.upsert(sobject, field, &value, &fields, saving, false, now_ms)?;
                Ok((id, Some(created)))
            }
            (None, "POST") => Ok((self.create(sobject, &fields, saving, now_ms)?, None)),
            (None, _) => {
                let id = ["id", "Id"].iter().find_map(|name| fields.remove(*name));
                let id = id.as_ref().and_then(Value::as_str).map(super::id18);
                let id =
                    id.ok_or_else(|| Refusal::new(400, "MISSING_ARGUMENT", "Id not specified in an update call"))?;
                if Sobject::from_id(&id) != Some(sobject) {
                    return Err(refusals::malformed_id(&id));
                }
                self.update(&id, &fields, saving, now_ms)?;
                Ok((id, None))
            }
        }
    }
}

/// Puts what earlier subrequests answered in the place of `@{lead.id}`.
fn resolved(text: &str, before: &[(String, Reply)]) -> Result<String, Refusal> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once("@{") {
        let (name, after) = tail.split_once('}').unwrap_or((tail, ""));
        let value = name.split_once('.').and_then(|(reference, path)| {
            let (_, reply) = before.iter().find(|(known, _)| known == reference)?;
            reply.value().get(path)?.as_str().map(str::to_owned)
        });
        let value = value.ok_or_else(|| {
            Refusal::new(400, "PROCESSING_HALTED", format!("Invalid reference specified. No value for {name} found"))
        })?;
        out.push_str(head);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
