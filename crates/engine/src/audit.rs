//! Showing that the ledger is what it was: chains, documents, checkpoints, and one file that proves itself elsewhere.
//!
//! A chain says that nothing within it was changed. A checkpoint says which chains stood where at a moment, and is signed with a key that is
//! not in the database: so a shortened or missing chain is found too. Words may be gone by policy; that is told, and breaks nothing.

pub mod record;
mod replay;

pub use replay::{Difference, ReplayReport};

use crate::{Engine, Error, instant, micros};
use jiff::Timestamp;
use ringback_core::id::{AccountId, InquiryId};
use ringback_core::ledger::{self, Break, Entry, GENESIS, Retention, Salt};
use ringback_store::{self as store, CheckpointRow, DocumentRow, EntryRow, Site};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Version of the stored form of a checkpoint's body and of an exported trail.
pub const AUDIT_SCHEMA: u32 = 1;
/// Heads in one checkpoint; more go into the next.
const HEADS_MAX: u32 = 1000;
/// Chains named, and documents read, at once.
const PAGE: usize = 200;
/// Entries may become visible this much after the moment they carry.
const LATE_COMMIT_SECONDS_MAX: i64 = 3600;
/// The kind of the entry that stands in a chain whose person was erased.
pub const ERASED: &str = "erased";

/// What [`Engine::verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub chains: u64,
    pub entries: u64,
    /// Sealed values looked up, and those of them that are gone by policy or request.
    pub documents: u64,
    pub expired: u64,
    pub broken: Vec<Broken>,
    pub checkpoints: u64,
    pub checkpoint_breaks: Vec<CheckpointBreak>,
    /// Nothing is broken.
    pub ok: bool,
}

/// A place where a chain or what it refers to does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub inquiry: String,
    pub seq: i64,
    pub cause: String,
}

/// A checkpoint that does not hold, or that a chain does not agree with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointBreak {
    pub checkpoint: i64,
    pub cause: String,
}

/// An entry with its words, as far as they are still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    pub seq: i64,
    pub at: Timestamp,
    pub kind: String,
    /// The open words.
    pub body: Value,
    pub sealed: BTreeMap<String, Sealed>,
}

/// A personal value, or what is left of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sealed {
    Text(String),
    /// Gone by policy or request; the entry still proves that it was there.
    Expired {
        why: String,
        at: Timestamp,
    },
}

impl Sealed {
    /// The text, if it is still there.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Expired { .. } => None,
        }
    }

    pub(crate) fn of(row: &DocumentRow) -> Self {
        match (&row.body, row.erased_at) {
            (Some(body), _) => Self::Text(body.clone()),
            (None, at) => Self::Expired {
                why: row.erased_why.clone().unwrap_or_else(|| "expired".into()),
                at: instant(at.unwrap_or(row.created_at)),
            },
        }
    }
}

/// A chain with everything needed to read it.
pub(crate) struct Trail {
    pub(crate) rows: Vec<EntryRow>,
    /// By document id.
    pub(crate) documents: HashMap<String, DocumentRow>,
    /// The entry up to which the person's words were erased: seq, why, when.
    pub(crate) erased: Option<(i64, String, Timestamp)>,
}

impl Trail {
    /// The entries with their words.
    pub(crate) fn told(&self) -> Result<Vec<Told>, Error> {
        self.rows.iter().map(|row| self.tell(row)).collect()
    }

    fn tell(&self, row: &EntryRow) -> Result<Told, Error> {
        let mut body = open_body(row)?;
        let mut sealed = BTreeMap::new();
        for (name, id) in take_sealed(&mut body) {
            sealed.insert(name, self.value(row.seq, instant(row.at), &id));
        }
        Ok(Told { seq: row.seq, at: instant(row.at), kind: row.kind.clone(), body: Value::Object(body), sealed })
    }

    /// The words of a document as an entry may show them.
    pub(crate) fn value(&self, seq: i64, at: Timestamp, id: &str) -> Sealed {
        // Equal values of two people are one document: it may stand for the other person, but not be shown here any more.
        if let Some((until, why, when)) = &self.erased
            && seq <= *until
        {
            return Sealed::Expired { why: why.clone(), at: *when };
        }
        self.documents.get(id).map_or_else(|| Sealed::Expired { why: "missing".into(), at }, Sealed::of)
    }
}

fn open_body(row: &EntryRow) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(&row.body)
        .map_err(|e| Error::Corrupt { what: format!("entry {} of {}", row.seq, row.inquiry), why: e.to_string() })
}

/// Takes name → document id out of a body.
pub(crate) fn take_sealed(body: &mut Map<String, Value>) -> Vec<(String, String)> {
    match body.remove("sealed") {
        Some(Value::Object(sealed)) => {
            sealed.into_iter().filter_map(|(name, id)| id.as_str().map(|id| (name, id.to_owned()))).collect()
        }
        _ => Vec::new(),
    }
}

/// Every document id that an entry names anywhere: sealed values, evidence.
pub(crate) fn documents_of(body: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![body];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.starts_with("doc_") => {
                found.insert(text.clone());
            }
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    found
}

fn entry(row: &EntryRow) -> Entry {
    Entry {
        seq: row.seq,
        at: instant(row.at),
        kind: row.kind.clone(),
        body: row.body.clone(),
        prev_hash: row.prev_hash.clone(),
        hash: row.hash.clone(),
    }
}

/// Where the checkpoints say that chains stood: inquiry → (checkpoint, seq, hash).
type Heads = BTreeMap<String, Vec<(i64, i64, String)>>;

fn heads_of(row: &CheckpointRow) -> Option<Vec<(String, i64, String)>> {
    let body: Value = serde_json::from_str(&row.body).ok()?;
    let heads = body.get("heads")?.as_array()?;
    heads
        .iter()
        .map(|head| {
            let [inquiry, seq, hash] = head.as_array()?.as_slice() else { return None };
            Some((inquiry.as_str()?.to_owned(), seq.as_i64()?, hash.as_str()?.to_owned()))
        })
        .collect()
}

fn checkpoint_hash(row: &CheckpointRow) -> String {
    ledger::link(&row.prev_hash, row.seq, instant(row.at), "checkpoint", &row.body)
}

impl Engine {
    /// Checks every chain of an account, every sealed value that is still there, and every checkpoint.
    pub async fn verify(&self, account: &AccountId) -> Result<Report, Error> {
        let id = account.as_str().to_owned();
        let salt = self.facts(account).await?.salt.clone();
        // Checkpoints first: chains only grow, so what they say must stand in what is read later.
        let checkpoints =
            self.store().read(move |tx| Box::pin(async move { store::checkpoints_all(tx, &id).await })).await?;
        let mut report = Report { checkpoints: checkpoints.len() as u64, ..Report::default() };
        let mut heads = self.check_checkpoints(account, &checkpoints, &mut report);
        let mut after = String::new();
        loop {
            let (id, from) = (account.as_str().to_owned(), after.clone());
            let names = self
                .store()
                .read(move |tx| Box::pin(async move { store::entry_inquiries(tx, &id, &from, PAGE as u32).await }))
                .await?;
            let Some(last) = names.last() else { break };
            after.clone_from(last);
            for name in names {
                let said = heads.remove(&name).unwrap_or_default();
                self.check_chain(account, &salt, &name, &said, &mut report).await?;
            }
        }
        for (inquiry, said) in heads {
            let checkpoint = said.first().map_or(0, |(checkpoint, ..)| *checkpoint);
            let cause = format!("the whole chain of {inquiry} is missing");
            report.checkpoint_breaks.push(CheckpointBreak { checkpoint, cause });
        }
        report.ok = report.broken.is_empty() && report.checkpoint_breaks.is_empty();
        Ok(report)
    }

    fn check_checkpoints(&self, account: &AccountId, rows: &[CheckpointRow], report: &mut Report) -> Heads {
        let (mut heads, mut prev, mut seq) = (Heads::new(), GENESIS.to_owned(), 0);
        for row in rows {
            let mut wrong = |cause: String| {
                report.checkpoint_breaks.push(CheckpointBreak { checkpoint: row.seq, cause });
            };
            seq += 1;
            if row.seq != seq || row.prev_hash != prev {
                wrong("it does not follow its predecessor".into());
                seq = row.seq;
            }
            if checkpoint_hash(row) != row.hash {
                wrong("its content was changed".into());
            }
            if let Err(why) = self.keyring().verify_checkpoint(row.hash.as_bytes(), &row.signature) {
                wrong(format!("its signature does not hold: {why}"));
            }
            let of_account = serde_json::from_str::<Value>(&row.body)
                .is_ok_and(|body| body.get("account").and_then(Value::as_str) == Some(account.as_str()));
            match heads_of(row) {
                Some(said) if of_account => {
                    for (inquiry, at, hash) in said {
                        heads.entry(inquiry).or_default().push((row.seq, at, hash));
                    }
                }
                _ => wrong("it cannot be read as a checkpoint of this account".into()),
            }
            prev.clone_from(&row.hash);
        }
        heads
    }

    async fn check_chain(
        &self,
        account: &AccountId,
        salt: &Salt,
        inquiry: &str,
        said: &[(i64, i64, String)],
        report: &mut Report,
    ) -> Result<(), Error> {
        let trail = self.trail(account, inquiry).await?;
        report.chains += 1;
        report.entries += trail.rows.len() as u64;
        let entries: Vec<Entry> = trail.rows.iter().map(entry).collect();
        let mut broken = |seq, cause: String| report.broken.push(Broken { inquiry: inquiry.to_owned(), seq, cause });
        if let Err(Break { seq, cause }) = ledger::verify(&entries) {
            broken(seq, cause);
        }
        for row in &trail.rows {
            let Ok(mut body) = open_body(row) else {
                broken(row.seq, "it is not JSON".into());
                continue;
            };
            for (name, id) in take_sealed(&mut body) {
                report.documents += 1;
                match trail.documents.get(&id) {
                    None => broken(
                        row.seq,
                        format!("the document of {name:?} is missing, and nothing says that it was erased"),
                    ),
                    Some(DocumentRow { body: None, .. }) => report.expired += 1,
                    // The id of a value is its commitment: words that were put in its place do not fit it.
                    Some(DocumentRow { body: Some(text), class, .. })
                        if salt.document(class_of(class), "value", text.as_str()).id.as_str() != id =>
                    {
                        broken(row.seq, format!("the words of {name:?} were changed"));
                    }
                    Some(_) => {}
                }
            }
        }
        let by_seq: HashMap<i64, &str> = trail.rows.iter().map(|row| (row.seq, row.hash.as_str())).collect();
        for (checkpoint, seq, hash) in said {
            if by_seq.get(seq) != Some(&hash.as_str()) {
                let cause = format!("entry {seq} of {inquiry} is not what it was");
                report.checkpoint_breaks.push(CheckpointBreak { checkpoint: *checkpoint, cause });
            }
        }
        Ok(())
    }

    /// Seals where all chains stand that grew since the last checkpoint; gives the number of the newest new checkpoint, none when nothing
    /// grew or another node is just doing it.
    pub async fn checkpoint(&self, account: &AccountId) -> Result<Option<i64>, Error> {
        let id = account.as_str().to_owned();
        let (newest, since, known) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let newest = store::checkpoint_last(tx, &id).await?;
                    let since = newest.as_ref().map_or(i64::MIN, |last| last.at - LATE_COMMIT_SECONDS_MAX * 1_000_000);
                    // What grew since then and is sealed already was sealed after it grew.
                    let known = store::checkpoints_since(tx, &id, since).await?;
                    Ok((newest, since, known))
                })
            })
            .await?;
        let sealed: HashMap<String, (i64, String)> =
            known.iter().filter_map(heads_of).flatten().map(|(inquiry, seq, hash)| (inquiry, (seq, hash))).collect();
        let (mut last, mut after, mut made) = (newest, String::new(), None);
        loop {
            let (id, from) = (account.as_str().to_owned(), after.clone());
            let page = self
                .store()
                .read(move |tx| {
                    Box::pin(async move { store::entry_heads_since(tx, &id, since, &from, HEADS_MAX).await })
                })
                .await?;
            let Some(end) = page.last() else { break };
            after.clone_from(&end.inquiry);
            let heads: Vec<Value> = page
                .into_iter()
                .filter(|head| sealed.get(&head.inquiry).is_none_or(|known| *known != (head.seq, head.hash.clone())))
                .map(|head| json!([head.inquiry, head.seq, head.hash]))
                .collect();
            if heads.is_empty() {
                continue;
            }
            let row = self.checkpoint_row(account, last.as_ref(), heads);
            let stored = row.clone();
            let written = self
                .store()
                .write(Site::Other, move |tx| Box::pin(async move { store::checkpoint_insert(tx, &stored).await }))
                .await;
            match written {
                // Another node seals the same chains at this moment.
                Err(store::Error::Conflict) => return Ok(made),
                other => other?,
            }
            made = Some(row.seq);
            last = Some(row);
        }
        Ok(made)
    }

    fn checkpoint_row(&self, account: &AccountId, last: Option<&CheckpointRow>, heads: Vec<Value>) -> CheckpointRow {
        let body = json!({ "account": account, "heads": heads, "schema": AUDIT_SCHEMA }).to_string();
        let mut row = CheckpointRow {
            account: account.as_str().to_owned(),
            seq: last.map_or(1, |last| last.seq + 1),
            at: micros(self.now()),
            body,
            prev_hash: last.map_or_else(|| GENESIS.to_owned(), |last| last.hash.clone()),
            hash: String::new(),
            signature: String::new(),
        };
        row.hash = checkpoint_hash(&row);
        row.signature = self.keyring().sign_checkpoint(row.hash.as_bytes());
        row
    }

    /// A chain with its words; empty for an inquiry that is not there.
    pub async fn entries(&self, account: &AccountId, inquiry: &InquiryId) -> Result<Vec<Told>, Error> {
        self.trail(account, inquiry.as_str()).await?.told()
    }

    pub(crate) async fn trail(&self, account: &AccountId, inquiry: &str) -> Result<Trail, Error> {
        let (account, inquiry) = (account.as_str().to_owned(), inquiry.to_owned());
        let trail = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let rows = store::entries_of(tx, &account, &inquiry).await?;
                    let ids: BTreeSet<String> = rows
                        .iter()
                        .filter_map(|row| serde_json::from_str::<Value>(&row.body).ok())
                        .flat_map(|body| documents_of(&body))
                        .collect();
                    let ids: Vec<String> = ids.into_iter().collect();
                    let mut documents = HashMap::new();
                    for some in ids.chunks(PAGE) {
                        for row in store::documents_get(tx, &account, some).await? {
                            documents.insert(row.id.clone(), row);
                        }
                    }
                    Ok((rows, documents))
                })
            })
            .await?;
        let (rows, documents) = trail;
        let erased = rows.iter().rev().find(|row| row.kind == ERASED).map(|row| {
            let body = open_body(row).unwrap_or_default();
            let why = body.get("why").and_then(Value::as_str).unwrap_or("erased").to_owned();
            (row.seq, format!("erased: {why}"), instant(row.at))
        });
        Ok(Trail { rows, documents, erased })
    }

    /// The whole trail of an inquiry in one value that [`verify_export`] can check without us; `None` when there is none.
    pub async fn export(&self, account: &AccountId, inquiry: &InquiryId) -> Result<Option<Value>, Error> {
        let trail = self.trail(account, inquiry.as_str()).await?;
        if trail.rows.is_empty() {
            return Ok(None);
        }
        let id = account.as_str().to_owned();
        let checkpoints =
            self.store().read(move |tx| Box::pin(async move { store::checkpoints_all(tx, &id).await })).await?;
        let about_it = |row: &&CheckpointRow| {
            heads_of(row).is_some_and(|heads| heads.iter().any(|(name, ..)| name == inquiry.as_str()))
        };
        let mut ids: Vec<&String> = trail.documents.keys().collect();
        ids.sort();
        let documents: Vec<Value> = ids
            .into_iter()
            .filter_map(|id| trail.documents.get(id))
            .map(|row| {
                let shown = trail.value(0, instant(row.created_at), &row.id);
                json!({ "id": row.id, "class": row.class, "kind": row.kind, "words": shown })
            })
            .collect();
        Ok(Some(json!({
            "format": "ringback.trail",
            "schema": AUDIT_SCHEMA,
            "account": account,
            "inquiry": inquiry,
            "exported_at": self.now(),
            "how_to_verify": "hash = SHA-256 over prev_hash, seq, at (microseconds), kind and body, each preceded by its length as 8 bytes, big-endian",
            "entries": trail.rows.iter().map(|row| json!({
                "seq": row.seq, "at": row.at, "time": instant(row.at), "kind": row.kind, "body": row.body, "prev_hash": row.prev_hash,
                "hash": row.hash, "schema": row.schema, "code_version": row.code_version,
            })).collect::<Vec<_>>(),
            "documents": documents,
            "checkpoints": checkpoints.iter().filter(about_it).map(|row| json!({
                "seq": row.seq, "at": row.at, "body": row.body, "prev_hash": row.prev_hash, "hash": row.hash, "signature": row.signature,
            })).collect::<Vec<_>>(),
        })))
    }
}

/// Checks an exported trail by itself: its chain, and that it stands where its checkpoints say. Gives the number of entries.
pub fn verify_export(trail: &Value) -> Result<u64, Break> {
    let wrong = |seq: i64, cause: &str| Break { seq, cause: cause.to_owned() };
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let list = |name: &str| trail.get(name).and_then(Value::as_array).cloned();
    let inquiry = text(trail, "inquiry").ok_or_else(|| wrong(0, "it is no trail"))?;
    let mut entries = Vec::new();
    for row in list("entries").ok_or_else(|| wrong(0, "it is no trail"))? {
        let read = || {
            Some(Entry {
                seq: row.get("seq")?.as_i64()?,
                at: Timestamp::from_microsecond(row.get("at")?.as_i64()?).ok()?,
                kind: text(&row, "kind")?,
                body: text(&row, "body")?,
                prev_hash: text(&row, "prev_hash")?,
                hash: text(&row, "hash")?,
            })
        };
        entries.push(read().ok_or_else(|| wrong(entries.len() as i64 + 1, "it is no entry"))?);
    }
    let count = ledger::verify(&entries)?;
    for row in list("checkpoints").unwrap_or_default() {
        let read = || {
            Some(CheckpointRow {
                account: String::new(),
                seq: row.get("seq")?.as_i64()?,
                at: row.get("at")?.as_i64()?,
                body: text(&row, "body")?,
                prev_hash: text(&row, "prev_hash")?,
                hash: text(&row, "hash")?,
                signature: text(&row, "signature")?,
            })
        };
        let checkpoint = read().ok_or_else(|| wrong(0, "a checkpoint cannot be read"))?;
        if checkpoint_hash(&checkpoint) != checkpoint.hash {
            return Err(wrong(0, "a checkpoint was changed"));
        }
        for (name, seq, hash) in heads_of(&checkpoint).unwrap_or_default() {
            if name == inquiry && !entries.iter().any(|entry| entry.seq == seq && entry.hash == hash) {
                return Err(wrong(seq, "it is not what a checkpoint says"));
            }
        }
    }
    Ok(count)
}

/// The class of a stored word; an unknown word is taken for a value, whose commitment then does not fit.
fn class_of(word: &str) -> Retention {
    [Retention::Raw, Retention::Speech, Retention::Value]
        .into_iter()
        .find(|c| c.word() == word)
        .unwrap_or(Retention::Value)
}

#[cfg(test)]
pub(crate) mod tests;
