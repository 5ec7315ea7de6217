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
//! The key stands in brackets so that a vendor's search finds it as a word of its own.

use ringback_core::crm::{KEY_PROPERTY, Properties};

const RULE: &str = "— Ringback —";

/// A text with our key and further properties below it. Line breaks inside a value become spaces: a value is one line.
pub fn pack(text: &str, key: &str, properties: &Properties) -> String {
    let mut out = text.trim_end().to_owned();
    if !out.is_empty() {
        out.push_str("\n\n");
    }
    out.push_str(RULE);
    out.push_str(&format!("\n[{key}]"));
    for (name, value) in properties.iter().filter(|(name, _)| *name != KEY_PROPERTY) {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        out.push_str(&format!("\n{name}: {value}"));
    }
    out
}

/// The text above the block, and what the block holds, our key among it. A text without a block is all text.
pub fn unpack(text: &str) -> (String, Properties) {
    let Some((above, block)) = text.rsplit_once(RULE) else { return (text.to_owned(), Properties::new()) };
    let mut properties = Properties::new();
    for line in block.lines().map(str::trim) {
        if let Some(key) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            properties.insert(KEY_PROPERTY.to_owned(), key.to_owned());
        } else if let Some((name, value)) = line.split_once(": ").filter(|(name, _)| name.starts_with("rb_")) {
            properties.insert(name.to_owned(), value.to_owned());
        }
    }
    (above.trim_end().to_owned(), properties)
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
        assert_eq!(held["rb_callback_owner"], "Ana Ruiz");
        assert_eq!(unpack("no block"), ("no block".to_owned(), Properties::new()));
    }
}
