//! Which addresses a tunnel can have.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// smoltcp's limit, chosen by the feature `iface-max-addr-count-8`.
const MAX_ADDRESSES: usize = 8;

/// Why there is no netstack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// More addresses than there is room for.
    #[error("{0} addresses; a tunnel has at most {MAX_ADDRESSES}")]
    TooMany(usize),
    /// An address that cannot be a host's own.
    #[error("{0} is no address for one host: it means many, or none")]
    NotUnicast(IpAddr),
}

pub(super) fn check(addresses: &[IpNet]) -> Result<(), AddressError> {
    if addresses.len() > MAX_ADDRESSES {
        return Err(AddressError::TooMany(addresses.len()));
    }
    let bad = |address: &IpAddr| {
        let broadcast = *address == IpAddr::V4(Ipv4Addr::BROADCAST);
        address.is_unspecified() || address.is_multicast() || broadcast
    };
    match addresses.iter().map(IpNet::addr).find(bad) {
        Some(address) => Err(AddressError::NotUnicast(address)),
        None => Ok(()),
    }
}
