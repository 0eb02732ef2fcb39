//! AllowedIPs: which peer an address belongs to.

use std::net::IpAddr;

use ipnet::IpNet;

use super::output::PeerIndex;
use crate::spec::Peer;

/// The AllowedIPs of all peers, the longest prefix first.
pub(super) struct Routes(Vec<(IpNet, PeerIndex)>);

impl Routes {
    pub(super) fn new(peers: &[Peer]) -> Self {
        let mut routes: Vec<_> = peers
            .iter()
            .enumerate()
            .flat_map(|(i, peer)| peer.allowed_ips.iter().map(move |net| (*net, PeerIndex(i))))
            .collect();
        routes.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        Self(routes)
    }

    /// The peer that packets to this address go to, and the only one that may send from it.
    pub(super) fn find(&self, address: IpAddr) -> Option<PeerIndex> {
        self.0
            .iter()
            .find(|(net, _)| net.contains(&address))
            .map(|(_, peer)| *peer)
    }
}
