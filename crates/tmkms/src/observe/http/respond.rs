//! The answer to a request.

use std::time::Duration;

use super::request::{Refused, Request};
use crate::observe::document::Document;
use crate::observe::health::{self, Health};
use crate::observe::{page, prometheus};

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
/// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What `/` leads to, for those who guess.
const PATHS: &str = "/         the page to look at
/metrics  for Prometheus
/healthz  whether its threads turn
/readyz   whether it could sign now; ?within=SECONDS forgives a lost connection for so long
";

/// The longest time of grace that can be asked for: a day.
const MAX_GRACE_S: u64 = 86_400;

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: &'static str,
    kind: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Response {
    fn new(status: &'static str, kind: &'static str, body: String) -> Self {
        Self {
            status,
            kind,
            headers: Vec::new(),
            body,
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As it is sent. Nothing of it may be kept, guessed at, or put into another page.
    #[must_use]
    pub fn encode(&self, head_only: bool) -> Vec<u8> {
        let mut text = format!(
            "HTTP/1.1 {}\r\n\
             Content-Type: {}\r\n\
             Content-Length: {}\r\n\
             Connection: close\r\n\
             Cache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n\
             X-Frame-Options: DENY\r\n\
             Referrer-Policy: no-referrer\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\n",
            self.status,
            self.kind,
            self.body.len()
        );
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        if !head_only {
            text.push_str(&self.body);
        }
        text.into_bytes()
    }
}

/// Answers a request with what `tell` says.
#[must_use]
pub fn respond(request: &Request, tell: impl FnOnce() -> Document) -> Response {
    match request.path.as_str() {
        "/" => Response::new("200 OK", HTML, page::render(&tell()))
            .with("Content-Security-Policy", page::policy()),
        "/metrics" => Response::new("200 OK", EXPOSITION, prometheus::render(&tell())),
        "/healthz" => told(health::alive(&tell())),
        "/readyz" => match grace(request.query.as_deref()) {
            Some(grace) => told(health::ready(&tell(), grace)),
            None => refused(
                "400 Bad Request",
                &format!("expected /readyz?within=SECONDS, from 0 to {MAX_GRACE_S}\n"),
            ),
        },
        _ => refused("404 Not Found", PATHS),
    }
}

/// Answers what is no request for anything here.
#[must_use]
pub fn refuse(why: Refused) -> Response {
    match why {
        Refused::Malformed => refused("400 Bad Request", "this is not understood\n"),
        Refused::Method => refused(
            "405 Method Not Allowed",
            "there is nothing to be changed here: GET and HEAD only\n",
        )
        .with("Allow", "GET, HEAD"),
        Refused::Version => refused(
            "505 HTTP Version Not Supported",
            "HTTP/1.1 is spoken here\n",
        ),
        Refused::TooLong => refused(
            "431 Request Header Fields Too Large",
            "the head of a request may have 8 KiB\n",
        ),
    }
}

/// Answers whoever takes too long to ask.
#[must_use]
pub(super) fn too_slow() -> Response {
    refused("408 Request Timeout", "the request did not come in time\n")
}

fn told(health: Health) -> Response {
    let status = match health.is_well {
        true => "200 OK",
        false => "503 Service Unavailable",
    };
    Response::new(status, TEXT, health.text)
}

fn refused(status: &'static str, body: &str) -> Response {
    Response::new(status, TEXT, body.to_owned())
}

fn grace(query: Option<&str>) -> Option<Duration> {
    let Some(query) = query else {
        return Some(health::GRACE);
    };
    let seconds: u64 = query.strip_prefix("within=")?.parse().ok()?;
    (seconds <= MAX_GRACE_S).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::source::Source;

    fn answered(line: &str) -> String {
        let request = Request::parse(format!("{line} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
        let response = respond(&request, || Source::default().document());
        String::from_utf8(response.encode(request.is_head)).unwrap()
    }

    #[test]
    fn head_has_the_head_of_a_get_and_no_body() {
        let line = |text: &str, name: &str| {
            let found = text.lines().find(|line| line.starts_with(name));
            found
                .unwrap_or_else(|| panic!("no {name} in {text}"))
                .to_owned()
        };
        for path in ["/", "/metrics", "/healthz", "/readyz", "/nowhere"] {
            let got = answered(&format!("GET {path}"));
            let (head, body) = got.split_once("\r\n\r\n").unwrap();
            let length = line(head, "Content-Length: ");
            assert_eq!(length, format!("Content-Length: {}", body.len()), "{path}");
            let only = answered(&format!("HEAD {path}"));
            let (head_only, nothing) = only.split_once("\r\n\r\n").unwrap();
            assert_eq!(nothing, "", "{path}");
            let names = |text: &str| -> Vec<String> {
                let names = text.lines().map(|line| line.split(':').next().unwrap());
                names.map(str::to_owned).collect()
            };
            assert_eq!(names(head_only), names(head), "{path}");
            assert_eq!(line(head, "Cache-Control"), "Cache-Control: no-store");
        }
    }

    #[test]
    fn time_of_grace_is_a_number_of_seconds() {
        for (query, status) in [
            ("", "200 OK"),
            ("?within=0", "200 OK"),
            ("?within=86400", "200 OK"),
            ("?within=86401", "400 Bad Request"),
            ("?within=-1", "400 Bad Request"),
            ("?within=", "400 Bad Request"),
            ("?since=1", "400 Bad Request"),
        ] {
            let got = answered(&format!("GET /readyz{query}"));
            assert!(
                got.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                "{query}: {got}"
            );
        }
    }

    #[test]
    fn unknown_paths_list_the_known_ones() {
        let got = answered("GET /metrics/../../etc/passwd");
        assert!(got.starts_with("HTTP/1.1 404 "), "{got}");
        assert!(got.ends_with(PATHS), "{got}");
    }
}
