//! Published signature vectors.

use crate::support::{connection, fixtures};
use jiff::Timestamp;
use ringback_connect::{Rejected, Secret};
use ringback_core::http::RawRequest;
use serde_json::Value;

fn vectors(name: &str) -> Vec<Value> {
    let file = fixtures("vectors").into_iter().find(|f| f.name == name).unwrap();
    file.value.as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name} of {vector}"))
}

fn verdict(vendor: &str, raw: &RawRequest, key: &str, at: Timestamp) -> Result<(), Rejected> {
    let source = ringback_connect::source(vendor).unwrap();
    source.verify(raw, &connection(vendor, &[]), &[Secret::new("wrong"), Secret::new(key)], at)
}

fn request(url: &str, headers: &[(&str, &str)], body: &[u8]) -> RawRequest {
    RawRequest {
        method: "POST".into(),
        url: url.into(),
        event: "call".into(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: body.to_vec(),
    }
}

#[test]
fn callrail() {
    let all = vectors("callrail");
    assert_eq!(all.len(), 1);
    for vector in &all {
        let headers = [("signature", text(vector, "signature"))];
        let raw = request("https://ringback.example/x", &headers, text(vector, "body").as_bytes());
        assert_eq!(verdict("callrail", &raw, text(vector, "key"), Timestamp::UNIX_EPOCH), Ok(()));
        let mut read = raw.clone();
        read.event = "post-call".into();
        let signals = ringback_connect::source("callrail").unwrap().read(&read, &connection("callrail", &[])).unwrap();
        assert_eq!(signals[0].caller.as_deref(), Some("+12148654559"));
        assert_eq!(signals[0].ending, ringback_core::signal::Ending::Voicemail);
    }
}

#[test]
fn twilio() {
    let all = vectors("twilio");
    assert_eq!(all.len(), 30);
    let mut wrong = 0;
    for vector in &all {
        let (kind, body) = match vector["json"].as_str() {
            Some(json) => ("application/json", json.to_owned()),
            None => {
                let encode =
                    |v: &Value| v.as_str().unwrap().bytes().map(|b| format!("%{b:02X}")).collect::<Vec<_>>().concat();
                let pairs = vector["form"].as_array().unwrap().iter();
                let body: Vec<String> = pairs.map(|p| format!("{}={}", encode(&p[0]), encode(&p[1]))).collect();
                ("application/x-www-form-urlencoded", body.join("&"))
            }
        };
        let headers = [("content-type", kind), ("x-twilio-signature", text(vector, "signature"))];
        let raw = request(text(vector, "url"), &headers, body.as_bytes());
        let verdict = verdict("twilio", &raw, text(vector, "key"), Timestamp::UNIX_EPOCH);
        assert_eq!(verdict.is_ok(), vector["right"].as_bool().unwrap(), "{}: {verdict:?}", text(vector, "name"));
        wrong += usize::from(verdict.is_err());
    }
    assert_eq!(wrong, 3);
}

#[test]
fn standard_webhooks() {
    let all = vectors("standard-webhooks");
    assert_eq!(all.len(), 8);
    for vector in &all {
        let at = Timestamp::from_second(vector["received_at"].as_i64().unwrap()).unwrap();
        for prefix in ["webhook", "svix"] {
            let named = |n: &str| format!("{prefix}-{n}");
            let headers: Vec<(String, &str)> =
                ["id", "timestamp", "signature"].iter().map(|n| (named(n), text(vector, n))).collect();
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), *v)).collect();
            let raw = request("https://ringback.example/x", &headers, text(vector, "body").as_bytes());
            let verdict = verdict("generic", &raw, text(vector, "key"), at);
            let expected = match (vector["right"].as_bool().unwrap(), text(vector, "name")) {
                (true, _) => Ok(()),
                (false, "too-old" | "too-new") => Err(Rejected::Stale),
                (false, _) => Err(Rejected::WrongSignature),
            };
            assert_eq!(verdict, expected, "{} {prefix}", text(vector, "name"));
        }
    }
}
