//! What decisions of an account read: roster, contract, connections and salt, loaded together and kept for a moment.

use crate::inquire::KeptDays;
use crate::rollback::{HOLD, read_hold};
use crate::{Engine, Error, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::sinks::events;
use ringback_connect::{Connection, Crm, Limits, Secret, Source};
use ringback_core::contract::{self, Contract};
use ringback_core::crm::CrmWords;
use ringback_core::effect::LaneId;
use ringback_core::emit::Target;
use ringback_core::id::{AccountId, ConnectionId, ContractId, LocationId};
use ringback_core::inquiry::Facts;
use ringback_core::ledger::Salt;
use ringback_core::plan::ContractRef;
use ringback_core::rollback::Hold;
use ringback_core::roster::Roster;
use ringback_core::standing::{Pause, Standing};
use ringback_store::{self as store, ConnectionRow, RosterRow, Tx};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// How long a node may decide on facts that another node has just changed.
pub const FACTS_SECONDS_MAX: i64 = 10;

/// What stands in place of a contract's id while none was applied.
pub(crate) const NO_CONTRACT: &str = "ctr_none";

/// Settings that set-up stores by itself begin so: `field.contact.rb_key`.
pub(crate) const FIELD_SETTING: &str = "field.";

/// The kinds of rows that make up the roster. Rows of other kinds stand beside them and are none of the settings' business.
pub const ROSTER_KINDS: [&str; 4] = ["location", "line", "staff", "known_number"];

/// The vendor word of outgoing pages by webhook.
pub const PAGE_WEBHOOK: &str = "webhook";
/// The vendor word of outgoing pages by e-mail.
pub const PAGE_EMAIL: &str = "smtp";

/// One connection with its opened secrets.
pub struct ConnectionFacts {
    pub connection: Connection,
    /// Newest first; the first signs and authorises outgoing requests.
    pub secrets: Vec<Secret>,
    /// `active`, `paused`.
    pub state: String,
}

impl ConnectionFacts {
    /// The provider behind it, for inbound connections.
    pub fn source(&self) -> Option<&'static dyn Source> {
        ringback_connect::source(&self.connection.vendor)
    }
    /// The CRM behind it, for outbound connections.
    pub fn crm(&self) -> Option<&'static dyn Crm> {
        ringback_connect::crm(&self.connection.vendor)
    }
    /// Another system that is told what happens.
    pub fn is_told_events(&self) -> bool {
        self.connection.vendor == events::NAME
    }
    /// What whoever is behind it takes, as it is published.
    pub(crate) fn published(&self) -> Option<Limits> {
        let told = self.is_told_events().then_some(events::LIMITS);
        self.crm().map(|c| c.about().limits).or(told)
    }
}

/// Everything that decisions of one account read.
pub struct AccountFacts {
    pub account: AccountId,
    pub salt: Salt,
    pub roster: Roster,
    pub contract: Contract,
    pub contract_ref: ContractRef,
    /// False: no contract was applied, so nothing is written anywhere.
    pub contract_applied: bool,
    pub standing: Standing,
    pub connections: HashMap<String, ConnectionFacts>,
    crm: Option<(LaneId, &'static CrmWords)>,
    page_webhook: Option<LaneId>,
    page_email: Option<LaneId>,
    /// Who is told what happens, in the order of their lanes.
    pub(crate) targets: Vec<Target>,
    pub console_url: String,
    pub(crate) days: KeptDays,
    /// What rollbacks put before a person, also what begins or ends only in a moment.
    pub(crate) holds: Vec<Hold>,
    loaded_at: Timestamp,
}

impl AccountFacts {
    /// The part a decision reads.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            roster: &self.roster,
            contract: &self.contract,
            contract_ref: &self.contract_ref,
            standing: &self.standing,
            crm: self.crm.as_ref().map(|(lane, words)| (lane, *words)),
            crm_region: self.crm_region(),
            page_webhook: self.page_webhook.as_ref(),
            page_email: self.page_email.as_ref(),
            salt: &self.salt,
            console_url: &self.console_url,
            holds: &self.holds,
            targets: &self.targets,
        }
    }

    fn crm_region(&self) -> &str {
        self.crm.as_ref().map_or("", |(lane, _)| self.region_of(lane))
    }

    fn region_of(&self, lane: &LaneId) -> &str {
        self.connections.get(lane.as_str()).map_or("", |c| c.connection.region.as_str())
    }

    /// The part a decision reads, as if this contract were in force, at the account's level; none while no CRM of its name is connected.
    pub(crate) fn under<'a>(&'a self, contract: &'a Contract, named: &'a ContractRef) -> Option<Facts<'a>> {
        let mut of_name = self.connections.values().filter(|c| c.connection.name == contract.crm);
        let (lane, crm) = of_name.find_map(|c| c.crm().map(|crm| (&c.connection.id, crm)))?;
        Some(Facts {
            contract,
            contract_ref: named,
            crm: Some((lane, crm.words())),
            crm_region: self.region_of(lane),
            ..self.facts()
        })
    }

    /// The region in which a connection's numbers are read.
    pub fn region<'a>(&'a self, connection: &'a Connection) -> &'a str {
        if connection.region.is_empty() { "US" } else { &connection.region }
    }

    /// The location that a connection stands for, by its setting `location` (a slug).
    pub fn location_of(&self, connection: &Connection) -> Option<&LocationId> {
        let slug = connection.setting("location")?;
        self.roster.locations.iter().find(|l| l.slug == slug).map(|l| &l.id)
    }
}

/// Facts by account, kept for [`FACTS_SECONDS_MAX`].
#[derive(Default)]
pub(crate) struct FactsCache {
    held: Mutex<HashMap<String, Arc<AccountFacts>>>,
    accounts: Mutex<HashMap<String, String>>,
}

impl FactsCache {
    pub(crate) fn forget(&self, account: &AccountId) {
        if let Ok(mut held) = self.held.lock() {
            held.remove(account.as_str());
        }
        if let Ok(mut accounts) = self.accounts.lock() {
            accounts.clear();
        }
    }
}

impl Engine {
    /// The facts of an account, at most [`FACTS_SECONDS_MAX`] old.
    pub async fn facts(&self, account: &AccountId) -> Result<Arc<AccountFacts>, Error> {
        let now = self.now();
        let cached = self.inner.facts.held.lock().ok().and_then(|held| held.get(account.as_str()).cloned());
        if let Some(facts) =
            cached.filter(|f| now.duration_since(f.loaded_at) < SignedDuration::from_secs(FACTS_SECONDS_MAX))
        {
            return Ok(facts);
        }
        let id = account.as_str().to_owned();
        let rows = self.store().read(move |tx| Box::pin(async move { load(tx, &id, micros(now)).await })).await?;
        let facts = Arc::new(self.assemble(account, rows, now)?);
        if let Ok(mut held) = self.inner.facts.held.lock() {
            held.insert(account.as_str().to_owned(), facts.clone());
        }
        Ok(facts)
    }

    /// The account that a hook's connection belongs to; the id is unique over all accounts.
    pub(crate) async fn account_of(&self, connection: &str) -> Result<Option<AccountId>, Error> {
        let known = |map: &HashMap<String, String>| map.get(connection).cloned();
        if let Some(account) = self.inner.facts.accounts.lock().ok().and_then(|a| known(&a)) {
            return Ok(Some(AccountId::from_text(account)));
        }
        let every = self.store().read(|tx| Box::pin(async move { store::connections_every(tx).await })).await?;
        let map: HashMap<String, String> = every.into_iter().map(|c| (c.id, c.account)).collect();
        let found = known(&map);
        if let Ok(mut accounts) = self.inner.facts.accounts.lock() {
            *accounts = map;
        }
        Ok(found.map(AccountId::from_text))
    }

    /// The roster of an account as it stands.
    pub async fn roster(&self, account: &AccountId) -> Result<Arc<Roster>, Error> {
        Ok(Arc::new(self.facts(account).await?.roster.clone()))
    }

    /// The contract in force, if one was applied.
    pub async fn contract(&self, account: &AccountId) -> Result<Option<(ContractRef, Arc<Contract>)>, Error> {
        let facts = self.facts(account).await?;
        Ok(facts.contract_applied.then(|| (facts.contract_ref.clone(), Arc::new(facts.contract.clone()))))
    }

    fn assemble(&self, account: &AccountId, rows: Rows, now: Timestamp) -> Result<AccountFacts, Error> {
        let salt = Salt(rows.salt.into_bytes());
        let roster = read_roster(&rows.roster)?;
        let holds = rows.holds.iter().map(read_hold).collect::<Result<_, _>>()?;
        let (contract, contract_ref, contract_applied) = read_contract(rows.contract)?;
        let workflow = if contract_applied { contract_ref.name.as_str() } else { crate::contracts::CALLS };
        let levels = crate::level::levels_of(&rows.roster, workflow)?;
        let pauses = read_pauses(&rows.roster)?;
        let standing = Standing { pauses, levels };
        let mut connections = HashMap::new();
        for row in rows.connections {
            let mut facts = self.open_connection(&row)?;
            // What set-up found out about the vendor's fields, and a probe about its lags; what the file says stands above it.
            for (_, name, value) in rows.fields.iter().filter(|(connection, ..)| *connection == row.id) {
                facts.connection.settings.entry(name.clone()).or_insert_with(|| value.clone());
            }
            connections.insert(row.id, facts);
        }
        let active = |vendor: &str, name: Option<&str>| {
            let fits = |c: &&ConnectionFacts| {
                c.state == "active" && c.connection.vendor == vendor && name.is_none_or(|n| c.connection.name == n)
            };
            connections.values().filter(fits).map(|c| c.connection.id.clone()).min()
        };
        let crm = connections
            .values()
            .filter(|c| c.state == "active" && (c.connection.name == contract.crm || !contract_applied))
            .find_map(|c| c.crm().map(|crm| (c.connection.id.clone(), crm.words())));
        let page_webhook = contract.page.webhook.as_deref().and_then(|name| active(PAGE_WEBHOOK, Some(name)));
        let page_email = if contract.page.email { active(PAGE_EMAIL, None) } else { None };
        let told = connections.values().filter(|c| c.state == "active" && c.is_told_events());
        let mut targets: Vec<Target> = told.map(|c| events::target(&c.connection)).collect();
        targets.sort_by(|a, b| a.lane.cmp(&b.lane));
        Ok(AccountFacts {
            account: account.clone(),
            salt,
            roster,
            contract,
            contract_ref,
            contract_applied,
            standing,
            connections,
            crm,
            page_webhook,
            page_email,
            targets,
            console_url: self.settings().console_url.clone(),
            days: KeptDays {
                raw: self.settings().raw_days,
                speech: self.settings().speech_days,
                value: self.settings().value_days,
            },
            holds,
            loaded_at: now,
        })
    }

    fn open_connection(&self, row: &ConnectionRow) -> Result<ConnectionFacts, Error> {
        let corrupt = |why: String| Error::Corrupt { what: format!("connection {}", row.id), why };
        let settings = serde_json::from_str(&row.settings).map_err(|e| corrupt(e.to_string()))?;
        let sealed: Vec<crate::keyring::Sealed> = if row.sealed_secrets.is_empty() {
            Vec::new()
        } else {
            serde_json::from_str(&row.sealed_secrets).map_err(|e| corrupt(e.to_string()))?
        };
        let aad = secret_place(&row.account, &row.id);
        let mut secrets = Vec::new();
        for one in &sealed {
            secrets.push(self.keyring().open(one, &aad).map_err(|e| corrupt(e.to_string()))?);
        }
        let connection = Connection {
            id: ConnectionId::from_text(row.id.clone()),
            account: AccountId::from_text(row.account.clone()),
            name: row.name.clone(),
            vendor: row.vendor.clone(),
            base_url: row.base_url.clone(),
            zone: row.zone.clone().unwrap_or_else(|| "UTC".into()),
            region: row.region.clone().unwrap_or_default(),
            settings,
        };
        Ok(ConnectionFacts { connection, secrets, state: row.state.clone() })
    }
}

/// What a sealed secret is bound to: it opens nowhere else.
pub fn secret_place(account: &str, connection: &str) -> String {
    format!("{account}/{connection}")
}

struct Rows {
    salt: String,
    roster: Vec<RosterRow>,
    holds: Vec<RosterRow>,
    contract: Option<store::ContractRow>,
    connections: Vec<ConnectionRow>,
    /// Connection, setting, value.
    fields: Vec<(String, String, String)>,
}

async fn load(tx: &mut Tx, account: &str, now: i64) -> Result<Rows, store::Error> {
    let salt = store::account_get(tx, account).await?.map(|a| a.salt).unwrap_or_default();
    let roster = store::roster_current(tx, account).await?;
    let holds = store::roster_kind_from(tx, account, HOLD, now).await?;
    let contracts = store::contracts_all(tx, account).await?;
    let contract = crate::contracts::of_calls(contracts);
    let connections = store::connections_all(tx, account).await?;
    let mut fields = store::cursors_beginning(tx, account, FIELD_SETTING).await?;
    fields.extend(store::cursors_beginning(tx, account, crate::probe::SETTING).await?);
    Ok(Rows { salt, roster, holds, contract, connections, fields })
}
/// The kind of a paused clause.
pub(crate) const PAUSE: &str = "pause";

/// The clauses that are paused, by clause.
pub(crate) fn read_pauses(rows: &[RosterRow]) -> Result<Vec<Pause>, Error> {
    let read = |row: &RosterRow| {
        serde_json::from_str::<Pause>(&row.body)
            .map_err(|e| Error::Corrupt { what: format!("{} {}", row.kind, row.id), why: e.to_string() })
    };
    let mut pauses = rows.iter().filter(|row| row.kind == PAUSE).map(read).collect::<Result<Vec<_>, _>>()?;
    pauses.sort_by(|a, b| (&a.clause, &a.to).cmp(&(&b.clause, &b.to)));
    Ok(pauses)
}

/// The roster out of its rows, whatever their order.
pub(crate) fn read_roster(rows: &[RosterRow]) -> Result<Roster, Error> {
    let mut roster = Roster::default();
    for row in rows.iter().filter(|row| ROSTER_KINDS.contains(&row.kind.as_str())) {
        let corrupt = |e: serde_json::Error| Error::Corrupt {
            what: format!("roster {} {}", row.kind, row.id),
            why: e.to_string(),
        };
        match row.kind.as_str() {
            "location" => roster.locations.push(serde_json::from_str(&row.body).map_err(corrupt)?),
            "line" => roster.lines.push(serde_json::from_str(&row.body).map_err(corrupt)?),
            "staff" => roster.staff.push(serde_json::from_str(&row.body).map_err(corrupt)?),
            "known_number" => roster.known_numbers.push(serde_json::from_str(&row.body).map_err(corrupt)?),
            // Of another kind: no part of the roster, and none of its version.
            _ => continue,
        }
        roster.version = roster.version.saturating_add(u32::try_from(row.version).unwrap_or(0));
    }
    Ok(roster)
}

fn read_contract(row: Option<store::ContractRow>) -> Result<(Contract, ContractRef, bool), Error> {
    match row {
        Some(row) => {
            let contract = crate::contracts::read(&row)?;
            let version = u32::try_from(row.version).unwrap_or(0);
            let reference = ContractRef { id: ContractId::from_text(row.id.clone()), name: row.name, version };
            Ok((contract, reference, true))
        }
        None => {
            // Without an applied contract calls are recorded, owned and clocked, and nothing is written anywhere (F-078).
            let Some(mut contract) = contract::parse(contract::DEFAULT_TEXT).0 else {
                return Err(Error::Corrupt {
                    what: "default contract".into(),
                    why: "it has problems of its own".into(),
                });
            };
            contract.autonomy = contract::Autonomy::Observe;
            let reference = ContractRef { id: ContractId::from_text(NO_CONTRACT), name: "none".into(), version: 0 };
            Ok((contract, reference, false))
        }
    }
}
