//! `[[validator]]`: a node to sign for.
//!
//! Invariants:
//! - A TCP node comes with the file of the identity to show it; a Unix socket needs none.
//! - `timeout` is at least a second, `max_height` at least 1.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use privval::{ChainId, Height, Version};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::address::{Address, TcpAddress, UnixSocket, socket_len};
use super::chain::chain_id;
use super::paths;
use super::schema::VALIDATOR;
use super::section::{Context, Marked, Section, Wrong, example};
use diagnostics::{Diagnostic, Span, quoted};
use diagnostics::{Located, Location};

/// The peer id in the configuration that tmkms' `init` writes.
const PLACEHOLDER_PEER_ID: &str = "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

/// A node to sign for.
#[derive(Clone, Debug)]
pub struct Validator {
    /// `chain_id`: the chain it is part of; it is declared in a `[[chain]]` and has a key.
    pub chain_id: ChainId,
    /// `addr` and `secret_key`: where and how to reach the node.
    pub endpoint: Endpoint,
    /// `protocol_version`: what the operator believes the node speaks. Only for a log line when
    /// the node shows otherwise.
    pub protocol_version: Option<Version>,
    /// `reconnect`: whether to dial again when the connection ends. Default: yes.
    pub reconnect: bool,
    /// `timeout`: how long the node may be silent, in whole seconds; 1 to 65535.
    pub timeout: Option<Duration>,
    /// `max_height`: the last height to sign; 1 or more.
    pub max_height: Option<Height>,
    /// Where the address is written.
    pub at: Location,
}

/// Where and how to reach a node. Shown as its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Over TCP, in a SecretConnection.
    Tcp {
        /// Where to dial.
        addr: TcpAddress,
        /// `secret_key`: the file of the Ed25519 identity to show.
        secret_key: Located<PathBuf>,
    },
    /// Over a Unix socket, in plain. Its path is resolved.
    Unix(UnixSocket),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { addr, .. } => addr.fmt(f),
            Self::Unix(socket) => socket.fmt(f),
        }
    }
}

/// What could be read of a `[[validator]]`, for the checks over the whole file.
pub(super) struct ValidatorDraft {
    pub(super) chain_id: Option<Marked<ChainId>>,
    pub(super) addr: Option<Marked<Address>>,
    pub(super) secret_key: Option<Marked<PathBuf>>,
    pub(super) validator: Option<Validator>,
}

/// Reads one `[[validator]]`.
pub(super) fn read<'a>(
    cx: &'a Context<'a>,
    table: &'a DeTable<'a>,
    header: Span,
) -> ValidatorDraft {
    let section = Section::open(cx, &VALIDATOR, table, header);
    let chain_id = chain_id(&section, "chain_id");
    let addr = addr(&section);
    let secret_key = paths::path(&section, "secret_key");
    let endpoint = endpoint(&section, addr.as_ref(), secret_key.as_ref());
    let protocol_version = section.parsed("protocol_version", version);
    let reconnect = section.boolean("reconnect");
    let timeout = section.integer("timeout", 1..=i64::from(u16::MAX));
    let max_height = max_height(&section);
    let validator = chain_id.as_ref().zip(endpoint).zip(addr.as_ref());
    let validator = validator.map(|((chain_id, endpoint), addr)| Validator {
        chain_id: chain_id.get_ref().clone(),
        endpoint,
        protocol_version: protocol_version.map(Spanned::into_inner),
        reconnect: reconnect.is_none_or(Spanned::into_inner),
        timeout: timeout
            .and_then(|secs| u64::try_from(secs.into_inner()).ok())
            .map(Duration::from_secs),
        max_height,
        at: cx.locate(&addr.span()),
    });
    ValidatorDraft {
        chain_id,
        addr,
        secret_key,
        validator,
    }
}

/// The address; a Unix path comes back resolved.
fn addr(section: &Section<'_>) -> Option<Marked<Address>> {
    if !section.require("addr") {
        return None;
    }
    let addr = section.parsed("addr", |text| {
        let resolved = text.parse().and_then(|addr| match addr {
            Address::Unix(UnixSocket::Path(path)) => {
                let path = section.cx.resolve(&path);
                socket_len(path.as_os_str().len())?;
                Ok(Address::Unix(UnixSocket::Path(path)))
            }
            other => Ok(other),
        });
        resolved.map_err(|error| Wrong {
            title: "`addr` is not the address of a node".to_owned(),
            label: error.to_string(),
            help: error.help().to_owned(),
        })
    })?;
    if let Address::Tcp(tcp) = addr.get_ref() {
        warn_of_peer_id(section.cx, tcp, addr.span());
        warn_of_listen_address(section.cx, tcp, addr.span());
    }
    Some(addr)
}

fn warn_of_peer_id(cx: &Context<'_>, addr: &TcpAddress, span: Span) {
    let Some(peer_id) = &addr.peer_id else {
        return;
    };
    let title = if peer_id.to_string() == PLACEHOLDER_PEER_ID {
        "this peer id is the placeholder of `tmkms init`; no node has it"
    } else {
        "this peer id fits only until the node restarts"
    };
    cx.report(
        Diagnostic::warning(title)
            .at(span, "any node with another identity will be refused")
            .note("CometBFT makes itself a new identity for tcp:// at each start")
            .help("leave the peer id and the @ out, and protect the port in the network"),
    );
}

fn warn_of_listen_address(cx: &Context<'_>, addr: &TcpAddress, span: Span) {
    if matches!(addr.host.as_str(), "0.0.0.0" | "::") {
        cx.report(
            Diagnostic::warning(format!(
                "`{}` is an address to listen on, not one to dial",
                addr.host
            ))
            .at(span, "this reaches only a node on the same machine")
            .help("write the name or the address under which this machine reaches the node"),
        );
    }
}

fn endpoint(
    section: &Section<'_>,
    addr: Option<&Marked<Address>>,
    secret_key: Option<&Marked<PathBuf>>,
) -> Option<Endpoint> {
    match addr?.get_ref() {
        Address::Unix(socket) => Some(Endpoint::Unix(socket.clone())),
        Address::Tcp(tcp) => {
            if section.value("secret_key").is_none() {
                report_missing_secret_key(section, addr?.span());
            }
            Some(Endpoint::Tcp {
                addr: tcp.clone(),
                secret_key: section.cx.located(secret_key?),
            })
        }
    }
}

fn report_missing_secret_key(section: &Section<'_>, addr: Span) {
    section.cx.report_absence(
        Diagnostic::error("[[validator]] has no `secret_key`")
            .at(addr, "a tcp:// connection needs an identity of its own")
            .help(format!(
                "add a line like: {}",
                example(&VALIDATOR, "secret_key")
            ))
            .help("`tmkms identity new FILE` makes such a key; it is not the validator's key"),
    );
}

fn version(text: &str) -> Result<Version, Wrong> {
    text.parse().map_err(|()| {
        let names = Version::ALL.map(Version::name);
        let shorter = |name: &&str| {
            let rest = text
                .trim_start_matches('v')
                .strip_prefix(name.trim_start_matches('v'));
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let meant = names.iter().find(|name| shorter(name)).copied();
        let help = match meant {
            Some(name) => format!("did you mean \"{name}\"? The line can also be left out"),
            None => "leave the line out: one way of answering serves all versions".to_owned(),
        };
        Wrong {
            title: format!("`protocol_version` cannot be {}", quoted(text)),
            label: format!("expected one of {}", names.join(", ")),
            help,
        }
    })
}

/// A height, as a number or (tmkms' way) as digits in quotes.
fn max_height(section: &Section<'_>) -> Option<Height> {
    let value = section.value("max_height")?;
    let number = match value.get_ref() {
        DeValue::String(digits) => {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            let number = digits.parse::<i64>().ok().filter(|n| plain && *n >= 1);
            if number.is_none() {
                let shown = quoted(digits);
                section
                    .cx
                    .report(section.out_of_range("max_height", &shown, value.span()));
            }
            number?
        }
        _ => section.integer("max_height", 1..=i64::MAX)?.into_inner(),
    };
    Height::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_version_is_read_with_and_without_v() {
        for version_ in Version::ALL {
            let name = version_.name();
            assert_eq!(version(name).ok(), Some(version_));
            assert_eq!(version(name.trim_start_matches('v')).ok(), Some(version_));
        }
    }

    #[test]
    fn another_version_is_refused_with_the_nearest() {
        let help = |text: &str| version(text).map_err(|wrong| wrong.help).unwrap_err();
        assert!(help("v0.38.17").contains("did you mean \"v0.38\""));
        assert!(help("1.0.1").contains("did you mean \"v1.0\""));
        assert!(help("v0.36").contains("leave the line out"));
        assert!(help("tendermint").contains("leave the line out"));
        assert!(help("").contains("leave the line out"));
    }
}
