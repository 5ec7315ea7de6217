//! Standard Webhooks: the signature of many senders, and of our own outgoing pages.
//!
//! Source of the rules: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>. Signed are
//! `id + "." + timestamp + "." + body` with HMAC-SHA256; the key is the base64 of the secret after `whsec_`; the signature header is a
//! list of `v1,<base64>` parted by spaces. Svix sends the same under `svix-*` names.

use crate::wire::{any, base64_decode, base64_encode, hmac_sha256, same};
use crate::{Rejected, Secret};
use jiff::Timestamp;
use ringback_core::http::RawRequest;

/// How far a signed time may be from ours, either way (the standard's own figure).
pub(crate) const TOLERANCE_SECONDS: i64 = 300;

/// The key bytes of a secret. A secret that is not base64 is taken as it stands, as several senders do.
pub(crate) fn key(secret: &Secret) -> Vec<u8> {
    let text = secret.reveal().trim();
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    base64_decode(text).unwrap_or_else(|| text.as_bytes().to_vec())
}

/// The value of the signature header for one secret.
pub(crate) fn sign(id: &str, unix_seconds: i64, body: &[u8], secret: &Secret) -> String {
    let head = format!("{id}.{unix_seconds}.");
    format!("v1,{}", base64_encode(&hmac_sha256(&key(secret), &[head.as_bytes(), body])))
}

/// Checks the three headers. A right signature over a time too far off is [`Rejected::Stale`]; anything else wrong is wrong.
pub(crate) fn verify(raw: &RawRequest, keys: &[Secret], received_at: Timestamp) -> Result<(), Rejected> {
    if keys.is_empty() {
        return Err(Rejected::NoKey);
    }
    let named = |name: &str| raw.header(&format!("webhook-{name}")).or_else(|| raw.header(&format!("svix-{name}")));
    let (Some(id), Some(at), Some(list)) = (named("id"), named("timestamp"), named("signature")) else {
        return Err(Rejected::MissingSignature);
    };
    let theirs: Vec<Vec<u8>> =
        list.split(' ').filter_map(|s| s.strip_prefix("v1,")).filter_map(base64_decode).collect();
    let head = format!("{id}.{at}.");
    let right = any(keys, |secret| {
        let ours = hmac_sha256(&key(secret), &[head.as_bytes(), &raw.body]);
        any(&theirs, |t| same(&ours, t))
    });
    if !right {
        return Err(Rejected::WrongSignature);
    }
    let signed_at: i64 = at.trim().parse().map_err(|_| Rejected::WrongSignature)?;
    if received_at.as_second().abs_diff(signed_at) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Rejected::Stale);
    }
    Ok(())
}
