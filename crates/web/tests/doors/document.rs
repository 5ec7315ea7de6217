//! The document of the API, held against the doors themselves.

use crate::world::*;

#[tokio::test]
async fn the_document_names_every_route_and_each_route_is_there() {
    let world = World::new().await;
    let answer = world.send(Request::get("/api/openapi.json").body(Body::empty()).unwrap()).await;
    let document = answer.json();
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&document).unwrap());
    let mut ids = std::collections::BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path} has another's name");
            let method: Method = method.to_uppercase().parse().unwrap();
            let request = Request::builder().method(method.clone()).uri(path.replace(['{', '}'], "x"));
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} without a token");
        }
    }
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is described nowhere");
    }
}

/// A value that fits a schema as far as this document's schemas say something.
fn fitting(document: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return fitting(document, document.pointer(name.trim_start_matches('#')).unwrap());
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match (schema["enum"].as_array(), kind) {
        (Some(words), _) => words[0].clone(),
        (None, Some("string")) if schema["format"] == "date-time" => json!(MONDAY),
        (None, Some("string")) => json!("x"),
        (None, Some("integer")) => json!(1),
        (None, Some("boolean")) => json!(true),
        (None, Some("array")) => json!([fitting(document, &schema["items"])]),
        _ => {
            let needed = schema["required"].as_array().into_iter().flatten();
            let needed = needed.chain(schema["oneOf"][0]["required"].as_array().into_iter().flatten());
            let one = |name: &Value| {
                let name = name.as_str().unwrap().to_owned();
                let value = fitting(document, &schema["properties"][&name]);
                (name, value)
            };
            Value::Object(needed.map(one).collect())
        }
    }
}

/// What of an answer does not fit what the document says, and which of its names the document does not know.
fn misfits(document: &Value, schema: &Value, answer: &Value) -> Vec<String> {
    let whole = json!({ "components": document["components"], "allOf": [schema] });
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    let mut found: Vec<String> = validator.iter_errors(answer).map(|e| format!("{}: {e}", e.instance_path())).collect();
    unheard_of(document, schema, answer, &mut found);
    found
}

fn unheard_of(document: &Value, schema: &Value, answer: &Value, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return unheard_of(document, document.pointer(name.trim_start_matches('#')).unwrap(), answer, found);
    }
    if let (Some(known), Some(all)) = (schema["properties"].as_object(), answer.as_object()) {
        for (name, value) in all {
            match known.get(name) {
                Some(known) => unheard_of(document, known, value, found),
                None => found.push(format!("{name} is not described")),
            }
        }
    }
    for one in answer.as_array().into_iter().flatten() {
        unheard_of(document, &schema["items"], one, found);
    }
}

#[tokio::test]
async fn what_the_document_says_of_a_door_is_what_the_door_does() {
    let (world, _) = World::with(true).await;
    let (house, _) = two_calls(&world).await;
    let (west, store) = (world.west.account.clone(), world.engine.store());
    spot_checked(&world, &house).await;
    world.rolled_back(FIELD).await;
    let day: jiff::civil::Date = MONDAY.get(..10).unwrap().parse().unwrap();
    world.engine.prove(&west, day.yesterday().unwrap(), false, None, &|_| {}).await.unwrap();
    let (token, theirs) = (world.west.token(store, "admin", 9).await, house.token(store, "admin", 10).await);
    let ids = world.ids(&world.west).await;
    let document = world.send(Request::get("/api/openapi.json").body(Body::empty()).unwrap()).await.json();
    let at = |path: &str| {
        let named = |(part, prefix): (&str, &str)| {
            let id = ids.iter().find(|id| id.starts_with(prefix)).filter(|_| path.contains(&format!("/{part}/{{id}}")));
            id.map(|id| path.replace("{id}", id))
        };
        let kinds = [
            ("inquiries", "inq_"),
            ("calls", "call_"),
            ("reviews", "rev_"),
            ("dead-letters", "eff_"),
            ("signals", "sig_"),
            ("rollbacks", "rb_"),
        ];
        kinds.into_iter().find_map(named).unwrap_or_else(|| path.replace("{seq}", "1").replace("{field}", "urgency"))
    };
    let (mut wrong, mut keys, mut answers) = (Vec::new(), 0, 0);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let target = at(path);
            assert!(!target.contains('{'), "{target}: nothing of that kind is in this world");
            let mut note = |what: String| wrong.push(format!("{method} {path}: {what}"));
            let answer_schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
            let query: Vec<&Value> = parameters.iter().copied().filter(|p| p["in"] == "query").collect();
            let value = |p: &Value| match (p["name"].as_str().unwrap(), p["schema"]["type"].as_str().unwrap()) {
                ("object", _) => "contact".to_owned(),
                ("record", _) => RECORD.to_owned(),
                ("property", _) => "rb_urgency".to_owned(),
                ("number", _) => "%2B16025550142".to_owned(),
                (_, kind) => panic!("{path}: no value for a {kind}"),
            };
            let needed: Vec<(String, String)> = query
                .iter()
                .filter(|p| p["required"] == true)
                .map(|p| (p["name"].as_str().unwrap().to_owned(), value(p)))
                .collect();
            let asked = |pairs: &[(String, String)]| {
                let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{target}?{}", pairs.join("&"))
            };
            if method == "get" {
                // Another account's answers too: other things are empty in them.
                for token in [&token, &theirs] {
                    let answer = world.api(token, &asked(&needed)).await;
                    let schema = if answer.status.is_success() {
                        answers += 1;
                        answer_schema.clone()
                    } else {
                        json!({ "$ref": "#/components/schemas/Problem" })
                    };
                    if answer.status == StatusCode::BAD_REQUEST {
                        note(format!("more is needed than is said: {}", answer.body));
                    }
                    let found = misfits(&document, &schema, &answer.json());
                    if !found.is_empty() {
                        note(format!("{found:?}"));
                    }
                }
                for (name, _) in &needed {
                    let rest: Vec<_> = needed.iter().filter(|(of, _)| of != name).cloned().collect();
                    if world.api(&token, &asked(&rest)).await.status != StatusCode::BAD_REQUEST {
                        note(format!("{name} is not needed"));
                    }
                }
                for p in query.iter().filter(|p| p["required"] != true) {
                    let name = p["name"].as_str().unwrap();
                    let figure = ["limit", "days"].contains(&name);
                    if figure != (p["schema"]["type"] == "integer") {
                        note(format!("{name} is of another type"));
                    }
                    let more = [needed.clone(), vec![(name.to_owned(), "not-a-figure".to_owned())]].concat();
                    if figure && world.api(&token, &asked(&more)).await.status != StatusCode::BAD_REQUEST {
                        note(format!("{name} takes anything"));
                    }
                }
                continue;
            }
            let bare = Request::post(&target).header("authorization", format!("Bearer {token}"));
            let bare = world.send(bare.body(Body::from("null")).unwrap()).await;
            let takes = parameters.iter().any(|p| p["name"] == "Idempotency-Key" && p["required"] == true);
            keys += usize::from(takes);
            if takes != (bare.code() == "RB-0132") {
                note(format!("a key is said to be needed: {takes}; {}", bare.body));
            }
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if schema.is_null() {
                continue;
            }
            let body = fitting(&document, schema);
            let send = async |key: &str, body: &Value| world.api_post(&token, &target, key, body).await;
            let mut more = body.clone();
            more.as_object_mut().unwrap().insert("unheard_of".into(), json!(1));
            let described = document.pointer(schema["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
            let closed = described["additionalProperties"] == false;
            if closed != (send("unheard of", &more).await.code() == "RB-0103") {
                note(format!("more is said to be refused: {closed}"));
            }
            for name in body.as_object().unwrap().keys() {
                let mut less = body.clone();
                less.as_object_mut().unwrap().remove(name);
                let refused = send(&format!("without {name}"), &less).await;
                if !["RB-0103", "RB-0131", "RB-0261"].contains(&refused.code().as_str()) {
                    note(format!("{name} is not needed: {}", refused.body));
                }
            }
            let answer = send("all that is needed", &body).await;
            if answer.code() == "RB-0103" {
                note(format!("{body} is not understood: {}", answer.body));
            }
            if answer.status.is_success() {
                answers += 1;
                let found = misfits(&document, answer_schema, &answer.json());
                if !found.is_empty() {
                    note(format!("{found:?}"));
                }
            }
        }
    }
    assert!(keys > 9 && answers > 40, "{keys} keys, {answers} answers");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
