//! From text to [`Contract`], with everything that is wrong and where it stands.
//!
//! The tree is walked by hand instead of derived, because a derived reader stops at the first mistake. Nothing is implied: a clause without a
//! winner, a meaning, a type or a source of truth is refused, and there is no key for a default winner.

mod clock;
mod fields;
mod mend;
mod owner;
mod pilot;
mod records;
mod slips;
mod tests;
mod workflows;

use super::check::check;
use super::did_you_mean;
use super::model::*;
use crate::problem::Problem;
use mend::mend;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;
use toml::de::{DeTable, DeValue};

/// The longest contract text, in bytes.
pub const CONTRACT_BYTES_MAX: usize = 512 * 1024;
/// The most problems that are reported; a text with more is not the text that was meant.
pub const PROBLEMS_MAX: usize = 200;

/// Reads a contract. The contract is there exactly when no problem is; problems stand in the order of the text.
pub fn parse(text: &str) -> (Option<Contract>, Vec<Problem>) {
    if text.len() > CONTRACT_BYTES_MAX {
        let cause = format!("the contract is longer than {CONTRACT_BYTES_MAX} bytes");
        return (None, vec![Problem::new("RB-0217", cause, "split it into one contract per workflow")]);
    }
    let (mended, broken) = mend(text);
    let (tree, _) = DeTable::parse_recoverable(&mended);
    let mut reader = Reader { broken: !broken.is_empty(), problems: broken, ..Reader::default() };
    let root = Section { table: tree.get_ref(), at: clamp(tree.span(), text.len()), path: String::new() };
    let (contract, places) = reader.contract(&root);
    if let Some(contract) = &contract {
        reader.problems.extend(check(contract, &places));
    }
    let mut problems = reader.problems;
    for problem in &mut problems {
        problem.at = problem.at.take().map(|at| clamp(at, text.len()));
    }
    problems.sort_by_key(|p| p.at.as_ref().map_or(0, |at| at.start));
    problems.truncate(PROBLEMS_MAX);
    (contract.filter(|_| problems.is_empty()), problems)
}

/// Where the clauses of a text stand; for what is found out about a contract after it was read.
pub fn places(text: &str) -> Places {
    let (tree, _) = DeTable::parse_recoverable(text);
    let root = Section { table: tree.get_ref(), at: clamp(tree.span(), text.len()), path: String::new() };
    Reader::default().contract(&root).1
}

fn clamp(at: Range<usize>, len: usize) -> Range<usize> {
    let end = at.end.min(len);
    at.start.min(end)..end
}

/// Where each clause and key stands, for checks that compare several.
#[derive(Debug, Default)]
pub struct Places(BTreeMap<String, Range<usize>>);

impl Places {
    /// Does this very clause stand in the text, be it whole or not?
    pub(in crate::contract) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The range of `field.budget.winner`, or of the nearest table around it.
    pub fn of(&self, path: &str) -> Option<Range<usize>> {
        let mut path = path;
        loop {
            if let Some(at) = self.0.get(path) {
                return Some(at.clone());
            }
            path = path.rsplit_once('.')?.0;
        }
    }
}

/// One table of the text.
struct Section<'a> {
    table: &'a DeTable<'a>,
    at: Range<usize>,
    path: String,
}

impl<'a> Section<'a> {
    fn get(&self, key: &str) -> Option<(&'a DeValue<'a>, Range<usize>)> {
        self.table.iter().find(|(k, _)| k.get_ref() == key).map(|(_, v)| (v.get_ref(), v.span()))
    }
    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
    fn name(&self) -> String {
        if self.path.is_empty() { "the contract".to_owned() } else { format!("[{}]", self.path) }
    }
}

#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
    places: Places,
    /// The text is not TOML everywhere; what seems to be missing may only be unreadable.
    broken: bool,
    /// Keys that somebody most likely meant by another name.
    meant: BTreeSet<String>,
}

impl Reader {
    fn say(&mut self, code: &'static str, cause: impl Into<String>, cure: impl Into<String>, at: Range<usize>) {
        self.problems.push(Problem::new(code, cause, cure).at(at));
    }

    fn missing(&mut self, code: &'static str, section: &Section, key: &str, cure: impl Into<String>) {
        // What stands there under a name that is nearly its own is told as that.
        if !self.broken && !self.meant.contains(&section.path(key)) {
            self.say(code, format!("{} has no {key}", section.name()), cure, section.at.clone());
        }
    }

    /// Every key must be one of these; places of all keys are kept.
    fn known(&mut self, section: &Section, keys: &[&str]) {
        for (key, value) in section.table {
            let (name, at) = (key.get_ref().as_ref(), key.span());
            self.places.0.insert(section.path(name), value.span());
            if keys.contains(&name) {
                continue;
            }
            let cure = match did_you_mean(name, keys.iter().copied()) {
                Some(near) => {
                    self.meant.insert(section.path(near));
                    format!("did you mean {near}?")
                }
                None => format!("known here: {}", keys.join(", ")),
            };
            self.say("RB-0204", format!("{} has no key {name}", section.name()), cure, at);
        }
    }

    fn wrong_kind(&mut self, section: &Section, key: &str, expected: &str, found: &DeValue, at: Range<usize>) {
        let cause = format!("{} must be {expected}, this is {}", section.path(key), article(found.type_str()));
        let cure = match found.as_str().map(str::trim) {
            Some(text) if expected.starts_with("a list of texts") => format!("write {key} = [\"{text}\"]"),
            Some(text)
                if (expected.starts_with("true") && matches!(text, "true" | "false"))
                    || (expected.contains("number") && text.parse::<f64>().is_ok()) =>
            {
                format!("take the quotes away: {key} = {text}")
            }
            _ => format!("write {key} as {expected}"),
        };
        self.say("RB-0206", cause, cure, at);
    }

    fn section<'a>(&mut self, parent: &Section<'a>, key: &str) -> Option<Section<'a>> {
        let (value, at) = parent.get(key)?;
        match value {
            DeValue::Table(table) => Some(Section { table, at, path: parent.path(key) }),
            other => {
                self.wrong_kind(parent, key, "a table", other, at);
                None
            }
        }
    }

    fn text<'a>(&mut self, section: &Section<'a>, key: &str) -> Option<(&'a str, Range<usize>)> {
        let (value, at) = section.get(key)?;
        match value.as_str() {
            Some(text) if !text.trim().is_empty() => Some((text, at)),
            Some(_) => {
                self.say("RB-0206", format!("{} is empty", section.path(key)), "write it out or remove the key", at);
                None
            }
            None => {
                self.wrong_kind(section, key, "text in quotes", value, at);
                None
            }
        }
    }

    fn required<'a>(&mut self, section: &Section<'a>, key: &str, cure: &str) -> Option<(&'a str, Range<usize>)> {
        if section.get(key).is_none() {
            self.missing("RB-0205", section, key, cure);
        }
        self.text(section, key)
    }

    fn flag(&mut self, section: &Section, key: &str) -> Option<bool> {
        let (value, at) = section.get(key)?;
        if value.as_bool().is_none() {
            self.wrong_kind(section, key, "true or false", value, at);
        }
        value.as_bool()
    }

    /// A word of a closed set.
    fn word<T: Copy>(&mut self, section: &Section, key: &str, words: &[(&str, T)]) -> Option<T> {
        let (text, at) = self.text(section, key)?;
        self.pick(&section.path(key), text, at, words)
    }

    fn pick<T: Copy>(&mut self, path: &str, text: &str, at: Range<usize>, words: &[(&str, T)]) -> Option<T> {
        if let Some((_, value)) = words.iter().find(|(w, _)| *w == text) {
            return Some(*value);
        }
        let all: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
        let cure = match did_you_mean(text, all.iter().copied()) {
            Some(near) => format!("did you mean {near:?}? Possible are {}", all.join(", ")),
            None => format!("possible are {}", all.join(", ")),
        };
        self.say("RB-0206", format!("{path} cannot be {text:?}"), cure, at);
        None
    }

    fn required_word<T: Copy>(&mut self, section: &Section, key: &str, words: &[(&str, T)]) -> Option<T> {
        if section.get(key).is_none() {
            let all: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
            self.missing("RB-0205", section, key, format!("add {key} = one of {}", all.join(", ")));
        }
        self.word(section, key, words)
    }

    /// A list of texts with their places.
    fn texts<'a>(&mut self, section: &Section<'a>, key: &str) -> Option<Vec<(&'a str, Range<usize>)>> {
        let (value, at) = section.get(key)?;
        let Some(items) = value.as_array() else {
            self.wrong_kind(section, key, "a list of texts", value, at);
            return None;
        };
        let mut found = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(text) if !text.trim().is_empty() => found.push((text, item.span())),
                _ => self.wrong_kind(section, key, "a list of texts", item.get_ref(), item.span()),
            }
        }
        Some(found)
    }

    fn words<T: Copy + Ord>(&mut self, section: &Section, key: &str, words: &[(&str, T)]) -> Option<BTreeSet<T>> {
        let path = section.path(key);
        let texts = self.texts(section, key)?;
        Some(texts.into_iter().filter_map(|(text, at)| self.pick(&path, text, at, words)).collect())
    }

    fn parsed<T: FromStr<Err = String>>(&mut self, section: &Section, key: &str, cure: &str) -> Option<T> {
        let (text, at) = self.text(section, key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(cause) => {
                self.say("RB-0206", format!("{}: {cause}", section.path(key)), cure, at);
                None
            }
        }
    }

    fn term(&mut self, section: &Section, key: &str) -> Option<Term> {
        if let Some((DeValue::Integer(number), at)) = section.get(key) {
            let cause = format!("{} is {}, and nothing says of what", section.path(key), number.as_str());
            self.say("RB-0206", cause, format!("write {key} = \"{} min\", or h, days", number.as_str()), at);
            return None;
        }
        self.parsed(section, key, "write 5 min, 2 h, same day, 3 days, or next opening + 60 min")
    }

    fn minutes(&mut self, section: &Section, key: &str) -> Option<u32> {
        let at = section.get(key).map(|(_, at)| at);
        match (self.term(section, key)?, at) {
            (Term::Minutes(minutes), _) => Some(minutes),
            (_, at) => {
                let cause = format!("{} must be a number of minutes or hours", section.path(key));
                self.say("RB-0206", cause, "write 10 min or 2 h", at.unwrap_or_else(|| section.at.clone()));
                None
            }
        }
    }

    /// 0.90 as 900. Read from the digits as they are written, so that nothing is rounded.
    fn thousandths(&mut self, section: &Section, key: &str) -> Option<Thousandths> {
        let (value, at) = section.get(key)?;
        let written = match value {
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            other => {
                self.wrong_kind(section, key, "a number from 0 to 1", other, at);
                return None;
            }
        };
        let (whole, rest) = written.split_once('.').unwrap_or((written, ""));
        let rest = rest.trim_end_matches('0');
        let value = match (whole.parse::<u16>(), rest.len()) {
            (Ok(whole), 0) => whole.checked_mul(1000),
            (Ok(whole), 1..=3) => {
                format!("{rest:0<3}").parse::<u16>().ok().and_then(|r| whole.checked_mul(1000)?.checked_add(r))
            }
            _ => None,
        };
        let value = value.filter(|v| *v <= 1000);
        if value.is_none() {
            let cause = format!("{} is not a number from 0 to 1 with at most three decimals", section.path(key));
            // Whoever writes 80 means 80 %.
            let meant = written.parse::<u8>().ok().filter(|n| (2..100).contains(n)).unwrap_or(90);
            self.say("RB-0209", cause, format!("write 0.{meant:02} for {meant} %"), at);
        }
        value
    }
}

fn article(kind: &str) -> String {
    match kind {
        "string" => "text".to_owned(),
        "integer" | "array" => format!("an {kind}"),
        other => format!("a {other}"),
    }
}

const AUTONOMY: &[(&str, Autonomy)] = &[
    ("observe", Autonomy::Observe),
    ("suggest", Autonomy::Suggest),
    ("auto-low-risk", Autonomy::AutoLowRisk),
    ("auto", Autonomy::Auto),
];
const RETENTION: &[(&str, Retention)] =
    &[("standard", Retention::Standard), ("short", Retention::Short), ("zero", Retention::Zero)];
const NOTES: &[(&str, Notes)] = &[("summary", Notes::Summary), ("plain", Notes::Plain)];
/// Keys somebody may try for one winner over all fields.
const DEFAULT_WINNER: &[&str] =
    &["winner", "default_winner", "default", "defaults", "field_defaults", "conflict", "conflicts"];

impl Reader {
    fn contract(&mut self, root: &Section) -> (Option<Contract>, Places) {
        let keys = [
            "contract",
            "crm",
            "autonomy",
            "retention",
            "notes",
            "mandatory",
            "eligible",
            "match",
            "field",
            "owner",
            "clock",
            "location",
            "suppress",
            "page",
            "workflow",
            "pilot",
            "test",
        ];
        let this = self;
        if root.get("account").is_some() || root.get("server").is_some() {
            let at = root.get("account").or_else(|| root.get("server")).map_or(0..0, |(_, at)| at);
            let cure = "name the contract's file, such as ringback contract check contract.toml";
            this.say("RB-0204", "these are settings and no contract", cure, at);
            return (None, std::mem::take(&mut this.places));
        }
        this.known(root, &keys);
        this.refuse_default_winner(root);
        let name =
            this.required(root, "contract", "give it a name: contract = \"missed-calls\"").map(|(t, _)| t.to_owned());
        let crm =
            this.required(root, "crm", "name the CRM connection: crm = \"hubspot-main\"").map(|(t, _)| t.to_owned());
        let autonomy = this.required_word(root, "autonomy", AUTONOMY);
        let retention = this.word(root, "retention", RETENTION).unwrap_or(Retention::Standard);
        let notes = this.word(root, "notes", NOTES).unwrap_or_default();
        let mandatory =
            this.texts(root, "mandatory").unwrap_or_default().into_iter().map(|(t, _)| t.to_owned()).collect();
        let eligible = this.eligible(root);
        let matching = this.matching(root);
        let fields = this.fields(root);
        let owner = this.owner(root);
        let clock = match this.section(root, "clock") {
            Some(section) => this.clock(&section, None),
            None => {
                this.missing("RB-0205", root, "[clock]", "say by when callers must be called back");
                None
            }
        };
        let locations = this.locations(root, clock.as_ref());
        let suppress = this.suppress(root);
        let page = this.page(root);
        let workflows = this.workflows(root);
        let pilot = this.pilot(root);
        // Also those whose clause is wrong: that is told there.
        let named = root.get("field").and_then(|(all, _)| all.as_table());
        let names: Vec<&str> = named.iter().flat_map(|t| t.keys()).map(|k| k.get_ref().as_ref()).collect();
        let tests = this.tests(root, &names);
        let built = (|| {
            Some(Contract {
                name: name?,
                crm: crm?,
                autonomy: autonomy?,
                retention,
                notes,
                mandatory,
                eligible: eligible?,
                matching: matching?,
                fields,
                owner: owner?,
                clock: clock?,
                locations,
                suppress,
                page,
                workflows,
                pilot,
                tests,
            })
        })();
        (built, std::mem::take(&mut this.places))
    }

    fn refuse_default_winner(&mut self, root: &Section) {
        let cause = "a winner for all fields at once is refused: nobody is always right";
        let cure = "write one winner sentence into each [field.…]";
        let refused = |k: &str| DEFAULT_WINNER.contains(&k);
        self.problems.retain(|p| {
            p.code != "RB-0204" || !DEFAULT_WINNER.iter().any(|k| p.cause.ends_with(&format!("no key {k}")))
        });
        for (key, _) in root.table.iter().filter(|(k, _)| refused(k.get_ref())) {
            self.say("RB-0207", cause, cure, key.span());
        }
    }

    /// The tables of a `[[list]]`.
    fn list<'a>(&mut self, section: &Section<'a>, key: &str) -> Vec<Section<'a>> {
        let Some((value, at)) = section.get(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            let path = section.path(key);
            let cause = format!("there can be several of {path}, and this is {}", article(value.type_str()));
            self.say("RB-0206", cause, format!("write [[{path}]] as the header, also where there is only one"), at);
            return Vec::new();
        };
        let mut found = Vec::new();
        for (place, item) in items.iter().enumerate() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    found.push(Section {
                        table,
                        at: item.span(),
                        path: format!("{}[{}]", section.path(key), place + 1),
                    });
                }
                other => self.wrong_kind(section, key, "a list of tables", other, item.span()),
            }
        }
        found
    }
}
