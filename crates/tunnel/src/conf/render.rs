//! A tunnel as the text of its file.

use std::fmt::Write as _;

use ipnet::IpNet;
use zeroize::Zeroizing;

use crate::spec::{Interface, Peer, Spec};

/// More than the text of a tunnel with a few peers takes, so that the buffer is not moved and no
/// copy of a key is left behind.
const CAPACITY: usize = 16 * 1024;

impl Spec {
    /// The text of the tunnel's `wg0.conf`, secrets included, for a file of mode 0600. It reads
    /// back as the same tunnel.
    #[must_use]
    pub fn to_conf_secret(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(CAPACITY));
        interface(&self.interface, &mut text);
        for one in &self.peers {
            peer(one, &mut text);
        }
        text
    }
}

fn interface(interface: &Interface, text: &mut String) {
    text.push_str("[Interface]\n");
    line(
        text,
        "PrivateKey",
        &*interface.private_key.to_base64_secret(),
    );
    line(text, "Address", joined(&interface.addresses));
    if let Some(port) = interface.listen_port {
        line(text, "ListenPort", port);
    }
    if let Some(mtu) = interface.mtu {
        line(text, "MTU", mtu);
    }
}

fn peer(peer: &Peer, text: &mut String) {
    text.push_str("\n[Peer]\n");
    line(text, "PublicKey", peer.public_key);
    if let Some(key) = &peer.preshared_key {
        line(text, "PresharedKey", &*key.to_base64_secret());
    }
    line(text, "AllowedIPs", joined(&peer.allowed_ips));
    if let Some(endpoint) = &peer.endpoint {
        line(text, "Endpoint", endpoint);
    }
    if let Some(seconds) = peer.persistent_keepalive_s {
        line(text, "PersistentKeepalive", seconds);
    }
}

fn line(text: &mut String, key: &str, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{key} = {value}");
}

fn joined(networks: &[IpNet]) -> String {
    let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
