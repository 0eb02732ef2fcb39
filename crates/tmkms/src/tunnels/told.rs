//! What a tunnel that is up tells of itself.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;
use tunnel::{Carries, PeerStatus, Trouble};

use super::running::{Running, Up};
use crate::observe::document;
use crate::observe::source::TunnelSource;

impl Running {
    /// One for each tunnel. They hold the tunnels as long as they are there.
    pub fn sources(self: &Arc<Self>) -> impl Iterator<Item = TunnelSource> {
        (0..self.iter().len()).map(|index| {
            let running = Arc::clone(self);
            let tell = move || running.iter().nth(index).map(Up::told).unwrap_or_default();
            Box::new(tell) as TunnelSource
        })
    }
}

impl Up {
    /// How it is now.
    #[must_use]
    pub fn told(&self) -> document::Tunnel {
        let interface = &self.configured.spec.interface;
        let mut told = document::Tunnel {
            name: self.name.to_string(),
            public_key: interface.private_key.public_key().to_string(),
            listen_port: Some(self.tunnel.port()),
            addresses: texts(interface.addresses.iter().map(IpNet::addr)),
            mtu: interface.mtu,
            ..document::Tunnel::default()
        };
        // A tunnel that has been stopped has no peers any more.
        match self.tunnel.status() {
            Ok(status) => {
                told.peers = status.peers.iter().map(peer).collect();
                told.unknown_datagrams = status.strangers;
            }
            Err(error) => told.ended = Some(error.to_string()),
        }
        told
    }
}

/// The second nearest to so long ago, so that it does not change from one answer to the next.
fn unix_s(age: Duration) -> u64 {
    const HALF: Duration = Duration::from_millis(500);
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let then = since_1970.unwrap_or_default().saturating_sub(age);
    then.saturating_add(HALF).as_secs()
}

fn peer(peer: &PeerStatus) -> document::TunnelPeer {
    document::TunnelPeer {
        public_key: peer.public_key.to_string(),
        endpoint: peer.endpoint.map(|at| at.to_string()),
        allowed_ips: texts(&peer.allowed_ips),
        handshake_age_s: peer.last_handshake.map(|age| age.as_secs()),
        handshake_unix_s: peer.last_handshake.map(unix_s),
        rx_bytes: peer.received_bytes,
        tx_bytes: peer.sent_bytes,
        mtu: peer.mtu,
        path_mtu: match peer.carries {
            Carries::Unknown => None,
            Carries::Unanswered => Some(0),
            Carries::Bytes(bytes) => Some(bytes),
        },
        persistent_keepalive_s: peer.persistent_keepalive_s,
        trouble: peer.trouble.as_ref().map(trouble),
    }
}

fn trouble(trouble: &Trouble) -> document::Trouble {
    document::Trouble {
        kind: trouble.kind.to_owned(),
        text: trouble.text.clone(),
        advice: trouble.advice.clone(),
        first_s: trouble.first.as_secs(),
        last_s: trouble.last.as_secs(),
    }
}

fn texts<T: Display>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}
