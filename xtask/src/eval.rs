//! Scores of the reader of callers on labelled data: `cargo xtask eval`.
//!
//! The data is not part of this repository (its licences forbid shipping it). It is looked for in `eval/dev` under
//! `RINGBACK_SHARED`, or under `../shared` beside the workspace; where it is absent this says so loudly and counts as
//! passed. Predictions go to `target/eval/*.jsonl` in the format that the data's own `score.py` takes, and the scores
//! here are the same numbers, so either can check the other.
//!
//! | task | question | scored by |
//! |---|---|---|
//! | A1 | reason code of one caller turn | macro-F1 |
//! | A2 | spans in a caller turn | F1 per type, overlapping and exact |
//! | A3 | a field that is not in the text | share of fabricated values: must be 0 |
//! | A4 | must somebody act today | F1 |

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use ringback_core::claim::{self, ReadContext};
use serde_json::{Value, json};

/// What the reader must reach: overlap F1 per type (A2).
const REQUIRED: [(&str, f64); 8] = [
    ("email", 0.97),
    ("person_name", 0.91),
    ("caller_name", 0.91),
    ("address", 0.90),
    ("date", 0.90),
    ("time", 0.88),
    ("money", 0.80),
    ("phone", 0.75),
];

/// Runs the evaluation and hands back the exit code: 0 when all is reached or the data is absent, 1 when something is
/// below what is required, 2 when the data cannot be read. With `--json` the full scores go to stdout as one object.
pub fn run(args: &[String]) -> i32 {
    let Some(data) = data() else {
        println!(
            "SKIPPED (loudly): no labelled data: neither RINGBACK_SHARED nor ../shared holds eval/dev; nothing scored"
        );
        return 0;
    };
    let scores = match evaluate(&data, &target().join("eval")) {
        Ok(scores) => scores,
        Err(why) => {
            eprintln!("xtask eval: {why}");
            return 2;
        }
    };
    if args.iter().any(|a| a == "--json") {
        println!("{scores:#}");
    } else {
        print(&scores);
    }
    let short = shortfalls(&scores);
    for line in &short {
        eprintln!("xtask eval: {line}");
    }
    i32::from(!short.is_empty())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The folder of labelled data, when it is there.
fn data() -> Option<PathBuf> {
    let shared = std::env::var_os("RINGBACK_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    Some(shared.join("eval/dev")).filter(|d| d.join("a2_entities.jsonl").is_file())
}

/// Reads every row, writes the predictions, and scores them.
fn evaluate(data: &Path, out: &Path) -> Result<Value, String> {
    fs::create_dir_all(out).map_err(|e| format!("{}: {e}", out.display()))?;
    let zone = TimeZone::UTC;
    // Any fixed moment: spans and classes do not depend on it.
    let anchor = jiff::Timestamp::from_second(1_767_366_000).map_err(|e| e.to_string())?;
    let context = ReadContext { anchor, zone: &zone, region: "US", caller_digits: None };
    let mut scores = serde_json::Map::new();
    for (task, file, predict, score) in TASKS {
        let gold = rows(&data.join(file))?;
        let predictions: BTreeMap<String, Value> =
            gold.iter().map(|row| (text_of(row, "id").to_owned(), predict(row, &context))).collect();
        let mut lines = String::new();
        for (id, prediction) in &predictions {
            let mut line = prediction.clone();
            line["id"] = json!(id);
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        let path = out.join(format!("{}.jsonl", task.to_lowercase()));
        fs::write(&path, lines).map_err(|e| format!("{}: {e}", path.display()))?;
        scores.insert(task.to_owned(), score(&gold, &predictions));
    }
    let scores = Value::Object(scores);
    let path = out.join("scores.json");
    fs::write(&path, format!("{scores:#}\n")).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(scores)
}

type Predict = fn(&Value, &ReadContext<'_>) -> Value;
type Predictions = BTreeMap<String, Value>;
type Score = fn(&[Value], &Predictions) -> Value;

const TASKS: [(&str, &str, Predict, Score); 4] = [
    ("A1", "a1_intent.jsonl", predict_reason, score_reasons),
    ("A2", "a2_entities.jsonl", predict_entities, score_entities),
    ("A3", "a3_absent.jsonl", predict_value, score_absent),
    ("A4", "a4_urgency.jsonl", predict_urgent, score_urgent),
];

fn rows(path: &Path) -> Result<Vec<Value>, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let parse = |(i, line)| serde_json::from_str(line).map_err(|e| format!("{}:{}: {e}", path.display(), i + 1));
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(parse).collect()
}

fn text_of<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

// ---- what the reader answers -----------------------------------------------------------------------------------------

/// No cue is an answer too: "other".
fn predict_reason(row: &Value, context: &ReadContext<'_>) -> Value {
    let reason = claim::read(text_of(row, "text"), context).claim("reason_code").map(|c| c.value.text());
    let label = match reason.as_deref() {
        None => "other",
        // Not among the labels of the data.
        Some("demo_request") => "information_request",
        Some(label) => label,
    };
    json!({ "label": label })
}

fn predict_entities(row: &Value, context: &ReadContext<'_>) -> Value {
    let found = claim::entities(text_of(row, "text"), context);
    let found: Vec<Value> = found.iter().map(|e| json!({ "type": e.kind, "start": e.start, "end": e.end })).collect();
    json!({ "entities": found })
}

/// Anything at all that the reader would say about the field, as mention or as claim.
fn predict_value(row: &Value, context: &ReadContext<'_>) -> Value {
    let text = text_of(row, "text");
    let (kinds, fields): (&[&str], &[&str]) = match text_of(row, "field") {
        "person_name" | "caller_name" => (&["person_name", "caller_name"], &["caller_name"]),
        "date" => (&["date", "datetime"], &[]),
        "time" => (&["time", "datetime"], &[]),
        "phone" => (&["phone"], &["callback_number"]),
        "email" => (&["email"], &["email"]),
        "money" => (&["money"], &["amount", "budget"]),
        _ => (&["address"], &["address"]),
    };
    let mention = claim::entities(text, context)
        .into_iter()
        .find(|e| kinds.contains(&e.kind))
        .map(|e| text.chars().skip(e.start as usize).take((e.end - e.start) as usize).collect::<String>());
    let reading = claim::read(text, context);
    let claimed = || fields.iter().find_map(|f| reading.claim(f)).map(|c| c.value.text());
    json!({ "value": mention.or_else(claimed) })
}

fn predict_urgent(row: &Value, context: &ReadContext<'_>) -> Value {
    let reading = claim::read(text_of(row, "text"), context);
    let urgent =
        reading.claim("urgency").is_some_and(|c| matches!(c.value.text().as_str(), "emergency" | "high" | "same_day"));
    json!({ "urgent": urgent })
}

// ---- how that is scored ----------------------------------------------------------------------------------------------

/// Four decimals, as the data's own scorer rounds.
fn round(value: f64) -> f64 {
    format!("{value:.4}").parse().unwrap_or(value)
}

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    hit: usize,
    wrong: usize,
    missed: usize,
}

impl Counts {
    fn f1(self) -> f64 {
        let (p, r) = (share(self.hit, self.hit + self.wrong), share(self.hit, self.hit + self.missed));
        if p + r == 0.0 { 0.0 } else { round(2.0 * p * r / (p + r)) }
    }

    fn json(self) -> Value {
        json!({
            "p": round(share(self.hit, self.hit + self.wrong)),
            "r": round(share(self.hit, self.hit + self.missed)),
            "f1": self.f1(),
            "n": self.hit + self.missed,
        })
    }
}

fn prediction<'p>(predictions: &'p Predictions, row: &Value, key: &str) -> &'p Value {
    predictions.get(text_of(row, "id")).map_or(&Value::Null, |p| &p[key])
}

/// Groups rows by a text each of them has.
fn groups<'r>(rows: &'r [Value], key: impl Fn(&'r Value) -> String) -> BTreeMap<String, Vec<&'r Value>> {
    let mut out: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for row in rows {
        out.entry(key(row)).or_default().push(row);
    }
    out
}

fn score_reasons(gold: &[Value], predictions: &Predictions) -> Value {
    let block = |rows: &[&Value], labels: bool| {
        let pairs: Vec<(&str, &str)> = rows
            .iter()
            .map(|r| (text_of(r, "label"), prediction(predictions, r, "label").as_str().unwrap_or_default()))
            .collect();
        let mut per = serde_json::Map::new();
        let mut sum = 0.0;
        for label in pairs.iter().map(|(g, _)| *g).collect::<BTreeSet<_>>() {
            let count = |test: &dyn Fn(&str, &str) -> bool| pairs.iter().filter(|(g, p)| test(g, p)).count();
            let counts = Counts {
                hit: count(&|g, p| g == label && p == label),
                wrong: count(&|g, p| g != label && p == label),
                missed: count(&|g, p| g == label && p != label),
            };
            sum += counts.f1();
            per.insert(label.to_owned(), counts.json());
        }
        let right = pairs.iter().filter(|(g, p)| g == p).count();
        let answered = pairs.iter().filter(|(_, p)| !p.is_empty()).count();
        let mut out = json!({
            "n": pairs.len(),
            "accuracy": round(share(right, pairs.len())),
            "macro_f1": round(sum / per.len().max(1) as f64),
            "answered": round(share(answered, pairs.len())),
            "accuracy_when_answered": if answered == 0 { Value::Null } else { json!(round(share(right, answered))) },
        });
        if labels {
            out["per_label"] = Value::Object(per);
        }
        out
    };
    let mut out = serde_json::Map::new();
    out.insert("all".to_owned(), block(&gold.iter().collect::<Vec<_>>(), true));
    for key in ["split_kind", "fit"] {
        for (value, rows) in groups(gold, |r| text_of(r, key).to_owned()) {
            out.insert(format!("{key}={value}"), block(&rows, false));
        }
    }
    for (source, rows) in groups(gold, |r| text_of(&r["prov"], "src").to_owned()) {
        let whole = block(&rows, false);
        out.insert(format!("src={source}"), json!({ "n": whole["n"], "accuracy": whole["accuracy"] }));
    }
    Value::Object(out)
}

/// A span with its type.
#[derive(Debug, Clone)]
struct Mark {
    kind: String,
    start: i64,
    end: i64,
}

impl Mark {
    fn all(list: &Value) -> Vec<Mark> {
        let mark = |e: &Value| Mark {
            kind: text_of(e, "type").to_owned(),
            start: e["start"].as_i64().unwrap_or(0),
            end: e["end"].as_i64().unwrap_or(0),
        };
        list.as_array().map(|all| all.iter().map(mark).collect()).unwrap_or_default()
    }

    fn meets(&self, other: &Mark) -> bool {
        self.start < other.end && other.start < self.end
    }
}

fn is_when(kind: &str) -> bool {
    matches!(kind, "date" | "time" | "datetime")
}

fn is_name(kind: &str) -> bool {
    matches!(kind, "person_name" | "caller_name")
}

/// Types that may stand for each other.
fn same_type(gold: &str, said: &str) -> bool {
    gold == said
        || (is_when(gold) && is_when(said) && (gold == "datetime" || said == "datetime"))
        || (is_name(gold) && is_name(said))
}

fn score_entities(gold: &[Value], predictions: &Predictions) -> Value {
    let mut out = serde_json::Map::new();
    for exact in [false, true] {
        let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
        for row in gold {
            let annotated: BTreeSet<&str> =
                row["annotated"].as_array().map(|a| a.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
            let marks = Mark::all(&row["entities"]);
            let mut said = Mark::all(prediction(predictions, row, "entities"));
            said.retain(|m| m.start < m.end);
            count_row(&marks, &said, &annotated, exact, &mut counts);
        }
        let table: serde_json::Map<String, Value> = counts.into_iter().map(|(kind, c)| (kind, c.json())).collect();
        out.insert(if exact { "exact" } else { "overlap" }.to_owned(), Value::Object(table));
    }
    Value::Object(out)
}

fn count_row(
    gold: &[Mark],
    said: &[Mark],
    annotated: &BTreeSet<&str>,
    exact: bool,
    counts: &mut BTreeMap<String, Counts>,
) {
    let mut used = BTreeSet::new();
    for mark in gold.iter().filter(|g| g.kind != "period") {
        let fits = |e: &Mark| {
            same_type(&mark.kind, &e.kind)
                && if exact { (e.start, e.end) == (mark.start, mark.end) } else { e.meets(mark) }
        };
        let hit = said.iter().enumerate().find(|(i, e)| !used.contains(i) && fits(e)).map(|(i, _)| i);
        let entry = counts.entry(mark.kind.clone()).or_default();
        match hit {
            Some(i) => {
                used.insert(i);
                entry.hit += 1;
            }
            None => entry.missed += 1,
        }
    }
    for (_, mark) in said.iter().enumerate().filter(|(i, _)| !used.contains(i)) {
        // A second piece of a span that was found, and a day inside a period, count as nothing.
        let second_piece = !exact && gold.iter().any(|g| same_type(&g.kind, &mark.kind) && mark.meets(g));
        let in_period = is_when(&mark.kind) && gold.iter().any(|g| g.kind == "period" && mark.meets(g));
        if second_piece || in_period {
            continue;
        }
        let callers = annotated.contains("caller_name");
        let judged = annotated.contains(mark.kind.as_str())
            || (mark.kind == "datetime" && (annotated.contains("date") || annotated.contains("time")))
            || (mark.kind == "person_name" && callers);
        if judged {
            let kind = if mark.kind == "person_name" && callers { "caller_name" } else { &mark.kind };
            counts.entry(kind.to_owned()).or_default().wrong += 1;
        }
    }
}

fn score_absent(gold: &[Value], predictions: &Predictions) -> Value {
    let block = |rows: &[&Value]| {
        let made_up =
            rows.iter().filter(|r| prediction(predictions, r, "value").as_str().is_some_and(|v| !v.is_empty()));
        json!({ "n": rows.len(), "fabricated": round(share(made_up.count(), rows.len())) })
    };
    let key = |r: &Value| {
        let hard = if r["hard"].as_bool() == Some(true) { " (hard)" } else { "" };
        format!("{}{hard}", text_of(r, "field"))
    };
    let mut out: serde_json::Map<String, Value> =
        groups(gold, key).into_iter().map(|(name, rows)| (name, block(&rows))).collect();
    out.insert("all".to_owned(), block(&gold.iter().collect::<Vec<_>>()));
    Value::Object(out)
}

fn score_urgent(gold: &[Value], predictions: &Predictions) -> Value {
    let block = |rows: &[&Value]| {
        let mut counts = Counts::default();
        let mut right = 0;
        for row in rows {
            let said = prediction(predictions, row, "urgent").as_bool() == Some(true);
            match (row["urgent"].as_bool() == Some(true), said) {
                (true, true) => counts.hit += 1,
                (false, true) => counts.wrong += 1,
                (true, false) => counts.missed += 1,
                (false, false) => {}
            }
            right += usize::from(row["urgent"].as_bool() == Some(said));
        }
        let mut out = counts.json();
        out["rows"] = json!(rows.len());
        out["accuracy"] = json!(round(share(right, rows.len())));
        out
    };
    let mut out = serde_json::Map::new();
    out.insert("all".to_owned(), block(&gold.iter().collect::<Vec<_>>()));
    for (domain, rows) in groups(gold, |r| text_of(r, "domain").to_owned()) {
        out.insert(format!("domain={domain}"), block(&rows));
    }
    Value::Object(out)
}

// ---- what is said about it -------------------------------------------------------------------------------------------

fn print(scores: &Value) {
    println!("A2  spans in a caller turn             overlap F1   exact F1   required");
    for (kind, required) in REQUIRED {
        let (overlap, exact) = (&scores["A2"]["overlap"][kind], &scores["A2"]["exact"][kind]);
        println!(
            "    {kind:<12} n {:>5}                {:>8}   {:>8}   {required:>8}",
            overlap["n"], overlap["f1"], exact["f1"]
        );
    }
    println!(
        "A3  fabricated values                  {:>8} of {}, required 0",
        scores["A3"]["all"]["fabricated"], scores["A3"]["all"]["n"]
    );
    let a1 = &scores["A1"]["all"];
    println!(
        "A1  reason codes                       macro-F1 {}, accuracy {} of {}",
        a1["macro_f1"], a1["accuracy"], a1["n"]
    );
    if let Some(labels) = a1["per_label"].as_object() {
        for (label, score) in labels {
            println!("    {label:<22} n {:>4}        {:>8}", score["n"], score["f1"]);
        }
    }
    let a4 = &scores["A4"]["all"];
    println!(
        "A4  must act today                     F1 {}, precision {}, recall {} of {}",
        a4["f1"], a4["p"], a4["r"], a4["rows"]
    );
}

/// What is below what is required; empty when all is reached.
fn shortfalls(scores: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for (kind, required) in REQUIRED {
        let reached = scores["A2"]["overlap"][kind]["f1"].as_f64().unwrap_or(0.0);
        if reached < required {
            out.push(format!("A2 {kind}: overlap F1 {reached} is below {required}"));
        }
    }
    let fabricated = scores["A3"]["all"]["fabricated"].as_f64().unwrap_or(1.0);
    if fabricated > 0.0 {
        out.push(format!("A3: {fabricated} of the absent fields were made up; it must be 0"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(kind: &str, start: i64, end: i64) -> Value {
        json!({ "type": kind, "start": start, "end": end })
    }

    /// By hand: one date hit by a datetime, one time missed, one name wrong, a day inside a period left out.
    #[test]
    fn spans_are_counted_as_the_data_says() {
        let gold = [
            json!({ "id": "a", "annotated": ["date", "time"], "entities": [entity("date", 0, 5), entity("time", 8, 10)] }),
            json!({ "id": "b", "annotated": ["caller_name"], "entities": [] }),
            json!({ "id": "c", "annotated": ["date"], "entities": [entity("period", 0, 9)] }),
            json!({ "id": "d", "annotated": ["phone"], "entities": [] }),
        ];
        let said = Predictions::from([
            ("a".to_owned(), json!({ "entities": [entity("datetime", 0, 4), entity("date", 4, 5)] })),
            ("b".to_owned(), json!({ "entities": [entity("person_name", 1, 3)] })),
            ("c".to_owned(), json!({ "entities": [entity("date", 2, 4)] })),
            ("d".to_owned(), json!({ "entities": [entity("email", 2, 4)] })),
        ]);
        let scores = score_entities(&gold, &said);
        assert_eq!(scores["overlap"]["date"], json!({ "p": 1.0, "r": 1.0, "f1": 1.0, "n": 1 }));
        assert_eq!(scores["overlap"]["time"], json!({ "p": 0.0, "r": 0.0, "f1": 0.0, "n": 1 }));
        assert_eq!(scores["overlap"]["caller_name"], json!({ "p": 0.0, "r": 0.0, "f1": 0.0, "n": 0 }));
        assert_eq!(scores["overlap"].get("email"), None, "a type the source does not mark cannot be wrong");
        assert_eq!(scores["exact"]["date"]["r"], json!(0.0));
    }

    #[test]
    fn fabrication_and_urgency_are_counted() {
        let gold = [
            json!({ "id": "a", "field": "phone", "hard": true, "urgent": true, "domain": "x" }),
            json!({ "id": "b", "field": "phone", "hard": false, "urgent": false, "domain": "x" }),
            json!({ "id": "c", "field": "date", "hard": true, "urgent": true, "domain": "y" }),
        ];
        let said = Predictions::from([
            ("a".to_owned(), json!({ "value": "555", "urgent": true })),
            ("b".to_owned(), json!({ "value": null, "urgent": true })),
        ]);
        let absent = score_absent(&gold, &said);
        assert_eq!(absent["phone (hard)"], json!({ "n": 1, "fabricated": 1.0 }));
        assert_eq!(absent["all"], json!({ "n": 3, "fabricated": 0.3333 }));
        let urgent = score_urgent(&gold, &said);
        assert_eq!(urgent["all"], json!({ "p": 0.5, "r": 0.5, "f1": 0.5, "n": 2, "rows": 3, "accuracy": 0.3333 }));
        assert!(!shortfalls(&json!({ "A3": absent })).is_empty(), "a fabricated value must fail the run");
    }

    #[test]
    fn macro_f1_weighs_every_label_alike() {
        let row = |id: &str, label: &str| json!({ "id": id, "label": label, "fit": "high", "split_kind": "s", "prov": { "src": "x" } });
        let gold = [row("a", "one"), row("b", "one"), row("c", "two")];
        let said = Predictions::from([
            ("a".to_owned(), json!({ "label": "one" })),
            ("b".to_owned(), json!({ "label": "one" })),
            ("c".to_owned(), json!({ "label": null })),
        ]);
        let scores = score_reasons(&gold, &said);
        assert_eq!(scores["all"]["macro_f1"], json!(0.5));
        assert_eq!(scores["all"]["accuracy"], json!(0.6667));
        assert_eq!(scores["all"]["accuracy_when_answered"], json!(1.0));
        assert_eq!(scores["src=x"], json!({ "n": 3, "accuracy": 0.6667 }));
    }

    #[test]
    fn the_reader_reaches_what_is_required() {
        let Some(data) = data() else {
            println!("SKIPPED (loudly): no labelled data beside the workspace; the reader was not scored");
            return;
        };
        let scores = evaluate(&data, &target().join("eval-test")).unwrap();
        assert_eq!(shortfalls(&scores), Vec::<String>::new(), "{scores:#}");
    }
}
