//! Moving inquiries: load, let `core` decide, store everything the step says in one unit of work.

use crate::consent::Keep;
use crate::facts::{AccountFacts, ConnectionFacts};
use crate::{Engine, Error, micros, workflow, writes};
use jiff::Timestamp;
use ringback_core::consent;
use ringback_core::contract::Contract;
use ringback_core::crm::Record;
use ringback_core::effect::Effect;
use ringback_core::ensure::{HISTORY_SCHEMA, History};
use ringback_core::id::{AccountId, EffectId, InquiryId, ReviewId, UserId};
use ringback_core::inquiry::{self, Event, INQUIRY_SCHEMA, Inquiry, Remembered, Review, ReviewKind, State};
use ringback_core::ledger::{Document, Draft, ENTRY_SCHEMA, Entry, Retention, Salt, seal};
use ringback_core::plan::{PLAN_SCHEMA, Plan};
use ringback_core::rights::Act;
use ringback_core::upcast::{self, Form};
use ringback_store::{
    self as store, DocumentNew, EffectRow, EntryRow, FieldWriteRow, InquiryRow, PlanRow, ReviewRow, Site, Tx,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// The due time of an effect that waits for another: it becomes due when that one settles.
pub(crate) const WAITS_FOR_ANOTHER: i64 = i64::MAX / 4;
/// How often a unit of work is tried again when two nodes meet at one inquiry.
pub const MEETINGS_MAX: usize = 12;

/// How many of a caller's inquiries are asked what they wrote.
const REMEMBERED_INQUIRIES_MAX: u32 = 20;

/// An inquiry with its place in the store.
pub(crate) struct Loaded {
    pub(crate) inquiry: Inquiry,
    /// `None`: not stored yet.
    pub(crate) version: Option<i64>,
    pub(crate) open_key: Option<String>,
}

/// Is that lane a receiver that confirms, instead of a CRM that is read?
fn confirms(facts: &AccountFacts, lane: &str) -> bool {
    facts.connections.get(lane).and_then(ConnectionFacts::crm).is_some_and(ringback_connect::Crm::acknowledges)
}

pub(crate) fn corrupt(what: &str, id: &str, why: impl std::fmt::Display) -> store::Error {
    store::Error::Bug(format!("stored {what} {id} cannot be read: {why}"))
}

/// Reads an inquiry for a change.
pub(crate) async fn load(tx: &mut Tx, account: &str, id: &str) -> Result<Option<Loaded>, store::Error> {
    let Some(row) = store::inquiry_get(tx, account, id).await? else { return Ok(None) };
    of_row(row).map(Some)
}

pub(crate) fn of_row(row: InquiryRow) -> Result<Loaded, store::Error> {
    let inquiry = upcast::read_own(Form::Inquiry, &row.snapshot).map_err(|e| corrupt("inquiry", &row.id, e))?;
    Ok(Loaded { inquiry, version: Some(row.version), open_key: row.open_key })
}

/// The end of an inquiry's chain of entries, onto which the next ones follow.
pub(crate) async fn chain_end(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Option<ChainEnd>, store::Error> {
    let last = store::entry_last(tx, account, inquiry).await?;
    Ok(last.map(|e| ChainEnd { seq: e.seq, hash: e.hash }))
}

/// The last entry of a chain.
pub(crate) struct ChainEnd {
    pub(crate) seq: i64,
    pub(crate) hash: String,
}

/// What events lead to, ready to be stored: all thinking is done, nothing is written.
pub(crate) struct Decided {
    pub(crate) inquiry: Inquiry,
    row: InquiryRow,
    /// The row is stored already.
    known: bool,
    /// These events show that the caller is in need: what was planned before goes first too.
    hurries: bool,
    steps: Vec<DecidedStep>,
    told: Told,
    /// What its entries say of written properties.
    writes: Vec<FieldWriteRow>,
    /// Providers of a prospect that a person has approved by these events.
    approved: BTreeSet<String>,
    /// What these events mean for the person.
    keep: Option<Keep>,
}

/// What one event leads to outside of the inquiry's own row.
struct DecidedStep {
    plan: Option<Planned>,
    timers: Vec<EffectRow>,
    opened: Vec<ReviewRow>,
    closed: Vec<(ReviewId, store::ReviewDecision)>,
    /// Paused clauses that something of it waits for.
    waits: Vec<String>,
}

/// Entries in their places and the documents they refer to.
pub(crate) struct Told {
    entries: Vec<EntryRow>,
    documents: Vec<DocumentNew>,
}

/// Moves an inquiry by events, one after the other. `extra` are entries that belong before the events (attempts made for an effect).
///
/// Touches no store, so that it runs beside the one writer and not in it. The version of the row and the place in the chain are what it
/// relied on; [`Decided::store`] finds out if either has moved on.
pub(crate) fn decide(
    facts: &AccountFacts,
    mut loaded: Loaded,
    end: Option<ChainEnd>,
    events: &[Event],
    extra: Vec<Draft>,
    now: Timestamp,
) -> Result<Decided, store::Error> {
    let account = facts.account.as_str();
    let before = loaded.inquiry.urgent();
    let was_approved = workflow::approved(&loaded.inquiry);
    let (inquiry_id, opened_at) = (loaded.inquiry.id.clone(), loaded.inquiry.opened_at);
    let mut seq = end.as_ref().map_or(0, |e| e.seq);
    let mut drafts = extra;
    let mut steps = Vec::with_capacity(events.len());
    let (known, was) = (loaded.version.is_some(), loaded.inquiry.person.clone());
    let (mut taken, mut coming): (Vec<Event>, VecDeque<Event>) = (Vec::new(), events.iter().cloned().collect());
    while let Some(event) = coming.pop_front() {
        drafts.push(event_draft(&event, &loaded.inquiry, facts));
        let words = facts.facts().crm.map(|(_, words)| words);
        let then = consent::Then::of(&loaded.inquiry, words);
        let step = inquiry::step(loaded.inquiry, &event, &facts.facts(), now);
        // That somebody does not want to be reached is an event of its own, right behind the one that shows it: kept with the person.
        let shown = consent::first_shown(&then, &step.inquiry, &event, words, now);
        if let Some(opt_out) = shown {
            coming.push_front(Event::OptedOut { opt_out });
        }
        let waits = facts.standing.waited_for(&step.inquiry.verdicts, step.plan.as_ref());
        loaded.inquiry = step.inquiry;
        drafts.extend(step.drafts);
        let mut timers = Vec::with_capacity(step.timers.len());
        for (n, timer) in step.timers.iter().enumerate() {
            seq += 1;
            let id = format!("tmr_{}.{seq}.{n}.{}", inquiry_id.stem(), timer.kind.word());
            let body = serde_json::to_string(&timer.kind).unwrap_or_default();
            timers.push(timer_row(account, inquiry_id.as_str(), &id, "timer", &body, timer.at, now));
        }
        let opened = step.opened_reviews.iter().map(|r| review_row(account, &inquiry_id, r, now));
        steps.push(DecidedStep {
            plan: step.plan.map(|plan| planned(account, plan, opened_at, now)).transpose()?,
            timers,
            opened: opened.collect::<Result<_, _>>()?,
            closed: step.closed_reviews.into_iter().map(|r| (r.clone(), closed_by(&r, &event, now))).collect(),
            waits,
        });
        taken.push(event);
    }
    let told = tell(facts, &inquiry_id, drafts, end, now);
    let row = inquiry_row(account, &loaded, now)?;
    let hurries = loaded.inquiry.urgent() && !before;
    let writes = writes::of_entries(&told.entries, &loaded.inquiry, facts);
    let mut approved = BTreeSet::new();
    if workflow::approved(&loaded.inquiry) && !was_approved {
        approved.extend(loaded.inquiry.offers.iter().map(|offer| offer.provider.clone()));
    }
    let keep = Keep::of(known, was.as_deref(), &loaded.inquiry, &taken);
    Ok(Decided { inquiry: loaded.inquiry, row, known, hurries, steps, told, writes, approved, keep })
}

impl Decided {
    /// The end of the chain when this is stored.
    pub(crate) fn end(&self) -> Option<ChainEnd> {
        self.told.entries.last().map(|e| ChainEnd { seq: e.seq, hash: e.hash.clone() })
    }

    /// What it plans.
    pub(crate) fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.steps.iter().filter_map(|s| s.plan.as_ref()).flat_map(|p| &p.effects).map(|(_, effect)| effect)
    }

    /// The same, for events that take an opt-out back: only what was kept then is taken back ([`Keep::taking_back`]).
    pub(crate) fn taking_back(mut self, seen: Option<String>) -> Self {
        self.keep = self.keep.map(|keep| keep.taking_back(seen));
        self
    }

    /// Stores all of it in this unit, and what it means for the person with it. [`store::Error::Conflict`] when the inquiry has moved since it was
    /// read: read and decide again.
    pub(crate) async fn store(&self, tx: &mut Tx, facts: &AccountFacts, now: Timestamp) -> Result<(), store::Error> {
        self.store_alone(tx, now).await?;
        match &self.keep {
            // Few units have one, and it may lead to other inquiries of the person: apart from the others it does not make each of them larger.
            Some(keep) => Box::pin(keep.store(tx, facts, now)).await,
            None => Ok(()),
        }
    }

    /// The same, where the person's own row is not to change.
    pub(crate) async fn store_alone(&self, tx: &mut Tx, now: Timestamp) -> Result<(), store::Error> {
        let account = self.row.account.as_str();
        for step in &self.steps {
            for clause in &step.waits {
                store::clause_wait_put(tx, account, clause, &self.row.id, micros(now)).await?;
            }
            if let Some(plan) = &step.plan {
                plan.store(tx, account, now).await?;
            }
            if !step.timers.is_empty() {
                store::effect_insert(tx, &step.timers).await?;
            }
            for review in &step.opened {
                store::review_insert_once(tx, review).await?;
            }
            for (review, decision) in &step.closed {
                let Some(row) = store::review_get(tx, account, review.as_str()).await? else { continue };
                store::review_decide_if_open(tx, account, review.as_str(), &row.digest, decision).await?;
            }
        }
        if self.hurries {
            store::effects_hurry(tx, account, &self.row.id).await?;
        }
        workflow::count_approved(tx, account, &self.approved, now).await?;
        self.told.store(tx).await?;
        if !self.writes.is_empty() {
            store::field_writes_put_once(tx, &self.writes).await?;
        }
        let stored = if self.known {
            store::inquiry_update_if(tx, &self.row).await?
        } else {
            store::inquiry_insert_once(tx, &self.row).await?
        };
        if stored { Ok(()) } else { Err(store::Error::Conflict) }
    }
}

/// Puts drafts into the chain of an inquiry.
pub(crate) fn tell(
    facts: &AccountFacts,
    inquiry: &InquiryId,
    drafts: Vec<Draft>,
    end: Option<ChainEnd>,
    now: Timestamp,
) -> Told {
    let (account, inquiry) = (facts.account.as_str(), inquiry.as_str());
    let (entries, documents) = entry_rows(account, inquiry, drafts, end.as_ref(), now, &facts.salt);
    Told { entries, documents: new_documents(facts.days, documents, now) }
}

/// Drafts as the rows that go on with a chain, and the documents they refer to.
pub(crate) fn entry_rows(
    account: &str,
    inquiry: &str,
    drafts: Vec<Draft>,
    end: Option<&ChainEnd>,
    now: Timestamp,
    salt: &Salt,
) -> (Vec<EntryRow>, Vec<Document>) {
    let (entries, documents) = seal(drafts, end.map(|e| (e.seq, e.hash.as_str())), now, salt);
    let row = |e: Entry| EntryRow {
        account: account.to_owned(),
        inquiry: inquiry.to_owned(),
        seq: e.seq,
        at: micros(e.at),
        kind: e.kind,
        body: e.body,
        prev_hash: e.prev_hash,
        hash: e.hash,
        schema: i64::from(ENTRY_SCHEMA),
        code_version: ringback_core::CODE_VERSION.to_owned(),
    };
    (entries.into_iter().map(row).collect(), documents)
}

impl Told {
    /// [`store::Error::Conflict`] when somebody else went on with the chain.
    pub(crate) async fn store(&self, tx: &mut Tx) -> Result<(), store::Error> {
        let Some(first) = self.entries.first() else { return Ok(()) };
        store::documents_put_once(tx, &first.account, &self.documents).await?;
        store::entries_append(tx, &self.entries).await
    }
}

/// Reads, decides and stores in one unit of work, for whoever has no reason to decide beforehand.
pub(crate) async fn apply(
    tx: &mut Tx,
    facts: &AccountFacts,
    loaded: Loaded,
    events: &[Event],
    now: Timestamp,
) -> Result<Inquiry, store::Error> {
    let end = chain_end(tx, facts.account.as_str(), loaded.inquiry.id.as_str()).await?;
    let decided = decide(facts, loaded, end, events, Vec::new(), now)?;
    decided.store(tx, facts, now).await?;
    Ok(decided.inquiry)
}

/// Every event is kept whole (as an erasable document) with its schema version, the contract it was decided under, the clauses that were
/// paused and who was told what happened, so that the decision can be made again: a node may decide on facts that another one changed a moment ago.
fn event_draft(event: &Event, before: &Inquiry, facts: &AccountFacts) -> Draft {
    let json = serde_json::to_string(event).unwrap_or_default();
    let draft = Draft::new("event")
        .with("schema", INQUIRY_SCHEMA)
        .with("contract", &facts.contract_ref)
        .with("standing", facts.standing.counting(&facts.contract))
        .with("targets", (!facts.targets.is_empty()).then_some(&facts.targets))
        .with("what", event.word())
        .seal_words("event", Some(&json));
    if before.calls.is_empty() && before.offers.is_empty() {
        let birth = serde_json::to_string(before).unwrap_or_default();
        return draft.seal_words("born", Some(&birth));
    }
    draft
}

/// A plan and its effects as rows.
struct Planned {
    row: PlanRow,
    supersedes: Vec<EffectId>,
    /// Ready or waiting is seen when they are stored.
    effects: Vec<(EffectRow, Effect)>,
}

fn planned(account: &str, plan: Plan, opened_at: Timestamp, now: Timestamp) -> Result<Planned, store::Error> {
    let (plan, effects) = plan.stored();
    let row = PlanRow {
        account: account.to_owned(),
        id: plan.id.as_str().to_owned(),
        inquiry: plan.inquiry.as_str().to_owned(),
        n: i64::from(plan.n),
        parent: plan.parent.as_ref().map(|p| p.as_str().to_owned()),
        contract: plan.contract.id.as_str().to_owned(),
        at: micros(now),
        schema: i64::from(PLAN_SCHEMA),
        body: serde_json::to_string(&plan).map_err(|e| corrupt("plan", plan.id.as_str(), e))?,
    };
    let effects = effects.into_iter().map(|e| Ok((effect_row(account, &e, opened_at, now)?, e)));
    Ok(Planned { row, supersedes: plan.supersedes, effects: effects.collect::<Result<_, store::Error>>()? })
}

impl Planned {
    async fn store(&self, tx: &mut Tx, account: &str, now: Timestamp) -> Result<(), store::Error> {
        store::plan_insert(tx, &self.row).await?;
        // Only what was never sent can be taken back; what is under way settles first (the newer effect needs it settled).
        for old in &self.supersedes {
            let Some(mut row) = store::effect_get(tx, account, old.as_str()).await? else { continue };
            if matches!(row.state.as_str(), "waiting" | "due") && row.attempts == 0 {
                row.state = "superseded".into();
                row.settled_at = Some(micros(now));
                row.why = Some(format!("plan {} wants something else", self.row.id));
                if !store::effect_update_if(tx, &row).await? {
                    return Err(store::Error::Conflict);
                }
            }
        }
        let mut rows = Vec::with_capacity(self.effects.len());
        for (row, effect) in &self.effects {
            let mut row = row.clone();
            if needs_met(tx, account, effect).await? {
                row.state = "due".into();
                row.due_at = micros(now);
            }
            rows.push(row);
        }
        if rows.is_empty() { Ok(()) } else { store::effect_insert(tx, &rows).await }
    }
}

/// Is everything settled (and done, where it must be) that an effect needs?
///
/// An effect that was taken back before it was sent never waited for what it needed itself: whoever waits for it waits for that too. Else
/// an older effect that is still under way would run after the newest one and undo it.
pub(crate) async fn needs_met(tx: &mut Tx, account: &str, effect: &Effect) -> Result<bool, store::Error> {
    let mut needs = effect.needs.clone();
    while let Some(need) = needs.pop() {
        let met = match store::effect_state(tx, account, need.effect.as_str()).await?.as_deref() {
            Some("superseded") if need.settled => {
                let Some(row) = store::effect_get(tx, account, need.effect.as_str()).await? else { return Ok(false) };
                let gone: Effect = serde_json::from_str(&row.body).map_err(|e| corrupt("effect", &row.id, e))?;
                needs.extend(gone.needs.into_iter().filter(|n| n.settled));
                true
            }
            Some(state) if need.settled => matches!(state, "done" | "dead"),
            Some(state) => state == "done",
            // Planned in the same plan and not stored yet.
            None => false,
        };
        if !met {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Its rank is the age of its inquiry: what was begun comes to its end before more is begun, so that searches and writes of a backlog
/// leave side by side.
fn effect_row(account: &str, effect: &Effect, opened_at: Timestamp, now: Timestamp) -> Result<EffectRow, store::Error> {
    let json = |what: &str, r: Result<String, serde_json::Error>| r.map_err(|e| corrupt(what, effect.id.as_str(), e));
    Ok(EffectRow {
        account: account.to_owned(),
        id: effect.id.as_str().to_owned(),
        inquiry: effect.inquiry.as_str().to_owned(),
        plan: effect.plan.as_str().to_owned(),
        lane: effect.lane.as_str().to_owned(),
        kind: effect.desired.word().to_owned(),
        target: effect.target.clone(),
        state: "waiting".to_owned(),
        urgent: effect.urgent,
        rank: micros(opened_at.min(now)),
        due_at: WAITS_FOR_ANOTHER,
        in_flight_until: None,
        needs: json("needs", serde_json::to_string(&effect.needs))?,
        body: json("effect", serde_json::to_string(effect))?,
        history: json("history", serde_json::to_string(&Kept { schema: HISTORY_SCHEMA, history: History::default() }))?,
        receipt: None,
        attempts: 0,
        version: 0,
        created_at: micros(now),
        settled_at: None,
        why: None,
    })
}

/// A history with the version of its form.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Kept {
    pub(crate) schema: u32,
    #[serde(flatten)]
    pub(crate) history: History,
}

/// A moment to come back.
pub(crate) fn timer_row(
    account: &str,
    inquiry: &str,
    id: &str,
    kind: &str,
    body: &str,
    at: Timestamp,
    now: Timestamp,
) -> EffectRow {
    EffectRow {
        account: account.to_owned(),
        id: id.to_owned(),
        inquiry: inquiry.to_owned(),
        plan: String::new(),
        lane: store::TIMER_LANE.to_owned(),
        kind: kind.to_owned(),
        target: inquiry.to_owned(),
        state: "due".into(),
        urgent: false,
        rank: 0,
        due_at: micros(at),
        in_flight_until: None,
        needs: "[]".into(),
        body: body.to_owned(),
        history: "{}".into(),
        receipt: None,
        attempts: 0,
        version: 0,
        created_at: micros(now),
        settled_at: None,
        why: None,
    }
}

pub(crate) fn review_row(
    account: &str,
    inquiry: &InquiryId,
    review: &Review,
    now: Timestamp,
) -> Result<ReviewRow, store::Error> {
    Ok(ReviewRow {
        account: account.to_owned(),
        id: review.id.as_str().to_owned(),
        inquiry: inquiry.as_str().to_owned(),
        kind: review.kind.word().to_owned(),
        state: "open".into(),
        digest: review.digest.clone(),
        body: serde_json::to_string(review).map_err(|e| corrupt("review", review.id.as_str(), e))?,
        opened_at: micros(now),
        decided_at: None,
        decided_by: None,
        decision: None,
    })
}

/// How a question came to its end: by the answer that the event is, or because nothing is left to ask.
fn closed_by(review: &ReviewId, event: &Event, now: Timestamp) -> store::ReviewDecision {
    let (state, by, decision) = match event {
        Event::Decided { review: asked, choice, by } if asked == review => {
            ("decided", by.as_str().to_owned(), serde_json::to_string(choice).unwrap_or_default())
        }
        _ => ("void", String::new(), String::new()),
    };
    store::ReviewDecision { state: state.to_owned(), at: micros(now), by, decision }
}

/// Days that documents of each class are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeptDays {
    pub(crate) raw: i64,
    pub(crate) speech: i64,
    pub(crate) value: i64,
}

/// The right that answering a review needs.
pub fn act_of(review: &Review, contract: &Contract) -> Act {
    match review.kind {
        ReviewKind::Field | ReviewKind::SpotCheck => {
            let rule = review.field.as_ref().and_then(|field| contract.fields.get(field));
            // A clause that is gone from the contract cannot be asked any more: the narrower right is needed.
            let answered_for = rule.is_none_or(|rule| rule.accountability || rule.protected.is_some());
            if answered_for { Act::DecideAccountability } else { Act::DecideField }
        }
        ReviewKind::OwnerChange => Act::DecideOwner,
        ReviewKind::Match
        | ReviewKind::NoNumber
        | ReviewKind::AmbiguousVoicemail
        | ReviewKind::OwnerTie
        | ReviewKind::UnknownLocation
        | ReviewKind::Doubled => Act::WorkQueue,
    }
}

impl KeptDays {
    fn of(self, class: Retention) -> i64 {
        match class {
            Retention::Raw => self.raw,
            Retention::Speech => self.speech,
            Retention::Value => self.value,
        }
    }
}

pub(crate) async fn put_documents(
    tx: &mut Tx,
    account: &str,
    days: KeptDays,
    documents: Vec<Document>,
    now: Timestamp,
) -> Result<(), store::Error> {
    store::documents_put_once(tx, account, &new_documents(days, documents, now)).await.map(|_| ())
}

fn new_documents(days: KeptDays, documents: Vec<Document>, now: Timestamp) -> Vec<DocumentNew> {
    let new = |document: Document| DocumentNew {
        id: document.id.as_str().to_owned(),
        class: document.class.word().to_owned(),
        kind: document.kind.to_owned(),
        body: document.body,
        created_at: micros(now),
        expires_at: crate::intake::expiry(now, days.of(document.class)),
    };
    documents.into_iter().map(new).collect()
}

fn inquiry_row(account: &str, loaded: &Loaded, now: Timestamp) -> Result<InquiryRow, store::Error> {
    let inquiry = &loaded.inquiry;
    let open = inquiry.open();
    let queue = if !inquiry.open() {
        None
    } else if inquiry.taken_by.is_some() {
        Some("being_called")
    } else if inquiry.reviews.iter().any(|r| r.kind != inquiry::ReviewKind::Field)
        && inquiry.callback_number().is_none()
    {
        Some("decide")
    } else {
        Some("call")
    };
    Ok(InquiryRow {
        account: account.to_owned(),
        id: inquiry.id.as_str().to_owned(),
        snapshot: serde_json::to_string(inquiry).map_err(|e| corrupt("inquiry", inquiry.id.as_str(), e))?,
        version: loaded.version.unwrap_or(0),
        state: match inquiry.state {
            _ if inquiry.workflow().is_some() => workflow::ITEM.into(),
            State::Open => "open".into(),
            State::Closed { .. } => "closed".into(),
        },
        // While it is open its key is taken; once closed the caller's next call opens another.
        // What a workflow began keeps its key for good: one item for each workflow and record.
        open_key: loaded.open_key.clone().filter(|_| open || inquiry.workflow().is_some()),
        location: inquiry.location.as_ref().map(|l| l.as_str().to_owned()),
        person_key: inquiry.person.clone(),
        urgency: Some(inquiry.urgency()),
        category: inquiry.workflow().map(workflow::category).or(inquiry.last_call().map(|c| c.category.clone())),
        owner: inquiry.owner.as_ref().map(|o| o.staff.as_str().to_owned()),
        tier: i64::from(inquiry.tier),
        due_at: inquiry.next_callback_at.or(inquiry.clock.as_ref().map(|c| c.due_at)).map(micros),
        queue: queue.map(str::to_owned),
        opened_at: micros(inquiry.opened_at),
        closed_at: match inquiry.state {
            State::Closed { at, .. } => Some(micros(at)),
            // Nobody has to call back: it was never open in that sense.
            State::Open if inquiry.workflow().is_some() => Some(micros(inquiry.opened_at)),
            State::Open => None,
        },
        updated_at: micros(now),
    })
}

/// An effect came to its end: what waited for it may go.
pub(crate) async fn release(tx: &mut Tx, account: &str, inquiry: &str, now: Timestamp) -> Result<(), store::Error> {
    for mut row in store::effects_waiting_of_inquiry(tx, account, inquiry).await? {
        let effect: Effect = upcast::read_own(Form::Effect, &row.body).map_err(|e| corrupt("effect", &row.id, e))?;
        if needs_met(tx, account, &effect).await? {
            row.state = "due".into();
            row.due_at = micros(now);
            if !store::effect_update_if(tx, &row).await? {
                return Err(store::Error::Conflict);
            }
        }
    }
    Ok(())
}

impl Engine {
    /// Moves an inquiry by a person's event.
    pub async fn act(&self, account: &AccountId, inquiry: &InquiryId, event: Event) -> Result<Inquiry, Error> {
        self.act_all(account, inquiry, &[event]).await
    }

    /// Moves an inquiry by events, one after the other, in one unit.
    pub(crate) async fn act_all(
        &self,
        account: &AccountId,
        inquiry: &InquiryId,
        events: &[Event],
    ) -> Result<Inquiry, Error> {
        let facts = self.facts(account).await?;
        let events: Arc<[Event]> = events.into();
        for _ in 0..MEETINGS_MAX {
            let (facts, events, id, now) = (facts.clone(), events.clone(), inquiry.clone(), self.now());
            let moved = self
                .store()
                .write(Site::Decision, move |tx| {
                    Box::pin(async move {
                        let account = facts.account.as_str();
                        let Some(loaded) = load(tx, account, id.as_str()).await? else { return Ok(None) };
                        apply(tx, &facts, loaded, &events, now).await.map(Some)
                    })
                })
                .await;
            match moved {
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(None) => return Err(Error::Missing(format!("inquiry {inquiry}"))),
                Ok(Some(moved)) => {
                    self.changed();
                    return Ok(moved);
                }
            }
        }
        Err(Error::MovedOn("somebody else is changing this inquiry; try again".into()))
    }

    /// The right that answering a review needs; none if there is no such review. Whether somebody answers for a field is asked of the contract
    /// in force now: a mark that was set meanwhile counts.
    pub async fn act_of_review(&self, account: &AccountId, review: &ReviewId) -> Result<Option<Act>, Error> {
        let (account_text, id) = (account.as_str().to_owned(), review.as_str().to_owned());
        let row = self
            .store()
            .read(move |tx| Box::pin(async move { store::review_get(tx, &account_text, &id).await }))
            .await?;
        let Some(row) = row else { return Ok(None) };
        let review: Review = serde_json::from_str(&row.body)
            .map_err(|e| Error::Corrupt { what: format!("review {}", row.id), why: e.to_string() })?;
        let facts = self.facts(account).await?;
        Ok(Some(act_of(&review, &facts.contract)))
    }

    /// What earlier inquiries of the same caller wrote to these records, so that a decision can tell our own values from those that
    /// somebody set. Of the latest [`REMEMBERED_INQUIRIES_MAX`] only: what is not remembered counts as a person's.
    pub(crate) async fn remembered(
        &self,
        facts: &AccountFacts,
        inquiry: &InquiryId,
        found: &[Record],
    ) -> Result<Vec<Remembered>, Error> {
        let ids: Vec<String> = found.iter().map(|r| r.id.clone()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (account, id) = (facts.account.as_str().to_owned(), inquiry.as_str().to_owned());
        let rows = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let Some(row) = store::inquiry_get(tx, &account, &id).await? else { return Ok(Vec::new()) };
                    let Some(person) = row.person_key else { return Ok(Vec::new()) };
                    store::inquiries_of_person(tx, &account, &person, REMEMBERED_INQUIRIES_MAX).await
                })
            })
            .await?;
        let mut memory = Vec::new();
        for row in rows {
            let Some(contact) = of_row(row)?.inquiry.contact.filter(|c| ids.contains(&c.record)) else { continue };
            let of = |(property, wrote)| Remembered { record: contact.record.clone(), property, wrote };
            memory.extend(contact.ours.into_iter().map(of));
        }
        Ok(memory)
    }

    /// Sends a dead letter on its way again, from where it stood.
    pub async fn replay_dead_letter(&self, account: &AccountId, effect: &EffectId, by: &UserId) -> Result<(), Error> {
        let facts = self.facts(account).await?;
        let (id, by, now) = (effect.clone(), by.clone(), self.now());
        let found = self
            .store()
            .write(Site::Decision, move |tx| {
                Box::pin(async move {
                    let account = facts.account.as_str();
                    let Some(mut row) = store::effect_get(tx, account, id.as_str()).await? else { return Ok(false) };
                    if row.state != "dead" {
                        return Ok(false);
                    }
                    let old: Kept =
                        upcast::read_own(Form::History, &row.history).map_err(|e| corrupt("history", &row.id, e))?;
                    // A fresh start, but what may have landed unseen is still to be looked for first.
                    let doubtful = |e: &ringback_core::ensure::Exchange| {
                        e.purpose.changes()
                            && matches!(e.outcome, None | Some(ringback_core::crm::Outcome::Unknown { .. }))
                    };
                    let exchanges = old.history.exchanges.into_iter().rev().find(doubtful).into_iter().collect();
                    let kept = Kept { schema: HISTORY_SCHEMA, history: History { exchanges } };
                    row.state = "due".into();
                    row.due_at = micros(now);
                    row.rank = micros(now);
                    row.settled_at = None;
                    row.history = serde_json::to_string(&kept).map_err(|e| corrupt("history", &row.id, e))?;
                    let target = row.target.clone();
                    if !store::effect_update_if(tx, &row).await? {
                        return Err(store::Error::Conflict);
                    }
                    // A receiver's refusal, or its silence, was about the message of then: it is told again.
                    if confirms(&facts, &row.lane) {
                        let effect: Effect =
                            upcast::read_own(Form::Effect, &row.body).map_err(|e| corrupt("effect", &row.id, e))?;
                        if let Some(key) = crate::acknowledge::key_of(&effect.desired) {
                            store::ack_forget_if(tx, account, &row.lane, &key, micros(now)).await?;
                        }
                    }
                    let Some(loaded) = load(tx, account, &row.inquiry).await? else { return Ok(true) };
                    let event = Event::Replayed { effect: id, target, by };
                    apply(tx, &facts, loaded, &[event], now).await?;
                    Ok(true)
                })
            })
            .await?;
        if !found {
            return Err(Error::Missing(format!("dead letter {effect}")));
        }
        self.changed();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
