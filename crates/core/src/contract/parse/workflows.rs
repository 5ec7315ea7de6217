//! `[workflow.<name>]`: which neighbouring workflows are on, how far each goes, and its few figures.

use super::{AUTONOMY, Reader, Section};
use crate::contract::model::*;
use crate::workflow::{Workflow, WorkflowRule};
use std::collections::BTreeMap;

/// The largest number that a figure of a workflow may have.
const FIGURE_MAX: u16 = 3_650;

impl Reader {
    pub(super) fn workflows(&mut self, root: &Section) -> BTreeMap<Workflow, WorkflowRule> {
        let mut found = BTreeMap::new();
        let Some(section) = self.section(root, "workflow") else { return found };
        let words: Vec<&str> = Workflow::all().iter().map(|a| a.word).collect();
        self.known(&section, &words);
        for about in Workflow::all() {
            let Some(table) = self.section(&section, about.word) else { continue };
            if let Some(rule) = self.workflow(&table, about.workflow) {
                found.insert(about.workflow, rule);
            }
        }
        found
    }

    fn workflow(&mut self, section: &Section, workflow: Workflow) -> Option<WorkflowRule> {
        let own: &[&str] = match workflow {
            Workflow::HotLeadRouting | Workflow::OutboundResearch => &["score_at"],
            Workflow::OutboundCreation => &["sample"],
            Workflow::FollowUp => &["after_unanswered"],
            Workflow::Lifecycle => &["stages"],
            Workflow::DormantReactivation => &["inactive_days"],
            Workflow::InboundQualification | Workflow::DuplicateCleanup => &[],
        };
        let fields: &[&str] = if workflow == Workflow::HotLeadRouting { &[] } else { &["fields"] };
        let keys: Vec<&str> = ["on", "level"].iter().chain(fields).chain(own).copied().collect();
        self.known(section, &keys);
        if section.get("on").is_none() {
            self.missing("RB-0205", section, "on", "switch it: on = false, or on = true");
        }
        let on = self.flag(section, "on");
        let level = self.word(section, "level", AUTONOMY).unwrap_or(Autonomy::Suggest);
        let fields = self.texts(section, "fields").unwrap_or_default().into_iter().map(|(t, _)| t.to_owned()).collect();
        let has = |key: &str| own.contains(&key);
        let score_at = has("score_at").then(|| self.thousandths(section, "score_at")).flatten();
        let mut figure = |key: &str| has(key).then(|| self.figure(section, key)).flatten();
        let (sample, after_unanswered, inactive_days) =
            (figure("sample"), figure("after_unanswered"), figure("inactive_days"));
        let stages = if has("stages") { self.stages(section) } else { Vec::new() };
        Some(WorkflowRule { on: on?, level, fields, score_at, sample, after_unanswered, inactive_days, stages })
    }

    /// A whole number from 1 on.
    fn figure(&mut self, section: &Section, key: &str) -> Option<u16> {
        let (value, at) = section.get(key)?;
        let Some(written) = value.as_integer() else {
            self.wrong_kind(section, key, "a whole number", value, at);
            return None;
        };
        let number = written.as_str().parse::<u16>().ok().filter(|n| (1..=FIGURE_MAX).contains(n));
        if number.is_none() {
            let cause = format!("{} is {}, which is not from 1 to {FIGURE_MAX}", section.path(key), written.as_str());
            self.say("RB-0206", cause, "write a whole number from 1 on", at);
        }
        number
    }

    /// Stages in the CRM's words with the score from which each is recommended.
    fn stages(&mut self, section: &Section) -> Vec<(Thousandths, String)> {
        let Some(table) = self.section(section, "stages") else { return Vec::new() };
        let names: Vec<String> = table.table.iter().map(|(k, _)| k.get_ref().to_string()).collect();
        let mut found: Vec<(Thousandths, String)> =
            names.into_iter().filter_map(|name| Some((self.thousandths(&table, &name)?, name))).collect();
        found.sort();
        found
    }
}
