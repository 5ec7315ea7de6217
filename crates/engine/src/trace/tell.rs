//! One write of the ledger as an answer.

use super::{Answer, Approved, CallSeen, Provider, Quote, Receipt, Rule, Ruling, STAMP, lost};
use crate::audit::{Sealed, Told, Trail};
use jiff::Timestamp;
use ringback_core::contract::{Contract, FieldRule};
use ringback_core::id::{CallId, InquiryId};
use ringback_core::plan::{Actor, Evidence};
use ringback_core::rollback::CLAUSE;
use serde_json::Value;
use std::collections::BTreeMap;

/// The word of a write whose verdict the ledger does not tell.
const NOT_TOLD: &str = "not_told";
/// Clauses of what every record of ours carries begin so.
pub(crate) const OF_EVERY_RECORD: &str = "workflow.";

/// A chain that is read, with the versions that decided in it.
pub(super) struct Chain<'a> {
    pub(super) inquiry: &'a str,
    pub(super) told: &'a [Told],
    pub(super) trail: &'a Trail,
    /// By id.
    pub(super) versions: &'a BTreeMap<String, Contract>,
}

pub(super) fn word(entry: &Told, name: &str) -> Option<String> {
    entry.body.get(name).and_then(Value::as_str).map(str::to_owned)
}

pub(super) fn is(entry: &Told, name: &str, wanted: &str) -> bool {
    entry.body.get(name).and_then(Value::as_str) == Some(wanted)
}

/// What the entry of a confirmed write tells of each of its fields, as entries of their own.
pub(super) fn fields(entry: &Told) -> Vec<Told> {
    let properties = entry.body.get("fields").and_then(Value::as_object);
    properties.into_iter().flat_map(|of| of.keys()).filter_map(|property| of_field(entry, property)).collect()
}

fn of_field(entry: &Told, property: &str) -> Option<Told> {
    let field = entry.body.get("fields")?.get(property)?.as_object()?;
    let mut one = entry.clone();
    let of = |name: &str| name.split_once('.').filter(|(_, of)| *of == property).map(|(which, _)| which.to_owned());
    one.sealed = one.sealed.into_iter().filter_map(|(name, value)| Some((of(&name)?, value))).collect();
    let body = one.body.as_object_mut()?;
    body.remove("fields");
    body.extend(field.clone());
    body.insert("field".into(), property.into());
    if !field.contains_key("reason") {
        let clause = field.get("clause").and_then(Value::as_str).unwrap_or_default();
        let workflow = clause.strip_prefix(OF_EVERY_RECORD).unwrap_or(clause);
        let object = entry.body.get("object").and_then(Value::as_str).unwrap_or("record");
        body.insert("reason".into(), format!("{workflow}: kept by every {object}").into());
    }
    Some(one)
}

impl Chain<'_> {
    /// The answer of one field of a write.
    pub(super) fn answer(&self, entry: &Told) -> Answer {
        let evidence = evidence(entry);
        let trigger = word(entry, "trigger");
        let from_trigger = trigger.as_deref().and_then(|t| t.strip_prefix("call ")).and_then(|t| t.split(' ').next());
        let call_id = evidence.as_ref().map(|e| e.call.as_str()).or(from_trigger);
        let call_entry = call_id.and_then(|id| self.before(entry.seq, |o| o.kind == "call" && is(o, "call", id)));
        let version = word(entry, "contract").and_then(|id| self.versions.get(&id));
        let (rule, field) = rule_of(entry, version);
        let verdict = self.verdict(entry);
        let by_rules = rule.clause.as_deref().is_none_or(|clause| !clause.starts_with(CLAUSE));
        let plan = self.plan_of(entry);
        let ruling = by_rules.then(|| Ruling {
            kind: "write".into(),
            because: verdict.and_then(|v| word(v, "because")).unwrap_or_else(|| {
                let stamp = rule.clause.as_deref().is_some_and(|clause| clause.starts_with(OF_EVERY_RECORD));
                if stamp { STAMP.into() } else { NOT_TOLD.into() }
            }),
            plan: plan.and_then(|p| word(p, "plan")),
            at: verdict.or(plan).map_or(entry.at, |told| told.at),
        });
        let winner = lost::Winner {
            entry,
            verdict,
            evidence: evidence.as_ref(),
            field: field.as_deref().filter(|_| by_rules),
            rule: field.as_ref().filter(|_| by_rules).and_then(|name| version?.fields.get(name)),
        };
        let lost = lost::of(self, &winner);
        Answer {
            object: word(entry, "object").unwrap_or_default(),
            record: word(entry, "record").unwrap_or_default(),
            property: word(entry, "field").unwrap_or_default(),
            inquiry: InquiryId::from_text(self.inquiry),
            at: entry.at,
            was: entry.sealed.get("old").filter(|old| old.text() != Some("")).cloned(),
            is: entry.sealed.get("new").cloned(),
            call: call_entry.map(|call| CallSeen {
                id: CallId::from_text(call_id.unwrap_or_default()),
                started_at: word(call, "started_at"),
                category: word(call, "category"),
                source: word(call, "source"),
                campaign: word(call, "campaign"),
            }),
            caller: call_entry.and_then(|call| call.sealed.get("caller").cloned()),
            quote: evidence.map(|evidence| self.quote(&evidence, entry)),
            trigger,
            source: word(entry, "source"),
            confidence: entry.body.get("confidence").and_then(Value::as_u64),
            actor: word(entry, "actor"),
            // Sentences may name the values they compare; what was erased is not told again by them.
            reason: word(entry, "reason").filter(|_| !self.erased(entry.seq)),
            approval: field.as_deref().and_then(|field| self.approval(field, entry)),
            provider: provider(entry, verdict),
            rule,
            verdict: ruling,
            lost,
            receipt: Receipt { effect: word(entry, "effect"), read_at: word(entry, "read_at") },
            seq: entry.seq,
            hash: self.trail.rows.iter().find(|row| row.seq == entry.seq).map(|r| r.hash.clone()).unwrap_or_default(),
        }
    }

    /// The latest entry before that place which is one of these.
    pub(super) fn before(&self, seq: i64, is_it: impl Fn(&Told) -> bool) -> Option<&Told> {
        self.told.iter().rev().find(|other| other.seq < seq && is_it(other))
    }

    /// The words of that entry were erased.
    pub(super) fn erased(&self, seq: i64) -> bool {
        self.trail.erased.as_ref().is_some_and(|(until, ..)| seq <= *until)
    }

    /// The verdict that a write follows.
    fn verdict(&self, entry: &Told) -> Option<&Told> {
        let to = format!("{}.{}", word(entry, "object")?, word(entry, "field")?);
        // What was decided again meanwhile names no clause of its own any more.
        let clause = word(entry, "clause").filter(|clause| !clause.starts_with(OF_EVERY_RECORD));
        let by_clause = |o: &Told| clause.as_deref().is_none_or(|clause| is(o, "clause", clause));
        let is_it = |o: &Told| o.kind == "verdict" && is(o, "to", &to) && is(o, "verdict", "write") && by_clause(o);
        self.before(entry.seq, is_it)
    }

    /// The plan that wanted what an entry says was done.
    pub(super) fn plan_of(&self, entry: &Told) -> Option<&Told> {
        let effect = word(entry, "effect")?;
        let wants = |o: &Told| {
            let effects = o.body.get("effects").and_then(Value::as_array);
            effects.into_iter().flatten().any(|e| e.get("id").and_then(Value::as_str) == Some(&effect))
        };
        self.before(entry.seq, |o| o.kind == "plan" && wants(o))
    }

    pub(super) fn quote(&self, evidence: &Evidence, entry: &Told) -> Quote {
        let (start, end) = (evidence.start as usize, evidence.end as usize);
        let words = match self.trail.value(entry.seq, entry.at, evidence.document.as_str()) {
            Sealed::Text(text) => Sealed::Text(text.chars().skip(start).take(end.saturating_sub(start)).collect()),
            expired @ Sealed::Expired { .. } => expired,
        };
        Quote {
            document: evidence.document.clone(),
            version: evidence.document_version,
            start: evidence.start,
            end: evidence.end,
            extractor: evidence.extractor.clone(),
            extractor_version: evidence.extractor_version,
            words,
        }
    }

    /// The latest decision of a person about that field before the write.
    fn approval(&self, field: &str, entry: &Told) -> Option<Approved> {
        let is_it = |o: &Told| {
            let yes = is(o, "choice", "approve") || is(o, "choice", "edit");
            o.kind == "decision" && is(o, "field", field) && yes
        };
        let decision = self.before(entry.seq, is_it).filter(|_| !is(entry, "actor", Actor::Machine.word()))?;
        Some(Approved {
            review: word(decision, "review"),
            by: word(decision, "by"),
            at: decision.at,
            choice: word(decision, "choice"),
        })
    }
}

pub(super) fn evidence(entry: &Told) -> Option<Evidence> {
    entry.body.get("evidence").and_then(|value| serde_json::from_value(value.clone()).ok())
}

fn provider(entry: &Told, verdict: Option<&Told>) -> Option<Provider> {
    let instant = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let named = verdict.and_then(|v| v.body.get("source")?.get("provider"));
    let by_name = named.and_then(|of| of.get("name")).and_then(Value::as_str).map(str::to_owned);
    // Entries name the provider in words too.
    let by_words = || word(entry, "source")?.strip_prefix("the provider ").map(str::to_owned);
    let name = by_name.or_else(by_words)?;
    Some(Provider { name, as_of: entry.body.get("as_of").and_then(instant) })
}

/// The clause as the version that decided says it, and the contract's own name of the field.
fn rule_of(entry: &Told, version: Option<&Contract>) -> (Rule, Option<String>) {
    let (id, clause) = (word(entry, "contract"), word(entry, "clause"));
    let (object, property) = (word(entry, "object"), word(entry, "field"));
    let is_it = |(_, rule): &(&String, &FieldRule)| {
        Some(rule.object.as_str()) == object.as_deref() && Some(&rule.property) == property.as_ref()
    };
    let of_workflow = clause.as_deref().is_some_and(|c| c.starts_with(OF_EVERY_RECORD));
    let from_clause = clause.as_deref().and_then(|c| c.strip_prefix("field.")).and_then(|c| c.split('.').next());
    let mapped = || version.and_then(|contract| contract.fields.iter().find(is_it).map(|(name, _)| name.clone()));
    let field = from_clause.map(str::to_owned).or_else(mapped);
    let sentence = version.zip(field.as_deref()).and_then(|(contract, name)| {
        let wanted = format!("field.{name}");
        contract.sentences().into_iter().find(|s| s.clause == wanted).map(|s| s.text)
    });
    let rule = Rule {
        winner: version.zip(field.as_deref()).and_then(|(contract, name)| contract.explain(name)),
        contract: id,
        workflow: word(entry, "workflow"),
        version: entry.body.get("workflow_version").and_then(Value::as_u64),
        field: field.clone(),
        clause,
        sentence: sentence.or_else(|| {
            of_workflow.then(|| {
                "Every inquiry has a contact, a call log and a callback task in the CRM; this is one of their own fields".to_owned()
            })
        }),
    };
    (rule, field)
}
