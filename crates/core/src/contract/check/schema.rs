//! What the CRM's own schema does not let a contract do: write into a property, or ask for one.

use super::super::did_you_mean;
use super::super::model::*;
use super::super::parse::Places;
use super::conditions;
use crate::crm::{CrmWords, KEY_PROPERTY, Object, PropertySpec, PropertyType};
use crate::effect::OWN_STAMPS;
use crate::followup::condition::UNKNOWN;
use crate::problem::Problem;

/// What the live schema of the CRM does not let the contract do (F-082). Problems name the clause; the account is paused for that field only.
pub fn check_schema(contract: &Contract, schema: &[(Object, PropertySpec)]) -> Vec<Problem> {
    let mut found = Vec::new();
    let writes = |rule: &FieldRule| rule.machine != Machine::Never;
    for (name, rule) in contract.fields.iter().filter(|(_, r)| writes(r)) {
        let target = rule.target();
        let Some((_, spec)) = schema.iter().find(|(o, s)| *o == rule.object && s.name == rule.property) else {
            let names = schema.iter().filter(|(o, _)| *o == rule.object).map(|(_, s)| s.name.as_str());
            // What set-up makes is missing until then, and nothing is misspelt.
            let near = did_you_mean(&rule.property, names).filter(|_| !ours(&rule.property));
            let cure = near.map_or_else(
                || missing_property(name, rule),
                |near| format!("did you mean {near}? Otherwise create the property in the CRM"),
            );
            found.push(Problem::new("RB-0213", format!("field.{name}: the CRM has no property {target}"), cure));
            continue;
        };
        if spec.read_only {
            let cause = format!("field.{name}: the CRM does not let anybody write {target}");
            found.push(Problem::new("RB-0214", cause, "map it to a property that can be written"));
        }
        match (&rule.kind, &spec.kind) {
            (FieldType::Choice(options), PropertyType::Choice(held)) => {
                let lacking: Vec<&str> = options.iter().filter(|o| !held.contains(o)).map(String::as_str).collect();
                if !lacking.is_empty() {
                    let cause = format!("field.{name}: {target} has no option {}", lacking.join(", "));
                    found.push(Problem::new(
                        "RB-0215",
                        cause,
                        "add the options in the CRM (their internal names), or take them out of the clause",
                    ));
                }
            }
            (kind, held) if !fits_property(kind, held) => {
                let cause = format!("field.{name} is {}, but {target} is {}", rule.kind.word(), property_word(held));
                found.push(Problem::new("RB-0214", cause, "change the type in the clause or the property in the CRM"));
            }
            _ => {}
        }
    }
    found
}

/// Of a name that is Ringback's own, so that it makes the property.
fn ours(property: &str) -> bool {
    property.starts_with("rb_")
}

/// What the cure of a missing property begins with where nobody has to do anything but set the CRM up.
const MADE_BY_SETUP: &str = "`ringback connect` makes it";

/// Is that the lack of a property which set-up makes?
pub fn made_by_setup(misfit: &Problem) -> bool {
    misfit.code == "RB-0213" && misfit.cure.starts_with(MADE_BY_SETUP)
}

/// A property of the caller's record that a contract asks for.
struct Asked {
    /// Where it is named: `match.properties.phone`.
    place: String,
    property: String,
    /// Values of it that mean something, and where those are named.
    values: Option<(String, Vec<String>)>,
    /// A condition compares to the letter; marks and customers are known whatever the capitals.
    to_the_letter: bool,
}

impl Asked {
    fn of(place: impl Into<String>, property: &str) -> Self {
        Self { place: place.into(), property: property.to_owned(), values: None, to_the_letter: false }
    }
}

/// Everything that a contract asks of the record of whoever calls: who it is, who is held back, what conditions look at.
fn asked(contract: &Contract) -> Vec<Asked> {
    let of = &contract.matching.properties;
    let mut found: Vec<Asked> = Vec::new();
    for (key, list) in [("phone", &of.phone), ("email", &of.email), ("name", &of.name)] {
        found.extend(list.iter().map(|property| Asked::of(format!("match.properties.{key}"), property)));
    }
    let customers = Some(("match.properties.customer_values".to_owned(), of.customer_values.clone()));
    found.push(Asked { values: customers, ..Asked::of("match.properties.lifecycle", &of.lifecycle) });
    found.push(Asked::of("match.properties.owner", &of.owner));
    let suppress = &contract.suppress;
    let strategic = suppress.strategic.iter().map(|mark| ("strategic", mark));
    for (word, mark) in strategic.chain(suppress.marked.iter().map(|(class, mark)| (class.word(), mark))) {
        let values = Some((format!("suppress.{word}.values"), mark.values.clone()));
        found.push(Asked { values, ..Asked::of(format!("suppress.{word}.property"), &mark.property) });
    }
    for (place, _, condition) in conditions(contract, &Places::default()) {
        for name in condition.more() {
            let Some(property) = name.strip_prefix("record.") else { continue };
            let compared = condition.compared().into_iter().filter(|(of, value)| *of == name && *value != UNKNOWN);
            let values = compared.map(|(_, value)| value.to_owned()).collect();
            let values = Some((place.clone(), values));
            found.push(Asked { values, to_the_letter: true, ..Asked::of(place.clone(), property) });
        }
    }
    found
}

/// What the contract asks of a contact and the live schema does not have: a property, or a value that its choices do not list. Nobody would be matched,
/// held back or routed by it. Problems begin with the place. Where no contact's schema was read nothing is known; and what the vendor's own words name is its translator's
/// to ask for, which may be where this schema does not show it (numbers that only one kind of person has).
pub fn check_asked(contract: &Contract, schema: &[(Object, PropertySpec)], words: &CrmWords) -> Vec<Problem> {
    let contacts: Vec<&PropertySpec> = schema.iter().filter(|(o, _)| *o == Object::Contact).map(|(_, s)| s).collect();
    if contacts.is_empty() {
        return Vec::new();
    }
    let made = contract.own_properties();
    let lists = [words.match_phones, words.match_emails, words.match_names, words.contact_reads];
    let made = |name: &str| {
        let own = name == KEY_PROPERTY || OWN_STAMPS.contains(&name);
        let vendors = [words.lifecycle, words.contact_owner].contains(&name) || lists.iter().any(|l| l.contains(&name));
        own || vendors || made.iter().any(|(object, spec)| *object == Object::Contact && spec.name == name)
    };
    let mut found = Vec::new();
    for Asked { place, property, values, to_the_letter } in asked(contract) {
        let Some(spec) = contacts.iter().find(|spec| spec.name == property) else {
            if !made(&property) {
                let cure = match did_you_mean(&property, contacts.iter().map(|spec| spec.name.as_str())) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "name a property of the CRM's contacts by its internal name, or take it out".to_owned(),
                };
                let cause = format!("{place}: the CRM has no property contact.{property}");
                found.push(Problem::new("RB-0213", cause, cure));
            }
            continue;
        };
        let (Some((place, values)), PropertyType::Choice(held)) = (values, &spec.kind) else { continue };
        let is = |option: &String, value: &String| {
            let (option, value) = (option.trim(), value.trim());
            if to_the_letter { option == value } else { option.eq_ignore_ascii_case(value) }
        };
        for value in values.iter().filter(|value| !held.iter().any(|option| is(option, value))) {
            let options = || held.iter().map(String::as_str);
            let cure = match did_you_mean(value, options()) {
                _ if value.trim().is_empty() => format!("write {UNKNOWN:?}: that is what stands for nothing"),
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("it has {}", options().take(OPTIONS_SHOWN).collect::<Vec<_>>().join(", ")),
            };
            let cause = format!("{place}: contact.{property} has no option {value:?}");
            found.push(Problem::new("RB-0215", cause, cure));
        }
    }
    found
}

/// Options of a property that one message names.
const OPTIONS_SHOWN: usize = 20;

/// How a property that the CRM does not have comes into being: Ringback makes those of its own name, everything else is the CRM's.
fn missing_property(name: &str, rule: &FieldRule) -> String {
    let (object, property) = (rule.object.as_str(), &rule.property);
    if ours(property) {
        return format!("{MADE_BY_SETUP}; otherwise remove field.{name}");
    }
    let kind = rule.kind.word();
    format!(
        "write to = \"{object}.rb_{property}\", which `ringback connect` then makes; or create it in the CRM's own settings ({object}, internal name {property}, of a \
         type that takes {kind}); or remove field.{name}"
    )
}

/// Values that the CRM keeps elsewhere (the ids of its owners) are text to whoever writes them: vendors' words for such types.
const ELSEWHERE: [&str; 6] = ["external_enumeration", "reference", "ownerlookup", "lookup", "user", "owner"];

fn fits_property(kind: &FieldType, held: &PropertyType) -> bool {
    match kind {
        FieldType::Text if matches!(held, PropertyType::Other(word) if ELSEWHERE.contains(&word.to_ascii_lowercase().as_str())) => {
            true
        }
        FieldType::Text | FieldType::Phone | FieldType::Email => *held == PropertyType::Text,
        FieldType::Choice(_) => matches!(held, PropertyType::Choice(_) | PropertyType::Text),
        FieldType::Number | FieldType::Money => *held == PropertyType::Number,
        FieldType::Date => *held == PropertyType::Date,
        FieldType::DateTime => *held == PropertyType::DateTime,
        FieldType::Bool => *held == PropertyType::Bool,
    }
}

fn property_word(held: &PropertyType) -> &str {
    match held {
        PropertyType::Text => "text",
        PropertyType::Number => "number",
        PropertyType::Date => "date",
        PropertyType::DateTime => "datetime",
        PropertyType::Bool => "bool",
        PropertyType::Choice(_) => "choice",
        PropertyType::Other(word) => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{DEFAULT_TEXT, parse, worked};
    use std::collections::BTreeSet;

    /// What is held against the schema is what a look at a person asks for: a property that one of them forgot would go unchecked, or be refused in vain.
    #[test]
    fn what_is_compared_is_what_is_asked() {
        let classes =
            "classes = [\"opted_out\", \"customer_with_open_issue\", \"open_opportunity\", \"strategic_account\"]";
        let marks = "classes = [\"opted_out\", \"investor\", \"strategic_account\"]\ninvestor = { property = \"kind\", values = [\"i\"] }\n\
            strategic = { property = \"tier\", values = [\"A\"] }";
        let when = "'inquiry.urgency in [\"emergency\", \"high\"]'";
        assert!(DEFAULT_TEXT.contains(classes) && DEFAULT_TEXT.contains(when));
        let text = DEFAULT_TEXT.replacen(classes, marks, 1).replacen(when, "'record.territory == \"west\"'", 1);
        let contract = parse(&text).0.unwrap();
        let own =
            contract.fields.values().filter(|rule| rule.object == Object::Contact).map(|rule| rule.property.clone());
        let words = worked::WORDS.contact_reads.iter().map(|name| (*name).to_owned()).chain(["rb_key".to_owned()]);
        let compared: BTreeSet<String> =
            asked(&contract).into_iter().map(|one| one.property).chain(own).chain(words).collect();
        let looked_at: BTreeSet<String> =
            crate::inquiry::asked_of_contacts(&contract, &worked::WORDS).into_iter().collect();
        assert_eq!(compared, looked_at);
    }
}
