//! Reading a TOML tree with its places: every mistake is noted, and reading goes on with what is left.
//!
//! Walked by hand, because a derived reader stops at the first mistake.

use ringback_core::problem::Problem;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::ops::RangeInclusive;
use toml::de::{DeTable, DeValue};

/// The most problems that are reported; a text with more is not the text that was meant.
const PROBLEMS_MAX: usize = 200;

/// What was found wrong in one text, and which keys it set.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    problems: RefCell<Vec<Problem>>,
    set: RefCell<BTreeMap<String, usize>>,
}

impl Notes {
    pub(crate) fn say(&self, code: &'static str, cause: impl Into<String>, cure: impl Into<String>, at: Range<usize>) {
        self.problems.borrow_mut().push(Problem::new(code, cause, cure).at(at));
    }

    pub(crate) fn push(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Paths of the keys that the text sets, with the byte where each value stands.
    pub(crate) fn set(&self) -> BTreeMap<String, usize> {
        self.set.borrow().clone()
    }

    /// All problems in the order of the text.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|p| p.at.as_ref().map_or(0, |at| at.start));
        problems.truncate(PROBLEMS_MAX);
        problems
    }
}

/// One table of the text.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    table: &'a DeTable<'a>,
    pub(crate) at: Range<usize>,
    path: String,
    notes: &'a Notes,
}

impl<'a> Section<'a> {
    /// The whole text.
    pub(crate) fn root(table: &'a DeTable<'a>, at: Range<usize>, notes: &'a Notes) -> Self {
        Self { table, at, path: String::new(), notes }
    }

    fn get(&self, key: &str) -> Option<(&'a DeValue<'a>, Range<usize>)> {
        let (value, at) = self.table.iter().find(|(k, _)| k.get_ref() == key).map(|(_, v)| (v.get_ref(), v.span()))?;
        self.notes.set.borrow_mut().insert(self.name(key), at.start);
        Some((value, at))
    }

    /// Where the value of a key stands; the section itself when it is not there.
    pub(crate) fn place(&self, key: &str) -> Range<usize> {
        self.get(key).map_or_else(|| self.at.clone(), |(_, at)| at)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// `server.listen`.
    pub(crate) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn title(&self) -> String {
        if self.path.is_empty() { "the file".to_owned() } else { format!("[{}]", self.path) }
    }

    /// Keys and text values of a table whose keys are anybody's; tables inside are written with dots (`map.caller`).
    pub(crate) fn free_texts(&self) -> BTreeMap<String, (String, Range<usize>)> {
        let mut found = BTreeMap::new();
        for (key, value) in self.table {
            let name = key.get_ref().as_ref().to_owned();
            match value.get_ref() {
                DeValue::Table(table) => {
                    let inner = Section { table, at: value.span(), path: self.name(&name), notes: self.notes };
                    found.extend(inner.free_texts().into_iter().map(|(k, v)| (format!("{name}.{k}"), v)));
                }
                plain => match plain_text(plain) {
                    Some(text) => {
                        found.insert(name, (text, value.span()));
                    }
                    None => {
                        let cause = format!("{} must be text, a number or true or false", self.name(&name));
                        self.notes.say("RB-0305", cause, "write it in quotes", value.span());
                    }
                },
            }
        }
        found
    }

    /// Every key must be one of these.
    pub(crate) fn only(&self, keys: &[&str]) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if keys.contains(&name) {
                continue;
            }
            let cure = near(name, keys)
                .map_or_else(|| format!("known here: {}", keys.join(", ")), |near| format!("did you mean {near}?"));
            self.notes.say("RB-0303", format!("{} has no key {name}", self.title()), cure, key.span());
        }
    }

    pub(crate) fn say(&self, code: &'static str, key: &str, cause: impl Into<String>, cure: impl Into<String>) {
        self.notes.say(code, cause, cure, self.place(key));
    }

    fn wrong(&self, key: &str, wanted: &str, found: &DeValue, at: Range<usize>) {
        let cause = format!("{} must be {wanted}, this is {}", self.name(key), kind(found));
        let cure = match found.as_str() {
            Some(text) if wanted == "a list of texts" => format!("write {key} = [\"{text}\"]"),
            Some(text) if unquoted(text, wanted) => format!("take the quotes away: {key} = {text}"),
            _ => format!("write {key} as {wanted}"),
        };
        self.notes.say("RB-0305", cause, cure, at);
    }

    pub(crate) fn missing(&self, key: &str, cure: impl Into<String>) {
        self.notes.say("RB-0304", format!("{} has no {key}", self.title()), cure, self.at.clone());
    }

    pub(crate) fn section(&self, key: &str) -> Option<Section<'a>> {
        let (value, at) = self.get(key)?;
        match value {
            DeValue::Table(table) => Some(Section { table, at, path: self.name(key), notes: self.notes }),
            other => {
                self.wrong(key, "a table", other, at);
                None
            }
        }
    }

    /// `[[key]]`, or a list of inline tables.
    pub(crate) fn list(&self, key: &str) -> Vec<Section<'a>> {
        let Some((value, at)) = self.get(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            let cause = format!("there can be several of {}, and this is {}", self.name(key), kind(value));
            let path = self.name(key);
            let plain: String =
                path.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect::<Vec<_>>().join(".");
            self.notes.say(
                "RB-0305",
                cause,
                format!("write [[{plain}]] as the header, also where there is only one"),
                at,
            );
            return Vec::new();
        };
        let mut found = Vec::new();
        for (n, item) in items.iter().enumerate() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    let path = format!("{}[{}]", self.name(key), n + 1);
                    found.push(Section { table, at: item.span(), path, notes: self.notes });
                }
                other => self.wrong(key, "a list of tables", other, item.span()),
            }
        }
        found
    }

    /// Does plain text stand there?
    pub(crate) fn is_text(&self, key: &str) -> bool {
        self.get(key).is_some_and(|(value, _)| value.as_str().is_some())
    }

    /// One table or a list of them.
    pub(crate) fn one_or_more(&self, key: &str) -> Vec<Section<'a>> {
        match self.get(key) {
            Some((DeValue::Array(_), _)) => self.list(key),
            Some(_) => self.section(key).into_iter().collect(),
            None => Vec::new(),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let (value, at) = self.get(key)?;
        match value.as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) => {
                self.notes.say("RB-0305", format!("{} is empty", self.name(key)), "write it out or remove the key", at);
                None
            }
            None => {
                self.wrong(key, "text in quotes", value, at);
                None
            }
        }
    }

    pub(crate) fn required(&self, key: &str, cure: &str) -> Option<String> {
        if !self.has(key) {
            self.missing(key, cure);
        }
        self.text(key)
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        let (value, at) = self.get(key)?;
        if value.as_bool().is_none() {
            self.wrong(key, "true or false", value, at);
        }
        value.as_bool()
    }

    pub(crate) fn number(&self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let (value, at) = self.get(key)?;
        let number = match value {
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok(),
            other => {
                self.wrong(key, "a whole number", other, at);
                return None;
            }
        };
        let number = number.filter(|n| range.contains(n));
        if number.is_none() {
            let cause = format!("{} must be from {} to {}", self.name(key), range.start(), range.end());
            self.notes.say("RB-0305", cause, "choose a value in that range, or remove the key to use the default", at);
        }
        number
    }

    /// A list of texts with their places.
    pub(crate) fn texts(&self, key: &str) -> Vec<(String, Range<usize>)> {
        let Some((value, at)) = self.get(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.wrong(key, "a list of texts", value, at);
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(text) if !text.trim().is_empty() => found.push((text.to_owned(), item.span())),
                _ => self.wrong(key, "a list of texts", item.get_ref(), item.span()),
            }
        }
        found
    }

    /// A word of a closed set.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        if let Some((_, value)) = words.iter().find(|(w, _)| *w == text) {
            return Some(*value);
        }
        let all: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
        let possible = format!("possible are {}", all.join(", "));
        let cure = near(&text, &all).map_or_else(|| possible.clone(), |n| format!("did you mean {n:?}? {possible}"));
        self.say("RB-0305", key, format!("{} cannot be {text:?}", self.name(key)), cure);
        None
    }
}

fn plain_text(value: &DeValue) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Integer(integer) => Some(integer.as_str().to_owned()),
        DeValue::Float(float) => Some(float.as_str().to_owned()),
        _ => None,
    }
}

/// Would that text be what is wanted, without its quotes?
fn unquoted(text: &str, wanted: &str) -> bool {
    match wanted {
        "true or false" => matches!(text, "true" | "false"),
        "a whole number" => text.parse::<i64>().is_ok(),
        _ => false,
    }
}

fn kind(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with decimals",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The word of the list that was probably meant.
pub(crate) fn near<'w>(word: &str, among: &[&'w str]) -> Option<&'w str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), candidate);
    among.iter().map(|c| (distance(c), *c)).min().filter(|(d, c)| *d <= 1 + c.chars().count() / 4).map(|(_, c)| c)
}
