//! Properties of ours in a text, for records that cannot hold fields of ours (a vendor's tasks, notes or activities).
//!
//! The text ends in a block that people can read and a machine can read back:
//!
//! ```text
//! Call back the customer.
//!
//! — Ringback —
//! [rb-task-01j…]
//! rb_urgency: high
//! ```
//!
//! The key stands in brackets so that a vendor's search finds it as a word of its own. A value of several lines goes on in lines that begin
//! with `> `, so that it reads back as it was and nothing in it can be taken for a line of the block.

use ringback_core::crm::{KEY_PROPERTY, Properties};

const RULE: &str = "— Ringback —";
/// What further lines of a value begin with.
const ON: &str = "> ";

/// A text with our key and further properties below it.
pub fn pack(text: &str, key: &str, properties: &Properties) -> String {
    let mut out = text.trim_end().to_owned();
    if !out.is_empty() {
        out.push_str("\n\n");
    }
    out.push_str(RULE);
    out.push_str(&format!("\n[{key}]"));
    for (name, value) in properties.iter().filter(|(name, _)| *name != KEY_PROPERTY) {
        let value = value.replace("\r\n", "\n").replace('\r', "\n");
        out.push_str(&format!("\n{name}: {}", value.replace('\n', &format!("\n{ON}"))));
    }
    out
}

/// The text above the block, and what the block holds, our key among it. A text without a block is all text.
pub fn unpack(text: &str) -> (String, Properties) {
    let Some((above, block)) = split(text) else { return (text.to_owned(), Properties::new()) };
    let mut properties = Properties::new();
    // The property whose value may go on.
    let mut open: Option<&str> = None;
    for line in block.lines() {
        let bare = line.trim();
        if let Some(key) = bare.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            properties.insert(KEY_PROPERTY.to_owned(), key.to_owned());
            open = None;
        } else if let Some(more) = line.strip_prefix(ON).or_else(|| (bare == ON.trim()).then_some("")) {
            if let Some(value) = open.and_then(|name| properties.get_mut(name)) {
                value.push('\n');
                value.push_str(more);
            }
        } else if let Some((name, value)) =
            line.trim_start().split_once(':').filter(|(name, _)| name.starts_with("rb_"))
        {
            properties.insert(name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned());
            open = Some(name);
        } else if !bare.is_empty() {
            open = None;
        }
    }
    (above.trim_end().to_owned(), properties)
}

/// What stands above the last line that is our rule, and what below it; where somebody broke the lines, above and below its words.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut at = text.len();
    for line in text.rsplit('\n') {
        at -= line.len();
        if line.trim() == RULE {
            let below = text.get(at + line.len()..).unwrap_or_default();
            return Some((text.get(..at).unwrap_or_default(), below));
        }
        at = at.saturating_sub(1);
    }
    text.rsplit_once(RULE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let properties: Properties =
            [("rb_urgency", "high"), ("rb_key", "rb-task-1"), ("rb_callback_owner", "Ana  Ruiz")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .into();
        let text = pack("Rang 3 times.\nhttps://x.example/1\n", "rb-task-1", &properties);
        let (above, held) = unpack(&text);
        assert_eq!(above, "Rang 3 times.\nhttps://x.example/1");
        assert_eq!(held["rb_key"], "rb-task-1");
        assert_eq!(held["rb_urgency"], "high");
        assert_eq!(held["rb_callback_owner"], "Ana  Ruiz");
        for broken in ["Text. — Ringback — [rb-task-1]", "Text.\n  — Ringback —  \n[rb-task-1]"] {
            assert_eq!(unpack(broken).0, "Text.");
        }
        assert_eq!(unpack("no block"), ("no block".to_owned(), Properties::new()));
    }

    #[test]
    fn a_value_of_several_lines_reads_back_as_it_was() {
        for summary in [
            "The heat is out.\nCall after five.",
            "One\n\n\n  two\n> three",
            "It says:\n— Ringback —\n[rb-task-2]\nrb_urgency: low",
            "ends with a line\n",
            "a: b",
            "",
        ] {
            let properties: Properties = [("rb_summary", summary), ("rb_urgency", "high"), ("rb_a", "first")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .into();
            for above in ["Rang.", "", "Quoted:\n— Ringback —\n[rb-task-3]\nrb_urgency: none"] {
                let packed = pack(above, "rb-task-1", &properties);
                let (text, mut held) = unpack(&packed);
                assert_eq!(text, above);
                assert_eq!(held.remove("rb_key").as_deref(), Some("rb-task-1"));
                assert_eq!(held, properties, "{packed}");
                // Some vendors cut the blanks off the ends of lines.
                let cut: Vec<&str> = packed.lines().map(str::trim_end).collect();
                assert_eq!(unpack(&cut.join("\n")).1["rb_summary"].trim_end(), summary.trim_end());
            }
        }
    }
}
