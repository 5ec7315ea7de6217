//! What shall be so outside, given everything that is known of an inquiry. No memory of what was planned before: the comparison with it is
//! the step's work, so that planning converges instead of accumulating.

use super::step::person_keys;
use super::*;
use crate::contract::{Autonomy, Notes};
use crate::crm::{CrmWords, KEY_PROPERTY, Object, Properties, placeholder_name, written_instant};
use crate::decide::{change_digest, ownership_held, stands_by};
use crate::effect::{ContactRef, Desired, Effect, Need, Notice, STAMPS, TRACE_PROPERTY, emits, tells, trace_path};
use crate::identity::{self, MatchFacts, MatchKind, Phone};
use crate::plan::VerdictKind;
use crate::roster::{KnownNumber, Location};
use crate::standing::{CLAUSE_PAUSED, Standing};
use crate::workflow::{self, Workflow};

/// A wish, before it is bound to ids.
pub(super) struct Wish {
    pub(super) target: String,
    pub(super) lane: LaneId,
    pub(super) desired: Desired,
    /// Its digest as it would be if no clause of it were paused; `None`: none is.
    pub(super) whole: Option<String>,
}

impl Wish {
    /// Leaves out what is paused, and that alone; `None` if nothing is left.
    fn without_paused(mut self, standing: &Standing) -> Option<Self> {
        let whole = self.desired.digest();
        let held = |object: Object, name: &String| standing.holds(object, name);
        let (before, after) = match &mut self.desired {
            Desired::FindPerson { properties, .. } => {
                let before = properties.len();
                properties.retain(|name| !held(Object::Contact, name));
                (before, properties.len().max(1))
            }
            Desired::ContactFields { properties, was, .. } => {
                let before = properties.len();
                properties.retain(|name, _| !held(Object::Contact, name));
                was.retain(|name, _| !held(Object::Contact, name));
                // A stamp alone is nothing to write.
                let stamped = properties.keys().all(|name| STAMPS.contains(&name.as_str()));
                (before, if stamped { 0 } else { properties.len() })
            }
            Desired::NewContact { properties, .. } => {
                let before = properties.len();
                properties.retain(|name, _| !held(Object::Contact, name));
                (before, properties.len().max(1))
            }
            Desired::Activity { object, properties, .. } | Desired::ActivityIfMade { object, properties, .. } => {
                let (object, before) = (*object, properties.len());
                properties.retain(|name, _| !held(object, name));
                (before, properties.len())
            }
            // What is taken back is so or is a dead letter: a person wanted exactly that.
            Desired::Page { .. } | Desired::Emit { .. } | Desired::Restore { .. } => return Some(self),
        };
        if before != after {
            self.whole = Some(whole);
        }
        (after > 0).then_some(self)
    }

    /// What must come first: the contact for everything associated with it.
    pub(super) fn needs(&self, inquiry: &Inquiry, planned: &[Effect]) -> Vec<Need> {
        if let Desired::Restore { .. } = &self.desired {
            // What is under way to a record settles first; what it is then is what is compared.
            let under_way =
                inquiry.effects.iter().filter(|(t, e)| e.progress == Progress::Planned && **t != self.target);
            let writes = under_way.filter(|(t, _)| !tells(t) && *t != "find");
            return writes.map(|(_, e)| Need { effect: e.id.clone(), settled: true }).collect();
        }
        if let Desired::Emit { .. } = &self.desired {
            // A receiver hears of an inquiry in the order in which it happened; what it could not be told holds up nothing.
            let earlier = inquiry
                .effects
                .iter()
                .filter(|(t, e)| e.progress == Progress::Planned && **t != self.target && emits(t, Some(&self.lane)));
            return earlier.map(|(_, e)| Need { effect: e.id.clone(), settled: true }).collect();
        }
        let Desired::Activity { contact: ContactRef::MadeBy(_), .. } = &self.desired else { return Vec::new() };
        let id = maker(inquiry, planned);
        id.map(|effect| Need { effect, settled: false }).into_iter().collect()
    }

    /// Does it belong to a contact that one of these effects makes?
    pub(super) fn hangs_on_one_of(&self, planned: &[Effect]) -> bool {
        matches!(&self.desired, Desired::Activity { contact: ContactRef::MadeBy(_), .. })
            && planned.iter().any(|e| e.target == "contact")
    }
}

/// The effect that makes the contact: of this plan, else of an earlier one.
fn maker(inquiry: &Inquiry, planned: &[Effect]) -> Option<EffectId> {
    let of_this_plan = planned.iter().find(|e| e.target == "contact").map(|e| e.id.clone());
    of_this_plan.or_else(|| inquiry.effects.get("contact").map(|e| e.id.clone()))
}

impl Desired {
    /// Names the effect that makes the contact, once it has an id.
    pub(super) fn bind(mut self, inquiry: &Inquiry, planned: &[Effect]) -> Self {
        if let Self::Activity { contact: ContactRef::MadeBy(id), .. } = &mut self
            && let Some(maker) = maker(inquiry, planned)
        {
            *id = maker;
        }
        self
    }
}

/// Everything that shall be so outside.
pub(super) fn desired(inquiry: &Inquiry, verdicts: &[Verdict], facts: &Facts<'_>, now: Timestamp) -> Vec<Wish> {
    let mut wishes = pages(inquiry, facts);
    // What was written is taken back where it was written, whatever CRM is written to now.
    wishes.extend(inquiry.undos.iter().map(|(target, undo)| undo.wish(target)));
    let Some((lane, words)) = facts.crm else { return wishes };
    wishes.extend(find(inquiry, facts, lane, words));
    wishes.extend(Writing { inquiry, verdicts, facts, words, lane, now }.all());
    if facts.standing.pauses.is_empty() {
        return wishes;
    }
    wishes.into_iter().filter_map(|wish| wish.without_paused(facts.standing)).collect()
}

/// Which records would be written to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The caller's contact, which is made if there is none.
    pub(crate) contact: bool,
    /// Call logs and the callback task.
    pub(crate) own_records: bool,
}

/// Which records are written to, given who it is and how much happens by itself.
/// `written`: a value is to be written to the contact; with `true`, one that a person wants there.
pub(super) fn reach(inquiry: &Inquiry, written: impl Fn(bool) -> bool, facts: &Facts<'_>) -> Reach {
    let Some(kind) = inquiry.matched.as_ref().map(|m| m.kind).filter(|_| facts.crm.is_some()) else {
        return Reach::default();
    };
    if let Some(workflow) = inquiry.workflow() {
        return item_reach(workflow, kind, inquiry, || written(false));
    }
    // Anonymous, ambiguous and suppliers: nothing in the CRM until a person has said who it is (X-14, X-26, F-075).
    let known = inquiry.contact.is_some() || kind == MatchKind::New;
    match level(inquiry, facts) {
        // The CRM is read so that people see who called, and nothing is written.
        Autonomy::Observe => Reach::default(),
        // What a person has approved, and the record that it needs.
        Autonomy::Suggest => {
            let contact = known && (inquiry.contact.is_some() || written(true));
            Reach { contact, own_records: false }
        }
        Autonomy::AutoLowRisk | Autonomy::Auto => Reach { contact: known, own_records: known },
    }
}

/// What a workflow began writes only what was judged to be written: to the record that is there, and to a new one where that is its work.
/// Levels, samples and whose value stands there are in the verdicts.
fn item_reach(workflow: Workflow, kind: MatchKind, inquiry: &Inquiry, written: impl FnOnce() -> bool) -> Reach {
    let makes = workflow == Workflow::OutboundCreation && kind == MatchKind::New;
    let contact = (inquiry.contact.is_some() || makes) && written();
    Reach { contact, own_records: false }
}

/// The key of a person's contact: the same person has the same key in every inquiry, so that two of them cannot make two contacts.
pub(super) fn contact_key(inquiry: &Inquiry) -> String {
    let of = inquiry.person.as_deref().unwrap_or(inquiry.id.stem());
    let another = if picked_new(inquiry) { inquiry.id.stem() } else { "" };
    let key = format!("rb-contact-{of}{another}");
    if crate::mutant::on("dedupe_key_dropped") { format!("{key}-{}", inquiry.id.stem()) } else { key }
}

/// What names the person on a contact that we make.
pub(super) fn person_values(inquiry: &Inquiry, words: &CrmWords) -> Properties {
    let mut properties = Properties::new();
    if let Some(e164) = &inquiry.e164 {
        properties.insert(words.contact_phone.into(), e164.clone());
        properties.insert(words.contact_name.into(), placeholder_name(e164));
    }
    if let Some(email) = inquiry.subject().and_then(|(_, subject)| subject.email.as_ref()) {
        properties.insert(words.contact_email.into(), email.clone());
    }
    properties
}

/// How much happens by itself where this call came in.
fn level(inquiry: &Inquiry, facts: &Facts<'_>) -> Autonomy {
    facts.autonomy(place(inquiry, facts).map_or("", |l| l.slug.as_str()), None)
}

fn place<'a>(inquiry: &Inquiry, facts: &Facts<'a>) -> Option<&'a Location> {
    inquiry.location.as_ref().and_then(|l| facts.roster.location(l))
}

fn known(inquiry: &Inquiry, facts: &Facts<'_>) -> Option<KnownNumber> {
    inquiry.e164.as_deref().and_then(|n| facts.roster.known(n))
}

fn find(inquiry: &Inquiry, facts: &Facts<'_>, lane: &LaneId, words: &CrmWords) -> Option<Wish> {
    // Nobody is looked up by nothing (F-044), and suppliers are not leads (F-075).
    let keys = person_keys(inquiry);
    let record = inquiry.subject().and_then(|(_, subject)| subject.record.clone());
    let named = record.is_some() || (inquiry.workflow().is_some() && !keys.is_empty());
    if (inquiry.e164.is_none() && !named) || known(inquiry, facts) == Some(KnownNumber::Vendor) {
        return None;
    }
    // Who is switched off looks nobody up.
    if inquiry.workflow().is_some_and(|w| !facts.contract.workflows.get(&w).is_some_and(|rule| rule.on)) {
        return None;
    }
    let made = inquiry.contact.is_some() || picked_new(inquiry);
    let held = inquiry.effects.get("find");
    if made && held.is_some_and(|e| e.progress == Progress::Done) {
        return None;
    }
    let properties = asked_of_contacts(facts.contract, words);
    let desired = Desired::FindPerson { keys, properties, record };
    Some(Wish { target: "find".into(), lane: lane.clone(), desired, whole: None })
}

/// The properties of contacts that say who it is, who is held back and what conditions ask for.
pub(crate) fn asked_about_people(contract: &Contract) -> Vec<String> {
    let mut properties: Vec<String> = contract.matching.properties.all();
    let suppress = &contract.suppress;
    properties.extend(suppress.strategic.iter().chain(suppress.marked.values()).map(|s| s.property.clone()));
    let asked = contract.asked();
    properties.extend(asked.into_iter().filter_map(|n| n.strip_prefix("record.")).map(str::to_owned));
    properties
}

/// The properties of contacts that are read under a contract, sorted.
pub fn asked_of_contacts(contract: &Contract, words: &CrmWords) -> Vec<String> {
    let mut properties = asked_about_people(contract);
    properties.extend(words.contact_reads.iter().map(|p| (*p).to_owned()));
    properties.push("rb_key".into());
    let mapped = contract.fields.values().filter(|r| r.object == Object::Contact);
    properties.extend(mapped.map(|r| r.property.clone()));
    properties.sort();
    properties.dedup();
    properties
}

fn picked_new(inquiry: &Inquiry) -> bool {
    let pick = inquiry.approvals.iter().rev().find(|a| a.kind == ReviewKind::Match);
    pick.is_some_and(|a| matches!(&a.choice, Choice::Pick { id } if id == "new"))
}

/// Who is it, from what the CRM showed? `None` while nobody has looked: nothing is created blind (F-033).
pub(super) fn matched(inquiry: &Inquiry, facts: &Facts<'_>) -> Option<Match> {
    if let Some((_, subject)) = inquiry.subject() {
        return workflow::matched(inquiry, subject, facts);
    }
    let rules = &facts.contract.matching;
    let region = place(inquiry, facts).map_or("US", |l| l.region.as_str());
    let phone = match (&inquiry.e164, &inquiry.national) {
        // It was read when the call came in; a number in this form means the same everywhere.
        (Some(e164), Some(national)) => {
            Phone::E164 { e164: e164.clone(), national: national.clone(), region: String::new() }
        }
        (Some(e164), None) => identity::phone(e164, region),
        (None, _) => match inquiry.calls.first().map(|c| &c.caller) {
            Some(Caller::Invalid { raw }) => Phone::Invalid { raw: raw.clone() },
            _ => Phone::Withheld,
        },
    };
    let known = known(inquiry, facts);
    let looked = inquiry.snapshot.is_some() || inquiry.e164.is_none() || known == Some(KnownNumber::Vendor);
    if !looked && !crate::mutant::on("look_before_create_skipped") {
        return None;
    }
    let empty = Vec::new();
    let candidates = inquiry.snapshot.as_ref().map_or(&empty, |s| &s.candidates);
    let text = |field: &str, at: u16| {
        inquiry.claims.get(field).filter(|c| c.claim.confidence.0 >= at).map(|c| c.claim.value.text())
    };
    let (email, name) = (text("email", SURE_AT), text("caller_name", SURE_AT));
    let known = known.filter(|k| !(*k == KnownNumber::Shared && crate::mutant::on("shared_number_linked")));
    let mut found = identity::resolve(&MatchFacts {
        phone: &phone,
        known,
        email: email.as_deref(),
        name: name.as_deref(),
        candidates,
        // A CRM serves locations of several countries: its numbers are read in its own region, not in the location's.
        region: if facts.crm_region.is_empty() { region } else { facts.crm_region },
        rules,
    });
    if crate::mutant::on("shared_number_linked")
        && found.kind == MatchKind::Ambiguous
        && let Some(first) = candidates.first()
    {
        found.kind = MatchKind::Lead;
        found.record = Some(first.id.clone());
    }
    // A number that several people use says who is not in the CRM no better than who is.
    if known == Some(KnownNumber::Shared) && found.kind == MatchKind::New {
        found.kind = MatchKind::Ambiguous;
        found.why = "several people use this number, so it does not say who called".into();
    }
    if found.kind == MatchKind::Ambiguous
        && let Some(Choice::Pick { id }) =
            inquiry.approvals.iter().rev().find(|a| a.kind == ReviewKind::Match).map(|a| &a.choice)
    {
        let picked = candidates.iter().find(|r| r.id == *id);
        found.why = "a person picked the record".into();
        if let Some(record) = picked {
            found.kind = if rules.properties.is_customer(record) { MatchKind::Customer } else { MatchKind::Lead };
            found.record = Some(record.id.clone());
        } else if id == "new" {
            found.kind = MatchKind::New;
            found.record = None;
        }
    }
    Some(found)
}

/// Candidates as a person can tell them apart.
pub(super) fn candidate_labels(candidates: &[Record], facts: &Facts<'_>) -> Vec<(String, String)> {
    let of = &facts.contract.matching.properties;
    let read = |record: &Record, names: &[String]| {
        let parts: Vec<&str> = names
            .iter()
            .filter_map(|n| record.properties.get(n))
            .map(String::as_str)
            .filter(|v| !v.is_empty())
            .collect();
        parts.join(" ")
    };
    let label = |record: &Record| {
        let kind = if of.is_customer(record) { "customer" } else { "lead" };
        let parts = [read(record, &of.name), read(record, &of.email), kind.to_owned()];
        (record.id.clone(), parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" · "))
    };
    candidates.iter().map(label).collect()
}

/// Are values put to people? Before it is known whose record it is, there is nothing to approve against. Where every write waits for a person, so
/// does the record of somebody new: what is approved makes it.
pub(super) fn asks_fields(inquiry: &Inquiry, facts: &Facts<'_>) -> bool {
    let new = inquiry.matched.as_ref().is_some_and(|m| m.kind == MatchKind::New);
    let makes = inquiry.workflow() == Some(Workflow::OutboundCreation);
    let waits = new && (makes || level(inquiry, facts) == Autonomy::Suggest);
    inquiry.contact.is_some() || facts.crm.is_none() || waits
}

/// One question per field that a person must decide, bound to exactly that change.
pub(super) fn field_reviews(inquiry: &Inquiry, verdicts: &[Verdict], facts: &Facts<'_>) -> Vec<Review> {
    if !asks_fields(inquiry, facts) {
        return Vec::new();
    }
    let question = |verdict: &Verdict| Review {
        id: inquiry.id.review(0),
        kind: ReviewKind::Field,
        field: Some(verdict.field.clone()),
        proposed: verdict.is.clone(),
        current: verdict.was.clone(),
        confidence: verdict.confidence,
        evidence: verdict.evidence.clone(),
        quote: facts
            .contract
            .fields
            .get(&verdict.field)
            .and_then(|r| inquiry.claims.get(&r.from))
            .map(|c| c.quote.clone()),
        reason: verdict.reason.clone(),
        clause: verdict.clause.clone(),
        choices: Vec::new(),
        digest: change_digest(verdict, inquiry, facts),
        opened_at: inquiry.opened_at,
        because: verdict.because.clone(),
        set_by: facts
            .contract
            .fields
            .get(&verdict.field)
            .and_then(|rule| stands_by(rule, verdict.was.as_deref(), inquiry, facts)),
        sentence: facts.contract.explain(&verdict.field).unwrap_or_default(),
        contract: Some(facts.contract_ref.clone()),
        candidates: Vec::new(),
        workflow: workflow::asking(inquiry, facts, &verdict.field),
        source: verdict.source.clone(),
        checks: None,
    };
    verdicts.iter().filter(|v| v.kind == VerdictKind::Review).map(question).collect()
}

/// Who is told what. A page is planned once; what changes later is seen in the console.
fn pages(inquiry: &Inquiry, facts: &Facts<'_>) -> Vec<Wish> {
    use crate::contract::PageOn;
    let rules = &facts.contract.page;
    let mut wishes = Vec::new();
    let mut tell = |name: &str, event: &str, staff: Option<&StaffId>, headline: String, lines: Option<&[String]>| {
        let person = staff.and_then(|s| facts.roster.person(s));
        let sinks = [
            ("webhook", facts.page_webhook, true),
            ("email", facts.page_email, person.is_some_and(|p| p.email.is_some())),
        ];
        for (sink, lane, reachable) in sinks {
            let target = format!("page:{name}:{sink}");
            let Some(lane) = lane.filter(|_| reachable && !inquiry.effects.contains_key(&target)) else { continue };
            let notice = Notice {
                to: person.and_then(|p| p.email.clone()),
                subject: headline.clone(),
                lines: lines.map_or_else(|| notice_lines(inquiry, facts), <[String]>::to_vec),
                event: event.to_owned(),
                inquiry: inquiry.id.clone(),
                urgent: inquiry.urgent() && lines.is_none(),
            };
            let key = format!("rb-page-{}-{name}", inquiry.id.stem());
            wishes.push(Wish { target, lane: lane.clone(), desired: Desired::Page { key, notice }, whole: None });
        }
    };
    let who = inquiry.callback_number().unwrap_or_else(|| "a caller without a number".into());
    if rules.on.contains(&PageOn::Opened) && inquiry.open() {
        tell(
            "opened",
            "missed_call",
            inquiry.owner.as_ref().map(|o| &o.staff),
            match inquiry.last_call().map(|c| c.ending) {
                Some(Ending::AiAnswered) => format!("A voice agent took a call from {who}"),
                _ => format!("Missed call from {who}"),
            },
            None,
        );
    }
    if rules.on.contains(&PageOn::Escalated) {
        for climb in &inquiry.escalations {
            let name = format!("tier{}", climb.tier);
            tell(&name, "escalation", climb.to.as_ref(), format!("Call back {who}: {}", climb.why), None);
        }
    }
    if rules.on.contains(&PageOn::Breached) && inquiry.breached_at.is_some() {
        tell(
            "breached",
            "breached",
            inquiry.owner.as_ref().map(|o| &o.staff),
            format!("Past due: call back {who}"),
            None,
        );
    }
    for telling in &inquiry.tellings {
        let name = format!("{}:{}", telling.rollback, telling.staff);
        tell(&name, "rollback", Some(&telling.staff), telling.subject.clone(), Some(&telling.lines));
    }
    wishes
}

/// What happened, why, on what evidence, what is to be decided (F-225).
fn notice_lines(inquiry: &Inquiry, facts: &Facts<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(location) = place(inquiry, facts) {
        lines.push(format!("Location: {}", location.name));
    }
    if let Some(call) = inquiry.last_call() {
        lines.push(format!("Call: {}, {}", call.category.replace('_', " "), call.started_at));
    }
    if let Some(claim) = inquiry.steering("urgency") {
        lines.push(format!("Urgency: {} (“{}”)", claim.claim.value.text().replace('_', " "), claim.quote));
    }
    if let Some(clock) = &inquiry.clock {
        lines.push(format!("Call back by: {}", clock.due_at));
    }
    if let Some(owner) = &inquiry.owner {
        lines.push(format!("Owner: {} ({})", owner.name, owner.why));
    }
    lines.push(format!("{}/inquiries/{}", facts.console_url, inquiry.id));
    lines
}

struct Writing<'a> {
    inquiry: &'a Inquiry,
    verdicts: &'a [Verdict],
    facts: &'a Facts<'a>,
    words: &'a CrmWords,
    lane: &'a LaneId,
    now: Timestamp,
}

impl Writing<'_> {
    /// A contact that came by an effect of ours (made or adopted) is named by it, before and after: that it is there now is no reason for
    /// another plan.
    fn of(&self, contact: &Contact) -> ContactRef {
        match self.inquiry.effects.get("contact").filter(|e| e.record.as_ref() == Some(&contact.record)) {
            Some(effect) => ContactRef::MadeBy(effect.id.clone()),
            None => ContactRef::Record(contact.record.clone()),
        }
    }

    fn all(&self) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let writes = |v: &&Verdict| v.kind == VerdictKind::Write && v.to.starts_with("contact.");
        let written =
            |by_person: bool| self.verdicts.iter().filter(writes).any(|v| !by_person || v.actor != Actor::Machine);
        let reach = reach(self.inquiry, written, self.facts);
        let contact = match &self.inquiry.contact {
            _ if !reach.contact => return wishes,
            Some(contact) => {
                wishes.extend(self.fields(contact));
                self.of(contact)
            }
            None => {
                wishes.push(self.new_contact());
                ContactRef::MadeBy(EffectId::from_text("contact"))
            }
        };
        if reach.own_records {
            wishes.extend(self.inquiry.calls.iter().map(|call| self.call_log(call, &contact)));
            wishes.extend(self.task(&contact));
        }
        wishes
    }

    fn wish(&self, target: impl Into<String>, desired: Desired) -> Wish {
        Wish { target: target.into(), lane: self.lane.clone(), desired, whole: None }
    }

    /// The way from a record to the sentence behind each of its fields, by our key or by the vendor's id.
    fn trace(&self, object: Object, id: &str) -> (String, String) {
        (TRACE_PROPERTY.to_owned(), format!("{}{}", self.facts.console_url, trace_path(object, id)))
    }

    /// Stamped on every record that we make ([`crate::effect::OWN_STAMPS`]): which call, which version, when (F-162), and the way back to the
    /// sentence behind each field, by our key, for the vendor's id is not known yet.
    fn stamps(&self, call: Option<&InquiryCall>, object: Object, key: &str) -> Properties {
        let contract = self.facts.contract_ref;
        let mut stamps = Properties::new();
        if let Some(call) = call {
            stamps.insert("rb_call_id".into(), call.id.as_str().to_owned());
        }
        stamps.insert(
            "rb_version".into(),
            format!("ringback {} · {} v{}", crate::CODE_VERSION, contract.name, contract.version),
        );
        stamps.insert("rb_written_at".into(), written_instant(self.now));
        stamps.insert("rb_inquiry_url".into(), format!("{}/inquiries/{}", self.facts.console_url, self.inquiry.id));
        stamps.extend([self.trace(object, key)]);
        stamps
    }

    fn writes(&self, object: Object) -> Properties {
        // What is paused is left out at the end, so that it is known what the wish would be without the pause.
        let would = |v: &Verdict| v.kind == VerdictKind::Write || v.because == CLAUSE_PAUSED;
        let mine = |v: &&Verdict| would(v) && v.to.split_once('.').is_some_and(|(o, _)| o == object.as_str());
        let pair = |v: &Verdict| Some((v.to.split_once('.')?.1.to_owned(), v.is.clone()?));
        self.verdicts.iter().filter(mine).filter_map(pair).collect()
    }

    fn new_contact(&self) -> Wish {
        let inquiry = self.inquiry;
        let call = inquiry.first_missed().or(inquiry.calls.first());
        let key = contact_key(inquiry);
        let mut properties = self.stamps(call, Object::Contact, &key);
        properties.extend(person_values(inquiry, self.words));
        if let Some(call) = call {
            properties.insert("rb_first_call_at".into(), written_instant(call.started_at));
        }
        properties.extend(self.writes(Object::Contact));
        properties.retain(|_, value| !value.is_empty());
        self.wish("contact", Desired::NewContact { key, properties })
    }

    /// Only fields that change are sent, and a blank never wins.
    fn fields(&self, contact: &Contact) -> Option<Wish> {
        let held = |name: &str| contact.record_held.properties.get(name).cloned().unwrap_or_default();
        let mut properties = self.writes(Object::Contact);
        if crate::mutant::on("blank_wins") && !contact.made {
            let names = &self.facts.contract.matching.properties.name;
            properties.extend(names.iter().map(|n| (n.clone(), String::new())));
        } else {
            properties.retain(|name, value| !value.is_empty() && *value != held(name));
        }
        if crate::mutant::on("suppression_ignored")
            && ownership_held(self.inquiry, self.facts).is_some()
            && let Some(owner) = self.owner_id()
        {
            properties.insert(self.words.contact_owner.into(), owner);
        }
        if properties.is_empty() {
            // What was written stays wished for, so that the target keeps its effect.
            return None;
        }
        let was = properties.keys().map(|name| (name.clone(), held(name))).collect();
        let record = contact.record.clone();
        // With a change goes the way to its sentence; no change is made for it. What carries our key keeps the way by it.
        let made = contact.made && held(KEY_PROPERTY).is_empty();
        let key = if made { contact_key(self.inquiry) } else { held(KEY_PROPERTY) };
        let (name, way) = self.trace(Object::Contact, if key.is_empty() { &record } else { &key });
        if held(&name) != way {
            properties.insert(name, way);
        }
        Some(self.wish("fields", Desired::ContactFields { record, properties, was }))
    }

    fn owner_id(&self) -> Option<String> {
        self.inquiry.owner.as_ref().and_then(|o| self.facts.roster.person(&o.staff)).and_then(|s| s.crm_owner.clone())
    }

    fn call_log(&self, call: &InquiryCall, contact: &ContactRef) -> Wish {
        let words = self.words;
        let key = format!("rb-call-{}", call.id.stem());
        let mut properties = self.stamps(Some(call), Object::Call, &key);
        let from = call.caller.e164().unwrap_or("unknown").to_owned();
        let status = match call.ending {
            Ending::Busy => words.call_statuses[1],
            Ending::Answered | Ending::AiAnswered => words.call_statuses[2],
            _ => words.call_statuses[0],
        };
        let direction = if call.direction == Direction::Outbound { words.call_outbound } else { words.call_inbound };
        let title = match call.ending {
            Ending::AiAnswered => "Call taken by a voice agent from",
            Ending::Answered => "Call from",
            _ => "Missed call from",
        };
        for (name, value) in [
            (words.call_at, written_instant(call.started_at)),
            (words.call_title, format!("{title} {from}")),
            (words.call_body, self.call_body(call)),
            (words.call_direction, direction.to_owned()),
            (words.call_status, status.to_owned()),
            (words.call_from, from),
            (words.call_to, call.dialled.clone().unwrap_or_default()),
            (
                words.call_duration_ms,
                call.duration_seconds.map_or_else(String::new, |s| (u64::from(s) * 1000).to_string()),
            ),
            (words.owner, self.owner_id().unwrap_or_default()),
        ] {
            if !value.is_empty() {
                properties.insert(name.to_owned(), value);
            }
        }
        properties.extend(self.writes(Object::Call));
        let desired = Desired::Activity { object: Object::Call, key, properties, contact: contact.clone() };
        self.wish(format!("call:{}", call.id.stem()), desired)
    }

    /// A summary of what is known and what is not, and the way to the words; the transcript itself is not poured into a note (F-084).
    fn call_body(&self, call: &InquiryCall) -> String {
        let mut lines = vec![format!("How it ended: {}.", call.category.replace('_', " "))];
        if let Some(source) = &call.attribution.source {
            lines.push(format!("Source: {source}."));
        }
        match &call.summary {
            _ if self.facts.contract.notes == Notes::Plain => {}
            Some(summary) => lines.extend(summary.lines()),
            None if call.recording => lines.push("A recording exists; its words have not arrived yet.".into()),
            None => lines.push("No message content.".into()),
        }
        lines.push(format!("{}/inquiries/{}", self.facts.console_url, self.inquiry.id));
        lines.join("\n")
    }

    fn task(&self, contact: &ContactRef) -> Option<Wish> {
        let inquiry = self.inquiry;
        let words = self.words;
        let key = format!("rb-task-{}", inquiry.id.stem());
        let (State::Open, Some(number), Some(owner), Some(clock)) =
            (&inquiry.state, inquiry.callback_number(), &inquiry.owner, &inquiry.clock)
        else {
            // A task that was made is closed; one that was never made is not made (an answered call leaves no task).
            let made = inquiry.effects.get("task").is_some_and(|e| e.progress != Progress::Superseded);
            if inquiry.open() || !made {
                return None;
            }
            let properties = Properties::from([(words.task_status.to_owned(), words.task_done.to_owned())]);
            return Some(self.wish("task", Desired::ActivityIfMade { object: Object::Task, key, properties }));
        };
        let mut properties = self.stamps(inquiry.first_missed(), Object::Task, &key);
        let urgency = inquiry.urgency();
        let subject = if inquiry.urgent() {
            format!("Call back now: {number} ({urgency})")
        } else {
            format!("Call back {number}")
        };
        let due = inquiry.next_callback_at.unwrap_or(clock.due_at);
        let priority = usize::from(!inquiry.urgent());
        for (name, value) in [
            (words.task_due, written_instant(due)),
            (words.task_subject, subject),
            (words.task_body, self.task_body(owner)),
            (words.task_status, words.task_open.to_owned()),
            (words.task_priority, words.task_priorities.get(priority).copied().unwrap_or_default().to_owned()),
            (words.task_type, words.task_type_call.to_owned()),
            (words.owner, self.owner_id().unwrap_or_default()),
        ] {
            if !value.is_empty() {
                properties.insert(name.to_owned(), value);
            }
        }
        properties.extend(self.writes(Object::Task));
        Some(self.wish("task", Desired::Activity { object: Object::Task, key, properties, contact: contact.clone() }))
    }

    fn task_body(&self, owner: &Owner) -> String {
        let inquiry = self.inquiry;
        let mut lines = vec![format!("Owner: {} ({}).", owner.name, owner.why)];
        if inquiry.calls.len() > 1 {
            lines.push(format!("Rang {} times.", inquiry.calls.len()));
        }
        if let Some(claim) = inquiry.steering("urgency") {
            let urgency = claim.claim.value.text().replace('_', " ");
            lines.push(match self.facts.contract.notes {
                Notes::Summary => format!("Urgency: {urgency} — “{}”", claim.quote),
                Notes::Plain => format!("Urgency: {urgency}."),
            });
        }
        if let Some(deal) = inquiry.snapshot.as_ref().and_then(|s| s.deals.iter().find(|d| d.open)) {
            lines.push(format!("Open deal: {} ({}).", deal.name, deal.stage));
        }
        lines.push(format!("{}/inquiries/{}", self.facts.console_url, inquiry.id));
        lines.join("\n")
    }
}
