//! `$batch` (page "Execute batch operations using the Web API"): requests in order, change sets all or nothing, no reads in a change set, at
//! most 1,000 requests; without `odata.continue-on-error` the first refusal ends it.

use super::Dynamics;
use super::refusals::{Refusal, bad_request};
use crate::{Reply, Request};

const REQUESTS_MAX: usize = 1_000;

/// One request, or a change set.
#[derive(Debug, Clone)]
pub(super) enum Item {
    One(Request),
    Set(Vec<(String, Request)>),
}

impl Dynamics {
    pub(super) fn batch(&mut self, request: &Request, now_ms: i64) -> Reply {
        match items(request) {
            Ok(items) => self.run(request, &items, &[], now_ms),
            Err(refusal) => refusal.into_reply(),
        }
    }

    /// Carries out the items; `failed` are answered with 500 without being carried out.
    pub(super) fn run(&mut self, request: &Request, items: &[Item], failed: &[Item], now_ms: i64) -> Reply {
        let goes_on = request
            .headers
            .iter()
            .any(|(n, v)| n.eq_ignore_ascii_case("prefer") && v.contains("odata.continue-on-error"));
        let boundary = "batchresponse_6b1f9f0a-3c52-4d0e-8a0c-2f4b7d1e9c11";
        let (mut body, mut status) = (String::new(), 200);
        for (n, item) in items.iter().enumerate() {
            let (text, ended) = self.item(item, n, now_ms);
            body.push_str(&format!("--{boundary}\r\n{text}"));
            if let (Some(refused), false) = (ended, goes_on) {
                // The whole answer gets the status of the refusal.
                status = refused;
                break;
            }
        }
        for _ in failed {
            let reply = Refusal::new(500, "0x80040216", "An unexpected error occurred.").into_reply();
            body.push_str(&format!("--{boundary}\r\n{}", part(&reply, None)));
        }
        body.push_str(&format!("--{boundary}--\r\n"));
        let headers = vec![
            ("Content-Type".to_owned(), format!("multipart/mixed; boundary={boundary}")),
            ("OData-Version".to_owned(), "4.0".to_owned()),
        ];
        Reply { status, headers, body: body.into_bytes() }
    }

    fn item(&mut self, item: &Item, n: usize, now_ms: i64) -> (String, Option<u16>) {
        match item {
            Item::One(request) => {
                let reply = self.single(request, now_ms);
                (part(&reply, None), (reply.status >= 400).then_some(reply.status))
            }
            Item::Set(requests) => {
                let (mark, effects) = (self.journal.len(), self.effects.len());
                let boundary = format!("changesetresponse_3f0d1b4c-{n:04}-4a77-9d2e-5c8e1a7b6d90");
                let mut text = String::new();
                let mut ended = None;
                for (id, request) in requests {
                    let reply = self.single(request, now_ms);
                    if reply.status >= 400 {
                        // Everything before it is undone, and only the refusal is told.
                        self.undo(mark);
                        self.effects.truncate(effects);
                        text = format!("--{boundary}\r\n{}", part(&reply, Some(id)));
                        ended = Some(reply.status);
                        break;
                    }
                    text.push_str(&format!("--{boundary}\r\n{}", part(&reply, Some(id))));
                }
                let head = format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n");
                (format!("{head}{text}--{boundary}--\r\n\r\n"), ended)
            }
        }
    }
}

fn part(reply: &Reply, content_id: Option<&str>) -> String {
    let id = content_id.map(|id| format!("Content-ID: {id}\r\n")).unwrap_or_default();
    let words = match reply.status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        404 => "Not Found",
        412 => "Precondition Failed",
        _ => "Error",
    };
    let headers: String = reply.headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
    format!(
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{id}\r\nHTTP/1.1 {} {words}\r\n{headers}\r\n{}\r\n",
        reply.status,
        String::from_utf8_lossy(&reply.body)
    )
}

/// How many operations it carries.
pub(super) fn count(request: &Request) -> usize {
    let each = |item: &Item| if let Item::Set(requests) = item { requests.len() } else { 1 };
    items(request).map_or(1, |items| items.iter().map(each).sum())
}

/// Takes a batch apart.
pub(super) fn items(request: &Request) -> Result<Vec<Item>, Refusal> {
    let kind = request.get_header("content-type").unwrap_or_default();
    let boundary =
        boundary(kind).ok_or_else(|| bad_request("The content type of a batch is multipart/mixed with a boundary."))?;
    let body = std::str::from_utf8(&request.body).map_err(|_| bad_request("The batch is no text."))?;
    let mut items = Vec::new();
    let mut requests = 0;
    for text in parts(body, &boundary)? {
        let (head, rest) = head_and_rest(text)?;
        match header(&head, "content-type").unwrap_or_default() {
            kind if kind.starts_with("multipart/mixed") => {
                let inner = self::boundary(&kind).ok_or_else(|| bad_request("A change set needs a boundary."))?;
                let mut set = Vec::new();
                for text in parts(rest, &inner)? {
                    let (head, rest) = head_and_rest(text)?;
                    let request = embedded(rest)?;
                    if request.method == "GET" {
                        return Err(bad_request("GET requests are not allowed in change sets."));
                    }
                    let id = header(&head, "content-id")
                        .ok_or_else(|| bad_request("A part of a change set needs a Content-ID."))?;
                    set.push((id, request));
                    requests += 1;
                }
                items.push(Item::Set(set));
            }
            kind if kind.starts_with("application/http") => {
                if header(&head, "content-transfer-encoding").as_deref() != Some("binary") {
                    return Err(bad_request("Content-Transfer-Encoding of a part is binary."));
                }
                items.push(Item::One(embedded(rest)?));
                requests += 1;
            }
            other => return Err(bad_request(format!("A part of a batch cannot be '{other}'."))),
        }
    }
    if requests > REQUESTS_MAX {
        return Err(bad_request("A batch has at most 1000 requests."));
    }
    Ok(items)
}

fn boundary(kind: &str) -> Option<String> {
    let rest = kind.strip_prefix("multipart/mixed")?.split_once("boundary=")?.1;
    let text = rest.split(';').next()?.trim().trim_matches('"');
    (!text.is_empty()).then(|| text.to_owned())
}

fn parts<'t>(body: &'t str, boundary: &str) -> Result<Vec<&'t str>, Refusal> {
    let mut parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    let ended = parts.last().is_some_and(|last| last.trim_end() == "--");
    if parts.len() < 2 || !ended {
        return Err(bad_request("The batch does not end as it should."));
    }
    parts.pop();
    Ok(parts.into_iter().skip(1).map(|p| p.trim_start_matches(['\r', '\n'])).collect())
}

type Head = Vec<(String, String)>;

fn head_and_rest(text: &str) -> Result<(Head, &str), Refusal> {
    let (head, rest) = text
        .split_once("\r\n\r\n")
        .or_else(|| text.split_once("\n\n"))
        .ok_or_else(|| bad_request("A part has no empty line after its headers."))?;
    let headers = head.lines().filter_map(|l| l.split_once(':'));
    Ok((headers.map(|(n, v)| (n.trim().to_lowercase(), v.trim().to_owned())).collect(), rest))
}

fn header(head: &Head, name: &str) -> Option<String> {
    head.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
}

/// `PATCH /api/data/v9.2/leads(…) HTTP/1.1`, headers, body.
fn embedded(text: &str) -> Result<Request, Refusal> {
    let wrong = || bad_request("A part is no request.");
    let (line, rest) = text.split_once('\n').ok_or_else(wrong)?;
    let words: Vec<&str> = line.trim().split(' ').collect();
    let &[method, path, "HTTP/1.1"] = words.as_slice() else { return Err(wrong()) };
    // Addresses may be whole or begin at the root.
    let path = path.find("/api/data/").and_then(|at| path.get(at..)).ok_or_else(wrong)?;
    let (headers, body) = match rest.strip_prefix("\r\n") {
        Some(body) => (Vec::new(), body),
        None => head_and_rest(rest)?,
    };
    Ok(Request { method: method.to_owned(), path: path.to_owned(), headers, body: body.trim().as_bytes().to_vec() })
}
