//! *Today*: whom to call first, what they said, one tap to dial.

use super::cards::{Around, Card, Group, card};
use super::words::by_words;
use super::{Page, Shell, hours, shown};
use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use crate::when::lasting;
use askama::Template;
use axum::extract::{Query, State};
use ringback_core::id::LocationId;
use ringback_core::inquiry::Inquiry;
use ringback_core::rights::Act;
use ringback_core::roster::Location;
use std::collections::HashMap;

/// One group of rows.
struct Section {
    word: &'static str,
    title: &'static str,
    /// How the rows are ordered.
    note: &'static str,
    empty: &'static str,
    cards: Vec<Card>,
}

/// How the CRM stands, in one quiet line.
pub(crate) struct CrmLine {
    pub(crate) word: String,
    /// `ok`, `late` or `down`.
    pub(crate) tone: &'static str,
}

/// A choice in the location filter.
struct Choice {
    slug: String,
    name: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "today.html")]
struct Today {
    shell: Shell,
    live: Live,
}

#[derive(Template)]
#[template(path = "today_live.html")]
struct Fragment {
    live: Live,
}

struct Live {
    place: String,
    clock: String,
    hours: String,
    choices: Vec<Choice>,
    find: String,
    to_call: usize,
    past_due: usize,
    asking: usize,
    more: bool,
    crm: Option<CrmLine>,
    sections: Vec<Section>,
    empty: bool,
    several: bool,
    acts: bool,
    csrf: String,
    back: String,
    as_of: String,
}

/// `GET /`: `location` (a slug), `find`, `fragment`.
pub(crate) async fn page(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    let live = live(&app, &session, &query).await?;
    if query.contains_key("fragment") {
        return shown(&Fragment { live });
    }
    let shell = Shell::of(&app, &session, "today", t("today.title")).await?;
    shown(&Today { shell, live })
}

async fn live(app: &App, session: &Session, query: &HashMap<String, String>) -> Result<Live, Problem> {
    let now = app.engine.now();
    let slug = query.get("location").map_or("", String::as_str);
    let places = session.places();
    let chosen: Option<Location> = match places.as_slice() {
        [only] => Some((*only).clone()),
        several => several.iter().find(|l| l.slug == slug).map(|l| (*l).clone()),
    };
    let find = query.get("find").map(|f| f.trim().to_lowercase()).unwrap_or_default();
    let (inquiries, more) = queue(app, session, chosen.as_ref()).await?;
    let contract = app.engine.contract(&session.account).await?;
    let around = Around { session, contract: contract.as_ref().map(|(_, c)| c.as_ref()), now };
    let mut cards: Vec<Card> = inquiries.iter().map(|i| card(i, &around)).filter(|c| fits(c, &find)).collect();
    name_callers(app, session, &mut cards).await?;
    cards.sort_by(|a, b| a.group.cmp(&b.group).then(a.order.cmp(&b.order)).then(a.id.cmp(&b.id)));
    let wall = session.wall(chosen.as_ref().map(|l| &l.id));
    let count = |f: &dyn Fn(&Card) -> bool| cards.iter().filter(|c| f(c)).count();
    let choice = |l: &&Location| Choice {
        slug: l.slug.clone(),
        name: l.name.clone(),
        chosen: chosen.as_ref().is_some_and(|c| c.id == l.id),
    };
    let back = match (slug.is_empty(), chosen.is_some()) {
        (false, true) => format!("/?location={slug}"),
        _ => "/".to_owned(),
    };
    Ok(Live {
        place: chosen.as_ref().map_or_else(|| t("today.all").to_owned(), |l| l.name.clone()),
        clock: if chosen.is_none() && session.several_zones() {
            format!("{} · {} {}", wall.date(now), wall.time(now), wall.zone_word(now))
        } else {
            format!("{} · {}", wall.date(now), wall.time(now))
        },
        hours: chosen.as_ref().map_or_else(String::new, |l| hours(l, now)),
        choices: if places.len() > 1 { places.iter().map(choice).collect() } else { Vec::new() },
        to_call: count(&|c| matches!(c.group, Group::Now | Group::Later)),
        past_due: count(&|c| c.tone == "past"),
        asking: count(&|c| c.asks > 0),
        more,
        crm: crm(app, session).await?,
        empty: cards.is_empty(),
        sections: sections(cards),
        several: chosen.is_none() && places.len() > 1,
        find,
        acts: session.may(Act::WorkQueue),
        csrf: session.csrf.clone(),
        back,
        as_of: wall.seconds(now),
    })
}

/// Puts names in place of the ids of those who are calling.
async fn name_callers(app: &App, session: &Session, cards: &mut [Card]) -> Result<(), Problem> {
    if cards.iter().all(|c| c.taken_by.is_none()) {
        return Ok(());
    }
    let names = super::contract::names(app, session).await?;
    for by in cards.iter_mut().filter_map(|c| c.taken_by.as_mut()) {
        *by = by_words(&names, by);
    }
    Ok(())
}

fn sections(cards: Vec<Card>) -> Vec<Section> {
    let mut all = [
        (Group::Now, "now", t("today.now"), t("today.order"), t("today.now_empty")),
        (Group::Later, "later", t("today.later"), "", ""),
        (Group::Decision, "decision", t("today.decision"), t("today.decision_note"), ""),
        (Group::Calling, "calling", t("today.calling"), "", ""),
    ]
    .map(|(group, word, title, note, empty)| (group, Section { word, title, note, empty, cards: Vec::new() }));
    for card in cards {
        if let Some((_, section)) = all.iter_mut().find(|(g, _)| *g == card.group) {
            section.cards.push(card);
        }
    }
    all.into_iter().map(|(_, s)| s).filter(|s| !s.cards.is_empty() || !s.empty.is_empty()).collect()
}

fn fits(card: &Card, find: &str) -> bool {
    let digits: String = find.chars().filter(char::is_ascii_digit).collect();
    let in_text = |text: &Option<String>| text.as_ref().is_some_and(|v| v.to_lowercase().contains(find));
    let by_number = digits.len() > 2 && card.tel.as_ref().is_some_and(|n| n.contains(&digits));
    find.is_empty() || in_text(&card.name) || in_text(&card.quote) || by_number
}

/// Open inquiries that somebody has to do something about and this person may see; and whether there were more than fit.
async fn queue(app: &App, session: &Session, place: Option<&Location>) -> Result<(Vec<Inquiry>, bool), Problem> {
    let of = |ids: &[LocationId]| ids.iter().map(|l| l.as_str().to_owned()).collect::<Vec<String>>();
    let locations = match (place, &session.locations) {
        (Some(place), _) => Some(vec![place.id.as_str().to_owned()]),
        (None, mine) => mine.as_deref().map(of),
    };
    let (account, limit) = (session.account.as_str().to_owned(), app.options.queue_rows_max);
    let rows = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move {
                ringback_store::inquiries_queue(tx, &account, locations.as_deref(), limit.saturating_add(1)).await
            })
        })
        .await?;
    let max = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > max;
    let mut inquiries = Vec::with_capacity(rows.len());
    for row in rows.into_iter().take(max) {
        match serde_json::from_str::<Inquiry>(&row.snapshot) {
            Ok(inquiry) => inquiries.push(inquiry),
            // One unreadable row must not hide the rest of the queue.
            Err(error) => tracing::error!(inquiry = %row.id, %error, "an inquiry cannot be read"),
        }
    }
    Ok((inquiries, more))
}

/// The state of the account's CRM; `None` while none is connected.
pub(crate) async fn crm(app: &App, session: &Session) -> Result<Option<CrmLine>, Problem> {
    let account = session.account.as_str().to_owned();
    let now = app.engine.now();
    let found = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move {
                let all = ringback_store::connections_all(tx, &account).await?;
                let Some(crm) = all.into_iter().find(|c| c.kind == "crm") else { return Ok(None) };
                let lane = ringback_store::lane_get(tx, &account, &crm.id).await?;
                let oldest = ringback_store::effects_oldest_unsettled(tx, &account, &crm.id).await?;
                let waiting = ringback_store::effects_unsettled_count(tx, &account, &crm.id).await?;
                Ok(Some((crm, lane, oldest, waiting)))
            })
        })
        .await?;
    let Some((crm, lane, oldest, waiting)) = found else { return Ok(None) };
    let ago = |at: i64| lasting((now.as_microsecond() - at) / 1_000_000);
    let wall = session.wall(None);
    let is_down = |l: &ringback_store::LaneRow| {
        l.breaker.as_deref().is_some_and(|b| b != "closed") || l.last_error_at > l.last_ok_at && waiting > 0
    };
    let (word, tone) = match (&lane, oldest) {
        (Some(lane), _) if is_down(lane) => {
            let since = super::down_since(Some(lane), oldest).map(ringback_engine::instant);
            let since = since.map(|at| wall.moment(at, now)).unwrap_or_default();
            (format!("{} {since}; {}", t("crm.down"), t("crm.queue_works")), "down")
        }
        (_, Some(at)) => (format!("{} {}, {waiting} {}", t("crm.behind"), ago(at), t("crm.waiting")), "late"),
        (Some(lane), None) => match lane.last_ok_at {
            Some(at) => (format!("{}, {} {}", t("crm.in_step"), ago(at), t("crm.ago")), "ok"),
            None => (t("crm.idle").to_owned(), "ok"),
        },
        (None, None) => (t("crm.idle").to_owned(), "ok"),
    };
    Ok(Some(CrmLine { word: format!("{}: {word}", crm.name), tone }))
}
