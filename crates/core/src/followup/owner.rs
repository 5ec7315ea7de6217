//! Who must call back: the contract's rules in order of priority, over who is on shift.
//!
//! An inquiry always has one owner or the visible state "unowned" with a reason (F-202). The owner of a CRM record is never changed here: where
//! a rule names somebody else than the matched record's owner, the callback goes to the rule's person and the change of the record is
//! only suggested (X-10).

use super::condition::{Fact, Facts, UNKNOWN};
use crate::contract::{OwnerRules, OwnerTarget, Tie};
use crate::id::{LocationId, StaffId};
use crate::identity::MatchKind;
use crate::roster::{Roster, Staff};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What owner rules may ask about, looked at where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerFacts<'i> {
    /// The location whose number was called.
    pub location: Option<&'i LocationId>,
    /// `voicemail`, `ring_no_answer`, …
    pub category: &'i str,
    pub after_hours: bool,
    /// What kind of line was called (`sales`, `service`).
    pub line_kind: Option<&'i str>,
    pub source: Option<&'i str>,
    pub campaign: Option<&'i str>,
    /// `emergency` … `unknown`.
    pub urgency: Cow<'i, str>,
    pub intent: Option<Cow<'i, str>>,
    pub reason_code: Option<Cow<'i, str>>,
    pub service: Option<Cow<'i, str>>,
    /// Handling flags without their prefix: `complaint`.
    pub flags: Vec<&'i str>,
    pub match_kind: MatchKind,
    /// The CRM's owner id of the matched record.
    pub record_owner: Option<&'i str>,
    /// What the location sells.
    pub vertical: Option<&'i str>,
    /// What the rules ask for beyond these, by its name (`record.territory`, `field.budget`); what nobody knows is absent.
    pub more: BTreeMap<&'i str, Cow<'i, str>>,
}

/// The names that conditions may use, with an example of what each holds. Facts nobody knows are the text `unknown`.
pub const NAMES: &[(&str, &str)] = &[
    ("call.location", "the location's slug"),
    ("call.category", "voicemail"),
    ("call.after_hours", "true"),
    ("call.line_kind", "service"),
    ("call.source", "google_ads"),
    ("call.campaign", "spring"),
    ("call.vertical", "hvac"),
    ("inquiry.urgency", "high"),
    ("inquiry.intent", "booking"),
    ("inquiry.reason_code", "support_issue"),
    ("inquiry.service", "heating"),
    ("inquiry.flags", "a list: \"complaint\" in inquiry.flags"),
    ("match.kind", "customer"),
    ("match.record_owner", "the CRM's id of the record's owner"),
];

/// A question about the owner that only a person can answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskOwner {
    /// The people the rules name, in the order of the rules.
    pub candidates: Vec<StaffId>,
    /// The clauses that name them.
    pub clauses: Vec<String>,
    pub why: String,
}

/// Who owns it, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// `None`: unowned, visibly, with `why`.
    pub owner: Option<StaffId>,
    /// Only until a person has answered `ask`.
    pub provisional: bool,
    /// The person the rule meant, who is not on shift (F-203).
    pub backup_for: Option<StaffId>,
    pub ask: Option<AskOwner>,
    /// The matched record has another owner in the CRM: suggest the change, never make it (X-10).
    pub suggest_record_owner: bool,
    /// A sentence for people.
    pub why: String,
    /// `owner.rule[2]`, `owner.otherwise`.
    pub clause: String,
}

/// Picks the owner at that moment. Total: every input has an answer.
pub fn assign(rules: &OwnerRules, facts: &OwnerFacts<'_>, roster: &Roster, at: Timestamp) -> Assignment {
    let view = View { facts, roster };
    let mut hits: Vec<(usize, &crate::contract::OwnerRule)> = rules
        .rules
        .iter()
        .enumerate()
        // A condition that cannot be read was refused when the contract was applied; here it applies to nothing.
        .filter(|(_, rule)| rule.when.holds(&view) == Some(true))
        .collect();
    hits.sort_by_key(|(place, rule)| (rule.priority, *place));
    let mut passed_over = Vec::new();
    let mut rest = hits.as_slice();
    while let Some((_, first)) = rest.first() {
        let level = rest.iter().take_while(|(_, r)| r.priority == first.priority).count();
        let (same, later) = rest.split_at(level);
        rest = later;
        let mut named: Vec<(usize, Found)> = Vec::new();
        for (place, rule) in same {
            let clause = format!("owner.rule[{}]", place + 1);
            match find(&rule.to, facts, roster, at) {
                Some(found) => named.push((*place, found)),
                None => passed_over.push(format!("{clause} names {}, where nobody is", rule.to)),
            }
        }
        if let Some(assignment) = settle(rules, &named, facts, roster, at) {
            return note_passed(assignment, &passed_over);
        }
    }
    let clause = "owner.otherwise".to_owned();
    let assignment = match find(&rules.otherwise, facts, roster, at) {
        Some(found) => {
            one(&found, clause, facts, roster, &format!("no owner rule applies, so it goes to {}", rules.otherwise))
        }
        None => unowned(clause, format!("no owner rule applies and {} has nobody who could take it", rules.otherwise)),
    };
    note_passed(assignment, &passed_over)
}

fn note_passed(mut assignment: Assignment, passed_over: &[String]) -> Assignment {
    if !passed_over.is_empty() {
        assignment.why = format!("{} ({})", assignment.why, passed_over.join("; "));
    }
    assignment
}

/// The rules of one priority: one person, a tie, or nobody.
fn settle(
    rules: &OwnerRules,
    named: &[(usize, Found)],
    facts: &OwnerFacts<'_>,
    roster: &Roster,
    at: Timestamp,
) -> Option<Assignment> {
    let (place, found) = named.first()?;
    let clause = format!("owner.rule[{}]", place + 1);
    let others = named.iter().any(|(_, f)| f.staff.id != found.staff.id);
    if !others || rules.tie == Tie::First {
        return Some(one(found, clause.clone(), facts, roster, &format!("{clause} applies")));
    }
    let clauses: Vec<String> = named.iter().map(|(place, _)| format!("owner.rule[{}]", place + 1)).collect();
    let mut candidates: Vec<StaffId> = Vec::new();
    for (_, f) in named {
        if !candidates.contains(&f.staff.id) {
            candidates.push(f.staff.id.clone());
        }
    }
    let why =
        format!("{} apply with the same priority and name different people; a person decides", clauses.join(" and "));
    let ask = Some(AskOwner { candidates, clauses, why: why.clone() });
    let meanwhile = OwnerTarget::LocationTier(1);
    Some(match find(&meanwhile, facts, roster, at) {
        Some(tier1) => {
            let why = format!("{why}; until then it is with {}, tier 1 of the location", tier1.staff.name);
            let base = one(&tier1, "owner.tie".to_owned(), facts, roster, &why);
            Assignment { provisional: true, ask, why, suggest_record_owner: false, ..base }
        }
        None => {
            Assignment { ask, ..unowned("owner.tie".to_owned(), format!("{why}; the location has nobody of tier 1")) }
        }
    })
}

fn unowned(clause: String, why: String) -> Assignment {
    Assignment {
        owner: None,
        provisional: false,
        backup_for: None,
        ask: None,
        suggest_record_owner: false,
        why,
        clause,
    }
}

fn one(found: &Found, clause: String, facts: &OwnerFacts<'_>, roster: &Roster, reason: &str) -> Assignment {
    let name = &found.staff.name;
    let why = match found.instead_of {
        Some(meant) => {
            let state = if meant.away { "away" } else { "off shift" };
            format!("{reason}; {} is {state}, so {name} takes it as backup", meant.name)
        }
        None if found.on_shift => format!("{reason}: {name}"),
        None => format!("{reason}: {name}, who is off shift, as nobody else is there"),
    };
    let record_owner = facts.record_owner;
    let other_owner = record_owner.is_some_and(|id| {
        found.staff.crm_owner.as_deref() != Some(id)
            && found.instead_of.and_then(|m| m.crm_owner.as_deref()) != Some(id)
    });
    let known = record_owner.is_some_and(|id| roster.staff.iter().any(|s| s.crm_owner.as_deref() == Some(id)));
    let why = match (other_owner, known) {
        (true, true) => format!("{why}; the CRM record keeps its owner, a change is only suggested"),
        (true, false) => format!("{why}; the CRM record keeps its owner, who is not on the roster"),
        _ => why,
    };
    Assignment {
        owner: Some(found.staff.id.clone()),
        provisional: false,
        backup_for: found.instead_of.map(|m| m.id.clone()),
        ask: None,
        suggest_record_owner: other_owner,
        why,
        clause,
    }
}

/// Who answers to a target.
struct Found<'a> {
    staff: &'a Staff,
    /// The person who was meant but is not there.
    instead_of: Option<&'a Staff>,
    on_shift: bool,
}

fn find<'a>(target: &OwnerTarget, facts: &OwnerFacts<'_>, roster: &'a Roster, at: Timestamp) -> Option<Found<'a>> {
    let there = |s: &Staff| on_shift(s, facts, roster, at);
    let here = |s: &Staff| s.locations.is_empty() || facts.location.is_some_and(|l| s.locations.contains(l));
    let group: Vec<&Staff> = match target {
        OwnerTarget::Staff(named) => {
            return single(roster.staff.iter().find(|s| s.is_called(named))?, facts, roster, at);
        }
        OwnerTarget::RecordOwner => {
            let id = facts.record_owner?;
            return single(roster.staff.iter().find(|s| s.crm_owner.as_deref() == Some(id))?, facts, roster, at);
        }
        OwnerTarget::Role(role) => {
            let all: Vec<&Staff> = roster.staff.iter().filter(|s| s.roles.contains(role)).collect();
            let near: Vec<&Staff> = all.iter().copied().filter(|s| here(s)).collect();
            if near.is_empty() { all } else { near }
        }
        OwnerTarget::LocationTier(tier) => roster.staff.iter().filter(|s| s.tier == *tier && here(s)).collect(),
    };
    // The roster's own order decides within a group: it is the same on every machine and people can see it.
    if let Some(staff) = group.iter().copied().find(|s| there(s)) {
        // The first of the list was meant; that somebody further down takes it is worth a reason.
        let first = group.first().copied().filter(|f| f.id != staff.id);
        return Some(Found { staff, instead_of: first, on_shift: true });
    }
    let meant = group.iter().copied().find(|s| !s.away).or(group.first().copied())?;
    single(meant, facts, roster, at)
}

/// That person while on shift, else the backup: location tier 1, then tier 2, then the person all the same unless away.
fn single<'a>(meant: &'a Staff, facts: &OwnerFacts<'_>, roster: &'a Roster, at: Timestamp) -> Option<Found<'a>> {
    if on_shift(meant, facts, roster, at) {
        return Some(Found { staff: meant, instead_of: None, on_shift: true });
    }
    let here = |s: &&Staff| s.locations.is_empty() || facts.location.is_some_and(|l| s.locations.contains(l));
    let of_tier = |tier: u8| {
        roster.staff.iter().filter(here).find(|s| s.tier == tier && s.id != meant.id && on_shift(s, facts, roster, at))
    };
    if let Some(staff) = of_tier(1).or_else(|| of_tier(2)).or_else(|| of_tier(3)) {
        return Some(Found { staff, instead_of: Some(meant), on_shift: true });
    }
    // Outside all shifts the meant person keeps it: the clock runs in opening hours, when the shift is back.
    if !meant.away {
        return Some(Found { staff: meant, instead_of: None, on_shift: false });
    }
    let staff = roster.staff.iter().filter(here).find(|s| s.tier == 1 && !s.away)?;
    Some(Found { staff, instead_of: Some(meant), on_shift: false })
}

/// On shift: not away, and inside the own shift, or (without one) while the location is open.
pub fn on_shift(staff: &Staff, facts: &OwnerFacts<'_>, roster: &Roster, at: Timestamp) -> bool {
    if staff.away {
        return false;
    }
    match &staff.shift {
        Some(shift) => shift.is_open(at),
        None => facts.location.and_then(|l| roster.location(l)).is_some_and(|l| l.calendar.is_open(at)),
    }
}

/// Facts as conditions ask for them.
pub(crate) struct View<'a> {
    pub(crate) facts: &'a OwnerFacts<'a>,
    pub(crate) roster: &'a Roster,
}

impl Facts for View<'_> {
    fn get(&self, name: &str) -> Option<Fact<'_>> {
        let f = self.facts;
        fn text(t: &str) -> Option<Fact<'_>> {
            Some(Fact::Text(t))
        }
        fn plain(t: Option<&str>) -> Option<Fact<'_>> {
            text(t.unwrap_or(UNKNOWN))
        }
        fn known<'v>(t: Option<&'v Cow<'_, str>>) -> Option<Fact<'v>> {
            text(t.map_or(UNKNOWN, |t| t.as_ref()))
        }
        match name {
            "call.location" => {
                text(f.location.and_then(|l| self.roster.location(l)).map_or(UNKNOWN, |l| l.slug.as_str()))
            }
            "call.category" => text(f.category),
            "call.after_hours" => Some(Fact::Bool(f.after_hours)),
            "call.line_kind" => plain(f.line_kind),
            "call.source" => plain(f.source),
            "call.campaign" => plain(f.campaign),
            "call.vertical" => plain(f.vertical),
            "inquiry.urgency" => text(&f.urgency),
            "inquiry.intent" => known(f.intent.as_ref()),
            "inquiry.reason_code" => known(f.reason_code.as_ref()),
            "inquiry.service" => known(f.service.as_ref()),
            "inquiry.flags" => Some(Fact::Texts(&f.flags)),
            "match.kind" => text(f.match_kind.as_str()),
            "match.record_owner" => plain(f.record_owner),
            other => known(f.more.get(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::OwnerRule;
    use crate::followup::calendar::{Block, Calendar, Week};
    use crate::roster::Location;
    use std::sync::LazyLock;

    fn hours(text: &str) -> Calendar {
        let block: Block = text.parse().unwrap();
        Calendar::new("America/Phoenix", Week::every_day(&[block]))
    }
    fn person(id: &str, tier: u8, roles: &[&str], crm: Option<&str>) -> Staff {
        Staff {
            id: StaffId::from_text(id),
            name: id.to_owned(),
            roles: roles.iter().map(|r| (*r).to_owned()).collect(),
            locations: if tier == 1 { vec![LocationId::from_text("loc_phx")] } else { Vec::new() },
            tier,
            crm_owner: crm.map(str::to_owned),
            email: None,
            shift: None,
            away: false,
        }
    }
    fn roster() -> Roster {
        let location = Location {
            id: LocationId::from_text("loc_phx"),
            slug: "phoenix".into(),
            name: "Phoenix".into(),
            calendar: hours("08:00-17:00"),
            region: "US".into(),
            locale: "en-US".into(),
            currency: "USD".into(),
            vertical: None,
            version: 1,
        };
        Roster {
            version: 1,
            locations: vec![location],
            staff: vec![
                person("ana", 1, &["phoenix-coordinator"], Some("101")),
                person("ben", 1, &["dispatcher"], Some("102")),
                person("cora", 2, &["corporate"], Some("103")),
            ],
            ..Roster::default()
        }
    }
    static PHOENIX: LazyLock<LocationId> = LazyLock::new(|| LocationId::from_text("loc_phx"));

    fn facts() -> OwnerFacts<'static> {
        OwnerFacts {
            location: Some(&PHOENIX),
            category: "voicemail",
            after_hours: false,
            line_kind: None,
            source: None,
            campaign: None,
            urgency: "high".into(),
            intent: None,
            reason_code: None,
            service: None,
            flags: vec!["complaint"],
            match_kind: MatchKind::Customer,
            record_owner: Some("102"),
            vertical: None,
            more: BTreeMap::new(),
        }
    }
    fn rules(tie: Tie, list: &[(u16, &str, &str)]) -> OwnerRules {
        let rule = |(priority, when, to): &(u16, &str, &str)| OwnerRule {
            priority: *priority,
            when: (*when).into(),
            to: to.parse().unwrap(),
        };
        OwnerRules { tie, rules: list.iter().map(rule).collect(), otherwise: OwnerTarget::LocationTier(1) }
    }
    fn at(text: &str) -> Timestamp {
        format!("{text}[America/Phoenix]").parse::<jiff::Zoned>().unwrap().timestamp()
    }
    fn owner(a: &Assignment) -> &str {
        a.owner.as_ref().map_or("nobody", StaffId::as_str)
    }

    #[test]
    fn the_first_priority_that_applies_owns_it() {
        let noon = at("2026-05-20T12:00");
        let roster = roster();
        for (list, expect, clause) in [
            (
                vec![(
                    1,
                    r#"call.location == "phoenix" && inquiry.urgency in ["emergency", "high"]"#,
                    "role:phoenix-coordinator",
                )],
                "ana",
                "owner.rule[1]",
            ),
            (vec![(2, "true", "role:corporate"), (1, "true", "role:dispatcher")], "ben", "owner.rule[2]"),
            (vec![(1, r#"match.kind == "customer""#, "crm:record_owner")], "ben", "owner.rule[1]"),
            (vec![(1, r#""complaint" in inquiry.flags"#, "staff:cora")], "cora", "owner.rule[1]"),
            (vec![(1, r#"call.source == "unknown""#, "staff:cora")], "cora", "owner.rule[1]"),
            (vec![(1, r#"match.kind == "lead""#, "staff:cora")], "ana", "owner.otherwise"),
            // A rule that names nobody is passed over, with a word about it.
            (vec![(1, "true", "role:night-watch"), (2, "true", "staff:cora")], "cora", "owner.rule[2]"),
            // Two rules, one person: no tie.
            (vec![(1, "true", "staff:ana"), (1, "true", "role:phoenix-coordinator")], "ana", "owner.rule[1]"),
        ] {
            let found = assign(&rules(Tie::Ask, &list), &facts(), &roster, noon);
            assert_eq!(
                (owner(&found), found.clause.as_str(), found.provisional),
                (expect, clause, false),
                "{list:?} {found:?}"
            );
            assert!(found.ask.is_none() && !found.why.is_empty());
        }
        let passed = assign(&rules(Tie::Ask, &[(1, "true", "role:night-watch")]), &facts(), &roster, noon);
        assert!(passed.why.contains("role:night-watch"), "{}", passed.why);
    }

    #[test]
    fn a_tie_asks_a_person_and_tier_1_owns_it_meanwhile() {
        let list = [(1, "true", "staff:ben"), (1, "true", "staff:cora")];
        let found = assign(&rules(Tie::Ask, &list), &facts(), &roster(), at("2026-05-20T12:00"));
        assert_eq!((owner(&found), found.provisional, found.clause.as_str()), ("ana", true, "owner.tie"));
        let ask = found.ask.unwrap();
        assert_eq!(ask.candidates, [StaffId::from_text("ben"), StaffId::from_text("cora")]);
        assert_eq!(ask.clauses, ["owner.rule[1]", "owner.rule[2]"]);
        assert_eq!(
            found.why,
            "owner.rule[1] and owner.rule[2] apply with the same priority and name different people; a person decides; until then it is with ana, \
             tier 1 of the location"
        );
        assert!(!found.suggest_record_owner, "while it is open, nobody is told to change the record");
        let first = assign(&rules(Tie::First, &list), &facts(), &roster(), at("2026-05-20T12:00"));
        assert_eq!((owner(&first), first.provisional), ("ben", false));
        // With nobody of tier 1 it is unowned, and the question stands all the same.
        let mut upstairs = roster();
        upstairs.staff.retain(|staff| staff.tier == 2);
        upstairs.staff.push(person("dan", 2, &["corporate"], None));
        let list = [(1, "true", "staff:cora"), (1, "true", "staff:dan")];
        let nobody = assign(&rules(Tie::Ask, &list), &facts(), &upstairs, at("2026-05-20T12:00"));
        assert_eq!((owner(&nobody), nobody.clause.as_str()), ("nobody", "owner.tie"));
        assert_eq!(nobody.ask.unwrap().candidates, [StaffId::from_text("cora"), StaffId::from_text("dan")]);
    }

    #[test]
    fn a_tier_is_the_locations_own_and_the_first_who_is_there() {
        let mut roster = roster();
        let tucson = Staff { locations: vec![LocationId::from_text("loc_tuc")], ..person("zoe", 1, &[], None) };
        roster.staff.insert(0, tucson);
        let tier1 = |roster: &Roster, when: &str| assign(&rules(Tie::Ask, &[]), &facts(), roster, at(when));
        let noon = tier1(&roster, "2026-05-20T12:00");
        assert_eq!((owner(&noon), &noon.backup_for), ("ana", &None));
        assert_eq!(
            noon.why,
            "no owner rule applies, so it goes to location:tier1: ana; the CRM record keeps its owner, a change is only suggested"
        );
        let away = |roster: &mut Roster, name: &str| {
            roster.staff.iter_mut().filter(|s| s.name == name).for_each(|s| s.away = true);
        };
        away(&mut roster, "ana");
        let found = tier1(&roster, "2026-05-20T12:00");
        assert_eq!((owner(&found), found.backup_for.as_ref().map(StaffId::as_str)), ("ben", Some("ana")));
        // At night nobody is on shift: of those who are not away, the first keeps it, and is nobody's backup.
        let night = tier1(&roster, "2026-05-20T23:00");
        assert_eq!((owner(&night), &night.backup_for), ("ben", &None));
    }

    #[test]
    fn off_shift_and_away_have_a_backup_with_the_reason() {
        let mut roster = roster();
        let rules = rules(Tie::Ask, &[(1, "true", "staff:ben")]);
        let noon = at("2026-05-20T12:00");
        if let Some(ben) = roster.staff.get_mut(1) {
            ben.shift = Some(hours("13:00-17:00"));
        }
        let found = assign(&rules, &facts(), &roster, noon);
        assert_eq!((owner(&found), found.backup_for.as_ref().map(StaffId::as_str)), ("ana", Some("ben")));
        assert!(found.why.contains("ben is off shift"), "{}", found.why);
        // The person meant owns the record, so the backup is no reason to suggest another owner.
        assert!(!found.suggest_record_owner);
        assert_eq!(owner(&assign(&rules, &facts(), &roster, at("2026-05-20T14:00"))), "ben");
        // At night nobody is on shift: the person meant keeps it.
        let night = assign(&rules, &facts(), &roster, at("2026-05-20T23:00"));
        assert_eq!((owner(&night), &night.backup_for), ("ben", &None));
        assert!(night.why.contains("off shift"), "{}", night.why);
        // Away at night: tier 1 has it.
        if let Some(ben) = roster.staff.get_mut(1) {
            ben.away = true;
        }
        let away = assign(&rules, &facts(), &roster, at("2026-05-20T23:00"));
        assert_eq!((owner(&away), away.backup_for.as_ref().map(StaffId::as_str)), ("ana", Some("ben")));
        assert!(away.why.contains("ben is away"), "{}", away.why);
    }

    #[test]
    fn an_existing_owner_is_never_changed_only_suggested() {
        let found = assign(&rules(Tie::Ask, &[(1, "true", "staff:ana")]), &facts(), &roster(), at("2026-05-20T12:00"));
        assert_eq!(owner(&found), "ana");
        assert!(found.suggest_record_owner && found.why.contains("keeps its owner, a change is only"), "{}", found.why);
        let stranger = OwnerFacts { record_owner: Some("999"), ..facts() };
        let found = assign(&rules(Tie::Ask, &[(1, "true", "staff:ana")]), &stranger, &roster(), at("2026-05-20T12:00"));
        assert!(found.suggest_record_owner && found.why.contains("who is not on the roster"), "{}", found.why);
        let new = OwnerFacts { record_owner: None, match_kind: MatchKind::New, ..facts() };
        let found = assign(&rules(Tie::Ask, &[(1, "true", "staff:ana")]), &new, &roster(), at("2026-05-20T12:00"));
        assert!(!found.suggest_record_owner);
    }

    #[test]
    fn nobody_is_a_visible_state_with_a_reason() {
        let empty = Roster { staff: Vec::new(), ..roster() };
        let found = assign(&rules(Tie::Ask, &[(1, "true", "staff:ben")]), &facts(), &empty, at("2026-05-20T12:00"));
        assert_eq!(found.owner, None);
        assert!(found.why.contains("nobody") && found.clause == "owner.otherwise", "{found:?}");
        let mut all_away = roster();
        for staff in &mut all_away.staff {
            staff.away = true;
        }
        let found = assign(&rules(Tie::Ask, &[]), &facts(), &all_away, at("2026-05-20T12:00"));
        assert_eq!(found.owner, None, "{found:?}");
    }

    #[test]
    fn every_name_that_conditions_may_use_has_a_value() {
        let roster = roster();
        let facts = facts();
        let view = View { facts: &facts, roster: &roster };
        for (name, _) in NAMES {
            assert!(view.get(name).is_some(), "{name}");
        }
    }
}
