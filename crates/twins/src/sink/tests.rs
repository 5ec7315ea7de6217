use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: i64 = 1_614_265_330_000;

fn delivery(id: &str, body: &str) -> Request {
    let signature = sign::standard_webhooks(SECRET, id, NOW / 1_000, body.as_bytes()).expect("signed");
    let mut request = Request::new("POST", "/pages")
        .header("webhook-id", id)
        .header("webhook-timestamp", &(NOW / 1_000).to_string())
        .header("webhook-signature", &signature);
    request.body = body.as_bytes().to_vec();
    request
}

#[test]
fn pages_are_verified_and_kept_once() {
    let mut sink = WebhookSink::new(SECRET);
    assert_eq!(sink.handle(&delivery("msg_1", "{\"a\":1}"), NOW).status, 204);
    assert_eq!(sink.handle(&delivery("msg_1", "{\"a\":1}"), NOW + 5_000).status, 204);
    assert_eq!(sink.handle(&delivery("msg_2", "{}"), NOW).status, 204);
    assert_eq!((sink.pages().len(), sink.pages()[0].deliveries, sink.pages()[0].changed), (2, 2, false));
    sink.handle(&delivery("msg_1", "{\"a\":2}"), NOW);
    assert!(sink.pages()[0].changed);
    let mut forged = delivery("msg_3", "{}");
    forged.body = b"{\"x\":1}".to_vec();
    assert_eq!(sink.handle(&forged, NOW).status, 401);
    assert_eq!(sink.handle(&delivery("msg_4", "{}"), NOW + 301_000).status, 401);
    assert_eq!((sink.refused(), sink.pages().len()), (2, 2));
}

#[test]
fn it_fails_on_demand_and_keeps_nothing_then() {
    let mut sink = WebhookSink::new(SECRET);
    sink.fail_next(503, 2);
    let statuses: Vec<u16> = (0..3).map(|_| sink.handle(&delivery("msg_1", "{}"), NOW).status).collect();
    assert_eq!((statuses, sink.pages().len()), (vec![503, 503, 204], 1));
}

async fn start(sink: &SmtpSink) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(sink.clone().serve(listener));
    TcpStream::connect(at).await.expect("connected")
}

/// Sends the commands one by one and returns the codes of the answers, the greeting first.
async fn talk(stream: TcpStream, commands: &[&str]) -> Vec<String> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut codes = Vec::new();
    let mut commands = commands.iter();
    loop {
        let Some(answer) = line(&mut read).await.expect("readable") else { return codes };
        if answer.as_bytes().get(3) == Some(&b'-') {
            continue;
        }
        codes.push(answer.chars().take(3).collect());
        let Some(command) = commands.next() else { return codes };
        write.write_all(format!("{command}\r\n").as_bytes()).await.expect("writable");
    }
}

#[tokio::test]
async fn a_mail_is_taken_with_its_dots() {
    let sink = SmtpSink::default();
    let codes = talk(
        start(&sink).await,
        &[
            "EHLO ringback",
            "AUTH PLAIN AGFkYQBzZWNyZXQ=",
            "MAIL FROM:<ring@example.com>",
            "RCPT TO:<ada@example.com>",
            "RCPT TO:<ben@example.com>",
            "DATA",
            "Subject: missed call\r\n\r\n..hidden\r\n.",
            "QUIT",
        ],
    )
    .await;
    assert_eq!(codes, ["220", "250", "235", "250", "250", "250", "354", "250", "221"]);
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].from.as_str(), mails[0].user.as_deref(), mails[0].to.len()),
        ("ring@example.com", Some("ada"), 2)
    );
    assert_eq!(mails[0].data, "Subject: missed call\r\n\r\n.hidden\r\n");
}

#[tokio::test]
async fn it_refuses_out_of_order_commands_and_follows_its_mood() {
    let sink = SmtpSink::default();
    assert_eq!(
        talk(start(&sink).await, &["HELO x", "DATA", "RCPT TO:<a@b.c>", "VRFY x"]).await,
        ["220", "250", "503", "503", "502"]
    );
    let mail = ["HELO x", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA", "hello\r\n."];
    sink.set_mood(Mood::TryLater);
    assert_eq!(talk(start(&sink).await, &mail).await.last().map(String::as_str), Some("451"));
    sink.set_mood(Mood::RejectsRecipients);
    assert_eq!(talk(start(&sink).await, &mail[..3]).await.last().map(String::as_str), Some("550"));
    sink.set_mood(Mood::Unavailable);
    assert_eq!(talk(start(&sink).await, &[]).await, ["421"]);
    assert!(sink.mails().is_empty());
    sink.set_mood(Mood::KeepsAndHangsUp);
    assert_eq!(talk(start(&sink).await, &mail).await.last().map(String::as_str), Some("354"), "no word after the data");
    assert_eq!(sink.mails().iter().map(|m| m.acknowledged).collect::<Vec<_>>(), [false]);
}
