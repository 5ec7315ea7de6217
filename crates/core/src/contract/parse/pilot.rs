//! `[pilot]`: six decisions, a sentence each, and the measure of success.

use super::{Reader, Section};
use crate::contract::check::sentence_problem;
use crate::contract::pilot::{Decision, Measure, Pilot, Success};

const MEASURES: &[(&str, Measure)] = &[("handled_in_time", Measure::HandledInTime)];

impl Reader {
    pub(super) fn pilot(&mut self, root: &Section) -> Pilot {
        let Some(section) = self.section(root, "pilot") else { return Pilot::default() };
        let keys: Vec<&str> = Decision::ALL.map(Decision::word).into_iter().chain(["success"]).collect();
        self.known(&section, &keys);
        let mut pilot = Pilot { success: self.success(&section), ..Pilot::default() };
        for decision in Decision::ALL {
            let Some((text, at)) = self.text(&section, decision.word()) else { continue };
            if let Some((why, _)) = sentence_problem(text) {
                let cure = format!("say in one sentence {}", decision.about());
                self.say("RB-0206", format!("{} {why}", section.path(decision.word())), cure, at);
            } else {
                pilot.decisions.insert(decision, text.trim().to_owned());
            }
        }
        pilot
    }

    fn success(&mut self, section: &Section) -> Option<Success> {
        let table = self.section(section, "success")?;
        self.known(&table, &["measure", "at_least"]);
        let measure = self.required_word(&table, "measure", MEASURES);
        if table.get("at_least").is_none() {
            self.missing("RB-0205", &table, "at_least", "write the share from which it has worked: at_least = 0.90");
        }
        let at_least = self.thousandths(&table, "at_least");
        Some(Success { measure: measure?, at_least: at_least? })
    }
}
