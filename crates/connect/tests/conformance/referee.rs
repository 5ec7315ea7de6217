//! Machine-readable descriptions of vendors' interfaces (OpenAPI 3.0 and 3.1) as a referee over requests and replies.
//!
//! The documents are kept beside the project, not in it: `vendors/specs/<folder>/` in `RINGBACK_SHARED`, else in `../shared`. Without
//! them [`Referee::load`] says so loudly and the caller passes. A vendor may have several documents; the most literal path wins, and where
//! several are equally literal (the same endpoint in two documents) it is enough that one of them agrees.
//!
//! The twins' tests include this file by its path, so it leans on nothing of the translators.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

/// The documents of one vendor.
pub(crate) struct Referee {
    documents: Vec<Document>,
    /// The spelling of a path in the documents, where requests are spelled otherwise.
    spelling: fn(&str) -> String,
}

struct Document {
    name: String,
    value: Value,
    /// The paths of `servers`, without a slash at the end.
    bases: Vec<String>,
}

/// What a request or a reply was judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    /// `POST /crm/v3/objects/{objectType}/search`
    pub(crate) operation: String,
    /// There was a schema for the body, and the body satisfies it.
    pub(crate) body: bool,
}

impl Referee {
    /// Reads these files of `vendors/specs/<folder>/`, or all that end in `.json` if none is named. `spelling` turns a path without its
    /// query into the one the documents know (the base path of `servers` included).
    pub(crate) fn load(folder: &str, files: &[&str], spelling: fn(&str) -> String) -> Option<Self> {
        let shared = std::env::var_os("RINGBACK_SHARED")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
        let root = shared.join("vendors/specs").join(folder);
        let mut names: Vec<String> = files.iter().map(|f| (*f).to_owned()).collect();
        if names.is_empty() {
            let entries = std::fs::read_dir(&root).into_iter().flatten().filter_map(Result::ok);
            names = entries
                .filter_map(|e| e.file_name().into_string().ok())
                .filter(|n| std::path::Path::new(n).extension().is_some_and(|e| e == "json"))
                .collect();
            names.sort();
        }
        let read = |name: &String| std::fs::read(root.join(name)).ok().map(|bytes| (name.clone(), bytes));
        let Some(found) = names.iter().map(read).collect::<Option<Vec<_>>>().filter(|f| !f.is_empty()) else {
            // Straight to the stream: a test's own output is only shown when it fails.
            let mut out = std::io::stderr();
            writeln!(out, "SKIPPED (loudly): {} is not here; set RINGBACK_SHARED", root.display()).unwrap();
            return None;
        };
        let documents =
            found.into_iter().map(|(name, bytes)| Document::new(name, serde_json::from_slice(&bytes).unwrap()));
        Some(Self { documents: documents.collect(), spelling })
    }

    /// Judges a request: the path and method exist, every query parameter is known and every required one is there, and the body
    /// satisfies its schema (a form: its names are known). `path` is path and query.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Judged, String> {
        self.any(method, path, |document, operation| {
            document.query(operation, path.split_once('?').map_or("", |(_, query)| query))?;
            document.request_body(operation, content_type, body)
        })
    }

    /// Judges a reply to such a request: the status is documented and the body satisfies its schema.
    pub(crate) fn reply(&self, method: &str, path: &str, status: u16, body: &[u8]) -> Result<Judged, String> {
        self.any(method, path, |document, operation| document.reply(operation, status, body))
    }

    /// The most literal operations, until one of them agrees.
    fn any(
        &self,
        method: &str,
        path: &str,
        judge: impl Fn(&Document, &Operation<'_>) -> Result<bool, String>,
    ) -> Result<Judged, String> {
        let bare = (self.spelling)(path.split(['?', '#']).next().unwrap_or_default());
        let found: Vec<_> =
            self.documents.iter().flat_map(|d| d.operations(method, &bare).into_iter().map(move |o| (d, o))).collect();
        let most =
            found.iter().map(|(_, o)| o.literal).max().ok_or_else(|| format!("{method} {bare} is in no document"))?;
        let mut refusals = Vec::new();
        for (document, operation) in found.iter().filter(|(_, o)| o.literal == most) {
            match judge(document, operation) {
                Ok(body) => return Ok(Judged { operation: format!("{method} {}", operation.template), body }),
                Err(why) => refusals.push(format!("{method} {} ({}): {why}", operation.template, document.name)),
            }
        }
        Err(refusals.join("\n"))
    }
}

struct Operation<'a> {
    template: String,
    /// Characters of the template that stand for themselves.
    literal: usize,
    value: &'a Value,
    /// The parameters of the path, which hold for all its methods.
    shared: &'a Value,
}

impl Document {
    fn new(name: String, mut value: Value) -> Self {
        let servers = value.get("servers").and_then(Value::as_array).cloned().unwrap_or_default();
        let urls = servers.iter().filter_map(|s| s.get("url").and_then(Value::as_str));
        let base = |url: &str| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let path = if url.contains("://") { rest.find('/').map_or("", |at| &rest[at..]) } else { rest };
            path.trim_end_matches('/').to_owned()
        };
        let mut bases: Vec<String> = urls.map(base).collect();
        if bases.is_empty() {
            bases.push(String::new());
        }
        bases.dedup();
        if value["openapi"].as_str().is_none_or(|v| v.starts_with("3.0")) {
            nullable(&mut value);
        }
        Self { name, value, bases }
    }

    fn operations(&self, method: &str, path: &str) -> Vec<Operation<'_>> {
        let mut found = Vec::new();
        for (template, methods) in self.value["paths"].as_object().into_iter().flatten() {
            let Some(value) = methods.get(method.to_lowercase()).filter(|v| v.is_object()) else { continue };
            for base in &self.bases {
                let whole = format!("{base}{template}");
                if let Some(literal) = fits(&whole, path) {
                    found.push(Operation { template: whole, literal, value, shared: &methods["parameters"] });
                }
            }
        }
        found
    }

    /// Follows a reference inside this document.
    fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        for _ in 0..16 {
            match value.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) {
                Some(pointer) => value = self.value.pointer(pointer).unwrap_or(&Value::Null),
                None => break,
            }
        }
        value
    }

    fn query(&self, operation: &Operation<'_>, query: &str) -> Result<(), String> {
        let given = pairs(query);
        let lists = [operation.value.get("parameters"), Some(operation.shared)];
        let parameters: Vec<&Value> =
            lists.into_iter().flatten().filter_map(Value::as_array).flatten().map(|p| self.resolve(p)).collect();
        let of_query = |p: &&&Value| p["in"] == "query";
        for name in given.keys() {
            let Some(parameter) = parameters.iter().filter(of_query).find(|p| p["name"] == name.as_str()) else {
                return Err(format!("no parameter {name}"));
            };
            if let Some(allowed) = self.resolve(&parameter["schema"]).get("enum").and_then(Value::as_array) {
                let value = given[name].as_str();
                if !allowed.iter().any(|a| a.as_str().map_or_else(|| a.to_string(), str::to_owned) == value) {
                    return Err(format!("{name}={value} is none of {allowed:?}"));
                }
            }
        }
        let absent = |p: &&&Value| p["required"] == true && !p["name"].as_str().is_some_and(|n| given.contains_key(n));
        match parameters.iter().filter(of_query).find(absent) {
            Some(parameter) => Err(format!("{} is required", parameter["name"])),
            None => Ok(()),
        }
    }

    fn request_body(&self, operation: &Operation<'_>, content_type: Option<&str>, body: &[u8]) -> Result<bool, String> {
        let wanted = self.resolve(&operation.value["requestBody"]);
        let Some(content) = wanted.get("content").and_then(Value::as_object) else {
            return if body.is_empty() { Ok(false) } else { Err("takes no body".into()) };
        };
        if body.is_empty() {
            return if wanted["required"] == true { Err("needs a body".into()) } else { Ok(false) };
        }
        let kind = content_type.unwrap_or("application/json").split(';').next().unwrap_or_default().trim();
        let Some(schema) = content.get(kind).map(|c| &c["schema"]) else {
            return Err(format!("takes {:?}, not {kind}", content.keys().collect::<Vec<_>>()));
        };
        match kind {
            "application/x-www-form-urlencoded" => self.form(schema, body),
            _ if kind.ends_with("json") => {
                let value = serde_json::from_slice(body).map_err(|e| format!("the body is no JSON: {e}"))?;
                self.satisfies(schema, &value)
            }
            // A batch of parts or a file has no schema worth the name.
            _ => Ok(false),
        }
    }

    /// A form's names are known and the required ones there; its values are all text.
    fn form(&self, schema: &Value, body: &[u8]) -> Result<bool, String> {
        let given = pairs(&String::from_utf8_lossy(body));
        let schema = self.resolve(schema);
        let known = schema["properties"].as_object().ok_or("the form has no names")?;
        if let Some(name) = given.keys().find(|n| !known.contains_key(*n)) {
            return Err(format!("the form has no field {name}"));
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        match required.into_iter().find(|n| !given.contains_key(*n)) {
            Some(name) => Err(format!("the form needs {name}")),
            None => Ok(true),
        }
    }

    fn reply(&self, operation: &Operation<'_>, status: u16, body: &[u8]) -> Result<bool, String> {
        let responses = &operation.value["responses"];
        let names = [status.to_string(), format!("{}XX", status / 100), format!("{}xx", status / 100)];
        let named = names.iter().find_map(|n| responses.get(n));
        // A default describes errors; that a success has a status of its own must be written down.
        let fallback = responses.get("default").filter(|_| status >= 400);
        let response = named.or(fallback).ok_or_else(|| format!("does not answer {status}"))?;
        let content = self.resolve(response).get("content").and_then(Value::as_object);
        let json =
            content.into_iter().flatten().find(|(kind, _)| kind.split(';').next().is_some_and(|k| k.ends_with("json")));
        let empty = body.iter().all(u8::is_ascii_whitespace);
        let Some((_, media)) = json else {
            return if empty || content.is_some() { Ok(false) } else { Err(format!("{status} has no body")) };
        };
        let value = serde_json::from_slice(body).map_err(|e| format!("{status}: the body is no JSON: {e}"))?;
        self.satisfies(&media["schema"], &value).map_err(|e| format!("{status}: {e}"))
    }

    fn satisfies(&self, schema: &Value, instance: &Value) -> Result<bool, String> {
        if schema.is_null() {
            return Ok(false);
        }
        let mut whole = Map::new();
        whole.insert("components".into(), self.value.get("components").cloned().unwrap_or_default());
        whole.insert("allOf".into(), json!([schema]));
        let whole = Value::Object(whole);
        let validator = jsonschema::draft202012::new(&whole).map_err(|e| format!("the schema cannot be used: {e}"))?;
        let errors: Vec<String> =
            validator.iter_errors(instance).take(8).map(|e| format!("{}: {e}", e.instance_path())).collect();
        if errors.is_empty() { Ok(true) } else { Err(format!("{errors:?}\n{instance}")) }
    }
}

/// OpenAPI 3.0's `nullable` in the words of JSON Schema.
fn nullable(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(nullable);
            // A property may be called `nullable`; only the keyword is a boolean.
            if !matches!(map.get("nullable"), Some(Value::Bool(_))) {
                return;
            }
            if map.remove("nullable") == Some(json!(false)) {
                return;
            }
            if let Some(Value::Array(allowed)) = map.get_mut("enum")
                && !allowed.contains(&Value::Null)
            {
                allowed.push(Value::Null);
            }
            match map.get("type").cloned() {
                Some(Value::String(kind)) => {
                    map.insert("type".into(), json!([kind, "null"]));
                }
                Some(_) => {}
                None => {
                    let inner = Value::Object(std::mem::take(map));
                    map.insert("anyOf".into(), json!([inner, { "type": "null" }]));
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(nullable),
        _ => {}
    }
}

/// Does the path fit the template? `{name}` stands for one or more characters other than `/`, also inside a segment
/// (`/v{version}/`, `/{set}({key})`). The answer is how many characters stand for themselves.
fn fits(template: &str, path: &str) -> Option<usize> {
    let (wanted, given): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    if wanted.len() != given.len() {
        return None;
    }
    wanted.iter().zip(&given).map(|(w, g)| segment(w, g)).sum()
}

fn segment(template: &str, given: &str) -> Option<usize> {
    let Some((before, rest)) = template.split_once('{') else { return (template == given).then_some(template.len()) };
    let after = rest.split_once('}')?.1;
    let given = given.strip_prefix(before)?;
    let ends = given.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.filter_map(|end| segment(after, &given[end..])).max().map(|n| n + before.len())
}

/// Decoded pairs of a query or form.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let decode = |part: &str| {
        let mut out = Vec::new();
        let mut bytes = part.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'+' => out.push(b' '),
                b'%' => {
                    let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                    out.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
                }
                other => out.push(other),
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    let pair = |p: &str| p.split_once('=').map_or_else(|| (decode(p), String::new()), |(n, v)| (decode(n), decode(v)));
    text.split('&').filter(|p| !p.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(version: &str) -> Referee {
        let value = json!({
            "openapi": version,
            "servers": [{ "url": "https://api.{region}.example/crm/{version}" }],
            "paths": {
                "/{module}/{id}": {
                    "parameters": [{ "$ref": "#/components/parameters/fields" }],
                    "get": {
                        "parameters": [{ "name": "$top", "in": "query", "required": true, "schema": { "enum": [1, "all"] } }],
                        "responses": { "200": { "content": { "application/json;charset=utf-8": { "schema": { "$ref": "#/components/schemas/One" } } } } }
                    }
                },
                "/{module}/search": { "post": {
                    "requestBody": { "required": true, "content": { "application/x-www-form-urlencoded": { "schema":
                        { "properties": { "q": { "type": "string" } }, "required": ["q"] } } } },
                    "responses": { "204": {}, "default": {} }
                } },
                "/{set}({key})": { "delete": { "responses": { "204": {} } } }
            },
            "components": {
                "parameters": { "fields": { "name": "fields", "in": "query", "schema": { "type": "string" } } },
                "schemas": { "One": { "type": "object", "required": ["id"], "properties": {
                    "id": { "type": "string" },
                    "nullable": { "type": "string" },
                    "name": if version == "3.0.3" { json!({ "type": "string", "nullable": true }) } else { json!({ "type": ["string", "null"] }) },
                    "of": if version == "3.0.3" { json!({ "$ref": "#/components/schemas/One", "nullable": true }) } else { json!({}) },
                } } }
            }
        });
        Referee { documents: vec![Document::new("test".into(), value)], spelling: str::to_owned }
    }

    #[test]
    fn what_the_document_says_is_accepted_and_everything_else_refused() {
        for version in ["3.0.3", "3.1.0"] {
            let referee = document(version);
            let get = |path: &str| referee.request("GET", path, None, b"");
            assert_eq!(
                get("/crm/v8/Leads/7?%24top=1&fields=a%2Cb").unwrap().operation,
                "GET /crm/{version}/{module}/{id}"
            );
            assert!(get("/crm/v8/Leads/7?$top=2").unwrap_err().contains("is none of"));
            assert!(get("/crm/v8/Leads/7?fields=a").unwrap_err().contains("required"));
            assert!(get("/crm/v8/Leads/7?$top=all&shoe=1").unwrap_err().contains("no parameter shoe"));
            assert!(get("/v8/Leads/7?$top=1").unwrap_err().contains("no document"));
            assert!(referee.request("GET", "/crm/v8/Leads/7?$top=1", None, b"{}").unwrap_err().contains("no body"));
            let post = |body: &str| {
                referee.request(
                    "POST",
                    "/crm/v8/Leads/search",
                    Some("application/x-www-form-urlencoded"),
                    body.as_bytes(),
                )
            };
            assert!(post("q=a+b").unwrap().body);
            assert!(post("").unwrap_err().contains("needs a body"));
            assert!(post("p=1").unwrap_err().contains("no field p"));
            assert!(referee.request("POST", "/crm/v8/Leads/search", None, b"{}").unwrap_err().contains("takes"));
            let reply = |body: &str| referee.reply("GET", "/crm/v8/Leads/7", 200, body.as_bytes());
            assert!(reply(r#"{"id":"7","name":null,"nullable":"x","of":null}"#).unwrap().body);
            assert!(reply(r#"{"id":"7","name":5}"#).unwrap_err().contains("/name"));
            assert!(reply(r#"{"name":"x"}"#).unwrap_err().contains("id"));
            assert!(referee.reply("GET", "/crm/v8/Leads/7", 201, b"{}").unwrap_err().contains("201"));
            assert!(referee.reply("POST", "/crm/v8/Leads/search", 404, b"").is_ok());
            assert!(referee.reply("POST", "/crm/v8/Leads/search", 204, b"{}").unwrap_err().contains("no body"));
            assert!(referee.request("DELETE", "/crm/v8/contacts(rb_key='a')", None, b"").is_ok());
        }
    }
}
