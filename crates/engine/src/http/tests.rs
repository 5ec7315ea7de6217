use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Answers every connection with these bytes and closes it; "" reads and never answers. Gives the port and what was received.
async fn server(answer: &'static str) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, received) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let told = told.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 4096];
                let n = stream.read(&mut bytes).await.unwrap_or(0);
                let _ = told.send(String::from_utf8_lossy(&bytes[..n]).into_owned());
                if answer.is_empty() {
                    // Holds the connection open until the other side gives up.
                    let _ = stream.read(&mut bytes).await;
                } else {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (port, received)
}

fn inside() -> ReqwestTransport {
    ReqwestTransport::new(Policy { allow_private: true, body_max_bytes: 64 }).unwrap()
}

fn get(path: &str) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        path: path.into(),
        headers: vec![("x-one".into(), "1".into())],
        body: Vec::new(),
    }
}

async fn ask(transport: &ReqwestTransport, base_url: &str, request: &HttpRequest) -> Result<HttpReply, Fault> {
    transport
        .send(Outgoing {
            base_url,
            request,
            auth: Some(Authorization::Bearer(Secret::new("pat-1"))),
            timeout: Duration::from_millis(400),
            connection: "conn_1",
        })
        .await
}

#[tokio::test]
async fn a_reply_comes_back_whole_and_the_credential_goes_along() {
    let (port, mut received) = server("HTTP/1.1 201 Created\r\nX-Two: 2\r\nContent-Length: 2\r\n\r\nok").await;
    let reply = ask(&inside(), &format!("http://127.0.0.1:{port}/base/"), &get("/path?q=1")).await.unwrap();
    assert_eq!((reply.status, reply.header("x-two"), reply.body.as_slice()), (201, Some("2"), b"ok".as_slice()));
    let sent = received.recv().await.unwrap().to_lowercase();
    assert!(sent.starts_with("get /base/path?q=1 http/1.1\r\n"), "{sent}");
    assert!(sent.contains("authorization: bearer pat-1") && sent.contains("x-one: 1"), "{sent}");
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (port, mut received) =
        server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n").await;
    let reply = ask(&inside(), &format!("http://127.0.0.1:{port}"), &get("/")).await.unwrap();
    assert_eq!(reply.status, 302);
    assert!(received.recv().await.is_some());
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn bodies_are_capped_whether_announced_or_not() {
    let long = Box::leak(format!("HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n{}", "x".repeat(65)).into_boxed_str());
    let chunked: &str = Box::leak(
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n{}\r\n0\r\n\r\n", "x".repeat(65))
            .into_boxed_str(),
    );
    let fits: &str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n{}", "x".repeat(64)).into_boxed_str());
    for (answer, expected) in [(&*long, Err(Fault::TooLarge)), (chunked, Err(Fault::TooLarge)), (fits, Ok(64))] {
        let (port, _received) = server(answer).await;
        let reply = ask(&inside(), &format!("http://127.0.0.1:{port}"), &get("/")).await;
        assert_eq!(reply.map(|r| r.body.len()), expected);
    }
}

#[tokio::test]
async fn silence_resets_and_closed_ports_are_told_apart() {
    let (silent, _kept) = server("").await;
    let timed_out = ask(&inside(), &format!("http://127.0.0.1:{silent}"), &get("/")).await.unwrap_err();
    assert_eq!(timed_out, Fault::TimedOut);
    assert!(timed_out.left());

    let (half, _kept) = server("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf").await;
    let reset = ask(&inside(), &format!("http://127.0.0.1:{half}"), &get("/")).await.unwrap_err();
    assert!(matches!(reset, Fault::Reset(_)), "{reset:?}");
    assert!(reset.left());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dropping = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 16]).await;
        }
    });
    let dropped = ask(&inside(), &format!("http://127.0.0.1:{dropping}"), &get("/")).await.unwrap_err();
    assert!(matches!(dropped, Fault::Reset(_)), "{dropped:?}");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let refused = ask(&inside(), &format!("http://127.0.0.1:{closed}"), &get("/")).await.unwrap_err();
    assert!(matches!(refused, Fault::Refused(_)), "{refused:?}");
    assert!(!refused.left());
}

#[tokio::test]
async fn nothing_leaves_for_a_forbidden_address() {
    let (port, mut received) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let outside = ReqwestTransport::new(Policy::default()).unwrap();
    for base in [
        format!("http://127.0.0.1:{port}"),
        format!("https://127.0.0.1:{port}"),
        format!("https://localhost:{port}"),
        format!("https://[::ffff:127.0.0.1]:{port}"),
        format!("https://2130706433:{port}"),
        "https://169.254.169.254".into(),
        "https://10.0.0.1".into(),
        "https://[fd00::1]".into(),
        "ftp://example.com".into(),
    ] {
        let fault = ask(&outside, &base, &get("/")).await.unwrap_err();
        assert!(matches!(fault, Fault::Forbidden(_)), "{base}: {fault:?}");
        assert!(!fault.left());
    }
    for base in ["http://169.254.169.254", "https://169.254.169.254", "http://93.184.215.14"] {
        let fault = ask(&inside(), base, &get("/")).await.unwrap_err();
        assert!(matches!(fault, Fault::Forbidden(_)), "{base}: {fault:?}");
    }
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn a_name_inside_is_reached_when_that_is_allowed() {
    let (port, mut received) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    // Resolved by the system; only 127.0.0.1 listens, so the client passes over ::1.
    let reply = ask(&inside(), &format!("http://localhost:{port}"), &get("/")).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(received.recv().await.is_some());
}

#[test]
fn one_inside_address_spoils_a_name() {
    let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
    let name = |ips: &[&str], reach| checked("vendor.example", ips.iter().map(|ip| at(ip)).collect(), reach).is_ok();
    assert!(name(&["93.184.215.14"], Reach::Public));
    assert!(!name(&["93.184.215.14", "10.0.0.7"], Reach::Public));
    assert!(name(&["93.184.215.14", "10.0.0.7"], Reach::PublicAndPrivate));
    assert!(!name(&["93.184.215.14", "169.254.169.254"], Reach::PublicAndPrivate));
    assert!(!name(&["93.184.215.14", "10.0.0.7"], Reach::Private));
}

#[test]
fn places_of_addresses() {
    for (ip, expected) in [
        ("93.184.215.14", Place::Public),
        ("127.8.8.8", Place::Private),
        ("10.1.2.3", Place::Private),
        ("172.31.0.1", Place::Private),
        ("172.32.0.1", Place::Public),
        ("192.168.1.1", Place::Private),
        ("100.64.0.1", Place::Private),
        ("100.128.0.1", Place::Public),
        ("169.254.169.254", Place::Never),
        ("0.0.0.0", Place::Never),
        ("224.0.0.1", Place::Never),
        ("255.255.255.255", Place::Never),
        ("::1", Place::Private),
        ("::", Place::Never),
        ("::ffff:10.0.0.1", Place::Private),
        ("::ffff:169.254.169.254", Place::Never),
        ("::7f00:1", Place::Never),
        ("64:ff9b::a9fe:a9fe", Place::Never),
        ("64:ff9b::a00:1", Place::Private),
        ("2002:a00:1::", Place::Private),
        ("fd00:ec2::254", Place::Never),
        ("fd00:ec2::255", Place::Private),
        ("fe80::1", Place::Never),
        ("ff02::1", Place::Never),
        ("2001:db8::1", Place::Never),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", Place::Public),
    ] {
        assert_eq!(place(ip.parse().unwrap()), expected, "{ip}");
    }
}

#[test]
fn a_path_cannot_lead_to_another_host() {
    for (base, path, expected) in [
        ("https://api.example.com", "/crm/v3", Some("https://api.example.com/crm/v3")),
        ("https://api.example.com/", "/crm/v3?a=b", Some("https://api.example.com/crm/v3?a=b")),
        ("https://api.example.com/sub", "/x", Some("https://api.example.com/sub/x")),
        ("https://api.example.com", "@evil.example/", None),
        ("https://api.example.com", ".evil.example/", None),
        ("https://user:pw@api.example.com", "/x", None),
        ("https://api.example.com?x=", "/y", None),
        ("not a url", "/x", None),
    ] {
        assert_eq!(target(base, path).ok().map(String::from).as_deref(), expected, "{base} {path}");
    }
}

#[tokio::test]
async fn a_credential_with_a_line_break_goes_nowhere() {
    let request = get("/");
    let call = Outgoing {
        base_url: "http://127.0.0.1:1",
        request: &request,
        auth: Some(Authorization::Bearer(Secret::new("hidden\r\nx: y"))),
        timeout: Duration::from_millis(100),
        connection: "conn_1",
    };
    assert!(!format!("{call:?}").contains("hidden"));
    let fault = inside().send(call).await.unwrap_err();
    assert!(matches!(fault, Fault::Other(_)), "{fault:?}");
    assert!(!fault.left());
}
