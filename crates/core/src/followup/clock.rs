//! By when somebody must have called back, and who is told when nobody does.
//!
//! A clock starts at the end of the call, whenever we heard of it; a source that told us late is a named cause, not an excuse. The due time is
//! the earliest that any row of the contract asks for (X-05: minimum over urgency row and cohort row; a call outside opening hours
//! has the `after_hours` row in place of its cohort's, F-207). Emergencies count wall time, everything else open time of the
//! location's own calendar.
//!
//! Tiers climb once each. Their minutes count from the due time, because before it nobody has failed yet; where a handling flag escalates at once
//! (F-210) they count from the start of the clock, so that tier 1 is told immediately.

use super::calendar::Calendar;
use crate::contract::{ContractClock, Term, Tier, TierTo};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A source counts as late when it told us of a call more than this many seconds after its end.
pub const SOURCE_LATE_SECONDS: i64 = 120;

/// How soon somebody must act. Ordered: the most urgent is the smallest, as a queue sorts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    Emergency,
    High,
    SameDay,
    ThisWeek,
    /// Nothing said about it; not the same as "not urgent", so it stands before `Nurture`.
    #[default]
    Unknown,
    Nurture,
}

impl Urgency {
    /// All of them, most urgent first.
    pub const ALL: [Self; 6] =
        [Self::Emergency, Self::High, Self::SameDay, Self::ThisWeek, Self::Unknown, Self::Nurture];
    /// The word used in contracts, claims and the CRM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::High => "high",
            Self::SameDay => "same_day",
            Self::ThisWeek => "this_week",
            Self::Unknown => "unknown",
            Self::Nurture => "nurture",
        }
    }
}

impl fmt::Display for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Urgency {
    type Err = ();
    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|u| u.as_str() == word).ok_or(())
    }
}

/// Whose call it is (F-042).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cohort {
    Customer,
    Lead,
    /// A new lead, and everybody who is not known yet: the shortest promise is the safe one.
    New,
    Vendor,
}

/// Which row of the contract gave the due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockRule {
    Emergency,
    High,
    SameDay,
    ThisWeek,
    Nurture,
    NewLead,
    Lead,
    Customer,
    Vendor,
    AfterHours,
}

impl ClockRule {
    /// The clause for traces: `clock.new_lead`.
    pub fn clause(self) -> &'static str {
        match self {
            Self::Emergency => "clock.emergency",
            Self::High => "clock.high",
            Self::SameDay => "clock.same_day",
            Self::ThisWeek => "clock.this_week",
            Self::Nurture => "clock.nurture",
            Self::NewLead => "clock.new_lead",
            Self::Lead => "clock.lead",
            Self::Customer => "clock.customer",
            Self::Vendor => "clock.vendor",
            Self::AfterHours => "clock.after_hours",
        }
    }
}

/// In what time a clock counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountsIn {
    /// Every minute.
    Wall,
    /// Only minutes in which the location is open.
    OpenHours,
}

/// Why a clock was late through no fault of the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateCause {
    /// The source told us of the call that many seconds after its end.
    SourceLate { seconds: i64 },
}

/// A running clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The end of the call (never after the moment we heard of it).
    pub started_at: Timestamp,
    /// By then somebody must have tried.
    pub due_at: Timestamp,
    /// The row that gave it.
    pub rule: ClockRule,
    /// IANA zone it is shown in.
    pub zone: String,
    pub counts_in: CountsIn,
    pub late_cause: Option<LateCause>,
}

impl Clock {
    /// The due time has passed.
    pub fn is_breached(&self, now: Timestamp) -> bool {
        now > self.due_at
    }
}

/// The clock of a call that ended then, as we know it now. `contract` is the location's own ([`crate::contract::Contract::clock_for`]).
///
/// A calendar that never opens within its search bound gives wall time, because a clock that never ends would hide the call.
pub fn clock(
    call_ended_at: Timestamp,
    now: Timestamp,
    calendar: &Calendar,
    urgency: Urgency,
    cohort: Cohort,
    after_hours: bool,
    contract: &ContractClock,
) -> Clock {
    let started_at = call_ended_at.min(now);
    let by_urgency = match urgency {
        Urgency::Emergency => Some((ClockRule::Emergency, contract.emergency)),
        Urgency::High => Some((ClockRule::High, contract.high)),
        Urgency::SameDay => contract.same_day.map(|t| (ClockRule::SameDay, t)),
        Urgency::ThisWeek => contract.this_week.map(|t| (ClockRule::ThisWeek, t)),
        Urgency::Nurture => contract.nurture.map(|t| (ClockRule::Nurture, t)),
        Urgency::Unknown => None,
    };
    let by_cohort = if after_hours {
        (ClockRule::AfterHours, contract.after_hours)
    } else {
        match cohort {
            Cohort::Customer => (ClockRule::Customer, contract.customer),
            Cohort::Lead => (ClockRule::Lead, contract.lead),
            Cohort::New => (ClockRule::NewLead, contract.new_lead),
            Cohort::Vendor => (ClockRule::Vendor, contract.vendor),
        }
    };
    let (mut rule, mut due_at, mut counts_in) = row(by_cohort, started_at, calendar);
    if let Some(urgent) = by_urgency {
        let (other, at, counts) = row(urgent, started_at, calendar);
        // Urgency outranks cohort where both ask for the same moment.
        if at <= due_at {
            (rule, due_at, counts_in) = (other, at, counts);
        }
    }
    let late = now.duration_since(started_at).as_secs();
    let late_cause = (late > SOURCE_LATE_SECONDS).then_some(LateCause::SourceLate { seconds: late });
    Clock { started_at, due_at, rule, zone: calendar.zone().to_owned(), counts_in, late_cause }
}

fn row((rule, term): (ClockRule, Term), start: Timestamp, calendar: &Calendar) -> (ClockRule, Timestamp, CountsIn) {
    let counts_in = if rule == ClockRule::Emergency { CountsIn::Wall } else { CountsIn::OpenHours };
    let (due, counts_in) = match due(term, start, calendar, counts_in) {
        Some(due) => (due, counts_in),
        None => (wall(start, minutes_at_most(term)), CountsIn::Wall),
    };
    (rule, due.max(start), counts_in)
}

fn due(term: Term, start: Timestamp, calendar: &Calendar, counts_in: CountsIn) -> Option<Timestamp> {
    match (term, counts_in) {
        (Term::Minutes(m), CountsIn::Wall) => Some(wall(start, m)),
        (Term::Minutes(m), CountsIn::OpenHours) => calendar.add_open_time(start, minutes(m)),
        (Term::BusinessDays(n), _) => {
            let mut end = calendar.end_of_business_day(start)?;
            for _ in 0..n {
                end = calendar.end_of_business_day(end)?;
            }
            Some(end)
        }
        (Term::NextOpening { plus_minutes }, _) => {
            // While open, the next opening is the one after this stretch: "now" would be no promise at all.
            let from = calendar.closes_at(start).unwrap_or(start);
            calendar.add_open_time(calendar.next_opening(from)?, minutes(plus_minutes))
        }
    }
}

fn minutes_at_most(term: Term) -> u32 {
    match term {
        Term::Minutes(m) => m,
        Term::BusinessDays(n) => (u32::from(n) + 1) * 24 * 60,
        Term::NextOpening { plus_minutes } => 24 * 60 + plus_minutes,
    }
}

fn minutes(m: u32) -> SignedDuration {
    SignedDuration::from_mins(i64::from(m))
}

fn wall(start: Timestamp, m: u32) -> Timestamp {
    start.checked_add(minutes(m)).unwrap_or(Timestamp::MAX)
}

/// One step of the escalation with its moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Climb {
    /// Place in the contract's list, from 0; each place climbs once.
    pub step: u8,
    pub to: TierTo,
    pub at: Timestamp,
}

/// The whole escalation of a clock, in order: who is told when, if nobody tries before. `at_once` is the answer of [`escalates_at_once`]; the
/// first step then comes at the moment we know (`now`), later ones their minutes after it.
pub fn tiers(clock: &Clock, tiers: &[Tier], at_once: bool, now: Timestamp, calendar: &Calendar) -> Vec<Climb> {
    let base = if at_once { now.max(clock.started_at) } else { clock.due_at };
    let mut last = base;
    let mut climbs = Vec::new();
    for (step, tier) in tiers.iter().enumerate() {
        let at = if tier.after_minutes == 0 || clock.counts_in == CountsIn::Wall {
            wall(base, tier.after_minutes)
        } else {
            calendar.add_open_time(base, minutes(tier.after_minutes)).unwrap_or_else(|| wall(base, tier.after_minutes))
        };
        // A later step never comes before an earlier one, whatever minutes were written.
        last = last.max(at);
        climbs.push(Climb { step: u8::try_from(step).unwrap_or(u8::MAX), to: tier.to, at: last });
    }
    climbs
}

/// The steps that are due now and have not been climbed.
pub fn due_climbs<'a>(climbs: &'a [Climb], climbed: &[u8], now: Timestamp) -> Vec<&'a Climb> {
    climbs.iter().filter(|c| c.at <= now && !climbed.contains(&c.step)).collect()
}

/// The next moment at which a step climbs, for the timer.
pub fn next_climb(climbs: &[Climb], climbed: &[u8]) -> Option<Timestamp> {
    climbs.iter().filter(|c| !climbed.contains(&c.step)).map(|c| c.at).min()
}

/// The first flag that escalates at once, with its clause text; `None` when none does (F-210). An emergency urgency counts as its flag.
pub fn escalates_at_once<'a>(contract: &ContractClock, urgency: Urgency, flags: &[&'a str]) -> Option<&'a str> {
    if urgency == Urgency::Emergency && contract.escalate_at_once.contains("emergency") {
        return Some("emergency");
    }
    flags.iter().copied().find(|f| contract.escalate_at_once.contains(*f))
}

/// When an inquiry that nobody touched counts as stale (F-211).
pub fn stale_at(clock: &Clock, contract: &ContractClock, calendar: &Calendar) -> Timestamp {
    let window = contract.stale_after_minutes;
    match clock.counts_in {
        CountsIn::Wall => wall(clock.due_at, window),
        CountsIn::OpenHours => {
            calendar.add_open_time(clock.due_at, minutes(window)).unwrap_or_else(|| wall(clock.due_at, window))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::followup::calendar::{Block, Week};
    use proptest::prelude::*;

    fn contract() -> ContractClock {
        let text = crate::contract::DEFAULT_TEXT;
        crate::contract::parse(text).0.unwrap().clock
    }
    fn phoenix() -> Calendar {
        let block: Block = "08:00-17:00".parse().unwrap();
        Calendar::new("America/Phoenix", Week::weekdays(&[block]))
    }
    fn at(text: &str) -> Timestamp {
        format!("{text}[America/Phoenix]").parse::<jiff::Zoned>().unwrap().timestamp()
    }
    fn shown(t: Timestamp) -> String {
        t.to_zoned(jiff::tz::TimeZone::get("America/Phoenix").unwrap()).strftime("%m-%d %H:%M").to_string()
    }

    #[test]
    fn the_shortest_row_that_applies_wins() {
        use {ClockRule as R, Cohort as C, Urgency as U};
        // 20 May 2026 is a Wednesday.
        for (ended, urgency, cohort, after_hours, due, rule) in [
            ("2026-05-20T10:00", U::Unknown, C::New, false, "05-20 10:30", R::NewLead),
            ("2026-05-20T10:00", U::High, C::New, false, "05-20 10:05", R::High),
            ("2026-05-20T10:00", U::High, C::Customer, false, "05-20 10:05", R::High),
            ("2026-05-20T10:00", U::Unknown, C::Customer, false, "05-20 17:00", R::Customer),
            // A long-term wish of a new lead still gets the promise of a new lead, and this week does not stretch same day.
            ("2026-05-20T10:00", U::Nurture, C::New, false, "05-20 10:30", R::NewLead),
            ("2026-05-20T10:00", U::ThisWeek, C::Customer, false, "05-20 17:00", R::Customer),
            ("2026-05-20T10:00", U::SameDay, C::Vendor, false, "05-20 17:00", R::SameDay),
            ("2026-05-20T10:00", U::Unknown, C::Vendor, false, "05-25 17:00", R::Vendor),
            // The half hour runs over the night.
            ("2026-05-20T16:50", U::Unknown, C::New, false, "05-21 08:20", R::NewLead),
            // 22:00: the set morning time, except for what is urgent.
            ("2026-05-20T22:00", U::Unknown, C::New, true, "05-21 09:00", R::AfterHours),
            ("2026-05-20T22:00", U::Unknown, C::Customer, true, "05-21 09:00", R::AfterHours),
            ("2026-05-20T22:00", U::High, C::New, true, "05-21 08:05", R::High),
            ("2026-05-20T22:00", U::Emergency, C::New, true, "05-20 22:05", R::Emergency),
            ("2026-05-23T11:00", U::Emergency, C::Customer, true, "05-23 11:05", R::Emergency),
            ("2026-05-22T18:00", U::Unknown, C::New, true, "05-25 09:00", R::AfterHours),
        ] {
            let ended_at = at(ended);
            let clock = clock(ended_at, ended_at, &phoenix(), urgency, cohort, after_hours, &contract());
            assert_eq!((shown(clock.due_at).as_str(), clock.rule), (due, rule), "{ended} {urgency} {cohort:?}");
            let wall = matches!(rule, R::Emergency);
            assert_eq!(clock.counts_in == CountsIn::Wall, wall, "{ended} {urgency}");
            assert_eq!(clock.late_cause, None);
        }
    }

    #[test]
    fn clocks_start_at_the_end_of_the_call_and_name_a_late_source() {
        let (ended, heard) = (at("2026-05-20T10:00"), at("2026-05-20T10:45"));
        let clock = clock(ended, heard, &phoenix(), Urgency::Unknown, Cohort::New, false, &contract());
        assert_eq!(clock.started_at, ended);
        assert_eq!(shown(clock.due_at), "05-20 10:30");
        assert_eq!(clock.late_cause, Some(LateCause::SourceLate { seconds: 45 * 60 }));
        assert!(clock.is_breached(heard));
        assert_eq!(clock.rule.clause(), "clock.new_lead");
        // A provider whose clock runs ahead does not start ours in the future.
        let early = super::clock(heard, ended, &phoenix(), Urgency::Unknown, Cohort::New, false, &contract());
        assert_eq!((early.started_at, early.late_cause), (ended, None));
    }

    #[test]
    fn a_location_that_never_opens_still_has_a_clock() {
        let closed = Calendar::new("America/Phoenix", Week::default());
        let now = at("2026-05-20T10:00");
        let clock = clock(now, now, &closed, Urgency::Unknown, Cohort::New, true, &contract());
        assert_eq!((shown(clock.due_at).as_str(), clock.counts_in), ("05-21 11:00", CountsIn::Wall));
    }

    #[test]
    fn each_tier_climbs_once_after_the_due_time_or_at_once() {
        let now = at("2026-05-20T10:00");
        let rules = contract();
        let calendar = phoenix();
        let clock = clock(now, now, &calendar, Urgency::Unknown, Cohort::New, false, &rules);
        let climbs = tiers(&clock, &rules.tiers, false, now, &calendar);
        let when: Vec<String> = climbs.iter().map(|c| shown(c.at)).collect();
        assert_eq!(when, ["05-20 10:30", "05-20 10:40", "05-20 10:50"]);
        assert_eq!(climbs.iter().map(|c| c.to.number()).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(due_climbs(&climbs, &[], at("2026-05-20T10:29")).is_empty());
        assert_eq!(due_climbs(&climbs, &[], at("2026-05-20T10:40")).len(), 2);
        assert_eq!(due_climbs(&climbs, &[0, 1], at("2026-05-20T10:45")).len(), 0);
        assert_eq!(next_climb(&climbs, &[0, 1]), Some(at("2026-05-20T10:50")));
        assert_eq!(next_climb(&climbs, &[0, 1, 2]), None);
        assert_eq!(shown(stale_at(&clock, &rules, &calendar)), "05-20 11:30");

        assert_eq!(escalates_at_once(&rules, Urgency::Unknown, &["vendor", "complaint"]), Some("complaint"));
        assert_eq!(escalates_at_once(&rules, Urgency::Emergency, &[]), Some("emergency"));
        assert_eq!(escalates_at_once(&rules, Urgency::High, &["vendor"]), None);
        let at_once: Vec<String> =
            tiers(&clock, &rules.tiers, true, now, &calendar).iter().map(|c| shown(c.at)).collect();
        assert_eq!(at_once, ["05-20 10:00", "05-20 10:10", "05-20 10:20"]);
        // Steps written in the wrong order still climb one after the other.
        let crossed: Vec<Tier> = rules.tiers.iter().rev().copied().collect();
        assert!(tiers(&clock, &crossed, false, now, &calendar).is_sorted_by_key(|c| c.at));
        // In the evening the first step of a complaint is told at once, the next ones wait for the opening.
        let evening = at("2026-05-20T22:00");
        let late = super::clock(evening, evening, &calendar, Urgency::Unknown, Cohort::Customer, true, &rules);
        let steps: Vec<String> =
            tiers(&late, &rules.tiers, true, evening, &calendar).iter().map(|c| shown(c.at)).collect();
        assert_eq!(steps, ["05-20 22:00", "05-21 08:10", "05-21 08:20"]);
        // An emergency climbs through the night.
        let fire = super::clock(evening, evening, &calendar, Urgency::Emergency, Cohort::Customer, true, &rules);
        let steps: Vec<String> =
            tiers(&fire, &rules.tiers, true, evening, &calendar).iter().map(|c| shown(c.at)).collect();
        assert_eq!(steps, ["05-20 22:00", "05-20 22:10", "05-20 22:20"]);
    }

    #[test]
    fn same_day_across_daylight_saving() {
        let block: Block = "08:00-17:00".parse().unwrap();
        let ny = Calendar::new("America/New_York", Week::every_day(&[block]));
        for (ended, due) in [
            ("2026-03-07T20:00-05:00[America/New_York]", "2026-03-08T12:30:00Z"),
            ("2026-10-31T20:00-04:00[America/New_York]", "2026-11-01T13:30:00Z"),
        ] {
            let ended = ended.parse::<jiff::Zoned>().unwrap().timestamp();
            let clock = clock(ended, ended, &ny, Urgency::Unknown, Cohort::New, false, &contract());
            assert_eq!(clock.due_at.to_string(), due);
        }
    }

    #[test]
    fn the_queue_sorts_urgent_first() {
        let mut queue = vec![Urgency::Nurture, Urgency::Unknown, Urgency::High, Urgency::SameDay, Urgency::Emergency];
        queue.sort();
        assert_eq!(queue, [Urgency::Emergency, Urgency::High, Urgency::SameDay, Urgency::Unknown, Urgency::Nurture]);
        for urgency in Urgency::ALL {
            assert_eq!(urgency.as_str().parse(), Ok(urgency));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn due_is_never_before_the_start_and_urgency_never_lengthens(
            calendar in crate::followup::calendar::tests::any_calendar(),
            second in 1_772_000_000i64..1_799_000_000,
            late in 0i64..100_000,
            urgency in prop::sample::select(Urgency::ALL.to_vec()),
            cohort in prop::sample::select(vec![Cohort::Customer, Cohort::Lead, Cohort::New, Cohort::Vendor]),
        ) {
            let ended = Timestamp::from_second(second).unwrap();
            let now = Timestamp::from_second(second + late).unwrap();
            let after_hours = !calendar.is_open(ended);
            let rules = contract();
            let clock = clock(ended, now, &calendar, urgency, cohort, after_hours, &rules);
            prop_assert!(clock.due_at >= clock.started_at);
            let calm = super::clock(ended, now, &calendar, Urgency::Unknown, cohort, after_hours, &rules);
            prop_assert!(clock.due_at <= calm.due_at);
            let climbs = tiers(&clock, &rules.tiers, false, now, &calendar);
            prop_assert!(climbs.iter().all(|c| c.at >= clock.due_at));
            prop_assert!(climbs.is_sorted_by_key(|c| c.at));
        }
    }
}
