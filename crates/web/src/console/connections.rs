//! *Connections*: each lane's state in words, each source's last signal, and the quarantine.

use super::{Fields, Page, Shell, back, shown};
use crate::App;
use crate::session::Session;
use crate::texts::t;
use crate::when::{Wall, lasting};
use askama::Template;
use axum::extract::{Path, State};
use jiff::Timestamp;
use ringback_core::id::{ConnectionId, SignalId};
use ringback_core::rights::Act;
use ringback_engine::emit::Receiver;
use ringback_engine::instant;
use ringback_engine::volume::Drain;
use ringback_store::{Before, ConnectionRow, LaneRow};
use std::collections::HashMap;

/// Quarantined signals on one page.
const QUARANTINE_MAX: u32 = 100;

/// One connection.
struct Line {
    name: String,
    vendor: String,
    kind: &'static str,
    state: String,
    tone: &'static str,
    backlog: String,
    breaker: String,
    error: String,
    /// When what waits will be gone, and what is left of the vendor's budget.
    drain: String,
    /// Of a receiver of events: what it is told, when it last answered, and what needs a person.
    told: String,
    letters: String,
    hook: Option<String>,
}

struct Held {
    id: String,
    connection: String,
    event: String,
    at: String,
    why: String,
}

#[derive(Template)]
#[template(path = "connections.html")]
struct Connections {
    shell: Shell,
    outgoing: Vec<Line>,
    incoming: Vec<Line>,
    quarantine: Vec<Held>,
    more: bool,
    operates: bool,
    csrf: String,
}

struct Seen {
    connection: ConnectionRow,
    lane: Option<LaneRow>,
    waiting: i64,
    oldest: Option<i64>,
    last_signal: Option<i64>,
}

/// `GET /connections`.
pub(crate) async fn page(State(app): State<App>, session: Session) -> Page {
    session.need(Act::ReadAll)?;
    let (now, wall) = (app.engine.now(), session.wall(None));
    let account = session.account.as_str().to_owned();
    let (seen, mut held) = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move {
                let mut seen = Vec::new();
                let last = ringback_store::connections_last_signal(tx, &account).await?;
                for connection in ringback_store::connections_all(tx, &account).await? {
                    let lane = ringback_store::lane_get(tx, &account, &connection.id).await?;
                    let waiting = ringback_store::effects_unsettled_count(tx, &account, &connection.id).await?;
                    let oldest = ringback_store::effects_oldest_unsettled(tx, &account, &connection.id).await?;
                    let last_signal = last.iter().find(|(id, _)| *id == connection.id).and_then(|(_, at)| *at);
                    seen.push(Seen { connection, lane, waiting, oldest, last_signal });
                }
                let end = Before::end();
                let held = ringback_store::signals_quarantined(tx, &account, QUARANTINE_MAX + 1, &end).await?;
                Ok((seen, held))
            })
        })
        .await?;
    let more = held.len() > QUARANTINE_MAX as usize;
    held.truncate(QUARANTINE_MAX as usize);
    let names: Vec<(String, String)> =
        seen.iter().map(|s| (s.connection.id.clone(), s.connection.name.clone())).collect();
    let name = |id: &str| names.iter().find(|(i, _)| i == id).map_or_else(|| id.to_owned(), |(_, n)| n.clone());
    let quarantine = held
        .into_iter()
        .map(|s| Held {
            connection: name(&s.connection),
            event: s.event,
            at: wall.moment(instant(s.received_at), now),
            why: rejected(s.why.as_deref().unwrap_or_default()),
            id: s.id,
        })
        .collect();
    let (incoming, outgoing): (Vec<Seen>, Vec<Seen>) = seen.into_iter().partition(|s| s.connection.kind == "source");
    let mut drains: HashMap<String, Drain> = HashMap::new();
    for one in outgoing.iter().filter(|s| s.connection.kind == "crm") {
        let id = ConnectionId::from_text(one.connection.id.clone());
        if let Some(drain) = app.engine.drain_plan(&session.account, &id).await? {
            drains.insert(one.connection.id.clone(), drain);
        }
    }
    let receivers = app.engine.receivers(&session.account).await?;
    let receiver = |id: &str| receivers.iter().find(|r| r.lane == id);
    let public_url = &app.engine.settings().public_url;
    let shell = Shell::of(&app, &session, "connections", t("connections.title")).await?;
    shown(&Connections {
        shell,
        outgoing: outgoing
            .iter()
            .map(|s| lane(s, drains.get(&s.connection.id), receiver(&s.connection.id), now, &wall))
            .collect(),
        incoming: incoming.iter().map(|s| source(s, now, &wall, public_url)).collect(),
        quarantine,
        more,
        operates: session.may(Act::Operate),
        csrf: session.csrf.clone(),
    })
}

/// Why a request was not believed; an unknown word is shown as it is.
fn rejected(word: &str) -> String {
    let id = match word {
        "no_key" => "signature.no_key",
        "missing_signature" => "signature.missing",
        "wrong_signature" => "signature.wrong",
        "stale_signature" => "signature.stale",
        other => return other.to_owned(),
    };
    t(id).to_owned()
}

fn kind(word: &str) -> &'static str {
    t(match word {
        "source" => "kind.source",
        "crm" => "kind.crm",
        "sink" => "kind.sink",
        _ => "kind.other",
    })
}

fn lane(seen: &Seen, drain: Option<&Drain>, receiver: Option<&Receiver>, now: Timestamp, wall: &Wall) -> Line {
    let at = |micros: i64| wall.moment(instant(micros), now);
    let ago = |micros: i64| lasting((now.as_microsecond() - micros) / 1_000_000);
    let lane = seen.lane.as_ref();
    let open = lane.and_then(|l| l.breaker.as_deref()).is_some_and(|b| b != "closed");
    let failing = lane.is_some_and(|l| l.last_error_at > l.last_ok_at && seen.waiting > 0);
    let (state, tone) = if open || failing {
        let since = super::down_since(lane, seen.oldest).map(at).unwrap_or_default();
        (format!("{} {since}", t("crm.down")), "bad")
    } else if let Some(oldest) = seen.oldest {
        (format!("{} {}", t("crm.behind"), ago(oldest)), "ask")
    } else if let Some(ok) = lane.and_then(|l| l.last_ok_at) {
        (format!("{}, {} {}", t("crm.in_step"), ago(ok), t("crm.ago")), "good")
    } else {
        (t("crm.idle").to_owned(), "none")
    };
    let breaker = match (open, lane.and_then(|l| l.breaker_until)) {
        (true, Some(until)) => format!("{} {}", t("breaker.open_until"), at(until)),
        (true, None) => t("breaker.open").to_owned(),
        (false, _) => t("breaker.closed").to_owned(),
    };
    let error = lane
        .filter(|l| l.last_error_at.is_some())
        .map(|l| {
            let when = l.last_error_at.map(at).unwrap_or_default();
            format!("{} · {when}", l.last_error.as_deref().unwrap_or(t("crm.no_answer")))
        })
        .unwrap_or_default();
    Line {
        name: seen.connection.name.clone(),
        vendor: seen.connection.vendor.clone(),
        kind: if receiver.is_some() { t("kind.events") } else { kind(&seen.connection.kind) },
        state,
        tone,
        backlog: format!("{} {}", seen.waiting, t("crm.waiting")),
        breaker,
        error,
        drain: drain.map(|d| drained(d, open, now, wall)).unwrap_or_default(),
        told: receiver.map(|r| told(r, now, wall)).unwrap_or_default(),
        letters: receiver.map(letters).unwrap_or_default(),
        hook: None,
    }
}

/// What a receiver is told, which values about people go along, and when it last answered.
fn told(receiver: &Receiver, now: Timestamp, wall: &Wall) -> String {
    let mut parts = vec![format!("{} {}", t("connections.told"), receiver.told.join(", "))];
    if !receiver.personal.is_empty() {
        parts.push(format!("{} {}", t("connections.told_with"), receiver.personal.join(", ")));
    }
    parts.push(match receiver.last_answered_at {
        Some(at) => format!("{} {}", t("connections.told_answered"), wall.moment(at, now)),
        None => t("connections.told_never").to_owned(),
    });
    parts.join(" · ")
}

fn letters(receiver: &Receiver) -> String {
    match receiver.dead_letters {
        0 => String::new(),
        1 => format!("1 {}", t("connections.told_letter")),
        many => format!("{many} {}", t("connections.told_letters")),
    }
}

/// When what waits will be gone, and what is left of the day's budget; empty where there is nothing to say.
fn drained(drain: &Drain, open: bool, now: Timestamp, wall: &Wall) -> String {
    let mut parts = Vec::new();
    if let Some(at) = drain.gone_at {
        parts.push(format!("{} {}", t(if open { "drain.gone_then" } else { "drain.gone" }), wall.moment(at, now)));
        let what = t(if drain.requests == 1 { "drain.request" } else { "drain.requests" });
        parts.push(format!("{} {what} {:.1}/s", drain.requests, drain.per_second));
    }
    if let Some(left) = drain.daily_left {
        parts.push(format!("{left} {} {}", drain.daily_unit, t("drain.left")));
    }
    parts.join(" · ")
}

fn source(seen: &Seen, now: Timestamp, wall: &Wall, public_url: &str) -> Line {
    // A log is read when somebody names it: nothing has to come by itself.
    let log = seen.connection.vendor == "phone-log";
    let (state, tone) = match seen.last_signal {
        None if log => (t("source.log").to_owned(), "calm"),
        Some(at) => (format!("{} {}", t("source.last"), wall.moment(instant(at), now)), "good"),
        None => (t("source.none").to_owned(), "ask"),
    };
    Line {
        name: seen.connection.name.clone(),
        vendor: seen.connection.vendor.clone(),
        kind: kind(&seen.connection.kind),
        state,
        tone,
        backlog: String::new(),
        breaker: String::new(),
        error: String::new(),
        drain: String::new(),
        told: String::new(),
        letters: String::new(),
        hook: Some(format!("{public_url}/hooks/{}/…", seen.connection.id)),
    }
}

/// `POST /connections/quarantine/{id}/accept`.
pub(crate) async fn accept(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::Operate)?;
    app.engine.accept_quarantined(&session.account, &SignalId::from_text(id)).await?;
    Ok(back(&fields.0, "/connections"))
}
