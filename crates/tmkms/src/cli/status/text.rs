//! The status as text for people: short, aligned, the same words as the log.

use std::fmt::Write as _;

use crate::observe::document::{
    Chain, ChainState, Document, Forward, ForwardState, Heights, KeyFile, LastSigned, Latency,
    Node, NodeState, Percentiles, Trouble, Tunnel, TunnelPeer, Verdict,
};
use crate::observe::units::{bytes, duration, short};

/// Whether escape codes may be in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Colour {
    /// Yes.
    On,
    /// No.
    Off,
}

#[derive(Clone, Copy)]
enum Tone {
    Good,
    Bad,
    Unsure,
}

impl Colour {
    fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => 32,
            Tone::Bad => 31,
            Tone::Unsure => 33,
        };
        match self {
            Self::On => format!("\x1b[1;{code}m{text}\x1b[0m"),
            Self::Off => text.to_owned(),
        }
    }
}

/// All of it; every line ends in a line end.
pub(in crate::cli) fn render(document: &Document, colour: Colour) -> String {
    let verdict = match document.verdict {
        Verdict::Ready => colour.paint(Tone::Good, "can sign"),
        Verdict::CannotSign => colour.paint(Tone::Bad, "cannot sign"),
        Verdict::NotConnected => colour.paint(Tone::Bad, "not connected"),
    };
    let mut text = format!(
        "{verdict}: tmkms {}, process {}, running for {}\n",
        document.version,
        document.pid,
        duration(document.uptime_s)
    );
    for one in &document.chains {
        let own = document.nodes.iter().filter(|node| node.chain == one.id);
        text.push('\n');
        text.push_str(&chain(one, own, colour));
    }
    for one in &document.tunnels {
        text.push('\n');
        text.push_str(&tunnel(one, colour));
    }
    for one in &document.forwards {
        text.push('\n');
        text.push_str(&forward(one, colour));
    }
    text
}

/// A table of two columns.
struct Rows(String);

impl Rows {
    fn add(&mut self, name: &str, value: impl AsRef<str>) {
        let value = value.as_ref();
        // Cannot fail: it is a text.
        let _ = writeln!(self.0, "  {name:<12} {value}");
    }
}

fn chain<'a>(chain: &Chain, nodes: impl Iterator<Item = &'a Node>, colour: Colour) -> String {
    let state = match chain.state {
        ChainState::Ready if !chain.can_sign() => colour.paint(Tone::Bad, "cannot sign"),
        ChainState::Ready => colour.paint(Tone::Good, "ready"),
        ChainState::Waiting => colour.paint(Tone::Bad, "lets heights pass"),
        ChainState::Stopped => colour.paint(Tone::Bad, "stopped"),
    };
    let mut rows = Rows(format!("chain {}: {state}\n", chain.id));
    for why in chain.why.iter().chain(&chain.state_trouble) {
        rows.add("because", why);
    }
    for node in nodes {
        node_rows(&mut rows, node, colour);
    }
    rows.add("last signed", last_signed(chain.last_signed.as_ref()));
    if !chain.heights.marks.is_empty() {
        rows.add("heights", heights(&chain.heights));
    }
    rows.add("signatures", signatures(chain));
    rows.add("refused", refusals(chain));
    if let Some(last) = &chain.last_refusal {
        rows.add("", format!("{} ago: {}", duration(last.age_s), last.text));
    }
    let key = &chain.key;
    rows.add("key", &key.public_key);
    let (algorithm, provider) = (&key.algorithm, &key.provider);
    rows.add(
        "",
        format!("{algorithm}, {provider}, address {}", key.address),
    );
    let file = match key.file {
        KeyFile::Same => None,
        KeyFile::Changed => Some("its file was changed since the start"),
        KeyFile::Gone => Some("its file is gone since the start"),
    };
    if let Some(file) = file {
        rows.add("", colour.paint(Tone::Unsure, file));
    }
    latency(&mut rows, &chain.latency);
    rows.0
}

fn node_rows(rows: &mut Rows, node: &Node, colour: Colour) {
    let time = duration(node.for_s);
    let state = match node.state {
        NodeState::Connected => {
            let way = node
                .tunnel
                .as_ref()
                .map(|it| format!(", inside the tunnel {it}"));
            let connected = colour.paint(Tone::Good, "connected");
            format!("{connected} for {time}{}", way.unwrap_or_default())
        }
        NodeState::Dialling | NodeState::Waiting => format!(
            "{} for {time}, {}",
            colour.paint(Tone::Bad, "not connected"),
            counted(node.tries, "try", "tries")
        ),
    };
    rows.add("node", format!("{}: {state}", node.address));
    if let Some(seconds) = node.overdue_s {
        let stuck = colour.paint(Tone::Bad, "stuck");
        rows.add("", format!("{stuck} for {}", duration(seconds)));
    }
    if let (Some(version), Some(why)) = (&node.protocol_version, &node.contradicted) {
        let doubt = colour.paint(Tone::Unsure, &format!("not {version}"));
        rows.add("", format!("{doubt}, as protocol_version says: {why}"));
    }
    if let Some(trouble) = &node.trouble {
        if node.state == NodeState::Connected {
            rows.add(
                "",
                format!("{} ago: {}", duration(trouble.last_s), trouble.text),
            );
        } else {
            rows.add("", worded(trouble));
        }
    }
}

fn worded(trouble: &Trouble) -> String {
    format!("{}: {}", trouble.text, trouble.advice)
}

fn last_signed(last: Option<&LastSigned>) -> String {
    let Some(last) = last else {
        return "nothing yet".to_owned();
    };
    let place = format!("{}/{}/{}", last.height, last.round, last.step);
    match last.age_s {
        Some(age) => format!("{place}, {} ago", duration(age)),
        None => format!("{place}, before this start"),
    }
}

fn heights(heights: &Heights) -> String {
    let of = heights.marks.len();
    let signed = heights.marks.bytes().filter(|mark| *mark == b'S').count();
    let missed = match heights.missed {
        0 => String::new(),
        count => format!(", {count} missed since the start"),
    };
    format!("{signed} of the last {of} signed{missed}")
}

fn signatures(chain: &Chain) -> String {
    let count = &chain.signatures;
    listed([
        (count.proposals, "proposal", "proposals"),
        (count.prevotes, "prevote", "prevotes"),
        (count.precommits, "precommit", "precommits"),
        (count.repeated, "repeated", "repeated"),
        (count.raw_bytes, "of raw bytes", "of raw bytes"),
    ])
}

fn refusals(chain: &Chain) -> String {
    let counts = chain.refusals.iter();
    listed(counts.map(|it| (it.count, it.cause.as_str(), it.cause.as_str())))
}

/// What there is any of.
fn listed<'a>(counts: impl IntoIterator<Item = (u64, &'a str, &'a str)>) -> String {
    let some: Vec<String> = counts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| counted(count, one, many))
        .collect();
    if some.is_empty() {
        return "none".to_owned();
    }
    some.join(", ")
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn latency(rows: &mut Rows, latency: &Latency) {
    if latency.total.count == 0 {
        return;
    }
    let cells = |a: &str, b: &str, c: &str| format!("{a:>9} {b:>9} {c:>9}");
    rows.add("latency", cells("median", "99 %", "longest"));
    let stages: [(&str, &Percentiles); 6] = [
        ("  decode", &latency.decode),
        ("  commit", &latency.commit),
        ("    sync", &latency.sync),
        ("  sign", &latency.sign),
        ("  write", &latency.write),
        ("  total", &latency.total),
    ];
    for (name, stage) in stages.into_iter().filter(|(_, stage)| stage.count > 0) {
        let [median, most, longest] = [stage.p50_ns, stage.p99_ns, stage.max_ns].map(short);
        rows.add(name, cells(&median, &most, &longest));
    }
}

/// A tunnel, in the manner of `wg show`.
pub(in crate::cli) fn tunnel(tunnel: &Tunnel, colour: Colour) -> String {
    let mut rows = Rows(format!("tunnel {}\n", tunnel.name));
    if let Some(why) = &tunnel.ended {
        rows.add("ended", colour.paint(Tone::Bad, why));
    }
    rows.add("public key", &tunnel.public_key);
    if let Some(port) = tunnel.listen_port {
        rows.add("UDP port", port.to_string());
    }
    rows.add("addresses", tunnel.addresses.join(", "));
    if let Some(mtu) = tunnel.mtu {
        rows.add("MTU", mtu.to_string());
    }
    if tunnel.unknown_datagrams > 0 {
        let count = tunnel.unknown_datagrams;
        rows.add(
            "dropped",
            counted(
                count,
                "datagram of nobody known",
                "datagrams of nobody known",
            ),
        );
    }
    for one in &tunnel.peers {
        peer(&mut rows, one, colour);
    }
    rows.0
}

/// A port of a gateway.
pub(in crate::cli) fn forward(forward: &Forward, colour: Colour) -> String {
    let state = match forward.state {
        ForwardState::Idle => colour.paint(Tone::Unsure, "no signer"),
        ForwardState::Holding => colour.paint(Tone::Bad, "a signer waits for the node"),
        ForwardState::Forwarding => colour.paint(Tone::Good, "connected"),
    };
    let mut rows = Rows(format!("port {}: {state}\n", forward.listen));
    rows.add("node", &forward.upstream);
    if let Some(signer) = &forward.signer {
        rows.add("signer", signer);
    }
    if let Some(why) = &forward.why {
        rows.add("because", why);
    }
    rows.add("allowed", forward.allowed.join(", "));
    let counts = [
        (forward.sessions, "connection", "connections"),
        (
            forward.refused,
            "refused for the node",
            "refused for the node",
        ),
        (forward.strangers, "of strangers", "of strangers"),
    ];
    rows.add("attempts", listed(counts));
    rows.0
}

fn peer(rows: &mut Rows, peer: &TunnelPeer, colour: Colour) {
    rows.add("peer", &peer.public_key);
    let endpoint = peer.endpoint.as_deref();
    rows.add("  endpoint", endpoint.unwrap_or("not known yet"));
    rows.add("  allowed", peer.allowed_ips.join(", "));
    let handshake = match peer.handshake_age_s {
        Some(age) => format!("{} ago", duration(age)),
        None => colour.paint(Tone::Bad, "none yet"),
    };
    rows.add("  handshake", handshake);
    let (rx, tx) = (bytes(peer.rx_bytes), bytes(peer.tx_bytes));
    rows.add("  transfer", format!("{rx} received, {tx} sent"));
    if let Some(mtu) = peer.mtu {
        let told = match peer.path_mtu {
            Some(path) if (1..mtu).contains(&path) => {
                let less = format!("{mtu}, and the path carries {path} only");
                colour.paint(Tone::Bad, &less)
            }
            _ => mtu.to_string(),
        };
        rows.add("  MTU", told);
    }
    if let Some(seconds) = peer.persistent_keepalive_s {
        rows.add("  keepalive", format!("every {seconds} s"));
    }
    if let Some(trouble) = &peer.trouble {
        let ago = duration(trouble.last_s);
        rows.add("  trouble", format!("{ago} ago: {}", worded(trouble)));
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
