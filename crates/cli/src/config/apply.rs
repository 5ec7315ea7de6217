//! From the settings to the store: accounts, roster, connections, contracts. Applying the same again changes nothing.
//!
//! Roster rows are versioned, so only what differs is written; a secret is sealed again only when it changed; a contract that says the
//! same keeps its version, and one that did not see what others changed meanwhile stays out of force. What left the file is ended (roster) or paused (connections), never deleted: decisions were made on it.

use super::{Account, Config, Kind, Wanted};
use crate::commands::contract::FILE_KEPT;
use crate::problems::{Exit, Fail};
use ringback_connect::{Connection, Secret};
use ringback_core::contract::diff::{Change, Way};
use ringback_core::id::{AccountId, base32};
use ringback_core::problem::Problem;
use ringback_core::roster::{Location, Roster};
use ringback_engine::Engine;
use ringback_engine::contracts::{Answer, Base, By, Refused, Wish};
use ringback_engine::facts::{PAGE_EMAIL, ROSTER_KINDS, secret_place};
use ringback_engine::keyring::Sealed;
use ringback_store::{self as store, AccountRow, ConnectionRow, Site, Tx};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What applying one account did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Applied {
    pub(crate) account: String,
    /// The account was not there before.
    pub(crate) new: bool,
    /// Roster entries added, changed or ended.
    pub(crate) roster_changes: usize,
    /// Connections added, changed or paused.
    pub(crate) connection_changes: usize,
    /// Name and version of the contract that is in force, be it the file's or not.
    pub(crate) contract: Option<(String, i64)>,
    /// It came into force now, and this is what it changes of the version before.
    pub(crate) came: Option<Vec<Change>>,
    /// The file's contract is not what is in force, and why.
    pub(crate) kept: Option<Refused>,
    /// The file's contract is not in force because something is wrong with its text, because it does not fit the CRM, because one beside it feeds the same
    /// properties, or because the account is not ready for what it lets happen by itself.
    pub(crate) stopped: Vec<Problem>,
}

impl Applied {
    /// What people must know of the file's contract: that it came into force, with what it changes, or why it did not.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        // As the settings call it.
        let account = self.account.trim_start_matches("acct_");
        if let (Some(changes), Some((name, version))) = (&self.came, &self.contract) {
            let count = |way: Way| changes.iter().filter(|c| c.way == way).count();
            let (looser, stricter) = (count(Way::Loosens), count(Way::Tightens));
            let other = changes.len() - looser - stricter;
            notes.push(match version {
                1 => format!("{account}: {name} came into force in version 1"),
                _ => format!(
                    "{account}: the contract's file said something else than version {}, and {name} came into force in version {version}: {looser} looser, {stricter} \
                     stricter, {other} other (`ringback contract diff {} {version}`)",
                    version - 1,
                    version - 1
                ),
            });
        }
        if let Some((name, version)) = self.contract.as_ref().filter(|_| !self.stopped.is_empty()) {
            notes.push(format!(
                "{account}: {name} stays in force in version {version}; the contract's file was not applied, because"
            ));
        }
        let told = self.kept.iter().map(|kept| kept.problem(FILE_KEPT));
        let problems = self.stopped.iter().cloned().chain(told);
        notes.extend(problems.map(|p| format!("{account}: {}: {} ({})", p.code, p.cause, p.cure)));
        notes
    }
}

/// Applies every account of the file: people and connections first, for the contract is held against them.
pub(crate) async fn apply(engine: &Engine, config: &Config) -> Result<Vec<Applied>, Fail> {
    let mut before = Vec::new();
    for account in &config.accounts {
        before.push(in_force(engine, &account.id()).await?);
    }
    // Where nothing is in force anywhere, nobody waits for this start. Else one account's mistake is no reason to take no calls.
    if before.iter().all(Option::is_none)
        && let Some(fail) = refused(config)
    {
        return Err(fail);
    }
    let mut all = Vec::new();
    for (account, before) in config.accounts.iter().zip(before) {
        let id = account.id();
        let (task, mut wanted) = (engine.clone(), account.clone());
        wanted.connections.extend(config.mail.as_ref().map(|_| mail_connection(account)));
        let mut applied =
            engine.store().write(Site::Setup, move |tx| Box::pin(async move { one(tx, &task, &wanted).await })).await?;
        engine.facts_changed(&id);
        rules(engine, account, &mut applied).await?;
        applied.contract = applied.contract.or(before);
        all.push(applied);
    }
    Ok(all)
}

/// What is wrong with the contracts of the file.
fn refused(config: &Config) -> Option<Fail> {
    let wrong = config.accounts.iter().filter_map(|account| account.wrong.as_ref());
    Fail::of(Exit::Usage, wrong.map(|wrong| (Some(wrong.source.clone()), wrong.problems.clone())).collect())
}

/// Brings the file's contract into force, or notes why not.
async fn rules(engine: &Engine, account: &Account, applied: &mut Applied) -> Result<(), Fail> {
    let id = account.id();
    applied.stopped = account.wrong.as_ref().map(|wrong| wrong.problems.clone()).unwrap_or_default();
    let Some(wish) = settings_wish(account) else { return Ok(()) };
    applied.stopped.extend(engine.settings_misfits(&id, &wish).await?);
    if !applied.stopped.is_empty() {
        return Ok(());
    }
    match engine.apply_contract(&id, &wish).await? {
        Answer::Applied { row, changes, .. } => {
            applied.contract = Some((row.name, row.version));
            applied.came = Some(changes);
        }
        Answer::Same(row) => applied.contract = Some((row.name, row.version)),
        Answer::Clashes(problems) | Answer::NotReady(problems) => applied.stopped = problems,
        Answer::Refused(refused) => {
            applied.contract = Some((refused.in_force.name.clone(), refused.in_force.version));
            applied.kept = Some(*refused);
        }
    }
    Ok(())
}

/// Name and version of the contract that decides about calls.
async fn in_force(engine: &Engine, id: &AccountId) -> Result<Option<(String, i64)>, Fail> {
    let found = engine.contract(id).await?;
    Ok(found.map(|(of, _)| (of.name, i64::from(of.version))))
}

/// The contract that the settings name, as a wish.
pub(crate) fn settings_wish(account: &Account) -> Option<Wish> {
    let (text, contract) = account.contract.as_ref()?;
    let by = By { who: "settings".to_owned(), file: account.contract_file.as_deref().map(whole) };
    Some(Wish { text: text.clone(), contract: contract.clone(), base: Base::Settings, by })
}

/// The whole path of a file, so that it is known again from wherever a command is run.
pub(crate) fn whole(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Pages by e-mail go out by a connection of their own: one lane, one breaker. The dot keeps its name apart from every name of a file.
fn mail_connection(account: &Account) -> Wanted {
    let name = format!("mail.{}", account.slug);
    let connection = Connection {
        id: ringback_core::id::ConnectionId::from_text(name.clone()),
        account: account.id(),
        name,
        vendor: PAGE_EMAIL.to_owned(),
        base_url: None,
        zone: "UTC".to_owned(),
        region: String::new(),
        settings: BTreeMap::new(),
    };
    Wanted { connection, kind: Kind::Sink, secrets: Vec::new(), at: 0..0 }
}

async fn one(tx: &mut Tx, engine: &Engine, wanted: &Account) -> Result<Applied, store::Error> {
    let id = wanted.id();
    let account = id.as_str();
    let now = engine.now().as_microsecond();
    let row = AccountRow {
        id: account.to_owned(),
        name: wanted.name.clone(),
        salt: base32(engine.random()) + &base32(engine.random()),
        created_at: now,
    };
    let new = store::account_insert_once(tx, &row).await?;
    let roster_changes = roster(tx, account, &wanted.roster, now).await?;
    let connection_changes = connections(tx, engine, account, &wanted.connections, now).await?;
    Ok(Applied { account: account.to_owned(), new, roster_changes, connection_changes, ..Applied::default() })
}

/// Kind and id of a roster row.
type Place = (String, String);

async fn roster(tx: &mut Tx, account: &str, wanted: &Roster, now: i64) -> Result<usize, store::Error> {
    let current = store::roster_current(tx, account).await?;
    let of_roster = current.into_iter().filter(|r| ROSTER_KINDS.contains(&r.kind.as_str()));
    let held: BTreeMap<Place, (String, i64)> = of_roster.map(|r| ((r.kind, r.id), (r.body, r.version))).collect();
    let wanted = bodies(wanted, &held);
    let mut changes = 0;
    for ((kind, id), body) in &wanted {
        if held.get(&(kind.clone(), id.clone())).is_none_or(|(b, _)| b != body) {
            store::roster_put(tx, account, kind, id, body, now).await?;
            changes += 1;
        }
    }
    for (kind, id) in held.keys().filter(|place| !wanted.contains_key(place)) {
        store::roster_end(tx, account, kind, id, now).await?;
        changes += 1;
    }
    Ok(changes)
}

/// Each row's text; a location carries the version of its row, which rises only when something else of it changed.
fn bodies(wanted: &Roster, held: &BTreeMap<Place, (String, i64)>) -> BTreeMap<Place, String> {
    let text = |value: serde_json::Result<String>| value.unwrap_or_default();
    let mut all = BTreeMap::new();
    for location in &wanted.locations {
        let place = ("location".to_owned(), location.id.as_str().to_owned());
        let before = held.get(&place).and_then(|(body, _)| serde_json::from_str::<Location>(body).ok());
        let version = before.as_ref().map_or(0, |l| l.version);
        let same = before.is_some_and(|b| Location { version: 0, ..b } == Location { version: 0, ..location.clone() });
        let next = Location { version: if same { version } else { version + 1 }, ..location.clone() };
        all.insert(place, text(serde_json::to_string(&next)));
    }
    for line in &wanted.lines {
        all.insert(("line".to_owned(), line.number.clone()), text(serde_json::to_string(line)));
    }
    for person in &wanted.staff {
        all.insert(("staff".to_owned(), person.id.as_str().to_owned()), text(serde_json::to_string(person)));
    }
    for known in &wanted.known_numbers {
        all.insert(("known_number".to_owned(), known.0.clone()), text(serde_json::to_string(known)));
    }
    all
}

async fn connections(
    tx: &mut Tx,
    engine: &Engine,
    account: &str,
    wanted: &[Wanted],
    now: i64,
) -> Result<usize, store::Error> {
    let mut changes = 0;
    let mut named = BTreeSet::new();
    for one in wanted {
        let id = one.connection.id.as_str();
        named.insert(id.to_owned());
        let held = store::connection_get(tx, account, id).await?;
        if let Some(row) = changed(engine, account, one, held.as_ref(), now) {
            store::connection_upsert(tx, &row).await?;
            changes += 1;
        }
    }
    for row in store::connections_all(tx, account).await? {
        if row.state == "active" && !named.contains(&row.id) {
            store::connection_state_set(tx, account, &row.id, "paused", now).await?;
            changes += 1;
        }
    }
    Ok(changes)
}

/// The row to be stored, if it differs from the one that is.
fn changed(
    engine: &Engine,
    account: &str,
    wanted: &Wanted,
    held: Option<&ConnectionRow>,
    now: i64,
) -> Option<ConnectionRow> {
    let connection = &wanted.connection;
    let row = ConnectionRow {
        account: account.to_owned(),
        id: connection.id.as_str().to_owned(),
        name: connection.name.clone(),
        vendor: connection.vendor.clone(),
        kind: wanted.kind.word().to_owned(),
        settings: serde_json::to_string(&connection.settings).unwrap_or_default(),
        sealed_secrets: held.map(|h| h.sealed_secrets.clone()).unwrap_or_default(),
        key_id: held.map(|h| h.key_id.clone()).unwrap_or_default(),
        base_url: connection.base_url.clone(),
        zone: Some(connection.zone.clone()),
        region: Some(connection.region.clone()),
        state: "active".to_owned(),
        created_at: held.map_or(now, |h| h.created_at),
        updated_at: held.map_or(now, |h| h.updated_at),
    };
    let same_secrets = held.is_some_and(|h| opened(engine, account, h).as_ref() == Some(&wanted.secrets));
    if same_secrets && held == Some(&row) {
        return None;
    }
    let (sealed_secrets, key_id) = if same_secrets {
        (row.sealed_secrets.clone(), row.key_id.clone())
    } else {
        engine.seal_secrets(account, &row.id, &wanted.secrets)
    };
    Some(ConnectionRow { sealed_secrets, key_id, updated_at: now, ..row })
}

/// The secrets of a stored connection; `None` when this node's key does not open them, which sealing them again mends.
fn opened(engine: &Engine, account: &str, row: &ConnectionRow) -> Option<Vec<Secret>> {
    if row.sealed_secrets.is_empty() {
        return Some(Vec::new());
    }
    let sealed: Vec<Sealed> = serde_json::from_str(&row.sealed_secrets).ok()?;
    let place = secret_place(account, &row.id);
    sealed.iter().map(|one| engine.keyring().open(one, &place).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_store::{Options, Store};

    /// The settings know nothing of what was rolled back: applying them again lifts nothing.
    #[tokio::test]
    async fn what_is_held_back_outlives_the_next_start() {
        let store = Store::open(Options::new("sqlite://:memory:")).await.unwrap();
        let kinds = store
            .write(Site::Setup, |tx| {
                Box::pin(async move {
                    store::roster_put(tx, "acct_a", "hold", "rb_1:contact.rb_source", "{}", 10).await?;
                    store::roster_put(tx, "acct_a", "known_number", "+13125550100", "[]", 10).await?;
                    let changes = roster(tx, "acct_a", &Roster::default(), 20).await?;
                    assert_eq!(changes, 1, "the number left the file");
                    Ok(store::roster_current(tx, "acct_a").await?.into_iter().map(|r| r.kind).collect::<Vec<_>>())
                })
            })
            .await
            .unwrap();
        assert_eq!(kinds, ["hold"]);
        store.close().await;
    }
}
