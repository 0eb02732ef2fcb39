//! The document as Prometheus takes it: `docs/metrics.md` lists what there is.
//!
//! Invariants:
//! - It is the document and nothing else, so that `tmkms status`, the page and the metrics never
//!   contradict each other.
//! - Names follow <https://prometheus.io/docs/practices/naming/>: base units, `_total` for what only
//!   grows, and `process_…` where every program has the same.
//! - Labels have few values: chains, nodes and peers of the configuration, and words of the program.

mod durations;
mod text;

use guard::CAUSES;

use self::durations::histogram;
use self::text::{Kind, Text};
use super::document::{Chain, ChainState, Document, KeyFile, Node, NodeState, Tunnel, TunnelPeer};
use crate::session::KINDS;

/// What else a refusal can be caused by; the guard's causes are its own.
const OTHER_CAUSES: [&str; 3] = ["malformed", "provider", "bug"];

/// All of it, in the text format 0.0.4.
#[must_use]
pub fn render(document: &Document) -> String {
    let mut text = Text::default();
    process(&mut text, document);
    signatures(&mut text, &document.chains);
    last_signed(&mut text, &document.chains);
    states(&mut text, &document.chains);
    keys(&mut text, &document.chains);
    latencies(&mut text, &document.chains);
    connections(&mut text, &document.nodes);
    troubles(&mut text, &document.nodes);
    tunnels(&mut text, &document.tunnels);
    text.into_string()
}

fn process(text: &mut Text, document: &Document) {
    text.family(
        "tmkms_build_info",
        Kind::Gauge,
        "1, with the version of the running signer.",
    );
    text.sample(&[("version", &document.version)], 1_u64);
    text.family(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the process started, in seconds since 1970.",
    );
    text.sample_ms(&[], document.started_unix_ms);
    let Some(process) = &document.process else {
        return;
    };
    text.family(
        "process_cpu_seconds_total",
        Kind::Counter,
        "Time that processors spent on the process, in seconds.",
    );
    text.sample_ms(&[], process.cpu_ms);
    text.family(
        "process_resident_memory_bytes",
        Kind::Gauge,
        "Memory of the process that is in use and not in swap.",
    );
    text.sample(&[], process.resident_bytes);
    text.family("process_open_fds", Kind::Gauge, "Open file descriptors.");
    text.sample(&[], process.open_fds);
    if let Some(max) = process.max_fds {
        text.family(
            "process_max_fds",
            Kind::Gauge,
            "How many file descriptors may be open.",
        );
        text.sample(&[], max);
    }
}

fn signatures(text: &mut Text, chains: &[Chain]) {
    text.family(
        "tmkms_signatures_total",
        Kind::Counter,
        "Signatures given, each once: repeated ones are in tmkms_replays_total.",
    );
    for chain in chains {
        let signed = &chain.signatures;
        for (kind, count) in [
            ("proposal", signed.proposals),
            ("prevote", signed.prevotes),
            ("precommit", signed.precommits),
            ("raw_bytes", signed.raw_bytes),
        ] {
            text.sample(&[("chain", &chain.id), ("type", kind)], count);
        }
    }
    text.family(
        "tmkms_replays_total",
        Kind::Counter,
        "Signatures given once more, because a node asked again.",
    );
    for chain in chains {
        text.sample(&[("chain", &chain.id)], chain.signatures.repeated);
    }
    text.family(
        "tmkms_refusals_total",
        Kind::Counter,
        "Requests that were refused.",
    );
    for chain in chains {
        let seen: Vec<_> = chain
            .refusals
            .iter()
            .map(|it| (it.cause.as_str(), it.count))
            .collect();
        let known = [CAUSES.as_slice(), &OTHER_CAUSES].concat();
        for (cause, count) in completed(&known, &seen) {
            text.sample(&[("chain", &chain.id), ("cause", cause)], count);
        }
    }
    text.family(
        "tmkms_missed_heights_total",
        Kind::Counter,
        "Heights that went by without a signed precommit, told when the next but one is signed.",
    );
    for chain in chains {
        text.sample(&[("chain", &chain.id)], chain.heights.missed);
    }
}

fn last_signed(text: &mut Text, chains: &[Chain]) {
    let placed = || {
        let last = |chain: &Chain| chain.last_signed.clone();
        chains
            .iter()
            .filter_map(move |chain| Some((&chain.id, last(chain)?)))
    };
    text.family(
        "tmkms_last_signed_height",
        Kind::Gauge,
        "The height of the last signature.",
    );
    for (id, last) in placed() {
        text.sample(&[("chain", id)], last.height);
    }
    text.family(
        "tmkms_last_signed_round",
        Kind::Gauge,
        "The round of the last signature.",
    );
    for (id, last) in placed() {
        text.sample(&[("chain", id)], last.round);
    }
    text.family(
        "tmkms_last_signed_step",
        Kind::Gauge,
        "The step of the last signature: 0 proposal, 1 prevote, 2 precommit.",
    );
    for (id, last) in placed() {
        text.sample(&[("chain", id)], last.step);
    }
    text.family(
        "tmkms_last_signed_timestamp_seconds",
        Kind::Gauge,
        "When the last signature was given, in seconds since 1970; not there before the first one since the start.",
    );
    for (id, last) in placed() {
        if let Some(ms) = last.unix_ms {
            text.sample_ms(&[("chain", id)], ms);
        }
    }
}

fn states(text: &mut Text, chains: &[Chain]) {
    text.family(
        "tmkms_chain_state",
        Kind::Gauge,
        "1 for the state that the chain is in: ready, waiting (no past, lets heights pass) or stopped (signs nothing until a restart).",
    );
    for chain in chains {
        for (name, state) in [
            ("ready", ChainState::Ready),
            ("waiting", ChainState::Waiting),
            ("stopped", ChainState::Stopped),
        ] {
            let labels = [("chain", chain.id.as_str()), ("state", name)];
            text.sample(&labels, u64::from(chain.state == state));
        }
    }
    text.family(
        "tmkms_chain_can_sign",
        Kind::Gauge,
        "1 while the chain is ready and its state files are in their place and can be written.",
    );
    for chain in chains {
        text.sample(&[("chain", &chain.id)], u64::from(chain.can_sign()));
    }
}

fn keys(text: &mut Text, chains: &[Chain]) {
    text.family(
        "tmkms_key_info",
        Kind::Gauge,
        "1, with the public side of the consensus key that signs.",
    );
    for chain in chains {
        let key = &chain.key;
        let labels = [
            ("chain", chain.id.as_str()),
            ("address", &key.address),
            ("algorithm", &key.algorithm),
            ("provider", &key.provider),
        ];
        text.sample(&labels, 1_u64);
    }
    text.family(
        "tmkms_key_file_changed",
        Kind::Gauge,
        "1 when the key file is another one than at the start, was written to, or is gone.",
    );
    for chain in chains {
        let is_changed = chain.key.file != KeyFile::Same;
        text.sample(&[("chain", &chain.id)], u64::from(is_changed));
    }
}

fn latencies(text: &mut Text, chains: &[Chain]) {
    text.family(
        "tmkms_request_duration_seconds",
        Kind::Histogram,
        "From the whole request to the written answer, for votes and proposals; repeated ones left out.",
    );
    for chain in chains {
        histogram(text, &[("chain", &chain.id)], &chain.latency.total);
    }
    text.family(
        "tmkms_stage_duration_seconds",
        Kind::Histogram,
        "The parts of tmkms_request_duration_seconds: decode (reading the request), commit (judging it and making the mark durable), sign, write (the answer).",
    );
    for chain in chains {
        let latency = &chain.latency;
        for (stage, durations) in [
            ("decode", &latency.decode),
            ("commit", &latency.commit),
            ("sign", &latency.sign),
            ("write", &latency.write),
        ] {
            histogram(text, &[("chain", &chain.id), ("stage", stage)], durations);
        }
    }
    text.family(
        "tmkms_state_sync_duration_seconds",
        Kind::Histogram,
        "Of the stage commit, the wait for the disk of the state: one fdatasync(2).",
    );
    for chain in chains {
        histogram(text, &[("chain", &chain.id)], &chain.latency.sync);
    }
}

fn connections(text: &mut Text, nodes: &[Node]) {
    let labels = |node: &Node| {
        [
            ("chain", node.chain.clone()),
            ("node", node.address.clone()),
        ]
    };
    let mut each = |name, kind, help, value: &dyn Fn(&Node) -> u64| {
        text.family(name, kind, help);
        for node in nodes {
            text.sample_owned(&labels(node), value(node));
        }
    };
    each(
        "tmkms_node_connected",
        Kind::Gauge,
        "1 while the node is connected.",
        &|node| u64::from(node.state == NodeState::Connected),
    );
    each(
        "tmkms_node_dials_total",
        Kind::Counter,
        "How often the node was dialled.",
        &|node| node.dials,
    );
    each(
        "tmkms_node_connections_total",
        Kind::Counter,
        "How often the node was connected: all but the first are reconnects.",
        &|node| node.connections,
    );
    each(
        "tmkms_session_overdue_seconds",
        Kind::Gauge,
        "For how long nothing was heard of the node's thread beyond what its work explains; 0 while it turns.",
        &|node| node.overdue_s.map_or(0, |late| late.max(1)),
    );
    text.family(
        "tmkms_node_state_timestamp_seconds",
        Kind::Gauge,
        "Since when the node is connected, or is not, in seconds since 1970.",
    );
    for node in nodes {
        let [chain, address] = &labels(node);
        text.sample_ms(
            &[(chain.0, &chain.1), (address.0, &address.1)],
            node.since_unix_ms,
        );
    }
}

fn troubles(text: &mut Text, nodes: &[Node]) {
    text.family(
        "tmkms_node_troubles_total",
        Kind::Counter,
        "What went wrong between signer and node.",
    );
    for node in nodes {
        let seen: Vec<_> = node
            .troubles
            .iter()
            .map(|it| (it.kind.as_str(), it.count))
            .collect();
        for (kind, count) in completed(&KINDS, &seen) {
            let labels = [
                ("chain", node.chain.as_str()),
                ("node", &node.address),
                ("kind", kind),
            ];
            text.sample(&labels, count);
        }
    }
}

/// All that is known, with zero where it was not seen: what is not there cannot be seen to grow.
/// And what was seen and is not known, should that be forgotten here.
fn completed<'a>(known: &[&'static str], seen: &[(&'a str, u64)]) -> Vec<(&'a str, u64)> {
    let count = |name: &str| seen.iter().find(|it| it.0 == name).map_or(0, |it| it.1);
    let others = seen.iter().filter(|it| !known.contains(&it.0)).copied();
    let all = known.iter().map(|name| (*name, count(name)));
    all.chain(others).collect()
}

fn tunnels(text: &mut Text, tunnels: &[Tunnel]) {
    if tunnels.is_empty() {
        return;
    }
    text.family(
        "tmkms_tunnel_up",
        Kind::Gauge,
        "1 while the thread of the tunnel runs, whether a peer answers or not.",
    );
    for tunnel in tunnels {
        text.sample(
            &[("tunnel", &tunnel.name)],
            u64::from(tunnel.ended.is_none()),
        );
    }
    let mut each = |name, kind, help, value: &dyn Fn(&TunnelPeer) -> u64| {
        text.family(name, kind, help);
        for tunnel in tunnels {
            for peer in &tunnel.peers {
                let labels = [("tunnel", tunnel.name.as_str()), ("peer", &peer.public_key)];
                text.sample(&labels, value(peer));
            }
        }
    };
    each(
        "tmkms_tunnel_last_handshake_timestamp_seconds",
        Kind::Gauge,
        "When the last handshake with the peer was completed, in seconds since 1970; 0 without a session.",
        &|peer| peer.handshake_unix_s.unwrap_or(0),
    );
    each(
        "tmkms_tunnel_received_bytes_total",
        Kind::Counter,
        "Bytes that came from the peer, counted outside the tunnel.",
        &|peer| peer.rx_bytes,
    );
    each(
        "tmkms_tunnel_sent_bytes_total",
        Kind::Counter,
        "Bytes that were sent to the peer, counted outside the tunnel.",
        &|peer| peer.tx_bytes,
    );
    each(
        "tmkms_tunnel_mtu_bytes",
        Kind::Gauge,
        "The largest packet inside the tunnel that the path to the peer is taken to carry.",
        &|peer| peer.mtu.map_or(0, u64::from),
    );
    each(
        "tmkms_tunnel_trouble",
        Kind::Gauge,
        "1 while something is wrong with the peer: tmkms status says what.",
        &|peer| u64::from(peer.trouble.is_some()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_is_zero_and_what_is_not_known_is_told_too() {
        let told = completed(&["a", "b"], &[("b", 2), ("new", 1)]);
        assert_eq!(told, [("a", 0), ("b", 2), ("new", 1)]);
    }
}
