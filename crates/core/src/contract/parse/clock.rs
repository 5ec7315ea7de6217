//! By when, who is told, and what a location does otherwise.

use super::{AUTONOMY, RETENTION, Reader, Section};
use crate::contract::model::*;
use std::collections::{BTreeMap, BTreeSet};

const TIERS: &[(&str, TierTo)] =
    &[("location", TierTo::Location), ("corporate", TierTo::Corporate), ("specialist", TierTo::Specialist)];
const PAGE_ON: &[(&str, PageOn)] = &[
    ("opened", PageOn::Opened),
    ("escalated", PageOn::Escalated),
    ("breached", PageOn::Breached),
    ("review", PageOn::Review),
];

impl Reader {
    /// `[clock]`, or a location's own with the contract's beneath it.
    pub(super) fn clock(&mut self, section: &Section, base: Option<&ContractClock>) -> Option<ContractClock> {
        self.places.0.insert(section.path.clone(), section.at.clone());
        let keys = [
            "emergency",
            "high",
            "same_day",
            "this_week",
            "nurture",
            "new_lead",
            "lead",
            "customer",
            "vendor",
            "after_hours",
            "tiers",
            "stale_after",
            "escalate_at_once",
        ];
        self.known(section, &keys);
        let row = |reader: &mut Self, key: &str, beneath: Option<Term>| -> Option<Term> {
            if section.get(key).is_some() { reader.term(section, key) } else { beneath }
        };
        let emergency = row(self, "emergency", base.map(|b| b.emergency));
        let high = row(self, "high", base.map(|b| b.high));
        let same_day = row(self, "same_day", base.and_then(|b| b.same_day));
        let this_week = row(self, "this_week", base.and_then(|b| b.this_week));
        let nurture = row(self, "nurture", base.and_then(|b| b.nurture));
        let new_lead = row(self, "new_lead", base.map(|b| b.new_lead));
        let customer = row(self, "customer", base.map(|b| b.customer));
        let lead = row(self, "lead", base.map(|b| b.lead).or(new_lead));
        let vendor = row(self, "vendor", base.map(|b| b.vendor).or(customer));
        let after_hours = row(self, "after_hours", base.map(|b| b.after_hours));
        let needed = [
            ("emergency", emergency),
            ("high", high),
            ("new_lead", new_lead),
            ("customer", customer),
            ("after_hours", after_hours),
        ];
        for (key, term) in needed {
            if term.is_none() && section.get(key).is_none() {
                self.missing("RB-0205", section, key, format!("add {key} = \"30 min\" or another time"));
            }
        }
        let tiers = if section.get("tiers").is_some() { self.tiers(section) } else { base.map(|b| b.tiers.clone()) };
        let stale = if section.get("stale_after").is_some() {
            self.minutes(section, "stale_after")
        } else {
            base.map(|b| b.stale_after_minutes)
        };
        for (key, absent) in [("tiers", tiers.as_ref().is_none_or(Vec::is_empty)), ("stale_after", stale.is_none())] {
            if absent && (section.get(key).is_none() || (key == "tiers" && tiers.is_some())) {
                let cure = "add tiers = [{ to = \"location\" }, { to = \"corporate\", after = \"10 min\" }] and stale_after = \"60 min\"";
                self.missing("RB-0211", section, &format!("escalation window: {key} is missing"), cure);
            }
        }
        let mut words: Vec<(&str, &str)> = crate::claim::FLAGS.iter().map(|f| (*f, *f)).collect();
        // What this flag was called in contracts of the first version.
        words.push(("customer_issue", "existing_customer_issue"));
        let flags = self.words(section, "escalate_at_once", &words).map(|f| f.into_iter().map(str::to_owned).collect());
        let escalate_at_once = flags.or_else(|| base.map(|b| b.escalate_at_once.clone())).unwrap_or_default();
        Some(ContractClock {
            emergency: emergency?,
            high: high?,
            same_day,
            this_week,
            nurture,
            new_lead: new_lead?,
            lead: lead?,
            customer: customer?,
            vendor: vendor?,
            after_hours: after_hours?,
            tiers: tiers?,
            stale_after_minutes: stale?,
            escalate_at_once,
        })
    }

    pub(super) fn tiers(&mut self, section: &Section) -> Option<Vec<Tier>> {
        let mut tiers: Vec<Tier> = Vec::new();
        let before = self.problems.len();
        for tier in self.list(section, "tiers") {
            self.known(&tier, &["to", "after"]);
            let to = self.required_word(&tier, "to", TIERS);
            let after_minutes = if tier.get("after").is_some() { self.minutes(&tier, "after") } else { Some(0) };
            let (Some(to), Some(after_minutes)) = (to, after_minutes) else { continue };
            if tiers.iter().any(|t| t.to == to) {
                self.say(
                    "RB-0206",
                    "this tier is listed twice",
                    "each tier climbs once: keep one of them",
                    tier.at.clone(),
                );
            }
            if tiers.last().is_some_and(|t| t.after_minutes > after_minutes) {
                self.say(
                    "RB-0206",
                    "this tier comes before the one above it",
                    "list tiers in the order of their minutes",
                    tier.at.clone(),
                );
            }
            tiers.push(Tier { to, after_minutes });
        }
        (self.problems.len() == before).then_some(tiers)
    }

    pub(super) fn locations(
        &mut self,
        root: &Section,
        base: Option<&ContractClock>,
    ) -> BTreeMap<String, LocationRules> {
        let mut locations = BTreeMap::new();
        let Some(all) = self.section(root, "location") else { return locations };
        for (key, _) in all.table {
            let slug = key.get_ref().as_ref();
            let Some(section) = self.section(&all, slug) else { continue };
            self.places.0.insert(section.path.clone(), section.at.clone());
            self.known(&section, &["autonomy", "retention", "clock"]);
            let autonomy = self.word(&section, "autonomy", AUTONOMY);
            let retention = self.word(&section, "retention", RETENTION);
            let clock = self.section(&section, "clock").and_then(|clock| self.clock(&clock, base));
            locations.insert(slug.to_owned(), LocationRules { autonomy, retention, clock });
        }
        locations
    }

    pub(super) fn page(&mut self, root: &Section) -> Page {
        let nobody = Page { on: BTreeSet::new(), email: false, webhook: None };
        let Some(section) = self.section(root, "page") else {
            if root.get("page").is_none() {
                self.missing(
                    "RB-0205",
                    root,
                    "[page]",
                    "say how the owner is told: on = [\"opened\"] and email = true or webhook = \"…\"",
                );
            }
            return nobody;
        };
        self.known(&section, &["on", "email", "webhook"]);
        let on = self.words(&section, "on", PAGE_ON).unwrap_or_default();
        let email = self.flag(&section, "email").unwrap_or(false);
        let webhook = self.text(&section, "webhook").map(|(t, _)| t.to_owned());
        // A key of the wrong kind is told already; it is not as if it were absent.
        let unreadable = section.get("webhook").is_some() || section.get("email").is_some_and(|(v, _)| !v.is_bool());
        if !on.is_empty() && !email && webhook.is_none() && !unreadable {
            let cause = "the owner is to be told but there is no way to tell";
            self.say("RB-0205", cause, "add email = true or webhook = the name of a connection", section.at.clone());
        }
        Page { on, email, webhook }
    }
}
