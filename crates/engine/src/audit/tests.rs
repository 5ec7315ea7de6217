use super::*;
use ringback_core::contract::{self, Autonomy};
use support::World;

/// One account with one missed call, up to its contact in the CRM, without a network.
pub(crate) mod support {
    use crate::clock::{Chance, Clock};
    use crate::http::{Fault, Outgoing, Transport};
    use crate::inquire::{Loaded, apply, load};
    use crate::keyring::Keyring;
    use crate::mail::NoMailer;
    use crate::{Engine, Parts, Settings, micros};
    use futures_util::future::BoxFuture;
    use jiff::{SignedDuration, Timestamp};
    use ringback_connect::Secret;
    use ringback_core::call::{Call, Caller, Transcript};
    use ringback_core::claim::{self, ReadContext};
    use ringback_core::contract::{self, Autonomy};
    use ringback_core::crm::{Object, Properties};
    use ringback_core::effect::Effect;
    use ringback_core::ensure::Receipt;
    use ringback_core::http::HttpReply;
    use ringback_core::id::{AccountId, CallId, ConnectionId, EffectId, InquiryId, SignalId, UserId};
    use ringback_core::identity;
    use ringback_core::inquiry::{CallbackResult, Event, Inquiry, InquiryCall};
    use ringback_core::ledger::Retention;
    use ringback_core::signal::{Direction, Ending};
    use ringback_store::{self as store, Options, Site, Store, Tx};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    pub(crate) const WORDS: &str = "Hi, this is Dana Whitfield, my basement is flooding and it is an emergency. \
        Please call me back at 312 555 0142.";
    pub(crate) const NUMBER: &str = "+13125550142";

    /// Stands still unless somebody waits.
    pub(crate) struct TestClock(Mutex<Timestamp>);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
        fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()> {
            self.forward(SignedDuration::try_from(pause).unwrap());
            Box::pin(std::future::ready(()))
        }
    }

    impl TestClock {
        pub(crate) fn forward(&self, by: SignedDuration) {
            let mut now = self.0.lock().unwrap();
            *now = now.checked_add(by).unwrap();
        }
    }

    #[derive(Default)]
    struct TestChance(AtomicU64);

    impl Chance for TestChance {
        fn fill(&self, bytes: &mut [u8]) {
            for chunk in bytes.chunks_mut(8) {
                let n = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
                chunk.copy_from_slice(&n[..chunk.len()]);
            }
        }
    }

    type Answer = Box<dyn Fn(&Outgoing<'_>) -> Result<HttpReply, Fault> + Send + Sync>;

    /// Answers what the test says.
    pub(crate) struct TestTransport(pub(crate) Answer);

    impl Transport for TestTransport {
        fn send<'a>(&'a self, call: Outgoing<'a>) -> BoxFuture<'a, Result<HttpReply, Fault>> {
            Box::pin(std::future::ready((self.0)(&call)))
        }
    }

    pub(crate) struct World {
        pub(crate) engine: Engine,
        pub(crate) account: AccountId,
        pub(crate) clock: Arc<TestClock>,
        pub(crate) url: String,
        _dir: tempfile::TempDir,
    }

    impl World {
        /// Nobody is asked anything.
        pub(crate) async fn new() -> Self {
            Self::with(Box::new(|_| Err(Fault::Refused("no network in this test".into())))).await
        }

        /// An account with an applied contract and a CRM that answers so.
        pub(crate) async fn with(answer: Answer) -> Self {
            Self::over(Arc::new(TestTransport(answer))).await
        }

        /// The same with whoever makes the exchanges.
        pub(crate) async fn over(transport: Arc<dyn Transport>) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}", dir.path().join("ringback.db").display());
            let store = Store::open(Options::new(&url)).await.unwrap();
            let clock = Arc::new(TestClock(Mutex::new("2026-03-02T15:00:00Z".parse().unwrap())));
            let engine = Engine::new(Parts {
                store,
                clock: clock.clone(),
                chance: Arc::new(TestChance::default()),
                transport,
                mailer: Arc::new(NoMailer),
                keyring: Keyring::generate([7; 32]),
                settings: Settings::default(),
            });
            let world = Self { engine, account: AccountId::from_text("acct_1"), clock, url, _dir: dir };
            world.furnish().await;
            world
        }

        async fn furnish(&self) {
            let mut contract = contract::parse(contract::DEFAULT_TEXT).0.unwrap();
            contract.autonomy = Autonomy::Auto;
            let compiled = serde_json::to_string(&contract).unwrap();
            let now = micros(self.engine.now());
            let crm = store::ConnectionRow {
                name: contract.crm.clone(),
                ..self.row_of("conn_crm", "hubspot", "crm", "pat-1")
            };
            self.write(move |tx| {
                Box::pin(async move {
                    let account = store::AccountRow {
                        id: "acct_1".into(),
                        name: "One".into(),
                        salt: "salt of account one".into(),
                        created_at: now,
                    };
                    store::account_insert_once(tx, &account).await?;
                    store::connection_upsert(tx, &crm).await?;
                    let new = store::ContractNew {
                        account: "acct_1".into(),
                        id: "ctr_1".into(),
                        name: contract.name.clone(),
                        digest: contract.digest(),
                        source: String::new(),
                        compiled,
                        applied_at: now,
                        applied_by: "user_1".into(),
                    };
                    store::contract_insert_next(tx, &new).await.map(|_| ())
                })
            })
            .await;
        }

        pub(crate) async fn write<T, F>(&self, unit: F) -> T
        where
            T: Send + 'static,
            F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, store::Error>> + Send + 'static,
        {
            self.engine.store().write(Site::Other, unit).await.unwrap()
        }

        /// An active connection with one secret, of which nothing else is said.
        pub(crate) fn row_of(&self, id: &str, vendor: &str, kind: &str, secret: &str) -> store::ConnectionRow {
            let (sealed_secrets, key_id) = self.engine.seal_secrets(self.account.as_str(), id, &[Secret::new(secret)]);
            let now = micros(self.engine.now());
            store::ConnectionRow {
                account: self.account.as_str().into(),
                id: id.into(),
                name: id.into(),
                vendor: vendor.into(),
                kind: kind.into(),
                settings: "{}".into(),
                sealed_secrets,
                key_id,
                base_url: None,
                zone: None,
                region: None,
                state: "active".into(),
                created_at: now,
                updated_at: now,
            }
        }

        /// From now on it stands there so.
        pub(crate) async fn connect(&self, row: store::ConnectionRow) {
            self.write(move |tx| Box::pin(async move { store::connection_upsert(tx, &row).await })).await;
            self.engine.facts_changed(&self.account);
        }

        pub(crate) fn person(&self) -> String {
            identity::person_key(b"salt of account one", &self.account, NUMBER)
        }

        /// A missed call with these words opens an inquiry.
        pub(crate) async fn missed_call(&self, id: &str) -> InquiryId {
            let now = self.engine.now();
            let inquiry_id = InquiryId::from_text(format!("inq_{id}"));
            let facts = self.engine.facts(&self.account).await.unwrap();
            let document = facts.salt.document(Retention::Speech, "transcript", WORDS);
            let mut call = Call::new(CallId::from_text(format!("call_{id}")), self.account.clone(), now);
            let (e164, national) = (NUMBER.to_owned(), "3125550142".to_owned());
            call.direction = Direction::Inbound;
            call.ending = Ending::Voicemail;
            call.caller = Caller::Number { e164, national };
            call.caller_name = Some("WHITFIELD D".into());
            call.inquiry = Some(inquiry_id.clone());
            let transcript = Transcript {
                document: document.id.clone(),
                version: 1,
                signal: SignalId::from_text(format!("sig_{id}")),
            };
            call.transcripts.push(transcript.clone());
            let zone = jiff::tz::TimeZone::UTC;
            let context = ReadContext { anchor: now, zone: &zone, region: "US", caller_digits: Some(NUMBER) };
            let reading = claim::read(WORDS, &context);
            let summary = claim::summary(WORDS, &reading);
            let chars: Vec<char> = WORDS.chars().collect();
            let quotes = reading
                .claims
                .iter()
                .map(|c| chars[c.quote.start as usize..c.quote.end as usize].iter().collect())
                .collect();
            let of = InquiryCall::of(&call, None);
            let events = vec![
                Event::Call { call: of },
                Event::Read { call: call.id.clone(), transcript, reading, summary, quotes },
            ];
            let person = Some(self.person());
            let inquiry = Inquiry::new(inquiry_id.clone(), &call, person.clone(), now);
            self.write(move |tx| {
                Box::pin(async move {
                    let account = facts.account.as_str();
                    let row = store::CallRow {
                        account: account.into(),
                        id: call.id.as_str().into(),
                        snapshot: serde_json::to_string(&call).unwrap(),
                        version: 0,
                        location: None,
                        person_key: person,
                        category: Some("voicemail".into()),
                        after_hours: false,
                        started_at: micros(now),
                        inquiry: Some(inquiry.id.as_str().into()),
                        created_at: micros(now),
                        updated_at: micros(now),
                    };
                    store::call_insert(tx, &row).await?;
                    crate::inquire::put_documents(
                        tx,
                        account,
                        crate::inquire::KeptDays { raw: 1, speech: 1, value: 1 },
                        vec![document],
                        now,
                    )
                    .await?;
                    let loaded = Loaded { open_key: Some(inquiry.id.as_str().into()), inquiry, version: None };
                    apply(tx, &facts, loaded, &events, now).await.map(|_| ())
                })
            })
            .await;
            inquiry_id
        }

        pub(crate) async fn act(&self, inquiry: &InquiryId, event: Event) {
            let facts = self.engine.facts(&self.account).await.unwrap();
            let (id, now) = (inquiry.clone(), self.engine.now());
            self.write(move |tx| {
                Box::pin(async move {
                    let loaded = load(tx, facts.account.as_str(), id.as_str()).await?.unwrap();
                    apply(tx, &facts, loaded, &[event], now).await.map(|_| ())
                })
            })
            .await;
        }

        /// The effect on a target, as planned.
        pub(crate) async fn effect(&self, inquiry: &InquiryId, target: &'static str) -> Effect {
            let (account, id) = (self.account.as_str().to_owned(), inquiry.as_str().to_owned());
            let rows =
                self.write(move |tx| Box::pin(async move { store::effects_of_inquiry(tx, &account, &id).await }));
            let row = rows.await.into_iter().rev().find(|row| row.target == target).unwrap();
            serde_json::from_str(&row.body).unwrap()
        }

        /// The CRM did it, and a later read shows it.
        pub(crate) async fn settle(&self, inquiry: &InquiryId, effect: &EffectId, target: &str, receipt: Receipt) {
            let (account, id, stored) = (self.account.as_str().to_owned(), effect.clone(), receipt.clone());
            let now = micros(self.engine.now());
            self.write(move |tx| {
                Box::pin(async move {
                    let mut row = store::effect_get(tx, &account, id.as_str()).await?.unwrap();
                    row.state = "done".into();
                    row.settled_at = Some(now);
                    row.receipt = serde_json::to_string(&stored).ok();
                    assert!(store::effect_update_if(tx, &row).await?);
                    Ok(())
                })
            })
            .await;
            self.act(inquiry, Event::Settled { effect: effect.clone(), target: target.into(), receipt }).await;
        }

        /// Nobody was found, so a contact is made: record `501`.
        pub(crate) async fn contact_made(&self, inquiry: &InquiryId) -> Properties {
            let find = self.effect(inquiry, "find").await;
            let read_at = self.engine.now();
            self.settle_find(inquiry, &find.id).await;
            self.act(inquiry, Event::Found { effect: find.id, read_at, records: Vec::new(), memory: Vec::new() }).await;
            let contact = self.effect(inquiry, "contact").await;
            let properties = contact.desired.properties().unwrap().clone();
            let receipt = Receipt {
                object: Some(Object::Contact),
                record: "501".into(),
                read_at: Some(self.engine.now()),
                properties: properties.clone(),
                ..Receipt::default()
            };
            self.settle(inquiry, &contact.id, "contact", receipt).await;
            properties
        }

        pub(crate) async fn settle_find(&self, _inquiry: &InquiryId, effect: &EffectId) {
            let (account, id, now) = (self.account.as_str().to_owned(), effect.clone(), micros(self.engine.now()));
            self.write(move |tx| {
                Box::pin(async move {
                    let mut row = store::effect_get(tx, &account, id.as_str()).await?.unwrap();
                    row.state = "done".into();
                    row.settled_at = Some(now);
                    assert!(store::effect_update_if(tx, &row).await?);
                    Ok(())
                })
            })
            .await;
        }

        /// Somebody called back; whatever was still to be sent is given up.
        pub(crate) async fn close(&self, inquiry: &InquiryId) {
            let by = UserId::from_text("user_1");
            let note = Some("spoke with Dana".to_owned());
            self.act(inquiry, Event::CalledBack { result: CallbackResult::Reached, note, by, booked_for: None }).await;
            let (account, id) = (self.account.as_str().to_owned(), inquiry.as_str().to_owned());
            self.write(move |tx| {
                Box::pin(async move {
                    for mut row in store::effects_of_inquiry(tx, &account, &id).await? {
                        if row.settled_at.is_none() && row.lane != store::TIMER_LANE {
                            row.state = "dead".into();
                            row.settled_at = Some(1);
                            row.why = Some("the CRM refused +13125550142".into());
                            assert!(store::effect_update_if(tx, &row).await?);
                        }
                    }
                    Ok(())
                })
            })
            .await;
        }

        /// Runs a statement behind the engine's back, as somebody with the database in hands could.
        pub(crate) fn tamper(&self, sql: &str) -> u64 {
            self.outside().execute(sql, ()).unwrap() as u64
        }

        fn outside(&self) -> rusqlite::Connection {
            rusqlite::Connection::open(self.url.strip_prefix("sqlite://").unwrap()).unwrap()
        }

        /// Everything in the database as text, but hashes and ids.
        pub(crate) fn all_text(&self) -> String {
            let conn = self.outside();
            let mut names = conn.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
            let names: Vec<String> = names.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            let mut all = String::new();
            for name in names {
                let mut table = conn.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
                let columns = table.column_count();
                let mut rows = table.query(()).unwrap();
                while let Some(row) = rows.next().unwrap() {
                    for n in 0..columns {
                        if let Ok(Some(text)) = row.get::<_, Option<String>>(n) {
                            all.push_str(&text);
                            all.push('\n');
                        }
                    }
                }
            }
            all
        }
    }

    pub(crate) fn connection() -> ConnectionId {
        ConnectionId::from_text("conn_crm")
    }
}

async fn world() -> (World, InquiryId) {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    (world, inquiry)
}

#[tokio::test]
async fn an_untouched_ledger_verifies_and_tells_its_words() {
    let (world, inquiry) = world().await;
    assert_eq!(world.engine.checkpoint(&world.account).await.unwrap(), Some(1));
    let report = world.engine.verify(&world.account).await.unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!((report.chains, report.checkpoints, report.expired), (1, 1, 0));
    assert!(report.entries > 5 && report.documents > 5, "{report:?}");
    let told = world.engine.entries(&world.account, &inquiry).await.unwrap();
    assert_eq!(told.len() as u64, report.entries);
    let call = told.iter().find(|entry| entry.kind == "call").unwrap();
    assert_eq!(call.sealed.get("caller").and_then(Sealed::text), Some("+13125550142"));
    let other = AccountId::from_text("acct_2");
    assert!(world.engine.entries(&other, &inquiry).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_checkpoint_is_made_when_something_grew_and_only_then() {
    let (world, inquiry) = world().await;
    let engine = &world.engine;
    assert_eq!(engine.checkpoint(&world.account).await.unwrap(), Some(1));
    assert_eq!(engine.checkpoint(&world.account).await.unwrap(), None);
    world.close(&inquiry).await;
    assert_eq!(engine.checkpoint(&world.account).await.unwrap(), Some(2));
    let report = engine.verify(&world.account).await.unwrap();
    assert!(report.ok && report.checkpoints == 2, "{report:?}");
}

#[tokio::test]
async fn whatever_is_changed_is_found() {
    for (sql, in_chain, words) in [
        ("UPDATE entries SET body = replace(body, 'voicemail', 'abandoned') WHERE kind = 'call'", true, "changed"),
        ("DELETE FROM entries WHERE seq = 2", true, "missing"),
        (
            "UPDATE documents SET body = '+13125550199' WHERE body = '+13125550142'",
            true,
            "words of \"caller\" were changed",
        ),
        ("DELETE FROM documents WHERE body = '+13125550142'", true, "nothing says that it was erased"),
        // A chain cut off at its end is a whole chain; only the checkpoint knows better.
        ("DELETE FROM entries WHERE seq = (SELECT MAX(seq) FROM entries)", false, "is not what it was"),
        ("DELETE FROM entries", false, "is missing"),
        ("UPDATE checkpoints SET body = replace(body, 'inq_1', 'inq_2')", false, "changed"),
        ("UPDATE checkpoints SET signature = replace(signature, '0', '1')", false, "signature"),
    ] {
        let (world, _) = world().await;
        world.engine.checkpoint(&world.account).await.unwrap();
        assert!(world.tamper(sql) > 0, "{sql}");
        let report = world.engine.verify(&world.account).await.unwrap();
        assert!(!report.ok, "{sql}");
        let causes: Vec<&str> = if in_chain {
            report.broken.iter().map(|b| b.cause.as_str()).collect()
        } else {
            report.checkpoint_breaks.iter().map(|b| b.cause.as_str()).collect()
        };
        assert!(causes.iter().any(|cause| cause.contains(words)), "{sql}: {report:?}");
    }
}

#[tokio::test]
async fn an_exported_trail_verifies_by_itself() {
    let (world, inquiry) = world().await;
    world.engine.checkpoint(&world.account).await.unwrap();
    let trail = world.engine.export(&world.account, &inquiry).await.unwrap().unwrap();
    let text = trail.to_string();
    assert!(text.contains("+13125550142"), "the words go along");
    let trail: Value = serde_json::from_str(&text).unwrap();
    let count = verify_export(&trail).unwrap();
    assert_eq!(count, trail["entries"].as_array().unwrap().len() as u64);
    let mut changed = trail.clone();
    let body = changed["entries"][1]["body"].as_str().unwrap().replace("voicemail", "abandoned");
    assert_ne!(trail["entries"][1]["body"], Value::from(body.as_str()));
    changed["entries"][1]["body"] = body.into();
    assert_eq!(verify_export(&changed).unwrap_err().seq, 2);
    let mut cut = trail.clone();
    cut["entries"].as_array_mut().unwrap().pop();
    assert_eq!(verify_export(&cut).unwrap_err().cause, "it is not what a checkpoint says");
    let nobody = InquiryId::from_text("inq_2");
    assert_eq!(world.engine.export(&world.account, &nobody).await.unwrap(), None);
}

#[tokio::test]
async fn a_decision_is_made_again_under_the_contract_that_it_names() {
    let (world, inquiry) = world().await;
    let named = |told: &Told| told.body["contract"]["id"].as_str().map(str::to_owned);
    let told = world.engine.entries(&world.account, &inquiry).await.unwrap();
    let events: Vec<_> = told.iter().filter(|t| t.kind == "event").map(named).collect();
    assert!(!events.is_empty() && events.iter().all(|id| id.as_deref() == Some("ctr_1")), "{events:?}");
    // Another node applies a version; this one decides for a moment longer on what it holds.
    let at = micros(world.engine.now());
    world
        .write(move |tx| {
            Box::pin(async move {
                let mut contract = contract::parse(contract::DEFAULT_TEXT).0.unwrap();
                contract.autonomy = Autonomy::Observe;
                let new = store::ContractNew {
                    account: "acct_1".into(),
                    id: "ctr_2".into(),
                    name: contract.name.clone(),
                    digest: contract.digest(),
                    source: String::new(),
                    compiled: contract.stored(),
                    applied_at: at,
                    applied_by: "user_2".into(),
                };
                store::contract_insert_next(tx, &new).await.map(|_| ())
            })
        })
        .await;
    let other = world.missed_call("2").await;
    let report = world.engine.replay(&world.account, &other).await.unwrap();
    assert!(report.ok() && report.events > 0, "{report:#?}");
    world.engine.facts_changed(&world.account);
    let third = world.missed_call("3").await;
    let told = world.engine.entries(&world.account, &third).await.unwrap();
    assert!(told.iter().any(|t| named(t).as_deref() == Some("ctr_2")), "the next one is decided under the new one");
}

#[tokio::test]
async fn every_decision_comes_out_again_from_what_was_kept() {
    let (world, inquiry) = world().await;
    world.close(&inquiry).await;
    let report = world.engine.replay(&world.account, &inquiry).await.unwrap();
    assert!(report.ok(), "{report:#?}");
    assert!(report.events >= 5 && report.same > 20, "{report:?}");

    // Another contract in force at that moment decides otherwise, and it shows.
    world.tamper(
        "UPDATE contracts SET compiled = replace(compiled, '\"autonomy\":\"auto\"', '\"autonomy\":\"observe\"')",
    );
    let other = world.engine.replay(&world.account, &inquiry).await.unwrap();
    assert!(!other.differences.is_empty(), "{other:?}");

    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    let gone = world.engine.replay(&world.account, &inquiry).await.unwrap();
    assert!(gone.stopped.is_some_and(|why| why.contains("erased: asked")));
}
