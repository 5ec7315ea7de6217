//! Batches: many requests in one, many answers in one (OData 4.0, part 1, 11.7; multipart/mixed of RFC 2046).
//!
//! An answer counts only if its end is there: what comes after the last delimiter of a cut body proves nothing.

use crate::wire::sha256_hex;
use ringback_core::http::{HttpReply, HttpRequest, Method};

/// The most parts that one answer is taken apart into.
const PARTS_MAX: usize = 2_200;
/// The longest delimiter (RFC 2046 allows 70 characters).
const BOUNDARY_BYTES_MAX: usize = 200;

/// One request of a batch, or several that succeed or fail together.
#[derive(Debug, Clone)]
pub(super) enum Unit {
    One(HttpRequest),
    Set(Vec<HttpRequest>),
}

/// The request that carries them all. The delimiter is made of the content, so that the same operations are the same bytes.
pub(super) fn batch(path: &str, mut headers: Vec<(String, String)>, units: &[Unit]) -> HttpRequest {
    let (mut inner, mut sets) = (String::new(), 0_usize);
    for unit in units {
        match unit {
            Unit::One(request) => inner.push_str(&format!("--BATCH\r\n{}", embedded(request, None))),
            Unit::Set(requests) => {
                sets += 1;
                let set = format!("SET{sets}");
                inner.push_str(&format!("--BATCH\r\nContent-Type: multipart/mixed; boundary=\"{set}\"\r\n\r\n"));
                for (n, request) in requests.iter().enumerate() {
                    inner.push_str(&format!("--{set}\r\n{}", embedded(request, Some(n + 1))));
                }
                inner.push_str(&format!("--{set}--\r\n\r\n"));
            }
        }
    }
    let digest: String = sha256_hex(inner.as_bytes()).chars().take(32).collect();
    let mut body = String::with_capacity(inner.len() + units.len() * 40);
    // Bodies are single lines of JSON, so a line that begins with two hyphens is one of ours.
    for line in inner.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("--BATCH") {
            body.push_str(&format!("--batch_{digest}{rest}"));
        } else if let Some(rest) = line.strip_prefix("--SET") {
            body.push_str(&format!("--changeset_{digest}_{rest}"));
        } else if let Some(rest) = line.strip_prefix("Content-Type: multipart/mixed; boundary=\"SET") {
            body.push_str(&format!("Content-Type: multipart/mixed; boundary=\"changeset_{digest}_{rest}"));
        } else {
            body.push_str(line);
        }
    }
    body.push_str(&format!("--batch_{digest}--\r\n"));
    headers.push(("content-type".into(), format!("multipart/mixed; boundary=\"batch_{digest}\"")));
    HttpRequest { method: Method::Post, path: path.to_owned(), headers, body: body.into_bytes() }
}

fn embedded(request: &HttpRequest, content_id: Option<usize>) -> String {
    let mut out = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n".to_owned();
    if let Some(n) = content_id {
        out.push_str(&format!("Content-ID: {n}\r\n"));
    }
    out.push_str(&format!("\r\n{} {} HTTP/1.1\r\n", request.method.as_str(), request.path));
    for (name, value) in &request.headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    out.push_str(&String::from_utf8_lossy(&request.body));
    out.push_str("\r\n");
    out
}

/// The answers in order, each with those of its change set; `None` where the body is no such thing.
pub(super) fn answers(reply: &HttpReply) -> Option<Vec<Vec<HttpReply>>> {
    let boundary = boundary(reply.header("content-type")?)?;
    let body = String::from_utf8_lossy(&reply.body);
    let mut left = PARTS_MAX;
    let parts = split(&body, &boundary, &mut left)?;
    parts
        .into_iter()
        .map(|part| {
            let (head, rest) = headers_and_rest(part);
            let kind = find(&head, "content-type").unwrap_or_default();
            if let Some(inner) = boundary_of_set(&kind) {
                return split(rest, &inner, &mut left)?.into_iter().map(|p| answer(headers_and_rest(p).1)).collect();
            }
            Some(vec![answer(rest)?])
        })
        .collect()
}

fn boundary_of_set(kind: &str) -> Option<String> {
    kind.trim_start().to_ascii_lowercase().starts_with("multipart/mixed").then(|| boundary(kind)).flatten()
}

fn boundary(content_type: &str) -> Option<String> {
    let lower = content_type.to_ascii_lowercase();
    if !lower.trim_start().starts_with("multipart/mixed") {
        return None;
    }
    let at = lower.find("boundary=")? + "boundary=".len();
    let rest = content_type.get(at..)?.trim_start();
    let text = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split(';').next()?.trim(),
    };
    (!text.is_empty() && text.len() <= BOUNDARY_BYTES_MAX).then(|| text.to_owned())
}

/// What stands between two delimiters. What the closing delimiter or another one does not end is left out.
fn split<'t>(body: &'t str, boundary: &str, left: &mut usize) -> Option<Vec<&'t str>> {
    let (open, close) = (format!("--{boundary}"), format!("--{boundary}--"));
    let (mut parts, mut start, mut at) = (Vec::new(), None, 0);
    for line in body.split_inclusive('\n') {
        let word = line.trim_end();
        if word == open || word == close {
            if let Some(from) = start.take() {
                *left = left.checked_sub(1)?;
                parts.push(body.get(from..at)?);
            }
            if word == close {
                break;
            }
            start = Some(at + line.len());
        }
        at += line.len();
    }
    (start.is_some() || !parts.is_empty() || body.contains(&close)).then_some(parts)
}

/// Header lines up to the first empty line, and what follows it.
fn headers_and_rest(text: &str) -> (Vec<(String, String)>, &str) {
    let (mut headers, mut at) = (Vec::new(), 0);
    for line in text.split_inclusive('\n').take(100) {
        at += line.len();
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    (headers, text.get(at..).unwrap_or_default())
}

fn find(headers: &[(String, String)], name: &str) -> Option<String> {
    headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
}

/// `HTTP/1.1 204 No Content`, headers, body.
fn answer(text: &str) -> Option<HttpReply> {
    let text = text.trim_start();
    let (line, rest) = text.split_once('\n')?;
    let mut words = line.split_whitespace();
    words.next().filter(|w| w.starts_with("HTTP/"))?;
    let status: u16 = words.next()?.parse().ok().filter(|s| (100..600).contains(s))?;
    let (headers, body) = headers_and_rest(rest);
    Some(HttpReply { status, headers, body: body.trim_end().as_bytes().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> HttpReply {
        HttpReply::with(200, "multipart/mixed; boundary=batchresponse_1", body)
    }

    const WHOLE: &str = "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_2\r\n\r\n\
        --changesetresponse_2\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nHTTP/1.1 201 Created\r\nX: 1\r\n\r\n{\"a\":1}\r\n\
        --changesetresponse_2\r\nContent-Type: application/http\r\nContent-ID: 2\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n\
        --changesetresponse_2--\r\n\
        --batchresponse_1\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 404 Not Found\r\nRetry-After: 7\r\n\r\n{\"error\":{}}\r\n\
        --batchresponse_1--\r\n";

    #[test]
    fn answers_come_in_order_with_those_of_their_set() {
        let all = answers(&reply(WHOLE)).unwrap();
        let statuses: Vec<Vec<u16>> = all.iter().map(|set| set.iter().map(|r| r.status).collect()).collect();
        assert_eq!(statuses, [vec![201, 204], vec![404]]);
        assert_eq!(all[0][0].body, b"{\"a\":1}");
        assert_eq!(all[1][0].header("retry-after"), Some("7"));
        let bare = WHOLE.replace("\r\n", "\n");
        assert_eq!(answers(&reply(&bare)).unwrap().len(), 2);
    }

    #[test]
    fn what_has_no_end_is_not_there() {
        for cut in 0..WHOLE.len() {
            let Some(parts) = answers(&reply(&WHOLE[..cut])) else { continue };
            assert!(parts.len() < 2 || cut > WHOLE.find("{\"error\"").unwrap(), "{cut}");
            assert!(parts.iter().all(|set| set.len() <= 2));
            // A whole change set is there only when the delimiter after it is.
            assert!(parts.is_empty() || cut > WHOLE.find("changesetresponse_2--").unwrap(), "{cut}");
        }
        for kind in ["application/json", "multipart/mixed", "multipart/mixed; boundary=", "text/html"] {
            assert!(answers(&HttpReply::with(200, kind, WHOLE)).is_none(), "{kind}");
        }
        assert!(answers(&reply("<html>")).is_none());
    }

    #[test]
    fn a_batch_names_each_request_once_and_is_the_same_twice() {
        let get = HttpRequest {
            method: Method::Get,
            path: "/api/x".into(),
            headers: vec![("accept".into(), "application/json".into())],
            body: Vec::new(),
        };
        let patch = HttpRequest { method: Method::Patch, body: b"{\"a\":\"--BATCH\"}".to_vec(), ..get.clone() };
        let units = [Unit::One(get), Unit::Set(vec![patch.clone(), patch])];
        let request = batch("/b", Vec::new(), &units);
        assert_eq!(request, batch("/b", Vec::new(), &units));
        let text = String::from_utf8(request.body).unwrap();
        let kind = &request.headers[0].1;
        let boundary = boundary(kind).unwrap();
        assert_eq!(text.matches(&format!("--{boundary}\r\n")).count(), 2, "{text}");
        assert!(text.ends_with(&format!("--{boundary}--\r\n")));
        assert!(
            text.contains("Content-ID: 2\r\n\r\nPATCH /api/x HTTP/1.1\r\naccept: application/json\r\n\r\n{"),
            "{text}"
        );
        assert!(!text.contains("\r\n--BATCH") && !text.contains("\r\n--SET"), "{text}");
    }
}
