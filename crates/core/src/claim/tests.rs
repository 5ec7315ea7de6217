//! What the reader makes of whole calls, and the laws that hold for any text.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::check::slice;
use super::*;

/// A Monday, 15:00 UTC, which is morning in Phoenix.
fn with_context<T>(body: impl FnOnce(&ReadContext<'_>) -> T) -> T {
    let zone = TimeZone::get("America/Phoenix").unwrap();
    let anchor: Timestamp = "2026-03-02T15:00:00Z".parse().unwrap();
    body(&ReadContext { anchor, zone: &zone, region: "US", caller_digits: Some("+16025550100") })
}

fn reading(text: &str) -> Reading {
    with_context(|context| read(text, context))
}

fn value(text: &str, field: &str) -> Option<String> {
    reading(text).claim(field).map(|c| c.value.text())
}

#[test]
fn a_whole_voicemail() {
    let text = "Hi, this is Dana Reed. We've had no heat since last night and it's freezing. Can somebody come out tomorrow at 9 am? \
                I'm at 1520 Lakeside Drive. Call me back at 602-555-0142, or write to dana dot reed at example dot com. My budget is about four hundred fifty dollars.";
    let got = reading(text);
    for (field, expected) in [
        ("caller_name", "Dana Reed"),
        ("callback_number", "+16025550142"),
        ("email", "dana.reed@example.com"),
        ("address", "1520 Lakeside Drive"),
        ("when", "2026-03-03T09:00"),
        ("budget", "450 USD"),
        ("urgency", "high"),
    ] {
        assert_eq!(got.claim(field).map(|c| c.value.text()).as_deref(), Some(expected), "{field}: {got:#?}");
    }
    assert_eq!(got.claim("budget").unwrap().qualifier.as_deref(), Some("about"));
    let urgency = got.claim("urgency").unwrap();
    assert_eq!(slice(text, urgency.quote), Some("We've had no heat since last night and it's freezing."));
    assert_eq!(got.rejected, []);
}

#[test]
fn nine_digits_are_refused_and_never_padded() {
    for text in [
        "call me back at 602 555 123",
        "my number is six oh two five five five one two three",
        "reach me on 602-555-123",
    ] {
        let got = reading(text);
        assert_eq!(got.claim("callback_number"), None, "{text}");
        assert_eq!(got.rejected.iter().map(|r| r.reason).collect::<Vec<_>>(), [RejectReason::WrongDigits], "{text}");
    }
}

#[test]
fn a_number_said_twice_is_one_and_a_second_one_is_another() {
    assert_eq!(
        reading("call 602-555-0142, that's 602 555 0142")
            .claims
            .iter()
            .filter(|c| c.field == "callback_number")
            .count(),
        1
    );
    let two = reading("my cell is 602-555-0142 or call 480-555-0143");
    let numbers: Vec<_> = two
        .claims
        .iter()
        .filter(|c| c.field == "callback_number")
        .map(|c| (c.value.text(), c.confidence.0 > 700))
        .collect();
    assert_eq!(numbers, [("+16025550142".to_owned(), true), ("+14805550143".to_owned(), false)]);
}

#[test]
fn this_number_is_the_callers_own() {
    let got = reading("please call me back on this number");
    let claim = got.claim("callback_number").unwrap();
    assert_eq!((claim.value.text().as_str(), claim.qualifier.as_deref()), ("+16025550100", Some("caller_id")));
    let zone = TimeZone::UTC;
    let unknown = ReadContext { anchor: Timestamp::UNIX_EPOCH, zone: &zone, region: "US", caller_digits: None };
    assert_eq!(read("please call me back on this number", &unknown).claim("callback_number"), None);
}

#[test]
fn what_looks_like_a_value_and_is_none() {
    for (text, field) in [
        ("My account number is 602 555 0199", "callback_number"),
        ("The model number is 480-555-0199-A", "callback_number"),
        ("It's Raining in my kitchen", "caller_name"),
        ("My name isn't important", "caller_name"),
        ("Hello this is Priority Home Services", "caller_name"),
        ("I am Catholic and would like a wedding date", "caller_name"),
        ("reservation for Thanksgiving", "caller_name"),
        ("my email is mary ann smith at gmail dot com", "email"),
        ("I have 12 windows on Elm Street that need replacing", "address"),
        ("I already paid it on the 12th", "when"),
        ("a smell of gas? no, nothing", "amount"),
    ] {
        assert_eq!(value(text, field), None, "{text}");
    }
}

#[test]
fn amounts_keep_their_figure_and_their_qualifier() {
    for (text, minor, qualifier) in [
        ("about four hundred fifty", 45_000, Some("about")),
        ("they quoted me about four hundred fifty", 45_000, Some("about")),
        ("my budget is at most $1,250.75", 125_075, Some("at most")),
        ("I paid 89 dollars", 8_900, None),
    ] {
        let got = reading(text);
        let claim = got.claim("amount").or(got.claim("budget")).unwrap_or_else(|| panic!("{text}"));
        assert!(matches!(claim.value, ClaimValue::Money { minor: m, .. } if m == minor), "{text}: {claim:?}");
        assert_eq!(claim.qualifier.as_deref(), qualifier, "{text}");
    }
    assert_eq!(value("I would like to know more about it", "budget"), None, "not said, so absent");
}

#[test]
fn days_are_exact_or_stay_as_said() {
    for (text, expected) in [
        ("can you come tomorrow", "2026-03-03"),
        ("can you come on Thursday", "2026-03-05"),
        // The call is on a Monday: another Monday could be today or in a week.
        ("can you come on Monday", "Monday"),
        // The coming Thursday lies in this week, so "next" leaves a choice.
        ("can you come next Thursday", "next Thursday"),
        ("can you come Thursday next week", "2026-03-12"),
        ("in 3 days please", "2026-03-05"),
        ("book me for March 14th", "2026-03-14"),
        ("book me for February 14th", "2027-02-14"),
        ("on the 31st at 2 pm", "2026-03-31T14:00"),
        // A weekday that is not that day's.
        ("on Tuesday the 31st of April", "Tuesday the 31st of April"),
        ("come at 3 in the afternoon", "15:00"),
        ("come at 3", "3"),
        ("half past 4 pm works", "16:30"),
    ] {
        assert_eq!(value(text, "when").as_deref(), Some(expected), "{text}");
    }
    assert_eq!(value("it stopped working yesterday", "when"), None, "what happened is not what is wanted");
}

#[test]
fn tomorrow_is_a_day_of_the_location() {
    let zone = TimeZone::get("America/Phoenix").unwrap();
    // 02:00 UTC on the third is still the evening of the second in Phoenix.
    let context =
        ReadContext { anchor: "2026-03-03T02:00:00Z".parse().unwrap(), zone: &zone, region: "US", caller_digits: None };
    assert_eq!(read("please come tomorrow", &context).claim("when").unwrap().value.text(), "2026-03-03");
}

#[test]
fn intents_reasons_and_urgency_come_from_the_words() {
    for (text, field, expected) in [
        ("My furnace is not working, can you fix it", "intent", Some("support")),
        ("I'd like to book an appointment for a cleaning", "intent", Some("booking")),
        ("How much does a drain cleaning cost?", "intent", Some("inquiry")),
        ("I want to file a complaint about your crew, this is unacceptable", "intent", Some("complaint")),
        ("can I move my Tuesday slot", "reason_code", Some("appointment_change")),
        ("how much do you charge for a tune-up", "reason_code", Some("pricing_question")),
        ("could I get a demo of your software", "reason_code", Some("demo_request")),
        ("what are your opening hours", "reason_code", Some("information_request")),
        ("we'd like a new roof sometime this spring", "urgency", Some("nurture")),
        ("water is coming through the ceiling", "urgency", Some("emergency")),
        ("there's a smell of gas in the basement", "urgency", Some("emergency")),
        ("we have no hot water", "urgency", Some("high")),
        ("someone needs to come today", "urgency", Some("same_day")),
        ("could you come this week", "urgency", Some("this_week")),
        ("hello, I have a question", "urgency", None),
        ("there is no smell of gas and no leak", "urgency", None),
        ("that was unacceptable", "sentiment", Some("frustrated")),
        ("your crew did a great job, thank you so much", "sentiment", Some("positive")),
        ("how much is a tune-up", "sentiment", Some("neutral")),
    ] {
        assert_eq!(value(text, field).as_deref(), expected, "{text}");
    }
}

#[test]
fn flags_have_their_quote() {
    for (text, flag) in [
        ("hi it's me, call me", "ambiguous_voicemail"),
        ("We have a burst pipe", "emergency"),
        ("I'm not happy with the job you did", "complaint"),
        ("we manage 40 units and need all of our buildings done", "high_value"),
        ("can I get a quote", "pricing_request"),
        ("do you have any openings on Friday", "availability_request"),
        ("calling from Western Pipe Supply, your order is ready", "vendor"),
        ("please stop calling me", "opt_out"),
        ("I have a few other quotes already", "competitor"),
        ("your technician was here and it broke again", "existing_customer_issue"),
    ] {
        let got = reading(text);
        assert!(got.flag(flag), "{text}: {got:#?}");
    }
    let clear = reading("hi it's Dana, my water heater is leaking, call me");
    assert!(!clear.flag("ambiguous_voicemail"), "{clear:#?}");
}

#[test]
fn no_heat_says_nothing_about_gas() {
    let text = "We have no heat since last night";
    let got = reading(text);
    let lines = summary(text, &got).lines().join(" ").to_lowercase();
    for word in ["gas", "child", "danger", "emergency", "carbon"] {
        assert!(!lines.contains(word), "{lines}");
    }
    assert!(!got.flag("emergency"));
    assert!(lines.contains("no heat since last night"), "{lines}");
}

#[test]
fn a_summary_says_what_is_known_and_what_is_not() {
    for text in ["", "   ", "...", "—"] {
        let empty = summary(text, &reading(text));
        assert_eq!(empty.lines(), ["No message content."], "{text:?}");
        assert_eq!(empty.sentences[0].quote, None);
        assert_eq!(empty.unknown, ["caller_name", "callback_number", "service", "when", "address"]);
        assert_eq!(reading(text), Reading::default());
    }
    let text = "Hi, my name is Jo Reed. I need a quote for a water heater.";
    let got = summary(text, &reading(text));
    assert_eq!(got.unknown, ["callback_number", "when", "address"]);
    for sentence in &got.sentences {
        let quote = slice(text, sentence.quote.unwrap()).unwrap();
        assert!(text.contains(quote));
    }
}

#[test]
fn the_judge_refuses_what_the_words_do_not_say() {
    let text = "Call Jo at 602-555-0142 about the $450 quote on Thursday";
    let claim = |field: &str, value: ClaimValue, said: &str| {
        let start = text.find(said).unwrap_or(900) as u32;
        let span = Span { start, end: start + said.len() as u32 };
        Claim {
            field: field.to_owned(),
            value,
            confidence: Confidence(990),
            quote: span,
            span,
            extractor: "model".to_owned(),
            extractor_version: 7,
            qualifier: None,
        }
    };
    let phone = |digits: &str| ClaimValue::Phone { digits: digits.to_owned(), e164: Some(format!("+1{digits}")) };
    let money = |minor| ClaimValue::Money { minor, currency: "USD".to_owned(), qualifier: None, upper_minor: None };
    let day = |day| ClaimValue::Date(jiff::civil::date(2026, 3, day));
    with_context(|context| {
        for (claim, reason) in [
            (claim("callback_number", phone("6025550142"), "602-555-0142"), None),
            (claim("callback_number", phone("6025550143"), "602-555-0142"), Some(RejectReason::WrongDigits)),
            (claim("callback_number", phone("6025550142"), "not in the text"), Some(RejectReason::NoEvidence)),
            (claim("amount", money(45_000), "$450"), None),
            (claim("amount", money(50_000), "$450"), Some(RejectReason::NotFollowing)),
            (claim("when", day(5), "Thursday"), None),
            (claim("when", day(6), "Thursday"), Some(RejectReason::NotFollowing)),
            (claim("caller_name", ClaimValue::Text("Jo".to_owned()), "Jo"), None),
            (claim("caller_name", ClaimValue::Text("Joanna".to_owned()), "Jo"), Some(RejectReason::NotFollowing)),
            (claim("amount", day(5), "$450"), Some(RejectReason::WrongKind)),
            (claim("urgency", ClaimValue::Choice("emergency".to_owned()), "Call Jo"), Some(RejectReason::NotFollowing)),
            (claim("flag.vendor", ClaimValue::Flag(true), "Call Jo"), Some(RejectReason::NotFollowing)),
            (
                claim("email", ClaimValue::Email("jo@example.com".to_owned()), "Call Jo"),
                Some(RejectReason::NotFollowing),
            ),
        ] {
            let got = check(text, claim.clone(), context);
            assert_eq!(got.as_ref().err().map(|e| e.reason), reason, "{claim:?}");
        }
        let mut outside = claim("caller_name", ClaimValue::Text("Jo".to_owned()), "Jo");
        outside.quote = Span { start: 20, end: 30 };
        assert_eq!(check(text, outside, context).unwrap_err().reason, RejectReason::NoEvidence);
        let mut past_the_end = claim("caller_name", ClaimValue::Text("Jo".to_owned()), "Jo");
        past_the_end.quote.end = 10_000;
        assert_eq!(check(text, past_the_end, context).unwrap_err().reason, RejectReason::NoEvidence);
    });
}

#[test]
fn a_reading_survives_its_storage() {
    let got = reading("Hi, this is Dana Reed, call 602-555-0142 on Thursday at 3 pm about the $450 quote. No rush.");
    let stored = serde_json::to_string(&got).unwrap();
    assert_eq!(serde_json::from_str::<Reading>(&stored).unwrap(), got);
}

/// Text that looks like speech often enough to reach the readers, with anything else between.
fn speech() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "my name is", "call me at", "six oh two", "double five", "at", "dot com", "jo", "@", "example", "$", "€", "450", "1,000",
            "between", "and", "to", "dollars", "tomorrow", "next", "Tuesday", "the 31st", "of", "February", "half past", "3", "pm", "p.m.",
            "12:30", "2026-02-31", "no", "heat", "leaking", "1520", "Lakeside", "Drive", "apt", "#", "-", ".", ",", "?", "’s", "under", "Mary",
            "in", "days", "two hundred", "million", "thousand", "hundred", "oh", "first", "twenty", "99999999999999999999", "(602)", "555", "0142", "+1", "ext",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec((piece, prop::sample::select(vec![" ", "", "  ", "\n"])), 0..24)
        .prop_map(|parts| parts.into_iter().map(|(a, b)| a + b).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_and_every_claim_holds(text in speech()) {
        with_context(|context| {
            let got = read(&text, context);
            let length = text.chars().count() as u32;
            for claim in &got.claims {
                prop_assert!(claim.quote.start <= claim.span.start && claim.span.start < claim.span.end);
                prop_assert!(claim.span.end <= claim.quote.end && claim.quote.end <= length);
                prop_assert!((1..=1000).contains(&claim.confidence.0));
                prop_assert_eq!(check(&text, claim.clone(), context), Ok(claim.clone()));
            }
            for entity in entities(&text, context) {
                prop_assert!(entity.start < entity.end && entity.end <= length);
            }
            for sentence in summary(&text, &got).sentences {
                if let Some(quote) = sentence.quote {
                    prop_assert!(slice(&text, quote).is_some());
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_claimed_number_has_the_digits_that_stand_there(area in 200u32..999, exchange in 200u32..999, line in 0u32..9999, form in 0usize..4) {
        let digits = format!("{area}{exchange}{line:04}");
        let text = match form {
            0 => format!("call me at {area}-{exchange}-{line:04} please"),
            1 => format!("my cell is ({area}) {exchange} {line:04}"),
            2 => format!("número: café — my number is {digits}."),
            _ => {
                let words = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
                let said: Vec<_> = digits.bytes().map(|b| words[usize::from(b - b'0')]).collect();
                format!("my number is {}", said.join(" "))
            }
        };
        let got = reading(&text);
        if let Some(claim) = got.claim("callback_number") {
            let said = matches!(&claim.value, ClaimValue::Phone { digits: d, .. } if *d == digits);
            prop_assert!(said);
        } else {
            // Area codes and exchanges like 211 and 911 are service codes.
            prop_assert!(got.rejected.iter().any(|r| r.reason == RejectReason::WrongDigits), "{}: {:?}", text, got);
        }
    }

    #[test]
    fn amounts_are_never_altered(minor in 1i64..100_000_000) {
        let text = format!("it would be ${}.{:02} in total", minor / 100, minor % 100);
        let got = reading(&text);
        let claim = got.claim("amount").unwrap();
        let kept = matches!(&claim.value, ClaimValue::Money { minor: m, .. } if *m == minor);
        prop_assert!(kept, "{:?}", claim);
    }
}

#[test]
fn every_flag_that_is_raised_stands_in_the_one_list() {
    let raised = super::cues::CUES.iter().filter(|c| c.group == super::classify::Group::Flag);
    let unlisted: Vec<&str> = raised.map(|c| c.choice).filter(|c| !FLAGS.contains(c)).collect();
    assert_eq!(unlisted, [""; 0]);
}
