//! What a running process tells of itself: one JSON document, described in `docs/status.md`.
//!
//! Invariants:
//! - No secret is in it.
//! - Within one [`FORMAT`] fields are only added. A reader passes over those it does not know.
//! - Durations are counted on a clock that nobody sets; `time`, `started` and what ends in
//!   `unix_ms` are times of day.

mod chain;

use serde::{Deserialize, Serialize};

pub use self::chain::{
    Bucket, Chain, ChainState, Heights, Key, KeyFile, LastRefusal, LastSigned, Latency,
    Percentiles, Refusals, Signatures,
};

/// The format of the document. It changes when a field goes or means something else.
pub const FORMAT: u32 = 1;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the running program.
    pub version: String,
    /// The number of its process, as its own container counts.
    pub pid: u32,
    /// When this was told: UTC, RFC 3339.
    pub time: String,
    /// When the process started.
    pub started: String,
    /// The same in milliseconds since 1970.
    #[serde(default)]
    pub started_unix_ms: u64,
    /// How long that is ago.
    pub uptime_s: u64,
    /// Whether it does its work.
    pub verdict: Verdict,
    /// The chains it signs for.
    pub chains: Vec<Chain>,
    /// The nodes it signs for.
    pub nodes: Vec<Node>,
    /// The tunnels in the process.
    pub tunnels: Vec<Tunnel>,
    /// What a gateway forwards.
    #[serde(default)]
    pub forwards: Vec<Forward>,
    /// What the process takes of the system; `None` where the system does not tell.
    #[serde(default)]
    pub process: Option<Process>,
}

/// What a process takes of the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Memory that is in use and not in swap, in bytes.
    pub resident_bytes: u64,
    /// Time that processors spent on it.
    pub cpu_ms: u64,
    /// File descriptors that are open.
    pub open_fds: u64,
    /// How many may be; `None` for any number.
    pub max_fds: Option<u64>,
}

/// Whether a signer does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Each chain can sign, and has a node that is connected.
    Ready,
    /// A chain signs nothing.
    CannotSign,
    /// A chain has no node that is connected.
    NotConnected,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The chain it belongs to.
    pub chain: String,
    /// Its address as in tmkms.toml.
    pub address: String,
    /// What `protocol_version` says, if anything.
    pub protocol_version: Option<String>,
    /// How the node showed that it speaks another one.
    pub contradicted: Option<String>,
    /// The state of the connection.
    pub state: NodeState,
    /// Connected, or not connected, for so long.
    pub for_s: u64,
    /// Since when that is, in milliseconds since 1970.
    #[serde(default)]
    pub since_unix_ms: u64,
    /// How often it was dialled since it was connected last.
    pub tries: u64,
    /// The name of the tunnel that the last connection was inside of.
    #[serde(default)]
    pub tunnel: Option<String>,
    /// How often it was dialled since the start.
    #[serde(default)]
    pub dials: u64,
    /// How often it was connected since the start.
    #[serde(default)]
    pub connections: u64,
    /// What went wrong last, also when it is mended.
    pub trouble: Option<Trouble>,
    /// How often each kind of trouble was seen since the start.
    #[serde(default)]
    pub troubles: Vec<Troubles>,
    /// For how long its thread has been quiet beyond what its work explains.
    #[serde(default)]
    pub overdue_s: Option<u64>,
}

/// Troubles of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Troubles {
    /// The kind.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It stands.
    Connected,
    /// It is being made.
    #[default]
    Dialling,
    /// It will be tried again in a moment.
    Waiting,
}

/// What went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// A short name.
    pub kind: String,
    /// In words.
    pub text: String,
    /// What it usually means and what to do.
    pub advice: String,
    /// How long ago it was seen first, the same kind each time since.
    pub first_s: u64,
    /// How long ago it was seen last.
    pub last_s: u64,
}

/// A tunnel, as `wg show` tells of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// Its name: that of its file, without `.conf`.
    pub name: String,
    /// Our public key.
    pub public_key: String,
    /// Our UDP port.
    pub listen_port: Option<u16>,
    /// Our addresses inside.
    pub addresses: Vec<String>,
    /// The largest packet inside, in bytes.
    pub mtu: Option<u16>,
    /// The other ends.
    pub peers: Vec<TunnelPeer>,
    /// Datagrams that were dropped because they were of nobody who is known.
    #[serde(default)]
    pub unknown_datagrams: u64,
    /// Why it has ended; `None` while it runs.
    #[serde(default)]
    pub ended: Option<String>,
}

/// Another end of a tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelPeer {
    /// Its public key.
    pub public_key: String,
    /// Where it is, if that is known.
    pub endpoint: Option<String>,
    /// The addresses it may send from.
    pub allowed_ips: Vec<String>,
    /// How long ago the last handshake was; `None` when there was none.
    pub handshake_age_s: Option<u64>,
    /// When that was, in seconds since 1970.
    #[serde(default)]
    pub handshake_unix_s: Option<u64>,
    /// What came from it, in bytes on the outside.
    pub rx_bytes: u64,
    /// What was sent to it.
    pub tx_bytes: u64,
    /// The largest packet that fits to it, in bytes on the inside.
    pub mtu: Option<u16>,
    /// The largest packet that came through when the path was measured; 0 when nobody answered,
    /// `None` before that.
    #[serde(default)]
    pub path_mtu: Option<u16>,
    /// Seconds between keepalives.
    pub persistent_keepalive_s: Option<u16>,
    /// What went wrong last, also when it is mended.
    pub trouble: Option<Trouble>,
}

/// A port of a gateway, and the node behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The port inside the tunnel.
    pub listen: u16,
    /// The node: `HOST:PORT`.
    pub upstream: String,
    /// Who may connect: addresses and networks inside the tunnel.
    pub allowed: Vec<String>,
    /// What it does.
    pub state: ForwardState,
    /// The signer that is connected to the node.
    pub signer: Option<String>,
    /// Why a signer waits, while one does.
    pub why: Option<String>,
    /// How many connections there were to the node, each for a signer.
    pub sessions: u64,
    /// How many attempts were refused because the node did not listen.
    pub refused: u64,
    /// How many attempts came from addresses that are not allowed.
    pub strangers: u64,
}

/// What a port of a gateway does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardState {
    /// No signer wants a connection.
    Idle,
    /// A signer waits for the node to listen.
    Holding,
    /// A signer is connected to the node.
    Forwarding,
}

impl Verdict {
    /// What the state of all chains and nodes comes to.
    #[must_use]
    pub fn of(chains: &[Chain], nodes: &[Node]) -> Self {
        let is_connected = |chain: &Chain| {
            let mut own = nodes.iter().filter(|node| node.chain == chain.id);
            own.any(|node| node.state == NodeState::Connected)
        };
        if !chains.iter().all(Chain::can_sign) {
            Self::CannotSign
        } else if chains.iter().all(is_connected) {
            Self::Ready
        } else {
            Self::NotConnected
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(id: &str, state: ChainState) -> Chain {
        Chain {
            id: id.to_owned(),
            state,
            ..Chain::default()
        }
    }

    fn node(chain: &str, state: NodeState) -> Node {
        Node {
            chain: chain.to_owned(),
            address: "tcp://node:26659".to_owned(),
            state,
            ..Node::default()
        }
    }

    #[test]
    fn one_connected_node_is_enough_for_its_chain_and_for_no_other() {
        let chains = [chain("a", ChainState::Ready), chain("b", ChainState::Ready)];
        let of_a = [
            node("a", NodeState::Waiting),
            node("a", NodeState::Connected),
        ];
        assert_eq!(Verdict::of(&chains, &of_a), Verdict::NotConnected);
        assert_eq!(Verdict::of(&chains[..1], &of_a), Verdict::Ready);
        let [waiting, _] = of_a;
        assert_eq!(Verdict::of(&chains[..1], &[waiting]), Verdict::NotConnected);
    }

    #[test]
    fn chain_that_signs_nothing_weighs_more_than_a_missing_node() {
        for state in [ChainState::Waiting, ChainState::Stopped] {
            let chains = [chain("a", ChainState::Ready), chain("b", state)];
            assert_eq!(Verdict::of(&chains, &[]), Verdict::CannotSign);
        }
    }

    #[test]
    fn state_that_is_not_in_its_place_is_a_signature_that_will_fail() {
        let mut chains = [chain("a", ChainState::Ready)];
        let nodes = [node("a", NodeState::Connected)];
        assert_eq!(Verdict::of(&chains, &nodes), Verdict::Ready);
        chains[0].state_trouble = Some("it is gone".to_owned());
        assert_eq!(Verdict::of(&chains, &nodes), Verdict::CannotSign);
    }

    #[test]
    fn process_without_chains_is_ready() {
        assert_eq!(Verdict::of(&[], &[]), Verdict::Ready);
    }

    #[test]
    fn fields_of_a_later_version_are_passed_over() {
        let text = r#"{"kind":"dns","text":"t","advice":"a","first_s":1,"last_s":0,"new":[1]}"#;
        let trouble: Trouble = serde_json::from_str(text).unwrap();
        assert_eq!(trouble.first_s, 1);
    }
}
