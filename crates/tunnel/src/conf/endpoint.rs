//! `Endpoint`: where a peer is reached over UDP.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::spec::{Endpoint, Host};

/// The longest name DNS can carry (RFC 1035, section 2.3.4).
const MAX_NAME_LEN: usize = 253;

/// The longest part of one.
const MAX_LABEL_LEN: usize = 63;

/// Why a text is no endpoint. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No `:port`.
    #[error("the port is missing: HOST:PORT")]
    NoPort,
    /// Not a number from 1 to 65535.
    #[error("the port goes from 1 to 65535")]
    Port,
    /// An IPv6 address without brackets.
    #[error("an IPv6 address stands in brackets: [2001:db8::1]:51820")]
    Brackets,
    /// A link-local address with a zone, as `%eth0`.
    #[error("a zone (behind %) means nothing here; use an address that is not link-local")]
    Zone,
    /// Neither name nor address.
    #[error("this is neither a host name nor an IP address")]
    Host,
    /// Four numbers that are no address.
    #[error("this is no IPv4 address")]
    Ipv4,
    /// `0.0.0.0`, multicast and the like.
    #[error("nothing can be sent to one machine under this address")]
    Unusable,
    /// `udp://…`.
    #[error("an endpoint is HOST:PORT, without udp:// or anything like it")]
    Scheme,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Reads `name:port`, `a.b.c.d:port` or `[ipv6]:port`.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if text.contains("://") {
            return Err(EndpointError::Scheme);
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => bracketed(rest)?,
            None => plain(text)?,
        };
        Ok(Self {
            host,
            port: self::port(port)?,
        })
    }
}

fn bracketed(text: &str) -> Result<(Host, &str), EndpointError> {
    let (address, rest) = text.split_once(']').ok_or(EndpointError::Host)?;
    if address.contains('%') {
        return Err(EndpointError::Zone);
    }
    let address: Ipv6Addr = address.parse().map_err(|_| EndpointError::Host)?;
    let port = rest.strip_prefix(':').ok_or(EndpointError::NoPort)?;
    Ok((usable(address.into())?, port))
}

fn plain(text: &str) -> Result<(Host, &str), EndpointError> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(EndpointError::Brackets);
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return host(text).and(Err(EndpointError::NoPort));
    };
    if host.contains(':') {
        return Err(EndpointError::Brackets);
    }
    Ok((self::host(host)?, port))
}

fn host(text: &str) -> Result<Host, EndpointError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return usable(address);
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or(name);
    if last.chars().all(|c| c.is_ascii_digit()) && !name.is_empty() {
        return Err(EndpointError::Ipv4);
    }
    if name.len() > MAX_NAME_LEN || !name.split('.').all(is_label) {
        return Err(EndpointError::Host);
    }
    Ok(Host::Name(text.to_owned()))
}

/// Underscores are no part of RFC 1123 but of container names.
fn is_label(label: &str) -> bool {
    let is_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=MAX_LABEL_LEN).contains(&label.len()) && label.chars().all(is_char)
}

fn usable(address: IpAddr) -> Result<Host, EndpointError> {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err(EndpointError::Unusable);
    }
    Ok(Host::Address(address))
}

fn port(text: &str) -> Result<u16, EndpointError> {
    let digits = text.chars().all(|c| c.is_ascii_digit());
    let port = text.parse().ok().filter(|port| *port > 0 && digits);
    port.ok_or(EndpointError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_shown_as_it_was_written() {
        for text in [
            "validator.example.com:51820",
            "sekai_gateway.local.:1",
            "203.0.113.7:65535",
            "[2001:db8::1]:51820",
            "localhost:51820",
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn each_mistake_has_its_words() {
        use EndpointError as E;
        for (text, expected) in [
            ("validator", E::NoPort),
            ("validator:", E::Port),
            ("validator:0", E::Port),
            ("validator:65536", E::Port),
            ("validator:+1", E::Port),
            ("validator:wg", E::Port),
            ("203.0.113.7", E::NoPort),
            ("203.0.113.700:51820", E::Ipv4),
            ("203.0.113:51820", E::Ipv4),
            ("2001:db8::1", E::Brackets),
            ("2001:db8:0:0:0:0:0:1:51820", E::Brackets),
            ("[2001:db8::1]", E::NoPort),
            ("[2001:db8::1]51820", E::NoPort),
            ("[2001:db8::1:51820", E::Host),
            ("[203.0.113.7]:51820", E::Host),
            ("[fe80::1%eth0]:51820", E::Zone),
            ("0.0.0.0:51820", E::Unusable),
            ("[::]:51820", E::Unusable),
            ("224.0.0.1:51820", E::Unusable),
            ("255.255.255.255:51820", E::Unusable),
            ("udp://validator:51820", E::Scheme),
            (":51820", E::Host),
            ("a..b:51820", E::Host),
            ("a b:51820", E::Host),
            ("a/b:51820", E::Host),
            ("", E::Host),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap_err(), expected, "{text}");
        }
        let long = format!("{}:1", "a".repeat(64));
        assert_eq!(long.parse::<Endpoint>().unwrap_err(), E::Host);
    }
}
