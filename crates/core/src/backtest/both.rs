//! A case under two contracts at once. What a contract cannot change is done once.
//!
//! Most drafts change what is written and nothing of who calls back by when. Then everything up to the values is one course for both, and what
//! differs is what stands in the caller's record: each contract has its own. Where something happens that could turn on that record, there
//! are two courses from then on. A property test holds this equal to two rehearsals that know nothing of each other.

use super::{Case, Decided, Happened, Rehearsed, Run, Side, event_of, rehearse};
use crate::decide::Ruling;
use crate::inquiry::{Contact, Course, Event, Reach};
use crate::plan::VerdictKind;
use std::sync::Arc;

impl Side<'_> {
    /// Who it is, when it is due and who calls back is the same under both, as long as the caller's record shows the same to the owner's rules.
    pub(super) fn runs_alike(&self, other: &Self) -> bool {
        let (a, b) = (&self.facts, &other.facts);
        let crm = match (a.crm, b.crm) {
            (Some((lane, words)), Some((other, others))) => lane == other && std::ptr::eq(words, others),
            (None, None) => true,
            _ => false,
        };
        let house = std::ptr::eq(a.roster, b.roster) && a.salt.0 == b.salt.0 && a.crm_region == b.crm_region;
        let (a, b) = (a.contract, b.contract);
        let clocks = self.facts.roster.locations.iter().all(|l| a.clock_for(&l.slug) == b.clock_for(&l.slug));
        let from = |field: &str| (a.fields.get(field).map(|r| &r.from), b.fields.get(field).map(|r| &r.from));
        let asked = a.owner.rules.iter().flat_map(|r| r.when.more()).filter_map(|name| name.strip_prefix("field."));
        let claims = || asked.map(from).all(|(a, b)| a == b);
        crm && house && a.matching == b.matching && a.owner == b.owner && a.clock == b.clock && clocks && claims()
    }

    /// What the owner's rules can see of the caller's record is the same.
    fn sees_alike(&self, one: Option<&Contact>, other: Option<&Contact>) -> bool {
        fn shows<'c>(contact: Option<&'c Contact>, name: &str) -> Option<&'c String> {
            let held = contact.and_then(|c| c.record_held.properties.get(name));
            held.filter(|v| !v.trim().is_empty())
        }
        let rules = self.contract().owner.rules.iter().flat_map(|r| r.when.more());
        let asked = rules.filter_map(|name| name.strip_prefix("record."));
        let owner = self.facts.crm.map(|(_, words)| words.contact_owner);
        asked.chain(owner).all(|name| shows(one, name) == shows(other, name))
    }
}

/// Both rehearsals of a case. `alike`: [`Side::runs_alike`].
pub(super) fn both<'c>(case: &Case, now: &Side<'c>, draft: &Side<'c>, alike: bool) -> (Rehearsed<'c>, Rehearsed<'c>) {
    if !alike {
        return (rehearse(case, now), rehearse(case, draft));
    }
    let mut pair = Pair { run: Run::of(Course::of(case.born.clone())), draft: Vec::with_capacity(4), own: None };
    for (n, one) in case.happened.iter().enumerate() {
        if pair.turns_on_the_record(one) {
            let (mut a, mut b) = pair.part();
            let rest = case.happened.get(n..).unwrap_or_default();
            for (m, one) in rest.iter().enumerate() {
                let last = m + 1 == rest.len();
                a.go(one, now, last);
                b.go(one, draft, last);
            }
            return (a.end(), b.end());
        }
        pair.go(one, now, draft, n + 1 == case.happened.len());
    }
    pair.end()
}

/// One course under two contracts.
struct Pair<'c> {
    /// The course, with what the contract in force decided and the record as it leaves it.
    run: Run<'c>,
    /// What the draft decided.
    draft: Vec<Decided<'c>>,
    /// The record as the draft leaves it, where that is another.
    own: Option<Own>,
}

struct Own {
    contact: Option<Contact>,
    /// The owner's rules cannot tell one record from the other.
    seen_alike: bool,
}

impl<'c> Pair<'c> {
    /// Could what happens now turn on what stands in the caller's record?
    fn turns_on_the_record(&self, one: &Happened) -> bool {
        let Some(own) = &self.own else { return false };
        let Some(event) = event_of(&one.what, &self.run.course.inquiry) else { return false };
        !own.seen_alike
            || match event.as_ref() {
                Event::Call { .. } | Event::Read { .. } => false,
                Event::CalledBack { .. } | Event::Taken { .. } | Event::Assigned { .. } => false,
                // Who it is was decided for good where there is a record.
                Event::Found { .. } => own.contact.is_none() || self.run.course.inquiry.contact.is_none(),
                _ => true,
            }
    }

    fn go(&mut self, one: &Happened, now: &Side<'c>, draft: &Side<'c>, last: bool) {
        if let super::What::Found(_, n) = one.what {
            self.run.sight = Some(n);
        }
        let course = &mut self.run.course;
        let Some(event) = event_of(&one.what, &course.inquiry) else { return };
        course.move_on(&event, &now.facts, one.at);
        if course.inquiry.matched.is_none() && !last {
            return;
        }
        let at = one.at;
        let by_now = course.rulings(&now.facts, now.contract(), at);
        let by_draft = match &mut self.own {
            None => {
                let by_draft = course.rulings(&draft.facts, draft.contract(), at);
                let reach = (course.reach(&by_now, &now.facts), course.reach(&by_draft, &draft.facts));
                if same_writes(&by_now, &by_draft, reach) {
                    let of = course.bring_about(by_now, &now.facts, at);
                    self.run.decided.push(Decided { at, of });
                    let of = course.reached(by_draft, reach.1, &draft.facts);
                    self.draft.push(Decided { at, of });
                    return;
                }
                self.own = Some(Own { contact: course.inquiry.contact.clone(), seen_alike: true });
                Some(by_draft)
            }
            Some(_) => None,
        };
        let of = course.bring_about(by_now, &now.facts, at);
        self.run.decided.push(Decided { at, of });
        let Some(own) = &mut self.own else { return };
        std::mem::swap(&mut own.contact, &mut course.inquiry.contact);
        let by_draft = by_draft.unwrap_or_else(|| course.rulings(&draft.facts, draft.contract(), at));
        let of = course.bring_about(by_draft, &draft.facts, at);
        self.draft.push(Decided { at, of });
        std::mem::swap(&mut own.contact, &mut course.inquiry.contact);
        own.seen_alike = now.sees_alike(course.inquiry.contact.as_ref(), own.contact.as_ref());
    }

    /// Two courses from here on.
    fn part(self) -> (Run<'c>, Run<'c>) {
        let mut course = self.run.course.clone();
        if let Some(own) = self.own {
            course.inquiry.contact = own.contact;
        }
        let draft = Run { course, decided: self.draft, sight: self.run.sight };
        (self.run, draft)
    }

    fn end(self) -> (Rehearsed<'c>, Rehearsed<'c>) {
        let own = self.own;
        let now = self.run.end();
        let contact = own.map_or_else(|| now.contact.clone(), |own| own.contact);
        let draft = Rehearsed { inquiry: Arc::clone(&now.inquiry), contact, decided: self.draft, sight: now.sight };
        (now, draft)
    }
}

/// Both would leave the caller's record as the same.
fn same_writes(a: &[Ruling<'_>], b: &[Ruling<'_>], reach: (Reach, Reach)) -> bool {
    fn writes<'r, 'c>(of: &'r [Ruling<'c>]) -> impl Iterator<Item = &'r Ruling<'c>> {
        of.iter().filter(|r| r.kind == VerdictKind::Write && r.rule.object == crate::crm::Object::Contact)
    }
    if !reach.0.contact && !reach.1.contact {
        return true;
    }
    let what = |r: &Ruling<'_>| (r.confidence, r.actor);
    let alike =
        |a: &Ruling<'_>, b: &Ruling<'_>| a.rule.property == b.rule.property && a.is == b.is && what(a) == what(b);
    reach.0.contact == reach.1.contact
        && writes(a).count() == writes(b).count()
        && writes(a).zip(writes(b)).all(|(a, b)| alike(a, b))
}
