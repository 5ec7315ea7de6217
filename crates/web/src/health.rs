//! For machines that watch: `/live`, `/ready`, `/metrics`.

use crate::App;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use std::fmt::Write as _;

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

/// The store takes and gives: requests may come. What the last tries met counts, so that a database that can be read but not written is
/// told, and that the answer comes at once while it is away.
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    if let Some(trouble) = app.engine.store().trouble() {
        return Err(trouble.into());
    }
    app.engine.store().ping().await?;
    Ok("ready\n")
}

/// Names and help of what is measured. Labels are ids and fixed words, never callers.
const METRICS: &[(&str, &str)] = &[
    ("ringback_signals", "Signals by state"),
    ("ringback_effects", "Effects by state"),
    ("ringback_lane_unsettled", "Effects of a lane that are not settled"),
    ("ringback_lane_oldest_seconds", "Age of the oldest unsettled effect of a lane"),
    ("ringback_inquiries_open", "Open inquiries in a queue"),
    ("ringback_inquiries_past_due", "Open inquiries past their due time"),
    ("ringback_reviews_open", "Reviews that wait for a person"),
    ("ringback_intake_oldest_seconds", "Age of the oldest signal that is not folded"),
];

/// Prometheus text format 0.0.4.
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let now = app.engine.now();
    let samples = app.engine.store().read(move |tx| Box::pin(samples(tx, now))).await?;
    let mut out = String::new();
    for (name, help) in METRICS {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (_, labels, value) in samples.iter().filter(|(n, ..)| n == name) {
            let labels: Vec<String> = labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escape(v))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out).into_response())
}

type Sample = (&'static str, Vec<(&'static str, String)>, i64);

async fn samples(tx: &mut ringback_store::Tx, now: Timestamp) -> Result<Vec<Sample>, ringback_store::Error> {
    let micros = now.as_microsecond();
    let age = |at: i64| (micros - at).max(0) / 1_000_000;
    let mut out: Vec<Sample> = Vec::new();
    for account in ringback_store::accounts_all(tx).await? {
        let a = account.id;
        let one = |name, label, word: &str, n| (name, vec![("account", a.clone()), (label, word.to_owned())], n);
        for (state, n) in ringback_store::signals_count_by_state(tx, &a).await? {
            out.push(one("ringback_signals", "state", &state, n));
        }
        for (state, n) in ringback_store::effects_count_by_state(tx, &a).await? {
            out.push(one("ringback_effects", "state", &state, n));
        }
        for lane in ringback_store::lanes_all(tx, &a).await? {
            let waiting = ringback_store::effects_unsettled_count(tx, &a, &lane.id).await?;
            let oldest = ringback_store::effects_oldest_unsettled(tx, &a, &lane.id).await?;
            out.push(one("ringback_lane_unsettled", "lane", &lane.id, waiting));
            out.push(one("ringback_lane_oldest_seconds", "lane", &lane.id, oldest.map_or(0, age)));
        }
        for queue in ringback_store::queue_counts(tx, &a, None, micros).await? {
            out.push(one("ringback_inquiries_open", "queue", &queue.queue, queue.open));
            out.push(one("ringback_inquiries_past_due", "queue", &queue.queue, queue.overdue));
        }
        let open = ringback_store::reviews_open_count(tx, &a, None).await?;
        out.push(("ringback_reviews_open", vec![("account", a.clone())], open));
    }
    let oldest = ringback_store::signals_oldest_stored(tx).await?;
    out.push(("ringback_intake_oldest_seconds", Vec::new(), oldest.map_or(0, age)));
    Ok(out)
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
