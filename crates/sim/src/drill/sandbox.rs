//! The drill in a customer's sandbox: synthetic calls through a connection that is really configured.
//!
//! A real CRM lets nobody play with its clock, its answers or its schema, so what needs that is not judged here, and the card says so. What is
//! judged rests on what the CRM shows when it is read again. Every person, call and task that is made carries the run's tag, by which
//! [`remove`] knows them.

use super::own::{self, SAYS_MORE};
use super::{Calls, Count, Guarantee, MARK, Report, Synthetic, Verdict, WORDS, held, line, number, some};
use anyhow::{Context as _, Result, anyhow, bail};
use ringback_core::contract::Contract;
use ringback_core::crm::Object;
use ringback_core::http::RawRequest;
use ringback_core::id::{AccountId, ConnectionId};
use ringback_engine::Engine;
use ringback_engine::sandbox::{self, Planned, Removed};
use ringback_store as store;
use ringback_twins::sign;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// So many callers call, one of them twice; then one more calls after a person has typed something.
const CALLERS: usize = 3;
/// Numbers of the block, which belong to nobody.
const NUMBERS: usize = 100;
const LOOK: Duration = Duration::from_millis(250);
/// Nothing moves any more when nothing was to be done so often.
const STILL_LOOKS: usize = 4;
const TYPED_BUDGET: &str = "4000";

/// What stands between the drill and the CRM.
pub struct Ground {
    /// The customer's installation: its connection and credential are used, nothing else of it.
    pub customer: Engine,
    pub account: AccountId,
    pub connection: ConnectionId,
    /// The drill's own installation, with the customer's contract, hours and people, and no way to page anybody.
    pub engine: Engine,
    pub drill: AccountId,
    /// Takes the drill's calls, with the secret that signs them.
    pub source: ConnectionId,
    pub signing_secret: String,
    /// A number of the customer's that was called.
    pub line: Option<String>,
    /// What every record carries.
    pub tag: String,
    /// It is waited at most so long after each part.
    pub wait_seconds: u64,
}

/// What a drill would write there, one sentence each.
pub fn plan(title: &str, tag: &str) -> Vec<String> {
    vec![
        format!(
            "makes {CALLERS} people in {title}, named “Ringback Drill” with the tag {tag}, with {} call logs and {CALLERS} tasks, under the contract in force",
            CALLERS + 2
        ),
        "numbers are fictional ones between +1 602 555 0100 and 0199 that nobody in the CRM has".to_owned(),
        "changes one value of one of these people, as somebody who works there would".to_owned(),
        "tasks are given to the owners that the contract names; workflows of the CRM that start on new people, calls or tasks will start".to_owned(),
        "touches no record that was there before, and tells nobody of your staff by Ringback".to_owned(),
    ]
}

/// Calls, waits, reads and judges.
pub async fn sandbox(ground: &Ground, begin: usize, mut told: impl FnMut(&str)) -> Result<Report> {
    let found = sandbox::Sandbox::of(&ground.customer, &ground.account, &ground.connection, &ground.tag).await?;
    let crm = found.with_context(|| format!("there is no CRM connection {}", ground.connection))?;
    let own = (&ground.drill, &ground.connection);
    sandbox::carry_over(&ground.customer, (&ground.account, &ground.connection), &ground.engine, own).await?;
    let (reference, contract) = ground.engine.contract(&ground.drill).await?.context("no contract applies")?;
    told("looks for numbers that nobody has");
    let numbers = free_numbers(&crm, begin).await?;
    let run = Run { ground, crm, contract, numbers };
    told("calls, and waits until everything is written and read back");
    let mut calls = run.first_calls();
    run.play(&calls).await?;
    run.name_people().await?;
    let first = run.counted(&calls).await?;
    told("types a value into a record that it made, and calls once more");
    let typed = run.type_budget(&calls).await?;
    calls.push(run.call(90, 0, Some(SAYS_MORE)));
    run.play(&calls[calls.len() - 1..]).await?;
    told("reads what is there now");
    let all = run.counted(&calls).await?;
    let mut tallied = Calls::default();
    tallied.add("a sandbox", all.count);
    let second = run.conflict(typed.as_ref()).await?;
    let guarantees = vec![
        run.mapping(&reference.name, reference.version).await?,
        second,
        idempotent(&all),
        run.trail().await?,
        run.runbook().await?,
        reconciled(&all),
        run.sources(typed.as_ref()).await?,
        Run::schema(&first, &all),
    ];
    Ok(Report {
        subject: format!("ringback by the connection {}", ground.connection),
        crm: run.crm.crm().about().name.into(),
        twin: false,
        guarantees,
        calls: tallied,
        requests: 0,
        faults: 0,
    })
}

/// Takes away what the drill of that tag made. `drill`: its own installation, opened again.
pub async fn remove(ground: &Ground, told: impl FnMut(&str)) -> Result<Removed> {
    let found = sandbox::Sandbox::of(&ground.customer, &ground.account, &ground.connection, &ground.tag).await?;
    let crm = found.with_context(|| format!("there is no CRM connection {}", ground.connection))?;
    let planned = sandbox::planned(&ground.engine, &ground.drill, &ground.connection).await?;
    Ok(crm.remove(&planned, told).await)
}

async fn free_numbers(crm: &sandbox::Sandbox, begin: usize) -> Result<Vec<String>> {
    let mut free = Vec::new();
    for n in 0..NUMBERS {
        let number = number(begin + n);
        let people = crm.people(&number).await.map_err(|why| anyhow!("the CRM cannot be searched: {why}"))?;
        if people.is_empty() {
            free.push(number);
        }
        if free.len() == CALLERS {
            return Ok(free);
        }
    }
    bail!("the CRM knows people with nearly all fictional numbers; remove what earlier drills made");
}

struct Run<'a> {
    ground: &'a Ground,
    crm: sandbox::Sandbox,
    contract: Arc<Contract>,
    numbers: Vec<String>,
}

/// What the CRM shows.
struct Counted {
    count: Count,
    people: usize,
    records: usize,
    tasks: usize,
    /// Writes that stopped, with their reasons.
    stopped: Vec<String>,
    open: i64,
}

/// A value that was typed.
struct Typed {
    planned: Planned,
    record: String,
    property: String,
}

impl Run<'_> {
    fn call(&self, n: usize, caller: usize, words: Option<&str>) -> Synthetic {
        let at_ms = self.ground.engine.now().as_millisecond() - 60_000 + i64::try_from(n).unwrap_or(0) * 100;
        Synthetic {
            id: format!("{}-{n:02}", self.ground.tag),
            caller: self.numbers.get(caller).cloned().unwrap_or_default(),
            at_ms,
            words: words.map(str::to_owned),
        }
    }

    fn first_calls(&self) -> Vec<Synthetic> {
        let words = [Some(SAYS_MORE), None, Some(WORDS), Some(WORDS)];
        words.into_iter().enumerate().map(|(n, words)| self.call(n, n.min(CALLERS - 1), words)).collect()
    }

    /// The calls' webhooks come, each twice, and it is waited until nothing moves.
    async fn play(&self, calls: &[Synthetic]) -> Result<()> {
        for call in calls {
            self.ring(call).await?;
        }
        let engine = &self.ground.engine;
        let end =
            engine.now().as_millisecond() + i64::try_from(self.ground.wait_seconds).unwrap_or(i64::MAX / 2_000) * 1_000;
        let mut still = 0;
        while still < STILL_LOOKS && engine.now().as_millisecond() < end {
            let mut done = engine.step_signals(true).await?.done + engine.step_timers().await?.done;
            for (account, lane) in engine.lanes_due().await? {
                done += engine.step_lane(&account, &lane, false).await?.done;
            }
            still = if done == 0 && self.open().await? == 0 { still + 1 } else { 0 };
            if done == 0 {
                self.crm.pause(LOOK).await;
            }
        }
        Ok(())
    }

    async fn ring(&self, call: &Synthetic) -> Result<()> {
        let ground = self.ground;
        let at = jiff::Timestamp::from_millisecond(call.at_ms)?;
        let body = json!({
            "call_id": call.id, "direction": "inbound", "ending": if call.words.is_some() { "voicemail" } else { "ring_no_answer" },
            "caller": call.caller, "caller_name": format!("Ringback Drill {}", ground.tag), "dialled": ground.line,
            "started_at": at.to_string(), "duration_seconds": 25, "transcript": call.words, "source": MARK, "campaign": ground.tag,
        })
        .to_string()
        .into_bytes();
        let id = format!("msg_{}", call.id);
        let seconds = ground.engine.now().as_second();
        let signature =
            sign::standard_webhooks(&ground.signing_secret, &id, seconds, &body).context("the key is no base64")?;
        for _ in 0..2 {
            let raw = RawRequest {
                method: "POST".into(),
                url: format!("http://localhost/hooks/{}/call", ground.source),
                event: "call".into(),
                headers: vec![
                    ("content-type".into(), "application/json".into()),
                    ("webhook-id".into(), id.clone()),
                    ("webhook-timestamp".into(), seconds.to_string()),
                    ("webhook-signature".into(), signature.clone()),
                ],
                body: body.clone(),
            };
            let reply = ground.engine.receive(ground.source.as_str(), raw).await;
            if !(200..300).contains(&reply.status) {
                bail!("the call was not taken: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
            }
        }
        Ok(())
    }

    async fn planned(&self) -> Result<Vec<Planned>> {
        let ground = self.ground;
        Ok(sandbox::planned(&ground.engine, &ground.drill, &ground.connection).await?)
    }

    async fn open(&self) -> Result<i64> {
        let (of, lane) = (self.ground.drill.as_str().to_owned(), self.ground.connection.as_str().to_owned());
        let store = self.ground.engine.store();
        Ok(store.read(move |tx| Box::pin(async move { store::effects_unsettled_count(tx, &of, &lane).await })).await?)
    }

    async fn stopped(&self) -> Result<Vec<String>> {
        let of = self.ground.drill.as_str().to_owned();
        let store = self.ground.engine.store();
        let rows = store.read(move |tx| Box::pin(async move { store::effects_dead(tx, &of, 500).await })).await?;
        let why = |row: &store::EffectRow| own::plain(row.why.as_deref().unwrap_or_default());
        Ok(rows.iter().map(|row| format!("{}: {}", row.target, why(row))).collect())
    }

    /// Read in the CRM: of each number one person, of each call one record, of each caller one task.
    async fn counted(&self, calls: &[Synthetic]) -> Result<Counted> {
        let planned = self.planned().await?;
        let mut there: BTreeMap<Object, usize> = BTreeMap::new();
        for one in &planned {
            let Some(id) = &one.record else { continue };
            let names: Vec<String> = one.properties.keys().cloned().collect();
            let read = self.crm.read(one.object, id, &names).await;
            if read.map_err(|why| anyhow!("a record cannot be read: {why}"))?.is_some() {
                *there.entry(one.object).or_default() += 1;
            }
        }
        let of = |object: Object| there.get(&object).copied().unwrap_or_default();
        let mut callers: Vec<&String> = calls.iter().map(|c| &c.caller).collect();
        callers.sort();
        callers.dedup();
        let mut doubled = 0;
        for number in &callers {
            let people = self.crm.people(number).await.map_err(|why| anyhow!("the CRM cannot be searched: {why}"))?;
            doubled += people.len().saturating_sub(1);
        }
        let (people, records, tasks) = (of(Object::Contact), of(Object::Call) + of(Object::Note), of(Object::Task));
        let whole = people >= callers.len() && tasks >= callers.len();
        let written = if whole { records.min(calls.len()) } else { people.min(tasks).min(records) };
        doubled += people.saturating_sub(callers.len())
            + records.saturating_sub(calls.len())
            + tasks.saturating_sub(callers.len());
        let count = Count { calls: calls.len(), taken: calls.len(), written, lost: calls.len() - written, doubled };
        Ok(Counted { count, people, records, tasks, stopped: self.stopped().await?, open: self.open().await? })
    }

    /// Whoever finds one of these people in the CRM is to see at once whose they are.
    async fn name_people(&self) -> Result<()> {
        let planned = self.planned().await?;
        let property = self.crm.crm().words().contact_name;
        for one in planned.iter().filter(|p| p.object == Object::Contact) {
            let Some(id) = &one.record else { continue };
            let name = format!("Ringback Drill {}", self.ground.tag);
            let named = self.crm.type_in(one, id, property, &name).await;
            named.map_err(|why| anyhow!("person {id} cannot be named as the drill's: {why}"))?;
        }
        Ok(())
    }

    /// Somebody who works there writes a budget into the first caller's record.
    async fn type_budget(&self, calls: &[Synthetic]) -> Result<Option<Typed>> {
        let rule = self.contract.fields.get("budget").filter(|rule| rule.object == Object::Contact);
        let (Some(rule), Some(first)) = (rule, calls.first()) else { return Ok(None) };
        let planned = self.planned().await?;
        let mine = planned
            .into_iter()
            .find(|p| p.object == Object::Contact && p.properties.values().any(|value| *value == first.caller));
        let Some((planned, record)) = mine.and_then(|p| Some((p.record.clone()?, p))).map(|(id, p)| (p, id)) else {
            return Ok(None);
        };
        match self.crm.type_in(&planned, &record, &rule.property, TYPED_BUDGET).await {
            Ok(()) => Ok(Some(Typed { planned, record, property: rule.property.clone() })),
            Err(_) => Ok(None),
        }
    }

    /// What the CRM shows now where somebody typed.
    async fn shown(&self, typed: &Typed) -> Result<String> {
        let names = vec![typed.property.clone()];
        let read = self.crm.read(typed.planned.object, &typed.record, &names).await;
        let record = read.map_err(|why| anyhow!("a record cannot be read: {why}"))?;
        Ok(record.and_then(|r| r.properties.get(&typed.property).cloned()).unwrap_or_default())
    }

    async fn conflict(&self, typed: Option<&Typed>) -> Result<Guarantee> {
        let undeclared: Vec<&str> =
            self.contract.fields.iter().filter(|(_, r)| r.winner.trim().is_empty()).map(|(n, _)| n.as_str()).collect();
        if !undeclared.is_empty() {
            return Ok(line(2, Verdict::Red, format!("No winner is declared for {}.", undeclared.join(", "))));
        }
        let fields = self.contract.fields.len();
        let Some(typed) = typed else {
            let evidence = format!(
                "Not judged: {fields} of {fields} fields have a winner in one sentence, but no number field of a person takes the budget here, so no \
                 conflict could be made."
            );
            return Ok(line(2, Verdict::NotJudged, evidence));
        };
        let shown = self.shown(typed).await?;
        let stands = stands(&shown);
        let asked = own::reviews(&self.ground.engine, &self.ground.drill).await?;
        let asked = asked.iter().any(|(_, review)| review.field.as_deref() == Some("budget"));
        Ok(held(
            2,
            stands && asked,
            format!(
                "{fields} of {fields} fields have a winner in one sentence; the budget {TYPED_BUDGET}, typed into {} of record {}, {} after a call that says \
                 another, and {} review asks.",
                typed.property,
                typed.record,
                if stands { "stands".to_owned() } else { format!("is now “{shown}”") },
                if asked { "a" } else { "no" },
            ),
        ))
    }

    async fn mapping(&self, name: &str, version: u32) -> Result<Guarantee> {
        let asked =
            ringback_engine::setup::schema(&self.ground.customer, &self.ground.account, &self.ground.connection)
                .await?;
        let schema = asked.map_err(|problem| anyhow!("the schema cannot be read: {}", problem.cause))?;
        let lines = self.contract.sentences();
        let mapped = |rule: &ringback_core::contract::FieldRule| {
            schema.iter().any(|(object, spec)| *object == rule.object && own::same(&spec.name, &rule.property))
        };
        let missing: Vec<String> = self
            .contract
            .fields
            .values()
            .filter(|rule| rule.object == Object::Contact && !mapped(rule))
            .map(ringback_core::contract::FieldRule::target)
            .collect();
        let there = self.contract.fields.values().filter(|rule| mapped(rule)).count();
        let lacks = if missing.is_empty() { String::new() } else { format!("; it lacks {}", missing.join(", ")) };
        let example = lines.first().map(|l| l.text.as_str()).unwrap_or_default();
        Ok(held(
            1,
            !lines.is_empty() && missing.is_empty() && lines.iter().all(|l| !l.text.is_empty()),
            format!(
                "Contract {name}, version {version}, is the document: {} fields, {there} of them in your own schema of {} properties as read now{lacks}; \
                 for example “{example}”",
                lines.len(),
                schema.len(),
            ),
        ))
    }

    /// From a written field back to call, words, clause, version and read-back; and the CRM holds it.
    async fn trail(&self) -> Result<Guarantee> {
        let planned = self.planned().await?;
        for object in [Object::Task, Object::Contact, Object::Call] {
            for one in planned.iter().filter(|p| p.object == object) {
                let Some(id) = &one.record else { continue };
                for rule in self.contract.fields.values().filter(|rule| rule.object == object) {
                    let (engine, drill) = (&self.ground.engine, &self.ground.drill);
                    let answers = engine.trace(drill, object.as_str(), id, &rule.property).await?;
                    let found = answers.into_iter().find(|a| a.quote.is_some() && a.receipt.read_at.is_some());
                    let Some(answer) = found else { continue };
                    let value = answer.is.as_ref().and_then(|s| s.text()).unwrap_or_default().to_owned();
                    let read = self.crm.read(object, id, std::slice::from_ref(&rule.property)).await;
                    let shown = read.ok().flatten().is_some_and(|r| r.properties.values().any(|v| v.contains(&value)));
                    return Ok(own::told_trail(&answer, &value, shown && !value.is_empty()));
                }
            }
        }
        let evidence = "Not judged: no field that the caller's words fill was written by itself under this contract; approve one and trace it.";
        Ok(line(4, Verdict::NotJudged, evidence))
    }

    async fn runbook(&self) -> Result<Guarantee> {
        let pages = self.ground.engine.runbook(&self.ground.drill).await?;
        let whole =
            pages.iter().filter(|p| !p.means.is_empty() && !p.by_itself.is_empty() && !p.you.is_empty()).count();
        let evidence = format!(
            "Not judged: needs a twin, for nothing failed here. {whole} of {} kinds of failure have a page (`ringback runbook`).",
            pages.len()
        );
        Ok(line(5, if whole == pages.len() { Verdict::NotJudged } else { Verdict::Red }, evidence))
    }

    async fn sources(&self, typed: Option<&Typed>) -> Result<Guarantee> {
        let by = own::sources_of(&self.contract);
        let list: Vec<String> = by.iter().map(|(source, n)| format!("{source} {n}")).collect();
        let stands = match typed {
            Some(typed) => stands(&self.shown(typed).await?),
            None => true,
        };
        let fields = self.contract.fields.len();
        let went = match (typed, stands) {
            (Some(_), true) => "a value whose source is a person kept what was typed",
            (Some(_), false) => "a value whose source is a person was OVERWRITTEN",
            (None, _) => "no value was typed, so the list alone is shown",
        };
        let verdict = match (by.len() > 1 && stands, typed.is_some()) {
            (true, true) => Verdict::Green,
            (true, false) => Verdict::NotJudged,
            (false, _) => Verdict::Red,
        };
        Ok(line(7, verdict, format!("{fields} of {fields} fields name one source ({}); {went}.", list.join(", "))))
    }

    fn schema(first: &Counted, all: &Counted) -> Guarantee {
        let stopped = match all.stopped.as_slice() {
            [] => "no write stopped".to_owned(),
            [one, ..] => format!("{} stopped (“{one}”)", some(all.stopped.len(), "write")),
        };
        let holds = first.count.lost == 0 && all.count.lost == 0 && all.stopped.is_empty() && all.open == 0;
        held(
            8,
            holds,
            format!(
                "In your own sandbox and its own schema {} of {} calls arrived and were read back ({} people, {} call records, {} tasks): {stopped}, {} \
                 open.",
                all.count.written, all.count.calls, all.people, all.records, all.tasks, all.open
            ),
        )
    }
}

/// Vendors spell one amount in several ways.
fn stands(shown: &str) -> bool {
    let amount = |text: &str| text.trim().parse::<f64>().ok();
    amount(shown).is_some_and(|shown| amount(TYPED_BUDGET).is_some_and(|typed| (shown - typed).abs() < 0.005))
}

/// Lost answers cannot be made in a real CRM; what each webhook's second delivery gave is seen all the same.
fn idempotent(all: &Counted) -> Guarantee {
    let evidence = format!(
        "Not judged: needs a twin, for answers cannot be lost here on purpose. Each webhook was delivered twice: {} too many for {}.",
        some(all.count.doubled, "record"),
        some(all.count.calls, "call")
    );
    line(3, if all.count.doubled > 0 { Verdict::Red } else { Verdict::NotJudged }, evidence)
}

fn reconciled(all: &Counted) -> Guarantee {
    let evidence = format!(
        "Not judged: needs a twin, for the CRM cannot be switched off here. Counted in the CRM after {}: {} lost, {} doubled.",
        some(all.count.calls, "call"),
        all.count.lost,
        all.count.doubled
    );
    line(6, if all.count.lost + all.count.doubled > 0 { Verdict::Red } else { Verdict::NotJudged }, evidence)
}
