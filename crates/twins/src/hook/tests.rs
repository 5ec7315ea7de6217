use super::*;
use crate::fault::{Fault, Faulty, Rule, Script, What, When};

const NOW: i64 = 1_772_666_400_000;

/// A message as a sender makes it; the third word stands for the content.
fn event(object: &str, key: &str, content: &str, contact: Option<&str>) -> Value {
    let fields = match object {
        "contact" => json!({ "name": content, "phone": "+13125550142", "email": null }),
        _ => json!({ "title": content, "owner": null }),
    };
    json!({
        "schema": "1", "event_id": format!("{key}_{content}"), "type": "record.upsert", "idempotency_key": key,
        "object": object, "record_id": null, "contact": contact, "fields": fields,
        "caller": { "e164": "+13125550142", "national": "3125550142", "digits10": "3125550142" },
        "callback_url": format!("https://r.example/acks/conn_1/{key}/token"),
    })
}

fn signed(event: &Value, now_ms: i64) -> Request {
    let request = Request::new("POST", "/hooks/catch/1/abc").json(event);
    let id = event["event_id"].as_str().unwrap();
    let signature = sign::standard_webhooks(&Options::default().secret, id, now_ms / 1_000, &request.body).unwrap();
    request
        .header("webhook-id", id)
        .header("webhook-timestamp", &(now_ms / 1_000).to_string())
        .header("webhook-signature", &signature)
}

fn send(hook: &mut Hook, event: &Value, now_ms: i64) -> Reply {
    hook.handle(&signed(event, now_ms), now_ms)
}

fn count(hook: &Hook, kind: Kind) -> usize {
    hook.entries().iter().filter(|e| e.kind == kind && !e.gone).count()
}

fn did(hook: &Hook) -> Vec<Did> {
    hook.runs().map(|run| run.did).collect()
}

#[test]
fn a_message_becomes_a_record_and_a_repeat_does_not() {
    let mut hook = Hook::default();
    let contact = event("contact", "rb-contact-1", "Dana", None);
    let reply = send(&mut hook, &contact, NOW);
    assert_eq!((reply.status, reply.value()["status"].as_str()), (200, Some("success")));
    assert_eq!(send(&mut hook, &contact, NOW + 90_000).status, 200);
    send(&mut hook, &event("contact", "rb-contact-1", "Dana Ruiz", None), NOW + 91_000);
    assert_eq!(did(&hook), [Did::Created, Did::Dropped, Did::Updated]);
    assert_eq!((hook.started(), count(&hook, Kind::Person)), (3, 1));
    let entry = &hook.entries()[0];
    assert_eq!((entry.marks(), entry.fields["name"].as_str()), (vec!["rb-contact-1".to_owned()], "Dana Ruiz"));
    assert!(entry.has_number("+13125550142") && !entry.fields.contains_key("email"));
    // The first content again, after another: that is no repeat.
    send(&mut hook, &contact, NOW + 92_000);
    assert_eq!(hook.entries()[0].fields["name"], "Dana");
}

#[test]
fn without_the_storage_step_every_message_makes_a_record() {
    let mut hook = Hook::new(Options { filter: false, ..Options::default() });
    for n in 0..3 {
        send(&mut hook, &event("task", "rb-task-1", "Call back", None), NOW + n * 90_000);
    }
    assert_eq!(count(&hook, Kind::Task), 3);
}

#[test]
fn runs_side_by_side_do_not_see_each_other() {
    let late = Options { run_after_ms: 240_000, ..Options::default() };
    for (races, tasks) in [(false, 1), (true, 2)] {
        let mut hook = Hook::new(Options { races, ..late.clone() });
        send(&mut hook, &event("task", "rb-task-1", "Call back", None), NOW);
        send(&mut hook, &event("task", "rb-task-1", "Call back", None), NOW + 90_000);
        assert_eq!((hook.waiting(), count(&hook, Kind::Task)), (2, 0));
        hook.settle(NOW + 400_000);
        assert_eq!(count(&hook, Kind::Task), tasks, "{races}");
    }
}

#[test]
fn a_person_who_is_there_is_found_and_left_alone() {
    let mut hook = Hook::default();
    let dana = hook.seed_person("Dana Ruiz", "(312) 555-0142", Some("dana@example.com"), true, NOW);
    send(&mut hook, &event("contact", "rb-contact-1", "Caller", None), NOW);
    send(&mut hook, &event("contact", "rb-contact-1", "Another", None), NOW + 1_000);
    assert_eq!(did(&hook), [Did::Found, Did::Found]);
    let acks = hook.take_acks(NOW + 10_000);
    assert_eq!(acks.len(), 2);
    assert_eq!((&acks[0].body["status"], &acks[0].body["record_id"]), (&json!("found"), &json!(dana)));
    assert_eq!(acks[0].body["fields"]["name"], "Dana Ruiz");
    assert_eq!(hook.entries()[0].fields["name"], "Dana Ruiz");
    // Whether the sender learnt the id or knows its own key only.
    for (n, contact) in [dana.as_str(), "rb-contact-1"].into_iter().enumerate() {
        send(&mut hook, &event("task", &format!("rb-task-{n}"), "Call back", Some(contact)), NOW + 20_000);
    }
    let tasks: Vec<Entry> = hook.entries().into_iter().filter(|e| e.kind == Kind::Task).collect();
    assert!(tasks.len() == 2 && tasks.iter().all(|task| task.people == [dana.clone()]), "{tasks:?}");
}

#[test]
fn acknowledgements_are_posted_late_inline_or_never() {
    let task = event("task", "rb-task-1", "Call back", None);
    let mut hook = Hook::new(Options { run_after_ms: 60_000, ..Options::default() });
    send(&mut hook, &task, NOW);
    assert!(hook.take_acks(NOW + 60_000).is_empty(), "the run is over, the last step is not");
    let acks = hook.take_acks(NOW + 61_000);
    assert_eq!(acks[0].url, "https://r.example/acks/conn_1/rb-task-1/token");
    assert_eq!(acks[0].body["status"], "written");
    assert_eq!(acks[0].body["fields"], json!({ "title": "Call back", "owner": null }));
    assert!(hook.take_acks(NOW + 900_000).is_empty(), "each once");
    send(&mut hook, &event("task", "rb-task-2", "Call back", None), NOW);
    let posts = hook.outgoing(NOW + 61_000);
    assert_eq!((posts.len(), posts[0].path.as_str()), (1, "/acks/conn_1/rb-task-2/token"));

    let mut hook = Hook::new(Options { acknowledging: Acknowledging::Inline, style: Style::N8n, ..Options::default() });
    for n in 0..2 {
        let reply = send(&mut hook, &task, NOW + n * 90_000).value();
        assert_eq!((&reply["status"], &reply["event_id"]), (&json!("written"), &task["event_id"]), "also to a repeat");
    }
    assert!(hook.acks().is_empty() && count(&hook, Kind::Task) == 1);

    let mut hook = Hook::new(Options { acknowledging: Acknowledging::Never, ..Options::default() });
    send(&mut hook, &task, NOW);
    assert!(hook.acks().is_empty() && count(&hook, Kind::Task) == 1);

    let mut hook = Hook::new(Options { rejects: vec!["task".to_owned()], ..Options::default() });
    send(&mut hook, &task, NOW);
    let acks = hook.take_acks(NOW + 1_000);
    assert_eq!((&acks[0].body["status"], acks[0].body["reason"].is_string()), (&json!("rejected"), true));
    assert_eq!(count(&hook, Kind::Task), 0);
}

#[test]
fn records_are_updated_and_deleted_by_their_ids() {
    let mut hook = Hook::default();
    send(&mut hook, &event("task", "rb-task-1", "Call back", None), NOW);
    let id = hook.entries()[0].id.clone();
    let mut change = event("task", "record-0f", "Done", None);
    change["type"] = json!("record.update");
    change["record_id"] = json!(id);
    send(&mut hook, &change, NOW);
    assert_eq!(hook.entries()[0].fields["title"], "Done");
    change["type"] = json!("record.delete");
    change["event_id"] = json!("record-0f_deleted");
    send(&mut hook, &change, NOW);
    assert!(hook.entries()[0].gone);
    send(&mut hook, &event("task", "rb-task-1", "Call again", None), NOW);
    assert_eq!(did(&hook), [Did::Created, Did::Updated, Did::Deleted, Did::Rejected]);
}

#[test]
fn it_refuses_as_the_products_do() {
    let task = event("task", "rb-task-1", "Call back", None);
    let answer = |options: Options| {
        let mut hook = Hook::new(options);
        let reply = send(&mut hook, &task, NOW);
        (reply.status, String::from_utf8_lossy(&reply.body).into_owned(), hook.started())
    };
    let off = |style| answer(Options { style, on: false, ..Options::default() });
    let (status, body, started) = off(Style::Zapier);
    assert!(status == 200 && body.contains("success") && started == 0, "a Zap that is off says success");
    assert_eq!(off(Style::Make), (410, "Gone".to_owned(), 0));
    let (status, body, _) = off(Style::N8n);
    assert!(status == 404 && body.contains("is not registered"), "{body}");
    assert_eq!(answer(Options { queue_max: 0, ..Options::default() }), (400, "Queue is full.".to_owned(), 0));
    assert_eq!(answer(Options { style: Style::Make, ..Options::default() }), (200, "Accepted".to_owned(), 1));
    assert_eq!(answer(Options { style: Style::Own, ..Options::default() }), (202, String::new(), 1));

    let mut hook = Hook::new(Options { per_second: 2, ..Options::default() });
    let statuses: Vec<u16> = [0, 1, 2, 1_001].map(|ms| send(&mut hook, &task, NOW + ms).status).into();
    assert_eq!(statuses, [200, 200, 429, 200]);

    let mut hook = Hook::default();
    let mut forged = signed(&task, NOW);
    forged.body = event("task", "rb-task-1", "Other", None).to_string().into_bytes();
    assert_eq!(hook.handle(&forged, NOW).status, 401);
    assert_eq!(hook.handle(&signed(&task, NOW - 301_000), NOW).status, 401, "signed too long ago");
    let unsigned = Request::new("POST", "/").json(&task);
    assert_eq!(hook.handle(&unsigned, NOW).status, 401);
    assert_eq!(hook.handle(&Request::new("POST", "/").json(&json!({ "hello": 1 })), NOW).status, 400);
    assert_eq!(hook.handle(&Request::new("GET", "/"), NOW).status, 405);
    assert!(hook.entries().is_empty());
}

/// Sends again for as long as nothing but doubt comes back, as a sender with a stable event would.
#[test]
fn whatever_goes_wrong_on_the_way_repeats_make_one_record() {
    for fault in Fault::one_of_each() {
        let name = fault.name();
        let rule = Rule::new(fault, When::Nth(1));
        let mut faulty = Faulty::new(Hook::default(), Script { rules: vec![rule], ..Script::default() });
        let task = event("task", "rb-task-1", "Call back", None);
        for n in 0..4 {
            let at = NOW + n * 90_000;
            let delivery = faulty.exchange(&signed(&task, at), at);
            assert!(n == 0 || matches!(delivery.what, What::Answer(ref reply) if reply.status == 200), "{name}");
        }
        faulty.settle(NOW + 900_000);
        assert_eq!(count(faulty.vendor(), Kind::Task), 1, "{name}");
        let acks = faulty.vendor_mut().take_acks(NOW + 900_000);
        assert!(acks.iter().all(|ack| ack.body["status"] == "written"), "{name}");
        assert!(acks.len() >= 3, "{name}: repeats are acknowledged again");
    }
}

#[test]
fn a_pretended_message_leaves_nothing_behind() {
    let rule = Rule::new(Fault::SuccessButNothing, When::Always);
    let mut faulty = Faulty::new(Hook::default(), Script { rules: vec![rule], ..Script::default() });
    let delivery = faulty.exchange(&signed(&event("task", "rb-task-1", "Call back", None), NOW), NOW);
    assert_eq!(delivery.reply().map(|reply| reply.status), Some(200));
    let hook = faulty.vendor_mut();
    assert!(hook.entries().is_empty() && hook.take_acks(NOW + 900_000).is_empty());
}

#[test]
fn it_is_watched_and_set_from_outside() {
    let mut hook = Hook::default();
    send(&mut hook, &event("task", "rb-task-1", "Call back", None), NOW);
    let mut ask = |method: &str, path: &str, body: Value| {
        hook.control(&Request::new(method, path).json(&body), NOW + 5_000).map(|reply| (reply.status, reply.value()))
    };
    let books = ask("GET", "/_twin/books", Value::Null).unwrap().1;
    assert_eq!(books[0]["kind"], "task");
    assert_eq!(ask("GET", "/_twin/runs", Value::Null).unwrap().1["runs"][0]["did"], "created");
    assert_eq!(ask("GET", "/_twin/acks", Value::Null).unwrap().1["acks"].as_array().unwrap().len(), 1);
    assert_eq!(ask("POST", "/_twin/acks", Value::Null).unwrap().1["acks"].as_array().unwrap().len(), 1);
    assert_eq!(ask("POST", "/_twin/acks", Value::Null).unwrap().1["acks"].as_array().unwrap().len(), 0);
    let (status, options) = ask("POST", "/_twin/options", json!({ "style": "make", "on": false })).unwrap();
    assert_eq!((status, &options["style"], &options["filter"]), (200, &json!("make"), &json!(true)));
    assert_eq!(ask("POST", "/_twin/options", json!({ "style": "pigeon" })).unwrap().0, 400);
    assert!(ask("GET", "/_twin/nothing", Value::Null).is_none());
    assert_eq!(send(&mut hook, &event("task", "rb-task-2", "Call back", None), NOW).status, 410);
}
