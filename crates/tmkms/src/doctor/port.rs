//! The node's port, as the kernel's tables show it.
//!
//! Invariant: nothing here connects to it. The node serves one connection, and any other costs it
//! up to 3 s, or its life while it starts.

use std::net::SocketAddr;

use super::finding::Finding;
use super::processes::{Process, Search, is_wildcard};
use super::sockets::{Network, Socket, State, is_public};

/// Where and by whom a port is looked at.
#[derive(Clone, Debug)]
pub(super) struct PortView<'a> {
    pub(super) port: u16,
    /// The node's process.
    pub(super) node: &'a Search,
    /// The namespace that it listens in.
    pub(super) network: &'a Network,
    /// Whether that is a container of its own, which others reach by its address only.
    pub(super) is_container: bool,
    /// Its home, for what to run.
    pub(super) home: &'a str,
}

/// All that is known of the port of a node on this machine.
pub(super) fn judge(view: &PortView<'_>) -> Vec<Finding> {
    let process = match view.node {
        Search::Found(process) => process,
        Search::NotThere => return vec![not_running(view)],
        Search::NotSeen => {
            return vec![
                Finding::unseen(
                    "port.process_unseen",
                    "the node's process",
                    "it belongs to another user",
                )
                .mend("run as the user that runs the node, or as root"),
            ];
        }
    };
    if process.is_stopped {
        return vec![frozen(process)];
    }
    let name = format!("{} (process {})", process.name(), process.pid);
    if view.network.listeners(view.port).is_empty() {
        return vec![not_listening(view, &name)];
    }
    let mut findings = connections(view.port, view.network, &name);
    findings.extend(exposure(view));
    findings
}

/// What is known of a port of this machine's own network, without the node's home: for a signer
/// beside its node.
pub(super) fn judge_local(address: &str, port: u16, network: &Network) -> Vec<Finding> {
    if network.listeners(port).is_empty() {
        return vec![
            Finding::broken(
                "port.nobody_listens",
                format!(
                    "nothing listens on port {port} of this machine, where {address} is dialled: \
                     connection refused"
                ),
            )
            .mend("tmkms doctor --node-home DIR   (tells why: not running, gave up, or priv_validator_laddr)")
            .mend("start the signer first, then the node: `scaller start --restart always`"),
        ];
    }
    connections(port, network, "the node")
}

fn not_running(view: &PortView<'_>) -> Finding {
    Finding::broken(
        "port.no_process",
        format!(
            "no process has {} as its home: the node does not run, so nothing listens on port {}. \
             A node that gets no signer within 3 s of its start exits (`endpoint connection timed \
             out`), and something has to start it again",
            view.home, view.port
        ),
    )
    .mend("start the signer first: `tmkms start -c tmkms.toml`, on its machine")
    .mend(format!(
        "scaller start --home {} --restart always   (or `sekaid start --home {}` under a service manager)",
        view.home, view.home
    ))
}

fn frozen(process: &Process) -> Finding {
    Finding::broken(
        "port.frozen",
        format!(
            "{} (process {}) is stopped: its connections stand, and it says nothing",
            process.name(),
            process.pid
        ),
    )
    .mend(format!("kill -CONT {}", process.pid))
}

fn not_listening(view: &PortView<'_>, name: &str) -> Finding {
    Finding::broken(
        "port.not_listening",
        format!(
            "{name} runs and does not listen on port {}: it was started with an empty \
             priv_validator_laddr and signs by itself, or is only just starting",
            view.port
        ),
    )
    .mend("see the finding about priv_validator_laddr, then restart the node")
    .mend("look again in a few seconds, if it was just started")
}

/// Who is connected, and who waits.
fn connections(port: u16, network: &Network, name: &str) -> Vec<Finding> {
    let queue: u32 = network
        .listeners(port)
        .iter()
        .map(|it| it.queue)
        .max()
        .unwrap_or(0);
    let connected = network.on(port, State::Established);
    let served: Vec<SocketAddr> = remotes(&connected, |it| it.inode != 0);
    let mut waiting = remotes(&connected, |it| it.inode == 0);
    waiting.extend(remotes(&network.on(port, State::CloseWait), |it| {
        it.inode == 0
    }));
    let mut findings = Vec::new();
    if queue > 0 {
        findings.push(backlog(port, queue, &waiting, name));
    }
    findings.push(match served.as_slice() {
        [] => no_signer(port, queue, name),
        [one] => Finding::fine(
            "port.connected",
            format!("{name} listens on port {port} and serves {one}"),
        ),
        several => Finding::broken(
            "port.several",
            format!(
                "{name} has {} connections on port {port}, from {}: it serves one signer, and two \
                 signers with one key are how validators double-sign",
                several.len(),
                joined(several)
            ),
        )
        .mend("stop every signer but one, and whatever else connects to the port"),
    });
    findings
}

fn backlog(port: u16, queue: u32, waiting: &[SocketAddr], name: &str) -> Finding {
    let from = if waiting.is_empty() {
        String::new()
    } else {
        format!(", from {}", joined(waiting))
    };
    Finding::broken(
        "port.backlog",
        format!(
            "{queue} connections to port {port} wait that {name} does not serve{from}: a second \
             signer, or probes (`nc -z`, a health check, a scanner), each of which costs the node \
             up to 3 s when its turn comes"
        ),
    )
    .mend("stop what connects there: only the signer may, and nothing may probe the port")
    .mend(format!(
        "ss -tnp 'dport = :{port}'   (on the machine that it comes from, shows the program)"
    ))
    .mend("if the signer stays silent: restart the node, which empties the queue")
}

fn no_signer(port: u16, queue: u32, name: &str) -> Finding {
    let found = if queue > 0 {
        format!("{name} listens on port {port} and serves nobody yet")
    } else {
        format!(
            "{name} listens on port {port}, and no signer is connected: a node that starts exits \
             after 3 s of that (`endpoint connection timed out`)"
        )
    };
    Finding::broken("port.no_signer", found).mend(
        "tmkms status -c tmkms.toml   (on the signer's machine: does it run, and what stops it?)",
    )
}

fn remotes(sockets: &[Socket], is_meant: impl Fn(&Socket) -> bool) -> Vec<SocketAddr> {
    let meant = sockets.iter().filter(|socket| is_meant(socket));
    meant.map(|socket| socket.remote).collect()
}

fn joined(addresses: &[SocketAddr]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = addresses
        .iter()
        .take(SHOWN)
        .map(SocketAddr::to_string)
        .collect();
    let rest = addresses.len().saturating_sub(SHOWN);
    match rest {
        0 => shown.join(", "),
        _ => format!("{} and {rest} more", shown.join(", ")),
    }
}

/// From where the port can be reached.
fn exposure(view: &PortView<'_>) -> Option<Finding> {
    let port = view.port;
    let listeners = view.network.listeners(port);
    let is_everywhere = listeners.iter().any(|it| is_wildcard(it.local.ip()));
    let bound = listeners.iter().map(|it| it.local.ip()).find(is_public);
    let public = bound.or_else(|| view.network.public_address().filter(|_| is_everywhere));
    if let Some(address) = public {
        let found = format!(
            "the node listens for its signer on {address}:{port}, which the internet can reach: \
             it takes whoever comes first for its signer, and one probe can end it"
        );
        return Some(closer(Finding::broken("port.public", found), port));
    }
    (is_everywhere && !view.is_container).then(|| {
        let found = format!(
            "the node listens for its signer on every address of this machine, port {port}: \
             whoever reaches one of them can take the signer's place"
        );
        closer(Finding::warning("port.every_address", found), port)
    })
}

fn closer(finding: Finding, port: u16) -> Finding {
    finding
        .mend(format!(
            "priv_validator_laddr = \"tcp://10.200.0.1:{port}\"   (the machine's address inside \
             the tunnel; 127.0.0.1 with the signer on the same machine)"
        ))
        .mend("or the node in a container without a published port, and `tmkms gateway` beside it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    fn socket(local: &str, state: State, queue: u32, inode: u64) -> Socket {
        Socket {
            local: local.parse().unwrap(),
            remote: "10.0.0.9:40000".parse().unwrap(),
            state,
            queue,
            inode,
        }
    }

    fn node(line: &str, is_stopped: bool) -> Search {
        Search::Found(Process {
            pid: 5,
            args: line.split(' ').map(str::to_owned).collect(),
            network: Some(1),
            is_stopped,
        })
    }

    fn network(sockets: Vec<Socket>, addresses: &[&str]) -> Network {
        Network {
            id: Some(1),
            sockets,
            addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            ..Network::default()
        }
    }

    fn ids(node: &Search, network: &Network, is_container: bool) -> Vec<&'static str> {
        let view = PortView {
            port: 26_659,
            node,
            network,
            is_container,
            home: "/n",
        };
        let bad = judge(&view)
            .into_iter()
            .filter(|it| it.status != Status::Fine);
        bad.map(|finding| finding.id).collect()
    }

    const LISTENER: &str = "10.1.0.3:26659";

    #[test]
    fn node_with_its_one_signer_is_fine() {
        let sockets = vec![
            socket(LISTENER, State::Listen, 0, 7),
            socket(LISTENER, State::Established, 0, 8),
        ];
        let network = network(sockets, &["10.1.0.3"]);
        assert_eq!(ids(&node("sekaid start", false), &network, true), [""; 0]);
    }

    #[test]
    fn node_that_is_gone_stopped_or_deaf_is_told_apart() {
        let empty = network(Vec::new(), &[]);
        let running = node("sekaid start", false);
        assert_eq!(ids(&Search::NotThere, &empty, true), ["port.no_process"]);
        assert_eq!(ids(&Search::NotSeen, &empty, true), ["port.process_unseen"]);
        assert_eq!(ids(&running, &empty, true), ["port.not_listening"]);
        assert_eq!(
            ids(&node("sekaid start", true), &empty, true),
            ["port.frozen"]
        );
    }

    #[test]
    fn connections_are_counted_by_whether_the_node_accepted_them() {
        let running = node("sekaid start", false);
        let with = |sockets: Vec<Socket>| ids(&running, &network(sockets, &["10.1.0.3"]), true);
        let listener = |queue| socket(LISTENER, State::Listen, queue, 7);
        let served = socket(LISTENER, State::Established, 0, 8);
        let waiting = socket(LISTENER, State::Established, 0, 0);
        let dead = socket(LISTENER, State::CloseWait, 0, 0);
        assert_eq!(with(vec![listener(0)]), ["port.no_signer"]);
        assert_eq!(
            with(vec![listener(2), served, waiting, dead]),
            ["port.backlog"]
        );
        assert_eq!(
            with(vec![listener(1), waiting]),
            ["port.backlog", "port.no_signer"]
        );
        assert_eq!(with(vec![listener(0), served, served]), ["port.several"]);
    }

    #[test]
    fn port_is_public_where_the_internet_reaches_an_address_of_it() {
        let running = node("sekaid start", false);
        let at = |local: &str, addresses: &[&str], is_container| {
            let sockets = vec![
                socket(local, State::Listen, 0, 7),
                socket(local, State::Established, 0, 8),
            ];
            ids(&running, &network(sockets, addresses), is_container)
        };
        let public = ["127.0.0.1", "203.0.113.2", "10.200.0.1"];
        let inner = ["127.0.0.1", "10.1.0.3"];
        assert_eq!(at("0.0.0.0:26659", &public, false), ["port.public"]);
        assert_eq!(at("0.0.0.0:26659", &public, true), ["port.public"]);
        assert_eq!(at("203.0.113.2:26659", &public, false), ["port.public"]);
        assert_eq!(at("0.0.0.0:26659", &inner, false), ["port.every_address"]);
        assert_eq!(at("0.0.0.0:26659", &inner, true), [""; 0]);
        assert_eq!(at("10.200.0.1:26659", &public, false), [""; 0]);
    }

    #[test]
    fn port_beside_the_signer_is_judged_without_the_nodes_home() {
        let empty = judge_local("tcp://127.0.0.1:26659", 26_659, &network(Vec::new(), &[]));
        assert_eq!(empty[0].id, "port.nobody_listens");
        let listening = network(vec![socket("127.0.0.1:26659", State::Listen, 3, 7)], &[]);
        let found = judge_local("tcp://127.0.0.1:26659", 26_659, &listening);
        assert_eq!(found[0].id, "port.backlog");
    }
}
