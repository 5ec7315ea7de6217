//! Every CRM: what it makes of answers, whatever its interface looks like.

use crate::support::{Fixture, assert_subset, connection, fixtures};
use jiff::Timestamp;
use ringback_connect::{CRMS, Connection, Crm, Replies};
use ringback_core::crm::{CrmOp, Held, KEY_PROPERTY, KeyWay, Object, Outcome, PersonKey, Properties};
use ringback_core::http::HttpReply;
use std::collections::BTreeSet;

/// What the suite must know of one CRM that its `about()` does not say. Everything not named here holds for all.
pub(crate) struct Case {
    pub(crate) vendor: &'static str,
    /// Settings without which it cannot make requests (ids of our fields that set-up would have stored).
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Ids as the translator writes them: of a person, of a call, of a task.
    pub(crate) ids: [&'static str; 3],
    /// What is not shown here, and why: the name of a required fixture, `outcome:<word>`, `own:<object>` (no fields of ours there),
    /// `own:unique` (no field can be unique), `unique:<object>` (none of that object can), `stale` is required where `outcome:stale` is not exempt.
    pub(crate) exempt: &'static [(&'static str, &'static str)],
}

/// The one table of differences.
pub(crate) static CASES: &[Case] = &[
    Case {
        vendor: "hubspot",
        settings: &[],
        ids: ["512", "7", "9"],
        exempt: &[("outcome:stale", "HubSpot has no optimistic lock")],
    },
    Case {
        vendor: "salesforce",
        settings: &[],
        ids: ["00QHs00001aBcDeMAK", "00THs00003kLmNoMAK", "00THs00003kLmNpMAK"],
        exempt: &[
            ("unique:call", "no document says that a field of Activity can be unique"),
            ("unique:task", "no document says that a field of Activity can be unique"),
        ],
    },
    Case { vendor: "zoho", settings: &[], ids: ["Leads/512", "Calls/7", "Tasks/9"], exempt: &[] },
    Case {
        vendor: "pipedrive",
        settings: &[
            ("field.contact.rb_key", "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"),
            ("field.contact.rb_trace", "c1b2c3d4e5f60718293a4b5c6d7e8f9001122334"),
            ("field.contact.rb_urgency", "b1b2c3d4e5f60718293a4b5c6d7e8f9001122334"),
            ("field.contact.rb_budget", "d1b2c3d4e5f60718293a4b5c6d7e8f9001122334:double"),
            ("field.deal.rb_key", "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"),
        ],
        ids: ["1001", "2001", "2002"],
        exempt: &[
            ("conflict-409", "nothing is unique in Pipedrive, so nothing is refused as a duplicate"),
            ("outcome:duplicate", "nothing is unique in Pipedrive, so nothing is refused as a duplicate"),
            ("outcome:stale", "Pipedrive has no optimistic lock"),
        ],
    },
    Case {
        vendor: "gohighlevel",
        settings: &[
            ("location_id", "Ln0rthExample0000001"),
            ("field.contact.rb_key", "Frbkey00000000000001"),
            ("field.contact.rb_trace", "fldTrace"),
            ("field.contact.rb_urgency", "fldUrgency"),
        ],
        ids: ["c-512", "c-512/n-7", "c-512/t-9"],
        exempt: &[
            ("half-a-batch", "there are no batches"),
            ("batch-missing", "there are no batches"),
            ("outcome:stale", "GoHighLevel has no optimistic lock"),
        ],
    },
    Case {
        vendor: "dynamics",
        settings: &[],
        ids: [
            "leads/0b5b9c1e-6d1f-5d3a-9a44-111111111111",
            "phonecalls/0b5b9c1e-6d1f-5d3a-9a44-222222222222",
            "tasks/0b5b9c1e-6d1f-5d3a-9a44-333333333333",
        ],
        exempt: &[("outcome:exhausted", "what a day's entitlement allows is not enforced by refusals")],
    },
    Case {
        vendor: "hook",
        settings: &[],
        ids: ["42", "c-5", "t-7"],
        exempt: &[
            ("outcome:stale", "a receiver has no optimistic lock"),
            ("outcome:gone", "a receiver is told and never asked"),
            ("outcome:exhausted", "no receiver names a budget for the day"),
            ("found-none", "a receiver is told and never asked"),
            ("found-one", "a receiver is told and never asked"),
            ("found-many", "a receiver is told and never asked"),
            ("read-not-found", "a receiver is told and never asked"),
            ("read-404-page", "a receiver is told and never asked"),
            ("server-error-read", "a receiver is told and never asked"),
            ("html-200-read", "a receiver is told and never asked"),
            ("truncated-read", "a receiver is told and never asked"),
            ("half-a-batch", "a receiver takes one record at a time"),
            ("batch-missing", "a receiver takes one record at a time"),
        ],
    },
];

pub(crate) fn case(vendor: &str) -> &'static Case {
    CASES.iter().find(|c| c.vendor == vendor).unwrap_or_else(|| panic!("{vendor} has no line in CASES"))
}

impl Case {
    fn exempt(&self, what: &str) -> bool {
        self.exempt.iter().any(|(exempt, why)| *exempt == what && !why.is_empty())
    }
    /// The id of a record of that kind, as the translator writes it.
    pub(crate) fn id(&self, object: Object) -> &'static str {
        match object {
            Object::Call => self.ids[1],
            Object::Task => self.ids[2],
            _ => self.ids[0],
        }
    }
}

/// A connection with the settings that the CRM needs.
pub(crate) fn connected(vendor: &str, settings: &[(String, String)]) -> Connection {
    let own = case(vendor).settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    connection(vendor, &own.chain(settings.iter().cloned()).collect::<Vec<_>>())
}

/// What every CRM must show.
const REQUIRED: &[&str] = &[
    "created",
    "found-none",
    "found-one",
    "found-many",
    "conflict-409",
    "validation",
    "unauthorized",
    "forbidden",
    "update-404",
    "read-not-found",
    "read-404-page",
    "rate-limited",
    "rate-limited-wait",
    "server-error-write",
    "server-error-read",
    "html-200-write",
    "html-200-read",
    "truncated-write",
    "truncated-read",
    "ids-missing",
    "half-a-batch",
    "batch-missing",
    "foreign-json-write",
    "unprocessable",
    "error-with-200",
];

pub(crate) fn operations(fixture: &Fixture) -> Vec<CrmOp> {
    let list = fixture.list("/operations");
    list.iter()
        .map(|op| serde_json::from_value(op.clone()).unwrap_or_else(|e| panic!("{}: {e}", fixture.name)))
        .collect()
}

pub(crate) fn reply(fixture: &Fixture) -> HttpReply {
    let body = match fixture.text("/reply/text") {
        Some(text) => text.as_bytes().to_vec(),
        None => fixture.value["reply"]["json"].to_string().into_bytes(),
    };
    let status = u16::try_from(fixture.value["reply"]["status"].as_u64().unwrap()).unwrap();
    HttpReply { status, headers: fixture.pairs("/reply/headers"), body }
}

fn read(vendor: &str, fixture: &Fixture) -> Replies {
    let at: Timestamp = fixture.text("/received_at").unwrap_or("2026-03-04T23:20:00Z").parse().unwrap();
    let connection = connected(vendor, &fixture.pairs("/settings"));
    ringback_connect::crm(vendor).unwrap().reply(&operations(fixture), &reply(fixture), &connection, at)
}

/// Every kind of operation, the `n`th of its kind.
pub(crate) fn every(crm: &dyn Crm, n: usize) -> Vec<CrmOp> {
    let case = case(crm.about().name);
    let words = crm.words();
    let properties = |object: Object| -> Properties {
        let at = "2026-03-05T15:00:00Z".to_owned();
        let mut list = match object {
            Object::Contact => {
                vec![(words.contact_name, format!("Dana {n}")), (words.contact_phone, "+13125550142".into())]
            }
            Object::Call => vec![(words.call_at, at), (words.call_title, format!("Call {n}"))],
            Object::Task => vec![(words.task_due, at), (words.task_subject, format!("Ring back {n}"))],
            _ => Vec::new(),
        };
        list.push(("rb_trace", "https://r.example/t/1".into()));
        list.into_iter().filter(|(name, _)| !name.is_empty()).map(|(n, v)| (n.to_owned(), v)).collect()
    };
    // The last digits of an id are counted up, so that a batch has different records.
    let id = |object: Object| match n {
        0 => case.id(object).to_owned(),
        n => {
            let id = case.id(object);
            let keep = id.len().saturating_sub(3);
            let stem: String = id.chars().take(keep).collect();
            format!("{stem}{:03}", 100 + n)
        }
    };
    let person = || id(Object::Contact);
    let names = |object| properties(object).into_keys().collect::<Vec<_>>();
    let mut all = vec![
        CrmOp::FindPerson {
            keys: vec![
                PersonKey::Phone { e164: format!("+1312555{n:04}"), national: format!("312555{n:04}") },
                PersonKey::Email { address: format!("dana{n}@example.com") },
            ],
            properties: words.contact_reads.iter().map(|p| (*p).to_owned()).collect(),
        },
        CrmOp::FindDeals { contact: person(), properties: words.deal_reads.iter().map(|p| (*p).to_owned()).collect() },
        CrmOp::ListOwners { after: None },
    ];
    for object in [Object::Contact, Object::Call, Object::Task] {
        let key = format!("rb-{}-{n}", object.as_str());
        let of = (object != Object::Contact).then(person);
        let link = if object == Object::Contact { Object::Deal } else { Object::Contact };
        for associations in [vec![], vec![link]] {
            all.push(CrmOp::ReadByKey {
                object,
                key: key.clone(),
                of: of.clone(),
                properties: names(object),
                associations: associations.clone(),
            });
            for history in [false, true] {
                let (properties, associations) = (names(object), associations.clone());
                all.push(CrmOp::ReadById { object, id: id(object), properties, associations, history });
            }
        }
        all.push(CrmOp::ReadMany { object, ids: vec![id(object)], properties: names(object) });
        all.push(CrmOp::ReadLinks { object, id: id(object), to: link });
        let since = "2026-03-04T00:00:00Z".parse().unwrap();
        all.push(CrmOp::Changed { object, since, after: None, properties: names(object) });
        all.push(CrmOp::ReadSchema { object });
        for (_, name, label, unique) in crm.own_properties().iter().filter(|(o, ..)| *o == object) {
            let property = ringback_core::crm::PropertySpec {
                name: (*name).to_owned(),
                label: (*label).to_owned(),
                kind: ringback_core::crm::PropertyType::Text,
                unique: *unique,
                read_only: false,
                stored_as: None,
            };
            all.push(CrmOp::CreateProperty { object, property });
        }
        all.extend(writes(crm, object, &key, of, properties(object), &id(object)));
    }
    all
}

fn writes(
    crm: &dyn Crm,
    object: Object,
    key: &str,
    of: Option<String>,
    properties: Properties,
    id: &str,
) -> Vec<CrmOp> {
    let (key, id) = (key.to_owned(), id.to_owned());
    let made = match crm.about().writes.unwrap().way(object) {
        KeyWay::Upsert => CrmOp::Upsert { object, key, of: of.clone(), properties: properties.clone() },
        KeyWay::LookThenCreate => CrmOp::Create { object, key, of: of.clone(), properties: properties.clone() },
    };
    let mut all = vec![made, CrmOp::Update { object, id: id.clone(), properties, seen: None }];
    if let Some(contact) = of {
        all.push(CrmOp::Associate { from: object, from_id: id.clone(), to: Object::Contact, to_id: contact });
    }
    all.push(CrmOp::Delete { object, id });
    all
}

#[test]
fn the_table_of_differences_is_in_use() {
    for case in CASES {
        let crm = ringback_connect::crm(case.vendor).unwrap_or_else(|| panic!("{} is not registered", case.vendor));
        let shown: BTreeSet<String> = fixtures(case.vendor).into_iter().map(|f| f.name).collect();
        let own = crm.own_properties();
        for (what, why) in case.exempt {
            let at = format!("{}: {what}", case.vendor);
            assert!(why.len() > 10, "{at} says no reason");
            let needless = match what.split_once(':') {
                None => shown.contains(*what) || !REQUIRED.contains(what),
                Some(("own", "unique")) => own.iter().any(|(_, _, _, unique)| *unique),
                Some(("unique", object)) => own.iter().any(|(o, _, _, unique)| o.as_str() == object && *unique),
                Some(("own", object)) => own.iter().any(|(o, ..)| o.as_str() == object),
                Some(("outcome", word)) => outcomes(case.vendor).contains(word),
                Some(_) => true,
            };
            assert!(!needless, "{at} is exempt without need");
        }
    }
}

fn outcomes(vendor: &str) -> BTreeSet<String> {
    fixtures(vendor).iter().flat_map(|f| read(vendor, f).outcomes).map(|o| o.word().to_owned()).collect()
}

#[test]
fn every_crm_has_the_required_cases() {
    for crm in CRMS {
        let case = case(crm.about().name);
        let names: BTreeSet<String> = fixtures(case.vendor).into_iter().map(|f| f.name).collect();
        for required in REQUIRED.iter().filter(|r| !case.exempt(r)) {
            assert!(names.contains(*required), "{} has no fixture {required}", case.vendor);
        }
    }
}

#[test]
fn answers_are_read_as_the_fixtures_say() {
    for crm in CRMS {
        let vendor = crm.about().name;
        for fixture in fixtures(vendor) {
            let at = format!("{vendor}/{}", fixture.name);
            let replies = read(vendor, &fixture);
            let actual = serde_json::to_value(&replies.outcomes).unwrap();
            let expected = fixture.value.pointer("/expect").unwrap();
            assert_subset(expected, &actual, &at);
            for personal in fixture.list("/no_words") {
                assert!(!actual.to_string().contains(personal.as_str().unwrap()), "{at}: {actual}");
            }
            if let Some(budget) = fixture.value.get("budget") {
                let seen = replies.budget.unwrap();
                assert_eq!(budget["burst_left"].as_u64(), seen.burst_left.map(u64::from), "{at}");
                assert_eq!(budget["daily_left"].as_u64(), seen.daily_left.map(u64::from), "{at}");
            }
        }
        let (words, case) = (outcomes(vendor), case(vendor));
        for word in ["done", "retry", "exhausted", "duplicate", "stale", "gone", "refused", "auth_expired", "unknown"] {
            let exempt = case.exempt(&format!("outcome:{word}"));
            assert!(exempt || words.contains(word), "{vendor}: no fixture ends in {word}");
        }
    }
}

#[test]
fn there_is_one_outcome_per_operation_whatever_came_back() {
    for crm in CRMS {
        let vendor = crm.about().name;
        let connection = connected(vendor, &[]);
        let cases = fixtures(vendor);
        let mut asked: Vec<(String, Vec<CrmOp>)> = cases.iter().map(|f| (f.name.clone(), operations(f))).collect();
        asked.extend(every(*crm, 0).into_iter().map(|op| (format!("{op:?}"), vec![op])));
        for (name, operations) in &asked {
            for answered in &cases {
                // Every operation against every answer of every other one.
                let at: Timestamp = "2026-03-04T23:20:00Z".parse().unwrap();
                let replies = crm.reply(operations, &reply(answered), &connection, at);
                assert_eq!(replies.outcomes.len(), operations.len(), "{name} with {}", answered.name);
            }
        }
    }
}

#[test]
fn as_many_operations_share_a_request_as_is_said_and_not_one_more() {
    for crm in CRMS {
        let connection = connected(crm.about().name, &[]);
        let kinds = every(*crm, 0).len();
        let most = every(*crm, 0).iter().map(|op| crm.batch_items_max(op, &connection)).max().unwrap_or(1);
        let all: Vec<Vec<CrmOp>> = (0..=most.max(1)).map(|n| every(*crm, n)).collect();
        for kind in 0..kinds {
            let of_kind: Vec<CrmOp> = all.iter().filter_map(|ops| ops.get(kind).cloned()).collect();
            let [first, ..] = of_kind.as_slice() else { continue };
            // Of several operations the smallest answer holds.
            let may = |n: usize| of_kind[..n].iter().map(|op| crm.batch_items_max(op, &connection)).min().unwrap() >= n;
            let most = (1..=of_kind.len()).take_while(|n| may(*n)).last().unwrap_or(0);
            assert!(most >= 1 && most < of_kind.len(), "{}: {most} of {first:?}", crm.about().name);
            if crm.request(&of_kind[..1], &connection).is_err() {
                assert_eq!(most, 1, "{}: unsupported, and yet in batches: {first:?}", crm.about().name);
                continue;
            }
            let batch = &of_kind[..most];
            assert!(batch.iter().all(|op| op.shape() == first.shape()));
            let made = crm.request(batch, &connection);
            assert!(made.is_ok(), "{}: {most} of {first:?}: {made:?}", crm.about().name);
            assert!(crm.request(&of_kind[..=most], &connection).is_err(), "{}: {first:?}", crm.about().name);
        }
    }
}

#[test]
fn a_write_is_never_said_to_be_undone_after_a_server_error_or_an_unreadable_answer() {
    let foreign = ["", "<html>", "{", "[]", "null", "{\"ok\":true}"];
    for crm in CRMS {
        let vendor = crm.about().name;
        let connection = connected(vendor, &[]);
        let at: Timestamp = "2026-03-04T23:20:00Z".parse().unwrap();
        // The vendor's own words for a refusal, with a status that they do not belong to.
        let refusal = fixtures(vendor).iter().find(|f| f.name == "validation").map(|f| reply(f).body);
        let possible = every(*crm, 0).into_iter().filter(CrmOp::writes);
        let writes: Vec<CrmOp> = possible
            .filter(|op| !matches!(op, CrmOp::CreateProperty { .. }))
            .filter(|op| crm.request(std::slice::from_ref(op), &connection).is_ok())
            .collect();
        assert!(writes.len() >= 3, "{vendor}: {writes:?}");
        for write in &writes {
            for status in (200..300).chain([408, 422, 425]).chain(500..600) {
                for body in foreign.iter().map(|b| b.as_bytes()).chain(refusal.as_deref()) {
                    let reply = HttpReply::with(status, "application/json", body);
                    let replies = crm.reply(std::slice::from_ref(write), &reply, &connection, at);
                    let word = replies.outcomes[0].word();
                    let own = refusal.as_deref() == Some(body) && status < 500 && status != 408;
                    // A claim of success is no harm: only a later read is a receipt. But a body must then be the vendor's.
                    // Where the receiver acknowledges, any whole answer that names no record is such a claim.
                    let nothing = replies.outcomes[0] == Outcome::Done { held: Held::default() };
                    let whole = crm.acknowledges() && nothing && !body.starts_with(b"<") && body != b"{";
                    let claimed = status < 300 && word == "done" && (body.is_empty() || whole);
                    let said_so = own && word == "refused";
                    let body = String::from_utf8_lossy(body);
                    assert!(word == "unknown" || said_so || claimed, "{vendor} {status} {body}: {word} of {write:?}");
                }
            }
        }
    }
}

#[test]
fn our_properties_have_one_key_per_object_that_holds_fields_of_ours() {
    for crm in CRMS {
        let case = case(crm.about().name);
        let own = crm.own_properties();
        for object in [Object::Contact, Object::Call, Object::Task] {
            let fields: Vec<_> = own.iter().filter(|(o, ..)| *o == object).collect();
            if fields.is_empty() && case.exempt(&format!("own:{}", object.as_str())) {
                continue;
            }
            let keys: Vec<_> = fields.iter().filter(|(_, name, ..)| *name == KEY_PROPERTY).collect();
            assert_eq!(keys.len(), 1, "{} {object:?}", case.vendor);
            let exempt = case.exempt("own:unique") || case.exempt(&format!("unique:{}", object.as_str()));
            assert!(keys[0].3 || exempt, "{} {object:?}: the key is not unique", case.vendor);
            assert_eq!(fields.iter().filter(|(_, _, _, unique)| *unique).count(), usize::from(keys[0].3));
            for name in ["rb_call_id", "rb_version", "rb_written_at", "rb_inquiry_url", "rb_trace"] {
                assert!(fields.iter().any(|(_, n, ..)| *n == name), "{} {object:?} {name}", case.vendor);
            }
        }
        let names: BTreeSet<_> = own.iter().map(|(o, n, _, _)| (*o, *n)).collect();
        assert_eq!(names.len(), own.len(), "none twice");
    }
}

#[test]
fn what_says_that_somebody_opted_out_is_read_and_never_changed_silently() {
    use ringback_core::contract::Protected;
    for crm in CRMS {
        let (name, words) = (crm.about().name, crm.words());
        // A receiver of webhooks shows nothing of anybody.
        assert_eq!(words.opt_out.is_empty(), crm.acknowledges(), "{name}");
        for (property, values) in words.opt_out {
            assert!(words.contact_reads.contains(property), "{name}: {property} is not read");
            assert!(!values.is_empty() && values.iter().all(|v| !v.is_empty()), "{name}: {property}");
            let kind = words.protected_kind(Object::Contact, property);
            assert_eq!(kind, Some(Protected::OptOut), "{name}: {property}");
        }
    }
}

/// An owner's id is known in every form the vendor has for it, and another one in none.
#[test]
fn owners_are_known_by_their_ids_in_each_form() {
    for crm in CRMS {
        let name = crm.about().name;
        assert!(crm.knows_owner("77", &["12", "77"]) && !crm.knows_owner("7", &["12", "77"]), "{name}");
        assert_eq!(
            crm.knows_owner("teams/00000000-0000-0000-0000-00000000000a", &["77"]),
            name == "dynamics",
            "{name}"
        );
        assert_eq!(crm.knows_owner("005D0000001KyEI", &["005D0000001KyEIIA0"]), name == "salesforce", "{name}");
    }
}
