//! Amounts of money, exactly as said: "$1,280", "one thousand three hundred dollars", "about four hundred fifty".

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::number;
use super::text::{Doc, Kind, pattern};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) range: Range<usize>,
    /// In hundredths of the unit. None when the words do not make one certain amount.
    pub(crate) minor: Option<i64>,
    /// Upper end of a range, in the same unit.
    pub(crate) upper_minor: Option<i64>,
    /// ISO 4217 code, or None for a unit whose country the words leave open ("dollars", "pesos").
    pub(crate) currency: Option<&'static str>,
    /// The unit as said, for currencies that depend on the place.
    pub(crate) unit: String,
}

const SYMBOL: &str = r"(?:\b(?:us ?|c|ca|a|au|nzd? ?|hkd? ?|mxn ?|s)\$|\$|£|€|₭|¥|₹|₩|₽|₺)";
const CODE: &str = r"(?:usd|eur|gbp|cad|aud|nzd|chf|cny|rmb|jpy|inr|mxn|hkd|sgd|sek|nok|dkk|pln|czk|huf|ron|bgn|try|zar|aed|sar|qar|kwd|egp|jod|myr|thb|idr|php|vnd|krw|brl|ils|mnt|rub|rm|rs\.?|pkr|lbp)";
const WORD: &str = r"(?:(?:us|u\.s\.|american|canadian|australian|new zealand|hong kong|singapore|british|pound|swiss|french|dutch|turkish|mexican|qatari?|kuwaiti?|saudi ?|egyptian ?|malaysian?|jordanian|indian|japanese|chinese|danish|norwegian|swedish) ?)?(?:dollars?|bucks?|pounds?(?: sterling)?|quid|euros?|eur|cents?|pence|penny|pennies|pesos?|francs?|yen|yuan|rupees?|riyals?|rials?|dinars?|dirhams?|shekels?|ringgits?|lira|liras|guilders?|kroner?|kronor|krona|zloty|rubles?|roubles?|rand|baht|won|tugriks?|sens?|marks|l\.e\.?)";
const SCALE: &str = r"(?:thousand|million|billion|trillion|grand|mln|mm|bn|lakhs?|crores?|k|m|b)";

static FIGURES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let n = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?";
    let cents = r"(?: (?:and )?(?P<c>\d{1,2}) ?(?:cents?|c|pence|p|sens?)\b)?";
    vec![
        pattern(&format!(r"(?P<u>{SYMBOL}|\b{CODE}) ?(?P<n>{n})(?:-\d+)?(?:(?: |-)?(?P<s>{SCALE})\b)?{cents}")),
        pattern(&format!(
            r"(?:\b|^)(?P<n>{n})(?:(?: |-)?(?P<s>{SCALE}))?(?:(?: |-)(?:us|usd))? ?(?P<u>{SYMBOL}|\b{WORD}\b|{CODE}\b)(?: (?:million|billion)\b)?{cents}"
        )),
        pattern(&format!(r"\b(?P<n>{n})(?:(?: |-)?(?P<s>{SCALE}))? ?(?P<u>{WORD}|{CODE})\b{cents}")),
        pattern(&format!(r"\b(?P<u>{WORD}|{CODE}) (?P<n>{n})(?: (?P<s>{SCALE})\b)?")),
    ]
});

/// Every amount that names its unit, longest first where they overlap, in text order.
pub(crate) fn find(doc: &Doc) -> Vec<Amount> {
    let mut all = Vec::new();
    for form in FIGURES.iter() {
        for caps in form.captures_iter(&doc.lower) {
            let Some(whole) = caps.get(0) else { continue };
            let mut range = whole.range();
            let unit = caps.name("u").map(|m| m.as_str()).unwrap_or_default();
            if !clean(doc, &range, unit) {
                continue;
            }
            while doc.lower_of(&range).ends_with([' ', '.']) && !unit.ends_with('.') {
                range.end -= 1;
            }
            let scale = caps.name("s").map(|m| m.as_str()).unwrap_or_default();
            let minor = hundredths(caps.name("n").map(|m| m.as_str()).unwrap_or_default(), scale)
                .map(|value| if is_small_unit(unit) { value / 100 } else { value })
                .and_then(|value| {
                    let cents: i64 = caps.name("c").map_or(Some(0), |m| m.as_str().parse().ok())?;
                    value.checked_add(cents)
                });
            all.push(Amount { range, minor, upper_minor: None, currency: iso(unit), unit: unit.to_owned() });
        }
    }
    all.extend(spoken(doc));
    all.sort_by_key(|a| (std::cmp::Reverse(a.range.len()), a.range.start));
    let mut kept: Vec<Amount> = Vec::new();
    for amount in all {
        if kept.iter().all(|k| amount.range.end <= k.range.start || k.range.end <= amount.range.start) {
            kept.push(amount);
        }
    }
    kept.sort_by_key(|a| a.range.start);
    ranges(doc, kept)
}

/// "between 300 and 400 dollars", "$300 to $400": the first figure lends its place, the second its unit.
fn ranges(doc: &Doc, amounts: Vec<Amount>) -> Vec<Amount> {
    static HEAD: LazyLock<Regex> = LazyLock::new(|| pattern(r"(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?) ?(?:to|-|and|or) ?$"));
    let mut out: Vec<Amount> = Vec::new();
    for mut amount in amounts {
        let head = doc.before(amount.range.start);
        if let Some(previous) = out.last_mut()
            && matches!(doc.lower_of(&(previous.range.end..amount.range.start)).trim(), "to" | "-" | "and" | "–")
            && (doc.lower_of(&(previous.range.end..amount.range.start)).trim() != "and"
                || doc.before(previous.range.start).trim_end().ends_with("between"))
            && previous.upper_minor.is_none()
        {
            previous.range.end = amount.range.end;
            previous.upper_minor = amount.minor;
            continue;
        }
        if let Some(c) = HEAD.captures(head)
            && let Some(low) = c.get(1)
            && (!doc.lower_of(&(low.end()..amount.range.start)).contains("and")
                || doc.before(low.start()).trim_end().ends_with("between"))
            && !doc.before(low.start()).ends_with(|c: char| c.is_alphanumeric() || c == '.')
            && out.last().is_none_or(|p| p.range.end <= low.start())
            && !doc.lower_of(&(low.start()..amount.range.start)).contains("or")
        {
            let lower_end = hundredths(low.as_str(), "");
            amount.range.start = low.start();
            amount.upper_minor = amount.minor;
            amount.minor = lower_end;
        }
        out.push(amount);
    }
    out
}

/// Amounts in number words: "fifty one bucks", "a thousand pounds", "quarter million us dollars".
fn spoken(doc: &Doc) -> Vec<Amount> {
    static UNIT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(r"^[ -]?(?P<u>{WORD}|{CODE})\b(?: (?:and )?(?P<c>\d{{1,2}}|[a-z]+(?:[- ][a-z]+)?) cents?\b)?"))
    });
    let mut out = Vec::new();
    let mut at = 0;
    while at < doc.tokens.len() {
        let Some(first) = doc.tokens.get(at) else { break };
        let read =
            number::cardinal(doc, at).map(|s| (Some(s.value), s.next)).or_else(|| match (doc.at(at), doc.at(at + 1)) {
                ("a" | "one", word) if is_unit_word(word) => Some((Some(1), at + 1)),
                ("half" | "quarter", "million" | "billion" | "thousand") => Some((None, at + 2)),
                _ => None,
            });
        let Some((value, next)) = read else {
            at += 1;
            continue;
        };
        let end = doc.tokens.get(next - 1).map_or(first.end, |t| t.end);
        if let Some(caps) = UNIT.captures(doc.after(end))
            && let (Some(whole), Some(unit)) = (caps.get(0), caps.name("u"))
            && !(unit.as_str().starts_with("pound") && is_weight(doc, end + whole.end()))
        {
            let cents = caps.name("c").map(|c| {
                c.as_str().parse::<i64>().ok().or_else(|| {
                    let words = Doc::new(c.as_str());
                    number::cardinal(&words, 0).filter(|s| s.next == words.tokens.len()).map(|s| s.value as i64)
                })
            });
            let minor = value
                .and_then(|v| i64::try_from(v).ok())
                .and_then(|v| v.checked_mul(if is_small_unit(unit.as_str()) { 1 } else { 100 }));
            let minor = match cents {
                Some(Some(c)) => minor.and_then(|m| m.checked_add(c)),
                Some(None) => None,
                None => minor,
            };
            let mut stop = end + whole.end();
            if cents == Some(None) {
                stop = end + unit.end();
            }
            out.push(Amount {
                range: first.start..stop,
                minor,
                upper_minor: None,
                currency: iso(unit.as_str()),
                unit: unit.as_str().to_owned(),
            });
        }
        at = next.max(at + 1);
    }
    out
}

fn is_unit_word(word: &str) -> bool {
    matches!(word, "dollar" | "buck" | "euro" | "pound" | "penny" | "quid" | "grand")
}

fn is_weight(doc: &Doc, byte: usize) -> bool {
    matches!(doc.at(doc.token_from(byte)), "of" | "heavy" | "dog" | "weight")
}

fn is_small_unit(unit: &str) -> bool {
    unit.starts_with("cent") || unit == "pence" || unit.starts_with("penn") || unit == "sen" || unit == "sens"
}

fn clean(doc: &Doc, range: &Range<usize>, unit: &str) -> bool {
    let before = doc.before(range.start).chars().next_back();
    let after = doc.after(range.end).chars().next();
    let text = doc.lower_of(range);
    let figure_first = text.starts_with(|c: char| c.is_ascii_digit());
    // "300-400 dollars": the first figure is taken in later, as the lower end.
    let range_before = before == Some('-') && doc.before(range.start - 1).ends_with(|c: char| c.is_ascii_digit());
    let bad_before = !range_before
        && before
            .is_some_and(|c| c.is_alphanumeric() || (figure_first && matches!(c, '.' | ',' | '-' | '/' | ':' | '#')));
    let bad_after = after.is_some_and(char::is_alphanumeric);
    let weak = matches!(unit, "m" | "b" | "try" | "won" | "sen" | "marks" | "rand" | "rs" | "rm" | "all");
    let weak_but_alone = weak && range.len() + 2 < doc.text.len() && unit != "rm" && unit != "rs";
    let weight = unit == "pounds" && is_weight(doc, range.end);
    !bad_before && !bad_after && !weak_but_alone && !weight
}

/// A figure in hundredths; None when it has more places than a hundredth or does not fit.
fn hundredths(figure: &str, scale: &str) -> Option<i64> {
    let plain: String = figure.chars().filter(|c| *c != ',').collect();
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let by: i64 = match scale {
        "" => 1,
        "thousand" | "grand" | "k" => 1_000,
        "lakh" | "lakhs" => 100_000,
        "crore" | "crores" => 10_000_000,
        "million" | "mln" | "mm" | "m" => 1_000_000,
        "billion" | "bn" | "b" => 1_000_000_000,
        _ => 1_000_000_000_000,
    };
    let whole = whole.parse::<i128>().ok()?.checked_mul(100)?.checked_mul(i128::from(by))?;
    let places = 10i128.checked_pow(part.len() as u32)?;
    let part = if part.is_empty() { 0 } else { part.parse::<i128>().ok()? };
    let scaled = part.checked_mul(100)?.checked_mul(i128::from(by))?;
    if scaled % places != 0 {
        return None;
    }
    i64::try_from(whole.checked_add(scaled / places)?).ok()
}

/// The currency that the words themselves name.
fn iso(unit: &str) -> Option<&'static str> {
    let unit = unit.trim().trim_end_matches('.');
    Some(match unit {
        "€" | "eur" | "euro" | "euros" => "EUR",
        "£" | "gbp" | "quid" | "pence" | "british pounds" | "pounds sterling" | "pound sterling" => "GBP",
        "usd" | "us$" | "us $" | "us dollars" | "us dollar" | "american dollars" => "USD",
        "cad" | "c$" | "c $" | "ca$" | "canadian dollars" => "CAD",
        "aud" | "a$" | "au$" | "australian dollars" => "AUD",
        "nzd" | "nz$" | "nzd$" | "new zealand dollars" => "NZD",
        "chf" | "swiss francs" => "CHF",
        "cny" | "rmb" | "yuan" => "CNY",
        "jpy" | "yen" | "¥" => "JPY",
        "inr" | "₹" | "indian rupees" => "INR",
        "mxn" | "mxn$" | "mxn $" | "mexican pesos" => "MXN",
        _ => return None,
    })
}

/// The currency of a bare "dollars", "pounds" or "$" at a place.
pub(crate) fn currency_at(unit: &str, region: &str) -> Option<&'static str> {
    let unit = unit.trim();
    if unit.contains("dollar")
        || unit.contains("buck")
        || unit == "$"
        || unit.starts_with("cent")
        || unit.starts_with("penn")
        || unit == "grand"
        || unit.is_empty()
    {
        return Some(match region {
            "US" | "PR" => "USD",
            "CA" => "CAD",
            "AU" => "AUD",
            "NZ" => "NZD",
            "GB" if unit.is_empty() => "GBP",
            _ => return None,
        });
    }
    (unit.starts_with("pound") && region == "GB").then_some("GBP")
}

/// Hundredths as minor units of the currency; None when the currency has no place for them (ISO 4217: yen has none).
pub(crate) fn in_minor_units(hundredths: i64, currency: &str) -> Option<i64> {
    if currency == "JPY" { (hundredths % 100 == 0).then_some(hundredths / 100) } else { Some(hundredths) }
}

/// The amount in words or figures that are nothing but a number.
pub(crate) fn bare_value(doc: &Doc) -> Option<Amount> {
    let spoken = number::cardinal(doc, 0).filter(|s| s.next == doc.tokens.len()).map(|s| s.value);
    let value = spoken.or_else(|| doc.lower.trim().replace(',', "").parse().ok())?;
    let minor = i64::try_from(value).ok()?.checked_mul(100)?;
    Some(Amount {
        range: 0..doc.text.len(),
        minor: Some(minor),
        upper_minor: None,
        currency: None,
        unit: String::new(),
    })
}

/// What stands before an amount and bounds it: "about", "at most", "at least", "between".
pub(crate) fn qualifier(doc: &Doc, amount: &Amount) -> Option<&'static str> {
    static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(about|around|roughly|approximately|maybe|like|nearly|almost|some|up to|at most|no more than|not more than|less than|under|below|max(?:imum)?(?: of)?|at least|more than|over|above|no less than|minimum(?: of)?|starting at|between|from)(?: the| a)? ?$",
        )
    });
    let said = BEFORE.captures(doc.before(amount.range.start)).and_then(|c| c.get(1)).map(|m| m.as_str());
    if amount.upper_minor.is_some() {
        return Some("between");
    }
    Some(match said? {
        "about" | "around" | "roughly" | "approximately" | "maybe" | "like" | "nearly" | "almost" | "some" => "about",
        "up to" | "at most" | "no more than" | "not more than" | "less than" | "under" | "below" => "at most",
        m if m.starts_with("max") => "at most",
        "between" | "from" => return None,
        _ => "at least",
    })
}

/// Amounts whose unit was not said, where the words around make money the only reading: "quoted me four hundred fifty",
/// or a whole answer that is nothing but an approximate number.
pub(crate) fn find_bare(doc: &Doc) -> Vec<Amount> {
    static CUE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(?:budget(?: is| of| would be| was|'s)?|quoted?(?: me| us)?(?: a price of)?|charged?(?: me| us)?|price(?: is| was| of)?|costs?(?: me| us| is)?|pay(?:ing)?|spend(?:ing)?|paid|estimate (?:was|of|is))(?: (?:for|is|of|was))?(?: (?:about|around|roughly|maybe|like|up to|at most|at least|less than|more than|under|over|no more than|approximately))? ?$",
        )
    });
    static ALONE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:about|around|roughly|approximately|maybe) $"));
    let mut out = Vec::new();
    let mut at = 0;
    while at < doc.tokens.len() {
        let Some(first) = doc.tokens.get(at) else { break };
        let figure = (first.kind == Kind::Digits).then(|| {
            let mut next = at + 1;
            // "1,250": a comma and three figures belong to it.
            while doc.at(next) == ","
                && doc.at(next + 1).len() == 3
                && doc
                    .tokens
                    .get(next + 1)
                    .is_some_and(|t| t.kind == Kind::Digits && Some(t.start) == doc.tokens.get(next).map(|c| c.end))
            {
                next += 2;
            }
            let end = doc.tokens.get(next - 1).map_or(first.end, |t| t.end);
            let value = doc.lower_of(&(first.start..end)).replace(',', "").parse::<u64>().ok();
            (value, next)
        });
        let read = figure.or_else(|| number::cardinal(doc, at).map(|s| (Some(s.value), s.next)));
        let Some((value, next)) = read else {
            at += 1;
            continue;
        };
        let end = doc.tokens.get(next - 1).map_or(first.end, |t| t.end);
        let head = doc.before(first.start);
        let rest = doc.at(next);
        let ends = matches!(
            rest,
            "" | "."
                | ","
                | "!"
                | "?"
                | "for"
                | "to"
                | "and"
                | "so"
                | "but"
                | "total"
                | "on"
                | "a"
                | "per"
                | "plus"
                | "max"
                | "tops"
        );
        let figures_go_on = matches!(rest, "." | ",")
            && doc
                .tokens
                .get(next + 1)
                .is_some_and(|t| t.kind == Kind::Digits && doc.tokens.get(next).is_some_and(|m| m.end == t.start));
        let alone = ALONE.is_match(head.trim_start()) && matches!(doc.after(end).trim(), "" | ".");
        if value.is_some_and(|v| v >= 20)
            && ends
            && !figures_go_on
            && (CUE.is_match(head) || (alone && value.is_some_and(|v| v >= 100)))
        {
            out.push(Amount {
                range: first.start..end,
                minor: value.and_then(|v| i64::try_from(v).ok()).and_then(|v| v.checked_mul(100)),
                upper_minor: None,
                currency: None,
                unit: String::new(),
            });
        }
        at = next.max(at + 1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (said, span, minor, currency) in [
            ("it was $1,280.50 last time", "$1,280.50", Some(128_050), None),
            (
                "send one thousand three hundred and twenty bucks now",
                "one thousand three hundred and twenty bucks",
                Some(132_000),
                None,
            ),
            ("24.57€ please", "24.57€", Some(2457), Some("EUR")),
            ("US$4.7 billion", "us$4.7 billion", Some(470_000_000_000), Some("USD")),
            ("1.234 euros", "1.234 euros", None, Some("EUR")),
            ("ten pennies", "ten pennies", Some(10), None),
            ("20 dollars 43 cents", "20 dollars 43 cents", Some(2043), None),
            ("$10k", "$10k", Some(1_000_000), None),
            ("1.5 million dollars", "1.5 million dollars", Some(150_000_000), None),
            ("a dollar", "a dollar", Some(100), None),
        ] {
            let doc = Doc::new(said);
            let found = find(&doc);
            assert_eq!(found.len(), 1, "{said}: {found:?}");
            assert_eq!(doc.lower_of(&found[0].range), span, "{said}");
            assert_eq!((found[0].minor, found[0].currency), (minor, currency), "{said}");
        }
    }

    #[test]
    fn a_range_keeps_both_ends() {
        for said in ["between 300 and 400 dollars", "300-400 dollars", "$300 to $400"] {
            let doc = Doc::new(said);
            let found = find(&doc);
            assert_eq!(found.len(), 1, "{said}: {found:?}");
            assert_eq!((found[0].minor, found[0].upper_minor), (Some(30_000), Some(40_000)), "{said}");
            assert_eq!(qualifier(&doc, &found[0]), Some("between"));
        }
    }

    #[test]
    fn weights_counts_and_bare_numbers_are_no_money() {
        for said in ["a 40 pounds dog", "there are 10 stars", "a table for four", "6.45 percent", "we are 4 adults"] {
            assert_eq!(find(&Doc::new(said)), [], "{said}");
            assert_eq!(find_bare(&Doc::new(said)), [], "{said}");
        }
    }
}
