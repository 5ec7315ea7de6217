//! The record behind a link in the CRM: every field that Ringback wrote there, and behind each the sentence it came from, the clause, the verdict,
//! what else could have stood there, who approved it, how it is known that it stands there, and what another version would have decided.

use super::cards::{self, how_sure};
use super::inquiry::{anchor, effect_word};
use super::reviews::{because_word, in_context};
use super::words::{by_words, feeds, field_word, value_word};
use super::{Page, Shell, shown};
use crate::App;
use crate::problem::Problem;
use crate::session::{Session, escape_query};
use crate::texts::t;
use crate::when::Wall;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use jiff::Timestamp;
use ringback_core::contract::Contract;
use ringback_core::crm::Object;
use ringback_core::effect::trace_path;
use ringback_core::id::InquiryId;
use ringback_core::inquiry::Inquiry;
use ringback_core::rights::Act;
use ringback_engine::audit::Sealed;
use ringback_engine::trace::{Answer, Asked, Candidate, Lost, Other, Provider, STAMP, Traced, Under, Words};
use ringback_store::ContractRow;
use std::collections::{BTreeMap, HashMap};

/// Versions to ask about, the newest.
const VERSIONS_MAX: usize = 20;

/// A field that was written.
struct Field {
    /// Its place on the page.
    id: String,
    property: String,
    open: bool,
    newest: Told,
    /// Earlier writes, the newest first.
    earlier: Vec<Told>,
}

/// One write in words.
struct Told {
    field: String,
    to: String,
    was: String,
    is: String,
    at: String,
    actor: &'static str,
    /// The words in their transcript; without them where they came from, or why they are gone.
    before: String,
    quote: String,
    after: String,
    /// Where in the inquiry the words stand.
    said_at: String,
    source: String,
    sure: String,
    sentence: String,
    winner: String,
    clause: String,
    version: String,
    because: String,
    reason: String,
    plan: String,
    lost: Vec<Loser>,
    approval: Option<String>,
    read_at: String,
    effect: String,
    trigger: String,
    inquiry: String,
    who: String,
    entry: i64,
    hash: String,
    /// Versions to ask about: label and where.
    versions: Vec<(String, String)>,
    /// How to ask about a draft.
    command: String,
    under: Option<Shown>,
}

/// A candidate that lost.
struct Loser {
    what: String,
    value: String,
    quote: String,
    sure: String,
    why: String,
}

/// What other rules would have done.
struct Shown {
    then: String,
    sentence: String,
}

/// A field that every record of ours carries.
struct Own {
    property: String,
    value: String,
    at: String,
}

/// What is not confirmed yet.
struct Waits {
    what: &'static str,
    state: &'static str,
    tone: &'static str,
    since: String,
}

#[derive(Template)]
#[template(path = "trace.html")]
struct Trace {
    shell: Shell,
    title: &'static str,
    records: Vec<String>,
    key: String,
    /// Id and who called.
    inquiries: Vec<(String, String)>,
    waits: Vec<Waits>,
    fields: Vec<Field>,
    own: Vec<Own>,
    more: bool,
    /// Where the whole trail can be taken along.
    file: Option<String>,
}

/// The page of the record that a decided field stands in, open at it; `None` while no receipt names the record.
pub(super) fn of_field(inquiry: &Inquiry, to: &str) -> Option<String> {
    let (object, property) = to.split_once('.')?;
    let of = Object::of(object)?;
    let of_object = |target: &str| target.split(':').next() == Some(object);
    let written = || inquiry.effects.iter().rev().find_map(|(t, e)| e.record.clone().filter(|_| of_object(t)));
    let contact = || inquiry.contact.as_ref().filter(|_| of == Object::Contact).map(|c| c.record.clone());
    let record = contact().or_else(written)?;
    Some(format!("{}?field={}#{}", trace_path(of, &record), escape_query(property), place(property)))
}

fn place(property: &str) -> String {
    format!("f-{}", property.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
}

/// Everything a write is told with.
struct Reader<'a> {
    session: &'a Session,
    contract: Option<&'a Contract>,
    inquiries: &'a BTreeMap<InquiryId, Inquiry>,
    transcripts: &'a BTreeMap<InquiryId, Vec<Words>>,
    names: &'a BTreeMap<String, String>,
    versions: &'a [ContractRow],
    /// This page's path.
    here: &'a str,
    record: &'a str,
    under: Option<&'a Under>,
    now: Timestamp,
}

/// `GET /t/{object}/{id}`; the id may have parts.
pub(crate) async fn page(
    State(app): State<App>,
    session: Session,
    Path((object, id)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    let missing = || Problem::missing(t("trace.missing"));
    let mut traced = app.engine.traced_record(&session.account, &object, &id).await?.ok_or_else(missing)?;
    let inquiries = visible(&app, &session, &mut traced).await?;
    let of = Object::of(&object).filter(|_| !inquiries.is_empty()).ok_or_else(missing)?;
    let here = trace_path(of, &id);
    if query.contains_key("file") {
        session.need(Act::Export)?;
        let written = app.engine.export_record(&session.account, &object, &id).await?.ok_or_else(missing)?;
        let name = format!("ringback-{object}-{}.jsonl", id.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let disposition = format!("attachment; filename=\"{name}\"");
        let headers =
            [(header::CONTENT_TYPE, "application/x-ndjson".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
        return Ok((headers, written.text).into_response());
    }
    let under = asked(&app, &session, &traced, &query).await?;
    let mut transcripts = BTreeMap::new();
    for inquiry in inquiries.keys() {
        transcripts.insert(inquiry.clone(), app.engine.transcripts(&session.account, inquiry).await?);
    }
    let contract = app.engine.contract(&session.account).await?;
    let names = super::contract::names(&app, &session).await?;
    let mut versions = app.engine.contract_versions(&session.account).await?;
    versions.sort_by_key(|row| std::cmp::Reverse(row.version));
    let reader = Reader {
        session: &session,
        contract: contract.as_ref().map(|(_, c)| c.as_ref()),
        inquiries: &inquiries,
        transcripts: &transcripts,
        names: &names,
        versions: &versions,
        here: &here,
        record: &id,
        under: under.as_ref(),
        now: app.engine.now(),
    };
    let open = query.get("field").map(String::as_str);
    let (fields, own) = reader.fields(&traced.answers, open);
    let waits = reader.waits(&traced);
    let who = |(id, inquiry): (&InquiryId, &Inquiry)| (id.as_str().to_owned(), cards::who(inquiry));
    let title = t(match of {
        Object::Call => "trace.call",
        Object::Task => "trace.task",
        _ => "trace.contact",
    });
    shown(&Trace {
        shell: Shell::of(&app, &session, "inquiry", title).await?,
        title,
        key: traced.key.unwrap_or_default(),
        inquiries: inquiries.iter().rev().map(who).collect(),
        waits,
        fields,
        own,
        more: traced.more,
        file: session.may(Act::Export).then(|| format!("{here}?file=1")),
        records: traced.records,
    })
}

/// The inquiries that this person may see; what belongs to others is left out.
async fn visible(app: &App, session: &Session, traced: &mut Traced) -> Result<BTreeMap<InquiryId, Inquiry>, Problem> {
    let mut seen = BTreeMap::new();
    for id in &traced.inquiries {
        let inquiry = app.engine.inquiry(&session.account, id).await?;
        if let Some(inquiry) = inquiry.filter(|i| session.sees(i.location.as_ref())) {
            seen.insert(id.clone(), inquiry);
        }
    }
    traced.answers.retain(|answer| seen.contains_key(&answer.inquiry));
    traced.waiting.retain(|waiting| seen.contains_key(&waiting.inquiry));
    Ok(seen)
}

/// How an address names one write: inquiry, place in its chain, property.
fn name_of(answer: &Answer) -> String {
    format!("{}.{}.{}", answer.inquiry, answer.seq, answer.property)
}

/// What other rules would have done, where the address asks.
async fn asked(
    app: &App,
    session: &Session,
    traced: &Traced,
    query: &HashMap<String, String>,
) -> Result<Option<Under>, Problem> {
    let Some(version) = query.get("under") else { return Ok(None) };
    session.need(Act::ReadAll)?;
    let version = version.parse::<u32>().map_err(|_| Problem::bad_parameter("under", t("rollback.no_version")))?;
    let of = query.get("of").map(String::as_str).unwrap_or_default();
    let answer = traced.answers.iter().find(|answer| name_of(answer) == of);
    let answer = answer.ok_or_else(|| Problem::missing(t("trace.missing")))?;
    let under = app.engine.under(&session.account, &Asked::of(answer), &Other::Version(version)).await;
    under.map(Some).map_err(Problem::of_trial)
}

fn is_about(under: &Under, answer: &Answer) -> bool {
    let to = under.to.split_once('.').map_or("", |(_, property)| property);
    (under.seq, &under.inquiry, to) == (answer.seq, &answer.inquiry, answer.property.as_str())
}

/// The same value on the same grounds.
fn written_again(newer: &Answer, answer: &Answer) -> bool {
    let heard = |a: &Answer| a.quote.as_ref().map(|q| (q.document.clone(), q.start, q.end));
    let ruled = |a: &Answer| (a.rule.version, a.rule.clause.clone(), a.actor.clone(), a.provider.clone());
    (&newer.is, &newer.record) == (&answer.is, &answer.record)
        && heard(newer) == heard(answer)
        && ruled(newer) == ruled(answer)
}

impl Reader<'_> {
    fn wall(&self, inquiry: &InquiryId) -> Wall {
        self.session.wall(self.inquiries.get(inquiry).and_then(|i| i.location.as_ref()))
    }

    /// Fields that somebody or a clause decided, the one that was written last first; and those that every record of ours carries.
    fn fields(&self, answers: &[Answer], open: Option<&str>) -> (Vec<Field>, Vec<Own>) {
        let (mut fields, mut own): (Vec<Field>, Vec<Own>) = (Vec::new(), Vec::new());
        let mut newer: BTreeMap<&str, &Answer> = BTreeMap::new();
        for answer in answers {
            let wall = self.wall(&answer.inquiry);
            let stamp = answer.verdict.as_ref().is_some_and(|v| v.because == STAMP) && answer.rule.field.is_none();
            if stamp {
                if own.iter().all(|o| o.property != answer.property) {
                    let value = sealed(answer.is.as_ref(), str::to_owned, &wall, self.now);
                    own.push(Own { property: answer.property.clone(), value, at: wall.moment(answer.at, self.now) });
                }
                continue;
            }
            // A record is written whole: what was only written again is no history.
            let asked = self.under.is_some_and(|under| is_about(under, answer));
            if newer.get(answer.property.as_str()).is_some_and(|newer| !asked && written_again(newer, answer)) {
                continue;
            }
            let told = self.told(answer, &wall);
            let before = newer.insert(answer.property.as_str(), answer);
            match fields.iter_mut().find(|field| field.property == answer.property) {
                Some(field) => {
                    // Where no look was taken before the write, what was written last is what stood there.
                    let newest = field.earlier.last_mut().unwrap_or(&mut field.newest);
                    if before.is_some_and(|newer| newer.was.is_none() && newer.record == answer.record) {
                        newest.was.clone_from(&told.is);
                    }
                    field.open |= told.under.is_some();
                    field.earlier.push(told);
                }
                None => fields.push(Field {
                    id: place(&answer.property),
                    property: answer.property.clone(),
                    open: open == Some(&answer.property) || told.under.is_some(),
                    newest: told,
                    earlier: Vec::new(),
                }),
            }
        }
        if fields.iter().all(|field| !field.open) {
            fields.iter_mut().take(1).for_each(|field| field.open = true);
        }
        own.sort_by(|a, b| a.property.cmp(&b.property));
        (fields, own)
    }

    fn told(&self, answer: &Answer, wall: &Wall) -> Told {
        let rule = &answer.rule;
        let name = rule.field.as_deref().unwrap_or(&answer.property);
        let from = feeds(self.contract, name);
        let word = |value: &str| value_word(from, value, self.now, wall);
        let moment = |at: Timestamp| wall.moment(at, self.now);
        let instant = |text: &str| text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), moment);
        let (before, quote, after, said_at) = self.heard(answer);
        let (by_ai, by_approved) = (answer.actor.as_deref() == Some("AI"), answer.approval.is_some());
        let taken_back = answer.verdict.is_none();
        let version = rule.workflow.as_ref().zip(rule.version).map(|(name, version)| format!("{name} {version}"));
        Told {
            field: field_word(name),
            to: format!("{}.{}", answer.object, answer.property),
            was: answer
                .was
                .as_ref()
                .map_or_else(|| t("field.empty").to_owned(), |was| sealed(Some(was), word, wall, self.now)),
            is: sealed(answer.is.as_ref(), word, wall, self.now),
            at: moment(answer.at),
            actor: t(match (taken_back, by_ai, by_approved) {
                (true, ..) => "actor.rollback",
                (_, true, _) => "actor.machine",
                (..) if answer.actor.as_deref() == Some("human-only") => "actor.person",
                _ => "actor.approved",
            }),
            before,
            quote,
            after,
            said_at,
            source: self.source(answer, wall),
            sure: answer
                .confidence
                .filter(|_| answer.quote.is_some() || answer.provider.is_some())
                .map(sure)
                .unwrap_or_default(),
            sentence: rule.sentence.clone().unwrap_or_default(),
            winner: rule
                .winner
                .clone()
                .filter(|w| !rule.sentence.as_ref().is_some_and(|s| s.contains(w.as_str())))
                .unwrap_or_default(),
            clause: rule.clause.clone().unwrap_or_default(),
            version: version.unwrap_or_default(),
            because: answer
                .verdict
                .as_ref()
                .map_or_else(|| t("trace.taken_back").to_owned(), |v| because_word(&v.because)),
            reason: answer.reason.clone().filter(|r| rule.winner.as_ref() != Some(r)).unwrap_or_default(),
            plan: answer.verdict.as_ref().and_then(|v| v.plan.clone()).unwrap_or_default(),
            lost: answer.lost.iter().map(|lost| self.lost(lost, &word, wall)).collect(),
            approval: answer
                .approval
                .as_ref()
                .map(|a| format!("{}, {}", by_words(self.names, a.by.as_deref().unwrap_or_default()), moment(a.at))),
            read_at: answer.receipt.read_at.as_deref().map(instant).unwrap_or_default(),
            effect: answer.receipt.effect.clone().unwrap_or_default(),
            trigger: self.trigger(answer, wall),
            inquiry: answer.inquiry.as_str().to_owned(),
            who: self.inquiries.get(&answer.inquiry).map(cards::who).unwrap_or_default(),
            entry: answer.seq,
            hash: answer.hash.clone(),
            versions: self.others(answer),
            command: format!("ringback trace {} {} {} --under draft.toml", answer.object, self.record, answer.property),
            under: self
                .under
                .filter(|under| is_about(under, answer))
                .map(|under| Shown { then: under.then.sentence(), sentence: under.sentence.clone() }),
        }
    }

    /// The words in their transcript, and where in the inquiry they stand.
    fn heard(&self, answer: &Answer) -> (String, String, String, String) {
        let Some(quote) = &answer.quote else { return Default::default() };
        let said_at = format!("/inquiries/{}#{}", answer.inquiry, anchor(quote.document.as_str(), quote.start));
        let text = match &quote.words {
            Sealed::Text(text) => text.clone(),
            Sealed::Expired { .. } => return Default::default(),
        };
        let words = self.transcripts.get(&answer.inquiry).into_iter().flatten();
        let transcript = words.filter(|w| w.document == quote.document).find_map(|w| w.text.as_deref());
        let found = transcript.and_then(|whole| in_context(whole, quote.start, quote.end));
        let (before, quote, after) = found.unwrap_or_else(|| (String::new(), text, String::new()));
        (before, quote, after, said_at)
    }

    /// Where a value came from that nobody said, or whose words are gone.
    fn source(&self, answer: &Answer, wall: &Wall) -> String {
        if let Some(provider) = &answer.provider {
            return offered_by(provider, wall, self.now);
        }
        match answer.quote.as_ref().map(|quote| &quote.words) {
            Some(expired @ Sealed::Expired { .. }) => sealed(Some(expired), str::to_owned, wall, self.now),
            Some(Sealed::Text(_)) => String::new(),
            None => answer.source.clone().unwrap_or_default(),
        }
    }

    fn trigger(&self, answer: &Answer, wall: &Wall) -> String {
        let Some(call) = &answer.call else { return answer.trigger.clone().unwrap_or_default() };
        let how = call.category.as_deref().map(|c| t(cards::category(c))).unwrap_or_default();
        let at = call.started_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
        let parts = [Some(t("trace.a_call").to_owned()), at.map(|at| wall.moment(at, self.now)), Some(how.to_owned())];
        let parts = parts.into_iter().flatten().chain(call.source.clone()).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" · ")
    }

    fn lost(&self, lost: &Lost, word: &impl Fn(&str) -> String, wall: &Wall) -> Loser {
        let what = match (lost.kind, &lost.provider) {
            (Candidate::Said, _) => t("lost.said").to_owned(),
            (Candidate::Offered, Some(provider)) => {
                format!("{} {}", t("review.offered"), offered_by(provider, wall, self.now))
            }
            (Candidate::Offered, None) => t("review.offered").to_owned(),
            (Candidate::Crm, _) => t("lost.crm").to_owned(),
            (Candidate::Rejected, _) => t("lost.rejected").to_owned(),
            (Candidate::NotAdmitted, _) => t("lost.not_admitted").to_owned(),
        };
        Loser {
            what,
            value: lost.value.as_ref().map(|value| sealed(Some(value), word, wall, self.now)).unwrap_or_default(),
            quote: lost.quote.as_ref().and_then(|q| q.words.text()).unwrap_or_default().to_owned(),
            sure: lost.confidence.map(sure).unwrap_or_default(),
            why: lost.why.clone(),
        }
    }

    /// The other versions of the contract that decided, to ask about.
    fn others(&self, answer: &Answer) -> Vec<(String, String)> {
        if !self.session.may(Act::ReadAll) || answer.rule.field.is_none() || answer.verdict.is_none() {
            return Vec::new();
        }
        let of_name = |row: &&ContractRow| {
            Some(&row.name) == answer.rule.workflow.as_ref() && Some(&row.id) != answer.rule.contract.as_ref()
        };
        let one = |row: &ContractRow| {
            let property = escape_query(&answer.property);
            let of = escape_query(&name_of(answer));
            let to =
                format!("{}?field={property}&under={}&of={of}#{}", self.here, row.version, place(&answer.property));
            (format!("{} {}", row.name, row.version), to)
        };
        self.versions.iter().filter(of_name).take(VERSIONS_MAX).map(one).collect()
    }

    fn waits(&self, traced: &Traced) -> Vec<Waits> {
        let one = |waiting: &ringback_engine::trace::Waiting| {
            let dead = waiting.state == "dead";
            Waits {
                what: effect_word(&waiting.what),
                state: t(if dead { "crm.refused" } else { "crm.on_its_way" }),
                tone: if dead { "bad" } else { "quiet" },
                since: self.wall(&waiting.inquiry).moment(waiting.since, self.now),
            }
        };
        traced.waiting.iter().map(one).collect()
    }
}

fn sure(thousandths: u64) -> String {
    how_sure(u16::try_from(thousandths).unwrap_or(1000))
}

fn offered_by(provider: &Provider, wall: &Wall, now: Timestamp) -> String {
    let as_of = provider.as_of.map(|at| format!(", {} {}", t("review.as_of"), wall.moment(at, now)));
    format!("{}{}", provider.name, as_of.unwrap_or_default())
}

/// A value, or that it is gone.
fn sealed(value: Option<&Sealed>, word: impl Fn(&str) -> String, wall: &Wall, now: Timestamp) -> String {
    match value {
        Some(Sealed::Text(text)) if text.is_empty() => t("field.nothing").to_owned(),
        Some(Sealed::Text(text)) => word(text),
        Some(Sealed::Expired { at, .. }) => format!("{} {}", t("trace.gone"), wall.moment(*at, now)),
        None => t("field.nothing").to_owned(),
    }
}
