//! What an approval is bound to.

use crate::contract::FieldType;
use crate::crm::Object;
use crate::inquiry::{Facts, Inquiry};
use crate::plan::Verdict;
use jiff::Timestamp;

/// Binds an approval to exactly this change: account, record or person, target, what was, what shall be, the clause. Which inquiry or plan
/// proposed it, how sure the machine is and which threshold stopped it do not count, so that a late transcript does not void it; a value
/// that moved or a clause that changed is another change.
pub fn change_digest(verdict: &Verdict, inquiry: &Inquiry, facts: &Facts<'_>) -> String {
    let rule = facts.contract.fields.get(&verdict.field);
    let kind = rule.map_or(&FieldType::Text, |r| &r.kind);
    let object = rule.map_or(Object::Contact, |r| r.object);
    let clause = rule.and_then(|r| serde_json::to_string(r).ok()).unwrap_or_default();
    let (was, is) = (normal(verdict.was.as_deref(), kind), normal(verdict.is.as_deref(), kind));
    let parts = [inquiry.account.as_str(), subject(inquiry, object), &verdict.to, &was, &is, &clause];
    facts.salt.commit("change", &parts.join("\u{1f}"))
}

/// Whose record it is. A contact that we make is the person's before and after it is made; our call logs and tasks are the inquiry's.
fn subject(inquiry: &Inquiry, object: Object) -> &str {
    match &inquiry.contact {
        _ if matches!(object, Object::Call | Object::Task) => inquiry.id.as_str(),
        Some(contact) if !contact.made => &contact.record,
        _ => inquiry.person.as_deref().unwrap_or(inquiry.id.as_str()),
    }
}

/// One spelling for one value of that type.
fn normal(value: Option<&str>, kind: &FieldType) -> String {
    let text = value.unwrap_or("").trim();
    match kind {
        FieldType::Email | FieldType::Bool => text.to_lowercase(),
        FieldType::Number | FieldType::Money => match text.split_once('.') {
            Some((whole, rest)) => {
                let rest = rest.trim_end_matches('0');
                if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") }
            }
            None => text.to_owned(),
        },
        FieldType::DateTime => {
            let instant = text.parse::<Timestamp>().map(Timestamp::as_millisecond);
            instant.map_or_else(|_| text.to_owned(), |ms| ms.to_string())
        }
        FieldType::Text | FieldType::Choice(_) | FieldType::Date | FieldType::Phone => text.to_owned(),
    }
}
