//! A month of simulated days against the CRM's twin: what is injected is named, and nothing else.

use super::*;
use crate::audit::tests::support::{TestClock, World};
use crate::http::Authorization;
use crate::prove;
use crate::setup;
use jiff::civil::Date;
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::proof::Kind;
use ringback_core::proof::file::CALL;
use ringback_twins::Request;
use ringback_twins::hubspot::{HubSpot, ObjectType, Options, Token};
use std::sync::{Arc, Mutex, OnceLock};

const START: &str = "2026-03-02";
const DAYS: i64 = 30;
const KEY: &str = "a-signing-key";

struct Month {
    world: World,
    twin: Arc<Mutex<HubSpot>>,
    /// The CRM behind a second connection, `conn_other`.
    other: Arc<Mutex<HubSpot>>,
    /// What the phone system lists.
    log: String,
    calls: u32,
}

fn ask(twin: &mut HubSpot, call: &crate::http::Outgoing<'_>, now_ms: i64) -> HttpReply {
    let method = format!("{:?}", call.request.method).to_uppercase();
    let mut request = Request::new(&method, &call.request.path);
    request.headers.clone_from(&call.request.headers);
    request.body.clone_from(&call.request.body);
    if let Some(Authorization::Bearer(secret)) = &call.auth {
        request = request.header("authorization", &format!("Bearer {}", secret.reveal()));
    }
    let reply = twin.handle(&request, now_ms);
    HttpReply { status: reply.status, headers: reply.headers, body: reply.body }
}

impl Month {
    async fn new() -> Self {
        let twin = || {
            let options = Options { tokens: vec![Token::new("pat-1", "7001")], ..Options::default() };
            Arc::new(Mutex::new(HubSpot::new(options)))
        };
        let (twin, other) = (twin(), twin());
        let clock: Arc<OnceLock<Arc<TestClock>>> = Arc::new(OnceLock::new());
        let (asked, elsewhere, told) = (twin.clone(), other.clone(), clock.clone());
        let world = World::with(Box::new(move |call| {
            use crate::clock::Clock as _;
            let now = told.get().map_or(0, |clock| clock.now().as_millisecond());
            let twin = if call.connection == "conn_other" { &elsewhere } else { &asked };
            Ok(ask(&mut twin.lock().unwrap(), call, now))
        }))
        .await;
        let _ = clock.set(world.clock.clone());
        let month = Self { world, twin, other, log: "Call ID,From,To,Start,Duration,Result\n".into(), calls: 0 };
        month.furnish().await;
        let crm = ConnectionId::from_text("conn_crm");
        let connected = setup::connect(&month.world.engine, &month.world.account, &crm).await.unwrap();
        assert_eq!(connected.problems, []);
        month.world.clock.forward(SignedDuration::from_mins(5));
        month
    }

    /// One location that never closes, three tiers of staff, a provider and a phone log.
    async fn furnish(&self) {
        let week: serde_json::Map<String, serde_json::Value> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            .iter()
            .map(|day| ((*day).to_owned(), serde_json::json!(["08:00-17:00"])))
            .collect();
        let location = serde_json::json!({
            "id": "loc_1", "slug": "phoenix", "name": "Phoenix", "calendar": { "zone": "UTC", "week": week }, "region": "US",
            "locale": "en-US", "currency": "USD", "vertical": null, "version": 1,
        });
        let line = serde_json::json!({ "number": "+16025550100", "location": "loc_1", "kind": null, "source": null, "campaign": null, "landing_page": null });
        let staff = |tier: u8| {
            serde_json::json!({
                "id": format!("staff_{tier}"), "name": format!("Tier {tier}"), "roles": [], "locations": [], "tier": tier,
                "crm_owner": null, "email": null, "shift": null, "away": false,
            })
        };
        let mut rows = vec![("location", "loc_1".to_owned(), location), ("line", "+16025550100".to_owned(), line)];
        rows.extend((1..=3).map(|tier| ("staff", format!("staff_{tier}"), staff(tier))));
        let at = micros(self.world.engine.now());
        self.world
            .write(move |tx| {
                Box::pin(async move {
                    for (kind, id, body) in rows {
                        store::roster_put(tx, "acct_1", kind, &id, &body.to_string(), at).await?;
                    }
                    Ok(())
                })
            })
            .await;
        let source = |id: &str, vendor: &str| store::ConnectionRow {
            name: id.trim_start_matches("conn_").into(),
            zone: Some("UTC".into()),
            region: Some("US".into()),
            ..self.world.row_of(id, vendor, "source", KEY)
        };
        self.world.connect(source("conn_calls", "callrail")).await;
        let log = store::ConnectionRow { sealed_secrets: String::new(), ..source("conn_log", "phone-log") };
        self.world.connect(log).await;
    }

    fn now(&self) -> Timestamp {
        self.world.engine.now()
    }

    fn number(n: u32) -> String {
        format!("+1312555{:04}", 100 + n)
    }

    /// Somebody rings and nobody answers: the phone system lists it, and the provider tells us, if its message arrives.
    async fn ring(&mut self, caller: u32, arrives: Option<&str>) {
        self.calls += 1;
        let (n, at, from) = (self.calls, self.now(), Self::number(caller));
        self.log.push_str(&format!("CAL{n},{from},+16025550100,{at},20,no answer\n"));
        let Some(key) = arrives else { return };
        let body = serde_json::json!({
            "resource_id": format!("CAL{n}"), "answered": false, "voicemail": false, "direction": "inbound", "duration": "20",
            "customer_phone_number": from, "tracking_phone_number": "+16025550100", "start_time": at.to_string(),
        })
        .to_string()
        .into_bytes();
        let signature = ringback_twins::sign::callrail(key, &body);
        let raw = RawRequest {
            method: "POST".into(),
            url: "http://127.0.0.1:8787/hooks/conn_calls/post-call".into(),
            event: "post-call".into(),
            headers: vec![("content-type".into(), "application/json".into()), ("signature".into(), signature)],
            body,
        };
        assert_eq!(self.world.engine.receive("conn_calls", raw).await.status, 200);
        self.settle().await;
    }

    /// Until nothing is to be done any more at this moment (and shortly after).
    async fn settle(&self) {
        for _ in 0..120 {
            if self.world.engine.step_all().await.unwrap() == 0 {
                let soon = self.now().checked_add(SignedDuration::from_mins(2)).unwrap();
                match self.world.engine.next_due().await.unwrap().filter(|at| *at <= soon) {
                    Some(at) if at > self.now() => self.world.clock.forward(at.duration_since(self.now())),
                    Some(_) => self.world.clock.forward(SignedDuration::from_secs(16)),
                    None => return,
                }
            }
        }
        panic!("it does not come to rest");
    }

    /// The next morning at ten.
    async fn next_day(&self) {
        let day = self.now().to_zoned(jiff::tz::TimeZone::UTC).date().tomorrow().unwrap();
        let at = day.at(10, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        self.world.clock.forward(at.duration_since(self.now()));
        self.settle().await;
    }

    fn window(&self, log: bool) -> Window {
        let phone_log = log.then(|| PhoneLog {
            connection: ConnectionId::from_text("conn_log"),
            bytes: self.log.clone().into_bytes(),
        });
        let since = START.parse::<Date>().unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        Window { since, until: self.now(), phone_log, again: "ringback reconcile --since 2026-03-02".into() }
    }

    async fn found(&self, log: bool) -> Reconciled {
        self.world.engine.reconcile(&self.world.account, &self.window(log), &|_| {}).await.unwrap()
    }

    async fn mend(&self, found: &Reconciled, id: &str) {
        self.world.engine.mend(&self.world.account, found, id, &UserId::from_text("user_1")).await.unwrap();
        self.settle().await;
        self.world.clock.forward(SignedDuration::from_mins(5));
        self.settle().await;
    }

    /// From now on the contract's CRM is another one.
    async fn move_to_other(&self) {
        let name = self.world.engine.facts(&self.world.account).await.unwrap().contract.crm.clone();
        let row = |id: &str| self.world.row_of(id, "hubspot", "crm", "pat-1");
        let before = store::ConnectionRow { name: "before".into(), state: "paused".into(), ..row("conn_crm") };
        self.world.connect(before).await;
        self.world.connect(store::ConnectionRow { name, ..row("conn_other") }).await;
        let crm = ConnectionId::from_text("conn_other");
        let connected = setup::connect(&self.world.engine, &self.world.account, &crm).await.unwrap();
        assert_eq!(connected.problems, []);
        self.world.clock.forward(SignedDuration::from_mins(5));
    }

    fn contact(&self, caller: u32) -> String {
        let twin = self.twin.lock().unwrap();
        let found = twin.by_property(ObjectType::Contacts, "phone", &Self::number(caller));
        found[0].id.clone()
    }

    fn delete(&self, kind: &str, id: &str) {
        let request =
            Request::new("DELETE", &format!("/crm/v3/objects/{kind}/{id}")).header("authorization", "Bearer pat-1");
        assert_eq!(self.twin.lock().unwrap().handle(&request, self.now().as_millisecond()).status, 204);
    }
}

fn kinds(found: &Reconciled) -> Vec<(&'static str, Option<String>)> {
    let mut all: Vec<_> = found.report.findings().map(|f| (f.kind.word(), f.record.clone())).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_month_with_injected_losses_names_each_and_nothing_else() {
    let mut month = Month::new().await;
    for day in 0..u32::try_from(DAYS).unwrap() {
        month.ring(day, Some(KEY)).await;
        // One caller rings twice on some days: one inquiry, two call logs.
        if day % 7 == 3 {
            month.world.clock.forward(SignedDuration::from_mins(20));
            month.ring(day, Some(KEY)).await;
        }
        if day == 12 {
            month.ring(500, None).await;
        }
        month.next_day().await;
    }
    let calls = u64::from(month.calls);
    let whole = month.found(false).await;
    assert_eq!(kinds(&whole), [], "{:#?}", whole.report.findings().collect::<Vec<_>>());
    assert_eq!(
        (whole.report.counts.rang, whole.report.counts.in_crm),
        (calls - 1, calls - 1),
        "{:?}",
        whole.report.counts
    );
    assert!(!whole.outside, "nobody outside was asked, and it says so");

    // A rep makes the person of day 5 again, the contact of day 8 is deleted, and a value of day 20 is typed over.
    let (now, doubled, deleted) = (month.now().as_millisecond(), Month::number(5), month.contact(8));
    let second =
        month.twin.lock().unwrap().seed(ObjectType::Contacts, &[("firstname", "Rep's"), ("phone", &doubled)], now);
    let second = second.unwrap();
    month.delete("contacts", &deleted);
    let typed = month.contact(20);
    month.twin.lock().unwrap().human_set(ObjectType::Contacts, &typed, "firstname", "Dana", 7, now).unwrap();
    month.world.clock.forward(SignedDuration::from_mins(10));
    let found = month.found(true).await;
    let expected = [
        ("deleted_in_crm", Some(deleted.clone())),
        ("drift", Some(typed.clone())),
        ("foreign_duplicate", Some(second.clone())),
        ("lost", None),
    ];
    assert_eq!(kinds(&found), expected, "{:#?}", found.report.findings().collect::<Vec<_>>());
    let counts = found.report.counts;
    assert_eq!((counts.rang, counts.recorded, counts.in_crm), (calls, calls - 1, calls - 2));
    assert_eq!(
        found.report.sentence,
        format!("{calls} rang. {} recorded. {} in the CRM. 1 lost. 0 doubled.", calls - 1, calls - 2)
    );
    let finding = |kind: Kind| found.report.findings().find(|f| f.kind == kind).unwrap();
    assert_eq!(finding(Kind::Drift).by, Some(ringback_core::crm::Setter::Person));
    assert_eq!(finding(Kind::Drift).field.as_deref(), Some("firstname"));
    assert!(finding(Kind::ForeignDuplicate).sentence.contains("a person made contact"));
    assert!(found.outside);

    // Mending goes the way of every call, and what a person did stays.
    month.mend(&found, &finding(Kind::Lost).id).await;
    month.mend(&found, &finding(Kind::DeletedInCrm).id).await;
    assert!(
        month
            .world
            .engine
            .mend(&month.world.account, &found, &finding(Kind::Drift).id, &UserId::from_text("u"))
            .await
            .is_err()
    );
    let mended = month.found(true).await;
    assert_eq!(
        kinds(&mended),
        [("drift", Some(typed)), ("foreign_duplicate", Some(second))],
        "{:#?}",
        mended.report.findings().collect::<Vec<_>>()
    );
    assert_eq!((mended.report.counts.rang, mended.report.counts.in_crm), (calls, calls));
    assert_ne!(month.contact(8), deleted, "it was made again, once");
    assert!(month.world.engine.verify(&month.world.account).await.unwrap().ok);
}

#[tokio::test]
async fn what_is_held_back_is_not_called_lost_and_an_unlinked_log_is_found() {
    let mut month = Month::new().await;
    month.ring(1, Some(KEY)).await;
    month.ring(2, Some("another-key")).await;
    let twin = month.twin.clone();
    let log = twin.lock().unwrap().records(ObjectType::Calls)[0].id.clone();
    month.delete("calls", &log);
    month.world.clock.forward(SignedDuration::from_mins(5));
    let found = month.found(true).await;
    assert_eq!(kinds(&found), [("deleted_in_crm", Some(log)), ("held_back", None)]);
    let held = found.report.findings().find(|f| f.kind == Kind::HeldBack).unwrap();
    assert!(held.command.starts_with("ringback quarantine accept sig_"), "{}", held.command);
    let deleted = found.report.findings().find(|f| f.kind == Kind::DeletedInCrm).unwrap().id.clone();
    month.mend(&found, &deleted).await;
    let signal = held.command.rsplit(' ').next().unwrap();
    let signal = ringback_core::id::SignalId::from_text(signal);
    month.world.engine.accept_quarantined(&month.world.account, &signal).await.unwrap();
    month.settle().await;
    month.world.clock.forward(SignedDuration::from_mins(5));
    assert_eq!(kinds(&month.found(true).await), []);
}

#[tokio::test]
async fn what_lies_in_another_place_is_made_where_it_belongs() {
    let mut month = Month::new().await;
    // Somebody else has the ids there that ours have here.
    let now = month.now().as_millisecond();
    for n in 0..3 {
        let stranger = [("firstname", "Stranger"), ("phone", &Month::number(900 + n))];
        month.other.lock().unwrap().seed(ObjectType::Contacts, &stranger, now).unwrap();
    }
    month.ring(1, Some(KEY)).await;
    month.world.clock.forward(SignedDuration::from_mins(5));
    assert_eq!(kinds(&month.found(true).await), []);
    let before = month.twin.lock().unwrap().records(ObjectType::Contacts).len();
    month.move_to_other().await;
    let found = month.found(true).await;
    let words: Vec<&str> = kinds(&found).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(words, ["wrong_place"; 3], "{:#?}", found.report.findings().collect::<Vec<_>>());
    let task = found.report.findings().find(|f| f.object == Some(Object::Task)).unwrap();
    month.mend(&found, &task.id).await;
    let mended = month.found(true).await;
    assert_eq!(kinds(&mended), [], "{:#?}", mended.report.findings().collect::<Vec<_>>());
    assert_eq!((mended.report.counts.in_crm, mended.report.counts.tasks), (1, 1));
    let other = month.other.lock().unwrap();
    assert_eq!(other.by_property(ObjectType::Contacts, "phone", &Month::number(1)).len(), 1);
    assert_eq!((other.records(ObjectType::Calls).len(), other.records(ObjectType::Tasks).len()), (1, 1));
    assert_eq!(
        month.twin.lock().unwrap().records(ObjectType::Contacts).len(),
        before,
        "nothing is done in the old place"
    );
}

#[tokio::test]
async fn a_deal_of_nobody_is_listed_with_the_link_that_fits() {
    let mut month = Month::new().await;
    month.ring(1, Some(KEY)).await;
    let now = month.now().as_millisecond();
    let national = Month::number(1).trim_start_matches("+1").to_owned();
    let deal = |name: &str, stage: &str| {
        let given = [("dealname", name), ("dealstage", stage), ("pipeline", "default")];
        month.twin.lock().unwrap().seed(ObjectType::Deals, &given, now).unwrap()
    };
    let fitting = deal(&format!("Boiler for {national}"), "qualifiedtobuy");
    let other = deal("Boiler for somebody", "qualifiedtobuy");
    month.world.clock.forward(SignedDuration::from_mins(5));
    let found = month.found(true).await;
    let mut expected = [("orphan", Some(fitting.clone())), ("orphan", Some(other.clone()))];
    expected.sort();
    assert_eq!(kinds(&found), expected, "{:#?}", found.report.findings().collect::<Vec<_>>());
    let sentence = |id: &str| &found.report.findings().find(|f| f.record.as_deref() == Some(id)).unwrap().sentence;
    assert!(sentence(&fitting).contains(&format!("fits contact {}:", month.contact(1))), "{}", sentence(&fitting));
    assert!(sentence(&other).contains("No caller"), "{}", sentence(&other));
    assert!(!sentence(&fitting).contains(&national), "no personal value stands in a finding");
    // Linked to its contact it is nobody's no more.
    let path = format!("/crm/v4/objects/deals/{fitting}/associations/default/contacts/{}", month.contact(1));
    let request = Request::new("PUT", &path).header("authorization", "Bearer pat-1");
    assert_eq!(month.twin.lock().unwrap().handle(&request, month.now().as_millisecond()).status, 200);
    assert_eq!(kinds(&month.found(true).await), [("orphan", Some(other))]);
}

#[tokio::test]
async fn a_silent_crm_is_a_witness_that_did_not_answer() {
    let mut month = Month::new().await;
    month.ring(1, Some(KEY)).await;
    month.twin.lock().unwrap().options_mut().tokens.clear();
    let found = month.found(true).await;
    let crm = found.witnesses.iter().find(|w| w.kind == "crm").unwrap();
    assert!(!crm.answered && crm.why.as_deref().is_some_and(|w| w.starts_with("RB-0522")), "{crm:?}");
    let counts = found.report.counts;
    assert_eq!((counts.rang, counts.recorded, counts.in_crm, counts.unread), (1, 1, 0, 1));
    assert_eq!(kinds(&found), [], "what nobody could see is not called missing");
}

#[tokio::test]
async fn every_night_has_one_proof_chained_to_the_one_before() {
    let mut month = Month::new().await;
    let engine = month.world.engine.clone();
    let account =
        engine.store().read(|tx| Box::pin(async move { store::accounts_all(tx).await })).await.unwrap().remove(0);
    engine.nightly_proof(&account).await.unwrap();
    let list = || async {
        engine
            .store()
            .read(|tx| Box::pin(async move { store::proofs_list(tx, "acct_1", 50, i64::MAX).await }))
            .await
            .unwrap()
    };
    assert_eq!(list().await.len(), 0, "no proof of a day before the account was there");
    month.ring(1, Some(KEY)).await;
    month.next_day().await;
    for _ in 0..3 {
        engine.nightly_proof(&account).await.unwrap();
        month.world.clock.forward(SignedDuration::from_mins(20));
    }
    month.ring(2, Some(KEY)).await;
    // Two nights of standstill are made up for.
    month.next_day().await;
    month.next_day().await;
    engine.nightly_proof(&account).await.unwrap();
    let rows = list().await;
    let days: Vec<(i64, &str)> = rows.iter().rev().map(|row| (row.seq, row.day.as_str())).collect();
    assert_eq!(days, [(1, "2026-03-02"), (2, "2026-03-03"), (3, "2026-03-04")]);
    let mut previous = ringback_core::ledger::GENESIS.to_owned();
    let (_, pinned) = engine.keyring().proof_keys().pop().unwrap();
    for (row, calls) in rows.iter().rev().zip([1, 1, 0]) {
        let seq = row.seq;
        let whole = engine
            .store()
            .read(move |tx| Box::pin(async move { store::proof_get(tx, "acct_1", seq).await }))
            .await
            .unwrap()
            .unwrap();
        let sound = prove::check(whole.body.as_bytes(), Some(&pinned)).unwrap();
        assert_eq!((&sound.previous, &sound.hash), (&previous, &row.hash));
        assert_eq!(sound.of(CALL).count(), calls);
        for personal in ["312555", "Tier", "conn_calls/", "call_"] {
            assert!(!whole.body.contains(personal), "{personal} stands in the proof");
        }
        previous.clone_from(&row.hash);
    }
    // Every byte counts, also under the real signature.
    let day: Date = "2026-03-02".parse().unwrap();
    let proved = engine.prove(&month.world.account, day, false, None, &|_| {}).await.unwrap();
    assert!(!proved.made, "the night made it already");
    let bytes = proved.row.body.into_bytes();
    let mut line = 1;
    for n in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[n] ^= 1;
        assert_eq!(prove::check(&changed, None).unwrap_err().line, line, "byte {n}");
        line += usize::from(bytes[n] == b'\n');
    }
    let again = engine.prove(&month.world.account, day, true, None, &|_| {}).await.unwrap();
    assert_eq!((again.row.seq, again.row.revision, again.made), (4, 2, true));
}
