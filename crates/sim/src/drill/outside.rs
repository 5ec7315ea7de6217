//! The drill from outside: any program that takes missed calls at an address and writes them into the twin.
//!
//! Nothing is known of the program but what it sends. Each webhook is delivered twice, as providers do. Three parts: a calm one, one in
//! which successful writes time out (and a 500 that wrote, a 429, a 503 in the middle of a record), and an outage. Then it is waited, within a
//! bound, until everything has arrived or nothing moves any more, and counted in the twin.

use super::{
    Calls, Count, Guarantee, MARK, Makes, Report, Synthetic, Verdict, WORDS, line, mentions, number, of_kind, some,
    straw, tally,
};
use crate::matrix::{CRMS, twin};
use anyhow::{Context as _, Result, anyhow, bail};
use ringback_core::http::{HttpRequest, Method};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_engine::http::{Outgoing, Policy, ReqwestTransport, Transport as _};
use ringback_twins::books::{Books, Entry, Kind};
use ringback_twins::fault::{Fault, Faulty, Rule, Script, Vendor as _, When};
use ringback_twins::sign;
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

const CALM_CALLS: usize = 4;
const TROUBLED_CALLS: usize = 8;
const OUTAGE_CALLS: usize = 10;
/// How often a webhook is delivered that is not acknowledged.
const POSTS_MAX: usize = 3;
const POST_SECONDS_MAX: u64 = 15;
const LOOK_MS: u64 = 200;
/// Everything counts as arrived when it has been so for this long.
const SETTLED_MS: u64 = 1_500;
const REPLY_BYTES_MAX: usize = 256 * 1024;
/// What a person typed about the caller who is known, and what the call says instead.
const KNOWN: (&str, &str) = ("Maria Lopez", "maria.lopez@example.com");
const SAID: &str = "Mary Lopes";

type Twin = Arc<Mutex<Faulty<Box<dyn Books>>>>;

/// How it is done.
#[derive(Debug, Clone)]
pub struct Outside {
    /// Where the integration takes calls: `http://127.0.0.1:3000/missed-call`.
    pub calls_url: String,
    /// Whose twin it writes to.
    pub crm: String,
    /// Signs the webhooks by the Standard Webhooks specification.
    pub signing_secret: Option<String>,
    /// At most so long it is waited after each part.
    pub wait_seconds: u64,
    /// Nothing moves any more when the twin has seen no request for so long.
    pub quiet_seconds: u64,
    pub outage_seconds: u64,
    /// From the twin's start to the first call, so that the integration can be pointed at it.
    pub begin_seconds: u64,
    /// Call an address that is not this machine's.
    pub elsewhere: bool,
}

/// What somebody hears who waits for the card.
pub enum Told<'a> {
    /// Where the twin listens, what it accepts, and the lines of a settings file of ours that lead to it.
    Listening { address: SocketAddr, secret: &'a str, twin: &'a dyn Books },
    /// What is done next, or came of it.
    Goes(String),
}

/// Tests whatever takes calls at that address. `told` hears where the twin listens before the first call, and how it goes.
pub async fn outside(options: &Outside, listener: TcpListener, mut told: impl FnMut(Told<'_>)) -> Result<Report> {
    let crm = *CRMS.iter().find(|c| **c == options.crm).ok_or_else(|| anyhow!("no twin of {}", options.crm))?;
    let address = listener.local_addr().context("the twin's address")?;
    if !address.ip().is_loopback() {
        bail!("the twin listens on loopback only, not on {}", address.ip());
    }
    let target = Target::of(&options.calls_url)?;
    if !options.elsewhere && !target.here() {
        bail!("{} is not this machine; synthetic calls would land in somebody's system", options.calls_url);
    }
    let mut held = twin(crm).context("no such twin")?;
    // Where a program cannot make its own fields, somebody has made those of ours by hand; whoever needs none is not held up by them.
    crate::matrix::prepare_by_hand(held.as_mut(), crm)?;
    let twin: Twin = Arc::new(Mutex::new(Faulty::new(held, Script::default())));
    let served = ringback_twins::serve::serve(twin.clone(), listener, || SystemClock.now().as_millisecond());
    with(&twin, |t| told(Told::Listening { address, secret: &t.vendor().secret(), twin: t.vendor().as_ref() }));
    let http = ReqwestTransport::new(Policy { allow_private: true, body_max_bytes: REPLY_BYTES_MAX })
        .map_err(|fault| anyhow!("no client: {fault}"))?;
    let exam = Exam { options, twin, http, target, calls: Calls::default(), makes: None, told: &mut told };
    tokio::select! {
        ended = served => match ended {
            Ok(()) => bail!("the twin stopped"),
            Err(error) => Err(error).context("the twin stopped"),
        },
        report = exam.run(crm) => report,
    }
}

/// The same with the straw man at the address, in this process.
pub async fn straw_man() -> Result<Report> {
    let free = || TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
    let (hears, serves) = (free().await?, free().await?);
    let crm = serves.local_addr()?;
    let options = Outside {
        calls_url: format!("http://{}/missed-call", hears.local_addr()?),
        crm: "hubspot".into(),
        signing_secret: None,
        wait_seconds: 20,
        quiet_seconds: 3,
        outage_seconds: 3,
        begin_seconds: 0,
        elsewhere: false,
    };
    let straw = straw::serve(hears, format!("http://{crm}"), "pat-twin".into());
    tokio::select! {
        ended = straw => match ended {
            Ok(()) => bail!("the straw man stopped"),
            Err(error) => Err(error).context("the straw man stopped"),
        },
        report = outside(&options, serves, |_| ()) => {
            let mut report = report?;
            report.subject = "straw_man".into();
            Ok(report)
        }
    }
}

fn with<T>(twin: &Twin, act: impl FnOnce(&mut Faulty<Box<dyn Books>>) -> T) -> T {
    act(&mut twin.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Where calls are sent.
struct Target {
    base: String,
    path: String,
}

impl Target {
    fn of(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").with_context(|| format!("{url} is no address"))?;
        if scheme != "http" && scheme != "https" {
            bail!("{url}: http or https");
        }
        let (host, path) = rest.split_once('/').map_or((rest, String::from("/")), |(h, p)| (h, format!("/{p}")));
        Ok(Self { base: format!("{scheme}://{host}"), path })
    }

    /// Is it this machine, by its very name?
    fn here(&self) -> bool {
        let authority = self.base.split_once("://").map_or("", |(_, rest)| rest);
        let host = match authority.strip_prefix('[') {
            Some(six) => six.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

struct Exam<'a> {
    options: &'a Outside,
    twin: Twin,
    http: ReqwestTransport,
    target: Target,
    calls: Calls,
    /// What the calm part has shown.
    makes: Option<Makes>,
    told: &'a mut dyn FnMut(Told<'_>),
}

/// What the twin saw while a part was played.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// Requests that a fault struck.
    struck: usize,
    /// Of those, how many had changed something all the same.
    wrote: usize,
    /// Requests that the CRM itself refused as wrong.
    refused: usize,
    /// Requests that changed something.
    changed: usize,
}

impl Exam<'_> {
    async fn run(mut self, crm: &'static str) -> Result<Report> {
        SystemClock.sleep(Duration::from_secs(self.options.begin_seconds)).await;
        let known = number(0);
        let seeded = with(&self.twin, |t| {
            let now = SystemClock.now().as_millisecond();
            t.vendor_mut().seed_person(KNOWN.0, &known, Some(KNOWN.1), true, now - 7_200_000)
        });
        let before = self.entries().into_iter().find(|e| e.id == seeded).context("the seeded person is gone")?;
        let calm_calls = Self::placed("c", 0, CALM_CALLS);
        let (calm, calm_seen) = self.part("calm", &calm_calls, Script::default(), 0).await?;
        let written = self.entries();
        let second = conflicts(&before, &written, &known);
        let seventh = sources(&before, &written);
        let fourth = audit_trail(&written, &calm_calls);
        let troubled_calls = Self::placed("t", CALM_CALLS, TROUBLED_CALLS);
        let script = Script::default()
            .rule(Rule::new(Fault::TimeoutAfterWrite, When::EveryNth(4)).writes().times(3))
            .rule(Rule::new(Fault::ServerErrorButCreated, When::Nth(6)).writes())
            .rule(Rule::new(Fault::TooMany { retry_after_s: Some(1) }, When::Nth(7)).writes())
            .rule(Rule::new(Fault::ServerError { status: 503 }, When::Nth(10)).writes());
        let (troubled, seen) = self.part("writes that time out", &troubled_calls, script, 0).await?;
        let outage_calls = Self::placed("o", CALM_CALLS + TROUBLED_CALLS, OUTAGE_CALLS);
        let now = SystemClock.now().as_millisecond();
        let out_ms = i64::try_from(self.options.outage_seconds).unwrap_or(0) * 1_000;
        let script = Script::default().outage(now, now + out_ms);
        let (outage, out_seen) = self.part("an outage", &outage_calls, script, self.options.outage_seconds).await?;
        let third = idempotent(calm, troubled, seen);
        let sixth = reconciled(outage, out_seen, self.options.outage_seconds);
        let unseen =
            |n| line(n, Verdict::Unseen, "A document is not among what an integration sends: ask for it, and read it.");
        let eighth = tested(calm, calm_seen, crm);
        let requests = with(&self.twin, |t| t.vendor_mut().log_mut().total());
        let faults = with(&self.twin, |t| t.hits().values().sum::<u64>());
        Ok(Report {
            subject: self.options.calls_url.clone(),
            crm: crm.into(),
            twin: true,
            guarantees: vec![unseen(1), second, third, fourth, unseen(5), sixth, seventh, eighth],
            calls: self.calls,
            requests,
            faults: faults.max(seen.struck as u64 + out_seen.struck as u64),
        })
    }

    fn entries(&self) -> Vec<Entry> {
        with(&self.twin, |t| t.vendor().entries())
    }

    fn total(&self) -> u64 {
        with(&self.twin, |t| t.vendor_mut().log_mut().total())
    }

    fn placed(part: &str, first: usize, count: usize) -> Vec<Synthetic> {
        let now_ms = SystemClock.now().as_millisecond();
        let run = now_ms.rem_euclid(1_000_000_000);
        (0..count)
            .map(|n| Synthetic {
                id: format!("drill-{run}-{part}{n:02}"),
                caller: number(first + n),
                at_ms: now_ms - 120_000 + n as i64 * 1_000,
                words: Some(WORDS.to_owned()),
            })
            .collect()
    }

    /// One part: the twin behaves by the script, the calls come, the twin behaves again after `trouble_seconds`, and it is waited.
    async fn part(
        &mut self,
        name: &'static str,
        calls: &[Synthetic],
        script: Script,
        trouble_seconds: u64,
    ) -> Result<(Count, Seen)> {
        let from = self.total();
        let most = self.options.wait_seconds + trouble_seconds;
        (self.told)(Told::Goes(format!("{name}: {}; it is waited {most} seconds at most", some(calls.len(), "call"))));
        with(&self.twin, |t| t.set_script(script));
        let mut taken = 0;
        for call in calls {
            taken += usize::from(self.post(call).await);
        }
        SystemClock.sleep(Duration::from_secs(trouble_seconds)).await;
        self.wait(calls, taken).await?;
        with(&self.twin, |t| {
            t.set_script(Script::default());
            t.settle(i64::MAX / 4);
        });
        let entries = self.entries();
        let makes = *self.makes.get_or_insert_with(|| made(&entries));
        let count = tally(&entries, calls, taken, makes);
        self.calls.add(name, count);
        (self.told)(Told::Goes(format!("{name}: {}", count.words())));
        let mut seen = Seen::default();
        with(&self.twin, |t| {
            for entry in t.vendor_mut().log_mut().entries().iter().filter(|e| e.n > from) {
                let wrote = !entry.effects.is_empty();
                seen.struck += usize::from(entry.fault.is_some());
                seen.wrote += usize::from(entry.fault.is_some() && wrote);
                seen.changed += usize::from(wrote);
                seen.refused += usize::from(entry.fault.is_none() && matches!(entry.status, Some(400 | 422)));
            }
        });
        Ok((count, seen))
    }

    /// Delivers a call's webhook twice; was it acknowledged?
    async fn post(&self, call: &Synthetic) -> bool {
        let started = jiff::Timestamp::from_millisecond(call.at_ms).map(|at| at.to_string()).unwrap_or_default();
        let is_known = call.caller == number(0);
        let body = json!({
            "call_id": call.id, "direction": "inbound", "ending": "voicemail", "caller": call.caller,
            "caller_name": is_known.then_some(SAID), "email": is_known.then_some(KNOWN.1), "dialled": "+16025550199",
            "started_at": started, "duration_seconds": 25, "transcript": call.words, "source": MARK, "campaign": MARK,
        })
        .to_string()
        .into_bytes();
        let mut acknowledged = true;
        for _ in 0..2 {
            let mut this = false;
            for round in 0..POSTS_MAX {
                if round > 0 {
                    SystemClock.sleep(Duration::from_millis(500)).await;
                }
                let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
                if let Some(secret) = &self.options.signing_secret {
                    let seconds = SystemClock.now().as_second();
                    let Some(signature) = sign::standard_webhooks(secret, &call.id, seconds, &body) else {
                        return false;
                    };
                    headers.extend([
                        ("webhook-id".to_owned(), call.id.clone()),
                        ("webhook-timestamp".to_owned(), seconds.to_string()),
                        ("webhook-signature".to_owned(), signature),
                    ]);
                }
                if self.send(&self.target.path, headers, &body).await {
                    this = true;
                    break;
                }
            }
            acknowledged &= this;
        }
        acknowledged
    }

    async fn send(&self, path: &str, headers: Vec<(String, String)>, body: &[u8]) -> bool {
        let request = HttpRequest { method: Method::Post, path: path.to_owned(), headers, body: body.to_vec() };
        let call = Outgoing {
            base_url: &self.target.base,
            request: &request,
            auth: None,
            timeout: Duration::from_secs(POST_SECONDS_MAX),
            connection: "drill",
        };
        self.http.send(call).await.is_ok_and(|reply| (200..300).contains(&reply.status))
    }

    /// Until everything has arrived and stays so, or nothing moves any more, or the time is over.
    async fn wait(&self, calls: &[Synthetic], taken: usize) -> Result<()> {
        let rounds = |seconds: u64| seconds * 1_000 / LOOK_MS;
        let (mut last, mut still, mut whole) = (self.total(), 0, 0);
        for _ in 0..rounds(self.options.wait_seconds) {
            SystemClock.sleep(Duration::from_millis(LOOK_MS)).await;
            // A receiver confirms by posts of its own, to the program that wrote.
            let confirmations = with(&self.twin, |t| t.vendor_mut().outgoing(SystemClock.now().as_millisecond()));
            for confirmation in confirmations {
                self.send(&confirmation.path, confirmation.headers, &confirmation.body).await;
            }
            let total = self.total();
            still = if total == last { still + 1 } else { 0 };
            last = total;
            // In the calm it is not known yet what the program makes: calls and tasks may still come.
            let makes = self.makes.unwrap_or(Makes { calls: true, tasks: true });
            let count = tally(&self.entries(), calls, taken, makes);
            whole = if count.lost == 0 && still > 0 { whole + 1 } else { 0 };
            if whole * LOOK_MS >= SETTLED_MS || still >= rounds(self.options.quiet_seconds) {
                break;
            }
        }
        Ok(())
    }
}

/// Which kinds of record came of the calm part.
fn made(entries: &[Entry]) -> Makes {
    let any = |kind| of_kind(entries, kind).any(|e| !e.by_person);
    Makes { calls: any(Kind::Call), tasks: any(Kind::Task) }
}

/// Guarantee 2, as far as behaviour shows it: a value that a person typed and that the call says otherwise.
fn conflicts(before: &Entry, now: &[Entry], number: &str) -> Guarantee {
    let changed = changed(before, now);
    let people = of_kind(now, Kind::Person).filter(|e| e.has_number(number)).count();
    let linked = now.iter().any(|e| !e.gone && e.people.contains(&before.id));
    if !changed.is_empty() {
        let what: Vec<String> = changed.iter().map(|(f, was, is)| format!("{f} from “{was}” to “{is}”")).collect();
        return line(
            2,
            Verdict::Red,
            format!("A call changed what a person had typed: {}; nobody was asked.", what.join(", ")),
        );
    }
    if people > 1 {
        let evidence = format!(
            "Beside the record a person had made, {} of the same number came to be.",
            some(people - 1, "more record")
        );
        return line(2, Verdict::Red, evidence);
    }
    if linked {
        return line(
            2,
            Verdict::Green,
            format!(
                "The call says {SAID}, the record a person made says {}: it was found by its number, the call hangs on it, and it stands as typed.",
                KNOWN.0
            ),
        );
    }
    line(
        2,
        Verdict::Unseen,
        "Nothing was written to the record of the caller whom the CRM knows, so no conflict arose.",
    )
}

/// Fields of names and addresses that are not as the person typed them.
fn changed(before: &Entry, now: &[Entry]) -> Vec<(String, String, String)> {
    let Some(after) = now.iter().find(|e| e.id == before.id && e.object == before.object) else { return Vec::new() };
    let typed = |value: &str| KNOWN.0.split(' ').any(|part| value.contains(part)) || value.contains(KNOWN.1);
    before
        .fields
        .iter()
        .filter(|(name, value)| typed(value) && !name.contains("rb_"))
        .filter_map(|(name, was)| {
            let is = after.fields.get(name).cloned().unwrap_or_default();
            (is != *was).then(|| (name.clone(), was.clone(), is))
        })
        .collect()
}

/// Guarantee 7: where every value that differs was taken from the call, there is one default for all.
fn sources(before: &Entry, now: &[Entry]) -> Guarantee {
    let changed = changed(before, now);
    let names: BTreeSet<&str> = changed.iter().map(|(f, ..)| f.as_str()).collect();
    if names.len() > 1 {
        let evidence = format!(
            "The call won on every field on which it differed from the person: {}.",
            names.into_iter().collect::<Vec<_>>().join(", ")
        );
        return line(7, Verdict::Red, evidence);
    }
    line(7, Verdict::Unseen, "Which source each field has is a list: ask for it.")
}

/// Guarantee 3.
fn idempotent(calm: Count, troubled: Count, seen: Seen) -> Guarantee {
    let evidence = format!(
        "With each webhook delivered twice the calm gave {} too many for {}; {} that had succeeded without a proper answer left {} too many and \
         {} missing for {}.",
        some(calm.doubled, "record"),
        some(calm.calls, "call"),
        some(seen.wrote, "write"),
        some(troubled.doubled, "record"),
        some(troubled.lost, "call"),
        some(troubled.calls, "call"),
    );
    let verdict = if calm.doubled + troubled.doubled + troubled.lost > 0 {
        Verdict::Red
    } else if seen.wrote == 0 || calm.written == 0 {
        Verdict::Unseen
    } else {
        Verdict::Green
    };
    line(3, verdict, evidence)
}

/// Guarantee 4: does any record name the call it came from?
fn audit_trail(now: &[Entry], calls: &[Synthetic]) -> Guarantee {
    let made: Vec<&Entry> = now
        .iter()
        .filter(|e| !e.gone && !e.by_person && matches!(e.kind, Kind::Person | Kind::Call | Kind::Task))
        .collect();
    let named = made.iter().filter(|e| calls.iter().any(|c| mentions(e, &c.id)) || !e.marks().is_empty()).count();
    let blobs = made.iter().filter(|e| mentions(e, WORDS)).count();
    if made.is_empty() {
        return line(4, Verdict::Unseen, "No record came of the calm part.");
    }
    if named == 0 {
        return line(
            4,
            Verdict::Red,
            format!(
                "None of {} names the call that it came from; the caller's words are one text in {} of them.",
                some(made.len(), "record"),
                blobs
            ),
        );
    }
    let evidence = format!(
        "{named} of {} name their call; whether a single field can be traced to its words only the program can show.",
        some(made.len(), "record")
    );
    line(4, Verdict::Unseen, evidence)
}

/// Guarantee 6.
fn reconciled(outage: Count, seen: Seen, seconds: u64) -> Guarantee {
    let evidence = format!(
        "{} came while the CRM was away for {seconds} seconds ({} refused), {} were acknowledged; afterwards it holds {}: {} lost, {} doubled.",
        some(outage.calls, "call"),
        some(seen.struck, "request"),
        outage.taken,
        outage.written,
        outage.lost,
        some(outage.doubled, "record"),
    );
    let verdict = if outage.lost + outage.doubled > 0 {
        Verdict::Red
    } else if seen.struck == 0 {
        Verdict::Unseen
    } else {
        Verdict::Green
    };
    line(6, verdict, evidence)
}

/// Guarantee 8: a twin with the vendor's own fields is not your schema; what it refuses is a failure all the same.
fn tested(calm: Count, seen: Seen, crm: &str) -> Guarantee {
    if seen.changed == 0 && calm.written == 0 {
        let evidence = format!(
            "In the calm nothing at all was written ({} refused by the CRM as wrong).",
            some(seen.refused, "request")
        );
        return line(8, if seen.refused > 0 { Verdict::Red } else { Verdict::Unseen }, evidence);
    }
    let evidence = format!(
        "In the calm {} of {} calls arrived in {crm}'s standard schema by {}, {} refused as wrong; your own schema was not there.",
        calm.written,
        calm.calls,
        some(seen.changed, "write"),
        seen.refused,
    );
    line(8, Verdict::Unseen, evidence)
}
