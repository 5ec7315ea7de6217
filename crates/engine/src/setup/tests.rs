use super::*;
use crate::audit::tests::support::{World, connection};
use crate::http::{Authorization, Fault, Outgoing};
use ringback_core::http::{HttpReply, Method};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A CRM that keeps properties, as far as set-up needs one. Shapes: the vendor's properties and owners pages.
#[derive(Default)]
struct Crm {
    made: Vec<(String, Value)>,
    groups: Vec<String>,
    creates: usize,
    /// Answers 429 so many times first.
    busy: usize,
    /// Answers a create with 500 although it was done.
    lies: bool,
    /// Tokens that are accepted.
    token: &'static str,
}

fn json_reply(status: u16, body: &Value) -> HttpReply {
    HttpReply::with(status, "application/json", body.to_string())
}

impl Crm {
    fn answer(&mut self, call: &Outgoing<'_>) -> HttpReply {
        if call.auth != Some(Authorization::Bearer(ringback_connect::Secret::new(self.token))) {
            return json_reply(
                401,
                &json!({ "status": "error", "category": "INVALID_AUTHENTICATION", "message": "no", "correlationId": "1" }),
            );
        }
        if self.busy > 0 {
            self.busy -= 1;
            return json_reply(
                429,
                &json!({ "status": "error", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "message": "slow" }),
            );
        }
        let path = call.request.path.split('?').next().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(&call.request.body).unwrap_or(Value::Null);
        let object = path.rsplit('/').next().unwrap_or_default().to_owned();
        match call.request.method {
            _ if path.contains("/groups") => {
                self.groups.push(path);
                json_reply(201, &body)
            }
            Method::Get if path.contains("owners") => json_reply(200, &owners(&call.request.path)),
            Method::Get => {
                let of = self.made.iter().filter(|(o, _)| *o == object).map(|(_, p)| p.clone());
                json_reply(200, &json!({ "results": of.collect::<Vec<_>>() }))
            }
            Method::Post => {
                self.creates += 1;
                self.made.push((object, body.clone()));
                if self.lies {
                    return json_reply(500, &json!({ "status": "error", "message": "internal", "correlationId": "1" }));
                }
                json_reply(201, &body)
            }
            _ => json_reply(405, &Value::Null),
        }
    }
}

fn owners(path: &str) -> Value {
    if path.contains("after=2") {
        return json!({ "results": [{ "id": "12", "email": "bo@example.com", "firstName": "Bo", "lastName": "", "archived": false }] });
    }
    json!({
        "results": [{ "id": "11", "email": "ana@example.com", "firstName": "Ana", "lastName": "Ruiz", "archived": false }],
        "paging": { "next": { "after": "2" } },
    })
}

async fn world(crm: Crm) -> (World, Arc<Mutex<Crm>>) {
    let crm = Arc::new(Mutex::new(crm));
    let behind = crm.clone();
    let world = World::with(Box::new(move |call| Ok(behind.lock().unwrap().answer(call)))).await;
    (world, crm)
}

async fn run(world: &World) -> Connected {
    connect(&world.engine, &world.account, &connection()).await.unwrap()
}

#[tokio::test]
async fn what_is_missing_is_made_once_and_owners_are_read_to_the_last_page() {
    let (world, crm) = world(Crm { token: "pat-1", busy: 2, ..Crm::default() }).await;
    let first = run(&world).await;
    assert!(first.created.iter().any(|name| name == "contact.rb_key"), "{first:?}");
    assert!(first.created.iter().any(|name| name == "task.rb_key"));
    assert!(first.present.is_empty());
    let owners: Vec<_> = first.owners.iter().map(|o| (o.id.as_str(), o.name.as_deref())).collect();
    assert_eq!(owners, [("11", Some("Ana Ruiz")), ("12", Some("Bo"))]);
    let key = crm.lock().unwrap().made.iter().find(|(o, p)| o == "contacts" && p["name"] == "rb_key").cloned().unwrap();
    assert_eq!(key.1["hasUniqueValue"], json!(true));
    let creates = crm.lock().unwrap().creates;
    assert_eq!(creates, first.created.len());
    let second = run(&world).await;
    assert_eq!((second.created.len(), second.present.len()), (0, creates));
    assert_eq!(crm.lock().unwrap().creates, creates, "nothing is made twice");
    // What the contract maps beyond our own properties is told, with the clause that lacks it.
    assert!(second.problems.iter().all(|p| p.code.starts_with("RB-02")), "{:?}", second.problems);
}

#[tokio::test]
async fn an_unanswered_create_is_believed_when_the_schema_shows_it() {
    let (world, crm) = world(Crm { token: "pat-1", lies: true, ..Crm::default() }).await;
    let made = run(&world).await;
    assert!(made.problems.iter().all(|p| p.code.starts_with("RB-02")), "{:?}", made.problems);
    assert!(made.created.iter().any(|name| name == "contact.rb_key"), "{made:?}");
    assert_eq!(crm.lock().unwrap().creates, made.created.len(), "looked before creating again");
}

#[tokio::test]
async fn a_key_that_is_not_unique_and_a_wrong_token_are_told_with_a_way_out() {
    let taken =
        json!({ "name": "rb_key", "label": "x", "type": "string", "fieldType": "text", "hasUniqueValue": false });
    let crm = Crm { token: "pat-1", made: vec![("contacts".into(), taken)], ..Crm::default() };
    let (world_one, _) = world(crm).await;
    let codes: Vec<_> = run(&world_one).await.problems.iter().map(|p| p.code).collect();
    assert!(codes.contains(&"RB-0524"), "{codes:?}");

    let (world_two, crm) = world(Crm { token: "another", ..Crm::default() }).await;
    let refused = run(&world_two).await;
    let [problem] = refused.problems.as_slice() else { panic!("{refused:?}") };
    assert_eq!(problem.code, "RB-0522");
    assert!(!problem.cause.contains("pat-1") && !problem.cure.is_empty());
    assert_eq!(crm.lock().unwrap().creates, 0);
}

#[tokio::test]
async fn silence_and_strangers_end_with_a_problem() {
    let silent = World::with(Box::new(|_| Err(Fault::TimedOut))).await;
    let told = run(&silent).await;
    assert_eq!(told.problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["RB-0525"]);
    let inside = World::with(Box::new(|_| Err(Fault::Forbidden("10.0.0.1 is not a public address".into())))).await;
    assert_eq!(run(&inside).await.problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["RB-0526"]);
    let nobody = ConnectionId::from_text("conn_9");
    assert!(matches!(connect(&silent.engine, &silent.account, &nobody).await, Err(Error::Missing(_))));
}

/// Where only people make fields, the message says which, and the cure is to make it.
#[tokio::test]
async fn a_field_that_only_people_make_is_theirs_to_make() {
    let world = World::with(Box::new(|call| {
        let none = json!({ "fields": [] });
        let part = |n: usize| json!({ "referenceId": format!("r{n}"), "httpStatusCode": 200, "body": none });
        let path = &call.request.path;
        let body = match (path.contains("composite"), path.contains("describe")) {
            (true, _) => json!({ "compositeResponse": [part(0), part(1)] }),
            (_, true) => none,
            _ => json!({ "totalSize": 0, "done": true, "records": [] }),
        };
        Ok(json_reply(200, &body))
    }))
    .await;
    let row = store::ConnectionRow {
        name: world.engine.facts(&world.account).await.unwrap().contract.crm.clone(),
        base_url: Some("https://acme.example".into()),
        ..world.row_of("conn_crm", "salesforce", "crm", "00Dxx!token")
    };
    world.connect(row).await;
    let connected = connect(&world.engine, &world.account, &connection()).await.unwrap();
    let by_hand: Vec<&Problem> = connected.problems.iter().filter(|p| p.code == "RB-0523").collect();
    assert!(by_hand.len() > 10, "{:?}", connected.problems);
    for problem in by_hand {
        assert!(problem.cause.contains("make the field by hand"), "{problem:?}");
        assert!(problem.cure.starts_with("make that field in the CRM") && problem.cure.ends_with("try again"));
    }
}
