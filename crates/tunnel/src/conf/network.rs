//! `10.200.0.1/32`: addresses with the length of their network, which is that of the address alone
//! where it is left out.

use std::net::IpAddr;

use ipnet::IpNet;

use super::draft::Wrong;

/// An entry of `AllowedIPs`. A network may hold anything: `0.0.0.0/1` and `128.0.0.0/1` together
/// are a usual way to write every address.
pub(super) fn allowed(text: &str) -> Result<IpNet, Wrong> {
    let network = network(text)?;
    if network.prefix_len() == network.max_prefix_len() {
        usable(network.addr())?;
    }
    Ok(network)
}

/// An entry of `Address`: an address that one machine can have inside a tunnel.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn own_address(text: &str) -> Result<IpNet, String> {
    let network = network(text)?;
    usable(network.addr())?;
    Ok(network)
}

fn network(text: &str) -> Result<IpNet, Wrong> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address.trim(), Some(length.trim())),
        None => (text, None),
    };
    let address: IpAddr = address
        .parse()
        .map_err(|_| "this is no IPv4 or IPv6 address".to_owned())?;
    let Some(length) = length else {
        return Ok(IpNet::from(address));
    };
    let longest = IpNet::from(address).max_prefix_len();
    let digits = !length.is_empty() && length.chars().all(|c| c.is_ascii_digit());
    let length = length.parse().ok().filter(|_| digits);
    length
        .and_then(|length| IpNet::new(address, length).ok())
        .ok_or_else(|| format!("the number behind the / goes from 0 to {longest}"))
}

/// Addresses that mean a machine, and not always this one.
fn usable(address: IpAddr) -> Result<(), Wrong> {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    let wrong = if address.is_unspecified() {
        "this address stands for none"
    } else if address.is_loopback() {
        "this address is always the machine itself"
    } else if address.is_multicast() || broadcast {
        "this is no address of a single machine"
    } else if mapped {
        "this is an IPv4 address: write it as one"
    } else {
        return Ok(());
    };
    Err(wrong.to_owned())
}
