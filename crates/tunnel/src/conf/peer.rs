//! `[Peer]`: another end.

use std::num::NonZeroU16;

use diagnostics::{Diagnostic, Span};
use ipnet::IpNet;

use super::draft::{At, list, number, one, require};
use super::lines::Section;
use super::network;
use super::settings::{ALLOWED_IPS, ENDPOINT, PERSISTENT_KEEPALIVE, PRESHARED_KEY, PUBLIC_KEY};
use crate::key::{PresharedKey, PublicKey};
use crate::spec::{Endpoint, Peer};

/// What could be read of the section.
pub(super) struct PeerDraft {
    pub(super) header: Span,
    pub(super) public_key: Option<At<PublicKey>>,
    preshared_key: Option<At<PresharedKey>>,
    /// Without host bits.
    pub(super) allowed_ips: Vec<At<IpNet>>,
    pub(super) endpoint: Option<At<Endpoint>>,
    keepalive: Option<At<Option<NonZeroU16>>>,
}

pub(super) fn read(section: &Section<'_>, found: &mut Vec<Diagnostic>) -> PeerDraft {
    require(section, &PUBLIC_KEY, found);
    require(section, &ALLOWED_IPS, found);
    let written = list(section, &ALLOWED_IPS, found, network::allowed);
    for network in &written {
        warn_of_width(network, found);
    }
    PeerDraft {
        header: section.header.clone(),
        public_key: one(section, &PUBLIC_KEY, found, public_key),
        preshared_key: one(section, &PRESHARED_KEY, found, PresharedKey::from_base64),
        allowed_ips: written.into_iter().map(truncated).collect(),
        endpoint: one(section, &ENDPOINT, found, str::parse::<Endpoint>),
        keepalive: one(section, &PERSISTENT_KEEPALIVE, found, keepalive),
    }
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    match PublicKey::from_base64(text) {
        Ok(key) if key.is_weak() => {
            Err("no machine has this key: whatever is agreed with it is zero".to_owned())
        }
        read => read.map_err(|error| error.to_string()),
    }
}

fn keepalive(text: &str) -> Result<Option<NonZeroU16>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    number(text, 0..=u16::MAX, &PERSISTENT_KEEPALIVE).map(NonZeroU16::new)
}

fn truncated(network: At<IpNet>) -> At<IpNet> {
    At {
        value: network.value.trunc(),
        span: network.span,
    }
}

fn warn_of_width(network: &At<IpNet>, found: &mut Vec<Diagnostic>) {
    let written = network.value;
    let single = IpNet::from(written.addr());
    let warning = if written.prefix_len() == 0 {
        Diagnostic::warning("this peer stands for every address")
            .at(
                network.span.clone(),
                "whatever is dialled goes to it, and it may use any address",
            )
            .help("name the peer's own address inside the tunnel: AllowedIPs = 10.200.0.1/32")
    } else if written.addr() != written.network() {
        Diagnostic::warning(format!("this allows all of {}", written.trunc()))
            .at(
                network.span.clone(),
                "the bits behind the length do not count",
            )
            .help(format!(
                "write {single} for this address alone, or {} for the network",
                written.trunc()
            ))
    } else {
        return;
    };
    found.push(warning);
}

impl PeerDraft {
    pub(super) fn finish(self) -> Option<Peer> {
        let mut allowed_ips: Vec<IpNet> = Vec::new();
        for network in self.allowed_ips {
            if !allowed_ips.contains(&network.value) {
                allowed_ips.push(network.value);
            }
        }
        Some(Peer {
            public_key: self.public_key?.value,
            preshared_key: self.preshared_key.map(|at| at.value),
            allowed_ips,
            endpoint: self.endpoint.map(|at| at.value),
            persistent_keepalive_s: self.keepalive.and_then(|at| at.value),
        })
    }
}
