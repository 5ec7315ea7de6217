//! A page to a person or a system as a signed webhook: Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! The message id is the effect's key, the same on every attempt, so that a receiver can tell a repeat.

use crate::wire::retry_after;
use crate::{Secret, standard_webhooks};
use jiff::Timestamp;
use ringback_core::crm::{Held, Outcome, Why};
use ringback_core::http::HttpReply;
use std::time::Duration;

/// The wait after a 429 that names none.
const USUAL_WAIT: Duration = Duration::from_secs(30);

/// The headers of a page: content type, message id, time and signature.
pub fn signed(id: &str, at: Timestamp, body: &[u8], secret: &Secret) -> Vec<(String, String)> {
    let seconds = at.as_second();
    vec![
        ("content-type".into(), "application/json".into()),
        ("webhook-id".into(), id.to_owned()),
        ("webhook-timestamp".into(), seconds.to_string()),
        ("webhook-signature".into(), standard_webhooks::sign(id, seconds, body, secret)),
    ]
}

/// The id of a message that is about a record: its `event_id` where the body has one, else a digest of the body. The same on every
/// attempt, another for another content.
pub fn message_id(body: &[u8]) -> String {
    let named = serde_json::from_slice::<serde_json::Value>(body).ok();
    let named = named.as_ref().and_then(|b| b.get("event_id")?.as_str()).filter(|id| !id.is_empty() && id.len() <= 200);
    named.map_or_else(
        || {
            use sha2::Digest as _;
            let digest = ringback_core::effect::hex(&sha2::Sha256::digest(body));
            format!("msg_{}", digest.get(..32).unwrap_or_default())
        },
        str::to_owned,
    )
}

/// What the receiver's answer means. The standard: 2xx is received, 410 asks to stop, everything else may be tried again with the same
/// id; a server's error may have been received, so it is unknown and not simply failed.
pub fn reply(reply: &HttpReply, received_at: Timestamp) -> Outcome {
    let why = |class: &str| Why::new(class, format!("HTTP {}", reply.status)).status(reply.status);
    match reply.status {
        200..=299 => Outcome::Done { held: Held::default() },
        410 => Outcome::Refused { why: why("receiver_gone") },
        429 => {
            let after = retry_after(reply, received_at).filter(|w| !w.is_zero()).unwrap_or(USUAL_WAIT);
            Outcome::Retry { after: Some(after), why: why("rate_limited") }
        }
        401 | 403 => Outcome::AuthExpired { why: why("unauthorized") },
        // A redirect is not followed: the address was allowed, its target was not.
        300..=399 => Outcome::Refused { why: why("redirected") },
        408 | 500..=599 => Outcome::Unknown { why: why("server_error") },
        _ => Outcome::Refused { why: why("refused") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_core::http::RawRequest;

    #[test]
    fn the_published_vector_comes_out_and_what_we_sign_verifies() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, &secret);
        let signature = headers.iter().find(|(n, _)| n == "webhook-signature").map(|(_, v)| v.as_str());
        assert_eq!(signature, Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        let raw = RawRequest {
            method: "POST".into(),
            url: "https://receiver.example/page".into(),
            event: String::new(),
            headers,
            body: body.to_vec(),
        };
        assert_eq!(standard_webhooks::verify(&raw, &[secret], at), Ok(()));
    }

    #[test]
    fn answers_are_classified() {
        let now = Timestamp::from_second(1_614_265_330).unwrap();
        for (status, word) in [
            (200, "done"),
            (204, "done"),
            (302, "refused"),
            (400, "refused"),
            (401, "auth_expired"),
            (404, "refused"),
            (408, "unknown"),
            (410, "refused"),
            (429, "retry"),
            (500, "unknown"),
            (503, "unknown"),
        ] {
            assert_eq!(reply(&HttpReply::empty(status), now).word(), word, "{status}");
        }
    }
}
