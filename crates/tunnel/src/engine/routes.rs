//! AllowedIPs: which peer a packet goes to, and which it may come from (whitepaper, section 2,
//! "cryptokey routing").

use std::net::IpAddr;

use ipnet::IpNet;

use super::output::PeerIndex;
use crate::spec::Spec;

/// The networks of all peers, longest prefix first.
pub(super) struct Routes(Vec<(IpNet, PeerIndex)>);

impl Routes {
    pub(super) fn new(spec: &Spec) -> Self {
        let mut routes: Vec<_> = spec
            .peers
            .iter()
            .enumerate()
            .flat_map(|(index, peer)| peer.allowed_ips.iter().map(move |n| (*n, PeerIndex(index))))
            .collect();
        routes.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        Self(routes)
    }

    /// The peer that has this address.
    pub(super) fn peer(&self, address: IpAddr) -> Option<PeerIndex> {
        self.0
            .iter()
            .find(|(net, _)| net.contains(&address))
            .map(|(_, peer)| *peer)
    }
}
