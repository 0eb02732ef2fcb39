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
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn end(is_here: bool, rules: Vec<Rule>) -> End {
        End {
            interface: "wg0".to_owned(),
            place: "the container of process 9".to_owned(),
            is_here,
            addresses: vec![ip("10.200.0.1")],
            forwards: Some(true),
            rules: Ok(rules),
            peers: Ok(vec![WgPeer {
                public_key: "P=".to_owned(),
                allowed_ips: vec!["10.200.0.2/32".to_owned()],
                handshake_age_s: Some(5),
                rx_bytes: 1,
                tx_bytes: 1,
            }]),
        }
    }

    fn published(address: &str) -> Vec<Published> {
        vec![Published {
            address: ip(address),
            port: 26_659,
            by: "docker-proxy (process 8)".to_owned(),
        }]
    }

    /// The node in its container, listening, on a machine with wg0.
    fn view(ends: Vec<End>, published: Vec<Published>) -> PathView {
        PathView {
            port: 26_659,
            node_listens: true,
            node_is_here: false,
            node: vec![ip("127.0.0.1"), ip("10.1.0.3")],
            machine: vec![ip("127.0.0.1"), ip("172.17.0.1"), ip("10.200.0.1")],
            public: None,
            published,
            ends,
            has_gateway: false,
        }
    }

    fn ids(view: &PathView) -> Vec<&'static str> {
        let bad = judge(view)
            .into_iter()
            .filter(|it| it.status != Status::Fine);
        bad.map(|finding| finding.id).collect()
    }

    fn to(address: &str) -> Rule {
        Rule::Dnat { to: ip(address) }
    }

    #[test]
    fn approach_1_wireguard_in_a_container_leads_nowhere() {
        let found = judge(&view(vec![end(false, Vec::new())], Vec::new()));
        assert_eq!(found[0].id, "path.no_way_from_container");
        assert!(found[0].remedy[0].starts_with("tmkms gateway"), "{found:?}");
    }

    #[test]
    fn approach_2_is_as_good_as_what_listens_at_its_target() {
        let nat = || vec![end(false, vec![to("172.17.0.1"), Rule::Masquerade])];
        assert_eq!(
            ids(&view(nat(), published("127.0.0.1"))),
            ["path.published_on_loopback", "path.translated_to_nothing"]
        );
        assert_eq!(
            ids(&view(nat(), published("0.0.0.0"))),
            ["path.published_everywhere"]
        );
        let no_node = PathView {
            node_listens: false,
            ..view(nat(), published("0.0.0.0"))
        };
        let expected = ["path.proxy_without_node", "path.published_everywhere"];
        assert_eq!(ids(&no_node), expected);
        let bare = vec![end(false, vec![to("10.1.0.3")])];
        assert_eq!(ids(&view(bare, Vec::new())), ["path.no_masquerade"]);
        let good = vec![end(false, vec![to("10.1.0.3"), Rule::Masquerade])];
        assert_eq!(ids(&view(good, Vec::new())), [""; 0]);
    }

    #[test]
    fn approach_3_is_as_good_as_the_address_it_is_published_on() {
        let host = || vec![end(true, Vec::new())];
        assert_eq!(
            ids(&view(host(), published("127.0.0.1"))),
            ["path.published_on_loopback"]
        );
        assert_eq!(
            ids(&view(host(), published("0.0.0.0"))),
            ["path.published_everywhere"]
        );
        assert_eq!(ids(&view(host(), published("10.200.0.1"))), [""; 0]);
        let public = PathView {
            public: Some(ip("203.0.113.2")),
            ..view(host(), published("0.0.0.0"))
        };
        assert_eq!(ids(&public), ["path.published_to_everybody"]);
    }

    #[test]
    fn option_a_is_closed_by_a_rule_that_means_the_internet() {
        let here = |rules| PathView {
            node_is_here: true,
            ..view(vec![end(true, rules)], Vec::new())
        };
        assert_eq!(ids(&here(vec![Rule::Closed])), ["path.closed_by_firewall"]);
        assert_eq!(ids(&here(Vec::new())), [""; 0]);
    }

    #[test]
    fn option_b_needs_a_translation_forwarding_and_narrow_allowed_ips() {
        assert_eq!(
            ids(&view(vec![end(true, Vec::new())], Vec::new())),
            ["path.no_way"]
        );
        let mended = || end(true, vec![to("10.1.0.3")]);
        assert_eq!(ids(&view(vec![mended()], Vec::new())), [""; 0]);
        let no_forwarding = End {
            forwards: Some(false),
            ..mended()
        };
        assert_eq!(
            ids(&view(vec![no_forwarding], Vec::new())),
            ["path.no_forwarding"]
        );
        let mut wide = mended();
        wide.peers.as_mut().unwrap()[0].allowed_ips = vec!["0.0.0.0/0".to_owned()];
        assert_eq!(
            ids(&view(vec![wide], Vec::new())),
            ["path.wg_allows_everything"]
        );
        let elsewhere = end(true, vec![to("10.9.9.9")]);
        assert_eq!(
            ids(&view(vec![elsewhere], Vec::new())),
            ["path.translated_elsewhere"]
        );
    }

    #[test]
    fn while_the_node_does_not_run_nobody_knows_where_it_would() {
        let gone = |ends, published| PathView {
            node_listens: false,
            node: Vec::new(),
            ..view(ends, published)
        };
        let host = || vec![end(true, Vec::new())];
        let found = judge(&gone(host(), Vec::new()));
        assert_eq!(
            (found[0].id, found[0].status),
            ("path.no_way", Status::Warning)
        );
        let denied = gone(vec![end(true, vec![Rule::Closed])], Vec::new());
        assert_eq!(ids(&denied)[0], "path.closed_by_firewall");
        let bare = gone(vec![end(false, vec![to("10.1.0.3")])], Vec::new());
        assert_eq!(ids(&bare), ["path.no_masquerade"]);
        let loopback = gone(host(), published("127.0.0.1"));
        let expected = ["path.proxy_without_node", "path.published_on_loopback"];
        assert_eq!(ids(&loopback), expected);
    }

    #[test]
    fn what_may_not_be_read_is_said_with_root() {
        let closed = End {
            rules: Err("not permitted".to_owned()),
            peers: Err("not permitted".to_owned()),
            ..end(true, Vec::new())
        };
        let view = view(vec![closed], Vec::new());
        assert_eq!(ids(&view), ["path.rules_unseen", "path.wg_unseen"]);
        assert!(
            judge(&view)
                .iter()
                .all(|it| it.remedy[0].contains("run as root"))
        );
    }

    #[test]
    fn end_without_a_peer_or_without_a_handshake_is_told() {
        let mut none = end(true, vec![to("10.1.0.3")]);
        none.peers = Ok(Vec::new());
        assert_eq!(ids(&view(vec![none], Vec::new())), ["path.wg_no_peer"]);
        for (age, expected) in [(Some(180), None), (Some(181), Some(())), (None, Some(()))] {
            let mut old = end(true, vec![to("10.1.0.3")]);
            old.peers.as_mut().unwrap()[0].handshake_age_s = age;
            let found = ids(&view(vec![old], Vec::new()));
            let expected = expected.map(|()| "path.wg_no_handshake");
            assert_eq!(found.first().copied(), expected, "{age:?}");
        }
    }

    #[test]
    fn node_without_any_published_port_is_fine() {
        assert_eq!(ids(&view(Vec::new(), Vec::new())), [""; 0]);
    }
}
