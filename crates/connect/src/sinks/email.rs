//! A page to a person as an e-mail: subject, text and a Message-ID that is the same on every attempt (RFC 5322 3.6.4,
//! <https://www.rfc-editor.org/rfc/rfc5322>), so that a mail system can fold repeats. Sending is the engine's.

use crate::wire::cut;
use ringback_core::crm::{Held, Outcome, Why};

/// The most characters of a subject.
pub const SUBJECT_CHARS_MAX: usize = 150;
/// The most characters of a text.
pub const TEXT_CHARS_MAX: usize = 20_000;

/// A mail ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// With angle brackets.
    pub message_id: String,
    pub subject: String,
    pub text: String,
}

/// Builds a page. `effect_key` names it for good; `domain` is the sender's (the part after `@` of the From address); the words come in
/// the reader's language from the caller; `link` opens the inquiry.
pub fn mail(effect_key: &str, domain: &str, subject: &str, lines: &[String], link: &str) -> Mail {
    let atom = |text: &str| -> String {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).take(200).collect()
    };
    let domain = match atom(domain) {
        d if d.is_empty() => "localhost".to_owned(),
        d => d,
    };
    let mut text = String::new();
    for line in lines {
        text.push_str(&one_line(line, 2_000));
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.push_str(&one_line(link, 2_000));
    text.push_str("\r\n");
    Mail {
        message_id: format!("<{}@{domain}>", atom(effect_key)),
        subject: one_line(subject, SUBJECT_CHARS_MAX),
        text: cut(&text, TEXT_CHARS_MAX),
    }
}

/// One line without control characters: a caller's name must not become a header of the mail.
fn one_line(text: &str, chars_max: usize) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&flat.split_whitespace().collect::<Vec<_>>().join(" "), chars_max)
}

/// What a mail server's answer means; `None` if it fell silent. Before the text was handed over silence means *not done*, after it
/// *unknown* (RFC 5321 4.2.1, 4.5.3.2).
pub fn reply(code: Option<u16>, text_was_sent: bool) -> Outcome {
    let why = |class: &str| {
        let words = code.map_or_else(|| "The mail server did not answer".to_owned(), |c| format!("SMTP {c}"));
        Why { status: code, ..Why::new(class, words) }
    };
    match (code, text_was_sent) {
        (Some(200..=299), true) => Outcome::Done { held: Held::default() },
        (None | Some(200..=399 | 421), true) => Outcome::Unknown { why: why("no_answer") },
        (Some(530 | 534 | 535), _) => Outcome::AuthExpired { why: why("unauthorized") },
        (Some(500..=599), _) => Outcome::Refused { why: why("refused") },
        (Some(400..=499), _) | (None | Some(_), false) => Outcome::Retry { after: None, why: why("not_taken") },
        (Some(_), true) => Outcome::Unknown { why: why("unreadable_reply") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_the_same_every_time_and_cannot_smuggle_headers() {
        let lines = ["Caller: Dana\r\nBcc: x@example.com".to_owned(), "Call back by 18:30".to_owned()];
        let make = || {
            mail(
                "rb-page-01abc",
                "ringback.example",
                "Missed call\r\nBcc: x@example.com",
                &lines,
                "https://r.example/i/1",
            )
        };
        let made = make();
        assert_eq!(made, make());
        assert_eq!(made.message_id, "<rb-page-01abc@ringback.example>");
        assert_eq!(made.subject, "Missed call Bcc: x@example.com");
        assert_eq!(made.text, "Caller: Dana Bcc: x@example.com\r\nCall back by 18:30\r\n\r\nhttps://r.example/i/1\r\n");
        assert_eq!(mail("a>b", "", "", &[], "").message_id, "<ab@localhost>");
    }

    #[test]
    fn mail_answers_are_classified() {
        for (code, sent, word) in [
            (Some(250), true, "done"),
            (Some(250), false, "retry"),
            (None, false, "retry"),
            (None, true, "unknown"),
            (Some(421), true, "unknown"),
            (Some(451), true, "retry"),
            (Some(550), true, "refused"),
            (Some(535), false, "auth_expired"),
        ] {
            assert_eq!(reply(code, sent).word(), word, "{code:?} {sent}");
        }
    }
}
