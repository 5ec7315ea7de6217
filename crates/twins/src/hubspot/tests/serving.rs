//! What HubSpot does when it does it.

use super::*;

fn default_link(from: &str, id: &str, to: &str, to_id: &str) -> String {
    format!("{BASE}/{from}/{id}/associations/default/{to}/{to_id}")
}

#[test]
fn a_record_is_created_read_changed_and_archived() {
    let mut hub = hub();
    let id = made(&mut hub, "contacts", &json!({ "firstname": "Jo", "phone": "+1 312-555-0142" }));
    let path = format!("{BASE}/contacts/{id}");
    let (_, read) = get(&mut hub, &format!("{path}?properties=phone,lastname,no_such&properties=city"));
    assert_eq!(read["properties"]["phone"], "+1 312-555-0142");
    assert!(read["properties"]["lastname"].is_null() && read["properties"].get("lastname").is_some());
    assert!(read["properties"].get("no_such").is_none(), "unknown names are left out, not refused");
    assert!(read["properties"].get("city").is_some());
    let change = json!({ "properties": { "lastname": "Ruiz", "city": null } });
    let (status, patched) = ask(&mut hub, "PATCH", &path, &change, NOW + 5_000);
    assert_eq!(
        (status, &patched["properties"]["lastname"], &patched["updatedAt"]),
        (200, &json!("Ruiz"), &json!("2026-03-05T14:03:16.000Z"))
    );
    assert_eq!(ask(&mut hub, "DELETE", &path, &Value::Null, NOW + 6_000).0, 204);
    assert_eq!(get(&mut hub, &path).0, 404);
    let (status, archived) = get(&mut hub, &format!("{path}?archived=true"));
    assert_eq!((status, &archived["archived"]), (200, &json!(true)));
    assert_eq!((hub.records(ObjectType::Contacts).len(), hub.archived(ObjectType::Contacts).len()), (0, 1));
}

#[test]
fn every_spelling_of_a_path_means_the_same() {
    let mut hub = hub();
    let id = made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    for path in [
        "/crm/v3/objects/contacts",
        "/crm/v3/objects/0-1",
        "/crm/v3/objects/contact",
        "/crm/objects/2025-09/contacts",
        "/crm/objects/2026-09/contacts",
    ] {
        assert_eq!(get(&mut hub, &format!("{path}/{id}")).1["id"], id.as_str(), "{path}");
    }
}

#[test]
fn values_come_back_as_hubspot_keeps_them() {
    let mut hub = hub();
    let id = made(
        &mut hub,
        "calls",
        &json!({ "hs_timestamp": "2026-03-05T09:03:11-05:00", "hs_call_duration": 24_000, "hs_call_title": "x" }),
    );
    let read = |hub: &mut HubSpot| {
        get(hub, &format!("{BASE}/calls/{id}?properties=hs_timestamp,hs_call_duration,hs_call_title")).1["properties"]
            .clone()
    };
    assert_eq!(read(&mut hub)["hs_timestamp"], "2026-03-05T14:03:11Z");
    assert_eq!(read(&mut hub)["hs_call_duration"], "24000");
    let epoch = json!({ "properties": { "hs_timestamp": "1772719391250", "hs_call_title": "" } });
    ask(&mut hub, "PATCH", &format!("{BASE}/calls/{id}"), &epoch, NOW);
    assert_eq!(read(&mut hub)["hs_timestamp"], "2026-03-05T14:03:11.250Z");
    assert_eq!(read(&mut hub)["hs_call_title"], "", "cleared");
    let contact = made(&mut hub, "contacts", &json!({ "email": " Jo@Example.COM" }));
    assert_eq!(hub.record(ObjectType::Contacts, &contact).and_then(|r| r.get("email")), Some("jo@example.com"));
}

#[test]
fn history_tells_people_from_apps() {
    let mut hub = hub();
    let id = made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    hub.human_set(ObjectType::Contacts, &id, "firstname", "Joanna", 700_002, NOW + 1_000).expect("set");
    let same = json!({ "properties": { "firstname": "Joanna" } });
    ask(&mut hub, "PATCH", &format!("{BASE}/contacts/{id}"), &same, NOW + 2_000);
    let (_, read) = get(&mut hub, &format!("{BASE}/contacts/{id}?propertiesWithHistory=firstname"));
    assert_eq!(
        read["propertiesWithHistory"]["firstname"],
        json!([
            { "value": "Joanna", "timestamp": "2026-03-05T14:03:12.000Z", "sourceType": "CRM_UI", "sourceId": "userId:700002", "updatedByUserId": 700_002 },
            { "value": "Jo", "timestamp": "2026-03-05T14:03:11.000Z", "sourceType": "INTEGRATION", "sourceId": "7001" },
        ]),
        "newest first; the same value again makes no version"
    );
    assert!(hub.human_set(ObjectType::Contacts, &id, "no_such", "x", 1, NOW).is_err());
}

#[test]
fn lifecycle_stages_only_move_forward() {
    let mut hub = hub();
    let id = made(&mut hub, "contacts", &json!({ "firstname": "Jo", "lifecyclestage": "customer" }));
    let mut set = |stage: &str| {
        let (status, _) = ask(
            &mut hub,
            "PATCH",
            &format!("{BASE}/contacts/{id}"),
            &json!({ "properties": { "lifecyclestage": stage } }),
            NOW,
        );
        (
            status,
            hub.record(ObjectType::Contacts, &id).and_then(|r| r.get("lifecyclestage")).unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(set("lead"), (200, "customer".to_owned()), "answered 200, and not done");
    assert_eq!(set(""), (200, String::new()));
    assert_eq!(set("lead"), (200, "lead".to_owned()));
    assert_eq!(set("opportunity"), (200, "opportunity".to_owned()));
    hub.human_set(ObjectType::Contacts, &id, "lifecyclestage", "lead", 1, NOW).expect("a person may");
    assert_eq!(hub.record(ObjectType::Contacts, &id).and_then(|r| r.get("lifecyclestage")), Some("lead"));
}

#[test]
fn upsert_by_our_key_makes_one_record_however_often() {
    let mut hub = hub();
    with_key(&mut hub, "contacts");
    let path = format!("{BASE}/contacts/batch/upsert");
    let body = upsert("rb-contact-1", &json!({ "firstname": "Caller", "phone": "+13125550142" }));
    let (status, first) = post(&mut hub, &path, &body);
    assert_eq!((status, &first["results"][0]["new"]), (200, &json!(true)), "{first}");
    assert_eq!(first["results"][0]["properties"]["rb_key"], "rb-contact-1");
    let (_, again) = post(&mut hub, &path, &body);
    assert_eq!((&again["results"][0]["new"], &again["results"][0]["id"]), (&json!(false), &first["results"][0]["id"]));
    assert_eq!(hub.by_property(ObjectType::Contacts, "rb_key", "rb-contact-1").len(), 1);
    let (status, refused) = post(&mut hub, &path, &upsert("rb-contact-2", &json!({ "phone": "+13125550142" })));
    assert_eq!(
        (status, hub.records(ObjectType::Contacts).len()),
        (207, 1),
        "a new contact still needs a name: {refused}"
    );
    let (status, read) = get(&mut hub, &format!("{BASE}/contacts/rb-contact-1?idProperty=rb_key&properties=phone"));
    assert_eq!((status, &read["properties"]["phone"]), (200, &json!("+13125550142")));
}

#[test]
fn batches_read_update_and_archive() {
    let mut hub = hub();
    let ids: Vec<String> =
        (0..3).map(|n| made(&mut hub, "contacts", &json!({ "firstname": format!("F{n}") }))).collect();
    let body = json!({ "inputs": [{ "id": ids[0] }, { "id": "99" }, { "id": ids[2] }], "properties": ["firstname"], "propertiesWithHistory": [] });
    let (status, read) = post(&mut hub, &format!("{BASE}/contacts/batch/read"), &body);
    assert_eq!((status, &read["errors"][0]["context"]["ids"]), (207, &json!(["99"])));
    let order: Vec<&str> =
        read["results"].as_array().expect("results").iter().filter_map(|r| r["id"].as_str()).collect();
    assert_eq!(order, [ids[2].as_str(), ids[0].as_str()], "no promised order");
    let body = json!({ "inputs": [{ "id": ids[1], "properties": { "lastname": "L" } }] });
    assert_eq!(post(&mut hub, &format!("{BASE}/contacts/batch/update"), &body).0, 200);
    assert_eq!(hub.by_property(ObjectType::Contacts, "lastname", "L").len(), 1);
    let body = json!({ "inputs": [{ "id": ids[0] }, { "id": "99" }] });
    assert_eq!(post(&mut hub, &format!("{BASE}/contacts/batch/archive"), &body).0, 204);
    assert_eq!(hub.records(ObjectType::Contacts).len(), 2);
}

#[test]
fn links_hold_both_ways_and_again_changes_nothing() {
    let mut hub = hub();
    let contact = made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    let task = made(&mut hub, "tasks", &json!({ "hs_timestamp": "2026-03-05T15:00:00Z" }));
    for _ in 0..2 {
        let (status, body) =
            ask(&mut hub, "PUT", &default_link("tasks", &task, "contacts", &contact), &Value::Null, NOW);
        assert_eq!((status, &body["results"][0]["associationSpec"]["associationTypeId"]), (200, &json!(204)));
    }
    let old = format!("/crm/v4/objects/tasks/{task}/associations/default/contacts/{contact}");
    assert_eq!(ask(&mut hub, "PUT", &old, &Value::Null, NOW).0, 200);
    let (_, listed) = get(&mut hub, &format!("{BASE}/contacts/{contact}/associations/tasks"));
    assert_eq!(
        listed["results"],
        json!([{ "toObjectId": task, "associationTypes": [{ "category": "HUBSPOT_DEFINED", "typeId": 203 }] }])
    );
    let (_, v3) = get(&mut hub, &format!("/crm/v3/objects/contacts/{contact}/associations/tasks"));
    assert_eq!(v3["results"], json!([{ "id": task, "type": "contact_to_task" }]));
    let (_, read) = get(&mut hub, &format!("{BASE}/tasks/{task}?associations=contacts,companies"));
    assert_eq!(
        read["associations"],
        json!({ "contacts": { "results": [{ "id": contact, "type": "task_to_contact" }] } })
    );
    assert_eq!(
        hub.record(ObjectType::Tasks, &task).expect("task").linked(ObjectType::Contacts),
        std::slice::from_ref(&contact)
    );
    assert_eq!(
        ask(&mut hub, "DELETE", &format!("{BASE}/tasks/{task}/associations/contacts/{contact}"), &Value::Null, NOW).0,
        204
    );
    assert_eq!(get(&mut hub, &format!("{BASE}/contacts/{contact}/associations/tasks")).1["results"], json!([]));
}

#[test]
fn links_page_carry_labels_and_come_in_batches() {
    let mut hub = hub();
    let contact = made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    let company = made(&mut hub, "companies", &json!({ "name": "Acme" }));
    let primary = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1 }]);
    let (status, linked) =
        ask(&mut hub, "PUT", &format!("{BASE}/contacts/{contact}/associations/companies/{company}"), &primary, NOW);
    assert_eq!((status, &linked["labels"]), (201, &json!(["Primary"])));
    let calls: Vec<String> =
        (0..3).map(|_| made(&mut hub, "calls", &json!({ "hs_timestamp": "2026-03-05T15:00:00Z" }))).collect();
    let inputs: Vec<Value> = calls.iter().map(|id| json!({ "from": { "id": id }, "to": { "id": contact } })).collect();
    let (status, made) =
        post(&mut hub, "/crm/v4/associations/calls/contacts/batch/associate/default", &json!({ "inputs": inputs }));
    assert_eq!((status, made["results"].as_array().map(Vec::len)), (200, Some(6)));
    let (_, first) = get(&mut hub, &format!("{BASE}/contacts/{contact}/associations/calls?limit=2"));
    assert_eq!(
        (&first["results"][1]["toObjectId"], &first["paging"]["next"]["after"]),
        (&json!(calls[1]), &json!(calls[1]))
    );
    let (_, rest) = get(&mut hub, &format!("{BASE}/contacts/{contact}/associations/calls?limit=2&after={}", calls[1]));
    assert!(rest["results"].as_array().map(Vec::len) == Some(1) && rest.get("paging").is_none());
    let (_, read) = post(
        &mut hub,
        "/crm/associations/2026-03/contacts/calls/batch/read",
        &json!({ "inputs": [{ "id": contact }] }),
    );
    assert_eq!(read["results"][0]["to"].as_array().map(Vec::len), Some(3));
    let (_, labels) = get(&mut hub, "/crm/v4/associations/calls/contacts/labels");
    assert_eq!(labels["results"], json!([{ "category": "HUBSPOT_DEFINED", "typeId": 194 }]));
}

#[test]
fn search_lags_and_get_does_not() {
    let mut hub = hub();
    let id = made(&mut hub, "contacts", &json!({ "firstname": "Jo", "phone": "+13125550142" }));
    let by_phone =
        json!([{ "propertyName": "hs_searchable_calculated_phone_number", "operator": "EQ", "value": "3125550142" }]);
    assert_eq!(found(&mut hub, "contacts", &by_phone, NOW + 9_999), Vec::<String>::new());
    assert_eq!(get(&mut hub, &format!("{BASE}/contacts/{id}")).0, 200);
    assert_eq!(found(&mut hub, "contacts", &by_phone, NOW + 10_000), std::slice::from_ref(&id));
    let change = json!({ "properties": { "phone": "(773) 555-0100" } });
    ask(&mut hub, "PATCH", &format!("{BASE}/contacts/{id}"), &change, NOW + 20_000);
    let new =
        json!([{ "propertyName": "hs_searchable_calculated_phone_number", "operator": "EQ", "value": "7735550100" }]);
    assert_eq!(
        found(&mut hub, "contacts", &by_phone, NOW + 79_999),
        std::slice::from_ref(&id),
        "the index still has the old number"
    );
    assert_eq!(found(&mut hub, "contacts", &new, NOW + 81_000), std::slice::from_ref(&id));
    assert_eq!(found(&mut hub, "contacts", &by_phone, NOW + 83_000), Vec::<String>::new());
    ask(&mut hub, "DELETE", &format!("{BASE}/contacts/{id}"), &Value::Null, NOW + 100_000);
    assert_eq!(found(&mut hub, "contacts", &new, NOW + 159_999), [id], "archived records linger too");
    assert_eq!(found(&mut hub, "contacts", &new, NOW + 161_000), Vec::<String>::new());
}

#[test]
fn every_operator_decides() {
    let mut hub = hub();
    let mut deal = |name: &str, amount: &str, close: &str| {
        made(
            &mut hub,
            "deals",
            &json!({ "dealname": name, "dealstage": "qualifiedtobuy", "amount": amount, "closedate": close }),
        )
    };
    let ids =
        [deal("Boiler swap", "900", "2026-03-01"), deal("drain check", "1200", "2026-04-01"), deal("Roof", "", "")];
    let day = |text: &str| crate::civil::parse_iso(text).expect("a day").to_string();
    let mut at = NOW + 100_000;
    for (filter, expected) in [
        (json!({ "propertyName": "dealname", "operator": "EQ", "value": "ROOF" }), vec![2]),
        (json!({ "propertyName": "dealname", "operator": "NEQ", "value": "Roof" }), vec![0, 1]),
        (json!({ "propertyName": "hs_is_closed", "operator": "NEQ", "value": "true" }), vec![0, 1, 2]),
        (json!({ "propertyName": "amount", "operator": "LT", "value": "1000" }), vec![0]),
        (json!({ "propertyName": "amount", "operator": "LTE", "value": "900" }), vec![0]),
        (json!({ "propertyName": "amount", "operator": "GT", "value": "900" }), vec![1]),
        (json!({ "propertyName": "amount", "operator": "GTE", "value": "900" }), vec![0, 1]),
        (
            json!({ "propertyName": "closedate", "operator": "BETWEEN", "value": day("2026-03-15"), "highValue": day("2026-04-01") }),
            vec![1],
        ),
        (json!({ "propertyName": "dealname", "operator": "IN", "values": ["roof", "boiler swap"] }), vec![0, 2]),
        (json!({ "propertyName": "dealname", "operator": "NOT_IN", "values": ["roof"] }), vec![0, 1]),
        (json!({ "propertyName": "amount", "operator": "HAS_PROPERTY" }), vec![0, 1]),
        (json!({ "propertyName": "amount", "operator": "NOT_HAS_PROPERTY" }), vec![2]),
        (json!({ "propertyName": "dealname", "operator": "CONTAINS_TOKEN", "value": "drain" }), vec![1]),
        (json!({ "propertyName": "dealname", "operator": "CONTAINS_TOKEN", "value": "boil*" }), vec![0]),
        (json!({ "propertyName": "dealname", "operator": "CONTAINS_TOKEN", "value": "boil" }), vec![]),
        (json!({ "propertyName": "dealname", "operator": "NOT_CONTAINS_TOKEN", "value": "drain" }), vec![0, 2]),
        (json!({ "propertyName": "createdate", "operator": "GTE", "value": NOW.to_string() }), vec![0, 1, 2]),
    ] {
        at += 1_000; // five searches a second
        let expected: Vec<String> = expected.into_iter().map(|i: usize| ids[i].clone()).collect();
        assert_eq!(found(&mut hub, "deals", &json!([filter]), at), expected, "{filter}");
    }
}

#[test]
fn the_working_pattern_for_phones_finds_every_spelling() {
    let mut hub = hub();
    let spellings = ["+13125550142", "(312) 555-0142", "312.555.0142", "1-312-555-0142 x7", "+1 312 555 0142"];
    let mut ids: Vec<String> =
        spellings.iter().map(|s| made(&mut hub, "contacts", &json!({ "firstname": "J", "phone": s }))).collect();
    ids.push(made(&mut hub, "contacts", &json!({ "firstname": "M", "mobilephone": "312-555-0142" })));
    made(&mut hub, "contacts", &json!({ "firstname": "Other", "phone": "+442071838750" }));
    let filter =
        |name: &str, value: &str| json!({ "filters": [{ "propertyName": name, "operator": "EQ", "value": value }] });
    let body = json!({ "limit": 100, "filterGroups": [
        filter("hs_searchable_calculated_phone_number", "3125550142"),
        filter("hs_searchable_calculated_mobile_number", "3125550142"),
        filter("phone", "+13125550142"), filter("mobilephone", "+13125550142"),
        { "filters": [{ "propertyName": "phone", "operator": "CONTAINS_TOKEN", "value": "*3125550142" }] },
    ] });
    let (_, reply) = ask(&mut hub, "POST", &format!("{BASE}/contacts/search"), &body, NOW + 60_000);
    let hits: Vec<&str> =
        reply["results"].as_array().expect("results").iter().filter_map(|r| r["id"].as_str()).collect();
    assert_eq!(hits, ids);
    let record = hub.by_property(ObjectType::Contacts, "hs_searchable_calculated_phone_number", "2071838750");
    assert_eq!(record[0].get("hs_searchable_calculated_international_phone_number"), Some("442071838750"));
}

#[test]
fn search_pages_sorts_queries_and_follows_links() {
    let mut hub = hub();
    let ids: Vec<String> = ["Cy", "Al", "Bo"]
        .iter()
        .map(|n| made(&mut hub, "contacts", &json!({ "firstname": n, "lastname": "Ruiz" })))
        .collect();
    let task = made(&mut hub, "tasks", &json!({ "hs_timestamp": "2026-03-05T15:00:00Z" }));
    hub.human_link((ObjectType::Tasks, &task), (ObjectType::Contacts, &ids[1]), NOW).expect("linked");
    let mut at = NOW + 60_000;
    let mut search = |kind: &str, body: Value| {
        at += 1_000;
        ask(&mut hub, "POST", &format!("{BASE}/{kind}/search"), &body, at).1
    };
    let sorted = json!([{ "propertyName": "firstname", "direction": "DESCENDING" }]);
    let first = search("contacts", json!({ "sorts": sorted, "limit": 2 }));
    assert_eq!(
        (&first["total"], &first["results"][0]["id"], &first["paging"]["next"]["after"]),
        (&json!(3), &json!(ids[0]), &json!("2"))
    );
    let second = search("contacts", json!({ "sorts": sorted, "limit": 2, "after": "2" }));
    assert!(second["results"][0]["id"] == ids[1].as_str() && second.get("paging").is_none());
    assert_eq!(search("contacts", json!({ "query": "bo ru" }))["total"], 1);
    let linked = json!({ "filterGroups": [{ "filters": [{ "propertyName": "associations.contact", "operator": "EQ", "value": ids[1] }] }] });
    assert_eq!(search("tasks", linked)["results"][0]["id"], task.as_str());
}

#[test]
fn merged_ids_lead_to_the_survivor() {
    for new_id in [false, true] {
        let mut hub = hub();
        hub.options_mut().merge_makes_new_id = new_id;
        with_key(&mut hub, "contacts");
        let a = made(&mut hub, "contacts", &json!({ "firstname": "Jo", "email": "jo@example.com" }));
        let b = made(
            &mut hub,
            "contacts",
            &json!({ "firstname": "Joanna", "city": "Evanston", "email": "j@example.com", "rb_key": "rb-1" }),
        );
        let task = made(&mut hub, "tasks", &json!({ "hs_timestamp": "2026-03-05T15:00:00Z" }));
        ask(&mut hub, "PUT", &default_link("tasks", &task, "contacts", &b), &Value::Null, NOW);
        let survivor = hub.merge(ObjectType::Contacts, &a, &b, NOW + 1_000).expect("merged");
        assert_eq!(survivor != a, new_id);
        for id in [&a, &b] {
            assert_eq!(get(&mut hub, &format!("{BASE}/contacts/{id}")).1["id"], survivor.as_str());
        }
        let record = hub.record(ObjectType::Contacts, &b).expect("the survivor");
        assert_eq!(
            (record.get("firstname"), record.get("city"), record.get("rb_key")),
            (Some("Jo"), Some("Evanston"), Some("rb-1"))
        );
        assert_eq!(record.linked(ObjectType::Tasks), std::slice::from_ref(&task));
        let (_, read) = get(&mut hub, &format!("{BASE}/tasks/{task}?associations=contacts"));
        assert_eq!(read["associations"]["contacts"]["results"][0]["id"], survivor.as_str());
        assert_eq!(hub.records(ObjectType::Contacts).len(), 1);
        assert_eq!(
            create(&mut hub, "contacts", &json!({ "email": "j@example.com" })).0,
            409,
            "the second address stays taken"
        );
        assert_eq!(get(&mut hub, &format!("{BASE}/contacts/rb-1?idProperty=rb_key")).0, 200);
        assert_eq!(get(&mut hub, &format!("{BASE}/contacts/jo@example.com?idProperty=email")).0, 200);
    }
}

#[test]
fn owners_pipelines_and_definitions_are_listed() {
    let mut hub = hub();
    let (_, owners) = get(&mut hub, "/crm/owners/2026-03");
    assert_eq!(owners["results"].as_array().map(Vec::len), Some(2), "deactivated ones only when asked for");
    assert_eq!(get(&mut hub, "/crm/owners/2026-03?archived=true").1["results"][0]["id"], "90003");
    assert_eq!(get(&mut hub, "/crm/v3/owners/?email=BEN.south%40example.com").1["results"][0]["id"], "90002");
    assert_eq!(get(&mut hub, "/crm/owners/2026-03?limit=1").1["paging"]["next"]["after"], "90001");
    assert_eq!(get(&mut hub, "/crm/owners/2026-03/90001").1["userId"], 700_001);
    assert_eq!(get(&mut hub, "/crm/owners/2026-03/1").0, 404);
    let (_, pipelines) = get(&mut hub, "/crm/pipelines/2026-03/deals");
    assert_eq!(pipelines["results"][0]["stages"][5]["metadata"]["isClosed"], "true");
    with_key(&mut hub, "calls");
    let (_, properties) = get(&mut hub, "/crm/properties/2026-03/calls");
    assert!(
        properties["results"]
            .as_array()
            .expect("list")
            .iter()
            .any(|p| p["name"] == "rb_key" && p["hasUniqueValue"] == true)
    );
    assert_eq!(
        get(&mut hub, "/crm/v3/properties/calls/hs_call_status").1["options"].as_array().map(Vec::len),
        Some(11)
    );
    assert_eq!(get(&mut hub, "/crm/properties/2026-03/calls/groups").1["results"][0]["name"], "call_engagement");
}

#[test]
fn lists_page_without_lag_and_the_log_tells() {
    let mut hub = hub();
    for n in 0..3 {
        made(&mut hub, "notes", &json!({ "hs_timestamp": (NOW + n).to_string() }));
    }
    let (_, first) = get(&mut hub, &format!("{BASE}/notes?limit=2"));
    let after = first["paging"]["next"]["after"].as_str().expect("more").to_owned();
    assert_eq!(
        get(&mut hub, &format!("{BASE}/notes?limit=2&after={after}")).1["results"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(get(&mut hub, &format!("{BASE}/notes?limit=101")).0, 400);
    let log = hub.logged();
    assert_eq!((log.len(), log[0].n, log[0].effects.len(), log[3].effects.len()), (6, 1, 1, 0));
    assert_eq!(log[0].effects[0].deed, crate::log::Deed::Created);
}

#[test]
fn without_validation_values_pass_and_uniqueness_still_holds() {
    let mut hub = HubSpot::new(Options { validate: false, ..Options::default() });
    made(&mut hub, "contacts", &json!({ "phone": "+13125550142", "shoe_size": "44", "email": "a@b.co" }));
    assert_eq!(create(&mut hub, "contacts", &json!({ "email": "a@b.co" })).0, 409);
    assert!(hub.seed(ObjectType::Contacts, &[("email", "a@b.co")], NOW).is_err());
}

#[test]
fn a_group_of_our_own_takes_our_key_on_every_type() {
    let mut hub = hub();
    for kind in ["contacts", "calls", "tasks", "notes", "deals"] {
        let path = format!("/crm/properties/2026-03/{kind}");
        let group = json!({ "name": "ringback", "label": "Ringback", "displayOrder": -1 });
        assert_eq!(post(&mut hub, &format!("{path}/groups"), &group).0, 201);
        assert_eq!(post(&mut hub, &format!("{path}/groups"), &group).0, 409);
        let key = json!({ "name": "rb_key", "label": "K", "type": "string", "fieldType": "text", "groupName": "ringback", "hasUniqueValue": true });
        assert_eq!(post(&mut hub, &path, &key).0, 201);
    }
}

#[test]
fn links_of_many_are_read_and_made_item_by_item() {
    let mut hub = hub();
    let contact = made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    let at = json!({ "hs_timestamp": "2026-03-05T15:00:00Z" });
    let calls: Vec<String> = (0..3).map(|_| made(&mut hub, "calls", &at)).collect();
    let pair = |from: &str, to: &str| json!({ "from": { "id": from }, "to": { "id": to } });
    let inputs = json!({ "inputs": [pair(&calls[0], &contact), pair("1", &contact), pair(&calls[1], "2")] });
    let path = "/crm/associations/2026-03/calls/contacts/batch";
    let (status, body) = post(&mut hub, &format!("{path}/associate/default"), &inputs);
    assert_eq!((status, body["results"].as_array().map(Vec::len), &body["numErrors"]), (207, Some(2), &json!(2)));
    assert_eq!(body["errors"][0]["context"]["fromObjectId"], json!(["1"]));
    assert_eq!(body["errors"][1]["context"]["toObjectId"], json!(["2"]));
    let inputs = json!({ "inputs": calls.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() });
    let (status, body) = post(&mut hub, &format!("{path}/read"), &inputs);
    assert_eq!((status, body["results"].as_array().map(Vec::len)), (207, Some(1)));
    assert_eq!(body["results"][0]["from"]["id"], calls[0].as_str());
    let error = &body["errors"][0];
    assert_eq!(error["subCategory"], "crm.associations.NO_ASSOCIATIONS_FOUND");
    assert_eq!(error["message"], format!("No contact is associated with call {}.", calls[1]));
    let many: Vec<Value> = (0..1_001).map(|n| json!({ "id": n.to_string() })).collect();
    assert_eq!(post(&mut hub, &format!("{path}/read"), &json!({ "inputs": many })).0, 400);
}

#[test]
fn records_are_read_in_batches_by_our_key_and_with_history() {
    let mut hub = hub();
    with_key(&mut hub, "notes");
    for n in 0..2 {
        made(&mut hub, "notes", &json!({ "hs_timestamp": NOW.to_string(), "rb_key": format!("rb-note-{n}") }));
    }
    let path = format!("{BASE}/notes/batch/read");
    let ask_for = |keys: &[&str], history: &[&str]| {
        let inputs: Vec<Value> = keys.iter().map(|key| json!({ "id": key })).collect();
        json!({ "inputs": inputs, "idProperty": "rb_key", "properties": ["rb_key"], "propertiesWithHistory": history })
    };
    let (status, body) = post(&mut hub, &path, &ask_for(&["rb-note-1", "rb-note-9", "rb-note-0"], &["rb_key"]));
    assert_eq!((status, &body["errors"][0]["context"]["ids"]), (207, &json!(["rb-note-9"])));
    assert_eq!(body["results"][0]["properties"]["rb_key"], "rb-note-0");
    assert_eq!(body["results"][0]["propertiesWithHistory"]["rb_key"][0]["sourceType"], "INTEGRATION");
    let many: Vec<String> = (0..51).map(|n| format!("k{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (status, body) = post(&mut hub, &path, &ask_for(&many, &["rb_key"]));
    assert!(status == 400 && body["message"].as_str().is_some_and(|m| m.contains("histories is 50")), "{body}");
    assert_eq!(post(&mut hub, &path, &ask_for(&many, &[])).0, 207);
}

#[test]
fn a_merged_record_lists_the_ids_that_lead_to_it() {
    let mut hub = hub();
    let ids: Vec<String> =
        (0..3).map(|n| made(&mut hub, "contacts", &json!({ "firstname": format!("F{n}") }))).collect();
    hub.merge(ObjectType::Contacts, &ids[1], &ids[2], NOW).expect("merged");
    hub.merge(ObjectType::Contacts, &ids[0], &ids[1], NOW).expect("merged");
    let held = hub.record(ObjectType::Contacts, &ids[2]).and_then(|r| r.get("hs_merged_object_ids"));
    assert_eq!(held, Some(format!("{};{}", ids[1], ids[2]).as_str()));
    let body =
        json!({ "inputs": [{ "id": ids[2] }], "properties": ["hs_merged_object_ids"], "propertiesWithHistory": [] });
    let (_, read) = post(&mut hub, &format!("{BASE}/contacts/batch/read"), &body);
    assert_eq!(read["results"][0]["id"], ids[0].as_str());
}

#[test]
fn apps_fetch_tokens_that_expire() {
    let mut hub = hub();
    let mut token = |version: &str, form: &str, query: &str, at: i64| {
        let mut request = Request::new("POST", &format!("/oauth/{version}/token{query}"))
            .header("Content-Type", "application/x-www-form-urlencoded");
        request.body = form.as_bytes().to_vec();
        let reply = hub.handle(&request, at);
        (reply.status, reply.value())
    };
    let good = "grant_type=refresh_token&client_id=twin-app&client_secret=twin-secret&refresh_token=twin-refresh";
    for (form, status) in [
        ("", "BAD_GRANT_TYPE"),
        ("grant_type=refresh_token&client_id=x", "BAD_CLIENT_ID"),
        ("grant_type=refresh_token&client_id=twin-app&client_secret=x", "BAD_CLIENT_SECRET"),
        ("grant_type=refresh_token&client_id=twin-app&client_secret=twin-secret", "BAD_REFRESH_TOKEN"),
    ] {
        let (code, body) = token("2026-03", form, "", NOW);
        assert_eq!((code, &body["status"]), (400, &json!(status)));
        assert!(body["error"].is_string() && body["error_description"].is_string());
    }
    assert_eq!(token("2026-03", "", &format!("?{good}"), NOW).0, 400, "nothing is read from the query");
    assert_eq!(token("v1", "", &format!("?{good}"), NOW).0, 200, "as version 1 did");
    let (status, body) = token("2026-03", good, "", NOW);
    assert_eq!((status, &body["expires_in"], &body["refresh_token"]), (200, &json!(1_800), &json!("twin-refresh")));
    let secret = body["access_token"].as_str().expect("a token").to_owned();
    let mut read = |at: i64| {
        let request =
            Request::new("GET", "/crm/objects/2026-03/contacts").header("Authorization", &format!("Bearer {secret}"));
        let reply = hub.handle(&request, at);
        let left = reply.get_header("X-HubSpot-RateLimit-Remaining").map(str::to_owned);
        (reply.status, reply.value()["category"].as_str().map(str::to_owned), left)
    };
    assert_eq!(read(NOW + 1_799_999), (200, None, Some("189".into())));
    assert_eq!(read(NOW + 1_800_000), (401, Some("EXPIRED_AUTHENTICATION".into()), None));
    let mut hub = self::hub();
    hub.options_mut().tokens.clear();
    let mut request = Request::new("GET", "/crm/objects/2026-03/contacts").header("Authorization", "Bearer twin-app-9");
    request.body.clear();
    assert_eq!(hub.handle(&request, NOW).value()["category"], "INVALID_AUTHENTICATION");
}

#[test]
fn deals_companies_and_notes_are_made_linked_and_deleted() {
    let mut hub = hub();
    let contact = made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    for (kind, type_id, properties) in [
        ("deals", 3, json!({ "dealname": "Boiler", "dealstage": "qualifiedtobuy" })),
        ("companies", 280, json!({ "name": "Acme" })),
        ("notes", 202, json!({ "hs_timestamp": NOW.to_string(), "hs_note_body": "x" })),
    ] {
        let types = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id }]);
        let body = json!({ "properties": properties, "associations": [{ "to": { "id": contact }, "types": types }] });
        let (status, record) = post(&mut hub, &format!("{BASE}/{kind}"), &body);
        assert_eq!(status, 201, "{kind}: {record}");
        let id = record["id"].as_str().expect("an id");
        let (_, read) = get(&mut hub, &format!("{BASE}/contacts/{contact}?associations={kind}"));
        assert_eq!(read["associations"][kind]["results"][0]["id"], id, "{kind}");
        assert_eq!(ask(&mut hub, "DELETE", &format!("{BASE}/{kind}/{id}"), &Value::Null, NOW).0, 204);
        assert_eq!(ask(&mut hub, "DELETE", &format!("{BASE}/{kind}/{id}"), &Value::Null, NOW).0, 404);
        let (_, read) = get(&mut hub, &format!("{BASE}/contacts/{contact}?associations={kind}"));
        assert!(read.get("associations").is_none(), "{kind}: {read}");
    }
}

#[test]
fn changes_are_searched_for_oldest_first() {
    let mut hub = hub();
    let ids: Vec<String> = (0..3)
        .map(|n| {
            let body = json!({ "properties": { "firstname": format!("F{n}") } });
            let (_, made) = ask(&mut hub, "POST", &format!("{BASE}/contacts"), &body, NOW + n * 1_000);
            made["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    let change = json!({ "properties": { "city": "Evanston" } });
    ask(&mut hub, "PATCH", &format!("{BASE}/contacts/{}", ids[0]), &change, NOW + 5_000);
    let body = json!({
        "filterGroups": [{ "filters": [{ "propertyName": "lastmodifieddate", "operator": "GTE", "value": (NOW + 1_000).to_string() }] }],
        "sorts": [{ "propertyName": "lastmodifieddate", "direction": "ASCENDING" }], "limit": 200,
    });
    let (_, reply) = ask(&mut hub, "POST", &format!("{BASE}/contacts/search"), &body, NOW + 100_000);
    let order: Vec<&str> = reply["results"].as_array().expect("list").iter().filter_map(|r| r["id"].as_str()).collect();
    assert_eq!(order, [ids[1].as_str(), ids[2].as_str(), ids[0].as_str()]);
}

#[test]
fn the_books_are_read_over_the_wire() {
    use crate::fault::Vendor as _;
    let mut hub = hub();
    made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    let reply = hub.control(&Request::new("GET", "/_twin/books"), NOW).expect("known");
    let books = reply.value();
    assert_eq!((&books[0]["kind"], &books[0]["by_person"]), (&json!("person"), &json!(false)));
    assert_eq!(books[0]["fields"]["firstname"], "Jo");
}

#[test]
fn half_of_a_batch_names_what_was_left_out() {
    use crate::fault::Vendor as _;
    let mut hub = hub();
    let contact = made(&mut hub, "contacts", &json!({ "firstname": "Jo" }));
    let at = json!({ "hs_timestamp": "2026-03-05T15:00:00Z" });
    let calls: Vec<String> = (0..2).map(|_| made(&mut hub, "calls", &at)).collect();
    let inputs: Vec<Value> = calls.iter().map(|id| json!({ "from": { "id": id }, "to": { "id": contact } })).collect();
    let request = Request::new("POST", "/crm/associations/2026-03/calls/contacts/batch/associate/default")
        .header("Authorization", "Bearer pat-twin")
        .json(&json!({ "inputs": inputs }));
    let reply = hub.half(&request, NOW).expect("a batch");
    assert_eq!((reply.status, &reply.value()["errors"][0]["context"]["fromObjectId"]), (207, &json!([calls[1]])));
    let linked =
        |hub: &HubSpot, id: &str| hub.record(ObjectType::Calls, id).map(|r| r.linked(ObjectType::Contacts).len());
    assert_eq!((linked(&hub, &calls[0]), linked(&hub, &calls[1])), (Some(1), Some(0)));
}
