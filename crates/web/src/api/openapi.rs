//! The API's document, made from the table of routes.

use super::{Param, Route, routes};
use axum::Json;
use serde_json::{Map, Value, json};

/// `GET /api/openapi.json`. Needs no token: it describes the program, not an account.
pub(super) async fn get() -> Json<Value> {
    Json(document())
}

/// The OpenAPI 3.1 document.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.to_owned(), operation(&route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ringback",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "Calls, inquiries and what became of them. Instants are RFC 3339 in UTC; confidence is in thousandths.",
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": "`rbt_…`, made by `ringback token add`; scopes read, write, admin, each including the one before" } },
            "schemas": all_schemas(),
            "responses": { "Problem": { "description": "A problem (RFC 9457) with code, cause and cure", "content": { "application/problem+json": { "schema": reference("Problem") } } } },
        },
    })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    for part in route.path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}')) {
        let kind = if part == "seq" { "integer" } else { "string" };
        parameters.push(json!({ "name": part, "in": "path", "required": true, "schema": { "type": kind } }));
    }
    for Param { name, means, kind, needed } in &route.query {
        parameters.push(
            json!({ "name": name, "in": "query", "required": needed, "description": means, "schema": { "type": kind } }),
        );
    }
    if route.once {
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "required": true,
            "description": "Chosen by the caller; the same key with the same body gets the same answer for 24 hours",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 } }));
    }
    let answer = if route.paged {
        json!({ "type": "object", "required": ["data"], "properties": {
            "data": { "type": "array", "items": reference(route.answer) },
            "next": { "type": ["string", "null"], "description": "cursor of the next page; null at the end" } } })
    } else {
        reference(route.answer)
    };
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "x-scope": route.scope(),
        "parameters": parameters,
        "responses": {
            "200": { "description": route.summary, "content": { "application/json": { "schema": answer } } },
            "default": { "$ref": "#/components/responses/Problem" },
        },
    });
    if let (Some(body), Some(map)) = (route.body, operation.as_object_mut()) {
        let content = json!({ "application/json": { "schema": reference(body) } });
        map.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    operation
}

fn operation_id(route: &Route) -> String {
    let words = route.path.trim_start_matches("/api/v1/").split('/').map(|p| p.trim_matches(['{', '}']));
    format!("{}_{}", route.method, words.collect::<Vec<_>>().join("_").replace('-', "_"))
}

fn all_schemas() -> Value {
    let mut all = schemas();
    for more in [contract_schemas(), rollback_schemas(), trace_schemas(), consent_schemas(), learned_schemas()] {
        if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
            all.extend(more);
        }
    }
    all
}

/// What is asked and answered about a value that was written.
fn trace_schemas() -> Value {
    let text = || json!({ "type": "string" });
    let any = || json!({ "type": "object" });
    json!({
        "UnderAsked": { "type": "object", "required": ["object", "record", "property"], "additionalProperties": false, "properties": {
            "object": text(), "record": { "type": "string", "description": "id of the record in the CRM, or our key in it" },
            "property": { "type": "string", "description": "the CRM's name of the field" },
            "inquiry": { "type": "string", "description": "of one write of several; the newest if absent" },
            "seq": { "type": "integer", "description": "its place in the inquiry's chain" },
            "version": { "type": "integer", "minimum": 1, "description": "of the contract that decided then; this or `text`" },
            "text": { "type": "string", "description": "a whole contract, TOML; this or `version`" } } },
        "Under": { "type": "object", "required": ["inquiry", "seq", "to", "contract", "at", "then", "sentence"], "properties": {
            "inquiry": text(), "seq": { "type": "integer" }, "to": text(), "contract": any(), "at": text(),
            "then": { "type": "object", "description": "what was decided" },
            "would": { "type": ["object", "null"], "description": "what would have been decided; null where nothing would have been, or it is not known" },
            "without_level": { "type": ["object", "null"], "description": "by the contract alone, where the account's level of that moment decides" },
            "same": { "type": ["boolean", "null"] },
            "unknown": { "type": ["string", "null"], "description": "why it cannot be known" }, "sentence": text() } },
        "RecordTrail": { "type": "object", "required": ["file", "lines", "hash", "key"], "properties": {
            "file": { "type": "string", "description": "line by line; `ringback audit verify` checks it" }, "lines": { "type": "integer" },
            "hash": { "type": "string", "description": "SHA-256 of every byte before the last line" },
            "key": { "type": "string", "description": "the public key that signed it" } } },
    })
}

/// What is said and answered about people who do not want to be reached.
fn consent_schemas() -> Value {
    let inquiry = || json!({ "type": "string", "description": "id of an inquiry of that person" });
    let number =
        || json!({ "type": "string", "description": "a telephone number with its country, such as +16025550123" });
    let one_of = || json!([{ "required": ["inquiry"] }, { "required": ["number"] }]);
    let said = json!({ "type": ["object", "null"], "required": ["said", "at"], "properties": {
        "said": { "type": "object", "description": "`said_by` is `caller` (with `call`), `crm` (with `property`) or `person` (with `by`)" },
        "at": { "type": "string", "format": "date-time" },
        "inquiry": { "type": ["string", "null"], "description": "where it stands in the ledger" } } });
    let cleared = json!({ "type": ["object", "null"], "required": ["by", "at"], "properties": {
        "by": { "type": "string" }, "at": { "type": "string", "format": "date-time" },
        "inquiry": { "type": ["string", "null"], "description": "in whose ledger the reason stands" } } });
    json!({
        "OptOut": { "type": "object", "additionalProperties": false, "oneOf": one_of(), "properties": { "inquiry": inquiry(), "number": number() } },
        "OptOutCleared": { "type": "object", "additionalProperties": false, "required": ["reason"], "oneOf": one_of(), "properties": {
            "inquiry": inquiry(), "number": number(), "reason": { "type": "string", "minLength": 1, "description": "stays in the ledger" } } },
        "Consent": { "type": "object", "required": ["opted_out", "cleared"], "properties": { "opted_out": said, "cleared": cleared } },
    })
}

/// What is said and answered about what people's answers say.
fn learned_schemas() -> Value {
    let text = || json!({ "type": "string" });
    let count = || json!({ "type": "integer", "minimum": 0 });
    let array = || json!({ "type": "array", "items": { "type": "object" } });
    let six = json!({ "type": "object", "required": ["accepted", "edited", "rejected", "false_duplicates", "routing_corrections", "missing"],
        "properties": {
            "accepted": count(), "edited": count(), "rejected": count(), "false_duplicates": count(), "routing_corrections": count(),
            "missing": { "type": "integer", "minimum": 0, "description": "values that a clause asks for and nobody said" } } });
    let fields = || json!({ "type": "array", "minItems": 1, "maxItems": ringback_engine::promotion::TOGETHER_MAX, "items": { "type": "string" } });
    let learned = json!({
        "since": text(), "until": text(), "contract": { "type": ["object", "null"] }, "total": six,
        "clauses": { "type": "array", "items": { "type": "object" }, "description": "the six of each clause; also waiting, written, corrected, checked, wrong, because" },
        "cut": { "type": "array", "items": text(), "description": "of what there was more than is counted" } });
    let mut weekly = learned.clone();
    if let Some(weekly) = weekly.as_object_mut() {
        weekly.insert("corrected".into(), array());
        let more = "there are more than the newest ones that `corrected` shows";
        weekly.insert("corrected_more".into(), json!({ "type": "boolean", "description": more }));
        weekly.insert("uncertain".into(), array());
        weekly.insert("handoffs".into(), array());
        weekly.insert("promotions".into(), reference("Promotions"));
        weekly.insert("checks".into(), json!({ "type": "object", "description": "spot-checks: last, next, waiting" }));
    }
    json!({
        "Learned": { "type": "object", "required": ["since", "until", "total", "clauses"], "properties": learned },
        "Weekly": { "type": "object", "required": ["since", "until", "total", "corrected", "corrected_more", "uncertain", "handoffs", "promotions", "checks"], "properties": weekly },
        "Promotions": { "type": "object", "required": ["offers", "again", "stays", "workflows"], "properties": {
            "contract": { "type": ["object", "null"] },
            "offers": { "type": "array", "items": { "type": "object" }, "description": "fields that have earned it, with their figures in one sentence" },
            "again": { "type": "array", "items": { "type": "object" }, "description": "fields that write by themselves and were often wrong" },
            "stays": { "type": "array", "items": { "type": "object" }, "description": "fields that go on as they do, and what is missing" },
            "workflows": array() } },
        "PromotionNamed": { "type": "object", "required": ["fields"], "additionalProperties": false, "properties": { "fields": fields() } },
        "PromotionDraft": { "type": "object", "required": ["base", "digest", "offers", "changes", "lines", "text"], "properties": {
            "base": { "type": "integer" }, "digest": { "type": "string", "description": "what a confirmation has to name" },
            "offers": array(), "changes": array(), "lines": array(), "text": text() } },
        "PromotionConfirmed": { "type": "object", "required": ["fields", "base", "digest"], "additionalProperties": false, "properties": {
            "fields": fields(), "base": { "type": "integer", "description": "of the draft that was looked at" }, "digest": text() } },
    })
}

/// What is said and answered about rules that are to come into force, and how much happens by itself.
fn contract_schemas() -> Value {
    let any = || json!({ "type": "object" });
    let array = || json!({ "type": "array", "items": { "type": "object" } });
    json!({
        "ContractText": { "type": "object", "required": ["text", "base"], "additionalProperties": false, "properties": {
            "text": { "type": "string", "description": "the whole contract, TOML" },
            "base": { "type": "integer", "minimum": 0, "description": "the version that it was made from; 0 if there is none of its name" } } },
        "ContractApplied": { "type": "object", "required": ["contract", "changes"], "properties": {
            "contract": any(), "changes": { "type": "array", "items": any() }, "decides_calls": { "type": "boolean" },
            "crm": { "type": ["string", "null"], "description": "why the CRM's own properties were not compared, if they were not" } } },
        "BacktestAsked": { "type": "object", "required": ["text"], "additionalProperties": false, "properties": {
            "text": { "type": "string", "description": "the whole draft, TOML" },
            "days": { "type": "integer", "minimum": 1, "maximum": 3660, "description": "calls of so many days; 30 if absent" },
            "location": { "type": "string", "description": "only the calls of this location, by its slug" },
            "limit": { "type": "integer", "minimum": 1, "description": "at most so many inquiries, the newest; 20000 if absent" } } },
        "Backtest": any(),
        "LevelAsked": { "type": "object", "required": ["level"], "additionalProperties": false, "properties": {
            "level": { "type": "string", "enum": ["observe", "suggest", "auto-low-risk", "auto"] },
            "location": { "type": "string", "description": "its slug; everywhere, if absent" },
            "contract": { "type": "string", "description": "the one that decides about calls, if absent" },
            "reason": { "type": "string" },
            "answer_for": { "type": "array", "items": { "type": "integer" },
                "description": "guarantees that this person answers for, because the receiver can show nothing of them" } } },
        "Levels": { "type": "object", "required": ["levels"], "properties": { "levels": array() } },
        "Readiness": { "type": "object", "required": ["guarantees", "minimum", "not_ready", "decided", "levels"], "properties": {
            "guarantees": array(), "minimum": array(), "not_ready": array(), "levels": array(),
            "decided": { "type": "array", "items": { "type": "object" }, "description": "what has to be in writing before a pilot" } } },
    })
}

/// What is said and answered about values that are taken back.
fn rollback_schemas() -> Value {
    let text = || json!({ "type": "string" });
    let maybe = || json!({ "type": ["string", "null"] });
    let any = || json!({ "type": "object" });
    json!({
        "RollbackScope": { "type": "object", "minProperties": 1, "additionalProperties": false,
            "description": "which writes: everything that is said must be true of a write", "properties": {
            "inquiry": text(), "field": { "type": "string", "description": "the contract's name of a field, or object and property: `contact.rb_source`" },
            "source": { "type": "string", "description": "where the call came from, or where the value was taken from" },
            "contract": { "type": "string", "description": "the name of a contract" }, "version": { "type": "integer", "minimum": 1 },
            "since": { "type": "string", "format": "date-time", "description": "confirmed at or after" },
            "until": { "type": "string", "format": "date-time", "description": "confirmed before" } } },
        "RollbackPreview": { "type": "object", "required": ["scope", "digest", "read_at", "fields", "restored", "spared", "records"], "properties": {
            "scope": reference("RollbackScope"), "digest": { "type": "string", "description": "what a start has to name" }, "read_at": text(),
            "fields": { "type": "array", "items": any(), "description": "each property with what was written, what stands there now, what goes back, or why it stays" },
            "restored": { "type": "integer" }, "spared": { "type": "integer" }, "records": { "type": "integer" },
            "tells": { "type": "array", "items": any() }, "holds": { "type": "array", "items": text() },
            "consequences": { "type": "array", "items": any(), "description": "what the values had set off already and no rollback takes back" },
            "unread": { "type": "array", "items": text() } } },
        "RollbackBegun": { "type": "object", "required": ["scope", "digest", "reason"], "additionalProperties": false, "properties": {
            "scope": reference("RollbackScope"), "digest": { "type": "string", "description": "of the preview that was looked at" },
            "reason": { "type": "string", "minLength": 1, "description": "stays in the ledger" } } },
        "RollbackStarted": { "type": "object", "required": ["id", "started"], "properties": { "id": text(), "started": { "type": "boolean" } } },
        "Rollback": { "type": "object", "required": ["id", "scope", "state", "reason", "by", "started_at", "items", "back", "left", "dead"], "properties": {
            "id": text(), "scope": reference("RollbackScope"), "state": { "enum": ["running", "done"] }, "reason": text(), "by": text(),
            "started_at": text(), "done_at": maybe(), "agreed": any(), "items": { "type": "array", "items": any() },
            "back": { "type": "integer", "description": "values that stand as before" }, "left": { "type": "integer", "description": "values left as they stood" },
            "dead": { "type": "integer", "description": "records that need a person" } } },
        "Holds": { "type": "object", "required": ["data"], "properties": { "data": { "type": "array", "items": any() } } },
        "Lift": { "type": "object", "required": ["reason"], "additionalProperties": false, "properties": {
            "field": { "type": "string", "description": "only this one; all that the rollback holds back if absent" }, "reason": { "type": "string", "minLength": 1 } } },
        "Lifted": { "type": "object", "required": ["rollback", "lifted"], "properties": { "rollback": text(), "lifted": { "type": "integer" } } },
    })
}

fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    let maybe = || json!({ "type": ["string", "null"] });
    let codes = ringback_core::inquiry::RejectCode::ALL.map(ringback_core::inquiry::RejectCode::word);
    let reject_code = || json!({ "enum": codes, "description": "why not, with or without words" });
    let any = || json!({ "type": "object" });
    let array = || json!({ "type": "array", "items": { "type": "object" } });
    let rows = |of: Value| json!({ "type": "object", "required": ["data"], "properties": { "data": { "type": "array", "items": of } } });
    let outcomes = ["reached", "no_answer", "left_message", "booked", "wrong_number"];
    json!({
        "Problem": { "type": "object", "required": ["type", "title", "status", "code", "cause", "cure"], "properties": {
            "type": text(), "title": text(), "status": { "type": "integer" }, "detail": text(),
            "code": { "type": "string", "pattern": "^RB-[0-9]{4}$" }, "cause": text(), "cure": text() } },
        "Inquiry": { "type": "object", "required": ["id", "state", "opened_at", "urgency", "tier", "stages"], "properties": {
            "id": text(), "state": { "enum": ["open", "closed"] }, "outcome": maybe(), "opened_at": text(), "closed_at": maybe(),
            "location": maybe(), "caller": any(), "calls": { "type": "array", "items": any() },
            "claims": { "type": "array", "items": reference("Claim") },
            "rejected": { "type": "array", "items": any(), "description": "what was read and does not count, each with why" },
            "match": { "type": ["object", "null"] }, "urgency": text(), "flags": { "type": "array", "items": text() },
            "owner": { "type": ["object", "null"] }, "unowned_because": maybe(), "tier": { "type": "integer" },
            "escalations": array(), "clock": { "type": ["object", "null"] }, "past_due": { "type": "boolean" }, "breached_at": maybe(),
            "taken_by": { "type": ["string", "null"], "description": "who rings back right now" }, "callbacks": array(),
            "next_callback_at": maybe(), "verdicts": { "type": "array", "items": any() },
            "unmapped": { "type": "array", "items": {}, "description": "what was heard and no clause asks for" },
            "effects": { "type": "array", "items": any() },
            "contract": { "type": ["object", "null"], "description": "the version that decides" },
            "opted_out": { "type": ["object", "null"], "description": "since when this person does not want to be called, and who says so" },
            "reviews": { "type": "array", "items": reference("Review") }, "stages": { "type": "array", "items": any() },
            "take_back": { "type": "object", "description": "after a spot-check that called a value wrong: the scope of the rollback that is offered" } } },
        "Claim": { "type": "object", "required": ["field", "value", "confidence", "quote"], "properties": {
            "field": text(), "value": text(), "confidence": { "type": "integer", "minimum": 0, "maximum": 1000 }, "quote": text(),
            "call": text(), "document": text(), "start": { "type": "integer" }, "end": { "type": "integer" },
            "extractor": text(), "extractor_version": { "type": "integer" } } },
        "Call": { "type": "object", "required": ["id", "started_at"], "properties": {
            "id": text(), "location": maybe(), "category": maybe(), "after_hours": { "type": "boolean" }, "started_at": text(),
            "inquiry": maybe(), "call": any() } },
        "Signal": { "type": "object", "required": ["id", "connection", "event", "received_at", "state"], "properties": {
            "id": text(), "connection": text(), "event": text(), "received_at": text(), "state": text(),
            "duplicate_of": maybe(), "document": text(), "call": maybe(), "why": maybe() } },
        "Review": { "type": "object", "required": ["id", "kind", "digest", "reason", "clause"], "properties": {
            "id": text(), "inquiry": text(), "kind": text(), "field": maybe(), "proposed": maybe(), "current": maybe(),
            "confidence": { "type": ["integer", "null"] }, "quote": maybe(), "reason": text(), "clause": text(),
            "choices": { "type": "array", "items": {}, "description": "records or people to choose from: id and label" },
            "digest": text(), "opened_at": text(), "because": text(), "sentence": text(),
            "evidence": { "type": ["object", "null"], "description": "where in a transcript the words stand" },
            "set_by": any(), "contract": any(), "candidates": { "type": "array", "items": any() }, "workflow": maybe(),
            "source": { "type": ["string", "object"], "description": "`decision` or `person`; `provider` with its name and as of when; the caller's words if absent" },
            "checks": { "type": "object", "description": "of a spot_check: the write that is asked about" } } },
        "Decision": { "type": "object", "required": ["digest", "choice"], "properties": {
            "digest": text(), "choice": { "enum": ["approve", "edit", "reject", "pick"] },
            "value": { "type": "string", "description": "for edit" }, "reason": { "type": "string", "description": "for reject" },
            "code": reject_code(), "id": { "type": "string", "description": "for pick" } } },
        "Decisions": { "type": "object", "required": ["items", "choice"], "properties": {
            "items": { "type": "array", "maxItems": ringback_engine::reviews::TOGETHER_MAX, "items": { "type": "object", "required": ["id", "digest"],
                "properties": { "id": text(), "digest": text() } } },
            "choice": { "enum": ["approve", "reject"] }, "reason": { "type": "string", "description": "for reject" }, "code": reject_code() } },
        "Became": rows(any()),
        "PersonEvent": { "type": "object", "required": ["event"], "properties": {
            "event": { "enum": ["taken", "assigned", "called_back"] }, "to": { "type": "string", "description": "for assigned" },
            "result": { "enum": outcomes }, "note": maybe(),
            "booked_for": { "type": ["string", "null"], "format": "date-time", "description": "for booked: when it is, if that is known" } } },
        "Done": { "type": "object", "required": ["done"], "properties": { "done": { "type": "boolean" } } },
        "Entries": rows(any()), "Transcripts": rows(any()), "DeadLetters": rows(any()), "Connections": rows(any()), "Trace": rows(any()), "Runbook": rows(any()),
        "Proof": { "type": "object", "required": ["seq", "day", "revision", "made_at", "hash", "previous"], "properties": {
            "seq": { "type": "integer" }, "day": text(), "revision": { "type": "integer" }, "made_at": text(), "key_id": text(),
            "hash": text(), "previous": text(), "summary": any(),
            "file": { "type": "string", "description": "the signed file, line by line; of one proof only" } } },
        "ContractVersions": rows(any()),
        "LedgerReport": any(), "Contract": any(), "Clause": any(),
    })
}
