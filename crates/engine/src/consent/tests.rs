//! Opt-outs on their way: from a call on one line to a call on another, with the CRM silent.

use super::*;
use crate::audit::tests::support::{NUMBER, World};
use crate::http::{Fault, Outgoing, Transport};
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use ringback_core::crm::Record;
use ringback_core::decide::suppressed;
use ringback_core::followup::calendar::{Block, Calendar, Week};
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::inquiry::{CallbackResult, Choice, ReviewKind};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const NORTH: &str = "+16025550100";
const SOUTH: &str = "+16025550200";
const STOP: &str = "This is Dana, the boiler is fine now. Please stop calling me.";

fn ann() -> UserId {
    UserId::from_text("user_ann")
}

/// A CRM that gives no answer; while it is asked, something happens once.
#[derive(Default)]
struct Meanwhile(Mutex<Option<BoxFuture<'static, ()>>>);

impl Transport for Meanwhile {
    fn send<'a>(&'a self, _: Outgoing<'a>) -> BoxFuture<'a, Result<HttpReply, Fault>> {
        let happens = self.0.lock().unwrap().take();
        Box::pin(async move {
            if let Some(happens) = happens {
                happens.await;
            }
            Err(Fault::TimedOut)
        })
    }
}

async fn world() -> World {
    furnished(World::new().await).await
}

/// An account with two locations, each with a line, and a phone system that sends what was said.
async fn furnished(world: World) -> World {
    let mut rows: Vec<(&'static str, String, Value)> = Vec::new();
    for (slug, number) in [("north", NORTH), ("south", SOUTH)] {
        let id = format!("loc_{slug}");
        let hours: Block = "08:00-17:00".parse().unwrap();
        let calendar = Calendar::new("America/Phoenix", Week::weekdays(&[hours]));
        rows.push((
            "location",
            id.clone(),
            json!({ "id": id, "slug": slug, "name": slug, "calendar": calendar, "region": "US", "locale": "en-US",
                    "currency": "USD", "vertical": null, "version": 1 }),
        ));
        let line = json!({ "number": number, "location": id, "kind": null, "source": null, "campaign": null, "landing_page": null });
        rows.push(("line", number.to_owned(), line));
        let staff = json!({ "id": format!("staff_{slug}"), "name": slug, "roles": [], "locations": [id], "tier": 1,
                            "crm_owner": null, "email": null, "shift": null, "away": false });
        rows.push(("staff", format!("staff_{slug}"), staff));
    }
    let now = micros(world.engine.now());
    world
        .write(move |tx| {
            Box::pin(async move {
                for (kind, id, body) in rows {
                    store::roster_put(tx, "acct_1", kind, &id, &body.to_string(), now).await?;
                }
                Ok(())
            })
        })
        .await;
    let phone = store::ConnectionRow {
        name: "phone".into(),
        settings: json!({ "signature": "token:x-token" }).to_string(),
        region: Some("US".into()),
        ..world.row_of("conn_phone", "generic", "source", "a-token")
    };
    world.connect(phone).await;
    world
}

/// Somebody called that line and left these words, if any.
async fn rings(world: &World, id: &str, line: &str, caller: Option<&str>, words: &str) -> InquiryId {
    let mut body = json!({ "call_id": id, "direction": "inbound", "ending": "voicemail", "dialled": line,
                           "started_at": world.engine.now().to_string(), "duration_seconds": 20 });
    body["caller"] = caller.unwrap_or("anonymous").into();
    if !words.is_empty() {
        body["transcript"] = words.into();
    }
    let raw = RawRequest {
        method: "POST".into(),
        url: "http://calls.test/hooks/conn_phone/call".into(),
        event: "call".into(),
        headers: vec![("content-type".into(), "application/json".into()), ("x-token".into(), "a-token".into())],
        body: body.to_string().into_bytes(),
    };
    let reply = world.engine.receive("conn_phone", raw).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    world.engine.step_signals(true).await.unwrap();
    // Its end is settled by what does not come any more.
    world.clock.forward(SignedDuration::from_mins(30));
    world.engine.step_timers().await.unwrap();
    let rows = world
        .write(|tx| Box::pin(async move { store::inquiries_list(tx, "acct_1", None, 50, &store::Before::end()).await }))
        .await;
    let all: Vec<Inquiry> = rows.into_iter().map(|row| of_row(row).unwrap().inquiry).collect();
    let of = |i: &&Inquiry| i.calls.iter().any(|c| c.dialled.as_deref() == Some(line)) && i.open();
    all.iter().find(of).unwrap_or_else(|| panic!("{id} opened nothing: {all:?}")).id.clone()
}

async fn load_it(world: &World, id: &InquiryId) -> Inquiry {
    world.engine.inquiry(&world.account, id).await.unwrap().unwrap()
}

/// Is the caller held back from everything that reaches them?
async fn held(world: &World, id: &InquiryId) -> bool {
    let facts = world.engine.facts(&world.account).await.unwrap();
    let inquiry = load_it(world, id).await;
    suppressed(&inquiry, &facts.facts()).iter().any(|s| s.why == "the caller opted out")
}

async fn kinds(world: &World, id: &InquiryId) -> Vec<String> {
    let told = world.engine.entries(&world.account, id).await.unwrap();
    told.into_iter().map(|e| e.kind).collect()
}

async fn kept_now(world: &World) -> Consent {
    world.engine.consent_of(&world.account, NUMBER).await.unwrap()
}

async fn replays(world: &World, ids: &[&InquiryId]) {
    for id in ids {
        let report = world.engine.replay(&world.account, id).await.unwrap();
        assert!(report.ok() && report.events > 0, "{id}: {report:?}");
    }
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}

#[tokio::test]
async fn who_said_stop_on_one_line_is_held_back_on_another_until_a_person_takes_it_back() {
    let world = world().await;
    let first = rings(&world, "c1", NORTH, Some(NUMBER), STOP).await;
    assert!(held(&world, &first).await);
    let said = kept_now(&world).await.opted_out.unwrap();
    assert!(matches!(&said.said, SaidBy::Caller { .. }) && said.inquiry.as_ref() == Some(&first), "{said:?}");
    // The next day, from another location's line, without a word, and with a CRM that nobody reaches.
    world.clock.forward(SignedDuration::from_hours(24));
    let second = rings(&world, "c2", SOUTH, Some(NUMBER), "").await;
    assert_ne!(second, first);
    let told = world.engine.entries(&world.account, &second).await.unwrap();
    let kinds_of: Vec<&str> = told.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(&kinds_of[..3], ["event", "call", "opted_out"], "its first event carries it");
    assert!(held(&world, &second).await);
    let inquiry = load_it(&world, &second).await;
    assert!(inquiry.owner.is_some() && inquiry.clock.is_some(), "nobody is forgotten");
    // Without a reason nothing is taken back.
    let none = world.engine.clear_opt_out(&world.account, Whose::Inquiry(&second), "  ", &ann()).await;
    assert!(matches!(&none, Err(Error::Told(p)) if p.code == "RB-0261"), "{none:?}");
    world.engine.clear_opt_out(&world.account, Whose::Inquiry(&second), "asked us to call", &ann()).await.unwrap();
    assert!(!held(&world, &second).await && !held(&world, &first).await, "at once, wherever something is open");
    assert_eq!(kept_now(&world).await.cleared.map(|c| c.by), Some(ann()));
    let told = world.engine.entries(&world.account, &second).await.unwrap();
    let cleared = told.iter().find(|e| e.kind == "opt_out_cleared").unwrap();
    assert_eq!(cleared.sealed["reason"].text(), Some("asked us to call"));
    assert_eq!(cleared.body["by"], "user_ann");
    let again = world.engine.clear_opt_out(&world.account, Whose::Inquiry(&second), "again", &ann()).await;
    assert!(matches!(&again, Err(Error::Told(p)) if p.code == "RB-0261"), "{again:?}");
    for id in [&first, &second] {
        world
            .act(id, Event::CalledBack { result: CallbackResult::Reached, note: None, booked_for: None, by: ann() })
            .await;
    }
    world.clock.forward(SignedDuration::from_hours(24));
    let third = rings(&world, "c3", NORTH, Some(NUMBER), "").await;
    assert!(!held(&world, &third).await);
    assert!(!kinds(&world, &third).await.contains(&"opted_out".to_owned()));
    replays(&world, &[&first, &second, &third]).await;
}

#[tokio::test]
async fn an_opt_out_reaches_what_is_open_elsewhere_in_the_same_unit() {
    let world = world().await;
    let north = rings(&world, "c1", NORTH, Some(NUMBER), "").await;
    let south = rings(&world, "c2", SOUTH, Some(NUMBER), STOP).await;
    assert!(held(&world, &south).await && held(&world, &north).await);
    assert!(kinds(&world, &north).await.contains(&"opted_out".to_owned()));
    // Somebody of the business hears it from somebody else.
    let other = rings(&world, "c3", NORTH, Some("+13125550199"), "").await;
    assert!(!held(&world, &other).await);
    world.engine.opt_out(&world.account, Whose::Inquiry(&other), &ann()).await.unwrap();
    assert!(held(&world, &other).await);
    replays(&world, &[&north, &south, &other]).await;
}

#[tokio::test]
async fn what_the_crm_says_is_kept_and_outlives_its_turning_false() {
    let world = world().await;
    let first = rings(&world, "c1", NORTH, Some(NUMBER), "").await;
    let find = world.effect(&first, "find").await;
    let shown = |value: &str| Record {
        id: "512".into(),
        properties: [("phone".to_owned(), NUMBER.to_owned()), ("hs_email_optout".to_owned(), value.to_owned())].into(),
        ..Record::default()
    };
    let read_at = world.engine.now();
    let found = Event::Found { effect: find.id, read_at, records: vec![shown("true")], memory: Vec::new() };
    world.act(&first, found).await;
    let said = kept_now(&world).await.opted_out.unwrap();
    assert_eq!(said.said, SaidBy::Crm { property: "hs_email_optout".into() });
    world.act(&first, Event::Seen { record: shown("false"), read_at }).await;
    assert!(held(&world, &first).await && kept_now(&world).await.opted_out.is_some(), "no value takes it back");
    let second = rings(&world, "c2", SOUTH, Some(NUMBER), "").await;
    assert!(held(&world, &second).await);
    replays(&world, &[&first, &second]).await;
}

#[tokio::test]
async fn a_caller_who_is_named_later_brings_along_what_was_said_and_what_is_kept() {
    let world = world().await;
    let name = async |id: &InquiryId| {
        let inquiry = load_it(&world, id).await;
        let asked = inquiry.reviews.iter().find(|r| r.kind == ReviewKind::NoNumber).unwrap().clone();
        let choice = Choice::Edit { value: NUMBER.into() };
        world.engine.decide_review(&world.account, &asked.id, &asked.digest, choice, &ann()).await.unwrap();
    };
    // Said before anybody knew who it was.
    let hidden = rings(&world, "c1", NORTH, None, "Please stop calling me.").await;
    assert!(held(&world, &hidden).await && kept_now(&world).await.is_nothing());
    name(&hidden).await;
    assert!(kept_now(&world).await.opted_out.is_some());
    // Known before anybody knew who it was.
    let silent = rings(&world, "c2", SOUTH, None, "I would like an estimate for a new boiler.").await;
    assert!(!held(&world, &silent).await);
    name(&silent).await;
    assert!(held(&world, &silent).await);
    replays(&world, &[&hidden, &silent]).await;
}

#[tokio::test]
async fn being_forgotten_is_no_consent() {
    let world = world().await;
    let first = rings(&world, "c1", NORTH, Some(NUMBER), STOP).await;
    world.close(&first).await;
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    let all = world.all_text();
    for word in [NUMBER, "3125550142", "Dana", "boiler"] {
        assert_eq!(all.lines().find(|line| line.contains(word)), None, "{word} is still there");
    }
    let second = rings(&world, "c2", SOUTH, Some(NUMBER), "").await;
    assert!(held(&world, &second).await);
    // Of somebody without any inquiry the account's own chain tells.
    let number = "+13125550177";
    let whose = Whose::Number(number);
    let nobody = world.engine.clear_opt_out(&world.account, whose, "asked", &ann()).await;
    assert!(matches!(&nobody, Err(Error::Told(p)) if p.code == "RB-0261"), "{nobody:?}");
    world.engine.opt_out(&world.account, whose, &ann()).await.unwrap();
    assert!(world.engine.consent_of(&world.account, number).await.unwrap().opted_out.is_some());
    world.engine.clear_opt_out(&world.account, whose, "wrote that we may call", &ann()).await.unwrap();
    assert!(world.engine.consent_of(&world.account, number).await.unwrap().opted_out.is_none());
    let told = world.engine.account_entries(&world.account).await.unwrap();
    let of: Vec<&str> = told.iter().map(|e| e.kind.as_str()).filter(|k| k.starts_with("opt")).collect();
    assert_eq!(of, ["opted_out", "opt_out_cleared"]);
    assert!(!told.iter().any(|e| e.body.to_string().contains("5550177")), "no number in the chain");
    let odd = world.engine.opt_out(&world.account, Whose::Number("call me"), &ann()).await;
    assert!(matches!(&odd, Err(Error::Told(p)) if p.code == "RB-0260"), "{odd:?}");
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}

/// Two inquiries of a caller who said stop in the first, whose record is looked at before anything is taken back, and what happens meanwhile.
async fn while_asked() -> (World, Arc<Meanwhile>, InquiryId, InquiryId) {
    let asked = Arc::new(Meanwhile::default());
    let world = furnished(World::over(asked.clone()).await).await;
    let first = rings(&world, "c1", NORTH, Some(NUMBER), STOP).await;
    let find = world.effect(&first, "find").await;
    let record =
        Record { id: "512".into(), properties: [("phone".to_owned(), NUMBER.to_owned())].into(), ..Record::default() };
    let read_at = world.engine.now();
    world.act(&first, Event::Found { effect: find.id, read_at, records: vec![record], memory: Vec::new() }).await;
    let second = rings(&world, "c2", SOUTH, Some(NUMBER), "").await;
    (world, asked, first, second)
}

/// While the CRM is asked, somebody of the business hears it too.
fn bob_hears_it(world: &World, asked: &Meanwhile, inquiry: &InquiryId) {
    let (engine, account, inquiry) = (world.engine.clone(), world.account.clone(), inquiry.clone());
    *asked.0.lock().unwrap() = Some(Box::pin(async move {
        let bob = UserId::from_text("user_bob");
        engine.opt_out(&account, Whose::Inquiry(&inquiry), &bob).await.unwrap();
    }));
}

#[tokio::test]
async fn what_is_said_while_somebody_takes_it_back_wins() {
    let (world, asked, first, second) = while_asked().await;
    bob_hears_it(&world, &asked, &second);
    let clear = async || world.engine.clear_opt_out(&world.account, Whose::Inquiry(&first), "asked us", &ann()).await;
    let meanwhile = clear().await;
    assert!(asked.0.lock().unwrap().is_none(), "it was looked at again");
    assert!(matches!(meanwhile, Err(Error::MovedOn(_))), "{meanwhile:?}");
    let said = kept_now(&world).await.opted_out.unwrap();
    assert_eq!(said.said, SaidBy::Person { by: UserId::from_text("user_bob") });
    assert!(held(&world, &first).await && held(&world, &second).await);
    clear().await.unwrap();
    assert!(kept_now(&world).await.opted_out.is_none());
    assert!(!held(&world, &first).await && !held(&world, &second).await);
    replays(&world, &[&first, &second]).await;
}

#[tokio::test]
async fn nothing_was_kept_and_something_is_by_then() {
    for hears in [true, false] {
        let (world, asked, first, second) = while_asked().await;
        // As it stood before anything was kept with people.
        world.tamper("DELETE FROM people");
        world.tamper("UPDATE inquiries SET snapshot = json_remove(snapshot, '$.consent')");
        assert!(load_it(&world, &first).await.flags().contains(FLAG) && kept_now(&world).await.is_nothing());
        if hears {
            bob_hears_it(&world, &asked, &second);
        }
        let cleared = world.engine.clear_opt_out(&world.account, Whose::Inquiry(&first), "asked us", &ann()).await;
        if hears {
            assert!(matches!(cleared, Err(Error::MovedOn(_))), "{cleared:?}");
        } else {
            cleared.unwrap();
        }
        assert_eq!((kept_now(&world).await.opted_out.is_some(), held(&world, &first).await), (hears, hears));
        assert_eq!(kept_now(&world).await.cleared.is_some(), !hears);
    }
}

#[tokio::test]
async fn an_inquiry_that_opens_while_it_is_said_learns_of_it() {
    let world = world().await;
    let first = rings(&world, "c1", NORTH, Some(NUMBER), "").await;
    let word = Word { by: ann(), at: world.engine.now(), reason: None };
    world.engine.keep_said(&world.account, Found::Nowhere(world.person()), word, None).await.unwrap();
    assert!(held(&world, &first).await);
    replays(&world, &[&first]).await;
}

#[tokio::test]
async fn what_is_taken_back_is_what_stands_in_the_row_or_nothing_is() {
    let world = world().await;
    rings(&world, "c1", NORTH, Some(NUMBER), STOP).await;
    let (facts, was) = (world.engine.facts(&world.account).await.unwrap(), kept_now(&world).await);
    let other = written(&Consent::default()).unwrap();
    for (seen, kept) in [(None, false), (Some(other), false), (Some(written(&was).unwrap()), true)] {
        let (facts, now, person) = (facts.clone(), world.engine.now(), world.person());
        let word = Word { by: ann(), at: now, reason: Some("asked us".into()) };
        let stored = world.engine.store().write(Site::Decision, move |tx| {
            Box::pin(async move { word.of_person(&person).0.taking_back(seen).store(tx, &facts, now).await })
        });
        assert_eq!(stored.await, if kept { Ok(()) } else { Err(store::Error::Conflict) });
        assert_eq!(kept_now(&world).await == was, !kept);
    }
}
