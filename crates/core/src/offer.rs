//! What a provider of data offers about a person or a record.
//!
//! An offer is never a claim: nobody said it, so it has no quote. It carries its provider's name, how sure that provider is, and as of when; a
//! value without a provider is no offer. What of it is written, a clause of the contract and a workflow that is switched on decide
//! ([`crate::workflow`]); the memory of who gave what stays beside the inquiry (F-197).

use crate::id::SignalId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The most values that one offer may carry.
pub const OFFERED_MAX: usize = 100;
/// The most values that are held of all providers together.
pub const HELD_MAX: usize = 200;
/// The longest offered value, in characters.
pub const VALUE_CHARS_MAX: usize = 4_000;

/// Whom an offer is about; at least one is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// The CRM's id of the contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// As sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// As sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Subject {
    /// It names nobody.
    pub fn is_empty(&self) -> bool {
        self.record.is_none() && self.phone.is_none() && self.email.is_none()
    }
}

/// One value of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The provider's name for it: `industry`.
    pub name: String,
    pub value: String,
    /// Thousandths, by the provider's own word.
    pub confidence: u16,
    /// When it was true, by the provider's own word.
    pub as_of: Timestamp,
}

/// One message of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub provider: String,
    /// What it is about, as the hook URL says it: `enriched`, `fit`, `similar`, …
    pub event: String,
    pub subject: Subject,
    pub fields: Vec<Offered>,
}

/// A value that is held, with who gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOffer {
    pub provider: String,
    pub event: String,
    pub name: String,
    pub value: String,
    /// Thousandths.
    pub confidence: u16,
    pub as_of: Timestamp,
    /// The message it came with.
    pub signal: SignalId,
}

/// Lays an offer over what is held; true if any of it is news. Of one provider the newer word about a name counts, by its own date: a late
/// delivery of an old word changes nothing.
pub fn hold(held: &mut Vec<HeldOffer>, offer: &Offer, signal: &SignalId) -> bool {
    let mut news = false;
    for field in &offer.fields {
        let next = HeldOffer {
            provider: offer.provider.clone(),
            event: offer.event.clone(),
            name: field.name.clone(),
            value: field.value.clone(),
            confidence: field.confidence,
            as_of: field.as_of,
            signal: signal.clone(),
        };
        let room = held.len() < HELD_MAX;
        match held.iter_mut().find(|h| h.provider == next.provider && h.name == next.name) {
            Some(before) if before.as_of > next.as_of => {}
            Some(before)
                if (before.as_of, &before.value, before.confidence) == (next.as_of, &next.value, next.confidence) => {}
            Some(before) => {
                *before = next;
                news = true;
            }
            None if room => {
                held.push(next);
                news = true;
            }
            None => {}
        }
    }
    news
}

/// What the providers say under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Best<'a> {
    /// The surest word, among equals the newest.
    pub offer: &'a HeldOffer,
    /// Another provider says something else.
    pub against: Option<&'a HeldOffer>,
}

/// The best word under a name.
pub fn best<'a>(held: &'a [HeldOffer], name: &str) -> Option<Best<'a>> {
    let named = || held.iter().filter(|h| h.name == name);
    let offer = named().max_by_key(|h| (h.confidence, h.as_of, std::cmp::Reverse(&h.provider)))?;
    let says = |h: &HeldOffer| h.value.trim().to_lowercase();
    let against = named().find(|h| h.provider != offer.provider && says(h) != says(offer));
    Some(Best { offer, against })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(provider: &str, value: &str, confidence: u16, as_of: &str) -> Offer {
        let field = Offered { name: "industry".into(), value: value.into(), confidence, as_of: as_of.parse().unwrap() };
        Offer { provider: provider.into(), event: "fit".into(), subject: Subject::default(), fields: vec![field] }
    }

    #[test]
    fn a_later_word_of_the_same_provider_counts_by_its_own_date_whatever_came_first() {
        let (old, new) =
            (offer("acme", "SaaS", 900, "2026-01-01T00:00:00Z"), offer("acme", "Retail", 700, "2026-02-01T00:00:00Z"));
        let signal = SignalId::from_text("sig_1");
        for order in [[&old, &new], [&new, &old]] {
            let mut held = Vec::new();
            for offer in order {
                hold(&mut held, offer, &signal);
            }
            assert_eq!(held.iter().map(|h| h.value.as_str()).collect::<Vec<_>>(), ["Retail"]);
            assert!(!hold(&mut held, &new, &SignalId::from_text("sig_2")), "said again, it is no news");
        }
    }

    #[test]
    fn the_surest_word_is_best_and_whoever_contradicts_it_is_named() {
        let signal = SignalId::from_text("sig_1");
        let mut held = Vec::new();
        hold(&mut held, &offer("acme", "SaaS", 700, "2026-01-01T00:00:00Z"), &signal);
        assert_eq!(best(&held, "industry").unwrap().against, None);
        hold(&mut held, &offer("beta", " saas", 900, "2026-01-01T00:00:00Z"), &signal);
        assert_eq!(best(&held, "industry").unwrap().against, None, "spelled otherwise is not said otherwise");
        hold(&mut held, &offer("gamma", "Retail", 800, "2026-01-01T00:00:00Z"), &signal);
        let best = best(&held, "industry").unwrap();
        assert_eq!((best.offer.provider.as_str(), best.against.unwrap().provider.as_str()), ("beta", "gamma"));
        assert_eq!(super::best(&held, "size"), None);
    }
}
