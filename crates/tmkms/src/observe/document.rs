//! What a running process tells of itself: one JSON document, described in `docs/status.md`.
//!
//! Invariants:
//! - No secret is in it.
//! - Within one [`FORMAT`] fields are only added. A reader passes over those it does not know.
//! - Durations are counted on a clock that nobody sets; only `time` and `started` are times of day.

use serde::{Deserialize, Serialize};

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

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Its id.
    pub id: String,
    /// Its key.
    pub key: Key,
    /// Whether it signs.
    pub state: ChainState,
    /// Why it does not sign, in words.
    pub why: Option<String>,
    /// What was signed last.
    pub last_signed: Option<LastSigned>,
    /// How many signatures were given.
    pub signatures: Signatures,
    /// How many requests were refused, by cause.
    pub refusals: Vec<Refusals>,
    /// The last refusal.
    pub last_refusal: Option<LastRefusal>,
    /// How long votes and proposals took, repeated ones left out.
    pub latency: Latency,
}

/// Whether a chain signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainState {
    /// It signs what the guard allows.
    Ready,
    /// It has no past and lets heights pass.
    Waiting,
    /// It signs nothing until a restart.
    Stopped,
}

/// A consensus key; all of it is public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// `ed25519` or `secp256k1`.
    pub algorithm: String,
    /// As `key_format` wants it.
    pub public_key: String,
    /// The address by which nodes know the validator, in hexadecimal.
    pub address: String,
    /// Who holds the key: `softsign`.
    pub provider: String,
}

/// The last place that was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSigned {
    /// The height.
    pub height: i64,
    /// The round.
    pub round: i32,
    /// The step: 0 proposal, 1 prevote, 2 precommit.
    pub step: u8,
    /// How long ago; `None` where it was before this process started.
    pub age_s: Option<u64>,
}

/// How many signatures were given since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signatures {
    /// Of proposals, each counted once.
    pub proposals: u64,
    /// Of prevotes, each counted once.
    pub prevotes: u64,
    /// Of precommits, each counted once.
    pub precommits: u64,
    /// The same once more, because a node asked again.
    pub repeated: u64,
    /// Of raw bytes.
    pub raw_bytes: u64,
}

/// Refusals of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// The kind.
    pub cause: String,
    /// How many.
    pub count: u64,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRefusal {
    /// Its kind.
    pub cause: String,
    /// In words. What the node sent may be in it, without control characters.
    pub text: String,
    /// How long ago.
    pub age_s: u64,
}

/// How long each stage took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Reading the request.
    pub decode: Percentiles,
    /// Judging it and making the mark durable, the wait for another node's request included.
    pub commit: Percentiles,
    /// Signing.
    pub sign: Percentiles,
    /// Writing the answer to the connection.
    pub write: Percentiles,
    /// From the whole request to the written answer.
    pub total: Percentiles,
}

/// Percentiles, rounded up by a sixteenth at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Of how many.
    pub count: u64,
    /// The median, in nanoseconds.
    pub p50_ns: u64,
    /// What 99 of 100 stay at or below.
    pub p99_ns: u64,
    /// The longest, exactly.
    pub max_ns: u64,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// How often it was dialled since it was connected last.
    pub tries: u64,
    /// The name of the tunnel that the last connection was inside of.
    #[serde(default)]
    pub tunnel: Option<String>,
    /// What went wrong last, also when it is mended.
    pub trouble: Option<Trouble>,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It stands.
    Connected,
    /// It is being made.
    Dialling,
    /// It will be tried again in a moment.
    Waiting,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What came from it, in bytes on the outside.
    pub rx_bytes: u64,
    /// What was sent to it.
    pub tx_bytes: u64,
    /// The largest packet that fits to it, in bytes on the inside.
    pub mtu: Option<u16>,
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
        if chains.iter().any(|chain| chain.state != ChainState::Ready) {
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
            key: Key::default(),
            state,
            why: None,
            last_signed: None,
            signatures: Signatures::default(),
            refusals: Vec::new(),
            last_refusal: None,
            latency: Latency::default(),
        }
    }

    fn node(chain: &str, state: NodeState) -> Node {
        Node {
            chain: chain.to_owned(),
            address: "tcp://node:26659".to_owned(),
            protocol_version: None,
            contradicted: None,
            state,
            for_s: 0,
            tries: 0,
            tunnel: None,
            trouble: None,
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
