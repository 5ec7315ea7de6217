//! What a contract must not say, beyond its form: clauses that contradict each other, the CRM's schema, or the roster.

mod roster;
mod schema;
mod vocabulary;

use super::model::*;
use super::parse::Places;
use crate::crm::Object;
use crate::followup::condition::{Condition, When};
use crate::problem::Problem;
use crate::workflow::{Workflow, fed_by_workflows};
use std::collections::BTreeMap;
use std::ops::Range;

pub use roster::check_roster;
pub use schema::{check_asked, check_schema, made_by_setup};
pub use vocabulary::{feeds, unfed};

/// The longest winner sentence, in characters.
pub const WINNER_CHARS_MAX: usize = 300;

/// Why a text is not one sentence, and what to do; `None` when it is one.
pub(super) fn sentence_problem(text: &str) -> Option<(&'static str, &'static str)> {
    let text = text.trim();
    let cure = "say in one sentence who wins a conflict and why";
    if text.chars().count() > WINNER_CHARS_MAX {
        return Some(("is longer than a sentence should be", cure));
    }
    if text.split_whitespace().count() < 3 {
        return Some(("is not a sentence", cure));
    }
    if !text.ends_with(['.', '!']) {
        return Some(("does not end like a sentence", "end it with a full stop"));
    }
    let inner = text.trim_end_matches(['.', '!']);
    // A full stop followed by a capital begins another sentence; "e.g. this" does not.
    let mut words = inner.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let next_is_capital = words.peek().and_then(|n| n.chars().next()).is_some_and(char::is_uppercase);
        if word.ends_with(['.', '!', '?']) && next_is_capital {
            return Some(("is more than one sentence", cure));
        }
    }
    None
}

/// The protected kind that a property's name gives away, whatever the contract calls it (F-102 to F-109). Properties that start with `rb_` are
/// Ringback's own and hold nobody's decision; a task's owner is Ringback's to set.
pub(super) fn protected_by_name(object: Object, property: &str) -> Option<Protected> {
    let name = property.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if name.starts_with("rb_") || matches!(object, Object::Task | Object::Call | Object::Note) {
        return None;
    }
    if has(&["owner"]) {
        Some(Protected::AccountOwner)
    } else if has(&["optout", "opt_out", "opt-out", "unsubscrib", "do_not_", "donot", "consent"]) {
        Some(Protected::OptOut)
    } else if has(&["dealstage", "stagename", "opportunity_stage"]) || (object == Object::Deal && name == "stage") {
        Some(Protected::OpportunityStage)
    } else if has(&["closedate", "close_date"]) {
        Some(Protected::CloseDate)
    } else if has(&["forecast"]) {
        Some(Protected::ForecastCategory)
    } else if has(&["legal", "procurement", "contract_terms"]) {
        Some(Protected::LegalNotes)
    } else if has(&["price", "pricing", "discount"]) || (object == Object::Deal && name.contains("amount")) {
        Some(Protected::Pricing)
    } else if has(&["lifecycle", "partner", "relationship", "customer_status", "customer_type"]) {
        Some(Protected::Relationship)
    } else {
        None
    }
}

/// What only shows when the whole contract is read.
pub(super) fn check(contract: &Contract, places: &Places) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |code, path: &str, cause: String, cure: String| {
        found.push(Problem { at: places.of(path), ..Problem::new(code, cause, cure) });
    };
    for (name, rule) in &contract.fields {
        let key = |k: &str| format!("field.{name}.{k}");
        let machine_acts = matches!(rule.machine, Machine::Update | Machine::FillEmpty);
        if rule.review_at > rule.write_at {
            let cause = format!("field.{name} asks a person above the confidence at which it writes by itself");
            say("RB-0209", &key("review_at"), cause, "review_at must not be above write_at".into());
        }
        if let Some(kind) = rule.protected.filter(|_| machine_acts) {
            let cause =
                format!("{} is a field of the kind {}, which is never changed silently", rule.target(), kind.word());
            say("RB-0212", &key("machine"), cause, "write machine = \"suggest\" or \"never\"".into());
        } else if machine_acts && matches!(rule.object, Object::Deal | Object::Company) {
            let cause =
                format!("{} belongs to a {}, which is read and never written", rule.target(), rule.object.as_str());
            say("RB-0212", &key("machine"), cause, "write machine = \"suggest\" or \"never\"".into());
        } else if machine_acts && rule.accountability {
            let cause = format!("field.{name} changes accountability, so a person decides, but its machine may write");
            let alone = "write machine = \"suggest\", or accountability = false if it changes nobody's standing";
            let and = if rule.truth == Truth::Human {
                "; its truth comes from people too: to fill only an empty field it also takes truth = \"crm\" with machine = \"fill_empty\""
            } else {
                ""
            };
            say("RB-0212", &key("machine"), cause, format!("{alone}{and}"));
        } else if machine_acts && rule.truth == Truth::Human {
            let cause = format!("the truth of field.{name} comes from people, but its machine may write");
            let cure = "write machine = \"suggest\"; or, to fill only an empty field, truth = \"crm\" with machine = \"fill_empty\" (a value that a person \
                typed is never overwritten, whatever truth says)";
            say("RB-0212", &key("machine"), cause, cure.into());
        }
        if let OnMissing::Default(text) = &rule.on_missing
            && !default_fits(text, &rule.kind)
        {
            let cause = format!("the default {text:?} of field.{name} does not fit its type {}", rule.kind.word());
            let cure = match &rule.kind {
                FieldType::Choice(options) => {
                    format!("write one of its choices, {}, or on_missing = \"flag\"", options.join(", "))
                }
                _ => "write a default of that type, or on_missing = \"flag\"".to_owned(),
            };
            say("RB-0218", &key("on_missing"), cause, cure);
        }
    }
    for name in &contract.mandatory {
        match contract.fields.get(name) {
            // A clause that stands there and is wrong is told by itself.
            None if places.has(&format!("field.{name}")) => {}
            None => {
                let near = super::did_you_mean(name, contract.fields.keys().map(String::as_str));
                let cure =
                    near.map_or_else(|| format!("add [field.{name}] or remove it"), |n| format!("did you mean {n}?"));
                say("RB-0218", "mandatory", format!("the mandatory field {name} is not mapped"), cure);
            }
            Some(rule) if rule.on_missing == OnMissing::Leave => {
                let cause = format!("field.{name} is mandatory, but nothing happens when it is missing");
                let path = format!("field.{name}.on_missing");
                say("RB-0218", &path, cause, "write on_missing = \"flag\" or a default".into());
            }
            Some(_) => {}
        }
    }
    if !matches!(contract.clock.emergency, Term::Minutes(_)) {
        let cause = "an emergency runs by wall time, so it needs minutes".to_owned();
        say("RB-0206", "clock.emergency", cause, "write emergency = \"5 min\"".into());
    }
    for (slug, rules) in &contract.locations {
        if rules.clock.as_ref().is_some_and(|c| !matches!(c.emergency, Term::Minutes(_))) {
            let cause = "an emergency runs by wall time, so it needs minutes".to_owned();
            say("RB-0206", &format!("location.{slug}.clock.emergency"), cause, "write emergency = \"5 min\"".into());
        }
    }
    found.extend(one_clause_per_property(contract, places));
    found.extend(contradictions(contract, places));
    found.extend(cycles(contract, places));
    found.extend(unsaid(contract, places));
    found.extend(vocabulary::misfed(contract, places));
    found.extend(vocabulary::mistyped(contract, places));
    found.extend(vocabulary::never(contract, places));
    found.extend(workflows(contract, places));
    found
}

/// What does not fit between a workflow and the clauses it feeds: a clause that is not there, that is fed from elsewhere, or that no workflow
/// feeds; and a switch that could bring nothing about.
fn workflows(contract: &Contract, places: &Places) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |path: &str, cause: String, cure: String| {
        found.push(Problem { at: places.of(path), ..Problem::new("RB-0227", cause, cure) });
    };
    for (workflow, rule) in &contract.workflows {
        let word = workflow.word();
        let path = |key: &str| format!("workflow.{word}.{key}");
        for name in &rule.fields {
            match contract.fields.get(name) {
                None if places.has(&format!("field.{name}")) => {}
                None => {
                    let near = super::did_you_mean(name, contract.fields.keys().map(String::as_str));
                    let cure = near
                        .map_or_else(|| format!("add [field.{name}] or remove it"), |n| format!("did you mean {n}?"));
                    say(&path("fields"), format!("workflow.{word} feeds {name}, which has no clause"), cure);
                }
                Some(clause) if !workflow.feeds(&clause.from) => {
                    let cause = format!("workflow.{word} feeds field.{name}, which is fed from {}", clause.from);
                    let own: Vec<String> =
                        workflow.about().outputs.iter().map(|o| format!("\"workflow.{o}\"")).collect();
                    let cure = if own.is_empty() {
                        "write from = \"offer.<the provider's name for it>\" into the clause".to_owned()
                    } else {
                        format!(
                            "write from = {} or \"offer.<the provider's name for it>\" into the clause",
                            own.join(", ")
                        )
                    };
                    say(&path("fields"), cause, cure);
                }
                Some(clause) if clause.object != Object::Contact => {
                    let cause =
                        format!("workflow.{word} feeds {}, and workflows write to contacts alone", clause.target());
                    say(&path("fields"), cause, "map the clause to a property of the contact".into());
                }
                Some(_) => {}
            }
        }
        if rule.on && rule.fields.is_empty() && *workflow != Workflow::HotLeadRouting {
            let cause = format!("workflow.{word} is on and feeds no clause, so nothing could come of it");
            say(&path("on"), cause, "name the clauses it may feed: fields = [\"…\"]".into());
        }
        if rule.on && *workflow == Workflow::Lifecycle && rule.stages.is_empty() {
            let cause = "workflow.lifecycle is on and knows no stage to recommend".to_owned();
            let cure = "say from which score each is recommended: stages = { marketingqualifiedlead = 0.60 }";
            say(&path("on"), cause, cure.into());
        }
    }
    for (name, clause) in contract.fields.iter().filter(|(_, clause)| fed_by_workflows(&clause.from)) {
        if !contract.workflows.values().any(|rule| rule.fields.contains(name)) {
            let cause = format!("field.{name} is fed from {}, and no workflow feeds it", clause.from);
            say(&format!("field.{name}.from"), cause, "name it in the fields of a workflow".into());
        }
    }
    found
}

/// Two clauses that feed one property are refused, with both places (F-091).
fn one_clause_per_property(contract: &Contract, places: &Places) -> Vec<Problem> {
    let mut by_target: BTreeMap<String, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for (name, rule) in &contract.fields {
        let Some(other) = by_target.insert(rule.target().to_ascii_lowercase(), name) else { continue };
        let cause =
            format!("field.{other} and field.{name} both go to {}, and nothing says which of them wins", rule.target());
        let mut problem = Problem::new(
            "RB-0208",
            cause,
            "keep one clause for that property, or give one of them a property of its own",
        );
        problem.at = places.of(&format!("field.{name}.to"));
        problem.also_at = places.of(&format!("field.{other}.to"));
        found.push(problem);
    }
    found
}

fn two_places(places: &Places, cause: String, cure: &str, at: &str, also_at: &str) -> Problem {
    let mut problem = Problem::new("RB-0219", cause, cure);
    problem.at = places.of(at);
    problem.also_at = places.of(also_at);
    problem
}

/// Two owner rules of one priority that always apply together and name different people: a person would be asked about every such call.
fn contradictions(contract: &Contract, places: &Places) -> Vec<Problem> {
    let rules: Vec<_> = contract
        .owner
        .rules
        .iter()
        .enumerate()
        .filter_map(|(n, rule)| Some((format!("owner.rule[{}]", n + 1), rule, Condition::parse(&rule.when).ok()?)))
        .collect();
    let mut found = Vec::new();
    for (n, (name, rule, when)) in rules.iter().enumerate() {
        let same = |(_, r, w): &&(String, &OwnerRule, Condition)| r.priority == rule.priority && w == when;
        let Some((other, earlier, _)) = rules.iter().take(n).find(same) else { continue };
        let cause = if earlier.to == rule.to {
            format!("{other} and {name} say the same: `{}` goes to {}", rule.when, rule.to)
        } else {
            format!(
                "{other} and {name} contradict each other: on `{}` and priority {} one names {}, the other {}",
                rule.when, rule.priority, earlier.to, rule.to
            )
        };
        let cure = "keep one of them, or give them different priorities";
        found.push(two_places(places, cause, cure, name, other));
    }
    found
}

/// Every condition that can be read, with the key that holds it (`owner.rule[1].when`) and where that stands.
fn conditions(contract: &Contract, places: &Places) -> Vec<(String, Option<Range<usize>>, Condition)> {
    let rules = contract.owner.rules.iter().enumerate().map(|(n, r)| (format!("owner.rule[{}].when", n + 1), &r.when));
    let asks = contract.fields.iter().filter_map(|(name, f)| Some((name, f.review_when.as_ref()?)));
    let reviews = asks.map(|(name, when)| (format!("field.{name}.review_when"), when));
    let read = |(key, text): (String, &When)| {
        let at = places.of(&key);
        Some((key, at, Condition::parse(text).ok()?))
    };
    rules.chain(reviews).filter_map(read).collect()
}

/// A condition that asks what was said of a field which no clause names: nothing is ever said of it, so it would be unknown for good.
fn unsaid(contract: &Contract, places: &Places) -> Vec<Problem> {
    let mut found = Vec::new();
    for (clause, at, when) in conditions(contract, places) {
        for name in when.more() {
            let Some(field) = name.strip_prefix("field.") else { continue };
            // A clause that stands there and is wrong is told by itself.
            if contract.fields.contains_key(field) || places.has(&format!("field.{field}")) {
                continue;
            }
            let cure = match super::did_you_mean(field, contract.fields.keys().map(String::as_str)) {
                Some(near) => format!("did you mean field.{near}?"),
                None => format!("add [field.{field}], or ask for a field that has a clause"),
            };
            let cause = format!("{clause} asks for {name}, and no clause is called so");
            found.push(Problem { at: at.clone(), ..Problem::new("RB-0210", cause, cure) });
        }
    }
    found
}

/// An owner rule that asks for a property which Ringback fills from the owner: the decision would feed its own condition.
fn cycles(contract: &Contract, places: &Places) -> Vec<Problem> {
    const DECIDED: [&str; 2] = ["owner", "due_at"];
    let mut found = Vec::new();
    for (n, rule) in contract.owner.rules.iter().enumerate() {
        let Ok(when) = Condition::parse(&rule.when) else { continue };
        for name in when.more() {
            let Some(property) = name.strip_prefix("record.") else { continue };
            let fed = contract.fields.iter().find(|(_, f)| {
                f.object == Object::Contact
                    && f.property == property
                    && DECIDED.contains(&f.from.as_str())
                    && f.machine != Machine::Never
            });
            let Some((field, clause)) = fed else { continue };
            let rule = format!("owner.rule[{}]", n + 1);
            let cause = format!(
                "{rule} asks for {name}, which field.{field} fills from the {} that the rule decides: a circle",
                clause.from.replace("due_at", "clock")
            );
            let cure = "ask for something that does not come from the owner, or let the clause go elsewhere";
            found.push(two_places(places, cause, cure, &rule, &format!("field.{field}")));
        }
    }
    found
}

fn default_fits(text: &str, kind: &FieldType) -> bool {
    match kind {
        FieldType::Choice(options) => options.iter().any(|o| o == text),
        FieldType::Text => true,
        FieldType::Number => fit(FieldValue::Number(text.into()), kind, None).is_ok(),
        FieldType::Bool => matches!(text, "true" | "false"),
        // A default amount, date, number or address would be an invention.
        FieldType::Money | FieldType::Date | FieldType::DateTime | FieldType::Phone | FieldType::Email => false,
    }
}

/// Clauses that would change silently what the CRM's own words protect (F-102 to F-109): its owner, opt-out, stage, close date, forecast and price
/// under the names that this vendor gives them. Such a clause is never written by itself, whatever it says.
pub fn check_words(contract: &Contract, words: &crate::crm::CrmWords) -> Vec<Problem> {
    let acts = |rule: &FieldRule| matches!(rule.machine, Machine::Update | Machine::FillEmpty);
    let silent = contract.fields.iter().filter(|(_, rule)| rule.protected.is_none() && acts(rule));
    let problem = |(name, rule): (&String, &FieldRule)| {
        let kind = words.protected_kind(rule.object, &rule.property)?;
        let cause = format!(
            "field.{name}: {} is a field of the kind {}, which is never changed silently",
            rule.target(),
            kind.word()
        );
        Some(Problem::new("RB-0212", cause, "write machine = \"suggest\" or \"never\""))
    };
    silent.filter_map(problem).collect()
}

/// Problems that name a clause, with its place in the text: what is found out by schema, words and roster has none of its own.
pub fn placed(mut problems: Vec<Problem>, text: &str) -> Vec<Problem> {
    let places = super::parse::places(text);
    for problem in problems.iter_mut().filter(|p| p.at.is_none()) {
        let clause: String =
            problem.cause.chars().take_while(|c| c.is_ascii_alphanumeric() || "._-[]".contains(*c)).collect();
        let clause = clause.trim_end_matches('.');
        if !clause.contains('.') && problem.code != "RB-0308" {
            continue;
        }
        let key = match problem.code {
            "RB-0212" => ".machine",
            "RB-0213" => ".to",
            "RB-0214" | "RB-0215" => ".type",
            "RB-0216" if clause.starts_with("owner.rule") => ".to",
            _ => "",
        };
        problem.at = places.of(&format!("{clause}{key}"));
    }
    problems
}

/// The connections that a contract names and the account does not have: the CRM it writes to, the webhook that pages. Both are names of connections, never
/// of vendors.
pub fn check_connections(crm: Option<&str>, webhook: Option<&str>, crms: &[&str], webhooks: &[&str]) -> Vec<Problem> {
    let unknown = |key: &str, named: Option<&str>, there: &[&str], what: &str| {
        let named = named.filter(|named| !there.contains(named))?;
        let near = super::did_you_mean(named, there.iter().copied());
        let near = near.or_else(|| there.iter().copied().find(|one| one.starts_with(named)));
        let cure = match (near, there) {
            (Some(near), _) => format!("did you mean {near:?}?"),
            (None, []) => format!("add an [[account.connection]] named {named:?} of {what}"),
            (None, some) => format!("write one of {}", some.join(", ")),
        };
        Some(Problem::new("RB-0308", format!("{key}: there is no connection {named:?} of {what}"), cure))
    };
    let crm = unknown("crm", crm, crms, "a CRM's vendor");
    crm.into_iter().chain(unknown("page.webhook", webhook, webhooks, "the vendor webhook")).collect()
}
