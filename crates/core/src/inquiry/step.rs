//! Moving an inquiry by one event.

use super::desire::{self, Reach};
use super::emitted::Before;
use super::mode::{ClockOf, Live, Mode, Rehearsal, tell};
use super::undo::UNDO;
use super::*;
use crate::consent::{Cleared, SaidBy};
use crate::contract::Contract;
use crate::crm::{Object, PersonKey};
use crate::decide::{Ruling, owner_facts};
use crate::effect::{EFFECT_SCHEMA, Effect, Need, OWN_STAMPS, emits};
use crate::ensure::DEAL_MARK;
use crate::followup::calendar::Calendar;
use crate::followup::clock::{self, Cohort, Urgency};
use crate::followup::owner::{self, Assignment};
use crate::identity::{self, MatchKind};
use crate::plan::{Actor, PLAN_SCHEMA, VerdictKind};
use crate::roster::KnownNumber;
use crate::workflow;
use jiff::SignedDuration;

/// After an unanswered or declined callback the next one is proposed this much later.
pub(super) const NEXT_CALLBACK_MINUTES: i64 = 120;

/// The choice that several records are several people.
pub const APART: &str = "apart";

/// Moves an inquiry by one event. Total and deterministic.
pub fn step(mut inquiry: Inquiry, event: &Event, facts: &Facts<'_>, now: Timestamp) -> Step {
    let urgency_before = inquiry.urgency();
    let before = Before::of(&inquiry, facts);
    let in_force = holds_of(facts, now);
    let facts = &Facts { holds: &in_force, ..*facts };
    let mut live = Live;
    let mut moving = Moving::new(&mut inquiry, facts, now, &mut live);
    let verdicts = moving.decide(event);
    let plan = moving.plan(verdicts, before.as_ref());
    moving.note_urgency(urgency_before);
    let Moving { drafts, timers, opened, closed, .. } = moving;
    Step { inquiry, drafts, plan, timers, opened_reviews: opened, closed_reviews: closed }
}

/// What rollbacks have put before a person at that moment.
fn holds_of(facts: &Facts<'_>, now: Timestamp) -> Vec<Hold> {
    facts.holds.iter().filter(|h| h.in_force(now)).cloned().collect()
}

/// What was decided at one moment of a rehearsal, and what of it would be brought about.
pub(crate) struct Rehearsed<'c> {
    pub(crate) rulings: Vec<Ruling<'c>>,
    pub(crate) reach: Reach,
    /// Questions about values are put to people by now.
    pub(crate) asks: bool,
}

/// An inquiry in rehearsal: the same steps, with every write taken to succeed at once. Effects, receipts, timers and answers about values are
/// not among its events.
#[derive(Clone)]
pub(crate) struct Course {
    pub(crate) inquiry: Inquiry,
    mode: Rehearsal,
}

impl Course {
    /// Of an inquiry about which nothing is decided yet. One course is always moved under the same facts, but for the holds.
    pub(crate) fn of(inquiry: Inquiry) -> Self {
        Self { inquiry, mode: Rehearsal::default() }
    }

    /// The first half of a step: who it is, when it is due, who calls back, what people are asked about that.
    pub(crate) fn move_on(&mut self, event: &Event, facts: &Facts<'_>, now: Timestamp) {
        let in_force = holds_of(facts, now);
        let facts = &Facts { holds: &in_force, ..*facts };
        let mut moving = Moving::new(&mut self.inquiry, facts, now, &mut self.mode);
        moving.move_on(event);
        moving.ask_about_caller();
    }

    /// The second half: what is written, kept, asked. `contract` is that of the facts. A rehearsal may leave it out while nothing can be done
    /// with a value, for its outcome is read by nothing but what follows from it.
    pub(crate) fn rulings<'c>(&self, facts: &Facts<'_>, contract: &'c Contract, now: Timestamp) -> Vec<Ruling<'c>> {
        let in_force = holds_of(facts, now);
        let facts = &Facts { holds: &in_force, ..*facts };
        crate::decide::rulings(&self.inquiry, facts, contract, &workflow::weigh(&self.inquiry, facts))
    }

    /// Which records would be written to.
    pub(crate) fn reach(&self, rulings: &[Ruling<'_>], facts: &Facts<'_>) -> Reach {
        let writes = |r: &&Ruling<'_>| r.kind == VerdictKind::Write && r.rule.object == Object::Contact;
        let written = |by_person: bool| rulings.iter().filter(writes).any(|r| !by_person || r.actor != Actor::Machine);
        desire::reach(&self.inquiry, written, facts)
    }

    /// What was decided stands there at once.
    pub(crate) fn bring_about<'c>(
        &mut self,
        rulings: Vec<Ruling<'c>>,
        facts: &Facts<'_>,
        now: Timestamp,
    ) -> Rehearsed<'c> {
        let reach = self.reach(&rulings, facts);
        let mut moving = Moving::new(&mut self.inquiry, facts, now, &mut self.mode);
        moving.bring_about(&rulings, reach);
        self.reached(rulings, reach, facts)
    }

    /// What was decided, where the record is as it shall be already.
    pub(crate) fn reached<'c>(&self, rulings: Vec<Ruling<'c>>, reach: Reach, facts: &Facts<'_>) -> Rehearsed<'c> {
        // As soon as the record is there it is asked about.
        Rehearsed { rulings, reach, asks: desire::asks_fields(&self.inquiry, facts) }
    }
}

/// Transcripts of this call that have not been read into the inquiry yet.
pub fn wants_reading<'a>(inquiry: &Inquiry, call: &'a InquiryCall) -> Vec<&'a Transcript> {
    let known = inquiry.calls.iter().find(|c| c.id == call.id);
    call.transcripts
        .iter()
        .filter(|t| known.is_none_or(|k| !k.transcripts.iter().any(|seen| seen.document == t.document)))
        .collect()
}

/// One property of a confirmed write, as its entry tells it.
#[derive(serde::Serialize)]
pub(super) struct WrittenField {
    pub(super) source: String,
    /// Thousandths.
    pub(super) confidence: Option<u16>,
    pub(super) actor: &'static str,
    /// `None`: what the workflow writes into every record of that kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    pub(super) clause: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<Evidence>,
    /// As of when a provider offered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) as_of: Option<Timestamp>,
}

pub(super) struct Moving<'a, M> {
    pub(super) inquiry: &'a mut Inquiry,
    pub(super) drafts: Vec<Draft>,
    timers: Vec<Timer>,
    opened: Vec<Review>,
    closed: Vec<ReviewId>,
    pub(super) facts: &'a Facts<'a>,
    pub(super) now: Timestamp,
    mode: &'a mut M,
}

impl<'a, M: Mode> Moving<'a, M> {
    fn new(inquiry: &'a mut Inquiry, facts: &'a Facts<'a>, now: Timestamp, mode: &'a mut M) -> Self {
        let (drafts, timers, opened, closed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { inquiry, drafts, timers, opened, closed, facts, now, mode }
    }

    /// Takes the event in and decides everything anew.
    fn decide(&mut self, event: &Event) -> Vec<Verdict> {
        self.move_on(event);
        self.verdicts()
    }

    /// Who it is, when it is due, who calls back.
    fn move_on(&mut self, event: &Event) {
        self.take_in(event);
        self.match_caller();
        self.run_clock();
        self.choose_owner();
        if M::LIVE {
            self.climb();
        }
    }

    /// What is written, kept, asked.
    fn verdicts(&mut self) -> Vec<Verdict> {
        let weighed = workflow::weigh(self.inquiry, self.facts);
        let (verdicts, unmapped) = crate::decide::decide_weighed(self.inquiry, self.facts, &weighed);
        self.set_aside(weighed.aside);
        self.inquiry.unmapped = unmapped;
        self.ask(&verdicts);
        verdicts
    }

    fn take_in(&mut self, event: &Event) {
        match event {
            Event::Call { call } => self.take_call(call),
            Event::Read { call, transcript, reading, summary, quotes } => {
                self.take_reading(call, transcript, reading, summary, quotes);
            }
            Event::Found { effect, read_at, records, memory } => self.take_found(effect, *read_at, records, memory),
            Event::Settled { effect, target, receipt } => self.take_settled(effect, target, receipt),
            Event::Dead { effect, target, why } => self.take_dead(effect, target, why),
            Event::Moved { effect, target, record } => self.take_moved(effect, target, record),
            Event::Timer { kind } => self.take_timer(*kind),
            Event::Decided { review, choice, by } => self.take_decision(review, choice, by),
            Event::Assigned { to, by } => self.take_assignment(to, by),
            Event::Taken { by } => {
                self.inquiry.taken_by = Some(by.clone());
                tell!(self, Draft::new("taken").with("by", by));
            }
            Event::CalledBack { result, note, by, booked_for } => {
                self.take_callback(*result, note.as_deref(), *booked_for, by);
            }
            Event::Replayed { effect, target, by } => {
                self.settle_target(target, effect, Progress::Planned, None, None);
                tell!(self, Draft::new("replayed").with("effect", effect).with("target", target).with("by", by));
            }
            Event::Paused { effect, target, properties } => {
                self.settle_target(target, effect, Progress::Superseded, None, Some("a clause of it is paused"));
                let draft = Draft::new("paused").with("effect", effect).with("target", target);
                tell!(self, draft.with("properties", properties));
            }
            Event::Withheld { effect, target } => {
                self.settle_target(target, effect, Progress::Superseded, None, Some("the account's level was lowered"));
                tell!(self, Draft::new("withheld").with("effect", effect).with("target", target));
            }
            Event::Doubled { others } => self.take_doubles(others),
            Event::Relocated { by } => self.take_relocation(by),
            Event::Undo { undo } => self.take_undo(undo),
            Event::Told { telling } => self.take_telling(telling),
            Event::Seen { record, read_at } => self.take_sight(record, *read_at),
            Event::Offered { offer, signal, approved_before, opted_out } => {
                self.take_kept(opted_out.as_ref());
                self.take_offer(offer, signal, *approved_before);
            }
            Event::OptedOut { opt_out } => self.take_kept(Some(opt_out)),
            Event::OptOutCleared { reason, by } => self.take_clearing(reason, by),
            Event::FactsChanged => {
                tell!(self, Draft::new("facts_changed").with("contract", self.facts.contract_ref));
            }
        }
    }

    fn take_call(&mut self, call: &InquiryCall) {
        let known = self.inquiry.calls.iter().position(|c| c.id == call.id);
        let word = match known {
            Some(_) => "changed",
            None if self.inquiry.calls.is_empty() => "opened",
            None => "joined",
        };
        tell!(
            self,
            Draft::new("call")
                .with("what", word)
                .with("call", &call.id)
                .with("category", &call.category)
                .with("after_hours", call.after_hours)
                .with("started_at", call.started_at)
                .with("location", &self.inquiry.location)
                .with("source", &call.attribution.source)
                .with("campaign", &call.attribution.campaign)
                .with("deliveries", call.deliveries)
                .with("flags", &call.flags)
                .with("roster_version", self.facts.roster.version)
                .seal("caller", call.caller.e164()),
        );
        let calls = &mut self.inquiry.calls;
        if let Some(held) = known.and_then(|at| calls.get_mut(at)) {
            let summary = held.summary.take();
            *held = InquiryCall { summary, ..call.clone() };
        } else if calls.len() < CALLS_MAX {
            calls.push(call.clone());
        }
        self.take_kept(call.opted_out.as_ref());
        let nobody_waits = self.inquiry.calls.iter().all(|c| !c.waits());
        if self.inquiry.open() && nobody_waits {
            self.close(Outcome::AnsweredAfterAll, None);
        }
    }

    fn take_reading(
        &mut self,
        call: &CallId,
        transcript: &Transcript,
        reading: &Reading,
        summary: &Summary,
        quotes: &[String],
    ) {
        if let Some(held) = self.inquiry.calls.iter_mut().find(|c| c.id == *call) {
            // For people to read; nothing is decided by it.
            if M::LIVE {
                held.summary = Some(summary.clone());
            }
        }
        for (claim, quote) in reading.claims.iter().zip(quotes) {
            let evidence = Evidence {
                call: call.clone(),
                document: transcript.document.clone(),
                document_version: transcript.version,
                start: claim.quote.start,
                end: claim.quote.end,
                extractor: claim.extractor.clone(),
                extractor_version: claim.extractor_version,
            };
            tell!(
                self,
                Draft::new("claim")
                    .with("field", &claim.field)
                    .with("confidence", claim.confidence.0)
                    .with("evidence", &evidence)
                    .seal("value", Some(&claim.value.text()))
                    .seal_words("quote", Some(quote)),
            );
            let held = HeldClaim { claim: claim.clone(), evidence, quote: quote.clone() };
            if self.inquiry.claims.get(&claim.field).is_none_or(|before| before.gives_way_to(&held)) {
                self.inquiry.claims.insert(claim.field.clone(), held);
            }
        }
        for rejected in &reading.rejected {
            let reason = rejected.reason.word().to_owned();
            tell!(self, Draft::new("claim_rejected").with("field", &rejected.field).with("reason", &reason));
            if self.inquiry.rejected.len() < REJECTED_MAX {
                let note = RejectedNote { call: call.clone(), field: rejected.field.clone(), reason };
                self.inquiry.rejected.push(note);
            }
        }
    }

    /// The person does not want to be reached. What is known already is told once.
    fn take_kept(&mut self, opt_out: Option<&OptOut>) {
        let Some(opt_out) = opt_out.filter(|o| self.inquiry.consent.opted_out.as_ref() != Some(*o)) else { return };
        self.inquiry.consent.set(opt_out.clone());
        let draft = Draft::new("opted_out").with("said_by", opt_out.said.word()).with("at", opt_out.at);
        let draft = draft.with("inquiry", &opt_out.inquiry);
        tell!(
            self,
            match &opt_out.said {
                SaidBy::Caller { call } => draft.with("call", call),
                SaidBy::Crm { property } => draft.with("property", property),
                SaidBy::Person { by } => draft.with("by", by),
            }
        );
    }

    /// A person took an opt-out back. That nothing else does is in whoever makes this event.
    fn take_clearing(&mut self, reason: &str, by: &UserId) {
        let cleared = Cleared { by: by.clone(), at: self.now, inquiry: Some(self.inquiry.id.clone()) };
        self.inquiry.consent.clear(cleared);
        tell!(self, Draft::new("opt_out_cleared").with("by", by).seal("reason", Some(reason)));
    }

    fn take_found(&mut self, effect: &EffectId, read_at: Timestamp, records: &[Record], memory: &[Remembered]) {
        // In rehearsal nothing was asked for: what the CRM showed then is what it shows.
        if M::LIVE && !self.settle_target("find", effect, Progress::Done, None, None) {
            return;
        }
        let (deals, candidates): (Vec<Record>, Vec<Record>) =
            records.iter().cloned().partition(|r| r.also_known_as.iter().any(|a| a == DEAL_MARK));
        let words = self.facts.crm.map(|(_, words)| words);
        let read = |record: &Record, name: Option<&str>| {
            name.and_then(|n| record.properties.get(n)).cloned().unwrap_or_default()
        };
        let deals = deals
            .iter()
            .map(|d| Deal {
                id: d.id.clone(),
                name: read(d, words.map(|w| w.deal_name)),
                stage: read(d, words.map(|w| w.deal_stage)),
                open: read(d, words.map(|w| w.deal_closed)) != "true",
            })
            .collect();
        self.inquiry.snapshot = Some(CrmSnapshot { read_at, candidates, deals, memory: memory.to_vec() });
        self.inquiry.matched = None;
    }

    fn take_settled(&mut self, effect: &EffectId, target: &str, receipt: &Receipt) {
        if target.starts_with(UNDO) {
            self.take_undone(effect, target, receipt);
            return;
        }
        let word = self.inquiry.effects.get(target).map(|e| e.word.clone()).unwrap_or_default();
        self.write_audit(effect, target, &word, receipt);
        let current = self.settle_target(target, effect, Progress::Done, Some(&receipt.record), None);
        if target == "contact" && current {
            let record =
                Record { id: receipt.record.clone(), properties: receipt.properties.clone(), ..Record::default() };
            // An adopted record was there before us: what it holds, somebody set.
            let ours = if receipt.adopted { BTreeMap::new() } else { self.wrote(receipt) };
            let made = !receipt.adopted;
            let (record, held) = (receipt.record.clone(), record);
            self.inquiry.contact = Some(Contact { record, made, record_held: held, ours, seen_at: receipt.read_at });
        }
        if target == "fields" {
            let ours = self.wrote(receipt);
            if let Some(contact) = self.inquiry.contact.as_mut() {
                contact.record_held.properties.extend(receipt.properties.clone());
                // Whoever set it before, by now it is our value that stands there.
                contact.record_held.set_by.retain(|name, _| !receipt.properties.contains_key(name));
                contact.ours.extend(ours);
                contact.seen_at = receipt.read_at.or(contact.seen_at);
            }
        }
    }

    /// What a receipt shows of our own writing, with how sure we were of it and who decided it.
    fn wrote(&self, receipt: &Receipt) -> BTreeMap<String, Wrote> {
        let Some((lane, _)) = self.facts.crm else { return BTreeMap::new() };
        let one = |(property, value): (&String, &String)| {
            let to = format!("{}.{property}", Object::Contact.as_str());
            let of = |v: &&Verdict| v.to == to && v.kind == VerdictKind::Write && v.is.as_ref() == Some(value);
            let verdict = self.inquiry.verdicts.iter().find(of);
            let wrote = Wrote {
                crm: lane.clone(),
                value: value.clone(),
                confidence: verdict.and_then(|v| v.confidence),
                actor: verdict.map_or(Actor::Machine, |v| v.actor),
                at: receipt.read_at.unwrap_or(self.now),
            };
            (property.clone(), wrote)
        };
        let told = |(name, value): &(&String, &String)| !value.is_empty() && !OWN_STAMPS.contains(&name.as_str());
        receipt.properties.iter().filter(told).map(one).collect()
    }

    /// What earlier inquiries wrote to a record through the lane that is written to now.
    fn remembered(&self, record: &str) -> BTreeMap<String, Wrote> {
        let lane = self.facts.crm.map(|(lane, _)| lane);
        let memory = self.inquiry.snapshot.iter().flat_map(|s| &s.memory);
        let of = memory.filter(|m| m.record == record && Some(&m.wrote.crm) == lane);
        let mut ours: BTreeMap<String, Wrote> = BTreeMap::new();
        for one in of {
            if ours.get(&one.property).is_none_or(|held| held.at <= one.wrote.at) {
                ours.insert(one.property.clone(), one.wrote.clone());
            }
        }
        ours
    }

    /// The ten items of the minimum audit log and the reason, for every property of a confirmed write (F-176 to F-186).
    fn write_audit(&mut self, effect: &EffectId, target: &str, word: &str, receipt: &Receipt) {
        let Some(object) = receipt.object else {
            if target.starts_with("page") {
                tell!(self, Draft::new("paged").with("effect", effect).with("target", target));
            } else if emits(target, None) {
                tell!(self, Draft::new("emitted").with("effect", effect).with("target", target));
            }
            return;
        };
        if receipt.record.is_empty() {
            tell!(self, Draft::new("receipt").with("effect", effect).with("target", target).with("made", false));
            return;
        }
        let trigger = self.trigger(target);
        tell!(
            self,
            Draft::new("receipt")
                .with("effect", effect)
                .with("target", target)
                .with("object", object.as_str())
                .with("record", &receipt.record)
                .with("read_at", receipt.read_at)
                .with("adopted", receipt.adopted)
                .with("associations", &receipt.associations),
        );
        if receipt.adopted {
            return;
        }
        let mut write = Draft::new("write")
            .with("record", &receipt.record)
            .with("object", object.as_str())
            .with("workflow", &self.facts.contract_ref.name)
            .with("workflow_version", self.inquiry.contract.as_ref().map(|c| c.version))
            .with("contract", self.inquiry.contract.as_ref().map(|c| c.id.clone()))
            .with("trigger", &trigger)
            .with("neighbour", self.inquiry.workflow().map(Workflow::word))
            .with("effect", effect)
            .with("read_at", receipt.read_at);
        let mut fields = serde_json::Map::new();
        for (property, value) in &receipt.properties {
            let to = format!("{}.{property}", object.as_str());
            let verdict = self.inquiry.verdicts.iter().find(|v| v.to == to && v.kind == VerdictKind::Write);
            let was = verdict.and_then(|v| v.was.clone()).or_else(|| receipt.was.get(property).cloned());
            let field = WrittenField {
                source: verdict.map_or_else(|| "call event".to_owned(), |v| v.source.words()),
                confidence: verdict.map_or(Some(1000), |v| v.confidence),
                actor: verdict.map_or(Actor::Machine, |v| v.actor).word(),
                reason: verdict.map(|v| v.reason.clone()),
                clause: verdict.map_or_else(|| format!("workflow.{word}"), |v| v.clause.clone()),
                evidence: verdict.and_then(|v| v.evidence.clone()),
                as_of: verdict.and_then(|v| v.source.as_of()),
            };
            fields.insert(property.clone(), serde_json::to_value(field).unwrap_or_default());
            if let Some(was) = was.filter(|was| !was.is_empty()) {
                write = write.seal(&format!("old.{property}"), Some(&was));
            }
            write = write.seal(&format!("new.{property}"), Some(value));
        }
        tell!(self, write.with("fields", fields));
    }

    fn trigger(&self, target: &str) -> Option<String> {
        let stem = target.strip_prefix("call:");
        if self.inquiry.workflow().is_some() {
            return self.inquiry.offers.last().map(|o| format!("offer of {} ({})", o.provider, o.event));
        }
        let call = match stem {
            Some(stem) => self.inquiry.calls.iter().find(|c| c.id.stem() == stem),
            None => self.inquiry.first_missed().or(self.inquiry.calls.first()),
        };
        call.map(|c| format!("call {} ({})", c.id, c.category))
    }

    fn take_dead(&mut self, effect: &EffectId, target: &str, why: &str) {
        self.settle_target(target, effect, Progress::Dead, None, Some(why));
        tell!(self, Draft::new("dead_letter").with("effect", effect).with("target", target).with("why", why));
    }

    /// The record holds other values than the decision read: decide again on what is there now, so that people win.
    fn take_moved(&mut self, effect: &EffectId, target: &str, record: &Record) {
        self.settle_target(target, effect, Progress::Superseded, None, Some("the record changed meanwhile"));
        self.inquiry.effects.remove(target);
        self.inquiry.moves = self.inquiry.moves.saturating_add(1);
        self.shows(record, self.now);
        tell!(self, Draft::new("moved").with("effect", effect).with("target", target).with("record", &record.id));
    }

    /// The record was read again before an answer counts.
    fn take_sight(&mut self, record: &Record, read_at: Timestamp) {
        self.shows(record, read_at);
        tell!(self, Draft::new("seen").with("record", &record.id).with("read_at", read_at));
    }

    /// What the record shows now takes the place of what was known of it.
    fn shows(&mut self, record: &Record, read_at: Timestamp) {
        if let Some(contact) = self.inquiry.contact.as_mut() {
            contact.seen_at = Some(read_at);
            if !record.id.is_empty() && contact.record != record.id {
                // Merged into another record: what was read of the old one says nothing of this one.
                contact.record.clone_from(&record.id);
                contact.record_held = Record { id: record.id.clone(), ..Record::default() };
                contact.ours.clear();
            }
            contact.record_held.properties.extend(record.properties.clone());
            contact.record_held.set_by.retain(|name, _| !record.properties.contains_key(name));
            contact.record_held.set_by.extend(record.set_by.clone());
        }
    }

    /// Marks the effect on a target as settled; false when the target has another effect by now.
    pub(super) fn settle_target(
        &mut self,
        target: &str,
        effect: &EffectId,
        progress: Progress,
        record: Option<&str>,
        why: Option<&str>,
    ) -> bool {
        let now = self.now;
        match self.inquiry.effects.get_mut(target).filter(|e| e.id == *effect) {
            Some(held) => {
                held.progress = progress;
                held.record = record.filter(|r| !r.is_empty()).map(str::to_owned).or(held.record.take());
                held.settled_at = Some(now);
                held.why = why.map(str::to_owned);
                true
            }
            None => false,
        }
    }

    fn take_timer(&mut self, kind: TimerKind) {
        if !self.inquiry.open() || !self.untouched() {
            return;
        }
        let Some(clock) = self.inquiry.clock.clone() else { return };
        let due = clock.due_at <= self.now;
        match kind {
            TimerKind::Due if due && self.inquiry.breached_at.is_none() => {
                self.inquiry.breached_at = Some(self.now);
                let draft = Draft::new("breached").with("due_at", clock.due_at).with("rule", clock.rule.clause());
                tell!(self, draft.with("late_cause", clock.late_cause));
            }
            TimerKind::Stale if self.inquiry.stale_at.is_none() && self.stale_at().is_some_and(|at| at <= self.now) => {
                self.inquiry.stale_at = Some(self.now);
                tell!(self, Draft::new("stale").with("owner", self.inquiry.owner.as_ref().map(|o| &o.staff)));
            }
            // A tier climbs by what `climb` sees; a timer of an older clock finds nothing due.
            _ => {}
        }
    }

    /// Nobody has taken it or tried to call back yet.
    fn untouched(&self) -> bool {
        self.inquiry.taken_by.is_none() && self.inquiry.callbacks.is_empty()
    }

    fn take_decision(&mut self, review: &ReviewId, choice: &Choice, by: &UserId) {
        let Some(at) = self.inquiry.reviews.iter().position(|r| r.id == *review) else { return };
        let asked = self.inquiry.reviews.remove(at);
        self.closed.push(asked.id.clone());
        let sealed = match choice {
            Choice::Edit { value } => Some(value.as_str()),
            _ => asked.proposed.as_deref(),
        };
        tell!(
            self,
            Draft::new("decision")
                .with("review", &asked.id)
                .with("kind", asked.kind.word())
                .with("field", &asked.field)
                .with("digest", &asked.digest)
                .with("by", by)
                .with("choice", choice.word())
                .with("clause", (!asked.clause.is_empty()).then_some(&asked.clause))
                .with("code", choice.code().map(RejectCode::word))
                .with("reason", choice.why_not())
                .seal("value", sealed),
        );
        match (asked.kind, choice) {
            (ReviewKind::OwnerTie | ReviewKind::OwnerChange, Choice::Pick { id }) => {
                self.take_assignment(&StaffId::from_text(id.clone()), by);
            }
            (ReviewKind::NoNumber, Choice::Edit { value }) => self.name_caller(value),
            (ReviewKind::UnknownLocation, Choice::Pick { id }) => {
                self.inquiry.location = Some(LocationId::from_text(id.clone()));
            }
            (ReviewKind::Doubled, Choice::Pick { id })
                if self.inquiry.workflow().is_none() && asked.choices.iter().any(|(of, _)| of == id) =>
            {
                self.write_to(id);
            }
            _ => {}
        }
        let approval = Approval {
            review: asked.id,
            kind: asked.kind,
            field: asked.field,
            digest: asked.digest,
            choice: choice.clone(),
            by: by.clone(),
            at: self.now,
        };
        self.inquiry.approvals.push(approval);
        if asked.kind == ReviewKind::Match {
            self.inquiry.matched = None;
        }
    }

    /// A person said which of several records of the caller stays: from now on that one is written to. What it holds is read first.
    fn write_to(&mut self, record: &str) {
        let ours = self.remembered(record);
        if let Some(contact) = self.inquiry.contact.as_mut().filter(|c| record != APART && c.record != record) {
            let record_held = Record { id: record.to_owned(), ..Record::default() };
            *contact = Contact { record: record.to_owned(), made: false, record_held, ours, seen_at: None };
        }
    }

    /// Several records of one person are a question, for a person alone can know whether they are one, and which of them stays.
    fn take_doubles(&mut self, others: &[String]) {
        let Some(record) = self.inquiry.contact.as_ref().map(|c| c.record.clone()) else { return };
        let others: Vec<&String> = others.iter().filter(|other| **other != record).collect();
        let of_these = |r: &Review| others.iter().all(|id| r.choices.iter().any(|(choice, _)| choice == *id));
        let asked = self.inquiry.reviews.iter().find(|r| r.kind == ReviewKind::Doubled);
        if asked.is_some_and(|r| others.is_empty() || !of_these(r)) {
            self.void_reviews(&[ReviewKind::Doubled]);
        }
        if others.is_empty() {
            return;
        }
        let why = format!(
            "the CRM holds {} records of this person, and Ringback merges none: say which one stays, and merge them in the CRM",
            others.len() + 1
        );
        let mut choices = vec![(record.clone(), format!("{record}: the one that Ringback writes to"))];
        choices.extend(others.iter().map(|id| ((*id).clone(), format!("{id}: another one"))));
        choices.push((APART.to_owned(), "they are different people: leave them as they are".to_owned()));
        self.question(ReviewKind::Doubled, &why, "match", choices);
    }

    /// The caller is looked up where the records belong, and everything is made there. What lies elsewhere is not touched.
    fn take_relocation(&mut self, by: &UserId) {
        for (_, held) in self.inquiry.effects.iter_mut().filter(|(target, _)| !tells(target)) {
            held.progress = Progress::Superseded;
            held.record = None;
        }
        self.inquiry.contact = None;
        self.inquiry.snapshot = None;
        self.inquiry.matched = None;
        tell!(self, Draft::new("relocated").with("by", by));
    }

    /// A person knows the number of a caller who hid it.
    fn name_caller(&mut self, value: &str) {
        let region = self.location().map_or("US", |l| l.region.as_str());
        if let identity::Phone::E164 { e164, national, .. } = identity::phone(value, region) {
            self.inquiry.person = Some(identity::person_key(&self.facts.salt.0, &self.inquiry.account, &e164));
            self.inquiry.e164 = Some(e164);
            self.inquiry.national = Some(national);
        }
    }

    fn take_assignment(&mut self, to: &StaffId, by: &UserId) {
        let Some(staff) = self.facts.roster.person(to) else { return };
        self.inquiry.owner = Some(Owner {
            staff: staff.id.clone(),
            name: staff.name.clone(),
            provisional: false,
            backup_for: None,
            since: self.now,
            why: "a person chose".into(),
            clause: "person".into(),
            by_person: true,
        });
        self.inquiry.unowned_because = None;
        tell!(self, Draft::new("owner").with("staff", to).with("by", by).with("why", "a person chose"));
        self.void_reviews(&[ReviewKind::OwnerTie, ReviewKind::OwnerChange]);
    }

    fn take_callback(
        &mut self,
        result: CallbackResult,
        note: Option<&str>,
        booked_for: Option<Timestamp>,
        by: &UserId,
    ) {
        let booked_for = booked_for.filter(|_| result == CallbackResult::Booked);
        let note_of = note.map(str::to_owned);
        self.inquiry.callbacks.push(Callback { at: self.now, by: by.clone(), result, note: note_of, booked_for });
        self.inquiry.taken_by = None;
        let draft = Draft::new("callback").with("result", result).with("by", by).with("booked_for", booked_for);
        tell!(self, draft.seal("note", note));
        match result {
            CallbackResult::Reached => self.close(Outcome::Engaged, Some(by)),
            CallbackResult::Booked => self.close(Outcome::Converted, Some(by)),
            CallbackResult::WrongNumber => self.close(Outcome::Disqualified, Some(by)),
            CallbackResult::NoAnswer | CallbackResult::LeftMessage => {
                let wait = SignedDuration::from_mins(NEXT_CALLBACK_MINUTES);
                let next = self.calendar().and_then(|c| c.add_open_time(self.now, wait));
                self.inquiry.next_callback_at = next.or_else(|| self.now.checked_add(wait).ok());
            }
        }
    }

    fn close(&mut self, outcome: Outcome, by: Option<&UserId>) {
        self.inquiry.state = State::Closed { outcome, at: self.now, by: by.cloned() };
        tell!(self, Draft::new("closed").with("outcome", outcome).with("by", by));
        // What a value should be is still a question when the caller was reached; who calls back is none any more. What somebody said who
        // was not the one that was looked for is nothing to approve.
        let asks_on = |r: &Review| r.kind == ReviewKind::Field && outcome != Outcome::Disqualified;
        let (kept, gone): (Vec<Review>, Vec<Review>) = self.inquiry.reviews.drain(..).partition(asks_on);
        self.inquiry.reviews = kept;
        self.closed.extend(gone.into_iter().map(|r| r.id));
    }

    pub(super) fn void_reviews(&mut self, kinds: &[ReviewKind]) {
        if self.inquiry.reviews.iter().all(|r| !kinds.contains(&r.kind)) {
            return;
        }
        let (gone, kept): (Vec<Review>, Vec<Review>) =
            self.inquiry.reviews.drain(..).partition(|r| kinds.contains(&r.kind));
        self.closed.extend(gone.into_iter().map(|r| r.id));
        self.inquiry.reviews = kept;
    }

    fn location(&self) -> Option<&'a crate::roster::Location> {
        self.inquiry.location.as_ref().and_then(|l| self.facts.roster.location(l))
    }

    fn calendar(&self) -> Option<&'a Calendar> {
        self.location().map(|l| &l.calendar)
    }

    fn stale_at(&self) -> Option<Timestamp> {
        let rules = self.facts.contract.clock_for(self.location().map_or("", |l| &l.slug));
        Some(clock::stale_at(self.inquiry.clock.as_ref()?, rules, self.calendar()?))
    }

    /// Who is it? Decided anew whenever what is known changed and nothing has been written for the caller yet.
    fn match_caller(&mut self) {
        let known = self.inquiry.contact.is_some() && self.inquiry.workflow().is_none();
        if known || self.inquiry.matched.is_some() {
            return;
        }
        let Some(found) = desire::matched(self.inquiry, self.facts) else { return };
        tell!(
            self,
            Draft::new("match")
                .with("kind", found.kind)
                .with("record", &found.record)
                .with("agreed", &found.agreed)
                .with("disagreed", &found.disagreed)
                .with("candidates", found.candidates.len())
                .with("read_at", self.inquiry.snapshot.as_ref().map(|s| s.read_at)),
        );
        if let (Some(record), MatchKind::Customer | MatchKind::Lead) = (&found.record, found.kind)
            && let Some(held) =
                self.inquiry.snapshot.as_ref().and_then(|s| s.candidates.iter().find(|c| c.id == *record))
        {
            let (held, seen_at) = (held.clone(), self.inquiry.snapshot.as_ref().map(|s| s.read_at));
            if self.inquiry.contact.is_some() {
                self.shows(&held, seen_at.unwrap_or(self.now));
            } else {
                let (record, ours) = (record.clone(), self.remembered(record));
                self.inquiry.contact = Some(Contact { record, made: false, record_held: held, ours, seen_at });
            }
        }
        self.inquiry.matched = Some(found);
    }

    fn cohort(&self) -> Cohort {
        let known = self.inquiry.e164.as_deref().and_then(|n| self.facts.roster.known(n));
        if known == Some(KnownNumber::Vendor) || self.inquiry.has_flag("vendor") {
            return Cohort::Vendor;
        }
        match self.inquiry.matched.as_ref().map(|m| m.kind) {
            Some(MatchKind::Customer) => Cohort::Customer,
            Some(MatchKind::Lead) => Cohort::Lead,
            Some(MatchKind::Vendor) => Cohort::Vendor,
            _ => Cohort::New,
        }
    }

    fn run_clock(&mut self) {
        if !self.inquiry.open() {
            return;
        }
        let (Some(calendar), Some(call)) = (self.calendar(), self.inquiry.first_missed()) else { return };
        let rules = self.facts.contract.clock_for(self.location().map_or("", |l| &l.slug));
        let urgency: Urgency = self.inquiry.urgency_word().parse().unwrap_or_default();
        // The call that counts may have come after the one that opened the inquiry, if that one turned out to be answered.
        let heard_at = self.inquiry.opened_at.max(call.clock_from);
        let after_hours = call.after_hours.unwrap_or(false);
        let place = self.inquiry.location.as_ref();
        let asked = ClockOf { place, from: call.clock_from, heard_at, urgency, cohort: self.cohort(), after_hours };
        if self.mode.runs(&asked) {
            return;
        }
        let mut clock = clock::clock(asked.from, heard_at, calendar, urgency, asked.cohort, after_hours, rules);
        if crate::mutant::on("clock_in_server_zone") {
            clock.due_at = clock.due_at.checked_add(SignedDuration::from_hours(7)).unwrap_or(clock.due_at);
        }
        if self.inquiry.clock.as_ref() == Some(&clock) {
            return;
        }
        tell!(
            self,
            Draft::new("clock")
                .with("started_at", clock.started_at)
                .with("due_at", clock.due_at)
                .with("rule", clock.rule.clause())
                .with("zone", &clock.zone)
                .with("late_cause", clock.late_cause),
        );
        if !M::LIVE {
            self.inquiry.clock = Some(clock);
            return;
        }
        self.timers.push(Timer { kind: TimerKind::Due, at: clock.due_at });
        self.timers.push(Timer { kind: TimerKind::Stale, at: clock::stale_at(&clock, rules, calendar) });
        self.inquiry.clock = Some(clock);
        self.timers.extend(self.climbs().iter().map(|c| Timer { kind: TimerKind::Tier(c.step), at: c.at }));
    }

    fn climbs(&self) -> Vec<clock::Climb> {
        let (Some(calendar), Some(running)) = (self.calendar(), self.inquiry.clock.as_ref()) else { return Vec::new() };
        let rules = self.facts.contract.clock_for(self.location().map_or("", |l| &l.slug));
        clock::tiers(running, &rules.tiers, self.at_once().is_some(), self.inquiry.opened_at, calendar)
    }

    /// The flag that escalates without waiting for a timer (F-210).
    fn at_once(&self) -> Option<String> {
        let rules = self.facts.contract.clock_for(self.location().map_or("", |l| &l.slug));
        let urgency: Urgency = self.inquiry.urgency_word().parse().unwrap_or_default();
        let flags = self.inquiry.flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        clock::escalates_at_once(rules, urgency, &flags).map(str::to_owned)
    }

    fn choose_owner(&mut self) {
        if !self.inquiry.open() || self.inquiry.owner.as_ref().is_some_and(|o| o.by_person) {
            return;
        }
        if self.location().is_none() {
            self.inquiry.unowned_because = Some("no number or connection says which location was called".into());
            let choices =
                self.facts.roster.locations.iter().map(|l| (l.id.as_str().to_owned(), l.name.clone())).collect();
            self.question(
                ReviewKind::UnknownLocation,
                "the dialled number belongs to no location",
                "roster.lines",
                choices,
            );
            return;
        }
        self.void_reviews(&[ReviewKind::UnknownLocation]);
        let known = owner_facts(self.inquiry, self.facts, self.inquiry.location.as_ref());
        let assignment = owner::assign(&self.facts.contract.owner, &known, self.facts.roster, self.now);
        self.apply_assignment(assignment);
    }

    fn apply_assignment(&mut self, assignment: Assignment) {
        if let Some(ask) = &assignment.ask {
            let label = |id: &StaffId| {
                (id.as_str().to_owned(), self.facts.roster.person(id).map_or_else(String::new, |s| s.name.clone()))
            };
            let choices = ask.candidates.iter().map(label).collect();
            self.question(ReviewKind::OwnerTie, &ask.why, &ask.clauses.join(", "), choices);
        }
        let Some(staff) = assignment.owner.as_ref().and_then(|id| self.facts.roster.person(id)) else {
            if self.inquiry.owner.is_none() {
                self.inquiry.unowned_because = Some(assignment.why);
            }
            return;
        };
        let held = self.inquiry.owner.as_ref();
        // Whoever owns it goes on owning it when only the shift changed: an inquiry does not wander.
        let same = held.filter(|o| o.staff == staff.id);
        // That it is theirs only until a person has decided is told, also of somebody who had it before; and so is that another rule gives it to them.
        let told = same.is_some_and(|o| o.provisional == assignment.provisional && o.clause == assignment.clause);
        if told || (same.is_none() && held.is_some_and(|o| o.clause == assignment.clause && !o.provisional)) {
            return;
        }
        let since = same.map_or(self.now, |o| o.since);
        tell!(
            self,
            Draft::new("owner")
                .with("staff", &staff.id)
                .with("provisional", assignment.provisional)
                .with("backup_for", &assignment.backup_for)
                .with("why", &assignment.why)
                .with("clause", &assignment.clause)
                .with("roster_version", self.facts.roster.version),
        );
        self.inquiry.unowned_because = None;
        self.inquiry.owner = Some(Owner {
            staff: staff.id.clone(),
            name: staff.name.clone(),
            provisional: assignment.provisional,
            backup_for: assignment.backup_for,
            since,
            why: assignment.why,
            clause: assignment.clause,
            by_person: false,
        });
    }

    /// Each tier climbs once, when it is due and nobody has touched the inquiry.
    fn climb(&mut self) {
        if !self.inquiry.open() || !self.untouched() {
            return;
        }
        let climbs = self.climbs();
        for climb in climbs.iter().filter(|c| c.at <= self.now) {
            let tier = climb.to.number();
            // Tier 1 owns it from the start; being told at once is its page.
            let at_once = self.at_once().filter(|_| climb.step == 0);
            if self.inquiry.escalations.iter().any(|e| e.tier == tier) || (tier == 1 && at_once.is_none()) {
                continue;
            }
            let why = match &at_once {
                Some(flag) => format!("{} is escalated at once", flag.replace('_', " ")),
                None => "nobody called back in time".to_owned(),
            };
            let to = self.of_tier(tier);
            tell!(self, Draft::new("escalation").with("tier", tier).with("to", &to).with("why", &why));
            self.inquiry.tier = self.inquiry.tier.max(tier);
            self.inquiry.escalations.push(Escalation { tier, at: self.now, why, to });
        }
    }

    fn of_tier(&self, tier: u8) -> Option<StaffId> {
        let here = |s: &&crate::roster::Staff| {
            s.tier == tier
                && (s.locations.is_empty() || self.inquiry.location.as_ref().is_some_and(|l| s.locations.contains(l)))
        };
        let staff = &self.facts.roster.staff;
        let owner = self.inquiry.owner.as_ref().filter(|_| tier == 1).map(|o| o.staff.clone());
        owner.or_else(|| staff.iter().filter(here).min_by_key(|s| (s.away, &s.id)).map(|s| s.id.clone()))
    }

    /// Opens and closes questions so that exactly those stand that the state asks.
    fn ask(&mut self, verdicts: &[Verdict]) {
        self.ask_about_fields(verdicts);
        self.ask_about_caller();
    }

    fn ask_about_fields(&mut self, verdicts: &[Verdict]) {
        let disqualified = matches!(self.inquiry.state, State::Closed { outcome: Outcome::Disqualified, .. });
        let wanted = if disqualified { Vec::new() } else { desire::field_reviews(self.inquiry, verdicts, self.facts) };
        let (stand, gone): (Vec<Review>, Vec<Review>) = self
            .inquiry
            .reviews
            .drain(..)
            .partition(|r| r.kind != ReviewKind::Field || wanted.iter().any(|w| w.digest == r.digest));
        self.inquiry.reviews = stand;
        self.closed.extend(gone.into_iter().map(|r| r.id));
        for review in wanted {
            match self.inquiry.reviews.iter_mut().find(|r| r.digest == review.digest) {
                // The same change, perhaps on other words or under another version: what is shown is what holds now.
                Some(asked) => {
                    let (id, opened_at) = (asked.id.clone(), asked.opened_at);
                    *asked = Review { id, opened_at, ..review };
                }
                None => self.open_review(review),
            }
        }
    }

    fn ask_about_caller(&mut self) {
        if !self.inquiry.open() && self.inquiry.workflow().is_none() {
            return;
        }
        self.ask_for_workflows();
        match self.inquiry.matched.as_ref() {
            Some(found) if found.kind == MatchKind::Ambiguous => {
                let mut choices: Vec<(String, String)> = self
                    .inquiry
                    .snapshot
                    .as_ref()
                    .map_or_else(Vec::new, |s| desire::candidate_labels(&s.candidates, self.facts));
                choices.push(match self.inquiry.workflow() {
                    None | Some(Workflow::OutboundCreation) => {
                        ("new".into(), "somebody else: make a new contact".into())
                    }
                    Some(_) => ("none".into(), "none of them: leave them as they are".into()),
                });
                let why = found.why.clone();
                self.question(ReviewKind::Match, &why, "match", choices);
            }
            _ => self.void_reviews(&[ReviewKind::Match]),
        }
        if self.inquiry.workflow().is_some() {
            return;
        }
        if self.inquiry.number_to_call().is_none() {
            let why = "there is no number to call back; nothing is written to the CRM until a person names the caller";
            self.question(ReviewKind::NoNumber, why, "match.anonymous", Vec::new());
        } else {
            self.void_reviews(&[ReviewKind::NoNumber]);
        }
        if self.inquiry.has_flag("ambiguous_voicemail") {
            let why = "the message does not say what the caller wants, and nothing is guessed";
            self.question(ReviewKind::AmbiguousVoicemail, why, "intent.evidence", Vec::new());
        }
    }

    /// Opens a question of that kind, once; a question that was answered is not asked again on the same grounds.
    pub(super) fn question(&mut self, kind: ReviewKind, reason: &str, clause: &str, choices: Vec<(String, String)>) {
        if self.inquiry.reviews.iter().any(|r| r.kind == kind) {
            return;
        }
        let mut sorted: Vec<&str> = choices.iter().map(|(id, _)| id.as_str()).collect();
        sorted.sort_unstable();
        let grounds = format!("{}|{}|{}", self.inquiry.id, kind.word(), sorted.join(","));
        let digest = M::commit(self.facts.salt, "review", grounds);
        if self.inquiry.approvals.iter().any(|a| a.kind == kind && a.digest == digest) {
            return;
        }
        let claim = (kind == ReviewKind::AmbiguousVoicemail)
            .then(|| self.inquiry.claims.get("flag.ambiguous_voicemail"))
            .flatten();
        let review = Review {
            id: self.inquiry.id.review(0),
            kind,
            field: None,
            proposed: None,
            current: None,
            confidence: claim.map(|c| c.claim.confidence.0),
            evidence: claim.map(|c| c.evidence.clone()),
            quote: claim.map(|c| c.quote.clone()),
            reason: reason.to_owned(),
            clause: clause.to_owned(),
            choices,
            digest,
            opened_at: self.now,
            because: kind.word().to_owned(),
            set_by: None,
            sentence: String::new(),
            contract: Some(self.facts.contract_ref.clone()),
            candidates: self
                .inquiry
                .matched
                .as_ref()
                .filter(|_| kind == ReviewKind::Match)
                .map_or_else(Vec::new, |m| m.candidates.clone()),
            workflow: self.inquiry.workflow(),
            source: Source::Words,
            checks: None,
        };
        self.open_review(self.of_workflow(review));
    }

    fn open_review(&mut self, mut review: Review) {
        self.inquiry.reviews_made += 1;
        review.id = self.inquiry.id.review(self.inquiry.reviews_made);
        review.opened_at = self.now;
        tell!(
            self,
            Draft::new("review")
                .with("review", &review.id)
                .with("kind", review.kind.word())
                .with("field", &review.field)
                .with("clause", &review.clause)
                .with("reason", &review.reason)
                .with("digest", &review.digest)
                .with("workflow", review.workflow)
                .seal("proposed", review.proposed.as_deref())
                .seal("current", review.current.as_deref()),
        );
        if M::LIVE {
            self.opened.push(review.clone());
        }
        self.inquiry.reviews.push(review);
    }

    /// Compares what shall be with what was planned; where they differ, a new plan takes over.
    fn plan(&mut self, verdicts: Vec<Verdict>, before: Option<&Before>) -> Option<Plan> {
        let mut wanted = desire::desired(self.inquiry, &verdicts, self.facts, self.now);
        wanted.extend(before.into_iter().flat_map(|before| before.wishes(self.inquiry, self.facts, self.now)));
        let mut effects = Vec::new();
        let mut supersedes = Vec::new();
        let n = self.inquiry.plans + 1;
        let plan_id = self.inquiry.id.plan(n);
        let gone: Vec<String> = self
            .inquiry
            .effects
            .iter()
            .filter(|(t, e)| e.progress == Progress::Planned && !tells(t) && !wanted.iter().any(|w| w.target == **t))
            .map(|(t, _)| t.clone())
            .collect();
        for target in gone {
            if let Some(old) = self.inquiry.effects.get_mut(&target) {
                supersedes.push(old.id.clone());
                old.progress = Progress::Superseded;
            }
        }
        for want in wanted {
            let old = self.inquiry.effects.get(&want.target);
            let digest = want.desired.digest();
            // What waits for a contact that is made otherwise now would wait for ever.
            let orphaned = |o: &EffectRef| o.progress == Progress::Planned && want.hangs_on_one_of(&effects);
            // What was done before one of its clauses was paused is not done again without it.
            let done_whole = |o: &EffectRef| o.progress == Progress::Done && want.whole.as_ref() == Some(&o.digest);
            let same = |o: &EffectRef| o.digest == digest || done_whole(o);
            if old.is_some_and(|o| same(o) && o.progress != Progress::Superseded && !orphaned(o)) {
                continue;
            }
            let mut needs = want.needs(self.inquiry, &effects);
            if let Some(old) = old.filter(|o| matches!(o.progress, Progress::Planned | Progress::Superseded)) {
                supersedes.push(old.id.clone());
                needs.push(Need { effect: old.id.clone(), settled: true });
            }
            let record = old.and_then(|o| o.record.clone());
            self.inquiry.effects_made += 1;
            let id = self.inquiry.id.effect(self.inquiry.effects_made);
            let word = want.desired.word().to_owned();
            let desired = want.desired.bind(self.inquiry, &effects);
            let held = EffectRef {
                id: id.clone(),
                word,
                digest,
                progress: Progress::Planned,
                record,
                settled_at: None,
                why: None,
            };
            self.inquiry.effects.insert(want.target.clone(), held);
            effects.push(Effect {
                schema: EFFECT_SCHEMA,
                id,
                inquiry: self.inquiry.id.clone(),
                plan: plan_id.clone(),
                lane: want.lane,
                target: want.target,
                desired,
                needs,
                urgent: self.inquiry.urgent(),
            });
        }
        supersedes.dedup();
        let before = std::mem::take(&mut self.inquiry.verdicts);
        let told = |v: &Verdict| before.iter().any(|b| v.repeats(b) || v.came_true(b));
        let fresh: Vec<Verdict> = verdicts.iter().filter(|v| !told(v)).cloned().collect();
        let gone = before.iter().any(|b| verdicts.iter().all(|v| v.field != b.field));
        self.inquiry.verdicts = verdicts;
        if effects.is_empty() && supersedes.is_empty() && fresh.is_empty() && !gone {
            return None;
        }
        let plan = Plan {
            schema: PLAN_SCHEMA,
            id: plan_id,
            inquiry: self.inquiry.id.clone(),
            n,
            parent: (n > 1).then(|| self.inquiry.id.plan(n - 1)),
            contract: self.facts.contract_ref.clone(),
            code_version: crate::CODE_VERSION.to_owned(),
            at: self.now,
            verdicts: fresh,
            effects,
            supersedes,
        };
        self.inquiry.plans = n;
        self.inquiry.contract = Some(self.facts.contract_ref.clone());
        self.note_plan(&plan);
        Some(plan)
    }

    /// In rehearsal: every write that would be planned now stands there at once.
    fn bring_about(&mut self, rulings: &[Ruling<'_>], reach: Reach) {
        let writes = |r: &&Ruling<'_>| r.kind == VerdictKind::Write && r.rule.object == Object::Contact;
        let Some((lane, words)) = self.facts.crm.filter(|_| reach.contact) else { return };
        let now = self.now;
        if self.inquiry.contact.is_none() {
            let key = desire::contact_key(self.inquiry);
            let properties = desire::person_values(self.inquiry, words);
            let wrote = |(property, value): (&String, &String)| {
                let value = value.clone();
                (property.clone(), Wrote { crm: lane.clone(), value, confidence: None, actor: Actor::Machine, at: now })
            };
            let ours = properties.iter().map(wrote).collect();
            let record_held = Record { id: key.clone(), properties, ..Record::default() };
            self.inquiry.contact = Some(Contact { record: key, made: true, record_held, ours, seen_at: Some(now) });
        }
        let Some(contact) = self.inquiry.contact.as_mut() else { return };
        for ruling in rulings.iter().filter(writes) {
            let property = &ruling.rule.property;
            let Some(value) = ruling.is.as_ref().filter(|is| !is.is_empty()) else { continue };
            let held = &mut contact.record_held;
            if held.properties.get(property).is_some_and(|held| held == value) {
                continue;
            }
            let value = value.clone().into_owned();
            held.properties.insert(property.clone(), value.clone());
            held.set_by.remove(property);
            let (confidence, actor) = (ruling.confidence, ruling.actor);
            let wrote = Wrote { crm: lane.clone(), value, confidence, actor, at: now };
            contact.ours.insert(property.clone(), wrote);
        }
    }

    /// The plan, and each verdict in it.
    fn note_plan(&mut self, plan: &Plan) {
        let effects: Vec<serde_json::Value> = plan
            .effects
            .iter()
            .map(|e| serde_json::json!({"id": e.id, "target": e.target, "what": e.desired.word()}))
            .collect();
        tell!(
            self,
            Draft::new("plan")
                .with("plan", &plan.id)
                .with("parent", &plan.parent)
                .with("contract", &plan.contract)
                .with("effects", effects)
                .with("supersedes", &plan.supersedes),
        );
        for verdict in &plan.verdicts {
            tell!(
                self,
                Draft::new("verdict")
                    .with("plan", &plan.id)
                    .with("field", &verdict.field)
                    .with("to", &verdict.to)
                    .with("verdict", verdict.kind.word())
                    .with("because", &verdict.because)
                    .with("reason", &verdict.reason)
                    .with("clause", &verdict.clause)
                    .with("confidence", verdict.confidence)
                    .with("evidence", &verdict.evidence)
                    .with("actor", verdict.actor.word())
                    .with("source", &verdict.source)
                    .seal("was", verdict.was.as_deref())
                    .seal("is", verdict.is.as_deref()),
            );
        }
    }

    fn note_urgency(&mut self, was: String) {
        let is = self.inquiry.urgency();
        if was != is {
            tell!(self, Draft::new("urgency").with("was", was).with("is", is));
        }
    }
}

/// Keys by which the CRM is asked who this is: the caller's number and an address the caller surely gave.
pub(super) fn person_keys(inquiry: &Inquiry) -> Vec<PersonKey> {
    let mut keys = Vec::new();
    if let (Some(e164), Some(national)) = (&inquiry.e164, &inquiry.national) {
        keys.push(PersonKey::Phone { e164: e164.clone(), national: national.clone() });
    }
    if let Some(email) = inquiry.claims.get("email").filter(|c| c.claim.confidence.0 >= SURE_AT) {
        keys.push(PersonKey::Email { address: email.claim.value.text() });
    }
    if let Some(address) = inquiry.subject().and_then(|(_, subject)| subject.email.clone()) {
        keys.push(PersonKey::Email { address });
    }
    keys
}
