//! What the caller said, taken by rules.
use serde::{Deserialize, Serialize};
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Confidence(pub u16);
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span { pub start: u32, pub end: u32 }
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimValue { Text(String), Choice(String), Phone { digits: String, e164: Option<String> }, Email(String), Money { minor: i64, currency: String, qualifier: Option<String>, upper_minor: Option<i64> }, Date(jiff::civil::Date), Flag(bool) }
impl ClaimValue { pub fn text(&self) -> String { String::new() } }
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim { pub field: String, pub value: ClaimValue, pub confidence: Confidence, pub quote: Span, pub span: Span, pub extractor: String, pub extractor_version: u32, pub qualifier: Option<String> }
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RejectReason { NoEvidence }
impl RejectReason { pub fn word(&self) -> &'static str { "no_evidence" } }
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedClaim { pub field: String, pub reason: RejectReason, pub text: String }
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading { pub claims: Vec<Claim>, pub rejected: Vec<RejectedClaim> }
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary { pub sentences: Vec<String> }
impl Summary { pub fn lines(&self) -> Vec<String> { vec![] } }
