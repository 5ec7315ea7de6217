//! Street addresses. A house number is required, in figures or dictated: a street, a town or a landmark alone is no
//! address somebody can drive to.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::number;
use super::text::{Doc, Kind, pattern};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Street {
    pub(crate) range: Range<usize>,
    /// The house number was dictated in words.
    pub(crate) dictated: bool,
}

const SUFFIX: [&str; 66] = [
    "street",
    "st",
    "avenue",
    "ave",
    "av",
    "road",
    "rd",
    "drive",
    "dr",
    "lane",
    "ln",
    "boulevard",
    "blvd",
    "way",
    "court",
    "ct",
    "place",
    "pl",
    "circle",
    "cir",
    "terrace",
    "ter",
    "highway",
    "hwy",
    "parkway",
    "pkwy",
    "plaza",
    "plz",
    "square",
    "sq",
    "trail",
    "trl",
    "loop",
    "alley",
    "station",
    "center",
    "centre",
    "ctr",
    "row",
    "walk",
    "path",
    "pike",
    "turnpike",
    "expressway",
    "freeway",
    "crossing",
    "crescent",
    "close",
    "ridge",
    "run",
    "bend",
    "cove",
    "heights",
    "hill",
    "hills",
    "grove",
    "commons",
    "landing",
    "mall",
    "park",
    "point",
    "real",
    "route",
    "mews",
    "gardens",
    "broadway",
];
/// Suffixes that are also common words: they count only after a capital or another street word.
const SOFT_SUFFIX: [&str; 26] = [
    "way", "place", "center", "centre", "row", "walk", "path", "close", "run", "bend", "point", "real", "park", "mall",
    "station", "hill", "hills", "square", "loop", "route", "landing", "ridge", "circle", "court", "gardens", "st",
];
const DIRECTION: [&str; 16] = [
    "north",
    "south",
    "east",
    "west",
    "northeast",
    "northwest",
    "southeast",
    "southwest",
    "n",
    "s",
    "e",
    "w",
    "ne",
    "nw",
    "se",
    "sw",
];
/// Words that end the search for a suffix: a number before them counted something else.
const BREAK: [&str; 99] = [
    "in", "on", "at", "to", "of", "for", "from", "and", "or", "the", "a", "an", "is", "are", "was", "i", "we", "you",
    "my", "your", "our", "it", "near", "by", "with", "that", "this", "people", "person", "persons", "adults", "adult",
    "kids", "children", "guests", "rooms", "room", "seats", "am", "pm", "dollars", "bucks", "pounds", "euros",
    "minutes", "hours", "days", "weeks", "months", "years", "nights", "night", "day", "week", "month", "year", "hour",
    "percent", "please", "under", "before", "after", "will", "can", "have", "has", "need", "want", "but", "if", "so",
    "than", "then", "there", "here", "miles", "blocks", "feet", "bedroom", "bed", "bath", "o", "th_", "until", "till",
    "about", "around", "me", "us", "them", "him", "her", "out", "off", "not", "no", "be", "times", "more",
];

/// Streets after a house number, with unit, town, state and postcode where they follow at once.
pub(crate) fn find(doc: &Doc) -> Vec<Street> {
    let mut out: Vec<Street> = Vec::new();
    let mut at = 0;
    while at < doc.tokens.len() {
        let Some(house) = house_number(doc, at) else {
            at += 1;
            continue;
        };
        match street_after(doc, house.next) {
            Some(end) => {
                let start = doc.tokens.get(at).map_or(0, |t| t.start);
                let end = tail(doc, end);
                let range = start..end;
                out.push(Street { range, dictated: house.dictated });
                at = doc.token_from(end).max(at + 1);
            }
            None => at = if house.dictated { house.next.max(at + 1) } else { at + 1 },
        }
    }
    out
}

struct House {
    next: usize,
    dictated: bool,
}

fn house_number(doc: &Doc, at: usize) -> Option<House> {
    let token = doc.tokens.get(at)?;
    let before = doc.before(token.start).chars().next_back();
    if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '#' | '$' | '£' | '€' | '.' | '/' | ':' | '-')) {
        return None;
    }
    if token.kind == Kind::Digits {
        // "16:30 east", "10th street": not a house number. "1520-B", "12 1/2" are.
        let next = doc.tokens.get(at + 1)?;
        let joined = next.start == token.end;
        if token.end - token.start > 6
            || (joined && matches!(doc.word(next), ":" | "." | "/" | "%" | "th" | "st" | "nd" | "rd" | "am" | "pm"))
        {
            return None;
        }
        if joined && doc.word(next) == "-" {
            let after = doc.tokens.get(at + 2)?;
            return (after.start == next.end && (after.kind == Kind::Digits || after.end - after.start == 1))
                .then_some(House { next: at + 3, dictated: false });
        }
        let letter = joined && next.kind == Kind::Word && next.end - next.start == 1;
        return (letter || !joined).then_some(House { next: at + 1 + usize::from(letter), dictated: false });
    }
    let run = number::dictated(doc, at)?;
    let comma_or_none = doc.at(run.next) == ",";
    (run.words > 0).then_some(House { next: run.next + usize::from(comma_or_none), dictated: true })
}

/// End byte of the street's name when one follows: up to four words and a suffix, or a street that needs none.
fn street_after(doc: &Doc, from: usize) -> Option<usize> {
    let mut at = from;
    if doc.at(at) == "," {
        at += 1;
    }
    let mut names = 0;
    let mut strong = false;
    while names <= 5 {
        let token = doc.tokens.get(at)?;
        let word = doc.word(token);
        match token.kind {
            Kind::Mark => {
                let inside = matches!(word, "." | "'" | "’" | "-")
                    && names > 0
                    && doc.tokens.get(at + 1).is_some_and(|n| n.kind != Kind::Mark);
                if !inside {
                    return None;
                }
                at += 1;
                continue;
            }
            Kind::Digits => {
                // A numbered street: "49th Street", "Highway 9".
                let next = doc.at(at + 1);
                if !matches!(next, "st" | "nd" | "rd" | "th")
                    || doc.tokens.get(at + 1).is_none_or(|n| n.start != token.end)
                {
                    return None;
                }
                strong = true;
                at += 2;
                names += 1;
                continue;
            }
            Kind::Word => {}
        }
        if SUFFIX.contains(&word)
            && names > 0
            && (!SOFT_SUFFIX.contains(&word) || strong || token.capital || !doc.cased)
        {
            // "Park Avenue", "Hill Street": the later suffix is the suffix.
            let later = doc.tokens.get(at + 1).filter(|n| n.kind == Kind::Word && SUFFIX.contains(&doc.word(n)));
            let end = later.map_or(token.end, |n| n.end);
            return Some(highway_number(doc, at, end));
        }
        if word == "el" && doc.at(at + 1) == "camino" && doc.at(at + 2) == "real" {
            return doc.tokens.get(at + 2).map(|t| t.end);
        }
        if names == 0 && matches!(word, "broadway" | "highway" | "route" | "avenue") {
            let end = token.end;
            return match word {
                "broadway" => Some(end),
                _ => doc
                    .tokens
                    .get(at + 1)
                    .filter(|n| n.kind == Kind::Digits || (n.capital && n.end - n.start <= 2))
                    .map(|n| n.end),
            };
        }
        if BREAK.contains(&word)
            && !(DIRECTION.contains(&word)
                || matches!(word, "of" | "the")
                    && names > 0
                    && doc.cased
                    && doc.tokens.get(at + 1).is_some_and(|n| n.capital))
        {
            return None;
        }
        strong |= token.capital || DIRECTION.contains(&word) || matches!(word, "camino" | "san" | "santa");
        at += 1;
        names += 1;
    }
    None
}

fn highway_number(doc: &Doc, at: usize, end: usize) -> usize {
    if matches!(doc.at(at), "highway" | "hwy" | "route")
        && let Some(next) =
            doc.tokens.get(at + 1).filter(|n| n.kind == Kind::Digits && doc.text.get(end..n.start) == Some(" "))
    {
        return next.end;
    }
    end
}

/// Unit, town, state and postcode right after the street.
fn tail(doc: &Doc, end: usize) -> usize {
    static UNIT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^[,.]? ?(?:#|(?:suite|ste|apt|apartment|unit|bldg|building|floor|fl|lot|space|room)\.?\b ?#?) ?[a-z]?-?[0-9]*[a-z]?\b|^ [a-z]\d{1,4}\b",
        )
    });
    static DIRECTION_TAIL: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^,? (?:ne|nw|se|sw|north|south|east|west|n|s|e|w)\b"));
    // Cased text only: a town is one to three capitalised words, a state two capitals or one or two capitalised words.
    static PLACE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^,?(?: in)? (?P<town>[A-Z][a-zA-Z'.]+(?: [A-Z][a-zA-Z'.]+){0,2})(?:,? (?P<state>[A-Z]{2}\b|[A-Z][a-z]+(?: [A-Z][a-z]+)?))?(?:,? (?P<zip>\d{5}(?:-\d{4})?)\b)?",
        )
    });
    static STATE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^,? (?:[A-Z]{2}\b)?,? ?\d{5}(?:-\d{4})?\b"));
    let mut end = end;
    for form in [&*DIRECTION_TAIL, &*UNIT] {
        if let Some(found) = form.find(doc.after(end))
            && !found.as_str().trim_matches([',', ' ', '.']).is_empty()
        {
            end += found.as_str().trim_end_matches([' ', ',']).len();
        }
    }
    let rest = doc.text.get(end..).unwrap_or_default();
    if let Some(caps) = PLACE.captures(rest)
        && let Some(whole) = caps.get(0)
        && (whole.as_str().starts_with([','])
            || whole.as_str().starts_with(" in ")
            || caps.name("zip").is_some()
            || whole.as_str().contains(", "))
        && (caps.name("state").is_some() || caps.name("zip").is_some())
    {
        end += whole.as_str().trim_end_matches('.').len();
        // A dictated postcode: five digit words after a comma.
        let next = doc.token_from(end);
        if doc.at(next) == ","
            && let Some(zip) = number::dictated(doc, next + 1).filter(|d| d.digits.len() == 5)
        {
            end = doc.tokens.get(zip.next - 1).map_or(end, |t| t.end);
        }
        return end;
    }
    STATE.find(rest).map_or(end, |found| end + found.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (said, range) in [
            ("I'm at 1520 Lakeside Drive, come by", "1520 Lakeside Drive"),
            ("go to 470 49th Street B", "470 49th Street"),
            ("it's 2609 Ramona Blvd, Portland, OR 88504, ok", "2609 Ramona Blvd, Portland, OR 88504"),
            ("i live at 12 elm street apt 4b please", "12 elm street apt 4b"),
            ("I live on forty-two seventy-three Birch Street.", "forty-two seventy-three Birch Street"),
            ("a ride to 2331 El Camino Real #200", "2331 El Camino Real #200"),
            ("we are at 88 West San Fernando Street", "88 West San Fernando Street"),
        ] {
            let doc = Doc::new(said);
            let found = find(&doc);
            assert_eq!(found.iter().map(|s| &said[s.range.clone()]).collect::<Vec<_>>(), [range], "{said}");
        }
    }

    #[test]
    fn what_is_no_address() {
        for said in [
            "for 2 people at Market Street",
            "the bakery on Main Street",
            "at 5 in the evening on 8th Street",
            "a table for 4 by the way",
            "3 rooms near the station",
        ] {
            assert_eq!(find(&Doc::new(said)), [], "{said}");
        }
    }
}
