//! Fixtures and a connection to read them with.

use ringback_connect::Connection;
use ringback_core::id::{AccountId, ConnectionId};
use serde_json::Value;
use std::path::PathBuf;

pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) value: Value,
}

impl Fixture {
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }
    pub(crate) fn list(&self, pointer: &str) -> &[Value] {
        self.value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }
    pub(crate) fn pairs(&self, pointer: &str) -> Vec<(String, String)> {
        let map = self.value.pointer(pointer).and_then(Value::as_object);
        map.into_iter().flatten().map(|(n, v)| (n.clone(), v.as_str().unwrap().to_owned())).collect()
    }
}

pub(crate) fn fixtures(directory: &str) -> Vec<Fixture> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(directory);
    let mut found: Vec<Fixture> = std::fs::read_dir(&path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .map(|entry| entry.unwrap().path())
        .map(|file| Fixture {
            name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
            value: serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap(),
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Settings without which a connection to that vendor cannot be: what a user writes, and what set-up keeps.
fn required(vendor: &str) -> &'static [(&'static str, &'static str)] {
    match vendor {
        "gohighlevel" => &[("location_id", "Ln0rthExample0000001"), ("field.contact.rb_key", "Frbkey00000000000001")],
        _ => &[],
    }
}

/// A connection in Chicago, where daylight saving bites.
pub(crate) fn connection(vendor: &str, settings: &[(String, String)]) -> Connection {
    Connection {
        id: ConnectionId::from_text("conn_test"),
        account: AccountId::from_text("acct_test"),
        name: "phone".into(),
        vendor: vendor.into(),
        base_url: None,
        zone: "America/Chicago".into(),
        region: "US".into(),
        settings: required(vendor).iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).chain(settings.iter().cloned()).collect(),
    }
}

/// Every key of `expect` must be in `actual` with that value, deeply; arrays must have the same length.
pub(crate) fn assert_subset(expect: &Value, actual: &Value, at: &str) {
    match (expect, actual) {
        (Value::Object(e), Value::Object(a)) => {
            for (key, value) in e {
                let found = a.get(key).unwrap_or_else(|| panic!("{at}: no {key} in {actual}"));
                assert_subset(value, found, &format!("{at}/{key}"));
            }
        }
        (Value::Array(e), Value::Array(a)) => {
            assert_eq!(e.len(), a.len(), "{at}: {actual}");
            for (n, (e, a)) in e.iter().zip(a).enumerate() {
                assert_subset(e, a, &format!("{at}/{n}"));
            }
        }
        _ => assert_eq!(expect, actual, "{at}"),
    }
}
