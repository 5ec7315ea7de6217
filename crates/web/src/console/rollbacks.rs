//! *Rollbacks*: which writes are meant, what would go back and what would not, beginning about exactly that, how far it has come, and what is
//! held back until somebody lifts it.

use super::cards;
use super::contract::names;
use super::words::{by_words, feeds, field_word, value_word};
use super::{Fields, Page, Shell, shown};
use crate::App;
use crate::api::rollbacks::reason_of;
use crate::problem::Problem;
use crate::session::{Session, escape_query};
use crate::texts::t;
use crate::when::Wall;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect};
use jiff::Timestamp;
use jiff::civil::DateTime;
use ringback_core::contract::Contract;
use ringback_core::id::{InquiryId, RollbackId};
use ringback_core::rights::Act;
use ringback_core::rollback::{Scope, Spared};
use ringback_engine::rollback::{Consequence, Held, Item, Preview, Rollback, Shown};
use ringback_store::Before;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rollbacks on one page.
const ROLLBACKS_MAX: u32 = 50;
/// Values on one page; the API and the command line show all.
const VALUES_MAX: usize = 300;
/// The most characters of one part of a scope.
const PART_CHARS_MAX: usize = 200;

/// The parts of a scope as the form holds them.
struct Form {
    inquiry: String,
    source: String,
    version: String,
    since: String,
    until: String,
    /// Whose clocks the two moments are of.
    zone: String,
    /// Name, word, chosen.
    fields: Vec<(String, String, bool)>,
    contracts: Vec<(String, bool)>,
}

/// One rollback in the list.
struct Line {
    id: String,
    what: String,
    state: &'static str,
    tone: &'static str,
    at: String,
    by: String,
    reason: String,
    figures: String,
    holds: usize,
}

#[derive(Template)]
#[template(path = "rollbacks.html")]
struct Rollbacks {
    shell: Shell,
    form: Form,
    lines: Vec<Line>,
    more: Option<String>,
}

/// One value of a preview.
struct Value {
    inquiry: String,
    who: String,
    record: String,
    field: String,
    property: String,
    version: String,
    wrote: String,
    now: String,
    becomes: Option<String>,
    stays: &'static str,
    owner: String,
}

/// Something that the values set off.
struct SetOff {
    inquiry: String,
    at: String,
    words: String,
    mark: &'static str,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "rollback_preview.html")]
struct Shows {
    shell: Shell,
    what: String,
    /// The form again, filled.
    again: String,
    sum: String,
    values: Vec<Value>,
    /// So many more than are shown.
    left_out: usize,
    tells: Vec<String>,
    holds: Vec<String>,
    set_off: Vec<SetOff>,
    unread: Vec<String>,
    /// Name and value of each part of the scope.
    parts: Vec<(&'static str, String)>,
    digest: String,
    /// This person may begin it, and something goes back.
    begins: bool,
    /// `12 values`.
    restored: String,
    csrf: String,
}

/// One record of a rollback.
struct Row {
    n: i64,
    inquiry: String,
    record: String,
    state: &'static str,
    tone: &'static str,
    /// Field, and what became of it.
    fields: Vec<(String, String)>,
    dead: bool,
}

/// How far it has come.
struct Progress {
    state: &'static str,
    tone: &'static str,
    figures: String,
    done: usize,
    of: usize,
    rows: Vec<Row>,
    left_out: usize,
    as_of: String,
}

/// An action that is held back.
struct HoldLine {
    field: String,
    to: String,
    words: String,
    since: String,
    /// When a lifting takes effect.
    until: Option<String>,
}

#[derive(Template)]
#[template(path = "rollback.html")]
struct OnePage {
    shell: Shell,
    id: String,
    what: String,
    begun: String,
    reason: String,
    progress: Progress,
    holds: Vec<HoldLine>,
    set_off: Vec<SetOff>,
    tells: Vec<String>,
    lifts: bool,
    lifted: bool,
    csrf: String,
}

#[derive(Template)]
#[template(path = "rollback_live.html")]
struct Fragment {
    progress: Progress,
}

/// What every part of these pages needs to tell values and moments.
struct Around<'a> {
    contract: Option<&'a Contract>,
    now: Timestamp,
    wall: Wall,
}

impl Around<'_> {
    fn what(&self, scope: &Scope) -> String {
        let said = scope.told(&|name| self.field(name), &|at| self.wall.moment(at, self.now));
        let mut letters = said.chars();
        letters.next().map(|c| c.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
    }

    /// A field by the contract's name, or by object and property.
    fn field(&self, name: &str) -> String {
        let of = self.contract.and_then(|c| c.fields.iter().find(|(_, rule)| rule.target() == name));
        field_word(of.map_or(name, |(name, _)| name))
    }

    fn value(&self, field: &str, text: Option<&str>) -> String {
        match text.map(str::trim) {
            None => t("rollback.unknown").to_owned(),
            Some("") => t("review.nothing").to_owned(),
            Some(text) => value_word(feeds(self.contract, field), text, self.now, &self.wall),
        }
    }
}

/// Why a value stays, in few words.
fn spared_word(why: Spared) -> &'static str {
    t(match why {
        Spared::LaterHuman => "spared.later_human",
        Spared::LaterWrite => "spared.later_write",
        Spared::Merged => "spared.merged",
        Spared::Gone => "spared.gone",
        Spared::Unread => "spared.unread",
        Spared::CreatedRecord => "spared.created_record",
        Spared::Expired => "spared.expired",
        Spared::Already => "spared.already",
        Spared::Never => "spared.never",
    })
}

/// A moment of a form or of a link: as the place's clocks show it, or an instant.
fn moment(name: &'static str, text: &str, wall: &Wall) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let local = || wall.instant(text.parse::<DateTime>().ok()?);
    let found = text.parse::<Timestamp>().ok().or_else(local);
    found.map(Some).ok_or_else(|| Problem::bad_parameter(name, t("rollback.no_moment")))
}

fn scope_of(query: &HashMap<String, String>, wall: &Wall) -> Result<Scope, Problem> {
    let text = |name: &str| query.get(name).map_or("", |v| v.trim()).chars().take(PART_CHARS_MAX).collect::<String>();
    let some = |name: &str| Some(text(name)).filter(|v| !v.is_empty());
    let version = match text("version").as_str() {
        "" => None,
        version => {
            Some(version.parse::<u32>().map_err(|_| Problem::bad_parameter("version", t("rollback.no_version")))?)
        }
    };
    Ok(Scope {
        inquiry: some("inquiry").map(InquiryId::from_text),
        field: some("field"),
        source: some("source"),
        contract: some("contract"),
        version,
        since: moment("since", &text("since"), wall)?,
        until: moment("until", &text("until"), wall)?,
    })
}

/// The parts of a scope, as an address carries them.
fn parts(scope: &Scope) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut put = |name, value: Option<String>| all.extend(value.map(|value| (name, value)));
    put("inquiry", scope.inquiry.as_ref().map(|i| i.as_str().to_owned()));
    put("field", scope.field.clone());
    put("source", scope.source.clone());
    put("contract", scope.contract.clone());
    put("version", scope.version.map(|v| v.to_string()));
    put("since", scope.since.map(|at| at.to_string()));
    put("until", scope.until.map(|at| at.to_string()));
    all
}

fn address(scope: &Scope) -> String {
    let pairs: Vec<String> =
        parts(scope).iter().map(|(name, value)| format!("{name}={}", escape_query(value))).collect();
    if pairs.is_empty() { "/rollbacks".to_owned() } else { format!("/rollbacks?{}", pairs.join("&")) }
}

/// `GET /rollbacks`: what was taken back so far, and the form; an address may fill it.
pub(crate) async fn page(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    session.need(Act::ReadAll)?;
    let contract = app.engine.contract(&session.account).await?;
    let around = around(&app, &session, contract.as_ref().map(|(_, c)| c.as_ref()));
    let scope = scope_of(&query, &around.wall)?;
    let before = query.get("before").and_then(|text| {
        let (at, id) = text.split_once('.')?;
        Some(Before { at: at.parse().ok()?, id: id.to_owned() })
    });
    let found = app.engine.rollbacks(&session.account, ROLLBACKS_MAX, &before.unwrap_or_else(Before::end)).await?;
    let holds = app.engine.holds(&session.account).await?;
    let names = names(&app, &session).await?;
    let full = found.len() >= ROLLBACKS_MAX as usize;
    let more =
        found.last().filter(|_| full).map(|r| format!("/rollbacks?before={}.{}", r.started_at.as_microsecond(), r.id));
    let lines = found.iter().map(|rollback| line(&around, &names, &holds, rollback)).collect();
    let form = form(&app, &session, &around, &scope).await?;
    let shell = Shell::of(&app, &session, "contract", t("rollback.title")).await?;
    shown(&Rollbacks { shell, form, lines, more })
}

fn around<'a>(app: &App, session: &Session, contract: Option<&'a Contract>) -> Around<'a> {
    Around { contract, now: app.engine.now(), wall: session.wall(None) }
}

async fn form(app: &App, session: &Session, around: &Around<'_>, scope: &Scope) -> Result<Form, Problem> {
    let chosen = scope.field.clone().unwrap_or_default();
    let mut fields: Vec<(String, String, bool)> = around
        .contract
        .iter()
        .flat_map(|contract| &contract.fields)
        .map(|(name, rule)| (name.clone(), field_word(name), *name == chosen || rule.target() == chosen))
        .collect();
    if !chosen.is_empty() && !fields.iter().any(|(.., is)| *is) {
        // A clause that is not in force any more wrote values too.
        fields.push((chosen.clone(), field_word(&chosen), true));
    }
    let name = scope.contract.clone().unwrap_or_default();
    let versions = app.engine.contract_versions(&session.account).await?;
    let mut contracts: BTreeSet<String> = versions.into_iter().map(|row| row.name).collect();
    if !name.is_empty() {
        contracts.insert(name.clone());
    }
    let field = |at: Option<Timestamp>| at.map_or_else(String::new, |at| around.wall.field(at));
    Ok(Form {
        inquiry: scope.inquiry.as_ref().map_or_else(String::new, |i| i.as_str().to_owned()),
        source: scope.source.clone().unwrap_or_default(),
        version: scope.version.map_or_else(String::new, |v| v.to_string()),
        since: field(scope.since),
        until: field(scope.until),
        zone: around.wall.zone_word(around.now),
        fields,
        contracts: contracts.into_iter().map(|of| (of.clone(), of == name)).collect(),
    })
}

fn line(around: &Around<'_>, names: &BTreeMap<String, String>, holds: &[Held], rollback: &Rollback) -> Line {
    let (state, tone) = state(rollback);
    Line {
        id: rollback.id.as_str().to_owned(),
        what: around.what(&rollback.scope),
        state,
        tone,
        at: around.wall.moment(rollback.started_at, around.now),
        by: by_words(names, &rollback.by),
        reason: rollback.reason.clone(),
        figures: figures(rollback),
        holds: holds.iter().filter(|held| held.hold.rollback == rollback.id && held.hold.until.is_none()).count(),
    }
}

fn state(rollback: &Rollback) -> (&'static str, &'static str) {
    match (rollback.state.as_str(), rollback.dead) {
        ("done", 0) => (t("rollback.done"), "good"),
        ("done", _) => (t("rollback.needs_person"), "bad"),
        _ => (t("rollback.running"), "wait"),
    }
}

/// A number with the word that it takes.
fn count(n: usize, one: &'static str, many: &'static str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn records(n: usize) -> String {
    count(n, t("rollback.record_one"), t("rollback.records"))
}

fn figures(rollback: &Rollback) -> String {
    let mut all = vec![
        count(rollback.back, t("rollback.back_one"), t("rollback.back")),
        format!("{} {}", rollback.left, t("rollback.left")),
    ];
    if rollback.dead > 0 {
        all.push(count(rollback.dead, t("rollback.dead_one"), t("rollback.dead")));
    }
    all.join(" · ")
}

/// `GET /rollbacks/preview`: asks the CRM and changes nothing.
pub(crate) async fn preview(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    session.need(Act::ReadAll)?;
    let contract = app.engine.contract(&session.account).await?;
    let around = around(&app, &session, contract.as_ref().map(|(_, c)| c.as_ref()));
    let scope = scope_of(&query, &around.wall)?;
    let preview = app.engine.preview_rollback(&session.account, &scope).await?;
    let callers = callers(&app, &session, preview.fields.iter().map(|f| &f.inquiry)).await?;
    // What goes back stands first.
    let mut fields: Vec<&Shown> = preview.fields.iter().collect();
    fields.sort_by_key(|f| f.spared.is_some());
    let values = fields.iter().take(VALUES_MAX).map(|f| value(&around, &callers, f)).collect();
    let shell = Shell::of(&app, &session, "contract", t("rollback.preview_title")).await?;
    shown(&Shows {
        shell,
        what: around.what(&scope),
        again: address(&scope),
        sum: sum(&preview),
        values,
        left_out: fields.len().saturating_sub(VALUES_MAX),
        tells: preview.agreed.tells.iter().map(tell).collect(),
        holds: preview.agreed.holds.clone(),
        set_off: set_off(&around, &preview.agreed.consequences),
        unread: preview.unread.clone(),
        parts: parts(&scope),
        begins: session.may(Act::Rollback) && preview.agreed.restored > 0,
        restored: count(preview.agreed.restored, t("rollback.value"), t("rollback.values")),
        digest: preview.digest,
        csrf: session.csrf.clone(),
    })
}

/// Who called, by inquiry.
async fn callers(
    app: &App,
    session: &Session,
    ids: impl Iterator<Item = &InquiryId>,
) -> Result<HashMap<String, String>, Problem> {
    let mut all = HashMap::new();
    for id in ids.take(VALUES_MAX * 4) {
        if all.len() >= VALUES_MAX || all.contains_key(id.as_str()) {
            continue;
        }
        let inquiry = app.engine.inquiry(&session.account, id).await?;
        let who = inquiry.as_ref().map_or_else(|| t("card.no_caller").to_owned(), cards::who);
        all.insert(id.as_str().to_owned(), who);
    }
    Ok(all)
}

fn sum(preview: &Preview) -> String {
    let agreed = &preview.agreed;
    let values = count(agreed.restored, t("rollback.value_back"), t("rollback.values_back"));
    let stay = count(agreed.spared, t("rollback.stays_one"), t("rollback.stay"));
    format!("{values} {} {} · {stay}", t("rollback.on"), records(agreed.records))
}

fn value(around: &Around<'_>, callers: &HashMap<String, String>, field: &Shown) -> Value {
    let name = if field.field.is_empty() { &field.property } else { &field.field };
    Value {
        inquiry: field.inquiry.as_str().to_owned(),
        who: callers.get(field.inquiry.as_str()).cloned().unwrap_or_else(|| t("rollback.caller").to_owned()),
        record: format!("{} {}", field.object.as_str(), field.record),
        field: field_word(name),
        property: field.property.clone(),
        version: format!("{} {}", field.contract, field.version),
        wrote: around.value(&field.field, field.wrote.as_deref()),
        now: around.value(&field.field, field.now.as_deref()),
        becomes: field.spared.is_none().then(|| around.value(&field.field, field.back.as_deref())),
        stays: field.spared.map_or("", spared_word),
        owner: field.owner.clone().unwrap_or_else(|| t("card.unowned").to_owned()),
    }
}

fn tell(of: &ringback_engine::rollback::ToTell) -> String {
    match &of.staff {
        Some(_) => format!("{} · {}", of.name, records(of.records)),
        None => format!("{} · {}", t("rollback.nobody_told"), records(of.records)),
    }
}

fn set_off(around: &Around<'_>, all: &[Consequence]) -> Vec<SetOff> {
    let one = |of: &Consequence| {
        let what = match of.what.as_str() {
            "paged" => t("rollback.paged").to_owned(),
            "emitted" => t("rollback.emitted").to_owned(),
            "task" => t("rollback.task").to_owned(),
            _ => of.words.clone(),
        };
        let (mark, tone) =
            if of.irreversible { (t("rollback.irreversible"), "bad") } else { (t("rollback.by_hand"), "ask") };
        let at = around.wall.moment(of.at, around.now);
        SetOff { inquiry: of.inquiry.as_str().to_owned(), at, words: what, mark, tone }
    };
    all.iter().take(VALUES_MAX).map(one).collect()
}

/// `POST /rollbacks`: begins it, bound to the preview that was shown.
pub(crate) async fn begin(State(app): State<App>, session: Session, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::Rollback)?;
    let scope = scope_of(&fields.0, &session.wall(None))?;
    let reason = reason_of(fields.get("reason"))?;
    let digest = fields.get("digest");
    let id = app.engine.start_rollback(&session.account, &scope, digest, &reason, &session.user).await?;
    Ok(Redirect::to(&format!("/rollbacks/{id}")).into_response())
}

/// `GET /rollbacks/{id}`: how far it has come; with `fragment` only the part that changes.
pub(crate) async fn one(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    session.need(Act::ReadAll)?;
    let id = RollbackId::from_text(id);
    let rollback = app.engine.rollback(&session.account, &id).await?;
    let contract = app.engine.contract(&session.account).await?;
    let around = around(&app, &session, contract.as_ref().map(|(_, c)| c.as_ref()));
    let progress = progress(&around, &rollback);
    if query.contains_key("fragment") {
        return shown(&Fragment { progress });
    }
    let names = names(&app, &session).await?;
    let holds: Vec<Held> =
        app.engine.holds(&session.account).await?.into_iter().filter(|held| held.hold.rollback == id).collect();
    let at = around.wall.moment(rollback.started_at, around.now);
    let what = around.what(&rollback.scope);
    let shell = Shell::of(&app, &session, "contract", t("rollback.one_title")).await?;
    shown(&OnePage {
        shell,
        id: id.as_str().to_owned(),
        what,
        begun: format!("{at} · {}", by_words(&names, &rollback.by)),
        reason: rollback.reason.clone(),
        progress,
        lifts: session.may(Act::LiftHold) && holds.iter().any(|held| held.hold.until.is_none()),
        holds: holds.iter().map(|held| hold(&around, held)).collect(),
        set_off: set_off(&around, &rollback.agreed.consequences),
        tells: rollback.agreed.tells.iter().map(tell).collect(),
        lifted: query.contains_key("lifted"),
        csrf: session.csrf.clone(),
    })
}

fn progress(around: &Around<'_>, rollback: &Rollback) -> Progress {
    let (state, tone) = state(rollback);
    // What needs a person stands first, then what is under way.
    let rank = |item: &&Item| match item.state.as_str() {
        "dead" => 0,
        "sent" => 1,
        "planned" => 2,
        _ => 3,
    };
    let mut items: Vec<&Item> = rollback.items.iter().collect();
    items.sort_by_key(|item| (rank(item), item.n));
    let ended = |item: &&Item| !matches!(item.state.as_str(), "planned" | "sent");
    Progress {
        state,
        tone,
        figures: figures(rollback),
        done: rollback.items.iter().filter(ended).count(),
        of: rollback.items.len(),
        rows: items.iter().take(VALUES_MAX).map(|item| row(item)).collect(),
        left_out: items.len().saturating_sub(VALUES_MAX),
        as_of: around.wall.time(around.now),
    }
}

fn row(item: &Item) -> Row {
    let (state, tone) = match item.state.as_str() {
        "planned" => ("rollback.planned", ""),
        "sent" => ("rollback.sent", "wait"),
        "done" => ("rollback.item_done", "good"),
        "dead" => ("rollback.item_dead", "bad"),
        _ => ("rollback.item_spared", ""),
    };
    let became = |field: &ringback_engine::rollback::ItemField| {
        let name = if field.field.is_empty() { &field.property } else { &field.field };
        let words = match (field.spared, item.state.as_str()) {
            (Some(why), _) => format!("{} {}", t("rollback.stays"), spared_word(why)),
            (None, "done") => t("rollback.stands_again").to_owned(),
            (None, "dead") => t("rollback.not_back").to_owned(),
            (None, _) => t("rollback.will_go_back").to_owned(),
        };
        (field_word(name), words)
    };
    Row {
        n: item.n,
        inquiry: item.inquiry.as_str().to_owned(),
        record: format!("{} {}", item.object, item.record),
        state: t(state),
        tone,
        fields: item.fields.iter().map(became).collect(),
        dead: item.state == "dead",
    }
}

fn hold(around: &Around<'_>, held: &Held) -> HoldLine {
    let hold = &held.hold;
    let mut words = Vec::new();
    let mut put = |id, value: Option<&str>| words.extend(value.map(|value| format!("{} {value}", t(id))));
    put("rollback.hold_contract", hold.contract.as_deref());
    put("rollback.hold_source", hold.source.as_deref());
    put("rollback.hold_record", hold.record.as_deref());
    HoldLine {
        field: around.field(if hold.field.is_empty() { &hold.to } else { &hold.field }),
        to: hold.to.clone(),
        words: words.join(", "),
        since: around.wall.moment(hold.since, around.now),
        until: hold.until.map(|at| around.wall.moment(at, around.now)),
    }
}

/// `POST /rollbacks/{id}/lift`: one field, or everything that it holds back.
pub(crate) async fn lift(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::LiftHold)?;
    let id = RollbackId::from_text(id);
    app.engine.rollback(&session.account, &id).await?;
    let reason = reason_of(fields.get("reason"))?;
    let field = Some(fields.get("field")).filter(|field| !field.is_empty());
    app.engine.lift_holds(&session.account, &id, field, &reason, &session.user).await?;
    Ok(Redirect::to(&format!("/rollbacks/{id}?lifted=1#holds")).into_response())
}
