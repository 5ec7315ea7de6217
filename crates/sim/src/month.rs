//! A month of calls in a real data directory: `ringback init` and `ringback user add` make it, the real engine lives the days on virtual
//! time against one CRM's twin, three things are lost on known days, and the twin is served for whoever looks afterwards.
//!
//! The days are those before today, so that every command of the program (`reconcile`, `proof make`, `serve`) can be run on the directory at once.
//! What is lost: a webhook that never came (its call stands in the phone system's log), a person's record that somebody deleted in the CRM,
//! and one that a rep made a second time there. Everything else arrives; people call back, and the last afternoon is left to do.

use crate::dice::{Dice, SeededChance};
use crate::matrix::settings_lines;
use crate::matrix::yard::{Net, Twin, prepare_by_hand, webhook};
use crate::stage::VirtualClock;
use crate::{out, words};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use ringback_core::id::{AccountId, ConnectionId, UserId};
use ringback_core::inquiry::{CallbackResult, Event};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_engine::keyring::Keyring;
use ringback_engine::mail::NoMailer;
use ringback_engine::{Engine, Error, Parts, Settings};
use ringback_store::{Durability, Options as StoreOptions, Store};
use ringback_twins::books::Kind;
use ringback_twins::crms;
use ringback_twins::fault::Faulty;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

/// The days begin in this zone: that of most of the locations.
pub const ZONE: &str = "America/Phoenix";
/// Who signs in to the console of the directory, and how.
pub const USER: (&str, &str) = ("dana@example.com", "a month of calls");
/// The log of the phone system, in the directory.
pub const LOG_FILE: &str = "phone-log.csv";
/// The connection that says how the log is read.
pub const LOG_CONNECTION: &str = "phones";
/// The fewest days: one for each loss, and one without.
pub const DAYS_MIN: u32 = 4;
/// The fewest calls of a day, so that every location hears one.
pub const CALLS_MIN: u32 = 4;

const ACCOUNT: &str = "acct_main";
const CALLS: &str = "calls";
const SIGNING: &str = "whsec_YS1tb250aC1vZi1jYWxscy1pbi1hLXRlc3QtZGlyZWN0b3J5";
/// Slug, name, zone and line.
const PLACES: [(&str, &str, &str, &str); 4] = [
    ("phoenix", "Phoenix", "America/Phoenix", "+16025550100"),
    ("tucson", "Tucson", "America/Phoenix", "+15205550100"),
    ("denver", "Denver", "America/Denver", "+13035550100"),
    ("chicago", "Chicago", "America/Chicago", "+17735550100"),
];
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// The CRM is set up so long before the first day: what that used of its budgets is over by then.
const SET_UP_BEFORE_MS: i64 = 2 * 86_400_000;
/// So many people are customers or leads already; some of them call.
const PEOPLE: usize = 150;
/// Area codes of callers, as those of the people who are seeded; the rest is a number that belongs to nobody.
const AREAS: [u16; 12] = [205, 303, 312, 404, 415, 503, 602, 617, 702, 713, 804, 919];
const CALLERS_MAX: usize = AREAS.len() * 100;
/// So many of a hundred calls come from somebody who rang that location before.
const AGAIN_PERCENT: i64 = 22;
/// A caller does not try again sooner than this.
const REDIAL_MINUTES_MIN: i64 = 6;
/// So many of a hundred calls come outside the opening hours, 8 to 17.
const AFTER_HOURS_PERCENT: i64 = 20;
const ROUNDS_MAX: usize = 1_000_000;

/// What to make.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where; nothing may be there yet.
    pub directory: PathBuf,
    /// The CRM, by its vendor's word.
    pub crm: String,
    /// [`DAYS_MIN`] or more; the last one is yesterday.
    pub days: u32,
    /// [`CALLS_MIN`] or more, over all locations.
    pub calls_a_day: u32,
    pub seed: u64,
    /// Where the twin will be served.
    pub listen: SocketAddr,
    /// The built `ringback`.
    pub program: PathBuf,
}

/// Something that was lost on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// For a person.
    pub what: &'static str,
    /// The day of the call that it is about, in [`ZONE`].
    pub day: Date,
    /// The location's slug.
    pub location: &'static str,
    pub caller: String,
    /// The CRM's id of the record that is gone, or there beside the first one.
    pub record: Option<String>,
}

/// What was made.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub crm: String,
    pub directory: PathBuf,
    pub first_day: Date,
    pub last_day: Date,
    /// All calls, those that somebody or an agent answered with them.
    pub calls: usize,
    /// Missed calls by day: what the proof of that day must say rang.
    pub missed: BTreeMap<Date, u64>,
    /// In the order in which they were told: never delivered, deleted, doubled.
    pub losses: Vec<Loss>,
    pub listening: SocketAddr,
}

/// The month, and the twin to be served.
pub struct Month {
    pub summary: Summary,
    twin: Twin,
    listener: TcpListener,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    RangOut,
    HungUp,
    Busy,
    Voicemail,
    Agent,
    Answered,
}

impl Ended {
    /// Somebody of the business answered; an agent is nobody.
    fn heard(self) -> bool {
        matches!(self, Self::Answered)
    }

    /// As the sender of webhooks says it, and as the log does.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::RangOut => ("ring_no_answer", "no answer"),
            Self::HungUp => ("abandoned", "hung up"),
            Self::Busy => ("busy", "busy"),
            Self::Voicemail => ("voicemail", "voicemail"),
            Self::Agent => ("ai_answered", "AI answered"),
            Self::Answered => ("answered", "answered"),
        }
    }
}

#[derive(Debug, Clone)]
struct Call {
    id: String,
    day: Date,
    place: usize,
    caller: String,
    at_ms: i64,
    seconds: i64,
    ended: Ended,
    words: Option<String>,
    told: bool,
}

#[derive(Debug, Clone)]
enum Act {
    Tell(usize),
    CallBack(String, CallbackResult),
    Delete(String),
    Double(String),
}

/// Makes the directory and lives the days.
pub async fn make(options: &Options) -> Result<Month> {
    ensure!(options.days >= DAYS_MIN, "--days {}: {DAYS_MIN} or more", options.days);
    ensure!(options.calls_a_day >= CALLS_MIN, "--calls {}: {CALLS_MIN} or more a day", options.calls_a_day);
    ensure!(options.program.is_file(), "{} is not there: build the workspace first", options.program.display());
    ensure!(options.crm != "hook", "a receiver by webhook cannot be read, so no proof can be made against it");
    let listener = TcpListener::bind(options.listen).await.with_context(|| format!("{} is taken", options.listen))?;
    let address = listener.local_addr()?;
    let (mut held, token) =
        crms::accepting(&options.crm, None).ok_or_else(|| anyhow!("there is no simulated {:?}", options.crm))?;
    prepare_by_hand(held.as_mut(), &options.crm)?;
    let connection = settings_lines(held.as_ref(), &token, address);
    furnish(options, &connection).await?;

    let now = SystemClock.now();
    let zone = TimeZone::get(ZONE)?;
    let last_day = now.to_zoned(zone.clone()).date().yesterday()?;
    let first_day = last_day.checked_sub((i64::from(options.days) - 1).days())?;
    let start_ms = first_day.to_zoned(zone)?.timestamp().as_millisecond();
    crms::seed_people(held.as_mut(), PEOPLE, start_ms - SET_UP_BEFORE_MS - HOUR_MS);
    let mut dice = Dice::new(options.seed ^ 0x3017);
    let calls = calls(&mut dice, options, first_day)?;
    let twin: Twin = Arc::new(Mutex::new(Faulty::new(held, crate::world::quiet())));
    let clock = Arc::new(VirtualClock::at(start_ms - SET_UP_BEFORE_MS));
    let engine = open(&options.directory, clock.clone(), twin.clone(), options.seed).await?;
    let account = AccountId::from_text(ACCOUNT);
    let crm = ConnectionId::from_text(format!("{}-main", options.crm));
    let connected = ringback_engine::setup::connect(&engine, &account, &crm).await?;
    ensure!(connected.problems.is_empty(), "{} could not be set up: {:?}", options.crm, connected.problems);
    clock.reach(start_ms);
    let mut days = Days { engine, clock, twin: twin.clone(), account, calls: &calls, records: BTreeMap::new() };
    let acts = acts(&mut dice, &calls, last_day)?;
    days.live(acts, now.as_millisecond() - MINUTE_MS).await?;
    let records = std::mem::take(&mut days.records);
    days.engine.store().clone().close().await;

    tokio::fs::write(options.directory.join(LOG_FILE), log(&calls)?).await?;
    let mut missed: BTreeMap<Date, u64> = BTreeMap::new();
    for call in calls.iter().filter(|c| !c.ended.heard()) {
        *missed.entry(call.day).or_default() += 1;
    }
    let losses = losses(options, first_day)?;
    let losses = losses.into_iter().map(|loss| Loss { record: records.get(&loss.caller).cloned(), ..loss }).collect();
    let (crm, directory) = (options.crm.clone(), options.directory.clone());
    let summary =
        Summary { crm, directory, first_day, last_day, calls: calls.len(), missed, losses, listening: address };
    Ok(Month { summary, twin, listener })
}

impl Summary {
    /// For whoever made it: what was lost, and what to type now.
    pub fn told(&self) -> String {
        let mut text = format!(
            "{} days, {} to {}: {} calls, {} of them missed, at {} locations, in {}\n",
            self.missed.len(),
            self.first_day,
            self.last_day,
            self.calls,
            self.missed.values().sum::<u64>(),
            PLACES.len(),
            self.crm
        );
        for loss in &self.losses {
            let record = loss.record.as_ref().map(|id| format!(", record {id}")).unwrap_or_default();
            text.push_str(&format!("  {}  {:<8} {} ({}{record})\n", loss.day, loss.location, loss.what, loss.caller));
        }
        let directory = self.directory.display();
        text.push_str(&format!(
            "\nThe simulated {} listens on http://{} until this ends. Now:\n  cd {directory}\n  \
             ringback proof make --day {} --through {} --phone-log {LOG_FILE} --out proofs\n  \
             ringback proof verify proofs/main-{}-1.proof.jsonl\n  \
             ringback reconcile --since {} --phone-log {LOG_FILE}\n  \
             ringback serve      # sign in as {} with the password {:?}",
            self.crm, self.listening, self.first_day, self.last_day, self.first_day, self.first_day, USER.0, USER.1
        ));
        text
    }
}

impl Month {
    /// Serves the twin at real time until the task is dropped.
    pub async fn serve(self) -> Result<()> {
        let now = || SystemClock.now().as_millisecond();
        ringback_twins::serve::serve(self.twin, self.listener, now).await.context("the twin stopped")
    }
}

/// The three losses, without the records that do not exist yet.
fn losses(options: &Options, first_day: Date) -> Result<Vec<Loss>> {
    let days = i64::from(options.days);
    let of = |what, nth: i64, location, caller: &str| -> Result<Loss> {
        Ok(Loss { what, day: first_day.checked_add(nth.days())?, location, caller: caller.into(), record: None })
    };
    Ok(vec![
        of("a webhook never delivered", days / 4, "chicago", "+15205550101")?,
        of("a person deleted in the CRM", days / 2, "tucson", "+15205550102")?,
        of("a person made a second time by a rep", days * 3 / 4, "denver", "+15205550103")?,
    ])
}

fn calls(dice: &mut Dice, options: &Options, first_day: Date) -> Result<Vec<Call>> {
    // The first of each area may be a line of the business, which is nobody's caller.
    let mut numbers: Vec<usize> = (AREAS.len()..CALLERS_MAX).collect();
    dice.shuffle(&mut numbers);
    let mut rang: Vec<Vec<(String, i64)>> = vec![Vec::new(); PLACES.len()];
    let mut calls = Vec::new();
    let losses = losses(options, first_day)?;
    for nth in 0..options.days {
        let day = first_day.checked_add(i64::from(nth).days())?;
        let mut today = Vec::new();
        for n in 0..options.calls_a_day {
            let place = usize::try_from(n).unwrap_or(0) % PLACES.len();
            let at_ms = moment(dice, day, place)?;
            let before = rang.get_mut(place).context("no such place")?;
            let again = dice.percent(AGAIN_PERCENT) && !before.is_empty();
            let fresh = if again { None } else { numbers.pop() };
            let caller = match fresh {
                Some(n) => format!("+1{}55501{:02}", AREAS.get(n % AREAS.len()).context("no area")?, n / AREAS.len()),
                None => dice.pick(before).0.clone(),
            };
            let near =
                |(who, at): &(String, i64)| *who == caller && (at - at_ms).abs() < REDIAL_MINUTES_MIN * MINUTE_MS;
            if before.iter().any(near) {
                continue;
            }
            before.push((caller.clone(), at_ms));
            today.push(call(dice, day, place, caller, at_ms));
        }
        for (kind, loss) in losses.iter().enumerate().filter(|(_, loss)| loss.day == day) {
            let place = PLACES.iter().position(|p| p.0 == loss.location).unwrap_or(0);
            let zone = TimeZone::get(PLACES.get(place).context("no such place")?.2)?;
            let at_ms = day.at(10, 17, 0, 0).to_zoned(zone)?.timestamp().as_millisecond();
            let mut call = call(dice, day, place, loss.caller.clone(), at_ms);
            (call.ended, call.words, call.told) = (Ended::RangOut, None, kind != 0);
            today.push(call);
        }
        calls.extend(today);
    }
    calls.sort_by_key(|c| c.at_ms);
    for (n, call) in calls.iter_mut().enumerate() {
        call.id = format!("PB{n:05}");
    }
    Ok(calls)
}

/// When somebody rings: mostly in opening hours of the location, else in the morning or in the evening of the same day in [`ZONE`].
fn moment(dice: &mut Dice, day: Date, place: usize) -> Result<i64> {
    let zone = TimeZone::get(PLACES.get(place).context("no such place")?.2)?;
    let midnight = day.to_zoned(zone)?.timestamp().as_millisecond();
    let (from, to) = match dice.percent(AFTER_HOURS_PERCENT) {
        false => (8 * 60 + 5, 16 * 60 + 55),
        true if dice.percent(30) => (6 * 60, 7 * 60 + 50),
        true => (17 * 60 + 5, 20 * 60 + 30),
    };
    Ok(midnight + dice.between(from * 60, to * 60) * 1_000)
}

fn call(dice: &mut Dice, day: Date, place: usize, caller: String, at_ms: i64) -> Call {
    let ended = match dice.between(1, 100) {
        1..=28 => Ended::RangOut,
        29..=53 => Ended::Voicemail,
        54..=66 => Ended::HungUp,
        67..=71 => Ended::Busy,
        72..=84 => Ended::Agent,
        _ => Ended::Answered,
    };
    let urgent = dice.percent(10);
    let words = match ended {
        Ended::Voicemail => Some(words::message(dice, urgent).text),
        Ended::Agent => {
            Some(format!("Agent: Thanks for calling. Is it an emergency?\nCaller: {}", words::plain(dice).text))
        }
        _ => None,
    };
    let seconds = match ended {
        Ended::HungUp => dice.between(4, 14),
        Ended::Busy => 0,
        Ended::Agent | Ended::Answered => dice.between(60, 400),
        _ => dice.between(20, 70),
    };
    Call { id: String::new(), day, place, caller, at_ms, seconds, ended, words, told: true }
}

/// Everything that happens, in its order.
fn acts(dice: &mut Dice, calls: &[Call], last_day: Date) -> Result<Vec<(i64, Act)>> {
    let mut all = Vec::new();
    let mut lost = ["+15205550102", "+15205550103"].into_iter();
    let (deleted, doubled) = (lost.next().unwrap_or_default(), lost.next().unwrap_or_default());
    for (n, call) in calls.iter().enumerate() {
        let over_ms = call.at_ms + call.seconds * 1_000;
        if call.told {
            all.push((over_ms + 2_000, Act::Tell(n)));
        }
        let zone = TimeZone::get(PLACES.get(call.place).context("no such place")?.2)?;
        let local = Timestamp::from_millisecond(over_ms)?.to_zoned(zone.clone());
        let next = |hour: i8, minute: i8| -> Result<i64> {
            Ok(call.day.tomorrow()?.at(hour, minute, 0, 0).to_zoned(zone.clone())?.timestamp().as_millisecond())
        };
        if call.caller == deleted {
            all.push((next(10, 0)?, Act::Delete(call.caller.clone())));
        } else if call.caller == doubled {
            all.push((next(11, 0)?, Act::Double(call.caller.clone())));
        }
        let left_to_do = call.day == last_day && local.hour() >= 14;
        if call.ended.heard() || !call.told || left_to_do {
            continue;
        }
        // In the open hours soon, else in the morning; whoever is not reached is tried again.
        let mut at_ms = match local.hour() {
            8..=15 => over_ms + dice.between(4, 50) * MINUTE_MS,
            hour if hour < 8 => {
                let opens = call.day.at(8, 0, 0, 0).to_zoned(zone.clone())?.timestamp().as_millisecond();
                opens + dice.between(5, 60) * MINUTE_MS
            }
            _ => next(8, 0)? + dice.between(5, 60) * MINUTE_MS,
        };
        if dice.percent(25) {
            all.push((at_ms, Act::CallBack(call.caller.clone(), CallbackResult::NoAnswer)));
            at_ms += dice.between(20, 120) * MINUTE_MS;
        }
        let result = if dice.percent(40) { CallbackResult::Booked } else { CallbackResult::Reached };
        all.push((at_ms, Act::CallBack(call.caller.clone(), result)));
    }
    all.sort_by_key(|(at_ms, _)| *at_ms);
    Ok(all)
}

/// The phone system's own log, which knows of every call.
fn log(calls: &[Call]) -> Result<String> {
    let mut log = String::from("Call ID,From,To,Start,Duration,Result\n");
    for call in calls {
        let (_, _, zone, line) = PLACES.get(call.place).context("no such place")?;
        let at = Timestamp::from_millisecond(call.at_ms)?.to_zoned(TimeZone::get(zone)?);
        let at = at.strftime("%Y-%m-%dT%H:%M:%S%:z");
        log.push_str(&format!("{},{},{line},{at},{},{}\n", call.id, call.caller, call.seconds, call.ended.words().1));
    }
    Ok(log)
}

/// The days as they pass.
struct Days<'c> {
    engine: Engine,
    clock: Arc<VirtualClock>,
    twin: Twin,
    account: AccountId,
    calls: &'c [Call],
    /// By caller: the record that is gone, or there beside the first one.
    records: BTreeMap<String, String>,
}

impl Days<'_> {
    /// Until everything has happened and nothing is due any more, or it is that late.
    async fn live(&mut self, acts: Vec<(i64, Act)>, end_ms: i64) -> Result<()> {
        let mut acts = acts.into_iter().filter(|(at_ms, _)| *at_ms <= end_ms).peekable();
        let mut told_day = None;
        for _ in 0..ROUNDS_MAX {
            let now_ms = self.clock.ms();
            while let Some((_, act)) = acts.next_if(|(at_ms, _)| *at_ms <= now_ms) {
                self.act(act).await?;
            }
            if self.engine.step_all().await? > 0 {
                continue;
            }
            let day = Timestamp::from_millisecond(now_ms)?.to_zoned(TimeZone::get(ZONE)?).date();
            if told_day.replace(day) != Some(day) {
                out::say(&format!("{day}"));
            }
            let due = self.engine.next_due().await?.map(|at| at.as_millisecond() + 1);
            let coming = acts.peek().map(|(at_ms, _)| *at_ms);
            match due.into_iter().chain(coming).min().filter(|at| *at <= end_ms) {
                Some(at_ms) => self.clock.reach(at_ms.max(now_ms + 500)),
                None => return Ok(()),
            }
        }
        bail!("no rest after {ROUNDS_MAX} rounds")
    }

    async fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Tell(n) => self.tell(n).await,
            Act::CallBack(caller, result) => self.call_back(&caller, result).await,
            Act::Delete(caller) => {
                let now_ms = self.clock.ms();
                let mut twin = self.twin.lock().unwrap_or_else(PoisonError::into_inner);
                let books = twin.vendor_mut();
                let of = |e: &ringback_twins::books::Entry| e.kind == Kind::Person && !e.gone && e.has_number(&caller);
                let id = books.entries().into_iter().find(of).map(|e| e.id).context("nobody to delete")?;
                ensure!(books.remove(&id, now_ms), "{id} cannot be deleted");
                self.records.insert(caller, id);
                Ok(())
            }
            Act::Double(caller) => {
                let now_ms = self.clock.ms();
                let mut twin = self.twin.lock().unwrap_or_else(PoisonError::into_inner);
                let id = twin.vendor_mut().seed_person("Jordan Wells", &caller, None, false, now_ms);
                self.records.insert(caller, id);
                Ok(())
            }
        }
    }

    async fn tell(&self, n: usize) -> Result<()> {
        let call = self.calls.get(n).context("no such call")?;
        let (_, _, _, line) = PLACES.get(call.place).context("no such place")?;
        let at = Timestamp::from_millisecond(call.at_ms)?.to_string();
        let body = json!({
            "call_id": call.id, "direction": "inbound", "ending": call.ended.words().0, "caller": call.caller, "dialled": line,
            "started_at": at, "duration_seconds": call.seconds, "transcript": call.words, "source": "website",
        });
        let raw = webhook(CALLS, SIGNING, &call.id, self.clock.ms(), body.to_string().into_bytes())?;
        let reply = self.engine.receive(CALLS, raw).await;
        ensure!(
            (200..300).contains(&reply.status),
            "call {} was not taken: {} {}",
            call.id,
            reply.status,
            String::from_utf8_lossy(&reply.body)
        );
        Ok(())
    }

    async fn call_back(&self, caller: &str, result: CallbackResult) -> Result<()> {
        let by = UserId::from_text("user_sim");
        for inquiry in crate::run::open_of(&self.engine, &self.account, caller).await? {
            for event in [
                Event::Taken { by: by.clone() },
                Event::CalledBack { result, note: None, by: by.clone(), booked_for: None },
            ] {
                match self.engine.act(&self.account, &inquiry.id, event).await {
                    // Settled meanwhile.
                    Ok(_) | Err(Error::MovedOn(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

async fn open(directory: &Path, clock: Arc<VirtualClock>, twin: Twin, seed: u64) -> Result<Engine> {
    let url = format!("sqlite://{}", directory.join("data/ringback.db").display());
    // Whoever makes it again after a cut of the power loses nothing.
    let options = StoreOptions { durability: Durability::NoSync, readers_max: 2, ..StoreOptions::new(url) };
    Ok(Engine::new(Parts {
        store: Store::open(options).await.context("the store does not open")?,
        clock: clock.clone(),
        chance: Arc::new(SeededChance::new(Dice::new(seed))),
        transport: Arc::new(Net::new(clock, twin, false)),
        mailer: Arc::new(NoMailer),
        keyring: Keyring::from_file(&directory.join("ringback.key"))?,
        settings: Settings::default(),
    }))
}

/// The files of the directory, and the account in its store, by the program itself.
async fn furnish(options: &Options, connection: &str) -> Result<()> {
    let directory = &options.directory;
    ensure!(!directory.join("ringback.toml").exists(), "{} holds settings already", directory.display());
    run(&options.program, directory, None, &["init", ".", "--crm", &options.crm]).await?;
    tokio::fs::write(directory.join("ringback.toml"), settings(connection)).await?;
    let (email, password) = USER;
    let user = ["user", "add", email, "--name", "Dana Reyes", "--role", "admin", "--password-file", "-"];
    run(&options.program, directory, Some(password), &user).await?;
    Ok(())
}

async fn run(program: &Path, directory: &Path, input: Option<&str>, arguments: &[&str]) -> Result<Value> {
    tokio::fs::create_dir_all(directory).await?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).arg("--json").current_dir(directory).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RINGBACK_") {
            command.env_remove(name);
        }
    }
    let mut process = command.spawn()?;
    if let Some(mut stdin) = process.stdin.take() {
        stdin.write_all(input.unwrap_or_default().as_bytes()).await?;
    }
    let output = process.wait_with_output().await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ringback {}: {errors}", arguments.join(" "));
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

fn settings(connection: &str) -> String {
    let week =
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(|day| format!("{day} = [\"08:00-17:00\"]")).join(", ");
    let mut text = String::from(
        "# A month of simulated calls. The CRM is a twin that `ringback-sim --month` serves.\n\n[server]\nlisten = \"127.0.0.1:8787\"\n\n\
         [http]\nallow_private_addresses = true\n\n[[account]]\nslug     = \"main\"\nname     = \"Saguaro Heating and Cooling\"\n\
         contract = \"contract.toml\"\n",
    );
    for (slug, name, zone, line) in PLACES {
        text.push_str(&format!(
            "\n[[account.location]]\nslug  = \"{slug}\"\nname  = \"{name}\"\nzone  = \"{zone}\"\nhours = {{ {week} }}\n\n\
             [[account.line]]\nnumber   = \"{line}\"\nlocation = \"{slug}\"\n"
        ));
    }
    for (slug, name, tier) in [("desk", "Front desk", 1), ("manager", "Manager on call", 2), ("owner", "Owner", 3)] {
        text.push_str(&format!("\n[[account.staff]]\nslug = \"{slug}\"\nname = \"{name}\"\ntier = {tier}\n"));
    }
    text.push_str(&format!(
        "\n{connection}\n[[account.connection]]\nname   = \"{CALLS}\"\nvendor = \"generic\"\nsecret = {{ text = \"{SIGNING}\" }}\n\n\
         [[account.connection]]\nname   = \"{LOG_CONNECTION}\"\nvendor = \"phone-log\"\n"
    ));
    text
}
