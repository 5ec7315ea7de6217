//! The eight neighbouring workflows: what they are, as data, and what each wishes for, as one pure function each.
//!
//! A workflow is off until a contract switches it on, and begins at the level *suggest*. It writes nothing by itself: it turns a trigger, a
//! record and the offers that are held into *wishes*, and a wish goes through [`crate::decide`] as every other value does. No clause, no
//! write; what a person set stands; suppression holds; a value names its provider in place of a quote. What its control rule keeps for
//! people is asked, whatever level it has, and what it must not do at all is set aside with the reason.
//!
//! Inbound ones hang on the inquiry of a caller. The others have an inquiry of their own, one for each workflow and record, which nobody has
//! to call back: it has no clock, no tiers, no pages and no place in the queue. No owner rule reads an offer, so that no enrichment moves a
//! record from one person to another (F-132).

mod who;
mod wishes;

pub(crate) use who::{matched, others};

use crate::contract::{Autonomy, Thousandths, percent};
use crate::inquiry::{Facts, Inquiry};
use crate::offer::Subject;
use crate::plan::Source;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One of the eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workflow {
    InboundQualification,
    HotLeadRouting,
    OutboundCreation,
    OutboundResearch,
    FollowUp,
    Lifecycle,
    DuplicateCleanup,
    DormantReactivation,
}

/// What is true of a workflow, as data: the row of the automation map.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub workflow: Workflow,
    /// The word in contracts.
    pub word: &'static str,
    pub title: &'static str,
    /// What starts it.
    pub trigger: &'static str,
    /// What it may wish for.
    pub may: &'static str,
    /// What it must never do by itself.
    pub control: &'static str,
    /// When a person takes over.
    pub handoff: &'static str,
    /// The event of an offer that it begins with; `None` for those that begin with a caller's inquiry only.
    pub event: Option<&'static str>,
    /// It hangs on the inquiry of a caller.
    pub inbound: bool,
    /// Values that it makes itself, beside those that are offered: `workflow.brief`.
    pub outputs: &'static [&'static str],
}

/// The event of offers about callers who wait for a call back.
pub const ENRICHED: &str = "enriched";
/// What stands before the name of an offered value in a clause's `from`.
pub const OFFERED: &str = "offer.";
/// What stands before the name of a value that a workflow makes.
pub const MADE: &str = "workflow.";

static ALL: [About; 8] = [
    About {
        workflow: Workflow::InboundQualification,
        word: "inbound_qualification",
        title: "Inbound qualification",
        trigger: "a caller waits for a call back and a provider offers something about them",
        may: "offered values into the clauses it names",
        control: "by itself only if identity and source are clear",
        handoff: "an unclear or a sensitive caller",
        event: Some(ENRICHED),
        inbound: true,
        outputs: &[],
    },
    About {
        workflow: Workflow::HotLeadRouting,
        word: "hot_lead_routing",
        title: "Hot-lead routing",
        trigger: "a caller is urgent, or a provider's score reaches the threshold",
        may: "recommend another owner than the record has; clock and task go on meanwhile",
        control: "the routing table names the owner; no record is given away silently",
        handoff: "always: whoever decides owners chooses",
        event: Some(ENRICHED),
        inbound: true,
        outputs: &[],
    },
    About {
        workflow: Workflow::OutboundCreation,
        word: "outbound_creation",
        title: "Outbound creation",
        trigger: "a provider offers a prospect",
        may: "a contact with the offered values",
        control: "only if nobody in the CRM has that number or address; a sample is approved first",
        handoff: "several records, or keys that disagree",
        event: Some("prospect"),
        inbound: false,
        outputs: &[],
    },
    About {
        workflow: Workflow::OutboundResearch,
        word: "outbound_research",
        title: "Outbound research",
        trigger: "a provider's fit score reaches the threshold",
        may: "a brief, made of cited offers alone",
        control: "nothing that no provider has said",
        handoff: "strategic or sensitive accounts",
        event: Some("fit"),
        inbound: false,
        outputs: &["brief"],
    },
    About {
        workflow: Workflow::FollowUp,
        word: "follow_up",
        title: "Follow-up",
        trigger: "call backs reached nobody, or a provider tells that nobody replied",
        may: "the draft of a next step; nothing is sent",
        control: "nothing for whoever is suppressed or whose address is not safe",
        handoff: "every message is a person's",
        event: Some("no-reply"),
        inbound: true,
        outputs: &["next_step"],
    },
    About {
        workflow: Workflow::Lifecycle,
        word: "lifecycle",
        title: "Lifecycle recommendation",
        trigger: "a provider tells activity with a score",
        may: "recommend a stage with its reason",
        control: "a person changes the stage, whatever the level; never backwards",
        handoff: "always",
        event: Some("activity"),
        inbound: false,
        outputs: &["stage", "stage_reason"],
    },
    About {
        workflow: Workflow::DuplicateCleanup,
        word: "duplicate_cleanup",
        title: "Duplicate clean-up",
        trigger: "a provider tells that a record is like another",
        may: "flag the record, and ask which one stays, with the keys that agree and disagree",
        control: "flags by itself only on the same e-mail address; nothing is ever merged",
        handoff: "merging is done by people in the CRM",
        event: Some("similar"),
        inbound: false,
        outputs: &["duplicate_of"],
    },
    About {
        workflow: Workflow::DormantReactivation,
        word: "dormant_reactivation",
        title: "Dormant reactivation",
        trigger: "a provider tells that a record saw no activity for the set time",
        may: "propose an angle; nothing is sent",
        control: "nothing for customers, open opportunities and whoever opted out",
        handoff: "always: the account's owner decides",
        event: Some("inactive"),
        inbound: false,
        outputs: &["reactivation"],
    },
];

impl Workflow {
    /// All eight, with what is true of them.
    pub fn all() -> &'static [About] {
        &ALL
    }

    /// What is true of this one.
    pub fn about(self) -> &'static About {
        // Every variant has its row, as a test shows; the first stands in for one that had none.
        ALL.iter().find(|a| a.workflow == self).unwrap_or(&ALL[0])
    }

    /// The word in contracts, tables and the ledger.
    pub fn word(self) -> &'static str {
        self.about().word
    }

    /// Those that an event of offers concerns.
    pub fn of_event(event: &str) -> impl Iterator<Item = Self> {
        ALL.iter().filter(move |a| a.event == Some(event)).map(|a| a.workflow)
    }

    /// Names of values that a clause of this workflow may be fed from: everything offered, and what it makes itself.
    pub fn feeds(self, from: &str) -> bool {
        from.starts_with(OFFERED) || from.strip_prefix(MADE).is_some_and(|name| self.about().outputs.contains(&name))
    }
}

/// Is a clause with that `from` fed by workflows alone?
pub fn fed_by_workflows(from: &str) -> bool {
    from.starts_with(OFFERED) || from.starts_with(MADE)
}

/// `[workflow.<name>]`: the switch, the level and the few figures of one workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRule {
    pub on: bool,
    /// How much happens by itself; never more than the contract's own level.
    pub level: Autonomy,
    /// The clauses that it may feed, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// From this score on it acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_at: Option<Thousandths>,
    /// So many of a provider's prospects are approved by people before any is made without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<u16>,
    /// After so many call backs that reached nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_unanswered: Option<u16>,
    /// After so many days without activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactive_days: Option<u16>,
    /// Stages in the CRM's words with the score from which each is recommended, rising.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<(Thousandths, String)>,
}

/// What an inquiry began with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Origin {
    /// A caller's call: somebody has to call back.
    #[default]
    Calls,
    /// A workflow took a record up. Nobody has to call back.
    Workflow { workflow: Workflow, subject: Subject },
}

impl Origin {
    pub(crate) fn is_calls(&self) -> bool {
        *self == Self::Calls
    }
}

/// A value that a workflow would like to see in the CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) workflow: Workflow,
    pub(crate) level: Autonomy,
    pub(crate) value: String,
    /// Thousandths.
    pub(crate) confidence: u16,
    pub(crate) source: Source,
    /// Why its control rule has a person asked: a stable word and a sentence.
    pub(crate) asks: Option<(&'static str, String)>,
}

/// What the workflows make of an inquiry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Weighed {
    /// By the name of the clause.
    pub(crate) wishes: BTreeMap<String, Wish>,
    /// What a workflow does not take up, and why.
    pub(crate) aside: BTreeMap<Workflow, String>,
}

/// What every workflow that is on wishes for in this inquiry. Where two feed one clause, the first in the order of the map does.
pub(crate) fn weigh(inquiry: &Inquiry, facts: &Facts<'_>) -> Weighed {
    let mut weighed = Weighed::default();
    for (workflow, rule) in facts.contract.workflows.iter().filter(|(w, rule)| rule.on && concerns(**w, inquiry)) {
        let values = match wishes::of(*workflow, &wishes::Case { inquiry, facts, rule }) {
            Ok(values) => values,
            Err(why) => {
                weighed.aside.insert(*workflow, why);
                continue;
            }
        };
        for name in &rule.fields {
            let Some(value) = facts.contract.fields.get(name).and_then(|clause| values.get(&clause.from)) else {
                continue;
            };
            weighed.wishes.entry(name.clone()).or_insert_with(|| Wish {
                workflow: *workflow,
                level: rule.level,
                value: value.value.clone(),
                confidence: value.confidence,
                source: value.source.clone(),
                asks: value.asks.clone(),
            });
        }
    }
    weighed
}

/// Inbound and outbound ones never run in each other's place (F-131).
fn concerns(workflow: Workflow, inquiry: &Inquiry) -> bool {
    match inquiry.workflow() {
        Some(own) => own == workflow,
        None => workflow.about().inbound,
    }
}

/// The workflow that asks about a clause in this inquiry.
pub(crate) fn asking(inquiry: &Inquiry, facts: &Facts<'_>, field: &str) -> Option<Workflow> {
    let feeds = |(workflow, rule): (&Workflow, &WorkflowRule)| {
        (rule.on && concerns(*workflow, inquiry) && rule.fields.iter().any(|f| f == field)).then_some(*workflow)
    };
    facts.contract.workflows.iter().find_map(feeds)
}

/// The recommendation of another owner for a hot lead: the sentence, and whom to choose from. The clock runs meanwhile, and nothing is
/// given away before somebody chose (F-133).
pub(crate) fn owner_question(inquiry: &Inquiry, facts: &Facts<'_>) -> Option<(String, Vec<(String, String)>)> {
    let rule = facts.contract.workflows.get(&Workflow::HotLeadRouting).filter(|r| r.on && inquiry.open())?;
    let score = wishes::score(inquiry, &["score", "fit"]).filter(|s| *s >= rule.score_at.unwrap_or(HOT_AT));
    let hot = match score {
        _ if inquiry.urgent() => format!("the caller's need is {}", inquiry.urgency()),
        Some(score) => format!("a provider scores it {}", percent(score)),
        None => return None,
    };
    let owner = inquiry.owner.as_ref().filter(|o| !o.by_person)?;
    let (_, words) = facts.crm?;
    let held = inquiry.contact.as_ref()?.record_held.properties.get(words.contact_owner)?;
    let holder = facts.roster.staff.iter().find(|s| s.crm_owner.as_ref() == Some(held))?;
    if holder.id == owner.staff {
        return None;
    }
    let care =
        crate::decide::ownership_held(inquiry, facts).map_or_else(String::new, |why| format!(", and it is {why}"));
    let why = format!(
        "hot lead ({hot}): the routing table names {} ({}), the record is {}'s{care}; the clock runs, and nothing is given away before somebody \
         chooses",
        owner.name, owner.why, holder.name
    );
    let choice = |id: &crate::id::StaffId, name: &str| (id.as_str().to_owned(), name.to_owned());
    Some((why, vec![choice(&owner.staff, &owner.name), choice(&holder.id, &holder.name)]))
}

/// The score from which a lead is hot, unless the contract says another.
pub const HOT_AT: Thousandths = 800;
/// The fit from which a prospect is researched, unless the contract says another.
pub const FIT_AT: Thousandths = 700;
/// How many prospects of a provider people approve first, unless the contract says another number.
pub const SAMPLE: u16 = 10;
/// Call backs that reached nobody before a next step is drafted, unless the contract says another number.
pub const AFTER_UNANSWERED: u16 = 2;
/// Days without activity, unless the contract says another number.
pub const INACTIVE_DAYS: u16 = 90;

#[cfg(test)]
mod tests;
