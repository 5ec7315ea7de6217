//! `config show`: what is in force, and who says so.

use crate::config::Reading;
use crate::out::{Out, table};
use serde_json::{Value, json};

/// Every value with its origin.
pub(crate) fn show(out: Out, reading: &Reading) {
    let mut flat = Vec::new();
    flatten(String::new(), &serde_json::to_value(&reading.config).unwrap_or_default(), &mut flat);
    let origin = |path: &str| -> String {
        if let Some(variable) = reading.by_environment.get(path) {
            return (*variable).to_owned();
        }
        match reading.set.get(path) {
            Some(byte) => format!("{}:{}", reading.source.path, reading.source.place(*byte).0),
            None => "default".to_owned(),
        }
    };
    let all: Vec<Value> =
        flat.iter().map(|(path, value)| json!({ "key": path, "value": value, "from": origin(path) })).collect();
    out.result(&all, || {
        let rows: Vec<Vec<String>> = flat.iter().map(|(p, v)| vec![p.clone(), v.to_string(), origin(p)]).collect();
        table(&["key", "value", "from"], &rows)
    });
}

/// Tables become dotted names, lists numbered ones as in messages: `account[1].slug`.
fn flatten(path: String, value: &Value, into: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                flatten(if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, inner, into);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (n, inner) in items.iter().enumerate() {
                flatten(format!("{path}[{}]", n + 1), inner, into);
            }
        }
        plain => into.push((path, plain.clone())),
    }
}
