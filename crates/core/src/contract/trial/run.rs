//! Runs the tests: builds what is given, steps the inquiry, compares what follows.

use super::house::{self, CALLER, LINE, ZONE};
use super::say::{Given, GivenClaim, Said, SetByWord, Then, ThenField};
use super::{Difference, Trial};
use crate::call::{Call, Caller, Transcript};
use crate::claim::{self, Claim, ClaimValue, Confidence, ReadContext, Reading, Span};
use crate::contract::{Contract, ContractTest, FieldType, Term, did_you_mean};
use crate::crm::{CrmWords, Object};
use crate::decide::suppressed;
use crate::effect::{Desired, LaneId};
use crate::ensure::Receipt;
use crate::id::{AccountId, CallId, ConnectionId, ContractId, InquiryId, LocationId, SignalId, UserId};
use crate::identity;
use crate::inquiry::{
    Choice, Event, Facts, Inquiry, InquiryCall, Progress, Remembered, ReviewKind, State, Step, TimerKind, Wrote,
    asked_of_contacts, step,
};
use crate::ledger::{Retention, Salt};
use crate::offer::{Offer, Offered, Subject};
use crate::plan::{Actor, ContractRef, Verdict};
use crate::problem::Problem;
use crate::signal::{Direction, Ending};
use crate::standing::Standing;
use crate::workflow::Workflow;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A Tuesday at ten: a plain working day.
const AT: &str = "2026-03-03T10:00:00";
/// How sure the reader is of a value that a test gives.
const SURE: f64 = 0.95;

/// Runs all tests of a contract, in their order. `words` are those of the CRM it writes to.
pub fn run(contract: &Contract, words: &CrmWords) -> Vec<Trial> {
    contract.tests.iter().map(|test| run_one(contract, words, test)).collect()
}

/// The failing tests as problems (RB-0221) at their lines in the text of the contract; empty when all pass.
pub fn refused(contract: &Contract, words: &CrmWords, text: &str) -> Vec<Problem> {
    let places = crate::contract::parse::places(text);
    let failed = run(contract, words).into_iter().enumerate().filter(|(_, t)| !t.passed);
    let told = failed.map(|(n, trial)| {
        let came: Vec<String> = trial.differences.iter().map(ToString::to_string).collect();
        let cause = format!("the test {:?} fails: {}", trial.name, came.join("; "));
        let held = trial.differences.iter().any(|d| d.got.contains(" because autonomy ("));
        let cure = if held {
            "say autonomy = \"auto\" in given of the test, in the clause or at the top of the contract; or expect review"
        } else {
            "mend the rule, or the test if the rule is what you mean"
        };
        Problem { at: places.of(&format!("test[{}]", n + 1)), ..Problem::new("RB-0221", cause, cure) }
    });
    told.collect()
}

/// Runs one test under a contract.
pub fn run_one(contract: &Contract, words: &CrmWords, test: &ContractTest) -> Trial {
    let unreadable = |what: &str, error: &str| Trial {
        name: test.name.clone(),
        passed: false,
        differences: vec![Difference::new(what, "words that this version knows", error)],
    };
    let given: Given = match serde_json::from_value(test.given.clone()) {
        Ok(given) => given,
        Err(error) => return unreadable("given", &error.to_string()),
    };
    let then: Then = match serde_json::from_value(test.then.clone()) {
        Ok(then) => then,
        Err(error) => return unreadable("then", &error.to_string()),
    };
    let contract = match given.autonomy {
        Some(autonomy) => &Contract { autonomy, ..contract.clone() },
        None => contract,
    };
    // What follows from a value that nothing reads is no difference of its own.
    let unread = unread(contract, words, &given);
    let differences = match Scene::new(contract, words, &given) {
        _ if !unread.is_empty() => unread,
        Ok(scene) => scene.differences(&then),
        Err(difference) => vec![difference],
    };
    Trial { name: test.name.clone(), passed: differences.is_empty(), differences }
}

/// What a test says of the CRM's contact and nothing reads, or of a value that it does not give: it would show something else than it seems to.
fn unread(contract: &Contract, words: &CrmWords, given: &Given) -> Vec<Difference> {
    let mut read = asked_of_contacts(contract, words);
    read.push(words.contact_owner.to_owned());
    let held: Vec<&str> = given.crm.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let near = |name: &str, among: &[&str]| {
        let near = did_you_mean(name.trim_start_matches("contact."), among.iter().copied());
        near.map(|near| format!(": did you mean contact.{near}?")).unwrap_or_default()
    };
    let mut found = Vec::new();
    for name in &held {
        let property = name.trim_start_matches("contact.");
        if !read.iter().any(|one| one == property) {
            let among: Vec<&str> = read.iter().map(String::as_str).collect();
            let got = format!("{name}, which nothing in it reads{}", near(name, &among));
            found.push(Difference::new("given.crm", "a property that the contract reads", got));
        }
    }
    let bare = |name: &str| name.trim_start_matches("contact.").to_owned();
    let whose: Vec<&String> = match &given.set_by {
        Some(SetByWord::Each(each)) => each.keys().filter(|name| !held.contains(&name.as_str())).collect(),
        _ => Vec::new(),
    };
    let ours = given.ours.keys().filter(|name| !held.iter().any(|one| bare(one) == bare(name)));
    for (about, name) in
        whose.into_iter().map(|name| ("given.set_by", name)).chain(ours.map(|name| ("given.ours", name)))
    {
        let among: Vec<&str> = held.iter().map(|one| one.trim_start_matches("contact.")).collect();
        let got = format!("{name}, which given.crm does not hold{}", near(name, &among));
        found.push(Difference::new(about, "a property of given.crm", got));
    }
    found
}

/// A moment at the made-up location.
fn moment(text: &str) -> Option<Timestamp> {
    let civil: DateTime = text.parse().ok()?;
    Some(civil.to_zoned(TimeZone::get(ZONE).ok()?).ok()?.timestamp())
}

struct Scene<'a> {
    contract: &'a Contract,
    words: &'a CrmWords,
    given: &'a Given,
    at: Timestamp,
    later: SignedDuration,
}

/// What came of it.
struct Came {
    inquiry: Inquiry,
    /// What was decided before a record was made for it: afterwards a value that was written is a value that stands there.
    verdicts: Vec<Verdict>,
    held: Option<String>,
    /// Words of the caller stand in what call log or task say.
    quoted: bool,
}

impl<'a> Scene<'a> {
    fn new(contract: &'a Contract, words: &'a CrmWords, given: &'a Given) -> Result<Self, Difference> {
        let text = given.at.as_deref().unwrap_or(AT);
        let at = moment(text).ok_or_else(|| Difference::new("given.at", "a time such as 2026-03-03T10:00", text))?;
        let minutes = match given.later.as_deref().map(str::parse::<Term>) {
            None => 0,
            Some(Ok(Term::Minutes(minutes))) => i64::from(minutes),
            Some(_) => return Err(Difference::new("given.later", "minutes or hours", "another time")),
        };
        Ok(Self { contract, words, given, at, later: SignedDuration::from_mins(minutes) })
    }

    /// What we wrote of what stands in the CRM.
    fn memory(&self, lane: &LaneId) -> Vec<Remembered> {
        let held = |name: &String| self.given.crm.as_ref().and_then(|crm| crm.get(name)).cloned().unwrap_or_default();
        let ours = self.given.ours.iter().map(|(name, sure)| Remembered {
            record: "901".into(),
            property: name.trim_start_matches("contact.").to_owned(),
            wrote: Wrote {
                crm: lane.clone(),
                value: held(name),
                confidence: Some(thousandths(*sure)),
                actor: Actor::Machine,
                at: self.at,
            },
        });
        ours.collect()
    }

    fn play(&self) -> Came {
        let roster = house::roster(self.contract, self.given, self.words);
        let contract_ref =
            ContractRef { id: ContractId::from_text("ctr_test"), name: self.contract.name.clone(), version: 1 };
        let (salt, lane, page): (Salt, LaneId, LaneId) = (
            Salt(b"the salt of a test".to_vec()),
            ConnectionId::from_text("conn_crm"),
            ConnectionId::from_text("conn_page"),
        );
        let facts = Facts {
            roster: &roster,
            contract: self.contract,
            contract_ref: &contract_ref,
            standing: &Standing::default(),
            crm: Some((&lane, self.words)),
            crm_region: "",
            page_webhook: Some(&page),
            page_email: Some(&page),
            salt: &salt,
            console_url: "https://console.example",
            holds: &[],
            targets: &[],
        };
        let here = roster.locations.first().map(|l| l.id.clone());
        let mut play = Play { scene: self, facts: &facts, now: self.at, inquiry: None, quoted: false };
        let whole = Said {
            call: self.given.call.clone(),
            claims: self.given.claims.clone(),
            confidence: self.given.confidence,
        };
        if let Some(workflow) = self.given.workflow {
            play.begun(workflow);
            play.found(house::records(self.contract, self.given, self.words), self.memory(&lane));
            play.answered();
            let inquiry = play.inquiry.unwrap_or_else(|| nobody(self.at));
            let held = suppressed(&inquiry, &facts).first().map(|s| s.why.to_owned());
            return Came { verdicts: inquiry.verdicts.clone(), inquiry, held, quoted: false };
        }
        if let Some(earlier) = &self.given.earlier {
            let category = if earlier.call.is_some() { "voicemail" } else { "ring_no_answer" };
            play.now = self.at.checked_sub(SignedDuration::from_mins(10)).unwrap_or(self.at);
            play.call(1, earlier, category, &[], here.as_ref());
        }
        play.now = self.at;
        let category = self.given.category.as_deref().unwrap_or(if self.given.call.is_some() {
            "voicemail"
        } else {
            "ring_no_answer"
        });
        play.call(2, &whole, category, &self.given.flags, here.as_ref());
        let memory = self.memory(&lane);
        play.found(house::records(self.contract, self.given, self.words), memory);
        play.offered(crate::workflow::ENRICHED);
        let before = play.inquiry.clone();
        play.made();
        play.answered();
        play.look_again();
        let quoted = play.quoted;
        let inquiry = play.inquiry.unwrap_or_else(|| nobody(self.at));
        let decided = !self.given.approved.is_empty() || !self.given.rejected.is_empty();
        let verdicts = before.filter(|_| !decided).map_or_else(|| inquiry.verdicts.clone(), |b| b.verdicts);
        let held = suppressed(&inquiry, &facts).first().map(|s| s.why.to_owned());
        Came { inquiry, verdicts, held, quoted }
    }
}

/// Do the caller's words, which always stand in marks of quotation, stand in the body of that record?
fn quotes(desired: &Desired, words: &CrmWords) -> bool {
    let Desired::Activity { properties, .. } = desired else { return false };
    [words.call_body, words.task_body].iter().filter_map(|body| properties.get(*body)).any(|text| text.contains('“'))
}

fn nobody(at: Timestamp) -> Inquiry {
    Inquiry::new(InquiryId::from_text("inq_test"), &blank(at), None, at)
}

fn blank(at: Timestamp) -> Call {
    Call::new(CallId::from_text("call_0"), AccountId::from_text("acct_test"), at)
}

struct Play<'a> {
    scene: &'a Scene<'a>,
    facts: &'a Facts<'a>,
    now: Timestamp,
    inquiry: Option<Inquiry>,
    quoted: bool,
}

impl Play<'_> {
    fn step(&mut self, event: &Event) {
        if let Some(inquiry) = self.inquiry.take() {
            let Step { inquiry, plan, .. } = step(inquiry, event, self.facts, self.now);
            self.quoted |= plan.iter().flat_map(|plan| &plan.effects).any(|e| quotes(&e.desired, self.scene.words));
            self.inquiry = Some(inquiry);
        }
    }

    fn call(&mut self, n: u32, said: &Said, category: &str, flags: &[String], here: Option<&LocationId>) {
        let given = self.scene.given;
        let mut call = blank(self.now);
        call.id = CallId::from_text(format!("call_{n}"));
        call.direction = Direction::Inbound;
        call.flags.clear();
        call.ending = match category {
            "voicemail" => Ending::Voicemail,
            "abandoned" => Ending::Abandoned,
            "busy" => Ending::Busy,
            "ai_answered" => Ending::AiAnswered,
            "answered" => Ending::Answered,
            _ => Ending::RingNoAnswer,
        };
        call.caller = match (given.matched.as_deref(), identity::phone(CALLER, "US")) {
            (Some("anonymous"), _) => Caller::Withheld,
            (_, identity::Phone::E164 { e164, national, .. }) => Caller::Number { e164, national },
            _ => Caller::Missing,
        };
        call.dialled = Some(LINE.to_owned());
        call.location = here.cloned();
        call.line.clone_from(&given.line);
        call.attribution.source.clone_from(&given.source);
        call.attribution.campaign.clone_from(&given.campaign);
        call.settled_at = Some(self.now);
        let open = here.and_then(|l| self.facts.roster.location(l)).is_none_or(|l| l.calendar.is_open(self.now));
        call.after_hours = Some(!open);
        if self.inquiry.is_none() {
            let person = call.caller.e164().map(|n| identity::person_key(&self.facts.salt.0, &call.account, n));
            self.inquiry = Some(Inquiry::new(InquiryId::from_text("inq_test"), &call, person, self.now));
        }
        let mut held = InquiryCall::of(&call, None);
        category.clone_into(&mut held.category);
        self.step(&Event::Call { call: held });
        if said.call.is_some() || !said.claims.is_empty() || !flags.is_empty() {
            self.read(&call, said, flags);
        }
    }

    /// A workflow takes up the record that the CRM holds, or somebody by number where it holds none.
    fn begun(&mut self, workflow: Workflow) {
        let account = AccountId::from_text("acct_test");
        let phone = match identity::phone(CALLER, "US") {
            identity::Phone::E164 { e164, national, .. } => Some((e164, national)),
            _ => None,
        };
        let record = self.scene.given.crm.as_ref().map(|_| "901".to_owned());
        let subject = Subject { record, phone: phone.as_ref().map(|(e164, _)| e164.clone()), email: None };
        let person = Some(identity::person_key(&self.facts.salt.0, &account, CALLER));
        let id = InquiryId::from_text("inq_test");
        let mut inquiry = Inquiry::of_workflow(id, account, (workflow, subject), person, phone, self.now);
        inquiry.location = self.facts.roster.locations.first().map(|l| l.id.clone());
        self.inquiry = Some(inquiry);
        self.offered(workflow.about().event.unwrap_or_default());
    }

    /// What a provider offers, as of the moment of the test.
    fn offered(&mut self, event: &str) {
        let given = self.scene.given;
        if given.offers.is_empty() {
            return;
        }
        let confidence = thousandths(given.confidence.unwrap_or(SURE));
        let field = |(name, value): (&String, &String)| Offered {
            name: name.clone(),
            value: value.clone(),
            confidence,
            as_of: self.now,
        };
        let offer = Offer {
            provider: given.provider.clone().unwrap_or_else(|| "acme".to_owned()),
            event: event.to_owned(),
            subject: Subject::default(),
            fields: given.offers.iter().map(field).collect(),
        };
        self.step(&Event::Offered {
            offer,
            signal: SignalId::from_text("sig_test"),
            approved_before: 0,
            opted_out: None,
        });
    }

    /// The words are read as the program reads them; values that the test gives stand behind them with a quote of their own.
    fn read(&mut self, call: &Call, said: &Said, flags: &[String]) {
        let mut text = said.call.clone().unwrap_or_default();
        let utc = TimeZone::UTC;
        let zone = TimeZone::get(ZONE).unwrap_or(utc);
        let context =
            ReadContext { anchor: call.started_at, zone: &zone, region: "US", caller_digits: call.caller.e164() };
        let (mut reading, _) = claim::read_call(&text, call.conversation(), &context);
        let given = said.claims.iter().map(|(field, claim)| {
            let (value, sure) = match claim {
                GivenClaim::Value(value) => (value, said.confidence.unwrap_or(SURE)),
                GivenClaim::Sure { value, confidence } => (value, *confidence),
            };
            (field.clone(), self.value(field, value), thousandths(sure), value.clone())
        });
        let flags = flags.iter().map(|f| (format!("flag.{f}"), ClaimValue::Flag(true), 1000, f.replace('_', " ")));
        for (field, value, sure, words) in given.chain(flags).collect::<Vec<_>>() {
            reading.claims.retain(|c| c.field != field);
            reading.claims.push(quoted(&mut text, field, value, sure, &words));
        }
        let chars: Vec<char> = text.chars().collect();
        let quote =
            |c: &Claim| chars.get(c.quote.start as usize..c.quote.end as usize).unwrap_or_default().iter().collect();
        let quotes = reading.claims.iter().map(quote).collect();
        let summary = claim::summary(&text, &reading);
        let document = self.facts.salt.document(Retention::Speech, "transcript", text).id;
        let transcript = Transcript { document, version: 1, signal: SignalId::from_text("sig_test") };
        self.step(&Event::Read {
            call: call.id.clone(),
            transcript,
            reading: Reading { rejected: Vec::new(), ..reading },
            summary,
            quotes,
        });
    }

    /// A written value as the reader of callers would have typed it.
    fn value(&self, field: &str, text: &str) -> ClaimValue {
        let rule = self.scene.contract.fields.values().find(|r| r.from == field);
        match rule.map(|r| &r.kind) {
            Some(FieldType::Choice(_)) => ClaimValue::Choice(text.to_owned()),
            Some(FieldType::Email) => ClaimValue::Email(text.to_owned()),
            Some(FieldType::Phone) => {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                let e164 = identity::is_e164(text).then(|| text.to_owned());
                ClaimValue::Phone { digits, e164 }
            }
            Some(FieldType::Money) => match money(text) {
                Some((minor, currency)) => ClaimValue::Money { minor, currency, qualifier: None, upper_minor: None },
                None => ClaimValue::Text(text.to_owned()),
            },
            Some(FieldType::Date) => {
                text.parse().map_or_else(|_| ClaimValue::DateText(text.to_owned()), ClaimValue::Date)
            }
            Some(FieldType::Bool) => ClaimValue::Flag(text == "true"),
            _ => ClaimValue::Text(text.to_owned()),
        }
    }

    fn found(&mut self, records: Vec<crate::crm::Record>, memory: Vec<Remembered>) {
        let find = self.inquiry.as_ref().and_then(|i| i.effects.get("find")).map(|e| e.id.clone());
        if let Some(effect) = find {
            self.step(&Event::Found { effect, read_at: self.now, records, memory });
        }
    }

    /// A contact that shall be made is made: only then is there a record to ask about.
    fn made(&mut self) {
        let planned =
            self.inquiry.as_ref().and_then(|i| i.effects.get("contact")).filter(|e| e.progress == Progress::Planned);
        let Some(effect) = planned.map(|e| e.id.clone()) else { return };
        let receipt = Receipt {
            object: Some(Object::Contact),
            record: "902".into(),
            read_at: Some(self.now),
            ..Receipt::default()
        };
        self.step(&Event::Settled { effect, target: "contact".into(), receipt });
    }

    /// A person answers what the test says was answered.
    fn answered(&mut self) {
        let given = self.scene.given;
        let approve = given.approved.iter().map(|f| (f, Choice::Approve));
        let reject =
            given.rejected.iter().map(|f| (f, Choice::Reject { reason: "the test says no".into(), code: None }));
        for (field, choice) in approve.chain(reject) {
            let asked = self.inquiry.as_ref().and_then(|i| {
                i.reviews
                    .iter()
                    .find(|r| r.kind == ReviewKind::Field && r.field.as_ref() == Some(field))
                    .map(|r| r.id.clone())
            });
            if let Some(review) = asked {
                self.step(&Event::Decided { review, choice, by: UserId::from_text("user_test") });
            }
        }
    }

    /// Time passes, and nobody has called back.
    fn look_again(&mut self) {
        if self.scene.later.is_zero() {
            return;
        }
        self.now = self.now.checked_add(self.scene.later).unwrap_or(self.now);
        for kind in [TimerKind::Due, TimerKind::Tier(1), TimerKind::Tier(2), TimerKind::Stale] {
            self.step(&Event::Timer { kind });
        }
    }
}

/// A value with the words it came from, put behind the text.
fn quoted(text: &mut String, field: String, value: ClaimValue, sure: u16, words: &str) -> Claim {
    if !text.is_empty() {
        text.push(' ');
    }
    let count = |t: &str| u32::try_from(t.chars().count()).unwrap_or(u32::MAX);
    let start = count(text);
    text.push_str(words);
    let span = Span { start, end: count(text) };
    Claim {
        field,
        value,
        confidence: Confidence(sure),
        quote: span,
        span,
        extractor: "test".into(),
        extractor_version: 1,
        qualifier: None,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded to 0..=1000 just before")]
fn thousandths(sure: f64) -> u16 {
    (sure.clamp(0.0, 1.0) * 1000.0).round() as u16
}

/// `4000`, `4000.50 USD`: minor units and currency; dollars where none is named.
fn money(text: &str) -> Option<(i64, String)> {
    let (digits, currency) = text.trim().split_once(' ').unwrap_or((text.trim(), "USD"));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let rest = format!("{rest:0<2}");
    let minor = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(rest.get(..2)?.parse().ok()?)?;
    Some((minor, currency.to_owned()))
}

impl Scene<'_> {
    fn differences(&self, then: &Then) -> Vec<Difference> {
        let came = self.play();
        let mut found = Vec::new();
        for (name, expected) in &then.fields {
            field(name.strip_prefix("field.").unwrap_or(name), expected, &came.verdicts, &mut found);
        }
        let inquiry = &came.inquiry;
        let mut compare = |about: &str, expected: Option<String>, got: String| {
            if let Some(expected) = expected.filter(|e| *e != got) {
                found.push(Difference::new(about, expected, got));
            }
        };
        let ask = inquiry.reviews.iter().any(|r| r.kind == ReviewKind::OwnerTie);
        let named = inquiry.owner.as_ref().map_or_else(|| "nobody".to_owned(), |o| o.name.clone());
        let owner = if ask && then.owner.as_deref() == Some("ask") { "ask".to_owned() } else { named };
        compare("owner", then.owner.clone(), owner);
        let rule = inquiry.owner.as_ref().map_or_else(|| "none".to_owned(), |o| o.clause.clone());
        compare("owner_rule", then.owner_rule.clone(), rule);
        let kinds: BTreeSet<&str> = inquiry.reviews.iter().map(|r| r.kind.word()).collect();
        let list = |words: &mut Vec<String>| {
            words.sort();
            words.dedup();
            if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
        };
        let kinds = list(&mut kinds.into_iter().map(str::to_owned).collect());
        compare("review", then.review.clone().map(|mut r| list(&mut r)), kinds);
        let unmapped = list(&mut inquiry.unmapped.clone());
        compare("unmapped", then.unmapped.clone().map(|mut u| list(&mut u)), unmapped);
        let live = |target: &str| inquiry.effects.get(target).is_some_and(|e| e.progress != Progress::Superseded);
        compare("task", then.task.map(|t| t.to_string()), live("task").to_string());
        compare("call_log", then.call_log.map(|t| t.to_string()), live("call:2").to_string());
        compare("quoted", then.quoted.map(|t| t.to_string()), came.quoted.to_string());
        let paged = inquiry.effects.keys().any(|t| t.starts_with("page:"));
        compare("page", then.page.map(|t| t.to_string()), paged.to_string());
        let contact = match (live("contact"), live("fields"), &inquiry.contact) {
            (true, ..) => "made",
            (_, true, _) => "changed",
            (_, _, Some(_)) => "kept",
            _ => "none",
        };
        compare("contact", then.contact.clone(), contact.to_owned());
        let kind = inquiry.matched.as_ref().map_or("unknown", |m| m.kind.as_str());
        compare("match", then.matched.clone(), kind.to_owned());
        compare("inquiry_urgency", then.inquiry_urgency.clone(), inquiry.urgency());
        let state = match &inquiry.state {
            State::Open => "open".to_owned(),
            State::Closed { outcome, .. } => {
                serde_json::to_value(outcome).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
            }
        };
        compare("state", then.state.clone(), state);
        compare("tier", then.tier.map(|t| t.to_string()), inquiry.tier.to_string());
        let caller = then.caller.clone();
        match (&caller, &came.held) {
            (Some(expected), Some(why)) if expected == "free" => compare("caller", caller, format!("held: {why}")),
            (Some(_), held) => compare("caller", caller, if held.is_some() { "held" } else { "free" }.to_owned()),
            (None, _) => {}
        }
        if let Some(expected) = &then.clock {
            let rule = inquiry.clock.as_ref().map_or("none", |c| c.rule.clause().trim_start_matches("clock."));
            let due = inquiry.clock.as_ref().map(|c| c.due_at);
            match moment(expected) {
                Some(at) if due == Some(at) => {}
                Some(_) => {
                    let local = due.and_then(|d| Some(d.to_zoned(TimeZone::get(ZONE).ok()?).datetime().to_string()));
                    compare("clock", Some(expected.clone()), local.unwrap_or_else(|| "none".into()));
                }
                None => compare("clock", Some(expected.trim_start_matches("clock.").to_owned()), rule.to_owned()),
            }
        }
        // Whoever gave a match and got another one was judged about somebody else.
        let meant = self.given.matched.as_deref().filter(|m| matches!(*m, "customer" | "lead") && *m != kind);
        if let Some(meant) = meant.filter(|_| then.matched.is_none() && !found.is_empty()) {
            let why = inquiry.matched.as_ref().map_or("nobody was looked up", |m| m.why.as_str());
            found.insert(0, Difference::new("given.match", meant, format!("{kind} ({why})")));
        }
        found
    }
}

fn field(name: &str, expected: &ThenField, verdicts: &[Verdict], found: &mut Vec<Difference>) {
    let came = verdicts.iter().find(|v| v.field == name);
    let told = |v: &Verdict| match v.kind.word() {
        word if word == v.because => format!("{word} ({})", v.reason),
        word => format!("{word} because {} ({})", v.because, v.reason),
    };
    let (verdict, because, is, was) = match expected {
        ThenField::Verdict(word) => (Some(word), None, None, None),
        ThenField::Whole { verdict, because, is, was } => {
            (verdict.as_ref(), because.as_ref(), is.as_ref(), was.as_ref())
        }
    };
    if let Some(word) = verdict.filter(|w| came.map_or("none", |v| v.kind.word()) != *w) {
        let got = came.map_or_else(|| "none: nothing was said of it".to_owned(), told);
        found.push(Difference::new(format!("{name}.verdict"), word, got));
    }
    let Some(came) = came else {
        if because.is_some() || is.is_some() || was.is_some() {
            let got = "no verdict: nothing was said of it";
            found.push(Difference::new(name, "a verdict", got));
        }
        return;
    };
    let fits = |word: &str| match word.split_once(" by ") {
        Some((because, clause)) => came.because == because && came.clause == clause,
        None => came.because == word || came.clause.starts_with(word),
    };
    if let Some(word) = because.filter(|w| !fits(w)) {
        found.push(Difference::new(format!("{name}.because"), word, format!("{} by {}", came.because, came.clause)));
    }
    for (about, expected, got) in [("is", is, &came.is), ("was", was, &came.was)] {
        if let Some(text) = expected.filter(|e| got.as_ref().map_or("", String::as_str) != **e) {
            let got = got.clone().filter(|g| !g.is_empty()).unwrap_or_else(|| "nothing".to_owned());
            found.push(Difference::new(format!("{name}.{about}"), text, got));
        }
    }
}
