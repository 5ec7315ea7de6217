use super::*;
use crate::fault::{Fault, Rule, When};
use crate::hubspot::{ObjectType, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const NOW: i64 = 1_772_719_391_000;

async fn start(script: Script) -> (SocketAddr, Arc<Mutex<Faulty<HubSpot>>>) {
    let shared = Arc::new(Mutex::new(Faulty::new(HubSpot::new(Options::default()), script)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(serve_hubspot(Arc::clone(&shared), listener, || NOW));
    (at, shared)
}

/// One request on a connection of its own: the whole answer, empty where the connection was cut.
async fn ask(at: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(at).await.expect("connected");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: twin\r\nAuthorization: Bearer pat-twin\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("writable");
    let mut answer = Vec::new();
    // A cut connection may end in an error or in silence; both are "no answer".
    let _ended = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const CONTACTS: &str = "/crm/objects/2026-03/contacts";
const JO: &str = r#"{"properties":{"firstname":"Jo"}}"#;

fn contacts(shared: &Arc<Mutex<Faulty<HubSpot>>>) -> usize {
    shared.lock().expect("lock").vendor().records(ObjectType::Contacts).len()
}

#[tokio::test]
async fn real_requests_reach_the_twin_and_controls_act_on_it() {
    let (at, shared) = start(Script::default()).await;
    let made = ask(at, "POST", CONTACTS, JO).await;
    assert!(made.starts_with("HTTP/1.1 201") && made.contains("\"firstname\":\"Jo\""), "{made}");
    assert!(made.to_lowercase().contains("x-hubspot-ratelimit-remaining: 189"), "{made}");
    let seeded = ask(at, "POST", "/_twin/seed", r#"{"type":"contacts","properties":{"email":"a@b.co"}}"#).await;
    assert!(seeded.starts_with("HTTP/1.1 200"), "{seeded}");
    let id = shared.lock().expect("lock").vendor().by_property(ObjectType::Contacts, "email", "a@b.co")[0].id.clone();
    let set = format!(r#"{{"type":"contacts","id":"{id}","property":"firstname","value":"Al"}}"#);
    assert!(ask(at, "POST", "/_twin/human_set", &set).await.starts_with("HTTP/1.1 200"));
    let records = ask(at, "GET", "/_twin/records?type=contacts", "").await;
    assert!(records.contains("CRM_UI") && records.contains("\"Al\""), "{records}");
    assert!(ask(at, "GET", "/_twin/log", "").await.contains("\"created\""));
    assert!(ask(at, "POST", "/_twin/seed", r#"{"type":"spaceships"}"#).await.starts_with("HTTP/1.1 400"));
    assert!(ask(at, "GET", "/_twin/nothing", "").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn scripts_are_taken_over_http_and_connections_are_cut() {
    let (at, shared) = start(Script::default()).await;
    let script = r#"{"rules":[
        {"fault":{"kind":"reset_after_write"},"when":{"nth":1},"method":"POST","path":"/contacts"},
        {"fault":{"kind":"refused"},"when":{"nth":2},"method":"POST","path":"/contacts"},
        {"fault":{"kind":"html_ok"},"when":{"nth":3},"method":"POST","path":"/contacts"}]}"#;
    assert!(ask(at, "POST", "/_twin/script", script).await.starts_with("HTTP/1.1 204"));
    assert_eq!(ask(at, "POST", CONTACTS, JO).await, "");
    assert_eq!(contacts(&shared), 1, "written, though nobody heard");
    assert_eq!(ask(at, "POST", CONTACTS, JO).await, "");
    assert_eq!(contacts(&shared), 1);
    let page = ask(at, "POST", CONTACTS, JO).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("<!DOCTYPE html>"), "{page}");
    let hits = ask(at, "GET", "/_twin/hits", "").await;
    assert!(hits.contains("\"reset_after_write\":1") && hits.contains("\"refused\":1"), "{hits}");
    assert!(ask(at, "POST", "/_twin/script", "{\"rules\":7}").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_connection_is_held_and_then_dropped() {
    let script = Script::default().rule(Rule::new(Fault::TimeoutAfterWrite, When::Always));
    let (at, shared) = start(script).await;
    let before = tokio::time::Instant::now();
    assert_eq!(ask(at, "POST", CONTACTS, JO).await, "");
    assert!(before.elapsed() >= Duration::from_secs(HOLD_MAX_SECONDS), "held for {:?}", before.elapsed());
    assert_eq!(contacts(&shared), 1);
}

#[tokio::test(start_paused = true)]
async fn slow_is_slow() {
    let script = Script::default().rule(Rule::new(Fault::Slow { delay_ms: 7_000 }, When::Nth(1)));
    let (at, _shared) = start(script).await;
    let before = tokio::time::Instant::now();
    assert!(ask(at, "POST", CONTACTS, JO).await.starts_with("HTTP/1.1 201"));
    assert!(before.elapsed() >= Duration::from_secs(7), "{:?}", before.elapsed());
}
