//! The note of an activity: HTML that people read, with our key and properties at its end.
//!
//! Pipedrive cleans the HTML it is given, so only text and line breaks are sent, and what comes back is read however the cleaning spelled
//! it. The time of an activity is kept by Pipedrive to the minute; the exact one is packed too ([`DUE`]).

use crate::packed;
use jiff::Timestamp;
use ringback_core::crm::{KEY_PROPERTY, Properties};

/// The packed, exact time of an activity.
pub(super) const DUE: &str = "rb_due";

/// Text as HTML.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => {}
            '\n' => out.push_str("<br>"),
            c => out.push(c),
        }
    }
    out
}

/// HTML as text: breaks and ends of blocks are line breaks, other tags are nothing, entities are their characters.
pub(super) fn text(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        rest = if let Some(tag) = tail.strip_prefix('<') {
            match tag.split_once('>') {
                Some((tag, after)) => {
                    let name = tag.trim_matches(['/', ' ']).split([' ', '/']).next().unwrap_or_default();
                    let closes = tag.starts_with('/');
                    match name.to_ascii_lowercase().as_str() {
                        "br" => out.push('\n'),
                        "p" | "div" | "li" | "ul" | "ol" | "tr" if closes => out.push('\n'),
                        _ => {}
                    }
                    after
                }
                None => {
                    out.push('<');
                    tag
                }
            }
        } else {
            let (c, after) = entity(tail);
            out.push(c);
            after
        };
    }
    out.push_str(rest);
    out
}

/// The character that an entity at the start of the text stands for, and what follows; of anything else the ampersand itself.
fn entity(text: &str) -> (char, &str) {
    let known = [
        ("&amp;", '&'),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&quot;", '"'),
        ("&apos;", '\''),
        ("&nbsp;", ' '),
        ("&mdash;", '—'),
        ("&ndash;", '–'),
    ];
    for (spelled, c) in known {
        if let Some(after) = text.strip_prefix(spelled) {
            return (c, after);
        }
    }
    let number = text.strip_prefix("&#").and_then(|t| t.split_once(';')).and_then(|(digits, after)| {
        let code = match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => digits.parse().ok()?,
        };
        Some((char::from_u32(code)?, after))
    });
    number.unwrap_or(('&', text.strip_prefix('&').unwrap_or_default()))
}

/// The note of an activity of ours.
pub(super) fn pack(body: &str, key: &str, properties: &Properties) -> String {
    html(&packed::pack(body, key, properties))
}

/// What a note holds: the text above our block, and what the block says. A block whose frame somebody broke still tells the key.
pub(super) fn unpack(note: &str) -> (String, Properties) {
    let text = text(note);
    let (body, mut properties) = packed::unpack(&text);
    if !properties.contains_key(KEY_PROPERTY) {
        let key = text.split('[').skip(1).find_map(|t| t.split_once(']').map(|(key, _)| key));
        if let Some(key) = key.filter(|k| k.starts_with("rb-") && !k.contains(char::is_whitespace)) {
            properties.insert(KEY_PROPERTY.to_owned(), key.to_owned());
        }
    }
    (body, properties)
}

/// A date and a time of day in UTC, as the vendor takes them.
pub(super) fn due(at: &str) -> Option<(String, String)> {
    let at: Timestamp = at.parse().ok()?;
    let text = at.to_string();
    let (date, time) = text.split_once('T')?;
    Some((date.to_owned(), time.get(..5)?.to_owned()))
}

/// The time of an activity: the exact one as long as nobody has moved the activity to another minute.
pub(super) fn due_held(date: &str, time: &str, exact: Option<&str>) -> Option<String> {
    if date.is_empty() {
        return None;
    }
    let minute = time.get(..5).unwrap_or_default();
    if let Some(exact) = exact
        && due(exact).is_some_and(|(d, t)| d == date && (t == minute || time.is_empty()))
    {
        return Some(exact.to_owned());
    }
    Some(if minute.is_empty() { date.to_owned() } else { format!("{date}T{minute}:00Z") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_survives_the_vendors_cleaning() {
        let properties: Properties = [("rb_from".to_owned(), "+1 \"a\" <b> & 'c'".to_owned())].into();
        let body = "Rang  3 times & said \"<hi>\".\n  Line two\nhttps://x.example/1?a=1&b=2";
        let note = pack(body, "rb-call-1", &properties);
        assert!(!note.contains('\n') && !note.contains("<hi>"));
        for cleaned in [
            note.clone(),
            note.replace("<br>", "<br />"),
            note.replace("<br>", "<br/>\n").replace('\n', ""),
            format!("<div>{}</div>", note.replace("\"", "&quot;").replace('\'', "&#39;").replace('—', "&mdash;")),
        ] {
            let (above, held) = unpack(&cleaned);
            assert_eq!(above, body, "{cleaned}");
            assert_eq!(held.get("rb_from").map(String::as_str), Some("+1 \"a\" <b> & 'c'"));
            assert_eq!(held.get(KEY_PROPERTY).map(String::as_str), Some("rb-call-1"));
        }
        assert_eq!(
            unpack("<p>Ann wrote this</p>[rb-task-9]").1.get(KEY_PROPERTY).map(String::as_str),
            Some("rb-task-9")
        );
        assert_eq!(text("a < b &unknown; &#x41;&#66; <"), "a < b &unknown; AB <");
        assert_eq!(unpack("[not a key] [x]").1, Properties::new());
    }

    #[test]
    fn a_time_is_exact_until_somebody_moves_the_activity() {
        let exact = "2026-03-05T14:03:11.25Z";
        assert_eq!(due(exact), Some(("2026-03-05".into(), "14:03".into())));
        assert_eq!(due_held("2026-03-05", "14:03:00", Some(exact)).as_deref(), Some(exact));
        assert_eq!(due_held("2026-03-05", "14:30:00", Some(exact)).as_deref(), Some("2026-03-05T14:30:00Z"));
        assert_eq!(due_held("2026-03-06", "", Some(exact)).as_deref(), Some("2026-03-06"));
        assert_eq!(due_held("2026-03-05", "15:00", None).as_deref(), Some("2026-03-05T15:00:00Z"));
        assert_eq!(due_held("", "15:00", Some(exact)), None);
        assert_eq!(due("soon"), None);
    }
}
