//! The page to look at: the document as HTML, whole without a script.
//!
//! Invariants:
//! - It loads nothing, and its policy forbids the browser to load or send anything: style and
//!   script are named by their hashes, and the script may ask for this page again and no other.
//! - Every text from outside is escaped where it is written ([`html`]).
//! - Nothing is told by colour alone.

mod chain;
mod chart;
mod html;
mod tunnel;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use self::html::Html;
use super::document::{Document, Verdict};
use super::units::{bytes, duration};

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/refresh.js");

/// The `Content-Security-Policy` of the page.
pub(super) fn policy() -> String {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        format!(
            "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(SCRIPT)
        )
    });
    POLICY.clone()
}

/// The whole page.
pub(super) fn render(document: &Document) -> String {
    let mut html = Html::default();
    let (tone, verdict) = verdict(document.verdict);
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.raw("<link rel=\"icon\" href=\"data:,\">\n");
    html.raw("<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>\n");
    html.element("title", &format!("{verdict} – tmkms"));
    html.raw("<style>")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n");
    html.raw("<p id=\"stale\" role=\"alert\" hidden>The signer does not answer. What is below is old.</p>\n");
    html.raw("<main>\n<header>\n<h1>tmkms</h1>\n");
    html.pill(tone, verdict);
    html.raw("<p class=\"when\">");
    html.text(&format!(
        "running for {} – as of ",
        duration(document.uptime_s)
    ));
    html.raw("<time>")
        .text(&document.time)
        .raw("</time></p>\n</header>\n");
    for one in &document.chains {
        let nodes = document.nodes.iter().filter(|node| node.chain == one.id);
        chain::section(&mut html, one, nodes);
    }
    for one in &document.tunnels {
        tunnel::section(&mut html, one);
    }
    footer(&mut html, document);
    html.raw("</main>\n<script>")
        .raw(SCRIPT)
        .raw("</script>\n</body>\n</html>\n");
    html.into_string()
}

fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Ready => ("good", "can sign"),
        Verdict::CannotSign => ("bad", "cannot sign"),
        Verdict::NotConnected => ("bad", "not connected"),
    }
}

fn footer(html: &mut Html, document: &Document) {
    html.raw("<footer>\n<p>");
    html.text(&format!(
        "tmkms {}, process {}",
        document.version, document.pid
    ));
    if let Some(process) = &document.process {
        html.text(&format!(
            ", {} of memory, {} open files",
            bytes(process.resident_bytes),
            process.open_fds
        ));
    }
    html.raw("</p>\n<nav aria-label=\"The same for programs\"><a href=\"/metrics\">metrics</a> ");
    html.raw("<a href=\"/healthz\">healthz</a> <a href=\"/readyz\">readyz</a></nav>\n</footer>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::document::{Chain, LastRefusal, Node};
    use crate::observe::source::Source;

    #[test]
    fn what_nodes_and_files_say_stays_text() {
        let evil = "<script>alert('1')</script>\" onload=\"x&amp;";
        let mut document = Source::default().document();
        document.version = evil.to_owned();
        document.chains.push(Chain {
            id: evil.to_owned(),
            why: Some(evil.to_owned()),
            last_refusal: Some(LastRefusal {
                cause: evil.to_owned(),
                text: evil.to_owned(),
                age_s: 1,
            }),
            ..Chain::default()
        });
        document.nodes.push(Node {
            chain: evil.to_owned(),
            address: evil.to_owned(),
            ..Node::default()
        });
        let page = render(&document);
        assert_eq!(page.matches("<script>").count(), 1, "{page}");
        assert!(!page.contains("\" onload"), "{page}");
        assert!(page.contains(
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; onload=&quot;x&amp;amp;"
        ));
    }

    #[test]
    fn policy_names_what_is_in_the_page_and_nothing_is_loaded() {
        let page = render(&Source::default().document());
        let inside = |open: &str, close: &str| {
            let (_, rest) = page.split_once(open).unwrap();
            let (inside, _) = rest.split_once(close).unwrap();
            format!("'sha256-{}'", STANDARD.encode(Sha256::digest(inside)))
        };
        let policy = policy();
        assert!(policy.contains(&format!("style-src {};", inside("<style>", "</style>"))));
        assert!(policy.contains(&format!("script-src {};", inside("<script>", "</script>"))));
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        for outside in [
            "http://", "https://", "src=", "url(", "@import", "style=\"", "<form",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
