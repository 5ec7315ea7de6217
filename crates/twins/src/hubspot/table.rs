//! One object type's records with the look-up tables that keep uniqueness and search cheap.

use super::properties::Property;
use super::record::{ObjectType, Record};
use super::seed;
use std::collections::{BTreeMap, HashMap};

/// Records, definitions and indexes of one object type.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) records: BTreeMap<u64, Record>,
    pub(crate) properties: BTreeMap<String, Property>,
    pub(crate) groups: BTreeMap<String, String>,
    /// property → value → holder, for unique properties and contacts' e-mails (primary and additional).
    pub(crate) unique: HashMap<String, HashMap<String, u64>>,
    /// property → lower-case value → every record that ever held it. Search narrows by it, then looks at the record.
    pub(crate) ever: HashMap<String, HashMap<String, Vec<u64>>>,
    /// merged id → survivor.
    pub(crate) merged: BTreeMap<u64, u64>,
}

impl Table {
    pub(crate) fn new(kind: ObjectType) -> Self {
        let group = seed::default_group(kind);
        let label = format!("{} information", kind.singular());
        Self {
            records: BTreeMap::new(),
            properties: seed::properties(kind).into_iter().map(|p| (p.name.clone(), p)).collect(),
            groups: BTreeMap::from([(group, label)]),
            unique: HashMap::new(),
            ever: HashMap::new(),
            merged: BTreeMap::new(),
        }
    }

    /// Where a merged id leads; any other id stays.
    pub(crate) fn survivor(&self, id: u64) -> u64 {
        let mut id = id;
        while let Some(next) = self.merged.get(&id) {
            id = *next;
        }
        id
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Record> {
        self.records.values().filter(|record| record.archived_at_ms.is_none())
    }

    pub(crate) fn is_live(&self, id: u64) -> bool {
        self.records.get(&id).is_some_and(|record| record.archived_at_ms.is_none())
    }

    pub(crate) fn holder(&self, property: &str, value: &str) -> Option<u64> {
        self.unique.get(property)?.get(value).copied()
    }

    /// Whether two live records may not share a value: `hasUniqueValue`, and contacts' e-mail.
    pub(crate) fn is_unique(&self, kind: ObjectType, property: &str) -> bool {
        (kind == ObjectType::Contacts && property == "email") || self.properties.get(property).is_some_and(|p| p.unique)
    }

    /// Moves a unique value from what the record held to what it holds.
    pub(crate) fn claim(&mut self, property: &str, id: u64, old: Option<&str>, new: &str) {
        let values = self.unique.entry(property.to_owned()).or_default();
        if let Some(old) = old
            && values.get(old) == Some(&id)
        {
            values.remove(old);
        }
        if !new.is_empty() {
            values.insert(new.to_owned(), id);
        }
    }

    /// Frees everything unique a record holds.
    pub(crate) fn release(&mut self, id: u64) {
        for values in self.unique.values_mut() {
            values.retain(|_, holder| *holder != id);
        }
    }

    /// Remembers that a record held a value, for search.
    pub(crate) fn remember(&mut self, property: &str, id: u64, value: &str) {
        if value.is_empty() || !self.properties.get(property).is_some_and(|p| p.indexed) {
            return;
        }
        let ids = self.ever.entry(property.to_owned()).or_default().entry(value.to_lowercase()).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
}
