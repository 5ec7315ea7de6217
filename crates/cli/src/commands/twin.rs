//! `twin`: a simulated vendor over HTTP, to try things without an account anywhere.

use crate::args::{TWIN_AT, Twin, TwinVendor};
use crate::commands::serve::{Signals, listen};
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use ringback_core::http::{HttpRequest, Method};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_engine::http::{Outgoing, Policy, ReqwestTransport, Transport as _};
use ringback_twins::books::{Books, Kind};
use ringback_twins::callrail::CallRail;
use ringback_twins::crms;
use ringback_twins::fault::{Faulty, Script, Vendor};
use ringback_twins::sink::WebhookSink;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// People who are there already came so long ago.
const SEEDED_BEFORE_MS: i64 = 7 * 86_400_000;
/// How often a receiver's acknowledgements are looked for.
const ACKS_EVERY: Duration = Duration::from_millis(500);
/// How long one may take, and how often it is tried.
const ACK_TIMEOUT: Duration = Duration::from_secs(10);
const ACK_TRIES_MAX: u32 = 20;
/// Acknowledgements that wait for a program that is not there; older ones are dropped.
const ACKS_WAITING_MAX: usize = 10_000;

/// Serves until it is told to stop.
pub(crate) async fn run(out: Out, twin: &Twin) -> Result<(), Fail> {
    let signals = Signals::listen()?;
    let (listener, address) = listen(twin.listen, "choose another address with --listen").await?;
    if matches!(twin.vendor, TwinVendor::Callrail | TwinVendor::Sink) && !twin.properties.is_empty() {
        let cause = "it is no CRM, and has no properties";
        return Err(Fail::new(Exit::Usage, "RB-0314", cause, "take --property out"));
    }
    let secret = |default: &str| twin.token.clone().unwrap_or_else(|| default.to_owned());
    match twin.vendor {
        TwinVendor::Callrail => {
            let token = secret("callrail-twin");
            announce(out, address, &token, None);
            serve(shared(CallRail::new("ACC00000000000000000000000000000001", &token)), listener, signals, None).await
        }
        TwinVendor::Sink => {
            let token = secret("whsec_cmluZ2JhY2stdHdpbi1zZWNyZXQtMDEyMzQ1Njc4OQ==");
            announce(out, address, &token, Some(("/_twin/pages", &events_lines(&token, address))));
            serve(shared(WebhookSink::new(&token)), listener, signals, None).await
        }
        crm => {
            let (held, lines, token) = crm_twin(crm.word(), twin, address)?;
            announce(out, address, &token, Some(("/_twin/books", &lines)));
            if crm == TwinVendor::Hubspot && !out.json {
                note(if twin.properties.is_empty() {
                    "to map a property of your own, start it with --property contact.tier=text".to_owned()
                } else {
                    format!("it has {} besides", twin.properties.join(", "))
                });
            }
            let held = shared(held);
            let to = (crm == TwinVendor::Hook).then(|| twin.public_url.trim_end_matches('/').to_owned());
            serve(held.clone(), listener, signals, to.map(|to| (held, to))).await
        }
    }
}

/// The twin of that CRM, the lines of a settings file that lead to it, and the secret in them.
fn crm_twin(vendor: &str, twin: &Twin, address: SocketAddr) -> Result<(Box<dyn Books>, String, String), Fail> {
    let cannot = |cause: String| Fail::new(Exit::Unavailable, "RB-0314", cause, "report this with the text");
    let (mut held, token) = crms::accepting(vendor, twin.token.as_deref())
        .ok_or_else(|| cannot(format!("there is no simulated {vendor}")))?;
    ringback_sim::matrix::prepare_by_hand(held.as_mut(), vendor)
        .map_err(|error| cannot(format!("the simulated {vendor} cannot be prepared: {error}")))?;
    for wanted in &twin.properties {
        add_property(held.as_mut(), wanted)?;
    }
    if twin.seed_people > 0 {
        // Long enough ago for every index.
        let then_ms = SystemClock.now().as_millisecond() - SEEDED_BEFORE_MS;
        let made = crms::seed_people(held.as_mut(), twin.seed_people, then_ms);
        note(format!("{made} people are in it"));
    }
    let lines = lines(held.as_ref(), &token, address);
    Ok((held, lines, token))
}

/// Makes a property that somebody wants to map: `contact.tier=text`.
fn add_property(held: &mut dyn Books, wanted: &str) -> Result<(), Fail> {
    let kinds = [("contact", Kind::Person), ("call", Kind::Call), ("task", Kind::Task), ("deal", Kind::Deal)];
    let (target, of) = wanted.split_once('=').unwrap_or((wanted, "text"));
    let (object, name) = target.split_once('.').unwrap_or((target, ""));
    let kind = kinds.into_iter().find(|(word, _)| *word == object).map(|(_, kind)| kind);
    let now_ms = SystemClock.now().as_millisecond();
    let made = match kind {
        Some(kind) if !name.is_empty() => held.add_field(kind, name, of, now_ms),
        _ => Err("it names no property".to_owned()),
    };
    made.map_err(|why| {
        let cure =
            "write --property contact.tier=text: contact, call, task or deal, and text, number, date, datetime or bool";
        Fail::new(Exit::Usage, "RB-0314", format!("{wanted:?} cannot be made in the simulated CRM: {why}"), cure)
    })
}

/// The lines of a settings file that lead to the twin of that vendor there, as it is started without options.
pub(crate) fn lines_for(vendor: &str) -> Result<String, Fail> {
    let cannot = || Fail::new(Exit::Missing, "RB-0313", format!("there is no simulated {vendor}"), "name another CRM");
    let (held, token) = crms::accepting(vendor, None).ok_or_else(&cannot)?;
    let address: SocketAddr = TWIN_AT.parse().map_err(|_| cannot())?;
    Ok(ringback_sim::matrix::settings_lines(held.as_ref(), &token, address))
}

/// The lines of a settings file that lead to a twin at that address.
pub(crate) fn lines(held: &dyn Books, token: &str, address: SocketAddr) -> String {
    let mut lines = ringback_sim::matrix::settings_lines(held, token, address);
    lines.push_str("# and under [http]: allow_private_addresses = true\n");
    lines
}

/// The lines of a settings file that tell a receiver at that address of everything.
fn events_lines(token: &str, address: SocketAddr) -> String {
    format!(
        "[[account.connection]]\nname     = \"receiver\"\nvendor   = \"events\"\nbase_url = \"http://{address}/in\"\nsecret   = {{ text = \"{token}\" }}\n\
         settings = {{ events = \"all\" }}\n# and under [http]: allow_private_addresses = true\n"
    )
}

/// `lines`: where to see what it holds, and the settings that lead to it.
fn announce(out: Out, address: SocketAddr, token: &str, lines: Option<(&str, &str)>) {
    if out.json {
        note(json!({ "listening": address, "token": token, "settings": lines.map(|(_, lines)| lines) }).to_string());
        return;
    }
    note(format!("a twin on http://{address}, token {token}; what it saw: http://{address}/_twin/log"));
    if let Some((held, lines)) = lines {
        let by_init = if held == "/_twin/books" { " (as `init --try` writes them)" } else { "" };
        note(format!("what it holds now: http://{address}{held}. In ringback.toml{by_init} these lines lead to it:\n"));
        out.result(&json!({}), || lines.to_owned());
    }
}

fn shared<V: Vendor>(vendor: V) -> Arc<Mutex<Faulty<V>>> {
    Arc::new(Mutex::new(Faulty::new(vendor, Script::default())))
}

/// A receiver, and the address of the program that it confirms to.
type Confirms = (Arc<Mutex<Faulty<Box<dyn Books>>>>, String);

async fn serve<V: Vendor + Send + 'static>(
    twin: Arc<Mutex<Faulty<V>>>,
    listener: TcpListener,
    mut signals: Signals,
    confirms: Option<Confirms>,
) -> Result<(), Fail> {
    let served = ringback_twins::serve::serve(twin, listener, || SystemClock.now().as_millisecond());
    let confirming = async move {
        match confirms {
            Some((twin, to)) => confirm(&twin, &to).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = served => ended.map_err(|error| {
            Fail::new(Exit::Unavailable, "RB-0314", format!("the twin stopped: {error}"), "start it again")
        }),
        never = confirming => never,
        () = signals.come() => Ok(()),
    }
}

/// Posts what the receiver confirms to the program, as long as it takes: the program may not be there yet.
async fn confirm(twin: &Mutex<Faulty<Box<dyn Books>>>, public_url: &str) -> Result<(), Fail> {
    let policy = Policy { allow_private: true, body_max_bytes: 1024 * 1024 };
    let client = ReqwestTransport::new(policy).map_err(|fault| {
        let cause = format!("the HTTP client cannot start: {fault}");
        Fail::new(Exit::Unavailable, "RB-0314", cause, "report this with the text")
    })?;
    let mut waiting: std::collections::VecDeque<(HttpRequest, u32)> = std::collections::VecDeque::new();
    loop {
        let due = {
            let mut faulty = twin.lock().unwrap_or_else(PoisonError::into_inner);
            faulty.vendor_mut().outgoing(SystemClock.now().as_millisecond())
        };
        waiting.extend(due.into_iter().map(|ack| {
            let request = HttpRequest { method: Method::Post, path: ack.path, headers: ack.headers, body: ack.body };
            (request, 0)
        }));
        while waiting.len() > ACKS_WAITING_MAX {
            waiting.pop_front();
        }
        for _ in 0..waiting.len() {
            let Some((request, tries)) = waiting.pop_front() else { break };
            let call = Outgoing {
                base_url: public_url,
                request: &request,
                auth: None,
                timeout: ACK_TIMEOUT,
                connection: "hook-twin",
            };
            let answer = client.send(call).await;
            let status = answer.as_ref().map(|reply| reply.status).map_err(ToString::to_string);
            match status {
                Ok(status) if status < 500 => {
                    if status >= 300 {
                        note(format!("an acknowledgement was answered with {status}: {}", request.path));
                    }
                }
                _ if tries + 1 >= ACK_TRIES_MAX => note(format!("an acknowledgement was given up: {status:?}")),
                _ => waiting.push_back((request, tries + 1)),
            }
        }
        SystemClock.sleep(ACKS_EVERY).await;
    }
}
