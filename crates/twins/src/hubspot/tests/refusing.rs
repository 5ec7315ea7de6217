//! What HubSpot refuses, and that nothing is written by it.

use super::*;

fn live(hub: &HubSpot) -> usize {
    ObjectType::ALL.into_iter().map(|kind| hub.records(kind).len()).sum()
}

#[test]
fn property_values_that_are_not_valid_are_all_named() {
    let mut hub = hub();
    for (kind, name, value, code) in [
        ("contacts", "shoe_size", "44", "PROPERTY_DOESNT_EXIST"),
        ("contacts", "hs_object_id", "5", "READ_ONLY_VALUE"),
        ("contacts", "createdate", "2026-01-01T00:00:00Z", "READ_ONLY_VALUE"),
        ("contacts", "hs_searchable_calculated_phone_number", "3125550142", "READ_ONLY_VALUE"),
        ("contacts", "lifecyclestage", "Lead", "INVALID_OPTION"),
        ("contacts", "email", "nobody", "INVALID_EMAIL"),
        ("contacts", "hubspot_owner_id", "700001", "INVALID_OWNER_ID"),
        ("contacts", "hubspot_owner_id", "90003", "INVALID_OWNER_ID"),
        ("calls", "hs_call_status", "MISSED_CALL", "INVALID_OPTION"),
        ("calls", "hs_call_duration", "9s", "INVALID_DOUBLE"),
        ("calls", "hs_timestamp", "yesterday", "INVALID_LONG"),
        ("tasks", "hs_task_priority", "URGENT", "INVALID_OPTION"),
    ] {
        let (status, body) = create(&mut hub, kind, &json!({ name: value, "hubspot_owner_id_": "x" }));
        assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")), "{name}");
        let errors = body["errors"].as_array().expect("errors");
        assert_eq!(errors.len(), 2, "both complaints at once: {body}");
        assert!(
            errors.iter().any(|e| e["code"] == code && e["context"]["propertyName"] == json!([name])),
            "{name}: {body}"
        );
        assert!(body["message"].as_str().expect("text").starts_with("Property values were not valid: [{"), "{body}");
    }
    assert_eq!(live(&hub), 0);
}

#[test]
fn required_properties_are_required() {
    let mut hub = hub();
    for (kind, properties) in [
        ("contacts", json!({ "phone": "+13125550142" })),
        ("contacts", json!({ "firstname": "", "phone": "+13125550142" })),
        ("calls", json!({ "hs_call_title": "Missed" })),
        ("tasks", json!({ "hs_task_subject": "Ring back" })),
        ("notes", json!({ "hs_note_body": "x" })),
        ("deals", json!({ "dealname": "x" })),
        ("tickets", json!({ "subject": "x" })),
        ("companies", json!({ "city": "x" })),
    ] {
        let (status, body) = create(&mut hub, kind, &properties);
        assert_eq!(status, 400, "{kind}");
        assert!(body["message"].as_str().expect("text").ends_with("Some required properties were not set."), "{body}");
    }
    assert_eq!(live(&hub), 0);
}

#[test]
fn a_taken_email_in_both_wordings() {
    let mut hub = hub();
    let first = made(&mut hub, "contacts", &json!({ "email": "Jo@Example.com" }));
    let (status, body) = create(&mut hub, "contacts", &json!({ "email": "jo@example.COM", "firstname": "Jo" }));
    assert_eq!((status, &body["category"]), (409, &json!("CONFLICT")));
    assert_eq!(body["message"], format!("Contact already exists. Existing ID: {first}"));
    hub.options_mut().duplicate_form = DuplicateForm::Validation;
    let (status, body) = create(&mut hub, "contacts", &json!({ "email": "jo@example.com" }));
    assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")));
    let message = body["message"].as_str().expect("text");
    assert!(message.ends_with(&format!("{first} already has that value.")), "{message}");
    let half = message.split(" on ").nth(1).and_then(|rest| rest.split('.').next()).expect("an id").to_owned();
    assert_ne!(half, first);
    assert_eq!(get(&mut hub, &format!("{BASE}/contacts/{half}")).0, 404, "the half-allocated id does not exist");
    let next = made(&mut hub, "contacts", &json!({ "firstname": "Al" }));
    assert_ne!(next, half, "and is not given out later");
    // A change to a taken address is refused too.
    let (status, _) = ask(
        &mut hub,
        "PATCH",
        &format!("{BASE}/contacts/{next}"),
        &json!({ "properties": { "email": "jo@example.com" } }),
        NOW,
    );
    assert_eq!((status, hub.records(ObjectType::Contacts).len()), (400, 2));
}

#[test]
fn a_unique_property_holds() {
    let mut hub = hub();
    with_key(&mut hub, "tasks");
    let task = json!({ "hs_timestamp": "2026-03-05T15:00:00Z", "rb_key": "rb-task-1" });
    let first = made(&mut hub, "tasks", &task);
    let (status, body) = create(&mut hub, "tasks", &task);
    assert_eq!(status, 400);
    assert!(body["message"].as_str().expect("text").contains(&format!("{first} already has that value.")), "{body}");
    ask(&mut hub, "DELETE", &format!("{BASE}/tasks/{first}"), &Value::Null, NOW);
    assert_eq!(create(&mut hub, "tasks", &task).0, 201, "an archived record frees its value");
}

#[test]
fn tokens_and_scopes() {
    let mut hub = hub();
    let plain = Request::new("GET", "/crm/objects/2026-03/contacts");
    for request in [
        plain.clone(),
        plain.clone().header("Authorization", "Bearer wrong"),
        plain.clone().header("Authorization", "pat-twin"),
    ] {
        let reply = hub.handle(&request, NOW);
        assert_eq!((reply.status, &reply.value()["category"]), (401, &json!("INVALID_AUTHENTICATION")));
    }
    hub.options_mut().tokens =
        vec![Token { scopes: Some(vec!["crm.objects.contacts.read".to_owned()]), ..Token::new("pat-twin", "1") }];
    assert_eq!(get(&mut hub, &format!("{BASE}/contacts")).0, 200);
    assert_eq!(get(&mut hub, &format!("{BASE}/calls")).0, 200, "activities go with contacts");
    assert_eq!(post(&mut hub, &format!("{BASE}/contacts/search"), &json!({})).0, 200, "search only reads");
    for (method, path, scope) in [
        ("POST", "/crm/objects/2026-03/contacts", "crm.objects.contacts.write"),
        ("GET", "/crm/objects/2026-03/deals", "crm.objects.deals.read"),
        ("GET", "/crm/properties/2026-03/contacts", "crm.schemas.contacts.read"),
        ("GET", "/crm/owners/2026-03", "crm.objects.owners.read"),
    ] {
        let (status, body) = ask(&mut hub, method, path, &Value::Null, NOW);
        assert_eq!((status, &body["category"]), (403, &json!("MISSING_SCOPES")), "{path}");
        assert_eq!(body["errors"][0]["context"]["requiredGranularScopes"], json!([scope]));
    }
}

#[test]
fn the_three_limits_refuse_by_name_and_open_again() {
    let mut hub = HubSpot::new(Options {
        limits: Limits {
            burst_max: Some(4),
            search_per_second_max: Some(2),
            daily_max: Some(9),
            retry_after: true,
            ..Limits::default()
        },
        ..Options::default()
    });
    let request = Request::new("GET", "/crm/objects/2026-03/contacts").header("Authorization", "Bearer pat-twin");
    let mut at = |now: i64| hub.handle(&request, now);
    let remaining: Vec<Option<String>> =
        (0..4).map(|i| at(NOW + i).get_header("X-HubSpot-RateLimit-Remaining").map(str::to_owned)).collect();
    assert_eq!(remaining, ["3", "2", "1", "0"].map(|n| Some(n.to_owned())));
    let over = at(NOW + 9_999);
    assert_eq!((over.status, &over.value()["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    assert_eq!((over.get_header("Retry-After"), &over.value()["errorType"]), (Some("10"), &json!("RATE_LIMIT")));
    assert_eq!(at(NOW + 10_000).status, 200, "the window rolls: the first call is ten seconds old");
    let search = Request::new("POST", "/crm/objects/2026-03/contacts/search")
        .header("Authorization", "Bearer pat-twin")
        .json(&json!({}));
    let replies: Vec<Reply> = (0..3).map(|i| hub.handle(&search, NOW + 30_000 + i)).collect();
    assert_eq!(replies.iter().map(|r| r.status).collect::<Vec<_>>(), [200, 200, 429]);
    assert_eq!(replies[2].value()["policyName"], "SECONDLY");
    assert!(
        replies.iter().all(|r| r.get_header("X-HubSpot-RateLimit-Remaining").is_none()),
        "search carries no such headers"
    );
    assert_eq!(hub.handle(&search, NOW + 31_000).status, 200);
    for i in 0..2 {
        assert_eq!(hub.handle(&request, NOW + 60_000 + i).status, if i == 0 { 200 } else { 429 });
    }
    let daily = hub.handle(&request, NOW + 120_000);
    assert_eq!(daily.value()["policyName"], "DAILY");
    let midnight = NOW.div_euclid(crate::civil::DAY_MS) * crate::civil::DAY_MS + crate::civil::DAY_MS;
    assert_eq!(hub.handle(&request, midnight - 1).status, 429);
    assert_eq!(hub.handle(&request, midnight).status, 200);
}

#[test]
fn a_refusal_without_retry_after_by_default() {
    let mut hub =
        HubSpot::new(Options { limits: Limits { burst_max: Some(0), ..Limits::default() }, ..Options::default() });
    let reply = hub.handle(&Request::new("GET", "/crm/owners/2026-03").header("Authorization", "Bearer pat-twin"), NOW);
    assert_eq!((reply.status, reply.get_header("Retry-After")), (429, None));
}

#[test]
fn what_does_not_exist_is_not_found() {
    let mut hub = hub();
    let id = made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    for path in [
        format!("{BASE}/contacts/1"),
        format!("{BASE}/contacts/abc"),
        format!("{BASE}/companies/{id}"),
        "/crm/nothing/2026-03/contacts".to_owned(),
        "/crm/objects/2026/contacts".to_owned(),
        "/".to_owned(),
    ] {
        assert_eq!(get(&mut hub, &path).0, 404, "{path}");
    }
    assert_eq!(get(&mut hub, &format!("{BASE}/spaceships")).0, 400);
    assert_eq!(ask(&mut hub, "PATCH", &format!("{BASE}/contacts/1"), &json!({ "properties": {} }), NOW).0, 404);
    assert_eq!(ask(&mut hub, "DELETE", &format!("{BASE}/contacts/1"), &Value::Null, NOW).0, 404);
}

#[test]
fn id_properties_must_exist_and_be_unique() {
    let mut hub = hub();
    made(&mut hub, "contacts", &json!({ "firstname": "Jo", "email": "jo@example.com" }));
    for (property, word) in [("no_such", "does not exist"), ("firstname", "not a unique property")] {
        let (status, body) = get(&mut hub, &format!("{BASE}/contacts/Jo?idProperty={property}"));
        assert_eq!(status, 400);
        assert!(body["message"].as_str().expect("text").contains(word), "{body}");
        let inputs = json!({ "idProperty": property, "inputs": [{ "id": "Jo" }], "properties": [] });
        assert_eq!(post(&mut hub, &format!("{BASE}/contacts/batch/read"), &inputs).0, 400);
        let inputs = json!({ "inputs": [{ "id": "Jo", "idProperty": property, "properties": {} }] });
        assert_eq!(post(&mut hub, &format!("{BASE}/contacts/batch/upsert"), &inputs).0, 400);
    }
    assert_eq!(get(&mut hub, &format!("{BASE}/contacts/JO%40example.com?idProperty=email")).0, 200);
    let missing = json!({ "inputs": [{ "id": "x", "properties": {} }] });
    assert_eq!(post(&mut hub, &format!("{BASE}/contacts/batch/upsert"), &missing).0, 400);
}

#[test]
fn batches_have_a_size_and_no_doubles() {
    let mut hub = hub();
    with_key(&mut hub, "contacts");
    let inputs = |n: usize| json!({ "inputs": (0..n).map(|i| json!({ "properties": { "firstname": format!("F{i}") } })).collect::<Vec<_>>() });
    assert_eq!(post(&mut hub, &format!("{BASE}/contacts/batch/create"), &inputs(101)).0, 400);
    assert_eq!(hub.records(ObjectType::Contacts).len(), 0);
    assert_eq!(post(&mut hub, &format!("{BASE}/contacts/batch/create"), &inputs(100)).0, 201);
    let twice = json!({ "inputs": [
        { "id": "k", "idProperty": "rb_key", "objectWriteTraceId": "1", "properties": { "firstname": "a" } },
        { "id": "k", "idProperty": "rb_key", "objectWriteTraceId": "2", "properties": { "firstname": "b" } },
    ] });
    let (status, body) = post(&mut hub, &format!("{BASE}/contacts/batch/upsert"), &twice);
    assert_eq!(
        (status, &body["message"]),
        (400, &json!("Duplicate IDs found in batch input: [k]. IDs must be unique"))
    );
    assert_eq!(post(&mut hub, &format!("{BASE}/contacts/batch/frobnicate"), &inputs(1)).0, 404);
    assert_eq!(post(&mut hub, &format!("{BASE}/contacts/batch/create"), &json!({})).0, 400);
}

#[test]
fn one_bad_input_refuses_the_batch_unless_each_has_a_trace_id() {
    let mut hub = hub();
    let bad = |trace: bool| {
        let mut inputs =
            vec![json!({ "properties": { "firstname": "Jo" } }), json!({ "properties": { "shoe_size": "44" } })];
        if trace {
            inputs[0]["objectWriteTraceId"] = json!("w-0");
            inputs[1]["objectWriteTraceId"] = json!("w-1");
        }
        json!({ "inputs": inputs })
    };
    let path = format!("{BASE}/contacts/batch/create");
    assert_eq!(post(&mut hub, &path, &bad(false)).0, 400);
    assert_eq!(hub.records(ObjectType::Contacts).len(), 0);
    let (status, body) = post(&mut hub, &path, &bad(true));
    assert_eq!((status, &body["numErrors"], hub.records(ObjectType::Contacts).len()), (207, &json!(1), 1));
    assert_eq!(body["errors"][0]["context"]["objectWriteTraceId"], json!(["w-1"]));
    assert_eq!(body["results"][0]["objectWriteTraceId"], "w-0");
}

#[test]
fn an_upsert_by_email_wants_the_whole_record() {
    let mut hub = hub();
    let upsert = |properties: Value| json!({ "inputs": [{ "id": "jo@example.com", "idProperty": "email", "properties": properties }] });
    let path = format!("{BASE}/contacts/batch/upsert");
    assert_eq!(post(&mut hub, &path, &upsert(json!({ "firstname": "Jo", "phone": "+13125550142" }))).0, 200);
    let (status, body) = post(&mut hub, &path, &upsert(json!({ "firstname": "Joanna" })));
    assert_eq!(status, 400);
    assert_eq!(body["context"]["properties"], json!(["phone"]));
    assert_eq!(hub.records(ObjectType::Contacts)[0].get("firstname"), Some("Jo"));
    assert_eq!(post(&mut hub, &path, &upsert(json!({ "firstname": "Joanna", "phone": "+13125550142" }))).0, 200);
}

#[test]
fn property_definitions_have_rules() {
    let mut hub = hub();
    let path = "/crm/properties/2026-03/contacts";
    let definition = |name: &str| json!({ "name": name, "label": "L", "type": "string", "fieldType": "text", "groupName": "contactinformation", "hasUniqueValue": true });
    for n in 0..10 {
        assert_eq!(post(&mut hub, path, &definition(&format!("key_{n}"))).0, 201);
    }
    assert_eq!(post(&mut hub, path, &definition("key_10")).0, 400, "ten unique properties at most");
    assert_eq!(post(&mut hub, path, &definition("key_1")).0, 409);
    assert_eq!(post(&mut hub, path, &definition("Key")).0, 400);
    for (field, value) in [("groupName", "nowhere"), ("type", "colour"), ("fieldType", "date"), ("label", "")] {
        let mut wrong = definition("plain");
        wrong["hasUniqueValue"] = json!(false);
        wrong[field] = json!(value);
        assert_eq!(post(&mut hub, path, &wrong).0, 400, "{field}");
    }
    let patch = |hub: &mut HubSpot, body: Value| ask(hub, "PATCH", &format!("{path}/key_1"), &body, NOW);
    assert_eq!(patch(&mut hub, json!({ "hasUniqueValue": false })).0, 400, "cannot be changed after creation");
    assert_eq!(patch(&mut hub, json!({ "label": "New" })).1["label"], "New");
    assert_eq!(get(&mut hub, &format!("{path}/none")).0, 404);
}

#[test]
fn searches_have_bounds() {
    let mut hub = hub();
    let path = format!("{BASE}/contacts/search");
    let filter = json!({ "propertyName": "firstname", "operator": "EQ", "value": "Jo" });
    let groups = |groups: usize, filters: usize| json!({ "filterGroups": vec![json!({ "filters": vec![filter.clone(); filters] }); groups] });
    for (n, (body, good)) in [
        (groups(5, 1), true),
        (groups(6, 1), false),
        (groups(1, 6), true),
        (groups(1, 7), false),
        (groups(3, 6), true),
        (groups(4, 6), false),
        (json!({ "limit": 200 }), true),
        (json!({ "limit": 201 }), false),
        (json!({ "limit": 100, "after": "9900" }), true),
        (json!({ "limit": 100, "after": "9901" }), false),
        (json!({ "after": "next" }), false),
        (json!({ "sorts": ["firstname", "lastname"] }), false),
        (json!({ "sorts": [{ "propertyName": "no_such" }] }), false),
        (json!({ "query": "x".repeat(3_001) }), false),
        (json!({ "properties": ["x".repeat(2_900)] }), true),
        (json!({ "properties": ["x".repeat(3_000)] }), false),
        (json!({ "filterGroups": [{ "filters": [{ "propertyName": "no_such", "operator": "EQ", "value": "1" }] }] }), false),
        (json!({ "filterGroups": [{ "filters": [{ "propertyName": "firstname", "operator": "LIKE", "value": "1" }] }] }), false),
        (json!({ "filterGroups": [{ "filters": [{ "propertyName": "firstname", "operator": "EQ" }] }] }), false),
        (json!({ "filterGroups": [{ "filters": [{ "propertyName": "firstname", "operator": "IN", "value": "Jo" }] }] }), false),
    ]
    .into_iter()
    .enumerate()
    {
        let (status, reply) = ask(&mut hub, "POST", &path, &body, NOW + n as i64 * 1_000);
        assert_eq!(status == 200, good, "{body}: {reply}");
    }
}

#[test]
fn bodies_that_are_no_json_and_links_that_make_no_sense() {
    let mut hub = hub();
    let mut request = Request::new("POST", "/crm/objects/2026-03/contacts").header("Authorization", "Bearer pat-twin");
    request.body = b"{\"properties\":".to_vec();
    let reply = hub.handle(&request, NOW);
    assert!(reply.status == 400 && reply.value()["message"].as_str().expect("text").starts_with("Invalid input JSON"));
    assert_eq!(post(&mut hub, &format!("{BASE}/contacts"), &json!([1])).0, 400);
    assert_eq!(create(&mut hub, "contacts", &json!({ "firstname": ["a"] })).0, 400);
    let contact = made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    let call = |type_id: u32, to: &str| {
        json!({ "properties": { "hs_timestamp": "2026-03-05T14:00:00Z" },
            "associations": [{ "to": { "id": to }, "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id }] }] })
    };
    for (type_id, to) in [(204, contact.as_str()), (9_999, contact.as_str()), (194, "1"), (182, contact.as_str())] {
        assert_eq!(post(&mut hub, &format!("{BASE}/calls"), &call(type_id, to)).0, 400, "{type_id}");
    }
    assert_eq!(hub.records(ObjectType::Calls).len(), 0);
    let (status, made) = post(&mut hub, &format!("{BASE}/calls"), &call(194, &contact));
    assert_eq!(status, 201);
    let id = made["id"].as_str().expect("id");
    assert_eq!(
        ask(&mut hub, "PUT", &format!("{BASE}/calls/{id}/associations/default/notes/1"), &Value::Null, NOW).0,
        404
    );
    let wrong = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204 }]);
    assert_eq!(ask(&mut hub, "PUT", &format!("{BASE}/calls/{id}/associations/contacts/{contact}"), &wrong, NOW).0, 400);
}
