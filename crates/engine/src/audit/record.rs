//! Everything the ledger says about one record of the CRM, as one file that proves itself elsewhere.
//!
//! Lines of JSON: a header, the answers a person reads, the versions of the contract that decided, the chains of the inquiries that wrote to it
//! whole, the entries of the account's own chain that speak of it, their documents, the checkpoints that name these chains, and a seal. The
//! seal's hash is over every byte before it and is signed with Ed25519, so there is no byte that could be changed without being found.

use super::{Trail, checkpoint_hash, documents_of, heads_of, open_body, take_sealed};
use crate::keyring::proof_signed;
use crate::{Engine, Error, instant};
use jiff::Timestamp;
use ringback_core::effect::hex;
use ringback_core::id::{AccountId, InquiryId};
use ringback_core::ledger::{self, Break, Entry};
use ringback_store::{self as store, CheckpointRow};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The word in the first line by which such a file is known.
pub const FORMAT: &str = "ringback.record";
/// Version of its form.
pub const RECORD_SCHEMA: u32 = 1;
/// The longest line, in bytes.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

const HEADER: &str = "header";
const ANSWER: &str = "answer";
const CONTRACT: &str = "contract";
const ENTRY: &str = "entry";
const DOCUMENT: &str = "document";
const CHECKPOINT: &str = "checkpoint";
const SEAL: &str = "seal";

/// A file about one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub text: String,
    pub lines: usize,
    /// SHA-256 of every byte before the seal.
    pub hash: String,
    /// The public key it is signed with.
    pub key: String,
}

/// A file that holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sound {
    pub account: String,
    pub object: String,
    /// The vendor's ids of the record.
    pub records: Vec<String>,
    pub exported_at: String,
    /// Values whose whole way the file tells.
    pub answers: u64,
    pub chains: u64,
    pub entries: u64,
    /// Those that speak of this record.
    pub about: u64,
    pub documents: u64,
    /// Documents whose words are gone by policy or request.
    pub expired: u64,
    pub checkpoints: u64,
    pub hash: String,
    pub key: String,
}

/// The first thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsound {
    /// Counted from 1.
    pub line: usize,
    pub cause: String,
}

/// What is signed: another text than the end of a proof, so that neither can stand for the other.
fn signed_text(hash: &str) -> String {
    format!("{FORMAT}\n{hash}")
}

/// Does an entry name one of these ids anywhere?
fn names(body: &Value, ids: &BTreeSet<String>) -> bool {
    match body {
        Value::String(text) => ids.contains(text),
        Value::Array(items) => items.iter().any(|item| names(item, ids)),
        Value::Object(map) => map.values().any(|value| names(value, ids)),
        _ => false,
    }
}

/// The lines of a file on its way.
#[derive(Default)]
struct Lines {
    text: String,
    count: usize,
}

impl Lines {
    fn put(&mut self, kind: &str, mut line: Value) {
        if let Some(map) = line.as_object_mut() {
            map.insert("kind".into(), kind.into());
        }
        self.text.push_str(&line.to_string());
        self.text.push('\n');
        self.count += 1;
    }

    /// `whole`: the chain stands here from its first entry to its last.
    fn chain(&mut self, name: &str, trail: &Trail, whole: bool, about: impl Fn(&Value) -> bool) {
        for row in &trail.rows {
            let speaks = open_body(row).is_ok_and(|body| about(&Value::Object(body)));
            if !whole && !speaks {
                continue;
            }
            self.put(
                ENTRY,
                json!({
                    "chain": name, "whole": whole, "about": speaks, "seq": row.seq, "at": row.at, "time": instant(row.at), "entry": row.kind,
                    "body": row.body, "prev_hash": row.prev_hash, "hash": row.hash, "schema": row.schema, "code_version": row.code_version,
                }),
            );
        }
    }

    fn documents(&mut self, trail: &Trail, wanted: impl Fn(&str) -> bool, told: &mut BTreeSet<String>) {
        let mut rows: Vec<_> = trail.documents.values().filter(|row| wanted(&row.id)).collect();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        for row in rows {
            if told.insert(row.id.clone()) {
                let shown = trail.value(0, instant(row.created_at), &row.id);
                self.put(DOCUMENT, json!({ "id": row.id, "class": row.class, "what": row.kind, "words": shown }));
            }
        }
    }
}

impl Engine {
    /// The file about a record, found by the vendor's id or by our key; `None` where nothing of ours is known of it.
    pub async fn export_record(&self, account: &AccountId, object: &str, id: &str) -> Result<Option<Written>, Error> {
        let of = account.as_str().to_owned();
        // Checkpoints first: chains only grow, so what they say must stand in what is read later.
        let (checkpoints, contracts) = self
            .store()
            .read(move |tx| {
                Box::pin(
                    async move { Ok((store::checkpoints_all(tx, &of).await?, store::contracts_all(tx, &of).await?)) },
                )
            })
            .await?;
        let Some(traced) = self.traced_record(account, object, id).await? else { return Ok(None) };
        let mut lines = Lines::default();
        lines.put(
            HEADER,
            json!({
                "format": FORMAT, "schema": RECORD_SCHEMA, "account": account, "object": object, "records": traced.records,
                "key": traced.key, "inquiries": traced.inquiries, "more": traced.more, "exported_at": self.now(),
                "how_to_verify": "ringback audit verify FILE; an entry's hash is SHA-256 over prev_hash, seq, at (microseconds), entry and \
                    body, each preceded by its length as 8 bytes, big-endian; the seal's hash is SHA-256 over every byte before its line",
            }),
        );
        for answer in &traced.answers {
            lines.put(ANSWER, json!({ "answer": answer }));
        }
        let decided: BTreeSet<&String> = traced.answers.iter().filter_map(|a| a.rule.contract.as_ref()).collect();
        for row in contracts.iter().filter(|row| decided.contains(&row.id)) {
            lines.put(
                CONTRACT,
                json!({
                    "id": row.id, "name": row.name, "version": row.version, "digest": row.digest, "applied_at": instant(row.applied_at),
                    "applied_by": row.applied_by, "text": row.source,
                }),
            );
        }
        let mut ids: BTreeSet<String> = traced.records.iter().chain(&traced.key).cloned().collect();
        ids.extend(traced.answers.iter().filter_map(|a| a.receipt.effect.clone()));
        ids.extend(traced.waiting.iter().map(|w| w.effect.clone()));
        let mut documents = BTreeSet::new();
        for inquiry in &traced.inquiries {
            let trail = self.trail(account, inquiry.as_str()).await?;
            lines.chain(inquiry.as_str(), &trail, true, |body| names(body, &ids));
            lines.documents(&trail, |_| true, &mut documents);
        }
        // What was done to the rules that decided, and to this record by name.
        ids.extend(traced.inquiries.iter().map(|inquiry| inquiry.as_str().to_owned()));
        ids.extend(decided.into_iter().cloned());
        let own = self.trail(account, account.as_str()).await?;
        lines.chain(account.as_str(), &own, false, |body| names(body, &ids));
        let speaking = own.rows.iter().filter_map(|row| open_body(row).ok().map(Value::Object));
        let sealed: BTreeSet<String> =
            speaking.filter(|body| names(body, &ids)).flat_map(|body| documents_of(&body)).collect();
        lines.documents(&own, |id| sealed.contains(id), &mut documents);
        let chains: BTreeSet<&str> = traced.inquiries.iter().map(InquiryId::as_str).chain([account.as_str()]).collect();
        let about_it = |row: &&CheckpointRow| {
            heads_of(row).is_some_and(|heads| heads.iter().any(|(name, ..)| chains.contains(name.as_str())))
        };
        for row in checkpoints.iter().filter(about_it) {
            lines.put(
                CHECKPOINT,
                json!({
                    "seq": row.seq, "at": row.at, "body": row.body, "prev_hash": row.prev_hash, "hash": row.hash, "signature": row.signature,
                }),
            );
        }
        let hash = hex(&Sha256::digest(lines.text.as_bytes()));
        let (key_id, key) = self.keyring().proof_keys().pop().unwrap_or_default();
        let signature = self.keyring().sign_proof(signed_text(&hash).as_bytes());
        let count = lines.count;
        lines.put(SEAL, json!({ "lines": count, "hash": hash, "key_id": key_id, "key": key, "signature": signature }));
        Ok(Some(Written { text: lines.text, lines: lines.count, hash, key }))
    }
}

/// A chain of a file, as far as it stands there.
#[derive(Default)]
struct Held {
    whole: bool,
    /// With the line of each.
    entries: Vec<(usize, Entry)>,
}

/// A file while it is read.
#[derive(Default)]
struct Reading {
    sound: Sound,
    chains: BTreeMap<String, Held>,
    /// What entries name as sealed, with the line.
    sealed: Vec<(usize, String)>,
    documents: BTreeSet<String>,
    /// Where checkpoints say that chains stood, with the line.
    heads: Vec<(usize, String, i64, String)>,
}

/// Checks a file by itself, and against a key kept outside when one is given: no store, no settings, no network.
pub fn verify_record(bytes: &[u8], pinned: Option<&str>) -> Result<Sound, Unsound> {
    let mut read = Reading::default();
    let (mut rest, mut line, mut at) = (bytes, 0, 0);
    while !rest.is_empty() {
        line += 1;
        let wrong = |cause: &str| Unsound { line, cause: cause.to_owned() };
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(|| wrong("the line does not end"))?;
        if end > LINE_BYTES_MAX {
            return Err(wrong("the line is longer than a line of such a file may be"));
        }
        let (one, after) = rest.split_at_checked(end).ok_or_else(|| wrong("the line does not end"))?;
        rest = after.get(1..).unwrap_or_default();
        let value: Value = serde_json::from_slice(one).map_err(|_| wrong("it is no JSON"))?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = text("kind").ok_or_else(|| wrong("it is no line of a record's trail"))?;
        if (line == 1) != (kind == HEADER) {
            return Err(wrong("a record's trail begins with its header, and has one"));
        }
        if kind == SEAL {
            if !rest.is_empty() {
                return Err(Unsound { line: line + 1, cause: "something follows the seal".into() });
            }
            let before = bytes.get(..at).unwrap_or_default();
            // What a line says wrong is named before the seal, which can only say that something is.
            read.whole()?;
            return read.sealed_by(&value, line, before, one, pinned).map_err(|cause| Unsound { line, cause });
        }
        read.line(line, &kind, &value).map_err(|cause| Unsound { line, cause })?;
        at += end + 1;
    }
    let cause = if line == 0 { "the file is empty" } else { "the file is cut off: its signed last line is missing" };
    Err(Unsound { line: line + 1, cause: cause.into() })
}

impl Reading {
    fn line(&mut self, line: usize, kind: &str, value: &Value) -> Result<(), String> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let needed = |name: &str| text(name).ok_or_else(|| format!("{name} is missing"));
        match kind {
            HEADER => {
                let schema = value.get("schema").and_then(Value::as_u64);
                if text("format").as_deref() != Some(FORMAT) || schema != Some(RECORD_SCHEMA.into()) {
                    return Err("it is no record's trail that this version can read".into());
                }
                let records = value.get("records").and_then(Value::as_array).into_iter().flatten();
                self.sound.records = records.filter_map(Value::as_str).map(str::to_owned).collect();
                self.sound.account = needed("account")?;
                self.sound.object = needed("object")?;
                self.sound.exported_at = needed("exported_at")?;
            }
            ANSWER => self.sound.answers += 1,
            CONTRACT => {}
            ENTRY => self.entry(line, value)?,
            DOCUMENT => {
                let gone = value.get("words").is_none_or(|words| words.get("text").is_none());
                self.sound.documents += 1;
                self.sound.expired += u64::from(gone);
                self.documents.insert(needed("id")?);
            }
            CHECKPOINT => {
                let row = CheckpointRow {
                    account: String::new(),
                    seq: value.get("seq").and_then(Value::as_i64).ok_or("seq is missing")?,
                    at: value.get("at").and_then(Value::as_i64).ok_or("at is missing")?,
                    body: needed("body")?,
                    prev_hash: needed("prev_hash")?,
                    hash: needed("hash")?,
                    signature: needed("signature")?,
                };
                if checkpoint_hash(&row) != row.hash {
                    return Err("the checkpoint was changed".into());
                }
                let heads = heads_of(&row).ok_or("the checkpoint cannot be read")?;
                self.heads.extend(heads.into_iter().map(|(name, seq, hash)| (line, name, seq, hash)));
                self.sound.checkpoints += 1;
            }
            _ => return Err(format!("{kind} is no kind of line")),
        }
        Ok(())
    }

    fn entry(&mut self, line: usize, value: &Value) -> Result<(), String> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let flag = |name: &str| value.get(name).and_then(Value::as_bool);
        let read = || {
            let at = Timestamp::from_microsecond(value.get("at")?.as_i64()?).ok()?;
            let entry = Entry {
                seq: value.get("seq")?.as_i64()?,
                at,
                kind: text("entry")?,
                body: text("body")?,
                prev_hash: text("prev_hash")?,
                hash: text("hash")?,
            };
            Some((text("chain")?, flag("whole")?, flag("about")?, entry))
        };
        let (chain, whole, about, entry) = read().ok_or("it is no entry")?;
        let body: Value = serde_json::from_str(&entry.body).map_err(|_| "its body is no JSON")?;
        if ledger::link(&entry.prev_hash, entry.seq, entry.at, &entry.kind, &entry.body) != entry.hash {
            return Err(format!("entry {} of {chain} was changed", entry.seq));
        }
        if let Value::Object(mut body) = body {
            self.sealed.extend(take_sealed(&mut body).into_iter().map(|(_, id)| (line, id)));
        }
        let held = self.chains.entry(chain).or_default();
        held.whole = whole;
        held.entries.push((line, entry));
        self.sound.entries += 1;
        self.sound.about += u64::from(about);
        Ok(())
    }

    /// What no line shows alone: that the chains hold, that their documents are there, and that they stand where checkpoints say.
    fn whole(&mut self) -> Result<(), Unsound> {
        self.sound.chains = self.chains.len() as u64;
        for (name, held) in self.chains.iter().filter(|(_, held)| held.whole) {
            let first = held.entries.first().map_or(0, |(line, _)| *line);
            if let Err(Break { seq, cause }) = ledger::verify(held.entries.iter().map(|(_, entry)| entry)) {
                let of = |(_, entry): &&(usize, Entry)| entry.seq == seq;
                let line = held.entries.iter().find(of).map_or(first, |(line, _)| *line);
                return Err(Unsound { line, cause: format!("the chain of {name} does not hold: {cause}") });
            }
        }
        if let Some((line, id)) = self.sealed.iter().find(|(_, id)| !self.documents.contains(id)) {
            return Err(Unsound {
                line: *line,
                cause: format!("the document {id} is missing, and nothing says that it was erased"),
            });
        }
        for (line, name, seq, hash) in &self.heads {
            let Some(held) = self.chains.get(name) else { continue };
            let stands = held.entries.iter().find(|(_, entry)| entry.seq == *seq);
            let agrees = stands.map_or(!held.whole, |(_, entry)| entry.hash == *hash);
            if !agrees {
                return Err(Unsound {
                    line: *line,
                    cause: format!("entry {seq} of {name} is not what the checkpoint says"),
                });
            }
        }
        Ok(())
    }

    fn sealed_by(
        mut self,
        seal: &Value,
        line: usize,
        before: &[u8],
        bytes: &[u8],
        pinned: Option<&str>,
    ) -> Result<Sound, String> {
        let text = |name: &str| seal.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (hash, key, signature) = (text("hash"), text("key"), text("signature"));
        if seal.to_string().as_bytes() != bytes {
            return Err("it is not written as a seal is written".into());
        }
        if seal.get("lines").and_then(Value::as_u64) != Some((line - 1) as u64) {
            return Err("it does not say how many lines stand before it".into());
        }
        if let Some(pinned) = pinned.filter(|pinned| *pinned != key) {
            return Err(format!("it is signed with the key {key}, and {pinned} was expected"));
        }
        if hex(&Sha256::digest(before)) != hash {
            return Err("something before it was changed: its bytes are not those that were signed".into());
        }
        if !proof_signed(&key, signed_text(&hash).as_bytes(), &signature) {
            return Err("its signature does not hold".into());
        }
        (self.sound.hash, self.sound.key) = (hash, key);
        Ok(self.sound)
    }
}
