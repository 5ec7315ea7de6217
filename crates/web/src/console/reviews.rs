//! *Reviews*: one caller after the other, whoever loses most by waiting first, as on *Today*. Above a caller's questions stands once what was said; below it
//! each decision with what it needs: value, confidence, current value and who set it, the rule that stopped it, and what each choice would do. What one
//! reason stopped is also answered in one gesture, across callers.

use super::cards::{Around, Card, card, how_sure, phone, readable_number};
use super::words::{field_value, field_word, options};
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
use ringback_core::contract::{Autonomy, Contract, percent};
use ringback_core::id::{InquiryId, ReviewId};
use ringback_core::identity::Candidate;
use ringback_core::inquiry::{Choice, Foreseen, HeldClaim, Inquiry, RejectCode, Review, ReviewKind, StandsBy};
use ringback_core::plan::Evidence;
use ringback_core::plan::Source;
use ringback_core::rights::Act;
use ringback_engine::Error;
use ringback_engine::facts::AccountFacts;
use ringback_engine::inquire::act_of;
use ringback_engine::reviews::{Asked, Became, Late, Overtaken, TOGETHER_MAX};
use ringback_store::{After, ReviewRow};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Questions on one page, so that it comes at once on a telephone; a caller's are not parted.
const REVIEWS_MAX: usize = 30;
/// Questions read at once, and how often: whoever loses most by waiting comes first, so all of them are looked at.
const READ_MAX: u32 = 200;
const READS_MAX: usize = 10;

/// One caller with their questions.
struct Caller {
    card: Card,
    /// By name, else by number, else by what is known of them.
    who: String,
    /// A workflow's record: nobody called.
    workflow: bool,
    /// Somebody has to call them back, and a clock runs until then; of whoever was reached something may still be asked.
    waits: bool,
    /// What was said, once, with the words that the questions are about marked.
    heard: Vec<Piece>,
    questions: Vec<Question>,
}

/// A piece of what was said.
struct Piece {
    text: String,
    /// Somebody decides about these words.
    marked: bool,
    /// Which fields they are about.
    about: String,
}

/// One question.
struct Question {
    id: String,
    digest: String,
    inquiry: String,
    who: String,
    question: String,
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
    /// What the caller said of who they are, where that is asked.
    said: Vec<(String, String)>,
    reason: String,
    /// Where the rule that stopped it is read; empty for whoever may not open it.
    rule: String,
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
    edit_label: String,
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
    /// A yes puts nothing in place of a value that stands there.
    spares: bool,
}

/// One of several to choose.
struct Pick {
    id: String,
    label: String,
    /// What this record holds of who the caller is, and whether that agrees with what was said.
    facts: Vec<Fact>,
    does: String,
}

/// A key of a person, as one record holds it.
struct Fact {
    key: String,
    value: String,
    agrees: bool,
    /// Whether it agrees; empty where nothing was said to compare it with.
    word: String,
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
    callers: Vec<Caller>,
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
    /// How many are open, of those that this person may see, and of how many callers.
    total: String,
    /// Where the next page begins.
    more: Option<String>,
    /// More are open than were looked at.
    left_out: bool,
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
    /// Some of them would overwrite a value.
    overwrites: bool,
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

/// What a page of questions is made with.
struct Desk<'a> {
    app: &'a App,
    session: &'a Session,
    facts: Arc<AccountFacts>,
    contract: Option<Arc<Contract>>,
}

impl<'a> Desk<'a> {
    async fn of(app: &'a App, session: &'a Session) -> Result<Self, Problem> {
        let facts = app.engine.facts(&session.account).await?;
        let contract = app.engine.contract(&session.account).await?.map(|(_, contract)| contract);
        Ok(Self { app, session, facts, contract })
    }

    fn rules(&self) -> Option<&Contract> {
        self.contract.as_deref()
    }

    fn currency(&self, inquiry: &Inquiry) -> Option<&str> {
        currency(self.session, inquiry)
    }

    /// The level that holds for what a question is about; `None` where the workflow that asks has its own.
    fn level(&self, asked: &Asked) -> Option<Autonomy> {
        let (contract, slug) = (self.rules()?, self.slug(&asked.inquiry));
        let rule = contract.fields.get(asked.review.field.as_deref()?)?;
        asked.review.workflow.is_none().then(|| contract.holds(rule, slug, &self.facts.standing.levels))
    }

    fn slug(&self, inquiry: &Inquiry) -> &str {
        let place = inquiry.location.as_ref().and_then(|id| self.session.roster.location(id));
        place.map_or("", |place| place.slug.as_str())
    }

    fn may(&self, review: &Review) -> bool {
        self.session.may(act_of(review, &self.facts.contract))
    }

    fn card(&self, inquiry: &Inquiry) -> Card {
        card(inquiry, &Around { session: self.session, contract: self.rules(), now: self.app.engine.now() })
    }
}

/// How one caller stands to another in the order in which they lose by waiting; whoever nobody has to call back comes last.
fn order(inquiry: &Inquiry, card: &Card) -> (bool, super::cards::Order, String) {
    (!inquiry.open(), card.order, card.id.clone())
}

/// The currency in which the place of an inquiry counts.
pub(crate) fn currency<'s>(session: &'s Session, inquiry: &Inquiry) -> Option<&'s str> {
    let place = inquiry.location.as_ref().and_then(|id| session.roster.location(id))?;
    Some(place.currency.as_str()).filter(|currency| !currency.is_empty())
}

/// The open reviews that this person may see, with the inquiry of each; and whether there are more than are looked at.
async fn open(app: &App, session: &Session) -> Result<(Vec<Asked>, bool), Problem> {
    let (mut found, mut after) = (Vec::new(), After::start());
    for _ in 0..READS_MAX {
        let locations = session.locations.as_deref();
        let page = app.engine.open_reviews(&session.account, None, locations, READ_MAX, &after).await?;
        found.extend(page.asked);
        match page.next {
            Some(next) => after = next,
            None => return Ok((found, false)),
        }
    }
    Ok((found, true))
}

/// One caller's open questions; none where the caller is none of this person's.
async fn of_one(app: &App, session: &Session, id: &str) -> Result<Vec<Asked>, Problem> {
    let inquiry = app.engine.inquiry(&session.account, &InquiryId::from_text(id)).await?;
    let Some(inquiry) = inquiry.filter(|i| session.sees(i.location.as_ref())) else { return Ok(Vec::new()) };
    Ok(app.engine.open_reviews_of(&session.account, &Arc::new(inquiry)).await?)
}

/// By caller, whoever loses most by waiting first; of one caller first who it is and what else stands before the values, then the urgency.
fn by_caller(around: &Desk<'_>, found: Vec<Asked>) -> Vec<(Card, Vec<Asked>)> {
    let mut of: BTreeMap<InquiryId, Vec<Asked>> = BTreeMap::new();
    for asked in found {
        of.entry(asked.inquiry.id.clone()).or_default().push(asked);
    }
    let mut callers: Vec<_> = of
        .into_values()
        .filter_map(|mut asked| {
            let inquiry = asked.first()?.inquiry.clone();
            let place = |a: &Asked| {
                let urgency = a.review.field.as_deref() == Some("urgency");
                let of_value = matches!(a.review.kind, ReviewKind::Field | ReviewKind::SpotCheck);
                (of_value, !urgency, a.review.opened_at, a.review.id.clone())
            };
            asked.sort_by_key(place);
            let card = around.card(&inquiry);
            Some((order(&inquiry, &card), card, asked))
        })
        .collect();
    callers.sort_by(|a, b| a.0.cmp(&b.0));
    callers.into_iter().map(|(_, card, asked)| (card, asked)).collect()
}

/// What is asked, in one sentence. An amount that says no currency is in the one of the place.
pub(crate) fn question(
    review: &Review,
    contract: Option<&Contract>,
    currency: Option<&str>,
    now: Timestamp,
    wall: &Wall,
) -> String {
    match review.kind {
        ReviewKind::Field => {
            let name = review.field.as_deref().unwrap_or_default();
            let field = field_word(name);
            let word = |value: &str| field_value(contract, name, value, currency, (now, wall));
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
            let value = review.proposed.as_deref().map(|v| field_value(contract, name, v, currency, (now, wall)));
            format!("{}: {}, “{}”?", t("spot.question"), field_word(name), value.unwrap_or_default())
        }
    }
}

/// `GET /reviews`: `inquiry`, `because`, `page`.
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
    let page = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    listed(&app, &session, only, page, None, (done, undo)).await
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

/// `15 questions · 6 callers`.
fn total_word(questions: usize, callers: usize, more: bool) -> String {
    let word = |n: usize, one, many| if n == 1 { t(one) } else { t(many) };
    let plus = if more { "+" } else { "" };
    format!(
        "{questions}{plus} {} \u{b7} {callers}{plus} {}",
        word(questions, "reviews.question", "reviews.questions"),
        word(callers, "reviews.caller", "reviews.callers")
    )
}

/// The page of one caller's questions, or of all.
async fn listed(
    app: &App,
    session: &Session,
    only: Option<&str>,
    page: usize,
    notice: Option<Notice>,
    (done, undo): (String, Option<String>),
) -> Page {
    let around = Desk::of(app, session).await?;
    let (found, left_out) = match only {
        Some(only) => (of_one(app, session, only).await?, false),
        None => open(app, session).await?,
    };
    let questions = found.len();
    let groups = groups(&around, &found);
    let mut callers = by_caller(&around, found);
    let total = total_word(questions, callers.len(), left_out);
    // The question about what stands there now comes before the others.
    if let Some(again) = notice.as_ref().and_then(|n| n.again.as_ref()) {
        for (_, asked) in &mut callers {
            asked.sort_by_key(|a| a.review.id.as_str() != again);
        }
    }
    // After a decision the page goes on with the next question, and keeps to the caller it was opened for.
    let narrowed = only.is_some();
    let only = only.filter(|_| !callers.is_empty());
    let (callers, page, more) = page_of(callers, page);
    let here = match (only, page) {
        (Some(id), _) => format!("/reviews?inquiry={id}"),
        (None, 1) => "/reviews".to_owned(),
        (None, page) => format!("/reviews?page={page}"),
    };
    let mut shown_callers = Vec::with_capacity(callers.len());
    for (card, asked) in callers {
        shown_callers.push(caller(&around, card, asked).await?);
    }
    let mut callers = shown_callers;
    let ids: Vec<String> = callers.iter().flat_map(|c| &c.questions).map(|q| q.id.clone()).collect();
    for (at, question) in callers.iter_mut().flat_map(|c| &mut c.questions).enumerate() {
        let next = ids.get(at + 1).or_else(|| at.checked_sub(1).and_then(|before| ids.get(before)));
        question.next = next.map_or_else(|| here.clone(), |id| format!("{here}#{id}"));
    }
    let shell = Shell::of(app, session, "reviews", t("reviews.title")).await?;
    let acts = callers.iter().flat_map(|c| &c.questions).any(|q| q.may);
    let csrf = session.csrf.clone();
    let more = more.then(|| format!("/reviews?page={}", page + 1));
    let (codes, reads) = (codes(), session.may(Act::ReadAll));
    shown(&Reviews {
        shell,
        callers,
        groups,
        notice,
        done,
        undo,
        reads,
        codes,
        narrowed,
        total,
        more,
        left_out,
        acts,
        csrf,
    })
}

/// The callers of that page, the first being 1, with its number, and whether others follow; of a page behind the last one, such as it is after its last
/// question was answered, those of the last there is.
fn page_of<C, Q>(callers: Vec<(C, Vec<Q>)>, page: usize) -> (Vec<(C, Vec<Q>)>, usize, bool) {
    let (mut at, mut held, mut out) = (1, 0, Vec::new());
    for (card, asked) in callers {
        if held > 0 && held + asked.len() > REVIEWS_MAX {
            if at == page.max(1) {
                return (out, at, true);
            }
            (at, held) = (at + 1, 0);
            out.clear();
        }
        held += asked.len();
        out.push((card, asked));
    }
    (out, at, false)
}

/// What several questions have in common that this person may answer, the most frequent first.
fn groups(around: &Desk<'_>, found: &[Asked]) -> Vec<Group> {
    let mut of: BTreeMap<&str, Vec<&Asked>> = BTreeMap::new();
    for asked in found {
        let review = &asked.review;
        if review.kind == ReviewKind::Field && !review.because.is_empty() && around.may(review) {
            of.entry(review.because.as_str()).or_default().push(asked);
        }
    }
    let group = |(because, asked): (&str, Vec<&Asked>)| Group {
        because: because.to_owned(),
        word: because_of(around, because, &asked),
        count: asked.len(),
    };
    let mut groups: Vec<Group> = of.into_iter().filter(|(_, asked)| asked.len() > 1).map(group).collect();
    groups.sort_by_key(|g| std::cmp::Reverse(g.count));
    groups
}

/// What stopped these questions, in few words; where it was the level, by its name.
fn because_of(around: &Desk<'_>, because: &str, asked: &[&Asked]) -> String {
    let said = because_word(because);
    if because != "autonomy" {
        return said;
    }
    let levels: BTreeSet<Option<Autonomy>> = asked.iter().map(|a| around.level(a)).collect();
    let words: Vec<&str> = levels.iter().flatten().map(|level| level.word()).collect();
    match words.as_slice() {
        [] => said,
        some => format!("{said} ({} {})", t("because.level"), some.join(", ")),
    }
}

/// Everything that one reason stopped, to answer in one gesture.
async fn together(app: &App, session: &Session, because: &str) -> Page {
    let around = Desk::of(app, session).await?;
    let (found, _) = open(app, session).await?;
    let of = |asked: &Asked| {
        asked.review.kind == ReviewKind::Field && asked.review.because == because && around.may(&asked.review)
    };
    let callers = by_caller(&around, found.into_iter().filter(of).collect());
    let mut found: Vec<Asked> = callers.into_iter().flat_map(|(_, asked)| asked).collect();
    let most = (found.len() >= TOGETHER_MAX).then_some(TOGETHER_MAX);
    found.truncate(TOGETHER_MAX);
    let word = because_of(&around, because, &found.iter().collect::<Vec<_>>());
    let mut texts = Texts::default();
    let mut questions = Vec::with_capacity(found.len());
    for asked in &found {
        questions.push(line(&around, &mut texts, asked).await?);
    }
    let overwrites = questions.iter().any(|q| !q.spares);
    let shell = Shell::of(app, session, "reviews", t("reviews.title")).await?;
    let acts = !questions.is_empty();
    let csrf = session.csrf.clone();
    shown(&Together { shell, word, questions, codes: codes(), acts, csrf, most, overwrites })
}

/// What was said, by document; each is read once for a page.
#[derive(Default)]
struct Texts(HashMap<String, Option<Arc<str>>>);

impl Texts {
    /// A transcript, unless it was erased.
    async fn of(&mut self, around: &Desk<'_>, document: &str) -> Result<Option<Arc<str>>, Problem> {
        if let Some(held) = self.0.get(document) {
            return Ok(held.clone());
        }
        let (account, id) = (around.session.account.as_str().to_owned(), document.to_owned());
        let read = around
            .app
            .engine
            .store()
            .read(move |tx| Box::pin(async move { ringback_store::document_get(tx, &account, &id).await }));
        let text: Option<Arc<str>> = read.await?.and_then(|row| row.body).map(Arc::from);
        self.0.insert(document.to_owned(), text.clone());
        Ok(text)
    }
}

/// One caller: what was said, once, and the questions.
async fn caller(around: &Desk<'_>, card: Card, asked: Vec<Asked>) -> Result<Caller, Problem> {
    let mut texts = Texts::default();
    let mut questions = Vec::with_capacity(asked.len());
    for one in &asked {
        questions.push(line(around, &mut texts, one).await?);
    }
    let inquiry = asked.first().map(|a| a.inquiry.clone());
    let words = inquiry.as_deref().map(|inquiry| pointed_at(inquiry, &asked)).unwrap_or_default();
    let document = most_of(&words);
    let text = match &document {
        Some(document) => texts.of(around, document).await?,
        None => None,
    };
    let heard = match (&document, text) {
        (Some(document), Some(text)) => {
            let marks = words.iter().filter(|(e, _)| e.document.as_str() == document);
            let marks = marks.map(|(e, about)| (e.start as usize..e.end as usize, about.clone())).collect();
            // Said once is enough: above the questions.
            for (question, one) in questions.iter_mut().zip(&asked) {
                let there = |e: &Evidence| e.document.as_str() == document;
                if one.review.evidence.as_ref().is_some_and(there) {
                    (question.before, question.quote, question.after) = Default::default();
                }
            }
            marked(&text, marks)
        }
        _ => Vec::new(),
    };
    let workflow = inquiry.as_ref().is_some_and(|i| i.workflow().is_some());
    let waits = inquiry.as_ref().is_some_and(|i| i.open());
    let who = questions.first().map(|q| q.who.clone()).unwrap_or_default();
    Ok(Caller { card, who, workflow, waits, heard, questions })
}

/// The words that a caller's questions are about, with what they are about; and where the urgency and the name were heard, which say whom to answer first.
fn pointed_at(inquiry: &Inquiry, asked: &[Asked]) -> Vec<(Evidence, String)> {
    let mut words = Vec::new();
    for Asked { review, .. } in asked {
        let about = review.field.as_deref().map(field_word).unwrap_or_default();
        words.extend(review.evidence.clone().map(|evidence| (evidence, about)));
    }
    let claim = |field: &str| inquiry.claims.get(field).filter(|c| !c.quote.trim().is_empty());
    let mut also = |field: &'static str| {
        words.extend(claim(field).map(|c: &HeldClaim| (c.evidence.clone(), field_word(field))));
    };
    if inquiry.urgent() {
        also("urgency");
    }
    if asked.iter().any(|a| matches!(a.review.kind, ReviewKind::Match | ReviewKind::NoNumber)) {
        ["caller_name", "email", "callback_number"].into_iter().for_each(also);
    }
    if words.is_empty() {
        words.extend(super::cards::voice(inquiry).map(|c| (c.evidence.clone(), String::new())));
    }
    words
}

/// The document that most of it points into; of equally many the first by id.
fn most_of(words: &[(Evidence, String)]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (evidence, _) in words {
        *counts.entry(evidence.document.as_str()).or_default() += 1;
    }
    let most = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)));
    most.map(|(document, _)| document.to_owned())
}

/// A text with those places marked, each once; what lies far from all of them is left out. Places are in characters.
fn marked(text: &str, mut places: Vec<(Range<usize>, String)>) -> Vec<Piece> {
    let chars: Vec<char> = text.chars().collect();
    places.retain(|(place, _)| place.start < place.end.min(chars.len()));
    places.sort_by_key(|(place, _)| (place.start, place.end));
    let mut joined: Vec<(Range<usize>, Vec<String>)> = Vec::new();
    for (place, about) in places {
        let end = place.end.min(chars.len());
        match joined.last_mut().filter(|(before, _)| place.start < before.end) {
            Some((before, all)) => {
                before.end = before.end.max(end);
                if !all.contains(&about) {
                    all.push(about);
                }
            }
            None => joined.push((place.start..end, vec![about])),
        }
    }
    let part = |from: usize, to: usize| chars.get(from..to).unwrap_or_default().iter().collect::<String>();
    let plain = |text: String| Piece { text, marked: false, about: String::new() };
    let (mut pieces, mut at) = (Vec::new(), 0);
    for (place, about) in joined {
        let gap = place.start - at;
        if at > 0 && gap > 2 * CONTEXT_CHARS {
            pieces.push(plain(part(at, at + CONTEXT_CHARS) + " … " + &part(place.start - CONTEXT_CHARS, place.start)));
        } else if gap > CONTEXT_CHARS && at == 0 {
            pieces.push(plain("…".to_owned() + &part(place.start - CONTEXT_CHARS, place.start)));
        } else if gap > 0 {
            pieces.push(plain(part(at, place.start)));
        }
        let about: Vec<String> = about.into_iter().filter(|a| !a.is_empty()).collect();
        pieces.push(Piece { text: part(place.start, place.end), marked: true, about: about.join(", ") });
        at = place.end;
    }
    let end = (at + CONTEXT_CHARS).min(chars.len());
    if at > 0 && end > at {
        pieces.push(plain(part(at, end) + if end < chars.len() { "…" } else { "" }));
    }
    pieces
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

/// A key by which a record may be the caller's.
fn key_word(key: &str) -> &'static str {
    t(match key {
        "phone" => "key.phone",
        "email" => "key.email",
        _ => "key.name",
    })
}

/// Who set what the CRM holds.
pub(crate) fn set_by_words(set: &StandsBy, now: Timestamp, wall: &Wall) -> String {
    let when = |at: Option<Timestamp>| at.map_or_else(String::new, |at| format!(", {}", wall.moment(at, now)));
    match set {
        StandsBy::Machine { confidence, at } => {
            let sure = confidence.map_or_else(String::new, |c| format!(", {}", how_sure(c)));
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
fn does(of: &Foreseen, contract: Option<&Contract>, currency: Option<&str>, now: Timestamp, wall: &Wall) -> String {
    let mut parts: Vec<String> = Vec::new();
    if of.makes_contact {
        parts.push(t("does.contact").to_owned());
    }
    for w in of.writes.iter().take(FIELDS_NAMED_MAX) {
        let word = |value: &str| field_value(contract, &w.field, value, currency, (now, wall));
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

/// Who offered a value, and as of when; empty where no provider did.
pub(super) fn offered_by(source: &Source, now: Timestamp, wall: &Wall) -> String {
    match source {
        Source::Provider { name, as_of } => format!("{name}, {} {}", t("review.as_of"), wall.moment(*as_of, now)),
        Source::Words | Source::Decision | Source::Person => String::new(),
    }
}

/// What stopped a question, as a person reads it: figures and levels as they hold now.
fn stopped(desk: &Desk<'_>, asked: &Asked) -> String {
    let (review, inquiry) = (&asked.review, asked.inquiry.as_ref());
    let contract = desk.rules();
    let rule = contract.zip(review.field.as_deref()).and_then(|(c, field)| Some((c, c.fields.get(field)?)));
    match (review.kind, review.because.as_str(), rule) {
        (ReviewKind::Match, ..) if review.workflow.is_none() => t(match review.candidates.as_slice() {
            [_] => "review.match_one",
            _ => "review.match_many",
        })
        .to_owned(),
        (ReviewKind::Field, "autonomy", Some((contract, rule))) if review.workflow.is_none() => {
            contract.now(rule, desk.slug(inquiry), &desk.facts.standing.levels).unwrap_or_else(|| review.reason.clone())
        }
        (ReviewKind::Field, "below_write_threshold", Some((_, rule))) => match review.confidence {
            Some(sure) if sure < rule.write_at => {
                let low = desk.level(asked).filter(|level| *level < Autonomy::Auto);
                let at =
                    low.map_or_else(|| t("review.writes_from").to_owned(), |_| t("review.writes_at_auto").to_owned());
                format!("{} {}; {at} {}", t("review.only"), how_sure(sure), percent(rule.write_at))
            }
            _ => review.reason.clone(),
        },
        _ => review.reason.clone(),
    }
}

/// What the caller said of who they are.
fn said_of_self(inquiry: &Inquiry) -> Vec<(String, String)> {
    let of = |field: &str| {
        let value = inquiry.steering(field)?.claim.value.text();
        let quote = |value: String| format!("\u{201c}{value}\u{201d}");
        Some((field_word(field), quote(value)))
    };
    let mut said: Vec<(String, String)> = ["caller_name", "email"].into_iter().filter_map(of).collect();
    said.extend(phone(inquiry).map(|number| (t("key.phone").to_owned(), number)));
    said
}

/// What one record holds of who the caller is, and whether it agrees.
fn facts_of(desk: &Desk<'_>, inquiry: &Inquiry, id: &str, candidate: Option<&Candidate>) -> Vec<Fact> {
    let record = inquiry.snapshot.iter().flat_map(|s| &s.candidates).find(|record| record.id == id);
    let Some(contract) = desk.rules() else { return Vec::new() };
    let of = &contract.matching.properties;
    let fact = |(key, names): (&str, &Vec<String>)| {
        let held = |name: &String| {
            let value = record?.properties.get(name)?.trim();
            (!value.is_empty())
                .then(|| if value.starts_with('+') { readable_number(value, None) } else { value.to_owned() })
        };
        let mut all: Vec<String> = names.iter().filter_map(held).collect();
        if key == "phone" {
            all.dedup();
        }
        let value = all.join(if key == "name" { " " } else { ", " });
        let has = |keys: &[String], key: &str| keys.iter().any(|k| k == key);
        let (agrees, differs) = candidate.map_or((false, false), |c| (has(&c.agreed, key), has(&c.disagreed, key)));
        let domain = key == "email" && !agrees && candidate.is_some_and(|c| has(&c.agreed, "email_domain"));
        let word = match (agrees, differs, domain) {
            (true, ..) => t("review.agrees").to_owned(),
            (_, true, true) => format!("{}, {}", t("review.differs"), t("review.same_domain")),
            (_, true, false) => t("review.differs").to_owned(),
            (_, false, true) => t("review.same_domain").to_owned(),
            _ => String::new(),
        };
        let nothing = value.is_empty() && word.is_empty();
        let value = if value.is_empty() { t("review.nothing").to_owned() } else { value };
        (!nothing).then(|| Fact { key: key_word(key).to_owned(), value, agrees: agrees && !differs, word })
    };
    let keys = [("name", &of.name), ("email", &of.email), ("phone", &of.phone)];
    if record.is_none() && candidate.is_none() { Vec::new() } else { keys.into_iter().filter_map(fact).collect() }
}

async fn line(desk: &Desk<'_>, texts: &mut Texts, asked: &Asked) -> Result<Question, Problem> {
    let text = match &asked.review.evidence {
        Some(evidence) => texts.of(desk, evidence.document.as_str()).await?,
        None => None,
    };
    let foreseen = foreseen(desk.app, desk.session, asked).await?;
    Ok(worded(desk, asked, &foreseen, text.as_deref()))
}

fn worded(desk: &Desk<'_>, asked: &Asked, foreseen: &Does, text: Option<&str>) -> Question {
    let (review, inquiry) = (&asked.review, asked.inquiry.as_ref());
    let (session, contract, currency) = (desk.session, desk.rules(), desk.currency(inquiry));
    let (now, wall) = (desk.app.engine.now(), session.wall(inquiry.location.as_ref()));
    let name = review.field.as_deref().unwrap_or_default();
    let value = |v: &String| field_value(contract, name, v, currency, (now, &wall));
    let place = inquiry.location.as_ref().and_then(|l| session.roster.location(l)).map(|l| l.name.clone());
    let (before, quote, after) = around(text, review);
    let (yes, no) = plainly(review.kind);
    let field = review.kind == ReviewKind::Field;
    let checks = review.kind == ReviewKind::SpotCheck;
    let current = review.current.as_ref().filter(|c| !c.trim().is_empty()).map(value);
    let said = |of: &Foreseen, plain: &str| match does(of, contract, currency, now, &wall) {
        said if said.is_empty() => plain.to_owned(),
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
        ReviewKind::NoNumber => (t("review.number").to_owned(), t("button.use_number")),
        ReviewKind::SpotCheck => (t("spot.right_value").to_owned(), t("spot.wrong_is")),
        _ => match currency.filter(|_| feeds_money(contract, name)) {
            Some(currency) => (format!("{} ({currency})", t("review.value")), t("button.edit")),
            None => (t("review.value").to_owned(), t("button.edit")),
        },
    };
    let pick = |(at, (id, label)): (usize, &(String, String))| {
        let candidate = review.candidates.iter().find(|c| c.record == *id);
        Pick {
            id: id.clone(),
            label: label.clone(),
            facts: facts_of(desk, inquiry, id, candidate),
            does: foreseen.picks.get(at).map_or_else(String::new, |of| does(of, contract, currency, now, &wall)),
        }
    };
    let reason = stopped(desk, asked);
    // What the contract says is read on its page, by whoever may open it.
    let rule = if field && session.may(Act::ReadAll) { format!("/contract#field.{name}") } else { String::new() };
    Question {
        id: review.id.as_str().to_owned(),
        digest: review.digest.clone(),
        inquiry: inquiry.id.as_str().to_owned(),
        who: super::cards::who(inquiry),
        question: question(review, contract, currency, now, &wall),
        workflow: review.workflow.map_or_else(String::new, |w| w.about().title.to_owned()),
        provider: offered_by(&review.source, now, &wall),
        place: place.unwrap_or_else(|| t("card.no_location").to_owned()),
        proposed: review.proposed.as_ref().filter(|_| !field && !checks).map(value),
        holds: review.proposed.is_some() && !checks,
        set_by: review.set_by.as_ref().map(|set| set_by_words(set, now, &wall)),
        spares: current.is_none() || review.current == review.proposed,
        current,
        // A decision of Ringback itself is not something the caller said.
        sure: review.confidence.filter(|_| review.evidence.is_some() || review.source.as_of().is_some()).map(how_sure),
        before,
        quote,
        after,
        said: if review.kind == ReviewKind::Match { said_of_self(inquiry) } else { Vec::new() },
        rule,
        // Said once is enough.
        winner: Some(review.sentence.clone())
            .filter(|s| !s.is_empty())
            .or_else(|| contract?.explain(review.field.as_ref()?))
            .filter(|w| !reason.contains(w.as_str()))
            .unwrap_or_default(),
        reason,
        raw: review.proposed.clone().unwrap_or_default(),
        picks: review.choices.iter().enumerate().map(pick).collect(),
        options: options(contract, name),
        may: desk.may(review),
        next: String::new(),
        yes_word,
        no_word,
        edit_label,
        edit_word,
        approves: review.choices.is_empty() && matches!(review.kind, ReviewKind::Field | ReviewKind::OwnerChange)
            || matches!(review.kind, ReviewKind::AmbiguousVoicemail | ReviewKind::SpotCheck),
        edits: matches!(review.kind, ReviewKind::Field | ReviewKind::NoNumber | ReviewKind::SpotCheck),
        // One record and nobody else: there is nothing to merge.
        merges: review.kind == ReviewKind::Doubled || (review.kind == ReviewKind::Match && review.choices.len() > 2),
        waiting: lasting(now.as_second() - review.opened_at.as_second()),
        yes: said(&foreseen.yes, yes),
        no: no_said,
        plain: field && foreseen.yes.only_writes(name),
    }
}

/// Is it an amount, so that what is typed needs a currency to be understood?
fn feeds_money(contract: Option<&Contract>, field: &str) -> bool {
    contract
        .and_then(|c| c.fields.get(field))
        .is_some_and(|rule| rule.kind == ringback_core::contract::FieldType::Money)
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
            let page = listed(&app, &session, one, 1, Some(notice), (String::new(), None)).await?;
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
    let (name, currency) = (field.as_deref().unwrap_or_default(), currency(session, inquiry));
    let word = |value: &String| field_value(rules, name, value, currency, (now, &wall));
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
        let who = of.map_or_else(|| t("card.no_caller").to_owned(), |a| super::cards::who(&a.inquiry));
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
        not.push((who, field, why));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_last_question_of_the_last_page_the_page_before_it_is_shown() {
        let of = |counts: &[usize], page| {
            let callers = counts.iter().enumerate().map(|(n, count)| (n, vec![(); *count])).collect();
            let (shown, page, more) = page_of(callers, page);
            (shown.into_iter().map(|(n, _)| n).collect::<Vec<_>>(), page, more)
        };
        let counts = [20, 8, 12, 31, 1];
        assert_eq!(of(&counts, 1), (vec![0, 1], 1, true));
        assert_eq!(of(&counts, 2), (vec![2], 2, true));
        assert_eq!(of(&counts, 3), (vec![3], 3, true));
        assert_eq!(of(&counts, 4), (vec![4], 4, false));
        assert_eq!(of(&counts[..4], 4), (vec![3], 3, false), "the last there is, not an empty one");
        assert_eq!(of(&counts, 99), (vec![4], 4, false));
        assert_eq!(of(&[], 4), (vec![], 1, false), "nothing waits: that is the first page");
        assert_eq!(of(&counts, 0), (vec![0, 1], 1, true));
    }
}
