//! What waits for a person: dead letters, quarantine, reviews.

use crate::args::{DeadLetters, Decide, Quarantine, Review, Together};
use crate::commands::user;
use crate::config::Account;
use crate::house::House;
use crate::out::{Out, table};
use crate::problems::{Exit, Fail};
use ringback_core::id::{EffectId, InquiryId, ReviewId, SignalId, UserId};
use ringback_core::inquiry::{Choice, Inquiry, RejectCode, Review as Asks};
use ringback_core::rights::Act;
use ringback_engine::instant;
use ringback_engine::reviews::{Asked, Became};
use ringback_store::{self as store, After, Before, EffectRow};
use ringback_web::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The most rows of one list.
const ROWS_MAX: u32 = 500;
/// Characters of a cause in a list.
const WORDS_MAX: usize = 100;
/// Dead letters.
pub(crate) async fn dead_letters(
    out: Out,
    house: &House,
    account: &Account,
    command: &DeadLetters,
) -> Result<(), Fail> {
    let of = account.id().as_str().to_owned();
    match command {
        DeadLetters::List => {
            let rows = house
                .engine
                .store()
                .read(move |tx| Box::pin(async move { store::effects_dead(tx, &of, ROWS_MAX).await }))
                .await?;
            let all: Vec<Value> = rows.iter().map(dead).collect();
            out.result(&all, || {
                if rows.is_empty() {
                    return "no dead letters".to_owned();
                }
                letters(&rows)
            });
        }
        DeadLetters::Show { id } => {
            let wanted = id.clone();
            let (row, attempts) = house
                .engine
                .store()
                .read(move |tx| {
                    Box::pin(async move {
                        let row = store::effect_get(tx, &of, &wanted).await?;
                        Ok((row, store::attempts_of(tx, &of, &wanted).await?))
                    })
                })
                .await?;
            let Some(row) = row else { return Err(missing("effect", id)) };
            let tries: Vec<Value> = attempts
                .iter()
                .map(|a| json!({ "id": a.id, "at": instant(a.started_at).to_string(), "outcome": a.outcome, "why": a.why }))
                .collect();
            let mut shown = dead(&row);
            if let Value::Object(map) = &mut shown {
                map.insert("attempts".to_owned(), tries.into());
            }
            out.result(&shown, || serde_json::to_string_pretty(&shown).unwrap_or_default());
        }
        DeadLetters::Replay { id } => {
            let by = UserId::from_text(user::OPERATOR);
            house.engine.replay_dead_letter(&account.id(), &EffectId::from_text(id), &by).await?;
            out.result(&json!({ "id": id, "replayed": true }), || format!("{id} is on its way again"));
        }
    }
    Ok(())
}

/// The letters, and what helps against each cause that occurs.
fn letters(rows: &[EffectRow]) -> String {
    let refused = |r: &EffectRow| Refusal::of(r.why.as_deref().unwrap_or_default());
    let cells = |r: &EffectRow| {
        let since = r.settled_at.map(|at| instant(at).to_string()).unwrap_or_default();
        let words = refused(r).words();
        let short = match words.char_indices().nth(WORDS_MAX) {
            Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
            None => words,
        };
        vec![r.id.clone(), r.kind.clone(), r.lane.clone(), since, short]
    };
    let mut shown = table(&["id", "what", "lane", "since", "why"], &rows.iter().map(cells).collect::<Vec<_>>());
    let cures: BTreeSet<&str> = rows.iter().map(|r| refused(r).cure(&r.kind)).collect();
    for cure in cures {
        shown.push_str("\n\n");
        shown.push_str(cure);
    }
    shown.push_str(
        "\n\n“ringback dead-letters show ID” has the whole cause, “ringback dead-letters replay ID” tries again.",
    );
    shown
}

fn dead(row: &EffectRow) -> Value {
    // Kept as one JSON value; shown as what it is.
    let why = row.why.as_deref().map(|why| serde_json::from_str(why).unwrap_or_else(|_| Value::from(why)));
    json!({
        "id": row.id, "inquiry": row.inquiry, "kind": row.kind, "lane": row.lane, "target": row.target, "state": row.state,
        "attempt_count": row.attempts, "why": why, "since": row.settled_at.map(|at| instant(at).to_string()),
    })
}

/// Signals with a wrong signature.
pub(crate) async fn quarantine(out: Out, house: &House, account: &Account, command: &Quarantine) -> Result<(), Fail> {
    let of = account.id().as_str().to_owned();
    match command {
        Quarantine::List => {
            let rows = house
                .engine
                .store()
                .read(move |tx| {
                    Box::pin(async move { store::signals_quarantined(tx, &of, ROWS_MAX, &Before::end()).await })
                })
                .await?;
            let all: Vec<Value> = rows
                .iter()
                .map(|r| {
                    json!({ "id": r.id, "connection": r.connection, "event": r.event,
                            "received_at": instant(r.received_at).to_string(), "why": r.why })
                })
                .collect();
            out.result(&all, || {
                let cells = |r: &store::SignalRow| {
                    let why = r.why.clone().unwrap_or_default();
                    vec![r.id.clone(), r.connection.clone(), r.event.clone(), instant(r.received_at).to_string(), why]
                };
                if rows.is_empty() {
                    return "the quarantine is empty".to_owned();
                }
                table(&["id", "connection", "event", "received", "why"], &rows.iter().map(cells).collect::<Vec<_>>())
            });
        }
        Quarantine::Accept { id } => {
            house.engine.accept_quarantined(&account.id(), &SignalId::from_text(id)).await?;
            out.result(&json!({ "id": id, "accepted": true }), || format!("{id} goes the way of every other signal"));
        }
    }
    Ok(())
}

/// Questions that wait for a person.
pub(crate) async fn review(out: Out, house: &House, account: &Account, command: &Review) -> Result<(), Fail> {
    match command {
        Review::List => {
            let found = house.engine.open_reviews(&account.id(), None, None, ROWS_MAX, &After::start()).await?;
            let (rows, more) = (found.asked, found.next.is_some());
            let one = |Asked { review: r, inquiry }: &Asked| {
                json!({ "id": r.id, "inquiry": inquiry.id, "kind": r.kind, "digest": r.digest,
                        "opened_at": r.opened_at.to_string(), "question": r })
            };
            let all: Vec<Value> = rows.iter().map(one).collect();
            out.result(&all, || {
                // Who and what comes first; what a command needs stands at the end of the line.
                let cells = |Asked { review: r, inquiry }: &Asked| {
                    let text = |value: &Option<String>| value.clone().unwrap_or_default();
                    let asked = r.field.clone().unwrap_or_else(|| r.kind.word().replace('_', " "));
                    let answer = format!("{}:{}", r.id, r.digest);
                    vec![caller(inquiry), asked, text(&r.proposed), text(&r.current), r.reason.clone(), answer]
                };
                if rows.is_empty() {
                    return "nothing waits for a decision".to_owned();
                }
                let mut shown = table(
                    &["caller", "asked", "proposed", "CRM holds", "why", "id:digest"],
                    &rows.iter().map(cells).collect::<Vec<_>>(),
                );
                if more {
                    shown.push_str(&format!(
                        "\nthese are the oldest {ROWS_MAX}; the others follow when they are answered"
                    ));
                }
                shown
            });
            Ok(())
        }
        Review::Weekly { days } => super::learned::weekly(out, house, account, *days).await,
        Review::Show { id } => asked(out, house, account, id).await,
        Review::Decide(decide) => decided(out, house, account, decide).await,
        Review::Together(together) => decided_together(out, house, account, together).await,
    }
}

/// By name and number, as far as they are known.
fn caller(inquiry: &Inquiry) -> String {
    let said = inquiry.steering("caller_name").map(|held| held.claim.value.text());
    let name = said.or_else(|| inquiry.calls.iter().rev().find_map(|call| call.caller_name.clone()));
    let parts = [name, inquiry.callback_number().or_else(|| inquiry.e164.clone())];
    let known: Vec<String> = parts.into_iter().flatten().collect();
    if known.is_empty() { "no caller ID".to_owned() } else { known.join(", ") }
}

/// One question, open or not, as it stands.
async fn asked(out: Out, house: &House, account: &Account, id: &str) -> Result<(), Fail> {
    let (of, wanted) = (account.id().as_str().to_owned(), id.split(':').next().unwrap_or(id).to_owned());
    let row = house
        .engine
        .store()
        .read(move |tx| Box::pin(async move { store::review_get(tx, &of, &wanted).await }))
        .await?
        .ok_or_else(|| missing("review", id))?;
    let inquiry = house.engine.inquiry(&account.id(), &InquiryId::from_text(row.inquiry.clone())).await?;
    let inquiry = inquiry.ok_or_else(|| missing("review", id))?;
    let standing = inquiry.reviews.iter().find(|review| review.id.as_str() == row.id).cloned();
    let open = standing.is_some();
    let review: Asks = match standing {
        Some(review) => review,
        None => serde_json::from_str(&row.body).map_err(|_| missing("review", id))?,
    };
    let shown = json!({ "id": review.id, "inquiry": inquiry.id, "caller": caller(&inquiry), "open": open, "digest": review.digest,
                        "question": review });
    out.result(&shown, || {
        let mut lines = vec![("caller", caller(&inquiry))];
        let mut line = |name: &'static str, value: Option<String>| {
            lines.extend(value.filter(|v| !v.trim().is_empty()).map(|value| (name, value)));
        };
        line("asked", Some(review.field.clone().unwrap_or_else(|| review.kind.word().replace('_', " "))));
        line("said", review.quote.as_ref().map(|quote| format!("“{}”", quote.trim())));
        line("proposed", review.proposed.clone());
        line("sure", review.confidence.map(|c| format!("{}.{} %", c / 10, c % 10)));
        let held = review.current.clone().filter(|held| !held.trim().is_empty());
        line("CRM holds", review.proposed.as_ref().map(|_| held.unwrap_or_else(|| "nothing".to_owned())));
        line("why", Some(review.reason.clone()));
        line("clause", Some(review.clause.clone()));
        line("who wins", Some(review.sentence.clone()));
        for (id, label) in &review.choices {
            line("choice", Some(format!("{id}  {label}")));
        }
        let how = if review.choices.is_empty() { "--approve".to_owned() } else { "--pick CHOICE".to_owned() };
        let answer = format!("ringback review decide {} --digest {} --by YOU {how}", review.id, review.digest);
        line("answer", Some(if open { answer } else { "it is answered or void already".to_owned() }));
        let rows: Vec<Vec<String>> = lines.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
        table(&["", &review.id.to_string()], &rows)
    });
    Ok(())
}

async fn decided(out: Out, house: &House, account: &Account, decide: &Decide) -> Result<(), Fail> {
    let review = ReviewId::from_text(&decide.id);
    let act = house.engine.act_of_review(&account.id(), &review).await?.ok_or_else(|| missing("review", &decide.id))?;
    let by = user::with_right(house, account, &decide.by, act).await?;
    let choice = match (&decide.choice.edit, &decide.choice.reject, &decide.choice.pick) {
        (Some(value), _, _) => Choice::Edit { value: value.clone() },
        (_, Some(reason), _) => rejected(reason, decide.code.as_deref())?,
        (_, _, Some(id)) => Choice::Pick { id: id.clone() },
        _ => Choice::Approve,
    };
    let inquiry = house.engine.decide_review(&account.id(), &review, &decide.digest, choice, &by).await?;
    let back = house.engine.called_wrong(&account.id(), &review).await?;
    out.result(&json!({ "id": decide.id, "inquiry": inquiry.id, "decided": true, "take_back": back }), || {
        let mut said = format!("{} is decided", decide.id);
        if let Some(scope) = &back {
            let field = scope.field.as_deref().unwrap_or_default();
            said.push_str(&format!(
                "; it is noted as a correction. To take that value back: `ringback rollback preview --inquiry {} --field {field}`",
                inquiry.id
            ));
        }
        said
    });
    Ok(())
}

/// A no with its code and its words, at least one of them.
fn rejected(reason: &str, code: Option<&str>) -> Result<Choice, Fail> {
    let known = RejectCode::ALL.map(RejectCode::word).join(", ");
    let wrong =
        |cause: String| Fail::new(Exit::Usage, "RB-0245", cause, format!("say why not in words, or by one of {known}"));
    let code = match code {
        Some(word) => Some(RejectCode::of(word).ok_or_else(|| wrong(format!("{word:?} is no reason that is known")))?),
        None => None,
    };
    let choice = Choice::Reject { reason: reason.to_owned(), code };
    if choice.why_not().is_some() { Ok(choice) } else { Err(wrong("nothing says why not".to_owned())) }
}

/// One answer to many questions.
async fn decided_together(out: Out, house: &House, account: &Account, together: &Together) -> Result<(), Fail> {
    let by = user::with_right(house, account, &together.by, Act::WorkQueue).await?;
    let role = user::role_of(house, account, &together.by).await?;
    let choice = match &together.reject {
        Some(reason) => rejected(reason, together.code.as_deref())?,
        None => Choice::Approve,
    };
    let mut items = Vec::with_capacity(together.items.len());
    for item in &together.items {
        let Some((id, digest)) = item.rsplit_once(':') else {
            let cause = format!("{item:?} is no question with its digest");
            return Err(Fail::new(Exit::Usage, "RB-0245", cause, "write it as `review list` shows them: ID:DIGEST"));
        };
        items.push((ReviewId::from_text(id), digest.to_owned()));
    }
    let may = |_: &ringback_core::inquiry::Inquiry, act: Act| role.may(act);
    let became = house.engine.decide_reviews(&account.id(), &items, &choice, &by, &may).await?;
    let all: Vec<Value> = became.iter().map(|(id, became)| became.told(id)).collect();
    out.result(&all, || {
        let line = |(id, became): &(ReviewId, Became)| {
            let words = match became {
                Became::Done => "decided".to_owned(),
                Became::Late { now } => format!("not taken: {now}"),
                Became::Missing => "there is no such question".to_owned(),
                Became::NotYours => "somebody else has to answer it".to_owned(),
            };
            vec![id.as_str().to_owned(), words]
        };
        table(&["id", "became"], &became.iter().map(line).collect::<Vec<_>>())
    });
    if became.iter().all(|(_, b)| *b == Became::Done) {
        return Ok(());
    }
    let cause = "some answers were not taken; the others count";
    Err(Fail::new(Exit::Missing, "RB-0315", cause, "`ringback review list` shows what is asked now"))
}

fn missing(what: &str, id: &str) -> Fail {
    Fail::new(Exit::Missing, "RB-0313", format!("there is no {what} {id}"), "list what there is and use its id")
}
