//! A tunnel of the signer's own, by what it tells of itself: handshake, traffic, MTU.

use super::finding::Finding;
use crate::observe::document::{Trouble, Tunnel, TunnelPeer};

/// Two handshakes of WireGuard are at most so far apart while something is sent.
const HANDSHAKE_MAX_S: u64 = 180;

/// How the tunnel itself calls packets that nobody answers while handshakes are.
const ONE_WAY: &str = "one_way";

/// All findings.
pub(super) fn judge(tunnel: &Tunnel) -> Vec<Finding> {
    let peers = tunnel.peers.iter();
    peers.flat_map(|it| peer(tunnel, it)).collect()
}

fn peer(tunnel: &Tunnel, peer: &TunnelPeer) -> Vec<Finding> {
    let name = format!("tunnel {}, peer {}", tunnel.name, peer.public_key);
    let fresh = peer.handshake_age_s.filter(|age| *age <= HANDSHAKE_MAX_S);
    let is_present = |it: &&Trouble| fresh.is_none_or(|age| it.last_s <= age);
    if let Some(trouble) = peer.trouble.as_ref().filter(is_present) {
        return vec![troubled(&name, trouble)];
    }
    let mut findings = vec![handshake(&name, peer, fresh)];
    if fresh.is_some() {
        findings.extend(mtu(&name, tunnel, peer));
    }
    findings
}

fn handshake(name: &str, peer: &TunnelPeer, fresh: Option<u64>) -> Finding {
    let endpoint = peer.endpoint.as_deref().unwrap_or("not known yet");
    let traffic = format!("{} bytes received, {} sent", peer.rx_bytes, peer.tx_bytes);
    match (peer.handshake_age_s, fresh) {
        (_, Some(age)) => Finding::fine(
            "wireguard.handshake",
            format!("{name}: handshake {age} s ago with {endpoint}; {traffic}"),
        ),
        (Some(age), None) => closed(
            "wireguard.handshake_old",
            format!("{name}: the last handshake was {age} s ago; {traffic}"),
            endpoint,
        ),
        (None, None) => closed(
            "wireguard.no_handshake",
            format!("{name}: no handshake was ever answered by {endpoint}; {traffic}"),
            endpoint,
        ),
    }
}

fn troubled(name: &str, trouble: &Trouble) -> Finding {
    let id = if trouble.kind == ONE_WAY {
        "wireguard.one_way"
    } else {
        "wireguard.trouble"
    };
    let found = format!("{name}: {} ({} s ago)", trouble.text, trouble.last_s);
    let finding = Finding::broken(id, found).mend(trouble.advice.as_str());
    if trouble.kind == ONE_WAY {
        let there = "wg show   (on the validator's machine: does AllowedIPs there hold this end's Address?)";
        return finding.mend(there);
    }
    finding
}

fn closed(id: &'static str, found: String, endpoint: &str) -> Finding {
    Finding::broken(id, found)
        .mend(format!(
            "is UDP let in at {endpoint}, and does the validator's end run? (`ufw allow 51820/udp`)"
        ))
        .mend("compare the keys: PublicKey here is `tmkms wireguard pubkey` of PrivateKey there, and the other way round; PresharedKey is the same")
        .mend("timedatectl   (a clock that was set back keeps a tunnel closed)")
}

/// What the path carries, against what is sent.
fn mtu(name: &str, tunnel: &Tunnel, peer: &TunnelPeer) -> Option<Finding> {
    let (used, path) = (peer.mtu?, peer.path_mtu?);
    let is_configured = tunnel.mtu.is_some();
    Some(if path == 0 && is_configured {
        Finding::fine(
            "wireguard.mtu",
            format!(
                "{name}: MTU = {used} as configured; nobody answers echo requests, so what the \
                 path carries is not known"
            ),
        )
    } else if path == 0 {
        Finding::warning(
            "wireguard.mtu_unmeasured",
            format!(
                "{name}: nobody answers echo requests of any size, so packets of {used} bytes are \
                 sent, which nearly every path carries"
            ),
        )
        .mend("let ICMP echo requests in from the tunnel at the validator's end")
        .mend(format!(
            "or MTU = {used}   (in [Interface] of the signer's wg0.conf)"
        ))
    } else if path < used {
        Finding::broken(
            "wireguard.mtu_too_large",
            format!(
                "{name}: MTU = {used} is configured, and the path carries packets of {path} bytes \
                 at most, as measured: larger ones are lost, and connections hang"
            ),
        )
        .mend(format!(
            "MTU = {path}   (in [Interface] of the signer's wg0.conf; or take the line out, and \
             what is measured is kept to)"
        ))
    } else {
        Finding::fine(
            "wireguard.mtu",
            format!("{name}: the path carries packets of {path} bytes inside, as measured"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    fn tunnel() -> Tunnel {
        Tunnel {
            name: "wg0".to_owned(),
            peers: vec![TunnelPeer {
                public_key: "P=".to_owned(),
                endpoint: Some("203.0.113.1:51820".to_owned()),
                handshake_age_s: Some(20),
                rx_bytes: 5,
                tx_bytes: 5,
                mtu: Some(1_280),
                path_mtu: Some(1_280),
                ..TunnelPeer::default()
            }],
            ..Tunnel::default()
        }
    }

    fn found(change: impl FnOnce(&mut Tunnel, &mut TunnelPeer)) -> Vec<(&'static str, Status)> {
        let mut tunnel = tunnel();
        let mut peer = tunnel.peers.remove(0);
        change(&mut tunnel, &mut peer);
        tunnel.peers.push(peer);
        let findings = judge(&tunnel);
        findings.iter().map(|it| (it.id, it.status)).collect()
    }

    fn trouble(kind: &str, last_s: u64) -> Option<Trouble> {
        Some(Trouble {
            kind: kind.to_owned(),
            text: "t".to_owned(),
            advice: "a".to_owned(),
            first_s: last_s,
            last_s,
        })
    }

    #[test]
    fn tunnel_is_judged_by_its_handshake() {
        let fine = [
            ("wireguard.handshake", Status::Fine),
            ("wireguard.mtu", Status::Fine),
        ];
        assert_eq!(found(|_, it| it.handshake_age_s = Some(180)), fine);
        let broken = |id| [(id, Status::Broken)];
        let old = found(|_, it| it.handshake_age_s = Some(181));
        assert_eq!(old, broken("wireguard.handshake_old"));
        let none = found(|_, it| it.handshake_age_s = None);
        assert_eq!(none, broken("wireguard.no_handshake"));
        let one_way = found(|_, it| it.trouble = trouble("one_way", 20));
        assert_eq!(one_way, broken("wireguard.one_way"));
        let keys = found(|_, it| {
            it.handshake_age_s = None;
            it.trouble = trouble("preshared_key", 2);
        });
        assert_eq!(keys, broken("wireguard.trouble"));
        // It was before the handshake, and is mended.
        assert_eq!(found(|_, it| it.trouble = trouble("no_answer", 21)), fine);
    }

    #[test]
    fn size_of_the_path_is_held_against_what_is_sent() {
        let of = |used, path, configured| {
            let found = found(|tunnel, it| {
                tunnel.mtu = configured;
                (it.mtu, it.path_mtu) = (used, path);
            });
            found.get(1).copied()
        };
        let fine = Some(("wireguard.mtu", Status::Fine));
        assert_eq!(of(Some(1_216), Some(1_216), None), fine);
        assert_eq!(of(Some(1_216), Some(1_216), Some(1_216)), fine);
        assert_eq!(of(Some(1_216), Some(0), Some(1_216)), fine);
        assert_eq!(
            of(Some(1_217), Some(1_216), Some(1_217)),
            Some(("wireguard.mtu_too_large", Status::Broken))
        );
        assert_eq!(
            of(Some(1_000), Some(0), None),
            Some(("wireguard.mtu_unmeasured", Status::Warning))
        );
        assert_eq!(of(None, None, None), None);
        assert_eq!(of(Some(1_420), None, Some(1_420)), None);
    }
}
