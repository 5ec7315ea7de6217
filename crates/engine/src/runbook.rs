//! The runbook: for every kind of failure what it means, what happens by itself and what a person does, with the values of this moment.
//!
//! The texts stand in one table; a kind without a text or a text without a kind does not compile. Live values come from the store alone, so
//! that the runbook opens while everything outside is down.

use crate::{Engine, Error, instant};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ringback_connect::sinks::events;
use ringback_core::crm::Why;
use ringback_core::id::AccountId;
use ringback_core::standing::Pause;
use ringback_store::{self as store, After, Before};
use serde::Serialize;
use std::collections::BTreeMap;

/// Dead letters that are looked through.
const DEAD_MAX: u32 = 1_000;
/// Signals held back that are counted.
const HELD_MAX: u32 = 1_000;
/// The vendor of connections that only say how a log is read.
const PHONE_LOG: &str = "phone-log";
/// A provider that has been silent so long is worth a look.
const SILENT_HOURS: i64 = 24;

/// One thing a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Deed {
    pub what: &'static str,
    /// Typed in a shell.
    pub command: Option<&'static str>,
    /// A page of the console.
    pub page: Option<&'static str>,
}

const fn deed(what: &'static str) -> Deed {
    Deed { what, command: None, page: None }
}

impl Deed {
    const fn command(self, command: &'static str) -> Self {
        Self { command: Some(command), ..self }
    }
    const fn page(self, page: &'static str) -> Self {
        Self { page: Some(page), ..self }
    }
}

/// One kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// A stable word.
    pub id: &'static str,
    pub title: &'static str,
    pub means: &'static str,
    pub by_itself: &'static str,
    pub you: &'static [Deed],
    /// Classes of dead letters that belong here.
    dead: &'static [&'static str],
}

/// The class under which dead letters of receivers of events are counted.
const EVENT: &str = "event";

/// Every kind, the most frequent first.
pub static KINDS: &[Kind] = &[
    Kind {
        id: "crm_down",
        title: "The CRM does not answer",
        means: "Exchanges with the CRM fail one after another, so its lane pauses. Calls are recorded, owned and clocked all the same; only the \
                records in the CRM are late.",
        by_itself: "The lane tries again after 15 seconds, then ever more slowly up to every 5 minutes. What waits keeps its order, is looked \
                    up before it is written, and arrives once. An effect that was tried for 72 hours becomes a dead letter.",
        you: &[
            deed("Work on from Today: it does not need the CRM.").page("/"),
            deed("Look at the vendor's status page and at the lane's last error.").page("/connections"),
            deed("When it is over, see that nothing was lost or doubled.").command("ringback reconcile --since 24h"),
        ],
        dead: &["gave_up", "unsteady", "not_reached", "no_answer", "time_out", "server_error"],
    },
    Kind {
        id: "throttled",
        title: "The CRM slows us down",
        means: "The CRM answers that it is asked too often. Nothing is lost; writes take longer.",
        by_itself: "The lane waits as long as the CRM says and goes on. Urgent calls go first.",
        you: &[
            deed("See whether another integration uses up the same budget.").page("/connections"),
            deed("Give the connection the pace that your subscription allows, in the settings.").command("ringback config show"),
        ],
        dead: &["rate_limited"],
    },
    Kind {
        id: "quota_used_up",
        title: "The CRM's daily budget is used up",
        means: "The CRM takes nothing more from any integration until its day is over.",
        by_itself: "The lane waits until the vendor's midnight and then works off what waited, urgent calls first.",
        you: &[
            deed("Find out which integration uses the budget, in the CRM's own usage page."),
            deed("Work on from Today meanwhile.").page("/"),
        ],
        dead: &["exhausted", "daily_limit"],
    },
    Kind {
        id: "credential_refused",
        title: "The CRM does not accept our credential",
        means: "The token was revoked, has expired, or lacks a scope. Nothing can be written until that is mended.",
        by_itself: "The lane keeps trying slowly, so that a renewed token is noticed; nothing is thrown away.",
        you: &[
            deed("Make a token with the scopes of the connection's guide, put it where the settings say, start again."),
            deed("See that set-up can use it.").command("ringback doctor"),
            deed("Send again what was given up meanwhile.").command("ringback dead-letters list").page("/dead-letters"),
        ],
        dead: &["auth", "auth_expired", "unauthorized", "forbidden", "no_secret", "missing_scope"],
    },
    Kind {
        id: "schema_changed",
        title: "A field of the CRM was changed or removed",
        means: "The contract names a property that the CRM no longer has, or has with another type.",
        by_itself: "The clause is paused, and that clause only: its property is left out, all others are written, and calls come in as before. \
                    The schema is looked at every hour, every 5 minutes while something is paused, and at once when a write is refused. When \
                    the field is back the pause ends, and what waited is written.",
        you: &[
            deed("See which clause is paused, since when, and what waits for it.").command("ringback contract paused").page("/contract"),
            deed("Put the property back, or change the clause and apply the contract.").command("ringback contract apply contract.toml"),
            deed("Make what belongs to Ringback again.").command("ringback connect NAME"),
            deed("Look now instead of in a few minutes.").command("ringback contract paused --look"),
        ],
        dead: &["unknown_property", "property", "schema"],
    },
    Kind {
        id: "write_refused",
        title: "The CRM refuses a write",
        means: "The CRM will not take this value or this record, however often it is sent.",
        by_itself: "It becomes a dead letter with the CRM's own words. Only what needs it waits; other records of the call go on.",
        you: &[
            deed("Read the CRM's words and mend the cause: a required field, an option that does not exist, a workflow.").page("/dead-letters"),
            deed("Send it again.").command("ringback dead-letters replay ID"),
        ],
        dead: &["validation", "refused", "bad_request", "conflict", "unsupported", "unprocessable"],
    },
    Kind {
        id: "not_held",
        title: "Acknowledged by the CRM, and not there",
        means: "The CRM said yes to the write, and later reads do not show it. Somebody or something in the CRM takes it back at once: a \
                workflow, another integration, a rule.",
        by_itself: "It was written up to 6 times. Then it becomes a dead letter: what is not seen is never called done.",
        you: &[
            deed("Look in the CRM's history of that field for who changes it back.").page("/dead-letters"),
            deed("End that rule, or take the field out of the contract; then send it again.").command("ringback dead-letters replay ID"),
        ],
        dead: &["write_not_taken", "association_not_taken"],
    },
    Kind {
        id: "duplicate_found",
        title: "Two records of one person",
        means: "The CRM holds more than one record of a caller's number. Ringback writes to none of several until a person has said which.",
        by_itself: "The inquiry is owned and its clock runs; the match waits under Reviews. The nightly proof names doubles that came later, \
                    and who made them.",
        you: &[
            deed("Say which record it is.").command("ringback review list").page("/reviews"),
            deed("Merge doubles in the CRM: Ringback follows the record that stays."),
            deed("See which there are.").command("ringback reconcile --since 24h").page("/proof"),
        ],
        dead: &["duplicate_not_found", "duplicate", "value_taken"],
    },
    Kind {
        id: "record_gone",
        title: "A record was deleted or merged in the CRM",
        means: "A record that Ringback wrote or read is not there any more.",
        by_itself: "Merged records are followed. A deleted one is not made again behind your back: whoever deleted it may have meant it.",
        you: &[
            deed("See what is missing.").command("ringback reconcile --since 24h").page("/proof"),
            deed("If it was a mistake, restore it in the CRM or make it again with the command that stands beside the finding.")
                .command("ringback reconcile --since 24h --mend ID"),
        ],
        dead: &["record_gone", "contact_gone", "gone"],
    },
    Kind {
        id: "quarantine",
        title: "Messages of a provider in quarantine",
        means: "Requests came whose signature does not fit the key that is stored. They are kept whole and not believed.",
        by_itself: "They wait. The provider was answered as it needs to be, so that it does not switch the address off.",
        you: &[
            deed("Compare the signing key of the provider with the stored one; mend it in the settings."),
            deed("Accept what is authentic; it goes the way of every other signal.")
                .command("ringback quarantine accept ID")
                .page("/connections"),
        ],
        dead: &[],
    },
    Kind {
        id: "database",
        title: "The database is in trouble",
        means: "Nothing can be stored, so nothing is acknowledged: providers are answered 503 and send again, those that do.",
        by_itself: "It is tried every second and goes on by itself the moment it can; no restart is needed.",
        you: &[
            deed("Free the disk, or bring the database server back.").command("ringback doctor"),
            deed("Then compare with the phone log: a provider that does not send again leaves a gap.")
                .command("ringback reconcile --since 24h --phone-log FILE --connection NAME"),
        ],
        dead: &[],
    },
    Kind {
        id: "provider_silent",
        title: "A provider is silent",
        means: "No signal has come from this connection for a day or more. It may be a quiet day, or its hook was switched off.",
        by_itself: "Nothing can be done from here: what is not sent is not heard. The nightly proof asks the provider's own list, where it has \
                    one.",
        you: &[
            deed("Make a test call; it must show within minutes.").page("/connections"),
            deed("Look in the provider's list of failed deliveries, and copy the hook URL anew.").command("ringback connect NAME"),
            deed("Compare with the phone log, and take in what is missing.")
                .command("ringback reconcile --since 7d --phone-log FILE --connection NAME"),
        ],
        dead: &[],
    },
    Kind {
        id: "store_full",
        title: "The store is full",
        means: "The disk or the database's quota is used up.",
        by_itself: "As with every trouble of the database: nothing is acknowledged, and it goes on by itself when there is room.",
        you: &[
            deed("Make room. Words past their time are erased by themselves; keep them for fewer days under [retention].")
                .command("ringback config show"),
            deed("See that it is over.").command("ringback doctor"),
        ],
        dead: &[],
    },
    Kind {
        id: "feed_waits",
        title: "Calls that are logged in the CRM are not read",
        means: "A connection takes in the calls that a phone system logs in the CRM, and the CRM does not show them now.",
        by_itself: "It is asked again after 30 seconds, then ever more slowly up to every 10 minutes, and not before the CRM says so where it \
                    does. Reading goes on where it was left: nothing is lost, and nothing comes twice. Calls that providers send come in as before.",
        you: &[
            deed("See when it was last read and what the CRM said.").command("ringback doctor"),
            deed("Give the token the right to read calls; see the connection's guide.").page("/connections"),
        ],
        dead: &[],
    },
    Kind {
        id: "page_not_taken",
        title: "A page or an e-mail to staff was not taken",
        means: "Somebody was to be told of a call and was not: the receiver or the mail server refused, or the owner has no address.",
        by_itself: "It was tried 10 times, then it became a dead letter. The clock runs on and the next tier is told when it is due.",
        you: &[
            deed("Read why, and mend address, secret or server.").page("/dead-letters"),
            deed("Send it again.").command("ringback dead-letters replay ID"),
        ],
        dead: &["page_not_taken", "mail_refused", "mail_later", "mail_unknown", "no_address", "no_url"],
    },
    Kind {
        id: "event_not_taken",
        title: "Another system does not take what it is told",
        means: "A receiver of events (a calendar, an analytics store, a ticket desk) is away, switched off, or refuses. Calls and the CRM are not \
                touched by it.",
        by_itself: "What it is to be told waits in order, and is tried ever more slowly. After 72 hours, 120 unclear answers, or a plain refusal, it is a dead letter. A \
                    repeat carries the same id, so nothing is taken twice.",
        you: &[
            deed("See which receiver, and what it said.").command("ringback doctor").page("/connections"),
            deed("Switch it on, or mend its address or secret in the settings.").command("ringback config show"),
            deed("Send again what was given up meanwhile.").command("ringback dead-letters list").page("/dead-letters"),
        ],
        dead: &[EVENT],
    },
];

/// A kind with what is true of it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    pub id: &'static str,
    pub title: &'static str,
    pub means: &'static str,
    pub by_itself: &'static str,
    pub you: &'static [Deed],
    /// It is so at this moment.
    pub now: bool,
    /// Sentences with figures.
    pub live: Vec<String>,
}

/// The state of this moment, as far as the store knows it.
struct Live {
    lanes: Vec<Lane>,
    /// Of receivers of events.
    receivers: Vec<Lane>,
    dead: BTreeMap<String, (u64, Option<i64>)>,
    quarantined: (u64, Option<i64>),
    /// Callers who may be several records.
    ambiguous: usize,
    sources: Vec<(String, Option<i64>)>,
    /// Feeds of calls of which something is wrong, and what.
    feeds: Vec<(String, String)>,
    /// Paused clauses: what is wrong, since when, and how many inquiries wait.
    paused: Vec<(String, i64, i64)>,
    trouble: Option<store::Error>,
}

struct Lane {
    name: String,
    open_until: Option<i64>,
    failing: bool,
    waiting: i64,
    oldest: Option<i64>,
    last_ok: Option<i64>,
    last_error: Option<String>,
    why: Vec<String>,
}

impl Engine {
    /// Every kind of failure with the values of this moment.
    pub async fn runbook(&self, account: &AccountId) -> Result<Vec<Page>, Error> {
        let trouble = self.store().trouble();
        let live = match self.live(account).await {
            Ok(live) => live,
            // With the database down the runbook is needed most.
            Err(Error::Store(error)) => Live {
                lanes: Vec::new(),
                receivers: Vec::new(),
                dead: BTreeMap::new(),
                quarantined: (0, None),
                ambiguous: 0,
                sources: Vec::new(),
                feeds: Vec::new(),
                paused: Vec::new(),
                trouble: trouble.or(Some(error)),
            },
            Err(error) => return Err(error),
        };
        let now = self.now();
        // The runbook opens without the database too.
        let zone = self.facts(account).await.map_or_else(|_| "UTC".to_owned(), |facts| crate::prove::zone(&facts));
        let zone = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
        Ok(KINDS.iter().map(|kind| page(kind, &live, now, &zone)).collect())
    }

    async fn live(&self, account: &AccountId) -> Result<Live, Error> {
        let id = account.as_str().to_owned();
        let trouble = self.store().trouble();
        let at = crate::micros(self.now());
        let read = self.store().read(move |tx| {
            Box::pin(async move {
                let mut live = Live {
                    lanes: Vec::new(),
                    receivers: Vec::new(),
                    dead: BTreeMap::new(),
                    quarantined: (0, None),
                    ambiguous: store::reviews_open(tx, &id, Some("match"), None, HELD_MAX, &After::start())
                        .await?
                        .len(),
                    sources: Vec::new(),
                    feeds: Vec::new(),
                    paused: Vec::new(),
                    trouble,
                };
                let waiting = store::clause_waits_count(tx, &id).await?;
                for row in
                    store::roster_current(tx, &id).await?.into_iter().filter(|row| row.kind == crate::facts::PAUSE)
                {
                    let cause = serde_json::from_str::<Pause>(&row.body).map_or_else(|_| row.id.clone(), |p| p.cause);
                    let n = waiting.iter().find(|(clause, _)| *clause == row.id).map_or(0, |(_, n)| *n);
                    live.paused.push((cause, row.valid_from, n));
                }
                let last = store::connections_last_signal(tx, &id).await?;
                for connection in store::connections_all(tx, &id).await?.into_iter().filter(|c| c.state == "active") {
                    if connection.kind == "source" {
                        let at = last.iter().find(|(of, _)| *of == connection.id).and_then(|(_, at)| *at);
                        // A log is read when somebody names it: nobody is silent there.
                        if connection.vendor != PHONE_LOG {
                            live.sources.push((connection.name, at));
                        }
                        continue;
                    }
                    let lane = store::lane_get(tx, &id, &connection.id).await?;
                    let waiting = store::effects_unsettled_count(tx, &id, &connection.id).await?;
                    // Ready or not: what the first ones wait for says how the lane is.
                    let horizon = at.saturating_add(86_400_000_000);
                    let first = store::effects_due(tx, &id, &connection.id, horizon, 20).await?;
                    let lane = lane.as_ref();
                    let told = connection.vendor == events::NAME;
                    let lane = Lane {
                        name: connection.name,
                        open_until: lane
                            .filter(|l| l.breaker.as_deref() == Some("open"))
                            .and_then(|l| l.breaker_until)
                            .filter(|until| *until > at),
                        failing: lane.is_some_and(|l| l.last_error_at > l.last_ok_at) && waiting > 0,
                        waiting,
                        oldest: store::effects_oldest_unsettled(tx, &id, &connection.id).await?,
                        last_ok: lane.and_then(|l| l.last_ok_at),
                        last_error: lane.and_then(|l| l.last_error.clone()),
                        why: first.into_iter().filter_map(|row| row.why).collect(),
                    };
                    if told { live.receivers.push(lane) } else { live.lanes.push(lane) }
                }
                for row in store::effects_dead(tx, &id, DEAD_MAX).await? {
                    let why = row.why.unwrap_or_default();
                    let class = match row.kind.as_str() {
                        // Whatever its receiver says, it is about that receiver.
                        "emit" => EVENT.to_owned(),
                        _ => serde_json::from_str::<Why>(&why).map_or_else(|_| "refused".to_owned(), |why| why.class),
                    };
                    let entry = live.dead.entry(class).or_default();
                    entry.0 += 1;
                    entry.1 = [entry.1, row.settled_at].into_iter().flatten().min();
                }
                let held = store::signals_quarantined(tx, &id, HELD_MAX, &Before::end()).await?;
                live.quarantined = (held.len() as u64, held.iter().map(|row| row.received_at).min());
                Ok(live)
            })
        });
        let mut live = read.await?;
        let feeds = self.feeds(account).await?.into_iter();
        live.feeds = feeds.filter_map(|seen| Some((seen.connection, seen.wrong?))).collect();
        Ok(live)
    }
}

/// Dead letters that no other kind claims are refused writes.
fn dead_of(kind: &Kind, live: &Live) -> (u64, Option<i64>) {
    let claimed = |class: &str| KINDS.iter().any(|k| k.dead.contains(&class));
    let mine = |class: &str| kind.dead.contains(&class) || (kind.id == "write_refused" && !claimed(class));
    let some = live.dead.iter().filter(|(class, _)| mine(class));
    some.fold((0, None), |(n, oldest), (_, (count, at))| (n + count, [oldest, *at].into_iter().flatten().min()))
}

/// A moment as the clocks of most locations show it.
fn clock(micros: i64, zone: &TimeZone) -> String {
    instant(micros).to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

fn page(kind: &Kind, live: &Live, now: Timestamp, zone: &TimeZone) -> Page {
    let mut said = Vec::new();
    let at = |micros: i64| clock(micros, zone);
    let (dead, oldest) = dead_of(kind, live);
    if dead > 0 {
        let since = oldest.map(|o| format!(", the oldest since {}", at(o))).unwrap_or_default();
        let letters = if dead == 1 { "dead letter" } else { "dead letters" };
        said.push(format!("{dead} {letters}{since}."));
    }
    let waits = |lane: &Lane, words: &[&str]| {
        let found = lane.why.iter().find(|why| {
            let why = why.to_lowercase();
            words.iter().any(|word| why.contains(word))
        });
        found.map(|why| format!("{}: {} wait; “{why}”.", lane.name, lane.waiting))
    };
    match kind.id {
        "crm_down" | "event_not_taken" => {
            let lanes = if kind.id == "crm_down" { &live.lanes } else { &live.receivers };
            for lane in lanes {
                let ok = lane.last_ok.map_or_else(|| "never yet".to_owned(), at);
                match lane.open_until {
                    Some(until) => said.push(format!(
                        "{} is paused until {}; last success {ok}; {} wait{}.",
                        lane.name,
                        at(until),
                        lane.waiting,
                        lane.last_error.as_ref().map(|e| format!("; last error: {e}")).unwrap_or_default()
                    )),
                    None if lane.failing => {
                        said.push(format!("{} fails; last success {ok}; {} wait.", lane.name, lane.waiting));
                    }
                    None => {}
                }
            }
        }
        "schema_changed" => {
            for (cause, since, waiting) in &live.paused {
                said.push(format!("Paused since {}: {cause}; {}.", at(*since), waits_for_it(*waiting)));
            }
        }
        "throttled" => said.extend(live.lanes.iter().filter_map(|l| waits(l, &["rate", "too many", "slow", "429"]))),
        "quota_used_up" => said.extend(live.lanes.iter().filter_map(|l| waits(l, &["daily", "budget", "quota"]))),
        "credential_refused" => {
            said.extend(live.lanes.iter().filter_map(|l| waits(l, &["auth", "token", "401", "expired"])));
        }
        "feed_waits" => said.extend(live.feeds.iter().map(|(name, wrong)| format!("{name}: {wrong}."))),
        "quarantine" if live.quarantined.0 > 0 => {
            let (n, oldest) = live.quarantined;
            let since = oldest.map(|o| format!(", the oldest since {}", at(o))).unwrap_or_default();
            said.push(format!("{n} messages are held{since}."));
        }
        "duplicate_found" if live.ambiguous > 0 => {
            said.push(format!("{} callers may be one of several records; they wait under Reviews.", live.ambiguous));
        }
        "database" | "store_full" => {
            let full = matches!(live.trouble, Some(store::Error::Full(_)));
            if let Some(error) = live.trouble.as_ref().filter(|_| full == (kind.id == "store_full")) {
                said.push(format!("{}: {error}.", error.code()));
            }
        }
        "provider_silent" => {
            for (name, last) in &live.sources {
                let silent = last.is_none_or(|last| now.duration_since(instant(last)).as_hours() >= SILENT_HOURS);
                if silent {
                    let since =
                        last.map_or_else(|| "nothing has ever come".to_owned(), |l| format!("last heard {}", at(l)));
                    said.push(format!("{name}: {since}."));
                }
            }
        }
        _ => {}
    }
    let is_now = !said.is_empty();
    if !is_now {
        said.push(quiet(kind, live, zone));
    }
    Page {
        id: kind.id,
        title: kind.title,
        means: kind.means,
        by_itself: kind.by_itself,
        you: kind.you,
        now: is_now,
        live: said,
    }
}

fn waits_for_it(waiting: i64) -> String {
    match waiting {
        0 => "nothing waits for it".to_owned(),
        1 => "1 inquiry waits for it".to_owned(),
        n => format!("{n} inquiries wait for it"),
    }
}

/// Also what is well is said with its figures.
fn quiet(kind: &Kind, live: &Live, zone: &TimeZone) -> String {
    match kind.id {
        "crm_down" => {
            let waiting: i64 = live.lanes.iter().map(|l| l.waiting).sum();
            let oldest = live.lanes.iter().filter_map(|l| l.oldest).min();
            let since = oldest.map(|o| format!(", the oldest since {}", clock(o, zone))).unwrap_or_default();
            let waits = match waiting {
                0 => "nothing waits".to_owned(),
                1 => format!("1 write waits{since}"),
                n => format!("{n} writes wait{since}"),
            };
            match live.lanes.len() {
                0 => "No CRM is connected.".to_owned(),
                1 => format!("The connection is open; {waits}."),
                n => format!("All {n} connections are open; {waits}."),
            }
        }
        "provider_silent" => match live.sources.as_slice() {
            [] => "No provider is connected.".to_owned(),
            [(name, _)] => format!("{name} was heard within a day."),
            all => format!("All {} providers were heard within a day.", all.len()),
        },
        "quarantine" => "The quarantine is empty.".to_owned(),
        _ => "Nothing of this kind now.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::support::World;

    #[test]
    fn every_kind_is_whole_and_no_class_has_two_homes() {
        let mut ids: Vec<&str> = KINDS.iter().map(|k| k.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), KINDS.len()), (16, 16));
        let mut classes: Vec<&str> = KINDS.iter().flat_map(|k| k.dead).copied().collect();
        let all = classes.len();
        classes.sort_unstable();
        classes.dedup();
        assert_eq!(classes.len(), all);
        for kind in KINDS {
            assert!(!kind.means.is_empty() && !kind.by_itself.is_empty() && !kind.you.is_empty(), "{}", kind.id);
            assert!(kind.you.iter().any(|d| d.command.is_some() || d.page.is_some()), "{} has no way on", kind.id);
        }
    }

    #[tokio::test]
    async fn what_is_true_now_stands_under_its_kind_alone() {
        let world = World::new().await;
        let pages = world.engine.runbook(&world.account).await.unwrap();
        assert!(pages.iter().all(|p| !p.now), "{pages:?}");
        let inquiry = world.missed_call("1").await;
        let effect = world.effect(&inquiry, "find").await;
        let id = effect.id.as_str().to_owned();
        world
            .write(move |tx| {
                Box::pin(async move {
                    let mut row = store::effect_get(tx, "acct_1", &id).await?.unwrap();
                    row.state = "dead".into();
                    row.settled_at = Some(1_000_000);
                    row.why = serde_json::to_string(&Why::new("write_not_taken", "gone again")).ok();
                    assert!(store::effect_update_if(tx, &row).await?);
                    Ok(())
                })
            })
            .await;
        let pages = world.engine.runbook(&world.account).await.unwrap();
        let now: Vec<&str> = pages.iter().filter(|p| p.now).map(|p| p.id).collect();
        assert_eq!(now, ["not_held"]);
        let page = pages.iter().find(|p| p.now).unwrap();
        assert_eq!(page.live, ["1 dead letter, the oldest since 1970-01-01 00:00 UTC."]);
    }
}
