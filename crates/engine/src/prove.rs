//! Proofs of no loss: one signed file per account and day, made by the night and by the command alike.
//!
//! A proof is the day's reconciliation in the form of [`ringback_core::proof::file`]: figures per location, a line per call, every exception
//! by name, chained to the account's proof before and signed with Ed25519. Whoever holds the public key can check it without us. It names
//! calls by keyed hashes and holds nothing that a caller said or is.

use crate::facts::AccountFacts;
use crate::keyring::proof_signed;
use crate::reconcile::{PhoneLog, Progress, Reconciled, Window};
use crate::{Engine, Error, instant, micros};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use ringback_core::id::AccountId;
use ringback_core::proof::file::{self, CALL, EXCEPTION, Entry, FOOTER, FORMAT, HEADER, LOCATION, PROOF_SCHEMA};
use ringback_core::proof::{Counts, Mark};
use ringback_store::{self as store, AccountRow, ProofRow, Site};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The hour, in the account's zone, at which the day before is proved: late reports have come, and nobody calls.
pub const NIGHT_HOUR: i8 = 3;
/// Until then a night waits for a CRM or a provider that does not answer; after that the proof is made without it, and says so.
pub const PATIENT_UNTIL_HOUR: i8 = 12;
/// The rest between two tries of one night.
const TRY_SECONDS: i64 = 15 * 60;
/// Days that are made up for after a standstill.
const MADE_UP_DAYS_MAX: i64 = 7;
/// The cursor that keeps when a night was tried.
const TRIED: (&str, &str) = ("proof", "tried_at");

/// A proof that stands.
#[derive(Debug, Clone)]
pub struct Proved {
    pub row: ProofRow,
    /// Made just now; else it stood already.
    pub made: bool,
}

/// The phone system's own log as the witness of what rang, and the words that name it in a command line.
#[derive(Debug, Clone)]
pub struct NamedLog {
    pub log: PhoneLog,
    /// Such as ` --phone-log march.csv`: the commands of the proof's exceptions end so.
    pub words: String,
}

/// Checks a proof by itself, and against a key kept outside when one is given.
pub fn check(bytes: &[u8], pinned: Option<&str>) -> Result<file::Sound, file::Unsound> {
    file::verify(bytes, pinned, proof_signed)
}

/// The zone in which an account's days begin: that of most of its locations.
pub fn zone(facts: &AccountFacts) -> String {
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for location in &facts.roster.locations {
        *zones.entry(location.calendar.zone()).or_default() += 1;
    }
    // Of equally many the first by name: the same on every node.
    let most = zones.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
    most.map_or_else(|| "UTC".to_owned(), |(zone, _)| (*zone).to_owned())
}

/// A day of that zone as instants: its first, and the first of the next.
pub fn day_bounds(day: Date, zone: &str) -> Option<(Timestamp, Timestamp)> {
    let tz = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let start = |day: Date| day.to_zoned(tz.clone()).ok().map(|z| z.timestamp());
    Some((start(day)?, start(day.tomorrow().ok()?)?))
}

impl Engine {
    /// The proof of a day: the one that stands, or a new one. `again` makes another even where one stands; both stay in the chain. With a
    /// phone log that says what rang, the providers are not asked for their lists.
    pub async fn prove(
        &self,
        account: &AccountId,
        day: Date,
        again: bool,
        phone_log: Option<&NamedLog>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Proved, Error> {
        if !again && let Some(row) = self.proof_of(account, day).await? {
            return Ok(Proved { row, made: false });
        }
        let facts = self.facts(account).await?;
        let (since, until) = bounds(day, &facts)?;
        if until > self.now() {
            return Err(Error::Refused(format!("{day} is not over yet in {}", zone(&facts))));
        }
        let found = self.reconcile(account, &window(day, since, until, phone_log)?, tell).await?;
        self.keep_proof(&facts, day, &found).await
    }

    async fn proof_of(&self, account: &AccountId, day: Date) -> Result<Option<ProofRow>, Error> {
        let (account, day) = (account.as_str().to_owned(), day.to_string());
        Ok(self.store().read(move |tx| Box::pin(async move { store::proof_of_day(tx, &account, &day).await })).await?)
    }

    /// Puts a day's reconciliation into the chain.
    async fn keep_proof(&self, facts: &AccountFacts, day: Date, found: &Reconciled) -> Result<Proved, Error> {
        let (account, of_day) = (facts.account.as_str().to_owned(), day.to_string());
        let (last, same_day, business) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let last = store::proof_last(tx, &account).await?;
                    let business = store::account_get(tx, &account).await?;
                    Ok((last, store::proof_of_day(tx, &account, &of_day).await?, business.map(|row| row.name)))
                })
            })
            .await?;
        let seq = last.as_ref().map_or(1, |last| last.seq + 1);
        let revision = same_day.map_or(1, |row| row.revision + 1);
        let (key_id, public) = self.keyring().proof_keys().pop().unwrap_or_default();
        let head = json!({
            "format": FORMAT, "schema": PROOF_SCHEMA, "account": facts.account, "business": business, "day": day.to_string(), "zone": zone(facts),
            "since": found.since, "until": found.until, "made_at": self.now(), "seq": seq, "revision": revision,
            "outside": found.outside, "witnesses": found.witnesses, "key": public, "key_id": key_id,
            "program": concat!("ringback ", env!("CARGO_PKG_VERSION")),
            "contract": format!("{} v{}", facts.contract_ref.name, facts.contract_ref.version),
        });
        let locations = locations(facts, found);
        let entries = entries(facts, head, &locations, found);
        let previous = last.as_ref().map(|last| last.hash.as_str());
        let written = file::write(&entries, previous, |hash| self.keyring().sign_proof(hash));
        let summary = json!({
            "sentence": found.report.sentence, "counts": found.report.counts, "outside": found.outside,
            "witnesses": found.witnesses,
            "locations": locations.iter().map(|(slug, (name, counts))| {
                json!({ "location": slug, "name": name, "sentence": counts.sentence(), "counts": counts })
            }).collect::<Vec<_>>(),
        });
        let row = ProofRow {
            account: facts.account.as_str().to_owned(),
            seq,
            day: day.to_string(),
            revision,
            made_at: micros(self.now()),
            summary: summary.to_string(),
            key_id,
            prev_hash: last.map_or_else(|| ringback_core::ledger::GENESIS.to_owned(), |last| last.hash),
            hash: written.hash,
            body: written.text,
        };
        let stored = row.clone();
        self.store()
            .write(Site::Other, move |tx| Box::pin(async move { store::proof_insert(tx, &stored).await }))
            .await?;
        self.changed();
        Ok(Proved { row, made: true })
    }

    /// What the night does: proves the days that are over and not proved yet. Looks often, does it once a day.
    pub(crate) async fn nightly_proof(&self, account: &AccountRow) -> Result<(), Error> {
        let id = AccountId::from_text(account.id.clone());
        let facts = self.facts(&id).await?;
        let tz = TimeZone::get(&zone(&facts)).unwrap_or(TimeZone::UTC);
        let local = self.now().to_zoned(tz);
        if local.hour() < NIGHT_HOUR {
            return Ok(());
        }
        let Ok(yesterday) = local.date().yesterday() else { return Ok(()) };
        let (of, now) = (account.id.clone(), micros(self.now()));
        let (last, tried) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let tried = store::cursor_get(tx, &of, TRIED.0, TRIED.1).await?;
                    Ok((store::proof_last(tx, &of).await?, tried))
                })
            })
            .await?;
        let mut day = yesterday;
        if let Some(last) = last.and_then(|row| row.day.parse::<Date>().ok()) {
            let Ok(next) = last.tomorrow() else { return Ok(()) };
            let earliest = yesterday.checked_sub(MADE_UP_DAYS_MAX.days()).unwrap_or(yesterday);
            day = next.max(earliest);
        }
        let tried = tried.and_then(|at| at.parse::<i64>().ok()).map(instant);
        let rests = tried.is_some_and(|at| self.now().duration_since(at) < SignedDuration::from_secs(TRY_SECONDS));
        let (_, over) = bounds(yesterday, &facts)?;
        if day > yesterday || rests || instant(account.created_at) >= over {
            return Ok(());
        }
        let of = account.id.clone();
        self.store()
            .write(Site::Other, move |tx| {
                Box::pin(async move { store::cursor_put(tx, &of, TRIED.0, TRIED.1, &now.to_string(), now).await })
            })
            .await?;
        while day <= yesterday {
            let (since, until) = bounds(day, &facts)?;
            let found = self.reconcile(&id, &window(day, since, until, None)?, &|_| {}).await?;
            let silent = found.witnesses.iter().any(|w| !w.answered);
            if silent && day == yesterday && local.hour() < PATIENT_UNTIL_HOUR {
                return Ok(());
            }
            match self.keep_proof(&facts, day, &found).await {
                // Another node was first.
                Err(Error::Store(store::Error::Conflict)) => return Ok(()),
                other => other?,
            };
            let Ok(next) = day.tomorrow() else { return Ok(()) };
            day = next;
        }
        Ok(())
    }
}

fn bounds(day: Date, facts: &AccountFacts) -> Result<(Timestamp, Timestamp), Error> {
    day_bounds(day, &zone(facts)).ok_or_else(|| Error::Refused(format!("{day} is no day that can be proved")))
}

fn window(day: Date, since: Timestamp, until: Timestamp, named: Option<&NamedLog>) -> Result<Window, Error> {
    let next = day.tomorrow().map_err(|e| Error::Refused(e.to_string()))?;
    let words = named.map_or("", |named| named.words.as_str());
    let again = format!("ringback reconcile --since {day} --until {next}{words}");
    Ok(Window { since, until, phone_log: named.map(|named| named.log.clone()), again })
}

/// Every location with its name and figures; also those whose telephones were silent.
fn locations(facts: &AccountFacts, found: &Reconciled) -> BTreeMap<String, (String, Counts)> {
    let mut all: BTreeMap<String, (String, Counts)> = BTreeMap::new();
    for location in &facts.roster.locations {
        all.insert(location.slug.clone(), (location.name.clone(), Counts::default()));
    }
    for (slug, counts) in &found.report.locations {
        let known = all.entry(slug.clone()).or_insert_with(|| ("No location".into(), Counts::default()));
        known.1 = *counts;
    }
    all
}

fn entries(
    facts: &AccountFacts,
    head: Value,
    locations: &BTreeMap<String, (String, Counts)>,
    found: &Reconciled,
) -> Vec<Entry> {
    let reference = |call: &str| facts.salt.commit("proof call", call);
    let mut entries = vec![Entry { kind: HEADER, body: head }];
    for (slug, (name, counts)) in locations {
        let mut body = map(serde_json::to_value(counts));
        body.insert("location".into(), json!(slug));
        body.insert("name".into(), json!(name));
        body.insert("sentence".into(), json!(counts.sentence()));
        if let Some(place) = facts.roster.locations.iter().find(|l| l.slug == *slug) {
            body.insert("zone".into(), json!(place.calendar.zone()));
        }
        entries.push(Entry { kind: LOCATION, body: Value::Object(body) });
    }
    for call in &found.report.calls {
        let ticks: Vec<&str> = call.ticks.iter().map(Mark::word).collect();
        let body = json!({
            "ref": reference(&call.call), "location": call.location, "at": call.at, "category": call.category, "ticks": ticks,
        });
        entries.push(Entry { kind: CALL, body });
    }
    for (call, finding) in found.report.calls.iter().flat_map(|call| call.findings.iter().map(move |f| (call, f))) {
        let body = json!({
            "id": finding.id, "kind": finding.kind, "ref": reference(&finding.call), "location": finding.location, "at": call.at,
            "object": finding.object, "sentence": finding.sentence, "command": finding.command,
        });
        entries.push(Entry { kind: EXCEPTION, body });
    }
    let exceptions = found.report.findings().count();
    let body = json!({
        "lines": entries.len() + 1, "exceptions": exceptions, "counts": found.report.counts, "sentence": found.report.sentence,
    });
    entries.push(Entry { kind: FOOTER, body });
    entries
}

fn map(value: Result<Value, serde_json::Error>) -> Map<String, Value> {
    match value {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}
