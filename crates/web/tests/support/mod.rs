//! A house with people in it: an engine with a clock that stands still, and stories told through the real reader and the real decisions.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "shared by tests and the sample, each of which uses a part; a broken fixture may stop them"
)]

use jiff::{SignedDuration, Timestamp};
use ringback_core::call::{Call, CallFlag, Caller, Transcript};
use ringback_core::claim::{ReadContext, read, summary};
use ringback_core::contract::{self, Contract};
use ringback_core::crm::{CrmWords, Record};
use ringback_core::effect::{Desired, Effect, LaneId};
use ringback_core::ensure::{DEAL_MARK, Receipt};
use ringback_core::followup::calendar::{Block, Calendar, Week};
use ringback_core::id::*;
use ringback_core::identity::{Phone, person_key, phone};
use ringback_core::inquiry::{Choice, Event, Facts, Inquiry, InquiryCall, Progress, ReviewKind, State, Step, step};
use ringback_core::ledger::{Document, Draft, Retention, Salt, seal};
use ringback_core::plan::{ContractRef, Plan};
use ringback_core::roster::{KnownNumber, Line, Location, Roster, Staff};
use ringback_core::signal::{Direction, Ending};
use ringback_core::standing::{Levels, Standing};
use ringback_engine::clock::{Chance, Clock};
use ringback_engine::http::{Fault, Outgoing, Transport};
use ringback_engine::keyring::Keyring;
use ringback_engine::mail::NoMailer;
use ringback_engine::{Engine, Parts, Settings};
use ringback_store::{self as store, Site, Store};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

static NOTHING_STANDS: Standing = Standing { pauses: Vec::new(), levels: Levels(BTreeMap::new()) };

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Monday, five past eight in Phoenix.
pub const MONDAY: &str = "2026-11-16T15:05:00Z";

/// Moves only when it is told to.
pub struct Still(pub AtomicI64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::Relaxed)).unwrap()
    }
    fn sleep(&self, _pause: std::time::Duration) -> Boxed<'_, ()> {
        // Nobody waits here: what asks a vendor again does so at once.
        Box::pin(tokio::task::yield_now())
    }
}

struct Counting(AtomicU64);

impl Chance for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        // SplitMix64: different every time, the same in every run.
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let word = (z ^ (z >> 31)).to_be_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

struct Silence;

impl Transport for Silence {
    fn send<'a>(&'a self, _call: Outgoing<'a>) -> Boxed<'a, Result<ringback_core::http::HttpReply, Fault>> {
        Box::pin(async { Err(Fault::Refused("nobody is there".into())) })
    }
}

/// A HubSpot that shows what its records hold, by object (plural) and id, and nothing else.
#[derive(Default, Clone)]
pub struct Shelf(Arc<Mutex<Records>>);

/// Properties by object (plural) and id.
type Records = BTreeMap<(String, String), BTreeMap<String, String>>;

impl Shelf {
    /// What the receipts of an account say that the CRM holds.
    pub async fn of(store: &Store, account: &AccountId) -> Self {
        let of = account.to_string();
        let receipts = store
            .read(move |tx| {
                Box::pin(async move {
                    let mut all: Vec<Receipt> = Vec::new();
                    for row in store::inquiries_list(tx, &of, None, 100, &store::Before::end()).await? {
                        let effects = store::effects_of_inquiry(tx, &of, &row.id).await?;
                        let told = effects.iter().filter_map(|e| serde_json::from_str(e.receipt.as_deref()?).ok());
                        all.extend(told);
                    }
                    Ok(all)
                })
            })
            .await
            .unwrap();
        let shelf = Self::default();
        for receipt in receipts {
            let Some(object) = receipt.object else { continue };
            let place = (format!("{}s", object.as_str()), receipt.record);
            shelf.0.lock().unwrap().entry(place).or_default().extend(receipt.properties);
        }
        shelf
    }

    /// Somebody types another value.
    pub fn type_in(&self, object: &str, id: &str, property: &str, value: &str) {
        let place = (object.to_owned(), id.to_owned());
        self.0.lock().unwrap().entry(place).or_default().insert(property.to_owned(), value.to_owned());
    }

    fn record(&self, object: &str, id: &str) -> Option<serde_json::Value> {
        let held = self.0.lock().unwrap().get(&(object.to_owned(), id.to_owned()))?.clone();
        Some(serde_json::json!({ "id": id, "properties": held, "archived": false }))
    }
}

impl Transport for Shelf {
    fn send<'a>(&'a self, call: Outgoing<'a>) -> Boxed<'a, Result<ringback_core::http::HttpReply, Fault>> {
        let path = call.request.path.split('?').next().unwrap().to_owned();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (status, body) = match parts.as_slice() {
            [.., object, "batch", "read"] => {
                let asked: serde_json::Value = serde_json::from_slice(&call.request.body).unwrap();
                let ids = asked["inputs"].as_array().unwrap().iter().map(|input| input["id"].as_str().unwrap());
                let results: Vec<_> = ids.filter_map(|id| self.record(object, id)).collect();
                (200, serde_json::json!({ "status": "COMPLETE", "results": results }))
            }
            [.., object, id] => match self.record(object, id) {
                Some(record) => (200, record),
                None => (404, serde_json::json!({ "status": "error", "category": "OBJECT_NOT_FOUND" })),
            },
            _ => (404, serde_json::json!({})),
        };
        let body = body.to_string().into_bytes();
        Box::pin(async move { Ok(ringback_core::http::HttpReply { status, headers: Vec::new(), body }) })
    }
}

/// An engine over that store; nothing leaves it.
pub fn engine(store: Store, clock: Arc<Still>, settings: Settings) -> Engine {
    engine_with(store, clock, settings, Arc::new(Silence))
}

/// An engine over that store and that CRM.
pub fn engine_with(store: Store, clock: Arc<Still>, settings: Settings, transport: Arc<dyn Transport>) -> Engine {
    Engine::new(Parts {
        store,
        clock,
        chance: Arc::new(Counting(AtomicU64::new(1))),
        transport,
        mailer: Arc::new(NoMailer),
        keyring: Keyring::generate([7; 32]),
        settings,
    })
}

/// A store in a file of its own.
pub async fn sqlite(dir: &std::path::Path) -> Store {
    let url = format!("sqlite://{}", dir.join("ringback.db").display());
    Store::open(store::Options::new(url)).await.unwrap()
}

static WORDS: CrmWords = CrmWords {
    contact_phone: "phone",
    contact_email: "email",
    contact_name: "firstname",
    contact_owner: "hubspot_owner_id",
    contact_reads: &["firstname", "lastname", "email", "phone", "lifecyclestage"],
    call_at: "at",
    call_title: "title",
    call_body: "body",
    call_direction: "direction",
    call_inbound: "in",
    call_outbound: "out",
    call_status: "status",
    call_statuses: ["NO_ANSWER", "BUSY", "COMPLETED"],
    call_duration_ms: "duration",
    call_from: "from",
    call_to: "to",
    task_due: "due",
    task_subject: "subject",
    task_body: "body",
    task_status: "status",
    task_open: "OPEN",
    task_done: "DONE",
    task_priority: "priority",
    task_priorities: ["HIGH", "MEDIUM"],
    task_type: "type",
    task_type_call: "CALL",
    owner: "owner",
    match_phones: &["phone", "mobilephone"],
    match_emails: &["email"],
    match_names: &["firstname", "lastname"],
    lifecycle: "lifecyclestage",
    customer_values: &["customer"],
    deal_name: "dealname",
    deal_reads: &["dealname", "dealstage", "hs_is_closed", "amount"],
    deal_stage: "dealstage",
    deal_closed: "closed",
    opt_out: &[],
    protected: &[],
};

/// One account and what its decisions read.
pub struct House {
    pub account: AccountId,
    pub roster: Roster,
    pub contract: Contract,
    pub contract_ref: ContractRef,
    pub lane: LaneId,
    pub salt: Salt,
    pub now: Timestamp,
    next: u8,
}

/// One caller's story.
#[derive(Clone)]
pub struct Story {
    pub location: &'static str,
    pub number: Option<&'static str>,
    pub directory: Option<&'static str>,
    /// Minutes before now, one per call.
    pub rang_minutes_ago: Vec<i64>,
    pub ending: Ending,
    pub after_hours: bool,
    pub source: Option<&'static str>,
    pub words: Option<&'static str>,
    /// First name, last name, lifecycle stage.
    pub records: Vec<(&'static str, &'static str, &'static str)>,
    /// What else the first record holds.
    pub holds: Vec<(&'static str, &'static str)>,
    pub deal: Option<&'static str>,
    /// Everything planned was done and read back.
    pub settled: bool,
    /// The CRM refused the contact.
    pub dead: Option<&'static str>,
    pub taken_by: Option<String>,
    /// Who said yes to everything that was asked about a value.
    pub approved_by: Option<&'static str>,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            location: "phoenix",
            number: None,
            directory: None,
            rang_minutes_ago: vec![12],
            ending: Ending::Voicemail,
            after_hours: false,
            source: None,
            words: None,
            records: Vec::new(),
            holds: Vec::new(),
            deal: None,
            settled: true,
            dead: None,
            taken_by: None,
            approved_by: None,
        }
    }
}

pub fn location(slug: &str, name: &str, zone: &str, region: &str, locale: &str) -> Location {
    let opens = if region == "US" { 8 * 60 } else { 9 * 60 };
    Location {
        id: LocationId::from_text(format!("loc_{slug}")),
        slug: slug.into(),
        name: name.into(),
        calendar: Calendar::new(zone, Week::weekdays(&[Block::new(opens, 17 * 60).unwrap()])),
        region: region.into(),
        locale: locale.into(),
        currency: if region == "US" { "USD" } else { "EUR" }.into(),
        vertical: Some("hvac".into()),
        version: 1,
    }
}

fn staff(id: &str, name: &str, tier: u8, at: &[&str]) -> Staff {
    Staff {
        id: StaffId::from_text(format!("staff_{id}")),
        name: name.into(),
        roles: vec![format!("{}-coordinator", at.first().unwrap_or(&"corporate"))],
        locations: at.iter().map(|l| LocationId::from_text(format!("loc_{l}"))).collect(),
        tier,
        crm_owner: None,
        email: Some(format!("{id}@example.com")),
        shift: None,
        away: false,
    }
}

impl House {
    /// An account of that id with these places.
    pub fn new(id: &str, now: Timestamp, locations: Vec<Location>) -> Self {
        let slugs: Vec<String> = locations.iter().map(|l| l.slug.clone()).collect();
        let names = ["Dana Ortiz", "Lee Park", "Jonas Brandt"];
        let mut people: Vec<Staff> = slugs
            .iter()
            .zip(names)
            .map(|(slug, name)| staff(&format!("{id}{slug}"), name, 1, &[slug.as_str()]))
            .collect();
        people.push(staff(&format!("{id}corp"), "Priya Nair", 2, &[]));
        let roster = Roster {
            version: 1,
            locations,
            lines: Vec::<Line>::new(),
            staff: people,
            known_numbers: vec![("+16025550100".into(), KnownNumber::Shared)],
        };
        let contract = contract::parse(contract::DEFAULT_TEXT).0.unwrap();
        Self {
            account: AccountId::from_text(format!("acct_{id}")),
            roster,
            contract,
            contract_ref: ContractRef {
                id: ContractId::from_text(format!("ctr_{id}")),
                name: "missed-calls".into(),
                version: 1,
            },
            lane: ConnectionId::from_text(format!("conn_{id}_hubspot")),
            salt: Salt(format!("salt of {id}").into_bytes()),
            now,
            next: 0,
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            roster: &self.roster,
            contract: &self.contract,
            contract_ref: &self.contract_ref,
            standing: &NOTHING_STANDS,
            crm: Some((&self.lane, &WORDS)),
            crm_region: "",
            page_webhook: None,
            page_email: None,
            targets: &[],
            salt: &self.salt,
            console_url: "http://127.0.0.1:8787",
            holds: &[],
        }
    }

    fn random(&mut self) -> [u8; 10] {
        self.next += 1;
        // Ids of two accounts differ, as real ones do; a test that mixed them up would prove nothing.
        let mut bytes = [self.next; 10];
        bytes[0] = self.account.stem().bytes().fold(0, u8::wrapping_add);
        bytes
    }

    /// Stores account, roster, connections and contract.
    pub async fn settle(&self, store: &Store, name: &str) {
        self.settle_without_contract(store, name).await;
        let contract = store::ContractNew {
            account: self.account.to_string(),
            id: self.contract_ref.id.to_string(),
            name: self.contract.name.clone(),
            digest: self.contract.digest(),
            source: contract::DEFAULT_TEXT.into(),
            compiled: self.contract.stored(),
            applied_at: self.now.as_microsecond(),
            applied_by: "user_sample".into(),
        };
        let put = store.write(Site::Setup, move |tx| {
            Box::pin(async move { store::contract_insert_next(tx, &contract).await.map(|_| ()) })
        });
        put.await.unwrap();
    }

    /// Stores account, roster and connections.
    pub async fn settle_without_contract(&self, store: &Store, name: &str) {
        let account = self.account.as_str().to_owned();
        let at = self.now.as_microsecond();
        let rows: Vec<(&str, String, String)> = self
            .roster
            .locations
            .iter()
            .map(|l| ("location", l.id.to_string(), serde_json::to_string(l).unwrap()))
            .chain(self.roster.staff.iter().map(|s| ("staff", s.id.to_string(), serde_json::to_string(s).unwrap())))
            .collect();
        let connection = |id: String, name: &str, vendor: &str, kind: &str| store::ConnectionRow {
            account: account.clone(),
            id,
            name: name.into(),
            vendor: vendor.into(),
            kind: kind.into(),
            settings: "{}".into(),
            sealed_secrets: String::new(),
            key_id: String::new(),
            base_url: None,
            zone: None,
            region: None,
            state: "active".into(),
            created_at: at,
            updated_at: at,
        };
        let stem = self.account.stem();
        let connections = [
            connection(self.lane.to_string(), "hubspot-main", "hubspot", "crm"),
            connection(format!("conn_{stem}_calls"), "CallRail", "callrail", "source"),
            connection(format!("conn_{stem}_forms"), "Website", "generic", "source"),
        ];
        let row = store::AccountRow {
            id: account.clone(),
            name: name.into(),
            salt: String::from_utf8(self.salt.0.clone()).unwrap(),
            created_at: at - 4 * 24 * 3_600_000_000,
        };
        let lane = self.lane.to_string();
        store
            .write(Site::Setup, move |tx| {
                Box::pin(async move {
                    store::account_insert_once(tx, &row).await?;
                    for (kind, id, body) in rows {
                        store::roster_put(tx, &account, kind, &id, &body, at).await?;
                    }
                    for connection in &connections {
                        store::connection_upsert(tx, connection).await?;
                    }
                    store::lane_upsert(tx, &account, &lane, &lane).await?;
                    let seen = store::LaneReport { last_ok_at: Some(at - 3_000_000), ..store::LaneReport::default() };
                    store::lane_report(tx, &account, &lane, &seen).await
                })
            })
            .await
            .unwrap();
    }

    /// A person who signs in with that password.
    pub async fn user(
        &self,
        store: &Store,
        email: &str,
        name: &str,
        role: &str,
        locations: &[&str],
        password: &str,
    ) -> UserId {
        let id = format!("user_{}_{}", self.account.stem(), email.split('@').next().unwrap().replace('.', "_"));
        let row = store::UserRow {
            account: self.account.to_string(),
            id: id.clone(),
            email_folded: ringback_web::password::fold_email(email),
            email: email.into(),
            name: name.into(),
            role: role.into(),
            password_hash: ringback_web::password::hash(password, [3; 16]).unwrap(),
            locations: serde_json::to_string(locations).unwrap(),
            active: true,
            created_at: 0,
        };
        store.write(Site::Setup, move |tx| Box::pin(async move { store::user_insert(tx, &row).await })).await.unwrap();
        UserId::from_text(id)
    }

    /// A token of that scope.
    pub async fn token(&self, store: &Store, scope: &str, random: u8) -> String {
        let (text, hash) = ringback_web::password::token([random; 32]);
        let row = store::TokenRow {
            account: self.account.to_string(),
            id: format!("tok_{}_{scope}", self.account.stem()),
            name: scope.into(),
            token_hash: hash,
            scopes: format!("[\"{scope}\"]"),
            created_at: 0,
            revoked_at: None,
            last_used_at: None,
        };
        store.write(Site::Setup, move |tx| Box::pin(async move { store::token_insert(tx, &row).await })).await.unwrap();
        text
    }

    /// Tells a story: the calls, their words, what the CRM holds, what was done; and stores all of it.
    pub async fn tell(&mut self, store: &Store, story: &Story) -> InquiryId {
        let told = self.live(story);
        let id = told.inquiry.id.clone();
        told.store(self, store).await;
        id
    }

    fn call(&mut self, story: &Story, minutes_ago: i64) -> Call {
        let at = self.now - SignedDuration::from_mins(minutes_ago);
        let random = self.random();
        let mut call = Call::new(CallId::new(at, random), self.account.clone(), at);
        call.started_at = at - SignedDuration::from_secs(48);
        call.ended_at = Some(at);
        call.duration_seconds = Some(48);
        call.settled_at = Some(at);
        call.direction = Direction::Inbound;
        call.ending = story.ending;
        call.location = Some(LocationId::from_text(format!("loc_{}", story.location)));
        call.after_hours = Some(story.after_hours);
        call.attribution.source = story.source.map(str::to_owned);
        call.caller_name = story.directory.map(str::to_owned);
        call.flags.clear();
        let region = self.roster.location(call.location.as_ref().unwrap()).map_or("US", |l| l.region.as_str());
        match story.number.map(|n| phone(n, region)) {
            Some(Phone::E164 { e164, national, .. }) => call.caller = Caller::Number { e164, national },
            _ => {
                call.caller = Caller::Withheld;
                call.flags.insert(CallFlag::MissingCallerId);
            }
        }
        call
    }

    fn live(&mut self, story: &Story) -> Told {
        let calls: Vec<Call> = story.rang_minutes_ago.clone().into_iter().map(|m| self.call(story, m)).collect();
        let first = calls.first().unwrap().clone();
        let opened = first.settled_at.unwrap();
        let random = self.random();
        let key = first.caller.e164().map(|e| person_key(&self.salt.0, &self.account, e));
        let mut inquiry = Inquiry::new(InquiryId::new(opened, random), &first, key, opened);
        inquiry.location.clone_from(&first.location);
        let mut told = Told::new(inquiry, calls);
        for at in 0..told.calls.len() {
            let (call, settled) = (told.calls[at].clone(), told.calls[at].settled_at.unwrap());
            told.step(self, &Event::Call { call: InquiryCall::of(&call, None) }, settled);
        }
        if let Some(text) = story.words {
            told.speak(self, text);
        }
        told.find(self, story);
        if let Some(by) = story.approved_by {
            told.approve(self, by);
        }
        if let Some(why) = story.dead {
            told.die(self, why);
        } else if story.settled {
            told.done(self);
        }
        told.step(self, &Event::Timer { kind: ringback_core::inquiry::TimerKind::Due }, self.now);
        if let Some(user) = story.taken_by.clone() {
            told.step(self, &Event::Taken { by: UserId::from_text(user) }, self.now);
        }
        told
    }
}

/// A story as it is told.
struct Told {
    inquiry: Inquiry,
    calls: Vec<Call>,
    drafts: Vec<(Timestamp, Vec<Draft>)>,
    plans: Vec<Plan>,
    documents: Vec<Document>,
    receipts: BTreeMap<EffectId, Receipt>,
}

impl Told {
    fn new(inquiry: Inquiry, calls: Vec<Call>) -> Self {
        Self { inquiry, calls, drafts: Vec::new(), plans: Vec::new(), documents: Vec::new(), receipts: BTreeMap::new() }
    }

    fn step(&mut self, house: &House, event: &Event, at: Timestamp) {
        let Step { inquiry, drafts, plan, .. } = step(self.inquiry.clone(), event, &house.facts(), at);
        self.inquiry = inquiry;
        self.drafts.push((at, drafts));
        self.plans.extend(plan);
    }

    fn effect(&self, id: &EffectId) -> Option<Effect> {
        self.plans.iter().flat_map(|p| &p.effects).find(|e| e.id == *id).cloned()
    }

    fn speak(&mut self, house: &House, text: &str) {
        let document = house.salt.document(Retention::Speech, "transcript", text);
        let call = self.calls.last_mut().unwrap();
        let transcript =
            Transcript { document: document.id.clone(), version: 1, signal: SignalId::from_text("sig_sample") };
        call.transcripts.push(transcript.clone());
        let call = call.clone();
        self.documents.push(document);
        let place = house.roster.location(call.location.as_ref().unwrap()).unwrap();
        let zone = place.calendar.tz().unwrap();
        let caller = call.caller.e164().map(str::to_owned);
        let context = ReadContext {
            anchor: call.started_at,
            zone: &zone,
            region: &place.region,
            caller_digits: caller.as_deref(),
        };
        let reading = read(text, &context);
        let chars: Vec<char> = text.chars().collect();
        let quote = |c: &ringback_core::claim::Claim| {
            chars[c.quote.start as usize..c.quote.end as usize].iter().collect::<String>()
        };
        let quotes = reading.claims.iter().map(quote).collect();
        let at = call.settled_at.unwrap();
        self.step(house, &Event::Call { call: InquiryCall::of(&call, None) }, at);
        let summary = summary(text, &reading);
        self.step(house, &Event::Read { call: call.id.clone(), transcript, reading, summary, quotes }, at);
    }

    fn find(&mut self, house: &House, story: &Story) {
        let Some(find) = self.inquiry.effects.get("find").map(|e| e.id.clone()) else { return };
        let read_at = self.calls.last().unwrap().settled_at.unwrap() + SignedDuration::from_secs(2);
        let number = self.inquiry.e164.clone().unwrap_or_default();
        let mut records: Vec<Record> = story
            .records
            .iter()
            .enumerate()
            .map(|(n, (first, last, stage))| Record {
                id: format!("{}", 10_051 + n),
                properties: [
                    ("firstname", *first),
                    ("lastname", *last),
                    ("lifecyclestage", *stage),
                    ("phone", number.as_str()),
                ]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
                ..Record::default()
            })
            .collect();
        if let Some(first) = records.first_mut() {
            let more = story.holds.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            first.properties.extend(more);
        }
        records.extend(story.deal.map(|name| {
            Record {
                id: "4411".into(),
                properties: [("dealname", name), ("dealstage", "presentationscheduled")]
                    .map(|(k, v)| (k.to_owned(), v.to_owned()))
                    .into(),
                also_known_as: vec![DEAL_MARK.into()],
                ..Record::default()
            }
        }));
        self.step(house, &Event::Found { effect: find, read_at, records, memory: Vec::new() }, read_at);
    }

    fn approve(&mut self, house: &House, by: &str) {
        let at = self.calls.last().unwrap().settled_at.unwrap() + SignedDuration::from_secs(3);
        let asked: Vec<ReviewId> =
            self.inquiry.reviews.iter().filter(|r| r.kind == ReviewKind::Field).map(|r| r.id.clone()).collect();
        for review in asked {
            let event = Event::Decided { review, choice: Choice::Approve, by: UserId::from_text(by) };
            self.step(house, &event, at);
        }
    }

    fn done(&mut self, house: &House) {
        for _ in 0..6 {
            let open: Vec<(String, EffectId)> = self
                .inquiry
                .effects
                .iter()
                .filter(|(_, e)| e.progress == Progress::Planned)
                .map(|(t, e)| (t.clone(), e.id.clone()))
                .collect();
            for (target, id) in open {
                let Some(effect) = self.effect(&id) else { continue };
                let at = self.calls.last().unwrap().settled_at.unwrap() + SignedDuration::from_secs(5);
                let (object, record) = match &effect.desired {
                    Desired::NewContact { .. } => (ringback_core::crm::Object::Contact, "10099".to_owned()),
                    Desired::ContactFields { record, .. } => (ringback_core::crm::Object::Contact, record.clone()),
                    Desired::Activity { object, .. } | Desired::ActivityIfMade { object, .. } => {
                        (*object, "70001".to_owned())
                    }
                    _ => continue,
                };
                let receipt = Receipt {
                    object: Some(object),
                    record,
                    read_at: Some(at),
                    properties: effect.desired.properties().cloned().unwrap_or_default(),
                    ..Receipt::default()
                };
                self.receipts.insert(id.clone(), receipt.clone());
                self.step(house, &Event::Settled { effect: id, target, receipt }, at);
            }
        }
    }

    fn die(&mut self, house: &House, why: &str) {
        let Some(contact) = self.inquiry.effects.get("contact").map(|e| e.id.clone()) else { return };
        let event = Event::Dead { effect: contact, target: "contact".into(), why: why.into() };
        self.step(house, &event, self.calls.last().unwrap().settled_at.unwrap() + SignedDuration::from_secs(9));
    }

    async fn store(self, house: &House, store: &Store) {
        let account = house.account.to_string();
        let mut entries = Vec::new();
        let mut documents = self.documents;
        for (at, drafts) in self.drafts {
            let last: Option<(i64, String)> = entries.last().map(|e: &store::EntryRow| (e.seq, e.hash.clone()));
            let (sealed, more) = seal(drafts, last.as_ref().map(|(s, h)| (*s, h.as_str())), at, &house.salt);
            documents.extend(more);
            entries.extend(sealed.into_iter().map(|e| store::EntryRow {
                account: account.clone(),
                inquiry: self.inquiry.id.to_string(),
                seq: e.seq,
                at: e.at.as_microsecond(),
                kind: e.kind,
                body: e.body,
                prev_hash: e.prev_hash,
                hash: e.hash,
                schema: 1,
                code_version: "0.1.0".into(),
            }));
        }
        let opened = self.inquiry.opened_at.as_microsecond();
        let effects: Vec<store::EffectRow> = self
            .plans
            .iter()
            .flat_map(|p| &p.effects)
            .map(|e| {
                let now = self.inquiry.effects.values().find(|r| r.id == e.id);
                let state = match now.map(|r| r.progress) {
                    Some(Progress::Done) => "done",
                    Some(Progress::Dead) => "dead",
                    Some(Progress::Planned) => "due",
                    _ => "superseded",
                };
                store::EffectRow {
                    account: account.clone(),
                    id: e.id.to_string(),
                    inquiry: e.inquiry.to_string(),
                    plan: e.plan.to_string(),
                    lane: e.lane.to_string(),
                    kind: e.desired.word().into(),
                    target: e.target.clone(),
                    state: state.into(),
                    urgent: e.urgent,
                    rank: 0,
                    due_at: opened,
                    in_flight_until: None,
                    needs: serde_json::to_string(&e.needs).unwrap(),
                    body: serde_json::to_string(e).unwrap(),
                    history: "{\"schema\":1,\"history\":{\"exchanges\":[]}}".into(),
                    receipt: self.receipts.get(&e.id).map(|r| serde_json::to_string(r).unwrap()),
                    attempts: 3,
                    version: 0,
                    created_at: if state == "due" { house.now.as_microsecond() - 4_000_000 } else { opened },
                    settled_at: now.and_then(|r| r.settled_at).map(Timestamp::as_microsecond),
                    why: now.and_then(|r| r.why.clone()),
                }
            })
            .collect();
        let reviews: Vec<store::ReviewRow> = self
            .inquiry
            .reviews
            .iter()
            .map(|r| store::ReviewRow {
                account: account.clone(),
                id: r.id.to_string(),
                inquiry: self.inquiry.id.to_string(),
                kind: r.kind.word().into(),
                state: "open".into(),
                digest: r.digest.clone(),
                body: serde_json::to_string(r).unwrap(),
                opened_at: r.opened_at.as_microsecond(),
                decided_at: None,
                decided_by: None,
                decision: None,
            })
            .collect();
        let calls: Vec<store::CallRow> = self
            .calls
            .iter()
            .map(|c| store::CallRow {
                account: account.clone(),
                id: c.id.to_string(),
                snapshot: serde_json::to_string(c).unwrap(),
                version: 0,
                location: c.location.as_ref().map(ToString::to_string),
                person_key: self.inquiry.person.clone(),
                category: Some(c.category().into()),
                after_hours: c.after_hours.unwrap_or(false),
                started_at: c.started_at.as_microsecond(),
                inquiry: Some(self.inquiry.id.to_string()),
                created_at: opened,
                updated_at: opened,
            })
            .collect();
        let row = row(&account, &self.inquiry);
        store
            .write(Site::Other, move |tx| {
                Box::pin(async move {
                    for d in documents {
                        let new = store::DocumentNew {
                            id: d.id.to_string(),
                            class: d.class.word().into(),
                            kind: d.kind.into(),
                            body: d.body,
                            created_at: opened,
                            expires_at: None,
                        };
                        store::document_put_once(tx, &account, &new).await?;
                    }
                    for call in &calls {
                        store::call_insert(tx, call).await?;
                    }
                    assert!(store::inquiry_insert_once(tx, &row).await?);
                    store::entries_append(tx, &entries).await?;
                    store::effect_insert(tx, &effects).await?;
                    // A receipt is written onto an effect that is there, and names the record with it.
                    for effect in effects.iter().filter(|e| e.receipt.is_some()) {
                        assert!(store::effect_update_if(tx, effect).await?);
                    }
                    for review in &reviews {
                        store::review_insert_once(tx, review).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
    }
}

fn row(account: &str, inquiry: &Inquiry) -> store::InquiryRow {
    let open = inquiry.state == State::Open;
    store::InquiryRow {
        account: account.to_owned(),
        id: inquiry.id.to_string(),
        snapshot: serde_json::to_string(inquiry).unwrap(),
        version: 0,
        state: if open { "open" } else { "closed" }.into(),
        open_key: open.then(|| inquiry.id.to_string()),
        location: inquiry.location.as_ref().map(ToString::to_string),
        person_key: inquiry.person.clone(),
        urgency: Some(inquiry.urgency()),
        category: inquiry.last_call().map(|c| c.category.clone()),
        owner: inquiry.owner.as_ref().map(|o| o.staff.to_string()),
        tier: i64::from(inquiry.tier),
        due_at: inquiry.clock.as_ref().map(|c| c.due_at.as_microsecond()),
        queue: open.then(|| "call".into()),
        opened_at: inquiry.opened_at.as_microsecond(),
        closed_at: None,
        updated_at: inquiry.opened_at.as_microsecond(),
    }
}

/// The sample: a dozen callers at two places of one account, and two at another account of the same agency.
pub async fn sample(store: &Store, now: Timestamp) -> (House, House) {
    let mut west = House::new(
        "copper",
        now,
        vec![
            location("phoenix", "Phoenix", "America/Phoenix", "US", "en-US"),
            location("tucson", "Tucson", "America/Phoenix", "US", "en-US"),
        ],
    );
    west.settle(store, "Copper State Comfort").await;
    let mut north = House::new("nord", now, vec![location("hamburg", "Hamburg", "Europe/Berlin", "DE", "de-DE")]);
    north.settle(store, "Nordlicht Klima").await;
    west.user(store, "dana@example.com", "Dana Ortiz", "coordinator", &["phoenix"], "ring back").await;
    let sam = west.user(store, "sam@example.com", "Sam Okafor", "revops", &[], "ring back").await;
    west.user(store, "ada@example.com", "Ada Lindqvist", "auditor", &[], "ring back").await;
    west.user(store, "root@example.com", "Robin Reyes", "admin", &[], "ring back").await;
    north.user(store, "sam@example.com", "Sam Okafor", "revops", &[], "ring back").await;
    for story in stories(sam.as_str()) {
        west.tell(store, &story).await;
    }
    let words = "Guten Morgen, hier ist Anke Petersen. Please call me back, our heat pump shows error 42.";
    let german = Story { location: "hamburg", number: Some("040 5550142"), words: Some(words), ..Story::default() };
    north.tell(store, &german).await;
    let quiet = Story {
        location: "hamburg",
        number: Some("040 5550177"),
        ending: Ending::Abandoned,
        rang_minutes_ago: vec![95],
        ..Story::default()
    };
    north.tell(store, &quiet).await;
    quarantine(store, &west).await;
    (west, north)
}

async fn quarantine(store: &Store, house: &House) {
    let at = house.now.as_microsecond() - 40 * 60 * 1_000_000;
    let signal = store::SignalIn {
        account: house.account.to_string(),
        id: "sig_quarantined".into(),
        connection: format!("conn_{}_calls", house.account.stem()),
        event: "post-call".into(),
        received_at: at,
        state: "quarantined".into(),
        why: Some("the signature fits no key of this connection".into()),
        delivery_key: "sample".into(),
        document: store::DocumentNew {
            id: "doc_quarantined".into(),
            class: "raw".into(),
            kind: "request".into(),
            body: "{}".into(),
            created_at: at,
            expires_at: None,
        },
    };
    store.intake(signal).await.unwrap();
}

/// The morning at Copper State Comfort.
pub fn stories(sam: &str) -> Vec<Story> {
    let night = 9 * 60;
    let friday = 2 * 24 * 60 + 16 * 60 + 20;
    vec![
        Story {
            number: Some("(602) 555-0142"),
            rang_minutes_ago: vec![12],
            after_hours: true,
            source: Some("Google Ads"),
            words: Some(
                "Hi, this is Marisol Alvarez. We have no heat since last night and there is a newborn in the house, this is an emergency. \
                 Please call me back at 602 555 0142 as soon as you can.",
            ),
            records: vec![("Marisol", "Alvarez", "customer")],
            deal: Some("Furnace replacement"),
            ..Story::default()
        },
        Story {
            number: Some("(602) 555-0177"),
            rang_minutes_ago: vec![31, 18, 7],
            after_hours: true,
            ending: Ending::Abandoned,
            source: Some("Google Business"),
            ..Story::default()
        },
        Story {
            number: Some("(480) 555-0119"),
            rang_minutes_ago: vec![night],
            after_hours: true,
            source: Some("Website"),
            words: Some(
                "Hello, my name is Dale Whitaker. I would like an estimate for a new water heater, the budget is around 2,500 dollars. \
                 I am at 418 West Palm Lane in Phoenix. You can reach me at dale.whitaker@example.com or on this number. This week would be great. Thanks.",
            ),
            ..Story::default()
        },
        Story {
            number: Some("(602) 555-0163"),
            rang_minutes_ago: vec![friday],
            ending: Ending::RingNoAnswer,
            source: Some("Direct"),
            records: vec![("Tom", "Becker", "customer")],
            ..Story::default()
        },
        Story {
            number: None,
            rang_minutes_ago: vec![3 * 60],
            after_hours: true,
            words: Some("Yeah hi, the air conditioner guy was here on Friday and it is leaking again. Call me."),
            ..Story::default()
        },
        Story {
            number: Some("(602) 555-0100"),
            rang_minutes_ago: vec![26],
            after_hours: true,
            words: Some(
                "Hi, it is the front desk at Desert Dental, we need somebody for the rooftop unit today if possible. Thank you.",
            ),
            records: vec![("Grace", "Kim", "customer"), ("Omar", "Haddad", "lead")],
            ..Story::default()
        },
        Story {
            number: Some("(623) 555-0188"),
            directory: Some("Nina Castillo"),
            rang_minutes_ago: vec![3],
            ending: Ending::RingNoAnswer,
            source: Some("Google Ads"),
            settled: false,
            ..Story::default()
        },
        Story {
            location: "tucson",
            number: Some("(520) 555-0131"),
            rang_minutes_ago: vec![55],
            after_hours: true,
            words: Some(
                "This is Ruth Feldman. I am very unhappy, nobody showed up for my appointment on Saturday and I want to speak to a manager today.",
            ),
            records: vec![("Ruth", "Feldman", "customer")],
            ..Story::default()
        },
        Story {
            location: "tucson",
            number: Some("(520) 555-0154"),
            rang_minutes_ago: vec![14],
            after_hours: true,
            source: Some("Yelp"),
            words: Some(
                "Hi, this is Ben Ortega, I need a tune up for my AC before Thanksgiving, next Tuesday at 10 am would work. My number is 520 555 0154.",
            ),
            taken_by: Some(sam.to_owned()),
            ..Story::default()
        },
        Story {
            number: Some("(602) 555-0195"),
            rang_minutes_ago: vec![70],
            after_hours: true,
            words: Some(
                "Hello, it is Carla Jimenez, how much is a maintenance plan for two units? Email me at carla.j@example.com please.",
            ),
            dead: Some("refused (400): property rb_urgency does not exist"),
            ..Story::default()
        },
        Story {
            number: Some("(480) 555-0126"),
            rang_minutes_ago: vec![night + 40],
            after_hours: true,
            ending: Ending::Busy,
            records: vec![("Leo", "Marsh", "lead")],
            ..Story::default()
        },
        Story {
            location: "tucson",
            number: Some("(520) 555-0110"),
            rang_minutes_ago: vec![40, 35],
            after_hours: true,
            ending: Ending::Abandoned,
            ..Story::default()
        },
        Story {
            number: Some("(602) 555-0151"),
            rang_minutes_ago: vec![22],
            after_hours: true,
            words: Some(
                "This is Paula Green, we have no heat in the house. My e-mail is paula@example.com, please call me back.",
            ),
            records: vec![("Paula", "Green", "customer")],
            holds: vec![("email", "paula.old@example.com")],
            ..Story::default()
        },
        Story {
            number: Some("(602) 555-0199"),
            rang_minutes_ago: vec![80],
            after_hours: true,
            words: Some("Hi, this is Jane Miller. I need my furnace repaired, my budget is 6000 dollars at most."),
            records: vec![("Jane", "Miller", "customer")],
            holds: vec![("rb_budget", "4000")],
            ..Story::default()
        },
    ]
}

/// A reason code that the machine wrote to a contact, confirmed at that moment (microseconds).
pub(crate) fn reason_written(account: &str, inquiry: &str, seq: i64, at: i64) -> store::FieldWriteRow {
    store::FieldWriteRow {
        account: account.into(),
        inquiry: inquiry.into(),
        seq,
        property: "rb_reason_code".into(),
        at,
        object: "contact".into(),
        record: "10099".into(),
        field: "reason_code".into(),
        clause: "field.reason_code.winner".into(),
        contract: "missed-calls".into(),
        version: 1,
        source: String::new(),
        origin: String::new(),
        actor: "AI".into(),
        confidence: None,
        effect: "eff_written".into(),
        was_doc: None,
        is_doc: None,
    }
}

/// That somebody unknown put another value in place of it, seen at the same moment.
pub(crate) fn corrected(write: &store::FieldWriteRow) -> store::CorrectionRow {
    store::CorrectionRow {
        account: write.account.clone(),
        inquiry: write.inquiry.clone(),
        seq: write.seq,
        property: write.property.clone(),
        kind: "found".into(),
        value_doc: None,
        by_id: String::new(),
        seen_at: write.at,
    }
}

/// What a quarter of answers leaves behind: a field that has earned it, spot-checks answered and waiting, a correction, and a rollback that came to
/// its end.
pub async fn earned(store: &Store, house: &House) {
    use ringback_core::inquiry::{RejectCode, Review};
    let (account, at) = (house.account.to_string(), house.now.as_microsecond());
    let unit = store.write(Site::Setup, move |tx| {
        Box::pin(async move {
            // The contract climbs to a third tier, and a version is only made where somebody works there.
            let third = serde_json::json!({
                "id": "staff_third", "name": "Ines Okoye", "roles": [], "locations": [], "tier": 3, "crm_owner": null, "email": null,
                "shift": null, "away": false,
            });
            store::roster_put(tx, &account, "staff", "staff_third", &third.to_string(), at).await?;
            let open = store::reviews_open(tx, &account, Some("field"), None, 100, &store::After::start()).await?;
            let template = open.iter().find(|row| row.body.contains("\"field\":\"reason_code\"")).unwrap().clone();
            let review: Review = serde_json::from_str(&template.body).unwrap();
            let no = Choice::Reject { reason: String::new(), code: Some(RejectCode::Misheard) };
            let other = Choice::Edit { value: "complaint".into() };
            let mut rows: Vec<(Review, Option<Choice>)> = Vec::new();
            for n in 0..39 {
                let choice = match n {
                    0 => no.clone(),
                    1 | 2 => other.clone(),
                    _ => Choice::Approve,
                };
                rows.push((Review { because: "autonomy".into(), ..review.clone() }, Some(choice)));
            }
            for n in 0..7u8 {
                let checks = ringback_core::spot::Checked {
                    seq: i64::from(n),
                    property: "rb_reason_code".into(),
                    object: "contact".into(),
                    record: "10099".into(),
                };
                let kind = ReviewKind::SpotCheck;
                let because = kind.word().to_owned();
                let asked =
                    Review { kind, because, current: None, set_by: None, checks: Some(checks), ..review.clone() };
                let choice = match n {
                    0..3 => None,
                    3 => Some(other.clone()),
                    _ => Some(Choice::Approve),
                };
                rows.push((asked, choice));
            }
            for (n, (review, choice)) in rows.into_iter().enumerate() {
                let id = format!("rev_earned.{n}");
                let review = Review {
                    id: ReviewId::from_text(id.clone()),
                    opened_at: Timestamp::from_microsecond(at - 60_000_000).unwrap(),
                    ..review
                };
                let row = store::ReviewRow {
                    id: id.clone(),
                    kind: review.kind.word().into(),
                    body: serde_json::to_string(&review).unwrap(),
                    opened_at: at - 60_000_000,
                    ..template.clone()
                };
                assert!(store::review_insert_once(tx, &row).await?);
                let Some(choice) = choice else { continue };
                let decision = store::ReviewDecision {
                    state: "decided".into(),
                    at,
                    by: "user_copper_sam".into(),
                    decision: serde_json::to_string(&choice).unwrap(),
                };
                assert!(store::review_decide_if_open(tx, &account, &id, &row.digest, &decision).await?);
            }
            let document = |id: &str, body: &str| store::DocumentNew {
                id: id.into(),
                class: "value".into(),
                kind: "value".into(),
                body: body.into(),
                created_at: at,
                expires_at: None,
            };
            store::documents_put_once(
                tx,
                &account,
                &[document("doc_was", "support_issue"), document("doc_is", "complaint")],
            )
            .await?;
            let write = |seq: i64| store::FieldWriteRow {
                source: "the caller's words".into(),
                actor: "human-approved AI".into(),
                confidence: Some(930),
                is_doc: Some("doc_was".into()),
                ..reason_written(&account, &template.inquiry, 9_000 + seq, at)
            };
            let writes: Vec<store::FieldWriteRow> = (0..36).map(write).collect();
            store::field_writes_put_once(tx, &writes).await?;
            let noted = store::CorrectionRow {
                kind: "spot_check".into(),
                value_doc: Some("doc_is".into()),
                by_id: "user_copper_sam".into(),
                ..corrected(&write(0))
            };
            store::corrections_put_once(tx, &[noted]).await?;
            let row = store::RollbackRow {
                account: account.clone(),
                id: "rb_earned".into(),
                scope: "{\"field\":\"intent\"}".into(),
                state: "running".into(),
                reason: "to see that it works".into(),
                by_id: "user_copper_sam".into(),
                preview_digest: String::new(),
                preview: "{\"restored\":1,\"spared\":0,\"records\":1,\"tells\":[],\"holds\":[],\"consequences\":[]}"
                    .into(),
                started_at: at - 3_600_000_000,
                due_at: at,
                done_at: None,
            };
            let item = store::RollbackItemRow {
                account: account.clone(),
                rollback: "rb_earned".into(),
                n: 1,
                inquiry: template.inquiry.clone(),
                lane: "conn_copper_hubspot".into(),
                object: "contact".into(),
                record: "10099".into(),
                fields: "[{\"property\":\"rb_intent\",\"field\":\"intent\"}]".into(),
                state: "done".into(),
                effect: None,
            };
            store::rollback_insert(tx, &row, &[item]).await?;
            assert!(store::rollback_finish_if(tx, &account, "rb_earned", at).await?);
            Ok(())
        })
    });
    unit.await.unwrap();
}
