//! The twin's replies against the vendor's descriptions (CC0).
//!
//! Not checked: the search over a location's tasks, whose description says a list of lists and 200 where the vendor sends a list and 201.

use super::*;
use std::path::PathBuf;

/// A description, where the shared folder is present.
fn document(name: &str) -> Option<Value> {
    let root = std::env::var_os("RINGBACK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join(format!("vendors/specs/gohighlevel/{name}-trimmed.openapi.json"));
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("the document is JSON")),
        Err(error) => {
            println!("SKIPPED (loudly): no GoHighLevel document at {}: {error}", path.display());
            None
        }
    }
}

fn translated(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut out: serde_json::Map<String, Value> = map.iter().map(|(k, v)| (k.clone(), translated(v))).collect();
            if out.remove("nullable") == Some(json!(true))
                && let Some(kind) = out.get("type").cloned()
            {
                out.insert("type".into(), json!([kind, "null"]));
            }
            Value::Object(out)
        }
        Value::Array(list) => list.iter().map(translated).collect(),
        other => other.clone(),
    }
}

fn check(document: &Value, method: &str, path: &str, (status, body): (u16, Value)) {
    let operation = &document["paths"][path][method];
    assert!(operation.is_object(), "the document has no {method} {path}");
    let response = operation["responses"].get(status.to_string());
    let response = response.unwrap_or_else(|| panic!("{method} {path} does not answer {status}: {body}"));
    let Some(schema) = response.pointer("/content/application~1json/schema") else { return };
    let root = json!({ "allOf": [translated(schema)], "components": translated(&document["components"]) });
    let validator = jsonschema::draft202012::new(&root).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&body).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{method} {path} {status}: {errors:?}\n{body}");
}

#[test]
fn contacts_tasks_and_notes_are_as_the_vendor_describes_them() {
    let Some(document) = document("contacts") else { return };
    let mut twin = twin();
    let fields = keyed(&twin, "rb-contact-1");
    let one = "/contacts/{contactId}";
    let new = json!({ "firstName": "Jo", "phone": "+13125550142", "email": "jo@example.com", "customFields": fields, "dnd": true,
        "dndSettings": { "Call": { "status": "active" } }, "tags": ["a"] });
    let made = create(&mut twin, &new);
    let id = made.1["contact"]["id"].as_str().unwrap_or_default().to_owned();
    check(&document, "post", "/contacts/", made);
    check(&document, "post", "/contacts/", create(&mut twin, &new));
    check(&document, "post", "/contacts/", create(&mut twin, &json!({ "shoe": "44" })));
    check(&document, "get", one, get(&mut twin, &format!("/contacts/{id}")));
    check(&document, "get", one, get(&mut twin, "/contacts/none"));
    check(&document, "put", one, ask(&mut twin, "PUT", &format!("/contacts/{id}"), &json!({ "city": "Elgin" }), NOW));
    check(&document, "put", one, ask(&mut twin, "PUT", &format!("/contacts/{id}"), &json!({ "shoe": "44" }), NOW));
    let mut upsert = json!({ "locationId": NORTH, "email": "jo@example.com" });
    check(&document, "post", "/contacts/upsert", post(&mut twin, "/contacts/upsert", &upsert));
    upsert["shoe"] = json!("44");
    check(&document, "post", "/contacts/upsert", post(&mut twin, "/contacts/upsert", &upsert));
    check(
        &document,
        "post",
        "/contacts/search",
        post(&mut twin, "/contacts/search", &json!({ "locationId": NORTH, "pageLimit": 1 })),
    );
    let look = format!("/contacts/search/duplicate?locationId={NORTH}&email=jo%40example.com");
    check(&document, "get", "/contacts/search/duplicate", get(&mut twin, &look));
    let tags = format!("/contacts/{id}/tags");
    check(&document, "post", "/contacts/{contactId}/tags", post(&mut twin, &tags, &json!({ "tags": ["b"] })));

    let task =
        json!({ "title": "x", "body": "y", "dueDate": "2026-03-05T15:00:00Z", "completed": false, "assignedTo": "U1" });
    let (tasks, note) = (format!("/contacts/{id}/tasks"), json!({ "body": "y", "title": "x", "userId": "U1" }));
    let made = post(&mut twin, &tasks, &task);
    let task_id = made.1["task"]["id"].as_str().unwrap_or_default().to_owned();
    let one_task = "/contacts/{contactId}/tasks/{taskId}";
    check(&document, "post", "/contacts/{contactId}/tasks", made);
    check(&document, "post", "/contacts/{contactId}/tasks", post(&mut twin, &tasks, &json!({ "title": "x" })));
    check(&document, "get", "/contacts/{contactId}/tasks", get(&mut twin, &tasks));
    check(&document, "get", one_task, get(&mut twin, &format!("{tasks}/{task_id}")));
    check(
        &document,
        "put",
        one_task,
        ask(&mut twin, "PUT", &format!("{tasks}/{task_id}"), &json!({ "body": "z" }), NOW),
    );
    let closed = ask(&mut twin, "PUT", &format!("{tasks}/{task_id}/completed"), &json!({ "completed": true }), NOW);
    check(&document, "put", "/contacts/{contactId}/tasks/{taskId}/completed", closed);
    check(&document, "delete", one_task, ask(&mut twin, "DELETE", &format!("{tasks}/{task_id}"), &Value::Null, NOW));
    let notes = format!("/contacts/{id}/notes");
    let made = post(&mut twin, &notes, &note);
    let note_id = made.1["note"]["id"].as_str().unwrap_or_default().to_owned();
    check(&document, "post", "/contacts/{contactId}/notes", made);
    check(&document, "get", "/contacts/{contactId}/notes", get(&mut twin, &notes));
    check(&document, "get", "/contacts/{contactId}/notes/{id}", get(&mut twin, &format!("{notes}/{note_id}")));
    let amended = ask(&mut twin, "PUT", &format!("{notes}/{note_id}"), &json!({ "body": "z" }), NOW);
    check(&document, "put", "/contacts/{contactId}/notes/{id}", amended);
    let gone = ask(&mut twin, "DELETE", &format!("{notes}/{note_id}"), &Value::Null, NOW);
    check(&document, "delete", "/contacts/{contactId}/notes/{id}", gone);
    check(&document, "delete", one, ask(&mut twin, "DELETE", &format!("/contacts/{id}"), &Value::Null, NOW));
    twin.options_mut().tokens.clear();
    check(&document, "get", one, get(&mut twin, "/contacts/x"));
}

#[test]
fn fields_users_opportunities_and_tokens_are_as_the_vendor_describes_them() {
    let (Some(locations), Some(users), Some(deals), Some(oauth)) =
        (document("locations"), document("users"), document("opportunities"), document("oauth"))
    else {
        return;
    };
    let mut twin = twin();
    let fields = format!("/locations/{NORTH}/customFields");
    let template = "/locations/{locationId}/customFields";
    let new = json!({ "name": "Ringback key", "dataType": "TEXT", "model": "contact" });
    check(&locations, "post", template, post(&mut twin, &fields, &new));
    check(&locations, "post", template, post(&mut twin, &fields, &new));
    check(&locations, "post", template, post(&mut twin, &fields, &json!({ "name": "x" })));
    check(&locations, "get", template, get(&mut twin, &fields));
    let company = twin.options().company.clone();
    check(
        &users,
        "get",
        "/users/search",
        get(&mut twin, &format!("/users/search?companyId={company}&locationId={NORTH}")),
    );
    let id = twin.seed_person("Jo Park", "+13125550142", None, false, NOW);
    let deal = twin.add_opportunity(&id, "Boiler", "open").unwrap_or_default();
    let listed = get(&mut twin, &format!("/opportunities/search?location_id={NORTH}&contact_id={id}"));
    assert_eq!(listed.1["opportunities"].as_array().map(Vec::len), Some(1));
    check(&deals, "get", "/opportunities/search", listed);
    check(&deals, "get", "/opportunities/{id}", get(&mut twin, &format!("/opportunities/{deal}")));
    for token in ["refresh-twin-1", "refresh-twin-1"] {
        let form =
            format!("client_id=app-twin&client_secret=app-twin-secret&grant_type=refresh_token&refresh_token={token}");
        let reply = twin.handle(&Request { body: form.into_bytes(), ..Request::new("POST", "/oauth/token") }, NOW);
        check(&oauth, "post", "/oauth/token", (reply.status, reply.value()));
    }
}
