//! `[Interface]`: this end.

use std::net::IpAddr;

use diagnostics::{Diagnostic, Span};
use ipnet::IpNet;

use super::draft::{At, list, number, one, require};
use super::lines::Section;
use super::network;
use super::settings::{ADDRESS, LISTEN_PORT, MTU, MTU_RANGE, MTU_RANGE_IPV6, PRIVATE_KEY};
use crate::key::PrivateKey;
use crate::spec::Interface;

/// What could be read of the section.
pub(super) struct InterfaceDraft {
    pub(super) header: Span,
    pub(super) private_key: Option<At<PrivateKey>>,
    pub(super) addresses: Vec<At<IpNet>>,
    pub(super) listen_port: Option<At<u16>>,
    pub(super) mtu: Option<At<u16>>,
}

pub(super) fn read(section: &Section<'_>, found: &mut Vec<Diagnostic>) -> InterfaceDraft {
    require(section, &PRIVATE_KEY, found);
    require(section, &ADDRESS, found);
    let draft = InterfaceDraft {
        header: section.header.clone(),
        private_key: one(section, &PRIVATE_KEY, found, private_key),
        addresses: list(section, &ADDRESS, found, network::own_address),
        listen_port: one(section, &LISTEN_PORT, found, listen_port),
        mtu: one(section, &MTU, found, |text| number(text, MTU_RANGE, &MTU)),
    };
    draft.addresses_twice(found);
    draft.mtu_of_ipv6(found);
    draft
}

fn private_key(text: &str) -> Result<PrivateKey, String> {
    match PrivateKey::from_base64(text) {
        Ok(key) if key.is_zero() => Err("these are 32 bytes of zero, which is no key".to_owned()),
        read => read.map_err(|error| error.to_string()),
    }
}

fn listen_port(text: &str) -> Result<u16, String> {
    if text == "0" {
        return Err("expected a port from 1 to 65535; without the line it is any free one".into());
    }
    number(text, 1..=u16::MAX, &LISTEN_PORT)
}

impl InterfaceDraft {
    /// The addresses, without the lengths of their networks.
    pub(super) fn hosts(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().map(|address| address.value.addr())
    }

    fn addresses_twice(&self, found: &mut Vec<Diagnostic>) {
        for (index, address) in self.addresses.iter().enumerate() {
            let mut earlier = self.addresses.iter().take(index);
            if let Some(first) = earlier.find(|other| other.value.addr() == address.value.addr()) {
                found.push(
                    Diagnostic::error(format!("{} is given twice", address.value.addr()))
                        .at(address.span.clone(), "given again here")
                        .also(first.span.clone(), "first given here")
                        .help("remove one of the two"),
                );
            }
        }
    }

    fn mtu_of_ipv6(&self, found: &mut Vec<Diagnostic>) {
        let ipv6 = self
            .addresses
            .iter()
            .find(|address| address.value.addr().is_ipv6());
        let small = self
            .mtu
            .as_ref()
            .filter(|mtu| !MTU_RANGE_IPV6.contains(&mtu.value));
        if let Some((mtu, ipv6)) = small.zip(ipv6) {
            found.push(
                Diagnostic::error(format!("{} bytes are too few for IPv6", mtu.value))
                    .at(mtu.span.clone(), "IPv6 needs at least 1280")
                    .also(ipv6.span.clone(), "an IPv6 address")
                    .help("write MTU = 1280, or leave the IPv6 address out"),
            );
        }
    }

    pub(super) fn finish(self) -> Option<Interface> {
        Some(Interface {
            private_key: self.private_key?.value,
            addresses: self.addresses.into_iter().map(|at| at.value).collect(),
            listen_port: self.listen_port.map(|at| at.value),
            mtu: self.mtu.map(|at| at.value),
        })
    }
}
