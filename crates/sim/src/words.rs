//! What callers say on voicemail, and what follows from it for the clock: a small grammar of its own, not the reader's.

use crate::dice::Dice;

/// How soon the words ask for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Life, gas, water: five minutes by the wall.
    Emergency,
    /// Five minutes of opening time.
    High,
    /// Nothing is said about it.
    Unsaid,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The words.
    pub text: String,
    /// What they ask for.
    pub need: Need,
}

const EMERGENCIES: &[&str] = &[
    "I smell gas in the basement, this is an emergency, please send somebody right away.",
    "A pipe burst and water is pouring through the ceiling. This is an emergency.",
];
const URGENT: &[&str] = &[
    "The heat is out in our house and it is freezing in here, please call me back as soon as you can.",
    "We have no heat since last night and there is a baby in the house. Please call back as soon as possible.",
];
const PLAIN: &[&str] = &[
    "I am calling about the estimate you sent us. Please give me a call back.",
    "We would like to book a furnace tune up for our house. Please call me back.",
    "I have a question about my bill. Please call me.",
    "I would like a price for a new water heater.",
    "Just returning your call. Thanks, bye.",
];
const REFUSALS: &[&str] = &["Please take me off your list and do not call me again."];
const NOISE: &[&str] = &["uh [inaudible] hm", "...", "hello? hello? [background noise]"];
const OPENINGS: &[&str] = &["Hi.", "Hello there.", "Yeah hi.", "Good morning."];

/// A message of any kind; `urgent` asks for one that changes the clock.
pub fn message(dice: &mut Dice, urgent: bool) -> Message {
    let opening = *dice.pick(OPENINGS);
    let said = |body: &str, need| Message { text: format!("{opening} {body}"), need };
    if urgent {
        return if dice.percent(50) {
            said(dice.pick::<&str>(EMERGENCIES), Need::Emergency)
        } else {
            said(dice.pick::<&str>(URGENT), Need::High)
        };
    }
    match dice.between(1, 10) {
        1 => Message { text: (*dice.pick(NOISE)).to_owned(), need: Need::Unsaid },
        2 => said(dice.pick::<&str>(REFUSALS), Need::Unsaid),
        _ => said(dice.pick::<&str>(PLAIN), Need::Unsaid),
    }
}

/// The demonstration's urgent voicemail: no heat.
pub fn no_heat(dice: &mut Dice) -> Message {
    Message { text: format!("{} {}", dice.pick(OPENINGS), dice.pick(URGENT)), need: Need::High }
}

/// Words in which nobody can find a wish.
pub fn noise(dice: &mut Dice) -> Message {
    Message { text: (*dice.pick(NOISE)).to_owned(), need: Need::Unsaid }
}

/// An ordinary wish.
pub fn plain(dice: &mut Dice) -> Message {
    Message { text: format!("{} {}", dice.pick(OPENINGS), dice.pick(PLAIN)), need: Need::Unsaid }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_core::claim::{ReadContext, read};

    /// The grammar's labels are ours; where the reader hears something else, the worlds would judge the clock wrongly.
    #[test]
    fn the_reader_hears_what_the_grammar_says() {
        let zone = jiff::tz::TimeZone::UTC;
        let context = ReadContext {
            anchor: jiff::Timestamp::from_second(1_780_000_000).unwrap(),
            zone: &zone,
            region: "US",
            caller_digits: Some("+13125550142"),
        };
        let groups = [
            (EMERGENCIES, Need::Emergency),
            (URGENT, Need::High),
            (PLAIN, Need::Unsaid),
            (REFUSALS, Need::Unsaid),
            (NOISE, Need::Unsaid),
        ];
        for (texts, need) in groups {
            for text in texts {
                let text = format!("Hi. {text}");
                let reading = read(&text, &context);
                let claim = reading.claim("urgency").filter(|c| c.confidence.0 >= 600).map(|c| c.value.text());
                let heard = match claim.as_deref() {
                    Some("emergency") => Need::Emergency,
                    Some("high") => Need::High,
                    Some("same_day" | "this_week") => panic!("{text}: {claim:?}"),
                    _ => Need::Unsaid,
                };
                assert_eq!(heard, need, "{text}: {claim:?}");
            }
        }
    }
}
