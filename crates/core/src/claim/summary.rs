//! What a coordinator reads first: what is known, each sentence with the words it came from, and what is not known.

use serde::{Deserialize, Serialize};

use super::check::slice;
use super::text::Doc;
use super::{Claim, ClaimValue, Reading, Span};

/// One sentence of a summary and the words in the document that carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummarySentence {
    pub text: String,
    /// None only for the sentence that says there is no message.
    pub quote: Option<Span>,
}

/// A summary that says nothing the words do not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub sentences: Vec<SummarySentence>,
    /// Fields a callback needs that the caller did not give, in a fixed order.
    pub unknown: Vec<String>,
}

impl Summary {
    /// The sentences as plain lines.
    pub fn lines(&self) -> Vec<String> {
        self.sentences.iter().map(|s| s.text.clone()).collect()
    }
}

/// The text for a document without words.
pub(super) const NO_MESSAGE: &str = "No message content.";
/// For words of two that nobody told apart.
const UNATTRIBUTED: &str = "The transcript does not say who spoke, so nothing was read from it.";
/// Sentences of the document quoted at most, so that a long call stays readable.
const QUOTED_SENTENCES_MAX: usize = 2;
const ASKED: [&str; 5] = ["caller_name", "callback_number", "service", "when", "address"];

/// What a conversation gives that does not say who spoke.
pub(super) fn unattributed(text: &str) -> Summary {
    let said = if text.chars().any(char::is_alphanumeric) { UNATTRIBUTED } else { NO_MESSAGE };
    Summary {
        sentences: vec![SummarySentence { text: said.to_owned(), quote: None }],
        unknown: ASKED.iter().map(|f| (*f).to_owned()).collect(),
    }
}

/// Summarises a reading of `text`. Every sentence repeats the caller's own words; nothing is inferred from them.
pub fn summary(text: &str, reading: &Reading) -> Summary {
    let doc = Doc::new(text);
    let unknown = ASKED.iter().filter(|f| reading.claim(f).is_none()).map(|f| (*f).to_owned()).collect();
    if !text.chars().any(char::is_alphanumeric) {
        return Summary { sentences: vec![SummarySentence { text: NO_MESSAGE.to_owned(), quote: None }], unknown };
    }
    let mut sentences: Vec<SummarySentence> = Vec::new();
    for (field, lead) in [
        ("caller_name", "Caller's name"),
        ("service", "Wants"),
        ("when", "When"),
        ("timeline", "When"),
        ("address", "Address"),
        ("callback_number", "Number to call"),
        ("email", "E-mail"),
        ("budget", "Budget"),
        ("amount", "Amount named"),
    ] {
        if let Some(claim) = reading.claim(field) {
            let lead = if claim.qualifier.as_deref() == Some("role:booking") { "Name given" } else { lead };
            sentences.extend(sentence(text, lead, claim, claim.span));
        }
    }
    // The words behind the urgency and the reason, whole, because they say more than their label.
    let mut quoted = Vec::new();
    for field in ["urgency", "reason_code", "flag.complaint", "flag.opt_out"] {
        if let Some(claim) = reading.claim(field)
            && !quoted.contains(&claim.quote)
            && quoted.len() < QUOTED_SENTENCES_MAX
        {
            quoted.push(claim.quote);
        }
    }
    if sentences.is_empty() && quoted.is_empty() {
        quoted.extend(doc.sentences().first().map(|r| doc.span(r)));
    }
    for quote in quoted {
        if let Some(said) = slice(text, quote) {
            sentences.push(SummarySentence { text: format!("Said: “{said}”"), quote: Some(quote) });
        }
    }
    Summary { sentences, unknown }
}

fn sentence(text: &str, lead: &str, claim: &Claim, span: Span) -> Option<SummarySentence> {
    let said = slice(text, span)?;
    let value = match &claim.value {
        ClaimValue::Phone { e164: Some(number), .. } => number.clone(),
        ClaimValue::Email(email) => email.clone(),
        ClaimValue::Date(date) => format!("{date} (“{said}”)"),
        ClaimValue::DateTime(at) => format!("{at} (“{said}”)"),
        _ => format!("“{said}”"),
    };
    let about = claim
        .qualifier
        .as_deref()
        .filter(|q| !q.starts_with("role:") && *q != "another" && *q != "caller_id")
        .map(|q| format!("{q} "))
        .unwrap_or_default();
    Some(SummarySentence { text: format!("{lead}: {about}{value}."), quote: Some(claim.quote) })
}
