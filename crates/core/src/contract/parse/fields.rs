//! The clauses of fields.

use super::{AUTONOMY, Reader, Section};
use crate::contract::check::{protected_by_name, sentence_problem};
use crate::contract::model::*;
use crate::crm::Object;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeValue;

const OBJECTS: &[(&str, Object)] = &[
    ("contact", Object::Contact),
    ("call", Object::Call),
    ("task", Object::Task),
    ("note", Object::Note),
    ("deal", Object::Deal),
    ("company", Object::Company),
];
const TRUTH: &[(&str, Truth)] = &[
    ("call", Truth::Call),
    ("crm", Truth::Crm),
    ("human", Truth::Human),
    ("decision", Truth::Decision),
    ("provider", Truth::Provider),
];
const MACHINE: &[(&str, Machine)] = &[
    ("update", Machine::Update),
    ("fill_empty", Machine::FillEmpty),
    ("suggest", Machine::Suggest),
    ("never", Machine::Never),
];
const UNDO: &[(&str, RollbackRule)] =
    &[("previous", RollbackRule::Previous), ("clear", RollbackRule::Clear), ("never", RollbackRule::Never)];
const TYPES: &[(&str, u8)] =
    &[("text", 0), ("number", 1), ("money", 2), ("date", 3), ("datetime", 4), ("bool", 5), ("phone", 6), ("email", 7)];

/// What CRMs call the objects.
const OTHER_OBJECTS: &[(&str, &str)] = &[
    ("lead", "contact"),
    ("person", "contact"),
    ("account", "company"),
    ("organization", "company"),
    ("organisation", "company"),
    ("opportunity", "deal"),
    ("activity", "call"),
    ("phonecall", "call"),
];

/// What others call our types.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("string", "\"text\""),
    ("varchar", "\"text\""),
    ("currency", "\"money\""),
    ("integer", "\"number\""),
    ("int", "\"number\""),
    ("float", "\"number\""),
    ("decimal", "\"number\""),
    ("boolean", "\"bool\""),
    ("checkbox", "\"bool\""),
    ("timestamp", "\"datetime\""),
    ("enum", "{ choice = [\"a\", \"b\"] }"),
    ("enumeration", "{ choice = [\"a\", \"b\"] }"),
    ("select", "{ choice = [\"a\", \"b\"] }"),
    ("dropdown", "{ choice = [\"a\", \"b\"] }"),
    ("picklist", "{ choice = [\"a\", \"b\"] }"),
];

impl Reader {
    pub(super) fn fields(&mut self, root: &Section) -> BTreeMap<String, FieldRule> {
        let mut fields = BTreeMap::new();
        let Some(all) = self.section(root, "field") else {
            if root.get("field").is_none() {
                self.missing(
                    "RB-0205",
                    root,
                    "[field.…]",
                    "map at least one field: without a written mapping nothing goes live",
                );
            }
            return fields;
        };
        for (key, _) in all.table {
            let name = key.get_ref().as_ref();
            if name == "default" || name == "defaults" || name == "*" || name == "winner" {
                let cause = "a winner for all fields at once is refused: nobody is always right";
                self.say("RB-0207", cause, "write one winner sentence into each [field.…]", key.span());
                continue;
            }
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if name.is_empty() || !name.chars().all(plain) {
                let cause = format!("{name:?} is no field name");
                self.say("RB-0206", cause, "use small letters, digits and _", key.span());
                continue;
            }
            if let Some(section) = self.section(&all, name)
                && let Some(rule) = self.field(name, &section)
            {
                fields.insert(name.to_owned(), rule);
            }
        }
        fields
    }

    pub(super) fn field(&mut self, name: &str, section: &Section) -> Option<FieldRule> {
        self.places.0.insert(section.path.clone(), section.at.clone());
        let keys = [
            "means",
            "from",
            "to",
            "type",
            "truth",
            "winner",
            "machine",
            "write_at",
            "review_at",
            "on_missing",
            "review_when",
            "rollback",
            "accountability",
            "protected",
            "autonomy",
        ];
        self.known(section, &keys);
        self.lacking(section);
        let means = self.text(section, "means").map(|(t, _)| t.to_owned());
        let target = self.target(section);
        let kind = self.field_type(section);
        let truth = self.word(section, "truth", TRUTH);
        let winner = self.winner(section);
        let machine = self.word(section, "machine", MACHINE);
        let write_at = self.thousandths(section, "write_at").unwrap_or(900);
        let review_at = self.thousandths(section, "review_at").unwrap_or(write_at.min(600));
        let on_missing = self.on_missing(section);
        let review_when = self.text(section, "review_when").map(|(when, at)| {
            self.condition(when, at);
            when.into()
        });
        let rollback = self.word(section, "rollback", UNDO).unwrap_or_default();
        let accountability = self.flag(section, "accountability").unwrap_or(false);
        let words: Vec<(&str, Protected)> = Protected::ALL.iter().map(|p| (p.word(), *p)).collect();
        let protected = self.word(section, "protected", &words);
        let autonomy = self.word(section, "autonomy", AUTONOMY);
        let from = self.text(section, "from").map_or_else(|| name.to_owned(), |(t, _)| t.to_owned());
        let (object, property) = target?;
        let protected = protected.or_else(|| protected_by_name(object, &property));
        Some(FieldRule {
            means: means?,
            from,
            object,
            property,
            kind: kind?,
            truth: truth?,
            winner: winner?,
            machine: machine?,
            write_at,
            review_at,
            on_missing,
            review_when,
            rollback,
            accountability,
            protected,
            autonomy,
        })
    }

    /// Everything that a clause lacks to be understood by a colleague, told once, with the lines to write.
    fn lacking(&mut self, section: &Section) {
        const NEEDED: [(&str, &str); 6] = [
            ("means", "means = \"…\", what it is, in words"),
            ("to", "to = \"contact.rb_…\", the CRM's internal name"),
            ("type", "type = \"text\" or another type"),
            (
                "truth",
                "truth = \"call\", \"crm\", \"human\", \"decision\" or \"provider\", where the true value comes from",
            ),
            ("winner", "winner = \"…\", one sentence that says who wins a conflict and why"),
            ("machine", "machine = \"suggest\", or \"update\", \"fill_empty\", \"never\""),
        ];
        let there = |key: &str| section.get(key).is_some() || self.meant.contains(&section.path(key));
        let lacks: Vec<_> = NEEDED.iter().filter(|(key, _)| !there(key)).collect();
        if lacks.is_empty() || self.broken {
            return;
        }
        let keys: Vec<&str> = lacks.iter().map(|(key, _)| *key).collect();
        let lines: Vec<&str> = lacks.iter().map(|(_, line)| *line).collect();
        self.say(
            "RB-0222",
            format!("{} has no {}", section.name(), keys.join(", no ")),
            format!("write {}", lines.join("; ")),
            section.at.clone(),
        );
    }

    pub(super) fn target(&mut self, section: &Section) -> Option<(Object, String)> {
        let (text, at) = self.text(section, "to")?;
        let path = section.path("to");
        let Some((object, property)) = text.split_once('.') else {
            let cure = format!("write to = \"contact.{text}\", or another object of the CRM before the dot");
            self.say("RB-0206", format!("{path} must be object.property, this is {text:?}"), cure, at);
            return None;
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if property.is_empty() || property.len() > 100 || !property.chars().all(plain) {
            let cause = format!("{path}: {property:?} is no property name");
            self.say("RB-0206", cause, "use the CRM's internal name of the property, not its label", at);
            return None;
        }
        if let Some((_, ours)) = OTHER_OBJECTS.iter().find(|(theirs, _)| *theirs == object.to_lowercase()) {
            let cause = format!("{path}: {object:?} is no object here");
            self.say("RB-0206", cause, format!("write to = \"{ours}.{property}\""), at);
            return None;
        }
        let object = self.pick(&path, object, at, OBJECTS)?;
        Some((object, property.to_owned()))
    }

    pub(super) fn field_type(&mut self, section: &Section) -> Option<FieldType> {
        let (value, at) = section.get("type")?;
        if matches!(value, DeValue::Table(_)) {
            let table = self.section(section, "type")?;
            self.known(&table, &["choice"]);
            let options = self.texts(&table, "choice")?;
            let mut seen = BTreeSet::new();
            for (option, at) in &options {
                if !seen.insert(*option) {
                    self.say(
                        "RB-0206",
                        format!("the option {option:?} is listed twice"),
                        "keep one of them",
                        at.clone(),
                    );
                }
            }
            if options.is_empty() {
                self.say("RB-0206", "a choice needs options", "list them: { choice = [\"a\", \"b\"] }", at);
                return None;
            }
            return Some(FieldType::Choice(options.into_iter().map(|(o, _)| o.to_owned()).collect()));
        }
        if let DeValue::Array(_) = value {
            let cause = format!("{} is a list, and does not say of what", section.path("type"));
            self.say("RB-0206", cause, "write type = { choice = [\"a\", \"b\"] }", at);
            return None;
        }
        if value.as_str() == Some("choice") {
            self.say("RB-0206", "a choice needs options", "write type = { choice = [\"a\", \"b\"] }", at);
            return None;
        }
        let word = value.as_str().unwrap_or_default().to_lowercase();
        if let Some((_, ours)) = OTHER_WORDS.iter().find(|(theirs, _)| *theirs == word) {
            let cause = format!("{} cannot be {word:?}", section.path("type"));
            self.say("RB-0206", cause, format!("write type = {ours}"), at);
            return None;
        }
        self.word(section, "type", TYPES).map(|n| match n {
            0 => FieldType::Text,
            1 => FieldType::Number,
            2 => FieldType::Money,
            3 => FieldType::Date,
            4 => FieldType::DateTime,
            5 => FieldType::Bool,
            6 => FieldType::Phone,
            _ => FieldType::Email,
        })
    }

    pub(super) fn winner(&mut self, section: &Section) -> Option<String> {
        let (text, at) = self.text(section, "winner")?;
        if let Some((cause, cure)) = sentence_problem(text) {
            self.say("RB-0207", format!("{} {cause}", section.path("winner")), cure, at);
            return None;
        }
        Some(text.trim().to_owned())
    }

    pub(super) fn on_missing(&mut self, section: &Section) -> OnMissing {
        let Some((value, at)) = section.get("on_missing") else { return OnMissing::Leave };
        let cure = "write on_missing = \"leave\", \"flag\" or { default = \"unknown\" }";
        match value {
            DeValue::Table(_) => {
                let Some(table) = self.section(section, "on_missing") else { return OnMissing::Leave };
                self.known(&table, &["default"]);
                match self.required(&table, "default", cure) {
                    Some((text, _)) => OnMissing::Default(text.to_owned()),
                    None => OnMissing::Leave,
                }
            }
            DeValue::String(word) if word == "leave" => OnMissing::Leave,
            DeValue::String(word) if word == "flag" => OnMissing::Flag,
            DeValue::String(word) => {
                let cause = format!("{} cannot be {word:?}", section.path("on_missing"));
                self.say("RB-0206", cause, format!("{cure}; a value to write is {{ default = {word:?} }}"), at);
                OnMissing::Leave
            }
            other => {
                self.wrong_kind(section, "on_missing", "leave, flag or a table with default", other, at);
                OnMissing::Leave
            }
        }
    }
}
