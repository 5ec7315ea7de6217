//! *Reviews*: one decision at a time, with everything it needs: value, evidence, confidence, current value and who set it, the rule that
//! stopped it, and what each choice would do. What one reason stopped is also answered in one gesture, across callers.

use super::cards::{category, percent};
use super::words::{feeds, field_word, options, value_word};
use super::{Fields, Page, Shell, back, shown};
use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use crate::when::Wall;
use crate::when::lasting;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use jiff::Timestamp;
use ringback_core::contract::Contract;
use ringback_core::id::{InquiryId, ReviewId};
use ringback_core::inquiry::{Choice, Foreseen, Inquiry, RejectCode, Review, ReviewKind, StandsBy};
use ringback_core::plan::Source;
use ringback_core::rights::Act;
use ringback_engine::Error;
use ringback_engine::inquire::act_of;
use ringback_engine::reviews::{Asked, Became, Late, Overtaken, Questions, TOGETHER_MAX};
use ringback_store::{After, ReviewRow};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Questions on one page.
const REVIEWS_MAX: u32 = 200;
/// Pages gone through for what one reason stopped.
const PAGES_MAX: usize = 10;

/// One question.
struct Question {
    id: String,
    digest: String,
    inquiry: String,
    who: String,
    question: String,
    about: String,
    place: String,
    /// The neighbouring workflow that asks; empty: what a caller said is asked about.
    workflow: String,
    /// Who offered the proposed value, and as of when; empty: no provider did.
    provider: String,
    /// Where the question does not name it.
    proposed: Option<String>,
    /// The CRM holds a value, or nothing, where the proposed one would stand.
    holds: bool,
    /// As the CRM would take it, to edit.
    raw: String,
    current: Option<String>,
    /// Who set what the CRM holds.
    set_by: Option<String>,
    sure: Option<String>,
    before: String,
    quote: String,
    after: String,
    reason: String,
    clause: String,
    /// The version that asks: `missed-calls 3`.
    version: String,
    winner: String,
    picks: Vec<Pick>,
    /// The words this field takes, to choose another from.
    options: Vec<(String, String)>,
    /// This person may decide it.
    may: bool,
    /// Where the page goes on after the decision.
    next: String,
    yes_word: &'static str,
    no_word: &'static str,
    edit_label: &'static str,
    edit_word: &'static str,
    /// May be approved or edited; the others are picked or rejected.
    approves: bool,
    edits: bool,
    /// Two of those to pick may be one person.
    merges: bool,
    waiting: String,
    /// What each choice would do.
    yes: String,
    no: String,
    /// A yes does no more than the question itself says.
    plain: bool,
    /// What stopped it, to answer the likes of it together.
    because: String,
}

/// One of several to choose.
struct Pick {
    id: String,
    label: String,
    agreed: String,
    disagreed: String,
    does: String,
}

/// Questions that one reason stopped.
struct Group {
    because: String,
    word: String,
    count: usize,
}

/// What an answer that came too late is told.
struct Notice {
    why: String,
    field: Option<String>,
    holds: Option<String>,
    set_by: Option<String>,
    proposed: Option<String>,
    /// The question that is asked now.
    again: Option<String>,
}

#[derive(Template)]
#[template(path = "reviews.html")]
struct Reviews {
    shell: Shell,
    questions: Vec<Question>,
    groups: Vec<Group>,
    notice: Option<Notice>,
    /// What one gesture has just answered.
    done: String,
    /// Where a value can be taken back that was just called wrong.
    undo: Option<String>,
    /// This person reads what belongs to the whole account.
    reads: bool,
    codes: Vec<(&'static str, &'static str)>,
    /// Only one caller's questions are asked for.
    narrowed: bool,
    /// How many are open, of those that this person may see.
    total: i64,
    /// Where the next page begins.
    more: Option<String>,
    acts: bool,
    csrf: String,
}

#[derive(Template)]
#[template(path = "reviews_together.html")]
struct Together {
    shell: Shell,
    word: String,
    questions: Vec<Question>,
    codes: Vec<(&'static str, &'static str)>,
    acts: bool,
    csrf: String,
    /// There may be more than one gesture answers.
    most: Option<usize>,
}

#[derive(Template)]
#[template(path = "reviews_told.html")]
struct Told {
    shell: Shell,
    done: usize,
    approved: bool,
    /// Who, what, and why it was not taken.
    not: Vec<(String, String, String)>,
}

/// A page of the open reviews that this person may see, oldest first, with the inquiry of each.
async fn open(app: &App, session: &Session, after: &After) -> Result<Questions, Problem> {
    let locations = session.locations.as_deref();
    Ok(app.engine.open_reviews(&session.account, None, locations, REVIEWS_MAX, after).await?)
}

/// One caller's open questions; none where the caller is none of this person's.
async fn of_one(app: &App, session: &Session, id: &str) -> Result<Vec<Asked>, Problem> {
    let inquiry = app.engine.inquiry(&session.account, &InquiryId::from_text(id)).await?;
    let Some(inquiry) = inquiry.filter(|i| session.sees(i.location.as_ref())) else { return Ok(Vec::new()) };
    let inquiry = Arc::new(inquiry);
    let one = |review: &Review| Asked { review: review.clone(), inquiry: inquiry.clone() };
    let mut asked: Vec<Asked> = inquiry.reviews.iter().map(one).collect();
    asked.sort_by(|a, b| (a.review.opened_at, &a.review.id).cmp(&(b.review.opened_at, &b.review.id)));
    Ok(asked)
}

/// The place of a page, as its address says it: instant and id of the last question before it.
fn place(query: &HashMap<String, String>) -> After {
    let of = |text: &String| {
        let (at, id) = text.split_once('.')?;
        Some(After { at: at.parse().ok()?, id: id.to_owned() })
    };
    query.get("after").and_then(of).unwrap_or_else(After::start)
}

/// What is asked, in one sentence.
pub(crate) fn question(review: &Review, contract: Option<&Contract>, now: Timestamp, wall: &Wall) -> String {
    match review.kind {
        ReviewKind::Field => {
            let name = review.field.as_deref().unwrap_or_default();
            let field = field_word(name);
            let word = |value: &str| value_word(feeds(contract, name), value, now, wall);
            let value = review.proposed.as_deref().map(word).unwrap_or_default();
            let mut letters = field.chars();
            let first = letters.next().map(char::to_uppercase).into_iter().flatten();
            format!("{}: {value}?", first.chain(letters).collect::<String>())
        }
        ReviewKind::Match if review.workflow.is_some() => t("review.match_record").to_owned(),
        ReviewKind::Match => t("review.match").to_owned(),
        ReviewKind::NoNumber => t("review.no_number").to_owned(),
        ReviewKind::AmbiguousVoicemail => t("review.ambiguous_voicemail").to_owned(),
        ReviewKind::OwnerTie => t("review.owner_tie").to_owned(),
        ReviewKind::OwnerChange => t("review.owner_change").to_owned(),
        ReviewKind::UnknownLocation => t("review.unknown_location").to_owned(),
        ReviewKind::Doubled => t("review.doubled").to_owned(),
        ReviewKind::SpotCheck => {
            let name = review.field.as_deref().unwrap_or_default();
            let value = review.proposed.as_deref().map(|v| value_word(feeds(contract, name), v, now, wall));
            format!("{}: {}, “{}”?", t("spot.question"), field_word(name), value.unwrap_or_default())
        }
    }
}

/// `GET /reviews`.
pub(crate) async fn page(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    if let Some(because) = query.get("because") {
        return together(&app, &session, because).await;
    }
    let done = ["approved", "rejected"].into_iter().find_map(|way| Some((way, query.get(way)?.parse::<usize>().ok()?)));
    let done = done.filter(|(_, count)| (1..=TOGETHER_MAX).contains(count)).map(|(way, count)| done_word(way, count));
    let said = match query.get("wrong") {
        Some(id) => called_wrong(&app, &session, &ReviewId::from_text(id.as_str())).await?,
        None => None,
    };
    let (done, undo) = said.unwrap_or((done.unwrap_or_default(), None));
    let only = query.get("inquiry").map(String::as_str);
    listed(&app, &session, only, &place(&query), None, (done, undo)).await
}

/// What became of a value that was just called wrong, and where it can be taken back.
async fn called_wrong(
    app: &App,
    session: &Session,
    id: &ReviewId,
) -> Result<Option<(String, Option<String>)>, Problem> {
    // Whoever may not see it is told nothing of it.
    if asked(app, session, id).await?.is_none() {
        return Ok(None);
    }
    let Some(scope) = app.engine.called_wrong(&session.account, id).await? else { return Ok(None) };
    let (inquiry, field) = (scope.inquiry.as_ref().map_or("", InquiryId::as_str), scope.field.unwrap_or_default());
    let undo = session.may(Act::Rollback).then(|| super::weekly::take_back(inquiry, &field));
    Ok(Some((format!("{} {}", field_word(&field), t("spot.noted")), undo)))
}

/// What one gesture has answered: `12 approved`.
fn done_word(way: &str, count: usize) -> String {
    format!("{count} {}", t(if way == "approved" { "together.done_approved" } else { "together.done_rejected" }))
}

/// The page of one caller's questions, or of all.
async fn listed(
    app: &App,
    session: &Session,
    only: Option<&str>,
    after: &After,
    notice: Option<Notice>,
    (done, undo): (String, Option<String>),
) -> Page {
    let Questions { asked: found, next } = match only {
        Some(only) => Questions { asked: of_one(app, session, only).await?, next: None },
        None => open(app, session, after).await?,
    };
    let total = match only {
        Some(_) => i64::try_from(found.len()).unwrap_or(i64::MAX),
        None => app.engine.open_reviews_count(&session.account, session.locations.as_deref()).await?,
    };
    let mut questions = lines(app, session, &found).await?;
    // After a decision the page goes on with the next question, and keeps to the caller it was opened for.
    let narrowed = only.is_some();
    // The question about what stands there now comes before the others.
    if let Some(again) = notice.as_ref().and_then(|n| n.again.as_ref()) {
        questions.sort_by_key(|q| q.id != *again);
    }
    let only = only.filter(|only| found.iter().any(|asked| asked.inquiry.id.as_str() == *only));
    let from = (*after != After::start()).then(|| format!("/reviews?after={}.{}", after.at, after.id));
    let here = only.map(|i| format!("/reviews?inquiry={i}")).or(from).unwrap_or_else(|| "/reviews".to_owned());
    let ids: Vec<String> = questions.iter().map(|q| q.id.clone()).collect();
    for (at, question) in questions.iter_mut().enumerate() {
        let next = ids.get(at + 1).or_else(|| at.checked_sub(1).and_then(|before| ids.get(before)));
        question.next = next.map_or_else(|| here.clone(), |id| format!("{here}#{id}"));
    }
    let groups = groups(&questions);
    let shell = Shell::of(app, session, "reviews", t("reviews.title")).await?;
    let acts = questions.iter().any(|q| q.may);
    let csrf = session.csrf.clone();
    let more = next.map(|After { at, id }| format!("/reviews?after={at}.{id}"));
    let (codes, reads) = (codes(), session.may(Act::ReadAll));
    shown(&Reviews { shell, questions, groups, notice, done, undo, reads, codes, narrowed, total, more, acts, csrf })
}

/// What several questions have in common that this person may answer, the most frequent first.
fn groups(questions: &[Question]) -> Vec<Group> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for question in questions.iter().filter(|q| q.may && q.approves && !q.because.is_empty()) {
        *counts.entry(question.because.as_str()).or_default() += 1;
    }
    let of =
        |(because, count): (&str, usize)| Group { because: because.to_owned(), word: because_word(because), count };
    let mut groups: Vec<Group> = counts.into_iter().filter(|(_, count)| *count > 1).map(of).collect();
    groups.sort_by_key(|g| std::cmp::Reverse(g.count));
    groups
}

/// Everything that one reason stopped, to answer in one gesture.
async fn together(app: &App, session: &Session, because: &str) -> Page {
    let (mut found, mut after) = (Vec::new(), After::start());
    for _ in 0..PAGES_MAX {
        let page = open(app, session, &after).await?;
        let of = |asked: &Asked| asked.review.kind == ReviewKind::Field && asked.review.because == because;
        found.extend(page.asked.into_iter().filter(of));
        match page.next {
            Some(next) if found.len() < TOGETHER_MAX => after = next,
            _ => break,
        }
    }
    found.truncate(TOGETHER_MAX);
    let mut questions = lines(app, session, &found).await?;
    questions.retain(|q| q.may);
    let most = (found.len() >= TOGETHER_MAX).then_some(TOGETHER_MAX);
    let shell = Shell::of(app, session, "reviews", t("reviews.title")).await?;
    let acts = !questions.is_empty();
    let (word, csrf) = (because_word(because), session.csrf.clone());
    shown(&Together { shell, word, questions, codes: codes(), acts, csrf, most })
}

async fn lines(app: &App, session: &Session, found: &[Asked]) -> Result<Vec<Question>, Problem> {
    let contract = app.engine.contract(&session.account).await?;
    let facts = app.engine.facts(&session.account).await?;
    let rules = contract.as_ref().map(|(_, c)| c.as_ref());
    let mut questions = Vec::with_capacity(found.len());
    for asked in found {
        let text = context(app, session, &asked.review).await?;
        let may = session.may(act_of(&asked.review, &facts.contract));
        let does = foreseen(app, session, asked).await?;
        questions.push(Question { may, ..line(app, session, rules, asked, &does, text.as_deref()) });
    }
    Ok(questions)
}

/// What each choice would do: yes, no, and each of those to pick from.
struct Does {
    yes: Foreseen,
    no: Foreseen,
    picks: Vec<Foreseen>,
}

async fn foreseen(app: &App, session: &Session, asked: &Asked) -> Result<Does, Problem> {
    if asked.review.kind == ReviewKind::SpotCheck {
        // Nothing is decided by a verdict.
        return Ok(Does { yes: Foreseen::default(), no: Foreseen::default(), picks: Vec::new() });
    }
    let reject = Choice::Reject { reason: String::new(), code: Some(RejectCode::Other) };
    let picks = asked.review.choices.iter().map(|(id, _)| Choice::Pick { id: id.clone() });
    let choices: Vec<Choice> = [Choice::Approve, reject].into_iter().chain(picks).collect();
    let mut all = app.engine.foreseen(&session.account, asked, &choices).await?.into_iter();
    let mut next = || all.next().unwrap_or_default();
    let (yes, no) = (next(), next());
    Ok(Does { yes, no, picks: all.collect() })
}

/// The reasons that are offered with a no.
fn codes() -> Vec<(&'static str, &'static str)> {
    RejectCode::ALL.into_iter().map(|code| (code.word(), code_word(code))).collect()
}

fn code_word(code: RejectCode) -> &'static str {
    t(match code {
        RejectCode::Misheard => "reject.misheard",
        RejectCode::SomebodyElse => "reject.somebody_else",
        RejectCode::CrmIsRight => "reject.crm_is_right",
        RejectCode::NoDouble => "reject.no_double",
        RejectCode::NotForThisField => "reject.not_for_this_field",
        RejectCode::Other => "reject.other",
    })
}

/// What stopped a question or led to a write, in few words; one without a text is shown as it is written.
pub(crate) fn because_word(because: &str) -> String {
    let id = match because {
        "accountability" => "because.accountability",
        "autonomy" => "because.autonomy",
        "below_write_threshold" => "because.below_write_threshold",
        "decided_by_person" => "because.decided_by_person",
        "default" => "because.default",
        "not_empty" => "because.not_empty",
        "own_record" => "because.own_record",
        "owner_decides" => "because.owner_decides",
        "providers_disagree" => "because.providers_disagree",
        "sample" => "because.sample",
        "stage_change" => "because.stage_change",
        "stamp" => "because.stamp",
        "unclear_identity" => "because.unclear_identity",
        "unclear_source" => "because.unclear_source",
        "weak_key" => "because.weak_key",
        "person_set_it" => "because.person_set_it",
        "protected" => "because.protected",
        "rolled_back" => "because.rolled_back",
        "suggest_only" => "because.suggest_only",
        "review_when" => "because.review_when",
        "suppressed" => "because.suppressed",
        "winner" => "because.winner",
        "write" => "because.write",
        _ => return because.replace('_', " "),
    };
    t(id).to_owned()
}

/// A key that a record agrees in with the caller, or does not.
fn key_word(key: &str) -> String {
    let id = match key {
        "phone" => "key.phone",
        "email" => "key.email",
        "email_domain" => "key.email_domain",
        "name" => "key.name",
        _ => return key.replace('_', " "),
    };
    t(id).to_owned()
}

/// Who set what the CRM holds.
pub(crate) fn set_by_words(set: &StandsBy, now: Timestamp, wall: &Wall) -> String {
    let when = |at: Option<Timestamp>| at.map_or_else(String::new, |at| format!(", {}", wall.moment(at, now)));
    match set {
        StandsBy::Machine { confidence, at } => {
            let sure = confidence.map_or_else(String::new, |c| format!(", {}", percent(c)));
            format!("{}{sure}{}", t("set_by.machine"), when(Some(*at)))
        }
        StandsBy::Approved { at } => format!("{}{}", t("set_by.approved"), when(Some(*at))),
        StandsBy::Person { at, .. } => format!("{}{}", t("set_by.person"), when(*at)),
        StandsBy::Program { at, .. } => format!("{}{}", t("set_by.program"), when(*at)),
        StandsBy::Untold => t("set_by.untold").to_owned(),
    }
}

/// The most fields that one sentence names.
const FIELDS_NAMED_MAX: usize = 3;

/// What an answer would do, in a sentence; empty when it changes nothing but that it is answered.
fn does(of: &Foreseen, contract: Option<&Contract>, now: Timestamp, wall: &Wall) -> String {
    let mut parts: Vec<String> = Vec::new();
    if of.makes_contact {
        parts.push(t("does.contact").to_owned());
    }
    for w in of.writes.iter().take(FIELDS_NAMED_MAX) {
        let word = |value: &str| value_word(feeds(contract, &w.field), value, now, wall);
        let was = w.was.as_deref().filter(|was| !was.trim().is_empty());
        let instead = was.map_or_else(String::new, |was| format!(" {} “{}”", t("does.instead"), word(was)));
        parts.push(format!("{} {} “{}”{instead}", field_word(&w.field), t("does.becomes"), word(&w.is)));
    }
    if of.writes.len() > FIELDS_NAMED_MAX {
        parts.push(format!("{} {}", of.writes.len() - FIELDS_NAMED_MAX, t("does.more_fields")));
    }
    match of.call_logs {
        0 => {}
        1 => parts.push(t("does.call").to_owned()),
        n => parts.push(format!("{n} {}", t("does.calls"))),
    }
    match (&of.owner, of.task) {
        (Some(owner), _) => parts.push(format!("{owner} {}", t("does.owns"))),
        (None, true) => parts.push(t("does.task").to_owned()),
        (None, false) => {}
    }
    if let Some(due) = of.due_at {
        parts.push(format!("{} {}", t("does.due"), wall.moment(due, now)));
    }
    match of.asks.len() {
        0 => {}
        1 => parts.push(t("does.asks_one").to_owned()),
        n => parts.push(format!("{n} {}", t("does.asks"))),
    }
    let said = parts.join("; ");
    let mut letters = said.chars();
    letters.next().map(|c| c.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

/// The transcript a question points into, unless it was erased.
async fn context(app: &App, session: &Session, review: &Review) -> Result<Option<String>, Problem> {
    let Some(evidence) = &review.evidence else { return Ok(None) };
    let (account, id) = (session.account.as_str().to_owned(), evidence.document.as_str().to_owned());
    let row = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::document_get(tx, &account, &id).await }))
        .await?;
    Ok(row.and_then(|r| r.body))
}

/// Characters of context before and after a quote.
const CONTEXT_CHARS: usize = 160;

fn around(text: Option<&str>, review: &Review) -> (String, String, String) {
    let quote = || (String::new(), review.quote.clone().unwrap_or_default(), String::new());
    let found = text.zip(review.evidence.as_ref());
    found.and_then(|(text, e)| in_context(text, e.start, e.end)).unwrap_or_else(quote)
}

/// What stands before a quote, the quote, and what follows; spans count code points. `None` where the span is not in the text.
pub(super) fn in_context(text: &str, start: u32, end: u32) -> Option<(String, String, String)> {
    let chars: Vec<char> = text.chars().collect();
    let (start, end) = (start as usize, (end as usize).min(chars.len()));
    let part = |from: usize, to: usize| chars.get(from..to).unwrap_or_default().iter().collect::<String>();
    if start >= end {
        return None;
    }
    let from = start.saturating_sub(CONTEXT_CHARS);
    let to = (end + CONTEXT_CHARS).min(chars.len());
    let dots = |cut: bool| if cut { "…" } else { "" };
    let before = format!("{}{}", dots(from > 0), part(from, start));
    let after = format!("{}{}", part(end, to), dots(to < chars.len()));
    Some((before, part(start, end), after))
}

/// Whom a workflow's question is about, where no number and no name says so.
pub(super) fn subject(inquiry: &Inquiry) -> Option<String> {
    let (_, subject) = inquiry.subject()?;
    let record = || inquiry.contact.as_ref().map(|c| &c.record).or(subject.record.as_ref());
    subject.email.clone().or_else(|| Some(format!("{} {}", t("review.record"), record()?)))
}

/// What a yes and a no do where the step itself has nothing to show.
fn plainly(kind: ReviewKind) -> (&'static str, &'static str) {
    match kind {
        ReviewKind::Field => (t("review.field_yes"), t("review.field_no")),
        ReviewKind::Match => (t("review.match_yes"), t("review.match_no")),
        ReviewKind::OwnerTie | ReviewKind::OwnerChange => (t("review.owner_yes"), t("review.owner_no")),
        ReviewKind::NoNumber => (t("review.number_yes"), t("review.number_no")),
        ReviewKind::AmbiguousVoicemail => (t("review.voicemail_yes"), t("review.voicemail_no")),
        ReviewKind::UnknownLocation => (t("review.location_yes"), t("review.location_no")),
        ReviewKind::Doubled => (t("review.doubled_yes"), t("review.doubled_no")),
        ReviewKind::SpotCheck => (t("spot.yes"), t("spot.no")),
    }
}

/// How the call ended and who it was; a workflow's record had no call.
fn about(inquiry: &Inquiry) -> String {
    let known = super::cards::known(inquiry);
    if inquiry.workflow().is_some() {
        return known;
    }
    let call = inquiry.last_call().map(|c| t(category(&c.category)).to_owned()).unwrap_or_default();
    format!("{call} · {known}")
}

/// Who offered a value, and as of when; empty where no provider did.
pub(super) fn offered_by(source: &Source, now: Timestamp, wall: &Wall) -> String {
    match source {
        Source::Provider { name, as_of } => format!("{name}, {} {}", t("review.as_of"), wall.moment(*as_of, now)),
        Source::Words | Source::Decision | Source::Person => String::new(),
    }
}

fn line(
    app: &App,
    session: &Session,
    contract: Option<&Contract>,
    asked: &Asked,
    foreseen: &Does,
    text: Option<&str>,
) -> Question {
    let (review, inquiry) = (&asked.review, asked.inquiry.as_ref());
    let (now, wall) = (app.engine.now(), session.wall(inquiry.location.as_ref()));
    let from = feeds(contract, review.field.as_deref().unwrap_or_default());
    let value = |v: &String| value_word(from, v, now, &wall);
    let place = inquiry.location.as_ref().and_then(|l| session.roster.location(l)).map(|l| l.name.clone());
    let who = super::cards::name(inquiry).or_else(|| super::cards::phone(inquiry)).or_else(|| subject(inquiry));
    let (before, quote, after) = around(text, review);
    let (yes, no) = plainly(review.kind);
    let field = review.kind == ReviewKind::Field;
    let checks = review.kind == ReviewKind::SpotCheck;
    let current = review.current.as_ref().filter(|c| !c.trim().is_empty()).map(value);
    let said = |of: &Foreseen, plain: &str| match does(of, contract, now, &wall) {
        said if said.is_empty() => plain.to_owned(),
        said if field => format!("{said}; {}", t("does.read_back")),
        said => said,
    };
    let no_said = match (&current, field) {
        (Some(current), true) => format!("{} “{current}”; {}", t("does.keeps"), t("does.not_again")),
        (None, true) if review.proposed.is_some() => format!("{}; {}", t("does.stays_empty"), t("does.not_again")),
        _ => said(&foreseen.no, no),
    };
    let (yes_word, no_word) = match review.kind {
        ReviewKind::AmbiguousVoicemail => (t("button.worth_it"), t("button.not_worth_it")),
        ReviewKind::SpotCheck => (t("spot.right"), t("spot.wrong")),
        _ => (t("button.approve"), t("button.reject")),
    };
    let (edit_label, edit_word) = match review.kind {
        ReviewKind::NoNumber => (t("review.number"), t("button.use_number")),
        ReviewKind::SpotCheck => (t("spot.right_value"), t("spot.wrong_is")),
        _ => (t("review.value"), t("button.edit")),
    };
    let keys = |all: &[String]| all.iter().map(|k| key_word(k)).collect::<Vec<_>>().join(", ");
    let pick = |(at, (id, label)): (usize, &(String, String))| {
        let candidate = review.candidates.iter().find(|c| c.record == *id);
        Pick {
            id: id.clone(),
            label: label.clone(),
            agreed: candidate.map_or_else(String::new, |c| keys(&c.agreed)),
            disagreed: candidate.map_or_else(String::new, |c| keys(&c.disagreed)),
            does: foreseen.picks.get(at).map_or_else(String::new, |of| does(of, contract, now, &wall)),
        }
    };
    Question {
        id: review.id.as_str().to_owned(),
        digest: review.digest.clone(),
        inquiry: inquiry.id.as_str().to_owned(),
        who: who.unwrap_or_else(|| t("card.no_caller").to_owned()),
        question: question(review, contract, now, &wall),
        about: about(inquiry),
        workflow: review.workflow.map_or_else(String::new, |w| w.about().title.to_owned()),
        provider: offered_by(&review.source, now, &wall),
        place: place.unwrap_or_else(|| t("card.no_location").to_owned()),
        proposed: review.proposed.as_ref().filter(|_| !field && !checks).map(value),
        holds: review.proposed.is_some() && !checks,
        set_by: review.set_by.as_ref().map(|set| set_by_words(set, now, &wall)),
        current,
        // A decision of Ringback itself is not something the caller said.
        sure: review.confidence.filter(|_| review.evidence.is_some() || review.source.as_of().is_some()).map(percent),
        before,
        quote,
        after,
        reason: review.reason.clone(),
        clause: review.clause.clone(),
        version: review.contract.as_ref().map(|c| format!("{} {}", c.name, c.version)).unwrap_or_default(),
        // Said once is enough.
        winner: Some(review.sentence.clone())
            .filter(|s| !s.is_empty())
            .or_else(|| contract?.explain(review.field.as_ref()?))
            .filter(|w| !review.reason.contains(w.as_str()))
            .unwrap_or_default(),
        raw: review.proposed.clone().unwrap_or_default(),
        picks: review.choices.iter().enumerate().map(pick).collect(),
        options: options(contract, review.field.as_deref().unwrap_or_default()),
        may: false,
        next: String::new(),
        yes_word,
        no_word,
        edit_label,
        edit_word,
        approves: review.choices.is_empty() && matches!(review.kind, ReviewKind::Field | ReviewKind::OwnerChange)
            || matches!(review.kind, ReviewKind::AmbiguousVoicemail | ReviewKind::SpotCheck),
        edits: matches!(review.kind, ReviewKind::Field | ReviewKind::NoNumber | ReviewKind::SpotCheck),
        merges: matches!(review.kind, ReviewKind::Match | ReviewKind::Doubled),
        waiting: lasting(app.engine.now().as_second() - review.opened_at.as_second()),
        yes: said(&foreseen.yes, yes),
        no: no_said,
        plain: field && foreseen.yes.only_writes(review.field.as_deref().unwrap_or_default()),
        because: if field { review.because.clone() } else { String::new() },
    }
}

/// The most characters of an edited value or a reason.
const TEXT_CHARS_MAX: usize = 2_000;

/// What the form chose.
fn choice(fields: &Fields) -> Result<Choice, Problem> {
    let text = |name: &str| fields.get(name).chars().take(TEXT_CHARS_MAX).collect::<String>();
    let needed = |name: &'static str| {
        Some(text(name)).filter(|v| !v.is_empty()).ok_or_else(|| Problem::bad_parameter(name, t("review.needed")))
    };
    match fields.get("choice") {
        "approve" => Ok(Choice::Approve),
        "edit" => Ok(Choice::Edit { value: needed("value")? }),
        "reject" => {
            // A reason that nobody knows is no reason: it would be counted as none, and nobody would learn of it.
            let code = match fields.get("code") {
                "" => None,
                word => Some(RejectCode::of(word).ok_or_else(|| unknown_code(word))?),
            };
            let choice = Choice::Reject { reason: text("reason"), code };
            choice
                .why_not()
                .is_some()
                .then_some(choice)
                .ok_or_else(|| Problem::bad_parameter("reason", t("review.needed")))
        }
        "pick" => Ok(Choice::Pick { id: needed("id")? }),
        other => Err(Problem::bad_parameter("choice", &format!("{other:?} is none of approve, edit, reject, pick"))),
    }
}

fn unknown_code(word: &str) -> Problem {
    let known = RejectCode::ALL.map(RejectCode::word).join(", ");
    Problem::bad_parameter("code", &format!("{word:?} is none of {known}"))
}

/// `POST /reviews/{id}`: the digest in the form says what exactly was shown.
pub(crate) async fn decide(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    let review = ReviewId::from_text(id);
    let inquiry = visible(&app, &session, &review).await?;
    may_decide(&app, &session, &review).await?;
    let choice = choice(&fields)?;
    match app.engine.decide_review(&session.account, &review, fields.get("digest"), choice, &session.user).await {
        // Not taken: what stands there now is shown with the question that is asked about it.
        Err(Error::Late(late)) => {
            let notice = notice(&app, &session, &late, &inquiry).await?;
            let one = Some(inquiry.id.as_str());
            let page = listed(&app, &session, one, &After::start(), Some(notice), (String::new(), None)).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        decided => {
            decided?;
            if app.engine.called_wrong(&session.account, &review).await?.is_some() {
                return Ok(Redirect::to(&format!("/reviews?wrong={review}")).into_response());
            }
            Ok(back(&fields.0, "/reviews"))
        }
    }
}

async fn notice(app: &App, session: &Session, late: &Late, inquiry: &Inquiry) -> Result<Notice, Problem> {
    let contract = app.engine.contract(&session.account).await?;
    let rules = contract.as_ref().map(|(_, c)| c.as_ref());
    let (now, wall) = (app.engine.now(), session.wall(inquiry.location.as_ref()));
    let field = late.asked.as_ref().and_then(|r| r.field.clone());
    let from = feeds(rules, field.as_deref().unwrap_or_default()).to_owned();
    let word = |value: &String| value_word(&from, value, now, &wall);
    let holds = |held: &String| match held.trim() {
        "" => t("review.nothing").to_owned(),
        _ => word(held),
    };
    Ok(Notice {
        why: t(match late.by {
            Overtaken::Moved => "late.moved",
            Overtaken::Answered => "late.answered",
        })
        .to_owned(),
        field: field.as_deref().map(field_word),
        holds: late.holds.as_ref().map(holds),
        set_by: late.set_by.as_ref().map(|set| set_by_words(set, now, &wall)),
        proposed: late.asked.as_ref().and_then(|r| r.proposed.as_ref()).map(word),
        again: late.asked.as_ref().map(|r| r.id.as_str().to_owned()),
    })
}

/// How a form names one of many: its name is this and the question, its value the digest that was shown.
const ITEM: &str = "item:";

/// `POST /reviews/together`: the same answer to many that one reason stopped; each is bound to the digest that was shown.
pub(crate) async fn decide_together(State(app): State<App>, session: Session, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    let choice = choice(&fields)?;
    let item =
        |(name, digest): (&String, &String)| Some((ReviewId::from_text(name.strip_prefix(ITEM)?), digest.clone()));
    let mut items: Vec<(ReviewId, String)> = fields.0.iter().filter_map(item).collect();
    items.sort();
    if items.is_empty() {
        return Err(Problem::bad_parameter("item", t("together.none")).into());
    }
    let may = |inquiry: &Inquiry, act| session.sees(inquiry.location.as_ref()) && session.may(act);
    let became = app.engine.decide_reviews(&session.account, &items, &choice, &session.user, &may).await?;
    let done = became.iter().filter(|(_, b)| *b == Became::Done).count();
    let refused: Vec<_> = became.iter().filter(|(_, b)| *b != Became::Done).collect();
    let approved = choice == Choice::Approve;
    if refused.is_empty() {
        let way = if approved { "approved" } else { "rejected" };
        return Ok(Redirect::to(&format!("/reviews?{way}={done}")).into_response());
    }
    let mut not = Vec::with_capacity(refused.len());
    for (id, became) in refused {
        let of = asked(&app, &session, id).await?;
        let of = of.as_ref();
        let who = of.and_then(|a| super::cards::name(&a.inquiry).or_else(|| super::cards::phone(&a.inquiry)));
        let field = of.and_then(|a| a.review.field.as_deref()).map(field_word).unwrap_or_default();
        let why = match became {
            Became::Late { now } => match of {
                Some(asked) => {
                    let told = notice(&app, &session, now, &asked.inquiry).await?;
                    let holds = told.holds.map_or_else(String::new, |h| format!(": {} {h}", t("late.holds")));
                    format!("{}{holds}", told.why)
                }
                None => now.to_string(),
            },
            Became::NotYours => t("review.not_yours").to_owned(),
            Became::Missing | Became::Done => t("together.missing").to_owned(),
        };
        not.push((who.unwrap_or_else(|| t("card.no_caller").to_owned()), field, why));
    }
    let shell = Shell::of(&app, &session, "reviews", t("reviews.title")).await?;
    let page = shown(&Told { shell, done, approved, not })?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// Which right it takes depends on what is asked: a field that somebody answers for is not every coordinator's to decide.
async fn may_decide(app: &App, session: &Session, review: &ReviewId) -> Result<(), Problem> {
    let act = app.engine.act_of_review(&session.account, review).await?;
    session.need(act.ok_or_else(|| Problem::missing("review of that name"))?)
}

async fn stored(app: &App, session: &Session, review: &ReviewId) -> Result<Option<ReviewRow>, Problem> {
    let (account, id) = (session.account.as_str().to_owned(), review.as_str().to_owned());
    let read =
        app.engine.store().read(move |tx| Box::pin(async move { ringback_store::review_get(tx, &account, &id).await }));
    Ok(read.await?)
}

async fn visible(app: &App, session: &Session, review: &ReviewId) -> Result<Inquiry, Problem> {
    let row = stored(app, session, review).await?.ok_or_else(|| Problem::missing("review of that name"))?;
    let inquiry = app.engine.inquiry(&session.account, &InquiryId::from_text(row.inquiry)).await?;
    session.visible(inquiry)
}

/// A question of this person's, open or not, as it was asked.
async fn asked(app: &App, session: &Session, id: &ReviewId) -> Result<Option<Asked>, Problem> {
    let Some(row) = stored(app, session, id).await? else { return Ok(None) };
    let inquiry = app.engine.inquiry(&session.account, &InquiryId::from_text(row.inquiry)).await?;
    let Some(inquiry) = inquiry.filter(|i| session.sees(i.location.as_ref())) else { return Ok(None) };
    let review = serde_json::from_str(&row.body).ok();
    Ok(review.map(|review| Asked { review, inquiry: Arc::new(inquiry) }))
}
