//! Before a world plays: accounts, rosters, contracts and connections in the store, and people in the CRM.

use crate::stage::{Vendors, crm_url, desk_url, pager_url};
use crate::world::{Account, Provider, World};
use anyhow::{Context as _, Result, anyhow, bail};
use ringback_connect::Secret;
use ringback_core::contract;
use ringback_core::id::{AccountId, ConnectionId};
use ringback_core::inquiry::Inquiry;
use ringback_engine::Engine;
use ringback_store::{self as store, AccountRow, ConnectionRow, ContractNew, Site, Store};
use ringback_twins::fault::Faulty;
use ringback_twins::hubspot::{HubSpot, ObjectType, Options, Token};
use ringback_twins::log::Log;
use ringback_twins::sink::WebhookSink;
use std::collections::BTreeSet;

/// A CRM portal after the program's own set-up: every world starts from a copy.
#[derive(Debug, Clone)]
pub struct Portal(pub HubSpot);

/// 2020-01-01.
const SET_UP_AT_MS: i64 = 1_577_836_800_000;
/// Seeded before anything happens, so that every search shows it.
const SEEDED_BEFORE_MS: i64 = 3_600_000;

impl Portal {
    /// A fresh portal without our properties; [`Portal::prepared`] is what worlds want.
    pub fn fresh(token: &str) -> Self {
        Self(HubSpot::new(Options { tokens: vec![Token::new(token, "7001")], ..Options::default() }))
    }
}

/// The twins of every account, people and deals seeded: contacts and deals by account.
pub(super) type Seeded = (Vec<Vendors>, Vec<Vec<String>>, Vec<Vec<String>>);

pub(super) fn vendors(world: &World, portal: &Portal) -> Result<Seeded> {
    let (mut all, mut seeds, mut deals) = (Vec::new(), Vec::new(), Vec::new());
    for account in &world.accounts {
        let mut twin = portal.0.clone();
        *twin.log_mut() = Log::default();
        twin.options_mut().tokens = vec![Token::new(&account.token, "7001")];
        let at_ms = world.start_ms - SEEDED_BEFORE_MS;
        let (contacts, made) = people(&mut twin, account, at_ms)?;
        seeds.push(contacts);
        deals.push(made);
        let pager = WebhookSink::new(account.pager_secret.as_deref().unwrap_or("whsec_bm9uZQ=="));
        let desk = WebhookSink::new(account.desk_secret.as_deref().unwrap_or("whsec_bm9uZQ=="));
        all.push(Vendors {
            crm: Faulty::new(twin, account.crm_faults.clone()),
            pager: Faulty::new(pager, account.pager_faults.clone()),
            desk: Faulty::new(desk, account.desk_faults.clone()),
        });
    }
    Ok((all, seeds, deals))
}

fn people(twin: &mut HubSpot, account: &Account, at_ms: i64) -> Result<(Vec<String>, Vec<String>)> {
    let (mut contacts, mut deals) = (Vec::new(), Vec::new());
    for person in &account.people {
        let phone = if person.mobile { "mobilephone" } else { "phone" };
        let stage = if person.customer { "customer" } else { "lead" };
        let mut properties = vec![
            ("firstname", person.first.as_str()),
            ("lastname", person.last.as_str()),
            (phone, person.phone.as_str()),
            ("lifecyclestage", stage),
        ];
        properties.extend(person.owner.as_deref().map(|o| ("hubspot_owner_id", o)));
        properties.extend(person.typed.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let id =
            twin.seed(ObjectType::Contacts, &properties, at_ms).map_err(|why| anyhow!("seeding a contact: {why}"))?;
        if let Some(name) = &person.deal {
            let deal = [("dealname", name.as_str()), ("dealstage", "contractsent"), ("amount", "8200")];
            let deal = twin.seed(ObjectType::Deals, &deal, at_ms).map_err(|why| anyhow!("seeding a deal: {why}"))?;
            twin.human_link((ObjectType::Deals, &deal), (ObjectType::Contacts, &id), at_ms)
                .map_err(|why| anyhow!(why))?;
            deals.push(deal);
        }
        contacts.push(id);
    }
    Ok((contacts, deals))
}

/// Puts the world's accounts into the store.
pub async fn apply_accounts(engine: &Engine, world: &World) -> Result<()> {
    for account in &world.accounts {
        apply_account(engine, account).await?;
        engine.facts_changed(&AccountId::from_text(account.id.clone()));
    }
    Ok(())
}

struct Rows {
    account: AccountRow,
    roster: Vec<(&'static str, String, String)>,
    contract: ContractNew,
    connections: Vec<ConnectionRow>,
}

/// Puts one account into the store.
pub(crate) async fn apply_account(engine: &Engine, account: &Account) -> Result<()> {
    let at = engine.now().as_microsecond();
    let rows = rows(engine, account, at)?;
    engine
        .store()
        .write(Site::Setup, move |tx| {
            Box::pin(async move {
                let id = rows.account.id.clone();
                store::account_insert_once(tx, &rows.account).await?;
                for (kind, of, body) in &rows.roster {
                    store::roster_put(tx, &id, kind, of, body, at).await?;
                }
                store::contract_insert_next(tx, &rows.contract).await?;
                for connection in &rows.connections {
                    store::connection_upsert(tx, connection).await?;
                }
                Ok(())
            })
        })
        .await
        .context("setting an account up")
}

fn rows(engine: &Engine, account: &Account, at: i64) -> Result<Rows> {
    let (parsed, problems) = contract::parse(&account.contract);
    let Some(parsed) = parsed else { bail!("the world's contract does not parse: {problems:?}") };
    let mut roster = Vec::new();
    for place in &account.sites {
        let location = &place.location;
        roster.push(("location", location.id.as_str().to_owned(), serde_json::to_string(location)?));
        for (number, kind) in [(&place.tracking, "service"), (&place.direct, "office")] {
            let line = ringback_core::roster::Line {
                number: number.clone(),
                location: location.id.clone(),
                kind: Some(kind.into()),
                source: None,
                campaign: None,
                landing_page: None,
            };
            roster.push(("line", number.clone(), serde_json::to_string(&line)?));
        }
    }
    for person in &account.staff {
        roster.push(("staff", person.id.as_str().to_owned(), serde_json::to_string(person)?));
    }
    for known in &account.known {
        roster.push(("known_number", known.0.clone(), serde_json::to_string(known)?));
    }
    Ok(Rows {
        account: AccountRow {
            id: account.id.clone(),
            name: account.company.name.clone(),
            salt: format!("salt of account {}", account.letter),
            created_at: at,
        },
        roster,
        contract: ContractNew {
            account: account.id.clone(),
            id: format!("ctr_{}", account.letter),
            name: parsed.name.clone(),
            digest: parsed.digest(),
            source: account.contract.clone(),
            compiled: parsed.stored(),
            applied_at: at,
            applied_by: "sim".into(),
        },
        connections: connections(engine, account, at),
    })
}

fn connections(engine: &Engine, account: &Account, at: i64) -> Vec<ConnectionRow> {
    let row = |id: String, name: &str, vendor: &str, kind: &str, secret: &str, base_url: Option<String>| {
        let (sealed_secrets, key_id) = engine.seal_secrets(&account.id, &id, &[Secret::new(secret)]);
        ConnectionRow {
            account: account.id.clone(),
            id,
            name: name.to_owned(),
            vendor: vendor.to_owned(),
            kind: kind.to_owned(),
            settings: "{}".into(),
            sealed_secrets,
            key_id,
            base_url,
            zone: Some("UTC".into()),
            region: Some("US".into()),
            state: "active".into(),
            created_at: at,
            updated_at: at,
        }
    };
    let key = &account.company.signing_key;
    let crm = Some(crm_url(account.letter));
    let mut all = vec![
        row(account.connection(Provider::CallRail), "callrail-main", "callrail", "source", key, None),
        row(account.connection(Provider::Twilio), "twilio-main", "twilio", "source", &account.twilio_token, None),
        row(account.crm(), "hubspot-main", "hubspot", "crm", &account.token, crm),
    ];
    if let Some(secret) = &account.pager_secret {
        let url = Some(pager_url(account.letter));
        all.push(row(account.pager(), "pager", "webhook", "sink", secret, url));
    }
    if let Some(secret) = &account.desk_secret {
        let url = Some(desk_url(account.letter));
        let settings = r#"{"events":"all","personal":"caller.phone"}"#.to_owned();
        all.push(ConnectionRow { settings, ..row(account.desk(), "desk", "events", "sink", secret, url) });
    }
    all
}

/// Totals of one account.
pub(super) struct Counted {
    pub(super) dead: Vec<String>,
    pub(super) stuck: Vec<String>,
    pub(super) unsettled: i64,
    pub(super) inquiries: i64,
    pub(super) signals: i64,
    pub(super) calls: i64,
}

pub(super) async fn count(store: &Store, account: &Account) -> Result<Counted> {
    let (id, lanes) = (account.id.clone(), [account.crm(), account.pager(), account.desk()]);
    Ok(store
        .read(move |tx| {
            Box::pin(async move {
                let dead = store::effects_dead(tx, &id, 100).await?;
                let mut unsettled = 0;
                for lane in &lanes {
                    unsettled += store::effects_unsettled_count(tx, &id, lane).await?;
                }
                let inquiries = store::inquiries_count(tx, &id).await?.iter().map(|(_, n)| n).sum();
                let states = store::signals_count_by_state(tx, &id).await?;
                let signals = states.iter().map(|(_, n)| n).sum();
                let stuck = states
                    .into_iter()
                    .filter(|(state, _)| matches!(state.as_str(), "stored" | "parked" | "unreadable"));
                let stuck = stuck.map(|(state, n)| format!("{n} signals are {state}")).collect();
                let calls = store::calls_list(tx, &id, 10_000, &store::Before::end()).await?.len();
                let calls = i64::try_from(calls).unwrap_or(i64::MAX);
                let dead = dead
                    .into_iter()
                    .map(|row| format!("{} {}: {}", row.kind, row.id, row.why.unwrap_or_default()))
                    .collect();
                Ok(Counted { dead, stuck, unsettled, inquiries, signals, calls })
            })
        })
        .await?)
}

/// The callers of an account whom a person of the business dealt with: whose inquiry has an entry by somebody who can sign in.
pub(super) async fn handled(store: &Store, account: &str) -> Result<BTreeSet<String>> {
    let account = account.to_owned();
    Ok(store
        .read(move |tx| {
            Box::pin(async move {
                let users = store::users_all(tx, &account).await?;
                let mut callers = BTreeSet::new();
                if users.is_empty() {
                    return Ok(callers);
                }
                for row in store::inquiries_list(tx, &account, None, 10_000, &store::Before::end()).await? {
                    let entries = store::entries_of(tx, &account, &row.id).await?;
                    if entries.iter().any(|e| users.iter().any(|u| e.body.contains(&u.id))) {
                        let inquiry: Option<Inquiry> = serde_json::from_str(&row.snapshot).ok();
                        callers.insert(inquiry.and_then(|i| i.e164).unwrap_or_default());
                    }
                }
                Ok(callers)
            })
        })
        .await?)
}

impl Portal {
    /// A portal set up by the program itself, as `ringback connect` does it: our properties exist, made through the API.
    pub async fn prepared() -> Result<Self> {
        let size = crate::world::Size { calls: 0, faults: false, crashes: false };
        let mut world = World::new(0, size);
        world.accounts.truncate(1);
        // Long before any world: what the portal's budgets remember of it is over by then.
        world.start_ms = SET_UP_AT_MS;
        let account = world.accounts.first().context("a world without an account")?;
        let (vendors, _, _) = vendors(&world, &Self::fresh(&account.token))?;
        let hook = std::sync::Arc::new(crate::crash::CrashHook::new(Vec::new()));
        let stage = std::sync::Arc::new(crate::stage::Stage::new(&world, vendors, hook.clone(), false));
        let (store, _) = super::open(&world, &super::Database::Memory, hook).await?;
        let chance = std::sync::Arc::new(crate::dice::SeededChance::new(crate::dice::Dice::new(1)));
        let settings = super::Player::settings();
        let mut player = super::Player::new(&world, stage.clone(), store.clone(), chance, settings);
        let engine = player.start();
        apply_accounts(&engine, &world).await?;
        let (id, connection) = (AccountId::from_text(account.id.clone()), ConnectionId::from_text(account.crm()));
        let connected = ringback_engine::setup::connect(&engine, &id, &connection).await?;
        if !connected.problems.is_empty() {
            bail!("the CRM could not be set up: {:?}", connected.problems);
        }
        let twin = stage.with_vendors(0, |v| v.crm.vendor().clone()).context("no CRM")?;
        store.close().await;
        Ok(Self(twin))
    }
}
