//! *Dead letters*: what cannot succeed without a person, grouped by cause, with the cure.

use super::cards;
use super::inquiry::effect_word;
use super::{Fields, Page, Shell, back, shown};
use crate::App;
use crate::session::Session;
use crate::texts::t;
use askama::Template;
use axum::extract::{Path, State};
use ringback_core::crm::Why;
use ringback_core::id::{EffectId, InquiryId};
use ringback_core::rights::Act;
use std::collections::BTreeMap;

/// Letters on one page.
pub(crate) const LETTERS_MAX: u32 = 500;

struct Letter {
    id: String,
    inquiry: String,
    who: String,
    what: &'static str,
    since: String,
    attempts: i64,
}

struct Cause {
    class: String,
    why: String,
    cure: &'static str,
    letters: Vec<Letter>,
}

#[derive(Template)]
#[template(path = "dead_letters.html")]
struct DeadLetters {
    shell: Shell,
    causes: Vec<Cause>,
    operates: bool,
    csrf: String,
}

/// Why something cannot succeed, as the store and the inquiry keep it: a stable word, and the vendor's own or our sentence.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    class: String,
    words: String,
}

impl Refusal {
    /// From what the store keeps.
    #[must_use]
    pub fn of(why: &str) -> Self {
        if let Ok(why) = serde_json::from_str::<Why>(why) {
            return Self { class: why.class, words: why.words };
        }
        let is_class = |c: &str| !c.is_empty() && c.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        match why.split_once(": ").filter(|(class, _)| is_class(class)) {
            Some((class, words)) => Self { class: class.to_owned(), words: words.to_owned() },
            None => Self { class: String::new(), words: why.to_owned() },
        }
    }

    /// The sentence; a refusal without one is named by its word.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.words.trim(), self.class.as_str()) {
            ("", "") => t("dead.no_cause").to_owned(),
            ("", class) => class.replace('_', " "),
            (words, _) => words.to_owned(),
        }
    }

    /// What helps, by its word and by the words vendors use for what they refuse. `kind`: of the effect.
    #[must_use]
    pub fn cure(&self, kind: &str) -> &'static str {
        let why = format!("{} {}", self.class, self.words).to_lowercase();
        let says = |words: &[&str]| words.iter().any(|w| why.contains(w));
        t(if says(&["auth", "token", "401", "403", "scope", "permission", "no_secret"]) {
            "cure.auth"
        } else if kind == "emit" {
            "cure.receiver"
        } else if says(&["property", "field", "option", "invalid", "validation", "400"]) {
            "cure.property"
        } else if says(&["gone", "merged", "not found", "404", "deleted"]) {
            "cure.gone"
        } else if says(&["gave up", "gave_up", "exchanges", "timeout", "unknown", "not_taken"]) {
            "cure.gave_up"
        } else {
            "cure.other"
        })
    }
}

/// `GET /dead-letters`.
pub(crate) async fn page(State(app): State<App>, session: Session) -> Page {
    session.need(Act::ReadAll)?;
    let (now, wall) = (app.engine.now(), session.wall(None));
    let account = session.account.as_str().to_owned();
    let rows = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::effects_dead(tx, &account, LETTERS_MAX).await }))
        .await?;
    let mut causes: BTreeMap<(Refusal, &'static str), Vec<Letter>> = BTreeMap::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for row in &rows {
        if !names.contains_key(&row.inquiry) {
            let inquiry = app.engine.inquiry(&session.account, &InquiryId::from_text(row.inquiry.clone())).await?;
            let who = inquiry.as_ref().map_or_else(|| t("card.no_caller").to_owned(), cards::who);
            names.insert(row.inquiry.clone(), who);
        }
    }
    for row in rows {
        let at = row.settled_at.unwrap_or(row.created_at);
        let why = Refusal::of(row.why.as_deref().unwrap_or_default());
        let cure = why.cure(&row.kind);
        causes.entry((why, cure)).or_default().push(Letter {
            id: row.id,
            who: names.get(&row.inquiry).cloned().unwrap_or_default(),
            inquiry: row.inquiry,
            what: effect_word(&row.kind),
            since: wall.moment(ringback_engine::instant(at), now),
            attempts: row.attempts,
        });
    }
    let cause = |((why, cure), letters): ((Refusal, &'static str), Vec<Letter>)| Cause {
        cure,
        why: why.words(),
        class: why.class,
        letters,
    };
    let mut causes: Vec<Cause> = causes.into_iter().map(cause).collect();
    causes.sort_by_key(|c| std::cmp::Reverse(c.letters.len()));
    let shell = Shell::of(&app, &session, "dead-letters", t("dead.title")).await?;
    shown(&DeadLetters { shell, causes, operates: session.may(Act::Operate), csrf: session.csrf.clone() })
}

/// `POST /dead-letters/{id}/replay`.
pub(crate) async fn replay(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::Operate)?;
    app.engine.replay_dead_letter(&session.account, &EffectId::from_text(id), &session.user).await?;
    Ok(back(&fields.0, "/dead-letters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_the_store_and_from_the_inquiry_alike() {
        let why = Why::new("validation", "property rb_urgency does not exist");
        let stored = Refusal::of(&serde_json::to_string(&why).unwrap());
        assert_eq!(stored, Refusal::of("validation: property rb_urgency does not exist"));
        assert_eq!(stored.words(), "property rb_urgency does not exist");
        assert_eq!(stored.cure("update_contact"), t("cure.property"));
        assert_eq!(Refusal::of("bad_request: not taken (HTTP 400)").cure("emit"), t("cure.receiver"));
        assert_eq!(Refusal::of("gave_up: last: HTTP 401").cure("emit"), t("cure.auth"));
        assert_eq!(
            Refusal::of("{\"class\":\"gave_up\",\"status\":null,\"words\":\"\",\"properties\":[]}").words(),
            "gave up"
        );
        assert_eq!(Refusal::of("").words(), t("dead.no_cause"));
        assert_eq!(Refusal::of("Nobody: knows").words(), "Nobody: knows");
    }
}
