//! Mail out: one interface, SMTP behind it.

use futures_util::future::BoxFuture;
use lettre::message::Mailbox;
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncTransport, Message, Tokio1Executor};
use ringback_connect::Secret;
use std::time::Duration;

/// A mail to one person, plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Address of the receiver.
    pub to: String,
    pub subject: String,
    pub text: String,
    /// With angle brackets; the same on every attempt of one effect.
    pub message_id: String,
}

/// How sending a mail ended, if not well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailFault {
    /// The server will never take it (5xx, an address that is none, no mail set up).
    #[error("the mail was refused: {0}")]
    Refused(String),
    /// Certainly not sent, worth trying again (4xx, no connection).
    #[error("the mail could not be sent now: {0}")]
    Later(String),
    /// It was handed over and no answer came: it may have been sent.
    #[error("the mail server fell silent: {0}")]
    Unknown(String),
}

/// Whoever can send mail.
pub trait Mailer: Send + Sync {
    /// Hands one mail over.
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), MailFault>>;
}

/// Sends nothing: mail is not set up.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoMailer;

impl Mailer for NoMailer {
    fn send(&self, _mail: Mail) -> BoxFuture<'_, Result<(), MailFault>> {
        Box::pin(async { Err(MailFault::Refused("no mail server is set up".into())) })
    }
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// TLS by STARTTLS, required (port 587).
    StartTls,
    /// None: a server on this machine.
    None,
}

/// Where and as whom mail is sent.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// `Ringback <ringback@example.com>`.
    pub from: String,
    /// For reaching the server, and again for handing the mail over.
    pub timeout: Duration,
}

/// Sends by SMTP.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
}

impl SmtpMailer {
    /// Prepares; connects to nothing. The error is a sentence for people.
    pub fn new(settings: &SmtpSettings) -> Result<Self, String> {
        let from = settings.from.parse().map_err(|e| format!("the sender {:?} is no address: {e}", settings.from))?;
        if settings.password.is_some() && settings.security == Security::None && !is_this_machine(&settings.host) {
            return Err("a password is never sent without TLS: set security to tls or starttls".into());
        }
        let parameters = || TlsParameters::new(settings.host.clone()).map_err(|e| format!("TLS cannot be set up: {e}"));
        let tls = match settings.security {
            Security::Tls => Tls::Wrapper(parameters()?),
            Security::StartTls => Tls::Required(parameters()?),
            Security::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.clone())
            .port(settings.port)
            .tls(tls)
            .timeout(Some(settings.timeout));
        if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        Ok(Self { transport: builder.build(), from, timeout: settings.timeout })
    }

    /// The part of the sender after `@`, for message ids.
    pub fn domain(&self) -> String {
        self.from.email.domain().to_owned()
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Mailer for SmtpMailer {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), MailFault>> {
        Box::pin(async move {
            let to: Mailbox =
                mail.to.parse().map_err(|e| MailFault::Refused(format!("the receiver is no mail address: {e}")))?;
            let message = Message::builder()
                .from(self.from.clone())
                .to(to)
                .subject(mail.subject)
                .message_id(Some(mail.message_id))
                .body(mail.text)
                .map_err(|e| MailFault::Refused(format!("the mail cannot be built: {e}")))?;
            // First a connection of its own, so that a server that cannot be reached is known to have been told nothing.
            match within(self.timeout, self.transport.test_connection()).await {
                Some(Ok(true)) => {}
                None | Some(Ok(false)) => return Err(MailFault::Later("the mail server does not answer".into())),
                Some(Err(error)) if error.is_permanent() => return Err(MailFault::Refused(words(&error))),
                Some(Err(error)) => return Err(MailFault::Later(words(&error))),
            }
            let Some(handed) = within(self.timeout, self.transport.send(message)).await else {
                return Err(MailFault::Unknown("no answer in time".into()));
            };
            match handed {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(MailFault::Refused(words(&error))),
                // 421 is a server that goes away: after the text was handed over nobody knows (RFC 5321 3.8).
                Err(error) if error.is_transient() && error.status().map(u16::from) == Some(421) => {
                    Err(MailFault::Unknown(words(&error)))
                }
                Err(error) if error.is_transient() => Err(MailFault::Later(words(&error))),
                Err(error) if error.is_client() => Err(MailFault::Refused(words(&error))),
                Err(error) => Err(MailFault::Unknown(words(&error))),
            }
        })
    }
}

/// The library's own time-out covers the connection only. Real time on purpose: this is about a socket, as in the HTTP client.
async fn within<T>(timeout: Duration, answer: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(timeout, answer).await.ok()
}

/// The server's code where there is one, else the kind of failure; never an address.
fn words(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("SMTP {code}"),
        None if error.is_timeout() => "no answer in time".into(),
        None if error.is_tls() => "the TLS connection failed".into(),
        None => "the connection failed".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    /// A mail server for any number of connections that gives `after_text` once the text is handed over ("" for silence) and
    /// `rcpt` to a receiver; what it was told comes back line by line.
    async fn server(
        rcpt: &'static str,
        after_text: &'static str,
    ) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, lines) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let told = told.clone();
                tokio::spawn(async move {
                    let (read, mut write) = stream.into_split();
                    let mut read = BufReader::new(read).lines();
                    let _ = write.write_all(b"220 ready\r\n").await;
                    let mut in_text = false;
                    while let Ok(Some(line)) = read.next_line().await {
                        let _ = told.send(line.clone());
                        let answer = match line.get(..4).unwrap_or(&line) {
                            "." if in_text => {
                                in_text = false;
                                if after_text.is_empty() {
                                    continue;
                                }
                                after_text
                            }
                            _ if in_text => continue,
                            "EHLO" => "250 hello",
                            "RCPT" => rcpt,
                            "DATA" => {
                                in_text = true;
                                "354 go on"
                            }
                            "QUIT" => "221 bye",
                            _ => "250 ok",
                        };
                        let _ = write.write_all(format!("{answer}\r\n").as_bytes()).await;
                    }
                });
            }
        });
        (port, lines)
    }

    fn mailer(port: u16) -> SmtpMailer {
        SmtpMailer::new(&SmtpSettings {
            host: "127.0.0.1".into(),
            port,
            security: Security::None,
            user: None,
            password: None,
            from: "Ringback <ringback@example.com>".into(),
            timeout: Duration::from_millis(300),
        })
        .unwrap()
    }

    fn page() -> Mail {
        Mail {
            to: "ana@example.com".into(),
            subject: "Missed call".into(),
            text: "Call back by 18:30\r\n".into(),
            message_id: "<rb-page-1@example.com>".into(),
        }
    }

    #[tokio::test]
    async fn a_mail_arrives_with_its_own_message_id() {
        let (port, mut lines) = server("250 ok", "250 taken").await;
        assert_eq!(mailer(port).send(page()).await, Ok(()));
        lines.close();
        let mut told = Vec::new();
        while let Some(line) = lines.recv().await {
            told.push(line);
        }
        for expected in ["Message-ID: <rb-page-1@example.com>", "Subject: Missed call", "Call back by 18:30"] {
            assert!(told.iter().any(|l| l == expected), "{expected} in {told:?}");
        }
        assert!(told.iter().any(|l| l.contains("RCPT TO:<ana@example.com>")));
    }

    #[tokio::test]
    async fn every_answer_is_told_apart() {
        for (rcpt, after_text, expected) in [
            ("550 no such user", "250 ok", MailFault::Refused("SMTP 550".into())),
            ("451 try later", "250 ok", MailFault::Later("SMTP 451".into())),
            ("250 ok", "554 spam", MailFault::Refused("SMTP 554".into())),
            ("250 ok", "451 busy", MailFault::Later("SMTP 451".into())),
            ("250 ok", "421 going down", MailFault::Unknown("SMTP 421".into())),
            ("250 ok", "", MailFault::Unknown("no answer in time".into())),
        ] {
            let (port, _lines) = server(rcpt, after_text).await;
            assert_eq!(mailer(port).send(page()).await, Err(expected), "{rcpt} / {after_text}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_was_told_nothing() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        assert!(matches!(mailer(port).send(page()).await, Err(MailFault::Later(_))));
        let nobody = Mail { to: "nobody".into(), ..page() };
        assert!(matches!(mailer(port).send(nobody).await, Err(MailFault::Refused(_))));
        assert!(matches!(NoMailer.send(page()).await, Err(MailFault::Refused(_))));
    }

    #[test]
    fn a_password_never_leaves_without_tls() {
        let settings = SmtpSettings {
            host: "mail.example.com".into(),
            port: 25,
            security: Security::None,
            user: Some("u".into()),
            password: Some(Secret::new("p")),
            from: "ringback@example.com".into(),
            timeout: Duration::from_secs(1),
        };
        assert!(SmtpMailer::new(&settings).is_err());
        assert!(!format!("{settings:?}").contains("\"p\""));
    }
}
