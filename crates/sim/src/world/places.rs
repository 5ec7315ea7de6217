//! The businesses: sites in several zones, staff of three tiers, what the CRM knows already.

use super::{Account, Person, Place};
use crate::dice::Dice;
use crate::hours::Hours;
use jiff::civil::Date;
use ringback_core::contract::DEFAULT_TEXT;
use ringback_core::id::{LocationId, StaffId};
use ringback_core::roster::{KnownNumber, Location, Staff};
use ringback_twins::callrail::Company;
use ringback_twins::fault::Script;

/// How long the engine waits for an answer; the twins take that long to say nothing.
const CLIENT_TIMEOUT_MS: i64 = 10_000;

struct Zone {
    zone: &'static str,
    region: &'static str,
    slug: &'static str,
    name: &'static str,
}

const ZONES: &[Zone] = &[
    // No daylight saving, wherever the server stands.
    Zone { zone: "America/Phoenix", region: "US", slug: "phoenix", name: "Phoenix" },
    Zone { zone: "America/New_York", region: "US", slug: "new-york", name: "New York" },
    Zone { zone: "Europe/Berlin", region: "DE", slug: "berlin", name: "Berlin" },
];
const HOURS: &[&[&str]] = &[&["08:00-17:00"], &["07:30-18:00"], &["08:00-12:00", "13:00-17:00"]];
/// Days on which something is odd about the calendar: the evening before a clock change here or there, the day before a holiday.
const ODD_DAYS: &[&str] =
    &["2026-03-06", "2026-10-30", "2026-03-27", "2026-10-23", "2026-11-25", "2026-12-24", "2026-05-19"];

/// When it all begins: mostly on an ordinary day, sometimes before a clock change or holiday, at any hour.
pub(super) fn start(dice: &mut Dice) -> i64 {
    let day: Date = if dice.percent(40) {
        dice.pick(ODD_DAYS).parse().unwrap_or(jiff::civil::date(2026, 5, 19))
    } else {
        let of_year = i32::try_from(dice.between(0, 300)).unwrap_or(0);
        jiff::civil::date(2026, 1, 5)
            .checked_add(jiff::Span::new().days(of_year))
            .unwrap_or(jiff::civil::date(2026, 5, 19))
    };
    let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |z| z.timestamp().as_millisecond());
    midnight + dice.between(6, 20) * 3_600_000 + dice.between(0, 3_599) * 1_000
}

pub(super) fn accounts(dice: &mut Dice, start_ms: i64) -> Vec<Account> {
    let count = if dice.percent(45) { 2 } else { 1 };
    (0..count).map(|n| account(&mut dice.split(n), n, start_ms)).collect()
}

fn account(dice: &mut Dice, n: u64, start_ms: i64) -> Account {
    let letter = if n == 0 { 'a' } else { 'b' };
    let id = format!("acct_{letter}");
    let count = usize::try_from(dice.between(1, 2)).unwrap_or(1);
    let first = usize::try_from(dice.between(0, 2)).unwrap_or(0);
    let sites: Vec<Place> = (0..count)
        .filter_map(|k| ZONES.get((first + k) % ZONES.len()).map(|z| (k, z)))
        .map(|(k, zone)| place(dice, letter, k, zone, start_ms))
        .collect();
    let pager_secret = dice.percent(60).then(|| format!("whsec_c2ltdWxhdGlvbi1wYWdlci0{letter}c2VjcmV0MDAw"));
    Account {
        contract: contract(dice, pager_secret.is_some()),
        staff: staff(&sites, letter),
        known: known(),
        company: Company::new(
            500 + n,
            &format!("Simulated Services {letter}"),
            "America/New_York",
            &format!("rail-signing-key-{letter}"),
        ),
        twilio_sid: format!("AC{:032x}", 0xabc0 + n),
        twilio_token: format!("twilio-token-{letter}"),
        token: format!("pat-sim-{letter}"),
        pager_secret,
        people: Vec::new(),
        crm_faults: quiet(),
        pager_faults: quiet(),
        desk_secret: ((start_ms / 1_000 + i64::try_from(n).unwrap_or(0)) % 2 == 0)
            .then(|| format!("whsec_c2ltdWxhdGlvbi1kZXNrLSB{letter}c2VjcmV0MDAw")),
        desk_faults: quiet(),
        id,
        letter,
        sites,
    }
}

/// The business of the demonstration: one site in Phoenix, open on working days from eight to five.
pub fn demo_account() -> Account {
    let mut dice = Dice::new(1);
    let mut made = account(&mut dice, 0, 0);
    let hours = Hours { zone: "America/Phoenix", blocks: vec!["08:00-17:00"], weekends: false, holidays: Vec::new() };
    let mut place = ZONES.first().map(|zone| place(&mut dice, 'a', 0, zone, 0));
    if let Some(place) = &mut place {
        place.location.calendar = hours.calendar();
        place.location.vertical = Some("hvac".into());
        place.hours = hours;
    }
    made.company.name = "Saguaro Heating and Air".into();
    made.sites = place.into_iter().collect();
    made.staff = staff(&made.sites, 'a');
    made.pager_secret = Some("whsec_ZGVtb25zdHJhdGlvbi1wYWdlci1zZWNyZXQ=".into());
    made.desk_secret = None;
    made.contract = DEFAULT_TEXT.replacen("# webhook = \"pager\"", "webhook = \"pager\"", 1);
    made
}

/// Nothing goes wrong.
pub(crate) fn quiet() -> Script {
    Script { client_timeout_ms: CLIENT_TIMEOUT_MS, ..Script::default() }
}

fn place(dice: &mut Dice, letter: char, k: usize, zone: &Zone, start_ms: i64) -> Place {
    let today =
        jiff::Timestamp::from_millisecond(start_ms).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
    let tomorrow = today.checked_add(jiff::Span::new().days(1)).unwrap_or(today);
    let holidays = if dice.percent(25) { vec![tomorrow] } else { Vec::new() };
    let hours = Hours { zone: zone.zone, blocks: dice.pick(HOURS).to_vec(), weekends: dice.percent(30), holidays };
    let location = Location {
        id: LocationId::from_text(format!("loc_{letter}_{}", zone.slug)),
        slug: zone.slug.to_owned(),
        name: zone.name.to_owned(),
        calendar: hours.calendar(),
        region: zone.region.to_owned(),
        locale: if zone.region == "DE" { "de-DE" } else { "en-US" }.to_owned(),
        currency: if zone.region == "DE" { "EUR" } else { "USD" }.to_owned(),
        vertical: dice.percent(50).then(|| "hvac".to_owned()),
        version: 1,
    };
    let line = |kind: usize| format!("+1602555{:04}", (if letter == 'a' { 1000 } else { 2000 }) + 10 * k + kind);
    Place { location, hours, tracking: line(1), direct: line(2) }
}

/// Tier 1 at every site, tier 2 and 3 for all. The first owner of the CRM is the tier 2: records of customers belong to somebody else than
/// who answers first.
fn staff(sites: &[Place], letter: char) -> Vec<Staff> {
    let person = |id: String, name: &str, tier: u8, locations: Vec<LocationId>, owner: Option<&str>| Staff {
        id: StaffId::from_text(id),
        name: name.to_owned(),
        roles: vec![format!("tier{tier}")],
        locations,
        tier,
        crm_owner: owner.map(str::to_owned),
        email: None,
        shift: None,
        away: false,
    };
    let mut all: Vec<Staff> = sites
        .iter()
        .map(|s| {
            let here = vec![s.location.id.clone()];
            person(format!("staff_{letter}_{}", s.location.slug), "Robin Front", 1, here, Some("90002"))
        })
        .collect();
    all.push(person(format!("staff_{letter}_corporate"), "Ada North", 2, Vec::new(), Some("90001")));
    all.push(person(format!("staff_{letter}_specialist"), "Sam Deep", 3, Vec::new(), None));
    all
}

/// Numbers everybody in the business knows.
fn known() -> Vec<(String, KnownNumber)> {
    vec![
        (VENDOR.to_owned(), KnownNumber::Vendor),
        (SWITCHBOARD.to_owned(), KnownNumber::Shared),
        (BLOCKED.to_owned(), KnownNumber::Blocked),
    ]
}

/// A supplier's number.
pub(super) const VENDOR: &str = "+16025559001";
/// A number that several people use.
pub(super) const SWITCHBOARD: &str = "+16025559002";
/// A number nobody wants to hear of.
pub(super) const BLOCKED: &str = "+16025559003";

/// The default contract, or one that lets the machine write fields.
fn contract(dice: &mut Dice, pages: bool) -> String {
    let mut text = DEFAULT_TEXT.to_owned();
    if dice.percent(35) {
        text = text.replacen("autonomy = \"auto-low-risk\"", "autonomy = \"auto\"", 1);
    }
    if pages {
        text = text.replacen("# webhook = \"pager\"", "webhook = \"pager\"", 1);
    }
    text
}

const FIRST: &[&str] = &["Maria", "James", "Aisha", "Peter", "Ines", "Jonas", "Mei", "Omar"];
const LAST: &[&str] = &["Lopez", "Carter", "Khan", "Novak", "Silva", "Braun", "Chen", "Haddad"];

/// A contact of the CRM with its number as people type it.
pub(crate) fn person(dice: &mut Dice, e164: &str, customer: bool) -> Person {
    let digits: String = e164.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix('1').unwrap_or(&digits);
    let part = |from: usize, to: usize| national.get(from..to).unwrap_or_default();
    let (a, b, c) = (part(0, 3), part(3, 6), national.get(6..).unwrap_or_default());
    let phone = match dice.between(0, 5) {
        0 => e164.to_owned(),
        1 => format!("({a}) {b}-{c}"),
        2 => format!("{a}.{b}.{c}"),
        3 => format!("1-{a}-{b}-{c}"),
        4 => format!("+1 {a} {b} {c}"),
        _ => national.to_owned(),
    };
    let typed = if dice.percent(50) {
        vec![("rb_budget".to_owned(), "4000".to_owned()), ("city".to_owned(), "Evanston".to_owned())]
    } else {
        vec![("jobtitle".to_owned(), "Owner".to_owned())]
    };
    Person {
        e164: e164.to_owned(),
        phone,
        mobile: dice.percent(30),
        first: (*dice.pick(FIRST)).to_owned(),
        last: (*dice.pick(LAST)).to_owned(),
        customer,
        owner: dice.percent(70).then(|| "90001".to_owned()),
        deal: dice.percent(35).then(|| "New furnace".to_owned()),
        typed,
    }
}
