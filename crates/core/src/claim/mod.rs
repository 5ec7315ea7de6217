//! The reader of callers, by rules: what a transcript says, each value with the words it came from.
//!
//! ```text
//! transcript ──▶ read ──▶ claims, each checked ──▶ contract, review, CRM
//!                    └──▶ rejected claims, each with its reason
//! ```
//!
//! Three laws hold here. No quote, no claim: every value points at the exact words. Nothing is rounded, padded or
//! completed: a spoken number of nine digits is refused, "next Tuesday" that could be two days stays as said. And the
//! same pure [`check`] judges every extractor, this one included, so that a model that makes things up gets no further
//! than rules that misread.
//!
//! One file per kind: `number` and `text` are the ground, `phone`, `email`, `name`, `address`, `when` with `day`, `money` find
//! values, `classify` with its table `cues` finds what the call is about. What is absent on purpose: likely intent
//! (a prior, not a claim), anything about the caller that is not in the words, and every guess.

mod address;
mod check;
mod classify;
mod cues;
mod day;
mod email;
mod money;
mod name;
mod number;
mod phone;
mod service;
mod summary;
mod text;
mod turns;
mod when;
mod words;

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub use check::check;
pub use summary::{Summary, SummarySentence, summary};
pub use turns::heard;

use text::Doc;

/// Name of this extractor in [`Claim::extractor`].
pub const EXTRACTOR: &str = "rules";
/// Raised with every change that can change a reading; recorded decisions name the version that made them.
pub const EXTRACTOR_VERSION: u32 = 1;

/// What the reader may know about the call before it reads.
#[derive(Debug, Clone, Copy)]
pub struct ReadContext<'a> {
    /// Start of the call. "Tomorrow" is the day after it, in `zone`.
    pub anchor: jiff::Timestamp,
    /// Zone of the location that was called.
    pub zone: &'a jiff::tz::TimeZone,
    /// ISO 3166 region of the location, upper case: order of day and month, currency, length of numbers.
    pub region: &'a str,
    /// Caller ID in E.164, when the provider sent one. "Call me at this number" means it.
    pub caller_digits: Option<&'a str>,
}

/// Thousandths, 0 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Confidence(pub u16);

/// Half-open range of Unicode code points in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

/// How an hour was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeMeaning {
    At,
    Before,
    After,
    About,
}

/// A value as the caller gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum ClaimValue {
    /// The caller's own words.
    Text(String),
    /// One of a closed vocabulary (intent, reason_code, urgency, sentiment).
    Choice(String),
    /// Digits as said; `e164` only when they make a complete number of the region.
    Phone {
        digits: String,
        e164: Option<String>,
    },
    Email(String),
    /// `minor` in minor units of the currency (ISO 4217). With `upper_minor` it is a range.
    Money {
        minor: i64,
        currency: String,
        qualifier: Option<String>,
        upper_minor: Option<i64>,
    },
    Date(Date),
    Time {
        at: Time,
        meaning: TimeMeaning,
    },
    /// Local to the location that was called.
    DateTime(DateTime),
    /// A day or hour that was said but leaves a choice; kept as said.
    DateText(String),
    Flag(bool),
}

/// Every field that a reader gives a value of; flags are called `flag.<name>`.
pub const FIELDS: &[&str] = &[
    "callback_number",
    "caller_name",
    "email",
    "address",
    "service",
    "when",
    "amount",
    "budget",
    "intent",
    "reason_code",
    "urgency",
    "sentiment",
    "timeline",
];

/// What kind of conversation a caller can want.
pub const INTENTS: &[&str] = &["support", "booking", "inquiry", "complaint"];

/// Why a caller can have called.
pub const REASON_CODES: &[&str] = &[
    "pricing_question",
    "new_service_request",
    "appointment_booking",
    "appointment_change",
    "cancellation",
    "support_issue",
    "complaint",
    "billing_question",
    "emergency_urgent",
    "information_request",
    "demo_request",
    "wrong_number_spam",
    "other",
];

/// Every handling flag there is: what the reader may raise, a contract may name, and routing and suppression go by.
pub const FLAGS: &[&str] = &[
    "emergency",
    "complaint",
    "high_value",
    "pricing_request",
    "availability_request",
    "existing_customer_issue",
    "vendor",
    "opt_out",
    "competitor",
    "spam",
    "ambiguous_voicemail",
];

impl ClaimValue {
    /// The value in plain words, as a text field or a log line takes it. A complete telephone number in E.164, days and
    /// hours in ISO 8601, money as a decimal number and its currency.
    pub fn text(&self) -> String {
        self.words().into_owned()
    }

    /// The same, where it lies if it is text already.
    pub fn words(&self) -> Cow<'_, str> {
        Cow::Owned(match self {
            ClaimValue::Text(text)
            | ClaimValue::DateText(text)
            | ClaimValue::Choice(text)
            | ClaimValue::Email(text) => return Cow::Borrowed(text),
            ClaimValue::Phone { digits, e164 } => return Cow::Borrowed(e164.as_ref().unwrap_or(digits)),
            ClaimValue::Money { minor, currency, upper_minor, .. } => match upper_minor {
                Some(upper) => format!("{}-{} {currency}", decimal(*minor, currency), decimal(*upper, currency)),
                None => format!("{} {currency}", decimal(*minor, currency)),
            },
            ClaimValue::Date(date) => date.to_string(),
            ClaimValue::Time { at, .. } => at.strftime("%H:%M").to_string(),
            ClaimValue::DateTime(at) => at.strftime("%Y-%m-%dT%H:%M").to_string(),
            ClaimValue::Flag(set) => set.to_string(),
        })
    }
}

/// Minor units as a decimal number, without loss.
fn decimal(minor: i64, currency: &str) -> String {
    if currency == "JPY" || minor % 100 == 0 {
        let unit = if currency == "JPY" { 1 } else { 100 };
        return (minor / unit).to_string();
    }
    format!("{}.{:02}", minor / 100, (minor % 100).abs())
}

/// A value taken from a signal, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// One of [`FIELDS`], or `flag.<name>` of one of [`FLAGS`].
    pub field: String,
    pub value: ClaimValue,
    pub confidence: Confidence,
    /// The sentence the value came from, or the exact words where there is no sentence.
    pub quote: Span,
    /// The exact words of the value.
    pub span: Span,
    pub extractor: String,
    pub extractor_version: u32,
    /// What was said around the value and changes it: "about", "at most", "before", "role:booking".
    pub qualifier: Option<String>,
}

/// Why a claim was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The quote or the span is not in the text, is empty, or the span lies outside the quote.
    NoEvidence,
    /// A telephone number with a number of digits no telephone has.
    WrongDigits,
    /// The words do not say this value.
    NotFollowing,
    /// The field does not take this kind of value, or the choice is not in its vocabulary.
    WrongKind,
}

impl RejectReason {
    /// The word for it in the ledger and in the console's messages.
    pub fn word(self) -> &'static str {
        match self {
            RejectReason::NoEvidence => "no_evidence",
            RejectReason::WrongDigits => "wrong_digits",
            RejectReason::NotFollowing => "not_following",
            RejectReason::WrongKind => "wrong_kind",
        }
    }

    /// The reason of a word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::NoEvidence, Self::WrongDigits, Self::NotFollowing, Self::WrongKind]
            .into_iter()
            .find(|r| r.word() == word)
    }

    /// As people read it.
    pub fn sentence(self) -> &'static str {
        match self {
            RejectReason::NoEvidence => "it was not admitted: the words do not stand in the transcript",
            RejectReason::WrongDigits => "it was not admitted: a number with too few or too many digits",
            RejectReason::NotFollowing => "it was not admitted: the words do not say this value",
            RejectReason::WrongKind => "it was not admitted: not a value this field takes",
        }
    }
}

/// A value that was offered and refused, kept so that a person can see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedClaim {
    pub field: String,
    pub reason: RejectReason,
    /// The words, or what the extractor offered when there are none.
    pub text: String,
    /// Where the words stand, when they stand somewhere.
    pub span: Option<Span>,
}

/// Everything read from one document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub claims: Vec<Claim>,
    pub rejected: Vec<RejectedClaim>,
}

impl Reading {
    /// The first claim of a field.
    pub fn claim(&self, field: &str) -> Option<&Claim> {
        self.claims.iter().find(|c| c.field == field)
    }

    /// Whether a handling flag is set, by its name without `flag.`.
    pub fn flag(&self, name: &str) -> bool {
        self.claims.iter().any(|c| c.field.strip_prefix("flag.") == Some(name))
    }
}

/// A mention of something in the text, whoever it belongs to; wider than the claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// phone, email, person_name, caller_name, address, date, time, datetime, money.
    pub kind: &'static str,
    pub start: u32,
    pub end: u32,
}

/// Reads the transcript of a call: the caller's words alone. A `conversation` that does not say who spoke gives no claim and says so.
pub fn read_call(text: &str, conversation: bool, context: &ReadContext<'_>) -> (Reading, Summary) {
    match heard(text, conversation) {
        Some(heard) => {
            let reading = read(&heard, context);
            let summary = summary(&heard, &reading);
            (reading, summary)
        }
        None => (Reading::default(), summary::unattributed(text)),
    }
}

/// Reads one document. Total: any text gives a reading, an empty one an empty reading.
pub fn read(text: &str, context: &ReadContext<'_>) -> Reading {
    let doc = Doc::new(text);
    let mut taker = Taker { doc: &doc, context, reading: Reading::default() };
    let numbers = phone::find(&doc);
    taker.phones(&numbers);
    taker.number_of_the_call();
    taker.emails();
    taker.names();
    taker.addresses();
    taker.money();
    taker.days(&numbers);
    taker.service();
    taker.choices();
    taker.reading
}

/// All mentions, in text order.
pub fn entities(text: &str, _context: &ReadContext<'_>) -> Vec<Entity> {
    let doc = Doc::new(text);
    let mut out: Vec<(&'static str, std::ops::Range<usize>)> = Vec::new();
    let emails = email::find(&doc);
    out.extend(emails.iter().map(|a| ("email", a.range.clone())));
    out.extend(
        email::incomplete(&doc).into_iter().filter(|r| emails.iter().all(|e| apart(&e.range, r))).map(|r| ("email", r)),
    );
    let streets = address::find(&doc);
    out.extend(streets.iter().map(|s| ("address", s.range.clone())));
    let numbers = phone::find(&doc);
    out.extend(
        numbers
            .iter()
            .filter(|n| streets.iter().all(|s| apart(&s.range, &n.range)))
            .map(|n| ("phone", n.range.clone())),
    );
    let amounts = money::find(&doc);
    out.extend(amounts.iter().map(|a| ("money", a.range.clone())));
    let taken = out.clone();
    let free = |range: &std::ops::Range<usize>| taken.iter().all(|(_, t)| apart(t, range));
    out.extend(money::find_bare(&doc).into_iter().filter(|a| free(&a.range)).map(|a| ("money", a.range)));
    for found in when::find(&doc).into_iter().filter(|f| free(&f.range)) {
        let kind = match found.kind {
            when::WhenKind::Date => "date",
            when::WhenKind::Time => "time",
            when::WhenKind::DateTime => "datetime",
        };
        out.push((kind, found.range));
    }
    for found in name::find(&doc).into_iter().filter(|n| free(&n.range)) {
        out.push((if found.role == name::Role::Caller { "caller_name" } else { "person_name" }, found.range));
    }
    let mut out: Vec<Entity> = out
        .into_iter()
        .map(|(kind, range)| {
            let span = doc.span(&range);
            Entity { kind, start: span.start, end: span.end }
        })
        .collect();
    out.sort_by_key(|e| (e.start, e.end));
    out
}

fn apart(a: &std::ops::Range<usize>, b: &std::ops::Range<usize>) -> bool {
    a.end <= b.start || b.end <= a.start
}

/// Gathers claims; each goes through [`check`] before it is kept.
struct Taker<'d, 'c> {
    doc: &'d Doc<'d>,
    context: &'c ReadContext<'c>,
    reading: Reading,
}

impl Taker<'_, '_> {
    fn offer(
        &mut self,
        field: &str,
        value: ClaimValue,
        confidence: u16,
        range: &std::ops::Range<usize>,
        qualifier: Option<String>,
    ) {
        let quote = self.doc.sentence(range);
        // A value that runs over the end of a sentence is its own quote.
        let quote = if quote.start <= range.start && range.end <= quote.end { quote } else { range.clone() };
        let claim = Claim {
            field: field.to_owned(),
            value,
            confidence: Confidence(confidence.min(1000)),
            quote: self.doc.span(&quote),
            span: self.doc.span(range),
            extractor: EXTRACTOR.to_owned(),
            extractor_version: EXTRACTOR_VERSION,
            qualifier,
        };
        match check(self.doc.text, claim, self.context) {
            Ok(claim) => self.reading.claims.push(claim),
            Err(rejected) => self.reading.rejected.push(rejected),
        }
    }

    fn words(&self, range: &std::ops::Range<usize>) -> String {
        self.doc.text.get(range.clone()).unwrap_or_default().to_owned()
    }

    /// The callback number: the one announced as such, else the last complete one. The same number said twice is one.
    fn phones(&mut self, numbers: &[phone::Number]) {
        let mut taken: Vec<String> = Vec::new();
        for number in numbers.iter().filter(|n| n.cued).chain(numbers.iter().filter(|n| !n.cued)) {
            if taken.contains(&number.digits) {
                continue;
            }
            let (e164, confidence) = match phone::shape(&number.digits, number.plus, self.context.region) {
                phone::Shape::Complete(e164) => (Some(e164), if number.cued { 950 } else { 800 }),
                phone::Shape::Local => (None, 400),
                phone::Shape::Open => (None, 600),
                phone::Shape::Wrong => (None, 0),
            };
            taken.push(number.digits.clone());
            let another = self.reading.claim("callback_number").is_some();
            let qualifier = another.then(|| "another".to_owned());
            let confidence = if another { confidence.min(700) } else { confidence };
            self.offer(
                "callback_number",
                ClaimValue::Phone { digits: number.digits.clone(), e164 },
                confidence,
                &number.range,
                qualifier,
            );
        }
    }

    /// "Call me at this number" means the caller ID, when there is one.
    fn number_of_the_call(&mut self) {
        if let (Some(range), Some(caller)) = (phone::this_number(self.doc), self.context.caller_digits)
            && self.reading.claim("callback_number").is_none()
        {
            let digits = caller.trim_start_matches('+').to_owned();
            let value = ClaimValue::Phone { digits, e164: Some(caller.to_owned()) };
            self.offer("callback_number", value, 900, &range, Some("caller_id".to_owned()));
        }
    }

    fn emails(&mut self) {
        for found in email::find(self.doc).into_iter().filter(|e| e.sure) {
            let spoken = !self.doc.lower_of(&found.range).contains('@');
            let already = self.reading.claims.iter().any(|c| c.value == ClaimValue::Email(found.email.clone()));
            if !already {
                let confidence =
                    if spoken { 650 } else { 950 } - if self.reading.claim("email").is_some() { 100 } else { 0 };
                self.offer("email", ClaimValue::Email(found.email), confidence, &found.range, None);
            }
        }
    }

    /// The caller's own name; a name under which something is booked stands in when the caller gave none.
    fn names(&mut self) {
        let mut names = name::find(self.doc);
        let days = when::find(self.doc);
        names.retain(|n| days.iter().all(|d| apart(&d.range, &n.range)));
        let own = names.iter().filter(|n| n.role == name::Role::Caller).max_by_key(|n| n.weight);
        let booking = || names.iter().filter(|n| n.role == name::Role::Booking).max_by_key(|n| n.weight);
        if let Some(found) = own {
            self.offer("caller_name", ClaimValue::Text(self.words(&found.range)), found.weight, &found.range, None);
        } else if let Some(found) = booking() {
            // Less sure: people book for others.
            let confidence = found.weight.min(600);
            self.offer(
                "caller_name",
                ClaimValue::Text(self.words(&found.range)),
                confidence,
                &found.range,
                Some("role:booking".to_owned()),
            );
        }
    }

    fn addresses(&mut self) {
        if let Some(found) = address::find(self.doc).into_iter().next() {
            let confidence = if found.dictated { 600 } else { 850 };
            self.offer("address", ClaimValue::Text(self.words(&found.range)), confidence, &found.range, None);
        }
    }

    fn money(&mut self) {
        let named = money::find(self.doc);
        let bare: Vec<_> = money::find_bare(self.doc)
            .into_iter()
            .filter(|b| named.iter().all(|n| apart(&n.range, &b.range)))
            .collect();
        for amount in named.iter().chain(&bare) {
            let Some(minor) = amount.minor else { continue };
            let Some(currency) = amount.currency.or_else(|| money::currency_at(&amount.unit, self.context.region))
            else {
                continue;
            };
            let (Some(minor), upper_minor) = (
                money::in_minor_units(minor, currency),
                amount.upper_minor.and_then(|u| money::in_minor_units(u, currency)),
            ) else {
                continue;
            };
            let qualifier = money::qualifier(self.doc, amount).map(str::to_owned);
            let near = self.doc.before(amount.range.start);
            let near = near.get(near.len().saturating_sub(40)..).unwrap_or(near);
            let field = if near.contains("budget") || near.contains("spend") || near.contains("afford") {
                "budget"
            } else {
                "amount"
            };
            let value =
                ClaimValue::Money { minor, currency: currency.to_owned(), qualifier: qualifier.clone(), upper_minor };
            let confidence = if amount.unit.is_empty() { 450 } else { 900 }
                - if self.reading.claim(field).is_some() { 100 } else { 0 };
            self.offer(field, value, confidence, &amount.range, qualifier);
        }
    }

    /// Days and hours the caller wants: those ahead. A day and the hour beside it are one wish.
    fn days(&mut self, numbers: &[phone::Number]) {
        let all = when::find(self.doc);
        let ahead: Vec<_> = all
            .iter()
            .filter(|f| !when::looks_back(self.doc, f) && numbers.iter().all(|n| apart(&n.range, &f.range)))
            .collect();
        let mut skip = false;
        for (i, found) in ahead.iter().enumerate() {
            if std::mem::take(&mut skip) {
                continue;
            }
            let mut range = found.range.clone();
            if let Some(next) = ahead.get(i + 1).filter(|n| when::belongs_together(self.doc, found, n)) {
                let joined = range.start..next.range.end;
                if matches!(day::resolve(&self.words(&joined), self.context), ClaimValue::DateTime(_)) {
                    range = joined;
                    skip = true;
                }
            }
            let meaning = when::meaning(self.doc, &range);
            let value = match day::resolve(&self.words(&range), self.context) {
                ClaimValue::Time { at, .. } => ClaimValue::Time { at, meaning },
                other => other,
            };
            let confidence = if matches!(value, ClaimValue::DateText(_)) { 400 } else { 850 };
            let qualifier = match meaning {
                TimeMeaning::At => None,
                TimeMeaning::Before => Some("before".to_owned()),
                TimeMeaning::After => Some("after".to_owned()),
                TimeMeaning::About => Some("about".to_owned()),
            };
            let vague = matches!(value, ClaimValue::DateText(_)) && when::is_season_or_later(self.doc.lower_of(&range));
            let field = if vague { "timeline" } else { "when" };
            // The first wish said is the surest; later ones are alternatives or corrections for a person to see.
            let confidence = if self.reading.claim(field).is_some() { confidence - 100 } else { confidence };
            self.offer(field, value, confidence, &range, qualifier);
        }
    }

    fn service(&mut self) {
        if let Some((range, confidence)) = service::find(self.doc) {
            self.offer("service", ClaimValue::Text(self.words(&range)), confidence, &range, None);
        }
    }

    fn choices(&mut self) {
        let found = classify::classify(self.doc);
        for (field, choice) in [
            ("reason_code", found.reason),
            ("intent", found.intent),
            ("urgency", found.urgency),
            ("sentiment", found.sentiment),
        ] {
            if let Some(choice) = choice {
                self.offer(field, ClaimValue::Choice(choice.choice.to_owned()), choice.weight, &choice.range, None);
            }
        }
        for flag in found.flags {
            self.offer(&format!("flag.{}", flag.choice), ClaimValue::Flag(true), flag.weight, &flag.range, None);
        }
    }
}

#[cfg(test)]
mod tests;
