//! *Inquiry*: one caller's need, what was heard, what was written and what was not, and what a person can do now.

use super::brief::{Part, Reader, brief};
use super::cards::{self, Around, Card, card};
use super::dead_letters::Refusal;
use super::opt_out::{self, Wish};
use super::words::{feeds, field_word, rule_words, value_word};
use super::{Fields, Page, Shell, back, shown};
use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use crate::when::Wall;
use askama::Template;
use axum::extract::{Path, State};
use jiff::Timestamp;
use jiff::civil::DateTime;
use ringback_core::contract::Contract;
use ringback_core::effect::tells;
use ringback_core::ensure::Receipt;
use ringback_core::id::{InquiryId, StaffId};
use ringback_core::inquiry::{CallbackResult, Event, Inquiry, Outcome, Progress, StageState};
use ringback_core::plan::{Verdict, VerdictKind};
use ringback_core::rights::Act;
use ringback_engine::audit::{Sealed, Told};
use ringback_engine::trace::Words;
use std::collections::BTreeMap;

/// A line of the field table.
struct FieldLine {
    field: String,
    to: String,
    was: String,
    is: String,
    quote: Option<String>,
    anchor: Option<String>,
    /// Who offered it, and as of when; empty: no provider did.
    given: String,
    sure: String,
    verdict: &'static str,
    tone: &'static str,
    reason: String,
    clause: String,
    winner: String,
    crm_says: String,
    /// The open question about it: id and digest.
    ask: Option<(String, String)>,
    /// It was written, so it can be taken back.
    written: bool,
    /// The page of the record it stands in, open at this field.
    trace: Option<String>,
}

/// A piece of a transcript; with a field when something was heard there.
struct Piece {
    text: String,
    field: String,
    anchor: String,
}

struct Spoken {
    title: String,
    pieces: Vec<Piece>,
    expired: Option<String>,
}

struct Stage {
    word: &'static str,
    state: &'static str,
    tone: &'static str,
}

struct Moment {
    at: String,
    word: &'static str,
    text: String,
}

struct NotDone {
    what: String,
    why: String,
    next: &'static str,
}

#[derive(Template)]
#[template(path = "inquiry.html")]
struct InquiryPage {
    shell: Shell,
    card: Card,
    title: String,
    open: bool,
    closed: Option<String>,
    owner_why: String,
    owner_clause: String,
    stages: Vec<Stage>,
    failing: Option<&'static str>,
    failing_why: String,
    brief: [Part; 6],
    timeline: Vec<Moment>,
    spoken: Vec<Spoken>,
    fields: Vec<FieldLine>,
    not_done: Vec<NotDone>,
    questions: Vec<(String, String)>,
    staff: Vec<(String, String)>,
    callbacks: Vec<String>,
    next_attempt: Option<String>,
    /// What the location's clocks are called.
    zone: String,
    entries: Vec<(i64, String, String, Vec<String>)>,
    contract: Option<String>,
    wish: Wish,
    acts: bool,
    /// May take written values back.
    undoes: bool,
    csrf: String,
    here: String,
}

pub(super) async fn load(app: &App, session: &Session, id: &str) -> Result<Inquiry, Problem> {
    session.visible(app.engine.inquiry(&session.account, &InquiryId::from_text(id)).await?)
}

/// `GET /inquiries/{id}`.
pub(crate) async fn page(State(app): State<App>, session: Session, Path(id): Path<String>) -> Page {
    let inquiry = load(&app, &session, &id).await?;
    let now = app.engine.now();
    let wall = session.wall(inquiry.location.as_ref());
    let contract = app.engine.contract(&session.account).await?;
    let rules = contract.as_ref().map(|(_, c)| c.as_ref());
    let around = Around { session: &session, contract: rules, now };
    let words = app.engine.transcripts(&session.account, &inquiry.id).await?;
    let told = app.engine.entries(&session.account, &inquiry.id).await?;
    let receipts = receipts(&app, &session, &inquiry).await?;
    let wish = opt_out::wish(&app, &session, &inquiry, &told, now, &wall).await?;
    let card = card(&inquiry, &around);
    let title = cards::who(&inquiry);
    let stages = stages(&inquiry);
    let shell = Shell::of(&app, &session, "inquiry", &title).await?;
    let question = |r: &ringback_core::inquiry::Review| {
        let currency = super::reviews::currency(&session, &inquiry);
        (r.id.as_str().to_owned(), super::reviews::question(r, rules, currency, now, &wall))
    };
    shown(&InquiryPage {
        shell,
        title,
        open: inquiry.open(),
        closed: closed(&inquiry, now, &wall),
        owner_why: owner_why(&inquiry),
        owner_clause: inquiry.owner.as_ref().map(|o| o.clause.clone()).unwrap_or_default(),
        failing: stages.iter().find(|s| s.tone == "bad").map(|s| s.word),
        failing_why: failing_why(&inquiry),
        brief: brief(&Reader { inquiry: &inquiry, contract: rules, now, wall: &wall }),
        stages,
        timeline: timeline(&inquiry, now, &wall),
        spoken: spoken(&inquiry, &words, now, &wall),
        fields: field_lines(&inquiry, rules, &receipts, now, &wall),
        not_done: not_done(&inquiry),
        questions: inquiry.reviews.iter().map(question).collect(),
        staff: staff(&session, &inquiry),
        callbacks: callbacks(&inquiry, now, &wall),
        zone: wall.zone_word(now),
        next_attempt: inquiry.next_callback_at.map(|at| wall.moment(at, now)),
        entries: told.iter().map(|e| entry(e, now, &wall)).collect(),
        contract: contract.as_ref().map(|(c, _)| format!("{} v{}", c.name, c.version)),
        wish,
        acts: session.may(Act::WorkQueue),
        undoes: session.may(Act::Rollback),
        csrf: session.csrf.clone(),
        here: format!("/inquiries/{}", inquiry.id),
        card,
    })
}

fn stages(inquiry: &Inquiry) -> Vec<Stage> {
    let written = inquiry.stages().iter().all(|(word, state)| *word != "write" || *state == StageState::Done);
    let mark = |word: &str, state| match state {
        StageState::Waiting if word == "trust" && !written => ("stage.after_write", "none"),
        StageState::Done => ("stage.done", "good"),
        StageState::Waiting => ("stage.waiting", "wait"),
        StageState::Asking => ("stage.asking", "ask"),
        StageState::Failed => ("stage.failed", "bad"),
        StageState::NotNeeded => ("stage.not_needed", "none"),
    };
    let name = |word: &str| match word {
        "capture" => "stage.capture",
        "structure" => "stage.structure",
        "route" => "stage.route",
        "write" => "stage.write",
        "reconcile" => "stage.reconcile",
        _ => "stage.trust",
    };
    let stage = |(word, state)| {
        let (said, tone) = mark(word, state);
        Stage { word: t(name(word)), state: t(said), tone }
    };
    inquiry.stages().into_iter().map(stage).collect()
}

fn closed(inquiry: &Inquiry, now: Timestamp, wall: &Wall) -> Option<String> {
    let ringback_core::inquiry::State::Closed { outcome, at, .. } = &inquiry.state else { return None };
    let word = match outcome {
        Outcome::Engaged => "outcome.engaged",
        Outcome::NotReached => "outcome.not_reached",
        Outcome::Converted => "outcome.converted",
        Outcome::OptedOut => "outcome.opted_out",
        Outcome::Disqualified => "outcome.disqualified",
        Outcome::AnsweredAfterAll => "outcome.answered_after_all",
    };
    Some(format!("{} · {}", t(word), wall.moment(*at, now)))
}

fn owner_why(inquiry: &Inquiry) -> String {
    match (&inquiry.owner, &inquiry.unowned_because) {
        (Some(owner), _) => rule_words(&owner.why),
        (None, Some(why)) => rule_words(why),
        (None, None) => String::new(),
    }
}

fn timeline(inquiry: &Inquiry, now: Timestamp, wall: &Wall) -> Vec<Moment> {
    let mut all: Vec<(Timestamp, &'static str, String)> = Vec::new();
    for call in &inquiry.calls {
        let mut text = cards::how(call);
        if call.deliveries > 1 {
            text = format!("{text} · {} {}", call.deliveries, t("time.deliveries"));
        }
        all.push((call.started_at, t("time.call"), text));
    }
    if let (Some(snapshot), Some(matched)) = (&inquiry.snapshot, &inquiry.matched) {
        all.push((snapshot.read_at, t("time.match"), matched.why.clone()));
    }
    if let Some(owner) = &inquiry.owner {
        all.push((owner.since, t("time.owner"), rule_words(&format!("{}: {}", owner.name, owner.why))));
    }
    for climb in &inquiry.escalations {
        all.push((climb.at, t("time.escalation"), format!("{} · {}", cards::tier_name(climb.tier), climb.why)));
    }
    if let Some(at) = inquiry.breached_at {
        all.push((at, t("time.breach"), t("time.breach_text").to_owned()));
    }
    for effect in inquiry.effects.values() {
        let word = effect_word(&effect.word);
        if let Some(at) = effect.settled_at {
            let how = t(match (effect.progress, effect.word.as_str()) {
                (Progress::Dead, _) => "time.dead",
                (_, "emit") => "time.taken",
                _ => "time.read_back",
            });
            let where_to = if effect.word == "emit" { t("time.told") } else { t("time.crm") };
            all.push((at, where_to, format!("{word}: {how}")));
        }
    }
    for callback in &inquiry.callbacks {
        let note = callback.note.as_ref().map(|n| format!(" · “{n}”")).unwrap_or_default();
        let booked = callback.booked_for.map(|at| format!(" · {}", wall.moment(at, now))).unwrap_or_default();
        all.push((callback.at, t("time.callback"), format!("{}{booked}{note}", t(result_id(callback.result)))));
    }
    all.sort_by_key(|(at, ..)| *at);
    all.into_iter().map(|(at, word, text)| Moment { at: wall.moment(at, now), word, text }).collect()
}

pub(crate) fn effect_word(word: &str) -> &'static str {
    t(match word {
        "find" => "effect.find",
        "create_contact" => "effect.create_contact",
        "update_contact" => "effect.update_contact",
        "log_call" => "effect.log_call",
        "create_task" => "effect.create_task",
        "close_task" => "effect.close_task",
        "restore" => "effect.restore",
        "emit" => "effect.emit",
        _ => "effect.page",
    })
}

fn result_id(result: CallbackResult) -> &'static str {
    match result {
        CallbackResult::Reached => "result.reached",
        CallbackResult::NoAnswer => "result.no_answer",
        CallbackResult::LeftMessage => "result.left_message",
        CallbackResult::Booked => "result.booked",
        CallbackResult::WrongNumber => "result.wrong_number",
    }
}

pub(crate) fn anchor(document: &str, start: u32) -> String {
    format!("said-{}-{start}", document.trim_start_matches("doc_"))
}

/// Transcripts cut where something was heard. Spans count code points, so the text is cut by characters, never by bytes.
fn spoken(inquiry: &Inquiry, words: &[Words], now: Timestamp, wall: &Wall) -> Vec<Spoken> {
    let one = |w: &Words| {
        let call = inquiry.calls.iter().find(|c| c.id == w.call);
        let at = call.map(|c| wall.moment(c.started_at, now)).unwrap_or_default();
        let mut marks: BTreeMap<u32, (u32, Vec<String>)> = BTreeMap::new();
        for (field, held) in &inquiry.claims {
            let e = &held.evidence;
            if e.document == w.document && e.start < e.end {
                let mark = marks.entry(e.start).or_insert((e.end, Vec::new()));
                mark.0 = mark.0.max(e.end);
                mark.1.push(field_word(field));
            }
        }
        let version = if w.version > 1 { format!(" · {} {}", t("said.version"), w.version) } else { String::new() };
        Spoken {
            title: format!("{at}{version}"),
            pieces: w.text.as_deref().map(|text| cut(text, &marks, w.document.as_str())).unwrap_or_default(),
            expired: w.text.is_none().then(|| w.expired.clone().unwrap_or_else(|| t("said.expired").to_owned())),
        }
    };
    words.iter().map(one).collect()
}

fn cut(text: &str, marks: &BTreeMap<u32, (u32, Vec<String>)>, document: &str) -> Vec<Piece> {
    let chars: Vec<char> = text.chars().collect();
    let slice = |from: usize, to: usize| chars.get(from..to).unwrap_or_default().iter().collect::<String>();
    let (mut at, mut pieces) = (0usize, Vec::new());
    let plain = |text: String| Piece { text, field: String::new(), anchor: String::new() };
    for (start, (end, fields)) in marks {
        let (from, to) = (*start as usize, (*end as usize).min(chars.len()));
        if from >= to {
            continue;
        }
        if from < at {
            // Two claims share words: the later one is named with the first, so that no word is shown twice.
            if let Some(last) = pieces.iter_mut().rev().find(|p: &&mut Piece| !p.field.is_empty()) {
                last.field = format!("{}, {}", last.field, fields.join(", "));
            }
            pieces.push(Piece { text: String::new(), field: String::new(), anchor: anchor(document, *start) });
            continue;
        }
        if from > at {
            pieces.push(plain(slice(at, from)));
        }
        pieces.push(Piece { text: slice(from, to), field: fields.join(", "), anchor: anchor(document, *start) });
        at = to;
    }
    if at < chars.len() {
        pieces.push(plain(slice(at, chars.len())));
    }
    pieces
}

/// What the CRM held at the last read-back, by `contact.property`.
async fn receipts(app: &App, session: &Session, inquiry: &Inquiry) -> Result<BTreeMap<String, String>, Problem> {
    let (account, id) = (session.account.as_str().to_owned(), inquiry.id.as_str().to_owned());
    let rows = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::effects_of_inquiry(tx, &account, &id).await }))
        .await?;
    let mut held = BTreeMap::new();
    for row in rows {
        let receipt = row.receipt.as_deref().and_then(|r| serde_json::from_str::<Receipt>(r).ok());
        let Some((receipt, object)) = receipt.and_then(|r| r.object.map(|o| (r, o))) else { continue };
        held.extend(receipt.properties.into_iter().map(|(name, value)| (format!("{}.{name}", object.as_str()), value)));
    }
    Ok(held)
}

fn field_lines(
    inquiry: &Inquiry,
    contract: Option<&Contract>,
    receipts: &BTreeMap<String, String>,
    now: Timestamp,
    wall: &Wall,
) -> Vec<FieldLine> {
    let line = |v: &Verdict| {
        let from = feeds(contract, &v.field);
        let word = |value: &str| value_word(from, value, now, wall);
        let plain = |v: &Option<String>| v.as_deref().filter(|v| !v.is_empty()).map(word);
        let held = inquiry.claims.get(from);
        let (verdict, tone) = match v.kind {
            VerdictKind::Write if receipts.contains_key(&v.to) => ("verdict.written", "good"),
            VerdictKind::Write => ("verdict.write", "none"),
            VerdictKind::Keep => ("verdict.keep", "none"),
            VerdictKind::Review => ("verdict.review", "ask"),
            VerdictKind::Suppress => ("verdict.suppress", "bad"),
        };
        let crm_says = match (receipts.get(&v.to), v.kind) {
            (Some(value), _) if value.is_empty() => t("crm.holds_nothing").to_owned(),
            (Some(value), _) => word(value),
            (None, VerdictKind::Write) => on_its_way(inquiry, &v.to).to_owned(),
            (None, _) => t("crm.not_written").to_owned(),
        };
        FieldLine {
            field: field_word(&v.field),
            to: v.to.clone(),
            was: plain(&v.was).unwrap_or_else(|| t("field.empty").to_owned()),
            is: plain(&v.is).unwrap_or_else(|| t("field.nothing").to_owned()),
            quote: held.map(|h| h.quote.clone()).filter(|q| !q.is_empty()),
            anchor: v.evidence.as_ref().map(|e| anchor(e.document.as_str(), e.start)),
            given: super::reviews::offered_by(&v.source, now, wall),
            sure: match v.confidence {
                Some(sure) if v.evidence.is_some() || v.source.as_of().is_some() => cards::how_sure(sure),
                _ => t("field.decided").to_owned(),
            },
            ask: inquiry
                .reviews
                .iter()
                .find(|r| r.field.as_ref() == Some(&v.field))
                .map(|r| (r.id.as_str().to_owned(), r.digest.clone())),
            verdict: t(verdict),
            written: receipts.contains_key(&v.to),
            trace: receipts.get(&v.to).and_then(|_| super::trace::of_field(inquiry, &v.to)),
            tone,
            reason: v.reason.clone(),
            clause: v.clause.clone(),
            winner: contract.and_then(|c| c.explain(&v.field)).unwrap_or_default(),
            crm_says,
        }
    };
    // What waits for a person stands first, then what was done, then what was left.
    let rank = |v: &&Verdict| match v.kind {
        VerdictKind::Review => 0,
        VerdictKind::Suppress => 1,
        VerdictKind::Write => 2,
        VerdictKind::Keep => 3,
    };
    let mut verdicts: Vec<&Verdict> = inquiry.verdicts.iter().collect();
    verdicts.sort_by_key(rank);
    verdicts.into_iter().map(line).collect()
}

/// How far a write has come that no receipt shows yet.
fn on_its_way(inquiry: &Inquiry, to: &str) -> &'static str {
    let object = to.split('.').next().unwrap_or_default();
    let of_object = |target: &str| target.split(':').next() == Some(object);
    let progress = inquiry.effects.iter().find(|(target, _)| of_object(target)).map(|(_, e)| e.progress);
    let something_failed = inquiry.effects.iter().any(|(target, e)| e.progress == Progress::Dead && !tells(target));
    t(match progress {
        Some(Progress::Dead) => "crm.refused",
        Some(Progress::Done) => "crm.not_read",
        _ if something_failed => "crm.behind_failed",
        _ => "crm.on_its_way",
    })
}

/// Why the failing stage fails, in the words of whoever refused, or in ours.
fn failing_why(inquiry: &Inquiry) -> String {
    let dead = inquiry.effects.iter().find(|(target, e)| e.progress == Progress::Dead && !tells(target));
    let dead = dead.and_then(|(_, e)| e.why.as_deref());
    dead.map(|why| Refusal::of(why).words())
        .or_else(|| inquiry.unowned_because.as_deref().map(rule_words))
        .unwrap_or_default()
}

fn not_done(inquiry: &Inquiry) -> Vec<NotDone> {
    let mut all = Vec::new();
    for effect in inquiry.effects.values().filter(|e| e.progress == Progress::Dead) {
        let why = Refusal::of(effect.why.as_deref().unwrap_or_default()).words();
        all.push(NotDone { what: effect_word(&effect.word).to_owned(), why, next: t("not_done.replay") });
    }
    for verdict in inquiry.verdicts.iter().filter(|v| v.kind == VerdictKind::Suppress) {
        all.push(NotDone { what: field_word(&verdict.field), why: verdict.reason.clone(), next: t("not_done.rule") });
    }
    for note in &inquiry.rejected {
        let why = match note.reason.as_str() {
            "no_evidence" => t("rejected.no_evidence").to_owned(),
            "wrong_digits" => t("rejected.wrong_digits").to_owned(),
            "not_following" => t("rejected.not_following").to_owned(),
            "wrong_kind" => t("rejected.wrong_kind").to_owned(),
            other => other.to_owned(),
        };
        all.push(NotDone { what: field_word(&note.field), why, next: t("not_done.ask") });
    }
    for (workflow, why) in &inquiry.aside {
        let what = workflow.about().title.to_owned();
        all.push(NotDone { what, why: why.clone(), next: t("not_done.rule") });
    }
    for field in &inquiry.unmapped {
        let why = t("not_done.unmapped").to_owned();
        all.push(NotDone { what: field_word(field), why, next: t("not_done.contract") });
    }
    all
}

fn staff(session: &Session, inquiry: &Inquiry) -> Vec<(String, String)> {
    let here = |s: &&ringback_core::roster::Staff| {
        s.locations.is_empty() || inquiry.location.as_ref().is_none_or(|l| s.locations.contains(l))
    };
    let one = |s: &ringback_core::roster::Staff| {
        let away = if s.away { format!(" ({})", t("staff.away")) } else { String::new() };
        (s.id.as_str().to_owned(), format!("{}{away}", s.name))
    };
    session.roster.staff.iter().filter(here).map(one).collect()
}

fn callbacks(inquiry: &Inquiry, now: Timestamp, wall: &Wall) -> Vec<String> {
    let one = |c: &ringback_core::inquiry::Callback| format!("{} {}", wall.moment(c.at, now), t(result_id(c.result)));
    inquiry.callbacks.iter().map(one).collect()
}

/// An entry in words: when, what, and each open or sealed value; what was erased says so.
fn entry(told: &Told, now: Timestamp, wall: &Wall) -> (i64, String, String, Vec<String>) {
    let mut parts: Vec<String> = told
        .body
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.as_str() != "sealed")
        .map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}: {text}"),
            None => format!("{name}: {value}"),
        })
        .collect();
    for (name, sealed) in &told.sealed {
        parts.push(match sealed {
            Sealed::Text(text) => format!("{name}: {text}"),
            Sealed::Expired { why, at } => format!("{name}: {} ({why}, {})", t("entry.expired"), wall.date(*at)),
        });
    }
    let at = if wall.same_day(told.at, now) {
        wall.seconds(told.at)
    } else {
        format!("{} {}", wall.date(told.at), wall.seconds(told.at))
    };
    (told.seq, at, told.kind.clone(), parts)
}

async fn act(app: &App, session: &Session, id: &str, fields: &Fields, event: Event) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::WorkQueue)?;
    let inquiry = load(app, session, id).await?;
    app.engine.act(&session.account, &inquiry.id, event).await?;
    Ok(back(&fields.0, "/"))
}

/// `POST /inquiries/{id}/take`.
pub(crate) async fn take(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    let event = Event::Taken { by: session.user.clone() };
    act(&app, &session, &id, &fields, event).await
}

/// `POST /inquiries/{id}/assign`.
pub(crate) async fn assign(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    let to = StaffId::from_text(fields.get("to"));
    if session.roster.person(&to).is_none() {
        return Err(Problem::bad_parameter("to", "nobody of that name is in the roster").into());
    }
    let event = Event::Assigned { to, by: session.user.clone() };
    act(&app, &session, &id, &fields, event).await
}

/// The most characters of a note.
const NOTE_CHARS_MAX: usize = 500;

/// `POST /inquiries/{id}/called`: one of five outcomes, and a note if wanted.
pub(crate) async fn called(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    let result = match fields.get("result") {
        "reached" => CallbackResult::Reached,
        "no_answer" => CallbackResult::NoAnswer,
        "left_message" => CallbackResult::LeftMessage,
        "booked" => CallbackResult::Booked,
        "wrong_number" => CallbackResult::WrongNumber,
        other => return Err(Problem::bad_parameter("result", &format!("{other:?} is none of the five")).into()),
    };
    let note: String = fields.get("note").chars().take(NOTE_CHARS_MAX).collect();
    let note = Some(note).filter(|n| !n.is_empty());
    let booked_for = match fields.get("booked_for") {
        "" => None,
        text => {
            let inquiry = load(&app, &session, &id).await?;
            let wall = session.wall(inquiry.location.as_ref());
            let at = text.parse::<DateTime>().ok().and_then(|at| wall.instant(at));
            Some(at.ok_or_else(|| Problem::bad_parameter("booked_for", "write day and hour as 2026-11-24T15:00"))?)
        }
    };
    let event = Event::CalledBack { result, note, by: session.user.clone(), booked_for };
    act(&app, &session, &id, &fields, event).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_are_cut_by_code_points_and_lose_nothing() {
        let text = "Äh — we’ve no heat 🥶 since last night, call 555.";
        let heat = text
            .chars()
            .collect::<Vec<_>>()
            .windows(7)
            .position(|w| w.iter().collect::<String>() == "no heat")
            .unwrap();
        let start = u32::try_from(heat).unwrap();
        let marks = BTreeMap::from([
            (start, (start + 9, vec!["urgency".to_owned()])),
            (start + 3, (start + 7, vec!["service".to_owned()])),
            (400, (500, vec!["beyond".to_owned()])),
        ]);
        let pieces = cut(text, &marks, "doc_x");
        assert_eq!(pieces.iter().map(|p| p.text.as_str()).collect::<String>(), text);
        let marked: Vec<(&str, &str)> =
            pieces.iter().filter(|p| !p.field.is_empty()).map(|p| (p.text.as_str(), p.field.as_str())).collect();
        assert_eq!(marked, [("no heat 🥶", "urgency, service")]);
    }
}
