//! `[[account]]`: locations, lines, staff, known numbers and connections, read into the core's own types.

use super::read::{Context, check_url};
use super::tree::{Section, near};
use crate::problems::Source;
use jiff::civil::Date;
use ringback_connect::sinks::events;
use ringback_connect::{Connection, Secret};
use ringback_core::contract::{self, Contract};
use ringback_core::followup::calendar::{Block, Calendar, Holiday, Week};
use ringback_core::id::{AccountId, ConnectionId, LocationId, StaffId};
use ringback_core::identity;
use ringback_core::problem::Problem;
use ringback_core::roster::{KnownNumber, Line, Location, Roster, Staff};
use ringback_engine::facts::PAGE_WEBHOOK;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

/// The longest slug or connection name, in characters.
const SLUG_CHARS_MAX: usize = 60;

/// One account as the file says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Account {
    pub(crate) slug: String,
    pub(crate) name: String,
    /// Where the contract was read; none means that nothing is written to any CRM.
    #[serde(rename = "contract")]
    pub(crate) contract_file: Option<PathBuf>,
    #[serde(skip)]
    pub(crate) contract: Option<(String, Contract)>,
    /// What is wrong with the contract's text. It keeps that text from coming into force, and nothing else.
    #[serde(skip)]
    pub(crate) wrong: Option<Wrong>,
    pub(crate) roster: Roster,
    #[serde(rename = "connection")]
    pub(crate) connections: Vec<Wanted>,
}

/// A contract's text with what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) source: Source,
    pub(crate) problems: Vec<Problem>,
}

impl Account {
    /// What a contract names and this account's connections are not.
    pub(crate) fn unconnected(&self, crm: Option<&str>, webhook: Option<&str>) -> Vec<Problem> {
        let names = |of: &dyn Fn(&Wanted) -> bool| -> Vec<&str> {
            self.connections.iter().filter(|c| of(c)).map(|c| c.connection.name.as_str()).collect()
        };
        let crms = names(&|c| c.kind == Kind::Crm);
        let webhooks = names(&|c| c.connection.vendor == PAGE_WEBHOOK);
        contract::check_connections(crm, webhook, &crms, &webhooks)
    }

    /// `acct_<slug>`: the slug never changes, so the id does not.
    pub(crate) fn id(&self) -> AccountId {
        AccountId::from_text(format!("{}_{}", AccountId::PREFIX, self.slug))
    }
}

/// What a vendor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Source,
    Crm,
    Sink,
}

impl Kind {
    /// The word in the store.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Crm => "crm",
            Self::Sink => "sink",
        }
    }

    /// What that vendor is for; `None` for an unknown vendor.
    pub(crate) fn of(vendor: &str) -> Option<Self> {
        if ringback_connect::source(vendor).is_some() {
            Some(Self::Source)
        } else if ringback_connect::crm(vendor).is_some() {
            Some(Self::Crm)
        } else {
            SINKS.contains(&vendor).then_some(Self::Sink)
        }
    }
}

/// Vendor words of outgoing pages and events that a file may name; e-mail comes from [mail].
const SINKS: &[&str] = &["webhook", events::NAME];

/// One connection with its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Wanted {
    #[serde(flatten)]
    pub(crate) connection: Connection,
    pub(crate) kind: Kind,
    /// Newest first.
    #[serde(skip)]
    pub(crate) secrets: Vec<Secret>,
    /// Where the connection stands in the text.
    #[serde(skip)]
    pub(crate) at: Range<usize>,
}

/// The id of a connection is its name: unique in the file, so hook URLs read well.
pub(crate) fn connection_id(name: &str) -> ConnectionId {
    ConnectionId::from_text(name)
}

/// Names seen so far, for "twice the same".
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<(&'static str, String), Range<usize>>);

impl Seen {
    /// Notes a name; says so when it was there before.
    pub(crate) fn once(&mut self, context: &Context, kind: &'static str, name: &str, section: &Section, key: &str) {
        let at = section.place(key);
        if let Some(first) = self.0.get(&(kind, name.to_owned())) {
            let cause = format!("there are two {kind}s {name:?}");
            let cure = "take one of them out, or give each its own name; records are kept under it";
            let mut problem = ringback_core::problem::Problem::new("RB-0307", cause, cure).at(at);
            problem.also_at = Some(first.clone());
            context.notes.push(problem);
        } else {
            self.0.insert((kind, name.to_owned()), at);
        }
    }
}

/// Reads one `[[account]]`.
pub(crate) fn account(context: &Context, section: &Section, seen: &mut Seen) -> Option<Account> {
    section.only(&["slug", "name", "contract", "location", "line", "staff", "known_number", "connection"]);
    let slug = slug(section, "slug", "add a short word that never changes, such as slug = \"main\"");
    let name = section.text("name").or_else(|| slug.clone());
    if let Some(slug) = &slug {
        seen.once(context, "account", slug, section, "slug");
    }
    let account = slug.clone().unwrap_or_default();
    let mut inside = Seen::default();
    let locations = locations(context, section, &mut inside);
    let complete = locations.len() == section.list("location").len();
    if !section.has("location") {
        section.missing("location", "add an [[account.location]]: without one no clock can run");
    }
    let names = Names { slugs: locations.iter().map(|l| l.slug.clone()).collect(), complete };
    let region = locations.first().map_or_else(|| "US".to_owned(), |l| l.region.clone());
    let zone = locations.first().map_or_else(|| "UTC".to_owned(), |l| l.calendar.zone().to_owned());
    let lines = lines(context, section, &names, &region, &mut inside);
    let staff = staff(context, section, &names, &zone, &mut inside);
    let known_numbers = known_numbers(section, &region);
    let roster = Roster { version: 0, locations, lines, staff, known_numbers };
    let connections = section
        .list("connection")
        .iter()
        .filter_map(|c| connection(context, c, &account, &names, (&zone, &region), seen))
        .collect();
    let contract_file = section.text("contract").map(PathBuf::from);
    Some(Account { slug: slug?, name: name?, contract_file, contract: None, wrong: None, roster, connections })
}

/// Location slugs that may be named, and whether all of them could be read.
struct Names {
    slugs: Vec<String>,
    complete: bool,
}

impl Names {
    fn id(&self, section: &Section, key: &str, slug: &str, at: Range<usize>, context: &Context) -> Option<LocationId> {
        if self.slugs.iter().any(|s| s == slug) {
            return Some(location_id(slug));
        }
        if self.complete {
            let all: Vec<&str> = self.slugs.iter().map(String::as_str).collect();
            let cure = near(slug, &all)
                .map_or_else(|| format!("known are {}", all.join(", ")), |near| format!("did you mean {near}?"));
            context.notes.say("RB-0308", format!("{} names no location: {slug:?}", section.name(key)), cure, at);
        }
        None
    }
}

fn location_id(slug: &str) -> LocationId {
    LocationId::from_text(format!("{}_{slug}", LocationId::PREFIX))
}

/// Lower-case letters, digits and `-`: it stands in ids, URLs and contracts.
fn slug(section: &Section, key: &str, cure: &str) -> Option<String> {
    let text = section.required(key, cure)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.chars().all(fits) && text.len() <= SLUG_CHARS_MAX {
        return Some(text);
    }
    let cause = format!("{} cannot be {text:?}", section.name(key));
    section.say("RB-0305", key, cause, format!("use small letters, digits and -, at most {SLUG_CHARS_MAX}"));
    None
}

fn locations(context: &Context, account: &Section, seen: &mut Seen) -> Vec<Location> {
    let mut found = Vec::new();
    for section in account.list("location") {
        section.only(&["slug", "name", "zone", "hours", "holidays", "region", "locale", "currency", "vertical"]);
        let slug = slug(&section, "slug", "add a short word that contracts can name, such as slug = \"phoenix\"");
        if let Some(slug) = &slug {
            seen.once(context, "location", slug, &section, "slug");
        }
        let zone = section.required("zone", "add the IANA time zone, such as zone = \"America/Phoenix\"");
        if !section.has("hours") {
            section.missing("hours", "add opening hours, such as hours = { mon = [\"08:00-17:00\"] }");
        }
        let week = section.section("hours").map(|hours| week(context, &hours));
        let holidays = holidays(context, &section);
        let (Some(slug), Some(zone), Some(week)) = (slug, zone, week) else { continue };
        let calendar = Calendar::new(zone, week).with_holidays(holidays);
        for problem in calendar.problems() {
            let key = if problem.code == "RB-0201" { "zone" } else { "hours" };
            context.notes.push(problem.at(section.place(key)));
        }
        found.push(Location {
            id: location_id(&slug),
            name: section.text("name").unwrap_or_else(|| slug.clone()),
            slug,
            calendar,
            region: section.text("region").unwrap_or_else(|| "US".into()),
            locale: section.text("locale").unwrap_or_else(|| "en-US".into()),
            currency: section.text("currency").unwrap_or_else(|| "USD".into()),
            vertical: section.text("vertical"),
            version: 0,
        });
    }
    found
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn week(context: &Context, hours: &Section) -> Week {
    hours.only(&DAYS);
    let day = |key: &str| blocks(context, hours, key);
    let [mon, tue, wed, thu, fri, sat, sun] = DAYS.map(day);
    Week { mon, tue, wed, thu, fri, sat, sun }
}

fn blocks(context: &Context, section: &Section, key: &str) -> Vec<Block> {
    let mut found = Vec::new();
    for (text, at) in section.texts(key) {
        match text.parse() {
            Ok(block) => found.push(block),
            Err(cause) => context.notes.say("RB-0305", cause, "write opening and closing time as 08:00-17:30", at),
        }
    }
    found
}

fn holidays(context: &Context, location: &Section) -> Vec<Holiday> {
    let mut found = Vec::new();
    for section in location.list("holidays") {
        section.only(&["date", "name", "hours"]);
        let hours = blocks(context, &section, "hours");
        let name = section.text("name").unwrap_or_default();
        let Some(text) = section.required("date", "add date = \"2026-12-25\"") else { continue };
        match text.parse::<Date>() {
            Ok(date) => found.push(Holiday { date, name, hours }),
            Err(_) => section.say("RB-0305", "date", format!("{text:?} is no date"), "write it as \"2026-12-25\""),
        }
    }
    found
}

fn lines(context: &Context, account: &Section, names: &Names, region: &str, seen: &mut Seen) -> Vec<Line> {
    let mut found = Vec::new();
    for section in account.list("line") {
        section.only(&["number", "location", "kind", "source", "campaign", "landing_page"]);
        let number = number(&section, region);
        if let Some(number) = &number {
            seen.once(context, "line", number, &section, "number");
        }
        let location = section
            .required("location", "add the slug of the location this number belongs to")
            .and_then(|slug| names.id(&section, "location", &slug, section.place("location"), context));
        let (Some(number), Some(location)) = (number, location) else { continue };
        found.push(Line {
            number,
            location,
            kind: section.text("kind"),
            source: section.text("source"),
            campaign: section.text("campaign"),
            landing_page: section.text("landing_page"),
        });
    }
    found
}

fn number(section: &Section, region: &str) -> Option<String> {
    let text = section.required("number", "add the number with its country code, such as \"+1 312 555 0100\"")?;
    let read = identity::phone(&text, region);
    if read.e164().is_none() {
        let cause = format!("{text:?} is no telephone number");
        section.say("RB-0305", "number", cause, "write it with its country code, such as \"+1 312 555 0100\"");
    }
    read.e164().map(str::to_owned)
}

fn staff(context: &Context, account: &Section, names: &Names, zone: &str, seen: &mut Seen) -> Vec<Staff> {
    let mut found = Vec::new();
    for section in account.list("staff") {
        section.only(&["slug", "name", "roles", "locations", "tier", "crm_owner", "email", "shift", "away"]);
        let slug = slug(&section, "slug", "add a short word that never changes, such as slug = \"dana\"");
        if let Some(slug) = &slug {
            seen.once(context, "person", slug, &section, "slug");
        }
        let at_home: Vec<LocationId> = section
            .texts("locations")
            .into_iter()
            .filter_map(|(slug, at)| names.id(&section, "locations", &slug, at, context))
            .collect();
        let tier = section.number("tier", 1..=3).unwrap_or(1);
        let email = section.text("email");
        if email.as_deref().is_some_and(|e| identity::email(e).is_none()) {
            section.say("RB-0305", "email", "this is no e-mail address", "write it as name@example.com");
        }
        let shift_zone = match at_home.as_slice() {
            [only] => zone_of(account, only).unwrap_or_else(|| zone.to_owned()),
            _ => zone.to_owned(),
        };
        let shift = section.section("shift").map(|s| Calendar::new(shift_zone, week(context, &s)));
        let roles = section.texts("roles").into_iter().map(|(role, _)| role).collect();
        let Some(slug) = slug else { continue };
        found.push(Staff {
            id: StaffId::from_text(format!("{}_{slug}", StaffId::PREFIX)),
            name: section.text("name").unwrap_or(slug),
            roles,
            locations: at_home,
            tier: u8::try_from(tier).unwrap_or(1),
            crm_owner: section.text("crm_owner"),
            email,
            shift,
            away: section.flag("away").unwrap_or(false),
        });
    }
    found
}

/// The zone of a location of that account.
fn zone_of(account: &Section, id: &LocationId) -> Option<String> {
    let is = |l: &&Section| l.text("slug").as_deref() == Some(id.stem());
    account.list("location").iter().find(is).and_then(|l| l.text("zone"))
}

const KNOWN: &[(&str, KnownNumber)] = &[
    ("own", KnownNumber::Own),
    ("shared", KnownNumber::Shared),
    ("vendor", KnownNumber::Vendor),
    ("blocked", KnownNumber::Blocked),
];

fn known_numbers(account: &Section, region: &str) -> Vec<(String, KnownNumber)> {
    let mut found = Vec::new();
    for section in account.list("known_number") {
        section.only(&["number", "is"]);
        if !section.has("is") {
            section.missing("is", "add is = \"own\", \"shared\", \"vendor\" or \"blocked\"");
        }
        if let (Some(number), Some(is)) = (number(&section, region), section.word("is", KNOWN)) {
            found.push((number, is));
        }
    }
    found
}

fn connection(
    context: &Context,
    section: &Section,
    account: &str,
    names: &Names,
    (zone, region): (&str, &str),
    seen: &mut Seen,
) -> Option<Wanted> {
    section.only(&["name", "vendor", "base_url", "zone", "region", "settings", "secret"]);
    let name = slug(section, "name", "add the word of its hook URL, such as name = \"callrail-main\"");
    if let Some(name) = &name {
        seen.once(context, "connection", name, section, "name");
    }
    let vendor = section.required("vendor", "add vendor = \"callrail\" or another known one");
    let kind = vendor.as_deref().and_then(|v| known_vendor(section, v));
    let secrets: Vec<Secret> = if section.is_text("secret") {
        let cure = "write secret = { env = \"NAME\" } or { file = \"path\" }; { text = \"…\" } puts it here, for everybody who reads this file";
        section.say("RB-0306", "secret", "a secret is a table that says where it comes from", cure);
        Vec::new()
    } else {
        section.one_or_more("secret").iter().filter_map(|s| context.secret(s)).collect()
    };
    if kind.is_some() && !section.has("secret") && vendor.as_deref() != Some("phone-log") {
        section.missing("secret", "add secret = { env = \"NAME\" }: nobody is believed, and nothing sent, without one");
    }
    if let Some(url) = section.text("base_url") {
        check_url(section, "base_url", &url);
    }
    let free = section.section("settings").map(|s| s.free_texts()).unwrap_or_default();
    if let Some((slug, at)) = free.get("location") {
        names.id(section, "settings.location", slug, at.clone(), context);
    }
    let connection = Connection {
        id: connection_id(&name.clone()?),
        account: AccountId::from_text(format!("{}_{account}", AccountId::PREFIX)),
        name: name?,
        vendor: vendor?,
        base_url: section.text("base_url").map(|u| u.trim_end_matches('/').to_owned()),
        zone: section.text("zone").unwrap_or_else(|| zone.to_owned()),
        region: section.text("region").unwrap_or_else(|| region.to_owned()),
        settings: free.iter().map(|(k, (v, _))| (k.clone(), v.clone())).collect(),
    };
    if jiff::tz::TimeZone::get(&connection.zone).is_err() && section.has("zone") {
        let cause = format!("the time zone {:?} is not in the IANA database", connection.zone);
        section.say("RB-0305", "zone", cause, "use a name such as America/Phoenix");
    }
    let found = ringback_connect::source(&connection.vendor)
        .map(|s| s.check(&connection))
        .or_else(|| {
            let crm = ringback_connect::crm(&connection.vendor)?;
            Some(crm.check(&connection).into_iter().chain(ringback_connect::calls::check(crm, &connection)).collect())
        })
        .or_else(|| (connection.vendor == events::NAME).then(|| events::check(&connection)))
        .unwrap_or_default();
    for problem in found {
        // The vendor names the setting first; that is where the caret belongs.
        let key = problem.cause.split_whitespace().next().unwrap_or_default();
        let at = free.get(key).map_or_else(|| section.place("settings"), |(_, at)| at.clone());
        context.notes.push(problem.at(at));
    }
    Some(Wanted { connection, kind: kind?, secrets, at: section.at.clone() })
}

fn known_vendor(section: &Section, vendor: &str) -> Option<Kind> {
    let kind = Kind::of(vendor);
    if kind.is_none() {
        let sources = ringback_connect::SOURCES.iter().map(|s| s.about().name);
        let crms = ringback_connect::CRMS.iter().map(|c| c.about().name);
        let all: Vec<&str> = sources.chain(crms).chain(SINKS.iter().copied()).collect();
        let cure = near(vendor, &all)
            .map_or_else(|| format!("known are {}", all.join(", ")), |near| format!("did you mean {near}?"));
        section.say("RB-0309", "vendor", format!("there is no vendor {vendor:?}"), cure);
    }
    kind
}
