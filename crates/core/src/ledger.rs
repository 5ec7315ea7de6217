//! The append-only record of every event, verdict, attempt, receipt and click: one hash chain per inquiry.
//!
//! An entry holds references and commitments, never what a person said: personal values go to erasable documents, the entry keeps a
//! keyed hash of each. So an entry can be verified after its words are gone, and says *expired by policy* instead of *no evidence*.

use crate::effect::hex;
use crate::id::DocumentId;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Version of the stored form of an entry's body.
pub const ENTRY_SCHEMA: u32 = 1;
/// The hash before the first entry of a chain.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How long a document may be kept; the account's policy gives each class its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// Raw requests as received.
    Raw,
    /// Transcripts and references to recordings.
    Speech,
    /// Values: names, numbers, field values old and new.
    Value,
}

impl Retention {
    /// The word in tables and configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Speech => "speech",
            Self::Value => "value",
        }
    }
}

/// A text that can be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub id: DocumentId,
    pub class: Retention,
    /// `transcript`, `value`, `request`, …
    pub kind: &'static str,
    pub body: String,
}

/// Keys that make commitments of this account meaningless elsewhere.
#[derive(Debug, Clone)]
pub struct Salt(pub Vec<u8>);

impl Salt {
    /// A keyed hash of a text under a domain, 32 hexadecimal characters.
    pub fn commit(&self, domain: &str, text: &str) -> String {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).unwrap_or_else(|_| empty_mac());
        mac.update(domain.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        hex(mac.finalize().into_bytes().get(..16).unwrap_or_default())
    }

    /// The document of a text: the same text in the same class is the same document.
    pub fn document(&self, class: Retention, kind: &'static str, body: impl Into<String>) -> Document {
        let body = body.into();
        let id = DocumentId::from_text(format!("doc_{}", self.commit(class.word(), &body)));
        Document { id, class, kind, body }
    }
}

fn empty_mac() -> Hmac<Sha256> {
    // HMAC takes keys of any length, so this arm is never reached; an empty key keeps the function total.
    match <Hmac<Sha256> as Mac>::new_from_slice(&[]) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC-SHA256 accepts every key length"),
    }
}

/// An entry as a decision makes it: open words in `body`, personal values in `sealed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// `signal`, `call`, `match`, `claims`, `plan`, `verdict`, `attempt`, `receipt`, `owner`, `escalation`, `decision`, …
    pub kind: &'static str,
    pub body: Map<String, Value>,
    /// Name → personal value and how long it may be kept; only its document's id (a keyed hash) enters the chain.
    pub sealed: BTreeMap<String, (Retention, String)>,
}

impl Draft {
    /// An entry of that kind about nothing yet.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, body: Map::new(), sealed: BTreeMap::new() }
    }
    /// Adds a word that is not personal.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value)
            && !value.is_null()
        {
            self.body.insert(name.to_owned(), value);
        }
        self
    }
    /// Adds a personal value.
    #[must_use]
    pub fn seal(self, name: &str, value: Option<&str>) -> Self {
        self.keep(Retention::Value, name, value)
    }
    /// Adds what a person said: kept no longer than the transcript it is part of.
    #[must_use]
    pub fn seal_words(self, name: &str, words: Option<&str>) -> Self {
        self.keep(Retention::Speech, name, words)
    }
    fn keep(mut self, class: Retention, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.sealed.insert(name.to_owned(), (class, value.to_owned()));
        }
        self
    }
}

/// An entry in its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub seq: i64,
    pub at: Timestamp,
    pub kind: String,
    /// Canonical JSON (keys sorted).
    pub body: String,
    pub prev_hash: String,
    pub hash: String,
}

/// Puts drafts into a chain after the entry `(seq, hash)`; gives the entries and the documents they refer to.
pub fn seal(drafts: Vec<Draft>, last: Option<(i64, &str)>, at: Timestamp, salt: &Salt) -> (Vec<Entry>, Vec<Document>) {
    let (mut seq, mut prev) = last.map_or((0, GENESIS.to_owned()), |(seq, hash)| (seq, hash.to_owned()));
    let (mut entries, mut documents) = (Vec::with_capacity(drafts.len()), Vec::new());
    for draft in drafts {
        let mut body = draft.body;
        let mut sealed = Map::new();
        for (name, (class, value)) in draft.sealed {
            let document = salt.document(class, "value", value);
            sealed.insert(name, Value::String(document.id.as_str().to_owned()));
            documents.push(document);
        }
        if !sealed.is_empty() {
            body.insert("sealed".into(), Value::Object(sealed));
        }
        let body = Value::Object(body).to_string();
        seq += 1;
        let hash = link(&prev, seq, at, draft.kind, &body);
        entries.push(Entry { seq, at, kind: draft.kind.to_owned(), body, prev_hash: prev, hash: hash.clone() });
        prev = hash;
    }
    (entries, documents)
}

/// The hash of an entry over its predecessor, place, moment, kind and body.
pub fn link(prev_hash: &str, seq: i64, at: Timestamp, kind: &str, body: &str) -> String {
    let mut sha = Sha256::new();
    for part in [prev_hash, &seq.to_string(), &at.as_microsecond().to_string(), kind, body] {
        // Length before content: no two different entries have the same bytes.
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    hex(&sha.finalize())
}

/// Why a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    pub seq: i64,
    pub cause: String,
}

/// Checks a whole chain, oldest entry first.
pub fn verify<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<u64, Break> {
    let (mut expect_seq, mut prev) = (1, GENESIS.to_owned());
    let mut count = 0;
    for entry in entries {
        if entry.seq != expect_seq {
            return Err(Break { seq: expect_seq, cause: format!("entry {expect_seq} is missing") });
        }
        if entry.prev_hash != prev {
            return Err(Break { seq: entry.seq, cause: "it does not follow its predecessor".into() });
        }
        if link(&prev, entry.seq, entry.at, &entry.kind, &entry.body) != entry.hash {
            return Err(Break { seq: entry.seq, cause: "its content was changed".into() });
        }
        prev.clone_from(&entry.hash);
        expect_seq += 1;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> (Vec<Entry>, Vec<Document>) {
        let salt = Salt(b"salt of account a".to_vec());
        let drafts = vec![
            Draft::new("call").with("category", "voicemail").seal("caller", Some("+13125550142")),
            Draft::new("owner").with("staff", "staff_1"),
        ];
        seal(drafts, None, Timestamp::from_second(1_700_000_000).unwrap(), &salt)
    }

    #[test]
    fn a_chain_holds_no_personal_value_and_verifies() {
        let (entries, documents) = chain();
        assert!(entries.iter().all(|e| !e.body.contains("3125550142")));
        assert_eq!(documents.first().map(|d| d.body.as_str()), Some("+13125550142"));
        assert_eq!(verify(&entries), Ok(2));
    }

    #[test]
    fn every_changed_byte_is_found() {
        let (entries, _) = chain();
        let mut changed = entries.clone();
        changed[0].body = changed[0].body.replace("voicemail", "abandoned");
        assert_eq!(verify(&changed).unwrap_err().seq, 1);
        assert_eq!(verify(&entries[1..]).unwrap_err().cause, "entry 1 is missing");
    }

    #[test]
    fn the_same_value_is_another_document_in_another_account() {
        let of = |salt: &[u8]| Salt(salt.to_vec()).document(Retention::Value, "value", "x").id;
        assert_ne!(of(b"a"), of(b"b"));
    }
}
