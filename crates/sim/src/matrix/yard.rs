//! Where a cell plays: one account, one CRM's twin behind every address, virtual time, and the program.

use super::Cell;
use crate::dice::{Dice, SeededChance};
use crate::stage::VirtualClock;
use crate::world::{Size, World};
use anyhow::{Context as _, Result, anyhow, bail};
use futures_util::future::BoxFuture;
use ringback_connect::Secret;
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::id::{AccountId, ConnectionId};
use ringback_core::{contract, crm};
use ringback_engine::clock::Clock;
use ringback_engine::http::{Authorization, Fault, Outgoing, Transport};
use ringback_engine::keyring::Keyring;
use ringback_engine::mail::NoMailer;
use ringback_engine::{Engine, Parts, Settings};
use ringback_store::{self as store, CommitHook, ConnectionRow, Durability, EffectRow, Options, Site, Store};
use ringback_twins::books::{Books, Entry, Kind};
use ringback_twins::crms;
use ringback_twins::fault::{Faulty, What};
use ringback_twins::{Reply, Request, sign};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};

const SOURCE: &str = "conn_matrix_calls";
pub(crate) const CRM: &str = "conn_matrix_crm";
/// The phone system's own log: a witness, never asked for calls.
pub(crate) const LOG: &str = "conn_matrix_log";
const SIGNING: &str = "whsec_bWF0cml4LXNpZ25pbmcta2V5LW9mLXRoZS10ZXN0";
/// Before the story: what set-up has used of the vendor's budgets is over by then.
const SET_UP_BEFORE_MS: i64 = 2 * 86_400_000;

/// A CRM's twin that several look at.
pub(crate) type Twin = Arc<Mutex<Faulty<Box<dyn Books>>>>;

/// One account with its CRM and the program.
pub(crate) struct Yard {
    clock: Arc<VirtualClock>,
    twin: Twin,
    net: Arc<Net>,
    pub(crate) engine: Engine,
    pub(crate) account: AccountId,
    store: Store,
    pub(crate) line: String,
    requests_before: u64,
}

/// The program's network on virtual time: one twin behind every address.
pub(crate) struct Net {
    clock: Arc<VirtualClock>,
    twin: Twin,
    trace: bool,
    /// Addresses that must never be asked.
    astray: Mutex<Vec<String>>,
}

impl Net {
    /// `trace` tells every request on standard error.
    pub(crate) fn new(clock: Arc<VirtualClock>, twin: Twin, trace: bool) -> Self {
        Self { clock, twin, trace, astray: Mutex::default() }
    }
}

impl Transport for Net {
    fn send<'a>(&'a self, call: Outgoing<'a>) -> BoxFuture<'a, Result<HttpReply, Fault>> {
        Box::pin(async move {
            let base = call.base_url.split_once("://").map_or("", |(_, rest)| rest);
            let (host, base_path) = base.split_once('/').map_or((base, String::new()), |(h, p)| (h, format!("/{p}")));
            if host.starts_with("169.254.") {
                self.astray.lock().unwrap_or_else(PoisonError::into_inner).push(call.base_url.to_owned());
                return Err(Fault::Forbidden(host.to_owned()));
            }
            let mut headers = call.request.headers.clone();
            match &call.auth {
                Some(Authorization::Bearer(s)) => {
                    headers.push(("authorization".into(), format!("Bearer {}", s.reveal())));
                }
                Some(Authorization::Scheme(w, s)) => {
                    headers.push(("authorization".into(), format!("{w} {}", s.reveal())));
                }
                Some(Authorization::Header(name, s)) => headers.push(((*name).to_owned(), s.reveal().to_owned())),
                Some(Authorization::Token(s)) => {
                    headers.push(("authorization".into(), format!("Token token=\"{}\"", s.reveal())));
                }
                Some(Authorization::Basic { user, password }) => {
                    let text = ringback_twins::sign::basic(user, password.reveal());
                    headers.push(("authorization".into(), text));
                }
                None => {}
            }
            headers.push(("host".into(), host.to_owned()));
            let path = format!("{}{}", base_path.trim_end_matches('/'), call.request.path);
            let request = Request {
                method: call.request.method.as_str().to_owned(),
                path: if path.is_empty() { "/".to_owned() } else { path },
                headers,
                body: call.request.body.clone(),
            };
            let now_ms = self.clock.ms();
            let timeout_ms = i64::try_from(call.timeout.as_millis()).unwrap_or(i64::MAX);
            let delivery = {
                let mut twin = self.twin.lock().unwrap_or_else(PoisonError::into_inner);
                twin.exchange(&request, now_ms)
            };
            if self.trace {
                let cut = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(700).collect::<String>();
                let seen = match &delivery.what {
                    What::Answer(reply) => format!("{} {}", reply.status, cut(&reply.body)),
                    other => format!("{other:?}"),
                };
                crate::out::say(&format!(
                    "{} {} {} {}\n   → {seen}",
                    self.clock.now(),
                    request.method,
                    request.path,
                    cut(&request.body)
                ));
            }
            let answer = match delivery.what {
                What::Answer(_) if delivery.took_ms > timeout_ms => Err(Fault::TimedOut),
                What::Answer(Reply { status, headers, body }) => Ok(HttpReply { status, headers, body }),
                What::TimedOut => Err(Fault::TimedOut),
                What::Refused => Err(Fault::Refused("connection refused".into())),
                What::Reset => Err(Fault::Reset("connection reset by peer".into())),
            };
            self.clock.reach(now_ms + delivery.took_ms.min(timeout_ms));
            answer
        })
    }
}

impl Yard {
    /// The account, set up as a person would: the CRM connected by the program itself.
    pub(crate) async fn new(vendor: &'static str, seed: u64, trace: bool) -> Result<Self> {
        Self::with_hook(vendor, seed, trace, None).await
    }

    /// The same, with somebody who is asked around every commit.
    #[expect(clippy::too_many_lines, reason = "set up in the order in which a person does it")]
    pub(crate) async fn with_hook(
        vendor: &'static str,
        seed: u64,
        trace: bool,
        hook: Option<Arc<dyn CommitHook>>,
    ) -> Result<Self> {
        let mut world = World::new(seed, Size { calls: 0, faults: false, crashes: false });
        world.accounts.truncate(1);
        let mut account = world.accounts.pop().context("a world without an account")?;
        let translator = ringback_connect::crm(vendor).ok_or_else(|| anyhow!("no CRM {vendor}"))?;
        let by_hand = made_by_hand(translator);
        account.contract = contract::default_for("crm-main", translator.words());
        if by_hand {
            // Whoever makes the fields by hand makes them as text.
            for field in ["budget", "callback_due"] {
                account.contract = without_field(&account.contract, field);
            }
        }
        account.known.clear();
        // Behind every address stands the CRM: there is nobody here to be told of events.
        account.desk_secret = None;
        // Owners are the CRM's own people, whom this world's staff are not.
        for person in &mut account.staff {
            person.crm_owner = None;
        }
        let mut held = crms::fresh(vendor).ok_or_else(|| anyhow!("no twin of {vendor}"))?;
        if by_hand {
            prepare(held.as_mut(), translator, &account.contract)?;
        }
        let (secret, settings, path) = (held.secret(), held.settings(), held.path());
        let twin: Twin = Arc::new(Mutex::new(Faulty::new(held, crate::world::quiet())));
        // A Tuesday at nine in Phoenix or wherever the world's first site is: the middle of a day at work.
        let clock = Arc::new(VirtualClock::at(world.start_ms - SET_UP_BEFORE_MS));
        let net = Arc::new(Net::new(clock.clone(), twin.clone(), trace));
        let options = Options {
            durability: Durability::NoSync,
            readers_max: 2,
            hook,
            ..Options::new("sqlite://:memory:".to_owned())
        };
        let store = Store::open(options).await.context("the store does not open")?;
        let engine = Engine::new(Parts {
            store: store.clone(),
            clock: clock.clone(),
            chance: Arc::new(SeededChance::new(Dice::new(seed))),
            transport: net.clone(),
            mailer: Arc::new(NoMailer),
            keyring: Keyring::generate([7; 32]),
            settings: Settings { public_url: crate::world::PUBLIC_URL.into(), ..Settings::default() },
        });
        let id = AccountId::from_text(account.id.clone());
        let line = account.sites.first().map(|s| s.tracking.clone()).context("no site")?;
        crate::run::apply_account(&engine, &account).await?;
        let row = |cid: &str,
                   name: &str,
                   vendor: &str,
                   kind: &str,
                   secret: &str,
                   settings: serde_json::Value,
                   base_url: Option<String>| {
            let (sealed_secrets, key_id) = engine.seal_secrets(&account.id, cid, &[Secret::new(secret)]);
            let at = engine.now().as_microsecond();
            ConnectionRow {
                account: account.id.clone(),
                id: cid.to_owned(),
                name: name.to_owned(),
                vendor: vendor.to_owned(),
                kind: kind.to_owned(),
                settings: settings.to_string(),
                sealed_secrets,
                key_id,
                base_url,
                zone: Some("America/Phoenix".into()),
                region: Some("US".into()),
                state: "active".into(),
                created_at: at,
                updated_at: at,
            }
        };
        let settings: serde_json::Map<String, serde_json::Value> =
            settings.into_iter().map(|(n, v)| (n, json!(v))).collect();
        let base_url = path.map(|p| format!("https://crm.sim.test{p}")).or_else(|| {
            // Where the vendor itself says by OAuth, or publishes one for everybody, nothing is set.
            (!translator.about().base_url.starts_with("https://")
                || translator.about().base_url.contains('{')
                || matches!(vendor, "salesforce" | "dynamics"))
            .then(|| "https://crm.sim.test".to_owned())
        });
        let rows = [
            row(SOURCE, "calls", "generic", "source", SIGNING, json!({}), None),
            row(LOG, "phone-log", "phone-log", "source", "", json!({}), None),
            row(CRM, "crm-main", vendor, "crm", &secret, serde_json::Value::Object(settings), base_url),
        ];
        engine
            .store()
            .write(Site::Setup, move |tx| {
                Box::pin(async move {
                    for row in &rows {
                        store::connection_upsert(tx, row).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        engine.facts_changed(&id);
        let connected = ringback_engine::setup::connect(&engine, &id, &ConnectionId::from_text(CRM)).await?;
        if !connected.problems.is_empty() {
            bail!("{vendor} could not be set up: {:?}", connected.problems);
        }
        clock.reach(world.start_ms);
        let mut yard = Self { clock, twin, net, engine, account: id, store, line, requests_before: 0 };
        yard.requests_before = yard.seen();
        Ok(yard)
    }

    /// The CRM's connection and whose it is.
    #[cfg(test)]
    pub(super) fn connection(&self) -> (AccountId, ConnectionId) {
        (self.account.clone(), ConnectionId::from_text(CRM))
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.ms()
    }

    pub(crate) fn reach(&self, ms: i64) {
        self.clock.reach(ms);
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Faulty<Box<dyn Books>>) -> T) -> T {
        act(&mut self.twin.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.with(|t| t.vendor().entries())
    }

    fn seen(&self) -> u64 {
        self.with(|t| t.vendor_mut().log_mut().total())
    }

    pub(crate) fn requests(&self) -> u64 {
        self.seen() - self.requests_before
    }

    pub(crate) fn struck(&self) -> u64 {
        self.with(|t| t.hits().values().sum())
    }

    /// A missed call reaches the program, its webhook twice.
    pub(crate) async fn ring(&self, n: usize, caller: &str, at_ms: i64, dice: &mut Dice) -> Result<()> {
        let words =
            dice.percent(50).then_some("Hi, the heat is out since last night, please call me back as soon as you can.");
        self.report(&format!("call-{n:04}"), caller, at_ms, words, ("website", None)).await
    }

    /// A missed call with these words, source and campaign reaches the program, its webhook twice.
    pub(crate) async fn report(
        &self,
        call_id: &str,
        caller: &str,
        at_ms: i64,
        words: Option<&str>,
        (source, campaign): (&str, Option<&str>),
    ) -> Result<()> {
        let at = jiff::Timestamp::from_millisecond(at_ms)?;
        let body = json!({
            "call_id": call_id, "direction": "inbound", "ending": if words.is_some() { "voicemail" } else { "ring_no_answer" },
            "caller": caller, "dialled": self.line, "started_at": at.to_string(), "duration_seconds": 25, "transcript": words,
            "source": source, "campaign": campaign,
        })
        .to_string()
        .into_bytes();
        for _ in 0..2 {
            let raw = webhook(SOURCE, SIGNING, call_id, self.now_ms(), body.clone())?;
            let reply = self.engine.receive(SOURCE, raw).await;
            if !(200..300).contains(&reply.status) {
                bail!("the call was not taken: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
            }
        }
        Ok(())
    }

    /// Whatever can be done now is done, one thing at a time or as a running program does it.
    pub(crate) async fn step(&self, together: bool) -> Result<usize> {
        let mut done = self.engine.step_signals(true).await?.done;
        done += self.engine.step_timers().await?.done;
        done += self.engine.step_rollbacks().await?.done;
        for (account, lane) in self.engine.lanes_due().await? {
            if lane == CRM || !together {
                done += self.engine.step_lane(&account, &lane, !together).await?.done;
            }
        }
        done += self.confirm().await?;
        Ok(done)
    }

    /// Delivers what the vendor sends by itself.
    async fn confirm(&self) -> Result<usize> {
        let now = self.now_ms();
        let outgoing = self.with(|t| t.vendor_mut().outgoing(now));
        let count = outgoing.len();
        for request in outgoing {
            let path = request
                .path
                .split_once("://")
                .map_or(request.path.as_str(), |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
            let parts: Vec<String> = path.trim_start_matches('/').split('/').map(str::to_owned).collect();
            let [_, connection, event, token] = parts.as_slice() else { bail!("no address of ours: {}", request.path) };
            let raw = RawRequest {
                method: "POST".into(),
                url: request.path.clone(),
                event: String::new(),
                headers: request.headers.clone(),
                body: request.body.clone(),
            };
            let reply = self.engine.take_acknowledgement(connection, event, token, raw).await;
            if reply.status != 200 {
                bail!("an acknowledgement was refused: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
            }
        }
        Ok(count)
    }

    /// What is due and does not go on, for whoever looks why.
    pub(crate) async fn waits(&self) -> Result<String> {
        let lanes = self.engine.lanes_due().await?;
        let (account, now) = (self.account.as_str().to_owned(), self.engine.now().as_microsecond());
        let due = self
            .store
            .read(move |tx| Box::pin(async move { store::effects_due(tx, &account, CRM, now, 3).await }))
            .await?;
        let told: Vec<String> = due
            .iter()
            .map(|e| {
                format!(
                    "{} {} {} {:?} {}",
                    e.kind,
                    e.target,
                    e.state,
                    e.why,
                    e.history.chars().rev().take(600).collect::<String>().chars().rev().collect::<String>()
                )
            })
            .collect();
        let account = self.account.as_str().to_owned();
        let open = self
            .store
            .read(move |tx| {
                Box::pin(async move {
                    let mut open = Vec::new();
                    for inquiry in store::inquiries_list(tx, &account, None, 1_000, &store::Before::end()).await? {
                        let effects = store::effects_of_inquiry(tx, &account, &inquiry.id).await?;
                        let unsettled = effects.into_iter().filter(|e| {
                            matches!(e.state.as_str(), "waiting" | "due" | "in_flight") && e.lane != store::TIMER_LANE
                        });
                        open.extend(unsettled.map(|e| {
                            format!(
                                "{} {} {} {} due {} needs {} why {:?} history {}",
                                e.id,
                                e.kind,
                                e.target,
                                e.state,
                                e.due_at,
                                e.needs,
                                e.why,
                                e.history.chars().take(900).collect::<String>()
                            )
                        }));
                    }
                    Ok(open)
                })
            })
            .await?;
        let told: Vec<String> = told.into_iter().chain(open).collect();
        let next = self.engine.next_due().await?;
        Ok(format!("now {} next {next:?} lanes {lanes:?} {told:?}", self.engine.now()))
    }

    pub(crate) async fn dead(&self) -> Result<Vec<EffectRow>> {
        let account = self.account.as_str().to_owned();
        let rows =
            self.store.read(move |tx| Box::pin(async move { store::effects_dead(tx, &account, 500).await })).await?;
        Ok(rows.into_iter().filter(|r| r.lane == CRM).collect())
    }

    /// What the program itself says of the end: effects that have not come to rest, dead letters without a cause, its ledger.
    pub(crate) async fn outcome(&self, cell: &mut Cell) -> Result<()> {
        let account = self.account.as_str().to_owned();
        let open = self
            .store
            .read(move |tx| Box::pin(async move { store::effects_unsettled_count(tx, &account, CRM).await }))
            .await?;
        cell.unexplained += usize::try_from(open).unwrap_or(0);
        for row in self.dead().await? {
            match row.why.as_deref().filter(|w| !w.is_empty()) {
                Some(why) => cell.explained.push(format!("dead letter {} {}: {why}", row.kind, row.target)),
                None => cell.unexplained += 1,
            }
        }
        let report = self.engine.verify(&self.account).await?;
        if !report.ok {
            cell.complaints.push(format!("the ledger is broken: {:?}", report.broken));
        }
        for url in self.net.astray.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            cell.complaints.push(format!("{url} was asked"));
        }
        Ok(())
    }

    pub(crate) async fn close(self) {
        self.store.close().await;
    }
}

/// A call's report to a connection of vendor `generic`, signed as its sender signs it at that moment.
pub(crate) fn webhook(
    connection: &str,
    signing: &str,
    call_id: &str,
    now_ms: i64,
    body: Vec<u8>,
) -> Result<RawRequest> {
    let seconds = now_ms.div_euclid(1_000);
    let id = format!("msg_{call_id}");
    let signature = sign::standard_webhooks(signing, &id, seconds, &body).context("the key is no base64")?;
    Ok(RawRequest {
        method: "POST".into(),
        url: format!("{}/hooks/{connection}/call", crate::world::PUBLIC_URL),
        event: "call".into(),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("webhook-id".into(), id),
            ("webhook-timestamp".into(), seconds.to_string()),
            ("webhook-signature".into(), signature),
        ],
        body,
    })
}

/// The `[[account.connection]]` of a settings file that leads to that twin at that address.
pub fn settings_lines(held: &dyn Books, token: &str, address: std::net::SocketAddr) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let vendor = held.vendor();
    let base_url = format!("http://{address}{}", held.path().unwrap_or_default());
    let mut text = format!(
        "[[account.connection]]\nname     = \"{vendor}-main\"\nvendor   = \"{vendor}\"\nbase_url = {}\nsecret   = {{ text = {} }}\n",
        quoted(&base_url),
        quoted(token)
    );
    let settings: Vec<String> =
        held.settings().iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value))).collect();
    if !settings.is_empty() {
        text.push_str(&format!("settings = {{ {} }}\n", settings.join(", ")));
    }
    text
}

/// Makes the fields that somebody makes by hand where set-up cannot, for the contract a new account starts with.
pub fn prepare_by_hand(twin: &mut dyn Books, vendor: &str) -> Result<()> {
    let translator = ringback_connect::crm(vendor).ok_or_else(|| anyhow!("no CRM {vendor}"))?;
    if made_by_hand(translator) {
        prepare(twin, translator, &contract::default_for("crm-main", translator.words()))?;
    }
    Ok(())
}

/// Can set-up make fields there?
pub fn made_by_hand(translator: &dyn ringback_connect::Crm) -> bool {
    let property = crm::PropertySpec {
        name: "rb_budget".into(),
        label: "Ringback budget".into(),
        kind: crm::PropertyType::Number,
        unique: false,
        read_only: false,
        stored_as: None,
    };
    let operation = crm::CrmOp::CreateProperty { object: crm::Object::Contact, property };
    let connection = ringback_connect::Connection {
        id: ConnectionId::from_text(CRM),
        account: AccountId::from_text("acct_matrix"),
        name: "crm-main".into(),
        vendor: translator.about().name.into(),
        base_url: Some("https://crm.sim.test".into()),
        zone: "UTC".into(),
        region: "US".into(),
        settings: std::collections::BTreeMap::from([("location_id".to_owned(), "x".to_owned())]),
    };
    translator.request(&[operation], &connection).is_err()
}

/// The contract without a clause, and without the tests beside it that speak of that clause.
pub fn without_field(text: &str, field: &str) -> String {
    let (head, spoken) = (format!("[field.{field}]"), format!(" {field} = "));
    let mut parts: Vec<String> = Vec::new();
    for line in text.lines() {
        if parts.is_empty() || line.starts_with('[') || line.starts_with("# ") {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    let speaks = |part: &String| part.starts_with("[[test]]") && part.contains(&spoken);
    parts.retain(|part| !part.starts_with(&head) && !speaks(part));
    parts.concat()
}

/// Fields that somebody makes by hand where set-up cannot.
pub fn prepare(twin: &mut dyn Books, translator: &dyn ringback_connect::Crm, text: &str) -> Result<()> {
    let (parsed, problems) = contract::parse(text);
    let Some(parsed) = parsed else { bail!("the contract does not parse: {problems:?}") };
    let kind = |object: crm::Object| match object {
        crm::Object::Contact => Kind::Person,
        crm::Object::Call => Kind::Call,
        crm::Object::Task => Kind::Task,
        crm::Object::Deal => Kind::Deal,
        crm::Object::Note | crm::Object::Company => Kind::Other,
    };
    let own = parsed.own_properties();
    let mut names: Vec<(Kind, &str)> =
        translator.own_properties().into_iter().map(|(object, name, ..)| (kind(object), name)).collect();
    names.extend(own.iter().map(|(object, spec)| (kind(*object), spec.name.as_str())));
    names.sort();
    names.dedup();
    twin.prepare_fields(&names);
    Ok(())
}
