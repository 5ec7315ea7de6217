//! The page that is printed of a proof: made from the signed file alone, so that whoever has the file has the page.

use crate::texts::t;
use crate::when::Wall;
use askama::Template;
use ringback_core::proof::TICKS;
use ringback_core::proof::file::{CALL, EXCEPTION, LOCATION, Sound};
use serde_json::Value;
use std::collections::BTreeMap;

/// Inside the page, which stands alone.
const CSS: &str = include_str!("../assets/proof.css");
/// What is typed to check a proof, up to the key.
pub(crate) const CHECK: &str = "ringback proof verify FILE --key";

/// One number of the big sentence.
struct Figure {
    n: u64,
    words: &'static str,
    tone: &'static str,
}

struct Tally {
    title: &'static str,
    n: u64,
}

struct Exception {
    kind: String,
    /// When its call came, by the location's clock.
    at: String,
    sentence: String,
    command: String,
}

struct Place {
    name: String,
    figures: Vec<Figure>,
    tallies: Vec<Tally>,
    calls: u64,
    kept_out: u64,
    unread: u64,
    exceptions: Vec<Exception>,
}

struct Asked {
    name: String,
    kind: &'static str,
    answer: String,
    silent: bool,
}

#[derive(Template)]
#[template(path = "proof_document.html")]
struct Document {
    css: &'static str,
    /// The command that checks it, up to the key.
    check: &'static str,
    day: String,
    zone: String,
    business: String,
    places: Vec<Place>,
    witnesses: Vec<Asked>,
    /// The account has several locations: its witnesses speak of them together.
    many: bool,
    outside: bool,
    made_at: String,
    program: String,
    contract: String,
    key: String,
    hash: String,
    previous: String,
    lines: usize,
}

/// What kind of exception it is, as a heading; an unknown word is shown as it is.
pub(crate) fn finding_title(word: &str) -> String {
    let id = match word {
        "lost" => "finding.lost",
        "held_back" => "finding.held_back",
        "missing_in_crm" => "finding.missing_in_crm",
        "deleted_in_crm" => "finding.deleted_in_crm",
        "doubled" => "finding.doubled",
        "foreign_duplicate" => "finding.foreign_duplicate",
        "drift" => "finding.drift",
        "orphan" => "finding.orphan",
        "wrong_place" => "finding.wrong_place",
        "waiting" => "finding.waiting",
        other => return other.replace('_', " "),
    };
    t(id).to_owned()
}

/// The page of a proof, of all its locations or of one.
pub fn proof_document(proof: &Sound, location: Option<&str>) -> Result<String, String> {
    let text = |name: &str| word(&proof.header, name);
    let wall = Wall::new(&text("zone"), "en-GB");
    let document = Document {
        css: CSS,
        check: CHECK,
        day: text("day").parse().map_or_else(
            |_| text("day"),
            |day| format!("{} {}", wall.day(day), text("day").get(..4).unwrap_or_default()),
        ),
        zone: text("zone"),
        // Proofs of earlier versions have the account's id alone.
        business: Some(text("business")).filter(|name| !name.is_empty()).unwrap_or_else(|| text("account")),
        places: places(proof, location),
        witnesses: witnesses(&proof.header),
        many: proof.of(LOCATION).count() > 1,
        outside: proof.header.get("outside").and_then(Value::as_bool).unwrap_or(false),
        made_at: text("made_at")
            .parse()
            .map_or_else(|_| text("made_at"), |at| format!("{} {} ({})", wall.date(at), wall.time(at), text("zone"))),
        program: text("program"),
        contract: text("contract"),
        key: proof.key.clone(),
        hash: proof.hash.clone(),
        previous: proof.previous.clone(),
        lines: proof.lines.len(),
    };
    document.render().map_err(|e| e.to_string())
}

fn word(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn places(proof: &Sound, location: Option<&str>) -> Vec<Place> {
    let mut ticks: BTreeMap<String, [u64; 5]> = BTreeMap::new();
    for call in proof.of(CALL) {
        let counted = ticks.entry(word(call, "location")).or_default();
        let marks = call.get("ticks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (count, mark) in counted.iter_mut().zip(marks) {
            *count += u64::from(mark.as_str() == Some("yes"));
        }
    }
    let wanted = |of: &&Value| location.is_none_or(|slug| word(of, "location") == slug);
    let place = |of: &Value| {
        let zone =
            Some(word(of, "zone")).filter(|zone| !zone.is_empty()).unwrap_or_else(|| word(&proof.header, "zone"));
        let wall = Wall::new(&zone, "en-GB");
        let slug = word(of, "location");
        let number = |name: &str| of.get(name).and_then(Value::as_u64).unwrap_or_default();
        let counted = ticks.get(&slug).copied().unwrap_or_default();
        let rang = number("rang");
        let full = |n: u64| if n == rang { "good" } else { "ask" };
        let none = |n: u64| if n == 0 { "good" } else { "bad" };
        let exceptions = proof.of(EXCEPTION).filter(|e| word(e, "location") == slug).map(|e| Exception {
            kind: finding_title(&word(e, "kind")),
            at: word(e, "at").parse().map_or_else(|_| String::new(), |at| wall.time(at)),
            sentence: word(e, "sentence"),
            command: word(e, "command"),
        });
        Place {
            name: word(of, "name"),
            figures: vec![
                Figure { n: rang, words: "rang", tone: "plain" },
                Figure { n: number("recorded"), words: "recorded", tone: full(number("recorded")) },
                Figure { n: number("in_crm"), words: "in the CRM", tone: full(number("in_crm") + number("kept_out")) },
                Figure { n: number("lost"), words: "lost", tone: none(number("lost")) },
                Figure { n: number("doubled"), words: "doubled", tone: none(number("doubled")) },
            ],
            tallies: TICKS.iter().zip(counted).map(|(tick, n)| Tally { title: tick.title(), n }).collect(),
            calls: rang,
            kept_out: number("kept_out"),
            unread: number("unread"),
            exceptions: exceptions.collect(),
        }
    };
    proof.of(LOCATION).filter(wanted).map(place).collect()
}

fn witnesses(header: &Value) -> Vec<Asked> {
    let list = header.get("witnesses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = |of: &Value| {
        let answered = of.get("answered").and_then(Value::as_bool).unwrap_or(false);
        let count = of.get("count").and_then(Value::as_u64).unwrap_or_default();
        let why = of.get("why").and_then(Value::as_str).map(|why| format!(": {why}")).unwrap_or_default();
        let (kind, what) = match of.get("kind").and_then(Value::as_str) {
            Some("provider") => ("the provider's own list", "calls"),
            Some("phone_log") => ("the phone system's log", "calls"),
            Some("crm") => ("the CRM, read by its ids", "records"),
            _ => ("our records", "calls"),
        };
        let answer = if answered { format!("{count} {what}{why}") } else { format!("did not answer{why}") };
        Asked { name: word(of, "name"), kind, answer, silent: !answered }
    };
    list.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_core::proof::file::{Entry, FOOTER, FORMAT, HEADER, verify, write};
    use serde_json::json;

    #[test]
    fn a_location_has_its_page_with_the_sentence_and_its_exceptions() {
        let place = |slug: &str, name: &str, rang: u64, lost: u64| Entry {
            kind: LOCATION,
            body: json!({ "location": slug, "name": name, "zone": "America/Denver", "rang": rang, "recorded": rang - lost, "in_crm": rang - lost, "lost": lost, "doubled": 0 }),
        };
        let call = |third: &str| Entry {
            kind: CALL,
            body: json!({ "location": "phoenix", "ref": "ab", "ticks": [third, third, third, "yes", "yes"] }),
        };
        let entries = [
            Entry {
                kind: HEADER,
                body: json!({ "format": FORMAT, "schema": 1, "key": "k", "day": "2026-03-02", "zone": "America/Phoenix", "account": "acct_1", "business": "Alder & Sons", "made_at": "2026-03-03T10:04:05.123456Z",
                    "witnesses": [{ "name": "hubspot-main", "kind": "crm", "answered": false, "count": 0, "why": "<b>down</b>" }] }),
            },
            place("phoenix", "Phoenix & Co", 2, 1),
            place("tempe", "Tempe", 0, 0),
            call("yes"),
            call("no"),
            Entry {
                kind: EXCEPTION,
                body: json!({ "location": "phoenix", "kind": "lost", "at": "2026-03-02T17:17:00Z", "sentence": "It rang.", "command": "ringback reconcile --mend f-1" }),
            },
            Entry { kind: FOOTER, body: json!({ "lines": 7, "exceptions": 1 }) },
        ];
        let file = write(&entries, None, |_| "s".into());
        let sound = verify(file.text.as_bytes(), None, |_, _, _| true).unwrap();
        let all = proof_document(&sound, None).unwrap();
        assert!(all.contains("Phoenix &#38; Co") && all.contains("Tempe") && all.contains("Mon 2 Mar 2026"), "{all}");
        assert!(all.contains("Alder &#38; Sons") && all.contains("midnight to midnight in America/Phoenix"), "{all}");
        assert!(all.contains("Tue 3 Mar 03:04 (America/Phoenix)"), "made by the clock of the proof's days: {all}");
        assert!(all.contains("<b>Lost</b> 10:17"), "its call by the location's clock: {all}");
        assert!(all.contains("ringback reconcile --mend f-1") && all.contains(&sound.hash));
        assert!(all.contains("&#60;b&#62;down") && !all.contains("<b>down"), "nothing of the file is taken for markup");
        assert!(!all.contains("<script") && !all.contains("http://") && !all.contains("https://"), "it stands alone");
        let one = proof_document(&sound, Some("tempe")).unwrap();
        assert!(one.contains("Tempe") && !one.contains("Phoenix &"));
    }
}
