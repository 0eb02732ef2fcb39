//! Checks over the whole file: what each section says is fine, but not together.

use std::collections::BTreeMap;
use std::net::IpAddr;

use diagnostics::{Diagnostic, Severity, Span};
use ipnet::IpNet;

use super::draft::{At, Draft};
use super::interface::InterfaceDraft;
use super::peer::PeerDraft;
use crate::key::PublicKey;

/// Runs all checks.
pub(super) fn run(draft: &Draft, found: &mut Vec<Diagnostic>) {
    one_interface(draft, found);
    if draft.peers.is_empty() && !draft.astray {
        found.push(
            Diagnostic::error("there is no [Peer], so the tunnel leads nowhere")
                .help("add a [Peer] with the PublicKey and the AllowedIPs of the other machine"),
        );
    }
    peers_twice(&draft.peers, found);
    allowed_twice(&draft.peers, found);
    if let Some(interface) = draft.interfaces.first() {
        keys_of_this_end(interface, &draft.peers, found);
        own_addresses_allowed(interface, &draft.peers, found);
        families(interface, &draft.peers, found);
        out_of_reach(interface, &draft.peers, found);
    }
}

fn one_interface(draft: &Draft, found: &mut Vec<Diagnostic>) {
    let Some((first, others)) = draft.interfaces.split_first() else {
        if !draft.astray {
            found.push(
                Diagnostic::error("there is no [Interface]")
                    .help("begin the file with [Interface], PrivateKey and Address"),
            );
        }
        return;
    };
    for other in others {
        found.push(
            Diagnostic::error("there are two [Interface] sections")
                .at(other.header.clone(), "a second one")
                .also(first.header.clone(), "the first one")
                .help("a file is one tunnel: write the other into a file of its own"),
        );
    }
}

fn peers_twice(peers: &[PeerDraft], found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<PublicKey, Span> = BTreeMap::new();
    for key in peers.iter().filter_map(|peer| peer.public_key.as_ref()) {
        match first.get(&key.value) {
            Some(span) => found.push(
                Diagnostic::error("two peers have the same PublicKey")
                    .at(key.span.clone(), "the same key again")
                    .also(span.clone(), "first used here")
                    .help("keep one of the two, with the AllowedIPs of both"),
            ),
            None => {
                first.insert(key.value, key.span.clone());
            }
        }
    }
}

/// The same network twice with one peer is harmless, and the longest prefix decides between others.
fn allowed_twice(peers: &[PeerDraft], found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<IpNet, (usize, Span)> = BTreeMap::new();
    for (index, peer) in peers.iter().enumerate() {
        for network in &peer.allowed_ips {
            match first.get(&network.value) {
                Some((other, span)) if *other != index => found.push(
                    Diagnostic::error(format!("{} is allowed to two peers", network.value))
                        .at(network.span.clone(), "allowed again here")
                        .also(span.clone(), "first allowed here")
                        .note("what is sent there can go to one peer only")
                        .help("give each peer the addresses that it has, as /32 or /128"),
                ),
                Some(_) => {}
                None => {
                    first.insert(network.value, (index, network.span.clone()));
                }
            }
        }
    }
}

fn keys_of_this_end(interface: &InterfaceDraft, peers: &[PeerDraft], found: &mut Vec<Diagnostic>) {
    let Some(private) = &interface.private_key else {
        return;
    };
    let public = private.value.public_key();
    for key in peers.iter().filter_map(|peer| peer.public_key.as_ref()) {
        if key.value == public {
            found.push(
                Diagnostic::error("this peer has the key of this very machine")
                    .at(key.span.clone(), "the public key of PrivateKey above")
                    .also(private.span.clone(), "its private key")
                    .help("write the other machine's: `tmkms wireguard pubkey` prints it there"),
            );
        } else if private.value.has_bytes(key.value.as_bytes()) {
            found.push(
                Diagnostic::error("this PublicKey is a private key")
                    .at(key.span.clone(), "the same as PrivateKey")
                    .also(private.span.clone(), "given here as the private key")
                    .help("write the other machine's: `tmkms wireguard pubkey` prints it there"),
            );
        }
    }
}

fn own_addresses_allowed(
    interface: &InterfaceDraft,
    peers: &[PeerDraft],
    found: &mut Vec<Diagnostic>,
) {
    for network in peers.iter().flat_map(|peer| &peer.allowed_ips) {
        let single = network.value.prefix_len() == network.value.max_prefix_len();
        let own = |address: &&At<IpNet>| address.value.addr() == network.value.addr();
        if let Some(address) = interface.addresses.iter().find(own).filter(|_| single) {
            found.push(
                Diagnostic::error(format!(
                    "{} is this machine's own address, and allowed to a peer",
                    network.value.addr()
                ))
                .at(network.span.clone(), "expected the peer's address")
                .also(address.span.clone(), "this machine's address")
                .help("swap the two if this is the other machine's file"),
            );
        }
    }
}

/// A packet needs a source of the family of its destination.
fn families(interface: &InterfaceDraft, peers: &[PeerDraft], found: &mut Vec<Diagnostic>) {
    let has = |v6: bool| interface.hosts().any(|host| host.is_ipv6() == v6);
    if interface.addresses.is_empty() {
        return;
    }
    let usable = |network: &At<IpNet>| has(network.value.addr().is_ipv6());
    for peer in peers {
        let none = !peer.allowed_ips.iter().any(usable);
        for network in peer.allowed_ips.iter().filter(|network| !usable(network)) {
            let family = family(network.value.addr());
            let title = format!("Address has no {family} address, so nothing can be sent here");
            let diagnostic = match none {
                true => Diagnostic::error(title),
                false => Diagnostic::warning(title),
            };
            found.push(
                diagnostic
                    .at(network.span.clone(), format!("an {family} network"))
                    .help(format!(
                        "add an {family} address to Address, or remove this"
                    )),
            );
        }
    }
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "IPv6" } else { "IPv4" }
}

/// An Endpoint or a ListenPort that has a mistake was reported, and is no lack of one.
fn out_of_reach(interface: &InterfaceDraft, peers: &[PeerDraft], found: &mut Vec<Diagnostic>) {
    let mistaken = found.iter().any(|item| item.severity() == Severity::Error);
    if interface.listen_port.is_some() || mistaken {
        return;
    }
    for peer in peers.iter().filter(|peer| peer.endpoint.is_none()) {
        found.push(
            Diagnostic::warning("neither end can find the other")
                .at(peer.header.clone(), "this peer has no Endpoint")
                .note("without ListenPort the peer cannot know where this end is either")
                .help("add Endpoint = HOST:PORT here, or ListenPort = 51820 to [Interface]"),
        );
    }
}
