//! Pages to the owner by signed webhook and by mail, really sent, to receivers that first say no; and no secret in any log.

use crate::home::{Home, SETTINGS, Served};
use ringback_twins::sink::{Mood, SmtpSink};
use serde_json::{Value, json};

const HOOK_SECRET: &str = "whsec_cGFnZXItc2VjcmV0LWZvci10ZXN0cy1vbmx5LTEyMzQ=";
const MAIL_PASSWORD: &str = "mail pass/word+1";
/// AUTH PLAIN of `ringback@lakeview.test` and that password.
const MAIL_PASSWORD_SENT: &str = "bWFpbCBwYXNzL3dvcmQrM";

/// A mail server of this process.
fn mail_server() -> (SmtpSink, std::net::SocketAddr, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let (sink, address) = (SmtpSink::default(), listener.local_addr().unwrap());
    runtime.spawn(sink.clone().serve(listener));
    (sink, address, runtime)
}

fn call(served: &Served, key: &str, caller: &str) {
    let body = json!({
        "resource_id": format!("CAL{caller}"), "answered": false, "voicemail": true, "direction": "inbound", "duration": "12",
        "customer_phone_number": caller, "tracking_phone_number": "+13125550100", "start_time": "2026-03-04T18:12:07.000-06:00",
        "transcription": "Please keep this between us, the vault is open.",
    });
    let body = body.to_string().into_bytes();
    let signature = ringback_twins::sign::callrail(key, &body);
    let (status, said) = served.ask("POST", "/hooks/callrail-main/post-call", &[("signature", &signature)], &body);
    assert_eq!(status, 200, "{said}");
}

#[test]
fn the_owner_is_told_by_webhook_and_by_mail_and_no_secret_is_logged() {
    let home = Home::ready();
    let (mails, mail_at, _runtime) = mail_server();
    let crm = home.twin();
    let pager =
        Served::start(home.command(&["twin", "sink", "--listen", "127.0.0.1:0", "--token", HOOK_SECRET, "--json"]));
    let settings = SETTINGS
        .replace("127.0.0.1:9", &crm.address.to_string())
        .replace("nobody", "pat-twin")
        .replace("tier = 1", "tier = 1\nemail = \"dana@lakeview.test\"");
    let more = format!(
        "[[account.connection]]\nname = \"pager\"\nvendor = \"webhook\"\nbase_url = \"http://{}/take\"\nsecret = {{ env = \"RINGBACK_PAGER\" }}\n\
         [mail]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nuser = \"ringback@lakeview.test\"\n\
         password = {{ env = \"RINGBACK_SMTP_PASSWORD\" }}\nfrom = \"Ringback <ringback@lakeview.test>\"\n\
         [log]\nfilter = \"debug\"\n",
        pager.address,
        mail_at.port(),
    );
    home.write("ringback.toml", &format!("{settings}\n{more}"));
    let contract = std::fs::read_to_string(home.path().join("contract.toml")).unwrap();
    home.write("contract.toml", &contract.replace("# webhook = \"pager\"", "webhook = \"pager\""));
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("RINGBACK_PAGER", HOOK_SECRET).env("RINGBACK_SMTP_PASSWORD", MAIL_PASSWORD);
        command
    };
    assert!(run(&["connect", "hubspot-main"]).output().unwrap().status.success());
    let token = String::from_utf8(run(&["token", "add", "test", "--json"]).output().unwrap().stdout).unwrap();
    let token: Value = serde_json::from_str(&token).unwrap();

    // Both say no at first: one too many, and try later.
    let no = json!({ "rules": [{ "fault": { "kind": "too_many", "retry_after_s": 1 }, "when": { "nth": 1 } }],
                     "seed": 0, "client_timeout_ms": 30_000, "latency_ms": 1 });
    assert!(pager.ask("POST", "/_twin/script", &[], no.to_string().as_bytes()).0 < 300);
    mails.set_mood(Mood::TryLater);
    let served = Served::start(run(&["serve", "--json"]));
    call(&served, "a-signing-key", "+13125550142");
    let pages = || -> Vec<Value> {
        let (_, said) = pager.ask("GET", "/_twin/pages", &[], b"");
        let told: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(told["refused"], 0, "a signature did not hold: {said}");
        told["pages"].as_array().unwrap().clone()
    };
    Served::until("the webhook is taken at its second try", || pages().len() == 1);
    assert_eq!(mails.mails(), [], "nothing was taken yet");
    mails.set_mood(Mood::Accepts);
    Served::until("the mail is taken", || mails.mails().len() == 1 && served.rests());

    let mail = mails.mails().remove(0);
    assert_eq!(mail.to, ["dana@lakeview.test"]);
    assert_eq!(mail.user.as_deref(), Some("ringback@lakeview.test"));
    let (_, inquiries) = served.api(token["token"].as_str().unwrap(), "/api/v1/inquiries");
    let id = inquiries["data"][0]["id"].as_str().unwrap().to_owned();
    assert!(mail.data.contains(&format!("http://calls.test/inquiries/{id}")), "{}", mail.data);
    let page = pages().remove(0);
    assert_eq!((&page["deliveries"], &page["changed"]), (&json!(1), &json!(false)), "{page}");
    assert!(page.to_string().contains(&id), "{page}");

    call(&served, "a-guessed-key", "+13125550143");
    assert_eq!(
        served.api(token["token"].as_str().unwrap(), "/api/v1/signals/quarantined").1["data"].as_array().unwrap().len(),
        1
    );
    let key = std::fs::read_to_string(home.path().join("ringback.key")).unwrap();
    let key = key.lines().rfind(|line| !line.starts_with('#')).unwrap().trim();
    let said = served.said();
    assert!(said.contains("DEBUG"), "the test is blind");
    for secret in [
        HOOK_SECRET,
        HOOK_SECRET.trim_start_matches("whsec_"),
        MAIL_PASSWORD,
        "mail%20pass%2Fword%2B1",
        MAIL_PASSWORD_SENT,
        "a-signing-key",
        "pat-twin",
        token["token"].as_str().unwrap(),
        key,
        "the vault is open",
    ] {
        assert!(
            !said.contains(secret),
            "{secret} is in the log: {}",
            said.lines().find(|l| l.contains(secret)).unwrap()
        );
    }
}
