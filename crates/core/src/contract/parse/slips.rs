//! What people write where a text is not TOML, told by what they most likely meant.

/// Tables that stand in lists, each as its header is written.
const LISTED: [&str; 2] = ["test", "owner.rule"];

/// What is wrong where a text is not TOML, and what to write: by the library's message, the line, and the text from where it stopped.
pub(super) fn not_toml(message: &str, line: &str, rest: &str) -> (String, String) {
    let said = message.lines().collect::<Vec<_>>().join(" ");
    let (before, value) = line.split_once('=').map_or((line, ""), |(key, value)| (key.trim(), value.trim()));
    let slip = slip(message, line, before.trim(), value, rest);
    slip.map_or_else(
        || (said.clone(), "write this place as TOML: key = \"text\", [table] or [[list]]".to_owned()),
        |(cause, cure)| (if cause.is_empty() { said.clone() } else { cause.to_owned() }, cure),
    )
}

/// The slips that people make, each with a cause in words of its own where the library's are none for people.
fn slip(message: &str, line: &str, key: &str, value: &str, rest: &str) -> Option<(&'static str, String)> {
    let yes_no = ["true", "false", "yes", "no", "on", "off"];
    let behind_key =
        line.trim_start().trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_-.".contains(c)).trim_start();
    if behind_key.starts_with(':') {
        return Some(("", "write = in place of the colon: key = \"text\"".into()));
    }
    // Within a text they are as good as any sign.
    let within = value.starts_with(['"', '\'']) && message.contains("invalid");
    if !within && line.contains(['\u{201c}', '\u{201d}', '\u{201e}']) {
        return Some(("", "these are typographic quotes: write \"".into()));
    }
    if yes_no.iter().any(|word| value.eq_ignore_ascii_case(word)) {
        return Some(("", "write true or false, in small letters and without quotes".into()));
    }
    if let Some((whole, part)) = value.split_once(',').filter(|(whole, part)| all_digits(whole) && all_digits(part)) {
        let cure = if part.len() == 3 {
            format!("write {key} = {whole}{part}, or {key} = {whole}.{part}")
        } else {
            format!("write {key} = {whole}.{part}")
        };
        return Some(("a number has a point and no comma", cure));
    }
    if rest.trim_start().starts_with(',') {
        return Some(("", "take the comma out: nothing stands behind a value".into()));
    }
    by_message(message, line, key, value)
}

/// The same, where it is the library's message that tells which.
fn by_message(message: &str, line: &str, key: &str, value: &str) -> Option<(&'static str, String)> {
    let says = |what: &str| message.contains(what);
    let header = line.trim().trim_matches(['[', ']']).trim();
    let quoted = value.matches('"').count();
    if says("unclosed table") || says("unclosed array table") {
        let name = header.replace(' ', "_");
        let whole = if line.trim_start().starts_with("[[") { format!("[[{name}]]") } else { format!("[{name}]") };
        let cause = if header.contains(' ') {
            "a name holds letters, digits, - and _ alone"
        } else {
            "this header is not closed"
        };
        return Some((cause, format!("write {whole}")));
    }
    if says("invalid basic string") && quoted % 2 == 1 {
        return Some(("this text has no quote at its end", "end it with \"".into()));
    }
    if says("invalid literal string") {
        return Some(("this text has no quote at its end", "end it with '".into()));
    }
    if says("escape") || (says("unicode") && value.contains('\\')) {
        let cure = "put the text between single quotes: '…'; a path may also be written with /";
        return Some(("in \"…\" a \\ begins a sign of its own", cure.into()));
    }
    if says("missing comma") {
        return Some(("a comma is missing", "put a comma between the two".into()));
    }
    if matches!(key, "when" | "review_when") && !value.starts_with(['"', '\'']) && !value.is_empty() {
        return Some(("a condition is a text", format!("write {key} = '{value}', between single quotes")));
    }
    if matches!(key, "given" | "then") && !value.starts_with('{') && value.contains('=') {
        return Some(("what a test gives and expects stands in braces", format!("write {key} = {{ {value} }}")));
    }
    if says("unexpected key or value") && quoted >= 4 && value.contains("\" ") && value.contains('=') {
        return Some(("two keys stand in one line", "give each key a line of its own".into()));
    }
    if says("unexpected key or value") && value.starts_with('"') {
        return Some(("", "text that holds \" stands between single quotes: '…'".into()));
    }
    if says("duplicate key") && line.trim_start().starts_with('[') {
        let cure = if LISTED.contains(&header) {
            format!("write [[{header}]]: each stands in a list")
        } else {
            "put both together under one header, or give one of them another name".to_owned()
        };
        return Some(("this table stands twice", cure));
    }
    if says("duplicate key") {
        return Some(("", "this stands twice in one table: keep one of the two lines".into()));
    }
    if says("key with no value") && key.contains(' ') && line.contains('=') {
        return Some(("a key is one word", format!("write {} = …", key.replace(' ', "_"))));
    }
    if says("key with no value") {
        return Some(("this is neither key = value nor a header", "write key = value, or # before a remark".into()));
    }
    if says("quoted") && line.contains('=') && value.split('#').next().is_none_or(|v| v.trim().is_empty()) {
        return Some(("no value stands behind =", format!("write {key} = \"text\", or take the line out")));
    }
    if says("mantissa") || says("fraction") || value.split_once('.').is_some_and(|(a, b)| a.is_empty() && all_digits(b))
    {
        return Some(("a digit stands on both sides of the point", "write 0.5, not .5 and not 5.".into()));
    }
    if let Some(percent) = value.strip_suffix('%').map(str::trim).filter(|n| all_digits(n) && n.len() <= 2) {
        return Some(("a share is a number from 0 to 1", format!("write {key} = 0.{percent:0>2} for {percent} %")));
    }
    if says("quoted") || says("invalid boolean") {
        let plain = !value.is_empty() && !value.contains(['"', '\'', '[', '{', '#']);
        let cure = if plain && !key.is_empty() {
            format!("put words in quotes: {key} = \"{value}\"; a number has none and no sign behind it: 0.90")
        } else {
            "put words in quotes: key = \"text\"; a number has none and no sign behind it: 0.90".to_owned()
        };
        return Some(("", cure));
    }
    None
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}
