//! What one inquiry says in one row: who, how long, what was said, and what waiting costs. Pure: an inquiry and the facts around it in, words out.

use super::words::{closed_word, field_word, flag_word, value_word};
use crate::session::Session;
use crate::texts::t;
use crate::when::{Wall, lasting};
use jiff::Timestamp;
use ringback_core::contract::{Contract, TierTo, percent};
use ringback_core::crm::Properties;
use ringback_core::followup::clock::{CountsIn, LateCause, escalates_at_once, tiers};
use ringback_core::identity::MatchKind;
use ringback_core::inquiry::{HeldClaim, Inquiry, InquiryCall, ReviewKind};
use ringback_core::roster::Location;
use ringback_core::signal::Ending;

/// Where a row stands on *Today*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Now,
    Later,
    Decision,
    Calling,
}

/// Level, due time, how little is at stake, minus the rings, since when: compared in that order.
pub(crate) type Order = (u8, i64, u8, i64, i64);

/// Due within this counts as now.
const SOON_SECONDS: i64 = 60 * 60;

/// One row.
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) group: Group,
    /// The less, the sooner: see [`cost`].
    pub(crate) order: Order,
    pub(crate) cost: String,
    /// `past`, `soon` or nothing: with a word, never colour alone.
    pub(crate) tone: &'static str,
    pub(crate) waiting: String,
    pub(crate) since_ms: i64,
    pub(crate) due: String,
    pub(crate) in_whose_hours: String,
    pub(crate) name: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) tel: Option<String>,
    pub(crate) known: String,
    pub(crate) how: String,
    pub(crate) rang: Option<String>,
    pub(crate) quote: Option<String>,
    pub(crate) silence: String,
    pub(crate) sure: Option<String>,
    pub(crate) said: Vec<(String, String)>,
    pub(crate) tier: String,
    pub(crate) place: String,
    pub(crate) owner: String,
    pub(crate) taken_by_me: bool,
    pub(crate) taken: bool,
    pub(crate) taken_by: Option<String>,
    pub(crate) asks: usize,
    pub(crate) urgent: bool,
    /// What the caller wants to be handled with: a complaint, a supplier.
    pub(crate) flags: Vec<&'static str>,
    /// The caller asked not to be called.
    pub(crate) wary: bool,
}

/// What a row must know besides the inquiry.
pub(crate) struct Around<'a> {
    pub(crate) session: &'a Session,
    pub(crate) contract: Option<&'a Contract>,
    pub(crate) now: Timestamp,
}

/// The row of an inquiry.
pub(crate) fn card(inquiry: &Inquiry, around: &Around<'_>) -> Card {
    let now = around.now;
    let wall = around.session.wall(inquiry.location.as_ref());
    let place = inquiry.location.as_ref().and_then(|id| around.session.roster.location(id));
    // Whose clock it is where that is not the page's.
    let (here, there) = (around.session.wall(None).zone_word(now), wall.zone_word(now));
    let clock = if here == there { String::new() } else { format!(" {there}") };
    let clock = clock.as_str();
    let since = inquiry.clock.as_ref().map_or(inquiry.opened_at, |c| c.started_at);
    let due_at = inquiry.next_callback_at.or_else(|| inquiry.clock.as_ref().map(|c| c.due_at));
    let left = due_at.map(|at| at.as_second() - now.as_second());
    let tone = match left {
        Some(left) if left < 0 => "past",
        Some(left) if left < SOON_SECONDS / 4 => "soon",
        _ => "",
    };
    let (order, cost) = cost(inquiry, due_at, now);
    let voice = voice(inquiry);
    Card {
        id: inquiry.id.as_str().to_owned(),
        group: group(inquiry, left),
        order,
        cost,
        tone,
        waiting: lasting(now.as_second() - since.as_second()),
        since_ms: since.as_millisecond(),
        due: due_word(due_at, now, &wall) + if left.is_some_and(|left| left >= 0) { clock } else { "" },
        in_whose_hours: hours_word(inquiry, place, now, &wall),
        name: name(inquiry),
        phone: phone(inquiry),
        tel: inquiry.callback_number(),
        known: known(inquiry),
        how: inquiry.last_call().map_or_else(String::new, how),
        rang: (inquiry.calls.len() > 1).then(|| rang(inquiry, now, &wall)),
        quote: voice.as_ref().map(|c| c.quote.clone()),
        silence: silence(inquiry),
        sure: sure(inquiry),
        said: said(inquiry, now, &wall),
        tier: tier(inquiry, around, place),
        place: place.map_or_else(|| t("card.no_location").to_owned(), |l| l.name.clone()),
        owner: owner(inquiry),
        taken_by_me: inquiry.taken_by.as_ref() == Some(&around.session.user),
        taken: inquiry.taken_by.is_some(),
        taken_by: inquiry.taken_by.as_ref().map(|u| u.as_str().to_owned()),
        asks: inquiry.reviews.len(),
        urgent: inquiry.urgent(),
        flags: flags(inquiry),
        wary: inquiry.flags().contains("opt_out"),
    }
}

/// Flags that change how one speaks to the caller. An emergency is said by the urgency, what is asked for by the quote.
fn flags(inquiry: &Inquiry) -> Vec<&'static str> {
    let told = ["opt_out", "complaint", "existing_customer_issue", "high_value", "competitor", "vendor", "spam"];
    let raised = inquiry.flags();
    told.into_iter().filter(|f| raised.contains(*f)).filter_map(flag_word).collect()
}

fn group(inquiry: &Inquiry, left: Option<i64>) -> Group {
    let stops = |k: &ReviewKind| {
        matches!(k, ReviewKind::NoNumber | ReviewKind::AmbiguousVoicemail | ReviewKind::UnknownLocation)
    };
    if inquiry.taken_by.is_some() {
        Group::Calling
    } else if inquiry.callback_number().is_none() || inquiry.reviews.iter().any(|r| stops(&r.kind)) {
        Group::Decision
    } else if inquiry.urgent() || left.is_none_or(|left| left < SOON_SECONDS) {
        Group::Now
    } else {
        Group::Later
    }
}

/// What waiting costs, as an order and as the sentence behind it: emergencies, then urgent callers, then promises already broken (longest
/// first), then by the promise's time; among equals whoever is a customer with open business, then whoever rang most.
fn cost(inquiry: &Inquiry, due_at: Option<Timestamp>, now: Timestamp) -> (Order, String) {
    let mut why = Vec::new();
    let urgency = inquiry.urgency();
    let deals = open_deals(inquiry).count();
    let past = due_at.filter(|at| *at < now);
    let level = match (urgency.as_str(), past) {
        ("emergency", _) => 0,
        ("high", _) => 1,
        (_, Some(_)) => 2,
        (_, None) => 3,
    };
    match level {
        0 => why.push(t("cost.emergency").to_owned()),
        1 => why.push(t("cost.high").to_owned()),
        _ => {}
    }
    match (past, due_at) {
        (Some(at), _) => why.push(format!("{} {}", t("card.past_due"), lasting(now.as_second() - at.as_second()))),
        (None, Some(at)) => why.push(format!("{} {}", t("cost.due_in"), lasting(at.as_second() - now.as_second()))),
        (None, None) => why.push(t("cost.no_due").to_owned()),
    }
    if deals > 0 {
        why.push(t("cost.deal").to_owned());
    }
    if inquiry.calls.len() > 1 {
        why.push(format!("{} {}×", t("card.rang"), inquiry.calls.len()));
    }
    let known = u8::from(deals == 0) + u8::from(inquiry.matched.as_ref().map(|m| m.kind) != Some(MatchKind::Customer));
    let rings = i64::try_from(inquiry.calls.len()).unwrap_or(i64::MAX);
    let since = inquiry.opened_at.as_microsecond();
    ((level, due_at.map_or(i64::MAX, Timestamp::as_microsecond), known, -rings, since), why.join(" · "))
}

fn due_word(due_at: Option<Timestamp>, now: Timestamp, wall: &Wall) -> String {
    match due_at {
        None => t("card.no_due").to_owned(),
        Some(at) if at < now => {
            format!("{} {}", t("card.past_due"), lasting(now.as_second() - at.as_second()))
        }
        Some(at) => format!("{} {}", t("card.due"), wall.moment(at, now)),
    }
}

fn hours_word(inquiry: &Inquiry, place: Option<&Location>, now: Timestamp, wall: &Wall) -> String {
    let Some(clock) = &inquiry.clock else { return String::new() };
    let late = match clock.late_cause {
        Some(LateCause::SourceLate { seconds }) => {
            format!(" · {} {} {}", t("card.reported"), lasting(seconds), t("card.late"))
        }
        None => String::new(),
    };
    let counts = match (clock.counts_in, place.filter(|p| !p.calendar.is_open(now))) {
        (CountsIn::Wall, _) => t("card.wall").to_owned(),
        (CountsIn::OpenHours, Some(place)) => {
            let opens = place.calendar.next_opening(now).map(|at| wall.moment(at, now)).unwrap_or_default();
            format!("{} {opens}", t("hours.opens"))
        }
        // Past due is told by the wall: the hours of the place say nothing about that figure.
        (CountsIn::OpenHours, None) if clock.due_at <= now => return late.trim_start_matches(" · ").to_owned(),
        (CountsIn::OpenHours, None) => match place {
            Some(place) => format!("{} {}", place.name, t("card.hours")),
            None => t("card.open_hours").to_owned(),
        },
    };
    counts + &late
}

/// The name in a record of whatever CRM: each writes its properties in its own way. What stands where nobody said a name is no name.
fn crm_name(properties: &Properties, e164: Option<&str>) -> Option<String> {
    let part = |wanted: &str| {
        let plain = |name: &str| name.replace('_', "").eq_ignore_ascii_case(wanted);
        let found = properties.iter().find(|(name, value)| plain(name) && !value.trim().is_empty());
        found.map(|(_, value)| value.trim())
    };
    let both: Vec<&str> = ["firstname", "lastname"].into_iter().filter_map(part).collect();
    let name = if both.is_empty() { part("name")?.to_owned() } else { both.join(" ") };
    (e164.is_none_or(|e164| name != format!("Caller {e164}"))).then_some(name)
}

/// As the CRM knows the caller, else as the caller said, else as a directory knows the number.
pub(crate) fn name(inquiry: &Inquiry) -> Option<String> {
    let known = inquiry.contact.as_ref().filter(|c| !c.made);
    let crm = known.and_then(|c| crm_name(&c.record_held.properties, inquiry.e164.as_deref()));
    if crm.is_some() {
        return crm;
    }
    let said = inquiry.steering("caller_name").map(|c| c.claim.value.text());
    said.or_else(|| inquiry.calls.iter().rev().find_map(|c| c.caller_name.clone()))
}

/// Who says so, for a name that the caller did not say.
pub(crate) fn name_source(inquiry: &Inquiry) -> &'static str {
    let in_crm = |c: &ringback_core::inquiry::Contact| !c.made && !c.record_held.properties.is_empty();
    t(if inquiry.contact.as_ref().is_some_and(in_crm) { "brief.crm_says" } else { "brief.directory_says" })
}

pub(crate) fn phone(inquiry: &Inquiry) -> Option<String> {
    let number = inquiry.callback_number()?;
    // The national part is known of the number that showed; another one that was said is written as it is dialled.
    let national = inquiry.national.as_deref().filter(|_| Some(&number) == inquiry.e164.as_ref());
    Some(readable_number(&number, national))
}

/// Whom an inquiry is about, as every page says it: by name, else by number, else by what a workflow began it with.
pub(crate) fn who(inquiry: &Inquiry) -> String {
    let known = name(inquiry).or_else(|| phone(inquiry)).or_else(|| subject(inquiry));
    known.unwrap_or_else(|| t("card.no_caller").to_owned())
}

fn subject(inquiry: &Inquiry) -> Option<String> {
    let (_, subject) = inquiry.subject()?;
    let record = || inquiry.contact.as_ref().map(|c| &c.record).or(subject.record.as_ref());
    subject.email.clone().or_else(|| Some(format!("{} {}", t("review.record"), record()?)))
}

/// `(602) 555-0142` in the North American plan, else country code, a space and the rest.
pub(crate) fn readable_number(e164: &str, national: Option<&str>) -> String {
    if let Some(ten) = e164.strip_prefix("+1").filter(|n| n.len() == 10)
        && let (Some(area), Some(office), Some(line)) = (ten.get(..3), ten.get(3..6), ten.get(6..))
    {
        return format!("({area}) {office}-{line}");
    }
    match national.and_then(|n| e164.strip_suffix(n).map(|code| (code, n))) {
        Some((code, rest)) => format!("{code} {rest}"),
        None => e164.to_owned(),
    }
}

fn open_deals(inquiry: &Inquiry) -> impl Iterator<Item = &ringback_core::inquiry::Deal> {
    inquiry.snapshot.iter().flat_map(|s| &s.deals).filter(|d| d.open)
}

/// `customer · open: Furnace estimate`.
pub(crate) fn known(inquiry: &Inquiry) -> String {
    let mut words = vec![match &inquiry.matched {
        Some(m) => t(match m.kind {
            MatchKind::Customer => "match.customer",
            MatchKind::Lead => "match.lead",
            MatchKind::New => "match.new",
            MatchKind::Ambiguous => "match.ambiguous",
            MatchKind::Anonymous => "match.anonymous",
            MatchKind::Vendor => "match.vendor",
        })
        .to_owned(),
        None if inquiry.e164.is_none() => t("match.anonymous").to_owned(),
        None => t("match.waiting").to_owned(),
    }];
    words.extend(open_deals(inquiry).take(2).map(|d| format!("{} {}", t("card.open_deal"), d.name)));
    words.join(" · ")
}

/// `voicemail, after hours · Google Ads`.
pub(crate) fn how(call: &InquiryCall) -> String {
    let mut text = t(category(&call.category)).to_owned();
    if call.after_hours == Some(true) {
        text = format!("{text}, {}", t("card.after_hours"));
    }
    match &call.attribution.source {
        Some(source) => format!("{text} · {source}"),
        None => text,
    }
}

pub(crate) fn category(word: &str) -> &'static str {
    match word {
        "ring_no_answer" => "category.ring_no_answer",
        "voicemail" => "category.voicemail",
        "abandoned" => "category.abandoned",
        "busy" => "category.busy",
        "failed_after_form" => "category.failed_after_form",
        "ai_answered" => "category.ai_answered",
        "answered" => "category.answered",
        "form" => "category.form",
        _ => "category.unknown",
    }
}

fn rang(inquiry: &Inquiry, now: Timestamp, wall: &Wall) -> String {
    let last = inquiry.last_call().map(|c| wall.moment(c.started_at, now)).unwrap_or_default();
    format!("{} {}×, {} {last}", t("card.rang"), inquiry.calls.len(), t("card.last"))
}

/// The sentence that says most about why to call: an emergency first, then what is wanted, then why they called; else whatever was understood.
pub(crate) fn voice(inquiry: &Inquiry) -> Option<&HeldClaim> {
    let pressing = inquiry.urgent().then_some("urgency");
    let order = ["flag.complaint", "service", "reason_code", "intent", "urgency", "timeline", "when", "budget"];
    let words = |c: &&HeldClaim| !c.quote.trim().is_empty();
    let best = pressing.into_iter().chain(order).filter_map(|f| inquiry.steering(f)).find(words);
    best.or_else(|| inquiry.claims.values().filter(words).max_by_key(|c| c.claim.confidence))
}

pub(crate) fn silence(inquiry: &Inquiry) -> String {
    let waits = |c: &InquiryCall| c.ending == Ending::Voicemail && c.transcripts.is_empty();
    t(if inquiry.calls.iter().any(waits) {
        "card.words_pending"
    } else if inquiry.calls.iter().any(|c| !c.transcripts.is_empty()) {
        "card.words_unclear"
    } else {
        "card.no_message"
    })
    .to_owned()
}

/// `emergency · 97 % sure`; every other word says that it is the urgency.
fn sure(inquiry: &Inquiry) -> Option<String> {
    let claim = inquiry.steering("urgency")?;
    let value = claim.claim.value.text();
    let word = closed_word("urgency", &value).map_or_else(|| value.clone(), str::to_owned);
    let sure = how_sure(claim.claim.confidence.0);
    Some(if value == "emergency" {
        format!("{word} · {sure}")
    } else {
        format!("{}: {word} · {sure}", t("field.urgency"))
    })
}

/// What else was said that helps on the phone: service, day, address.
fn said(inquiry: &Inquiry, now: Timestamp, wall: &Wall) -> Vec<(String, String)> {
    let fields = ["service", "when", "timeline", "address", "budget"];
    let one = |f: &str| {
        let value = inquiry.steering(f)?.claim.value.text();
        Some((field_word(f), value_word(f, &value, now, wall)))
    };
    fields.into_iter().filter_map(one).take(4).collect()
}

/// `94.6 % sure`. Never rounded: beside a threshold it would look as if it had been reached.
pub(crate) fn how_sure(thousandths: u16) -> String {
    format!("{} {}", percent(thousandths), t("card.sure"))
}

pub(crate) fn owner(inquiry: &Inquiry) -> String {
    match &inquiry.owner {
        Some(owner) if owner.provisional => format!("{} ({})", owner.name, t("card.provisional")),
        Some(owner) => owner.name.clone(),
        None => t("card.unowned").to_owned(),
    }
}

pub(crate) fn tier_name(tier: u8) -> &'static str {
    t(match tier {
        0 | 1 => "tier.location",
        2 => "tier.corporate",
        _ => "tier.specialist",
    })
}

/// `location staff → corporate in 3 min`; once it has climbed, `corporate was told → specialist in 8 min`.
fn tier(inquiry: &Inquiry, around: &Around<'_>, place: Option<&Location>) -> String {
    let here = match inquiry.tier {
        0 | 1 => tier_name(1).to_owned(),
        climbed => format!("{} {}", tier_name(climbed), t("tier.told")),
    };
    let next = || {
        let (clock, contract, place) = (inquiry.clock.as_ref()?, around.contract?, place?);
        let rules = contract.clock_for(&place.slug);
        let flags = inquiry.flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let urgency = inquiry.urgency().parse().unwrap_or_default();
        let at_once = escalates_at_once(rules, urgency, &flags).is_some();
        let climbs = tiers(clock, &rules.tiers, at_once, inquiry.opened_at, &place.calendar);
        climbs.into_iter().find(|c| c.at > around.now && c.to.number() > inquiry.tier)
    };
    match next().filter(|_| inquiry.taken_by.is_none()) {
        Some(climb) => {
            let to = match climb.to {
                TierTo::Location => 1,
                TierTo::Corporate => 2,
                TierTo::Specialist => 3,
            };
            let left = lasting(climb.at.as_second() - around.now.as_second());
            format!("{here} → {} {} {left}", tier_name(to), t("card.in"))
        }
        None => here,
    }
}

#[cfg(test)]
mod tests {
    use super::{crm_name, how_sure, readable_number};

    #[test]
    fn every_crm_tells_the_name_and_a_placeholder_is_none() {
        let name = |held: &[(&str, &str)]| {
            let held = held.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            crm_name(&held, Some("+12055550110"))
        };
        for (first, last) in [("firstname", "lastname"), ("FirstName", "LastName"), ("First_Name", "Last_Name")] {
            assert_eq!(name(&[(first, "Ben"), (last, "Kowalski"), ("phone", "1")]).as_deref(), Some("Ben Kowalski"));
        }
        assert_eq!(name(&[("name", "Ben Kowalski")]).as_deref(), Some("Ben Kowalski"));
        assert_eq!(name(&[("LastName", "Caller +12055550110")]), None);
        assert_eq!(name(&[("phone", "1"), ("firstname", " ")]), None);
    }

    #[test]
    fn what_is_less_sure_than_a_threshold_never_looks_as_sure() {
        assert_eq!(how_sure(946), "94.6 % sure");
        assert_eq!(how_sure(950), "95 % sure");
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(readable_number("+16025550142", Some("6025550142")), "(602) 555-0142");
        assert_eq!(readable_number("+49405550142", Some("405550142")), "+49 405550142");
        assert_eq!(readable_number("+49405550142", None), "+49405550142");
    }
}
