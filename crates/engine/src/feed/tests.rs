use super::*;
use crate::audit::tests::support::World;
use crate::http::Outgoing;
use ringback_core::http::HttpReply;
use ringback_core::inquiry::Inquiry;
use ringback_core::signal::{Direction, SignalKind};
use ringback_store::Before;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What the CRM answers next to searches for calls; everything else finds nobody.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<Value>,
    /// Answers that come before any true one.
    faults: Vec<HttpReply>,
    asked: Vec<Value>,
    page: usize,
    links: usize,
}

impl Desk {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    fn log(&self, id: &str, properties: &Value, at: &str) {
        let call = json!({ "id": id, "properties": properties, "createdAt": at, "updatedAt": at, "archived": false });
        self.with(|s| {
            s.calls.retain(|c| c["id"] != id);
            s.calls.push(call);
        });
    }

    fn answer(&self, call: &Outgoing<'_>) -> HttpReply {
        let json = |value: &Value| HttpReply::with(200, "application/json", value.to_string());
        let body: Value = serde_json::from_slice(&call.request.body).unwrap_or_default();
        let path = call.request.path.as_str();
        if path.ends_with("/calls/search") {
            return self.with(|s| {
                s.asked.push(body.clone());
                if !s.faults.is_empty() {
                    return s.faults.remove(0);
                }
                let since: i64 = body["filterGroups"][0]["filters"][0]["value"].as_str().unwrap().parse().unwrap();
                let at = |c: &Value| c["updatedAt"].as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond();
                let mut found: Vec<Value> = s.calls.iter().filter(|c| at(c) >= since).cloned().collect();
                found.sort_by_key(at);
                let from: usize = body["after"].as_str().map_or(0, |a| a.parse().unwrap());
                let most = if s.page == 0 { 200 } else { s.page };
                let mut out = json!({ "total": found.len() });
                if from + most < found.len() {
                    out["paging"] = json!({ "next": { "after": (from + most).to_string() } });
                }
                out["results"] = found.into_iter().skip(from).take(most).collect();
                json(&out)
            });
        }
        if path.contains("/associations/") {
            self.with(|s| s.links += 1);
            return json(&json!({ "results": [{ "toObjectId": "512" }] }));
        }
        if path.contains("/contacts/512") {
            let held = json!({ "firstname": "Dana", "lastname": "Ruiz", "phone": "(312) 555-0142" });
            return json(&json!({ "id": "512", "properties": held, "archived": false }));
        }
        json(&json!({ "total": 0, "results": [] }))
    }
}

fn missed(from: &str, at: &str) -> Value {
    json!({ "hs_call_direction": "INBOUND", "hs_call_status": "MISSED", "hs_call_from_number": from,
        "hs_call_to_number": "+13125550100", "hs_timestamp": at })
}

const AT: &str = "2026-03-02T15:01:00Z";

struct Feeding {
    world: World,
    desk: Desk,
    crm: ConnectionId,
}

impl Feeding {
    /// A CRM whose calls are taken in; the first look has happened.
    async fn new() -> Self {
        let desk = Desk::default();
        let answers = desk.clone();
        let world = World::with(Box::new(move |call| Ok(answers.answer(call)))).await;
        world
            .write(|tx| {
                Box::pin(async move {
                    let mut row = store::connections_all(tx, "acct_1").await?.remove(0);
                    row.settings = json!({ "calls_from_crm": "true" }).to_string();
                    store::connection_upsert(tx, &row).await
                })
            })
            .await;
        world.engine.facts_changed(&world.account);
        let feeding = Self { world, desk, crm: ConnectionId::from_text("conn_crm") };
        let first = feeding.read().await;
        assert_eq!((first.pages, first.taken, first.complete), (1, 0, true));
        feeding.world.clock.forward(SignedDuration::from_mins(2));
        feeding
    }

    async fn read(&self) -> Read {
        self.world.engine.read_calls(&self.world.account, &self.crm).await.unwrap()
    }

    async fn fold(&self) {
        while self.world.engine.step_signals(true).await.unwrap().done > 0 {}
    }

    async fn signals(&self) -> usize {
        let read =
            self.world.engine.store().read(|tx| {
                Box::pin(async move { store::signals_list(tx, "acct_1", None, 1_000, &Before::end()).await })
            });
        read.await.unwrap().len()
    }

    async fn calls(&self) -> Vec<Call> {
        let read = self
            .world
            .engine
            .store()
            .read(|tx| Box::pin(async move { store::calls_list(tx, "acct_1", 1_000, &Before::end()).await }));
        let rows = read.await.unwrap();
        rows.iter().map(|row| serde_json::from_str(&row.snapshot).unwrap()).collect()
    }

    async fn inquiry_of(&self, call: &Call) -> Inquiry {
        let id = call.inquiry.clone().unwrap();
        let read = self
            .world
            .engine
            .store()
            .read(move |tx| Box::pin(async move { crate::inquire::load(tx, "acct_1", id.as_str()).await }));
        read.await.unwrap().unwrap().inquiry
    }

    async fn feed(&self) -> Feed {
        self.world.engine.feed(&self.world.account, &self.crm).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_call_that_somebody_logged_becomes_one_inquiry_however_often_it_is_read() {
    let feeding = Feeding::new().await;
    feeding.desk.log("7001", &missed("+13125550142", AT), AT);
    feeding.desk.log("7002", &json!({ "rb_key": "rb-call-01j", "hs_call_status": "NO_ANSWER" }), AT);
    feeding.desk.log("7003", &json!({ "hs_call_title": "a note about a call" }), AT);
    assert_eq!(feeding.read().await.taken, 1);
    feeding.fold().await;
    let [call] = feeding.calls().await.try_into().unwrap();
    assert_eq!((call.direction, call.ending), (Direction::Inbound, Ending::RingNoAnswer));
    assert_eq!(call.caller.e164(), Some("+13125550142"));
    let inquiry = feeding.inquiry_of(&call).await;
    assert_eq!((inquiry.calls.len(), inquiry.id.clone()), (1, call.inquiry.clone().unwrap()));
    for _ in 0..3 {
        feeding.world.clock.forward(SignedDuration::from_secs(61));
        assert_eq!(feeding.read().await.taken, 0);
        feeding.fold().await;
    }
    assert_eq!((feeding.calls().await.len(), feeding.signals().await), (1, 1), "nothing is stored twice either");
}

#[tokio::test]
async fn who_dies_between_storing_and_moving_on_reads_it_again_and_makes_nothing_twice() {
    let feeding = Feeding::new().await;
    let before = feeding.feed().await;
    feeding.desk.log("7001", &missed("+13125550142", AT), AT);
    assert_eq!(feeding.read().await.taken, 1);
    // The place as it was before the records were stored: that is all that a kill leaves.
    feeding.world.engine.keep_feed(&feeding.world.account, &feeding.crm, &before).await.unwrap();
    assert_eq!(feeding.read().await.taken, 0);
    feeding.fold().await;
    assert_eq!((feeding.calls().await.len(), feeding.signals().await), (1, 1));
    // Two nodes at once: the store decides who was first.
    let again = Logged {
        record: Record { id: "7009".into(), properties: properties(&missed("+13125550143", AT)), ..Record::default() },
        person: None,
        corrects: false,
    };
    let facts = feeding.world.engine.facts(&feeding.world.account).await.unwrap();
    let held = &facts.connections["conn_crm"];
    for _ in 0..2 {
        feeding.world.engine.take_call(held, held.crm().unwrap(), &again).await.unwrap();
    }
    feeding.fold().await;
    assert_eq!(feeding.calls().await.len(), 2);
}

fn properties(value: &Value) -> ringback_core::crm::Properties {
    value.as_object().unwrap().iter().map(|(n, v)| (n.clone(), v.as_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn the_same_call_told_by_another_provider_too_is_one_call() {
    let feeding = Feeding::new().await;
    feeding
        .world
        .write(|tx| {
            Box::pin(async move {
                let mut row = store::connections_all(tx, "acct_1").await?.remove(0);
                (row.id, row.name, row.vendor, row.kind) =
                    ("conn_phone".into(), "phone".into(), "callrail".into(), "source".into());
                row.sealed_secrets = String::new();
                store::connection_upsert(tx, &row).await
            })
        })
        .await;
    feeding.world.engine.facts_changed(&feeding.world.account);
    for (id, number, crm_first) in [("7001", "+13125550142", true), ("7002", "+13125550143", false)] {
        feeding.desk.log(id, &missed(number, AT), AT);
        if crm_first {
            assert_eq!(feeding.read().await.taken, 1);
            feeding.fold().await;
        }
        let mut signal = Signal::new(SignalKind::Ended, vec![format!("CAL{id}")]);
        (signal.caller, signal.dialled) = (Some(number.into()), Some("+13125550100".into()));
        (signal.direction, signal.ending) = (Direction::Inbound, Ending::Voicemail);
        // Trackers differ in when it began.
        signal.started_at = "2026-03-02T15:01:20Z".parse().ok();
        let phone = ConnectionId::from_text("conn_phone");
        assert!(feeding.world.engine.take_row(&feeding.world.account, &phone, &signal).await.unwrap());
        feeding.fold().await;
        if !crm_first {
            assert_eq!(feeding.read().await.taken, 1);
            feeding.fold().await;
        }
    }
    let calls = feeding.calls().await;
    assert_eq!(calls.len(), 2);
    assert!(
        calls.iter().all(|c| c.keys.len() == 2 && c.ending == Ending::Voicemail && c.inquiry.is_some()),
        "{calls:?}"
    );
}

#[tokio::test]
async fn an_ending_that_comes_later_or_is_put_right_counts() {
    let feeding = Feeding::new().await;
    let mut call = missed("+13125550142", AT);
    call["hs_call_status"] = "RINGING".into();
    feeding.desk.log("7001", &call, AT);
    assert_eq!(feeding.read().await.taken, 1);
    feeding.fold().await;
    let ending = async || feeding.calls().await[0].clone();
    assert!(!ending().await.settled(), "it rings");
    for (status, expect, corrected) in [
        ("COMPLETED", Ending::Answered, false),
        // A phone system that took the voicemail for an answer, and found out.
        ("MISSED", Ending::RingNoAnswer, true),
    ] {
        feeding.world.clock.forward(SignedDuration::from_secs(61));
        call["hs_call_status"] = status.into();
        feeding.desk.log("7001", &call, &feeding.world.engine.now().to_string());
        assert_eq!(feeding.read().await.taken, 1, "{status}");
        feeding.fold().await;
        let now = ending().await;
        assert_eq!((now.ending, now.corrected, now.settled()), (expect, corrected, true), "{status}");
    }
    assert_eq!(feeding.calls().await.len(), 1);
    assert!(ending().await.inquiry.is_some(), "missed after all");
}

#[tokio::test]
async fn what_nobody_said_stays_unknown_and_is_not_taken_for_an_ending() {
    let feeding = Feeding::new().await;
    let mut call = missed("+13125550142", AT);
    call["hs_call_status"] = "FAILED".into();
    feeding.desk.log("7001", &call, AT);
    assert_eq!(feeding.read().await.taken, 1);
    feeding.fold().await;
    feeding.world.clock.forward(SignedDuration::from_mins(31));
    feeding.world.engine.step_timers().await.unwrap();
    let [call] = feeding.calls().await.try_into().unwrap();
    assert_eq!((call.ending, call.category(), call.settled()), (Ending::Unsaid, "unknown", true));
    assert!(call.inquiry.is_some(), "better one callback too many");
}

#[tokio::test]
async fn a_call_without_a_number_is_asked_for_whose_it_is_once() {
    let feeding = Feeding::new().await;
    let mut call = missed("", AT);
    call.as_object_mut().unwrap().remove("hs_call_from_number");
    feeding.desk.log("7001", &call, AT);
    assert_eq!(feeding.read().await.taken, 1);
    feeding.world.clock.forward(SignedDuration::from_secs(61));
    assert_eq!(feeding.read().await.taken, 0);
    assert_eq!(feeding.desk.with(|s| s.links), 1);
    feeding.fold().await;
    let [call] = feeding.calls().await.try_into().unwrap();
    assert_eq!((call.caller.e164(), call.caller_name.as_deref()), (Some("+13125550142"), Some("Dana Ruiz")));
}

#[tokio::test]
async fn history_is_left_alone_and_a_late_change_of_it_too() {
    let feeding = Feeding::new().await;
    let old = "2026-02-20T10:00:00Z";
    // An old call that somebody writes a note to today.
    feeding.desk.log("6001", &missed("+13125550142", old), AT);
    assert_eq!(feeding.read().await.taken, 0);
    let since = feeding.feed().await.from;
    assert_eq!(since, "2026-03-02T15:00:00Z".parse().unwrap(), "the first look");
    // A connection may say otherwise.
    let crm = ringback_connect::crm("hubspot").unwrap();
    let facts = feeding.world.engine.facts(&feeding.world.account).await.unwrap();
    let mut connection = facts.connections["conn_crm"].connection.clone();
    connection.settings.insert("calls_since".into(), "2026-02-01T00:00:00Z".into());
    assert!(calls::on(crm, &connection) && calls::since(&connection).is_some_and(|at| at < since));
}

#[tokio::test]
async fn pages_go_on_by_time_so_that_a_change_between_two_loses_none() {
    let feeding = Feeding::new().await;
    for n in 0..7 {
        let at = format!("2026-03-02T15:01:0{n}Z");
        feeding.desk.log(&format!("700{n}"), &missed(&format!("+1312555015{n}"), &at), &at);
    }
    feeding.desk.with(|s| s.page = 2);
    let first = feeding.read().await;
    assert_eq!((first.pages, first.complete, first.taken), (PAGES_MAX, false, 4));
    assert!(feeding.feed().await.next_at <= feeding.world.engine.now(), "the rest is read at once");
    // The first one changes: in a list by offset the others would move up behind the place that was read.
    feeding.desk.log("7000", &missed("+13125550150", "2026-03-02T15:01:00Z"), "2026-03-02T15:01:30Z");
    let mut taken = first.taken;
    for _ in 0..4 {
        taken += feeding.read().await.taken;
    }
    feeding.fold().await;
    assert_eq!((taken, feeding.calls().await.len()), (7, 7));
    // Many within one second: there the CRM's own pages are used.
    for n in 0..5 {
        let at = format!("2026-03-02T15:02:00.00{n}Z");
        feeding.desk.log(&format!("800{n}"), &missed(&format!("+1312555016{n}"), &at), "2026-03-02T15:02:00Z");
    }
    for _ in 0..6 {
        feeding.read().await;
    }
    feeding.fold().await;
    assert_eq!(feeding.calls().await.len(), 12);
}

#[tokio::test]
async fn whatever_the_crm_answers_the_feed_waits_says_why_and_loses_nothing() {
    let page = |status: u16, kind: &str, body: &str| HttpReply::with(status, kind, body.to_owned());
    let mut slow = page(
        429,
        "application/json",
        r#"{"status":"error","category":"RATE_LIMITS","policyName":"TEN_SECONDLY_ROLLING"}"#,
    );
    slow.headers.push(("retry-after".into(), "90".into()));
    let faults = [
        ("rate_limited", slow, "retry"),
        ("server", page(503, "text/html", "<html>busy</html>"), "retry"),
        ("truncated", page(200, "application/json", r#"{"total":1,"results":[{"id":"70"#), "retry"),
        ("html", page(200, "text/html", "<html>sign in</html>"), "retry"),
        (
            "scopes",
            page(403, "application/json", r#"{"status":"error","category":"MISSING_SCOPES","message":"no"}"#),
            "refused",
        ),
    ];
    for (name, fault, word) in faults {
        let feeding = Feeding::new().await;
        let before = feeding.feed().await;
        feeding.desk.log("7001", &missed("+13125550142", AT), AT);
        feeding.desk.with(|s| s.faults = vec![fault]);
        let read = feeding.read().await;
        assert!(read.why.as_ref().is_some_and(|why| why.starts_with(word)), "{name}: {read:?}");
        let feed = feeding.feed().await;
        assert_eq!((feed.since, &feed.page, feed.read_at), (before.since, &None, before.read_at), "{name}");
        let now = feeding.world.engine.now();
        let wait = feed.next_at.duration_since(now).as_secs();
        assert_eq!(wait, if name == "rate_limited" { 90 } else { WAIT_SECONDS }, "{name}");
        let [seen] = feeding.world.engine.feeds(&feeding.world.account).await.unwrap().try_into().unwrap();
        assert!(seen.wrong.is_some_and(|wrong| wrong.contains(word)), "{name}");
        let pages = feeding.world.engine.runbook(&feeding.world.account).await.unwrap();
        assert!(pages.iter().any(|p| p.id == "feed_waits" && p.now && p.live[0].contains("not read since")), "{name}");
        // Not before its time, and then whole.
        assert_eq!(feeding.world.engine.step_feeds().await.unwrap().done, 0, "{name}");
        feeding.world.clock.forward(SignedDuration::from_secs(wait + 1));
        assert_eq!(feeding.world.engine.step_feeds().await.unwrap().done, 1, "{name}");
        assert_eq!(feeding.feed().await.failing, None, "{name}");
        feeding.fold().await;
        assert_eq!(feeding.calls().await.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn failures_wait_longer_each_time_up_to_a_bound() {
    let feeding = Feeding::new().await;
    let mut waits = Vec::new();
    for _ in 0..7 {
        feeding.desk.with(|s| s.faults = vec![HttpReply::with(503, "text/html", "<html></html>")]);
        feeding.read().await;
        waits.push(feeding.feed().await.next_at.duration_since(feeding.world.engine.now()).as_secs());
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 600, 600]);
}

#[tokio::test]
async fn a_feed_that_is_switched_off_asks_nothing_and_forgets_its_place() {
    let feeding = Feeding::new().await;
    feeding
        .world
        .write(|tx| {
            Box::pin(async move {
                let mut row = store::connections_all(tx, "acct_1").await?.remove(0);
                row.settings = json!({ "calls_from_crm": "false" }).to_string();
                store::connection_upsert(tx, &row).await
            })
        })
        .await;
    feeding.world.engine.facts_changed(&feeding.world.account);
    let asked = feeding.desk.with(|s| s.asked.len());
    feeding.world.clock.forward(SignedDuration::from_mins(5));
    assert_eq!(feeding.world.engine.step_feeds().await.unwrap(), Looked::default());
    assert_eq!(feeding.desk.with(|s| s.asked.len()), asked);
    assert_eq!(feeding.world.engine.feed(&feeding.world.account, &feeding.crm).await.unwrap(), None);
    assert_eq!(feeding.world.engine.feeds(&feeding.world.account).await.unwrap(), []);
}

#[tokio::test]
async fn a_feed_that_nobody_reads_any_more_is_told() {
    let feeding = Feeding::new().await;
    let wrong = async || feeding.world.engine.feeds(&feeding.world.account).await.unwrap().remove(0).wrong;
    assert_eq!(wrong().await, None);
    feeding.world.clock.forward(SignedDuration::from_mins(11));
    assert!(wrong().await.is_some_and(|wrong| wrong.starts_with("read whole last 2026-03-02")));
}
