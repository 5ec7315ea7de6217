//! The twin's replies against the schemas reconstructed from the vendor's Apache-2.0 client.

use super::*;
use crate::referee::Referee;

struct Checker {
    referee: Referee,
    checked: usize,
}

impl Checker {
    /// Validates one reply against what the document says of this path, method and status.
    fn check(&mut self, path: &str, method: &str, status: u16, body: &Value) {
        // Placeholders of the document stand for themselves.
        let path = path.replace(['{', '}'], "");
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let judged = self.referee.reply(&method.to_uppercase(), &path, status, text.as_bytes());
        let judged = judged.unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(judged.body, !body.is_null(), "{method} {path} {status}");
        self.checked += 1;
    }
}

#[test]
fn forms_of_the_token_endpoint_are_as_described() {
    let Some(mut checker) = checker() else { return };
    let mut hub = hub();
    let form = b"grant_type=refresh_token&client_id=twin-app&client_secret=twin-secret&refresh_token=twin-refresh";
    let mut request = Request::new("POST", "/oauth/v1/token");
    request.body = form.to_vec();
    let judged =
        checker.referee.request("POST", &request.path, Some("application/x-www-form-urlencoded"), &request.body);
    assert!(judged.is_ok_and(|judged| judged.body));
    let reply = hub.handle(&request, NOW);
    checker.check("/oauth/v1/token", "post", reply.status, &reply.value());
}

/// The document, where the shared folder is present.
fn checker() -> Option<Checker> {
    let referee = Referee::load("hubspot", &["crm-from-apache2-sdk.openapi.json"], str::to_owned)?;
    Some(Checker { referee, checked: 0 })
}

#[test]
fn every_reply_is_as_the_vendor_describes_it() {
    let Some(mut checker) = checker() else { return };
    let mut hub = hub();
    let objects = "/crm/v3/objects/{objectType}";
    let one = "/crm/v3/objects/{objectType}/{objectId}";
    with_key(&mut hub, "contacts");

    let (s, b) = post(
        &mut hub,
        "/crm/v3/objects/contacts",
        &json!({ "properties": { "firstname": "Jo", "email": "jo@example.com", "phone": "+13125550142" } }),
    );
    checker.check(objects, "post", s, &b);
    let contact = b["id"].as_str().expect("id").to_owned();
    let (s, b) = post(&mut hub, "/crm/v3/objects/contacts", &json!({ "properties": { "shoe": "44" } }));
    checker.check(objects, "post", s, &b);
    let (s, b) = post(&mut hub, "/crm/v3/objects/contacts", &json!({ "properties": { "email": "jo@example.com" } }));
    checker.check(objects, "post", s, &b);
    let task = made(&mut hub, "tasks", &json!({ "hs_timestamp": "2026-03-05T15:00:00Z" }));
    let (s, b) = ask(
        &mut hub,
        "PUT",
        &format!("/crm/v4/objects/tasks/{task}/associations/default/contacts/{contact}"),
        &Value::Null,
        NOW,
    );
    checker.check(
        "/crm/v4/objects/{fromObjectType}/{fromObjectId}/associations/default/{toObjectType}/{toObjectId}",
        "put",
        s,
        &b,
    );
    let labelled = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204 }]);
    let pair = "/crm/v4/objects/{objectType}/{objectId}/associations/{toObjectType}/{toObjectId}";
    let (s, b) =
        ask(&mut hub, "PUT", &format!("/crm/v4/objects/tasks/{task}/associations/contacts/{contact}"), &labelled, NOW);
    checker.check(pair, "put", s, &b);
    let (s, b) = get(&mut hub, &format!("/crm/v4/objects/tasks/{task}/associations/contacts"));
    checker.check("/crm/v4/objects/{objectType}/{objectId}/associations/{toObjectType}", "get", s, &b);
    let (s, b) = get(
        &mut hub,
        &format!(
            "/crm/v3/objects/tasks/{task}?associations=contacts&propertiesWithHistory=hs_timestamp&properties=hs_task_body"
        ),
    );
    checker.check(one, "get", s, &b);
    assert!(b["associations"].is_object() && b["propertiesWithHistory"].is_object(), "{b}");
    let (s, b) = get(&mut hub, "/crm/v3/objects/contacts/1");
    checker.check(one, "get", s, &b);
    let (s, b) = get(&mut hub, "/crm/v3/objects/contacts?limit=1");
    checker.check(objects, "get", s, &b);
    let (s, b) = ask(
        &mut hub,
        "PATCH",
        &format!("/crm/v3/objects/contacts/{contact}"),
        &json!({ "properties": { "city": "E" } }),
        NOW,
    );
    checker.check(one, "patch", s, &b);

    batches_and_search(&mut hub, &mut checker, &contact);
    associations_and_lists(&mut hub, &mut checker, &task, &contact);
    let (s, b) = ask(
        &mut hub,
        "DELETE",
        &format!("/crm/v4/objects/tasks/{task}/associations/contacts/{contact}"),
        &Value::Null,
        NOW,
    );
    checker.check(pair, "delete", s, &b);
    let (s, b) = ask(&mut hub, "DELETE", &format!("/crm/v3/objects/tasks/{task}"), &Value::Null, NOW);
    checker.check(one, "delete", s, &b);
    hub.options_mut().tokens.clear();
    let (s, b) = get(&mut hub, "/crm/v3/objects/contacts");
    checker.check(objects, "get", s, &b);
    assert!(checker.checked >= 40, "{}", checker.checked);
}

fn associations_and_lists(hub: &mut HubSpot, checker: &mut Checker, task: &str, contact: &str) {
    let family = "/crm/v4/associations/{fromObjectType}/{toObjectType}";
    let inputs = json!({ "inputs": [{ "from": { "id": task }, "to": { "id": contact } }] });
    let (s, b) = post(hub, "/crm/v4/associations/tasks/contacts/batch/associate/default", &inputs);
    checker.check(&format!("{family}/batch/associate/default"), "post", s, &b);
    let types = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204 }]);
    let inputs = json!({ "inputs": [{ "from": { "id": task }, "to": { "id": contact }, "types": types }] });
    let (s, b) = post(hub, "/crm/v4/associations/tasks/contacts/batch/create", &inputs);
    checker.check(&format!("{family}/batch/create"), "post", s, &b);
    let (s, b) = post(hub, "/crm/v4/associations/tasks/contacts/batch/read", &json!({ "inputs": [{ "id": task }] }));
    checker.check(&format!("{family}/batch/read"), "post", s, &b);
    let (s, b) = post(hub, "/crm/v4/associations/tasks/deals/batch/read", &json!({ "inputs": [{ "id": task }] }));
    assert_eq!(s, 207);
    checker.check(&format!("{family}/batch/read"), "post", s, &b);
    let (s, b) = get(hub, "/crm/v4/associations/contacts/companies/labels");
    checker.check(&format!("{family}/labels"), "get", s, &b);
    let properties = "/crm/v3/properties/{objectType}";
    let definition = json!({ "name": "rb_pick", "label": "L", "type": "enumeration", "fieldType": "select", "groupName": "contactinformation",
        "options": [{ "label": "A", "value": "a", "hidden": false }] });
    let (s, b) = post(hub, "/crm/v3/properties/contacts", &definition);
    checker.check(properties, "post", s, &b);
    let (s, b) = post(hub, "/crm/v3/properties/contacts", &definition);
    checker.check(properties, "post", s, &b);
    let (s, b) = get(hub, "/crm/v3/properties/contacts");
    checker.check(properties, "get", s, &b);
    let (s, b) = get(hub, "/crm/v3/properties/contacts/rb_pick");
    checker.check("/crm/v3/properties/{objectType}/{propertyName}", "get", s, &b);
    let (s, b) = ask(hub, "PATCH", "/crm/v3/properties/contacts/rb_pick", &json!({ "label": "M" }), NOW);
    checker.check("/crm/v3/properties/{objectType}/{propertyName}", "patch", s, &b);
    let (s, b) = post(hub, "/crm/v3/properties/contacts/batch/read", &json!({ "inputs": [{ "name": "rb_pick" }] }));
    checker.check("/crm/v3/properties/{objectType}/batch/read", "post", s, &b);
    let (s, b) = get(hub, "/crm/v3/properties/contacts/groups");
    checker.check("/crm/v3/properties/{objectType}/groups", "get", s, &b);
    let (s, b) = get(hub, "/crm/v3/properties/contacts/groups/contactinformation");
    checker.check("/crm/v3/properties/{objectType}/groups/{groupName}", "get", s, &b);
    let (s, b) = get(hub, "/crm/v3/owners/");
    checker.check("/crm/v3/owners/", "get", s, &b);
    let (s, b) = get(hub, "/crm/v3/owners/90001");
    checker.check("/crm/v3/owners/{ownerId}", "get", s, &b);
    let (s, b) = get(hub, "/crm/v3/pipelines/deals");
    checker.check("/crm/v3/pipelines/{objectType}", "get", s, &b);
    let (s, b) = get(hub, "/crm/v3/pipelines/deals/default");
    checker.check("/crm/v3/pipelines/{objectType}/{pipelineId}", "get", s, &b);
    let (s, b) = get(hub, "/crm/v3/pipelines/deals/default/stages");
    checker.check("/crm/v3/pipelines/{objectType}/{pipelineId}/stages", "get", s, &b);
}

fn batches_and_search(hub: &mut HubSpot, checker: &mut Checker, contact: &str) {
    let batch = |operation: &str| format!("/crm/v3/objects/contacts/batch/{operation}");
    let templated = |operation: &str| format!("/crm/v3/objects/{{objectType}}/batch/{operation}");
    let input = |trace: &str, properties: Value| json!({ "objectWriteTraceId": trace, "properties": properties });
    let (s, b) = post(hub, &batch("create"), &json!({ "inputs": [{ "properties": { "firstname": "A" } }] }));
    checker.check(&templated("create"), "post", s, &b);
    let mixed = json!({ "inputs": [input("1", json!({ "firstname": "B" })), input("2", json!({ "shoe": "44" }))] });
    let (s, b) = post(hub, &batch("create"), &mixed);
    checker.check(&templated("create"), "post", s, &b);
    let (s, b) = post(hub, &batch("upsert"), &upsert("rb-1", &json!({ "firstname": "C" })));
    checker.check(&templated("upsert"), "post", s, &b);
    let (s, b) = post(hub, &batch("upsert"), &upsert("rb-2", &json!({ "shoe": "C" })));
    checker.check(&templated("upsert"), "post", s, &b);
    let (s, b) = post(hub, &batch("update"), &json!({ "inputs": [{ "id": contact, "properties": { "city": "F" } }] }));
    checker.check(&templated("update"), "post", s, &b);
    for ids in [vec![contact], vec![contact, "1"]] {
        let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        let (s, b) = post(
            hub,
            &batch("read"),
            &json!({ "inputs": inputs, "properties": ["city"], "propertiesWithHistory": ["city"] }),
        );
        checker.check(&templated("read"), "post", s, &b);
    }
    let (s, b) = post(hub, &batch("archive"), &json!({ "inputs": [{ "id": "1" }] }));
    checker.check(&templated("archive"), "post", s, &b);
    let (s, b) = ask(hub, "POST", "/crm/v3/objects/contacts/search", &json!({ "limit": 1 }), NOW + 60_000);
    checker.check("/crm/v3/objects/{objectType}/search", "post", s, &b);
    assert!(b["paging"].is_object(), "{b}");
}
