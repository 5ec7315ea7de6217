//! Typed ids: a short prefix that says what it names, then 26 characters of Crockford base32 that sort by time.
//!
//! An id is made of a moment and ten random bytes, both given by the caller ([`new`]); ids of things that a decision
//! brings into being are derived from their parent instead ([`InquiryId::plan`] and friends), so that deciding the same thing twice
//! names it the same.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Encodes 16 bytes as 26 Crockford base32 characters, most significant first, so that text order is byte order.
pub fn base32(bytes: [u8; 16]) -> String {
    let mut n = u128::from_be_bytes(bytes);
    let mut out = [b'0'; 26];
    for slot in out.iter_mut().rev() {
        let digit = usize::try_from(n & 31).unwrap_or(0);
        *slot = ALPHABET.get(digit).copied().unwrap_or(b'0');
        n >>= 5;
    }
    out.iter().map(|b| char::from(*b)).collect()
}

/// The sortable part of an id: 48 bits of milliseconds and 80 random bits (the layout of UUIDv7 without its version bits).
pub fn stamp(now: jiff::Timestamp, random: [u8; 10]) -> String {
    let ms = now.as_millisecond().max(0).to_be_bytes();
    let mut bytes = [0u8; 16];
    for (slot, byte) in bytes.iter_mut().zip(ms.iter().skip(2).chain(random.iter())) {
        *slot = *byte;
    }
    base32(bytes)
}

// An id is copied into every claim, owner and question that names it, so its text is shared.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);
        impl $name {
            /// What stands before the underscore.
            pub const PREFIX: &'static str = $prefix;
            /// A new id from a moment and ten random bytes.
            pub fn new(now: jiff::Timestamp, random: [u8; 10]) -> Self {
                Self(format!("{}_{}", $prefix, stamp(now, random)).into())
            }
            /// Takes text as it is; for ids read from the store, a URL or a configuration file.
            pub fn from_text(text: impl Into<String>) -> Self {
                Self(text.into().into())
            }
            /// The whole id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
            /// The id without its prefix, for building keys that hold neither `:` nor `+` nor `_`.
            pub fn stem(&self) -> &str {
                self.0.split_once('_').map_or(self.as_str(), |(_, stem)| stem)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl From<&$name> for String {
            fn from(id: &$name) -> String { id.as_str().to_owned() }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { to.serialize_str(&self.0) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from).map(Self::from_text)
            }
        }
    )*};
}

ids! {
    /// The tenant: a business, or one client of an agency. Leads every key and every query.
    AccountId = "acct";
    /// One HTTP exchange made for an effect.
    AttemptId = "try";
    /// One phone call, folded from all signals about it.
    CallId = "call";
    /// One configured vendor connection of one account.
    ConnectionId = "conn";
    /// One immutable version of a contract.
    ContractId = "ctr";
    /// An erasable text: a transcript, a value, a raw request.
    DocumentId = "doc";
    /// One outside change to bring about.
    EffectId = "eff";
    /// One caller's need, from first signal to outcome.
    InquiryId = "inq";
    /// One site of an account.
    LocationId = "loc";
    /// The immutable set of verdicts and effects decided at one moment.
    PlanId = "plan";
    /// One question for a person.
    ReviewId = "rev";
    /// One taking back of written values.
    RollbackId = "rb";
    /// One thing that arrived.
    SignalId = "sig";
    /// One person of the account who may own an inquiry.
    StaffId = "staff";
    /// An API token.
    TokenId = "tok";
    /// One person who signs in.
    UserId = "user";
}

impl InquiryId {
    /// The id of this inquiry's `n`th plan.
    pub fn plan(&self, n: u32) -> PlanId {
        PlanId::from_text(format!("plan_{}.{n}", self.stem()))
    }
    /// The id of this inquiry's `n`th effect.
    pub fn effect(&self, n: u32) -> EffectId {
        EffectId::from_text(format!("eff_{}.{n}", self.stem()))
    }
    /// The id of this inquiry's `n`th question for a person.
    pub fn review(&self, n: u32) -> ReviewId {
        ReviewId::from_text(format!("rev_{}.{n}", self.stem()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_say_what_they_are() {
        let at = |ms| jiff::Timestamp::from_millisecond(ms).unwrap();
        let early = CallId::new(at(1_700_000_000_000), [255; 10]);
        let late = CallId::new(at(1_700_000_000_001), [0; 10]);
        assert!(early < late);
        assert!(early.as_str().starts_with("call_"));
        assert_eq!(early.stem().len(), 26);
        assert!(early.stem().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    }
}
