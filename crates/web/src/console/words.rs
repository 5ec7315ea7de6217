//! Values as people read them: closed words, days and hours, numbers and money. What no rule knows stays as it was said.

use super::cards::readable_number;
use crate::texts::t;
use crate::when::Wall;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use ringback_core::contract::{Contract, FieldType};
use std::collections::BTreeMap;

/// A field's name for people; one without a text is shown as it is written.
pub(crate) fn field_word(field: &str) -> String {
    let id = match field {
        "urgency" => "field.urgency",
        "reason_code" => "field.reason_code",
        "intent" => "field.intent",
        "service" => "field.service",
        "timeline" => "field.timeline",
        "budget" => "field.budget",
        "amount" => "field.amount",
        "callback_number" => "field.callback_number",
        "email" => "field.email",
        "caller_name" => "field.caller_name",
        "address" => "field.address",
        "when" | "wanted_when" => "field.when",
        "sentiment" => "field.sentiment",
        "next_action" => "field.next_action",
        "callback_owner" => "field.callback_owner",
        "callback_due" => "field.callback_due",
        "record_owner" => "field.record_owner",
        _ => {
            let flag = field.strip_prefix("flag.").and_then(flag_word);
            return flag.map_or_else(|| field.replace(['_', '.'], " "), str::to_owned);
        }
    };
    t(id).to_owned()
}

/// What a handling flag tells the person who is about to call.
pub(crate) fn flag_word(flag: &str) -> Option<&'static str> {
    Some(t(match flag {
        "ambiguous_voicemail" => "flag.ambiguous_voicemail",
        "availability_request" => "flag.availability_request",
        "competitor" => "flag.competitor",
        "complaint" => "flag.complaint",
        "emergency" => "flag.emergency",
        "existing_customer_issue" => "flag.existing_customer_issue",
        "high_value" => "flag.high_value",
        "opt_out" => "flag.opt_out",
        "pricing_request" => "flag.pricing_request",
        "spam" => "flag.spam",
        "vendor" => "flag.vendor",
        _ => return None,
    }))
}

/// A word of a closed vocabulary; `None` for a value that is the caller's own, and for words an account made up.
pub(crate) fn closed_word(from: &str, value: &str) -> Option<&'static str> {
    let id = match (from, value) {
        ("urgency", "emergency") => "urgency.emergency",
        ("urgency", "high") => "urgency.high",
        ("urgency", "same_day") => "urgency.same_day",
        ("urgency", "this_week") => "urgency.this_week",
        ("urgency", "nurture") => "urgency.nurture",
        ("urgency", "unknown") => "urgency.unknown",
        ("reason_code", "pricing_question") => "reason.pricing_question",
        ("reason_code", "new_service_request") => "reason.new_service_request",
        ("reason_code", "appointment_booking") => "reason.appointment_booking",
        ("reason_code", "appointment_change") => "reason.appointment_change",
        ("reason_code", "cancellation") => "reason.cancellation",
        ("reason_code", "support_issue") => "reason.support_issue",
        ("reason_code", "complaint") => "reason.complaint",
        ("reason_code", "billing_question") => "reason.billing_question",
        ("reason_code", "emergency_urgent") => "reason.emergency_urgent",
        ("reason_code", "information_request") => "reason.information_request",
        ("reason_code", "demo_request") => "reason.demo_request",
        ("reason_code", "wrong_number_spam") => "reason.wrong_number_spam",
        ("reason_code", "other") => "reason.other",
        ("reason_code", "unknown") => "brief.unknown",
        ("intent", "support") => "intent.support",
        ("intent", "booking") => "intent.booking",
        ("intent", "inquiry") => "intent.inquiry",
        ("intent", "complaint") => "intent.complaint",
        ("sentiment", "positive") => "sentiment.positive",
        ("sentiment", "neutral") => "sentiment.neutral",
        ("sentiment", "frustrated") => "sentiment.frustrated",
        ("next_action", "call_back") => "next.call_back",
        ("next_action", "none") => "next.none",
        ("category", _) => super::cards::category(value),
        _ => return None,
    };
    Some(t(id))
}

/// Which claim or decision feeds a field of the contract.
pub(crate) fn feeds<'a>(contract: Option<&'a Contract>, field: &'a str) -> &'a str {
    contract.and_then(|c| c.fields.get(field)).map_or(field, |rule| rule.from.as_str())
}

/// The words a field of the contract takes, with what people read; empty for a field of any other kind.
pub(crate) fn options(contract: Option<&Contract>, field: &str) -> Vec<(String, String)> {
    let Some(FieldType::Choice(words)) = contract.and_then(|c| c.fields.get(field)).map(|rule| &rule.kind) else {
        return Vec::new();
    };
    let from = feeds(contract, field);
    let shown = |word: &String| closed_word(from, word).map_or_else(|| word.clone(), str::to_owned);
    words.iter().map(|word| (word.clone(), shown(word))).collect()
}

/// A value of that claim or decision as people read it.
pub(crate) fn value_word(from: &str, value: &str, now: Timestamp, wall: &Wall) -> String {
    match from {
        "budget" | "amount" => money(value),
        "callback_number" if value.starts_with('+') => readable_number(value, None),
        _ => closed_word(from, value).map_or_else(|| readable(value, now, wall), str::to_owned),
    }
}

/// A value of a field of the contract as people read it: an amount that says no currency is in the one of the place, in which the CRM holds it.
pub(crate) fn field_value(
    contract: Option<&Contract>,
    field: &str,
    value: &str,
    currency: Option<&str>,
    (now, wall): (Timestamp, &Wall),
) -> String {
    let from = feeds(contract, field);
    let typed = contract.and_then(|c| c.fields.get(field)).is_some_and(|rule| rule.kind == FieldType::Money);
    let bare = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match currency.filter(|_| bare && (typed || matches!(from, "budget" | "amount"))) {
        Some(currency) => format!("{} {currency}", money(value)),
        None => value_word(from, value, now, wall),
    }
}

/// Who applied or set something: a person by name; what is no person by what it is.
pub(crate) fn by_words(names: &BTreeMap<String, String>, by: &str) -> String {
    let (who, file) = by.split_once(", file ").map_or((by, None), |(who, file)| (who, Some(file)));
    let said = match who {
        "user_cli" => t("by.cli").to_owned(),
        "settings" => t("by.settings").to_owned(),
        token if token.starts_with("tok_") => t("by.token").to_owned(),
        who => match names.get(who) {
            Some(name) => name.clone(),
            // Whoever is not there any more has no name to show, and an id says nothing to a person.
            None if who.starts_with("user_") => t("by.gone").to_owned(),
            None => who.to_owned(),
        },
    };
    match file.and_then(|path| path.rsplit(['/', '\\']).next()) {
        Some(file) => format!("{said}, {file}"),
        None => said,
    }
}

/// A sentence made for a terminal as people read it on a page: instants as this place writes them, our own ids as what they stand for.
pub(crate) fn told_words(sentence: &str, wall: &Wall) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches(['.', ',', ';', ':']);
        let end = word.get(bare.len()..).unwrap_or_default();
        if bare.len() > 10
            && let Ok(at) = bare.parse::<Timestamp>()
        {
            return format!("{}{end}", wall.dated(at));
        }
        let ours = bare.split_once('_').filter(|(kind, id)| {
            !kind.is_empty() && id.len() >= 20 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
        match ours {
            Some(("call", _)) => format!("{}{end}", t("by.call")),
            Some(("inq", _)) => format!("{}{end}", t("by.inquiry")),
            _ => word.to_owned(),
        }
    };
    sentence.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Instants, days and hours as this place writes them; everything else as it is.
pub(crate) fn readable(value: &str, now: Timestamp, wall: &Wall) -> String {
    if let Ok(at) = value.parse::<Timestamp>() {
        return wall.moment(at, now);
    }
    // A date and time without a zone parses as a bare day or hour too; the lengths tell them apart.
    match value.len() {
        5 => value.parse::<Time>().ok().and_then(|at| wall.hour(at, now)),
        10 => value.parse::<Date>().ok().map(|day| wall.day(day)),
        _ => value.parse::<DateTime>().ok().and_then(|at| wall.local(at, now)),
    }
    .unwrap_or_else(|| value.to_owned())
}

/// A sentence of the rules, with the contract's names of places and people as people call them.
pub(crate) fn rule_words(sentence: &str) -> String {
    let names = [
        ("location:tier1", "tier.location"),
        ("location:tier2", "tier.corporate"),
        ("location:tier3", "tier.specialist"),
        ("crm:record_owner", "rule.record_owner"),
    ];
    names.into_iter().fold(sentence.to_owned(), |said, (name, id)| said.replace(name, t(id)))
}

/// `2500 USD` as `2,500 USD`. Grouping only: nothing is rounded, and what is no plain figure stays as it is.
fn money(value: &str) -> String {
    let (figure, rest) = value.split_at(value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len()));
    let mut grouped = String::with_capacity(value.len() + 4);
    for (n, digit) in figure.chars().enumerate() {
        if n > 0 && (figure.len() - n) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_core::contract::{DEFAULT_TEXT, parse};

    #[test]
    fn every_word_of_the_default_contract_has_a_text() {
        let contract = parse(DEFAULT_TEXT).0.unwrap();
        let mut walked = 0;
        for (field, rule) in &contract.fields {
            let FieldType::Choice(words) = &rule.kind else { continue };
            for word in words {
                assert!(closed_word(&rule.from, word).is_some(), "{field} may be {word:?}, which has no text");
                walked += 1;
            }
        }
        assert!(walked > 30, "the contract's vocabularies were walked: {walked}");
    }

    #[test]
    fn every_field_of_the_default_contract_has_a_name() {
        let contract = parse(DEFAULT_TEXT).0.unwrap();
        for field in contract.fields.keys() {
            assert!(!field_word(field).contains('_'), "{field}");
        }
        assert_eq!(field_word("flag.opt_out"), t("flag.opt_out"));
        assert_eq!(field_word("roof_age"), "roof age", "an account's own field is shown as it is written");
    }

    #[test]
    fn rules_are_read_out_without_their_names() {
        let said = rule_words("no owner rule applies, so it goes to location:tier1: Dana Ortiz");
        assert_eq!(said, "no owner rule applies, so it goes to location staff: Dana Ortiz");
    }

    #[test]
    fn an_amount_of_the_crm_is_read_in_the_places_currency() {
        let contract = parse(DEFAULT_TEXT).0.unwrap();
        let at = "2026-11-16T15:05:00Z".parse().unwrap();
        let wall = Wall::new("America/Phoenix", "en-US");
        let read =
            |field: &str, value: &str, currency| field_value(Some(&contract), field, value, currency, (at, &wall));
        assert_eq!(read("budget", "6000", Some("USD")), "6,000 USD");
        assert_eq!(read("budget", "6000 EUR", Some("USD")), "6,000 EUR", "what says its currency keeps it");
        assert_eq!(read("budget", "6000", None), "6,000");
        assert_eq!(read("service", "6000", Some("USD")), "6000", "no amount, no currency");
    }

    #[test]
    fn the_urgency_is_called_as_the_contract_calls_it() {
        let contract = parse(DEFAULT_TEXT).0.unwrap();
        let FieldType::Choice(words) = &contract.fields["urgency"].kind else { panic!("a closed set") };
        for word in words {
            assert_eq!(closed_word("urgency", word), Some(word.replace('_', " ").as_str()));
        }
    }

    #[test]
    fn who_did_it_is_said_by_name_and_no_id_or_raw_instant_is_shown() {
        let names = [("user_1".to_owned(), "Sam Okafor".to_owned())].into();
        assert_eq!(by_words(&names, "user_1"), "Sam Okafor");
        assert_eq!(by_words(&names, "user_cli, file /a/b/mine.toml"), format!("{}, mine.toml", t("by.cli")));
        assert_eq!(by_words(&names, "settings, file /a/contract.toml"), format!("{}, contract.toml", t("by.settings")));
        assert_eq!(by_words(&names, "user_01m8fekc6h4ver8wbt2hj8r0jv"), t("by.gone"));
        let wall = Wall::new("America/Chicago", "en-US");
        let raw = "contact 512 firstname: from call_01m8fektscqwe25816cmsr2efj by workflow.create_contact, read back at 2026-11-27T21:29:36.476269489Z";
        let said = told_words(raw, &wall);
        assert_eq!(
            said,
            format!(
                "contact 512 firstname: from {} by workflow.create_contact, read back at Fri, Nov 27 3:29 PM",
                t("by.call")
            )
        );
    }

    #[test]
    fn values_are_read_as_people_write_them() {
        let now: Timestamp = "2026-11-16T15:05:00Z".parse().unwrap();
        let wall = Wall::new("America/Phoenix", "en-US");
        let read = |from: &str, value: &str| value_word(from, value, now, &wall);
        assert_eq!(read("when", "2026-11-24T10:00"), "Tue, Nov 24 10:00 AM");
        assert_eq!(read("when", "2026-11-21"), "Sat, Nov 21");
        assert_eq!(read("when", "10:00"), "10:00 AM");
        assert_eq!(read("when", "next Tuesday"), "next Tuesday");
        assert_eq!(read("due_at", "2026-11-16T16:00:00Z"), "9:00 AM");
        assert_eq!(read("reason_code", "emergency_urgent"), t("reason.emergency_urgent"));
        assert_eq!(read("callback_number", "+16025550142"), "(602) 555-0142");
        assert_eq!(read("budget", "2500 USD"), "2,500 USD");
        assert_eq!(read("budget", "1250000"), "1,250,000");
        assert_eq!(read("budget", "450.50 USD"), "450.50 USD");
        assert_eq!(read("service", "12:30 or so"), "12:30 or so");
    }
}
