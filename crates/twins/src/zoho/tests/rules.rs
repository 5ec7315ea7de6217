//! Rules of the vendor, one by one.

use super::*;

#[test]
fn nobody_without_a_token_and_tokens_end() {
    let mut org = org();
    let reply = org.handle(&Request::new("GET", "/crm/v8/users").header("Authorization", "Bearer 1000.twin"), NOW);
    assert_eq!((reply.status, reply.value()["code"].as_str()), (401, Some("INVALID_TOKEN")));

    let ask = |org: &mut Zoho, secret: &str, now: i64| {
        let form = format!(
            "grant_type=refresh_token&client_id=1000.TWINCLIENT&client_secret={secret}&refresh_token=1000.twin-refresh"
        );
        let request = Request { body: form.into_bytes(), ..Request::new("POST", "/oauth/v2/token") };
        org.handle(&request.header("Host", "127.0.0.1:7"), now)
    };
    let wrong = ask(&mut org, "no", NOW);
    assert_eq!((wrong.status, wrong.value()), (200, json!({"error": "invalid_client_secret"})), "errors come with 200");
    let right = ask(&mut org, "twin-client-secret", NOW).value();
    assert_eq!(right["api_domain"], "http://127.0.0.1:7");
    let header = format!("Zoho-oauthtoken {}", right["access_token"].as_str().expect("a token"));
    let users = |org: &mut Zoho, now| {
        org.handle(&Request::new("GET", "/crm/v8/users").header("authorization", &header), now).status
    };
    assert_eq!(users(&mut org, NOW + 3_599_000), 200);
    assert_eq!(users(&mut org, NOW + 3_600_000), 401);
    for _ in 0..10 {
        ask(&mut org, "twin-client-secret", NOW + 3_600_000);
    }
    assert_eq!(ask(&mut org, "twin-client-secret", NOW + 3_600_001).status, 400, "ten tokens in ten minutes");
    assert_eq!(ask(&mut org, "twin-client-secret", NOW + 4_300_000).status, 200);
}

#[test]
fn an_upsert_by_our_key_makes_one_record() {
    let mut org = org();
    let id = made(&mut org, "rb-contact-1");
    let (status, body) = upsert(&mut org, &json!([lead("rb-contact-1"), lead("rb-contact-2")]));
    assert_eq!(status, 200);
    assert_eq!(body["data"][0]["details"]["id"], id.as_str());
    assert_eq!((&body["data"][0]["action"], &body["data"][1]["action"]), (&json!("update"), &json!("insert")));
    assert_eq!(org.records("Leads").len(), 2);
    assert_eq!(org.workflows(), 0);
    // Without a word on triggers everything is set off.
    let body = json!({ "data": [lead("rb-contact-3")] });
    assert_eq!(ask(&mut org, "POST", "/crm/v8/Leads", &body).0, 201);
    assert_eq!(org.workflows(), 1);
    // A plain insert of a taken key names its holder.
    let (status, body) = ask(&mut org, "POST", "/crm/v8/Leads", &json!({ "data": [lead("rb-contact-1")] }));
    assert_eq!((status, code(&body, 0)), (400, "DUPLICATE_DATA".into()));
    assert_eq!(body["data"][0]["details"]["duplicate_record"]["id"], id.as_str());
    // Activities have no upsert; only unique fields can be checked.
    assert_eq!(
        ask(&mut org, "POST", "/crm/v8/Calls/upsert", &json!({ "data": [call("rb-call-1", &id)] })).1["code"],
        "INVALID_MODULE"
    );
    let odd = json!({ "data": [lead("x")], "duplicate_check_fields": ["Phone"] });
    assert_eq!(ask(&mut org, "POST", "/crm/v8/Leads/upsert", &odd).0, 400);
}

#[test]
fn values_are_checked_and_each_record_has_its_own_entry() {
    let mut org = org();
    let with = |field: &str, value: Value| {
        let mut record = lead("");
        record[field] = value;
        record
    };
    for (field, value, expected) in [
        ("Last_Name", Value::Null, "MANDATORY_NOT_FOUND"),
        ("Company", json!(""), "MANDATORY_NOT_FOUND"),
        ("Email", json!("nobody"), "INVALID_DATA"),
        ("Phone", json!("call me"), "INVALID_DATA"),
        ("Phone", json!("0".repeat(31)), "INVALID_DATA"),
        ("Lead_Status", json!("Odd"), "INVALID_DATA"),
        ("Email_Opt_Out", json!("true"), "INVALID_DATA"),
        ("No_of_Employees", json!("7"), "INVALID_DATA"),
        ("Owner", json!({ "id": "5725767000000411003" }), "INVALID_DATA"),
        ("Owner", json!("5725767000000411001"), "INVALID_DATA"),
        ("Last_Name", json!(7), "INVALID_DATA"),
    ] {
        let (status, body) = ask(&mut org, "POST", "/crm/v8/Leads", &json!({ "data": [with(field, value.clone())] }));
        assert_eq!((status, code(&body, 0).as_str()), (400, expected), "{field} {value}");
        assert_eq!(body["data"][0]["details"]["api_name"], field);
    }
    let (status, body) = ask(
        &mut org,
        "POST",
        "/crm/v8/Leads",
        &json!({ "data": [lead("rb-1"), with("Email", json!("x")), lead("rb-2")] }),
    );
    assert_eq!(
        (status, code(&body, 0), code(&body, 1), code(&body, 2)),
        (207, "SUCCESS".into(), "INVALID_DATA".into(), "SUCCESS".into())
    );
    let many: Vec<Value> = (0..101).map(|n| lead(&n.to_string())).collect();
    assert_eq!(ask(&mut org, "POST", "/crm/v8/Leads", &json!({ "data": many })).0, 400);
    // Names that are no field are left out without a word; so is what the system writes.
    let body = json!({ "data": [{ "Last_Name": "A", "Company": "B", "Nonsense": "x", "Full_Name": "y" }] });
    let (status, body) = ask(&mut org, "POST", "/crm/v8/Leads", &body);
    assert_eq!(status, 201);
    let record = org.record(body["data"][0]["details"]["id"].as_str().expect("an id")).expect("a record");
    assert!(!record.fields.contains_key("Nonsense") && !record.fields.contains_key("Full_Name"));
    org.options_mut().refused_status = 202;
    assert_eq!(ask(&mut org, "POST", "/crm/v8/Leads", &json!({ "data": [{ "Company": "B" }] })).0, 202);
}

#[test]
fn calls_and_tasks_hang_on_people() {
    let mut org = org();
    let lead_id = made(&mut org, "rb-contact-1");
    let post = |org: &mut Zoho, record: &Value| ask(org, "POST", "/crm/v8/Calls", &json!({ "data": [record] }));
    let (status, body) = post(&mut org, &call("rb-call-1", &lead_id));
    assert_eq!(status, 201, "{body}");
    let id = body["data"][0]["details"]["id"].as_str().expect("an id").to_owned();
    let (_, body) = get(&mut org, &format!("/crm/v8/Calls/{id}"));
    assert_eq!((&body["data"][0]["What_Id"]["id"], &body["data"][0]["$se_module"]), (&json!(lead_id), &json!("Leads")));
    for (field, value, expected) in [
        ("$se_module", Value::Null, "DEPENDENT_FIELD_MISSING"),
        ("$se_module", json!("Contacts"), "INVALID_DATA"),
        ("Who_Id", json!({ "id": lead_id }), "INVALID_DATA"),
        ("Call_Type", json!("missed"), "INVALID_DATA"),
        ("Call_Start_Time", json!("2026-03-05T14:03:11Z"), "INVALID_DATA"),
        ("Call_Duration", json!("31"), "INVALID_DATA"),
        ("Call_Duration", Value::Null, "MANDATORY_NOT_FOUND"),
        ("RB_Key", json!("rb-call-1"), "DUPLICATE_DATA"),
    ] {
        let mut record = call("rb-call-2", &lead_id);
        record[field] = value;
        assert_eq!(code(&post(&mut org, &record).1, 0), expected, "{field}");
    }
    let task = json!({ "data": [{ "Subject": "Call back", "Due_Date": "2026-03-05T10:00:00+00:00" }] });
    assert_eq!(ask(&mut org, "POST", "/crm/v8/Tasks", &task).0, 400, "a due date has no time");
}

#[test]
fn a_change_may_ask_whether_it_still_is_what_was_read() {
    let mut org = org();
    let id = made(&mut org, "rb-contact-1");
    let path = format!("/crm/v8/Leads/{id}");
    let read = get(&mut org, &path).1["data"][0]["Modified_Time"].as_str().expect("a time").to_owned();
    assert_eq!(read, "2026-03-05T08:03:11-06:00");
    let put = |org: &mut Zoho, seen: &str, now_ms: i64| {
        let body = json!({ "data": [{ "City": "Evanston" }], "trigger": [] });
        org.handle(&request("PUT", &path, &body).header("If-Unmodified-Since", seen), now_ms)
    };
    assert_eq!(put(&mut org, &read, NOW + 5_000).status, 200);
    let stale = put(&mut org, &read, NOW + 9_000);
    assert_eq!((stale.status, code(&stale.value(), 0)), (412, "ALREADY_MODIFIED".into()));
    assert!(org.type_in(&id, "City", "Gary", NOW + 10_000));
    let record = org.record(&id).expect("a record");
    assert_eq!(record.text("City").as_deref(), Some("Gary"));
    org.records.get_mut(&id.parse().expect("a number")).expect("a record").locked = true;
    assert_eq!(code(&put(&mut org, "2030-01-01T00:00:00+00:00", NOW).value(), 0), "RECORD_LOCKED");
    let held = org.records.get_mut(&id.parse().expect("a number")).expect("a record");
    (held.locked, held.blueprint) = (false, vec!["City".into()]);
    assert_eq!(code(&put(&mut org, "2030-01-01T00:00:00+00:00", NOW).value(), 0), "RECORD_IN_BLUEPRINT");
    let (status, body) = ask(&mut org, "PUT", "/crm/v8/Leads/77", &json!({ "data": [{ "City": "x" }] }));
    assert_eq!((status, code(&body, 0)), (400, "INVALID_DATA".into()));
}

#[test]
fn queries_see_at_once_and_the_search_later() {
    let mut org = org();
    made(&mut org, "rb-contact-1");
    let (status, body) = coql(&mut org, "select id, Phone, Owner from Leads where RB_Key = 'rb-contact-1' limit 0, 10");
    assert_eq!((status, &body["data"][0]["Phone"]), (200, &json!("+13125550142")));
    assert!(body["data"][0]["Owner"]["id"].is_string());
    let path = "/crm/v8/Leads/search?criteria=((RB_Key:equals:rb-contact-1)or(Phone:equals:1))";
    let search = |org: &mut Zoho, now_ms| at(org, "GET", path, &Value::Null, now_ms).status;
    assert_eq!(search(&mut org, NOW + 59_000), 204);
    assert_eq!(search(&mut org, NOW + 60_000), 200);
    crate::fault::Vendor::stale_search(&mut org, 600_000, NOW + 200_000);
    assert_eq!(search(&mut org, NOW + 199_000), 204);
    assert_eq!(search(&mut org, NOW + 200_000), 200);
    assert_eq!(
        at(&mut org, "GET", "/crm/v8/Leads/search?phone=%2B13125550142", &Value::Null, NOW + 600_000).status,
        200
    );
    let (status, _) =
        coql(&mut org, "select id from Leads where (Phone in ('1', '+13125550142') and (Email is null or City = 'x'))");
    assert_eq!(status, 200);
    let (status, _) = coql(&mut org, "select id from Leads where Last_Name = 'O\\'Neil'");
    assert_eq!(status, 204);
    for (query, expected) in [
        ("select id from Leads where Home_Phone = '1'", "INVALID_QUERY"),
        ("select Nonsense from Leads where id is not null", "INVALID_QUERY"),
        ("select id from Leads where Description = 'x'", "INVALID_QUERY"),
        ("select id from Nowhere where id is not null", "INVALID_QUERY"),
        ("select id from Leads", "SYNTAX_ERROR"),
        ("select id from Leads where City = '1' or City = '2' or City = '3'", "SYNTAX_ERROR"),
        ("update Leads", "SYNTAX_ERROR"),
        ("select id from Leads where City = 'open", "SYNTAX_ERROR"),
    ] {
        let (status, body) = coql(&mut org, query);
        assert_eq!((status, body["code"].as_str()), (400, Some(expected)), "{query}");
    }
    let values: Vec<String> = (0..101).map(|n| format!("'{n}'")).collect();
    let query = format!("select id from Leads where City in ({})", values.join(","));
    assert_eq!(coql(&mut org, &query).1["code"], "LIMIT_EXCEEDED");
    org.options_mut().coql_lag_ms = 30_000;
    made(&mut org, "rb-contact-2");
    assert_eq!(coql(&mut org, "select id from Leads where RB_Key = 'rb-contact-2'").0, 204);
}

#[test]
fn a_converted_lead_is_frozen_and_points_to_its_contact() {
    let mut org = org();
    let id = made(&mut org, "rb-contact-1");
    ask(&mut org, "POST", "/crm/v8/Calls", &json!({ "data": [call("rb-call-1", &id)] }));
    let wish = json!({ "data": [{ "overwrite": true, "Deals": { "Deal_Name": "Roof", "Stage": "Qualification" } }] });
    let (status, body) = ask(&mut org, "POST", &format!("/crm/v8/Leads/{id}/actions/convert"), &wish);
    assert_eq!(status, 200, "{body}");
    let contact = body["data"][0]["details"]["Contacts"]["id"].as_str().expect("an id").to_owned();
    let (status, body) = ask(&mut org, "POST", &format!("/crm/v8/Leads/{id}/actions/convert"), &wish);
    assert_eq!((status, body["code"].as_str()), (400, Some("ID_ALREADY_CONVERTED")));
    assert_eq!(get(&mut org, &format!("/crm/v8/Leads/{id}")).0, 204, "only to those who ask for converted ones");
    let (_, body) = get(&mut org, &format!("/crm/v8/Leads/{id}?converted=both"));
    assert_eq!(
        (&body["data"][0]["Converted_Contact"]["id"], &body["data"][0]["$converted"]),
        (&json!(contact), &json!(true))
    );
    let (_, body) = ask(&mut org, "PUT", &format!("/crm/v8/Leads/{id}"), &json!({ "data": [{ "City": "x" }] }));
    assert_eq!(code(&body, 0), "CONVERTED_RECORD");
    assert_eq!(coql(&mut org, "select id from Leads where RB_Key = 'rb-contact-1'").0, 204);
    let path = "/crm/v8/Leads/search?criteria=(RB_Key:equals:rb-contact-1)&converted=true";
    assert_eq!(at(&mut org, "GET", path, &Value::Null, NOW + 60_000).status, 200);
    // Its key is free again and was not carried over: an upsert now makes a second person.
    assert!(org.record(&contact).is_some_and(|r| r.text("RB_Key").is_none() && r.text("Phone").is_some()));
    assert_eq!(upsert(&mut org, &json!([lead("rb-contact-1")])).1["data"][0]["action"], "insert");
    // Activities moved; new ones cannot hang on it.
    let calls = org.records("Calls");
    assert_eq!(calls.first().and_then(|c| c.text("Who_Id")), Some(contact.clone()));
    assert_eq!(
        code(&ask(&mut org, "POST", "/crm/v8/Calls", &json!({ "data": [call("rb-call-2", &id)] })).1, 0),
        "INVALID_DATA"
    );
    let (status, body) = get(&mut org, &format!("/crm/v8/Contacts/{contact}/Deals?fields=Deal_Name,Stage"));
    assert_eq!((status, &body["data"][0]["Deal_Name"]), (200, &json!("Roof")));
    assert!(org.entries().iter().any(|e| e.id == id && e.gone));
}

#[test]
fn lists_tell_what_changed_page_by_page() {
    let mut org = org();
    for n in 0..5 {
        at(&mut org, "POST", "/crm/v8/Leads", &json!({ "data": [lead(&format!("rb-{n}"))] }), NOW + n * 1_000);
    }
    let list = |org: &mut Zoho, more: &str, since: &str| {
        let path = format!("/crm/v8/Leads?fields=RB_Key&sort_by=Modified_Time&sort_order=asc&per_page=2{more}");
        org.handle(&request("GET", &path, &Value::Null).header("If-Modified-Since", since), NOW)
    };
    let first = list(&mut org, "", "2026-03-05T14:03:12+00:00").value();
    assert_eq!(first["data"][0]["RB_Key"], "rb-1");
    let token = format!("&page_token={}", first["info"]["next_page_token"].as_str().expect("a token"));
    let second = list(&mut org, &token, "2026-03-05T14:03:12+00:00").value();
    assert_eq!((&second["data"][1]["RB_Key"], &second["info"]["more_records"]), (&json!("rb-4"), &json!(false)));
    assert_eq!(list(&mut org, "", "2026-03-06T00:00:00+00:00").status, 304);
    assert_eq!(get(&mut org, "/crm/v8/Leads").1["code"], "REQUIRED_PARAM_MISSING");
    let id = org.records("Leads").first().map(|r| r.id.to_string()).expect("a lead");
    assert_eq!(ask(&mut org, "DELETE", &format!("/crm/v8/Leads/{id}"), &Value::Null).0, 200);
    assert_eq!(get(&mut org, &format!("/crm/v8/Leads/{id}")).0, 204);
    assert_eq!(get(&mut org, "/crm/v8/Leads/deleted?type=all").1["data"][0]["id"], id.as_str());
}

#[test]
fn credits_are_counted_over_a_rolling_day() {
    let mut org = org();
    org.options_mut().credits_max = Some(10);
    let users = |org: &mut Zoho, now_ms| at(org, "GET", "/crm/v8/users", &Value::Null, now_ms);
    for n in 0..4 {
        assert_eq!(users(&mut org, NOW + n).get_header("x-api-credits-remaining"), None);
    }
    assert_eq!(users(&mut org, NOW + 4).get_header("x-api-credits-remaining"), Some("5"));
    // Twenty-five records are three credits, three questions in one are three.
    let many: Vec<Value> = (0..25).map(|n| lead(&format!("rb-{n}"))).collect();
    let reply = at(&mut org, "POST", "/crm/v8/Leads", &json!({ "data": many }), NOW + 5);
    assert_eq!(reply.get_header("x-api-credits-remaining"), Some("2"));
    let part = json!({ "method": "GET", "uri": "/crm/v8/users", "params": {}, "headers": {} });
    let three = json!({ "__composite_requests": [part, part, part] });
    let refused = at(&mut org, "POST", "/crm/v8/__composite_requests", &three, NOW + 6);
    assert_eq!((refused.status, refused.value()["code"].as_str()), (429, Some("TOO_MANY_REQUESTS")));
    assert_eq!(refused.get_header("retry-after"), None);
    assert_eq!(at(&mut org, "POST", "/crm/v8/__composite_requests", &three, NOW + 86_400_004).status, 200);
    org.options_mut().credits_max = None;
    (org.options_mut().busy_ms, org.options_mut().concurrency_max) = (1_000, Some(2));
    let later = NOW + 90_000_000;
    assert_eq!((users(&mut org, later).status, users(&mut org, later + 1).status), (200, 200));
    assert_eq!(users(&mut org, later + 2).status, 429);
    assert_eq!(users(&mut org, later + 1_001).status, 200);
}

#[test]
fn fields_are_made_and_known_afterwards() {
    let mut org = Zoho::new(Options::default());
    let key =
        json!({ "field_label": "RB Key", "data_type": "text", "length": 255, "unique": { "case_sensitive": true } });
    let path = "/crm/v8/settings/fields?module=Calls";
    assert_eq!(ask(&mut org, "POST", path, &json!({ "fields": [key] })).0, 200);
    let (status, body) = ask(&mut org, "POST", path, &json!({ "fields": [key] }));
    assert_eq!((status, body["fields"][0]["code"].as_str()), (400, Some("DUPLICATE_DATA")));
    let six: Vec<Value> = (0..6).map(|n| json!({ "field_label": format!("F {n}"), "data_type": "text" })).collect();
    assert_eq!(ask(&mut org, "POST", path, &json!({ "fields": six })).0, 400);
    let odd = json!({ "fields": [{ "field_label": "F", "data_type": "boolean", "unique": {} }] });
    assert_eq!(ask(&mut org, "POST", path, &odd).1["fields"][0]["code"], "NOT_SUPPORTED");
    let (_, body) = get(&mut org, path);
    let found = body["fields"].as_array().expect("fields").iter().find(|f| f["api_name"] == "RB_Key").expect("the key");
    assert_eq!((&found["data_type"], &found["unique"]["case_sensitive"]), (&json!("text"), &json!(true)));
    assert_eq!(get(&mut org, "/crm/v8/settings/fields").0, 400);
}
