//! Tests beside the rules: every word of them is known, or told at its place.

use super::{Reader, Section};
use crate::claim;
use crate::contract::did_you_mean;
use crate::contract::model::*;
use crate::contract::trial;
use crate::workflow::Workflow;
use jiff::civil::DateTime;
use toml::de::{DeTable, DeValue};
use trial::say::{self as words, Takes};

/// Classes as which a contact can be marked.
const TAGS: [SuppressClass; 5] = [
    SuppressClass::StrategicAccount,
    SuppressClass::Competitor,
    SuppressClass::Partner,
    SuppressClass::Investor,
    SuppressClass::Regulated,
];

impl Reader {
    pub(super) fn tests(&mut self, root: &Section, fields: &[&str]) -> Vec<ContractTest> {
        let claims = claimed(root, fields);
        let mut tests: Vec<ContractTest> = Vec::new();
        for (place, section) in self.list(root, "test").into_iter().enumerate() {
            self.places.0.insert(format!("test[{}]", place + 1), section.at.clone());
            if place == trial::TESTS_MAX {
                let cause = format!("there are more than {} tests", trial::TESTS_MAX);
                self.say("RB-0217", cause, "keep those that show something different", section.at.clone());
                break;
            }
            self.known(&section, &["name", "given", "then"]);
            let name = self.required(&section, "name", "say what this test shows").map(|(t, _)| t.to_owned());
            for key in ["given", "then"] {
                if section.get(key).is_none() {
                    self.missing("RB-0205", &section, key, format!("add {key} = {{ … }}"));
                }
            }
            let given = self.section(&section, "given");
            let then = self.section(&section, "then");
            if let Some(given) = &given {
                self.given(given, fields, &claims);
            }
            if let Some(then) = &then {
                if then.table.is_empty() {
                    let cause = format!("{} expects nothing, so it would pass whatever happens", section.name());
                    let cure = "say what follows: then = { budget = \"review\" } or owner, clock, review, task, contact, caller";
                    self.say("RB-0205", cause, cure, then.at.clone());
                }
                self.then(then, fields, name.as_deref().unwrap_or_default());
            }
            if let (Some(name), Some(given), Some(then)) = (name, given, then) {
                if tests.iter().any(|t| t.name == name) {
                    self.say(
                        "RB-0206",
                        format!("two tests are called {name:?}"),
                        "give each its own name",
                        section.at.clone(),
                    );
                }
                tests.push(ContractTest { name, given: json_table(given.table), then: json_table(then.table) });
            }
        }
        tests
    }

    fn given(&mut self, section: &Section, fields: &[&str], claims: &[String]) {
        let keys: Vec<&str> = words::GIVEN.iter().map(|(k, _)| *k).collect();
        self.known(section, &keys);
        self.kinds(section, words::GIVEN);
        self.said(section, claims);
        if section.get("earlier").is_some()
            && let Some(earlier) = self.section(section, "earlier")
        {
            self.known(&earlier, &["call", "claims", "confidence"]);
            self.text(&earlier, "call");
            self.said(&earlier, claims);
        }
        if section.get("crm").is_some()
            && let Some(crm) = self.section(section, "crm")
        {
            for (key, value) in crm.table {
                if !key.get_ref().starts_with("contact.") {
                    let cause = format!("{} must be contact.<property>", key.get_ref());
                    let cure = "write \"contact.email\" = \"…\"; deals have their own key: deals = [{ name = \"…\" }]";
                    self.say("RB-0206", cause, cure, key.span());
                }
                if value.get_ref().as_str().is_none() {
                    self.wrong_kind(&crm, key.get_ref(), "text in quotes", value.get_ref(), value.span());
                }
            }
        }
        if section.get("ours").is_some()
            && let Some(ours) = self.section(section, "ours")
        {
            for (key, _) in ours.table {
                self.thousandths(&ours, key.get_ref());
            }
        }
        if section.get("offers").is_some()
            && let Some(offers) = self.section(section, "offers")
        {
            for (key, value) in offers.table {
                if value.get_ref().as_str().is_none() {
                    self.wrong_kind(&offers, key.get_ref(), "text in quotes", value.get_ref(), value.span());
                }
            }
        }
        let words: Vec<(&str, ())> = Workflow::all().iter().map(|a| (a.word, ())).collect();
        self.word(section, "workflow", &words);
        let tags: Vec<(&str, ())> = TAGS.iter().map(|c| (c.word(), ())).collect();
        for (text, at) in texts_of(section, "tags") {
            self.pick(&section.path("tags"), text, at, &tags);
        }
        let pairs: Vec<(&str, ())> = words::SETTERS.iter().map(|w| (*w, ())).collect();
        match section.get("set_by") {
            Some((DeValue::Table(_), _)) => {
                if let Some(table) = self.section(section, "set_by") {
                    for (key, _) in table.table {
                        self.word(&table, key.get_ref(), &pairs);
                    }
                }
            }
            Some(_) => {
                self.word(section, "set_by", &pairs);
            }
            None => {}
        }
        let pairs: Vec<(&str, ())> = CATEGORIES.iter().map(|w| (*w, ())).collect();
        self.word(section, "category", &pairs);
        self.word(section, "autonomy", super::AUTONOMY);
        let pairs: Vec<(&str, ())> = words::MATCHES.iter().map(|w| (*w, ())).collect();
        self.word(section, "match", &pairs);
        for deal in self.list(section, "deals") {
            self.known(&deal, &["name", "stage", "open"]);
            self.text(&deal, "name");
            self.text(&deal, "stage");
            self.flag(&deal, "open");
        }
        if let Some((text, at)) = text_of(section, "at")
            && text.parse::<DateTime>().is_err()
        {
            let cause = format!("{} is no time at the location", section.path("at"));
            self.say("RB-0206", cause, "write at = \"2026-03-03T10:00\"", at);
        }
        if section.get("later").is_some_and(|(v, _)| v.as_str().is_some()) {
            self.minutes(section, "later");
        }
        let pairs: Vec<(&str, ())> = fields.iter().map(|f| (*f, ())).collect();
        for key in ["approved", "rejected"] {
            let path = section.path(key);
            for (text, at) in texts_of(section, key) {
                self.pick(&path, text, at, &pairs);
            }
        }
    }

    /// Claims, and how sure the reader is of them.
    fn said(&mut self, section: &Section, known: &[String]) {
        self.sure(section);
        if section.get("claims").is_none() {
            return;
        }
        let Some(claims) = self.section(section, "claims") else { return };
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for (key, _) in claims.table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let cure = match did_you_mean(key.get_ref(), known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("name one of {}, or flag.<name>", claim::FIELDS.join(", ")),
            };
            let cause = format!("{} says {}, which is no claim and feeds no clause", section.name(), key.get_ref());
            self.say("RB-0204", cause, cure, key.span());
        }
        for (key, value) in claims.table {
            match value.get_ref() {
                DeValue::Table(_) => {
                    let Some(claim) = self.section(&claims, key.get_ref()) else { continue };
                    self.known(&claim, &["value", "confidence"]);
                    self.required(&claim, "value", "write value = \"…\"");
                    if claim.get("confidence").is_none() {
                        self.missing("RB-0205", &claim, "confidence", "write confidence = 0.90, or the value alone");
                    }
                    self.sure(&claim);
                }
                other if other.as_str().is_none() => {
                    self.wrong_kind(&claims, key.get_ref(), "text in quotes", other, value.span());
                }
                _ => {}
            }
        }
    }

    fn sure(&mut self, section: &Section) {
        self.thousandths(section, "confidence");
    }

    /// Every key is a field of this contract or one of the other things a test may expect; there are too many to list all of them.
    fn spoken_of(&mut self, section: &Section, known: &[&str], test: &str) {
        for (key, _) in section.table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let bare = name.strip_prefix("field.").unwrap_or(name);
            // Without quotes the name of a field is a table of its own.
            let inner = section.get(name).filter(|_| name == "field").and_then(|(value, _)| value.as_table());
            if let Some((inner, _)) = inner.and_then(|table| table.iter().next()) {
                let cause = format!("the test {test:?} speaks of field.{} without quotes", inner.get_ref());
                self.say("RB-0204", cause, format!("write \"field.{}\" = …, in quotes", inner.get_ref()), key.span());
                continue;
            }
            // A clause that stands there and is wrong is told by itself.
            if self.places.has(&format!("field.{bare}")) {
                continue;
            }
            let cause = format!("the test {test:?} speaks of {name}, which has no clause");
            let cure = match did_you_mean(name, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!(
                    "take it out of the test, add [field.{bare}], or name {}",
                    words::THEN.iter().map(|(k, _)| *k).collect::<Vec<_>>().join(", ")
                ),
            };
            self.say("RB-0204", cause, cure, key.span());
        }
    }

    fn then(&mut self, section: &Section, fields: &[&str], test: &str) {
        let kept = words::THEN.iter().map(|(k, _)| *k);
        let keys: Vec<String> = kept
            .map(str::to_owned)
            .chain(fields.iter().map(|f| (*f).to_owned()))
            .chain(fields.iter().map(|f| format!("field.{f}")))
            .collect();
        let known: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.spoken_of(section, &known, test);
        // A field may be called as something else that tests tell.
        let both = |key: &str, takes: Takes| {
            section.get(key).filter(|_| fields.contains(&key)).is_some_and(|(value, _)| {
                value.as_table().is_some()
                    || value.as_str().is_some_and(|word| words::VERDICTS.contains(&word) && takes != Takes::Text)
            })
        };
        let meant: Vec<&str> =
            words::THEN.iter().filter(|(key, takes)| both(key, *takes)).map(|(key, _)| *key).collect();
        for key in &meant {
            let at = section.get(key).map_or_else(|| section.at.clone(), |(_, at)| at);
            let cause = format!("{} is not the field {key}, but what tests call so", section.path(key));
            self.say("RB-0206", cause, format!("write \"field.{key}\" = …, in quotes, for the field"), at);
        }
        let plain: Vec<(&str, Takes)> = words::THEN.iter().filter(|(key, _)| !meant.contains(key)).copied().collect();
        self.kinds(section, &plain);
        for (key, list) in [("match", words::MATCHES), ("contact", words::CONTACTS), ("caller", words::CALLER)] {
            let pairs: Vec<(&str, ())> = list.iter().map(|w| (*w, ())).collect();
            self.word(section, key, &pairs);
        }
        let pairs: Vec<(&str, ())> = words::VERDICTS.iter().map(|w| (*w, ())).collect();
        for (key, value) in section.table {
            let name = key.get_ref().as_ref();
            if words::THEN.iter().any(|(k, _)| *k == name) || !known.contains(&name) {
                continue;
            }
            match value.get_ref() {
                DeValue::Table(_) => {
                    let Some(whole) = self.section(section, name) else { continue };
                    self.known(&whole, &["verdict", "because", "is", "was"]);
                    self.word(&whole, "verdict", &pairs);
                    for key in ["because", "is", "was"] {
                        if let Some((other, at)) = whole.get(key).filter(|(v, _)| v.as_str().is_none()) {
                            self.wrong_kind(&whole, key, "text in quotes", other, at);
                        }
                    }
                }
                _ => {
                    self.word(section, name, &pairs);
                }
            }
        }
    }

    /// Each key has the kind of value it takes; tables are read by themselves, words of closed sets too.
    fn kinds(&mut self, section: &Section, keys: &[(&str, Takes)]) {
        const CLOSED: [&str; 7] = ["autonomy", "set_by", "category", "match", "contact", "caller", "workflow"];
        for (key, takes) in keys.iter().filter(|(k, _)| !CLOSED.contains(k)) {
            match takes {
                Takes::Text => {
                    self.text(section, key);
                }
                Takes::Texts => {
                    self.texts(section, key);
                }
                Takes::Bool => {
                    self.flag(section, key);
                }
                Takes::Number => {
                    if let Some((value, at)) = section.get(key).filter(|(v, _)| v.as_integer().is_none()) {
                        self.wrong_kind(section, key, "a whole number", value, at);
                    }
                }
                Takes::Sure | Takes::Table => {}
            }
        }
    }
}

/// Every claim that a test may give: those that readers make, and whatever a clause of this contract is fed from.
fn claimed(root: &Section, fields: &[&str]) -> Vec<String> {
    let flags = claim::FLAGS.iter().map(|flag| format!("flag.{flag}"));
    let clauses = root.get("field").and_then(|(all, _)| all.as_table());
    let from = |clause: &DeTable| clause.get("from").and_then(|from| Some(from.get_ref().as_str()?.to_owned()));
    let sources =
        clauses.into_iter().flat_map(|t| t.values()).filter_map(|clause| clause.get_ref().as_table().and_then(from));
    let own = fields.iter().chain(claim::FIELDS).map(|name| (*name).to_owned());
    own.chain(flags).chain(sources).collect()
}

/// The text of a key, when it is one; what else is wrong with it is told elsewhere.
fn text_of<'a>(section: &Section<'a>, key: &str) -> Option<(&'a str, std::ops::Range<usize>)> {
    let (value, at) = section.get(key)?;
    Some((value.as_str()?, at))
}

fn texts_of<'a>(section: &Section<'a>, key: &str) -> Vec<(&'a str, std::ops::Range<usize>)> {
    let items = section.get(key).and_then(|(v, _)| v.as_array());
    items.into_iter().flatten().filter_map(|i| Some((i.get_ref().as_str()?, i.span()))).collect()
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
