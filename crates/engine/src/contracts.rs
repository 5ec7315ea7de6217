//! The one door through which a contract comes into force, whoever brings it: the command line, the settings' file, the API, the console.
//!
//! In this order: read, checked in itself, held against the roster, held against the CRM's schema as far as it can be asked, and stored as the
//! next version only if the version that it was made from still is the latest. So of two people who edit at once the second is told what the
//! first has changed, instead of undoing it. What was applied, and what was refused for that, stands in the account's own chain.

use crate::chain::Chain;
use crate::facts::{AccountFacts, ConnectionFacts, PAGE_WEBHOOK};
use crate::inquire::MEETINGS_MAX;
use crate::{Engine, Error, instant, level, setup};
use jiff::Timestamp;
use ringback_connect::Crm;
use ringback_core::contract::diff::{Change, diff};
use ringback_core::contract::{self, Autonomy, Contract, FieldRule, Machine, trial};
use ringback_core::id::{AccountId, ContractId};
use ringback_core::ledger::Draft;
use ringback_core::plan::ContractRef;
use ringback_core::problem::Problem;
use ringback_core::readiness::Readiness;
use ringback_core::roster::Roster;
use ringback_store::{self as store, ContractNew, ContractRow, Site, Tx};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The contract that decides about inquiries of calls. Contracts of other names stand beside it.
pub const CALLS: &str = "missed-calls";
/// How long the CRM may take to show its properties before the contract is applied without.
const SCHEMA_SECONDS_MAX: u64 = 10;
/// Changed clauses that are told one by one; of more only the number.
const CHANGES_MAX: usize = 200;
/// What `contract show` says below the text.
const FOOT_MARK: &str = "\n# in force: ";
/// A first line that says which version a text was made from.
const BASE_MARK: &str = "# base: ";
/// What releases before 0.2 noted of a contract that the settings name.
const BY_SETTINGS: &str = "ringback.toml";

/// The text of a version as it is handed out to be edited: its first line says what it was made from, and [`Engine::apply_contract`] reads it there.
pub fn to_edit(row: &ContractRow) -> String {
    format!("{BASE_MARK}{} version {}\n{}", row.name, row.version, row.source)
}

/// The text without what is said around it when it is handed out, and the version it was made from.
fn without_mark<'t>(text: &'t str, name: &str) -> (&'t str, Option<i64>) {
    let marked = text.strip_prefix(BASE_MARK).and_then(|rest| {
        let (line, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        let (of, version) = line.trim_end().rsplit_once(" version ")?;
        let rest = rest.rsplit_once(FOOT_MARK).map_or(rest, |(text, _)| text);
        Some((rest, of == name, version.parse().ok()?))
    });
    match marked {
        Some((rest, same_name, version)) => (rest, same_name.then_some(version)),
        None => (text, None),
    }
}

/// Which of an account's contracts decides about calls: the latest of the name [`CALLS`]. An account that never had one of that name goes on with
/// the name it began with.
pub(crate) fn of_calls(rows: Vec<ContractRow>) -> Option<ContractRow> {
    let name = match rows.iter().find(|row| row.name == CALLS) {
        Some(row) => row.name.clone(),
        None => rows.iter().min_by_key(|row| (row.applied_at, row.version))?.name.clone(),
    };
    rows.into_iter().filter(|row| row.name == name).max_by_key(|row| row.version)
}

/// What a stored version says.
///
/// # Errors
/// [`Error::Corrupt`]: it was written by a newer release, or is no contract.
pub fn read(row: &ContractRow) -> Result<Contract, Error> {
    Contract::from_stored(&row.compiled)
        .map_err(|e| Error::Corrupt { what: format!("contract {}", row.id), why: e.to_string() })
}

/// A contract out of its text, or everything that is wrong with it in itself and by the roster.
pub fn check(text: &str, roster: &Roster) -> Result<Contract, Vec<Problem>> {
    let (contract, mut problems) = contract::parse(text);
    if let Some(contract) = &contract {
        problems.extend(contract::check_roster(contract, roster));
    }
    match contract {
        Some(contract) if problems.is_empty() => Ok(contract),
        _ if problems.is_empty() => {
            Err(vec![Problem::new("RB-0203", "the contract says nothing", "start from `ringback init`")])
        }
        _ => Err(problems),
    }
}

/// Which version a text was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// This one; 0: there was none.
    Version(i64),
    /// Nobody said. A file knows from its own past, and the text from its first line; else it is known only as long as there is one version.
    Unsaid,
    /// The same, of a file that is read at every start: what it said before and what is not in force any more is no wish to go back.
    Settings,
}

/// Who brings a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Id of a user or a token; `user_cli` for whoever has the key; `settings`.
    pub who: String,
    /// The file it comes from, whole path.
    pub file: Option<String>,
}

impl By {
    fn text(&self) -> String {
        match &self.file {
            Some(file) => format!("{}, file {file}", self.who),
            None => self.who.clone(),
        }
    }

    /// Was that version brought by the same file?
    fn brought(&self, row: &ContractRow, base: Base) -> bool {
        let Some(mine) = &self.file else { return false };
        if row.applied_by == BY_SETTINGS {
            return base == Base::Settings;
        }
        let theirs = row.applied_by.split_once(", file ").map(|(_, file)| file);
        // Before 0.2 the path was kept as it was typed.
        theirs.or_else(|| row.applied_by.strip_prefix("file ")).is_some_and(|file| Path::new(mine).ends_with(file))
    }
}

/// A contract that is to come into force.
#[derive(Debug, Clone)]
pub struct Wish {
    /// As it was written.
    pub text: String,
    /// What it means; [`check`] gives it.
    pub contract: Contract,
    pub base: Base,
    pub by: By,
}

/// One version, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    pub id: String,
    pub name: String,
    pub version: i64,
    pub at: Timestamp,
    pub by: String,
}

impl Version {
    fn of(row: &ContractRow) -> Self {
        let (at, by) = (instant(row.applied_at), row.applied_by.clone());
        Self { id: row.id.clone(), name: row.name.clone(), version: row.version, at, by }
    }
}

/// Why a contract was not applied although nothing is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It was made from a version that is not the latest any more.
    MovedOn,
    /// Nothing says what it was made from, and there are several versions.
    Unsaid,
    /// The settings' file says what a former version said.
    Older,
}

/// What stands in the way, told so that its author can go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub why: Stands,
    /// What it was made from, as far as known; 0: from nothing.
    pub base: Option<i64>,
    pub in_force: Version,
    /// The versions between, oldest first: who changed something meanwhile, and when.
    pub since: Vec<Version>,
    /// What they changed: from the base to what is in force.
    pub theirs: Vec<Change>,
    /// What this text would change of what is in force.
    pub yours: Vec<Change>,
}

impl Refused {
    /// As a problem with its way out. `again` is how the same is asked for on the version in force.
    pub fn problem(&self, again: &str) -> Problem {
        let Version { name, version, at, by, .. } = &self.in_force;
        let cause = match (self.why, self.base) {
            (Stands::Unsaid, _) | (_, None) => {
                format!("nothing says which version this was made from; {name} is at version {version} ({by}, {at})")
            }
            (Stands::Older, Some(base)) => format!(
                "this says what version {base} of {name} said, and version {version} is in force ({by}, {at}); it stays in force"
            ),
            (Stands::MovedOn, Some(base)) => format!(
                "this was made from version {base} of {name}, and meanwhile version {version} came into force ({by}, {at})"
            ),
        };
        Problem::new("RB-0223", cause, format!("`ringback contract show` gives what is in force; {again}"))
    }
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is in force.
    Applied { row: ContractRow, changes: Vec<Change>, decides_calls: bool },
    /// It says what is in force already.
    Same(ContractRow),
    /// What is in force stays.
    Refused(Box<Refused>),
    /// What is in force stays, because a contract beside it feeds the same property.
    Clashes(Vec<Problem>),
    /// What is in force stays, because this lets more happen by itself, and the account is not ready for that.
    NotReady(Vec<Problem>),
}

/// The connections that a contract names and the account does not have. An account without any is not set up yet.
fn unconnected(contract: &Contract, facts: &AccountFacts) -> Vec<Problem> {
    let active = facts.connections.values().filter(|c| c.state == "active");
    let names = |of: &dyn Fn(&ConnectionFacts) -> bool| -> Vec<&str> {
        active.clone().filter(|c| of(c)).map(|c| c.connection.name.as_str()).collect()
    };
    let crms = names(&|c| c.crm().is_some());
    if crms.is_empty() {
        return Vec::new();
    }
    let webhooks = names(&|c| c.connection.vendor == PAGE_WEBHOOK);
    contract::check_connections(Some(&contract.crm), contract.page.webhook.as_deref(), &crms, &webhooks)
}

/// How a contract fits the CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    Fits,
    /// It could not be asked, why, and what helps where that is known.
    NotAsked {
        why: String,
        cure: Option<String>,
    },
    Problems(Vec<Problem>),
}

/// A wish with everything that is decided outside of the unit of work.
#[derive(Debug, Clone)]
pub struct Prepared {
    new: ContractNew,
    contract: Contract,
    base: Base,
    marked: Option<i64>,
    by: By,
    chain: Chain,
    /// What the account is ready for; none: nobody had to ask, for it raises nothing.
    ready: Option<Readiness>,
}

impl Prepared {
    /// Stores it, or tells why not, in this unit. [`store::Error::Conflict`] when another node is at it in the same moment, or it lets more happen by
    /// itself than when it was prepared.
    pub async fn put(&self, tx: &mut Tx) -> Result<Answer, store::Error> {
        let all = store::contracts_all(tx, &self.new.account).await?;
        let rows: Vec<&ContractRow> = all.iter().filter(|row| row.name == self.new.name).collect();
        let latest = rows.last().copied();
        if let Some(latest) = latest.filter(|latest| latest.digest == self.new.digest) {
            return Ok(Answer::Same(latest.clone()));
        }
        let clashes = clashes(&all, &self.contract, &self.new.source);
        if !clashes.is_empty() {
            return Ok(Answer::Clashes(clashes));
        }
        let (why, base) = match self.stands(&rows) {
            // What does not come into force anyhow asks nobody whether it may.
            Err(refused) => refused,
            Ok(base) => {
                let calls_before = of_calls(all.clone()).map(|row| row.name);
                let (stopped, begins) = self.stopped(tx, &all).await?;
                if !stopped.is_empty() {
                    return Ok(Answer::NotReady(stopped));
                }
                if let Some(row) = store::contract_insert_after_if(tx, &self.new, base).await? {
                    let changes = latest.map(|before| changes(before, &self.contract)).unwrap_or_default();
                    let mut told = vec![self.entry("contract", Some(base), Some(row.version), &changes)];
                    told.extend(begins.map(|is| level::entry(&row.name, "", None, Some(is), &self.by.who)));
                    self.chain.tell(tx, told).await?;
                    // Whoever changed a level at the same moment has an entry before this one, or finds no place for it.
                    let (stopped, still) = self.stopped(tx, &all).await?;
                    if !stopped.is_empty() || still != begins {
                        return Err(store::Error::Conflict);
                    }
                    if let Some(is) = begins {
                        level::begin(tx, &self.new.account, &row.name, is, &self.by.who, self.new.applied_at).await?;
                    }
                    let decides_calls = row.name == CALLS || calls_before.is_none_or(|name| name == row.name);
                    return Ok(Answer::Applied { row, changes, decides_calls });
                }
                (Stands::MovedOn, Some(base))
            }
        };
        let Some(latest) = latest else { return Err(store::Error::Conflict) };
        let refused = refusal(why, base, &rows, latest, &self.contract);
        if self.base != Base::Settings {
            // A file that is read at every start would tell the same at every start.
            let entry = self.entry("contract_refused", base, Some(latest.version), &refused.yours);
            self.chain.tell(tx, vec![entry.with("why", refused.why)]).await?;
        }
        Ok(Answer::Refused(Box::new(refused)))
    }

    /// What stands in the way of what it lets happen by itself, and the level at which the account begins with it.
    async fn stopped(
        &self,
        tx: &mut Tx,
        all: &[ContractRow],
    ) -> Result<(Vec<Problem>, Option<Autonomy>), store::Error> {
        let rows = store::roster_current(tx, &self.new.account).await?;
        let turn = level::turn(all, &rows, &self.contract).map_err(|e| store::Error::Bug(e.to_string()))?;
        match &self.ready {
            _ if turn.raises.is_empty() => Ok((Vec::new(), turn.begins)),
            Some(ready) => Ok((level::stopped(&turn.raises, ready), turn.begins)),
            None => Err(store::Error::Conflict),
        }
    }

    /// The version that it would follow, or how it stands to what is in force, with the version that it was made from.
    fn stands(&self, rows: &[&ContractRow]) -> Result<i64, (Stands, Option<i64>)> {
        let latest = rows.last().map_or(0, |row| row.version);
        let base = self.made_from(rows);
        if base == Some(latest) {
            return Ok(latest);
        }
        let former = rows.iter().rev().find(|row| row.digest == self.new.digest);
        Err(match (former.filter(|_| self.base == Base::Settings), base) {
            (Some(former), _) => (Stands::Older, Some(former.version)),
            (None, None) => (Stands::Unsaid, None),
            (None, Some(base)) => (Stands::MovedOn, Some(base)),
        })
    }

    /// The version that this was made from, if it is known.
    fn made_from(&self, rows: &[&ContractRow]) -> Option<i64> {
        if let Base::Version(said) = self.base {
            return Some(said);
        }
        let brought = rows.iter().rev().find(|row| self.by.brought(row, self.base)).map(|row| row.version);
        let known = brought.max(self.marked);
        // Where there was one version at most, nobody can have missed another one's change.
        known.or_else(|| (rows.len() <= 1).then(|| rows.last().map_or(0, |row| row.version)))
    }

    fn entry(&self, kind: &'static str, base: Option<i64>, version: Option<i64>, changes: &[Change]) -> Draft {
        let told = changes.get(..CHANGES_MAX.min(changes.len()));
        let more = changes.len().saturating_sub(CHANGES_MAX);
        Draft::new(kind)
            .with("by", &self.by.who)
            .with("file", &self.by.file)
            .with("contract", (kind == "contract").then_some(&self.new.id))
            .with("name", &self.new.name)
            .with("digest", &self.new.digest)
            .with("base", base)
            .with(if kind == "contract" { "version" } else { "in_force" }, version)
            .with("changes", told)
            .with("more_changes", (more > 0).then_some(more))
    }
}

/// Properties that this contract and another one in force both feed, in one CRM: nothing says which of the two wins.
fn clashes(rows: &[ContractRow], wished: &Contract, text: &str) -> Vec<Problem> {
    let mut beside: BTreeMap<&str, &ContractRow> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.name != wished.name) {
        beside.insert(&row.name, row);
    }
    let feeds = |rule: &FieldRule| rule.machine != Machine::Never;
    let mut found = Vec::new();
    for (row, other) in beside.values().filter_map(|row| Some((row, Contract::from_stored(&row.compiled).ok()?))) {
        for (name, rule) in wished.fields.iter().filter(|(_, rule)| other.crm == wished.crm && feeds(rule)) {
            let same = |(_, r): &(&String, &FieldRule)| feeds(r) && r.target().eq_ignore_ascii_case(&rule.target());
            let Some((theirs, _)) = other.fields.iter().find(same) else { continue };
            let cause = format!(
                "field.{name} of {} and field.{theirs} of {} (version {}, in force) both go to {}, and nothing says which of them wins",
                wished.name,
                row.name,
                row.version,
                rule.target()
            );
            let cure = format!(
                "write machine = \"never\" into one of them or give it a property of its own; if this is the next version of {}, keep \
                 its name: contract = {:?}",
                row.name, row.name
            );
            found.push(Problem::new("RB-0224", cause, cure));
        }
    }
    contract::placed(found, text)
}

fn refusal(why: Stands, base: Option<i64>, rows: &[&ContractRow], latest: &ContractRow, wished: &Contract) -> Refused {
    let from = rows.iter().find(|row| Some(row.version) == base);
    let theirs = Contract::from_stored(&latest.compiled).ok().zip(from).map(|(now, from)| changes(from, &now));
    let since = rows.iter().filter(|row| base.is_some_and(|base| row.version > base));
    Refused {
        why,
        base,
        in_force: Version::of(latest),
        since: since.map(|row| Version::of(row)).collect(),
        theirs: theirs.unwrap_or_default(),
        yours: changes(latest, wished),
    }
}

/// What differs from a stored version, in sentences.
fn changes(was: &ContractRow, is: &Contract) -> Vec<Change> {
    Contract::from_stored(&was.compiled).map(|was| diff(&was, is)).unwrap_or_default()
}

impl Engine {
    /// Brings a contract into force, if the version it was made from still is the latest one, and the account is ready for what it lets happen by itself.
    /// This node decides by it at once, others within
    /// [`crate::facts::FACTS_SECONDS_MAX`].
    pub async fn apply_contract(&self, account: &AccountId, wish: &Wish) -> Result<Answer, Error> {
        for _ in 0..MEETINGS_MAX {
            let prepared = self.prepare_contract(account, wish).await?;
            let put = self.store().write(Site::Setup, move |tx| Box::pin(async move { prepared.put(tx).await })).await;
            match put {
                // Another node stored a version, or an entry, at the same moment: look again.
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(answer) => {
                    self.facts_changed(account);
                    return Ok(answer);
                }
            }
        }
        Err(Error::MovedOn("others are applying contracts all the time; try again".into()))
    }

    /// A wish with id and moment, for a unit of work that does more than this; where it lets more happen by itself, with what the account is ready for.
    pub async fn prepare_contract(&self, account: &AccountId, wish: &Wish) -> Result<Prepared, Error> {
        let prepared = self.drafted(account, wish);
        // What does not come into force anyhow is told why, and nobody is asked.
        let asks = !self.raises(account, &wish.contract).await?.is_empty();
        if !asks || self.file_stands(account, wish).await?.is_some() {
            return Ok(prepared);
        }
        let ready = Some(self.ready_for(account, &wish.contract).await?);
        Ok(Prepared { ready, ..prepared })
    }

    /// What keeps the contract of the settings from taking the place of the version that is in force, as far as the account's CRM shows it; nothing where it
    /// says the same, where none is in force yet, or where the CRM cannot be asked. The first version comes into force all the same: what it maps and the
    /// CRM does not have pauses that clause alone, and calls are not kept waiting.
    pub async fn settings_misfits(&self, account: &AccountId, wish: &Wish) -> Result<Vec<Problem>, Error> {
        let digest = wish.contract.digest();
        let all = self.contract_versions(account).await?;
        let latest = all.iter().rfind(|row| row.name == wish.contract.name);
        if latest.is_none_or(|latest| latest.digest == digest) || self.file_stands(account, wish).await?.is_some() {
            return Ok(Vec::new());
        }
        match self.fit_contract(account, &wish.contract, &wish.text).await? {
            Fit::Problems(problems) => Ok(problems),
            Fit::Fits | Fit::NotAsked { .. } => Ok(Vec::new()),
        }
    }

    fn drafted(&self, account: &AccountId, wish: &Wish) -> Prepared {
        let (source, marked) = without_mark(&wish.text, &wish.contract.name);
        Prepared {
            new: ContractNew {
                account: account.as_str().to_owned(),
                id: ContractId::new(self.now(), self.random()).as_str().to_owned(),
                name: wish.contract.name.clone(),
                digest: wish.contract.digest(),
                source: source.to_owned(),
                compiled: wish.contract.stored(),
                applied_at: self.now().as_microsecond(),
                applied_by: wish.by.text(),
            },
            contract: wish.contract.clone(),
            base: wish.base,
            marked,
            by: wish.by.clone(),
            chain: self.chain(account),
            ready: None,
        }
    }

    /// How a contract fits: its own tests pass, and the CRM that it names has what it writes to, as the schema stands now. Ringback's own
    /// properties are made by `connect`: that one is missing is no misfit.
    pub async fn fit_contract(&self, account: &AccountId, contract: &Contract, text: &str) -> Result<Fit, Error> {
        let beside = self.beside(account, contract, text).await?;
        if !beside.is_empty() {
            return Ok(Fit::Problems(beside));
        }
        let facts = self.facts(account).await?;
        let unknown = contract::placed(unconnected(contract, &facts), text);
        if !unknown.is_empty() {
            return Ok(Fit::Problems(unknown));
        }
        let named = facts.connections.values().find(|c| c.state == "active" && c.connection.name == contract.crm);
        let Some((held, crm)) = named.and_then(|held| Some((held, held.crm()?))) else {
            return Ok(Fit::NotAsked { why: "no CRM is connected yet".to_owned(), cure: None });
        };
        let mut problems = contract::placed(contract::check_words(contract, crm.words()), text);
        problems.extend(trial::refused(contract, crm.words(), text));
        let live = self.misfits(account, contract, held, crm).await?;
        match live {
            Ok(misfits) => problems.extend(contract::placed(misfits, text)),
            Err((why, cure)) if problems.is_empty() => return Ok(Fit::NotAsked { why, cure }),
            Err(_) => {}
        }
        Ok(if problems.is_empty() { Fit::Fits } else { Fit::Problems(problems) })
    }

    /// What the account's other contracts do not let it say.
    pub async fn beside(&self, account: &AccountId, contract: &Contract, text: &str) -> Result<Vec<Problem>, Error> {
        Ok(clashes(&self.contract_versions(account).await?, contract, text))
    }

    /// What the CRM's own schema does not let the contract do, as it stands now; or why it could not be asked.
    async fn misfits(
        &self,
        account: &AccountId,
        contract: &Contract,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
    ) -> Result<Result<Vec<Problem>, (String, Option<String>)>, Error> {
        if crm.acknowledges() {
            return Ok(Err((format!("{} is a receiver that shows no schema", contract.crm), None)));
        }
        let clock = &self.inner.parts.clock;
        let schema = tokio::select! {
            biased;
            schema = setup::schema(self, account, &held.connection.id) => schema?,
            () = clock.sleep(Duration::from_secs(SCHEMA_SECONDS_MAX)) => {
                return Ok(Err((format!("{} did not show its properties in time", contract.crm), None)));
            }
        };
        let schema = match schema {
            Ok(schema) => schema,
            Err(problem) => return Ok(Err((problem.cause, Some(problem.cure)))),
        };
        Ok(Ok(setup::misfits(crm, contract, &schema).into_iter().filter(|p| !contract::made_by_setup(p)).collect()))
    }

    /// The latest version of every name, by name. Only the one of calls decides about inquiries of calls.
    pub async fn contracts_in_force(&self, account: &AccountId) -> Result<Vec<(ContractRef, Contract)>, Error> {
        let mut latest: BTreeMap<String, ContractRow> = BTreeMap::new();
        for row in self.contract_versions(account).await? {
            latest.insert(row.name.clone(), row);
        }
        let named = |row: ContractRow| {
            let contract = read(&row)?;
            let version = u32::try_from(row.version).unwrap_or(0);
            Ok((ContractRef { id: ContractId::from_text(row.id), name: row.name, version }, contract))
        };
        latest.into_values().map(named).collect()
    }

    /// Every version of every contract of an account, by name and version.
    pub async fn contract_versions(&self, account: &AccountId) -> Result<Vec<ContractRow>, Error> {
        let id = account.as_str().to_owned();
        Ok(self.store().read(move |tx| Box::pin(async move { store::contracts_all(tx, &id).await })).await?)
    }

    /// What a contract would change of the latest version of its name; `None`: there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a version that cannot be read.
    pub async fn would_change(&self, account: &AccountId, wished: &Contract) -> Result<Option<Vec<Change>>, Error> {
        let all = self.contract_versions(account).await?;
        let latest = all.iter().rfind(|row| row.name == wished.name);
        latest.map(|row| Ok(diff(&read(row)?, wished))).transpose()
    }

    /// How the settings' file stands to what is in force: none if it says the same, or may bring its next version at the next start.
    pub async fn file_stands(&self, account: &AccountId, wish: &Wish) -> Result<Option<Refused>, Error> {
        let prepared = self.drafted(account, wish);
        let all = self.contract_versions(account).await?;
        let rows: Vec<&ContractRow> = all.iter().filter(|row| row.name == prepared.new.name).collect();
        let Some(latest) = rows.last().copied().filter(|latest| latest.digest != prepared.new.digest) else {
            return Ok(None);
        };
        let refused = prepared.stands(&rows).err();
        Ok(refused.map(|(why, base)| refusal(why, base, &rows, latest, &wish.contract)))
    }
}

#[cfg(test)]
mod tests;
