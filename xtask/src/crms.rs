//! The reference page of all CRMs, made from what the registry says of each.

use ringback_connect::{About, Auth, CRMS, Connection, Crm, Grant, Limits};
use ringback_core::crm::{CrmOp, DealsWay, KeyWay, Object, PersonKey, Properties, WriteTraits};
use ringback_core::id::{AccountId, ConnectionId};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// The page below the root.
pub const PAGE: &str = "docs/reference/crms.md";

const ABOVE: &str = "What Ringback knows of each CRM, as data: this is what it acts on. How to connect one stands in its guide. A plan's larger limits are \
    told in the connection's settings (`burst_requests`, `search_per_second`, `daily_requests`); `ringback doctor --volume 400-per-day` \
    holds them against your calls, and `ringback probe` measures lags in a sandbox: longer ones than those below take effect.";

/// The page's text.
pub fn page() -> String {
    let mut text =
        format!("<!-- Made by `cargo xtask generate` from the registry in crates/connect. -->\n# CRMs\n\n{ABOVE}\n");
    text.push_str("\n| CRM | new person twice at once | search late by | requests | a day | at once |\n|---|---|---|---|---|---|\n");
    for crm in CRMS {
        let Some(writes) = crm.about().writes else { continue };
        let about = crm.about();
        let _ = writeln!(
            text,
            "| [{}](#{}) | {} | {} | {} | {} | {} |",
            about.title,
            anchor(about.title),
            race(*crm, writes, Object::Contact).0,
            if crm.acknowledges() { "not asked".to_owned() } else { lag(writes.search_lag) },
            burst(about.limits),
            daily(about.limits),
            number(about.limits.concurrent_requests_max),
        );
    }
    for crm in CRMS {
        one(&mut text, *crm);
    }
    text
}

/// A heading's address on the page.
pub fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

fn one(text: &mut String, crm: &dyn Crm) {
    let about = crm.about();
    let Some(writes) = about.writes else { return };
    let _ = write!(
        text,
        "\n## {}\n\nvendor = `{}` · [guide](../guides/connect-{}.md) · [the vendor's documents]({}) · {}\n\n",
        about.title,
        about.name,
        about.name,
        about.docs_url,
        credential(about)
    );
    text.push_str("| record | how Ringback's key is held | the same twice at once |\n|---|---|---|\n");
    for object in [Object::Contact, Object::Call, Object::Task] {
        let _ =
            writeln!(text, "| {} | {} | {} |", object.as_str(), held(crm, writes, object), race(crm, writes, object).1);
    }
    let deals = match writes.deals {
        DealsWay::Associations => "read through the person's record, never written",
        DealsWay::Search => "looked for by the person, never written",
        DealsWay::None => "not read",
    };
    let _ = writeln!(text, "| deal | {deals} | |");
    let linked = if writes.links_in_write { "in the same request" } else { "by a request of its own" };
    let _ = write!(text, "\nA call or task is linked to its person {linked}.\n\n");
    text.push_str("| limit | figure |\n|---|---|\n");
    let limits = about.limits;
    for (what, figure) in [
        ("requests", burst(limits)),
        (
            "searches",
            if limits.search_per_second == 0 {
                "not published".into()
            } else {
                format!("{} a second", limits.search_per_second)
            },
        ),
        ("a day", daily(limits)),
        ("requests at once", number(limits.concurrent_requests_max)),
        ("one exchange may take", seconds(writes.timeout)),
        ("an unanswered write may still land", format!("{} after that", seconds(writes.settling))),
        ("a search may miss a new record for", lag(writes.search_lag)),
        ("a look by key may miss it for", lag(writes.key_lag)),
    ] {
        let _ = writeln!(text, "| {what} | {figure} |");
    }
    batches(text, crm);
    text.push_str("\nWhat to know:\n\n");
    for quirk in about.quirks {
        let _ = writeln!(text, "- {quirk}.");
    }
}

/// How many operations share a request, and what one costs where that is not one.
fn batches(text: &mut String, crm: &dyn Crm) {
    let connection = connection(crm.about().name);
    let rows: Vec<(&str, usize, u32)> = operations(crm)
        .into_iter()
        .filter(|(_, operation)| used(crm, operation))
        .filter(|(_, operation)| crm.request(std::slice::from_ref(operation), &connection).is_ok())
        .map(|(name, operation)| {
            let most = crm.batch_items_max(&operation, &connection);
            (name, most, crm.cost(std::slice::from_ref(&operation)))
        })
        .collect();
    let unit = crm.about().limits.daily_unit;
    text.push_str(&format!("\n| operation | in one request | {unit} each |\n|---|---|---|\n"));
    for (name, most, cost) in rows {
        let _ = writeln!(text, "| {name} | {most} | {cost} |");
    }
}

/// Of the two ways to make a record only the one that is taken.
fn used(crm: &dyn Crm, operation: &CrmOp) -> bool {
    let way = crm.about().writes.map(|w| w.way(operation.object()));
    match operation {
        CrmOp::Upsert { .. } => way == Some(KeyWay::Upsert),
        CrmOp::Create { .. } => way == Some(KeyWay::LookThenCreate),
        _ => true,
    }
}

fn operations(crm: &dyn Crm) -> Vec<(&'static str, CrmOp)> {
    let (key, of) = ("rb-contact-0123456789abcdef".to_owned(), None);
    let object = Object::Contact;
    let words = crm.words();
    let properties = Properties::from([(words.contact_name.to_owned(), "Dana".to_owned())]);
    let id = match crm.about().name {
        "zoho" => "Leads/512",
        "dynamics" => "leads/11111111-2222-4333-8444-555555555555",
        "salesforce" => "00QKX000001abcdAAA",
        _ => "512",
    };
    let id = id.to_owned();
    let phone = PersonKey::Phone { e164: "+13125550142".into(), national: "3125550142".into() };
    vec![
        ("find a person", CrmOp::FindPerson { keys: vec![phone], properties: Vec::new() }),
        (
            "look by key",
            CrmOp::ReadByKey {
                object,
                key: key.clone(),
                of: of.clone(),
                properties: Vec::new(),
                associations: Vec::new(),
            },
        ),
        (
            "read by id",
            CrmOp::ReadById {
                object,
                id: id.clone(),
                properties: Vec::new(),
                associations: Vec::new(),
                history: false,
            },
        ),
        (
            "create or update by key",
            CrmOp::Upsert { object, key: key.clone(), of: of.clone(), properties: properties.clone() },
        ),
        ("create", CrmOp::Create { object, key, of, properties: properties.clone() }),
        ("update", CrmOp::Update { object, id: id.clone(), properties, seen: None }),
        ("delete (probe only)", CrmOp::Delete { object, id }),
    ]
}

fn connection(vendor: &str) -> Connection {
    let settings =
        [("location_id", "ve9EPM428h8vShlRW1KT"), ("field.contact.rb_key", "0123456789abcdef0123456789abcdef01234567")];
    Connection {
        id: ConnectionId::from_text("conn_page"),
        account: AccountId::from_text("acct_page"),
        name: format!("{vendor}-main"),
        vendor: vendor.to_owned(),
        base_url: Some("https://crm.example.com".into()),
        zone: "UTC".into(),
        region: "US".into(),
        settings: settings.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>(),
    }
}

fn credential(about: &About) -> &'static str {
    match (about.auth, about.oauth) {
        (Auth::Signed, _) => "messages are signed",
        (_, Some(oauth)) if oauth.grant == Grant::ClientCredentials => "a client id and secret",
        (_, Some(_)) => "a token, or an OAuth client with a refresh token",
        (_, None) => "a token",
    }
}

fn held(crm: &dyn Crm, writes: WriteTraits, object: Object) -> &'static str {
    if crm.acknowledges() {
        return "goes with every message; the receiver keeps it";
    }
    match (writes.way(object), crm.packs(object)) {
        (_, true) => "at the end of its text; looked for there, then created",
        (KeyWay::Upsert, _) => "in a field or as its id; one request creates or updates",
        (KeyWay::LookThenCreate, _) => "in a field; looked for, then created, then read back",
    }
}

/// What becomes of two writes of one record at the same moment, in a word and in a sentence.
fn race(crm: &dyn Crm, writes: WriteTraits, object: Object) -> (&'static str, &'static str) {
    if crm.acknowledges() {
        ("the receiver's business", "one record, if the receiver has its storage step")
    } else if writes.way(object) == KeyWay::Upsert {
        ("one record", "makes one record")
    } else if crm.key_must_be_unique(object) {
        ("the second is refused", "the CRM refuses the second")
    } else {
        (
            "Ringback sends one at a time",
            "nothing there stops the second: Ringback sends one at a time and looks before it repeats",
        )
    }
}

fn seconds(span: Duration) -> String {
    match span.as_secs() {
        n if n >= 120 && n % 60 == 0 => format!("{} min", n / 60),
        n => format!("{n} s"),
    }
}

fn lag(span: Duration) -> String {
    if span.is_zero() { "not at all".into() } else { seconds(span) }
}

fn burst(limits: Limits) -> String {
    if limits.burst_requests == 0 {
        return "not published".into();
    }
    format!("{} in {}", limits.burst_requests, seconds(Duration::from_millis(u64::from(limits.burst_window_ms))))
}

fn daily(limits: Limits) -> String {
    if limits.daily_requests == 0 { "none".into() } else { format!("{} {}", limits.daily_requests, limits.daily_unit) }
}

fn number(n: u32) -> String {
    if n == 0 { "not published".into() } else { n.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crm_has_its_part_and_every_guide_leads_to_it() {
        let page = page();
        for crm in CRMS {
            let about = crm.about();
            assert!(page.contains(&format!("\n## {}\n", about.title)), "{}", about.name);
            assert!(about.quirks.iter().all(|quirk| page.contains(quirk)), "{}", about.name);
            let guide = crate::cmd::root().join(format!("docs/guides/connect-{}.md", about.name));
            let guide = std::fs::read_to_string(&guide).unwrap_or_else(|e| panic!("{}: {e}", guide.display()));
            let link = format!("../reference/crms.md#{}", anchor(about.title));
            assert!(guide.contains(&link), "the guide of {} has no link to {link}", about.name);
        }
        // Figures that the registry has come through: HubSpot's batches of a hundred, Pipedrive's tokens.
        let of = |title: &str| page.split("\n## ").find(|part| part.starts_with(title)).unwrap();
        assert!(of("HubSpot").contains("| create or update by key | 100 | 1 |"), "{}", of("HubSpot"));
        assert!(of("Pipedrive").contains("| find a person | 1 | 20 |"), "{}", of("Pipedrive"));
        assert!(of("Microsoft").contains("| requests | 6000 in 5 min |"), "{}", of("Microsoft"));
    }
}
