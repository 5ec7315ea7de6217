//! One call, told by two providers in odd orders and more than once: one inquiry, one contact, one call log, one task.

use crate::home::{Home, Served};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_twins::callrail::{CallRail, Company, Ended, Event, Ring};
use ringback_twins::twilio::{Call, Callback, Dialled, Twilio};

const TWILIO: &str = r#"
[[account.connection]]
name = "twilio-main"
vendor = "twilio"
secret = { text = "twilio-auth-token" }
settings = { forward_to = "+13125550171", voicemail_prompt = "Please leave a message.", dial_timeout_seconds = "20" }
"#;
const TRACKED: &str = "+13125550100";
const OFFICE: &str = "+13125550101";
const WORDS: &str = "Hi, this is Dana Ruiz, the basement is flooding, please call me back today.";

/// Both providers of one company.
struct Providers {
    twilio: Twilio,
    callrail: CallRail,
    company: Company,
    now_ms: i64,
}

impl Providers {
    fn new() -> Self {
        Self {
            twilio: Twilio::new("AC00000000000000000000000000000001", "twilio-auth-token"),
            callrail: CallRail::new("ACC00000000000000000000000000000001", "unused"),
            company: Company::new(1, "Lakeview Plumbing", "America/Chicago", "a-signing-key"),
            now_ms: SystemClock.now().as_millisecond(),
        }
    }

    /// A call of half a minute that has just ended.
    fn call(&self, n: u64, dialled: Dialled) -> Call {
        Call::new(n, &format!("+131255502{n:02}"), OFFICE, self.now_ms - 32_000, Some(dialled))
    }

    /// The same call as the tracker saw it, a second later.
    fn ring(&self, call: &Call, n: u64, ended: Ended) -> Ring {
        let ring = Ring::new(n, Some(&call.from), TRACKED, &self.company, call.started_at_ms + 1_000, ended);
        Ring { duration_seconds: call.duration_seconds, ..ring }
    }

    fn tell(&self, served: &Served, callback: Callback, call: &Call) -> (u16, String) {
        let event = match callback {
            Callback::Incoming => "voice",
            Callback::DialAction => "dial",
            Callback::RecordAction => "record",
            Callback::RecordingStatus => "recording",
            Callback::Transcription => "transcription",
            Callback::Status => "status",
        };
        let path = format!("/hooks/twilio-main/{event}");
        let hook = self.twilio.hook(callback, call, &format!("http://calls.test{path}")).unwrap();
        served.hook(&path, &hook)
    }

    fn track(&self, served: &Served, event: &Event, path: &str, ring: &Ring) {
        let (status, said) = served.hook(&format!("/hooks/callrail-main/{path}"), &self.callrail.hook(event, ring));
        assert_eq!(status, 200, "{said}");
    }
}

/// What Twilio does next with the caller.
#[test]
fn twilio_hears_what_to_do_next() {
    let home = Home::ready();
    let _twin = home.connected(TWILIO);
    let served = home.serve();
    let providers = Providers::new();
    let missed = providers.call(1, Dialled::NoAnswer).leaving(14, Some(WORDS));

    let (status, said) = providers.tell(&served, Callback::Incoming, &missed);
    assert_eq!(status, 200);
    assert!(
        said.contains(r#"<Dial action="http://calls.test/hooks/twilio-main/dial""#) && said.contains("+13125550171"),
        "{said}"
    );
    let (_, said) = providers.tell(&served, Callback::DialAction, &missed);
    assert!(said.contains("Please leave a message.") && said.contains("<Record "), "{said}");
    assert!(said.contains(r#"transcribeCallback="http://calls.test/hooks/twilio-main/transcription""#), "{said}");
    assert!(providers.tell(&served, Callback::RecordAction, &missed).1.ends_with("<Response/>"));
    for silent in [Callback::RecordingStatus, Callback::Transcription, Callback::Status] {
        assert_eq!(providers.tell(&served, silent, &missed), (204, String::new()));
    }
    let answered = providers.call(2, Dialled::Completed);
    assert!(providers.tell(&served, Callback::DialAction, &answered).1.ends_with("<Response/>"));
    // Where instructions are expected a stranger hears none of them; what was sent is kept all the same.
    let stranger = Twilio::new("AC00000000000000000000000000000001", "guessed");
    for (event, status) in [("voice", 403), ("status", 204)] {
        let path = format!("/hooks/twilio-main/{event}");
        let hook = stranger.hook(Callback::Incoming, &missed, &format!("http://calls.test{path}")).unwrap();
        assert_eq!(served.hook(&path, &hook), (status, String::new()));
    }
    assert_eq!(home.json(&["quarantine", "list", "--json"]).as_array().unwrap().len(), 2);
}

#[test]
fn one_call_told_by_two_in_any_order_and_twice_is_one_call() {
    use Callback::{DialAction, Incoming, RecordAction, RecordingStatus, Status};
    let home = Home::ready();
    let twin = home.connected(TWILIO);
    let token = home.token("read", None);
    let served = home.serve();
    let providers = Providers::new();
    // `None` is where the tracker tells of it.
    let orders: [[Option<Callback>; 6]; 5] = [
        [Some(Incoming), Some(DialAction), Some(RecordAction), Some(RecordingStatus), Some(Status), None],
        [None, Some(Status), Some(RecordingStatus), Some(RecordAction), Some(DialAction), Some(Incoming)],
        [Some(Status), Some(RecordAction), None, Some(Incoming), Some(DialAction), Some(RecordingStatus)],
        [Some(RecordingStatus), None, Some(DialAction), Some(Status), Some(Incoming), Some(RecordAction)],
        [Some(DialAction), Some(Incoming), Some(Status), None, Some(RecordingStatus), Some(RecordAction)],
    ];
    let calls: Vec<Call> =
        (0..).zip(&orders).map(|(n, _)| providers.call(n, Dialled::NoAnswer).leaving(14, Some(WORDS))).collect();
    let rings: Vec<Ring> = (0..).zip(&calls).map(|(n, call)| providers.ring(call, n, Ended::Voicemail)).collect();
    for ((order, call), ring) in orders.iter().zip(&calls).zip(&rings) {
        for told in order {
            for _ in 0..2 {
                match told {
                    Some(callback) => assert!(providers.tell(&served, *callback, call).0 < 300),
                    None => providers.track(&served, &Event::PostCall, "post-call", ring),
                }
            }
        }
    }
    Served::until("every call is in the CRM", || twin.held() == [orders.len(); 3] && served.rests());

    // The words come when everything else is written, from both, and twice.
    for (call, ring) in calls.iter().zip(&rings) {
        for _ in 0..2 {
            assert_eq!(providers.tell(&served, Callback::Transcription, call).0, 204);
            let late = ring.clone().saying(WORDS);
            providers.track(&served, &Event::CallModified(vec!["transcription_text"]), "call-modified", &late);
        }
    }
    let logs = || twin.records("calls").iter().map(|call| Served::holds(call, "hs_call_body")).collect::<Vec<_>>();
    Served::until("the words are in every call log", || {
        logs().iter().all(|log| log.contains("“basement is flooding”")) && served.rests()
    });
    for log in logs() {
        let lines: Vec<&str> = log.lines().collect();
        assert!(lines.iter().all(|line| lines.iter().filter(|other| other == &line).count() == 1), "{log}");
        assert_eq!((log.matches("“Dana Ruiz”").count(), log.matches("Said: ").count()), (1, 1), "{log}");
    }
    assert_eq!(twin.held(), [orders.len(); 3]);
    let (_, inquiries) = served.api(&token, "/api/v1/inquiries");
    assert_eq!(inquiries["data"].as_array().unwrap().len(), orders.len());
    assert_eq!(served.api(&token, "/api/v1/calls").1["data"].as_array().unwrap().len(), orders.len());
    assert_eq!(home.json(&["verify", "--json"])["ok"], true);
}

#[test]
fn answered_after_all_leaves_no_task() {
    let home = Home::ready();
    let twin = home.connected(TWILIO);
    let served = home.serve();
    let providers = Providers::new();
    // Missed first, as it seemed; then the tracker knows better.
    let seemed = providers.call(1, Dialled::NoAnswer);
    for callback in [Callback::DialAction, Callback::Status] {
        assert!(providers.tell(&served, callback, &seemed).0 < 300);
    }
    Served::until("its task is in the CRM", || twin.held() == [1; 3] && served.rests());
    let ring = providers.ring(&seemed, 1, Ended::Answered);
    providers.track(&served, &Event::CallModified(vec!["answered"]), "call-modified", &ring);
    // Known to be answered before anything else is told: nothing is owed, and a late "no answer" of one phone opens nothing.
    let taken = providers.call(2, Dialled::Completed);
    providers.track(&served, &Event::PostCall, "post-call", &providers.ring(&taken, 2, Ended::Answered));
    let other_phone = Call { dialled: Some(Dialled::NoAnswer), ..taken };
    for callback in [Callback::DialAction, Callback::Status] {
        assert!(providers.tell(&served, callback, &other_phone).0 < 300);
    }
    let open = || twin.records("tasks").iter().filter(|t| Served::holds(t, "hs_task_status") != "COMPLETED").count();
    Served::until("no task is left", || open() == 0 && served.rests());
    assert_eq!(twin.records("tasks").len(), 1, "{:?}", twin.records("tasks"));
    assert_eq!(home.json(&["verify", "--json"])["ok"], true);
}
