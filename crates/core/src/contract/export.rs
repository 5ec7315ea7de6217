//! The mapping as a document for people (F-079): per kind of record, which spoken thing goes to which field, as what, and who wins.

use super::model::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const HEAD: [&str; 10] = [
    "Field",
    "What it means",
    "Fed by",
    "CRM field",
    "Type",
    "Source of truth",
    "Who wins",
    "The machine may",
    "Confidence",
    "When not said",
];

fn row(name: &str, rule: &FieldRule) -> [String; 10] {
    let percent = |t: Thousandths| format!("{}.{} %", t / 10, t % 10);
    let machine = match rule.machine {
        Machine::Update => "update it",
        Machine::FillEmpty => "fill it where it is empty",
        Machine::Suggest => "suggest",
        Machine::Never => "nothing",
    };
    let care = if rule.accountability || rule.protected.is_some() { "; a person approves" } else { "" };
    let truth = match rule.truth {
        Truth::Call => "the call",
        Truth::Crm => "the CRM",
        Truth::Human => "people",
        Truth::Decision => "Ringback's decision",
        Truth::Provider => "a provider of data",
    };
    let missing = match &rule.on_missing {
        OnMissing::Leave => "left as it is".to_owned(),
        OnMissing::Flag => "flagged".to_owned(),
        OnMissing::Default(text) => format!("set to {text}"),
    };
    let kind = match &rule.kind {
        FieldType::Choice(options) => format!("one of {}", options.join(", ")),
        other => other.word().to_owned(),
    };
    let acts = matches!(rule.machine, Machine::Update | Machine::FillEmpty);
    let sure = match (rule.machine, acts) {
        (Machine::Never, _) => "-".to_owned(),
        (_, true) => format!("acts from {}, asks from {}", percent(rule.write_at), percent(rule.review_at)),
        (_, false) => format!("asks from {}", percent(rule.review_at)),
    };
    [
        name.to_owned(),
        rule.means.clone(),
        rule.from.clone(),
        rule.target(),
        kind,
        truth.to_owned(),
        rule.winner.clone(),
        format!("{machine}{care}"),
        sure,
        missing,
    ]
}

/// The mapping as Markdown, a table per kind of record.
pub fn markdown(contract: &Contract) -> String {
    let mut out = format!(
        "# Field mapping: {}\n\nWhat a call may put into the CRM ({}). What is not listed here is never written.\n",
        contract.name, contract.crm
    );
    let objects: BTreeSet<_> = contract.fields.values().map(|r| r.object).collect();
    for object in objects {
        let _ = write!(out, "\n## {}\n\n| {} |\n|{}\n", object.as_str(), HEAD.join(" | "), "---|".repeat(HEAD.len()));
        for (name, rule) in contract.fields.iter().filter(|(_, r)| r.object == object) {
            let cells = row(name, rule).map(|cell| cell.replace('|', "\\|").replace('\n', " "));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    out.push_str("\n## Decided in writing\n\n");
    for item in super::pilot::items(contract) {
        let written = item.written.unwrap_or_else(|_| "not decided yet".to_owned());
        let _ = writeln!(out, "- {}: {}", item.about, written.trim_end_matches('.'));
    }
    out
}

/// The mapping as comma-separated values, a line per field. A cell that a spreadsheet would take for a formula is led by an apostrophe.
pub fn csv(contract: &Contract) -> String {
    let line = |cells: &[String]| {
        let quoted: Vec<String> = cells
            .iter()
            .map(|cell| {
                let lead = if cell.starts_with(['=', '+', '-', '@']) && cell.len() > 1 { "'" } else { "" };
                format!("\"{lead}{}\"", cell.replace('"', "\"\""))
            })
            .collect();
        quoted.join(",") + "\r\n"
    };
    let mut out = line(&HEAD.map(str::to_owned));
    for (name, rule) in &contract.fields {
        out.push_str(&line(&row(name, rule)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{DEFAULT_TEXT, parse};

    #[test]
    fn every_field_stands_in_the_document_once() {
        let contract = parse(DEFAULT_TEXT).0.unwrap();
        let (text, lines) = (markdown(&contract), csv(&contract));
        for (name, rule) in &contract.fields {
            assert_eq!(text.matches(&format!("\n| {name} | ")).count(), 1, "{name}");
            assert!(text.contains(&rule.target()) && text.contains(&rule.winner), "{name}");
        }
        assert_eq!(lines.lines().count(), contract.fields.len() + 1);
        assert!(text.contains("## contact") && text.contains("## task"));
    }

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_its_row() {
        let text = DEFAULT_TEXT.replacen("How soon the caller needs us, in", "=HYPERLINK(\\\"x\\\") | in", 1);
        let contract = parse(&text).0.unwrap();
        assert!(csv(&contract).contains("\"'=HYPERLINK(\"\"x\"\") | in"), "{}", csv(&contract));
        assert!(markdown(&contract).contains("=HYPERLINK(\"x\") \\| in"));
    }
}
