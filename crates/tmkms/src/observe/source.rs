//! Where the status comes from: the records of chains and nodes, and the tunnels.

use std::fmt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::document::{Document, FORMAT, Forward, Tunnel, Verdict};
use super::link::NodeName;
use super::moment::Moment;
use super::process::Process;
use crate::date::utc_date;
use crate::service::Roster;
use crate::session::Node;

/// Tells of a tunnel; must not block.
pub type TunnelSource = Box<dyn Fn() -> Tunnel + Send + Sync>;

/// Tells of a gateway's ports; must not block.
pub type ForwardSource = Box<dyn Fn() -> Vec<Forward> + Send + Sync>;

/// All that a process tells of.
pub struct Source {
    started: Moment,
    process: Option<Process>,
    roster: Roster,
    tunnels: Vec<TunnelSource>,
    forwards: Option<ForwardSource>,
}

impl Default for Source {
    /// A process that signs nothing, started now.
    fn default() -> Self {
        Self {
            started: Moment::now(),
            process: Process::open(),
            roster: Roster::default(),
            tunnels: Vec::new(),
            forwards: None,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl Source {
    /// A signer for these nodes, started now. To be made before the sandbox goes on: it opens what
    /// the system tells of the process.
    #[must_use]
    pub fn of(roster: Roster) -> Self {
        Self {
            roster,
            ..Self::default()
        }
    }

    /// Tells of a tunnel too.
    pub fn add_tunnel(&mut self, tunnel: TunnelSource) {
        self.tunnels.push(tunnel);
    }

    /// Tells of a gateway's ports too.
    pub fn set_forwards(&mut self, forwards: ForwardSource) {
        self.forwards = Some(forwards);
    }

    /// What there is to tell now.
    #[must_use]
    pub fn document(&self) -> Document {
        let now = Instant::now();
        let chains: Vec<_> = self
            .roster
            .chains()
            .iter()
            .map(|chain| chain.record().document(chain.id().as_str(), now))
            .collect();
        let nodes: Vec<_> = self
            .roster
            .nodes()
            .iter()
            .map(|node| node.record.document(&name(node), now))
            .collect();
        Document {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            time: utc(SystemTime::now()),
            started: utc(self.started.wall()),
            started_unix_ms: self.started.unix_ms(),
            uptime_s: self.started.age_s(now),
            verdict: Verdict::of(&chains, &nodes),
            chains,
            nodes,
            tunnels: self.tunnels.iter().map(|tunnel| tunnel()).collect(),
            forwards: self.forwards.as_ref().map_or_else(Vec::new, |all| all()),
            process: self.process.as_ref().and_then(Process::document),
        }
    }
}

fn name(node: &Node) -> NodeName {
    NodeName {
        chain: node.chain.id().to_string(),
        address: node.address.to_string(),
        protocol_version: node.protocol_version.map(|version| version.to_string()),
    }
}

/// RFC 3339, to the second.
fn utc(time: SystemTime) -> String {
    const DAY: u64 = 86_400;
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let (day, second) = (seconds / DAY, seconds % DAY);
    format!(
        "{}T{:02}:{:02}:{:02}Z",
        utc_date(day),
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}
