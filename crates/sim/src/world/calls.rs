//! Callers, calls, and how they are told.

use super::places::{BLOCKED, SWITCHBOARD, VENDOR, person};
use super::{
    Account, Act, Deed, Delivery, EDGE_MINUTES, Ended, PUBLIC_URL, Provider, Quarantine, REDIAL_MINUTES_MIN, RealCall,
    Size, Who,
};
use crate::dice::Dice;
use crate::words;
use ringback_twins::callrail::{self, CallRail, Event, Ring};
use ringback_twins::twilio::{self, Callback, Dialled, Twilio};
use ringback_twins::{Hook, sign};
use std::collections::BTreeSet;

const MINUTE: i64 = 60_000;

struct Caller {
    who: Who,
    number: Option<String>,
}

/// Ground truth: who calls when and how it ends.
pub(super) fn calls(dice: &mut Dice, accounts: &mut [Account], start_ms: i64, size: Size) -> Vec<RealCall> {
    let mut calls: Vec<RealCall> = Vec::new();
    let shared_callers = accounts.len() > 1;
    let per_account = size.calls.div_ceil(accounts.len().max(1));
    let span = if size.calls < 10 { 60 } else { dice.between(4, 9) * 60 } * MINUTE;
    for (at, account) in accounts.iter_mut().enumerate() {
        let mut dice = dice.split(at as u64);
        let mut made = 0;
        let mut n = 0;
        while made < per_account {
            n += 1;
            // Two accounts have the same strangers; whoever is known in one of them need not be known in the other.
            let base = if shared_callers { 4000 } else { 4000 + 500 * at as i64 };
            let caller = caller(&mut dice, account, base + n);
            let repeats = if caller.number.is_some() && dice.percent(18) { dice.between(2, 4) } else { 1 };
            made += calls_of(&mut dice, account, at, &caller, repeats, (start_ms, span), &mut calls);
        }
    }
    calls.sort_by_key(|c| (c.started_ms, c.account));
    for (n, call) in calls.iter_mut().enumerate() {
        call.n = n;
    }
    calls
}

fn caller(dice: &mut Dice, account: &mut Account, number: i64) -> Caller {
    let area = *dice.pick(&["312", "480", "917"]);
    let e164 = format!("+1{area}555{number:04}");
    let who = match dice.between(1, 100) {
        1..=46 => Who::Stranger,
        47..=62 => Who::Customer,
        63..=75 => Who::Lead,
        76..=81 => Who::Shared,
        82..=85 => Who::Switchboard,
        86..=88 => Who::Vendor,
        89..=91 => Who::Blocked,
        92..=96 => Who::Withheld,
        _ => Who::Garbled,
    };
    let taken = |number: &str, account: &Account| account.people.iter().any(|p| p.e164 == number);
    let number = match who {
        Who::Vendor => Some(VENDOR.to_owned()),
        Who::Switchboard => Some(SWITCHBOARD.to_owned()),
        Who::Blocked => Some(BLOCKED.to_owned()),
        Who::Withheld => None,
        Who::Garbled => Some("+1555".to_owned()),
        _ => Some(e164.clone()),
    };
    let times = match who {
        Who::Customer | Who::Lead => 1,
        Who::Shared => 2,
        // Somebody in the CRM happens to have the switchboard's number.
        Who::Switchboard if !taken(SWITCHBOARD, account) => 1,
        _ => 0,
    };
    // Of a customer and a lead with one number the customer wins; of two of a kind nobody does.
    let customers = dice.percent(50);
    for _ in 0..times {
        let of = number.clone().unwrap_or_default();
        let customer = who == Who::Customer || (who == Who::Shared && customers);
        account.people.push(person(dice, &of, customer));
    }
    Caller { who, number }
}

/// The calls of one caller, far enough apart; gives how many.
fn calls_of(
    dice: &mut Dice,
    account: &Account,
    at: usize,
    caller: &Caller,
    repeats: i64,
    (start_ms, span): (i64, i64),
    calls: &mut Vec<RealCall>,
) -> usize {
    let sites = account.sites.len();
    // Numbers of several people, and callers who ring again, come through one tracker and one site, unless the caller rings elsewhere too.
    let known_number =
        matches!(caller.who, Who::Vendor | Who::Switchboard | Who::Blocked | Who::Withheld | Who::Garbled);
    let shared = matches!(caller.who, Who::Shared | Who::Switchboard);
    let site = if shared { 0 } else { usize::try_from(dice.between(0, sites as i64 - 1)).unwrap_or(0) };
    let roams = repeats > 1 && sites > 1 && !shared && dice.percent(30);
    let twice_told = repeats == 1 && caller.who == Who::Stranger && dice.percent(15);
    let by_twilio = repeats == 1 && !known_number && !twice_told && dice.percent(25);
    let corrected = repeats == 1 && !by_twilio && !twice_told && dice.percent(12);
    let urgent_at = if dice.percent(30) { dice.between(0, repeats - 1) } else { -1 };
    let forged = repeats == 1 && caller.who == Who::Stranger && !by_twilio && !twice_told && dice.percent(5);
    let mut taken: BTreeSet<i64> =
        calls.iter().filter(|c| c.account == at && c.caller == caller.number).map(|c| c.started_ms).collect();
    let mut made = 0;
    for k in 0..repeats {
        let site_of_this = if roams && k % 2 == 1 { (site + 1) % sites } else { site };
        let Some(place) = account.sites.get(site_of_this) else { continue };
        let free = |ms: i64, taken: &BTreeSet<i64>| {
            !place.hours.near_a_change(ms, EDGE_MINUTES)
                && taken.iter().all(|t| (t - ms).abs() > REDIAL_MINUTES_MIN * MINUTE)
        };
        let Some(started_ms) =
            (0..50).map(|_| start_ms + dice.between(1_000, span) / 1_000 * 1_000).find(|ms| free(*ms, &taken))
        else {
            continue;
        };
        taken.insert(started_ms);
        let ended = if corrected {
            Ended::AnsweredAfterAll
        } else if k == urgent_at {
            Ended::Left(words::message(dice, true))
        } else {
            match dice.between(1, 10) {
                1..=4 => Ended::Left(words::message(dice, false)),
                5..=6 => Ended::RangOut,
                7..=8 => Ended::HungUp,
                9 if by_twilio => Ended::Busy,
                9 => Ended::RangOut,
                _ => Ended::Answered,
            }
        };
        let told_by = match (twice_told, by_twilio) {
            (true, _) => vec![Provider::CallRail, Provider::Twilio],
            (_, true) => vec![Provider::Twilio],
            _ => vec![Provider::CallRail],
        };
        let seconds = match ended {
            Ended::HungUp => dice.between(5, 14),
            Ended::Left(_) => dice.between(35, 75),
            Ended::Answered | Ended::AnsweredAfterAll => dice.between(60, 300),
            _ => dice.between(20, 40),
        };
        calls.push(RealCall {
            n: 0,
            account: at,
            site: site_of_this,
            who: caller.who,
            caller: caller.number.clone(),
            started_ms,
            seconds: u32::try_from(seconds).unwrap_or(30),
            ended,
            told_by,
            forged,
        });
        made += 1;
    }
    made
}

/// Everything that providers send of these calls, in the order in which it comes.
pub(super) fn deliveries(dice: &mut Dice, accounts: &[Account], calls: &[RealCall]) -> Vec<Delivery> {
    let mut all = Vec::new();
    for call in calls {
        let mut dice = dice.split(call.n as u64);
        let Some(account) = accounts.get(call.account) else { continue };
        for provider in &call.told_by {
            let first = all.len();
            match provider {
                Provider::CallRail => by_callrail(&mut dice, account, call, &mut all),
                Provider::Twilio => by_twilio(&mut dice, account, call, &mut all),
            }
            repeat(&mut dice, &mut all, first);
        }
    }
    all.sort_by_key(|d| d.due_ms);
    all
}

/// What each provider sends of these calls where nothing is fancy: one report per call when it is over.
pub fn told(account: &Account, calls: &[RealCall]) -> Vec<Delivery> {
    let rail = CallRail::new("ACC1", "unused");
    let mut all = Vec::new();
    for call in calls {
        let hook = rail.hook(&Event::PostCall, &ring(account, call));
        let connection = account.connection(Provider::CallRail);
        all.push(delivery(call, &connection, "post-call", hook, call.ended_ms() + 25_000, true, Quarantine::No));
        if call.told_by.contains(&Provider::Twilio) {
            let connection = account.connection(Provider::Twilio);
            let twin = Twilio::new(&account.twilio_sid, &account.twilio_token);
            let direct = account.sites.get(call.site).map_or("", |s| s.direct.as_str());
            let from = call.caller.as_deref().unwrap_or("anonymous");
            let mut seen = twilio::Call::new(9_000_000 + call.n as u64, from, direct, call.started_ms, None);
            seen.duration_seconds = call.seconds;
            let url = format!("{PUBLIC_URL}/hooks/{connection}/status");
            if let Some(hook) = twin.hook(Callback::Status, &seen, &url) {
                all.push(delivery(call, &connection, "status", hook, call.ended_ms() + 1_000, true, Quarantine::No));
            }
        }
    }
    all
}

/// Some deliveries come twice to five times.
fn repeat(dice: &mut Dice, all: &mut Vec<Delivery>, first: usize) {
    let fresh: Vec<Delivery> = all.get(first..).unwrap_or_default().to_vec();
    for delivery in fresh {
        let times = if dice.percent(35) { dice.between(1, 4) } else { 0 };
        for _ in 0..times {
            let due_ms = delivery.due_ms + dice.between(1, 120) * 1_000;
            all.push(Delivery { due_ms, ..delivery.clone() });
        }
    }
}

/// The call as CallRail tells it.
pub(crate) fn ring(account: &Account, call: &RealCall) -> Ring {
    let ended = match &call.ended {
        Ended::RangOut | Ended::Busy => callrail::Ended::Missed,
        Ended::HungUp => callrail::Ended::Abandoned,
        Ended::Left(_) => callrail::Ended::Voicemail,
        Ended::Answered => callrail::Ended::Answered,
        Ended::AnsweredAfterAll => callrail::Ended::Missed,
    };
    let tracking = account.sites.get(call.site).map_or("", |s| s.tracking.as_str());
    let id = 7_000_000 + call.n as u64;
    let mut ring = Ring::new(id, call.caller.as_deref(), tracking, &account.company, call.started_ms, ended);
    ring.duration_seconds = call.seconds;
    if let Ended::Left(message) = &call.ended {
        message.text.clone_into(&mut ring.transcript);
    }
    ring
}

fn by_callrail(dice: &mut Dice, account: &Account, call: &RealCall, all: &mut Vec<Delivery>) {
    let rail = CallRail::new("ACC1", "unused");
    let ring = ring(account, call);
    let mut put = |event: &Event, word: &str, ring: &Ring, due_ms: i64, telling: bool, quarantine: Quarantine| {
        let mut hook = rail.hook(event, ring);
        if quarantine != Quarantine::No {
            hook = resigned(hook);
        }
        let connection = account.connection(Provider::CallRail);
        all.push(delivery(call, &connection, word, hook, due_ms, telling, quarantine));
    };
    let forged = if call.forged { Quarantine::Kept } else { Quarantine::No };
    let end = call.ended_ms();
    // A transcript makes the report wait, at most twenty minutes.
    let report = end + if dice.percent(60) { dice.between(2, 60) } else { dice.between(60, 19 * 60) } * 1_000;
    // Out of order: what rang is told after what ended.
    let rung = if dice.percent(20) {
        report + dice.between(1, 90) * 1_000
    } else {
        call.started_ms + dice.between(200, 3_000)
    };
    if dice.percent(70) {
        put(&Event::PreCall, "pre-call", &ring, rung, false, forged);
    }
    if dice.percent(25) {
        put(&Event::CallRoutingComplete, "call-routing-complete", &ring, rung + 1_500, false, forged);
    }
    let quarantine = match forged {
        Quarantine::No if dice.percent(6) => Quarantine::Accepted,
        other => other,
    };
    match &call.ended {
        Ended::Left(_) if dice.percent(35) => {
            let mute = Ring { transcript: String::new(), ..ring.clone() };
            put(&Event::PostCall, "post-call", &mute, report, true, quarantine);
            let late = report + dice.between(60, 8 * 60) * 1_000;
            put(&Event::CallModified(vec!["transcription_text"]), "call-modified", &ring, late, false, forged);
        }
        Ended::AnsweredAfterAll => {
            put(&Event::PostCall, "post-call", &ring, report, true, quarantine);
            let truth = Ring { ended: callrail::Ended::Answered, ..ring.clone() };
            let late = (report + dice.between(-120, 40 * 60) * 1_000).max(end + 1_000);
            put(&Event::CallModified(vec!["answered"]), "call-modified", &truth, late, false, forged);
        }
        _ => put(&Event::PostCall, "post-call", &ring, report, true, quarantine),
    }
}

/// Signed with a key that is not the company's.
fn resigned(mut hook: Hook) -> Hook {
    let signature = sign::callrail("somebody-else's-key", &hook.body);
    for (name, value) in &mut hook.headers {
        if name.eq_ignore_ascii_case("signature") {
            value.clone_from(&signature);
        }
    }
    hook
}

fn by_twilio(dice: &mut Dice, account: &Account, call: &RealCall, all: &mut Vec<Delivery>) {
    let twin = Twilio::new(&account.twilio_sid, &account.twilio_token);
    let direct = account.sites.get(call.site).map_or("", |s| s.direct.as_str());
    let dialled = match call.ended {
        Ended::Answered | Ended::AnsweredAfterAll => Dialled::Completed,
        Ended::HungUp => Dialled::Canceled,
        Ended::Busy => Dialled::Busy,
        Ended::RangOut | Ended::Left(_) => Dialled::NoAnswer,
    };
    let from = call.caller.as_deref().unwrap_or("anonymous");
    let mut told = twilio::Call::new(9_000_000 + call.n as u64, from, direct, call.started_ms, Some(dialled));
    told.duration_seconds = call.seconds;
    if let Ended::Left(message) = &call.ended {
        told = told.leaving(20, Some(&message.text));
    }
    let connection = account.connection(Provider::Twilio);
    let end = call.ended_ms();
    let two_trackers = call.told_by.len() > 1;
    let jitter = |dice: &mut Dice| dice.between(0, 1_500);
    let mut plan = vec![(Callback::Incoming, "voice", call.started_ms + jitter(dice), false, false)];
    if two_trackers {
        // The number is forwarded: this provider only sees a call come and go.
        plan.push((Callback::Status, "status", end + jitter(dice), true, true));
    } else {
        plan.push((Callback::DialAction, "dial", (call.started_ms + 18_000).min(end - 500), false, true));
        let status = if dice.percent(20) { end + dice.between(1, 50) * 1_000 } else { end + jitter(dice) };
        plan.push((Callback::Status, "status", status, true, true));
        if matches!(call.ended, Ended::Left(_)) {
            plan.push((Callback::RecordAction, "record", end - 400, false, true));
            plan.push((Callback::RecordingStatus, "recording", end + 4_000 + jitter(dice), false, true));
            plan.push((Callback::Transcription, "transcription", end + dice.between(20, 480) * 1_000, false, true));
        }
    }
    for (callback, word, due_ms, telling, insists) in plan {
        let url = format!("{PUBLIC_URL}/hooks/{connection}/{word}");
        let Some(hook) = twin.hook(callback, &told, &url) else { continue };
        let made = delivery(call, &connection, word, hook, due_ms, telling, Quarantine::No);
        all.push(Delivery { insists, ..made });
    }
}

fn delivery(
    call: &RealCall,
    connection: &str,
    event: &str,
    hook: Hook,
    due_ms: i64,
    telling: bool,
    quarantine: Quarantine,
) -> Delivery {
    Delivery {
        due_ms,
        account: call.account,
        connection: connection.to_owned(),
        event: event.to_owned(),
        url: format!("{PUBLIC_URL}/hooks/{connection}/{event}"),
        headers: hook.headers.into_iter().map(|(n, v)| (n.to_ascii_lowercase(), v)).collect(),
        body: hook.body,
        call: call.n,
        telling,
        insists: true,
        quarantine,
    }
}

/// What people do: each only about a caller of whom everything was told by then.
pub(super) fn acts(dice: &mut Dice, calls: &[RealCall], deliveries: &[Delivery], last_ms: i64) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut seen: BTreeSet<(usize, String)> = BTreeSet::new();
    for call in calls {
        let Some(number) = call.e164().map(str::to_owned) else { continue };
        let corrected = matches!(call.ended, Ended::AnsweredAfterAll);
        if call.forged || corrected || !seen.insert((call.account, number.clone())) || !dice.percent(30) {
            continue;
        }
        let of_caller =
            |d: &&Delivery| calls.get(d.call).is_some_and(|c| c.account == call.account && c.caller == call.caller);
        // What stands in quarantine is told much later than it came; people wait for that.
        if deliveries.iter().filter(of_caller).any(|d| d.quarantine != Quarantine::No) {
            continue;
        }
        let told_ms = deliveries.iter().filter(of_caller).map(|d| d.due_ms).max().unwrap_or(last_ms);
        let what = match call.who {
            Who::Shared if dice.percent(50) => Deed::PickFirst(number),
            Who::Shared | Who::Switchboard => Deed::PickNew(number),
            Who::Stranger | Who::Customer | Who::Lead => match dice.between(1, 4) {
                1 => Deed::Reach(number),
                2 => Deed::Try(number),
                3 if call.who == Who::Customer => Deed::TypeName(number),
                _ => Deed::Approve(number),
            },
            _ => continue,
        };
        acts.push(Act { at_ms: told_ms + dice.between(1, 40) * MINUTE, account: call.account, what });
    }
    acts.push(Act { at_ms: last_ms + 5 * MINUTE, account: 0, what: Deed::AcceptQuarantine });
    acts.sort_by_key(|a| a.at_ms);
    acts
}
