//! `verify`, `audit`, `trace`: what the ledger can say for itself.

use crate::config::Account;
use crate::house::House;
use crate::out::Out;
use crate::problems::{Exit, Fail};
use ringback_core::id::InquiryId;
use serde_json::{Value, json};

/// Checks every chain and checkpoint, of one account or of all; fails when one does not hold.
pub(crate) async fn verify(out: Out, house: &House, named: Option<&str>) -> Result<(), Fail> {
    let accounts: Vec<&Account> = match named {
        Some(_) => vec![house.account(named)?],
        None => house.config().accounts.iter().collect(),
    };
    let mut all = Vec::new();
    let mut whole = true;
    for account in accounts {
        let report = house.engine.verify(&account.id()).await?;
        whole &= report.ok;
        all.push((account.slug.clone(), serde_json::to_value(&report).unwrap_or_default()));
    }
    let reports: Vec<Value> = all.iter().map(|(slug, report)| json!({ "account": slug, "report": report })).collect();
    out.result(&json!({ "ok": whole, "accounts": reports }), || {
        let line = |(slug, report): &(String, Value)| format!("{slug}\n{}\n", pretty(report));
        let verdict = if whole { "the ledger holds" } else { "THE LEDGER DOES NOT HOLD" };
        format!("{}{verdict}", all.iter().map(line).collect::<String>())
    });
    if whole {
        return Ok(());
    }
    let cure = "keep the database as it is and compare with a checkpoint kept outside; the report names the entries";
    Err(Fail::new(Exit::Check, "RB-0406", "the ledger does not hold", cure).told())
}

/// The ledger of one inquiry, with what its words are as far as they are still kept.
pub(crate) async fn export(out: Out, house: &House, account: &Account, inquiry: &str) -> Result<(), Fail> {
    let id = InquiryId::from_text(inquiry);
    let told = house.engine.entries(&account.id(), &id).await?;
    if told.is_empty() {
        let cure = "the console and the API show the ids of inquiries";
        return Err(Fail::new(
            Exit::Missing,
            "RB-0313",
            format!("there is no inquiry {inquiry} in this account"),
            cure,
        ));
    }
    let transcripts = house.engine.transcripts(&account.id(), &id).await?;
    let value = json!({ "account": account.id(), "inquiry": inquiry, "entries": told, "transcripts": transcripts });
    out.result(&value, || pretty(&value));
    Ok(())
}

/// The account's own chain, with its checkpoints, in one value that proves itself elsewhere.
pub(crate) async fn export_account(out: Out, house: &House, account: &Account) -> Result<(), Fail> {
    let id = account.id();
    let exported = house.engine.export(&id, &InquiryId::from_text(id.as_str())).await?;
    let Some(value) = exported else { return Err(nothing_yet(account)) };
    out.result(&value, || pretty(&value));
    Ok(())
}

/// Who changed rules and rights, oldest first.
pub(crate) async fn account(out: Out, house: &House, account: &Account) -> Result<(), Fail> {
    let told = house.engine.account_entries(&account.id()).await?;
    if told.is_empty() {
        return Err(nothing_yet(account));
    }
    let value = json!({ "account": account.id(), "entries": told });
    out.result(&value, || {
        let line = |one: &ringback_engine::audit::Told| {
            let mut words = one.body.clone();
            if let Value::Object(map) = &mut words {
                let sealed = one.sealed.iter().filter_map(|(name, value)| Some((name, value.text()?)));
                map.extend(sealed.map(|(name, text)| (name.clone(), text.into())));
            }
            let mut lines = vec![format!("{}  {}", one.at, one.kind)];
            lines.extend(pretty(&words).lines().map(|line| format!("  {line}")));
            lines.join("\n")
        };
        told.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn nothing_yet(account: &Account) -> Fail {
    let cause = format!("nothing was changed yet in the account {}", account.slug);
    Fail::new(Exit::Missing, "RB-0313", cause, "contracts, people, roles and tokens show here once they are changed")
}

/// Why a CRM field says what it says.
pub(crate) async fn trace(
    out: Out,
    house: &House,
    account: &Account,
    (object, record, field): (&str, &str, &str),
) -> Result<(), Fail> {
    let answers = house.engine.trace(&account.id(), object, record, field).await?;
    if answers.is_empty() {
        let cure = "Ringback wrote nothing there; the CRM's own history says who did";
        return Err(Fail::new(
            Exit::Missing,
            "RB-0313",
            format!("nothing is known of {object} {record} {field}"),
            cure,
        ));
    }
    let value = serde_json::to_value(&answers).unwrap_or_default();
    out.result(&value, || pretty(&value));
    Ok(())
}

/// A value as indented `key: value` lines, lists with dashes, nothing left out.
pub(crate) fn pretty(value: &Value) -> String {
    let mut found = Vec::new();
    lines(value, 0, &mut found);
    found.push(String::new());
    found.join("\n")
}

fn lines(value: &Value, depth: usize, into: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    };
    let nested = |value: &Value| match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                if nested(inner) {
                    into.push(format!("{indent}{key}:"));
                    lines(inner, depth + 1, into);
                } else {
                    into.push(format!("{indent}{key}: {}", plain(inner)));
                }
            }
        }
        Value::Array(items) => {
            for inner in items {
                if nested(inner) {
                    into.push(format!("{indent}-"));
                    lines(inner, depth + 1, into);
                } else {
                    into.push(format!("{indent}- {}", plain(inner)));
                }
            }
        }
        other => into.push(format!("{indent}{}", plain(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_like_a_list() {
        let value = json!([{ "call": "call_1", "words": null, "receipt": { "at": "now", "fields": ["a", "b"] } }]);
        let expected = "-\n  call: call_1\n  receipt:\n    at: now\n    fields:\n      - a\n      - b\n  words: –\n";
        let mut shown: Vec<String> = pretty(&value).lines().map(str::to_owned).collect();
        let mut wanted: Vec<String> = expected.lines().map(str::to_owned).collect();
        shown.sort();
        wanted.sort();
        assert_eq!(shown, wanted);
    }
}
