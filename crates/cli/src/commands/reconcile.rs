//! `reconcile`, `proof`, `runbook`: what rang, what we hold, what the CRM holds; and what to do when something fails.

use crate::args::{Proof, ProofMake, Reconcile};
use crate::commands::user;
use crate::config::Account;
use crate::house::House;
use crate::out::{Out, note, table};
use crate::problems::{Exit, Fail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ringback_core::id::{ConnectionId, UserId};
use ringback_core::proof::file::{EXCEPTION, LOCATION, Sound};
use ringback_core::proof::{Kind, TICKS};
use ringback_engine::prove;
use ringback_engine::reconcile::{PhoneLog, Progress, Reconciled, Window};
use serde_json::json;
use std::path::Path;

/// The largest phone log, in bytes.
const LOG_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// What is said when a proof that stands is written out and a log was named.
const LOG_UNUSED: &str = "the phone log was not used: --again makes another proof, with it";
/// What stands beside the sentence of a proof: why calls that rang are not in the CRM, and are no exception.
const BESIDE: [(&str, &str); 2] =
    [("kept_out", "kept out of the CRM by the rules"), ("unread", "not looked up: the CRM did not answer")];
/// The largest proof that is read.
const PROOF_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Compares the witnesses of a window; with `--mend` mends one finding instead.
pub(crate) async fn run(out: Out, house: &House, account: &Account, asked: &Reconcile) -> Result<(), Fail> {
    let id = account.id();
    let facts = house.engine.facts(&id).await?;
    let zone = prove::zone(&facts);
    let now = house.engine.now();
    let since = moment(&asked.since, &zone, now)?;
    let until = asked.until.as_deref().map_or(Ok(now), |text| moment(text, &zone, now))?;
    if since >= until {
        let cause = format!("{since} is not before {until}");
        return Err(Fail::new(Exit::Usage, "RB-0903", cause, "say since when, and until when if it is not until now"));
    }
    let phone_log = phone_log(account, asked.phone_log.as_deref(), asked.connection.as_deref())?;
    let window = Window { since, until, phone_log, again: again(asked) };
    let bar = out.steps();
    let tell = |progress: Progress| {
        bar.set_message(match progress.what {
            "store" => "our records",
            "provider" => "the provider's list",
            _ => "the CRM",
        });
        bar.set_length(progress.of.max(progress.done));
        bar.set_position(progress.done);
    };
    let found = house.engine.reconcile(&id, &window, &tell).await?;
    bar.finish_and_clear();
    if let Some(finding) = &asked.mend {
        let done = house.engine.mend(&id, &found, finding, &UserId::from_text(user::OPERATOR)).await?;
        out.result(&json!({ "id": finding, "done": done }), || format!("{finding}: {done}"));
        return Ok(());
    }
    out.result(&found, || shown(&found));
    let wrong = found.report.findings().filter(|f| !matches!(f.kind, Kind::Drift | Kind::Waiting)).count();
    if wrong == 0 {
        return Ok(());
    }
    let cure = "each finding stands with the command that mends it";
    Err(Fail::new(
        Exit::Check,
        "RB-0901",
        if wrong == 1 {
            "1 thing is not as it should be".to_owned()
        } else {
            format!("{wrong} things are not as they should be")
        },
        cure,
    )
    .told())
}

/// The log that was named, with the connection that says how it is read.
fn phone_log(account: &Account, file: Option<&Path>, connection: Option<&str>) -> Result<Option<PhoneLog>, Fail> {
    let Some(file) = file else { return Ok(None) };
    Ok(Some(PhoneLog { connection: log_connection(account, connection)?, bytes: read(file, LOG_BYTES_MAX)? }))
}

/// The command line that looks at the same window again.
fn again(asked: &Reconcile) -> String {
    let until = asked.until.as_ref().map(|until| format!(" --until {}", quoted(until))).unwrap_or_default();
    let log = log_words(asked.phone_log.as_deref(), asked.connection.as_deref());
    format!("ringback reconcile --since {}{until}{log}", quoted(&asked.since))
}

/// A phone log as it is named in a command line.
fn log_words(file: Option<&Path>, connection: Option<&str>) -> String {
    let file = file.map(|file| format!(" --phone-log {}", quoted(&file.display().to_string())));
    let connection = connection.map(|name| format!(" --connection {}", quoted(name)));
    file.into_iter().chain(connection).collect()
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:+".contains(&b));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// `24h`, `90m`, `7d`, a day, or an instant.
pub(crate) fn moment(text: &str, zone: &str, now: Timestamp) -> Result<Timestamp, Fail> {
    let ago = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let hours = match unit {
            "m" => return now.checked_sub(SignedDuration::from_mins(number.parse().ok()?)).ok(),
            "h" => number.parse::<i64>().ok()?,
            "d" => number.parse::<i64>().ok()?.checked_mul(24)?,
            _ => return None,
        };
        now.checked_sub(SignedDuration::from_hours(hours)).ok()
    };
    let day = || text.parse::<Date>().ok().and_then(|d| prove::day_bounds(d, zone)).map(|(start, _)| start);
    let plain_day = text.len() == "2026-03-02".len();
    let found = if plain_day { day() } else { ago().or_else(|| text.parse::<Timestamp>().ok()) };
    found.ok_or_else(|| {
        let cause = format!("{text:?} is no time");
        Fail::new(
            Exit::Usage,
            "RB-0903",
            cause,
            "write 24h, 90m, 7d, a day such as 2026-03-02, or 2026-03-02T08:00:00Z",
        )
    })
}

/// The connection that says how the log is read: the one named, or the only one.
fn log_connection(account: &Account, named: Option<&str>) -> Result<ConnectionId, Fail> {
    let logs: Vec<_> = account.connections.iter().filter(|c| c.connection.vendor == "phone-log").collect();
    let found = match (named, logs.as_slice()) {
        (Some(name), _) => account.connections.iter().find(|c| c.connection.name == name),
        (None, [only]) => Some(*only),
        (None, _) => None,
    };
    found.map(|c| ConnectionId::from_text(c.connection.id.as_str())).ok_or_else(|| {
        let all: Vec<&str> = logs.iter().map(|c| c.connection.name.as_str()).collect();
        let cause = match named {
            Some(name) => format!("there is no connection {name:?}"),
            None => format!("a phone log is read by a connection of vendor phone-log, and there are {}", all.len()),
        };
        Fail::new(Exit::Missing, "RB-0313", cause, "name one with --connection: its settings say what the columns are")
    })
}

pub(crate) fn read(file: &Path, bytes_max: u64) -> Result<Vec<u8>, Fail> {
    let unreadable = |why: String| {
        let cause = format!("{} cannot be read: {why}", file.display());
        Fail::new(Exit::Usage, "RB-0310", cause, "name a file that this user may read")
    };
    let length = std::fs::metadata(file).map_err(|e| unreadable(e.to_string()))?.len();
    if length > bytes_max {
        return Err(unreadable(format!("it is longer than {bytes_max} bytes")));
    }
    std::fs::read(file).map_err(|e| unreadable(e.to_string()))
}

fn shown(found: &Reconciled) -> String {
    let report = &found.report;
    let mut text = format!("{}\n", report.sentence);
    for witness in &found.witnesses {
        let state = if witness.answered { "answered" } else { "DID NOT ANSWER" };
        let why = witness.why.as_ref().map(|w| format!(" ({w})")).unwrap_or_default();
        text.push_str(&format!("{} {}: {state}, {}{why}\n", witness.kind, witness.name, witness.count));
    }
    if !found.outside {
        text.push_str("nobody outside said what rang: a call that never arrived here cannot show. Name the phone system's log with --phone-log.\n");
    }
    let rows: Vec<Vec<String>> = report
        .locations
        .iter()
        .map(|(slug, c)| {
            let name = if slug.is_empty() { "(none)".to_owned() } else { slug.clone() };
            let numbers =
                [c.rang, c.recorded, c.in_crm, c.tasks, c.called_back, c.lost, c.doubled, c.kept_out, c.unread];
            std::iter::once(name).chain(numbers.iter().map(u64::to_string)).collect()
        })
        .collect();
    if !rows.is_empty() {
        let head =
            ["location", "rang", "recorded", "in CRM", "task", "called back", "lost", "doubled", "kept out", "unread"];
        text.push_str(&format!("\n{}\n", table(&head, &rows)));
    }
    for call in &report.calls {
        for (tick, mark) in TICKS.iter().zip(&call.ticks) {
            if mark.word() == "unknown" {
                text.push_str(&format!("{} {}: unknown: {}\n", call.call, tick.title(), mark.why()));
                break;
            }
        }
    }
    for finding in report.findings() {
        text.push_str(&format!(
            "\n{} {} {}\n  {}\n  {}\n",
            finding.id,
            finding.kind.word(),
            finding.call,
            finding.sentence,
            finding.command
        ));
    }
    text
}

/// Proofs of no loss.
pub(crate) async fn proof(out: Out, house: &House, account: &Account, command: &Proof) -> Result<(), Fail> {
    match command {
        Proof::Make(asked) => make(out, house, account, asked).await,
        Proof::Key => {
            let keys = house.engine.keyring().proof_keys();
            let last = keys.len();
            let rows: Vec<_> = keys
                .iter()
                .enumerate()
                .map(|(n, (id, key))| json!({ "id": id, "key": key, "signs": n + 1 == last }))
                .collect();
            out.result(&rows, || {
                let cells = |(n, (id, key)): (usize, &(String, String))| {
                    vec![id.clone(), if n + 1 == last { "signs" } else { "earlier" }.to_owned(), key.clone()]
                };
                table(&["id", "", "public key"], &keys.iter().enumerate().map(cells).collect::<Vec<_>>())
            });
            Ok(())
        }
        // Told before the house was opened.
        Proof::Verify { .. } => Ok(()),
    }
}

async fn make(out: Out, house: &House, account: &Account, asked: &ProofMake) -> Result<(), Fail> {
    let facts = house.engine.facts(&account.id()).await?;
    let zone = prove::zone(&facts);
    if let Some(slug) = asked.location.as_ref().filter(|s| !facts.roster.locations.iter().any(|l| l.slug == **s)) {
        let all: Vec<&str> = facts.roster.locations.iter().map(|l| l.slug.as_str()).collect();
        let cure = format!("there are {}", all.join(", "));
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no location {slug:?}"), cure));
    }
    let yesterday = house.engine.now().to_zoned(TimeZone::get(&zone).unwrap_or(TimeZone::UTC)).date().yesterday();
    let mut day = match (asked.day, yesterday) {
        (Some(day), _) | (None, Ok(day)) => day,
        (None, Err(error)) => {
            return Err(Fail::new(Exit::Usage, "RB-0903", error.to_string(), "name the day with --day"));
        }
    };
    let last = asked.through.unwrap_or(day);
    if last < day {
        let cause = format!("{last} is before {day}");
        return Err(Fail::new(
            Exit::Usage,
            "RB-0903",
            cause,
            "name the first day with --day and the last with --through",
        ));
    }
    let words = log_words(asked.phone_log.as_deref(), asked.connection.as_deref());
    let log = phone_log(account, asked.phone_log.as_deref(), asked.connection.as_deref())?
        .map(|log| prove::NamedLog { log, words });
    let mut made = Vec::new();
    while day <= last {
        made.push(make_one(out, house, account, asked, day, log.as_ref()).await?);
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    if out.json {
        match (asked.through, made.as_slice()) {
            (None, [only]) => out.result(only, String::new),
            _ => out.result(&made, String::new),
        }
    }
    Ok(())
}

/// `, 2026-11-04 10:17 CST`: when the call of an exception came, by its location's clock.
fn called_at(sound: &Sound, location: &str, at: &str) -> String {
    let zone = |of: &serde_json::Value| of.get("zone").and_then(|z| z.as_str()).map(str::to_owned);
    let named = |of: &&serde_json::Value| of.get("location").and_then(|l| l.as_str()) == Some(location);
    let zone = sound.of(LOCATION).find(named).and_then(zone).or_else(|| zone(&sound.header)).unwrap_or_default();
    let zone = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
    let at = at.parse::<Timestamp>().map(|at| at.to_zoned(zone).strftime(", %Y-%m-%d %H:%M %Z").to_string());
    at.unwrap_or_default()
}

/// Makes one day's proof and writes its files. Without `--json` the day is told at once: the next one may take a while.
async fn make_one(
    out: Out,
    house: &House,
    account: &Account,
    asked: &ProofMake,
    day: Date,
    log: Option<&prove::NamedLog>,
) -> Result<serde_json::Value, Fail> {
    let bar = out.steps();
    let tell = |progress: Progress| {
        bar.set_message("the day");
        bar.set_length(progress.of.max(progress.done));
        bar.set_position(progress.done);
    };
    let proved = house.engine.prove(&account.id(), day, asked.again, log, &tell).await?;
    bar.finish_and_clear();
    let (row, directory, location) = (&proved.row, asked.out.as_path(), asked.location.as_deref());
    let name = format!("{}-{}-{}", account.slug, row.day, row.revision);
    let file = directory.join(format!("{name}.proof.jsonl"));
    let suffix = location.map(|slug| format!("-{slug}")).unwrap_or_default();
    let page = directory.join(format!("{name}{suffix}.html"));
    let sound = prove::check(row.body.as_bytes(), None).map_err(|u| unsound("the stored proof", &u))?;
    let html = ringback_web::proof_document(&sound, location).map_err(|why| {
        Fail::new(
            Exit::Unavailable,
            "RB-0405",
            format!("the proof cannot be shown: {why}"),
            "report this with the text",
        )
    })?;
    std::fs::create_dir_all(directory).map_err(|e| unwritable(directory, &e))?;
    std::fs::write(&file, &row.body).map_err(|e| unwritable(&file, &e))?;
    std::fs::write(&page, html).map_err(|e| unwritable(&page, &e))?;
    if !proved.made && log.is_some() {
        note(format!("The proof of {day} stood already, and {LOG_UNUSED}"));
    }
    let sentence = sound.footer.get("sentence").and_then(|s| s.as_str()).unwrap_or_default().to_owned();
    let exceptions: Vec<_> = sound.of(EXCEPTION).collect();
    let answer = json!({
        "day": row.day, "seq": row.seq, "revision": row.revision, "made": proved.made, "hash": row.hash, "key_id": row.key_id,
        "key": sound.key, "sentence": sentence, "counts": sound.footer.get("counts"), "exceptions": sound.footer.get("exceptions"),
        "named": exceptions, "file": file, "page": page,
    });
    if !out.json {
        let stood = if proved.made { "" } else { " (it stood already; --again makes another)" };
        let mut text = format!("{} {sentence}{stood}\n", row.day);
        let counts = sound.footer.get("counts");
        for (name, words) in BESIDE {
            match counts.and_then(|c| c.get(name)).and_then(serde_json::Value::as_u64) {
                Some(n) if n > 0 => text.push_str(&format!("  {n} {words}\n")),
                _ => {}
            }
        }
        for exception in &exceptions {
            let of = |name: &str| exception.get(name).and_then(|v| v.as_str()).unwrap_or_default();
            let place = if of("location").is_empty() { "no location" } else { of("location") };
            let place = format!("{place}{}", called_at(&sound, of("location"), of("at")));
            text.push_str(&format!(
                "  {} at {place}: {}\n    {}\n",
                of("kind").replace('_', " "),
                of("sentence"),
                of("command")
            ));
        }
        text.push_str(&format!("  {}\n  {}", file.display(), page.display()));
        out.result(&answer, || text);
    }
    Ok(answer)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Fail {
    let cause = format!("{} cannot be written: {error}", path.display());
    Fail::new(Exit::Usage, "RB-0310", cause, "name a directory that this user may write to with --out")
}

fn unsound(what: &str, unsound: &ringback_core::proof::file::Unsound) -> Fail {
    let cause = format!("{what}, line {}: {}", unsound.line, unsound.cause);
    let cure = "ask for the file again where it was made, and compare the hash of its last line";
    Fail::new(Exit::Check, "RB-0902", cause, cure)
}

/// Checks a proof by itself: no settings, no key file, no network.
pub(crate) fn verify(out: Out, file: &Path, key: Option<&str>) -> Result<(), Fail> {
    let bytes = read(file, PROOF_BYTES_MAX)?;
    let sound = match prove::check(&bytes, key) {
        Ok(sound) => sound,
        Err(wrong) => {
            out.result(&json!({ "ok": false, "line": wrong.line, "cause": wrong.cause }), String::new);
            let fail = unsound(&file.display().to_string(), &wrong);
            return Err(if out.json { fail.told() } else { fail });
        }
    };
    let text = |name: &str| sound.header.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let sentence = sound.footer.get("sentence").and_then(|v| v.as_str()).unwrap_or_default();
    let answer = json!({
        "ok": true, "lines": sound.lines.len(), "day": text("day"), "account": text("account"), "key": sound.key,
        "previous": sound.previous, "hash": sound.hash, "sentence": sentence, "pinned": key.is_some(),
    });
    out.result(&answer, || {
        format!(
            "OK: {} lines, {} of {}\n{sentence}\nhash     {}\nfollows  {}\nkey      {}",
            sound.lines.len(),
            text("day"),
            text("account"),
            sound.hash,
            sound.previous,
            sound.key
        )
    });
    if key.is_none() {
        note("The key stands in the file itself: compare it with `ringback proof key`, or name it with --key.");
    }
    Ok(())
}

/// What to do when something fails, with the values of this moment.
pub(crate) async fn runbook(out: Out, house: &House, account: &Account) -> Result<(), Fail> {
    let pages = house.engine.runbook(&account.id()).await?;
    out.result(&pages, || {
        let mut text = String::new();
        // What is so now comes first.
        let (now, rest): (Vec<_>, Vec<_>) = pages.iter().partition(|p| p.now);
        for page in now.into_iter().chain(rest) {
            let mark = if page.now { "NOW  " } else { "" };
            text.push_str(&format!("{mark}{}\n", page.title));
            for line in &page.live {
                text.push_str(&format!("  {line}\n"));
            }
            text.push_str(&format!("  What it means: {}\n  By itself: {}\n", page.means, page.by_itself));
            for deed in page.you {
                text.push_str(&format!("  - {}\n", deed.what));
                if let Some(command) = deed.command {
                    text.push_str(&format!("      {command}\n"));
                }
            }
            text.push('\n');
        }
        text
    });
    Ok(())
}
