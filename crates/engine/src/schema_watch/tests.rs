//! A property that goes and comes back, with a CRM that shows its schema.

use super::*;
use crate::audit::tests::support::World;
use ringback_core::crm::Object;
use ringback_core::http::{HttpReply, Method};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// What the CRM does not have any more, by object and name, and whether it answers at all.
#[derive(Default)]
struct Lacks {
    gone: BTreeSet<(String, String)>,
    without_option: bool,
    silent: bool,
}

const OBJECTS: [(&str, Object); 3] = [("contacts", Object::Contact), ("calls", Object::Call), ("tasks", Object::Task)];

/// The schema that the default contract wants, less what is gone.
fn schema(lacks: &Lacks, plural: &str, object: Object) -> Value {
    let contract = ringback_core::contract::parse(ringback_core::contract::DEFAULT_TEXT).0.unwrap();
    let own = ringback_connect::crm("hubspot").unwrap().own_properties();
    let mut all: Vec<Value> = own
        .iter()
        .filter(|(o, ..)| *o == object)
        .map(|(_, name, ..)| json!({ "name": name, "label": name, "type": "string", "fieldType": "text" }))
        .collect();
    for rule in contract.fields.values().filter(|r| r.object == object) {
        let (kind, options) = match &rule.kind {
            ringback_core::contract::FieldType::Choice(options) => ("enumeration", options.clone()),
            ringback_core::contract::FieldType::Number | ringback_core::contract::FieldType::Money => {
                ("number", Vec::new())
            }
            ringback_core::contract::FieldType::Date => ("date", Vec::new()),
            ringback_core::contract::FieldType::DateTime => ("datetime", Vec::new()),
            ringback_core::contract::FieldType::Bool => ("bool", Vec::new()),
            _ => ("string", Vec::new()),
        };
        let options = options.iter().skip(usize::from(lacks.without_option && rule.property == "rb_urgency"));
        let options: Vec<Value> = options.map(|o| json!({ "label": o, "value": o })).collect();
        all.retain(|p| p["name"] != rule.property.as_str());
        all.push(json!({ "name": rule.property, "label": "x", "type": kind, "fieldType": "text", "options": options }));
    }
    all.retain(|p| !lacks.gone.contains(&(plural.to_owned(), p["name"].as_str().unwrap_or_default().to_owned())));
    json!({ "results": all })
}

async fn world() -> (World, Arc<Mutex<Lacks>>) {
    let lacks: Arc<Mutex<Lacks>> = Arc::default();
    let behind = lacks.clone();
    let world = World::with(Box::new(move |call| {
        let lacks = behind.lock().unwrap();
        let path = call.request.path.split('?').next().unwrap_or_default();
        let object = OBJECTS.iter().find(|(plural, _)| path.ends_with(plural));
        let reply = |status, body: &Value| Ok(HttpReply::with(status, "application/json", body.to_string()));
        match (call.request.method, object) {
            _ if lacks.silent => Err(crate::http::Fault::TimedOut),
            (Method::Get, Some((plural, object))) if path.contains("properties") => {
                reply(200, &schema(&lacks, plural, *object))
            }
            _ => reply(200, &json!({ "total": 0, "results": [] })),
        }
    }))
    .await;
    (world, lacks)
}

async fn kinds(world: &World) -> Vec<String> {
    let told = world.engine.account_entries(&world.account).await.unwrap();
    told.into_iter().map(|e| e.kind).collect()
}

#[tokio::test]
async fn a_field_that_goes_pauses_its_clause_and_a_field_that_comes_back_ends_it() {
    let (world, lacks) = world().await;
    let nothing = Look::Done { paused: Vec::new(), resumed: Vec::new() };
    assert_eq!(world.engine.look_at_schema(&world.account).await.unwrap(), nothing, "everything is there");
    lacks.lock().unwrap().gone.insert(("contacts".into(), "rb_urgency".into()));
    let Look::Done { paused, resumed } = world.engine.look_at_schema(&world.account).await.unwrap() else { panic!() };
    let [pause] = paused.as_slice() else { panic!("{paused:?}") };
    assert_eq!((pause.to.as_str(), pause.code.as_str(), resumed.len()), ("contact.rb_urgency", "RB-0213", 0));
    assert!(!pause.cure.is_empty());
    assert_eq!(world.engine.look_at_schema(&world.account).await.unwrap(), nothing, "told once");
    let facts = world.engine.facts(&world.account).await.unwrap();
    assert!(facts.standing.holds(Object::Contact, "rb_urgency") && !facts.standing.holds(Object::Task, "rb_urgency"));
    assert_eq!(facts.roster.version, 0, "a pause is no change of the roster");
    lacks.lock().unwrap().gone.clear();
    let Look::Done { resumed, .. } = world.engine.look_at_schema(&world.account).await.unwrap() else { panic!() };
    assert_eq!(resumed.len(), 1);
    assert!(world.engine.paused_clauses(&world.account).await.unwrap().is_empty());
    assert_eq!(kinds(&world).await, ["clause_paused", "clause_resumed"]);
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}

#[tokio::test]
async fn an_option_that_is_gone_pauses_and_a_silent_crm_changes_nothing() {
    let (world, lacks) = world().await;
    lacks.lock().unwrap().without_option = true;
    let Look::Done { paused, .. } = world.engine.look_at_schema(&world.account).await.unwrap() else { panic!() };
    assert!(paused.iter().any(|p| p.code == "RB-0215"), "{paused:?}");
    lacks.lock().unwrap().silent = true;
    let silent = world.engine.look_at_schema(&world.account).await.unwrap();
    assert!(matches!(silent, Look::NotAsked { .. }), "{silent:?}");
    assert_eq!(world.engine.paused_clauses(&world.account).await.unwrap().len(), paused.len(), "unknown is not gone");
}

#[tokio::test]
async fn a_crm_that_was_never_set_up_pauses_no_clause_of_ours() {
    let (world, lacks) = world().await;
    let own = ringback_connect::crm("hubspot").unwrap().own_properties();
    let plural = |object| OBJECTS.iter().find(|(_, o)| *o == object).unwrap().0.to_owned();
    let gone = own.iter().map(|(o, name, ..)| (plural(*o), (*name).to_owned()));
    lacks.lock().unwrap().gone = gone.collect();
    let Look::Done { paused, .. } = world.engine.look_at_schema(&world.account).await.unwrap() else { panic!() };
    assert!(paused.iter().all(|p| !p.to.contains(".rb_")), "set-up says so, no clause is to blame: {paused:?}");
}

#[tokio::test]
async fn it_is_looked_hourly_and_sooner_while_something_is_paused() {
    let (world, lacks) = world().await;
    world.engine.watch_schema(&world.account).await.unwrap();
    lacks.lock().unwrap().gone.insert(("contacts".into(), "rb_urgency".into()));
    let paused = || async { world.engine.paused_clauses(&world.account).await.unwrap().len() };
    world.clock.forward(SignedDuration::from_mins(59));
    world.engine.watch_schema(&world.account).await.unwrap();
    assert_eq!(paused().await, 0);
    world.clock.forward(SignedDuration::from_mins(1));
    world.engine.watch_schema(&world.account).await.unwrap();
    assert_eq!(paused().await, 1);
    lacks.lock().unwrap().gone.clear();
    world.clock.forward(SignedDuration::from_mins(5));
    world.engine.watch_schema(&world.account).await.unwrap();
    assert_eq!(paused().await, 0);
}
