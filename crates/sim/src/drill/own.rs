//! Ringback under the drill: the real engine and store on virtual time, the CRM's twin behind every address.
//!
//! Four runs, each in an account of its own: writes whose answers never come, a value that a person typed, an outage, and a field
//! that disappears from the CRM.

use super::{Calls, Count, Guarantee, MARK, Makes, Report, Synthetic, WORDS, held, number, of_kind, some, tally};
use crate::matrix::yard::{CRM, LOG, Yard};
use anyhow::{Context as _, Result, bail};
use ringback_core::contract::{Contract, Truth};
use ringback_core::crm::Object;
use ringback_core::id::{AccountId, ConnectionId, EffectId, UserId};
use ringback_core::inquiry::{Choice, Inquiry, Review, ReviewKind};
use ringback_engine::Engine;
use ringback_engine::reconcile::{PhoneLog, Window};
use ringback_engine::trace::Answer;
use ringback_store::{self as store, Before};
use ringback_twins::Request;
use ringback_twins::books::Kind;
use ringback_twins::fault::{Fault, Rule, Script, Vendor as _, When};
use ringback_twins::log::Deed;
use serde_json::json;
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
/// After the last call of a run, virtual time until it has to be at rest.
const REST_MS: i64 = 3 * 86_400_000;
const ROUNDS_MAX: usize = 60_000;
const INQUIRIES_MAX: u32 = 500;
const OUTAGE_MINUTES: i64 = 30;
const OUTAGE_CALLS: usize = 40;
const OUTAGE_CALLERS: usize = 32;
const BY: &str = "usr_drill";
pub(super) const SAYS_MORE: &str = "Hi, we have had no heat since last night and there is a baby in the house. My budget is at most six thousand dollars. \
                         The address is 1520 Lakeside Drive. Please call me back as soon as you can.";
/// What the person's own record says before the call.
const TYPED: [(&str, &str, &str); 2] =
    [("budget", "rb_budget", "4000"), ("address", "rb_service_address", "77 Elm Street")];
const BOTH: Makes = Makes { calls: true, tasks: true };

/// Gives Ringback the whole drill with that CRM's twin.
pub async fn own(crm: &'static str, seed: u64) -> Result<Report> {
    let mut all = Drill { crm, seed, calls: Calls::default(), requests: 0, faults: 0, away: None };
    let third = all.timeouts().await.context("writes that time out")?;
    let kept = all.conflict().await.context("a value that a person typed")?;
    let sixth = all.outage().await.context("the outage")?;
    let (eighth, fifth) = all.drift().await.context("a field that disappears")?;
    let Kept { first, second, fourth, seventh } = kept;
    let guarantees = vec![first, second, third, fourth, fifth, sixth, seventh, eighth];
    Ok(Report {
        subject: "ringback".into(),
        crm: crm.into(),
        twin: true,
        guarantees,
        calls: all.calls,
        requests: all.requests,
        faults: all.faults,
    })
}

struct Drill {
    crm: &'static str,
    seed: u64,
    calls: Calls,
    requests: u64,
    faults: u64,
    /// What the runbook said in the middle of the outage.
    away: Option<String>,
}

/// What the run about a typed value shows.
struct Kept {
    first: Guarantee,
    second: Guarantee,
    fourth: Guarantee,
    seventh: Guarantee,
}

impl Drill {
    async fn yard(&self, run: u64) -> Result<Yard> {
        Yard::new(self.crm, self.seed.wrapping_mul(31).wrapping_add(run), false).await
    }

    /// Ends a run: its calls are counted in the twin.
    async fn end(&mut self, part: &'static str, yard: Yard, calls: &[Synthetic]) -> Result<(Count, u64)> {
        yard.with(|t| t.settle(i64::MAX / 4));
        let count = tally(&yard.entries(), calls, calls.len(), BOTH);
        self.calls.add(part, count);
        self.requests += yard.requests();
        let struck = yard.struck();
        self.faults += struck;
        yard.close().await;
        Ok((count, struck))
    }

    /// Guarantee 3: every third write is done and its answer never comes, every fifth is done and answered with 500.
    async fn timeouts(&mut self) -> Result<Guarantee> {
        let yard = self.yard(1).await?;
        let start = yard.now_ms();
        let calls = placed("t", 16, 12, start, 90_000);
        let script = quiet()
            .rule(Rule::new(Fault::TimeoutAfterWrite, When::EveryNth(3)).writes())
            .rule(Rule::new(Fault::ServerErrorButCreated, When::EveryNth(5)).writes());
        yard.with(|t| t.set_script(script));
        play(&yard, &calls, start + 60 * MINUTE_MS).await?;
        let (mut made, mut changed) = (0, 0);
        yard.with(|t| {
            for entry in t.vendor_mut().log_mut().entries().iter().filter(|e| e.fault.is_some()) {
                if entry.effects.iter().any(|e| e.deed == Deed::Created) {
                    made += 1;
                } else if !entry.effects.is_empty() {
                    changed += 1;
                }
            }
        });
        let (people, records, tasks) = ours(&yard);
        let dead = yard.dead().await?.len();
        let (count, _) = self.end("writes that time out", yard, &calls).await?;
        let holds = made > 0 && count.lost == 0 && count.doubled == 0 && dead == 0;
        let dead = if dead > 0 { format!(", and {dead} stopped as dead letters") } else { String::new() };
        Ok(held(
            3,
            holds,
            format!(
                "It looks before it writes again: {} whose success was never heard ({made} had created a record, {changed} had changed one) \
                 left {people} people, {records} call records and {tasks} tasks in the CRM for {} by {}: {} lost, {} doubled{dead}.",
                some(made + changed, "write"),
                some(count.calls, "call"),
                some(12, "caller"),
                count.lost,
                count.doubled,
            ),
        ))
    }

    /// Guarantees 1, 2, 4 and 7: a person's own value against the caller's, and where a written value comes from.
    async fn conflict(&mut self) -> Result<Kept> {
        let yard = self.yard(2).await?;
        let start = yard.now_ms();
        let (reference, contract) = yard.engine.contract(&yard.account).await?.context("no contract applies")?;
        // A customer; where this CRM keeps a contract's fields on leads alone, a lead.
        let mut known = (String::new(), String::new(), Vec::new());
        for (n, customer) in [(1, true), (2, false)] {
            let (caller, email) = (number(n), format!("maria.lopez{n}@example.com"));
            let person = yard.with(|t| {
                t.vendor_mut().seed_person("Maria Lopez", &caller, Some(&email), customer, start - 7_200_000)
            });
            let typed: Vec<(&str, &str)> = TYPED
                .iter()
                .filter(|(field, property, value)| {
                    contract.fields.contains_key(*field) && type_in(&yard, &person, property, value, start - 3_600_000)
                })
                .map(|(field, _, value)| (*field, *value))
                .collect();
            known = (caller, person, typed);
            if !known.2.is_empty() {
                break;
            }
        }
        let (caller, person, typed) = known;
        let before = yard.entries().into_iter().find(|e| e.id == person).context("the seeded person is gone")?;
        let calls = vec![Synthetic {
            id: "drill-k-001".into(),
            caller: caller.clone(),
            at_ms: start + MINUTE_MS,
            words: Some(SAYS_MORE.into()),
        }];
        play(&yard, &calls, start + MINUTE_MS).await?;
        let second = self.conflicts_declared(&yard, &contract, &typed, &before).await?;
        let first = self.mapping(&yard, &contract, &reference.name, reference.version).await?;
        let seventh = sources(&yard, &contract, &typed);
        let fourth = audit_trail(&yard, &contract).await?;
        self.end("a typed value", yard, &calls).await?;
        Ok(Kept { first, second, fourth, seventh })
    }

    async fn conflicts_declared(
        &self,
        yard: &Yard,
        contract: &Contract,
        typed: &[(&str, &str)],
        before: &ringback_twins::books::Entry,
    ) -> Result<Guarantee> {
        let undeclared: Vec<&str> =
            contract.fields.iter().filter(|(_, r)| r.winner.trim().is_empty()).map(|(n, _)| n.as_str()).collect();
        let after = yard.entries().into_iter().find(|e| e.id == before.id && !e.gone);
        let reviews = reviews(&yard.engine, &yard.account).await?;
        let asked: Vec<(&Review, &str)> = typed
            .iter()
            .filter_map(|(field, value)| {
                let review = reviews.iter().find(|(_, r)| r.field.as_deref() == Some(*field))?;
                Some((&review.1, *value))
            })
            .collect();
        let stands =
            after.is_some_and(|after| typed.iter().all(|(_, value)| mentions_as_before(before, &after, value)));
        let said: Vec<String> = asked
            .iter()
            .map(|(r, value)| {
                format!(
                    "{} typed by a person as {value} stands against the call's {}, and a review asks",
                    r.field.as_deref().unwrap_or_default(),
                    r.proposed.as_deref().unwrap_or("other words")
                )
            })
            .collect();
        let holds = undeclared.is_empty() && !typed.is_empty() && stands && asked.len() == typed.len();
        let sentence = if holds {
            format!(
                "{} of {} fields have a winner in one sentence; {}.",
                contract.fields.len(),
                contract.fields.len(),
                said.join("; ")
            )
        } else if !undeclared.is_empty() {
            format!("No winner is declared for {}.", undeclared.join(", "))
        } else if typed.is_empty() {
            "No field of the contract could be typed into by a person, so nothing was shown.".to_owned()
        } else if stands {
            format!("{} typed values stand, and {} of them led to a review.", typed.len(), asked.len())
        } else {
            "A value that a person typed was overwritten by the call.".to_owned()
        };
        Ok(held(2, holds, sentence))
    }

    /// Guarantee 1: the mapping as a document, and the CRM's own schema beside it.
    async fn mapping(&self, yard: &Yard, contract: &Contract, name: &str, version: u32) -> Result<Guarantee> {
        let lines = contract.sentences();
        let whole =
            lines.len() == contract.fields.len() && lines.iter().all(|l| !l.text.is_empty() && l.target.contains('.'));
        let Some(schema) = schema(yard).await? else {
            let example = lines.first().map(|l| l.text.clone()).unwrap_or_default();
            return Ok(held(
                1,
                whole && !lines.is_empty(),
                format!(
                    "Contract {name}, version {version}, is the document ({} fields; the receiver has no schema to read and is told it in every \
                     message): “{example}”",
                    lines.len()
                ),
            ));
        };
        let there = contract
            .fields
            .values()
            .filter(|rule| {
                schema.iter().any(|(object, property)| *object == rule.object && same(property, &rule.property))
            })
            .count();
        let elsewhere: Vec<String> = contract
            .fields
            .values()
            .filter(|rule| !schema.iter().any(|(o, p)| *o == rule.object && same(p, &rule.property)))
            .map(ringback_core::contract::FieldRule::target)
            .collect();
        // Objects without fields of ours keep them in a text of the record.
        let only_text = elsewhere.iter().all(|t| !t.starts_with("contact."));
        let rest = if elsewhere.is_empty() {
            String::new()
        } else {
            format!(
                ", the other {} are kept in the record's text because this CRM's {} take no own fields",
                elsewhere.len(),
                "tasks"
            )
        };
        let example = lines.iter().find(|l| l.clause == "field.budget").or(lines.first());
        Ok(held(
            1,
            whole && only_text && there > 0,
            format!(
                "Contract {name}, version {version}, is the document: {} fields, each with its CRM field and type; {there} of them are in the CRM's \
                 schema as read back{rest}; for example “{}”",
                lines.len(),
                example.map(|l| l.text.as_str()).unwrap_or_default()
            ),
        ))
    }

    /// Guarantee 6: the CRM is away for half an hour, and forty calls come in meanwhile.
    async fn outage(&mut self) -> Result<Guarantee> {
        let yard = self.yard(3).await?;
        let start = yard.now_ms();
        let back = start + OUTAGE_MINUTES * MINUTE_MS;
        let calls =
            placed("o", OUTAGE_CALLS, OUTAGE_CALLERS, start, (OUTAGE_MINUTES - 2) * MINUTE_MS / OUTAGE_CALLS as i64);
        yard.with(|t| t.set_script(quiet().outage(start, back)));
        let (mut during, mut at_rest) = (None, None);
        let mut pending = calls.iter().peekable();
        for round in 0.. {
            if round > ROUNDS_MAX {
                bail!("no rest after {ROUNDS_MAX} rounds");
            }
            let now = yard.now_ms();
            if now >= back && during.is_none() {
                during = Some(ours(&yard));
            }
            if now >= start + 20 * MINUTE_MS && now < back && self.away.is_none() {
                self.away = runbook_now(&yard).await?;
            }
            ring_due(&yard, &mut pending, now).await?;
            if yard.step(false).await? > 0 {
                at_rest = Some(yard.now_ms());
                continue;
            }
            if pending.peek().is_none() && ours(&yard).1 >= OUTAGE_CALLS && unsettled(&yard).await? == 0 {
                break;
            }
            if !next(&yard, pending.peek().map(|c| c.at_ms), back + REST_MS).await? {
                break;
            }
        }
        let struck = yard.struck();
        let open = unsettled(&yard).await?;
        let ledger = yard.engine.verify(&yard.account).await?;
        let window = Window {
            since: jiff::Timestamp::from_millisecond(start - MINUTE_MS)?,
            until: yard.engine.now(),
            phone_log: Some(PhoneLog { connection: ConnectionId::from_text(LOG), bytes: phone_log(&yard, &calls) }),
            again: "ringback reconcile".into(),
        };
        let found = yard.engine.reconcile(&yard.account, &window, &|_| {}).await?;
        let counts = found.report.counts;
        let (people, records, tasks) = ours(&yard);
        let nothing_before = during.is_none_or(|(_, records, _)| records == 0);
        let minutes = (at_rest.unwrap_or(back) - back).max(0) / MINUTE_MS;
        let (count, _) = self.end("an outage", yard, &calls).await?;
        let holds = struck > 0
            && nothing_before
            && count.lost == 0
            && count.doubled == 0
            && open == 0
            && ledger.ok
            && counts.rang == calls.len() as u64
            && counts.recorded == counts.rang
            && counts.lost + counts.doubled == 0;
        let chain = if ledger.ok { "holds" } else { "is BROKEN" };
        Ok(held(
            6,
            holds,
            format!(
                "With the CRM away for {OUTAGE_MINUTES} minutes ({} refused) {} came in and were acknowledged; {minutes} minutes after its return \
                 it held {} of them ({people} people, {records} call records, {tasks} tasks): {} lost, {} doubled, {open} open; the ledger of {} entries \
                 {chain}, and reconciliation against the phone system's log says: {}",
                some(usize::try_from(struck).unwrap_or(0), "request"),
                some(count.calls, "call"),
                count.written,
                count.lost,
                count.doubled,
                ledger.entries,
                counts.sentence(),
            ),
        ))
    }

    /// Guarantees 8 and 5: a field is deleted in the CRM, its clause is paused by name, and what waited is written when it is mended.
    #[expect(clippy::too_many_lines, reason = "one story, told in its order")]
    async fn drift(&mut self) -> Result<(Guarantee, Guarantee)> {
        let yard = self.yard(4).await?;
        let start = yard.now_ms();
        let caller = number(1);
        let call = |n: usize, at_ms| Synthetic {
            id: format!("drill-d-{n:03}"),
            caller: caller.clone(),
            at_ms,
            words: Some(SAYS_MORE.into()),
        };
        let mut calls = vec![call(1, start + MINUTE_MS)];
        let (_, contract) = yard.engine.contract(&yard.account).await?.context("no contract applies")?;
        let known = schema(&yard).await?;
        let mapped = contract.fields.len();
        play(&yard, &calls, start + MINUTE_MS).await?;
        let asked = reviews(&yard.engine, &yard.account).await?;
        let fit = |r: &Review| {
            r.kind == ReviewKind::Field
                && r.proposed.is_some()
                && r.field
                    .as_deref()
                    .and_then(|f| contract.fields.get(f))
                    .is_some_and(|rule| rule.object == Object::Contact && rule.property.starts_with("rb_"))
        };
        let (_, review) = asked.iter().find(|(_, r)| fit(r)).context("no field of the person waits for an approval")?;
        let field = review.field.clone().unwrap_or_default();
        let property = contract.fields.get(&field).map(|r| r.property.clone()).unwrap_or_default();
        let dropped = yard.with(|t| t.vendor_mut().drop_field(Kind::Person, &property));
        if !dropped {
            // A receiver takes any field; there the workflow rejects the record.
            let body = json!({ "rejects": ["contact"] });
            let order = Request::new("POST", "/_twin/options").json(&body);
            let now = yard.now_ms();
            yard.with(|t| t.vendor_mut().control(&order, now)).context("nothing of its schema can change")?;
        }
        let by = UserId::from_text(BY);
        yard.engine.decide_review(&yard.account, &review.id, &review.digest, Choice::Approve, &by).await?;
        play(&yard, &[], yard.now_ms()).await?;
        let dead = yard.dead().await?;
        let why = dead.first().and_then(|row| row.why.clone()).map(|why| plain(&why)).unwrap_or_default();
        let paused = yard.engine.paused_clauses(&yard.account).await?;
        let paused = paused.iter().find(|p| p.pause.clause == field && p.waiting > 0).map(|p| p.pause.cause.clone());
        let seen = schema(&yard).await?;
        let gone = seen.as_ref().is_some_and(|s| !s.iter().any(|(o, p)| *o == Object::Contact && same(p, &property)));
        let stopped = dead.len() + usize::from(paused.is_some());
        let runbook = runbook(&yard, self.away.as_deref(), stopped).await?;
        // A call in the meantime goes on without that field.
        let at = yard.now_ms() + MINUTE_MS;
        calls.push(call(2, at));
        play(&yard, &calls[1..], at).await?;
        let meanwhile = ours(&yard).1;
        // Mended: set-up makes the field again (by hand where it cannot), and what waits is sent on its way.
        let mut set_up_names = false;
        if dropped {
            let connected =
                ringback_engine::setup::connect(&yard.engine, &yard.account, &ConnectionId::from_text(CRM)).await?;
            set_up_names = connected.created.iter().any(|c| same_within(c, &property))
                || connected.problems.iter().any(|p| same_within(&p.cause, &property));
            if !connected.problems.is_empty() {
                yard.with(|t| t.vendor_mut().prepare_fields(&[(Kind::Person, property.as_str())]));
                ringback_engine::setup::connect(&yard.engine, &yard.account, &ConnectionId::from_text(CRM)).await?;
            }
            yard.engine.watch_schema(&yard.account).await?;
        } else {
            let order = Request::new("POST", "/_twin/options").json(&json!({ "rejects": [] }));
            let now = yard.now_ms();
            yard.with(|t| t.vendor_mut().control(&order, now));
        }
        for row in yard.dead().await? {
            yard.engine.replay_dead_letter(&yard.account, &EffectId::from_text(row.id), &by).await?;
        }
        play(&yard, &[], yard.now_ms()).await?;
        let left = yard.dead().await?.len();
        let value = review.proposed.clone().unwrap_or_default();
        let written = yard
            .entries()
            .iter()
            .any(|e| e.kind == Kind::Person && e.has_number(&caller) && super::mentions(e, &value));
        let (count, _) = self.end("a changed schema", yard, &calls).await?;
        let read = known.as_ref().map_or(0, Vec::len);
        let holds =
            if dropped { gone && set_up_names && paused.is_some() && dead.is_empty() } else { !dead.is_empty() }
                && left == 0
                && written
                && meanwhile == 2
                && count.lost == 0
                && count.doubled == 0;
        let what = if dropped {
            let said = paused.unwrap_or_else(|| "nothing".to_owned());
            format!(
                "Set-up read {read} properties of the CRM's own schema for {mapped} mapped fields; when {property} was deleted there, its clause \
                 alone was paused (“{said}”)"
            )
        } else {
            format!(
                "The receiver has no schema; when its workflow rejected a record, that write stopped with its words (“{why}”)"
            )
        };
        let eighth = held(
            8,
            holds,
            format!(
                "{what}, the next call was written all the same, and once mended the value arrived: {} dead letters left, {} lost, {} doubled.",
                left, count.lost, count.doubled
            ),
        );
        Ok((eighth, runbook))
    }
}

/// Guarantee 7: one named source per field, and that the run went by it.
fn sources(yard: &Yard, contract: &Contract, typed: &[(&str, &str)]) -> Guarantee {
    let by = sources_of(contract);
    let list: Vec<String> = by.iter().map(|(source, n)| format!("{source} {n}")).collect();
    let entries = yard.entries();
    let kept = typed.iter().filter(|(_, v)| of_kind(&entries, Kind::Person).any(|e| super::mentions(e, v))).count();
    let decided = contract.fields.values().filter(|r| r.truth == Truth::Decision && r.object == Object::Task).count();
    let tasks = of_kind(&entries, Kind::Task).filter(|e| !e.marks().is_empty()).count();
    held(
        7,
        by.len() > 1 && kept == typed.len() && !typed.is_empty() && tasks == 1 && decided > 0,
        format!(
            "{} of {} mapped fields name one source ({}), there is no default for all; in this run {} whose source is a person kept what was typed \
             and {} was written by Ringback's own decision.",
            contract.fields.len(),
            contract.fields.len(),
            list.join(", "),
            some(kept, "field"),
            some(tasks, "task"),
        ),
    )
}

/// How many fields name which source.
pub(super) fn sources_of(contract: &Contract) -> BTreeMap<&'static str, usize> {
    let mut by = BTreeMap::new();
    for rule in contract.fields.values() {
        let source = match rule.truth {
            Truth::Call => "the call",
            Truth::Crm => "the CRM",
            Truth::Human => "a person",
            Truth::Decision => "Ringback's decision",
            Truth::Provider => "a provider of data",
        };
        *by.entry(source).or_default() += 1;
    }
    by
}

/// Guarantee 4: from a written field back to the call, the words, the clause and its version.
async fn audit_trail(yard: &Yard, contract: &Contract) -> Result<Guarantee> {
    if let Some((answer, value)) = traced(yard, contract).await? {
        return Ok(trail(yard, &answer, &value));
    }
    // Nothing that the caller said was written by itself: a person approves one value, and that one is traced.
    let by = UserId::from_text(BY);
    let asked = reviews(&yard.engine, &yard.account).await?;
    let fit = |r: &Review| {
        r.kind == ReviewKind::Field
            && r.quote.is_some()
            && r.field.as_deref().is_some_and(|f| f != "budget" && f != "address" && contract.fields.contains_key(f))
    };
    if let Some((_, review)) = asked.iter().find(|(_, r)| fit(r)) {
        yard.engine.decide_review(&yard.account, &review.id, &review.digest, Choice::Approve, &by).await?;
        play(yard, &[], yard.now_ms()).await?;
    }
    match traced(yard, contract).await? {
        Some((answer, value)) => Ok(trail(yard, &answer, &value)),
        None => Ok(held(4, false, "No written field could be traced to the words of a call.")),
    }
}

fn trail(yard: &Yard, answer: &Answer, value: &str) -> Guarantee {
    let there = yard
        .entries()
        .iter()
        .any(|e| (e.id == answer.record || answer.record.ends_with(&format!("/{}", e.id))) && !e.gone);
    told_trail(answer, value, there)
}

/// The trail in one sentence; `there`: the CRM shows the record.
pub(super) fn told_trail(answer: &Answer, value: &str, there: bool) -> Guarantee {
    let quote = answer.quote.as_ref().and_then(|q| q.words.text()).unwrap_or_default();
    let call = answer.call.as_ref().map(|c| c.id.as_str().to_owned()).unwrap_or_default();
    let clause = answer.rule.clause.clone().unwrap_or_default();
    let version = answer.rule.version.unwrap_or_default();
    let read_at = answer.receipt.read_at.clone().unwrap_or_default();
    held(
        4,
        there
            && !call.is_empty()
            && !quote.is_empty()
            && !clause.is_empty()
            && version > 0
            && !read_at.is_empty()
            && SAYS_MORE.contains(quote),
        format!(
            "{}.{} of record {} says “{value}”: it comes from call {call}, from the words “{quote}”, by {clause} of contract version {version}, \
             and was read back at {read_at}.",
            answer.object, answer.property, answer.record
        ),
    )
}

/// The first written field with the caller's words behind it.
async fn traced(yard: &Yard, contract: &Contract) -> Result<Option<(Answer, String)>> {
    let entries = yard.entries();
    for (kind, object) in [(Kind::Task, Object::Task), (Kind::Person, Object::Contact), (Kind::Call, Object::Call)] {
        for entry in of_kind(&entries, kind) {
            for rule in contract.fields.values().filter(|r| r.object == object) {
                // Some vendors have several kinds of person; their ids say which.
                let mut answers = Vec::new();
                for id in [entry.id.clone(), format!("{}/{}", entry.object, entry.id)] {
                    answers.extend(yard.engine.trace(&yard.account, object.as_str(), &id, &rule.property).await?);
                }
                let found = answers.into_iter().find(|a| a.quote.is_some() && a.receipt.read_at.is_some());
                if let Some(answer) = found {
                    let value = answer.is.as_ref().and_then(|s| s.text()).unwrap_or_default().to_owned();
                    if super::mentions(entry, &value) {
                        return Ok(Some((answer, value)));
                    }
                }
            }
        }
    }
    Ok(None)
}

/// Guarantee 5: what a person finds who has to mend what just happened.
async fn runbook(yard: &Yard, away: Option<&str>, dead: usize) -> Result<Guarantee> {
    let pages = yard.engine.runbook(&yard.account).await?;
    let whole = pages.iter().filter(|p| !p.means.is_empty() && !p.by_itself.is_empty() && !p.you.is_empty()).count();
    let now = pages.iter().find(|p| p.now && !p.live.is_empty());
    let said = now.map_or_else(|| "nothing".to_owned(), |p| format!("“{}: {}”", p.title, p.live.join(" ")));
    Ok(held(
        5,
        whole > 0 && whole == pages.len() && now.is_some() && away.is_some() && dead > 0,
        format!(
            "{whole} of {} kinds of failure have a page with what it means, what happens by itself and what a person does; in the outage it said {}, \
             and after a field was gone {said}.",
            pages.len(),
            away.unwrap_or("nothing"),
        ),
    ))
}

/// What the runbook says of this moment.
async fn runbook_now(yard: &Yard) -> Result<Option<String>> {
    let pages = yard.engine.runbook(&yard.account).await?;
    let now = pages.into_iter().find(|p| p.now && !p.live.is_empty());
    Ok(now.map(|p| format!("“{}: {}”", p.title, p.live.join(" "))))
}

/// The same calls as the phone system lists them.
fn phone_log(yard: &Yard, calls: &[Synthetic]) -> Vec<u8> {
    let mut log = String::from("Call ID,From,To,Start,Duration,Result\n");
    for call in calls {
        let at = jiff::Timestamp::from_millisecond(call.at_ms).map(|at| at.to_string()).unwrap_or_default();
        log.push_str(&format!("{},{},{},{at},25,no answer\n", call.id, call.caller, yard.line));
    }
    log.into_bytes()
}

fn quiet() -> Script {
    crate::world::quiet()
}

/// `calls` calls by `callers` people, one every `apart_ms`; every second one with words.
fn placed(part: &str, calls: usize, callers: usize, start_ms: i64, apart_ms: i64) -> Vec<Synthetic> {
    (0..calls)
        .map(|n| Synthetic {
            id: format!("drill-{part}-{n:03}"),
            caller: number(n % callers),
            at_ms: start_ms + 1_000 + n as i64 * apart_ms,
            words: (n % 2 == 0).then(|| WORDS.to_owned()),
        })
        .collect()
}

/// Plays calls until everything rests; the vendor behaves from `calm_ms` on.
async fn play(yard: &Yard, calls: &[Synthetic], calm_ms: i64) -> Result<()> {
    let mut pending = calls.iter().peekable();
    let limit = calls.last().map_or(0, |c| c.at_ms).max(calm_ms) + REST_MS;
    let mut calm = false;
    for _ in 0..ROUNDS_MAX {
        let now = yard.now_ms();
        if !calm && now >= calm_ms {
            calm = true;
            yard.with(|t| t.set_script(quiet()));
        }
        ring_due(yard, &mut pending, now).await?;
        if yard.step(false).await? > 0 {
            continue;
        }
        let coming = pending.peek().map(|c| c.at_ms).into_iter().chain((!calm).then_some(calm_ms)).min();
        if coming.is_none() && unsettled(yard).await? == 0 {
            return Ok(());
        }
        if !next(yard, coming, limit).await? {
            return Ok(());
        }
    }
    bail!("no rest after {ROUNDS_MAX} rounds")
}

/// Goes on to the next thing that is due; false: there is none before the limit.
async fn next(yard: &Yard, coming: Option<i64>, limit: i64) -> Result<bool> {
    let due = yard.engine.next_due().await?.map(|at| at.as_millisecond() + 1);
    let Some(at) = due.into_iter().chain(coming).min().filter(|at| *at <= limit) else { return Ok(false) };
    yard.reach(at.max(yard.now_ms() + 500));
    Ok(true)
}

async fn ring_due<'a>(
    yard: &Yard,
    pending: &mut std::iter::Peekable<impl Iterator<Item = &'a Synthetic>>,
    now: i64,
) -> Result<()> {
    while let Some(call) = pending.next_if(|c| c.at_ms <= now) {
        yard.report(&call.id, &call.caller, call.at_ms, call.words.as_deref(), (MARK, Some(MARK))).await?;
    }
    Ok(())
}

/// Effects on their way to the CRM.
async fn unsettled(yard: &Yard) -> Result<i64> {
    let account = yard.account.as_str().to_owned();
    let store = yard.engine.store();
    Ok(store.read(move |tx| Box::pin(async move { store::effects_unsettled_count(tx, &account, CRM).await })).await?)
}

/// People of the drill, and call records and tasks with our mark.
fn ours(yard: &Yard) -> (usize, usize, usize) {
    let entries = yard.entries();
    let people =
        of_kind(&entries, Kind::Person).filter(|e| e.has_number(super::BLOCK) || !e.marks().is_empty()).count();
    let marked = |kind| of_kind(&entries, kind).filter(|e| !e.marks().is_empty()).count();
    (people, marked(Kind::Call), marked(Kind::Task))
}

/// The questions that are open, with their inquiries.
pub(super) async fn reviews(engine: &Engine, account: &AccountId) -> Result<Vec<(Inquiry, Review)>> {
    let account = account.as_str().to_owned();
    let rows = engine
        .store()
        .read(move |tx| {
            Box::pin(
                async move { store::inquiries_list(tx, &account, Some("open"), INQUIRIES_MAX, &Before::end()).await },
            )
        })
        .await?;
    let inquiries = rows.iter().filter_map(|row| serde_json::from_str::<Inquiry>(&row.snapshot).ok());
    Ok(inquiries.flat_map(|i| i.reviews.clone().into_iter().map(move |r| (i.clone(), r))).collect())
}

/// Object and name of every property that the CRM says it has; none where a CRM cannot be asked.
async fn schema(yard: &Yard) -> Result<Option<Vec<(Object, String)>>> {
    let asked = ringback_engine::setup::schema(&yard.engine, &yard.account, &ConnectionId::from_text(CRM)).await?;
    Ok(asked
        .ok()
        .map(|s| s.into_iter().map(|(object, spec)| (object, spec.name)).collect::<Vec<_>>())
        .filter(|s| !s.is_empty()))
}

/// Somebody types into a record, however this CRM spells the field.
fn type_in(yard: &Yard, person: &str, property: &str, value: &str, at_ms: i64) -> bool {
    let words: Vec<String> = property
        .split('_')
        .map(|w| {
            if w == "rb" {
                "RB".to_owned()
            } else {
                w.get(..1).unwrap_or_default().to_uppercase() + w.get(1..).unwrap_or_default()
            }
        })
        .collect();
    let shown = format!("Ringback {}", property.trim_start_matches("rb_").replace('_', " "));
    let spellings = [property.to_owned(), format!("{}__c", words.join("_")), shown];
    spellings.iter().any(|name| {
        yard.with(|t| t.vendor_mut().type_in(person, name, value, at_ms))
            && yard.entries().iter().any(|e| e.id == person && super::mentions(e, value))
    })
}

/// The field that held the value still holds it.
fn mentions_as_before(
    before: &ringback_twins::books::Entry,
    after: &ringback_twins::books::Entry,
    value: &str,
) -> bool {
    let field = before.fields.iter().find(|(_, held)| held.contains(value)).map(|(name, _)| name);
    field.is_some_and(|name| after.fields.get(name).is_some_and(|held| held.contains(value)))
}

fn bare(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// One name in the spellings of two vendors.
pub(super) fn same(theirs: &str, ours: &str) -> bool {
    let (theirs, ours) = (bare(theirs), bare(ours));
    theirs == ours || theirs.strip_suffix('c') == Some(&ours)
}

fn same_within(text: &str, name: &str) -> bool {
    bare(text).contains(&bare(name))
}

/// The words of a cause that is kept as JSON.
pub(super) fn plain(why: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(why).unwrap_or_default();
    let words = value.get("words").and_then(|w| w.as_str()).unwrap_or(why);
    words.chars().take(160).collect()
}

#[cfg(test)]
mod receiver;
