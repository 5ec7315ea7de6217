//! What else could have stood where a value stands, and why it does not.

use super::tell::{Chain, evidence, is, word};
use super::{Candidate, Lost, Provider};
use crate::audit::{Sealed, Told, take_sealed};
use jiff::Timestamp;
use ringback_core::claim::RejectReason;
use ringback_core::contract::FieldRule;
use ringback_core::inquiry::RejectCode;
use ringback_core::plan::{Actor, Evidence};
use ringback_core::rollback::CLAUSE;
use ringback_core::workflow::OFFERED;
use serde_json::Value;
use std::collections::BTreeSet;

/// The most candidates of one value, the surest first.
const LOST_MAX: usize = 20;

/// The value that stands there.
pub(super) struct Winner<'a> {
    pub(super) entry: &'a Told,
    pub(super) verdict: Option<&'a Told>,
    pub(super) evidence: Option<&'a Evidence>,
    /// The contract's name of the field.
    pub(super) field: Option<&'a str>,
    pub(super) rule: Option<&'a FieldRule>,
}

impl Winner<'_> {
    fn confidence(&self) -> Option<u64> {
        self.entry.body.get("confidence").and_then(Value::as_u64)
    }

    /// A person chose it: nothing else is asked of the others.
    fn by_person(&self) -> Option<&'static str> {
        is(self.entry, "actor", Actor::Person.word()).then_some("a person put another value")
    }
}

/// The candidates that lost. Of a value that no clause decided there are none but what stood there before.
pub(super) fn of(chain: &Chain<'_>, winner: &Winner<'_>) -> Vec<Lost> {
    let mut lost = Vec::new();
    if let Some(rule) = winner.rule {
        lost.extend(said(chain, winner, rule));
        lost.extend(offered(chain, winner, rule));
        lost.extend(not_admitted(chain, winner, rule));
    }
    lost.extend(rejected(chain, winner));
    lost.extend(stood(chain, winner));
    lost.sort_by_key(|one| (std::cmp::Reverse(one.confidence), one.kind, one.at));
    lost.truncate(LOST_MAX);
    lost
}

/// The id of a sealed value: equal values are one document, so that two can be compared when their words are gone.
fn document(chain: &Chain<'_>, seq: i64, name: &str) -> Option<String> {
    let row = chain.trail.rows.iter().find(|row| row.seq == seq)?;
    let mut body = serde_json::from_str(&row.body).ok()?;
    take_sealed(&mut body).into_iter().find(|(of, _)| of == name).map(|(_, id)| id)
}

/// What the same caller said of the same thing.
fn said(chain: &Chain<'_>, winner: &Winner<'_>, rule: &FieldRule) -> Vec<Lost> {
    let claims: Vec<&Told> = chain
        .told
        .iter()
        .filter(|o| o.kind == "claim" && o.seq < winner.entry.seq && is(o, "field", &rule.from))
        .collect();
    // The same words may have been read several times, and not as surely each time.
    let sure = |o: &Told| o.body.get("confidence").and_then(Value::as_u64);
    let of_winner = |o: &&&Told| evidence(o).as_ref() == winner.evidence && sure(o) == winner.confidence();
    let won = claims.iter().rev().find(of_winner).filter(|_| winner.evidence.is_some());
    // What a person put in its place lost too, else whoever says the same as the winner lost nothing.
    let mut same: BTreeSet<String> = BTreeSet::new();
    if winner.by_person().is_none() {
        same.extend(won.and_then(|won| document(chain, won.seq, "value")));
    }
    let decided = winner.verdict.map_or(winner.entry.seq, |v| v.seq);
    let mut lost = Vec::new();
    for claim in claims.iter().rev() {
        if !document(chain, claim.seq, "value").is_some_and(|id| same.insert(id)) {
            continue;
        }
        let confidence = sure(claim);
        let words = evidence(claim);
        let another_call = words.as_ref().map(|e| &e.call) != winner.evidence.map(|e| &e.call);
        let why = match (winner.by_person(), winner.evidence) {
            (Some(why), _) => why.to_owned(),
            (None, None) => "the clause is fed by something else".to_owned(),
            (None, Some(_)) if rule.from == "urgency" && another_call => {
                "of two calls the one that needs somebody sooner counts".to_owned()
            }
            (None, Some(_)) => match (confidence, won.and_then(|won| sure(won))) {
                (Some(sure), Some(surer)) if sure < surer => {
                    format!("it was heard less surely: {} against {}", percent(sure), percent(surer))
                }
                _ if claim.seq > decided => "it was heard after this was decided".to_owned(),
                _ => "of words that are heard as surely the later ones count".to_owned(),
            },
        };
        lost.push(Lost {
            kind: Candidate::Said,
            value: claim.sealed.get("value").cloned(),
            quote: words.map(|words| chain.quote(&words, claim)),
            provider: None,
            confidence,
            at: claim.at,
            why,
        });
    }
    lost
}

/// What providers offered under the same name.
fn offered(chain: &Chain<'_>, winner: &Winner<'_>, rule: &FieldRule) -> Vec<Lost> {
    let Some(name) = rule.from.strip_prefix(OFFERED) else { return Vec::new() };
    let sealed = format!("value.{name}");
    let source = word(winner.entry, "source").unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut lost = Vec::new();
    // Of one provider the newer word counts; the older ones are its own past.
    let offers = chain.told.iter().rev().filter(|o| o.kind == "offer" && o.seq < winner.entry.seq);
    for offer in offers.filter(|o| o.sealed.contains_key(&sealed)) {
        let Some(provider) = word(offer, "provider") else { continue };
        let first = seen.insert(provider.clone());
        let won = source == format!("the provider {provider}");
        if won && first {
            continue;
        }
        let number = |what: &str| offer.body.get(format!("{what}.{name}"));
        let confidence = number("confidence").and_then(Value::as_u64);
        let as_of = number("as_of").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok());
        let why = match (winner.by_person(), confidence, winner.confidence()) {
            (Some(why), ..) => why.to_owned(),
            _ if won || !first => "the same provider said something newer".to_owned(),
            (None, Some(sure), Some(surer)) if sure < surer => {
                format!("its provider is less sure: {} against {}", percent(sure), percent(surer))
            }
            _ => "of offers that are as sure the newer one counts".to_owned(),
        };
        lost.push(Lost {
            kind: Candidate::Offered,
            value: offer.sealed.get(&sealed).cloned(),
            quote: None,
            provider: Some(Provider { name: provider, as_of }),
            confidence,
            at: offer.at,
            why,
        });
    }
    lost
}

/// What was heard and not admitted. The value itself is not kept.
fn not_admitted(chain: &Chain<'_>, winner: &Winner<'_>, rule: &FieldRule) -> Vec<Lost> {
    let is_it = |o: &&Told| o.kind == "claim_rejected" && o.seq < winner.entry.seq && is(o, "field", &rule.from);
    let one = |o: &Told| {
        let reason = word(o, "reason").unwrap_or_default();
        let known = RejectReason::of(&reason).map(RejectReason::sentence);
        Lost {
            kind: Candidate::NotAdmitted,
            value: None,
            quote: None,
            provider: None,
            confidence: None,
            at: o.at,
            why: known.map_or(reason, str::to_owned),
        }
    };
    chain.told.iter().filter(is_it).map(one).collect()
}

/// What a person said no to before.
fn rejected(chain: &Chain<'_>, winner: &Winner<'_>) -> Vec<Lost> {
    let Some(field) = winner.field else { return Vec::new() };
    let is_it = |o: &&Told| {
        let no = o.kind == "decision" && is(o, "choice", "reject");
        no && o.seq < winner.entry.seq && is(o, "field", field)
    };
    let one = |o: &Told| {
        // What a person wrote may name the value; the code beside it does not.
        let code = word(o, "code").and_then(|code| RejectCode::of(&code)).map(RejectCode::sentence);
        Lost {
            kind: Candidate::Rejected,
            value: o.sealed.get("value").cloned(),
            quote: None,
            provider: None,
            confidence: None,
            at: o.at,
            why: code.map_or_else(|| "a person said no to it".to_owned(), |c| format!("a person said no to it: {c}")),
        }
    };
    chain.told.iter().filter(is_it).map(one).collect()
}

/// What stood in the CRM before.
fn stood(chain: &Chain<'_>, winner: &Winner<'_>) -> Option<Lost> {
    let was = winner.entry.sealed.get("old").filter(|old| old.text() != Some(""))?;
    let property = word(winner.entry, "field").unwrap_or_default();
    let id = document(chain, winner.entry.seq, &format!("old.{property}"));
    if id.is_some() && id == document(chain, winner.entry.seq, &format!("new.{property}")) {
        return None;
    }
    let ours = chain.before(winner.entry.seq, |o| {
        o.kind == "write"
            && word(o, "record") == word(winner.entry, "record")
            && id.is_some()
            && document(chain, o.seq, &format!("new.{property}")) == id
    });
    let by = |actor: Actor| is(winner.entry, "actor", actor.word());
    let taken_back = word(winner.entry, "clause").is_some_and(|clause| clause.starts_with(CLAUSE));
    let why = if taken_back {
        "a rollback took it back".to_owned()
    } else if by(Actor::Person) {
        "a person put another value in its place".to_owned()
    } else if by(Actor::ApprovedMachine) {
        "a person approved the change".to_owned()
    } else if ours.is_some() {
        "Ringback had written it, and what is written now is as sure or surer".to_owned()
    } else if let Some(rule) = winner.rule {
        format!("no person had set it, and the clause says: {}", rule.winner)
    } else {
        "the record is kept so by every inquiry".to_owned()
    };
    let (value, at) = (Some(was.clone()), winner.entry.at);
    let (quote, provider, confidence) = (None, None, None);
    Some(Lost { kind: Candidate::Crm, value, quote, provider, confidence, at, why })
}

fn percent(thousandths: u64) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

impl Lost {
    /// It can still be read.
    pub fn text(&self) -> Option<&str> {
        self.value.as_ref().and_then(Sealed::text)
    }
}
