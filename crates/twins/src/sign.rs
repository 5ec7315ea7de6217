//! The vendors' signatures, written from their own descriptions and checked against their published vectors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};

fn hmac_sha1(key: &[u8], data: &[u8]) -> Vec<u8> {
    Hmac::<Sha1>::new_from_slice(key)
        .map(|mac| mac.chain_update(data).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

/// CallRail's `Signature` header: base64(HMAC-SHA1(signing key as UTF-8, raw body)).
/// Source: apidocs.callrail.com, Webhooks > Security > Validating Payloads.
pub fn callrail(signing_key: &str, body: &[u8]) -> String {
    STANDARD.encode(hmac_sha1(signing_key.as_bytes(), body))
}

/// Twilio's `X-Twilio-Signature` for a form post: base64(HMAC-SHA1(auth token, url + name + value of each parameter,
/// names sorted, the values of a repeated name sorted and without exact repeats)).
/// Source: twilio.com/docs/usage/security (Validating requests); RequestValidator of twilio-python.
pub fn twilio(auth_token: &str, url: &str, params: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in params {
        sorted.entry(name).or_default().insert(value);
    }
    let mut text = url.to_owned();
    for (name, values) in sorted {
        for value in values {
            text.push_str(name);
            text.push_str(value);
        }
    }
    STANDARD.encode(hmac_sha1(auth_token.as_bytes(), text.as_bytes()))
}

/// One `v1,…` signature of the Standard Webhooks specification: base64(HMAC-SHA256(key, id.timestamp.body)), the key
/// being the base64-decoded secret without its `whsec_`. `None` where the secret is no base64.
/// Source: standard-webhooks specification, "Signature scheme".
pub fn standard_webhooks(secret: &str, id: &str, timestamp_s: i64, body: &[u8]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()?;
    let mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    let head = format!("{id}.{timestamp_s}.");
    let code = mac.chain_update(head.as_bytes()).chain_update(body).finalize().into_bytes();
    Some(format!("v1,{}", STANDARD.encode(code)))
}

/// The value of an `Authorization` header with user and password (RFC 7617).
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Whether one of the space-separated signatures of a `webhook-signature` header is right and the time is near.
/// A timestamp more than five minutes off either way is refused (same specification).
pub fn standard_webhooks_holds(
    secret: &str,
    id: &str,
    timestamp: &str,
    header: &str,
    body: &[u8],
    now_ms: i64,
) -> bool {
    const TOLERANCE_SECONDS: i64 = 300;
    let Ok(timestamp_s) = timestamp.parse::<i64>() else { return false };
    if (now_ms.div_euclid(1_000) - timestamp_s).abs() > TOLERANCE_SECONDS {
        return false;
    }
    standard_webhooks(secret, id, timestamp_s, body).is_some_and(|right| header.split(' ').any(|given| given == right))
}

#[cfg(test)]
mod tests;
