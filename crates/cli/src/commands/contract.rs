//! `contract`: check, read aloud, apply, show.

use crate::args::{Contract as Command, Mapping};
use crate::config::{Account, Depth, bounded, connections_named, load};
use crate::house::{self, House, pick_account};
use crate::out::{Out, note, table};
use crate::problems::{Exit, Fail, Source};
use ringback_core::contract::{self, Autonomy, Contract, Sentence, diff, export, pilot, trial};
use ringback_core::crm::CrmWords;
use ringback_core::plan::ContractRef;
use ringback_core::problem::Problem;
use ringback_core::standing::Levels;
use ringback_engine::contracts::Fit;
use ringback_store as store;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What to do about a file that is not what is in force.
pub(crate) const FILE_KEPT: &str =
    "bring the file in step with it, or insist with `ringback contract apply FILE --base VERSION`";

/// The longest contract file, in bytes; parsing has its own, smaller bound and a better message.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Files that are looked at to name the contracts among them.
const FILES_MAX: usize = 1_000;

/// Runs one of the commands.
pub(crate) async fn run(out: Out, config: &Path, named: Option<&str>, command: &Command) -> Result<(), Fail> {
    match command {
        Command::Check { file, live: false } => check(out, config, named, file.as_deref()),
        Command::Check { file, live: true } => {
            let house = house::look(config, Depth::Whole).await?;
            live(out, &house, house.account(named)?, file.as_deref()).await
        }
        Command::Only { fields, file, out: to } => only(out, config, named, fields, (file.as_deref(), to.as_deref())),
        Command::Diff { before, after } => {
            let (a, b) = compared(config, named, before.as_deref(), after.as_deref()).await?;
            differ(out, &a, &b);
            Ok(())
        }
        Command::Backtest(asked) => {
            let house = house::open(config, Depth::Lookup).await?;
            super::contract_backtest::run(out, &house, house.account(named)?, asked).await
        }
        Command::Export { file, format } => {
            let contract = match file {
                Some(file) => read(file, None)?.1,
                None => in_force(config, named).await?,
            };
            let text = match format {
                Mapping::Md => export::markdown(&contract),
                Mapping::Csv => export::csv(&contract),
            };
            out.result(&json!({ "contract": contract.name, "mapping": contract.sentences() }), || text);
            Ok(())
        }
        Command::Test { file } => test(out, config, named, file.as_deref()),
        Command::Explain { field, file: Some(file) } => {
            let (_, contract) = read(file, None)?;
            explain(out, &contract, with_now(&contract, &Levels::default(), &[]), field.as_deref())
        }
        Command::Explain { field, file: None } => Box::pin(aloud(out, config, named, field.as_deref())).await,
        Command::Guarantees => {
            let house = house::open(config, Depth::Lookup).await?;
            super::readiness::guarantees(out, &house, house.account(named)?).await
        }
        Command::Try { connection, i_know_this_writes } => {
            let house = house::open(config, Depth::Whole).await?;
            super::readiness::try_out(out, &house, house.account(named)?, connection, *i_know_this_writes).await
        }
        Command::Level(asked) => {
            let house = house::open(config, Depth::Lookup).await?;
            super::readiness::level(out, &house, house.account(named)?, asked).await
        }
        Command::Paused { look } => {
            let house = house::open(config, Depth::Lookup).await?;
            super::contract_paused::run(out, &house, house.account(named)?, *look).await
        }
        Command::Learned { days } => {
            let house = house::open(config, Depth::Lookup).await?;
            super::learned::learned(out, &house, house.account(named)?, *days).await
        }
        Command::Promote(asked) => {
            let house = house::open(config, Depth::Lookup).await?;
            super::learned::promote(out, &house, house.account(named)?, asked).await
        }
        Command::Apply(asked) => {
            let house = house::open(config, Depth::Lookup).await?;
            super::contract_apply::run(out, &house, house.account(named)?, asked).await
        }
        Command::Show => {
            let house = house::look(config, Depth::Lookup).await?;
            show(out, &house, house.account(named)?).await
        }
    }
}

/// The file that is meant: the one named, else the one of the settings.
pub(super) fn meant(file: Option<&Path>, account: Option<&Account>) -> Result<PathBuf, Fail> {
    let configured = account.and_then(|a| a.contract_file.clone());
    file.map(Path::to_owned).or(configured).ok_or_else(|| {
        let cure = "name a file, or name one in [[account]] contract";
        Fail::new(Exit::Usage, "RB-0310", "there is no contract to check", cure)
    })
}

/// Words of the CRM that a contract writes to: of its connection where the settings have it, else of the vendor whose names it uses.
pub(crate) fn words(contract: &Contract, account: Option<&Account>) -> &'static CrmWords {
    let connection = account.and_then(|a| a.connections.iter().find(|c| c.connection.name == contract.crm));
    let of = &contract.matching.properties;
    let alike = || ringback_connect::CRMS.iter().find(|c| c.words().contact_owner == of.owner).copied();
    let found = connection.and_then(|c| ringback_connect::crm(&c.connection.vendor)).or_else(alike);
    found.unwrap_or(&ringback_connect::crms::hubspot::HubSpot).words()
}

/// Refuses a contract one of whose own tests fails, each at its line.
pub(super) fn tested(path: &Path, text: &str, contract: &Contract, account: Option<&Account>) -> Result<(), Fail> {
    let problems = trial::refused(contract, words(contract, account), text);
    let source = Source { path: path.display().to_string(), text: text.to_owned() };
    Fail::of(Exit::Check, vec![(Some(source), problems)]).map_or(Ok(()), Err)
}

fn test(out: Out, config: &Path, named: Option<&str>, file: Option<&Path>) -> Result<(), Fail> {
    let reading = if config.exists() { Some(load(config, Depth::Lookup)?) } else { None };
    let account = reading.as_ref().map(|r| pick_account(&r.config, named)).transpose()?;
    let path = meant(file, account)?;
    let (_, contract) = read(&path, None)?;
    let trials = trial::run(&contract, words(&contract, account));
    let failed = trials.iter().filter(|t| !t.passed).count();
    let shown = json!({ "ok": failed == 0, "contract": contract.name, "tests": trials, "failed": failed });
    out.result(&shown, || {
        let mut lines: Vec<String> = Vec::new();
        for trial in &trials {
            lines.push(format!("{}  {}", if trial.passed { "pass" } else { "FAIL" }, trial.name));
            for d in &trial.differences {
                lines.push(format!("      {}: expected {}", d.about, d.expected));
                lines.push(format!("      {:width$}  came     {}", "", d.got, width = d.about.chars().count()));
            }
        }
        lines.push(match (trials.len(), failed) {
            (0, _) => "there is no [[test]] in this contract: write one beside the rule that matters most".to_owned(),
            (all, 0) => format!("{all} tests pass"),
            (all, failed) => format!("{failed} of {all} tests fail"),
        });
        lines.join("\n")
    });
    if failed > 0 {
        // Each stands in the result above with what was expected and what came.
        return Err(Fail::new(Exit::Check, "RB-0221", "a test fails", "mend the rule, or the test").told());
    }
    Ok(())
}

fn check(out: Out, config: &Path, named: Option<&str>, file: Option<&Path>) -> Result<(), Fail> {
    // With settings at hand the roster is checked too; a contract on its own is checked on its own.
    let reading = if config.exists() { Some(load(config, Depth::Lookup)?) } else { None };
    let account = reading.as_ref().map(|r| pick_account(&r.config, named)).transpose()?;
    let path = meant(file, account)?;
    let (text, contract) = read(&path, account)?;
    let lacking = Lacking::of(&contract, &text);
    lacking.after(&path, trial::refused(&contract, words(&contract, account), &text))?;
    tell_unfed(&path, &text, &contract);
    let tests = contract.tests.len();
    let told = if tests == 0 { "no tests of its own".to_owned() } else { format!("{tests} tests pass") };
    let shown = json!({ "ok": !lacking.stops(), "contract": contract.name, "digest": contract.digest(), "fields": contract.fields.len(),
        "tests": tests, "roster": account.is_some(), "lacking": lacking.json(&path) });
    out.result(&shown, || {
        let roster = if account.is_some() {
            "and fits your locations and staff"
        } else {
            "(no settings here: locations and staff were not checked)"
        };
        let live = if account.is_some() {
            "\nWhether the CRM has its properties: `ringback contract check --live`"
        } else {
            ""
        };
        format!(
            "{} can be used {roster}: {} fields, {told}{}{live}",
            contract.name,
            contract.fields.len(),
            less(&contract)
        )
    });
    lacking.told(&path)
}

/// What a pilot needs in writing and a contract does not say.
struct Lacking {
    problems: Vec<Problem>,
    text: String,
    /// The contract is to do more than observe and suggest.
    pilots: bool,
}

impl Lacking {
    fn of(contract: &Contract, text: &str) -> Self {
        let problems = pilot::lacking(contract, Some(text));
        Self { problems, text: text.to_owned(), pilots: contract.ceiling() > Autonomy::Suggest }
    }

    /// A contract that only observes or suggests needs none of it yet.
    fn stops(&self) -> bool {
        self.pilots && !self.problems.is_empty()
    }

    fn fail(&self, path: &Path) -> Option<Fail> {
        self.with(path, self.problems.clone())
    }

    fn with(&self, path: &Path, problems: Vec<Problem>) -> Option<Fail> {
        let source = Source { path: path.display().to_string(), text: self.text.clone() };
        Fail::of(Exit::Check, vec![(Some(source), problems)])
    }

    /// Refuses for other problems, with what is lacking beside them: everything at once.
    fn after(&self, path: &Path, mut others: Vec<Problem>) -> Result<(), Fail> {
        if others.is_empty() {
            return Ok(());
        }
        others.extend(self.problems.iter().filter(|_| self.pilots).cloned());
        self.with(path, others).map_or(Ok(()), Err)
    }

    fn json(&self, path: &Path) -> serde_json::Value {
        self.fail(path).map_or_else(|| json!([]), |fail| fail.json()["problems"].clone())
    }

    fn told(&self, path: &Path) -> Result<(), Fail> {
        match self.fail(path) {
            Some(fail) if self.pilots => Err(fail.told()),
            Some(fail) => {
                note(format!("before more may happen than suggestions:\n\n{}", fail.render().trim_end()));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Which clauses say more than the contract's own level lets happen.
fn less(contract: &Contract) -> String {
    let levels = Levels::default();
    let names = contract.held_back(&levels);
    if names.is_empty() {
        return String::new();
    }
    let level = contract.autonomy.word();
    format!(
        "\nAt its level, {level}, less is done than these clauses say: {} (`ringback contract explain`)",
        names.join(", ")
    )
}

/// Says which clauses will stay empty, and where they stand: that is no mistake, and seldom what was meant.
fn tell_unfed(path: &Path, text: &str, contract: &Contract) {
    let places = contract::parse::places(text);
    let source = Source { path: path.display().to_string(), text: text.to_owned() };
    for name in contract::unfed(contract) {
        let line =
            places.of(&format!("field.{name}")).map(|at| format!("{}:{}: ", source.path, source.place(at.start).0));
        note(format!(
            "{}nothing feeds field.{name}, so it stays empty; write from = what feeds it: {}",
            line.unwrap_or_default(),
            contract::feeds()
        ));
    }
}

/// A shorter contract, to stdout or into a file, which may be the one it is made from.
fn only(
    out: Out,
    config: &Path,
    named: Option<&str>,
    fields: &[String],
    (file, to): (Option<&Path>, Option<&Path>),
) -> Result<(), Fail> {
    let reading = if config.exists() { Some(load(config, Depth::Lookup)?) } else { None };
    let account = reading.as_ref().map(|r| pick_account(&r.config, named)).transpose()?;
    let path = meant(file, account)?;
    let (text, _) = read(&path, account)?;
    let names = fields.iter().flat_map(|f| f.split(',')).map(|f| f.trim().trim_start_matches("field."));
    let short = match contract::only(&text, &names.filter(|name| !name.is_empty()).collect::<Vec<_>>()) {
        Ok(short) => short,
        Err(problems) => return Fail::of(Exit::Missing, vec![(None, problems)]).map_or(Ok(()), Err),
    };
    let Some(to) = to else {
        out.result(&json!({ "contract": short }), || short.trim_end().to_owned());
        return Ok(());
    };
    let other =
        std::fs::read_to_string(to).is_ok_and(|held| !held.trim().is_empty() && contract::parse(&held).0.is_none());
    if other {
        let cause = format!("{} holds something else than a contract", to.display());
        return Err(Fail::new(Exit::Usage, "RB-0312", cause, "name another file, or take that one away"));
    }
    // Beside it first: what is there is whole until the new one is.
    let mut beside = to.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, &short).and_then(|()| std::fs::rename(&beside, to)).map_err(|error| {
        let cause = format!("{} cannot be written: {error}", to.display());
        Fail::new(Exit::Usage, "RB-0312", cause, "name a file that this user may write")
    })?;
    out.result(&json!({ "wrote": to }), || format!("wrote {}", to.display()));
    Ok(())
}

/// The same, and against the CRM as it is now, by the settings as they are now and not as they were applied last: what could not be asked is no
/// success.
async fn live(out: Out, house: &House, account: &Account, file: Option<&Path>) -> Result<(), Fail> {
    let path = meant(file, Some(account))?;
    let (text, contract) = read(&path, Some(account))?;
    let id = account.id();
    // The versions beside it stand in the store alone.
    let beside = house.engine.beside(&id, &contract, &text).await?;
    let fit = if beside.is_empty() {
        super::doctor::trial(house.config()).await?.fit_contract(&id, &contract, &text).await?
    } else {
        Fit::Problems(beside)
    };
    let problems = match fit {
        Fit::Fits => Vec::new(),
        Fit::Problems(problems) => problems,
        Fit::NotAsked { why, cure: Some(cure) } => {
            let cause = format!("the CRM's own properties were not compared: {why}");
            return Err(Fail::new(Exit::Unavailable, "RB-0226", cause, cure));
        }
        Fit::NotAsked { why, cure: None } => {
            let cause = format!("the CRM's own properties were not compared: {why}");
            let connections = account.connections.iter().map(|c| c.connection.name.as_str());
            let cure = if connections.clone().any(|name| name == contract.crm) {
                format!(
                    "check base_url and secret of {}, and that the CRM can be reached from this machine: `ringback doctor`",
                    contract.crm
                )
            } else {
                format!("write crm = one of {}", connections.collect::<Vec<_>>().join(", "))
            };
            return Err(Fail::new(Exit::Unavailable, "RB-0226", cause, cure));
        }
    };
    let lacking = Lacking::of(&contract, &text);
    lacking.after(&path, problems)?;
    tell_unfed(&path, &text, &contract);
    let shown = json!({ "ok": !lacking.stops(), "contract": contract.name, "digest": contract.digest(), "fields": contract.fields.len(),
        "live": true, "lacking": lacking.json(&path) });
    out.result(&shown, || {
        format!(
            "{} can be used, fits your locations and staff and {crm} as it is now: {} fields{}\nProperties that begin with rb_ are made by `ringback connect {crm}`",
            contract.name,
            contract.fields.len(),
            less(&contract),
            crm = contract.crm
        )
    });
    lacking.told(&path)
}

/// The contract of a file, or everything that is wrong with it.
pub(crate) fn read(path: &Path, account: Option<&Account>) -> Result<(String, Contract), Fail> {
    let text = bounded(path, FILE_BYTES_MAX).map_err(|error| {
        let cause = match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no file {}", path.display()),
            _ => format!("the contract {} cannot be read: {error}", path.display()),
        };
        Fail::new(Exit::Usage, "RB-0310", cause, beside(path))
    })?;
    if text.trim().is_empty() {
        let cause = format!("{} is empty", path.display());
        let cure = "`ringback init` fills it again, and `ringback contract show` prints the version in force; to shorten a contract in its own file use `contract only FIELD… --out FILE`, \
                    because > empties the file before it is read";
        return Err(Fail::new(Exit::Check, "RB-0203", cause, cure));
    }
    let (contract, mut problems) = contract::parse(&text);
    if let Some(account) = account {
        problems.extend(contract::placed(connections_named(account, &text), &text));
    }
    if let Some((contract, account)) = contract.as_ref().zip(account) {
        problems.extend(contract::placed(contract::check_roster(contract, &account.roster), &text));
    }
    if let Some(contract) = contract.as_ref().filter(|_| problems.is_empty()) {
        problems.extend(contract::placed(contract::check_words(contract, words(contract, account)), &text));
    }
    let source = Source { path: path.display().to_string(), text: text.clone() };
    match (contract, Fail::of(Exit::Check, vec![(Some(source), problems)])) {
        (Some(contract), None) => Ok((text, contract)),
        (_, Some(fail)) => Err(fail),
        (None, None) => {
            Err(Fail::new(Exit::Check, "RB-0203", "the contract says nothing", "start from `ringback init`"))
        }
    }
}

/// The contracts that lie where one was looked for.
fn beside(path: &Path) -> String {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_MAX);
    let mut there: Vec<String> = files
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "toml"))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "ringback.toml")
        .collect();
    there.sort_unstable();
    if there.is_empty() {
        return "`ringback init` makes one, or name a file that is there".to_owned();
    }
    format!("there are {}", there.join(", "))
}

async fn in_force(config: &Path, named: Option<&str>) -> Result<Contract, Fail> {
    let house = house::look(config, Depth::Lookup).await?;
    let id = house.account(named)?.id();
    let Some((_, contract)) = house.engine.contract(&id).await? else { return Err(none_applied()) };
    Ok((*contract).clone())
}

/// The file that the settings name, and what it says.
fn of_settings(config: &Path, named: Option<&str>) -> Result<(PathBuf, Contract), Fail> {
    let reading = load(config, Depth::Lookup)?;
    let path = meant(None, Some(pick_account(&reading.config, named)?))?;
    let (_, contract) = read(&path, None)?;
    Ok((path, contract))
}

/// A contract by the number of its version, or by its file.
async fn either(config: &Path, named: Option<&str>, of: &str) -> Result<Contract, Fail> {
    let Ok(version) = of.trim_start_matches('v').parse::<i64>() else { return Ok(read(Path::new(of), None)?.1) };
    let house = house::look(config, Depth::Lookup).await?;
    let account = house.account(named)?.id().as_str().to_owned();
    let rows =
        house.engine.store().read(move |tx| Box::pin(async move { store::contracts_all(tx, &account).await })).await?;
    let held: Vec<String> = rows.iter().map(|r| r.version.to_string()).collect();
    let Some(row) = rows.into_iter().find(|r| r.version == version) else {
        let cure = format!("there are the versions {}; a file is named by its path, such as ./{of}", held.join(", "));
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no version {of} of the contract"), cure));
    };
    serde_json::from_str(&row.compiled).map_err(|error| {
        let cause = format!("version {of} was stored in a form that this program does not read: {error}");
        Fail::new(Exit::Check, "RB-0313", cause, "compare with its file instead")
    })
}

/// What is compared with what: one name alone is what may come, and is held against what is in force.
async fn compared(
    config: &Path,
    named: Option<&str>,
    before: Option<&str>,
    after: Option<&str>,
) -> Result<(Contract, Contract), Fail> {
    let (before, after) = if after.is_none() { (None, before) } else { (before, after) };
    let was = match before {
        Some(before) => either(config, named, before).await?,
        None => in_force(config, named).await?,
    };
    let is = match after {
        Some(after) => either(config, named, after).await?,
        None => of_settings(config, named)?.1,
    };
    Ok((was, is))
}

fn differ(out: Out, before: &Contract, after: &Contract) {
    let changes = diff::diff(before, after);
    let shown = json!({ "changes": changes });
    out.result(&shown, || {
        if changes.is_empty() {
            return "nothing changes".to_owned();
        }
        let line = |c: &diff::Change| format!("{:8}  {}\n          ({})", c.way.word(), c.text, c.clause);
        changes.iter().map(line).collect::<Vec<_>>().join("\n")
    });
}

/// What is in force, read aloud, and whether the file of the settings says the same; before the first start there is only the file.
async fn aloud(out: Out, config: &Path, named: Option<&str>, field: Option<&str>) -> Result<(), Fail> {
    match said_now(config, named).await {
        Ok((reference, contract, said)) => {
            let version = format!("this is version {} of {}, which is in force", reference.version, reference.name);
            match of_settings(config, named) {
                Ok((path, draft)) if draft.digest() != contract.digest() => note(format!(
                    "{version}; {file} says something else: `ringback contract explain --file {file}` reads that",
                    file = path.display()
                )),
                _ => note(version),
            }
            explain(out, &contract, said, field)
        }
        Err(fail) => {
            let reading = load(config, Depth::Lookup)?;
            if meant(None, Some(pick_account(&reading.config, named)?)).is_err() {
                return Err(fail);
            }
            let (path, contract) = of_settings(config, named)?;
            if fail.has("RB-0313") {
                note(format!("this is {}; nothing is in force yet", path.display()));
            } else {
                note(format!("this is {}; what is in force could not be read: {}", path.display(), fail.words()));
            }
            explain(out, &contract, contract.sentences(), field)
        }
    }
}

/// What is in force, each clause with what holds of it at the account's level.
async fn said_now(config: &Path, named: Option<&str>) -> Result<(ContractRef, Contract, Vec<Sentence>), Fail> {
    let house = house::look(config, Depth::Lookup).await?;
    let id = house.account(named)?.id();
    let Some((reference, contract)) = house.engine.contract(&id).await? else { return Err(none_applied()) };
    let facts = house.engine.facts(&id).await?;
    let places: Vec<&str> = facts.roster.locations.iter().map(|l| l.slug.as_str()).collect();
    let said = with_now(&contract, &facts.standing.levels, &places);
    Ok((reference, (*contract).clone(), said))
}

/// The clauses as sentences, each with what its level takes from it.
fn with_now(contract: &Contract, levels: &Levels, places: &[&str]) -> Vec<Sentence> {
    let one = |(mut sentence, now): (Sentence, String)| {
        sentence.text.extend((!now.is_empty()).then(|| format!(" {now}")));
        sentence
    };
    contract.sentences_at(levels, places).into_iter().map(one).collect()
}

fn explain(out: Out, contract: &Contract, said: Vec<Sentence>, field: Option<&str>) -> Result<(), Fail> {
    let wanted = field.map(|f| f.trim_start_matches("field."));
    if let Some(lacks) = wanted.and_then(|name| contract.lacks(name)) {
        return Fail::of(Exit::Missing, vec![(None, vec![lacks])]).map_or(Ok(()), Err);
    }
    let clause = wanted.map(|name| format!("field.{name}"));
    let all: Vec<Sentence> = said.into_iter().filter(|s| clause.as_ref().is_none_or(|c| *c == s.clause)).collect();
    out.result(&all, || all.iter().map(|s| format!("{}\n  {}", s.clause, s.text)).collect::<Vec<_>>().join("\n\n"));
    Ok(())
}

async fn show(out: Out, house: &House, account: &Account) -> Result<(), Fail> {
    let id = account.id();
    let Some((reference, _)) = house.engine.contract(&id).await? else { return Err(none_applied()) };
    let of = id.as_str().to_owned();
    let rows =
        house.engine.store().read(move |tx| Box::pin(async move { store::contracts_all(tx, &of).await })).await?;
    let source = rows.iter().find(|r| r.id == reference.id.as_str()).map(|r| r.source.clone()).unwrap_or_default();
    let when = |micros: i64| ringback_engine::instant(micros).to_string();
    let versions: Vec<_> = rows
        .iter()
        .map(|r| json!({ "name": r.name, "version": r.version, "digest": r.digest, "applied_at": when(r.applied_at), "applied_by": r.applied_by }))
        .collect();
    let shown = json!({ "name": reference.name, "version": reference.version, "source": source, "versions": versions });
    out.result(&shown, || {
        let cells = |r: &store::ContractRow| {
            vec![r.name.clone(), r.version.to_string(), when(r.applied_at), r.applied_by.clone()]
        };
        let versions = table(&["contract", "version", "applied", "by"], &rows.iter().map(cells).collect::<Vec<_>>());
        format!(
            "# base: {} version {}\n{source}\n# in force: {} version {}\n# {}",
            reference.name,
            reference.version,
            reference.name,
            reference.version,
            versions.replace('\n', "\n# ")
        )
    });
    Ok(())
}

fn none_applied() -> Fail {
    let cure = "name one in [[account]] contract and start, or `ringback contract apply FILE`";
    Fail::new(Exit::Missing, "RB-0313", "no contract was applied to this account", cure)
}
