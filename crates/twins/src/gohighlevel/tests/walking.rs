//! What a client meets when things go wrong: unknown writes, duplicates, lies.

use super::*;
use crate::fault::{Fault, Faulty, Rule, Script, What, When};
use crate::log::Deed;

fn task(key: &str) -> Value {
    json!({ "title": "Call back", "body": format!("Owner: Ana.\n\n[{key}]"), "dueDate": "2026-03-05T15:00:00Z", "completed": false })
}

/// A contact, and a vendor that does this to the next post under it.
fn with(fault: Fault) -> (Faulty<GoHighLevel>, String) {
    let mut twin = twin();
    let id = made(&mut twin, &json!({ "phone": "+13125550142" }));
    let script = Script::default().rule(Rule::new(fault, When::Nth(1)).on("POST", "/tasks"));
    (Faulty::new(twin, script), id)
}

fn tasks(faulty: &mut Faulty<GoHighLevel>, id: &str, now_ms: i64) -> usize {
    let delivery = faulty.exchange(&request("GET", &format!("/contacts/{id}/tasks"), &Value::Null), now_ms);
    let body = delivery.reply().map(Reply::value).unwrap_or_default();
    body["tasks"].as_array().map_or(usize::MAX, Vec::len)
}

#[test]
fn after_every_fault_the_list_tells_the_truth() {
    for fault in Fault::one_of_each() {
        let (mut faulty, id) = with(fault.clone());
        let written = match fault {
            Fault::TimeoutAfterWrite
            | Fault::ResetAfterWrite
            | Fault::UnprocessableButCreated
            | Fault::ServerErrorButCreated
            | Fault::IdsMissing
            | Fault::Slow { .. }
            | Fault::StaleSearch { .. }
            | Fault::TruncatedBody
            | Fault::HalfABatch { .. }
            | Fault::LateLanding { .. } => 1,
            Fault::ForeignBody { written } | Fault::HtmlOk { written } => usize::from(written),
            _ => 0,
        };
        let delivery = faulty.exchange(&request("POST", &format!("/contacts/{id}/tasks"), &task("rb-task-1")), NOW);
        let honest = matches!(
            fault,
            Fault::IdsMissing | Fault::Slow { .. } | Fault::StaleSearch { .. } | Fault::HalfABatch { .. }
        );
        let said = delivery.reply().is_some_and(|r| r.status == 201 && r.value()["task"]["id"].is_string());
        if said && !honest {
            assert_eq!(fault, Fault::SuccessButNothing);
        }
        if matches!(fault, Fault::LateLanding { .. }) {
            assert_eq!(tasks(&mut faulty, &id, NOW + 19_999), 0, "not yet");
        }
        assert_eq!(tasks(&mut faulty, &id, NOW + 30_000), written, "{fault:?}");
        assert!(!faulty.hits().is_empty() || written == 1, "{fault:?}");
    }
}

#[test]
fn a_lost_answer_to_a_create_is_found_again_by_key_or_refused_as_duplicate() {
    let mut twin = twin();
    let body = json!({ "locationId": NORTH, "phone": "+13125550142", "customFields": keyed(&twin, "rb-contact-1") });
    let key = json!([{ "field": format!("customFields.{}", twin.field_id(NORTH, "rb_key").unwrap_or_default()), "operator": "eq", "value": "rb-contact-1" }]);
    let _ = people(&twin);
    let script = Script::default().rule(Rule::new(Fault::TimeoutAfterWrite, When::Nth(1)).on("POST", "/contacts/"));
    let mut faulty = Faulty::new(std::mem::take(&mut twin), script);
    let post = request("POST", "/contacts/", &body);
    assert_eq!(faulty.exchange(&post, NOW).what, What::TimedOut);
    assert_eq!(found(faulty.vendor_mut(), &key, NOW + 1_000).len(), 0, "the search does not show it yet");
    let again = faulty.exchange(&post, NOW + 2_000);
    let again = again.reply().map(Reply::value).unwrap_or_default();
    let known = found(faulty.vendor_mut(), &key, NOW + 100_000);
    assert_eq!(known.len(), 1);
    assert_eq!(again["meta"]["contactId"], json!(known[0]));
    // Where duplicates are allowed nothing but the key tells.
    faulty.vendor_mut().options_mut().locations[0].allow_duplicates = true;
    faulty.exchange(&post, NOW + 200_000);
    assert_eq!(found(faulty.vendor_mut(), &key, NOW + 300_000).len(), 2);
}

#[test]
fn an_error_and_yet_the_contact_is_there() {
    let mut twin = twin();
    twin.options_mut().error_but_created = true;
    let (status, body) = create(&mut twin, &json!({ "phone": "+13125550142" }));
    assert_eq!((status, &body["error"], people(&twin)), (422, &json!("Unprocessable Entity"), 1));
    let log = twin.log().last().cloned();
    assert_eq!(log.map(|l| (l.status, l.effects[0].deed.clone())), Some((Some(422), Deed::Created)));
    assert_eq!(
        create(&mut twin, &json!({ "phone": "+13125550142" })).0,
        400,
        "what makes it known: the next try is a duplicate"
    );
    assert_eq!(create(&mut twin, &json!({ "phone": "+13125550142", "shoe": "44" })).0, 422);
    assert_eq!(people(&twin), 1, "what validation refuses is never made");
}

#[test]
fn pretending_changes_nothing_and_spends_the_id() {
    let mut twin = twin();
    let post = request("POST", "/contacts/", &json!({ "locationId": NORTH, "phone": "+13125550142" }));
    let reply = crate::fault::Vendor::pretend(&mut twin, &post, NOW);
    assert_eq!((reply.status, people(&twin)), (201, 0));
    let id = made(&mut twin, &json!({ "phone": "+13125550142" }));
    assert_ne!(reply.value()["contact"]["id"], json!(id));
    assert_eq!(crate::fault::Vendor::half(&mut twin, &post, NOW), None, "no batches");
}

#[test]
fn people_work_beside_a_program() {
    let mut twin = twin();
    let id = twin.seed_person("Jo Park", "+13125550142", Some("jo@example.com"), false, NOW);
    let body = task("rb-task-1");
    let (_, made) = post(&mut twin, &format!("/contacts/{id}/tasks"), &body);
    let task_id = made["task"]["id"].as_str().unwrap_or_default().to_owned();
    post(
        &mut twin,
        &format!("/contacts/{id}/notes"),
        &json!({ "body": "Missed.\n[rb-call-01]", "title": "Missed call" }),
    );
    twin.person_notes(&id, "Asked for a quote", NOW);
    twin.add_opportunity(&id, "Boiler", "open");
    assert!(twin.type_in(&id, "rb_source", "ads", NOW) && twin.type_in(&task_id, "completed", "true", NOW));
    assert!(!twin.type_in("nobody", "city", "x", NOW));
    let kinds: Vec<Kind> = twin.entries().iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [Kind::Person, Kind::Task, Kind::Call, Kind::Other, Kind::Deal]);
    let person = &twin.entries()[0];
    assert!(person.by_person && person.has_number("+13125550142") && person.fields["rb_source"] == "ads");
    assert!(twin.entries().iter().skip(1).all(|e| e.people == [id.clone()]));
    let (status, listed) =
        post(&mut twin, &format!("/locations/{NORTH}/tasks/search"), &json!({ "completed": false, "limit": 500 }));
    assert_eq!((status, &listed["tasks"]), (201, &json!([])));
    let (_, listed) = post(&mut twin, &format!("/locations/{NORTH}/tasks/search"), &json!({ "completed": true }));
    assert_eq!((&listed["tasks"][0]["_id"], listed["tasks"][0].get("id")), (&json!(task_id), None));
    assert!(twin.remove(&id, NOW));
    assert!(
        twin.entries().iter().filter(|e| e.kind != Kind::Deal).all(|e| e.gone),
        "what stands under a contact goes with it"
    );
    let settings = twin.settings();
    assert_eq!(settings["location_id"], NORTH);
    assert_eq!(settings.get("field.contact.rb_key").map(String::as_str), twin.field_id(NORTH, "rb_key"));
    let asked = Request::new("GET", "/_twin/books");
    let books = crate::fault::Vendor::control(&mut twin, &asked, NOW).map(|r| r.value()).unwrap_or_default();
    assert_eq!(books.as_array().map(Vec::len), Some(5));
}
