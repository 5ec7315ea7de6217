//! That a person does not want to be reached, as the account keeps it with the person.
//!
//! Setting is always automatic and at once: by what the caller said, by what the CRM says, by a word of somebody of the business. Clearing is done by
//! a person who may, with a reason, and by nothing else: not by a value in the CRM that turns, not by a merge, not by time.
//!
//! It is kept under the keyed hash of the person's number and holds no personal value, so that it outlives the erasure of everything that was said.

use crate::crm::{CrmWords, Record};
use crate::id::{CallId, InquiryId, UserId};
use crate::inquiry::{Event, Inquiry, STEER_AT};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the form in which [`Consent`] is kept with a person.
pub const CONSENT_SCHEMA: u32 = 1;
/// The handling flag by which rules, pages and suppression know of it.
pub const FLAG: &str = "opt_out";
/// The claim that raises the flag.
const CLAIM: &str = "flag.opt_out";

/// Who or what said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said_by", rename_all = "snake_case")]
pub enum SaidBy {
    /// The caller, in that call.
    Caller { call: CallId },
    /// A property of the person's record in the CRM.
    Crm { property: String },
    /// Somebody of the business, whom the caller told.
    Person { by: UserId },
}

impl SaidBy {
    /// A stable word for entries: `caller`, `crm`, `person`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Caller { .. } => "caller",
            Self::Crm { .. } => "crm",
            Self::Person { .. } => "person",
        }
    }
}

/// The wish not to be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptOut {
    pub said: SaidBy,
    /// When it was said, or seen in the CRM.
    pub at: Timestamp,
    /// Where it stands in the ledger; none where it was noted without an inquiry.
    pub inquiry: Option<InquiryId>,
}

/// That a person took it back for the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    pub by: UserId,
    pub at: Timestamp,
    /// Where the reason stands in the ledger; none where it stands in the account's own chain.
    pub inquiry: Option<InquiryId>,
}

/// What is known of a person's wish. Never both at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opted_out: Option<OptOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared: Option<Cleared>,
}

impl Consent {
    /// Nobody has said anything about it.
    pub fn is_nothing(&self) -> bool {
        self.opted_out.is_none() && self.cleared.is_none()
    }

    /// From now on the person is held to have opted out.
    pub fn set(&mut self, opt_out: OptOut) {
        *self = Self { opted_out: Some(opt_out), cleared: None };
    }

    /// A person took it back.
    pub fn clear(&mut self, cleared: Cleared) {
        *self = Self { opted_out: None, cleared: Some(cleared) };
    }
}

/// The property by which a record of the CRM says that the person opted out, if one does.
pub fn said_by_record(words: &CrmWords, record: &Record) -> Option<&'static str> {
    let value = |property: &str| record.properties.get(property).map_or("", |v| v.trim());
    let says = |(property, values): &&(&'static str, &'static [&'static str])| {
        values.iter().any(|v| value(property).eq_ignore_ascii_case(v))
    };
    words.opt_out.iter().find(says).map(|(property, _)| *property)
}

/// By which record, and which property of it, the CRM says that the person opted out, as far as it was read.
pub fn shown_by_crm(inquiry: &Inquiry, words: Option<&CrmWords>) -> Option<(String, &'static str)> {
    let contact = inquiry.contact.as_ref()?;
    Some((contact.record.clone(), said_by_record(words?, &contact.record_held)?))
}

/// What showed an opt-out before an event: what was shown then is no news when it is shown again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Then {
    /// Record and property of the CRM.
    crm: Option<(String, &'static str)>,
    /// The call whose words say so.
    call: Option<CallId>,
}

impl Then {
    /// As an inquiry stands before the event.
    pub fn of(inquiry: &Inquiry, words: Option<&CrmWords>) -> Self {
        let call = inquiry.claims.get(CLAIM).map(|held| held.evidence.call.clone());
        Self { crm: shown_by_crm(inquiry, words), call }
    }
}

/// The opt-out that an event is the first to show, if it shows one: it is to be kept with the person, by an event of its own. `after`: the inquiry
/// behind the event.
pub fn first_shown(
    then: &Then,
    after: &Inquiry,
    event: &Event,
    words: Option<&CrmWords>,
    now: Timestamp,
) -> Option<OptOut> {
    let held = after.consent.opted_out.as_ref();
    let of = |said, at| Some(OptOut { said, at, inquiry: Some(after.id.clone()) });
    if let Event::Read { call, reading, .. } = event {
        let steers = |c: &crate::claim::Claim| c.field == CLAIM && c.confidence.0 >= STEER_AT;
        let said = SaidBy::Caller { call: call.clone() };
        // Another transcript of the same call says nothing new, least of all behind a person who took it back.
        let news = then.call.as_ref() != Some(call) && held.is_none_or(|h| h.said != said);
        if reading.claims.iter().any(steers) && news {
            let at = after.calls.iter().find(|c| c.id == *call).map_or(now, |c| c.started_at);
            return of(said, at);
        }
    }
    // What stood there when a person cleared it is no news; that another record says so, or that this one says so again, is.
    let (record, property) = shown_by_crm(after, words).filter(|_| held.is_none())?;
    let news = then.crm.as_ref().is_none_or(|(of, _)| *of != record);
    if news { of(SaidBy::Crm { property: property.to_owned() }, now) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inquiry::house::{WORDS, record};

    #[test]
    fn what_a_vendor_says_in_its_own_words_counts() {
        let says = |value: &str| said_by_record(&WORDS, &record("512", &[("hs_email_optout", value)]));
        for yes in ["true", "TRUE", " yes ", "1"] {
            assert_eq!(says(yes), Some("hs_email_optout"), "{yes:?}");
        }
        for no in ["", "false", "no", "0", "true story"] {
            assert_eq!(says(no), None, "{no:?}");
        }
    }

    #[test]
    fn who_said_it_is_one_stable_word() {
        let (call, by) = (CallId::from_text("call_1"), UserId::from_text("user_1"));
        let crm = SaidBy::Crm { property: "DoNotCall".into() };
        let all = [SaidBy::Caller { call }, crm, SaidBy::Person { by }];
        assert_eq!(all.map(|said| said.word()), ["caller", "crm", "person"]);
    }

    #[test]
    fn a_wish_stands_or_was_taken_back_never_both() {
        let at: Timestamp = "2026-03-03T17:00:00Z".parse().unwrap();
        let mut consent = Consent::default();
        assert!(consent.is_nothing());
        assert_eq!(
            serde_json::to_string(&consent).unwrap(),
            "{}",
            "a person of whom nothing is known keeps the old form"
        );
        consent.set(OptOut { said: SaidBy::Crm { property: "DoNotCall".into() }, at, inquiry: None });
        assert!(consent.opted_out.is_some() && consent.cleared.is_none() && !consent.is_nothing());
        consent.clear(Cleared { by: UserId::from_text("user_1"), at, inquiry: None });
        assert!(consent.opted_out.is_none() && consent.cleared.is_some() && !consent.is_nothing());
        let kept = serde_json::to_string(&consent).unwrap();
        assert_eq!(serde_json::from_str::<Consent>(&kept).unwrap(), consent);
    }
}
