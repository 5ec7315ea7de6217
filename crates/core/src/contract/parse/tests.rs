//! Tests beside the rules.

use super::{Reader, Section};
use crate::contract::model::*;
use toml::de::{DeTable, DeValue};

impl Reader {
    pub(super) fn tests(&mut self, root: &Section) -> Vec<ContractTest> {
        let mut tests: Vec<ContractTest> = Vec::new();
        for section in self.list(root, "test") {
            self.known(&section, &["name", "given", "then"]);
            let name = self.required(&section, "name", "say what this test shows").map(|(t, _)| t.to_owned());
            for key in ["given", "then"] {
                if section.get(key).is_none() {
                    self.missing("RB-0205", &section, key, format!("add {key} = {{ … }}"));
                }
            }
            let given = self.section(&section, "given").map(|s| json_table(s.table));
            let then = self.section(&section, "then").map(|s| json_table(s.table));
            if let (Some(name), Some(given), Some(then)) = (name, given, then) {
                if tests.iter().any(|t| t.name == name) {
                    self.say(
                        "RB-0206",
                        format!("two tests are called {name:?}"),
                        "give each its own name",
                        section.at.clone(),
                    );
                }
                tests.push(ContractTest { name, given, then });
            }
        }
        tests
    }
}

fn json_table(table: &DeTable) -> serde_json::Value {
    serde_json::Value::Object(table.iter().map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref()))).collect())
}

fn json(value: &DeValue) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.as_str().into(), serde_json::Value::from),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map_or_else(|| number.as_str().into(), serde_json::Value::Number),
        DeValue::Boolean(yes) => (*yes).into(),
        DeValue::Datetime(when) => when.to_string().into(),
        DeValue::Array(items) => serde_json::Value::Array(items.iter().map(|i| json(i.get_ref())).collect()),
        DeValue::Table(table) => json_table(table),
    }
}
