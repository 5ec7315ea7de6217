//! `verify`, `audit`, `trace`: what the ledger can say for itself.

use crate::args::Trace;
use crate::commands::contract;
use crate::commands::reconcile;
use crate::config::Account;
use crate::house::House;
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use ringback_core::id::InquiryId;
use ringback_engine::Error;
use ringback_engine::audit::record::verify_record;
use ringback_engine::trace::{Answer, Asked, Other, Under};
use serde_json::{Value, json};
use std::path::Path;

/// The longest file about a record that is checked.
const RECORD_BYTES_MAX: u64 = 256 * 1024 * 1024;

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

/// Everything about one record of the CRM: the file itself on stdout, for it is taken elsewhere.
pub(crate) async fn export_record(out: Out, house: &House, account: &Account, record: &str) -> Result<(), Fail> {
    let Some((object, id)) = record.split_once(':').filter(|(object, id)| !object.is_empty() && !id.is_empty()) else {
        let cause = format!("{record:?} is no record");
        return Err(Fail::new(Exit::Usage, "RB-0310", cause, "write object and id: contact:512"));
    };
    let written = house.engine.export_record(&account.id(), object, id).await?;
    let written = written.ok_or_else(|| unknown(&format!("{object} {id}")))?;
    let value = json!({ "file": written.text, "lines": written.lines, "hash": written.hash, "key": written.key });
    out.result(&value, || written.text.clone());
    note(format!(
        "{} lines, signed with the key {}; `ringback audit verify FILE` checks them.",
        written.lines, written.key
    ));
    Ok(())
}

/// Checks a file about a record by itself: no settings, no key file, no network.
pub(crate) fn verify_file(out: Out, file: &Path, key: Option<&str>) -> Result<(), Fail> {
    let bytes = reconcile::read(file, RECORD_BYTES_MAX)?;
    let sound = match verify_record(&bytes, key) {
        Ok(sound) => sound,
        Err(wrong) => {
            out.result(&json!({ "ok": false, "line": wrong.line, "cause": wrong.cause }), String::new);
            let cause = format!("{}, line {}: {}", file.display(), wrong.line, wrong.cause);
            let cure = "ask for the file again where it was made: `ringback audit export --record OBJECT:ID`";
            let fail = Fail::new(Exit::Check, "RB-0406", cause, cure);
            return Err(if out.json { fail.told() } else { fail });
        }
    };
    out.result(&json!({ "ok": true, "pinned": key.is_some(), "record": sound }), || {
        let ids = if sound.records.is_empty() { "not in the CRM yet".to_owned() } else { sound.records.join(", ") };
        format!(
            "OK: {} {ids} of {}, as of {}\n{} written values; {} entries of {} chains, {} of them about this record; {} documents, {} of \
             them gone by policy or request; {} checkpoints\nhash  {}\nkey   {}",
            sound.object,
            sound.account,
            sound.exported_at,
            sound.answers,
            sound.entries,
            sound.chains,
            sound.about,
            sound.documents,
            sound.expired,
            sound.checkpoints,
            sound.hash,
            sound.key
        )
    });
    if key.is_none() {
        note("The key stands in the file itself: compare it with `ringback proof key`, or name it with --key.");
    }
    Ok(())
}

fn unknown(what: &str) -> Fail {
    let cure = "Ringback wrote nothing there; the CRM's own history says who did";
    Fail::new(Exit::Missing, "RB-0313", format!("nothing is known of {what}"), cure)
}

/// Why a CRM field says what it says; with `--under`, also what other rules would have decided.
pub(crate) async fn trace(out: Out, house: &House, account: &Account, asked: &Trace) -> Result<(), Fail> {
    let (object, record, field) = (asked.object.as_str(), asked.record.as_str(), asked.field.as_str());
    let answers = house.engine.trace(&account.id(), object, record, field).await?;
    let Some(newest) = answers.first() else { return Err(unknown(&format!("{object} {record} {field}"))) };
    if let Some(rules) = &asked.under {
        let under = under(house, account, newest, rules).await?;
        out.result(&under, || told(newest, &under));
        return Ok(());
    }
    let value = serde_json::to_value(&answers).unwrap_or_default();
    out.result(&value, || pretty(&value));
    Ok(())
}

async fn under(house: &House, account: &Account, answer: &Answer, rules: &str) -> Result<Under, Fail> {
    let other = match rules.parse::<u32>() {
        Ok(version) => Other::Version(version),
        Err(_) => Other::Draft(Box::new(contract::read(Path::new(rules), Some(account))?.1)),
    };
    house.engine.under(&account.id(), &Asked::of(answer), &other).await.map_err(|error| match error {
        Error::Refused(cause) => {
            let cure = "name in the contract's `crm` a connection that the settings have";
            Fail::new(Exit::Check, "RB-0250", cause, cure)
        }
        other => other.into(),
    })
}

/// What was, and what would have been.
fn told(answer: &Answer, under: &Under) -> String {
    let version =
        under.then_under.as_ref().map_or_else(String::new, |c| format!(" under {} version {}", c.name, c.version));
    let quote = answer.quote.as_ref().and_then(|quote| quote.words.text());
    let quote = quote.map_or_else(String::new, |words| format!("\nThe caller said: “{}”", words.trim()));
    format!("{} was decided at {}{version}: {}{quote}\n{}", under.to, under.at, under.then.sentence(), under.sentence)
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
