//! How much a CRM takes: what a call asks of it, whether its limits hold a day's calls, and when what waits will be gone.
//!
//! Arithmetic over the vendor's data (batch sizes, costs, limits), nothing that a decision rests on: the lanes keep the limits whatever stands
//! here. What a call costs is that of somebody new, the dearest case.

use crate::lane::{searches_per_second, steady_per_second};
use crate::{Engine, Error, instant};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ringback_connect::{Connection, Crm, Limits};
use ringback_core::crm::{CrmOp, KeyWay, Object, PersonKey, Properties};
use ringback_core::id::{AccountId, ConnectionId};
use ringback_store::{self as store, Before};
use serde::Serialize;

/// Effects that a call of somebody new has in the CRM: find, contact, call log, task.
const EFFECTS_PER_CALL: f64 = 4.0;
/// Where a vendor publishes no rate: so long an answer is taken to need, seconds.
const ANSWER_SECONDS: f64 = 0.5;
/// How a day's calls fall on its hours where nothing is known, percent: mostly from eight to five, most at nine and ten.
const SHARE_OF_HOUR: [u64; 24] = [0, 0, 0, 0, 0, 0, 0, 3, 9, 12, 12, 11, 9, 9, 9, 9, 8, 5, 3, 1, 0, 0, 0, 0];
/// Calls that are read of the last month.
const CALLS_MAX: usize = 200_000;
const PAGE: u32 = 1_000;
const DAY_SECONDS: f64 = 86_400.0;

/// What one call asks of a CRM, on average.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PerCall {
    /// Each exchange for itself.
    pub live_requests: f64,
    pub live_searches: f64,
    /// What it takes of the daily budget, in the vendor's unit.
    pub live_units: f64,
    /// With batches full, as behind an outage.
    pub backlog_requests: f64,
    pub backlog_searches: f64,
    pub backlog_units: f64,
}

/// The exchanges of one call of somebody new.
fn exchanges(crm: &dyn Crm) -> Vec<CrmOp> {
    let Some(writes) = crm.about().writes else { return Vec::new() };
    let texts = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let words = crm.words();
    let phone = PersonKey::Phone { e164: "+14155550100".into(), national: "4155550100".into() };
    let mut all = vec![CrmOp::FindPerson { keys: vec![phone], properties: texts(words.contact_reads) }];
    for object in [Object::Contact, Object::Call, Object::Task] {
        let activity = object != Object::Contact;
        let of = (activity && writes.links_in_write).then(|| "1".to_owned());
        let key = format!("rb-{}-0000000000000000", object.as_str());
        let (properties, associations) = (Properties::new(), if activity { vec![Object::Contact] } else { Vec::new() });
        let look = CrmOp::ReadByKey { object, key: key.clone(), of: of.clone(), properties: Vec::new(), associations };
        match writes.way(object) {
            KeyWay::Upsert => {
                all.push(CrmOp::Upsert { object, key, of, properties });
                all.push(look);
            }
            KeyWay::LookThenCreate => {
                all.push(look);
                all.push(CrmOp::Create { object, key, of, properties });
                all.push(CrmOp::ReadById {
                    object,
                    id: "1".into(),
                    properties: Vec::new(),
                    associations: if activity { vec![Object::Contact] } else { Vec::new() },
                    history: false,
                });
            }
        }
        if activity && !writes.links_in_write {
            all.push(CrmOp::Associate { from: object, from_id: "1".into(), to: Object::Contact, to_id: "2".into() });
        }
    }
    // Of a receiver that confirms nothing is asked.
    all.retain(|op| op.writes() || !crm.acknowledges());
    all
}

/// What one call asks of that CRM.
pub fn per_call(crm: &dyn Crm, connection: &Connection) -> PerCall {
    let mut sum = PerCall::default();
    for operation in exchanges(crm) {
        let search = f64::from(u8::from(matches!(operation, CrmOp::FindPerson { .. })));
        sum.live_requests += 1.0;
        sum.live_searches += search;
        sum.live_units += f64::from(crm.cost(std::slice::from_ref(&operation)));
        for part in crowded(crm, connection, operation) {
            let most = crm.batch_items_max(&part, connection).max(1);
            let batch = vec![part; most];
            sum.backlog_requests += 1.0 / most as f64;
            sum.backlog_searches += search / most as f64;
            sum.backlog_units += f64::from(crm.cost(&batch)) / most as f64;
        }
    }
    sum
}

/// Reads that show links are cut in two where that lets both parts share requests.
fn crowded(crm: &dyn Crm, connection: &Connection, operation: CrmOp) -> Vec<CrmOp> {
    let mut plain = operation.clone();
    let links = match &mut plain {
        CrmOp::ReadByKey { associations, object, .. } | CrmOp::ReadById { associations, object, .. }
            if !associations.is_empty() =>
        {
            associations.clear();
            CrmOp::ReadLinks { object: *object, id: "1".into(), to: Object::Contact }
        }
        _ => return vec![operation],
    };
    let most = |op: &CrmOp| crm.batch_items_max(op, connection);
    if most(&operation) == 1 && most(&plain) > 1 { vec![plain, links] } else { vec![operation] }
}

/// A day's calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    pub calls: u64,
    pub by_hour: [u64; 24],
    /// Where the figures come from.
    pub source: String,
}

impl Day {
    /// So many calls, spread as calls usually are.
    pub fn of(calls: u64) -> Self {
        let mut by_hour = SHARE_OF_HOUR.map(|percent| calls * percent / 100);
        // What rounding lost falls on the busiest hour.
        let lost = calls - by_hour.iter().sum::<u64>();
        if let Some(hour) = by_hour.get_mut(9) {
            *hour += lost;
        }
        Self { calls, by_hour, source: format!("{calls} calls a day, spread as calls usually are") }
    }

    /// The hour with the most calls, and how many.
    pub fn busiest(&self) -> (usize, u64) {
        self.by_hour.iter().copied().enumerate().max_by_key(|(hour, n)| (*n, 23 - hour)).unwrap_or_default()
    }
}

/// One limit against what is needed of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub limit: String,
    pub allows: f64,
    pub needs: f64,
    pub source: &'static str,
}

impl Row {
    /// What is left, percent of what the limit allows; below zero: more is needed than there is.
    pub fn left_percent(&self) -> i64 {
        if self.allows <= 0.0 { 0 } else { (100.0 - self.needs * 100.0 / self.allows).floor() as i64 }
    }
}

/// Whether a CRM's limits hold a day's calls.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    pub per_call: PerCall,
    pub rows: Vec<Row>,
    /// How long the whole day's calls take behind an outage, seconds.
    pub drain_seconds: u64,
    /// The hour in which the daily budget would be used up.
    pub used_up_in_hour: Option<usize>,
    pub daily_unit: &'static str,
}

/// Do the limits of that connection hold such a day? `at_once`: requests under way at once.
pub fn forecast(crm: &dyn Crm, connection: &Connection, day: &Day, at_once: usize) -> Forecast {
    let published = crm.about().limits;
    let limits = connection.limits(published);
    let per_call = per_call(crm, connection);
    let (_, in_hour) = day.busiest();
    let source =
        |own: u32, theirs: u32| if own == theirs { "published by the vendor" } else { "the connection's setting" };
    let mut rows = Vec::new();
    if limits.burst_requests > 0 && limits.burst_window_ms > 0 {
        rows.push(Row {
            limit: format!(
                "requests in the busiest hour ({} in {} s)",
                limits.burst_requests,
                f64::from(limits.burst_window_ms) / 1_000.0
            ),
            allows: steady_per_second(&limits).unwrap_or_default() * 3_600.0,
            needs: in_hour as f64 * per_call.live_requests,
            source: source(limits.burst_requests, published.burst_requests),
        });
    }
    if let Some(rate) = searches_per_second(&limits) {
        rows.push(Row {
            limit: format!("searches in the busiest hour ({} a second)", limits.search_per_second),
            allows: rate * 3_600.0,
            needs: in_hour as f64 * per_call.live_searches,
            source: source(limits.search_per_second, published.search_per_second),
        });
    }
    let mut used_up_in_hour = None;
    if limits.daily_requests > 0 {
        rows.push(Row {
            limit: format!("{} a day", limits.daily_unit),
            allows: f64::from(limits.daily_requests),
            needs: day.calls as f64 * per_call.live_units,
            source: source(limits.daily_requests, published.daily_requests),
        });
        let mut used = 0.0;
        for (hour, calls) in day.by_hour.iter().enumerate() {
            used += *calls as f64 * per_call.live_units;
            if used > f64::from(limits.daily_requests) {
                used_up_in_hour = Some(hour);
                break;
            }
        }
    }
    let calls = day.calls as f64;
    let drain_seconds = draining(&limits, at_once, &per_call, calls, f64::from(limits.daily_requests)).1;
    Forecast { per_call, rows, drain_seconds, used_up_in_hour, daily_unit: limits.daily_unit }
}

/// Requests a second that may leave, and how many seconds so many calls need with batches full. Where the day's budget ends before, the
/// rest waits for the next day's.
fn draining(limits: &Limits, at_once: usize, per_call: &PerCall, calls: f64, budget: f64) -> (f64, u64) {
    let concurrent =
        if limits.concurrent_requests_max > 0 { at_once.min(limits.concurrent_requests_max as usize) } else { at_once };
    let own = concurrent.max(1) as f64 / ANSWER_SECONDS;
    let per_second = steady_per_second(limits).map_or(own, |rate| rate.min(own)).max(0.001);
    let requests = calls * per_call.backlog_requests;
    let mut seconds = requests / per_second;
    if let Some(rate) = searches_per_second(limits) {
        seconds = seconds.max(calls * per_call.backlog_searches / rate);
    }
    let units = calls * per_call.backlog_units;
    if limits.daily_requests > 0 && units > budget {
        let days = ((units - budget) / f64::from(limits.daily_requests)).ceil().max(1.0);
        seconds = seconds.max(days * DAY_SECONDS);
    }
    (per_second, seconds.ceil() as u64)
}

/// When what waits in a lane will be gone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drain {
    pub connection: String,
    /// Effects that are not settled.
    pub waiting: i64,
    /// Requests they need, about.
    pub requests: u64,
    /// Requests a second that may leave.
    pub per_second: f64,
    /// Nothing leaves before then: the breaker is open, or the budget used up.
    pub held_until: Option<Timestamp>,
    /// What is left of the day's budget, as the vendor last said.
    pub daily_left: Option<u32>,
    pub daily_unit: &'static str,
    /// When it will be gone, about; nothing: nothing waits.
    pub gone_at: Option<Timestamp>,
}

impl Engine {
    /// When what waits in the lane of a CRM connection will be gone. Nothing for connections that are to no CRM.
    pub async fn drain_plan(&self, account: &AccountId, connection: &ConnectionId) -> Result<Option<Drain>, Error> {
        let facts = self.facts(account).await?;
        let Some(held) = facts.connections.get(connection.as_str()) else {
            return Err(Error::Missing(format!("connection {connection}")));
        };
        let Some(crm) = held.crm() else { return Ok(None) };
        let (of, id) = (account.as_str().to_owned(), connection.as_str().to_owned());
        let (waiting, lane) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let waiting = store::effects_unsettled_count(tx, &of, &id).await?;
                    Ok((waiting, store::lane_get(tx, &of, &id).await?))
                })
            })
            .await?;
        let now = self.now();
        let seen = self.lane_seen(account, connection.as_str());
        let stored = lane.and_then(|l| l.breaker_until).map(instant);
        let held_until = seen.closed_until.max(stored).filter(|until| *until > now);
        let limits = held.connection.limits(crm.about().limits);
        let per_call = per_call(crm, &held.connection);
        let calls = waiting.max(0) as f64 / EFFECTS_PER_CALL;
        let budget = f64::from(seen.daily_left.unwrap_or(limits.daily_requests));
        let (per_second, seconds) = draining(&limits, self.settings().lane_concurrency_max, &per_call, calls, budget);
        let after = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX / 4_000));
        let gone_at = (waiting > 0).then(|| held_until.unwrap_or(now).checked_add(after).unwrap_or(Timestamp::MAX));
        Ok(Some(Drain {
            connection: held.connection.name.clone(),
            waiting,
            requests: (calls * per_call.backlog_requests).ceil() as u64,
            per_second,
            held_until,
            daily_left: seen.daily_left,
            daily_unit: limits.daily_unit,
            gone_at,
        }))
    }

    /// The busiest of the last thirty days that had calls, by the account's own calls; nothing: there were none.
    pub async fn busiest_day(&self, account: &AccountId, zone: &str) -> Result<Option<Day>, Error> {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let since = self.now().checked_sub(SignedDuration::from_hours(30 * 24)).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut days: std::collections::BTreeMap<jiff::civil::Date, [u64; 24]> = std::collections::BTreeMap::new();
        let (mut before, mut read) = (Before::end(), 0);
        loop {
            let (of, from) = (account.as_str().to_owned(), before.clone());
            let page = self
                .store()
                .read(move |tx| Box::pin(async move { store::calls_list(tx, &of, PAGE, &from).await }))
                .await?;
            let Some(last) = page.last() else { break };
            before = Before { at: last.started_at, id: last.id.clone() };
            read += page.len();
            let past = instant(last.started_at) < since;
            // Calls that became nobody's inquiry (spam, staff, vendors) ask nothing of the CRM.
            for call in page.iter().filter(|c| c.inquiry.is_some() && instant(c.started_at) >= since) {
                let wall = instant(call.started_at).to_zoned(zone.clone());
                let hours = days.entry(wall.date()).or_default();
                if let Some(hour) = hours.get_mut(usize::try_from(wall.hour()).unwrap_or_default()) {
                    *hour += 1;
                }
            }
            if past || page.len() < PAGE as usize || read >= CALLS_MAX {
                break;
            }
        }
        let all: u64 = days.values().flatten().sum();
        let count = days.len();
        Ok(days.into_iter().max_by_key(|(_, hours)| hours.iter().sum::<u64>()).map(|(date, by_hour)| Day {
            calls: by_hour.iter().sum(),
            by_hour,
            source: format!("{date}, the busiest of {count} days with {all} calls"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn connection(vendor: &str, settings: &[(&str, &str)]) -> Connection {
        Connection {
            id: ConnectionId::from_text("c"),
            account: AccountId::from_text("a"),
            name: format!("{vendor}-main"),
            vendor: vendor.to_owned(),
            base_url: None,
            zone: "UTC".into(),
            region: "US".into(),
            settings: settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
        }
    }

    fn looked(vendor: &str, settings: &[(&str, &str)], calls: u64) -> Forecast {
        let crm = ringback_connect::crm(vendor).unwrap();
        forecast(crm, &connection(vendor, settings), &Day::of(calls), 8)
    }

    #[test]
    fn a_call_costs_nine_exchanges_live_and_a_fraction_behind_an_outage() {
        let hubspot = looked("hubspot", &[], 100).per_call;
        assert!((hubspot.live_requests - 9.0).abs() < 0.01, "{hubspot:?}");
        assert!(hubspot.backlog_requests < 1.0, "{hubspot:?}");
        // The guide's figure: about eighty tokens for a new caller with a call log and a task.
        let pipedrive = looked("pipedrive", &[], 100).per_call;
        assert!((60.0..100.0).contains(&pipedrive.live_units), "{pipedrive:?}");
        assert!((pipedrive.backlog_requests - pipedrive.live_requests).abs() < 0.01, "there are no batches");
        // A receiver is told three things and asked nothing.
        assert!((looked("hook", &[], 1).per_call.live_requests - 3.0).abs() < 0.01);
        for crm in ringback_connect::CRMS {
            let per_call = per_call(*crm, &connection(crm.about().name, &[]));
            assert!(per_call.backlog_requests > 0.0 && per_call.backlog_requests <= per_call.live_requests);
            assert!(per_call.backlog_units <= per_call.live_units + 0.01, "{} {per_call:?}", crm.about().name);
        }
    }

    #[test]
    fn a_daily_budget_that_does_not_last_is_told_with_its_hour() {
        let fits = looked("pipedrive", &[], 100);
        assert_eq!(fits.used_up_in_hour, None);
        let many = looked("pipedrive", &[], 1_000);
        let daily = many.rows.iter().find(|r| r.limit == "tokens a day").unwrap();
        assert!(daily.left_percent() < 0 && daily.source == "published by the vendor", "{daily:?}");
        let hour = many.used_up_in_hour.unwrap();
        assert!((8..17).contains(&hour), "{hour}");
        assert!(many.drain_seconds >= 86_400, "the rest waits for the next day: {}", many.drain_seconds);
        let larger = looked("pipedrive", &[("daily_requests", "900000")], 1_000);
        let daily = larger.rows.iter().find(|r| r.limit == "tokens a day").unwrap();
        assert_eq!((larger.used_up_in_hour, daily.source), (None, "the connection's setting"));
        assert!(larger.drain_seconds < 86_400, "{}", larger.drain_seconds);
        // A slower lane needs longer.
        let slow = looked("hubspot", &[("burst_requests", "10")], 1_000);
        assert!(slow.drain_seconds > looked("hubspot", &[], 1_000).drain_seconds);
    }

    /// The CRM is down: the plan says how much waits and when it will be gone, not before the breaker lets anything through.
    #[tokio::test]
    async fn what_waits_behind_an_outage_is_told_with_its_end() {
        let world = crate::audit::tests::support::World::new().await;
        let crm = ConnectionId::from_text("conn_crm");
        let idle = world.engine.drain_plan(&world.account, &crm).await.unwrap().unwrap();
        assert_eq!((idle.waiting, idle.gone_at, idle.held_until), (0, None, None));
        for call in ["a", "b", "c"] {
            world.missed_call(call).await;
        }
        for _ in 0..40 {
            while world.engine.step_all().await.unwrap() > 0 {}
            world.clock.forward(SignedDuration::from_secs(2));
        }
        let now = world.engine.now();
        let plan = world.engine.drain_plan(&world.account, &crm).await.unwrap().unwrap();
        assert!(plan.waiting >= 3 && plan.requests >= 1, "{plan:?}");
        let gone_at = plan.gone_at.unwrap();
        assert!(gone_at > now && Some(gone_at) > plan.held_until, "{plan:?}");
        assert!(plan.held_until.is_some_and(|until| until > now), "the breaker is open: {plan:?}");
        let nobody = ConnectionId::from_text("conn_9");
        assert!(matches!(world.engine.drain_plan(&world.account, &nobody).await, Err(Error::Missing(_))));
    }

    #[test]
    fn no_call_of_a_day_is_lost_by_rounding() {
        assert_eq!(SHARE_OF_HOUR.iter().sum::<u64>(), 100);
        for calls in [0, 1, 7, 99, 100, 12_345] {
            let day = Day::of(calls);
            assert_eq!(day.by_hour.iter().sum::<u64>(), calls);
        }
        assert_eq!(Day::of(100).busiest().0, 9);
    }
}
