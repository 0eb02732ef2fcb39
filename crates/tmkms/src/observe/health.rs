//! Whether the signer is alive, and whether it could sign now: for whoever restarts it, and for
//! whoever sends it work.
//!
//! Invariant: nothing is tried. It is told from what the threads said of themselves, and from what
//! the files look like from outside.

use std::time::Duration;

use super::document::{Chain, ChainState, Document, Node, NodeState};

/// How long ago the last connection of a chain may have been lost, unless somebody asks for
/// another time.
pub const GRACE: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether all is well.
    pub is_well: bool,
    /// A line for each thing that was looked at.
    pub text: String,
}

impl Health {
    fn of(lines: impl Iterator<Item = Result<String, String>>) -> Self {
        let mut health = Self {
            is_well: true,
            text: String::new(),
        };
        for line in lines {
            health.is_well &= line.is_ok();
            let (Ok(line) | Err(line)) = line;
            health.text.push_str(&line);
            health.text.push('\n');
        }
        health
    }
}

/// Whether its threads turn.
#[must_use]
pub fn alive(document: &Document) -> Health {
    let sessions = document.nodes.iter().map(|node| {
        let name = format!("session {}@{}", node.chain, node.address);
        match node.overdue_s {
            None => Ok(format!("{name}: alive")),
            Some(late) => Err(format!(
                "{name}: stuck: nothing was heard of its thread for {late} s more than its work \
                 explains. The disk of the state may hang, or \
                 whoever reads the log; if it does not recover, restart the signer"
            )),
        }
    });
    let tunnels = document.tunnels.iter().map(|tunnel| {
        let name = format!("tunnel {}", tunnel.name);
        match &tunnel.ended {
            None => Ok(format!("{name}: alive")),
            Some(why) => Err(format!("{name}: {why}: restart the signer")),
        }
    });
    Health::of(sessions.chain(tunnels))
}

/// Whether each chain could sign now: its key is loaded, its state can be written, no answer of it
/// is overdue, and a node of it is connected, or was no longer ago than `grace`.
#[must_use]
pub fn ready(document: &Document, grace: Duration) -> Health {
    Health::of(document.chains.iter().map(|chain| {
        let nodes = document.nodes.iter().filter(|node| node.chain == chain.id);
        match reason(chain, nodes, grace) {
            Ok(ready) => Ok(format!("chain {}: ready: {ready}", chain.id)),
            Err(why) => Err(format!("chain {}: not ready: {why}", chain.id)),
        }
    }))
}

fn reason<'a>(
    chain: &Chain,
    nodes: impl Iterator<Item = &'a Node> + Clone,
    grace: Duration,
) -> Result<String, String> {
    if chain.state != ChainState::Ready {
        return Err(chain.why.clone().unwrap_or_default());
    }
    if let Some(trouble) = &chain.state_trouble {
        return Err(format!("its state cannot be written: {trouble}"));
    }
    // One answer that hangs may hold up those to all nodes of the chain.
    let is_stuck = |node: &&Node| node.state == NodeState::Connected && node.overdue_s.is_some();
    if let Some(node) = nodes.clone().find(is_stuck) {
        return Err(format!(
            "the session of {} is stuck, for {} s so far: see /healthz",
            node.address,
            node.overdue_s.unwrap_or_default()
        ));
    }
    let key = format!(
        "key {} is loaded, its state can be written",
        chain.key.address
    );
    if let Some(node) = nodes
        .clone()
        .find(|node| node.state == NodeState::Connected)
    {
        return Ok(format!("{key}, {} is connected", node.address));
    }
    let was_connected = |node: &&Node| {
        node.connections > 0 && node.for_s < grace.as_secs() && grace > Duration::ZERO
    };
    if let Some(node) = nodes.clone().find(was_connected) {
        return Ok(format!(
            "{key}, {} was connected {} s ago",
            node.address, node.for_s
        ));
    }
    Err(format!("no node is connected: {}", listed(nodes)))
}

fn listed<'a>(nodes: impl Iterator<Item = &'a Node>) -> String {
    let each = nodes.map(|node| {
        let why = node.trouble.as_ref().map_or("dialling", |it| &it.text);
        format!("{} has not been for {} s ({why})", node.address, node.for_s)
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::document::{Tunnel, Verdict};

    fn document() -> Document {
        let chain = |id: &str| Chain {
            id: id.to_owned(),
            ..Chain::default()
        };
        let node = |chain: &str| Node {
            chain: chain.to_owned(),
            address: format!("tcp://{chain}:26659"),
            state: NodeState::Connected,
            connections: 1,
            ..Node::default()
        };
        Document {
            format: 1,
            version: String::new(),
            pid: 1,
            time: String::new(),
            started: String::new(),
            started_unix_ms: 0,
            uptime_s: 0,
            verdict: Verdict::Ready,
            chains: vec![chain("a"), chain("b")],
            nodes: vec![node("a"), node("b")],
            tunnels: Vec::new(),
            forwards: Vec::new(),
            process: None,
        }
    }

    #[test]
    fn each_chain_is_listed_and_one_that_is_not_ready_is_enough() {
        let mut told = document();
        let health = ready(&told, GRACE);
        assert!(
            health.is_well && health.text.lines().count() == 2,
            "{health:?}"
        );
        told.chains[1].state = ChainState::Stopped;
        told.chains[1].why = Some("mend the disk".to_owned());
        let health = ready(&told, GRACE);
        assert!(!health.is_well);
        assert!(
            health.text.starts_with("chain a: ready: key "),
            "{health:?}"
        );
        assert!(
            health.text.ends_with("chain b: not ready: mend the disk\n"),
            "{health:?}"
        );
    }

    #[test]
    fn lost_connection_is_forgiven_for_the_time_of_grace_and_a_missing_one_is_not() {
        let mut told = document();
        told.nodes[0].state = NodeState::Waiting;
        for (for_s, connections, grace_s, is_well) in [
            (9, 1, 10, true),
            (10, 1, 10, false),
            (0, 1, 0, false),
            (59, 7, 60, true),
            (0, 0, 10, false),
        ] {
            told.nodes[0].for_s = for_s;
            told.nodes[0].connections = connections;
            let health = ready(&told, Duration::from_secs(grace_s));
            assert_eq!(health.is_well, is_well, "{for_s} {grace_s}: {health:?}");
        }
    }

    #[test]
    fn node_of_another_chain_is_no_connection() {
        let mut told = document();
        told.nodes.remove(0);
        let health = ready(&told, GRACE);
        assert!(
            health
                .text
                .contains("chain a: not ready: no node is connected"),
            "{health:?}"
        );
    }

    #[test]
    fn session_that_is_overdue_and_tunnel_that_ended_are_not_alive() {
        let mut told = document();
        assert!(alive(&told).is_well);
        told.nodes[1].overdue_s = Some(0);
        let health = alive(&told);
        assert!(
            !health.is_well && health.text.contains("session b@tcp://b:26659: stuck"),
            "{health:?}"
        );
        let health = ready(&told, GRACE);
        let expected = "chain b: not ready: the session of tcp://b:26659 is stuck, for 0 s so far: \
                        see /healthz\n";
        assert!(
            !health.is_well && health.text.ends_with(expected),
            "{health:?}"
        );
        // One that dials for too long holds up nobody.
        told.nodes[1].state = NodeState::Waiting;
        assert!(ready(&told, GRACE).is_well);
        told.nodes[1].state = NodeState::Connected;
        told.nodes[1].overdue_s = None;
        told.tunnels.push(Tunnel {
            name: "wg0".to_owned(),
            ended: Some("the tunnel has been stopped".to_owned()),
            ..Tunnel::default()
        });
        assert!(!alive(&told).is_well);
        // Whether it could sign is another question.
        assert!(ready(&told, GRACE).is_well);
    }
}
