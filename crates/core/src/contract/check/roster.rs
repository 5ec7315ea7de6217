//! What a contract names and the account's roster does not have.

use super::super::did_you_mean;
use super::super::model::*;
use super::super::parse::Places;
use super::conditions;
use crate::followup::condition::UNKNOWN;
use crate::problem::Problem;
use crate::roster::Roster;

/// Whom the roster has instead of a target that it does not have.
fn on_the_roster(target: &OwnerTarget, roster: &Roster) -> String {
    let (wanted, what, mut there): (&str, &str, Vec<&str>) = match target {
        OwnerTarget::Role(role) => {
            (role, "role", roster.staff.iter().flat_map(|s| s.roles.iter().map(String::as_str)).collect())
        }
        OwnerTarget::Staff(named) => (named, "staff", roster.staff.iter().map(crate::roster::Staff::slug).collect()),
        OwnerTarget::RecordOwner | OwnerTarget::LocationTier(_) => return "change the rule".to_owned(),
    };
    there.sort_unstable();
    there.dedup();
    let near = did_you_mean(wanted, there.iter().copied());
    let list = if there.is_empty() {
        "the roster has none".to_owned()
    } else {
        format!("the roster has {}", there.join(", "))
    };
    match near {
        Some(near) => format!("did you mean {what}:{near}? {list}"),
        None => format!("add the person or role to the roster, or change the rule; {list}"),
    }
}

/// What the contract names and the roster does not have: locations, roles, people, somebody to escalate to (F-213).
pub fn check_roster(contract: &Contract, roster: &Roster) -> Vec<Problem> {
    let mut found = Vec::new();
    for slug in contract.locations.keys().filter(|s| !roster.locations.iter().any(|l| l.slug == **s)) {
        let near = did_you_mean(slug, roster.locations.iter().map(|l| l.slug.as_str()));
        let cure =
            near.map_or_else(|| "add the location or remove its table".to_owned(), |n| format!("did you mean {n}?"));
        found.push(Problem::new("RB-0216", format!("location.{slug} is no location of the account"), cure));
    }
    let targets = contract.owner.rules.iter().enumerate().map(|(n, r)| (format!("owner.rule[{}]", n + 1), &r.to));
    for (clause, target) in targets.chain([("owner.otherwise".to_owned(), &contract.owner.otherwise)]) {
        let missing = match target {
            OwnerTarget::Role(role) => !roster.staff.iter().any(|s| s.roles.contains(role)),
            OwnerTarget::Staff(named) => !roster.staff.iter().any(|s| s.is_called(named)),
            OwnerTarget::RecordOwner | OwnerTarget::LocationTier(_) => false,
        };
        if missing {
            let cause = format!("{clause} gives the call to {target}, and nobody on the roster is that");
            found.push(Problem::new("RB-0216", cause, on_the_roster(target, roster)));
        }
    }
    found.extend(named_nowhere(contract, roster));
    for location in &roster.locations {
        let clock = contract.clock_for(&location.slug);
        if clock.tiers.is_empty() {
            let cause = format!("the location {} has no escalation window", location.slug);
            found.push(Problem::new("RB-0211", cause, "give it tiers and stale_after"));
        }
        for tier in &clock.tiers {
            let here = |s: &&crate::roster::Staff| s.locations.is_empty() || s.locations.contains(&location.id);
            if !roster.staff.iter().filter(here).any(|s| s.tier == tier.to.number()) {
                let cause = format!(
                    "the escalation of {} climbs to tier {}, where nobody works",
                    location.slug,
                    tier.to.number()
                );
                found.push(Problem::new(
                    "RB-0211",
                    cause,
                    "add a person of that tier to the roster, or take the tier out",
                ));
            }
        }
    }
    found
}

/// Locations, kinds of line and lines of business that conditions name, and locations that tests name, and that no call can ever have here.
fn named_nowhere(contract: &Contract, roster: &Roster) -> Vec<Problem> {
    let known = |name: &str| -> Option<(&'static str, Vec<&str>)> {
        let (what, mut there): (_, Vec<&str>) = match name {
            "call.location" => ("location", roster.locations.iter().map(|l| l.slug.as_str()).collect()),
            "call.line_kind" => ("kind of line", roster.lines.iter().filter_map(|l| l.kind.as_deref()).collect()),
            "call.vertical" => {
                ("line of business", roster.locations.iter().filter_map(|l| l.vertical.as_deref()).collect())
            }
            _ => return None,
        };
        there.sort_unstable();
        there.dedup();
        Some((what, there))
    };
    let mut found = Vec::new();
    let mut ask = |place: &str, name: &str, value: &str| {
        let Some((what, there)) = known(name).filter(|(_, there)| value != UNKNOWN && !there.contains(&value)) else {
            return;
        };
        let list = there.join(", ");
        let cure = match (did_you_mean(value, there.iter().copied()), there.is_empty()) {
            (Some(near), _) => format!("did you mean {near:?}?"),
            (None, true) => format!("the account has no {what} yet: say it in the settings, or take it out"),
            (None, false) => format!("there is {list}"),
        };
        found.push(Problem::new("RB-0216", format!("{place}: the account has no {what} {value:?}"), cure));
    };
    for (place, _, condition) in conditions(contract, &Places::default()) {
        for (name, value) in condition.compared() {
            ask(&place, name, value);
        }
    }
    for (n, test) in contract.tests.iter().enumerate() {
        if let Some(slug) = test.given.get("location").and_then(serde_json::Value::as_str) {
            ask(&format!("test[{}].given.location", n + 1), "call.location", slug);
        }
    }
    found
}
