//! Two accounts of one service with the same callers: neither sees or touches what the other holds.

use crate::home::{Home, SETTINGS, Served};
use serde_json::{Value, json};

/// Both accounts are alike but for their names, keys and CRMs.
struct Two {
    home: Home,
    twins: [Served; 2],
    tokens: [String; 2],
    served: Served,
}

const SLUGS: [&str; 2] = ["main", "iron"];
const SOURCES: [&str; 2] = ["callrail-main", "callrail-iron"];
const CRMS: [&str; 2] = ["hubspot-main", "hubspot-iron"];
const BUDGETS: [&str; 2] = ["400", "900"];
const KEYS: [&str; 2] = ["a-signing-key", "an-iron-key"];

fn two() -> Two {
    let home = Home::ready();
    let crm = |token: &str| {
        Served::start(home.command(&["twin", "hubspot", "--listen", "127.0.0.1:0", "--token", token, "--json"]))
    };
    let twins = [crm("pat-main"), crm("pat-iron")];
    let main = SETTINGS.replace("127.0.0.1:9", &twins[0].address.to_string()).replace("nobody", "pat-main");
    let (_, account) = SETTINGS.split_once("[[account]]").unwrap();
    let iron = format!("[[account]]{account}")
        .replace("\"main\"", "\"iron\"")
        .replace("Lakeview Plumbing", "Iron Works")
        .replace("contract.toml", "iron.toml")
        .replace(CRMS[0], CRMS[1])
        .replace(SOURCES[0], SOURCES[1])
        .replace(KEYS[0], KEYS[1])
        .replace("127.0.0.1:9", &twins[1].address.to_string())
        .replace("nobody", "pat-iron");
    home.write("ringback.toml", &format!("{main}\n{iron}"));
    let contract = std::fs::read_to_string(home.path().join("contract.toml")).unwrap();
    home.write("iron.toml", &contract.replace(CRMS[0], CRMS[1]));
    for (crm, slug) in CRMS.iter().zip(SLUGS) {
        let connected = home.json(&["connect", crm, "--account", slug, "--json"]);
        assert!(connected["created"].to_string().contains("contact.rb_key"), "{connected}");
    }
    let tokens = SLUGS.map(|slug| home.token("admin", Some(slug)));
    let served = home.serve();
    Two { home, twins, tokens, served }
}

impl Two {
    /// The same caller with the same words, told by the tracker of one account, signed with the key of one.
    fn call(&self, whose: usize, key: usize, n: u32) -> u16 {
        let body = json!({
            "resource_id": format!("CAL{n:032}"), "answered": false, "voicemail": true, "direction": "inbound", "duration": "12",
            "customer_phone_number": "+13125550142", "tracking_phone_number": "+13125550100",
            "start_time": "2026-03-04T18:12:07.000-06:00",
            "transcription": format!("My budget is {} dollars.", BUDGETS[whose]),
        });
        let body = body.to_string().into_bytes();
        let signature = ringback_twins::sign::callrail(KEYS[key], &body);
        let path = format!("/hooks/{}/post-call", SOURCES[whose]);
        self.served.ask("POST", &path, &[("signature", &signature)], &body).0
    }

    fn data(&self, whose: usize, path: &str) -> Vec<Value> {
        let (status, told) = self.served.api(&self.tokens[whose], path);
        assert_eq!(status, 200, "{path}: {told}");
        told["data"].as_array().unwrap().clone()
    }

    fn ids(&self, whose: usize, path: &str) -> Vec<String> {
        self.data(whose, path).iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn the_same_caller_of_two_accounts_is_two_people() {
    let two = two();
    assert_eq!((two.call(0, 0, 1), two.call(1, 1, 2)), (200, 200));
    Served::until("each CRM holds its own call", || {
        two.twins.iter().all(|twin| twin.held() == [1; 3]) && two.served.rests()
    });
    for (whose, twin) in two.twins.iter().enumerate() {
        let held = format!("{:?}{:?}{:?}", twin.records("contacts"), twin.records("calls"), twin.records("tasks"));
        assert!(held.contains(&format!("{} dollars", BUDGETS[whose])), "{held}");
        assert!(!held.contains(&format!("{} dollars", BUDGETS[1 - whose])), "{held}");
    }
    // A signature of the other account is no signature.
    assert_eq!(two.call(0, 1, 3), 200);
    let strange = two.ids(0, "/api/v1/signals/quarantined");
    assert_eq!((strange.len(), two.ids(1, "/api/v1/signals/quarantined").len()), (1, 0));

    for (whose, twin) in two.twins.iter().enumerate() {
        let other = 1 - whose;
        let mut paths = Vec::new();
        for list in ["inquiries", "calls", "signals", "reviews"] {
            let (own, foreign) =
                (two.ids(whose, &format!("/api/v1/{list}")), two.ids(other, &format!("/api/v1/{list}")));
            assert!(!own.is_empty() && own.iter().all(|id| !foreign.contains(id)), "{list}: {own:?} {foreign:?}");
            if matches!(list, "inquiries" | "calls") {
                paths.extend(own.iter().map(|id| format!("/api/v1/{list}/{id}")));
            }
        }
        let inquiry = &two.ids(whose, "/api/v1/inquiries")[0];
        paths.extend(["entries", "transcripts"].map(|part| format!("/api/v1/inquiries/{inquiry}/{part}")));
        for path in &paths {
            let (status, told) = two.served.api(&two.tokens[whose], path);
            assert_eq!(status, 200, "{path}: {told}");
            let (status, told) = two.served.api(&two.tokens[other], path);
            assert_eq!((status, &told["code"]), (404, &json!("RB-0130")), "{path}: {told}");
        }
        let review = &two.data(whose, "/api/v1/reviews")[0];
        let event = json!({ "event": "taken" });
        let decision = json!({ "digest": review["digest"], "choice": "approve" });
        for (path, body) in [
            (format!("/api/v1/inquiries/{inquiry}/events"), &event),
            (format!("/api/v1/reviews/{}/decide", review["id"].as_str().unwrap()), &decision),
            (format!("/api/v1/signals/{}/accept", strange[0]), &json!(null)),
        ] {
            if whose == 1 && path.contains("/signals/") {
                continue;
            }
            let (status, told) = two.served.api_post(&two.tokens[other], &path, body);
            assert_eq!(status, 404, "{path}: {told}");
        }
        let contact = twin.records("contacts")[0]["id"].as_str().unwrap().to_owned();
        let slug = SLUGS[whose];
        let own = two.home.json(&["trace", "contact", &contact, "phone", "--account", slug, "--json"]);
        assert_eq!(own[0]["rule"]["version"], 1, "{own}");
    }
    for slug in SLUGS {
        assert_eq!(two.home.json(&["verify", "--account", slug, "--json"])["ok"], true);
    }
}

/// What waited in quarantine and is accepted, by command, by API and by a click, ends like any other call.
#[test]
fn an_accepted_signal_ends_like_any_other() {
    let two = two();
    for n in 1..4 {
        assert_eq!(two.call(0, 1, n), 200);
    }
    let waiting = two.ids(0, "/api/v1/signals/quarantined");
    assert_eq!((waiting.len(), two.ids(0, "/api/v1/calls").len()), (3, 0), "nothing of it was processed");

    let accepted = two.home.json(&["quarantine", "accept", &waiting[0], "--account", "main", "--json"]);
    assert_eq!(accepted["accepted"], true);
    Served::until("the first is in the CRM", || two.twins[0].held() == [1; 3] && two.served.rests());
    let path = format!("/api/v1/signals/{}/accept", waiting[1]);
    assert_eq!(two.served.api_post(&two.tokens[0], &path, &json!(null)).0, 200);

    let password = |slug: &str| {
        let first = two.served.announced["first_users"].as_array().unwrap();
        let one = first.iter().find(|user| user["account"] == slug).unwrap();
        (one["email"].as_str().unwrap().to_owned(), one["password"].as_str().unwrap().to_owned())
    };
    let ((email, word), (other_email, other_word)) = (password("main"), password("iron"));
    assert_ne!(email, other_email, "one address is one person, who may change between the accounts");
    let click = format!("/connections/quarantine/{}/accept", waiting[2]);
    let other = Browser::sign_in(&two.served, &other_email, &other_word);
    assert!(!other.page("/connections").1.contains(&waiting[2]));
    assert_eq!(other.post(&click, "").0, 404, "nobody of another account accepts it");
    let browser = Browser::sign_in(&two.served, &email, &word);
    assert!(browser.page("/connections").1.contains(&waiting[2]));
    assert_eq!(browser.post(&click, "").0, 303);

    Served::until("all three are in the CRM", || two.twins[0].records("calls").len() == 3 && two.served.rests());
    assert_eq!(two.twins[0].held(), [1, 3, 1], "one caller, one inquiry, three calls");
    assert_eq!(two.twins[1].held(), [0; 3]);
    let contact = two.twins[0].records("contacts")[0]["id"].as_str().unwrap().to_owned();
    let answers = two.home.json(&["trace", "contact", &contact, "phone", "--account", "main", "--json"]);
    assert_eq!(answers[0]["is"]["text"], "+13125550142", "{answers}");
    assert!(answers[0]["receipt"]["read_at"].is_string(), "{answers}");
    assert_eq!(two.home.json(&["verify", "--account", "main", "--json"])["ok"], true);
}

/// Somebody at the console.
struct Browser<'a> {
    served: &'a Served,
    cookie: String,
    csrf: String,
}

impl<'a> Browser<'a> {
    fn sign_in(served: &'a Served, email: &str, password: &str) -> Self {
        let form = format!("email={}&password={password}&next=%2F", email.replace('@', "%40"));
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let (status, head, said) = served.whole("POST", "/sign-in", &headers, form.as_bytes());
        assert_eq!(status, 303, "{said}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let mut browser = Self { served, cookie, csrf: String::new() };
        let (_, page) = browser.page("/connections");
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        browser.csrf = rest.split('"').next().unwrap().to_owned();
        browser
    }

    fn page(&self, path: &str) -> (u16, String) {
        self.served.ask("GET", path, &[("cookie", &self.cookie)], b"")
    }

    fn post(&self, path: &str, fields: &str) -> (u16, String) {
        let headers = [("cookie", self.cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        self.served.ask("POST", path, &headers, format!("csrf={}&{fields}", self.csrf).as_bytes())
    }
}
