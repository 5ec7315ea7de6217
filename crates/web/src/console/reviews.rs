//! *Reviews*: one decision at a time, with everything it needs: value, evidence, confidence, current value, the rule that stopped it, the choices.

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
use jiff::Timestamp;
use ringback_core::contract::Contract;
use ringback_core::id::{InquiryId, ReviewId};
use ringback_core::inquiry::{Choice, Inquiry, Review, ReviewKind};
use ringback_engine::inquire::act_of;
use ringback_store::Before;
use std::collections::{BTreeMap, HashMap};

/// Questions on one page.
const REVIEWS_MAX: u32 = 200;

/// One question.
struct Question {
    id: String,
    digest: String,
    inquiry: String,
    who: String,
    question: String,
    about: String,
    place: String,
    /// Where the question does not name it.
    proposed: Option<String>,
    /// The CRM holds a value, or nothing, where the proposed one would stand.
    holds: bool,
    /// As the CRM would take it, to edit.
    raw: String,
    current: Option<String>,
    sure: Option<String>,
    before: String,
    quote: String,
    after: String,
    reason: String,
    clause: String,
    winner: String,
    choices: Vec<(String, String)>,
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
    waiting: String,
    yes: &'static str,
    no: &'static str,
    /// This and the others of this caller that the same rule stopped, as `id:digest`; on the first of them only.
    alike: Vec<String>,
}

#[derive(Template)]
#[template(path = "reviews.html")]
struct Reviews {
    shell: Shell,
    questions: Vec<Question>,
    /// Only one caller's questions are asked for.
    narrowed: bool,
    acts: bool,
    csrf: String,
}

/// Open reviews that this person may see, oldest first, with the inquiry of each.
pub(crate) async fn open(app: &App, session: &Session) -> Result<Vec<(Review, Inquiry)>, Problem> {
    let account = session.account.as_str().to_owned();
    let rows = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move { ringback_store::reviews_open(tx, &account, None, REVIEWS_MAX, &Before::end()).await })
        })
        .await?;
    let mut inquiries: BTreeMap<String, Option<Inquiry>> = BTreeMap::new();
    let mut out = Vec::new();
    for row in rows.into_iter().rev() {
        if !inquiries.contains_key(&row.inquiry) {
            let id = InquiryId::from_text(row.inquiry.clone());
            inquiries.insert(row.inquiry.clone(), app.engine.inquiry(&session.account, &id).await?);
        }
        let inquiry = inquiries.get(&row.inquiry).cloned().flatten();
        let Some(inquiry) = inquiry.filter(|i| session.sees(i.location.as_ref())) else { continue };
        // The inquiry knows the question as it stands now; the row's body is as it was asked.
        let standing = inquiry.reviews.iter().find(|r| r.id.as_str() == row.id).cloned();
        if let Some(review) = standing.or_else(|| serde_json::from_str(&row.body).ok()) {
            out.push((review, inquiry));
        }
    }
    Ok(out)
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
        ReviewKind::Match => t("review.match").to_owned(),
        ReviewKind::NoNumber => t("review.no_number").to_owned(),
        ReviewKind::AmbiguousVoicemail => t("review.ambiguous_voicemail").to_owned(),
        ReviewKind::OwnerTie => t("review.owner_tie").to_owned(),
        ReviewKind::OwnerChange => t("review.owner_change").to_owned(),
        ReviewKind::UnknownLocation => t("review.unknown_location").to_owned(),
        ReviewKind::Doubled => t("review.doubled").to_owned(),
    }
}

/// `GET /reviews`.
pub(crate) async fn page(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    let mut found = open(&app, &session).await?;
    if let Some(only) = query.get("inquiry") {
        found.retain(|(_, inquiry)| inquiry.id.as_str() == only);
    }
    let contract = app.engine.contract(&session.account).await?;
    let facts = app.engine.facts(&session.account).await?;
    let rules = contract.as_ref().map(|(_, c)| c.as_ref());
    let mut questions = Vec::with_capacity(found.len());
    for (review, inquiry) in &found {
        let text = context(&app, &session, review).await?;
        let may = session.may(act_of(review, &facts.contract));
        questions.push(Question { may, ..line(&app, &session, rules, review, inquiry, text.as_deref()) });
    }
    // The first of several that one rule stopped for one caller offers to approve them in one gesture.
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for at in 0..questions.len() {
        let Some(q) = questions.get(at).filter(|q| q.approves && q.may) else { continue };
        let (key, pair) = ((q.inquiry.clone(), q.reason.clone()), format!("{}:{}", q.id, q.digest));
        let first = *seen.entry(key).or_insert(at);
        if let Some(q) = questions.get_mut(first) {
            q.alike.push(pair);
        }
    }
    // After a decision the page goes on with the next question, and keeps to the caller it was opened for.
    let only = query.get("inquiry").filter(|only| found.iter().any(|(_, i)| i.id.as_str() == only.as_str()));
    let here = only.map_or_else(|| "/reviews".to_owned(), |i| format!("/reviews?inquiry={i}"));
    let ids: Vec<String> = questions.iter().map(|q| q.id.clone()).collect();
    for (at, question) in questions.iter_mut().enumerate() {
        let next = ids.get(at + 1).or_else(|| at.checked_sub(1).and_then(|before| ids.get(before)));
        question.next = next.map_or_else(|| here.clone(), |id| format!("{here}#{id}"));
    }
    let shell = Shell::of(&app, &session, "reviews", t("reviews.title")).await?;
    let narrowed = query.contains_key("inquiry");
    let acts = questions.iter().any(|q| q.may);
    shown(&Reviews { shell, questions, narrowed, acts, csrf: session.csrf.clone() })
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
    let quote = review.quote.clone().unwrap_or_default();
    let (Some(text), Some(e)) = (text, &review.evidence) else { return (String::new(), quote, String::new()) };
    let chars: Vec<char> = text.chars().collect();
    let (start, end) = (e.start as usize, (e.end as usize).min(chars.len()));
    let part = |from: usize, to: usize| chars.get(from..to).unwrap_or_default().iter().collect::<String>();
    if start >= end {
        return (String::new(), quote, String::new());
    }
    let from = start.saturating_sub(CONTEXT_CHARS);
    let to = (end + CONTEXT_CHARS).min(chars.len());
    let dots = |cut: bool| if cut { "…" } else { "" };
    let before = format!("{}{}", dots(from > 0), part(from, start));
    let after = format!("{}{}", part(end, to), dots(to < chars.len()));
    (before, part(start, end), after)
}

fn line(
    app: &App,
    session: &Session,
    contract: Option<&Contract>,
    review: &Review,
    inquiry: &Inquiry,
    text: Option<&str>,
) -> Question {
    let (now, wall) = (app.engine.now(), session.wall(inquiry.location.as_ref()));
    let from = feeds(contract, review.field.as_deref().unwrap_or_default());
    let value = |v: &String| value_word(from, v, now, &wall);
    let place = inquiry.location.as_ref().and_then(|l| session.roster.location(l)).map(|l| l.name.clone());
    let who = super::cards::name(inquiry).or_else(|| super::cards::phone(inquiry));
    let (before, quote, after) = around(text, review);
    let call = inquiry.last_call().map(|c| t(category(&c.category)).to_owned()).unwrap_or_default();
    let (yes, no) = match review.kind {
        ReviewKind::Field => (t("review.field_yes"), t("review.field_no")),
        ReviewKind::Match => (t("review.match_yes"), t("review.match_no")),
        ReviewKind::OwnerTie | ReviewKind::OwnerChange => (t("review.owner_yes"), t("review.owner_no")),
        ReviewKind::NoNumber => (t("review.number_yes"), t("review.number_no")),
        ReviewKind::AmbiguousVoicemail => (t("review.voicemail_yes"), t("review.voicemail_no")),
        ReviewKind::UnknownLocation => (t("review.location_yes"), t("review.location_no")),
        ReviewKind::Doubled => (t("review.doubled_yes"), t("review.doubled_no")),
    };
    let (yes_word, no_word) = match review.kind {
        ReviewKind::AmbiguousVoicemail => (t("button.worth_it"), t("button.not_worth_it")),
        _ => (t("button.approve"), t("button.reject")),
    };
    let (edit_label, edit_word) = match review.kind {
        ReviewKind::NoNumber => (t("review.number"), t("button.use_number")),
        _ => (t("review.value"), t("button.edit")),
    };
    Question {
        id: review.id.as_str().to_owned(),
        digest: review.digest.clone(),
        inquiry: inquiry.id.as_str().to_owned(),
        who: who.unwrap_or_else(|| t("card.no_caller").to_owned()),
        question: question(review, contract, now, &wall),
        about: format!("{call} · {}", super::cards::known(inquiry)),
        place: place.unwrap_or_else(|| t("card.no_location").to_owned()),
        proposed: review.proposed.as_ref().filter(|_| review.kind != ReviewKind::Field).map(value),
        holds: review.proposed.is_some(),
        current: review.current.as_ref().filter(|c| !c.is_empty()).map(value),
        // A decision of Ringback itself is not something the caller said.
        sure: review.confidence.filter(|_| review.evidence.is_some()).map(percent),
        before,
        quote,
        after,
        reason: review.reason.clone(),
        clause: review.clause.clone(),
        // Said once is enough.
        winner: review
            .field
            .as_ref()
            .and_then(|f| contract?.explain(f))
            .filter(|w| *w != review.reason)
            .unwrap_or_default(),
        raw: review.proposed.clone().unwrap_or_default(),
        choices: review.choices.clone(),
        options: options(contract, review.field.as_deref().unwrap_or_default()),
        may: false,
        next: String::new(),
        yes_word,
        no_word,
        edit_label,
        edit_word,
        approves: review.choices.is_empty() && matches!(review.kind, ReviewKind::Field | ReviewKind::OwnerChange)
            || review.kind == ReviewKind::AmbiguousVoicemail,
        edits: matches!(review.kind, ReviewKind::Field | ReviewKind::NoNumber),
        waiting: lasting(app.engine.now().as_second() - review.opened_at.as_second()),
        yes,
        no,
        alike: Vec::new(),
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
        "reject" => Ok(Choice::Reject { reason: needed("reason")? }),
        "pick" => Ok(Choice::Pick { id: needed("id")? }),
        other => Err(Problem::bad_parameter("choice", &format!("{other:?} is none of approve, edit, reject, pick"))),
    }
}

/// `POST /reviews/{id}`: the digest in the form says what exactly was shown.
pub(crate) async fn decide(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    if fields.get("choice") == "approve_alike" {
        // Each approval is bound to the digest that was shown; the first that has moved on ends the gesture and says so.
        for (id, digest) in fields.get("alike").split(',').filter_map(|pair| pair.split_once(':')) {
            let review = ReviewId::from_text(id);
            visible(&app, &session, &review).await?;
            may_decide(&app, &session, &review).await?;
            app.engine.decide_review(&session.account, &review, digest, Choice::Approve, &session.user).await?;
        }
        return Ok(back(&fields.0, "/reviews"));
    }
    let review = ReviewId::from_text(id);
    visible(&app, &session, &review).await?;
    may_decide(&app, &session, &review).await?;
    let choice = choice(&fields)?;
    app.engine.decide_review(&session.account, &review, fields.get("digest"), choice, &session.user).await?;
    Ok(back(&fields.0, "/reviews"))
}

/// Which right it takes depends on what is asked: a field that somebody answers for is not every coordinator's to decide.
async fn may_decide(app: &App, session: &Session, review: &ReviewId) -> Result<(), Problem> {
    let act = app.engine.act_of_review(&session.account, review).await?;
    session.need(act.ok_or_else(|| Problem::missing("review of that name"))?)
}

async fn visible(app: &App, session: &Session, review: &ReviewId) -> Result<(), Problem> {
    let (account, id) = (session.account.as_str().to_owned(), review.as_str().to_owned());
    let row = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::review_get(tx, &account, &id).await }))
        .await?
        .ok_or_else(|| Problem::missing("review of that name"))?;
    let inquiry = app.engine.inquiry(&session.account, &InquiryId::from_text(row.inquiry)).await?;
    session.visible(inquiry).map(|_| ())
}
