//! Senders that can mend their mistakes hear what is wrong, with a code; nothing of it is stored.

use crate::home::{Home, SETTINGS, Served};
use serde_json::Value;

const SENDER: &str = r#"
[[account.connection]]
name = "shop"
vendor = "generic"
secret = { text = "s-token" }
settings = { signature = "bearer", body_max_bytes = "4096" }
"#;

/// Method, path, content type, body; status and code of the answer.
type Wrong<'a> = (&'a str, &'a str, &'a str, &'a [u8], u16, &'a str);

fn told(served: &Served, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
    let mut headers = vec![("authorization", "Bearer s-token")];
    headers.extend((!kind.is_empty()).then_some(("content-type", kind)));
    let (status, said) = served.ask(method, path, &headers, body);
    let problem: Value = serde_json::from_str(&said).unwrap_or_default();
    for part in ["type", "title", "cause", "cure"] {
        assert!(status < 300 || problem[part].as_str().is_some_and(|text| !text.is_empty()), "{part}: {said}");
    }
    assert!(status < 300 || problem["status"] == status, "{said}");
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn what_is_wrong_with_a_request_is_told_and_nothing_is_stored() {
    let home = Home::ready();
    home.write("ringback.toml", &format!("{SETTINGS}\n{SENDER}"));
    let token = home.token("read", None);
    let served = home.serve();
    let call = br#"{"call_id":"c-1","ending":"voicemail","caller":"+13125550142"}"#;
    let json = "application/json";
    let large = format!(r#"{{"call_id":"c-2","transcript":"{}"}}"#, "x".repeat(5_000)).into_bytes();
    let larger = vec![b' '; 17 * 1024 * 1024];
    let deep = [b"[".repeat(40), b"]".repeat(40)].concat();
    let bad: [Wrong<'_>; 11] = [
        ("POST", "/hooks/shop/call", "text/xml", call, 415, "RB-0101"),
        ("POST", "/hooks/shop/call", "", call, 415, "RB-0101"),
        ("POST", "/hooks/shop/call", json, &large, 413, "RB-0102"),
        ("POST", "/hooks/shop/call", json, &larger, 413, "RB-0102"),
        ("POST", "/hooks/shop/call", json, b"{\"call_id\":", 400, "RB-0103"),
        ("POST", "/hooks/shop/call", json, &deep, 400, "RB-0104"),
        ("POST", "/hooks/shop/call", json, b"{\"colour\":\"red\"}", 422, "RB-0105"),
        ("POST", "/hooks/shop/post-call", json, call, 404, "RB-0106"),
        ("POST", "/hooks/nobody/call", json, call, 404, "RB-0109"),
        ("POST", "/hooks/hubspot-main/call", json, call, 404, "RB-0109"),
        ("GET", "/hooks/shop/call", "", b"", 405, "RB-0112"),
    ];
    for (method, path, kind, body, status, code) in bad {
        let heard = told(&served, method, path, kind, body);
        assert_eq!(heard, (status, code.to_owned()), "{method} {path} {kind}");
        assert!(home.run(&["error", code]).status.success(), "{code} has no page");
    }
    assert_eq!(served.api(&token, "/api/v1/signals").1["data"], serde_json::json!([]));
    assert_eq!(told(&served, "POST", "/hooks/shop/call", json, call).0, 202);
    assert_eq!(told(&served, "POST", "/hooks/shop/call", json, call).0, 200, "again is a duplicate");
    let (status, said) = served.ask("POST", "/hooks/shop/call", &[("content-type", json)], call);
    assert_eq!(status, 401, "{said}");
    assert!(said.contains("RB-0107"), "{said}");
    assert_eq!(home.json(&["quarantine", "list", "--json"]).as_array().unwrap().len(), 1, "kept, and not processed");
}
