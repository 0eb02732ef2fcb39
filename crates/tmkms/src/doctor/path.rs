//! The way from the tunnel to the node on the validator's machine: published ports, translated
//! addresses, forwarding, WireGuard of the host.

use std::net::IpAddr;

use super::finding::Finding;
use super::rules::Rule;

/// What leads to the node's container, or should.
#[derive(Clone, Debug, Default)]
pub(super) struct PathView {
    pub(super) port: u16,
    /// Whether the node listens.
    pub(super) node_listens: bool,
    /// Whether the node shares this machine's network.
    pub(super) node_is_here: bool,
    /// The node's own addresses, in its container; none while it does not run, when nobody knows
    /// where it would.
    pub(super) node: Vec<IpAddr>,
    /// This machine's addresses, and which of them the internet can reach.
    pub(super) machine: Vec<IpAddr>,
    pub(super) public: Option<IpAddr>,
    /// Where the node's port is published on this machine.
    pub(super) published: Vec<Published>,
    /// The ends of tunnels on this machine and in its containers.
    pub(super) ends: Vec<End>,
    /// Whether `tmkms gateway` runs here.
    pub(super) has_gateway: bool,
}

/// A port of this machine that leads to the node's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// The program, for people.
    pub(super) by: String,
}

/// An end of a kernel's or of wireguard-go's tunnel.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) interface: String,
    /// For people: `this machine`, or the container's process.
    pub(super) place: String,
    pub(super) is_here: bool,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) forwards: Option<bool>,
    /// The rules about the node's port, or why they could not be read.
    pub(super) rules: Result<Vec<Rule>, String>,
    /// Its peers, or why they could not be read.
    pub(super) peers: Result<Vec<WgPeer>, String>,
}

/// A peer, as wg(8) tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WgPeer {
    pub(super) public_key: String,
    pub(super) allowed_ips: Vec<String>,
    pub(super) handshake_age_s: Option<u64>,
    pub(super) rx_bytes: u64,
    pub(super) tx_bytes: u64,
}

/// Two handshakes are at most so far apart while something is sent.
const HANDSHAKE_MAX_S: u64 = 180;

/// All findings.
pub(super) fn judge(view: &PathView) -> Vec<Finding> {
    let mut findings = Vec::new();
    if view.node_is_here || view.node.is_empty() {
        findings.extend(view.ends.iter().filter_map(|end| closed(view, end)));
    }
    if !view.node_is_here {
        findings.extend(published(view));
        findings.extend(view.ends.iter().flat_map(|end| way(view, end)));
        if view.ends.is_empty() && view.published.is_empty() && !view.node.is_empty() {
            findings.push(inner(view));
        }
    }
    findings.extend(view.ends.iter().flat_map(|end| peers(view, end)));
    findings
}

fn inner(view: &PathView) -> Finding {
    let found = if view.has_gateway {
        "the node's port is not published, and `tmkms gateway` runs beside it"
    } else {
        "the node's port is not published: only containers on its network reach it"
    };
    Finding::fine("path.inner", found)
}

fn published(view: &PathView) -> Vec<Finding> {
    let Some(first) = view.published.first() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if !view.node_listens {
        findings.push(proxy_without_node(first));
    }
    let everywhere = view.published.iter().find(|it| it.address.is_unspecified());
    let all_loopback = view.published.iter().all(|it| it.address.is_loopback());
    let Published { address, port, by } = first;
    if let Some(Published { port, by, .. }) = everywhere {
        findings.push(open(view, *port, by));
    } else if all_loopback && !view.ends.is_empty() && !translated_past_it(view) {
        findings.push(
            Finding::broken(
                "path.published_on_loopback",
                format!(
                    "the node's port is published on {address}:{port} only: from inside the tunnel \
                     it is refused, since nothing listens on the tunnel's address"
                ),
            )
            .mend(publish_inside(view))
            .mend("or `tmkms gateway` beside the node, and no published port at all"),
        );
    } else if view.node_listens {
        let found = format!("the node's port is published on {address}:{port} by {by}");
        findings.push(Finding::fine("path.published", found));
    }
    findings
}

fn proxy_without_node(published: &Published) -> Finding {
    let Published { address, port, by } = published;
    Finding::broken(
        "path.proxy_without_node",
        format!(
            "{by} listens on {address}:{port}, and the node behind it does not: it accepts the \
             signer and closes at once, which tmkms 0.15 calls `protocol error: I/O error`. \
             Neither NAT nor the protocol version is the cause"
        ),
    )
    .mend("start the node, with something that starts it again: `scaller start --restart always`")
    .mend("docker compose logs sekai   (did it say `endpoint connection timed out`?)")
}

/// Whether some end sends the port on without coming by what is published.
fn translated_past_it(view: &PathView) -> bool {
    let rules = view.ends.iter().filter_map(|end| end.rules.as_ref().ok());
    let mut targets = rules.flatten().filter_map(|rule| match rule {
        Rule::Dnat { to } => Some(to),
        _ => None,
    });
    targets.any(|to| !view.machine.contains(to))
}

fn open(view: &PathView, port: u16, by: &str) -> Finding {
    let found = |from: &str| {
        format!(
            "{by} publishes the node's port on every address of this machine, port {port}{from}: \
             whoever comes first is the signer, and ufw or a rule in INPUT do not protect it, \
             since Docker passes them by"
        )
    };
    let finding = match view.public {
        Some(address) => Finding::broken(
            "path.published_to_everybody",
            found(&format!(
                ", {address} among them, which the internet can reach"
            )),
        ),
        None => Finding::warning("path.published_everywhere", found("")),
    };
    finding
        .mend(publish_inside(view))
        .mend("or `tmkms gateway` beside the node, and no published port at all")
}

fn publish_inside(view: &PathView) -> String {
    let own = view.ends.iter().find(|end| end.is_here);
    let address = own.and_then(|end| {
        let mut addresses = end.addresses.iter();
        addresses.find(|address| address.is_ipv4()).copied()
    });
    let address = address.map_or_else(|| "10.200.0.1".to_owned(), |address| address.to_string());
    format!(
        "\"{address}:{port}:{port}\" in `ports:` of the compose file   (the tunnel's address has \
         to be up before the container starts)",
        port = view.port
    )
}

/// How what comes out of a tunnel's end goes on to the node's container.
fn way(view: &PathView, end: &End) -> Vec<Finding> {
    let End {
        interface, place, ..
    } = end;
    let rules = match &end.rules {
        Ok(rules) => rules,
        Err(why) => {
            return vec![
                Finding::unseen(
                    "path.rules_unseen",
                    &format!("the rules behind {interface} of {place}"),
                    why,
                )
                .mend("run as root: `iptables-save` or `nft list ruleset` show them"),
            ];
        }
    };
    let targets: Vec<IpAddr> = rules
        .iter()
        .filter_map(|rule| match rule {
            Rule::Dnat { to } => Some(*to),
            _ => None,
        })
        .collect();
    if targets.is_empty() {
        return no_translation(view, end).into_iter().collect();
    }
    let mut findings = Vec::new();
    if end.forwards == Some(false) {
        findings.push(
            Finding::broken(
                "path.no_forwarding",
                format!(
                    "{place} translates port {} behind {interface} and forwards nothing \
                     (ip_forward is 0): the signer's packets end there, and it hangs",
                    view.port
                ),
            )
            .mend("sysctl -w net.ipv4.ip_forward=1   (there; and in /etc/sysctl.d to keep it)"),
        );
    }
    findings.extend(targets.iter().filter_map(|to| target(view, end, *to)));
    if !end.is_here && !rules.contains(&Rule::Masquerade) {
        findings.push(
            Finding::broken(
                "path.no_masquerade",
                format!(
                    "{place} translates port {} behind {interface} without MASQUERADE: the node \
                     answers by its own default route, past the tunnel, and the signer hangs",
                    view.port
                ),
            )
            .mend("iptables -t nat -A POSTROUTING -o eth+ -j MASQUERADE   (in that container; PostUp in its wg0.conf)"),
        );
    }
    if findings.is_empty() {
        let found = format!(
            "port {} behind {interface} of {place} is translated to the node",
            view.port
        );
        findings.push(Finding::fine("path.translated", found));
    }
    findings
}

/// Whether something is where the port is sent to.
fn target(view: &PathView, end: &End, to: IpAddr) -> Option<Finding> {
    let place = &end.place;
    if view.node.contains(&to) {
        return None;
    }
    let is_answered = |it: &Published| it.address.is_unspecified() || it.address == to;
    let is_unknown = view.node.is_empty() && !view.machine.contains(&to);
    if is_unknown || view.machine.contains(&to) && view.published.iter().any(is_answered) {
        return None;
    }
    let (id, why) = if view.machine.contains(&to) {
        (
            "path.translated_to_nothing",
            "where nothing listens: the port is published on 127.0.0.1 only, or not at all",
        )
    } else {
        (
            "path.translated_elsewhere",
            "which is neither the node's container nor this machine",
        )
    };
    let node = view
        .node
        .iter()
        .find(|address| !address.is_loopback() && address.is_ipv4());
    let node = node.map_or_else(|| "10.1.0.3".to_owned(), IpAddr::to_string);
    Some(
        Finding::broken(
            id,
            format!(
                "{place} translates port {} to {to}, {why}: the signer is refused",
                view.port
            ),
        )
        .mend(translation(end, view.port, &node)),
    )
}

fn translation(end: &End, port: u16, node: &str) -> String {
    format!(
        "iptables -t nat -A PREROUTING -i {} -p tcp --dport {port} -j DNAT --to-destination {node}:{port}   (in {})",
        end.interface, end.place
    )
}

fn no_translation(view: &PathView, end: &End) -> Option<Finding> {
    let reaches =
        |it: &Published| it.address.is_unspecified() || end.addresses.contains(&it.address);
    if end.is_here && view.published.iter().any(reaches) {
        return Some(Finding::fine(
            "path.published_inside",
            format!(
                "{} of this machine reaches the published port",
                end.interface
            ),
        ));
    }
    let is_told = view.published.iter().any(|it| it.address.is_loopback()) && end.is_here;
    if view.has_gateway || is_told {
        return None;
    }
    let address = end
        .addresses
        .iter()
        .find(|it| it.is_ipv4() && !it.is_loopback());
    let address = address.map_or_else(|| "its address".to_owned(), IpAddr::to_string);
    let (id, found) = if end.is_here {
        (
            "path.no_way",
            format!(
                "nothing leads from {} to the node's container: its port is neither published \
                 nor translated, so {address}:{} is refused",
                end.interface, view.port
            ),
        )
    } else {
        (
            "path.no_way_from_container",
            format!(
                "{} is in {}, so {address} is that container itself, where nothing listens on \
                 port {}: connection refused",
                end.interface, end.place, view.port
            ),
        )
    };
    let node = view
        .node
        .iter()
        .find(|address| !address.is_loopback() && address.is_ipv4());
    let node = node.map_or_else(|| "10.1.0.3".to_owned(), IpAddr::to_string);
    let finding = if end.is_here && view.node.is_empty() {
        Finding::warning(
            id,
            format!("{found}, unless the node shares this machine's network"),
        )
    } else {
        Finding::broken(id, found)
    };
    let finding = finding
        .mend("tmkms gateway --wireguard wg0.conf   (in a container beside the node, in the place of this WireGuard)")
        .mend(format!("or {}", translation(end, view.port, &node)));
    Some(if end.is_here {
        finding
    } else {
        finding.mend("with: iptables -t nat -A POSTROUTING -o eth+ -j MASQUERADE")
    })
}

/// A rule against the internet that means the tunnel as well.
fn closed(view: &PathView, end: &End) -> Option<Finding> {
    let rules = match &end.rules {
        Ok(rules) => rules,
        Err(why) => {
            return end.is_here.then(|| {
                Finding::unseen("path.rules_unseen", "the firewall's rules", why)
                    .mend("run as root: `iptables-save` or `nft list ruleset` show them")
            });
        }
    };
    (end.is_here && rules.contains(&Rule::Closed)).then(|| {
        Finding::broken(
            "path.closed_by_firewall",
            format!(
                "a rule drops what comes for port {}, on {} as well: the signer gets no answer",
                view.port, end.interface
            ),
        )
        .mend(format!(
            "ufw insert 1 allow in on {} to any port {} proto tcp   (before the rule that denies)",
            end.interface, view.port
        ))
    })
}

fn peers(view: &PathView, end: &End) -> Vec<Finding> {
    let name = format!("{} of {}", end.interface, end.place);
    match &end.peers {
        Err(why) => vec![
            Finding::unseen("path.wg_unseen", &format!("the peers of {name}"), why)
                .mend("run as root: `wg show` tells of them"),
        ],
        Ok(peers) if peers.is_empty() => vec![
            Finding::broken(
                "path.wg_no_peer",
                format!("{name} has no peer: nobody can come in"),
            )
            .mend("add [Peer] with the signer's PublicKey and AllowedIPs = 10.200.0.2/32"),
        ],
        Ok(peers) => peers.iter().flat_map(|it| peer(view, &name, it)).collect(),
    }
}

fn peer(view: &PathView, name: &str, peer: &WgPeer) -> Vec<Finding> {
    let mut findings = Vec::new();
    let key = &peer.public_key;
    let is_all = |allowed: &String| allowed.ends_with("/0");
    if peer.allowed_ips.iter().any(is_all) {
        let why = if view.node_is_here {
            "all that this machine sends goes into the tunnel under wg-quick"
        } else {
            "wg-quick sends the translated packets back into the tunnel, and the signer hangs"
        };
        let found = format!("{name} allows its peer {key} every address: {why}");
        let finding = if view.node_is_here {
            Finding::warning("path.wg_allows_everything", found)
        } else {
            Finding::broken("path.wg_allows_everything", found)
        };
        findings.push(
            finding.mend(
                "AllowedIPs = 10.200.0.2/32   (the signer's address inside the tunnel alone)",
            ),
        );
    }
    let traffic = format!("{} bytes received, {} sent", peer.rx_bytes, peer.tx_bytes);
    findings.push(match peer.handshake_age_s {
        Some(age) if age <= HANDSHAKE_MAX_S => Finding::fine(
            "path.wg_handshake",
            format!("{name}, peer {key}: handshake {age} s ago; {traffic}"),
        ),
        age => {
            let when = age.map_or_else(
                || "no handshake yet".to_owned(),
                |age| format!("the last handshake was {age} s ago"),
            );
            Finding::broken(
                "path.wg_no_handshake",
                format!("{name}, peer {key}: {when}; {traffic}"),
            )
            .mend("does the signer run, and is UDP let in here? (`ufw allow 51820/udp`)")
            .mend("compare the keys: PublicKey here is `wg pubkey` of PrivateKey there, and the other way round; PresharedKey is the same")
        }
    });
    findings
}

#[cfg(test)]
mod tests;
