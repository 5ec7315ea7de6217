//! What each workflow wishes for. Values in, values out; what it must not take up is an error with the reason.

use super::{AFTER_UNANSWERED, FIT_AT, INACTIVE_DAYS, MADE, OFFERED, SAMPLE, Workflow, WorkflowRule, who};
use crate::contract::{SuppressClass, Thousandths, percent};
use crate::decide;
use crate::identity::MatchKind;
use crate::inquiry::{CallbackResult, Choice, Contact, Facts, Inquiry, ReviewKind, STEER_AT};
use crate::offer::{HeldOffer, best};
use crate::plan::Source;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

pub(super) struct Case<'a> {
    pub(super) inquiry: &'a Inquiry,
    pub(super) facts: &'a Facts<'a>,
    pub(super) rule: &'a WorkflowRule,
}

#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) value: String,
    pub(super) confidence: u16,
    pub(super) source: Source,
    pub(super) asks: Option<(&'static str, String)>,
}

/// By what a clause says in `from`.
type Values = BTreeMap<String, Value>;

/// Values that mark an address as unsafe to write to.
const UNSAFE_ADDRESS: [&str; 7] =
    ["bounced", "invalid", "unsubscribed", "complained", "disposable", "undeliverable", "unsafe"];
/// Names under which a provider scores.
const SCORES: [&str; 2] = ["fit", "score"];
/// The most facts that a brief cites.
const CITED_MAX: usize = 12;

pub(super) fn of(workflow: Workflow, case: &Case<'_>) -> Result<Values, String> {
    match workflow {
        Workflow::InboundQualification => Ok(inbound_qualification(case)),
        // It recommends an owner, and no value.
        Workflow::HotLeadRouting => Ok(Values::new()),
        Workflow::OutboundCreation => outbound_creation(case),
        Workflow::OutboundResearch => outbound_research(case),
        Workflow::FollowUp => follow_up(case),
        Workflow::Lifecycle => lifecycle(case),
        Workflow::DuplicateCleanup => duplicate_cleanup(case),
        Workflow::DormantReactivation => dormant_reactivation(case),
    }
}

/// Everything that is offered. Where providers contradict each other a person is asked, whoever is surer.
fn offered(inquiry: &Inquiry) -> Values {
    let mut values = Values::new();
    for held in &inquiry.offers {
        let key = format!("{OFFERED}{}", held.name);
        if values.contains_key(&key) {
            continue;
        }
        let Some(found) = best(&inquiry.offers, &held.name) else { continue };
        let asks = found.against.map(|against| {
            let why = format!(
                "providers disagree: {} offers “{}”, {} offers “{}”",
                found.offer.provider, found.offer.value, against.provider, against.value
            );
            ("providers_disagree", why)
        });
        let (value, confidence) = (found.offer.value.clone(), found.offer.confidence);
        values.insert(key, Value { value, confidence, source: provider(&[found.offer]), asks });
    }
    values
}

fn provider(offers: &[&HeldOffer]) -> Source {
    let mut names: Vec<&str> = offers.iter().map(|o| o.provider.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match offers.iter().map(|o| o.as_of).min() {
        Some(as_of) => Source::Provider { name: names.join(", "), as_of },
        None => Source::Decision,
    }
}

fn asked(mut values: Values, because: &'static str, why: &str) -> Values {
    for value in values.values_mut() {
        value.asks.get_or_insert_with(|| (because, why.to_owned()));
    }
    values
}

fn made(values: &mut Values, name: &str, value: String, confidence: u16, source: Source) {
    values.insert(format!("{MADE}{name}"), Value { value, confidence, source, asks: None });
}

/// The record it is about. Before anybody has looked there is nothing to say.
fn record(inquiry: &Inquiry) -> Result<Option<&Contact>, String> {
    match (&inquiry.contact, &inquiry.matched) {
        (Some(contact), _) => Ok(Some(contact)),
        (None, None) => Ok(None),
        (None, Some(found)) if found.kind == MatchKind::Ambiguous => Ok(None),
        (None, Some(found)) => Err(format!("there is no record to work on: {}", found.why)),
    }
}

/// The highest score that is sure enough to steer anything, in thousandths.
pub(super) fn score(inquiry: &Inquiry, names: &[&str]) -> Option<Thousandths> {
    let offers = names.iter().filter_map(|n| best(&inquiry.offers, n));
    offers
        .filter(|b| b.offer.confidence >= STEER_AT && b.against.is_none())
        .filter_map(|b| thousandths(&b.offer.value))
        .max()
}

/// `0.82` as 820; nothing else is a score.
fn thousandths(text: &str) -> Option<Thousandths> {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if rest.len() > 6 || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: String = rest.chars().chain("000".chars()).take(3).collect();
    let value = whole.parse::<u16>().ok()?.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    (value <= 1000).then_some(value)
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// `Industry: B2B SaaS (acme, 2026-02-01, 92 %)`.
fn cited(offer: &HeldOffer) -> String {
    let name = offer.name.replace(['_', '-'], " ");
    let mut letters = name.chars();
    let first: String = letters.next().map(char::to_uppercase).into_iter().flatten().collect();
    let (of, sure) = (day(offer.as_of), percent(offer.confidence));
    format!("{first}{}: {} ({}, {of}, {sure})", letters.as_str(), offer.value, offer.provider)
}

/// Offers that may be cited: sure enough, and contradicted by nobody. Scores steer and are not told as facts.
fn facts_of(inquiry: &Inquiry) -> Vec<&HeldOffer> {
    let mut names: Vec<&str> = inquiry.offers.iter().map(|o| o.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let sure = names.into_iter().filter(|n| !SCORES.contains(n)).filter_map(|n| best(&inquiry.offers, n));
    let sure = sure.filter(|b| b.offer.confidence >= STEER_AT && b.against.is_none()).map(|b| b.offer);
    sure.take(CITED_MAX).collect()
}

/// Why somebody is held back from being reached, by the contract's classes and those that the workflow itself never reaches.
fn held_back(case: &Case<'_>, always: &[SuppressClass]) -> Option<&'static str> {
    let mut rules = case.facts.contract.suppress.clone();
    rules.classes.extend(always);
    let held = decide::suppressed_by(case.inquiry, case.facts, &rules);
    held.into_iter().find(|s| decide::holds(s.class).caller).map(|s| s.why)
}

fn inbound_qualification(case: &Case<'_>) -> Values {
    let inquiry = case.inquiry;
    let values = offered(inquiry);
    let kind = inquiry.matched.as_ref().map(|m| m.kind);
    if !matches!(kind, Some(MatchKind::New | MatchKind::Lead | MatchKind::Customer)) {
        return asked(values, "unclear_identity", "it is not clear who the caller is, so a person qualifies");
    }
    let source = inquiry.first_missed().or(inquiry.calls.first()).and_then(|c| c.attribution.source.as_ref());
    if source.is_none() {
        return asked(values, "unclear_source", "it is not known where the caller came from, so a person qualifies");
    }
    values
}

fn outbound_creation(case: &Case<'_>) -> Result<Values, String> {
    let inquiry = case.inquiry;
    let Some(found) = &inquiry.matched else { return Ok(Values::new()) };
    match found.kind {
        MatchKind::New => {}
        MatchKind::Ambiguous => return Ok(Values::new()),
        // It is made by us already; what is offered later goes the same way.
        _ if inquiry.contact.as_ref().is_some_and(|c| c.made) => {}
        MatchKind::Lead | MatchKind::Customer => {
            return Err(format!("the CRM has this person already, so nobody is made: {}", found.why));
        }
        MatchKind::Anonymous | MatchKind::Vendor => return Err(format!("nobody is made of it: {}", found.why)),
    }
    let sample = u32::from(case.rule.sample.unwrap_or(SAMPLE));
    let values = offered(inquiry);
    if inquiry.approved_before >= sample {
        return Ok(values);
    }
    let why = format!(
        "{} of {sample} prospects of this provider were approved so far; until then each is a person's to approve",
        inquiry.approved_before
    );
    Ok(asked(values, "sample", &why))
}

fn outbound_research(case: &Case<'_>) -> Result<Values, String> {
    let inquiry = case.inquiry;
    if record(inquiry)?.is_none() {
        return Ok(Values::new());
    }
    let least = case.rule.score_at.unwrap_or(FIT_AT);
    let fit = score(inquiry, &SCORES).ok_or("no provider gave a fit that is sure enough")?;
    if fit < least {
        return Err(format!("the fit is {}, and research begins at {}", percent(fit), percent(least)));
    }
    let cites = facts_of(inquiry);
    let mut values = offered(inquiry);
    let Some(sure) = cites.iter().map(|o| o.confidence).min() else {
        // What providers disagree about is a question all the same.
        let contradicted = values.values().any(|v| v.asks.is_some());
        let why = "no provider gave a fact that is sure enough to be cited";
        return if contradicted { Ok(values) } else { Err(why.into()) };
    };
    let brief = cites.iter().map(|o| cited(o)).collect::<Vec<_>>().join("\n");
    made(&mut values, "brief", brief, sure, provider(&cites));
    Ok(values)
}

fn follow_up(case: &Case<'_>) -> Result<Values, String> {
    let inquiry = case.inquiry;
    let nobody = |r: CallbackResult| matches!(r, CallbackResult::NoAnswer | CallbackResult::LeftMessage);
    let tries = inquiry.callbacks.iter().filter(|c| nobody(c.result)).count();
    let least = usize::from(case.rule.after_unanswered.unwrap_or(AFTER_UNANSWERED));
    let own = inquiry.workflow().is_some();
    if (own && record(inquiry)?.is_none()) || (!own && (!inquiry.open() || tries < least)) {
        return Ok(Values::new());
    }
    let always = [SuppressClass::OptedOut, SuppressClass::Customer, SuppressClass::OpenOpportunity];
    if let Some(why) = held_back(case, &always) {
        return Err(format!("{why}: no follow-up is drafted"));
    }
    if let Some(status) = best(&inquiry.offers, "email_status").map(|b| b.offer)
        && UNSAFE_ADDRESS.contains(&status.value.trim().to_lowercase().as_str())
    {
        return Err(format!("the address is {} ({}): no follow-up is drafted", status.value, status.provider));
    }
    let cites: Vec<&HeldOffer> = facts_of(inquiry).into_iter().filter(|o| o.name != "email_status").collect();
    let mut lines = vec![match (own, tries) {
        (true, _) => "Nobody replied. Next step: write once more, in your own words.".to_owned(),
        (false, 1) => "One call back reached nobody. Next step: try once more at another time of day.".to_owned(),
        (false, n) => format!("{n} call backs reached nobody. Next step: try once more at another time of day."),
    }];
    for field in ["service", "reason_code", "intent"] {
        if let Some(said) = inquiry.steering(field) {
            lines.push(format!("Asked about: {} (“{}”)", said.claim.value.text().replace('_', " "), said.quote));
            break;
        }
    }
    lines.extend(cites.iter().map(|o| cited(o)));
    let sure = cites.iter().map(|o| o.confidence).min().unwrap_or(1000);
    let mut values = offered(inquiry);
    made(&mut values, "next_step", lines.join("\n"), sure, provider(&cites));
    Ok(values)
}

fn lifecycle(case: &Case<'_>) -> Result<Values, String> {
    let inquiry = case.inquiry;
    let Some(contact) = record(inquiry)? else { return Ok(Values::new()) };
    if inquiry.matched.as_ref().is_some_and(|m| m.kind == MatchKind::Customer) {
        return Err("a customer already: no earlier stage is recommended".into());
    }
    let score = score(inquiry, &["score", "fit"]).ok_or("no provider gave a score that is sure enough")?;
    let stages = &case.rule.stages;
    let reached = stages.iter().rposition(|(at, _)| score >= *at);
    let Some((place, (at, stage))) = reached.and_then(|n| Some((n, stages.get(n)?))) else {
        return Err(format!("the score is {}, and no stage begins there", percent(score)));
    };
    let property = &case.facts.contract.matching.properties.lifecycle;
    let now = contact.record_held.properties.get(property).map_or("", |v| v.trim());
    if stages.iter().skip(place + 1).any(|(_, later)| later.eq_ignore_ascii_case(now)) {
        return Err(format!("the record is at {now} already, which is further than {stage}"));
    }
    let names = ["score", "fit"];
    let scored: Vec<&HeldOffer> = names.iter().filter_map(|n| best(&inquiry.offers, n)).map(|b| b.offer).collect();
    let mut reasons = vec![format!("The score of {} is at or above {} for {stage}.", percent(score), percent(*at))];
    reasons.extend(facts_of(inquiry).iter().map(|o| cited(o)));
    let sure = scored.iter().map(|o| o.confidence).max().unwrap_or(0);
    let mut values = offered(inquiry);
    made(&mut values, "stage", stage.clone(), sure, provider(&scored));
    made(&mut values, "stage_reason", reasons.join("\n"), sure, provider(&scored));
    let why = format!("a person changes the stage; {}", reasons.join(" "));
    Ok(asked(values, "stage_change", &why))
}

fn duplicate_cleanup(case: &Case<'_>) -> Result<Values, String> {
    let inquiry = case.inquiry;
    let Some(contact) = record(inquiry)? else { return Ok(Values::new()) };
    let others = who::others(inquiry, &contact.record, case.facts);
    let Some(first) = others.first() else {
        return Err("no other record agrees with this one in number or address".into());
    };
    let decided = inquiry.approvals.iter().rev().find(|a| a.kind == ReviewKind::Doubled).map(|a| &a.choice);
    let stays = match decided {
        Some(Choice::Pick { id }) => others.iter().find(|o| o.record == *id),
        Some(_) => None,
        None => Some(first),
    };
    let mut values = Values::new();
    // A person said that this one stays, or that they are different people.
    let Some(stays) = stays else { return Ok(values) };
    made(&mut values, "duplicate_of", stays.record.clone(), 1000, Source::Decision);
    if decided.is_some() || others.iter().any(|o| o.agreed.iter().any(|k| k == "email")) {
        return Ok(values);
    }
    let why = format!(
        "only {} agrees; a record is flagged by itself on the same e-mail address alone",
        stays.agreed.join(" and ")
    );
    Ok(asked(values, "weak_key", &why))
}

fn dormant_reactivation(case: &Case<'_>) -> Result<Values, String> {
    let inquiry = case.inquiry;
    let Some(contact) = record(inquiry)? else { return Ok(Values::new()) };
    // Whatever the contract holds back otherwise: none of these is ever reached out to by this workflow.
    let always = [SuppressClass::Customer, SuppressClass::OpenOpportunity, SuppressClass::OptedOut];
    if let Some(why) = held_back(case, &always) {
        return Err(format!("{why}: nothing is proposed"));
    }
    let last = best(&inquiry.offers, "last_activity").ok_or("no provider told when the last activity was")?.offer;
    let text = last.value.trim();
    let since = text.parse::<Timestamp>().map(day).or_else(|_| text.parse::<Date>());
    let since = since.map_err(|_| format!("the last activity is told as {text:?}, which is no day"))?;
    let days = day(last.as_of).since(since).map_or(0, |span| span.get_days());
    let least = i32::from(case.rule.inactive_days.unwrap_or(INACTIVE_DAYS));
    if days < least {
        return Err(format!("{days} days without activity, and {least} are set"));
    }
    let cites: Vec<&HeldOffer> = facts_of(inquiry).into_iter().filter(|o| o.name != "last_activity").collect();
    let mut lines = vec![format!("No activity since {since} ({}, {}).", last.provider, day(last.as_of))];
    lines.extend(cites.iter().map(|o| cited(o)));
    let mut all = cites;
    all.push(last);
    let sure = all.iter().map(|o| o.confidence).min().unwrap_or(0);
    let mut values = offered(inquiry);
    made(&mut values, "reactivation", lines.join("\n"), sure, provider(&all));
    let owner = case.facts.crm.and_then(|(_, words)| contact.record_held.properties.get(words.contact_owner));
    let owner = owner.and_then(|id| case.facts.roster.staff.iter().find(|s| s.crm_owner.as_ref() == Some(id)));
    let whose = owner.map_or_else(
        || "the account has no owner that is known here".to_owned(),
        |s| format!("{} owns the account and decides", s.name),
    );
    let why = format!("{whose}; nothing is sent");
    Ok(asked(values, "owner_decides", &why))
}
