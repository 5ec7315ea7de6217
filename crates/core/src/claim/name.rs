//! Names of people: the caller's own, and others mentioned.
//!
//! A name needs a cue ("my name is", "under the name", "transfer to") or a common first name in a place where people
//! are named. Lower-case transcripts carry no capitals, so there the cue and the list of common words decide.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::text::{Doc, Kind, pattern};
use super::words;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The person who speaks.
    Caller,
    /// The name something is booked or held under: the caller or the one they call for.
    Booking,
    /// Anybody else.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) range: Range<usize>,
    pub(crate) role: Role,
    /// Thousandths: how much the cue says.
    pub(crate) weight: u16,
}

/// How much a place must offer before a word there is taken as a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Whatever stands there is a name, unless it is a common word.
    Stated,
    /// A capital (in cased text) or a known first name.
    Likely,
    /// A known first name, or two words that are no common ones.
    Guarded,
    /// As [`Trust::Guarded`], but a single strange word does not do: it can be a restaurant.
    Held,
    /// A known first name, or two lower-case words that are no common ones.
    Pair,
    /// A known first name only.
    Known,
}

struct Cue {
    pattern: Regex,
    /// What must stand in the same sentence shortly before the cue.
    context: Option<Regex>,
    role: Role,
    trust: Trust,
}

static CUES: LazyLock<Vec<Cue>> = LazyLock::new(|| {
    use Role::{Booking, Caller, Other};
    use Trust::{Guarded, Held, Known, Likely, Pair, Stated};
    let cue = |text: &str, role, trust| Cue { pattern: pattern(text), context: None, role, trust };
    let within = |context: &str, text: &str, role, trust| Cue {
        pattern: pattern(text),
        context: Some(pattern(context)),
        role,
        trust,
    };
    let relation = r"(?:my (?:friend|niece|nephew|sister|brother|son|daughter|wife|husband|cousin|boss|landlord|roommate|doctor|aunt|uncle) |my |mr\.? |mrs\.? |ms\.? |aunt |uncle |dr\.? )?";
    vec![
        cue(
            r"\bmy (?:(?:full|first|last|legal|real|own) )?name(?:'s| is| was|,)?(?: registered as| actually| spelled)?,? ",
            Caller,
            Stated,
        ),
        cue(r"\bmy (?:first and last|family|sur ?)name is ", Caller, Stated),
        cue(r"\b(?:they|people|everyone|everybody|friends|you can|just|please)(?: usually)? call me ", Caller, Guarded),
        cue(r"\bi(?:'m| am) (?:known as|called|registered as) ", Caller, Stated),
        cue(r"\bi(?:'m|’m| am) ", Caller, Likely),
        cue(r"(?:^|[.!,?] )im ", Caller, Known),
        cue(r"\bthis is ", Caller, Likely),
        cue(r"(?:^|\b(?:hi|hello|hey|heyy|morning|afternoon|evening|there)[,.!]? )it'?s ", Caller, Likely),
        cue(r"^(?:hi|hello|hey)[,.!]? (?:this )?is ", Caller, Likely),
        cue(r"^(?:hi|hello|hey)[,.!]?(?: there)?,? this ", Caller, Known),
        cue(r"^(?:name(?:'s| is)?:?|the name(?:'s| is)|name) ", Caller, Stated),
        cue(r"\b(?:the )?name(?:'s| is| would be| should be) ", Booking, Stated),
        cue(r"\b(?:her|his|their|whose) (?:full |first |last )?name(?:'s| is) ", Other, Stated),
        cue(
            r"\b(?:under|on|in|by|for|use|using|with|at|it's|is)(?: the| my| a)? name(?:s)?(?: of| is|:)?,? ",
            Booking,
            Stated,
        ),
        cue(
            r"\bname (?:of )(?:the )?(?:contact|person|receiver|recipient|payee|guest|account holder|customer|caller|boarder)(?: is|:)? ",
            Other,
            Stated,
        ),
        cue(
            r"\b(?:the )?(?:contact|person|receiver|recipient|payee|guest|friend|name) (?:is|would be|should be|will be|to make transaction is with) ",
            Other,
            Guarded,
        ),
        cue(r"\bnamed? (?:of )?", Other, Guarded),
        cue(r"\b(?:names|name) (?:instead,? )?its? ", Booking, Likely),
        cue(
            r"\b(?:booked|reserved|listed|registered|made|filed|book|reservation|booking|table|it|is|was|be|appointment|probably|likely|account|party|reserve) (?:it )?under ",
            Booking,
            Guarded,
        ),
        cue(r"\bunder ", Booking, Guarded),
        within(
            r"\b(?:reservations?|booking|table|appointment|booked|reserved|visit|cancel|lunch|dinner|listed|room|book)\b",
            r"\bfor ",
            Booking,
            Held,
        ),
        cue(r"\b(?:, |\. )it['’]?s ", Caller, Known),
        cue(r"\bi(?:'m|’m| am) here fore? ", Booking, Likely),
        within(
            r"\b(?:transfer|transferred|transfers|transferring|send|sent|sending|resend|pay|paid|wire|wired|deposit|bucks|dollars|pounds|euros|request|recipient|transaction|refer|money)\b",
            &format!(r"\b(?:to be made with|to) {relation}"),
            Other,
            Guarded,
        ),
        within(
            r"\b(?:payments?|payee|orders?|give|go|owe|debits?)\b",
            r"\bto (?:my |mr\.? |mrs\.? |ms\.? )?",
            Other,
            Pair,
        ),
        within(
            r"\b(?:share|shared|sharing|location|address|transaction|transact|meeting|lunch|dinner|meet|appointment|coffee|date|conversation|speak|talk|talking|spoke|spoken)\b",
            &format!(r"\b(?:with|to) {relation}"),
            Other,
            Guarded,
        ),
        cue(
            r"\b(?:send|sending|pay|paying|paid|transfer|give|text|email|message|tell|remind|ask|wire|sent|tip|owe) ",
            Other,
            Likely,
        ),
        within(
            r"\b(?:money|payment|transfer|received?|emails?|mails?|messages?|texts?|dollars|calls?|bucks|\$ ?\d+)\b",
            &format!(r"\bfrom {relation}"),
            Other,
            Guarded,
        ),
        within(
            r"\b(?:emails?|mails?|number|phone|contacts?|birthday|address|information|account|details|telephone|mobile|cell|meeting|texts?|message|calls?|dial|party|appointment)\b",
            r"\b(?:of|for|to|with|by|about|from|named|is|on) (?:my (?:friend|boss) )?",
            Other,
            Known,
        ),
        cue(
            r"\b(?:niece|nephew|friend|sister|brother|cousin|wife|husband|son|daughter|aunt|uncle|grandma|mother|father|colleague|boss|roommate|boyfriend|girlfriend|partner|principal|coach|mr\.?|mrs\.?|ms\.?|miss|dr\.?|doctor|sir|father)(?: is)?,? ",
            Other,
            Likely,
        ),
        cue(
            r"\b(?:call|dial|phone|find|contact|meet|email|mail|add|reply|get me|with|from|for|to|does|did|has|is|of|see if|when did|when is|give me|show|reach|ask|tell|let) ",
            Other,
            Known,
        ),
    ]
});

/// Every name with its cue, the strongest reading of each place, in text order.
pub(crate) fn find(doc: &Doc) -> Vec<Name> {
    let mut all: Vec<Name> = Vec::new();
    for cue in CUES.iter() {
        for found in cue.pattern.find_iter(&doc.lower) {
            if let Some(context) = &cue.context
                && !context.is_match(sentence_before(doc, found.start()))
            {
                continue;
            }
            if names_a_thing(doc, &found.range()) {
                continue;
            }
            if let Some(range) = name_at(doc, found.end(), cue.trust, cue.role) {
                let weight = match cue.trust {
                    Trust::Stated => 950,
                    Trust::Likely => 850,
                    Trust::Guarded | Trust::Held | Trust::Pair => 750,
                    Trust::Known => 650,
                };
                all.push(Name { range, role: cue.role, weight });
            }
        }
    }
    all.extend(by_following(doc));
    // Of two readings of one place the stronger wins, then the longer.
    all.sort_by_key(|n| (std::cmp::Reverse(n.weight), std::cmp::Reverse(n.range.len())));
    let mut kept: Vec<Name> = Vec::new();
    for name in all {
        if kept.iter().all(|k| name.range.end <= k.range.start || k.range.end <= name.range.start) {
            kept.push(name);
        }
    }
    kept.sort_by_key(|n| n.range.start);
    kept
}

/// The same sentence before a byte, at most 70 bytes of it.
fn sentence_before<'d>(doc: &'d Doc, byte: usize) -> &'d str {
    let mut from = byte.saturating_sub(70);
    while !doc.lower.is_char_boundary(from) {
        from -= 1;
    }
    let near = doc.lower_of(&(from..byte));
    let near = near.rsplit(['?', '!']).next().unwrap_or(near);
    // A figure's point ends no sentence.
    near.rfind(". ").map_or(near, |at| near.get(at + 2..).unwrap_or(near))
}

/// "a restaurant named", "the plan name is", "send a tweet to": what is named is a thing.
fn names_a_thing(doc: &Doc, cue: &Range<usize>) -> bool {
    let text = doc.lower_of(cue);
    if text.contains("name") && !text.contains("my ") {
        let before = doc.token_from(cue.start).wrapping_sub(1);
        let word = doc.at(before);
        return words::organisation(word) || words::thing(word);
    }
    text.ends_with("to ")
        && (sentence_before(doc, cue.start).contains("tweet") || sentence_before(doc, cue.end).contains("tweet"))
}

/// Names whose cue follows them: "Jo Reed here", "Jo Reed speaking", "mary's number", "Herman Reed is the name".
fn by_following(doc: &Doc) -> Vec<Name> {
    static HERE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?:^|[,.!] |\b(?:hi|hello|hey|morning|afternoon),? )(?P<name>[a-z][a-z'’.-]+(?: [a-z][a-z'’.-]+){0,2}),? (?:here|speaking)\b",
        )
    });
    static IS_THE_NAME: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?P<name>[a-z][a-z'’-]+(?: [a-z][a-z'’-]+)?),? (?:(?:that |that['’])?(?:is|s) (?:the|my)(?: family| last| first| full)? (?:name|recipient|receiver|payee)|party have|name\b)",
        )
    });
    static HOLDS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(?:the|an?|our) (?P<name>[a-z][a-z'’-]+ [a-z][a-z'’-]+) (?:table|booking|reservation|appointment|party|order|account)\b",
        )
    });
    static OPENING: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?P<name>[a-z][a-z'’-]+ [a-z][a-z'’-]+)(?:, (?:\S+ ){0,4}?(?:for|adults?|table|party|at|people|please)|[.,]? ?$)",
        )
    });
    static OWNED: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(?P<name>[a-z]+(?: [a-z]+)?)(?:'s|’s|s| 's)\b"));
    static DOING: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(?P<name>[a-z]+(?: [a-z]+)?) (?:to know|has replied|email(?:ed)? me|did not|would like|replied|send me|called|live|lives|work|is travelling|\$|has|write|wrote|will come|in my contacts|as (?:an? )?(?:new )?(?:email )?contact|checking|booking|cell|telephone|phone|mobile|\d)",
        )
    });
    let mut out = Vec::new();
    for (form, trust, role, weight) in [
        (&*HERE, Trust::Likely, Role::Caller, 900),
        (&*IS_THE_NAME, Trust::Likely, Role::Booking, 900),
        (&*HOLDS, Trust::Guarded, Role::Booking, 700),
        (&*OPENING, Trust::Guarded, Role::Booking, 600),
        (&*OWNED, Trust::Known, Role::Other, 600),
        (&*DOING, Trust::Known, Role::Other, 600),
    ] {
        for caps in form.captures_iter(&doc.lower) {
            let Some(whole) = caps.name("name") else { continue };
            // The name is what stands last before the cue, so take the shortest head that still works.
            let starts = std::iter::once(whole.start())
                .chain(whole.as_str().match_indices(' ').map(|(i, _)| whole.start() + i + 1));
            for start in starts {
                if let Some(range) =
                    name_at(doc, start, trust, role).filter(|r| r.end >= whole.end() - 2 && r.end <= whole.end() + 2)
                    && plausible_owner(
                        doc,
                        &range,
                        form.as_str() == OPENING.as_str() || form.as_str() == HOLDS.as_str(),
                    )
                {
                    out.push(Name { range, role, weight });
                    break;
                }
            }
        }
    }
    out
}

/// "Wendy's", "papa john's": a first name that owns a shop. An opening with a comma must be two capitalised words.
fn plausible_owner(doc: &Doc, range: &Range<usize>, opening: bool) -> bool {
    if opening {
        let from = doc.token_from(range.start);
        let tokens = doc.tokens.get(from..doc.token_from(range.end)).unwrap_or_default();
        return tokens.len() == 2 && tokens.iter().all(|t| t.capital) && doc.cased;
    }
    let before = doc.at(doc.token_from(range.start).wrapping_sub(1));
    !matches!(before, "papa" | "trader" | "jimmy" | "uncle" | "little" | "big" | "saint" | "st" | "mac" | "hey")
}

/// A name that begins at this byte, if there is one under the given trust.
fn name_at(doc: &Doc, byte: usize, trust: Trust, role: Role) -> Option<Range<usize>> {
    let mut at = doc.token_from(byte);
    while matches!(doc.at(at), "mr" | "mrs" | "ms" | "dr" | "miss" | "sir" | "doctor")
        || (doc.at(at) == "." && at > 0 && matches!(doc.at(at - 1), "mr" | "mrs" | "ms" | "dr"))
    {
        at += 1;
    }
    while matches!(doc.at(at), "um" | "uh" | "er" | "uhm")
        || (doc.at(at) == "," && matches!(doc.at(at.wrapping_sub(1)), "um" | "uh" | "er"))
    {
        at += 1;
    }
    let first = doc.tokens.get(at)?;
    if matches!(doc.at(at.wrapping_sub(1)), "san" | "saint" | "santa" | "fort" | "mount" | "lake")
        || geographic(doc.word(first))
    {
        return None;
    }
    if doc.before(first.start).ends_with(['@', '#', '$', '/', '.']) {
        return None;
    }
    let word = doc.word(first);
    if first.kind != Kind::Word
        || word.len() < 2
        || words::common(word)
        || !doc
            .before(first.start)
            .get(byte.min(first.start)..)
            .unwrap_or_default()
            .chars()
            .all(|c| c.is_whitespace() || c.is_alphabetic() || matches!(c, '.' | ','))
    {
        return None;
    }
    let known = words::first_name(word);
    let mut end = at + 1;
    let mut parts = 1;
    while parts < 4 {
        let Some((next, after)) = next_part(doc, end, first.capital && doc.cased) else { break };
        end = next.max(after);
        parts += 1;
    }
    let last = doc.tokens.get(end - 1)?;
    let mut range = first.start..last.end;
    // "joes birthday": the s is not the name's.
    if doc.text.get(range.clone()).is_none() {
        range = first.start..first.end;
    }
    let capital = first.capital && doc.cased;
    let organisation = is_organisation(doc, end, range.clone());
    if trust != Trust::Stated
        && ((!capital && is_infinitive(doc, at, end)) || (role != Role::Caller && is_shop(doc, at, end)))
    {
        return None;
    }
    let fine = match trust {
        Trust::Stated => {
            (!organisation || known)
                && (capital || known || !doc.cased || parts >= 2 || role != Role::Other || first.capital)
        }
        Trust::Likely => {
            const AFTER: &str = "and from with calling here again speaking i at but";
            let alone = parts == 1 && role == Role::Caller && !known;
            let next = doc.at(end);
            let ends_well = !alone || next.is_empty() || is_mark(doc, end) || AFTER.split(' ').any(|w| w == next);
            let by_capital = capital && ends_well && !words::looks_common(word) && !is_company_run(doc, at);
            !organisation && (by_capital || (known && (!words::ambiguous(word) || parts >= 2 || capital)))
        }
        Trust::Guarded | Trust::Held => {
            let place_or_brand = (words::place(word) && !(role == Role::Booking && parts >= 2)) || words::brand(word);
            let by_capital =
                capital && (parts >= 2 || role == Role::Other || doc.at(end).is_empty() || is_mark(doc, end));
            let by_strangeness = !first.capital
                && !words::looks_common(word)
                && (parts >= 2 || (trust != Trust::Held && (!doc.names_cased || role == Role::Booking)));
            !organisation
                && !place_or_brand
                && (known && (!words::ambiguous(word) || capital || parts >= 2) || by_capital || by_strangeness)
        }
        Trust::Pair => {
            !organisation
                && !words::place(word)
                && !words::brand(word)
                && (known && (!words::ambiguous(word) || parts >= 2)
                    || (!first.capital && parts >= 2 && !words::looks_common(word)))
        }
        Trust::Known => !organisation && known && !words::ambiguous(word) && !words::brand(word),
    };
    fine.then_some(range)
}

/// The first half of a town's name.
fn geographic(word: &str) -> bool {
    matches!(word, "san" | "santa" | "saint" | "fort" | "mount" | "los" | "las" | "lake")
}

/// After "to": a verb has an object with its article, a name has not; and "have to", "how to" announce verbs.
fn is_infinitive(doc: &Doc, first: usize, end: usize) -> bool {
    if doc.at(first.wrapping_sub(1)) != "to" {
        return false;
    }
    const ASKS: &str = "have need want like love going how able got used trying supposed wish help where what";
    const OBJECTS: &str = "a an the my me us it of if what you your them him her this that our any some";
    let among = |list: &str, word: &str| list.split(' ').any(|w| w == word);
    among(ASKS, doc.at(first.wrapping_sub(2))) || among(OBJECTS, doc.at(end))
}

/// "Ruth's at seven", "hannahs in town": the s of a possessive, and what is owned is nothing a person has.
fn is_shop(doc: &Doc, first: usize, end: usize) -> bool {
    let apostrophe = matches!(doc.at(end), "'" | "’") && doc.at(end + 1) == "s";
    if apostrophe {
        return !words::possessed(doc.at(end + 2));
    }
    let bare_s = end == first + 1 && words::first_name(doc.at(first)) && !words::given(doc.at(first));
    bare_s && !words::possessed(doc.at(end))
}

/// A run of capitals with the word for a kind of company in it: "Priority Home Services".
fn is_company_run(doc: &Doc, first: usize) -> bool {
    let run =
        doc.tokens.get(first..).unwrap_or_default().iter().take(6).take_while(|t| t.kind == Kind::Word && t.capital);
    run.skip(1).any(|t| words::organisation(doc.word(t)))
}

fn is_mark(doc: &Doc, at: usize) -> bool {
    doc.tokens.get(at).is_some_and(|t| t.kind == Kind::Mark && !matches!(doc.word(t), "&" | "'" | "’" | "-"))
}

/// The next part of a name: a word of it, after an apostrophe, hyphen, initial or particle.
fn next_part(doc: &Doc, at: usize, capital: bool) -> Option<(usize, usize)> {
    let token = doc.tokens.get(at)?;
    let previous = doc.tokens.get(at.checked_sub(1)?)?;
    let word = doc.word(token);
    let fits = |index: usize| {
        doc.tokens.get(index).is_some_and(|t| {
            t.kind == Kind::Word
                && (!capital || t.capital)
                && (!words::common(doc.word(t)) || (t.capital && capital && words::first_name(doc.word(t))))
        })
    };
    if token.kind == Kind::Mark {
        let next = doc.tokens.get(at + 1)?;
        let joined = token.start == previous.end && next.start == token.end;
        if joined
            && matches!(word, "'" | "’" | "-")
            && next.kind == Kind::Word
            && (next.end - next.start > 1 || word == "-")
        {
            return Some((at + 2, at + 2));
        }
        // An initial: "Mary S. Reed".
        let initial = word == "." && previous.end - previous.start == 1 && token.start == previous.end;
        return (initial && fits(at + 1)).then_some((at + 2, at + 2));
    }
    if matches!(word, "de" | "van" | "von" | "la" | "del" | "der" | "bin" | "al" | "da" | "di")
        && fits(at + 1)
        && !words::common(doc.at(at + 1))
    {
        return Some((at + 2, at + 2));
    }
    (token.start == previous.end + 1 && fits(at) && !words::after_name(word)).then_some((at + 1, at + 1))
}

/// What follows makes it a company, a place or a thing.
fn is_organisation(doc: &Doc, end: usize, range: Range<usize>) -> bool {
    let last = doc.tokens.get(end - 1).map(|t| doc.word(t)).unwrap_or_default();
    let inside = doc.lower_of(&range);
    let next = doc.at(end);
    words::organisation(last)
        || inside.split_whitespace().any(words::organisation)
        || (words::organisation(next) && !words::belonging(next))
        || (matches!(next, "'" | "’") && owns_a_business(doc, end + 2))
        || next == "&"
}

/// "Jason's deli", "Marco's Rugs Emporium"; not "Frieda's home address".
fn owns_a_business(doc: &Doc, at: usize) -> bool {
    let word = doc.at(at);
    (words::organisation(word) && !words::belonging(word))
        || doc.tokens.get(at).is_some_and(|t| t.capital && t.kind == Kind::Word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_cue() {
        for (said, name, role) in [
            ("Hi, my name is Jo Reed and I need a plumber", "Jo Reed", Role::Caller),
            ("hi my name is jo reed and i need a plumber", "jo reed", Role::Caller),
            ("Hello, this is Edgar O'Bailey.", "Edgar O'Bailey", Role::Caller),
            ("Barbara-Anne Jackson here, call me", "Barbara-Anne Jackson", Role::Caller),
            ("it's booked under Alta Recendez for Tuesday", "Alta Recendez", Role::Booking),
            ("please transfer to shawanna broadwater in 8 hours", "shawanna broadwater", Role::Other),
            ("what is mary's number", "mary", Role::Other),
        ] {
            let doc = Doc::new(said);
            let found = find(&doc);
            assert_eq!(
                found.iter().map(|n| (&said[n.range.clone()], n.role)).collect::<Vec<_>>(),
                [(name, role)],
                "{said}"
            );
        }
    }

    #[test]
    fn no_name_without_one() {
        for said in [
            "This is about my furnace",
            "I'm having trouble with the heat",
            "Hi, I'm from Texas and need a quote",
            "I want to order from Papa John's",
            "I am going to Paris on Monday",
            "I'd like to make a reservation for Tuesday",
            "This is regarding the Chelsea Brasserie booking",
            "i am interested in a loan",
        ] {
            assert_eq!(find(&Doc::new(said)), [], "{said}");
        }
    }
}
