//! Who called: by exact keys only, never by name, and never by a number nobody sent.
//!
//! Words and digits that stand for "withheld" are looked up before a number is parsed, because the digits that carriers put in their place
//! look like valid numbers of Lesotho, Russia and China. A linked record got there by an exact E.164 phone or an exact e-mail address that
//! one record holds and nothing contradicts; everything less is a question for a person.

use crate::contract::{MatchKey, MatchRules, SharedNumbers};
use crate::crm::Record;
use crate::followup::clock::Cohort;
use crate::id::AccountId;
use crate::roster::KnownNumber;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The most bytes of a caller number that are looked at; longer text is no number.
pub const PHONE_RAW_BYTES_MAX: usize = 256;
/// The longest e-mail address (RFC 5321: 64 before the @, 255 after, 254 in all).
pub const EMAIL_BYTES_MAX: usize = 254;

/// What a provider's caller field turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "phone", rename_all = "snake_case")]
pub enum Phone {
    /// A valid number.
    E164 {
        e164: String,
        /// The national significant number (some CRMs index only that).
        national: String,
        /// ISO 3166 region it belongs to; `001` for numbers of no country.
        region: String,
    },
    /// The caller keeps the number back. Never matched, never called.
    Withheld,
    /// Something real that is not a telephone number: a SIP address, a client name, a short code, an extension.
    NotCallable { raw: String },
    /// Looks like a number and is none; kept as it came, flagged, never matched.
    Invalid { raw: String },
}

impl Phone {
    /// The E.164 number where there is one.
    pub fn e164(&self) -> Option<&str> {
        match self {
            Self::E164 { e164, .. } => Some(e164),
            _ => None,
        }
    }
}

/// Words providers send instead of a number that was kept back.
const WITHHELD_WORDS: [&str; 14] = [
    "anonymous",
    "restricted",
    "unknown",
    "unavailable",
    "private",
    "private number",
    "blocked",
    "withheld",
    "no caller id",
    "asserted-id-unavailable",
    "null",
    "none",
    "not available",
    "unknown caller",
];
/// What Twilio sends where it must send digits: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE on a keypad.
const WITHHELD_DIGITS: [&str; 5] = ["266696687", "7378742833", "2562533", "8656696", "86282452253"];

/// Reads a provider's caller field. `region` (ISO 3166) is where a number without a country code is read.
pub fn phone(raw: &str, region: &str) -> Phone {
    let text = raw.trim();
    if is_withheld(text) {
        return Phone::Withheld;
    }
    let lower = text.to_ascii_lowercase();
    let not_callable = || Phone::NotCallable { raw: raw.to_owned() };
    if ["sip:", "sips:", "client:", "agent:", "ext:"].iter().any(|p| lower.starts_with(p))
        || text.len() > PHONE_RAW_BYTES_MAX
    {
        return not_callable();
    }
    if let Some(found) = library::parse(text, region) {
        return found;
    }
    let digits = text.chars().filter(char::is_ascii_digit).count();
    // Short codes and extensions of a PBX: digits alone, too few for a number.
    if digits > 0 && digits <= 6 && text.chars().all(|c| c.is_ascii_digit() || c == '*' || c == '#') {
        return not_callable();
    }
    if digits == 0 && text.chars().any(char::is_alphabetic) {
        not_callable()
    } else {
        Phone::Invalid { raw: raw.to_owned() }
    }
}

fn is_withheld(text: &str) -> bool {
    let lower = text.to_lowercase();
    let plain = lower.trim_matches(|c: char| c == '<' || c == '>' || c == '"' || c.is_whitespace());
    if plain.is_empty() || WITHHELD_WORDS.contains(&plain) {
        return true;
    }
    let address = ["sip:", "sips:", "tel:", "client:"].iter().find_map(|p| plain.strip_prefix(p));
    if let Some(address) = address {
        let (user, host) = address.split_once('@').unwrap_or((address, ""));
        let host = host.split([';', '?', ':']).next().unwrap_or_default();
        let user = user.split([';', ':']).next().unwrap_or_default();
        let named = |word: &str| WITHHELD_WORDS.contains(&word.replace("%20", " ").as_str());
        return named(user) || named(host) || host == "anonymous.invalid" || is_withheld_digits(user);
    }
    is_withheld_digits(plain)
}

/// Only the international form (or the bare digits): a national number is never written like that by accident, and `256-2533`
/// of a seven-digit area is somebody's telephone.
fn is_withheld_digits(text: &str) -> bool {
    let digits = text.strip_prefix('+').or_else(|| text.strip_prefix("00")).unwrap_or(text);
    WITHHELD_DIGITS.contains(&digits)
}

/// `+`, a country code that does not start with 0, 7 to 15 digits in all.
pub fn is_e164(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|d| (4..=15).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit()) && !d.starts_with('0'))
}

/// The part of an address after its @.
pub fn email_domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain)
}

/// An address as it is compared and stored: trimmed, lower case, exactly one @, within the bounds of RFC 5321. `None` for what is no
/// address. Nothing is dropped from the local part: `a.b` and `ab`, `a+x` and `a` are different people to most servers.
pub fn email(raw: &str) -> Option<String> {
    let text = raw.trim();
    let text = text.strip_prefix("mailto:").unwrap_or(text).trim_matches(|c| c == '<' || c == '>');
    let lower = text.to_lowercase();
    let (local, domain) = lower.split_once('@')?;
    let local_fits = (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c));
    let labels: Vec<&str> = domain.split('.').collect();
    let label_fits = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let top = labels.last().copied().unwrap_or_default();
    let domain_fits = labels.len() >= 2
        && labels.iter().all(|l| label_fits(l))
        && top.chars().count() >= 2
        && !top.chars().all(|c| c.is_ascii_digit());
    (local_fits && domain_fits && lower.len() <= EMAIL_BYTES_MAX).then_some(lower)
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

fn keyed(salt: &[u8], account: &AccountId, what: &str, value: &str) -> String {
    // HMAC takes keys of every length; the only error it knows cannot happen.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(salt) else { return String::new() };
    for part in ["ringback", what, account.as_str(), value] {
        // Length first, so that no two lists of parts are the same bytes.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().get(..16).map(hex).unwrap_or_default()
}

/// The key by which an account knows a caller without storing the number: HMAC-SHA256, the first 128 bits in hex (32 characters). Two accounts
/// never have the same key for the same person.
pub fn person_key(salt: &[u8], account: &AccountId, e164: &str) -> String {
    keyed(salt, account, "phone", e164)
}

/// The same for an e-mail address, normalised by [`email`] before.
pub fn email_key(salt: &[u8], account: &AccountId, address: &str) -> String {
    keyed(salt, account, "email", address)
}

/// The same for the domain of an address.
pub fn email_domain_key(salt: &[u8], account: &AccountId, domain: &str) -> String {
    keyed(salt, account, "email_domain", domain)
}

/// Which properties of a person's CRM record tell what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonProperties {
    pub phone: Vec<String>,
    pub email: Vec<String>,
    /// In reading order: first name, last name; or one full name.
    pub name: Vec<String>,
    pub lifecycle: String,
    /// Values of `lifecycle` that mean an existing customer.
    pub customer_values: Vec<String>,
    /// Who owns the record.
    pub owner: String,
}

impl PersonProperties {
    /// HubSpot's own contact properties.
    pub fn hubspot() -> Self {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect();
        Self {
            phone: words(&["phone", "mobilephone"]),
            email: words(&["email", "hs_additional_emails"]),
            name: words(&["firstname", "lastname"]),
            lifecycle: "lifecyclestage".into(),
            customer_values: words(&["customer", "evangelist"]),
            owner: "hubspot_owner_id".into(),
        }
    }

    /// Every property that a lookup must ask for.
    pub fn all(&self) -> Vec<String> {
        let mut all: Vec<String> = self.phone.iter().chain(&self.email).chain(&self.name).cloned().collect();
        all.extend([self.lifecycle.clone(), self.owner.clone()]);
        all
    }

    /// The CRM's owner id of a record.
    pub fn owner_of(&self, record: &Record) -> Option<String> {
        record.properties.get(&self.owner).filter(|o| !o.trim().is_empty()).cloned()
    }

    /// Existing customer or lead.
    pub fn is_customer(&self, record: &Record) -> bool {
        record
            .properties
            .get(&self.lifecycle)
            .is_some_and(|v| self.customer_values.iter().any(|c| c.eq_ignore_ascii_case(v.trim())))
    }
}

fn values<'r>(record: &'r Record, names: &[String]) -> Vec<&'r str> {
    names.iter().filter_map(|n| record.properties.get(n)).map(|v| v.trim()).filter(|v| !v.is_empty()).collect()
}

/// What a match turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    /// One record, an existing customer.
    Customer,
    /// One record, a lead.
    Lead,
    /// Nobody known.
    New,
    /// A person must choose.
    Ambiguous,
    /// No number to know anybody by. Never linked (F-044).
    Anonymous,
    /// A supplier: recorded, no lead (F-075).
    Vendor,
}

impl MatchKind {
    /// The word used in contracts, traces and the console.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Lead => "lead",
            Self::New => "new",
            Self::Ambiguous => "ambiguous",
            Self::Anonymous => "anonymous",
            Self::Vendor => "vendor",
        }
    }

    /// The cohort whose clock runs; somebody unknown gets the promise of a new lead.
    pub fn cohort(self) -> Cohort {
        match self {
            Self::Customer => Cohort::Customer,
            Self::Lead => Cohort::Lead,
            Self::Vendor => Cohort::Vendor,
            Self::New | Self::Ambiguous | Self::Anonymous => Cohort::New,
        }
    }
}

/// A record that may be the caller, and why (F-038).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub record: String,
    pub customer: bool,
    /// Keys that agree: `phone`, `email`, `email_domain`, `name`.
    pub agreed: Vec<String>,
    pub disagreed: Vec<String>,
}

/// Who called, as far as keys can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    pub kind: MatchKind,
    /// The CRM's id of the linked record; only for `Customer` and `Lead`.
    pub record: Option<String>,
    pub agreed: Vec<String>,
    pub disagreed: Vec<String>,
    /// Everybody it could be or who is worth noting (the lead beside the customer that won, F-029).
    pub candidates: Vec<Candidate>,
    /// A sentence for people.
    pub why: String,
}

/// What a match is decided on.
#[derive(Debug, Clone)]
pub struct MatchFacts<'a> {
    pub phone: &'a Phone,
    /// What the roster knows of that number ([`crate::roster::Roster::known`]).
    pub known: Option<KnownNumber>,
    /// The address the caller gave, if any.
    pub email: Option<&'a str>,
    /// The name the caller gave, if any. It can only contradict, never link.
    pub name: Option<&'a str>,
    /// What the lookup found. The lookup must have ended: without it nothing may be decided (F-033).
    pub candidates: &'a [Record],
    /// Region in which the records' numbers are read.
    pub region: &'a str,
    pub rules: &'a MatchRules,
}

/// Decides who called.
pub fn resolve(facts: &MatchFacts) -> Match {
    let none = |kind, why: &str| Match {
        kind,
        record: None,
        agreed: Vec::new(),
        disagreed: Vec::new(),
        candidates: Vec::new(),
        why: why.to_owned(),
    };
    if facts.known == Some(KnownNumber::Vendor) {
        return none(MatchKind::Vendor, "the number is listed as a supplier's");
    }
    let rules = facts.rules;
    let caller = facts.phone.e164().filter(|_| facts.known != Some(KnownNumber::Own));
    let said_email = facts.email.and_then(email);
    let shared = facts.known == Some(KnownNumber::Shared);
    let use_phone = (rules.link.contains(&MatchKey::Phone) || rules.suggest.contains(&MatchKey::Phone))
        && !(shared && rules.shared_numbers == SharedNumbers::Ignore);
    let use_email = rules.link.contains(&MatchKey::Email) || rules.suggest.contains(&MatchKey::Email);
    let seen: Vec<Seen> = facts
        .candidates
        .iter()
        .filter(|r| !r.archived)
        .map(|record| see(record, facts, caller.filter(|_| use_phone), said_email.as_deref().filter(|_| use_email)))
        .collect();
    let hits: Vec<&Seen> = seen.iter().filter(|s| s.phone || s.email).collect();
    let by_domain: Vec<&Seen> = seen
        .iter()
        .filter(|s| s.domain && !s.phone && !s.email && rules.suggest.contains(&MatchKey::EmailDomain))
        .collect();
    let candidates: Vec<Candidate> = hits.iter().chain(&by_domain).map(|s| s.candidate()).collect();
    if caller.is_none() {
        let why = match facts.phone {
            Phone::E164 { .. } => {
                "the call came from one of the account's own numbers, which says nothing about the caller"
            }
            Phone::Withheld => "the caller's number was withheld",
            Phone::NotCallable { .. } => "the caller's address is not a telephone number",
            Phone::Invalid { .. } => "what was sent as the caller's number is no valid number",
        };
        return Match { candidates, ..none(MatchKind::Anonymous, why) };
    }
    if hits.is_empty() {
        let why = if by_domain.is_empty() {
            "no record holds this phone or e-mail address"
        } else {
            "no record holds this phone or e-mail address; the domain of the address is known, which only suggests a company"
        };
        return Match { candidates, ..none(MatchKind::New, why) };
    }
    let ambiguous = |why: String| {
        let mut agreed: Vec<String> = candidates.iter().flat_map(|c| c.agreed.clone()).collect();
        let mut disagreed: Vec<String> = candidates.iter().flat_map(|c| c.disagreed.clone()).collect();
        for list in [&mut agreed, &mut disagreed] {
            list.sort_unstable();
            list.dedup();
        }
        Match { agreed, disagreed, candidates: candidates.clone(), ..none(MatchKind::Ambiguous, &why) }
    };
    let (chosen, noted) = match choose(&hits) {
        Ok(chosen) => chosen,
        Err(why) => return ambiguous(why),
    };
    let may_link = (chosen.email && rules.link.contains(&MatchKey::Email))
        || (chosen.phone && !shared && rules.link.contains(&MatchKey::Phone));
    if !may_link {
        return ambiguous(if shared && chosen.phone {
            "several people use this number, so it links nobody by itself".to_owned()
        } else {
            format!("the contract only suggests a match by {}", chosen.agreed().join(" and "))
        });
    }
    if !chosen.disagreed().is_empty() {
        return ambiguous(format!(
            "{} agrees but {} does not",
            chosen.agreed().join(" and "),
            chosen.disagreed().join(" and ")
        ));
    }
    let kind = if chosen.customer { MatchKind::Customer } else { MatchKind::Lead };
    Match {
        kind,
        record: Some(chosen.id.to_owned()),
        agreed: chosen.agreed(),
        disagreed: Vec::new(),
        candidates,
        why: format!("{} agrees with exactly one {}{noted}", chosen.agreed().join(" and "), kind.as_str()),
    }
}

/// One record: the only one hit, the only one that both keys hit, or the only customer among the hits of one key.
fn choose<'s>(hits: &[&'s Seen<'s>]) -> Result<(&'s Seen<'s>, String), String> {
    if let [one] = hits {
        return Ok((*one, String::new()));
    }
    let by_phone: Vec<&Seen> = hits.iter().copied().filter(|s| s.phone).collect();
    let by_email: Vec<&Seen> = hits.iter().copied().filter(|s| s.email).collect();
    let by_both: Vec<&Seen> = by_phone.iter().copied().filter(|s| s.email).collect();
    if let [one] = by_both.as_slice() {
        if by_email.len() == 1 {
            return Ok((*one, format!("; {} other record(s) share the phone and are noted", hits.len() - 1)));
        }
    } else if by_both.is_empty() && !by_phone.is_empty() && !by_email.is_empty() {
        return Err("phone and e-mail address point at different records".to_owned());
    }
    let customers: Vec<&Seen> = hits.iter().copied().filter(|s| s.customer).collect();
    if let [one] = customers.as_slice() {
        let leads = hits.len() - 1;
        return Ok((*one, format!("; the customer wins over {leads} lead(s) with the same key, which are noted")));
    }
    let key = if by_phone.is_empty() { "e-mail address" } else { "phone" };
    Err(format!("{} records hold this {key}", hits.len()))
}

/// One candidate record, compared with the caller.
struct Seen<'r> {
    id: &'r str,
    customer: bool,
    phone: bool,
    email: bool,
    domain: bool,
    /// The record has addresses and the caller gave another one.
    other_email: bool,
    same_name: Option<bool>,
}

impl Seen<'_> {
    fn agreed(&self) -> Vec<String> {
        let keys = [
            ("phone", self.phone),
            ("email", self.email),
            ("email_domain", self.domain && !self.email),
            ("name", self.same_name == Some(true)),
        ];
        keys.into_iter().filter(|(_, yes)| *yes).map(|(k, _)| k.to_owned()).collect()
    }
    fn disagreed(&self) -> Vec<String> {
        let keys = [("email", self.other_email), ("name", self.same_name == Some(false))];
        keys.into_iter().filter(|(_, yes)| *yes).map(|(k, _)| k.to_owned()).collect()
    }
    fn candidate(&self) -> Candidate {
        Candidate {
            record: self.id.to_owned(),
            customer: self.customer,
            agreed: self.agreed(),
            disagreed: self.disagreed(),
        }
    }
}

fn see<'r>(record: &'r Record, facts: &MatchFacts, caller: Option<&str>, said_email: Option<&str>) -> Seen<'r> {
    let properties = &facts.rules.properties;
    // A vendor's search is fuzzy (it may look at the last seven digits); only an exact number agrees.
    let same_phone =
        |c: &str| values(record, &properties.phone).iter().any(|v| *v == c || phone(v, facts.region).e164() == Some(c));
    let mut addresses: Vec<String> =
        values(record, &properties.email).iter().flat_map(|v| v.split([';', ','])).filter_map(email).collect();
    addresses.extend(record.also_known_as.iter().filter_map(|a| email(a)));
    let email_hit = said_email.is_some_and(|e| addresses.iter().any(|a| a == e));
    let domain = said_email
        .and_then(email_domain)
        .is_some_and(|d| !FREE_MAIL.contains(&d) && addresses.iter().any(|a| email_domain(a) == Some(d)));
    let name = values(record, &properties.name).join(" ");
    Seen {
        id: &record.id,
        customer: properties.is_customer(record),
        phone: caller.is_some_and(same_phone),
        email: email_hit,
        domain,
        other_email: said_email.is_some() && !addresses.is_empty() && !email_hit,
        same_name: facts.name.and_then(|said| same_name(said, &name)),
    }
}

/// Providers whose domain says nothing about a company.
const FREE_MAIL: [&str; 20] = [
    "gmail.com",
    "googlemail.com",
    "yahoo.com",
    "ymail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "msn.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "aol.com",
    "comcast.net",
    "att.net",
    "verizon.net",
    "gmx.com",
    "gmx.de",
    "web.de",
    "proton.me",
    "protonmail.com",
];

/// Short forms that are the same first name; each line is one name.
const SHORT_NAMES: [&[&str]; 28] = [
    &["robert", "rob", "bob", "bobby", "bert"],
    &["william", "will", "bill", "billy", "liam"],
    &["richard", "rick", "dick", "rich", "ricky"],
    &["james", "jim", "jimmy", "jamie"],
    &["john", "jack", "johnny", "jon"],
    &["michael", "mike", "mick", "mikey"],
    &["elizabeth", "liz", "beth", "betty", "lisa", "eliza", "libby"],
    &["katherine", "catherine", "kathryn", "kate", "katie", "kathy", "cathy", "kat"],
    &["margaret", "maggie", "meg", "peggy", "marge"],
    &["edward", "ed", "eddie", "ted", "ned"],
    &["charles", "charlie", "chuck"],
    &["thomas", "tom", "tommy"],
    &["joseph", "joe", "joey"],
    &["anthony", "tony"],
    &["andrew", "andy", "drew"],
    &["daniel", "dan", "danny"],
    &["david", "dave"],
    &["steven", "stephen", "steve"],
    &["patricia", "pat", "patty", "trish"],
    &["jennifer", "jen", "jenny"],
    &["rebecca", "becky", "becca"],
    &["susan", "sue", "susie", "suzanne"],
    &["deborah", "debra", "deb", "debbie"],
    &["alexander", "alex", "sandy", "alexandra"],
    &["samuel", "sam", "samantha"],
    &["nicholas", "nick", "nicky"],
    &["christopher", "chris", "christine", "christina", "tina"],
    &["theodore", "ted", "theo"],
];

/// Whether two names can be one person's: `None` where one of them says nothing. Names never link; this only finds contradictions, so it forgives short
/// forms, initials and what a transcript makes of a spelling.
fn same_name(said: &str, held: &str) -> Option<bool> {
    let words = |name: &str| -> Vec<String> {
        name.to_lowercase()
            .split(|c: char| !c.is_alphabetic() && c != '\'')
            .map(|w| w.replace('\'', ""))
            .filter(|w| !w.is_empty() && !NO_NAME.contains(&w.as_str()))
            .collect()
    };
    let (said, held) = (words(said), words(held));
    let (said_first, said_last) = (said.first()?, said.last()?);
    let (held_first, held_last) = (held.first()?, held.last()?);
    if said.len() == 1 || held.len() == 1 {
        return Some(said.iter().any(|s| held.iter().any(|h| same_word(s, h))));
    }
    let straight = same_word(said_first, held_first) && same_word(said_last, held_last);
    // Some systems keep the family name first.
    let crossed = same_word(said_first, held_last) && same_word(said_last, held_first);
    Some(straight || crossed)
}

/// Words in name properties that are no name.
const NO_NAME: [&str; 16] = [
    "mr", "mrs", "ms", "miss", "dr", "prof", "sir", "unknown", "caller", "wireless", "new", "lead", "contact",
    "customer", "test", "na",
];

fn same_word(a: &str, b: &str) -> bool {
    let (short, long) = if a.chars().count() <= b.chars().count() { (a, b) } else { (b, a) };
    let len = short.chars().count();
    short == long
        || (len <= 1 && long.starts_with(short))
        || (len >= 3 && long.starts_with(short))
        || SHORT_NAMES.iter().any(|names| names.contains(&short) && names.contains(&long))
        || (len >= 4 && distance(short, long) <= if len >= 8 { 2 } else { 1 })
}

/// Edits between two words (Levenshtein).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cb, slot) in b.iter().zip(row.iter_mut().skip(1)) {
            let here = if ca == *cb { diagonal } else { 1 + diagonal.min(*slot).min(left) };
            diagonal = *slot;
            *slot = here;
            left = here;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// The telephone library behind [`phone`]: nothing else in the house knows its types.
mod library {
    use super::Phone;
    use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, enums::Region};

    pub(super) fn parse(text: &str, region: &str) -> Option<Phone> {
        let region = Region::try_from(region.to_ascii_uppercase().as_str()).ok();
        let number = PHONE_NUMBER_UTIL.parse(text, region).ok()?;
        if !number.is_valid() {
            return None;
        }
        Some(Phone::E164 {
            e164: number.format_as(PhoneNumberFormat::E164).into_owned(),
            national: number.get_national_significant_number(),
            region: number.get_region_code().map_or_else(|| "001".to_owned(), |r| r.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn withheld_is_known_before_anything_is_parsed() {
        for raw in [
            "",
            "  ",
            "anonymous",
            "ANONYMOUS",
            "Restricted",
            "unknown",
            "Unavailable",
            "private",
            "Private Number",
            "blocked",
            "withheld",
            "No Caller ID",
            "asserted-id-unavailable",
            "sip:anonymous@anonymous.invalid",
            "sip:restricted@10.0.0.1:5060;user=phone",
            "<sip:anonymous@anonymous.invalid>",
            "<anonymous>",
            "\"Anonymous\"",
            "\" unknown \"",
            "sip:caller@anonymous.invalid",
            "+266696687",
            "266696687",
            "+7378742833",
            "+2562533",
            "+8656696",
            "+86282452253",
            "tel:+266696687",
        ] {
            assert_eq!(phone(raw, "US"), Phone::Withheld, "{raw:?}");
        }
    }

    #[test]
    fn numbers_are_read_in_the_region_of_the_location() {
        for (raw, region, e164, national, home) in [
            ("(602) 555-0123", "US", "+16025550123", "6025550123", "US"),
            ("+1 602-555-0123", "DE", "+16025550123", "6025550123", "US"),
            ("602.555.0123 ext. 12", "US", "+16025550123", "6025550123", "US"),
            ("030 901820", "DE", "+4930901820", "30901820", "DE"),
            ("0044 20 7183 8750", "DE", "+442071838750", "2071838750", "GB"),
            ("+39 02 3818 5678", "US", "+390238185678", "0238185678", "IT"),
            ("tel:+1-602-555-0123", "us", "+16025550123", "6025550123", "US"),
        ] {
            let expect = Phone::E164 { e164: e164.into(), national: national.into(), region: home.into() };
            assert_eq!(phone(raw, region), expect, "{raw} in {region}");
            assert!(is_e164(e164));
        }
        for raw in ["client:jo", "sip:+16025550123@pbx.example", "SIP:1234@pbx", "72975", "204", "*67", "front desk"] {
            assert_eq!(phone(raw, "US"), Phone::NotCallable { raw: raw.into() }, "{raw}");
        }
        for raw in ["+1 602 555 012", "555-0123", "+999 123456789", "602555012345678", "1234567890"] {
            assert_eq!(phone(raw, "US"), Phone::Invalid { raw: raw.into() }, "{raw}");
        }
        assert_eq!(phone("#31#", "US"), Phone::NotCallable { raw: "#31#".into() });
        assert_eq!(phone("*#", "US"), Phone::Invalid { raw: "*#".into() }, "no digit, and no word either");
        let long = |count: usize| phone(&"1".repeat(count), "US");
        assert_eq!(long(PHONE_RAW_BYTES_MAX), Phone::Invalid { raw: "1".repeat(PHONE_RAW_BYTES_MAX) });
        assert!(matches!(long(PHONE_RAW_BYTES_MAX + 1), Phone::NotCallable { .. }));
        for no_e164 in ["16025550123", "+123", "+1234567890123456", "+0234567890", "+1602555o123", "+"] {
            assert!(!is_e164(no_e164), "{no_e164}");
        }
        assert_eq!(phone("602 555 0123", "no region"), Phone::Invalid { raw: "602 555 0123".into() });
    }

    #[test]
    fn published_numbers_are_normalised() {
        let shared = std::env::var("RINGBACK_SHARED")
            .unwrap_or_else(|_| format!("{}/../../../shared", env!("CARGO_MANIFEST_DIR")));
        let file = Path::new(&shared).join("eval/dev/b2_phone.jsonl");
        let Ok(text) = std::fs::read_to_string(&file) else {
            println!("SKIPPED (loudly): {} is not there, published numbers were not checked", file.display());
            return;
        };
        let (mut valid, mut right, mut invalid, mut accepted) = (0, 0, 0, 0);
        for line in text.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let found = phone(row["raw"].as_str().unwrap(), row["default_region"].as_str().unwrap_or(""));
            if row["valid"] == true {
                valid += 1;
                right += usize::from(found.e164() == row["expected_e164"].as_str());
                if found.e164() != row["expected_e164"].as_str() {
                    println!("missed {row}: {found:?}");
                }
            } else {
                invalid += 1;
                accepted += usize::from(found.e164().is_some());
            }
        }
        println!("valid_normalised {right}/{valid}, invalid_accepted {accepted}/{invalid}");
        assert!(valid > 500 && invalid > 100);
        assert!(right * 100 >= valid * 99, "{right}/{valid}");
        assert_eq!(accepted, 0);
    }

    #[test]
    fn addresses_are_compared_in_one_form() {
        for (raw, expect) in [
            (" Jo.Doe@Example.COM ", Some("jo.doe@example.com")),
            ("<jo@example.com>", Some("jo@example.com")),
            ("mailto:jo@example.com", Some("jo@example.com")),
            ("jo+home@mail.example.co.uk", Some("jo+home@mail.example.co.uk")),
            ("j\u{f6}@b\u{fc}cher.example", Some("j\u{f6}@b\u{fc}cher.example")),
            ("jo@example", None),
            ("jo@@example.com", None),
            ("jo@exam ple.com", None),
            ("jo@-example.com", None),
            (".jo@example.com", None),
            ("jo..e@example.com", None),
            ("jo@example.123", None),
            ("@example.com", None),
            ("", None),
        ] {
            assert_eq!(email(raw).as_deref(), expect, "{raw}");
        }
        assert_eq!(email(&format!("{}@example.com", "a".repeat(65))), None);
        assert_eq!(email(&format!("a@{}.com", "b.".repeat(130))), None);
    }

    #[test]
    fn keys_separate_accounts_and_kinds() {
        let (one, two) = (AccountId::from_text("acct_1"), AccountId::from_text("acct_2"));
        let keys = BTreeSet::from([
            person_key(b"salt", &one, "+16025550123"),
            person_key(b"salt", &two, "+16025550123"),
            person_key(b"pepper", &one, "+16025550123"),
            person_key(b"salt", &one, "+16025550124"),
            email_key(b"salt", &one, "+16025550123"),
            email_domain_key(b"salt", &one, "+16025550123"),
        ]);
        assert_eq!(keys.len(), 6);
        assert!(keys.iter().all(|k| k.len() == 32 && k.bytes().all(|b| b.is_ascii_hexdigit())));
        assert_eq!(person_key(b"salt", &one, "+16025550123"), person_key(b"salt", &one, "+16025550123"));
        // Computed with another implementation over the same length-prefixed parts.
        assert_eq!(person_key(b"salt", &one, "+16025550123"), "708d287d230452cec4f4c03b6ab0333d");
    }

    fn rules() -> MatchRules {
        crate::contract::parse(crate::contract::DEFAULT_TEXT).0.unwrap().matching
    }
    fn record(id: &str, properties: &[(&str, &str)]) -> Record {
        let properties = properties.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Record { id: id.into(), properties, ..Record::default() }
    }
    fn john(id: &str, more: &[(&str, &str)]) -> Record {
        let mut all = vec![("phone", "(602) 555-0123"), ("firstname", "John"), ("lastname", "Smith")];
        all.extend_from_slice(more);
        record(id, &all)
    }
    fn who(candidates: &[Record], email: Option<&str>, name: Option<&str>, known: Option<KnownNumber>) -> Match {
        let caller = phone("+16025550123", "US");
        let rules = rules();
        resolve(&MatchFacts { phone: &caller, known, email, name, candidates, region: "US", rules: &rules })
    }

    #[test]
    fn one_exact_phone_links_and_nothing_else_does() {
        use MatchKind as K;
        let customer = ("lifecyclestage", "customer");
        let mail = ("email", "John@Example.com");
        let other_number = ("phone", "+1 602 555 0199");
        for (what, records, said_email, name, kind, linked) in [
            ("nobody", vec![], None, None, K::New, None),
            ("a lead in another format", vec![john("1", &[])], None, None, K::Lead, Some("1")),
            ("a customer", vec![john("1", &[customer])], None, None, K::Customer, Some("1")),
            (
                "the mobile number",
                vec![record("1", &[("mobilephone", "602.555.0123")])],
                None,
                None,
                K::Lead,
                Some("1"),
            ),
            (
                "only the name agrees",
                vec![record("1", &[("firstname", "John"), other_number]), john("2", &[other_number])],
                None,
                Some("John Smith"),
                K::New,
                None,
            ),
            ("the last seven digits agree", vec![record("1", &[("phone", "+13125550123")])], None, None, K::New, None),
            ("the name agrees", vec![john("1", &[])], None, Some("Jon Smith"), K::Lead, Some("1")),
            ("the short form agrees", vec![john("1", &[])], None, Some("Johnny"), K::Lead, Some("1")),
            ("the name contradicts", vec![john("1", &[])], None, Some("Maria Lopez"), K::Ambiguous, None),
            ("the first name contradicts", vec![john("1", &[])], None, Some("Jane Smith"), K::Ambiguous, None),
            ("the e-mail agrees too", vec![john("1", &[mail])], Some("john@example.com"), None, K::Lead, Some("1")),
            ("the e-mail contradicts", vec![john("1", &[mail])], Some("mary@other.example"), None, K::Ambiguous, None),
            ("an e-mail the record lacks", vec![john("1", &[])], Some("mary@other.example"), None, K::Lead, Some("1")),
            ("only the e-mail", vec![record("1", &[mail])], Some("john@example.com"), None, K::Lead, Some("1")),
            ("only the domain", vec![record("1", &[mail])], Some("mary@example.com"), None, K::New, None),
            ("two leads", vec![john("1", &[]), john("2", &[])], None, None, K::Ambiguous, None),
            ("two customers", vec![john("1", &[customer]), john("2", &[customer])], None, None, K::Ambiguous, None),
            ("customer before lead", vec![john("1", &[]), john("2", &[customer])], None, None, K::Customer, Some("2")),
            (
                "phone here, e-mail there",
                vec![john("1", &[]), record("2", &[mail])],
                Some("john@example.com"),
                None,
                K::Ambiguous,
                None,
            ),
            (
                "phone here, a customer's e-mail there",
                vec![john("1", &[]), record("2", &[mail, customer])],
                Some("john@example.com"),
                None,
                K::Ambiguous,
                None,
            ),
            (
                "both keys on one of two",
                vec![john("1", &[]), john("2", &[mail])],
                Some("john@example.com"),
                None,
                K::Lead,
                Some("2"),
            ),
        ] {
            let found = who(&records, said_email, name, None);
            assert_eq!((found.kind, found.record.as_deref()), (kind, linked), "{what}: {found:?}");
            assert!(!found.why.is_empty());
            assert_eq!(found.record.is_some(), matches!(found.kind, K::Customer | K::Lead), "{what}");
        }
        let both = who(&[john("1", &[]), john("2", &[customer])], None, None, None);
        assert!(both.candidates.iter().any(|c| c.record == "1" && !c.customer), "the lead is noted: {both:?}");
        assert!(both.why.contains("wins over 1 lead(s)"), "{}", both.why);
        assert_eq!(both.kind.cohort(), Cohort::Customer);
        let contradicted = who(&[john("1", &[mail])], Some("mary@other.example"), None, None);
        assert_eq!((contradicted.agreed, contradicted.disagreed), (words(&["phone"]), words(&["email"])));
        let domain = who(&[record("1", &[mail])], Some("mary@example.com"), None, None);
        assert_eq!(domain.candidates.first().map(|c| c.agreed.clone()), Some(words(&["email_domain"])));
        let free = who(&[record("1", &[("email", "john@gmail.com")])], Some("mary@gmail.com"), None, None);
        assert!(free.candidates.is_empty());
    }

    #[test]
    fn shared_own_vendor_and_missing_numbers() {
        let shared = who(&[john("1", &[])], None, None, Some(KnownNumber::Shared));
        assert_eq!((shared.kind, shared.record), (MatchKind::Ambiguous, None));
        let by_mail =
            who(&[john("1", &[("email", "jo@example.com")])], Some("jo@example.com"), None, Some(KnownNumber::Shared));
        assert_eq!((by_mail.kind, by_mail.record.as_deref()), (MatchKind::Lead, Some("1")));
        assert_eq!(who(&[john("1", &[])], None, None, Some(KnownNumber::Vendor)).kind, MatchKind::Vendor);
        assert_eq!(who(&[john("1", &[])], None, None, Some(KnownNumber::Own)).kind, MatchKind::Anonymous);
        let archived = Record { archived: true, ..john("1", &[]) };
        assert_eq!(who(&[archived], None, None, None).kind, MatchKind::New);
        let mut rules = rules();
        let records = [john("1", &[("email", "jo@example.com")])];
        for raw in ["anonymous", "sip:jo@pbx", "+1 602 555 01"] {
            let caller = phone(raw, "US");
            let facts = MatchFacts {
                phone: &caller,
                known: None,
                email: Some("jo@example.com"),
                name: Some("John Smith"),
                candidates: &records,
                region: "US",
                rules: &rules,
            };
            let found = resolve(&facts);
            assert_eq!((found.kind, &found.record), (MatchKind::Anonymous, &None), "{raw}");
            assert_eq!(found.candidates.len(), 1, "the address still suggests: {found:?}");
        }
        rules.link = BTreeSet::from([MatchKey::Email]);
        rules.suggest = BTreeSet::from([MatchKey::Phone]);
        let caller = phone("+16025550123", "US");
        let base = MatchFacts {
            phone: &caller,
            known: None,
            email: None,
            name: None,
            candidates: &records,
            region: "US",
            rules: &rules,
        };
        let suggested = resolve(&base);
        assert_eq!(
            (suggested.kind, suggested.why.as_str()),
            (MatchKind::Ambiguous, "the contract only suggests a match by phone")
        );
        let several = resolve(&MatchFacts { known: Some(KnownNumber::Shared), ..base });
        assert_eq!(several.why, "several people use this number, so it links nobody by itself");
    }

    /// Which keys count is the contract's to say: what it neither links nor suggests by finds nobody.
    #[test]
    fn a_key_counts_only_where_the_contract_names_it() {
        use MatchKey::{Email, EmailDomain, Phone};
        let caller = phone("+16025550123", "US");
        let found = |link: &[MatchKey], suggest: &[MatchKey], ignored: bool, shared: bool, records: &[Record]| {
            let shared_numbers = if ignored { SharedNumbers::Ignore } else { SharedNumbers::Ask };
            let rules = MatchRules {
                link: link.iter().copied().collect(),
                suggest: suggest.iter().copied().collect(),
                shared_numbers,
                ..rules()
            };
            let facts = MatchFacts {
                phone: &caller,
                known: shared.then_some(KnownNumber::Shared),
                email: Some("mary@example.com"),
                name: None,
                candidates: records,
                region: "US",
                rules: &rules,
            };
            resolve(&facts)
        };
        let by_phone = [john("1", &[])];
        let by_mail = [record("1", &[("email", "mary@example.com")])];
        let by_domain = [record("1", &[("email", "john@example.com")])];
        for (link, suggest, records, kind) in [
            (vec![Phone], vec![], &by_phone, MatchKind::Lead),
            (vec![Email], vec![Phone], &by_phone, MatchKind::Ambiguous),
            (vec![Email], vec![], &by_phone, MatchKind::New),
            (vec![Email], vec![], &by_mail, MatchKind::Lead),
            (vec![Phone], vec![Email], &by_mail, MatchKind::Ambiguous),
            (vec![Phone], vec![], &by_mail, MatchKind::New),
        ] {
            let found = found(&link, &suggest, false, false, records);
            assert_eq!(found.kind, kind, "{link:?} {suggest:?}: {found:?}");
            let seen = usize::from(kind != MatchKind::New);
            assert_eq!(found.candidates.len(), seen, "{link:?} {suggest:?}: {found:?}");
        }
        assert_eq!(found(&[Email], &[EmailDomain], false, false, &by_domain).candidates.len(), 1);
        assert_eq!(found(&[Email], &[], false, false, &by_domain).candidates, []);
        // A number that several people use is asked about, or is no key at all.
        assert_eq!(found(&[Phone], &[], false, true, &by_phone).kind, MatchKind::Ambiguous);
        assert_eq!(found(&[Phone], &[], true, true, &by_phone).kind, MatchKind::New);
        assert_eq!(found(&[Phone], &[], true, false, &by_phone).kind, MatchKind::Lead);
    }

    #[test]
    fn a_lookup_asks_for_every_property_that_tells_who_it_is_or_whose() {
        let properties = PersonProperties::hubspot();
        let all = [
            "phone",
            "mobilephone",
            "email",
            "hs_additional_emails",
            "firstname",
            "lastname",
            "lifecyclestage",
            "hubspot_owner_id",
        ];
        assert_eq!(properties.all(), words(&all));
        let owner = |held: &str| properties.owner_of(&record("1", &[("hubspot_owner_id", held)]));
        assert_eq!((owner("77"), owner(" "), owner("")), (Some("77".to_owned()), None, None));
        assert_eq!(properties.owner_of(&record("1", &[])), None);
    }

    #[test]
    fn names_only_contradict_where_both_say_something() {
        for (said, held, expect) in [
            ("Bob Jones", "Robert Jones", Some(true)),
            ("Mrs. Jones", "Robert Jones", Some(true)),
            ("R. Jones", "Robert Jones", Some(true)),
            ("Jones Robert", "Robert Jones", Some(true)),
            ("Kathy O'Neil", "Catherine ONeil", Some(true)),
            ("Steven", "Maria", Some(false)),
            ("Maria Garcia", "Maria Lopez", Some(false)),
            // One word that agrees is not enough, in either order.
            ("Maria Jones", "Jones Robert", Some(false)),
            ("R. Jones", "Maria Jones", Some(false)),
            // What a name begins with is the name from three letters on.
            ("Max Jones", "Maximilian Jones", Some(true)),
            ("Ma Jones", "Maria Jones", Some(false)),
            // A long word may be misheard in two letters, a short one in one.
            ("Hernandez", "Fernandes", Some(true)),
            ("Lopez", "Lobes", Some(false)),
            ("Maria", "", None),
            ("", "Maria", None),
            ("Maria", "Unknown caller", None),
            ("Schmitt", "Schmidt", Some(true)),
        ] {
            assert_eq!(same_name(said, held), expect, "{said} / {held}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "abc"), distance("abc", "")), (3, 3));
    }

    proptest! {
        #[test]
        fn any_text_is_some_kind_of_phone(raw in any::<String>(), region in "[A-Z]{0,3}") {
            if let Phone::E164 { e164, national, .. } = phone(&raw, &region) {
                prop_assert!(is_e164(&e164) && e164.ends_with(&national));
                prop_assert_eq!(phone(&e164, "US").e164().map(str::to_owned), Some(e164));
            }
        }
        #[test]
        fn any_digits_are_some_kind_of_phone(raw in "[+0-9 ().;ext-]{0,24}", region in prop::sample::select(vec!["US", "DE", "GB", "IT", ""])) {
            if let Phone::E164 { e164, .. } = phone(&raw, region) {
                prop_assert!(is_e164(&e164));
            }
        }
        #[test]
        fn normalising_an_address_twice_is_normalising_it_once(raw in "[ <a-zA-Z0-9.@+-]{0,24}") {
            if let Some(once) = email(&raw) {
                prop_assert_eq!(email(&once), Some(once.clone()));
            }
        }
    }
}
