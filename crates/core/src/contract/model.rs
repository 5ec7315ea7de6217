//! What a contract says, as values.

use super::pilot::Pilot;
use crate::crm::{Object, PropertySpec, PropertyType};
use crate::followup::condition::When;
use crate::identity::PersonProperties;
use crate::money::Money;
use crate::standing::Levels;
use crate::workflow::{Workflow, WorkflowRule};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Thousandths: 0 never, 1000 certain.
pub type Thousandths = u16;

/// `92 %`, `87.5 %`.
pub fn percent(t: Thousandths) -> String {
    if t.is_multiple_of(10) { format!("{} %", t / 10) } else { format!("{}.{} %", t / 10, t % 10) }
}

/// One contract: everything the deciding code may know about what the business wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Its name (`missed-calls`); the version is given by the store when it is applied.
    pub name: String,
    /// Name of the CRM connection it writes to.
    pub crm: String,
    pub autonomy: Autonomy,
    pub retention: Retention,
    /// What call log and task repeat of the caller's words.
    #[serde(default, skip_serializing_if = "Notes::is_summary")]
    pub notes: Notes,
    /// Fields without which an inquiry cannot be closed (F-090).
    pub mandatory: Vec<String>,
    pub eligible: Eligible,
    /// `[match]`: which keys link and which only suggest.
    pub matching: MatchRules,
    /// One clause per field, by the field's name.
    pub fields: BTreeMap<String, FieldRule>,
    pub owner: OwnerRules,
    pub clock: ContractClock,
    /// What a location does differently, by its slug.
    pub locations: BTreeMap<String, LocationRules>,
    pub suppress: Suppress,
    pub page: Page,
    /// `[workflow.<name>]`: the neighbouring workflows; one that is not named is off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workflows: BTreeMap<Workflow, WorkflowRule>,
    /// `[pilot]`: what is decided in writing before anything happens by itself.
    #[serde(default, skip_serializing_if = "Pilot::is_empty")]
    pub pilot: Pilot,
    /// `[[test]]` tables, kept as they are written.
    pub tests: Vec<ContractTest>,
}

/// What call log and task repeat of what was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notes {
    /// How the call ended, and the way to the inquiry: for businesses whose callers say what does not belong in a CRM.
    Plain,
    /// What is known, with the words behind it.
    #[default]
    Summary,
}

impl Notes {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_summary(&self) -> bool {
        *self == Self::Summary
    }
}

/// How much happens without a person. Ordered: each level may do what the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Autonomy {
    /// Records and notifies; nothing is written to the CRM.
    Observe,
    /// Every write waits for a person.
    Suggest,
    /// CRM identity, call log and callback task are made; every other field suggests.
    AutoLowRisk,
    /// Fields are written as their clauses allow.
    Auto,
}

impl Autonomy {
    /// Every level, the lowest first: the steps in which more happens by itself (F-373).
    pub const LADDER: [Self; 4] = [Self::Observe, Self::Suggest, Self::AutoLowRisk, Self::Auto];

    /// The word of contracts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Suggest => "suggest",
            Self::AutoLowRisk => "auto-low-risk",
            Self::Auto => "auto",
        }
    }

    /// The level of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::LADDER.into_iter().find(|level| level.word() == word)
    }

    /// The next step above; the highest has none.
    pub fn next(self) -> Option<Self> {
        Self::LADDER.into_iter().find(|level| *level > self)
    }
}

/// How long words and recordings stay readable; the decision trail stays in each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// Kept for the account's usual time.
    Standard,
    /// Kept until the inquiry is closed.
    Short,
    /// Erased right after the decision.
    Zero,
}

/// Which calls open an inquiry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eligible {
    /// Call categories that open one; the words of [`CATEGORIES`].
    pub categories: Vec<String>,
}

/// How a call can end (DESIGN: category).
pub const CATEGORIES: &[&str] =
    &["ring_no_answer", "voicemail", "abandoned", "busy", "failed_after_form", "ai_answered", "answered"];

/// A key by which a caller may be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchKey {
    /// Exact E.164.
    Phone,
    /// Exact normalised address.
    Email,
    /// Only the part after the @ agrees.
    EmailDomain,
    /// Exact E.164, but several people use that number.
    PhoneShared,
}

/// What happens with a number that several people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedNumbers {
    /// A person picks the match.
    Ask,
    /// The number is not used as a key at all.
    Ignore,
}

/// `[match]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchRules {
    pub link: BTreeSet<MatchKey>,
    pub suggest: BTreeSet<MatchKey>,
    pub shared_numbers: SharedNumbers,
    /// Which CRM properties tell phone, e-mail, name and lifecycle.
    pub properties: PersonProperties,
}

/// The type a field's values must have before they are written (F-081).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    Text,
    /// One of these words, in the order shown to people.
    Choice(Vec<String>),
    /// A plain decimal number.
    Number,
    Money,
    Date,
    DateTime,
    Bool,
    /// E.164.
    Phone,
    Email,
}

impl FieldType {
    /// The word used in contracts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Choice(_) => "choice",
            Self::Number => "number",
            Self::Money => "money",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Bool => "bool",
            Self::Phone => "phone",
            Self::Email => "email",
        }
    }
}

/// Where the true value of a field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// What the caller said.
    Call,
    /// What the CRM already holds.
    Crm,
    /// What a person typed.
    Human,
    /// What Ringback itself decided (owner, due time, next action).
    Decision,
    /// What a provider of data offers.
    Provider,
}

/// What the machine may do with a field (F-098, F-101).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Machine {
    /// Write over values that no person set.
    Update,
    /// Write only where the CRM holds nothing.
    FillEmpty,
    /// Never write; ask a person.
    Suggest,
    /// Not even a suggestion.
    Never,
}

impl Machine {
    /// The word used in contracts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::FillEmpty => "fill_empty",
            Self::Suggest => "suggest",
            Self::Never => "never",
        }
    }
}

/// What is done when a call does not give the value (F-085): never a block, never a half-filled record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// Nothing is written and nobody is told.
    Leave,
    /// The record is made and marked as lacking this field.
    Flag,
    /// This text is written, marked as a default.
    Default(String),
}

/// What taking a write back puts in its place (F-193). What a person has set since is spared whatever stands here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackRule {
    /// What stood there before.
    #[default]
    Previous,
    /// Nothing: the property is emptied.
    Clear,
    /// It stays, and is listed as not taken back.
    Never,
}

impl RollbackRule {
    /// The word used in contracts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::Clear => "clear",
            Self::Never => "never",
        }
    }

    /// Is it what holds where a clause says nothing?
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    fn is_plain(&self) -> bool {
        *self == Self::Previous
    }
}

/// Kinds of field that are never changed silently (F-102 to F-109).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protected {
    AccountOwner,
    OpportunityStage,
    CloseDate,
    ForecastCategory,
    LegalNotes,
    OptOut,
    Pricing,
    Relationship,
}

impl Protected {
    /// All eight.
    pub const ALL: [Self; 8] = [
        Self::AccountOwner,
        Self::OpportunityStage,
        Self::CloseDate,
        Self::ForecastCategory,
        Self::LegalNotes,
        Self::OptOut,
        Self::Pricing,
        Self::Relationship,
    ];
    /// The word used in contracts.
    pub fn word(self) -> &'static str {
        match self {
            Self::AccountOwner => "account_owner",
            Self::OpportunityStage => "opportunity_stage",
            Self::CloseDate => "close_date",
            Self::ForecastCategory => "forecast_category",
            Self::LegalNotes => "legal_notes",
            Self::OptOut => "opt_out",
            Self::Pricing => "pricing",
            Self::Relationship => "relationship",
        }
    }
}

/// The clause of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldRule {
    /// What it means, in words.
    pub means: String,
    /// The claim or decision that feeds it; its own name unless the clause says `from`.
    pub from: String,
    pub object: Object,
    /// The vendor's stable property name.
    pub property: String,
    pub kind: FieldType,
    pub truth: Truth,
    /// One sentence: who wins a conflict and why (F-095).
    pub winner: String,
    pub machine: Machine,
    /// At or above this confidence `machine` applies.
    pub write_at: Thousandths,
    /// At or above this (and below `write_at`) a person is asked; below it nothing happens.
    pub review_at: Thousandths,
    pub on_missing: OnMissing,
    /// A condition under which a person is asked whatever the machine may do otherwise (F-113); the names of [`crate::followup::condition`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_when: Option<When>,
    /// What taking a write back puts in its place.
    #[serde(default, skip_serializing_if = "RollbackRule::is_plain")]
    pub rollback: RollbackRule,
    /// A change could alter accountability, reporting or trust: a person decides (F-110).
    pub accountability: bool,
    /// One of the eight kinds that are never changed silently.
    pub protected: Option<Protected>,
    /// How much may happen by itself with this field, in place of the contract's own level.
    pub autonomy: Option<Autonomy>,
}

impl FieldRule {
    /// `contact.rb_urgency`.
    pub fn target(&self) -> String {
        format!("{}.{}", self.object.as_str(), self.property)
    }
}

/// Whom an owner rule names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OwnerTarget {
    /// `role:phoenix-coordinator`: whoever of that role is on shift.
    Role(String),
    /// `staff:staff_…`: that person.
    Staff(String),
    /// `crm:record_owner`: whoever owns the matched record.
    RecordOwner,
    /// `location:tier1`: whoever of that tier works at the call's location.
    LocationTier(u8),
}

impl FromStr for OwnerTarget {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let named = |name: &str| (!name.trim().is_empty()).then(|| name.trim().to_owned());
        match text.split_once(':') {
            Some(("role", name)) => named(name).map(Self::Role),
            Some(("staff", id)) => named(id).map(Self::Staff),
            Some(("crm", "record_owner")) => Some(Self::RecordOwner),
            Some(("location", "tier1")) => Some(Self::LocationTier(1)),
            Some(("location", "tier2")) => Some(Self::LocationTier(2)),
            Some(("location", "tier3")) => Some(Self::LocationTier(3)),
            _ => None,
        }
        .ok_or_else(|| format!("{text:?} names nobody"))
    }
}

impl fmt::Display for OwnerTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) => write!(f, "role:{name}"),
            Self::Staff(id) => write!(f, "staff:{id}"),
            Self::RecordOwner => f.write_str("crm:record_owner"),
            Self::LocationTier(tier) => write!(f, "location:tier{tier}"),
        }
    }
}

impl TryFrom<String> for OwnerTarget {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<OwnerTarget> for String {
    fn from(target: OwnerTarget) -> Self {
        target.to_string()
    }
}

/// One `[[owner.rule]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRule {
    /// 1 is asked first.
    pub priority: u16,
    /// A condition in the subset of CEL that [`crate::followup::condition`] reads.
    pub when: When,
    pub to: OwnerTarget,
}

/// What happens when two rules of one priority name different people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// A person decides; the location's tier 1 owns it meanwhile.
    Ask,
    /// The rule that stands first in the text.
    First,
}

/// `[owner]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRules {
    pub tie: Tie,
    /// In the order of the text.
    pub rules: Vec<OwnerRule>,
    /// Who owns it when no rule applies.
    pub otherwise: OwnerTarget,
}

/// How long somebody may take, as a contract writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Term {
    /// `5 min`, `2 h`: that many minutes.
    Minutes(u32),
    /// `same day` is 0, `3 days` is 3: the end of that business day.
    BusinessDays(u16),
    /// `next opening` or `next opening + 60 min`: the next opening and that many open minutes.
    NextOpening { plus_minutes: u32 },
}

/// The longest time a term may give, in minutes (30 days).
pub const TERM_MINUTES_MAX: u32 = 30 * 24 * 60;

impl FromStr for Term {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a time such as 5 min, 2 h, same day, 3 days or next opening + 60 min");
        let words: Vec<String> =
            text.to_lowercase().replace('+', " + ").split_whitespace().map(str::to_owned).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let minutes = |n: &str, unit: &str| -> Option<u32> {
            let n: u32 = n.parse().ok()?;
            let minutes = match unit {
                "min" | "minute" | "minutes" => n,
                "h" | "hour" | "hours" => n.checked_mul(60)?,
                _ => return None,
            };
            (minutes <= TERM_MINUTES_MAX).then_some(minutes)
        };
        match words.as_slice() {
            ["same", "day"] => Some(Self::BusinessDays(0)),
            ["next", "opening"] => Some(Self::NextOpening { plus_minutes: 0 }),
            ["next", "opening", "+", n, unit] => minutes(n, unit).map(|m| Self::NextOpening { plus_minutes: m }),
            [n, "day" | "days"] => n.parse().ok().filter(|n| (1..=30).contains(n)).map(Self::BusinessDays),
            [n, unit] => minutes(n, unit).filter(|m| *m > 0).map(Self::Minutes),
            _ => None,
        }
        .ok_or_else(wrong)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minutes(m) => write!(f, "{m} min"),
            Self::BusinessDays(0) => f.write_str("same day"),
            Self::BusinessDays(n) => write!(f, "{n} days"),
            Self::NextOpening { plus_minutes: 0 } => f.write_str("next opening"),
            Self::NextOpening { plus_minutes } => write!(f, "next opening + {plus_minutes} min"),
        }
    }
}

impl TryFrom<String> for Term {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Term> for String {
    fn from(term: Term) -> Self {
        term.to_string()
    }
}

/// Who is told at a step of the escalation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TierTo {
    /// Tier 1, staff of the location.
    Location,
    /// Tier 2.
    Corporate,
    /// Tier 3.
    Specialist,
}

impl TierTo {
    /// 1, 2 or 3, as [`crate::roster::Staff::tier`] counts.
    pub fn number(self) -> u8 {
        match self {
            Self::Location => 1,
            Self::Corporate => 2,
            Self::Specialist => 3,
        }
    }
}

/// One step of the escalation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tier {
    pub to: TierTo,
    /// Minutes after the due time, or after the start where the inquiry escalates at once.
    pub after_minutes: u32,
}

/// `[clock]`: who must be called back how fast (N-01 to N-04). The shortest row that applies wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractClock {
    // Rows by urgency.
    /// By wall time, towards whoever is on call.
    pub emergency: Term,
    pub high: Term,
    pub same_day: Option<Term>,
    pub this_week: Option<Term>,
    pub nurture: Option<Term>,
    // Rows by cohort.
    pub new_lead: Term,
    pub lead: Term,
    pub customer: Term,
    pub vendor: Term,
    /// Takes the place of the cohort's row for a call outside opening hours.
    pub after_hours: Term,
    /// In the order they climb.
    pub tiers: Vec<Tier>,
    /// Minutes after the due time without a touch until the inquiry counts as stale (F-211).
    pub stale_after_minutes: u32,
    /// Handling flags that escalate at once (F-210).
    pub escalate_at_once: BTreeSet<String>,
}

/// What one location does differently.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationRules {
    pub autonomy: Option<Autonomy>,
    pub retention: Option<Retention>,
    /// The whole clock of that location, its own rows laid over the contract's (F-208).
    pub clock: Option<ContractClock>,
}

/// A group that is held back (X-25: sending, enrolment, routing away and ownership change; never record, task or clock).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressClass {
    OptedOut,
    CustomerWithOpenIssue,
    OpenOpportunity,
    StrategicAccount,
    /// Everybody who is a customer already.
    Customer,
    // Who is marked as one by a property of the contact; stricter rules hold for them (F-119).
    Competitor,
    Partner,
    Investor,
    Regulated,
}

/// `[suppress]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppress {
    pub classes: BTreeSet<SuppressClass>,
    /// Which property of a contact marks a strategic account; without it nobody is known to be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategic: Option<Marked>,
    /// Which property of a contact marks the other classes that the CRM has no word of its own for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub marked: BTreeMap<SuppressClass, Marked>,
}

impl Suppress {
    /// What marks a contact as one of that class; `None` where nothing is said, and for classes that need no mark.
    pub fn mark(&self, class: SuppressClass) -> Option<&Marked> {
        if class == SuppressClass::StrategicAccount { self.strategic.as_ref() } else { self.marked.get(&class) }
    }
}

/// A property of a contact and the values of it that count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    pub property: String,
    pub values: Vec<String>,
}

impl Marked {
    /// Does a value of the property count? Several may stand in it, with semicolons between them.
    pub fn counts(&self, held: &str) -> bool {
        held.split(';').any(|one| self.values.iter().any(|v| v.trim().eq_ignore_ascii_case(one.trim())))
    }
}

impl SuppressClass {
    /// Classes that are known only by a property of the contact, which the contract must name.
    pub const MARKED: [Self; 4] = [Self::Competitor, Self::Partner, Self::Investor, Self::Regulated];

    /// The word used in contracts.
    pub fn word(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::CustomerWithOpenIssue => "customer_with_open_issue",
            Self::OpenOpportunity => "open_opportunity",
            Self::StrategicAccount => "strategic_account",
            Self::Customer => "customer",
            Self::Competitor => "competitor",
            Self::Partner => "partner",
            Self::Investor => "investor",
            Self::Regulated => "regulated",
        }
    }
}

/// A moment at which somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageOn {
    /// An inquiry got its owner (F-228).
    Opened,
    /// It climbed a tier.
    Escalated,
    /// Its due time passed without an attempt.
    Breached,
    /// A question waits for a person.
    Review,
}

/// `[page]`: how the owner is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    pub on: BTreeSet<PageOn>,
    /// Send the owner an e-mail.
    pub email: bool,
    /// Name of an outgoing webhook connection.
    pub webhook: Option<String>,
}

/// One `[[test]]`: kept as written, run by `contract test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractTest {
    pub name: String,
    pub given: serde_json::Value,
    pub then: serde_json::Value,
}

/// One line of the mapping, for people (F-079).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// `field.urgency`.
    pub clause: String,
    /// Where it goes: `contact.rb_urgency`.
    pub target: String,
    /// Its type in a word or two.
    pub kind: String,
    /// The whole clause as text to read aloud.
    pub text: String,
}

impl Contract {
    /// A stable name of what it says: SHA-256 in hex over the canonical JSON (keys sorted, no spaces). Comments and the order of
    /// tables in the text do not change it.
    pub fn digest(&self) -> String {
        // A contract holds only maps with text keys, so it always has a JSON form.
        let mut canonical = String::new();
        write_canonical(&serde_json::to_value(self).unwrap_or_default(), &mut canonical);
        crate::identity::hex(&Sha256::digest(canonical.as_bytes()))
    }

    /// The clock that a location's inquiries run by.
    pub fn clock_for(&self, location_slug: &str) -> &ContractClock {
        self.locations.get(location_slug).and_then(|l| l.clock.as_ref()).unwrap_or(&self.clock)
    }

    /// How much may happen by itself at that location, and for that field where one is named. What is said of a location or a field takes the place of
    /// the contract's own level; where both are said, the narrower of the two holds.
    pub fn autonomy_for(&self, location_slug: &str, field: Option<&str>) -> Autonomy {
        self.autonomy_of(location_slug, field.and_then(|f| self.fields.get(f)))
    }

    /// What may happen by itself at a location, and with that clause: the contract's word, and never more than the account's level there.
    pub(crate) fn most(&self, location_slug: &str, rule: Option<&FieldRule>, levels: &Levels) -> Autonomy {
        self.autonomy_of(location_slug, rule).min(levels.at(location_slug))
    }

    /// The same for a clause at hand.
    pub(crate) fn autonomy_of(&self, location_slug: &str, rule: Option<&FieldRule>) -> Autonomy {
        let place = self.locations.get(location_slug).and_then(|l| l.autonomy);
        match (place, rule.and_then(|r| r.autonomy)) {
            (Some(place), Some(clause)) => place.min(clause),
            (one, other) => one.or(other).unwrap_or(self.autonomy),
        }
    }

    /// The most that it lets happen by itself anywhere, with any field.
    pub fn ceiling(&self) -> Autonomy {
        let places = self.locations.values().filter_map(|l| l.autonomy);
        let fields = self.fields.values().filter_map(|f| f.autonomy);
        places.chain(fields).fold(self.autonomy, Autonomy::max)
    }

    /// The retention class of that location's documents.
    pub fn retention_for(&self, location_slug: &str) -> Retention {
        self.locations.get(location_slug).and_then(|l| l.retention).unwrap_or(self.retention)
    }

    /// One sentence that says who wins in that field and why (F-095); `None` for a field without a clause.
    pub fn explain(&self, field: &str) -> Option<String> {
        self.fields.get(field).map(|rule| rule.winner.clone())
    }

    /// Names of facts beyond the plain ones that conditions of this contract ask for: `record.<property>`, `field.<name>`.
    pub fn asked(&self) -> BTreeSet<&str> {
        let conditions =
            self.owner.rules.iter().map(|r| &r.when).chain(self.fields.values().filter_map(|f| f.review_when.as_ref()));
        conditions.flat_map(super::super::followup::condition::When::more).map(String::as_str).collect()
    }

    /// The properties of Ringback's own (`rb_…`) that this contract writes or suggests, to be made when the CRM is set up.
    pub fn own_properties(&self) -> Vec<(Object, PropertySpec)> {
        let own = self.fields.values().filter(|r| r.property.starts_with("rb_") && r.machine != Machine::Never);
        own.map(|rule| {
            let kind = match &rule.kind {
                FieldType::Text | FieldType::Phone | FieldType::Email => PropertyType::Text,
                FieldType::Choice(options) => PropertyType::Choice(options.clone()),
                FieldType::Number | FieldType::Money => PropertyType::Number,
                FieldType::Date => PropertyType::Date,
                FieldType::DateTime => PropertyType::DateTime,
                FieldType::Bool => PropertyType::Bool,
            };
            let words = rule.property.trim_start_matches("rb_").replace('_', " ");
            let spec = PropertySpec {
                name: rule.property.clone(),
                label: format!("Ringback {words}"),
                kind,
                unique: false,
                read_only: false,
                stored_as: None,
            };
            (rule.object, spec)
        })
        .collect()
    }

    /// The mapping as text for people, a line per field, in the order of the names (F-079).
    pub fn sentences(&self) -> Vec<Sentence> {
        self.fields.iter().map(|(name, rule)| sentence(name, rule)).collect()
    }
}

/// JSON with sorted keys and no spaces. Written here because the JSON library keeps keys in order of insertion as soon as any crate of the
/// workspace asks it to, and a digest must not depend on that.
fn write_canonical(value: &serde_json::Value, out: &mut String) {
    let separated = |out: &mut String, first: &mut bool| {
        if !std::mem::take(first) {
            out.push(',');
        }
    };
    let mut first = true;
    match value {
        serde_json::Value::Array(items) => {
            out.push('[');
            for item in items {
                separated(out, &mut first);
                write_canonical(item, out);
            }
            out.push(']');
        }
        serde_json::Value::Object(map) => {
            let sorted: BTreeMap<&String, &serde_json::Value> = map.iter().collect();
            out.push('{');
            for (key, item) in sorted {
                separated(out, &mut first);
                out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(item, out);
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

fn sentence(name: &str, rule: &FieldRule) -> Sentence {
    let kind = match &rule.kind {
        FieldType::Choice(options) => format!("one of {}", options.join(", ")),
        other => other.word().to_owned(),
    };
    let machine = match rule.machine {
        Machine::Update => format!("From {} on the machine updates it", percent(rule.write_at)),
        Machine::FillEmpty => format!("From {} on the machine fills it where it is empty", percent(rule.write_at)),
        Machine::Suggest => "The machine only suggests".to_owned(),
        Machine::Never => "The machine never touches it".to_owned(),
    };
    let doubt = match rule.machine {
        Machine::Never => String::new(),
        Machine::Suggest => format!("; below {} it stays silent", percent(rule.review_at)),
        _ if rule.review_at >= rule.write_at => "; below that nothing happens".to_owned(),
        _ => format!("; from {} on a person is asked; below that nothing happens", percent(rule.review_at)),
    };
    let missing = match &rule.on_missing {
        OnMissing::Leave => "When the call does not say, it is left as it is.".to_owned(),
        OnMissing::Flag => "When the call does not say, the record is made and flagged.".to_owned(),
        OnMissing::Default(text) => format!("When the call does not say, it is set to {text:?}, marked as a default."),
    };
    let asked = rule.review_when.as_ref().map_or_else(String::new, |w| format!(" A person is asked whenever {w}."));
    let undo = match rule.rollback {
        RollbackRule::Previous => "",
        RollbackRule::Clear => " Taking it back empties it.",
        RollbackRule::Never => " It is never taken back by a machine.",
    };
    let care =
        if rule.accountability || rule.protected.is_some() { " A change needs a person's approval." } else { "" };
    let text = format!(
        "{}: goes to {} as {kind}. {} {machine}{doubt}. {missing}{asked}{care}{undo}",
        rule.means.trim_end_matches('.'),
        rule.target(),
        rule.winner,
    );
    Sentence { clause: format!("field.{name}"), target: rule.target(), kind, text }
}

/// A typed value on its way to a CRM property. What is text already is looked at where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'v> {
    Text(Cow<'v, str>),
    /// A word of a closed set.
    Choice(Cow<'v, str>),
    /// A plain decimal number as text: `12`, `-3.5`.
    Number(Cow<'v, str>),
    Money(Money),
    Date(Date),
    DateTime(Timestamp),
    Bool(bool),
    /// E.164.
    Phone(Cow<'v, str>),
    Email(Cow<'v, str>),
}

impl FieldValue<'_> {
    fn word(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Choice(_) => "choice",
            Self::Number(_) => "number",
            Self::Money(_) => "money",
            Self::Date(_) => "date",
            Self::DateTime(_) => "datetime",
            Self::Bool(_) => "bool",
            Self::Phone(_) => "phone",
            Self::Email(_) => "email",
        }
    }
}

/// A value that does not fit its field's type; it is flagged and never forced (F-081).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// `type`, `option`, `currency`, `shape` or `length`.
    pub class: String,
    /// What does not fit, in a sentence without the value itself.
    pub why: String,
}

/// The longest text a property may be given, in characters (HubSpot's own limit for a text property).
pub const TEXT_CHARS_MAX: usize = 65_536;

/// The text a CRM takes for that value in a field of that type. `currency` is the location's: money of another one does not fit, because
/// a bare number in a CRM is read in its own currency. A word of a closed set comes back as the field's own.
pub fn fit<'k>(value: FieldValue<'_>, kind: &'k FieldType, currency: Option<&str>) -> Result<Cow<'k, str>, Mismatch> {
    let mismatch = |class: &str, why: String| Err(Mismatch { class: class.to_owned(), why });
    match (kind, value) {
        (FieldType::Choice(options), FieldValue::Choice(word)) => {
            if let Some(option) = options.iter().find(|o| **o == word) {
                return Ok(Cow::Borrowed(option));
            }
            mismatch("option", format!("{word:?} is none of the options {}", options.join(", ")))
        }
        (FieldType::Number, FieldValue::Number(digits)) => {
            if is_plain_number(&digits) {
                return Ok(owned(digits));
            }
            mismatch("shape", "it is not a plain decimal number".to_owned())
        }
        (FieldType::Money, FieldValue::Money(money)) => match currency {
            Some(currency) if currency != money.currency => {
                mismatch("currency", format!("the amount is in {}, the field is in {currency}", money.currency))
            }
            _ => Ok(money.plain().into()),
        },
        (FieldType::Date, FieldValue::Date(date)) => Ok(date.to_string().into()),
        (FieldType::DateTime, FieldValue::DateTime(at)) => Ok(crate::crm::written_instant(at).into()),
        (FieldType::Bool, FieldValue::Bool(yes)) => Ok(truth(yes).into()),
        (FieldType::Phone, FieldValue::Phone(e164)) => {
            if crate::identity::is_e164(&e164) {
                return Ok(owned(e164));
            }
            mismatch("shape", "it is not a number in international form".to_owned())
        }
        (FieldType::Email, FieldValue::Email(address)) => match crate::identity::email(&address) {
            Some(address) => Ok(address.into()),
            None => mismatch("shape", "it is not an e-mail address".to_owned()),
        },
        // A text field holds every value without loss; the other way round nothing is read out of text here.
        (FieldType::Text, value) => {
            let text = as_text(value);
            if text.len() <= TEXT_CHARS_MAX || text.chars().count() <= TEXT_CHARS_MAX {
                return Ok(text.into());
            }
            mismatch("length", format!("it is longer than {TEXT_CHARS_MAX} characters"))
        }
        (kind, value) => mismatch("type", format!("a {} value does not fit a {} field", value.word(), kind.word())),
    }
}

/// What somebody typed into a field of that type, as a CRM takes it; a phone number may be written as in `region`. The refusal says what to write.
pub fn typed(text: &str, kind: &FieldType, region: &str) -> Result<String, Mismatch> {
    let text = text.trim();
    let shape = |why: &str| Mismatch { class: "shape".to_owned(), why: why.to_owned() };
    let value = match kind {
        FieldType::Text => FieldValue::Text(text.into()),
        FieldType::Choice(_) => FieldValue::Choice(text.into()),
        FieldType::Number | FieldType::Money if is_plain_number(text) => return Ok(text.to_owned()),
        FieldType::Number | FieldType::Money => {
            return Err(shape("it is no plain number; write digits only, such as 2500 or 2500.50"));
        }
        FieldType::Date => {
            let date = text.parse().map_err(|_| shape("it is no day; write it as 2026-03-02"))?;
            FieldValue::Date(date)
        }
        FieldType::DateTime => {
            let at = text.parse().map_err(|_| shape("it is no moment; write it as 2026-03-02T15:00:00Z"))?;
            FieldValue::DateTime(at)
        }
        FieldType::Bool => FieldValue::Bool(text.parse().map_err(|_| shape("it is neither true nor false"))?),
        FieldType::Phone => match crate::identity::phone(text, region) {
            crate::identity::Phone::E164 { e164, .. } => FieldValue::Phone(e164.into()),
            _ => return Err(shape("it is no number that can be called; write it with + and the country's code")),
        },
        FieldType::Email => FieldValue::Email(text.into()),
    };
    fit(value, kind, None).map(Cow::into_owned)
}

fn owned<'k>(text: Cow<'_, str>) -> Cow<'k, str> {
    Cow::Owned(text.into_owned())
}

fn truth(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

fn as_text(value: FieldValue<'_>) -> String {
    match value {
        FieldValue::Text(t)
        | FieldValue::Choice(t)
        | FieldValue::Number(t)
        | FieldValue::Phone(t)
        | FieldValue::Email(t) => t.into_owned(),
        FieldValue::Money(money) => money.to_string(),
        FieldValue::Date(date) => date.to_string(),
        FieldValue::DateTime(at) => at.to_string(),
        FieldValue::Bool(yes) => truth(yes).to_owned(),
    }
}

fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |s: &str| !s.is_empty() && s.len() <= 18 && s.bytes().all(|b| b.is_ascii_digit());
    all(whole) && all(rest)
}
