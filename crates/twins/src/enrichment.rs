//! A provider of data that tells what it knows, as providers do: late, twice, otherwise than another, and at times without its own name.
//!
//! No vendor's document binds it: what it sends is the form that the hook's page describes, and the signature of the Standard Webhooks
//! specification. It never sees a CRM.

use crate::{Hook, sign};
use serde_json::{Map, Value, json};

/// How a message is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// With the secret that was agreed on.
    Rightly,
    /// With another one.
    Wrongly,
    /// Not at all.
    Not,
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name; `None`: it does not say who it is.
    pub name: Option<String>,
    /// The secret of its hook.
    pub secret: String,
    /// How it signs.
    pub signed: Signed,
}

/// A value with how sure it is (0 to 1) and as of when (RFC 3339).
pub type Known<'a> = (&'a str, &'a str, f64, &'a str);

impl Provider {
    /// One that says its name and signs rightly.
    pub fn new(name: &str, secret: &str) -> Self {
        Self { name: Some(name.to_owned()), secret: secret.to_owned(), signed: Signed::Rightly }
    }

    /// The same provider without its name.
    #[must_use]
    pub fn nameless(&self) -> Self {
        Self { name: None, ..self.clone() }
    }

    /// The same provider, signing otherwise.
    #[must_use]
    pub fn signing(&self, signed: Signed) -> Self {
        Self { signed, ..self.clone() }
    }

    /// What it tells of somebody: `subject` as pairs of `record`, `phone`, `email`. `delivery` names the message; sent again under the same
    /// name it is a repetition.
    pub fn tells(&self, delivery: &str, subject: &[(&str, &str)], known: &[Known<'_>], now_ms: i64) -> Hook {
        let field = |(name, value, confidence, as_of): &Known<'_>| json!({ "name": name, "value": value, "confidence": confidence, "as_of": as_of });
        let mut body = Map::new();
        if let Some(name) = &self.name {
            body.insert("provider".into(), Value::from(name.as_str()));
        }
        let subject: Map<String, Value> =
            subject.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        body.insert("subject".into(), Value::Object(subject));
        body.insert("fields".into(), known.iter().map(field).collect());
        self.hook(delivery, Value::Object(body).to_string().into_bytes(), now_ms)
    }

    fn hook(&self, delivery: &str, body: Vec<u8>, now_ms: i64) -> Hook {
        let at = now_ms.div_euclid(1_000);
        let secret = match self.signed {
            Signed::Wrongly => "whsec_c29tZWJvZHkgZWxzZQ==",
            Signed::Rightly | Signed::Not => self.secret.as_str(),
        };
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if self.signed != Signed::Not {
            let signature = sign::standard_webhooks(secret, delivery, at, &body).unwrap_or_default();
            headers.push(("webhook-id".to_owned(), delivery.to_owned()));
            headers.push(("webhook-timestamp".to_owned(), at.to_string()));
            headers.push(("webhook-signature".to_owned(), signature));
        }
        Hook { headers, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn a_message_says_who_what_and_as_of_when_and_is_signed_as_it_is_told_to() {
        let acme = Provider::new("acme", SECRET);
        let of = [("industry", "SaaS", 0.9, "2026-02-01T00:00:00Z")];
        let hook = acme.tells("msg_1", &[("record", "512")], &of, 1_000_000);
        let body: Value = serde_json::from_slice(&hook.body).unwrap();
        assert_eq!((body["provider"].as_str(), body["subject"]["record"].as_str()), (Some("acme"), Some("512")));
        assert_eq!(body["fields"][0]["confidence"].as_f64(), Some(0.9));
        let holds = |hook: &Hook| {
            let header = |name: &str| hook.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
            let (id, at, signature) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
            sign::standard_webhooks_holds(SECRET, id, at, signature, &hook.body, 1_000_000)
        };
        assert!(holds(&hook));
        assert!(!holds(&acme.signing(Signed::Wrongly).tells("msg_1", &[("record", "512")], &of, 1_000_000)));
        assert!(!holds(&acme.signing(Signed::Not).tells("msg_1", &[("record", "512")], &of, 1_000_000)));
        let nameless = acme.nameless().tells("msg_1", &[("record", "512")], &of, 1_000_000);
        assert!(serde_json::from_slice::<Value>(&nameless.body).unwrap().get("provider").is_none());
    }
}
