//! Whose record an offer is about, by exact keys alone, and which other records may be the same person.

use crate::crm::{Record, is_placeholder_name};
use crate::identity::{self, Candidate, Match, MatchKind, Phone};
use crate::inquiry::{Choice, Facts, Inquiry, ReviewKind};
use crate::offer::Subject;
use crate::roster::KnownNumber;
use std::collections::BTreeSet;

/// What somebody can be told by.
#[derive(Debug, Default)]
struct Keys {
    phones: BTreeSet<String>,
    emails: BTreeSet<String>,
    name: String,
}

impl Keys {
    fn of(record: &Record, facts: &Facts<'_>, region: &str) -> Self {
        let of = &facts.contract.matching.properties;
        let values = |names: &[String]| -> Vec<String> {
            let held = names.iter().filter_map(|n| record.properties.get(n));
            held.map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect()
        };
        let e164 = |raw: &String| match identity::phone(raw, region) {
            Phone::E164 { e164, .. } => Some(e164),
            _ => None,
        };
        let names = values(&of.name).into_iter().filter(|n| !is_placeholder_name(n)).collect::<Vec<_>>();
        Self {
            phones: values(&of.phone).iter().filter_map(e164).collect(),
            emails: values(&of.email).iter().filter_map(|raw| identity::email(raw)).collect(),
            name: names.join(" ").to_lowercase(),
        }
    }

    /// Keys that agree, and those that do not; what one of the two does not have does neither.
    fn compare(&self, other: &Self) -> (Vec<String>, Vec<String>) {
        let (mut agreed, mut disagreed) = (Vec::new(), Vec::new());
        let mut put = |name: &str, same: bool| if same { &mut agreed } else { &mut disagreed }.push(name.to_owned());
        for (name, a, b) in [("phone", &self.phones, &other.phones), ("email", &self.emails, &other.emails)] {
            if !a.is_empty() && !b.is_empty() {
                put(name, !a.is_disjoint(b));
            }
        }
        if !self.name.is_empty() && !other.name.is_empty() {
            put("name", self.name == other.name);
        }
        (agreed, disagreed)
    }
}

fn region<'a>(inquiry: &Inquiry, facts: &Facts<'a>) -> &'a str {
    let here = inquiry.location.as_ref().and_then(|l| facts.roster.location(l)).map_or("US", |l| l.region.as_str());
    if facts.crm_region.is_empty() { here } else { facts.crm_region }
}

fn exact(keys: &[String]) -> bool {
    keys.iter().any(|k| k == "phone" || k == "email")
}

/// Whose record it is; `None` while nobody has looked. A name links nobody, and neither does one key where another contradicts it.
pub(crate) fn matched(inquiry: &Inquiry, subject: &Subject, facts: &Facts<'_>) -> Option<Match> {
    let candidates = &inquiry.snapshot.as_ref()?.candidates;
    let of = &facts.contract.matching.properties;
    let kind_of = |record: &Record| if of.is_customer(record) { MatchKind::Customer } else { MatchKind::Lead };
    let answer = |kind, record: Option<&Record>, why: String| Match {
        kind,
        record: record.map(|r| r.id.clone()),
        agreed: Vec::new(),
        disagreed: Vec::new(),
        candidates: Vec::new(),
        why,
    };
    if let Some(id) = &subject.record {
        let named = |r: &&Record| r.id == *id || r.also_known_as.contains(id);
        // Merged into another record, that one is the first that was read.
        let first = candidates.first().filter(|_| inquiry.e164.is_none() && subject.email.is_none());
        return Some(match candidates.iter().find(named).or(first) {
            Some(record) => answer(kind_of(record), Some(record), "the offer names the record".into()),
            None => answer(MatchKind::Anonymous, None, format!("the CRM holds no record {id}")),
        });
    }
    let known = inquiry.e164.as_deref().and_then(|n| facts.roster.known(n));
    if known == Some(KnownNumber::Vendor) {
        return Some(answer(MatchKind::Vendor, None, "the number is listed as a supplier's".into()));
    }
    let theirs = Keys {
        phones: inquiry.e164.iter().filter(|_| known.is_none()).cloned().collect(),
        emails: subject.email.iter().cloned().collect(),
        name: String::new(),
    };
    let region = region(inquiry, facts);
    let mut seen: Vec<(&Record, Candidate)> = Vec::new();
    for record in candidates.iter().filter(|r| !r.archived) {
        let (agreed, disagreed) = theirs.compare(&Keys::of(record, facts, region));
        if exact(&agreed) {
            let customer = of.is_customer(record);
            seen.push((record, Candidate { record: record.id.clone(), customer, agreed, disagreed }));
        }
    }
    let all: Vec<Candidate> = seen.iter().map(|(_, c)| c.clone()).collect();
    let found = match seen.as_slice() {
        [] => answer(MatchKind::New, None, "no record holds this phone or e-mail address".into()),
        [(record, one)] if one.disagreed.is_empty() => {
            let why = format!("{} agrees with exactly one record", one.agreed.join(" and "));
            Match { agreed: one.agreed.clone(), ..answer(kind_of(record), Some(record), why) }
        }
        [(_, one)] => {
            let why = format!("{} agrees but {} does not", one.agreed.join(" and "), one.disagreed.join(" and "));
            answer(MatchKind::Ambiguous, None, why)
        }
        more => answer(MatchKind::Ambiguous, None, format!("{} records hold this phone or e-mail address", more.len())),
    };
    let found = Match { candidates: all, ..found };
    let pick = inquiry.approvals.iter().rev().find(|a| a.kind == ReviewKind::Match).map(|a| &a.choice);
    let (MatchKind::Ambiguous, Some(Choice::Pick { id })) = (found.kind, pick) else { return Some(found) };
    let why = "a person picked the record".to_owned();
    Some(match seen.iter().find(|(r, _)| r.id == *id) {
        Some((record, _)) => Match { candidates: found.candidates, ..answer(kind_of(record), Some(record), why) },
        None if id == "new" => answer(MatchKind::New, None, why),
        None => found,
    })
}

/// Other records that agree with that one in an exact key, with what agrees and what does not.
pub(crate) fn others(inquiry: &Inquiry, record: &str, facts: &Facts<'_>) -> Vec<Candidate> {
    let Some(snapshot) = &inquiry.snapshot else { return Vec::new() };
    let Some(own) = snapshot.candidates.iter().find(|r| r.id == record) else { return Vec::new() };
    let region = region(inquiry, facts);
    let keys = Keys::of(own, facts, region);
    let mut found: Vec<Candidate> = Vec::new();
    for other in snapshot.candidates.iter().filter(|r| r.id != record && !r.archived) {
        let (agreed, disagreed) = keys.compare(&Keys::of(other, facts, region));
        if exact(&agreed) {
            let customer = facts.contract.matching.properties.is_customer(other);
            found.push(Candidate { record: other.id.clone(), customer, agreed, disagreed });
        }
    }
    found.sort_by(|a, b| a.record.cmp(&b.record));
    found
}
