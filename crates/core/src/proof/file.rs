//! The file of a proof: lines of canonical JSON, each chained to the one before, the first to the proof before, the last signed.
//!
//! A line is `{"body":…,"hash":…,"kind":…,"n":…,"prev":…}` with keys in order and no space; the last one has `signature` too. The hash covers
//! `prev`, `n`, `kind` and `body`, each preceded by its length as 8 bytes, big-endian. A line whose bytes are not exactly the canonical form of
//! what they say is wrong, so there is no byte that could be changed without being found, and it is found in its own line.

use crate::effect::hex;
use crate::ledger::GENESIS;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Version of the form of a proof.
pub const PROOF_SCHEMA: u32 = 1;
/// The word in the first line by which a proof is known.
pub const FORMAT: &str = "ringback.proof";
/// The longest line, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Kinds of lines, in the order in which they come.
pub const HEADER: &str = "header";
pub const LOCATION: &str = "location";
pub const CALL: &str = "call";
pub const EXCEPTION: &str = "exception";
pub const FOOTER: &str = "footer";

/// One line, before it has a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: &'static str,
    pub body: Value,
}

/// A whole file and where its chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub text: String,
    /// The hash of the last line: what the next proof follows.
    pub hash: String,
}

/// Chains the lines after the proof whose last hash is `previous`, and signs the end.
pub fn write(entries: &[Entry], previous: Option<&str>, sign: impl FnOnce(&[u8]) -> String) -> Written {
    let mut prev = previous.unwrap_or(GENESIS).to_owned();
    let mut text = String::new();
    let last = entries.len();
    let mut sign = Some(sign);
    for (at, entry) in entries.iter().enumerate() {
        let n = at + 1;
        let hash = link(&prev, n, entry.kind, &entry.body.to_string());
        let mut line = json!({ "body": entry.body, "hash": hash, "kind": entry.kind, "n": n, "prev": prev });
        if n == last
            && let (Some(sign), Some(map)) = (sign.take(), line.as_object_mut())
        {
            map.insert("signature".into(), Value::from(sign(hash.as_bytes())));
        }
        text.push_str(&line.to_string());
        text.push('\n');
        prev = hash;
    }
    Written { text, hash: prev }
}

fn link(prev: &str, n: usize, kind: &str, body: &str) -> String {
    let mut sha = Sha256::new();
    for part in [FORMAT, prev, &n.to_string(), kind, body] {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    hex(&sha.finalize())
}

/// The first thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsound {
    /// Counted from 1.
    pub line: usize,
    pub cause: String,
}

/// A file that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    pub header: Value,
    pub footer: Value,
    /// The hash that it follows; [`GENESIS`] for an account's first.
    pub previous: String,
    /// The hash of its last line.
    pub hash: String,
    /// The public key that signed it.
    pub key: String,
    pub lines: Vec<(String, Value)>,
}

impl Sound {
    /// The bodies of one kind.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.iter().filter(move |(k, _)| k == kind).map(|(_, body)| body)
    }
}

/// Checks a file by itself: `signed(public key, message, signature)` is the one thing that needs more than hashing.
pub fn verify(
    bytes: &[u8],
    pinned: Option<&str>,
    signed: impl Fn(&str, &[u8], &str) -> bool,
) -> Result<Sound, Unsound> {
    let mut read = Reading::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let line = read.lines.len() + 1;
        let wrong = |cause: &str| Unsound { line, cause: cause.to_owned() };
        if read.closed.is_some() {
            return Err(wrong("something follows the last line"));
        }
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(|| wrong("the line does not end"))?;
        let (one, after) = rest.split_at(end);
        read.line(line, one, pinned, &signed).map_err(|cause| Unsound { line, cause })?;
        rest = after.get(1..).unwrap_or_default();
    }
    let line = read.lines.len() + 1;
    let Some((footer, hash)) = read.closed.take() else {
        let cause =
            if line == 1 { "the file is empty" } else { "the file is cut off: its signed last line is missing" };
        return Err(Unsound { line, cause: cause.into() });
    };
    let header = read.lines.first().map(|(_, body)| body.clone()).unwrap_or_default();
    Ok(Sound { header, footer, previous: read.previous, hash, key: read.key, lines: read.lines })
}

#[derive(Default)]
struct Reading {
    prev: Option<String>,
    previous: String,
    key: String,
    lines: Vec<(String, Value)>,
    /// What each location's line says, with its own line number, and what its calls add up to.
    said: BTreeMap<String, (u64, u64)>,
    counted: BTreeMap<String, (u64, u64)>,
    exceptions: u64,
    closed: Option<(Value, String)>,
}

impl Reading {
    fn line(
        &mut self,
        n: usize,
        bytes: &[u8],
        pinned: Option<&str>,
        signed: &impl Fn(&str, &[u8], &str) -> bool,
    ) -> Result<(), String> {
        if bytes.len() > LINE_BYTES_MAX {
            return Err(format!("the line is longer than {LINE_BYTES_MAX} bytes"));
        }
        let read: Map<String, Value> = serde_json::from_slice(bytes).map_err(|_| "it is no JSON object".to_owned())?;
        let text = |name: &str| read.get(name).and_then(Value::as_str).map(str::to_owned);
        let (Some(kind), Some(hash), Some(prev), Some(body)) =
            (text("kind"), text("hash"), text("prev"), read.get("body").cloned())
        else {
            return Err("it is no line of a proof".into());
        };
        if Value::Object(read.clone()).to_string().as_bytes() != bytes {
            return Err("it is not written as a proof is written".into());
        }
        if read.get("n").and_then(Value::as_u64) != Some(n as u64) {
            return Err(format!("it does not say that it is line {n}: a line is missing or out of place"));
        }
        if self.prev.as_ref().is_some_and(|known| *known != prev) {
            return Err("it does not follow the line before it".into());
        }
        if link(&prev, n, &kind, &body.to_string()) != hash {
            return Err("its content was changed".into());
        }
        let names = read.len();
        let signature = text("signature");
        if names != 5 + usize::from(signature.is_some()) {
            return Err("it says more than a line of a proof may".into());
        }
        if signature.is_some() != (kind == FOOTER) {
            return Err("the last line is signed, and no other".into());
        }
        self.content(n, &kind, &body, pinned, &prev)?;
        if let Some(signature) = signature {
            if !signed(&self.key, hash.as_bytes(), &signature) {
                return Err("its signature does not hold".into());
            }
            self.closed = Some((body.clone(), hash.clone()));
        }
        self.lines.push((kind, body));
        self.prev = Some(hash);
        Ok(())
    }

    /// What the lines say has to agree too: figures are counted again.
    fn content(&mut self, n: usize, kind: &str, body: &Value, pinned: Option<&str>, prev: &str) -> Result<(), String> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_u64).unwrap_or(u64::MAX);
        if (n == 1) != (kind == HEADER) {
            return Err("a proof begins with its header, and has one".into());
        }
        match kind {
            HEADER => {
                if text("format") != FORMAT || body.get("schema").and_then(Value::as_u64) != Some(PROOF_SCHEMA.into()) {
                    return Err("it is no proof that this version can read".into());
                }
                self.key = text("key");
                if let Some(pinned) = pinned.filter(|p| *p != self.key) {
                    return Err(format!("it is signed with the key {}, and {pinned} was expected", self.key));
                }
                prev.clone_into(&mut self.previous);
            }
            LOCATION => {
                self.said.insert(text("location"), (number(body, "rang"), number(body, "in_crm")));
            }
            CALL => {
                let location = text("location");
                if !self.said.contains_key(&location) {
                    return Err("it belongs to a location that was not named before it".into());
                }
                let ticks = body.get("ticks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let in_crm = ticks.get(2).and_then(Value::as_str) == Some("yes");
                let counted = self.counted.entry(location).or_default();
                counted.0 += 1;
                counted.1 += u64::from(in_crm);
            }
            EXCEPTION => self.exceptions += 1,
            FOOTER => {
                for (location, said) in &self.said {
                    let counted = self.counted.get(location).copied().unwrap_or_default();
                    if counted != *said {
                        return Err(format!("the figures of {location} are not those of its calls"));
                    }
                }
                if number(body, "lines") != n as u64 || number(body, "exceptions") != self.exceptions {
                    return Err("its figures are not those of the lines before it".into());
                }
            }
            _ => return Err(format!("{kind} is no kind of line")),
        }
        Ok(())
    }
}
