//! Effects: the outbox, and in the lane `timer` the timers.

use crate::Error;
use crate::dialect::{ManyRows, exec_many};
use crate::tx::{Tx, decodes, exec, exec_if, row, rows, statements, value};

/// The lane of timers, which no vendor is behind.
pub const TIMER_LANE: &str = "timer";

/// One outside change to bring about.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EffectRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account; part of the key in the vendor's record.
    pub id: String,
    /// Inquiry it serves.
    pub inquiry: String,
    /// Plan that wants it.
    pub plan: String,
    /// Lane it goes out by, or [`TIMER_LANE`].
    pub lane: String,
    /// Kind word.
    pub kind: String,
    /// What it changes; a new plan supersedes unsent effects on the same target.
    pub target: String,
    /// `waiting`, `due`, `in_flight`, `done`, `dead`, `superseded` or `review`.
    pub state: String,
    /// Goes before all others.
    pub urgent: bool,
    /// Order among equally urgent ones, lowest first.
    pub rank: i64,
    /// Not before this, microseconds UTC.
    pub due_at: i64,
    /// Until when a write may land unseen, microseconds UTC: while it is in flight, and unanswered until somebody has looked.
    pub in_flight_until: Option<i64>,
    /// Effects that have to be done first, JSON.
    pub needs: String,
    /// What to bring about, JSON.
    pub body: String,
    /// What happened so far, JSON.
    pub history: String,
    /// What the vendor holds, JSON.
    pub receipt: Option<String>,
    /// Attempts so far.
    pub attempts: i64,
    /// Counts changes; see the module's conventions.
    pub version: i64,
    /// Creation, microseconds UTC.
    pub created_at: i64,
    /// When it came to its end.
    pub settled_at: Option<i64>,
    /// Why it is in its state, for people.
    pub why: Option<String>,
}
decodes!(EffectRow {
    account,
    id,
    inquiry,
    plan,
    lane,
    kind,
    target,
    state,
    urgent,
    rank,
    due_at,
    in_flight_until,
    needs,
    body,
    history,
    receipt,
    attempts,
    version,
    created_at,
    settled_at,
    why
});

macro_rules! columns {
    () => {
        "account, id, inquiry, plan, lane, kind, target, state, urgent, rank, due_at, in_flight_until, needs, body, history, receipt, \
         attempts, version, created_at, settled_at, why"
    };
}

/// The predicate of the indexes effects_lane and effects_timer, repeated in every query that should use them.
macro_rules! unsettled {
    () => {
        "state IN ('waiting', 'due', 'in_flight')"
    };
}

/// Ready at `$n`: due, or in flight for longer than it may be.
macro_rules! ready {
    ($now:literal) => {
        concat!(
            unsettled!(),
            " AND ((state <> 'in_flight' AND due_at <= ",
            $now,
            ") OR (state = 'in_flight' AND in_flight_until <= ",
            $now,
            "))"
        )
    };
}
pub(crate) use ready;
pub(crate) use unsettled;

pub(crate) const EFFECTS_INSERT: ManyRows =
    ManyRows { name: "EFFECTS_INSERT", head: concat!("INSERT INTO effects (", columns!(), ")"), columns: 21, tail: "" };

statements! {
    LANE_OF_EFFECT_INSERT_ONCE = "INSERT INTO lanes (account, id, connection) VALUES ($1, $2, $3) ON CONFLICT (account, id) DO NOTHING";
    EFFECT_GET = concat!("SELECT ", columns!(), " FROM effects WHERE account = $1 AND id = $2");
    EFFECTS_OF_INQUIRY = concat!("SELECT ", columns!(), " FROM effects WHERE account = $1 AND inquiry = $2 ORDER BY created_at, rank, id");
    EFFECTS_WAITING_OF_INQUIRY = concat!("SELECT ", columns!(), " FROM effects WHERE account = $1 AND inquiry = $2 AND state = 'waiting' \
        AND lane <> 'timer' ORDER BY created_at, rank, id");
    EFFECT_STATE = "SELECT state FROM effects WHERE account = $1 AND id = $2";
    EFFECTS_DUE = concat!("SELECT ", columns!(), " FROM effects WHERE account = $1 AND lane = $2 AND ", ready!("$3"),
        " ORDER BY urgent DESC, rank, due_at, id LIMIT $4");
    EFFECTS_DUE_URGENT = concat!("SELECT ", columns!(), " FROM effects WHERE account = $1 AND lane = $2 AND urgent = TRUE AND ", ready!("$3"),
        " ORDER BY urgent DESC, rank, due_at, id LIMIT $4");
    // Target and record are wrapped here and below so that no plan goes by them: an account has as many contacts as inquiries, a person
    // has few inquiries.
    CONTACTS_MADE_OF_PERSON = "SELECT body, record FROM effects WHERE account = $1 AND inquiry IN \
        (SELECT other.id FROM inquiries mine JOIN inquiries other ON other.account = mine.account AND other.person_key = mine.person_key \
        WHERE mine.account = $1 AND mine.id = $2) \
        AND COALESCE(target, '') = 'contact' AND id <> $3 AND state = 'done' AND COALESCE(record, '') <> '' ORDER BY settled_at DESC, id LIMIT 8";
    EFFECTS_DUE_TIMERS = concat!("SELECT ", columns!(), " FROM effects WHERE lane = 'timer' AND ", unsettled!(),
        " AND due_at <= $1 ORDER BY due_at, account, id LIMIT $2");
    EFFECT_NEXT_DUE_AT = concat!("SELECT MIN(CASE WHEN state = 'in_flight' THEN in_flight_until ELSE due_at END) FROM effects WHERE ", unsettled!());
    EFFECT_UPDATE_IF = "UPDATE effects SET version = version + 1, state = $4, urgent = ($5 OR urgent), rank = $6, due_at = $7, in_flight_until = $8, \
        needs = $9, body = $10, history = $11, receipt = $12, attempts = $13, settled_at = $14, why = $15, lane = $16, plan = $17, \
        record = COALESCE($18, record) \
        WHERE account = $1 AND id = $2 AND version = $3";
    EFFECTS_HURRY = "UPDATE effects SET urgent = TRUE WHERE account = $1 AND inquiry = $2 AND urgent = FALSE AND lane <> 'timer' \
        AND state IN ('waiting', 'due')";
    EFFECTS_UNSETTLED_COUNT = concat!("SELECT COUNT(*) FROM effects WHERE account = $1 AND lane = $2 AND ", unsettled!());
    EFFECTS_OLDEST_UNSETTLED = concat!("SELECT MIN(created_at) FROM effects WHERE account = $1 AND lane = $2 AND ", unsettled!());
    EFFECTS_DEAD = concat!("SELECT ", columns!(), " FROM effects WHERE account = $1 AND state = 'dead' ORDER BY settled_at DESC NULLS FIRST, id DESC LIMIT $2");
    EFFECTS_DEAD_COUNT = "SELECT COUNT(*) FROM effects WHERE account = $1 AND state = 'dead' AND lane = $2";
    EFFECT_BY_TARGET = concat!("SELECT ", columns!(), " FROM effects WHERE account = $1 AND target = $2 ORDER BY created_at DESC, id DESC LIMIT 1");
    EFFECTS_OF_TARGET = concat!("SELECT ", columns!(), " FROM effects WHERE account = $1 AND target = $2 ORDER BY created_at, id");
    EFFECTS_BY_RECORD = concat!("SELECT ", columns!(), " FROM effects WHERE account = $1 AND record = $2 ORDER BY created_at, id");
    CONTACT_IN_FLIGHT_ELSEWHERE = concat!("SELECT MAX(in_flight_until) FROM effects WHERE account = $1 AND inquiry IN \
        (SELECT other.id FROM inquiries mine JOIN inquiries other ON other.account = mine.account AND other.person_key = mine.person_key \
        WHERE mine.account = $1 AND mine.id = $2) \
        AND COALESCE(target, '') = 'contact' AND id <> $3 AND in_flight_until IS NOT NULL AND ", unsettled!());
    EFFECTS_COUNT_BY_STATE = "SELECT state, COUNT(*) AS n FROM effects WHERE account = $1 GROUP BY state ORDER BY state";
}

/// Stores effects; [`Error::Conflict`] when an id is taken. Makes a row for a lane that has none, so that
/// [`crate::lanes_with_due`] sees it.
pub async fn effect_insert(tx: &mut Tx, effects: &[EffectRow]) -> Result<(), Error> {
    let mut lanes: Vec<(&str, &str)> = effects
        .iter()
        .map(|effect| (effect.account.as_str(), effect.lane.as_str()))
        .filter(|(_, lane)| *lane != TIMER_LANE)
        .collect();
    // Sorted, so that two units insert the same lanes in the same order and cannot wait for each other in a circle.
    lanes.sort_unstable();
    lanes.dedup();
    for (account, lane) in lanes {
        exec_if!(tx, LANE_OF_EFFECT_INSERT_ONCE, account, lane, lane)?;
    }
    let touched = exec_many!(tx, EFFECTS_INSERT, effects, |query, effect| query
        .bind(&effect.account)
        .bind(&effect.id)
        .bind(&effect.inquiry)
        .bind(&effect.plan)
        .bind(&effect.lane)
        .bind(&effect.kind)
        .bind(&effect.target)
        .bind(&effect.state)
        .bind(effect.urgent)
        .bind(effect.rank)
        .bind(effect.due_at)
        .bind(effect.in_flight_until)
        .bind(&effect.needs)
        .bind(&effect.body)
        .bind(&effect.history)
        .bind(&effect.receipt)
        .bind(effect.attempts)
        .bind(effect.version)
        .bind(effect.created_at)
        .bind(effect.settled_at)
        .bind(&effect.why));
    tx.touched(touched, effects.len() as u64, EFFECTS_INSERT.name)
}

/// One effect.
pub async fn effect_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<EffectRow>, Error> {
    row!(tx, EffectRow, EFFECT_GET, account, id)
}

/// Every effect of an inquiry, timers included, oldest first.
pub async fn effects_of_inquiry(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Vec<EffectRow>, Error> {
    rows!(tx, EffectRow, EFFECTS_OF_INQUIRY, account, inquiry)
}

/// The effects of an inquiry that wait for others, timers not included, oldest first.
pub async fn effects_waiting_of_inquiry(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Vec<EffectRow>, Error> {
    rows!(tx, EffectRow, EFFECTS_WAITING_OF_INQUIRY, account, inquiry)
}

/// The state of an effect, without its history.
pub async fn effect_state(tx: &mut Tx, account: &str, id: &str) -> Result<Option<String>, Error> {
    let row = row!(tx, (String,), EFFECT_STATE, account, id)?;
    Ok(row.map(|(state,)| state))
}

/// Up to `limit` effects of a lane that are ready at `now`: waiting or due with `due_at` reached, or in flight with
/// `in_flight_until` reached. Urgent ones first, then by rank, then by time. A look, not a claim: [`effect_update_if`] is the claim.
pub async fn effects_due(
    tx: &mut Tx,
    account: &str,
    lane: &str,
    now: i64,
    limit: u32,
) -> Result<Vec<EffectRow>, Error> {
    rows!(tx, EffectRow, EFFECTS_DUE, account, lane, now, i64::from(limit))
}

/// The urgent ones of [`effects_due`].
pub async fn effects_due_urgent(
    tx: &mut Tx,
    account: &str,
    lane: &str,
    now: i64,
    limit: u32,
) -> Result<Vec<EffectRow>, Error> {
    rows!(tx, EffectRow, EFFECTS_DUE_URGENT, account, lane, now, i64::from(limit))
}

/// Body and record of the effects of other inquiries of the same person (and of this one) that have made a contact, newest first.
pub async fn contacts_made_of_person(
    tx: &mut Tx,
    account: &str,
    inquiry: &str,
    effect: &str,
) -> Result<Vec<(String, String)>, Error> {
    rows!(tx, (String, String), CONTACTS_MADE_OF_PERSON, account, inquiry, effect)
}

/// Up to `limit` timers of all accounts that have gone off, in order of time.
pub async fn effects_due_timers(tx: &mut Tx, now: i64, limit: u32) -> Result<Vec<EffectRow>, Error> {
    rows!(tx, EffectRow, EFFECTS_DUE_TIMERS, now, i64::from(limit))
}

/// The next instant at which any effect or timer of any account becomes ready: how long a worker may rest.
pub async fn effect_next_due_at(tx: &mut Tx) -> Result<Option<i64>, Error> {
    value!(tx, Option<i64>, EFFECT_NEXT_DUE_AT)
}

/// Replaces what can change of an effect that still has `row.version`, which becomes one more; `false` when another unit changed
/// it. Inquiry, kind, target and creation never change.
pub async fn effect_update_if(tx: &mut Tx, row: &EffectRow) -> Result<bool, Error> {
    exec_if!(
        tx,
        EFFECT_UPDATE_IF,
        &row.account,
        &row.id,
        row.version,
        &row.state,
        row.urgent,
        row.rank,
        row.due_at,
        row.in_flight_until,
        &row.needs,
        &row.body,
        &row.history,
        &row.receipt,
        row.attempts,
        row.settled_at,
        &row.why,
        &row.lane,
        &row.plan,
        record_of(row.receipt.as_deref())
    )
}

/// Lets what an inquiry still waits for go before all others, from when its caller is known to be in need. A matter of order only, so it
/// counts as no change: whoever is at work on one of these goes on, and [`effect_update_if`] never takes it back.
pub async fn effects_hurry(tx: &mut Tx, account: &str, inquiry: &str) -> Result<(), Error> {
    exec!(tx, EFFECTS_HURRY, account, inquiry).map(|_| ())
}

/// The record that a receipt names, promoted to a column so that a record's history can be found without reading every receipt.
fn record_of(receipt: Option<&str>) -> Option<String> {
    let receipt: serde_json::Value = serde_json::from_str(receipt?).ok()?;
    receipt.get("record").and_then(serde_json::Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned)
}

/// Every effect whose receipt names this record of the vendor's, oldest first.
pub async fn effects_by_record(tx: &mut Tx, account: &str, record: &str) -> Result<Vec<EffectRow>, Error> {
    rows!(tx, EffectRow, EFFECTS_BY_RECORD, account, record)
}

/// How many effects of a lane are not settled.
pub async fn effects_unsettled_count(tx: &mut Tx, account: &str, lane: &str) -> Result<i64, Error> {
    value!(tx, i64, EFFECTS_UNSETTLED_COUNT, account, lane)
}

/// Creation of the oldest unsettled effect of a lane: its lag.
pub async fn effects_oldest_unsettled(tx: &mut Tx, account: &str, lane: &str) -> Result<Option<i64>, Error> {
    value!(tx, Option<i64>, EFFECTS_OLDEST_UNSETTLED, account, lane)
}

/// Dead letters, newest first.
pub async fn effects_dead(tx: &mut Tx, account: &str, limit: u32) -> Result<Vec<EffectRow>, Error> {
    rows!(tx, EffectRow, EFFECTS_DEAD, account, i64::from(limit))
}

/// How many dead letters a lane has.
pub async fn effects_dead_count(tx: &mut Tx, account: &str, lane: &str) -> Result<i64, Error> {
    value!(tx, i64, EFFECTS_DEAD_COUNT, account, lane)
}

/// The newest effect on a target, whatever its state.
pub async fn effect_by_target(tx: &mut Tx, account: &str, target: &str) -> Result<Option<EffectRow>, Error> {
    row!(tx, EffectRow, EFFECT_BY_TARGET, account, target)
}

/// Every effect on a target, oldest first.
pub async fn effects_of_target(tx: &mut Tx, account: &str, target: &str) -> Result<Vec<EffectRow>, Error> {
    rows!(tx, EffectRow, EFFECTS_OF_TARGET, account, target)
}

/// Until when a write to the contact of this inquiry's person may land unseen for another effect, of whatever inquiry.
pub async fn contact_in_flight_elsewhere(
    tx: &mut Tx,
    account: &str,
    inquiry: &str,
    effect: &str,
) -> Result<Option<i64>, Error> {
    value!(tx, Option<i64>, CONTACT_IN_FLIGHT_ELSEWHERE, account, inquiry, effect)
}

/// How many effects are in each state that occurs.
pub async fn effects_count_by_state(tx: &mut Tx, account: &str) -> Result<Vec<(String, i64)>, Error> {
    rows!(tx, (String, i64), EFFECTS_COUNT_BY_STATE, account)
}
