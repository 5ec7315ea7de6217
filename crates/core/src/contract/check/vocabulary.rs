//! Words that nothing ever says: a clause fed from a claim that no reader makes, a condition that asks for a value which its name never has.
//!
//! Both would be accepted, read well, and never do anything.

use super::super::model::*;
use super::super::parse::Places;
use super::conditions;
use crate::claim;
use crate::contract::did_you_mean;
use crate::decide::DECISIONS;
use crate::followup::clock::Urgency;
use crate::followup::condition::UNKNOWN;
use crate::identity::MatchKind;
use crate::problem::Problem;
use crate::workflow::fed_by_workflows;

/// What a claim of a handling flag is called, before the flag's name.
const FLAG: &str = "flag.";

/// Does anything feed a clause with that `from`?
fn fed(from: &str) -> bool {
    claim::FIELDS.contains(&from)
        || DECISIONS.contains(&from)
        || from.strip_prefix(FLAG).is_some_and(|flag| claim::FLAGS.contains(&flag))
        || fed_by_workflows(from)
}

/// Clauses that are fed by their own name, which nothing is called: they protect their property, and fill only what a test or a reader of the account's own
/// gives them.
pub fn unfed(contract: &Contract) -> Vec<&str> {
    let own = contract.fields.iter().filter(|(name, rule)| rule.from == **name && !fed(&rule.from));
    own.map(|(name, _)| name.as_str()).collect()
}

/// What feeds clauses, for people.
pub fn feeds() -> String {
    format!(
        "callers' words give {}, or {FLAG}<one of {}>; Ringback decides {}; providers give offer.<name>",
        claim::FIELDS.join(", "),
        claim::FLAGS.join(", "),
        DECISIONS.join(", ")
    )
}

/// Clauses that say to be fed by what nothing is called.
pub(super) fn misfed(contract: &Contract, places: &Places) -> Vec<Problem> {
    let mut found = Vec::new();
    for (name, rule) in contract.fields.iter().filter(|(name, rule)| rule.from != **name && !fed(&rule.from)) {
        let flags: Vec<String> = claim::FLAGS.iter().map(|flag| format!("{FLAG}{flag}")).collect();
        let known = claim::FIELDS.iter().chain(DECISIONS).copied();
        let near = did_you_mean(&rule.from, known.chain(flags.iter().map(String::as_str)));
        let list = feeds();
        let cure = match near {
            Some(near) => format!("did you mean from = {near:?}? {list}"),
            None => format!("write from = one of these: {list}"),
        };
        let cause = format!("nothing is ever called {:?}, so field.{name} would stay empty", rule.from);
        let at = places.of(&format!("field.{name}.from"));
        found.push(Problem { at, ..Problem::new("RB-0228", cause, cure) });
    }
    found
}

/// The types that a claim's values can have, the plainest first; what people say has no other one, and text holds everything. `None`: not known here.
fn types(from: &str) -> Option<&'static [&'static str]> {
    Some(match from {
        "urgency" | "reason_code" | "intent" | "sentiment" => &["choice", "text"],
        "budget" | "amount" => &["money", "text"],
        "callback_number" => &["phone", "text"],
        "email" => &["email", "text"],
        "when" => &["text", "date"],
        flag if flag.starts_with(FLAG) => &["bool", "text"],
        other if claim::FIELDS.contains(&other) => &["text"],
        _ => return None,
    })
}

/// Clauses of a type that no value of what feeds them ever has: each value would be kept back as one that does not fit.
pub(super) fn mistyped(contract: &Contract, places: &Places) -> Vec<Problem> {
    let mut found = Vec::new();
    // What is never written only protects its property, whatever type that has.
    for (name, rule) in contract.fields.iter().filter(|(_, rule)| rule.machine != Machine::Never) {
        let Some(types) = types(&rule.from).filter(|types| !types.contains(&rule.kind.word())) else { continue };
        let is = match types.first().copied().unwrap_or_default() {
            "bool" => "yes or no",
            "choice" => "one of a list",
            "money" => "an amount of money",
            "phone" => "a telephone number",
            "email" => "an e-mail address",
            _ => "free text",
        };
        let cause = format!("field.{name} is a {}, but {} is {is}", rule.kind.word(), rule.from);
        let written: Vec<String> = types
            .iter()
            .map(|word| match *word {
                "choice" => "{ choice = [\"…\"] }".to_owned(),
                word => format!("\"{word}\""),
            })
            .collect();
        let at = places.of(&format!("field.{name}.type"));
        let cure = format!("write type = {}", written.join(" or "));
        found.push(Problem { at, ..Problem::new("RB-0228", cause, cure) });
    }
    found
}

/// Every value that a name of a condition can have; none: anything may stand there.
fn values(name: &str) -> Option<Vec<&'static str>> {
    let kinds = [
        MatchKind::Customer,
        MatchKind::Lead,
        MatchKind::New,
        MatchKind::Ambiguous,
        MatchKind::Anonymous,
        MatchKind::Vendor,
    ];
    Some(match name {
        "inquiry.urgency" => Urgency::ALL.iter().map(|urgency| urgency.as_str()).collect(),
        "inquiry.intent" => claim::INTENTS.to_vec(),
        "inquiry.reason_code" => claim::REASON_CODES.to_vec(),
        "inquiry.flags" => claim::FLAGS.to_vec(),
        "call.category" => CATEGORIES.iter().copied().chain(["form"]).collect(),
        "match.kind" => kinds.iter().map(|kind| kind.as_str()).collect(),
        _ => return None,
    })
}

/// Comparisons with a value that the name never has.
pub(super) fn never(contract: &Contract, places: &Places) -> Vec<Problem> {
    let mut found = Vec::new();
    for (clause, at, when) in conditions(contract, places) {
        for (name, value) in when.compared() {
            let Some(known) = values(name) else { continue };
            if value == UNKNOWN || known.contains(&value) {
                continue;
            }
            let list = known.join(", ");
            let cure = match did_you_mean(value, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}? Possible are {list}"),
                None => format!("possible are {list}"),
            };
            let cause = format!("{clause}: {name} is never {value:?}");
            found.push(Problem { at: at.clone(), ..Problem::new("RB-0210", cause, cure) });
        }
    }
    found
}
