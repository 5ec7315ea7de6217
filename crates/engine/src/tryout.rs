//! A contract tried in a sandbox: set-up, a write whose answer is dropped although it was done, the read that shows one record, and cleaning up.
//!
//! The writes go by the same decisions as those of a lane ([`ringback_core::ensure`]), with a history of their own; nothing of it reaches an
//! inquiry, and every record carries the run's tag. What was run is kept under what the CRM had of the contract's fields, so that a run says
//! nothing about another schema.

use crate::facts::ConnectionFacts;
use crate::lane::traits_of;
use crate::sandbox::{Planned, Sandbox};
use crate::{Engine, Error, micros, setup};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::Crm;
use ringback_core::contract::{Contract, FieldType, Machine};
use ringback_core::crm::{Object, Outcome, Properties, Why, written_instant};
use ringback_core::effect::{ContactRef, Desired, hex};
use ringback_core::ensure::{self, Circumstances, History, Next, PersonWords, Purpose, Receipt};
use ringback_core::id::{AccountId, ConnectionId};
use ringback_core::problem::Problem;
use ringback_core::readiness::{Tried, schema_digest};
use ringback_store::{self as store, SandboxRunRow, Site};
use serde::Serialize;

/// Exchanges of one record at most.
const EXCHANGES_MAX: usize = 40;
/// The longest wait for one record; an index that shows it later is told of.
const WAIT_SECONDS_MAX: i64 = 300;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// Every record carries it.
    pub tag: String,
    /// What was done, a sentence each.
    pub did: Vec<String>,
    pub made: Vec<String>,
    /// What could not be taken away, and why.
    pub left: Vec<String>,
    /// What stands in the way.
    pub problems: Vec<Problem>,
    /// What is kept of it; none: it could not begin.
    pub tried: Option<Tried>,
}

impl Engine {
    /// Tries the contract in force in the CRM behind a connection, which is written to. `told` hears what is done next.
    pub async fn try_contract(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        mut told: impl FnMut(&str),
    ) -> Result<Ran, Error> {
        let mut ran = Ran::default();
        let facts = self.facts(account).await?;
        let refuse =
            |code, cause: String, cure: &str| Ran { problems: vec![Problem::new(code, cause, cure)], ..Ran::default() };
        if !facts.contract_applied {
            return Ok(refuse(
                "RB-0242",
                "no contract was applied, so there is nothing to try".into(),
                "ringback contract apply contract.toml",
            ));
        }
        let Some(held) = facts.connections.get(connection.as_str()) else {
            return Err(Error::Missing(format!("connection {connection}")));
        };
        let Some(crm) = held.crm() else {
            return Ok(refuse(
                "RB-0521",
                format!("the connection {connection} is to no CRM"),
                "name a connection of kind crm",
            ));
        };
        if crm.acknowledges() {
            let cause = format!("{} cannot be asked what it holds, so nothing can be shown there", crm.about().title);
            return Ok(refuse(
                "RB-0527",
                cause,
                "`ringback drill --crm hook` tries messages against a simulated receiver",
            ));
        }
        let started_at = self.now();
        told("sets up what the contract writes");
        let connected = setup::connect(self, account, connection).await?;
        if !connected.problems.is_empty() {
            return Ok(Ran { problems: connected.problems, ..ran });
        }
        ran.did.push(format!(
            "set-up: {} properties made, {} were there",
            connected.created.len(),
            connected.present.len()
        ));
        let facts = self.facts(account).await?;
        let Some(held) = facts.connections.get(connection.as_str()) else {
            return Err(Error::Missing(format!("connection {connection}")));
        };
        let schema = match setup::schema(self, account, connection).await? {
            Ok(schema) => schema,
            Err(problem) => return Ok(Ran { problems: vec![problem], ..ran }),
        };
        let random: [u8; 4] = self.random();
        ran.tag = format!("rb-try-{}", hex(&random));
        let digest = schema_digest(&facts.contract, &schema);
        let mut run =
            Run { engine: self, held, crm, contract: &facts.contract, tag: ran.tag.clone(), planned: Vec::new() };
        let Some(sandbox) = Sandbox::of(self, account, connection, &ran.tag).await? else {
            return Err(Error::Missing(format!("connection {connection}")));
        };
        let went = run.all(&sandbox, &mut ran, &mut told).await;
        told("takes away what it made");
        let removed = sandbox.remove(&run.planned, |_| {}).await;
        ran.left = removed.left.iter().map(|left| format!("{}: {}", left.record, left.why)).collect();
        ran.did.push(format!("{} records taken away again, {} left", removed.removed.len(), ran.left.len()));
        let (records, sentence) = match &went {
            Ok((records, sentence)) => (*records, sentence.clone()),
            Err(why) => (0, format!("it ended early: {why}")),
        };
        if let Err(why) = &went {
            let cure = "mend the cause and try again";
            ran.problems.push(Problem::new(
                "RB-0243",
                format!("the contract could not be tried to its end: {why}"),
                cure,
            ));
        } else if records != 1 {
            let cause = format!("{records} records of one person were there after an answer was lost");
            ran.problems.push(Problem::new("RB-0243", cause, "report this with the output of the run"));
        }
        let ok = ran.problems.is_empty() && ran.left.is_empty();
        let tried = Tried {
            connection: connection.as_str().to_owned(),
            schema_digest: digest,
            at: self.now(),
            ok,
            records,
            sentence,
        };
        self.keep_run(account, &facts.contract, started_at, &tried).await?;
        ran.tried = Some(tried);
        Ok(ran)
    }

    async fn keep_run(
        &self,
        account: &AccountId,
        contract: &Contract,
        started_at: Timestamp,
        tried: &Tried,
    ) -> Result<(), Error> {
        let row = SandboxRunRow {
            account: account.as_str().to_owned(),
            id: format!("try_{}", ringback_core::id::stamp(self.now(), self.random())),
            connection: tried.connection.clone(),
            schema_digest: tried.schema_digest.clone(),
            contract: contract.digest(),
            started_at: micros(started_at),
            ended_at: micros(tried.at),
            ok: i64::from(tried.ok),
            body: serde_json::to_string(tried).unwrap_or_default(),
        };
        let draft = ringback_core::ledger::Draft::new("sandbox_run")
            .with("run", &row.id)
            .with("connection", &tried.connection)
            .with("schema", &tried.schema_digest)
            .with("ok", tried.ok);
        let chain = self.chain(account);
        let stored = self.store().write(Site::Setup, move |tx| {
            Box::pin(async move {
                store::sandbox_run_insert(tx, &row).await?;
                chain.tell(tx, vec![draft]).await
            })
        });
        Ok(stored.await?)
    }
}

struct Run<'a> {
    engine: &'a Engine,
    held: &'a ConnectionFacts,
    crm: &'static dyn Crm,
    contract: &'a Contract,
    tag: String,
    planned: Vec<Planned>,
}

impl Run<'_> {
    /// How many records the one person has in the end, and what was seen, as a sentence. `Err`: it ended early, and why.
    async fn all(
        &mut self,
        sandbox: &Sandbox,
        ran: &mut Ran,
        told: &mut impl FnMut(&str),
    ) -> Result<(u32, String), String> {
        let words = self.crm.words();
        let random: [u8; 1] = self.engine.random();
        let e164 = format!("+1602555{:04}", 100 + u16::from(random.first().copied().unwrap_or_default()) % 100);
        let now = self.engine.now();
        told("writes a person, and drops the answer");
        let mut person = self.values(Object::Contact);
        person.insert(words.contact_phone.to_owned(), e164.clone());
        person.insert(words.contact_name.to_owned(), format!("Ringback Try {}", self.tag));
        let fields = person.len();
        let contact = Desired::NewContact { key: format!("{}-person", self.tag), properties: person };
        let receipt = self.bring_about(&contact, true).await?;
        ran.made.push(format!("contact {}", receipt.record));
        let line = format!(
            "a person with {fields} fields was written and its answer dropped; a look by our key found it, and nothing was written again"
        );
        ran.did.push(line);
        told("writes a call log and a task");
        let mut call = self.values(Object::Call);
        for (name, value) in [
            (words.call_at, written_instant(now)),
            (words.call_title, format!("Missed call ({})", self.tag)),
            (words.call_body, self.tag.clone()),
            (words.call_direction, words.call_inbound.to_owned()),
            (words.call_status, words.call_statuses[0].to_owned()),
            (words.call_from, e164.clone()),
        ] {
            call.insert(name.to_owned(), value);
        }
        let mut task = self.values(Object::Task);
        for (name, value) in [
            (words.task_due, written_instant(now)),
            (words.task_subject, format!("Call back ({})", self.tag)),
            (words.task_body, self.tag.clone()),
            (words.task_status, words.task_open.to_owned()),
            (words.task_type, words.task_type_call.to_owned()),
        ] {
            task.insert(name.to_owned(), value);
        }
        for (object, part, properties) in [(Object::Call, "call", call), (Object::Task, "task", task)] {
            let properties: Properties = properties.into_iter().filter(|(name, _)| !name.is_empty()).collect();
            let of = ContactRef::Record(receipt.record.clone());
            let desired = Desired::Activity { object, key: format!("{}-{part}", self.tag), properties, contact: of };
            let made = self.bring_about(&desired, false).await?;
            ran.made.push(format!("{} {}", object.as_str(), made.record));
            ran.did.push(format!("a {} was written and read back with every property", object.as_str()));
        }
        told("counts the records of that person");
        let people = sandbox.people(&e164).await?;
        let ours = people.iter().filter(|r| r.properties.values().any(|v| v.contains(&self.tag))).count();
        // An index that does not show it yet says nothing against what was read by our key.
        let records = u32::try_from(ours.max(1)).unwrap_or(u32::MAX);
        let sentence = format!(
            "{fields} fields of a person, a call log and a task were written and read back; the answer of the first write was dropped, and {records} record was there"
        );
        Ok((records, sentence))
    }

    /// Something that fits, for every field that the machine writes to records of that kind.
    fn values(&self, object: Object) -> Properties {
        let writes = |machine: Machine| matches!(machine, Machine::Update | Machine::FillEmpty | Machine::Suggest);
        let words = self.crm.words();
        let fit = |rule: &&ringback_core::contract::FieldRule| {
            let protected = rule.protected.is_some() || words.protected_kind(rule.object, &rule.property).is_some();
            rule.object == object && writes(rule.machine) && !protected
        };
        let now = self.engine.now();
        let value = |kind: &FieldType| match kind {
            FieldType::Text => self.tag.clone(),
            FieldType::Choice(options) => options.first().cloned().unwrap_or_default(),
            FieldType::Number | FieldType::Money => "1".to_owned(),
            FieldType::Date => now.to_string().get(..10).unwrap_or_default().to_owned(),
            FieldType::DateTime => written_instant(now),
            FieldType::Bool => "true".to_owned(),
            FieldType::Phone => "+16025550199".to_owned(),
            FieldType::Email => format!("{}@example.com", self.tag),
        };
        self.contract.fields.values().filter(fit).map(|rule| (rule.property.clone(), value(&rule.kind))).collect()
    }

    /// Goes the way that a lane goes, until it is so. `drops`: the answer of the first write that was done is lost.
    async fn bring_about(&mut self, desired: &Desired, mut drops: bool) -> Result<Receipt, String> {
        let (object, key, properties) = match desired {
            Desired::NewContact { key, properties } => (Object::Contact, key, properties),
            Desired::Activity { object, key, properties, .. } => (*object, key, properties),
            _ => return Err("nothing else is tried".into()),
        };
        let contact = match desired {
            Desired::Activity { contact: ContactRef::Record(id), .. } => Some(id.clone()),
            _ => None,
        };
        let at = self.planned.len();
        // Before its first request, so that it can be taken away whatever happens.
        self.planned.push(Planned {
            object,
            key: key.clone(),
            properties: properties.clone(),
            record: None,
            of: contact.clone(),
        });
        let words = self.crm.words();
        let begun = self.engine.now();
        let mut history = History::default();
        for _ in 0..EXCHANGES_MAX {
            let now = self.engine.now();
            if now.duration_since(begun) > SignedDuration::from_secs(WAIT_SECONDS_MAX) {
                return Err(format!("{key} did not show within {WAIT_SECONDS_MAX} s"));
            }
            let around = Circumstances {
                traits: traits_of(self.held),
                now,
                contact: contact.as_deref(),
                planned_at: Some(begun),
                elsewhere: None,
                known: None,
                tried_before: false,
                confirms: false,
                crowded: false,
                deal_reads: &[],
                indexed: &[],
                person: PersonWords { phones: words.match_phones, emails: words.match_emails, region: "US" },
            };
            match ensure::next(desired, &history, &around) {
                Next::Done(receipt) => {
                    if let Some(planned) = self.planned.get_mut(at) {
                        planned.record = Some(receipt.record.clone());
                    }
                    return Ok(receipt);
                }
                Next::Wait { until, .. } => {
                    let pause = until.duration_since(now).unsigned_abs();
                    self.engine.inner.parts.clock.sleep(pause).await;
                }
                Next::Exchange { purpose, operation } => {
                    history.begin(purpose, now, None);
                    let search = !matches!(purpose, Purpose::Write | Purpose::Associate);
                    let mut outcome = self.engine.exchange_outside(self.held, self.crm, &operation, search).await?;
                    if drops && purpose == Purpose::Write && matches!(outcome, Outcome::Done { .. }) {
                        drops = false;
                        outcome = Outcome::Unknown { why: Why::new("time_out", "the answer was dropped on purpose") };
                    }
                    if let Some(last) = history.exchanges.last_mut() {
                        last.ended_at = Some(self.engine.now());
                        last.outcome = Some(outcome);
                    }
                }
                Next::DeadLetter(why) => return Err(format!("{}: {}", why.class, why.words)),
                Next::Moved(_) | Next::Tell => return Err(format!("{key} was changed by somebody else meanwhile")),
            }
        }
        Err(format!("{key} was not brought about in {EXCHANGES_MAX} exchanges"))
    }
}

#[cfg(test)]
mod tests;
