//! E-mail addresses, written ("jo@example.com") or spoken ("jo at example dot com", "j o underscore reed at …").

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::text::{Doc, Kind, pattern};
use super::words;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) range: Range<usize>,
    /// Lower case, with `@` and points.
    pub(crate) email: String,
    /// False when words before it may belong to it ("mary ann smith at …"): good for pointing at, not for writing.
    pub(crate) sure: bool,
}

const LABEL: &str = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";

static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"[a-z0-9!#$%&'*+/=?^_`{{|}}~.-]+@(?:{LABEL}(?:\.{LABEL})+|\[?\[\d{{1,3}}(?:\.\d{{1,3}}){{3}}\]\]?)"
    ))
});
/// "at" may be the sign; the parts of the host are divided by a point or by the word.
static SPOKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?P<local>[a-z0-9][a-z0-9._+'-]*(?: ?(?:\bdot\b|\bunderscore\b|\bdash\b|\bhyphen\b|\bplus\b|_) ?[a-z0-9._+-]+)*) ?(?:@|\bat\b) ?(?P<host>{LABEL}(?: {LABEL})?(?:(?: dot |\.| \. ?){LABEL}){{1,3}})\b"
    ))
});
static NEAR_HOST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?P<local>[a-z0-9][a-z0-9._+-]*)@(?P<host>[a-z][a-z0-9-]{2,})\b"));
const TOP_LEVEL: [&str; 34] = [
    "com", "net", "org", "edu", "gov", "co", "io", "us", "uk", "ca", "au", "de", "fr", "info", "biz", "me", "in", "nz",
    "ie", "es", "it", "nl", "ch", "at", "be", "se", "no", "dk", "jp", "mx", "br", "app", "dev", "mil",
];
/// Words before "at … dot com" that are not the name of a mailbox: "reach me at example dot com".
const NO_MAILBOX: [&str; 30] = [
    "me",
    "us",
    "you",
    "him",
    "her",
    "them",
    "it",
    "is",
    "was",
    "look",
    "looking",
    "online",
    "site",
    "website",
    "email",
    "mail",
    "e-mail",
    "address",
    "work",
    "home",
    "order",
    "ordered",
    "bought",
    "shop",
    "available",
    "store",
    "page",
    "found",
    "listed",
    "booked",
];

pub(crate) fn find(doc: &Doc) -> Vec<Address> {
    let mut out: Vec<Address> = Vec::new();
    for found in WRITTEN.find_iter(&doc.lower) {
        let mut range = found.range();
        let text = doc.lower_of(&range);
        let lead = text.len() - text.trim_start_matches(['\'', '`', '=', '*', '/', '{', '|']).len();
        range.start += lead;
        let text = doc.lower_of(&range);
        let local = text.split('@').next().unwrap_or_default();
        let before = doc.before(range.start).chars().next_back();
        let after = doc.after(range.end).chars().next();
        let broken = !sound(local)
            || before.is_some_and(|c| c == '@' || c == '.')
            || after.is_some_and(|c| matches!(c, '_' | '@'));
        if !broken && !doc.after(range.end).starts_with(" dot ") {
            let email = text.to_owned();
            out.push(Address { range, email, sure: true });
        }
    }
    for caps in SPOKEN.captures_iter(&doc.lower) {
        let (Some(whole), Some(local), Some(host)) = (caps.get(0), caps.name("local"), caps.name("host")) else {
            continue;
        };
        let by_word = !doc.lower_of(&whole.range()).contains('@');
        let host_text = joined(host.as_str());
        let last = host_text.rsplit('.').next().unwrap_or_default();
        if !TOP_LEVEL.contains(&last) || (by_word && host.as_str().contains(' ') && !host.as_str().contains(" dot ")) {
            continue;
        }
        let mut start = local.start();
        let mut name = joined(local.as_str());
        if !sound(&name) || (!by_word && !host.as_str().contains(" dot ")) {
            continue;
        }
        if by_word && NO_MAILBOX.contains(&name.as_str()) {
            continue;
        }
        if name.len() == 1 {
            (start, name) = spelled(doc, start, name);
        }
        let range = start..whole.end();
        if doc.before(start).ends_with(['@', '.', '_'])
            || out.iter().any(|o| range.start < o.range.end && o.range.start < range.end)
        {
            continue;
        }
        let sure = !by_word || stands_alone(doc, start);
        out.push(Address { range, email: format!("{name}@{host_text}"), sure });
    }
    out.sort_by_key(|a| a.range.start);
    out
}

/// A local part that a mail server takes: no point at either end, none doubled, at most 64 octets (RFC 5321, RFC 5322).
fn sound(local: &str) -> bool {
    !local.is_empty() && !local.starts_with('.') && !local.ends_with('.') && !local.contains("..") && local.len() <= 64
}

/// Nothing before the spoken name of the mailbox could be a part of it.
fn stands_alone(doc: &Doc, start: usize) -> bool {
    match doc.token_from(start).checked_sub(1).and_then(|i| doc.tokens.get(i)) {
        None => true,
        Some(before) => before.kind == Kind::Mark || words::common(doc.word(before)) || doc.word(before).len() < 2,
    }
}

/// Letters spelled one by one before the sign: "j o h n at example dot com".
fn spelled(doc: &Doc, start: usize, name: String) -> (usize, String) {
    let mut name = name;
    let mut from = start;
    let mut at = doc.token_from(start);
    while at > 0 {
        at -= 1;
        let Some(token) = doc.tokens.get(at) else { break };
        let word = doc.word(token);
        if word.len() == 1
            && word.chars().all(|c| c.is_ascii_alphanumeric())
            && !(word == "a" && name.len() > 1 && at == 0)
        {
            name.insert_str(0, word);
            from = token.start;
        } else {
            break;
        }
    }
    (from, name)
}

/// The address a spoken piece means: words for signs become signs, spaces go.
fn joined(said: &str) -> String {
    let mut out = String::new();
    for word in said.split_whitespace() {
        match word {
            "dot" => out.push('.'),
            "underscore" => out.push('_'),
            "dash" | "hyphen" => out.push('-'),
            "plus" => out.push('+'),
            other => out.push_str(other),
        }
    }
    out
}

/// The address an expression means, for checking a claim against its words.
pub(crate) fn normalised(said: &str) -> Option<String> {
    let doc = Doc::new(said);
    let found = find(&doc);
    match found.as_slice() {
        [one] if one.range == (0..said.len()) => Some(one.email.clone()),
        _ => None,
    }
}

/// Places where an address was meant but its host is incomplete ("macs@xorg"): good for pointing at, not for writing.
pub(crate) fn incomplete(doc: &Doc) -> Vec<Range<usize>> {
    NEAR_HOST
        .captures_iter(&doc.lower)
        .filter(|c| c.name("local").is_some_and(|l| sound(l.as_str())))
        .filter_map(|c| c.get(0))
        .map(|m| m.range())
        .filter(|r| {
            !doc.before(r.start).ends_with(['.', '@', '_'])
                && !doc.after(r.end).starts_with(['.', '_', '@', '-'])
                && !doc.after(r.end).starts_with(" dot")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_spoken() {
        for (said, email) in [
            ("my mail is Jo.Reed+x@Example.co.uk.", "jo.reed+x@example.co.uk"),
            ("it's jo at example dot com thanks", "jo@example.com"),
            ("johndoe@yahoo dot com please", "johndoe@yahoo.com"),
            ("write to jo underscore reed at example dot com", "jo_reed@example.com"),
            ("that is j o h n at example dot com", "john@example.com"),
            ("jo dot reed at mail dot example dot org", "jo.reed@mail.example.org"),
        ] {
            let found = find(&Doc::new(said));
            assert_eq!(found.iter().map(|a| a.email.as_str()).collect::<Vec<_>>(), [email], "{said}");
        }
    }

    #[test]
    fn what_is_no_address() {
        for said in [
            "Both a..bc@outlook.com and .abc@hotmail.com are not valid",
            "Carol@new_type.com is invalid",
            "you can find me at example dot com",
            "tweet @somebody about it",
            "add this email to my contacts",
        ] {
            assert_eq!(find(&Doc::new(said)), [], "{said}");
        }
    }
}
