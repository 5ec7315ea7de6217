//! The rows of a table, found by what they hold as well as by id: a real environment has indexes, and a twin that reads every row for
//! every question would be the slowest part of any measurement.

use super::Row;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

/// Longer texts are not found by their value.
const FOUND_BY_MAX: usize = 120;

#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    rows: BTreeMap<String, Row>,
    /// Text, as small letters, to the ids of the rows that hold it or have held it: whoever asks looks at the row.
    by_text: BTreeMap<String, BTreeSet<String>>,
}

impl Deref for Rows {
    type Target = BTreeMap<String, Row>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl Rows {
    pub(crate) fn insert(&mut self, id: String, row: Row) {
        self.note(&id, &row);
        self.rows.insert(id, row);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.rows.remove(id);
    }

    /// Changes a row; `false` where there is none.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Row)) -> bool {
        let Some(mut row) = self.rows.remove(id) else { return false };
        change(&mut row);
        self.insert(id.to_owned(), row);
        true
    }

    /// The rows that may hold one of these texts; all where that cannot be said.
    pub(crate) fn maybe(&self, texts: Option<&[&str]>) -> Vec<(&String, &Row)> {
        let Some(texts) = texts.filter(|t| t.iter().all(|text| text.len() <= FOUND_BY_MAX)) else {
            return self.rows.iter().collect();
        };
        let ids: BTreeSet<&String> =
            texts.iter().filter_map(|text| self.by_text.get(&text.to_lowercase())).flatten().collect();
        ids.into_iter().filter_map(|id| self.rows.get_key_value(id)).collect()
    }

    fn note(&mut self, id: &str, row: &Row) {
        let held = row.values.values().filter_map(|value| match value {
            Value::String(text) => Some(text.as_str()),
            Value::Object(lookup) => lookup.get("id").and_then(Value::as_str),
            _ => None,
        });
        for text in held.chain([id]).filter(|text| text.len() <= FOUND_BY_MAX) {
            let ids = self.by_text.entry(text.to_lowercase()).or_default();
            if !ids.contains(id) {
                ids.insert(id.to_owned());
            }
        }
    }
}
