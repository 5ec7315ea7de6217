//! Laws of the conversation, read from the vendor's own log.

use super::{Verdict, View, tail};
use crate::world::{Account, Deed as Done};
use ringback_twins::hubspot::ObjectType;
use ringback_twins::log::{Deed, Logged, Seen};
use ringback_twins::sink::WebhookSink;
use std::collections::{BTreeMap, BTreeSet};

/// An unanswered write may land for so long: ten seconds of waiting and the vendor's ninety (its edge gives up on an origin after a hundred).
const IN_FLIGHT_MS: i64 = 100_000;

/// The key in a request, where it carries one, and whether it is a write.
fn keyed(entry: &Logged) -> Option<(String, bool)> {
    if entry.method == "POST" && entry.path.contains("/batch/upsert") {
        let body: serde_json::Value = serde_json::from_slice(&entry.body).ok()?;
        return Some((body["inputs"][0]["id"].as_str()?.to_owned(), true));
    }
    let path = entry.path.split('?').next().unwrap_or_default();
    let key = path.rsplit('/').next().filter(|k| k.starts_with("rb-"))?;
    (entry.method == "GET").then(|| (key.to_owned(), false))
}

fn lost(entry: &Logged) -> bool {
    matches!(entry.seen, Seen::TimedOut | Seen::Reset)
}

pub(super) fn protocol(view: &View<'_>, verdict: &mut Verdict) {
    let log: Vec<&Logged> = view.twin.log().iter().filter(|e| e.fault != Some("landed_late")).collect();
    let letter = view.account.letter;
    // Key → when a write for it went unanswered, and whether somebody has looked since.
    let mut open: BTreeMap<String, (i64, bool)> = BTreeMap::new();
    let mut last_write: BTreeMap<String, u64> = BTreeMap::new();
    let mut last_read: BTreeMap<String, u64> = BTreeMap::new();
    for entry in &log {
        if entry.status == Some(401) && entry.fault.is_none() {
            verdict.complain(format!(
                "account {letter}: a foreign credential was sent with {} {}",
                entry.method, entry.path
            ));
        }
        let Some((key, write)) = keyed(entry) else { continue };
        if let Some((at, looked)) = open.get_mut(&key) {
            if entry.at_ms < *at + IN_FLIGHT_MS {
                verdict.complain(format!(
                    "account {letter}: {key} was asked for {} ms after an unanswered write",
                    entry.at_ms - *at
                ));
            }
            if write && !*looked {
                verdict.complain(format!(
                    "account {letter}: {key} was written again without a look after an unanswered write"
                ));
            }
            // A look that was answered in any way counts: the engine knows then.
            *looked |= !write && !lost(entry);
        }
        if write && lost(entry) {
            open.insert(key.clone(), (entry.at_ms, false));
        } else if write {
            open.remove(&key);
        }
        if write {
            last_write.insert(key, entry.n);
        } else if entry.status == Some(200) && (entry.delivered() || entry.fault == Some("success_but_nothing")) {
            // A read that was asked to write nothing is answered in full.
            last_read.insert(key, entry.n);
        }
    }
    for (key, n) in &last_write {
        if last_read.get(key).is_none_or(|read| read < n) {
            verdict.complain(format!("account {letter}: {key} was written and never read back"));
        }
    }
    searches(view, &log, verdict);
    strangers(view, &log, verdict);
}

/// Nobody is made before the CRM was asked whether it knows the number.
fn searches(view: &View<'_>, log: &[&Logged], verdict: &mut Verdict) {
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for entry in log {
        if entry.path.ends_with("contacts/search") && entry.status == Some(200) {
            let body = String::from_utf8_lossy(&entry.body).into_owned();
            asked.extend(body.split('"').filter(|part| part.starts_with('+')).map(tail));
        }
        if entry.method == "POST" && entry.path.contains("contacts/batch/upsert") {
            let body: serde_json::Value = serde_json::from_slice(&entry.body).unwrap_or_default();
            // The half of a batch of one is nothing.
            let Some(input) = body["inputs"].get(0) else { continue };
            let number = input["properties"]["phone"].as_str().map(tail).unwrap_or_default();
            if !asked.contains(&number) {
                verdict.complain(format!(
                    "account {}: a contact for {number} was written before anybody looked",
                    view.account.letter
                ));
            }
        }
        for effect in &entry.effects {
            if effect.deed == Deed::Archived || effect.deed == Deed::Merged || effect.deed == Deed::Dissociated {
                verdict.forbid(format!(
                    "account {}: {:?} of {} {}",
                    view.account.letter, effect.deed, effect.object, effect.id
                ));
            }
        }
    }
}

/// Nothing about people who only ever called somebody else.
fn strangers(view: &View<'_>, log: &[&Logged], verdict: &mut Verdict) {
    let numbers = |ours: bool| -> BTreeSet<String> {
        let of = view.world.calls.iter().filter(|c| (c.account == view.at) == ours);
        of.filter_map(|c| c.e164().map(str::to_owned)).collect()
    };
    let (ours, theirs) = (numbers(true), numbers(false));
    let seeded: BTreeSet<String> = view.account.people.iter().map(|p| p.e164.clone()).collect();
    let foreign: Vec<&String> = theirs.iter().filter(|n| !ours.contains(*n) && !seeded.contains(*n)).collect();
    if foreign.is_empty() {
        return;
    }
    for entry in log {
        let body = String::from_utf8_lossy(&entry.body);
        if let Some(number) =
            foreign.iter().find(|n| body.contains(n.as_str()) || entry.path.contains(n.trim_start_matches('+')))
        {
            verdict.complain(format!(
                "account {}: the CRM was told of {number}, who called another account",
                view.account.letter
            ));
        }
    }
    for contact in view.twin.records(ObjectType::Contacts) {
        if foreign.iter().any(|n| contact.get("phone").is_some_and(|p| tail(p) == tail(n))) {
            verdict.complain(format!("account {}: contact {} called another account", view.account.letter, contact.id));
        }
    }
}

/// Pages: one per thing to say, however often it was sent.
pub(super) fn pages(sink: &WebhookSink, account: &Account, verdict: &mut Verdict) {
    if sink.refused() > 0 {
        verdict.complain(format!("account {}: {} pages with a wrong signature", account.letter, sink.refused()));
    }
    for page in sink.pages() {
        let body = page.value();
        if body["data"]["account"].as_str() != Some(account.id.as_str()) {
            verdict.complain(format!("account {}: a page of {}", account.letter, body["data"]["account"]));
        }
    }
}

/// What another system is told: each thing once, under one id and in one wording however often it came; of each inquiry in the order in which
/// it happened, and with nothing missing. Who has a task to be called back was told to be waiting; who was called back was told to be.
pub(super) fn events(view: &View<'_>, desk: &WebhookSink, verdict: &mut Verdict) {
    let (account, letter) = (view.account, view.account.letter);
    if account.desk_secret.is_none() {
        if desk.log().iter().next().is_some() {
            verdict.complain(format!("account {letter}: events were sent that nobody asked for"));
        }
        return;
    }
    if desk.refused() > 0 {
        verdict.complain(format!("account {letter}: {} events with a wrong signature", desk.refused()));
    }
    let mut told: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    let mut called = 0;
    for event in desk.pages() {
        let body = event.value();
        let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        if word("account") != account.id || word("event_id") != event.id {
            verdict.complain(format!("account {letter}: event {} is about {}", event.id, body["account"]));
        }
        if event.changed {
            verdict.double(format!("account {letter}: event {} came in two wordings", event.id));
        }
        if word("type") == "inquiry.called_back" {
            called += 1;
        }
        told.entry(word("inquiry")).or_default().push((body["sequence"].as_u64().unwrap_or(0), word("type")));
    }
    for (inquiry, events) in &told {
        let numbers: Vec<u64> = events.iter().map(|(n, _)| *n).collect();
        let whole: Vec<u64> = (1..=events.len() as u64).collect();
        if numbers != whole {
            verdict.lose(format!("account {letter}: events of {inquiry} came as {numbers:?}"));
        }
        let once = |what: &str| events.iter().filter(|(_, kind)| kind == what).count();
        if once("inquiry.opened") != 1 || events.first().is_none_or(|(_, kind)| kind != "inquiry.opened") {
            verdict.complain(format!("account {letter}: {inquiry} was opened {} times", once("inquiry.opened")));
        }
        for what in ["inquiry.closed", "booking.confirmed", "ticket.wanted"] {
            if once(what) > 1 {
                verdict.double(format!("account {letter}: {} times {what} of {inquiry}", once(what)));
            }
        }
    }
    for task in view.twin.records(ObjectType::Tasks) {
        let Some(stem) = task.get("rb_key").and_then(|key| key.strip_prefix("rb-task-")) else { continue };
        if !told.keys().any(|inquiry| inquiry.ends_with(stem)) {
            verdict.lose(format!("account {letter}: nobody was told of the inquiry of task rb-task-{stem}"));
        }
    }
    let acts = view.world.acts.iter().zip(&view.played.acted).filter(|(act, done)| **done && act.account == view.at);
    let tried = acts.filter(|(act, _)| matches!(act.what, Done::Reach(_) | Done::Try(_))).count();
    if called < tried {
        verdict.lose(format!("account {letter}: {tried} times somebody was called back, and {called} were told"));
    }
}
