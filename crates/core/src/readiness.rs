//! Is an account ready to let a contract do more by itself?
//!
//! Eight guarantees, each with what was seen of it and when; seven things that must stand before anything is scaled up; three that make an account
//! not ready at all; and the [`gate`] that stands on them. What was seen is gathered elsewhere: here it is judged. What nobody knows is *unknown*, and
//! neither green nor red.

pub mod gate;

use crate::contract::{Contract, SuppressClass};
use crate::crm::{Object, PropertySpec, PropertyType};
use crate::roster::Roster;
use crate::standing::Standing;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A proof that is older says nothing about a job that runs every night.
const PROOF_HOURS_MAX: i64 = 50;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    Green,
    Red,
    Unknown,
}

impl Light {
    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Red => "red",
            Self::Unknown => "unknown",
        }
    }
}

/// One line: what is asked, how it stands, by what that is seen, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Counts from 1 within its list.
    pub n: u8,
    pub name: &'static str,
    pub light: Light,
    /// What was seen, as a sentence.
    pub evidence: String,
    /// When it was seen; none: it has no moment of its own.
    pub at: Option<Timestamp>,
    /// Shows it live: a command.
    pub shows: String,
    /// What a person does about it; empty when it is green.
    pub mend: String,
    /// Nothing that this receiver shows can make it known: a person may answer for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub person: bool,
}

/// A run of a contract in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    pub connection: String,
    /// Of the fields that the contract writes, as that CRM had them ([`schema_digest`]).
    pub schema_digest: String,
    pub at: Timestamp,
    /// Everything was written and read back, and taken away again.
    pub ok: bool,
    /// Records of the one person it wrote, after the answer of a successful write was dropped.
    pub records: u32,
    pub sentence: String,
}

/// A written value that was followed back to its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Object, record and property, as `ringback trace` takes them.
    pub record: String,
    /// The sentence, or where the trail breaks off.
    pub found: Result<String, String>,
}

/// The last proof of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    pub day: String,
    pub made_at: Timestamp,
    /// Its figures as a sentence.
    pub sentence: String,
    /// Calls it could not prove.
    pub findings: u64,
}

/// Everything that is known of an account at one moment.
#[derive(Debug)]
pub struct Seen<'a> {
    pub now: Timestamp,
    /// Name, version and when it came into force; none: no contract was applied.
    pub contract: Option<(&'a Contract, u32, Timestamp)>,
    pub roster: &'a Roster,
    pub standing: &'a Standing,
    /// Of the live CRM, and when it was read; `Err`: why it is not known.
    pub schema: Result<(String, Timestamp), String>,
    /// The latest run of that schema, else the latest of all.
    pub tried: Option<Tried>,
    /// A random written value; none: nothing was written yet.
    pub traced: Option<Traced>,
    /// Kinds of failure in the runbook, how many of them are whole, and what it says is so now.
    pub runbook: (usize, usize, Vec<String>),
    pub proved: Option<Proved>,
    /// When the account was made.
    pub since: Timestamp,
    /// The receiver confirms what it wrote by messages of its own and shows no schema.
    pub confirms: bool,
    /// Connections by which a phone system's own log can be had.
    pub logs: Vec<String>,
    /// The connection that leads to a sandbox, if one is known.
    pub sandbox: Option<String>,
    /// The contract maps other fields than the one in force, which alone can be tried.
    pub maps_others: bool,
}

/// The eight guarantees (F-354 to F-362).
pub fn guarantees(seen: &Seen<'_>) -> Vec<Line> {
    let lines = [
        mapping(seen),
        conflicts(seen),
        idempotent(seen),
        trail(seen),
        runbook(seen),
        reconciled(seen),
        truth(seen),
        tried(seen),
    ];
    lines.into_iter().zip(1u8..).map(|(line, n)| Line { n, ..line }).collect()
}

fn line(name: &'static str, light: Light, evidence: impl Into<String>, shows: &str, mend: &str) -> Line {
    let mend = if light == Light::Green { String::new() } else { mend.to_owned() };
    Line { n: 0, name, light, evidence: evidence.into(), at: None, shows: shows.to_owned(), mend, person: false }
}

const NO_CONTRACT: &str = "no contract was applied";
const APPLY: &str = "ringback contract apply contract.toml";

fn mapping(seen: &Seen<'_>) -> Line {
    let name = "A field-mapping document exists";
    let shows = "ringback contract export";
    let Some((contract, version, at)) = seen.contract else { return line(name, Light::Red, NO_CONTRACT, shows, APPLY) };
    let paused: Vec<&str> = seen.standing.pauses.iter().map(|p| p.clause.as_str()).collect();
    let evidence = format!("{} version {version} maps {} fields", contract.name, contract.fields.len());
    let told = match paused.as_slice() {
        _ if contract.fields.is_empty() => {
            line(name, Light::Red, format!("{evidence}: nothing is mapped"), shows, APPLY)
        }
        [] => line(name, Light::Green, evidence, shows, ""),
        some => {
            let evidence = format!("{evidence}; the CRM does not have what {} name any more", some.join(", "));
            line(name, Light::Red, evidence, shows, "ringback contract paused")
        }
    };
    Line { at: Some(at), ..told }
}

fn conflicts(seen: &Seen<'_>) -> Line {
    let name = "Conflicts are declared per field";
    let shows = "ringback contract explain";
    let Some((contract, ..)) = seen.contract else { return line(name, Light::Red, NO_CONTRACT, shows, APPLY) };
    let silent: Vec<&str> =
        contract.fields.iter().filter(|(_, r)| r.winner.trim().is_empty()).map(|(name, _)| name.as_str()).collect();
    if silent.is_empty() {
        let one = contract
            .fields
            .iter()
            .next()
            .map_or_else(String::new, |(f, r)| format!(", for example {f}: “{}”", r.winner));
        return line(
            name,
            Light::Green,
            format!("all {} fields say in a sentence who wins{one}", contract.fields.len()),
            shows,
            "",
        );
    }
    let evidence =
        format!("{} of {} fields do not say who wins: {}", silent.len(), contract.fields.len(), silent.join(", "));
    line(name, Light::Red, evidence, shows, "write winner = \"…\" in each of these clauses and apply the contract")
}

/// How a run in the sandbox is made. It names no connection that the business works with, and does not say for anybody that it may be written to.
fn try_command(seen: &Seen<'_>) -> String {
    format!("ringback contract try --connection {}", seen.sandbox.as_deref().unwrap_or("YOUR-SANDBOX"))
}

fn idempotent(seen: &Seen<'_>) -> Line {
    let name = "A write whose answer is lost makes one record";
    let mend = try_command(seen);
    let told = match &seen.tried {
        Some(t) if t.records == 1 => line(name, Light::Green, t.sentence.clone(), &mend, ""),
        Some(t) if t.records > 1 => {
            line(name, Light::Red, format!("{} records were there: {}", t.records, t.sentence), &mend, &mend)
        }
        Some(t) => {
            line(name, Light::Unknown, format!("it was tried and could not be judged: {}", t.sentence), &mend, &mend)
        }
        None if seen.confirms => Line {
            person: true,
            ..line(
                name,
                Light::Unknown,
                "the receiver cannot be asked what it holds; each message carries a key, and `ringback drill --crm hook` shows how it is used",
                "ringback drill --crm hook",
                "make the receiver keep one record for one key",
            )
        },
        None => line(name, Light::Unknown, "it was not tried in a sandbox of this CRM yet", &mend, &mend),
    };
    Line { at: seen.tried.as_ref().map(|t| t.at), ..told }
}

fn trail(seen: &Seen<'_>) -> Line {
    let name = "Every value has a trail back to its call";
    match &seen.traced {
        None => line(
            name,
            Light::Unknown,
            "nothing was written yet",
            "ringback trace OBJECT RECORD FIELD",
            "take a call, then ask again",
        ),
        Some(Traced { record, found: Ok(sentence) }) => Line {
            at: Some(seen.now),
            ..line(name, Light::Green, format!("{record}: {sentence}"), &format!("ringback trace {record}"), "")
        },
        Some(Traced { record, found: Err(why) }) => Line {
            at: Some(seen.now),
            ..line(name, Light::Red, format!("{record}: {why}"), &format!("ringback trace {record}"), "ringback verify")
        },
    }
}

fn runbook(seen: &Seen<'_>) -> Line {
    let name = "A runbook says what happens when a sync fails";
    let (all, whole, now) = &seen.runbook;
    let state =
        if now.is_empty() { "nothing of it is so now".to_owned() } else { format!("so now: {}", now.join(", ")) };
    let light = if all == whole && *all > 0 { Light::Green } else { Light::Red };
    let evidence =
        format!("{whole} of {all} kinds of failure have their steps, with the values of this moment; {state}");
    Line {
        at: Some(seen.now),
        ..line(name, light, evidence, "ringback runbook", "report this: the runbook belongs to the program")
    }
}

fn reconciled(seen: &Seen<'_>) -> Line {
    let name = "A reconciliation job compares every day";
    let shows = "ringback proof make";
    let hours = |from: Timestamp| seen.now.duration_since(from).as_hours();
    let late = |from: Timestamp| seen.now.duration_since(from) > SignedDuration::from_hours(PROOF_HOURS_MAX);
    match &seen.proved {
        Some(p) if late(p.made_at) => {
            let evidence =
                format!("the last proof is of {} and was made {} hours ago: {}", p.day, hours(p.made_at), p.sentence);
            Line {
                at: Some(p.made_at),
                ..line(name, Light::Red, evidence, shows, "see that `ringback serve` runs; then `ringback proof make`")
            }
        }
        Some(p) => {
            let open = match p.findings {
                0 => String::new(),
                n => format!("; {n} findings are named with the command that mends each"),
            };
            let evidence = format!("{}: {}{open}", p.day, p.sentence);
            Line { at: Some(p.made_at), ..line(name, Light::Green, evidence, shows, "") }
        }
        None if !late(seen.since) => {
            line(name, Light::Unknown, "it runs every night, and there was none yet", shows, shows)
        }
        None => line(
            name,
            Light::Red,
            "no day was proven since the account was made",
            shows,
            "see that `ringback serve` runs; then `ringback proof make`",
        ),
    }
}

fn truth(seen: &Seen<'_>) -> Line {
    let name = "One source of truth per field";
    let shows = "ringback contract export --format csv";
    let Some((contract, ..)) = seen.contract else { return line(name, Light::Red, NO_CONTRACT, shows, APPLY) };
    let mut by: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for rule in contract.fields.values() {
        let word =
            serde_json::to_value(rule.truth).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        *by.entry(word).or_default() += 1;
    }
    let list: Vec<String> = by.iter().map(|(word, n)| format!("{word} {n}")).collect();
    let light = if contract.fields.is_empty() { Light::Red } else { Light::Green };
    line(name, light, format!("each of {} fields names one: {}", contract.fields.len(), list.join(", ")), shows, APPLY)
}

fn tried(seen: &Seen<'_>) -> Line {
    let name = "Tested in a sandbox against the real schema";
    let mend = try_command(seen);
    if seen.confirms {
        let evidence = "a receiver of messages shows no schema to compare with";
        let mend = "send messages to a receiver of your own that is not the live one, and look what it makes of them";
        return Line { person: true, ..line(name, Light::Unknown, evidence, "ringback drill --crm hook", mend) };
    }
    if seen.maps_others {
        let evidence = "this version maps other fields than the one in force, which alone can be tried";
        let cure = format!("apply it with the level that holds now, then `{mend}`, then `ringback contract level`");
        return line(name, Light::Red, evidence, &mend, &cure);
    }
    let told = match (&seen.schema, &seen.tried) {
        (_, None) => line(name, Light::Red, "no run in a sandbox against this schema is stored", &mend, &mend),
        (_, Some(t)) if !t.ok => {
            line(name, Light::Red, format!("the last run did not end well: {}", t.sentence), &mend, &mend)
        }
        (Err(why), Some(t)) => line(
            name,
            Light::Unknown,
            format!("the CRM's own schema is not known: {why}; {}", t.sentence),
            &mend,
            "ringback doctor",
        ),
        (Ok((live, _)), Some(t)) if *live == t.schema_digest => line(
            name,
            Light::Green,
            format!("in {}, whose mapped fields are those of the live CRM: {}", t.connection, t.sentence),
            &mend,
            "",
        ),
        (Ok(_), Some(t)) => {
            let evidence =
                format!("the mapped fields of the live CRM are not those that were tried in {}", t.connection);
            line(name, Light::Red, evidence, &mend, &mend)
        }
    };
    Line { at: seen.tried.as_ref().map(|t| t.at), ..told }
}

/// The seven things that must stand before anything is scaled up (F-126).
pub fn minimum(seen: &Seen<'_>) -> Vec<Line> {
    let contract = seen.contract.map(|(contract, ..)| contract);
    let has = |class: SuppressClass| contract.is_some_and(|c| c.suppress.classes.contains(&class));
    let light = |holds: bool| if holds { Light::Green } else { Light::Red };
    let shows = "ringback contract show";
    let opted = has(SuppressClass::OptedOut);
    let open = has(SuppressClass::CustomerWithOpenIssue) && has(SuppressClass::OpenOpportunity);
    let marked = contract.and_then(|c| c.suppress.strategic.as_ref());
    let strategic = has(SuppressClass::StrategicAccount) && marked.is_some();
    let keys = contract.map_or(0, |c| c.matching.link.len());
    let trail = seen.traced.as_ref().map(|t| t.found.is_ok());
    let stamped = !seen.standing.pauses.iter().any(|p| p.to.ends_with(".rb_version"));
    let previous = match trail {
        Some(true) => Light::Green,
        Some(false) => Light::Red,
        None => Light::Unknown,
    };
    let classes =
        "list opted_out, customer_with_open_issue, open_opportunity and strategic_account under [suppress] classes";
    let lines = [
        line(
            "Opt-out suppression",
            light(opted),
            if opted {
                "who opted out is held back from everything that reaches them"
            } else {
                "[suppress] does not list opted_out"
            },
            shows,
            classes,
        ),
        line(
            "Customer and open-opportunity suppression",
            light(open),
            if open { "both classes are listed" } else { "[suppress] does not list both" },
            shows,
            classes,
        ),
        line(
            "Duplicate checks",
            light(keys > 0),
            format!("nothing is made before it was looked for by {keys} keys; of several records a person picks"),
            shows,
            APPLY,
        ),
        line(
            "Strategic-account approval",
            light(strategic),
            match marked {
                Some(marked) if strategic => format!("{} marks them, and a person approves", marked.property),
                _ => "nothing says which contacts are strategic".to_owned(),
            },
            shows,
            "write strategic = { property = \"…\", values = [\"…\"] } under [suppress]",
        ),
        line("Sender safety", Light::Green, "nothing is sent to callers: only your staff is told", shows, ""),
        line(
            "Workflow version tracking",
            light(contract.is_some() && stamped),
            "every record and every ledger entry names contract and version",
            "ringback contract show",
            "ringback contract paused",
        ),
        line(
            "Previous values",
            previous,
            "what stood there before is kept with every write",
            "ringback audit export",
            "take a call, then ask again",
        ),
    ];
    lines.into_iter().zip(1u8..).map(|(line, n)| Line { n, ..line }).collect()
}

/// What makes an account not ready at all (F-368).
pub fn not_ready(seen: &Seen<'_>) -> Vec<Line> {
    let logs = !seen.logs.is_empty();
    let alone: Vec<&str> = seen
        .roster
        .locations
        .iter()
        .filter(|l| {
            !seen.roster.staff.iter().any(|s| s.tier == 1 && (s.locations.is_empty() || s.locations.contains(&l.id)))
        })
        .map(|l| l.name.as_str())
        .collect();
    let light = |holds: bool| if holds { Light::Green } else { Light::Red };
    let owned = alone.is_empty() && !seen.roster.locations.is_empty();
    let lines = [
        line(
            "Call logs can be exported",
            light(logs),
            if logs {
                format!("by {}", seen.logs.join(", "))
            } else {
                "no connection can give the phone system's own list".to_owned()
            },
            "ringback reconcile --since 24h",
            "add an [[account.connection]] of vendor callrail, twilio or phone-log",
        ),
        line(
            "Somebody owns callback disposition",
            light(owned),
            match alone.as_slice() {
                [] if owned => "every location has somebody of tier 1".to_owned(),
                [] => "there is no location".to_owned(),
                some => format!("nobody of tier 1 works at {}", some.join(", ")),
            },
            "ringback config show",
            "add an [[account.staff]] of tier 1",
        ),
        line(
            "SMS consent can be verified",
            Light::Green,
            "no text is sent to callers, so none needs a consent",
            "ringback contract show",
            "",
        ),
    ];
    lines.into_iter().zip(1u8..).map(|(line, n)| Line { n, ..line }).collect()
}

/// Everything about an account's readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    pub guarantees: Vec<Line>,
    pub minimum: Vec<Line>,
    pub not_ready: Vec<Line>,
    /// What has to be decided in writing before a pilot (F-369, F-121).
    pub decided: Vec<Line>,
}

impl Readiness {
    /// Judges what was seen.
    pub fn of(seen: &Seen<'_>) -> Self {
        Self {
            guarantees: guarantees(seen),
            minimum: minimum(seen),
            not_ready: not_ready(seen),
            decided: decided(seen),
        }
    }

    /// The guarantees that are red.
    pub fn red(&self) -> usize {
        self.guarantees.iter().filter(|line| line.light == Light::Red).count()
    }
}

/// The decisions that a pilot stands on, as the contract has them.
pub fn decided(seen: &Seen<'_>) -> Vec<Line> {
    let Some((contract, ..)) = seen.contract else { return Vec::new() };
    let told = |item: crate::contract::pilot::Item| {
        let shows = "ringback contract check";
        match item.written {
            Ok(written) => line(item.about, Light::Green, written, shows, ""),
            Err(cure) => line(item.about, Light::Red, format!("{} is not written", item.clause), shows, &cure),
        }
    };
    let lines = crate::contract::pilot::items(contract).into_iter().map(told);
    lines.zip(1u8..).map(|(line, n)| Line { n, ..line }).collect()
}

/// A stable name of what a CRM has of the fields that a contract writes: their types and options, and nothing else of its schema.
pub fn schema_digest(contract: &Contract, schema: &[(Object, PropertySpec)]) -> String {
    let mut lines: Vec<String> = contract
        .fields
        .values()
        .map(|rule| {
            let held = schema.iter().find(|(o, s)| *o == rule.object && s.name == rule.property).map(|(_, s)| s);
            let kind = held.map_or_else(|| "absent".to_owned(), |spec| kind_text(&spec.kind, spec.read_only));
            format!("{} {kind}", rule.target())
        })
        .collect();
    lines.sort();
    crate::identity::hex(&<sha2::Sha256 as sha2::Digest>::digest(lines.join("\n").as_bytes()))
}

fn kind_text(kind: &PropertyType, read_only: bool) -> String {
    let kind = match kind {
        PropertyType::Text => "text".to_owned(),
        PropertyType::Number => "number".to_owned(),
        PropertyType::Date => "date".to_owned(),
        PropertyType::DateTime => "datetime".to_owned(),
        PropertyType::Bool => "bool".to_owned(),
        PropertyType::Choice(options) => {
            let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
            options.sort_unstable();
            format!("choice {}", options.join("|"))
        }
        PropertyType::Other(word) => format!("other {word}"),
    };
    if read_only { format!("{kind}, read only") } else { kind }
}

#[cfg(test)]
mod tests;
