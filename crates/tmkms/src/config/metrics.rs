//! `[metrics]`: where the running signer is measured, and has a page to look at.

use std::net::{IpAddr, SocketAddr};

use diagnostics::{Located, quoted};

use super::schema::METRICS;
use super::section::{Section, Wrong, example};

/// Reads `[metrics]`.
pub(super) fn read(section: &Section<'_>) -> Option<Located<SocketAddr>> {
    if !section.require("listen") {
        return None;
    }
    let address = section.parsed("listen", address)?;
    Some(section.cx.located(&address))
}

fn address(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| Wrong {
        title: format!("`listen` cannot be {}", quoted(text)),
        label: why(text).to_owned(),
        help: format!("for example: {}", example(&METRICS, "listen")),
    })
}

fn why(text: &str) -> &'static str {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    if text.contains("://") {
        return "expected an address and a port, without a scheme";
    }
    match text.parse() {
        Ok(IpAddr::V4(_)) => return "expected a port behind the address",
        Ok(IpAddr::V6(_)) => return "expected brackets around the address, and a port behind it",
        Err(_) if host.parse::<IpAddr>().is_ok() && !is_port(port) => {
            return "expected a port from 1 to 65535 behind the address";
        }
        Err(_) => {}
    }
    if is_port(text) || host.is_empty() {
        return "expected an IP address before the port";
    }
    "expected an IP address, not a name, and a port"
}
