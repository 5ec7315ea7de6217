//! What a rollback does to an inquiry: the wish to take values back, what came of it, and telling the owner.

use super::desire::Wish;
use super::mode::{Mode, tell};
use super::step::{Moving, WrittenField};
use super::*;
use crate::effect::Desired;
use crate::rollback::Spared;

/// Targets of what is taken back begin so.
pub(super) const UNDO: &str = "undo:";

impl Undo {
    /// The target of its effect.
    pub fn target(&self) -> String {
        Self::target_of(self.rollback.as_str(), self.object.as_str(), &self.record)
    }

    /// The target of what a rollback does to a record.
    pub fn target_of(rollback: &str, object: &str, record: &str) -> String {
        format!("{UNDO}{rollback}:{object}:{record}")
    }

    pub(super) fn wish(&self, target: &str) -> Wish {
        let of = |value: fn(&crate::rollback::Back) -> &String| {
            self.fields.iter().map(|(property, back)| (property.clone(), value(back).clone())).collect()
        };
        let desired = Desired::Restore {
            object: self.object,
            record: self.record.clone(),
            properties: of(|back| &back.to),
            was: of(|back| &back.from),
        };
        Wish { target: target.to_owned(), lane: self.lane.clone(), desired, whole: None }
    }
}

impl<M: Mode> Moving<'_, M> {
    pub(super) fn take_undo(&mut self, undo: &Undo) {
        let fields: BTreeMap<&String, &String> = undo.fields.iter().map(|(p, back)| (p, &back.field)).collect();
        let mut draft = Draft::new("rollback")
            .with("rollback", &undo.rollback)
            .with("object", undo.object.as_str())
            .with("record", &undo.record)
            .with("by", &undo.by)
            .with("fields", fields);
        for (property, back) in &undo.fields {
            draft = draft.seal(&format!("from.{property}"), Some(&back.from));
            draft = draft.seal(&format!("to.{property}"), Some(&back.to));
        }
        tell!(self, draft);
        self.inquiry.undos.insert(undo.target(), undo.clone());
    }

    /// What a later read shows of it. What went back is a write like any other.
    pub(super) fn take_undone(&mut self, effect: &EffectId, target: &str, receipt: &Receipt) {
        if !self.settle_target(target, effect, Progress::Done, Some(&receipt.record), None) {
            return;
        }
        let Some(undo) = self.inquiry.undos.remove(target) else { return };
        let object = undo.object.as_str();
        tell!(
            self,
            Draft::new("receipt")
                .with("effect", effect)
                .with("target", target)
                .with("object", object)
                .with("record", &receipt.record)
                .with("read_at", receipt.read_at)
                .with("rollback", &undo.rollback)
                .with("spared", &receipt.spared),
        );
        if !receipt.properties.is_empty() {
            self.note_undone(effect, &undo, receipt);
        }
        let Some(contact) = self.inquiry.contact.as_mut().filter(|c| c.record == receipt.record) else { return };
        // What was written is not so any more: wished for again, it is written again.
        if self.inquiry.effects.get("fields").is_some_and(|e| e.progress == Progress::Done) {
            self.inquiry.effects.remove("fields");
        }
        for (property, value) in &receipt.properties {
            contact.record_held.properties.insert(property.clone(), value.clone());
            contact.record_held.set_by.remove(property);
            if value.is_empty() {
                contact.ours.remove(property);
            } else {
                // What the machine had written before is its own again; everything else is somebody's.
                let machine = undo.fields.get(property).and_then(|back| back.machine);
                let wrote = Wrote {
                    crm: undo.lane.clone(),
                    value: value.clone(),
                    confidence: machine,
                    actor: if machine.is_some() { Actor::Machine } else { Actor::Person },
                    at: receipt.read_at.unwrap_or(self.now),
                };
                contact.ours.insert(property.clone(), wrote);
            }
        }
        // What stands there now is somebody's; how it is called is not known here, so it is asked about when it matters.
        for property in receipt.spared.iter().filter(|(_, why)| **why == Spared::LaterHuman).map(|(name, _)| name) {
            contact.ours.remove(property);
        }
    }

    fn note_undone(&mut self, effect: &EffectId, undo: &Undo, receipt: &Receipt) {
        let clause = format!("rollback.{}", undo.rollback);
        let mut write = Draft::new("write")
            .with("record", &receipt.record)
            .with("object", undo.object.as_str())
            .with("workflow", &self.facts.contract_ref.name)
            .with("workflow_version", self.inquiry.contract.as_ref().map(|c| c.version))
            .with("contract", self.inquiry.contract.as_ref().map(|c| c.id.clone()))
            .with("trigger", format!("rollback {}", undo.rollback))
            .with("effect", effect)
            .with("read_at", receipt.read_at)
            .with("by", &undo.by);
        let mut fields = serde_json::Map::new();
        for (property, value) in &receipt.properties {
            let field = WrittenField {
                source: "what stood there before".into(),
                confidence: None,
                actor: Actor::Person.word(),
                reason: Some(format!("rollback {} put back what stood there before", undo.rollback)),
                clause: clause.clone(),
                evidence: None,
                as_of: None,
            };
            fields.insert(property.clone(), serde_json::to_value(field).unwrap_or_default());
            write = write.seal(&format!("old.{property}"), receipt.was.get(property).map(String::as_str));
            write = write.seal(&format!("new.{property}"), Some(value));
        }
        tell!(self, write.with("fields", fields));
    }

    pub(super) fn take_telling(&mut self, telling: &Telling) {
        if self.inquiry.tellings.iter().any(|t| t.rollback == telling.rollback && t.staff == telling.staff) {
            return;
        }
        let told = Draft::new("rollback_told").with("rollback", &telling.rollback).with("staff", &telling.staff);
        tell!(self, told.with("lines", telling.lines.len()));
        self.inquiry.tellings.push(telling.clone());
    }
}

#[cfg(test)]
mod tests;
