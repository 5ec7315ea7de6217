//! `doctor --volume`: do the CRMs' limits hold the calls, and when will what waits be gone?

use crate::config::{Account, Config, Kind, Wanted};
use crate::house;
use crate::out::table;
use crate::problems::Fail;
use ringback_core::id::ConnectionId;
use ringback_engine::Engine;
use ringback_engine::volume::{Day, Drain, Forecast, forecast};
use serde::Serialize;

/// How many calls to reckon with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Volume {
    /// As the account's own calls of the last thirty days were.
    LastMonth,
    PerDay(u32),
}

impl std::str::FromStr for Volume {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "last-month" {
            return Ok(Self::LastMonth);
        }
        let figure =
            text.strip_suffix("-per-day").and_then(|n| n.parse().ok()).filter(|n| (1..=10_000_000).contains(n));
        figure.map(Self::PerDay).ok_or_else(|| "write last-month, or a figure such as 400-per-day".to_owned())
    }
}

/// One CRM connection against a day's calls.
#[derive(Debug, Serialize)]
pub(crate) struct Outlook {
    pub(crate) connection: String,
    pub(crate) day: Day,
    pub(crate) forecast: Forecast,
}

impl Outlook {
    /// Whether the daily budget ends before the day, and when.
    pub(crate) fn warning(&self) -> Option<String> {
        let hour = self.forecast.used_up_in_hour?;
        let unit = self.forecast.daily_unit;
        Some(format!("the day's {unit} would be used up between {hour:02}:00 and {:02}:00", hour + 1))
    }

    /// The first limit that more is needed of than it allows, other than the daily one.
    pub(crate) fn tight(&self) -> Option<String> {
        let row = self.forecast.rows.iter().find(|r| r.left_percent() < 0 && !r.limit.ends_with(" a day"))?;
        Some(format!("{}: {:.0} are needed, {:.0} fit", row.limit, row.needs, row.allows))
    }
}

/// The accounts' CRMs against so many calls. Nothing for an account that has had no calls.
pub(crate) async fn outlooks(config: &Config, volume: Volume) -> Result<Vec<Outlook>, Fail> {
    let engine = match volume {
        Volume::LastMonth => Some(house::engine(config, house::open_store(config).await?)?),
        Volume::PerDay(_) => None,
    };
    let mut all = Vec::new();
    for account in &config.accounts {
        let day = match (volume, &engine) {
            (Volume::PerDay(calls), _) => Some(Day::of(u64::from(calls))),
            (Volume::LastMonth, Some(engine)) => engine.busiest_day(&account.id(), zone(account)).await?,
            (Volume::LastMonth, None) => None,
        };
        let Some(day) = day else { continue };
        for wanted in crms(account) {
            let Some(crm) = ringback_connect::crm(&wanted.connection.vendor) else { continue };
            let forecast = forecast(crm, &wanted.connection, &day, config.limits.lane_concurrency_max);
            let connection = format!("{}/{}", account.slug, wanted.connection.name);
            all.push(Outlook { connection, day: day.clone(), forecast });
        }
    }
    if let Some(engine) = engine {
        engine.store().clone().close().await;
    }
    Ok(all)
}

/// When what waits for each CRM will be gone; only lanes with something in them.
pub(crate) async fn drains(config: &Config) -> Result<Vec<Drain>, Fail> {
    let engine: Engine = house::engine(config, house::open_store(config).await?)?;
    let mut all = Vec::new();
    for account in &config.accounts {
        for wanted in crms(account) {
            let id = ConnectionId::from_text(wanted.connection.name.as_str());
            // An account that was never applied has no lanes.
            match engine.drain_plan(&account.id(), &id).await {
                Ok(Some(drain)) if drain.waiting > 0 => all.push(drain),
                Ok(_) | Err(ringback_engine::Error::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    engine.store().clone().close().await;
    Ok(all)
}

fn crms(account: &Account) -> impl Iterator<Item = &Wanted> {
    account.connections.iter().filter(|c| c.kind == Kind::Crm)
}

fn zone(account: &Account) -> &str {
    account.roster.locations.first().map_or("UTC", |l| l.calendar.zone())
}

/// The table for people.
pub(crate) fn shown(outlook: &Outlook) -> String {
    let forecast = &outlook.forecast;
    let rows: Vec<Vec<String>> = forecast
        .rows
        .iter()
        .map(|row| {
            let left = row.left_percent();
            let left = if left < 0 { format!("{left} %  TOO LITTLE") } else { format!("{left} %") };
            vec![
                row.limit.clone(),
                format!("{:.0}", row.allows),
                format!("{:.0}", row.needs),
                left,
                row.source.to_owned(),
            ]
        })
        .collect();
    let (hour, most) = outlook.day.busiest();
    let mut text = format!(
        "{}: {}; busiest from {hour:02}:00 with {most}\na call of somebody new: {:.0} requests live, {:.2} in a backlog; {:.0} {} live\n",
        outlook.connection,
        outlook.day.source,
        forecast.per_call.live_requests,
        forecast.per_call.backlog_requests,
        forecast.per_call.live_units,
        forecast.daily_unit,
    );
    if rows.is_empty() {
        text.push_str("the vendor publishes no limit that could be reached\n");
    } else {
        text.push_str(&table(&["limit", "allows", "needs", "left", "source"], &rows));
        text.push('\n');
    }
    text.push_str(&format!(
        "a backlog of that day's {} calls would be gone after {}\n",
        outlook.day.calls,
        lasting(forecast.drain_seconds)
    ));
    text
}

/// What waits, for people.
pub(crate) fn drain_shown(drain: &Drain) -> String {
    let gone = drain.gone_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let held = drain.held_until.map(|until| format!("; held back until {until}")).unwrap_or_default();
    let left = drain.daily_left.map(|n| format!("; {n} {} left today", drain.daily_unit)).unwrap_or_default();
    format!(
        "{}: {} wait, about {} requests at {:.1} a second, gone about {gone}{held}{left}",
        drain.connection, drain.waiting, drain.requests, drain.per_second
    )
}

fn lasting(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds.div_ceil(60)),
        7_200..=172_799 => format!("{} h", seconds.div_ceil(3_600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_a_figure_or_the_last_month() {
        assert_eq!("last-month".parse(), Ok(Volume::LastMonth));
        assert_eq!("400-per-day".parse(), Ok(Volume::PerDay(400)));
        for text in ["", "400", "-3-per-day", "0-per-day", "many-per-day", "last-year"] {
            assert!(text.parse::<Volume>().is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_told_in_the_unit_that_fits() {
        assert_eq!([90, 600, 10_800, 200_000].map(lasting), ["90 s", "10 min", "3 h", "3 days"]);
    }
}
