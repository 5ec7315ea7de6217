//! Receivers for what goes out: a Standard Webhooks endpoint, for pages and events alike, and a mail server.

use crate::fault::{Refusing, Vendor};
use crate::log::{Deed, Effect, Log, Seen};
use crate::{Reply, Request, sign};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One message that came, however often it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// `webhook-id`.
    pub id: String,
    /// When it first came, ms since the epoch.
    pub at_ms: i64,
    /// The raw body of the first delivery.
    pub body: Vec<u8>,
    /// How many accepted deliveries there were.
    pub deliveries: u32,
    /// Whether a later delivery of the same id carried another body.
    pub changed: bool,
}

impl Page {
    /// The body as JSON, `Null` where it is none.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// An endpoint that verifies by the Standard Webhooks specification and keeps one entry per `webhook-id`.
#[derive(Debug, Clone)]
pub struct WebhookSink {
    secret: String,
    pages: Vec<Page>,
    refused: u32,
    fail: Option<(u16, u32)>,
    log: Log,
}

impl WebhookSink {
    /// An endpoint with this secret (`whsec_…` or plain base64).
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned(), pages: Vec::new(), refused: 0, fail: None, log: Log::default() }
    }

    /// What came, in order of first arrival.
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// Deliveries turned away for their signature or timestamp.
    pub fn refused(&self) -> u32 {
        self.refused
    }

    /// Answers the next `times` deliveries with this status and keeps nothing of them.
    pub fn fail_next(&mut self, status: u16, times: u32) {
        self.fail = Some((status, times));
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Takes one delivery at `now_ms`.
    pub fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        let (reply, effect) = self.take(request, now_ms);
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        if let Some(entry) = self.log.last_mut() {
            entry.effects.extend(effect);
        }
        reply
    }

    fn verified(&self, request: &Request, now_ms: i64) -> Option<String> {
        let header = |name| request.get_header(name);
        let id = header("webhook-id").filter(|id| !id.is_empty())?;
        let (timestamp, signature) = (header("webhook-timestamp")?, header("webhook-signature")?);
        sign::standard_webhooks_holds(&self.secret, id, timestamp, signature, &request.body, now_ms)
            .then(|| id.to_owned())
    }

    fn take(&mut self, request: &Request, now_ms: i64) -> (Reply, Option<Effect>) {
        if let Some((status, times)) = self.fail {
            self.fail = (times > 1).then_some((status, times.saturating_sub(1)));
            if times > 0 {
                return (Reply::json(status, &json!({ "error": "told to fail" })), None);
            }
        }
        if request.method != "POST" {
            return (Reply::json(405, &json!({ "error": "POST only" })), None);
        }
        let Some(id) = self.verified(request, now_ms) else {
            self.refused += 1;
            return (Reply::json(401, &json!({ "error": "signature or timestamp does not hold" })), None);
        };
        let deed = match self.pages.iter_mut().find(|page| page.id == id) {
            Some(page) => {
                page.deliveries += 1;
                page.changed |= page.body != request.body;
                Deed::Updated
            }
            None => {
                self.pages.push(Page {
                    id: id.clone(),
                    at_ms: now_ms,
                    body: request.body.clone(),
                    deliveries: 1,
                    changed: false,
                });
                Deed::Created
            }
        };
        (Reply::empty(204), Some(Effect { deed, object: "pages".to_owned(), id }))
    }
}

impl Vendor for WebhookSink {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        WebhookSink::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        self.log.push(request, now_ms, Some(204), Seen::Answered(204));
        Reply::empty(204)
    }

    fn half(&mut self, _request: &Request, _now_ms: i64) -> Option<Reply> {
        None
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        let status = match how {
            Refusing::Unauthorized => 401,
            Refusing::Unprocessable => 422,
            Refusing::TooMany(_) => 429,
            Refusing::Server(status) => status,
        };
        let reply = Reply::json(status, &json!({ "error": "refused" }));
        match how {
            Refusing::TooMany(Some(seconds)) => reply.with_header("Retry-After", seconds),
            _ => reply,
        }
    }

    /// `GET /_twin/pages`: every message once, with how often it came. `POST /_twin/fail` with `{"status":410,"times":1}`: as
    /// [`WebhookSink::fail_next`].
    fn control(&mut self, request: &Request, _now_ms: i64) -> Option<Reply> {
        if request.segments() == ["_twin", "fail"] {
            let order: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let number = |name: &str| order[name].as_u64().and_then(|n| u32::try_from(n).ok());
            let status = number("status").and_then(|n| u16::try_from(n).ok());
            return Some(match (status, number("times")) {
                (Some(status @ 100..=599), Some(times)) => {
                    self.fail_next(status, times);
                    Reply::empty(204)
                }
                _ => Reply::json(400, &json!({ "error": "status and times are wanted" })),
            });
        }
        (request.segments() == ["_twin", "pages"]).then(|| {
            let pages: Vec<Value> = self
                .pages
                .iter()
                .map(|p| json!({ "id": p.id, "at_ms": p.at_ms, "deliveries": p.deliveries, "changed": p.changed, "body": p.value() }))
                .collect();
            Reply::json(200, &json!({ "pages": pages, "refused": self.refused }))
        })
    }
}

/// One mail as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// Headers and body, dots unstuffed, lines ending in CRLF.
    pub data: String,
    /// The user of AUTH PLAIN, where one was given.
    pub user: Option<String>,
    /// Whether the client was told that it was accepted.
    pub acknowledged: bool,
}

/// How the mail server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    /// Takes everything.
    #[default]
    Accepts,
    /// 550 for every recipient.
    RejectsRecipients,
    /// 451 after the data; nothing is kept.
    TryLater,
    /// Keeps the mail and closes without a word: the client cannot know.
    KeepsAndHangsUp,
    /// 421 as greeting.
    Unavailable,
}

/// A mail server's memory, shared with the task that serves it.
#[derive(Debug, Clone, Default)]
pub struct SmtpSink(Arc<Mutex<Inbox>>);

#[derive(Debug, Default)]
struct Inbox {
    mails: Vec<Mail>,
    mood: Mood,
}

/// Longest command or data line, bytes.
const LINE_MAX_BYTES: u64 = 64 * 1024;
/// Longest mail, bytes.
const MAIL_MAX_BYTES: usize = 4 * 1024 * 1024;

impl SmtpSink {
    /// Every accepted mail.
    pub fn mails(&self) -> Vec<Mail> {
        self.inbox().mails.clone()
    }

    /// Sets how it behaves from the next command on.
    pub fn set_mood(&self, mood: Mood) {
        self.inbox().mood = mood;
    }

    fn mood(&self) -> Mood {
        self.inbox().mood
    }

    fn inbox(&self) -> std::sync::MutexGuard<'_, Inbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves RFC 5321 without TLS until the task is dropped: HELO, EHLO, AUTH PLAIN, MAIL, RCPT, DATA, RSET, NOOP, QUIT.
    pub async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let sink = self.clone();
            tokio::spawn(async move {
                // A client that breaks off is its own business.
                let _ended = sink.session(stream).await;
            });
        }
    }

    async fn session(&self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        if self.mood() == Mood::Unavailable {
            return write.write_all(b"421 twin.example service not available\r\n").await;
        }
        write.write_all(b"220 twin.example ESMTP\r\n").await?;
        let (mut user, mut from, mut to) = (None, None, Vec::new());
        loop {
            let Some(line) = line(&mut read).await? else { return Ok(()) };
            let upper = line.to_ascii_uppercase();
            let answer = if upper.starts_with("EHLO") {
                "250-twin.example\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-AUTH PLAIN\r\n250 SIZE 4194304".to_owned()
            } else if upper.starts_with("HELO") {
                "250 twin.example".to_owned()
            } else if upper.starts_with("AUTH PLAIN") {
                let mut given = line.get(10..).unwrap_or_default().trim().to_owned();
                if given.is_empty() {
                    write.write_all(b"334 \r\n").await?;
                    given = self::line(&mut read).await?.unwrap_or_default();
                }
                user = plain_user(&given);
                if user.is_some() { "235 2.7.0 accepted" } else { "535 5.7.8 not accepted" }.to_owned()
            } else if upper.starts_with("MAIL FROM:") {
                from = Some(address(&line));
                to.clear();
                "250 2.1.0 ok".to_owned()
            } else if upper.starts_with("RCPT TO:") {
                match (&from, self.mood()) {
                    (None, _) => "503 5.5.1 MAIL first".to_owned(),
                    (_, Mood::RejectsRecipients) => "550 5.1.1 no such mailbox".to_owned(),
                    _ => {
                        to.push(address(&line));
                        "250 2.1.5 ok".to_owned()
                    }
                }
            } else if upper == "DATA" {
                let Some(sender) = from.clone().filter(|_| !to.is_empty()) else {
                    write.write_all(b"503 5.5.1 RCPT first\r\n").await?;
                    continue;
                };
                write.write_all(b"354 go ahead\r\n").await?;
                let data = data(&mut read).await?;
                let mood = self.mood();
                if mood == Mood::TryLater {
                    "451 4.3.0 try again later".to_owned()
                } else {
                    let hangs_up = mood == Mood::KeepsAndHangsUp;
                    let to = std::mem::take(&mut to);
                    self.inbox().mails.push(Mail {
                        from: sender,
                        to,
                        data,
                        user: user.clone(),
                        acknowledged: !hangs_up,
                    });
                    from = None;
                    if hangs_up {
                        return Ok(());
                    }
                    "250 2.0.0 accepted".to_owned()
                }
            } else if upper == "RSET" || upper == "NOOP" {
                if upper == "RSET" {
                    (from, to) = (None, Vec::new());
                }
                "250 2.0.0 ok".to_owned()
            } else if upper == "QUIT" {
                return write.write_all(b"221 2.0.0 bye\r\n").await;
            } else {
                "502 5.5.2 not implemented".to_owned()
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }
}

/// One line without its ending; `None` at the end of the connection.
async fn line(read: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let n = (&mut *read).take(LINE_MAX_BYTES).read_until(b'\n', &mut bytes).await?;
    if n == 0 {
        return Ok(None);
    }
    if !bytes.ends_with(b"\n") {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "line too long or cut off"));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned()))
}

/// Reads to the lone dot (RFC 5321 4.5.2: a leading dot is doubled on the way).
async fn data(read: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> std::io::Result<String> {
    let mut out = String::new();
    loop {
        let Some(text) = line(read).await? else { return Err(std::io::ErrorKind::UnexpectedEof.into()) };
        if text == "." {
            return Ok(out);
        }
        out.push_str(text.strip_prefix('.').unwrap_or(&text));
        out.push_str("\r\n");
        if out.len() > MAIL_MAX_BYTES {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "mail too long"));
        }
    }
}

/// What stands between the angle brackets.
fn address(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inside, _)| inside);
    inside.unwrap_or_else(|| line.split_once(':').map_or("", |(_, rest)| rest.trim())).to_owned()
}

/// The user of an AUTH PLAIN response (RFC 4616: authzid NUL user NUL password).
fn plain_user(given: &str) -> Option<String> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(given).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split('\0').nth(1).filter(|user| !user.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
